"""Nobody is sent to a protocol that is not for them; asparaginase and blinatumomab keep to their labels."""

from __future__ import annotations

from itertools import compress, product

import pytest

from remission.engine.eligible import OPERATORS
from remission.knowledge.library import library
from remission.protocol.model import Adjust, And, Compare, Condition, Hold, Not, Or, Phase, Protocol, Stop
from remission.protocol.reader import problems, read_protocol

NEW = ("transplant-adults-tbi", "transplant-adults-treosulfan", "transplant-children-mismatched")
RELAPSE = ("aall1331-blinatumomab", "aall1331-chemotherapy", "relapse-pathway")
ADULTS = ("tower", "tower-standard", "ino-vate", "ino-vate-standard")
WITH_BLINATUMOMAB = (
    "aall1331-blinatumomab", "aall1731-blinatumomab", "relapse-pathway", "tower", "d-alba", "phallcon-imatinib",
    "phallcon-ponatinib", "cog-ph-positive",
)  # fmt: skip
ALKYLATING = {"busulfan", "thiotepa", "treosulfan", "cyclophosphamide", "ifosfamide", "melphalan"}
AGES = (1, 3.9, 4, 10, 17.9, 18, 21.9, 22, 30, 44.9, 45, 59.9, 60, 64.9, 65, 80)
PEOPLE = [
    {"age": age, "donor": donor, "cns": cns, "lineage": "B", "ph": ph, "relapses": 1}
    for age, donor, cns, ph in product(
        AGES, ("none", "sibling", "unrelated", "haploidentical", "cord"), (1, 3), ("negative", "positive")
    )
]  # fmt: skip


def holds(condition: Condition | None, person: dict[str, object], measured: frozenset[Compare] = frozenset()) -> bool:
    """Is it true of the person, when of all that is measured later only ``measured`` is true?"""
    match condition:
        case None:
            return True
        case And(items):
            return all(holds(item, person, measured) for item in items)
        case Or(items):
            return any(holds(item, person, measured) for item in items)
        case Not(item):
            return not holds(item, person, measured)
        case Compare(name, op, value):
            return bool(OPERATORS[op](person[name], value)) if name in person else condition in measured
    raise AssertionError(condition)


def later(condition: Condition | None) -> set[Compare]:
    """What the condition asks of later measurements."""
    match condition:
        case And(items) | Or(items):
            return set().union(*map(later, items))
        case Not(item):
            return later(item)
        case Compare(name) if name not in PEOPLE[0]:
            return {condition}
    return set()


def sent_on(protocol: Protocol) -> set[tuple[str, tuple[tuple[str, object], ...]]]:
    """(target, person) of everyone whom a decision of this protocol, taken in order, may send somewhere."""
    found = set()
    people = [person for person in PEOPLE if holds(protocol.eligible, person)]
    for phase in (p for p in protocol.phases if ":" not in p.id):
        asked = sorted(set().union(*(later(d.when) for d in phase.decide)), key=str)
        for true in product((False, True), repeat=len(asked)):
            measured = frozenset(compress(asked, true))
            for person in people:
                first = next((d for d in phase.decide if holds(d.when, person, measured)), None)
                if first is not None:
                    found.add((first.target, tuple(person.items())))
    return found


@pytest.mark.parametrize("name", NEW)
def test_the_new_transplants_read_without_a_complaint(name: str) -> None:
    assert [str(problem) for problem in problems(name)] == []


@pytest.mark.parametrize("name", [*RELAPSE, *ADULTS])
def test_nobody_is_sent_to_a_protocol_that_is_not_for_them(name: str) -> None:
    away = [(target, dict(person)) for target, person in sent_on(read_protocol(name)) if ":" in target]
    others = {target: read_protocol(target.split(":")[0]) for target, _ in away}
    assert others
    for target, person in away:
        assert holds(others[target].eligible, person), (target, person)


@pytest.mark.parametrize("name", ADULTS)
def test_adults_reach_adult_transplants_with_both_kinds_of_donor(name: str) -> None:
    reached = {(target, dict(person)["donor"]) for target, person in sent_on(read_protocol(name)) if ":" in target}
    reached = {(target, donor) for target, donor in reached if not target.startswith("salvage-")}  # treated once more
    assert {target.split(":")[0] for target, _ in reached} == set(NEW[:2])
    assert {donor for _, donor in reached} == {"sibling", "unrelated", "haploidentical", "cord"}


def transplant(name: str) -> Phase:
    return read_protocol(name).phase("transplant")


