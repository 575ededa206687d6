"""Two treatments for the same virtual patients with the same chance: what differs, and by how much.

Printed are those side effects that differ clearly and most, then the most frequent ones; `SideBySide.rows` holds all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, using
from remission.protocol.model import And, Protocol
from remission.protocol.reader import read_protocol

from . import side_effects as se
from .cost import Consent
from .estimates import Estimate, Floats, Z, cumulative_incidence, mean, share, survival
from .first_event import first_event, relapse_or_other
from .run import POPULATION, TABLES, Progress, simulate
from .shown import Shown
from .summary import DAYS_PER_YEAR
from .uncertainty import over_draws, sample_of

Tables = Mapping[str, pl.DataFrame]
RECORDED = tuple(name for name in TABLES if name not in ("states", "mrd"))
EFFECTS = "Side effects"
SHOWN = 12  # of them, in print
ROUNDING = 1e-9  # two sums of the same numbers in another order differ by less


@dataclass(frozen=True)
class Difference:
    """A measure of both, and the second minus the first with its 95 % limits (paired by patient)."""

    group: str
    measure: str
    unit: str
    first: Estimate
    second: Estimate
    change: Estimate
    unsure: tuple[float, float] | None = None  # 95 % of the change over draws of the fitted numbers

    @property
    def clear(self) -> bool:
        """Do the limits of the change leave out zero?"""
        return self.change.low > ROUNDING or self.change.high < -ROUNDING

    def cells(self) -> tuple[str, str, str, str]:
        """Both values, the change with its limits, and a mark where it is clear: as they are printed."""
        first, second = (f"{one.value:.1f} {self.unit}".rstrip() for one in (self.first, self.second))
        numbers = (f"{number:+.1f}" for number in (self.change.value, self.change.low, self.change.high))
        value, low, high = (text if self.clear else _unsigned_zero(text) for text in numbers)
        change = f"{value} ({low} to {high})"
        if self.unsure is not None:
            change += " [{:+.1f} to {:+.1f}]".format(*self.unsure)
        return first, second, change, "*" if self.clear else ""


def _unsigned_zero(text: str) -> str:
    """What rounds to nothing has no sign, but where the sign says on which side of zero a clear change lies."""
    return "0.0" if text in ("+0.0", "-0.0") else text


@dataclass(frozen=True, repr=False)
class SideBySide(Shown):
    names: tuple[str, str]
    patients: int
    rows: tuple[Difference, ...]

    def __repr__(self) -> str:
        return f"SideBySide({self.names[0]} | {self.names[1]}: {self.patients:,} patients, {len(self.rows)} measures)"

    def row(self, measure: str) -> Difference:
        """The row of a measure by its exact name; ``KeyError`` when there is none."""
        found = next((row for row in self.rows if row.measure == measure), None)
        if found is None:
            raise KeyError(f"no measure '{measure}'; known: {', '.join(row.measure for row in self.rows)}")
        return found

    def __rich__(self) -> RenderableType:
        table = Table(box=None, pad_edge=False)
        for heading in ("", "A", "B", "B - A (95 % CI)", ""):
            table.add_column(heading, justify="left" if not heading else "right")
        group = ""
        effects = [row for row in self.rows if row.group == EFFECTS]
        effects.sort(key=lambda row: (not row.clear, -abs(row.change.value), -row.first.value))
        hidden = set(effects[SHOWN:])
        for row in self.rows:
            if row in hidden:
                continue
            if row.group != group:
                group = row.group
                table.add_row(Text(group, style="bold"))
            table.add_row(f"  {row.measure}", *row.cells())
        head = Text(f"A: {self.names[0]}\nB: {self.names[1]}\n{self.patients:,} patients, the same in both", "bold")
        foot = "* the interval of the difference leaves out zero"
        if any(row.unsure for row in self.rows):
            foot += "; [95 % of the draws of the fitted numbers]"
        return Group(head, table, Text(foot, "dim"))


def side_by_side(
    first: str | Path | Protocol,
    second: str | Path | Protocol,
    *,
    patients: int = 1000,
    seed: int = 1,
    population: str | None = None,
    years: float = 5.0,
    threads: int | None = None,
    progress: Progress | None = None,
    knowledge: Library | None = None,
    consent: Consent | None = None,
    uncertainty: int = 0,
) -> SideBySide:
    """Play both protocols with the same patients (of the first one's population, for whom both are meant) and the same
    chance, and compare event-free survival at ``years``, deaths, side effects and days in hospital. ``knowledge``: as
    in `simulate`. ``uncertainty``: how far the changes differ over that many draws of the fitted numbers."""
    if knowledge is not None:
        with using(knowledge):
            return side_by_side(
                first, second, patients=patients, seed=seed, population=population, years=years, threads=threads,
                progress=progress, consent=consent, uncertainty=uncertainty,
            )  # fmt: skip
    if uncertainty:
        sample_of(uncertainty)  # what is missing is told before anything is played

    def play() -> SideBySide:
        a, b, names = both(
            first, second, patients=patients, seed=seed, population=population, years=years, threads=threads,
            progress=progress, consent=consent,
        )  # fmt: skip
        return compared(a, b, names, years)

    done = play()
    if not uncertainty:
        return done
    limits = over_draws(uncertainty, lambda: {(row.group, row.measure): row.change.value for row in play().rows})
    rows = tuple(replace(row, unsure=limits.get((row.group, row.measure))) for row in done.rows)
    return replace(done, rows=rows)


def both(
    first: str | Path | Protocol,
    second: str | Path | Protocol,
    *,
    patients: int,
    seed: int = 1,
    population: str | None = None,
    years: float = 5.0,
    threads: int | None = None,
    progress: Progress | None = None,
    consent: Consent | None = None,
    record: Sequence[str] = RECORDED,
) -> tuple[Tables, Tables, tuple[str, str]]:
    """The tables of both treatments for the same patients, whom both are meant for, and their names."""
    a, b = (read_protocol(p) if isinstance(p, str | Path) else p for p in (first, second))
    population = population or a.population or b.population or POPULATION
    if a.eligible != b.eligible:
        conditions = tuple(c for c in (a.eligible, b.eligible) if c is not None)
        condition = conditions[0] if len(conditions) == 1 else And(conditions)
        a, b = replace(a, eligible=condition), replace(b, eligible=condition)
    played = []
    for protocol in (a, b):
        run = simulate(
            protocol, patients=patients, seed=seed, population=population, follow_up_years=years, threads=threads,
            record=record, progress=progress, consent=consent,
        )  # fmt: skip
        played.append({name: frame.collect() for name, frame in run.frames.items()})
    return played[0], played[1], (a.id, b.id)


def compared(first: Tables, second: Tables, names: tuple[str, str], years: float = 5.0) -> SideBySide:
    """The comparison of two runs of the same patients."""
    people = [tables["outcomes"].sort("patient") for tables in (first, second)]
    if not people[0]["patient"].equals(people[1]["patient"]):
        raise BadInput("the two runs do not hold the same patients", remedy="Play both with the same number and seed")
    rows = [*_survival(people, years), *_deaths(people)]
    found = [se.episodes(tables).collect() for tables in (first, second)]
    rows += _side_effects(found, people)
    stays = [se.hospital_days(tables, one)["days"] for tables, one in zip((first, second), found, strict=True)]
    rows.append(means("Burden, per patient", "days in hospital for side effects", "d", stays))
    for name, column in (
        ("fever episodes", "fever_episodes"),
        ("red-cell transfusions", "red_cell_transfusions"),
        ("platelet transfusions", "platelet_transfusions"),
        ("days of delay at gates", "delay_days"),
    ):
        if all(column in one.columns for one in people):
            rows.append(means("Burden, per patient", name, "", [one[column] for one in people]))
    if "doses" in first and "doses" in second:
        shares = [_missed(tables, one) for tables, one in zip((first, second), people, strict=True)]
        rows.append(means("Burden, per patient", "dose days missed", "%", shares))
    return SideBySide(names, people[0].height, tuple(rows))


def _survival(people: list[pl.DataFrame], years: float) -> list[Difference]:
    """Event-free survival by Kaplan-Meier and relapse by Aalen-Johansen (first events, as in the summary), the limits
    of the difference from each patient's influence on both; and who had no remission."""
    at = years * DAYS_PER_YEAR
    when = f"at {years:g} year{'s' if years != 1 else ''}"
    free: list[tuple[Estimate, Floats]] = []
    relapse: list[tuple[Estimate, Floats]] = []
    for one in people:
        rows = first_event(one)
        day = rows["day"].to_numpy().astype(float)
        cause = relapse_or_other(rows["kind"])
        free.append((survival(day, cause > 0, at).times(100), 100 * influence(day, cause > 0, at)))
        relapse.append((cumulative_incidence(day, cause, at).times(100), 100 * influence_on_incidence(day, cause, at)))
    missed = [(~one["remission"].fill_null(True)).alias("missed") for one in people]
    return [
        estimated("Course", f"event-free survival {when}", free),
        shares("Course", "no remission at the end of induction", missed),
        estimated("Course", "relapse", relapse),
    ]


def estimated(group: str, measure: str, found: list[tuple[Estimate, Floats]]) -> Difference:
    """A percentage of both with each patient's influence on it."""
    (first, mine), (second, other) = found
    half = Z * float((other - mine).std(ddof=1)) / len(mine) ** 0.5 if len(mine) > 1 else 0.0
    gap = second.value - first.value
    return Difference(group, measure, "%", first, second, Estimate(gap, gap - half, gap + half, first.n))


def influence(day: Floats, failed: np.ndarray[tuple[int], np.dtype[np.bool_]], at: float) -> Floats:
    """How much each patient moves the Kaplan-Meier estimate at a day: the estimate's variance is their mean square
    over n (Greenwood's, when n is large)."""
    n = day.size
    times, counts = np.unique(day[failed & (day <= at)], return_counts=True)
    at_risk = n - np.searchsorted(np.sort(day), times, side="left")
    value = float(np.prod(1.0 - counts / at_risk))
    with np.errstate(divide="ignore", invalid="ignore"):
        gone = counts / (at_risk * np.where(at_risk > counts, at_risk - counts, 1.0))
        own = 1.0 / np.where(at_risk > counts, at_risk - counts, 1.0)
    passed = np.concatenate([[0.0], np.cumsum(gone)])
    out = passed[np.searchsorted(times, np.minimum(day, at), side="right")]
    mine = failed & (day <= at)
    out[mine] -= own[np.searchsorted(times, day[mine])]
    return np.asarray(value * n * out, dtype=float)


def influence_on_incidence(day: Floats, cause: np.ndarray[tuple[int], np.dtype[np.int_]], at: float) -> Floats:
    """How much each patient moves the Aalen-Johansen estimate of cause 1 at a day (0 is censored): the sum over event
    times of S(t-) / at risk times the own surplus of cause 1, and of what the own events take from S(t-) later."""
    n = day.size
    times = np.unique(day[(cause > 0) & (day <= at)])
    if not times.size:
        return np.zeros(n)
    at_risk = n - np.searchsorted(np.sort(day), times, side="left").astype(float)

    def counts(which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
        return np.bincount(np.searchsorted(times, day[which & (day <= at)]), minlength=times.size).astype(float)

    mine, every = counts(cause == 1), counts(cause > 0)
    left = at_risk - every
    before = np.concatenate([[1.0], np.cumprod(left / at_risk)[:-1]])
    steps = before * mine / at_risk
    ahead = steps.sum() - np.cumsum(steps)  # after each time
    safe = np.where(left > 0, left, 1.0)
    passed_own = np.concatenate([[0.0], np.cumsum(before * mine / at_risk**2)])
    passed_any = np.concatenate([[0.0], np.cumsum(ahead * every / (at_risk * safe))])
    lived = np.searchsorted(times, np.minimum(day, at), side="right")
    out = passed_any[lived] - passed_own[lived]
    place = np.minimum(np.searchsorted(times, day), times.size - 1)
    event = (cause > 0) & (day <= at)
    out += np.where(event & (cause == 1), before[place] / at_risk[place], 0.0)
    out -= np.where(event, ahead[place] / safe[place], 0.0)
    return np.asarray(n * out, dtype=float)


def _deaths(people: list[pl.DataFrame]) -> list[Difference]:
    died = [one["outcome"] == "death" for one in people]
    rows = [shares("Deaths by cause", "any, as far as followed", died)]
    causes = sorted({cause for one in people for cause in one["death_cause"].drop_nulls()})
    for cause in causes:
        died = [(one["death_cause"] == cause).fill_null(False) for one in people]
        rows.append(shares("Deaths by cause", se.words(cause), died))
    return rows


def _side_effects(found: list[pl.DataFrame], people: list[pl.DataFrame]) -> list[Difference]:
    """Who had a side effect, and for how many days."""
    rows = []
    for name in sorted(set(found[0]["side_effect"]) | set(found[1]["side_effect"])):
        mine = [one.filter(pl.col("side_effect") == name) for one in found]
        severe = [one.filter(pl.col("grade") >= se.SEVERE) for one in mine]
        any_grade, worse = (
            [people_of["patient"].is_in(one["patient"].unique().implode()) for one, people_of in zip(
                part, people, strict=True
            )]
            for part in (mine, severe)
        )  # fmt: skip
        if not all(x.equals(y) for x, y in zip(any_grade, worse, strict=True)):
            rows.append(shares(EFFECTS, f"{se.words(name)}, any grade", any_grade))
            days = [_days(one, people_of) for one, people_of in zip(mine, people, strict=True)]
            rows.append(means(EFFECTS, f"{se.words(name)}, days", "d", days))
        if any(one.any() for one in worse):
            rows.append(shares(EFFECTS, f"{se.words(name)}, grade {se.SEVERE} or more", worse))
            days = [_days(one, people_of) for one, people_of in zip(severe, people, strict=True)]
            rows.append(means(EFFECTS, f"{se.words(name)}, days in grade {se.SEVERE} or more", "d", days))
    return rows


def _days(found: pl.DataFrame, people: pl.DataFrame) -> pl.Series:
    """Days of each patient's episodes, until the last day that is known."""
    rows = found.join(people.select("patient", last=pl.col("outcome_day").cast(pl.Int32)), on="patient")
    span = pl.min_horizontal("to_day", "last") - pl.col("day") + 1
    total = rows.group_by("patient").agg(span.clip(lower_bound=1).sum().alias("days"))
    return people.select("patient").join(total, on="patient", how="left", maintain_order="left")["days"].fill_null(0)


def shares(group: str, measure: str, had: list[pl.Series]) -> Difference:
    first, second = (share(int(one.sum()), one.len()).times(100) for one in had)
    change = mean(100.0 * (had[1].cast(pl.Float64) - had[0].cast(pl.Float64)).to_numpy())
    return Difference(group, measure, "%", first, second, change)


def means(group: str, measure: str, unit: str, values: list[pl.Series]) -> Difference:
    first, second = (one.cast(pl.Float64).to_numpy() for one in values)
    return Difference(group, measure, unit, mean(first), mean(second), mean(second - first))


def _missed(tables: Tables, people: pl.DataFrame) -> pl.Series:
    """Percent of each patient's dose days that were missed; none for who had no dose."""
    lost = se.doses_lost(tables)
    joined = people.select("patient").join(lost, on="patient", how="left", maintain_order="left")
    return joined.select((100 * pl.col("missed") / pl.col("planned")).fill_nan(0.0).fill_null(0.0)).to_series()
