"""From played points to a posterior, wave by wave."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from remission.knowledge.places import Place

from .emulator import Emulator, Floats, learn, needed
from .evaluate import Row, Task, evaluate_all
from .folder import Folder
from .plan import Plan, now
from .point import Point
from .squares import crossed, descend
from .targets import Target, pooled, variance

FREEDOM = 4.0  # degrees of freedom of the likelihood
STEPS = 800  # of the sampler, half of them to settle
CLIMBS = 6  # starts from which the top of the posterior is looked for
Say = Callable[[str], None]
PlayAll = Callable[[Plan, Iterable[Task]], Iterator[Row]]


class OutOfTime(Exception):
    """The budget is used up; what is played is kept."""


@dataclass(frozen=True)
class Fit:
    """What the calibration found."""

    before: Point  # with the numbers of the files
    best: Point  # with seeds that no fit used; `before` when nothing was better
    confirmed: tuple[Point, ...]
    sample: Floats  # draws x parameters, in units
    emulator: Emulator
    played: int  # points
    seconds: float  # of all evaluations


def calibrate(
    plan: Plan,
    found: list[Target],
    folder: Folder,
    *,
    minutes: float | None = None,
    say: Say = lambda text: None,
    play_all: PlayAll = evaluate_all,
) -> Fit:
    """Play the waves of the plan, as far as the folder does not hold them yet; raises `OutOfTime`.

    ``play_all``: who plays tasks, in any order: the cores of this machine, or whatever can take them.
    """
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    base = now(plan)
    size, crossing = len(plan.parameters), plan.method.search == "crossed"
    play = _Player(plan, found, folder, base, play_all, deadline, say)

    points: list[Point] = []

    def wave(
        name: str,
        choose: Callable[[], Iterable[Sequence[float]]],
        only: Sequence[tuple[str, ...]] = (),
        like: Point | None = None,
    ) -> list[Point]:
        """A wave that is there, else a chosen one."""
        chosen = folder.wave(name) or folder.begin(name, choose())
        if crossing:
            seeds = plan.crossed_seeds(len(chosen), first=not points)
        else:
            each = range(len(chosen))
            seeds = [plan.others(i) if name == "crossed" else plan.seeds_of(len(points) + i) for i in each]
        played = play(name, chosen, seeds, only)
        if like is not None:
            spared = [{t.name for t in found if trials and t.of not in trials} for trials in only]
            played = [point.like(like, names) for point, names in zip(played, spared, strict=True)]
        points.extend(played)
        return played

    start = plan.units(plan.present(base))
    best: list[Sequence[float]] = []
    if plan.method.search == "least squares":
        best = [descend(plan, found, start, wave).units]
        if plan.method.crossed:
            wave("crossed", lambda: crossed(best[0], plan.method, plan.method.crossed))
    elif crossing:
        wave("crossed-1", lambda: [start, *crossed(start, plan.method, plan.method.crossed)])
    else:
        qmc = needed("scipy.stats.qmc", "SciPy")
        design = qmc.Sobol(size, seed=plan.method.seed).random(_power_of_two(plan.method.first))[: plan.method.first]
        wave("wave-1", lambda: [start, *design])
    for k in range(2, plan.method.waves + 1):

        def further(k: int = k) -> Floats:
            sample = posterior(Surface(plan, found, points), seed=plan.method.seed + k)
            if crossing:
                return np.array([sample[0], *crossed(sample[0], plan.method, plan.method.points, k)])
            return spread(sample, plan.method.points)  # the first is its top

        wave(f"{'crossed' if crossing else 'wave'}-{k}", further)
    chosen = folder.wave("confirm")
    if chosen is None:
        sample = posterior(Surface(plan, found, points), seed=plan.method.seed)
        half_way = 0.5 * (np.array(start) + sample[0])
        first = [start, half_way] if plan.method.judge_seeds else []
        last = [*first, *best, sample[0], sample.mean(axis=0), *spread(sample[1:], plan.method.confirm)]
        chosen = folder.begin("confirm", last)
    confirmed = play("confirm", chosen, [plan.method.confirm_seeds] * len(chosen))
    surface = Surface(plan, found, [*points, *confirmed])
    top, before = max(confirmed, key=surface.as_played), points[0]
    if plan.method.judge_seeds:
        both = folder.wave("judge") or folder.begin("judge", [start, top.units])
        before, top = play("judge", both, [plan.method.judge_seeds] * len(both))
        if surface.as_played(top) <= surface.as_played(before):
            top = before
    kept = spread(posterior(surface, seed=plan.method.seed)[1:], plan.method.draws)
    seconds = sum(row.seconds for row in folder.rows().values())
    return Fit(before, top, tuple(confirmed), kept, surface.emulator, len(surface.points), seconds)


class _Player:
    """Plays the points of a wave with its seeds, but for those that the folder holds."""

    def __init__(
        self,
        plan: Plan,
        found: list[Target],
        folder: Folder,
        base: dict[Place, float],
        play_all: PlayAll,
        deadline: float | None,
        say: Say,
    ) -> None:
        self.plan, self.found, self.folder, self.base = plan, found, folder, base
        self.play_all, self.deadline, self.say = play_all, deadline, say
        self.first = ""  # the name of the first point, which is played with all seeds

    def __call__(
        self,
        wave: str,
        points: Sequence[Sequence[float]],
        seeds: Sequence[Sequence[int]],
        only: Sequence[tuple[str, ...]] = (),
    ) -> list[Point]:
        plan, only = self.plan, only or [()] * len(points)
        names = [f"{wave}-{i:03d}" for i in range(len(points))]
        there = self.folder.rows()
        tasks = [
            Task(name, seed, tuple(plan.numbers(plan.values(list(units)), self.base).items()), trials)
            for name, units, mine, trials in zip(names, points, seeds, only, strict=True)
            for seed in mine
            if (name, seed) not in there
        ]
        began, done = time.monotonic(), 0
        for row in self.play_all(plan, self._until(tasks)):
            self.folder.keep(row)
            there[row.point, row.seed] = row
            done += 1
            left = (time.monotonic() - began) / done * (len(tasks) - done) / 60
            self.say(f"{wave}: {done} of {len(tasks)} evaluations, about {left:.0f} min left")
        if done < len(tasks):
            raise OutOfTime(f"{wave}: {len(tasks) - done} evaluations are left")
        return [self._point(name, point, mine, there) for name, point, mine in zip(names, points, seeds, strict=True)]

    def _point(
        self, name: str, units: Sequence[float], seeds: Sequence[int], there: Mapping[tuple[str, int], Row]
    ) -> Point:
        def told(name: str, seeds: Sequence[int]) -> dict[str, tuple[float, float] | None]:
            return {
                t.name: pooled([there[name, seed].answers.get(t.name, "not asked") for seed in seeds], t.unit)
                for t in self.found
            }

        known, plan = told(name, seeds), self.plan
        self.first = self.first or name
        if name == self.first or not plan.in_common or set(seeds) & set(plan.method.confirm_seeds):
            return Point(name, tuple(units), known)
        every, mine = told(self.first, plan.seeds), told(self.first, seeds)  # how far these cohorts lie off by chance
        off = {t: a[0] - b[0] for t, a in every.items() if a is not None and (b := mine[t]) is not None}
        moved = {t: one and (one[0] + off.get(t, 0.0), one[1]) for t, one in known.items()}
        return Point(name, tuple(units), moved)

    def _until(self, tasks: Sequence[Task]) -> Iterator[Task]:
        for task in tasks:
            if self.deadline is not None and time.monotonic() > self.deadline:
                return
            yield task


def log_prior(plan: Plan, units: Floats) -> Floats:
    """points; minus infinity outside the bounds."""
    out = np.where(((units >= 0) & (units <= 1)).all(axis=1), 0.0, -np.inf)
    for i, one in enumerate(plan.parameters.values()):
        if (normal := one.prior_in_units()) is not None:
            out -= 0.5 * ((units[:, i] - normal[0]) / normal[1]) ** 2
    return out


class Surface:
    """The log posterior over the unit cube, from what was played: prior x likelihood, where a target's variance is that
    of the paper, of the emulator, of the finite cohorts and of the discrepancy that the plan allows; Student's t, so
    that a target which the model's form cannot reach does not bend all others."""

    def __init__(self, plan: Plan, found: list[Target], points: Sequence[Point]) -> None:
        self.plan = plan
        self.points = np.array([p.units for p in points])
        self.emulator = learn(self.points, {t.name: [p.told.get(t.name) for p in points] for t in found})
        known = [t for t in found if t.name in self.emulator.names]
        told = [[one[1] for p in points if (one := p.told.get(t.name)) is not None] for t in known]
        cohorts = np.array([np.median(errors) for errors in told])
        shared = cohorts**2 * (plan.a_point or len(plan.seeds)) / len(plan.seeds)  # what the chance of all seeds leaves
        self.centre = np.array([t.centre for t in known])
        self.fixed = np.array(variance(plan, known)) + shared

    def as_played(self, point: Point) -> float:
        """Of a point by what was played there, with the error of its cohorts in place of the emulator's."""
        told = [point.told.get(name) for name in self.emulator.names]
        there = np.array([one is not None for one in told])
        y, error = np.array([one or (0.0, 1.0) for one in told]).reshape(-1, 2).T
        return float(log_prior(self.plan, np.array([point.units]))[0] + self._likelihood(y, error)[there].sum())

    def height(self, units: Floats) -> Floats:
        """Of many points."""
        out = log_prior(self.plan, units)
        inside = np.isfinite(out)
        if inside.any() and self.emulator.names:
            mean, sd = self.emulator.predict(units[inside])
            out[inside] += self._likelihood(mean, sd).sum(axis=1)
        return out

    def _likelihood(self, told: Floats, sd: Floats) -> Floats:
        """Its logarithm, target by target (last axis), of numbers with these standard errors."""
        within = self.fixed + sd**2
        z2 = (told - self.centre) ** 2 / within
        return np.asarray(-0.5 * ((FREEDOM + 1) * np.log1p(z2 / FREEDOM) + np.log(within)))


