"""What a run of remission costs: `python benchmarks/scaling.py [--most 100000] [--picture FILE] [--out PAGE]`.

The closed loop of the reference problem (knowledge/) on one pinned core, one thing changed at a time: patients (played
in shards), years, agents, rules, recorded tables. Everything done per patient counts: drawing, playing, tables.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compare import machine
from page import put
from reference_problem import DAYS_PER_YEAR, SEED

SHARD = 10_000
YEARS = (0.5, 1.0, 2.0, 4.0)
EXTRA_RULES = (0, 3, 6, 12, 24)
TABLES = {
    "outcomes only": (),
    "+ weekly states": ("states",),
    "+ doses": ("states", "doses"),
    "+ measurements": ("states", "doses", "measurements"),
    "+ events, MRD (all)": ("states", "doses", "measurements", "events", "mrd"),
}
USUAL = TABLES["+ doses"]


@dataclass(frozen=True)
class Point:
    sweep: str
    label: str
    x: float
    seconds: float
    patient_years: float
    peak_mib: float


def pulses(days: int) -> str:
    """Days of prednisolone: five of every 28."""
    return ", ".join(f"{first}-{min(first + 4, days)}" for first in range(1, days, 28))


def protocol(days: int, agents: int | None = None, rules: int | None = None) -> dict[str, Any]:
    """The closed protocol with another length; the first ``agents`` of its agents and no rules; or as many rules, those
    after the protocol's own worded so that they never act."""
    import remission_row

    from remission.knowledge.loader import read_yaml

    tree = read_yaml(remission_row.knowledge().protocol_path("reference-closed"))
    phase = copy.deepcopy(tree["phases"][0]["maintenance"])
    phase["days"] = days
    phase["give"] = [
        f"mercaptopurine 50 mg/m2/day PO on days 1-{days} [reference_problem]",
        *phase["give"][1:3],
        f"prednisolone 40 mg/m2/day PO in 2 doses on days {pulses(days)} [reference_problem]",
    ]
    phase["check"] = ["every 7 days from day 8: counts [reference_problem]"]
    if agents is not None:
        phase["give"] = phase["give"][:agents]
        del phase["rules"]
    if rules is not None:
        never = [
            f"reduce mercaptopurine by 10% when anc < 0.000{i:02d}, at least 10%, as written [reference_problem]"
            for i in range(1, rules + 1)
        ]
        phase["rules"] = (phase["rules"] + never)[:rules]
        if not rules:
            del phase["rules"]
    return tree | {"phases": [{"maintenance": phase}]}


def compiled(tree: dict[str, Any]) -> Any:
    import remission_row

    from remission.engine.program import prepare
    from remission.protocol.reader import read_protocol

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "reference-closed.yaml"
        file.write_text(json.dumps(tree))  # JSON is YAML
        return prepare(read_protocol(file, remission_row.knowledge()), remission_row.knowledge())


def measured(
    sweep: str, label: str, x: float, program: Any, patients: int, record: tuple[str, ...], runs: int
) -> Point:
    """Median core time (others may use the core too) of ``runs`` runs, each shard by shard and forgotten; peak memory
    of the process so far."""
    import remission_row

    from remission.engine.play import Options, play
    from remission.trial.memory import peak_mb

    days = program.protocol.phases[0].days
    options = Options(follow_up_days=days, chance=False, record=record, refine=1)  # as in remission_row.run
    seconds = []
    for _ in range(runs):
        begin = time.process_time()
        for first in range(0, patients, SHARD):
            people = remission_row.people(min(SHARD, patients - first), first)
            play(program, people, seed=SEED, threads=1, options=options, knowledge=remission_row.knowledge())
        seconds.append(time.process_time() - begin)
    peak = peak_mb() * 1e6 / 2**20
    return Point(sweep, label, x, statistics.median(seconds), patients * days / DAYS_PER_YEAR, peak)


def sweeps(patients: int, most: int, runs: int) -> list[Point]:
    usual = compiled(protocol(730))
    measured("", "", 0, usual, 1, USUAL, 1)  # compiles, or loads compiled
    points = []
    for i, record in enumerate(TABLES.values()):
        points.append(measured("recorded tables", list(TABLES)[i], i, usual, patients, record, runs))
    for years in YEARS:
        program = compiled(protocol(round(years * 365)))
        points.append(measured("years", f"{years:g}", years, program, patients, USUAL, runs))
    for agents in range(1, 5):
        program = compiled(protocol(730, agents=agents))
        points.append(measured("agents (no rules)", str(agents), agents, program, patients, USUAL, runs))
    for rules in EXTRA_RULES:
        program = compiled(protocol(730, rules=rules))
        points.append(measured("rules", str(rules), rules, program, patients, USUAL, runs))
    size = 100
    while size <= most:
        few = runs if size <= patients else 1
        points.append(measured("patients", f"{size:,}", size, usual, size, USUAL, few))
        size *= 10
    return points


