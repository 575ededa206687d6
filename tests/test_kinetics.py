"""The engine's kinetics against closed forms and against a solver, for every form an agent can take."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from remission.body.kinetics import LANES, integrals
from remission.engine import lanes, state
from remission.engine.pharmacy import day_of_kinetics, fill_responses
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

    def body(self, name):
        return library().body(name)


class Course:
    """What the engine makes of doses (day, route, amount, infusion in hours): mean outputs of every two hours
    (days * 12,) and the states at the end of every day (days, n), all of lane 0."""

    def __init__(self, what, doses, days, lane=0, shelf=None):
        gives = tuple(
            Give(
                what.agent,
                route,
                (route,),
                1.0,
                what.pharmacokinetics.amount,
                "dose",
                1,
                (1,),
                infusion_h=hours or None,
            )
            for route, hours in sorted({(d[1], d[3]) for d in doses})
        )
        # doses may stand at any two hours here; three and four a day make the engine take two-hour steps
        route = what.routes[0]
        often = Give(what.agent, route, (route,), 1.0, what.pharmacokinetics.amount, "dose", 3, (1,))
        more = Give(what.agent, route, (route,), 1.0, what.pharmacokinetics.amount, "dose", 4, (1,))
        protocol = Protocol("p", "p", "p", (), None, (Phase("a", "a", days, give=(*gives, often, more), next=None),))
        shelf = shelf or Shelf(what)
        program = prepare(protocol, shelf)
        plan, columns = lanes.build(program, PEOPLE, shelf, seed=1, refine=1, watch=True)
        (self.kinetics,) = lanes.kinetics_of(program, PEOPLE, 1)
        block = lanes.block(columns, 0)
        place, drugs = state.place(program.tables, block), state.drugs(program.tables, plan, block)
        fill_responses(program.tables, plan, block, drugs)
        forms = {(f.route, round(f.infusion_days * 24.0, 6)): i for i, f in enumerate(program.forms)}
        outputs = self.kinetics.outputs
        means = np.zeros((len(outputs), days * 12))
        self.end = np.zeros((days, self.kinetics.n))
        self.on_board = []
        rec = state.records(1)
        for today in range(days):
            for when, route, amount, hours in doses:
                if math.floor(when + 1e-9) == today:
                    f = forms[route, round(hours, 6)]
                    at = f * 12 + round((when - today) * 12.0)
                    given = drugs.amount[at * LANES : (at + 1) * LANES]
                    given += amount * block.bioavailability[f * LANES : (f + 1) * LANES]
                    drugs.used[at] = True
            drugs.watch[:] = 0.0
            day_of_kinetics(today, program.tables, plan, block, place, drugs, rec, False)
            means[:, today * 12 : today * 12 + 12] = drugs.watch.reshape(len(outputs), 12, LANES)[:, :, lane]
            self.end[today] = drugs.x.reshape(-1, LANES)[:, lane]
            self.on_board.append(bool(drugs.on_board[0]))
        self.mean = dict(zip(outputs, means, strict=True))


def solved(f, n, outputs, doses, days):
    """Two-hour means of ``outputs(x)`` and end-of-day states of dx/dt = f(x) + input at rtol 1e-11; doses are
    (day, state, amount, infusion in days)."""
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
                lambda _, y: np.concatenate([f(y[:n]) + rate, outputs(y[:n])]), (start, t), y,
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


def close(got, want, tolerance):
    assert np.abs(got - want).max() <= tolerance * np.abs(want).max()


def test_matrix_exponential_and_its_integrals():
    """Phi, its integral and the integral of that, against scipy's expm of a block matrix; stiff and slow lanes."""
    rng = np.random.default_rng(1)
    n, t = 5, STEP
    a = rng.uniform(0, 1, (n, n, LANES)) * 10.0 ** rng.uniform(-2, 1.5, LANES)
    for i in range(n):
        a[i, i] = -a[:, i].sum(axis=0) * rng.uniform(1.0, 1.5, LANES)
    phi, m, nn = (np.empty((n, n, LANES)) for _ in range(3))
    integrals(a, t, phi, m, nn)
    for lane in range(LANES):
        block = np.zeros((3 * n, 3 * n))
        block[:n, :n] = a[:, :, lane]
        block[:n, n : 2 * n] = block[n : 2 * n, 2 * n :] = np.eye(n)
        exact = expm(block * t)
        close(phi[:, :, lane], exact[:n, :n], 1e-11)
        close(m[:, :, lane], exact[:n, n : 2 * n], 1e-11)
        close(nn[:, :, lane], exact[:n, 2 * n :], 1e-11)


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
    close(got.mean["plasma"], mean[0], 1e-8)
    close(got.end, end, 1e-8)


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
    np.testing.assert_allclose(got, want, rtol=1e-9)


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


