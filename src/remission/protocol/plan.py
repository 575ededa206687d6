"""One person placed in a protocol: every dose, check, gate and decision with its date.

The plan is nominal: every gate is met on the day it is first asked, planned rests are kept, no rule
that waits for a count changes a dose, no decision leads away, body size stays as given. What depends on
the person alone (age, sex, CNS status, genotype) is worked out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

import polars as pl

from remission.knowledge.agent import Agent
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library

from .logic import compares
from .model import Condition, Decide, Give, Limit, Omit, Phase, Protocol, Rescue, Rule, Start, Stop, Target, Wait
from .person import Person, person, truth
from .tablets import pieces_of, week
from .wording import condition_in_words, in_words, sentence

Kind = Literal["gate", "dose", "check", "decision", "end"]
_ORDER: dict[str, int] = {"gate": 0, "check": 1, "decision": 2, "dose": 3, "end": 4}
_LONGEST = 400  # cycles of one phase; more means that the protocol does not end


@dataclass(frozen=True)
class Row:
    """One line of the calendar. Doses are single administrations in ``unit`` (mg or IU), given
    ``doses_per_day`` times on that day; days count from 1."""

    date: date
    day: int  # of therapy
    phase: str
    cycle: int
    phase_day: int
    kind: Kind
    agent: str | None = None
    route: str | None = None
    dose: float | None = None
    unit: str | None = None
    doses_per_day: int | None = None
    day_total: float | None = None
    infusion_h: float | None = None
    computed: str = ""  # 1.5 mg/m2 x 0.680 m2 = 1.02 mg
    capped: bool = False
    deviation_percent: float | None = None  # of the tablets of this week from the exact dose
    note: str = ""


@dataclass(frozen=True)
class Cycle:
    """A phase as played once: first and last day of therapy, what opens it and what may change it."""

    phase: str
    name: str
    number: int
    of: int
    start: date
    end: date  # last day
    first_day: int
    last_day: int
    gate: str | None
    rules: tuple[str, ...]
    open: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The calendar of one person. ``warnings`` say where the person and the protocol do not fit."""

    protocol: Protocol
    person: Person
    start: date
    cycles: tuple[Cycle, ...]
    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that hold in every phase."""
        return tuple(sentence(rule.text) for rule in self.protocol.rules)

    @property
    def end(self) -> date:
        """The last day of treatment."""
        return max(cycle.end for cycle in self.cycles)

    def table(self) -> pl.DataFrame:
        """The rows as a table, in the order of the calendar; columns are the fields of `Row`."""
        columns = [f.name for f in fields(Row)]
        data = {name: [getattr(row, name) for row in self.rows] for name in columns}
        return pl.DataFrame(data, schema=_SCHEMA)


_SCHEMA: dict[str, Any] = {
    "date": pl.Date,
    "day": pl.Int64,
    "phase": pl.String,
    "cycle": pl.Int64,
    "phase_day": pl.Int64,
    "kind": pl.String,
    "agent": pl.String,
    "route": pl.String,
    "dose": pl.Float64,
    "unit": pl.String,
    "doses_per_day": pl.Int64,
    "day_total": pl.Float64,
    "infusion_h": pl.Float64,
    "computed": pl.String,
    "capped": pl.Boolean,
    "deviation_percent": pl.Float64,
    "note": pl.String,
}


def plan(
    protocol: Protocol,
    *,
    age_y: float,
    sex: str,
    weight_kg: float,
    height_cm: float,
    start: date,
    agent: Callable[[str], Agent] | None = None,
    **more: Any,
) -> Plan:
    """The nominal calendar of a person in a protocol.

    age_y: years on day 1 (intrathecal doses follow the age on their day); sex: 'female' or 'male'; weight in kg,
    height in cm; body surface by Mosteller. ``more``: ``cns`` (1-3), ``lineage``, ``tpmt``, ``nudt15``, ``wbc``
    (at diagnosis, 10^9/L); typical values otherwise. agent: where agents are looked up (default: the library).

    Raises ``BadInput`` for impossible values, and when an intrathecal table does not reach the person's age.
    """
    if not isinstance(start, date):
        raise BadInput(f"the start is '{start}'", remedy="Give a date, for example 2027-01-04")
    who = person(age_y=age_y, sex=sex, weight_kg=weight_kg, height_cm=height_cm, **more)
    start = start.date() if isinstance(start, datetime) else start
    try:
        start + timedelta(days=366 * 10)
    except OverflowError:
        raise BadInput(f"the start {start} is too late", remedy="Give a date before the year 9900") from None
    return _Planner(protocol, who, start, agent or library().agent).run()


@dataclass
class _Planner:
    protocol: Protocol
    person: Person
    start: date
    agent: Callable[[str], Agent]
    rows: list[Row] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)
    phase_start: dict[str, int] = field(default_factory=dict)  # phase -> day of therapy
    highest: dict[tuple[str, str, str], float] = field(default_factory=dict)  # phase, agent, route -> amount

    def run(self) -> Plan:
        day = 1
        phase: Phase | None = self._first()
        while phase is not None:
            if phase.id in self.phase_start:
                raise BadInput(
                    f"phase '{phase.id}' follows on itself, so treatment does not end",
                    phase.place.file if phase.place else self.protocol.file or None,
                    phase.place.line if phase.place else None,
                    remedy="Let the last phase say `next: end`",
                )
            day += phase.rest_days
            self.phase_start[phase.id] = day
            day = self._play(phase, day)
            phase = self._after(phase)
        last = self.cycles[-1]
        length = last.last_day - last.first_day + 1
        self._add(last.last_day, last.phase, last.number, length, kind="end", note="last day of treatment")
        rows = sorted(self.rows, key=lambda r: (r.day, _ORDER[r.kind]))
        return Plan(self.protocol, self.person, self.start, tuple(self.cycles), tuple(rows), self._warnings())

    # --- the order of phases

    def _first(self) -> Phase:
        if not self.protocol.phases:
            raise BadInput("the protocol has no phases", self.protocol.file or None, remedy="Add `phases:`")
        return self.protocol.phases[0]

    def _after(self, phase: Phase) -> Phase | None:
        if phase.next is None:
            return None
        if phase.next:
            return self.protocol.phase(phase.next)
        place = self.protocol.phases.index(phase) + 1
        return self.protocol.phases[place] if place < len(self.protocol.phases) else None

    def _play(self, phase: Phase, day: int) -> int:
        """Write all cycles of a phase; returns the first day after it."""
        end = self._end(phase, day)
        count = -(-(end - day) // phase.days)
        for number in range(1, count + 1):
            first = day + (number - 1) * phase.days
            self._cycle(phase, number, count, first, min(first + phase.days, end))
        return end

    def _end(self, phase: Phase, day: int) -> int:
        """The first day after the last cycle: repeats stop on the day the protocol names, even within a cycle."""
        if phase.repeat_times:
            return day + phase.repeat_times * phase.days
        if not phase.repeat_until:
            return day + phase.days
        who = self.person.on_day(day)
        for until in phase.repeat_until:
            if truth(until.when, who):
                since = self.phase_start[until.from_phase] if until.from_phase else 1
                return min(max(since + until.days, day + 1), day + _LONGEST * phase.days)
        raise BadInput(
            f"nothing says when phase '{phase.id}' ends for this person",
            remedy="Name an end for every case in `repeat:`",
        )

    # --- one cycle

    def _cycle(self, phase: Phase, number: int, of: int, first: int, end: int) -> None:
        who = self.person.on_day(first)
        rules = (*self.protocol.rules, *phase.rules)
        gate = condition_in_words(phase.start_when) if phase.start_when is not None and number == 1 else None
        written = [r for r in phase.rules if not isinstance(r.action, Start) or truth(r.action.when, who)]
        self.cycles.append(
            Cycle(
                phase.id,
                phase.name,
                number,
                of,
                self._date(first),
                self._date(end - 1),
                first,
                end - 1,
                gate,
                tuple(sentence(r.text) for r in written),
                phase.open,
            )
        )

        def add(day: int, **row: Any) -> None:
            if 1 <= day < end - first + 1 or (row["kind"] == "dose" and row.pop("runs_over", False)):
                row.pop("runs_over", None)
                self._add(first + day - 1, phase.id, number, day, **row)

        if gate:
            add(1, kind="gate", note=f"start when {gate}")
        for rule in phase.rules:
            if isinstance(rule.action, Wait):
                add(rule.action.day, kind="gate", note=f"wait until {condition_in_words(rule.action.until)}")
        for check in phase.check:
            what = check.what if check.agent is None else f"{check.agent} level"
            for day in check.days:
                add(day, kind="check", note=what)
        for decide in phase.decide:
            add(decide.day, kind="decision", note=_decision(decide))

        due = {id(give): self._days(give, phase, who) for give in phase.give}
        for give in phase.give:
            if due[id(give)]:
                for row in self._doses(give, due[id(give)], phase, rules, first):
                    add(row.pop("day"), **row)
        for rule in rules:
            if isinstance(rule.action, Rescue):
                for row in self._rescue(rule.action, phase, due, first):
                    add(row.pop("day"), **row)

    def _days(self, give: Give, phase: Phase, who: Person) -> tuple[int, ...]:
        """The days of the phase on which the line is due for this person."""
        if truth(give.when, who) is False:
            return ()
        taken = {
            day
            for other in phase.give
            if (other.agent, other.route) in give.not_with and truth(other.when, who) is not False
            for day in other.days
        }
        return tuple(day for day in give.days if day not in taken)

    def _doses(
        self, give: Give, days: tuple[int, ...], phase: Phase, rules: tuple[Rule, ...], first: int
    ) -> Iterator[dict[str, Any]]:
        who = self.person.on_day(first)
        factor, why = _factor(give, rules, who)
        if factor == 0.0:
            return
        steps = self._steps(give, days, phase)
        rows = [
            self._dose(give, step, factor, why, first + day - 1) | {"day": day}
            for day, step in zip(days, steps, strict=True)
        ]
        last = days[-1]
        for share, length in give.taper:
            for day in range(last + 1, last + length + 1):
                row = self._dose(
                    give, (steps[-1][0], ""), factor * share, [*why, f"{share:.4g} (taper)"], first + day - 1
                )
                rows.append(row | {"day": day, "runs_over": True})
            last += length
        tablet = pieces_of(self.agent(give.agent)) if give.route == "PO" and give.doses_per_day == 1 else None
        yield from _in_tablets(rows, *tablet) if tablet else rows

    def _steps(self, give: Give, days: tuple[int, ...], phase: Phase) -> list[tuple[float | None, str]]:
        """The amount of each dose as the protocol writes it; an escalating dose takes every planned step."""
        if give.escalation is None or give.amount is None:
            return [(give.amount, "")] * len(days)
        rise, base, why = give.escalation, give.amount, ""
        if rise.of_phase is not None and rise.start_fraction is not None:
            top = self.highest.get((rise.of_phase, give.agent, give.route))
            if top is not None:
                base = rise.start_fraction * top
                why = f"starts at {rise.start_fraction:.3g} of {top:g} {give.unit} ({rise.of_phase})"
        steps: list[tuple[float | None, str]] = [
            (base + rise.step * i, f"step {i + 1}; {why}" if why and i == 0 else f"step {i + 1}")
            for i in range(len(days))
        ]
        key = (phase.id, give.agent, give.route)
        self.highest[key] = max(base + rise.step * (len(days) - 1), self.highest.get(key, 0.0))
        return steps

    def _dose(
        self, give: Give, step: tuple[float | None, str], factor: float, why: list[str], day: int
    ) -> dict[str, Any]:
        who, (amount, note) = self.person.on_day(day), step
        unit, _, per = give.unit.partition("/")
        notes = [note] if note else []
        if amount is None:
            dose = self._by_age(give, who.age_y)
            computed = f"by age, {_years(who.age_y)} (table {give.table})"
        else:
            size = {"m2": who.bsa_m2, "kg": who.weight_kg}.get(per, 1.0)
            dose = amount * factor * size
            parts = [f"{amount:.6g} {give.unit}{'/day' if give.per == 'day' else ''}", *why]
            if per:
                parts.append(f"{size:.3f} m2" if per == "m2" else f"{size:g} kg")
            computed = f"{' x '.join(parts)} = {_amount(dose)} {unit}"
        if unit == "g":
            dose, unit = dose * 1000.0, "mg"
        times = give.doses_per_day
        total = dose if give.per == "day" else dose * times
        single = total / times
        if times > 1:
            computed += f", {times} x {_amount(single)} {unit}"
        capped = False
        if give.cap is not None:
            cap = give.cap[0] * (1000.0 if give.cap[1] == "g" else 1.0)
            capped = single > cap
            if capped:
                single, total = cap, cap * times
                notes.insert(0, f"capped at {cap:g} {unit}")
        if give.infusion_h:
            notes.append(f"over {give.infusion_h:g} h")
        if len(give.routes) > 1:
            notes.append("or " + ", ".join(give.routes[1:]))
        return {
            "kind": "dose", "agent": give.agent, "route": give.route, "dose": single, "unit": unit,
            "doses_per_day": times, "day_total": total, "infusion_h": give.infusion_h, "computed": computed,
            "capped": capped, "note": "; ".join(notes),
        }  # fmt: skip

    def _by_age(self, give: Give, age_y: float) -> float:
        tables = self.agent(give.agent).intrathecal_by_age
        table = tables.get(give.table or "")
        if table is None:
            raise BadInput(
                f"{give.agent} has no intrathecal table '{give.table}'",
                give.place.file if give.place else None,
                give.place.line if give.place else None,
                remedy=f"Known tables: {', '.join(tables) or 'none'}",
            )
        for row in table:
            low, high = row.get("age_from") or 0.0, row.get("age_to")
            if low <= age_y and (high is None or age_y < high):
                return float(row["dose"] or 0.0)
        raise BadInput(
            f"the intrathecal table '{give.table}' of {give.agent} has no dose for an age of {_years(age_y)}",
            remedy=f"It begins at {min(row.get('age_from') or 0.0 for row in table):g} years",
        )

    def _rescue(
        self, rescue: Rescue, phase: Phase, due: dict[int, tuple[int, ...]], first: int
    ) -> Iterator[dict[str, Any]]:
        """The doses that are always given, after each dose of the agent; more follow while the level is high."""
        hours = [rescue.from_h + i * rescue.every_h for i in range(rescue.at_least)]
        after = sorted({day for give in phase.give if _hits(rescue.after, give) for day in due[id(give)]})
        until = condition_in_words(rescue.until)
        for start in after:
            for offset in sorted({int(h // 24) for h in hours}):
                here = [h for h in hours if int(h // 24) == offset]
                row = self._dose(
                    replace(rescue.give, doses_per_day=len(here)),
                    (rescue.give.amount, ""),
                    1.0,
                    [],
                    first + start + offset - 1,
                )
                said = ", ".join(f"{h:g}" for h in here)
                when = f"{'hour' if len(here) == 1 else 'hours'} {said}"
                note = f"{when} after {rescue.after.agent}, then every {rescue.every_h:g} h until {until}"
                yield row | {
                    "day": start + offset,
                    "runs_over": True,
                    "note": "; ".join(n for n in (note, row["note"]) if n),
                }

    # --- small things

    def _date(self, day: int) -> date:
        return self.start + timedelta(days=day - 1)

    def _add(self, day: int, phase: str, cycle: int, phase_day: int, **row: Any) -> None:
        self.rows.append(Row(self._date(day), day, phase, cycle, phase_day, **row))

    def _warnings(self) -> tuple[str, ...]:
        if truth(self.protocol.eligible, self.person) is False:
            said = condition_in_words(self.protocol.eligible)
            return (f"This person is outside the protocol, which is for: {said}.",)
        return ()


def _factor(give: Give, rules: tuple[Rule, ...], who: Person) -> tuple[float, list[str]]:
    """What the rules that hang on the person alone make of a dose, and why. 0: not given."""
    factor, why = 1.0, []
    for rule in rules:
        action = rule.action
        if not isinstance(action, Start | Limit | Omit | Stop) or give.amount is None:
            continue
        if not any(_hits(target, give) for target in action.targets) or truth(action.when, who) is not True:
            continue
        if isinstance(action, Omit | Stop):
            return 0.0, []
        factor *= action.fraction
        why.append(f"{action.fraction:.0%} ({_because(action.when, who)})")
    return factor, why


def _because(condition: Condition, who: Person) -> str:
    """The facts of the person that a condition asks for: TPMT intermediate, NUDT15 normal."""
    facts = {compare.name: who.fact(compare.name) for compare in compares(condition)}
    shown = {k: v for k, v in facts.items() if v != "normal"} or facts
    return ", ".join(f"{in_words(k)} {v if isinstance(v, str) else format(v, '.3g')}" for k, v in shown.items() if v)


def _hits(target: Target, give: Give) -> bool:
    return target.agent == give.agent and (give.route != "IT" if target.route is None else target.route == give.route)


def _in_tablets(rows: list[dict[str, Any]], strength: float, parts: int) -> Iterator[dict[str, Any]]:
    """Doses by mouth as tablets: the weeks of the phase are rounded one by one."""
    weeks: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        weeks.setdefault((row["day"] - 1) // 7, []).append(row)
    for days in weeks.values():
        rounded = week([row["dose"] for row in days], strength, parts)
        for row, dose in zip(days, rounded.doses, strict=True):
            note = "; ".join(n for n in (row["note"], rounded.in_words()) if n)
            deviation = rounded.deviation if rounded.possible else None
            yield row | {"dose": dose, "day_total": dose, "deviation_percent": deviation, "note": note}


def _decision(decide: Decide) -> str:
    way = f"go to {decide.target}" if decide.action == "go to" else f"leave for {decide.target}"
    return f"if {condition_in_words(decide.when)}: {way}"


def _amount(value: float) -> str:
    """Three significant digits or a little more: 0.97, 1.02, 51.0, 102, 1700."""
    if float(f"{value:.2f}") == int(value):
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def _years(age_y: float) -> str:
    return f"{age_y:.1f} years"
