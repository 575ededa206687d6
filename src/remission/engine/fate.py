"""A day of the body, and what chance and the clinic make of it in the evening."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from remission.body.kinetics import HOT, INLINED, LANES, copy, exp_small, row
from remission.body.leukaemia import FEW, clone_step, few_cells, whole
from remission.body.marrow import (
    CIRCULATING,
    FEEDBACK,
    FORESEEN,
    LIFE_SPAN,
    POWER,
    SATURATING,
    STATE_ROWS,
    WEIGHT_ROWS,
    normal_marrow,
    power_chain,
    red_cell_chain,
    saturating_chain,
)
from remission.patient import chance

from .clinic import GATE_LIMIT, begin_days, blast_share, leukaemic_cells, may_enter, move_on
from .effects import LINES, RED_CELLS
from .mesh import HALVES, SHARP, SHARP_SLOTS, SHARP_WIDTHS, SLOTS_PER_BIN
from .records import note_event, note_state
from .side_effects import FEVER, side_effects_of_day
from .state import (
    AFTER,
    CURED,
    DEATH,
    DONE,
    E_BLOODSTREAM,
    E_DEATH,
    E_FEVER,
    E_NOT_FOR,
    E_RELAPSE,
    IN_REMISSION,
    NOT_IN_REMISSION,
    RELAPSE,
    RESULT_BLOODSTREAM,
    RESULT_CAUSE,
    RESULT_DAY,
    RESULT_FEVERS,
    RESULT_OUTCOME,
    RESULT_RELAPSE,
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
    S_LETHAL,
    S_PACKING,
    S_PLT_POOL_LOSS,
    S_RELAPSE_CNS,
    S_RELAPSE_MARROW,
    S_REMISSION,
    S_SEED,
    TREATING,
    WAITING,
)  # fmt: skip

CAUSE_INFECTION, CAUSE_LEUKAEMIA, CAUSE_CRS, FIRST_CAUSE = range(4)  # then the program's side effects
MOST_RELAPSES = 2  # that are treated
DAILY_RECORD_DAYS = 60
REFRACTORY_DAYS = 56  # two courses without a remission
AFTER_DAYS = 84  # days after treatment that are still played in full, for the counts to come back
FOLLOW_DAYS = 7  # step of the follow-up
EXACT_FEEDBACK_DAYS = 32  # the feedback, carried as a state, is brought back to the exact power so often

P_FEVER = chance.purpose("fever")
P_BLOODSTREAM = chance.purpose("bloodstream infection")
P_DEATH = chance.purpose("death from infection")
P_CNS = chance.purpose("cns")
P_SEED = chance.purpose("cns seeding")
P_LETHAL = chance.purpose("death from leukaemia")
P_SEED_CLOCK = chance.purpose("cns seeding, rare")
# A clone's purposes: its own plus 0 to 7 for few cells, then these. Where cells are few each day of the calendar has
# its own luck, the same in every arm: so the arm with more cells never ends with fewer. What happens to a patient as an
# event (a fever, a side effect, a graft, a death) is keyed by its number: a shifted day does not change it.
MUTANTS, RARE_MUTANTS = 8, 9
RARE = 1.0  # cells a day below which seeding is played by its clock


@njit(**HOT)
def _load(cells, clones, capacity, load):
    """load = leukaemic cells of all clones over the marrow's capacity."""
    load[:] = 0.0
    for c in range(2 * clones):
        some = row(cells, c)
        for lane in range(LANES):
            load[lane] += some[lane]
    for lane in range(LANES):
        load[lane] /= capacity[lane]


@njit(**HOT)
def _alive(cells, c):
    """Has any patient of the block cells of this clone?"""
    for i in range(2 * c * LANES, 2 * (c + 1) * LANES):
        if cells[i] > 0.0:
            return True
    return False


