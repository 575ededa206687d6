"""The engine's kinetics against closed forms and against a solver, for every form an agent can take."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from remission.body.kinetics import LANES
from remission.body.pharmacokinetics import FROM_PLASMA, LUMBAR
from remission.compiled import core
from remission.engine import lanes
from remission.engine.program import prepare
from remission.knowledge.agent import Agent
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.patient.population import draw
from remission.protocol.model import Give, Phase, Protocol

STEP = 1.0 / 12.0  # days
PEOPLE = draw("standard-risk-b-all", LANES, seed=3)
MADE_UP = {"read": "assumed", "because": "test"}


def q(value, unit, **more):
    return {"value": value, "unit": unit, **MADE_UP, **more}


def agent(name="drug", routes=("IV",), **pk):
    """An agent with clearance 24 L/day and volume 10 L unless ``pk`` says otherwise; mg and mg/L."""
    pk = {"amount": "mg", "concentration": "mg/L", "clearance": q(24, "L/day"), "volume": q(10, "L")} | pk
    effects = [{"on": "neutrophils", "driver": "plasma", "function": "linear", "slope": q(0.0, "L/mg")}]
    data = {"agent": name, "kind": "made up", "plain": "made up", "routes": list(routes), "dose_units": ["mg"]}
    return Agent.model_validate(data | {"pharmacokinetics": pk, "effects": effects})


class Shelf:
    """A library of made-up agents; the body is the real one."""

    def __init__(self, *agents):
        self.agents = {a.agent: a for a in agents}

    def agent(self, name):
        return self.agents[name]

    def side_effects(self, computed=True):
        return []

    def side_effects_with_causes(self):
        return []

    def body(self, name):
        return library().body(name)


TIMES = {1: (1,), 2: (2,), 3: (3,), 4: (4,), 6: (2, 3), 12: (3, 4)}  # doses a day that make so many steps of a day


class Course:
    """What the engine makes of doses (day, route, amount, infusion in hours): mean outputs of every two hours
    (days * 12,) and the states at the end of every day (days, n), of one lane. Steps are as long as the doses allow."""

    def __init__(self, what, doses, days, lane=0, shelf=None, refine=1):
        steps = next(n for n in TIMES if all(abs(d[0] * n - round(d[0] * n)) < 1e-9 for d in doses))
        gives = tuple(
            Give(what.agent, route, (route,), 1.0, what.pharmacokinetics.amount, "dose", times, (1,),
                 infusion_h=hours or None)
            for route, hours in sorted({(d[1], d[3]) for d in doses})
            for times in TIMES[steps]
        )  # fmt: skip
        protocol = Protocol("p", "p", "p", (), None, (Phase("a", "a", days, give=gives, next=None),))
        shelf = shelf or Shelf(what)
        program = prepare(protocol, shelf)
        plan, columns = lanes.build(program, PEOPLE, shelf, seed=1, refine=refine, watch=True)
        (self.kinetics,) = lanes.kinetics_of(program, PEOPLE, 1)
        block = core.Block(program.tables, plan, columns, follow_up_days=days, chance=False, seed=1)
        forms = {(f.route, round(f.infusion_days * 24.0, 6)): i for i, f in enumerate(program.forms) if f.copy == 0}
        outputs = self.kinetics.outputs
        means = np.zeros((len(outputs), days * 12))
        self.end = np.zeros((days, self.kinetics.n))
        self.on_board = []
        amount, used, share = block.amount, block.used, columns.bioavailability
        watch, x = block.watch, block.x
        for today in range(days):
            for when, route, size, hours in doses:
                if math.floor(when + 1e-9) == today:
                    f = forms[route, round(hours, 6)]
                    at = f * 12 + round((when - today) * 12.0)
                    amount[at] += size * share[f]
                    used[at] = True
            watch[:] = 0.0
            block.kinetics(today)
            for j in range(len(outputs)):
                rows = watch[plan.watched[j] : plan.watched[j] + 12 * refine, lane]
                means[j, today * 12 : today * 12 + 12] = rows.reshape(12, refine).mean(axis=1)
            self.end[today] = x[:, lane]
            self.on_board.append(bool(block.on_board[0]))
        self.mean = dict(zip(outputs, means, strict=True))


def exact(a, outputs, doses, days):
    """As `solved` for dx/dt = a x + input and means of the rows of ``outputs`` times x, by the matrix exponential."""
    n = len(a)
    changes = [(t, s, d, 0.0) for t, s, d, tau in doses if tau == 0.0]
    for t, s, d, tau in doses:
        if tau > 0.0:
            changes += [(t, s, 0.0, d / tau), (t + tau, s, 0.0, -d / tau)]
    stops = sorted({round(i * STEP, 12) for i in range(days * 12 + 1)} | {round(c[0], 12) for c in changes})
    whole = np.zeros((3 * n, 3 * n))  # states, their integral, the input
    whole[:n, :n], whole[:n, 2 * n :], whole[n : 2 * n, :n] = a, np.eye(n), np.eye(n)
    y, means, ends = np.zeros(3 * n), [], []
    last = 0.0
    for t in (t for t in stops if t <= days + 1e-9):
        y = expm(whole * (t - last)) @ y
        last = t
        if t > 0.0 and abs(t / STEP - round(t / STEP)) < 1e-9:
            means.append(outputs @ y[n : 2 * n] / STEP)
            y[n : 2 * n] = 0.0
            if round(t / STEP) % 12 == 0:
                ends.append(y[:n].copy())
        for when, s, size, change in changes:
            if abs(when - t) < 1e-10:
                y[s] += size
                y[2 * n + s] += change
    return np.array(means).T, np.array(ends)


def solved(f, n, outputs, doses, days):
    """Two-hour means of ``outputs(x)`` and end-of-day states of dx/dt = f(x) (or f(x, t)) + input at rtol 1e-11; doses
    are (day, state, amount, infusion in days)."""
    timed = len(inspect.signature(f).parameters) == 2
    width = len(outputs(np.zeros(n)))
    changes = [(t, s, d, 0.0) for t, s, d, tau in doses if tau == 0.0]
    for t, s, d, tau in doses:
        if tau > 0.0:
            changes += [(t, s, 0.0, d / tau), (t + tau, s, 0.0, -d / tau)]
    grid = [i * STEP for i in range(days * 12 + 1)]
    stops = sorted({round(t, 12) for t in grid} | {round(c[0], 12) for c in changes if c[0] < days})
    y, rate = np.zeros(n + width), np.zeros(n)
    means, ends, before = [], [], np.zeros(width)
    for i, t in enumerate(stops):
        if i:
            start = stops[i - 1]
            run = solve_ivp(
                lambda t, y: np.concatenate([f(y[:n], *(t,) * timed) + rate, outputs(y[:n])]), (start, t), y,
                method="DOP853", rtol=1e-11, atol=1e-13,
            )  # fmt: skip
            y = run.y[:, -1]
        if i and abs(t / STEP - round(t / STEP)) < 1e-9:
            means.append((y[n:] - before) / STEP)
            before = y[n:].copy()
            if round(t / STEP) % 12 == 0:
                ends.append(y[:n].copy())
        for when, s, amount, change in changes:
            if abs(when - t) < 1e-10:
                y[s] += amount
                rate[s] += change
    return np.array(means).T, np.array(ends)


def by_four_hours(mean):
    """A saturable product is kept by windows of four hours at most."""
    return mean.reshape(-1, 2).mean(axis=1)


def close(got, want, tolerance):
    assert np.abs(got - want).max() <= tolerance * np.abs(want).max()


def test_matrix_exponential_and_its_integrals():
    """Phi, its integral and the integral of that, against scipy's expm of a block matrix; stiff and slow lanes; the
    last state loses nothing."""
    rng = np.random.default_rng(1)
    n, t = 5, STEP
    a = rng.uniform(0, 1, (n, n, LANES)) * 10.0 ** rng.uniform(-2, 1.5, LANES)
    for i in range(n):
        a[i, i] = -a[:, i].sum(axis=0) * rng.uniform(1.0, 1.5, LANES)
    a[:, -1] = 0.0
    phi, m, nn = core.equations.integrals(a, t)
    for lane in range(LANES):
        block = np.zeros((3 * n, 3 * n))
        block[:n, :n] = a[:, :, lane]
        block[:n, n : 2 * n] = block[n : 2 * n, 2 * n :] = np.eye(n)
        exact = expm(block * t)
        close(phi[:, :, lane], exact[:n, :n], 1e-11)
        close(m[:, :, lane], exact[:n, n : 2 * n], 1e-11)
        close(nn[:, :, lane], exact[:n, 2 * n :], 1e-11)


def test_who_eliminates_many_times_as_fast_is_as_exact_and_nobody_elses_matter():
    """A whole day of vincristine in the fastest of two thousand children (1,400 a day, four times the rate of most):
    with doublings for most alone the exponential was 1e168. Alone and beside slow ones the same to the last bit."""
    rates = 10.0 ** np.linspace(0, 4, LANES)
    a = np.zeros((3, 3, LANES))
    a[0, 0], a[1, 0], a[2, 0] = -rates, 0.6 * rates, 0.01 * rates
    a[0, 1], a[1, 1], a[2, 2] = 0.02 * rates, -0.03 * rates, -1.0
    phi, m, nn = core.equations.integrals(a, 1.0)
    for lane in range(LANES):
        block = np.zeros((9, 9))
        block[:3, :3] = a[:, :, lane]
        block[:3, 3:6] = block[3:6, 6:] = np.eye(3)
        exact = expm(block)
        close(phi[:, :, lane], exact[:3, :3], 1e-9)
        close(m[:, :, lane], exact[:3, 3:6], 1e-9)
        close(nn[:, :, lane], exact[:3, 6:], 1e-9)
        alone = core.equations.integrals(np.repeat(a[:, :, lane : lane + 1], LANES, axis=2), 1.0)
        for got, one in zip((phi, m, nn), alone, strict=True):
            assert (got[:, :, lane] == one[:, :, 0]).all()


PERIPHERAL = [
    {"clearance": q(30, "L/day"), "volume": q(20, "L")},
    {"clearance": q(5, "L/day"), "volume": q(100, "L")},
]


def compartments(n, cl=24.0, v=10.0):
    """dA/dt of 1-3 compartments, amounts."""
    a = np.zeros((n, n))
    a[0, 0] = -cl / v
    for i in range(1, n):
        flow, volume = PERIPHERAL[i - 1]["clearance"]["value"], PERIPHERAL[i - 1]["volume"]["value"]
        a[0, 0] -= flow / v
        a[i, 0] += flow / v
        a[i, i] -= flow / volume
        a[0, i] += flow / volume
    return a


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("hours", [0.0, 0.5, 1.0, 2.0, 3.0, 24.0, 36.0])
def test_compartments_bolus_and_infusion(n, hours):
    """One dose at noon: 1-3 compartments, bolus and infusions shorter than, equal to and longer than a step."""
    got = Course(agent(peripheral=PERIPHERAL[: n - 1]), [(0.5, "IV", 100.0, hours)], 4)
    a = compartments(n)
    mean, end = solved(lambda x: a @ x, n, lambda x: x[:1] / 10.0, [(0.5, 0, 100.0, hours / 24.0)], 4)
    close(got.mean["plasma"], mean[0], 1e-9)
    close(got.end, end, 1e-9)


def test_one_compartment_closed_forms():
    """Bolus: C = D/V exp(-kt); during an infusion C = R/CL (1 - exp(-kt)); mean over a step from the integral."""
    k, t = 2.4, np.arange(24) * STEP
    factor = (1.0 - np.exp(-k * STEP)) / (k * STEP)
    got = Course(agent(), [(0.0, "IV", 100.0, 0.0)], 2).mean["plasma"]
    np.testing.assert_allclose(got, 10.0 * np.exp(-k * t) * factor, rtol=1e-10)
    got = Course(agent(), [(0.0, "IV", 100.0, 48.0)], 2).mean["plasma"]
    np.testing.assert_allclose(got, 50.0 / 24.0 * (1.0 - np.exp(-k * t) * factor), rtol=1e-10)


def test_oral_closed_form_and_bioavailability():
    """Bateman's function, integrated over each step, times the bioavailability."""
    ka, k, f = 12.0, 2.4, 0.6
    what = agent(routes=("PO",), absorption={"PO": {"rate": q(ka, "1/day"), "bioavailability": q(f, "-")}})
    got = Course(what, [(0.0, "PO", 100.0, 0.0)], 3).mean["plasma"]
    t = np.arange(36) * STEP

    def integral(rate):
        return (np.exp(-rate * t) - np.exp(-rate * (t + STEP))) / rate

    want = f * 100.0 / 10.0 * ka / (ka - k) * (integral(k) - integral(ka)) / STEP
    # what is less than a ten-millionth of what a dose makes counts as nothing
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-7 * want.max())


