"""Two summaries beside each other: one row a measure, harms beside benefits."""

from __future__ import annotations

import polars as pl

from .summary import Summary

MEASURES = {  # group of a row -> what its numbers are
    "course": "share (0-1) at that many years from the first dose, with 95 % limits",
    "side effects, any grade": "share (0-1) of the patients who had it at any time, with 95 % limits",
    "side effects, grade 3 or more": "share (0-1) of the patients who had it so at any time, with 95 % limits",
    "burden": "mean of a patient, with the 5th and 95th percentile",
}
YEARS = (1, 2, 5, 10)
_KEYS = ["group", "measure", "unit"]


def compared(first: Summary, second: Summary) -> pl.DataFrame:
    """group, measure, unit, first, first_low, first_high, second, second_low, second_high, difference (second minus
    first). What one of them never showed is null there in limits and 0 as a share."""
    a, b = (_measures(one) for one in (first, second))
    names = {name: f"second{name.removeprefix('value')}" for name in ("value", "value_low", "value_high")}
    both = a.rename({name: name.replace("value", "first") for name in names}).join(
        b.rename(names), on=_KEYS, how="full", coalesce=True, maintain_order="left_right"
    )
    harms = pl.col("group").str.starts_with("side effects")
    both = both.with_columns(
        pl.when(harms).then(pl.col(name).fill_null(0.0)).otherwise(name).alias(name) for name in ("first", "second")
    )
    return both.with_columns(difference=pl.col("second") - pl.col("first"))


def _measures(summary: Summary) -> pl.DataFrame:
    days = {round(365.25 * year): year for year in YEARS}
    course = summary.outcomes.filter(pl.col("day").is_in(list(days))).select(
        group=pl.lit("course"),
        measure=pl.col("event") + pl.col("day").replace_strict(
            {day: f", {year} year{'s' if year > 1 else ''}" for day, year in days.items()}, return_dtype=pl.String
        ),
        unit=pl.lit("share"), value="share", value_low="low", value_high="high",
    )  # fmt: skip
    whole = summary.side_effects_by_phase.filter(pl.col("phase") == "whole treatment")
    harms = [
        whole.select(
            group=pl.lit(group), measure="side_effect", unit=pl.lit("share"), value=name,
            value_low=f"{name}_low", value_high=f"{name}_high",
        ).filter(pl.col("value") > 0).sort("value", "measure", descending=[True, False])
        for group, name in (("side effects, any grade", "any"), ("side effects, grade 3 or more", "severe"))
    ]  # fmt: skip
    burden = summary.burden.select(
        group=pl.lit("burden"), measure="what", unit="unit", value="mean", value_low="q05", value_high="q95"
    )
    return pl.concat([course, *harms, burden])