@njit(**INLINED)
def _kills(lay, work, j):
    """Sum the kill rates of step ``j`` over the drugs, for a clone that nothing spares."""
    work.kill_cyc[:] = 0.0
    work.kill_rest[:] = 0.0
    for k in range(work.class_active.shape[0]):
        if work.class_active[k]:
            cycling, resting = row(work.k_cyc, k * lay.bins + j), row(work.k_rest, k * lay.bins + j)
            for lane in range(LANES):
                work.kill_cyc[lane] += cycling[lane]
                work.kill_rest[lane] += resting[lane]


@njit(**HOT)
def _crowding(load, packing, power, out):
    """Factor on birth: 1 - (load / packing)^power, power 1, 2 or 4."""
    for lane in range(LANES):
        out[lane] = load[lane] / packing
    if power > 1:
        for lane in range(LANES):
            out[lane] *= out[lane]
    if power > 2:
        for lane in range(LANES):
            out[lane] *= out[lane]
    for lane in range(LANES):
        out[lane] = max(0.0, 1.0 - out[lane])


@njit(**HOT)
def _foresee(load, crowd, birth, death, kill, h, mid):
    """The load in the middle of a step of h days, from the growth of the main clone now."""
    for lane in range(LANES):
        mid[lane] = load[lane] * exp_small(0.5 * h * (birth[lane] * crowd[lane] - death[lane] - kill[lane]))


@njit(**INLINED)
def _leukaemia(j, h, lay, q, flesh, work, day):
    """All clones in marrow over step ``j`` of the day; the load at its start, in its middle and at its end."""
    clones = lay.clone_kill.shape[0]
    cells = flesh.cells
    _kills(lay, work, j)
    _crowding(work.load, lay.settings[S_PACKING], lay.power_of_load, work.crowd)
    _foresee(work.load, work.crowd, q.birth, q.death, work.kill_cyc, h, work.load_mid)
    _crowding(work.load_mid, lay.settings[S_PACKING], lay.power_of_load, work.crowd)
    for lane in range(LANES):
        day.birth[lane] += work.crowd[lane] * h
        day.births[lane] += q.birth[lane] * work.crowd[lane] * cells[lane] * h
    for c in range(clones):
        if not _alive(cells, c):
            continue
        copy(work.clone_cyc, 0, work.kill_cyc, 0, 1)
        copy(work.clone_rest, 0, work.kill_rest, 0, 1)
        for k in range(work.class_active.shape[0]):
            if work.class_active[k] and lay.clone_kill[c, k] != 1.0:
                spared = 1.0 - lay.clone_kill[c, k]
                cycling, resting = row(work.k_cyc, k * lay.bins + j), row(work.k_rest, k * lay.bins + j)
                for lane in range(LANES):
                    work.clone_cyc[lane] -= spared * cycling[lane]
                    work.clone_rest[lane] -= spared * resting[lane]
        cycling, resting = row(day.cyc, c), row(day.rest, c)
        for lane in range(LANES):
            cycling[lane] += work.clone_cyc[lane] * h
            resting[lane] += work.clone_rest[lane] * h
        clone_step(cells, c, work.crowd, q.birth, q.death, q.to_rest, q.wake, work.clone_cyc, work.clone_rest, h)
    _load(cells, clones, q.capacity, work.load_new)
    for lane in range(LANES):
        work.load_mid[lane] = math.sqrt(work.load[lane] * work.load_new[lane])


@njit(**HOT)
def _cns(cns, flux, kills, j, load0, load_mid, load1, capacity, birth, death, seeding, h, mean_kill):
    """Blasts in the CNS over step ``j``: those of the morning, and apart from them those that have come since, seeded
    through the step, so half a step of growth or kill on average."""
    kill = row(kills, j)
    for lane in range(LANES):
        half = exp_small(0.5 * h * (birth - death - kill[lane]))
        came = seeding * h / 6.0 * (load0[lane] + 4.0 * load_mid[lane] + load1[lane]) * capacity[lane]
        cns[lane] *= half * half
        flux[lane] = (flux[lane] * half + came) * half
        mean_kill[lane] += h * kill[lane]


