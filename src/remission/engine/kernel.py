"""Plays a block of patients through a protocol, day by day, in closed loop.

A day: what the team sees and decides (patient by patient), kinetics of the agents on board, effects,
leukaemia and marrow (all lanes at once), then chance and the clinic's evening (patient by patient).
Lanes never mix: the same patient gets the same numbers whatever the block.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from remission.body.kinetics import HOT, LANES
from remission.patient import chance

from .clinic import blast_share, morning
from .effects import day_of_effects
from .fate import P_FEVER, P_LETHAL, P_SEED_CLOCK, day_of_body, evening, last_day
from .living import acts_of_day, cells_of_day, end_of_living, immunity_of_day
from .pharmacy import day_of_kinetics, levels_of_day
from .records import close_run, cut_run, note_state
from .side_effects import end_of_side_effects
from .state import AFTER, DEATH, DONE, R_CUT_BY_END, RELAPSE, RESULT_DAY, RESULT_OUTCOME, RESULT_PLAYED


@njit(**HOT)
def play_block(
    t,
    lay,
    q,
    place,
    drugs,
    flesh,
    work,
    day,
    rec,
    treatment_days,
    follow_up_days,
    play_chance,
    keep_doses,
    keep_states,
    seed,
):
    """Play one block of LANES patients. t: Tables, lay: Layout, q: Lanes, the others from `state` and changed here;
    days are counted from the first day of treatment, day 0."""
    for lane in range(LANES):
        flesh.fever_at[lane] = chance.exponential(seed, q.person[lane].patient, P_FEVER, 0)
        flesh.seed_at[lane] = chance.exponential(seed, q.person[lane].patient, P_SEED_CLOCK, 0)
        flesh.lethal_at[lane] = chance.exponential(seed, q.person[lane].patient, P_LETHAL, 0)
    if keep_states:
        for lane in range(LANES):
            if place.lane[lane].status != DONE:
                total = flesh.total[lane]
                share = blast_share(total, flesh, q.person, lane)
                note_state(rec, lane, 0, flesh, lay.t315i, lay.without_cd19, total, share)
    for today in range(treatment_days):
        anyone = False
        for lane in range(LANES):
            if place.lane[lane].status != DONE:
                anyone = True
                place.lane[lane].visited = -1
                if place.lane[lane].status != AFTER:
                    morning(lane, today, seed, t, lay.settings, lay.t315i, q.person, q.bioavailability, place,
                            flesh, drugs.amount, drugs.used, drugs.left, rec, keep_doses)  # fmt: skip
        if not anyone:
            break
        for lane in range(LANES):
            if place.lane[lane].status != DONE:
                place.result[lane, RESULT_PLAYED] += 1.0
        if lay.acts.shape[0] > 0:
            acts_of_day(today, seed, play_chance, t, lay, q, place, drugs, flesh, rec)
        if t.level_due.shape[0] > 0:
            levels_of_day(today, seed, t, lay, q, place, drugs, rec)
        day_of_kinetics(today, t, lay, q, place, drugs, rec, keep_doses)
        day_of_effects(lay, q, drugs, flesh, work)
        if lay.living == 1:
            cells_of_day(today, lay, q, place, flesh, work)
        day_of_body(today, lay, q, drugs, flesh, work, day)
        if lay.living == 1:
            immunity_of_day(today, seed, play_chance, lay, q, place, flesh, work, day, rec)
        for lane in range(LANES):
            if place.lane[lane].status != DONE:
                evening(lane, today, follow_up_days, seed, play_chance, keep_states, t, lay, q, place, drugs, flesh,
                        work, day, rec)  # fmt: skip
    for lane in range(LANES):
        if q.person[lane].real == 1:
            ended = place.result[lane, RESULT_DAY]
            end_of_living(lane, treatment_days if np.isnan(ended) else ended, flesh, rec)
            end_of_side_effects(lane, treatment_days if np.isnan(ended) else ended, lay, flesh, rec)
            if np.isnan(place.result[lane, RESULT_DAY]):
                last_day(lane, treatment_days, lay.settings, q.person, place, flesh)
            last = place.result[lane, RESULT_DAY]
            if place.result[lane, RESULT_OUTCOME] == DEATH or place.result[lane, RESULT_OUTCOME] == RELAPSE:
                last += 1.0  # in the evening
            for slot in range(place.slot.shape[0]):
                if place.lane[lane].status == DONE:
                    cut_run(rec, place, slot, lane, last, R_CUT_BY_END)
                if place.slot[slot, lane].run_from >= 0:
                    close_run(rec, place, slot, lane)
