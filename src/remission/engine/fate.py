"""A day of the body, and what chance and the clinic make of it in the evening."""

from __future__ import annotations

import math

from numba import njit

from remission.body.kinetics import HOT, INLINED
from remission.body.leukaemia import FEW, clone_step, few_cells, whole
from remission.body.marrow import normal_marrow, power_chain, red_cell_chain, saturating_chain
from remission.patient import chance

from .clinic import leukaemic_cells, move_on
from .records import note_event, note_state
from .state import (
    AFTER,
    BINS,
    CURED,
    DEATH,
    DONE,
    E_BLOODSTREAM,
    E_DEATH,
    E_FEVER,
    E_RELAPSE,
    IN_REMISSION,
    RELAPSE,
    RESULT_BLOODSTREAM,
    RESULT_DAY,
    RESULT_FEVERS,
    RESULT_OUTCOME,
    RESULT_SITE,
    S_BSI,
    S_BSI_DEATH,
    S_CNS_BIRTH,
    S_CNS_DEATH,
    S_FEVER_PAUSE,
    S_H1,
    S_H2,
    S_H3,
    S_H4,
    S_H_MAINTENANCE,
    S_PACKING,
    S_PLT_POOL_LOSS,
    S_RELAPSE_CNS,
    S_RELAPSE_MARROW,
    S_REMISSION,
    S_SEED,
    TREATING,
)  # fmt: skip

AFTER_DAYS = 84  # days after treatment that are still played in full, for the counts to come back
FOLLOW_DAYS = 7  # step of the follow-up
EXACT_FEEDBACK_DAYS = 4  # the feedback, carried as a state, is brought back to the exact power so often

P_FEVER = chance.purpose("fever")
P_BLOODSTREAM = chance.purpose("bloodstream infection")
P_DEATH = chance.purpose("death from infection")
P_CLONE = chance.purpose("clone")
P_CNS = chance.purpose("cns")
P_SEED = chance.purpose("cns seeding")


@njit(**HOT)
def _load(cells, capacity, load):
    """load = leukaemic cells of all clones over the marrow's capacity."""
    lanes = load.shape[0]
    for lane in range(lanes):
        load[lane] = 0.0
    for c in range(cells.shape[0]):
        for lane in range(lanes):
            load[lane] += cells[c, 0, lane] + cells[c, 1, lane]
    for lane in range(lanes):
        load[lane] /= capacity[lane]


@njit(**HOT)
def _alive(cells, c):
    """Has any patient of the block cells of this clone?"""
    lanes = cells.shape[2]
    for lane in range(lanes):
        if cells[c, 0, lane] + cells[c, 1, lane] > 0.0:
            return True
    return False


@njit(**INLINED)
def _kills(work, j):
    """Sum the quarter's kill rates over the drugs, for a clone that nothing spares."""
    lanes = work.kill_cyc.shape[1]
    for lane in range(lanes):
        work.kill_cyc[0, lane] = 0.0
        work.kill_rest[0, lane] = 0.0
    for k in range(work.class_active.shape[0]):
        if work.class_active[k]:
            for lane in range(lanes):
                work.kill_cyc[0, lane] += work.k_cyc[k * BINS + j, lane]
                work.kill_rest[0, lane] += work.k_rest[k * BINS + j, lane]


