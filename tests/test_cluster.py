"""Shards on a Dask cluster: the same bytes as on one machine, whatever becomes of the workers; refusals in words."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest

import remission
from remission.calibration.sensitivity import _begin as sensitivity_begin
from remission.engine import cluster
from remission.engine.cores import all_of, on_cores
from remission.knowledge.errors import BadInput

distributed = pytest.importorskip("distributed")
PROTOCOL = "cog-standard-risk"
FEW = {"patients": 1300, "follow_up_years": 0.1, "record": ("outcomes", "measurements"), "seed": 4}  # six shards


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dask")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=folder, silence_logs=50
    ) as local:
        yield local


def written(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".tmp"]  # a killed worker's
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_run_on_a_cluster_is_byte_for_byte_that_of_one_machine_though_a_worker_is_killed(
    dask, tmp_path: Path
) -> None:
    remission.simulate(PROTOCOL, out=tmp_path / "here", **FEW)

    def kill_one() -> None:
        while not list((tmp_path / "there" / "shards").glob("*.json")):
            time.sleep(0.01)
        os.kill(next(iter(dask.workers.values())).pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    done: list[int] = []
    run = remission.simulate(
        PROTOCOL, out=tmp_path / "there", cluster=dask.scheduler_address, progress=lambda n, of: done.append(n), **FEW
    )
    killer.join()
    assert written(tmp_path / "there") == written(tmp_path / "here")
    assert done == sorted(done) and done[-1] == FEW["patients"]
    assert run.performance is not None and run.performance.patients == FEW["patients"]

    (tmp_path / "there/shards/00002.json").unlink()
    again = remission.simulate(PROTOCOL, out=tmp_path / "there", cluster=dask.scheduler_address, **FEW)
    assert again.performance is not None and again.performance.patients == 256, "only what was missing"
    assert written(tmp_path / "there") == written(tmp_path / "here")

    back = remission.simulate(PROTOCOL, cluster=dask.scheduler_address, **FEW)
    assert back.outcomes.equals(again.outcomes) and back.measurements.equals(again.measurements)


def test_work_and_its_errors_come_back_from_cores_and_cluster_alike(dask) -> None:
    for spread in (partial(on_cores, workers=2), partial(cluster.on_cluster, dask.scheduler_address)):
        assert sorted(spread(str, "abcab", str.count, ["a", "b", "x"])) == [0, 2, 2]
        assert all_of(spread, str, "abcab", str.count, ["a", "x", "b"]) == [2, 0, 2], "in the order of the tasks"
        with pytest.raises(ValueError, match="invalid literal"):
            list(spread(int, "seven", divmod, ["a", "b"]))


def test_a_worker_of_another_build_refuses_by_name(dask, monkeypatch) -> None:
    built = cluster._build()
    monkeypatch.setattr(cluster, "_build", lambda: {**built, "core": "0" * 64})
    with pytest.raises(BadInput, match=r"the worker tcp://127\.0\.0\.1:\d+ on .* has another core than this machine"):
        list(cluster.on_cluster(dask.scheduler_address, sensitivity_begin, "another question", str.count, ["a"]))


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "no/such/file.json", "tcp://127.0.0.1:9"])
def test_what_is_no_scheduler_is_told(address: str) -> None:
    with pytest.raises(BadInput, match="scheduler"):
        list(cluster.on_cluster(address, str, "x", str.count, ["a"], patience=0.5))


@pytest.mark.parametrize("text", ['{"a":1', '{"address": null}', '{"address": 5}', "[]", "", "[" * 100_000])
def test_a_damaged_file_of_a_scheduler_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(BadInput, match="holds no address"):
        list(cluster.on_cluster(str(tmp_path / "s.json"), str, "x", str.count, ["a"]))


def test_a_folder_that_the_workers_do_not_share_is_told(dask, tmp_path: Path, monkeypatch) -> None:
    from remission.engine import shards

    monkeypatch.setattr(shards, "SEEN_AFTER", 1)
    monkeypatch.setattr(shards.Path, "is_file", lambda path: False)
    with pytest.raises(BadInput, match="written this part of the run, but it is not here"):
        shards._arrived(tmp_path, {"outcomes/part-00000.parquet": ""})


def test_a_run_behind_an_address_is_that_of_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("upath")
    few = {**FEW, "patients": 300}
    here = remission.simulate(PROTOCOL, out=tmp_path / "here", **few)
    there = remission.simulate(PROTOCOL, out="memory://store/run", **few)
    assert there.outcomes.equals(here.outcomes)
    opened = remission.open_run("memory://store/run")
    assert opened.outcomes.equals(here.outcomes) and opened.provenance().equals(here.provenance())
    assert remission.simulate(PROTOCOL, out="memory://store/run", **few).performance is None, "it was there already"
    with pytest.raises(BadInput, match="the folder holds another run"):
        remission.simulate(PROTOCOL, out="memory://store/run", **{**few, "seed": 5})
    remission.simulate(PROTOCOL, out="memory://store/run", fresh=True, **{**few, "seed": 5})
    (opened.folder / "outcomes/part-00000.parquet").write_bytes(b"x")
    with pytest.raises(BadInput, match="not as it was written"):
        remission.open_run("memory://store/run")
    with pytest.raises(BadInput, match="cannot be used"):
        remission.open_run("nosuchkind://store/run")
