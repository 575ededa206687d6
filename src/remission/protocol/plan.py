"""One person placed in a protocol: every dose, check, gate and decision with its date.

The plan is nominal: every gate is met on the day it is first asked, planned rests are kept, no rule
that waits for a count changes a dose, body size stays as given. What depends on what is known of the person (age,
sex, CNS status, genotype, results that were given) is worked out, and decisions are followed. What hangs on something
not known (a side effect, a count, a later result) is a row of its own kind, `conditional`, with its condition in
words: it is never a dose of the day and has no day's total. A decision that is not known leads nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from remission.knowledge.agent import Agent
from remission.knowledge.errors import BadInput, nearest
from remission.knowledge.library import library

from ..locale import N_, called, figures, joined, language, listed, ngettext
from ..locale import gettext as _
from .explain import rule_in_words
from .logic import compares, exclusive, negated
from .model import (
    And,
    Condition,
    Decide,
    Give,
    Limit,
    MakeUp,
    Miss,
    Omit,
    Phase,
    Protocol,
    Rescue,
    Rule,
    Start,
    Stop,
    Target,
    Transfuse,
    Wait,
)
from .person import MEASURED, Person, person, remaining, truth
from .rounding import rounded
from .tablets import pieces_of, week
from .vocabulary import AT_TIME_POINT
from .wording import change_in_words, condition_in_words, in_words, phase_in_words, place_in_words, unit_in_words

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["gate", "dose", "conditional", "check", "decision", "end"]
_ORDER: dict[str, int] = {"gate": 0, "check": 1, "decision": 2, "dose": 3, "conditional": 4, "end": 5}
_PARTS = (N_("trimethoprim"),)  # by which the dose of a combination is told
_LONGEST = 400  # cycles of one phase; more means that the protocol does not end


@dataclass(frozen=True)
class Row:
    """One line of the calendar. Doses are single administrations in ``unit`` (mg, ug, IU, Gy, Mcells), given
    ``doses_per_day`` times on that day; days count from 1. ``dose`` and ``day_total`` are rounded as a pharmacy would,
    ``exact_dose`` and ``exact_day_total`` are as computed.

    ``certain``: nothing unknown decides whether it happens to this person, though a rule may change it
    (``may_change``). A `conditional` row is given only ``when`` that is true; it has no day's total.
    """

    date: date
    day: int  # of therapy
    phase: str
    cycle: int
    phase_day: int
    kind: Kind
    certain: bool = True
    when: str = ""
    agent: str | None = None
    route: str | None = None
    dose: float | None = None
    exact_dose: float | None = None
    unit: str | None = None
    doses_per_day: int | None = None
    day_total: float | None = None
    exact_day_total: float | None = None
    infusion_h: float | None = None
    computed: str = ""  # 1.5 mg/m2 x 0.680 m2 = 1.02 mg
    capped: bool = False
    deviation_percent: float | None = None  # of the tablets of this week from the exact dose
    may_change: str = ""
    note: str = ""
    condition: Condition | None = None  # the meaning of `when`
    what: str = ""  # of a check what is looked for; of a decision 'go to PHASE' or 'leave PLACE'


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
    """The calendar of one person. ``warnings`` say where the person and the protocol do not fit; ``open_decisions``
    are those that could not be decided and therefore lead nowhere in this calendar."""

    protocol: Protocol
    person: Person
    start: date
    cycles: tuple[Cycle, ...]
    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()
    open_decisions: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that hold in every phase."""
        return tuple(rule_in_words(rule) for rule in self.protocol.rules if _concerns(rule, self.person))

    @property
    def end(self) -> date:
        """The last day of treatment."""
        return max(cycle.end for cycle in self.cycles)

    def table(self) -> pl.DataFrame:
        """The rows as a table, in the order of the calendar; columns are the fields of `Row` but its condition. The
        note of a conditional row says so, and what is given in its place. Totals of a day hold certain doses only."""
        import polars as pl  # not for the calendar itself

        rows = list(_with_alternatives(self.rows))
        data = {name: [getattr(row, name) for row in rows] for name in _SCHEMA}
        exact = pl.col("exact_dose", "exact_day_total").round_sig_figs(6)
        types = {name: getattr(pl, kind) for name, kind in _SCHEMA.items()}
        return pl.DataFrame(data, schema=types).with_columns(exact)


