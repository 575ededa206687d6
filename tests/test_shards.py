"""A run on disk: bounded, resumable after a kill, and the same bytes whatever happened on the way."""

from __future__ import annotations

import contextvars
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from remission.engine import shards
from remission.engine.shards import read_manifest, read_run, run_shards
from remission.knowledge.errors import BadInput

IDENTITY = {"protocol": "fake", "seed": 1, "options": {"follow_up_years": 10}}


def play_fake(first: int, count: int) -> dict[str, pl.DataFrame]:
    """Tables keyed by patient, as the engine's are: the same for a patient whatever shard it is in."""
    patient = np.arange(first, first + count)
    return {
        "outcomes": pl.DataFrame({"patient": patient, "age_y": np.sin(patient) * 5 + 7, "relapse": patient % 7 == 0}),
        "states": pl.DataFrame({"patient": np.repeat(patient, 50), "anc": np.cos(np.arange(count * 50) + first)}),
    }


def run(out: Path, play=play_fake, **options) -> None:
    usual = {"patients": 95, "shard_size": 20, "identity": IDENTITY, "tables": ("outcomes", "states")}
    run_shards(play, **{**usual, "out": out, **options})


def table(out: Path, name: str) -> pl.DataFrame:
    return read_run(out)[1][name].collect()


