"""The endpoints of published trials, computed from the tables of a run: one function each, in the unit of the trial
file (`remission.knowledge.trial_file.KINDS` says what each one is)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from remission.knowledge.library import library
from remission.knowledge.trial_file import DAYS, OF_EVENTS, Column, Endpoint, days

from . import estimates
from .estimates import Estimate, Floats
from .side_effects import episodes, source_table, untold

B_CELLS = "b_cells"  # columns of `states`: per microlitre
CAR_T = "car_t_copies"
APLASIA = 30.0  # per microlitre, as in body/immunity.yaml
ACTS = ("infusion", "transplant")  # events that stand for the phase of that name
UNKNOWN_POINTS = 1.0  # bounds of survival further apart than this are no value
UNKNOWN_SHARE = 0.01  # nor is a hazard ratio when the survival of more patients than this is unknown


class NotSimulated(Exception):
    """The run does not say what the endpoint asks for; the message says what is missing."""


@dataclass(frozen=True)
class Played:
    """The tables of one arm; ``side_effects``: the names that the model knows (None: unknown); ``others``: the arms
    of the trial."""

    tables: Mapping[str, pl.DataFrame]
    side_effects: Collection[str] | None = None
    others: Mapping[str, Played] = field(default_factory=dict, repr=False)

    def table(self, name: str) -> pl.DataFrame:
        if name not in self.tables:
            raise NotSimulated(f"the run has no table '{name}'")
        return self.tables[name]

    def states(self, column: str) -> pl.DataFrame:
        """patient, day and ``level``: a state where it is played."""
        if column not in self.table("states").columns:
            raise NotSimulated(f"the table 'states' has no column {column}")
        return self.table("states").select("patient", "day", pl.col(column).alias("level")).drop_nulls()


def simulated(played: Played, endpoint: Endpoint) -> Estimate:
    """The endpoint in the run, in the unit of the trial file; raises `NotSimulated`."""
    people = denominator(played, endpoint)
    if people.is_empty():
        raise NotSimulated("no patient to count" if endpoint.of == "all" else f"no {endpoint.of} to count")
    return ENDPOINTS[endpoint.what](played, endpoint, people)


SALVAGE = "salvage-"  # how protocols of another treatment than that of the arm begin

# --- who is counted, and since when -----------------------------------------------------------


def denominator(played: Played, endpoint: Endpoint) -> pl.DataFrame:
    """One row for each patient who is counted, days from the first dose:

    patient; origin; remission (the first, unless another treatment brought it; since a relapse the one that follows);
    another (when another treatment began); relapse (the first after the origin;
    that which is the origin is none); second (a second cancer); death; of_leukaemia; last (day followed); outcome;
    judged (was the response judged, and how: null when not); left_for; relapse_site (of the first); came_back,
    gone_again (the last relapse, the last remission).
    """
    outcomes = played.table("outcomes")
    events = played.table("events")

    def first(event: str, name: str) -> pl.DataFrame:
        rows = events.filter(pl.col("event") == event)
        return rows.group_by("patient").agg(pl.col("day").min().cast(pl.Float64).alias(name))

    cause = pl.col("death_cause") if "death_cause" in outcomes.columns else pl.lit(None, pl.String)
    second = pl.col("second_cancer_day") if "second_cancer_day" in outcomes.columns else pl.lit(None)
    died = pl.col("outcome") == "death"
    people = outcomes.filter(among(endpoint.among)).select(
        "patient",
        "outcome",
        *(
            name if name in outcomes.columns else pl.lit(None, pl.String).alias(name)
            for name in ("left_for", "relapse_site")
        ),
        second.cast(pl.Float64).alias("second"),
        pl.col("remission").alias("judged"),
        pl.col("outcome_day").cast(pl.Float64).alias("last"),
        pl.when(died).then(pl.col("outcome_day").cast(pl.Float64)).alias("death"),
        (died & cause.str.contains("leukaemia").fill_null(False)).alias("of_leukaemia"),
    )
    people = people.join(first("remission", "remission"), on="patient", how="left")
    people = people.join(another_treatment(events), on="patient", how="left").with_columns(
        pl.when((pl.col("remission") <= pl.col("another")).fill_null(True)).then(pl.col("remission"))
    )
    if (months := endpoint.among.get("relapse_month")) is not None:
        month = pl.col("day") / DAYS["month"]
        now = first("relapse", "day").filter((month >= months[0]) & (month < months[1]))
        people = people.join(now.select("patient"), on="patient", how="semi")
    if isinstance(way := endpoint.among.get("led_to"), str):
        led = events.filter((pl.col("event") == "goes to") & led_to(way.removeprefix("not ")))
        people = people.join(led.select("patient"), on="patient", how="anti" if way.startswith("not ") else "semi")
    if (phase := endpoint.since_phase) is not None:
        people = people.join(starts(events, phase).rename({"day": "origin"}), on="patient")
    elif endpoint.since == "relapse":
        people = people.join(first("relapse", "origin"), on="patient").drop("remission")
        again = events.filter(pl.col("event") == "remission").select("patient", pl.col("day").cast(pl.Float64))
        again = people.select("patient", "origin").join(again, on="patient").filter(pl.col("day") > pl.col("origin"))
        again = again.group_by("patient").agg(pl.col("day").min().alias("remission"))
        people = people.join(again, on="patient", how="left")
    elif endpoint.since == "remission":
        people = people.filter(pl.col("remission").is_not_null()).with_columns(pl.col("remission").alias("origin"))
    else:
        people = people.with_columns(pl.lit(endpoint.since_day or 0.0).alias("origin"))
    if endpoint.of == "event-free":
        people = people.join(first("relapse", "came"), on="patient", how="left")
        ends = pl.min_horizontal("came", "second", "last")  # relapse, another cancer, death or whatever ends the play
        people = people.filter(pl.col("remission").is_not_null() & (ends > pl.col("origin"))).drop("came")
    if endpoint.of == "responders":
        start = pl.lit(0.0) if endpoint.since == "remission" else pl.col("origin")
        longest = days(endpoint.response_within) if endpoint.response_within else math.inf
        people = people.filter((pl.col("remission") - start <= longest).fill_null(False))
    relapses = events.filter(pl.col("event") == "relapse").select("patient", pl.col("day").cast(pl.Float64))
    people = people.join(last_of(events, "relapse", "came_back"), on="patient", how="left")
    people = people.join(last_of(events, "remission", "gone_again"), on="patient", how="left")
    counts = pl.col("day") > pl.col("origin") if endpoint.since == "relapse" else pl.col("day") >= pl.col("origin")
    later = people.select("patient", "origin").join(relapses, on="patient").filter(counts)
    later = later.group_by("patient").agg(pl.col("day").min().alias("relapse"))
    return people.join(later, on="patient", how="left").sort("patient")


def another_treatment(events: pl.DataFrame) -> pl.DataFrame:
    """patient, another: the first day of a protocol `salvage-...`, which is no longer the treatment of the arm."""
    began = events.filter((pl.col("event") == "phase start") & pl.col("phase").str.starts_with(SALVAGE))
    return began.group_by("patient").agg(pl.col("day").min().cast(pl.Float64).alias("another"))


def last_of(events: pl.DataFrame, event: str, name: str) -> pl.DataFrame:
    """patient and the last day of an event."""
    return events.filter(pl.col("event") == event).group_by("patient").agg(pl.col("day").max().alias(name))


def among(parts: Mapping[Column, tuple[float, float] | str]) -> pl.Expr:
    """Which rows of ``outcomes`` belong to a subgroup."""
    keep = pl.lit(True)
    for column, part in parts.items():
        if column in OF_EVENTS:
            continue
        if isinstance(part, str):
            keep &= (pl.col(column) == part).fill_null(False)
        else:
            keep &= ((pl.col(column) >= part[0]) & (pl.col(column) < part[1])).fill_null(False)
    return keep


def starts(events: pl.DataFrame, phase: str) -> pl.DataFrame:
    """patient, day: the first start of a phase (of linked protocols also by the name behind the colon); an infusion or
    a transplant itself where the run has such events."""
    acts = events.filter(pl.col("event") == phase) if phase in ACTS else events.clear()
    if acts.height:
        return acts.group_by("patient").agg(pl.col("day").min().cast(pl.Float64))
    began = events.filter(pl.col("event") == "phase start")
    own = began.filter(is_phase(phase))
    if own.is_empty():
        raise NotSimulated(f"no patient began a phase '{phase}'")
    return own.group_by("patient").agg(pl.col("day").min().cast(pl.Float64))


def led_to(name: str) -> pl.Expr:
    """Rows whose ``detail`` is that phase, or one of that protocol: ``bfm-high-risk: HR-1`` by ``bfm-high-risk``."""
    return (pl.col("detail") == name) | pl.col("detail").str.starts_with(f"{name}: ")


def is_phase(name: str) -> pl.Expr:
    """Rows whose ``phase`` is of that name, in linked protocols also behind the colon."""
    return (pl.col("phase") == name) | pl.col("phase").str.ends_with(f": {name}")


def _share(people: pl.DataFrame, which: pl.Expr) -> Estimate:
    return estimates.share(people.filter(which.fill_null(False)).height, people.height).times(100)


def _assessed(people: pl.DataFrame) -> None:
    """Raises `NotSimulated` where nobody's marrow was looked at: no remission was seen, and none was missed."""
    if people["judged"].null_count() == people["remission"].null_count() == people.height:
        raise NotSimulated("remission was not assessed: no marrow was looked at")


