"""Patients first..first+count-1 of a run, played: here, or on another machine that was sent the question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from remission.engine.eligible import eligible
from remission.engine.layout import Layout
from remission.engine.play import Options, plan_of, play
from remission.engine.program import Program, prepare
from remission.engine.shards import Files, Tables, packed, write_shard
from remission.knowledge.folders import folder_of
from remission.knowledge.library import library
from remission.patient.given import Given
from remission.patient.population import draw
from remission.patient.recipe import Population
from remission.protocol.doses import Doses
from remission.protocol.model import Protocol

PlayShard = Callable[[int, int, int], Tables]  # first patient, how many, threads


@dataclass(frozen=True)
class Asked:
    """All that the tables of a run depend on, beside the library in use."""

    protocol: Protocol
    people: Population
    given: Given
    seed: int
    options: Options
    histories: Doses | None = None  # played in place of the protocol, patient by patient

    def player(self, *, timings: dict[str, float] | None = None, drawn: Callable[[], None] = lambda: None) -> PlayShard:
        """How a shard is played with the library in use: the tables of so many patients from the first one on, by so
        many threads. ``timings``, ``drawn``: see `play`."""
        shelf = library()
        program = prepare(self.protocol, shelf)
        plan = plan_of(program, self.options, shelf)
        condition = self.protocol.eligible

        def program_for(first: int, count: int) -> tuple[Program, Layout, Any]:
            """What these patients are played by, and the phase in which each begins."""
            if self.histories is None:
                return program, plan, None
            which = np.arange(first, first + count) % len(self.histories.histories)
            places, begins = np.unique(which, return_inverse=True)
            theirs = prepare(self.histories.protocol(places.tolist()), shelf)
            return theirs, plan_of(theirs, self.options, shelf), begins + 1

        def play_shard(first: int, count: int, threads: int) -> Tables:
            cohort = draw(
                self.people, count, seed=self.seed, start=first, accept=lambda patients: eligible(condition, patients),
                given=self.given,
            )  # fmt: skip
            theirs, layout, begins = program_for(first, count)
            frames = play(
                theirs, cohort, seed=self.seed, threads=threads, options=self.options, knowledge=shelf, plan=layout,
                timings=timings, begins=begins, drawn=drawn,
            )  # fmt: skip
            return {name: frames[name] for name in self.options.record}

        return play_shard


@dataclass(frozen=True)
class Elsewhere:
    """A run as a worker is asked for it: it plays shards with one thread, and writes them where all can read them
    (``out``, an address or a path that all machines share); without ``out`` it sends the tables back."""

    asked: Asked
    patients: int
    size: int
    out: str | None = None
    run: str = ""  # sha256

    def begun(self) -> Work:
        return Work(self, self.asked.player())


@dataclass(frozen=True)
class Work:
    """An `Elsewhere` on a worker, ready to be asked for shards by number."""

    question: Elsewhere
    play_shard: PlayShard

    def frames(self, shard: int) -> tuple[int, Tables]:
        size = self.question.size
        return shard, self.play_shard(shard * size, min(size, self.question.patients - shard * size), 1)

    def written(self, shard: int) -> tuple[int, float, Files]:
        """The shard's number, the days that its patients were played, and its files."""
        assert self.question.out is not None
        _, frames = self.frames(shard)
        out: Path = folder_of(self.question.out)
        files = write_shard(out, shard, self.question.run, packed(frames, self.question.asked.options.record))
        return shard, days_of(frames), files


def days_of(frames: Tables) -> float:
    """Days that the patients were played, all together."""
    return float(frames["outcomes"]["played_days"].sum())
