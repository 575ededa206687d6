"""Where in a day an agent's concentrations are asked for.

A day has BINS * refine bins, and in each of them four slots of two hours: cell lines go by six slots at once, leukaemia
and normal marrow by two. An agent's day is made of equal steps, so that every dose and level check stands at the start
of one. Windows tile a step: four hours, or two where effects need it. After a dose that concentrations follow fast, a
mesh of panels that widen from it takes their place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from remission.body.kinetics import GAUSS
from remission.compiled import core

BINS = 3  # of a day
SLOTS_PER_BIN: int = core.words.SLOTS_PER_BIN  # of two hours
HOURS = 24

SHARP: tuple[int, ...] = core.words.SHARP  # ends of the panels of a slot in which a sharp dose is given, in its 64ths
PANELS = len(SHARP) - 1

FIRST = 0.125  # first panel after a dose, in time constants: two Gauss nodes then leave less than 1e-5 of an effect

# micro-steps of two hours where elimination saturates or changes, in minutes: after a dose, and where next to nothing
# is left, so that elimination is linear
FRESH_MINUTES = (1.25,) * 12 + (2.5,) * 26 + (5.0,) * 8
CALM_MINUTES = (120.0,)
CALM = 0.01  # next to nothing: of the Michaelis constant, and of what a product is half formed at
MOST_LOST = 0.02  # what bends may take away in a plain micro-step, as a share
SHORTEST_PLAIN = 10.0


def plain_minutes(rate: float) -> tuple[float, ...]:
    """Micro-steps of the other two hours, where what bends takes away up to ``rate`` (1/day)."""
    longest = max(SHORTEST_PLAIN, MOST_LOST / rate * 1440.0) if rate > 0.0 else 120.0
    number = max(1, math.ceil(120.0 / longest - 1e-9))
    return (120.0 / number,) * number


def fresh_minutes(lags: list[float]) -> list[float]:
    """Micro-steps of two hours in which a dose is given, or enters after ``lags`` (minutes): short after each."""
    out: list[float] = []
    starts = sorted({0.0, *lags})
    for start, stop in zip(starts, [*starts[1:], sum(FRESH_MINUTES)], strict=True):
        left = stop - start
        for minutes in FRESH_MINUTES:
            if left <= minutes + 1e-9:
                break
            out.append(minutes)
            left -= minutes
        out.append(left)
    return out


@dataclass(frozen=True)
class Mesh:
    """Windows of a step of ``length`` days, and the panels (start, end; days) after a dose, if concentrations ask for
    them."""

    steps: int
    windows: int
    panels: tuple[tuple[float, float], ...] = ()

    @property
    def length(self) -> float:
        return 1.0 / self.steps

    @property
    def width(self) -> float:
        return self.length / self.windows

    def panel_times(self) -> list[float]:
        return [a + q * (b - a) for a, b in self.panels for q in GAUSS]


def windows_of(steps: int, hours: Fraction) -> int:
    """How many windows of at most ``hours`` tile a step so that none crosses an edge of the ``hours`` grid."""
    step = Fraction(HOURS, steps)
    width = Fraction(np.gcd(step.numerator * hours.denominator, hours.numerator * step.denominator).item(),
                     step.denominator * hours.denominator)  # fmt: skip
    return int(step / width)


def panels_of(mesh: Mesh, rate: float, changes: list[float]) -> tuple[tuple[float, float], ...]:
    """Panels of a step in which something changes at 0 and at ``changes`` (days), concentrations following it with
    ``rate`` (1/day): the first of FIRST/rate, the next as long as the time since the change, none across a window's
    edge. Empty where the windows are short enough themselves."""
    first = FIRST / rate
    starts = sorted({0.0, *(c for c in changes if 1e-9 < c < mesh.length - 1e-9)})
    if first >= mesh.width and len(starts) == 1:
        return ()
    edges = {k * mesh.width for k in range(mesh.windows + 1)}
    for start, stop in zip(starts, [*starts[1:], mesh.length], strict=True):
        edges.add(start)
        gap = first
        while start + gap < min(stop, start + mesh.width) - 0.5 * first:
            edges.add(start + gap)
            gap *= 2.0
    ordered = sorted(edges)
    kept = [ordered[0]] + [b for a, b in zip(ordered, ordered[1:], strict=False) if b - a > 1e-9]
    return tuple(zip(kept, kept[1:], strict=False))
