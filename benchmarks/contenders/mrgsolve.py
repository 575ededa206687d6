"""mrgsolve (R): one simulation of all patients; the weekly rule is written in the model."""

from __future__ import annotations

from reference_problem import TYPICAL, Problem, Result

from contenders import r_scripts
from contenders.equations import EQUATIONS

RULE = """
if (EVID == 0 && TIME > 0 && fmod(TIME, 7.0) == 0 && closed > 0.5) {
  if (hold) { hold = !(C_a >= 0.75 && C_q >= 75.0); }
  else if (C_a < 0.5 || C_q < 50.0) { hold = true; up = 0; }
  else if (C_a < 0.75) { factor = std::max(0.1, factor*0.5); up = 0; }
  else if (C_a > 1.5) { up += 1; if (up == 4) { factor = std::min(1.5, factor*1.25); up = 0; } }
  else { up = 0; }
  given = hold ? 0.0 : factor;
}
double anc = C_a, plt = C_q, blasts = log10(exp(lnS) + exp(lnR)), share = given;
"""
MODEL = "\n".join(
    [
        "$PARAM closed = 0, " + ", ".join(f"{name} = {float(value)!r}" for name, value in TYPICAL.items()),
        "$CMT " + " ".join(EQUATIONS),
        "$GLOBAL",
        "double factor = 1.0, given = 1.0; int up = 0; bool hold = false;",
        "$MAIN",
        "if (NEWIND <= 1) { factor = given = 1.0; up = 0; hold = false; }",
        "F_MPd = given; F_MXd = given;",
        *(line + ";" for line in r_scripts.start_lines("{}_0")),
        "$ODE",
        *(line + ";" for line in r_scripts.model_lines("dxdt_{}", r"pow(\1/\2, \3)")),
        "$TABLE",
        RULE,
        "$CAPTURE anc plt blasts share",
    ]
)


def prepare(problem: Problem) -> None:
    r_scripts.require("mrgsolve")


def run(problem: Problem) -> Result:
    return r_scripts.run_script("mrgsolve.R", MODEL, problem)
