"""A scenario in words: who the patient is, what is changed in the treatment, whom numbers are about."""

from __future__ import annotations

import re

from remission.knowledge.library import Library, library
from remission.protocol.plan import Row
from remission.protocol.wording import unit_in_words

from ..locale import called as named_agent
from .language import _, language, ngettext, number, say
from .scenario import Scenario, read_known
from .shelf import one
from .summary import Summary

BROKEN = 100  # a number whose plural form is that of 1.5, in every language
_CHILD, _ADULT = 13, 18  # years from which one is a young person, an adult


def called(scenario: Scenario) -> str:
    """``a girl of 4 years``."""
    years = scenario.age_years
    shown = round(years, 1) if years < 2 else int(years)
    n = int(shown) if shown == int(shown) else BROKEN
    words = {
        ("f", 0): ngettext("a girl of {age} year", "a girl of {age} years", n),
        ("m", 0): ngettext("a boy of {age} year", "a boy of {age} years", n),
        ("f", 1): ngettext("a young woman of {age} year", "a young woman of {age} years", n),
        ("m", 1): ngettext("a young man of {age} year", "a young man of {age} years", n),
        ("f", 2): ngettext("a woman of {age} year", "a woman of {age} years", n),
        ("m", 2): ngettext("a man of {age} year", "a man of {age} years", n),
    }
    return words[scenario.sex, (years >= _CHILD) + (years >= _ADULT)].format(age=number(shown))


def size(scenario: Scenario) -> str:
    return _("{weight} kg and {height} cm").format(weight=number(scenario.weight_kg), height=number(scenario.height_cm))


def kind(scenario: Scenario) -> str:
    """``B-cell ALL``, with what is known of it."""
    said = {"b": _("B-cell ALL"), "t": _("T-cell ALL")}[scenario.lineage]
    if scenario.ph == "positive":
        said = _("{kind} with the Philadelphia chromosome").format(kind=said)
    return said


def facts(scenario: Scenario, knowledge: Library) -> list[tuple[str, str]]:
    """Name and value of everything that is set."""
    out = [
        (_("Size"), size(scenario)),
        (_("Type"), kind(scenario)),
        (_("Treatment"), treatment_name(scenario, knowledge)),
        (_("Leukaemia in the fluid around brain and spine"), central(scenario.cns)),
    ]
    if scenario.wbc is not None:
        out.append((_("White cells at diagnosis"), _("{count} × 10⁹/L").format(count=number(scenario.wbc))))
    genes = [(name, value) for name in ("tpmt", "nudt15") if (value := getattr(scenario, name))]
    out += [(name.upper(), activity(value)) for name, value in genes]
    if scenario.donor:
        out.append((_("Donor"), donor(scenario.donor)))
    return out


def activity(value: str) -> str:
    """Of an enzyme."""
    known = {"normal": _("normal"), "intermediate": _("intermediate"), "poor": _("poor")}
    return known.get(value, value) if language() != "en" else value


def donor(value: str) -> str:
    known = {"none": _("none"), "sibling": _("sibling"), "unrelated": _("unrelated"),
             "haploidentical": _("half-matched"), "cord": _("cord blood")}  # fmt: skip
    return known.get(value, value) if language() != "en" else value


def central(cns: int) -> str:
    return {1: _("none found (CNS 1)"), 2: _("a few cells (CNS 2)"), 3: _("clearly found (CNS 3)")}[cns]


def treatment_name(scenario: Scenario, knowledge: Library) -> str:
    return named(scenario.protocol, read_known(scenario.protocol, knowledge).name)


def named(protocol: str, name: str) -> str:
    """The name of a treatment plan in the reader's language."""
    return say(f"protocols/{protocol}#name", one(name))


def plan_name(protocol: str, knowledge: Library | None = None) -> str:
    """The name of a treatment plan, cut where it goes into details: ``COG high-risk``; a plan that the library
    does not have keeps its id."""
    known = knowledge or library()
    if protocol not in known.protocols():
        return protocol
    name = re.split(r" \(|, | from ", read_known(protocol, known).name)[0]
    return say(f"protocols/{protocol}#short", re.sub(r"( B-ALL)?( backbone)?$", "", name))


def agent(name: str) -> str:
    """An agent's name as it stands in a sentence: ``methotrexate (into the spine)``."""
    name, _space, route = name.partition(" ")
    said = named_agent("agents", name)
    where = {"IT": _("into the spine"), "PO": _("by mouth"), "IV": _("into a vein")}.get(route)
    return f"{said} ({where})" if where else said


def changes(scenario: Scenario) -> list[str]:
    """Every change of the treatment as a sentence."""
    out = [_("Without {agent}.").format(agent=agent(name)) for name in scenario.without]
    for name, percent in scenario.miss:
        out.append(_("{percent} of 100 doses of {agent} are missed, by chance.").format(
            percent=number(percent), agent=agent(name)
        ))  # fmt: skip
    return out


def about(summary: Summary) -> str:
    """Whom the numbers of a figure are about."""
    scenario, n = summary.scenario, summary.patients
    said = ngettext("{n} virtual patient like {who}", "{n} virtual patients like {who}", n).format(
        n=number(n), who=called(scenario)
    )
    years = number(summary.follow_up_years)
    return _("{patients}, followed for {years} years from the first day.").format(patients=said, years=years)


def phase_name(name: str, knowledge: Library | None = None) -> str:
    """The name of a phase as it begins a line; the other plan that it is of behind it, by its name."""
    home, _colon, own = name.rpartition(": ")
    said = say(f"phases#{own[:1].upper()}{own[1:]}", own[:1].upper() + own[1:])
    return f"{said} ({plan_name(home, knowledge)})" if home else said


def dose(row: Row) -> str:
    """``2.02 mg, twice a day``."""
    amount, times = number(row.dose or 0.0), row.doses_per_day or 1
    said = {
        1: _("{amount} {unit}"), 2: _("{amount} {unit}, twice a day"), 3: _("{amount} {unit}, three times a day"),
    }.get(times, _("{amount} {unit}, {times} times a day"))  # fmt: skip
    return said.format(amount=amount, unit=unit_in_words(row.unit), times=number(times))
