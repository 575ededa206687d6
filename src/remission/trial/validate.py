"""Published trials, played: every arm as virtual patients, every result beside the published one."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import polars as pl
from rich.console import Group, RenderableType
from rich.text import Text

from remission.engine.cores import Spread, all_of
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library, using
from remission.knowledge.trial_file import DAYS, SHARES, SURVIVALS, Arm, Change, Endpoint, Trial, days
from remission.protocol.model import Protocol
from remission.protocol.reader import read_protocol
from remission.protocol.variant import USUAL, variant

from .endpoints import NotSimulated, Played, simulated
from .estimates import Estimate, Z
from .run import TABLES, Progress, check_arguments, simulate
from .score import Apart, Score, on_scale, score, spread
from .shown import Shown
from .uncertainty import over_draws, sample_of

MOST = 8  # times the patients that were asked for, where a published number is more exact than these can tell
ENOUGH = 0.5  # simulated error over the published one: with both alike a perfect model lies outside one time in six
DRAWN = 250  # patients in an arm that draws of uncertain numbers are played with, at most
TO_RELAPSE = (  # endpoints that the first relapse ends, told by the tables of outcomes and events
    "complete remission", "event-free survival", "relapse-free survival", "relapse", "non-relapse mortality",
    "hazard ratio of an event", "more relapses",
)  # fmt: skip
LATEST = {"first dose": 0.0, "remission": 200.0}  # days, of the time from which is counted
RECORDED = tuple(name for name in TABLES if name != "doses")
Verdict = Literal["yes", "no", "no interval", "not simulated", "-"]
Play = Callable[[Trial, Arm], Played]


class Treated(typing.Protocol):
    """A protocol, what is changed in some of its phases or in all, and whose patients are treated by it."""

    @property
    def protocol(self) -> str: ...
    @property
    def without(self) -> tuple[str, ...]: ...
    @property
    def add(self) -> tuple[str, ...]: ...
    @property
    def phases(self) -> tuple[str, ...]: ...
    @property
    def also(self) -> tuple[Change, ...]: ...
    @property
    def mrd(self) -> str | None: ...
    @property
    def patients_of(self) -> str | None: ...


Treatment = Callable[[Treated, str | None], Protocol]  # an arm, and how its relapses are treated


@dataclass(frozen=True)
class Published:
    """The published 95 % limits and where they are from: the paper, its standard error, or (wilson) the n alone."""

    low: float
    high: float
    made_from: Literal["paper", "se", "n"]


def verdict(used: str, limits: Published | None, simulated: Estimate | None) -> Verdict:
    """Does the simulated value lie in the published interval?"""
    if simulated is None:
        return "not simulated"
    if used == "orientation":
        return "-"
    if limits is None:
        return "no interval"
    return "yes" if limits.low <= simulated.value <= limits.high else "no"


def overlap(limits: Published | None, simulated: Estimate | None) -> bool:
    """Do the published and the simulated interval overlap?"""
    a, b = limits, simulated
    return a is not None and b is not None and b.low <= a.high and a.low <= b.high


@dataclass(frozen=True)
class Comparison:
    """One endpoint of one arm, observed and simulated, in the unit of the trial file."""

    arm: Arm
    endpoint: Endpoint
    published: Published | None
    simulated: Estimate | None
    why: str = ""  # it is not simulated
    unsure: tuple[float, float] | None = None  # 95 % of the draws of the fitted numbers

    @property
    def apart(self) -> Apart | None:
        """Both on the scale on which they are compared; None where one of them, or an interval, is not there."""
        if self.verdict not in ("yes", "no") or self.published is None or self.simulated is None:
            return None
        unit, found, limits = self.endpoint.unit, self.simulated, self.published
        if not math.isfinite(found.value):
            return None
        sd = spread(found.value, found.low, found.high, unit, found.n)
        if self.unsure is not None and self.unsure[0] < self.unsure[1]:
            sd = math.hypot(sd, spread(found.value, *self.unsure, unit, found.n))
        seen = spread(self.endpoint.value, limits.low, limits.high, unit)
        return Apart(on_scale(self.endpoint.value, unit), seen, on_scale(found.value, unit, found.n), sd)

    @property
    def difference(self) -> float | None:
        """Simulated minus published."""
        return None if self.simulated is None else self.simulated.value - self.endpoint.value

    @property
    def verdict(self) -> Verdict:
        """Does the simulated value lie in the published interval? ``-`` for numbers that are orientation only."""
        return verdict(self.endpoint.used, self.published, self.simulated)

    @property
    def overlap(self) -> bool:
        """Do the published and the simulated interval overlap?"""
        return overlap(self.published, self.simulated)


@dataclass(frozen=True, repr=False)
class Reproduction(Shown):
    """One trial: its comparisons, why an arm could not be played, how many patients an arm had."""

    trial: Trial
    comparisons: tuple[Comparison, ...]
    unplayed: dict[str, str] = field(default_factory=dict)  # name of the arm -> reason
    patients: int = 0

    def __repr__(self) -> str:
        return f"Reproduction({self.trial.name}: {self.cannot or f'{len(self.comparisons)} endpoints'})"

    def __rich__(self) -> RenderableType:
        from .validation_page import on_terminal

        return on_terminal(self)

    @property
    def cannot(self) -> str | None:
        """Why nothing of the trial could be played."""
        return None if self.comparisons else "; ".join(dict.fromkeys(self.unplayed.values()))


class Validation(Shown, list[Reproduction]):
    """The trials that were played, one after another, and how many of their endpoints came out."""

    def __rich__(self) -> RenderableType:
        from .validation_page import counts

        return Group(*self, *(Text(text) for text in counts(self)))


@dataclass(frozen=True)
class Count:
    """Of the endpoints that were simulated and have a published interval: how many lie in it."""

    inside: int
    judged: int
    simulated: int
    all: int


def published(endpoint: Endpoint, arm: Arm) -> Published | None:
    """The interval of the paper; else value +- 1.96 SE; else, for percentages, Wilson's limits from n (too narrow for
    survival, since censoring is not known)."""
    value, n = endpoint.value, endpoint.n or (arm.n if endpoint.of == "all" and not endpoint.among else None)
    if endpoint.interval is not None:
        return Published(*endpoint.interval, "paper")
    top = 100.0 if endpoint.unit == "percent" else float("inf")
    if endpoint.se is not None:
        return Published(max(0.0, value - Z * endpoint.se), min(top, value + Z * endpoint.se), "se")
    if n and endpoint.what in (*SHARES, *SURVIVALS):
        return Published(*wilson_of(value, n), "n")
    return None


def wilson_of(percent: float, n: int) -> tuple[float, float]:
    """Wilson's limits of a percentage that need not be a whole number of patients."""
    p, z = percent / 100, Z * Z / n
    middle, half = (p + z / 2) / (1 + z), Z * ((p * (1 - p) + z / 4) / n) ** 0.5 / (1 + z)
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


