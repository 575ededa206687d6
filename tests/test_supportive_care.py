"""Supportive care that protocols include, and lines that are given on the days of others."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.protocol.editor_schema import protocol_schema
from remission.protocol.explain import explain
from remission.protocol.include import bare, together
from remission.protocol.model import And, Beside, Compare, Phase
from remission.protocol.reader import problems, read_block, read_protocol, read_sentence
from remission.protocol.variant import variant
from remission.protocol.write import sentence, unparse, write
from remission.trial.sources import behind

DOXO = "doxorubicin 25 mg/m2 IV on days 1, 8"
CYCLO = "cyclophosphamide 1 g/m2 IV on day 29"


def phase(*sentences: str, days: int = 35) -> Phase:
    return together(Phase("p", "P", days, give=tuple(read_sentence("give", s, None, days) for s in sentences)))


def given(found: Phase, agent: str) -> list[tuple[tuple[int, ...], object]]:
    return [(give.days, give.when) for give in found.give if give.agent == agent]


def test_a_line_on_the_days_of_others_has_all_their_days_and_no_other() -> None:
    found = phase(DOXO, CYCLO, "ondansetron 5 mg/m2 IV on the days of doxorubicin IV and cyclophosphamide IV")
    assert given(found, "ondansetron") == [((1, 8, 29), None)]


def test_days_after_are_added_and_stay_within_the_phase() -> None:
    found = phase(DOXO, CYCLO, "ondansetron 5 mg/m2 IV on the days of cyclophosphamide IV, and for 9 days after")
    assert given(found, "ondansetron") == [(tuple(range(29, 36)), None)]


def test_days_after_alone_leave_out_the_days_of_the_medicine_itself() -> None:
    block = "cytarabine 75 mg/m2 IV on days 1-4, 8-11"
    assert given(phase(block, "aprepitant 2 mg/kg PO on the 2 days after cytarabine IV"), "aprepitant") == [
        ((5, 6, 12, 13), None)
    ]


def test_what_is_given_only_to_some_takes_its_condition_along() -> None:
    found = phase(
        "methotrexate IT by age (table cog) on days 8, 29",
        "methotrexate IT by age (table cog) on days 15, 22 if cns is 2",
        "ondansetron 5 mg/m2 IV on the days of methotrexate IT if age >= 1",
    )
    old, cns2 = Compare("age", ">=", 1.0), Compare("cns", "=", 2.0)
    assert given(found, "ondansetron") == [((8, 29), old), ((15, 22), And((old, cns2)))]


@pytest.mark.parametrize(
    ("dose", "least", "there"),
    [
        ("1 g/m2", "1000 mg/m2", True),
        ("300 mg/m2", "1 g/m2", False),
        ("1200 mg/m2/day", "1 g/m2/day", True),
        ("30 mg/kg", "1 mg/m2", False),
    ],
)
def test_only_doses_that_reach_the_least_one_count(dose: str, least: str, there: bool) -> None:
    line = f"aprepitant 3 mg/kg PO on the days of cyclophosphamide IV of {least} or more"
    assert bool(given(phase(f"cyclophosphamide {dose} IV on day 3", line), "aprepitant")) is there


def test_a_day_is_given_once_where_two_lines_of_one_medicine_meet() -> None:
    found = phase(
        DOXO,
        "methotrexate IT by age (table cog) on day 9",
        "ondansetron 5 mg/m2 IV on the days of doxorubicin IV and methotrexate IT",
        "ondansetron 5 mg/m2 PO on the 1 day after doxorubicin IV",
    )
    assert given(found, "ondansetron") == [((1, 8, 9), None), ((2,), None)]


@pytest.mark.parametrize(
    "text",
    [
        "ondansetron 5 mg/m2 IV/PO (max 8 mg) every 12 hours on the days of cyclophosphamide IV of 1 g/m2 or more, "
        "doxorubicin IV and cytarabine IV, and for 1 day after, if age >= 1 [memory]",
        "aprepitant 2 mg/kg PO (max 80 mg) on the 2 days after cyclophosphamide IV",
    ],
)
def test_such_a_line_is_written_as_it_was_read_and_fits_the_schema(text: str) -> None:
    assert sentence(read_sentence("give", text, None, 35), 35) == text
    pattern = protocol_schema()["$defs"]["phase"]["properties"]["give"]["items"]["anyOf"][0]["pattern"]
    assert re.search(pattern, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ondansetron 5 mg/m2 IV on day 1 on the days of doxorubicin IV", "said twice"),
        ("ondansetron 5 mg/m2 IV on day 1 for 2 days after", "after which days"),
        ("ondansetron 5 mg/m2 IV on day 1, doxorubicin IV", "without a reason"),
        ("methotrexate 1 g/m2 IV rising by 1 g/m2 each dose on the days of doxorubicin IV", "days of its own"),
    ],
)
def test_what_makes_no_sense_is_told(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_sentence("give", text, None, 35)


# --- a block ------------------------------------------------------------------------------------


def test_every_shipped_block_is_read_and_every_first_line_protocol_includes_one() -> None:
    for name in library().supportive():
        block, wrong = read_block(library().supportive_path(name))
        assert (block.id, wrong) == (name, [])
    for name in ("cog-standard-risk", "cog-high-risk", "cog-ph-positive", "bfm-standard", "aall1731-control"):
        agents = {give.agent for p in read_protocol(name).phases for give in p.give}
        assert {"ondansetron", "co-trimoxazole"} <= agents, name


def test_the_strongest_medicine_gets_both_antiemetics_and_vincristine_none() -> None:
    high = {p.id: p for p in read_protocol("cog-high-risk").phases}
    with_cyclophosphamide = high["consolidation"]
    assert given(with_cyclophosphamide, "aprepitant") == [((1, 29), None), ((2, 3, 30, 31), None)]
    standard = {p.id: p for p in read_protocol("cog-standard-risk").phases}
    assert given(standard["maintenance"], "ondansetron") == [((1,), None)]  # with the lumbar puncture


def test_co_trimoxazole_pauses_on_the_day_of_methotrexate_into_a_vein() -> None:
    lines = [
        g for g in read_protocol("cog-high-risk").phase("interim maintenance 1").give if g.agent == "co-trimoxazole"
    ]
    assert {g.not_with for g in lines} == {(("methotrexate", "IV"),)}
    assert {day % 7 for g in lines for day in g.days} == {1, 2}


def test_a_line_of_the_protocol_goes_before_that_of_the_block(tmp_path: Path) -> None:
    text = library().protocol_path("aall1731-control").read_text("utf-8")
    own = "        - ondansetron 4 mg PO on day 8 [memory]\n"
    path = tmp_path / "mine.yaml"
    path.write_text(
        text.replace("protocol: aall1731-control", "protocol: mine").replace(
            "      check:\n", own + "      check:\n", 1
        ),
        "utf-8",
    )
    mine = read_protocol(path)
    assert [g.days for g in mine.phase("induction").give if g.agent == "ondansetron"] == [(8,)]
    assert len(given(mine.phase("consolidation"), "ondansetron")) == 1


def test_a_file_that_includes_a_block_is_written_without_its_lines() -> None:
    protocol = read_protocol("cog-standard-risk")
    assert write(protocol) == library().protocol_path("cog-standard-risk").read_text("utf-8")
    anew = unparse(protocol)
    assert "include: [supportive-care-children]" in anew
    assert "ondansetron" not in anew and "transfuse" not in anew
    assert not any(give.agent == "ondansetron" for p in bare(protocol).phases for give in p.give)


def test_a_block_that_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    text = library().protocol_path("aall1731-control").read_text("utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("include: [supportive-care-children]", "include: [supportive-care-childen]"), "utf-8")
    (found,) = problems(path)
    assert (found.line, "supportive-care-children" in str(found)) == (
        path.read_text().split("include")[0].count("\n") + 1,
        True,
    )


def test_without_a_medicine_what_goes_with_it_goes_too_and_without_the_antiemetic_it_stays_away() -> None:
    whole = read_protocol("cog-high-risk")
    less = variant(whole, without=("cyclophosphamide",))
    assert given(whole.phase("consolidation"), "aprepitant") and not given(less.phase("consolidation"), "aprepitant")
    bare_of_it = variant(whole, without=("aprepitant", "ondansetron"), phases=("consolidation",))
    assert not given(bare_of_it.phase("consolidation"), "ondansetron")
    assert given(bare_of_it.phase("interim maintenance 1"), "ondansetron")
    more = variant(whole, add=("doxorubicin 25 mg/m2 IV on day 20",), phases=("consolidation",))
    assert 20 in {d for days, _ in given(more.phase("consolidation"), "ondansetron") for d in days}


def test_explain_tells_a_block_once_and_sources_count_its_lines_once() -> None:
    protocol = read_protocol("cog-standard-risk")
    text = explain(protocol)
    assert text.count("Ondansetron, 5 mg per square metre") == 2  # its two lines
    assert text.count("Red cells are transfused") == 1
    rows = behind(protocol, library())["path"].to_list()
    assert sum("ondansetron 5 mg/m2" in row for row in rows) == 2


def test_taking_lines_out_and_putting_them_in_again_changes_nothing() -> None:
    protocol = read_protocol("cog-high-risk")
    for one in protocol.phases:
        assert together(replace(one)) == one
    assert Beside("doxorubicin", "IV") in next(
        give.along for give in protocol.phase("delayed intensification").give if give.agent == "ondansetron"
    )
