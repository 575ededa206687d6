"""What grammar cannot see: names that do not exist, doses that do not fit, rules that cannot work or that fight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from ..knowledge import limits
from ..knowledge.agent import Agent
from ..knowledge.errors import BadInput, nearest
from ..knowledge.library import Library
from ..knowledge.units import UnknownUnit, unit_of
from . import bounds
from .complaint import Written, at_word, bad, unknown
from .link import span_days, successors
from .logic import compares, names, possible, together, ways
from .model import (
    Adjust,
    And,
    Compare,
    Condition,
    Decide,
    Give,
    Hold,
    Limit,
    MakeUp,
    Miss,
    Not,
    Or,
    Phase,
    Place,
    Protocol,
    Provenance,
    Repeat,
    Rescue,
    Route,
    Rule,
    Start,
    Target,
    Transfuse,
    Wait,
)
from .plausible import unusual_doses
from .vocabulary import AT_TIME_POINT, COUNTS, FRACTIONS

_ALIKE = 80  # per cent, of names that are perhaps the same with a slip of the pen
_MARROW = (*FRACTIONS, "blood blasts")


def _is_like(name: str, text: str) -> bool:
    from rapidfuzz import fuzz  # many modules, and seldom asked

    return fuzz.partial_ratio(name, text) >= _ALIKE


def check(protocol: Protocol, known: Library) -> list[BadInput]:
    """All problems and doubts (`Doubt`) of a linked protocol, in the order of its file."""
    once = {(p.message, p.file, p.line, p.column): p for p in _Checker(protocol, known).problems()}
    found = list(once.values())  # a shared line stands in every phase
    return sorted(found, key=lambda p: (p.file != protocol.file, p.file or "", p.line or 0, p.column or 0))


class _Checker:
    def __init__(self, protocol: Protocol, known: Library) -> None:
        self.protocol = protocol
        self.known = known
        self.sources = set(known.sources())
        self.agents = set(known.agents())
        self.given = {give.agent for phase in protocol.phases for give in phase.give}
        strange = {give.agent for phase in protocol.phases for give in phase.give} - self.agents
        # what may say what seems to be missing: sentences that could not be read, agents that are not known
        self.unread = "\n".join((*protocol.unread, *sorted(strange))).lower()
        self.mentioned: dict[str, bool] = {}

    def problems(self) -> Iterator[BadInput]:
        protocol = self.protocol
        yield from self._keys(protocol)
        if protocol.population and protocol.population not in self.known.populations():
            place = protocol.places.get("population")
            yield bad(place, *unknown("population", protocol.population, self.known.populations()))
        if protocol.eligible is not None:
            yield from self._condition(protocol.eligible, "for")
        if protocol.on_relapse:
            yield from self._known_phase(protocol.on_relapse, protocol.places.get("on relapse"))
        total = sum(ways(condition) for condition in self._all_conditions())
        if total > limits.PROTOCOL_WAYS:
            yield bad(protocol.phases[0].place, f"the conditions can come true in {total} ways", "Write them plainer")
            return
        yield from bounds.of_phases(protocol.phases, sum(span_days(p) + p.rest_days for p in protocol.phases))
        yield from self._ends()
        rules = [rule for phase in protocol.phases for rule in phase.rules] + list(protocol.rules)
        if not self.unread and not any(p.give for p in protocol.phases):
            if not any(isinstance(rule.action, Rescue) for rule in rules):
                yield bad(protocol.phases[0].place, "the protocol gives nothing", "Add under give what is given")
        yield from self._rules(protocol.rules, protocol.phases)
        before: list[Phase] = []
        for phase in protocol.phases:
            yield from self._phase(phase, before)
            before.append(phase)
        reached = _reached(protocol)
        for phase in protocol.phases:
            if phase.id not in reached and not self.unread:
                yield bad(phase.place, f"nothing leads to phase '{phase.id}'", "Name it under next or in a decision")

    def _all_conditions(self) -> Iterator[Condition]:
        for phase in self.protocol.phases:
            yield from (c for c in (phase.start_when, *(u.when for u in phase.repeat_until)) if c is not None)
            yield from (g.when for g in phase.give if g.when is not None)
            yield from (d.when for d in phase.decide)
            yield from (c for rule in phase.rules for c in _conditions(rule))
        yield from (c for rule in self.protocol.rules for c in _conditions(rule))

    def _ends(self) -> Iterator[BadInput]:
        """Treatment that goes round in a circle, and cycles that end for some patients only."""
        by_id = {phase.id: phase for phase in self.protocol.phases}
        passed: set[str] = set()
        phase: Phase | None = self.protocol.phases[0]
        while phase is not None and not self.unread:
            passed.add(phase.id)
            if phase.next is None:
                break
            following = phase.next or next(iter(successors(self.protocol, replace(phase, decide=()))), None)
            phase = by_id.get(following) if following is not None else None
            if phase is not None and phase.id in passed:
                place = self.protocol.places.get(f"{phase.id}/next", phase.place)
                yield bad(place, f"phase '{phase.id}' follows on itself, so treatment does not end", "Write: next: end")
                break
        for phase in self.protocol.phases:
            asked = [until.when for until in phase.repeat_until]
            open_ended = asked and None not in asked and possible(Not(Or(tuple(c for c in asked if c is not None))))
            if open_ended:
                place = self.protocol.places.get(f"{phase.id}/repeat", phase.place)
                yield bad(
                    place,
                    f"nothing says when phase '{phase.id}' ends for every patient",
                    "Add an end for all others: , 2 years from start of treatment",
                )

    def _unsure(self, agent: str) -> bool:
        """Whether a sentence that could not be read names the agent, so that it may be given."""
        others = (name for name, known in self.known.agent_names().items() if known == agent) if self.unread else ()
        return any(self._mentioned(name) for name in (agent, *others))

    def _mentioned(self, name: str) -> bool:
        """Whether a name, or something like it, stands in what could not be read."""
        if name not in self.mentioned:
            self.mentioned[name] = bool(self.unread) and _is_like(name.lower(), self.unread)
        return self.mentioned[name]

    def _said_nowhere(self, found: set[str]) -> list[str]:
        """The names that no sentence that could not be read holds."""
        return sorted(name for name in found if not self._mentioned(name))

    # --- sources

    def _keys(self, protocol: Protocol) -> Iterator[BadInput]:
        for key in protocol.sources:
            yield from self._key(key, protocol.places.get(f"source:{key}"))
        for phase in protocol.phases:
            for key in phase.provenance.sources:
                yield from self._key(key, protocol.places.get(f"source:{key}", phase.place))
            for name, provenance in phase.said:
                for key in provenance.sources:
                    yield from self._key(key, protocol.places.get(f"{phase.id}/{name}", phase.place))
        for name, provenance in protocol.said:
            for key in provenance.sources:
                yield from self._key(key, protocol.places.get(name))

    def _key(self, key: str, place: Place | None) -> Iterator[BadInput]:
        if key not in self.sources and key != "memory":
            near = nearest(key, [*self.sources, "memory"])
            yield bad(place, f"unknown source '{key}'", f"Did you mean '{near}'?" if near else "Add it to sources.yaml")

    def _cited(self, item: Written, provenance: Provenance) -> Iterator[BadInput]:
        for key in provenance.sources:
            yield from self._key(key, at_word(item, key))

    # --- one phase

    def _phase(self, phase: Phase, before: Sequence[Phase]) -> Iterator[BadInput]:
        places = self.protocol.places
        if phase.start_when is not None:
            gate = places.get(f"{phase.id}/start when", phase.place)
            yield from self._condition(phase.start_when, f"{phase.id}/start when", phase)
            measured = {c.what for p in before for c in p.check}
            for name in self._said_nowhere(names(phase.start_when) & set(FRACTIONS) - measured):
                yield bad(gate, f"no phase before measures {name}", f"Add to an earlier phase: - day 29: {name}")
        for give in phase.give:
            yield from self._give(give, phase)
            yield from self._cited(give, give.provenance)
        yield from self._given_twice(phase)
        for item in phase.check:
            yield from self._cited(item, item.provenance)
            if item.agent is not None and item.agent not in self.agents:
                yield self._unknown_agent(item, item.agent)
        for decision in phase.decide:
            yield from self._decide(decision, phase, before)
            yield from self._cited(decision, decision.provenance)
        yield from self._rules(phase.rules, (phase,))
        yield from self._measured(phase)
        if phase.next:
            yield from self._known_phase(phase.next, places.get(f"{phase.id}/next", phase.place))
        for until in phase.repeat_until:
            place = places.get(f"{phase.id}/repeat", phase.place)
            if until.from_phase:
                yield from self._known_phase(until.from_phase, place)
            if until.when is not None:
                yield from self._condition(until.when, f"{phase.id}/repeat", phase)

    def _known_phase(self, name: str, place: Place | None) -> Iterator[BadInput]:
        ids = [p.id for p in self.protocol.phases]
        if name not in ids and not self._mentioned(name) and not (":" in name and self.unread):
            yield bad(place, *unknown("phase", name, ids))

    # --- what is given

    def _give(self, give: Give, phase: Phase) -> Iterator[BadInput]:
        agent = self._agent(give.agent)
        if agent is None:
            yield self._unknown_agent(give, give.agent)
            return
        yield from _dose_fits(give, agent, give, give.doses_per_day)
        yield from bounds.of_give(give, phase)
        if give.amount is None:
            tables = list(agent.intrathecal_by_age)
            if not tables:
                yield bad(at_word(give, "by age"), f"{give.agent} has no dose by age", "Write an amount")
            elif give.table is not None and give.table not in tables:
                yield bad(at_word(give, give.table), *unknown("table", give.table, tables))
            elif give.table is None and len(tables) > 1:
                yield bad(at_word(give, "age"), "which table of doses by age?", f"Write: by age (table {tables[0]})")
        for name, route in () if give.block else give.not_with:
            yield from self._target(give, Target(name, route), (phase,))
        for beside in give.along:
            if not give.block:
                yield from self._target(give, Target(beside.agent, beside.route), (phase,))
            elif beside.agent not in self.agents:
                yield self._unknown_agent(give, beside.agent)
        if give.when is not None:
            yield from self._condition(give.when, give)
        if give.escalation is not None and give.escalation.of_phase:
            origin = give.escalation.of_phase
            yield from self._known_phase(origin, at_word(give, origin))
            earlier = [p for p in self.protocol.phases if p.id == origin]
            if earlier and not any(_gives(earlier[0], Target(give.agent, give.route))) and not self._unsure(give.agent):
                yield bad(at_word(give, origin), f"{origin} gives no {give.agent} {give.route}", "Name another phase")

    def _given_twice(self, phase: Phase) -> Iterator[BadInput]:
        for one, other in combinations(phase.give, 2):
            if (one.agent, one.route) != (other.agent, other.route):
                continue
            days = sorted(set(one.days) & set(other.days))
            both = tuple(c for c in (one.when, other.when) if c is not None)
            if days and (not both or possible(And(both))):
                line = f" (line {one.place.line})" if one.place else ""
                yield bad(
                    other.place,
                    f"another sentence{line} gives {one.agent} {one.route} on day {days[0]} too",
                    "Take the day out of one of them, or make one conditional on what the other is not",
                )

    def _agent(self, name: str) -> Agent | None:
        return self.known.agent(name) if name in self.agents else None

    def _unknown_agent(self, item: Written, name: str) -> BadInput:
        return bad(at_word(item, name), *self.known.no_agent(name))

    # --- decisions

    def _decide(self, decision: Decide, phase: Phase, before: Sequence[Phase]) -> Iterator[BadInput]:
        if decision.action == "go to":
            for problem in self._known_phase(decision.target, at_word(decision, decision.target)):
                remedy = (problem.remedy or "").rstrip(".") + ("" if (problem.remedy or "").endswith("?") else ".")
                remedy += f' To end here, write: leave for "{decision.target}"'
                yield bad(at_word(decision, decision.target), problem.message, remedy)
        yield from self._condition(decision.when, decision)
        for name in self._said_nowhere(names(decision.when) & set(_MARROW)):
            own = [c for c in phase.check if c.what == name and min(c.days) <= decision.day]
            if not own and not any(c.what == name for p in before for c in p.check):
                day = phase.written_day(decision.day)
                yield bad(
                    at_word(decision, name),
                    f"nothing measures {name} on or before day {day}",
                    f"Add under check: - day {day}: {name}",
                )

    # --- rules

    def _rules(self, rules: Sequence[Rule], phases: Sequence[Phase]) -> Iterator[BadInput]:
        for rule in rules:
            yield from self._rule(rule, phases)
            yield from self._cited(rule, rule.provenance)
        everywhere = self.protocol.rules if rules is not self.protocol.rules else ()
        for index, rule in enumerate(rules):
            for other in (*everywhere, *rules[:index]):
                yield from _fight(other, rule)

    def _rule(self, rule: Rule, phases: Sequence[Phase]) -> Iterator[BadInput]:
        action = rule.action
        targets = [action.after] if isinstance(action, Rescue) else list(getattr(action, "targets", ()))
        for target in targets:
            yield from self._target(rule, target, phases)
        yield from bounds.of_rule(rule)
        for condition in _conditions(rule):
            yield from self._condition(condition, rule)
        if isinstance(action, Hold) and possible(And((action.when, action.until))):
            yield bad(
                at_word(rule, "until"),
                "this hold can end while its reason still stands",
                "Let 'until' ask for everything that 'when' names, for example when anc < 0.5 until anc >= 0.75",
            )
        if isinstance(action, MakeUp):
            yield from self._make_up(rule, action, phases)
        if isinstance(action, Repeat):
            for target in action.targets:
                given = [g for phase in phases for g in _gives(phase, target)]
                if given and not any(g.escalation for g in given):
                    yield bad(at_word(rule, target.agent), f"the dose of {target.agent} does not rise", "Use omit")
        if isinstance(action, Rescue):
            yield from self._rescue(rule, action)

    def _make_up(self, rule: Rule, action: MakeUp, phases: Sequence[Phase]) -> Iterator[BadInput]:
        for phase in phases:
            given = [give for target in action.targets for give in _gives(phase, target)]
            days = sorted({day for give in given for day in give.days})
            if given and (days != list(range(days[0], days[-1] + 1)) or any((g.infusion_h or 0) > 24 for g in given)):
                yield bad(
                    rule.place,
                    "held days can be made up only of what is given every day",
                    "Write doses of a day each, for example: 28 ug/day IV over 24 hours on days 1-28",
                )
            rules = [r.action for r in (*phase.rules, *self.protocol.rules)]
            if given and sum(isinstance(other, MakeUp) for other in rules) > 1:
                yield bad(rule.place, "held days are made up by one rule in a phase", "Name all agents in it")
            held = {target.agent for other in rules if isinstance(other, Hold) for target in other.targets}
            if given and not held & {target.agent for target in action.targets}:
                what = ", ".join(target.agent for target in action.targets)
                yield bad(rule.place, f"nothing holds {what} here", f"Add: hold {what} when ... until ...")

    def _target(self, item: Written, target: Target, phases: Sequence[Phase]) -> Iterator[BadInput]:
        if target.agent not in self.agents:
            yield self._unknown_agent(item, target.agent)
            return
        if any(give for phase in phases for give in _gives(phase, target)) or self._unsure(target.agent):
            return
        given = sorted({g.agent for phase in phases for g in phase.give})
        where = f"phase '{phases[0].id}'" if len(phases) == 1 else "the protocol"
        word = f"{target.agent} {target.route}" if target.route else target.agent
        yield bad(
            at_word(item, target.agent), f"{where} never gives {word}", f"It gives {', '.join(given) or 'nothing'}"
        )

    def _rescue(self, rule: Rule, rescue: Rescue) -> Iterator[BadInput]:
        agent = self._agent(rescue.give.agent)
        if agent is None:
            yield self._unknown_agent(rule, rescue.give.agent)
            return
        yield from _dose_fits(rescue.give, agent, rule, 24 / rescue.every_h)
        level = f"level:{rescue.after.agent}"
        if level not in names(rescue.until):
            yield bad(
                at_word(rule, "until"),
                f"the rescue does not end on the level of {rescue.after.agent}",
                f"Write: until {rescue.after.agent} < 0.25 uM",
            )

    # --- conditions

    def _condition(self, condition: Condition, where: Written | str, phase: Phase | None = None) -> Iterator[BadInput]:
        place = self.protocol.places.get(where) if isinstance(where, str) else None
        if isinstance(where, str) and place is None and phase is not None:
            place = phase.place
        for compare in compares(condition):
            if compare.name in AT_TIME_POINT:
                point = AT_TIME_POINT.index(compare.name) + 1
                checks = [check for one in self.protocol.phases for check in one.check]
                if not self.unread and not any(check.time_point == point for check in checks):
                    spot = place if isinstance(where, str) else where.place
                    remedy = f"Add under check: - day 29: marrow MRD, time point {point}"
                    yield bad(spot, f"no check measures marrow MRD at time point {point}", remedy)
            if compare.name.startswith("level:"):
                name = compare.name.partition(":")[2]
                spot = place if isinstance(where, str) else at_word(where, name)
                agent = self._agent(name)
                if agent is None:
                    yield bad(spot, *unknown("agent or measurement", name, [*sorted(self.agents), *COUNTS]))
                elif not isinstance(where, Rule):
                    rule = f"every 6 hours from hour 42 after {name} IV until {name} < 0.2 uM"
                    remedy = f"Write it under rules, for example: give leucovorin 15 mg/m2 IV {rule}"
                    yield bad(spot, f"only rules ask for the level of {name}", remedy)
                elif name not in self.given and not self._unsure(name):
                    yield bad(spot, f"the protocol never gives {name}, so it has no level", "Name what is given")
                elif not _fits_concentration(compare, agent):
                    unit = agent.pharmacokinetics.concentration
                    yield bad(spot, f"the level of {name} is not measured in {compare.unit}", f"Write it in {unit}")
        spot = place if isinstance(where, str) else where.place
        at = (lambda _: place) if isinstance(where, str) else (lambda name: at_word(where, name))
        yield from bounds.of_condition(condition, at, self._as_written(where))
        if not possible(condition):
            yield bad(spot, "this condition can never be true", "Check the signs < and > and the numbers")

    def _as_written(self, where: Written | str) -> bool:
        if not isinstance(where, str):
            return bool(getattr(where, "provenance", Provenance()).as_written)
        id, slash, key = where.rpartition("/")
        said = next((p.said for p in self.protocol.phases if p.id == id), ()) if slash else self.protocol.said
        return any(provenance.as_written for name, provenance in said if name == key)

    def _measured(self, phase: Phase) -> Iterator[BadInput]:
        """Rules that wait for counts need visits on which counts are drawn."""
        if any(c.what == "counts" for c in phase.check) or self._mentioned("counts"):
            return
        for rule in phase.rules:
            if isinstance(rule.action, Hold | Adjust | Limit) and names(rule.action.when) & set(COUNTS):
                yield bad(
                    rule.place, f"phase '{phase.id}' never measures counts", "Add under check: - 'weekly: counts'"
                )
                return


# --- helpers ----------------------------------------------------------------------------------


def _reached(protocol: Protocol) -> set[str]:
    """The phases that a patient can come to."""
    by_id = {phase.id: phase for phase in protocol.phases}
    reached: set[str] = set()
    ahead = [protocol.phases[0].id, *([protocol.on_relapse] if protocol.on_relapse else [])]
    while ahead:
        id = ahead.pop()
        if id in by_id and id not in reached:
            reached.add(id)
            ahead += successors(protocol, by_id[id])
    return reached


def _gives(phase: Phase, target: Target) -> Iterator[Give]:
    """The sentences of a phase that a target means (no route: every route but IT)."""
    for give in phase.give:
        if give.agent == target.agent and (give.route != "IT" if target.route is None else give.route == target.route):
            yield give


def _dose_fits(give: Give, agent: Agent, item: Give | Rule, times_a_day: float) -> Iterator[BadInput]:
    for route in give.routes:
        if route not in agent.routes:
            routes: tuple[Route, ...] = agent.routes
            yield bad(at_word(item, route), f"{give.agent} is not given {route}", f"Its routes: {', '.join(routes)}")
    fitting = {unit.removesuffix("/day") for unit in agent.dose_units}
    if give.amount is not None and give.unit not in fitting | {u.replace("mg/", "g/") for u in fitting if u == "mg/m2"}:
        written = ", ".join(agent.dose_units)
        yield bad(at_word(item, give.unit), f"{give.unit} does not fit {give.agent}", f"Its doses are in {written}")
    else:
        yield from unusual_doses(give, agent, item, times_a_day, item.provenance.as_written)
    if give.cap is not None and ("IU" in give.cap[1]) != ("IU" in give.unit):
        yield bad(at_word(item, "max"), f"a dose in {give.unit} cannot have a maximum in {give.cap[1]}", "Use one unit")


def _conditions(rule: Rule) -> Iterator[Condition]:
    for field in ("when", "until"):
        condition = getattr(rule.action, field, None)
        if condition is not None:
            yield condition


def _fits_concentration(compare: Compare, agent: Agent) -> bool:
    kinetics = agent.pharmacokinetics
    try:
        want, have = unit_of(str(compare.unit)), unit_of(kinetics.concentration)
    except UnknownUnit:
        return False
    if want.is_compatible_with(have):
        return True
    molar, mass = unit_of("mol/L"), unit_of("g/L")
    both = [u.is_compatible_with(molar) or u.is_compatible_with(mass) for u in (want, have)]
    return all(both) and kinetics.molar_mass is not None


def _fight(one: Rule, other: Rule) -> Iterator[BadInput]:
    """Two rules that pull the same dose in opposite directions by the same count."""
    first, second = one.action, other.action
    if isinstance(first, Start) and isinstance(second, Start):
        yield from _two_starts(one, first, other, second)
        return
    line = f" (line {one.place.line})" if one.place else ""
    if isinstance(first, Wait | Miss | Transfuse) or isinstance(second, Wait | Miss):
        return
    shared_agents = sorted(
        {t.agent for t in getattr(first, "targets", ())}
        & {t.agent for t in getattr(second, "targets", ()) if _same_route(first, t)}
    )
    if not shared_agents or _direction(first) * _direction(second) >= 0:
        return
    by = together(first.when, second.when)  # type: ignore[union-attr]
    if by:
        yield bad(
            other.place,
            f"this rule and the one before{line} move {shared_agents[0]} in opposite directions "
            f"for the same {' and '.join(sorted(by))}",
            "Let their conditions not overlap",
        )


def _two_starts(one: Rule, first: Start, other: Rule, second: Start) -> Iterator[BadInput]:
    shared = sorted({t.agent for t in first.targets} & {t.agent for t in second.targets if _same_route(first, t)})
    if shared and first.fraction != second.fraction and possible(And((first.when, second.when))):
        line = f" (line {one.place.line})" if one.place else ""
        yield bad(
            other.place,
            f"this rule and the one before{line} both set the start of {shared[0]} for the same patients",
            "Let their conditions not overlap, for example: when tpmt is poor and nudt15 is normal",
        )


def _same_route(action: object, target: Target) -> bool:
    routes = [t.route for t in getattr(action, "targets", ()) if t.agent == target.agent]
    return any(r is None or target.route is None or r == target.route for r in routes)


def _direction(action: object) -> int:
    """+1: the dose goes up, -1: it goes down, 0: neither."""
    if isinstance(action, Adjust):
        return 1 if action.factor > 1 else -1
    return -1 if isinstance(action, Hold | Limit) else 0
