"""Blood cells: steady states, numbers that the evidence states for the same equations, order of convergence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from remission.compiled import core

LANES, STATE_ROWS, WEIGHT_ROWS = core.LANES, core.words.STATE_ROWS, core.words.WEIGHT_ROWS
SLOTS = core.words.LINE_SLOTS  # of a step of a line
FEEDBACK, FORESEEN = 5, 6  # rows of a line behind its states: the feedback, and the circulating cells it was taken at
marrow = core.equations

ONE = np.ones(LANES)


STEP = 0.5  # of the engine, days
GROWTH = 1.0 / 6.0  # of normal marrow


def flat(*values):
    """Rows of LANES, one after the other."""
    return np.concatenate([np.broadcast_to(np.asarray(v, dtype=float), LANES) for v in values])


def slots(effect, t, h):
    """Means of the slots of a step of h days, of an effect that is held over each."""
    return flat(*(effect(t + k * h / SLOTS) for k in range(SLOTS)))


def neutrophils(effect, days, h=STEP, base=3.95, mtt=84.18 / 24.0, gamma=0.1445, room=1.0, start=None):
    """Circulating cells at 0, h, ..., days. As in the engine, the feedback is brought back to its exact power every 32
    days."""
    s = flat(*[base if start is None else start] * 5, 0.0, 0.0)
    rows = s.reshape(STATE_ROWS, LANES)

    def exact():
        rows[FEEDBACK] = (room * base / rows[4]) ** gamma
        rows[FORESEEN] = rows[4]

    exact()
    ktr, rooms = 4.0 / mtt * ONE, flat(room, room, room)
    w = np.zeros(WEIGHT_ROWS * LANES)
    marrow.line_weights(ktr, ktr, ktr, h / SLOTS, w)
    out = [rows[4, 0]]
    for i in range(round(days / h)):
        marrow.power_chain(s, w, slots(effect, i * h, h), rooms, ktr, gamma * ONE, h / SLOTS)
        if (i + 1) % round(32.0 / h) == 0:
            exact()
        out.append(rows[4, 0])
    return np.array(out)


def platelets(effect, days, h=STEP, base=267.4, growth=0.93, transit=0.52, loss=4.8, room=1.0):
    s = flat(*[base * loss / transit] * 4, base, 0.0, 0.0)
    rows = s.reshape(STATE_ROWS, LANES)
    room, half = flat(room, room, room), transit / (growth - transit) * base * ONE
    w = np.zeros(WEIGHT_ROWS * LANES)
    marrow.line_weights(transit * ONE, transit * ONE, loss * ONE, h / SLOTS, w)
    out = [base]
    for i in range(round(days / h)):
        marrow.saturating_chain(s, w, slots(effect, i * h, h), room, half, growth * ONE, transit * ONE, h / SLOTS)
        out.append(rows[4, 0])
    return np.array(out)


def haemoglobin(
    effect, days, h=STEP, base=12.5, tau=4.68, span=82.2, room=1.0, renewal=1.14, gamma=0.1445, feedback=0.0
):
    """From a whole marrow at rest, into which ``room`` is put; the feedback is made exact every 32 days, as there."""
    full = base / span * tau
    s = flat(full, *[base / 4.0] * 4, 0.0, 0.0)
    rows = s.reshape(STATE_ROWS, LANES)

    def exact():
        rows[FORESEEN] = rows[1:5].sum(axis=0)
        rows[FEEDBACK] = (room * full / rows[0] * (base / rows[FORESEEN]) ** feedback) ** gamma

    exact()
    rooms = flat(room, room, room)
    w = np.zeros(WEIGHT_ROWS * LANES)
    marrow.life_span_weights(4.0 / span * ONE, h, w)
    out = [base]
    for i in range(round(days / h)):
        marrow.red_cell_chain(s, w, slots(effect, i * h, h), rooms, renewal * ONE, gamma * ONE, feedback * ONE,
                              ONE / tau, 4.0 / span * ONE, h / SLOTS)  # fmt: skip
        if (i + 1) % round(32.0 / h) == 0:
            exact()
        out.append(rows[1:5, 0].sum())
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
    assert got.argmin() * STEP == pytest.approx(day, abs=0.25)


def test_neutrophils_are_back_when_the_evidence_says():
    """E = 1 for a day: 90 % on day 14.7; E = 1 on 4 days a week for 4 weeks: 25 days below 0.5, 90 % on day 35."""
    got = neutrophils(during(1), 40)
    back = np.flatnonzero(got < 0.9 * 3.95)[-1] * STEP
    assert back == pytest.approx(14.7, abs=0.3)
    got = neutrophils(lambda t: 1.0 if t < 28 and t % 7 < 4 else 0.0, 60)
    assert (got < 0.5).sum() * STEP == pytest.approx(25, abs=1)
    assert np.flatnonzero(got < 0.9 * 3.95)[-1] * STEP == pytest.approx(35, abs=0.5)


def test_white_cells_of_the_evidence():
    """myelosuppression.friberg.structure: Circ0 7.21, MTT 124 h, gamma 0.239 (the lymphocytes' chain)."""
    got = neutrophils(during(1), 40, base=7.21, mtt=124 / 24, gamma=0.239)
    assert got.min() / 7.21 == pytest.approx(0.55, abs=0.006) and got.argmin() * STEP == pytest.approx(9.2, abs=0.25)
    got = neutrophils(during(5), 40, base=7.21, mtt=124 / 24, gamma=0.239)
    assert got.min() / 7.21 == pytest.approx(0.075, abs=0.001) and got.argmin() * STEP == pytest.approx(12.4, abs=0.25)


@pytest.mark.parametrize("days,nadir,day", [(1, 187, 9.7), (5, 50, 13.3)])
def test_platelet_nadirs_of_the_evidence(days, nadir, day):
    """myelosuppression.platelets (Panetta 2024), no proliferation for 1 and 5 days."""
    got = platelets(during(days), 40)
    assert got.min() == pytest.approx(nadir, abs=0.6)
    assert got.argmin() * STEP == pytest.approx(day, abs=0.25)


def test_haemoglobin_of_the_evidence():
    """Agoram 2006, no production for 28 days, life span 82 d: 9.0 on day 28 there, where what was made before comes for
    five days more, and least 8.4 on day 39; here precursors are gone at once, and back a fortnight after the drug."""
    got = haemoglobin(during(28, 3.0), 80)
    assert got[round(28 / STEP)] == pytest.approx(8.3, abs=0.1)
    assert got.min() == pytest.approx(6.6, abs=0.1) and 42 < got.argmin() * STEP < 56


COURSES = {"neutrophils": neutrophils, "platelets": platelets, "haemoglobin": haemoglobin}
FIRST = {"neutrophils": 5e-6, "platelets": 1e-6, "haemoglobin": 1e-6}  # error of the engine's steps


@pytest.mark.parametrize("name", ["neutrophils", "platelets"])
@pytest.mark.parametrize("effect", ["swings", "falls", "steps"])
def test_a_pool_that_moves_little_goes_like_a_parabola(name, effect):
    """Effects that stay the same for two hours each: half a day that is taken in one go comes out as in slots of a
    twenty-fourth of their length; and one in whose middle the effect jumps is not taken in one go (off by 8e-3, if it
    were)."""
    course = COURSES[name]
    shape = {
        "swings": lambda t: 0.35 + 0.1 * math.sin(2.0 * math.pi * t / 4.0),
        "falls": lambda t: 0.6 * math.exp(-t / 3.0),
        "steps": lambda t: 0.3 + (0.3 if t % 0.5 < 0.25 else 0.0),
    }[effect]

    def held(t):
        return shape((math.floor(t * 12.0 + 1e-9) + 0.5) / 12.0)

    fine = course(held, 20, h=1 / 48)[::48]
    off = np.abs(course(held, 20, h=STEP)[:: round(1 / STEP)] / fine - 1.0)
    # within a slot an effect is taken to fall evenly
    assert off.max() < (1e-3 if effect == "steps" else 6e-5), off.max()


@pytest.mark.parametrize("name", COURSES)
@pytest.mark.parametrize("size", [0.5, 1.0, 1.5])
def test_order_of_convergence(name, size):
    """The engine's steps, then 1/4, 1/8 and 1/12 day, an effect that changes on whole days, against steps of 1/96 day:
    fourth order or better."""
    course = COURSES[name]
    want = course(during(3, size), 20, h=1 / 96)[::96]
    first, *errors = (
        np.abs(course(during(3, size), 20, h=h)[:: round(1 / h)] / want - 1).max() for h in (STEP, 1 / 4, 1 / 8, 1 / 12)
    )
    assert first < FIRST[name]
    if name != "haemoglobin":  # each slot is exact while haemoglobin goes straight on
        assert errors[0] / errors[1] > 2.0**4 and errors[1] / errors[2] > 1.5**4, errors


@pytest.mark.parametrize("h,tolerance", [(STEP, 5e-5), (1 / 4, 4e-6), (1 / 12, 2e-7)])
def test_neutrophils_against_a_solver(h, tolerance):
    """A short maturation time and a strong effect, the hardest case of a cohort; SciPy at rtol 1e-10."""
    base, mtt, gamma = 3.0, 2.4, 0.1445
    k = 4 / mtt

    def f(t, y):
        e = 2.0 if t < 2 else 0.0
        feedback = (base / y[4]) ** gamma
        return [k * y[0] * ((1 - e) * feedback - 1), *(k * (y[i] - y[i + 1]) for i in range(4))]

    first = solve_ivp(f, (0, 2), [base] * 5, rtol=1e-10, atol=1e-12, method="Radau")
    rest = solve_ivp(f, (2, 30), first.y[:, -1], rtol=1e-10, atol=1e-12, method="Radau", t_eval=np.arange(3, 31))
    got = neutrophils(during(2, 2.0), 30, h=h, base=base, mtt=mtt, gamma=gamma)[:: round(1 / h)]
    error = np.abs(got[3:] / rest.y[4] - 1).max()
    assert error < tolerance


def test_cells_that_come_back_tenfold_in_half_a_day_are_as_many_by_shorter_steps():
    """From a marrow at its floor, with no drug: the feedback follows each step's rise, however steep."""
    floor = {"base": 3.3, "gamma": 0.17, "mtt": 2.6, "start": 1e-6}
    got = neutrophils(during(0, 0.0), 20, **floor)
    finer = neutrophils(during(0, 0.0), 20, h=1 / 12, **floor)[:: round(12 * STEP)]
    assert np.max(got[1:] / got[:-1]) > 5.0
    off = np.abs(got / finer - 1.0)
    assert off.max() < 2e-3 and off[-10:].max() < 1e-4


@pytest.mark.parametrize("gamma,mtt", [(0.1445, 3.5), (0.239, 5.17), (0.1445, 2.4)])
def test_the_strongest_effect_empties_the_marrow_and_it_comes_back(gamma, mtt):
    """E at its bound for ten days: counts fall to almost nothing, stay positive, and recover to the baseline."""
    got = neutrophils(during(10, 4.0), 400, gamma=gamma, mtt=mtt)
    assert np.all(got > 0) and got[round(11 / STEP)] < 0.2
    assert np.all(np.diff(got[round(2 / STEP) : round(10 / STEP)]) < 0), "cells grow while all that divides are killed"
    assert got[-1] == pytest.approx(3.95, rel=1e-3)


def test_normal_marrow_regrows_logistically():
    """At the ends and in the middle of steps."""
    rho, n0 = 0.25, 0.05
    n, both = n0 * ONE, np.empty(2 * LANES)
    room = [n0]
    for _ in range(240):
        marrow.normal_marrow(n, flat(0, 0, 0), rho * ONE, ONE, 0.0 * ONE, GROWTH, both)
        n = both[LANES:].copy()
        room += [both[0], n[0]]
    t = np.arange(481) * GROWTH / 2
    np.testing.assert_allclose(room, 1 / (1 + (1 / n0 - 1) * np.exp(-rho * t)), rtol=1e-6)


def test_marrow_full_of_leukaemia_has_no_room():
    """At constant load l the normal marrow settles at 1 - omega l."""
    n, both = 0.5 * ONE, np.empty(2 * LANES)
    load = flat(0.6, 0.6, 0.6)
    for _ in range(3000):
        marrow.normal_marrow(n, load, 0.25 * ONE, 1.2 * ONE, 0.0 * ONE, GROWTH, both)
        n = both[LANES:].copy()
    assert n[0] == pytest.approx(1 - 1.2 * 0.6, rel=1e-9)


def test_a_lasting_effect_on_red_precursors_is_amplified_and_erythropoietin_answers():
    """A lasting E leaves (1 - E)^(1 / gamma / (1 + g)) of haemoglobin."""
    lasting = haemoglobin(lambda t: 0.05, 1500, feedback=0.5)[-1]
    assert lasting == pytest.approx(12.5 * 0.95 ** (1 / 0.1445 / 1.5), rel=1e-4)
    assert haemoglobin(during(28, 0.2), 28)[-1] < haemoglobin(during(28, 0.2), 28, feedback=0.5)[-1]


def test_a_block_takes_red_precursors_for_longer_than_its_drugs():
    """Four days that take more than all divisions cost more than two weeks of red cells."""
    got = haemoglobin(during(4, 2.0), 60, feedback=0.5)
    assert 12.5 - got.min() > 1.2 and 20 < got.argmin() * STEP < 30
    assert 12.5 - got.min() > 14 * 12.5 / 82.2
