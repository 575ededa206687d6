"""A run that something happened to is refused with the file's name, or made whole again: never shown in part."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from test_shards import IDENTITY, fingerprint, play_fake

from remission.engine.shards import read_manifest, read_run, run_shards
from remission.knowledge.errors import BadInput

TABLES = ("outcomes", "states")
WHOLE_FILES = ["manifest.json", "provenance.parquet"]
SHARD_FILES = [f"{kind}-00001.parquet" for kind in ("outcomes/part", "states/part")] + ["shards/00001.json"]


def run(out: Path, seed: int = 1, **options) -> None:
    def play(first: int, count: int) -> dict[str, pl.DataFrame]:
        return {name: frame.with_columns(seed=pl.lit(seed)) for name, frame in play_fake(first, count).items()}

    usual = {"patients": 50, "shard_size": 20, "tables": TABLES, "identity": {**IDENTITY, "seed": seed}}
    run_shards(play, **{**usual, "out": out, "whole": {"provenance": pl.DataFrame({"value": [seed]})}, **options})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run, and one with another seed."""
    folder = tmp_path_factory.mktemp("runs")
    run(folder / "mine")
    run(folder / "foreign", seed=2)
    return folder / "mine", folder / "foreign"


def content(out: Path) -> dict[str, list]:
    _, frames, whole = read_run(out)
    return {name: frame.collect().rows() for name, frame in frames.items()} | {n: f.rows() for n, f in whole.items()}


Damage = Callable[[Path, Path, random.Random], None]


