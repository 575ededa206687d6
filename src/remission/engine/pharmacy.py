"""Kinetics of a day: doses in, exact steps for each agent on board, and what its effects are made of out."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from remission.body.kinetics import (
    GAUSS,
    HOT,
    INLINED,
    JIT,
    LANES,
    add,
    copy,
    exp_small,
    responses,
    row,
    saturable_product,
    step,
    uptake,
)
from remission.body.marrow import LIFE_SPAN, POWER, SATURATING, WEIGHT_ROWS, life_span_weights, line_weights
from remission.patient import chance

from .effects import bend
from .layout import EMAX, MEAN, PRODUCT
from .mesh import HALVES, SHARP, SHARP_HALVES, SHARP_WIDTHS, SLOTS_PER_BIN
from .program import RESCUE
from .records import note_level, note_run
from .rules import true_for
from .state import DONE, LEVELS_FROM, R_HELD, R_RESCUE, R_STOPPED, S_NOISE_LEVEL, STEPS

GONE = 1e-6  # of what a typical dose makes: less counts as nothing


@njit(**JIT)
def fill_responses(t, lay, q, drugs):
    """The step matrices and dose responses of every agent, and the weights of the blood lines, for the patients of the
    block."""
    h = 1.0 / lay.bins
    sharp_edges = np.empty(HALVES + 1)
    for i in range(len(SHARP) - 1):
        sharp_edges[2 * i] = SHARP[i] * h / SHARP[-1]
        sharp_edges[2 * i + 1] = 0.5 * (SHARP[i] + SHARP[i + 1]) * h / SHARP[-1]
    sharp_edges[HALVES] = h
    for agent in range(lay.steps.shape[0]):
        n = lay.state_from[agent + 1] - lay.state_from[agent]
        lin = lay.linear_outputs[agent]
        rows = lay.row_from[agent + 1] - lay.row_from[agent]
        means = lay.means[lay.means_from[agent] : lay.means_from[agent + 1]]
        nodes = lay.nodes[lay.nodes_from[agent] : lay.nodes_from[agent + 1]]
        fine_means = lay.fine_means[lay.fine_means_from[agent] : lay.fine_means_from[agent + 1]]
        fine_nodes = lay.fine_nodes[lay.fine_nodes_from[agent] : lay.fine_nodes_from[agent + 1]]
        levels = lay.level_times[lay.level_times_from[agent] : lay.level_times_from[agent + 1]]
        bent = lay.bent[lay.bent_from[agent] : lay.bent_from[agent + 1]]
        sharp = lay.sharp[lay.sharp_from[agent] : lay.sharp_from[agent + 1]]
        times = lay.panel_times[2 * lay.panel_from[agent] : 2 * lay.panel_from[agent + 1]]
        a0, g0 = lay.a_from[agent] * LANES, lay.g_from[agent] * LANES
        a = q.a[a0 : a0 + n * n * LANES].copy().reshape(n, n, LANES)
        g = q.g[g0 : g0 + lin * n * LANES].copy().reshape(lin, n, LANES)
        forms = lay.agent_forms[lay.agent_form_from[agent] : lay.agent_form_from[agent + 1]]
        sinks = lay.saturable[agent]
        entries = np.empty(forms.shape[0] + sinks, dtype=np.int64)
        taus = np.zeros(forms.shape[0] + sinks)
        delayed = np.zeros(forms.shape[0] + sinks, dtype=np.bool_)
        for i in range(forms.shape[0]):
            entries[i] = lay.form_entry[forms[i]]
            if t.forms[forms[i]].lag > 0.0:
                taus[i] = t.forms[forms[i]].lag
                delayed[i] = True
            elif sinks == 0:
                taus[i] = t.forms[forms[i]].rest_days
        if sinks == 1:
            entries[-1] = lay.central[agent]
        free = np.zeros((rows, n, LANES))
        part = np.zeros((forms.shape[0] + sinks, rows, LANES))
        rate = np.zeros((forms.shape[0] + sinks, rows, LANES))
        p0, p1 = lay.pass_from[agent], lay.pass_from[agent + 1]
        for kind in range(lay.kind_from[agent + 1] - lay.kind_from[agent]):
            unit = lay.unit[lay.kind_from[agent] + kind]
            responses(a, g, unit, lay.fastest[agent], lay.windows[agent], means, nodes, lay.fine_windows[agent],
                      fine_means, fine_nodes, levels, bent, times, sharp, sharp_edges, entries, taus, delayed, free,
                      part, rate)  # fmt: skip
            w0 = 4 * (lay.weight_from[agent] + kind * (p1 - p0)) * LANES
            for i in range(p0, p1):
                for k in range(4):
                    if lay.pass_used[4 * i + k] == 1:
                        w = w0 + (4 * (i - p0) + k) * LANES
                        drugs.weight[w : w + LANES] = free[lay.pass_row[i], lay.pass_column[4 * i + k]]
            for i in range(forms.shape[0]):
                f0 = (lay.form_row_from[forms[i]] + kind * rows) * LANES
                drugs.part[f0 : f0 + rows * LANES] = part[i].reshape(-1)
                drugs.full[f0 : f0 + rows * LANES] = rate[i].reshape(-1)
            if sinks == 1:
                s0 = (lay.sink_from[agent] + kind * rows) * LANES
                drugs.sink[s0 : s0 + rows * LANES] = rate[-1].reshape(-1)
    weights = np.zeros((WEIGHT_ROWS, LANES))
    for size in range(drugs.line_weight.shape[0] // (4 * WEIGHT_ROWS * LANES)):
        width = h if size == 0 else h * SHARP_WIDTHS[size - 1] / SHARP[-1]
        for line in range(4):
            kind = lay.line_kind[line]
            up, gain, out = q.line_transit[line * LANES :], q.line_gain[line * LANES :], q.line_loss[line * LANES :]
            if kind == POWER or kind == SATURATING:
                line_weights(up[:LANES], gain[:LANES], out[:LANES], width, weights)
            elif kind == LIFE_SPAN:
                life_span_weights(1.0 / up[:LANES], out[:LANES], width, weights)
            else:
                continue
            at = (4 * size + line) * WEIGHT_ROWS * LANES
            drugs.line_weight[at : at + WEIGHT_ROWS * LANES] = weights.reshape(-1)


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
                    place.seen[LEVELS_FROM + j, lane] = drugs.level[(j * STEPS + k) * LANES + lane]
                enough = place.rule[r, lane].rescue_given >= t.rules[r].at_least
                if enough and true_for(t.rules[r].until, t, place, lane):
                    place.rule[r, lane].rescue_next = -1
                    continue
                dose = t.orders[o].amount
                if t.orders[o].basis == 0:
                    dose *= q.person[lane].bsa_m2
                elif t.orders[o].basis == 1:
                    dose *= q.person[lane].weight_kg
                dose = planned = min(dose, t.orders[o].cap)
                reason = R_RESCUE
                if place.slot[slot, lane].stopped == 1:
                    dose, reason = 0.0, R_STOPPED
                elif place.slot[slot, lane].held_by >= 0:
                    dose, reason = 0.0, R_HELD
                drugs.amount[(f * STEPS + k) * LANES + lane] += dose * q.bioavailability[f * LANES + lane]
                drugs.used[f * STEPS + k] = True
                place.rule[r, lane].rescue_given += 1
                place.rule[r, lane].rescue_next += t.rules[r].every_step
                if keep_doses:
                    given = 1.0 if dose > 0.0 else 0.0
                    note_run(rec, place, slot, lane, today, dose, planned, given, reason, t.forms[f].tau, 1)


@njit(**HOT)
def levels_of_day(today, seed, t, lay, q, place, drugs, rec):
    """Plasma levels that a visit of this morning asks for, before the doses of the day, as the laboratory reports them:
    with the assay's noise (log-normal); what it cannot quantify is left out by who reads."""
    for lane in range(LANES):
        at = place.lane[lane].visited
        if at < 0:
            continue
        phase = place.lane[lane].phase
        for i in range(t.days[at].level_from, t.days[at].level_to):
            agent = t.level_due[i]
            s0, s1 = lay.state_from[agent], lay.state_from[agent + 1]
            level = 0.0
            for j in range(s1 - s0):
                level += q.g[(lay.g_from[agent] + j) * LANES + lane] * drugs.x[(s0 + j) * LANES + lane]
            noise = chance.normal(seed, q.person[lane].patient, lay.level_purpose[agent], place.lane[lane].sample)
            level = max(0.0, level) * math.exp(lay.settings[S_NOISE_LEVEL] * noise)
            note_level(rec, lane, today, phase, place.lane[lane].day, place.cycle[phase, lane], agent, level)


