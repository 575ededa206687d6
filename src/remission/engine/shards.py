"""A big cohort on disk: played shard by shard in bounded memory, and taken up again where it stopped.

The folder of a run::

    manifest.json               what the run is; when it is finished also every file with its sha256
    shards/00000.json           shard 0 is on disk: its files with their sha256
    outcomes/part-00000.parquet shard 0 of the table ``outcomes``

A file appears under its name only when it is whole (written beside, synced, renamed), and nothing in the folder
depends on the clock: a run that was killed and taken up again ends with the same bytes as an undisturbed one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from remission.knowledge.errors import BadInput

FORMAT = "remission run 1"
MANIFEST = "manifest.json"
MARKS = "shards"
VERSIONS = ("remission", "numpy", "numba", "polars")  # other versions may give other bytes
ROWS_PER_GROUP = 131_072

Tables = dict[str, pl.DataFrame]
Manifest = dict[str, Any]


def run_shards(
    play_shard: Callable[[int, int], Tables],
    *,
    patients: int,
    shard_size: int,
    out: Path,
    identity: dict[str, Any],
    progress: Callable[[int, int], None] | None = None,
    whole: Tables | None = None,
    fresh: bool = False,
) -> None:
    """Play patients 0..patients-1 shard by shard into the folder ``out``; shards already there are not played again.

    ``play_shard(first, count)`` returns the tables of the patients first..first+count-1; ``whole`` are tables of the
    run as such, written once as ``<name>.parquet``. ``identity`` (JSON values) says what makes this run itself: the
    same identity goes on, another one is refused with `BadInput`, as is a folder that holds other files.
    ``progress(done, patients)`` is called before the first and after every shard. ``fresh`` replaces the run that
    the folder holds. A full disk or a folder that cannot be written is a `BadInput`; the finished shards stay.
    """
    with _claimed(out):
        with _troubles_of(out):
            manifest = _begin(out, json.loads(json.dumps(identity)), patients, shard_size, whole or {}, fresh)
        shards: dict[str, dict[str, str]] = {}
        for shard, first in enumerate(range(0, patients, shard_size)):
            if progress:
                progress(first, patients)
            files = _finished(out, shard)
            if files is None:
                frames = play_shard(first, min(shard_size, patients - first))
                with _troubles_of(out):
                    files = _write_shard(out, shard, frames)
            shards[_name(shard)] = files
        with _troubles_of(out):
            _write_json(out / MANIFEST, {**manifest, "finished": True, "shards": shards})
        if progress:
            progress(patients, patients)


def read_manifest(out: Path) -> Manifest:
    """The manifest of a run folder; `BadInput` when it holds no run or one that cannot be read."""
    path = out / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(
            "no run is here: manifest.json is missing", file=out, remedy="Name the folder given to --out"
        ) from None
    except OSError as error:
        raise BadInput(f"the manifest cannot be read ({error.strerror})", file=path) from None
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or not str(manifest.get("format", "")).startswith("remission run"):
        raise BadInput("this is not the manifest of a run of remission", file=path, remedy="Name another folder")
    if manifest["format"] != FORMAT:
        raise BadInput(
            f"the run is written in the format '{manifest['format']}'; this version reads '{FORMAT}'",
            file=path,
            remedy="Use the version of remission that wrote it",
        )
    return manifest


def scan(out: Path, table: str) -> pl.LazyFrame:
    """One table of a finished run, read lazily; `BadInput` when the run has no such table."""
    if not any((out / table).glob("part-*.parquet")):
        raise BadInput(
            f"the run has no table '{table}'", file=out, remedy="It has: " + (", ".join(tables(out)) or "none yet")
        )
    return pl.scan_parquet(out / table / "part-*.parquet")


def read_whole(out: Path, name: str) -> pl.DataFrame:
    """A table of the run as such (for example ``provenance``)."""
    try:
        return pl.read_parquet(out / f"{name}.parquet")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"{name}.parquet cannot be read", file=out, remedy="Play the run again with --fresh") from error


def tables(out: Path) -> list[str]:
    """The names of the tables in a run folder."""
    return sorted({part.parent.name for part in out.glob("*/part-*.parquet")})


def write_file(path: Path, data: bytes) -> str:
    """Write a file so that under its name it is either absent, the old one or whole; returns its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    try:
        with open(beside, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    return hashlib.sha256(data).hexdigest()


# --- the folder -------------------------------------------------------------------------------


@contextlib.contextmanager
def _claimed(out: Path) -> Iterator[None]:
    """Make the folder and hold it for this process: two runs never write into one folder."""
    with _troubles_of(out):
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = "another process is writing a run into this folder"
            raise BadInput(what, file=out, remedy="Wait for it or choose another --out") from None
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _troubles_of(out: Path) -> Iterator[None]:
    """What the disk refuses, in words for a person."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BadInput(
                "the disk is full; the shards finished so far are kept",
                file=out,
                remedy="Free some space and give the same command again: it goes on where it stopped",
            ) from error
        what = f"the folder cannot be used ({error.strerror or error})"
        raise BadInput(what, file=error.filename or out, remedy="Choose another --out") from error


def _begin(out: Path, identity: dict[str, Any], patients: int, shard_size: int, whole: Tables, fresh: bool) -> Manifest:
    """The manifest of this run, begun anew or checked against the one that is there; the folder made tidy."""
    contents = {f"{name}.parquet": _parquet(frame) for name, frame in sorted(whole.items())}
    started: Manifest = {
        "format": FORMAT,
        "versions": {package: version(package) for package in VERSIONS},
        "identity": identity,
        "patients": patients,
        "shard_size": shard_size,
        "files": {file: hashlib.sha256(data).hexdigest() for file, data in contents.items()},
        "finished": False,
        "shards": {},
    }
    if (out / MANIFEST).exists():
        there = read_manifest(out)
        if fresh:
            _delete_run(out, there)
        else:
            _check_same(out, there, started)
    elif strangers := sorted(p.name for p in out.iterdir() if p.name != _beside(out / MANIFEST).name):
        raise BadInput(
            f"the folder is not empty and holds no run (it holds {strangers[0]})",
            file=out,
            remedy="Choose another --out",
        )
    for half_written in [*out.glob(".*.tmp"), *out.glob("*/.*.tmp")]:
        half_written.unlink()
    if fresh or not (out / MANIFEST).exists():
        _write_json(out / MANIFEST, started)
    for file, data in contents.items():
        write_file(out / file, data)
    return started


def _delete_run(out: Path, manifest: Manifest) -> None:
    """Everything the run wrote, and nothing else, but its manifest (which is written over)."""
    written = [*out.glob("*/part-*.parquet"), *out.glob(f"{MARKS}/*.json"), *(out / f for f in manifest["files"])]
    _write_json(out / MANIFEST, {**manifest, "finished": False})
    for path in written:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in written} - {out}:
        with contextlib.suppress(OSError):  # something else is in it
            folder.rmdir()


def _check_same(out: Path, there: Manifest, here: Manifest) -> None:
    progress = ("finished", "shards", "files")
    other = _differences(
        {k: v for k, v in there.items() if k not in progress}, {k: v for k, v in here.items() if k not in progress}
    )
    if other:
        shown = "; ".join(other[:3]) + ("; ..." if len(other) > 3 else "")
        raise BadInput(
            f"the folder holds another run ({shown})", file=out, remedy="Choose another --out, or --fresh to replace it"
        )


def _differences(there: Any, here: Any, name: str = "") -> list[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        keys = list(there) + [k for k in here if k not in there]
        return [line for k in keys for line in _differences(there.get(k), here.get(k), f"{name} {k}".strip())]
    if there == here:
        return []
    texts = [str(value) for value in (there, here)]
    if max(map(len, texts)) > 40:  # hashes
        return [f"{name.removeprefix('identity ')} differs"]
    return [f"{name.removeprefix('identity ')} is {texts[0]} there, {texts[1]} here"]


# --- one shard --------------------------------------------------------------------------------


def _name(shard: int) -> str:
    return f"{shard:05d}"


def _finished(out: Path, shard: int) -> dict[str, str] | None:
    """The files of a shard that is whole on disk; None when it has to be played."""
    try:
        files: dict[str, str] = json.loads((out / MARKS / f"{_name(shard)}.json").read_bytes())
        for file, digest in files.items():
            with open(out / file, "rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                    return None
    except (FileNotFoundError, ValueError):
        return None
    return files


def _write_shard(out: Path, shard: int, frames: Tables) -> dict[str, str]:
    files = {}
    for table in sorted(frames):
        file = f"{table}/part-{_name(shard)}.parquet"
        files[file] = write_file(out / file, _parquet(frames[table]))
    _write_json(out / MARKS / f"{_name(shard)}.json", files)
    return files


def _parquet(frame: pl.DataFrame) -> bytes:
    """The same bytes for the same table: every setting that shapes the file is fixed here."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(
        buffer, compression="zstd", compression_level=3, statistics=True, row_group_size=ROWS_PER_GROUP
    )
    return buffer.getvalue()


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_file(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
