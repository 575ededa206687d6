"""The one way in for files of other people: whatever they hold is read in bounded memory, or refused with its place."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from remission.knowledge.errors import BadInput, nearest
from remission.knowledge.yaml_file import STANDARD_INPUT, checked, text_of

MOST_BYTES = 50_000_000  # of a file
MOST_ROWS = 500_000  # of a table: 20 MB of event lines
MOST_COLUMNS = 500
MOST_LETTERS = 10_000  # of a cell
MOST_MARKS = 3_000_000  # names, values, commas and brackets of a JSON file
JSON_DEPTH = 60
HEAD_BYTES = 20_000
EMPTY = ("", ".", "NA", "N/A", "NaN", "nan", "null", "None")  # what stands for nothing in tables of this field

_PACKED = {  # first bytes of what is no text: every format that is read here is text
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"7z\xbc\xaf": "a 7z archive",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


@dataclass(frozen=True)
class Head:
    """How a file begins, by which a format knows it."""

    path: Path
    text: str  # up to 20,000 letters

    @property
    def columns(self) -> frozenset[str]:
        """The names of the columns in small letters, as if it were a table."""
        return frozenset(name.lower() for name in _cells(_first_line(self.text)))

    @property
    def is_json(self) -> bool:
        return self.text.lstrip()[:1] == "{"

    def says(self, key: str, value: str) -> bool:
        """Whether JSON begins with this key and value, somewhere."""
        return self.is_json and re.search(rf'"{re.escape(key)}"\s*:\s*"{re.escape(value)}"', self.text) is not None


def head(path: Path) -> Head:
    """How a file begins. Raises `BadInput` for one that cannot be opened or is no text."""
    if path == STANDARD_INPUT:
        return Head(path, text(path)[:HEAD_BYTES])
    _look_at(path)
    with path.open("rb") as file:
        raw = file.read(HEAD_BYTES)
    return Head(path, raw.decode("utf-8-sig", errors="ignore").replace("\r\n", "\n").replace("\r", "\n"))


def text(path: Path, most: int = MOST_BYTES) -> str:
    """The text of a file, UTF-8, without NULs and other characters that are no text."""
    if path != STANDARD_INPUT:
        _look_at(path)
    return text_of(path, most)


def _look_at(path: Path) -> None:
    """Refuse what is no file, and what is packed or binary: it is not unpacked, however small it seems."""
    try:
        if path.is_dir():
            raise BadInput("this is a folder", path, remedy="Name a file in it")
        if path.exists() and not path.is_file():
            raise BadInput("this is no file", path, remedy="Name a file; - is standard input")
        with path.open("rb") as file:
            first = file.read(8)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        shown = path if "\0" not in str(path) else None
        raise BadInput(f"the file cannot be read: {why}", shown, remedy="Check the path") from error
    for begins, what in _PACKED.items():
        if first.startswith(begins):
            remedy = "Save it as UTF-8" if "UTF" in what else "Take the text file out of it, or save it as text"
            raise BadInput(f"this is {what}", path, 1, remedy=remedy)


# --- JSON --------------------------------------------------------------------------------------


def json_of(path: Path, most: int = MOST_BYTES) -> Any:
    """The content of a JSON file: its depth and size are counted before it is read; no key twice, no number that
    cannot be reckoned with."""
    content = text(path, most)
    _count(content, path)
    if half := _HALF.search(content):
        line = content.count("\n", 0, half.start()) + 1
        raise BadInput(f"half a character ({half[0][:6]})", path, line, remedy="Take it out")
    try:
        return json.loads(
            content, object_pairs_hook=_once, parse_int=_whole, parse_float=_real, parse_constant=_no_number
        )
    except json.JSONDecodeError as error:
        raise BadInput(f"this is no JSON: {error.msg.lower()}", path, error.lineno, error.colno, "Check it") from error
    except _Refused as error:
        raise BadInput(str(error), path, remedy="Correct it") from error


class _Refused(ValueError):
    pass


_MARKS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[][{},]', re.DOTALL)
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = re.compile(f"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")  # of a pair of surrogates


def _count(content: str, path: Path) -> None:
    depth = nodes = 0
    for mark in _MARKS.finditer(content):
        sign = mark[0][:1]
        nodes += 1
        if sign in "[{":
            depth += 1
            if depth > JSON_DEPTH:
                line = content.count("\n", 0, mark.start()) + 1
                raise BadInput(
                    f"lists and objects lie more than {JSON_DEPTH} deep", path, line, remedy="Is it the one?"
                )
        elif sign in "]}":
            depth -= 1
        if nodes > MOST_MARKS:
            raise BadInput(
                f"the file holds more than {MOST_MARKS:,} names, values and brackets", path, remedy="Split it"
            )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Refused(f"the key '{_short(next(n for n in names if names.count(n) > 1))}' is written twice")
    return made


def _whole(digits: str) -> int:
    if len(digits) > 300:
        _no_number(digits)
    return int(digits)


def _real(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        _no_number(digits)
    return number


def _no_number(digits: str) -> NoReturn:
    raise _Refused(f"{_short(digits)} is no number to reckon with")


# --- tables ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A line of a table: its number in the file, and its cells by the name of the column in small letters; what stands
    for nothing (empty, ``.``, ``NA``) is not there."""

    path: Path
    line: int
    cells: dict[str, str]

    def word(self, name: str) -> str | None:
        return self.cells.get(name)

    def number(self, name: str, low: float = -math.inf, high: float = math.inf, unit: str = "") -> float | None:
        """The number of a cell, None where there is none; `BadInput` for what is none, or not within the limits."""
        said = self.cells.get(name)
        if said is None:
            return None
        try:
            value = float(said)
        except ValueError:
            remedy = "Write it with a point" if "," in said else "Write a number, or leave it empty"
            raise self.wrong(f"{name} is '{_short(said)}', not a number", remedy) from None
        if not (math.isfinite(value) and low <= value <= high):
            within = f"{low:g} to {high:g}" if math.isfinite(high) else f"{low:g} or more"
            within = within if math.isfinite(low) else "a number to reckon with"
            raise self.wrong(f"{name} is {_short(said)}", f"Expected {within}{f' ({unit})' if unit else ''}")
        return value

    def whole(self, name: str, low: int = 0, high: int = 10**9) -> int | None:
        value = self.number(name, low, high)
        if value is not None and value != int(value):
            raise self.wrong(f"{name} is {value:g}", "Write a whole number")
        return None if value is None else int(value)

    def wrong(self, what: str, remedy: str) -> BadInput:
        return BadInput(what, self.path, self.line, remedy=remedy)


