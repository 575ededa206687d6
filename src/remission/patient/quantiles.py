"""Quantiles and shares of the distributions that patients are drawn from.

Written out with numpy: the library of special functions that has them takes longer to load than a cohort to draw.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from . import chance

Floats = NDArray[np.float64]

CELLS = 256  # of the table of a beta distribution, for each unit of the logit: its quantiles are exact to 1e-9
FAR = 40.0  # the logit of what cannot be told from 0 or 1

_erfc = np.frompyfunc(math.erfc, 1, 1)
_normal_quantile = np.frompyfunc(chance.normal_quantile, 1, 1)


def logistic(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def normal_share(z: Floats) -> Floats:
    """Share of the standard normal distribution below ``z``."""
    return 0.5 * np.asarray(_erfc(np.asarray(z) / -math.sqrt(2.0)), dtype=np.float64)


def truncated_normal(z: Floats, limits: Floats) -> Floats:
    """Standard normal scores turned, in the same order, into scores of the normal truncated to ``limits``."""
    low, high = normal_share(limits)
    return np.asarray(_normal_quantile(low + normal_share(z) * (high - low)), dtype=np.float64)


def long_below(z: Floats, h: float | Floats) -> Floats:
    """Standard normal scores turned, in the same order, into scores with a longer tail below (half of Tukey's h)."""
    return np.where(z < 0.0, z * np.exp(0.5 * h * z**2), z)


def truncated_beta(a: float, b: float, least: float, most: float, u: Floats) -> Floats:
    """Quantiles, at ``u`` in 0..1, of the beta(a, b) distribution truncated to least..most (both within 0..1)."""
    share, logit, slope = _beta_table(a, b, least, most)
    cell = np.clip(np.searchsorted(share, u, side="right") - 1, 0, share.size - 2)
    width, rise = np.diff(share)[cell], np.diff(logit)[cell]
    t = (u - share[cell]) / width
    # a cubic that rises from end to end of the cell, with the right slope, 1 / density, at both
    first, last = np.minimum(slope[cell] * width, 3.0 * rise), np.minimum(slope[cell + 1] * width, 3.0 * rise)
    return logistic(logit[cell] + t * (first + t * (3.0 * rise - 2.0 * first - last + t * (first + last - 2.0 * rise))))


@lru_cache(maxsize=16)
def _beta_table(a: float, b: float, least: float, most: float) -> tuple[Floats, Floats, Floats]:
    """Share below, logit, and change of the logit with the share, at the ends of cells that are even in the logit."""
    low, high = (math.log(x / (1.0 - x)) if 0.0 < x < 1.0 else math.copysign(FAR, x - 0.5) for x in (least, most))
    ends = np.linspace(low, high, 1 + math.ceil(CELLS * (high - low)))
    points, weights = np.polynomial.legendre.leggauss(4)

    def log_density(logit: Floats) -> Floats:
        return -a * np.logaddexp(0.0, -logit) - b * np.logaddexp(0.0, logit)

    greatest = log_density(np.clip(math.log(a / b), low, high))

    def density(logit: Floats) -> Floats:  # of the logit, as a share of the greatest
        return np.exp(log_density(logit) - greatest)

    half = 0.5 * (ends[1] - ends[0])
    within = density(0.5 * (ends[:-1] + ends[1:])[:, None] + half * points) @ weights * half
    share = np.concatenate([[0.0], np.cumsum(within) / within.sum()])
    share[-1] = 1.0
    rises = np.concatenate([[True], np.diff(share) > 0.0])  # not where there is less than a number can tell
    slope = within.sum() / np.maximum(density(ends), 1e-300)
    return share[rises], ends[rises], slope[rises]
