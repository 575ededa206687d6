"""Leukaemic clones with cycling and resting cells, in marrow and CNS; extinction by chance.

Per clone: cycling cells C divide (birth b, slowed as the marrow fills), die (d), are killed by drugs
and go to rest; resting cells Q do not divide, are killed less, and wake:

    dC/dt = (b crowding - d - kill_C - a) C + w Q
    dQ/dt = a C - (w + kill_Q) Q

Above a thousand cells the means are integrated (Strang splitting, exact in each part); below, every
day is a draw of the birth-death process (Kendall 1948), so that a clone can die out.
"""

from __future__ import annotations

import math

from numba import njit

from remission.patient import chance

from .kinetics import HOT, LANES, exp_small

FEW = 1000.0  # cells of a pool below which chance plays


@njit(**HOT)
def clone_step(cells, i, crowding, birth, death, to_rest, wake, kill_cycling, kill_resting, h):
    """Advance clone ``i`` by h days in all lanes. Flat arrays: cells, cycling and resting for each clone; birth and
    to_rest by clone; the others (L,); crowding is the factor on birth."""
    cells = cells[2 * i * LANES : 2 * (i + 1) * LANES]
    birth, to_rest = birth[i * LANES : (i + 1) * LANES], to_rest[i * LANES : (i + 1) * LANES]
    u = 0.5 * h
    for lane in range(LANES):
        c = cells[lane]
        q = cells[LANES + lane]
        # exchange for half a step before and after: (1 - exp(-s)) / (to_rest + wake), s = (to_rest + wake) u
        s = (to_rest[lane] + wake[lane]) * u
        part = u * (1.0 - s * (0.5 - s * (1.0 / 6.0)))
        moved = (c * to_rest[lane] - q * wake[lane]) * part
        c = (c - moved) * exp_small((birth[lane] * crowding[lane] - death[lane] - kill_cycling[lane]) * h)
        q = (q + moved) * exp_small(-kill_resting[lane] * h)
        moved = (c * to_rest[lane] - q * wake[lane]) * part
        cells[lane] = c - moved
        cells[LANES + lane] = q + moved


@njit(**HOT)
def whole(cells, seed, patient, purpose, day):
    """Round to a whole number of cells by chance, without changing the mean."""
    low = math.floor(cells)
    if chance.uniform(seed, patient, purpose, day) < cells - low:
        return low + 1.0
    return low


@njit(**HOT)
def _exchange(c, q, to_rest, wake, days, seed, patient, waking, resting, index):
    """Cells after ``days`` of nothing but going to rest and waking: each is on the other side by chance."""
    both = to_rest + wake
    if both <= 0.0:
        return c, q
    share = -math.expm1(-both * days) / both
    woken = chance.binomial(seed, patient, waking, index, q, wake * share) if q > 0.0 else 0.0
    rested = chance.binomial(seed, patient, resting, index, c, to_rest * share) if c > 0.0 else 0.0
    return c + woken - rested, q + rested - woken


@njit(**HOT)
def few_cells(c, q, birth, death, to_rest, wake, kill_cycling, kill_resting, days, seed, patient, purpose, index):
    """Cycling and resting cells after ``days`` when both are few: whole numbers in, whole numbers out.

    Exchange for half of the time, then Kendall's process of the cycling cells and death of the resting ones, then
    exchange again: second order in ``days``. Uses ``purpose`` + 0 to 4 and + 7."""
    c, q = _exchange(c, q, to_rest, wake, 0.5 * days, seed, patient, purpose + 1, purpose + 3, index)
    if q > 0.0 and kill_resting > 0.0:
        q -= chance.binomial(seed, patient, purpose + 2, index, q, -math.expm1(-kill_resting * days))
    if c > 0.0:
        c = chance.birth_death(seed, patient, purpose + 4, index, c, birth, death + kill_cycling, days)
    return _exchange(c, q, to_rest, wake, 0.5 * days, seed, patient, purpose + 7, purpose, index)
