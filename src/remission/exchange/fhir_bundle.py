"""What a FHIR bundle of other people says of each patient: doses, orders, counts, sizes.

Read is R4 and R4B JSON, leniently: whatever cannot be used is counted in a note with its reason; nothing is guessed.
What would be another dose than was given (an unknown unit, a dose without a day) is not taken and said.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from remission.knowledge.codes_file import codes
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library

from .guarded import json_of

MOST_PATIENTS, MOST_DAYS, MOST_DOSES = 10_000, 20_000, 200_000
MOST_HOURS = 2000.0  # of an infusion
YEARS = (1900, 2200)  # in which dates are believed
SAME = 0.02  # relative: what was given is as it was ordered
GIVEN = ("completed", "in-progress", "stopped")  # of an administration: a dose was given
ORDERED = ("active", "completed", "on-hold", "stopped", "unknown", "draft")
ROUTES = {"iv": "IV", "intravenous": "IV", "po": "PO", "oral": "PO", "by mouth": "PO", "it": "IT", "intrathecal": "IT",
          "sc": "SC", "subcutaneous": "SC", "im": "IM", "intramuscular": "IM"}  # fmt: skip
AMOUNTS = {"mg": "mg", "g": "g", "ug": "ug", "mcg": "ug", "[iu]": "IU", "iu": "IU", "u": "IU", "[u]": "IU",
           "unit": "IU", "units": "IU"}  # fmt: skip
_TIMES_A_DAY = {"QD": 1, "BID": 2, "TID": 3, "QID": 4}  # codes of HL7's GTSAbbreviation
_PERIOD_DAYS = {"d": 1, "wk": 7}
COUNTS = ("anc", "platelets", "haemoglobin", "wbc")
_FACTORS = {  # a unit of a count -> what it is multiplied by to be 10^9/L, or g/dL
    "10*9/l": 1.0, "10*3/ul": 1.0, "10^9/l": 1.0, "10^3/ul": 1.0, "k/ul": 1.0, "g/l": 0.1, "/ul": 0.001,
    "{cells}/ul": 0.001, "cells/ul": 0.001, "/mm3": 0.001, "10*6/l": 0.001, "g/dl": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Given:
    """A dose as a bundle has it: ``amount`` of each of ``times`` a day, on days as dates."""

    agent: str
    route: str
    amount: float
    unit: str
    first: date
    last: date
    times: int = 1
    hour: float = 0.0
    last_hour: float = 0.0
    infusion_h: float = 0.0
    place: int = 0  # of the entry, from 1
    request: str = ""  # what it was given upon

    @property
    def mg(self) -> float:
        """``amount`` in mg; in IU as it is."""
        return self.amount * {"g": 1000.0, "ug": 0.001}.get(self.unit, 1.0)


@dataclass
class Person:
    """What a bundle says of one patient."""

    id: str
    given: list[Given] = field(default_factory=list)
    ordered: list[Given] = field(default_factory=list)
    orders: dict[str, list[Given]] = field(default_factory=dict)  # the doses of each request, whenever they are due
    facts: dict[str, float | str] = field(default_factory=dict)
    born: date | None = None
    sizes: dict[str, list[tuple[date, float]]] = field(default_factory=dict)  # weight_kg, height_cm
    counts: dict[date, dict[str, tuple[float, int]]] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def size(self, what: str, day: date) -> float | None:
        """The weight (kg) or height (cm) that was measured nearest to a day."""
        measured = self.sizes.get(what)
        return min(measured, key=lambda one: abs((one[0] - day).days))[1] if measured else None

    def unlike(self) -> Iterator[str]:
        """Doses that differ from each amount in their request."""
        differ: dict[str, list[tuple[Given, Given]]] = {}
        for dose in self.given:
            orders = [o for o in self.orders.get(dose.request, ()) if dose.request and o.agent == dose.agent]
            if orders and not any(math.isclose(dose.mg, o.mg, rel_tol=SAME) for o in orders):
                differ.setdefault(dose.agent, []).append((dose, orders[0]))
        for agent, pairs in differ.items():
            dose, order = pairs[0]
            yield (f"{agent}: {len(pairs)} dose{'s' if len(pairs) > 1 else ''} not as ordered, "
                   f"{'the first: ' if len(pairs) > 1 else ''}{dose.amount:g} {dose.unit} given (entry {dose.place}), "
                   f"{order.amount:g} {order.unit} ordered")  # fmt: skip


@dataclass
class Bundle:
    people: dict[str, Person] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    doses: int = 0  # that orders make

    def of(self, subject: str) -> Person:
        return self.people.setdefault(subject, Person(subject))


def bundle_of(path: Path) -> Bundle:
    whole = json_of(path)
    entries = whole.get("entry") if isinstance(whole, dict) and whole.get("resourceType") == "Bundle" else None
    if not isinstance(entries, list):
        raise BadInput("this is no FHIR Bundle with entries", path, remedy="Give a Bundle in JSON (R4)")
    resources = [(i, e["resource"], e.get("fullUrl")) for i, e in enumerate(entries, 1)
                 if isinstance(e, dict) and isinstance(e.get("resource"), dict)]  # fmt: skip
    medications: dict[str, Any] = {}
    for _, resource, url in resources:
        if resource.get("resourceType") == "Medication":
            for name in (f"Medication/{resource.get('id')}", url):
                if isinstance(name, str):
                    medications[name] = resource.get("code")
    found = Bundle()
    for place, resource, _ in resources:
        kind = resource.get("resourceType")
        if kind == "Patient":
            _patient(found, resource)
        elif kind == "Condition":
            _condition(found, resource)
        elif kind == "Observation":
            _observation(found, resource, place)
        elif kind == "MedicationAdministration":
            _administration(found, resource, place, medications)
        elif kind == "MedicationRequest":
            _request(found, resource, place, medications)
        elif kind == "Procedure":
            called = next(_names(resource.get("code")), "a procedure without a name")
            found.notes[f"{called} is not played: it is a Procedure"] += 1
        elif kind == "MedicationStatement":
            found.notes["a MedicationStatement is not played: it says that a medicine is taken, not each dose"] += 1
        if len(found.people) > MOST_PATIENTS:
            raise BadInput(f"the bundle holds more than {MOST_PATIENTS:,} patients", path, remedy="Split it")
    return found


def _at(resource: Any, *keys: str | int) -> Any:
    """What lies below keys and places; None where it is not there, or is something else."""
    for key in keys:
        if isinstance(key, str) and isinstance(resource, dict):
            resource = resource.get(key)
        elif isinstance(key, int) and isinstance(resource, list) and -len(resource) <= key < len(resource):
            resource = resource[key]
        else:
            return None
    return resource


def _words(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _subject(resource: Any) -> str:
    """The last part of a reference: Patient/7, urn:uuid:..., http://.../Patient/7."""
    return _last(_at(resource, "subject", "reference"))


