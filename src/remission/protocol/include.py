"""Supportive care that protocols share (``include: [supportive-care-children]``), and days that are those of others.

A block's lines are given in every phase of the protocol that says nothing else of their agent; its rules hold in every
phase. ``ondansetron ... on the days of doxorubicin IV`` becomes the days on which a phase gives doxorubicin, under the
condition under which it is given. `together` puts all that in, `apart` takes it out: what is written is what was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .build import Builder
from .grammar import Misread, parse
from .model import And, Beside, Block, Condition, Give, Or, Phase, Protocol

ANY_LENGTH = 366  # days; a block's sentence is first read for a phase so long

_MG = {"ug": 0.001, "mg": 1.0, "g": 1000.0}


def include(protocol: Protocol, blocks: Sequence[Block]) -> Protocol:
    """The protocol with the lines and rules of these blocks."""
    said = {rule.action for rule in protocol.rules}
    rules = tuple(rule for block in blocks for rule in block.rules if rule.action not in said)
    phases = tuple(together(replace(phase, blocks=tuple(blocks))) for phase in protocol.phases)
    return replace(protocol, phases=phases, rules=(*protocol.rules, *rules))


def together(phase: Phase) -> Phase:
    """The phase with the lines of its blocks, and with days for the lines that go with others."""
    own = apart(phase).give
    said = {give.agent for give in own}
    lines = [*own, *(line for line in _lines(phase) if line.agent not in said)]
    if not any(line.along or line.block for line in lines):
        return phase
    out: list[Give] = []
    for line in lines:
        taken = {day for give in out if give.agent == line.agent and give.along for day in give.days}
        out += _found(line, lines, phase.days, taken)
    return replace(phase, give=tuple(out))


def apart(phase: Phase) -> Phase:
    """The phase as its file has it."""
    out: list[Give] = []
    for give in phase.give:
        written = give.written or give
        if not give.block and not any(written is other for other in out):
            out.append(written)
    return replace(phase, give=tuple(out)) if len(out) < len(phase.give) or out != list(phase.give) else phase


def bare(protocol: Protocol) -> Protocol:
    """The protocol as its file has it."""
    rules = tuple(rule for rule in protocol.rules if not rule.block)
    return replace(protocol, phases=tuple(apart(phase) for phase in protocol.phases), rules=rules)


def _lines(phase: Phase) -> Iterator[Give]:
    for block in phase.blocks:
        for line in block.give:
            try:
                give = Builder(phase.days).give(parse("give", line.text), line.place, line.text)
            except Misread:  # weekly from day 8, in a phase of a week
                continue
            yield replace(give, block=block.id)


def _found(line: Give, lines: Sequence[Give], length: int, taken: set[int]) -> Iterator[Give]:
    """The line once for each condition under which what it goes with is given; not on days ``taken`` by a line before
    it of the same agent."""
    if not line.along:
        yield line
        return
    reasons: dict[int, list[Condition | None]] = {}
    with_it = [o for o in lines if any(_goes_with(beside, o) for beside in line.along)]
    own = {day for other in with_it for day in _due(other, lines)} if line.only_after else set()
    for other in with_it:
        for day in _due(other, lines):
            for later in range(day, min(day + line.days_after, length) + 1):
                if later not in own and later not in taken:
                    reasons.setdefault(later, []).append(other.when)
    found: dict[Condition | None, list[int]] = {}
    for day in sorted(reasons):
        found.setdefault(_any(reasons[day]), []).append(day)
    for reason, days in found.items():
        yield replace(line, days=tuple(days), when=_both(line.when, reason), written=line)


def _goes_with(beside: Beside, give: Give) -> bool:
    if (give.agent, give.route) != (beside.agent, beside.route) or give.along:
        return False
    if beside.at_least is None:
        return True
    if give.amount is None:
        return False
    amount, of = _measured(give.amount, give.unit)
    least, of_least = _measured(beside.at_least, beside.unit)
    if beside.per == "day" and give.per == "dose":
        amount *= give.doses_per_day
    if beside.per == "dose" and give.per == "day":
        amount /= give.doses_per_day
    return of == of_least and amount >= least


def _measured(amount: float, unit: str) -> tuple[float, str]:
    """The amount in mg where it is a mass, and what it is of (/m2, /kg)."""
    mass, slash, size = unit.partition("/")
    return (amount * _MG[mass], slash + size) if mass in _MG else (amount, unit)


def _due(give: Give, lines: Sequence[Give]) -> tuple[int, ...]:
    others = {day for o in lines if (o.agent, o.route) in give.not_with and o.when is None for day in o.days}
    return tuple(day for day in give.days if day not in others)


def _any(reasons: Sequence[Condition | None]) -> Condition | None:
    different = tuple(dict.fromkeys(r for r in reasons if r is not None))
    if None in reasons:
        return None
    return different[0] if len(different) == 1 else Or(different)


def _both(one: Condition | None, other: Condition | None) -> Condition | None:
    if one is None or other is None:
        return other if one is None else one
    parts = [p for c in (one, other) for p in (c.items if isinstance(c, And) else (c,))]
    return And(tuple(dict.fromkeys(parts)))