def test_what_fades_on_its_own_is_played_by_the_day_and_stays_exact():
    """A driver that outlasts plasma by months, of an agent whose day has twelve steps: once plasma has gone it takes a
    step a day; means of two hours and evenings are those of the closed form, and a later dose adds to it."""
    k, slow = 2.4, math.log(2.0) / 30.0
    what = agent(drivers={"effect": {"kind": "effect compartment", "half_life": q(30, "day")}})
    days, doses = 40, [(1.0 / 12.0, "IV", 100.0, 0.0), (25.0, "IV", 50.0, 0.0)]
    got = Course(what, doses, days)
    t = np.arange(days * 12 + 1) * STEP
    integral, evening = np.zeros(len(t)), np.zeros(len(t))
    for when, _, size, _ in doses:
        after = np.maximum(t - when, 0.0)
        made = size / 10.0 * slow / (k - slow)
        integral += made * (-np.expm1(-slow * after) / slow + np.expm1(-k * after) / k)
        evening += made * (np.exp(-slow * after) - np.exp(-k * after))
    want = np.diff(integral) / STEP
    np.testing.assert_allclose(got.mean["effect"][1:], want[1:], rtol=1e-6)
    state = list(got.kinetics.outputs).index("effect")
    np.testing.assert_allclose(got.end @ got.kinetics.g[0, state], evening[12::12], rtol=1e-6)
    plasma = got.mean["plasma"].reshape(days, 12).max(axis=1)
    assert (plasma[15:25] == 0.0).all() and plasma[25] > 1.0, "plasma is off the clock between the doses"