def fingerprint(out: Path) -> dict[str, str]:
    files = [p for p in out.rglob("*") if p.is_file()]
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_nobody_who_plays_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first shard is written only when the third is played, which a thread that writes would never come to."""
    third = threading.Event()
    write = shards.write_file

    def slow(path: Path, data: bytes) -> str:
        assert path.suffix != ".parquet" or third.wait(20)
        return write(path, data)

    def play(first: int, count: int) -> dict[str, pl.DataFrame]:
        if first == 40:
            third.set()
        return play_fake(first, count)

    monkeypatch.setattr(shards, "write_file", slow)
    run(tmp_path / "run", play, at_once=2)
    assert table(tmp_path / "run", "outcomes")["patient"].to_list() == list(range(95))


def test_every_patient_is_written_once_and_the_last_shard_is_short(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run(tmp_path / "run", progress=lambda done, total: seen.append((done, total)))
    assert sorted(read_run(tmp_path / "run")[1]) == ["outcomes", "states"]
    assert table(tmp_path / "run", "outcomes")["patient"].to_list() == list(range(95))
    assert seen == [(0, 95), (20, 95), (40, 95), (60, 95), (80, 95), (95, 95)]
    manifest = read_manifest(tmp_path / "run")
    assert manifest["finished"] and manifest["identity"] == IDENTITY
    recorded = {file: digest for files in manifest["shards"].values() for file, digest in files.items()}
    on_disk = {f: h for f, h in fingerprint(tmp_path / "run").items() if f.endswith(".parquet")}
    assert recorded == on_disk


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    played: list[int] = []

    def interrupted(first: int, count: int) -> dict[str, pl.DataFrame]:
        if first == 60 and not played:
            played.append(first)
            raise KeyboardInterrupt
        return play_fake(first, count)

    def counted(first: int, count: int) -> dict[str, pl.DataFrame]:
        played.append(first)
        return play_fake(first, count)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a", interrupted)
    assert not read_manifest(tmp_path / "a")["finished"]
    played.clear()
    run(tmp_path / "a", counted)
    assert played == [60, 80], "finished shards are not played again"
    run(tmp_path / "b")
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b")


def test_two_shards_at_once_give_the_bytes_of_one_at_a_time(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run(tmp_path / "one")
    run(tmp_path / "two", at_once=2, progress=lambda done, total: seen.append((done, total)))
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    assert seen == [(0, 95), (20, 95), (40, 95), (60, 95), (80, 95), (95, 95)]


def test_what_is_worked_on_at_once_comes_in_turn_is_bounded_and_knows_the_callers_context() -> None:
    word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="of nobody")
    word.set("of the caller")
    third, begun = threading.Event(), []

    def work(item: int) -> tuple[int, str]:
        begun.append(item)
        if item == 0:
            assert third.wait(60), "who is done with the second goes on while the first is still worked on"
        if item == 2:
            third.set()
        return item, word.get()

    for done, made in enumerate(shards.in_turn(work, range(6), 2)):
        assert made == (done, "of the caller")
        assert len(begun) <= done + 4, "no more than four are made that nobody has taken"


def test_what_goes_wrong_ahead_of_its_turn_leaves_the_shards_before_it_written(tmp_path: Path) -> None:
    def broken(first: int, count: int) -> dict[str, pl.DataFrame]:
        if first == 40:
            raise BadInput("shard 2 cannot be played")
        return play_fake(first, count)

    with pytest.raises(BadInput, match="shard 2 cannot be played"):
        run(tmp_path / "run", broken, at_once=2)
    marks = {mark.name for mark in (tmp_path / "run" / "shards").iterdir()}
    assert {"00000.json", "00001.json"} <= marks and "00002.json" not in marks
    run(tmp_path / "run", at_once=2)
    run(tmp_path / "other")
    assert fingerprint(tmp_path / "run") == fingerprint(tmp_path / "other")


def test_kill_9_in_the_middle_then_the_same_command(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "import test_shards as t\n"
        "def slow(first, count):\n"
        "    time.sleep(0.05); return t.play_fake(first, count)\n"
        "t.run(Path(sys.argv[1]), slow, patients=400)\n"
    )
    out = tmp_path / "killed"
    for kill_after_shards in (2, 9):
        process = subprocess.Popen([sys.executable, "-c", script, str(out), str(Path(__file__).parent)])
        deadline = time.monotonic() + 60
        while not (out / "shards" / f"{kill_after_shards:05d}.json").exists():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not read_manifest(out)["finished"]
    (out / "states" / ".part-00015.parquet.0a1b2c3d.tmp").write_bytes(b"half")  # what a kill during a write leaves
    run(out, patients=400)
    run(tmp_path / "undisturbed", patients=400)
    assert fingerprint(out) == fingerprint(tmp_path / "undisturbed")


def test_a_damaged_or_missing_part_is_played_again(tmp_path: Path) -> None:
    run(tmp_path / "run")
    whole = fingerprint(tmp_path / "run")
    part = tmp_path / "run" / "states" / "part-00002.parquet"
    part.write_bytes(part.read_bytes()[:-10])
    (tmp_path / "run" / "outcomes" / "part-00004.parquet").unlink()
    run(tmp_path / "run")
    assert fingerprint(tmp_path / "run") == whole


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"identity": {**IDENTITY, "seed": 2}}, "seed is 1 there, 2 here"),
        ({"patients": 96}, "patients is 95 there, 96 here"),
        ({"shard_size": 19}, "shard_size is 20 there, 19 here"),
        ({"identity": {**IDENTITY, "options": {"follow_up_years": 5}}}, "options follow_up_years is 10 there, 5 here"),
    ],
)
def test_another_run_in_the_folder_is_refused_and_left_whole(tmp_path: Path, options: dict, says: str) -> None:
    run(tmp_path / "run")
    whole = fingerprint(tmp_path / "run")
    with pytest.raises(BadInput, match="holds another run") as refused:
        run(tmp_path / "run", **options)
    assert says in str(refused.value) and "--fresh" in str(refused.value)
    assert fingerprint(tmp_path / "run") == whole


def test_fresh_replaces_the_run_and_keeps_what_is_not_the_runs(tmp_path: Path) -> None:
    run(tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    run(tmp_path / "run", patients=30, fresh=True)
    assert table(tmp_path / "run", "outcomes").height == 30
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "run" / "states" / "part-00003.parquet").exists()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_with_other_files_is_never_touched(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "thesis.tex").write_text("ten years")
    with pytest.raises(BadInput, match=r"thesis\.tex"):
        run(tmp_path, fresh=fresh)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(BadInput, match="cannot be used"):
        run(tmp_path / "run")


def test_a_strange_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"\x00\xff{")
    with pytest.raises(BadInput, match="not the manifest"):
        run(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"format": "remission run 99"}))
    with pytest.raises(BadInput, match="this version reads"):
        run(tmp_path)


@pytest.mark.parametrize("on_file", ["part-00002.parquet", "00002.json", "manifest.json"])
def test_a_full_disk_keeps_the_finished_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_file: str) -> None:
    real = os.replace
    written: list[str] = []

    def full(source: Path, target: Path) -> None:
        if Path(target).name == on_file and (on_file != "manifest.json" or written):
            raise OSError(errno.ENOSPC, "No space left on device", str(source))
        written.append(Path(target).name)
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(shards.os, "replace", full)
        with pytest.raises(BadInput, match="disk is full") as stopped:
            run(tmp_path / "run")
    assert "same command" in str(stopped.value)
    assert (tmp_path / "run" / "shards" / "00001.json").exists()
    assert not list((tmp_path / "run").rglob("*.tmp"))
    run(tmp_path / "run")
    run(tmp_path / "undisturbed")
    assert fingerprint(tmp_path / "run") == fingerprint(tmp_path / "undisturbed")


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    def again(first: int, count: int) -> dict[str, pl.DataFrame]:
        run(tmp_path / "run")
        return play_fake(first, count)

    with pytest.raises(BadInput, match="another process"):
        run(tmp_path / "run", again)


def test_no_run_here(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no run is here"):
        read_manifest(tmp_path)
    with pytest.raises(BadInput, match="no run is here"):
        read_run(tmp_path / "nowhere")
