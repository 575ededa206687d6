"""A big cohort on disk: played shard by shard in bounded memory, and taken up again where it stopped.

The folder of a run::

    manifest.json               what the run is, and its own sha256; when finished also every file with its sha256
    shards/00000.json           shard 0 of this run is on disk: its files with their sha256
    outcomes/part-00000.parquet shard 0 of the table ``outcomes``
    provenance.parquet          a table of the run as such
    summary.csv, cohort.png     written by whoever shows the run (`SHOWN`), as is
    datapackage.json            what the columns of the tables are

A file appears under its name only when it is whole (written beside, synced, renamed), and nothing in the folder
depends on the clock: a run that was killed and taken up again ends with the same bytes as an undisturbed one.
What is read is held against the hashes first: a run is shown whole and as it was written, or not at all.
"""

from __future__ import annotations

import contextlib
import contextvars
import errno
import hashlib
import io
import json
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from remission.knowledge.errors import BadInput
from remission.knowledge.folders import known_to_polars, make_folder, remote
from remission.knowledge.writing import half_written, write_whole

from .alone import alone
from .identity import versions

FORMAT = "remission run 2"
MANIFEST = "manifest.json"
MARKS = "shards"
ROWS_PER_GROUP = 131_072
SHOWN = re.compile(r"summary\.csv|datapackage\.json|(cohort|patient-\d+)\.(png|svg)")  # made of a run's tables
PART = re.compile(r"part-(\d{5,})\.parquet")
MARK = re.compile(r"(\d{5,})\.json")
SEEN_AFTER = 10  # looks, some seconds in all
AGAIN = "Give the command that made the run again: what is missing or changed is played anew"
ANEW = "Give the command that made the run again, with --fresh if it does not go on"

Item = TypeVar("Item")
Made = TypeVar("Made")
Tables = dict[str, pl.DataFrame]
Packed = dict[str, bytes]  # tables as they are written
Manifest = dict[str, Any]
Files = dict[str, str]  # of a shard: name in the run's folder -> sha256
Elsewhere = Callable[[str, Iterator[int]], Iterator[tuple[int, Files]]]

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
WholeFile = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.parquet$")]
PartFile = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*/part-[0-9]{5,}\.parquet$")]
Shards = dict[str, dict[str, str]]


class _ManifestFile(BaseModel):
    """What manifest.json holds. The names are those that a run can write: none leads out of the folder."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    format: str
    versions: dict[str, str]
    identity: dict[str, Any]
    patients: int = Field(ge=1)
    shard_size: int = Field(ge=1)
    tables: list[TableName] = Field(min_length=1)
    files: dict[WholeFile, Sha256]
    finished: bool
    shards: dict[str, dict[PartFile, Sha256]]
    sha256: Sha256  # of all the above


class _MarkFile(BaseModel):
    """What shards/00000.json holds; ``run``: the sha256 of what makes the run itself."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    run: Sha256
    files: dict[PartFile, Sha256]