def test_a_quiet_day_is_one_step_and_stays_exact():
    """Of an agent whose effect bends: some day after a dose the day is one step. Its states and what is looked at are
    exact; a product made of plasma goes on by the polynomial of the day, a dose ends it within the day, and steps
    that are divided know no quiet days."""
    product = {"kind": "saturable product", "half_life": q(30, "hour"), "unit": "mg", "formation": q(4, "mg/day"),
               "half": q(0.5, "mg/L")}  # fmt: skip
    data = agent(peripheral=PERIPHERAL, drivers={"product": product}).model_dump(exclude_none=True)
    act = {"on": "neutrophils", "driver": "plasma", "function": "emax", "max": q(0.5, "-"), "half": q(0.2, "mg/L")}
    what = Agent.model_validate(data | {"effects": [act, act | {"driver": "product", "half": q(2, "mg")}]})
    doses, days = [(0.0, "IV", 100.0, 0.0), (9.0, "IV", 100.0, 0.0)], 14
    a, g = compartments(3), np.array([[0.1, 0.0, 0.0]])
    mean, end = exact(a, g, [(t, 0, d, 0.0) for t, _, d, _ in doses], days)
    got, fine = Course(what, doses, days), Course(what, doses, days, refine=2)
    np.testing.assert_allclose(got.end, end, rtol=1e-8, atol=1e-7)
    close(got.mean["plasma"], mean[0], 1e-8)
    whole, divided = by_four_hours(got.mean["product"]), by_four_hours(fine.mean["product"])
    close(whole, divided, 2e-4)

    def f(x):
        c = 0.1 * x[0]
        return np.concatenate([a @ x[:3], [4.0 * c / (0.5 + c) - math.log(2) / 1.25 * x[3]]])

    made, _ = solved(f, 4, lambda x: x[3:], [(t, 0, d, 0.0) for t, _, d, _ in doses], days)
    close(whole, by_four_hours(made[0]), 3e-4)


