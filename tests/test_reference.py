"""The readable equations of `remission.body` and those of the core are the same: who reads one knows the other."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import reference
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packing import pack
from scipy.integrate import solve_ivp
from verification.cohort import Study

from remission.body import effects, immunity, infection, kinetics, leukaemia, marrow, radiation, transplant, whole
from remission.compiled import core

EQUATIONS = core.equations
SLOTS = core.words.LINE_SLOTS  # of a step of a line
positive = st.floats(1e-3, 1e3)
share = st.floats(0.0, 1.0)


def follow(change, start, days):
    """Integrate dx/dt = change(x) for one number."""
    run = solve_ivp(lambda _, x: [change(x[0])], (0.0, days), [start], rtol=1e-10, atol=1e-14)
    return float(run.y[0, -1])


@given(st.floats(0.0, 12.0), st.integers(1, 4), st.floats(0.05, 1.0), st.floats(1.0, 12.0), st.floats(0.2, 6.0))
def test_survival_of_radiation(dose, fractions, alpha, ratio, half_life):
    ours = radiation.survival(dose, fractions, alpha, ratio, half_life)
    assert ours == pytest.approx(EQUATIONS.survival(dose, fractions, alpha, ratio, half_life), rel=1e-12)


@given(st.floats(0.0, 500.0))
def test_grades(x):
    assert immunity.grade_of(x, (10.0, 50.0, 100.0, 300.0)) == EQUATIONS.grade_of(x, 10.0, 50.0, 100.0, 300.0)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.1, 2.0), share, st.floats(0.01, 2.0))
def test_b_cells_antibodies_cytokine_over_a_day(room, b, kill):
    """The core's step for rates that are held over it is exact for what is written down here."""
    turnover, part, effect = 0.1, 0.8, 0.3
    made = turnover * room * (1.0 - part * effect)
    got = EQUATIONS.towards(b, made / (turnover + kill), turnover + kill, 1.0)
    assert follow(lambda x: immunity.b_cell_change(x, room, turnover, part, effect, kill), b, 1.0) == pytest.approx(
        got, rel=1e-7, abs=1e-9
    )
    release, half, clearance, baseline, killed, ready = 3650.0, 0.05, 3.3, 5.0, 0.02, 0.7
    gain = release * ready * killed / (killed + half)
    got = EQUATIONS.towards(8.0, baseline + gain / clearance, clearance, 1.0)
    numbers = (ready, killed, killed, release, half, clearance, baseline)
    ours = follow(lambda x: immunity.cytokine_change(x, *numbers), 8.0, 1.0)
    assert ours == pytest.approx(got, rel=1e-7)
    lost = 0.2 * kill / (kill + 0.05)
    got = EQUATIONS.towards(0.9, 0.02 / (0.02 + lost), 0.02 + lost, 1.0)
    assert follow(lambda x: immunity.readiness_change(x, kill, 0.2, 0.05, 0.02), 0.9, 1.0) == pytest.approx(
        got, rel=1e-7
    )


def test_car_t_cells_expand():
    e, m = 10.0, 0.0
    for _ in range(1000):  # the core holds crowding over a step
        e = EQUATIONS.expansion(e, m, 0.005, 0.4, 0.3, 1.2, 0.05, 2.0, 1e5)
    ours = follow(lambda x: immunity.expansion(x, x + m, 0.4, 0.3, 1.2, 0.05, 2.0, 1e5), 10.0, 5.0)
    assert e == pytest.approx(ours, rel=1e-3)


@settings(deadline=None, max_examples=10)
@example(effect=1.263, room=0.870, start=0.326)  # the pool lies on its floor for days and feeds the transits from there
@given(st.floats(0.0, 1.3), st.floats(0.2, 1.0), st.floats(0.3, 3.0))
def test_a_line_of_neutrophils(effect, room, start):
    """Over ten days with a steady effect: the core by half days, here as it is written."""
    base, transit, gamma, h = 4.0, 1.14, 0.16, 0.5 / SLOTS
    one = np.ones(core.LANES)
    s = np.concatenate([np.full(5 * core.LANES, start), (room * base / start) ** gamma * one, start * one])
    weights = np.zeros(core.words.WEIGHT_ROWS * core.LANES)
    EQUATIONS.line_weights(transit * one, transit * one, transit * one, h, weights)
    for _ in range(20):
        EQUATIONS.power_chain(
            s, weights, np.tile(effect * one, SLOTS), np.tile(room * one, 3), transit * one, gamma * one, h
        )

    def change(_, y):
        feedback = marrow.power_feedback(room, base, y[4], gamma)
        moved = [marrow.proliferation(y[0], transit, transit, effect, feedback)]
        return moved + [transit * (y[j - 1] - y[j]) for j in range(1, 5)]

    ours = solve_ivp(change, (0.0, 10.0), np.full(5, start), method="LSODA", rtol=1e-9, atol=1e-13).y[:, -1]
    assert s[: 5 * core.LANES : core.LANES] == pytest.approx(ours, rel=1e-4)


