"""Survival, medians, hazard ratios and shares against lifelines and scipy.stats, which are not needed to run."""

import math

import numpy as np
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import median_survival_times
from pandas import DataFrame
from scipy.stats import binomtest

from remission.trial import estimates

CHANCE = np.random.default_rng(20)


def people(n: int, share_failed: float, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    day = CHANCE.exponential(100, n)
    return (day.round() if ties else day), CHANCE.random(n) < share_failed


def parts(found: estimates.Estimate) -> tuple[float, float, float]:
    return found.value, found.low, found.high


@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize(("n", "share_failed"), [(3, 0.5), (31, 0.1), (61, 1.0), (111, 0.6)])
def test_survival_and_its_median_are_those_of_lifelines(n: int, share_failed: float, ties: bool) -> None:
    day, failed = people(n, share_failed, ties)
    fit = KaplanMeierFitter().fit(day, failed)
    limits = fit.confidence_interval_
    for at in (0.0, 3.0, 50.0, 120.0, 2000.0):
        theirs = (float(fit.predict(at)), *limits.loc[:at].iloc[-1])
        assert parts(estimates.survival(day, failed, at)) == pytest.approx(theirs, abs=1e-7)
    theirs = (float(fit.median_survival_time_), *median_survival_times(limits).iloc[0])
    assert parts(estimates.median_survival(day, failed)) == theirs


def test_half_who_are_left_are_half_whatever_the_rounding() -> None:
    """Of six the third ends it: 5/6 * 4/5 * 3/4 is half, though in floating point it may be a hair more."""
    for n in range(2, 200, 2):
        day, failed = np.arange(1.0, n + 1), np.ones(n, dtype=bool)
        assert estimates.median_survival(day, failed).value == n / 2


@pytest.mark.parametrize("n", range(3, 40))
def test_an_event_that_everyone_had_is_certain_whatever_the_rounding(n: int) -> None:
    """The steps of the incidence may add up to a hair less than 1, of which no limits can be taken."""
    day = CHANCE.integers(1, 30, n).astype(float)
    assert parts(estimates.cumulative_incidence(day, np.ones(n, dtype=int), 100.0)) == (1.0, 1.0, 1.0)


def test_nobody_fails_and_all_fail_at_once() -> None:
    day = np.array([5.0, 5.0, 5.0])
    assert parts(estimates.survival(day, np.zeros(3, dtype=bool), 9.0)) == (1.0, 1.0, 1.0)
    assert parts(estimates.survival(day, np.ones(3, dtype=bool), 4.9)) == (1.0, 1.0, 1.0)
    assert parts(estimates.survival(day, np.ones(3, dtype=bool), 5.0)) == (0.0, 0.0, 0.0)
    assert parts(estimates.median_survival(day, np.zeros(3, dtype=bool))) == (math.inf, math.inf, math.inf)


@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("share_failed", [0.2, 1.0])
def test_hazard_ratio_is_that_of_lifelines(share_failed: float, ties: bool) -> None:
    day, failed = people(90, share_failed, ties)
    mine = np.arange(90) < 40
    day = np.where(mine, day, day * 0.6).round() if ties else np.where(mine, day, day * 0.6)
    frame = DataFrame({"day": day, "failed": failed, "mine": mine.astype(float)})
    fit = CoxPHFitter().fit(frame, "day", "failed", fit_options={"precision": 1e-12})
    theirs = (float(fit.hazard_ratios_["mine"]), *np.exp(fit.confidence_intervals_.loc["mine"]))
    found = estimates.hazard_ratio(day, failed, mine)
    assert found is not None and parts(found) == pytest.approx(theirs, rel=1e-6)


def test_arms_that_do_not_overlap_have_no_hazard_ratio() -> None:
    day = np.concatenate([np.arange(1.0, 11), np.arange(101.0, 111)])
    assert estimates.hazard_ratio(day, np.ones(20, dtype=bool), day < 50) is None
    assert estimates.hazard_ratio(day, day < 50, day < 50) is None  # nobody failed in one of them
    assert estimates.hazard_ratio(day, np.zeros(20, dtype=bool), day < 50) is None


@pytest.mark.parametrize(("count", "of"), [(0, 1), (1, 1), (0, 30), (30, 30), (1, 1000), (333, 1000), (7, 9)])
def test_limits_of_a_share_are_those_of_wilson(count: int, of: int) -> None:
    theirs = binomtest(count, of).proportion_ci(method="wilson")
    assert parts(estimates.share(count, of)) == pytest.approx((count / of, theirs.low, theirs.high), abs=1e-7)
