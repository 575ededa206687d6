"""The one error that is shown to people: what is wrong, where, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class BadInput(Exception):
    """Something a person wrote cannot be used.

    ``str()`` reads "file:line:column: what is wrong. What would be right."; parts that are
    unknown are left out. Lines and columns count from 1.
    """

    def __init__(
        self,
        message: str,
        file: str | Path | None = None,
        line: int | None = None,
        column: int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message = message.strip()
        self.file = str(file) if file is not None else None
        self.line = line
        self.column = column
        self.remedy = remedy.strip() if remedy else None
        super().__init__(self.message)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        if self.file is None and place:
            place = "line " + place
        sentences = " ".join(_sentence(text) for text in (self.message, self.remedy) if text)
        return f"{place}: {sentences}" if place else sentences

    def __reduce__(self) -> tuple[type[BadInput], tuple[str, str | None, int | None, int | None, str | None]]:
        return BadInput, (self.message, self.file, self.line, self.column, self.remedy)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like ``word`` (ignoring case), or None when nothing is near."""
    by_lower = {k.lower(): k for k in known}
    hit = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[hit[0]] if hit else None


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else text + "."
