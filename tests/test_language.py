"""The protocol language: every form of sentence, and what a protocol file becomes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.protocol.complaint import Doubt
from remission.protocol.model import (
    Adjust,
    And,
    Check,
    Compare,
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
    Place,
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
)
from remission.protocol.reader import read_protocol, read_sentence
from remission.protocol.usual import unusual
from remission.protocol.write import sentence

MP, MTX = Target("mercaptopurine"), Target("methotrexate")
LOW = Or((Compare("anc", "<", 0.5), Compare("platelets", "<", 50.0)))
GOOD = And((Compare("anc", ">=", 0.75), Compare("platelets", ">=", 75.0)))


def given(agent: str, route: str, amount: float | None, unit: str, days: tuple[int, ...], **more: object) -> Give:
    defaults: dict[str, object] = {"per": "dose", "doses_per_day": 1, "routes": (route,)}
    return Give(agent=agent, route=route, amount=amount, unit=unit, days=days, **(defaults | more))  # type: ignore[arg-type]


GIVE = [
    (
        "vincristine 1.5 mg/m2 IV (max 2 mg) on days 1, 8, 15, 22 [matloub2011, onco_app]",
        given(
            "vincristine",
            "IV",
            1.5,
            "mg/m2",
            (1, 8, 15, 22),
            cap=(2.0, "mg"),
            provenance=Provenance(("matloub2011", "onco_app")),
        ),
    ),
    (
        "dexamethasone 6 mg/m2/day PO in 2 doses on days 1-28",
        given("dexamethasone", "PO", 6.0, "mg/m2", tuple(range(1, 29)), per="day", doses_per_day=2),
    ),
    (
        "methotrexate IT by age (table cog) on days 8, 29 if cns is 3 or cns is 2",
        given(
            "methotrexate",
            "IT",
            None,
            "mg",
            (8, 29),
            table="cog",
            when=Or((Compare("cns", "=", 3.0), Compare("cns", "=", 2.0))),
        ),
    ),
    (
        "methotrexate 5 g/m2 IV over 24 hours on days 8, 22, 36, 50",
        given("methotrexate", "IV", 5.0, "g/m2", (8, 22, 36, 50), infusion_h=24.0),
    ),
    (
        "methotrexate 100 mg/m2 IV over 30 minutes on days 1, 11 rising by 50 mg/m2 each dose",
        given("methotrexate", "IV", 100.0, "mg/m2", (1, 11), infusion_h=0.5, escalation=Escalation(50.0)),
    ),
    (
        "methotrexate 100 mg/m2 IV on days 1, 11 rising by 50 mg/m2 each dose "
        "from two thirds of the highest dose of interim maintenance 1",
        given(
            "methotrexate",
            "IV",
            100.0,
            "mg/m2",
            (1, 11),
            escalation=Escalation(50.0, 2 / 3, "interim maintenance 1"),
        ),
    ),
    (
        "methotrexate 100 mg/m2 IV on day 1 rising by 50 mg/m2 each dose "
        "from 75% of the highest dose of IM 1, if age > 2",
        given(
            "methotrexate",
            "IV",
            100.0,
            "mg/m2",
            (1,),
            escalation=Escalation(50.0, 0.75, "IM 1"),
            when=Compare("age", ">", 2.0),
        ),
    ),
    (
        "methotrexate 20 mg/m2 PO weekly from day 8, not on the days of methotrexate IT",
        given("methotrexate", "PO", 20.0, "mg/m2", (8, 15, 22, 29, 36, 43, 50), not_with=(("methotrexate", "IT"),)),
    ),
    ("mercaptopurine 50 mg/m2 PO daily", given("mercaptopurine", "PO", 50.0, "mg/m2", tuple(range(1, 57)))),
    ("x 1 mg/kg SC every 14 days from day 2 to day 31", given("x", "SC", 1.0, "mg/kg", (2, 16, 30))),
    ("x 20 mg PO daily from day 54", given("x", "PO", 20.0, "mg", (54, 55, 56))),
    (
        "dexamethasone 10 mg/m2/day PO in 3 doses on days 1-3, then taper 50% for 3 days, 12.5% for 1 day",
        given(
            "dexamethasone",
            "PO",
            10.0,
            "mg/m2",
            (1, 2, 3),
            per="day",
            doses_per_day=3,
            taper=((0.5, 3), (0.125, 1)),
        ),
    ),
    (
        "cytarabine 2 g/m2 IV/SC every 12 hours over 3 hours on days 29-30 and 36",
        given(
            "cytarabine",
            "IV",
            2.0,
            "g/m2",
            (29, 30, 36),
            routes=("IV", "SC"),
            doses_per_day=2,
            infusion_h=3.0,
        ),
    ),
    (
        "PEGASPARGASE 2500 iu/m² im ON Day 4",
        given("pegaspargase", "IM", 2500.0, "IU/m2", (4,)),
    ),
]

RULES = [
    (
        "hold mercaptopurine when anc < 0.5 or platelets < 50 until anc >= 0.75 and platelets >= 75 for 3 days",
        Hold((MP,), LOW, GOOD, streak=Streak(3, 1)),
    ),
    ("make up held days of mercaptopurine", MakeUp((MP,))),
    ("make up held days of mercaptopurine up to 7 days, else begin again", MakeUp((MP,), 7)),
    (
        "stop mercaptopurine for good when anc < 0.5 or platelets < 50 for 2 weeks",
        Stop((MP,), LOW, Streak(14, 1)),
    ),
    (
        "hold mercaptopurine, methotrexate when anc < 0.5 or platelets < 50 until anc >= 0.75 and platelets >= 75",
        Hold((MP, MTX), LOW, GOOD),
    ),
    (
        "hold mercaptopurine when anc < 0.5 or platelets < 50 until anc ≥ 0.75 and platelets ≥ 75, "
        "resume at 100%, after the second hold at 50%",
        Hold((MP,), LOW, GOOD, (1.0, 0.5)),
    ),
    (
        "raise mercaptopurine by 25% when anc >= 1.5 for 6 weeks at 3 visits, at most 150%",
        Adjust((MP,), 1.25, Compare("anc", ">=", 1.5), Streak(42, 3), 1.5),
    ),
    (
        "raise mercaptopurine, methotrexate in turn by 25% when anc >= 1.5 at 2 visits",
        Adjust((MP, MTX), 1.25, Compare("anc", ">=", 1.5), Streak(0, 2), in_turn=True),
    ),
    (
        "reduce mercaptopurine by 20% when hb < 8 for 10 days, at least 10%",
        Adjust((MP,), 0.8, Compare("haemoglobin", "<", 8.0), Streak(10), at_least=0.1),
    ),
    ("halve methotrexate PO when wbc < 1", Adjust((Target("methotrexate", "PO"),), 0.5, Compare("wbc", "<", 1.0))),
    (
        "give mercaptopurine, methotrexate at 50% while anc < 0.5 or platelets < 50",
        Limit((MP, MTX), 0.5, LOW),
    ),
    (
        "start mercaptopurine at 60% when tpmt is intermediate or nudt15 is not normal",
        Start((MP,), 0.6, Or((Compare("tpmt", "=", "intermediate"), Compare("nudt15", "!=", "normal")))),
    ),
    (
        "omit vincristine, methotrexate IV when anc < 0.5 or platelets < 50",
        Omit((Target("vincristine"), Target("methotrexate", "IV")), LOW),
    ),
    ("miss 10% of mercaptopurine", Miss((MP,), 0.1)),
    (
        "miss 2.5% of mercaptopurine, methotrexate PO when age >= 12",
        Miss((MP, Target("methotrexate", "PO")), 0.025, Compare("age", ">=", 12.0)),
    ),
    (
        "repeat the dose of methotrexate IV when not (anc >= 0.75 and platelets >= 75)",
        Repeat((Target("methotrexate", "IV"),), Not(GOOD)),
    ),
    ("day 29 waits until anc >= 0.75 and platelets >= 75", Wait(29, GOOD)),
    (
        "give leucovorin 15 mg/m2 IV every 6 hours from hour 42 after methotrexate IV "
        "until methotrexate < 0.25 uM, at least 4 doses",
        Rescue(
            given("leucovorin", "IV", 15.0, "mg/m2", ()),
            6.0,
            42.0,
            Target("methotrexate", "IV"),
            Compare("level:methotrexate", "<", 0.25, "uM"),
            4,
        ),
    ),
    ("stop pegaspargase for good when anc < 0.5 or platelets < 50", Stop((Target("pegaspargase"),), LOW)),
    ("transfuse red cells 15 mL/kg when hb < 8", Transfuse("red cells", 15.0, Compare("haemoglobin", "<", 8.0))),
    ("transfuse platelets 10 ml/kg when platelets < 10", Transfuse("platelets", 10.0, Compare("platelets", "<", 10.0))),
]

CHECKS = [
    ("day 29: marrow MRD", Check((29,), "marrow MRD")),
    ("days 8, 15: counts", Check((8, 15), "counts")),
    ("weekly: counts", Check((1, 8, 15, 22, 29, 36), "counts")),
    ("weekly from day 8 to day 30: counts", Check((8, 15, 22, 29), "counts")),
    ("every 14 days: counts [memory]", Check((1, 15, 29), "counts", provenance=Provenance(("memory",)))),
    ("day 8: blood blasts", Check((8,), "blood blasts")),
    ("day 10: methotrexate level", Check((10,), "level", "methotrexate")),
]

DECISIONS = [
    (
        "day 29: if marrow MRD >= 0.01% go to very-high-risk consolidation",
        Decide(29, Compare("marrow MRD", ">=", 0.0001), "go to", "very-high-risk consolidation"),
    ),
    (
        'day 8: if blood blasts >= 1000 leave for "high-risk therapy" [assumed: as in BFM 95]',
        Decide(
            8,
            Compare("blood blasts", ">=", 1000.0),
            "leave",
            "high-risk therapy",
            Provenance(assumed="as in BFM 95"),
        ),
    ),
    (
        "day 29: if marrow blasts >= 5% and lineage is T, go to cog-high-risk: consolidation",
        Decide(
            29,
            And((Compare("marrow blasts", ">=", 0.05), Compare("lineage", "=", "T"))),
            "go to",
            "cog-high-risk: consolidation",
        ),
    ),
]


@pytest.mark.parametrize(("text", "meant"), GIVE, ids=[text for text, _ in GIVE])
def test_what_is_given(text: str, meant: Give) -> None:
    assert read_sentence("give", text, days=56) == meant


@pytest.mark.parametrize(("text", "meant"), RULES, ids=[text for text, _ in RULES])
def test_rules(text: str, meant: object) -> None:
    assert read_sentence("rule", text, days=42) == Rule(meant)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "meant"), CHECKS, ids=[text for text, _ in CHECKS])
def test_checks(text: str, meant: Check) -> None:
    assert read_sentence("check", text, days=42) == meant


@pytest.mark.parametrize(("text", "meant"), DECISIONS, ids=[text for text, _ in DECISIONS])
def test_decisions(text: str, meant: Decide) -> None:
    assert read_sentence("decide", text, days=42) == meant


def test_and_binds_closer_than_or_and_brackets_closer_than_both() -> None:
    a, b, c = Compare("anc", "<", 1.0), Compare("wbc", "<", 2.0), Compare("age", ">=", 10.0)
    assert read_sentence("condition", "anc < 1 or wbc < 2 and age >= 10") == Or((a, And((b, c))))
    assert read_sentence("condition", "(anc < 1 or wbc < 2) and age >= 10") == And((Or((a, b)), c))
    assert read_sentence("condition", "not anc < 1 and wbc < 2") == And((Not(a), b))


def test_percentages_are_exact_fractions() -> None:
    for text, value in (("0.01%", 1e-4), ("0.1%", 1e-3), ("5%", 0.05), ("0.05", 0.05)):
        assert read_sentence("condition", f"marrow MRD >= {text}").value == value


def test_cycles() -> None:
    girls, boys = Compare("sex", "=", "female"), Compare("sex", "=", "male")
    text = "every 84 days until 2 years from start of interim maintenance 1 if sex is female, "
    text += "3 years from start of IM if sex is male"
    assert read_sentence("repeat", text).until == (
        Until(730, "interim maintenance 1", girls),
        Until(1095, "IM", boys),
    )
    assert read_sentence("repeat", "until 24 months from start of treatment").until == (Until(730, ""),)
    assert read_sentence("repeat", "8 times [icicle]").times == 8


def test_the_closing_bracket() -> None:
    said = read_sentence(
        "check", "day 1: counts [a1, b-2; memory; assumed: drawn before the dose, in the morning; open: which (lab)]"
    ).provenance
    assert said == Provenance(("a1", "b-2", "memory"), "drawn before the dose, in the morning", "which (lab)")


def test_a_sentence_keeps_its_place_and_its_words() -> None:
    give = read_sentence("give", "vincristine 2 mg IV on day 1", Place("p.yaml", 7, 11))
    assert give.place == Place("p.yaml", 7, 11)
    assert give.text == "vincristine 2 mg IV on day 1"


# --- files --------------------------------------------------------------------------------------

SMALL = """\
protocol: small
name: A small protocol
plain: >-
  Two phases, one of them
  in cycles.
