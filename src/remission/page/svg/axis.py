"""From numbers to places: a linear or logarithmic axis with its ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..language import _, ngettext, number
from .fit import letters

DAYS_A_MONTH = 365.25 / 12
DESK, PHONE = 620, 250  # pixels that a picture has for its plot
LETTER, SPACE = 5.8, 4  # pixels of a letter of a mark, about; between two marks


@dataclass(frozen=True)
class Tick:
    """A place on an axis and its words; ``minor`` ones are not written where the picture is narrow."""

    at: float
    says: str
    minor: bool = False


@dataclass(frozen=True)
class Axis:
    """From ``low`` to ``high``; with ``log`` in equal steps of ten. ``label`` names the quantity with its unit."""

    low: float
    high: float
    label: str = ""
    ticks: tuple[Tick, ...] = ()
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"an axis goes from a lower to a higher number, not from {self.low} to {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic axis begins above 0, not at {self.low}")

    def share(self, value: float) -> float:
        """How far along the axis a value lies: 0 at ``low``, 1 at ``high``; values outside stay at the edge."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return (value - low) / (high - low)


def linear(low: float, high: float, label: str, ticks: int = 4) -> Axis:
    """An axis with about that many round ticks, stretched to the next round number."""
    step = _round_step((high - low) / max(ticks, 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    at = [round(i * step, 10) for i in range(first, last + 1)]
    return Axis(at[0], at[-1], label, tuple(Tick(v, number(v)) for v in at))


def powers(low: float, high: float, label: str, every: int = 1) -> Axis:
    """A logarithmic axis with a tick at every power of ten (or every second, ...)."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    says = {e: number(10.0**e) if -3 <= e <= 4 else _power(e) for e in range(first, last + 1)}
    ticks = tuple(Tick(10.0**e, words, minor=(e - first) % (2 * every) != 0) for e, words in says.items()
                  if (e - first) % every == 0)  # fmt: skip
    return Axis(10.0**first, 10.0**last, label, ticks, log=True)


def time(first_day: float, last_day: float) -> Axis:
    """Days from the start of treatment, marked as days, weeks, months or years: no more than are read at a glance, and
    than there is room for their words in the reader's language."""
    span = last_day - first_day
    unit, says, counts, most = (
        (1.0, _day, (1, 2, 7), 8) if span <= 21
        else (7.0, _week, (1, 2, 4), 9) if span <= 200
        else (DAYS_A_MONTH, _months, (3, 6, 12, 24, 60), 9)
    )  # fmt: skip
    for count in counts:
        base = math.ceil(first_day) if unit == 1 else 0  # days are counted from the first that is drawn
        first, last = math.ceil((first_day / unit - base) / count), math.floor((last_day / unit - base) / count)
        places = {base + count * i: i % 2 == 1 for i in range(first, last + 1)}
        ticks = tuple(Tick(round(unit * n), says(n), minor) for n, minor in places.items())
        if span / (unit * count) <= most and _have_room(ticks, first_day, span):
            break
    return Axis(first_day, last_day, _("Time since treatment began"), ticks)


def anchor(share: float) -> str:
    """Where the words of a mark stand to it: at the edges inside of the picture."""
    return "start" if share < 0.02 else "end" if share > 0.97 else "middle"


def _have_room(ticks: Sequence[Tick], first_day: float, span: float) -> bool:
    """Whether the words of marks do not run into each other: on a desk those of all, on a phone of every second."""
    every = [((tick.at - first_day) / span, tick.says) for tick in ticks]
    major = [place for place, tick in zip(every, ticks, strict=True) if not tick.minor]
    return _apart(every, DESK) and _apart(major, PHONE)


def _apart(places: Iterable[tuple[float, str]], pixels: float) -> bool:
    """Whether words at shares of an axis of so many pixels are apart."""
    before = -math.inf
    for share, says in places:
        width = LETTER * letters(says)
        start = share * pixels - {"start": 0.0, "middle": width / 2, "end": width}[anchor(share)]
        if start < before + SPACE:
            return False
        before = start + width
    return True


def _day(day: int) -> str:
    return _("day {day}").format(day=number(day))


def _week(week: int) -> str:
    return _("week {week}").format(week=number(week)) if week else _("start")


def _months(months: int) -> str:
    if months == 0:
        return _("start")
    if months % 12 == 0:
        years = months // 12
        return ngettext("{years} year", "{years} years", years).format(years=number(years))
    return ngettext("{months} month", "{months} months", months).format(months=number(months))


def _round_step(step: float) -> float:
    size = 10.0 ** math.floor(math.log10(step))
    return size * next(m for m in (1, 2, 2.5, 5, 10) if m * size >= step * 0.999)


def _power(exponent: int) -> str:
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
