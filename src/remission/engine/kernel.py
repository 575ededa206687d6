"""Plays a block of patients through a protocol, day by day, in closed loop.

A day: measure and judge rules (scalar, patient by patient), kinetics of the agents on board in twelve
exact two-hour steps, effects, leukaemia and marrow in four steps (all lanes at once), chance, record.
The same patient gets the same numbers whatever the block: lanes never mix.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from remission.body.kinetics import JIT, add, fill_form, fill_lane, saturable_products, step
from remission.body.leukaemia import FEW, clone_step, few_cells, whole
from remission.body.marrow import normal_marrow, power_chain, red_cell_chain, saturating_chain
from remission.patient import chance

from .effects import BINS, PER_BIN, add_product, add_scaled, effect
from .rules import MAX_DEPTH, holds

WAITING, TREATING, AFTER, DONE = range(4)
LANE_COUNT = 32
STEPS = 12
AFTER_DAYS = 84  # days after treatment that are still played in full, for the counts to come back
FOLLOW_STEP = 7.0
GATE_LIMIT = 120  # days after which a phase starts though its counts never came (recorded as an event)
GONE = 1e-6

# purposes of chance
P_ANC = chance.purpose("measured anc")
P_PLT = chance.purpose("measured platelets")
P_HB = chance.purpose("measured haemoglobin")
P_FEVER = chance.purpose("fever")
P_BLOODSTREAM = chance.purpose("bloodstream infection")
P_DEATH = chance.purpose("death from infection")
P_ASPIRATE = chance.purpose("aspirate")
P_CELLS = chance.purpose("cells counted")
P_CLONE = chance.purpose("clone")
P_CNS = chance.purpose("cns")
P_SEED = chance.purpose("cns seeding")

# outcomes
ON_TREATMENT, IN_REMISSION, CURED, RELAPSE, DEATH, LEFT = range(6)
# events
(E_PHASE, E_GATE, E_HOLD, E_RESUME, E_RAISE, E_REDUCE, E_STOP, E_FEVER, E_BLOODSTREAM, E_RED, E_PLATELETS, E_REMISSION,
 E_RELAPSE, E_DEATH, E_LEFT, E_END, E_FORCED, E_GOTO) = range(18)  # fmt: skip
# reasons of doses
(R_PROTOCOL, R_REDUCED, R_RAISED, R_HELD, R_OMITTED, R_STOPPED, R_RESCUE) = range(7)
# settings, in the order of lanes.SETTINGS
(S_PACKING, S_THETA, _S2, S_OTHER, S_BLOOD_LOSS, S_CNS_BIRTH, S_CNS_DEATH, S_SEED, S_FLOW_CELLS, S_FLOW_MIN, S_ASPIRATE,
 S_NOISE_ANC, S_NOISE_PLT, S_NOISE_HB, S_H1, S_H2, S_H3, S_H4, S_H_MAINTENANCE, S_FEVER_PAUSE, S_BSI, S_BSI_DEATH,
 S_RED_RISE, S_PLT_RISE, S_PLT_POOL_LOSS, S_RELAPSE_MARROW, S_RELAPSE_CNS, S_REMISSION, _S28) = range(29)  # fmt: skip
# variables
(V_ANC, V_PLT, V_HB, V_WBC, V_LYMPH, V_BLASTS, V_MARROW, V_MARROW_MRD, V_BLOOD_MRD) = range(9)
V_AGE = 9
LEVELS_FROM = 18
HOLD, ADJUST, LIMIT, START, STOP, TRANSFUSE, OMIT, REPEAT, RESCUE = range(9)
N_OUT = 20  # columns of the outcome record


@njit(**JIT)
def grown(record):
    """The record with twice the room."""
    bigger = np.empty((record.shape[0] * 2, record.shape[1]))
    bigger[: record.shape[0]] = record
    return bigger


@njit(**JIT)
def play_block(t, lay, q, program_days, follow_up_days, play_chance, keep_doses, keep_states, seed):
    """Play one block. t: Tables; lay: Layout; q: Lanes of LANE_COUNT patients.

    Returns (outcomes (L, N_OUT), measurements, mrd, doses, events, states): float arrays, one row a record."""
    lanes = LANE_COUNT
    s = lay.settings
    n_agents = lay.microsteps.shape[0]
    n_forms = t.form_agent.shape[0]
    n_outputs = lay.output_from[n_agents]
    n_clones = q.birth.shape[0]
    n_rules = t.rule_kind.shape[0]
    n_slots = t.slot_count
    n_classes = q.sensitivity.shape[0]
    n_effects = lay.effect_agent.shape[0]
    n_levels = t.level_agent.shape[0]

    # --- propagators ---------------------------------------------------------------------------------------------
    phi = np.zeros((lay.phi_from[n_agents], lanes))
    mean = np.zeros((lay.mean_from[n_agents], lanes))
    part_end = np.zeros((lay.form_state_from[n_forms], lanes))
    part_mean = np.zeros((lay.form_output_from[n_forms], lanes))
    rate_end = np.zeros((lay.form_state_from[n_forms], lanes))
    rate_mean = np.zeros((lay.form_output_from[n_forms], lanes))
    # unit rate into the central compartment, for saturable elimination
    sink_end = np.zeros((lay.state_from[n_agents], lanes))
    sink_mean = np.zeros((n_outputs, lanes))
    for agent in range(n_agents):
        n = lay.state_from[agent + 1] - lay.state_from[agent]
        lin = lay.linear_outputs[agent]
        h = 1.0 / (STEPS * lay.microsteps[agent])
        for lane in range(lanes):
            a = q.a[lay.a_from[agent] : lay.a_from[agent + 1], lane].copy().reshape(n, n)
            g = q.g[lay.g_from[agent] : lay.g_from[agent + 1], lane].copy().reshape(lin, n)
            f0, f1 = lay.phi_from[agent], lay.phi_from[agent + 1]
            m0, m1 = lay.mean_from[agent], lay.mean_from[agent + 1]
            fill_lane(a, n, g, lin, h, lay.phi_row[f0:f1], lay.phi_column[f0:f1], phi[f0:f1],
                      lay.mean_row[m0:m1], lay.mean_column[m0:m1], mean[m0:m1], lane)  # fmt: skip
            for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
                f = lay.agent_forms[i]
                a0, a1 = lay.form_state_from[f], lay.form_state_from[f + 1]
                b0, b1 = lay.form_output_from[f], lay.form_output_from[f + 1]
                fill_form(a, n, g, lin, h, t.form_tau[f], lay.form_entry[f], t.form_whole[f], part_end[a0:a1],
                          part_mean[b0:b1], rate_end[a0:a1], rate_mean[b0:b1], lane)  # fmt: skip
            if lay.saturable[agent] == 1:
                s0, s1 = lay.state_from[agent], lay.state_from[agent + 1]
                o0 = lay.output_from[agent]
                _sink(a, n, g, lin, h, lay.central[agent], sink_end[s0:s1], sink_mean[o0 : o0 + lin], lane)
    decay = np.zeros((lay.product_from[n_agents], lanes))
    loss_h = np.zeros((lay.product_from[n_agents], lanes))
    inflow_h = np.zeros((lay.product_from[n_agents], lanes))
    for agent in range(n_agents):
        h = 1.0 / (STEPS * lay.microsteps[agent])
        for i in range(lay.product_from[agent], lay.product_from[agent + 1]):
            for lane in range(lanes):
                loss_h[i, lane] = q.product_loss[i, lane] * h
                inflow_h[i, lane] = q.product_formation[i, lane] * h
                decay[i, lane] = math.exp(-loss_h[i, lane])

    # --- the body at diagnosis -----------------------------------------------------------------------------------
    x = np.zeros((lay.state_from[n_agents], lanes))
    xn = np.zeros((lay.state_from[n_agents], lanes))
    z = np.zeros((max(1, lay.product_from[n_agents]), lanes))
    y = np.zeros((n_outputs * STEPS, lanes))  # mean outputs of the day, output by output
    ym = np.zeros((16, lanes))
    level = np.zeros((max(1, n_levels) * STEPS, lanes))
    on_board = np.zeros(n_agents, dtype=np.bool_)
    anc = np.zeros((6, lanes))
    lymph = np.zeros((6, lanes))
    plt = np.zeros((5, lanes))
    red = np.zeros((5, lanes))
    plt_pool = np.zeros(lanes)
    room = q.normal.copy()
    room_new = np.zeros(lanes)
    room_growth = np.zeros(lanes)
    cells = q.cells.copy()  # (clones, 2, L)
    before = np.zeros((n_clones, 2, lanes))
    cns = q.cns_cells.copy()
    cns_before = np.zeros(lanes)
    for lane in range(lanes):
        for i in range(5):
            anc[i, lane] = q.presenting[0, lane]
            lymph[i, lane] = q.presenting[3, lane]
            plt[i, lane] = q.presenting[1, lane] * (q.plt_loss[lane] / q.plt_transit[lane] if i < 4 else 1.0)
            red[i, lane] = q.presenting[2, lane] / 4.0
        red[0, lane] = q.hb0[lane] / 4.0 * q.hb_ageing[lane] * q.hb_tau[lane] * room[lane]
    hb_production = np.zeros(lanes)
    for lane in range(lanes):
        hb_production[lane] = q.hb0[lane] * q.hb_ageing[lane] / 4.0

    # --- effects and loads of a day ------------------------------------------------------------------------------
    out = np.zeros(lanes)
    ones = np.ones(lanes)
    e_line = np.zeros((4 * BINS, lanes))
    k_cyc = np.zeros((n_classes * BINS, lanes))
    k_rest = np.zeros((n_classes * BINS, lanes))
    class_active = np.zeros(n_classes, dtype=np.bool_)
    k_blood = np.zeros(lanes)
    k_cns = np.zeros((BINS, lanes))
    mobilised = np.zeros(lanes)
    clone_cyc = np.zeros(lanes)
    clone_rest = np.zeros(lanes)
    day_cyc = np.zeros((n_clones, lanes))
    day_rest = np.zeros((n_clones, lanes))
    day_birth = np.zeros(lanes)
    day_cns = np.zeros(lanes)
    crowd = np.zeros(lanes)
    load = np.zeros(lanes)
    load_new = np.zeros(lanes)
    growth = np.zeros(lanes)

    # --- where each patient stands -------------------------------------------------------------------------------
    status = np.zeros(lanes, dtype=np.int64)
    phase = np.zeros(lanes, dtype=np.int64)
    day = np.ones(lanes, dtype=np.int64)
    phase_began = np.full((t.phase_days.shape[0], lanes), -1, dtype=np.int64)
    next_phase = np.full(lanes, -2, dtype=np.int64)  # -2: as the protocol says
    gate_from = np.zeros(lanes, dtype=np.int64)
    gate_check = np.zeros(lanes, dtype=np.int64)
    wait_passed = np.zeros(lanes, dtype=np.int64)
    stalled = np.zeros(lanes, dtype=np.int64)
    first_treated = np.zeros(lanes, dtype=np.int64)
    treatment_ended = np.full(lanes, -1, dtype=np.int64)
    factor = np.ones((n_slots, lanes))
    limit = np.ones((n_slots, lanes))
    held_by = np.full((n_slots, lanes), -1, dtype=np.int64)
    stopped = np.zeros((n_slots, lanes), dtype=np.int64)
    last_dose = np.zeros((n_slots, lanes))  # of an escalating order, per m2
    top_dose = np.zeros((n_slots, lanes))
    since = np.full((n_rules, lanes), -1, dtype=np.int64)
    true_visits = np.zeros((n_rules, lanes), dtype=np.int64)
    fired = np.zeros((n_rules, lanes), dtype=np.int64)
    active = np.zeros((n_rules, lanes), dtype=np.int64)
    rescue_next = np.full((n_rules, lanes), -1, dtype=np.int64)
    rescue_given = np.zeros((n_rules, lanes), dtype=np.int64)
    seen = q.seen.copy()
    stack = np.zeros(MAX_DEPTH, dtype=np.bool_)
    last_fever = np.full(lanes, -1000, dtype=np.int64)
    result = np.full((lanes, N_OUT), np.nan)
    in_remission = np.zeros(lanes, dtype=np.int64)
    first_marrow_check = np.zeros(lanes, dtype=np.int64)

    amount = np.zeros((n_forms * STEPS, lanes))
    form_used = np.zeros(n_forms * STEPS, dtype=np.bool_)
    inf_left = np.zeros((n_forms, lanes))
    inf_rate = np.zeros((n_forms, lanes))
    inf_on = np.zeros(n_forms, dtype=np.bool_)
    now_rate = np.zeros(lanes)
    now_part = np.zeros(lanes)

    # --- records -------------------------------------------------------------------------------------------------
    r_meas = np.empty((lanes * 160, 10))
    n_meas = 0
    r_mrd = np.empty((lanes * 6, 6))
    n_mrd = 0
    r_dose = np.empty((lanes * 200, 8))
    n_dose = 0
    r_event = np.empty((lanes * 60, 5))
    n_event = 0
    r_state = np.empty((lanes * 200, 9))
    n_state = 0
    run_from = np.full((n_slots, lanes), -1, dtype=np.int64)
    run_to = np.zeros((n_slots, lanes), dtype=np.int64)
    run_dose = np.zeros((n_slots, lanes))
    run_factor = np.zeros((n_slots, lanes))
    run_reason = np.zeros((n_slots, lanes), dtype=np.int64)

    for lane in range(lanes):
        if q.real[lane] == 0:
            status[lane] = DONE
        result[lane, 0] = ON_TREATMENT
        for i in range(12, 16):
            result[lane, i] = 0.0
        for i in (7, 16, 17, 18, 19):
            result[lane, i] = 0.0

    for today in range(program_days):
        any_left = False
        # ======================== measure, judge, dose: patient by patient ========================
        for lane in range(lanes):
            if status[lane] == DONE or status[lane] == AFTER:
                if status[lane] == AFTER:
                    any_left = True
                continue
            any_left = True
            pid = q.patient[lane]
            p = phase[lane]
            total = 0.0
            for c in range(n_clones):
                total += cells[c, 0, lane] + cells[c, 1, lane]
            fraction = total / (total + room[lane] * q.capacity[lane])
            measured = False

            if status[lane] == WAITING:
                if today < gate_check[lane]:
                    continue
                gate = t.phase_gate[p]
                open_gate = True
                if gate >= 0:
                    _measure(lane, today, pid, seed, s, seen, anc, plt, plt_pool, red, lymph, mobilised, total,
                             q.blood_ratio, k_blood)  # fmt: skip
                    measured = True
                    open_gate = holds(gate, t.condition_from, t.condition_code, t.condition_variable,
                                      t.condition_value, seen, lane, stack)  # fmt: skip
                    if n_meas >= r_meas.shape[0] - 1:
                        r_meas = grown(r_meas)
                    n_meas = _note_counts(r_meas, n_meas, lane, today, p, 0, seen)
                    # a hold or transfusion does not wait for the next phase: products are given at any visit
                    for i in range(t.phase_rule_from[p], t.phase_rule_from[p + 1]):
                        r = t.phase_rules[i]
                        if t.rule_kind[r] == TRANSFUSE and holds(
                            t.rule_condition[r], t.condition_from, t.condition_code, t.condition_variable,
                            t.condition_value, seen, lane, stack,
                        ):  # fmt: skip
                            if n_event >= r_event.shape[0] - 4:
                                r_event = grown(r_event)
                            n_event = _transfuse(r, t, lane, today, p, s, red, plt_pool, result, r_event, n_event)
                if not open_gate and today - gate_from[lane] < GATE_LIMIT:
                    gate_check[lane] = today + t.phase_recheck[p]
                    continue
                if n_event >= r_event.shape[0] - 8:
                    r_event = grown(r_event)
                if not open_gate:
                    n_event = _event(r_event, n_event, lane, today, p, E_FORCED, 0.0)
                if today > gate_from[lane]:
                    n_event = _event(r_event, n_event, lane, today, p, E_GATE, today - gate_from[lane])
                    result[lane, 7] += today - gate_from[lane]
                n_event = _event(r_event, n_event, lane, today, p, E_PHASE, float(p))
                status[lane] = TREATING
                day[lane] = 1
                phase_began[p, lane] = today
                for i in range(t.phase_rule_from[p], t.phase_rule_from[p + 1]):
                    r = t.phase_rules[i]
                    if t.rule_kind[r] == START and holds(
                        t.rule_condition[r], t.condition_from, t.condition_code, t.condition_variable,
                        t.condition_value, seen, lane, stack,
                    ):  # fmt: skip
                        for j in range(t.rule_from[r], t.rule_from[r + 1]):
                            factor[t.rule_slots[j], lane] = t.rule_value[r]

            # end of a repeating phase
            if t.phase_repeats[p] == 1:
                over = False
                for i in range(t.until_from[p], t.until_from[p + 1]):
                    if t.until_condition[i] < 0 or holds(
                        t.until_condition[i], t.condition_from, t.condition_code, t.condition_variable,
                        t.condition_value, seen, lane, stack,
                    ):  # fmt: skip
                        began = 0 if t.until_phase[i] < 0 else phase_began[t.until_phase[i], lane]
                        if began < 0:
                            began = 0
                        over = today >= began + t.until_days[i]
                        break
                if over:
                    if n_event >= r_event.shape[0] - 4:
                        r_event = grown(r_event)
                    following = t.phase_next[p] if next_phase[lane] == -2 else next_phase[lane]
                    next_phase[lane] = -2
                    if following < 0:
                        n_event = _event(r_event, n_event, lane, today, p, E_END, 0.0)
                        status[lane] = AFTER
                        treatment_ended[lane] = today
                        result[lane, 4] = today
                    else:
                        phase[lane] = following
                        status[lane] = WAITING
                        gate_from[lane] = today + t.phase_rest[following]
                        gate_check[lane] = gate_from[lane]
                    continue

            at = t.phase_start[p] + day[lane] - 1
            stalled[lane] = 0
            # a day that waits for counts
            if t.day_wait[at] >= 0 and wait_passed[lane] == 0:
                if gate_from[lane] < 0:
                    gate_from[lane] = today
                    gate_check[lane] = today
                if today < gate_check[lane]:
                    stalled[lane] = 1
                    continue
                if not measured:
                    _measure(lane, today, pid, seed, s, seen, anc, plt, plt_pool, red, lymph, mobilised, total,
                             q.blood_ratio, k_blood)  # fmt: skip
                    measured = True
                ok = holds(t.day_wait[at], t.condition_from, t.condition_code, t.condition_variable,
                           t.condition_value, seen, lane, stack)  # fmt: skip
                if not ok and today - gate_from[lane] < GATE_LIMIT:
                    if n_meas >= r_meas.shape[0] - 1:
                        r_meas = grown(r_meas)
                    n_meas = _note_counts(r_meas, n_meas, lane, today, p, day[lane], seen)
                    gate_check[lane] = today + t.phase_recheck[p]
                    stalled[lane] = 1
                    for i in range(t.phase_rule_from[p], t.phase_rule_from[p + 1]):
                        r = t.phase_rules[i]
                        if t.rule_kind[r] == TRANSFUSE and holds(
                            t.rule_condition[r], t.condition_from, t.condition_code, t.condition_variable,
                            t.condition_value, seen, lane, stack,
                        ):  # fmt: skip
                            if n_event >= r_event.shape[0] - 4:
                                r_event = grown(r_event)
                            n_event = _transfuse(r, t, lane, today, p, s, red, plt_pool, result, r_event, n_event)
                    continue
                if today > gate_from[lane]:
                    if n_event >= r_event.shape[0] - 4:
                        r_event = grown(r_event)
                    if not ok:
                        n_event = _event(r_event, n_event, lane, today, p, E_FORCED, 0.0)
                    n_event = _event(r_event, n_event, lane, today, p, E_GATE, today - gate_from[lane])
                    result[lane, 7] += today - gate_from[lane]
                wait_passed[lane] = 1

            # visit
            if t.day_visit[at] == 1 or measured:
                if not measured:
                    _measure(lane, today, pid, seed, s, seen, anc, plt, plt_pool, red, lymph, mobilised, total,
                             q.blood_ratio, k_blood)  # fmt: skip
                if n_meas >= r_meas.shape[0] - 1:
                    r_meas = grown(r_meas)
                n_meas = _note_counts(r_meas, n_meas, lane, today, p, day[lane], seen)
                bits = t.day_checks[at]
                if bits & 14:
                    if n_mrd >= r_mrd.shape[0] - 4:
                        r_mrd = grown(r_mrd)
                    if bits & 10:
                        n_mrd = _marrow_check(lane, today, p, pid, seed, s, seen, fraction, r_mrd, n_mrd, result,
                                              first_marrow_check)  # fmt: skip
                    if bits & 4:
                        blood = _blood_blasts(lane, total, q.blood_ratio, k_blood, s) / max(seen[V_WBC, lane], 1e-3)
                        n_mrd = _blood_check(lane, today, p, pid, seed, s, seen, min(blood, 1.0), r_mrd, n_mrd)
                    if bits & 10 and in_remission[lane] == 0 and fraction < s[S_REMISSION]:
                        in_remission[lane] = 1
                        result[lane, 2] = today
                        if n_event >= r_event.shape[0] - 4:
                            r_event = grown(r_event)
                        n_event = _event(r_event, n_event, lane, today, p, E_REMISSION, 0.0)
                    elif bits & 10 and in_remission[lane] == 1 and fraction >= s[S_REMISSION]:
                        in_remission[lane] = 2  # seen in the marrow: relapse, below
                repeats = t.phase_repeats[p] == 1
                if repeats:
                    result[lane, 16] += 1.0
                    if 0.5 <= seen[V_ANC, lane] <= 1.5:
                        result[lane, 17] += 1.0
                if n_event >= r_event.shape[0] - 4 * (n_rules + 8):
                    r_event = grown(r_event)
                for i in range(t.phase_rule_from[p], t.phase_rule_from[p + 1]):
                    n_event = _judge(t.phase_rules[i], t, lane, today, p, s, seen, stack, factor, limit, held_by,
                                     stopped, since, true_visits, fired, active, red, plt_pool, result, r_event,
                                     n_event)  # fmt: skip
                gone = False
                for i in range(t.decide_from[at], t.decide_from[at + 1]):
                    if holds(t.decide_condition[i], t.condition_from, t.condition_code, t.condition_variable,
                             t.condition_value, seen, lane, stack):  # fmt: skip
                        if t.decide_action[i] == 1:
                            n_event = _event(r_event, n_event, lane, today, p, E_LEFT, float(t.decide_target[i]))
                            result[lane, 0] = LEFT
                            result[lane, 1] = today
                            result[lane, 8] = t.decide_target[i]
                            status[lane] = DONE
                            gone = True
                        else:
                            n_event = _event(r_event, n_event, lane, today, p, E_GOTO, float(t.decide_target[i]))
                            next_phase[lane] = t.decide_target[i]
                        break
                if gone:
                    continue

            # doses
            for i in range(t.due_from[at], t.due_from[at + 1]):
                o = t.due[i]
                if t.order_condition[o] >= 0 and not holds(
                    t.order_condition[o], t.condition_from, t.condition_code, t.condition_variable,
                    t.condition_value, seen, lane, stack,
                ):  # fmt: skip
                    continue
                slot = t.order_slot[o]
                f = t.order_form[o]
                share = 1.0
                reason = R_PROTOCOL
                if stopped[slot, lane] == 1:
                    share, reason = 0.0, R_STOPPED
                elif held_by[slot, lane] >= 0:
                    share, reason = 0.0, R_HELD
                else:
                    share = factor[slot, lane] * limit[slot, lane]
                    if share < 0.999:
                        reason = R_REDUCED
                    elif share > 1.001:
                        reason = R_RAISED
                per_unit = t.order_amount[o]
                keep = False
                for k in range(t.phase_rule_from[p], t.phase_rule_from[p + 1]):
                    r = t.phase_rules[k]
                    kind = t.rule_kind[r]
                    if kind != OMIT and kind != REPEAT:
                        continue
                    for j in range(t.rule_from[r], t.rule_from[r + 1]):
                        if t.rule_slots[j] == slot and holds(
                            t.rule_condition[r], t.condition_from, t.condition_code, t.condition_variable,
                            t.condition_value, seen, lane, stack,
                        ):  # fmt: skip
                            if kind == OMIT:
                                share, reason = 0.0, R_OMITTED
                            else:
                                keep = True
                if t.order_step[o] > 0.0:
                    if last_dose[slot, lane] > 0.0:
                        per_unit = last_dose[slot, lane] + (0.0 if keep else t.order_step[o])
                    elif t.order_of_slot[o] >= 0 and top_dose[t.order_of_slot[o], lane] > 0.0:
                        per_unit = top_dose[t.order_of_slot[o], lane] * t.order_start_share[o]
                    if share > 0.0:
                        last_dose[slot, lane] = per_unit
                        top_dose[slot, lane] = max(top_dose[slot, lane], per_unit)
                basis = t.order_basis[o]
                dose = per_unit
                if basis == 0:
                    dose *= q.bsa_m2[lane]
                elif basis == 1:
                    dose *= q.weight_kg[lane]
                elif basis == 3:
                    years = q.age_y[lane] + today / 365.25
                    table = t.order_age_table[o]
                    for j in range(t.age_from.shape[1]):
                        if years >= t.age_from[table, j]:
                            dose = t.age_dose[table, j]
                dose = min(dose * t.order_share[o], t.order_cap[o]) if share <= 1.0 else dose * t.order_share[o]
                dose *= share
                times = t.order_times[o]
                if dose > 0.0:
                    usable = q.bioavailability[f, lane]
                    if t.form_loss[f] > 0.0:
                        d_m2 = dose / q.bsa_m2[lane]
                        usable *= 1.0 - t.form_loss[f] * d_m2 / (t.form_half_dose[f] + d_m2)
                    for k in range(times):
                        at_step = f * STEPS + k * (STEPS // times)
                        amount[at_step, lane] += dose * usable
                        form_used[at_step] = True
                    for k in range(t.phase_rule_from[p], t.phase_rule_from[p + 1]):
                        r = t.phase_rules[k]
                        if t.rule_kind[r] == RESCUE:
                            for j in range(t.rule_from[r], t.rule_from[r + 1]):
                                if t.rule_slots[j] == slot:
                                    rescue_next[r, lane] = today * STEPS + t.rescue_from_step[r]
                                    rescue_given[r, lane] = 0
                if t.slot_watched[slot] == 1:
                    result[lane, 18] += share
                    result[lane, 19] += 1.0
                if keep_doses:
                    total_dose = dose * times
                    if (
                        run_from[slot, lane] >= 0
                        and run_to[slot, lane] == today - 1
                        and run_reason[slot, lane] == reason
                        and abs(run_dose[slot, lane] - total_dose) < 1e-9
                    ):
                        run_to[slot, lane] = today
                    elif run_from[slot, lane] >= 0 and run_to[slot, lane] == today:
                        run_dose[slot, lane] += total_dose
                    else:
                        if run_from[slot, lane] >= 0:
                            if n_dose >= r_dose.shape[0] - 1:
                                r_dose = grown(r_dose)
                            n_dose = _note_dose(r_dose, n_dose, lane, slot, run_from, run_to, run_dose, run_factor,
                                                run_reason)  # fmt: skip
                        run_from[slot, lane] = today
                        run_to[slot, lane] = today
                        run_dose[slot, lane] = total_dose
                        run_factor[slot, lane] = share
                        run_reason[slot, lane] = reason
        if not any_left:
            break

        # ======================== kinetics: agents on board, twelve exact steps ========================
        for agent in range(n_agents):
            given = False
            for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
                f = lay.agent_forms[i]
                for k in range(STEPS):
                    if form_used[f * STEPS + k]:
                        given = True
                if inf_on[f]:
                    given = True
            # rescue: this agent's doses depend on levels of the day
            for r in range(n_rules):
                if t.rule_kind[r] == RESCUE and t.form_agent[t.order_form[t.rescue_order[r]]] == agent:
                    o = t.rescue_order[r]
                    f = t.order_form[o]
                    for lane in range(lanes):
                        if rescue_next[r, lane] < 0 or status[lane] == DONE:
                            continue
                        for k in range(STEPS):
                            if rescue_next[r, lane] < 0 or today * STEPS + k < rescue_next[r, lane]:
                                continue
                            for j in range(n_levels):
                                seen[LEVELS_FROM + j, lane] = level[j * STEPS + k, lane]
                            if rescue_given[r, lane] >= t.rescue_at_least[r] and holds(
                                t.rule_until[r], t.condition_from, t.condition_code, t.condition_variable,
                                t.condition_value, seen, lane, stack,
                            ):  # fmt: skip
                                rescue_next[r, lane] = -1
                                continue
                            dose = t.order_amount[o]
                            if t.order_basis[o] == 0:
                                dose *= q.bsa_m2[lane]
                            elif t.order_basis[o] == 1:
                                dose *= q.weight_kg[lane]
                            amount[f * STEPS + k, lane] += dose * q.bioavailability[f, lane]
                            form_used[f * STEPS + k] = True
                            given = True
                            rescue_given[r, lane] += 1
                            rescue_next[r, lane] += t.rescue_every_step[r]
                            if keep_doses:
                                slot = t.order_slot[o]
                                if run_from[slot, lane] >= 0 and run_to[slot, lane] == today:
                                    run_dose[slot, lane] += dose
                                else:
                                    if run_from[slot, lane] >= 0:
                                        if n_dose >= r_dose.shape[0] - 1:
                                            r_dose = grown(r_dose)
                                        n_dose = _note_dose(r_dose, n_dose, lane, slot, run_from, run_to, run_dose,
                                                            run_factor, run_reason)  # fmt: skip
                                    run_from[slot, lane] = today
                                    run_to[slot, lane] = today
                                    run_dose[slot, lane] = dose
                                    run_factor[slot, lane] = 1.0
                                    run_reason[slot, lane] = R_RESCUE
            if given:
                on_board[agent] = True
            if not on_board[agent]:
                continue
            s0, s1 = lay.state_from[agent], lay.state_from[agent + 1]
            o0, o1 = lay.output_from[agent], lay.output_from[agent + 1]
            lin = lay.linear_outputs[agent]
            f0, f1 = lay.phi_from[agent], lay.phi_from[agent + 1]
            m0, m1 = lay.mean_from[agent], lay.mean_from[agent + 1]
            micro = lay.microsteps[agent]
            p0, p1 = lay.product_from[agent], lay.product_from[agent + 1]
            xa = x[s0:s1]
            xb = xn[s0:s1]
            for k in range(STEPS):
                for j in range(n_levels):
                    if t.level_agent[j] == agent:
                        _instant(xa, q.g[lay.g_from[agent] : lay.g_from[agent] + s1 - s0], level[j * STEPS + k])
                for j in range(o1 - o0):
                    row = y[(o0 + j) * STEPS + k]
                    for lane in range(lanes):
                        row[lane] = 0.0
                for w in range(micro):
                    yw = ym[:lin]
                    step(xa, xb, yw, lay.phi_row[f0:f1], lay.phi_column[f0:f1], phi[f0:f1], lay.mean_row[m0:m1],
                         lay.mean_column[m0:m1], mean[m0:m1])  # fmt: skip
                    for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
                        f = lay.agent_forms[i]
                        start = w == 0 and form_used[f * STEPS + k]
                        if not start and not inf_on[f]:
                            continue
                        a0, a1 = lay.form_state_from[f], lay.form_state_from[f + 1]
                        b0, b1 = lay.form_output_from[f], lay.form_output_from[f + 1]
                        if t.form_whole[f] == 0:
                            add(xb, yw, part_end[a0:a1], part_mean[b0:b1], amount[f * STEPS + k])
                            continue
                        has_rest = 1.0 if t.form_rest_days[f] > 1e-12 else 0.0
                        still = False
                        for lane in range(lanes):
                            if start and amount[f * STEPS + k, lane] > 0.0:
                                inf_left[f, lane] = t.form_whole[f] + has_rest
                                inf_rate[f, lane] = amount[f * STEPS + k, lane] / t.form_tau[f]
                            now_rate[lane] = 0.0
                            now_part[lane] = 0.0
                            if inf_left[f, lane] > 0.0:
                                if inf_left[f, lane] == 1.0 and has_rest == 1.0:
                                    now_part[lane] = inf_rate[f, lane] * t.form_rest_days[f]
                                else:
                                    now_rate[lane] = inf_rate[f, lane]
                                inf_left[f, lane] -= 1.0
                                if inf_left[f, lane] > 0.0:
                                    still = True
                        add(xb, yw, rate_end[a0:a1], rate_mean[b0:b1], now_rate)
                        if has_rest == 1.0:
                            add(xb, yw, part_end[a0:a1], part_mean[b0:b1], now_part)
                        inf_on[f] = still
                    if lay.saturable[agent] == 1:
                        _saturable_sink(xa, xb, yw, q.g[lay.g_from[agent] : lay.g_from[agent] + s1 - s0],
                                        q.vmax[agent], q.km[agent], sink_end[s0:s1], sink_mean[o0 : o0 + lin],
                                        now_rate, now_part)  # fmt: skip
                    share_w = 1.0 / micro
                    for j in range(lin):
                        add_scaled(y[(o0 + j) * STEPS + k], yw[j], share_w)
                    for i in range(p0, p1):
                        saturable_products(z[i], yw[0], inflow_h[i], q.product_half[i], decay[i], loss_h[i],
                                           y[(o0 + lin + i - p0) * STEPS + k], share_w)  # fmt: skip
                    for j in range(s1 - s0):
                        row = xa[j]
                        new = xb[j]
                        for lane in range(lanes):
                            row[lane] = new[lane]
            for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
                f = lay.agent_forms[i]
                for k in range(STEPS):
                    if form_used[f * STEPS + k]:
                        form_used[f * STEPS + k] = False
                        row = amount[f * STEPS + k]
                        for lane in range(lanes):
                            row[lane] = 0.0
            # what has washed out of a patient is set to zero: patient by patient, so that blocks do not matter
            left = False
            for lane in range(lanes):
                present = False
                for j in range(s1 - s0):
                    if abs(xa[j, lane]) > GONE * q.state_scale[s0 + j, lane]:
                        present = True
                for i in range(p0, p1):
                    if z[i, lane] > GONE * q.product_formation[i, lane] / q.product_loss[i, lane]:
                        present = True
                for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
                    if inf_left[lay.agent_forms[i], lane] > 0.0:
                        present = True
                if present:
                    left = True
                else:
                    for j in range(s1 - s0):
                        xa[j, lane] = 0.0
                    for i in range(p0, p1):
                        z[i, lane] = 0.0
            on_board[agent] = left  # today's outputs stay until the effects are done

        # ======================== effects ========================
        e_line[:] = 0.0
        k_blood[:] = 0.0
        k_cns[:] = 0.0
        mobilised[:] = 0.0
        for c in range(n_classes):
            if class_active[c]:
                class_active[c] = False
                for j in range(BINS):
                    for lane in range(lanes):
                        k_cyc[c * BINS + j, lane] = 0.0
                        k_rest[c * BINS + j, lane] = 0.0
        for i in range(n_effects):
            o = lay.effect_output[i]
            quiet = True
            for lane in range(lanes):
                if y[o * STEPS, lane] != 0.0 or y[o * STEPS + STEPS - 1, lane] != 0.0:
                    quiet = False
                    break
            if quiet:
                continue
            target = lay.effect_target[i]
            cls = lay.effect_class[i]
            anta = lay.effect_antagonist[i]
            for k in range(STEPS):
                j = k // PER_BIN
                effect(lay.effect_function[i], y[o * STEPS + k], q.effect_a[i], q.effect_b[i], q.effect_c[i],
                       q.effect_d[i], q.effect_e[i], y[max(anta, 0) * STEPS + k], q.antagonist_half[i], anta >= 0,
                       out)  # fmt: skip
                w = 1.0 / PER_BIN
                if target < 4:
                    add_scaled(e_line[target * BINS + j], out, w)
                elif target == 4:
                    class_active[cls] = True
                    add_product(k_cyc[cls * BINS + j], out, q.sensitivity[cls], w)
                    add_product(k_rest[cls * BINS + j], out, q.resting[i], w)
                elif target == 5:
                    add_product(k_blood, out, q.sensitivity[cls], 1.0 / STEPS)
                elif target == 6:
                    add_product(k_cns[j], out, q.sensitivity[cls], w)
                else:
                    add_scaled(mobilised, out, 1.0 / STEPS)
        for agent in range(n_agents):
            if not on_board[agent]:
                for j in range(lay.output_from[agent] * STEPS, lay.output_from[agent + 1] * STEPS):
                    row = y[j]
                    for lane in range(lanes):
                        row[lane] = 0.0

        # ======================== leukaemia and marrow: four steps ========================
        h = 1.0 / BINS
        for c in range(n_clones):
            for lane in range(lanes):
                before[c, 0, lane] = cells[c, 0, lane]
                before[c, 1, lane] = cells[c, 1, lane]
                day_cyc[c, lane] = 0.0
                day_rest[c, lane] = 0.0
        for lane in range(lanes):
            cns_before[lane] = cns[lane]
            day_birth[lane] = 0.0
            day_cns[lane] = 0.0
        _total(cells, load, q.capacity)
        for j in range(BINS):
            for lane in range(lanes):
                r1 = load[lane] / s[S_PACKING]
                r2 = r1 * r1
                crowd[lane] = max(0.0, 1.0 - r2 * r2)
                day_birth[lane] += crowd[lane] * h
            for c in range(n_clones):
                for lane in range(lanes):
                    clone_cyc[lane] = 0.0
                    clone_rest[lane] = 0.0
                for k in range(n_classes):
                    if class_active[k]:
                        add_scaled(clone_cyc, k_cyc[k * BINS + j], lay.clone_kill[c, k])
                        add_scaled(clone_rest, k_rest[k * BINS + j], lay.clone_kill[c, k])
                add_scaled(day_cyc[c], clone_cyc, h)
                add_scaled(day_rest[c], clone_rest, h)
                clone_step(cells[c, 0], cells[c, 1], crowd, q.birth[c], q.death, q.to_rest[c], q.wake, clone_cyc,
                           clone_rest, h)  # fmt: skip
            add_scaled(day_cns, k_cns[j], h)
            _total(cells, load_new, q.capacity)
            normal_marrow(room, load, load_new, q.rho, q.omega, h, room_new, room_growth)
            power_chain(anc, e_line[0 * BINS + j], room_growth, q.anc_ktr, q.anc_gamma, h)
            power_chain(lymph, e_line[3 * BINS + j], room_growth, q.lymph_ktr, q.lymph_gamma, h)
            saturating_chain(plt, e_line[1 * BINS + j], room, room_new, q.plt_half, q.plt_growth, q.plt_transit,
                             q.plt_loss, h)  # fmt: skip
            red_cell_chain(red, e_line[2 * BINS + j], room, hb_production, q.hb_tau, q.hb_ageing, h)
            for lane in range(lanes):
                room[lane] = room_new[lane]
                load[lane] = load_new[lane]
        for lane in range(lanes):
            plt_pool[lane] *= 1.0 - s[S_PLT_POOL_LOSS]
            net = s[S_CNS_BIRTH] - s[S_CNS_DEATH] - day_cns[lane]
            growth[lane] = net
        # ======================== chance, clinic: patient by patient ========================
        for lane in range(lanes):
            # the feedback, carried as a state through the day, is brought back to the exact power
            anc[5, lane] = math.pow(room[lane] * q.anc0[lane] / anc[4, lane], q.anc_gamma[lane])
            lymph[5, lane] = math.pow(room[lane] * q.lymph0[lane] / lymph[4, lane], q.lymph_gamma[lane])
            if status[lane] == DONE:
                continue
            pid = q.patient[lane]
            cns[lane] = cns_before[lane] * math.exp(growth[lane])
            if play_chance:
                for c in range(n_clones):
                    was = before[c, 0, lane] + before[c, 1, lane]
                    if was == 0.0:
                        continue
                    purpose = P_CLONE + 8 * c
                    if was < FEW:
                        cc, rr = few_cells(before[c, 0, lane], before[c, 1, lane], q.birth[c, lane] * day_birth[lane],
                                           q.death[lane], q.to_rest[c, lane], q.wake[lane], day_cyc[c, lane],
                                           day_rest[c, lane], 1.0, seed, pid, purpose, today)  # fmt: skip
                        cells[c, 0, lane] = cc
                        cells[c, 1, lane] = rr
                    elif cells[c, 0, lane] + cells[c, 1, lane] < FEW:
                        cells[c, 0, lane] = whole(cells[c, 0, lane], seed, pid, purpose + 5, today)
                        cells[c, 1, lane] = whole(cells[c, 1, lane], seed, pid, purpose + 6, today)
                if 0.0 < cns_before[lane] < FEW:
                    cns[lane] = chance.birth_death(seed, pid, P_CNS, today, cns_before[lane], s[S_CNS_BIRTH],
                                                   s[S_CNS_DEATH] + day_cns[lane], 1.0)  # fmt: skip
                elif 0.0 < cns[lane] < FEW:
                    cns[lane] = whole(cns[lane], seed, pid, P_CNS + 1, today)
            total = 0.0
            for c in range(n_clones):
                total += cells[c, 0, lane] + cells[c, 1, lane]
            flux = s[S_SEED] * total
            if play_chance and flux < FEW:
                if flux > 0.0:
                    cns[lane] += chance.poisson(seed, pid, P_SEED, today, flux)
            else:
                cns[lane] += flux
            fraction = total / (total + room[lane] * q.capacity[lane])

            # infection
            if play_chance and status[lane] != AFTER and today - last_fever[lane] >= s[S_FEVER_PAUSE]:
                a = anc[4, lane]
                hazard = s[S_H4]
                if a < 0.1:
                    hazard = s[S_H1]
                elif a < 0.5:
                    hazard = s[S_H2]
                elif a < 1.0:
                    hazard = s[S_H3]
                hazard *= q.frailty[lane]
                if t.phase_repeats[phase[lane]] == 1:
                    hazard *= s[S_H_MAINTENANCE]
                if chance.uniform(seed, pid, P_FEVER, today) < 1.0 - math.exp(-hazard):
                    last_fever[lane] = today
                    result[lane, 12] += 1.0
                    if n_event >= r_event.shape[0] - 4:
                        r_event = grown(r_event)
                    n_event = _event(r_event, n_event, lane, today, phase[lane], E_FEVER, a)
                    if chance.uniform(seed, pid, P_BLOODSTREAM, today) < s[S_BSI]:
                        n_event = _event(r_event, n_event, lane, today, phase[lane], E_BLOODSTREAM, a)
                        result[lane, 15] += 1.0
                        if chance.uniform(seed, pid, P_DEATH, today) < s[S_BSI_DEATH]:
                            n_event = _event(r_event, n_event, lane, today, phase[lane], E_DEATH, 0.0)
                            result[lane, 0] = DEATH
                            result[lane, 1] = today
                            result[lane, 9] = 0.0
                            status[lane] = DONE
            # relapse: blasts that the clinic sees
            if status[lane] != DONE and in_remission[lane] > 0:
                marrow = in_remission[lane] == 2 or (today % 7 == 0 and fraction >= s[S_RELAPSE_MARROW])
                brain = today % 7 == 0 and cns[lane] >= s[S_RELAPSE_CNS]
                if marrow or brain:
                    if n_event >= r_event.shape[0] - 4:
                        r_event = grown(r_event)
                    site = _site(marrow, brain, fraction, cns[lane], s)
                    n_event = _event(r_event, n_event, lane, today, phase[lane], E_RELAPSE, float(site))
                    result[lane, 0] = RELAPSE
                    result[lane, 1] = today
                    result[lane, 10] = site
                    status[lane] = DONE
            if keep_states and today % 7 == 0 and q.real[lane] == 1:
                if n_state >= r_state.shape[0] - 1:
                    r_state = grown(r_state)
                n_state = _note_state(
                    r_state, n_state, lane, today, anc, plt, plt_pool, red, lymph, total, cns, fraction
                )
            if status[lane] == DONE:
                continue
            # the clock
            if status[lane] == TREATING and stalled[lane] == 0:
                day[lane] += 1
                wait_passed[lane] = 0
                gate_from[lane] = -1
                p = phase[lane]
                if day[lane] > t.phase_days[p]:
                    if t.phase_repeats[p] == 1:
                        day[lane] = 1
                    else:
                        following = t.phase_next[p] if next_phase[lane] == -2 else next_phase[lane]
                        next_phase[lane] = -2
                        if following < 0:
                            status[lane] = AFTER
                            treatment_ended[lane] = today + 1
                            result[lane, 4] = today + 1
                            if n_event >= r_event.shape[0] - 4:
                                r_event = grown(r_event)
                            n_event = _event(r_event, n_event, lane, today + 1, p, E_END, 0.0)
                        else:
                            phase[lane] = following
                            status[lane] = WAITING
                            gate_from[lane] = today + 1 + t.phase_rest[following]
                            gate_check[lane] = gate_from[lane]
            elif status[lane] == AFTER and today >= treatment_ended[lane] + AFTER_DAYS:
                kind, when, site = _follow(lane, today + 1, follow_up_days, pid, seed, play_chance, s, q.birth, q.death,
                                           q.to_rest, q.wake, q.capacity, q.omega, cells, cns, in_remission)  # fmt: skip
                result[lane, 0] = kind
                result[lane, 1] = when
                if kind == RELAPSE:
                    result[lane, 10] = site
                    if n_event >= r_event.shape[0] - 4:
                        r_event = grown(r_event)
                    n_event = _event(r_event, n_event, lane, when, phase[lane], E_RELAPSE, float(site))
                status[lane] = DONE

    for lane in range(lanes):
        if q.real[lane] == 0:
            continue
        if result[lane, 1] != result[lane, 1]:
            result[lane, 1] = program_days
        if keep_doses:
            for slot in range(n_slots):
                if run_from[slot, lane] >= 0:
                    if n_dose >= r_dose.shape[0] - 1:
                        r_dose = grown(r_dose)
                    n_dose = _note_dose(r_dose, n_dose, lane, slot, run_from, run_to, run_dose, run_factor, run_reason)
    return result, r_meas[:n_meas], r_mrd[:n_mrd], r_dose[:n_dose], r_event[:n_event], r_state[:n_state]


@njit(**JIT)
def _total(cells, load, capacity):
    """load = leukaemic cells of all clones over the marrow's capacity."""
    for lane in range(load.shape[0]):
        load[lane] = 0.0
    for c in range(cells.shape[0]):
        cycling = cells[c, 0]
        resting = cells[c, 1]
        for lane in range(load.shape[0]):
            load[lane] += cycling[lane] + resting[lane]
    for lane in range(load.shape[0]):
        load[lane] /= capacity[lane]


