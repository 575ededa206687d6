"""What is shown of a run at its end, made in a thread of its own while the rest of it is played."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from remission.engine.shards import Manifest, piece, pieces

from . import drawing, memory, side_effects
from .summary import Journey, journey

Frames = Mapping[str, pl.LazyFrame]


class Part(NamedTuple):
    """What a summary counts patient by patient, of some whole patients."""

    journey: Journey | None
    side_effects: pl.DataFrame

    @classmethod
    def of(cls, tables: Frames) -> Part:
        return cls(journey(tables["events"]) if "events" in tables else None, side_effects.patients_with(tables))


def picture(tables: Frames, patients: int, title: str) -> bytes:
    """The cohort's first patients on one page, as a PNG."""
    from .pictures import plot_cohort, png, shown_of

    memory.give_back()
    return png(plot_cohort(shown_of(tables, patients), title=title))


class Ahead:
    """The parts of a run's summary, so many patients each, and its picture: each is made as soon as the shards that it
    needs are on the disk. What fails is raised when it is asked for."""

    def __init__(self, folder: Path, manifest: Manifest, patients: int, drawn: int, title: str) -> None:
        self._folder, self._manifest = folder, manifest
        shown = range(-(-min(drawn, manifest["patients"]) // manifest["shard_size"]))
        self._wanted: list[tuple[range, Callable[[Frames], Any]]] = [
            *((some, Part.of) for some in pieces(manifest, patients)),
            (shown, lambda tables: picture(tables, drawn, title)),
        ]
        self._made: dict[int, Future[Any]] = {}
        self._seen: set[int] = set()
        self._thread = ThreadPoolExecutor(1)
        self._loading: Future[None] | None = None

    def begun(self) -> None:
        """The core plays, and the interpreter has time: what draws is loaded meanwhile."""
        self._loading = self._loading or self._thread.submit(drawing.load)

    def seen(self, shard: int) -> None:
        """This shard is on the disk."""
        if self._manifest["patients"] < memory.FEW:
            memory.give_back()  # its tables; the picture takes as much again
        self._seen.add(shard)
        for place, (shards, make) in enumerate(self._wanted):
            if place not in self._made and shard in shards and self._seen.issuperset(shards):
                tables = piece(self._folder, self._manifest, shards)
                self._made[place] = self._thread.submit(contextvars.copy_context().run, make, tables)

    def parts(self) -> list[Part]:
        """Those of the summary, in the order of the patients, once all shards have been seen."""
        return [self._made[place].result() for place in range(len(self._wanted) - 1)]

    def picture(self) -> bytes:
        """A PNG, once the shards that it shows have been seen."""
        made: bytes = self._made[len(self._wanted) - 1].result()
        return made

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """What has been seen is made to the end; of a run that failed nothing more is."""
        self._thread.shutdown(cancel_futures=failed is not None)