def flip_a_bit(file: Path, foreign: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def truncate(file: Path, foreign: Path, chance: random.Random) -> None:
    file.write_bytes(file.read_bytes()[: chance.randrange(1, file.stat().st_size)])


def a_folder(file: Path, foreign: Path, chance: random.Random) -> None:
    file.unlink()
    file.mkdir()


def text(words: str) -> Damage:
    def write(file: Path, foreign: Path, chance: random.Random) -> None:
        file.write_text(words)

    return write


DAMAGES: dict[str, tuple[Damage, int]] = {  # and how often it is tried
    "deleted": (lambda file, foreign, chance: file.unlink(), 1),
    "empty": (text(""), 1),
    "truncated": (truncate, 5),
    "a bit flipped": (flip_a_bit, 12),
    "of another run": (lambda file, foreign, chance: shutil.copyfile(foreign, file) and None, 1),
    "the number 5": (text("5"), 1),
    "a list": (text("[]"), 1),
    "null": (text("null"), 1),
    "an empty object": (text("{}"), 1),
    "the format alone": (text('{"format": "remission run 2"}'), 1),
    "a format of another kind": (text('{"format": ["remission run"]}'), 1),
    "deep": (text("[" * 200_000), 1),
    "noise": (lambda file, foreign, chance: file.write_bytes(chance.randbytes(500)) and None, 1),
    "a folder": (a_folder, 1),
}


@pytest.mark.parametrize("file", [*WHOLE_FILES, *SHARD_FILES])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_or_mended_and_never_shown(
    runs: tuple[Path, Path], tmp_path: Path, file: str, damage: str
) -> None:
    mine, foreign = runs
    right, whole = content(mine), fingerprint(mine)
    hurt, times = DAMAGES[damage]
    for time in range(times):
        out = tmp_path / f"{time}"
        shutil.copytree(mine, out)
        hurt(out / file, foreign / file, random.Random(f"{file} {damage} {time}"))
        damaged = fingerprint(out)
        try:
            assert content(out) == right, "shown whole"
        except BadInput as refused:
            foreign_manifest = (file, damage) == ("manifest.json", "of another run")  # then all else is foreign to it
            assert (str(out) if foreign_manifest else str(out / file)) in str(refused), refused
            assert refused.remedy
        assert fingerprint(out) == damaged, "reading changes nothing"
        try:
            run(out)
            assert fingerprint(out) == whole
        except BadInput as refused:
            assert str(out) in str(refused) and refused.remedy
            assert "--fresh" in refused.remedy or "Choose another" in refused.remedy
        shutil.rmtree(out)
        shutil.copytree(mine, out)
        hurt(out / file, foreign / file, random.Random(f"{file} {damage} {time}"))
        if damage == "a folder":
            with pytest.raises(BadInput, match=rf"{file}: the file cannot be written"):
                run(out, fresh=True)
            (out / file).rmdir()
        run(out, fresh=True)
        assert fingerprint(out) == whole


def test_a_damaged_manifest_costs_no_finished_shard(runs: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(runs[0], out)
    (out / "manifest.json").unlink()

    def nothing(first: int, count: int) -> dict:
        raise AssertionError("all shards are there")

    with pytest.raises(BadInput, match="manifest of the run is missing"):
        read_run(out)
    usual = {"patients": 50, "shard_size": 20, "tables": TABLES, "identity": IDENTITY}
    run_shards(nothing, **usual, out=out, whole={"provenance": pl.DataFrame({"value": [1]})})
    assert fingerprint(out) == fingerprint(runs[0])
    (out / "manifest.json").unlink()
    with pytest.raises(BadInput, match="manifest of the run is missing"):
        run(out, seed=2)


@pytest.mark.parametrize("added", ["outcomes/part-00003.parquet", "states/part-00099.parquet", "outcomes/copy.parquet"])
def test_a_part_that_is_not_of_the_run_is_refused(runs: tuple[Path, Path], tmp_path: Path, added: str) -> None:
    """556 of 300 patients: every reader of the folder would count them."""
    out = tmp_path / "run"
    shutil.copytree(runs[0], out)
    shutil.copy(runs[1] / "outcomes" / "part-00001.parquet", out / added)
    for use in (read_run, run):
        with pytest.raises(BadInput, match="not of the run") as refused:
            use(out)
        assert refused.value.file == str(out / added)
    if "part-" in added:
        run(out, fresh=True)
        assert fingerprint(out) == fingerprint(runs[0])
    else:
        with pytest.raises(BadInput, match="Move it out"):
            run(out, fresh=True)
        assert (out / added).exists()


def test_a_shard_of_another_run_is_played_anew_with_its_mark_and_all(runs: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(runs[0], out)
    for file in SHARD_FILES:
        shutil.copy(runs[1] / file, out / file)
    with pytest.raises(BadInput, match="not as it was written"):
        read_run(out)
    run(out)
    assert fingerprint(out) == fingerprint(runs[0])


# --- --fresh ------------------------------------------------------------------------------------


def test_fresh_leaves_alone_what_is_outside_or_not_written_by_a_run(runs: tuple[Path, Path], tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    shutil.copytree(runs[0], out)
    elsewhere.mkdir()
    for name in ("x.parquet", "part-00000.parquet", "00000.json"):
        (elsewhere / name).write_text("mine")
    tree = read_manifest(out)
    tree["files"] = {"../elsewhere/x.parquet": "0" * 64, str(elsewhere / "x.parquet"): "0" * 64}
    tree["tables"] = ["../elsewhere"]
    (out / "manifest.json").write_text(json.dumps(tree))
    for kept in ("notes.txt", "mydata/part-00000.parquet", "outcomes/notes.txt", "figure.png"):
        (out / kept).parent.mkdir(exist_ok=True)
        (out / kept).write_text("mine")
    (out / "cohort.png").symlink_to(elsewhere / "x.parquet")
    (out / "summary.csv").write_text("old")
    (out / "patient-12.png").write_text("old")
    run(out, fresh=True)
    assert {path.read_text() for path in elsewhere.iterdir()} == {"mine"} and len(list(elsewhere.iterdir())) == 3
    for kept in ("notes.txt", "mydata/part-00000.parquet", "outcomes/notes.txt", "figure.png"):
        assert (out / kept).read_text() == "mine"
    for old in ("summary.csv", "patient-12.png", "cohort.png"):
        assert not (out / old).is_symlink() and not (out / old).exists()


@pytest.mark.parametrize("fresh", [False, True])
def test_the_folder_of_a_table_that_leads_elsewhere_is_refused(
    runs: tuple[Path, Path], tmp_path: Path, fresh: bool
) -> None:
    out, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    shutil.copytree(runs[0], out)
    shutil.move(out / "states", elsewhere)
    (out / "states").symlink_to(elsewhere)
    before = fingerprint(elsewhere)
    with pytest.raises(BadInput, match="states: a run keeps files in a folder of this name"):
        run(out, fresh=fresh)
    assert fingerprint(elsewhere) == before


@pytest.mark.parametrize("text", ['{"name": "an app"}', "5", "[]"])
def test_fresh_does_not_write_over_a_manifest_of_something_else(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BadInput, match="not the manifest of a run"):
        run(tmp_path, fresh=True)
    assert (tmp_path / "manifest.json").read_text() == text


def test_a_link_to_nowhere_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path / "gone")
    with pytest.raises(BadInput, match="a link to .*gone, which is not there"):
        run(tmp_path / "run")


def test_what_shows_the_run_is_made_while_the_folder_is_held(tmp_path: Path) -> None:
    def again() -> None:
        assert read_run(tmp_path / "run")[0]["finished"]
        with pytest.raises(BadInput, match="another process"):
            run(tmp_path / "run", fresh=True)
        (tmp_path / "run" / "summary.csv").write_text("mine")

    run(tmp_path / "run", finish=again)
    assert (tmp_path / "run" / "summary.csv").read_text() == "mine"


@pytest.mark.parametrize("file", [*WHOLE_FILES, *SHARD_FILES])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_run_writes_through_no_link_and_waits_for_no_pipe(
    runs: tuple[Path, Path], tmp_path: Path, file: str, fresh: bool
) -> None:
    mine, _ = runs
    out, outside = tmp_path / "run", tmp_path / "outside"
    whole = fingerprint(mine)
    shutil.copytree(mine, out)
    outside.write_text("ten years")
    (out / file).unlink()
    (out / file).symlink_to(outside)
    try:
        run(out, fresh=fresh)
        assert fingerprint(out) == whole and not (out / file).is_symlink()
    except BadInput as refused:
        assert file == "manifest.json" and not fresh and refused.remedy
    assert outside.read_text() == "ten years"
    (out / file).unlink()
    os.mkfifo(out / file)
    if file not in SHARD_FILES[2:]:  # a mark is read by who goes on, not by who shows
        with pytest.raises(BadInput, match=file):
            read_run(out)
    run(out, fresh=True)
    assert fingerprint(out) == whole
