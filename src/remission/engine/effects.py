"""Drug effects: from the concentrations of a day to rates on targets in each quarter day.

Effects of one driver that differ by a factor only are one shape (lanes.SHAPE). Slow drivers and linear effects are
judged on the driver's mean over a quarter of the day; where an effect bends and its driver moves fast, kinetics has
averaged the bent driver window by window (`bend`) into the twelve slots of the day.
"""

from __future__ import annotations

import math

from numba import njit

from remission.body.kinetics import HOT, INLINED

from .lanes import ASPARAGINE, CLIPPED, EMAX, LINEAR
from .state import BINS, STEPS

PER_BIN = STEPS // BINS
RED_CELLS, LINES, BLASTS, BLOOD, CNS = 2, 4, 4, 5, 6  # targets in the order of lanes.TARGETS: four lines, then these


@njit(**HOT)
def bend(function, x, row, i, a, b, c, d, e, out, out_row, weight):
    """out[out_row] += weight times the shape of effect ``i`` (its value for a factor of 1) at the mean x[row].

    linear: x. emax: x / (b + x). clipped: the whole effect, min(1, a x). asparagine depletion:
    1 - N (c + b) / (c (N + b)), N the asparagine that the activity x leaves, at the steady state of supply, loss and
    Michaelis-Menten breakdown: N^2 + N (c d x + e - c) - e c = 0 with c the baseline, d the breakdown per activity over
    the supply, e the Michaelis constant; b is N at half effect, and no activity means no effect."""
    lanes = out.shape[1]
    if function == EMAX:
        for lane in range(lanes):
            out[out_row, lane] += weight * x[row, lane] / (b[i, lane] + x[row, lane])
    elif function == LINEAR:
        for lane in range(lanes):
            out[out_row, lane] += weight * x[row, lane]
    elif function == CLIPPED:
        for lane in range(lanes):
            out[out_row, lane] += weight * min(1.0, a[i, lane] * x[row, lane])
    elif function == ASPARAGINE:
        for lane in range(lanes):
            half, rest, km = b[i, lane], c[i, lane], e[i, lane]
            p = rest * d[i, lane] * x[row, lane] + km - rest
            n = 2.0 * km * rest / (p + math.sqrt(p * p + 4.0 * km * rest))
            out[out_row, lane] += weight * (1.0 - n * (rest + half) / (rest * (n + half)))


@njit(**INLINED)
def act(i, target, cls, pool, clipped, j, out, q, flesh, work):
    """Add effect ``i``, its factor times the shape out[0], to its target in quarter ``j``."""
    lanes = out.shape[1]
    if target < LINES:
        row = target * BINS + j
        if clipped:
            for lane in range(lanes):
                work.e_line[row, lane] += out[0, lane]
        else:
            for lane in range(lanes):
                work.e_line[row, lane] += out[0, lane] * q.effect_a[i, lane]
                work.e_tilt[row, lane] += out[1, lane] * q.effect_a[i, lane]
    elif target == BLASTS:
        work.class_active[pool] = True
        row = pool * BINS + j
        for lane in range(lanes):
            kill = out[0, lane] * q.effect_a[i, lane]
            work.k_cyc[row, lane] += kill * q.sensitivity[cls, lane]
            work.k_rest[row, lane] += kill * q.resting[i, lane]
    elif target == BLOOD:
        for lane in range(lanes):
            flesh.k_blood[lane] += out[0, lane] * q.effect_a[i, lane] * q.sensitivity[cls, lane] * (1.0 / BINS)
    elif target == CNS:
        for lane in range(lanes):
            work.k_cns[j, lane] += out[0, lane] * q.effect_a[i, lane] * q.sensitivity[cls, lane]
    else:
        for lane in range(lanes):
            flesh.mobilised[lane] += out[0, lane] * q.effect_a[i, lane] * (1.0 / BINS)


@njit(**HOT)
def mean_of_three(x, row, out):
    """out[0] = mean of the three two-hour slots of a quarter day; out[1] = half the rise of the straight line through
    them that has the same first moment."""
    lanes = out.shape[1]
    for lane in range(lanes):
        out[0, lane] = (x[row, lane] + x[row + 1, lane] + x[row + 2, lane]) * (1.0 / 3.0)
        out[1, lane] = (x[row + 2, lane] - x[row, lane]) * (2.0 / 3.0)


@njit(**HOT)
def day_of_effects(lay, q, drugs, flesh, work):
    """Fill the day's effects on cell lines, blasts by drug class, blood, CNS and mobilisation."""
    lanes = drugs.y.shape[1]
    work.e_line[:] = 0.0
    work.e_tilt[:] = 0.0
    flesh.k_blood[:] = 0.0
    work.k_cns[:] = 0.0
    flesh.mobilised[:] = 0.0
    for c in range(work.class_active.shape[0]):
        if work.class_active[c]:
            work.class_active[c] = False
            work.k_cyc[c * BINS : (c + 1) * BINS] = 0.0
            work.k_rest[c * BINS : (c + 1) * BINS] = 0.0
    out = work.out
    for g in range(lay.shapes.shape[0]):
        if not drugs.acting[lay.shapes[g].agent]:
            continue
        function, effect, row = lay.shapes[g].function, lay.shapes[g].effect, lay.shapes[g].row
        against = lay.shapes[g].antagonist
        if against >= 0 and drugs.acting[against]:
            plasma = lay.output_from[against] * STEPS
            for k in range(STEPS):
                for lane in range(lanes):
                    drugs.shape[row + k, lane] /= (
                        1.0 + drugs.y[plasma + k, lane] / q.antagonist_half[effect, lane]
                    )
        for j in range(BINS):
            if row >= 0:
                mean_of_three(drugs.shape, row + PER_BIN * j, out)
            elif function == LINEAR:
                mean_of_three(drugs.y, lay.shapes[g].output * STEPS + PER_BIN * j, out)
            else:
                mean_of_three(drugs.y, lay.shapes[g].output * STEPS + PER_BIN * j, out)
                for lane in range(lanes):
                    work.seen[0, lane] = out[0, lane]
                    out[0, lane] = 0.0
                    out[1, lane] = 0.0
                bend(function, work.seen, 0, effect, q.effect_a, q.effect_b, q.effect_c, q.effect_d, q.effect_e, out, 0,
                     1.0)  # fmt: skip
            for m in range(lay.shapes[g].first, lay.shapes[g].last):
                i = lay.members[m]
                act(i, lay.effect_target[i], lay.effect_class[i], lay.effect_pool[i], function == CLIPPED, j, out, q,
                    flesh, work)  # fmt: skip
