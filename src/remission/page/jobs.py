"""Scenarios that are being played: one run each, whoever asks, in worker processes beside the page.

A worker that dies or says nothing for too long is replaced and its scenario played again, a few times; some runs make a
worker old, and a new one takes its place.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import select
import struct
import subprocess
import sys
import threading
import time
from asyncio import to_thread
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal

from starlette.exceptions import HTTPException

from remission.knowledge.errors import BadInput
from remission.knowledge.library import using

from .packed import LARGEST, unpacked
from .scenario import Scenario
from .store import Store
from .summary import Summary

WORKERS = 2
WAITING = 8  # runs that may wait
SILENT_SECONDS = 90.0  # a worker that says nothing for so long is given up
RUNS = 40  # of a worker before it is replaced
ATTEMPTS = 3
ANEW_SECONDS = 60.0  # after which a run that failed may be begun anew
REMEMBERED = 64  # runs that are over
USUAL_SECONDS = 6.0  # of a run, before one was measured

State = Literal["waiting", "playing", "done", "failed"]

_log = logging.getLogger("remission.page")


class Full(HTTPException):
    """No further run can wait. ``retry_after``: seconds after which one probably can."""

    def __init__(self, retry_after: int) -> None:
        told = f"Too much is being computed just now: come back in {retry_after} s"
        super().__init__(429, told, {"Retry-After": str(retry_after)})
        self.retry_after = retry_after


@dataclass
class Job:
    """A run and what is known of it so far. ``version`` counts up whenever something changes."""

    key: str
    scenario: Scenario
    state: State = "waiting"
    summary: Summary | None = None
    error: str = ""  # what to tell of one that failed
    attempts: int = 0
    version: int = 0
    ended: float = field(default=0.0)  # time.monotonic()

    @property
    def patients(self) -> int:
        """How many have been played."""
        return self.summary.patients if self.summary else 0

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed")


@dataclass(frozen=True)
class Results:
    """What there is of a scenario. ``summary``: of the ``played`` patients, of ``of``; None before the first of them.
    ``key``: of the run, where there is one."""

    summary: Summary | None
    played: int
    of: int
    state: State
    error: str = ""
    waiting: int = 0  # runs before it
    key: str = ""

    @property
    def done(self) -> bool:
        return self.state == "done"

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed")


class Pool:
    """Worker processes and the queue before them. Nothing is started before something is asked for (or `warm`).
    Without ``workers`` nothing is played: there is what the store has."""

    def __init__(self, store: Store, *, workers: int = WORKERS, waiting: int = WAITING) -> None:
        self.store = store
        self.workers, self.waiting = workers, waiting
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._seconds = USUAL_SECONDS
        self._threads: list[threading.Thread] = []
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._closed = False

    def results(self, scenario: Scenario, begin: bool = True) -> Results:
        """What there is of a scenario: at once what the store has; else what has been played so far, by a run that is
        begun when there is none (and ``begin`` and a worker). Raises `Full`."""
        if found := self.store.find(scenario):
            return Results(found, found.patients, found.patients, "done")
        job = self.ask(scenario) if begin and self.workers else self.job(self._key(scenario))
        return self._so_far(job) if job else Results(None, 0, scenario.patients, "waiting")

    async def follow(
        self, scenario: Scenario, seconds: float = 120.0, begin: bool = True
    ) -> AsyncIterator[Results]:
        """The `results` whenever there are more of them, until there are all; at most for so long. Raises `Full`."""
        now = await to_thread(self.results, scenario, begin)
        yield now
        job, seen, end = self.job(now.key), -1, time.monotonic() + seconds
        while job is not None and not now.over and time.monotonic() < end:
            if job.version != seen:
                seen, now = job.version, self._so_far(job)
                yield now
            await asyncio.sleep(0.2)

    def _so_far(self, job: Job) -> Results:
        return Results(
            job.summary, job.patients, job.scenario.patients, job.state, job.error, self.place(job), job.key
        )  # fmt: skip

    def _key(self, scenario: Scenario) -> str:
        with using(self.store.knowledge):
            return scenario.key

    def ask(self, scenario: Scenario) -> Job:
        """The run of a scenario, begun when there is none (one that failed is begun anew after a while). Raises
        `Full`."""
        key = self._key(scenario)
        with self._changed:
            job = self._jobs.get(key)
            if job is not None and (job.state != "failed" or time.monotonic() - job.ended < ANEW_SECONDS):
                self._jobs.move_to_end(key)
                return job
            if len(self._queue) >= self.waiting:
                raise Full(max(1, round(self._seconds * len(self._queue) / (2 * self.workers))))
            job = Job(key, scenario)
            self._jobs[key] = job
            self._queue.append(job)
            self._forget()
            self._start()
            self._changed.notify_all()
            return job

    def job(self, key: str) -> Job | None:
        """A run by its key, as long as it is remembered."""
        with self._changed:
            return self._jobs.get(key)

    def place(self, job: Job) -> int:
        """How many runs wait before this one."""
        with self._changed:
            return self._queue.index(job) if job in self._queue else 0

    def wait(self, job: Job, seconds: float) -> bool:
        """Until the run is over, at most so long: is it?"""
        with self._changed:
            return self._changed.wait_for(lambda: job.over, seconds)

    def warm(self) -> None:
        """Start the workers, so that the first scenario does not wait for it."""
        with self._changed:
            self._start()

    def close(self) -> None:
        """End the workers; runs that are not over fail."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                if not job.over:
                    self._end(job, "failed", "The page is being closed.")
            self._queue.clear()
            self._changed.notify_all()
            processes = list(self._processes.values())
        for process in processes:
            process.kill()
        for thread in self._threads:
            thread.join(5.0)
        atexit.unregister(self.close)

    # --- in the threads, one for each worker

    def _start(self) -> None:
        if self._closed or self._threads:
            return
        atexit.register(self.close)
        for number in range(self.workers):
            thread = threading.Thread(target=self._serve, args=(number,), name=f"worker {number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, number: int) -> None:
        process: subprocess.Popen[bytes] | None = None
        runs = 0
        while True:
            if process is None or runs >= RUNS:
                process, runs = self._spawn(number, process), 0
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._queue)
                if self._closed:
                    break
                job = self._queue.popleft()
                job.state, job.attempts = "playing", job.attempts + 1
                job.version += 1
                self._changed.notify_all()
            if process is None or process.poll() is not None:  # it died while it had nothing to do
                process, runs = self._spawn(number, process), 0
            try:
                if process is None:
                    raise _Lost("none can be started")
                began = time.monotonic()
                self._play(process, job)
                self._seconds += 0.3 * (time.monotonic() - began - self._seconds)
            except _Lost as error:
                _log.warning("a worker was lost (%s) while it played %s", error, job.scenario.path)
                _ended(process)
                process = None
                self._again(job)
            except Exception:
                _log.exception("a run could not be taken in")
                _ended(process)
                process = None
                with self._changed:
                    self._end(job, "failed", "This scenario could not be played.")
            runs += 1
        _ended(process)

    def _spawn(self, number: int, old: subprocess.Popen[bytes] | None) -> subprocess.Popen[bytes] | None:
        """A new worker in the place of an old one; None where the machine has no room for another process now."""
        _ended(old)
        command = [sys.executable, "-m", "remission.page.worker", *map(str, self.store.knowledge.own)]
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        except OSError as error:
            _log.warning("no worker can be started: %s", error.strerror)
            return None
        with self._changed:
            self._processes[number] = process
        return process

    def _play(self, process: subprocess.Popen[bytes], job: Job) -> None:
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps({"scenario": job.scenario.address}).encode() + b"\n")
            process.stdin.flush()
        except OSError as error:
            raise _Lost("it does not listen") from error
        while True:
            kind, content = _frame(process.stdout)
            if kind == b"E":
                told = json.loads(content)
                with self._changed:
                    self._end(job, "failed", str(BadInput(told["message"], remedy=told["remedy"])))
                return
            try:
                with using(self.store.knowledge):
                    summary = unpacked(content)
            except BadInput as error:
                raise _Lost(str(error)) from error
            if summary.complete:
                self.store.keep(summary)
            with self._changed:
                job.summary = summary
                if summary.complete:
                    self._end(job, "done")
                    return
                job.version += 1
                self._changed.notify_all()

    def _again(self, job: Job) -> None:
        with self._changed:
            if self._closed or job.attempts >= ATTEMPTS:
                self._end(job, "failed", "This scenario could not be played: its process was lost again and again.")
                return
            job.state = "waiting"
            job.version += 1
            self._queue.appendleft(job)
            self._changed.notify_all()

    def _end(self, job: Job, state: State, error: str = "") -> None:
        job.state, job.error, job.ended = state, error, time.monotonic()
        job.version += 1
        self._changed.notify_all()

    def _forget(self) -> None:
        over = [key for key, job in self._jobs.items() if job.over]
        for key in over[: max(0, len(self._jobs) - REMEMBERED)]:
            del self._jobs[key]


class _Lost(Exception):
    """A worker that answers no more."""


def _frame(stream: object) -> tuple[bytes, bytes]:
    """One answer of a worker; `_Lost` when it ends or is silent for too long."""
    descriptor = stream.fileno()  # type: ignore[attr-defined]

    def exactly(size: int) -> bytes:
        data = b""
        while len(data) < size:
            if not select.select([descriptor], [], [], SILENT_SECONDS)[0]:
                raise _Lost(f"nothing for {SILENT_SECONDS:g} s")
            more = os.read(descriptor, size - len(data))
            if not more:
                raise _Lost("it ended")
            data += more
        return data

    head = exactly(5)
    kind, size = head[:1], struct.unpack(">I", head[1:])[0]
    if kind not in (b"S", b"E") or size > LARGEST:
        raise _Lost("it answers something else")
    return kind, exactly(size)


def _ended(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                pass
