"""Work spread over a Dask cluster: any scheduler that a user has (local, SSH, SLURM, Kubernetes), by its address.

Every task is a pure function of a question that all share and of what is asked of it, so that it does not matter which
worker does it, nor how often: a worker that is lost loses nothing but time, and a scheduler that comes back is asked
again for what is not answered. The question travels once to each worker (a Dask worker plugin), with the files of the
library in use; a worker whose build of remission or whose knowledge is another one refuses it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import pickle
import platform
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from remission.knowledge.errors import BadInput
from remission.knowledge.library import BESIDE, ROOMS, Library, library, using

from .identity import code_identity, versions

State = TypeVar("State")
Question = TypeVar("Question")
Todo = TypeVar("Todo")
Done = TypeVar("Done")

AHEAD = 2  # tasks sent for every thread of the workers: none waits for the next
AT_LEAST = 64  # tasks sent however few the workers are: a cluster that grows by what is asked of it sees the work
KEPT = 8  # questions that a worker holds ready
PATIENCE = 120.0  # seconds for which a scheduler that does not answer is waited for
SAME_AGAIN = "What is finished is kept: give the same command again when it is back"


def on_cluster(
    address: str,
    begin: Callable[[Question], State],
    question: Question,
    work: Callable[[State, Todo], Done],
    tasks: Iterable[Todo],
    *,
    say: Callable[[str], None] = lambda text: None,
    patience: float = PATIENCE,
) -> Iterator[Done]:
    """`cores.Spread` over the workers of a Dask scheduler, with the library in use.

    ``address``: ``tcp://host:8786`` (or ``tls://``), or the scheduler's JSON file. Functions, question and tasks must
    be picklable by name. Tasks are sent as workers get free. A task whose worker was lost is done by another one; a
    scheduler that is lost is waited for, ``patience`` seconds, and asked again for what was not answered. What
    ``begin`` or ``work`` raise is raised here. Raises `BadInput` when there is no scheduler, when it is lost for good,
    and for a worker of another build.
    """
    distributed = _distributed()
    job = _Job.of(begin, question, work)
    numbered = enumerate(tasks)
    open_tasks: dict[str, Todo] = {}
    answered_since = False
    while True:
        try:
            with _connected(distributed, address, patience) as client:
                _bring(distributed, client, job)
                if not client.nthreads():
                    say(f"The scheduler {address} has no workers; waiting for one ...")
                for done in _through(distributed, client, job, open_tasks, numbered):
                    answered_since = True
                    yield done
                return
        except _Failed as failed:
            raise failed.error from None
        except _lost_by(distributed):
            if not answered_since:
                raise _gone(address, patience) from None
            answered_since = False
            say(f"The scheduler {address} does not answer; waiting for it ...")


def in_order(done: Iterable[tuple[int, Done]]) -> Iterator[Done]:
    """What came, numbered from 0 in any order, in the order of its numbers."""
    waiting: dict[int, Done] = {}
    following = 0
    for number, one in done:
        waiting[number] = one
        while following in waiting:
            yield waiting.pop(following)
            following += 1


@dataclass(frozen=True)
class _Job:
    """A question on its way: how it is begun, what is done with each task, and what a worker must be to do it."""

    name: str
    content: bytes = field(repr=False)  # begin, question, work, pickled by the asker
    files: tuple[dict[str, bytes], ...] = field(repr=False)  # of the asker's own library folders, by name
    knowledge: str
    build: dict[str, str]

    @classmethod
    def of(cls, begin: Any, question: Any, work: Any) -> _Job:
        shelf = library()
        content = pickle.dumps((begin, question, work))
        files = tuple(_files_in(folder) for folder in shelf.own)
        known = shelf.digest()
        name = hashlib.sha256(content + known.encode()).hexdigest()[:16]
        return cls(name, content, files, known, _build())


def _files_in(folder: Path) -> dict[str, bytes]:
    wanted = [path for room in ROOMS for path in (folder / room).glob("*.yaml")]
    wanted += [path for name in (*BESIDE, "units.txt") for path in folder.glob(name)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in wanted}


# --- on the worker ----------------------------------------------------------------------------

_jobs: dict[str, _Job] = {}  # that this worker was brought
_begun: dict[str, _Begun] = {}
_one_begins = threading.Lock()


@dataclass(frozen=True)
class _Begun:
    work: Callable[[Any, Any], Any]
    state: Any  # what `begin` returned
    shelf: Library
    folders: ExitStack  # of the asker's own files, here


def _arrived(job: _Job) -> None:
    _jobs[job.name] = job


def _do(name: str, task: Any) -> Any:
    """One task on a worker; the first one of a job begins it."""
    with _one_begins:
        if name not in _begun:
            while len(_begun) >= KEPT:
                _begun.pop(next(iter(_begun)))
            _begun[name] = _beginning(_jobs[name])
        begun = _begun[name]
    with using(begun.shelf):
        return begun.work(begun.state, task)


def _beginning(job: _Job) -> _Begun:
    here = _build()
    if other := [what for what in here if here[what] != job.build.get(what)]:
        raise _another(" and ".join(other))
    folders = ExitStack()
    own = []
    for files in job.files:
        folder = Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="remission-library-")))
        for file, data in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(data)
        own.append(folder)
    shelf = library(*own)
    if shelf.digest() != job.knowledge:
        raise _another("knowledge")
    with using(shelf):
        begin, question, work = pickle.loads(job.content)
        state = begin(question)
    return _Begun(work, state, shelf, folders)


def _build() -> dict[str, str]:
    return {**versions(), **code_identity()}


def _another(what: str) -> BadInput:
    from distributed import get_worker

    return BadInput(
        f"the worker {get_worker().address} on {platform.node()} has another {what} than this machine",
        remedy="Install the same wheel of remission on all of them; where processors differ set REMISSION_CORE=v2 on "
        "all: only then results are the same to the bit",
    )


# --- at the asker -----------------------------------------------------------------------------


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise BadInput(
            "--cluster needs Dask, which is not installed", remedy="Install it: pip install 'remission[cluster]'"
        ) from error
    return distributed


def _connected(distributed: Any, address: str, patience: float) -> Any:
    """A client of the scheduler; it is waited for as long as ``patience``."""
    where = _in_file(Path(address)) if address.endswith(".json") else address
    try:
        return distributed.Client(where, timeout=patience, set_as_default=False, name="remission")
    except (ValueError, TypeError, AssertionError) as error:
        raise BadInput(f"'{address}' is no address of a Dask scheduler ({error})", remedy=_HOW) from error
    except OSError:
        raise _gone(address, patience) from None


def _bring(distributed: Any, client: Any, job: _Job) -> None:
    """Give every worker, also one that joins later, the question before it is given a task."""

    class Bring(distributed.WorkerPlugin):  # type: ignore[misc, name-defined]
        name = f"remission-{job.name}"
        idempotent = True

        def setup(self, worker: Any) -> None:
            from remission.engine.cluster import _arrived

            _arrived(job)

    try:
        client.register_plugin(Bring())
    except ModuleNotFoundError as error:
        raise BadInput(
            f"a worker has no {error.name}", remedy="Install the same wheel of remission on every worker"
        ) from None


def _in_file(file: Path) -> str:
    """The address in a scheduler's file."""
    try:
        said = json.loads(file.read_bytes())["address"]
    except OSError:
        raise BadInput("there is no such file of a scheduler", file=file, remedy=_HOW) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        said = None
    if not isinstance(said, str) or "://" not in said:
        raise BadInput("this is no file of a Dask scheduler: it holds no address", file=file, remedy=_HOW)
    return said


