"""The published numbers that are fitted to, on the scale on which they are compared, and what is played for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from remission.knowledge.charts_file import As, charts
from remission.knowledge.charts_file import Target as ChartNumber
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library
from remission.knowledge.side_effect import Published as Seen
from remission.knowledge.trial_file import DAYS, Endpoint, Trial
from remission.trial import incidence, score
from remission.trial.charts import NAMES, estimate, of_cohort
from remission.trial.endpoints import NotSimulated, simulated
from remission.trial.estimates import Estimate, Z
from remission.trial.run import simulate
from remission.trial.validate import Published, Treatment, arms_played, player, published, treated, wilson_of

from .plan import Plan, Targets

FITTED = "calibrate"
PLAIN = "as it is"  # unit of a number that is compared as it is
What = tuple[Trial, str, Endpoint] | tuple[incidence.Arm, str, Seen] | tuple[As, str, ChartNumber]


@dataclass(frozen=True)
class Target:
    """One published number of the kind `calibrate`, in its unit. ``what``: an endpoint of an arm, an incidence, or a
    number of the maintenance charts."""

    name: str
    unit: str
    value: float
    low: float
    high: float
    what: What

    @property
    def trial(self) -> str:
        """Of an endpoint; nothing else has one."""
        return self.what[0].trial if isinstance(self.what[0], Trial) else ""

    @property
    def of(self) -> str:
        """The trial, or the side effect of an incidence."""
        return self.trial or (self.what[1] if isinstance(self.what[2], Seen) else "")

    @property
    def centre(self) -> float:
        return on_scale(self.value, self.unit)

    @property
    def sd(self) -> float:
        """Standard error on the scale, from the published 95 % limits."""
        return _spread(self.value, self.low, self.high, self.unit)


@dataclass(frozen=True)
class Answer:
    """A simulated value, its standard error on the scale of the target, and whether it can be told at all."""

    value: float
    low: float
    high: float
    n: int

    def on_scale(self, unit: str) -> tuple[float, float]:
        """Value and standard error on the scale."""
        low, high = (0.0, 0.0) if unit == "percent" else (self.low, self.high)  # a curve's own limits may be a point
        return on_scale(self.value, unit, self.n), _spread(self.value, low, high, unit, self.n)


def on_scale(value: float, unit: str, n: float = score.N_PUBLISHED) -> float:
    """As in `remission.trial.score`, numbers of charts as they are."""
    return value if unit == PLAIN else score.on_scale(value, unit, n)


def off_scale(y: float, unit: str) -> float:
    return y if unit == PLAIN else score.off_scale(y, unit)


def _spread(value: float, low: float, high: float, unit: str, n: float = score.N_PUBLISHED) -> float:
    return max((high - low) / (2 * Z), 1e-3) if unit == PLAIN else score.spread(value, low, high, unit, n)


def variance(plan: Plan, found: list[Target]) -> list[float]:
    """Of each target on its scale: that of the paper, and what no fit is to remove."""
    return [t.sd**2 + plan.method.apart.get(t.trial, plan.method.discrepancy) ** 2 for t in found]


def targets(wanted: Targets, shelf: Library | None = None) -> tuple[list[Target], dict[str, str]]:
    """What is fitted to, and what of it cannot be, with the reason. Only numbers of the kind `calibrate` are looked
    at: one that is to be predicted is not even read."""
    shelf = shelf or library()
    found: list[Target] = []
    passed: dict[str, str] = {}
    for name, unit, value, limits, what in (
        *_of_trials(wanted, shelf), *_of_side_effects(wanted, shelf), *_of_charts(wanted)
    ):  # fmt: skip
        if name.startswith(wanted.leave_out):
            passed[name] = "left out by the plan"
        elif limits is None:
            passed[name] = "it has no published interval"
        else:
            found.append(Target(name, unit, value, limits.low, limits.high, what))
    unused = [part for part in wanted.leave_out if not any(name.startswith(part) for name in passed)]
    if unused:
        raise BadInput(f"no target begins with '{unused[0]}'", remedy="See the names: remission calibrate PLAN --show")
    if not found:
        raise BadInput("no number of the kind calibrate is named", remedy="Name trials that have some, or `all`")
    return found, passed


Row = tuple[str, str, float, Published | None, What]


def _of_charts(wanted: Targets) -> Iterator[Row]:
    known = charts()
    for name, one in known.targets.items():
        if one.used == FITTED and (wanted.charts == "all" or name in wanted.charts):
            limits = Published(one.low, one.high, "paper")
            yield f"charts: {NAMES[name]} ({one.source})", PLAIN, one.value, limits, (known.played, name, one)


def _of_trials(wanted: Targets, shelf: Library) -> Iterator[Row]:
    for name in shelf.trials() if wanted.trials == "all" else wanted.trials:
        trial = shelf.trial(name)
        for key, arm in trial.arms.items():
            for e in arm.endpoints:
                if e.used == FITTED:
                    label = f"{trial.trial}, {key}: {e.label()} ({e.source})"
                    yield label, e.unit, e.value, published(e, arm), (trial, key, e)


def _of_side_effects(wanted: Targets, shelf: Library) -> Iterator[Row]:
    if not wanted.side_effects:
        return
    in_trials = {label for label, *_ in _of_trials(wanted, shelf)} if wanted.trials else set()
    for arm, rows in incidence.arms(shelf).items():
        for name, seen in rows:
            if seen.used != FITTED or not (wanted.side_effects == "all" or name in wanted.side_effects):
                continue
            limits = (
                Published(*seen.interval, "paper") if seen.interval is not None
                else Published(*wilson_of(seen.value, seen.n), "n") if seen.n else None
            )  # fmt: skip
            label = f"{name}, {seen.name}: {seen.label()} ({arm.protocol}, {seen.source})"
            if label not in in_trials:
                yield label, "percent", seen.value, limits, (arm, name, seen)


def answers(
    found: list[Target],
    *,
    patients: int,
    seed: int,
    more: Mapping[str, int] | None = None,
    shelf: Library | None = None,
    treatment: Treatment = treated,
) -> dict[str, Answer | str]:
    """Every target in virtual patients of the library in use (``more``: by trial), or why it cannot be told there.

    Arms are played by the same functions as in ``remission validate``. ``treatment``: who knows what an arm gives.
    """
    shelf = shelf or library()
    out: dict[str, Answer | str] = {}
    by_trial: dict[str, list[Target]] = {}
    by_arm: dict[incidence.Arm, list[Target]] = {}
    of_charts: list[Target] = []
    for target in found:
        first = target.what[0]
        if isinstance(first, Trial):
            by_trial.setdefault(first.trial, []).append(target)
        elif isinstance(first, As):
            of_charts.append(target)
        else:
            by_arm.setdefault(first, []).append(target)
    for name, mine in by_trial.items():
        out |= _trial_answers(mine, (more or {}).get(name, patients), seed, treatment)
    if of_charts:
        out |= _chart_answers(of_charts, patients, seed)
    play = incidence.player(patients=patients, seed=seed, threads=1)
    for arm, mine in by_arm.items():
        wanted = [(name, seen) for _, name, seen in (t.what for t in mine) if isinstance(seen, Seen)]
        try:
            tables = play(arm, incidence.years(wanted))
        except BadInput as error:
            out |= {t.name: str(error) for t in mine}
            continue
        for target, (name, seen) in zip(mine, wanted, strict=True):
            out[target.name] = _told(partial(incidence.simulated, tables, name, seen, shelf))
    return out


def _trial_answers(mine: list[Target], patients: int, seed: int, treatment: Treatment) -> dict[str, Answer | str]:
    trial = mine[0].what[0]
    assert isinstance(trial, Trial)
    asked = [t.what[2] for t in mine if isinstance(t.what[2], Endpoint)]
    play = player(patients=patients, seed=seed, threads=1, only=asked, treatment=treatment)
    needed = dict.fromkeys(key for t in mine for key in (t.what[1], getattr(t.what[2], "against", None)) if key)
    played, unplayed = arms_played(trial, play, needed)
    out: dict[str, Answer | str] = {}
    for target in mine:
        _, key, endpoint = target.what
        assert isinstance(endpoint, Endpoint)
        if key in unplayed:
            out[target.name] = str(unplayed[key])
        else:
            out[target.name] = _told(partial(simulated, replace(played[key], others=played), endpoint))
    return out


def _chart_answers(mine: list[Target], patients: int, seed: int) -> dict[str, Answer | str]:
    played = mine[0].what[0]
    assert isinstance(played, As)
    weeks = (played.first_week, played.last_week)
    run = simulate(
        played.protocol, patients=patients, seed=seed, follow_up_years=(weeks[1] + 5) * 7 / DAYS["year"], threads=1,
        record=("outcomes", "measurements", "doses"),
    )  # fmt: skip
    people = of_cohort(run.measurements, run.doses, played.phase, weeks)
    return {target.name: _told(partial(estimate, people, target.what[1])) for target in mine}


def _told(ask: Callable[[], Estimate]) -> Answer | str:
    try:
        found = ask()
    except (NotSimulated, BadInput) as why:
        return str(why)
    if not math.isfinite(found.value):
        return "not reached"
    return Answer(found.value, found.low, found.high, found.n)


def pooled(parts: list[Answer | str], unit: str) -> tuple[float, float] | None:
    """One value and standard error on the scale, of the same point played with several seeds; None where fewer than
    half of them tell it."""
    told = [one.on_scale(unit) for one in parts if isinstance(one, Answer)]
    if not told or 2 * len(told) < len(parts):
        return None
    weights = [1 / sd**2 for _, sd in told]
    value = sum(w * y for w, (y, _) in zip(weights, told, strict=True)) / sum(weights)
    return value, 1 / math.sqrt(sum(weights))


def arms_of(found: list[Target]) -> Mapping[str, int]:
    """How many targets each protocol speaks of."""
    out: dict[str, int] = {}
    for target in found:
        first, key = target.what[0], target.what[1]
        protocol = first.arms[key].protocol if isinstance(first, Trial) else first.protocol
        out[protocol] = out.get(protocol, 0) + 1
    return out
