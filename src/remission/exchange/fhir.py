"""FHIR R4: a virtual patient, a calendar or a protocol as a Bundle; medication histories and counts from one.

What is written is checked by the models of fhir.resources (R4B, which for these resources is R4). A profile of mCODE or
US Core stands in ``meta.profile`` only where the resource has what that profile asks for: a medicine without a code in
RxNorm has none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from remission.knowledge.writing import write_whole

from . import fhir_in
from .fhir_parts import address, text_of
from .formats import Asked, Format, kind_of


def write(what: Any, path: Path, asked: Asked) -> None:
    base = address(asked.more)
    kind = kind_of(what)
    if kind == "protocol":
        from .fhir_protocol import of_protocol

        entries, name = of_protocol(what, base), what.id
    elif kind == "plan":
        from .fhir_person import of_plan

        entries, name = of_plan(what, base), f"{what.protocol.id}-calendar"
    else:
        from .fhir_person import of_patient

        entries, name = of_patient(what, asked.start, base), what.title
    write_whole(path, text_of(entries, base, name))


FORMATS = (
    Format(
        name="fhir",
        title="FHIR R4 Bundle: patient, calendar or protocol; histories of doses",
        suffix=".json",
        media="application/fhir+json",
        source="http://hl7.org/fhir/R4/",
        of=("patient", "plan", "protocol"),
        gives="doses",
        write=write,
        read=fhir_in.read,
        knows=fhir_in.knows,
        needs="exchange",
        options={"base": "the address under which the resources are known; http://example.org/remission if left out"},
        limits=(
            "Out: of a run what was ordered, given, counted and measured, and the plan of each cycle; not side "
            "effects, transfusions and states. The morning of a day of the model is written as 0:00 UTC.",
            "Out: conditions and rules of a protocol stand as sentences of its language (text/plain).",
            "Out: radiation, grafts and collections are Procedures without a code.",
            "In: MedicationAdministration, or MedicationRequest of a patient who has none; by RxNorm, an ATC code of "
            "one agent, or a name. What is not played is told with its reason.",
        ),
    ),
    Format(
        name="fhir-chart",
        title="FHIR R4 Bundle: the counts and maintenance doses of one patient",
        suffix=".json",
        media="application/fhir+json",
        source="http://hl7.org/fhir/R4/",
        gives="chart",
        read=fhir_in.read_chart,
        knows=lambda head: False,  # the same file as that of `fhir`: it is asked for by name
        limits=(
            "Counts by LOINC in 10^9/L, 10^3/uL, /uL, g/dL or g/L; mercaptopurine and methotrexate by mouth as given "
            "between two visits, or as ordered where nothing says what was given.",
        ),
    ),
)