@njit(**INLINED)
def _line(line, kind, weights, effect, early, late, n0, nm, n1, h, lay, q, flesh, w):
    """One line over a step (or substep) of h days. early, late: rows of ``effect``."""
    s0, r = line * STATE_ROWS * LANES, line * LANES
    e, f = early * LANES, late * LANES
    if kind == POWER:
        power_chain(flesh.line, s0, w, weights * LANES, effect, e, f, n0, nm, n1, q.line_transit[r : r + LANES],
                    q.line_feedback[r : r + LANES], h)  # fmt: skip
    elif kind == SATURATING:
        saturating_chain(flesh.line, s0, w, weights * LANES, effect, e, f, n0, nm, n1, q.line_feedback[r : r + LANES],
                         q.line_growth[r : r + LANES], q.line_transit[r : r + LANES], h)  # fmt: skip
    elif kind == LIFE_SPAN:
        red_cell_chain(flesh.line, s0, w, weights * LANES, effect, e, f, n0, nm, n1, q.production)


@njit(**INLINED)
def _bounded(lay, work):
    """Red cells cannot lose more than all of production: the bound is on the sum of all drugs in every two hours."""
    for half in range(2 * lay.bins):
        o, u, v = (
            row(work.e_line, 2 * lay.bins * RED_CELLS + half),
            row(work.e_red, 2 * half),
            row(work.e_red, 2 * half + 1),
        )
        for lane in range(LANES):
            o[lane] = 0.5 * (min(1.0, u[lane]) + min(1.0, v[lane]))


@njit(**INLINED)
def _sharp_effects(j, lay, q, drugs, work):
    """Effects in the halves of the panels of step ``j``: the step's own, with sharp drugs as they really rise and fall.

    The bound on the red cells' is taken half by half."""
    bins = lay.bins
    for target in range(4):
        for p in range(HALVES):
            # the panels up to the middle of the step make its first half
            half = 2 * j + (0 if p < HALVES - 2 else 1)
            o, u = (target * HALVES + p) * LANES, (target * 2 * bins + half) * LANES
            if target == RED_CELLS:  # by two hours
                slot = SLOTS_PER_BIN * j + SHARP_SLOTS[p]
                for lane in range(LANES):
                    work.e_sharp[o + lane] = work.e_red[slot * LANES + lane]
            else:
                for lane in range(LANES):
                    work.e_sharp[o + lane] = work.e_line[u + lane]
    for g in range(lay.shapes.shape[0]):
        first = lay.shapes[g].sharp
        if first < 0 or not drugs.sharp_agent[lay.shapes[g].agent * bins + j]:
            continue
        given = row(drugs.sharp_given, lay.shapes[g].agent * bins + j)
        for m in range(lay.shapes[g].first, lay.shapes[g].last):
            i = lay.members[m]
            target = lay.effect_target[i]
            if target >= LINES:
                continue
            for p in range(HALVES):
                o = (target * HALVES + p) * LANES
                u = (first + HALVES * j + p) * LANES
                if target == RED_CELLS:
                    slot = SLOTS_PER_BIN * j + SHARP_SLOTS[p]
                    a = (lay.shapes[g].row + slot) * LANES
                    b = a
                else:
                    a = (lay.shapes[g].row + SLOTS_PER_BIN * j + (0 if p < HALVES - 2 else 2)) * LANES
                    b = a + LANES
                for lane in range(LANES):
                    mean = 0.5 * (drugs.shape[a + lane] + drugs.shape[b + lane])
                    size = work.size[i * LANES + lane] * given[lane]
                    work.e_sharp[o + lane] += size * (drugs.sharp[u + lane] - mean)


@njit(**HOT)
def _room_at(share, n, out):
    """Normal marrow at a share of the step, by the parabola through its start, middle and end."""
    a, b, c = (1.0 - share) * (1.0 - 2.0 * share), 4.0 * share * (1.0 - share), share * (2.0 * share - 1.0)
    for lane in range(LANES):
        out[lane] = a * n[lane] + b * n[LANES + lane] + c * n[2 * LANES + lane]