for: age >= 1 and lineage is B [memory]
phases:
  - induction:
      days: 28
      give:
        - vincristine 1.5 mg/m2 IV (max 2 mg) on days 1, 8   # a comment
        - prednisone 60 mg/m2/day PO in 3 doses
          on days 1-28
      check:
        - 'day 28: marrow MRD [memory; open: the day: not read]'
      decide:
        - day 28: if marrow MRD >= 1% leave for "other therapy" [memory]
  - maintenance:
      name: Maintenance at home
      rest: 14 days [memory]
      start when: 'anc >= 0.75 [open: not read]'
      recheck: every 4 days
      repeat: every 84 days until 2 years from start of induction
      next: end
      give:
        - mercaptopurine 50 mg/m2 PO daily
rules:
  - transfuse platelets 10 mL/kg when platelets < 10
open:
  - everything: this is no protocol
"""


def write(folder: Path, text: str, name: str = "small.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_becomes_a_protocol(tmp_path: Path) -> None:
    protocol = read_protocol(write(tmp_path, SMALL))
    assert protocol.plain == "Two phases, one of them in cycles."
    assert protocol.open == ("everything: this is no protocol",)
    assert dict(protocol.said)["for"] == Provenance(("memory",))
    induction, maintenance = protocol.phases
    assert induction.name == "Induction"
    assert (induction.give[1].place.line, induction.give[1].place.column) == (12, 11)  # type: ignore[union-attr]
    assert induction.check[0].provenance.open == "the day: not read"
    assert induction.decide[0].target == "other therapy"
    assert (maintenance.days, maintenance.rest_days, maintenance.recheck_days) == (84, 14, 4)
    assert maintenance.give[0].days == tuple(range(1, 85))
    assert maintenance.repeat_until == (Until(730, "induction"),)
    assert maintenance.next is None
    assert dict(maintenance.said) == {"rest": Provenance(("memory",)), "start when": Provenance(open="not read")}


def test_the_last_phase_ends_treatment(tmp_path: Path) -> None:
    assert read_protocol(write(tmp_path, SMALL.replace("      next: end\n", ""))).phases[-1].next is None


OTHER = """\
protocol: other
name: Other
phases:
  - opening:
      days: 7
  - consolidation:
      days: 14
      give:
        - methotrexate 100 mg/m2 IV on day 1 rising by 50 mg/m2 each dose from half of the highest dose of induction
  - maintenance:
      repeat: every 84 days until 2 years from start of consolidation