_SCHEMA: dict[str, str] = {  # column -> type of polars
    "date": "Date",
    "day": "Int64",
    "phase": "String",
    "cycle": "Int64",
    "phase_day": "Int64",
    "kind": "String",
    "certain": "Boolean",
    "when": "String",
    "agent": "String",
    "route": "String",
    "dose": "Float64",
    "exact_dose": "Float64",
    "unit": "String",
    "doses_per_day": "Int64",
    "day_total": "Float64",
    "exact_day_total": "Float64",
    "infusion_h": "Float64",
    "computed": "String",
    "capped": "Boolean",
    "deviation_percent": "Float64",
    "may_change": "String",
    "note": "String",
}


def plan(
    protocol: Protocol,
    *,
    age_y: float,
    sex: str,
    weight_kg: float,
    height_cm: float,
    start: date,
    take: Sequence[str] = (),
    agent: Callable[[str], Agent] | None = None,
    **more: Any,
) -> Plan:
    """The nominal calendar of a person in a protocol.

    age_y: years on day 1 (intrathecal doses follow the age on their day); sex: 'female' or 'male'; weight in kg,
    height in cm; body surface by Mosteller. take: phases (or what a decision leaves for) to which an undecided decision
    leads. agent: where agents are looked up (default: the library). ``more``: what else is known of the person, see
    `person`: ``cns``, ``tpmt``, ``ph``, ``donor``, ``marrow_mrd='0.02%'``, ...

    Raises ``BadInput`` for impossible values, and when an intrathecal table does not reach the person's age.
    """
    if not isinstance(start, date):
        raise BadInput(f"the start is '{start}'", remedy="Give a date, for example 2027-01-04")
    who = person(age_y=age_y, sex=sex, weight_kg=weight_kg, height_cm=height_cm, **more)
    start = start.date() if isinstance(start, datetime) else start
    try:
        start + timedelta(days=366 * 500)
    except OverflowError:
        raise BadInput(f"the start {start} is too late", remedy="Give a date before the year 9400") from None
    return _Planner(protocol, who, start, agent or library().agent, _ways(protocol, take)).run()


