"""The `checks` of the agent files, with kinetics written down here a second time.

A typical patient; linear agents by matrix exponential, saturable ones by LSODA. This is the independent check
of the files: a mistyped clearance or a wrong unit shows up as a wrong published level.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from remission.knowledge.agent import Agent
from remission.knowledge.library import library
from remission.knowledge.quantity import Quantity
from remission.knowledge.units import registry

TIME = {"h": 1.0, "d": 24.0, "min": 1 / 60}


def typical(q: Quantity, unit: str, who: dict[str, Any]) -> float:
    size = {None: 1.0, "bsa": who["bsa_m2"], "bsa/1.73": who["bsa_m2"] / 1.73, "weight": who["weight_kg"]}[q.per]
    value = q.to_unit(unit) * size
    for c in q.covariates:
        if c.on not in who:
            continue
        if c.map:
            value *= c.map[who[c.on]]
        elif c.factor:
            value *= c.factor if who[c.on] <= c.below else 1.0
        else:
            value *= (who[c.on] / c.reference) ** c.power
    return value


class Typical:
    """States: depot, central (or species), peripherals, then one per driver. Amounts in the agent's unit, hours."""

    def __init__(self, agent: Agent, who: dict[str, Any], dose: str) -> None:
        m = re.fullmatch(r"([\d.]+) (\w+)(/m2|/kg)? (IV|PO|SC|IM)(?: over ([\d.]+) (h|min))?", dose)
        assert m, f"dose '{dose}' cannot be read"
        pk, self.agent = agent.pharmacokinetics, agent
        per_m2 = float(m[1]) * registry().Quantity(1.0, m[2]).to(pk.amount).magnitude
        amount = per_m2 * {"/m2": who["bsa_m2"], "/kg": who["weight_kg"], None: 1.0}[m[3]]
        route, self.infusion = m[4], float(m[5]) * TIME[m[6]] if m[5] else 0.0
        species, peripherals, self.drivers = (
            pk.transit.number if pk.transit else 1,
            len(pk.peripheral),
            list(pk.drivers),
        )
        n = 1 + species + peripherals + len(self.drivers)
        self.v, self.central = typical(pk.volume, "L", who), slice(1, 1 + species)
        litre = registry().Quantity(1.0, f"{pk.amount}/L")
        if not litre.is_compatible_with(pk.concentration):
            litre = litre / registry().Quantity(pk.molar_mass.value, pk.molar_mass.unit)
        self.scale = litre.to(pk.concentration).magnitude / self.v  # amount -> concentration
        a = np.zeros((n, n))
        self.a, self.x0, self.rate = a, np.zeros(n), np.zeros(n)
        self.vmax = self.km = self.extra = self.decay = 0.0
        k = typical(pk.clearance, "L/h", who) / self.v
        for i in range(1, 1 + species):
            a[i, i] -= k
            if pk.transit:
                step = typical(pk.transit.rate_clearance, "L/h", who) / self.v
                a[i, i] -= step
                if i < species:
                    a[i + 1, i] += step
        for i, p in enumerate(pk.peripheral, start=1 + species):
            q, v = typical(p.clearance, "L/h", who), typical(p.volume, "L", who)
            a[1, 1] -= q / self.v
            a[i, 1] += q / self.v
            a[i, i] -= q / v
            a[1, i] += q / v
        for i, name in enumerate(self.drivers, start=1 + species + peripherals):
            d = pk.drivers[name]
            loss = math.log(2) / typical(d.half_life, "h", who)
            a[i, i] -= loss
            if d.kind == "product":
                gain = typical(d.formation, f"({d.unit or pk.concentration})/({pk.concentration})/h", who)
                a[i, self.central] += gain * self.scale
            elif d.kind == "effect compartment":
                a[i, self.central] += loss * self.scale
        if pk.saturable_elimination:
            self.vmax = typical(pk.saturable_elimination.vmax, f"({pk.concentration})*L/h", who) / self.scale / self.v
            self.km = typical(pk.saturable_elimination.km, pk.concentration, who)
        if pk.clearance_change:
            self.extra = typical(pk.clearance_change.extra, "L/h", who) / self.v
            self.decay = typical(pk.clearance_change.rate, "1/h", who)
        if route == "IV":
            self.x0[1], self.rate[1] = (0.0, amount / self.infusion) if self.infusion else (amount, 0.0)
        else:
            absorption = pk.absorption[route]
            f = typical(absorption.bioavailability, "-", who)
            if absorption.bioavailability_loss:
                per_m2 = amount / who["bsa_m2"]
                f -= absorption.bioavailability_loss.value * per_m2 / (absorption.half_dose.value + per_m2)
            ka = typical(absorption.rate, "1/h", who)
            a[0, 0] -= ka
            a[1, 0] += ka
            self.x0[0] = f * amount

    def state(self, t: float) -> np.ndarray:
        if self.vmax or self.extra:
            return self._integrate(t)
        during = min(t, self.infusion)
        big = np.zeros((len(self.x0) + 1,) * 2)
        big[:-1, :-1], big[:-1, -1] = self.a, self.rate
        x = (expm(big * during) @ np.append(self.x0, 1.0))[:-1] if self.infusion else self.x0
        return expm(self.a * (t - during)) @ x

    def _integrate(self, t: float) -> np.ndarray:
        def slope(now: float, x: np.ndarray, infusing: bool) -> np.ndarray:
            out = self.a @ x + self.rate * infusing
            c = x[1] * self.scale
            out[1] -= self.vmax * c / (self.km + c) if self.vmax else 0.0
            out[1] -= self.extra * math.exp(-self.decay * now) * x[1]
            return out

        x, start = self.x0, 0.0
        for end, infusing in ((min(t, self.infusion), True), (t, False)):
            if end > start:
                x = solve_ivp(slope, (start, end), x, args=(infusing,), method="LSODA", rtol=1e-9, atol=1e-12).y[:, -1]
                start = end
        return x

    def output(self, x: np.ndarray, driver: str) -> float:
        if driver == "plasma":
            return float(x[self.central].sum() * self.scale)
        return float(x[len(x) - len(self.drivers) + self.drivers.index(driver)])

    def look(self, what: str) -> float:
        driver, _, what = what.rpartition(".")
        driver = driver or "plasma"
        if m := re.fullmatch(r"C@([\d.]+)(h|d|min)", what):
            return self.output(self.state(float(m[1]) * TIME[m[2]]), driver)
        used = self.a[1:, 1:] if not self.a[0, 0] else self.a
        if what == "half_life":  # of the disposition: absorption and drivers left out
            n = 1 + len(self.agent.pharmacokinetics.peripheral)
            return math.log(2) / -max(np.linalg.eigvals(self.a[1 : 1 + n, 1 : 1 + n]).real)
        given = self.x0 + self.rate * self.infusion
        lived = np.linalg.solve(used, -(given if self.a[0, 0] else given[1:]))
        lived = lived if self.a[0, 0] else np.append(0.0, lived)
        if what == "AUC0-inf":
            return self.output(lived, driver)
        assert what == "MRT"  # mean time in the body: all amount-time over the dose
        drivers = len(self.drivers)
        return float(lived[: len(lived) - drivers].sum() / given.sum())


