"""The chart of one patient in maintenance: what was counted and prescribed at each visit, and what is wrong with it.

Readers of any format (reading.py; exchange/) make a `Chart`. What cannot be used is in ``problems`` with its line and
with what was done about it; nothing is left out silently.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from remission.knowledge.errors import BadInput
from remission.patient.cohort import Floats

COUNTS = ("anc", "platelets", "haemoglobin", "wbc")  # 10^9/L, haemoglobin g/dL
AGENTS = ("mercaptopurine", "methotrexate")
BASE = {"mercaptopurine": 60.0, "methotrexate": 20.0}  # mg/m2 a day, mg/m2 a week: 100 % of the charts' percentages
MOST_DAYS = 5 * 366  # of a chart that is fitted: longer than any maintenance
LEAST_VISITS = 10  # with an ANC, for a fit
MOST_VISITS = 2000
COPY_SHARE, COPY_VISITS = 0.8, 8  # of the shorter chart's visits, with the same three counts
SAME_SCALE = 0.02  # relative; doses in percent are rounded by some
BSA_M2 = (0.2, 2.7)
NAN = math.nan

Done = Literal["left out", "read as", "filled", "noted"]


@dataclass(frozen=True)
class Problem:
    """What is wrong in a line of a file, and what was done: a value or a visit left out, read as another, filled from
    beside it, or kept and only noted."""

    line: int
    what: str
    done: Done
    how: str = ""  # "1.9 10^9/L"

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}: {self.done}{' ' + self.how if self.how else ''}"


@dataclass(frozen=True)
class Visit:
    """One visit. ``day`` from the first one; counts in 10^9/L and g/dL, nan where not measured. What was prescribed
    from this visit to the next: ``mercaptopurine_mg`` a day, ``methotrexate_mg`` a week, 0 where held, nan where the
    chart does not say. ``percent``: the same by agent, of the protocol's dose for body surface, where it says so."""

    line: int
    day: int
    date: date | None = None
    anc: float = NAN
    platelets: float = NAN
    haemoglobin: float = NAN
    wbc: float = NAN
    mercaptopurine_mg: float = NAN
    methotrexate_mg: float = NAN
    percent: tuple[float, float] = (NAN, NAN)  # in the order of AGENTS
    weight_kg: float = NAN
    height_cm: float = NAN

    @property
    def mg(self) -> tuple[float, float]:
        """Prescribed, in the order of AGENTS: mg a day, mg a week."""
        return self.mercaptopurine_mg, self.methotrexate_mg

    @property
    def held(self) -> bool:
        """Nothing was prescribed."""
        return self.mercaptopurine_mg == 0.0 and not self.methotrexate_mg > 0.0