def compare(arm: Arm, played: Played) -> list[Comparison]:
    """All endpoints of an arm that was played."""
    rows = []
    for endpoint in arm.endpoints:
        limits = published(endpoint, arm)
        try:
            rows.append(Comparison(arm, endpoint, limits, simulated(played, endpoint)))
        except NotSimulated as error:
            rows.append(Comparison(arm, endpoint, limits, None, str(error)))
    return rows


def times_needed(rows: Iterable[Comparison]) -> int:
    """How many times the patients until no simulated error is more than ENOUGH of the published one, at most MOST."""
    pairs = (row.apart for row in rows)
    worst = max(((one.simulated_sd / one.published_sd / ENOUGH) ** 2 for one in pairs if one is not None), default=1.0)
    return min(MOST, max(1, math.ceil(worst)))


def reproduce(trial: Trial, play: Play, more: Callable[[int], Play] | None = None) -> Reproduction:
    """Play the arms of a trial; an arm whose protocol or population is not there yet is told, not raised. ``more``:
    play so many times the patients, where a group of those who were played is too small for its published number (few
    relapse, few are MRD positive); the first of them are the same patients."""
    one = _once(trial, play)
    if more is not None and (times := times_needed(one.comparisons)) > 1:
        return _once(trial, more(times))
    return one


def _once(trial: Trial, play: Play) -> Reproduction:
    played, failed = arms_played(trial, play, trial.arms)
    unplayed = {trial.arms[name].name: reason(error) for name, error in failed.items()}
    rows = [
        row for name, arm in trial.arms.items() if name in played
        for row in compare(arm, replace(played[name], others=played))
    ]  # fmt: skip
    patients = max((one.tables["outcomes"].height for one in played.values()), default=0)
    return Reproduction(trial, tuple(rows), unplayed, patients)


