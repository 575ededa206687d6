"""Cells that survive radiation: the linear-quadratic model with repair between the fractions of a day.

    S = exp(-(alpha D + beta D^2 / n (1 + K))),   beta = alpha / alpha_beta

for a day's dose D (Gy) in n equal fractions; K is what damage that was not repaired between fractions adds (Thames
1985): with phi = exp(-ln 2 gap / T) left after a gap between fractions, repair half-life T,
K = 2/n phi / (1 - phi) (n - (1 - phi^n) / (1 - phi)).
"""

from __future__ import annotations

import math

from numba import njit

from .kinetics import HOT

GAP_HOURS = 6.0  # between the fractions of a day


@njit(**HOT)
def incomplete_repair(fractions, half_life_hours):
    """K of a day with so many equal fractions, 6 hours apart."""
    if fractions < 2:
        return 0.0
    phi = math.exp(-math.log(2.0) * GAP_HOURS / half_life_hours)
    return 2.0 / fractions * phi / (1.0 - phi) * (fractions - (1.0 - phi**fractions) / (1.0 - phi))


@njit(**HOT)
def survival(dose_gy, fractions, alpha, alpha_beta, half_life_hours):
    """Share of cells in the field that live after a day's dose."""
    if dose_gy <= 0.0:
        return 1.0
    more = dose_gy / (fractions * alpha_beta) * (1.0 + incomplete_repair(fractions, half_life_hours))
    return math.exp(-alpha * dose_gy * (1.0 + more))