@njit(**JIT)
def _sink(a, n, g, lin, h, central, sink_end, sink_mean, lane):
    part = np.zeros((n, 1))
    part_mean = np.zeros((lin, 1))
    rate = np.zeros((n, 1))
    rate_mean = np.zeros((lin, 1))
    fill_form(a, n, g, lin, h, 0.0, central, 0, part, part_mean, rate, rate_mean, 0)
    for i in range(n):
        sink_end[i, lane] = rate[i, 0]
    for j in range(lin):
        sink_mean[j, lane] = rate_mean[j, 0]


@njit(**JIT)
def _instant(x, g, level):
    """Plasma concentration now: the first output's row of g (states, L) times the states."""
    for lane in range(level.shape[0]):
        level[lane] = 0.0
    for j in range(x.shape[0]):
        row = x[j]
        weight = g[j]
        for lane in range(level.shape[0]):
            level[lane] += weight[lane] * row[lane]


@njit(**JIT)
def _saturable_sink(x, xn, y, g, vmax, km, sink_end, sink_mean, c0, c1):
    """Take vmax C / (km + C) out of the central compartment over one micro-step: trapezium of the rate at its start
    and at the end that a first pass predicts (second order)."""
    lanes = xn.shape[1]
    _instant(x, g, c0)
    _instant(xn, g, c1)
    drop = np.zeros(lanes)
    for j in range(xn.shape[0]):
        row = sink_end[j]
        weight = g[j]
        for lane in range(lanes):
            drop[lane] += weight[lane] * row[lane]
    for lane in range(lanes):
        r0 = vmax[lane] * c0[lane] / (km[lane] + c0[lane])
        end = max(c1[lane] - drop[lane] * r0, 0.0)
        r1 = vmax[lane] * end / (km[lane] + end)
        c0[lane] = -min(0.5 * (r0 + r1), c1[lane] / max(drop[lane], 1e-300))
    add(xn, y, sink_end, sink_mean, c0)


