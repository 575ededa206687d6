"""Problems with a place: what is wrong, at which word, what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol as Shape

from ..knowledge.errors import BadInput, nearest
from .model import Place


class Written(Shape):
    """Anything of model.py that keeps its sentence."""

    @property
    def place(self) -> Place | None: ...

    @property
    def text(self) -> str: ...


def bad(place: Place | None, message: str, remedy: str | None = None) -> BadInput:
    """A problem at a place that may not be known."""
    if place is None:
        return BadInput(message, remedy=remedy)
    return BadInput(message, place.file or None, place.line, place.column, remedy)


def at_word(item: Written, word: str) -> Place | None:
    """Where a word stands in the sentence of an item; its first letter when the word is not found."""
    if item.place is None:
        return None
    found = re.search(rf"(?<![\w.]){re.escape(word)}(?![\w])", item.text, re.IGNORECASE)
    before = item.text[: found.start()] if found else ""
    row = before.count("\n")
    column = len(before) - before.rfind("\n") if row else item.place.column + len(before)
    return Place(item.place.file, item.place.line + row, column)


def unknown(what: str, word: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and remedy for a name that is not known."""
    names = list(known)
    near = nearest(word, names)
    return f"unknown {what} '{word}'", f"Did you mean '{near}'?" if near else f"Known are: {', '.join(names) or 'none'}"
