"""A table of one's own patients: CSV or Parquet, one row a patient, columns named as those of `Cohort`.

What a row does not say (an empty cell, a column that is not there) is drawn as among such patients of a population.
Words stand as words. A column ``id`` may name the patients; it is not read. Patient i of a cohort is row i, from the
first one again after the last.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from remission.knowledge.errors import BadInput, nearest
from remission.knowledge.yaml_file import text_of

from .cohort import ANCESTRY, SENSITIVITIES, WORDS, Floats, Ints
from .ranges import RANGES

KINDS = (".csv", ".parquet")
MOST_ROWS = 1_000_000
MOST_BYTES = 200_000_000
YES = {"1": 1.0, "yes": 1.0, "true": 1.0, "0": 0.0, "no": 0.0, "false": 0.0}
YES_OR_NO = ("down", "testes", "relapsed", "prior_transplant")
NUMBERS = tuple(name for name in RANGES if name not in ("patient", "bsa_m2"))
CLASSES = tuple(f"sensitivity_{name}" for name in SENSITIVITIES)
KNOWN = (*NUMBERS, *WORDS, "ancestry", "subtype", "cns", *YES_OR_NO, *CLASSES)


@dataclass(frozen=True)
class Rows:
    """Columns of numbers, nan where a row says nothing; words as indices. ``lines``: of the file, from 1."""

    file: Path
    lines: tuple[int, ...]
    values: Mapping[str, Floats]
    digest: str

    def __len__(self) -> int:
        return len(self.lines)

    def of(self, name: str, patients: Ints, drawn: Floats) -> Floats:
        """The column for patients by their number; what was drawn where the rows say nothing."""
        if name not in self.values:
            return drawn
        said = self.values[name][patients % len(self)]
        return np.where(np.isnan(said), drawn, np.nan_to_num(said)).astype(drawn.dtype)

    def misfit(self, patient: int) -> BadInput:
        """What is said of a row whom the protocol is not for, or nobody of the population is like."""
        line = self.lines[patient % len(self)]
        remedy = "Take the line out, or choose a protocol that is for this patient"
        return BadInput("the protocol is not for the patient of this line", self.file, line, remedy=remedy)


def is_table(name: str | Path) -> bool:
    """Is this the name of a file with patients, rather than of a population?"""
    return Path(name).suffix.lower() in KINDS


def read_rows(file: Path, subtypes: Sequence[str], b_subtypes: int, ancestries: Sequence[str] = ANCESTRY) -> Rows:
    """The table; ``subtypes``, ``ancestries``: the names that the population knows, of the first the first
    ``b_subtypes`` of lineage B.

    Raises ``BadInput`` with file and line for the first thing in it that cannot be.
    """
    text = file.suffix.lower() == ".csv"
    names, cells, lines, digest = _csv(file) if text else _parquet(file)
    for name in names:
        if name not in KNOWN and name != "id":
            near = nearest(name, KNOWN)
            remedy = f"Did you mean '{near}'?" if near else f"Known: id, {', '.join(KNOWN)}"
            raise BadInput(f"there is no column '{name}'", file, 1, remedy=remedy)
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise BadInput(f"the column '{twice[0]}' is there twice", file, 1, remedy="Take one of them out")
    if not cells:
        raise BadInput("the table has no patients", file, remedy="Write one row a patient below the names")
    if len(cells) > MOST_ROWS:
        raise BadInput(f"the table has more than {MOST_ROWS:,} patients", file, remedy="Split it")
    facts = (_facts(names, row, file, line) for line, row in zip(lines, cells, strict=True))
    columns = [name for name in names if name != "id"]
    return Rows(file, tuple(lines), _values(facts, columns, file, lines, subtypes, b_subtypes, ancestries), digest)


def _facts(names: Sequence[str], row: Sequence[Any], file: Path, line: int) -> dict[str, Any]:
    if len(row) != len(names):
        what = f"{len(row)} cells below {len(names)} names"
        raise BadInput(what, file, line, remedy="Give each column one cell, empty where nothing is known")
    return {name: cell for name, cell in zip(names, row, strict=True) if name != "id"}


def rows_of(
    facts: Sequence[Mapping[str, str | float]],
    file: Path,
    lines: Sequence[int],
    subtypes: Sequence[str],
    b_subtypes: int,
    ancestries: Sequence[str],
    digest: str,
) -> Rows:
    """The same of facts that stand in another table; what is not among them is drawn."""
    columns = list(dict.fromkeys(name for row in facts for name in row))
    return Rows(file, tuple(lines), _values(facts, columns, file, lines, subtypes, b_subtypes, ancestries), digest)


def _values(
    facts: Iterable[Mapping[str, str | float]],
    columns: Sequence[str],
    file: Path,
    lines: Sequence[int],
    subtypes: Sequence[str],
    b_subtypes: int,
    ancestries: Sequence[str],
) -> dict[str, Floats]:
    """Each column as numbers, nan where nothing is said; the first row in which something cannot be is refused."""
    words = {**WORDS, "ancestry": ancestries, "subtype": subtypes, "cns": ("1", "2", "3")}
    values = {name: np.full(len(lines), np.nan) for name in columns}
    for i, (row, line) in enumerate(zip(facts, lines, strict=True)):
        for name, cell in row.items():
            if (said := _said(name, cell, words, file, line)) is not None:
                values[name][i] = said
        _together({name: column[i] for name, column in values.items()}, subtypes, b_subtypes, file, line)
    return values


def _csv(file: Path) -> tuple[list[str], list[list[Any]], list[int], str]:
    text = text_of(file, MOST_BYTES)
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    names: list[str] = []
    cells: list[list[Any]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not names:
                names = [cell.strip() for cell in row]
                continue
            cells.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise BadInput(f"this is no CSV ({error})", file, reader.line_num, remedy="Save it as CSV, UTF-8") from error
    return names, cells, lines, hashlib.sha256(text.encode()).hexdigest()


def _parquet(file: Path) -> tuple[list[str], list[list[Any]], list[int], str]:
    import polars as pl

    try:
        raw = file.read_bytes()
        table = pl.read_parquet(io.BytesIO(raw))
    except OSError as error:
        raise BadInput(f"the file cannot be read: {error.strerror}", file, remedy="Check the path") from error
    except Exception as error:  # whatever a reader says of bytes that are no Parquet
        raise BadInput("this is no Parquet file", file, remedy="Write it with pandas, polars or R's arrow") from error
    cells = [list(row) for row in table.iter_rows()]
    return table.columns, cells, list(range(2, len(cells) + 2)), hashlib.sha256(raw).hexdigest()


def _said(name: str, cell: Any, words: Mapping[str, Sequence[str]], file: Path, line: int) -> float | None:
    """One cell as a number, None where it is empty."""
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return None
    text = str(cell).strip()
    if text == "":
        return None
    if name in words:
        plain = {word.lower(): i for i, word in enumerate(words[name])}
        short = {"f": "female", "m": "male"}.get(text.lower(), text.lower()) if name == "sex" else text.lower()
        short = short.removesuffix(".0") if name == "cns" else short
        if short not in plain:
            near = nearest(text, words[name])
            remedy = f"Did you mean '{near}'?" if near else f"Write one of: {', '.join(words[name])}"
            raise BadInput(f"{name} is '{text}'", file, line, remedy=remedy)
        return plain[short] + (1.0 if name == "cns" else 0.0)
    if name in YES_OR_NO:
        if (answer := YES.get(text.lower().removesuffix(".0"))) is None:
            raise BadInput(f"{name} is '{text}'", file, line, remedy="Write 1 or 0, yes or no")
        return answer
    low, high, unit = RANGES.get(name, (0.0, 100.0, "1 is typical"))
    try:
        number = float(text)
    except ValueError:
        remedy = f"Give it in {unit}" + (", with a point" if "," in text else "")
        raise BadInput(f"{name} is '{text}', not a number", file, line, remedy=remedy) from None
    if not low <= number <= high:  # also catches nan
        raise BadInput(f"{name} is {text}", file, line, remedy=f"Expected {low:g} to {high:g} ({unit})")
    return number


def _together(row: dict[str, float], subtypes: Sequence[str], b_subtypes: int, file: Path, line: int) -> None:
    """What single cells cannot show."""

    def both(a: str, b: str) -> bool:
        return not (np.isnan(row.get(a, np.nan)) or np.isnan(row.get(b, np.nan)))

    if both("subtype", "lineage") and (row["subtype"] >= b_subtypes) != (row["lineage"] == 1):
        name = subtypes[int(row["subtype"])]
        raise BadInput(f"{name} is not of that lineage", file, line, remedy="Leave the lineage out, or correct it")
    for part, what in (("blood_blasts", "blasts"), ("anc", "neutrophils")):
        if both(part, "wbc") and row[part] > row["wbc"]:
            number = f"{row[part]:g} {what} among {row['wbc']:g} white cells"
            raise BadInput(number, file, line, remedy="They are a part of the white count")
    if both("testes", "sex") and row["testes"] == 1 and row["sex"] == 0:
        raise BadInput("a girl or woman with leukaemia in a testis", file, line, remedy="Correct sex or testes")