@njit(**JIT)
def _blood_blasts(lane, total, ratio, k_blood, s):
    """Blasts in blood, 1e9/L: inflow from marrow over loss, quasi-steady within hours."""
    return ratio[lane] * total * s[S_BLOOD_LOSS] / (s[S_BLOOD_LOSS] + k_blood[lane])


@njit(**JIT)
def _measure(lane, today, pid, seed, s, seen, anc, plt, plt_pool, red, lymph, mobilised, total, ratio, k_blood):
    """What the laboratory reports: counts with the assay's noise (log-normal)."""
    blasts = _blood_blasts(lane, total, ratio, k_blood, s)
    seen[V_ANC, lane] = (
        anc[4, lane] * (1.0 + mobilised[lane]) * math.exp(s[S_NOISE_ANC] * chance.normal(seed, pid, P_ANC, today))
    )
    seen[V_PLT, lane] = (plt[4, lane] + plt_pool[lane]) * math.exp(
        s[S_NOISE_PLT] * chance.normal(seed, pid, P_PLT, today)
    )
    hb = red[1, lane] + red[2, lane] + red[3, lane] + red[4, lane]
    seen[V_HB, lane] = hb * math.exp(s[S_NOISE_HB] * chance.normal(seed, pid, P_HB, today))
    seen[V_LYMPH, lane] = lymph[4, lane]
    seen[V_BLASTS, lane] = blasts * 1000.0  # per uL
    seen[V_WBC, lane] = seen[V_ANC, lane] + lymph[4, lane] + s[S_OTHER] + blasts


