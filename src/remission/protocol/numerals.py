"""Numbers as sentences write them: the shortest form that reads back as the same."""

from __future__ import annotations

from decimal import Decimal


def number(value: float) -> str:
    """The shortest decimal that reads back as the same number, never with an exponent."""
    text = format(Decimal(repr(float(value))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(fraction: float) -> str:
    """A fraction as a percentage that reads back as the same fraction."""
    text = format(Decimal(repr(float(fraction))) * 100, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "%"


def fraction_words(fraction: float) -> str:
    """``two thirds``, else a percentage."""
    named = {1 / 2: "half", 1 / 3: "one third", 2 / 3: "two thirds", 3 / 4: "three quarters"}
    return named.get(fraction) or percent(fraction)