@pytest.mark.parametrize("days,a_day,hours", [((1,), 2, 24.0), ((1, 2), 1, 36.0)])
def test_infusions_of_the_same_kind_must_not_overlap(days, a_day, hours):
    """One infusion of a kind runs at a time: the compiler refuses a schedule in which two would."""
    give = Give("methotrexate", "IV", ("IV",), 50.0, "mg/m2", "dose", a_day, days, infusion_h=hours)
    protocol = Protocol("p", "p", "", (), None, (Phase("a", "a", 7, give=(give,)),))
    with pytest.raises(BadInput, match="would still run"):
        prepare(protocol, library())


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
        close(got.mean[name], want, 1e-8)


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
    close(got.mean["plasma"], mean[0], 1e-6)
    close(got.mean["csf"], mean[1], 1e-6)


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
    close(got.mean["plasma"], mean[0], 2e-4)


@pytest.mark.parametrize("doses,tolerance", [
    ([(0.0, "IV", 100.0, 24.0)], 4e-3),
    ([(0.0, "IV", 20.0, 0.0), (1.0, "IV", 20.0, 0.0), (2.0, "IV", 20.0, 0.0)], 2e-3),
])  # fmt: skip
def test_saturable_product(doses, tolerance):
    """Formation saturates with plasma: its mean over two hours is right to 1e-5, but it is held at that mean, so the
    product's own mean is off in the two hours in which plasma rises from nothing."""
    drivers = {"made": {"kind": "saturable product", "half_life": q(3, "day"), "formation": q(5, "1/day"),
                        "half": q(1, "mg/L"), "unit": "-"}}  # fmt: skip
    got = Course(agent(drivers=drivers), doses, 4)
    k = math.log(2) / 3

    def f(x):
        c = x[0] / 10.0
        return np.array([-2.4 * x[0], 5 * c / (1 + c) - k * x[1]])

    mean, _ = solved(f, 2, lambda x: np.array([x[0] / 10, x[1]]), [(t, 0, d, h / 24) for t, _, d, h in doses], 4)
    close(got.mean["plasma"], mean[0], 1e-6)
    close(got.mean["made"], mean[1], tolerance)


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

    def f(x):
        c = g[0] @ x[:n]
        dx = a @ x[:n]
        if k.vmax is not None:
            dx[k.central] -= k.vmax[5] * c / (k.km[5] + c)
        dz = [p.formation[5] * c / (p.half[5] + c) - p.loss[5] * x[n + i] for i, p in enumerate(products)]
        return np.concatenate([dx, dz])

    given = [(t, entry.state, d * entry.bioavailability[5], h / 24.0) for t, _, d, h in doses]
    mean, _ = solved(f, n + len(products), lambda x: np.concatenate([g @ x[:n], x[n:]]), given, 3)
    for i, output in enumerate(k.outputs):
        if mean[i].max() > 0.0:
            close(got.mean[output], mean[i], 1e-2 if i >= len(g) else 2e-3 if k.vmax is not None else 1e-5)
