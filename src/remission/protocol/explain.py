"""A protocol in plain sentences that can be read aloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from .include import ANY_LENGTH, apart
from .logic import words_of
from .model import (
    Action,
    Adjust,
    And,
    Check,
    Compare,
    Condition,
    Decide,
    Defined,
    Give,
    Hold,
    Limit,
    MakeUp,
    Miss,
    Not,
    Omit,
    Phase,
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
)
from .numerals import fraction_words, number, percent
from .vocabulary import AT_TIME_POINT, EVER, FRACTIONS, ORDINALS, SHARES

_ROUTE = {
    "IV": "into a vein",
    "PO": "by mouth",
    "IT": "into the spinal fluid",
    "SC": "under the skin",
    "IM": "into a muscle",
    "RT": "as radiation",
    "collection": "by collection of the patient's own T cells",
}
_ROUTED = {
    "IV": "intravenous",
    "PO": "oral",
    "IT": "intrathecal",
    "SC": "subcutaneous",
    "IM": "intramuscular",
    "RT": "radiation",
    "collection": "collected",
}
_UNIT = {
    "mg/m2": "mg per square metre",
    "g/m2": "g per square metre",
    "IU/m2": "IU per square metre",
    "ug/m2": "micrograms per square metre",
    "mg/kg": "mg per kg of body weight",
    "ug/kg": "micrograms per kg of body weight",
    "g/kg": "g per kg of body weight",
    "IU/kg": "IU per kg of body weight",
    "cells/kg": "cells per kg of body weight",
    "Mcells/kg": "million cells per kg of body weight",
    "g": "g",
    "ug": "micrograms",
    "IU": "IU",
    "Gy": "Gy",
    "cells": "cells",
    "Mcells": "million cells",
    "dose": "dose",
    "mg": "mg",
}
# name in a condition -> how it is called, its verb, the unit after its number
_CALLED = {
    "anc": ("neutrophils", "are", ""),
    "platelets": ("platelets", "are", ""),
    "haemoglobin": ("haemoglobin", "is", " g/dL"),
    "wbc": ("white cells", "are", ""),
    "lymphocytes": ("lymphocytes", "are", ""),
    "blood blasts": ("blasts in blood", "are", " per microlitre"),
    "marrow blasts": ("blasts in marrow", "are", ""),
    "marrow MRD": ("residual leukaemia (MRD) in marrow", "is", ""),
    "blood MRD": ("residual leukaemia (MRD) in blood", "is", ""),
    "age": ("age", "is", " years"),
    "weight": ("body weight", "is", " kg"),
    "bsa": ("body surface", "is", " square metres"),
    "sex": ("sex", "is", ""),
    "cns": ("CNS status", "is", ""),
    "lineage": ("lineage", "is", ""),
    "tpmt": ("TPMT activity", "is", ""),
    "nudt15": ("NUDT15 activity", "is", ""),
    "diagnosis wbc": ("white cells at diagnosis", "are", ""),
    "chimerism": ("cells of the donor in marrow", "are", ""),
    "t315i": ("T315I among leukaemic cells", "is", ""),
    "b cells": ("B cells", "are", " per microlitre"),
    "igg": ("IgG", "is", " g/L"),
    "relapses": ("relapses so far", "are", ""),
    "relapse month": ("months from the first day to the first relapse", "are", ""),
    "crs": ("cytokine release syndrome (grade)", "is", ""),
    "neurotoxicity": ("neurotoxicity of immune cells (grade)", "is", ""),
    "donor": ("donor", "is", ""),
    "ph": ("BCR::ABL1", "is", ""),
    "remission": ("remission", "is", ""),
    "product": ("the cell product", "is", ""),
    "subtype": ("subtype", "is", ""),
    **{name: (name.replace("marrow MRD", "residual leukaemia (MRD) in marrow"), "is", "") for name in AT_TIME_POINT},
}
_OP = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least ", "=": "", "!=": "not "}
_CHECK = {
    "counts": "blood counts",
    "marrow MRD": "residual leukaemia (MRD) in marrow",
    "blood MRD": "residual leukaemia (MRD) in blood",
    "marrow blasts": "blasts in marrow",
    "blood blasts": "blasts in blood",
}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ANY = Phase("any phase", "Any phase", ANY_LENGTH)
_COUNTS = "Counts of neutrophils, platelets, white cells and lymphocytes are in 10^9 per litre."


def explain(protocol: Protocol) -> str:
    """The whole protocol, phase by phase, in sentences; what is assumed or open is listed where it matters."""
    return "\n".join(_protocol(protocol)).rstrip() + "\n"


def explain_condition(condition: Condition) -> str:
    """``neutrophils are at least 0.75 and platelets are at least 75``."""
    if isinstance(condition, Compare):
        return _compare(condition)
    if isinstance(condition, Defined):
        return f"{condition.name} is {'not ' if condition.op == '!=' else ''}{condition.value}"
    if isinstance(condition, Not):
        return f"it is not so that {explain_condition(condition.item)}"
    word = " and " if isinstance(condition, And) else ", or "
    plain = all(isinstance(item, Compare | Defined) for item in condition.items)
    if plain:
        word = word.replace(",", "")
    return word.join(
        explain_condition(item)
        if isinstance(item, Compare | Defined | And)
        else f"({explain_condition(item)})"
        for item in condition.items
    )


def explain_sentence(item: Give | Check | Decide | Rule, phase: Phase) -> str:
    """One sentence of a phase in plain words."""
    match item:
        case Give():
            return _give(item, {}, phase)
        case Check():
            return f"Measured: {_check(item, phase)}."
        case Decide():
            return _decide(item, {}, phase)
        case Rule():
            return _rule(item.action, phase)


def _protocol(protocol: Protocol) -> Iterator[str]:
    yield protocol.name
    if protocol.plain:
        yield protocol.plain
    yield ""
    if protocol.eligible is not None:
        yield f"For patients of whom this is true: {explain_condition(protocol.eligible)}."
    if protocol.on_relapse:
        yield f"After a relapse treatment goes on with: {protocol.on_relapse}."
    yield _COUNTS
    names = {phase.id: phase.name for phase in protocol.phases}
    blocks = {block.id: block for phase in protocol.phases for block in phase.blocks}
    for place, phase in enumerate(map(apart, protocol.phases)):
        yield ""
        home, _, _ = phase.id.rpartition(": ")
        yield f"{place + 1}. {phase.name}{f' (of {home})' if home else ''}"
        below = protocol.phases[place + 1].id if place + 1 < len(protocol.phases) else None
        yield from (f"   {line}" for line in _phase(phase, names, below))
    own = [rule for rule in protocol.rules if not rule.block]
    if own:
        yield ""
        yield "In every phase"
        yield from (f"   {_rule(rule.action)}" for rule in own)
    for block in blocks.values():
        yield ""
        yield f"{block.name}, in every phase that says nothing else of these medicines"
        yield from (f"   {_give(give, names, _ANY)}" for give in block.give)
        yield from (f"   {_rule(rule.action)}" for rule in block.rules)
    if words := words_of(protocol):
        yield ""
        yield "What is meant"
        yield from (f"   {_capital(explain_condition(word))}: {explain_condition(word.meaning)}." for word in words)
    notes = [*protocol.open, *_notes(("who is treated", p) for _, p in protocol.said)]
    notes += _notes((_about(rule.action), rule.provenance) for rule in own)
    for block in blocks.values():
        notes += [*block.open, *_notes((_agent(give.agent), give.provenance) for give in block.give)]
        notes += _notes((_about(rule.action), rule.provenance) for rule in block.rules)
    if notes:
        yield ""
        yield "Not settled"
        yield from (f"   - {note}" for note in notes)


def _phase(phase: Phase, names: dict[str, str], below: str | None) -> Iterator[str]:
    yield _frame(phase, names)
    for give in phase.give:
        yield _give(give, names, phase)
    if phase.check:
        yield "Measured: " + "; ".join(_check(check, phase) for check in phase.check) + "."
    for decision in phase.decide:
        yield _decide(decision, names, phase)
    for rule in phase.rules:
        yield _rule(rule.action, phase)
    following = phase.next if phase.next != "" else below
    yield f"Then follows: {names.get(following, following)}." if following else "Then treatment ends."
    notes = [*phase.open, *_notes(_provenances(phase))]
    if notes:
        yield "Not settled:"
        yield from (f"- {note}" for note in notes)


def _frame(phase: Phase, names: dict[str, str]) -> str:
    text = f"It lasts {_span(phase.days)}."
    if phase.repeat_times is not None:
        text = f"A cycle lasts {_span(phase.days)}; there are {phase.repeat_times} cycles."
    elif phase.repeat_until:
        ends = "; ".join(_until(until, names) for until in phase.repeat_until)
        text = f"A cycle lasts {_span(phase.days)}; cycles go on until {ends}."
    if phase.rest_days:
        text += f" Before it are {_span(phase.rest_days)} of rest."
    if phase.first_day != 1:
        text += f" Its days count from a transplant on day 0; the first is day {phase.first_day}."
    if phase.start_when is not None:
        text += (
            f" It starts when {explain_condition(phase.start_when)}; "
            f"if not yet, this is looked at again every {_span(phase.recheck_days)}."
        )
    return text


def _until(until: Until, names: dict[str, str]) -> str:
    origin = f"the start of {names.get(until.from_phase, until.from_phase)}" if until.from_phase else "the first dose"
    length = next((f"{n} year{'s' if n > 1 else ''}" for n in range(1, 11) if int(n * 365.25) == until.days), None)
    text = f"{length or _span(until.days)} after {origin}"
    return text + (f" where {explain_condition(until.when)}" if until.when is not None else "")


def _give(give: Give, names: dict[str, str], phase: Phase) -> str:
    text = f"{_capital(_agent(give.agent))}, {_dose(give)}"
    if give.infusion_h is not None:
        text += f" over {_hours(give.infusion_h)}"
    text += f", {_along(give) if give.along else (None if give.weekdays else _recurs(give.days)) or _when(give, phase)}"
    if give.escalation is not None:
        text += f". Each dose is {number(give.escalation.step)} {_UNIT[give.unit]} more than the one before"
        if give.escalation.of_phase is not None:
            origin = names.get(give.escalation.of_phase, give.escalation.of_phase)
            share = fraction_words(give.escalation.start_fraction or 0)
            text += f"; the first is {share} of the highest dose of {origin}"
    if give.taper:
        steps = ", ".join(f"{percent(fraction)} for {_span(length)}" for fraction, length in give.taper)
        text += f". After the last day the dose is taken down: {steps}"
    if give.not_with:
        others = _listed(f"{_ROUTED[route]} {_agent(agent)}" for agent, route in give.not_with)
        text += f". It is left out on days with {others}"
    if give.when is not None:
        text += f". Only if {explain_condition(give.when)}"
    return text + "."


def _along(give: Give) -> str:
    days = _span(give.days_after)
    others = _listed(
        f"{_ROUTED[b.route]} {_agent(b.agent)}"
        + (
            ""
            if b.at_least is None
            else f" ({number(b.at_least)} {_UNIT[b.unit]}{' a day' * (b.per == 'day')} or more)"
        )
        for b in give.along
    )
    if give.only_after:
        return f"on the {days} after {others}"
    return f"on the days with {others}" + (f" and for {days} after" if give.days_after else "")


def _recurs(days: Sequence[int]) -> str | None:
    """Days of a block's line, which is read for a year: every week."""
    if days[-1] <= ANY_LENGTH - 7 or len(days) < 3:
        return None
    step = days[1] - days[0]
    start = f", from day {days[0]} on" if days[0] > 1 else ""
    return ("every day" if step == 1 else f"every {_span(step)}") + start


