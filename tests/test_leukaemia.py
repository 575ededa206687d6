"""Leukaemic cells: growth, kill, rest, and extinction by chance against the birth-death process."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from remission.compiled import core

LANES, exp_small = core.LANES, core.equations.exp_small

ONE = np.ones(LANES)


def step(cells, h, birth=0.0, death=0.0, rest=0.0, wake=0.0, kill=0.0, kill_resting=0.0, crowding=1.0):
    """One step of one clone; cells (1, 2, LANES) is changed."""
    core.equations.clone_step(cells.reshape(-1), crowding * ONE, birth * ONE, death * ONE, rest * ONE, wake * ONE,
                         kill * ONE, kill_resting * ONE, h)  # fmt: skip


def clone(cycling, resting):
    cells = np.empty((1, 2, LANES))
    cells[0, 0], cells[0, 1] = cycling, resting
    return cells


def test_exp_as_arithmetic():
    """As its docstring says: 4e-13 up to 4 in size, 7e-10 down to -10, 2e-7 down to -20; below -40 as at -40."""
    for low, high, tolerance in ((-4, 4, 4e-13), (-10, 4, 7e-10), (-20, 4, 2e-7)):
        x = np.linspace(low, high, 401)
        got = np.array([exp_small(v) for v in x])
        assert np.abs(got / np.exp(x) - 1).max() < tolerance
    assert exp_small(-1000.0) == exp_small(-40.0) < 1e-17


def test_growth_and_log_linear_kill():
    cells = clone(1e9, 0.0)
    for _ in range(40):
        step(cells, 0.25, birth=0.3, death=0.2, kill=0.5)
    assert cells[0, 0, 0] == pytest.approx(1e9 * np.exp((0.3 - 0.2 - 0.5) * 10), rel=1e-9)


def test_crowding_slows_births_only():
    cells = clone(1e9, 0.0)
    for _ in range(4):
        step(cells, 0.25, birth=0.3, death=0.2, crowding=0.0)
    assert cells[0, 0, 0] == pytest.approx(1e9 * np.exp(-0.2), rel=1e-9)


def test_exchange_keeps_every_cell():
    cells = clone(1e9, 2e8)
    for _ in range(400):
        step(cells, 0.25, rest=0.03, wake=0.05)
    assert cells[0].sum(axis=0)[0] == pytest.approx(1.2e9, rel=1e-12)
    settled = 1.2e9 * 0.03 / 0.08  # resting cells in the end, approached with rate 0.08 a day for 100 days
    assert cells[0, 1, 0] == pytest.approx(settled + (2e8 - settled) * np.exp(-8.0), rel=1e-6)


@pytest.mark.parametrize("kill", [0.0, 1.0, 4.0])
def test_splitting_against_the_matrix_exponential(kill):
    """Both pools with kill: the split step against the exact solution over two weeks, and its order."""
    b, d, a, w, kq = 0.3, 0.2, 0.02, 0.05, 0.1 * kill
    exact = expm(14 * np.array([[b - d - kill - a, w], [a, -w - kq]])) @ [1e11, 1e10]
    errors = []
    for h in (1 / 3, 1 / 6):
        cells = clone(1e11, 1e10)
        for _ in range(round(14 / h)):
            step(cells, h, birth=b, death=d, rest=a, wake=w, kill=kill, kill_resting=kq)
        errors.append(abs(np.log10(cells[0].sum(axis=0)[0] / exact.sum())))
    assert errors[0] < 4e-3 and errors[1] < 1e-3  # decades
    assert errors[0] < 1e-9 or errors[0] / errors[1] > 3.5


def few(n, patients, c=1.0, q=0.0, birth=0.3, death=0.2, rest=0.0, wake=0.0, kill=0.0, kill_q=0.0, days=1.0, seed=5):
    """Play few_cells for ``n`` days for many patients; totals at the end."""
    out = np.empty((patients, 2))
    for p in range(patients):
        a, b = c, q
        for day in range(n):
            if a + b == 0:
                break
            a, b = core.chance.few_cells(a, b, birth, death, rest, wake, kill, kill_q, days, seed, p, 77, day)
        out[p] = a, b
    return out


@pytest.mark.parametrize("birth,kill,days", [(0.3, 0.0, 10), (0.3, 0.4, 10), (0.25, 0.05, 20)])
def test_extinction_and_mean_of_few_cells(birth, kill, days):
    """Kendall 1948, with day-by-day draws: P(extinct) and the mean of one cell after ``days``."""
    death, patients = 0.2, 20000
    g = birth - death - kill
    x = np.expm1(g * days) / g if g else days
    extinct = 1 - np.exp(g * days) / (1 + birth * x)
    got = few(days, patients, birth=birth, death=death, kill=kill)[:, 0]
    assert (got == 0).mean() == pytest.approx(extinct, abs=4 * np.sqrt(extinct * (1 - extinct) / patients))
    variance = (birth + death + kill) * (np.exp(2 * g * days) - np.exp(g * days)) / g if g else 2 * birth * days
    assert got.mean() == pytest.approx(np.exp(g * days), abs=4 * np.sqrt(variance / patients))
    assert np.all(got == np.floor(got))


def test_resting_cells_wake_or_die():
    """Resting cells leave with wake + kill; the share that wakes is wake / (wake + kill); what wakes goes on living."""
    wake, kill = 0.05, 0.03
    got = few(1, 4000, c=0.0, q=500.0, birth=0.0, death=0.0, wake=wake, kill_q=kill)
    stay = np.exp(-(wake + kill))
    assert got[:, 1].mean() == pytest.approx(500 * stay, abs=4 * np.sqrt(500 * stay * (1 - stay) / 4000))
    woken = 500 * (1 - stay) * wake / (wake + kill)
    assert got[:, 0].mean() == pytest.approx(woken, abs=4 * np.sqrt(woken / 4000))


def test_chance_keeps_the_mean_of_the_means():
    """At a thousand cells the drawn process and the integrated means agree, exchange included."""
    b, d, a, w, k, kq = 0.3, 0.2, 0.02, 0.05, 0.2, 0.02
    drawn = few(5, 3000, c=800.0, q=150.0, birth=b, death=d, rest=a, wake=w, kill=k, kill_q=kq).sum(axis=1)
    exact = (expm(5 * np.array([[b - d - k - a, w], [a, -w - kq]])) @ [800, 150]).sum()
    assert drawn.mean() == pytest.approx(exact, rel=0.01)


def test_fast_exchange_of_few_cells_is_second_order():
    """Means of both pools against the exact solution; with exchange once a step they are off by a third."""
    b, d, a, w, k, kq = 0.3, 0.2, 0.1, 0.2, 0.8, 0.05
    drawn = few(4, 4000, c=600.0, q=300.0, birth=b, death=d, rest=a, wake=w, kill=k, kill_q=kq).mean(axis=0)
    exact = expm(4 * np.array([[b - d - k - a, w], [a, -w - kq]])) @ [600, 300]
    assert drawn == pytest.approx(exact, rel=0.04)


def test_rounding_to_whole_cells_keeps_the_mean():
    got = np.array([core.chance.whole(2.3, 1, p, 9, 0) for p in range(20000)])
    assert set(got) == {2.0, 3.0} and got.mean() == pytest.approx(2.3, abs=4 * 0.46 / np.sqrt(20000))
