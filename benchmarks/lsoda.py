"""SciPy's LSODA on the same written equations: patient-years per second on one core.

The right-hand side is compiled and knows each patient's drawn numbers; doses are those that the engine gave (so the
rules cost nothing here). rtol 1e-6. Run `python benchmarks/lsoda.py [patients]`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import reference  # noqa: E402

from remission.engine.play import Options, play, prepare  # noqa: E402
from remission.knowledge.library import library  # noqa: E402
from remission.patient.population import draw  # noqa: E402
from remission.protocol.reader import read_protocol  # noqa: E402


def measure(protocol: str, patients: int, rtol: float = 1e-6) -> tuple[float, float, dict[str, float]]:
    """(patient-years, seconds, worst difference of weekly states from the engine) over whole treatments."""
    knowledge = library()
    program = prepare(read_protocol(knowledge.protocol_path(protocol)), knowledge)
    people = draw("standard-risk-b-all", patients, seed=1)
    tables = play(program, people, seed=1, threads=1, options=Options(chance=False))
    years = seconds = 0.0
    worst: dict[str, float] = {}
    for i, patient in enumerate(people.patient.tolist()):
        events = reference.events_of(program, tables, patient)
        states = tables["states"].filter(pl.col("patient") == patient)
        days = int(states["day"].max())  # type: ignore[arg-type]
        numbers = reference.Patient(program, people, 1, i)
        if i == 0:
            numbers.solve(events, 7, rtol)  # compiles
        start = time.perf_counter()
        weekly = numbers.solve(events, days, rtol)
        seconds += time.perf_counter() - start
        years += days / 365.25
        for name, off in reference.errors(weekly, states).items():
            if name != "day":
                worst[name] = max(worst.get(name, 0.0), float(abs(off).max()))
    return years, seconds, worst


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for name in ("cog-standard-risk", "bfm-standard"):
        years, seconds, worst = measure(name, number)
        print(f"{name}: {years:.1f} patient-years in {seconds:.1f} s, {years / seconds:.2f} patient-years/s")
        print("  largest difference from the engine: " + ", ".join(f"{k} {v:.1e}" for k, v in worst.items()))
