"""The benchmark: one command, one table. `python benchmarks/compare.py [--out PAGE]`.

The reference problem (reference_problem.py), open and closed loop, in remission and in what people use, each contender
in a process of its own on one pinned core; then remission and the yardstick on all cores. Outputs are compared with
LSODA at rtol 1e-10; the run that is compared comes before those that are timed. Building the model and compiling is the
first start; everything done per patient counts in the speed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from page import put

SINGLE = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
FAST = ("remission_row", "yardstick")
OTHERS = ("contenders.scipy_lsoda", "contenders.libroadrunner", "contenders.diffrax_tsit5", "contenders.mrgsolve",
        "contenders.rxode2")  # fmt: skip
ABREAST = ("contenders.diffrax_tsit5",)
PACKAGES = ("numpy", "scipy", "numba", "libroadrunner", "antimony", "diffrax", "jax")
# Written out, so that this process imports no contender.
LABELS = {
    "remission_row": "**remission**",
    "yardstick": "hand-written C++ (yardstick)",
    "contenders.scipy_lsoda": "SciPy LSODA, rtol 1e-4",
    "contenders.libroadrunner": "libRoadRunner (CVODE), rtol 1e-4",
    "contenders.diffrax_tsit5": "diffrax (Tsit5), rtol 1e-4",
    "contenders.mrgsolve": "mrgsolve, rtol 1e-5",
    "contenders.rxode2": "rxode2 (LSODA), rtol 1e-4",
}
TIGHT = 1e-10
FAR = 0.01  # of the neutrophils: an error of no solver
SHARED = (
    "**Other programs ran meanwhile (core time below 95 %).** Waiting for them does not count in the speeds of one "
    "core, but caches were shared; speeds of all cores are too low."
)
LOOPS = {False: "open", True: "closed"}


@dataclass
class Row:
    """One contender: by loop, what was measured, or why not."""

    label: str
    patients: int = 0
    first_start: float = 0.0
    speed: dict[bool, float] = field(default_factory=dict)
    spread: dict[bool, str] = field(default_factory=dict)
    had: dict[bool, float] = field(default_factory=dict)  # share of its cores that it had
    accuracy: dict[bool, Any] = field(default_factory=dict)
    missing: dict[bool, str] = field(default_factory=dict)


def child(contender: str, problem_file: str, out: str, runs: int, threads: int, rtol: float) -> None:
    """Prepare, run once (that is verified), then run again timed; results into ``out``."""
    begin = time.perf_counter()
    import numpy as np
    from contenders.unavailable import Unavailable
    from reference_problem import Problem

    with np.load(problem_file) as stored:
        loop, days = bool(stored["closed_loop"]), int(stored["days"])
        parameters = {name: stored[name] for name in stored.files if name not in ("closed_loop", "days")}
    problem = Problem(parameters, loop, days)
    options = ({"threads": threads} if threads > 1 else {}) | ({"rtol": rtol} if rtol else {})
    try:
        module = importlib.import_module(contender)
        module.prepare(problem)
        first_start = time.perf_counter() - begin
        result = module.run(problem, **options)
    except Unavailable as reason:
        Path(out).with_suffix(".json").write_text(json.dumps({"missing": str(reason)}))
        return
    seconds, shares = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), worked()
        seconds.append(module.run(problem, **options).seconds)
        shares.append((worked() - cpu) / (time.perf_counter() - wall) / threads)
    had = statistics.median(shares) if runs else 1.0
    if threads == 1:  # what the core worked: waiting for other programs does not count
        seconds = [second * min(share, 1.0) for second, share in zip(seconds, shares, strict=True)]
    seconds = seconds or [result.seconds]
    np.savez(out, anc=result.anc, platelets=result.platelets, log10_blasts=result.log10_blasts, factor=result.factor)
    Path(out).with_suffix(".json").write_text(json.dumps({"first_start": first_start, "seconds": seconds, "had": had}))


def worked() -> float:
    """Seconds that cores have worked for this process and what it started."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def spawn(contender, problem, runs, cores, threads=1, rtol=0.0):  # type: ignore[no-untyped-def]
    """A child process on ``cores``: (what it reported, its Result or None)."""
    import numpy as np
    from reference_problem import Result

    with tempfile.TemporaryDirectory() as name:
        given, out = Path(name) / "problem.npz", Path(name) / "out.npz"
        np.savez(given, closed_loop=problem.closed_loop, days=problem.days, **problem.parameters)
        asked = json.dumps([contender, str(given), str(out), runs, threads, rtol])
        environment = os.environ | (SINGLE if len(cores) == 1 else {})
        subprocess.run(
            [sys.executable, __file__, "--child", asked], env=environment, check=True, stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )  # fmt: skip
        report = json.loads(out.with_suffix(".json").read_text())
        if "missing" in report:
            return report, None
        with np.load(out) as stored:
            weekly = [stored[key] for key in ("anc", "platelets", "log10_blasts", "factor")]
    seconds = statistics.median(report["seconds"])
    return report, Result(*weekly, seconds=seconds, patients=problem.patients, days=problem.days)


