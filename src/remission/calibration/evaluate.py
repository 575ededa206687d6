"""Points of a plan, played: one process a core, one thread each, the result of every task as soon as it is there."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import TypeVar

from remission.knowledge.library import Library, library, using
from remission.knowledge.places import Place, laid_over

from .plan import Plan
from .targets import Answer, Target, answers, targets

Question = TypeVar("Question")
Todo = TypeVar("Todo")
Done = TypeVar("Done")


@dataclass(frozen=True)
class Task:
    """One point (its name) with one seed; ``numbers``: what stands at the places."""

    point: str
    seed: int
    numbers: tuple[tuple[Place, float], ...]


@dataclass(frozen=True)
class Row:
    """What came out of a task: every target's answer, or why there is none."""

    point: str
    seed: int
    answers: Mapping[str, Answer | str]
    seconds: float


def evaluate(plan: Plan, task: Task, found: list[Target] | None = None, shelf: Library | None = None) -> Row:
    """Play every target's arm with the numbers of the task."""
    began = time.perf_counter()
    shelf = shelf or library()
    found = targets(plan.targets, shelf)[0] if found is None else found
    with tempfile.TemporaryDirectory() as folder, using(laid_over(dict(task.numbers), Path(folder), shelf)):
        told = answers(found, patients=plan.patients, seed=task.seed)
    return Row(task.point, task.seed, told, time.perf_counter() - began)


def evaluate_all(plan: Plan, tasks: Iterable[Task], *, workers: int | None = None) -> Iterator[Row]:
    """The rows of all tasks in the order in which they are done (`on_cores`)."""
    return on_cores(_begin, plan, _work, tasks, workers=workers)


def on_cores(
    begin: Callable[[Question, tuple[str, ...]], None],
    question: Question,
    work: Callable[[Todo], Done],
    tasks: Iterable[Todo],
    *,
    workers: int | None = None,
) -> Iterator[Done]:
    """What ``work`` makes of every task, in the order in which they are done. Every process calls ``begin`` once with
    the question and the folders of the library in use. Tasks are taken as processes get free, so that whoever stops
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
            running.add(pool.submit(work, task))
            if len(running) < workers:
                continue
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _orphaned_never(
    begin: Callable[[Question, tuple[str, ...]], None], question: Question, folders: tuple[str, ...]
) -> None:
    """A process of the pool ends with the one that began it, even when that is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    begin(question, folders)


_here: dict[str, tuple[Plan, Library, list[Target]]] = {}


def _begin(plan: Plan, folders: tuple[str, ...]) -> None:
    """A process reads its library once; its tasks lay their numbers over it."""
    shelf = library(*folders)
    with using(shelf):
        _here["plan"] = plan, shelf, targets(plan.targets, shelf)[0]


def _work(task: Task) -> Row:
    plan, shelf, found = _here["plan"]
    return evaluate(plan, task, found, shelf)
