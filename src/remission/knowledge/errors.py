"""The one error that is shown to people: what is wrong, where, and what would be right."""

from __future__ import annotations

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
        return type(self), (self.message, self.file, self.line, self.column, self.remedy)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was probably meant to be, or None: it is a slip of the pen away (in any case of
    letters), counted in letters put in, left out, changed or swapped with their neighbour; or it is its beginning."""
    low = word.lower()
    if not low or len(low) > 80:
        return None
    from rapidfuzz.distance import OSA  # its modules are many, and most starts make no mistake

    by_lower = {k.lower(): k for k in known}
    best = min(((OSA.distance(low, name), name) for name in by_lower), default=None)
    if best is not None and best[0] <= _slips(max(len(low), len(best[1]))):
        return by_lower[best[1]]
    slips = _slips(len(low)) if len(low) >= 5 else 0
    begun = [name for name in by_lower if len(low) >= 3 and OSA.distance(low, name[: len(low) + slips]) <= slips]
    return by_lower[begun[0]] if len(begun) == 1 else None


def _slips(letters: int) -> int:
    """How many slips a word of that length may hold and still be known again."""
    return 0 if letters < 3 else 1 if letters < 7 else 2 if letters < 13 else 3


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else text + "."