def _dose(give: Give) -> str:
    routes = " or ".join(_ROUTE[route] for route in give.routes)
    if give.amount is None:
        table = f" (table {give.table})" if give.table else ""
        return f"the dose for the age{table} {routes}"
    text = f"{number(give.amount)} {_UNIT[give.unit]}"
    if give.morning_evening is not None:
        morning, evening = (number(amount) for amount in give.morning_evening)
        return f"{morning} {_UNIT[give.unit]} in the morning and {evening} in the evening {routes}"
    if give.per == "day":
        text += " a day" + (f" in {give.doses_per_day} doses" if give.doses_per_day > 1 else "")
    elif give.doses_per_day > 1:
        text += f" {give.doses_per_day} times a day"
    if give.cap is not None:
        text += f", at most {number(give.cap[0])} {give.cap[1]}{' a day' if give.per == 'day' else ''},"
    return f"{text} {routes}"


def _check(check: Check, phase: Phase) -> str:
    what = f"the level of {_agent(check.agent or '')}" if check.what == "level" else _CHECK[check.what]
    if check.time_point:
        what += f" (time point {check.time_point})"
    return f"{what} {_when(check, phase)}"


def _decide(decision: Decide, names: dict[str, str], phase: Phase) -> str:
    goes = f"treatment goes on with {names.get(decision.target, decision.target)}"
    home, _, _ = decision.target.rpartition(": ")
    if decision.action == "leave":
        goes = f"the patient leaves this protocol for {decision.target}"
    elif home:
        goes += f" of {home}"
    return f"On day {phase.written_day(decision.day)}, if {explain_condition(decision.when)}, {goes}."


