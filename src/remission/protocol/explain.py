"""A protocol in plain sentences that can be read aloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from ..locale import N_, bare, called, english, figures, joined, language, listed, ngettext
from ..locale import gettext as _
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
from .numerals import number, percent
from .vocabulary import AT_TIME_POINT, EVER, FRACTIONS, ORDINALS, SHARES
from .wording import (
    block_in_words,
    phase_in_words,
    place_in_words,
    protocol_in_words,
    sentence,
    unit_in_words,
    word_in_words,
)

_ROUTE = {
    "IV": N_("into a vein"),
    "PO": N_("by mouth"),
    "IT": N_("into the spinal fluid"),
    "SC": N_("under the skin"),
    "IM": N_("into a muscle"),
    "RT": N_("as radiation"),
    "collection": N_("by collection of the patient's own T cells"),
}
_ROUTED = {
    "IV": N_("intravenous"),
    "PO": N_("oral"),
    "IT": N_("intrathecal"),
    "SC": N_("subcutaneous"),
    "IM": N_("intramuscular"),
    "RT": N_("radiation"),
    "collection": N_("collected"),
}
_UNIT = {
    "mg/m2": N_("mg per square metre"),
    "g/m2": N_("g per square metre"),
    "IU/m2": N_("IU per square metre"),
    "ug/m2": N_("micrograms per square metre"),
    "mg/kg": N_("mg per kg of body weight"),
    "ug/kg": N_("micrograms per kg of body weight"),
    "g/kg": N_("g per kg of body weight"),
    "IU/kg": N_("IU per kg of body weight"),
    "cells/kg": N_("cells per kg of body weight"),
    "Mcells/kg": N_("million cells per kg of body weight"),
    "g": N_("g"),
    "ug": N_("micrograms"),
    "IU": N_("IU"),
    "Gy": N_("Gy"),
    "cells": N_("cells"),
    "Mcells": N_("million cells"),
    "dose": N_("dose"),
    "mg": N_("mg"),
}
# name in a condition -> how it is called, its verb, the unit after its number
_CALLED = {
    "anc": (N_("neutrophils"), "are", ""),
    "platelets": (N_("platelets"), "are", ""),
    "haemoglobin": (N_("haemoglobin"), "is", N_("{n} g/dL")),
    "wbc": (N_("white cells"), "are", ""),
    "lymphocytes": (N_("lymphocytes"), "are", ""),
    "blood blasts": (N_("blasts in blood"), "are", N_("{n} per microlitre")),
    "marrow blasts": (N_("blasts in marrow"), "are", ""),
    "marrow MRD": (N_("residual leukaemia (MRD) in marrow"), "is", ""),
    "blood MRD": (N_("residual leukaemia (MRD) in blood"), "is", ""),
    "age": (N_("age"), "is", ""),
    "weight": (N_("body weight"), "is", N_("{n} kg")),
    "bsa": (N_("body surface"), "is", N_("{n} square metres")),
    "sex": (N_("sex"), "is", ""),
    "cns": (N_("CNS status"), "is", ""),
    "lineage": (N_("lineage"), "is", ""),
    "tpmt": (N_("TPMT activity"), "is", ""),
    "nudt15": (N_("NUDT15 activity"), "is", ""),
    "diagnosis wbc": (N_("white cells at diagnosis"), "are", ""),
    "chimerism": (N_("cells of the donor in marrow"), "are", ""),
    "t315i": (N_("T315I among leukaemic cells"), "is", ""),
    "b cells": (N_("B cells"), "are", N_("{n} per microlitre")),
    "igg": (N_("IgG"), "is", N_("{n} g/L")),
    "relapses": (N_("relapses so far"), "are", ""),
    "relapse month": (N_("months from the first day to the first relapse"), "are", ""),
    "chance": (N_("a number drawn by lot"), "is", ""),
    "crs": (N_("cytokine release syndrome (grade)"), "is", ""),
    "neurotoxicity": (N_("neurotoxicity of immune cells (grade)"), "is", ""),
    "donor": (N_("donor"), "is", ""),
    "ph": (N_("BCR::ABL1"), "is", ""),
    "remission": (N_("remission"), "is", ""),
    "product": (N_("the cell product"), "is", ""),
    "subtype": (N_("subtype"), "is", ""),
    "down syndrome": (N_("Down syndrome"), "is", ""),
}
# For translators: {what} is a noun such as platelets, {value} a number or a word; {what}: below {value} is allowed
_IS = {
    "<": N_("{what} is below {value}"), "<=": N_("{what} is at most {value}"), ">": N_("{what} is above {value}"),
    ">=": N_("{what} is at least {value}"), "=": N_("{what} is {value}"), "!=": N_("{what} is not {value}"),
}  # fmt: skip
_ARE = {
    "<": N_("{what} are below {value}"), "<=": N_("{what} are at most {value}"), ">": N_("{what} are above {value}"),
    ">=": N_("{what} are at least {value}"), "=": N_("{what} are {value}"), "!=": N_("{what} are not {value}"),
}  # fmt: skip
_CHECK = {
    "counts": N_("blood counts"),
    "marrow MRD": N_("residual leukaemia (MRD) in marrow"),
    "blood MRD": N_("residual leukaemia (MRD) in blood"),
    "marrow blasts": N_("blasts in marrow"),
    "blood blasts": N_("blasts in blood"),
}
_SAID = {"for": N_("who is treated"), "mrd": _CHECK["marrow MRD"], "on relapse": N_("who is treated")}
_BY_ASSAY = {
    "flow": N_("Residual leukaemia (MRD) is measured by flow cytometry."),
    "PCR": N_("Residual leukaemia (MRD) is measured by PCR."),
}
_ANY = Phase("any phase", "Any phase", ANY_LENGTH)
_COUNTS = N_("Counts of neutrophils, platelets, white cells and lymphocytes are in 10^9 per litre.")


def explain(protocol: Protocol) -> str:
    """The whole protocol, phase by phase, in sentences; what is assumed or open is listed where it matters."""
    return bare("\n".join(_protocol(protocol))).rstrip() + "\n"


def explain_condition(condition: Condition) -> str:
    """``neutrophils are at least 0.75 and platelets are at least 75``."""
    if isinstance(condition, Compare):
        return _compare(condition)
    if isinstance(condition, Defined):
        return _((_IS)[condition.op]).format(what=_(condition.name), value=_(condition.value))
    if isinstance(condition, Not):
        return _("it is not so that {condition}").format(condition=explain_condition(condition.item))
    plain = all(isinstance(item, Compare | Defined) for item in condition.items)
    either = _("{one} or {other}") if plain else _("{one}, or {other}")
    pair = _("{one} and {other}") if isinstance(condition, And) else either
    said = [
        explain_condition(item)
        if isinstance(item, Compare | Defined | And)
        else f"({explain_condition(item)})"
        for item in condition.items
    ]
    return joined(pair, said)


def explain_sentence(item: Give | Check | Decide | Rule, phase: Phase) -> str:
    """One sentence of a phase in plain words."""
    match item:
        case Give():
            return _give(item, {}, phase)
        case Check():
            return _("Measured: {tests}.").format(tests=_check(item, phase))
        case Decide():
            return _decide(item, {}, phase)
        case Rule():
            return _rule(item.action, phase)


def rule_in_words(rule: Rule, phase: Phase | None = None) -> str:
    """A rule as it stands in its file, without its sources; in another language the sentence that says the same."""
    return sentence(rule.text) if language() == "en" else _rule(rule.action, phase)


def _protocol(protocol: Protocol) -> Iterator[str]:
    yield protocol_in_words(protocol)
    if protocol.plain:
        yield protocol_in_words(protocol, "plain") if language() != "en" else protocol.plain
    yield ""
    if protocol.eligible is not None:
        yield _("For patients of whom this is true: {condition}.").format(
            condition=explain_condition(protocol.eligible)
        )
    if protocol.mrd:
        yield _(_BY_ASSAY[protocol.mrd])
    if protocol.on_relapse:
        yield _("After a relapse treatment goes on with: {phase}.").format(phase=phase_in_words(protocol.on_relapse))
    yield _(_COUNTS)
    names = {phase.id: phase_in_words(phase.name) for phase in protocol.phases}
    blocks = {block.id: block for phase in protocol.phases for block in phase.blocks}
    for place, phase in enumerate(map(apart, protocol.phases)):
        yield ""
        home = phase.id.rpartition(": ")[0]
        said = phase_in_words(phase.name)
        yield f"{place + 1}. " + (_("{phase} (of {protocol})").format(phase=said, protocol=home) if home else said)
        below = protocol.phases[place + 1].id if place + 1 < len(protocol.phases) else None
        yield from (f"   {line}" for line in _phase(phase, names, below))
    own = [rule for rule in protocol.rules if not rule.block]
    if own:
        yield ""
        yield _("In every phase")
        yield from (f"   {_rule(rule.action)}" for rule in own)
    for block in blocks.values():
        yield ""
        called_so = block_in_words(block.name)
        yield _("{block}, in every phase that says nothing else of these medicines").format(block=called_so)
        yield from (f"   {_give(give, names, _ANY)}" for give in block.give)
        yield from (f"   {_rule(rule.action)}" for rule in block.rules)
    if words := words_of(protocol):
        yield ""
        yield _("What is meant")
        yield from (f"   {_capital(explain_condition(word))}: {explain_condition(word.meaning)}." for word in words)
    notes = [*map(english, protocol.open), *_notes((_(_SAID[key]), p) for key, p in protocol.said)]
    notes += _notes((_about(rule.action), rule.provenance) for rule in own)
    for block in blocks.values():
        notes += [*map(english, block.open), *_notes((_agent(give.agent), give.provenance) for give in block.give)]
        notes += _notes((_about(rule.action), rule.provenance) for rule in block.rules)
    if notes:
        yield ""
        yield _("Not settled")
        yield from (f"   - {note}" for note in notes)


def _phase(phase: Phase, names: dict[str, str], below: str | None) -> Iterator[str]:
    yield _frame(phase, names)
    for give in phase.give:
        yield _give(give, names, phase)
    if phase.check:
        yield _("Measured: {tests}.").format(tests="; ".join(_check(check, phase) for check in phase.check))
    for decision in phase.decide:
        yield _decide(decision, names, phase)
    for rule in phase.rules:
        yield _rule(rule.action, phase)
    following = phase.next if phase.next != "" else below
    if following:
        yield _("Then follows: {phase}.").format(phase=names.get(following, following))
    else:
        yield _("Then treatment ends.")
    notes = [*map(english, phase.open), *_notes(_provenances(phase))]
    if notes:
        yield _("Not settled:")
        yield from (f"- {note}" for note in notes)


def _frame(phase: Phase, names: dict[str, str]) -> str:
    length = _span(phase.days)
    said = [_("It lasts {days}.").format(days=length)]
    if phase.repeat_times is not None:
        said = [_("A cycle lasts {days}; there are {n} cycles.").format(days=length, n=phase.repeat_times)]
    elif phase.repeat_until:
        ends = "; ".join(_until(until, names) for until in phase.repeat_until)
        said = [_("A cycle lasts {days}; cycles go on until {end}.").format(days=length, end=ends)]
    if phase.rest_days:
        said.append(_("Before it are {days} of rest.").format(days=_span(phase.rest_days)))
    if phase.first_day != 1:
        said.append(
            _("Its days count from a transplant on day 0; the first is day {day}.").format(day=phase.first_day)
        )
    if phase.start_when is not None:
        said.append(
            _("It starts when {condition}; if not yet, this is looked at again every {days}.").format(
                condition=explain_condition(phase.start_when), days=_span(phase.recheck_days)
            )
        )
    return " ".join(said)


def _until(until: Until, names: dict[str, str]) -> str:
    years = next((n for n in range(1, 11) if int(n * 365.25) == until.days), None)
    length = _span(until.days) if years is None else ngettext("{n} year", "{n} years", years).format(n=years)
    if until.from_phase:
        start = names.get(until.from_phase, until.from_phase)
        text = _("{time} after the start of {phase}").format(time=length, phase=start)
    else:
        text = _("{time} after the first dose").format(time=length)
    if until.when is None:
        return text
    return _("{what} where {condition}").format(what=text, condition=explain_condition(until.when))


def _give(give: Give, names: dict[str, str], phase: Phase) -> str:
    text = f"{_capital(_agent(give.agent))}, {_dose(give)}"
    if give.infusion_h is not None:
        text = _("{dose} over {time}").format(dose=text, time=_hours(give.infusion_h))
    text += f", {_along(give) if give.along else (None if give.weekdays else _recurs(give.days)) or _when(give, phase)}"
    said = [text]
    if give.escalation is not None:
        step, unit = _number(give.escalation.step), _(_UNIT[give.unit])
        if give.escalation.of_phase is None:
            said.append(_("Each dose is {step} {unit} more than the one before").format(step=step, unit=unit))
        else:
            origin = names.get(give.escalation.of_phase, give.escalation.of_phase)
            said.append(
                _(
                    "Each dose is {step} {unit} more than the one before; the first is {share} of the highest dose of "
                    "{phase}"
                ).format(step=step, unit=unit, share=_share(give.escalation.start_fraction or 0), phase=origin)
            )
    if give.taper:
        each = [
            _("{share} for {time}").format(share=_percent(fraction), time=_span(length))
            for fraction, length in give.taper
        ]
        said.append(_("After the last day the dose is taken down: {steps}").format(steps=listed(each)))
    if give.not_with:
        others = _listed(_routed(route, agent) for agent, route in give.not_with)
        said.append(_("It is left out on days with {others}").format(others=others))
    if give.when is not None:
        said.append(_("Only if {condition}").format(condition=explain_condition(give.when)))
    return ". ".join(said) + "."


def _along(give: Give) -> str:
    days = _span(give.days_after)
    named = []
    for b in give.along:
        said = _routed(b.route, b.agent)
        if b.at_least is not None:
            least = f"{_number(b.at_least)} {_(_UNIT[b.unit])}"
            form = _("{agent} ({dose} a day or more)") if b.per == "day" else _("{agent} ({dose} or more)")
            said = form.format(agent=said, dose=least)
        named.append(said)
    others = _listed(named)
    if give.only_after:
        return _("on the {days} after {others}").format(days=days, others=others)
    if give.days_after:
        return _("on the days with {others} and for {days} after").format(others=others, days=days)
    return _("on the days with {others}").format(others=others)


def _recurs(days: Sequence[int]) -> str | None:
    """Days of a block's line, which is read for a year: every week."""
    if days[-1] <= ANY_LENGTH - 7 or len(days) < 3:
        return None
    step = days[1] - days[0]
    every = _("every day") if step == 1 else _("every {time}").format(time=_span(step))
    return _("{every}, from day {day} on").format(every=every, day=days[0]) if days[0] > 1 else every


