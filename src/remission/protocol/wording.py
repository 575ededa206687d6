"""Conditions and sentences as a reader of a printed plan meets them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import assert_never

from .model import (
    Action,
    Adjust,
    And,
    Compare,
    Condition,
    Defined,
    Hold,
    Limit,
    MakeUp,
    Miss,
    Not,
    Omit,
    Or,
    Repeat,
    Rescue,
    Start,
    Stop,
    Streak,
    Transfuse,
    Wait,
)
from .vocabulary import COUNTS, EVER, FRACTIONS, PERSON, SHARES, STATES, VALUES

_NAMES = {
    "crs": "CRS grade",
    "neurotoxicity": "neurotoxicity grade",
    "igg": "IgG",
    "ph": "Philadelphia chromosome",
    "anc": "ANC",
    "wbc": "WBC",
    "tpmt": "TPMT",
    "nudt15": "NUDT15",
    "cns": "CNS",
    "bsa": "BSA",
    "t315i": "T315I",
    "gvhd": "acute GVHD grade",
    "chronic_gvhd": "chronic GVHD grade",
    "vod": "VOD grade",
    "b cells": "B cells",
    "product": "the CAR T-cell product",
    "diagnosis wbc": "WBC at diagnosis",
}
_KNOWN = (*COUNTS, *FRACTIONS, *SHARES, *STATES, *PERSON, *VALUES)  # all else that is compared is a side effect
_UNITS = {"b cells": "/uL", "igg": " g/L", "haemoglobin": " g/dL", "blood blasts": "/uL", "age": " years"}
_OPS = {"<=": "at most", ">=": "at least", "<": "below", ">": "above", "=": "is", "!=": "is not"}


def condition_in_words(condition: Condition | None) -> str:
    """``ANC at least 0.75 and platelets at least 75``. Counts are in 10^9/L, haemoglobin in g/dL."""
    match condition:
        case None:
            return ""
        case Not(item):
            return f"not ({condition_in_words(item)})"
        case Defined(name, op, value):
            return f"{name} {_OPS[op]} {value}"
        case And(items):
            return " and ".join(_inner(item) for item in items)
        case Or(items):
            return " or ".join(_inner(item) for item in items)
        case Compare(name, op, value, unit):
            return f"{in_words(name)} {_OPS[op]} {_value(name, value, unit)}"
    raise TypeError(f"no condition: {condition!r}")


def in_words(name: str) -> str:
    """The name of something compared, as it is printed: ANC, platelets, asparaginase allergy grade."""
    if name.startswith("level:"):
        return f"{name.removeprefix('level:').replace('_', ' ')} level"
    plain = name.removesuffix(EVER)
    if plain in _NAMES or plain in _KNOWN:
        called = _NAMES.get(plain, plain)
    else:
        called = plain.replace("_", " ") + " grade"
    return f"highest {called} so far" if name.endswith(EVER) else called


def change_in_words(action: Action) -> str:
    """What a rule does to a dose and when, without naming the dose; '' for rules that change none."""
    match action:
        case Hold(_, when, end, _, streak):
            return f"held if {condition_in_words(when)}, until {condition_in_words(end)}{_lasting(streak)}"
        case MakeUp():
            return "held days are made up"
        case Omit(_, when):
            return f"not given if {condition_in_words(when)}"
        case Miss(_, fraction, when):
            share = f"{100 * fraction:.4g}% of doses missed by chance"
            return share if when is None else f"{share} if {condition_in_words(when)}"
        case Stop(_, when, streak):
            return f"stopped for good if {condition_in_words(when)}{_lasting(streak)}"
        case Limit(_, fraction, when):
            return f"{fraction:.0%} while {condition_in_words(when)}"
        case Repeat(_, when):
            return f"no rise if {condition_in_words(when)}"
        case Adjust(_, factor, when, streak, at_most):
            top = f", to at most {at_most:.0%}" if at_most else ""
            verb = f"raised by {factor - 1:.0%}" if factor > 1 else f"lowered by {1 - factor:.0%}"
            return f"{verb} if {condition_in_words(when)}{_lasting(streak)}{top}"
        case Start() | Wait() | Rescue() | Transfuse():
            return ""
        case _:
            assert_never(action)


def _lasting(streak: Streak) -> str:
    days = f" for {streak.days} days" if streak.days else ""
    return days + (f" at {streak.visits} visits" if streak.visits > 1 else "")


def runs(days: Sequence[int]) -> list[tuple[int, int]]:
    """Days in a row as first and last: 2-7, 9-28 of [2, ..., 7, 9, ..., 28]."""
    found = [[day for _, day in mine] for _, mine in groupby(enumerate(sorted(set(days))), lambda x: x[1] - x[0])]
    return [(mine[0], mine[-1]) for mine in found]


def sentence(text: str) -> str:
    """A sentence of the protocol without the bracket that names its sources."""
    head, bracket, _ = text.rstrip().rpartition(" [")
    return head.strip() if bracket and text.rstrip().endswith("]") else text.strip()


def _value(name: str, value: float | str, unit: str | None) -> str:
    if isinstance(value, str):
        return value.replace("_", " ")
    if name in (*FRACTIONS, *SHARES):
        return f"{value * 100:.4g}%"
    return f"{value:g}{' ' + unit.replace('uM', 'umol/L') if unit else _UNITS.get(name, '')}"


def _inner(condition: Condition) -> str:
    words = condition_in_words(condition)
    return f"({words})" if isinstance(condition, And | Or) else words