@dataclass
class _Planner:
    protocol: Protocol
    person: Person
    start: date
    agent: Callable[[str], Agent]
    take: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)
    phase_start: dict[str, int] = field(default_factory=dict)  # phase -> day of therapy
    highest: dict[tuple[str, str, str], float] = field(default_factory=dict)  # phase, agent, route -> amount
    results: dict[str, list[tuple[int, float | None]]] = field(default_factory=dict)  # examined -> day, result
    undecided: list[str] = field(default_factory=list)
    left: bool = False  # the protocol, by a decision
    taken: set[str] = field(default_factory=set)
    aged: dict[int, Person] = field(default_factory=dict)  # on each day
    known: dict[tuple[int, int, int], Person] = field(default_factory=dict)  # by what `_who` depends on

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
            day, target = self._play(phase, day)
            phase = None if self.left else self.protocol.phase(target) if target else self._after(phase)
        last = self.cycles[-1]
        length = last.last_day - last.first_day + 1
        end = _("leaves this protocol") if self.left else _("last day of treatment")
        self._add(last.last_day, last.phase, last.number, length, kind="end", note=end)
        rows = sorted(self.rows, key=lambda r: (r.day, _ORDER[r.kind]))
        return Plan(
            self.protocol, self.person, self.start, tuple(self.cycles), tuple(rows),
            self._warnings(), tuple(dict.fromkeys(self.undecided)),
        )  # fmt: skip

    # --- what is known on a day

    def _who(self, first: int, day: int) -> Person:
        """The person on a day of therapy: as old as on the first day of the cycle, with the results so far."""
        key = first, day, sum(map(len, self.results.values()))
        if key not in self.known:
            newest = {what: [value for when, value in found if when <= day] for what, found in self.results.items()}
            seen = {what: v[-1] for what, v in newest.items() if v and v[-1] is not None}
            self.known[key] = replace(self._aged(first), seen=seen)
        return self.known[key]

    def _aged(self, day: int) -> Person:
        """The person on a day of therapy, as old as then."""
        if day not in self.aged:
            self.aged[day] = self.person.on_day(day)
        return self.aged[day]

    def _examine(self, phase: Phase, first: int, length: int) -> None:
        """The results of the examinations of a cycle, as far as they were given; later ones are not known."""
        looked = sorted({(day, check.what) for check in phase.check for day in check.days if day <= length})
        points = {(check.days[0], check.what): check.time_point for check in phase.check if check.time_point}
        for day, what in looked:
            if what in MEASURED.values():
                given, found = self.person.measured.get(what, ()), self.results.setdefault(what, [])
                found.append((first + day - 1, given[len(found)] if len(found) < len(given) else None))
                if point := points.get((day, what)):
                    self.results.setdefault(AT_TIME_POINT[point - 1], []).append(found[-1])

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

    def _play(self, phase: Phase, day: int) -> tuple[int, str | None]:
        """Write the cycles of a phase; returns the first day after it and the phase that a decision leads to."""
        end = self._end(phase, day)
        count = -(-(end - day) // phase.days)
        for number in range(1, count + 1):
            first = day + (number - 1) * phase.days
            last = min(first + phase.days, end)
            target = self._cycle(phase, number, count, first, last)
            if target or self.left:
                return last, target
        return end, None

    def _end(self, phase: Phase, day: int) -> int:
        """The first day after the last cycle: repeats stop on the day the protocol names, even within a cycle."""
        if phase.repeat_times:
            return day + phase.repeat_times * phase.days
        if not phase.repeat_until:
            return day + phase.days
        who = self._aged(day)
        for until in phase.repeat_until:
            if truth(until.when, who):
                since = self.phase_start.get(until.from_phase, day) if until.from_phase else 1
                return min(max(since + until.days, day + 1), day + _LONGEST * phase.days)
        raise BadInput(
            f"nothing says when phase '{phase.id}' ends for this person",
            remedy="Name an end for every case in `repeat:`",
        )

    # --- one cycle

    def _cycle(self, phase: Phase, number: int, of: int, first: int, end: int) -> str | None:
        """Write one cycle; returns the phase that a decision leads to."""
        phase = phase.beginning_on(self._date(first).weekday())
        self._examine(phase, first, end - first)
        who = self._who(first, first)
        rules = (*self.protocol.rules, *phase.rules)
        opens = remaining(phase.start_when, who) if number == 1 else True
        gate = None if isinstance(opens, bool) else condition_in_words(opens)
        outcome, decisions = self._decide(phase, first, end - first)
        stop = outcome.day if outcome is not None and outcome.action == "leave" else None
        if stop is not None:
            self.left, end = True, first + stop
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
                tuple(rule_in_words(r, phase) for r in phase.rules if _concerns(r, who)),
                phase.open,
            )
        )

        def add(day: int, **row: Any) -> None:
            runs_over = row.pop("runs_over", False) and stop is None
            if 1 <= day < end - first + 1 or runs_over:
                if row["kind"] not in ("dose", "conditional") or day != stop:  # who leaves gets no dose on that day
                    self._add(first + day - 1, phase.id, number, day, **row)

        if gate:
            add(1, kind="gate", certain=False, when=gate, note=_("start when {condition}").format(condition=gate))
        for rule in phase.rules:
            if isinstance(rule.action, Wait):
                until = condition_in_words(rule.action.until)
                add(rule.action.day, kind="gate", certain=False, when=until,
                    note=_("wait until {condition}").format(condition=until))
        for check in phase.check:
            what = check.what if check.agent is None else f"level:{check.agent}"
            said = _("counts") if what == "counts" else in_words(what)
            for day in check.days:
                seen = next((v for at, v in self.results.get(what, ()) if at == first + day - 1), None)
                note = said
                if seen is not None:
                    note = _("{test}: {result}, as given").format(test=said, result=result_in_words(what, seen))
                add(day, kind="check", note=note, what=check.what)
        for day, certain, when, text, goes in decisions:
            add(day, kind="decision", certain=certain, when=when, note=text, what=goes)

        due = {id(give): self._due(give, phase, first) for give in phase.give}
        for give in phase.give:
            if due[id(give)]:
                for row in self._doses(give, due[id(give)], phase, rules, first):
                    add(row.pop("day"), **row)
        for rule in rules:
            if isinstance(rule.action, Rescue):
                for row in self._rescue(rule.action, phase, due, rules, first):
                    add(row.pop("day"), **row)
        return outcome.target if outcome is not None and outcome.action == "go to" else None

    def _decide(
        self, phase: Phase, first: int, length: int
    ) -> tuple[Decide | None, list[tuple[int, bool, str, str, str]]]:
        """The decision that is followed (the first true one of the last day that has one; who leaves, leaves at once),
        and all of them as day, whether it is known, the open condition, what is printed and where it leads."""
        outcome: Decide | None = None
        told = []
        for decide in sorted(phase.decide, key=lambda d: d.day):
            if decide.day > length or (outcome is not None and outcome.day == decide.day):
                continue
            who = self._who(first, first + decide.day - 1)
            left = remaining(decide.when, who)
            goes = f"{decide.action} {decide.target}"
            way = _("go to {phase}") if decide.action == "go to" else _("leave for {phase}")
            to = phase_in_words if decide.action == "go to" else place_in_words
            way = way.format(phase=to(decide.target))
            words = condition_in_words(decide.when if isinstance(left, bool) else left)
            if left is False:
                if any(compare.name in who.seen for compare in compares(decide.when)):
                    told.append((decide.day, True, "", _("goes on: not ({condition}), which would be: {way}").format(
                        condition=words, way=way), goes))
                continue
            if left is not True and decide.target in self.take and decide.target not in self.taken:
                self.taken.add(decide.target)
                outcome = decide
                told.append((decide.day, True, "", _("as asked for, as if {condition}: {way}").format(
                    condition=words, way=way), goes))
            elif left is True:
                outcome = decide
                since = _("since {condition}: {way}").format(condition=words, way=way)
                told.append((decide.day, True, "", since, goes))
            else:
                unsure = _("if {condition}: {way}").format(condition=words, way=way)
                told.append((decide.day, False, words, unsure, goes))
                self.undecided.append(_("{phase}, day {day}: if {condition}, {way}").format(
                    phase=phase_in_words(phase.name), day=decide.day, condition=words, way=way))
            if outcome is decide and decide.action == "leave":
                break
        return outcome, told

    def _due(self, give: Give, phase: Phase, first: int) -> dict[int, Condition | None]:
        """The days of the phase on which the line is due, or may be: what it still hangs on (None: it is certain)."""
        due: dict[int, Condition | None] = {}
        for day in give.days:
            who = self._who(first, first + day - 1)
            hangs = [remaining(give.when, who)]
            for other in phase.give:
                if (other.agent, other.route) in give.not_with and day in other.days:
                    left = remaining(other.when, who)
                    hangs.append(not left if isinstance(left, bool) else negated(left))
            if False not in hangs:
                left_open = tuple(item for item in hangs if not isinstance(item, bool))
                due[day] = And(left_open) if len(left_open) > 1 else left_open[0] if left_open else None
        return due

    def _doses(
        self, give: Give, due: dict[int, Condition | None], phase: Phase, rules: tuple[Rule, ...], first: int
    ) -> Iterator[dict[str, Any]]:
        who, days = self._who(first, first), tuple(due)
        factor, why = _factor(give, rules, who)
        if factor == 0.0:
            return
        steps = self._steps(give, days, phase)
        changes = _changes(give, rules, who)
        rows = [
            row | {"day": day} | _hangs(due[day])
            for day, step in zip(days, steps, strict=True)
            for row in self._day_doses(give, step, factor, why, first + day - 1)
        ]
        last = days[-1]
        for share, length in give.taper:
            for day in range(last + 1, last + length + 1):
                because = [*why, _("{share} (taper)").format(share=figures(f"{share:.4g}"))]
                for row in self._day_doses(give, (steps[-1][0], ""), factor * share, because, first + day - 1):
                    rows.append(row | {"day": day, "runs_over": True} | _hangs(due[days[-1]]))
            last += length
        rows = [row | {"may_change": changes} for row in rows]
        tablet = pieces_of(self.agent(give.agent)) if give.route == "PO" and give.doses_per_day == 1 else None
        for row in _in_tablets(rows, *tablet) if tablet else rows:
            yield row if row["kind"] == "dose" else row | {"day_total": None, "exact_day_total": None}

    def _day_doses(
        self, give: Give, step: tuple[float | None, str], factor: float, why: list[str], day: int
    ) -> Iterator[dict[str, Any]]:
        """What is given on a day: one row, or one for the morning and one for the evening where they differ."""
        amount, note = step
        if give.morning_evening is None or amount is None:
            yield self._dose(give, step, factor, why, day)
            return
        for part, when in zip(give.morning_evening, (_("in the morning"), _("in the evening")), strict=True):
            one = replace(give, per="dose", doses_per_day=1, morning_evening=None)
            said = f"{when}; {note}" if note else when
            yield self._dose(one, (part / sum(give.morning_evening) * amount, said), factor, why, day)

    def _steps(self, give: Give, days: tuple[int, ...], phase: Phase) -> list[tuple[float | None, str]]:
        """The amount of each dose as the protocol writes it; an escalating dose takes every planned step."""
        if give.escalation is None or give.amount is None:
            return [(give.amount, "")] * len(days)
        rise, base, why = give.escalation, give.amount, ""
        if rise.of_phase is not None and rise.start_fraction is not None:
            top = self.highest.get((rise.of_phase, give.agent, give.route))
            if top is not None:
                base = rise.start_fraction * top
                why = _("starts at {share} of {dose} ({phase})").format(
                    share=figures(f"{rise.start_fraction:.3g}"),
                    dose=f"{figures(f'{top:g}')} {unit_in_words(give.unit)}",
                    phase=phase_in_words(rise.of_phase))  # fmt: skip

        def called_step(i: int) -> str:
            said = _("step {n}").format(n=i + 1)
            return f"{said}; {why}" if why and i == 0 else said

        steps: list[tuple[float | None, str]] = [
            (base + rise.step * i, called_step(i)) for i in range(len(days))
        ]
        key = (phase.id, give.agent, give.route)
        self.highest[key] = max(base + rise.step * (len(days) - 1), self.highest.get(key, 0.0))
        return steps

    def _dose(
        self, give: Give, step: tuple[float | None, str], factor: float, why: list[str], day: int
    ) -> dict[str, Any]:
        who, (amount, note) = self._aged(day), step
        unit, __, per = give.unit.partition("/")
        notes = [note] if note else []
        if part := self.agent(give.agent).dose_of:
            notes.append(_("amount of {part}, one part of {agent}").format(part=_(part), agent=_agent(give.agent)))
        if amount is None:
            dose = self._by_age(give, who.age_y)
            computed = _("by age, {age} (table {table})").format(age=_years(who.age_y), table=give.table)
        else:
            size = {"m2": who.bsa_m2, "kg": who.weight_kg}.get(per, 1.0)
            dose = amount * factor * size
            said = f"{figures(f'{amount:.6g}')} {unit_in_words(give.unit)}"
            parts = [_("{dose}/day").format(dose=said) if give.per == "day" else said, *why]
            if per:
                parts.append(f"{figures(f'{size:.3f}')} m2" if per == "m2" else f"{figures(f'{size:g}')} kg")
            whole = f"{' x '.join(parts)} = {figures(_amount(dose))} {unit_in_words(unit)}"
            computed = whole if len(parts) > 1 else parts[0]
        if unit == "g":
            dose, unit = dose * 1000.0, "mg"
        times = give.doses_per_day
        single = dose / times if give.per == "day" else dose
        if times > 1:
            computed += f", {times} x {figures(_amount(single))} {unit_in_words(unit)}"
        capped = False
        if give.cap is not None and give.largest_dose is not None:
            in_mg = 1000.0 if give.cap[1] == "g" else 1.0
            cap = give.largest_dose * in_mg
            capped = single > cap
            if capped:
                single = cap
                most = _("capped at {dose} a day") if give.per == "day" else _("capped at {dose}")
                largest = f"{figures(f'{give.cap[0] * in_mg:g}')} {unit_in_words(unit)}"
                notes.insert(0, most.format(dose=largest))
        as_written = capped or amount is None or (not per and factor == 1.0)  # a table's or a flat dose is round
        given = single if as_written else rounded(single, unit)
        if give.infusion_h:
            notes.append(_("over {hours} h").format(hours=figures(f"{give.infusion_h:g}")))
        if len(give.routes) > 1:
            notes.append(_("or {routes}").format(routes=listed(give.routes[1:])))
        return {
            "kind": "dose", "agent": give.agent, "route": give.route, "dose": given, "exact_dose": single, "unit": unit,
            "doses_per_day": times, "day_total": given * times, "exact_day_total": single * times,
            "infusion_h": give.infusion_h, "computed": computed, "capped": capped, "note": "; ".join(notes),
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
        self,
        rescue: Rescue,
        phase: Phase,
        due: dict[int, dict[int, Condition | None]],
        rules: tuple[Rule, ...],
        first: int,
    ) -> Iterator[dict[str, Any]]:
        """The doses that are always given, after each dose of the agent; more follow while the level is high."""
        hours = [rescue.from_h + i * rescue.every_h for i in range(rescue.at_least)]
        after = {day: on for give in phase.give if _hits(rescue.after, give) for day, on in due[id(give)].items()}
        until = condition_in_words(rescue.until)
        changes = _changes(rescue.give, rules, self._who(first, first))
        for start in sorted(after):
            for offset in sorted({int(h // 24) for h in hours}):
                here = [h for h in hours if int(h // 24) == offset]
                row = self._dose(
                    replace(rescue.give, doses_per_day=len(here)),
                    (rescue.give.amount, ""),
                    1.0,
                    [],
                    first + start + offset - 1,
                )
                note = ngettext(
                    "hour {hours} after {agent}, then every {step} h until {condition}",
                    "hours {hours} after {agent}, then every {step} h until {condition}",
                    len(here),
                ).format(
                    hours=listed(figures(f"{h:g}") for h in here), agent=_agent(rescue.after.agent),
                    step=figures(f"{rescue.every_h:g}"), condition=until,
                )  # fmt: skip
                row |= _hangs(after[start])
                if row["kind"] == "conditional":
                    row |= {"day_total": None, "exact_day_total": None}
                yield row | {
                    "day": start + offset,
                    "runs_over": True,
                    "may_change": changes,
                    "note": "; ".join(n for n in (note, row["note"]) if n),
                }

    # --- small things

    def _date(self, day: int) -> date:
        return self.start + timedelta(days=day - 1)

    def _add(self, day: int, phase: str, cycle: int, phase_day: int, **row: Any) -> None:
        self.rows.append(Row(self._date(day), day, phase, cycle, phase_day, **row))

    def _warnings(self) -> tuple[str, ...]:
        out = []
        fits = remaining(self.protocol.eligible, self.person)
        if fits is False:
            said = condition_in_words(self.protocol.eligible)
            out.append(_("This person is outside the protocol, which is for: {condition}.").format(condition=said))
        elif fits is not True:
            said = condition_in_words(fits)
            out.append(_("Whether the protocol is for this person is not known: it asks for {condition}.").format(
                condition=said))  # fmt: skip
        for what, given in self.person.measured.items():
            asked = len(self.results.get(what, ()))
            if len(given) > asked:
                out.append(_("Results of {test}: {given} given, but only {asked} asked for on this way.").format(
                    test=in_words(what), given=len(given), asked=asked))  # fmt: skip
        for target in self.take:
            if target not in self.taken:
                out.append(_("No undecided decision on this way leads to '{phase}'.").format(phase=target))
        return tuple(out)


def _ways(protocol: Protocol, take: Sequence[str]) -> tuple[str, ...]:
    """What decisions may lead to, as the protocol spells it; ``BadInput`` for what none leads to."""
    known = list(dict.fromkeys(decide.target for phase in protocol.phases for decide in phase.decide))
    by_lower = {name.lower(): name for name in known}
    for name in take:
        if name.lower() not in by_lower:
            near = nearest(name, known)
            remedy = f"Did you mean '{near}'?" if near else f"They lead to: {', '.join(known) or 'nothing'}"
            raise BadInput(f"no decision of {protocol.id} leads to '{name}'", remedy=remedy)
    return tuple(by_lower[name.lower()] for name in take)


def _hangs(on: Condition | None) -> dict[str, Any]:
    """How a dose that hangs on a condition is marked."""
    if on is None:
        return {}
    return {"kind": "conditional", "certain": False, "when": condition_in_words(on), "condition": on}


def _with_alternatives(rows: Sequence[Row]) -> Iterator[Row]:
    """Conditional doses say so in their note, and what is given in their place on that day."""
    by_day: dict[int, list[Row]] = {}
    for row in rows:
        if row.condition is not None:
            by_day.setdefault(row.day, []).append(row)
    for row in rows:
        if row.condition is None:
            yield row
            continue
        others = [
            _("{dose} if {condition}").format(
                dose=f"{_agent(o.agent or '')} {o.route} {figures(_amount(o.dose or 0.0))} {unit_in_words(o.unit)}",
                condition=o.when
            )
            for o in by_day[row.day]
            if o.condition is not None and exclusive(row.condition, o.condition)
        ]
        either = _("either this, or {others}").format(others=joined(_("{one}; or {other}"), others)) if others else ""
        only = _("only if {condition}").format(condition=row.when)
        yield replace(row, note="; ".join(n for n in (only, either, row.note) if n))


def _concerns(rule: Rule, who: Person) -> bool:
    """Whether a rule can ever hold for this person; one that sets the first dose only where it is known to."""
    action = rule.action
    if isinstance(action, Wait | Rescue | MakeUp):
        return True
    if isinstance(action, Start):
        return truth(action.when, who) is not False
    return isinstance(action, Transfuse) or action.when is None or truth(action.when, who) is not False


def _changes(give: Give, rules: Sequence[Rule], who: Person) -> str:
    """What the rules may make of a dose that is due, in words."""
    said = []
    for rule in rules:
        action = rule.action
        if isinstance(action, Wait | Rescue | Transfuse) or not any(_hits(t, give) for t in action.targets):
            continue
        if isinstance(action, MakeUp) or (isinstance(action, Miss) and action.when is None):
            said.append(change_in_words(action))
            continue
        assert action.when is not None
        left = remaining(action.when, who)
        if isinstance(action, Miss) and left is True:
            said.append(change_in_words(replace(action, when=None)))
        elif not isinstance(left, bool):
            said.append(change_in_words(replace(action, when=left)))
    return "; ".join(dict.fromkeys(text for text in said if text))


def result_in_words(what: str, value: float) -> str:
    """A result as it is printed: 0.02%, 1000 per microlitre."""
    if what == "blood blasts":
        return _("{n} per microlitre").format(n=figures(f"{value:g}"))
    return figures(f"{100 * value:.4g}") + "%"


def _factor(give: Give, rules: tuple[Rule, ...], who: Person) -> tuple[float, list[str]]:
    """What the rules that hang on the person alone make of a dose, and why. 0: not given."""
    factor, why = 1.0, []
    for rule in rules:
        action = rule.action
        if not isinstance(action, Start | Limit | Omit | Stop):
            continue
        if not any(_hits(target, give) for target in action.targets) or truth(action.when, who) is not True:
            continue
        if isinstance(action, Omit | Stop):
            return 0.0, []
        if give.amount is None:  # a table's dose is not lowered
            continue
        factor *= action.fraction
        why.append(f"{action.fraction:.0%} ({_because(action.when, who)})")
    return factor, why


def _because(condition: Condition, who: Person) -> str:
    """The facts of the person that a condition asks for: TPMT intermediate, NUDT15 normal."""
    facts = {compare.name: who.fact(compare.name) for compare in compares(condition)}
    shown = {k: v for k, v in facts.items() if v != "normal"} or facts
    said = {k: _(v) if isinstance(v, str) else figures(format(v, ".3g")) for k, v in shown.items() if v}
    return listed(f"{in_words(k)} {v}" for k, v in said.items())


def _hits(target: Target, give: Give) -> bool:
    return target.agent == give.agent and (give.route != "IT" if target.route is None else target.route == give.route)


def _in_tablets(rows: list[dict[str, Any]], strength: float, parts: int) -> Iterator[dict[str, Any]]:
    """Doses by mouth as tablets: the weeks of the phase are rounded one by one, what is certain apart from the rest."""
    weeks: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in rows:
        weeks.setdefault(((row["day"] - 1) // 7, row.get("when", "")), []).append(row)
    for days in weeks.values():
        tablets = week([row["exact_dose"] for row in days], strength, parts)
        said = tablets.in_words()
        for row, dose in zip(days, tablets.doses, strict=True):
            note = "; ".join(n for n in (row["note"], said) if n)
            if tablets.possible:
                row |= {"dose": dose, "day_total": dose, "deviation_percent": tablets.deviation}
            yield row | {"note": note}


def _amount(value: float) -> str:
    """Three significant digits or a little more, no zero at the end: 0.97, 1.02, 51, 102, 1700."""
    text = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _years(age_y: float) -> str:
    return _("{age} years").format(age=figures(f"{age_y:.1f}"))


def _agent(name: str) -> str:
    """An agent in a note of the plan; in English by the name of its file."""
    return name if language() == "en" else called("agents", name)