def _dose(give: Give) -> str:
    routes = joined(_("{one} or {other}"), (_(_ROUTE[route]) for route in give.routes))
    if give.amount is None:
        if give.table:
            return _("the dose for the age (table {table}) {route}").format(table=give.table, route=routes)
        return _("the dose for the age {route}").format(route=routes)
    unit = _(_UNIT[give.unit])
    if give.morning_evening is not None:
        morning, evening = (_number(amount) for amount in give.morning_evening)
        return _("{morning} {unit} in the morning and {evening} in the evening {route}").format(
            morning=morning, unit=unit, evening=evening, route=routes
        )
    text = f"{_number(give.amount)} {unit}"
    if give.per == "day":
        text = _("{dose} a day").format(dose=text)
        if give.doses_per_day > 1:
            text = _("{dose} in {n} doses").format(dose=text, n=give.doses_per_day)
    elif give.doses_per_day > 1:
        text = _("{dose} {n} times a day").format(dose=text, n=give.doses_per_day)
    if give.cap is not None:
        most = f"{_number(give.cap[0])} {unit_in_words(give.cap[1])}"
        most = _("{dose} a day").format(dose=most) if give.per == "day" else most
        text = _("{dose}, at most {most},").format(dose=text, most=most)
    return f"{text} {routes}"


