"""The power of a planned trial, by playing it again and again; and what the same patients in both arms are worth.

A pool of virtual patients is played under both treatments. A trial takes patients of the pool in turn, gives each one
treatment by chance, lets them come evenly over the time of accrual, follows them until the day of the analysis and asks
the log-rank test. A patient's fate under the treatment that he did not get is not looked at: that is what a real trial
cannot see, and why pairs need so few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from remission.knowledge.errors import BadInput

from .estimates import Estimate, Floats, share
from .first_event import first_event
from .shown import Shown
from .side_by_side import Difference, influence
from .summary import DAYS_PER_YEAR

Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Fates:
    """What happens to every patient of the pool under one treatment: the day of the first event (relapse, death, no
    remission) or the last day, and whether there was one."""

    day: Floats
    failed: Flags

    @classmethod
    def of(cls, outcomes: pl.DataFrame) -> Fates:
        rows = first_event(outcomes.sort("patient")).fill_nan(0.0)
        return cls(rows["day"].to_numpy().astype(float), np.asarray(rows["kind"].is_not_null().to_numpy(), dtype=bool))


@dataclass(frozen=True)
class Design:
    """Years; ``alpha`` two-sided."""

    accrual: float = 3.0
    follow_up: float = 3.0  # after the last patient
    alpha: float = 0.05
    trials: int = 1000

    @property
    def longest(self) -> float:
        return self.accrual + self.follow_up

    def checked(self) -> Design:
        """Itself; raises `BadInput`."""
        if not 0 <= self.accrual <= 30 or not 0 < self.follow_up <= 30:
            raise BadInput("accrual and follow-up are years from 0 to 30", remedy="Follow for more than 0")
        if not 0 < self.alpha < 1:
            raise BadInput(f"an alpha of {self.alpha:g} is no share", remedy="Give 0.05")
        if not 10 <= self.trials <= 1_000_000:
            raise BadInput(f"{self.trials} trials say nothing, or take for ever", remedy="Give 1000")
        return self


@dataclass(frozen=True)
class Size:
    """So many patients an arm: share of trials that find the second arm better, worse (percent), events in a trial."""

    an_arm: int
    better: Estimate
    worse: Estimate
    events: float


@dataclass(frozen=True, repr=False)
class Power(Shown):
    """The sizes that were tried, how many an arm 80 and 90 % of trials need, and the worth of pairs."""

    names: tuple[str, str]
    design: Design
    free: Difference  # of an event at the end, in the whole pool
    sizes: tuple[Size, ...]
    needed: Mapping[int, float]  # percent of power -> patients an arm; infinite without a difference
    between: Mapping[int, tuple[float, float]]  # the same at both ends of what the pool knows of the difference (95 %)
    pairs: float  # patients played under both treatments that tell as much as 1,000 an arm

    def __repr__(self) -> str:
        return f"Power({self.names[0]} | {self.names[1]}: {len(self.sizes)} sizes)"

    def __rich__(self) -> RenderableType:
        table = Table(box=None, pad_edge=False)
        for heading in ("patients an arm", "events", "power, %", "wrong way, %"):
            table.add_column(heading, justify="right")
        for one in self.sizes:
            worse, better = (f"{x.value:.1f} ({x.low:.1f} to {x.high:.1f})" for x in (one.worse, one.better))
            shown = (better, worse) if self.free.change.value >= 0 else (worse, better)
            table.add_row(f"{one.an_arm:,}", f"{one.events:.0f}", *shown)
        first, second, change, _ = self.free.cells()
        design = self.design
        head = (
            f"A: {self.names[0]}\nB: {self.names[1]}\n{self.free.measure}: {first} and {second}, B - A {change} in "
            f"{self.free.first.n:,} virtual patients\n{design.trials:,} trials of each size: accrual "
            f"{design.accrual:g} years, then {design.follow_up:g} of follow-up, log-rank, two-sided alpha "
            f"{design.alpha:g}"
        )

        def patients(n: float) -> str:
            return "more than can be told" if math.isinf(n) or n > 1e6 else f"{math.ceil(n):,}"

        needed = ", ".join(
            f"{percent} %: {patients(n)} ({' to '.join(map(patients, self.between[percent]))})"
            for percent, n in self.needed.items()
        )
        foot = (
            f"Patients an arm for a power of {needed};\nin brackets: as far as {self.free.first.n:,} virtual patients "
            f"tell the difference (95 %), a bigger --pool tells it better.\nThe same virtual patients under both "
            f"treatments: {self.pairs:,.0f} tell the difference as surely as 1,000 an arm (2,000 in all)."
        )
        return Group(Text(head, "bold"), table, Text(foot))


def power(
    fates: tuple[Fates, Fates], names: tuple[str, str], sizes: Sequence[int], design: Design, *, seed: int = 1
) -> Power:
    """``fates``: of the same patients under both treatments, followed for the whole length of the trial at least."""
    design.checked()
    pool = fates[0].day.size
    if bad := [n for n in sizes if not 2 <= n or 2 * n > pool]:
        remedy = f"At most {pool // 2:,}, or a bigger pool"
        raise BadInput(f"{bad[0]} patients an arm cannot be drawn of {pool:,}", remedy=remedy)
    random = np.random.default_rng(seed)
    critical = NormalDist().inv_cdf(1 - design.alpha / 2)
    tried, drifts = [], []
    for n in sizes:
        z, events = np.empty(design.trials), 0
        for k in range(design.trials):
            who = random.permutation(pool)[: 2 * n]
            day = np.concatenate([fates[0].day[who[:n]], fates[1].day[who[n:]]])
            failed = np.concatenate([fates[0].failed[who[:n]], fates[1].failed[who[n:]]])
            until = (design.follow_up + design.accrual * random.random(2 * n)) * DAYS_PER_YEAR
            failed &= day <= until
            z[k] = log_rank(np.minimum(day, until), failed, np.arange(2 * n) >= n)
            events += int(failed.sum())
        better, worse = (share(int(np.sum(way * z < -critical)), design.trials).times(100) for way in (1, -1))
        tried.append(Size(n, better, worse, events / design.trials))
        drifts.append(float(z.mean()) / math.sqrt(n))
    drift = abs(float(np.mean(drifts)))
    noise = 1 / math.sqrt(design.trials * len(sizes)) / math.sqrt(max(sizes))
    normal = NormalDist()
    needed = {
        percent: math.inf if drift < 2 * noise else ((critical + normal.inv_cdf(percent / 100)) / drift) ** 2
        for percent in (80, 90)
    }
    free, ratio = _paired(fates, design.longest)
    between = {percent: _between(n, free.change) for percent, n in needed.items()}
    return Power(names, design, free, tuple(tried), needed, between, 1000 * ratio)


def _between(n: float, change: Estimate) -> tuple[float, float]:
    """Patients at both ends of the interval of the difference, of which they go with the inverse square; no end where
    the interval holds no difference."""
    ends = sorted((abs(change.low), abs(change.high)))
    least = n * (change.value / ends[1]) ** 2 if ends[1] > 0 else math.inf
    most = n * (change.value / ends[0]) ** 2 if change.low * change.high > 0 else math.inf
    return (least if math.isfinite(least) else n), most


def log_rank(day: Floats, failed: Flags, mine: Flags) -> float:
    """The log-rank statistic of those who are marked, standard normal without a difference: above 0 they fail more."""
    times = np.unique(day[failed])
    if not times.size:
        return 0.0

    def at_risk(who: Flags) -> Floats:
        return np.count_nonzero(who) - np.searchsorted(np.sort(day[who]), times, side="left").astype(float)

    every, mine_at_risk = at_risk(np.ones(day.size, dtype=bool)), at_risk(mine)
    lost = np.bincount(np.searchsorted(times, day[failed]), minlength=times.size).astype(float)
    mine_lost = np.bincount(np.searchsorted(times, day[failed & mine]), minlength=times.size).astype(float)
    part = mine_at_risk / every
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(every > 1, lost * part * (1 - part) * (every - lost) / (every - 1), 0.0)
    total = float(variance.sum())
    return float((mine_lost - lost * part).sum()) / math.sqrt(total) if total > 0 else 0.0


def _paired(fates: tuple[Fates, Fates], years: float) -> tuple[Difference, float]:
    """Event-free survival at the end in the pool, and the variance of the paired difference over that of two groups."""
    from .estimates import survival
    from .side_by_side import estimated

    at = years * DAYS_PER_YEAR - 1.0
    found = [(survival(f.day, f.failed, at).times(100), 100 * influence(f.day, f.failed, at)) for f in fates]
    free = estimated("Course", f"event-free survival at {years:g} years", found)
    first, second = found[0][1], found[1][1]
    apart = float(first.var() + second.var())
    return free, float((second - first).var()) / apart if apart > 0 else 1.0