@njit(**INLINED)
def _sharp_step(j, h, lay, q, drugs, flesh, work):
    """Lines of patients who were given a sharp dose at the start of step ``j``, through ever wider panels; the others
    keep what they have. work.line_before: the lines at the start of the step."""
    line = flesh.line
    copy(work.line_plain, 0, line, 0, 4 * STATE_ROWS)
    copy(line, 0, work.line_before, 0, 4 * STATE_ROWS)
    _sharp_effects(j, lay, q, drugs, work)
    n0, nm, n1 = work.n_sharp[:LANES], work.n_sharp[LANES : 2 * LANES], work.n_sharp[2 * LANES :]
    for k in range(len(SHARP) - 1):
        a, b = SHARP[k] / SHARP[-1], SHARP[k + 1] / SHARP[-1]
        size = 0
        while SHARP_WIDTHS[size] != SHARP[k + 1] - SHARP[k]:
            size += 1
        _room_at(a, work.n, n0)
        _room_at(0.5 * (a + b), work.n, nm)
        _room_at(b, work.n, n1)
        for i in range(4):
            weights = (4 * (1 + size) + i) * WEIGHT_ROWS
            _line(i, lay.line_kind[i], weights, work.e_sharp, i * HALVES + 2 * k, i * HALVES + 2 * k + 1, n0, nm, n1,
                  h * (b - a), lay, q, flesh, drugs.line_weight)  # fmt: skip
    for i in range(4 * STATE_ROWS):
        for lane in range(LANES):
            if not drugs.sharp_lane[j * LANES + lane]:
                line[i * LANES + lane] = work.line_plain[i * LANES + lane]


@njit(**HOT)
def day_of_body(today, lay, q, drugs, flesh, work, day):
    """Leukaemia, normal marrow and blood over one day, all lanes at once."""
    s = lay.settings
    h = 1.0 / lay.bins
    clones = lay.clone_kill.shape[0]
    copy(day.before, 0, flesh.cells, 0, 2 * clones)
    day.cyc[:] = 0.0
    day.rest[:] = 0.0
    day.birth[:] = 0.0
    day.births[:] = 0.0
    day.cns[:] = 0.0
    day.flux[:] = 0.0
    copy(day.cns_before, 0, flesh.cns, 0, 1)
    _bounded(lay, work)
    _load(flesh.cells, clones, q.capacity, work.load)
    n0, nm, n1 = work.n[:LANES], work.n[LANES : 2 * LANES], work.n[2 * LANES :]
    for j in range(lay.bins):
        _leukaemia(j, h, lay, q, flesh, work, day)
        _cns(flesh.cns, day.flux, work.k_cns, j, work.load, work.load_mid, work.load_new, q.capacity, s[S_CNS_BIRTH],
             s[S_CNS_DEATH], s[S_SEED], h, day.cns)  # fmt: skip
        copy(work.n, 0, flesh.room, 0, 1)
        normal_marrow(flesh.room, work.load, work.load_mid, work.load_new, flesh.rho, q.omega, h, nm, n1)
        sharp = drugs.sharp_on[j]
        if sharp:
            copy(work.line_before, 0, flesh.line, 0, 4 * STATE_ROWS)
        for i in range(4):
            early = 2 * (lay.bins * i + j)
            _line(i, lay.line_kind[i], i * WEIGHT_ROWS, work.e_line, early, early + 1, n0, nm, n1, h, lay, q, flesh,
                  drugs.line_weight)  # fmt: skip
        if sharp:
            _sharp_step(j, h, lay, q, drugs, flesh, work)
        copy(flesh.room, 0, work.n, 2, 1)
        copy(work.load, 0, work.load_new, 0, 1)
    for lane in range(LANES):
        flesh.pool[lane] *= 1.0 - s[S_PLT_POOL_LOSS]
        flesh.total[lane] = work.load[lane] * q.capacity[lane]
    if today % EXACT_FEEDBACK_DAYS == 0:
        for i in range(4):
            if lay.line_kind[i] == POWER:
                o, r = i * STATE_ROWS * LANES, i * LANES
                for lane in range(LANES):
                    cells = flesh.line[o + CIRCULATING * LANES + lane]
                    flesh.line[o + FEEDBACK * LANES + lane] = math.pow(
                        flesh.room[lane] * q.line_base[r + lane] / cells, q.line_feedback[r + lane]
                    )
                    flesh.line[o + FORESEEN * LANES + lane] = cells


