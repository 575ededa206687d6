"""What is to be fitted to what, as a file: numbers with bounds and priors, targets, patients, seeds, method."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from remission.knowledge.charts_file import charts
from remission.knowledge.errors import BadInput, nearest
from remission.knowledge.library import Library, library
from remission.knowledge.loader import Fault, FaultyNode, load
from remission.knowledge.places import Place, number, place


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prior(_Strict):
    """Normal on the scale of the parameter: ``mean`` in its unit, ``sd`` in its unit or, on the log scale, in ln."""

    mean: float
    sd: Annotated[float, Field(gt=0)]


class Parameter(_Strict):
    """One unknown. ``at``: the places of the number; ``factor`` instead: it multiplies the numbers at those places.
    ``felt_by``: the trials, or side effects, in which alone it matters, so that least squares play its slopes only
    there."""

    at: str | tuple[str, ...] | None = None
    factor: str | tuple[str, ...] | None = None
    bounds: tuple[float, float]
    scale: Literal["linear", "log"] = "linear"
    prior: Prior | None = None  # even within the bounds when it is left out
    felt_by: tuple[str, ...] = ()  # by all, when it is left out
    why: str

    @property
    def texts(self) -> tuple[str, ...]:
        one = self.at if self.at is not None else self.factor
        return (one,) if isinstance(one, str) else one or ()

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(map(place, self.texts))

    def unit(self, value: float) -> float:
        """From 0 at the lower bound to 1 at the upper one, on the parameter's scale."""
        low, high = map(self._on_scale, self.bounds)
        return (self._on_scale(value) - low) / (high - low)

    def value(self, unit: float) -> float:
        """The inverse of ``unit``."""
        low, high = map(self._on_scale, self.bounds)
        x = low + unit * (high - low)
        return math.exp(x) if self.scale == "log" else x

    def prior_in_units(self) -> tuple[float, float] | None:
        """Mean and SD of the prior where the bounds are 0 and 1; None when it is even."""
        if self.prior is None:
            return None
        low, high = map(self._on_scale, self.bounds)
        return self.unit(self.prior.mean), self.prior.sd / (high - low)

    def _on_scale(self, value: float) -> float:
        return math.log(value) if self.scale == "log" else value

    @model_validator(mode="after")
    def _fits(self) -> Parameter:
        low, high = self.bounds
        if (self.at is None) == (self.factor is None):
            raise FaultyNode(Fault((), "a parameter has `at` or `factor`", "Write one of the two"))
        if not self.texts:
            raise FaultyNode(Fault((), "no place is named", "Write `at: body/leukaemia.yaml: cycling.wake`"))
        if not low < high:
            raise FaultyNode(Fault(("bounds",), f"the bounds run from {low:g} to {high:g}", "Write [smaller, larger]"))
        if self.scale == "log" and low <= 0:
            raise FaultyNode(Fault(("bounds",), f"{low:g} has no logarithm", "Write a bound above 0, or scale: linear"))
        if self.prior is not None and not low <= self.prior.mean <= high:
            what = f"the prior's mean {self.prior.mean:g} lies outside the bounds"
            raise FaultyNode(Fault(("prior", "mean"), what, "Correct one of them"))
        return self


class Targets(_Strict):
    """Trials whose `calibrate` endpoints are fitted to (names, or files of one's own), side effects whose published
    incidences are, numbers of the maintenance charts; ``all`` means every one of the kind `calibrate`. ``leave_out``:
    targets by the beginning of their name."""

    trials: tuple[str, ...] | Literal["all"] = ()
    side_effects: tuple[str, ...] | Literal["all"] = ()
    charts: tuple[str, ...] | Literal["all"] = ()
    leave_out: tuple[str, ...] = ()


