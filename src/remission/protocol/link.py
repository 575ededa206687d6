"""Phases of other protocols: ``go to cog-high-risk: consolidation`` brings that phase and all that follow it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..knowledge.errors import BadInput
from .complaint import bad, unknown
from .include import bare
from .model import Escalation, Phase, Place, Protocol, Rule, Until

# id of a protocol, file that names it -> that protocol
Open = Callable[[str, Path | None], Protocol]


def link(protocol: Protocol, open_other: Open) -> Protocol:
    """The protocol with every phase of another protocol that it can go on to, ids prefixed ``other-protocol: ``.

    Rules that the other protocol has for all its phases come with each phase unless this protocol has them too, and its
    ``for`` with its first phase: whoever begins it must be one whom it is for. A later phase takes who is sent there.
    Raises ``BadInput`` for a protocol or phase that is not there.
    """
    return _Linker(protocol, open_other).linked()


def successors(protocol: Protocol, phase: Phase) -> list[str]:
    """The phases that can come straight after a phase (unprefixed for those of the same file)."""
    after = [decision.target for decision in phase.decide if decision.action == "go to"]
    if phase.next is None:
        return after
    if phase.next:
        return [*after, phase.next]
    ids = [p.id for p in protocol.phases]
    below = ids[ids.index(phase.id) + 1 : ids.index(phase.id) + 2]
    return [*after, *below]


def span_days(phase: Phase) -> int:
    """The days of a phase with all its cycles, as long as it may last."""
    if phase.repeat_times is not None:
        return phase.days * phase.repeat_times
    return max(phase.days, *(until.days for until in phase.repeat_until), 0)


def without_linked(protocol: Protocol) -> Protocol:
    """The protocol as its own file has it."""
    return bare(replace(protocol, phases=tuple(phase for phase in protocol.phases if ":" not in phase.id)))


class _Linker:
    def __init__(self, protocol: Protocol, open_other: Open) -> None:
        self.main = protocol
        self.own = {phase.id for phase in protocol.phases}
        self.open_other = open_other
        self.files: dict[str, Protocol] = {protocol.id: protocol}
        self.added: dict[tuple[str, str], Phase] = {}
        self.places = dict(protocol.places)

    def linked(self) -> Protocol:
        own = tuple(self._renamed(self.main, phase) for phase in self.main.phases)
        after = self.main.on_relapse
        on_relapse = self._id(self.main, after, self.main.places.get("on relapse")) if after else None
        return replace(self.main, phases=(*own, *self.added.values()), places=self.places, on_relapse=on_relapse)

    def _renamed(self, home: Protocol, phase: Phase) -> Phase:
        """The phase with ids of phases as they are called in the linked protocol; asks for what it leads to."""
        decide = tuple(
            replace(d, target=self._id(home, d.target, d.place)) if d.action == "go to" else d for d in phase.decide
        )
        following = phase.next
        if following:
            following = self._id(home, following, self._place(home, phase, "next"))
        elif following == "":
            below = successors(home, replace(phase, decide=()))
            following = "" if below and home is self.main else self._id(home, below[0], None) if below else None
        if home is self.main:
            return replace(phase, decide=decide, next=following)
        shared = {rule.action for rule in self.main.rules}
        given = {give.agent for give in phase.give}
        common = (_applied(rule, given) for rule in home.rules if rule.action not in shared)
        rules = (*phase.rules, *(rule for rule in common if rule is not None))
        return replace(
            phase,
            id=f"{home.id}: {phase.id}",
            decide=decide,
            next=following,
            rules=rules,
            entry=home.eligible if phase.id == home.phases[0].id else None,
            give=tuple(replace(g, escalation=self._escalation(home, g.escalation, g.place)) for g in phase.give),
            repeat_until=tuple(self._until(home, u, self._place(home, phase, "repeat")) for u in phase.repeat_until),
        )

    def _id(self, home: Protocol, name: str, place: Place | None) -> str:
        """What ``name``, written in ``home``, is called in the linked protocol."""
        if home is self.main and name in self.own:
            return name  # come along before
        other, colon, phase = (part.strip() for part in name.partition(":"))
        if not colon:
            other, phase = home.id, name
        target = self._file(other, home, place)
        found = next((p for p in target.phases if p.id.lower() == phase.lower()), None)
        if found is None:
            return name if target is self.main else self._missing(target, phase, place)
        if target is self.main:
            return found.id
        key = (target.id, found.id)
        if key not in self.added:
            self.added[key] = found  # before its successors, so that circles end
            self.added[key] = self._renamed(target, found)
            self.places.update(
                {f"{target.id}: {k}": v for k, v in target.places.items() if k.startswith(f"{found.id}/")}
            )
        return f"{target.id}: {found.id}"

    def _missing(self, target: Protocol, phase: str, place: Place | None) -> str:
        raise bad(place, *unknown("phase", f"{target.id}: {phase}", [f"{target.id}: {p.id}" for p in target.phases]))

    def _file(self, id: str, home: Protocol, place: Place | None) -> Protocol:
        if id not in self.files:
            try:
                self.files[id] = self.open_other(id, Path(home.file) if home.file else None)
            except BadInput as error:
                if error.file is not None:
                    raise  # a mistake in that file
                raise bad(place, error.message, error.remedy) from None
        return self.files[id]

    def _back(self, home: Protocol, name: str, place: Place | None) -> str:
        """A phase that was played before: of the same file if it comes along, else the own one of that id."""
        own = {p.id for p in self.main.phases}
        reached = _reached(home, self.added)
        if name in reached:
            return f"{home.id}: {name}"
        if name in own or not name:
            return name
        raise bad(
            place,
            f"'{name}' of {home.id} is not played on the way from {self.main.id}",
            "Go to an earlier phase, or name a phase that is played",
        )

    def _escalation(self, home: Protocol, escalation: Escalation | None, place: Place | None) -> Escalation | None:
        if escalation is None or not escalation.of_phase:
            return escalation
        return replace(escalation, of_phase=self._back(home, escalation.of_phase, place))

    def _until(self, home: Protocol, until: Until, place: Place | None) -> Until:
        return replace(until, from_phase=self._back(home, until.from_phase, place))

    @staticmethod
    def _place(home: Protocol, phase: Phase, key: str) -> Place | None:
        return home.places.get(f"{phase.id}/{key}", phase.place)


def _reached(home: Protocol, added: dict[tuple[str, str], Phase]) -> set[str]:
    return {phase for file, phase in added if file == home.id}


def _applied(rule: Rule, given: set[str]) -> Rule | None:
    """A rule of a whole protocol as it holds in a phase that gives these agents; None: it has no use there."""
    action: Any = rule.action
    targets = getattr(action, "targets", None)
    if targets is None:
        return rule
    here = tuple(target for target in targets if target.agent in given)
    return replace(rule, action=replace(action, targets=here)) if here else None