@njit(**JIT)
def _note_counts(record, n, lane, today, p, day, seen):
    record[n, 0] = lane
    record[n, 1] = today
    record[n, 2] = p
    record[n, 3] = day
    for i in range(6):
        record[n, 4 + i] = seen[i, lane]
    return n + 1


@njit(**JIT)
def _assay(fraction, cells, minimum, seed, pid, purpose, index):
    """Blasts found among ``cells`` analysed (Poisson); none reported below ``minimum`` of them."""
    found = chance.poisson(seed, pid, purpose, index, cells * fraction)
    return found / cells if found >= minimum else 0.0


@njit(**JIT)
def _marrow_check(lane, today, p, pid, seed, s, seen, fraction, record, n, result, first):
    sampled = min(0.999, fraction * math.exp(s[S_ASPIRATE] * chance.normal(seed, pid, P_ASPIRATE, today)))
    reported = _assay(sampled, s[S_FLOW_CELLS], s[S_FLOW_MIN], seed, pid, P_CELLS, today)
    seen[V_MARROW_MRD, lane] = reported
    seen[V_MARROW, lane] = sampled
    record[n, 0] = lane
    record[n, 1] = today
    record[n, 2] = p
    record[n, 3] = 0.0
    record[n, 4] = fraction
    record[n, 5] = reported
    if today >= 26 and first[lane] == 0:  # the check that ends induction; an earlier one only shows the response
        first[lane] = 1
        result[lane, 3] = reported
        result[lane, 11] = fraction
    return n + 1