def _check(check: Check, phase: Phase) -> str:
    level = _("the level of {agent}").format(agent=_agent(check.agent or ""))
    what = level if check.what == "level" else _(_CHECK[check.what])
    if check.time_point:
        what = _("{test} (time point {n})").format(test=what, n=check.time_point)
    return f"{what} {_when(check, phase)}"


def _decide(decision: Decide, names: dict[str, str], phase: Phase) -> str:
    home = decision.target.rpartition(": ")[0]
    if decision.action == "leave":
        goes = _("the patient leaves this protocol for {place}").format(place=place_in_words(decision.target))
    else:
        phase_name = names.get(decision.target, decision.target)
        form = _("treatment goes on with {phase} of {protocol}") if home else _("treatment goes on with {phase}")
        goes = form.format(phase=phase_name, protocol=home)
    return _("On day {day}, if {condition}, {goes}.").format(
        day=phase.written_day(decision.day), condition=explain_condition(decision.when), goes=goes
    )


def _rule(action: Action, phase: Phase | None = None) -> str:
    match action:
        case Wait():
            day = phase.written_day(action.day) if phase is not None else action.day
            return _("Day {day} waits until {condition}.").format(day=day, condition=explain_condition(action.until))
        case Transfuse():
            return _("{product} are transfused, {volume} mL per kg of body weight, when {condition}.").format(
                product=_capital(_(action.product)), volume=_number(action.ml_per_kg),
                condition=explain_condition(action.when),
            )  # fmt: skip
        case Rescue():
            said = _(
                "{agent}, {dose}, is given every {time} from hour {hour} after the start of {other}, until {condition},"
                " at least {n} times."
            )
            return said.format(
                agent=_capital(_agent(action.give.agent)), dose=_dose(action.give), time=_hours(action.every_h),
                hour=_number(action.from_h), other=_target(action.after), condition=explain_condition(action.until),
                n=action.at_least,
            )  # fmt: skip
    what, many = _listed(_target(t) for t in action.targets), len(action.targets)
    match action:
        case MakeUp():
            return _make_up(action, what, many)
        case Adjust():
            return _adjust(action, what, explain_condition(action.when))
        case Miss():
            share = _percent(action.fraction)
            if action.when is None:
                return _("{share} of the doses of {medicines} are missed by chance; none is made up.").format(
                    share=share, medicines=what
                )
            missed = _("{share} of the doses of {medicines} are missed by chance when {condition}; none is made up.")
            return missed.format(share=share, medicines=what, condition=explain_condition(action.when))
    when = explain_condition(action.when)
    match action:
        case Hold():
            said = ngettext(
                "{medicines} is not given when {condition}, until {end}.",
                "{medicines} are not given when {condition}, until {end}.",
                many,
            ).format(
                medicines=_capital(what), condition=when, end=explain_condition(action.until) + _lasting(action.streak)
            )
            return f"{said} {_resume(action.resume)}"
        case Limit():
            return ngettext(
                "As long as {condition}, {medicines} is given at {share} of the dose.",
                "As long as {condition}, {medicines} are given at {share} of the dose.",
                many,
            ).format(condition=when, medicines=what, share=_percent(action.fraction))
        case Start():
            return ngettext(
                "{medicines} starts at {share} of the dose when {condition}.",
                "{medicines} start at {share} of the dose when {condition}.",
                many,
            ).format(medicines=_capital(what), share=_percent(action.fraction), condition=when)
        case Omit():
            return _("The dose of {medicines} due on a day is left out when {condition}.").format(
                medicines=what, condition=when
            )
        case Repeat():
            return _("The next dose of {medicines} does not rise when {condition}.").format(
                medicines=what, condition=when
            )
        case Stop():
            return ngettext(
                "{medicines} is stopped for good when {condition}.",
                "{medicines} are stopped for good when {condition}.",
                many,
            ).format(medicines=_capital(what), condition=when + _lasting(action.streak))
        case _other:
            assert_never(_other)


