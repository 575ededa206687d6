"""From the present numbers downhill: least squares of all targets and priors, by a library, over the unit cube.

Slopes are differences between points that share patients and chance, a step apart that moves counts of patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np

from .emulator import Floats, needed
from .plan import Method, Plan
from .point import Point
from .targets import Target, variance

OUTLYING = 2.0  # standard errors from which a target pulls no harder (soft L1)
UNTOLD = 4.0  # standard errors that a target counts as off where it cannot be told any more
TRIALS = 3  # points that are tried from one set of slopes, at most
ALL = 0.8  # of a step, when all numbers move at once
ENOUGH = 5e-3  # share of the sum of squares below which a step is no gain


class Wave(Protocol):
    """Plays points under a name, or tells what is there of it. ``only``: the trials of each; for the others it is
    ``like`` another point."""

    def __call__(
        self,
        name: str,
        choose: Callable[[], Iterable[Sequence[float]]],
        only: Sequence[tuple[str, ...]] = (),
        like: Point | None = None,
    ) -> list[Point]: ...


class _Done(Exception):
    """All slopes that the plan allows have been used."""


class _Valley:
    """The sum of squares: what has been played of it."""

    def __init__(self, plan: Plan, found: list[Target], start: Point) -> None:
        self.known = [t for t in found if start.told.get(t.name) is not None]
        shared = np.array([start.told[t.name][1] for t in self.known]) ** 2  # type: ignore[index]
        self.sd = np.sqrt(np.array(variance(plan, self.known)) + shared)
        normal = [one.prior_in_units() for one in plan.parameters.values()]
        self.guided = [(i, *one) for i, one in enumerate(normal) if one is not None]
        self.scale = np.array([one[1] if one is not None else 1 / np.sqrt(12) for one in normal])

    def residuals(self, point: Point) -> Floats:
        """One a target, one a prior, in standard errors."""
        pairs = zip(self.known, self.sd, strict=True)
        off = [(one[0] - t.centre) / sd if (one := point.told.get(t.name)) else UNTOLD for t, sd in pairs]
        return np.array([*off, *((point.units[i] - mean) / sd for i, mean, sd in self.guided)])

    def loss(self, squares: Floats) -> Floats:
        """rho and its two derivatives: soft L1 of the targets, squares of the priors."""
        out = np.stack([squares, np.ones_like(squares), np.zeros_like(squares)])
        z = squares[: len(self.known)] / OUTLYING**2
        root = np.sqrt(1 + z)
        out[:, : len(z)] = 2 * OUTLYING**2 * (root - 1), 1 / root, -0.5 / root**3 / OUTLYING**2
        return out

    def depth(self, point: Point) -> float:
        return float(self.loss(self.residuals(point) ** 2)[0].sum())


def descend(plan: Plan, found: list[Target], start: Sequence[float], wave: Wave) -> Point:
    """The lowest point that was met."""
    optimise = needed("scipy.optimize", "SciPy")
    (point,) = wave("start", lambda: [start])
    valley, tried, slopes = _Valley(plan, found, point), [point], 0
    felt = [one.felt_by for one in plan.parameters.values()]

    def at(units: Floats) -> Floats:
        if not np.allclose(units, tried[-1].units, atol=1e-8):
            tried.extend(wave(f"step-{len(tried)}", lambda: [units.tolist()]))
        return valley.residuals(tried[-1])

    def sloping(units: Floats) -> Floats:
        nonlocal slopes
        if slopes == plan.method.slopes:
            raise _Done
        slopes += 1
        to = np.where(units + plan.method.step <= 1, plan.method.step, -plan.method.step)
        here = min(tried, key=lambda p: float(np.abs(np.array(p.units) - units).max()))
        around = wave(f"slopes-{slopes}", lambda: (units + np.diag(to)).tolist(), felt, here)
        columns = [(valley.residuals(p) - valley.residuals(here)) / h for p, h in zip(around, to, strict=True)]
        return np.stack(columns, axis=1)

    try:
        optimise.least_squares(
            at, np.clip(point.units, 1e-6, 1 - 1e-6), jac=sloping, bounds=(0, 1), loss=valley.loss,
            x_scale=valley.scale, ftol=ENOUGH, xtol=1e-3, gtol=1e-3, max_nfev=1 + TRIALS * plan.method.slopes,
        )  # fmt: skip
    except _Done:
        pass
    return min(tried, key=valley.depth)


def crossed(centre: Sequence[float], method: Method, count: int, wave: int = 1) -> list[list[float]]:
    """Points around one, in each of which every number goes up or down: a slope is told by all of them.

    The signs are columns of a Hadamard matrix, so that no two numbers go together; with twice its rows or more, each
    point is followed by its mirror image, so that what is bent is not taken for a slope. Other counts begin again.
    """
    linear = needed("scipy.linalg", "SciPy")
    size, random = len(centre), np.random.default_rng(method.seed + wave)
    order = 1 << size.bit_length()
    square = linear.hadamard(order)[:, 1 + random.permutation(order - 1)[:size]]
    rows = np.stack([square, -square], axis=1).reshape(-1, size) if count >= 2 * order else square
    signs = np.resize(rows, (count, size))
    return np.clip(np.array(centre) + ALL * method.step * signs, 0.01, 0.99).tolist()  # type: ignore[no-any-return]
