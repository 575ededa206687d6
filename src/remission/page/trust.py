"""Which simulated shares a family is shown: those that were fitted to what was published, or that agree with it."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import polars as pl

from remission.knowledge.library import Library
from remission.trial.estimates import share

from .summary import Summary

Trust = Literal["calibrated", "agrees", "untested"]


@lru_cache(maxsize=4)
def _calibrated_by_trials(knowledge: Library) -> frozenset[str]:
    """The side effects of which a trial's file gives a number that the model was fitted to."""
    told = (endpoint for trial in map(knowledge.trial, knowledge.trials()) for _arm, endpoint in trial.endpoints())
    return frozenset(e.side_effect for e in told if e.side_effect and e.used == "calibrate" and e.read != "memory")


def trust(name: str, summary: Summary, knowledge: Library) -> Trust:
    """Of a side effect. *agrees*: the simulated share lies in the published 95 % interval of the same protocol and
    phase; where several were published, in each."""
    published = [one for one in knowledge.side_effect(name).published if one.read != "memory"]
    if name in _calibrated_by_trials(knowledge) or any(one.used == "calibrate" for one in published):
        return "calibrated"
    held = []
    for one in published:
        if one.protocol != summary.scenario.protocol or one.without or one.add or one.among:
            continue
        if len(one.in_phases) != 1:  # what was counted over several phases is not among the shares that are kept
            continue
        if one.counted != "all":  # a trial's forms, or what emerged: not the share that is shown
            continue
        limits = one.interval
        if limits is None and one.n:
            made = share(round(one.value / 100 * one.n), one.n).times(100)
            limits = (made.low, made.high)
        row = summary.side_effects_by_phase.filter(
            (pl.col("phase") == one.in_phases[0]) & (pl.col("side_effect") == name)
        )  # fmt: skip
        if limits and row.height and one.grade in (1, 3):
            value = 100 * row["any" if one.grade == 1 else "severe"][0]
            held.append(limits[0] <= value <= limits[1])
    return "agrees" if held and all(held) else "untested"