def test_serial_species_are_a_poisson_process():
    """A pegylated enzyme: each molecule moves on ``Poisson(step t)`` times and is active until the last species."""
    number, step, k = 4, 1.5, 0.4
    what = agent(
        clearance=q(k * 10, "L/day"), transit={"rate_clearance": q(step * 10, "L/day"), "number": number}
    )  # fmt: skip
    got = Course(what, [(0.0, "IV", 100.0, 0.0)], 6)
    t = np.arange(1, 7)
    alive = sum((step * t) ** i / math.factorial(i) for i in range(number)) * np.exp(-step * t)
    np.testing.assert_allclose(got.end.sum(axis=1), 100.0 * np.exp(-k * t) * alive, rtol=1e-10)


def test_repeated_and_overlapping_doses_add_up():
    """Linear kinetics: the course of all doses is the sum of the courses; an overlapping infusion and bolus too."""
    what = agent(
        routes=("IV", "PO"), peripheral=PERIPHERAL[:1],
        absorption={"PO": {"rate": q(8, "1/day"), "bioavailability": q(0.5, "-")}},
        drivers={"effect": {"kind": "effect compartment", "half_life": q(1, "day")}},
    )  # fmt: skip
    doses = [(0.0, "IV", 50.0, 24.0), (0.5, "PO", 20.0, 0.0), (0.5, "IV", 10.0, 0.0), (1.0, "IV", 30.0, 24.0),
             (1.25, "PO", 20.0, 0.0), (1.5, "PO", 20.0, 0.0)]  # fmt: skip
    together = Course(what, doses, 4)
    apart = [Course(what, [d], 4) for d in doses]
    for name in ("plasma", "effect"):
        close(together.mean[name], sum(c.mean[name] for c in apart), 1e-7)  # each alone is zeroed when washed out


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(
    "times,hours",
    [((0.0, 0.5, 1.0, 1.5), 30.0), ((0.0, 1 / 3, 1.0), 20.0), ((0.0, 1.0, 2.0), 61.0), ((0.0, 0.5), 12.0)],
)
def test_infusions_of_the_same_kind_overlap(n, times, hours):
    """As many as run at once: against the exact solution, and as the sum of each alone."""
    what = agent(peripheral=PERIPHERAL[: n - 1])
    doses = [(t, "IV", 100.0 + 10 * i, hours) for i, t in enumerate(times)]
    together = Course(what, doses, 6)
    g = np.zeros((1, n))
    g[0, 0] = 0.1
    mean, end = exact(compartments(n), g, [(t, 0, d, hours / 24) for t, _, d, _ in doses], 6)
    close(together.mean["plasma"], mean[0], 1e-10)
    close(together.end, end, 1e-10)
    close(together.mean["plasma"], sum(Course(what, [d], 6).mean["plasma"] for d in doses), 1e-7)


def test_an_infusion_longer_than_to_the_next_runs_to_its_end():
    """Through the program: 30 hours daily; what has been eliminated and what is left is what was given."""
    what = agent()
    doses = [(float(day), "IV", 100.0, 30.0) for day in range(5)]
    got = Course(what, doses, 8)
    assert 24.0 * got.mean["plasma"].sum() * STEP + got.end[-1].sum() == pytest.approx(500.0, rel=1e-9)


def bateman(t, lag, ka=12.0, k=2.4, dose=100.0, f=0.6):
    """Mean plasma over the two hours from each t on, V = 10 L: Bateman's function from ``lag`` on, integrated."""

    def integral(rate):
        u, v = np.maximum(t - lag, 0.0), np.maximum(t + STEP - lag, 0.0)
        return (np.exp(-rate * u) - np.exp(-rate * v)) / rate

    return f * dose / 10.0 * ka / (ka - k) * (integral(k) - integral(ka)) / STEP


@pytest.mark.parametrize("lag", [0.25, 0.5, 1.9, 2.0, 5.0, 11.0])  # hours
@pytest.mark.parametrize("times", [(0.0,), (0.0, 0.5, 1.0), (0.0, 0.5, 1.5, 2.0)])
def test_absorption_lag_closed_form(lag, times):
    """Within a window, on its edge and beyond; once, and every twelve hours."""
    what = agent(routes=("PO",), absorption={
        "PO": {"rate": q(12, "1/day"), "bioavailability": q(0.6, "-"), "lag": q(lag, "hour")}})  # fmt: skip
    got = Course(what, [(t, "PO", 100.0, 0.0) for t in times], 5).mean["plasma"]
    t = np.arange(60) * STEP
    close(got, sum(bateman(t - when, lag / 24.0) for when in times), 1e-9)


