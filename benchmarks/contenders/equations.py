"""The 24 ODEs of reference_problem as text, for the tools that read models: one expression per state, ^ is power."""

from __future__ import annotations


def _chain(line: str, effect: str) -> dict[str, str]:
    gain = f"(4/mtt_{line})"
    return {
        f"P_{line}": f"{gain}*P_{line}*((1 - {effect})*(c0_{line}/C_{line})^gam_{line} - 1)",
        f"T1_{line}": f"{gain}*(P_{line} - T1_{line})",
        f"T2_{line}": f"{gain}*(T1_{line} - T2_{line})",
        f"T3_{line}": f"{gain}*(T2_{line} - T3_{line})",
        f"C_{line}": f"{gain}*(T3_{line} - C_{line})",
    }


def _clone(clone: str) -> str:
    drugs = {"tgn": "TGN", "pg": "PG", "vc": "V1", "pr": "PRc"}
    kill = " + ".join(f"kill_{clone}_{d}*{x}/(half_{clone}_{d} + {x})" for d, x in drugs.items())
    return f"growth_{clone}*(1 - (exp(lnS) + exp(lnR))/capacity) - ({kill})"


EQUATIONS = {
    "MPd": "-ka_mp*MPd",
    "MPc": "ka_mp*MPd - kel_mp*MPc",
    "TGN": "vm*MPc/(km + MPc) - ktgn*TGN",
    "MXd": "-ka_mx*MXd",
    "MXc": "ka_mx*MXd - (kel_mx + k12)*MXc + k21*MXp",
    "MXp": "k12*MXc - k21*MXp",
    "PG": "kpin*MXc - kpout*PG",
    "V1": "-(k10 + v12 + v13)*V1 + v21*V2 + v31*V3",
    "V2": "v12*V1 - v21*V2",
    "V3": "v13*V1 - v31*V3",
    "PRd": "-ka_pr*PRd",
    "PRc": "ka_pr*PRd - kel_pr*PRc",
    **_chain("a", "anc_tgn*TGN - anc_pg*PG"),
    **_chain("q", "plt_tgn*TGN - plt_pg*PG"),
    "lnS": _clone("s"),
    "lnR": _clone("r"),
}
DOSED = ("MPd", "MXd", "V1", "PRd")
# What each state starts from, as a parameter or an expression of parameters; the rest starts from 0.
START = {f"{pool}_{line}": f"c0_{line}" for line in "aq" for pool in ("P", "T1", "T2", "T3", "C")} | {
    "lnS": "log(blasts_s)",
    "lnR": "log(blasts_r)",
}
