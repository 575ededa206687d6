"""Side effects of a run: episodes by grade, how often in which phase, a patient day by day, days in hospital.

Besides those that the engine records, low counts are graded from the measurements and infections from the events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library

from .estimates import Z
from .summary import Row

Tables = Mapping[str, pl.DataFrame] | Mapping[str, pl.LazyFrame]

FEBRILE_NEUTROPENIA = "febrile_neutropenia"
BLOODSTREAM = "bloodstream_infection"
FEVER_DAYS = 7  # an episode; no other fever begins in this time (body/infection.yaml: fever.pause)
FEBRILE_BELOW = 1.0  # neutrophils, 10^9/L
SEVERE = 3
ALL_PHASES = "whole treatment"
AFTER = "after treatment"
_COLUMNS = ("patient", "day", "side_effect", "grade", "to_day")


def episodes(tables: Tables, shelf: Library | None = None, only: str | None = None) -> pl.LazyFrame:
    """patient, day, side_effect, grade, to_day: the recorded side effects, infections, and a row for each measured
    count with a grade, which holds until the next measurement. Counts on the day of the first dose are the disease's.
    """
    shelf = shelf or library()
    frames = {name: table.lazy() for name, table in tables.items()}
    parts = []
    if "side_effects" in frames:
        rows = frames["side_effects"]
        parts.append(_form(rows if only is None else rows.filter(pl.col("side_effect") == only)))
    if "events" in frames and only in (None, FEBRILE_NEUTROPENIA):
        parts.append(_fevers(frames["events"]))
    if "events" in frames and only in (None, BLOODSTREAM):
        parts.append(_bloodstream(frames["events"], frames["outcomes"]))
    for name in graded_counts(shelf) if "measurements" in frames else []:
        effect = shelf.side_effect(name)
        if only in (None, name) and effect.measured in frames["measurements"].collect_schema().names():
            limits = {grade: limit.value for grade, limit in effect.limits.items()}
            parts.append(_counts(frames["measurements"], name, str(effect.measured), limits))
    return pl.concat(parts) if parts else pl.LazyFrame(schema=_SCHEMA)


_SCHEMA = {"patient": pl.Int64, "day": pl.Int32, "side_effect": pl.String, "grade": pl.Int8, "to_day": pl.Int32}


def graded_counts(shelf: Library) -> list[str]:
    """The side effects that are limits of a measured count."""
    computed = set(shelf.side_effects()) - set(shelf.side_effects(computed=False))
    return sorted(name for name in computed if shelf.side_effect(name).limits)


def _form(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())


def _fevers(events: pl.LazyFrame) -> pl.LazyFrame:
    counts = pl.col("detail").str.strip_prefix("ANC ").cast(pl.Float64, strict=False)
    rows = events.filter((pl.col("event") == "fever") & (counts < FEBRILE_BELOW))
    return _form(rows.with_columns(
        side_effect=pl.lit(FEBRILE_NEUTROPENIA), grade=pl.lit(SEVERE), to_day=pl.col("day") + FEVER_DAYS - 1
    ))  # fmt: skip


def _bloodstream(events: pl.LazyFrame, outcomes: pl.LazyFrame) -> pl.LazyFrame:
    """Grade 3, or 5 when the patient dies of infection the same day."""
    rows = events.filter(pl.col("event") == "bloodstream infection")
    deaths = outcomes.filter((pl.col("outcome") == "death") & (pl.col("death_cause") == "infection"))
    deaths = deaths.select("patient", pl.col("outcome_day").cast(pl.Int64).alias("last"))
    rows = rows.join(deaths, on="patient", how="left")
    fatal = (pl.col("last") == pl.col("day")).fill_null(False)
    last = pl.when(fatal).then(pl.col("day")).otherwise(pl.col("day") + FEVER_DAYS - 1)
    return _form(rows.with_columns(
        side_effect=pl.lit(BLOODSTREAM), grade=pl.when(fatal).then(5).otherwise(SEVERE), to_day=last
    ))  # fmt: skip


def _grade(column: str, limits: Mapping[int, float]) -> pl.Expr:
    grade = pl.lit(0)
    for step, limit in sorted(limits.items()):
        grade = pl.when(pl.col(column) < limit).then(step).otherwise(grade)
    return grade


def _counts(measurements: pl.LazyFrame, name: str, column: str, limits: Mapping[int, float]) -> pl.LazyFrame:
    grade = _grade(column, limits)
    following = pl.col("day").shift(-1).over("patient", order_by="day") - 1
    rows = measurements.filter(pl.col(column).is_not_null()).with_columns(
        side_effect=pl.lit(name), grade=grade, to_day=pl.coalesce(following, "day")
    )
    return _form(rows.filter((pl.col("grade") > 0) & (pl.col("day") > 0)))


def fallen(measurements: pl.DataFrame, name: str, grade: int, shelf: Library) -> pl.DataFrame:
    """patient, day: measurements of a graded count with that grade or worse of which the one before had less."""
    effect = shelf.side_effect(name)
    limit = max(limit.value for of, limit in effect.limits.items() if of >= grade)
    count = pl.col(str(effect.measured))
    rows = measurements.filter(count.is_not_null()).sort("patient", "day", maintain_order=True)
    before = count.shift(1).over("patient")
    return rows.filter((count < limit) & (before >= limit)).select("patient", pl.col("day").cast(pl.Int32))


def at_first(measurements: pl.DataFrame, name: str, shelf: Library) -> pl.DataFrame:
    """patient, first: the grade of the first measurement of a graded count, 0 for none."""
    effect = shelf.side_effect(name)
    column, limits = str(effect.measured), {step: limit.value for step, limit in effect.limits.items()}
    known = measurements.filter(pl.col(column).is_not_null()).sort("day").group_by("patient").first()
    return known.select("patient", _grade(column, limits).alias("first"))


def measured(measurements: pl.DataFrame, name: str, shelf: Library) -> pl.DataFrame:
    """Every measurement of a graded count after the first day as an episode of that day, of grade 0 too."""
    effect = shelf.side_effect(name)
    column, limits = str(effect.measured), {step: limit.value for step, limit in effect.limits.items()}
    known = measurements.lazy().filter(pl.col(column).is_not_null() & (pl.col("day") > 0))
    grade = _grade(column, limits).alias("grade")
    return _form(known.with_columns(grade, side_effect=pl.lit(name), to_day=pl.col("day"))).collect()


def entered(found: pl.DataFrame, name: str, shelf: Library) -> float:
    """Of the patients of these episodes, how many a trial's forms are expected to hold (`SideEffect.entered`)."""
    rule = shelf.side_effect(name).entered
    if rule is None:
        raise BadInput(f"it is not told how much of {words(name)} is entered", remedy="Add `entered:` to its file")
    episodes_each = found.group_by("patient").len()["len"]
    if rule.of == "patients":
        return rule.share.value * episodes_each.len()
    return float((1.0 - (1.0 - rule.share.value) ** episodes_each.cast(pl.Float64)).sum())


