"""Drug effects: from the concentrations of a day to rates on targets.

Effects of one driver that differ by a factor only are one shape (`layout.SHAPE`), whose means over slots of two or four
hours kinetics has left. Lines feel the means of half a step of the body, and where a sharp dose was given the means of
the halves of ever wider panels; red cells, whose inhibition is bounded, are judged by two hours; blasts by the step.
"""

from __future__ import annotations

import math

from numba import njit

from remission.body.kinetics import HOT, INLINED, LANES, row

from .layout import EMAX, LINEAR
from .mesh import SLOTS_PER_BIN

RED_CELLS, LINES, BLASTS, BLOOD, CNS = 2, 4, 4, 5, 6  # targets in the order of layout.TARGETS: four lines, then these


@njit(**INLINED)
def _asparagine(x, half, rest, d, km):
    """Effect of the activity x: 1 - N (rest + half) / (rest (N + half)), N the asparagine it leaves at the steady state
    of supply, loss and Michaelis-Menten breakdown: N^2 + N (rest d x + km - rest) - km rest = 0, with rest the baseline,
    d the breakdown per activity over the supply, km the Michaelis constant; half is N at half effect."""
    p = rest * d * x + km - rest
    n = 2.0 * km * rest / (p + math.sqrt(p * p + 4.0 * km * rest))
    return 1.0 - n * (rest + half) / (rest * (n + half)) if x > 0.0 else 0.0


@njit(**HOT)
def bend(function, x, first, second, i, q_b, q_c, q_d, q_e, weight, out, at):
    """Row ``at`` of out += weight times the mean of the shape of effect ``i`` (its value for a factor of 1) at two values of its
    driver, rows ``first`` and ``second`` of x; weight (L,). linear: x. emax: x / (b + x), both over one division.
    asparagine depletion: `_asparagine`."""
    u, v, o = row(x, first), row(x, second), row(out, at)
    if function == EMAX:
        b = row(q_b, i)
        for lane in range(LANES):
            bu, bv = b[lane] + u[lane], b[lane] + v[lane]
            o[lane] += 0.5 * weight[lane] * (u[lane] * bv + v[lane] * bu) / (bu * bv)
    elif function == LINEAR:
        for lane in range(LANES):
            o[lane] += 0.5 * weight[lane] * (u[lane] + v[lane])
    else:
        b, c, d, km = row(q_b, i), row(q_c, i), row(q_d, i), row(q_e, i)
        for lane in range(LANES):
            o[lane] += 0.5 * weight[lane] * (
                _asparagine(u[lane], b[lane], c[lane], d[lane], km[lane])
                + _asparagine(v[lane], b[lane], c[lane], d[lane], km[lane])
            )


@njit(**INLINED)
def _add(out, at, x, x_row, factor, f_row, share):
    o, u, f = row(out, at), row(x, x_row), row(factor, f_row)
    for lane in range(LANES):
        o[lane] += share * u[lane] * f[lane]


@njit(**INLINED)
def _on_line(target, i, at, fine, bins, x, size, work):
    """Effect ``i`` on a line: means of half steps, and of two hours for the red cells."""
    for half in range(2 * bins):
        if fine == 1:
            if target == RED_CELLS:
                _add(work.e_red, 2 * half, x, at + 2 * half, size, i, 1.0)
                _add(work.e_red, 2 * half + 1, x, at + 2 * half + 1, size, i, 1.0)
            else:
                _add(work.e_line, 2 * bins * target + half, x, at + 2 * half, size, i, 0.5)
                _add(work.e_line, 2 * bins * target + half, x, at + 2 * half + 1, size, i, 0.5)
        elif target == RED_CELLS:
            _add(work.e_red, 2 * half, x, at + half, size, i, 1.0)
            _add(work.e_red, 2 * half + 1, x, at + half, size, i, 1.0)
        else:
            _add(work.e_line, 2 * bins * target + half, x, at + half, size, i, 1.0)


@njit(**INLINED)
def _on_cells(target, i, pool, at, slots, bins, x, size, rest, flesh, work):
    """Effect ``i`` on blasts (by step of the body), on blasts in blood or CNS and on mobilisation (by day)."""
    if target == BLASTS:
        work.class_active[pool] = True
        per_bin = slots // bins
        for j in range(bins):
            for k in range(per_bin):
                _add(work.k_cyc, pool * bins + j, x, at + per_bin * j + k, size, i, 1.0 / per_bin)
                _add(work.k_rest, pool * bins + j, x, at + per_bin * j + k, rest, i, 1.0 / per_bin)
        return
    out = flesh.k_blood if target == BLOOD else work.k_cns if target == CNS else flesh.mobilised
    for k in range(slots):
        _add(out, 0, x, at + k, size, i, 1.0 / slots)


@njit(**INLINED)
def _answer(g, lay, q, drugs):
    """The antagonist's part: each node of a shape over 1 + its plasma / half, then means of two hours in their place."""
    at, slots = lay.shapes[g].row, lay.bins * SLOTS_PER_BIN
    against = lay.shapes[g].antagonist
    if drugs.acting[against]:
        half = row(q.antagonist_half, lay.shapes[g].effect)
        for k in range(2 * slots):
            o, p = row(drugs.shape, at + k), row(drugs.against, lay.against[against] + k)
            for lane in range(LANES):
                o[lane] /= 1.0 + p[lane] / half[lane]
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
    for c in range(work.class_active.shape[0]):
        if work.class_active[c]:
            work.class_active[c] = False
            work.k_cyc[c * bins * LANES : (c + 1) * bins * LANES] = 0.0
            work.k_rest[c * bins * LANES : (c + 1) * bins * LANES] = 0.0
    for g in range(lay.shapes.shape[0]):
        if not drugs.acting[lay.shapes[g].agent]:
            continue
        if lay.shapes[g].antagonist >= 0:
            _answer(g, lay, q, drugs)
        at, fine = lay.shapes[g].row, lay.shapes[g].fine
        for m in range(lay.shapes[g].first, lay.shapes[g].last):
            i = lay.members[m]
            target = lay.effect_target[i]
            if target < LINES:
                _on_line(target, i, at, fine, bins, drugs.shape, q.effect_size, work)
            else:
                _on_cells(target, i, lay.effect_pool[i], at, slots if fine == 1 else slots // 2, bins, drugs.shape,
                          q.effect_size, q.effect_rest, flesh, work)  # fmt: skip