def _last(reference: Any) -> str:
    return re.split(r"[/:]", _words(reference))[-1][:80]


def _codings(concept: Any) -> Iterator[tuple[str, str]]:
    for one in _list(_at(concept, "coding")):
        system, code = _at(one, "system"), _at(one, "code")
        if isinstance(system, str) and isinstance(code, str):
            yield system, code


def _names(concept: Any) -> Iterator[str]:
    for said in (_at(concept, "text"), *(_at(one, "display") for one in _list(_at(concept, "coding")))):
        if isinstance(said, str) and said.strip():
            yield said.strip()[:100]


def _patient(found: Bundle, resource: Any) -> None:
    person = found.of(_words(resource.get("id"))[:80])
    if resource.get("gender") in ("female", "male"):
        person.facts["sex"] = resource["gender"]
    person.born = _day(resource.get("birthDate"))


def _condition(found: Bundle, resource: Any) -> None:
    for system, code in _codings(resource.get("code")):
        lineage = codes().meaning("disease", system, code)
        if lineage in ("B", "T"):
            found.of(_subject(resource)).facts["lineage"] = lineage


def _observation(found: Bundle, resource: Any, place: int) -> None:
    what = size = None
    for system, code in _codings(resource.get("code")):
        known = codes()
        what = what or known.meaning("measured", system, code) or known.meaning("also measured", system, code)
        size = size or known.meaning("size", system, code)
    if what not in COUNTS and size not in ("weight_kg", "height_cm"):
        return
    person = found.of(_subject(resource))
    value, unit = _at(resource, "valueQuantity", "value"), _unit(_at(resource, "valueQuantity"))
    if resource.get("status") in ("entered-in-error", "cancelled"):
        return
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    when = _day(resource.get("effectiveDateTime") or resource.get("effectiveInstant")
                or _at(resource, "effectivePeriod", "start"))  # fmt: skip
    if size in ("weight_kg", "height_cm"):
        scale = {"kg": 1.0, "g": 0.001, "cm": 1.0, "m": 100.0}.get(unit)
        right = unit in (("kg", "g") if size == "weight_kg" else ("cm", "m"))
        if scale is not None and right and number > 0.0 and when is not None:
            person.sizes.setdefault(str(size), []).append((when, number * scale))
        return
    assert what is not None
    factor = _FACTORS.get(unit)
    mass = unit in ("g/dl", "g/l")
    if when is None:
        person.problems.append((place, f"{what} without a day"))
    elif factor is None or mass is not (what == "haemoglobin"):
        person.problems.append((place, f"{what} in '{unit[:20] or 'no unit'}'"))
    elif not 0.0 <= number * factor <= 5000.0:
        person.problems.append((place, f"{what} of {number:g} {unit}"))
    else:
        seen = person.counts.setdefault(when, {})
        level = round(number * factor, 9)
        if what in seen and seen[what][0] != level:
            person.problems.append((place, f"a second {what} on {when} ({level:g}); the first is kept"))
        seen.setdefault(what, (level, place))