def _resume(resume: Sequence[float]) -> str:
    if set(resume) == {1.0}:
        return _("Then the dose is as before.")
    first = _("as before")
    if resume[0] != 1.0:
        first = _("{share} of the protocol's dose").format(share=_percent(resume[0]))
    if len(resume) == 1:
        return _("After each break the dose is {dose}.").format(dose=first)
    named = [N_("second"), N_("third"), N_("fourth"), N_("fifth"), N_("sixth")]
    assert tuple(named) == ORDINALS
    later = [
        _("after the {ordinal} break {share}").format(ordinal=_(name), share=_percent(share))
        for name, share in zip(named, resume[1:], strict=False)
    ]
    return _("After the first break the dose is {dose}, {later} of it, and so after every later one.").format(
        dose=first, later=listed(later)
    )


def _make_up(action: MakeUp, what: str, many: int) -> str:
    said = ngettext(
        "Days on which {medicines} is not given by a rule are made up: after the last planned day {medicines} is given "
        "as many days more, and the rest of the phase follows that much later",
        "Days on which {medicines} are not given by a rule are made up: after the last planned day {medicines} are "
        "given as many days more, and the rest of the phase follows that much later",
        many,
    ).format(medicines=what)
    if action.longest_days is None:
        return f"{said}."
    return _("{what}; after a break of more than {time} the phase begins again.").format(
        what=said, time=_span(action.longest_days)
    )


