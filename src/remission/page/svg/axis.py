"""From numbers to places: a linear or logarithmic axis with its ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..language import _, language, ngettext, number

DAYS_A_MONTH = 365.25 / 12


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
    """Days from the start of treatment, marked as days, weeks, months or years, whichever are few enough."""
    span = last_day - first_day
    if span <= 21:
        step = 1 if span <= 8 else 2 if span <= 15 else 7
        ticks = [Tick(d, _("day {day}").format(day=number(d)), minor=(i % 2 == 1)) for i, d in
                 enumerate(range(math.ceil(first_day), math.floor(last_day) + 1, step))]  # fmt: skip
    elif span <= 200:
        weeks = next(w for w in (1, 2, 4) if span / (7 * w) <= 9 or w == 4)
        firsts = range(math.ceil(first_day / (7 * weeks)), math.floor(last_day / (7 * weeks)) + 1)
        ticks = [Tick(7 * weeks * i, _("week {week}").format(week=number(weeks * i)) if i else _("start"), i % 2 == 1)
                 for i in firsts]  # fmt: skip
    else:
        most = 9 if language() == "en" else 6  # English has the shortest words
        months = next((m for m in (3, 6, 12, 24) if span / (m * DAYS_A_MONTH) <= most), 60)
        step_days = months * DAYS_A_MONTH
        firsts = range(math.ceil(first_day / step_days), math.floor(last_day / step_days) + 1)
        ticks = [Tick(round(step_days * i), _months(months * i), i % 2 == 1) for i in firsts]
    return Axis(first_day, last_day, _("Time since treatment began"), tuple(ticks))


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
