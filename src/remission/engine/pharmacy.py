"""Kinetics of a day: doses in, twelve exact steps for each agent on board, mean concentrations out."""

from __future__ import annotations

import numpy as np
from numba import njit

from remission.body.kinetics import HOT, JIT, LANES, WINDOWS, add, responses, saturable_product, step

from .program import RESCUE
from .records import note_run
from .rules import true_for
from .state import DONE, LEVELS_FROM, R_RESCUE, STEPS

GONE = 1e-6  # of what a typical dose makes: less counts as nothing


@njit(**JIT)
def fill_responses(t, lay, q, drugs):
    """The step matrices and dose responses of every agent for the patients of the block."""
    for agent in range(lay.microsteps.shape[0]):
        n = lay.state_from[agent + 1] - lay.state_from[agent]
        lin = lay.linear_outputs[agent]
        rows = lay.row_from[agent + 1] - lay.row_from[agent]
        windowed = lay.windowed[lay.windowed_from[agent] : lay.windowed_from[agent + 1]]
        h = 1.0 / (STEPS * lay.microsteps[agent])
        a = np.ascontiguousarray(q.a[lay.a_from[agent] : lay.a_from[agent + 1]]).reshape(n, n, LANES)
        g = np.ascontiguousarray(q.g[lay.g_from[agent] : lay.g_from[agent + 1]]).reshape(lin, n, LANES)
        forms = lay.agent_forms[lay.agent_form_from[agent] : lay.agent_form_from[agent + 1]]
        columns = np.empty(forms.shape[0], dtype=np.int64)
        taus = np.empty(forms.shape[0])
        for i in range(forms.shape[0]):
            columns[i] = lay.form_entry[forms[i]]
            taus[i] = t.forms[forms[i]].rest_days
        free = np.zeros((rows, n, LANES))
        part = np.zeros((forms.shape[0], rows, LANES))
        rate = np.zeros((forms.shape[0], rows, LANES))
        sink = np.zeros((rows, LANES))
        entry = lay.central[agent] if lay.saturable[agent] == 1 else -1
        responses(a, g, h, windowed, free, columns, taus, part, rate, entry, sink)
        for i in range(lay.pass_from[agent], lay.pass_from[agent + 1]):
            for k in range(4):
                if lay.pass_used[4 * i + k] == 1:
                    drugs.weight[4 * i + k] = free[lay.pass_row[i], lay.pass_column[4 * i + k]]
        for i in range(forms.shape[0]):
            f0 = lay.form_row_from[forms[i]]
            drugs.part[f0 : f0 + rows] = part[i]
            drugs.full[f0 : f0 + rows] = rate[i]
        drugs.sink[lay.row_from[agent] : lay.row_from[agent + 1]] = sink


@njit(**HOT)
def rescue_doses(agent, today, t, lay, q, place, drugs, rec, keep_doses):
    """Doses of the day of an agent that is given by level: judged on the plasma at the hour of each dose."""
    for r in range(t.rules.shape[0]):
        if t.rules[r].kind != RESCUE:
            continue
        o = t.rules[r].order
        f = t.orders[o].form
        if t.forms[f].agent != agent:
            continue
        slot = t.orders[o].slot
        for lane in range(LANES):
            if place.rule[r, lane].rescue_next < 0 or place.lane[lane].status == DONE:
                continue
            for k in range(STEPS):
                due = place.rule[r, lane].rescue_next
                if due < 0 or today * STEPS + k < due:
                    continue
                for j in range(t.level_agent.shape[0]):
                    place.seen[LEVELS_FROM + j, lane] = drugs.level[j * STEPS + k, lane]
                enough = place.rule[r, lane].rescue_given >= t.rules[r].at_least
                if enough and true_for(t.rules[r].until, t, place, lane):
                    place.rule[r, lane].rescue_next = -1
                    continue
                dose = t.orders[o].amount
                if t.orders[o].basis == 0:
                    dose *= q.person[lane].bsa_m2
                elif t.orders[o].basis == 1:
                    dose *= q.person[lane].weight_kg
                dose = min(dose, t.orders[o].cap)
                drugs.amount[f * STEPS + k, lane] += dose * q.bioavailability[f, lane]
                drugs.used[f * STEPS + k] = True
                place.rule[r, lane].rescue_given += 1
                place.rule[r, lane].rescue_next += t.rules[r].every_step
                if keep_doses:
                    note_run(rec, place, slot, lane, today, dose, 1.0, R_RESCUE)


