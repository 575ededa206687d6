"""The numbers behind the picture of a cohort: quantiles, shares, doses by month."""

from __future__ import annotations

import numpy as np
import polars as pl

from .first_event import first_events
from .picture_style import Floats, Tables, is_maintenance, numbers, phase_starts

YEAR = 365.25
MONTH = 28  # days of a month of maintenance


def course(states: pl.DataFrame, column: str) -> pl.DataFrame:
    """day, n and the 5, 25, 50, 75 and 95 % quantiles of a state over the patients followed on that day. Of the days on
    which all are recorded, once a week: those around an infusion or a graft are recorded of few."""
    known = states.filter(pl.col("day") % 7 == 0).select("day", pl.col(column).fill_nan(None).alias("x")).drop_nulls()
    quantiles = [pl.col("x").quantile(q / 100, "nearest").alias(f"q{q}") for q in (5, 25, 50, 75, 95)]
    return known.group_by("day").agg(pl.len().alias("n"), *quantiles).sort("day")


def shares(tables: Tables, outcomes: pl.DataFrame, days: Floats) -> dict[str, Floats]:
    """Share of patients in each phase on each of the days, then off treatment, left, relapsed and dead.

    Patients of whom no phase is recorded do not count. A patient leaves the last phase on the first of end of
    treatment and the outcome's day. Shares add to 1 on days on which every patient is followed.
    """
    starts = phase_starts(tables)
    outcomes = outcomes.join(starts.select("patient").unique(), on="patient", how="semi")
    if outcomes.is_empty():
        return {}
    starts = starts.join(outcomes.select("patient", "outcome", "outcome_day", "end_of_treatment_day"), on="patient")
    event = pl.col("outcome").is_in(["relapse", "death", "left", "on treatment"])
    over = pl.min_horizontal("end_of_treatment_day", pl.when(event).then(pl.col("outcome_day")))
    following = pl.col("day").shift(-1).over("patient")
    starts = starts.with_columns(pl.min_horizontal(following, over).fill_null(float("inf")).alias("to"))
    starts = starts.filter(pl.col("to") > pl.col("day"))
    total = len(outcomes)
    order = starts.group_by("phase").agg(pl.col("day").median()).sort("day", "phase")["phase"].to_list()
    parts = {}
    for phase in order:
        lived = starts.filter(pl.col("phase") == phase)
        parts[phase] = (_until(numbers(lived, "day"), days) - _until(numbers(lived, "to"), days)) / total

    after = outcomes.filter(pl.col("end_of_treatment_day").is_not_null())
    end = numbers(after, "end_of_treatment_day")
    gone = np.where(
        after["outcome"].is_in(["relapse", "death", "left"]).fill_null(False).to_numpy(),
        np.fmax(numbers(after, "outcome_day"), end),
        np.inf,
    )
    parts["off treatment"] = (_until(end, days) - _until(gone, days)) / total
    for kind, name in (("left", "left the protocol"), ("relapse", "relapsed"), ("death", "died")):
        parts[name] = _until(numbers(outcomes.filter(pl.col("outcome") == kind), "outcome_day"), days) / total
    return parts


def _until(at: Floats, days: Floats) -> Floats:
    """How many of the times lie on or before each day."""
    return np.searchsorted(np.sort(at[~np.isnan(at)]), days, side="right").astype(float)


def genotype_group() -> pl.Expr:
    """Index into the four groups of the picture, from the columns tpmt and nudt15; null where both are unknown."""
    tpmt, nudt15 = pl.col("tpmt").fill_null("normal"), pl.col("nudt15").fill_null("normal")
    poor = (tpmt == "poor") | (nudt15 == "poor") | ((tpmt == "intermediate") & (nudt15 == "intermediate"))
    known = pl.col("tpmt").is_not_null() | pl.col("nudt15").is_not_null()
    return (
        pl.when(~known).then(None).when(poor).then(3).when(nudt15 == "intermediate").then(2)
        .when(tpmt == "intermediate").then(1).otherwise(0)
    )  # fmt: skip