@njit(**HOT)
def _mutants(c, lane, today, made, seed, pid, lay, flesh):
    """New cells of clone ``c`` that divisions of the main clone have made today; rare ones come by their clock."""
    purpose = lay.clone_purpose[c]
    came = 0.0
    if made >= FEW:
        came = math.floor(made)
    elif made > RARE:
        came = chance.poisson(seed, pid, purpose + MUTANTS, today, made)
    else:
        if flesh.mutant_at[c * LANES + lane] < 0.0:
            flesh.mutant_at[c * LANES + lane] = chance.exponential(seed, pid, purpose + RARE_MUTANTS, 0)
        flesh.mutants[c * LANES + lane] += made
        while flesh.mutants[c * LANES + lane] >= flesh.mutant_at[c * LANES + lane]:
            came += 1.0
            flesh.mutants_came[c * LANES + lane] += 1.0
            flesh.mutant_at[c * LANES + lane] += chance.exponential(
                seed, pid, purpose + RARE_MUTANTS, int(flesh.mutants_came[c * LANES + lane])
            )
    if came > 0.0:
        flesh.cells[2 * c * LANES + lane] += came
        return True
    return False


@njit(**INLINED)
def leukaemia_by_chance(lane, today, seed, play_chance, s, person, q, lay, flesh, work, day):
    """Where few cells are left, the day is drawn anew as a birth-death process; seeding of the CNS."""
    pid = person[lane].patient
    cells, before = flesh.cells, day.before
    was = day.cns_before[lane]
    flux = day.flux[lane]
    if not play_chance:
        flesh.cns[lane] += flux
        return
    clones = lay.clone_kill.shape[0]
    drawn = False
    for c in range(clones):
        at, rest = 2 * c * LANES + lane, (2 * c + 1) * LANES + lane
        n = before[at] + before[rest]
        if n == 0.0:
            continue
        purpose = lay.clone_purpose[c]
        if n < FEW:
            own = c * LANES + lane
            a, b = few_cells(before[at], before[rest], q.birth[own] * day.birth[lane], person[lane].death,
                             q.to_rest[own], person[lane].wake, day.cyc[own], day.rest[own], 1.0, seed, pid, purpose,
                             today)  # fmt: skip
            cells[at] = a
            cells[rest] = b
            drawn = True
        elif cells[at] + cells[rest] < FEW:
            cells[at] = whole(cells[at], seed, pid, purpose + 5, today)
            cells[rest] = whole(cells[rest], seed, pid, purpose + 6, today)
            drawn = True
    for c in range(1, clones):
        made = q.mutation[c * LANES + lane] * day.births[lane]
        if made > 0.0 and _mutants(c, lane, today, made, seed, pid, lay, flesh):
            drawn = True
    if drawn:
        flesh.total[lane] = leukaemic_cells(flesh, lane)
    if 0.0 < was < FEW:
        flesh.cns[lane] = chance.birth_death(seed, pid, P_CNS, today, was, s[S_CNS_BIRTH],
                                             s[S_CNS_DEATH] + day.cns[lane], 1.0)  # fmt: skip
    elif 0.0 < flesh.cns[lane] < FEW:
        flesh.cns[lane] = whole(flesh.cns[lane], seed, pid, P_CNS + 1, today)
    if flux >= FEW:
        flesh.cns[lane] += flux
    elif flux > RARE:
        flesh.cns[lane] += chance.poisson(seed, pid, P_SEED, today, flux)
    elif flux > 0.0:
        # rare arrivals: a Poisson process on the clock of cells expected, its next arrival drawn at the last
        flesh.seeded[lane] += flux
        while flesh.seeded[lane] >= flesh.seed_at[lane]:
            flesh.cns[lane] += 1.0
            flesh.seeds[lane] += 1.0
            flesh.seed_at[lane] += chance.exponential(seed, pid, P_SEED_CLOCK, int(flesh.seeds[lane]))


