"""Cells that survive radiation: the linear-quadratic model with repair between the fractions of a day
(engine/core/radiation.hpp).

    S = exp(-(alpha D + beta D^2 / n (1 + K))),   beta = alpha / alpha_beta

for a day's dose D (Gy) in n equal fractions; K is what damage that was not repaired between fractions adds (Thames
1985): with phi = exp(-ln 2 gap / T) left after a gap between fractions, repair half-life T,
K = 2/n phi / (1 - phi) (n - (1 - phi^n) / (1 - phi)).
"""

from __future__ import annotations

from remission.compiled import core

GAP_HOURS: float = core.words.GAP_HOURS  # between the fractions of a day
incomplete_repair = core.equations.incomplete_repair  # K of (fractions, half-life in hours)
survival = core.equations.survival  # share of (dose in Gy, fractions, alpha, alpha/beta, half-life in hours)