def _unit(quantity: Any) -> str:
    """The unit of a quantity in small letters: its UCUM code, or what is written."""
    said = _at(quantity, "code") if _at(quantity, "system") == "http://unitsofmeasure.org" else None
    return (_words(said) or _words(_at(quantity, "unit")) or _words(_at(quantity, "code"))).strip().lower()


# --- medicines ---------------------------------------------------------------------------------


def _medicine(resource: Any, medications: Mapping[str, Any]) -> tuple[str | None, str]:
    """The agent, and what it is called there. A code counts before a name."""
    concept = resource.get("medicationCodeableConcept")
    if concept is None:
        said = _words(_at(resource, "medicationReference", "reference"))
        concept = medications.get(said)
        for inner in _list(resource.get("contained")):
            if said.startswith("#") and _at(inner, "id") == said[1:]:
                concept = _at(inner, "code")
    names = list(_names(concept))
    called = names[0] if names else "a medicine without a name"
    for system, code in _codings(concept):
        if (agent := codes().agent_of(system, code)) is not None:
            return agent, called
    for name in names:
        if len(meant := library().meant_by(name)) == 1:
            return meant[0], called
    return None, called


def _route(concept: Any, agent: str) -> str | None:
    """The route; where none is said and the agent has one, that."""
    for system, code in _codings(concept):
        if (route := codes().meaning("route", system, code)) is not None:
            return route
    for name in _names(concept):
        flat = re.sub(r"\s*(route|\(qualifier value\)|use)", "", name.lower()).strip()
        if flat in ROUTES:
            return ROUTES[flat]
    routes = library().agent(agent).routes
    return routes[0] if concept is None and len(routes) == 1 else None


def _amount(quantity: Any) -> tuple[float, str] | None:
    value, unit = _at(quantity, "value"), AMOUNTS.get(_unit(quantity))
    if isinstance(value, bool) or not isinstance(value, int | float) or unit is None:
        return None
    return (float(value), unit) if math.isfinite(value) and value > 0 else None


def _administration(found: Bundle, resource: Any, place: int, medications: Mapping[str, Any]) -> None:
    agent, called = _medicine(resource, medications)
    status = resource.get("status")
    if status not in GIVEN:
        found.notes[f"{called}: {_words(status)[:30] or 'no status'}, no dose"] += 1
        return
    if agent is None:
        found.notes[f"{called} is not played: the agent is not known here"] += 1
        return
    dosage = resource.get("dosage")
    route, amount = _route(_at(dosage, "route"), agent), _amount(_at(dosage, "dose"))
    if route is None or amount is None:
        lacks = "the route" if route is None else "a dose in mg, g, ug or IU"
        found.notes[f"{called} is not played: {lacks} is not said"] += 1
        return
    when = resource.get("effectiveDateTime")
    start, end = _moment(when or _at(resource, "effectivePeriod", "start")), None
    if when is None:
        end = _moment(_at(resource, "effectivePeriod", "end"))
    if start is None:
        found.notes[f"{called} is not played: its day is not said"] += 1
        return
    infusion = 0.0
    if end is not None:
        if start[1] is None or end[1] is None:
            if end[0] != start[0]:
                found.notes[f"{called} is not played: given from {start[0]} to {end[0]}, without hours"] += 1
                return
        else:
            infusion = (end[0] - start[0]).days * 24.0 + end[1] - start[1]
            if infusion < 0.0:
                found.notes[f"{called} is not played: it ends before it begins"] += 1
                return
    hour = start[1] or 0.0
    person = found.of(_subject(resource))
    order = _last(_at(resource, "request", "reference"))
    person.given.append(
        Given(agent, route, *amount, start[0], start[0], 1, hour, hour, round(infusion, 6), place, order)
    )


