"""A protocol's phase of maintenance: which it is, what it gives, when it counts."""

from __future__ import annotations

import math

import numpy as np

from remission.knowledge.errors import BadInput, nearest
from remission.knowledge.library import Library, library
from remission.protocol.model import Phase, Protocol
from remission.protocol.reader import read_protocol

from .chart import AGENTS

PROTOCOL = "icicle-maintenance"


def phase_of(protocol: Protocol, name: str | None = None) -> Phase:
    """The phase of maintenance: the one that is named, else the last that gives mercaptopurine and methotrexate by
    mouth over and over."""
    if name is not None:
        for phase in protocol.phases:
            if phase.id == name or phase.id.endswith(f": {name}"):
                return phase
        near = nearest(name, [phase.id for phase in protocol.phases])
        known = ", ".join(phase.id for phase in protocol.phases)
        raise BadInput(f"{protocol.id} has no phase '{name}'", remedy=f"Did you mean '{near}'?" if near else known)
    repeated = [phase for phase in protocol.phases if phase.repeat_times or phase.repeat_until]
    found = [phase for phase in repeated if {g.agent for g in phase.give if g.route == "PO"} >= set(AGENTS)]
    if not found:
        raise BadInput(
            f"{protocol.id} has no maintenance with mercaptopurine and methotrexate", remedy="Name a phase: --phase"
        )
    own = [phase for phase in found if ":" not in phase.id]
    return (own or found)[-1]


def maintenances(knowledge: Library | None = None) -> dict[str, Phase]:
    """The phase of maintenance of every protocol that has one with both agents, by the protocol's id."""
    known = knowledge or library()
    out = {}
    for id in known.protocols():
        try:
            out[id] = phase_of(read_protocol(id, known, checked=False))
        except BadInput:
            continue
    return out


def planned(phase: Phase, agent: str) -> float:
    """mg/m2 of a phase's own line: a day of mercaptopurine, a week of methotrexate; nan where it has none."""
    for give in phase.give:
        if give.agent == agent and give.route == "PO" and give.amount and give.unit == "mg/m2":
            return give.amount * (give.doses_per_day if give.per == "dose" and agent == "mercaptopurine" else 1)
    return math.nan


def every_days(phase: Phase) -> int:
    """Days from one visit of the phase to the next."""
    days = sorted({day for check in phase.check if check.what == "counts" for day in check.days})
    return int(np.median(np.diff(days))) if len(days) > 1 else 14
