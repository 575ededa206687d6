"""A protocol back into a file. What was not changed stays as it was written, comments included."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, assert_never

from yaml.nodes import MappingNode, Node, SequenceNode

from ..knowledge.errors import BadInput
from .link import without_linked
from .model import (
    Action,
    Adjust,
    And,
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
    Phase,
    Place,
    Protocol,
    Provenance,
    Repeat,
    Rescue,
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
from .numerals import fraction_words, number, percent
from .reader import read_text
from .vocabulary import FRACTIONS, ORDINALS, SHARES
from .yaml_text import Text

Item = Give | Check | Decide | Rule
_LISTS = ("give", "check", "decide", "rules")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def write(protocol: Protocol) -> str:
    """The text of the protocol's file.

    Unchanged: the file as it is, byte for byte. Sentences changed: the file with those sentences put anew.
    Changed otherwise, or without a file: written from the model (``unparse``).
    """
    own = without_linked(protocol)
    path = Path(protocol.file) if protocol.file else None
    if path is None or not path.is_file():
        return unparse(protocol)
    text = Text(path)
    try:
        written = read_text(text)[0]
        if written == own:
            return text.text
        patched = _patched(text, written, own)
        if read_text(Text(path, patched))[0] == own:
            return patched
    except BadInput:
        pass  # the file is not what it was
    return unparse(protocol)


def unparse(protocol: Protocol) -> str:
    """A protocol file written from the model alone. Reading it gives an equal protocol."""
    return "\n".join(_protocol(without_linked(protocol))) + "\n"


# --- sentences --------------------------------------------------------------------------------


def sentence(item: Item, length: int | None = None, first_day: int = 1) -> str:
    """The sentence of a ``Give``, ``Check``, ``Decide`` or ``Rule``, with its closing bracket.

    ``length``: days of the phase; with it, days that recur to the end are written ``weekly from day 8``.
    ``first_day``: what the file calls the first of them.
    """
    named = _Days(length, first_day)
    if isinstance(item, Give):
        body = _give(item, named)
    elif isinstance(item, Check):
        what = f"{item.agent} level" if item.what == "level" else item.what
        what += f", time point {item.time_point}" if item.time_point else ""
        body = f"{named.of(item, on=False)}: {what}"
    elif isinstance(item, Decide):
        outcome = f"go to {item.target}" if item.action == "go to" else f'leave for "{item.target}"'
        body = f"day {named.name(item.day)}: if {condition(item.when)} {outcome}"
    else:
        body = _action(item.action, named)
    return body + tail(item.provenance)


def condition(item: Condition) -> str:
    """A condition as it is written."""
    if isinstance(item, Compare):
        return _compare(item)
    if isinstance(item, Defined):
        return f"{item.name} is {'not ' if item.op == '!=' else ''}{item.value}"
    if isinstance(item, Not):
        inner = condition(item.item)
        return f"not {inner}" if isinstance(item.item, Compare | Defined | Not) else f"not ({inner})"
    if isinstance(item, And):
        return " and ".join(_inside(part, And | Or) for part in item.items)
    return " or ".join(_inside(part, And | Or) for part in item.items)


def repeat(phase: Phase) -> str:
    """The sentence of ``repeat``; empty for a phase that is played once."""
    if phase.repeat_times is not None:
        return f"{phase.repeat_times} times"
    if not phase.repeat_until:
        return ""
    return f"every {phase.days} days until " + ", ".join(_until(until) for until in phase.repeat_until)


def tail(provenance: Provenance) -> str:
    """``as written`` and the closing bracket, with a space before each; empty when nothing is said."""
    text = ""
    for key in provenance.sources:
        text += ("; " if key == "memory" and text else ", " if text else "") + key
    for word in ("assumed", "open"):
        note = getattr(provenance, word)
        if note is not None:
            text += f"{'; ' if text else ''}{word}: {note.replace(';', ',')}"
    return (" as written" if provenance.as_written else "") + (f" [{text}]" if text else "")


def days(numbers: Sequence[int]) -> str:
    """``1-3, 8, 15``."""
    runs: list[list[int]] = []
    for day in numbers:
        if runs and day == runs[-1][1] + 1:
            runs[-1][1] = day
        else:
            runs.append([day, day])
    return ", ".join(str(a) if a == b else f"{a}, {b}" if b == a + 1 else f"{a}-{b}" for a, b in runs)


class _Days(NamedTuple):
    """How the days of one phase are written."""

    length: int | None
    first_day: int = 1

    def name(self, day: int) -> str:
        return str(day + self.first_day - 1)

    def of(self, item: Give | Check, on: bool = True) -> str:
        """``on days 1, 8``, ``weekly from day 8``, ``on Mon/Wed/Fri``, ``on days 1, 3, 5 of each week``."""
        if item.weekdays is not None:
            return self._weekdays(item.weekdays)
        if found := self._recurring(item.days) or self._each_week(item.days):
            return found
        shifted = [day + self.first_day - 1 for day in item.days]
        return f"{'on ' if on else ''}day{'s' if len(shifted) > 1 else ''} {days(shifted)}"

    def _weekdays(self, weekdays: Weekdays) -> str:
        start = f" from day {self.name(weekdays.first)}" if weekdays.first > 1 else ""
        end = f" to day {self.name(weekdays.last)}" if weekdays.last != self.length else ""
        return "on " + "/".join(_WEEKDAYS[day] for day in weekdays.names) + start + end

    def _recurring(self, numbers: Sequence[int]) -> str | None:
        """``weekly``, ``every 14 days from day 8`` for days at one distance up to the end of the phase."""
        if self.length is None or len(numbers) < 4:
            return None
        first, step = numbers[0], numbers[1] - numbers[0]
        if step == 1 or tuple(numbers) != tuple(range(first, self.length + 1, step)):
            return None
        start = f" from day {self.name(first)}" if first > 1 else ""
        return ("weekly" if step == 7 else f"every {step} days") + start

    def _each_week(self, numbers: Sequence[int]) -> str | None:
        """``on days 1, 3, 5 of each week`` for the same days of four or more weeks, from day 1 to the end."""
        if self.length is None or self.length < 28:
            return None
        first = [day for day in numbers if day <= 7]
        if not 1 < len(first) < 7:
            return None
        same = tuple(day for day in range(1, self.length + 1) if (day - 1) % 7 + 1 in first)
        return f"on days {days(first)} of each week" if tuple(numbers) == same else None


def _give(give: Give, named: _Days) -> str:
    parts = [give.agent]
    if give.morning_evening is not None:
        morning, evening = (f"{number(amount)} {give.unit}" for amount in give.morning_evening)
        parts += [f"{morning} AM and {evening} PM", "/".join(give.routes)]
    elif give.amount is None:
        parts += ["/".join(give.routes), "by age" + (f" (table {give.table})" if give.table else "")]
    else:
        parts += [_amount(give), "/".join(give.routes)]
    if give.cap is not None:
        parts.append(f"(max {number(give.cap[0])} {give.cap[1]})")
    if give.doses_per_day > 1 and give.morning_evening is None:
        parts.append(
            f"in {give.doses_per_day} doses" if give.per == "day" else f"every {24 // give.doses_per_day} hours"
        )
    if give.infusion_h is not None:
        one = give.infusion_h == 1
        parts.append(f"over {number(give.infusion_h)} hour{'' if one else 's'}")
    parts.append(_along(give) if give.along else named.of(give))
    if give.escalation is not None:
        parts.append(_escalation(give.escalation, give.unit))
    text = " ".join(parts)
    if give.taper:
        text += ", then taper " + ", ".join(
            f"{percent(fraction)} for {length} day{'s' if length != 1 else ''}" for fraction, length in give.taper
        )
    if give.not_with:
        text += ", not on the days of " + " and ".join(f"{agent} {route}" for agent, route in give.not_with)
    if give.when is not None:
        text += (
            f"{',' if give.taper or give.not_with or give.escalation or give.along else ''} if {condition(give.when)}"
        )
    return text


def _along(give: Give) -> str:
    *most, last = [
        f"{b.agent} {b.route}"
        + ("" if b.at_least is None else f" of {number(b.at_least)} {b.unit}{'/day' * (b.per == 'day')} or more")
        for b in give.along
    ]
    days = f"{give.days_after} day{'s' if give.days_after > 1 else ''}"
    text = f"{', '.join(most)}{' and ' * bool(most)}{last}"
    if give.only_after:
        return f"on the {days} after {text}"
    text = f"on the days of {text}"
    return f"{text}, and for {days} after" if give.days_after else text


def _amount(give: Give) -> str:
    assert give.amount is not None
    return f"{number(give.amount)} {give.unit}{'/day' if give.per == 'day' else ''}"


def _escalation(escalation: Escalation, unit: str) -> str:
    text = f"rising by {number(escalation.step)} {unit} each dose"
    if escalation.of_phase is None or escalation.start_fraction is None:
        return text
    return f"{text} from {fraction_words(escalation.start_fraction)} of the highest dose of {escalation.of_phase}"


def _action(action: Action, named: _Days) -> str:
    match action:
        case Hold():
            end = f"{condition(action.until)}{_streak(action.streak)}{_resume(action.resume)}"
            return f"hold {_targets(action)} when {condition(action.when)} until {end}"
        case MakeUp():
            longest = action.longest_days
            again = f" up to {longest} day{'s' if longest > 1 else ''}, else begin again" if longest else ""
            return f"make up held days of {_targets(action)}{again}"
        case Adjust():
            return _adjust(action)
        case Limit():
            return f"give {_targets(action)} at {percent(action.fraction)} while {condition(action.when)}"
        case Start():
            return f"start {_targets(action)} at {percent(action.fraction)} when {condition(action.when)}"
        case Omit():
            return f"omit {_targets(action)} when {condition(action.when)}"
        case Miss():
            when = f" when {condition(action.when)}" if action.when is not None else ""
            return f"miss {percent(action.fraction)} of {_targets(action)}{when}"
        case Repeat():
            return f"repeat the dose of {_targets(action)} when {condition(action.when)}"
        case Stop():
            return f"stop {_targets(action)} for good when {condition(action.when)}{_streak(action.streak)}"
        case Wait():
            return f"day {named.name(action.day)} waits until {condition(action.until)}"
        case Transfuse():
            return f"transfuse {action.product} {number(action.ml_per_kg)} mL/kg when {condition(action.when)}"
        case Rescue():
            return _rescue(action)
        case _:
            assert_never(action)


def _resume(resume: tuple[float, ...]) -> str:
    if resume == (1.0,):
        return ""
    later = (f"after the {name} hold at {percent(share)}" for name, share in zip(ORDINALS, resume[1:], strict=False))
    return ", ".join([f", resume at {percent(resume[0])}", *later])


def _rescue(action: Rescue) -> str:
    give = action.give
    return (
        f"give {give.agent} {_amount(give)} {'/'.join(give.routes)} every {number(action.every_h)} hours "
        f"from hour {number(action.from_h)} after {_target(action.after)} until {condition(action.until)}, "
        f"at least {action.at_least} doses"
    )


def _adjust(action: Adjust) -> str:
    in_turn = " in turn" if action.in_turn else ""
    if action.factor == 0.5:
        text = f"halve {_targets(action)}"
    else:
        change = Decimal(repr(action.factor)) - 1
        word = "raise" if change > 0 else "reduce"
        text = f"{word} {_targets(action)}{in_turn} by {percent(float(abs(change)))}"
    text += f" when {condition(action.when)}{_streak(action.streak)}"
    if action.at_most is not None:
        text += f", at most {percent(action.at_most)}"
    if action.at_least is not None:
        text += f", at least {percent(action.at_least)}"
    return text


def _streak(streak: Streak) -> str:
    text = ""
    if streak.days:
        number, span = (streak.days // 7, "week") if streak.days % 7 == 0 else (streak.days, "day")
        text += f" for {number} {span}{'s' if number > 1 else ''}"
    if streak.visits != 1:
        text += f" at {streak.visits} visits"
    return text


def _until(until: Until) -> str:
    years = next((n for n in range(1, 11) if int(n * 365.25) == until.days), None)
    length = f"{years} year{'s' if years > 1 else ''}" if years else f"{until.days} days"
    text = f"{length} from start of {until.from_phase or 'treatment'}"
    return text + (f" if {condition(until.when)}" if until.when is not None else "")


def _targets(action: Hold | MakeUp | Adjust | Limit | Start | Omit | Miss | Repeat | Stop) -> str:
    return ", ".join(_target(target) for target in action.targets)


def _target(target: Target) -> str:
    return target.agent + (f" {target.route}" if target.route else "")


def _compare(item: Compare) -> str:
    name = item.name.removeprefix("level:")
    if isinstance(item.value, str) or name == "cns":
        value = item.value if isinstance(item.value, str) else number(item.value)
        words = {"=": "is", "!=": "is not"}
        return f"{name} {words.get(item.op, item.op)} {value}"
    value = percent(item.value) if name in (*FRACTIONS, *SHARES) else number(item.value)
    return f"{name} {item.op} {value}" + (f" {item.unit}" if item.unit else "")


def _inside(item: Condition, kinds: object) -> str:
    text = condition(item)
    return f"({text})" if isinstance(item, kinds) else text  # type: ignore[arg-type]


# --- the file ---------------------------------------------------------------------------------


def _protocol(protocol: Protocol) -> Iterator[str]:
    yield f"protocol: {quoted(protocol.id)}"
    yield f"name: {quoted(protocol.name)}"
    if protocol.plain:
        yield "plain: >-"
        yield from textwrap.wrap(
            protocol.plain, 116, initial_indent="  ", subsequent_indent="  ", break_long_words=False
        )
    if protocol.sources:
        yield f"sources: [{', '.join(protocol.sources)}]"
    if protocol.population:
        yield f"population: {protocol.population}"
    if protocol.include:
        yield f"include: [{', '.join(protocol.include)}]"
    if protocol.risk_groups:
        yield f"risk groups: {protocol.risk_groups}"
    if protocol.eligible is not None:
        yield f"for: {quoted(condition(protocol.eligible) + _said(protocol.said, 'for'))}"
    if protocol.mrd:
        yield f"mrd: {quoted(protocol.mrd + _said(protocol.said, 'mrd'))}"
    if protocol.on_relapse:
        yield f"on relapse: {quoted(f'go to {protocol.on_relapse}' + _said(protocol.said, 'on relapse'))}"
    yield ""
    yield "phases:"
    for index, phase in enumerate(protocol.phases):
        if index:
            yield ""
        yield f"  - {quoted(phase.id)}:"
        yield from (f"      {line}" for line in _phase(phase))
    for key, items in (("rules", [sentence(rule) for rule in protocol.rules]), ("open", protocol.open)):
        if items:
            yield ""
        yield from _list(key, items)


def _phase(phase: Phase) -> Iterator[str]:
    def line(key: str, text: str) -> str:
        return f"{key}: {quoted(text + _said(phase.said, key))}"

    if phase.name != phase.id[:1].upper() + phase.id[1:]:
        yield f"name: {quoted(phase.name)}"
    if phase.first_day == 1:
        yield f"days: {phase.days}"
    else:
        yield f"days: {phase.first_day} to {phase.written_day(phase.days)}"
    if phase.rest_days or _said(phase.said, "rest"):
        yield line("rest", f"{phase.rest_days} days")
    if phase.start_when is not None:
        yield line("start when", condition(phase.start_when))
    if phase.recheck_days != 3 or _said(phase.said, "recheck"):
        yield line("recheck", f"every {phase.recheck_days} days")
    if repeat(phase):
        yield line("repeat", repeat(phase))
    if phase.next != "":
        yield f"next: {quoted(phase.next or 'end')}"
    if phase.provenance.sources:
        yield f"source: [{', '.join(phase.provenance.sources)}]"
    for key in _LISTS:
        yield from _list(key, [sentence(item, phase.days, phase.first_day) for item in getattr(phase, key)])
    yield from _list("open", phase.open)


def _list(key: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"{key}:"
        yield from (f"  - {quoted(item)}" for item in items)


def _said(said: Sequence[tuple[str, Provenance]], key: str) -> str:
    return next((tail(provenance) for name, provenance in said if name == key), "")


def quoted(text: str) -> str:
    """The text as a YAML scalar on one line, in single quotes where YAML needs them."""
    head, colon, rest = text.partition(": ")
    plain = bool(re.match(r"[\w(]", text)) and " #" not in text and not text.endswith(":")
    if colon and (not re.match(r"(day|days|weekly|every|daily|on)\b[^\[]*$", head) or ": " in rest):
        plain = False
    return text if plain else "'" + text.replace("'", "''") + "'"


# --- a changed file ---------------------------------------------------------------------------


def _patched(text: Text, before: Protocol, after: Protocol) -> str:
    """The file with the sentences that differ put anew; right only where nothing was added or taken away."""
    spans = {(place.line, place.column): span for place, span in _spans(text, text.root)}
    edits: list[tuple[int, int, str]] = []
    for (old, _), (new, phase) in zip(_items(before), _items(after), strict=False):
        if old != new and old.place is not None:
            put = sentence(new, phase.days, phase.first_day) if phase else sentence(new)
            edits.append((*spans[(old.place.line, old.place.column)], quoted(put)))
    out = text.text
    for start, end, put in sorted(edits, reverse=True):
        out = out[:start] + put + out[end:]
    return out


def _items(protocol: Protocol) -> Iterator[tuple[Item, Phase | None]]:
    """Every sentence and its phase."""
    for phase in protocol.phases:
        for key in _LISTS:
            yield from ((item, phase) for item in getattr(phase, key))
    yield from ((rule, None) for rule in protocol.rules)


def _spans(text: Text, node: Node) -> Iterator[tuple[Place, tuple[int, int]]]:
    if isinstance(node, SequenceNode):
        for item in node.value:
            try:
                found = text.sentence(item)
                yield found.place, (found.start, found.end)
            except BadInput:
                yield from _spans(text, item)
    elif isinstance(node, MappingNode):
        for _, value in node.value:
            yield from _spans(text, value)
