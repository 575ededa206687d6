"""Points of a plan, played: one thread each, the result of every task as soon as it is there."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from remission.engine.cores import Spread, on_cores
from remission.knowledge.library import Library, library, using
from remission.knowledge.places import Place, laid_over
from remission.protocol.model import Protocol
from remission.trial.validate import Treated, Treatment, treated

from .plan import Plan
from .targets import Answer, Target, answers, targets


@dataclass(frozen=True)
class Task:
    """One point (its name) with one seed; ``numbers``: what stands at the places; ``trials``: that are played, or
    side effects, all when it is empty."""

    point: str
    seed: int
    numbers: tuple[tuple[Place, float], ...]
    trials: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """What came out of a task: every target's answer, or why there is none."""

    point: str
    seed: int
    answers: Mapping[str, Answer | str]
    seconds: float


class Treatments:
    """What is given in the arms, read once: the numbers of a plan do not change it."""

    def __init__(self, shelf: Library) -> None:
        self.shelf = shelf
        self.known: dict[tuple[object, ...], Protocol] = {}

    def __call__(self, arm: Treated, after_relapse: str | None) -> Protocol:
        key = (arm.protocol, arm.without, arm.add, arm.phases, arm.also, arm.mrd, arm.patients_of, after_relapse)
        if key not in self.known:
            with using(self.shelf):
                self.known[key] = treated(arm, after_relapse)
        return self.known[key]


def evaluate(
    plan: Plan,
    task: Task,
    found: list[Target] | None = None,
    shelf: Library | None = None,
    treatment: Treatment | None = None,
) -> Row:
    """Play every target's arm with the numbers of the task."""
    began = time.perf_counter()
    shelf = shelf or library()
    found = targets(plan.targets, shelf)[0] if found is None else found
    if task.trials:
        found = [t for t in found if t.of in task.trials]
    with tempfile.TemporaryDirectory() as folder, using(laid_over(dict(task.numbers), Path(folder), shelf)):
        told = answers(found, patients=plan.patients, more=plan.more, seed=task.seed, treatment=treatment or treated)
    return Row(task.point, task.seed, told, time.perf_counter() - began)


def evaluate_all(plan: Plan, tasks: Iterable[Task], *, spread: Spread = on_cores) -> Iterator[Row]:
    """The rows of all tasks in the order in which they are done."""
    return spread(_begin, plan, _work, tasks)


def _begin(plan: Plan) -> tuple[Plan, list[Target], Library, Treatments]:
    """A process reads its library once; its tasks lay their numbers over it."""
    shelf = library()
    return plan, targets(plan.targets, shelf)[0], shelf, Treatments(shelf)


def _work(begun: tuple[Plan, list[Target], Library, Treatments], task: Task) -> Row:
    plan, found, shelf, treatment = begun
    return evaluate(plan, task, found, shelf, treatment)
