"""The quantiles that patients are drawn from, beside those of SciPy."""

import numpy as np
import pytest
from scipy import special

from remission.patient.quantiles import logistic, normal_share, truncated_beta, truncated_normal

Z = np.linspace(-9.0, 9.0, 4001)
U = np.concatenate([[0.0, 1e-12, 1e-6], np.linspace(0.001, 0.999, 997), [1.0 - 1e-6, 1.0 - 1e-12, 1.0]])


def test_shares_of_the_normal_and_the_logistic_keep_their_small_tails() -> None:
    assert np.allclose(normal_share(Z), special.ndtr(Z), rtol=1e-13, atol=0)
    assert np.allclose(logistic(4 * Z), special.expit(4 * Z), rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize(("low", "high"), [(-1.3, 2.2), (-8.0, 0.0), (0.5, 0.6)])
def test_a_truncated_normal_keeps_the_order_and_stays_within_its_limits(low: float, high: float) -> None:
    drawn = truncated_normal(Z, np.array([low, high]))
    below, above = special.ndtr([low, high])
    assert np.allclose(drawn, special.ndtri(below + special.ndtr(Z) * (above - below)), atol=1e-12)
    assert drawn.min() >= low - 1e-12 and drawn.max() <= high + 1e-12 and (np.diff(drawn) >= 0).all()


@pytest.mark.parametrize(
    ("a", "b", "least", "most"),
    [
        (9, 1.6, 0.25, 0.99),
        (2.2, 0.7, 0.25, 0.99),
        (0.85, 0.24, 0.05, 0.99),
        (1, 1, 0, 1),
        (500, 3, 0, 1),
        (2, 60, 0.05, 0.99),
    ],
)
def test_a_truncated_beta_has_the_quantiles_of_the_incomplete_beta_function(
    a: float, b: float, least: float, most: float
) -> None:
    below, above = special.betainc(a, b, [least, most])
    inner = slice(2, -2)
    drawn = truncated_beta(a, b, least, most, U)
    assert np.allclose(drawn[inner], special.betaincinv(a, b, below + U * (above - below))[inner], rtol=1e-8)
    assert drawn[0] == pytest.approx(least, abs=1e-12) and drawn.max() <= most + 1e-12 and np.isfinite(drawn).all()


def test_a_truncated_beta_far_from_its_centre_is_still_a_distribution() -> None:
    drawn = truncated_beta(2000.0, 1.0, 0.0, 0.1, U)
    assert np.isfinite(drawn).all() and (np.diff(drawn[1:-1]) >= 0).all() and 0.099 < drawn[500] <= 0.1