def test_a_lag_longer_than_to_the_next_dose_is_refused():
    what = agent(routes=("PO",), absorption={
        "PO": {"rate": q(12, "1/day"), "bioavailability": q(0.6, "-"), "lag": q(12, "hour")}})  # fmt: skip
    Course(what, [(0.0, "PO", 100.0, 0.0)], 1)
    with pytest.raises(BadInput, match="absorbed after 12 hours"):
        Course(what, [(0.0, "PO", 100.0, 0.0), (0.5, "PO", 100.0, 0.0)], 1)


CSF_SPEC = {"volume": q(0.14, "L"), "half_life": q(4.5, "hour"), "plasma_ratio": q(0.05, "-"),
            "deep_in": q(0.7, "1/day"), "deep_out": q(1.4, "1/day")}  # fmt: skip


class Written:
    """An agent, and its equations written out here a second time. States: depot, central, peripherals, effect
    compartment, CSF and deep CSF. change: (extra clearance L/day, its rate 1/day)."""

    def __init__(self, n=1, *, oral=None, effect=False, csf=False, vmax=None, change=None):
        pk = {"peripheral": PERIPHERAL[: n - 1]}
        routes = ["IV"]
        self.entries, self.lag = {}, 0.0
        depot = 1 if oral else 0
        at = depot + n
        size = at + effect + 4 * csf
        a = np.zeros((size, size))
        a[depot:at, depot:at] = compartments(n)
        rows = [np.zeros(size)]
        rows[0][depot] = 0.1
        self.entries["IV"] = (depot, 1.0, 0.0)
        if oral:
            ka, f, lag = oral
            a[0, 0], a[1, 0] = -ka, ka
            spec = {"rate": q(ka, "1/day"), "bioavailability": q(f, "-")}
            pk["absorption"] = {"PO": spec | ({"lag": q(lag, "hour")} if lag else {})}
            routes.append("PO")
            self.entries["PO"] = (0, f, lag / 24.0)
        if effect:
            k = math.log(2) / 0.5
            a[at, depot], a[at, at] = k / 10.0, -k
            rows.append(np.eye(size)[at])
            pk["drivers"] = {"effect": {"kind": "effect compartment", "half_life": q(12, "hour")}}
            at += 1
        if csf:
            out = math.log(2) / (4.5 / 24)
            a[at + 2, depot] = out * 0.14 * 0.05 / 10.0
            for i in (at, at + 2):  # of lumbar doses, from plasma
                a[i, i], a[i, i + 1], a[i + 1, i], a[i + 1, i + 1] = -out - 0.7, 1.4, 0.7, -1.4
                rows.append(np.eye(size)[i] / 0.14)
            rows.append(rows[-2] + rows[-1])
            pk["csf"] = CSF_SPEC
            routes.append("IT")
            self.entries["IT"] = (at, 1.0, 0.0)
        if vmax:
            pk["saturable_elimination"] = {"vmax": q(vmax, "mg/day"), "km": q(2, "mg/L")}
        if change:
            pk["clearance_change"] = {"extra": q(change[0], "L/day"), "rate": q(change[1], "1/day")}
        self.agent = agent(routes=tuple(routes), **pk)
        self.a, self.g, self.depot, self.vmax, self.change = a, np.array(rows), depot, vmax or 0.0, change

    def course(self, doses, days):
        """Means and states: by the matrix exponential if linear, else by the solver."""
        given = []
        for t, route, size, hours in doses:
            entry, share, lag = self.entries[route]
            given.append((t + lag, entry, size * share, hours / 24.0))
        if not self.vmax and not self.change:
            return exact(self.a, self.g, given, days)
        first = min(d[0] for d in doses)
        extra, rate = self.change or (0.0, 1.0)

        def f(x, t):
            c = x[self.depot] / 10.0
            dx = self.a @ x
            dx[self.depot] -= self.vmax * c / (2.0 + c) + extra * math.exp(-rate * (t - first)) * c
            return dx

        return solved(f, len(self.a), lambda x: self.g @ x, given, days)

    def error(self, doses, days=4, **options):
        """Largest difference of any output's mean, relative to its largest; of any state, to the largest dose."""
        got = Course(self.agent, doses, days, **options)
        mean, end = self.course(doses, days)
        off = [np.abs(got.mean[name] - want).max() / max(want.max(), 1e-300)
               for name, want in zip(got.kinetics.outputs, mean, strict=True) if want.max() > 0.0]  # fmt: skip
        return max(*off, np.abs(got.end - end).max() / max(d[2] for d in doses))