@njit(**HOT)
def day_of_kinetics(today, t, lay, q, place, drugs, rec, keep_doses):
    """Advance every agent that is on board by a day and leave its mean outputs in ``drugs.y``."""
    for agent in range(lay.microsteps.shape[0]):
        if lay.rescued[agent] == 1:
            rescue_doses(agent, today, t, lay, q, place, drugs, rec, keep_doses)
        f_from, f_to = lay.agent_form_from[agent], lay.agent_form_from[agent + 1]
        given = False
        for i in range(f_from, f_to):
            f = lay.agent_forms[i]
            given = given or drugs.running[f]
            for k in range(STEPS):
                given = given or drugs.used[f * STEPS + k]
        if given:
            drugs.on_board[agent] = True
        drugs.acting[agent] = drugs.on_board[agent]
        if drugs.on_board[agent]:
            _agent_day(agent, t, lay, q, drugs)
            for i in range(f_from, f_to):
                f = lay.agent_forms[i]
                for k in range(STEPS):
                    if drugs.used[f * STEPS + k]:
                        drugs.used[f * STEPS + k] = False
                        drugs.amount[f * STEPS + k, :] = 0.0


@njit(**HOT)
def _agent_day(agent, t, lay, q, drugs):
    s0, s1 = lay.state_from[agent], lay.state_from[agent + 1]
    r0, r1 = lay.row_from[agent], lay.row_from[agent + 1]
    p0, p1 = lay.pass_from[agent], lay.pass_from[agent + 1]
    o0 = lay.output_from[agent]
    n, lin = s1 - s0, lay.linear_outputs[agent]
    row, first = lay.pass_row[p0:p1], lay.pass_first[p0:p1]
    column, weight = lay.pass_column[4 * p0 : 4 * p1], drugs.weight[4 * p0 : 4 * p1]
    x, new, z = drugs.x[s0:s1], drugs.new[r0:r1], drugs.z
    y = drugs.y
    micro = lay.microsteps[agent]
    share = 1.0 / micro
    w0, w1 = lay.windowed_from[agent], lay.windowed_from[agent + 1]
    windows = WINDOWS if w1 > w0 else 1
    plasma_row = q.g[lay.g_from[agent] : lay.g_from[agent] + n]
    leveled = -1
    for j in range(t.level_agent.shape[0]):
        if t.level_agent[j] == agent:
            leveled = j
    for k in range(STEPS):
        if leveled >= 0:
            concentration(x, plasma_row, drugs.level, leveled * STEPS + k)
        for j in range(lay.output_from[agent + 1] - o0):
            for lane in range(LANES):
                y[(o0 + j) * STEPS + k, lane] = 0.0
        for w in range(micro):
            if w == 0 and lay.saturable[agent] == 1:
                # a bolus is on board before the first micro-step, for saturable elimination to see it
                for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
                    f = lay.agent_forms[i]
                    if drugs.used[f * STEPS + k] and t.forms[f].tau == 0.0:
                        for lane in range(LANES):
                            x[lay.form_entry[f], lane] += drugs.amount[f * STEPS + k, lane]
            step(row, column, first, weight, x, new)
            for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
                f = lay.agent_forms[i]
                starts = w == 0 and drugs.used[f * STEPS + k]
                if not starts and not drugs.running[f]:
                    continue
                a0, a1 = lay.form_row_from[f], lay.form_row_from[f + 1]
                if t.forms[f].whole == 0 and lay.saturable[agent] == 1 and t.forms[f].tau == 0.0:
                    continue  # put in before the step, below
                if t.forms[f].whole == 0:
                    add(new, drugs.part[a0:a1], drugs.amount, f * STEPS + k)
                else:
                    _infuse(f, starts, t, drugs, k)
                    add(new, drugs.full[a0:a1], drugs.now_rate, 0)
                    add(new, drugs.part[a0:a1], drugs.now_part, 0)
            if lay.saturable[agent] == 1:
                _saturable_sink(agent, x, new, plasma_row, q.vmax, q.km, drugs.sink[r0:r1], drugs.now_rate,
                                drugs.now_part)  # fmt: skip
            for j in range(lin):
                for lane in range(LANES):
                    y[(o0 + j) * STEPS + k, lane] += share * new[n + j, lane]
            for i in range(w1 - w0):
                fine = lay.fine_from[o0 + lay.windowed[w0 + i]]
                if fine >= 0:
                    for v in range(windows):
                        for lane in range(LANES):
                            drugs.fine[fine + k * windows + v, lane] = new[n + lin + i * windows + v, lane]
            for i in range(lay.product_from[agent], lay.product_from[agent + 1]):
                mean_row = (o0 + lin + i - lay.product_from[agent]) * STEPS + k
                fine = lay.fine_from[o0 + lin + i - lay.product_from[agent]]
                for v in range(windows):
                    at = fine + (k * micro + w) * windows + v if fine >= 0 else -1
                    saturable_product(z, i, new, n + lin + v if windows > 1 else n, drugs.formation_h, q.product_half,
                                      drugs.decay, drugs.loss_h, y, mean_row, share / windows, drugs.fine,
                                      at)  # fmt: skip
            for j in range(n):
                for lane in range(LANES):
                    x[j, lane] = new[j, lane]
    # what has washed out of a patient is set to zero: patient by patient, so that the block does not matter
    left = False
    for lane in range(LANES):
        present = False
        for j in range(n):
            if abs(x[j, lane]) > GONE * q.state_scale[s0 + j, lane]:
                present = True
                break
        for i in range(lay.product_from[agent], lay.product_from[agent + 1]):
            if z[i, lane] > GONE * q.product_formation[i, lane] / q.product_loss[i, lane]:
                present = True
        for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
            if drugs.left[lay.agent_forms[i], lane] > 0.0:
                present = True
        if present:
            left = True
        else:
            for j in range(n):
                x[j, lane] = 0.0
            for i in range(lay.product_from[agent], lay.product_from[agent + 1]):
                z[i, lane] = 0.0
    drugs.on_board[agent] = left  # today's outputs stay until the effects of the day are known