def arms_played(trial: Trial, play: Play, names: Collection[str]) -> tuple[dict[str, Played], dict[str, BadInput]]:
    """The arms of these names, or why one could not be played; of arms that are told together every patient is of one
    of them, in turn."""
    played: dict[str, Played] = {}
    failed: dict[str, BadInput] = {}
    wanted = dict.fromkeys(part for name in names for part in (*trial.arms[name].together, name))
    for name in wanted:
        arm = trial.arms[name]
        if lacking := [part for part in arm.together if part in failed]:
            failed[name] = failed[lacking[0]]
            continue
        try:
            played[name] = _shared([played[part] for part in arm.together]) if arm.together else play(trial, arm)
        except BadInput as error:
            failed[name] = error
    return played, failed


def _shared(arms: Sequence[Played]) -> Played:
    """One patient of each arm in turn."""
    mine = [pl.col("patient") % len(arms) == k for k in range(len(arms))]
    tables = {
        name: pl.concat([arm.tables[name].filter(own) for arm, own in zip(arms, mine, strict=True)])
        for name in arms[0].tables
    }
    return replace(arms[0], tables=tables)


def reason(error: BadInput) -> str:
    """What is wrong in one line; a mistake in a file with the file's name but not its folders, and the remedy."""
    if error.file is None:
        return error.message
    place = ":".join(str(part) for part in (Path(error.file).name, error.line) if part)
    return str(BadInput(f"{place}: {error.message}", remedy=error.remedy))


def validate(
    names: str | Path | Sequence[str | Path] = (),
    *,
    patients: int = 1000,
    seed: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
    knowledge: Library | None = None,
    uncertainty: int = 0,
    over: Spread | None = None,
) -> Validation:
    """Play published trials (all that are known when none is named) and compare; `BadInput` for an unknown trial.

    A name may be a file: a trial of your own, whose protocols are supplied or lie beside it.

    Arms of a trial with the same population are the same virtual patients with the same chance. ``patients``: in an arm
    at least; up to eight times as many where a group of them is too small for its published number (`times_needed`).
    ``knowledge``: as in `simulate`, with trials of your own. ``over``: over what the trials are spread
    (`remission.engine.cores.Spread`); each is played by one core then. ``uncertainty``: play that many draws of the
    fitted numbers too (`Comparison.unsure`), with 250 patients in an arm at most.
    """
    if knowledge is not None:
        with using(knowledge):
            return validate(
                names, patients=patients, seed=seed, threads=threads, progress=progress, uncertainty=uncertainty,
                over=over,
            )  # fmt: skip
    shelf = library()
    trials = [shelf.trial(name) for name in ([names] if isinstance(names, str | Path) else names) or shelf.trials()]
    check_arguments(patients, seed, 1.0, threads, RECORDED)

    if uncertainty:
        sample_of(uncertainty)  # what is missing is told before anything is played
    if over is not None:
        done = Validation(all_of(over, _begin, (patients, seed), _reproduced, trials, progress))
    else:
        more = partial(_players, patients, seed, threads, progress)
        done = Validation(reproduce(trial, more(1), more) for trial in trials)
    if not uncertainty:
        return done
    few = player(patients=min(patients, DRAWN), seed=seed, threads=threads, progress=progress)
    return _unsure(done, few, uncertainty, shifted=patients > DRAWN)


def _players(patients: int, seed: int, threads: int | None, progress: Progress | None, times: int) -> Play:
    return player(patients=patients * times, seed=seed, threads=threads, progress=progress)


def _begin(asked: tuple[int, int]) -> Callable[[int], Play]:
    return partial(_players, *asked, 1, None)


def _reproduced(more: Callable[[int], Play], trial: Trial) -> Reproduction:
    return reproduce(trial, more(1), more)


def _unsure(done: Validation, play: Play, draws: int, shifted: bool) -> Validation:
    """With the range of every value over draws of the fitted numbers. ``shifted``: the draws are played by fewer of the
    patients: what they change in these is what they change."""

    def values() -> dict[tuple[str, str, str], float]:
        again = [reproduce(one.trial, play) for one in done]
        rows = ((one.trial.trial, row) for one in again for row in one.comparisons)
        return {(trial, *_key(row)): row.simulated.value for trial, row in rows if row.simulated is not None}

    middle = values() if shifted else {}
    limits = over_draws(draws, values)

    def range_of(trial: str, row: Comparison) -> tuple[float, float] | None:
        key = (trial, *_key(row))
        if row.simulated is None or key not in limits:
            return None
        step = row.simulated.value - middle.get(key, row.simulated.value)
        if not math.isfinite(step):
            return None
        top = 100.0 if row.endpoint.unit == "percent" else math.inf
        low, high = (min(max(x + step, 0.0), top) for x in limits[key])
        return low, high

    return Validation(
        replace(one, comparisons=tuple(replace(r, unsure=range_of(one.trial.trial, r)) for r in one.comparisons))
        for one in done
    )


