"""What may have moved the counts at single visits: colds, and weeks in which more or less of a dose arrived.

Guesses of the posterior are played with a chance of their own, several times each. Those whose counts at a visit are
near the chart's tell what went before it: the share with a cold in the three weeks before, and what arrived of
mercaptopurine, beside the same of all. A hint and no proof: counts of one visit say little.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from remission.knowledge.library import Library, library
from remission.patient import chance
from remission.patient.cohort import Floats

from .chart import COUNTS
from .fit import NOISE_OF, Posterior
from .forward import at_days

BEFORE_DAYS = 21
NEAR = 0.5  # of the standard deviation that chance gives a count: how near is near
UNUSUAL = 1.2  # standard deviations from what is expected, from which on a visit is looked at


def moved(
    posterior: Posterior, *, seed: int = 7, most: int = 1500, threads: int | None = None,
    knowledge: Library | None = None,
) -> pl.DataFrame:  # fmt: skip
    """One row for each visit with an unusual ANC: expected and counted (10^9/L), the share of guesses with a cold in
    the weeks before, of all and of those near the counts, and what arrived of mercaptopurine then over the mean."""
    known = knowledge or library()
    n = min(most, 4 * len(posterior))
    chosen = np.arange(n) % len(posterior)
    scores, genes = posterior.scores[chosen], posterior.genes[chosen]
    tables = posterior.course.played(
        scores, genes, chance=True, seed=seed, record=("measurements", "events"), threads=threads
    )
    visits = posterior.course.visits
    ln = at_days(tables["measurements"], n, visits)
    y = np.log(np.stack([posterior.chart.column(name) for name in COUNTS], axis=1))
    days = posterior.course.days
    colds = np.zeros((n, days // 7 + 2), dtype=bool)
    events = tables["events"].filter(pl.col("event") == "cold")
    colds[events["patient"].to_numpy(), events["day"].to_numpy() // 7] = True
    sd = known.agent("mercaptopurine").pharmacokinetics.absorption["PO"].week_cv
    absorbed = _absorbed(n, seed, days // 7 + 2, sd.value if sd else 0.0)
    rows = []
    for i, visit in enumerate(posterior.chart.visits):
        away = y[i, 0] - posterior.expected[i, 0]
        spread = posterior.unrest.sd[i, 0] * float(np.median(posterior.noise[:, 0]))
        if not abs(away) > UNUSUAL * spread:
            continue
        near = np.zeros(n)
        for k in (0, 1):
            if math.isfinite(y[i, k]):
                s = NEAR * posterior.unrest.sd[i, k] * np.median(posterior.noise[:, NOISE_OF[k]])
                near -= 0.5 * np.nan_to_num((ln[:, i, k] - y[i, k]) / s, nan=20.0) ** 2
        weight = np.exp(near - near.max())
        weight /= weight.sum()
        first, last = max(visits[i] - BEFORE_DAYS, 0) // 7, max(visits[i] - 1, 0) // 7
        had = colds[:, first : last + 1].any(axis=1)
        took = absorbed[:, first : last + 1].mean(axis=1)
        rows.append({
            "line": visit.line, "day": visit.day, "date": visit.date, "anc": visit.anc,
            "expected": float(np.exp(posterior.expected[i, 0])), "away": float(away / spread),
            "cold, all": float(had.mean()), "cold, near": float(weight @ had),
            "absorbed, near": float(weight @ took / took.mean()), "guesses": float(1.0 / np.sum(weight**2)),
        })  # fmt: skip
    schema = {"line": pl.Int64, "day": pl.Int64, "date": pl.Date, "anc": pl.Float64, "expected": pl.Float64,
              "away": pl.Float64, "cold, all": pl.Float64, "cold, near": pl.Float64, "absorbed, near": pl.Float64,
              "guesses": pl.Float64}  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def _absorbed(n: int, seed: int, weeks: int, cv: float) -> Floats:
    """What arrived of mercaptopurine in each week over the mean, (n, weeks), as the engine draws it (body/weeks.py)."""
    key = chance.purpose("missed mercaptopurine PO") ^ chance.purpose("absorption of the week")
    sd = math.sqrt(math.log1p(cv**2))
    people = np.arange(n, dtype=np.int64)
    z = np.stack([chance.normals(seed, people, key, week) for week in range(weeks)], axis=1)
    return np.exp(sd * z - 0.5 * sd**2)
