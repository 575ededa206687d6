"""One virtual patient of a run, or a person's calendar, as FHIR resources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from remission.knowledge.codes_file import codes
from remission.knowledge.library import library
from remission.protocol.numerals import number

from .fhir_parts import (
    MCODE,
    US_CORE,
    Resource,
    agent_concept,
    concept,
    day_text,
    id_of,
    in_rxnorm,
    maker,
    moment,
    observation,
    profiled,
    quantity,
    reference,
    route_concept,
    term,
    timing,
)

if TYPE_CHECKING:
    from remission.protocol.plan import Plan, Row
    from remission.trial.run import OnePatient

DAYS_PER_YEAR = 365.25
DISEASE = {"B": "B-cell acute lymphoblastic leukaemia", "T": "T-cell acute lymphoblastic leukaemia"}
COUNTS = {"anc": "10^9/L", "platelets": "10^9/L", "haemoglobin": "g/dL", "wbc": "10^9/L", "lymphocytes": "10^9/L",
          "blood_blasts": "per microlitre"}  # fmt: skip
CALLED = {"anc": "Neutrophils", "platelets": "Platelets", "haemoglobin": "Haemoglobin", "wbc": "Leukocytes",
          "lymphocytes": "Lymphocytes", "blood_blasts": "Blasts in blood"}  # fmt: skip
SIZE = {"weight_kg": ("Body weight", "kg"), "height_cm": ("Body height", "cm"), "bsa_m2": ("Body surface area", "m2")}
STATUS = {"relapse": "relapse", "cured": "remission", "in remission": "remission"}  # of the condition; else active


@dataclass
class Case:
    """The resources of one person as they are put together."""

    start: date
    name: str
    entries: list[Resource] = field(default_factory=list)
    by: Resource = field(default_factory=maker)
    patient: Resource = field(default_factory=dict)
    condition: Resource = field(default_factory=dict)
    regimen: Resource = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.add(profiled(self.by, US_CORE + "organization"))

    def add(self, resource: Resource) -> Resource:
        self.entries.append(resource)
        return resource

    def person(self, facts: dict[str, Any], ended: str | None, death_day: int | None) -> None:
        """Patient, Condition and the sizes at entry. ``facts``: age_y, sex, lineage, subtype, weight_kg, height_cm,
        bsa_m2, where known."""
        born = day_text(self.start, -round(facts["age_y"] * DAYS_PER_YEAR))
        patient: Resource = {
            "resourceType": "Patient", "id": id_of(self.name),
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:remission:{id_of(self.name)}"}],
            "name": [{"use": "anonymous", "family": "Virtual", "given": [self.name]}],
            "gender": facts["sex"], "birthDate": born,
        }  # fmt: skip
        if death_day is not None:
            patient["deceasedDateTime"] = day_text(self.start, death_day)
        self.patient = self.add(profiled(patient, MCODE + "cancer-patient"))
        lineage = facts["lineage"]
        known = codes().of("disease", lineage) or codes().of("disease", "ALL")
        words = DISEASE[lineage] + (f", {facts['subtype']}" if facts.get("subtype") else "")
        self.condition = self.add(profiled({
            "resourceType": "Condition", "id": id_of(self.name, "leukaemia"),
            "clinicalStatus": term("condition-clinical", STATUS.get(ended or "", "active")),
            "verificationStatus": term("condition-ver-status", "confirmed"),
            "category": [term("condition-category", "problem-list-item")],
            "code": concept(words, known), "subject": reference(self.patient), "onsetDateTime": day_text(self.start, 0),
        }, MCODE + "primary-cancer-condition"))  # fmt: skip
        for what, (words, unit) in SIZE.items():
            made = observation(id_of(self.name, what), self.patient, self.by, "vital-signs",
                               concept(words, codes().of("size", what)), day_text(self.start, 0))  # fmt: skip
            self.add(made | {"valueQuantity": quantity(facts[what], unit)})

    def whole_regimen(self, title: str, address: str, last_day: int, status: str) -> None:
        self.regimen = self.add({
            "resourceType": "CarePlan", "id": id_of(self.name, "regimen"), "status": status, "intent": "plan",
            "title": title, "instantiatesUri": [address], "subject": reference(self.patient),
            "period": {"start": day_text(self.start, 0), "end": day_text(self.start, last_day)},
            "author": reference(self.by), "addresses": [reference(self.condition)],
        })  # fmt: skip

    def cycle(self, number_: int, title: str, first: int, last: int, status: str) -> Resource:
        """The plan of a cycle, a part of the whole; what is in it is added by `do`."""
        return self.add({
            "resourceType": "CarePlan", "id": id_of(self.name, "cycle", number_), "partOf": [reference(self.regimen)],
            "status": status, "intent": "plan", "title": title, "subject": reference(self.patient),
            "period": {"start": day_text(self.start, first), "end": day_text(self.start, last)},
            "author": reference(self.by), "addresses": [reference(self.condition)], "activity": [],
        })  # fmt: skip

    def request(
        self, id: str, agent: str, intent: str, status: str, dosages: list[Resource], basis: str | None = None
    ) -> Resource:
        """A MedicationRequest; of mCODE's profile where the medicine has a code in the system that it asks for.
        ``basis``: m2 or kg, what the dose was computed with, where that is known."""
        made: Resource = {
            "resourceType": "MedicationRequest", "id": id, "status": status, "intent": intent,
            "medicationCodeableConcept": agent_concept(agent), "subject": reference(self.patient),
            "authoredOn": day_text(self.start, 0), "requester": reference(self.by),
            "reasonReference": [reference(self.condition)], "dosageInstruction": dosages,
        }  # fmt: skip
        if known := codes().of("basis", basis or ""):
            made["extension"] = [
                {"url": MCODE + "normalization-basis", "valueCodeableConcept": concept(known[0].display, known)}
            ]
        return self.add(profiled(made, *([MCODE + "cancer-related-medication-request"] if in_rxnorm(agent) else [])))


def is_medicine(agent: str, route: str) -> bool:
    """Not radiation, a graft or a collection of cells: those are procedures."""
    known = library().agent(agent)
    return known.radiation is None and known.graft is None and route != "collection"


def dosage(
    place: int, text: str, route: str, amount: float, unit: str, when: Resource, hours: float | None = None
) -> Resource:
    """One line of a request: ``amount`` of each dose."""
    made: Resource = {"sequence": place, "text": text, "timing": when, "route": route_concept(route)}
    rate: Resource = {"doseQuantity": quantity(amount, unit)}
    if hours:
        rate["rateQuantity"] = {"value": float(f"{amount / hours:.6g}"), "unit": f"{unit}/h"}
    return made | {"doseAndRate": [rate]}


# --- a patient of a run ------------------------------------------------------------------------


def of_patient(one: OnePatient, start: date, base: str) -> list[Resource]:
    """Everything that was ordered, given, measured and found of a virtual patient."""
    facts = one.outcomes.to_dicts()[0]
    protocol, _, _ = one.title.rpartition(", patient ")
    case = Case(start, one.title.replace(", patient ", " patient "))
    last = int(facts["played_days"])
    dead = int(facts["outcome_day"]) if facts["outcome"] == "death" else None
    case.person(facts, facts["outcome"], dead)
    end = int(facts["end_of_treatment_day"]) if facts.get("end_of_treatment_day") is not None else last
    over = facts.get("end_of_treatment_day") is not None or dead is not None
    address = f"{base}/PlanDefinition/{id_of(protocol)}"
    case.whole_regimen(protocol, address, max(end, 0), "completed" if over else "active")
    rows = one.doses.sort("from_day").to_dicts()
    starts = [(int(e["day"]), e["phase"]) for e in one.events.to_dicts() if e["event"] == "phase start"]
    told: dict[str, int] = {}
    placed: dict[int, list[dict[str, Any]]] = {}  # the rows by the cycle in which they begin
    for row in rows:
        begun = [i for i, (day, _) in enumerate(starts) if day <= row["from_day"]]
        own = [i for i in begun if starts[i][1] == row["phase"]] or begun
        placed.setdefault(own[-1] if own else 0, []).append(row)
    for i, (first, phase) in enumerate(starts):
        told[phase] = told.get(phase, 0) + 1
        until = starts[i + 1][0] - 1 if i + 1 < len(starts) else max(end, first)
        several = sum(name == phase for _, name in starts) > 1
        title = f"{phase}, cycle {told[phase]}" if several else phase
        plan = case.cycle(i + 1, title, first, max(until, first), "completed")
        _ordered_and_given(case, plan, i + 1, placed.get(i, []))
    for entry in case.entries:
        if entry.get("activity") == []:
            del entry["activity"]
    _found(case, one)
    return case.entries


def _ordered_and_given(case: Case, plan: Resource, cycle: int, rows: Sequence[dict[str, Any]]) -> None:
    """Of each medicine of a cycle what was ordered, and each dose that was given, or not and why."""
    by_medicine: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_medicine.setdefault((row["agent"], row["route"]), []).append(row)
    for (agent, route), own in by_medicine.items():
        if not is_medicine(agent, route):
            for row in own:
                if row["dose"] > 0.0:
                    case.add(_procedure(case, row))
            continue
        id = id_of(case.name, cycle, agent, route)
        request = case.request(id, agent, "order", "completed", list(_dosages(case.start, own)))
        plan["activity"].append({"reference": reference(request)})
        for row in own:
            for made in _administrations(case, id, row):
                made["request"] = reference(request)
                profiles = [MCODE + "cancer-related-medication-administration"] if in_rxnorm(agent) else []
                case.add(profiled(made, *profiles))


def _dosages(start: date, rows: Sequence[dict[str, Any]]) -> Iterator[Resource]:
    """What the protocol gives, before its rules: one line for each amount."""
    usual = next((int(r["doses_per_day"]) for r in rows if r["doses_per_day"]), 1)
    lines: dict[tuple[float, int, float], set[int]] = {}
    for row in rows:
        if row["planned"] and row["planned"] > 0.0:
            times = int(row["doses_per_day"]) or usual
            key = (float(f"{row['planned'] / times:.6g}"), times, float(row["hours"] or 0.0))
            lines.setdefault(key, set()).update(range(int(row["from_day"]), int(row["to_day"]) + 1))
    for place, ((amount, times, hours), days) in enumerate(lines.items(), 1):
        unit, route = rows[0]["unit"], rows[0]["route"]
        text = f"{number(amount)} {unit} {route}" + (f", {times} times a day" if times > 1 else "")
        text += f", over {number(hours)} hours" if hours else ""
        yield dosage(place, text, route, amount, unit, timing(start, sorted(days), times), hours or None)


def _administrations(case: Case, id: str, row: dict[str, Any]) -> Iterator[Resource]:
    """One for each dose; one for a run of days on which nothing was given."""
    first, last = int(row["from_day"]), int(row["to_day"])
    common: Resource = {
        "resourceType": "MedicationAdministration", "medicationCodeableConcept": agent_concept(row["agent"]),
        "subject": reference(case.patient), "reasonReference": [reference(case.condition)],
    }  # fmt: skip
    if not row["dose"] > 0.0:
        when = {"effectiveDateTime": day_text(case.start, first)} if first == last else {
            "effectivePeriod": {"start": day_text(case.start, first), "end": day_text(case.start, last)}}  # fmt: skip
        why = {"statusReason": [{"text": row["reason"]}]}
        yield common | {"id": id_of(id, first, "not"), "status": "not-done"} | why | when
        return
    times, hours = max(int(row["doses_per_day"]), 1), float(row["hours"] or 0.0)
    apart = (row["last_hour"] - row["first_hour"]) / (times - 1) if times > 1 else 0.0
    given: Resource = {"route": route_concept(row["route"]), "dose": quantity(row["dose"] / times, row["unit"])}
    notes = {} if row["reason"] == "protocol" else {"note": [{"text": _reason(row)}]}
    for day in range(first, last + 1):
        for k in range(times):
            hour = row["first_hour"] + k * apart
            id_here = id_of(id, day, *([k + 1] if times > 1 else []))
            if hours > 0.0:
                length = hours / times
                when = {"effectivePeriod": {"start": moment(case.start, day, hour),
                                            "end": moment(case.start, day, hour + length)}}  # fmt: skip
            elif times == 1 and hour == 0.0:
                when = {"effectiveDateTime": day_text(case.start, day)}
            else:
                when = {"effectiveDateTime": moment(case.start, day, hour)}
            yield common | {"id": id_here, "status": "completed", "dosage": given} | when | notes


def _reason(row: dict[str, Any]) -> str:
    percent = f", {100.0 * row['factor']:.0f} % of the protocol's dose" if row["factor"] is not None else ""
    return f"{row['reason']}{percent}"


def _procedure(case: Case, row: dict[str, Any]) -> Resource:
    return {
        "resourceType": "Procedure", "id": id_of(case.name, row["agent"], row["route"], row["from_day"]),
        "status": "completed", "code": {"text": f"{row['agent'].replace('_', ' ')} {row['route']}"},
        "subject": reference(case.patient), "reasonReference": [reference(case.condition)],
        "performedPeriod": {"start": day_text(case.start, int(row["from_day"])),
                            "end": day_text(case.start, int(row["to_day"]))},
        "note": [{"text": f"{row['dose']:.6g} {row['unit']} a day"}],
    }  # fmt: skip


def _found(case: Case, one: OnePatient) -> None:
    """Counts, MRD and levels as Observations."""

    def seen(id: str, code: Resource, day: int, *profiles: str, **value: Any) -> None:
        made = observation(id, case.patient, case.by, "laboratory", code, day_text(case.start, day))
        case.add(profiled(made | value, *profiles))

    for row in one.measurements.to_dicts():
        for what, unit in COUNTS.items():
            if row.get(what) is not None:
                known = codes().of("measured", what)
                profiles = [US_CORE + "observation-lab"] if known else []
                seen(id_of(case.name, what, row["day"]), concept(CALLED[what], known), row["day"], *profiles,
                     valueQuantity=quantity(row[what], unit))  # fmt: skip
    for row in one.mrd.to_dicts():
        code = concept(f"Minimal residual disease in {row['site']}", codes().of("measured", f"{row['site']} MRD"))
        value: Resource = {"valueCodeableConcept": {"text": "not detected"}}
        if row["detected"]:
            value = {"valueQuantity": quantity(100.0 * row["reported_fraction"], "%")}
        seen(id_of(case.name, "mrd", row["site"], row["day"]), code, row["day"], **value)
    for row in one.levels.to_dicts():
        value = {"dataAbsentReason": term("data-absent-reason", "unknown")}
        if row["below_limit"] and row["limit"] is not None:
            value = {"valueQuantity": quantity(row["limit"], row["unit"]) | {"comparator": "<"}}
        elif row["level"] is not None:
            value = {"valueQuantity": quantity(row["level"], row["unit"])}
        id = id_of(case.name, "level", row["agent"], row["day"])
        seen(id, {"text": f"{row['agent']} in plasma"}, row["day"], **value)


# --- a person's calendar -----------------------------------------------------------------------


def of_plan(plan: Plan, base: str) -> list[Resource]:
    """A calendar: the plan of each cycle with what is ordered and looked at. What is given only if its condition is met
    is an option (``intent``), with the condition."""
    case = Case(plan.start, f"{plan.protocol.id} calendar")
    who = plan.person
    facts = {"age_y": who.age_y, "sex": who.sex, "lineage": who.lineage, "subtype": who.subtype,
             "weight_kg": who.weight_kg, "height_cm": who.height_cm, "bsa_m2": who.bsa_m2}  # fmt: skip
    case.person(facts, None, None)
    last = (plan.end - plan.start).days
    case.whole_regimen(plan.protocol.name, f"{base}/PlanDefinition/{id_of(plan.protocol.id)}", last, "draft")
    by_cycle: dict[tuple[str, int, int], list[Row]] = {}
    begins = {(c.phase, c.number): c.first_day for c in plan.cycles}
    for row in plan.rows:
        by_cycle.setdefault((row.phase, row.cycle, begins[row.phase, row.cycle]), []).append(row)
    for i, cycle in enumerate(plan.cycles, 1):
        title = f"{cycle.name}, cycle {cycle.number} of {cycle.of}" if cycle.of > 1 else cycle.name
        made = case.cycle(i, title, cycle.first_day - 1, cycle.last_day - 1, "draft")
        rows = by_cycle.get((cycle.phase, cycle.number, cycle.first_day), [])
        _planned(case, made, i, rows)
        if not made["activity"]:
            del made["activity"]
    return case.entries


def _planned(case: Case, plan: Resource, cycle: int, rows: Sequence[Row]) -> None:
    medicines: dict[tuple[Any, ...], list[Row]] = {}
    seen: dict[str, list[Row]] = {}
    for row in rows:
        if row.kind in ("dose", "conditional"):
            medicines.setdefault((row.agent, row.route, row.kind, row.when), []).append(row)
        elif row.kind == "check":
            seen.setdefault(row.note, []).append(row)
        elif row.kind in ("gate", "decision"):
            plan["activity"].append({"detail": {
                "kind": "Task", "status": "scheduled", "code": {"text": row.kind}, "description": row.note,
                "scheduledTiming": {"event": [row.date.isoformat()]},
            }})  # fmt: skip
    for place, ((agent, route, kind, when), own) in enumerate(medicines.items(), 1):
        if not is_medicine(agent, route):
            for row in own:
                detail = {"kind": "ServiceRequest", "status": "scheduled", "code": {"text": f"{agent} {route}"},
                          "description": row.computed or row.note,
                          "scheduledTiming": {"event": [row.date.isoformat()]}}  # fmt: skip
                plan["activity"].append({"detail": detail})
            continue
        dosages = []
        lines: dict[tuple[Any, ...], list[Row]] = {}
        for row in own:
            lines.setdefault((row.dose, row.unit, row.doses_per_day, row.infusion_h, row.computed), []).append(row)
        for number_, ((dose, unit, times, hours, computed), same) in enumerate(lines.items(), 1):
            days = [(row.date - case.start).days for row in same]
            made = dosage(number_, computed or f"{number(dose)} {unit}", route, dose, unit,
                          timing(case.start, days, times or 1), hours)  # fmt: skip
            if notes := [n for n in dict.fromkeys((same[0].note, same[0].may_change)) if n]:
                made["patientInstruction"] = "; ".join(notes)
            dosages.append(made | ({"asNeededCodeableConcept": {"text": when}} if kind == "conditional" else {}))
        id = id_of(case.name, cycle, agent, route, place)
        intent = "plan" if kind == "dose" else "option"
        basis = "m2" if any(" m2" in row.computed for row in own) else None
        request = case.request(id, agent, intent, "draft", dosages, basis)
        plan["activity"].append({"reference": reference(request)})
    for what, own in seen.items():
        plan["activity"].append({"detail": {
            "kind": "ServiceRequest", "status": "scheduled", "code": {"text": what},
            "scheduledTiming": {"event": [row.date.isoformat() for row in own]},
        }})  # fmt: skip
