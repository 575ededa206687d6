"""Doses that were given, as a table says them: played instead of a protocol, patient by patient.

Day 0 begins in the morning of the first dose; what is played of an hour: `played_hour`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

from ..knowledge import limits
from ..knowledge.errors import BadInput
from ..knowledge.library import library
from ..knowledge.units import factor
from .model import Give, Phase, Place, Protocol, Provenance, Route, Rule
from .reader import read_sentence

TRANSFUSIONS = (
    "transfuse red cells 15 mL/kg when haemoglobin <= 8 [paananen2009; memory]",
    "transfuse platelets 10 mL/kg when platelets <= 10 [paananen2009; memory]",
)
EVERY = "every dose"  # the phase that nobody is in: all that anybody gets, so that all are played by one program
FAR = 10.0  # times the usual dose of the largest patient: more is no dose, but a wrong unit
LARGEST_M2, LARGEST_KG = 2.5, 150.0
STEP_H = 2.0  # hours to which the engine keeps the time of a dose
MOST_LINES = 2_000  # different doses of one patient
MOST_INFUSIONS = 200  # different lengths of infusions of one agent and route, of all patients together
MOST_ON_A_DAY = 24  # times that the same dose stands on one day
UNITS = {"mcg": "ug", "µg": "ug", "μg": "ug", "U": "IU", "iu": "IU", "MG": "mg", "units": "IU"}  # other spellings


@dataclass(frozen=True, slots=True)
class Dose:
    """One dose, or the same ``times`` a day from ``day`` to ``last_day`` (counted from 0). ``amount`` of each, in
    ``unit`` (mg, IU, ...); ``hour`` of the first on a day, the last at ``last_hour``; ``infusion_h`` of each, 0 when
    given at once."""

    day: int
    last_day: int
    agent: str
    route: Route
    amount: float
    unit: str
    times: int = 1
    hour: float = 0.0
    last_hour: float = 0.0
    infusion_h: float = 0.0
    line: int = 0  # of the file

    @property
    def interval_h(self) -> float:
        """Hours between the doses of a day; 24 where there is one."""
        return (self.last_hour - self.hour) / (self.times - 1) if self.times > 1 else 24.0

    @property
    def hours(self) -> Iterator[float]:
        """The hours of a day at which they begin."""
        return (self.hour + k * self.interval_h for k in range(self.times))


@dataclass(frozen=True)
class History:
    """What one patient was given. ``facts``: what is known of the patient at entry, named as columns of a table of
    one's own patients (age_y, sex, weight_kg, ...)."""

    id: str
    doses: tuple[Dose, ...]
    facts: Mapping[str, float | str] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True)
class Doses:
    """Histories of patients, as they were read. ``notes``: what was in the file and is not here, in sentences.
    ``rules``: sentences that hold beside the doses, rules and checks ("day 29: marrow MRD"); by default transfusions,
    which no table of doses names. It lasts as long as there is a dose or a check."""

    histories: tuple[History, ...]
    file: str = ""
    notes: tuple[str, ...] = ()
    rules: tuple[str, ...] = TRANSFUSIONS

    def __post_init__(self) -> None:
        lengths: dict[tuple[str, str], set[float]] = {}
        for history in self.histories:
            place: tuple[str | None, int | None] = (self.file or None, history.line or None)
            if not history.doses:
                raise BadInput(f"patient {history.id} has no dose", *place, remedy="Take the patient out")
            if len({key for dose in history.doses for key in _keys(dose)}) > MOST_LINES:
                what = f"patient {history.id} has more than {MOST_LINES:,} different doses"
                raise BadInput(what, *place, remedy="Round the amounts, or split the file")
            for dose in history.doses:
                lengths.setdefault((dose.agent, dose.route), set()).add(dose.infusion_h)
        for (agent, route), found in lengths.items():
            if len(found) > MOST_INFUSIONS:
                what = f"{agent} {route} runs in over more than {MOST_INFUSIONS} different times"
                raise BadInput(what, self.file or None, remedy="Round the rates or hours")
        if not self.histories:
            raise BadInput("there is no dose", self.file or None, remedy="Is it the right file?")

    @cached_property
    def digest(self) -> str:
        """A hash of all that is played."""
        return hashlib.sha256(repr((self.histories, self.rules)).encode()).hexdigest()

    @property
    def name(self) -> str:
        return f"doses {Path(self.file).stem or 'given'} {self.digest[:8]}"

    def told(self) -> Iterator[str]:
        """What is in it, and what is not."""
        count = len(self.histories)
        last = max(dose.last_day for history in self.histories for dose in history.doses)
        given = sum((d.last_day - d.day + 1) * d.times for history in self.histories for d in history.doses)
        yield f"{count:,} patient{'s' if count != 1 else ''}, {given:,} doses, days 0 to {last:,}"
        agents = sorted({f"{dose.agent} {dose.route}" for history in self.histories for dose in history.doses})
        yield f"given: {', '.join(agents)}"
        known = sorted({name for history in self.histories for name in history.facts})
        yield f"known of the patients: {', '.join(known) or 'nothing'}"
        yield from self.notes

    def protocol(self, patients: Iterable[int] | None = None) -> Protocol:
        """A protocol of one phase for each of these histories (all when left out), behind `EVERY`."""
        several = sorted(set(range(len(self.histories)) if patients is None else patients))
        rules, checks = _beside(self.rules)
        phases = [_phase(EVERY, self._every(), 1)]
        for place in several:
            history = self.histories[place]
            phases.append(_phase(phase_name(place), _lines(history.doses, self.file), _days(history), checks))
        plain = "The doses of a table, given on the days it says."
        return Protocol(self.name, self.name, plain, (), None, tuple(phases), rules, population=None, file="")

    def _every(self) -> list[Give]:
        """The largest dose of every way of giving, on one day."""
        largest: dict[tuple[str, str, float], Dose] = {}
        for history in self.histories:
            for dose in history.doses:
                key = (dose.agent, dose.route, dose.infusion_h)
                if key not in largest or _in_unit_of_agent(dose) > _in_unit_of_agent(largest[key]):
                    largest[key] = dose
        lines = [replace(dose, times=1, last_hour=dose.hour) for _, dose in sorted(largest.items())]
        return [_give(key, (1,), dose.line, self.file) for dose in lines for key in _keys(dose)]