def untold(name: str, grade: int, shelf: Library) -> str | None:
    """Why the model cannot say who had that grade or worse; None when it can."""
    if name not in shelf.side_effects():
        return f"the model has no side effect '{name}'"
    effect = shelf.side_effect(name)
    worst = 3 if name in (FEBRILE_NEUTROPENIA, BLOODSTREAM) else max([*effect.limits, *effect.grades], default=5)
    return f"the model tells no grade above {worst} of {words(name)}" if grade > worst else None


def source_table(name: str, shelf: Library) -> str:
    """The table of a run from which the side effect is known."""
    if name in (FEBRILE_NEUTROPENIA, BLOODSTREAM):
        return "events"
    return "measurements" if name in graded_counts(shelf) else "side_effects"


# --- how often --------------------------------------------------------------------------------


def phases(tables: Tables) -> pl.DataFrame:
    """patient, phase, start: every start of a phase, and `AFTER` from the day after the last of treatment."""
    events = tables["events"].lazy()
    starts = events.filter(pl.col("event") == "phase start").select("patient", "phase", pl.col("day").alias("start"))
    end = events.filter(pl.col("event") == "end of treatment")
    after = end.select("patient", pl.lit(AFTER).alias("phase"), (pl.col("day") + 1).alias("start"))
    frame = pl.concat([starts, after]).collect()
    return frame.with_columns(pl.col("start").cast(pl.Int32)).sort("patient", "start", maintain_order=True)