def tight_reference(problem, cores, keep: Path | None):  # type: ignore[no-untyped-def]
    """LSODA at rtol 1e-10; kept in the directory ``keep`` for later runs on the same patients."""
    import numpy as np
    from reference_problem import Result

    key = hashlib.sha256(problem.matrix().tobytes() + repr((problem.closed_loop, problem.days, TIGHT)).encode())
    file = keep / f"reference-{key.hexdigest()[:16]}.npy" if keep else None
    if file and file.exists():
        weekly = np.load(file)
        return Result(*weekly, seconds=np.nan, patients=problem.patients, days=problem.days)
    _, result = spawn("contenders.scipy_lsoda", problem, 0, cores, rtol=TIGHT)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, [result.anc, result.platelets, result.log10_blasts, result.factor])
    return result


def measure(contender, problems, references, runs, cores, threads=1) -> Row:  # type: ignore[no-untyped-def]
    from reference_problem import accuracy

    row = Row(LABELS[contender])
    for loop, problem in problems.items():
        report, result = spawn(contender, problem, runs, cores, threads)
        if result is None:
            row.missing[loop] = report["missing"]
            continue
        row.patients = problem.patients
        row.first_start = max(row.first_start, report["first_start"])
        row.speed[loop] = result.patient_years_per_second
        best, worst = min(report["seconds"]), max(report["seconds"])
        row.spread[loop] = f"{best / result.seconds - 1:+.0%} {worst / result.seconds - 1:+.0%}"
        row.had[loop] = report["had"]
        row.accuracy[loop] = accuracy(result, references[loop])
        print(f"  {row.label}, {LOOPS[loop]}: {row.speed[loop]:,.3g} patient-years/s", file=sys.stderr)
    return row


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def speeds(rows: list[Row]) -> list[str]:
    lines = [
        "| contender | patient-years/s, open | closed | closed costs | patients | first start | spread of runs "
        "| core time it had |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if not row.speed:
            lines.append(f"| {row.label} | {next(iter(row.missing.values()))} | | | | | | |")
            continue
        cell = {loop: number(row.speed[loop]) if loop in row.speed else row.missing[loop] for loop in LOOPS}
        cost = f"{row.speed[False] / row.speed[True]:.2f} times" if len(row.speed) == 2 else ""
        start = f"{row.first_start:.1f} s"
        loops = list(row.speed)
        lines.append(
            f"| {row.label} | {cell[False]} | {cell[True]} | {cost} | {row.patients:,} | {start} "
            f"| {row.spread[loops[-1]]} | {min(row.had.values()):.0%} |"
        )
    return lines


def accuracies(rows: list[Row], reference_patients: int) -> list[str]:
    lines = [
        "| contender | loop | compared | identical dose histories | ANC, relative | platelets, relative "
        "| log10 blasts, decades |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        for loop, got in row.accuracy.items():
            lines.append(
                f"| {row.label} | {LOOPS[loop]} | {min(row.patients, reference_patients)} | {got.identical:.1%} "
                f"| {got.anc:.1e} | {got.platelets:.1e} | {got.log10_blasts:.1e} |"
            )
    return lines


def ratios(rows: list[Row]) -> list[str]:
    """How many times faster each of the fast ones is than every other, closed loop (open where only that exists)."""
    fast = [row for row in rows[: len(FAST)] if row.speed]
    lines = [
        "| " + " | ".join(["times as fast as", *(row.label for row in fast)]) + " |",
        "|---" * (len(fast) + 1) + "|",
    ]
    for row in rows:
        if not row.speed:
            continue
        loop = True in row.speed
        cells = [
            "" if mine is row else f"{mine.speed[loop] / row.speed[loop]:,.2f}"
            if row in fast else f"{mine.speed[loop] / row.speed[loop]:,.0f}"
            for mine in fast
        ]  # fmt: skip
        lines.append("| " + " | ".join([row.label + ("" if loop else " (open loop)"), *cells]) + " |")
    return lines


def others(rows: list[Row]) -> list[str]:
    """Who is so far from the reference, in open loop, that something else is played."""
    far = [row.label for row in rows if False in row.accuracy and row.accuracy[False].anc > FAR]
    return [f"**Plays another problem: {', '.join(far)}.**", ""] if far else []


def shares(rows: list[Row], problem) -> list[str]:  # type: ignore[no-untyped-def]
    """Which share of a core's peak the yardstick reaches, and remission if only the yardstick's arithmetic counts."""
    import yardstick
    from reference_problem import DAYS_PER_YEAR

    if True not in rows[1].speed:
        return []
    peak, each = yardstick.peak(), yardstick.operations(problem)
    share = [100 * row.speed[True] * DAYS_PER_YEAR * each / peak for row in rows[:2]]
    return [
        f"A patient-day takes the yardstick {each:,.0f} floating point operations (counted while it plays, a fused "
        f"multiply-add as two). A core of this machine does at most {peak / 1e9:.0f} GFLOP/s (multiply-adds that wait "
        f"for nothing). So the yardstick reaches {share[1]:.0f} % of the peak, and remission does the yardstick's "
        f"arithmetic at {share[0]:.0f} % of it, closed loop; what else remission computes for being general is not "
        "counted.",
        "",
    ]


def machine() -> str:
    model = platform.processor() or platform.machine()
    flags = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
        if line.startswith("flags"):
            flags = ", AVX-512" if " avx512f " in line else ", no AVX-512"
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES if _installed(name))
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    return (
        f"{model}{flags}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start; "
        f"Python {platform.python_version()}, {versions}, {compiler}."
    )


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--patients", type=int, default=1000, help="for remission and the yardstick")
    options.add_argument("--slow-patients", type=int, default=8, help="for those that play one patient at a time")
    options.add_argument("--abreast-patients", type=int, default=32, help="for those that play many at once (diffrax)")
    options.add_argument("--reference-patients", type=int, default=200, help="with an LSODA reference at rtol 1e-10")
    options.add_argument("--runs", type=int, default=5, help="timed runs; the median counts")
    options.add_argument("--core", type=int, help="the core to pin to; by default the last one that is allowed")
    options.add_argument("--keep", type=Path, help="directory to keep references in, for later runs")
    options.add_argument("--out", type=Path, help="page (Markdown) to put the tables into")
    options.add_argument("--child", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.child:
        child(*json.loads(asked.child))
        return

    import remission_row
    from reference_problem import DAYS_PER_YEAR, Problem, draw, stops

    about = machine()
    allowed = os.sched_getaffinity(0)
    core = {max(allowed) if asked.core is None else asked.core}
    most = max(asked.patients, asked.reference_patients, asked.slow_patients, asked.abreast_patients)
    parameters = remission_row.parameters(most) or draw(most)
    everybody = {loop: Problem(parameters, loop) for loop in LOOPS}

    def some(patients: int) -> dict[bool, Problem]:
        return {loop: problem.take(patients) for loop, problem in everybody.items()}

    print("reference: LSODA at rtol 1e-10", file=sys.stderr)
    references = {
        loop: tight_reference(problem, core, asked.keep) for loop, problem in some(asked.reference_patients).items()
    }
    rows = [measure(name, some(asked.patients), references, asked.runs, core) for name in FAST]
    rows += [
        measure(
            name, some(asked.abreast_patients if name in ABREAST else asked.slow_patients), references, asked.runs, core
        )
        for name in OTHERS
    ]
    every = [measure(name, some(asked.patients), references, asked.runs, allowed, len(allowed)) for name in FAST]

    events = sum(len(agents) for _, agents in stops())
    text = [
        "## Ratios, one core, closed loop",
        "",
        *ratios(rows),
        "",
        "## Patient-years per second, one core",
        "",
        "By the time that the core worked for the contender.",
        "",
        *speeds(rows),
        "",
        *shares(rows, everybody[True].take(64)),
        f"## All cores ({len(allowed)})",
        "",
        *speeds(every),
        "",
        *(
            f"{LABELS[name].strip('*')}: {all_.speed[True] / one.speed[True]:.2f} times one core, closed loop."
            for name, one, all_ in zip(FAST, rows, every, strict=False)
            if True in all_.speed
        ),
        "",
        "## Accuracy (double precision): largest error among patients with an identical dose history",
        "",
        *accuracies(rows, asked.reference_patients),
        "",
        *others(rows),
        f"{everybody[True].days / DAYS_PER_YEAR:.2f} years and {events:,} dose events per patient. "
        f"Medians of {asked.runs} runs. {about}",
        *(["", SHARED] if min(had for row in rows + every for had in row.had.values()) < 0.95 else []),
        "",
    ]
    table = "\n".join(text)
    print(table)
    if asked.out:
        put(asked.out, "reference problem", table)


if __name__ == "__main__":
    main()