def protocol_of(history: History, name: str = "doses", rules: Sequence[str] = TRANSFUSIONS) -> Protocol:
    """One history as a protocol of one phase, for whoever plays one patient."""
    others, checks = _beside(rules)
    phase = _phase(phase_name(0), _lines(history.doses, ""), _days(history), checks)
    return Protocol(name, name, "Doses that were given.", (), None, (phase,), others)


def given_phase(id: str, doses: Sequence[Dose], days: int) -> Phase:
    """Doses as a phase of so many days, for whoever goes on from there."""
    return _phase(id, _lines(doses, ""), days)


def phase_name(place: int) -> str:
    """What the phase of a history is called: that of the first one is `doses 1`."""
    return f"doses {place + 1}"


def checked(dose: Dose, file: str | Path) -> Dose:
    """The dose with the agent's own name, if it can be played; else `BadInput` with its line."""
    shelf = library()
    place: tuple[str | Path, int | None] = (file, dose.line or None)
    try:
        agent = shelf.agent(dose.agent)
    except BadInput as error:
        raise BadInput(error.message, *place, remedy=error.remedy) from error
    unit = UNITS.get(dose.unit, dose.unit)
    if dose.route not in agent.routes:
        ways = ", ".join(agent.routes)
        raise BadInput(f"{agent.agent} is not given {dose.route}", *place, remedy=f"It is given {ways}")
    if _factor(unit, own := agent.pharmacokinetics.amount) is None:
        raise BadInput(f"{agent.agent} is not dosed in {unit[:20]}", *place, remedy=f"Give the amount in {own}")
    if not 0 <= dose.day <= dose.last_day < limits.PHASE_DAYS:
        most = limits.PHASE_DAYS - 1
        raise BadInput(f"a dose on day {dose.last_day}", *place, remedy=f"Days are 0 to {most:,}, from the first dose")
    if not 1 <= dose.times <= 24 or not 0.0 <= dose.hour <= dose.last_hour < 24.0:
        raise BadInput(f"{dose.times} doses a day", *place, remedy="1 to 24, at hours from 0 to below 24")
    if not 0.0 <= dose.infusion_h <= limits.INFUSION_HOURS:
        what = f"an infusion of {dose.infusion_h:g} hours"
        raise BadInput(what, *place, remedy=f"At most {limits.INFUSION_HOURS:g}")
    most_given = FAR * _most(agent.agent, dose.route, unit)
    if not 0.0 < dose.amount <= most_given:
        what = f"{dose.amount:g} {dose.unit} {agent.agent} {dose.route}"
        remedy = f"Is it in another unit? More than {most_given:.3g} {dose.unit} is not played"
        raise BadInput(f"{what} is no dose", *place, remedy=remedy if dose.amount > 0.0 else "Leave the line out")
    return dose if (dose.agent, dose.unit) == (agent.agent, unit) else replace(dose, agent=agent.agent, unit=unit)