def _within(endpoint: Endpoint) -> float:
    return days(endpoint.within) if endpoint.within else math.inf


# --- response ---------------------------------------------------------------------------------


def complete_remission(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent with a 'remission' event by the end of ``within``, counted from the origin."""
    _assessed(people)
    return _share(people, pl.col("remission") - pl.col("origin") <= _within(endpoint))


def mrd_negative(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent whose lowest reported MRD between ``after`` and ``within`` is below the limit, of those with an assay."""
    lowest = _lowest_mrd(played, endpoint, people, pl.col("origin"))
    if lowest.is_empty():
        raise NotSimulated("no MRD assay in that time")
    return _assayed(_share(lowest, pl.col("lowest") < (endpoint.below or 1e-4)), endpoint)


def mrd_negative_remission(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent with a remission and, on its day or later, MRD below the limit, both by the end of ``within``."""
    _assessed(people)
    in_time = people.filter(pl.col("remission") - pl.col("origin") <= _within(endpoint))
    lowest = _lowest_mrd(played, endpoint, in_time, pl.max_horizontal("origin", "remission"))
    reached = lowest.filter(pl.col("lowest") < (endpoint.below or 1e-4)).height
    return _assayed(estimates.share(reached, people.height).times(100), endpoint)


def _assayed(negative: Estimate, endpoint: Endpoint) -> Estimate:
    """Those negative by an assay that also sees cells which are no leukaemia, whatever is left of that."""
    if endpoint.assay != "transcripts":
        return negative
    return negative.times(1.0 - library().body("assays")["transcripts.other_cells"].to_unit("-"))


def _lowest_mrd(played: Played, endpoint: Endpoint, people: pl.DataFrame, start: pl.Expr) -> pl.DataFrame:
    assays = played.table("mrd").filter(pl.col("site") == (endpoint.site or "marrow"))
    rows = assays.select("patient", "day", "reported_fraction").join(people, on="patient")
    after = days(endpoint.after) if endpoint.after else 0.0
    since = pl.col("day") - pl.col("origin")
    rows = rows.filter((pl.col("day") >= start) & (since >= after) & (since <= _within(endpoint)))
    return rows.group_by("patient").agg(pl.col("reported_fraction").min().alias("lowest"))


# --- survival ---------------------------------------------------------------------------------


def event_free_survival(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent without relapse, second cancer, death or (``remission_within``) missing remission at the time."""
    return _survival(_first_failure(endpoint, people), endpoint)


def median_event_free_survival(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Months until half of the patients had an event."""
    return _median(_first_failure(endpoint, people))


def overall_survival(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent alive at the time."""
    return _survival(_known_survival(endpoint, people), endpoint)


def median_overall_survival(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Months until half of the patients had died."""
    return _median(_known_survival(endpoint, people))


def relapse(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent with a first relapse by the time (``relapse_site``: there); other first events compete."""
    mine = pl.col("kind") == "relapse"
    if endpoint.relapse_site is not None:
        sites = ("CNS",) if endpoint.relapse_site == "CNS alone" else ("CNS", "combined")
        mine &= pl.col("relapse_site").is_in(sites).fill_null(False)
    return _incidence(_first_failure(endpoint, people), endpoint, mine)


def non_relapse_mortality(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent dead by the time without a relapse and not of leukaemia; relapse and a second cancer compete."""
    mine = (pl.col("kind") == "death") & ~pl.col("of_leukaemia")
    return _incidence(_first_failure(endpoint, people), endpoint, mine)


def _first_failure(endpoint: Endpoint, people: pl.DataFrame) -> pl.DataFrame:
    """Adds ``day`` (from the origin) and ``kind``: relapse, second cancer, death, no remission, or null for censored.

    Without a remission in time a patient who lives fails at the origin, when followed until then or judged at the
    check that ends induction; one who left before either is censored.
    """
    second = pl.when(pl.col("second") >= pl.col("origin")).then("second")
    first = pl.min_horizontal("relapse", "death", second)
    kind = (
        pl.when(pl.col("relapse").is_not_null() & (pl.col("relapse") == first))
        .then(pl.lit("relapse"))
        .when(second.is_not_null() & (second == first))
        .then(pl.lit("second cancer"))
        .when(pl.col("death").is_not_null())
        .then(pl.lit("death"))
    )
    day = pl.coalesce(first, "last") - pl.col("origin")
    people = people.with_columns(kind.alias("kind"), day.clip(lower_bound=0.0).alias("day"))
    if endpoint.remission_within:
        _assessed(people)
        limit = days(endpoint.remission_within)
        late = (pl.col("remission") - pl.col("origin") > limit).fill_null(True)
        lived = (pl.col("last") - pl.col("origin") >= limit) | (pl.col("judged").eq(False).fill_null(False))
        dead = (pl.col("death") - pl.col("origin") <= limit).fill_null(False)
        none = late & lived & ~dead
        people = people.with_columns(
            pl.when(none).then(pl.lit("no remission")).otherwise("kind").alias("kind"),
            pl.when(none).then(0.0).otherwise("day").alias("day"),
        )
    return people


def _known_survival(endpoint: Endpoint, people: pl.DataFrame) -> pl.DataFrame:
    """`_deaths`; raises `NotSimulated` with bounds when too much is unknown."""
    people = _deaths(people)
    if not people["unknown"].any():
        return people
    worst = people.with_columns(pl.when("unknown").then(pl.lit("death")).otherwise("kind").alias("kind"))
    best = people.with_columns(pl.when("unknown").then(pl.col("day").max()).otherwise("day").alias("day"))
    if endpoint.at is None:
        low, high = _median(worst).value, _median(best).value
        enough = low == high or high - low <= UNKNOWN_SHARE * low
    else:
        low, high = _survival(worst, endpoint).value, _survival(best, endpoint).value
        enough = high - low <= UNKNOWN_POINTS
    if enough:
        return people
    top = "not reached" if math.isinf(high) else f"{high:.1f}"
    raise NotSimulated(f"survival after relapse is unknown: between {low:.1f} and {top}")


def _deaths(people: pl.DataFrame) -> pl.DataFrame:
    """Adds ``day``, ``kind`` (death or null) and ``unknown``: followed until a relapse or a failure, no further."""
    dead = pl.col("death").is_not_null()
    resistant = pl.col("remission").is_null() & pl.col("judged").eq(False).fill_null(False)
    again = (pl.col("gone_again") > pl.col("came_back")).fill_null(False)  # a remission after the relapse
    back = (pl.col("came_back") >= pl.col("origin")).fill_null(False)
    refractory = (pl.col("outcome") == "left") & ((back & ~again) | resistant)
    return people.with_columns(
        (pl.coalesce("death", "last") - pl.col("origin")).clip(lower_bound=0.0).alias("day"),
        pl.when(dead).then(pl.lit("death")).alias("kind"),
        ((pl.col("outcome") == "relapse") | refractory).alias("unknown"),
    )


def hazard_ratio_of_death(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Hazard of death of this arm over that of the other."""
    arms = [_deaths(part) for part in _both(played, endpoint, people)]
    if any(part["unknown"].sum() > UNKNOWN_SHARE * part.height for part in arms):
        raise NotSimulated("survival after relapse is unknown")
    return _ratio(*arms)


def hazard_ratio_of_an_event(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Hazard of the first event (as in event-free survival) of this arm over that of the other."""
    return _ratio(*(_first_failure(endpoint, part) for part in _both(played, endpoint, people)))


def more_relapses(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Points by which more of this arm relapse than of the other, at least 0 (limits: both errors in quadrature)."""
    mine, other = (relapse(played, endpoint, part) for part in _both(played, endpoint, people))
    difference = mine.value - other.value
    low = difference - math.hypot(mine.value - mine.low, other.high - other.value)
    high = difference + math.hypot(mine.high - mine.value, other.value - other.low)
    return Estimate(max(0.0, difference), max(0.0, low), max(0.0, high), min(mine.n, other.n))


def _both(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    other = played.others.get(str(endpoint.against))
    if other is None:
        raise NotSimulated(f"the arm '{endpoint.against}' is not played")
    return people, denominator(other, endpoint)


def _ratio(mine: pl.DataFrame, other: pl.DataFrame) -> Estimate:
    if not all(part.height and part["kind"].drop_nulls().len() for part in (mine, other)):
        raise NotSimulated("one of the arms has no event")
    day = np.concatenate([_arrays(part)[0] for part in (mine, other)])
    failed = np.concatenate([_arrays(part)[1].is_not_null().to_numpy() for part in (mine, other)])
    found = estimates.hazard_ratio(day, failed, np.arange(day.size) < mine.height)
    if found is None:
        raise NotSimulated("the arms are too different for a hazard ratio")
    return found


def _arrays(people: pl.DataFrame) -> tuple[Floats, pl.Series]:
    return people["day"].to_numpy().astype(float), people["kind"]


def _survival(people: pl.DataFrame, endpoint: Endpoint) -> Estimate:
    day, kind = _arrays(people)
    at = _followed(day, kind, endpoint)
    return estimates.survival(day, kind.is_not_null().to_numpy(), at).times(100)


def _median(people: pl.DataFrame) -> Estimate:
    day, kind = _arrays(people)
    return estimates.median_survival(day, kind.is_not_null().to_numpy()).times(1 / DAYS["month"])


def _incidence(people: pl.DataFrame, endpoint: Endpoint, mine: pl.Expr) -> Estimate:
    day, kind = _arrays(people)
    at = _followed(day, kind, endpoint)
    cause = people.select(pl.when(pl.col("kind").is_null()).then(0).when(mine).then(1).otherwise(2)).to_series()
    return estimates.cumulative_incidence(day, cause.to_numpy(), at).times(100)


def _followed(day: Floats, kind: pl.Series, endpoint: Endpoint) -> float:
    """The day of ``at``; raises `NotSimulated` when nobody is followed so long and not all have failed."""
    at = days(endpoint.at) if endpoint.at else 0.0
    if day.max() < at - 1.0 and kind.null_count():
        raise NotSimulated(f"nobody is followed for {endpoint.at} (at most {day.max():.0f} days)")
    return at


# --- what happened on the way ------------------------------------------------------------------


def side_effect(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent with an episode of the side effect of that grade or worse that began within the time; febrile
    neutropenia is a fever with ANC < 1e9/L, of grade 3 by definition; counts are graded as measured."""
    shelf, name, grade = library(), str(endpoint.side_effect), endpoint.grade or 1
    if played.side_effects is None or name in played.side_effects:
        why = untold(name, grade, shelf)
    else:
        why = f"the model has no side effect '{name}'"
    if why:
        raise NotSimulated(why)
    played.table(source_table(name, shelf))
    rows = (
        episodes(played.tables, shelf, only=name)
        .filter(pl.col("grade") >= grade)
        .collect()
        .join(people.select("patient", "origin", "relapse"), on="patient")
    )
    since = pl.col("day") - pl.col("origin")
    before = pl.col("relapse").is_null() | (pl.col("day") <= pl.col("relapse"))  # a relapse is treated otherwise
    count = rows.filter((since >= 0) & (since <= _within(endpoint)) & before)["patient"].n_unique()
    return estimates.share(count, people.height).times(100)


def reached_phase(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent that began the phase, or left the protocol for it (within the time, when given), before a relapse, and
    before another treatment (``directly``)."""
    word = str(endpoint.phase)
    gone = people.filter((pl.col("outcome") == "left") & pl.col("left_for").str.contains(word, literal=True))
    left = gone.select("patient", pl.col("last").alias("day"))
    try:
        began = pl.concat([starts(played.table("events"), word), left])
    except NotSimulated:
        if left.is_empty():
            raise
        began = left
    rows = people.join(began.group_by("patient").agg(pl.col("day").min()), on="patient", how="left")
    first = pl.col("relapse").is_null() | (pl.col("day") <= pl.col("relapse"))
    if endpoint.directly:
        first &= (pl.col("day") <= pl.col("another")).fill_null(True)
    return _share(rows, (pl.col("day") - pl.col("origin") <= _within(endpoint)) & first)


def left_the_protocol(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent whose outcome is 'left', for a reason that has the words in it."""
    for_it = pl.col("left_for").str.to_lowercase().str.contains(str(endpoint.reason).lower(), literal=True)
    in_time = pl.col("last") - pl.col("origin") <= _within(endpoint)
    return _share(people, (pl.col("outcome") == "left") & for_it & in_time)


def days_to_neutrophil_recovery(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Median day, from the origin, of the first measured ANC at or above the limit after one below it."""
    limit = endpoint.below or 0.5
    counts = _counts(played, people).filter(pl.col("day") > pl.col("origin"))
    day, recovered = [], []
    for _, mine in counts.group_by("patient", maintain_order=True):
        at = (mine["day"] - mine["origin"]).to_numpy()
        high = mine["anc"].to_numpy() >= limit
        if high.all():
            continue
        low = int(np.argmin(high))
        stays = high & np.append(high[1:], True)
        found = np.flatnonzero(stays[low:])
        day.append(float(at[low + found[0]]) if found.size else float(at[-1]))
        recovered.append(bool(found.size))
    if not day:
        raise NotSimulated(f"no ANC below {limit:g} was measured")
    return estimates.median_survival(np.array(day), np.array(recovered))


def days_of_neutropenia(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Mean number of days with ANC below the limit within the time; a count holds until the next one."""
    limit, end = endpoint.below or 0.5, _within(endpoint)
    total = []
    for _, mine in _counts(played, people).group_by("patient", maintain_order=True):
        at = (mine["day"] - mine["origin"]).to_numpy().astype(float)
        stop = min(end, float(mine["last"][0] - mine["origin"][0]))
        until = np.append(at[1:], stop)
        lasting = np.clip(until, 0.0, stop) - np.clip(at, 0.0, stop)
        total.append(float(lasting[mine["anc"].to_numpy() < limit].sum()))
    if not total:
        raise NotSimulated("no counts were measured")
    return estimates.mean(np.array(total))


def _counts(played: Played, people: pl.DataFrame) -> pl.DataFrame:
    table = played.table("measurements").select("patient", "day", "anc").drop_nulls()
    return table.join(people.select("patient", "origin", "last"), on="patient").sort("patient", "day")


def b_cell_aplasia(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Percent whose B cells, once below the limit after the origin, still are at the time."""
    limit = endpoint.below or APLASIA
    rows = _states(played, people, B_CELLS)
    day, back = [], []
    for _, mine in rows.group_by("patient", maintain_order=True):
        low = mine["level"].to_numpy() < limit
        if not low.any():
            continue
        at, start = mine["since"].to_numpy().astype(float), int(np.argmax(low))
        end = mine.select(pl.min_horizontal("relapse", "last")).to_series()[0] - mine["origin"][0]
        found = np.flatnonzero(~low[start:])
        returned = float(at[start + found[0]]) if found.size else math.inf
        day.append(min(returned, float(end)))
        back.append(returned <= float(end))
    if not day:
        raise NotSimulated(f"no B cells below {limit:g} per microlitre")
    kinds = pl.Series([True if x else None for x in back], dtype=pl.Boolean)
    times = np.array(day)
    at_day = _followed(times, kinds, endpoint)
    return estimates.survival(times, np.array(back), at_day).times(100)


def car_t_peak(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Geometric mean of the highest level, copies/ug."""
    levels = _car_t(played, people).group_by("patient").agg(pl.col("level").max())["level"]
    return estimates.geometric_mean(levels.to_numpy())


def car_t_exposure(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Geometric mean of the trapezoidal area under the level from day 0 to 28, copies/ug * day."""
    areas = []
    for _, mine in _car_t(played, people).group_by("patient", maintain_order=True):
        at, level = mine["since"].to_numpy().astype(float), mine["level"].to_numpy()
        inside = at < 28.0
        x = np.concatenate([at[inside], [28.0]]) if at[-1] >= 28.0 else at[inside]
        areas.append(float(np.trapezoid(np.interp(x, at, level), x)))
    known = np.array([area for area in areas if area > 0.0])
    if not known.size:
        raise NotSimulated("no CAR T cells in blood")
    return estimates.geometric_mean(known)


def car_t_day_of_peak(played: Played, endpoint: Endpoint, people: pl.DataFrame) -> Estimate:
    """Median day, from the origin, of the highest level."""
    rows = _car_t(played, people)
    peaks = rows.group_by("patient").agg(pl.col("since").sort_by("level", descending=True).first())
    return estimates.median(peaks["since"].to_numpy().astype(float))


def _car_t(played: Played, people: pl.DataFrame) -> pl.DataFrame:
    rows = _states(played, people, CAR_T)
    rows = rows.filter(pl.col("level").max().over("patient") > 0.0)
    if rows.is_empty():
        raise NotSimulated("no CAR T cells in blood")
    return rows


def _states(played: Played, people: pl.DataFrame, column: str) -> pl.DataFrame:
    """States from the origin on with ``since`` (days from it) and ``level``."""
    rows = (
        played.states(column).join(people, on="patient").with_columns((pl.col("day") - pl.col("origin")).alias("since"))
    )
    return rows.filter(pl.col("since") >= 0).sort("patient", "since")


ENDPOINTS: dict[str, Callable[[Played, Endpoint, pl.DataFrame], Estimate]] = {
    "complete remission": complete_remission,
    "MRD negative": mrd_negative,
    "MRD-negative remission": mrd_negative_remission,
    "event-free survival": event_free_survival,
    "median event-free survival": median_event_free_survival,
    "overall survival": overall_survival,
    "median overall survival": median_overall_survival,
    "relapse-free survival": event_free_survival,
    "median relapse-free survival": median_event_free_survival,
    "relapse": relapse,
    "non-relapse mortality": non_relapse_mortality,
    "hazard ratio of death": hazard_ratio_of_death,
    "hazard ratio of an event": hazard_ratio_of_an_event,
    "more relapses": more_relapses,
    "side effect": side_effect,
    "reached phase": reached_phase,
    "left the protocol": left_the_protocol,
    "days to neutrophil recovery": days_to_neutrophil_recovery,
    "days of neutropenia": days_of_neutropenia,
    "B-cell aplasia": b_cell_aplasia,
    "CAR T peak": car_t_peak,
    "CAR T exposure": car_t_exposure,
    "CAR T day of peak": car_t_day_of_peak,
}
