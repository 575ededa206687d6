"""Work spread over the cores of this machine: one process a core, the result of every task as soon as it is there."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait as wait_for
from typing import Any, Protocol, TypeVar

from remission.knowledge.library import library, using

State = TypeVar("State")
Question = TypeVar("Question")
Todo = TypeVar("Todo")
Done = TypeVar("Done")


class Spread(Protocol):
    """How work is spread: ``begin(question)`` is called once in every process, ``work`` with what it returned and each
    task; what came of them is yielded in the order in which they are done. `on_cores`, `cluster.on_cluster`."""

    def __call__(
        self,
        begin: Callable[[Question], State],
        question: Question,
        work: Callable[[State, Todo], Done],
        tasks: Iterable[Todo],
    ) -> Iterator[Done]: ...


def all_of(
    over: Spread,
    begin: Callable[[Question], State],
    question: Question,
    work: Callable[[State, Todo], Done],
    tasks: Sequence[Todo],
    told: Callable[[int, int], None] | None = None,
) -> list[Done]:
    """What ``work`` makes of every task, in the order of the tasks; ``told`` hears how many of how many are done."""
    found: dict[int, Done] = {}
    for number, one in over(begin, question, partial(_numbered, work), list(enumerate(tasks))):
        found[number] = one
        if told:
            told(len(found), len(tasks))
    return [found[number] for number in range(len(tasks))]


def _numbered(work: Callable[[State, Todo], Done], state: State, task: tuple[int, Todo]) -> tuple[int, Done]:
    return task[0], work(state, task[1])


def on_cores(
    begin: Callable[[Question], State],
    question: Question,
    work: Callable[[State, Todo], Done],
    tasks: Iterable[Todo],
    *,
    workers: int | None = None,
) -> Iterator[Done]:
    """`Spread` over processes, with the library in use. Tasks are taken as processes get free, so that whoever stops
    listening loses at most those that are being played."""
    workers = workers or os.cpu_count() or 1
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(name, "1")
    folders = tuple(str(folder) for folder in library().own)
    spawn = multiprocessing.get_context("spawn")  # the core's threads do not survive a fork
    pool = ProcessPoolExecutor(workers, spawn, _orphaned_never, (begin, question, folders))
    try:
        running: set[Future[Done]] = set()
        for task in tasks:
            running.add(pool.submit(_do, work, task))
            if len(running) < workers:
                continue
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_begun: list[Any] = []  # in a process of the pool: what `begin` returned
_held = ExitStack()


def _orphaned_never(begin: Callable[[Question], object], question: Question, folders: tuple[str, ...]) -> None:
    """A process of the pool ends with the one that began it, even when that is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    _held.enter_context(using(library(*folders)))
    try:
        _begun.append(begin(question))
    except Exception as error:  # raised by the first task: a pool tells nobody why it could not begin
        _begun.append(_Failed(error))


@dataclass(frozen=True)
class _Failed:
    error: Exception


def _do(work: Callable[[Any, Todo], Done], task: Todo) -> Done:
    state = _begun[0]
    if isinstance(state, _Failed):
        raise state.error
    return work(state, task)
