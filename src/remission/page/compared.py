"""Two scenarios beside each other: one row a measure, harms beside benefits.

Patients of one number that are the same person in both, with the same chance, are compared with themselves: the limits
of a difference are then those of paired patients, narrower than those of either number let one think.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from remission.trial.estimates import Estimate, cumulative_incidence, survival
from remission.trial.first_event import relapse_or_other
from remission.trial.side_by_side import Difference, estimated, influence, influence_on_incidence, means, shares
from remission.trial.summary import DAYS_PER_YEAR

from .summary import BURDEN, Summary

YEARS = (1, 2, 5, 10)
COURSE, ANY, SEVERE, COST = "course", "side effects, any grade", "side effects, grade 3 or more", "burden"
SCHEMA = {
    "group": pl.String, "measure": pl.String, "unit": pl.String,
    **{f"{of}{limit}": pl.Float64 for of in ("first", "second", "change") for limit in ("", "_low", "_high")},
    "clear": pl.Boolean,
}  # fmt: skip


def pairs(first: Summary, second: Summary) -> int:
    """How many patients of one number are the same person in both; 0 when they are others."""
    a, b = first.each, second.each
    n = min(a.height, b.height)
    alike = ("age_years", "sex", "weight_kg", "height_cm", "lineage", "cns", "seed")
    if any(getattr(first.scenario, name) != getattr(second.scenario, name) for name in alike):
        return 0
    return n if a["wbc"].head(n).equals(b["wbc"].head(n)) else 0


def compared(first: Summary, second: Summary) -> pl.DataFrame:
    """group, measure, unit; first, second and change (second minus first), each with its 95 % limits ``_low`` and
    ``_high``; clear: do the limits of the change leave out 0? Shares are percent. Of patients who are others in the two
    the change has no limits and nothing is clear."""
    paired = pairs(first, second)
    n = paired or min(first.patients, second.patients)
    rows = [_row(one, bool(paired)) for one in (*_course(first, second, n), *_harms(first, second, n),
                                               *_burden(first, second, n))]  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _row(one: Difference, paired: bool) -> tuple[object, ...]:
    def limits(estimate: Estimate) -> tuple[float, float, float]:
        return estimate.value, estimate.low, estimate.high

    change = limits(one.change) if paired else (one.change.value, None, None)
    return one.group, one.measure, one.unit, *limits(one.first), *limits(one.second), *change, paired and one.clear


def _course(first: Summary, second: Summary, n: int) -> list[Difference]:
    both = [one.each.head(n) for one in (first, second)]
    known = [one.filter(pl.col("first_day").is_not_null()) for one in both]
    if any(one.height < n for one in known):
        return []
    rows = []
    for year in (year for year in YEARS if year <= first.follow_up_years):
        at = year * DAYS_PER_YEAR
        when = f"{year} year{'s' if year > 1 else ''}"
        free, relapse, alive = [], [], []
        for one in both:
            day, last = (one[name].to_numpy().astype(float) for name in ("first_day", "last_day"))
            cause = relapse_or_other(one["first_event"])
            died = one["died"].to_numpy()
            free.append((survival(day, cause > 0, at).times(100), 100 * influence(day, cause > 0, at)))
            alive.append((survival(last, died, at).times(100), 100 * influence(last, died, at)))
            relapse.append(
                (cumulative_incidence(day, cause, at).times(100), 100 * influence_on_incidence(day, cause, at))
            )
        for measure, found in (("event-free", free), ("alive", alive), ("relapse", relapse)):
            rows.append(estimated(COURSE, f"{measure}, {when}", found))
    return rows


def _harms(first: Summary, second: Summary, n: int) -> list[Difference]:
    names = sorted(set(first.had["side_effect"]) | set(second.had["side_effect"]))
    rows = []
    for group, column in ((ANY, "any"), (SEVERE, "severe")):
        for name in names:
            had = [_bits(one, name, column, n) for one in (first, second)]
            if any(one.any() for one in had):
                rows.append(shares(group, name, had))
    return rows


def _bits(summary: Summary, name: str, column: str, n: int) -> pl.Series:
    found = summary.had.filter(pl.col("side_effect") == name)[column]
    if found.is_empty():
        return pl.Series(np.zeros(n, dtype=bool))
    bits = np.unpackbits(np.frombuffer(found[0], dtype=np.uint8), count=summary.patients)
    return pl.Series(bits[:n].astype(bool))


def _burden(first: Summary, second: Summary, n: int) -> list[Difference]:
    return [
        means(COST, what, unit, [one.each[column].head(n) for one in (first, second)])
        for column, (what, unit) in BURDEN.items()
    ]
