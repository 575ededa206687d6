"""Which doses of a chart were held, lowered and raised, and which rule of a protocol asks for it, or that none does.

Every rule of the protocol's phase is judged at every visit on the counts of the chart, as the engine judges it on
played ones: holds until their end, doses while a count is low, changes after counts have lasted. What the rules ask is
set beside what was prescribed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from remission.protocol.model import Adjust, Condition, Hold, Limit, Phase, Rule, Streak
from remission.protocol.person import Person as Asked
from remission.protocol.person import truth

from .chart import AGENTS, Chart, Visit
from .maintenance import planned

BOUND = 0.08  # relative: how near to a bound of the doses there is nothing left to change, for a child who grows
SAME = 0.03  # relative change of a dose that tablets make, not people
Change = Literal["held", "lowered", "raised", "begun again", "as before"]
NO_RULE = "no rule does"


@dataclass(frozen=True)
class Reason:
    """A change at a visit, or one that a rule asks for and that was not made (``change`` "as before"). ``agents``:
    whose doses; ``mg``: before and after, of each (a day, a week); ``rule``: as the protocol has it, "" when no rule
    explains it; ``why``: in words."""

    visit: Visit
    change: Change
    agents: tuple[str, ...]
    mg: tuple[tuple[float, float], ...]
    rule: str
    why: str

    @property
    def explained(self) -> bool:
        return bool(self.rule) and self.change != "as before"


def reasons(chart: Chart, phase: Phase, asked: Asked | None = None) -> list[Reason]:
    """Every change of a dose in the chart, in the order of its visits, and every change that was asked for and not
    made. ``asked``: the person, for rules that ask for age or genes."""
    who = asked or Asked(5.0, "male", 20.0, 110.0)
    judge = _Judge(phase, chart.bsa_m2)
    out: list[Reason] = []
    before: Visit | None = None
    for visit in chart.visits:
        judge.see(visit, who)
        if before is not None:
            out += _of_visit(before, visit, judge)
        judge.prescribed(visit)
        before = visit
    return out


def _of_visit(before: Visit, visit: Visit, judge: _Judge) -> list[Reason]:
    found: dict[Change, list[tuple[str, tuple[float, float]]]] = {}
    for agent, old, new in zip(AGENTS, before.mg, visit.mg, strict=True):
        if math.isfinite(old) and math.isfinite(new):
            found.setdefault(_change(old, new), []).append((agent, (old, new)))
    out = []
    for change, whose in found.items():
        agents = tuple(agent for agent, _ in whose)
        rule, why = judge.of(change, agents, before)
        if change != "as before" or (rule and len(agents) == len(AGENTS)):
            out.append(Reason(visit, change, agents, tuple(mg for _, mg in whose), rule, why))
    return out


def _change(old: float, new: float) -> Change:
    if new == 0.0 and old > 0.0:
        return "held"
    if old == 0.0 and new > 0.0:
        return "begun again"
    if new < old * (1.0 - SAME):
        return "lowered"
    return "raised" if new > old * (1.0 + SAME) else "as before"


class _Judge:
    """The rules of a phase, as far as they have gone by the counts that were seen."""

    def __init__(self, phase: Phase, bsa_m2: float) -> None:
        self.rules = phase.rules
        self.base = [planned(phase, agent) * bsa_m2 for agent in AGENTS]  # mg; nan where it cannot be told
        self.shares = dict.fromkeys(AGENTS, math.nan)  # of the protocol's dose, as prescribed last
        self.lasting: dict[int, list[int]] = {}  # by rule: days of the visits on end at which its condition was true
        self.holding: set[int] = set()  # holds that are not over
        self.was_limited = False
        self.visit: Visit | None = None
        self.now: dict[int, bool] = {}
        self.over: set[int] = set()
        self.full: dict[str, float] = {}  # the dose before it was lowered or held, while it is

    def see(self, visit: Visit, who: Asked) -> None:
        self.was_limited = any(self.now.get(i) for i, rule in enumerate(self.rules) if isinstance(rule.action, Limit))
        self.visit = visit
        seen = {
            name: value
            for name in ("anc", "platelets", "haemoglobin", "wbc")
            if math.isfinite(value := float(getattr(visit, name)))
        }
        person = replace(who, seen=seen)
        self.now, self.over = {}, set()
        for i, rule in enumerate(self.rules):
            action = rule.action
            if isinstance(action, Hold):
                self.now[i] = _true(action.when, person)
                over = i in self.holding and not self.now[i]
                if over and self._lasted(i, _true(action.until, person), action.streak):
                    self.holding.discard(i)
                    self.over.add(i)
                elif self.now[i]:
                    self.holding.add(i)
                    self.lasting.pop(i, None)
            elif isinstance(action, Limit):
                self.now[i] = _true(action.when, person)
            elif isinstance(action, Adjust):
                self.now[i] = self._lasted(i, _true(action.when, person), action.streak) and self._leaves(action)

    def prescribed(self, visit: Visit) -> None:
        """What was not held is not held; a dose that is lowered waits to come back."""
        if not visit.held:
            self.holding.clear()
        for agent, mg, base in zip(AGENTS, visit.mg, self.base, strict=True):
            self.shares[agent] = mg / base if base > 0.0 else math.nan
            if mg >= self.full.get(agent, 0.0) * (1.0 - SAME):
                self.full[agent] = mg
        for i, rule in enumerate(self.rules):
            if isinstance(rule.action, Adjust) and (self.now.get(i) or visit.held):
                self.lasting.pop(i, None)  # once asked for, its time begins anew; what is held is not adjusted

    def _leaves(self, action: Adjust) -> bool:
        """Whether a change leaves something to change: not all of its agents are at its bound."""
        mine = [self.shares.get(target.agent, math.nan) for target in action.targets]
        if action.factor > 1.0:
            return not all(share >= (action.at_most or math.inf) * (1.0 - BOUND) for share in mine)
        return not all(share <= (action.at_least or 0.0) * (1.0 + BOUND) for share in mine)

    def _lasted(self, i: int, true_now: bool, streak: Streak) -> bool:
        assert self.visit is not None
        if not true_now:
            self.lasting.pop(i, None)
            return False
        days = self.lasting.setdefault(i, [])
        days.append(self.visit.day)
        return len(days) >= streak.visits and days[-1] - days[0] >= streak.days

    def _first(
        self, agents: tuple[str, ...], kind: type, up: bool | None = None, among: set[int] | None = None
    ) -> Rule | None:
        for i, rule in enumerate(self.rules):
            action = rule.action
            true = i in among if among is not None else self.now.get(i, False)
            if not isinstance(action, kind) or not true:
                continue
            if up is not None and (action.factor > 1.0) != up:  # type: ignore[union-attr]
                continue
            if any(target.agent in agents for target in action.targets):  # type: ignore[union-attr]
                return rule
        return None

    def of(self, change: Change, agents: tuple[str, ...], before: Visit) -> tuple[str, str]:
        """The rule that asks for a change, and words; no rule: what the rules ask for in its place."""
        assert self.visit is not None
        hold = self._first(agents, Hold)
        still = self._first(agents, Hold, among=self.holding)
        limit, lower = self._first(agents, Limit), self._first(agents, Adjust, up=False)
        higher = self._first(agents, Adjust, up=True)
        counts = _counts(self.visit)
        if change == "held":
            if hold or still:
                return _text(hold or still), counts
            if limit or lower:
                return "", f"at {counts} the rules lower the dose, they do not hold it"
            return "", f"at {counts}"
        if change == "lowered":
            if limit or lower:
                return _text(limit or lower), counts
            if hold:
                return "", f"at {counts} the rules hold the dose ({_text(hold)})"
            return "", f"at {counts}"
        if change == "begun again":
            over = self._first(agents, Hold, among=self.over)
            if over:
                return _text(over), f"{counts}: the hold is over"
            if hold or still:
                return "", f"at {counts} the rules still hold ({_text(hold or still)})"
            return "", f"{counts}: no rule held it, so none begins it again"
        if change == "raised":
            if higher:
                return _text(higher), counts
            if self.was_limited and not limit:
                rule = next(r for r in self.rules if isinstance(r.action, Limit))
                return _text(rule), f"{counts}: no longer low, so the dose before comes back"
            if hold or limit or lower:
                return "", f"at {counts} the rules ask for less ({_text(hold or limit or lower)})"
            full = all(before.mg[AGENTS.index(a)] < self.full.get(a, 0.0) * (1.0 - SAME) for a in agents)
            if full:
                return "", f"{counts}: on the way back to the dose before it was lowered, which the rules leave open"
            return "", f"{counts} has not lasted as long as the rules ask, or does not call for more"
        if before.held:
            if not (hold or still) and not self.holding:
                return "", ""
            return (_text(hold or still), f"still held at {counts}") if hold or still else ("", "")
        if hold:
            return _text(hold), f"asked for at {counts}, not done"
        if limit and not self.was_limited:
            return _text(limit), f"asked for at {counts}, not done"
        if higher:
            return _text(higher), f"asked for at {counts}, not done"
        return "", ""


def matches(chart: Chart, phases: Mapping[str, Phase]) -> pl.DataFrame:
    """How well each protocol's phase of maintenance (by its id) goes with a chart, the best first: changes of doses
    that its rules ask for, changes made, those asked for and not made, and the share of the first in the other two."""
    rows = []
    for name, phase in phases.items():
        found = reasons(chart, phase)
        made = [reason for reason in found if reason.change != "as before"]
        left = [reason for reason in found if reason.change == "as before" and not reason.visit.held]
        explained = sum(reason.explained for reason in made)
        of = len(made) + len(left)
        rows.append({
            "protocol": name, "phase": phase.id, "explained": explained, "changes": len(made), "not made": len(left),
            "share": explained / of if of else 0.0,
        })  # fmt: skip
    return pl.DataFrame(rows).sort("share", "protocol", descending=[True, False])


def _true(condition: Condition, person: Asked) -> bool:
    return truth(condition, person) is True


def _counts(visit: Visit) -> str:
    said = [
        f"{name} {value:g}"
        for name, value in (("ANC", visit.anc), ("platelets", visit.platelets))
        if math.isfinite(value)
    ]
    return " and ".join(said) or "no counts"


def _text(rule: Rule | None) -> str:
    return "" if rule is None else rule.text.partition(" [")[0]


def table(found: Sequence[Reason]) -> pl.DataFrame:
    """One row a change: line of the file, day, date, what was done to which doses (mg before and after), the rule."""
    rows = [
        {
            "line": reason.visit.line,
            "day": reason.visit.day,
            "date": reason.visit.date,
            "change": reason.change,
            "doses": ", ".join(
                f"{agent} {old:.3g} -> {new:.3g} mg a {'day' if agent == 'mercaptopurine' else 'week'}"
                for agent, (old, new) in zip(reason.agents, reason.mg, strict=True)
            ),
            "rule": reason.rule or NO_RULE,
            "why": reason.why,
        }
        for reason in found
    ]
    schema = {"line": pl.Int64, "day": pl.Int64, "date": pl.Date, "change": pl.String, "doses": pl.String,
              "rule": pl.String, "why": pl.String}  # fmt: skip
    return pl.DataFrame(rows, schema=schema)
