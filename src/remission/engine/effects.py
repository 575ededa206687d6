"""Drug effects: from the mean concentrations of each two-hour step to rates on targets for each quarter day."""

from __future__ import annotations

import math

from numba import njit

from remission.body.kinetics import JIT

BINS = 4  # quarter days
PER_BIN = 3  # two-hour steps in each


@njit(**JIT)
def effect(function, y, a, b, c, d, e, antagonist, antagonist_half, antagonised, out):
    """out = the effect of mean concentrations y in one two-hour step, all lanes.

    function 0: a y; 1: a y / (b + y); 2: a (1 - N / (N + b)) with N the asparagine that the activity y leaves:
    N^2 + N (c d y + e - c) - e c = 0 (steady state of supply, loss and Michaelis-Menten breakdown;
    c baseline, d breakdown per activity over supply, e Michaelis constant), minus nothing when y = 0."""
    lanes = y.shape[0]
    if function == 0:
        for lane in range(lanes):
            out[lane] = a[lane] * y[lane]
    elif function == 1:
        for lane in range(lanes):
            out[lane] = a[lane] * y[lane] / (b[lane] + y[lane])
    else:
        for lane in range(lanes):
            p = c[lane] * d[lane] * y[lane] + e[lane] - c[lane]
            n = 2.0 * e[lane] * c[lane] / (p + math.sqrt(p * p + 4.0 * e[lane] * c[lane]))
            drug_free = c[lane] / (c[lane] + b[lane])
            out[lane] = a[lane] * max(0.0, 1.0 - n / (n + b[lane]) - (1.0 - drug_free)) / drug_free
    if antagonised:
        for lane in range(lanes):
            out[lane] /= 1.0 + antagonist[lane] / antagonist_half[lane]


@njit(**JIT)
def add_scaled(target, source, weight):
    for lane in range(target.shape[0]):
        target[lane] += source[lane] * weight


@njit(**JIT)
def add_product(target, source, factor, weight):
    for lane in range(target.shape[0]):
        target[lane] += source[lane] * factor[lane] * weight