@njit(**INLINED)
def fever_due(lane, today, t, s, person, place, flesh):
    """Add today's hazard of fever, by neutrophil count, and say whether it has reached the next fever: the arrivals of
    an inhomogeneous Poisson process are those of a plain one on the clock of the summed hazard."""
    anc = flesh.line[CIRCULATING * LANES + lane]
    if place.lane[lane].status == AFTER and anc >= 0.5 or today - place.lane[lane].last_fever < s[S_FEVER_PAUSE]:
        return False
    hazard = s[S_H4]
    if anc < 0.1:
        hazard = s[S_H1]
    elif anc < 0.5:
        hazard = s[S_H2]
    elif anc < 1.0:
        hazard = s[S_H3]
    hazard *= person[lane].frailty
    if t.phases[place.lane[lane].phase].repeats == 1:
        hazard *= s[S_H_MAINTENANCE]
    flesh.fever[lane] += hazard / (1.0 + flesh.daily[FEVER * LANES + lane])
    return flesh.fever[lane] >= flesh.fever_at[lane]


@njit(**HOT)
def infection(lane, today, seed, s, person, place, flesh, rec):
    """Fever: some fevers are bloodstream infections, some of those kill."""
    pid = person[lane].patient
    phase = place.lane[lane].phase
    anc = flesh.line[CIRCULATING * LANES + lane]
    flesh.fever[lane] = 0.0
    place.lane[lane].last_fever = today
    place.result[lane, RESULT_FEVERS] += 1.0
    number = int(place.result[lane, RESULT_FEVERS])
    flesh.fever_at[lane] = chance.exponential(seed, pid, P_FEVER, number)
    note_event(rec, lane, today, phase, E_FEVER, anc)
    if chance.uniform(seed, pid, P_BLOODSTREAM, number) < s[S_BSI]:
        place.result[lane, RESULT_BLOODSTREAM] += 1.0
        note_event(rec, lane, today, phase, E_BLOODSTREAM, anc)
        if chance.uniform(seed, pid, P_DEATH, number) < s[S_BSI_DEATH]:
            die(lane, today, CAUSE_INFECTION, place, rec)


@njit(**INLINED)
def finish(lane, outcome, today, place):
    place.result[lane, RESULT_OUTCOME] = outcome
    place.result[lane, RESULT_DAY] = today
    place.lane[lane].status = DONE


@njit(**HOT)
def die(lane, today, cause, place, rec):
    note_event(rec, lane, today, place.lane[lane].phase, E_DEATH, float(cause))
    place.result[lane, RESULT_CAUSE] = cause
    finish(lane, DEATH, today, place)


@njit(**INLINED)
def relapsed(lane, today, site, t, lay, person, place, rec):
    """The leukaemia is back: the end, or the protocol's way on."""
    note_event(rec, lane, today, place.lane[lane].phase, E_RELAPSE, float(site))
    if np.isnan(place.result[lane, RESULT_RELAPSE]):
        place.result[lane, RESULT_SITE] = site
        place.result[lane, RESULT_RELAPSE] = today
    place.lane[lane].relapses += 1
    if lay.on_relapse < 0 or place.lane[lane].relapses > MOST_RELAPSES:
        finish(lane, RELAPSE, today, place)
        return
    if not may_enter(lay.on_relapse_for, lane, today, t, person, place):
        note_event(rec, lane, today, place.lane[lane].phase, E_NOT_FOR, float(lay.on_relapse))
        finish(lane, RELAPSE, today, place)
        return
    place.lane[lane].cut = 2  # whatever runs is taken off next morning
    place.lane[lane].remission = 0
    place.lane[lane].next_phase = -2
    place.lane[lane].phase = lay.on_relapse
    place.lane[lane].status = WAITING
    place.lane[lane].stalled = 0
    place.lane[lane].wait_passed = 0
    place.lane[lane].gate_from = today + 1
    place.lane[lane].gate_check = today + 1


