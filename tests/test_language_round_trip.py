"""Reading and writing undo each other; explaining and the editor's schema cover what can be read."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remission.knowledge.library import library
from remission.protocol import logic
from remission.protocol.editor_schema import protocol_schema
from remission.protocol.explain import explain
from remission.protocol.link import without_linked
from remission.protocol.model import (
    Adjust,
    And,
    Beside,
    Check,
    Compare,
    Condition,
    Decide,
    Escalation,
    Give,
    Hold,
    Limit,
    MakeUp,
    Miss,
    Not,
    Omit,
    Or,
    Phase,
    Protocol,
    Provenance,
    Repeat,
    Rescue,
    Rule,
    Start,
    Stop,
    Streak,
    Target,
    Transfuse,
    Until,
    Wait,
    Weekdays,
)
from remission.protocol.reader import read_protocol, read_text
from remission.protocol.vocabulary import (
    CAP_UNITS,
    CONCENTRATIONS,
    COUNTS,
    DRUG_ROUTES,
    FRACTIONS,
    ROUTES,
    SHARES,
    TIME_POINTS,
    UNITS,
    VALUES,
)
from remission.protocol.write import condition as written
from remission.protocol.write import unparse, write
from remission.protocol.yaml_text import Text

SHIPPED = library().protocols()

# --- random protocols ---------------------------------------------------------------------------

agents = st.sampled_from(["vincristine", "methotrexate", "mercaptopurine", "x-1", "asparaginase_ecoli"])
ids = st.sampled_from(["induction", "interim maintenance 1", "IA", "M 2", "high-risk block", "it's one"])
amounts = st.floats(1e-4, 1e5, allow_nan=False).map(lambda x: float(f"{x:.5g}"))
fractions = st.integers(1, 3000).map(lambda n: n / 1000)
prose = st.from_regex(r"\A[a-zA-Z(][a-zA-Z0-9 ,.()'#:/%-]{0,30}[a-z)]\Z").map(lambda s: " ".join(s.split()))
provenances = st.builds(
    Provenance,
    st.lists(st.sampled_from(["matloub2011", "memory", "a-b.c"]), unique=True, max_size=3).map(tuple),
    st.none() | prose,
    st.none() | prose,
    st.booleans(),
)
targets = st.builds(Target, agents, st.none() | st.sampled_from(ROUTES))
many_targets = st.lists(targets, min_size=1, max_size=3).map(tuple)
orders = st.sampled_from(["<", "<=", ">", ">=", "=", "!="])
compares = (
    st.builds(Compare, st.sampled_from([*COUNTS, "age", "diagnosis wbc"]), orders, amounts)
    | st.builds(
        Compare, st.sampled_from([*FRACTIONS, *SHARES]), orders, st.integers(0, 10_000).map(lambda n: n / 10_000)
    )
    | st.builds(Compare, st.just("cns"), orders, st.sampled_from([1.0, 2.0, 3.0]))
    | st.sampled_from([(n, w) for n, words in VALUES.items() for w in words]).flatmap(
        lambda pair: st.builds(Compare, st.just(pair[0]), st.sampled_from(["=", "!="]), st.just(pair[1]))
    )
    | st.builds(Compare, agents.map("level:{}".format), orders, amounts, st.sampled_from(CONCENTRATIONS))
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    compares,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=5,
)
DAYS = 42
day = st.integers(1, DAYS)
day_lists = st.sets(day, min_size=1, max_size=12).map(lambda days: tuple(sorted(days)))
weekly = st.builds(Weekdays, st.sets(st.integers(0, 6), min_size=1).map(lambda s: tuple(sorted(s))), st.integers(1, 20),
                   st.integers(27, DAYS))  # fmt: skip
each_week = st.sets(st.integers(1, 7), min_size=1).map(
    lambda of: tuple(day for day in range(1, DAYS + 1) if (day - 1) % 7 + 1 in of)
)
recurring = st.builds(lambda first, step: tuple(range(first, DAYS + 1, step)), st.integers(1, 7), st.integers(1, 9))


@st.composite
def gives(draw: st.DrawFn) -> Give:
    by_age = draw(st.booleans())
    unit = "mg" if by_age else draw(st.sampled_from(UNITS))
    some = st.lists(st.sampled_from(DRUG_ROUTES), min_size=1, max_size=2, unique=True).map(tuple)
    routes = draw(some | st.sampled_from([("RT",), ("collection",)]))
    rising = st.builds(Escalation, amounts) | st.builds(Escalation, amounts, fractions | st.just(2 / 3), ids)
    beside = st.builds(Beside, agents, st.sampled_from(ROUTES)) | st.builds(
        Beside, agents, st.sampled_from(ROUTES), amounts, st.sampled_from(UNITS), st.sampled_from(["dose", "day"])
    )
    along = tuple(draw(st.just([]) | st.lists(beside, min_size=1, max_size=3)))
    after = draw(st.integers(0, 3)) if along else 0
    weekdays = draw(st.none() | weekly) if not along else None
    both = None if by_age else draw(st.none() | st.tuples(amounts, amounts))
    given = Give(
        agent=draw(agents),
        route=routes[0],
        routes=routes,
        amount=None if by_age else draw(amounts),
        unit=unit,
        per="dose" if by_age else draw(st.sampled_from(["dose", "day"])),
        doses_per_day=1 if by_age else draw(st.sampled_from([1, 2, 3, 4, 6, 8, 12])),
        days=() if along else draw(day_lists | recurring | each_week) if weekdays is None else weekdays.days(),
        weekdays=weekdays,
        along=along,
        days_after=after,
        only_after=after > 0 and draw(st.booleans()),
        table=draw(st.none() | st.sampled_from(["cog", "it.bfm"])) if by_age else None,
        cap=draw(st.none() | st.tuples(amounts, st.sampled_from(CAP_UNITS))),
        infusion_h=draw(st.none() | st.floats(0.01, 2400).map(lambda x: float(f"{x:.4g}"))),
        when=draw(st.none() | conditions),
        not_with=tuple(draw(st.lists(st.tuples(agents, st.sampled_from(ROUTES)), max_size=2))),
        escalation=None if along else draw(st.none() | rising),
        taper=() if along else tuple(draw(st.lists(st.tuples(fractions, st.integers(1, 9)), max_size=3))),
        provenance=draw(provenances),
    )
    if both is None:
        return given
    return dataclasses.replace(given, morning_evening=both, amount=sum(both), per="day", doses_per_day=2, cap=None)


rescues = st.builds(
    lambda agent, amount, unit, route, *rest: Rescue(Give(agent, route, (route,), amount, unit, "dose", 1, ()), *rest),
    agents,
    amounts,
    st.sampled_from(UNITS),
    st.sampled_from(ROUTES),
    st.integers(1, 168).map(float),
    st.floats(0.5, 2400).map(lambda x: float(f"{x:.4g}")),
    targets,
    conditions,
    st.integers(1, 9),
)
changes = st.integers(-99, 200).filter(bool).map(lambda n: (100 + n) / 100)
streaks = st.builds(Streak, st.integers(0, 60), st.integers(1, 5))
actions = (
    st.builds(
        Hold, many_targets, conditions, conditions, st.lists(fractions, min_size=1, max_size=6).map(tuple), streaks
    )
    | st.builds(MakeUp, many_targets, st.none() | st.integers(1, 60))
    | st.builds(
        lambda targets, factor, when, streak, most, least, turn: Adjust(
            targets, factor, when, streak, most, least, turn and factor > 1
        ),
        many_targets,
        changes,
        conditions,
        streaks,
        st.none() | fractions,
        st.none() | fractions,
        st.booleans(),
    )
    | st.builds(Limit, many_targets, fractions, conditions)
    | st.builds(Start, many_targets, fractions, conditions)
    | st.builds(Omit, many_targets, conditions)
    | st.builds(Miss, many_targets, st.integers(1, 1000).map(lambda n: n / 1000), st.none() | conditions)
    | st.builds(Repeat, many_targets, conditions)
    | st.builds(Stop, many_targets, conditions, streaks)
    | st.builds(Wait, day, conditions)
    | rescues
    | st.builds(Transfuse, st.sampled_from(["red cells", "platelets"]), amounts, conditions)
)
rules = st.builds(Rule, actions, provenances)
checks = st.builds(
    Check, day_lists | recurring, st.sampled_from(["counts", *FRACTIONS, "blood blasts"]), st.none(), provenances
) | st.builds(Check, day_lists, st.just("level"), agents, provenances)
checks |= st.builds(
    lambda day, point: Check((day,), "marrow MRD", time_point=point), st.integers(1, 28), st.integers(1, TIME_POINTS)
)
decisions = st.builds(Decide, day, conditions, st.just("go to"), ids, provenances) | st.builds(
    Decide, day, conditions, st.just("leave"), st.sampled_from(["high-risk therapy", "transplant (allogeneic), or not"])
)


@st.composite
def protocols(draw: st.DrawFn) -> Protocol:
    names = draw(st.lists(ids, min_size=1, max_size=3, unique=True))
    phases = []
    for name in names:
        cycles: tuple[Until, ...] = ()
        times = draw(st.none() | st.integers(1, 9))
        if times is None:
            until = st.builds(Until, st.integers(1, 2000), st.just("") | ids, st.none() | conditions)
            cycles = tuple(draw(st.lists(until, max_size=2)))
        gate = draw(st.none() | conditions)
        said = [("rest", draw(provenances)), ("start when", draw(provenances)), ("recheck", draw(provenances))]
        kept = [(k, p) for k, p in said if p != Provenance() and (k != "start when" or gate is not None)]
        phases.append(
            Phase(
                id=name,
                name=draw(prose),
                days=DAYS,
                first_day=draw(st.sampled_from([1, 1, -7])),
                start_when=gate,
                recheck_days=draw(st.integers(1, 9)),
                rest_days=draw(st.integers(0, 30)),
                give=tuple(draw(st.lists(gives(), max_size=2))),
                check=tuple(draw(st.lists(checks, max_size=2))),
                decide=tuple(draw(st.lists(decisions, max_size=2))),
                rules=tuple(draw(st.lists(rules, max_size=2))),
                repeat_until=cycles,
                repeat_times=times,
                next=draw(st.sampled_from(["", None, *names])),
                open=tuple(draw(st.lists(prose, max_size=2))),
                provenance=Provenance(tuple(draw(st.lists(st.sampled_from(["a1", "b2"]), unique=True, max_size=2)))),
                said=tuple(sorted(kept)),
            )
        )
    eligible = draw(st.none() | conditions)
    said_for = draw(provenances)
    relapse = draw(st.none() | st.sampled_from([phase.id for phase in phases]))
    return Protocol(
        id="random",
        name=draw(prose),
        plain=draw(st.just("") | prose),
        sources=("a1", "b2"),
        eligible=eligible,
        phases=tuple(phases),
        rules=tuple(draw(st.lists(rules, max_size=2))),
        open=tuple(draw(st.lists(prose, max_size=2))),
        on_relapse=relapse,
        said=(("for", said_for),) if eligible is not None and said_for != Provenance() else (),
    )


@settings(max_examples=40, deadline=None)
@given(protocols())
def test_what_is_written_from_the_model_reads_as_the_same_protocol(protocol: Protocol) -> None:
    text = unparse(protocol)
    again, wrong = read_text(Text(Path("random.yaml"), text))
    assert wrong == []
    again = dataclasses.replace(
        again, phases=tuple(dataclasses.replace(p, said=tuple(sorted(p.said))) for p in again.phases)
    )
    assert again == protocol, text
    assert unparse(again) == text
    explain(protocol)  # has words for everything


@pytest.mark.parametrize("name", SHIPPED)
def test_an_untouched_file_is_written_as_it_was(name: str) -> None:
    protocol = read_protocol(name)
    assert write(protocol) == Path(protocol.file).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_protocol_written_from_the_model_reads_the_same(name: str) -> None:
    protocol = read_protocol(name)
    again, wrong = read_text(Text(Path("again.yaml"), unparse(protocol)))
    assert (again, wrong) == (without_linked(protocol), [])


def test_a_changed_sentence_leaves_the_rest_of_the_file_alone() -> None:
    protocol = read_protocol("icicle-maintenance")
    phase = protocol.phases[0]
    changed = dataclasses.replace(phase.give[0], amount=50.0)
    changed_phase = dataclasses.replace(phase, give=(changed, *phase.give[1:]))
    lines = Path(protocol.file).read_text(encoding="utf-8").splitlines()
    new = write(dataclasses.replace(protocol, phases=(changed_phase, *protocol.phases[1:]))).splitlines()
    differing = [(old, now) for old, now in zip(lines, new, strict=True) if old != now]
    assert [now for _, now in differing] == [differing[0][0].replace("60 mg/m2/day", "50 mg/m2/day")]


def test_explain_reads_aloud() -> None:
    text = explain(read_protocol("cog-standard-risk"))
    assert "Vincristine, 1.5 mg per square metre, at most 2 mg, into a vein, on days 1, 8, 15 and 22." in text
    assert "It starts when neutrophils are at least 0.75 and platelets are at least 75" in text
    assert "the first is two thirds of the highest dose" in text
    assert "Not settled" in text
    for sign in ("mg/m2", ">=", "None", "Compare("):
        assert sign not in re.sub(r"(?m)^ *- .*$", "", text)  # notes are the authors' own words


# --- the schema for editors ---------------------------------------------------------------------


def sentences(text: Text) -> list[tuple[str, str]]:
    kinds = {"give": "give", "check": "check", "decide": "decide", "rules": "rules"}
    out: list[tuple[str, str]] = []
    keys = {key.value: value for key, value in text.root.value}
    for item in keys["phases"].value:
        for key, value in item.value[0][1].value:
            if key.value in kinds:
                out += [(kinds[key.value], text.sentence(node).text) for node in value.value]
    return out


@pytest.mark.parametrize("name", SHIPPED)
def test_the_schema_accepts_every_shipped_sentence(name: str) -> None:
    schema: Any = json.loads(json.dumps(protocol_schema()))
    phase = schema["$defs"]["phase"]["properties"]
    for kind, sentence in sentences(Text(library().protocol_path(name))):
        pattern = phase[kind]["items"]["anyOf"][0]["pattern"]
        assert re.search(pattern, sentence), sentence
    assert not re.search(phase["rules"]["items"]["anyOf"][0]["pattern"], "hald mercaptopurine when anc < 1")


# --- logic --------------------------------------------------------------------------------------

GRID = [0.0, 0.25, 0.5, 0.75, 1.0]
simple = st.recursive(
    st.builds(Compare, st.sampled_from(["anc", "marrow MRD"]), orders, st.sampled_from(GRID[1:4]))
    | st.builds(Compare, st.just("sex"), st.sampled_from(["=", "!="]), st.sampled_from(["female", "male"])),
    lambda inner: (
        st.builds(Not, inner) | st.builds(And, st.tuples(inner, inner)) | st.builds(Or, st.tuples(inner, inner, inner))
    ),
    max_leaves=6,
)


def holds(item: Condition, values: dict[str, Any]) -> bool:
    if isinstance(item, And):
        return all(holds(part, values) for part in item.items)
    if isinstance(item, Or):
        return any(holds(part, values) for part in item.items)
    if isinstance(item, Not):
        return not holds(item.item, values)
    x, y = values[item.name], item.value
    return {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y, "=": x == y, "!=": x != y}[item.op]


@settings(max_examples=150, deadline=None)
@given(simple)
def test_a_condition_is_possible_exactly_when_some_patient_meets_it(item: Condition) -> None:
    # between and on the thresholds: enough to meet every box there is
    points = [x / 8 for x in range(0, 9)]
    met = any(
        holds(item, {"anc": anc, "marrow MRD": mrd, "sex": sex})
        for anc in points
        for mrd in points
        for sex in ("female", "male")
    )
    assert logic.possible(item) == met, written(item)
