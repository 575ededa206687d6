"""Who the patient is: guesses that go with the chart, as a sample of the posterior.

The chart's ln counts y at its visits are what the engine plays for a guess without chance, m(z), with what weeks of
chance do to it (colds, absorption, missed tablets, the marrow's swing, the assay) around it:

    y = m(z) + b(z) + s r(z),    r ~ t with DEGREES degrees of freedom, uncorrelated after whitening with R

b and r are those of (played with chance - without) over guesses under the same doses (`Unrest`): a mean and a standard
deviation for each visit and count, which both lean on m (whose counts are lower, they move more), and a correlation
between visits and counts, since one week's absorption moves neutrophils and platelets: a part that lasts (one patient
has more colds than another), a part that fades, and the rest. s: how restless this patient's counts are, times what
the model has, by count, log-normal about 1. z: standard normal scores (forward.py), s as well: the prior is the
population. The doses are what was given, and went by counts that were seen: they tell nothing more of z.

Sampled in two steps: an ensemble smoother (ES-MDA, Emerick and Reynolds 2013) brings guesses from the prior to where
the chart is, and an ensemble of walkers (emcee, moves of differential evolution) goes on from there; each step plays
all walkers at once. TPMT and NUDT15 that are not known change the same numbers as scores do, so that their shares
follow from the sample (`genes`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

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
LEAN = 1.5  # of ln counts: how far from the middle of all guesses bias and spread go on leaning
FAR_WEEKS = 12.0  # between visits, from which on what correlates lasts
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
    """What weeks of chance do to ln counts. At visit i and count k, of a guess that is expected at m:

        bias = bias[i, k] + tilt[k] x,   sd = sd[i, k] exp(fan[k] x),   x = m - middle[i, k], within LEAN
        correlation of (i, k) with (j, l) = lasting[k, l] + fading[k, l] exp(-weeks apart / tau), 1 with itself
    """

    middle: Floats  # (visits, counts)
    bias: Floats
    sd: Floats
    tilt: Floats  # (counts,)
    fan: Floats
    lasting: Floats  # (counts, counts)
    fading: Floats
    tau: float  # weeks

    def lean(self, m: Floats) -> Floats:
        """x, of the shape of ``m`` (..., visits, counts)."""
        return np.clip(m - self.middle, -LEAN, LEAN)

    def root(self, weeks: Floats, known: Any) -> Floats:
        """The lower Cholesky root of the correlation among the counts that are ``known`` (visits, counts)."""
        visit, count = np.nonzero(known)
        fade = np.exp(-np.abs(weeks[visit][:, None] - weeks[visit][None, :]) / self.tau)
        pair = np.ix_(count, count)
        correlation = self.lasting[pair] + self.fading[pair] * fade
        np.fill_diagonal(correlation, 1.0 + 1e-9)
        return np.asarray(np.linalg.cholesky(correlation))


def unrest_of(away: Floats, m: Floats, weeks: Floats) -> Unrest:
    """From guesses played with chance less without, ``away``, and without, ``m``, both (N, visits, counts)."""
    away = np.where(np.abs(away) < 4.0, away, np.nan)
    middle, bias = np.median(m, axis=0), np.nanmean(away, axis=0)
    x = np.clip(m - middle, -LEAN, LEAN)
    counts = away.shape[2]
    tilt, fan = np.zeros(counts), np.zeros(counts)
    for k in range(counts):
        ok = np.isfinite(away[:, :, k])
        xk, rk = x[:, :, k][ok], (away - bias)[:, :, k][ok]
        tilt[k] = np.clip(_slope(xk, rk), -0.5, 0.5)
        fan[k] = np.clip(_slope(xk, np.log(np.abs(rk - tilt[k] * xk) + 0.02)), -1.5, 1.5)
    r = (away - bias - tilt * x) / np.exp(fan * x)
    sd = np.maximum(np.nanstd(r, axis=0), 0.02)
    r = np.nan_to_num(r / sd)
    r -= r.mean(axis=0)
    apart = np.abs(weeks[:, None] - weeks[None, :])
    lasting, near, tau = _correlations(r, apart)
    return Unrest(middle, bias, sd, tilt, fan, lasting, near, tau)


def _slope(x: Floats, y: Floats) -> float:
    x = x - x.mean()
    return float(x @ (y - y.mean()) / max(float(x @ x), 1e-9))


def _correlations(r: Floats, apart: Floats) -> tuple[Floats, Floats, float]:
    """The lasting and the fading part (counts, counts), and tau: by least squares over pairs of visits."""
    n, visits, counts = r.shape
    flat = r.reshape(n, -1)
    all_ = (flat.T @ flat / n).reshape(visits, counts, visits, counts)
    far, near = apart > FAR_WEEKS, (apart > 0.0) & (apart <= FAR_WEEKS)
    lasting = np.zeros((counts, counts))
    if far.any():
        lasting = all_.transpose(1, 3, 0, 2)[:, :, far].mean(axis=2)
    lasting = _positive(lasting)
    own = np.stack([all_[:, k, :, k][near] - lasting[k, k] for k in range(min(counts, 2))])  # neutrophils, platelets
    best = (math.inf, 1.0)
    for tau in (0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0):
        shape = np.exp(-apart[near] / tau)
        a = own @ shape / max(float(shape @ shape), 1e-9)
        best = min(best, (float(np.sum((own - a[:, None] * shape) ** 2)), tau))
    shape = np.exp(-apart[near] / best[1])
    fading = np.zeros((counts, counts))
    for k in range(counts):
        for other in range(counts):
            same_day = np.diagonal(all_[:, k, :, other]) - lasting[k, other]
            rest = all_[:, k, :, other][near] - lasting[k, other]
            if k == other:
                fading[k, k] = np.clip(rest @ shape / max(float(shape @ shape), 1e-9), 0.0, 0.97 - lasting[k, k])
            else:
                fading[k, other] = float(np.mean(same_day))
    limit = np.sqrt(np.outer(np.diagonal(fading), np.diagonal(fading)))
    return lasting, _positive(np.clip(fading, -limit, limit)), best[1]


def _positive(matrix: Floats) -> Floats:
    """The nearest matrix without negative eigenvalues, of no larger diagonal."""
    matrix = 0.5 * (matrix + matrix.T)
    values, vectors = np.linalg.eigh(matrix)
    made = (vectors * np.maximum(values, 0.0)) @ vectors.T
    wanted = np.sqrt(np.clip(np.diagonal(matrix), 0.0, 0.97) / np.maximum(np.diagonal(made), 1e-12))
    return made * np.outer(np.minimum(wanted, 1.0), np.minimum(wanted, 1.0))


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
        m = self.played(scores, False)
        return unrest_of(self.played(scores, True, self.seed + 1) - m, m, self.weeks)

    def root(self, unrest: Unrest) -> Floats:
        return unrest.root(self.weeks, self.known)

    def away(self, scores: Floats, unrest: Unrest) -> tuple[Floats, Floats]:
        """What was counted less what such guesses have, in standard deviations, and the logarithms of those; both of
        the counts that are known, (N, counts)."""
        m = self.played(scores, False)
        x = unrest.lean(m)
        ln_sd = np.log(unrest.sd) + unrest.fan * x
        r = (self.y - m - unrest.bias - unrest.tilt * x) / np.exp(ln_sd)
        return np.nan_to_num(r[:, self.known], nan=-9.0), ln_sd[:, self.known]

    def log_posterior(self, guesses: Floats, unrest: Unrest, root: Floats) -> Floats:
        """Of rows (scores, then ln s in its own standard deviations)."""
        r, ln_sd = self.away(guesses[:, : len(NAMES)], unrest)
        ln_s = (guesses[:, len(NAMES) :] * np.array(NOISE_SD))[:, list(NOISE_OF)]
        ln_s = ln_s[:, np.nonzero(self.known)[1]]
        white = solve_triangular(root, (r / np.exp(ln_s)).T, lower=True) * math.sqrt(DEGREES / (DEGREES - 2.0))
        loss = 0.5 * (DEGREES + 1.0) * np.log1p(white**2 / DEGREES)
        likely = np.minimum(loss, MOST).sum(axis=0) + (ln_s + ln_sd).sum(axis=1)
        return np.asarray(-0.5 * np.sum(guesses**2, axis=1) - likely)

    def smoothed(self, guesses: Floats, unrest: Unrest, steps: int, rng: np.random.Generator) -> Floats:
        """ES-MDA: ``steps`` updates with the observations' covariance times ``steps``."""
        y = self.y[self.known]
        root = unrest.sd[self.known][:, None] * self.root(unrest)
        cov = root @ root.T * steps
        for _ in range(steps):
            m = (self.played(guesses[:, : len(NAMES)], False) + unrest.bias)[:, self.known]
            da, dm = guesses - guesses.mean(axis=0), m - m.mean(axis=0)
            n = len(guesses) - 1
            gain = np.linalg.solve(dm.T @ dm / n + cov, dm.T @ da / n)  # (observations, scores)
            noisy = y + math.sqrt(steps) * rng.standard_normal(m.shape) @ root.T
            away = np.clip(noisy - m, -3.0, 3.0)
            guesses = np.clip(guesses + away @ gain, -4.0, 4.0)
        return guesses


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
    if not 0 <= seed < 2**32:
        raise BadInput(f"the seed {seed} cannot be used", remedy=f"Give a whole number from 0 to {2**32 - 1:,}")
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
    root = sampling.root(unrest)

    def log_posterior(guesses: Floats) -> Floats:
        return sampling.log_posterior(guesses, unrest, root)

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
    m = m + unrest.bias + unrest.tilt * unrest.lean(m)
    return Posterior(
        chart, sampling.person, sampling.course, scores, noise, both, unrest, np.nanmedian(m, axis=0),
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




