"""What is kept of a scenario's played patients: all that pages and the API show of it, in a quarter of a megabyte.

Days count from the first dose (day 0), weeks are seven of them (week 0: days 0 to 6). Counts are 10^9/L, haemoglobin
g/dL. A state that counts cells as log10 is null where no cell is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from remission.trial import side_effects as se
from remission.trial.estimates import Z, cumulative_incidence, survival
from remission.trial.first_event import first_event, relapse_or_other
from remission.trial.summary import DAYS_PER_MONTH

from .scenario import Scenario

Tables = Mapping[str, pl.DataFrame]

RECORD = ("outcomes", "measurements", "mrd", "doses", "events", "states", "side_effects", "levels")
FOLLOW_UP_YEARS = 10.0
DIGITS = 3  # that matter, of what whole lives show
LIVES = 30  # patients of whom the whole life is kept
QUANTILES = (("q05", 0.05), ("q25", 0.25), ("q50", 0.5), ("q75", 0.75), ("q95", 0.95))
MRD_LIMITS = (1e-4, 1e-3, 1e-2)  # of the nucleated cells
UNITS = {
    "anc": "10^9/L", "platelets": "10^9/L", "lymphocytes": "10^9/L", "wbc": "10^9/L", "blood_blasts": "10^9/L",
    "haemoglobin": "g/dL", "log10_blasts_marrow": "log10 cells", "log10_blasts_cns": "log10 cells",
    "log10_t315i": "log10 cells", "log10_cd19_negative": "log10 cells", "marrow_blast_fraction": "fraction",
    "car_t_copies": "copies/ug", "cytokine_pg_ml": "pg/mL", "b_cells": "cells/uL", "igg_g_l": "g/L",
    "donor_share": "fraction", "normal_marrow": "fraction",
}  # fmt: skip

BURDEN = {  # column of each patient: what it is, unit
    "hospital_days": ("days in hospital for side effects", "days"),
    "fevers": ("fevers", ""),
    "bloodstream_infections": ("bloodstream infections", ""),
    "red_cell_transfusions": ("red cell transfusions", ""),
    "platelet_transfusions": ("platelet transfusions", ""),
    "waiting_days": ("days of waiting for counts", "days"),
    "lumbar_punctures": ("lumbar punctures with treatment", ""),
    "low_anc_days": ("days with ANC below 0.5", "days"),
}

_Q = {name: pl.Float32 for name, _ in QUANTILES}
SCHEMAS: dict[str, dict[str, Any]] = {
    "bands": {"state": pl.String, "unit": pl.String, "day": pl.Int32, **_Q, "n": pl.Int32},
    "lives": {"state": pl.String, "patient": pl.Int32, "day": pl.Int32, "value": pl.Float32},
    "doses": {
        "patient": pl.Int32, "day": pl.Int32, "to_day": pl.Int32, "phase": pl.String, "phase_day": pl.Int32,
        "agent": pl.String, "route": pl.String, "amount": pl.Float32, "unit": pl.String, "planned": pl.Float32,
        "hours": pl.Float32, "factor": pl.Float32, "reason": pl.String,
    },
    "measurements": {
        "patient": pl.Int32, "day": pl.Int32, "phase": pl.String, "phase_day": pl.Int32, "test": pl.String,
        "value": pl.Float32, "unit": pl.String, "detected": pl.Boolean,
    },
    "events": {
        "patient": pl.Int32, "day": pl.Int32, "to_day": pl.Int32, "phase": pl.String, "event": pl.String,
        "detail": pl.String, "grade": pl.Int8,
    },
    "people": {
        "patient": pl.Int32, "subtype": pl.String, "wbc": pl.Float32, "cns": pl.Int8, "tpmt": pl.String,
        "nudt15": pl.String, "outcome": pl.String, "outcome_day": pl.Int32, "played_days": pl.Int32,
        "end_of_treatment_day": pl.Int32, "eoi_mrd": pl.Float32, "mercaptopurine_percent": pl.Float32,
    },
    "phases": {
        "phase": pl.String, "cycle": pl.Int32, "entered": pl.Int32, "of": pl.Int32, **_Q, "delayed": pl.Int32,
        "delay_mean": pl.Float32, "delay_q50": pl.Float32, "delay_q95": pl.Float32,
    },
    "outcomes": {
        "day": pl.Int32, "event": pl.String, "share": pl.Float32, "low": pl.Float32, "high": pl.Float32, "n": pl.Int32,
    },
    "side_effects": {
        "week": pl.Int32, "side_effect": pl.String, "any": pl.Float32, "severe": pl.Float32, "n": pl.Int32,
    },
    "side_effects_by_phase": {
        "phase": pl.String, "side_effect": pl.String, "any": pl.Float32, "any_low": pl.Float32, "any_high": pl.Float32,
        "severe": pl.Float32, "severe_low": pl.Float32, "severe_high": pl.Float32, "n": pl.Int32,
    },
    "burden": {"what": pl.String, "unit": pl.String, "mean": pl.Float32, **_Q, "n": pl.Int32},
    "each": {
        "patient": pl.Int32, "wbc": pl.Float32, "first_day": pl.Float32, "first_event": pl.String, "died": pl.Boolean,
        "last_day": pl.Int32, **dict.fromkeys(BURDEN, pl.Int32),
    },
    "had": {"side_effect": pl.String, "any": pl.Binary, "severe": pl.Binary},
    "mrd": {
        "phase": pl.String, "cycle": pl.Int32, "phase_day": pl.Int32, "site": pl.String, "limit": pl.Float64,
        "below": pl.Float32, "n": pl.Int32, "relapse_below": pl.Float32, "relapse_above": pl.Float32,
        "years": pl.Float32,
    },
    "drugs": {"agent": pl.String, "route": pl.String, "week": pl.Int32, **_Q, "n": pl.Int32},
}  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """One scenario's results. Shares are 0 to 1; ``n``: how many of the ``patients`` they are of.

    bands: quantiles of the true state by day, of who is alive and still followed;
    people, lives, doses, measurements, events: the first patients whole (`LIVES`): who they are and what became of
    them; their states; their doses in runs of equal days ``day`` to ``to_day``; what tests said, one row a test;
    events, side effects among them (``event`` "side effect", ``detail`` its name, ``grade``, ``to_day``);
    phases: who entered (of those who could), start day, days of waiting for it;
    outcomes: month by month the share event-free and alive (Kaplan-Meier) and the cumulative incidence of each first
    event (Aalen-Johansen) with 95 % limits, and of the side effects that come once and stay (death competes);
    side_effects: week by week who has it, with any grade and grade 3 or worse;
    side_effects_by_phase: who had it (first of the whole time: phase "whole treatment");
    burden: days in hospital, transfusions, lumbar punctures, fevers, days of doses held or missed, by patient;
    each, had: of every patient what a comparison pairs: the first event, the burden; and for each side effect who had
    it (`numpy.packbits` over the patients), with any grade and grade 3 or worse;
    mrd: share below a limit at each check that a twentieth or more had, and relapse within ``years`` in either group;
    drugs: dose given as a part of the protocol's dose, week by week, of agents whose doses change.
    """

    scenario: Scenario
    patients: int
    knowledge: str
    bands: pl.DataFrame
    people: pl.DataFrame
    lives: pl.DataFrame
    doses: pl.DataFrame
    measurements: pl.DataFrame
    events: pl.DataFrame
    phases: pl.DataFrame
    outcomes: pl.DataFrame
    side_effects: pl.DataFrame
    side_effects_by_phase: pl.DataFrame
    burden: pl.DataFrame
    each: pl.DataFrame
    had: pl.DataFrame
    mrd: pl.DataFrame
    drugs: pl.DataFrame
    follow_up_years: float = FOLLOW_UP_YEARS

    @property
    def complete(self) -> bool:
        """Are all the patients played that the scenario asks for?"""
        return self.patients >= self.scenario.patients

    def life(self, patient: int) -> Summary:
        """The same with the tables of whole lives cut to one patient."""
        whole = ("people", "lives", "doses", "measurements", "events")
        return replace(self, **{name: getattr(self, name).filter(pl.col("patient") == patient) for name in whole})


def summarise(scenario: Scenario, tables: Tables, knowledge: str = "") -> Summary:
    """The summary of played patients: the tables of a run (`RECORD`), patients numbered from 0."""
    found = se.episodes(tables).collect()
    each = _each(tables, found)
    made: dict[str, Any] = {
        "bands": _bands(tables["states"]),
        "people": _people(tables["outcomes"]),
        "lives": _lives(tables["states"]),
        "doses": _doses(tables),
        "measurements": _measurements(tables),
        "events": _events(tables),
        "phases": _phases(tables),
        "outcomes": _outcomes(tables["outcomes"], found),
        "side_effects": _side_effects(tables["outcomes"], found),
        "side_effects_by_phase": _by_phase(tables, found),
        "burden": _burden(tables, each),
        "each": each,
        "had": _had(tables["outcomes"], found),
        "mrd": _mrd(tables),
        "drugs": _drugs(tables["doses"]),
    }
    made = {name: _cast(frame, SCHEMAS[name]) for name, frame in made.items()}
    return Summary(scenario=scenario, patients=tables["outcomes"].height, knowledge=knowledge, **made)


def _cast(frame: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items())


def _quantiles(value: pl.Expr) -> list[pl.Expr]:
    """Nearest ranks: of cells that are all gone (minus infinity) no mean can be taken."""
    return [value.quantile(q, "nearest").alias(name) for name, q in QUANTILES]


def _states(states: pl.DataFrame) -> list[str]:
    return [name for name in states.columns if name not in ("patient", "day")]


def _bands(states: pl.DataFrame) -> pl.DataFrame:
    """Of the days on which all are recorded (those around an infusion or a graft are recorded of few), as far as a
    twentieth is followed: after treatment only those who still have leukaemic cells are."""
    weekly = states.filter(pl.col("day") % 7 == 0)
    parts = []
    for name in _states(states):
        rows = weekly.group_by("day").agg(*_quantiles(pl.col(name)), pl.len().alias("n")).sort("day")
        rows = rows.filter(pl.col("n") >= pl.col("n").max() / 20)
        parts.append(rows.with_columns(state=pl.lit(name), unit=pl.lit(UNITS[name])))
    finite = [pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name, _ in QUANTILES]
    return pl.concat(parts).with_columns(finite)


def _people(outcomes: pl.DataFrame) -> pl.DataFrame:
    return outcomes.filter(pl.col("patient") < LIVES)


def _lives(states: pl.DataFrame) -> pl.DataFrame:
    mine = states.filter(pl.col("patient") < LIVES)
    long = mine.unpivot(index=["patient", "day"], variable_name="state", value_name="value")
    value = pl.when(pl.col("value").is_finite()).then(pl.col("value").round_sig_figs(DIGITS))
    return long.with_columns(value=value).sort("state", "patient", "day")


def _phase_days(tables: Tables) -> pl.DataFrame:
    starts = tables["events"].filter((pl.col("event") == "phase start") & (pl.col("patient") < LIVES))
    return starts.select("patient", "phase", start=pl.col("day").cast(pl.Int32)).sort("start")


def _doses(tables: Tables) -> pl.DataFrame:
    mine = tables["doses"].filter(pl.col("patient") < LIVES).sort("from_day")
    placed = mine.join_asof(
        _phase_days(tables), left_on="from_day", right_on="start", by=["patient", "phase"], check_sortedness=False
    )
    return placed.with_columns(
        day=pl.col("from_day"), phase_day=pl.col("from_day") - pl.col("start") + 1,
        amount=pl.col("dose").round_sig_figs(4), planned=pl.col("planned").round_sig_figs(4),
        factor=pl.col("factor").round_sig_figs(4),
    ).sort("patient", "day", "agent", "route")  # fmt: skip


def _measurements(tables: Tables) -> pl.DataFrame:
    first = pl.col("patient") < LIVES
    keys = ["patient", "day", "phase", "phase_day"]
    counts = ("anc", "platelets", "haemoglobin", "wbc", "lymphocytes", "blood_blasts")
    parts = []
    drawn = tables["measurements"].filter(first)
    for name in counts:
        parts.append(drawn.filter(pl.col(name).is_not_null()).select(
            *keys, test=pl.lit(name), value=pl.col(name), unit=pl.lit(UNITS[name]), detected=pl.lit(True)
        ))  # fmt: skip
    mrd = tables["mrd"].filter(first)
    parts.append(mrd.select(
        *keys, "detected", test=pl.col("site") + " MRD", value=pl.col("reported_fraction"), unit=pl.lit("fraction")
    ).select(parts[0].columns))  # fmt: skip
    levels = tables["levels"].filter(first)
    parts.append(levels.select(
        *keys, test=pl.col("agent") + " level", value="level", unit="unit", detected=~pl.col("below_limit")
    ))  # fmt: skip
    parts = [part.with_columns(pl.col("value").cast(pl.Float64).round_sig_figs(DIGITS)) for part in parts]
    return pl.concat(parts, how="vertical_relaxed").sort("patient", "day", "test")


def _events(tables: Tables) -> pl.DataFrame:
    first = pl.col("patient") < LIVES
    told = tables["events"].filter(first).with_columns(to_day=pl.col("day"), grade=pl.lit(None, pl.Int8))
    ill = tables["side_effects"].filter(first).sort("day")
    starts = _phase_days(tables)
    ill = ill.with_columns(pl.col("day").cast(pl.Int32)).join_asof(
        starts, left_on="day", right_on="start", by="patient", check_sortedness=False
    ).with_columns(event=pl.lit("side effect"), detail=pl.col("side_effect"))  # fmt: skip
    columns = list(SCHEMAS["events"])
    both = pl.concat([told.select(columns), ill.select(columns)], how="vertical_relaxed")
    return both.sort("patient", "day", "event", "detail")


def _phases(tables: Tables) -> pl.DataFrame:
    events = tables["events"]
    starts = events.filter(pl.col("event") == "phase start").sort("patient", "day")
    starts = starts.with_columns(cycle=pl.col("day").cum_count().over("patient", "phase", order_by="day"))
    waits = events.filter(pl.col("event") == "gate delay").select(
        "patient", "day", "phase", wait=pl.col("detail").str.extract(r"([\d.]+)").cast(pl.Float64)
    )
    waits = waits.group_by("patient", "day", "phase").agg(pl.col("wait").max())
    rows = starts.join(waits, on=["patient", "day", "phase"], how="left").with_columns(pl.col("wait").fill_null(0.0))
    everyone = tables["outcomes"].height
    return (
        rows.group_by("phase", "cycle")
        .agg(
            pl.len().alias("entered"),
            *_quantiles(pl.col("day")),
            (pl.col("wait") > 0).sum().alias("delayed"),
            pl.col("wait").mean().alias("delay_mean"),
            pl.col("wait").quantile(0.5).alias("delay_q50"),
            pl.col("wait").quantile(0.95).alias("delay_q95"),
        )
        .with_columns(of=pl.lit(everyone))
        .sort("q50", "phase", "cycle")
    )


def _months() -> list[float]:
    return [month * DAYS_PER_MONTH for month in range(round(12 * FOLLOW_UP_YEARS) + 1)]


def _outcomes(outcomes: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    rows = first_event(outcomes).filter(pl.col("day").is_not_nan())
    day = rows["day"].to_numpy().astype(float)
    kind = rows["kind"].fill_null("").to_numpy()
    ends = outcomes["outcome_day"].to_numpy().astype(float)
    died = (outcomes["outcome"] == "death").to_numpy()
    out: list[tuple[Any, ...]] = []

    def curve(event: str, at_day: Any, estimate: Any) -> None:
        for at in _months():
            one = estimate(at)
            out.append((round(at), event, one.value, one.low, one.high, int((at_day >= at).sum())))

    curve("event-free", day, lambda at: survival(day, kind != "", at))
    curve("alive", ends, lambda at: survival(ends, died, at))
    firsts = (("relapse", "relapse"), ("death", "death in remission"), ("no remission", "no remission"),
              ("second cancer", "second cancer"))  # fmt: skip
    for event, called in firsts:
        cause = np.where(kind == event, 1, np.where(kind != "", 2, 0))
        curve(called, day, lambda at, cause=cause: cumulative_incidence(day, cause, at))
    for effect in ("second_cancer", "second_leukaemia"):
        mine = found.filter(pl.col("side_effect") == effect).group_by("patient").agg(pl.col("day").min().alias("first"))
        joined = outcomes.select("patient").join(mine, on="patient", how="left", maintain_order="left")["first"]
        when = joined.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        had = ~np.isnan(when)
        if had.any():
            time = np.where(had, when, ends)
            cause = np.where(had, 1, np.where(died, 2, 0))
            curve(effect, time, lambda at, time=time, cause=cause: cumulative_incidence(time, cause, at))
    return pl.DataFrame(out, schema=SCHEMAS["outcomes"], orient="row")


def _side_effects(outcomes: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Who has it in a week, of who is alive and followed: an episode covers the weeks from its first day to its last.
    Weeks after treatment are told while a twentieth is still played day by day."""
    people = outcomes.select("patient", last=pl.col("outcome_day").cast(pl.Int32))
    ends = np.sort(outcomes["outcome_day"].to_numpy())
    until = int(outcomes["played_days"].quantile(0.95, "nearest") or 0)
    rows = found.join(people, on="patient").filter(pl.col("day") >= 0).with_columns(
        pl.min_horizontal(pl.max_horizontal("to_day", "day"), "last", until).alias("to_day")
    ).filter(pl.col("to_day") >= pl.col("day"))  # fmt: skip
    weeks = rows.with_columns(week=pl.int_ranges(pl.col("day") // 7, pl.col("to_day") // 7 + 1)).explode("week")
    worst = weeks.group_by("week", "side_effect", "patient").agg(pl.col("grade").max())
    counted = worst.group_by("week", "side_effect").agg(
        pl.len().alias("any"), (pl.col("grade") >= se.SEVERE).sum().alias("severe")
    )
    n = pl.Series("n", len(ends) - np.searchsorted(ends, 7 * counted["week"].to_numpy(), side="left"))
    shares = [pl.col(name) / pl.col("n") for name in ("any", "severe")]
    return counted.with_columns(n).with_columns(shares).sort("side_effect", "week")


def _by_phase(tables: Tables, found: pl.DataFrame) -> pl.DataFrame:
    rows = se.by_phase(tables, found)
    keys = ["phase", "side_effect"]
    share = [pl.col(name) / 100 for name in ("percent", "low", "high")]
    rows = rows.with_columns(share)
    some = rows.filter(pl.col("grade") == 1).select(*keys, any="percent", any_low="low", any_high="high", n="of")
    worse = rows.filter(pl.col("grade") == se.SEVERE)
    worse = worse.select(*keys, severe="percent", severe_low="low", severe_high="high")
    z = Z * Z / pl.col("n")
    return some.join(worse, on=keys, how="left", maintain_order="left").with_columns(
        pl.col("severe").fill_null(0.0), pl.col("severe_low").fill_null(0.0),
        pl.col("severe_high").fill_null(z / (1 + z)),  # Wilson's limit of nobody
    )  # fmt: skip


def _each(tables: Tables, found: pl.DataFrame) -> pl.DataFrame:
    """Patient by patient what a comparison pairs."""
    outcomes = tables["outcomes"]
    event = first_event(outcomes)
    given = tables["doses"].filter((pl.col("dose") > 0) & (pl.col("route") == "IT"))
    spinal = given.with_columns(on=pl.int_ranges(pl.col("from_day"), pl.col("to_day") + 1)).explode("on")
    return outcomes.select(
        "patient", "wbc", first_day=event["day"].fill_nan(None), first_event=event["kind"],
        died=pl.col("outcome") == "death", last_day="outcome_day",
        hospital_days=se.hospital_days(tables, found)["days"], fevers="fever_episodes",
        bloodstream_infections="bloodstream_infections", red_cell_transfusions="red_cell_transfusions",
        platelet_transfusions="platelet_transfusions", waiting_days="delay_days",
        lumbar_punctures=_counted(spinal, pl.col("on").n_unique(), outcomes),
        low_anc_days=_low_days(tables["states"], outcomes, "anc", 0.5),
    )  # fmt: skip


def _had(outcomes: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Who had it at any time, a bit a patient."""
    worst = found.group_by("side_effect", "patient").agg(pl.col("grade").max()).sort("side_effect", "patient")
    place = {patient: number for number, patient in enumerate(outcomes["patient"])}
    out = []
    for (name,), rows in worst.group_by("side_effect", maintain_order=True):
        grades = np.zeros(outcomes.height, dtype=np.int8)
        grades[[place[patient] for patient in rows["patient"]]] = rows["grade"]
        out.append((name, np.packbits(grades > 0).tobytes(), np.packbits(grades >= se.SEVERE).tobytes()))
    return pl.DataFrame(out, schema=SCHEMAS["had"], orient="row")


def _counted(rows: pl.DataFrame, value: pl.Expr, everyone: pl.DataFrame) -> pl.Series:
    """A number for every patient, 0 for who has no row."""
    each = rows.group_by("patient").agg(value.alias("value"))
    joined = everyone.select("patient").join(each, on="patient", how="left", maintain_order="left")
    return joined["value"].fill_null(0)


def _burden(tables: Tables, each: pl.DataFrame) -> pl.DataFrame:
    outcomes = tables["outcomes"]
    parts = [(what, unit, each[column]) for column, (what, unit) in BURDEN.items()]
    lost = tables["doses"].filter(pl.col("reason").is_in(["held", "omitted", "stopped", "missed"]))
    days = (pl.col("to_day") - pl.col("from_day") + 1).cast(pl.Int64)
    for agent in sorted(lost["agent"].unique()):
        mine = lost.filter(pl.col("agent") == agent)
        parts.append((f"days without it: {agent}", "days", _counted(mine, days.sum(), outcomes)))
    percent = outcomes["mercaptopurine_percent"].drop_nulls()
    if percent.len():
        parts.append(("mercaptopurine, percent of the protocol dose in maintenance", "%", percent))
    rows = [
        {"what": what, "unit": unit, "mean": values.mean(), "n": values.len()}
        | {name: values.cast(pl.Float64).quantile(q, "nearest") for name, q in QUANTILES}
        for what, unit, values in parts
    ]
    return pl.DataFrame(rows, schema=SCHEMAS["burden"])


def _low_days(states: pl.DataFrame, everyone: pl.DataFrame, state: str, below: float) -> pl.Series:
    """Days below a limit, each recorded day standing for those until the next one."""
    span = (pl.col("day").shift(-1) - pl.col("day")).over("patient", order_by="day").clip(0, 7).fill_null(0)
    low = states.select("patient", low=span * (pl.col(state) < below).cast(pl.Int32))
    return _counted(low, pl.col("low").sum(), everyone)


def _mrd(tables: Tables) -> pl.DataFrame:
    outcomes, checks = tables["outcomes"], tables["mrd"].filter(pl.col("phase_day").is_not_null())
    firsts = first_event(outcomes).with_columns(outcomes["patient"])
    keys = ["phase", "cycle", "phase_day", "site"]
    out: list[dict[str, Any]] = []
    order = checks.group_by(keys).agg(pl.col("day").median(), pl.len()).sort("day", *keys)
    for row in order.filter(pl.col("len") >= max(1, outcomes.height / 20)).iter_rows(named=True):
        mine = checks.filter(*(pl.col(name) == row[name] for name in keys)).join(firsts, on="patient", suffix="_event")
        for limit in MRD_LIMITS:
            below = (mine["reported_fraction"] < limit).to_numpy()
            out.append({name: row[name] for name in keys} | {
                "limit": limit, "below": below.mean(), "n": below.size, "years": FOLLOW_UP_YEARS,
                "relapse_below": _relapse_after(mine, below), "relapse_above": _relapse_after(mine, ~below),
            })  # fmt: skip
    return pl.DataFrame(out, schema=SCHEMAS["mrd"])


def _relapse_after(mine: pl.DataFrame, who: Any) -> float | None:
    """Cumulative incidence of relapse by the end of the follow-up of those who were still without an event at the
    check; none for fewer than five of them."""
    left = mine.filter(pl.Series(who) & ((pl.col("day_event") >= pl.col("day")) | (pl.col("kind") == "no remission")))
    if left.height < 5:
        return None
    day = left["day_event"].to_numpy().astype(float)
    return cumulative_incidence(day, relapse_or_other(left["kind"]), FOLLOW_UP_YEARS * 365.25).value


def _drugs(doses: pl.DataFrame) -> pl.DataFrame:
    """Of the agents taken by mouth whose doses change; a week counts for a patient who was to have any of it then."""
    rows = doses.filter((pl.col("route") == "PO") & (pl.col("planned") > 0) & (pl.col("reason") != "rescue"))
    rows = rows.with_columns(part=pl.col("dose") / pl.col("planned"))
    changes = rows.filter((pl.col("part") - 1).abs() > 0.02).group_by("agent").agg(pl.col("patient").n_unique())
    agents = changes.filter(pl.col("patient") >= max(1, doses["patient"].n_unique() / 20))["agent"].implode()
    rows = rows.filter(pl.col("agent").is_in(agents))
    weeks = rows.with_columns(week=pl.int_ranges(pl.col("from_day") // 7, pl.col("to_day") // 7 + 1)).explode("week")
    days = pl.min_horizontal("to_day", 7 * pl.col("week") + 6) - pl.max_horizontal("from_day", 7 * pl.col("week")) + 1
    each = weeks.with_columns(days=days).group_by("agent", "route", "week", "patient").agg(
        part=(pl.col("part") * pl.col("days")).sum() / pl.col("days").sum()
    )
    return each.group_by("agent", "route", "week").agg(*_quantiles(pl.col("part")), pl.len().alias("n")).sort(
        "agent", "route", "week"
    )  # fmt: skip