_HOW = "Give it as tcp://host:8786, or the file of dask scheduler --scheduler-file FILE.json"


def _gone(address: str, patience: float) -> BadInput:
    return BadInput(
        f"the Dask scheduler {address} does not answer (waited for {patience:.0f} s)", remedy=f"{SAME_AGAIN}. {_HOW}"
    )


def _lost_by(distributed: Any) -> tuple[type[BaseException], ...]:
    import asyncio
    import concurrent.futures

    return (
        _Lost,
        OSError,  # CommClosedError, TimeoutError
        asyncio.CancelledError,
        concurrent.futures.CancelledError,
        distributed.client.FutureCancelledError,
    )


class _Lost(Exception):
    """The scheduler forgot what it was asked, or cannot be reached."""


class _Failed(Exception):
    """A task raised this."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _said(distributed: Any, error: BaseException) -> BaseException:
    if not isinstance(error, distributed.KilledWorker):
        return error
    return BadInput(
        f"a task took its worker down again and again ({error})",
        remedy="Most often the worker has too little memory: give it fewer threads or more memory",
    )


def _through(
    distributed: Any, client: Any, job: _Job, open_tasks: dict[str, Any], numbered: Iterator[tuple[int, Any]]
) -> Iterator[Any]:
    """Send tasks, a window of them at a time; those that are open from before first. ``open_tasks`` is kept true."""
    seconds, threads = 0.0, 0
    pool = distributed.as_completed(loop=client.loop)

    def send(key: str, task: Any) -> None:
        pool.add(client.submit(_do, job.name, task, key=key, pure=False))

    def more() -> None:
        nonlocal seconds, threads
        if time.monotonic() - seconds > 5.0:
            seconds, threads = time.monotonic(), sum(client.nthreads().values())
        room = max(AT_LEAST, AHEAD * threads) - len(open_tasks)
        for number, task in itertools.islice(numbered, max(0, room)):
            key = f"remission-{job.name}-{number}"
            open_tasks[key] = task
            send(key, task)

    for key, task in open_tasks.items():
        send(key, task)
    more()
    for future in pool:
        if future.status in ("cancelled", "lost"):
            raise _Lost
        if future.status == "error":
            raise _Failed(_said(distributed, future.exception()))
        done = future.result()
        open_tasks.pop(future.key, None)
        future.release()
        yield done
        more()
