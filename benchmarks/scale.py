"""What a large run costs on many machines, by what is measured here: `python benchmarks/scale.py --out docs/scale.md`.

Plays a cohort on this machine and on a Dask cluster of 1, 2 and 4 workers on it, takes the time and the size of shards,
how many tasks a second a scheduler hands out, and how fast tables are read lazily; and reckons 10^7 and 10^8 patients.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from compare import machine
from page import put

import remission
from remission.engine.cluster import on_cluster
from remission.trial.cost import duration, size
from remission.trial.run import shard_size

PROTOCOL = "cog-standard-risk"
LARGE = (10**7, 10**8)
ROWS = 10**7


@dataclass(frozen=True)
class Timed:
    workers: int  # 0: no cluster
    seconds: float
    patients: int


def timed(workers: int, patients: int, out: Path, address: str | None) -> Timed:
    began = time.perf_counter()
    remission.simulate(PROTOCOL, patients=patients, seed=7, out=out, cluster=address, threads=None)
    return Timed(workers, time.perf_counter() - began, patients)


def on_workers(workers: int, patients: int, out: Path) -> tuple[Timed, float]:
    """The run on so many workers of one thread, and how many tasks a second that do nothing they answer."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        address = cluster.scheduler_address
        timed(workers, 32 * workers, out / "warm", address)  # the workers read their knowledge
        run = timed(workers, patients, out / "run", address)
        began = time.perf_counter()
        done = sum(1 for _ in on_cluster(address, str, "nothing", str.count, ["a"] * 1000))
        return run, done / (time.perf_counter() - began)


def reading(folder: Path) -> list[tuple[str, int, float]]:
    """Rows and seconds of sums over whole tables, read lazily, the parts again and again until there are 10^7 rows."""
    rows = []
    for table, column in (("measurements", "anc"), ("states", "anc"), ("doses", "dose")):
        parts = sorted((folder / table).glob("*.parquet"))
        one = pl.scan_parquet(parts).select(pl.len()).collect().item()
        many = parts * -(-ROWS // one)
        frame = pl.scan_parquet(many)
        group = "agent" if table == "doses" else "day"
        asked = frame.group_by(group).agg(pl.col(column).mean(), pl.len())
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            asked.collect(engine="streaming")
            seconds.append(time.perf_counter() - began)
        rows.append((table, one * len(many) // len(parts), statistics.median(seconds)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=8192)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    about = machine()
    runs: list[Timed] = []
    rates: list[float] = []
    with tempfile.TemporaryDirectory(prefix="remission-scale-") as name:
        folder = Path(name)
        runs.append(timed(0, options.patients, folder / "here", None))
        for workers in options.workers:
            run, rate = on_workers(workers, options.patients, folder / f"{workers}")
            runs.append(run)
            rates.append(rate)
        here = folder / "here"
        manifest = json.loads((here / "manifest.json").read_text())
        shards = len(manifest["shards"])
        tables = {
            table: sum(path.stat().st_size for path in (here / table).iterdir()) / options.patients
            for table in manifest["tables"]
        }
        per_shard = len((here / "manifest.json").read_bytes()) / shards
        read = reading(here)
    text = page(about, runs, rates, tables, per_shard, read)
    print(text)
    if options.out:
        put(options.out, "measured and reckoned", text)


def page(
    about: str,
    runs: list[Timed],
    rates: list[float],
    tables: dict[str, float],
    per_shard: float,
    read: list[tuple[str, int, float]],
) -> str:
    here = runs[0]
    cores = os.cpu_count() or 1
    each = {run.workers: run.seconds / run.patients * min(run.workers or cores, cores) for run in runs}
    core_seconds = each.get(1) or each[0]
    bytes_each = sum(tables.values())
    lines = [
        f"{about} `{PROTOCOL}`, all tables, {here.patients:,} patients.",
        "",
        "| workers of one thread | seconds | patients/s | times one worker |",
        "|---|---|---|---|",
    ]
    one = next((run.seconds for run in runs if run.workers == 1), here.seconds)
    for run in runs:
        name = f"{run.workers}" if run.workers else f"no cluster, {cores} threads"
        lines.append(f"| {name} | {run.seconds:.1f} | {run.patients / run.seconds:.0f} | {one / run.seconds:.2f} |")
    rate = statistics.median(rates) if rates else float("nan")
    lines += [
        "",
        f"This machine has {cores} cores: more workers than that cannot gain. A scheduler here hands out {rate:,.0f} "
        "tasks a second that do nothing.",
        "",
        f"A patient takes {1000 * core_seconds:.2f} ms of a core and {size(bytes_each)} on the disk ("
        + ", ".join(f"{table} {size(value)}" for table, value in sorted(tables.items(), key=lambda x: -x[1]))
        + f"); a shard's line in the manifest {size(per_shard)}.",
        "",
        "| | " + " | ".join(f"{n:,} patients" for n in LARGE) + " |",
        "|---|" + "---|" * len(LARGE),
    ]
    shards = {n: -(-n // shard_size(n)) for n in LARGE}
    span = {n: core_seconds * shard_size(n) for n in LARGE}
    rows = {
        "shards": [f"{shards[n]:,} of {shard_size(n):,} patients" for n in LARGE],
        "core-hours": [f"{n * core_seconds / 3600:,.0f}" for n in LARGE],
        "on 100 cores": [duration(n * core_seconds / 100) for n in LARGE],
        "on 1,000 cores": [duration(n * core_seconds / 1000) for n in LARGE],
        "disk": [size(n * bytes_each) for n in LARGE],
        "written at once, 1,000 cores": [f"{size(1000 * bytes_each / core_seconds)}/s" for _ in LARGE],
        "manifest": [size(shards[n] * per_shard) for n in LARGE],
        "the asker reads it all once to check hashes, at 500 MB/s": [duration(n * bytes_each / 5e8) for n in LARGE],
    }
    lines += [f"| {what} | " + " | ".join(values) + " |" for what, values in rows.items()]
    lines += [
        "",
        f"**Where it stops scaling.** A shard takes {span[LARGE[0]]:.1f} s of a core, so a scheduler that hands out "
        f"{rate:,.0f} tasks a second is busy with about {rate * span[LARGE[0]]:,.0f} cores (Dask itself grows slow "
        f"with some thousands of workers). Before that the store must take what is written: at 1 GB/s that is "
        f"{1e9 * core_seconds / bytes_each:,.0f} cores, with `record` of the outcomes alone "
        f"{1e9 * core_seconds / tables['outcomes']:,.0f}. What one process does does not scale: the manifest, and "
        "the summary at the end, which reads outcomes, events and side effects once.",
        "",
        "Tables read lazily (`run.scan`), the mean of a column by day or agent, streamed:",
        "",
        "| table | rows | seconds | rows/s |",
        "|---|---|---|---|",
        *(f"| {table} | {rows_:,} | {seconds:.2f} | {rows_ / seconds:,.0f} |" for table, rows_, seconds in read),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