def _request(found: Bundle, resource: Any, place: int, medications: Mapping[str, Any]) -> None:
    agent, called = _medicine(resource, medications)
    if resource.get("status") not in ORDERED or resource.get("intent") not in ("order", "plan", "original-order"):
        found.notes[f"a request of {called} is not played: {_words(resource.get('intent'))[:20]}, "
                    f"{_words(resource.get('status'))[:20]}"] += 1  # fmt: skip
        return
    if resource.get("doNotPerform") is True:
        return
    if agent is None:
        found.notes[f"{called} is not played: the agent is not known here"] += 1
        return
    person = found.of(_subject(resource))
    for dosage in _list(resource.get("dosageInstruction")):
        route = _route(_at(dosage, "route"), agent)
        amount = _amount(_at(dosage, "doseAndRate", 0, "doseQuantity"))
        if dosage.get("asNeededBoolean") is True if isinstance(dosage, dict) else True:
            found.notes[f"a request of {called} is not played: only when it is needed"] += 1
        elif _at(dosage, "asNeededCodeableConcept") is not None:
            found.notes[f"a request of {called} is not played: only when it is needed"] += 1
        elif route is None or amount is None:
            found.notes[f"a request of {called} is not played: the route or the dose is not said"] += 1
        else:
            hours = _hours(amount, _at(dosage, "doseAndRate", 0, "rateQuantity"))
            if hours is None:
                found.notes[
                    f"{called} is played as given at once: the rate of its infusion is not in mg/h or the like"
                ] += 1
            dose = Given(agent, route, *amount, date.min, date.min, infusion_h=hours or 0.0, place=place)
            person.orders.setdefault(_words(resource.get("id")), []).append(dose)
            before = len(person.ordered)
            person.ordered += _expanded(found, called, _at(dosage, "timing"), dose)
            found.doses += len(person.ordered) - before
            if found.doses > MOST_DOSES:
                raise BadInput(
                    f"the orders make more than {MOST_DOSES:,} doses (entry {place})", remedy="Split the file"
                )


def _hours(amount: tuple[float, str], rate: Any) -> float | None:
    """How long an infusion takes by its rate; 0 where none is said, None for a rate that says nothing of the amount."""
    if rate is None:
        return 0.0
    value, unit = _at(rate, "value"), _unit(rate)
    mass, _, per = unit.partition("/")
    if isinstance(value, bool) or not isinstance(value, int | float) or AMOUNTS.get(mass) != amount[1] or per != "h":
        return None
    return round(amount[0] / value, 3) if value > 0 and amount[0] / value < MOST_HOURS else None


def _expanded(found: Bundle, called: str, timing: Any, dose: Given) -> Iterator[Given]:
    """The doses of an order: its events, or its period with a frequency in days or weeks."""
    repeat = _at(timing, "repeat")
    times, period, unit = _at(repeat, "frequency"), _at(repeat, "period"), _at(repeat, "periodUnit")
    period = int(period) if isinstance(period, float) and period.is_integer() else period
    if period is None and times is None:
        said = {code for _, code in _codings(_at(timing, "code"))} & _TIMES_A_DAY.keys()
        times, period, unit = (_TIMES_A_DAY[said.pop()], 1, "d") if len(said) == 1 else (times, period, unit)
    events = [day for event in _list(_at(timing, "event")) if (day := _day(event)) is not None]
    start, end = _day(_at(repeat, "boundsPeriod", "start")), _day(_at(repeat, "boundsPeriod", "end"))
    every = _PERIOD_DAYS.get(unit) if isinstance(unit, str) else None
    daily = times if isinstance(times, int) and 1 <= times <= 24 and period == 1 and every == 1 else None
    plain = times in (None, 1) and isinstance(period, int) and every is not None and 1 <= period <= 366
    apart = 24.0 / daily if daily else 24.0
    last_hour = apart * (daily - 1) if daily else 0.0
    bounded = start is not None and end is not None and 0 <= (end - start).days < MOST_DAYS
    if events and (daily or repeat is None):
        for day in events:
            yield replace(dose, first=day, last=day, times=daily or 1, last_hour=last_hour)
    elif start is not None and end is not None and bounded and daily:
        yield replace(dose, first=start, last=end, times=daily, last_hour=last_hour)
    elif start is not None and end is not None and bounded and plain:
        for after in range(0, (end - start).days + 1, period * (every or 1)):
            day = start + timedelta(days=after)
            yield replace(dose, first=day, last=day)
    else:
        found.notes[f"a request of {called} is not played: its days are not said"] += 1


# --- days --------------------------------------------------------------------------------------


def _day(said: Any) -> date | None:
    found = _moment(said)
    return None if found is None else found[0]


def _moment(said: Any) -> tuple[date, float | None] | None:
    """The date of a FHIR dateTime as it stands there (in its own time zone), and the hour, None where there is none. A
    year or a month alone is no day."""
    if not isinstance(said, str) or len(said) > 40:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", said):
            day = date.fromisoformat(said)
            return (day, None) if YEARS[0] <= day.year <= YEARS[1] else None
        at = datetime.fromisoformat(said.replace("Z", "+00:00"))
    except ValueError:
        return None
    if not re.match(r"\d{4}-\d{2}-\d{2}T", said) or not YEARS[0] <= at.year <= YEARS[1]:
        return None
    return at.date(), at.hour + at.minute / 60.0 + at.second / 3600.0
