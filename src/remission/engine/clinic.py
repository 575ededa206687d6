"""The morning of a patient: gates, visits, rules, decisions, and the doses of the day."""

from __future__ import annotations

import math

from numba import njit

from remission.body.kinetics import HOT, INLINED, LANES
from remission.body.marrow import CIRCULATING, STATE_ROWS
from remission.patient import chance

from .program import (
    ADJUST,
    BLOOD_MRD,
    HOLD,
    LIMIT,
    MAKE_UP,
    MARROW_BLASTS,
    MARROW_MRD,
    OMIT,
    PER_KG,
    PER_M2,
    REPEAT,
    RESCUE,
    RESPONSE,
    START,
    STOP,
    TRANSFUSE,
)
from .records import cut_run, donor_share, note_counts, note_event, note_first, note_mrd, note_run
from .rules import true_for
from .state import (
    AFTER,
    DONE,
    E_AGAIN,
    E_END,
    E_FORCED,
    E_GATE,
    E_GOTO,
    E_HOLD,
    E_LEFT,
    E_NOT_FOR,
    E_PHASE,
    E_PLATELETS,
    E_RAISE,
    E_RED,
    E_REDUCE,
    E_REMISSION,
    E_RESUME,
    E_STOP,
    LEFT,
    R_CUT_BY_END,
    R_CUT_BY_HOLD,
    R_CUT_BY_STOP,
    R_HELD,
    R_MADE_UP,
    R_OMITTED,
    R_PROTOCOL,
    R_RAISED,
    R_REDUCED,
    R_STOPPED,
    RESULT_BLASTS,
    RESULT_DAY,
    RESULT_DELAY,
    RESULT_END_DAY,
    RESULT_IN_TARGET,
    RESULT_LEFT,
    RESULT_MRD,
    RESULT_OUTCOME,
    RESULT_PLATELETS,
    RESULT_RED,
    RESULT_REMISSION_DAY,
    RESULT_SHARE,
    RESULT_SHARES,
    RESULT_VISITS,
    S_ASPIRATE,
    S_BLOOD_LOSS,
    S_FLOW_CELLS,
    S_FLOW_MIN,
    S_NOISE_ANC,
    S_NOISE_HB,
    S_NOISE_PLT,
    S_OTHER,
    S_PLT_RISE,
    S_RED_RISE,
    S_REMISSION,
    STEPS,
    TREATING,
    V_AGE,
    V_ANC,
    V_B,
    V_BLASTS,
    V_BLOOD_MRD,
    V_BRAIN,
    V_CHIMERISM,
    V_CRS,
    V_HB,
    V_IGG,
    V_LYMPH,
    V_MARROW,
    V_MARROW_MRD,
    V_PLT,
    V_PRODUCT,
    V_RELAPSES,
    V_REMISSION,
    V_T315I,
    V_WBC,
    WAITING,
)  # fmt: skip

GATE_LIMIT = 120  # days after which treatment goes on though the counts never came (recorded as an event)

P_ANC = chance.purpose("measured anc")
P_PLT = chance.purpose("measured platelets")
P_HB = chance.purpose("measured haemoglobin")
P_ASPIRATE = chance.purpose("aspirate")
P_CELLS = chance.purpose("cells counted")
P_CELLS_BLOOD = chance.purpose("cells counted in blood")


ANC, PLATELETS, LYMPHOCYTES = (
    (i * STATE_ROWS + CIRCULATING) * LANES for i in (0, 1, 3)
)  # where the counts stand in the blood lines
RED_CELLS = 2 * STATE_ROWS * LANES


@njit(**INLINED)
def haemoglobin(flesh, lane):
    red = RED_CELLS + lane
    return (
        flesh.line[red + LANES]
        + flesh.line[red + 2 * LANES]
        + flesh.line[red + 3 * LANES]
        + flesh.line[red + 4 * LANES]
    )


