"""A protocol with something changed and its file left alone: an agent taken out, a sentence added."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..knowledge.errors import BadInput, nearest
from ..knowledge.library import Library, library, using
from .checks import check
from .grammar import Kind
from .include import together
from .model import Phase, Place, Protocol, Rescue, Rule
from .reader import first_of, mistakes, read_protocol, read_sentence

_RULES = ("hold", "make", "raise", "reduce", "halve", "omit", "repeat", "stop", "transfuse", "start", "give")
_PLACE = Place("the added sentence", 1, 1)
_FIELDS: dict[Kind, str] = {"give": "give", "check": "check", "decide": "decide", "rule": "rules"}


def variant(
    protocol: str | Path | Protocol,
    *,
    without: Sequence[str] = (),
    add: Sequence[str] = (),
    phases: Sequence[str] = (),
    knowledge: Library | None = None,
) -> Protocol:
    """The protocol ``without`` some agents and with sentences to ``add``, in the named phases or in all of them.

    A sentence is written as in a file: what is given, checked or decided, or a rule. What is left is checked as a file
    is. Raises `BadInput` for an agent that is not given there, a phase that is not there, a sentence that does not fit.
    """
    if knowledge is not None:
        with using(knowledge):  # whose agents and side effects are words of the language
            return variant(protocol, without=without, add=add, phases=phases)
    known = library()
    if isinstance(protocol, str | Path):
        protocol = read_protocol(protocol, known)
    if not without and not add:
        if phases:
            raise BadInput("nothing is changed in that phase", remedy="Say what to add, or what to leave out")
        return protocol
    chosen = {phase.id for phase in protocol.phases} if not phases else _chosen(protocol, phases)
    everywhere = not phases
    changed = protocol
    for name in without:
        _given(protocol, known.agent(name).agent, chosen, everywhere)
    for name in without:
        changed = _without(changed, known.agent(name).agent, chosen, everywhere)
    for sentence in add:
        changed = _with(changed, sentence, chosen, everywhere)
    said = [f"without {known.agent(name).agent}" for name in without] + [f'with "{sentence}"' for sentence in add]
    if phases:
        said[-1] += f" in {' and '.join(phases)}"
    said_so = " and ".join(said)
    changed = replace(changed, id=f"{protocol.id} {said_so}", name=f"{protocol.name}, {said_so}")
    if found := mistakes(check(changed, known)):
        raise first_of(found)
    return changed


def _chosen(protocol: Protocol, phases: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for name in phases:
        low = name.lower()
        mine = {p.id for p in protocol.phases if p.id.lower() == low or p.id.lower().endswith(f": {low}")}
        if not mine:
            ids = [phase.id for phase in protocol.phases]
            near = nearest(name, ids)
            remedy = f"Did you mean '{near}'?" if near else f"Its phases: {', '.join(ids)}"
            raise BadInput(f"{protocol.id} has no phase '{name}'", remedy=remedy)
        found |= mine
    return found


def _given(protocol: Protocol, agent: str, chosen: set[str], everywhere: bool) -> None:
    """Raises `BadInput` for an agent that is not given there."""
    here = [phase for phase in protocol.phases if phase.id in chosen]
    given = sorted({give.agent for phase in here for give in phase.give})
    rules = [rule for phase in here for rule in phase.rules] + (list(protocol.rules) if everywhere else [])
    rescues = {rule.action.give.agent for rule in rules if isinstance(rule.action, Rescue)}
    if agent not in given and agent not in rescues:
        raise BadInput(f"{protocol.id} does not give {agent} there", remedy=f"It gives {', '.join(given)}")


def _without(protocol: Protocol, agent: str, chosen: set[str], everywhere: bool) -> Protocol:
    phases = tuple(_less(phase, agent) if phase.id in chosen else phase for phase in protocol.phases)
    kept = _rules(protocol.rules, agent) if everywhere else protocol.rules
    return replace(protocol, phases=phases, rules=kept)


def _less(phase: Phase, agent: str) -> Phase:
    give = tuple(
        replace(g, not_with=tuple(pair for pair in g.not_with if pair[0] != agent))
        for g in phase.give
        if g.agent != agent
    )
    checks = tuple(c for c in phase.check if c.agent != agent)
    blocks = tuple(replace(b, give=tuple(g for g in b.give if g.agent != agent)) for b in phase.blocks)
    return together(replace(phase, give=give, check=checks, rules=_rules(phase.rules, agent), blocks=blocks))


def _rules(rules: Sequence[Rule], agent: str) -> tuple[Rule, ...]:
    """The rules as far as they are about other agents."""
    kept = []
    for rule in rules:
        action: Any = rule.action
        if isinstance(action, Rescue):
            if agent in (action.give.agent, action.after.agent):
                continue
        elif hasattr(action, "targets"):
            targets = tuple(target for target in action.targets if target.agent != agent)
            if not targets:
                continue
            rule = replace(rule, action=replace(action, targets=targets))
        kept.append(rule)
    return tuple(kept)


def kind_of(sentence: str) -> Kind:
    """Give, check, decide or rule, by its first words."""
    first = sentence.split(None, 1)[0].lower() if sentence.strip() else ""
    if first in ("day", "days"):
        if re.search(r":\s*if\b", sentence):
            return "decide"
        return "rule" if re.search(r"\bwaits\b", sentence) else "check"
    return "rule" if first in _RULES else "give"


def _with(protocol: Protocol, sentence: str, chosen: set[str], everywhere: bool) -> Protocol:
    kind = kind_of(sentence)
    if kind == "rule" and everywhere:
        return replace(protocol, rules=(*protocol.rules, read_sentence("rule", sentence, _PLACE)))
    out = []
    for phase in protocol.phases:
        if phase.id in chosen:
            added = read_sentence(kind, sentence, _PLACE, phase.days, phase.first_day)
            changed: dict[str, Any] = {_FIELDS[kind]: (*getattr(phase, _FIELDS[kind]), added)}
            phase = together(replace(phase, **changed))
        out.append(phase)
    return replace(protocol, phases=tuple(out))
