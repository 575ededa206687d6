"""Many patients through both: the engine at once, the reference patient by patient on all cores."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from remission.engine.play import Options, play
from remission.engine.program import Program, prepare
from remission.knowledge.library import library
from remission.patient.cohort import Cohort
from remission.patient.population import draw
from remission.protocol.reader import read_protocol

from . import closed_loop
from .comparison import Compared, Tables, compare

POPULATION = "standard-risk-b-all"
TIGHTER = 1e-10  # tolerance that tells the reference's own error


@dataclass(frozen=True)
class Study:
    protocol: str
    patients: int
    seed: int = 1
    follow_up_days: int = 3653
    population: str = POPULATION

    def ready(self) -> tuple[Program, Cohort]:
        shelf = library()
        program = prepare(read_protocol(shelf.protocol_path(self.protocol)), shelf)
        return program, draw(self.population, self.patients, seed=self.seed)


def of(tables: Tables, patient: int) -> Tables:
    return {name: table.filter(pl.col("patient") == patient) for name, table in tables.items()}


class _Work:
    """What a process keeps between patients."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.program, self.people = study.ready()

    def engine(self, task: tuple[int, Tables]) -> Compared:
        """The engine against the reference."""
        index, engine = task
        return compare(self.program, engine, self._integrate(index))

    def own(self, task: tuple[int, Tables]) -> Compared:
        """The reference against itself with a tighter tolerance."""
        index, _ = task
        return compare(self.program, self._integrate(index), self._integrate(index, TIGHTER))

    def _integrate(self, index: int, rtol: float = closed_loop.RTOL) -> Tables:
        return closed_loop.integrate(
            self.program, self.people, self.study.seed, index, follow_up_days=self.study.follow_up_days, rtol=rtol
        )


_work: _Work


def _begin(study: Study) -> None:
    global _work
    _work = _Work(study)


def _engine(task: tuple[int, Tables]) -> Compared:
    return _work.engine(task)


def _own(task: tuple[int, Tables]) -> Compared | None:
    return _so_tightly(_work, task)


def _so_tightly(work: _Work, task: tuple[int, Tables]) -> Compared | None:
    """None where the solver gives up at the tighter tolerance: the report then has no error of the reference's own."""
    try:
        return work.own(task)
    except ArithmeticError:
        return None


@dataclass(frozen=True)
class Result:
    study: Study
    compared: list[Compared]
    own: list[Compared]  # the reference's own error, of a few
    engine_seconds: float
    reference_seconds: float  # of all processes together

    @property
    def patient_years(self) -> float:
        return sum(c.days for c in self.compared) / 365.25


def run(study: Study, processes: int = 1, own: int = 0, progress: Callable[[int], None] = lambda done: None) -> Result:
    """Compare every patient of the study; ``own``: so many of them also with a tighter reference."""
    program, people = study.ready()
    options = Options(chance=False, follow_up_days=study.follow_up_days)
    play(program, people.take(slice(0, 1)), seed=study.seed, threads=1, options=options)  # compiles
    start = time.perf_counter()
    tables = play(program, people, seed=study.seed, threads=1, options=options)
    engine_seconds = time.perf_counter() - start
    tasks = [(i, of(tables, patient)) for i, patient in enumerate(people.patient.tolist())]
    compared = []
    start = time.perf_counter()
    if processes == 1:
        work = _Work(study)
        for task in tasks:
            compared.append(work.engine(task))
            progress(len(compared))
        seconds = time.perf_counter() - start
        selves = [_so_tightly(work, task) for task in tasks[:own]]
    else:
        with multiprocessing.get_context("spawn").Pool(processes, _begin, (study,)) as pool:
            for one in pool.imap(_engine, tasks):
                compared.append(one)
                progress(len(compared))
            seconds = (time.perf_counter() - start) * processes
            selves = pool.map(_own, tasks[:own], chunksize=1)
    return Result(study, compared, [each for each in selves if each], engine_seconds, seconds)
