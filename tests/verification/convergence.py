"""Order of convergence: the error against the tight reference when every step of the engine is divided by 2 and by 4.

Open loop: the reference replays the doses that each run of the engine gave.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import polars as pl
import reference

from remission.engine.play import Options, play
from remission.engine.program import Program
from remission.patient.cohort import Cohort

from .comparison import AIMS

REFINE = (1, 2, 4)
DAYS = 200


@dataclass(frozen=True)
class Convergence:
    typical: dict[str, list[float]]  # median patient's worst week, by quantity, for each of REFINE
    worst: dict[str, list[float]]


def can_refine() -> bool:
    return "refine" in {f.name for f in fields(Options)}


def orders(errors: list[float]) -> list[float]:
    """log2 of the ratio of successive errors."""
    return [
        float(np.log2(a / b)) if a > 0.0 and b > 0.0 else float("nan") for a, b in zip(errors, errors[1:], strict=False)
    ]


def measure(program: Program, people: Cohort, seed: int, rtol: float = 1e-10) -> Convergence:
    found: list[dict[str, list[float]]] = []
    for k in REFINE:
        options = Options(chance=False, follow_up_days=DAYS, refine=k)  # type: ignore[call-arg]
        tables = play(program, people, seed=seed, threads=1, options=options)
        found.append(open_loop(program, people, seed, tables, rtol))
    return Convergence(
        {name: [float(np.median(f[name])) for f in found] for name in AIMS},
        {name: [float(np.max(f[name])) for f in found] for name in AIMS},
    )


def open_loop(
    program: Program, people: Cohort, seed: int, tables: dict[str, pl.DataFrame], rtol: float
) -> dict[str, list[float]]:
    """Worst week of every patient, by quantity, with the doses of ``tables`` replayed."""
    worst: dict[str, list[float]] = {name: [] for name in AIMS}
    for i, patient in enumerate(people.patient.tolist()):
        states = tables["states"].filter(pl.col("patient") == patient)
        events = reference.events_of(program, tables, patient)
        numbers = reference.Patient(program, people, seed, i)
        off = reference.errors(numbers.solve(events, int(states["day"].max()), rtol), states)  # type: ignore[arg-type]
        for name in AIMS:
            worst[name].append(float(np.abs(off[name]).max()))
    return worst
