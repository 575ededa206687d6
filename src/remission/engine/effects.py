"""Drug effects: from the mean concentrations of each two-hour step to rates on targets in each quarter day."""

from __future__ import annotations

import math

from numba import njit

from remission.body.kinetics import HOT, LANES

from .state import BINS, STEPS

PER_BIN = STEPS // BINS
LINEAR, EMAX = 0, 1
LINES, BLASTS, BLOOD, CNS = 4, 4, 5, 6  # targets in the order of lanes.TARGETS: four lines of cells, then these


@njit(**HOT)
def effect(function, y, row, steps, i, a, b, c, d, e, antagonist_row, antagonist_half, seen, out):
    """out = effect ``i`` of the mean concentration x of ``steps`` (1 or PER_BIN) rows of y from ``row``, all lanes.

    linear: a x. emax: a x / (b + x). asparagine depletion: a (1 - N (c + b) / (c (N + b))), N the asparagine that the
    activity x leaves, at the steady state of supply, loss and Michaelis-Menten breakdown:
    N^2 + N (c d x + e - c) - e c = 0 with c the baseline, d the breakdown per activity over the supply, e the
    Michaelis constant; b is N at half effect, and no activity means no effect. An antagonist (row -1: none) divides
    by 1 + concentration / half. Rows are passed as numbers: a view of a row would cost more than the arithmetic."""
    if steps == 1:
        for lane in range(LANES):
            seen[lane] = y[row, lane]
    else:
        for lane in range(LANES):
            seen[lane] = (y[row, lane] + y[row + 1, lane] + y[row + 2, lane]) * (1.0 / 3.0)
    if function == LINEAR:
        for lane in range(LANES):
            out[lane] = a[i, lane] * seen[lane]
    elif function == EMAX:
        for lane in range(LANES):
            out[lane] = a[i, lane] * seen[lane] / (b[i, lane] + seen[lane])
    else:
        for lane in range(LANES):
            p = c[i, lane] * d[i, lane] * seen[lane] + e[i, lane] - c[i, lane]
            n = 2.0 * e[i, lane] * c[i, lane] / (p + math.sqrt(p * p + 4.0 * e[i, lane] * c[i, lane]))
            out[lane] = a[i, lane] * (1.0 - n * (c[i, lane] + b[i, lane]) / (c[i, lane] * (n + b[i, lane])))
    if antagonist_row >= 0:
        for lane in range(LANES):
            out[lane] /= 1.0 + y[antagonist_row, lane] / antagonist_half[i, lane]


@njit(**HOT)
def add_scaled(target, row, source, weight):
    """target[row] += source * weight."""
    for lane in range(LANES):
        target[row, lane] += source[lane] * weight


@njit(**HOT)
def add_product(target, row, source, factor, i, weight):
    """target[row] += source * factor[i] * weight."""
    for lane in range(LANES):
        target[row, lane] += source[lane] * factor[i, lane] * weight


@njit(**HOT)
def day_of_effects(lay, q, drugs, flesh, work):
    """Fill the day's effects on cell lines, blasts by drug class, blood, CNS and mobilisation from ``drugs.y``."""
    y = drugs.y
    work.e_line[:] = 0.0
    flesh.k_blood[:] = 0.0
    work.k_cns[:] = 0.0
    flesh.mobilised[:] = 0.0
    for c in range(work.class_active.shape[0]):
        if work.class_active[c]:
            work.class_active[c] = False
            work.k_cyc[c * BINS : (c + 1) * BINS] = 0.0
            work.k_rest[c * BINS : (c + 1) * BINS] = 0.0
    for i in range(lay.effect_agent.shape[0]):
        o = lay.effect_output[i]
        if not drugs.acting[lay.effect_agent[i]]:
            continue
        target = lay.effect_target[i]
        cls = lay.effect_class[i]
        other = lay.effect_antagonist[i]
        steps = lay.effect_steps[i]
        share = steps / PER_BIN
        for k in range(0, STEPS, steps):
            j = k // PER_BIN
            effect(lay.effect_function[i], y, o * STEPS + k, steps, i, q.effect_a, q.effect_b, q.effect_c, q.effect_d,
                   q.effect_e, other * STEPS + k if other >= 0 else -1, q.antagonist_half, work.clone_cyc,
                   work.out)  # fmt: skip
            if target < LINES:
                add_scaled(work.e_line, target * BINS + j, work.out, share)
            elif target == BLASTS:
                work.class_active[cls] = True
                add_product(work.k_cyc, cls * BINS + j, work.out, q.sensitivity, cls, share)
                add_product(work.k_rest, cls * BINS + j, work.out, q.resting, i, share)
            elif target == BLOOD:
                for lane in range(LANES):
                    flesh.k_blood[lane] += work.out[lane] * q.sensitivity[cls, lane] * (share / BINS)
            elif target == CNS:
                add_product(work.k_cns, j, work.out, q.sensitivity, cls, share)
            else:
                for lane in range(LANES):
                    flesh.mobilised[lane] += work.out[lane] * (share / BINS)
    for agent in range(lay.microsteps.shape[0]):
        if drugs.acting[agent] and not drugs.on_board[agent]:
            drugs.y[lay.output_from[agent] * STEPS : lay.output_from[agent + 1] * STEPS] = 0.0
