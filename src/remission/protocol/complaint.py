"""Problems and doubts with a place: what is wrong, at which word, what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol as Shape

from ..knowledge.errors import BadInput, nearest
from .model import Place
from .vocabulary import UNITS, other_names


class Written(Shape):
    """Anything of model.py that keeps its sentence."""

    @property
    def place(self) -> Place | None: ...

    @property
    def text(self) -> str: ...


class Doubt(BadInput):
    """What can be played and is probably not what was meant: ``remission check`` tells it, nothing refuses it."""


def bad(place: Place | None, message: str, remedy: str | None = None) -> BadInput:
    """A problem at a place that may not be known."""
    if place is None:
        return BadInput(message, remedy=remedy)
    return BadInput(message, place.file or None, place.line, place.column, remedy)


def doubt(place: Place | None, message: str, remedy: str | None = None) -> Doubt:
    """A doubt at a place that may not be known."""
    if place is None:
        return Doubt(message, remedy=remedy)
    return Doubt(message, place.file or None, place.line, place.column, remedy)


def at_word(item: Written, word: str) -> Place | None:
    """Where a word (or another name of an agent) stands in the sentence of an item; its first letter when it is not
    found."""
    if item.place is None:
        return None
    spelled = map(re.escape, (word, *other_names(word)))
    found = re.search(rf"(?<![\w.])(?:{'|'.join(spelled)})(?![\w])", item.text, re.IGNORECASE)
    before = item.text[: found.start()] if found else ""
    row = before.count("\n")
    column = len(before) - before.rfind("\n") if row else item.place.column + len(before)
    return Place(item.place.file, item.place.line + row, column)


def unit_meant(word: str) -> str | None:
    """The unit that ``word`` was meant to be. Its amount must be right, or the hint would be wrong by a thousand: mg/m
    is mg/m2, but ng/m2 is neither mg/m2 nor ug/m2."""
    amount, slash, per = word.lower().partition("/")
    same = {unit.partition("/")[2]: unit for unit in UNITS if unit.lower().partition("/")[0] == amount}
    return next((unit for known, unit in same.items() if slash and known and known[:1] == per[:1]), None)


def unknown(what: str, word: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and remedy for a name that is not known."""
    names = sorted(known) if isinstance(known, set | frozenset) else list(known)  # a set has another order every day
    near = nearest(word, names)
    return f"unknown {what} '{word}'", f"Did you mean '{near}'?" if near else f"Known are: {', '.join(names) or 'none'}"
