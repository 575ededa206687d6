"""The protocol files against the literature they were taken from (evidence outside the repository, when present)."""

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from remission.knowledge.library import library
from remission.knowledge.yaml_file import compose, construct
from remission.protocol.logic import names, words_of
from remission.protocol.model import Give, Limit, Phase, Start, Wait
from remission.protocol.reader import problems, read_protocol
from remission.protocol.vocabulary import EVER
from remission.protocol.wording import condition_in_words

EVIDENCE = Path(__file__).parents[1].parent / "shared" / "evidence" / "protocols.yaml"
FILES = ("cog-standard-risk", "cog-high-risk", "bfm-standard", "icicle-maintenance")

# (file, phase) -> (entry, phase, what to take from the days of the entry)
SAME = {
    ("cog-standard-risk", "induction"): ("cog.sr.aall0932_ar", "induction", 0),
    ("cog-standard-risk", "consolidation"): ("cog.sr.aall0932_ar", "consolidation", 0),
    ("cog-standard-risk", "interim maintenance 1"): ("cog.sr.aall0932_ar", "im1", 0),
    ("cog-standard-risk", "delayed intensification"): ("cog.sr.aall0932_ar", "di", 0),
    ("cog-standard-risk", "interim maintenance 2"): ("cog.sr.aall0932_ar", "im2", 0),
    ("cog-standard-risk", "maintenance"): ("cog.sr.aall0932_ar", "maintenance", 0),
    ("cog-high-risk", "induction"): ("cog.hr.mbfm", "induction", 0),
    ("cog-high-risk", "consolidation"): ("cog.hr.mbfm", "consolidation", 0),
    ("cog-high-risk", "interim maintenance 1"): ("cog.hr.mbfm", "im1_hdmtx", 0),
    ("cog-high-risk", "delayed intensification"): ("cog.hr.mbfm", "di", 0),
    ("cog-high-risk", "maintenance 1"): ("cog.hr.mbfm", "maintenance", 0),
    ("bfm-standard", "IA"): ("bfm.aieop2000", "IA", 0),
    ("bfm-standard", "IB"): ("bfm.aieop2000", "IB", 35),
    ("bfm-standard", "M"): ("bfm.aieop2000", "M", 0),
    ("bfm-standard", "II"): ("bfm.aieop2000", "II", 0),
    ("icicle-maintenance", "maintenance"): ("lmic.icicle14", "maintenance", 0),
}
with_evidence = pytest.mark.skipif(not EVIDENCE.exists(), reason="the evidence is not in this checkout")
pairs = pytest.mark.parametrize("here", list(SAME), ids=": ".join)


@cache
def entry(name: str) -> dict:
    text = EVIDENCE.read_text(encoding="utf-8")
    start = text.index(f"\n- id: {name}\n") + 1
    end = re.compile(r"^(- id: |\S+:)", re.MULTILINE).search(text, start + 5)
    return construct(compose(text[start : end.start() if end else len(text)], EVIDENCE), EVIDENCE)[0]


def published(here: tuple[str, str]) -> tuple[dict, int]:
    name, phase, shift = SAME[here]
    return next(p for p in entry(name)["phases"] if p["id"] == phase), shift


def written(here: tuple[str, str]) -> Phase:
    return read_protocol(here[0]).phase(here[1])


def days_of(course: dict) -> set[int] | None:
    out: set[int] = set()
    for item in course["days"]:
        first, dots, last = str(item).partition("..")
        if not first.isdigit():
            return None  # "weekly", "daily"
        out |= set(range(int(first), int(last if dots else first) + 1))
    return out


def total(give: Give) -> float:
    """Amount per m2 over the phase, every planned step of an escalating dose taken."""
    assert give.amount is not None
    per_day = give.amount * (give.doses_per_day if give.per == "dose" else 1)
    steps = give.escalation.step * sum(range(len(give.days))) if give.escalation else 0.0
    return per_day * len(give.days) + steps


@pytest.mark.parametrize("name", FILES)
def test_every_file_reads_without_a_complaint(name):
    assert [str(problem) for problem in problems(name)] == []


@with_evidence
@pairs
def test_totals_of_the_phase(here):
    source, _ = published(here)
    sums: dict[str, float] = defaultdict(float)
    for give in written(here).give:
        if give.route != "IT" and give.when is None and not _beside(give):
            sums[f"{give.agent} {give.unit}"] += total(give)
    compared = {k.split(" (")[0]: v for k, v in source["totals_unconditional"].items()}
    assert compared
    for key, amount in compared.items():
        assert sums[key] == pytest.approx(amount), key
    extra = set(sums) - set(compared)
    # state-dependent or word-dated courses have no total in the evidence
    assert extra <= {"methotrexate mg/m2"}


