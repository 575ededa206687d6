"""Blood cells: steady states, numbers that the evidence states for the same equations, order of convergence."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from remission.body import marrow
from remission.body.kinetics import LANES

ONE = np.ones(LANES)


def call(function, **given):
    """Call a compiled function by the names of its parameters."""
    return function(*(given[name] for name in inspect.signature(function.py_func).parameters))


def weights(transit, gain, loss, h):
    out = np.zeros((marrow.WEIGHT_ROWS, LANES))
    marrow.line_weights(transit * ONE, gain * ONE, loss * ONE, h, out)
    return out.reshape(-1)


def neutrophils(effect, days, h=0.25, base=3.95, mtt=84.18 / 24.0, gamma=0.1445, room=1.0, start=None):
    """Circulating cells at 0, h, ..., days; ``effect(t)`` is held over each step."""
    s = np.zeros((marrow.STATE_ROWS, LANES))
    s[:5] = base if start is None else start
    s[marrow.FEEDBACK] = (room * base / s[4]) ** gamma
    s[marrow.FORESEEN] = s[4]
    w = weights(4.0 / mtt, 4.0 / mtt, 4.0 / mtt, h)
    out = [s[4, 0]]
    for i in range(round(days / h)):
        e = np.full(LANES, float(effect(i * h)))
        call(marrow.power_chain, s=s.reshape(-1), s0=0, w=w, w0=0, effect=e, early=0, late=0, n0=room * ONE,
             nm=room * ONE, n1=room * ONE, rate=4.0 / mtt * ONE, gamma=gamma * ONE, h=h)  # fmt: skip
        out.append(s[4, 0])
    return np.array(out)


def platelets(effect, days, h=0.25, base=267.4, growth=0.93, transit=0.52, loss=4.8, room=1.0):
    s = np.zeros((marrow.STATE_ROWS, LANES))
    s[:4], s[4] = base * loss / transit, base
    w = weights(transit, transit, loss, h)
    out = [base]
    for i in range(round(days / h)):
        e = np.full(LANES, float(effect(i * h)))
        call(marrow.saturating_chain, s=s.reshape(-1), s0=0, w=w, w0=0, effect=e, early=0, late=0, n0=room * ONE,
             nm=room * ONE, n1=room * ONE, half=transit / (growth - transit) * base * ONE, growth=growth * ONE,
             transit=transit * ONE, h=h)  # fmt: skip
        out.append(s[4, 0])
    return np.array(out)


def haemoglobin(effect, days, h=0.25, base=12.5, tau=4.68, span=82.2, room=1.0):
    s = np.full((marrow.STATE_ROWS, LANES), base / 4.0)
    production = base / span
    s[0] = production * tau
    w = np.zeros((marrow.WEIGHT_ROWS, LANES))
    marrow.life_span_weights(tau * ONE, 4.0 / span * ONE, h, w)
    out = [base]
    for i in range(round(days / h)):
        e = np.full(LANES, float(effect(i * h)))
        call(marrow.red_cell_chain, s=s.reshape(-1), s0=0, w=w.reshape(-1), w0=0, effect=e, early=0, late=0,
             n0=room * ONE, nm=room * ONE, n1=room * ONE, production=production * ONE)  # fmt: skip
        out.append(s[1:5, 0].sum())
    return np.array(out)


def during(days, size=1.0):
    return lambda t: size if t < days - 1e-9 else 0.0


@pytest.mark.parametrize("effect", [0.0, 0.1, 0.2, 0.5])
def test_neutrophil_steady_state(effect):
    """Friberg 2002: Circ0 (1 - E)^(1/gamma) under a constant effect."""
    got = neutrophils(lambda t: effect, 600)[-1]
    assert got == pytest.approx(3.95 * (1 - effect) ** (1 / 0.1445), rel=1e-6)


def test_marrow_without_drug_stays_where_it_is():
    assert np.ptp(neutrophils(during(0), 100)) < 1e-9
    assert np.ptp(platelets(during(0), 100)) < 1e-7
    assert np.ptp(haemoglobin(during(0), 100)) < 1e-9


def test_steady_state_is_the_share_of_normal_marrow():
    """Feedback steers to n times the baseline, whatever gamma."""
    assert neutrophils(during(0), 400, room=0.3)[-1] == pytest.approx(0.3 * 3.95, rel=1e-6)
    assert platelets(during(0), 800, room=0.3)[-1] == pytest.approx(0.3 * 267.4, rel=1e-4)
    assert haemoglobin(during(0), 1500, room=0.3)[-1] == pytest.approx(0.3 * 12.5, rel=1e-6)


@pytest.mark.parametrize(
    "effect,nadir,day", [(during(1), 1.58, 7.1), (during(1, 2.0), 0.66, 7.6), (during(5), 0.07, 10.5)]
)
def test_neutrophil_nadirs_of_the_evidence(effect, nadir, day):
    """antimetabolites.yaml, myelosuppression.anc.default: baseline 3.95, MTT 84.18 h, gamma 0.1445."""
    got = neutrophils(effect, 40)
    assert got.min() == pytest.approx(nadir, abs=0.01)
    assert got.argmin() * 0.25 == pytest.approx(day, abs=0.25)


def test_neutrophils_are_back_when_the_evidence_says():
    """E = 1 for a day: 90 % on day 14.7; E = 1 on 4 days a week for 4 weeks: 25 days below 0.5, 90 % on day 35."""
    got = neutrophils(during(1), 40)
    back = np.flatnonzero(got < 0.9 * 3.95)[-1] * 0.25
    assert back == pytest.approx(14.7, abs=0.3)
    got = neutrophils(lambda t: 1.0 if t < 28 and t % 7 < 4 else 0.0, 60)
    assert (got < 0.5).sum() * 0.25 == pytest.approx(25, abs=1)
    assert np.flatnonzero(got < 0.9 * 3.95)[-1] * 0.25 == pytest.approx(35, abs=0.5)


def test_white_cells_of_the_evidence():
    """myelosuppression.friberg.structure: Circ0 7.21, MTT 124 h, gamma 0.239 (the lymphocytes' chain)."""
    got = neutrophils(during(1), 40, base=7.21, mtt=124 / 24, gamma=0.239)
    assert got.min() / 7.21 == pytest.approx(0.55, abs=0.006) and got.argmin() * 0.25 == pytest.approx(9.2, abs=0.25)
    got = neutrophils(during(5), 40, base=7.21, mtt=124 / 24, gamma=0.239)
    assert got.min() / 7.21 == pytest.approx(0.075, abs=0.001) and got.argmin() * 0.25 == pytest.approx(12.4, abs=0.25)


@pytest.mark.parametrize("days,nadir,day", [(1, 187, 9.7), (5, 50, 13.3)])
def test_platelet_nadirs_of_the_evidence(days, nadir, day):
    """myelosuppression.platelets (Panetta 2024), no proliferation for 1 and 5 days."""
    got = platelets(during(days), 40)
    assert got.min() == pytest.approx(nadir, abs=0.6)
    assert got.argmin() * 0.25 == pytest.approx(day, abs=0.25)


def test_haemoglobin_of_the_evidence():
    """Agoram 2006, no production for 28 days, life span 82 d: 9.0 on day 28, least 8.4 on day 39."""
    got = haemoglobin(during(28), 60)
    assert got[28 * 4] == pytest.approx(9.0, abs=0.06)
    assert got.min() == pytest.approx(8.4, abs=0.06) and got.argmin() * 0.25 == pytest.approx(39, abs=0.6)


@pytest.mark.parametrize("course", [neutrophils, platelets])
def test_halving_the_step_divides_the_error_by_sixteen(course):
    """Runge-Kutta of fourth order, with an effect that changes on whole days."""
    exact = course(during(3, 1.5), 20, h=1 / 64)[::64]
    coarse, fine = (np.abs(course(during(3, 1.5), 20, h=h)[:: round(1 / h)] / exact - 1).max() for h in (0.25, 0.125))
    assert coarse / fine > 10
    assert coarse < 2e-4


def test_quarter_day_steps_against_a_solver():
    """A short maturation time and a strong effect, the hardest case of a cohort; SciPy at rtol 1e-10."""
    base, mtt, gamma = 3.0, 2.4, 0.1445
    k = 4 / mtt

    def f(t, y):
        e = 2.0 if t < 2 else 0.0
        feedback = (base / y[4]) ** gamma
        return [k * y[0] * ((1 - e) * feedback - 1), *(k * (y[i] - y[i + 1]) for i in range(4))]

    first = solve_ivp(f, (0, 2), [base] * 5, rtol=1e-10, atol=1e-12, method="Radau")
    rest = solve_ivp(f, (2, 30), first.y[:, -1], rtol=1e-10, atol=1e-12, method="Radau", t_eval=np.arange(3, 31))
    got = neutrophils(during(2, 2.0), 30, base=base, mtt=mtt, gamma=gamma)[::4]
    assert np.abs(got[3:] / rest.y[4] - 1).max() < 1e-3


@pytest.mark.parametrize("gamma,mtt", [(0.1445, 3.5), (0.239, 5.17), (0.1445, 2.4)])
def test_the_strongest_effect_empties_the_marrow_and_it_comes_back(gamma, mtt):
    """E at its bound for ten days: counts fall to almost nothing, stay positive, and recover to the baseline."""
    got = neutrophils(during(10, 4.0), 400, gamma=gamma, mtt=mtt)
    assert np.all(got > 0) and got[44] < 0.2
    assert np.all(np.diff(got[8:40]) < 0), "cells grow while everything that divides is killed"
    assert got[-1] == pytest.approx(3.95, rel=1e-3)


def test_normal_marrow_regrows_logistically():
    rho, n0 = 0.25, 0.05
    n, middle, new = n0 * ONE, np.empty(LANES), np.empty(LANES)
    room = [n0]
    for _ in range(160):
        call(marrow.normal_marrow, n=n, load0=0 * ONE, load_mid=0 * ONE, load1=0 * ONE, rho=rho * ONE, omega=ONE,
             h=0.25, n_mid=middle, n_new=new)  # fmt: skip
        n = new.copy()
        room += [middle[0], n[0]]
    t = np.arange(321) * 0.125
    np.testing.assert_allclose(room, 1 / (1 + (1 / n0 - 1) * np.exp(-rho * t)), rtol=1e-7)


def test_marrow_full_of_leukaemia_has_no_room():
    """At constant load l the normal marrow settles at 1 - omega l."""
    n, middle, new = 0.5 * ONE, np.empty(LANES), np.empty(LANES)
    for _ in range(2000):
        call(marrow.normal_marrow, n=n, load0=0.6 * ONE, load_mid=0.6 * ONE, load1=0.6 * ONE, rho=0.25 * ONE,
             omega=1.2 * ONE, h=0.25, n_mid=middle, n_new=new)  # fmt: skip
        n = new.copy()
    assert n[0] == pytest.approx(1 - 1.2 * 0.6, rel=1e-9)
