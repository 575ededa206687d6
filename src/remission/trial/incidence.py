"""Side effects as they were published and as they are simulated: every incidence of the side effects' files, played."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from remission.engine.cores import Spread, all_of
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library
from remission.knowledge.side_effect import Published as Seen
from remission.knowledge.trial_file import Change, days
from remission.protocol.reader import read_protocol

from . import estimates
from .endpoints import NotSimulated, among, is_phase, starts
from .estimates import Estimate
from .run import Progress, check_arguments
from .score import Apart, Score, on_scale, score, spread
from .side_effects import at_first, entered, episodes, fallen, in_phase, measured, phases, source_table, untold
from .summary import DAYS_PER_YEAR
from .validate import Published, Verdict, published, reason, tables_of, verdict, wilson_of

RECORDED = ("outcomes", "measurements", "events", "side_effects")
YEARS = 5.0  # all phases of every protocol are begun by then
Tables = Mapping[str, pl.DataFrame]


class Arm(NamedTuple):
    """What is played: a protocol, its own population if None, and what is changed in some phases or in all."""

    protocol: str
    population: str | None = None
    without: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    also: tuple[Change, ...] = ()
    mrd: str | None = None
    patients_of: str | None = None


Play = Callable[[Arm, float], Tables]


@dataclass(frozen=True)
class Incidence:
    """One published incidence of a side effect, in percent, observed and simulated."""

    side_effect: str
    seen: Seen
    simulated: Estimate | None
    why: str = ""  # it is not simulated
    before: tuple[Estimate, ...] = ()  # counted as until the result had been seen, the first way first

    @property
    def published(self) -> Published | None:
        """The published 95 % limits, or Wilson's from the number of patients."""
        if self.seen.interval is not None:
            return Published(*self.seen.interval, "paper")
        return Published(*wilson_of(self.seen.value, self.seen.n), "n") if self.seen.n else None

    @property
    def verdict(self) -> Verdict:
        return verdict(self.seen.used, self.published, self.simulated)

    @property
    def verdict_before(self) -> Verdict:
        """That of the number as it was counted before; where nothing was changed, `verdict`."""
        return verdict(self.seen.used, self.published, self.before[0]) if self.before else self.verdict

    @property
    def apart(self) -> Apart | None:
        """Both as logits; None where one of them, or an interval, is not there."""
        if self.verdict not in ("yes", "no") or self.published is None or self.simulated is None:
            return None
        found, limits = self.simulated, self.published
        sd, seen = (
            spread(found.value, found.low, found.high, "percent", found.n),
            spread(self.seen.value, limits.low, limits.high, "percent"),
        )
        return Apart(on_scale(self.seen.value, "percent"), seen, on_scale(found.value, "percent", found.n), sd)


def simulated(tables: Tables, name: str, seen: Seen, shelf: Library | None = None) -> Estimate:
    """The incidence in a run, in percent; raises `NotSimulated`."""
    shelf = shelf or library()
    if why := untold(name, seen.grade, shelf):
        raise NotSimulated(why)
    for needed in ("outcomes", "events", source_table(name, shelf)):
        if needed not in tables:
            raise NotSimulated(f"the run has no table '{needed}'")
    people = tables["outcomes"].filter(among(seen.among)).select("patient")
    if seen.counted == "measurements":
        every, people = _in_time(measured(tables["measurements"], name, shelf), people, tables, seen)
        every = every.join(people, on="patient", how="semi")
        low = every.filter(pl.col("grade") >= seen.grade).height / max(every.height, 1)
        return estimates.share(low * people.height, people.height).times(100)  # one patient's go together
    found = episodes(tables, shelf, only=name).filter(pl.col("grade") >= seen.grade).collect()
    if seen.counted == "emergent":
        found = found.join(fallen(tables["measurements"], name, seen.grade, shelf), on=("patient", "day"), how="semi")
    if seen.counted == "worsened":
        found = found.join(at_first(tables["measurements"], name, shelf), on="patient")
        found = found.filter(pl.col("grade") > pl.col("first")).drop("first")
    if seen.tested_on is not None:
        found = found.filter((pl.col("day") <= seen.tested_on) & (pl.col("to_day") >= seen.tested_on))
    found, people = _in_time(found, people, tables, seen)
    found = found.join(people, on="patient", how="semi")
    if seen.counted == "entered":
        return estimates.share(entered(found, name, shelf), people.height).times(100)
    told = seen.share.value if seen.share else 1.0
    return estimates.share(told * found["patient"].n_unique(), people.height).times(100)


