"""How fast the core plays every bundled protocol: `python benchmarks/protocols.py [--before FILE] [--out PAGE]`.

A protocol's own population, its rules, chance and all side effects, every table kept, from the first day to the end of
a follow-up of ten years. Only the core's work counts, in seconds that one core worked for this process, so that other
programs on the machine matter little; drawing and tables are in measure.py and million.py. A patient-year is a year
that was played day by day: the quick follow-up by weeks after it is within the time and not within the years.

To set two versions side by side run this with the older one first (PYTHONPATH=OLDER/src) and --save, then with
--before. Runs of one protocol vary by some per cent: the median counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from compare import machine

from remission.compiled import core
from remission.engine import play as engine
from remission.engine.eligible import eligible
from remission.engine.play import Options, play, prepare
from remission.knowledge.library import library
from remission.patient import recipe
from remission.patient.population import draw
from remission.protocol.reader import read_protocol
from remission.trial.run import POPULATION

SEED = 1


class Timed:
    """The core, with the seconds of one core that each of its plays took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(core, name)

    def play(self, *arguments: Any, **options: Any) -> Any:
        begin = time.process_time()
        played = core.play(*arguments, **options)
        self.seconds.append(time.process_time() - begin)
        return played


def measured(name: str, patients: int, runs: int) -> dict[str, float]:
    """A protocol: ``years`` that were played day by day, and ``seconds`` of one core, median of ``runs``."""
    protocol = read_protocol(library().protocol_path(name))
    program = prepare(protocol, library())
    people = draw(
        recipe.population(protocol.population or POPULATION), patients, seed=SEED,
        accept=lambda columns: eligible(protocol.eligible, columns),
    )  # fmt: skip
    timed = Timed()
    engine.core = timed  # type: ignore[assignment]
    try:
        for _ in range(runs):
            tables = play(program, people, seed=SEED, threads=1, options=Options(), knowledge=library())
    finally:
        engine.core = core
    years = float(tables["outcomes"]["played_days"].sum()) / 365.25
    return {"years": years, "seconds": statistics.median(timed.seconds)}


def table(now: dict[str, dict[str, float]], before: dict[str, dict[str, float]]) -> str:
    """Markdown: a row a protocol, the slowest gain first."""
    speed = {name: row["years"] / row["seconds"] for name, row in now.items()}
    old = {name: row["years"] / row["seconds"] for name, row in before.items() if name in now}
    if not old:
        lines = ["| protocol | years of a patient | patient-years/s of a core |", "|---|---|---|"]
        return "\n".join(lines + [f"| {name} | {row['years']:.0f} | {speed[name]:,.0f} |" for name, row in now.items()])
    lines = ["| protocol | patient-years/s of a core, before | now | times |", "|---|---|---|---|"]
    for name in sorted(now, key=lambda name: speed[name] / old.get(name, 1e-9)):
        was = f"{old[name]:,.0f}" if name in old else "-"
        times = f"{speed[name] / old[name]:.2f}" if name in old else "-"
        lines.append(f"| {name} | {was} | {speed[name]:,.0f} | {times} |")
    gains = [speed[name] / old[name] for name in old]
    least, median, most = min(gains), statistics.median(gains), max(gains)
    lines += ["", f"Times as fast: least {least:.2f}, median {median:.2f}, most {most:.2f}."]
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("protocols", nargs="*", help="by name; all when left out")
    options.add_argument("--patients", type=int, default=320)
    options.add_argument("--runs", type=int, default=3, help="timed runs; the median counts")
    options.add_argument("--save", type=Path, help="JSON file for the measurements, for --before of a later run")
    options.add_argument("--before", type=Path, help="measurements of an older version, to be set beside")
    options.add_argument("--out", type=Path, help="file for the table, as Markdown")
    asked = options.parse_args()
    about = machine()
    now = {}
    for name in asked.protocols or library().protocols():
        now[name] = measured(name, asked.patients, asked.runs)
        print(f"{name}: {now[name]['years'] / now[name]['seconds']:,.0f} patient-years/s", flush=True)
    if asked.save:
        asked.save.write_text(json.dumps(now, indent=1) + "\n")
    before = json.loads(asked.before.read_text()) if asked.before else {}
    text = table(now, before)
    text += f"\n\n{asked.patients} patients a protocol, medians of {asked.runs} runs. {about}\n"
    print(text)
    if asked.out:
        asked.out.write_text(text)


if __name__ == "__main__":
    main()
