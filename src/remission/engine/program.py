"""A protocol as arrays: what the kernel reads. Compiled per protocol in milliseconds, never per patient.

Conditions become small postfix programs over a vector of variables per patient; doses become a table
of orders listed by phase and day; rules become rows. Nothing here knows a drug or a protocol by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, gcd, lcm
from typing import Any, NamedTuple, assert_never

import numpy as np

from remission.compiled import core
from remission.knowledge.agent import TARGETS, Agent
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library
from remission.knowledge.side_effect import SideEffect
from remission.knowledge.units import factor, unit_of
from remission.patient import chance
from remission.patient.cohort import LINEAGE, METABOLISER, SEX
from remission.protocol import model as m
from remission.protocol.logic import asked, compares, names
from remission.protocol.vocabulary import EVER, ROUTES, VALUES

from .acting import Acting, Clone, acting, clone_table

words = core.words
VARIABLES: tuple[str, ...] = words.Variable
MEASURED = VARIABLES[: words.V_AGE]
PERSONAL = VARIABLES[words.V_AGE : words.V_CHIMERISM]
LIVING = VARIABLES[words.V_CHIMERISM :]
WORDS = {"sex": SEX, "lineage": LINEAGE, "tpmt": METABOLISER, "nudt15": METABOLISER} | {
    name: VALUES[name] for name in ("donor", "ph", "subtype", "down syndrome", "remission", "product")
}
LEVEL = "level:"

COMPARE = {op: getattr(words, name) for op, name in zip(words.Operation[:6], ("BELOW", "AT_MOST", "ABOVE", "AT_LEAST",
                                                                         "EQUAL", "UNEQUAL"), strict=True)}  # fmt: skip
AND, OR, NOT = words.AND, words.OR, words.NOT
NEVER = -1

PER_M2, PER_KG, FLAT, BY_AGE = words.PER_M2, words.PER_KG, words.FLAT, words.BY_AGE
HOLD, ADJUST, LIMIT, START, STOP = words.HOLD, words.ADJUST, words.LIMIT, words.START, words.STOP
TRANSFUSE, OMIT, REPEAT, RESCUE, MAKE_UP = words.TRANSFUSE, words.OMIT, words.REPEAT, words.RESCUE, words.MAKE_UP
MISS = words.MISS
COUNTS, MARROW_MRD, BLOOD_MRD = words.COUNTS, words.MARROW_MRD, words.BLOOD_MRD
MARROW_BLASTS, BLOOD_BLASTS = words.MARROW_BLASTS, words.BLOOD_BLASTS
RESPONSE = (
    words.RESPONSE
)  # the marrow check that shows the response to induction: the last one of the first phase with any
WATCHED = "mercaptopurine"  # its mean share of the protocol's dose in a repeating phase is an outcome
CHECKS = {
    "counts": COUNTS,
    "marrow MRD": MARROW_MRD,
    "blood MRD": BLOOD_MRD,
    "marrow blasts": MARROW_BLASTS,
    "blood blasts": BLOOD_BLASTS,
    "level": 0,
}
STEPS_PER_DAY: int = words.STEPS
MOMENT = 1e-6  # of a step: what is infused in less is given at once

INT, REAL = np.int64, np.float64
# The records that the core reads; what each field means stands beside its table
PHASE, DAY, DECIDE, UNTIL, SPAN, TERM, ORDER, AGE, SLOT, RULE, FORM = (
    np.dtype(core.records[name])
    for name in ("Phase", "DayOfPhase", "Decide", "Until", "Span", "Term", "Order", "Age", "Slot", "Rule", "Form")
)
# PHASE: key: of its chance, from its name; next_for: whom the protocol of the next phase is for; held days that are
# made up: extra, the row of days that stands for an extra day, or -1; extra_after, the day after which they come;
# extra_longest, days of a hold after which the phase begins again, 0 for none
# DECIDE: action 0: go to, 1: leave; entry: whom the other protocol that the patient goes to is for, a condition or -1
# UNTIL: phase -1: first day of treatment


class Tables(NamedTuple):
    """What the kernel reads: one array of records per kind of thing. Conditions, phases, orders, slots are numbered
    by their place; -1 stands for none."""

    phases: Any  # PHASE
    days: Any  # DAY, phase after phase
    due: Any  # orders by day
    decides: Any
    untils: Any
    conditions: Any  # SPAN of terms
    terms: Any
    orders: Any
    ages: Any  # (tables, rows) of AGE: intrathecal doses
    slots: Any  # SLOT = what rules act on: agent and route in a phase; watched: its mean share is an outcome; made_up:
    #             its held days are; key: of the chance that a dose is missed, from agent and route; home: 1, by mouth
    #             in maintenance, where people miss doses
    level_due: Any  # agents by day whose level is measured
    rules: Any
    rule_slots: Any
    resume: Any
    phase_rules: Any
    forms: Any  # FORM = a way of giving: agent, route, length of infusion; next: a copy for an infusion that overlaps;
    #             by_size 1: a larger body dilutes it
    level_agent: Any  # agents whose plasma level is a variable


@dataclass(frozen=True)
class Form:
    agent: str
    route: str
    infusion_days: float
    copy: int = 0


@dataclass(frozen=True)
class Program:
    """A protocol ready to be played, with the names behind the numbers."""

    protocol: m.Protocol
    tables: Tables
    agents: tuple[Agent, ...]
    steps: tuple[int, ...]  # of an agent's kinetics in a day
    forms: tuple[Form, ...]
    phases: tuple[str, ...]
    slots: tuple[tuple[str, str, str], ...]  # (phase, agent, route)
    left_for: tuple[str, ...]
    rules: tuple[str, ...]
    variables: tuple[str, ...]
    clones: tuple[Clone, ...]
    effects: tuple[tuple[Acting, ...], ...]  # by agent
    side_effects: tuple[SideEffect, ...]  # that agents bring about, or that conditions ask for
    on_relapse: int  # phase, or -1
    on_relapse_for: int  # whom its protocol is for, where it is another: a condition, or -1
    asked: frozenset[str]  # names that conditions compare


def by_size(agent: Agent, route: str) -> bool:
    """Does a larger body dilute a dose? Not in the spinal fluid, nor radiation, and cells count by the kilogram."""
    return route in ("IV", "PO", "SC", "IM") and not (agent.radiation or agent.graft or agent.cells or agent.igg)


def variable_names(levels: list[str], side_effects: list[str]) -> tuple[str, ...]:
    ever = (name + EVER for name in side_effects)
    return (*VARIABLES, *(LEVEL + agent for agent in levels), *side_effects, *ever)


class _Conditions:
    def __init__(self, levels: list[str], side_effects: list[str], agents: dict[str, Agent]) -> None:
        self.names = variable_names(levels, side_effects)
        self.agents = agents
        self.starts = [0]
        self.code: list[int] = []
        self.variable: list[int] = []
        self.value: list[float] = []
        self.known: dict[m.Condition, int] = {}

    def add(self, condition: m.Condition | None) -> int:
        if condition is None:
            return NEVER
        if condition not in self.known:
            self._emit(condition)
            self.starts.append(len(self.code))
            self.known[condition] = len(self.starts) - 2
        return self.known[condition]

    def _put(self, code: int, variable: int = 0, value: float = 0.0) -> None:
        self.code.append(code)
        self.variable.append(variable)
        self.value.append(value)

    def _emit(self, condition: m.Condition) -> None:
        if isinstance(condition, m.Compare):
            self._put(COMPARE[condition.op], self.names.index(condition.name), self._number(condition))
        elif isinstance(condition, m.Defined):
            self._emit(condition.plain)
        elif isinstance(condition, m.Not):
            self._emit(condition.item)
            self._put(NOT)
        else:
            self._emit(condition.items[0])
            for item in condition.items[1:]:
                self._emit(item)
                self._put(AND if isinstance(condition, m.And) else OR)

    def _number(self, compare: m.Compare) -> float:
        if isinstance(compare.value, str):
            words = WORDS.get(compare.name, ())
            if compare.value not in words:
                raise BadInput(f"'{compare.name}' cannot be '{compare.value}'", remedy=f"one of: {', '.join(words)}")
            return float(words.index(compare.value))
        if compare.name.startswith(LEVEL) and compare.unit:
            pk = self.agents[compare.name.removeprefix(LEVEL)].pharmacokinetics
            asked = unit_of(compare.unit)
            if asked.is_compatible_with(pk.concentration):
                return compare.value * factor(compare.unit, pk.concentration)
            assert pk.molar_mass is not None
            mass = pk.molar_mass
            if asked.is_compatible_with("mol/L"):
                return compare.value * mass.value * factor(f"({compare.unit})*({mass.unit})", pk.concentration)
            return compare.value / mass.value * factor(f"({compare.unit})/({mass.unit})", pk.concentration)
        return float(compare.value)


def _levels(protocol: m.Protocol) -> list[str]:
    """The agents whose level a condition compares."""
    names = [compare.name for condition in asked(protocol) for compare in compares(condition)]
    return list(dict.fromkeys(name.removeprefix(LEVEL) for name in names if name.startswith(LEVEL)))


def _side_effects(protocol: m.Protocol, agents: list[Agent], library: Library) -> list[str]:
    """The side effects that agents bring about or that conditions ask for, in alphabetical order."""
    caused = {effect.on for agent in agents for effect in agent.effects if effect.on not in TARGETS}
    caused |= {name for name in library.side_effects_with_causes() if library.side_effect(name).causes}
    return sorted(set(library.side_effects(computed=False)) & (caused | _named(protocol)))


def _named(protocol: m.Protocol) -> set[str]:
    """Every name that a condition of the protocol compares."""
    return {name.removesuffix(EVER) for condition in asked(protocol) for name in names(condition)}


def dose_in_agent_unit(agent: Agent, amount: float, unit: str) -> tuple[float, int]:
    """(amount in the agent's amount unit, basis) of a dose written as ``amount unit``; ``BadInput`` if it cannot be."""
    if unit == "dose":
        return amount, FLAT
    mass, _, per = unit.partition("/")
    basis = {"m2": PER_M2, "kg": PER_KG, "": FLAT}.get(per)
    own = agent.pharmacokinetics.amount
    if basis is None or not unit_of(mass).is_compatible_with(unit_of(own)):
        raise BadInput(
            f"'{unit}' does not fit {agent.agent}", remedy=f"write one of: {', '.join(agent.dose_units) or own + '/m2'}"
        )
    return amount * factor(mass, own), basis


def prepare(protocol: m.Protocol, library: Library) -> Program:
    """Compile a protocol that has been read and checked. Raises ``BadInput`` for what cannot be played."""
    levels = _levels(protocol)
    agents: dict[str, Agent] = {}

    def use(name: str) -> Agent:
        if name not in agents:
            agents[name] = library.agent(name)
        return agents[name]

    rescued: list[str] = []
    for phase in protocol.phases:
        for give in phase.give:
            use(give.agent)
        for rule in (*phase.rules, *protocol.rules):
            if isinstance(rule.action, m.Rescue):
                rescued.append(rule.action.give.agent)
    for name in levels:
        use(name)
    for name in rescued:  # after all others: their doses depend on levels of the same day
        agents.pop(name, None)
        use(name)
    if not agents:
        raise BadInput("the protocol gives nothing", protocol.file or None, remedy="Give something in a phase")
    agent_index = {name: i for i, name in enumerate(agents)}
    phase_index = {phase.id: i for i, phase in enumerate(protocol.phases)}
    grades = _side_effects(protocol, list(agents.values()), library)
    conditions = _Conditions(levels, grades, agents)

    forms: list[Form] = []

    def form(give: m.Give) -> int:
        infusion = (give.infusion_h or 0.0) / 24.0 if give.route == "IV" else 0.0
        key = Form(give.agent, give.route, infusion)
        if key not in forms:
            forms.append(key)
        return forms.index(key)

    slots: list[tuple[int, str, str]] = []

    def slot(phase: int, agent: str, route: str) -> int:
        key = (phase, agent, route)
        if key not in slots:
            slots.append(key)
        return slots.index(key)

    for p, phase in enumerate(protocol.phases):
        for give in phase.give:
            slot(p, give.agent, give.route)

    def targets(p: int, wanted: tuple[m.Target, ...]) -> list[int]:
        return [
            s
            for target in wanted
            for s, (q, agent, route) in enumerate(slots)
            if q == p and agent == target.agent and (route == target.route if target.route else route != "IT")
        ]

    orders: list[dict[str, Any]] = []
    age_tables: list[tuple[str, str]] = []

    def order(p: int, give: m.Give, share: float) -> int:
        agent = agents[give.agent]
        table = -1
        if give.amount is None:
            key = (give.agent, give.table or "")
            if key[1] not in agent.intrathecal_by_age:
                raise BadInput(
                    f"{give.agent} has no intrathecal table '{key[1]}'",
                    file=give.place.file if give.place else None,
                    line=give.place.line if give.place else None,
                    remedy=f"known: {', '.join(agent.intrathecal_by_age) or 'none'}",
                )
            if key not in age_tables:
                age_tables.append(key)
            table = age_tables.index(key)
            amount, basis = 0.0, BY_AGE
        else:
            amount, basis = dose_in_agent_unit(agent, give.amount, give.unit.removesuffix("/day"))
            if give.per == "day":
                amount /= give.doses_per_day
        cap = np.inf
        if give.cap and give.largest_dose:
            cap, _ = dose_in_agent_unit(agent, give.largest_dose, give.cap[1].removesuffix("/day"))
        step = start_share = 0.0
        of_slot = -1
        if give.escalation:
            step, _ = dose_in_agent_unit(agent, give.escalation.step, give.unit)
            if give.escalation.of_phase:
                start_share = give.escalation.start_fraction or 1.0
                of_slot = slot(phase_index[give.escalation.of_phase], give.agent, give.route)
        orders.append(
            {
                "slot": slot(p, give.agent, give.route),
                "form": form(give),
                "basis": basis,
                "amount": amount,
                "cap": cap,
                "times": give.doses_per_day,
                "from_step": int(give.hour * STEPS_PER_DAY / 24.0),
                "share": share,
                "condition": conditions.add(give.when),
                "age_table": table,
                "step": step,
                "start_share": start_share,
                "of_slot": of_slot,
            }
        )
        return len(orders) - 1

    rules: list[dict[str, Any]] = []
    rule_slots: list[list[int]] = []
    resumes: list[tuple[float, ...]] = []
    rule_texts: list[str] = []
    phase_rules: list[list[int]] = []
    left_for: list[str] = []
    phase_start: list[int] = []
    day_checks: list[int] = []
    day_visit: list[int] = []
    day_wait: list[int] = []
    due: list[list[int]] = []
    decides: list[list[tuple[int, int, int, int]]] = []
    untils: list[list[tuple[int, int, int]]] = []
    day_levels: list[list[int]] = []
    extras: list[tuple[int, int, int]] = []
    held_up: set[int] = set()

    def entry_of(phase: m.Phase, target: int) -> int:
        """Whom the target's protocol is for, where it is another than this phase's."""
        there = protocol.phases[target]
        return NEVER if _home(there) == _home(phase) else conditions.add(there.entry)

    responded = False
    for p, phase in enumerate(protocol.phases):
        phase_start.append(len(day_checks))
        length = phase.days
        checks = np.zeros(length, dtype=np.int64)
        visit = np.zeros(length, dtype=np.int64)
        wait = np.full(length, NEVER)
        todo: list[list[int]] = [[] for _ in range(length)]
        choose: list[list[tuple[int, int, int, int]]] = [[] for _ in range(length)]
        levels_of: list[list[int]] = [[] for _ in range(length)]
        for check in phase.check:
            for day in check.days:
                checks[day - 1] |= CHECKS[check.what] | words.TIME_POINT * (check.time_point or 0)
                if check.what == "level":
                    visit[day - 1] = 1
                    levels_of[day - 1].append(_measured_agent(check, agent_index))
        if not any(check.what == "counts" for check in phase.check):
            checks[::7] |= COUNTS  # a phase that names no counts has them weekly
        visit[checks > 0] = 1
        busy = {
            (give.agent, give.route): set(give.days) for give in phase.give if give.when is None
        }  # days of an agent by route, for `not on the days of`
        judged: set[int] = set()
        mine: list[int] = []
        made_up: list[int] = []
        longest = 0
        for rule in (*phase.rules, *protocol.rules):
            action = rule.action
            if isinstance(action, m.Wait):
                wait[action.day - 1] = conditions.add(action.until)
                visit[action.day - 1] = 1
                continue
            row: dict[str, Any] = {
                "phase": p, "condition": NEVER, "until": NEVER, "value": 1.0, "low": 0.0, "high": np.inf, "days": 0,
                "visits": 1, "in_turn": 0, "order": -1, "from_step": 0, "every_step": 0, "at_least": 0,
            }  # fmt: skip
            hit: list[int] = []
            resume: tuple[float, ...] = (1.0,)
            when = getattr(action, "when", None)
            if when is not None:
                row["condition"] = conditions.add(when)
            if not isinstance(action, m.Rescue | m.Transfuse):
                hit = targets(p, action.targets)
                if not hit:
                    continue  # a rule of the whole protocol on an agent that this phase does not give
            match action:
                case m.Rescue():
                    row |= {
                        "kind": RESCUE,
                        "until": conditions.add(action.until),
                        "order": order(p, action.give, 1.0),
                        "from_step": round(action.from_h / 2.0),
                        "every_step": max(1, round(action.every_h / 2.0)),
                        "at_least": action.at_least,
                    }
                    hit = targets(p, (action.after,))
                case m.Transfuse():
                    row |= {"kind": TRANSFUSE, "value": action.ml_per_kg}
                    row["in_turn"] = 0 if action.product == "red cells" else 1
                case m.Hold():
                    row |= {"kind": HOLD, "until": conditions.add(action.until), "days": action.streak.days}
                    row["visits"] = action.streak.visits
                    resume = action.resume
                case m.MakeUp():
                    row["kind"] = MAKE_UP
                    made_up, longest = hit, action.longest_days or 0
                case m.Adjust():
                    row |= {"kind": ADJUST, "value": action.factor, "days": action.streak.days}
                    row |= {"visits": action.streak.visits, "in_turn": int(action.in_turn)}
                    row["high"] = action.at_most if action.at_most is not None else np.inf
                    row["low"] = action.at_least if action.at_least is not None else 0.0
                case m.Limit():
                    row |= {"kind": LIMIT, "value": action.fraction}
                case m.Start():
                    row |= {"kind": START, "value": action.fraction}
                case m.Stop():
                    row |= {"kind": STOP, "days": action.streak.days, "visits": action.streak.visits}
                case m.Omit():
                    row["kind"] = OMIT
                    judged.update(hit)
                case m.Miss():
                    row |= {"kind": MISS, "value": action.fraction}
                case m.Repeat():
                    row["kind"] = REPEAT
                    judged.update(hit)
                case _:
                    assert_never(action)
            mine.append(len(rules))
            rules.append(row)
            rule_slots.append(hit)
            resumes.append(resume)
            rule_texts.append(rule.text)
        phase_rules.append(mine)
        for give in phase.give:
            shares = [(1.0, give.days)]
            last = max(give.days)
            for share, days in give.taper:
                shares.append((share, tuple(range(last + 1, last + days + 1))))
                last += days
            for share, days_given in shares:
                number = order(p, give, share)
                for day in days_given:
                    if day > length or any(day in busy.get(key, ()) for key in give.not_with):
                        continue
                    todo[day - 1].append(number)
                    if orders[number]["slot"] in judged:
                        visit[day - 1] = 1
        for decide in phase.decide:
            if decide.action == "leave":
                if decide.target not in left_for:
                    left_for.append(decide.target)
                where = left_for.index(decide.target)
            else:
                where = phase_index[decide.target]
            whom = NEVER if decide.action == "leave" else entry_of(phase, where)
            choose[decide.day - 1].append((conditions.add(decide.when), int(decide.action == "leave"), where, whom))
            visit[decide.day - 1] = 1
        ends = [
            (until.days, phase_index[until.from_phase] if until.from_phase else -1, conditions.add(until.when))
            for until in phase.repeat_until
        ]
        if phase.repeat_times:
            ends.append((phase.repeat_times * length, p, NEVER))
        untils.append(ends)
        marrow = np.flatnonzero(checks & (MARROW_MRD | MARROW_BLASTS))
        if len(marrow) and not responded:
            checks[marrow[-1]] |= RESPONSE
            responded = True
        after = NEVER
        if made_up:  # one more row stands for an extra day: counts, and what is given day after day
            held_up.update(made_up)
            after = max(day for day, given in enumerate(todo, 1) if any(orders[o]["slot"] in made_up for o in given))
            before = set(todo[after - 2]) if after > 1 else set()
            todo.append([o for o in todo[after - 1] if orders[o]["slot"] in made_up or o in before])
            checks, visit = np.append(checks, COUNTS), np.append(visit, 1)
            wait = np.append(wait, NEVER)
            choose.append([])
            levels_of.append([])
        extras.append((phase_start[-1] + length if made_up else NEVER, after, longest))
        day_checks.extend(checks)
        day_visit.extend(visit)
        day_wait.extend(wait)
        due.extend(todo)
        decides.extend(choose)
        day_levels.extend(levels_of)

    def following(p: int, phase: m.Phase) -> int:
        if phase.next is None:
            return -1
        if phase.next:
            return phase_index[phase.next]
        return p + 1 if p + 1 < len(protocol.phases) else -1

    rows_of_tables = [agents[agent].intrathecal_by_age[table] for agent, table in age_tables]
    width = max((len(rows) for rows in rows_of_tables), default=1)
    ages = np.zeros((max(1, len(age_tables)), width), dtype=AGE)
    ages["from_age"] = np.inf
    for i, table_rows in enumerate(rows_of_tables):
        for j, entry in enumerate(table_rows):
            ages[i, j] = (entry.get("age_from") or 0.0, entry["dose"] or 0.0)

    following_copy = _copies(forms, orders)
    steps = _steps(agents, forms, orders, rules)
    ways: list[tuple[int, int, bool, float, float, float, float, float, float]] = []
    for f, copy in zip(forms, following_copy, strict=True):
        micro = 1.0 / steps[agent_index[f.agent]]
        full, rest = 0, f.infusion_days
        if f.infusion_days > micro + 1e-12:
            full = int(np.floor(f.infusion_days / micro + 1e-9))
            rest = f.infusion_days - full * micro
        rest = 0.0 if rest < MOMENT * micro else rest
        infusion_days = 0.0 if not full and rest == 0.0 else f.infusion_days
        absorption = agents[f.agent].pharmacokinetics.absorption.get(f.route)  # type: ignore[call-overload]
        loss, half = 0.0, 1.0
        if absorption and absorption.bioavailability_loss:
            loss = absorption.bioavailability_loss.to_unit("-") / absorption.bioavailability.to_unit("-")
            half = absorption.half_dose.value
        lag = absorption.lag.to_unit("day") if absorption and absorption.lag else 0.0
        if lag >= micro:
            raise BadInput(
                f"{f.agent} by {f.route} is absorbed after {24 * lag:g} hours, longer than from one dose to the next "
                f"hour at which one may be due ({24 * micro:g} hours)",
                remedy="a shorter `lag`, or a slower `rate` without one",
            )
        spread = absorption.week_cv.to_unit("-") if absorption and absorption.week_cv else 0.0
        week_sd = float(np.sqrt(np.log1p(spread**2)))
        diluted = by_size(agents[f.agent], f.route)
        ways.append((ROUTES.index(f.route), copy, diluted, rest, infusion_days, loss, half, lag, week_sd))

    watched = [int(agent == WATCHED and bool(untils[p])) for p, agent, _ in slots]

    def spans(lists: list[list[Any]]) -> list[tuple[int, int]]:
        ends = np.cumsum([0] + [len(x) for x in lists]).tolist()
        return list(zip(ends[:-1], ends[1:], strict=True))

    def flat(lists: list[list[Any]]) -> list[Any]:
        return [x for items in lists for x in items]

    def rows(dtype: Any, values: list[Any]) -> Any:
        """Records from tuples in the order of the fields, or from dicts by name."""
        names = dtype.names or ()
        return np.array([tuple(v[n] for n in names) if isinstance(v, dict) else tuple(v) for v in values], dtype=dtype)

    day_spans = zip(day_checks, day_visit, day_wait, spans(due), spans(decides), spans(day_levels), strict=True)
    for row, slots_span, resume_span in zip(rules, spans(rule_slots), spans([list(r) for r in resumes]), strict=True):
        row |= dict(zip(("slots_from", "slots_to"), slots_span, strict=True))
        row |= dict(zip(("resume_from", "resume_to"), resume_span, strict=True))
    on_relapse_for = NEVER
    if protocol.on_relapse:
        on_relapse_for = entry_of(protocol.phases[0], phase_index[protocol.on_relapse])
    phase_rows = zip(protocol.phases, phase_start, spans(phase_rules), spans(untils), strict=True)
    tables = Tables(
        phases=rows(
            PHASE,
            [
                (
                    phase.days,
                    following(p, phase),
                    conditions.add(phase.start_when),
                    phase.recheck_days,
                    phase.rest_days,
                    start,
                    _repeats(phase),
                    _spares(phase, [(agents[agent], route) for q, agent, route in slots if q == p]),
                    *rule_span,
                    *until_span,
                    chance.purpose(phase.id.rpartition(": ")[2]),
                    entry_of(phase, following(p, phase)) if following(p, phase) >= 0 else NEVER,
                    *extras[p],
                )
                for p, (phase, start, rule_span, until_span) in enumerate(phase_rows)
            ],
        ),
        days=rows(DAY, [(c, v, w, *d, *x, *y) for c, v, w, d, x, y in day_spans]),
        due=np.array(flat(due), dtype=INT),
        decides=rows(DECIDE, flat(decides)),
        untils=rows(UNTIL, flat(untils)),
        conditions=rows(SPAN, list(zip(conditions.starts[:-1], conditions.starts[1:], strict=True))),
        terms=rows(TERM, list(zip(conditions.code, conditions.variable, conditions.value, strict=True))),
        orders=rows(ORDER, orders),
        ages=ages,
        slots=rows(
            SLOT,
            [
                (
                    s[0],
                    agent_index[s[1]],
                    ROUTES.index(s[2]),
                    w,
                    i in held_up,
                    chance.purpose(f"missed {s[1]} {s[2]}"),
                    s[2] == "PO" and _repeats(protocol.phases[s[0]]),
                )
                for i, (s, w) in enumerate(zip(slots, watched, strict=True))
            ],
        ),
        level_due=np.array(flat(day_levels), dtype=INT),
        rules=rows(RULE, rules),
        rule_slots=np.array(flat(rule_slots), dtype=INT),
        resume=np.array(flat([list(r) for r in resumes]), dtype=REAL),
        phase_rules=np.array(flat(phase_rules), dtype=INT),
        forms=rows(FORM, [(agent_index[f.agent], *x) for f, x in zip(forms, ways, strict=True)]),
        level_agent=np.array([agent_index[name] for name in levels], dtype=INT),
    )
    clones = clone_table(library, tuple(agents.values()))
    return Program(
        protocol=protocol,
        tables=tables,
        agents=tuple(agents.values()),
        steps=steps,
        forms=tuple(forms),
        phases=tuple(phase.id for phase in protocol.phases),
        slots=tuple((protocol.phases[p].id, agent, route) for p, agent, route in slots),
        left_for=tuple(left_for),
        rules=tuple(rule_texts),
        variables=conditions.names,
        clones=tuple(clones),
        effects=tuple(acting(agent, clones) for agent in agents.values()),
        side_effects=tuple(library.side_effect(name) for name in grades),
        asked=frozenset(_named(protocol)),
        on_relapse=phase_index[protocol.on_relapse] if protocol.on_relapse else NEVER,
        on_relapse_for=on_relapse_for,
    )


def _home(phase: m.Phase) -> str:
    """The other protocol that a phase has been taken from, empty for an own one."""
    return phase.id.rpartition(": ")[0]


def _measured_agent(check: m.Check, known: dict[str, int]) -> int:
    if check.agent not in known:
        place = check.place
        raise BadInput(
            f"the level of {check.agent} is measured, but the protocol never gives it",
            file=place.file if place else None,
            line=place.line if place else None,
            remedy=f"one of: {', '.join(known)}",
        )
    return known[check.agent]


def _parts(times: set[int]) -> int:
    """Equal parts of a day at whose starts so many doses a day can stand: twelve where they fit into no fewer (the core
    then gives each at the two hours in which it falls)."""
    number = lcm(*times)
    return number if STEPS_PER_DAY % number == 0 else STEPS_PER_DAY


def _starts(order: dict[str, Any]) -> tuple[int, int]:
    """Equal parts of a day at whose starts an order's doses stand: by their number, and by the first one's hour."""
    return order["times"], STEPS_PER_DAY // gcd(order["from_step"], STEPS_PER_DAY)


def _repeats(phase: m.Phase) -> bool:
    return bool(phase.repeat_until or phase.repeat_times)


def _spares(phase: m.Phase, given: list[tuple[Agent, str]]) -> int:
    """Are mouth and gut whole? 2: always, under an inhibitor of BCR::ABL1 with nothing that harms, or in a phase that
    repeats (maintenance), with nothing that harms or tablets of a thiopurine and no etoposide or anthracycline; 1: in
    remission, under an antibody that leads T cells, with nothing that harms; else 0. What harms stops red precursors,
    given into blood, muscle or skin."""
    harmful = {
        agent.kind
        for agent, route in given
        if route not in ("IT", "PO") and any(effect.on == "red cells" for effect in agent.effects)
    }
    tablets = any(agent.kind == "thiopurine" and route == "PO" for agent, route in given)
    inhibitor = any(agent.kind == "BCR::ABL1 kinase inhibitor" for agent, _ in given)
    if not harmful and (inhibitor or _repeats(phase)):
        return 2
    if _repeats(phase) and tablets and not harmful & {"topoisomerase II inhibitor", "anthracycline"}:
        return 2
    return int(any(agent.kind == "bispecific antibody" for agent, _ in given) and not harmful)


def _copies(forms: list[Form], orders: list[dict[str, Any]]) -> list[int]:
    """Append to ``forms`` copies of each infusion that can still run when the next of its kind starts; the copy to take
    after each form, -1 for none. Doses of a form start at equal parts of the day at most."""
    following = [-1] * len(forms)
    for f in range(len(forms)):
        parts = _parts({part for order in orders if order["form"] == f for part in _starts(order)})
        at = f
        for copy in range(1, ceil(forms[f].infusion_days * parts - 1e-9)):
            following[at] = at = len(forms)
            forms.append(replace(forms[f], copy=copy))
            following.append(-1)
    return following


def _steps(
    agents: dict[str, Agent], forms: list[Form], orders: list[dict[str, Any]], rules: list[dict[str, Any]]
) -> tuple[int, ...]:
    """Steps of each agent's kinetics in a day: so many that every dose stands at the start of one; twelve where
    elimination saturates or changes."""
    two_hourly: set[str] = set()
    rescues = [row for row in rules if row["kind"] == RESCUE]
    rescued = [orders[row["order"]] for row in rescues]
    quarters = {forms[o["form"]].agent for o in rescued}
    if any(row["from_step"] % 3 or row["every_step"] % 3 for row in rescues):
        two_hourly = quarters
    steps = []
    for name, agent in agents.items():
        number = STEPS_PER_DAY
        pk = agent.pharmacokinetics
        if name not in two_hourly and not (pk.saturable_elimination or pk.clearance_change):
            mine = [o for o in orders if forms[o["form"]].agent == name and o not in rescued]
            times = {part for o in mine for part in _starts(o)}
            number = _parts(times | ({4} if name in quarters else set()))
        steps.append(number)
    return tuple(steps)
