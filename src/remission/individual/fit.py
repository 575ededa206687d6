"""Who the patient is: guesses that go with the chart, as a sample of the posterior.

The chart's ln counts y at its visits are what the engine plays for a guess without chance, m(z), with what weeks of
chance do to it (colds, absorption, missed tablets, the marrow's swing, the assay) around it:

    y = m(z) + b + s r,    r ~ t with DEGREES degrees of freedom, uncorrelated after whitening with R

b, R: mean and covariance of (played with chance - without) over guesses, under the same doses, by line (a standard
deviation for each visit; correlation a exp(-weeks / tau)). s: how restless this patient's counts are, times what
the model has, by line, log-normal about 1. z: standard normal scores (forward.py), s as well: the prior is the
population. The doses are what was given, and went by counts that were seen: they tell nothing more of z.

Sampled in two steps: an ensemble smoother (ES-MDA, Emerick and Reynolds 2013) brings guesses from the prior to where
the chart is, and an ensemble of walkers (emcee, moves of differential evolution) goes on from there; each step plays
all walkers at once. TPMT and NUDT15 that are not known change the same numbers as scores do, so that their shares
follow from the sample (`genes`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library
from remission.patient.cohort import METABOLISER, Floats, Ints
from remission.patient.population import draw

from .chart import COUNTS, Chart
from .forward import SCORES, Course, Facts, Person, course, who

NAMES = tuple(SCORES)
NOISE = ("restlessness of neutrophils", "restlessness of platelets", "restlessness of haemoglobin")
NOISE_OF = (0, 1, 2, 0)  # leukocytes go with neutrophils
NOISE_SD = (0.25, 0.4, 0.7)  # of ln s; haemoglobin moves little in the model
DEGREES = 6.0
CHANCE_GUESSES = 200  # played with and without chance to find R
MOST = 400.0  # of a whitened residual's loss: a guess that kills the patient
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Effort:
    """How long is sampled: guesses of the smoother and its steps, walkers and their steps, of which the first share
    is forgotten."""

    ensemble: int = 160
    assimilations: int = 4
    walkers: int = 96
    steps: int = 90
    forget: float = 0.45
    keep: int = 1000  # guesses of the posterior


@dataclass(frozen=True)
class Unrest:
    """b, R: bias (visits, counts), standard deviation (visits, counts), and by count the correlation share and time."""

    bias: Floats
    sd: Floats
    share: Floats  # a
    weeks: Floats  # tau

    def root(self, k: int, weeks: Floats) -> Floats:
        """The lower Cholesky root of R of one count at visits at ``weeks``, shape (V, V)."""
        apart = np.abs(weeks[:, None] - weeks[None, :])
        correlation = self.share[k] * np.exp(-apart / self.weeks[k])
        np.fill_diagonal(correlation, 1.0)
        return np.linalg.cholesky(correlation * np.outer(self.sd[:, k], self.sd[:, k]))


@dataclass(frozen=True)
class Posterior:
    """Guesses that go with the chart. ``scores`` (N, len(SCORES)); ``noise`` (N, len(NOISE)): s; ``genes`` (N, 2):
    TPMT and NUDT15, places in METABOLISER. ``expected``: ln counts (V, COUNTS) that the guesses have on average
    (median), ``unrest`` about it. ``acceptance`` and ``autocorrelation`` (steps) of the walkers."""

    chart: Chart
    person: Person
    course: Course
    scores: Floats
    noise: Floats
    genes: Ints
    unrest: Unrest
    expected: Floats
    plays: int
    acceptance: float
    autocorrelation: float

    def __len__(self) -> int:
        return len(self.scores)


class Sampling:
    """The log posterior of guesses for one chart; counts how many were played."""

    def __init__(self, chart: Chart, person: Person, knowledge: Library, seed: int, threads: int | None) -> None:
        self.chart, self.person, self.seed, self.threads = chart, person, seed, threads
        self.course = course(chart, person, knowledge)
        self.y = np.log(np.stack([chart.column(name) for name in COUNTS], axis=1))
        self.known = np.isfinite(self.y)
        self.weeks = chart.days / 7.0
        self.plays = 0

    def played(self, scores: Floats, chance: bool, seed: int = 0) -> Floats:
        self.plays += len(scores)
        return self.course.counts(scores, chance=chance, seed=seed, threads=self.threads)

    def unrest(self, scores: Floats) -> Unrest:
        """What weeks of chance do to such guesses."""
        scores = np.clip(scores[:CHANCE_GUESSES], -3.5, 3.5)
        away = self.played(scores, True, self.seed + 1) - self.played(scores, False)
        away = np.where(np.abs(away) < 4.0, away, np.nan)
        bias, sd = np.nanmedian(away, axis=0), np.nanstd(away, axis=0)
        sd = np.maximum(sd, 0.02)
        share, tau = np.zeros(len(COUNTS)), np.ones(len(COUNTS))
        apart = np.abs(self.weeks[:, None] - self.weeks[None, :])
        pairs = (apart > 0.0) & (apart <= 12.0)
        for k in range(len(COUNTS)):
            r = np.nan_to_num((away[:, :, k] - np.nanmean(away[:, :, k], axis=0)) / sd[:, k])
            correlation = r.T @ r / len(r)
            share[k], tau[k] = _correlation(apart[pairs], correlation[pairs])
        return Unrest(bias, sd, share, tau)

    def roots(self, unrest: Unrest) -> list[tuple[int, Any, Floats]]:
        """Of each count that was measured: its place, its visits, the root of R among them."""
        out = []
        for k in range(len(COUNTS)):
            at = np.flatnonzero(self.known[:, k])
            if len(at):
                part = Unrest(unrest.bias[at], unrest.sd[at], unrest.share, unrest.weeks)
                out.append((k, at, part.root(k, self.weeks[at])))
        return out

    def log_posterior(self, guesses: Floats, unrest: Unrest, roots: Sequence[tuple[int, Any, Floats]]) -> Floats:
        """Of rows (scores, then ln s in its own standard deviations)."""
        scores, ln_s = guesses[:, : len(NAMES)], guesses[:, len(NAMES) :] * np.array(NOISE_SD)
        m = self.played(scores, False)
        out = -0.5 * np.sum(guesses**2, axis=1)
        scale = math.sqrt((DEGREES - 2.0) / DEGREES)
        for k, at, root in roots:
            away = np.nan_to_num(self.y[at, k] - m[:, at, k] - unrest.bias[at, k], nan=-9.0)
            s = ln_s[:, NOISE_OF[k]]
            white = np.linalg.solve(root, away.T) / (scale * np.exp(s))
            loss = 0.5 * (DEGREES + 1.0) * np.log1p(white**2 / DEGREES)
            out -= np.minimum(loss, MOST).sum(axis=0) + len(at) * s
        return out

    def smoothed(self, guesses: Floats, unrest: Unrest, steps: int, rng: np.random.Generator) -> Floats:
        """ES-MDA: ``steps`` updates with the observations' covariance times ``steps``."""
        flat = self.known.ravel()
        y = self.y.ravel()[flat]
        root = np.zeros((len(y), len(y)))
        place = np.cumsum(flat) - 1
        for k, at, part in self.roots(unrest):
            rows = place[at * len(COUNTS) + k]
            root[np.ix_(rows, rows)] = part
        cov = root @ root.T * steps
        for _ in range(steps):
            m = (self.played(guesses[:, : len(NAMES)], False) + unrest.bias).reshape(len(guesses), -1)[:, flat]
            da, dm = guesses - guesses.mean(axis=0), m - m.mean(axis=0)
            n = len(guesses) - 1
            gain = np.linalg.solve(dm.T @ dm / n + cov, dm.T @ da / n)  # (observations, scores)
            noisy = y + math.sqrt(steps) * rng.standard_normal(m.shape) @ root.T
            away = np.clip(noisy - m, -3.0, 3.0)
            guesses = np.clip(guesses + away @ gain, -4.0, 4.0)
        return guesses


