"""Writing rows: what was measured, given, decided and what happened."""

from __future__ import annotations

import numpy as np
from numba import njit

from remission.body.kinetics import HOT, INLINED, LANES
from remission.body.marrow import CIRCULATING, STATE_ROWS

from .state import DOSES, EVENTS, MEASUREMENTS, MRD, SIDE, STATES


@njit(**INLINED)
def _row(rec, kind, table):
    """The next free row, or the last one over and over when the table is full (the caller plays again)."""
    n = rec.counts[kind]
    rec.counts[kind] = n + 1
    return min(n, table.shape[0] - 1)


@njit(**HOT)
def note_event(rec, lane, today, phase, kind, detail):
    i = _row(rec, EVENTS, rec.events)
    rec.events[i, 0] = lane
    rec.events[i, 1] = today
    rec.events[i, 2] = phase
    rec.events[i, 3] = kind
    rec.events[i, 4] = detail


@njit(**INLINED)
def note_first(place, lane, column, today):
    """The day of what happens to a patient for the first time: a later one does not replace it."""
    if np.isnan(place.result[lane, column]):
        place.result[lane, column] = today


@njit(**HOT)
def note_side_effect(rec, lane, which, first, last, grade):
    i = _row(rec, SIDE, rec.side)
    rec.side[i, 0] = lane
    rec.side[i, 1] = which
    rec.side[i, 2] = first
    rec.side[i, 3] = last
    rec.side[i, 4] = grade


@njit(**HOT)
def note_counts(rec, lane, today, phase, day, seen):
    i = _row(rec, MEASUREMENTS, rec.measurements)
    rec.measurements[i, 0] = lane
    rec.measurements[i, 1] = today
    rec.measurements[i, 2] = phase
    rec.measurements[i, 3] = day
    for j in range(6):
        rec.measurements[i, 4 + j] = seen[j, lane]


@njit(**HOT)
def note_mrd(rec, lane, today, phase, site, fraction, reported):
    i = _row(rec, MRD, rec.mrd)
    rec.mrd[i, 0] = lane
    rec.mrd[i, 1] = today
    rec.mrd[i, 2] = phase
    rec.mrd[i, 3] = site
    rec.mrd[i, 4] = fraction
    rec.mrd[i, 5] = reported


@njit(**HOT)
def donor_share(flesh, lane):
    """Share of the marrow that came with a graft; 0 before there is one."""
    return 1.0 - flesh.immune[lane].host if flesh.immune[lane].grafted == 1 else 0.0


@njit(**HOT)
def of_clone(flesh, lane, clone):
    """Cells of a clone, nan where the plan has none."""
    if clone < 0:
        return np.nan
    return flesh.cells[2 * clone * LANES + lane] + flesh.cells[(2 * clone + 1) * LANES + lane]


@njit(**HOT)
def note_state(rec, lane, today, flesh, t315i, without_cd19, total, fraction):
    i = _row(rec, STATES, rec.states)
    line = (CIRCULATING * LANES) + lane
    red = 2 * STATE_ROWS * LANES + lane
    rec.states[i, 0] = lane
    rec.states[i, 1] = today
    rec.states[i, 2] = flesh.line[line]
    rec.states[i, 3] = flesh.line[line + STATE_ROWS * LANES] + flesh.pool[lane]
    rec.states[i, 4] = 0.0
    for j in range(1, 5):
        rec.states[i, 4] += flesh.line[red + j * LANES]
    rec.states[i, 5] = flesh.line[line + 3 * STATE_ROWS * LANES]
    rec.states[i, 6] = total
    rec.states[i, 7] = flesh.cns[lane]
    rec.states[i, 8] = fraction
    rec.states[i, 9] = flesh.immune[lane].cells + flesh.immune[lane].memory
    rec.states[i, 10] = flesh.immune[lane].cytokine
    rec.states[i, 11] = flesh.immune[lane].b * flesh.immune[lane].b_baseline
    rec.states[i, 12] = flesh.immune[lane].igg
    rec.states[i, 13] = donor_share(flesh, lane)
    rec.states[i, 14] = flesh.room[lane]
    rec.states[i, 15] = of_clone(flesh, lane, t315i)
    rec.states[i, 16] = of_clone(flesh, lane, without_cd19)


@njit(**INLINED)
def note_run(rec, place, slot, lane, today, dose, factor, reason):
    """A dose of today: lengthen the run of equal days, add to today's, or close the run and open another."""
    if place.slot[slot, lane].run_from >= 0:
        if place.slot[slot, lane].run_to == today:
            if place.slot[slot, lane].run_from < today:  # a second dose today: the days before were another run
                place.slot[slot, lane].run_to = today - 1
                earlier = place.slot[slot, lane].run_dose
                close_run(rec, place, slot, lane)
                place.slot[slot, lane].run_from = today
                place.slot[slot, lane].run_to = today
                place.slot[slot, lane].run_dose = earlier
            place.slot[slot, lane].run_dose += dose
            return
        if (
            place.slot[slot, lane].run_to == today - 1
            and place.slot[slot, lane].run_reason == reason
            and abs(place.slot[slot, lane].run_dose - dose) < 1e-9
        ):
            place.slot[slot, lane].run_to = today
            return
        close_run(rec, place, slot, lane)
    place.slot[slot, lane].run_from = today
    place.slot[slot, lane].run_to = today
    place.slot[slot, lane].run_dose = dose
    place.slot[slot, lane].run_factor = factor
    place.slot[slot, lane].run_reason = reason


@njit(**HOT)
def close_run(rec, place, slot, lane):
    i = _row(rec, DOSES, rec.doses)
    rec.doses[i, 0] = lane
    rec.doses[i, 1] = slot
    rec.doses[i, 2] = place.slot[slot, lane].run_from
    rec.doses[i, 3] = place.slot[slot, lane].run_to
    rec.doses[i, 4] = place.slot[slot, lane].run_dose
    rec.doses[i, 5] = place.slot[slot, lane].run_factor
    rec.doses[i, 6] = place.slot[slot, lane].run_reason