@njit(**HOT)
def relapse_site(marrow, brain, fraction, cns, s):
    """0 marrow, 1 CNS, 2 both (5 % of blasts in marrow or a tenth of the CNS threshold count as involved)."""
    if brain and fraction >= s[S_REMISSION]:
        return 2
    if marrow and cns >= 0.1 * s[S_RELAPSE_CNS]:
        return 2
    return 0 if marrow else 1


@njit(**INLINED)
def daily_record(lane, today, flesh):
    """Days on which states are worth more than once a week: while cells grow, a graft takes, cytokine is up."""
    since = today - max(flesh.immune[lane].cells_day, flesh.immune[lane].transplant_day)
    return since <= DAILY_RECORD_DAYS or flesh.immune[lane].crs > 0


@njit(**HOT)
def fate_of_treatment(lane, today, seed, share, lay, q, place, drugs, flesh, day, rec):
    """Side effects of drugs and grafts, some fatal; death from leukaemia that has come back and is not held, by the
    ``share`` of blasts in the marrow."""
    if flesh.immune[lane].fatal == 1:
        die(lane, today, CAUSE_CRS, place, rec)
        return
    if lay.side_effects > 0:
        killer = side_effects_of_day(lane, today, seed, lay, q, drugs, flesh, day, rec)
        if killer >= 0:
            die(lane, today, FIRST_CAUSE + killer, place, rec)
            return
    lethal = lay.settings[S_LETHAL]
    refractory = place.lane[lane].remission == 0 and today >= REFRACTORY_DAYS
    if lethal > 0.0 and (q.person[lane].relapsed > 0.0 or place.lane[lane].relapses > 0 or refractory):
        if share >= lay.settings[S_RELAPSE_MARROW]:
            flesh.lethal[lane] += lethal * share
        if flesh.lethal[lane] >= flesh.lethal_at[lane]:
            die(lane, today, CAUSE_LEUKAEMIA, place, rec)


@njit(**HOT)
def one_day_more(lane, phase, t, place):
    """Are held days still to be made up, after the last day on which the agent is planned?"""
    if place.lane[lane].owed == 0 or place.lane[lane].day != t.phases[phase].extra_after:
        return False
    if place.lane[lane].extended >= GATE_LIMIT:
        return False
    for slot in range(t.slots.shape[0]):
        if t.slots[slot].phase == phase and t.slots[slot].made_up == 1 and place.slot[slot, lane].stopped == 0:
            return True
    return False