def _correlation(apart: Floats, correlation: Floats) -> tuple[float, float]:
    """a and tau of a exp(-weeks / tau), by least squares on a grid."""
    best = (math.inf, 0.0, 1.0)
    for tau in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0):
        shape = np.exp(-apart / tau)
        a = float(np.clip(shape @ correlation / (shape @ shape), 0.0, 0.98))
        best = min(best, (float(np.sum((correlation - a * shape) ** 2)), a, tau))
    return best[1], best[2]


def fit(
    chart: Chart,
    facts: Facts = Facts(),  # noqa: B008
    *,
    seed: int = 1,
    effort: Effort = Effort(),  # noqa: B008
    threads: int | None = None,
    progress: Progress | None = None,
    knowledge: Library | None = None,
) -> Posterior:
    """The posterior of one patient's chart; `BadInput` when the chart is too short or has no doses."""
    try:
        import emcee
    except ImportError as error:
        raise BadInput("a fit needs emcee", remedy="pip install 'remission[fit]'") from error
    known = knowledge or library()
    chart = chart.require()
    sampling = Sampling(chart, who(chart, facts), known, seed, threads)
    tell = progress or (lambda share: None)
    rng = np.random.default_rng(seed)
    size = len(NAMES) + len(NOISE)
    first = rng.standard_normal((effort.ensemble, size))
    unrest = sampling.unrest(first[:, : len(NAMES)])
    tell(0.05)
    smooth = sampling.smoothed(first, unrest, effort.assimilations, rng)
    unrest = sampling.unrest(smooth[:, : len(NAMES)])
    tell(0.15)
    roots = sampling.roots(unrest)

    def log_posterior(guesses: Floats) -> Floats:
        return sampling.log_posterior(guesses, unrest, roots)

    begin = smooth[np.arange(effort.walkers) % len(smooth)]
    begin = begin + 0.02 * rng.standard_normal(begin.shape)
    moves = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.1), (emcee.moves.StretchMove(), 0.1)]
    sampler = emcee.EnsembleSampler(effort.walkers, size, log_posterior, moves=moves, vectorize=True)
    sampler.random_state = np.random.RandomState(seed).get_state()
    for done, _ in enumerate(sampler.sample(begin, iterations=effort.steps) if effort.steps else ()):
        tell(0.15 + 0.85 * (done + 1) / effort.steps)
    chain = sampler.get_chain(discard=int(effort.forget * effort.steps), flat=True) if effort.steps else smooth
    chosen = chain[rng.choice(len(chain), effort.keep, replace=len(chain) < effort.keep)]
    scores, noise = chosen[:, : len(NAMES)], np.exp(chosen[:, len(NAMES) :] * np.array(NOISE_SD))
    scores, both = genes(scores, sampling.person, facts, known, rng)
    m = sampling.course.counts(scores[:200], both[:200], chance=False, threads=threads)
    return Posterior(
        chart, sampling.person, sampling.course, scores, noise, both, unrest, np.nanmedian(m, axis=0) + unrest.bias,
        sampling.plays, float(np.mean(sampler.acceptance_fraction)) if effort.steps else 1.0,
        _autocorrelation(sampler.get_chain()) if effort.steps else math.nan,
    )  # fmt: skip


