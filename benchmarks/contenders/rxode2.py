"""rxode2 (R): open loop only, since its models keep no decisions between dose events."""

from __future__ import annotations

from reference_problem import Problem, Result

from contenders import r_scripts
from contenders.unavailable import Unavailable

MODEL = "\n".join(
    [
        *r_scripts.start_lines("{}(0)"),
        *r_scripts.model_lines("d/dt({})"),
        "blasts = log(exp(lnS) + exp(lnR))/log(10)",
    ]
)


def prepare(problem: Problem) -> None:
    r_scripts.require("rxode2")
    if problem.closed_loop:
        raise Unavailable("open loop only")


def run(problem: Problem) -> Result:
    return r_scripts.run_script("rxode2.R", MODEL, problem)