def by_phase(tables: Tables, found: pl.DataFrame | None = None) -> pl.DataFrame:
    """phase, side_effect, grade, patients, of, percent, low, high: patients with that grade or worse in the phase, of
    those who began it, with Wilson's 95 % limits. A grade that nobody had has no row. Phases in the order of their
    median start, before them the whole treatment with all that follows (`ALL_PHASES`)."""
    found = episodes(tables).collect() if found is None else found
    stations = phases(tables)
    everyone = tables["outcomes"].lazy().select(pl.len()).collect().item()
    whole = found.with_columns(pl.lit(ALL_PHASES).alias("phase"))
    placed = in_phase(found, stations)
    sizes = stations.group_by("phase").agg(pl.col("patient").n_unique().alias("of"), pl.col("start").median())
    first = pl.DataFrame({"phase": [ALL_PHASES], "of": [everyone], "start": [-1.0]}, schema=sizes.schema)
    worst = pl.concat([whole, placed]).group_by("phase", "side_effect", "patient").agg(pl.col("grade").max())
    table = pl.concat([
        worst.filter(pl.col("grade") >= grade)
        .group_by("phase", "side_effect")
        .agg(pl.len().cast(pl.Int64).alias("patients"))
        .with_columns(pl.lit(grade, pl.Int8).alias("grade"))
        for grade in range(1, 6)
    ])  # fmt: skip
    table = table.join(pl.concat([first, sizes]), on="phase").with_columns(pl.col("of").cast(pl.Int64))
    return (
        table.with_columns(*wilson_limits(pl.col("patients"), pl.col("of")))
        .sort("start", "phase", "side_effect", "grade")
        .select("phase", "side_effect", "grade", "patients", "of", "percent", "low", "high")
    )


def in_phase(found: pl.DataFrame, stations: pl.DataFrame) -> pl.DataFrame:
    """The episodes with the phase in which they began; not those that began before the first one."""
    left = found.with_columns(pl.col("day").cast(pl.Int32)).sort("day")
    right = stations.sort("start", maintain_order=True)
    joined = left.join_asof(right, left_on="day", right_on="start", by="patient", check_sortedness=False)
    return joined.filter(pl.col("phase").is_not_null()).select(*_COLUMNS, "phase")