@njit(**INLINED)
def evening(
    lane, today, follow_up_days, seed, play_chance, keep_states, t, lay, q, place, drugs, flesh, work, day, rec
):  # fmt: skip
    """Chance, infection, relapse, the weekly record and the clock of one patient."""
    s, person = lay.settings, q.person
    leukaemia_by_chance(lane, today, seed, play_chance, s, person, q, lay, flesh, work, day)
    if play_chance and fever_due(lane, today, t, s, person, place, flesh):
        infection(lane, today, seed, s, person, place, flesh, rec)
    total = flesh.total[lane]
    fraction = blast_share(total, flesh, person, lane)
    if lay.looks == 0 and place.lane[lane].remission == 0 and today % 7 == 0 and fraction < s[S_REMISSION]:
        place.lane[lane].remission = 1  # no marrow is ever looked at: it is not assessed, but it can be lost
    if place.lane[lane].status != DONE and place.lane[lane].remission > 0:
        marrow = place.lane[lane].remission == 2 or (today % 7 == 0 and fraction >= s[S_RELAPSE_MARROW])
        brain = today % 7 == 0 and flesh.cns[lane] >= s[S_RELAPSE_CNS]
        if marrow or brain:
            site = relapse_site(marrow, brain, fraction, flesh.cns[lane], s)
            relapsed(lane, today, site, t, lay, person, place, rec)
    if play_chance and place.lane[lane].status != DONE:
        fate_of_treatment(lane, today, seed, fraction, lay, q, place, drugs, flesh, day, rec)
    if keep_states and ((today + 1) % 7 == 0 or (lay.living == 1 and daily_record(lane, today, flesh))):
        note_state(rec, lane, today + 1, flesh, lay.t315i, lay.without_cd19, total, fraction)
    if place.lane[lane].status == TREATING and place.lane[lane].stalled == 0:
        phase = place.lane[lane].phase
        place.lane[lane].wait_passed = 0
        place.lane[lane].gate_from = -1
        if one_day_more(lane, phase, t, place):
            place.lane[lane].owed -= 1
            place.lane[lane].extended += 1
            place.lane[lane].extra = 1
        else:
            place.lane[lane].extra = 0
            place.lane[lane].day += 1
        if place.lane[lane].day > t.phases[phase].days:
            if t.phases[phase].repeats == 1 and place.lane[lane].next_phase == -2:
                begin_days(lane, place)
                place.cycle[phase, lane] += 1
            else:
                move_on(lane, today + 1, phase, t, person, place, rec)
    elif (
        place.lane[lane].status == AFTER
        and today >= place.lane[lane].ended + AFTER_DAYS
        and needs_no_days(lane, total, s, person, lay, place, flesh)
    ):
        follow(lane, today + 1, follow_up_days, seed, play_chance, s, person, q, lay, place, flesh, rec)


@njit(**HOT)
def needs_no_days(lane, total, s, person, lay, place, flesh):
    """Can the rest be played week by week: a marrow that works, a remission, and a relapse that would be the end?"""
    if total == 0.0 and flesh.cns[lane] == 0.0:
        return flesh.room[lane] >= 0.1
    if lay.on_relapse >= 0 or flesh.room[lane] < 0.1:
        return False
    if place.lane[lane].remission == 0 and blast_share(total, flesh, person, lane) < s[S_REMISSION]:
        place.lane[lane].remission = 1  # no marrow was looked at
    return place.lane[lane].remission > 0


@njit(**HOT)
def last_day(lane, today, s, person, place, flesh):
    """Where the play ends, someone without an event after treatment is cured, in remission, or not."""
    if place.lane[lane].status == AFTER:
        total = leukaemic_cells(flesh, lane)
        if total == 0.0 and flesh.cns[lane] == 0.0:
            place.result[lane, RESULT_OUTCOME] = CURED
        elif place.lane[lane].remission > 0 or blast_share(total, flesh, person, lane) < s[S_REMISSION]:
            place.result[lane, RESULT_OUTCOME] = IN_REMISSION
        else:
            place.result[lane, RESULT_OUTCOME] = NOT_IN_REMISSION
    place.result[lane, RESULT_DAY] = today


@njit(**HOT)
def follow(lane, start, horizon, seed, play_chance, s, person, q, lay, place, flesh, rec):
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
                place.result[lane, RESULT_RELAPSE] = today
                finish(lane, RELAPSE, today, place)
                return
        crowd = max(0.0, 1.0 - (load / s[S_PACKING]) ** lay.power_of_load)
        for c in range(lay.clone_kill.shape[0]):
            at, rest = 2 * c * LANES + lane, (2 * c + 1) * LANES + lane
            a, b = cells[at], cells[rest]
            if a + b == 0.0:
                continue
            birth, to_rest = q.birth[c * LANES + lane] * crowd, q.to_rest[c * LANES + lane]
            purpose = lay.clone_purpose[c]
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
            cells[at] = a
            cells[rest] = b
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
