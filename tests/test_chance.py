"""Chance: the published generator, the right distributions, and the same fate for the same patient."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from remission.patient import chance

PURPOSE = chance.purpose("test")
MANY = np.arange(40_000)


def draw_poisson(seed, n, purpose, mean):
    return np.array([chance.poisson(seed, i, purpose, 0, mean) for i in range(n)])


def draw_binomial(seed, n, purpose, trials, p):
    return np.array([chance.binomial(seed, i, purpose, 0, trials, p) for i in range(n)])


def draw_births(seed, n, purpose, m, p):
    return np.array([chance.negative_binomial_births(seed, i, purpose, 0, m, p) for i in range(n)])


def draw_birth_death(seed, n, purpose, cells, b, d, t):
    return np.array([chance.birth_death(seed, i, purpose, 0, cells, b, d, t) for i in range(n)])


def draw_exponential(seed, n, purpose):
    return np.array([chance.exponential(seed, i, purpose, 0) for i in range(n)])


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0,) * 4, (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers_of_random123(counter, key, expected):
    assert tuple(int(word) for word in chance.philox(*counter, *key)) == expected


def test_uniform_is_uniform_and_open():
    u = chance.uniforms(1, MANY, PURPOSE)
    assert 0 < u.min() and u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 1e-3


def test_neighbours_are_independent():
    for a, b in [
        (chance.normals(1, MANY, PURPOSE), chance.normals(2, MANY, PURPOSE)),
        (chance.normals(1, MANY, PURPOSE), chance.normals(1, MANY + 1, PURPOSE)),
        (chance.normals(1, MANY, PURPOSE), chance.normals(1, MANY, PURPOSE + 1)),
        (chance.normals(1, MANY, PURPOSE), chance.normals(1, MANY, PURPOSE, 1)),
    ]:
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / math.sqrt(len(MANY))
        assert not np.any(a == b)


def test_scalar_and_array_agree_and_index_may_differ_per_patient():
    patients, index = np.array([0, 7, 2**40]), np.array([0, 3, 9])
    u = chance.uniforms(-5, patients, PURPOSE, index)
    assert [
        chance.uniform(2**64 - 5, int(p), PURPOSE, int(i)) for p, i in zip(patients, index, strict=True)
    ] == u.tolist()
    assert chance.normal(3, 4, 5, 6) == chance.normals(3, np.array([4]), 5, 6)[0]


def test_each_part_of_the_key_matters():
    base = chance.uniform(1, 2, 3, 4)
    others = [(2, 2, 3, 4), (1 + 2**40, 2, 3, 4), (1, 3, 3, 4), (1, 2 + 2**40, 3, 4), (1, 2, 4, 4), (1, 2, 3, 5)]
    assert len({base, *(chance.uniform(*key) for key in others)}) == 7


def test_purpose_is_stable():
    assert chance.purpose("123456789") == 0xCBF43926  # the check value of CRC-32
    assert chance.purpose("age") != chance.purpose("sex")


def test_normal_quantile_has_full_accuracy():
    u = np.concatenate([np.linspace(0.001, 0.999, 997), 10.0 ** -np.arange(3, 16), 1 - 10.0 ** -np.arange(3, 12)])
    got = np.array([chance.normal_quantile(x) for x in u])
    assert np.allclose(got, special.ndtri(u), rtol=4e-15, atol=1e-15)


def test_normal_and_exponential_moments():
    z = chance.normals(4, MANY, PURPOSE)
    assert abs(z.mean()) < 4 / math.sqrt(z.size)
    assert abs(z.var() - 1) < 4 * math.sqrt(2 / z.size)
    assert stats.kstest(draw_exponential(4, z.size, PURPOSE), "expon").pvalue > 1e-3


@pytest.mark.parametrize("mean", [1e-3, 0.5, 7.3, 80.0, 300.0, 999.0, 1500.0, 1e5])
def test_poisson_quantile_is_the_quantile(mean):
    u = np.linspace(1e-6, 1 - 1e-6, 401)
    got = np.array([chance.poisson_quantile(x, mean) for x in u])
    off = np.abs(got - stats.poisson.ppf(u, mean))
    assert off.max() == 0 if mean <= chance.EXACT_BELOW else off.max() <= 1


@pytest.mark.parametrize(
    ("n", "p"), [(1, 0.3), (10, 0.9), (900, 0.5), (2000, 0.4), (1e5, 3e-3), (1e6, 1 - 2e-4), (1e6, 0.2), (1e5, 0.7)]
)
def test_binomial_quantile_is_the_quantile(n, p):
    u = np.linspace(1e-6, 1 - 1e-6, 401)
    got = np.array([chance.binomial_quantile(x, n, p) for x in u])
    off = np.abs(got - stats.binom.ppf(u, n, p))
    assert off.max() == 0 if n * min(p, 1 - p) <= chance.EXACT_BELOW else off.max() <= 1


def test_binomial_of_a_trillion_cells_is_poisson():
    u = np.linspace(1e-6, 1 - 1e-6, 401)
    got = np.array([chance.binomial_quantile(x, 1e12, 3e-10) for x in u])
    assert np.abs(got - stats.poisson.ppf(u, 300.0)).max() == 0


@pytest.mark.parametrize("mean", [0.2, 30.0, 5e3])
def test_poisson_moments(mean):
    k = draw_poisson(9, 20_000, PURPOSE, mean)
    assert abs(k.mean() - mean) < 4 * math.sqrt(mean / k.size)
    assert k.var() == pytest.approx(mean, rel=4 * math.sqrt((2 + 1 / mean) / k.size))


def test_binomial_edges():
    assert chance.binomial(1, 1, 1, 1, 0, 0.5) == 0
    assert chance.binomial(1, 1, 1, 1, 10, 0.0) == 0
    assert chance.binomial(1, 1, 1, 1, 10, 1.0) == 10
    assert chance.poisson(1, 1, 1, 1, 0.0) == 0
    k = draw_binomial(3, 5000, PURPOSE, 10, 0.5)
    assert k.min() >= 0 and k.max() <= 10


@pytest.mark.parametrize(("m", "p"), [(1, 0.3), (1, 1e-5), (4, 0.5), (200, 0.9), (3, 1e-4), (50, 0.01), (1e6, 0.6)])
def test_births_are_a_sum_of_geometric_numbers(m, p):
    k = draw_births(7, 20_000, PURPOSE, m, p)
    mean, var = m / p, m * (1 - p) / p**2
    assert k.min() >= m
    assert abs(k.mean() - mean) < 4 * math.sqrt(var / k.size)
    kurtosis = 3 + 6 / m + p**2 / (m * (1 - p))
    assert abs(k.var() / var - 1) < 4 * math.sqrt((kurtosis - 1) / k.size)
    if m < 10:  # a whole distribution, not moments only
        levels = np.array([0.1, 0.5, 0.9])
        below = np.array([(k - m <= q).mean() for q in stats.nbinom.ppf(levels, m, p)])
        exact = stats.nbinom.cdf(stats.nbinom.ppf(levels, m, p), m, p)
        assert np.all(np.abs(below - exact) < 4 * np.sqrt(exact * (1 - exact) / k.size + 1e-12))


@pytest.mark.parametrize(
    ("cells", "b", "d", "t"),
    [(1, 0.105, 0.04, 10.0), (3, 0.105, 0.4, 5.0), (5, 0.1, 0.1, 20.0), (1, 0.3, 0.04, 60.0), (1e5, 0.1, 1.0, 12.0)],
)
def test_birth_and_death_follow_kendall(cells, b, d, t):
    k = draw_birth_death(11, 30_000, PURPOSE, cells, b, d, t)
    growth = math.exp((b - d) * t)
    if b == d:
        extinct, var = (b * t / (1 + b * t)) ** cells, 2 * b * t * cells
    else:
        extinct = (d * (growth - 1) / (b * growth - d)) ** cells
        var = cells * (b + d) / (b - d) * growth * (growth - 1)
    assert abs(k.mean() - cells * growth) < 4 * math.sqrt(var / k.size)
    assert abs((k == 0).mean() - extinct) < 4 * math.sqrt(extinct * (1 - extinct) / k.size)


def test_more_cells_never_means_fewer_by_luck():
    u = 0.3
    counts = [chance.poisson_quantile(u, mean) for mean in np.linspace(0.1, 1200, 500)]
    assert counts == sorted(counts)
