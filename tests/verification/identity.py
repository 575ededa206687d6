"""The same patient gets the same tables to the bit, whoever is played beside him and however the run is cut."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import polars as pl

from remission.engine.play import Options, play
from remission.engine.program import Program, prepare
from remission.engine.shards import read_manifest, read_run, run_shards
from remission.knowledge.library import library
from remission.patient.population import draw
from remission.protocol.reader import read_protocol
from remission.trial.run import simulate

POPULATION, SEED, PATIENTS = "standard-risk-b-all", 4, 140
OPTIONS = Options(follow_up_days=300)
Tables = dict[str, pl.DataFrame]


def checks(protocol: str) -> Iterable[tuple[str, bool]]:
    """(what was changed, whether every table stayed the same)."""
    program = prepare(read_protocol(library().protocol_path(protocol)), library())
    people = draw(POPULATION, PATIENTS, seed=11)
    whole = play(program, people, seed=SEED, threads=1, options=OPTIONS)

    def again(index: np.ndarray, threads: int = 1) -> bool:
        part = play(program, people.take(index), seed=SEED, threads=threads, options=OPTIONS)
        mine = pl.col("patient").is_in(people.patient[index].tolist())
        return same({name: table.filter(mine) for name, table in whole.items()}, part)

    everyone, shuffled = np.arange(PATIENTS), np.random.default_rng(1).permutation(PATIENTS)
    yield "2 threads in place of 1", again(everyone, threads=2)
    yield "another order", again(shuffled)
    yield "other neighbours in the block (every third patient)", again(everyone[::3])
    yield "each of 8 patients alone", all(again(np.array([i])) for i in everyone[:: PATIENTS // 8])
    with tempfile.TemporaryDirectory() as folder:
        first, *others = [_sharded(program, Path(folder), size) for size in (32, 50, 140)]
        yield "shards of 32, of 50 and of 140", all(same(first, other) for other in others)
        yield "killed (SIGKILL) after a shard and begun again", _resumed(protocol, Path(folder))


def same(a: Tables, b: Tables) -> bool:
    return all(
        a[name].sort("patient", maintain_order=True).equals(b[name].sort("patient", maintain_order=True)) for name in a
    )


def _sharded(program: Program, folder: Path, size: int) -> Tables:
    """The tables of a run on disk in shards of ``size``."""

    def shard(first: int, count: int) -> Tables:
        return play(program, draw(POPULATION, count, seed=11, start=first), seed=SEED, threads=1, options=OPTIONS)

    out = folder / f"shards-{size}"
    names = OPTIONS.record
    run_shards(shard, patients=PATIENTS, shard_size=size, out=out, identity={"shard size": size}, tables=names)
    return {name: frame.collect() for name, frame in read_run(out)[1].items()}


def _run(protocol: str, out: str, progress: Callable[[int, int], None] | None = None) -> None:
    simulate(protocol, patients=600, seed=SEED, out=out, follow_up_years=0.5, threads=1, progress=progress)


def killed(protocol: str, out: str) -> None:
    """A run that dies once a shard is on disk."""

    def die(done: int, _: int) -> None:
        if done > 0:
            os.kill(os.getpid(), signal.SIGKILL)

    _run(protocol, out, die)


def _resumed(protocol: str, folder: Path) -> bool:
    cut, undisturbed = folder / "killed", folder / "undisturbed"
    script = "import sys; from verification import identity; identity.killed(*sys.argv[1:])"
    paths = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    dead = subprocess.run(
        [sys.executable, "-c", script, protocol, str(cut)], env={**os.environ, "PYTHONPATH": paths}, check=False
    )
    if dead.returncode != -signal.SIGKILL or read_manifest(cut)["finished"]:
        return False
    _run(protocol, str(cut))
    _run(protocol, str(undisturbed))
    return _files(cut) == _files(undisturbed)


def _files(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
