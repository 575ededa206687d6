"""Whether a protocol that reads well can be planned and played: what `plan` and `simulate` refuse is found here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import product
from typing import Any

from remission.engine.eligible import COLUMN
from remission.engine.program import prepare
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library
from remission.protocol.complaint import bad
from remission.protocol.logic import names
from remission.protocol.model import Protocol
from remission.protocol.person import person, truth
from remission.protocol.plan import plan

# age in years, kg, cm: people for whom a calendar is tried, as far as the protocol is for them
_PEOPLE = ((0.5, 7.5, 67.0), (2.0, 12.5, 87.0), (5.0, 18.5, 109.0), (11.0, 37.0, 144.0), (20.0, 65.0, 170.0),
           (50.0, 75.0, 170.0), (75.0, 75.0, 168.0))  # fmt: skip


def refusals(protocol: Protocol, knowledge: Library | None = None) -> list[BadInput]:
    """What playing a protocol that has been read and checked would refuse, each thing once; empty when it plays."""
    known = knowledge or library()
    found = {str(problem): problem for problem in (*_program(protocol, known), *_calendars(protocol, known))}
    return list(found.values())


def _program(protocol: Protocol, known: Library) -> Iterator[BadInput]:
    for name in sorted(names(protocol.eligible) - set(COLUMN)):
        remedy = f"Use {', '.join(COLUMN)}"
        yield bad(protocol.places.get("for"), f"'{name}' is not known when a patient enters", remedy)
    try:
        prepare(protocol, known)
    except BadInput as problem:
        yield problem


def _calendars(protocol: Protocol, known: Library) -> Iterator[BadInput]:
    for (age_y, weight_kg, height_cm), sex in product(_PEOPLE, ("female", "male")):
        size: dict[str, Any] = {"age_y": age_y, "sex": sex, "weight_kg": weight_kg, "height_cm": height_cm}
        if truth(protocol.eligible, person(**size)) is False:
            continue
        try:
            plan(protocol, start=date(2027, 1, 4), agent=known.agent, **size)
        except BadInput as problem:
            yield problem