def posterior(surface: Surface, *, seed: int, steps: int = STEPS) -> Floats:
    """A sample (draws x parameters, in units), its first the top: found by gradients; then ensemble sampling by
    differential evolution (ter Braak, by emcee)."""
    emcee = needed("emcee", "emcee")
    size, height = surface.points.shape[1], surface.height
    walkers = max(4 * size, 32)
    random = np.random.default_rng(seed)
    pool = np.vstack([surface.points, random.random((8 * walkers, size))])
    tops = np.array([_top_of(height, one) for one in pool[np.argsort(-height(pool))[:CLIMBS]]])
    top = tops[np.argmax(height(tops))]
    start = np.clip(top + 0.1 * random.standard_normal((walkers, size)), 1e-6, 1 - 1e-6)
    moves = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)]
    sampler = emcee.EnsembleSampler(walkers, size, height, vectorize=True, moves=moves)
    sampler.random_state = np.random.RandomState(seed).get_state()
    sampler.run_mcmc(start, steps)
    return np.vstack([top, sampler.get_chain(discard=steps // 2, thin=5, flat=True)])


def _top_of(height: Callable[[Floats], Floats], start: Floats) -> Floats:
    """The nearest top of the posterior within the bounds, by gradients."""
    minimise = needed("scipy.optimize", "SciPy").minimize
    step = 1e-3

    def down(units: Floats) -> tuple[float, Floats]:
        to = np.where(units < 0.5, step, -step)
        around = height(np.vstack([units, units + np.diag(to)]))
        return -float(around[0]), -(around[1:] - around[0]) / to

    bounds = [(1e-6, 1 - 1e-6)] * len(start)
    found = minimise(down, np.clip(start, 1e-6, 1 - 1e-6), method="L-BFGS-B", jac=True, bounds=bounds)
    return np.asarray(found.x, dtype=float)


def spread(sample: Floats, count: int) -> Floats:
    """So many of a sample, evenly along it."""
    return sample[np.linspace(0, len(sample) - 1, count).round().astype(int)]


def _power_of_two(count: int) -> int:
    return 1 << (count - 1).bit_length()
