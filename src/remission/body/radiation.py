"""Cells that survive radiation: the linear-quadratic model with repair between the fractions of a day.

    S = exp(-(alpha D + beta D^2 / n (1 + K))),   beta = alpha / alpha_beta

for a day's dose D (Gy) in n equal fractions; K is what damage that was not repaired between fractions adds (Thames
1985): with phi = exp(-ln 2 gap / T) left after a gap between fractions, repair half-life T,
K = 2/n phi / (1 - phi) (n - (1 - phi^n) / (1 - phi)).

A field holds a share f of the marrow (or of the CNS), day after day the same part. What was left of the cells in it is
S_old; after a day of survival S the whole keeps (1 - f + f S_old S) / (1 - f + f S_old). After MENDED_DAYS without
radiation the field counts as new. Of a clone that radiation kills less S is taken to the power that it feels.

Of irradiation of the whole body alpha is times (geometric mean of the sensitivities to the drugs of induction)^power
(`shared_sensitivity` of the leukaemia); what a relapse takes of these counts in the marrow, as of drugs (leukaemia.py).
Core: engine/core/radiation.hpp, acts.hpp.
Numbers and sources: knowledge/data/agents/*_irradiation.yaml.
"""

from __future__ import annotations

import math

from remission.compiled import core

GAP_HOURS: float = core.words.GAP_HOURS  # between the fractions of a day
MENDED_DAYS = 14


def incomplete_repair(fractions: int, half_life_hours: float) -> float:
    """K."""
    if fractions < 2:
        return 0.0
    phi = math.exp(-math.log(2.0) * GAP_HOURS / half_life_hours)
    return 2.0 / fractions * phi / (1.0 - phi) * (fractions - (1.0 - phi**fractions) / (1.0 - phi))


def survival(dose_gy: float, fractions: int, alpha: float, alpha_beta: float, half_life_hours: float) -> float:
    """S: the share of cells in the field that live after a day's dose; alpha: 1/Gy, alpha_beta: Gy."""
    if dose_gy <= 0.0:
        return 1.0
    beta = alpha / alpha_beta
    repair = incomplete_repair(fractions, half_life_hours)
    return math.exp(-(alpha * dose_gy + beta * dose_gy**2 / fractions * (1.0 + repair)))


def kept(field: float, before: float, survive: float) -> float:
    """The share of all cells that is left; field: f; before: S_old; survive: S of today."""
    return (1.0 - field + field * before * survive) / (1.0 - field + field * before)
