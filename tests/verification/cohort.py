"""Many patients through both: the engine at once, the reference patient by patient on all cores.

What was compared is kept, a line a patient, in a folder: who was stopped goes on where he was. Code that has changed
begins anew.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

import remission
from remission.compiled import core
from remission.engine.play import Options, play
from remission.engine.program import Program, prepare
from remission.knowledge.library import library
from remission.patient.cohort import Cohort
from remission.patient.population import draw
from remission.protocol.reader import read_protocol

from . import closed_loop
from .comparison import Compared, Tables, compare

POPULATION = "standard-risk-b-all"
COMPARING = (
    "clinic",
    "closed_loop",
    "cohort",
    "comparison",
)  # of this folder's files, those that a comparison is made by
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


@dataclass(frozen=True)
class Checked:
    """One patient: the engine against the reference; of a few also the reference against itself, tighter."""

    compared: Compared
    own: Compared | None  # None also where the solver gives up at the tighter tolerance
    tightly: bool  # was that tried
    seconds: float  # of CPU, for the reference


class _Work:
    """What a process keeps between patients."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.program, self.people = study.ready()

    def check(self, index: int, engine: Tables, own: bool) -> Checked:
        start = time.process_time()
        ours = self._integrate(index)
        seconds = time.process_time() - start
        try:
            itself = compare(self.program, ours, self._integrate(index, TIGHTER)) if own else None
        except ArithmeticError:
            itself = None
        return Checked(compare(self.program, engine, ours), itself, own, seconds)

    def _integrate(self, index: int, rtol: float = closed_loop.RTOL) -> Tables:
        return closed_loop.integrate(
            self.program, self.people, self.study.seed, index, follow_up_days=self.study.follow_up_days, rtol=rtol
        )


_work: _Work


def _begin(study: Study) -> None:
    global _work
    _work = _Work(study)


def _check(task: tuple[int, Tables, bool]) -> tuple[int, Checked]:
    return task[0], _work.check(*task)


class Kept:
    """Lines of a file: patient by patient what was compared, as long as neither code nor knowledge have changed."""

    def __init__(self, folder: Path | None, study: Study) -> None:
        self.file = folder / f"{study.protocol}.jsonl" if folder else None
        self.key = {"study": asdict(study) | {"patients": None}, "code": _code(), "knowledge": library().digest()}
        self.done: dict[int, Checked] = {}
        lines = self.file.read_text("utf-8").splitlines() if self.file and self.file.exists() else []
        if lines and _line(lines[0]) == self.key:
            self.done = {row["index"]: _checked(row) for row in map(_line, lines[1:]) if row}
        elif self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(self.key) + "\n", "utf-8")

    def add(self, index: int, checked: Checked) -> None:
        self.done[index] = checked
        if self.file:
            with self.file.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"index": index} | asdict(checked)) + "\n")


def _line(text: str) -> dict[str, Any]:
    """A line that was cut short holds nothing."""
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}


def _checked(row: dict[str, Any]) -> Checked:
    own = Compared(**row["own"]) if row["own"] else None
    return Checked(Compared(**row["compared"]), own, row["tightly"], row["seconds"])


def _code() -> str:
    """Digest of all that a comparison depends on but for the knowledge."""
    home = Path(remission.__file__).parent
    files = [core.__file__, *home.glob("body/*.py"), *home.glob("engine/*.py"), *home.glob("patient/*.py")]
    tests = Path(__file__).parent.parent
    files += [tests / "reference.py", *(tests / "verification" / f"{name}.py" for name in COMPARING)]
    digest = hashlib.sha256()
    for file in sorted(map(str, files)):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Result:
    study: Study
    checked: list[Checked]
    engine_seconds: float

    @property
    def compared(self) -> list[Compared]:
        return [c.compared for c in self.checked]

    @property
    def own(self) -> list[Compared]:
        """The reference's own error, of a few."""
        return [c.own for c in self.checked if c.own]

    @property
    def reference_seconds(self) -> float:
        """Of CPU."""
        return sum(c.seconds for c in self.checked)

    @property
    def patient_years(self) -> float:
        return sum(c.days for c in self.compared) / 365.25


def run(
    study: Study,
    processes: int = 1,
    own: int = 0,
    progress: Callable[[int], None] = lambda done: None,
    folder: Path | None = None,
) -> Result:
    """Compare every patient of the study; ``own``: so many of them also with a tighter reference; ``folder``: where
    what is done is kept, and found again."""
    program, people = study.ready()
    options = Options(chance=False, follow_up_days=study.follow_up_days)
    start = time.perf_counter()
    tables = play(program, people, seed=study.seed, threads=1, options=options)
    engine_seconds = time.perf_counter() - start
    kept = Kept(folder, study)

    def lacking(index: int) -> bool:
        return index not in kept.done or (index < own and not kept.done[index].tightly)

    tasks = [(i, of(tables, patient), i < own) for i, patient in enumerate(people.patient.tolist()) if lacking(i)]

    def add(index: int, checked: Checked) -> None:
        kept.add(index, checked)
        progress(len(kept.done))

    if processes == 1 or not tasks:
        work = _Work(study)
        for task in tasks:
            add(task[0], work.check(*task))
    else:
        with multiprocessing.get_context("spawn").Pool(processes, _begin, (study,)) as pool:
            for index, checked in pool.imap(_check, tasks):
                add(index, checked)
    return Result(study, [kept.done[i] for i in range(study.patients)], engine_seconds)