@settings(deadline=None, max_examples=10)
@given(st.floats(0.0, 1.3), st.floats(0.2, 1.0), st.floats(6.0, 13.0))
def test_a_line_of_red_cells(effect, room, start):
    """The same of red cells, whose feedback is that of the precursors and of erythropoietin."""
    base, tau, ageing, renewal, gamma, g, h = 12.5, 4.68, 4.0 / 82.2, 1.14, 0.1445, 0.5, 0.5 / SLOTS
    full = base / 82.2 * tau
    one, y0 = np.ones(core.LANES), np.array([0.8 * full, *[start / 4.0] * 4])
    first = (room / 0.8 * (base / start) ** g) ** gamma
    s = np.concatenate([*(x * one for x in y0), first * one, start * one])
    weights = np.zeros(core.words.WEIGHT_ROWS * core.LANES)
    EQUATIONS.life_span_weights(ageing * one, 0.5, weights)
    for _ in range(20):
        EQUATIONS.red_cell_chain(
            s, weights, np.tile(effect * one, SLOTS), np.tile(room * one, 3), renewal * one, gamma * one, g * one,
            one / tau, ageing * one, h,
        )  # fmt: skip

    def change(_, y):
        steered = marrow.red_feedback(room, full, y[0], base, y[1:].sum(), g, gamma)
        moved = [marrow.proliferation(y[0], renewal, renewal, effect, steered), y[0] / tau - ageing * y[1]]
        return moved + [ageing * (y[j - 1] - y[j]) for j in range(2, 5)]

    ours = solve_ivp(change, (0.0, 10.0), y0, method="LSODA", rtol=1e-9, atol=1e-13).y[:, -1]
    assert s[: 5 * core.LANES : core.LANES] == pytest.approx(ours, rel=2e-4)


def test_a_pool_on_its_floor_grows_again_within_a_step():
    """An effect that fades under a proliferating pool on its floor: the core meets the moment at which it turns."""
    base, transit, gamma, h = 4.0, 1.14, 0.16, 0.5
    one, circulating = np.ones(core.LANES), 1e-3
    feedback = (base / circulating) ** gamma

    def effect(t):  # more than enough at first, then less and less
        return 1.2 * math.exp(-6.0 * t)

    def mean(a, b):
        return 1.2 * (math.exp(-6.0 * a) - math.exp(-6.0 * b)) / (6.0 * (b - a))

    errors = []
    for steps in (1, 2):
        width = h / steps / SLOTS
        s = np.concatenate([marrow.FLOOR * one, *[circulating * one] * 4, feedback * one, circulating * one])
        weights = np.zeros(core.words.WEIGHT_ROWS * core.LANES)
        EQUATIONS.line_weights(transit * one, transit * one, transit * one, width, weights)
        for i in range(steps):
            starts = (i * SLOTS + np.arange(SLOTS)) * width
            felt = np.concatenate([mean(t, t + width) * one for t in starts])
            EQUATIONS.power_chain(s, weights, felt, np.ones(3 * core.LANES), transit * one, gamma * one, width)

        def change(t, y):
            steered = marrow.power_feedback(1.0, base, y[4], gamma)
            moved = [marrow.proliferation(y[0], transit, transit, effect(t), steered)]
            return moved + [transit * (y[j - 1] - y[j]) for j in range(1, 5)]

        start = np.array([marrow.FLOOR, *[circulating] * 4])
        ours = solve_ivp(change, (0.0, h), start, method="LSODA", rtol=1e-9, atol=1e-16, max_step=1e-4).y[0, -1]
        assert ours > 1.02 * marrow.FLOOR, "it does grow"
        errors.append(abs(s[0] / ours - 1.0))
    assert errors[0] < 1e-3 and errors[1] < 2e-4