@njit(**JIT)
def _blood_check(lane, today, p, pid, seed, s, seen, fraction, record, n):
    reported = _assay(fraction, s[S_FLOW_CELLS], s[S_FLOW_MIN], seed, pid, P_CELLS + 1, today)
    seen[V_BLOOD_MRD, lane] = reported
    record[n, 0] = lane
    record[n, 1] = today
    record[n, 2] = p
    record[n, 3] = 1.0
    record[n, 4] = fraction
    record[n, 5] = reported
    return n + 1


@njit(**JIT)
def _event(record, n, lane, today, p, kind, detail):
    record[n, 0] = lane
    record[n, 1] = today
    record[n, 2] = p
    record[n, 3] = kind
    record[n, 4] = detail
    return n + 1


@njit(**JIT)
def _note_dose(record, n, lane, slot, run_from, run_to, run_dose, run_factor, run_reason):
    record[n, 0] = lane
    record[n, 1] = slot
    record[n, 2] = run_from[slot, lane]
    record[n, 3] = run_to[slot, lane]
    record[n, 4] = run_dose[slot, lane]
    record[n, 5] = run_factor[slot, lane]
    record[n, 6] = run_reason[slot, lane]
    record[n, 7] = 0.0
    return n + 1


@njit(**JIT)
def _note_state(record, n, lane, today, anc, plt, plt_pool, red, lymph, total, cns, fraction):
    record[n, 0] = lane
    record[n, 1] = today
    record[n, 2] = anc[4, lane]
    record[n, 3] = plt[4, lane] + plt_pool[lane]
    record[n, 4] = red[1, lane] + red[2, lane] + red[3, lane] + red[4, lane]
    record[n, 5] = lymph[4, lane]
    record[n, 6] = total
    record[n, 7] = cns[lane]
    record[n, 8] = fraction
    return n + 1


