"""Plays the scenarios that travel with the package: ``make cohorts``. What is still that of its numbers stays, with
--fresh all are played anew."""

from __future__ import annotations

import sys
import time

from remission.knowledge.library import library
from remission.knowledge.writing import write_whole

from .packed import packed
from .playing import played
from .scenario import Scenario, typical
from .store import ENDING, STORED, Store

MORE = ("cog-standard-risk~age4~f~16kg~102cm~b~cns1",)  # besides a typical patient of each protocol


def scenarios() -> list[Scenario]:
    """A typical patient of each protocol, and those that the pages lead to."""
    return [*(typical(name) for name in library().protocols()), *(Scenario.read(path, {}) for path in MORE)]


def main(fresh: bool = False) -> None:
    """Plays what is missing or of other numbers, and takes away what is no longer asked for."""
    STORED.mkdir(exist_ok=True)
    store, wanted, total = Store(None), scenarios(), 0
    for scenario in wanted:
        path = STORED / f"{scenario.path}{ENDING}"
        began = time.perf_counter()
        if fresh or store.stored(scenario) is None:
            write_whole(path, packed(played(scenario), level=19), here=True)
            took, size = time.perf_counter() - began, path.stat().st_size
            print(f"{scenario.path}: {took:.1f} s, {size / 1000:.0f} kB", flush=True)
        total += path.stat().st_size
    for path in STORED.glob(f"*{ENDING}"):
        if path.name not in {f"{scenario.path}{ENDING}" for scenario in wanted}:
            path.unlink()
    print(f"{len(wanted)} scenarios, {total / 1e6:.1f} MB in {STORED}")


def stale() -> list[str]:
    """The scenarios whose stored results are missing or of other numbers than these knowledge files."""
    store = Store(None)
    return [scenario.path for scenario in scenarios() if store.stored(scenario) is None]


if __name__ == "__main__":
    main(fresh="--fresh" in sys.argv[1:])
