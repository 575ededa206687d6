"""Conditions and sentences as a reader of a printed plan meets them."""

from __future__ import annotations

from .model import And, Compare, Condition, Not, Or
from .vocabulary import FRACTIONS, SHARES

_NAMES = {
    "crs": "CRS grade",
    "neurotoxicity": "neurotoxicity grade",
    "igg": "IgG",
    "ph": "BCR::ABL1",
    "anc": "ANC",
    "wbc": "WBC",
    "tpmt": "TPMT",
    "nudt15": "NUDT15",
    "cns": "CNS",
    "bsa": "BSA",
}
_UNITS = {"b cells": "/uL", "igg": " g/L", "haemoglobin": " g/dL", "blood blasts": "/uL", "age": " years"}
_OPS = {"<=": "at most", ">=": "at least", "<": "below", ">": "above", "=": "is", "!=": "is not"}


def condition_in_words(condition: Condition | None) -> str:
    """``ANC at least 0.75 and platelets at least 75``. Counts are in 10^9/L, haemoglobin in g/dL."""
    match condition:
        case None:
            return ""
        case Not(item):
            return f"not ({condition_in_words(item)})"
        case And(items):
            return " and ".join(_inner(item) for item in items)
        case Or(items):
            return " or ".join(_inner(item) for item in items)
        case Compare(name, op, value, unit):
            what = name.removeprefix("level:")
            return f"{in_words(what)} {_OPS[op]} {_value(name, value, unit)}"
    raise TypeError(f"no condition: {condition!r}")


def in_words(name: str) -> str:
    """The name of something compared, as it is printed: ANC, platelets, TPMT."""
    return _NAMES.get(name, name)


def sentence(text: str) -> str:
    """A sentence of the protocol without the bracket that names its sources."""
    head, bracket, _ = text.rstrip().rpartition(" [")
    return head.strip() if bracket and text.rstrip().endswith("]") else text.strip()


def _value(name: str, value: float | str, unit: str | None) -> str:
    if isinstance(value, str):
        return value
    if name in (*FRACTIONS, *SHARES):
        return f"{value * 100:.4g}%"
    return f"{value:g}{' ' + unit.replace('uM', 'umol/L') if unit else _UNITS.get(name, '')}"


def _inner(condition: Condition) -> str:
    words = condition_in_words(condition)
    return f"({words})" if isinstance(condition, And | Or) else words