@njit(**JIT)
def _transfuse(r, t, lane, today, p, s, red, plt_pool, result, record, n):
    ml = t.rule_value[r]
    if t.rule_in_turn[r] == 0:
        for i in range(1, 5):
            red[i, lane] += 0.25 * s[S_RED_RISE] * ml
        result[lane, 13] += 1.0
        return _event(record, n, lane, today, p, E_RED, ml)
    plt_pool[lane] += s[S_PLT_RISE] * ml
    result[lane, 14] += 1.0
    return _event(record, n, lane, today, p, E_PLATELETS, ml)


@njit(**JIT)
def _judge(r, t, lane, today, p, s, seen, stack, factor, limit, held_by, stopped, since, true_visits, fired, active, red,
           plt_pool, result, record, n):  # fmt: skip
    """One rule on one visit. Returns the number of events recorded."""
    kind = t.rule_kind[r]
    if kind == OMIT or kind == REPEAT or kind == START or kind == RESCUE:
        return n
    first, last = t.rule_from[r], t.rule_from[r + 1]
    if kind == HOLD and active[r, lane] == 1:
        if holds(t.rule_until[r], t.condition_from, t.condition_code, t.condition_variable, t.condition_value, seen,
                 lane, stack):  # fmt: skip
            active[r, lane] = 0
            k = min(fired[r, lane] - 1, t.resume_from[r + 1] - t.resume_from[r] - 1)
            share = t.resume[t.resume_from[r] + k]
            for j in range(first, last):
                slot = t.rule_slots[j]
                if held_by[slot, lane] == r:
                    held_by[slot, lane] = -1
                    if share < 1.0:
                        factor[slot, lane] = min(factor[slot, lane], share)
            return _event(record, n, lane, today, p, E_RESUME, float(r))
        return n
    true_now = holds(t.rule_condition[r], t.condition_from, t.condition_code, t.condition_variable, t.condition_value,
                     seen, lane, stack)  # fmt: skip
    if kind == HOLD:
        if true_now:
            active[r, lane] = 1
            fired[r, lane] += 1
            for j in range(first, last):
                slot = t.rule_slots[j]
                if held_by[slot, lane] < 0:
                    held_by[slot, lane] = r
            return _event(record, n, lane, today, p, E_HOLD, float(r))
        return n
    if kind == LIMIT:
        for j in range(first, last):
            limit[t.rule_slots[j], lane] = 1.0
        if true_now:
            for j in range(first, last):
                slot = t.rule_slots[j]
                limit[slot, lane] = min(limit[slot, lane], t.rule_value[r])
            if active[r, lane] == 0:
                n = _event(record, n, lane, today, p, E_REDUCE, float(r))
        active[r, lane] = 1 if true_now else 0
        return n
    if kind == STOP:
        if true_now:
            for j in range(first, last):
                stopped[t.rule_slots[j], lane] = 1
            return _event(record, n, lane, today, p, E_STOP, float(r))
        return n
    if kind == TRANSFUSE:
        if true_now:
            return _transfuse(r, t, lane, today, p, s, red, plt_pool, result, record, n)
        return n
    # ADJUST
    held = False
    for j in range(first, last):
        if held_by[t.rule_slots[j], lane] >= 0:
            held = True
    if not true_now or held:
        since[r, lane] = -1
        true_visits[r, lane] = 0
        return n
    if since[r, lane] < 0:
        since[r, lane] = today
    true_visits[r, lane] += 1
    if today - since[r, lane] < t.rule_days[r] or true_visits[r, lane] < t.rule_visits[r]:
        return n
    since[r, lane] = -1
    true_visits[r, lane] = 0
    changed = False
    for j in range(first, last):
        if t.rule_in_turn[r] == 1 and (fired[r, lane] % (last - first)) != j - first:
            continue
        slot = t.rule_slots[j]
        new = min(max(factor[slot, lane] * t.rule_value[r], t.rule_low[r]), max(t.rule_high[r], factor[slot, lane]))
        if t.rule_value[r] > 1.0:
            new = max(new, factor[slot, lane])
        if new != factor[slot, lane]:
            factor[slot, lane] = new
            changed = True
    fired[r, lane] += 1
    if changed:
        return _event(record, n, lane, today, p, E_RAISE if t.rule_value[r] > 1.0 else E_REDUCE, float(r))
    return n


