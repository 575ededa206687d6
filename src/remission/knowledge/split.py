"""The division of published results into those that may be fitted and those that are foretold (data/split.yaml)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from .loader import load

if TYPE_CHECKING:
    from .library import Library

# An independent check uses the results of these studies: they are for orientation here, whatever the split says.
KEPT_BACK = (
    "AALL0932", "AALL1131", "AALL0622", "CA180-372", "AALL1331 low", "NCT02393859", "AIEOP-BFM ALL 2009",
    "ALL-BFM 90", "UKALL 2011", "UKALL XI", "Total 16", "Total XVI", "DCOG ALL-10", "BLAST", "ZUMA-3", "MLL-10",
    "IntReALL", "ALL-R3", "ALL-REZ BFM 2002", "CALGB 10403", "hyper-CVAD", "Ma-Spore", "DFCI 05-001", "CCG-1961",
    "EORTC 58951", "CoALL 07-03", "POG 9404", "LAL2317",
)  # fmt: skip
FILE = Path(__file__).parent / "data" / "split.yaml"
Used = Literal["calibrate", "predict"]
Named = Used | dict[Used, tuple[str, ...]]


class Split(BaseModel):
    """By trial and by side effect: one word for all its numbers, or every number by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    trials: dict[str, Named]
    side_effects: dict[str, Named]

    def of_trial(self, trial: str, arm: str, label: str) -> Used:
        """What an endpoint is for; ``label``: `Endpoint.label()`. What is not named is predicted."""
        return _used(self.trials.get(trial), f"{arm}: {label}")

    def of_incidence(self, side_effect: str, name: str, protocol: str, label: str) -> Used:
        """What an incidence of a side effect's file is for; ``label``: `Published.label()`."""
        return _used(self.side_effects.get(side_effect), f"{name}, {protocol}: {label}")


@lru_cache(maxsize=1)
def split() -> Split:
    """The file that is shipped."""
    return load(FILE, Split)


def departures(library: Library) -> Iterator[str]:
    """Every number of the library's trials and side effects that says another use than the split, and every number
    that the split names but the library has no longer, one line each."""
    known = split()
    found: dict[str, set[str]] = {}
    for trial in map(library.trial, library.trials()):
        for key, arm in trial.arms.items():
            for e in arm.endpoints:
                meant = known.of_trial(trial.trial, key, e.label())
                yield from _other(trial.trial, f"{key}: {e.label()}", e.used, meant, found)
    for effect in map(library.side_effect, library.side_effects()):
        for seen in effect.published:
            protocol = seen.moved_from or seen.protocol
            meant = known.of_incidence(effect.side_effect, seen.name, protocol, seen.label())
            yield from _other(effect.side_effect, f"{seen.name}, {protocol}: {seen.label()}", seen.used, meant, found)
    for name, named in (*known.trials.items(), *known.side_effects.items()):
        if isinstance(named, dict):
            kept = {number for numbers in named.values() for number in numbers if not is_kept_back(number)}
            gone = kept - found.get(name, set())  # what is kept back may go
            yield from (f"{name}, {number}: named in the split, but no file says it" for number in sorted(gone))


def is_kept_back(name: str) -> bool:
    """Does the name of a report, or what is counted in it, begin with a study of `KEPT_BACK`?"""
    return any(re.match(rf"{re.escape(study)}(?!\w)", name) for study in KEPT_BACK)


def _other(name: str, number: str, used: str, meant: Used, found: dict[str, set[str]]) -> Iterator[str]:
    if used == "orientation":
        if is_kept_back(number):
            found.setdefault(name, set()).add(number)
        return
    found.setdefault(name, set()).add(number)
    if used != meant:
        yield f"{name}, {number}: says {used}, the split says {meant}"


def _used(named: Named | None, number: str) -> Used:
    if isinstance(named, str):
        return named
    return "calibrate" if named and number in named.get("calibrate", ()) else "predict"