BOLUS = [(0.0, "IV", 100.0, 0.0)]
TWICE = [(0.0, "IV", 100.0, 0.0), (1.0, "IV", 100.0, 0.0)]
SHORT = [(0.5, "IV", 100.0, 1.0)]
LONG = [(0.0, "IV", 500.0, 24.0), (1.0, "IV", 500.0, 24.0)]
OVERLAP = [(t, "IV", 300.0, 30.0) for t in (0.0, 0.5, 1.0)]
ORAL = [(0.0, "PO", 100.0, 0.0)]
ORALS = [(t / 2, "PO", 100.0, 0.0) for t in range(5)]
SPINAL = [(0.0, "IT", 12.0, 0.0), (1.0, "IV", 500.0, 24.0)]
TABLET, LATE = (12.0, 0.6, 0.0), (12.0, 0.6, 1.3)
LINEAR = 1e-10  # exact but for rounding and washing out

FORMS = [
    *((f"{n} compartments, {name}", {"n": n}, doses, LINEAR)
      for n in (1, 2, 3)
      for name, doses in (("bolus", BOLUS), ("repeated", TWICE), ("short infusion", SHORT), ("infusions", LONG),
                          ("overlapping infusions", OVERLAP))),
    *((f"{n} compartments, {name}", {"n": n, "oral": way}, doses, LINEAR)
      for n in (1, 2, 3)
      for name, way, doses in (("oral", TABLET, ORAL), ("oral repeated", TABLET, ORALS), ("oral with lag", LATE, ORAL),
                               ("oral with lag repeated", LATE, ORALS), ("oral and infusion", LATE, ORALS + LONG))),
    *((f"{n} compartments, effect compartment, {name}", {"n": n, "effect": True} | more, doses, LINEAR)
      for n in (1, 2, 3)
      for name, more, doses in (("bolus", {}, TWICE), ("overlapping infusions", {}, OVERLAP),
                                ("oral", {"oral": LATE}, ORALS))),
    *((f"{n} compartments, intrathecal", {"n": n, "csf": True}, SPINAL, LINEAR) for n in (1, 2, 3)),
    # second order in the micro-steps
    *((f"{n} compartments, saturable, {name}", {"n": n, "vmax": 400.0} | more, doses, tolerance)
      for n in (1, 2, 3)
      for name, more, doses, tolerance in (
          ("bolus", {}, TWICE, 4e-5), ("short infusion", {}, SHORT, 1.5e-4), ("infusions", {}, LONG, 8e-5),
          ("overlapping infusions", {}, OVERLAP, 4e-5), ("oral", {"oral": TABLET}, ORALS, 2.5e-4),
          ("oral with lag", {"oral": LATE}, ORALS, 2.5e-4), ("effect", {"effect": True}, TWICE, 4e-5),
          ("intrathecal", {"csf": True}, SPINAL, 1e-4))),
    *((f"{n} compartments, clearance that changes, {name}", {"n": n, "change": (30.0, 0.8)} | more, doses, tolerance)
      for n in (1, 2, 3)
      for name, more, doses, tolerance in (
          ("bolus", {}, TWICE, 6e-5), ("infusions", {}, LONG, 3e-5), ("overlapping infusions", {}, OVERLAP, 1.5e-5),
          ("oral with lag", {"oral": LATE}, ORALS, 2e-4), ("saturable", {"vmax": 400.0}, TWICE, 1.5e-4),
          ("effect", {"effect": True}, TWICE, 6e-5))),
]  # fmt: skip


@pytest.mark.parametrize("name,what,doses,tolerance", FORMS, ids=[f[0] for f in FORMS])
def test_every_form(name, what, doses, tolerance):
    """Each form against the matrix exponential (linear) or DOP853 at rtol 1e-11, equations written out in `Written`."""
    assert Written(**what).error(doses) < tolerance


@pytest.mark.parametrize("what", [
    {"change": (30.0, 0.8)}, {"vmax": 400.0}, {"vmax": 400.0, "change": (30.0, 0.8), "n": 2},
    {"vmax": 400.0, "oral": LATE},
], ids=["changing", "saturable", "both", "saturable with lag"])  # fmt: skip
def test_micro_steps_are_of_second_order(what):
    """Halving the micro-steps divides the error by four."""
    doses = ORALS if "oral" in what else TWICE
    errors = [Written(**what).error(doses, refine=refine) for refine in (1, 2, 4)]
    assert all(a / b > 3.0 for a, b in zip(errors, errors[1:], strict=False)), errors


def test_changing_clearance_counts_from_the_first_dose():
    """Washed out in between: the second dose, ten days later, meets the clearance of day ten."""
    written = Written(change=(60.0, 0.3))
    doses = [(2.0, "IV", 100.0, 0.0), (12.0, "IV", 100.0, 0.0)]
    got = Course(written.agent, doses, 14)
    assert not all(got.on_board[2:12])
    mean, _ = written.course(doses, 14)
    close(got.mean["plasma"], mean[0], 2e-4)
    ratio = got.mean["plasma"][12 * 12 + 1] / got.mean["plasma"][2 * 12 + 1]
    assert ratio > 1.2  # slower than on the first day


