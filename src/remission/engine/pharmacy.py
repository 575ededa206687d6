"""Kinetics of a day: doses in, exact steps for each agent on board, mean concentrations and bent drivers out."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from remission.body.kinetics import HOT, INLINED, JIT, LANES, add, responses, saturable_product, step

from .effects import bend
from .program import RESCUE
from .records import note_run
from .rules import true_for
from .state import DONE, LEVELS_FROM, R_RESCUE, STEPS

GONE = 1e-6  # of what a typical dose makes: less counts as nothing


@njit(**JIT)
def fill_responses(t, lay, q, drugs):
    """The step matrices and dose responses of every agent for the patients of the block."""
    for agent in range(lay.steps.shape[0]):
        n = lay.state_from[agent + 1] - lay.state_from[agent]
        lin = lay.linear_outputs[agent]
        rows = lay.row_from[agent + 1] - lay.row_from[agent]
        windowed = lay.windowed[lay.windowed_from[agent] : lay.windowed_from[agent + 1]]
        edges = lay.edges[lay.edge_from[agent] : lay.edge_from[agent + 1]]
        a = np.ascontiguousarray(q.a[lay.a_from[agent] : lay.a_from[agent + 1]]).reshape(n, n, LANES)
        g = np.ascontiguousarray(q.g[lay.g_from[agent] : lay.g_from[agent + 1]]).reshape(lin, n, LANES)
        forms = lay.agent_forms[lay.agent_form_from[agent] : lay.agent_form_from[agent + 1]]
        columns = np.empty(forms.shape[0], dtype=np.int64)
        taus = np.empty(forms.shape[0])
        for i in range(forms.shape[0]):
            columns[i] = lay.form_entry[forms[i]]
            taus[i] = t.forms[forms[i]].rest_days if lay.saturable[agent] == 0 else 0.0
        free = np.zeros((rows, n, LANES))
        part = np.zeros((forms.shape[0], rows, LANES))
        rate = np.zeros((forms.shape[0], rows, LANES))
        sink = np.zeros((rows, LANES))
        entry = lay.central[agent] if lay.saturable[agent] == 1 else -1
        p0, p1 = lay.pass_from[agent], lay.pass_from[agent + 1]
        for kind in range(lay.kind_from[agent + 1] - lay.kind_from[agent]):
            unit = lay.unit[lay.kind_from[agent] + kind]
            responses(a, g, unit, edges, windowed, free, columns, taus, part, rate, entry, sink)
            w0 = 4 * (lay.weight_from[agent] + kind * (p1 - p0))
            for i in range(p0, p1):
                for k in range(4):
                    if lay.pass_used[4 * i + k] == 1:
                        drugs.weight[w0 + 4 * (i - p0) + k] = free[lay.pass_row[i], lay.pass_column[4 * i + k]]
            for i in range(forms.shape[0]):
                f0 = lay.form_row_from[forms[i]] + kind * rows
                drugs.part[f0 : f0 + rows] = part[i]
                drugs.full[f0 : f0 + rows] = rate[i]
            s0 = lay.sink_from[agent] + kind * rows
            drugs.sink[s0 : s0 + rows] = sink


@njit(**INLINED)
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
    for agent in range(lay.steps.shape[0]):
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


@njit(**INLINED)
def _agent_day(agent, t, lay, q, drugs):
    lanes = drugs.x.shape[1]
    s0, s1 = lay.state_from[agent], lay.state_from[agent + 1]
    r0, r1 = lay.row_from[agent], lay.row_from[agent + 1]
    p0, p1 = lay.pass_from[agent], lay.pass_from[agent + 1]
    o0 = lay.output_from[agent]
    n, lin = s1 - s0, lay.linear_outputs[agent]
    row, first, column = lay.pass_row[p0:p1], lay.pass_first[p0:p1], lay.pass_column[4 * p0 : 4 * p1]
    x, new, z = drugs.x[s0:s1], drugs.new[r0:r1], drugs.z
    steps = lay.steps[agent]
    slots = STEPS // steps  # two-hour slots of a step
    plasma_row = q.g[lay.g_from[agent] : lay.g_from[agent] + n]
    leveled = -1
    for j in range(t.level_agent.shape[0]):
        if t.level_agent[j] == agent:
            leveled = j
    for j in range(o0 * STEPS, lay.output_from[agent + 1] * STEPS):
        for lane in range(lanes):
            drugs.y[j, lane] = 0.0
    for s in range(lay.shape_from[agent], lay.shape_from[agent + 1]):
        if lay.shapes[s].row >= 0:
            for k in range(STEPS):
                for lane in range(lanes):
                    drugs.shape[lay.shapes[s].row + k, lane] = 0.0
    for slot in range(0, STEPS, slots):
        if leveled >= 0:
            for k in range(slot, slot + slots):
                concentration(x, plasma_row, drugs.level, leveled * STEPS + k)
        for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
            f = lay.agent_forms[i]
            if drugs.used[f * STEPS + slot]:
                if t.forms[f].tau == 0.0:
                    for lane in range(lanes):
                        x[lay.form_entry[f], lane] += drugs.amount[f * STEPS + slot, lane]
                else:
                    _start(f, slot, t.forms[f].tau, drugs.amount, drugs.left, drugs.rate)
                    drugs.running[f] = True
        for m in range(lay.micro_from[agent], lay.micro_from[agent + 1]):
            kind = lay.micro_kind[m]
            w0 = 4 * (lay.weight_from[agent] + kind * (p1 - p0))
            step(row, column, first, drugs.weight[w0 : w0 + 4 * (p1 - p0)], x, new)
            for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
                f = lay.agent_forms[i]
                if not drugs.running[f]:
                    continue
                a0 = lay.form_row_from[f] + kind * (r1 - r0)
                a1 = a0 + r1 - r0
                length = lay.micro_share[m] / steps
                if lay.saturable[agent] == 1:
                    _infuse_evenly(f, length, drugs.left, drugs.rate, drugs.now_rate)
                else:
                    _infuse(f, length, t.forms[f].rest_days, drugs.left, drugs.rate, drugs.now_rate, drugs.now_part)
                    if t.forms[f].rest_days > 0.0:
                        add(new, drugs.part[a0:a1], drugs.now_part, 0)
                add(new, drugs.full[a0:a1], drugs.now_rate, 0)
            if lay.saturable[agent] == 1:
                central = lay.central[agent]
                k0 = lay.sink_from[agent] + kind * (r1 - r0)
                _saturable_sink(agent, new, n, central, q.vmax, q.km,
                                drugs.sink[k0 : k0 + r1 - r0], drugs.now_rate)  # fmt: skip
            for j in range(lin):
                for k in range(slot, slot + slots):
                    for lane in range(lanes):
                        drugs.y[(o0 + j) * STEPS + k, lane] += lay.micro_share[m] * new[n + j, lane]
            _windows(agent, slot, kind, lay.micro_share[m], n, lin, lay, q, drugs, new, z)
            for j in range(n):
                for lane in range(lanes):
                    x[j, lane] = new[j, lane]
    for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
        f = lay.agent_forms[i]
        if drugs.running[f]:
            drugs.running[f] = False
            for lane in range(lanes):
                if drugs.left[f, lane] > 0.0:
                    drugs.running[f] = True
    # what has washed out of a patient is set to zero: patient by patient, so that the block does not matter
    left = False
    for lane in range(lanes):
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


@njit(**INLINED)
def _windows(agent, slot, kind, micro_share, n, lin, lay, q, drugs, new, z):
    """What follows plasma and other drivers window by window: saturable products, and the bent drivers of effects."""
    lanes = drugs.x.shape[1]
    w0, w1 = lay.edge_from[agent] + 1, lay.edge_from[agent + 1]
    p0, p1 = lay.product_from[agent], lay.product_from[agent + 1]
    s0, s1 = lay.shape_from[agent], lay.shape_from[agent + 1]
    plasma = n + lin if w1 - w0 > 1 else n
    for w in range(w0, w1):
        k = slot + lay.window_slot[w]
        share = lay.window_share[w] * micro_share
        for i in range(p0, p1):
            saturable_product(z, i, new, plasma + w - w0, drugs.plateau, q.product_half, drugs.decay, drugs.shift,
                              lay.product_row[i] + kind * (w1 - w0) + w - w0, drugs.z_mean)  # fmt: skip
            at = (lay.output_from[agent] + lin + i - p0) * STEPS + k
            for lane in range(lanes):
                drugs.y[at, lane] += share * drugs.z_mean[i, lane]
        for s in range(s0, s1):
            if lay.shapes[s].row < 0:
                continue
            source = lay.shapes[s].source
            x, row = (new, source + w - w0) if source >= 0 else (drugs.z_mean, -1 - source)
            bend(lay.shapes[s].function, x, row, lay.shapes[s].effect, q.effect_a, q.effect_b, q.effect_c, q.effect_d,
                 q.effect_e, drugs.shape, lay.shapes[s].row + k, share)  # fmt: skip


@njit(**HOT)
def _start(f, slot, tau, amount, left, rate):
    """Start the infusions of this hour."""
    for lane in range(left.shape[1]):
        dose = amount[f * STEPS + slot, lane]
        if dose > 0.0:
            left[f, lane] = tau
            rate[f, lane] = dose / tau


@njit(**HOT)
def _infuse(f, length, rest, left, rate, now_rate, now_part):
    """Rates of infusions in a step of ``length`` days: whole steps, then the ``rest`` with its own response."""
    for lane in range(left.shape[1]):
        runs = left[f, lane]
        whole = runs > length - 1e-9
        now_rate[0, lane] = rate[f, lane] if whole else 0.0
        now_part[0, lane] = rate[f, lane] * rest if runs > 0.0 and not whole else 0.0
        left[f, lane] = runs - length if runs > length + 1e-9 else 0.0


@njit(**HOT)
def _infuse_evenly(f, length, left, rate, now_rate):
    """Rates of infusions in a step of ``length`` days; what ends within it is spread over it."""
    for lane in range(left.shape[1]):
        runs = min(left[f, lane], length)
        now_rate[0, lane] = rate[f, lane] * runs / length
        left[f, lane] = left[f, lane] - runs if left[f, lane] > length + 1e-9 else 0.0


@njit(**HOT)
def concentration(x, plasma_row, out, row):
    """out[row] = plasma concentration now: the first output's row of g (n, L) times the states."""
    lanes = x.shape[1]
    for lane in range(lanes):
        out[row, lane] = 0.0
    for j in range(x.shape[0]):
        for lane in range(lanes):
            out[row, lane] += plasma_row[j, lane] * x[j, lane]


@njit(**HOT)
def _saturable_sink(agent, new, mean, central, vmax, km, sink, rate):
    """Take vmax C / (km + C) out of the central compartment over one step, C its mean over the step with that taken
    out: C = m - d vmax C / (km + C), m = new[mean] without and d the response to a unit rate, a quadratic equation."""
    lanes = new.shape[1]
    for lane in range(lanes):
        m, v, k = new[mean, lane], vmax[agent, lane], km[agent, lane]
        p = k - m + sink[mean, lane] * v
        root = math.sqrt(p * p + 4.0 * m * k)
        c = 2.0 * m * k / (p + root) if p > 0.0 else 0.5 * (root - p)
        rate[0, lane] = -min(v * c / (k + c), new[central, lane] / sink[central, lane])
    add(new, sink, rate, 0)
