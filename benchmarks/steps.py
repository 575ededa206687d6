"""What each step of the day costs: `python benchmarks/steps.py [--out PAGE]`.

As `remission simulate --timings` measures it: protocols of each modality with their own populations, rules, chance and
side effects, relapses treated with what follows today, every table kept, on one thread.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from compare import machine
from page import put

from remission.engine.eligible import eligible
from remission.engine.play import Options, play, prepare
from remission.knowledge.library import library
from remission.patient import recipe
from remission.patient.population import draw
from remission.protocol.reader import read_protocol
from remission.protocol.variant import USUAL, variant
from remission.trial.run import POPULATION

PROTOCOLS = ("cog-standard-risk", "bfm-standard", "cog-ph-positive", "tower", "ino-vate", "eliana", "forum-tbi")
SEED = 1
INTRODUCTION = """\
Per cent of the core's time, as `remission simulate --timings` measures it: relapses treated with what follows today,
every table kept, one thread. A patient-year is a year that was played day by day; the clock counts what other programs
took, too. What the steps do: [engine.md](engine.md)."""

Steps = dict[str, float]


def timed(name: str, patients: int, runs: int) -> tuple[Steps, float]:
    """Seconds in each step of the day, of the run whose sum is the median one, and the years that were played."""
    protocol = variant(read_protocol(library().protocol_path(name)), after_relapse=USUAL)
    program = prepare(protocol, library())
    people = draw(
        recipe.population(protocol.population or POPULATION), patients, seed=SEED,
        accept=lambda columns: eligible(protocol.eligible, columns),
    )  # fmt: skip
    found = []
    for _ in range(runs):
        steps: Steps = {}
        tables = play(program, people, seed=SEED, threads=1, options=Options(), knowledge=library(), timings=steps)
        found.append(steps)
    middle = statistics.median_low([sum(steps.values()) for steps in found])
    steps = next(steps for steps in found if sum(steps.values()) == middle)
    return steps, float(tables["outcomes"]["played_days"].sum()) / 365.25


def table(found: dict[str, tuple[Steps, float]]) -> list[str]:
    """Markdown: a row a step, the dearest of the first protocol first; a column a protocol."""
    totals = {name: sum(steps.values()) for name, (steps, _) in found.items()}
    first = next(iter(found.values()))[0]
    lines = [f"| step of the day | {' | '.join(found)} |", "|---|" + "---|" * len(found)]
    lines.append(
        "| **all**, ms a patient-year | "
        + " | ".join(f"{1000 * totals[name] / years:.2f}" for name, (_, years) in found.items()) + " |"
    )  # fmt: skip
    for step in sorted(first, key=lambda step: -first[step]):
        shares = [100 * steps[step] / totals[name] for name, (steps, _) in found.items()]
        if any(shares):
            lines.append(f"| {step} | " + " | ".join(f"{share:.1f}" for share in shares) + " |")
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("protocols", nargs="*", default=PROTOCOLS, help="by name")
    options.add_argument("--patients", type=int, default=256)
    options.add_argument("--runs", type=int, default=3, help="the one whose sum is the median counts")
    options.add_argument("--out", type=Path, help="page (Markdown) to put the table into")
    asked = options.parse_args()
    about = f"{asked.patients} patients a protocol, the median of {asked.runs} runs. {machine()}"
    found = {name: timed(name, asked.patients, asked.runs) for name in asked.protocols}
    text = "\n".join(["## What each step of the day costs", "", INTRODUCTION, "", *table(found), "", about])
    print(text)
    if asked.out:
        put(asked.out, "steps of the day", text)


if __name__ == "__main__":
    main()