@njit(**HOT)
def day_of_kinetics(today, t, lay, q, place, drugs, rec, keep_doses):
    """Advance every agent that is on board by a day and leave the means of its bent drivers in ``drugs.shape``."""
    drugs.sharp_on[:] = False
    drugs.sharp_agent[:] = False
    drugs.sharp_lane[:] = False
    pending = today < 0  # not the literal False: that would be compiled twice
    for r in range(t.rules.shape[0]):
        if t.rules[r].kind == RESCUE:
            for lane in range(LANES):
                pending = pending or place.rule[r, lane].rescue_next >= 0
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
            _agent_day(agent, today, pending, t, lay, q, drugs)
            for i in range(f_from, f_to):
                f = lay.agent_forms[i]
                for k in range(STEPS):
                    if drugs.used[f * STEPS + k]:
                        drugs.used[f * STEPS + k] = False
                        at = (f * STEPS + k) * LANES
                        drugs.amount[at : at + LANES] = 0.0


@njit(**INLINED)
def _clear(agent, lay, drugs):
    """Empty the agent's rows of the day."""
    slots = lay.bins * SLOTS_PER_BIN
    for s in range(lay.shape_from[agent], lay.shape_from[agent + 1]):
        rows = 2 * slots if lay.shapes[s].antagonist >= 0 else slots if lay.shapes[s].fine == 1 else slots // 2
        drugs.shape[lay.shapes[s].row * LANES : (lay.shapes[s].row + rows) * LANES] = 0.0
    if lay.against_row[agent] >= 0:
        for s in range(lay.shapes.shape[0]):
            if lay.shapes[s].antagonist == agent:
                at = lay.shapes[s].answer
                drugs.against[at * LANES : (at + 2 * slots) * LANES] = 0.0
    for j in range(lay.output_from[agent], lay.output_from[agent + 1]):
        if lay.watched[j] >= 0:
            drugs.watch[lay.watched[j] * LANES : (lay.watched[j] + slots) * LANES] = 0.0


