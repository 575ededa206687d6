"""docs/language.md: no word of the language without its entry, no example that does not pass the check."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lark import Tree

from remission.engine.play import EVENTS, REASONS
from remission.knowledge.errors import BadInput
from remission.protocol import grammar, handwriting
from remission.protocol.model import Hold
from remission.protocol.reader import (
    BLOCK_KEYS,
    GROUP_KEYS,
    PHASE_KEYS,
    PROTOCOL_KEYS,
    doubts,
    problems,
    read_protocol,
    read_sentence,
)
from remission.protocol.template import new_protocol, template
from remission.protocol.vocabulary import CONCENTRATIONS, ROUTES, UNITS, measured, side_effects
from remission.trial.playable import refusals

_DOCS = Path(__file__).parents[1] / "docs"
_SPEC = importlib.util.spec_from_file_location("language_page", _DOCS / "language.py")
assert _SPEC is not None and _SPEC.loader is not None
language = importlib.util.module_from_spec(_SPEC)
sys.modules["language_page"] = language
_SPEC.loader.exec_module(language)

FILE = language.words()
ENTRIES = [(part["kind"], word) for part in FILE["parts"] for word in part["words"]]
SENTENCES = [(kind, word) for kind, word in ENTRIES if kind in grammar.KINDS]
CHARTS = [(of["kind"], chart, of.get("first_day", 1)) for of in FILE["handwriting"] for chart in of["charts"]]


def _id(value: Any) -> str:
    return value["word"] if isinstance(value, dict) else str(value)


def _parts_of_the_grammar() -> Iterator[str]:
    """The names that the nodes of a parse tree can have."""
    for rule in grammar._lark().rules:
        name = rule.alias or str(rule.origin.name)
        kept = [s for s in rule.expansion if not getattr(s, "filter_out", False)]
        if name.startswith("_") or (rule.alias is None and rule.options.expand1 and len(kept) == 1):
            continue
        yield name


def _tree(kind: Any, text: str) -> Tree[Any]:
    return grammar.parse(kind, text).tree


# --- nothing is without its entry --------------------------------------------------------------


def test_every_part_of_the_grammar_has_its_entry() -> None:
    explained = {part for _, word in SENTENCES for part in word["of"]}
    assert set(_parts_of_the_grammar()) == explained


def test_every_small_word_of_the_grammar_stands_in_the_words_of_an_entry() -> None:
    written = " ".join(" ".join((word["word"], word["means"])) for _, word in SENTENCES).lower()
    literals = {str(t.pattern.value) for t in grammar._lark().terminals if t.pattern.type == "str"}
    small = {word for word in literals if word.isalpha()}
    assert len(small) > 40
    assert {word for word in small if not re.search(rf"\b{word}\b", written)} == set()


def test_every_listed_word_of_the_grammar_stands_on_the_page() -> None:
    """Units, spans, products, ... that the grammar lists in a pattern of its own."""
    text = (_DOCS / "language.md").read_text("utf-8").lower()
    listed = {"ROUTES", "WHAT", "MEASURED", "CONCENTRATION", "PRODUCT", "SPAN", "HOURS", "TIMES", "FRACTION", "ORDINAL",
              "IN_TURN", "EVER", "NOT", "AM", "PM"}  # fmt: skip
    terminals = {t.name: str(t.pattern.value) for t in grammar._lark().terminals}
    missing = []
    for name in listed:
        words = re.sub(r"\\s[+*]", " ", terminals[name]).replace("\\/", "/").replace("\\b", "|")
        for word in re.findall(r"[a-z][a-z0-9/ ]*[a-z0-9]", words.replace("hours?", "hours").replace("s?", "s"), re.I):
            if not re.search(rf"(?<![a-z]){re.escape(word.strip().lower())}(?![a-z])", text):
                missing.append((name, word))
    assert missing == []


def test_every_key_of_a_file_has_its_entry() -> None:
    for kind, keys in (("protocol", PROTOCOL_KEYS), ("phase", PHASE_KEYS), ("block", BLOCK_KEYS),
                       ("groups", GROUP_KEYS)):  # fmt: skip
        assert sorted(word["word"] for of, word in ENTRIES if of == kind) == sorted(f"{key}:" for key in keys)


def test_every_quantity_unit_route_event_and_reason_has_its_entry() -> None:
    assert {*FILE["quantities"]} == {*measured()} - {*side_effects()} | {"side effect", "AGENT level"}
    assert tuple(FILE["units"]) == UNITS and tuple(FILE["routes"]) == ROUTES
    assert {*FILE["events"]} == {*EVENTS} and {*FILE["reasons"]} == {*REASONS}


def test_every_spelling_that_is_put_right_is_shown() -> None:
    """Each rule of handwriting changes at least one chart of the page."""
    idle = {pattern.pattern for pattern, _ in handwriting._compiled()}
    names, one_word = handwriting.names_of_words()
    for _, chart, _ in CHARTS:
        text = names.sub(one_word, chart)
        for pattern, put in handwriting._compiled():
            new = pattern.sub(put, text)
            if new != text:
                idle.discard(pattern.pattern)
            text = new
    assert idle == set()


# --- every example is right --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "word"), [(k, w) for k, w in ENTRIES if "example" in w and k not in ("block", "groups")], ids=_id
)
def test_an_example_passes_the_check_and_is_written_back(kind: str, word: dict[str, Any]) -> None:
    content = language.protocol_of(kind, word["example"], word.get("beside"))
    found = language.checked(content)
    assert [str(problem) for problem in found.mistakes] == []
    assert len(found.doubts) == (word.get("beside") or {}).get("doubts", 0), [str(d) for d in found.doubts]
    again = language.checked(found.written_anew)
    assert again.written_anew == found.written_anew and again.protocol == found.protocol


@pytest.mark.parametrize(("kind", "word"), SENTENCES, ids=_id)
def test_an_example_holds_what_it_explains(kind: str, word: dict[str, Any]) -> None:
    used = {str(node.data) for node in _tree(kind, word.get("example") or word["refused"]).iter_subtrees()}
    missing = {part for part in word["of"] if part not in used}
    assert missing == set()


@pytest.mark.parametrize(("kind", "word"), [(k, w) for k, w in SENTENCES if "example" in w], ids=_id)
def test_what_is_written_back_means_the_same_and_is_shown(kind: Any, word: dict[str, Any]) -> None:
    written, _ = language.canonical(kind, word["example"])
    assert read_sentence(kind, written, days=35) == read_sentence(kind, word["example"], days=35)
    shown = "\n".join(language._word(kind, word))
    assert f"`{written}`" in shown or f"{written}\n" in shown


@pytest.mark.parametrize("word", [w for k, w in SENTENCES if "refused" in w], ids=_id)
def test_what_is_said_to_be_refused_is_refused_with_the_words_to_write(word: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        read_sentence("rule", word["refused"], days=35)
    assert "Write" in str(caught.value.remedy)


@pytest.mark.parametrize("word", [w for k, w in ENTRIES if k == "block"], ids=_id)
def test_a_key_of_supportive_care_is_read(word: dict[str, Any]) -> None:
    assert [str(problem) for problem in language.checked_block(word["example"])] == []


@pytest.mark.parametrize("word", [w for k, w in ENTRIES if k == "groups"], ids=_id)
def test_a_key_of_risk_groups_is_read(word: dict[str, Any]) -> None:
    assert [str(problem) for problem in language.checked_groups(word["example"])] == []


@pytest.mark.parametrize("name", list(FILE["quantities"]))
def test_the_example_of_a_quantity_passes_the_check(name: str) -> None:
    said = FILE["quantities"][name]
    look = said["check"] if isinstance(said.get("check"), str) else f"day 28: {name}"
    beside = {"check": [look]} if said.get("check") and name != "marrow MRD" else {}
    beside |= {"top": said["top"], "check": ["day 28: marrow MRD, time point 1"]} if "top" in said else {}
    beside |= {"give": said["give"]} if "give" in said else {}
    example = language.example_of(name, said)
    assert example in said.get("rule", example)
    kind, text = ("rule", said["rule"]) if "rule" in said else ("condition", example)
    found = language.checked(language.protocol_of(kind, text, beside))
    assert [str(problem) for problem in (*found.mistakes, *found.doubts)] == []


@pytest.mark.parametrize("word", FILE["ends"]["words"], ids=lambda word: word["end"])
def test_the_end_of_a_sentence_is_read_and_no_doubt_is_left(word: dict[str, Any]) -> None:
    found = language.checked(language.protocol_of("give", word["example"]))
    assert [str(problem) for problem in (*found.mistakes, *found.doubts)] == []


@pytest.mark.parametrize(("kind", "chart", "first_day"), CHARTS)
def test_a_chart_means_what_stands_beside_it(kind: Any, chart: str, first_day: int) -> None:
    written, _ = language.canonical(kind, chart, first_day)
    again, read = (read_sentence(kind, text, days=35, first_day=first_day) for text in (written, chart))
    assert again[1:] == read[1:] if kind == "repeat" else again == read
    assert handwriting.tidied(handwriting.tidied(chart)[0])[0] == handwriting.tidied(chart)[0]


def test_units_of_levels_stand_on_the_page_which_is_the_one_that_the_command_writes() -> None:
    text = language.page()
    assert all(f"`{unit}`" in text for unit in CONCENTRATIONS)
    assert (_DOCS / "language.md").read_text("utf-8") == text, "run: make language"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("condition", "methotrexate < 0.2 uM"),
     ("give", "vincristine 1.5 mg/m2 IV (max 2 mg) on day 8 if methotrexate < 1 uM"),
     ("decide", 'day 29: if methotrexate > 1 uM leave for "dialysis"')],
)  # fmt: skip
def test_a_level_outside_of_rules_is_a_mistake_with_the_rule_to_write(kind: str, sentence: str) -> None:
    beside = {"give": ["methotrexate 5 g/m2 IV over 24 hours on day 8"]}
    found = language.checked(language.protocol_of(kind, sentence, beside)).mistakes
    assert ["only rules ask for the level of methotrexate" in str(problem) for problem in found] == [True]


# --- a first protocol ---------------------------------------------------------------------------


def test_the_template_passes_the_check_holds_and_resumes_and_is_never_written_over(tmp_path: Path) -> None:
    path = new_protocol(tmp_path / "Our Ward 2.yaml")
    assert problems(path) == [] and doubts(path) == []
    protocol = read_protocol(path)
    assert refusals(protocol) == []
    assert protocol.id == "our-ward-2" and [phase.id for phase in protocol.phases][-1] == "maintenance"
    hold = next(rule.action for rule in protocol.phases[-1].rules if isinstance(rule.action, Hold))
    assert hold.resume == (0.5,)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="there already"):
        new_protocol(path)
    assert path.read_text("utf-8") == "mine"
    with pytest.raises(BadInput, match="no such folder"):
        new_protocol(tmp_path / "none" / "a.yaml")
    with pytest.raises(BadInput, match="yaml file"):
        new_protocol(tmp_path / "a.txt")
    assert "{" not in template("a.yaml")


def test_a_protocol_as_a_hospital_wrote_it_passes_at_its_second_try(tmp_path: Path) -> None:
    """Its first try left out a route, the table of doses by age and said 'bone marrow'; each was told with the cure."""
    path = tmp_path / "district-hospital.yaml"
    path.write_text(HOSPITAL, encoding="utf-8")
    assert [str(p) for p in problems(path)] == [] and [str(d) for d in doubts(path)] == []
    protocol = read_protocol(path)
    assert refusals(protocol) == []
    hold = next(rule.action for rule in protocol.phases[-1].rules if isinstance(rule.action, Hold))
    assert hold.resume == (0.5,) and [target.agent for target in hold.targets] == ["mercaptopurine", "methotrexate"]
    pulse = next(give for give in protocol.phases[-1].give if give.agent == "prednisolone")
    assert pulse.days == tuple(day + start for start in (0, 28, 56) for day in range(1, 6))


def test_a_largest_amount_of_a_day_is_that_of_the_day_however_it_is_said() -> None:
    for text, each_mg in (("allopurinol 300 mg/m2/day PO in 3 doses on days 1-7 (max 600 mg/day)", 200),
                          ("allopurinol 300 mg/m2/day PO in 3 doses on days 1-7 (max 600 mg)", 200),
                          ("allopurinol 100 mg/m2 PO TID on days 1-7 (max 600 mg/day)", 200),
                          ("allopurinol 100 mg/m2 PO TID on days 1-7 (max 600 mg)", 600)):  # fmt: skip
        assert read_sentence("give", text, days=28).largest_dose == each_mg, text


def test_a_thousand_spaces_are_read_at_once_as_one() -> None:
    text = "hold" + " " * 1900 + "x"
    assert handwriting.tidied(text)[0] == "hold x"


HOSPITAL = """\
protocol: district-hospital
name: Simple ALL treatment for a district hospital
for: age >= 1 and age < 15
phases:
  - induction:
      days: 35
      give:
        - prednisolone 40 mg/m2/day PO BID on days 1-28
        - Oncovin 1.5 mg/m2 IV (max 2 mg) weekly x 4
        - doxorubicin 25 mg/m2 IV on days 8, 15
        - L-asparaginase 6000 U/m2 IM Mon/Wed/Fri x 9
        - methotrexate IT by age (table cog) on days 1, 8, 15, 22
        - allopurinol 100 mg/m2 PO TID on days 1-7
        - cotrimoxazole 5 mg/kg/day PO BID Sat/Sun
      check:
        - Monday and Thursday: full blood count
        - day 33: marrow blasts
      rules:
        - transfuse packed cells 15 ml/kg if Hb < 7
        - transfuse platelets 10 ml/kg if platelets < 10
  - consolidation:
      days: 28
      start when: neutrophils >= 0.75 and platelets >= 75
      give:
        - Purinethol 50 mg/m2 PO daily
        - cytarabine 75 mg/m2 SC on days 1-4, 8-11
        - cyclophosphamide 750 mg/m2 IV on days 1, 15
        - methotrexate IT by age (table cog) on days 1, 8, 15
      check:
        - weekly: full blood count
  - maintenance:
      days: 84
      repeat: 8 cycles
      give:
        - Purinethol 75 mg/m2 PO every night
        - methotrexate 20 mg/m2 PO once a week
        - Oncovin 1.5 mg/m2 IV (max 2 mg) every 4 weeks
        - prednisolone 40 mg/m2/day PO BID for 5 days every 4 weeks
        - methotrexate IT by age (table cog) on day 1
      check:
        - every 2 weeks: full blood count
      rules:
        - stop Purinethol and MTX when ANC < 0.5 or platelets < 50, restart when ANC > 1.0 and plt > 100 at half dose
        - increase Purinethol 25% if ANC > 2 for 8 weeks
"""
