"""A protocol with something changed and its file left alone: an agent taken out, a sentence added."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..knowledge.errors import BadInput, nearest
from ..knowledge.library import Library, library, using
from .build import Cycles
from .checks import check
from .complaint import unknown
from .grammar import Kind
from .include import together
from .logic import Interval, boxes
from .model import Condition, Give, Phase, Place, Protocol, Rescue, Rule, Target
from .numerals import percent
from .reader import first_of, is_id, linked, mistakes, read_protocol, read_sentence
from .vocabulary import ROUTES

_RULES = ("hold", "make", "raise", "reduce", "halve", "omit", "repeat", "stop", "transfuse", "start", "give", "miss")
USUAL = "usual"  # of `after_relapse`: what the file says, else what is done today, for children or for adults
FOR_CHILDREN, FOR_ADULTS, CHILD_Y = "relapse-children", "relapse-adults", 15.0
_PLACE = Place("the added sentence", 1, 1)
_FIELDS: dict[Kind, str] = {"give": "give", "check": "check", "decide": "decide", "rule": "rules"}


def variant(
    protocol: str | Path | Protocol,
    *,
    without: Sequence[str] = (),
    miss: Mapping[str, float] | None = None,
    add: Sequence[str] = (),
    phases: Sequence[str] = (),
    after_relapse: str | None = None,
    mrd: str | None = None,
    knowledge: Library | None = None,
) -> Protocol:
    """The protocol ``without`` some agents ("methotrexate", or of one route "methotrexate IT"), with doses that are
    missed (``miss``: percent of the doses of an agent, ``{"mercaptopurine": 10}``) and with sentences to ``add``, in
    the named phases or in all of them. ``after_relapse``: the protocol with which a relapse is treated in place of what
    the file says (and leukaemia that does not give way, in place of leaving), "usual" (what the file says, else what is
    done today), or "none": the relapse is the end. ``mrd``: the assay of MRD in place of the file's.

    A sentence is written as in a file: what is given, checked or decided, or a rule; "until 3 years from start of
    treatment" takes the place of how long the cycles of a phase go on. What is left is checked as a file is. Raises
    `BadInput` for an agent that is not given there, a phase that is not there, a sentence that does not fit.
    """
    if knowledge is not None:
        with using(knowledge):  # whose agents and side effects are words of the language
            return variant(
                protocol, without=without, miss=miss, add=add, phases=phases, after_relapse=after_relapse, mrd=mrd
            )
    known = library()
    own = None if isinstance(protocol, str | Path) else protocol

    def read() -> Protocol:
        begun = own or read_protocol(str(protocol), known)
        return begun if after_relapse is None else _followed(begun, after_relapse, known)

    supplied = own is None and after_relapse == USUAL and is_id(str(protocol))
    protocol = known.kept(f"protocol {protocol}, {USUAL} after a relapse", read) if supplied else read()
    if mrd is not None:
        protocol = replace(protocol, mrd=mrd)
    missing = [(_named(name, known), share) for name, share in (miss or {}).items()]
    if not without and not add and not missing:
        if phases:
            raise BadInput("nothing is changed in that phase", remedy="Say what to add, or what to leave out")
        return protocol
    chosen = {phase.id for phase in protocol.phases} if not phases else _chosen(protocol, phases)
    everywhere = not phases
    changed = protocol
    for name in without:
        _given(protocol, _named(name, known), chosen, everywhere)
    for out, _ in missing:
        _given(protocol, out, chosen, everywhere)
    for name in without:
        changed = _without(changed, _named(name, known), chosen, everywhere)
    for out, share in missing:
        changed = _with(changed, f"miss {percent(share / 100)} of {out}", chosen, everywhere)
    for sentence in add:
        changed = _with(changed, sentence, chosen, everywhere)
    changed = linked(changed, known)  # a decision may lead on to another protocol
    said = [f"without {_named(name, known)}" for name in without]
    said += [f"missing {percent(share / 100)} of {out}" for out, share in missing]
    said += [f'with "{sentence}"' for sentence in add]
    if phases:
        said[-1] += f" in {' and '.join(phases)}"
    said_so = " and ".join(said)
    changed = replace(changed, id=f"{protocol.id} {said_so}", name=f"{protocol.name}, {said_so}")
    if found := mistakes(check(changed, known)):
        raise first_of(found)
    return changed


def _followed(protocol: Protocol, second_line: str, known: Library) -> Protocol:
    """The protocol whose relapses are treated by the first phase of another one."""
    usual = second_line == USUAL
    if usual:
        if protocol.on_relapse:
            return protocol
        second_line = FOR_CHILDREN if _may_be(protocol, CHILD_Y) else FOR_ADULTS
    own = replace(protocol, phases=tuple(phase for phase in protocol.phases if ":" not in phase.id))
    if second_line == "none":
        return replace(linked(replace(own, on_relapse=None), known), id=f"{protocol.id} to the first relapse")
    if second_line not in known.protocols():
        message, remedy = unknown("protocol", second_line, known.protocols())
        raise BadInput(message, remedy=remedy)
    other = read_protocol(second_line, known, checked=False)
    if other.id == protocol.id:
        raise BadInput(f"{second_line} cannot follow itself", remedy="Name the treatment of a relapse")
    after = f"{other.id}: {other.phases[0].id}"
    changed = linked(replace(own, on_relapse=after), known)
    changed = replace(changed, phases=tuple(_no_failure_leaves(phase, after) for phase in changed.phases))
    if not usual:
        changed = replace(changed, id=f"{protocol.id}, then {other.id}")
    if found := mistakes(check(changed, known)):
        raise first_of(found)
    return changed


def _may_be(protocol: Protocol, below_y: float) -> bool:
    """Is the protocol also for people below this age?"""
    if protocol.eligible is None:
        return True
    ages = [box.get("age") for box in boxes(protocol.eligible)]
    return any(not isinstance(age, Interval) or age.low < below_y for age in ages)


def _no_failure_leaves(phase: Phase, second_line: str) -> Phase:
    """Whoever would leave because 5 % of blasts or more are left is treated as if the leukaemia had come back."""
    decide = tuple(
        replace(d, action="go to", target=second_line) if d.action == "leave" and _says_no_remission(d.when) else d
        for d in phase.decide
    )
    return replace(phase, decide=decide)


def _says_no_remission(condition: Condition) -> bool:
    """Can the condition be true only without a remission?"""
    failed = [
        (isinstance(blasts := box.get("marrow blasts"), Interval) and blasts.low >= 0.05)
        or box.get("remission") == frozenset({"no"})
        for box in boxes(condition)
    ]
    return bool(failed) and all(failed)


def missed(said: Sequence[str]) -> dict[str, float]:
    """Percent of the doses by agent, of ``["mercaptopurine:10", "methotrexate PO:5"]``."""
    found: dict[str, float] = {}
    for text in said:
        name, colon, share = text.rpartition(":")
        number = re.fullmatch(r"\s*(\d{1,3}(?:\.\d{1,6})?)\s*%?\s*", share)
        if not colon or not name.strip() or number is None or not 0 < float(number[1]) <= 100:
            raise BadInput(
                f"'{text}' does not say what share of which doses is missed",
                remedy="Write an agent, a colon and a percentage above 0 and up to 100, such as mercaptopurine:10",
            )
        if name.strip().lower() in found:
            raise BadInput(f"{name.strip()} is said to be missed twice", remedy="Write it once")
        found[name.strip().lower()] = float(number[1])
    return found


def _chosen(protocol: Protocol, phases: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for name in phases:
        low = name.lower()
        own = f"{protocol.id}: ".lower()  # leaves out phases of the same name that other files bring
        ids = {p.id: p.id.lower() for p in protocol.phases}
        mine = {id for id, word in ids.items() if low in (word, own + word) or word.endswith(f": {low}")}
        if not mine:
            near = nearest(name, list(ids))
            remedy = f"Did you mean '{near}'?" if near else f"Its phases: {', '.join(ids)}"
            raise BadInput(f"{protocol.id} has no phase '{name}'", remedy=remedy)
        found |= mine
    return found


class _Out(NamedTuple):
    """What is left out: an agent, by one route or (None) by all."""

    agent: str
    route: str | None

    def __str__(self) -> str:
        return f"{self.agent} {self.route}" if self.route else self.agent

    def given(self, give: Give) -> bool:
        return give.agent == self.agent and self.route in (None, give.route, *give.routes)

    def pair(self, agent: str, route: str) -> bool:
        return agent == self.agent and self.route in (None, route)

    def target(self, target: Target, left: Sequence[Give]) -> bool:
        """Is it meant, wholly: by its route, or because nothing of it is left to hold, raise or stop."""
        if target.agent != self.agent:
            return False
        if self.route is None or target.route == self.route:
            return True
        return target.route is None and not any(g.agent == self.agent and g.route != "IT" for g in left)


def _named(name: str, known: Library) -> _Out:
    """An agent, or an agent and the route that is left out: ``methotrexate IT``."""
    words = name.split()
    route = next((route for route in ROUTES if len(words) > 1 and route.lower() == words[-1].lower()), None)
    return _Out(known.agent(" ".join(words[:-1]) if route else name).agent, route)


def _given(protocol: Protocol, out: _Out, chosen: set[str], everywhere: bool) -> None:
    """Raises `BadInput` for an agent, or a route of it, that is not given there."""
    here = [phase for phase in protocol.phases if phase.id in chosen]
    given = [give for phase in here for give in phase.give]
    rules = [rule for phase in here for rule in phase.rules] + (list(protocol.rules) if everywhere else [])
    rescues = [rule.action.give for rule in rules if isinstance(rule.action, Rescue)]
    if not any(map(out.given, (*given, *rescues))):
        names = sorted({str(_Out(g.agent, g.route if out.route else None)) for g in (*given, *rescues)})
        near = nearest(str(out), names) if out.route is None else None
        remedy = f"Did you mean '{near}'?" if near else f"It gives {', '.join(names) or 'nothing'}"
        raise BadInput(f"{protocol.id} does not give {out} there", remedy=remedy)


def _without(protocol: Protocol, out: _Out, chosen: set[str], everywhere: bool) -> Protocol:
    left = [give for phase in protocol.phases for give in phase.give if not (phase.id in chosen and out.given(give))]
    phases = tuple(_less(phase, out, left) if phase.id in chosen else phase for phase in protocol.phases)
    kept = _rules(protocol.rules, out, left) if everywhere else protocol.rules
    return replace(protocol, phases=phases, rules=kept)


def _less(phase: Phase, out: _Out, left: Sequence[Give]) -> Phase:
    give = tuple(
        replace(g, not_with=tuple(pair for pair in g.not_with if not out.pair(*pair)))
        for g in phase.give
        if not out.given(g)
    )
    levels = out.target(Target(out.agent), [g for g in left if g in give])
    checks = tuple(c for c in phase.check if not (levels and c.agent == out.agent))
    blocks = tuple(replace(b, give=tuple(g for g in b.give if not out.given(g))) for b in phase.blocks)
    return together(replace(phase, give=give, check=checks, rules=_rules(phase.rules, out, left), blocks=blocks))


def _rules(rules: Sequence[Rule], out: _Out, left: Sequence[Give]) -> tuple[Rule, ...]:
    """The rules as far as they are about other agents."""
    kept = []
    for rule in rules:
        action: Any = rule.action
        if isinstance(action, Rescue):
            if out.given(action.give) or out.target(action.after, left):
                continue
        elif hasattr(action, "targets"):
            targets = tuple(target for target in action.targets if not out.target(target, left))
            if not targets:
                continue
            rule = replace(rule, action=replace(action, targets=targets))
        kept.append(rule)
    return tuple(kept)


def kind_of(sentence: str) -> Kind:
    """Give, check, decide, rule or how long cycles go on, by its first words."""
    first = sentence.split(None, 1)[0].lower() if sentence.strip() else ""
    if first == "until":
        return "repeat"
    if first in ("day", "days"):
        if re.search(r":\s*if\b", sentence):
            return "decide"
        return "rule" if re.search(r"\bwaits\b", sentence) else "check"
    return "rule" if first in _RULES else "give"


def _with(protocol: Protocol, sentence: str, chosen: set[str], everywhere: bool) -> Protocol:
    kind = kind_of(sentence)
    if kind == "rule" and everywhere:
        return replace(protocol, rules=(*protocol.rules, read_sentence("rule", sentence, _PLACE)))
    if kind == "repeat":
        return _until(protocol, read_sentence(kind, sentence, _PLACE), chosen, everywhere)
    out = []
    for phase in protocol.phases:
        if phase.id in chosen:
            added = read_sentence(kind, sentence, _PLACE, phase.days, phase.first_day)
            has = getattr(phase, _FIELDS[kind])
            # the first decision of a day that is true is taken: the file's would always be, where it is true too
            changed: dict[str, Any] = {_FIELDS[kind]: (added, *has) if kind == "decide" else (*has, added)}
            phase = together(replace(phase, **changed))
        out.append(phase)
    return replace(protocol, phases=tuple(out))


def _until(protocol: Protocol, cycles: Cycles, chosen: set[str], everywhere: bool) -> Protocol:
    """Cycles that go on for another time than the file says. Raises `BadInput` for a phase that is played once."""
    cyclic = {phase.id for phase in protocol.phases if phase.repeat_until}
    if everywhere or not chosen <= cyclic:
        named = ", ".join(sorted(cyclic)) or "no phase of it"
        raise BadInput(
            f"'until' is for phases whose cycles go on until a day: {named}",
            remedy="Name one of these, for example --in maintenance",
        )
    phases = tuple(replace(p, repeat_until=cycles.until) if p.id in chosen else p for p in protocol.phases)
    return replace(protocol, phases=phases)