def test_changing_clearance_is_each_patients_own():
    change = {"extra": q(30, "L/day", iiv_cv=0.4), "rate": q(0.8, "1/day", iiv_cv=0.4)}
    what = agent(clearance_change=change)
    got = [Course(what, TWICE, 2, lane=lane) for lane in (0, 1, 2)]
    k = got[0].kinetics
    assert len(set(k.extra)) == len(set(k.fading)) == LANES
    for course, extra, fading in zip(got, k.extra, k.fading, strict=False):

        def f(x, t):
            return -(24.0 + extra * math.exp(-fading * t)) * x / 10.0  # noqa: B023

        mean, _ = solved(f, 1, lambda x: x / 10.0, [(t, 0, d, 0.0) for t, _, d, _ in TWICE], 2)
        close(course.mean["plasma"], mean[0], 1e-4)


def test_mass_balance():
    """Dose = eliminated (clearance times area) + what is left, after a bolus, an infusion and a tablet."""
    what = agent(
        routes=("IV", "PO"), peripheral=PERIPHERAL,
        absorption={"PO": {"rate": q(8, "1/day"), "bioavailability": q(0.5, "-")}},
    )  # fmt: skip
    got = Course(what, [(0.0, "IV", 50.0, 0.0), (0.25, "IV", 70.0, 13.0), (1.0, "PO", 40.0, 0.0)], 3)
    eliminated = 24.0 * got.mean["plasma"].sum() * STEP
    assert eliminated + got.end[-1].sum() == pytest.approx(50.0 + 70.0 + 20.0, rel=1e-10)


def test_effect_compartment_and_product():
    what = agent(
        drivers={
            "effect": {"kind": "effect compartment", "half_life": q(12, "hour")},
            "made": {"kind": "product", "half_life": q(5, "day"), "formation": q(0.3, "1/day")},
        }
    )
    got = Course(what, [(0.0, "IV", 100.0, 0.0), (1.0, "IV", 50.0, 3.0)], 5)
    ke, km = math.log(2) / 0.5, math.log(2) / 5

    def f(x):
        c = x[0] / 10.0
        return np.array([-2.4 * x[0], ke * (c - x[1]), 0.3 * c - km * x[2]])

    mean, _ = solved(f, 3, lambda x: np.array([x[0] / 10.0, x[1], x[2]]), [(0, 0, 100, 0), (1, 0, 50, 0.125)], 5)
    for name, want in zip(("plasma", "effect", "made"), mean, strict=True):
        close(got.mean[name], want, 1e-9)


def test_cerebrospinal_fluid_with_deep_compartment_and_plasma():
    what = agent(
        routes=("IV", "IT"),
        csf={"volume": q(0.14, "L"), "half_life": q(4.5, "hour"), "plasma_ratio": q(0.05, "-"),
             "deep_in": q(0.7, "1/day"), "deep_out": q(1.4, "1/day")},
    )  # fmt: skip
    got = Course(what, [(0.0, "IT", 12.0, 0.0), (1.0, "IV", 500.0, 24.0)], 5)
    out = math.log(2) / (4.5 / 24)

    def f(x):
        c = x[0] / 10.0
        return np.array(
            [-2.4 * x[0], out * 0.14 * 0.05 * c - out * x[1] - 0.7 * x[1] + 1.4 * x[2], 0.7 * x[1] - 1.4 * x[2]]
        )

    mean, _ = solved(f, 3, lambda x: np.array([x[0] / 10, x[1] / 0.14]), [(0, 1, 12, 0), (1, 0, 500, 1)], 5)
    close(got.mean["plasma"], mean[0], 1e-9)
    close(got.mean["csf"], mean[1], 1e-9)
    close(got.mean[LUMBAR] + got.mean[FROM_PLASMA], mean[1], 1e-9)
    assert got.mean[FROM_PLASMA][:11].max() == 0.0 < got.mean[FROM_PLASMA][-1]  # nothing before the dose into the vein
    alone = Course(what, [(0.0, "IT", 12.0, 0.0)], 5)
    close(got.mean[LUMBAR], alone.mean["csf"], 1e-9)


SATURABLE = 5e-5


@pytest.mark.parametrize("doses", [
    [(0.0, "IV", 300.0, 0.0), (1.0, "IV", 300.0, 0.0)],
    [(0.0, "IV", 2000.0, 24.0)],
    [(0.0, "IV", 500.0, 3.0), (0.5, "IV", 500.0, 3.0), (1.0, "IV", 500.0, 3.0)],
])  # fmt: skip
def test_saturable_elimination(doses):
    """Michaelis-Menten beside linear clearance: second order in its micro-steps, so not exact."""
    what = agent(saturable_elimination={"vmax": q(400, "mg/day"), "km": q(2, "mg/L")}, peripheral=PERIPHERAL[:1])
    got = Course(what, doses, 3)
    a = compartments(2)

    def f(x):
        c = x[0] / 10.0
        return a @ x - np.array([400.0 * c / (2.0 + c), 0.0])

    mean, end = solved(f, 2, lambda x: x[:1] / 10.0, [(t, 0, d, h / 24.0) for t, _, d, h in doses], 3)
    close(got.mean["plasma"], mean[0], SATURABLE)


