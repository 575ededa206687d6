"""How fast the engine is: one command, one table. `python benchmarks/measure.py [--patients 2000] [--runs 3]`.

The complete COG standard-risk protocol with its rules and chance, from induction to the end of maintenance, in fresh
processes: start, one pinned core, all cores; peak memory; SciPy's LSODA beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from typing import Any

PROTOCOL = "cog-standard-risk"
POPULATION = "standard-risk-b-all"


def child(patients: int, runs: int, cores: int) -> dict[str, Any]:
    """Import, first block, then ``runs`` timed runs, all in this process; cores 0: all."""
    if cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    begin = time.perf_counter()
    import polars as pl

    from remission.engine.play import Options, play, prepare
    from remission.knowledge.library import library
    from remission.patient.population import draw
    from remission.protocol.reader import read_protocol
    from remission.trial.memory import peak_mb

    knowledge = library()
    program = prepare(read_protocol(knowledge.protocol_path(PROTOCOL)), knowledge)
    options = Options(record=("outcomes", "measurements", "mrd", "doses", "events"))
    threads = cores or len(os.sched_getaffinity(0))
    play(program, draw(POPULATION, 1, seed=1), seed=1, threads=1, options=options)
    start = time.perf_counter() - begin
    people = draw(POPULATION, patients, seed=1) if patients else None
    seconds, years = [], 0.0
    for _ in range(runs if people is not None else 0):
        begin = time.perf_counter()
        out = play(program, people, seed=1, threads=threads, options=options)
        seconds.append(time.perf_counter() - begin)
        # days that are played in full: until the outcome, or until twelve weeks after treatment
        played = pl.min_horizontal("outcome_day", pl.col("end_of_treatment_day") + 84)
        years = out["outcomes"].select(played.sum()).item() / 365.25
    peak = peak_mb() * 1e6 / 2**20
    return {"start": start, "seconds": seconds, "years": years, "peak_mib": peak, "threads": threads}


def fresh(patients: int, runs: int, cores: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", json.dumps([patients, runs, cores])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--patients", type=int, default=2000)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--lsoda", type=int, default=10, help="patients for LSODA; 0: leave it out")
    options.add_argument("--child")
    asked = options.parse_args()
    if asked.child:
        print(json.dumps(child(*json.loads(asked.child))))
        return
    load = os.getloadavg()[0]
    start = statistics.median(fresh(0, 0, 1)["start"] for _ in range(asked.runs))
    rows = [(f"start: import, protocol, one patient (median of {asked.runs})", f"{start:.2f} s")]
    rate = {}
    for cores, name in ((1, "one core"), (0, "all cores")):
        got = fresh(asked.patients, asked.runs, cores)
        rate[cores] = got["years"] / statistics.median(got["seconds"])
        rows.append(
            (
                f"{asked.patients} patients, {name} ({got['threads']}), median of {asked.runs}",
                f"{rate[cores]:,.0f} patient-years/s ({got['years']:,.0f} in "
                + ", ".join(f"{s:.2f}" for s in got["seconds"])
                + f" s), peak {got['peak_mib']:.0f} MiB",
            )
        )
    rows.append(("all cores over one", f"{rate[0] / rate[1]:.2f} times"))
    if asked.lsoda:
        import lsoda

        years, seconds, _ = lsoda.measure(PROTOCOL, asked.lsoda)
        lsoda_rate = years / seconds
        rows.append((f"SciPy LSODA, rtol 1e-6, {asked.lsoda} patients, one core", f"{lsoda_rate:.2f} patient-years/s"))
        rows.append(("engine over LSODA, per core", f"{rate[1] / lsoda_rate:,.0f} times"))
    print(f"{PROTOCOL}, rules and chance on, whole treatment; {platform.processor() or platform.machine()}, ", end="")
    print(f"{os.cpu_count()} cores, load {load:.1f} before the start, Python {platform.python_version()}")
    for name, value in rows:
        print(f"  {name:<58} {value}")


if __name__ == "__main__":
    main()