def _in_time(
    found: pl.DataFrame, people: pl.DataFrame, tables: Tables, seen: Seen
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What began in the time or phase that is counted, and the patients who are; raises `NotSimulated`."""
    if not seen.in_phases:
        found = found.filter(pl.col("day") <= seen.within_days)
    elif seen.within_days is not None:
        origin = starts(tables["events"], seen.in_phases[0]).rename({"day": "origin"})
        people = people.join(origin, on="patient")
        since = pl.col("day") - pl.col("origin")
        found = found.join(people, on="patient").filter((since >= 0) & (since <= seen.within_days))
    else:
        own = pl.col("phase").is_in(seen.in_phases)  # who left for another protocol is under its treatment
        any_of = pl.any_horizontal(map(is_phase, seen.in_phases))
        of_phases = any_of if phases(tables).filter(own).is_empty() else own
        began = phases(tables).filter(of_phases)
        if began.is_empty():
            raise NotSimulated(f"no patient began a phase '{', '.join(seen.in_phases)}'")
        people = people.join(began, on="patient", how="semi")
        found = in_phase(found, phases(tables)).filter(of_phases)
    if people.is_empty():
        raise NotSimulated("no patient to count")
    return found, people


def arms(shelf: Library) -> dict[Arm, list[tuple[str, Seen]]]:
    """What is to be played, and the published incidences that are read from each: those of side effects' files, and of
    trial files where a side effect's file has none of the same protocol and source."""
    rows = [(name, seen) for name in shelf.side_effects() for seen in shelf.side_effect(name).published]
    known = {(name, seen.protocol, seen.source) for name, seen in rows}
    rows += [row for row in _of_trials(shelf) if (row[0], row[1].protocol, row[1].source) not in known]
    own: dict[str, str | None] = {}  # a protocol's own population, so that nothing is played twice
    out: dict[Arm, list[tuple[str, Seen]]] = {}
    for name, seen in rows:
        if seen.population is None and seen.protocol not in own:
            own[seen.protocol] = _own_population(seen.protocol, shelf)
        arm = Arm(seen.protocol, seen.population or own[seen.protocol], seen.without, seen.add, seen.phases)
        out.setdefault(arm, []).append((name, seen))
    return out


def _own_population(protocol: str, shelf: Library) -> str | None:
    try:
        return read_protocol(protocol, shelf, checked=False).population
    except BadInput:
        return None  # told when it is played


def _of_trials(shelf: Library) -> Iterator[tuple[str, Seen]]:
    for trial in map(shelf.trial, shelf.trials()):
        for arm, e in trial.endpoints():
            if e.what != "side effect" or e.of == "responders" or e.since == "remission" or not e.within or arm.also:
                continue
            limits = published(e, arm)
            yield (
                str(e.side_effect),
                Seen(
                    name=f"{trial.name}, {arm.name}",
                    protocol=arm.protocol,
                    population=arm.population or trial.population,
                    without=arm.without,
                    add=arm.add,
                    phases=arm.phases,
                    grade=e.grade or 1,
                    phase=e.since_phase,
                    within_days=round(days(e.within)),
                    among=e.among,
                    value=e.value,
                    interval=None if limits is None or limits.made_from == "n" else (limits.low, limits.high),
                    n=e.n or (arm.n if e.of == "all" and not e.among else None),
                    source=e.source,
                    read=e.read,
                    used=e.used,
                    note=e.note,
                ),
            )


def years(wanted: Iterable[tuple[str, Seen]]) -> float:
    """How long an arm is followed: as long as is counted, and where a phase is asked for from when all are begun."""
    each = ((YEARS if seen.in_phases else 0.0) + ((seen.within_days or 0.0) + 1) / DAYS_PER_YEAR for _, seen in wanted)
    return max(each, default=YEARS)


def compare(shelf: Library, play: Play) -> list[Incidence]:
    """Every published incidence beside the simulated one, by side effect in alphabetical order."""
    return _sorted(row for arm, wanted in arms(shelf).items() for row in _rows(arm, wanted, play, shelf))


def _rows(arm: Arm, wanted: list[tuple[str, Seen]], play: Play, shelf: Library) -> list[Incidence]:
    try:
        tables = play(arm, years(wanted))
    except BadInput as error:
        return [Incidence(name, seen, None, f"cannot be played: {reason(error)}") for name, seen in wanted]
    rows = []
    for name, seen in wanted:
        try:
            before = tuple(simulated(tables, name, old, shelf) for old in seen.as_before())
            rows.append(Incidence(name, seen, simulated(tables, name, seen, shelf), before=before))
        except NotSimulated as missing:
            rows.append(Incidence(name, seen, None, str(missing)))
    return rows


def _sorted(rows: Iterable[Incidence]) -> list[Incidence]:
    return sorted(rows, key=lambda row: row.side_effect)


def validate_side_effects(
    *,
    patients: int = 1000,
    seed: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
    over: Spread | None = None,
) -> list[Incidence]:
    """Play the protocols that side effects' files name, and compare. ``over``: as for `validate.validate`."""
    check_arguments(patients, seed, YEARS, threads, RECORDED)
    if over is None:
        return compare(library(), player(patients=patients, seed=seed, threads=threads, progress=progress))
    tasks = list(arms(library()).items())
    found = all_of(over, _begin, (patients, seed), _work, tasks, progress)
    return _sorted(row for rows in found for row in rows)


def _begin(asked: tuple[int, int]) -> tuple[Play, Library]:
    return player(patients=asked[0], seed=asked[1], threads=1), library()


def _work(begun: tuple[Play, Library], task: tuple[Arm, list[tuple[str, Seen]]]) -> list[Incidence]:
    return _rows(*task, *begun)


def player(*, patients: int, seed: int, threads: int | None = None, progress: Progress | None = None) -> Play:
    """How a published incidence is played, with the library in use."""

    def play(arm: Arm, years: float) -> Tables:
        return tables_of(
            arm, population=arm.population, follow_up_years=years, record=RECORDED,
            patients=patients, seed=seed, threads=threads, progress=progress,
        )  # fmt: skip

    return play


@dataclass(frozen=True)
class Count:
    """Of the incidences with a verdict how many lie in the published interval; of the side effects that have one, how
    many do so with all their incidences, and with one at least."""

    inside: int
    judged: int
    all: int
    effects_all_inside: int
    effects_some_inside: int
    effects_judged: int


def count(rows: Iterable[Incidence], used: Sequence[str] = ("predict", "calibrate")) -> Count:
    """How the published incidences came out."""
    rows = [row for row in rows if row.seen.used in used]
    judged = [row for row in rows if row.verdict in ("yes", "no")]
    by_effect: dict[str, list[bool]] = {}
    for row in judged:
        by_effect.setdefault(row.side_effect, []).append(row.verdict == "yes")
    return Count(
        sum(row.verdict == "yes" for row in judged),
        len(judged),
        len(rows),
        sum(all(one) for one in by_effect.values()),
        sum(any(one) for one in by_effect.values()),
        len(by_effect),
    )


def scored(rows: Iterable[Incidence], used: str) -> Score | None:
    """How far the incidences that the model predicts, or was calibrated to, lie from the published ones."""
    found = [row.apart for row in rows if row.seen.used == used]
    return score(row for row in found if row is not None)
