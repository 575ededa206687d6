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


def wilson(count: float, of: int) -> tuple[float, float]:
    """The 95 % confidence limits of a share (Wilson score), as fractions."""
    p, z = count / of, Z * Z / of
    middle, half = (p + z / 2) / (1 + z), Z * math.sqrt((p * (1 - p) + z / 4) / of) / (1 + z)
    return middle - half if count else 0.0, middle + half if count < of else 1.0


def share(count: float, of: int) -> Estimate:
    """A fraction with Wilson's limits."""
    return Estimate(count / of, *wilson(count, of), of)


def survival(day: Floats, failed: npt.NDArray[np.bool_], at: float) -> Estimate:
    """Kaplan-Meier at a day; Greenwood's variance on the log-log scale."""
    times, *curves = kaplan_meier(day, failed)
    value, low, high = (float(curve[np.searchsorted(times, at, side="right") - 1]) for curve in curves)
    return Estimate(value, low, high, day.size)


def median_survival(day: Floats, failed: npt.NDArray[np.bool_]) -> Estimate:
    """The day at which half are left, with the limits of Brookmeyer and Crowley; infinite when more are left."""
    times, *curves = kaplan_meier(day, failed)

    def half(curve: Floats) -> float:
        below = curve <= 0.5 + 1e-12  # half of them in floating point
        return float(times[below.argmax()]) if below.any() else math.inf

    value, low, high = map(half, curves)
    return Estimate(value, low, high, day.size)


def kaplan_meier(day: Floats, failed: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats, Floats]:
    """Days at which the curve falls (before them the beginning, at minus infinity), the share left from each on,
    and its limits (Greenwood's variance on the log-log scale)."""
    times = np.unique(day[failed])
    at_risk = day.size - np.searchsorted(np.sort(day), times, side="left").astype(float)
    lost = np.bincount(np.searchsorted(times, day[failed]), minlength=times.size).astype(float)
    left = np.cumprod(1 - lost / at_risk)
    with np.errstate(divide="ignore"):  # nobody is left: the limits are 0 too
        variance = np.cumsum(np.where(at_risk > lost, lost / (at_risk * (at_risk - lost)), 0.0))
        spread = np.exp(Z * np.sqrt(variance) / -np.log(left))
    begun = np.ones(1)
    return (
        np.concatenate([[-math.inf], times]),
        np.concatenate([begun, left]),
        np.concatenate([begun, left**spread]),
        np.concatenate([begun, left ** (1 / spread)]),
    )


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
    if value > 1.0 - 1e-12:  # the sum of what everyone had may miss 1 in its last digits
        value = 1.0
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
    times, lost = np.unique(day[failed], return_counts=True)

    def at_risk(who: npt.NDArray[np.bool_]) -> Floats:
        return np.count_nonzero(who) - np.searchsorted(np.sort(day[who]), times, side="left").astype(float)

    def failures(who: npt.NDArray[np.bool_]) -> Floats:
        return np.bincount(np.searchsorted(times, day[failed & who]), minlength=times.size).astype(float)

    nth = np.concatenate([np.arange(n) / n for n in lost] or [np.zeros(0)])  # of those who fail at one time, one by one
    my_risk, other_risk = (
        np.repeat(at_risk(who), lost) - nth * np.repeat(failures(who), lost) for who in (mine, ~mine)
    )
    my_failures = np.count_nonzero(failed & mine)
    log_ratio = 0.0
    for _ in range(100):
        share = my_risk * math.exp(log_ratio) / (my_risk * math.exp(log_ratio) + other_risk)
        information = float(np.sum(share * (1 - share)))
        if information <= 1e-9:
            return None
        step = (my_failures - float(share.sum())) / information
        log_ratio += max(-1.0, min(1.0, step))
        if abs(log_ratio) > 20:
            return None
        if abs(step) < 1e-9:
            spread = Z / math.sqrt(information)
            low, high = math.exp(log_ratio - spread), math.exp(log_ratio + spread)
            return Estimate(math.exp(log_ratio), low, high, day.size)
    return None


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
