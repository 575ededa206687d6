"""Drug effects: from the concentrations of a day to rates on targets.

Effects of one driver that differ by a factor only are one shape (`layout.SHAPE`), whose means over slots of two or four
hours kinetics has left. Lines feel the means of half a step of the body, and where a sharp dose was given the means of
the halves of ever wider panels; red cells, whose inhibition is bounded, are judged by two hours; blasts by the step.
"""

from __future__ import annotations

import math

from numba import njit

from remission.body.kinetics import HOT, INLINED, LANES, row
from remission.body.marrow import CIRCULATING, STATE_ROWS

from .layout import EMAX, HILL, LINEAR
from .mesh import SLOTS_PER_BIN

LYMPHOCYTES = (3 * STATE_ROWS + CIRCULATING) * LANES
RED_CELLS, LINES, BLASTS, BLOOD, CNS, DAILY, B_CELLS, HAZARDS = 2, 4, 4, 5, 6, 8, 9, 12  # in layout.TARGETS


@njit(**INLINED)
def _asparagine(x, half, rest, d, km):
    """Effect of the activity x: 1 - N (rest + half) / (rest (N + half)), N the asparagine it leaves at the steady state
    of supply, loss and Michaelis-Menten breakdown: N^2 + N (rest d x + km - rest) - km rest = 0, with rest the
    baseline, d the breakdown per activity over the supply, km the Michaelis constant; half is N at half effect."""
    p = rest * d * x + km - rest
    n = 2.0 * km * rest / (p + math.sqrt(p * p + 4.0 * km * rest))
    return 1.0 - n * (rest + half) / (rest * (n + half)) if x > 0.0 else 0.0


@njit(**INLINED)
def _hill(x, half, power):
    return 1.0 / (1.0 + math.exp(power * math.log(half / x))) if x > 0.0 else 0.0


@njit(**HOT)
def bend(function, x, first, second, i, q_b, q_c, q_d, q_e, weight, out, at):
    """Row ``at`` of out += weight times the mean of the shape of effect ``i`` (its value for a factor of 1) at two
    values of its driver, rows ``first`` and ``second`` of x; weight (L,). linear: x. emax: x / (b + x), both over one
    division; with an exponent: x^c / (b^c + x^c). asparagine depletion: `_asparagine`."""
    u, v, o = row(x, first), row(x, second), row(out, at)
    if function == EMAX:
        b = row(q_b, i)
        for lane in range(LANES):
            bu, bv = b[lane] + u[lane], b[lane] + v[lane]
            o[lane] += 0.5 * weight[lane] * (u[lane] * bv + v[lane] * bu) / (bu * bv)
    elif function == LINEAR:
        for lane in range(LANES):
            o[lane] += 0.5 * weight[lane] * (u[lane] + v[lane])
    elif function == HILL:
        b, c = row(q_b, i), row(q_c, i)
        for lane in range(LANES):
            o[lane] += 0.5 * weight[lane] * (_hill(u[lane], b[lane], c[lane]) + _hill(v[lane], b[lane], c[lane]))
    else:
        b, c, d, km = row(q_b, i), row(q_c, i), row(q_d, i), row(q_e, i)
        for lane in range(LANES):
            o[lane] += (
                0.5
                * weight[lane]
                * (
                    _asparagine(u[lane], b[lane], c[lane], d[lane], km[lane])
                    + _asparagine(v[lane], b[lane], c[lane], d[lane], km[lane])
                )
            )


@njit(**HOT)
def _add(out, at, x, x_at, rows, factor, f_at):
    """Rows of out += rows of x times the factor."""
    o, u, f = out[at * LANES : (at + rows) * LANES], x[x_at * LANES : (x_at + rows) * LANES], row(factor, f_at)
    for k in range(rows):
        for lane in range(LANES):
            o[k * LANES + lane] += u[k * LANES + lane] * f[lane]


@njit(**HOT)
def _add_pairs(out, at, x, x_at, rows, factor, f_at):
    """Rows of out += means of two rows of x times the factor."""
    o, u, f = out[at * LANES : (at + rows) * LANES], x[x_at * LANES : (x_at + 2 * rows) * LANES], row(factor, f_at)
    for k in range(rows):
        for lane in range(LANES):
            o[k * LANES + lane] += 0.5 * (u[2 * k * LANES + lane] + u[(2 * k + 1) * LANES + lane]) * f[lane]


@njit(**HOT)
def _add_twice(out, at, x, x_at, rows, factor, f_at):
    """Two rows of out += each row of x times the factor."""
    o, u, f = out[at * LANES : (at + 2 * rows) * LANES], x[x_at * LANES : (x_at + rows) * LANES], row(factor, f_at)
    for k in range(rows):
        for lane in range(LANES):
            add = u[k * LANES + lane] * f[lane]
            o[2 * k * LANES + lane] += add
            o[(2 * k + 1) * LANES + lane] += add


@njit(**HOT)
def _add_fours(out, at, x, x_at, rows, factor, f_at):
    """Rows of out += means of four rows of x times the factor."""
    o, u, f = out[at * LANES : (at + rows) * LANES], x[x_at * LANES : (x_at + 4 * rows) * LANES], row(factor, f_at)
    for k in range(rows):
        i = 4 * k * LANES
        for lane in range(LANES):
            o[k * LANES + lane] += (
                0.25 * f[lane] * (u[i + lane] + u[i + LANES + lane] + u[i + 2 * LANES + lane] + u[i + 3 * LANES + lane])
            )


