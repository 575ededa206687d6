"""Plays a scenario block by block; what has been played so far is told in summaries that grow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import polars as pl

from remission.engine.eligible import eligible
from remission.engine.play import Options, play, prepare
from remission.engine.program import Program
from remission.knowledge.library import Library, library, using
from remission.patient.population import draw
from remission.protocol.model import Protocol
from remission.trial.summary import DAYS_PER_YEAR

from .foundations import numbers
from .scenario import Scenario
from .summary import FOLLOW_UP_YEARS, LIVES, RECORD, Summary, summarise

STEPS = (32, 256, 1000, 2000, 3000, 4000, 5000)  # patients after which a summary is told
DAILY_UNTIL = 60  # the first days of the whole lives are kept day by day


def summaries(
    scenario: Scenario, *, knowledge: Library | None = None, threads: int | None = None, steps: tuple[int, ...] = STEPS
) -> Iterator[Summary]:
    """The summary of the first patients, then of more, at last of all. A patient's life does not depend on how many
    are played: patient 3 of sixty is patient 3 of a thousand."""
    known = knowledge or library()
    with using(known):
        protocol, people = scenario.treatment(known), scenario.people
        program = _program(protocol, known)
        rests_on = numbers(scenario, known)
        parts: list[Mapping[str, pl.DataFrame]] = []
        first = 0
        for until in (*(step for step in steps if step < scenario.patients), scenario.patients):
            cohort = draw(
                people, until - first, seed=scenario.seed, start=first, given=scenario.given,
                accept=lambda patients: eligible(protocol.eligible, patients),
            )  # fmt: skip
            options = Options(
                follow_up_days=round(FOLLOW_UP_YEARS * DAYS_PER_YEAR), record=RECORD,
                daily_until=DAILY_UNTIL if first < LIVES else 0,
            )  # fmt: skip
            parts.append(play(program, cohort, seed=scenario.seed, threads=threads, options=options, knowledge=known))
            tables = {name: pl.concat([part[name] for part in parts]) for name in RECORD}
            yield summarise(scenario, tables, rests_on)
            first = until


@lru_cache(maxsize=32)
def _program(protocol: Protocol, known: Library) -> Program:
    return prepare(protocol, known)


def played(scenario: Scenario, *, knowledge: Library | None = None, threads: int | None = None) -> Summary:
    """The summary of all patients of the scenario."""
    *_, last = summaries(scenario, knowledge=knowledge, threads=threads, steps=())
    return last