def _lasting(streak: Streak) -> str:
    text = " " + _("for {time}").format(time=_span(streak.days)) if streak.days else ""
    if streak.visits <= 1:
        return text
    visits = ngettext("at {n} visit in a row", "at {n} visits in a row", streak.visits).format(n=streak.visits)
    return f"{text} {visits}"


def _adjust(action: Adjust, what: str, when: str) -> str:
    change = _percent(round(abs(action.factor - 1), 6))
    many = len(action.targets)
    if action.factor == 0.5:
        form = ngettext("{medicines} is halved when {condition}", "{medicines} are halved when {condition}", many)
    elif action.factor > 1 and action.in_turn:
        form = ngettext(
            "{medicines} is raised, one after the other, by {share} when {condition}",
            "{medicines} are raised, one after the other, by {share} when {condition}",
            many,
        )
    elif action.factor > 1:
        form = ngettext(
            "{medicines} is raised by {share} when {condition}",
            "{medicines} are raised by {share} when {condition}",
            many,
        )
    elif action.in_turn:
        form = ngettext(
            "{medicines} is reduced, one after the other, by {share} when {condition}",
            "{medicines} are reduced, one after the other, by {share} when {condition}",
            many,
        )
    else:
        form = ngettext(
            "{medicines} is reduced by {share} when {condition}",
            "{medicines} are reduced by {share} when {condition}",
            many,
        )
    text = form.format(medicines=_capital(what), share=change, condition=when + _lasting(action.streak))
    if action.at_most is not None:
        text = _("{change}, to at most {share} of the protocol's dose").format(
            change=text, share=_percent(action.at_most)
        )
    if action.at_least is not None:
        text = _("{change}, to not less than {share} of the protocol's dose").format(
            change=text, share=_percent(action.at_least)
        )
    return text + "."