@with_evidence
@pairs
def test_days_of_every_agent(here):
    source, shift = published(here)
    expect: dict[tuple[str, bool], set[int]] = defaultdict(set)
    found: dict[tuple[str, bool], set[int]] = defaultdict(set)
    for course in source["courses"]:
        days = days_of(course)
        if days is not None:
            expect[course["agent"], course["route"] == "IT"] |= {day - shift for day in days}
    for give in written(here).give:
        found[give.agent, give.route == "IT"] |= set(give.days)
    for key, days in expect.items():
        assert found[key] == days, key
    assert found.keys() >= expect.keys()


# Erwinia as in asp.dose of the evidence: 25000 into muscle in place of pegaspargase, 20000 of the native enzyme
BESIDE = {
    ("asparaginase_erwinia", 25000.0, "IU/m2"),
    ("asparaginase_erwinia", 20000.0, "IU/m2"),
    ("allopurinol", 300.0, "mg/m2"),
}


def _beside(give: Give) -> bool:
    """Usual prevention, shared supportive care, or given after a side effect of what it replaces: the courses of the
    evidence leave it out."""
    return give.agent == "allopurinol" or bool(give.block) or any(name.endswith(EVER) for name in names(give.when))


@with_evidence
@pairs
def test_doses_caps_and_split(here):
    source, _ = published(here)

    def of_course(c: dict) -> tuple:
        per_day = c["dose"] * (c["times_per_day"] if c["per"] == "dose" else 1)
        return c["agent"], per_day, c["unit"], c["times_per_day"], c["cap"]

    def of_give(g: Give) -> tuple:
        assert g.amount is not None
        per_day = g.amount * (g.doses_per_day if g.per == "dose" else 1)
        return g.agent, per_day, g.unit, g.doses_per_day, f"{g.cap[0]:g} {g.cap[1]}" if g.cap else None

    known = [c for c in source["courses"] if c["dose"] is not None]
    asked = [g for g in written(here).give if g.amount is not None and not _beside(g)]
    assert {of_course(c) for c in known} == {of_give(g) for g in asked}
    assert {of_give(g)[:3] for g in written(here).give if _beside(g) and not g.block} <= BESIDE


@with_evidence
@pairs
def test_length_of_the_phase(here):
    source, _ = published(here)
    phase = written(here)
    # IB carries the two weeks of rest before protocol M, whose last day is the second MRD time point
    rest = 14 if here == ("bfm-standard", "IB") else 0
    assert phase.days == source["length_days"] + rest


COG_GATE = "ANC at least 0.75 and platelets at least 75"


@pytest.mark.parametrize(
    ("name", "phase", "gate"),
    [
        *(("cog-standard-risk", p, COG_GATE) for p in ("consolidation", "interim maintenance 1", "maintenance")),
        *(("cog-standard-risk", p, COG_GATE) for p in ("delayed intensification", "interim maintenance 2")),
        *(("cog-high-risk", p, COG_GATE) for p in ("consolidation", "interim maintenance 1", "maintenance 1")),
        ("bfm-standard", "IB", "WBC at least 2 and ANC at least 0.5 and platelets at least 50"),
        ("bfm-standard", "M", "WBC above 1.5 and ANC above 0.5 and platelets above 50"),
        ("bfm-standard", "II", "WBC at least 2.5 and ANC at least 1 and platelets at least 100"),
        ("cog-standard-risk", "induction", ""),
    ],
)
def test_gates(name, phase, gate):
    assert condition_in_words(read_protocol(name).phase(phase).start_when) == gate


@pytest.mark.parametrize(
    ("name", "phase", "days"),
    [
        ("cog-standard-risk", "delayed intensification", {29}),
        ("cog-high-risk", "consolidation", {29}),
        ("cog-high-risk", "delayed intensification", {29}),
        ("cog-high-risk", "interim maintenance 1", {15, 29, 43}),
        ("bfm-standard", "IB", {3, 10, 17, 24}),
        ("bfm-standard", "M", {8, 22, 36, 50}),
        ("bfm-standard", "II", {36}),
    ],
)
def test_days_that_wait_for_counts(name, phase, days):
    rules = read_protocol(name).phase(phase).rules
    assert {rule.action.day for rule in rules if isinstance(rule.action, Wait)} == days


