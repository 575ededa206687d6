"""What was measured, as markdown: every line says whether its aim is met."""

from __future__ import annotations

from collections.abc import Sequence

from .closed_loop import RTOL
from .cohort import TIGHTER, Result
from .comparison import AIMS, SAME_HISTORY, Compared, summary
from .convergence import REFINE, Convergence, orders
from .extinction import CONFIDENCE, Extinct

WITHIN = 0.99  # of the patients
NAMES = {
    "anc": "ANC, relative", "platelets": "platelets, relative", "haemoglobin": "haemoglobin, relative",
    "lymphocytes": "lymphocytes, relative", "log10_blasts_marrow": "marrow blasts, decades",
    "log10_blasts_cns": "CNS blasts, decades", "normal_marrow": "normal marrow, relative",
    "car_t_copies": "CAR T-cells, relative", "cytokine_pg_ml": "cytokine, relative", "b_cells": "B cells, relative",
    "igg_g_l": "IgG, relative", "donor_share": "donor's share, relative",
}  # fmt: skip


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(r) + " |" for r in rows), ""]


def verdict(met: bool) -> str:
    return "met" if met else "**NOT met**"


def closed_loop(result: Result) -> list[str]:
    study, compared = result.study, result.compared
    n, years = len(compared), result.patient_years
    rows = []
    for name in (name for name in NAMES if name in compared[0].worst):
        aim = AIMS.get(name)
        values = [c.worst[name] for c in compared]
        if max(values) == 0.0:
            continue  # nothing of it here
        row = [NAMES[name], *(f"{x:.1e}" for x in summary(values)), _own(result.own, name)]
        if aim is None:
            rows.append([*row, "none", "", ""])
        else:
            inside = sum(v <= aim for v in values)
            rows.append([*row, f"{aim:g}", f"{100.0 * inside / n:.1f} %", verdict(inside >= WITHIN * n)])
    same = sum(c.same_doses for c in compared)
    apart = [c for c in compared if c.parted is not None]
    decided = [c for c in apart if not c.relapse]
    explained = sum(c.explained for c in decided)
    late = [c for c in apart if c.relapse]
    share = f"{same} of {n} ({100.0 * same / n:.1f} %), aim {100 * SAME_HISTORY:.0f} %"
    head = ["worst week of a patient", "median patient", "99 %", "worst", "reference's own", "aim", "within",
            f"{100 * WITHIN:g} % within"]  # fmt: skip
    lines = [
        f"### {study.protocol}",
        "",
        f"{n} patients, {years:.0f} patient-years, weekly states from the first dose to twelve weeks after the end of "
        f"treatment{_link(sum(c.linked for c in compared))}. Engine {result.engine_seconds:.1f} s; reference "
        f"{result.reference_seconds:.0f} s of CPU, {years / result.reference_seconds:.2f} patient-years/s.",
        "",
        *table(head, rows),
        f"- Dose histories identical row by row: {share}: {verdict(same >= SAME_HISTORY * n)}.",
        f"- All decisions identical (doses, holds, gates, transfusions): {n - len(decided)} of {n}.",
        f"- Differences explained by a count on a threshold: {explained} of {len(decided)}: "
        f"{verdict(explained == len(decided))}.",
        f"- Relapse seen on the same day: {n - len(late)} of {n}; the others one weekly look apart, first where there "
        f"are more cells: {sum(c.explained for c in late)} of {len(late)}: {verdict(all(c.explained for c in late))}.",
        *(
            [f"- Compared up to the day on which leukaemia of less than a cell is a cell again: {regrown} of {n}."]
            if (regrown := sum(c.regrown is not None for c in compared))
            else []
        ),
        "",
    ]
    if apart:
        head = ["patient", "first difference", "doses", "what decided"]
        lines += table(
            head, [[str(c.patient), f"day {c.parted}", "same" if c.same_doses else "differ", c.why] for c in apart]
        )
    return lines


def _link(linked: int) -> str:
    return f" ({linked} of them went on to the linked protocol)" if linked else ""


def _own(own: list[Compared], name: str) -> str:
    return f"{max(c.worst[name] for c in own):.0e}" if own else "not to be had"


def extinction(results: Sequence[Extinct]) -> list[str]:
    level = f"{100 * CONFIDENCE:.0f} %"
    return table(
        ["clone", "patients", "extinct", f"{level} interval", "exact", "exact is inside"],
        [
            [
                r.clone,
                f"{r.patients:,}",
                f"{r.share:.4f}",
                f"{r.low:.4f} to {r.high:.4f}",
                f"{r.exact:.4f}",
                verdict(r.met),
            ]
            for r in results
        ],
    )


def convergence(protocol: str, patients: int, result: Convergence) -> list[str]:
    rows = []
    for name in AIMS:
        errors = result.typical[name]
        rows.append(
            [NAMES[name], *(f"{e:.1e} / {w:.1e}" for e, w in zip(errors, result.worst[name], strict=True)),
             ", ".join(f"{o:.1f}" for o in orders(errors)), ", ".join(f"{o:.1f}" for o in orders(result.worst[name]))]
        )  # fmt: skip
    head = [f"{protocol}, {patients} patients", *(f"steps / {k}" for k in REFINE), "order, median", "order, worst"]
    return table(head, rows)


def identity(checks: Sequence[tuple[str, bool]]) -> list[str]:
    return table(["changed", "every table identical to the bit"], [[name, verdict(same)] for name, same in checks])


INTRODUCTION = f"""\
The reference integrates the equations of `remission.body` (`src/remission/body/whole.py`, compiled as they stand there)
with LSODA of ODEPACK through SciPy, relative tolerance {RTOL:g}; its own error is its difference from {TIGHTER:g}. It
splits nothing and averages nothing. Chance is off. Rules, gates, doses, the manufacture of cells and grades are the
engine's compiled clinic, fed with the reference's own states: every count, and so every decision, comes from the
independent integration. The noise of measured counts is the same draw in both.

Part of the model, and the same in both: transfusions arrive in the morning; transfused platelets decay once a day;
blast release and neutrophil mobilisation by steroids are seen as means of the day before; what conditioning has left of
a marrow, and the grades of cytokine release, are judged at midnight. The engine alone sets to zero what has washed out
(below 1e-7 of what a typical dose makes).

After the first decision that differs two patients are treated differently: states are compared up to that day. Without
chance leukaemia goes on as a fraction of a cell and may come back from 1e-60 of one, which means nothing: who has been
below one cell, in the marrow or in the CNS, is compared up to the day on which there is one again. Counts
are compared relative to the reference (below 0.01: to 0.01), blasts in decades while the reference has a cell."""


def page(version: str, command: str, machine: str, sections: dict[str, list[str]]) -> str:
    made = f"Made by `{command}` with version {version} on {machine}. Do not edit: run it again."
    lines = ["# Verification", "", made, "", INTRODUCTION, ""]
    for title, body in sections.items():
        lines += [f"## {title}", "", *body]
    return "\n".join(lines).rstrip() + "\n"
