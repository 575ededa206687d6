"""How fast the core plays every bundled protocol: `python benchmarks/protocols.py [--before FILE] [--out PAGE]`.

A protocol's own population, its rules, chance and all side effects, every table kept, from the first day to the end of
a follow-up of ten years: to the first relapse, or with --treated as `remission simulate` plays it, where a relapse is
treated with what follows today. To set two versions side by side run this with the older one first
(PYTHONPATH=OLDER/src) and --save, then with --before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from compare import machine
from page import put

from remission.compiled import core
from remission.engine import play as engine
from remission.engine.eligible import eligible
from remission.engine.play import Options, play, prepare
from remission.knowledge.library import library
from remission.patient import recipe
from remission.patient.population import draw
from remission.protocol.reader import read_protocol
from remission.protocol.variant import USUAL, variant
from remission.trial.run import POPULATION

SEED = 1
INTRODUCTION = """\
A protocol's own population, its rules, chance and all side effects, every table kept. Only the core's work counts, in
seconds that one core worked for this process, so that other programs matter little; drawing and tables are in
[scaling.md](scaling.md). A patient-year is a year that was played day by day: the follow-up by weeks after it is within
the time and not within the years. `remission simulate` treats relapses, too: a year of that costs more, of a few
patients at many points of many protocols (`python benchmarks/protocols.py --treated`)."""


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


def measured(name: str, patients: int, runs: int, *, treated: bool = False) -> dict[str, float]:
    """A protocol: ``years`` that were played day by day, and ``seconds`` of one core, median of ``runs``. ``treated``:
    a relapse is not the end, but is treated."""
    protocol = read_protocol(library().protocol_path(name))
    if treated:
        protocol = variant(protocol, after_relapse=USUAL)
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


def table(now: dict[str, dict[str, float]], before: dict[str, dict[str, float]]) -> list[str]:
    """Markdown: a row a protocol, the smallest gain first."""
    speed, old = ({name: row["years"] / row["seconds"] for name, row in rows.items()} for rows in (now, before))
    known = [name for name in now if name in old]
    if not known:
        lines = ["| protocol | years of all patients | patient-years/s of a core |", "|---|---|---|"]
        return [*lines, *(f"| {name} | {row['years']:,.0f} | {speed[name]:,.0f} |" for name, row in now.items())]
    times = {name: speed[name] / old[name] for name in known}
    lines = ["| protocol | patient-years/s of a core, before | now | times |", "|---|---|---|---|"]
    for name in sorted(now, key=lambda name: times.get(name, 0.0)):
        was = (
            f"{old[name]:,.0f} | {speed[name]:,.0f} | {times[name]:.2f}"
            if name in times
            else f"- | {speed[name]:,.0f} | -"
        )
        lines.append(f"| {name} | {was} |")
    least, median, most = min(times.values()), statistics.median(times.values()), max(times.values())
    return [*lines, "", f"Times as fast: least {least:.2f}, median {median:.2f}, most {most:.2f}."]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("protocols", nargs="*", help="by name; all when left out")
    options.add_argument("--patients", type=int, default=160)
    options.add_argument("--runs", type=int, default=3, help="timed runs; the median counts")
    options.add_argument("--treated", action="store_true", help="relapses are treated, as `remission simulate` plays")
    options.add_argument("--save", type=Path, help="JSON file for the measurements, for --before of a later run")
    options.add_argument("--before", type=Path, help="measurements of an older version, to be set beside")
    options.add_argument("--out", type=Path, help="page (Markdown) to put the table into")
    asked = options.parse_args()
    scope = "relapses treated as today" if asked.treated else "played to the first relapse where the file treats none"
    about = f"{asked.patients} patients a protocol, {scope}, medians of {asked.runs} runs. {machine()}"
    now = {}
    for name in asked.protocols or library().protocols():
        now[name] = measured(name, asked.patients, asked.runs, treated=asked.treated)
        print(f"{name}: {now[name]['years'] / now[name]['seconds']:,.0f} patient-years/s", flush=True)
    if asked.save:
        asked.save.write_text(json.dumps({"about": about, "protocols": now}, indent=1) + "\n")
    before = json.loads(asked.before.read_text()) if asked.before else {"about": "", "protocols": {}}
    text = "\n".join([*table(now, before["protocols"]), "", about])
    if before["about"]:
        text += f"\n\nBefore ({asked.before.stem}): {before['about']}"
    print(text)
    if asked.out:
        put(asked.out, "every protocol", f"## Every bundled protocol, the core alone\n\n{INTRODUCTION}\n\n{text}")


if __name__ == "__main__":
    main()