@dataclass(frozen=True)
class Chart:
    """Visits in the order of their days. ``week``: of maintenance at the first visit, 1 at its start, nan where the
    chart does not say."""

    name: str
    visits: tuple[Visit, ...]
    week: float = NAN
    problems: tuple[Problem, ...] = ()
    file: Path | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.visits)

    @property
    def days(self) -> Floats:
        """Days of the visits, shape (visits,), from the first."""
        return np.array([visit.day for visit in self.visits], dtype=float)

    def column(self, name: str) -> Floats:
        """A number of every visit, shape (visits,), nan where it is not known."""
        return np.array([getattr(visit, name) for visit in self.visits], dtype=float)

    @property
    def bsa_m2(self) -> float:
        """Body surface that the doses in mg and percent go with, or of weight and height (Mosteller); the median over
        the visits, nan where the chart tells none."""
        told = [
            mg / (share / 100.0) / BASE[agent]
            for visit in self.visits
            for agent, mg, share in zip(AGENTS, visit.mg, visit.percent, strict=True)
            if mg > 0.0 and share > 0.0
        ]
        told += [math.sqrt(v.weight_kg * v.height_cm / 3600.0) for v in self.visits if v.weight_kg * v.height_cm > 0.0]
        return float(np.median(told)) if told else NAN

    @property
    def at_end(self) -> str:
        """The last visit's date, or its day."""
        last = self.visits[-1]
        return last.date.isoformat() if last.date else f"day {last.day}"

    def told(self) -> Iterator[str]:
        """What is in it, and what is wrong with it."""
        yield f"{len(self)} visit{'s' if len(self) != 1 else ''}, {self.visits[-1].day:,} days, to {self.at_end}"
        counted = {name: int(np.sum(np.isfinite(self.column(name)))) for name in COUNTS}
        yield "counted: " + (", ".join(f"{name} {n}" for name, n in counted.items() if n) or "nothing")
        yield from map(str, self.problems)

    def until(self, day: float) -> Chart:
        """The visits up to a day, that one included."""
        return replace(self, visits=tuple(visit for visit in self.visits if visit.day <= day))

    def date_of(self, day: float) -> date | None:
        """The date of a day, where the chart has dates."""
        start = next((v.date - timedelta(v.day) for v in self.visits if v.date is not None), None)
        return None if start is None else start + timedelta(round(day))

    def require(self, visits: int = LEAST_VISITS) -> Chart:
        """Itself; ``BadInput`` when it has fewer visits with an ANC, or no doses."""
        counted = int(np.sum(np.isfinite(self.column("anc"))))
        if counted < visits:
            remedy = "the chart of a longer time" + _most_told(self.problems)
            raise BadInput(f"{counted} visits with an ANC, {visits} are needed", self.file, remedy=remedy)
        if self.visits[-1].day > MOST_DAYS:
            what = f"{self.visits[-1].day / 365.25:.0f} years from the first visit to the last"
            raise BadInput(what, self.file, self.visits[-1].line, remedy="Check the dates, or use a part: --until WEEK")
        if not np.any(self.column("mercaptopurine_mg") > 0.0):
            raise BadInput(
                "no dose of mercaptopurine in mg", self.file, remedy="Give the column of the doses: --column MP=..."
            )
        return self


def _most_told(problems: Sequence[Problem]) -> str:
    out = [problem for problem in problems if problem.done == "left out"]
    return f" ({len(out)} things were left out, the first: {out[0]})" if out else ""


@dataclass(frozen=True)
class Copy:
    """Two charts that tell of the same visits. ``scale``: the second's doses in percent over those of the first, by
    agent; nan where it is not one number."""

    first: str
    second: str
    visits: int  # with the same counts
    of: int  # visits of the shorter one
    scale: tuple[float, float]

    def __str__(self) -> str:
        text = f"{self.second} is a copy of {self.first}: {self.visits} of {self.of} visits have the same counts"
        scales = [f"{agent} {s:.3g}" for agent, s in zip(AGENTS, self.scale, strict=True) if abs(s - 1.0) > SAME_SCALE]
        if scales:
            text += f"; its doses in percent are scaled ({', '.join(scales)} times)"
        return text + ". They count as one patient"


def copies(charts: Sequence[Chart]) -> list[Copy]:
    """Pairs of charts with the same counts at most of their visits, whatever their dates and doses."""
    out = []
    for j, second in enumerate(charts):
        for first in charts[:j]:
            if found := _copy(first, second):
                out.append(found)
                break  # of the first one that it is like
    return out


def _copy(first: Chart, second: Chart) -> Copy | None:
    of = min(len(first), len(second))
    where = {_counts(visit): visit for visit in first.visits if _counts(visit)}
    pairs = [(where[_counts(visit)], visit) for visit in second.visits if _counts(visit) in where]
    if len(pairs) < max(COPY_VISITS, COPY_SHARE * of):
        return None
    scale = []
    for i in range(len(AGENTS)):
        ratios = [b.percent[i] / a.percent[i] for a, b in pairs if a.percent[i] > 0.0 and b.percent[i] > 0.0]
        one = ratios and max(ratios) - min(ratios) <= SAME_SCALE * max(ratios)
        scale.append(float(np.median(ratios)) if one else NAN)
    return Copy(first.name, second.name, len(pairs), of, (scale[0], scale[1]))


def _counts(visit: Visit) -> tuple[float, ...] | None:
    three = (visit.anc, visit.platelets, visit.haemoglobin)
    return tuple(round(x, 3) for x in three) if all(math.isfinite(x) for x in three) else None