def _rule(action: Action, phase: Phase | None = None) -> str:
    match action:
        case Wait():
            day = phase.written_day(action.day) if phase is not None else action.day
            return f"Day {day} waits until {explain_condition(action.until)}."
        case Transfuse():
            return (
                f"{_capital(action.product)} are transfused, {number(action.ml_per_kg)} mL per kg of body weight, "
                f"when {explain_condition(action.when)}."
            )
        case Rescue():
            return (
                f"{_capital(_agent(action.give.agent))}, {_dose(action.give)}, is given every {_hours(action.every_h)} "
                f"from hour {number(action.from_h)} after the start of {_target(action.after)}, until "
                f"{explain_condition(action.until)}, at least {action.at_least} times."
            )
    what = _listed(_target(t) for t in action.targets)
    many = len(action.targets) > 1
    be = "are" if many else "is"
    match action:
        case MakeUp():
            return _make_up(action, what, be)
        case Adjust():
            return _adjust(action, what, explain_condition(action.when))
        case Miss():
            when = f" when {explain_condition(action.when)}" if action.when is not None else ""
            return f"{percent(action.fraction)} of the doses of {what} are missed by chance{when}; none is made up."
    when = explain_condition(action.when)
    match action:
        case Hold():
            end = f"{explain_condition(action.until)}{_lasting(action.streak)}"
            text = f"{_capital(what)} {be} held when {when}, until {end}. "
            return text + _resume(action.resume)
        case Limit():
            return f"As long as {when}, {what} {be} given at {percent(action.fraction)} of the dose."
        case Start():
            return f"{_capital(what)} start{'' if many else 's'} at {percent(action.fraction)} of the dose when {when}."
        case Omit():
            return f"The dose of {what} due on a day is left out when {when}."
        case Repeat():
            return f"The next dose of {what} does not rise when {when}."
        case Stop():
            return f"{_capital(what)} {be} stopped for good when {when}{_lasting(action.streak)}."
        case _:
            assert_never(action)


