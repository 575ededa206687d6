"""The published kinetics of an agent solved for one typical patient: the level in the blood or the spinal fluid."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from remission.body.pharmacokinetics import PLASMA, Kinetics
from remission.knowledge.agent import Agent

STEP = 1 / 96  # day: a quarter of an hour


def typical(agent: Agent) -> Agent:
    """The agent of a typical patient: without the spread between patients."""

    def bare(data: Any) -> Any:
        if isinstance(data, dict):
            return {key: bare(value) for key, value in data.items() if key != "iiv_cv"}
        return [bare(value) for value in data] if isinstance(data, list | tuple) else data

    return agent.model_copy(update={"pharmacokinetics": type(agent.pharmacokinetics).model_validate(
        bare(agent.pharmacokinetics.model_dump(exclude_none=True, by_alias=True)))})  # fmt: skip


def solve(
    system: Kinetics, doses: Iterable[tuple[float, float, int, float]], days: int, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Times in days and the level at them, in quarters of an hour. Linear kinetics by the matrix exponential; what
    bends is taken from the central compartment in each step at the rate at its middle."""
    n = round(days / STEP)
    into = np.zeros((n + 1, system.n))
    for day, hours, state, amount in doses:
        start = round(day / STEP)
        length = max(1, round(hours / 24 / STEP))
        for i in range(start, min(start + length, n + 1)):
            into[i, state] += amount / length
    step = _exponential(system.a[0] * STEP)
    out, x = np.zeros(n + 1), np.zeros(system.n)
    row, plasma = system.g[0, system.output(where)], system.g[0, system.output(PLASMA)]
    central = slice(system.central, system.central + 1)
    bends = system.vmax is not None
    for i in range(n + 1):
        x = x + into[i]
        out[i] = row @ x
        if bends and (level := float(plasma @ x)) > 0:
            x[central] *= math.exp(-STEP * _bent(system, level, i * STEP) / float(x[central][0]))
        x = step @ x
    return np.arange(n + 1) * STEP, out


def _bent(system: Kinetics, level: float, day: float) -> float:
    """Amount a day that leaves beside the linear clearance."""
    assert system.vmax is not None and system.km is not None
    out = float(system.vmax[0]) * level / (float(system.km[0]) + level)
    if system.extra is not None and system.fading is not None:
        out += float(system.extra[0]) * level * math.exp(-float(system.fading[0]) * day)
    return out


def _exponential(a: np.ndarray) -> np.ndarray:
    """e to a matrix: Taylor of a part of it, squared."""
    halvings = max(0, math.ceil(math.log2(max(1e-12, float(np.abs(a).sum(axis=1).max())))) + 4)
    small, term = a / 2.0**halvings, np.eye(len(a))
    out = term.copy()
    for k in range(1, 10):
        term = term @ small / k
        out += term
    for _i in range(halvings):
        out = out @ out
    return out
