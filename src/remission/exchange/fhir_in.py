"""FHIR bundles of other people: medication histories as doses to be played, Observations and medicines as a chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remission.knowledge.errors import BadInput

from .fhir_bundle import COUNTS, Given, bundle_of
from .guarded import Head

if TYPE_CHECKING:
    from remission.individual.chart import Chart
    from remission.protocol.doses import Doses


def knows(head: Head) -> bool:
    return head.says("resourceType", "Bundle")


def read(path: Path) -> Doses:
    """The doses of a bundle: its administrations, or of a patient who has none its requests. Raises `BadInput` for one
    that holds none that can be played."""
    from remission.protocol.doses import Dose, Doses, History, checked

    found = bundle_of(path)
    histories = []
    notes = [f"{n} x {text}" if n > 1 else text for text, n in sorted(found.notes.items())]
    refused: dict[str, list[int]] = {}  # why -> entries
    for person in found.people.values():
        doses = _joined(person.given or person.ordered)
        if not doses:
            continue
        notes += person.unlike()
        if person.given and person.ordered:
            notes.append(f"{person.id}: the requests are not played: what was given is there")
        elif person.ordered:
            notes.append(f"{person.id}: nothing says what was given; what was ordered is played")
        first = min(dose.first for dose in doses)
        made: list[Dose] = []
        for dose in doses:
            day, last_day = (dose.first - first).days, (dose.last - first).days
            one = Dose(
                day, last_day, dose.agent, dose.route, dose.amount, dose.unit, dose.times, dose.hour, dose.last_hour,  # type: ignore[arg-type]
                dose.infusion_h,
            )  # fmt: skip
            try:
                made.append(checked(one, path))
            except BadInput as error:
                refused.setdefault(error.message, []).append(dose.place)
        if not made:
            continue
        early = min(dose.day for dose in made)  # the first that is played is on day 0
        made = [replace(dose, day=dose.day - early, last_day=dose.last_day - early) for dose in made]
        start = first + timedelta(days=early)
        if person.born is not None and start >= person.born:
            person.facts["age_y"] = round((start - person.born).days / 365.25, 3)
        for what in ("weight_kg", "height_cm"):
            if (size := person.size(what, start)) is not None:
                person.facts[what] = size
        histories.append(History(person.id, tuple(made), dict(person.facts)))
    for message, places in refused.items():
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        notes.append(f"entry {places[0]}{more} is not played: {message}")
    if not histories:
        why = f": {notes[0]}" if notes else ""
        raise BadInput(
            f"the bundle holds no dose that can be played{why}", path, remedy="Give MedicationAdministrations"
        )
    return Doses(tuple(histories), str(path), tuple(notes))


def read_chart(path: Path) -> Chart:
    """The chart of one patient: counts of the blood, and the mercaptopurine and methotrexate between two of them (as
    given, or where nothing says that, as ordered)."""
    from remission.individual.chart import Chart, Problem, Visit

    found = bundle_of(path)
    charts = [person for person in found.people.values() if person.counts]
    if len(charts) != 1:
        what = f"counts of {len(charts)} patients" if charts else "no counts of the blood with a day"
        raise BadInput(f"the bundle holds {what}", path, remedy="A chart is of one patient, with Observations in LOINC")
    person = charts[0]
    problems = [Problem(place, text, "left out") for place, text in person.problems]
    problems += [Problem(0, f"{n} x {text}" if n > 1 else text, "left out") for text, n in sorted(found.notes.items())]
    days = sorted(person.counts)
    doses = [d for d in person.given or person.ordered if d.route == "PO" and d.unit in ("mg", "g")]
    end = max([dose.last for dose in doses], default=days[-1])
    visits = []
    for i, day in enumerate(days):
        until = days[i + 1] if i + 1 < len(days) else max(end + timedelta(days=1), day)
        seen = person.counts[day]
        anc, platelets, haemoglobin, wbc = (seen.get(what, (math.nan, 0))[0] for what in COUNTS)
        visits.append(Visit(
            min(place for _, place in seen.values()), (day - days[0]).days, day, anc, platelets, haemoglobin, wbc,
            mercaptopurine_mg=_daily(doses, "mercaptopurine", day, until),
            methotrexate_mg=_daily(doses, "methotrexate", day, until) * 7.0,
            weight_kg=_or_nan(person.size("weight_kg", day)), height_cm=_or_nan(person.size("height_cm", day)),
        ))  # fmt: skip
    return Chart(path.stem[:80], tuple(visits), problems=tuple(problems), file=path)


def _joined(doses: Sequence[Given]) -> list[Given]:
    """Equal doses of one day as several times a day where they are evenly apart, and equal days in a row as one."""
    days: dict[tuple[Any, ...], list[Given]] = {}
    for dose in doses:
        days.setdefault(
            (dose.agent, dose.route, dose.amount, dose.unit, dose.infusion_h, dose.first, dose.last), []
        ).append(dose)
    made: list[Given] = []
    for same in days.values():
        same.sort(key=lambda dose: dose.hour)
        gaps = {round(b.hour - a.hour, 3) for a, b in zip(same, same[1:], strict=False)}
        even = len(gaps) == 1 and 0.0 not in gaps and all(dose.times == 1 for dose in same)
        made += [replace(same[0], times=len(same), last_hour=same[-1].hour)] if even else same
    out: list[Given] = []
    last: dict[tuple[Any, ...], int] = {}
    for dose in sorted(made, key=lambda dose: dose.first):
        key = (dose.agent, dose.route, dose.amount, dose.unit, dose.infusion_h, dose.times, dose.hour, dose.last_hour)
        before = last.get(key)
        if before is not None and out[before].last + timedelta(days=1) == dose.first:
            out[before] = replace(out[before], last=dose.last)
        else:
            last[key] = len(out)
            out.append(dose)
    return out


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _daily(doses: Sequence[Given], agent: str, first: date, until: date) -> float:
    """mg a day from ``first`` to the day before ``until``; nan where the bundle never names the agent."""
    own = [dose for dose in doses if dose.agent == agent]
    days = (until - first).days
    if not own or days < 1:
        return math.nan
    total = 0.0
    for dose in own:
        shared = (min(dose.last, until - timedelta(days=1)) - max(dose.first, first)).days + 1
        total += max(shared, 0) * dose.mg * dose.times
    return total / days