@njit(**INLINED)
def leukaemic_cells(flesh, lane):
    total = 0.0
    for c in range(flesh.cells.shape[0] // LANES):
        total += flesh.cells[c * LANES + lane]
    return total


@njit(**INLINED)
def blast_share(total, flesh, person, lane):
    """Blasts among the nucleated cells of the marrow. An emptied marrow still has stroma and stray cells: a hundredth
    of a whole one is the least that blasts are counted among."""
    return total / (total + max(flesh.room[lane], 0.01) * person[lane].capacity)


@njit(**INLINED)
def blood_blasts(lane, total, person, flesh, s):
    """Blasts in blood, 1e9/L: inflow from marrow over loss, quasi-steady within hours."""
    return person[lane].blood_ratio * total * s[S_BLOOD_LOSS] / (s[S_BLOOD_LOSS] + flesh.k_blood[lane])


@njit(**INLINED)
def number_sample(lane, phase, day, waited, t, place):
    """What keys the chance of a sample: the phase by name, its cycle, its day, and the days that it has waited there.
    The same sample is as true in an arm that has come to it some days later."""
    at = (place.cycle[phase, lane] << 20) ^ (day << 8) ^ waited
    place.lane[lane].sample = (t.phases[phase].key ^ at) & 0xFFFFFFFF


@njit(**HOT)
def measure(lane, seed, s, person, place, flesh, total):
    """What the laboratory reports: counts with the assay's noise (log-normal)."""
    pid = person[lane].patient
    seen = place.seen
    sample = place.lane[lane].sample
    blasts = blood_blasts(lane, total, person, flesh, s)
    anc = flesh.line[ANC + lane] * (1.0 + flesh.mobilised[lane])
    platelets = flesh.line[PLATELETS + lane] + flesh.pool[lane]
    hb = haemoglobin(flesh, lane)
    seen[V_ANC, lane] = anc * math.exp(s[S_NOISE_ANC] * chance.normal(seed, pid, P_ANC, sample))
    seen[V_PLT, lane] = platelets * math.exp(s[S_NOISE_PLT] * chance.normal(seed, pid, P_PLT, sample))
    seen[V_HB, lane] = hb * math.exp(s[S_NOISE_HB] * chance.normal(seed, pid, P_HB, sample))
    seen[V_LYMPH, lane] = flesh.line[LYMPHOCYTES + lane]
    seen[V_BLASTS, lane] = blasts * 1000.0  # per uL
    seen[V_WBC, lane] = seen[V_ANC, lane] + flesh.line[LYMPHOCYTES + lane] + s[S_OTHER] + blasts
    seen[V_CHIMERISM, lane] = donor_share(flesh, lane)
    seen[V_B, lane] = flesh.immune[lane].b * flesh.immune[lane].b_baseline
    seen[V_IGG, lane] = flesh.immune[lane].igg
    seen[V_CRS, lane] = flesh.immune[lane].crs
    seen[V_BRAIN, lane] = flesh.immune[lane].neuro
    seen[V_PRODUCT, lane] = flesh.immune[lane].product
    seen[V_RELAPSES, lane] = place.lane[lane].relapses + person[lane].relapsed
    seen[V_REMISSION, lane] = 1.0 if place.lane[lane].remission == 1 else 0.0
    ever = seen.shape[0] - flesh.side.shape[0]
    for i in range(flesh.side.shape[0]):
        seen[ever - flesh.side.shape[0] + i, lane] = flesh.side[i, lane].grade
        seen[ever + i, lane] = flesh.side[i, lane].worst


@njit(**HOT)
def assay(fraction, cells, minimum, seed, pid, purpose, sample):
    """The fraction that flow cytometry reports: blasts among ``cells`` (Poisson), nothing below ``minimum`` of them."""
    found = chance.poisson(seed, pid, purpose, sample, cells * fraction)
    return found / cells if found >= minimum else 0.0


@njit(**HOT)
def checks(bits, lane, today, phase, seed, s, t315i, person, place, flesh, total, fraction, rec):
    """Marrow and blood examinations of a day; the first late marrow check is the response to induction."""
    pid = person[lane].patient
    sample = place.lane[lane].sample
    day, cycle = place.lane[lane].day, place.cycle[phase, lane]
    if bits & (MARROW_MRD | MARROW_BLASTS):
        sampled = min(0.999, fraction * math.exp(s[S_ASPIRATE] * chance.normal(seed, pid, P_ASPIRATE, sample)))
        reported = assay(sampled, s[S_FLOW_CELLS], s[S_FLOW_MIN], seed, pid, P_CELLS, sample)
        place.seen[V_MARROW_MRD, lane] = reported
        place.seen[V_MARROW, lane] = sampled
        if t315i >= 0 and total > 0.0:
            mutated = flesh.cells[2 * t315i * LANES + lane] + flesh.cells[(2 * t315i + 1) * LANES + lane]
            place.seen[V_T315I, lane] = mutated / total if reported > 0.0 else 0.0
        note_mrd(rec, lane, today, phase, day, cycle, 0.0, fraction, reported)
        if bits & RESPONSE:
            place.result[lane, RESULT_MRD] = reported
            place.result[lane, RESULT_BLASTS] = fraction
        if fraction < s[S_REMISSION]:
            if place.lane[lane].remission == 0:
                place.lane[lane].remission = 1
                note_first(place, lane, RESULT_REMISSION_DAY, today)
                note_event(rec, lane, today, phase, E_REMISSION, 0.0)
        elif place.lane[lane].remission == 1:
            place.lane[lane].remission = 2
    if bits & BLOOD_MRD:
        share = min(1.0, blood_blasts(lane, total, person, flesh, s) / max(place.seen[V_WBC, lane], 1e-3))
        reported = assay(share, s[S_FLOW_CELLS], s[S_FLOW_MIN], seed, pid, P_CELLS_BLOOD, sample)
        place.seen[V_BLOOD_MRD, lane] = reported
        note_mrd(rec, lane, today, phase, day, cycle, 1.0, share, reported)


@njit(**HOT)
def transfuse(r, t, lane, today, phase, s, place, flesh, rec):
    ml_per_kg = t.rules[r].value
    if t.rules[r].in_turn == 0:
        for i in range(1, 5):
            flesh.line[RED_CELLS + i * LANES + lane] += 0.25 * s[S_RED_RISE] * ml_per_kg
        place.result[lane, RESULT_RED] += 1.0
        note_event(rec, lane, today, phase, E_RED, ml_per_kg)
    else:
        flesh.pool[lane] += s[S_PLT_RISE] * ml_per_kg
        place.result[lane, RESULT_PLATELETS] += 1.0
        note_event(rec, lane, today, phase, E_PLATELETS, ml_per_kg)


@njit(**HOT)
def transfusions(lane, today, phase, t, s, place, flesh, rec):
    """Blood products do not wait for the next course: they are judged at every count, also before a gate."""
    for i in range(t.phases[phase].rules_from, t.phases[phase].rules_to):
        r = t.phase_rules[i]
        if t.rules[r].kind == TRANSFUSE and true_for(t.rules[r].condition, t, place, lane):
            transfuse(r, t, lane, today, phase, s, place, flesh, rec)


@njit(**HOT)
def _all_stopped(r, lane, t, place):
    """Is there nothing left that the rule could act on?"""
    for j in range(t.rules[r].slots_from, t.rules[r].slots_to):
        if place.slot[t.rule_slots[j], lane].stopped == 0:
            return False
    return t.rules[r].slots_to > t.rules[r].slots_from


@njit(**HOT)
def _lasted(r, true_now, lane, today, t, place):
    """Has the rule's condition been true at every visit for as long as it asks?"""
    if not true_now:
        place.rule[r, lane].since = -1
        place.rule[r, lane].true_visits = 0
        return False
    if place.rule[r, lane].since < 0:
        place.rule[r, lane].since = today
    place.rule[r, lane].true_visits += 1
    if today - place.rule[r, lane].since < t.rules[r].days or place.rule[r, lane].true_visits < t.rules[r].visits:
        return False
    place.rule[r, lane].since = -1
    place.rule[r, lane].true_visits = 0
    return True


@njit(**HOT)
def _also_held_by(slot, lane, phase, t, place):
    """Another hold of this phase that still stands for the slot, or -1."""
    for i in range(t.phases[phase].rules_from, t.phases[phase].rules_to):
        r = t.phase_rules[i]
        if t.rules[r].kind == HOLD and place.rule[r, lane].active == 1:
            for j in range(t.rules[r].slots_from, t.rules[r].slots_to):
                if t.rule_slots[j] == slot:
                    return r
    return -1


@njit(**HOT)
def _hold(r, lane, today, phase, t, place, rec):
    if _all_stopped(r, lane, t, place):
        place.rule[r, lane].active = 0
        return
    if place.rule[r, lane].active == 1:
        if _lasted(r, true_for(t.rules[r].until, t, place, lane), lane, today, t, place):
            place.rule[r, lane].active = 0
            longest = t.phases[phase].extra_longest
            free = False
            k = min(place.rule[r, lane].fired - 1, t.rules[r].resume_to - t.rules[r].resume_from - 1)
            share = t.resume[t.rules[r].resume_from + k]
            for j in range(t.rules[r].slots_from, t.rules[r].slots_to):
                slot = t.rule_slots[j]
                if place.slot[slot, lane].held_by != r:
                    continue
                if share < 1.0:
                    place.slot[slot, lane].factor = min(place.slot[slot, lane].factor, share)
                other = _also_held_by(slot, lane, phase, t, place)
                place.slot[slot, lane].held_by = other
                if other >= 0:
                    place.rule[other, lane].held_from = min(
                        place.rule[other, lane].held_from, place.rule[r, lane].held_from
                    )
                    continue
                free = True
                if t.slots[slot].made_up == 1 and 0 < longest < today - place.rule[r, lane].held_from:
                    place.lane[lane].again = 1
            if free:
                note_event(rec, lane, today, phase, E_RESUME, float(r))
    elif true_for(t.rules[r].condition, t, place, lane):
        place.rule[r, lane].active = 1
        place.rule[r, lane].fired += 1
        place.rule[r, lane].held_from = today
        place.lane[lane].cut = max(place.lane[lane].cut, 1)
        for j in range(t.rules[r].slots_from, t.rules[r].slots_to):
            slot = t.rule_slots[j]
            if place.slot[slot, lane].held_by < 0:
                place.slot[slot, lane].held_by = r
        note_event(rec, lane, today, phase, E_HOLD, float(r))


@njit(**HOT)
def _adjust(r, true_now, lane, today, phase, t, place, rec):
    """Multiply the running factor once the condition was true long enough; what is held or stopped is not adjusted."""
    first, last = t.rules[r].slots_from, t.rules[r].slots_to
    held = _all_stopped(r, lane, t, place)
    for j in range(first, last):
        held = held or place.slot[t.rule_slots[j], lane].held_by >= 0
    if not _lasted(r, true_now and not held, lane, today, t, place):
        return
    value = t.rules[r].value
    changed = False
    for j in range(first, last):
        if t.rules[r].in_turn == 1 and place.rule[r, lane].fired % (last - first) != j - first:
            continue
        slot = t.rule_slots[j]
        old = place.slot[slot, lane].factor
        new = old * value
        new = max(old, min(new, t.rules[r].high)) if value > 1.0 else min(old, max(new, t.rules[r].low))
        if new != old:
            place.slot[slot, lane].factor = new
            changed = True
    place.rule[r, lane].fired += 1
    if changed:
        note_event(rec, lane, today, phase, E_RAISE if value > 1.0 else E_REDUCE, float(r))


@njit(**HOT)
def judge(r, lane, today, phase, t, s, place, flesh, rec):
    """One rule at one visit."""
    kind = t.rules[r].kind
    if kind == OMIT or kind == REPEAT or kind == START or kind == RESCUE or kind == STOP or kind == MAKE_UP:
        return
    if kind == HOLD:
        _hold(r, lane, today, phase, t, place, rec)
        return
    true_now = true_for(t.rules[r].condition, t, place, lane)
    if kind == ADJUST:
        _adjust(r, true_now, lane, today, phase, t, place, rec)
    elif kind == LIMIT:
        if true_now and place.rule[r, lane].active == 0 and not _all_stopped(r, lane, t, place):
            note_event(rec, lane, today, phase, E_REDUCE, float(r))
        place.rule[r, lane].active = 1 if true_now else 0
        for j in range(t.rules[r].slots_from, t.rules[r].slots_to):
            slot = t.rule_slots[j]
            if true_now:
                place.slot[slot, lane].limit = min(place.slot[slot, lane].limit, t.rules[r].value)
    elif true_now:
        transfuse(r, t, lane, today, phase, s, place, flesh, rec)


@njit(**HOT)
def stop(r, lane, today, phase, t, place, rec):
    """A rule that stops agents for good, in every phase to come as well."""
    true_now = true_for(t.rules[r].condition, t, place, lane)
    if _all_stopped(r, lane, t, place) or not _lasted(r, true_now, lane, today, t, place):
        return
    place.lane[lane].cut = max(place.lane[lane].cut, 1)
    for j in range(t.rules[r].slots_from, t.rules[r].slots_to):
        stopped = t.rule_slots[j]
        for slot in range(t.slots.shape[0]):
            if same_drug(slot, stopped, t):
                place.slot[slot, lane].stopped = 1
    note_event(rec, lane, today, phase, E_STOP, float(r))


@njit(**INLINED)
def same_drug(slot, other, t):
    """Do two slots stand for one agent by one route?"""
    return t.slots[slot].agent == t.slots[other].agent and t.slots[slot].route == t.slots[other].route


@njit(**HOT)
def disconnect(lane, today, phase, t, place, left, rec, keep_doses):
    """Running infusions end this morning: of what is held in this phase or stopped, or all of them (``cut`` is 2)."""
    for slot in range(t.slots.shape[0]):
        reason = R_CUT_BY_END
        if place.lane[lane].cut == 1:
            if place.slot[slot, lane].stopped == 1:
                reason = R_CUT_BY_STOP
            elif place.slot[slot, lane].held_by >= 0 and t.slots[slot].phase == phase:
                reason = R_CUT_BY_HOLD
            else:
                continue
        for f in range(t.forms.shape[0]):
            if t.forms[f].agent == t.slots[slot].agent and t.forms[f].route == t.slots[slot].route:
                left[f * LANES + lane] = 0.0
        if keep_doses:
            for other in range(t.slots.shape[0]):
                if same_drug(other, slot, t):
                    cut_run(rec, place, other, lane, today, reason)
    place.lane[lane].cut = 0


@njit(**INLINED)
def begin_days(lane, place):
    """A phase or a cycle begins: its first day, nothing to make up."""
    place.lane[lane].day = 1
    place.lane[lane].extra = 0
    place.lane[lane].extended = 0
    place.lane[lane].owed = 0


@njit(**HOT)
def may_enter(entry, lane, today, t, person, place):
    """Is the patient one whom another protocol is for (``entry``: its ``for``, a condition or -1), at today's age?"""
    if entry < 0:
        return True
    at_first = place.seen[V_AGE, lane]
    place.seen[V_AGE, lane] = person[lane].age_y + today / 365.25
    place.seen[V_RELAPSES, lane] = place.lane[lane].relapses + person[lane].relapsed
    meets = true_for(entry, t, place, lane)
    place.seen[V_AGE, lane] = at_first
    return meets


@njit(**HOT)
def enter(lane, today, phase, t, place, rec):
    """First day of a phase: note it, set the starting doses that the person calls for."""
    place.lane[lane].status = TREATING
    place.began[phase, lane] = today
    place.cycle[phase, lane] += 1
    begin_days(lane, place)
    place.lane[lane].gate_from = -1
    note_event(rec, lane, today, phase, E_PHASE, float(phase))
    for i in range(t.phases[phase].rules_from, t.phases[phase].rules_to):
        r = t.phase_rules[i]
        if t.rules[r].kind == START and true_for(t.rules[r].condition, t, place, lane):
            for j in range(t.rules[r].slots_from, t.rules[r].slots_to):
                place.slot[t.rule_slots[j], lane].factor = t.rules[r].value


@njit(**HOT)
def move_on(lane, tomorrow, phase, t, person, place, rec):
    """The phase is over: wait for the next one, or the end of treatment."""
    following = place.lane[lane].next_phase
    if following == -2:
        following = t.phases[phase].next
        if following >= 0 and not may_enter(t.phases[phase].next_for, lane, tomorrow, t, person, place):
            note_event(rec, lane, tomorrow, phase, E_NOT_FOR, float(following))
            following = -1
    place.lane[lane].next_phase = -2
    for i in range(t.phases[phase].rules_from, t.phases[phase].rules_to):
        place.rule[t.phase_rules[i], lane].active = 0  # its holds end with it
    for slot in range(t.slots.shape[0]):
        if t.slots[slot].phase == phase:
            place.slot[slot, lane].held_by = -1
    if following < 0:
        place.lane[lane].status = AFTER
        place.lane[lane].ended = tomorrow
        place.result[lane, RESULT_END_DAY] = tomorrow
        note_event(rec, lane, tomorrow, phase, E_END, 0.0)
    else:
        place.lane[lane].phase = following
        place.lane[lane].status = WAITING
        place.lane[lane].gate_from = tomorrow + t.phases[following].rest
        place.lane[lane].gate_check = place.lane[lane].gate_from


@njit(**INLINED)
def cycles_over(lane, today, phase, t, place):
    """Has a repeating phase reached its end date?"""
    for i in range(t.phases[phase].until_from, t.phases[phase].until_to):
        if t.untils[i].condition < 0 or true_for(t.untils[i].condition, t, place, lane):
            began = 0 if t.untils[i].phase < 0 else max(0, place.began[t.untils[i].phase, lane])
            return today >= began + t.untils[i].days
    return False


@njit(**HOT)
def delayed(lane, today, phase, met, place, rec):
    """Note how long a gate kept the patient waiting, and whether it was ever met."""
    waited = today - place.lane[lane].gate_from
    if not met:
        note_event(rec, lane, today, phase, E_FORCED, 0.0)
    if waited > 0:
        note_event(rec, lane, today, phase, E_GATE, float(waited))
        place.result[lane, RESULT_DELAY] += waited


@njit(**INLINED)
def morning(
    lane, today, seed, t, s, t315i, person, bioavailability, place, flesh, amount, used, left, rec, keep_doses
):  # fmt: skip
    """Everything that the team does for one patient on one day, before the day's doses act."""
    phase = place.lane[lane].phase
    place.lane[lane].visited = -1
    if place.lane[lane].cut == 2:
        disconnect(lane, today, phase, t, place, left, rec, keep_doses)
    total = flesh.total[lane]
    measured = False
    if (
        place.lane[lane].status != WAITING
        and t.phases[phase].repeats == 1
        and cycles_over(lane, today, phase, t, place)
    ):
        move_on(lane, today, phase, t, person, place, rec)
        phase = place.lane[lane].phase
        if place.lane[lane].status != WAITING:
            return
    if place.lane[lane].status == WAITING:
        if today < place.lane[lane].gate_check:
            return
        met = True
        if t.phases[phase].gate >= 0:
            number_sample(lane, phase, 0, today - place.lane[lane].gate_from, t, place)
            measure(lane, seed, s, person, place, flesh, total)
            measured = True
            met = true_for(t.phases[phase].gate, t, place, lane)
            transfusions(lane, today, phase, t, s, place, flesh, rec)
            if not met and today - place.lane[lane].gate_from < GATE_LIMIT:
                note_counts(rec, lane, today, phase, 0, place.cycle[phase, lane] + 1, place.seen)
                place.lane[lane].gate_check = today + t.phases[phase].recheck
                return
        delayed(lane, today, phase, met, place, rec)
        enter(lane, today, phase, t, place, rec)
        if t.phases[phase].repeats == 1 and cycles_over(lane, today, phase, t, place):
            if measured:
                note_counts(rec, lane, today, phase, 1, place.cycle[phase, lane], place.seen)
            move_on(lane, today, phase, t, person, place, rec)
            return

    at = t.phases[phase].start + place.lane[lane].day - 1
    if place.lane[lane].extra == 1:
        at = t.phases[phase].extra
    place.lane[lane].stalled = 0
    if t.days[at].wait >= 0 and place.lane[lane].wait_passed == 0:
        if place.lane[lane].gate_from < 0:
            place.lane[lane].gate_from = today
            place.lane[lane].gate_check = today
        if today < place.lane[lane].gate_check:
            place.lane[lane].stalled = 1
            return
        if not measured:
            number_sample(lane, phase, place.lane[lane].day, today - place.lane[lane].gate_from, t, place)
            measure(lane, seed, s, person, place, flesh, total)
            measured = True
        met = true_for(t.days[at].wait, t, place, lane)
        if not met and today - place.lane[lane].gate_from < GATE_LIMIT:
            note_counts(rec, lane, today, phase, place.lane[lane].day, place.cycle[phase, lane], place.seen)
            transfusions(lane, today, phase, t, s, place, flesh, rec)
            place.lane[lane].gate_check = today + t.phases[phase].recheck
            place.lane[lane].stalled = 1
            return
        delayed(lane, today, phase, met, place, rec)
        place.lane[lane].wait_passed = 1

    if t.days[at].visit == 1 or measured:
        if not visit(at, measured, lane, today, phase, seed, total, t, s, t315i, person, place, flesh, rec):
            return
        if place.lane[lane].cut > 0:
            disconnect(lane, today, phase, t, place, left, rec, keep_doses)
        if place.lane[lane].again == 1:
            note_event(rec, lane, today, phase, E_AGAIN, float(phase))
            enter(lane, today, phase, t, place, rec)
            place.lane[lane].again = 0
            at = t.phases[phase].start
    for i in range(t.days[at].due_from, t.days[at].due_to):
        give(t.due[i], lane, today, phase, t, person, bioavailability, flesh.lost, place, amount, used, rec, keep_doses)


@njit(**HOT)
def visit(at, measured, lane, today, phase, seed, total, t, s, t315i, person, place, flesh, rec):
    """Counts, examinations, rules and decisions of a visit. False when the patient has left the protocol."""
    number_sample(lane, phase, place.lane[lane].day, place.lane[lane].extra * place.lane[lane].extended, t, place)
    if not measured:
        measure(lane, seed, s, person, place, flesh, total)
    place.lane[lane].visited = at
    note_counts(rec, lane, today, phase, place.lane[lane].day, place.cycle[phase, lane], place.seen)
    fraction = blast_share(total, flesh, person, lane)
    checks(t.days[at].checks, lane, today, phase, seed, s, t315i, person, place, flesh, total, fraction, rec)
    if t.phases[phase].repeats == 1:
        place.result[lane, RESULT_VISITS] += 1.0
        if 0.5 <= place.seen[V_ANC, lane] <= 1.5:
            place.result[lane, RESULT_IN_TARGET] += 1.0
    first, last = t.phases[phase].rules_from, t.phases[phase].rules_to
    for i in range(first, last):
        r = t.phase_rules[i]
        if t.rules[r].kind == LIMIT:
            for j in range(t.rules[r].slots_from, t.rules[r].slots_to):
                place.slot[t.rule_slots[j], lane].limit = 1.0
    for i in range(first, last):
        if t.rules[t.phase_rules[i]].kind == STOP:  # first: what is stopped is neither held nor resumed
            stop(t.phase_rules[i], lane, today, phase, t, place, rec)
    for i in range(first, last):
        judge(t.phase_rules[i], lane, today, phase, t, s, place, flesh, rec)
    for i in range(t.days[at].decide_from, t.days[at].decide_to):
        if true_for(t.decides[i].condition, t, place, lane):
            target = t.decides[i].target
            if t.decides[i].action == 1:
                note_event(rec, lane, today, phase, E_LEFT, float(target))
                place.result[lane, RESULT_OUTCOME] = LEFT
                place.result[lane, RESULT_DAY] = today
                place.result[lane, RESULT_LEFT] = target
                place.lane[lane].status = DONE
                return False
            if not may_enter(t.decides[i].entry, lane, today, t, person, place):
                note_event(rec, lane, today, phase, E_NOT_FOR, float(target))
                continue
            note_event(rec, lane, today, phase, E_GOTO, float(target))
            place.lane[lane].next_phase = target
            break
    return True


@njit(**INLINED)
def dose_now(o, share, keep, lane, today, t, person, place):
    """One administration of an order, in the agent's amount unit: size or age, escalation, taper, rule factor, cap; and
    what it would be without the rules."""
    slot = t.orders[o].slot
    dose = t.orders[o].amount
    if t.orders[o].step > 0.0:
        last = place.slot[slot, lane].last_dose
        if last > 0.0:
            dose = last + (0.0 if keep else t.orders[o].step)
        elif t.orders[o].of_slot >= 0 and place.slot[t.orders[o].of_slot, lane].top_dose > 0.0:
            dose = place.slot[t.orders[o].of_slot, lane].top_dose * t.orders[o].start_share
        if share > 0.0:
            place.slot[slot, lane].last_dose = dose
            place.slot[slot, lane].top_dose = max(place.slot[slot, lane].top_dose, dose)
    basis = t.orders[o].basis
    if basis == PER_M2:
        dose *= person[lane].bsa_m2
    elif basis == PER_KG:
        dose *= person[lane].weight_kg
    elif t.orders[o].age_table >= 0:
        table = t.orders[o].age_table
        years = person[lane].age_y + today / 365.25
        for j in range(t.ages.shape[1]):
            if years >= t.ages[table, j].from_age:
                dose = t.ages[table, j].dose
    dose *= t.orders[o].share
    return min(dose * share, t.orders[o].cap), min(dose, t.orders[o].cap)


@njit(**INLINED)
def give(o, lane, today, phase, t, person, bioavailability, lost, place, amount, used, rec, keep_doses):
    """A dose that is due today: as the protocol says, or as the rules have left it."""
    if t.orders[o].condition >= 0 and not true_for(t.orders[o].condition, t, place, lane):
        return
    slot = t.orders[o].slot
    f = t.orders[o].form
    reason = R_PROTOCOL
    share = 0.0
    keep = False
    if place.slot[slot, lane].stopped == 1:
        reason = R_STOPPED
    elif place.slot[slot, lane].held_by >= 0:
        reason = R_HELD
        if t.slots[slot].made_up == 1 and place.lane[lane].owed_on < today:
            place.lane[lane].owed += 1
            place.lane[lane].owed_on = today
    else:
        share = place.slot[slot, lane].factor * place.slot[slot, lane].limit
        if share < 0.999:
            reason = R_REDUCED
        elif share > 1.001:
            reason = R_RAISED
        elif place.lane[lane].extra == 1 and t.slots[slot].made_up == 1:
            reason = R_MADE_UP
        for i in range(t.phases[phase].rules_from, t.phases[phase].rules_to):
            r = t.phase_rules[i]
            kind = t.rules[r].kind
            if kind == OMIT or kind == REPEAT:
                for j in range(t.rules[r].slots_from, t.rules[r].slots_to):
                    if t.rule_slots[j] == slot and true_for(t.rules[r].condition, t, place, lane):
                        if kind == OMIT:
                            share = 0.0
                            reason = R_OMITTED
                        else:
                            keep = True
    dose, planned = dose_now(o, share, keep, lane, today, t, person, place)
    times = t.orders[o].times
    if dose > 0.0:
        usable = (1.0 - lost[t.forms[f].agent * LANES + lane]) * bioavailability[f * LANES + lane]
        if t.forms[f].loss > 0.0:
            per_m2 = dose / person[lane].bsa_m2
            usable *= 1.0 - t.forms[f].loss * per_m2 / (t.forms[f].half_dose + per_m2)
        for k in range(times):
            at = f * STEPS + k * (STEPS // times)
            amount[at * LANES + lane] += dose * usable
            used[at] = True
        for i in range(t.phases[phase].rules_from, t.phases[phase].rules_to):
            r = t.phase_rules[i]
            if t.rules[r].kind == RESCUE:
                for j in range(t.rules[r].slots_from, t.rules[r].slots_to):
                    if t.rule_slots[j] == slot:
                        place.rule[r, lane].rescue_next = today * STEPS + t.rules[r].from_step
                        place.rule[r, lane].rescue_given = 0
    if t.slots[slot].watched == 1:
        place.result[lane, RESULT_SHARE] += share
        place.result[lane, RESULT_SHARES] += 1.0
    if keep_doses:
        note_run(rec, place, slot, lane, today, dose * times, planned * times, share, reason, t.forms[f].tau, times)