@lru_cache(maxsize=4096)
def _factor(unit: str, into: str) -> float | None:
    """What a number in one unit is multiplied by to stand in the other; None when it cannot."""
    try:
        return factor(unit, into) if len(unit) <= 20 and unit.isalpha() else None
    except Exception:  # whatever strange letters lead to
        return None


def _most(agent: str, route: Route, unit: str) -> float:
    """The largest usual dose by that route of the largest patient, in the unit; without end where none is known."""
    found = []
    for usual in library().agent(agent).usual:
        mass, _, per = usual.unit.partition("/")
        size = {"m2": LARGEST_M2, "kg": LARGEST_KG, "": 1.0}.get(per)
        by = _factor(mass, unit)
        if route in usual.routes and size is not None and by is not None:
            found.append(usual.high * size * by)
    return max(found, default=float("inf"))


def _in_unit_of_agent(dose: Dose) -> float:
    return dose.amount * (_factor(dose.unit, library().agent(dose.agent).pharmacokinetics.amount) or 1.0)


def _days(history: History) -> int:
    return max(dose.last_day for dose in history.doses) + 1


_Key = tuple[str, Route, float, str, int, float, float]  # of a line: agent, route, amount, unit, times, infusion, hour


def _keys(dose: Dose) -> Iterator[_Key]:
    """What equal doses have in common. Doses of a day that are not evenly spread are lines of their own."""
    even = dose.times == 1 or abs(dose.interval_h - 24.0 / dose.times) < STEP_H / 2
    times, hours = (dose.times, [dose.hour]) if even else (1, list(dose.hours))
    for hour in hours:
        yield dose.agent, dose.route, dose.amount, dose.unit, times, dose.infusion_h, played_hour(hour, dose.infusion_h)


def played_hour(hour: float, infusion_h: float) -> float:
    """The hour at which a dose is played: by two hours, infusions of up to a day by six, longer ones in the morning."""
    step = STEP_H if infusion_h <= STEP_H else 6.0 if infusion_h <= 24.0 else 24.0
    return float(min(round(hour / step) * step, 24.0 - step))


def _lines(doses: Sequence[Dose], file: str) -> list[Give]:
    """Equal doses on their days: one line of a protocol each; the same dose twice on a day is two lines."""
    days: dict[_Key, Counter[int]] = {}
    lines: dict[_Key, int] = {}
    for dose in doses:
        for key in _keys(dose):
            lines.setdefault(key, dose.line)
            days.setdefault(key, Counter()).update(range(dose.day + 1, dose.last_day + 2))
    out = []
    for key, found in days.items():
        if (most := max(found.values())) > MOST_ON_A_DAY:
            what = f"{key[0]} {key[2]:g} {key[3]} stands {most} times on one day"
            raise BadInput(what, file or None, lines[key] or None, remedy="Is a part of the file there twice?")
        for again in range(most):
            when = tuple(sorted(day for day, n in found.items() if n > again))
            out.append(_give(key, when, lines[key], file))
    return out


def _give(key: _Key, days: tuple[int, ...], line: int, file: str) -> Give:
    agent, route, amount, unit, times, infusion_h, hour = key
    return Give(
        agent=agent, route=route, routes=(route,), amount=amount, unit=unit, per="dose", doses_per_day=times, days=days,
        infusion_h=infusion_h or None, hour=hour, provenance=Provenance(assumed="it was given"),
        place=Place(file, line, 1) if file else None, text=f"{agent} {amount:g} {unit} {route}",
    )  # fmt: skip


def _phase(id: str, lines: list[Give], days: int, checks: Sequence[str] = ()) -> Phase:
    """``checks``: sentences; one without an end holds to the last day, of a dose or of another check."""
    read, endless = [], []
    for text in checks:
        try:
            read.append(read_sentence("check", text))
        except BadInput:  # it has no end, or it is wrong: then it is told below
            endless.append(text)
    days = max([days, *(day for check in read for day in check.days)])
    read += [read_sentence("check", text, days=days) for text in endless]
    return Phase(id=id, name=id[:1].upper() + id[1:], days=days, give=tuple(lines), check=tuple(read), next=None)


def _beside(texts: Sequence[str]) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """The rules among sentences, and those that are checks. Their days count from 1, as in a protocol."""
    checks = tuple(text for text in texts if re.match(r"(days?|weekly|every|daily)\b[^\[]*:", text))
    return tuple(read_sentence("rule", text) for text in texts if text not in checks), checks