# --- what is not settled ------------------------------------------------------------------------


def _provenances(phase: Phase) -> Iterator[tuple[str, Provenance]]:
    named = {
        "start when": _("the start"), "rest": _("the rest before"), "recheck": _("looking again"),
        "repeat": _("the length"),
    }  # fmt: skip
    for key, provenance in phase.said:
        yield named.get(key, key), provenance
    for give in phase.give:
        yield _routed(give.route, give.agent), give.provenance
    for check in phase.check:
        test = _(_CHECK[check.what]) if check.what in _CHECK else _("levels")
        yield _("measuring {test}").format(test=test), check.provenance
    for decision in phase.decide:
        yield _("the decision of day {day}").format(day=decision.day), decision.provenance
    for rule in phase.rules:
        yield _about(rule.action), rule.provenance


def _about(action: Action) -> str:
    match action:
        case Wait():
            return _("the wait of day {day}").format(day=action.day)
        case Transfuse():
            return _("transfusion of {product}").format(product=_(action.product))
        case Rescue():
            return _("rescue with {agent}").format(agent=_agent(action.give.agent))
        case Hold():
            form = _("not giving {medicines}")
        case MakeUp():
            form = _("making up days without {medicines}")
        case Limit():
            form = _("lowering {medicines}")
        case Start():
            form = _("starting {medicines}")
        case Omit():
            form = _("leaving out {medicines}")
        case Miss():
            form = _("missing {medicines}")
        case Repeat():
            form = _("not raising {medicines}")
        case Stop():
            form = _("stopping {medicines}")
        case Adjust():
            form = _("raising {medicines}") if action.factor > 1 else _("reducing {medicines}")
        case _other:
            assert_never(_other)
    return form.format(medicines=_listed(_target(t) for t in action.targets))


def _notes(items: Iterable[tuple[str, Provenance]]) -> list[str]:
    """Assumed and open points, and what is from memory, each with what it is about; said once where it recurs."""
    notes: list[str] = []
    memory: list[str] = []
    partly: list[str] = []
    for about, provenance in items:
        if provenance.assumed is not None:
            notes.append(_("{about}, assumed: {why}").format(about=about, why=english(provenance.assumed)))
        if provenance.open is not None:
            notes.append(f"{about}: {english(provenance.open)}")
        if "memory" in provenance.sources:
            (memory if len(provenance.sources) == 1 else partly).append(about)
    for how, what in ((_("from memory, not read: {what}"), memory), (_("partly from memory: {what}"), partly)):
        if what:
            notes.append(how.format(what=listed(dict.fromkeys(what))))
    return list(dict.fromkeys(notes))


