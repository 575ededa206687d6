"""Drug effects: from the mean concentrations of each two-hour step to rates on targets in each quarter day."""

from __future__ import annotations

import math

from numba import njit

from remission.body.kinetics import HOT, INLINED, LANES

from .lanes import BINNED, EMAX, FINE, LINEAR
from .state import BINS, STEPS

PER_BIN = STEPS // BINS
RED_CELLS, LINES, BLASTS, BLOOD, CNS = 2, 4, 4, 5, 6  # targets in the order of lanes.TARGETS: four lines, then these


@njit(**HOT)
def shape(function, y, row, rows, i, b, c, d, e, antagonist, antagonist_row, antagonist_half, out):
    """out = the shape of effect ``i`` (its value for a factor of 1) at the mean x of ``rows`` (1 or 3) rows of y.

    linear: x. emax: x / (b + x). asparagine depletion: 1 - N (c + b) / (c (N + b)), N the asparagine that the activity
    x leaves, at the steady state of supply, loss and Michaelis-Menten breakdown: N^2 + N (c d x + e - c) - e c = 0 with
    c the baseline, d the breakdown per activity over the supply, e the Michaelis constant; b is N at half effect, and
    no activity means no effect. An antagonist (row -1: none) divides by 1 + concentration / half. Rows are passed as
    numbers: a view of a row would cost more than the arithmetic."""
    if rows == 1:
        for lane in range(LANES):
            out[lane] = y[row, lane]
    else:
        for lane in range(LANES):
            out[lane] = (y[row, lane] + y[row + 1, lane] + y[row + 2, lane]) * (1.0 / 3.0)
    if function == EMAX:
        for lane in range(LANES):
            out[lane] = out[lane] / (b[i, lane] + out[lane])
    elif function != LINEAR:
        for lane in range(LANES):
            p = c[i, lane] * d[i, lane] * out[lane] + e[i, lane] - c[i, lane]
            n = 2.0 * e[i, lane] * c[i, lane] / (p + math.sqrt(p * p + 4.0 * e[i, lane] * c[i, lane]))
            out[lane] = 1.0 - n * (c[i, lane] + b[i, lane]) / (c[i, lane] * (n + b[i, lane]))
    if antagonist_row >= 0:
        for lane in range(LANES):
            out[lane] /= 1.0 + antagonist[antagonist_row, lane] / antagonist_half[i, lane]


@njit(**INLINED)
def act(target, cls, i, j, out, weight, q, flesh, work):
    """Add ``weight`` times effect ``i`` (its factor times the shape) to its target in quarter ``j``."""
    if target < LINES:
        row = target * BINS + j
        if target == RED_CELLS:
            for lane in range(LANES):
                work.e_line[row, lane] += weight * min(1.0, out[lane] * q.effect_a[i, lane])
        else:
            for lane in range(LANES):
                work.e_line[row, lane] += weight * out[lane] * q.effect_a[i, lane]
    elif target == BLASTS:
        work.class_active[cls] = True
        row = cls * BINS + j
        for lane in range(LANES):
            kill = weight * out[lane] * q.effect_a[i, lane]
            work.k_cyc[row, lane] += kill * q.sensitivity[cls, lane]
            work.k_rest[row, lane] += kill * q.resting[i, lane]
    elif target == BLOOD:
        for lane in range(LANES):
            flesh.k_blood[lane] += out[lane] * q.effect_a[i, lane] * q.sensitivity[cls, lane] * (weight / BINS)
    elif target == CNS:
        for lane in range(LANES):
            work.k_cns[j, lane] += weight * out[lane] * q.effect_a[i, lane] * q.sensitivity[cls, lane]
    else:
        for lane in range(LANES):
            flesh.mobilised[lane] += out[lane] * q.effect_a[i, lane] * (weight / BINS)


@njit(**HOT)
def add_scaled(target, row, source, weight):
    """target[row] += source * weight."""
    for lane in range(LANES):
        target[row, lane] += source[lane] * weight


@njit(**HOT)
def day_of_effects(lay, q, drugs, flesh, work):
    """Fill the day's effects on cell lines, blasts by drug class, blood, CNS and mobilisation."""
    work.e_line[:] = 0.0
    flesh.k_blood[:] = 0.0
    work.k_cns[:] = 0.0
    flesh.mobilised[:] = 0.0
    for c in range(work.class_active.shape[0]):
        if work.class_active[c]:
            work.class_active[c] = False
            work.k_cyc[c * BINS : (c + 1) * BINS] = 0.0
            work.k_rest[c * BINS : (c + 1) * BINS] = 0.0
    for g in range(lay.shapes.shape[0]):
        s = lay.shapes[g]
        if not drugs.acting[s.agent]:
            continue
        if s.mode == FINE:
            per_step, rows, start = s.fine, 1, lay.fine_from[s.output]
        else:
            per_step, rows, start = 1, 3 if s.mode == BINNED else 1, s.output * STEPS
        per_bin = PER_BIN * per_step
        for k in range(0, STEPS * per_step, rows):
            antagonist = s.antagonist * STEPS + k // per_step if s.antagonist >= 0 else -1
            if s.mode == FINE:
                shape(s.function, drugs.fine, start + k, rows, s.effect, q.effect_b, q.effect_c, q.effect_d, q.effect_e,
                      drugs.y, antagonist, q.antagonist_half, work.out)  # fmt: skip
            else:
                shape(s.function, drugs.y, start + k, rows, s.effect, q.effect_b, q.effect_c, q.effect_d, q.effect_e,
                      drugs.y, antagonist, q.antagonist_half, work.out)  # fmt: skip
            for m in range(s.first, s.last):
                i = lay.members[m]
                act(lay.effect_target[i], lay.effect_class[i], i, k // per_bin, work.out, rows / per_bin, q, flesh,
                    work)  # fmt: skip
    for agent in range(lay.microsteps.shape[0]):
        if drugs.acting[agent] and not drugs.on_board[agent]:
            drugs.y[lay.output_from[agent] * STEPS : lay.output_from[agent + 1] * STEPS] = 0.0
