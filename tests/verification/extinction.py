"""Does a clone die out as often as theory says?

One kind of cell: Kendall 1948. With rho(t) the integral of death minus birth, a lineage is extinct at T with
probability 1 - 1 / (1 + integral of death(t) exp(rho(t))), n cells with its n-th power; rates may change from day to
day. Cycling and resting cells: the generating functions u_C, u_Q (extinction from one cell of each kind) obey,
backwards in time,

    du_C = d - (b + d + a) u_C + b u_C^2 + a u_Q        du_Q = k - (w + k) u_Q + w u_C

with b birth, d death and kill, a to rest, w wake, k kill of resting cells; solved by LSODA.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.stats import binomtest

from remission.compiled import core
from remission.engine import lanes
from remission.engine.program import prepare
from remission.knowledge.library import library
from remission.patient import chance
from remission.patient.population import draw
from remission.protocol.reader import read_protocol

KENDALL = chance.purpose("verification of extinction, one kind")
TWO_KINDS = chance.purpose("verification of extinction, two kinds")
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Clone:
    """A clone and what it lives through: rates per day, one for each step of ``step`` days."""

    name: str
    cycling: float
    resting: float
    birth: np.ndarray
    death: np.ndarray  # with kill
    to_rest: float
    wake: float
    kill_resting: np.ndarray
    step: float = 1.0


@dataclass(frozen=True)
class Extinct:
    clone: str
    patients: int
    share: float
    low: float  # interval of the share
    high: float
    exact: float

    @property
    def met(self) -> bool:
        return self.low <= self.exact <= self.high


def kendall(clone: Clone) -> float:
    """Probability that the cycling cells, without rest, are extinct after the last step."""
    rho = integral = 0.0
    for birth, death in zip(clone.birth, clone.death, strict=True):
        net = (death - birth) * clone.step
        integral += death * clone.step * np.exp(rho) * (np.expm1(net) / net if net else 1.0)
        rho += net
    return float((1.0 - 1.0 / (1.0 + integral)) ** clone.cycling)


def generating(clone: Clone) -> float:
    """Probability that no cell of either kind is left after the last step."""
    u = np.zeros(2)
    for birth, death, kill in zip(clone.birth[::-1], clone.death[::-1], clone.kill_resting[::-1], strict=True):

        def change(_: float, u: np.ndarray, b: float = birth, d: float = death, k: float = kill) -> list[float]:
            a, w = clone.to_rest, clone.wake
            return [d - (b + d + a) * u[0] + b * u[0] ** 2 + a * u[1], k - (w + k) * u[1] + w * u[0]]

        u = solve_ivp(change, (0.0, clone.step), u, method="LSODA", rtol=1e-10, atol=1e-14).y[:, -1]
    return float(u[0] ** clone.cycling * u[1] ** clone.resting)


def _play_one_kind(seed, patients, purpose, cells, birth, death, step):
    extinct = 0
    for patient in range(patients):
        c = cells
        for i in range(len(birth)):
            c = chance.birth_death(seed, patient, purpose, i, c, birth[i], death[i], step)
            if c == 0.0:
                extinct += 1
                break
    return extinct


def _play_two_kinds(seed, patients, purpose, cycling, resting, birth, death, to_rest, wake, kill_resting, step):
    extinct = 0
    for patient in range(patients):
        c, q = cycling, resting
        for i in range(len(birth)):
            c, q = core.chance.few_cells(
                c, q, birth[i], death[i], to_rest, wake, 0.0, kill_resting[i], step, seed, patient, purpose, i
            )
            if c + q == 0.0:
                extinct += 1
                break
    return extinct


def clones() -> list[Clone]:
    """Few cells: growing free, under steady kill, under weekly pulses. Rates of the typical standard-risk patient,
    whose cells hardly ever go to rest; and a clone that exchanges them far faster than the model does."""
    people = draw("standard-risk-b-all", 64, seed=1)
    program = prepare(read_protocol(library().protocol_path("cog-standard-risk")), library())
    _, q = lanes.build(program, people, library(), seed=1)
    birth, to_rest = float(np.median(q.birth[0])), float(np.median(q.to_rest[0]))
    death, wake = float(np.median(q.death)), float(np.median(q.wake))
    rest = {"to_rest": to_rest, "wake": wake}
    faster = {"to_rest": 0.01, "wake": 0.02}

    def steady(name: str, cells: float, kill: float, days: int, step: float = 1.0, **more: float) -> Clone:
        n = round(days / step)
        return _clone(name, cells, np.full(n, birth), np.full(n, death + kill), step=step, **more)

    def pulsed(name: str, cells: float, weeks: int, **more: float) -> Clone:
        pulses = np.tile([1.6, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0], weeks)  # a dose a week
        return _clone(name, cells, np.full(len(pulses), birth), death + pulses, **more)

    return [
        steady("one cell grows free, 28 days", 1, 0.0, 28),
        steady("three cells grow free, 84 days", 3, 0.0, 84),
        steady("300 cells under a steady kill, 28 days", 300, 0.25, 28),
        pulsed("900 cells under three weekly pulses", 900, 3),
        steady("cycling and resting, free, 84 days", 2, 0.0, 84, resting=1, **rest),
        steady("cycling and resting, steady kill, 84 days", 30, 0.25, 84, resting=5, kill_resting=0.03, **rest),
        pulsed("cycling and resting, twelve weekly pulses", 300, 12, resting=30, kill_resting=0.05, **rest),
        pulsed("the same, exchange of 0.01 and 0.02 a day", 300, 12, resting=30, kill_resting=0.05, **faster),
        steady("cycling and resting, follow-up by weeks, 364 days", 2, 0.0, 364, step=7.0, resting=1, **rest),
    ]


def _clone(
    name: str, cells: float, birth: np.ndarray, death: np.ndarray, *, resting: float = 0.0, to_rest: float = 0.0,
    wake: float = 0.0, kill_resting: float = 0.0, step: float = 1.0,
) -> Clone:  # fmt: skip
    return Clone(name, cells, resting, birth, death, to_rest, wake, np.full(len(birth), kill_resting), step)


def measure(clone: Clone, patients: int, seed: int = 1) -> Extinct:
    """Play the clone in ``patients`` patients with the engine's chance, beside the exact probability."""
    if clone.to_rest == 0.0:
        exact = kendall(clone)
        died = _play_one_kind(seed, patients, KENDALL, clone.cycling, clone.birth, clone.death, clone.step)
    else:
        exact = generating(clone)
        died = _play_two_kinds(seed, patients, TWO_KINDS, clone.cycling, clone.resting, clone.birth, clone.death,
                               clone.to_rest, clone.wake, clone.kill_resting, clone.step)  # fmt: skip
    interval = binomtest(died, patients).proportion_ci(CONFIDENCE)
    return Extinct(clone.name, patients, died / patients, interval.low, interval.high, exact)
