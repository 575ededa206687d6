"""Small parts of FHIR resources: codes, quantities, dates, references; and the bundle that holds them, checked.

Resources are plain dicts until `text_of` gives them to the models of fhir.resources, which refuse what is no R4B. Of
the resources used here R4B (4.3.0) and R4 (4.0.1, on which mCODE builds) differ in nothing that is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from remission.knowledge.codes_file import Code, codes
from remission.knowledge.errors import BadInput

Resource = dict[str, Any]

ADDRESS = "http://example.org/remission"  # where no other is asked for: an address that nobody has
UCUM = "http://unitsofmeasure.org"
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
HL7 = "http://terminology.hl7.org/CodeSystem/"
UNITS = {  # as here -> UCUM
    "mg": "mg", "g": "g", "ug": "ug", "IU": "[iU]", "Gy": "Gy", "cells": "{cells}", "Mcells": "10*6.{cells}",
    "mg/m2": "mg/m2", "g/m2": "g/m2", "ug/m2": "ug/m2", "IU/m2": "[iU]/m2", "mg/kg": "mg/kg", "ug/kg": "ug/kg",
    "g/kg": "g/kg", "IU/kg": "[iU]/kg", "cells/kg": "{cells}/kg", "Mcells/kg": "10*6.{cells}/kg", "dose": "{dose}",
    "10^9/L": "10*9/L", "g/dL": "g/dL", "per microlitre": "/uL", "kg": "kg", "cm": "cm", "m2": "m2", "%": "%",
    "d": "d", "h": "h", "uM": "umol/L", "nM": "nmol/L", "mg/L": "mg/L", "ng/mL": "ng/mL", "IU/L": "[iU]/L",
}  # fmt: skip
MOST_ENTRIES = 100_000


def coding(code: Code) -> Resource:
    return {"system": codes().systems[code.system].uri, "code": code.code, "display": code.display}


def concept(text: str, found: Iterable[Code] = ()) -> Resource:
    """A CodeableConcept: the words, and the codes that are known."""
    given = [coding(code) for code in found]
    return {"coding": given, "text": text} if given else {"text": text}


def term(system: str, code: str, display: str = "") -> Resource:
    """A CodeableConcept of one of HL7's own lists."""
    one = {"system": HL7 + system, "code": code}
    return {"coding": [one | ({"display": display} if display else {})]}


def agent_concept(agent: str) -> Resource:
    """An agent in RxNorm first, then ATC; without the display of a code, which is the name in that system."""
    known = sorted(codes().of_agent(agent), key=lambda code: code.system != "RxNorm")
    given = [{"system": codes().systems[code.system].uri, "code": code.code} for code in known]
    text = agent.replace("_", " ")
    return {"coding": given, "text": text} if given else {"text": text}


def in_rxnorm(agent: str) -> bool:
    return any(code.system == "RxNorm" for code in codes().of_agent(agent))


def route_concept(route: str) -> Resource:
    return concept(route, codes().of("route", route))


def quantity(value: float, unit: str) -> Resource:
    """A Quantity with its UCUM code, six significant figures."""
    number = float(f"{value:.6g}")
    return {"value": number, "unit": unit, "system": UCUM, "code": UNITS[unit]} if unit in UNITS else {
        "value": number, "unit": unit}  # fmt: skip


def reference(resource: Resource) -> Resource:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def id_of(*parts: object) -> str:
    """An id of FHIR: letters, digits, hyphens, at most 64."""
    text = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(str(part) for part in parts)).strip("-")
    if len(text) <= 64:
        return text
    head, _, tail = text.rpartition("-")
    return f"{head[: 62 - len(tail)]}-{tail}"


def day_text(start: date, day: int) -> str:
    """The date of a day, as FHIR writes it; day 0 is ``start``."""
    return _later(start, day).isoformat()


def moment(start: date, day: int, hour: float) -> str:
    """An hour of a day: the morning, in which a day of the model begins, is written as 0:00 (UTC)."""
    at = datetime.combine(_later(start, day), datetime.min.time(), UTC) + timedelta(hours=hour)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _later(start: date, day: int) -> date:
    try:
        return start + timedelta(days=day)
    except OverflowError:
        raise BadInput(f"day {day:,} from {start} has no date", remedy="Give an earlier --start") from None


def days_in_runs(days: Sequence[int]) -> list[tuple[int, int]]:
    """1, 2, 3, 8: (1, 3), (8, 8)."""
    runs: list[tuple[int, int]] = []
    for day in days:
        if runs and day == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def timing(start: date, days: Sequence[int], times: int) -> Resource:
    """A Timing for doses ``times`` a day: a period with its frequency where the days are in one run, else each date."""
    runs = days_in_runs(days)
    if len(runs) == 1 and len(days) > 1 or times > 1 and len(runs) == 1:
        period = {"start": day_text(start, runs[0][0]), "end": day_text(start, runs[0][1])}
        return {"repeat": {"boundsPeriod": period, "frequency": times, "period": 1, "periodUnit": "d"}}
    events: Resource = {"event": [day_text(start, day) for day in days]}
    return events | ({"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}} if times > 1 else {})


def observation(id: str, subject: Resource, by: Resource, category: str, code: Resource, when: str) -> Resource:
    return {
        "resourceType": "Observation", "id": id, "status": "final",
        "category": [term("observation-category", category)], "code": code, "subject": reference(subject),
        "effectiveDateTime": when, "performer": [reference(by)],
    }  # fmt: skip


def maker() -> Resource:
    """Who says all this: a simulation."""
    return {
        "resourceType": "Organization", "id": "remission", "active": True,
        "name": "remission, a simulation of treatment (no institution)",
    }  # fmt: skip


def profiled(resource: Resource, *profiles: str) -> Resource:
    """The resource with the profiles that it meets, and FHIR's own mark of data that are of no person."""
    meta: Resource = {"security": [{"system": HL7 + "v3-ActReason", "code": "HTEST", "display": "test health data"}]}
    return {"resourceType": resource["resourceType"], "id": resource["id"],
            "meta": ({"profile": list(profiles)} if profiles else {}) | meta} | resource  # fmt: skip


def text_of(entries: Sequence[Resource], base: str, id: str) -> str:
    """A Bundle (a collection) as JSON. What fhir.resources does not take is a mistake of ours, and raised as it is."""
    from fhir.resources.R4B.bundle import Bundle

    if len(entries) > MOST_ENTRIES:
        raise BadInput(f"more than {MOST_ENTRIES:,} resources", remedy="Write a shorter run")
    made = Bundle.model_validate({
        "resourceType": "Bundle", "id": id_of(id), "type": "collection",
        "entry": [
            {"fullUrl": f"{base}/{e['resourceType']}/{e['id']}", "resource": e if "meta" in e else profiled(e)}
            for e in entries
        ],
    })  # fmt: skip
    return made.model_dump_json(indent=1) + "\n"


def address(more: Any) -> str:
    """The ``base`` that was asked for."""
    base = str(more.get("base", ADDRESS)).rstrip("/")
    if not re.fullmatch(r"https?://[\w.\-~:/]{1,200}", base):
        raise BadInput(f"'{base[:60]}' is no address", remedy="Write for example http://example.org/fhir")
    return base
