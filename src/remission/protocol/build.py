"""From the parse tree of a sentence to the objects of model.py. Raises ``Misread``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple, cast

from lark import Token, Tree

from ..knowledge import limits
from ..knowledge.errors import nearest
from .grammar import Misread, Parsed
from .groups import groups_in_use
from .logic import compares, ways
from .model import (
    Action,
    Adjust,
    And,
    Beside,
    Check,
    Compare,
    Condition,
    Decide,
    Defined,
    Escalation,
    Give,
    Hold,
    Limit,
    MakeUp,
    Miss,
    Not,
    Omit,
    Or,
    Place,
    Provenance,
    Repeat,
    Rescue,
    Route,
    Rule,
    Start,
    Stop,
    Streak,
    Target,
    Transfuse,
    Until,
    Wait,
    Weekdays,
)
from .vocabulary import (
    ALIASES,
    CAP_UNITS,
    CONCENTRATIONS,
    COUNTS,
    DEFINED,
    EVER,
    FRACTIONS,
    ORDINALS,
    PERSON,
    SHARES,
    STATES,
    TIME_POINTS,
    UNITS,
    VALUES,
    agents,
    canonical,
    measured,
    side_effects,
)

Node = Tree[Token]

_FRACTIONS = {"half": 1 / 2, "one half": 1 / 2, "one third": 1 / 3, "two thirds": 2 / 3, "three quarters": 3 / 4}
_DAYS_IN = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
_DOSES_A_DAY = (1, 2, 3, 4, 6, 8, 12)
_TIMES = {"BID": 2, "TID": 3, "QID": 4}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


_LONGEST = f"A phase with all its cycles lasts at most {limits.PHASE_DAYS:,} days"


class Cycles(NamedTuple):
    """``every 84 days until ...`` or ``8 times``."""

    every_days: int | None
    until: tuple[Until, ...]
    times: int | None


class Builder:
    """Makes model objects of the sentences of one phase of ``days`` days (None: not known), the first of which the
    file calls ``first_day``."""

    def __init__(self, days: int | None = None, first_day: int = 1) -> None:
        self.days = days
        self.first_day = first_day

    def give(self, parsed: Parsed, place: Place | None, text: str) -> Give:
        tree = parsed.tree
        agent = _word(tree.children[0])
        routes = _routes(_first(tree, "ROUTES"))
        said = self._pieces(tree)
        schedule = said.pop("days", None)
        along = tuple(_value(said, "on the days of") or ())
        if schedule is not None and along:
            raise Misread(schedule[0], "the days are said twice", "Name days, or the medicines whose days they are")
        if "only after" in said:
            said["days after"] = said["only after"]
        if "days after" in said and not along:
            raise Misread(
                said["days after"][0], "after which days?", "Write: on the days of doxorubicin IV and for 1 day after"
            )
        if schedule is None and along:
            schedule = (said["on the days of"][0], ((), None))
            for piece in ("rising", "taper"):
                if piece in said:
                    raise Misread(said[piece][0], "such a dose has days of its own", "Name the days")
        if schedule is None and "daily" in said:
            schedule = (said["daily"][0], (self._to_end(said["daily"][1]), None))
        if schedule is None:
            raise Misread(
                len(text.rstrip()) if not parsed.sources else text.index("["),
                "the sentence does not say on which days",
                "Add for example: on days 1, 8, 15 (or: daily, weekly, every 14 days)",
            )
        amount: float | None = None
        unit, per, table = "mg", "dose", None
        both: tuple[float, float] | None = None
        if two := _maybe(tree, "morning_evening"):
            both, unit = _morning_evening(two)
            amount, per = sum(both), "day"
            for name in ("split", "every_hours", "times", "cap"):
                if name in said:
                    raise Misread(said[name][0], "a dose AM and one PM are said already", "Leave this out")
        elif tree.data == "give":
            amount, unit, per = _amount(_child(tree, "amount"))
        elif named := _maybe(tree, "table"):
            table = str(named.children[0])
        elif "every_hours" in said:
            raise Misread(said["every_hours"][0], "a dose by age is given once a day", "Leave out 'every ... hours'")
        doses = 1 if both is None else 2
        if "times" in said:
            offset, doses = said["times"]
            if tree.data == "give_by_age":
                raise Misread(offset, "a dose by age is given once a day", "Leave it out")
            if other := said.get("split") or said.get("every_hours"):
                raise Misread(other[0], "how often a day is said twice", "Say it once")
        if "split" in said:
            offset, doses = said["split"]
            if per == "dose":
                raise Misread(
                    offset,
                    "the amount is that of one dose, so it cannot be split",
                    f"Write {unit}/day in {doses} doses, or {unit} ... every {24 // doses} hours",
                )
        if "every_hours" in said:
            offset, doses = said["every_hours"]
            if per == "day":
                raise Misread(offset, "the amount is that of a day", f"Write in {doses} doses instead")
        if "taper" in said and not schedule[1]:
            raise Misread(said["taper"][0], "a taper follows the last day", "Name the days first")
        escalation = said["rising"][1] if "rising" in said else None
        if escalation is not None and escalation[1] != unit:
            raise Misread(
                said["rising"][0], f"the dose is in {unit} and rises in {escalation[1]}", f"Write the step in {unit}"
            )
        cap = _value(said, "cap")
        if cap is not None:
            largest, cap_unit, cap_per = cap
            cap = (largest / doses if cap_per == "day" and per == "dose" else largest, cap_unit)
        days, weekdays = schedule[1]
        return Give(
            agent=agent,
            route=routes[0],
            routes=routes,
            amount=amount,
            unit=unit,
            per=cast(Any, per),
            doses_per_day=doses,
            days=days,
            along=along,
            days_after=_value(said, "days after") or 0,
            only_after="only after" in said,
            table=table,
            cap=cap,
            infusion_h=_value(said, "over"),
            when=_value(said, "if"),
            not_with=_value(said, "not on") or (),
            escalation=escalation[0] if escalation else None,
            taper=tuple(_value(said, "taper") or ()),
            weekdays=weekdays,
            morning_evening=both,
            provenance=parsed.provenance,
            place=place,
            text=text,
        )

    def _pieces(self, tree: Node) -> dict[str, tuple[int, Any]]:
        """What follows agent, dose and route, each at most once."""
        said: dict[str, tuple[int, Any]] = {}
        for node in tree.children:
            if not isinstance(node, Tree) or node.data in ("amount", "morning_evening", "table"):
                continue
            name, value = self._piece(node)
            offset = _start(node)
            if name == "daily":
                said.setdefault(name, (offset, value))
            elif name == "after":
                if "on the days of" in said:
                    raise Misread(offset, "the days are said twice", "Write two sentences")
                said["only after"], said["on the days of"] = (offset, value[0]), (offset, [value[1]])
            elif name == "taper step":
                if "taper" not in said:
                    raise Misread(offset, "a percentage for some days belongs to a taper", "Write: then taper 50% ...")
                said["taper"][1].append(value)
            elif name == "beside":
                if "on the days of" not in said:
                    raise Misread(offset, "another medicine stands here without a reason", "Write: on the days of ...")
                said["on the days of"][1].append(value)
            elif name in said:
                raise Misread(offset, f"'{name}' is said twice", "Write two sentences")
            else:
                said[name] = (offset, value)
        return said

    def _piece(self, node: Node) -> tuple[str, Any]:
        kind, parts = str(node.data), node.children
        if kind == "cap":
            largest = _positive(parts[0], "the largest dose is more than 0")
            return "cap", (largest, _unit(parts[1], CAP_UNITS), "day" if parts[2] else "dose")
        if kind == "times_a_day":
            return "times", _TIMES[str(parts[0]).upper()]
        if kind == "every_day" or (kind == "daily" and not any(parts)):
            return "daily", node  # beside the days themselves, "daily on days 1-14", it says nothing more
        if kind == "split":
            return "split", _doses_a_day(parts[0], _number(parts[0]))
        if kind == "every_hours":
            hours = _number(parts[0])
            return "every_hours", _doses_a_day(parts[0], 24 / hours if hours else 0)
        if kind == "over":
            if _number(parts[0]) <= 0:
                raise Misread(_at(parts[0]), "an infusion takes some time", "Leave 'over' out for an injection")
            hours = _number(parts[0]) * (1 / 60 if str(parts[1]).lower().startswith("m") else 1.0)
            if hours > limits.INFUSION_HOURS:
                raise Misread(
                    _at(parts[0]), f"no dose runs in for more than {limits.INFUSION_HOURS:g} hours", "Split it"
                )
            return "over", hours
        if kind == "rising":
            step, unit, start = _number(parts[0]), _unit(parts[1], UNITS), parts[2]
            if start is None:
                return "rising", (Escalation(step), unit)
            fraction, phase = cast(Node, start).children
            return "rising", (Escalation(step, _fraction(_token(fraction)), _phase(phase)), unit)
        if kind == "not_with":
            return "not on", tuple((_word(t.children[0]), _routes(t.children[1])[0]) for t in _trees(node))
        if kind == "along":
            return "on the days of", [_beside(_child(node, "beside"))]
        if kind == "after":
            return "after", (_whole(_token(node.children[0])), _beside(_child(node, "beside")))
        if kind == "along_more":
            return "beside", _beside(_child(node, "beside"))
        if kind == "days_after":
            return "days after", _whole(_token(node.children[-1]))
        if kind == "taper":
            return "taper", [_taper(_child(node, "taper_step"))]
        if kind in ("taper_more", "taper_step"):
            return "taper step", _taper(node if kind == "taper_step" else _child(node, "taper_step"))
        if kind == "only_if":
            return "if", condition(node.children[0])
        return "days", self.schedule(node)

    def schedule(self, node: Node) -> tuple[tuple[int, ...], Weekdays | None]:
        """The days of the phase, expanded and sorted, and the weekdays that they come from."""
        kind, parts = str(node.data), node.children
        if kind == "on_days":
            return self._day_list(_token(parts[0])), None
        *head, first_node, last_node, count = cast(list[Any], parts)
        first, last = (self._one_day(_token(cast(Node, b).children[0])) if b else None for b in (first_node, last_node))
        first = first or 1
        doses: int | None = None
        if count is not None:
            if last is not None:
                raise Misread(_start(count), "the last day is said twice", "Write either 'to day' or 'for'")
            doses, last = self._count(count, first)
        if last is None:
            last = len(self._to_end(node))
        if last < first:
            said = [day + self.first_day - 1 for day in (first, last)]
            raise Misread(_start(node), f"there is no day from {said[0]} to {said[1]}", "The first day comes first")
        days, weekdays = self._recurring(kind, node, head, first, last)
        if doses is not None:
            if len(days) < doses:
                raise Misread(_start(count), f"{doses} doses do not fit into the phase", f"It has room for {len(days)}")
            days = days[:doses]
            weekdays = replace(weekdays, last=days[-1]) if weekdays else None
        if not days:
            raise Misread(_start(node), "no such day lies in the phase", "Name other days")
        return days, weekdays

    def _to_end(self, node: Node) -> tuple[int, ...]:
        """Every day of the phase."""
        if self.days is None:
            raise Misread(_start(node), "the phase has no length, so this has no end", "Add: to day 50")
        return tuple(range(1, self.days + 1))

    def _recurring(
        self, kind: str, node: Node, head: list[Any], first: int, last: int
    ) -> tuple[tuple[int, ...], Weekdays | None]:
        if kind == "weekdays":
            names = tuple(sorted({_WEEKDAYS.index(name) for name in str(head[0]).lower().split("/")}))
            weekdays = Weekdays(names, first, last)
            return weekdays.days(), weekdays
        if kind in ("each_week", "each_days"):
            length = 7 if kind == "each_week" else _whole(_token(head[1]))
            if length < 1:
                raise Misread(_at(head[1]), "a period of 0 days", "Write of each 28 days, for example")
            wanted = Builder(length)._day_list(_token(head[0]))
            return tuple(day for day in range(first, last + 1) if (day - first) % length + 1 in wanted), None
        step = {"daily": 1, "weekly": 7}.get(kind)
        if step is None:
            step = _whole(_token(head[0]))
            if step < 1:
                raise Misread(_start(node), "every 0 days is never", "Write every 7 days, for example")
        return tuple(range(first, last + 1, step)), None

    def _count(self, count: Node, first: int) -> tuple[int | None, int | None]:
        """How many doses, or the last day, of ``for 4 doses`` or ``for 4 weeks``."""
        number = _token(count.children[0])
        if _number(number) < 1:
            raise Misread(_at(number), f"for {number} is never", "Leave the sentence out")
        if count.data == "doses":
            return _whole(number), None
        last = first + _span_days(number, _token(count.children[1])) - 1
        if self.days is not None and last > self.days:
            last = self._in_phase(last + self.first_day - 1, _at(number))
        return None, last

    def _day_list(self, token: Token) -> tuple[int, ...]:
        days: set[int] = set()
        for found in re.finditer(r"([+-]?\d+)(?:\s*-\s*([+-]?\d+))?", str(token)):
            first = self._in_phase(int(found[1]), _at(token) + found.start(1))
            last = self._in_phase(int(found[2]), _at(token) + found.start(2)) if found[2] else first
            if last < first:
                one, other = int(found[1]), int(found[2])
                raise Misread(_at(token) + found.start(), f"days {one}-{other} run backwards", f"Write {other}-{one}")
            again = days & set(range(first, last + 1))
            if again:
                day = min(again) + self.first_day - 1
                raise Misread(_at(token) + found.start(), f"day {day} stands twice", "Write each day once")
            days.update(range(first, last + 1))
        return tuple(sorted(days))

    def _in_phase(self, written: int, offset: int) -> int:
        """The day of the phase, from 1, that the file calls ``written``."""
        day = written - self.first_day + 1
        if day < 1:
            if self.first_day < 1:
                raise Misread(offset, f"day {written} lies before the phase", f"It begins on day {self.first_day}")
            if written < 0:
                remedy = f"Give the phase days that count from a transplant on day 0, for example days: {written} to 30"
                raise Misread(offset, f"day {written} lies before day 1 of the phase", remedy)
            raise Misread(offset, "there is no day 0", "Days of a phase count from 1")
        if day > (self.days if self.days is not None else limits.PHASE_DAYS):
            length = self.days if self.days is not None else limits.PHASE_DAYS
            remedy = (
                f"The phase has {length} days"
                if self.first_day == 1
                else f"It ends on day {length + self.first_day - 1}"
            )
            raise Misread(offset, f"day {written} lies beyond the phase", remedy)
        return day

    def _one_day(self, token: Token) -> int:
        days = self._day_list(token)
        if len(days) != 1:
            raise Misread(_at(token), "one day is wanted here", "Write for example: day 29")
        return days[0]

    def check(self, parsed: Parsed, place: Place | None, text: str) -> Check:
        tree = parsed.tree
        (days, weekdays), what = self.schedule(_trees(tree)[0]), _token(tree.children[1])
        if tree.data == "check_level":
            return Check(days, "level", _word(what), parsed.provenance, place, text, weekdays)
        found, point = canonical(what, ["counts", *FRACTIONS, "blood blasts"]), tree.children[2]
        if point is not None and (found != "marrow MRD" or len(days) != 1):
            remedy = "Write: day 29: marrow MRD, time point 1"
            raise Misread(_at(point), "a time point is that of one marrow MRD", remedy)
        if point is not None and str(point) not in map(str, range(1, TIME_POINTS + 1)):
            raise Misread(_at(point), f"there is no time point {point}", f"Time points are 1 to {TIME_POINTS}")
        number = int(str(point)) if point is not None else None
        return Check(days, cast(Any, found), None, parsed.provenance, place, text, weekdays, number)

    def decide(self, parsed: Parsed, place: Place | None, text: str) -> Decide:
        day, when, outcome = parsed.tree.children
        action = cast(Node, outcome)
        target = _phase(action.children[0])
        return Decide(
            self._one_day(_token(day)),
            condition(when),
            "go to" if action.data == "go_to" else "leave",
            target,
            parsed.provenance,
            place,
            text,
        )

    def rule(self, parsed: Parsed, place: Place | None, text: str) -> Rule:
        return Rule(self._action(parsed.tree), parsed.provenance, place, text)

    def _action(self, tree: Node) -> Action:
        kind, parts = str(tree.data), tree.children
        if kind == "hold":
            when, end, streak, resume = parts[1:]
            return Hold(_targets(parts[0]), condition(when), condition(end), _resume(resume), _maybe_streak(streak))
        if kind == "make_up":
            return MakeUp(_targets(parts[0]), _longest(parts[1]))
        if kind in ("raise_by", "reduce_by", "halve"):
            return _adjust(kind, parts)
        if kind in ("limit", "start"):
            made: Callable[..., Action] = Limit if kind == "limit" else Start
            return made(_targets(parts[0]), _percent(parts[1]), condition(parts[2]))
        if kind in ("omit", "repeat_dose"):
            plain: Callable[..., Action] = Omit if kind == "omit" else Repeat
            return plain(_targets(parts[0]), condition(parts[1]))
        if kind == "miss":
            return _miss(parts)
        if kind == "stop":
            return Stop(_targets(parts[0]), condition(parts[1]), _maybe_streak(parts[2]))
        if kind == "wait":
            return Wait(self._one_day(_token(parts[0])), condition(parts[1]))
        if kind == "transfuse":
            product = canonical(_token(parts[0]), ["red cells", "platelets"])
            return Transfuse(cast(Any, product), _number(parts[1]), condition(parts[3]))
        if kind == "rescue":
            return _rescue(parts)
        raise AssertionError(f"a rule of the grammar that nothing builds: {kind}")

    def repeat(self, parsed: Parsed, place: Place | None, text: str) -> Cycles:
        tree = parsed.tree
        if tree.data == "repeat_times":
            times = _whole(_token(tree.children[1]))
            if times < 1:
                raise Misread(_at(_token(tree.children[1])), "0 times is never", "Leave the phase out")
            if times > limits.PHASE_DAYS:
                raise Misread(_at(_token(tree.children[1])), f"{times} times is too often", _LONGEST)
            return Cycles(_maybe_whole(tree.children[0]), (), times)
        return Cycles(_maybe_whole(tree.children[0]), tuple(_until(node) for node in _trees(tree)), None)


# --- conditions -------------------------------------------------------------------------------


def condition(node: Any) -> Condition:
    """The condition of a parse tree, names and values checked, within the bounds of limits.py."""
    made = _condition(node, 0)
    parts = sum(1 for _ in compares(made))
    if parts > limits.CONDITION_PARTS:
        raise Misread(_start(node), f"a condition of {parts} comparisons", f"At most {limits.CONDITION_PARTS}")
    if ways(made) > limits.CONDITION_WAYS:
        raise Misread(
            _start(node),
            f"this condition can come true in more than {limits.CONDITION_WAYS} ways",
            "Write it plainer, or as several sentences",
        )
    return made


def _condition(node: Any, depth: int) -> Condition:
    kind, parts = str(node.data), node.children
    if depth > limits.CONDITION_DEPTH:
        raise Misread(
            _start(node), f"brackets and nots lie more than {limits.CONDITION_DEPTH} deep", "Write it plainer"
        )
    if kind in ("either", "both"):
        if len(parts) == 1:
            return _condition(parts[0], depth + (kind == "either"))
        made: Callable[..., Condition] = Or if kind == "either" else And
        return made(tuple(_condition(part, depth + 1) for part in parts))
    if kind == "negation":
        return Not(_condition(parts[0], depth + 1))
    if kind == "compare_is":
        name, negated, value = parts
        return _compare(name, "!=" if negated else "=", value, None)
    name, ever, op, value, unit = parts
    compare = _compare(name, {"≤": "<=", "≥": ">="}.get(op, str(op)), value, unit)
    if not ever:
        return compare
    if isinstance(compare, Defined) or compare.name not in side_effects():
        raise Misread(_at(ever), f"'ever' asks for the worst grade of a side effect, which {name} is not",
                      "Leave 'ever' out, or name a side effect: remission list side-effects")  # fmt: skip
    return replace(compare, name=compare.name + EVER)


def _compare(token: Token, op: Any, value: Token, unit: Token | None) -> Compare | Defined:
    name = canonical(token, measured())
    if name is None:
        return _level(token, op, value, unit)
    if unit is not None:
        raise Misread(_at(unit), f"{name} is written without a unit", _unit_of(name))
    if name in DEFINED:
        return _defined(token, op, value, name)
    if name in VALUES:
        word = canonical(value, VALUES[name])
        if word is None:
            near = nearest(value, VALUES[name])
            raise Misread(
                _at(value),
                f"'{value}' is no value of {name}",
                (f"Did you mean '{near}'? " if near else "") + "Known are " + ", ".join(VALUES[name]),
            )
        if op not in ("=", "!="):
            raise Misread(_at(token), f"{name} has no order", f"Write {name} is {word}")
        return Compare(name, op, word)
    if value.type == "WORD":
        raise Misread(_at(value), f"{name} is compared with a number, not with '{value}'", _unit_of(name))
    if value.type == "PERCENT" and name not in (*FRACTIONS, *SHARES):
        raise Misread(_at(value), f"{name} is no fraction", _unit_of(name))
    number = _percent(value) if value.type == "PERCENT" else _number(value)
    if name in (*FRACTIONS, *SHARES) and number > 1:
        raise Misread(_at(value), f"{name} cannot exceed 100%", f"Write {value}% or a fraction between 0 and 1")
    return Compare(name, op, number)


def _defined(token: Token, op: Any, value: Token, name: str) -> Defined:
    groups = groups_in_use()
    if groups is None:
        raise Misread(_at(token), f"nothing says what {name} means", "Add to the file: risk groups: cog-b-all")
    if op not in ("=", "!="):
        raise Misread(_at(token), f"{name} has no order", f"Write {name} is {value}")
    meanings = groups.meanings(name)
    word = canonical(value, list(meanings))
    if word is None:
        near = nearest(value, meanings)
        known = f"{groups.id} has " + ", ".join(meanings)
        raise Misread(
            _at(value), f"'{value}' is no value of {name}", f"Did you mean '{near}'? {known}" if near else known
        )
    said = dict(groups.said).get(word, Provenance())
    return Defined(name, op, word, meanings[word], said, groups.id)


def _level(token: Token, op: Any, value: Token, unit: Token | None) -> Compare:
    if unit is None:
        known = [*measured(), *ALIASES, *agents()]
        if canonical(token, list(agents())):
            raise Misread(_at(value) + len(value), f"the level of {token} needs a unit", "Write for example 0.25 uM")
        parts = [name for name in measured() if str(token).lower() in name.lower().split()]  # MRD: of marrow or blood
        near = nearest(token, known) or "' or '".join(parts)
        raise Misread(
            _at(token),
            f"'{token}' is neither a measurement nor an agent",
            (f"Did you mean '{near}'? " if near else "") + "Known are " + ", ".join(measured()),
        )
    if value.type != "NUMBER":
        raise Misread(_at(value), "a level is compared with a number", "Write for example 0.25 uM")
    return Compare(f"level:{str(token).lower()}", op, _number(value), _unit(unit, CONCENTRATIONS))


def _unit_of(name: str) -> str:
    if name in (*FRACTIONS, *SHARES):
        return f"{name} is a fraction; write for example 0.01%"
    unit = COUNTS.get(name) or STATES.get(name) or PERSON.get(name) or "whole numbers"
    return f"{name} is in {unit}"


# --- parts ------------------------------------------------------------------------------------


def _adjust(kind: str, parts: list[Any]) -> Adjust:
    targets, rest = _targets(parts[0]), parts[1:]
    in_turn = False
    if kind == "raise_by":
        in_turn, rest = rest[0] is not None, rest[1:]
    factor = 0.5
    if kind != "halve":
        written, rest = rest[0], rest[1:]
        change = _decimal(written)
        if change == 0 or (kind == "reduce_by" and change >= 1):
            raise Misread(_at(written), f"a change by {written} is no change of dose", "Use hold or stop")
        factor = float(1 + change if kind == "raise_by" else 1 - change)
    streak = _maybe_streak(rest[1])
    bounds: dict[str, float] = {}
    for node in rest[2:]:
        if node.data in bounds:
            raise Misread(_start(node), f"'{str(node.data).replace('_', ' ')}' is said twice", "Write it once")
        bounds[str(node.data)] = _percent(node.children[0])
    return Adjust(targets, factor, condition(rest[0]), streak, bounds.get("at_most"), bounds.get("at_least"), in_turn)


def _miss(parts: list[Any]) -> Miss:
    share = _percent(parts[0])
    if not 0 < share <= 1:
        raise Misread(_at(parts[0]), f"{parts[0]} of the doses cannot be missed", "Write more than 0% and at most 100%")
    return Miss(_targets(parts[1]), share, condition(parts[2]) if parts[2] is not None else None)


def _resume(node: Any) -> tuple[float, ...]:
    """Shares of the dose after the first, the second, ... hold."""
    if node is None:
        return (1.0,)
    if node.data == "old_resume":
        first, second = (str(_token(part)) for part in node.children[:2])
        raise Misread(
            _at(_token(node.children[1])),
            "'then' can be read in two ways",
            f"Write: resume at {first}, after the second hold at {second}. For a dose that rises some days after it "
            "was resumed write a rule of its own: raise ... by ... when ... for 7 days, at most 100%",
        )
    shares = [_percent(node.children[0])]
    for number, later in zip(ORDINALS, node.children[1:], strict=False):
        ordinal, share = (_token(part) for part in cast(Node, later).children)
        if ordinal.lower() != number:
            raise Misread(_at(ordinal), f"the {ordinal} hold is out of order", f"Write: after the {number} hold at ...")
        shares.append(_percent(share))
    return tuple(shares)


def _longest(node: Any) -> int | None:
    if node is None:
        return None
    number, span = (_token(part) for part in node.children)
    days = _span_days(number, span)
    if days < 1:
        raise Misread(_at(number), "a hold lasts a day at least", "Write: up to 7 days, else begin again")
    return days


def _maybe_streak(node: Any) -> Streak:
    return Streak() if node is None else _streak(node)


def _streak(node: Node) -> Streak:
    parts = node.children
    if node.data == "visits":
        return Streak(0, _whole(_token(parts[0])))
    visits = parts[2]
    days = _span_days(_token(parts[0]), _token(parts[1]))
    return Streak(days, _whole(_token(visits)) if visits is not None else 1)


def _rescue(parts: list[Any]) -> Rescue:
    agent, amount_node, route, every, start, after, until, least = parts
    amount, unit, per = _amount(amount_node)
    if per == "day":
        raise Misread(_start(amount_node), "a rescue dose is the amount of one dose", f"Write {unit} without /day")
    routes = _routes(route)
    give = Give(_word(agent), routes[0], routes, amount, unit, "dose", 1, ())
    if not 0 < _number(every) <= 168:
        raise Misread(_at(every), f"every {every} hours is never", "Write every 6 hours, for example")
    if _number(start) > limits.INFUSION_HOURS:
        raise Misread(_at(start), f"hour {start} is too late for a rescue", "Write from hour 42, for example")
    at_least = _whole(_token(least.children[0])) if least else 3
    if not 1 <= at_least <= 100:
        raise Misread(_at(least.children[0]), f"at least {at_least} doses cannot be", "Write 1 to 100")
    return Rescue(give, _number(every), _number(start), _target(after), condition(until), at_least)


def _until(node: Node) -> Until:
    number, span, phase, when = node.children
    days = _span_days(_token(number), _token(span))
    name = _phase(phase)
    start = "" if name.lower() in ("treatment", "therapy") else name
    return Until(days, start, condition(when) if when is not None else None)


def _span_days(number: Token, span: Token) -> int:
    unit = str(span).lower().rstrip("s")
    if _number(number) * _DAYS_IN[unit] > limits.PHASE_DAYS + 1:
        raise Misread(_at(number), f"{number} {span} are too long", f"At most {limits.PHASE_DAYS:,} days")
    return math.floor(_number(number) * _DAYS_IN[unit] + 1e-9)


def _amount(node: Any) -> tuple[float, str, str]:
    number, unit, per_day = node.children
    amount = _number(number)
    if amount <= 0:
        raise Misread(_at(number), "a dose is more than 0", "Leave the sentence out when nothing is given")
    return amount, _unit(unit, UNITS), "day" if per_day is not None else "dose"


def _morning_evening(node: Node) -> tuple[tuple[float, float], str]:
    """Amounts of the morning and the evening, and their unit."""
    (one, unit, per), (other, second, second_per) = (_amount(tree) for tree in _trees(node))
    if "day" in (per, second_per):
        raise Misread(_start(node), "a dose AM and one PM are not amounts of a day", f"Write {unit} without /day")
    if unit != second:
        raise Misread(_start(node), f"AM is in {unit} and PM in {second}", f"Write both in {unit}")
    return (one, other), unit


def _positive(token: Any, message: str) -> float:
    if _number(token) <= 0:
        raise Misread(_at(token), message, "Check the number")
    return _number(token)


def _beside(node: Node) -> Beside:
    word, routes, least, unit, per_day = node.children
    if least is None:
        return Beside(_word(word), _routes(routes)[0])
    per = "day" if per_day else "dose"
    return Beside(_word(word), _routes(routes)[0], _number(least), _unit(unit, UNITS), cast(Any, per))


def _taper(node: Node) -> tuple[float, int]:
    days = _whole(_token(node.children[1]))
    if not 1 <= days <= 366:
        raise Misread(_at(node.children[1]), f"a taper for {days} days cannot be", "Write for 3 days, for example")
    return _percent(node.children[0]), days


def _targets(node: Any) -> tuple[Target, ...]:
    return tuple(_target(child) for child in node.children)


def _target(node: Any) -> Target:
    agent, routes = node.children
    return Target(_word(agent), _routes(routes)[0] if routes is not None else None)


def _routes(token: Any) -> tuple[Route, ...]:
    if str(token).lower() == "collection":
        return ("collection",)
    return cast(tuple[Route, ...], tuple(str(token).upper().split("/")))


def _phase(token: Any) -> str:
    return " ".join(str(token).strip('"').split())


def _fraction(token: Token) -> float:
    word = " ".join(str(token).lower().split())
    return _FRACTIONS[word] if word in _FRACTIONS else _percent(token)


def _doses_a_day(token: Any, number: float) -> int:
    if number not in _DOSES_A_DAY:
        raise Misread(_at(token), "a day has 1, 2, 3, 4, 6, 8 or 12 doses", "Every 24, 12, 8, 6, 4, 3 or 2 hours")
    return int(number)


def _unit(token: Any, known: tuple[str, ...]) -> str:
    text = str(token).replace("²", "2")
    unit = canonical("dose" if text.lower() == "doses" else text, known)
    assert unit is not None, token
    return unit


def _number(token: Any) -> float:
    return float(token)


def _decimal(token: Any) -> Decimal:
    return Decimal(str(token).rstrip("%").strip()) / 100


def _percent(token: Any) -> float:
    return float(_decimal(token))


def _whole(token: Token) -> int:
    number = float(token)
    if number != int(number):
        raise Misread(_at(token), f"{token} is not a whole number", f"Write {round(number)}, for example")
    return int(number)


def _maybe_whole(token: Any) -> int | None:
    return None if token is None else _whole(token)


def _word(token: Any) -> str:
    return str(token).lower()


def _token(node: Any) -> Token:
    return cast(Token, node)


def _at(token: Any) -> int:
    return int(token.start_pos or 0)


def _start(node: Node) -> int:
    return int(getattr(node.meta, "start_pos", 0))


def _trees(node: Node) -> list[Node]:
    return [child for child in node.children if isinstance(child, Tree)]


def _maybe(tree: Node, name: str) -> Node | None:
    return next((node for node in _trees(tree) if node.data == name), None)


def _child(tree: Node, name: str) -> Node:
    found = _maybe(tree, name)
    assert found is not None, name
    return found


def _first(tree: Node, terminal: str) -> Token:
    return next(c for c in tree.children if isinstance(c, Token) and c.type == terminal)


def _value(said: dict[str, tuple[int, Any]], name: str) -> Any:
    return said[name][1] if name in said else None