CASES = [(name, i) for name in library().agents() for i in range(len(library().agent(name).checks))]


@pytest.mark.parametrize(("name", "i"), CASES)
def test_published_levels_are_met(name: str, i: int) -> None:
    agent = library().agent(name)
    check = agent.checks[i]
    found = {what: Typical(agent, dict(check.patient), check.dose).look(what) for what in check.expect}
    assert found == pytest.approx(check.expect, rel=check.tolerance)


UNCHECKED = {
    "allopurinol",
    "dexrazoxane",
    "itraconazole",
    "levofloxacin",
    "aprepitant",
    "co-trimoxazole",
    "ondansetron",
    "rasburicase",
}  # kinetics from memory so far


def test_every_drug_has_a_published_number_to_meet() -> None:
    at_once = {name for name in library().agents() if library().agent(name).acts_at_once}
    assert {name for name, _ in CASES} >= set(library().agents()) - at_once - UNCHECKED


@pytest.mark.xfail(
    reason="dexamethasone kills a tenth more: fitted on 1 December 2026, as 10 mg had fewer relapses than prednisone",
    strict=True,
)
def test_two_glucocorticoid_doses_that_trials_treat_as_equal_kill_alike() -> None:
    """Dexamethasone 6 and prednisolone 60 mg/m2/day: the same fraction of the maximal effect at their mean levels."""
    who = {"bsa_m2": 1.0, "weight_kg": 30}
    shares = []
    for name, dose in (("dexamethasone", 6), ("prednisolone", 60)):
        agent = library().agent(name)
        mean = Typical(agent, who, f"{dose} mg/m2 PO").look("AUC0-inf") / 24
        kill = next(e for e in agent.effects if e.on == "blasts")
        shares.append(kill.max.value * mean / (kill.half.value + mean))
    assert shares[0] == pytest.approx(shares[1], rel=0.02)
    assert shares[1] == pytest.approx(0.28, rel=0.02)


@pytest.mark.parametrize(
    ("name", "dose", "log_kill"),
    [("doxorubicin", 30, 0.6), ("daunorubicin", 30, 0.6), ("cyclophosphamide", 1000, 0.8)],
)
def test_kill_per_dose_is_what_it_was_calibrated_to(name: str, dose: float, log_kill: float) -> None:
    agent = library().agent(name)
    kill = next(e for e in agent.effects if e.on == "blasts")
    exposure = Typical(agent, {"bsa_m2": 1.0, "weight_kg": 30, "age_y": 8}, f"{dose} mg/m2 IV").look(
        f"{kill.driver}.AUC0-inf"
    )
    assert kill.slope.value * exposure / 24 == pytest.approx(log_kill, rel=0.02)