def mercaptopurine_by_month(doses: pl.DataFrame) -> pl.DataFrame:
    """patient, month, percent: mercaptopurine given in maintenance as % of the protocol dose, held days as 0.

    Months are of 28 days from the patient's first day of maintenance; days on which none was due do not count.
    """
    names = [p for p in doses["phase"].unique().drop_nulls().to_list() if is_maintenance(p)]
    due = doses.filter((pl.col("agent") == "mercaptopurine") & pl.col("phase").is_in(names))
    missed = pl.col("reason").is_in(["held", "omitted"]).fill_null(False)
    due = due.select(
        "patient",
        (pl.col("from_day") - pl.col("from_day").min().over("patient")).alias("start"),
        (pl.max_horizontal("to_day", "from_day") + 1 - pl.col("from_day").min().over("patient")).alias("end"),
        pl.when(missed).then(0.0).otherwise(pl.col("factor").fill_null(1.0)).alias("factor"),
    )
    month = pl.int_ranges((pl.col("start") // MONTH).cast(pl.Int64), ((pl.col("end") - 1) // MONTH).cast(pl.Int64) + 1)
    due = due.with_columns(month.alias("month")).explode("month")
    days = pl.min_horizontal(pl.col("end"), (pl.col("month") + 1) * MONTH) - pl.max_horizontal(
        pl.col("start"), pl.col("month") * MONTH
    )
    due = due.with_columns(days.alias("days"))
    percent = 100 * (pl.col("factor") * pl.col("days")).sum() / pl.col("days").sum()
    return due.group_by("patient", "month").agg(percent.alias("percent")).sort("patient", "month")


def _percent(part: pl.Series) -> str:
    known = part.drop_nulls()
    return f"{100 * float(known.mean()):.1f} %" if len(known) else "–"  # type: ignore[arg-type]


def _middle(values: pl.Series, form: str = ".0f") -> str:
    known = values.drop_nulls().drop_nans()
    if not len(known):
        return "–"
    low, middle, high = (known.quantile(q, "linear") for q in (0.25, 0.5, 0.75))
    return f"{middle:{form}} ({low:{form}}–{high:{form}})"


def summary(outcomes: pl.DataFrame) -> list[tuple[str, str]]:
    """The cohort in a few numbers; medians with quartiles. A dash where the run does not say."""
    rows = [
        ("complete remission", _percent(outcomes["remission"])),
        ("day of remission", _middle(outcomes["remission_day"])),
        ("EOI MRD < 0.01 % of those sampled", _percent(outcomes["eoi_mrd"] < 1e-4)),
    ]
    if outcomes["outcome_day"].is_not_null().any():
        found = first_events(outcomes)
        longest = float(np.nanmax(numbers(outcomes, "outcome_day"))) / YEAR
        for years in (2, 5, 10):
            if longest >= years - 0.01:
                i = found.at(years * YEAR)
                interval = f"{100 * found.low[i]:.1f}–{100 * found.high[i]:.1f}"
                rows.append(
                    (f"event-free at {years} years (95 % interval)", f"{100 * found.event_free[i]:.1f} % ({interval})")
                )
    rows += [
        ("left the protocol", _percent(outcomes["outcome"] == "left")),
        ("mercaptopurine, % of protocol dose", _middle(outcomes["mercaptopurine_percent"])),
        ("maintenance visits with ANC in target (%)", _middle(_as_percent(outcomes["anc_in_target"]))),
        ("febrile episodes per patient", _middle(outcomes["fever_episodes"])),
        ("end of treatment, years", _middle(outcomes["end_of_treatment_day"] / YEAR, ".1f")),
    ]
    return rows


def _as_percent(values: pl.Series) -> pl.Series:
    """anc_in_target is a share; runs that already hold percent stay as they are."""
    largest = values.drop_nulls().drop_nans().max()
    return values * 100 if largest is not None and float(largest) <= 1.0 else values  # type: ignore[arg-type]
