"""libRoadRunner (CVODE): the model written in Antimony, compiled by it, doses put in between integrations."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import antimony
import numpy as np
import roadrunner
from reference_problem import NAMES, TYPICAL, Problem, Result, log10_sum, play_one

from contenders.equations import DOSED, EQUATIONS

MODEL = "\n".join(
    [
        "model maintenance",
        *(f"  {state}' = {rate}" for state, rate in EQUATIONS.items()),
        *(f"  {state} = 0" for state in EQUATIONS),
        *(f"  {name} = {float(value)!r}" for name, value in TYPICAL.items()),
        "end\n",
    ]
)


@cache
def model() -> Any:
    if antimony.loadAntimonyString(MODEL) < 0:
        raise RuntimeError(antimony.getLastError())
    return roadrunner.RoadRunner(antimony.getSBMLString("maintenance"))


def prepare(problem: Problem) -> None:
    model()


def run(problem: Problem, rtol: float = 1e-4) -> Result:
    solver = model()
    begin = time.perf_counter()
    out = np.empty((4, problem.patients, problem.weeks))
    for i, p in enumerate(problem.matrix().T.tolist()):
        out[:, i] = _one(problem, solver, dict(zip(NAMES, p, strict=True)), rtol)
    return Result(*out, seconds=time.perf_counter() - begin, patients=problem.patients, days=problem.days)


def _one(problem: Problem, solver: Any, own: dict[str, float], rtol: float) -> np.ndarray:
    solver.resetAll()
    integrator = solver.integrator
    integrator.relative_tolerance = rtol
    integrator.absolute_tolerance = rtol * 1e-2
    integrator.stiff = False  # Adams: BDF fails at the dose of day 28, on amounts of 1e-65 left of the last pulse
    integrator.variable_step_size = False  # True would stop after each inner step
    integrator.maximum_num_steps = 100_000
    for name, value in own.items():
        solver[name] = value
    start = dict.fromkeys(EQUATIONS, 0.0)
    for line in "aq":
        start |= {f"{pool}_{line}": own[f"c0_{line}"] for pool in ("P", "T1", "T2", "T3", "C")}
    start |= {"lnS": float(np.log(own["blasts_s"])), "lnR": float(np.log(own["blasts_r"]))}
    for name, value in start.items():
        solver[name] = value

    def advance(begin: float, end: float) -> None:
        integrator.restart(begin)
        integrator.integrate(begin, end - begin)

    def add(agent: int, amount: float) -> None:
        solver[DOSED[agent]] += amount

    def seen() -> tuple[float, float, float]:
        return solver["C_a"], solver["C_q"], log10_sum(solver["lnS"], solver["lnR"])

    return play_one(problem, [own["dose_mp"], own["dose_mx"], own["dose_vc"], own["dose_pr"]], advance, add, seen)
