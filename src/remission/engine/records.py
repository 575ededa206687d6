"""Writing rows: what was measured, given, decided and what happened."""

from __future__ import annotations

import numpy as np
from numba import njit

from remission.body.kinetics import HOT, INLINED, LANES
from remission.body.marrow import CIRCULATING, STATE_ROWS

from .state import DOSES, EVENTS, LEVELS, MEASUREMENTS, MRD, SIDE, STATES


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
def note_counts(rec, lane, today, phase, day, cycle, seen):
    """day: of the phase, 0 while the patient waits for it."""
    i = _row(rec, MEASUREMENTS, rec.measurements)
    rec.measurements[i, 0] = lane
    rec.measurements[i, 1] = today
    rec.measurements[i, 2] = phase
    rec.measurements[i, 3] = day
    rec.measurements[i, 4] = cycle
    for j in range(6):
        rec.measurements[i, 5 + j] = seen[j, lane]


@njit(**HOT)
def note_level(rec, lane, today, phase, day, cycle, agent, level):
    i = _row(rec, LEVELS, rec.levels)
    rec.levels[i, 0] = lane
    rec.levels[i, 1] = today
    rec.levels[i, 2] = phase
    rec.levels[i, 3] = day
    rec.levels[i, 4] = cycle
    rec.levels[i, 5] = agent
    rec.levels[i, 6] = level


@njit(**HOT)
def note_mrd(rec, lane, today, phase, day, cycle, site, fraction, reported):
    i = _row(rec, MRD, rec.mrd)
    rec.mrd[i, 0] = lane
    rec.mrd[i, 1] = today
    rec.mrd[i, 2] = phase
    rec.mrd[i, 3] = site
    rec.mrd[i, 4] = fraction
    rec.mrd[i, 5] = reported
    rec.mrd[i, 6] = day
    rec.mrd[i, 7] = cycle


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
def note_run(rec, place, slot, lane, today, dose, planned, factor, reason, tau, times):
    """A dose of today, ``times`` in the day over ``tau`` days each: lengthen the run of equal days, add to today's, or
    close the run and open another. planned: as the protocol has it, before the rules."""
    if place.slot[slot, lane].run_from >= 0:
        same = place.slot[slot, lane].run_tau == tau
        if place.slot[slot, lane].run_to == today and same:
            if place.slot[slot, lane].run_from < today:  # a second dose today: the days before were another run
                place.slot[slot, lane].run_to = today - 1
                close_run(rec, place, slot, lane)
                place.slot[slot, lane].run_from = today
                place.slot[slot, lane].run_to = today
            place.slot[slot, lane].run_dose += dose
            place.slot[slot, lane].run_planned += planned
            place.slot[slot, lane].run_times = max(place.slot[slot, lane].run_times, times)
            return
        if (
            place.slot[slot, lane].run_to == today - 1
            and same
            and place.slot[slot, lane].run_reason == reason
            and abs(place.slot[slot, lane].run_dose - dose) < 1e-9
            and abs(place.slot[slot, lane].run_planned - planned) < 1e-9
        ):
            place.slot[slot, lane].run_to = today
            return
        close_run(rec, place, slot, lane)
    place.slot[slot, lane].run_from = today
    place.slot[slot, lane].run_to = today
    place.slot[slot, lane].run_dose = dose
    place.slot[slot, lane].run_factor = factor
    place.slot[slot, lane].run_reason = reason
    place.slot[slot, lane].run_planned = planned
    place.slot[slot, lane].run_tau = tau
    place.slot[slot, lane].run_times = times


@njit(**HOT)
def cut_run(rec, place, slot, lane, morning, reason):
    """Infusions of a slot that still run on a ``morning`` end then: what of each has run in, with its hours."""
    first, last = place.slot[slot, lane].run_from, place.slot[slot, lane].run_to
    tau, times = place.slot[slot, lane].run_tau, place.slot[slot, lane].run_times
    dose = place.slot[slot, lane].run_dose
    if first < 0 or dose <= 0.0 or tau <= 0.0:
        return
    whole = last
    while whole >= first and whole + (times - 1) / times + tau > morning + 1e-9:
        whole -= 1
    if whole == last:
        return
    planned, factor = place.slot[slot, lane].run_planned, place.slot[slot, lane].run_factor
    if whole >= first:
        place.slot[slot, lane].run_to = whole
        close_run(rec, place, slot, lane)
    for day in range(whole + 1, last + 1):
        ran = 0.0
        for k in range(times):
            ran += min(tau, max(0.0, morning - day - k / times))
        share = ran / (tau * times)
        i = _row(rec, DOSES, rec.doses)
        rec.doses[i, 0] = lane
        rec.doses[i, 1] = slot
        rec.doses[i, 2] = day
        rec.doses[i, 3] = day
        rec.doses[i, 4] = dose * share
        rec.doses[i, 5] = factor * share
        rec.doses[i, 6] = reason
        rec.doses[i, 7] = planned
        rec.doses[i, 8] = 24.0 * ran
    place.slot[slot, lane].run_from = -1


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
    rec.doses[i, 7] = place.slot[slot, lane].run_planned
    running = place.slot[slot, lane].run_dose > 0.0
    rec.doses[i, 8] = 24.0 * place.slot[slot, lane].run_tau * place.slot[slot, lane].run_times if running else 0.0