def rows(path: Path, known: frozenset[str], needed: tuple[str, ...] = ()) -> Iterator[Row]:
    """The lines of a table with comma, semicolon, tab or blanks between its cells; its first line names the columns.

    Columns that are not ``known`` are passed over; one that is ``needed`` and is not there is refused, as is a line of
    more or fewer cells than columns.
    """
    return rows_of(text(path), path, known, needed)


def names_of(content: str) -> list[str]:
    """The names of the columns of such a table, in small letters."""
    return [name.lower() for name in _cells(_first_line(content))]


def rows_of(content: str, path: Path, known: frozenset[str], needed: tuple[str, ...] = ()) -> Iterator[Row]:
    """`rows` of a text that was read; ``path`` names it in messages."""
    checked(content, path, MOST_BYTES)
    first = _first_line(content)
    names = [name.lower() for name in _cells(first)]
    if len(names) > MOST_COLUMNS:
        raise BadInput(f"there are more than {MOST_COLUMNS} columns", path, 1, remedy="Is it the right file?")
    if twice := [name for i, name in enumerate(names) if name in known and name in names[:i]]:
        raise BadInput(f"the column '{_short(twice[0])}' is there twice", path, 1, remedy="Take one of them out")
    for name in needed:
        if name not in names:
            near = nearest(name, [_short(other) for other in names])
            remedy = f"Is it '{near}'?" if near else "The first line names the columns"
            raise BadInput(f"there is no column '{name}'", path, 1, remedy=remedy)
    begun = content.index(first) + len(first)
    lines_before = content.count("\n", 0, begun)
    separator = _separator(first)
    cut: Iterator[tuple[int, list[str]]]
    body = io.StringIO(content[begun:].removeprefix("\n"))
    if separator is None:
        cut = ((number, line.split()) for number, line in enumerate(body, 1))
    else:
        cut = _csv_rows(csv.reader(body, delimiter=separator, strict=True), path, lines_before + 1)
    found = 0
    for number, cells in cut:
        line = lines_before + 1 + number
        if not any(cell.strip() for cell in cells):
            continue
        found += 1
        if found > MOST_ROWS:
            raise BadInput(f"there are more than {MOST_ROWS:,} rows", path, line, remedy="Split the file")
        if len(cells) != len(names):
            what = f"{len(cells)} cells below {len(names)} names"
            raise BadInput(what, path, line, remedy="Give each column one cell, empty where nothing is known")
        kept = {}
        for name, cell in zip(names, cells, strict=True):
            if name in known and (said := cell.strip()) not in EMPTY:
                if len(said) > MOST_LETTERS:
                    raise BadInput(f"a cell of more than {MOST_LETTERS:,} letters", path, line, remedy="Shorten it")
                kept[name] = said
        yield Row(path, line, kept)


def _csv_rows(reader: Any, path: Path, before: int) -> Iterator[tuple[int, list[str]]]:
    last = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = before + reader.line_num
            raise BadInput(
                f"this is no table: {error}", path, line, remedy="Check the quotes, save it as CSV"
            ) from error
        yield last + 1, cells
        last = reader.line_num


def _first_line(content: str) -> str:
    """The line with the names of the columns: the first that is not empty."""
    return next((line for line in content.split("\n", 50) if line.strip()), "").split("\n")[0]


def _separator(line: str) -> str | None:
    """What stands between cells; None for blanks."""
    counts = {sign: line.count(sign) for sign in (",", ";", "\t")}
    best = max(counts, key=lambda sign: counts[sign])
    return best if counts[best] else None


def _cells(line: str) -> list[str]:
    separator = _separator(line)
    try:
        cells = line.split() if separator is None else next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []
    return [cell.strip().lstrip("#").strip() for cell in cells]


def _short(said: str) -> str:
    return said if len(said) <= 40 else said[:40] + "..."