class Method(_Strict):
    """How the points are chosen. ``search``: the first wave is a Sobol design over the bounds; or so many ``crossed``
    points around the present numbers, every number up or down at once by a ``step`` (a share of the bounds), with the
    seeds in turn; or least squares from the present numbers on, all points with the same seeds: ``slopes`` times a
    ``step`` of every number; then so many ``crossed`` points around the lowest, with the other seeds in turn, since
    what is lowest with one cohort is so in part by its chance. Further waves are taken from a sample of the posterior,
    which an emulator of every target tells (after crossed points they are crossed around its top). In the end the best
    of the sample are played with other seeds; with ``judge_seeds`` the present numbers too, and what is best of all is
    held against them once more with these: when it is not better the present numbers stay."""

    search: Literal["design", "crossed", "least squares"] = "design"
    slopes: Annotated[int, Field(ge=1, le=20)] = 3  # of least squares, each costs a point a number
    step: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    crossed: Annotated[int, Field(ge=0)] = 0
    first: Annotated[int, Field(ge=4)] = 64  # points of a design
    waves: Annotated[int, Field(ge=1, le=20)] = 3  # the first one counted
    points: Annotated[int, Field(ge=1)] = 32  # of every further wave
    confirm: Annotated[int, Field(ge=1)] = 4
    confirm_seeds: tuple[int, ...] = Field(min_length=1)
    judge_seeds: tuple[int, ...] = ()
    discrepancy: Annotated[float, Field(ge=0)] = 0.1  # SD on the scale of the target (logit or ln) that no fit removes
    apart: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)  # by trial, where another
    draws: Annotated[int, Field(ge=2)] = 50  # of the posterior, that are kept
    seed: int = 1  # of design and sampler


