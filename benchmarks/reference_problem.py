"""The reference problem: childhood ALL maintenance as 24 ODEs, two years, 1,126 dose events, as plain data.

Time in days, amounts in mg per m2 of body surface, counts 10^9/L. Oral mercaptopurine (MP) daily with red-cell
thioguanine nucleotides (TGN, saturable formation), weekly methotrexate (MX) with polyglutamates (PG), pulses of
vincristine (V) and prednisolone (PR) every four weeks, Friberg chains for neutrophils (A) and platelets (Q), two clones
of blasts. Every coefficient is an array with one value per patient.

    MPd' = -ka_mp MPd                       MPc' = ka_mp MPd - kel_mp MPc
    TGN' = vm MPc/(km+MPc) - ktgn TGN
    MXd' = -ka_mx MXd                       MXc' = ka_mx MXd - (kel_mx+k12) MXc + k21 MXp
    MXp' = k12 MXc - k21 MXp                PG'  = kpin MXc - kpout PG
    V1'  = -(k10+v12+v13) V1 + v21 V2 + v31 V3;  V2' = v12 V1 - v21 V2;  V3' = v13 V1 - v31 V3
    PRd' = -ka_pr PRd                       PRc' = ka_pr PRd - kel_pr PRc
    P'   = ktr P ((1-E)(c0/C)^gam - 1);  T1' = ktr(P-T1);  T2', T3' alike;  C' = ktr(T3-C);  ktr = 4/mtt
    lnS' = growth_s (1-(S+R)/capacity) - sum over drugs x of kill_s_x x/(half_s_x+x);  lnR' alike

E is anc_tgn TGN + anc_pg PG for neutrophils, plt_tgn TGN + plt_pg PG for platelets; the drugs that kill blasts are TGN,
PG, V1 and PRc. Outputs are taken at t = 7k, k = 1..104, before the doses of that day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

SEED = 20260101
DAYS = 730
DAYS_PER_YEAR = 365.25

TYPICAL = {
    "ka_mp": 4.8, "kel_mp": 5.0, "vm": 140.0, "km": 30.0, "ktgn": np.log(2.0) / 5.0,
    "ka_mx": 12.0, "kel_mx": 8.0, "k12": 3.0, "k21": 4.0, "kpin": 0.14, "kpout": 0.05,
    "k10": 30.0, "v12": 70.0, "v21": 24.0, "v13": 36.0, "v31": 1.2,
    "ka_pr": 24.0, "kel_pr": 6.0,
    "mtt_a": 5.0, "c0_a": 5.0, "gam_a": 0.17, "mtt_q": 6.0, "c0_q": 250.0, "gam_q": 0.20,
    "anc_tgn": 6e-4, "anc_pg": 0.06, "plt_tgn": 4e-4, "plt_pg": 0.04,
    "growth_s": 0.06, "growth_r": 0.06, "capacity": 1e12, "blasts_s": 1e8, "blasts_r": 1e4,
    "kill_s_tgn": 0.05, "kill_s_pg": 0.03, "kill_s_vc": 0.30, "kill_s_pr": 0.30,
    "kill_r_tgn": 0.02, "kill_r_pg": 0.015, "kill_r_vc": 0.15, "kill_r_pr": 0.15,
    "half_s_tgn": 200.0, "half_s_pg": 1.0, "half_s_vc": 0.016, "half_s_pr": 5.0,
    "half_r_tgn": 200.0, "half_r_pg": 1.0, "half_r_vc": 0.016, "half_r_pr": 5.0,
    "dose_mp": 50.0, "dose_mx": 20.0, "dose_vc": 1.5, "dose_pr": 20.0,
}  # fmt: skip
NAMES = tuple(TYPICAL)

# Coefficient of variation of the 13 random effects (log-normal), each with the parameters that it multiplies.
VARIABILITY: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.30, ("kel_mp",)),
    (0.35, ("vm",)),
    (0.30, ("ktgn",)),
    (0.30, ("kel_mx",)),
    (0.35, ("kpin",)),
    (0.30, ("k10",)),
    (0.30, ("kel_pr",)),
    (0.30, ("mtt_a",)),
    (0.30, ("c0_a",)),
    (0.30, ("c0_q",)),
    (0.30, ("anc_tgn", "anc_pg", "plt_tgn", "plt_pg")),
    (0.30, ("growth_s", "growth_r")),
    (0.35, tuple(name for name in NAMES if name.startswith("kill_"))),
)

MERCAPTOPURINE, METHOTREXATE, VINCRISTINE, PREDNISOLONE = range(4)


@dataclass(frozen=True)
class Problem:
    """Patients (one array per parameter) and what is done with them."""

    parameters: dict[str, np.ndarray]
    closed_loop: bool
    days: int = DAYS

    @property
    def patients(self) -> int:
        return len(self.parameters["ka_mp"])

    @property
    def weeks(self) -> int:
        return self.days // 7

    def take(self, patients: int) -> Problem:
        return replace(self, parameters={name: values[:patients] for name, values in self.parameters.items()})

    def matrix(self) -> np.ndarray:
        """(parameters, patients) in the order of ``NAMES``."""
        return np.ascontiguousarray([self.parameters[name] for name in NAMES], dtype=np.float64)


@dataclass(frozen=True)
class Result:
    """Outputs, (patients, weeks) each; ``factor`` is the share of the full dose from that visit on (0: on hold)."""

    anc: np.ndarray
    platelets: np.ndarray
    log10_blasts: np.ndarray
    factor: np.ndarray
    seconds: float
    patients: int
    days: int = DAYS

    @property
    def patient_years_per_second(self) -> float:
        return self.patients * self.days / DAYS_PER_YEAR / self.seconds


@dataclass(frozen=True)
class Accuracy:
    """Largest errors against a reference, among patients with an identical dose history."""

    identical: float
    anc: float
    platelets: float
    log10_blasts: float


def draw(patients: int, seed: int = SEED) -> dict[str, np.ndarray]:
    """Parameters of virtual patients: typical values times log-normal factors."""
    normal = np.random.default_rng(seed).standard_normal((patients, len(VARIABILITY)))
    parameters = {name: np.full(patients, value) for name, value in TYPICAL.items()}
    for column, (cv, names) in enumerate(VARIABILITY):
        factor = np.exp(np.sqrt(np.log1p(cv * cv)) * normal[:, column])
        for name in names:
            parameters[name] = parameters[name] * factor
    return parameters


def given(days: int = DAYS) -> np.ndarray:
    """(4, days): 1 where the agent is given on that day; prednisolone then at d and again at d + 0.5."""
    day = np.arange(days)
    return np.array([day >= 0, day % 7 == 0, day % 28 == 0, day % 28 < 5], dtype=np.uint8)


def stops(days: int = DAYS) -> list[tuple[float, list[int]]]:
    """Times at which doses are given, in order, each with its agents."""
    table = given(days)
    found: list[tuple[float, list[int]]] = []
    for day in range(days):
        found.append((float(day), [agent for agent in range(4) if table[agent, day]]))
        if table[PREDNISOLONE, day]:
            found.append((day + 0.5, [PREDNISOLONE]))
    return found


class Visits:
    """The weekly rule for one patient: hold, halve, raise mercaptopurine and methotrexate."""

    def __init__(self) -> None:
        self.factor, self.hold, self.up = 1.0, False, 0

    def decide(self, anc: float, platelets: float) -> float:
        """The share of the full dose that is given until the next visit."""
        if self.hold:
            self.hold = not (anc >= 0.75 and platelets >= 75.0)
        elif anc < 0.5 or platelets < 50.0:
            self.hold, self.up = True, 0
        elif anc < 0.75:
            self.factor, self.up = max(0.1, self.factor * 0.5), 0
        elif anc > 1.5:
            self.up += 1
            if self.up == 4:
                self.factor, self.up = min(1.5, self.factor * 1.25), 0
        else:
            self.up = 0
        return 0.0 if self.hold else self.factor


def play_one(
    problem: Problem,
    dose: list[float],
    advance: Callable[[float, float], None],
    add: Callable[[int, float], None],
    seen: Callable[[], tuple[float, float, float]],
) -> np.ndarray:
    """One patient through the schedule with a solver that stops at every dose: (4, weeks) of ANC, platelets, log10
    blasts, factor. ``advance`` integrates from one time to the next, ``add`` puts an amount of an agent in."""
    out = np.empty((4, problem.weeks))
    visits = Visits()
    factor = 1.0
    before = 0.0
    for time, agents in [*stops(problem.days), (float(problem.days), [])]:
        if time > before:
            advance(before, time)
        week, rest = divmod(time, 7.0)
        if rest == 0.0 and week >= 1.0:
            counts = seen()
            if problem.closed_loop:
                factor = visits.decide(counts[0], counts[1])
            out[:, int(week) - 1] = (*counts, factor)
        for agent in agents:
            share = factor if agent in (MERCAPTOPURINE, METHOTREXATE) else 1.0
            add(agent, share * dose[agent])
        before = time
    return out


def log10_sum(ln_s: float, ln_r: float) -> float:
    return float(np.logaddexp(ln_s, ln_r) / np.log(10.0))


def accuracy(result: Result, reference: Result) -> Accuracy:
    """Identical dose histories first, then the errors among those patients."""
    n = min(result.patients, reference.patients)
    same = (np.abs(result.factor[:n] - reference.factor[:n]) < 1e-9).all(axis=1)
    if not same.any():
        return Accuracy(0.0, np.nan, np.nan, np.nan)

    def worst(got: np.ndarray, ref: np.ndarray, floor: float | None) -> float:
        off = np.abs(got[:n][same] - ref[:n][same])
        return float((off if floor is None else off / np.maximum(ref[:n][same], floor)).max())

    return Accuracy(
        float(same.mean()),
        worst(result.anc, reference.anc, 0.01),
        worst(result.platelets, reference.platelets, 0.01),
        worst(result.log10_blasts, reference.log10_blasts, None),
    )
