"""What a start takes, in fresh processes with an empty home: `python benchmarks/start.py [--clone] [--out FILE]`.

With ``--clone`` also the way there, in a new clone of this checkout: dependencies, compiled core, demo, wheel.
Wall time depends on what else the machine does; CPU time and memory are those of the process and its children
(peak.py).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from peak import waited_for

ROOT = Path(__file__).parent.parent
REMISSION = (sys.executable, "-m", "remission")
PROTOCOL = "cog-standard-risk"
KNOWN = ROOT / "src/remission/knowledge/data/protocols"
KEPT = ("PATH", "PYTHONPATH", "LANG", "TMPDIR", "PIP_CONFIG_FILE", "SYSTEMROOT")  # of the environment
CHILD = ("--age", "4", "--sex", "f", "--weight", "16", "--height", "102", "--start", "2027-01-04")


@dataclass(frozen=True)
class Took:
    """One command: seconds on the clock, seconds of CPU in user and system together, 10^6 bytes at most."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Start:
    """A command line and what it should take at most; None where nothing was aimed at."""

    what: str
    command: tuple[str, ...]
    wall_s: float | None = None
    cpu_s: float | None = None
    peak_mb: float | None = None


def starts(folder: Path) -> list[Start]:
    one, many = str(folder / "one"), str(folder / "many")
    return [
        Start("`import remission`", (sys.executable, "-c", "import remission"), wall_s=0.3),
        Start("`remission --help`", (*REMISSION, "--help"), wall_s=0.7),
        Start("`remission list protocols`", (*REMISSION, "list", "protocols"), wall_s=0.7),
        Start("`remission show vincristine`", (*REMISSION, "show", "vincristine"), wall_s=0.7),
        Start(f"`remission explain {PROTOCOL}`", (*REMISSION, "explain", PROTOCOL), wall_s=0.7),
        Start(f"`remission check {PROTOCOL}.yaml`", (*REMISSION, "check", str(KNOWN / f"{PROTOCOL}.yaml")), wall_s=0.7),
        Start(f"`remission plan {PROTOCOL} ...`", (*REMISSION, "plan", PROTOCOL, *CHILD), wall_s=0.7),
        Start(
            "`remission simulate --patients 1 --out FOLDER`, with its picture",
            (*REMISSION, "simulate", PROTOCOL, "--patients", "1", "--out", one, "--fresh"),
            wall_s=1.5, peak_mb=300,
        ),
        Start(
            "`remission simulate --patients 1000 --out FOLDER`, with its picture",
            (*REMISSION, "simulate", PROTOCOL, "--patients", "1000", "--out", many, "--fresh"),
            wall_s=4.0, peak_mb=300,
        ),
    ]  # fmt: skip


def ways_there(clone: Path) -> Iterator[Start]:
    """From a new clone; a step begins when the one before is done."""
    mechanism = clone / "src/remission/engine/core/radiation.hpp"
    yield Start("`git clone`", ("git", "clone", "--quiet", str(ROOT), str(clone)))
    make = ("make", "-C", str(clone))
    yield Start("`make setup`: environment and dependencies", (*make, ".venv/.locked"))
    yield Start("`make setup`: the core, from nothing", (*make, ".venv/.ready"), cpu_s=60)
    yield Start("`make setup`: the shipped knowledge, read once for all starts", (*make, "setup"))
    with mechanism.open("a", encoding="utf-8") as file:
        file.write("// a changed mechanism\n")
    yield Start("`make setup`: the core, one mechanism changed", (*make, ".venv/.ready"), cpu_s=15)
    yield Start("`make demo`, when all is there", (*make, "demo"))
    yield Start("`make wheel`: the core for three kinds of x86-64", (*make, "wheel"))


def measured(command: Sequence[str], home: Path) -> Took:
    """One run with a home that holds nothing. Raises ``SystemExit`` with what it said when it fails."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {"HOME": str(home)}
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said, cwd=home)
        failed, used, peak_mb = waited_for(process)
        wall = time.perf_counter() - begin
        if failed:
            said.seek(0)
            sys.exit(f"{' '.join(command)} ended with {failed}:\n{said.read().decode()[-2000:]}")
    return Took(wall, used.ru_utime + used.ru_stime, peak_mb)


def rows(wanted: Iterator[Start] | Sequence[Start], runs: int) -> Iterator[tuple[Start, Took]]:
    for start in wanted:
        found = []
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as home:
                found.append(measured(start.command, Path(home)))
        took = Took(
            *(statistics.median(getattr(one, part) for one in found) for part in ("wall_s", "cpu_s", "peak_mb"))
        )
        print(f"{start.what}: {took.wall_s:.2f} s, {took.cpu_s:.2f} s CPU, {took.peak_mb:.0f} MB", file=sys.stderr)
        yield start, took


def table(found: Sequence[tuple[Start, Took]]) -> str:
    lines = ["| | seconds | CPU seconds | MB at most | aim |", "|---|---:|---:|---:|---|"]
    for start, took in found:
        aims = [
            (start.wall_s, took.wall_s, "{:g} s"), (start.cpu_s, took.cpu_s, "{:g} s CPU"),
            (start.peak_mb, took.peak_mb, "{:g} MB"),
        ]  # fmt: skip
        said = ", ".join(
            f"{form.format(aim)}{'' if value <= aim else ' (missed)'}" for aim, value, form in aims if aim is not None
        )
        lines.append(f"| {start.what} | {took.wall_s:.2f} | {took.cpu_s:.2f} | {took.peak_mb:.0f} | {said} |")
    return "\n".join(lines)


def machine(load: float) -> str:
    from importlib.metadata import version

    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "polars", "matplotlib"))
    model = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor()
    )
    python = f"Python {platform.python_version()}, {packages}"
    return f"{model}, {os.cpu_count()} cores, load {load:.1f} before the start; {python}."


def _kept() -> str:
    from remission.knowledge import kept

    if kept.things():
        return "The shipped knowledge had been read once, by `make setup`."
    return "The shipped knowledge is parsed at each of these starts: `make setup` would read it once for all."


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--runs", type=int, default=3, help="of each start; the median counts")
    wanted.add_argument("--clone", action="store_true", help="also set up a new clone (minutes)")
    wanted.add_argument("--out", type=Path, help="write the page to this file")
    asked = wanted.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        parts = [
            "# What a start takes\n",
            f"Written by `python benchmarks/start.py{' --clone' if asked.clone else ''}`. {machine(load)}\n",
            f"Each in a fresh process with an empty home and no cache, median of {asked.runs}. Nothing is compiled or "
            f"kept when it runs: the first start is like every other. {_kept()}\n",
            table(list(rows(starts(Path(folder)), asked.runs))),
        ]
        if asked.clone:
            parts += ["\n## From a new clone\n", table(list(rows(ways_there(Path(folder) / "clone"), 1)))]
    page = "\n".join(parts) + "\n"
    if asked.out:
        asked.out.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()