rules:
  - transfuse platelets 10 mL/kg when platelets < 10
  - transfuse red cells 15 mL/kg when haemoglobin < 7
"""


def test_phases_of_another_protocol_come_along(tmp_path: Path) -> None:
    write(tmp_path, OTHER, "other.yaml")
    text = SMALL.replace('leave for "other therapy" [memory]', "go to @").replace(
        "- day 28: if marrow MRD >= 1% go to @", "- 'day 28: if marrow MRD >= 1% go to other: Consolidation'"
    )
    text = text.replace("on days 1, 8   # a", "on days 1, 8\n        - methotrexate 10 mg/m2 IV on day 2  # a")
    protocol = read_protocol(write(tmp_path, text))
    ids = [phase.id for phase in protocol.phases]
    assert ids == ["induction", "maintenance", "other: consolidation", "other: maintenance"]
    assert protocol.phase("induction").decide[0].target == "other: consolidation"
    assert protocol.phase("maintenance").next is None  # not the phase that was appended below
    consolidation = protocol.phase("other: consolidation")
    assert consolidation.next == "other: maintenance"
    assert consolidation.give[0].escalation == Escalation(50.0, 0.5, "induction")  # played before, in the own file
    assert [rule.action.product for rule in consolidation.rules] == ["red cells"]  # type: ignore[union-attr]
    assert protocol.phase("other: maintenance").repeat_until[0].from_phase == "other: consolidation"


@pytest.mark.parametrize("name", library().protocols())
def test_shipped_protocols_are_read_without_a_problem(name: str) -> None:
    protocol = read_protocol(name)
    assert protocol.phases
    for phase in protocol.phases:
        assert all(1 <= day <= phase.days for give in phase.give for day in give.days)


def test_as_written_at_the_end_of_a_sentence_is_kept_before_the_sources_and_is_no_part_of_the_sentence() -> None:
    plain = read_sentence("give", "vincristine 1.5 mg/m2 IV on days 1, 8 [memory]", days=28)
    said = read_sentence("give", "vincristine 1.5 mg/m2 IV on days 1, 8 As Written [memory]", days=28)
    assert said.provenance.as_written and not plain.provenance.as_written
    assert dataclasses.replace(said, provenance=plain.provenance) == plain
    assert sentence(said) == "vincristine 1.5 mg/m2 IV on days 1, 8 as written [memory]"
    rule = read_sentence("rule", "raise mercaptopurine by 900% when anc > 1.5, at most 150% as written")
    assert rule.provenance.as_written and sentence(rule).endswith("at most 150% as written")


def test_outside_the_usual_is_a_doubt_ten_times_outside_a_mistake_that_as_written_makes_a_doubt() -> None:
    def found(value: float, as_written: bool = False) -> BadInput | None:
        return unusual(f"vincristine {value:g} mg/m2 IV", value, 0.05, 2.0, "mg/m2", None, as_written)

    assert found(0.05) is None and found(2.0) is None
    assert isinstance(found(2.1), Doubt) and isinstance(found(0.01), Doubt)
    far = found(1500.0)
    assert far is not None and not isinstance(far, Doubt) and "as written" in str(far)
    assert found(2.1, as_written=True) is None and isinstance(found(1500.0, as_written=True), Doubt)


def test_the_tables_of_the_parser_are_those_of_the_grammar() -> None:
    """Else every start makes them anew: make grammar."""
    from remission.protocol import grammar

    key, _, _ = Path(grammar.__file__).with_name(grammar.TABLES).read_bytes().partition(b"\n")
    text = grammar._grammar()
    assert key == grammar._key_of(text) != grammar._key_of(text + " ")
    kept, anew = grammar._lark(), grammar.made(text)
    for kind, example in grammar.EXAMPLES.items():
        assert kept.parse(example, start=kind) == anew.parse(example, start=kind)
