"""A figure: a finding, its picture, one sentence that reads it, its numbers, and how they are known."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Literal

from .svg.chart import Phase
from .svg.standalone import standalone

Kind = Literal["published", "calibrated", "predicted", "assumed"]
Cell = str | float


@dataclass(frozen=True)
class Known:
    """How the numbers of a figure are known. ``text`` says it in a sentence; ``sources`` are keys of sources.yaml."""

    kind: Kind
    text: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """The numbers of a figure. Units stand in the headings; numbers are floats, written as the language does."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str

    def __post_init__(self) -> None:
        if wrong := next((row for row in self.rows if len(row) != len(self.columns)), None):
            raise ValueError(f"{len(self.columns)} columns, but a row of {len(wrong)}: {wrong}")


@dataclass(frozen=True)
class Figure:
    """What `templates/parts/figure.html` shows. ``id`` is unique on its page and stands in the addresses of its files
    (``<page>/figure/<id>.csv``, ``.svg``, ``.json``); ``finding`` is the heading, a sentence that says what is seen;
    ``about`` says whom the numbers are about: how many, of what age, over what time."""

    id: str
    finding: str
    svg: str
    reading: str
    table: Table
    known: Known
    about: str
    phases: tuple[Phase, ...] = ()  # whose colours are named below the picture

    def as_csv(self) -> str:
        """The table; what it is about and how it is known in lines with # before it."""
        out = io.StringIO()
        for line in (self.finding, self.about, f"{self.known.kind}: {self.known.text}", *self.known.sources):
            out.write(f"# {' '.join(line.split())}\n")
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(self.table.columns)
        rows.writerows(self.table.rows)
        return out.getvalue()

    def as_svg(self) -> str:
        """The picture as a file of its own."""
        return standalone(self.svg, self.finding)

    def as_json(self) -> str:
        """All but the picture."""
        known = {"kind": self.known.kind, "text": self.known.text, "sources": self.known.sources}
        return json.dumps(
            {
                "id": self.id,
                "finding": self.finding,
                "reading": self.reading,
                "about": self.about,
                "known": known,
                "columns": self.table.columns,
                "rows": self.table.rows,
            },
            ensure_ascii=False,
            indent=1,
        )