# --- words --------------------------------------------------------------------------------------


def _compare(item: Compare) -> str:
    if item.name.startswith("level:"):
        agent = _agent(item.name.removeprefix("level:"))
        assert not isinstance(item.value, str)
        what = _("the level of {agent}").format(agent=agent)
        return _(_IS[item.op]).format(what=what, value=f"{_number(item.value)} {unit_in_words(item.unit)}")
    if item.name in AT_TIME_POINT:
        point = AT_TIME_POINT.index(item.name) + 1
        what, verb, unit = _("residual leukaemia (MRD) in marrow at time point {n}").format(n=point), "is", ""
    elif item.name in _CALLED:
        name, verb, unit = _CALLED[item.name]
        what = _(name)
    else:
        effect, verb, unit = called("side-effects", item.name.removesuffix(EVER)), "is", ""
        form = _("{effect} (worst grade so far)") if item.name.endswith(EVER) else _("{effect} (grade)")
        what = form.format(effect=effect)
    said = (_ARE if verb == "are" else _IS)[item.op]
    if isinstance(item.value, str):
        return _(said).format(what=what, value=word_in_words(item.name, item.value))
    value = _percent(item.value) if item.name in (*FRACTIONS, *SHARES) else _number(item.value)
    if item.name == "age":
        value = (_("{n} year") if item.value == 1 else _("{n} years")).format(n=value)
    return _(said).format(what=what, value=_(unit).format(n=value) if unit else value)


def _when(item: Give | Check, phase: Phase) -> str:
    if item.weekdays is not None:
        days_of_week = (_("Mondays"), _("Tuesdays"), _("Wednesdays"), _("Thursdays"), _("Fridays"), _("Saturdays"),
                        _("Sundays"))  # fmt: skip
        names = _listed(days_of_week[day] for day in item.weekdays.names)
        first, last = (phase.written_day(day) for day in (item.weekdays.first, item.weekdays.last))
        return _("on {weekdays} from day {first} to day {last} (played as if day 1 of the phase were a Monday)").format(
            weekdays=names, first=first, last=last
        )
    days = [phase.written_day(day) for day in item.days]
    step = days[1] - days[0] if len(days) > 1 else 0
    if len(days) > 4 and step > 1 and tuple(days) == tuple(range(days[0], days[-1] + 1, step)):
        every = _("every week") if step == 7 else ngettext("every {n} day", "every {n} days", step).format(n=step)
        return _("{every} from day {first} to day {last}").format(every=every, first=days[0], last=days[-1])
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][1] + 1:
            runs[-1][1] = day
        else:
            runs.append([day, day])
    words: list[str] = []
    for first, last in runs:
        if last - first >= 2:
            words.append(_("{first} to {last}").format(first=first, last=last))
        else:
            words += [str(day) for day in range(first, last + 1)]
    return ngettext("on day {days}", "on days {days}", len(days)).format(days=_listed(words))


def _span(days: int) -> str:
    if days >= 14 and days % 7 == 0:
        return ngettext("{n} week", "{n} weeks", days // 7).format(n=days // 7)
    return ngettext("{n} day", "{n} days", days).format(n=days)


def _hours(hours: float) -> str:
    if hours < 1:
        return _("{n} minutes").format(n=_number(round(hours * 60, 3)))
    return (_("{n} hour") if hours == 1 else _("{n} hours")).format(n=_number(hours))


def _target(target: Target) -> str:
    return _routed(target.route, target.agent)


def _routed(route: str | None, agent: str) -> str:
    """``intrathecal methotrexate``."""
    if not route:
        return _agent(agent)
    return _("{route} {agent}").format(route=_(_ROUTED[route]), agent=_agent(agent))


def _agent(name: str) -> str:
    """An agent as it is read aloud."""
    return called("agents", name)


def _number(value: float) -> str:
    return figures(number(value))


def _percent(fraction: float) -> str:
    return figures(percent(fraction))


def _share(fraction: float) -> str:
    """``two thirds``, else a percentage."""
    named = {1 / 2: _("half"), 1 / 3: _("one third"), 2 / 3: _("two thirds"), 3 / 4: _("three quarters")}
    return named.get(fraction) or _percent(fraction)


def _listed(words: Iterable[str]) -> str:
    items = list(words)
    if len(items) == 1:
        return items[0]
    return _("{some} and {last}").format(some=listed(items[:-1]), last=items[-1])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