class Plan(_Strict):
    """The file. ``patients``: in each arm and with each seed; ``more``: how many instead in the arms of a trial whose
    published numbers are more exact, or speak of a part of its patients (who relapsed). ``a_point``: how many of the
    ``seeds`` a point is played with, in turn; all when it is left out. Many seeds in turn, and the chance of one cohort
    is not fitted to. Least squares plays all points with the first of them, and the present numbers with all, which
    tells how far the cohorts of the first lie off by chance."""

    plan: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    parameters: dict[str, Parameter] = Field(min_length=1)
    targets: Targets
    patients: Annotated[int, Field(ge=8)] = 200
    more: dict[str, Annotated[int, Field(ge=8)]] = Field(default_factory=dict)  # trial -> patients
    seeds: tuple[int, ...] = Field(min_length=1)
    a_point: Annotated[int, Field(ge=1)] | None = None
    method: Method

    @model_validator(mode="after")
    def _fits(self) -> Plan:
        if both := set(self.seeds) & set(self.method.confirm_seeds):
            what = f"the seed {min(both)} is fitted with and confirmed with"
            raise FaultyNode(Fault(("method", "confirm_seeds"), what, "Confirm with seeds that no fit used"))
        if both := {*self.seeds, *self.method.confirm_seeds} & set(self.method.judge_seeds):
            what = f"the seed {min(both)} judges what it has helped to choose"
            raise FaultyNode(Fault(("method", "judge_seeds"), what, "Judge with seeds that chose nothing"))
        if self.method.search == "crossed" and not self.method.crossed:
            raise FaultyNode(Fault(("method",), "it is not said how many points are crossed", "Add `crossed: 64`"))
        if self.a_point is not None and self.a_point > len(self.seeds):
            what = f"{self.a_point} seeds a point of {len(self.seeds)}"
            raise FaultyNode(Fault(("a_point",), what, "Name more seeds, or fewer a point"))
        if not (self.targets.trials or self.targets.side_effects or self.targets.charts):
            raise FaultyNode(Fault(("targets",), "nothing is fitted to", "Write `trials: all`"))
        return self

    @property
    def in_common(self) -> bool:
        """Do all points share patients and chance, those of a part of the seeds?"""
        return self.method.search == "least squares"

    def seeds_of(self, point: int) -> tuple[int, ...]:
        """Those of one point, counted from 0 through all waves."""
        if self.a_point is None:
            return self.seeds
        if self.in_common:
            return self.seeds[: self.a_point] if point else self.seeds
        first = point * self.a_point
        return tuple(self.seeds[(first + k) % len(self.seeds)] for k in range(self.a_point))

    def crossed_seeds(self, count: int, *, first: bool) -> list[tuple[int, ...]]:
        """Of a point in the middle (a quarter of all when it is the first) and of crossed ones: one a pair, in turn."""
        each = self.a_point or len(self.seeds)
        of_pair = [tuple(self.seeds[(i * each + k) % len(self.seeds)] for k in range(each)) for i in range(count)]
        pairs = [of_pair[i // 2] for i in range(count - 1)]
        return [self.seeds[: max(each, len(self.seeds) // 4)] if first else self.seeds[-each:], *pairs]

    def others(self, point: int) -> tuple[int, ...]:
        """Of the seeds that are not shared by all points, those of one that is crossed."""
        each = self.a_point or len(self.seeds)
        rest = self.seeds[each:] or self.seeds
        return tuple(rest[(point * each + k) % len(rest)] for k in range(each))

    def numbers(self, values: dict[str, float], now: dict[Place, float]) -> dict[Place, float]:
        """What stands at every place for these values of the parameters; ``now``: what stands there in the files."""
        return {
            where: value * now[where] if self.parameters[name].factor is not None else value
            for name, value in values.items()
            for where in self.parameters[name].places
        }

    def values(self, units: list[float]) -> dict[str, float]:
        """The values of the parameters at a point of the unit cube."""
        return {name: one.value(u) for (name, one), u in zip(self.parameters.items(), units, strict=True)}

    def units(self, values: dict[str, float]) -> list[float]:
        return [one.unit(values[name]) for name, one in self.parameters.items()]

    def present(self, now: dict[Place, float]) -> dict[str, float]:
        """The values that the files hold (1 for a factor)."""
        return {name: 1.0 if one.factor is not None else now[one.places[0]] for name, one in self.parameters.items()}


def read_plan(path: str | Path, shelf: Library | None = None) -> Plan:
    """A plan from its file; raises `BadInput` with file and line for every place, trial or number that is not there."""
    path, shelf = Path(path), shelf or library()
    return load(path, Plan, lambda plan: _faults(plan, shelf))


def now(plan: Plan, shelf: Library | None = None) -> dict[Place, float]:
    """What the files hold at the places of the plan."""
    return {where: number(where, shelf) for one in plan.parameters.values() for where in one.places}


def _faults(plan: Plan, shelf: Library) -> Iterator[Fault]:
    taken: dict[Place, str] = {}
    for name, one in plan.parameters.items():
        key = "at" if one.at is not None else "factor"
        for text in one.texts:
            at = ("parameters", name, key)
            try:
                where = place(text)
                value = number(where, shelf)
            except BadInput as error:
                yield Fault(at, error.message, error.remedy)
                continue
            if where in taken:
                yield Fault(at, f"'{where}' is moved by {taken[where]} too", "Take it out of one of them")
            taken[where] = name
            low, high = one.bounds
            if not low <= (1.0 if one.factor is not None else value) <= high:
                what = f"the file holds {value:g}, outside the bounds" if key == "at" else "the bounds leave out 1"
                yield Fault(("parameters", name, "bounds"), what, "Let the bounds hold what is there now")
    fitted = shelf.trials() if plan.targets.trials == "all" else plan.targets.trials
    effects = shelf.side_effects() if plan.targets.side_effects == "all" else plan.targets.side_effects
    by_trial: tuple[tuple[tuple[str, ...], Iterable[str]], ...] = (
        (("more",), plan.more),
        (("method", "apart"), plan.method.apart),
        *((("parameters", name, "felt_by"), one.felt_by) for name, one in plan.parameters.items()),
    )
    for where_said, named in by_trial:
        for name in named:
            if name not in fitted and not (where_said[-1] == "felt_by" and name in effects):
                near = nearest(name, fitted)
                remedy = f"Did you mean '{near}'?" if near else "Name a trial of the targets"
                last: str | int = named.index(name) if isinstance(named, tuple) else name
                yield Fault((*where_said, last), f"'{name}' is no trial that is fitted to", remedy)
    for i, text in enumerate(plan.targets.trials if isinstance(plan.targets.trials, tuple) else ()):
        try:
            shelf.trial(text)
        except BadInput as error:
            yield Fault(("targets", "trials", i), error.message, error.remedy)
    for key, names, known in (
        ("side_effects", plan.targets.side_effects, shelf.side_effects()),
        ("charts", plan.targets.charts, list(charts().targets)),
    ):
        for i, text in enumerate(names if isinstance(names, tuple) else ()):
            if text not in known:
                near = nearest(text, known)
                remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(known)}"
                yield Fault(("targets", key, i), f"there is no '{text}'", remedy)