@njit(**HOT)
def _infuse(f, starts, t, drugs, k):
    """Rates of this step of a long infusion: full steps first, then the rest."""
    rest = 1.0 if t.forms[f].rest_days > 1e-12 else 0.0
    running = False
    for lane in range(LANES):
        if starts and drugs.amount[f * STEPS + k, lane] > 0.0:
            drugs.left[f, lane] = t.forms[f].whole + rest
            drugs.rate[f, lane] = drugs.amount[f * STEPS + k, lane] / t.forms[f].tau
        left = drugs.left[f, lane]
        last = left == 1.0 and rest == 1.0
        drugs.now_rate[0, lane] = drugs.rate[f, lane] if left > 0.0 and not last else 0.0
        drugs.now_part[0, lane] = drugs.rate[f, lane] * t.forms[f].rest_days if last else 0.0
        if left > 0.0:
            drugs.left[f, lane] = left - 1.0
            running = running or left > 1.0
    drugs.running[f] = running


@njit(**HOT)
def concentration(x, plasma_row, out, row):
    """out[row] = plasma concentration now: the first output's row of g (n, L) times the states."""
    for lane in range(LANES):
        out[row, lane] = 0.0
    for j in range(x.shape[0]):
        for lane in range(LANES):
            out[row, lane] += plasma_row[j, lane] * x[j, lane]


@njit(**HOT)
def _saturable_sink(agent, x, new, plasma_row, vmax, km, sink, c0, drop):
    """Take vmax C / (km + C) out of the central compartment over one micro-step: trapezium of the rate at its start
    and at the end that a first pass predicts (second order)."""
    n = x.shape[0]
    concentration(x, plasma_row, c0, 0)
    concentration(sink[:n], plasma_row, drop, 0)
    for lane in range(LANES):
        c1 = 0.0
        for j in range(n):
            c1 += plasma_row[j, lane] * new[j, lane]
        r0 = vmax[agent, lane] * c0[0, lane] / (km[agent, lane] + c0[0, lane])
        end = max(c1 - drop[0, lane] * r0, 0.0)
        r1 = vmax[agent, lane] * end / (km[agent, lane] + end)
        c0[0, lane] = -min(0.5 * (r0 + r1), c1 / drop[0, lane])
    add(new, sink, c0, 0)