def _resume(resume: Sequence[float]) -> str:
    if set(resume) == {1.0}:
        return "Then the dose is as before."
    first = "as before" if resume[0] == 1.0 else f"{percent(resume[0])} of the protocol's dose"
    later = [f"after the {name} hold {percent(share)}" for name, share in zip(ORDINALS, resume[1:], strict=False)]
    if not later:
        return f"After each hold the dose is {first}."
    return f"After the first hold the dose is {first}, {', '.join(later)} of it, and so after every later one."


def _make_up(action: MakeUp, what: str, be: str) -> str:
    text = (
        f"Days on which {what} {be} held are made up: after the last planned day {what} {be} given as many days more, "
        "and the rest of the phase follows that much later"
    )
    if action.longest_days is not None:
        text += f"; after a hold of more than {_span(action.longest_days)} the phase begins again"
    return text + "."


def _lasting(streak: Streak) -> str:
    text = f" for {_span(streak.days)}" if streak.days else ""
    return text + (f" at {streak.visits} visits in a row" if streak.visits > 1 else "")


def _adjust(action: Adjust, what: str, when: str) -> str:
    change = percent(round(abs(action.factor - 1), 6))
    be = "are" if len(action.targets) > 1 else "is"
    verb = "raised" if action.factor > 1 else "reduced"
    turn = ", one after the other," if action.in_turn else ""
    how = f"{be} halved" if action.factor == 0.5 else f"{be} {verb}{turn} by {change}"
    text = f"{_capital(what)} {how} when {when}{_lasting(action.streak)}"
    if action.at_most is not None:
        text += f", to at most {percent(action.at_most)} of the protocol's dose"
    if action.at_least is not None:
        text += f", to not less than {percent(action.at_least)} of the protocol's dose"
    return text + "."


# --- what is not settled ------------------------------------------------------------------------


def _provenances(phase: Phase) -> Iterator[tuple[str, Provenance]]:
    called = {"start when": "the start", "rest": "the rest before", "recheck": "looking again", "repeat": "the length"}
    for key, provenance in phase.said:
        yield called.get(key, key), provenance
    for give in phase.give:
        yield f"{_ROUTED[give.route]} {_agent(give.agent)}", give.provenance
    for check in phase.check:
        yield f"measuring {_CHECK.get(check.what, 'levels')}", check.provenance
    for decision in phase.decide:
        yield f"the decision of day {decision.day}", decision.provenance
    for rule in phase.rules:
        yield _about(rule.action), rule.provenance


