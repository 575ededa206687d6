"""A million patients written to Parquet, as a person has them: `python benchmarks/million.py --out docs/scaling.md`.

The command `remission simulate PROTOCOL --patients N --out FOLDER --yes`, all tables, summary and picture, in a process
that is held to so many cores and so much memory. First a small run on one core and on all of them: what the cores give,
and an estimate of the large run. Leave the machine alone meanwhile: these are seconds of a clock on the wall.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from compare import machine
from page import put
from peak import waited_for

GIB = 2**30


@dataclass(frozen=True)
class Played:
    """One run of the command. ``seconds`` on the wall, ``worked``: of all cores together; what it left on the disk."""

    patients: int
    cores: int
    seconds: float
    worked: float
    peak_gib: float
    bytes_of_table: dict[str, int]


def command(protocol: str, patients: int, folder: Path, threads: int) -> list[str]:
    """What the shell would be given, by the Python and the remission of this process."""
    arguments = [
        "simulate",
        protocol,
        "--patients",
        f"{patients}",
        "--out",
        f"{folder}",
        "--yes",
        "--threads",
        f"{threads}",
    ]
    return [sys.executable, "-m", "remission", *arguments]


def played(protocol: str, patients: int, cores: set[int], memory_gib: float, folder: Path) -> Played:
    """Run the command on these cores; more private memory than ``memory_gib`` is refused to it."""

    def held() -> None:
        os.sched_setaffinity(0, cores)
        most = int(memory_gib * GIB)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))

    environment = os.environ | {"POLARS_MAX_THREADS": f"{len(cores)}", "MALLOC_ARENA_MAX": "2"}
    begin = time.perf_counter()
    process = subprocess.Popen(command(protocol, patients, folder, len(cores)), preexec_fn=held, env=environment)
    failed, used, peak_mb = waited_for(process)
    seconds = time.perf_counter() - begin
    if failed:
        raise SystemExit(f"the command ended with {failed}")
    sizes = {
        table.name: sum(part.stat().st_size for part in table.glob("*.parquet"))
        for table in sorted(folder.iterdir()) if table.is_dir() and table.name != "shards"
    }  # fmt: skip
    shutil.rmtree(folder)
    return Played(patients, len(cores), seconds, used.ru_utime + used.ru_stime, peak_mb * 1e6 / GIB, sizes)


def told(protocol: str, few: list[Played], many: Played | None, memory_gib: float, about: str) -> str:
    """The part of the page."""
    one, all_ = few
    lines = [
        f"## {(many or all_).patients:,} patients, the whole command",
        "",
        f"`remission simulate {protocol} --patients N --out FOLDER --yes`: every table, summary and picture; more than "
        f"{memory_gib:g} GiB of private memory is refused to the process. Made by `python benchmarks/million.py`.",
        "",
        "| patients | cores | seconds | of one core | cores kept busy | patients/s | peak memory, GiB | on disk, GB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for run in (*few, *([many] if many else [])):
        busy, disk = run.worked / run.seconds, sum(run.bytes_of_table.values()) / 1e9
        lines.append(
            f"| {run.patients:,} | {run.cores} | {run.seconds:,.1f} | {run.worked:,.1f} | {busy:.2f} "
            f"| {run.patients / run.seconds:,.0f} | {run.peak_gib:.2f} | {disk:.2f} |"
        )
    lines += ["", f"{all_.cores} cores are {one.seconds / all_.seconds:.2f} times one, starting and ending included."]
    last = many or all_
    sizes = sorted(last.bytes_of_table.items(), key=lambda item: -item[1])
    lines += ["", "| table | bytes a patient |", "|---|---|"]
    lines += [f"| {table} | {size / last.patients:,.0f} |" for table, size in sizes]
    return "\n".join([*lines, "", about])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--protocol", default="cog-standard-risk")
    options.add_argument("--patients", type=int, default=1_000_000, help="of the large run; 0: none")
    options.add_argument("--few", type=int, default=20_000, help="of the small ones")
    options.add_argument("--cores", type=int, default=2)
    options.add_argument("--memory", type=float, default=2.0, help="GiB that the process may hold")
    options.add_argument(
        "--folder", type=Path, help="where to write the runs (deleted afterwards); needs 10 GB a million"
    )
    options.add_argument("--out", type=Path, help="page (Markdown) to put the tables into")
    asked = options.parse_args()
    about = machine()
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < asked.cores:
        raise SystemExit(f"{asked.cores} cores are asked for and {len(allowed)} are here")
    cores = set(allowed[: asked.cores])
    with tempfile.TemporaryDirectory(prefix="remission-million-", dir=asked.folder) as name:
        run = Path(name) / "run"
        few = [played(asked.protocol, asked.few, some, asked.memory, run) for some in ({min(cores)}, cores)]
        print(told(asked.protocol, few, None, asked.memory, about))
        many = None
        if asked.patients:
            print(
                f"{asked.patients:,} patients: about {asked.patients / asked.few * few[1].seconds:,.0f} s", flush=True
            )
            many = played(asked.protocol, asked.patients, cores, asked.memory, run)
    text = told(asked.protocol, few, many, asked.memory, about)
    print(text)
    if asked.out:
        put(asked.out, "the whole command", text)


if __name__ == "__main__":
    main()
