"""Which assumption carries a result: Sobol indices of an outcome to the numbers of a plan.

The outcome is played at the points of a Sobol design over the ranges, learnt by an emulator, and the emulator's
variance is divided among the numbers (Saltelli's estimators, by SALib): ``first`` is the share of variance that one
number explains alone, ``total`` that in which it has a part.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from remission.engine.cores import Spread, on_cores
from remission.knowledge.library import Library, library, using
from remission.knowledge.places import laid_over
from remission.protocol.model import Protocol
from remission.trial.run import simulate
from remission.trial.shown import Shown
from remission.trial.side_by_side import both, compared

from .emulator import LEAST, learn, needed
from .evaluate import Task
from .plan import Parameter, Plan, now

SALTELLI = 1024  # base samples of the emulator; a power of two
FOLDS = 5  # parts that are left out in turn, to see what the emulator foretells
ENOUGH = 0.5  # of the variance, below which its shares are not told as a result


@dataclass(frozen=True)
class Asked:
    """What is played at every point: a protocol, or two and then the change from the first to the second."""

    first: Protocol
    second: Protocol | None
    patients: int
    seed: int
    years: float
    population: str | None = None


Outcome = dict[str, tuple[float, float]]  # measure -> value and standard error


@dataclass(frozen=True)
class Row:
    """One number: the shares of variance with their 95 % half widths, and the outcome at both ends of its range, the
    others in the middle of theirs."""

    name: str
    why: str
    low: float
    high: float
    first: float
    total: float
    total_half: float
    at_low: float
    at_high: float


@dataclass(frozen=True, repr=False)
class Sensitivity(Shown):
    """``typical``: mean and SD of the outcome over the ranges, without the chance of a cohort."""

    measure: str
    points: int
    patients: int
    typical: tuple[float, float]
    chance: float  # standard error of one cohort
    rows: tuple[Row, ...]
    foretold: float  # share of the variance of points that the emulator was not given; nan with too few points

    def __repr__(self) -> str:
        return f"Sensitivity({self.measure}: {len(self.rows)} numbers)"

    def __rich__(self) -> RenderableType:
        table = Table(box=None, pad_edge=False)
        for heading in ("", "from", "to", "first", "total (95 % CI)", "result from", "to"):
            table.add_column(heading, justify="right" if heading else "left")
        for row in sorted(self.rows, key=lambda row: -row.total):
            shares = f"{row.first:.2f}", f"{row.total:.2f} (± {row.total_half:.2f})"
            ends = f"{row.at_low:.1f}", f"{row.at_high:.1f}"
            table.add_row(f"{row.name}: {row.why}", f"{row.low:.3g}", f"{row.high:.3g}", *shares, *ends)
        mean, sd = self.typical
        head = (
            f"{self.measure}: {mean:.1f} on average, standard deviation {sd:.1f} over the ranges "
            f"({self.points} points, {self.patients:,} patients each; the chance of one cohort: {self.chance:.1f})"
        )
        return Group(Text(head, "bold"), table, Text(self.verdict()))

    def verdict(self) -> str:
        """What may be said of it, in a sentence or two."""
        if not self.foretold >= ENOUGH:  # also nan
            known = "nothing" if not self.foretold > 0 else f"{100 * self.foretold:.0f} % of the variance"
            return (
                f"Of points that were left out {known} can be foretold: these shares are no result yet. Play more "
                f"points (some for each of the {len(self.rows)} numbers), more patients, or fewer numbers."
            )
        most = max(self.rows, key=lambda row: row.total)
        part, foretold = (f"{100 * share:.0f} %" for share in (most.total, self.foretold))
        rests = f"The result rests most on '{most.name}' ({most.why}): it has a part in {part} of it."
        return f"{rests} Of points that were left out {foretold} of the variance is foretold."


def measures(asked: Asked) -> Outcome:
    """Every measure of the summary, or every change from the first to the second treatment, with the library in use."""
    if asked.second is None:
        run = simulate(
            asked.first, patients=asked.patients, seed=asked.seed, population=asked.population,
            follow_up_years=asked.years, threads=1,
        )  # fmt: skip
        rows = run.summary(asked.years).table.filter(pl.col("value").is_not_null() & (pl.col("spread") == "95 % CI"))
        return {
            measure: (value, max((high - low) / 3.92, 1e-6))
            for measure, value, low, high in rows.select("measure", "value", "low", "high").drop_nulls().rows()
        }
    a, b, names = both(
        asked.first, asked.second, patients=asked.patients, seed=asked.seed, population=asked.population,
        years=asked.years, threads=1,
    )  # fmt: skip
    return {
        row.measure: (row.change.value, max((row.change.high - row.change.low) / 3.92, 1e-6))
        for row in compared(a, b, names, asked.years).rows
    }


def sensitivity(
    plan: Plan, asked: Asked, measure: str, *, points: int, spread: Spread = on_cores, seed: int = 1
) -> Iterator[tuple[int, Sensitivity | None]]:
    """Yields how many points are played, at last with the result; raises `BadInput` for a measure that is not there."""
    from remission.knowledge.errors import BadInput, nearest

    qmc = needed("scipy.stats.qmc", "SciPy")
    base, size = now(plan), len(plan.parameters)
    design = qmc.Sobol(size, seed=seed).random(1 << (points - 1).bit_length())[:points]
    tasks = [
        Task(str(k), asked.seed, tuple(plan.numbers(plan.values([float(x) for x in units]), base).items()))
        for k, units in enumerate(design)
    ]
    found: list[tuple[float, float] | None] = [None] * points
    for done, (name, told) in enumerate(spread(_begin, asked, _work, tasks), 1):
        if measure not in told and done == 1:
            near = nearest(measure, told)
            remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(told)}"
            raise BadInput(f"there is no measure '{measure}'", remedy=remedy)
        found[int(name)] = told.get(measure)
        yield done, None
    if sum(one is not None for one in found) < LEAST:
        raise BadInput(f"'{measure}' was told at fewer than {LEAST} points", remedy="More points, or more patients")
    yield points, of_points(plan.parameters, measure, design, found, asked.patients)


def of_points(
    parameters: Mapping[str, Parameter],
    measure: str,
    design: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    found: Sequence[tuple[float, float] | None],
    patients: int,
) -> Sensitivity:
    """The indices from what was played at the points of a design (in the unit cube)."""
    sampler, analyser = needed("SALib.sample.sobol", "SALib"), needed("SALib.analyze.sobol", "SALib")
    emulator = learn(design, {measure: list(found)})
    size = design.shape[1]
    problem = {"num_vars": size, "names": list(parameters), "bounds": [[0.0, 1.0]] * size}
    at = sampler.sample(problem, SALTELLI, calc_second_order=False, seed=1)
    mean = emulator.predict(at)[0][:, 0]
    told = analyser.analyze(problem, mean, calc_second_order=False, seed=1)
    ends = np.full((2 * size, size), 0.5)
    for i in range(size):
        ends[2 * i, i], ends[2 * i + 1, i] = 0.0, 1.0
    at_ends = emulator.predict(ends)[0][:, 0]
    rows = tuple(
        Row(
            name, one.why.strip(), *one.bounds, float(told["S1"][i]), float(told["ST"][i]), float(told["ST_conf"][i]),
            float(at_ends[2 * i]), float(at_ends[2 * i + 1]),
        )
        for i, (name, one) in enumerate(parameters.items())
    )  # fmt: skip
    chance = float(np.median([one[1] for one in found if one is not None]))
    played = sum(one is not None for one in found)
    typical = float(mean.mean()), float(mean.std())
    return Sensitivity(measure, played, patients, typical, chance, rows, _foretold(design, measure, found))


def _foretold(
    design: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    measure: str,
    found: Sequence[tuple[float, float] | None],
) -> float:
    """The share of the variance of what was played that an emulator foretells which did not see it."""
    told = [i for i, one in enumerate(found) if one is not None]
    if len(told) - math.ceil(len(told) / FOLDS) < LEAST:
        return math.nan
    missed = []
    for k in range(FOLDS):
        out = set(told[k::FOLDS])
        kept = learn(design, {measure: [None if i in out else one for i, one in enumerate(found)]})
        at = sorted(out)
        missed += list(kept.predict(design[at])[0][:, 0] - np.array([found[i][0] for i in at]))  # type: ignore[index]
    values = np.array([found[i][0] for i in told])  # type: ignore[index]
    return 1.0 - float(np.mean(np.square(missed))) / float(values.var()) if values.var() > 0 else math.nan


def _begin(asked: Asked) -> tuple[Asked, Library]:
    return asked, library()


def _work(begun: tuple[Asked, Library], task: Task) -> tuple[str, Outcome]:
    asked, shelf = begun
    with tempfile.TemporaryDirectory() as folder, using(laid_over(dict(task.numbers), Path(folder), shelf)):
        return task.point, measures(asked)