def _key(row: Comparison) -> tuple[str, str]:
    return row.arm.name, f"{row.endpoint.label()} {row.endpoint.source}"


def player(
    *,
    patients: int,
    seed: int,
    threads: int | None = None,
    progress: Progress | None = None,
    only: Collection[Endpoint] | None = None,
    treatment: Treatment | None = None,
) -> Play:
    """How an arm of a trial is played, with the library in use. ``only``: the endpoints that are asked for; patients
    are played no longer than these need, to the same numbers. ``treatment``: who knows what an arm gives."""
    shelf = library()

    def play(trial: Trial, arm: Arm) -> Played:
        asked = [e for _, e in trial.endpoints() if only is None or e in only]
        followed = days(trial.follow_up) if only is None else min(days(trial.follow_up), needed_days(asked))
        early = only is not None and all(map(_told_by_relapses, asked))
        tables = tables_of(
            arm, population=arm.population or trial.population, care=trial.care,
            follow_up_years=followed / DAYS["year"],
            after_relapse=trial.second_line or (USUAL if asks_survival(arm) else None),
            record=("outcomes", "events") if early else RECORDED, relapse_ends=early, treatment=treatment or treated,
            patients=patients, seed=seed, threads=threads, progress=progress,
        )  # fmt: skip
        return Played(tables, shelf.side_effects())

    return play


def _told_by_relapses(e: Endpoint) -> bool:
    """Whether the play may end at a relapse: nothing is asked of what follows one, nor of years after a transplant, in
    which a patient is still under treatment."""
    later = e.since == "relapse" or e.of == "transplanted" or bool({*e.among} & {"relapse_month", "relapse_site"})
    return e.what in TO_RELAPSE and not later


def needed_days(asked: Iterable[Endpoint]) -> float:
    """How long patients must be followed; endless where an endpoint has no time or counts from what comes late."""
    spans = [(days(e.at or e.within or "") if e.at or e.within else math.inf, e.since) for e in asked]
    return max((span + LATEST.get(since, math.inf) for span, since in spans), default=math.inf)


def treated(arm: Treated, after_relapse: str | None) -> Protocol:
    """The arm's protocol with its changes, for the patients of another one where the arm says so."""
    changed = variant(
        arm.protocol, without=arm.without, add=arm.add, phases=arm.phases, after_relapse=after_relapse, mrd=arm.mrd
    )
    for more in arm.also:
        changed = variant(changed, without=more.without, add=more.add, phases=more.phases)
    return replace(changed, eligible=read_protocol(arm.patients_of).eligible) if arm.patients_of else changed


def tables_of(
    arm: Treated,
    *,
    after_relapse: str | None = None,
    relapse_ends: bool = False,
    treatment: Treatment = treated,
    **how: Any,
) -> dict[str, pl.DataFrame]:
    """What the patients of an arm leave behind; ``how``: as `simulate` is asked. ``relapse_ends``: only who does not
    reach a remission goes on with ``after_relapse``."""
    changed = treatment(arm, after_relapse)
    if relapse_ends:
        changed = replace(changed, on_relapse=None)
    return {name: frame.collect() for name, frame in simulate(changed, **how).frames.items()}


def asks_survival(arm: Arm) -> bool:
    """Is it asked how long the patients of the arm live: must relapses be treated?"""
    return any(e.what.endswith("overall survival") or e.what == "hazard ratio of death" for e in arm.endpoints)


def count(done: Iterable[Reproduction], used: Literal["predict", "calibrate"]) -> Count:
    """How the endpoints that the model predicts, or was calibrated to, came out."""
    rows = [row for one in done for row in one.comparisons if row.endpoint.used == used]
    judged = [row for row in rows if row.verdict in ("yes", "no")]
    inside = sum(row.verdict == "yes" for row in judged)
    return Count(inside, len(judged), sum(row.simulated is not None for row in rows), len(rows))


def scored(done: Iterable[Reproduction], used: Literal["predict", "calibrate"]) -> Score | None:
    """How far the endpoints that the model predicts, or was calibrated to, lie from the published ones."""
    rows = [row.apart for one in done for row in one.comparisons if row.endpoint.used == used]
    return score(row for row in rows if row is not None)