@njit(**INLINED)
def _doses(agent, slot, now, t, lay, drugs):
    """Doses of this hour (``now``, in days): boluses into the states, delayed ones and infusions into what the step's
    inputs are.

    Marks the patients whose concentrations change now: a dose, or an infusion that runs or has just stopped. Returns
    how many, and whether any dose was given."""
    for lane in range(LANES):
        drugs.fresh[lane] = drugs.was_running[agent * LANES + lane]
        drugs.was_running[agent * LANES + lane] = False
        drugs.dosed[lane] = False
    anyone = False
    for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
        f = lay.agent_forms[i]
        if drugs.used[f * STEPS + slot]:
            anyone = True
            a0 = (f * STEPS + slot) * LANES
            x0 = (lay.state_from[agent] + lay.form_entry[f]) * LANES
            for lane in range(LANES):
                dose = drugs.amount[a0 + lane]
                if dose > 0.0:
                    drugs.dosed[lane] = True
                    drugs.fresh[lane] = True
                    if drugs.first[agent * LANES + lane] < 0.0:
                        drugs.first[agent * LANES + lane] = now
                    if t.forms[f].tau > 0.0:
                        free = f  # the first copy in which no infusion runs in this patient
                        while drugs.left[free * LANES + lane] > 0.0 and t.forms[free].next >= 0:
                            free = t.forms[free].next
                        drugs.left[free * LANES + lane] = t.forms[f].tau
                        drugs.rate[free * LANES + lane] = dose / t.forms[f].tau
                        drugs.running[free] = True
                    elif t.forms[f].lag > 0.0:
                        drugs.late[f * LANES + lane] = dose
                        drugs.wait[f * LANES + lane] = t.forms[f].lag
                        drugs.delaying[f] = True
                    else:
                        drugs.x[x0 + lane] += dose
        if drugs.running[f]:
            for lane in range(LANES):
                if drugs.left[f * LANES + lane] > 0.0:
                    drugs.fresh[lane] = True
                    drugs.was_running[agent * LANES + lane] = True
    count = 0
    for lane in range(LANES):
        fresh = drugs.fresh[lane]
        count += 1 if fresh else 0
        drugs.weigh_fresh[lane] = 1.0 if fresh else 0.0
        drugs.weigh_plain[lane] = 0.0 if fresh else 1.0
    return count, anyone


@njit(**INLINED)
def _inputs(agent, kind, length, rows, t, lay, drugs, new0):
    """Add what infusions and delayed doses put into a step of ``length`` days."""
    for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
        f = lay.agent_forms[i]
        at = lay.form_row_from[f] + kind * rows
        if drugs.delaying[f] and lay.saturable[agent] == 0:
            for lane in range(LANES):
                drugs.now_part[lane] = drugs.late[f * LANES + lane]
                drugs.late[f * LANES + lane] = 0.0
            drugs.delaying[f] = False
            add(drugs.new, new0, rows, drugs.part, at, drugs.now_part)
        if not drugs.running[f]:
            continue
        if lay.saturable[agent] == 1:
            _infuse_evenly(f, length, drugs.left, drugs.rate, drugs.now_rate)
        else:
            _infuse(f, length, t.forms[f].rest_days, drugs.left, drugs.rate, drugs.now_rate, drugs.now_part)
            if t.forms[f].rest_days > 0.0:
                add(drugs.new, new0, rows, drugs.part, at, drugs.now_part)
        add(drugs.new, new0, rows, drugs.full, at, drugs.now_rate)