@given(st.floats(1e-9, 2.0), share, st.booleans())
def test_marrow_that_is_too_little_is_gone(room, host, grafted):
    left, kept, donor, grows = transplant.lost(room, host if grafted else 1.0, grafted, 1e-4)
    assert (left, kept) == (room, host if grafted else 1.0) or left < room + 1e-15
    assert donor <= grafted and grows == (left > transplant.EMPTY)
    again, both = transplant.engrafted(left, kept, 0.02)
    assert again * both == pytest.approx(left * kept) and again == pytest.approx(left + 0.02)
    same, mine = transplant.engrafted(left, kept, 0.02, own=True)
    assert same == again and same * (1.0 - mine) == pytest.approx(left * (1.0 - kept), abs=1e-15)


@given(positive, st.floats(0.1, 10.0), st.floats(0.5, 4.0))
def test_a_hill_of_one_is_emax(x, half, power):
    assert effects.hill(x, half, 1.0) == pytest.approx(effects.shape(effects.EMAX, x, half, 0.0, 0.0, 0.0))
    assert effects.hill(half, half, power) == pytest.approx(0.5)


def test_asparagine_is_the_root_of_its_balance():
    """Supply, loss and breakdown in balance at the asparagine that an activity leaves."""
    rest, half, d, km = 50.0, 5.0, 30.0, 12.0
    for x in (1e-3, 0.05, 1.0, 40.0):
        effect = effects.asparagine(x, half, rest, d, km)
        n = half * rest * (1.0 - effect) / (rest + half - rest * (1.0 - effect))  # solved for N
        assert 1.0 - n / rest == pytest.approx(d * x * n / (km + n), rel=1e-9)


def test_extinction_of_one_cell():
    extinct, more = leukaemia.kendall(0.3, 0.1, 60.0)
    assert extinct == pytest.approx(1.0 / 3.0, rel=1e-4)
    assert (1.0 - extinct) / (1.0 - more) == pytest.approx(math.exp(0.2 * 60.0), rel=1e-3), "the mean grows"
    assert leukaemia.kendall(0.2, 0.2, 5.0)[0] == pytest.approx(0.5)
    draws = [core.chance.birth_death(1, p, 7, 0, 1.0, 0.3, 0.2, 10.0) for p in range(4000)]
    assert np.mean(np.array(draws) == 0.0) == pytest.approx(leukaemia.kendall(0.3, 0.2, 10.0)[0], abs=0.03)


def test_fever_by_neutrophils_and_low_counts():
    hazards = (0.045, 0.0187, 0.004, 0.0015)
    got = [infection.fever_hazard(anc, hazards, 1.0, 0.0) for anc in (0.05, 0.1, 0.49, 0.5, 1.0, 9.0)]
    assert got == [0.045, 0.0187, 0.0187, 0.004, 0.0015, 0.0015]
    assert infection.of_low_count(4.0, 0.01, 5.0) == pytest.approx(0.002)
    assert infection.of_low_count(6.0, 0.01, 5.0) == 0.0


def test_what_numba_makes_of_the_equations_is_what_they_say():
    """The reference compiles `whole.change`; here it is read as plain Python, with everything on board."""
    study = Study("cog-standard-risk", 1)
    program, people = study.ready()
    patient = reference.Patient(program, people, study.seed, 0)
    everything = reference.OnBoard(patient, patient.numbers, tuple(range(len(program.agents))))
    y = patient.at_diagnosis.copy()
    y[: patient.lines] = np.random.default_rng(1).uniform(0.0, 2.0, patient.lines)
    flat, view = pack(everything.numbers)
    compiled = reference._compiled()[0](0.3, y, *flat)
    plain = whole.change(0.3, y, view)
    assert np.abs(plain).max() > 1.0
    np.testing.assert_allclose(compiled, plain, rtol=1e-10, atol=1e-12)


def test_the_reference_owes_nothing_to_the_cores_equations():
    for module in (effects, immunity, infection, kinetics, leukaemia, marrow, radiation, transplant, whole):
        code = inspect.getsource(module)
        assert "core.equations" not in code and "core.chance" not in code, module.__name__