@njit(**HOT)
def _mean(out, x, x_at, rows):
    """out (L,) = mean of rows of x."""
    out[:] = 0.0
    for k in range(rows):
        u = row(x, x_at + k)
        for lane in range(LANES):
            out[lane] += u[lane] / rows


@njit(**HOT)
def _add_released(out, x, x_at, rows, size, released, f_at):
    """out (L,) += mean of rows of x times the size of the effect and what it sets free."""
    u, f, r = x[x_at * LANES : (x_at + rows) * LANES], row(size, f_at), row(released, f_at)
    for lane in range(LANES):
        total = 0.0
        for k in range(rows):
            total += u[k * LANES + lane]
        out[lane] += total * f[lane] * r[lane] / rows


@njit(**HOT)
def with_t_cells(i, lay, q, flesh, work):
    """The size of an effect that needs the patient's T cells: T / (T + half)."""
    size, rest, own, own_rest = row(work.size, i), row(work.size_rest, i), row(q.effect_size, i), row(q.effect_rest, i)
    for lane in range(LANES):
        t = flesh.line[LYMPHOCYTES + lane]
        share = t / (t + q.immune[lane].t_half)
        size[lane] = own[lane] * share
        rest[lane] = own_rest[lane] * share


@njit(**INLINED)
def _answer(g, lay, drugs):
    """The antagonist's part: each node of a shape times what it leaves, then means of two hours."""
    at, slots = lay.shapes[g].row, lay.bins * SLOTS_PER_BIN
    against = lay.shapes[g].antagonist
    if drugs.acting[against]:
        for k in range(2 * slots):
            o, taken = row(drugs.shape, at + k), row(drugs.against, lay.shapes[g].answer + k)
            for lane in range(LANES):
                o[lane] *= 1.0 - taken[lane]
    for k in range(slots):
        o, u, v = row(drugs.shape, at + k), row(drugs.shape, at + 2 * k), row(drugs.shape, at + 2 * k + 1)
        for lane in range(LANES):
            o[lane] = 0.5 * (u[lane] + v[lane])


@njit(**HOT)
def day_of_effects(lay, q, drugs, flesh, work):
    """Fill the day's effects on cell lines, blasts by drug class, blood, CNS and mobilisation."""
    bins = lay.bins
    slots = bins * SLOTS_PER_BIN
    work.e_line[:] = 0.0
    work.e_red[:] = 0.0
    flesh.k_blood[:] = 0.0
    work.k_cns[:] = 0.0
    flesh.mobilised[:] = 0.0
    flesh.daily[:] = 0.0
    work.released[:] = 0.0
    work.released_b[:] = 0.0
    for i in range(lay.effect_needs.shape[0]):
        if lay.effect_needs[i] == 1:
            with_t_cells(i, lay, q, flesh, work)
    for c in range(work.class_active.shape[0]):
        if work.class_active[c]:
            work.class_active[c] = False
            work.k_cyc[c * bins * LANES : (c + 1) * bins * LANES] = 0.0
            work.k_rest[c * bins * LANES : (c + 1) * bins * LANES] = 0.0
    for g in range(lay.shapes.shape[0]):
        if not drugs.acting[lay.shapes[g].agent]:
            continue
        if lay.shapes[g].antagonist >= 0:
            _answer(g, lay, drugs)
        at, fine = lay.shapes[g].row, lay.shapes[g].fine == 1
        known = False
        for m in range(lay.shapes[g].first, lay.shapes[g].last):
            i = lay.members[m]
            target = lay.effect_target[i]
            if target >= HAZARDS and lay.side_effects == 0:
                continue
            if target == RED_CELLS:  # by two hours
                if fine:
                    _add(work.e_red, 0, drugs.shape, at, slots, work.size, i)
                else:
                    _add_twice(work.e_red, 0, drugs.shape, at, slots // 2, work.size, i)
            elif target < LINES:  # by half steps
                if fine:
                    _add_pairs(work.e_line, 2 * bins * target, drugs.shape, at, 2 * bins, work.size, i)
                else:
                    _add(work.e_line, 2 * bins * target, drugs.shape, at, 2 * bins, work.size, i)
            elif target == BLASTS:  # by steps
                pool = lay.effect_pool[i]
                work.class_active[pool] = True
                if fine:
                    _add_fours(work.k_cyc, pool * bins, drugs.shape, at, bins, work.size, i)
                    _add_fours(work.k_rest, pool * bins, drugs.shape, at, bins, work.size_rest, i)
                else:
                    _add_pairs(work.k_cyc, pool * bins, drugs.shape, at, bins, work.size, i)
                    _add_pairs(work.k_rest, pool * bins, drugs.shape, at, bins, work.size_rest, i)
            elif target == CNS:
                if fine:
                    _add_fours(work.k_cns, 0, drugs.shape, at, bins, work.size, i)
                else:
                    _add_pairs(work.k_cns, 0, drugs.shape, at, bins, work.size, i)
            else:  # by the day
                if not known:
                    _mean(work.mean, drugs.shape, at, slots if fine else slots // 2)
                    known = True
                if target < DAILY:
                    _add(flesh.k_blood if target == BLOOD else flesh.mobilised, 0, work.mean, 0, 1, work.size, i)
                else:
                    _add(flesh.daily, target - DAILY, work.mean, 0, 1, work.size, i)
    for k in range(lay.releasing.shape[0]):
        i = lay.releasing[k]
        g = lay.shape_of[i]
        if drugs.acting[lay.shapes[g].agent]:
            rows = slots if lay.shapes[g].fine == 1 else slots // 2
            out = work.released_b if lay.effect_target[i] == B_CELLS else work.released
            _add_released(out, drugs.shape, lay.shapes[g].row, rows, work.size, q.released, i)