@njit(**INLINED)
def _agent_day(agent, today, pending, t, lay, q, drugs):
    _clear(agent, lay, drugs)
    s0, s1 = lay.state_from[agent], lay.state_from[agent + 1]
    n = s1 - s0
    steps = lay.steps[agent]
    leveled = -1
    for j in range(t.level_agent.shape[0]):
        if t.level_agent[j] == agent:
            leveled = j
    for number in range(steps):
        slot = number * (STEPS // steps)
        if leveled >= 0 and pending:
            concentration(drugs.x, s0, n, q.g, lay.g_from[agent], drugs.level, leveled * STEPS + slot)
        count, given = _doses(agent, slot, today + slot / STEPS, t, lay, drugs)
        if lay.saturable[agent] == 1:
            _saturable_step(agent, today, number, count, given, t, lay, q, drugs)
        else:
            _linear_step(agent, number, count, given, leveled >= 0 and pending, t, lay, q, drugs)
            if leveled >= 0 and pending:
                levels = lay.level_times_from[agent + 1] - lay.level_times_from[agent]
                copy(
                    drugs.level,
                    leveled * STEPS + slot + 1,
                    drugs.new,
                    lay.row_from[agent] + lay.level_row[agent],
                    levels,
                )
    for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
        f = lay.agent_forms[i]
        if drugs.running[f]:
            drugs.running[f] = False
            for lane in range(LANES):
                if drugs.left[f * LANES + lane] > 0.0:
                    drugs.running[f] = True
    # what has washed out of a patient is set to zero: patient by patient, so that the block does not matter
    left = False
    for lane in range(LANES):
        present = drugs.was_running[agent * LANES + lane]
        for j in range(s0, s1):
            if abs(drugs.x[j * LANES + lane]) > GONE * q.state_scale[j * LANES + lane]:
                present = True
                break
        for i in range(lay.product_from[agent], lay.product_from[agent + 1]):
            if drugs.z[i * LANES + lane] > GONE * drugs.plateau[i * LANES + lane]:
                present = True
        for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
            if drugs.left[lay.agent_forms[i] * LANES + lane] > 0.0:
                present = True
        if present:
            left = True
        else:
            for j in range(s0, s1):
                drugs.x[j * LANES + lane] = 0.0
            for i in range(lay.product_from[agent], lay.product_from[agent + 1]):
                drugs.z[i * LANES + lane] = 0.0
    drugs.on_board[agent] = left  # today's outputs stay until the effects of the day are known


@njit(**INLINED)
def _linear_step(agent, number, count, given, leveled, t, lay, q, drugs):
    """One step of an agent whose elimination is linear."""
    s0 = lay.state_from[agent]
    n = lay.state_from[agent + 1] - s0
    r0, rows = lay.row_from[agent], lay.row_from[agent + 1] - lay.row_from[agent]
    p0, plain, level = lay.pass_from[agent], lay.plain_from[agent], lay.level_from[agent]
    fresh, p1 = lay.fresh_from[agent], lay.pass_from[agent + 1]
    panels = lay.panel_from[agent + 1] - lay.panel_from[agent]
    windows = lay.windows[agent]
    some = panels > 0 and count > 0
    rest = not (panels > 0 and count == LANES)
    sharp = given and lay.sharp_from[agent + 1] > lay.sharp_from[agent]
    for part in range(4):
        if (part == 1 and not rest) or (part == 2 and not leveled) or (part == 3 and not some and not sharp):
            continue
        a, b = (
            (p0, plain) if part == 0 else (plain, level) if part == 1 else (level, fresh) if part == 2 else (fresh, p1)
        )
        step(lay.pass_row[a:b], lay.pass_column[4 * a : 4 * b], lay.pass_first[a:b], drugs.weight,
             4 * (lay.weight_from[agent] + a - p0), drugs.x, s0, drugs.new, r0)  # fmt: skip
    _inputs(agent, lay.micro_kind[lay.micro_from[agent]], 1.0 / lay.steps[agent], rows, t, lay, drugs, r0)
    copy(drugs.x, s0, drugs.new, r0, n)
    length = 1.0 / (lay.steps[agent] * windows)  # of a window, in days
    drugs.weigh_kept[:] = 1.0
    if not some:
        drugs.weigh_plain[:] = 1.0
    for i in range(lay.product_from[agent], lay.product_from[agent + 1]):
        for w in range(windows):
            drugs.uptake[:] = 0.0
            drugs.moment[:] = 0.0
            if rest:
                uptake(drugs.new, r0 + lay.plasma_row[agent] + 2 * w, q.product_half, i, drugs.weigh_plain, 1.0,
                       GAUSS[0] - 0.5, GAUSS[1] - 0.5, drugs.uptake, drugs.moment)  # fmt: skip
            if some:
                for k in range(panels):
                    p = lay.panel_from[agent] + k
                    if lay.panel_window[p] == w:
                        early = lay.panel_times[2 * p] / length - w - 0.5
                        late = lay.panel_times[2 * p + 1] / length - w - 0.5
                        uptake(drugs.new, r0 + lay.plasma_panels[agent] + 2 * k, q.product_half, i, drugs.weigh_fresh,
                               lay.panel_share[p], early, late, drugs.uptake, drugs.moment)  # fmt: skip
            saturable_product(drugs.z, i, drugs.uptake, drugs.moment, drugs.plateau, drugs.decay, drugs.shift,
                              lay.product_row[i], drugs.z_mean)  # fmt: skip
            _product_effects(agent, i - lay.product_from[agent], (number * windows + w) * length, length, lay, q, drugs)
    for s in range(lay.shape_from[agent], lay.shape_from[agent + 1]):
        if lay.shapes[s].made_of == PRODUCT:
            continue
        function, e, source = lay.shapes[s].function, lay.shapes[s].effect, r0 + lay.shapes[s].source
        two = 0 if lay.shapes[s].made_of == MEAN else 1
        slots = _slots(s, lay)
        tiles = lay.fine_windows[agent] if lay.shapes[s].fine == 1 else windows
        share = slots / (lay.steps[agent] * tiles)
        for w in range(tiles):
            at = int((number * tiles + w) * share + 1e-9)
            if two == 1 and lay.shapes[s].antagonist >= 0:
                panel = r0 + lay.shapes[s].panels if some else -1
                _both(agent, w, length * windows / tiles, function, source + 2 * w if rest else -1, panel, e,
                      q.effect_b, q, lay, drugs, drugs.shape, lay.shapes[s].row + 2 * at)  # fmt: skip
                continue
            if rest or two == 0:
                _scaled(drugs.weigh_plain if two == 1 else drugs.ones, share, drugs.weighing)
                value = source + (two + 1) * w
                bend(function, drugs.new, value, value + two, e, q.effect_b, q.effect_c, q.effect_d, q.effect_e,
                     drugs.weighing, drugs.shape, lay.shapes[s].row + at)  # fmt: skip
            if some and two == 1:
                for k in range(panels):
                    if lay.panel_window[lay.panel_from[agent] + k] == w:
                        _scaled(drugs.weigh_fresh, share * lay.panel_share[lay.panel_from[agent] + k], drugs.weighing)
                        value = r0 + lay.shapes[s].panels + 2 * k
                        bend(function, drugs.new, value, value + 1, e, q.effect_b, q.effect_c, q.effect_d, q.effect_e,
                             drugs.weighing, drugs.shape, lay.shapes[s].row + at)  # fmt: skip
        if sharp and lay.shapes[s].sharp >= 0:
            _sharp(agent, number, s, lay, drugs)
    if lay.against_row[agent] >= 0:
        tiles = lay.fine_windows[agent]
        for s in range(lay.shapes.shape[0]):
            if lay.shapes[s].antagonist == agent:
                panel = r0 + lay.against_panels[agent] if some else -1
                for w in range(tiles):
                    _both(agent, w, length * windows / tiles, EMAX, r0 + lay.against_row[agent] + 2 * w if rest else -1,
                          panel, lay.shapes[s].effect, q.antagonist_half, q, lay, drugs, drugs.against,
                          lay.shapes[s].answer + 2 * (number * tiles + w))  # fmt: skip
    slots, tiles = lay.bins * SLOTS_PER_BIN, lay.fine_windows[agent]
    share = slots / (lay.steps[agent] * tiles)
    for j in range(lay.output_from[agent], lay.output_from[agent] + lay.linear_outputs[agent]):
        if lay.watched[j] >= 0:
            for w in range(tiles):
                _watch(drugs.watch, lay.watched[j] + int((number * tiles + w) * share + 1e-9), share, drugs.weigh_kept,
                       drugs.new, r0 + lay.watch_source[j] + w)  # fmt: skip


@njit(**INLINED)
def _slots(s, lay):
    """Slots of a shape in a day: two hours or four."""
    slots = lay.bins * SLOTS_PER_BIN
    return slots if lay.shapes[s].fine == 1 else slots // 2


@njit(**HOT)
def _scaled(x, factor, out):
    for lane in range(LANES):
        out[lane] = x[lane] * factor


@njit(**HOT)
def _both(agent, w, width, function, source, panel, e, q_b, q, lay, drugs, out, at):
    """A shape, or what takes away from it, at both nodes of window ``w`` of ``width`` days: rows ``at`` and the next of
    out, since one must be multiplied by the other. After a dose (rows from ``panel`` on, else -1) two rows stand for
    all panels of the window, with their mean and their first moment. source: row of the plain nodes, or -1."""
    if source >= 0:
        for k in range(2):
            bend(function, drugs.new, source + k, source + k, e, q_b, q.effect_c, q.effect_d, q.effect_e,
                 drugs.weigh_plain, out, at + k)  # fmt: skip
    if panel < 0:
        return
    for p in range(lay.panel_from[agent], lay.panel_from[agent + 1]):
        early, late = lay.panel_times[2 * p], lay.panel_times[2 * p + 1]
        if int(0.5 * (early + late) / width) != w:
            continue
        share = (late - early) / ((GAUSS[1] - GAUSS[0]) * width)
        for m in range(2):
            x = lay.panel_times[2 * p + m] / width - w
            value = panel + 2 * (p - lay.panel_from[agent]) + m
            for k in range(2):
                _scaled(drugs.weigh_fresh, share * (GAUSS[1 - k] - x) / (GAUSS[1 - k] - GAUSS[k]), drugs.weighing)
                bend(function, drugs.new, value, value, e, q_b, q.effect_c, q.effect_d, q.effect_e, drugs.weighing,
                     out, at + k)  # fmt: skip


@njit(**INLINED)
def _sharp(agent, number, s, lay, drugs):
    """Keep the means of the halves of the panels for the step of the body that starts with this dose."""
    this = number * lay.bins // lay.steps[agent]
    _mark_sharp(agent, this, lay, drugs)
    copy(
        drugs.sharp, lay.shapes[s].sharp + this * HALVES, drugs.new, lay.row_from[agent] + lay.shapes[s].panels, HALVES
    )


@njit(**INLINED)
def _mark_sharp(agent, this, lay, drugs):
    """Note for step ``this`` of the body who was given a sharp dose."""
    drugs.sharp_on[this] = True
    drugs.sharp_agent[agent * lay.bins + this] = True
    given = row(drugs.sharp_given, agent * lay.bins + this)
    for lane in range(LANES):
        given[lane] = 1.0 if drugs.dosed[lane] else 0.0
        if drugs.dosed[lane]:
            drugs.sharp_lane[this * LANES + lane] = True


@njit(**HOT)
def _watch(watch, at, share, kept, x, x_row):
    """Add a mean over ``share`` of two hours to the means that somebody asked for."""
    o, u = row(watch, at), row(x, x_row)
    for lane in range(LANES):
        o[lane] += share * kept[lane] * u[lane]


@njit(**INLINED)
def _product_effects(agent, product, start, length, lay, q, drugs):
    """Shapes of a saturable product from ``start`` on for ``length`` (of a day), judged at its mean."""
    output = lay.linear_outputs[agent] + product
    for s in range(lay.shape_from[agent], lay.shape_from[agent + 1]):
        if lay.shapes[s].made_of != PRODUCT or lay.shapes[s].output != output:
            continue
        slots = _slots(s, lay)
        at = int(start * slots + 1e-9)
        e = lay.shapes[s].effect
        _scaled(drugs.weigh_kept, min(1.0, length * slots), drugs.weighing)
        each = 2 if lay.shapes[s].antagonist >= 0 else 1
        for k in range(each * max(1, int(length * slots + 1e-9))):
            bend(lay.shapes[s].function, drugs.z_mean, 0, 0, e, q.effect_b, q.effect_c, q.effect_d, q.effect_e,
                 drugs.weighing, drugs.shape, lay.shapes[s].row + each * at + k)  # fmt: skip
        this = int(start * lay.bins + 1e-9)
        if lay.shapes[s].sharp >= 0 and drugs.sharp_agent[agent * lay.bins + this]:
            _sharp_product(s, this, start * lay.bins - this, length * lay.bins, lay, q, drugs)
    watched, slots = lay.watched[lay.output_from[agent] + output], lay.bins * SLOTS_PER_BIN
    if watched >= 0:
        for k in range(max(1, int(length * slots + 1e-9))):
            _watch(drugs.watch, watched + int(start * slots + 1e-9) + k, min(1.0, length * slots), drugs.weigh_kept,
                   drugs.z_mean, 0)  # fmt: skip


@njit(**INLINED)
def _sharp_product(s, this, start, length, lay, q, drugs):
    """Add a micro-step to the means of the halves of the panels it lies in; start and length in steps of the body."""
    for p in range(HALVES):
        a, b = SHARP_HALVES[p][0] / SHARP[-1], SHARP_HALVES[p][1] / SHARP[-1]
        shared = min(b, start + length) - max(a, start)
        if shared > 1e-9:
            _scaled(drugs.weigh_kept, shared / (b - a), drugs.weighing)
            bend(lay.shapes[s].function, drugs.z_mean, 0, 0, lay.shapes[s].effect, q.effect_b, q.effect_c, q.effect_d,
                 q.effect_e, drugs.weighing, drugs.sharp, lay.shapes[s].sharp + this * HALVES + p)  # fmt: skip


@njit(**INLINED)
def _saturable_step(agent, today, number, count, given, t, lay, q, drugs):
    """Two hours of an agent whose elimination saturates or changes: patients whose concentrations change now on a finer
    mesh than the others, each on its own only."""
    s0, n = lay.state_from[agent], lay.state_from[agent + 1] - lay.state_from[agent]
    z0, products = lay.product_from[agent], lay.product_from[agent + 1] - lay.product_from[agent]
    forms = lay.agent_form_from[agent + 1] - lay.agent_form_from[agent]
    first, plain, last = lay.micro_from[agent], lay.micro_plain[agent], lay.micro_from[agent + 1]
    mixed = 0 < count < LANES
    drugs.weigh_kept[:] = 1.0
    for s in range(lay.shape_from[agent], lay.shape_from[agent + 1]):
        if lay.shapes[s].sharp >= 0 and number % (lay.steps[agent] // lay.bins) == 0:
            this = number * lay.bins // lay.steps[agent]
            if this > 0 and drugs.sharp_agent[agent * lay.bins + this - 1]:  # until the evening
                before = row(drugs.sharp_given, agent * lay.bins + this - 1)
                for lane in range(LANES):
                    drugs.dosed[lane] = drugs.dosed[lane] or before[lane] > 0.0
                given = True
            if given:
                _mark_sharp(agent, this, lay, drugs)
                kept = lay.shapes[s].sharp + this * HALVES
                drugs.sharp[kept * LANES : (kept + HALVES) * LANES] = 0.0
    if mixed:
        copy(drugs.saved, 0, drugs.x, s0, n)
        copy(drugs.saved, n, drugs.z, z0, products)
        for i in range(forms):
            copy(drugs.saved_left, i, drugs.left, lay.agent_forms[lay.agent_form_from[agent] + i], 1)
        copy(drugs.weigh_kept, 0, drugs.weigh_plain, 0, 1)
    for mesh in range(2):
        if mesh == 0 and count == LANES or mesh == 1 and count == 0:
            continue
        if mesh == 1 and mixed:
            copy(drugs.other, 0, drugs.x, s0, n)
            copy(drugs.other, n, drugs.z, z0, products)
            copy(drugs.x, s0, drugs.saved, 0, n)
            copy(drugs.z, z0, drugs.saved, n, products)
            for i in range(forms):
                copy(drugs.left, lay.agent_forms[lay.agent_form_from[agent] + i], drugs.saved_left, i, 1)
            copy(drugs.weigh_kept, 0, drugs.weigh_fresh, 0, 1)
        for m in range(plain if mesh == 0 else first, last if mesh == 0 else plain):
            if mesh == 1:
                _arrivals(agent, lay.micro_share[m] / lay.steps[agent], lay, drugs)
            _micro_step(agent, today, number, m, t, lay, q, drugs)
        if mesh == 1:
            _arrivals(agent, np.inf, lay, drugs)
    if mixed:
        for j in range(n):
            for lane in range(LANES):
                if not drugs.fresh[lane]:
                    drugs.x[(s0 + j) * LANES + lane] = drugs.other[j * LANES + lane]
        for j in range(products):
            for lane in range(LANES):
                if not drugs.fresh[lane]:
                    drugs.z[(z0 + j) * LANES + lane] = drugs.other[(n + j) * LANES + lane]


@njit(**INLINED)
def _arrivals(agent, length, lay, drugs):
    """Delayed doses that enter in a micro-step of ``length`` days: at its start and its end, so much of each that they
    enter in time on average. Of infinite length: whatever is left, now."""
    for i in range(lay.agent_form_from[agent], lay.agent_form_from[agent + 1]):
        f = lay.agent_forms[i]
        if not drugs.delaying[f]:
            continue
        x0 = (lay.state_from[agent] + lay.form_entry[f]) * LANES
        for lane in range(LANES):
            wait = drugs.wait[f * LANES + lane]
            if wait >= length:
                drugs.wait[f * LANES + lane] = wait - length
                continue
            later = drugs.late[f * LANES + lane] * wait / length
            drugs.x[x0 + lane] += drugs.late[f * LANES + lane] - later
            drugs.late[f * LANES + lane] = later
            drugs.wait[f * LANES + lane] = 0.0
        if length == np.inf:
            drugs.delaying[f] = False


@njit(**INLINED)
def _micro_step(agent, today, number, m, t, lay, q, drugs):
    s0, n = lay.state_from[agent], lay.state_from[agent + 1] - lay.state_from[agent]
    r0, rows = lay.row_from[agent], lay.row_from[agent + 1] - lay.row_from[agent]
    p0, p1 = lay.pass_from[agent], lay.pass_from[agent + 1]
    kind, steps, share = lay.micro_kind[m], lay.steps[agent], lay.micro_share[m]
    step(lay.pass_row[p0:p1], lay.pass_column[4 * p0 : 4 * p1], lay.pass_first[p0:p1], drugs.weight,
         4 * (lay.weight_from[agent] + kind * (p1 - p0)), drugs.x, s0, drugs.new, r0)  # fmt: skip
    _inputs(agent, kind, share / steps, rows, t, lay, drugs, r0)
    start = (number + lay.micro_start[m]) / steps
    _extra_clearance(agent, today + start + 0.5 * share / steps, q, drugs, drugs.now_part)
    _sink(agent, r0, lay.plasma_row[agent], lay.central[agent], q.vmax, q.km, drugs.now_part, drugs.sink,
          lay.sink_from[agent] + kind * rows, drugs.new, drugs.now_rate)  # fmt: skip
    add(drugs.new, r0, rows, drugs.sink, lay.sink_from[agent] + kind * rows, drugs.now_rate)
    for i in range(lay.product_from[agent], lay.product_from[agent + 1]):
        drugs.uptake[:] = 0.0
        at = r0 + lay.plasma_row[agent]
        bend(EMAX, drugs.new, at, at, i, q.product_half, q.product_half, q.product_half, q.product_half, drugs.ones,
             drugs.uptake, 0)  # fmt: skip
        drugs.moment[:] = 0.0
        saturable_product(drugs.z, i, drugs.uptake, drugs.moment, drugs.plateau, drugs.decay, drugs.shift,
                          lay.product_row[i] + kind, drugs.z_mean)  # fmt: skip
        _product_effects(agent, i - lay.product_from[agent], start, share / steps, lay, q, drugs)
    for s in range(lay.shape_from[agent], lay.shape_from[agent + 1]):
        if lay.shapes[s].made_of == PRODUCT:
            continue
        slots = _slots(s, lay)
        _scaled(drugs.weigh_kept, share / steps * slots, drugs.weighing)
        at = r0 + lay.shapes[s].source
        bend(lay.shapes[s].function, drugs.new, at, at, lay.shapes[s].effect, q.effect_b, q.effect_c, q.effect_d,
             q.effect_e, drugs.weighing, drugs.shape, lay.shapes[s].row + int(start * slots + 1e-9))  # fmt: skip
    slots = lay.bins * SLOTS_PER_BIN
    for j in range(lay.linear_outputs[agent]):
        watched = lay.watched[lay.output_from[agent] + j]
        if watched >= 0:
            _watch(drugs.watch, watched + int(start * slots + 1e-9), share / steps * slots, drugs.weigh_kept, drugs.new,
                   r0 + n + j)  # fmt: skip
    copy(drugs.x, s0, drugs.new, r0, n)


@njit(**HOT)
def _infuse(f, length, rest, left, rate, now_rate, now_part):
    """Rates of infusions in a step of ``length`` days: whole steps, then the ``rest`` with its own response."""
    for lane in range(LANES):
        at = f * LANES + lane
        runs = left[at]
        whole = runs > length - 1e-9
        now_rate[lane] = rate[at] if whole else 0.0
        now_part[lane] = rate[at] * rest if runs > 0.0 and not whole else 0.0
        left[at] = runs - length if runs > length + 1e-9 else 0.0


@njit(**HOT)
def _infuse_evenly(f, length, left, rate, now_rate):
    """Rates of infusions in a step of ``length`` days; what ends within it is spread over it."""
    for lane in range(LANES):
        at = f * LANES + lane
        runs = min(left[at], length)
        now_rate[lane] = rate[at] * runs / length
        left[at] = left[at] - runs if left[at] > length + 1e-9 else 0.0


@njit(**HOT)
def concentration(x, x0, n, g, g0, out, row):
    """out[row] = plasma concentration now: the first output's row of g times the states."""
    for lane in range(LANES):
        total = 0.0
        for j in range(n):
            total += g[(g0 + j) * LANES + lane] * x[(x0 + j) * LANES + lane]
        out[row * LANES + lane] = total


@njit(**INLINED)
def _extra_clearance(agent, now, q, drugs, out):
    """out = clearance at ``now`` (days) beyond the stable one: extra exp(-fading t), t days after the first dose."""
    extra, fading = row(q.clearance_extra, agent), row(q.clearance_fading, agent)
    first = row(drugs.first, agent)
    for lane in range(LANES):
        out[lane] = extra[lane] * exp_small(-fading[lane] * max(0.0, now - first[lane]))


@njit(**HOT)
def _sink(agent, r0, mean, central, vmax, km, extra, sink, k0, new, rate):
    """Rate at which vmax C / (km + C) + extra C leaves the central compartment over one step, C its mean over the step
    with that taken out: C = m - d (vmax C / (km + C) + extra C), m = new[mean] without and d the response to a unit
    rate: a quadratic equation for m and d over 1 + d extra."""
    before, vm, half = row(new, r0 + mean), row(vmax, agent), row(km, agent)
    answer, inside, gone = row(sink, k0 + mean), row(new, r0 + central), row(sink, k0 + central)
    for lane in range(LANES):
        share = 1.0 / (1.0 + answer[lane] * extra[lane])
        m, v, k = share * before[lane], vm[lane], half[lane]
        p = k - m + share * answer[lane] * v
        root = math.sqrt(p * p + 4.0 * m * k)
        c = 2.0 * m * k / (p + root) if p > 0.0 else 0.5 * (root - p)
        rate[lane] = -min(v * c / (k + c) + extra[lane] * c, inside[lane] / gone[lane])
