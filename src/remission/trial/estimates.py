"""Estimates with their 95 % limits: survival, cumulative incidence, shares, means and medians. Times are days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Z = 1.959964  # 97.5 % of the normal distribution


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % limits, and of how many patients. Infinite: a median that was not reached."""

    value: float
    low: float
    high: float
    n: int

    def times(self, factor: float) -> Estimate:
        return Estimate(self.value * factor, self.low * factor, self.high * factor, self.n)


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % confidence limits of a share (Wilson score), as fractions."""
    from scipy.stats import binomtest

    limits = binomtest(count, of).proportion_ci(method="wilson")
    return float(limits.low), float(limits.high)


def share(count: int, of: int) -> Estimate:
    """A fraction with Wilson's limits."""
    return Estimate(count / of, *wilson(count, of), of)


def survival(day: Floats, failed: npt.NDArray[np.bool_], at: float) -> Estimate:
    """Kaplan-Meier at a day; Greenwood's variance on the log-log scale."""
    from lifelines import KaplanMeierFitter

    fit = KaplanMeierFitter().fit(day, failed)
    limits = fit.confidence_interval_.loc[:at].iloc[-1]
    return Estimate(float(fit.predict(at)), float(limits.iloc[0]), float(limits.iloc[1]), day.size)


def median_survival(day: Floats, failed: npt.NDArray[np.bool_]) -> Estimate:
    """The day at which half are left, with the limits of Brookmeyer and Crowley; infinite when more are left."""
    from lifelines import KaplanMeierFitter
    from lifelines.utils import median_survival_times

    fit = KaplanMeierFitter().fit(day, failed)
    limits = median_survival_times(fit.confidence_interval_).iloc[0]
    return Estimate(float(fit.median_survival_time_), float(limits.iloc[0]), float(limits.iloc[1]), day.size)


def cumulative_incidence(day: Floats, cause: npt.NDArray[np.int_], at: float) -> Estimate:
    """Aalen-Johansen estimate of cause 1 at a day, with competing causes 2, 3, ... and 0 for censored; exact with ties.

    Variance of Aalen; limits on the log-log scale.
    """
    times = np.unique(day[(cause > 0) & (day <= at)])
    at_risk = day.size - np.searchsorted(np.sort(day), times, side="left").astype(float)

    def counts(which: npt.NDArray[np.bool_]) -> Floats:
        return np.bincount(np.searchsorted(times, day[which & (day <= at)]), minlength=times.size).astype(float)

    mine, every = counts(cause == 1), counts(cause > 0)
    free = np.cumprod(1 - every / at_risk)
    before = np.concatenate([[1.0], free[:-1]])[: times.size]
    steps = np.cumsum(before * mine / at_risk)
    value = float(steps[-1]) if times.size else 0.0
    if not 0.0 < value < 1.0:
        return Estimate(value, value, value, day.size)
    ahead = value - steps
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = ahead**2 * every / (at_risk * (at_risk - every))
    terms = np.where(ahead > 0, terms, 0.0)
    variance = float(
        np.sum(terms + before**2 * (at_risk - mine) * mine / at_risk**3 - 2 * ahead * before * mine / at_risk**2)
    )
    spread = math.exp(Z * math.sqrt(max(variance, 0.0)) / (value * abs(math.log(value))))
    return Estimate(value, value**spread, value ** (1 / spread), day.size)


def hazard_ratio(day: Floats, failed: npt.NDArray[np.bool_], mine: npt.NDArray[np.bool_]) -> Estimate | None:
    """Cox: the hazard of those who are marked over that of the others (Efron's ties, Wald's limits); None when the
    likelihood has no maximum."""
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    frame = pd.DataFrame({"day": day, "failed": failed, "mine": mine.astype(float)})
    try:
        fit = CoxPHFitter().fit(frame, "day", "failed")
    except ConvergenceError:
        return None
    low, high = (float(x) for x in np.exp(fit.confidence_intervals_.loc["mine"]))
    return Estimate(float(fit.hazard_ratios_["mine"]), low, high, day.size)


def mean(values: Floats) -> Estimate:
    """Mean with normal limits."""
    half = Z * float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else 0.0
    middle = float(values.mean())
    return Estimate(middle, middle - half, middle + half, values.size)


def geometric_mean(values: Floats) -> Estimate:
    """Geometric mean of positive values with normal limits on the log scale."""
    logs = mean(np.log(values))
    return Estimate(math.exp(logs.value), math.exp(logs.low), math.exp(logs.high), values.size)


def median(values: Sequence[float] | Floats) -> Estimate:
    """Median with the limits of the order statistics (binomial)."""
    ordered = np.sort(np.asarray(values, dtype=float))
    half = Z * math.sqrt(ordered.size) / 2
    low, high = math.floor(ordered.size / 2 - half), math.ceil(ordered.size / 2 + half)
    last = ordered.size - 1
    return Estimate(
        float(np.median(ordered)), float(ordered[min(max(low, 0), last)]), float(ordered[min(high, last)]), last + 1
    )