@njit(**HOT)
def day_of_body(today, lay, q, flesh, work, day):
    """Leukaemia, normal marrow and blood over one day in four steps, all lanes at once."""
    lanes = flesh.cns.shape[0]
    s = lay.settings
    h = 1.0 / BINS
    cells = flesh.cells
    n_clones = cells.shape[0]
    for c in range(n_clones):
        for lane in range(lanes):
            day.before[c, 0, lane] = cells[c, 0, lane]
            day.before[c, 1, lane] = cells[c, 1, lane]
            day.cyc[c, lane] = 0.0
            day.rest[c, lane] = 0.0
    for lane in range(lanes):
        day.cns_before[lane] = flesh.cns[lane]
        day.birth[lane] = 0.0
        day.cns[lane] = 0.0
        day.load[lane] = 0.0
    _load(cells, q.capacity, work.load)
    for j in range(BINS):
        for lane in range(lanes):
            r = (work.load[lane] + 0.5 * work.load_rise[lane]) / s[S_PACKING]  # in the middle of the quarter
            r *= r
            work.crowd[lane] = max(0.0, 1.0 - r * r)
            day.birth[lane] += work.crowd[lane] * h
        _kills(work, j)
        for c in range(n_clones):
            if not _alive(cells, c):
                continue
            for lane in range(lanes):
                work.clone_cyc[0, lane] = work.kill_cyc[0, lane]
                work.clone_rest[0, lane] = work.kill_rest[0, lane]
            for k in range(work.class_active.shape[0]):
                if work.class_active[k] and lay.clone_kill[c, k] != 1.0:
                    spared = 1.0 - lay.clone_kill[c, k]
                    row = k * BINS + j
                    for lane in range(lanes):
                        work.clone_cyc[0, lane] -= spared * work.k_cyc[row, lane]
                        work.clone_rest[0, lane] -= spared * work.k_rest[row, lane]
            for lane in range(lanes):
                day.cyc[c, lane] += work.clone_cyc[0, lane] * h
                day.rest[c, lane] += work.clone_rest[0, lane] * h
            clone_step(cells, c, work.crowd, q.birth, q.death, q.to_rest, q.wake,
                       work.clone_cyc[0], work.clone_rest[0], h)  # fmt: skip
        for lane in range(lanes):
            day.cns[lane] += work.k_cns[j, lane] * h
        _load(cells, q.capacity, work.load_new)
        normal_marrow(flesh.room, work.load, work.load_new, q.rho, q.omega, h, work.room_new, work.room_growth)
        power_chain(flesh.anc, work.e_line, work.e_tilt, j, work.room_growth, q.anc_ktr, q.anc_gamma, h)
        saturating_chain(flesh.plt, work.e_line, work.e_tilt, BINS + j, flesh.room, work.room_new, q.plt_half, q.plt_growth,  # noqa: E501
                         q.plt_transit, q.plt_loss, h)  # fmt: skip
        red_cell_chain(flesh.red, work.e_line, 2 * BINS + j, flesh.room, work.room_new, work.production, q.hb_tau,
                       q.hb_ageing, h)  # fmt: skip
        power_chain(flesh.lymph, work.e_line, work.e_tilt, 3 * BINS + j, work.room_growth, q.lymph_ktr, q.lymph_gamma,
                    h)  # fmt: skip
        for lane in range(lanes):
            flesh.room[lane] = work.room_new[lane]
            day.load[lane] += 0.5 * h * (work.load[lane] + work.load_new[lane])
            work.load_rise[lane] = work.load_new[lane] - work.load[lane]
            work.load[lane] = work.load_new[lane]
    for lane in range(lanes):
        flesh.pool[lane] *= 1.0 - s[S_PLT_POOL_LOSS]
    if today % EXACT_FEEDBACK_DAYS == 0:
        for lane in range(lanes):
            room = flesh.room[lane]
            flesh.anc[5, lane] = math.pow(room * q.anc0[lane] / flesh.anc[4, lane], q.anc_gamma[lane])
            flesh.lymph[5, lane] = math.pow(room * q.lymph0[lane] / flesh.lymph[4, lane], q.lymph_gamma[lane])


