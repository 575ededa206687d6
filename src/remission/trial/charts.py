"""How counts live from week to week in maintenance: the same numbers of real charts and of a played cohort.

A chart is what `individual.reading` reads. What is computed of a patient is in `Weekly`; a cohort is described by the
median over its patients and its range from the 10th to the 90th of 100.

What published charts say, and which of them a fit may use: knowledge/data/charts.yaml.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from remission.individual.chart import BASE, Chart
from remission.knowledge.errors import BadInput
from remission.patient.cohort import Floats

from .estimates import Estimate, Z

TARGET = (0.5, 1.5)  # ANC, 10^9/L, that the charts' protocol aims at
NEIGHBOURS_WEEKS = (1.0, 3.0)  # visits so far apart are neighbours
LEAST_VISITS = 10


@dataclass(frozen=True)
class Weekly:
    """One patient's visits. Shares are of visits, 0..1; nan where nothing can be said."""

    visits: float
    sd_ln_anc: float  # standard deviation of ln ANC, within the patient
    lag_1: float  # correlation of ln ANC between neighbouring visits
    mean_anc: float  # 10^9/L, geometric
    in_target: float  # ANC 0.5 to 1.5
    below_0_5: float
    sd_ln_platelets: float
    mercaptopurine: float  # mean dose over that of the protocol, held days included
    held: float  # visits with none prescribed


NAMES = {
    "visits": "visits a patient",
    "sd_ln_anc": "SD of ln ANC within the patient",
    "lag_1": "correlation with the next visit",
    "mean_anc": "ANC, geometric mean (10^9/L)",
    "in_target": "visits with ANC 0.5-1.5",
    "below_0_5": "visits with ANC below 0.5",
    "sd_ln_platelets": "SD of ln platelets within the patient",
    "mercaptopurine": "mercaptopurine, share of the dose",
    "held": "visits with mercaptopurine held",
}


def weekly(week: Floats, anc: Floats, platelets: Floats, dose: Floats) -> Weekly:
    """Of one patient; arrays of one entry a visit, ``dose`` as a share of the protocol's."""
    known = np.isfinite(anc) & (anc > 0.0)
    week, anc, platelets, dose = week[known], anc[known], platelets[known], dose[known]
    ln = np.log(anc)
    apart = np.diff(week)
    near = (apart >= NEIGHBOURS_WEEKS[0]) & (apart <= NEIGHBOURS_WEEKS[1])
    away = ln - ln.mean()
    lag = float(np.mean((away[:-1] * away[1:])[near]) / np.mean(away**2)) if near.sum() >= LEAST_VISITS else np.nan
    plt = np.log(platelets[np.isfinite(platelets) & (platelets > 0.0)])
    return Weekly(
        visits=float(len(anc)),
        sd_ln_anc=float(ln.std(ddof=1)),
        lag_1=lag,
        mean_anc=float(np.exp(ln.mean())),
        in_target=float(np.mean((anc >= TARGET[0]) & (anc <= TARGET[1]))),
        below_0_5=float(np.mean(anc < TARGET[0])),
        sd_ln_platelets=float(plt.std(ddof=1)) if len(plt) > 1 else np.nan,
        mercaptopurine=float(np.nanmean(dose)) if np.isfinite(dose).any() else np.nan,
        held=float(np.mean(dose[np.isfinite(dose)] == 0.0)) if np.isfinite(dose).any() else np.nan,
    )


def of_chart(chart: Chart) -> Weekly:
    """Of a real patient's chart; doses are those of the protocol where it says their percent, else by body surface.

    ``BadInput`` for too few visits."""
    anc = chart.column("anc")
    if np.sum(np.isfinite(anc)) < LEAST_VISITS:
        raise BadInput("fewer than 10 visits with an ANC", chart.file, remedy="the chart of a longer time")
    share = np.array([visit.percent[0] / 100.0 for visit in chart.visits])
    by_size = chart.column("mercaptopurine_mg") / (BASE["mercaptopurine"] * chart.bsa_m2)
    week = (chart.week if np.isfinite(chart.week) else 1.0) + chart.days / 7.0
    return weekly(week, anc, chart.column("platelets"), np.where(np.isfinite(share), share, by_size))


def of_cohort(measurements: pl.DataFrame, doses: pl.DataFrame, phase: str, weeks: tuple[float, float]) -> list[Weekly]:
    """Of every patient of a run with visits enough in a phase, between two weeks of it; of ``doses`` what is prescribed
    of mercaptopurine, taken or not."""
    if measurements.filter(pl.col("phase") == phase).is_empty():
        there = ", ".join(map(str, measurements["phase"].unique(maintain_order=True)))
        raise BadInput(f"nobody was measured in a phase '{phase}'", remedy=f"Phases of the run: {there}")
    start = measurements.filter(pl.col("phase") == phase).group_by("patient").agg(pl.col("day").min().alias("start"))
    visits = measurements.filter(pl.col("phase") == phase).join(start, on="patient")
    visits = visits.with_columns(((pl.col("day") - pl.col("start")) / 7.0 + 1.0).alias("week"))
    visits = visits.filter(pl.col("week").is_between(*weeks)).sort("patient", "day")
    given = doses.filter((pl.col("agent") == "mercaptopurine") & (pl.col("phase") == phase) & (pl.col("planned") > 0.0))
    given = given.filter(pl.col("reason") != "missed")
    given = given.select("patient", "from_day", (pl.col("dose") / pl.col("planned")).alias("share"))
    visits = visits.join_asof(
        given.sort("from_day").rename({"from_day": "day"}), on="day", by="patient", check_sortedness=False
    )
    out = []
    for (_,), of in visits.group_by("patient", maintain_order=True):
        if of.height < LEAST_VISITS:
            continue
        out.append(weekly(*(of[c].cast(pl.Float64).to_numpy() for c in ("week", "anc", "platelets", "share"))))
    return out


def estimate(people: Sequence[Weekly], name: str) -> Estimate:
    """The median of a number over patients, with the 95 % limits of its order statistics."""
    values = np.sort([x for person in people if np.isfinite(x := getattr(person, name))])
    if not len(values):
        raise BadInput(f"no patient says anything of {NAMES[name]}", remedy="More patients, or a longer time")
    reach = 0.5 * Z * np.sqrt(len(values))
    ends = np.clip(np.round([len(values) / 2 - reach - 0.5, len(values) / 2 + reach - 0.5]), 0, len(values) - 1)
    low, high = values[ends.astype(int)]
    return Estimate(float(np.median(values)), float(low), float(high), len(values))


def side_by_side(charts: Sequence[tuple[str, Weekly]], played: Iterable[Weekly]) -> pl.DataFrame:
    """One row a number: each chart, then median, 10th and 90th of 100 of the played."""
    people = list(played)
    if not people:
        raise BadInput("nobody has 10 visits in the phase", remedy="More patients, or a longer follow-up")
    rows = []
    for field in fields(Weekly):
        values = np.array([getattr(person, field.name) for person in people])
        low, middle, high = np.nanpercentile(values, [10, 50, 90]) if np.isfinite(values).any() else (np.nan,) * 3
        row: dict[str, str | float] = {"number": NAMES[field.name]}
        row |= {name: getattr(chart, field.name) for name, chart in charts}
        rows.append(row | {"played": float(middle), "low": float(low), "high": float(high)})
    return pl.DataFrame(rows)