def run_shards(
    play_shard: Callable[[int, int], Tables],
    *,
    patients: int,
    shard_size: int,
    out: Path,
    identity: dict[str, Any],
    tables: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
    whole: Tables | None = None,
    fresh: bool = False,
    finish: Callable[[], None] | None = None,
    at_once: int = 1,
    elsewhere: Elsewhere | None = None,
    seen: Callable[[int], None] | None = None,
) -> None:
    """Play patients 0..patients-1 shard by shard into the folder ``out``; shards already there are not played again.

    ``play_shard(first, count)`` returns the ``tables`` of the patients first..first+count-1; ``whole`` are tables of
    the run as such, written once as ``<name>.parquet``. ``identity`` (JSON values) says what makes this run itself:
    the same identity goes on, another one is refused with `BadInput`, as is a folder that holds other files.
    ``progress(done, patients)`` is called before the first and after every shard, ``seen`` with the number of each that
    is on the disk. ``at_once``: see `in_turn`.
    ``fresh`` replaces the run that the folder holds, even a damaged one, and touches nothing that a run did not write.
    ``finish`` is called when all is there, while no other process can write into the folder. A shard that is missing,
    damaged or of another run is played anew. A full disk or a folder that cannot be written is a `BadInput`; the
    finished shards stay. ``elsewhere``: who plays and writes the shards (`write_shard`) in place of this process, given
    the sha256 of the run and the numbers of the shards that are missing.
    """
    with _claimed(out):
        with _troubles_of(out):
            manifest = _begin(
                out, json.loads(json.dumps(identity)), patients, shard_size, sorted(tables), whole or {}, fresh
            )
        run = _digest_of(manifest)
        shards: Shards = {}

        def there(shard: int, files: dict[str, str]) -> None:
            shards[_name(shard)] = files
            if seen:
                seen(shard)
            if progress:
                progress(min(len(shards) * shard_size, patients), patients)

        def missing() -> Iterator[int]:
            for shard in range(-(-patients // shard_size)):
                files = _finished(out, shard, run, manifest["tables"])
                if files is None:
                    yield shard
                else:
                    there(shard, files)

        def here(shard: int) -> tuple[int, Packed]:
            first = shard * shard_size
            return shard, packed(play_shard(first, min(shard_size, patients - first)), manifest["tables"])

        if progress:
            progress(0, patients)
        if elsewhere:
            for shard, files in elsewhere(run, missing()):
                _arrived(out, files)
                there(shard, files)
        else:  # whoever plays goes on with the next shard while this thread waits for the disk
            for shard, tables_of in in_turn(here, missing(), at_once):
                there(shard, write_shard(out, shard, run, tables_of))
        shards = dict(sorted(shards.items()))
        with _troubles_of(out):
            _write_manifest(out, {**manifest, "finished": True, "shards": shards})
            if finish:
                finish()


def in_turn(work: Callable[[Item], Made], items: Iterable[Item], at_once: int) -> Iterator[Made]:
    """``work`` of every item, in the order of the items; as many as ``at_once`` are worked on at the same time, each in
    a thread of its own (1: in this thread). As many again wait to be begun or to be taken, so that no thread waits for
    an item that takes longer than those after it. What one of them raises is raised when it is its turn."""
    if at_once == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(contextvars.copy_context().run, work, item))
                if len(waiting) == 2 * at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for later in waiting:
                later.cancel()


# --- reading ----------------------------------------------------------------------------------


def read_manifest(out: Path) -> Manifest:
    """The manifest of a run folder; `BadInput` when it holds no run or one that cannot be read."""
    path = out / MANIFEST
    try:
        data = _bytes_of(path)
    except (FileNotFoundError, NotADirectoryError):
        if _looks_like_a_run(out):
            raise BadInput(
                "the manifest of the run is missing",
                file=path,
                remedy=ANEW,
            ) from None
        raise BadInput(
            "no run is here: manifest.json is missing", file=out, remedy="Name the folder given to --out"
        ) from None
    except OSError as error:
        raise BadInput(f"the manifest cannot be read ({error.strerror})", file=path, remedy=ANEW) from None
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        tree = None
    form = tree.get("format") if isinstance(tree, dict) else None
    if not (isinstance(form, str) and form.startswith("remission run")):
        raise BadInput(
            "this is not the manifest of a run of remission",
            file=path,
            remedy="If it was one, give the command that made the run again, with --fresh if it does not go on",
        )
    if form != FORMAT:
        raise BadInput(
            f"the run is written in the format '{form}'; this version reads '{FORMAT}'",
            file=path,
            remedy="Use the version of remission that wrote it, or play the run again with --fresh",
        )
    try:
        _ManifestFile.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = " ".join(str(part) for part in first["loc"] if part != "[key]")
        raise _damaged(path, f"{where}: {first['msg'].lower()}" if where else "it is not whole") from None
    if tree.pop("sha256") != _digest(tree):
        raise _damaged(path, "it is not as the run wrote it")
    return tree


def _damaged(path: Path, what: str) -> BadInput:
    return BadInput(
        f"the manifest is damaged ({what})",
        file=path,
        remedy=ANEW,
    )


def read_run(out: Path, *, check: bool = True) -> tuple[Manifest, dict[str, pl.LazyFrame], Tables]:
    """The manifest of a finished run, its tables (read lazily) and those of the run as such.

    Every file is held against its hash (not with ``check=False``: it was just done). Raises `BadInput` that names the
    first file that is missing, changed or not of the run, and for a run that is not finished.
    """
    with _reached(out):
        return _read_run(out, check)


def _read_run(out: Path, check: bool) -> tuple[Manifest, dict[str, pl.LazyFrame], Tables]:
    manifest = read_manifest(out)
    if not manifest["finished"]:
        raise BadInput(
            "the run is not finished",
            file=out,
            remedy="Give the command that began it again: it goes on where it was",
        )
    with _unreadable(out):
        if check:
            _verify(out, manifest)
        frames = {name: _scan(_parts(out, manifest, name)) for name in manifest["tables"]}
        for frame in frames.values():
            frame.collect_schema()
        whole = {file.removesuffix(".parquet"): _read(out / file) for file in manifest["files"]}
    return manifest, frames, whole


def piece(out: Path, manifest: Manifest, shards: range) -> dict[str, pl.LazyFrame]:
    """The tables of these shards of a run, which are on the disk."""
    with _unreadable(out):
        return {name: _scan(_parts(out, manifest, name)[shards.start : shards.stop]) for name in manifest["tables"]}


def pieces(manifest: Manifest, patients: int) -> list[range]:
    """The shards of a run, about so many whole patients at a time."""
    several, shards = max(1, patients // manifest["shard_size"]), _shards_of(manifest)
    return [range(first, min(first + several, shards)) for first in range(0, shards, several)]


def part_names(manifest: Manifest, table: str) -> list[str]:
    """The files of a table, in the order of the patients, as seen from the folder of the run."""
    return [f"{table}/part-{_name(n)}.parquet" for n in range(_shards_of(manifest))]


def _parts(out: Path, manifest: Manifest, table: str) -> list[Path]:
    return [out / name for name in part_names(manifest, table)]


def _scan(parts: list[Path]) -> pl.LazyFrame:
    """The parts as one table, read lazily; at an address that Polars does not know they are read now."""
    if all(known_to_polars(part) for part in parts):
        return pl.scan_parquet([str(part) for part in parts], glob=False)
    return pl.concat([_read(part) for part in parts]).lazy()


def _read(file: Path) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(file.read_bytes()))


def _shards_of(manifest: Manifest) -> int:
    return -(-manifest["patients"] // manifest["shard_size"])


def _verify(out: Path, manifest: Manifest) -> None:
    """Is the finished run there, whole, as it was written, and nothing else among its parts?"""
    names = manifest["tables"]
    if list(manifest["shards"]) != [_name(n) for n in range(_shards_of(manifest))] or any(
        set(files) != _files_of(n, names) for n, files in enumerate(manifest["shards"].values())
    ):
        raise _damaged(out / MANIFEST, "it does not name every part of the run")
    files = {**manifest["files"], **{f: h for files in manifest["shards"].values() for f, h in files.items()}}
    for file, digest in files.items():
        found = _hash_of(out / file)
        if found is None:
            raise BadInput("this part of the run is missing", file=out / file, remedy=AGAIN)
        if found != digest:
            raise BadInput("this part of the run is not as it was written", file=out / file, remedy=AGAIN)
    _refuse_strangers(out, manifest)


def _refuse_strangers(out: Path, manifest: Manifest, fresh: bool = False) -> None:
    """What lies among the parts of a run is read by every tool that reads the folder of a table; with ``fresh``, what
    has the name of a part is about to be deleted."""
    shards = _shards_of(manifest)
    known = {f"{MARKS}/{_name(n)}.json" for n in range(shards)}
    known |= {file for n in range(shards) for file in _files_of(n, manifest["tables"])}
    for pattern in (*(f"{table}/*.parquet" for table in manifest["tables"]), f"{MARKS}/*.json"):
        for path in sorted(out.glob(pattern)):
            mine = bool(PART.fullmatch(path.name) or MARK.fullmatch(path.name))
            if path.relative_to(out).as_posix() not in known and not (fresh and mine):
                remedy = "Move it out of the folder" + (", or play the run again with --fresh" if mine else "")
                raise BadInput("this file is not of the run and would be read as a part of it", path, remedy=remedy)


@contextlib.contextmanager
def _unreadable(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        file = error.filename or out
        raise BadInput(f"the run cannot be read ({error.strerror or error})", file=file, remedy=AGAIN) from error
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"a table of the run cannot be read ({error})", file=out, remedy=AGAIN) from error


# --- the folder -------------------------------------------------------------------------------


@contextlib.contextmanager
def _claimed(out: Path) -> Iterator[None]:
    """Make the folder and hold it for this process: two runs never write into one folder."""
    if out.is_symlink() and not out.exists():
        what = f"it is a link to {os.readlink(out)}, which is not there"
        raise BadInput(what, file=out, remedy="Make that folder, or choose another --out")
    with contextlib.ExitStack() as held:
        with _troubles_of(out):
            make_folder(out)
            try:
                if not remote(out):  # there are no locks there; two that write the same run write the same bytes
                    held.enter_context(alone(out))
            except BlockingIOError:
                what = "another process is writing a run into this folder"
                raise BadInput(what, file=out, remedy="Wait for it or choose another --out") from None
        yield


@contextlib.contextmanager
def _troubles_of(out: Path) -> Iterator[None]:
    """What the disk refuses, in words for a person."""
    try:
        with _reached(out):
            yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BadInput(
                "the disk is full; the shards finished so far are kept",
                file=out,
                remedy="Free some space and give the same command again: it goes on where it stopped",
            ) from error
        file = Path(error.filename) if error.filename and not remote(out) else out
        why = "it is no folder" if error.errno == errno.EEXIST else error.strerror or error
        what = f"the {'folder' if file == out else 'file'} cannot be {'used' if file == out else 'written'} ({why})"
        remedy = "Choose another --out" if file == out else "Choose another --out, or move it out of the way"
        raise BadInput(what, file=file, remedy=remedy) from error


@contextlib.contextmanager
def _reached(out: Path) -> Iterator[None]:
    """What the library of an address raises when it cannot be reached or says no, in words for a person."""
    try:
        yield
    except (BadInput, OSError, pl.exceptions.PolarsError):
        raise
    except Exception as error:
        if not remote(out):
            raise
        remedy = "See that it is there and that you may use it (its library says how name and key are given)"
        raise BadInput(f"the address cannot be used ({error})", file=out, remedy=remedy) from error


def _within(folder: Path) -> list[Path]:
    """What is in a folder; in an object store a folder without objects is not there."""
    return list(folder.iterdir()) if not remote(folder) or folder.is_dir() else []


def _begin(
    out: Path, identity: dict[str, Any], patients: int, shard_size: int, tables: list[str], whole: Tables, fresh: bool
) -> Manifest:
    """The manifest of this run, begun anew or checked against the one that is there; the folder made tidy."""
    contents = {f"{name}.parquet": _parquet(frame) for name, frame in sorted(whole.items())}
    started: Manifest = {
        "format": FORMAT,
        "versions": versions(),
        "identity": identity,
        "patients": patients,
        "shard_size": shard_size,
        "tables": tables,
        "files": {file: hashlib.sha256(data).hexdigest() for file, data in contents.items()},
        "finished": False,
        "shards": {},
    }
    for name in (*tables, MARKS):
        folder = out / name
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            what = "a run keeps files in a folder of this name, and this is none of its own"
            raise BadInput(what, file=folder, remedy="Move it away, or choose another --out")
    there: Manifest | None = None
    if (out / MANIFEST).exists() or _looks_like_a_run(out):
        try:
            there = read_manifest(out)
        except BadInput:
            if not (_is_ours(out) if fresh else _shards_are_of(out, _digest_of(started))):
                raise
    elif strangers := sorted(p.name for p in _within(out) if p not in half_written(out, f"{MANIFEST}*")):
        raise BadInput(
            f"the folder is not empty and holds no run (it holds {strangers[0]})",
            file=out,
            remedy="Choose another --out",
        )
    if there is not None and not fresh:
        _check_same(out, there, started)
    _refuse_strangers(out, started, fresh)
    if fresh:
        _delete_run(out, {*tables, *(there or {}).get("tables", ())}, {*contents, *(there or {}).get("files", ())})
    for folder in (out, out / MARKS, *(out / name for name in tables)):
        for leftover in half_written(folder, "*.*"):
            if _is_written(leftover.name[1:].rsplit(".", 2)[0], contents):
                leftover.unlink()
    if fresh or there is None:
        _write_manifest(out, started)
    for file, data in contents.items():
        write_file(out / file, data)
    return started


def _looks_like_a_run(out: Path) -> bool:
    """Are there marks of finished shards?"""
    return (out / MARKS).is_dir() and any(MARK.fullmatch(path.name) for path in (out / MARKS).iterdir())


def _is_ours(out: Path) -> bool:
    """A manifest that cannot be read: did a run write it, or is there a run around it?"""
    if _looks_like_a_run(out):
        return True
    data = _bytes_of(out / MANIFEST)
    return not data.strip() or b'"remission run ' in data


def _shards_are_of(out: Path, run: str) -> bool:
    """Do the marks of finished shards, and there are some, all say that they are of this run?"""
    marks = [_read_mark(path) for path in (out / MARKS).glob("*.json")] if (out / MARKS).is_dir() else []
    known = [mark for mark in marks if mark is not None]
    return bool(known) and all(mark.run == run for mark in known)


def _is_written(name: str, whole: Mapping[str, object]) -> bool:
    """Is this the name of a file that a run, or who shows it, writes?"""
    return name == MANIFEST or name in whole or any(kind.fullmatch(name) for kind in (PART, MARK, SHOWN))


def _delete_run(out: Path, tables: set[str], whole: set[str]) -> None:
    """Everything that a run wrote here and what was made to show it, and nothing else, but its manifest (which is
    written over): only names that a run writes, in the folder itself and in its own folders, never through a link."""
    written = [out / file for file in sorted(whole)]
    written += [path for path in _within(out) if SHOWN.fullmatch(path.name)]
    for folder, kind in ((MARKS, MARK), *((name, PART) for name in sorted(tables))):
        if (out / folder).is_dir() and not (out / folder).is_symlink():
            written += [path for path in (out / folder).iterdir() if kind.fullmatch(path.name)]
    for path in written:
        if not path.is_dir() or path.is_symlink():
            path.unlink(missing_ok=True)
    for folder in sorted({MARKS, *tables}):
        with contextlib.suppress(OSError):  # it is not there, or something else is in it
            if not remote(out):  # where there are no folders to delete
                (out / folder).rmdir()


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


def _files_of(shard: int, tables: Sequence[str]) -> set[str]:
    return {f"{table}/part-{_name(shard)}.parquet" for table in tables}


def _read_mark(path: Path) -> _MarkFile | None:
    try:
        return _MarkFile.model_validate_json(_bytes_of(path))
    except (OSError, ValidationError):
        return None


def _finished(out: Path, shard: int, run: str, tables: Sequence[str]) -> dict[str, str] | None:
    """The files of a shard of this run that is whole on disk; None when it has to be played."""
    mark = _read_mark(out / MARKS / f"{_name(shard)}.json")
    if mark is None or mark.run != run or set(mark.files) != _files_of(shard, tables):
        return None
    return mark.files if all(_hash_of(out / file) == digest for file, digest in mark.files.items()) else None


def _bytes_of(path: Path) -> bytes:
    """The content of a file; ``OSError`` for what is none: a pipe would be waited for without end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return path.read_bytes()


def _hash_of(path: Path) -> str | None:
    """The sha256 of a file; None when there is no file that can be read."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def packed(frames: Tables, tables: Sequence[str]) -> Packed:
    """These tables of a shard as they are written."""
    return {table: _parquet(frames[table]) for table in sorted(tables)}


def write_shard(out: Path, shard: int, run: str, tables: Packed) -> Files:
    """Write the tables of a shard of a run (its sha256) and then the mark that they are there; `BadInput` for what
    the disk refuses. Whoever writes a shard a second time writes the same bytes."""
    files = {}
    with _troubles_of(out):
        for table, data in tables.items():
            file = f"{table}/part-{_name(shard)}.parquet"
            files[file] = write_file(out / file, data)
        write_file(out / MARKS / f"{_name(shard)}.json", _json({"run": run, "files": files}).encode())
    return files


def _arrived(out: Path, files: Files) -> None:
    """What another machine has written is seen from here: the folder is one for all."""
    for attempt in range(SEEN_AFTER):
        missing = [file for file in files if not (out / file).is_file()]
        if not missing:
            return
        time.sleep(0.2 * attempt)  # a network's file system may show it a little later
    raise BadInput(
        "a worker has written this part of the run, but it is not here",
        file=out / missing[0],
        remedy="Name a folder that all machines share, or an object store (s3://bucket/run)",
    )


def write_file(path: Path, data: bytes) -> str:
    """Write a file so that under its name it is either absent, the old one or whole; returns its sha256."""
    make_folder(path.parent)
    write_whole(path, data, here=True)
    return hashlib.sha256(data).hexdigest()


def size_on_disk(frame: pl.DataFrame) -> int:
    """Bytes of a table as it is written."""
    return len(_parquet(frame))


def finished_shards(out: Path) -> int:
    """How many shards have a mark that they are there; whether they are whole, and of which run, is not looked at."""
    with _troubles_of(out):
        return sum(1 for path in (out / MARKS).iterdir() if MARK.fullmatch(path.name)) if (out / MARKS).is_dir() else 0


def _parquet(frame: pl.DataFrame) -> bytes:
    """The same bytes for the same table: every setting that shapes the file is fixed here."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(
        buffer, compression="zstd", compression_level=1, statistics=True, row_group_size=ROWS_PER_GROUP
    )
    return buffer.getvalue()


def _write_manifest(out: Path, manifest: Manifest) -> None:
    write_whole(out / MANIFEST, _json({**manifest, "sha256": _digest(manifest)}), here=True)


def _digest_of(manifest: Manifest) -> str:
    """What makes a run itself, as one hash: all but how far it is."""
    return _digest({key: value for key, value in manifest.items() if key not in ("finished", "shards", "files")})


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_json(content).encode()).hexdigest()


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