@njit(**INLINED)
def leukaemia_by_chance(lane, today, seed, play_chance, s, person, births, to_rests, flesh, day):
    """CNS and seeding; and where few cells are left, the day is drawn anew as a birth-death process."""
    pid = person[lane].patient
    cells, before = flesh.cells, day.before
    was = day.cns_before[lane]
    killed = day.cns[lane]
    growth = s[S_CNS_BIRTH] - s[S_CNS_DEATH] - killed
    flesh.cns[lane] = was * math.exp(growth)
    if play_chance:
        for c in range(cells.shape[0]):
            n = before[c, 0, lane] + before[c, 1, lane]
            if n == 0.0:
                continue
            purpose = P_CLONE + 8 * c
            if n < FEW:
                a, b = few_cells(before[c, 0, lane], before[c, 1, lane], births[c, lane] * day.birth[lane],
                                 person[lane].death, to_rests[c, lane], person[lane].wake, day.cyc[c, lane],
                                 day.rest[c, lane], 1.0, seed, pid, purpose, today)  # fmt: skip
                cells[c, 0, lane] = a
                cells[c, 1, lane] = b
            elif cells[c, 0, lane] + cells[c, 1, lane] < FEW:
                cells[c, 0, lane] = whole(cells[c, 0, lane], seed, pid, purpose + 5, today)
                cells[c, 1, lane] = whole(cells[c, 1, lane], seed, pid, purpose + 6, today)
        if 0.0 < was < FEW:
            flesh.cns[lane] = chance.birth_death(seed, pid, P_CNS, today, was, s[S_CNS_BIRTH],
                                                 s[S_CNS_DEATH] + killed, 1.0)  # fmt: skip
        elif 0.0 < flesh.cns[lane] < FEW:
            flesh.cns[lane] = whole(flesh.cns[lane], seed, pid, P_CNS + 1, today)
    # seeded through the day, so half a day of growth or kill on average
    flux = s[S_SEED] * day.load[lane] * person[lane].capacity * math.exp(0.5 * growth)
    if play_chance and flux < FEW:
        if flux > 0.0:
            flesh.cns[lane] += chance.poisson(seed, pid, P_SEED, today, flux)
    else:
        flesh.cns[lane] += flux


@njit(**INLINED)
def infection(lane, today, seed, t, s, person, place, flesh, rec):
    """Fever by neutrophil count; some fevers are bloodstream infections, some of those kill."""
    pid = person[lane].patient
    phase = place.lane[lane].phase
    anc = flesh.anc[4, lane]
    hazard = s[S_H4]
    if anc < 0.1:
        hazard = s[S_H1]
    elif anc < 0.5:
        hazard = s[S_H2]
    elif anc < 1.0:
        hazard = s[S_H3]
    hazard *= person[lane].frailty
    if t.phases[phase].repeats == 1:
        hazard *= s[S_H_MAINTENANCE]
    if chance.uniform(seed, pid, P_FEVER, today) >= 1.0 - math.exp(-hazard):
        return
    place.lane[lane].last_fever = today
    place.result[lane, RESULT_FEVERS] += 1.0
    note_event(rec, lane, today, phase, E_FEVER, anc)
    if chance.uniform(seed, pid, P_BLOODSTREAM, today) < s[S_BSI]:
        place.result[lane, RESULT_BLOODSTREAM] += 1.0
        note_event(rec, lane, today, phase, E_BLOODSTREAM, anc)
        if chance.uniform(seed, pid, P_DEATH, today) < s[S_BSI_DEATH]:
            note_event(rec, lane, today, phase, E_DEATH, 0.0)
            finish(lane, DEATH, today, place)


@njit(**INLINED)
def finish(lane, outcome, today, place):
    place.result[lane, RESULT_OUTCOME] = outcome
    place.result[lane, RESULT_DAY] = today
    place.lane[lane].status = DONE


@njit(**HOT)
def relapse_site(marrow, brain, fraction, cns, s):
    """0 marrow, 1 CNS, 2 both (5 % of blasts in marrow or a tenth of the CNS threshold count as involved)."""
    if brain and fraction >= s[S_REMISSION]:
        return 2
    if marrow and cns >= 0.1 * s[S_RELAPSE_CNS]:
        return 2
    return 0 if marrow else 1


@njit(**INLINED)
def evening(
    lane, today, follow_up_days, seed, play_chance, keep_states, t, s, person, births, to_rests, place, flesh, day, rec
):
    """Chance, infection, relapse, the weekly record and the clock of one patient."""
    leukaemia_by_chance(lane, today, seed, play_chance, s, person, births, to_rests, flesh, day)
    total = leukaemic_cells(flesh, lane)
    fraction = total / (total + flesh.room[lane] * person[lane].capacity)
    if play_chance and place.lane[lane].status != AFTER and today - place.lane[lane].last_fever >= s[S_FEVER_PAUSE]:
        infection(lane, today, seed, t, s, person, place, flesh, rec)
    if place.lane[lane].status != DONE and place.lane[lane].remission > 0:
        marrow = place.lane[lane].remission == 2 or (today % 7 == 0 and fraction >= s[S_RELAPSE_MARROW])
        brain = today % 7 == 0 and flesh.cns[lane] >= s[S_RELAPSE_CNS]
        if marrow or brain:
            site = relapse_site(marrow, brain, fraction, flesh.cns[lane], s)
            note_event(rec, lane, today, place.lane[lane].phase, E_RELAPSE, float(site))
            place.result[lane, RESULT_SITE] = site
            finish(lane, RELAPSE, today, place)
    if keep_states and (today + 1) % 7 == 0:
        note_state(rec, lane, today + 1, flesh, total, fraction)
    if place.lane[lane].status == TREATING and place.lane[lane].stalled == 0:
        place.lane[lane].day += 1
        place.lane[lane].wait_passed = 0
        place.lane[lane].gate_from = -1
        phase = place.lane[lane].phase
        if place.lane[lane].day > t.phases[phase].days:
            if t.phases[phase].repeats == 1:
                place.lane[lane].day = 1
            else:
                move_on(lane, today + 1, phase, t, place, rec)
    elif place.lane[lane].status == AFTER and today >= place.lane[lane].ended + AFTER_DAYS:
        follow(lane, today + 1, follow_up_days, seed, play_chance, s, person, births, to_rests, place, flesh, rec)