def wilson_limits(count: pl.Expr, of: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """percent, low, high: a share with Wilson's 95 % limits."""
    p, z = count / of, Z * Z / of
    middle, half = (p + z / 2) / (1 + z), Z * ((p * (1 - p) + z / 4) / of).sqrt() / (1 + z)
    low = pl.when(count == 0).then(0.0).otherwise(middle - half)
    high = pl.when(count == of).then(1.0).otherwise(middle + half)
    return (100 * p).alias("percent"), (100 * low).alias("low"), (100 * high).alias("high")


def patients_with(tables: Tables, grade: int = SEVERE) -> pl.DataFrame:
    """side_effect, patients: how many had it with that grade or worse, at any time."""
    had = episodes(tables).filter(pl.col("grade") >= grade).group_by("side_effect")
    return had.agg(pl.col("patient").n_unique().cast(pl.Int64).alias("patients")).collect(engine="streaming")


def most_frequent(counts: Sequence[pl.DataFrame], of: int, number: int = 10, grade: int = SEVERE) -> Iterator[Row]:
    """The side effects that most of the ``of`` patients had with that grade or worse; ``counts``: of `patients_with`,
    one for each part of the patients."""
    patients = pl.concat(counts).group_by("side_effect").agg(pl.col("patients").sum())
    rows = patients.with_columns(*wilson_limits(pl.col("patients"), pl.lit(of)))
    for row in rows.sort("patients", "side_effect", descending=[True, False]).head(number).iter_rows(named=True):
        yield Row(
            f"Side effects of grade {grade} or more",
            words(row["side_effect"]), row["percent"], "%", row["low"], row["high"], "95 % CI", row["patients"], of,
        )  # fmt: skip


def words(name: str) -> str:
    """A side effect as it is printed."""
    return name.upper() if name in ("crs", "vod", "gvhd") else name.replace("_", " ")


# --- one patient ------------------------------------------------------------------------------


def course(tables: Tables, patient: int) -> pl.DataFrame:
    """day and one column for each side effect that the patient had: its grade on that day, 0 without it; from the
    first dose to the last day that anything is known of."""
    mine = {
        name: table.lazy().filter(pl.col("patient") == patient)
        for name, table in tables.items()
        if name in ("outcomes", "side_effects", "events", "measurements")
    }
    found = episodes(mine).collect()
    known = mine["outcomes"].select("played_days" if "played_days" in _names(mine) else "outcome_day").collect()
    last = int(max([*known.to_series(), *found["day"].to_list(), 0]))
    days = pl.DataFrame({"day": pl.Series(range(last + 1), dtype=pl.Int32)})
    columns = []
    for name in sorted(found["side_effect"].unique()):
        grades = [0] * (last + 1)
        for row in found.filter(pl.col("side_effect") == name).iter_rows(named=True):
            for day in range(max(0, row["day"]), min(max(row["day"], row["to_day"]), last) + 1):
                grades[day] = max(grades[day], row["grade"])
        columns.append(pl.Series(name, grades, dtype=pl.Int8))
    return days.with_columns(columns)


def _names(tables: Mapping[str, pl.LazyFrame]) -> list[str]:
    return tables["outcomes"].collect_schema().names()


# --- what it costs ----------------------------------------------------------------------------


def hospital_days(tables: Tables, found: pl.DataFrame | None = None, shelf: Library | None = None) -> pl.DataFrame:
    """patient, days: days in hospital for side effects (``hospital`` of their files, by grade), each day once; a stay
    ends with the patient's life. Stays that are planned (a ward for conditioning, an infusion) are not part of it."""
    shelf = shelf or library()
    found = episodes(tables).collect() if found is None else found
    names = sorted(found["side_effect"].unique())
    if strange := [name for name in names if name not in shelf.side_effects()]:
        raise BadInput(
            f"nothing is known here of the side effect '{strange[0]}' of this run",
            remedy="Give the --library that it was played with",
        )
    stay = pl.DataFrame(
        [
            (name, grade, days.to_unit("day"))
            for name in names
            for grade, days in shelf.side_effect(name).hospital.items()
        ],
        schema={"side_effect": pl.String, "grade": pl.Int8, "stay": pl.Float64},
        orient="row",
    )
    died = pl.when(pl.col("outcome") == "death").then("outcome_day")
    people = tables["outcomes"].lazy().select("patient", died.cast(pl.Int64).alias("death")).collect()
    rows = _with_stay(found, stay).join(people, on="patient").with_columns(pl.col("day").cast(pl.Int64))
    end = pl.col("day") + pl.col("stay").ceil().cast(pl.Int64)  # the first day at home
    rows = rows.with_columns(pl.min_horizontal(end, pl.col("death") + 1).alias("end")).sort("patient", "day")
    before = pl.col("end").cum_max().shift(1).over("patient").fill_null(-1)
    rows = rows.with_columns((pl.col("end") - pl.max_horizontal("day", before)).clip(lower_bound=0).alias("days"))
    total = rows.group_by("patient").agg(pl.col("days").sum())
    joined = people.select("patient").join(total, on="patient", how="left", maintain_order="left")
    return joined.with_columns(pl.col("days").fill_null(0).cast(pl.Int64))


def _with_stay(found: pl.DataFrame, stay: pl.DataFrame) -> pl.DataFrame:
    """``stay`` of each episode: that of its grade, or of the nearest lower grade that has one."""
    pairs = found.with_row_index("episode").join(stay.rename({"grade": "from"}), on="side_effect")
    pairs = pairs.filter(pl.col("grade") >= pl.col("from")).sort("episode", "from")
    return pairs.group_by("episode", maintain_order=True).last().filter(pl.col("stay") > 0)


def doses_lost(tables: Tables) -> pl.DataFrame:
    """patient, planned, missed, lowered: dose days of all agents, of these not given (held, omitted, stopped, missed)
    and given at less than the full dose; those by agent are ``doses_by_agent``."""
    return _dose_days(tables, ["patient"])


def doses_by_agent(tables: Tables) -> pl.DataFrame:
    """agent, planned, missed, lowered: dose days of all patients together, rescues apart."""
    return _dose_days(tables, ["agent"]).sort("missed", "agent", descending=[True, False])


def _dose_days(tables: Tables, by: list[str]) -> pl.DataFrame:
    days = (pl.col("to_day") - pl.col("from_day") + 1).cast(pl.Int64)
    missed = pl.col("reason").is_in(["held", "omitted", "stopped"])
    missed |= (pl.col("reason") == "missed") & (pl.col("factor") <= 0.0)  # not one dose of the day was taken
    rows = tables["doses"].lazy().filter(pl.col("reason") != "rescue").with_columns(days.alias("days"))
    return (
        rows.group_by(by)
        .agg(
            pl.col("days").sum().alias("planned"),
            pl.col("days").filter(missed).sum().alias("missed"),
            pl.col("days").filter(~missed & (pl.col("factor") < 1.0)).sum().alias("lowered"),
        )
        .sort(by)
        .collect()
    )


def burden(tables: Tables, found: pl.DataFrame | None = None) -> list[Row]:
    """What the treatment costs besides the illness: days in hospital, transfusions, doses lost, deaths by cause."""
    found = episodes(tables).collect() if found is None else found
    outcomes = tables["outcomes"].lazy().collect()
    group, rows = "Burden, per patient", []
    rows.append(mean_row(group, "days in hospital for side effects (mean)", hospital_days(tables, found)["days"], "d"))
    for name, column in (
        ("fever episodes", "fever_episodes"),
        ("red-cell transfusions", "red_cell_transfusions"),
        ("platelet transfusions", "platelet_transfusions"),
        ("days of delay at gates", "delay_days"),
    ):
        if column in outcomes.columns:
            rows.append(mean_row(group, f"{name} (mean)", outcomes[column], ""))
    if "doses" in tables:
        lost = doses_lost(tables).filter(pl.col("planned") > 0)
        for name, column in (("dose days missed", "missed"), ("dose days at a lowered dose", "lowered")):
            rows.append(mean_row(group, f"{name}, % (mean)", 100 * lost[column] / lost["planned"], "%"))
        for row in doses_by_agent(tables).filter(pl.col("missed") > 0).head(5).iter_rows(named=True):
            share = 100 * row["missed"] / row["planned"]
            rows.append(Row("Dose days missed, all patients", row["agent"], share, "%", None, None, "",
                            row["missed"], row["planned"]))  # fmt: skip
    of = outcomes.height
    deaths = outcomes.filter(pl.col("outcome") == "death")
    causes = deaths.group_by(pl.col("death_cause").fill_null("unknown").alias("cause")).len("patients")
    causes = causes.with_columns(*wilson_limits(pl.col("patients"), pl.lit(of)))
    for row in causes.sort("patients", "cause", descending=[True, False]).iter_rows(named=True):
        rows.append(Row("Deaths by cause", words(row["cause"]), row["percent"], "%", row["low"], row["high"],
                        "95 % CI", row["patients"], of))  # fmt: skip
    return rows


def mean_row(group: str, measure: str, values: pl.Series, unit: str) -> Row:
    """A mean with its normal 95 % limits."""
    n = values.len()
    if not n:
        return Row(group, measure, None, unit, count=0)
    middle: Any = values.mean()
    spread: Any = values.std() if n > 1 else 0.0
    half = Z * float(spread) / n**0.5
    return Row(group, measure, float(middle), unit, float(middle) - half, float(middle) + half, "95 % CI", n)
