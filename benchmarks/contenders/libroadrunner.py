"""libRoadRunner (CVODE): the model written in Antimony, compiled by it, doses put in between integrations."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import antimony
import numpy as np
import roadrunner
from reference_problem import NAMES, TYPICAL, Problem, Result, log10_sum, play_one

LABEL = "libRoadRunner (CVODE), rtol 1e-4"
STATES = (
    "MPd MPc TGN MXd MXc MXp PG V1 V2 V3 PRd PRc P_a T1_a T2_a T3_a C_a P_q T1_q T2_q T3_q C_q lnS lnR".split()
)  # fmt: skip
DOSED = ("MPd", "MXd", "V1", "PRd")


def _chain(line: str, effect: str) -> str:
    gain = f"(4/mtt_{line})"
    return f"""
  P_{line}' = {gain}*P_{line}*((1 - {effect})*(c0_{line}/C_{line})^gam_{line} - 1)
  T1_{line}' = {gain}*(P_{line} - T1_{line})
  T2_{line}' = {gain}*(T1_{line} - T2_{line})
  T3_{line}' = {gain}*(T2_{line} - T3_{line})
  C_{line}' = {gain}*(T3_{line} - C_{line})"""


def _clone(clone: str) -> str:
    drugs = {"tgn": "TGN", "pg": "PG", "vc": "V1", "pr": "PRc"}
    kill = " + ".join(f"kill_{clone}_{d}*{x}/(half_{clone}_{d} + {x})" for d, x in drugs.items())
    name = "ln" + clone.upper()
    return f"\n  {name}' = growth_{clone}*(1 - (exp(lnS) + exp(lnR))/capacity) - ({kill})"


MODEL = (
    """model maintenance
  MPd' = -ka_mp*MPd
  MPc' = ka_mp*MPd - kel_mp*MPc
  TGN' = vm*MPc/(km + MPc) - ktgn*TGN
  MXd' = -ka_mx*MXd
  MXc' = ka_mx*MXd - (kel_mx + k12)*MXc + k21*MXp
  MXp' = k12*MXc - k21*MXp
  PG' = kpin*MXc - kpout*PG
  V1' = -(k10 + v12 + v13)*V1 + v21*V2 + v31*V3
  V2' = v12*V1 - v21*V2
  V3' = v13*V1 - v31*V3
  PRd' = -ka_pr*PRd
  PRc' = ka_pr*PRd - kel_pr*PRc"""
    + _chain("a", "anc_tgn*TGN - anc_pg*PG")
    + _chain("q", "plt_tgn*TGN - plt_pg*PG")
    + _clone("s")
    + _clone("r")
    + "".join(f"\n  {state} = 0" for state in STATES)
    + "".join(f"\n  {name} = {value!r}" for name, value in ((n, float(v)) for n, v in TYPICAL.items()))
    + "\nend\n"
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
    integrator.stiff = False  # Adams: a third faster here; BDF fails at the dose of day 28, on amounts left at 1e-65
    integrator.variable_step_size = False  # True would stop after each inner step
    integrator.maximum_num_steps = 100_000
    for name, value in own.items():
        solver[name] = value
    start = dict.fromkeys(STATES, 0.0)
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