def _about(action: Action) -> str:
    match action:
        case Wait():
            return f"the wait of day {action.day}"
        case Transfuse():
            return f"transfusion of {action.product}"
        case Rescue():
            return f"rescue with {_agent(action.give.agent)}"
        case Hold():
            verb = "holding"
        case MakeUp():
            verb = "making up held days of"
        case Limit():
            verb = "lowering"
        case Start():
            verb = "starting"
        case Omit():
            verb = "leaving out"
        case Miss():
            verb = "missing"
        case Repeat():
            verb = "not raising"
        case Stop():
            verb = "stopping"
        case Adjust():
            verb = "raising" if action.factor > 1 else "reducing"
        case _:
            assert_never(action)
    return f"{verb} {_listed(_target(t) for t in action.targets)}"


def _notes(items: Iterable[tuple[str, Provenance]]) -> list[str]:
    """Assumed and open points, and what is from memory, each with what it is about; said once where it recurs."""
    notes: list[str] = []
    memory: list[str] = []
    partly: list[str] = []
    for about, provenance in items:
        if provenance.assumed is not None:
            notes.append(f"{about}, assumed: {provenance.assumed}")
        if provenance.open is not None:
            notes.append(f"{about}: {provenance.open}")
        if "memory" in provenance.sources:
            (memory if len(provenance.sources) == 1 else partly).append(about)
    for how, what in (("from memory, not read: ", memory), ("partly from memory: ", partly)):
        if what:
            notes.append(how + ", ".join(dict.fromkeys(what)))
    return list(dict.fromkeys(notes))


# --- words --------------------------------------------------------------------------------------


def _compare(item: Compare) -> str:
    if item.name.startswith("level:"):
        agent = _agent(item.name.removeprefix("level:"))
        assert not isinstance(item.value, str)
        return f"the level of {agent} is {_OP[item.op]}{number(item.value)} {item.unit}"
    grade = "worst grade so far" if item.name.endswith(EVER) else "grade"
    plain = item.name.removesuffix(EVER).replace("_", " ")
    called, verb, unit = _CALLED.get(item.name, (f"{plain} ({grade})", "is", ""))
    if isinstance(item.value, str):
        return f"{called} {verb} {_OP[item.op]}{item.value.replace('_', ' ')}"
    value = percent(item.value) if item.name in (*FRACTIONS, *SHARES) else number(item.value)
    if item.name == "age" and item.value == 1:
        unit = " year"
    return f"{called} {verb} {_OP[item.op]}{value}{unit}"


def _when(item: Give | Check, phase: Phase) -> str:
    if item.weekdays is not None:
        names = _listed(f"{_WEEKDAYS[day]}s" for day in item.weekdays.names)
        first, last = (phase.written_day(day) for day in (item.weekdays.first, item.weekdays.last))
        return f"on {names} from day {first} to day {last} (played as if day 1 of the phase were a Monday)"
    days = [phase.written_day(day) for day in item.days]
    step = days[1] - days[0] if len(days) > 1 else 0
    if len(days) > 4 and step > 1 and tuple(days) == tuple(range(days[0], days[-1] + 1, step)):
        every = "every week" if step == 7 else f"every {step} days"
        return f"{every} from day {days[0]} to day {days[-1]}"
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][1] + 1:
            runs[-1][1] = day
        else:
            runs.append([day, day])
    words: list[str] = []
    for first, last in runs:
        if last - first >= 2:
            words.append(f"{first} to {last}")
        else:
            words += [str(day) for day in range(first, last + 1)]
    return f"on day{'s' if len(days) > 1 else ''} {_listed(words)}"


def _span(days: int) -> str:
    if days >= 14 and days % 7 == 0:
        return f"{days // 7} weeks"
    return f"{days} day{'s' if days != 1 else ''}"


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{number(round(hours * 60, 3))} minutes"
    return f"{number(hours)} hour{'s' if hours != 1 else ''}"


def _target(target: Target) -> str:
    return (f"{_ROUTED[target.route]} " if target.route else "") + _agent(target.agent)


def _agent(name: str) -> str:
    """An agent as it is read aloud."""
    return name.replace("_", " ")


def _listed(words: Iterable[str]) -> str:
    items = list(words)
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