@njit(**JIT)
def _site(marrow, brain, fraction, cns, s):
    """0 marrow, 1 CNS, 2 both (5 % of blasts in marrow or a tenth of the CNS threshold count as involved)."""
    if brain and fraction >= s[S_REMISSION]:
        return 2
    if marrow and cns >= 0.1 * s[S_RELAPSE_CNS]:
        return 2
    return 0 if marrow else 1


@njit(**JIT)
def _follow(lane, start, horizon, pid, seed, play_chance, s, birth, death, to_rest, wake, capacity, omega, cells, cns,
            in_remission):  # fmt: skip
    """After treatment, with no drug on board: the leukaemia alone, in weeks, until cure, relapse or the horizon.

    Returns (outcome, day, site)."""
    n_clones = cells.shape[0]
    today = float(start)
    few = FOLLOW_STEP
    index = 0
    while today < horizon:
        total = 0.0
        for c in range(n_clones):
            total += cells[c, 0, lane] + cells[c, 1, lane]
        if total == 0.0 and cns[lane] == 0.0:
            return CURED, int(today), 0
        load = total / capacity[lane]
        room = max(1e-4, 1.0 - omega[lane] * load)
        fraction = load / (load + room)
        if in_remission[lane] > 0:
            marrow = fraction >= s[S_RELAPSE_MARROW]
            brain = cns[lane] >= s[S_RELAPSE_CNS]
            if marrow or brain:
                return RELAPSE, int(today), _site(marrow, brain, fraction, cns[lane], s)
        r1 = load / s[S_PACKING]
        crowd = max(0.0, 1.0 - r1 * r1 * r1 * r1)
        for c in range(n_clones):
            cc, rr = cells[c, 0, lane], cells[c, 1, lane]
            if cc + rr == 0.0:
                continue
            purpose = P_CLONE + 8 * c
            if play_chance and cc + rr < FEW:
                cc, rr = few_cells(cc, rr, birth[c, lane] * crowd, death[lane], to_rest[c, lane], wake[lane], 0.0, 0.0,
                                   few, seed, pid, purpose, start + index)  # fmt: skip
            else:
                steps = 7
                u = few / steps
                for _ in range(steps):
                    out = cc * to_rest[c, lane] * u
                    back = rr * wake[lane] * u
                    cc = (cc - 0.5 * (out - back)) * math.exp((birth[c, lane] * crowd - death[lane]) * u) - 0.5 * (
                        out - back
                    )
                    rr += out - back
                if play_chance and cc + rr < FEW:
                    cc = whole(cc, seed, pid, purpose + 5, start + index)
                    rr = whole(rr, seed, pid, purpose + 6, start + index)
            cells[c, 0, lane] = cc
            cells[c, 1, lane] = rr
        if play_chance and 0.0 < cns[lane] < FEW:
            cns[lane] = chance.birth_death(
                seed, pid, P_CNS, start + index, cns[lane], s[S_CNS_BIRTH], s[S_CNS_DEATH], few
            )
        else:
            cns[lane] *= math.exp((s[S_CNS_BIRTH] - s[S_CNS_DEATH]) * few)
        flux = s[S_SEED] * total * few
        if play_chance and flux < FEW:
            if flux > 0.0:
                cns[lane] += chance.poisson(seed, pid, P_SEED, start + index, flux)
        else:
            cns[lane] += flux
        today += few
        index += 7
    return IN_REMISSION, int(horizon), 0