@pytest.mark.parametrize("doses,tolerance", [
    ([(0.0, "IV", 100.0, 24.0)], 2e-4),
    ([(0.0, "IV", 20.0, 0.0), (1.0, "IV", 20.0, 0.0), (2.0, "IV", 20.0, 0.0)], 6e-5),
])  # fmt: skip
def test_saturable_product(doses, tolerance):
    """Formation saturates with plasma: the product follows from its mean and first moment in a window."""
    drivers = {"made": {"kind": "saturable product", "half_life": q(3, "day"), "formation": q(5, "1/day"),
                        "half": q(1, "mg/L"), "unit": "-"}}  # fmt: skip
    got = Course(agent(drivers=drivers), doses, 4)
    k = math.log(2) / 3

    def f(x):
        c = x[0] / 10.0
        return np.array([-2.4 * x[0], 5 * c / (1 + c) - k * x[1]])

    mean, _ = solved(f, 2, lambda x: np.array([x[0] / 10, x[1]]), [(t, 0, d, h / 24) for t, _, d, h in doses], 4)
    close(got.mean["plasma"], mean[0], 1e-9)
    close(by_four_hours(got.mean["made"]), by_four_hours(mean[1]), tolerance)


def test_what_counts_as_washed_out_is_measured_by_the_doses_of_its_own_route():
    """12 mg into the fluid beside 5 g into a vein: what is nothing of each by itself, not what would be of
    5 g into the fluid."""
    what = agent(routes=("IV", "IT"), csf=CSF_SPEC)

    def scale(**amounts):
        gives = tuple(Give("drug", r, (r,), x, "mg", "dose", 1, (1,), infusion_h=None) for r, x in amounts.items())
        program = prepare(Protocol("p", "p", "p", (), None, (Phase("a", "a", 2, give=gives, next=None),)), Shelf(what))
        _, columns = lanes.build(program, PEOPLE, Shelf(what), seed=1)
        return columns.state_scale.reshape(-1, LANES)

    one = scale(IV=1.0, IT=1.0)
    vein, fluid = scale(IV=2.0, IT=1.0) - one, scale(IV=1.0, IT=2.0) - one
    np.testing.assert_allclose(scale(IV=5000.0, IT=12.0), 5000.0 * vein + 12.0 * fluid, rtol=1e-9)


def test_washed_out_is_nothing_and_changes_nothing():
    """Below a millionth an agent is taken off board; the outputs until then stay within a millionth of the exact."""
    what = agent(drivers={"slow": {"kind": "effect compartment", "half_life": q(1, "day")}})
    got = Course(what, [(0.0, "IV", 1.0, 0.0), (25.0, "IV", 1.0, 0.0)], 60)
    k, ke = 2.4, math.log(2)
    a = np.array([[-k, 0.0], [ke / 10.0, -ke]])
    one = expm(a * STEP)
    augmented = np.zeros((4, 4))
    augmented[:2, :2], augmented[:2, 2:] = a, np.eye(2)
    integral = expm(augmented * STEP)[:2, 2:]
    x, want = np.zeros(2), []
    for i in range(60 * 12):
        if i in (0, 25 * 12):
            x[0] += 1.0
        want.append(integral @ x / STEP)
        x = one @ x
    want = np.array(want).T
    close(got.mean["plasma"], want[0] / 10.0, 1e-6)
    close(got.mean["slow"], want[1], 1e-5)
    assert got.on_board[26] and not got.on_board[-1]
    assert got.end[-1].tolist() == [0.0, 0.0]


PRODUCT = 4e-4  # saturable products, whose formation bends with plasma
ROUTE = {"methotrexate": "IV", "cytarabine": "IV"}


@pytest.mark.parametrize("name", [name for name in library().agents() if library().agent(name).effects])
def test_every_agent_of_the_library(name):
    """Each agent as the knowledge files describe it, with the individual numbers of one patient."""
    what = library().agent(name)
    route = ROUTE.get(name, what.routes[0])
    infusion = 3.0 if route == "IV" else 0.0
    doses = [(0.0, route, 100.0, infusion), (1.0, route, 100.0, infusion)]
    got = Course(what, doses, 3, lane=5, shelf=library())
    k = got.kinetics
    a, g = k.a[5], k.g[5]
    entry = k.entries[route]
    products = k.saturable_products
    n = k.n

    def f(x, t):
        c = g[0] @ x[:n]
        dx = a @ x[:n]
        if k.vmax is not None:
            dx[k.central] -= k.vmax[5] * c / (k.km[5] + c)
        if k.extra is not None:
            dx[k.central] -= k.extra[5] * math.exp(-k.fading[5] * t) * c
        dz = [p.formation[5] * c / (p.half[5] + c) - p.loss[5] * x[n + i] for i, p in enumerate(products)]
        return np.concatenate([dx, dz])

    absorption = what.pharmacokinetics.absorption.get(route)
    lag = absorption.lag.to_unit("day") if absorption and absorption.lag else 0.0
    given = [(t + lag, entry.state, d * entry.bioavailability[5], h / 24.0) for t, _, d, h in doses]
    mean, _ = solved(f, n + len(products), lambda x: np.concatenate([g @ x[:n], x[n:]]), given, 3)
    for i, output in enumerate(k.outputs):
        if mean[i].max() > 0.0:
            coarse = by_four_hours if i >= len(g) else np.asarray
            tolerance = 1e-3 if k.vmax is not None else PRODUCT if i >= len(g) else 1e-10
            close(coarse(got.mean[output]), coarse(mean[i]), tolerance)