def test_slow_answer_leads_to_the_high_risk_protocol():
    (decision,) = read_protocol("cog-standard-risk").phase("induction").decide
    assert (decision.day, decision.action, decision.target) == (29, "go to", "cog-high-risk: consolidation")
    assert condition_in_words(decision.when) == "marrow MRD at least 0.01% or marrow blasts at least 5%"


def test_prednisone_response_and_second_time_point():
    bfm = read_protocol("bfm-standard")
    day8 = bfm.phase("IA").decide[0]
    assert (day8.day, day8.action, condition_in_words(day8.when)) == (8, "go to", "blood blasts at least 1000/uL")
    (day78,) = bfm.phase("IB").decide
    assert (35 + day78.day, condition_in_words(day78.when)) == (78, "risk group is high")
    (high,) = [word for word in words_of(bfm) if (word.name, word.value) == ("risk group", "high")]
    assert "marrow MRD at time point 2 at least 0.1%" in condition_in_words(high.meaning)


def test_second_interim_maintenance_starts_at_two_thirds():
    (give,) = [g for g in read_protocol("cog-standard-risk").phase("interim maintenance 2").give if g.escalation]
    assert give.escalation is not None
    assert give.escalation.start_fraction == pytest.approx(2 / 3)
    assert (give.escalation.step, give.escalation.of_phase) == (50, "interim maintenance 1")


@pytest.mark.parametrize("name", FILES)
def test_thiopurine_start_is_the_same_dose_in_every_phase(name):
    """A carrier of one variant starts near 45 mg/m2/day wherever the full dose is higher; nobody starts above 100%."""
    for phase in read_protocol(name).phases:
        doses = {g.amount for g in phase.give if g.agent == "mercaptopurine"}
        starts = [r.action for r in phase.rules if isinstance(r.action, Start)]
        if not doses:
            assert not starts
            continue
        (dose,) = doses
        assert dose is not None and starts, phase.id
        assert all(0 < s.fraction < 1 for s in starts)
        one_variant = [s.fraction * dose for s in starts if "intermediate" in str(s.when) and "normal" in str(s.when)]
        assert one_variant == ([pytest.approx(45, rel=0.02)] if dose > 45 else [])
        smallest = min(s.fraction for s in starts) * dose
        assert smallest == pytest.approx(30 / 7, rel=0.06)  # 10 mg/m2 on three days of the week


def test_icicle_doses_of_the_thesis():
    """Half doses in ANC 0.5-0.75 or platelets 50-75; nothing below."""
    phase = read_protocol("icicle-maintenance").phase("maintenance")
    (limit,) = [r.action for r in phase.rules if isinstance(r.action, Limit)]
    assert limit.fraction == 0.5
    assert condition_in_words(limit.when) == "ANC at most 0.75 or platelets at most 75"
    assert phase.repeat_times == 8


@pytest.mark.parametrize("name", FILES)
def test_every_line_says_where_it_comes_from(name):
    known = set(library().sources()) | {"memory"}
    protocol = read_protocol(name)
    lines = [line for p in protocol.phases for line in (*p.give, *p.check, *p.decide, *p.rules)]
    for line in (*lines, *protocol.rules):
        said = line.provenance
        assert said.sources or said.assumed, line.text
        assert set(said.sources) <= known, line.text
    for key, said in (*protocol.said, *(pair for p in protocol.phases for pair in p.said)):
        assert set(said.sources) <= known, key
    assert set(protocol.sources) <= known


@pytest.mark.parametrize("name", library().protocols())
def test_what_goes_on_until_some_time_from_a_phase_is_not_reached_without_that_phase(name: str) -> None:
    """Else it would count from the first dose: maintenance after a relapse would last a single cycle."""
    protocol = read_protocol(name)
    number = {phase.id: i for i, phase in enumerate(protocol.phases)}

    def ways(i: int) -> set[int]:
        phase = protocol.phases[i]
        following = protocol.phases[i + 1].id if phase.next == "" and i + 1 < len(number) else phase.next
        return {number[to] for to in (following, *(decide.target for decide in phase.decide)) if to in number}

    for i, phase in enumerate(protocol.phases):
        for until in phase.repeat_until:
            if until.from_phase in ("", phase.id):
                continue
            passed = {number[until.from_phase]}
            todo = {0} - passed
            while todo:
                passed |= todo
                todo = set().union(*map(ways, todo)) - passed
            assert i not in passed, (phase.id, until.from_phase)