@njit(**HOT)
def follow(lane, start, horizon, seed, play_chance, s, person, births, to_rests, place, flesh, rec):
    """After treatment, with no drug on board: the leukaemia alone, week by week, until cure, relapse or the horizon."""
    pid = person[lane].patient
    cells = flesh.cells
    wake, death = person[lane].wake, person[lane].death
    today = start
    while today < horizon:
        total = leukaemic_cells(flesh, lane)
        if total == 0.0 and flesh.cns[lane] == 0.0:
            finish(lane, CURED, horizon, place)  # followed to the end without event
            return
        load = total / person[lane].capacity
        room = max(1e-4, 1.0 - person[lane].omega * load)
        fraction = load / (load + room)
        if place.lane[lane].remission > 0:
            marrow = fraction >= s[S_RELAPSE_MARROW]
            brain = flesh.cns[lane] >= s[S_RELAPSE_CNS]
            if marrow or brain:
                site = relapse_site(marrow, brain, fraction, flesh.cns[lane], s)
                note_event(rec, lane, today, place.lane[lane].phase, E_RELAPSE, float(site))
                place.result[lane, RESULT_SITE] = site
                finish(lane, RELAPSE, today, place)
                return
        r = load / s[S_PACKING]
        crowd = max(0.0, 1.0 - r * r * r * r)
        for c in range(cells.shape[0]):
            a, b = cells[c, 0, lane], cells[c, 1, lane]
            if a + b == 0.0:
                continue
            birth, to_rest = births[c, lane] * crowd, to_rests[c, lane]
            purpose = P_CLONE + 8 * c
            if play_chance and a + b < FEW:
                a, b = few_cells(a, b, birth, death, to_rest, wake, 0.0, 0.0, float(FOLLOW_DAYS), seed, pid, purpose,
                                 today)  # fmt: skip
            else:
                for _ in range(FOLLOW_DAYS):
                    moved = 0.5 * (a * to_rest - b * wake)
                    a, b = (a - moved) * math.exp(birth - death), b + moved
                    moved = 0.5 * (a * to_rest - b * wake)
                    a, b = a - moved, b + moved
                if play_chance and a + b < FEW:
                    a = whole(a, seed, pid, purpose + 5, today)
                    b = whole(b, seed, pid, purpose + 6, today)
            cells[c, 0, lane] = a
            cells[c, 1, lane] = b
        if play_chance and 0.0 < flesh.cns[lane] < FEW:
            flesh.cns[lane] = chance.birth_death(seed, pid, P_CNS, today, flesh.cns[lane], s[S_CNS_BIRTH],
                                                 s[S_CNS_DEATH], float(FOLLOW_DAYS))  # fmt: skip
        else:
            flesh.cns[lane] *= math.exp((s[S_CNS_BIRTH] - s[S_CNS_DEATH]) * FOLLOW_DAYS)
        flux = s[S_SEED] * total * FOLLOW_DAYS
        if play_chance and flux < FEW:
            if flux > 0.0:
                flesh.cns[lane] += chance.poisson(seed, pid, P_SEED, today, flux)
        else:
            flesh.cns[lane] += flux
        today += FOLLOW_DAYS
    finish(lane, IN_REMISSION, horizon, place)