def table(points: list[Point]) -> str:
    lines = [
        "| changed | to | seconds of one core | patient-years/s | peak memory so far, MiB |",
        "|---|---|---|---|---|",
    ]
    for p in points:
        lines.append(
            f"| {p.sweep} | {p.label} | {p.seconds:.3g} | {p.patient_years / p.seconds:,.0f} | {p.peak_mib:,.0f} |"
        )
    return "\n".join(lines)


def slope(points: list[Point], sweep: str, patients: int) -> float:
    """Milliseconds of a patient that one more of ``sweep`` costs, by least squares."""
    mine = [p for p in points if p.sweep == sweep]
    return 1000.0 * statistics.linear_regression([p.x for p in mine], [p.seconds for p in mine]).slope / patients


def told(points: list[Point], patients: int, about: str) -> str:
    """The part of the page."""
    largest = [p for p in points if p.sweep == "patients"][-1]
    years = slope(points, "years", patients)
    start = 1000.0 * next(p for p in points if p.sweep == "years" and p.x == 1.0).seconds / patients - years
    return "\n".join(
        [
            "## One thing changed at a time",
            "",
            "The closed loop of the reference problem of [benchmark.md](benchmark.md) on one core: "
            f"{patients:,} patients for two years with four agents. Seconds are the time that the core worked for this "
            "process; drawing the patients and making the tables are within them.",
            "",
            "![seconds of one core against patients, years, agents, rules, recorded tables](img/scaling.png)",
            "",
            table(points),
            "",
            f"A patient takes {1000.0 * largest.seconds / largest.x:.2f} ms at {largest.label} patients; a year "
            f"{years:.3f} ms, and {max(start, 0.0):.3f} ms go before the first day (drawing, matrix exponentials). An "
            f"agent adds {slope(points, 'agents (no rules)', patients):.3f} ms, a rule that is judged every week and "
            f"never acts {slope(points, 'rules', patients):.4f} ms. Memory is that of one shard (here of {SHARD:,} "
            "patients).",
            "",
            about,
        ]
    )


def picture(points: list[Point], file: Path, patients: int) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = ("patients", "years", "agents (no rules)", "rules", "recorded tables")
    figure, axes = plt.subplots(1, len(names), figsize=(4.0 * len(names), 3.6), layout="constrained")
    for axis, name in zip(axes, names, strict=True):
        mine = [p for p in points if p.sweep == name]
        axis.plot([p.x for p in mine], [p.seconds for p in mine], "o-", color="#1f5a8c")
        axis.set_xlabel(name)
        if name.startswith("agents"):
            axis.set_xticks([p.x for p in mine])
        axis.grid(alpha=0.3)
        if name == "patients":
            axis.set_xscale("log")
            axis.set_yscale("log")
        else:
            axis.set_ylim(0.0, 1.1 * max(p.seconds for p in mine))
            axis.set_title(f"{patients:,} patients", fontsize=9)
        if name == "recorded tables":
            axis.set_xticks([p.x for p in mine], [p.label for p in mine], rotation=40, ha="right", fontsize=8)
    axes[0].set_ylabel("seconds of one core")
    figure.savefig(file, dpi=110)
    plt.close(figure)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--patients", type=int, default=1000, help="where something else is changed")
    options.add_argument("--most", type=int, default=100_000, help="largest number of patients")
    options.add_argument("--runs", type=int, default=3, help="timed runs; the median counts")
    options.add_argument("--core", type=int, help="the core to pin to; by default the last one that is allowed")
    options.add_argument("--picture", type=Path, default=Path(__file__).parent.parent / "docs" / "img" / "scaling.png")
    options.add_argument("--out", type=Path, help="page (Markdown) to put the table into")
    asked = options.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0)) if asked.core is None else asked.core})
    about = machine()
    points = sweeps(asked.patients, asked.most, asked.runs)
    text = told(points, asked.patients, about)
    print(text)
    if asked.out:
        put(asked.out, "one thing changed", text)
    asked.picture.parent.mkdir(parents=True, exist_ok=True)
    picture(points, asked.picture, asked.patients)


if __name__ == "__main__":
    main()