@pytest.mark.parametrize("name", NEW[:2])
def test_adults_get_one_alkylating_drug_and_blood_stem_cells(name: str) -> None:
    """The label of inotuzumab: two alkylating drugs in the conditioning raise the risk of veno-occlusive disease."""
    phase = transplant(name)
    assert len(ALKYLATING & {g.agent for g in phase.give}) == 1
    assert {"sibling_blood", "unrelated_blood"} <= {g.agent for g in phase.give}
    (day,) = {g.days for g in phase.give if library().agent(g.agent).graft is not None}
    assert len(day) == 1 and phase.days == day[0] + 35
    assert all(max(g.days) < day[0] for g in phase.give if g.agent in {*ALKYLATING, "fludarabine"})


def test_totals_before_the_grafts_of_adults() -> None:
    given = {g.agent: g for name in NEW[:2] for g in transplant(name).give}
    totals = {a: (given[a].amount or 0) * len(given[a].days) for a in given}
    assert (totals["total_body_irradiation"], totals["cyclophosphamide"]) == (12, 120)  # Gy, mg/kg
    assert (totals["fludarabine"], totals["treosulfan"]) == (150, 30)  # mg/m2, g/m2
    assert totals["cranial_irradiation"] == 10 and holds(given["cranial_irradiation"].when, {"cns": 1}) is False


@pytest.mark.parametrize("name", RELAPSE)
def test_cns3_is_irradiated_on_the_way_to_total_body_irradiation_only(name: str) -> None:
    protocol = read_protocol(name)
    assert protocol.phase("irradiation of the brain").next == "forum-tbi: transplant"
    ways = [dict(person) for target, person in sent_on(protocol) if target == "irradiation of the brain"]
    assert ways and {person["cns"] for person in ways} == {3}
    assert min(person["age"] for person in ways) == 4 and max(person["age"] for person in ways) < 22


@pytest.mark.parametrize("name", RELAPSE)
def test_asparaginase_is_switched_stopped_and_held(name: str) -> None:
    protocol = read_protocol(name)
    ever = {("asparaginase_allergy ever", 2), ("pancreatitis ever", 3), ("thrombosis ever", 3)}
    for phase in protocol.phases:
        peg = [g for g in phase.give if g.agent == "pegaspargase"]
        if not peg:
            continue
        stops = [r.action for r in (*phase.rules, *protocol.rules) if isinstance(r.action, Stop)]
        found = {
            (s.when.name, s.when.value)
            for s in stops
            if isinstance(s.when, Compare) and any(t.agent == "pegaspargase" for t in s.targets)
        }
        assert ever <= found, phase.id
        assert any(
            isinstance(r.action, Hold) and isinstance(r.action.when, Compare) and r.action.when.name == "thrombosis"
            for r in (*phase.rules, *protocol.rules)
        )
        instead = [g for g in phase.give if g.agent == "asparaginase_erwinia" and g.when is not None]
        assert instead and len(instead[0].days) >= 3 * len(peg[0].days)
        assert set(peg[0].days) <= set(instead[0].days)


@pytest.mark.parametrize("name", WITH_BLINATUMOMAB)
def test_blinatumomab_is_given_by_its_label(name: str) -> None:
    """Premedication with the first cycle, of adults with each; dexamethasone for cytokine release of grade 3, halved
    after three days; after a hold the low dose for seven days."""
    protocol = read_protocol(name)
    cycles = [p for p in protocol.phases if ":" not in p.id and any(g.agent == "blinatumomab" for g in p.give)]
    for phase in cycles:
        adults = any(g.agent == "blinatumomab" and g.unit == "ug" for g in phase.give)
        steroids = [g for g in phase.give if g.agent == "dexamethasone"]
        assert any(g.when is None and 1 in g.days for g in steroids) or not (adults or phase is cycles[0]), phase.id
        (treats,) = [g for g in steroids if g.when is not None and "crs" in g.text]
        assert isinstance(treats.when, Compare) and (treats.when.op, treats.when.value) == (">=", 3)
        adjust = {rule.action.factor: rule.action for rule in phase.rules if isinstance(rule.action, Adjust)}
        assert adjust[0.5].streak.days == 3 and adjust[0.5].targets[0].agent == "dexamethasone"
        (back,) = [a for factor, a in adjust.items() if factor > 1]
        assert back.streak.days == 7 and back.targets[0].agent == "blinatumomab"
        (hold,) = [r.action for r in phase.rules if isinstance(r.action, Hold)]
        assert [share * back.factor for share in hold.resume] == pytest.approx([1.0], abs=0.01)
