"""What a cohort came to, in the measures that trial reports use.

Times count from day 0 (first dose). An event for event-free survival is no remission at the end of induction
(counted at day 0), relapse or death; everyone else is censored on the last day, as are patients who left. Where the
protocol asks for no marrow remission is not assessed: an event is then relapse or death, and a death in induction is
one in the first phase.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .estimates import cumulative_incidence, survival, wilson
from .first_event import first_event
from .shown import Shown

DAYS_PER_YEAR = 365.25
_DRAWS = ("draws_low", "draws_high")
DAYS_PER_MONTH = DAYS_PER_YEAR / 12
NEGATIVE_MRD = 1e-4
UNKNOWN_POINTS = 1.0  # bounds of survival further apart than this are no value
NOT_ASSESSED = "not assessed"  # in place of a value
RELAPSE_TIMES = (("early, < 18 months", 0.0, 18.0), ("18 to 36 months", 18.0, 36.0), ("late, >= 36 months", 36.0, 1e9))
METABOLISERS = (
    ("TPMT and NUDT15 normal", (pl.col("tpmt") == "normal") & (pl.col("nudt15") == "normal")),
    ("TPMT intermediate", pl.col("tpmt") == "intermediate"),
    ("TPMT poor", pl.col("tpmt") == "poor"),
    ("NUDT15 intermediate", pl.col("nudt15") == "intermediate"),
    ("NUDT15 poor", pl.col("nudt15") == "poor"),
)


@dataclass(frozen=True)
class Performance:
    """What a simulation took on this machine; only what was played now counts, not what a resumed run had."""

    patients: int
    patient_years: float
    seconds: float
    peak_memory_mb: float
    threads: int | None = None  # cores that played; none where a cluster did
    steps: dict[str, float] | None = None  # seconds of the core by step of the day, all threads together

    def __str__(self) -> str:
        rate = (
            f"{self.patients / self.seconds:,.0f} patients/s, {self.patient_years / self.seconds:,.0f} patient-years/s"
        )
        return (
            f"{self.patients:,} patients in {self.seconds:,.1f} s ({rate}), peak memory {self.peak_memory_mb:,.0f} MB"
        )


@dataclass(frozen=True)
class Row:
    """One measure. Shares are in percent. ``low`` and ``high``: 95 % confidence limits, or quartiles of a median."""

    group: str
    measure: str
    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    spread: str = ""  # "95 % CI" | "quartiles" | NOT_ASSESSED
    count: int | None = None
    of: int | None = None
    draws_low: float | None = None  # 95 % of the draws of the fitted numbers
    draws_high: float | None = None


@dataclass(frozen=True, repr=False)
class Summary(Shown):
    """The summary table and, when the run was played just now, what it took."""

    table: pl.DataFrame  # the columns of `Row`
    title: str = ""
    performance: Performance | None = None

    def __repr__(self) -> str:
        return f"Summary({self.title}: {self.table.height} measures)"

    def value(self, measure: str) -> float | None:
        """The value of a measure by its exact name; ``KeyError`` when there is none."""
        rows = self.table.filter(pl.col("measure") == measure)
        if rows.is_empty():
            raise KeyError(f"no measure '{measure}'; known: {', '.join(self.table['measure'])}")
        found: float | None = rows["value"][0]
        return found

    def values(self) -> dict[tuple[str, str], float]:
        """Every value that there is, by group and measure."""
        rows = self.table.filter(pl.col("value").is_not_null())
        return {(group, measure): value for group, measure, value in rows.select("group", "measure", "value").rows()}

    def with_draws(self, limits: Mapping[tuple[str, str], tuple[float, float]]) -> Summary:
        """The same with the range of every value over draws of the fitted numbers."""
        found = [limits.get(key, (None, None)) for key in self.table.select("group", "measure").rows()]
        low, high = (pl.Series(name, [x[i] for x in found], pl.Float64) for i, name in enumerate(_DRAWS))
        return replace(self, table=self.table.with_columns(low, high))

    def __rich__(self) -> RenderableType:
        grid = Table(title=self.title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
        drawn = self.table["draws_low"].drop_nulls().len() > 0
        headings = ["", "", "95 % CI or quartiles", *(["95 % of draws"] if drawn else []), "n"]
        for heading, justify in zip(headings, ("left", *("right",) * 4), strict=False):
            grid.add_column(heading, justify=justify)  # type: ignore[arg-type]
        group = ""
        for row in (Row(**r) for r in self.table.iter_rows(named=True)):
            if row.group != group:
                group = row.group
                grid.add_row(Text(group, style="bold"))
            grid.add_row(
                "  " + row.measure,
                NOT_ASSESSED if row.spread == NOT_ASSESSED else _number(row.value, row.unit),
                "" if row.low is None else f"{_bare(row.low)} to {_bare(row.high)}",
                *([] if not drawn else [_drawn(row)]),
                "" if row.count is None else f"{row.count:,}" + ("" if row.of is None else f" of {row.of:,}"),
            )
        return Group(grid, Text(str(self.performance), style="dim")) if self.performance else grid


COUNTED = (  # columns of the outcomes that a summary needs: those of a million patients are read at once
    "patient", "remission", "eoi_mrd", "outcome", "outcome_day", "relapse_day", "second_cancer_day", "relapse_site",
    "tpmt", "nudt15", "mercaptopurine_percent", "anc_in_target", "fever_episodes", "red_cell_transfusions",
    "platelet_transfusions", "delay_days",
)  # fmt: skip


class Journey(NamedTuple):
    """The way of patients through the phases. ``times``: phase, day, days: from the first start of a phase, on that
    day, to the start of the next one or the end of treatment, of those who came that far; ``begun``: patient, len: how
    many phases began."""

    times: pl.DataFrame
    begun: pl.DataFrame

    @classmethod
    def of_all(cls, parts: Iterable[Journey]) -> Journey:
        """That of all patients from those of parts of them."""
        return cls(*(pl.concat(frames) for frames in zip(*parts, strict=True)))


def journey(events: pl.DataFrame | pl.LazyFrame) -> Journey:
    """The way through the phases of the patients whose table ``events`` this is."""
    told = pl.col("event").is_in(["phase start", "end of treatment"])
    stations = events.lazy().filter(told).select("patient", "day", "event", "phase").collect()
    firsts = stations.group_by("patient", "event", "phase").agg(pl.col("day").min())
    times = (
        firsts.sort("patient", "day", "event", "phase")
        .with_columns(days=pl.col("day").shift(-1).over("patient") - pl.col("day"))
        .filter((pl.col("event") == "phase start") & pl.col("days").is_not_null())
    )
    begun = stations.filter(pl.col("event") == "phase start").group_by("patient").len()
    return Journey(times.select(pl.col("phase").cast(pl.Categorical), "day", "days"), begun)


def summarise(
    outcomes: pl.DataFrame,
    events: pl.DataFrame | Journey | None = None,
    *,
    years: float = 5.0,
    title: str = "",
    performance: Performance | None = None,
    more: Iterable[Row] = (),
) -> Summary:
    """The summary of a cohort from its tables ``outcomes`` and ``events`` or what `journey` makes of these (without
    events: no times per phase), with ``more`` rows at the end.

    ``years``: the time at which survival and incidence are read; it is cut to the longest follow-up of the cohort.
    """
    way = events if events is None or isinstance(events, Journey) else journey(events)
    rows = [
        *_remission(outcomes, way),
        *_failures(outcomes, way),
        *_relapses(outcomes),
        *_survival(outcomes, years),
        *_treatment(outcomes),
        *(_phases(way.times) if way is not None else ()),
        *more,
    ]
    return as_summary(rows, title, performance)


def as_summary(rows: Iterable[Row], title: str = "", performance: Performance | None = None) -> Summary:
    """Rows as a table that can be printed."""
    return Summary(pl.DataFrame(list(rows), schema=_SCHEMA), title, performance)


_SCHEMA = {
    "group": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "low": pl.Float64,
    "high": pl.Float64,
    "spread": pl.String,
    "count": pl.Int64,
    "of": pl.Int64,
    "draws_low": pl.Float64,
    "draws_high": pl.Float64,
}


# --- the parts --------------------------------------------------------------------------------


def _remission(outcomes: pl.DataFrame, way: Journey | None) -> Iterable[Row]:
    group = "End of induction"
    n = outcomes.height
    measured = outcomes["eoi_mrd"].drop_nulls()
    judged = outcomes["remission"].drop_nulls()  # not those who left before the check
    if len(judged) or not n:
        yield _share(group, "complete remission", int(judged.sum()), len(judged))
    else:
        yield Row(group, "complete remission", None, "%", spread=NOT_ASSESSED)
    yield _share(group, "marrow MRD < 0.01 %, of those measured", int((measured < NEGATIVE_MRD).sum()), measured.len())
    early = _deaths_in_induction(outcomes, way)
    if early is None:
        yield Row(group, "death in induction", None, "%", spread=NOT_ASSESSED)
    else:
        yield _share(group, "death in induction", early, n)


def _deaths_in_induction(outcomes: pl.DataFrame, way: Journey | None) -> int | None:
    """Deaths before the marrow check that ends induction; where no marrow is looked at, in the first phase (None when
    the events do not say which that is)."""
    if outcomes["remission"].drop_nulls().len():
        return _count(outcomes, _died & ~_reached & pl.col("eoi_mrd").is_null())
    if way is None:
        return None
    return _count(outcomes.join(way.begun, on="patient", how="left"), _died & (pl.col("len").fill_null(0) <= 1))


def _failures(outcomes: pl.DataFrame, way: Journey | None) -> Iterable[Row]:
    n = outcomes.height
    assessed = outcomes["remission"].drop_nulls().len() > 0
    group = "Course"
    yield _share(group, "cured (no leukaemic cell left)", _count(outcomes, pl.col("outcome") == "cured"), n)
    yield _share(group, "in remission with cells left", _count(outcomes, pl.col("outcome") == "in remission"), n)
    if assessed or not n:
        yield _share(group, "death in remission", _count(outcomes, _died & _reached), n)
        if resistant := _count(outcomes, _died & ~_reached & pl.col("eoi_mrd").is_not_null()):
            yield _share(group, "death after induction, without a remission", resistant, n)
    elif (early := _deaths_in_induction(outcomes, way)) is not None:
        yield _share(group, "death after induction", _count(outcomes, _died) - early, n)
    yield _share(group, "left the protocol", _count(outcomes, pl.col("outcome") == "left"), n)
    if still := _count(outcomes, pl.col("outcome") == "on treatment"):
        yield _share(group, "still on treatment", still, n)
    if not assessed:
        return
    never = ~_reached & pl.col("outcome").is_in(["relapse", "not in remission"])
    yield _share(group, "leukaemia after no remission", _count(outcomes, never), n)


def _relapses(outcomes: pl.DataFrame) -> Iterable[Row]:
    """Relapse as first event by the end of the follow-up: Aalen-Johansen, so that sites and times add up to it."""
    if outcomes.is_empty():
        return
    end = float(outcomes["outcome_day"].max() or 0)  # type: ignore[arg-type]
    rows = first_event(outcomes).with_columns(outcomes["relapse_site"])
    n = outcomes.height
    group = f"Relapse, cumulative incidence by {end / DAYS_PER_YEAR:.3g} years (competing: death, no remission)"
    relapsed = pl.col("kind") == "relapse"
    yield _incidence(group, "relapse", rows, relapsed, end, n)
    for site in ("marrow", "CNS", "combined"):
        yield _incidence(group, f"relapse, {site}", rows, relapsed & (pl.col("relapse_site") == site), end, n)
    months = pl.col("day") / DAYS_PER_MONTH
    for name, low, high in RELAPSE_TIMES:
        yield _incidence(group, f"relapse, {name}", rows, relapsed & (months >= low) & (months < high), end, n)


def _incidence(group: str, measure: str, rows: pl.DataFrame, mine: pl.Expr, at: float, n: int) -> Row:
    """The cumulative incidence by a day of the first events that are ``mine``; all other first events compete."""
    known = rows.filter(pl.col("day").is_not_nan()).with_columns(mine=mine.fill_null(False))
    cause = pl.when("mine").then(1).when(pl.col("kind").is_not_null()).then(2).otherwise(0)
    found = cumulative_incidence(known["day"].to_numpy(), known.select(cause).to_series().to_numpy(), at).times(100)
    count = _count(known, pl.col("mine") & (pl.col("day") <= at))
    if found.low == found.high:  # nobody or everybody: no limits
        return Row(group, measure, found.value, "%", count=count, of=n)
    return Row(group, measure, found.value, "%", found.low, found.high, "95 % CI", count, n)


def _survival(outcomes: pl.DataFrame, years: float) -> Iterable[Row]:
    """Kaplan-Meier (Greenwood, log-log limits) and the cumulative incidence of relapse with its competing events."""
    if outcomes.is_empty():
        return
    rows = first_event(outcomes)
    frame = rows.filter(pl.col("day").is_not_nan()).with_columns(failed=pl.col("kind").is_not_null())
    horizon = min(years, float(outcomes["outcome_day"].max() or 0) / DAYS_PER_YEAR)  # type: ignore[arg-type]
    day = horizon * DAYS_PER_YEAR
    label = f"at {horizon:.3g} years"
    found = survival(frame["day"].to_numpy(), frame["failed"].to_numpy(), day).times(100)
    group = "Survival"
    yield Row(
        group,
        f"event-free survival {label}",
        found.value,
        "%",
        found.low,
        found.high,
        "95 % CI",
        _count(frame, pl.col("failed") & (pl.col("day") <= day)),
        outcomes.height,
    )
    yield _incidence(
        group, f"cumulative incidence of relapse {label}", rows, pl.col("kind") == "relapse", day, outcomes.height
    )
    yield _alive(group, f"overall survival {label}", outcomes, pl.lit(0), day)
    if "relapse_day" not in outcomes.columns:
        return
    relapsed = outcomes.filter(pl.col("relapse_day").is_not_null())
    if relapsed.height and "relapse" not in relapsed["outcome"]:
        yield _alive(group, f"alive {horizon:.3g} years after a relapse", relapsed, pl.col("relapse_day"), day)


def _alive(group: str, measure: str, people: pl.DataFrame, since: pl.Expr, at: float) -> Row:
    """Kaplan-Meier of death of any cause; where what follows a relapse or a failure is not played, bounds: all of those
    dead at once, none of them ever. Who leaves later, treated for a relapse, is censored."""
    failed = pl.col("remission").eq(False).fill_null(False)
    if "relapse_day" in people.columns:
        failed &= pl.col("relapse_day").is_null()
    known = people.select(
        day=(pl.col("outcome_day") - since).cast(pl.Float64),
        dead=pl.col("outcome") == "death",
        unknown=(pl.col("outcome") == "relapse") | ((pl.col("outcome") == "left") & failed),
    ).fill_null(False)
    day, dead, unknown = (known[name].to_numpy() for name in ("day", "dead", "unknown"))
    worst = survival(day, dead | unknown, at).times(100)
    best = survival(np.where(unknown, max(at, day.max()), day), dead, at).times(100)
    if best.value - worst.value > UNKNOWN_POINTS:
        measure += " (not all treated to the end: bounds)"
        return Row(group, measure, None, "%", worst.value, best.value, NOT_ASSESSED)
    count = int((dead & (day <= at)).sum())
    return Row(group, measure, worst.value, "%", worst.low, worst.high, "95 % CI", count, people.height)


def _treatment(outcomes: pl.DataFrame) -> Iterable[Row]:
    group = "Maintenance"
    dosed = outcomes.filter(pl.col("mercaptopurine_percent").is_not_null())
    for name, which in METABOLISERS:
        some = dosed.filter(which)
        if some.height:
            yield _median(group, f"mercaptopurine, % of protocol dose, {name}", some["mercaptopurine_percent"], "%")
    target = outcomes["anc_in_target"].drop_nulls()
    if target.len():
        yield _median(group, "visits with ANC 0.5-1.5", 100 * target, "%")
    group = "Burden of treatment, per patient"
    for name, column in (
        ("fever episodes", "fever_episodes"),
        ("red-cell transfusions", "red_cell_transfusions"),
        ("platelet transfusions", "platelet_transfusions"),
    ):
        yield Row(group, f"{name} (mean)", _mean(outcomes[column]), "", count=int(outcomes[column].sum()))
    yield _median(group, "days of delay at gates", outcomes["delay_days"], "d")


def _phases(times: pl.DataFrame) -> Iterable[Row]:
    order = times.group_by("phase").agg(pl.col("day").median()).sort("day", "phase")["phase"]
    for phase in order:
        days = times.filter(pl.col("phase") == phase)["days"]
        yield _median("Time in each phase", str(phase), days, "d", count=days.len())


# --- small statistics -------------------------------------------------------------------------

_reached = pl.col("remission").fill_null(True)  # who left before the check is followed until then, without event
_died = pl.col("outcome") == "death"


def _share(group: str, measure: str, count: int, of: int) -> Row:
    if not of:
        return Row(group, measure, None, "%", count=0, of=0)
    low, high = wilson(count, of)
    return Row(group, measure, 100 * count / of, "%", 100 * low, 100 * high, "95 % CI", count, of)


def _median(group: str, measure: str, values: pl.Series, unit: str, count: int | None = None) -> Row:
    low, middle, high = (values.quantile(q, "linear") for q in (0.25, 0.5, 0.75))
    return Row(group, measure, middle, unit, low, high, "quartiles", values.len() if count is None else count)


def _mean(values: pl.Series) -> float | None:
    return float(values.mean()) if values.len() else None  # type: ignore[arg-type]


def _count(frame: pl.DataFrame, which: pl.Expr) -> int:
    return frame.filter(which).height


def _number(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{_bare(value)} {unit}".rstrip()


def _drawn(row: Row) -> str:
    return "" if row.draws_low is None else f"{_bare(row.draws_low)} to {_bare(row.draws_high)}"


def _bare(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"