def _autocorrelation(chain: Floats) -> float:
    """Steps after which walkers have forgotten (integrated autocorrelation time, the median over scores)."""
    import emcee

    half = chain[len(chain) // 3 :]
    if len(half) < 20:
        return math.nan
    return float(np.median(emcee.autocorr.integrated_time(half, quiet=True, tol=0)))


def genes(
    scores: Floats, person: Person, facts: Facts, knowledge: Library, rng: np.random.Generator
) -> tuple[Floats, Ints]:
    """Guesses with TPMT and NUDT15 where they are not known, and their scores beside them.

    A slow enzyme multiplies a number that a score multiplies as well (the formation of active mercaptopurine; the
    sensitivities): exp(omega z) g. So a guess z with normal enzymes is played like z - ln(g) / omega with slow ones,
    and is one of those with the prior density of that over its own, times how frequent they are."""
    n = len(scores)
    known = person.typical
    base = np.column_stack([np.full(n, int(known.tpmt[0])), np.full(n, int(known.nudt15[0]))])
    if facts.tpmt and facts.nudt15:
        return scores, base
    shifts = _shifts(knowledge)
    people = draw(person.population, 20_000, seed=1)
    kinds, weights, moved = [], [], []
    for t in range(len(METABOLISER)):
        for u in range(len(METABOLISER)):
            if (facts.tpmt and t != known.tpmt[0]) or (facts.nudt15 and u != known.nudt15[0]):
                continue
            share = max(float(np.mean((people.tpmt == t) & (people.nudt15 == u))), 1e-5)
            z = scores.copy()
            for purpose, by in shifts["tpmt"][t].items() if not facts.tpmt else ():
                z[:, NAMES.index(purpose)] -= by
            for purpose, by in shifts["nudt15"][u].items() if not facts.nudt15 else ():
                z[:, NAMES.index(purpose)] -= by
            kinds.append((t, u))
            moved.append(z)
            weights.append(np.log(share) - 0.5 * np.sum(z**2 - scores**2, axis=1))
    logs = np.array(weights)  # (kinds, N)
    # each guess stands for itself with normal enzymes: kinds of it in proportion, guesses in proportion to all kinds
    total = np.exp(logs - logs.max(axis=0)).sum(axis=0) * np.exp(logs.max(axis=0) - logs[0])
    taken = rng.choice(n, n, p=total / total.sum())
    p = np.exp(logs[:, taken] - logs[:, taken].max(axis=0))
    p /= p.sum(axis=0)
    which = (rng.random(n) > np.cumsum(p, axis=0)).sum(axis=0).clip(0, len(kinds) - 1)
    return np.array(moved)[which, taken], np.array(kinds)[which]


def _shifts(knowledge: Library) -> dict[str, list[dict[str, float]]]:
    """ln(g) / omega by gene, by kind, of every score that it moves."""
    agent = knowledge.agent("mercaptopurine")
    out: dict[str, list[dict[str, float]]] = {gene: [{} for _ in METABOLISER] for gene in ("tpmt", "nudt15")}
    quantities = {"mercaptopurine.drivers.TGN.formation": agent.pharmacokinetics.drivers["TGN"].formation}
    for effect in agent.effects:
        quantities[f"mercaptopurine.effects.{effect.on}.0.slope"] = effect.slope
    for purpose, quantity in quantities.items():
        if purpose not in SCORES or quantity is None or not quantity.iiv_cv:
            continue
        omega = math.sqrt(math.log1p(quantity.iiv_cv**2))
        for covariate in quantity.covariates:
            if covariate.on in out and covariate.map is not None:
                for i, word in enumerate(METABOLISER):
                    out[covariate.on][i][purpose] = math.log(covariate.map.get(word, 1.0)) / omega
    return out




