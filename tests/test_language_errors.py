"""What people get wrong: each mistake with its line, its column and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remission.knowledge.errors import BadInput, nearest
from remission.protocol.complaint import unit_meant
from remission.protocol.model import Place
from remission.protocol.reader import doubts, problems, read_protocol, read_sentence
from remission.protocol.vocabulary import agents, measured

# kind, sentence with the place of the mistake marked by ^, what is said, what would be right
SENTENCES = [
    ("give", "vincristine 1.5 mg/m2 IV ^onn days 1, 8", "'onn' cannot stand here", "Did you mean 'on'?"),
    ("give", "vincristine 1.5 ^mg/m IV on day 1", "'mg/m' cannot stand here", "Did you mean 'mg/m2'?"),
    ("give", "vincristine 1.5 ^ng/m2 IV on day 1", "'ng/m2' cannot stand here", "Possible here: a unit"),
    (
        "give",
        "vincristine 1.5 mg/m2 ^VI on day 1",
        "'VI' cannot stand here",
        "a route (IV, PO, IT, SC, IM, RT, collection)",
    ),
    ("give", "vincristine 1.5 mg/m2^", "stops too early", "a route"),
    ("give", "vincristine 1.5 mg/m2 IV^", "does not say on which days", "on days 1, 8, 15"),
    ("give", "vincristine 1.5 mg/m2 IV ^[matloub2011]", "does not say on which days", "on days 1, 8, 15"),
    ("give", "vincristine 1.5 mg/m2 IV on days ^0, 8", "there is no day 0", "count from 1"),
    ("give", "vincristine 1.5 mg/m2 IV on days 1, 8, ^36", "day 36 lies beyond the phase", "has 35 days"),
    ("give", "vincristine 1.5 mg/m2 IV on days 1-^40", "day 40 lies beyond the phase", "has 35 days"),
    ("give", "vincristine 1.5 mg/m2 IV on days ^8-1", "run backwards", "1-8"),
    ("give", "vincristine 1.5 mg/m2 IV on days 1-5, ^4-6", "day 4 stands twice", "once"),
    ("give", "vincristine ^0 mg/m2 IV on day 1", "more than 0", "Leave"),
    ("give", "vincristine 1.5 mg/m2 IV ^in 2 doses on day 1", "cannot be split", "mg/m2/day"),
    ("give", "vincristine 1.5 mg/m2 IV on day 1 ^on day 2", "said twice", "two sentences"),
    ("give", "dexamethasone 6 mg/m2/day PO in ^5 doses on day 1", "1, 2, 3, 4, 6, 8 or 12 doses", "Every"),
    ("give", "methotrexate 1 mg/m2 IV on day 1 ^rising by 1 g/m2 each dose", "rises in g/m2", "mg/m2"),
    ("give", "vincristine 1.5 mg/m2 IV on day 1 ^[a", "not closed", "]"),
    ("give", "vincristine 1.5 mg/m2 IV on day 1 [^two words]", "no source key", "[key, key; memory;"),
    ("check", "day 8: ^blod blasts", "'blod blasts' is not known", "'blood blasts'"),
    ("check", "^dai 8: counts", "'dai' cannot stand here", "day"),
    ("decide", "day 29: if ^marow MRD >= 1% go to A", "'marow MRD' is not known", "'marrow MRD'"),
    ("decide", "day 29: if marrow MRD >= 1% ^goto A", "'goto' cannot stand here", "go, leave"),
    ("decide", "day 29: if marrow MRD >= ^120% go to A", "cannot exceed 100%", "fraction"),
    ("rule", "^hald mercaptopurine when anc < 0.5 until anc >= 1", "'hald'", "Did you mean 'hold'?"),
    ("rule", "hold ^when anc < 0.5 until anc >= 1", "'when'", "an agent"),
    ("rule", "hold mercaptopurine when ^ancc < 0.5 until anc >= 1", "neither a measurement nor an agent", "'anc'"),
    ("rule", "hold mercaptopurine when anc < 0.5 ^untill anc >= 1", "'untill'", "Did you mean 'until'?"),
    ("rule", "hold mercaptopurine when anc < 0.5^", "stops too early", "until"),
    ("rule", "hold mercaptopurine when anc < 0.5 ^uM until anc >= 1", "without a unit", "10^9/L"),
    ("rule", "hold mercaptopurine when anc < ^50% until anc >= 1", "no fraction", "10^9/L"),
    ("rule", "raise mercaptopurine by ^0% when anc > 1.5", "no change", "hold or stop"),
    ("rule", "reduce mercaptopurine by ^100% when anc > 1.5", "no change", "hold or stop"),
    ("rule", "start mercaptopurine at 60% when tpmt is ^intermediat", "no value of tpmt", "'intermediate'"),
    ("rule", "omit mercaptopurine when ^sex > male", "no order", "sex is male"),
    ("rule", "omit mercaptopurine when age > ^old", "compared with a number", "years"),
    ("rule", "omit methotrexate when methotrexate < 0.25^", "needs a unit", "uM"),
    ("repeat", "until 2 ^jears from start of A", "'jears'", "'years'"),
    ("condition", "anc = ^> 0.75", "cannot stand here", "a number"),
    ("condition", "(anc > 1 or wbc > 2^", "stops too early", ")"),
]


@pytest.mark.parametrize(("kind", "marked", "wrong", "right"), SENTENCES, ids=[s[1] for s in SENTENCES])
def test_mistakes_in_a_sentence(kind: str, marked: str, wrong: str, right: str) -> None:
    offset = marked.index("^")
    with pytest.raises(BadInput) as caught:
        read_sentence(kind, marked.replace("^", "", 1), Place("p.yaml", 5, 11), days=35)  # type: ignore[arg-type]
    assert (caught.value.file, caught.value.line, caught.value.column) == ("p.yaml", 5, 11 + offset)
    assert wrong in caught.value.message
    assert right in (caught.value.remedy or "")


FILE = """\
protocol: wrong
name: Wrong
phases:
  - induction:
      days: 28
      give:
        - vincristine 1.5 mg/m2 IV on days 1, 8
        - mercaptopurine 50 mg/m2 PO on days 1-14
        - methotrexate 20 mg/m2 PO on day 15
      check:
        - 'weekly: counts'
        - day 28: marrow MRD
      rules:
        - hold mercaptopurine when anc < 0.5 until anc >= 0.75
  - consolidation:
      days: 28
"""


def found(folder: Path, *changes: tuple[str, str]) -> list[tuple[int | None, int | None, str, str]]:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "wrong.yaml"
    path.write_text(text, encoding="utf-8")
    return [(bad.line, bad.column, bad.message, bad.remedy or "") for bad in problems(path)]


def test_the_file_is_right_before_it_is_made_wrong(tmp_path: Path) -> None:
    assert found(tmp_path) == []


RULE = "- hold mercaptopurine when anc < 0.5 until anc >= 0.75"
FILES = [
    (("vincristine 1.5", "vincristin 1.5"), 7, 11, "unknown agent 'vincristin'", "Did you mean 'vincristine'?"),
    (("1.5 mg/m2 IV", "1.5 mg/m2 PO"), 7, 33, "vincristine is not given PO", "Its routes: IV"),
    (("1.5 mg/m2 IV", "1.5 IU/m2 IV"), 7, 27, "IU/m2 does not fit vincristine", "mg/m2"),
    (("1.5 mg/m2 IV", "1.5 mg/m2 IV (max 2 IU)"), 7, 37, "cannot have a maximum in IU", "one unit"),
    (("IV on days 1, 8", "IV on days 1, 8 [matlub2011]"), 7, 50, "unknown source 'matlub2011'", "'matloub2011'"),
    (("vincristine 1.5 mg/m2 IV", "methotrexate IT by age (table gog)"), 7, 41, "unknown table 'gog'", "'cog'"),
    (("vincristine 1.5 mg/m2 IV", "vincristine IV by age"), 7, 26, "has no dose by age", "an amount"),
    (("PO on day 15", "PO on day 15 if age < 1 and age > 2"), 9, 11, "can never be true", "signs"),
    (
        ("PO on day 15", "PO on day 15, not on the days of methotrexate IT"),
        9,
        11,
        "never gives methotrexate IT",
        "gives",
    ),
    (("- methotrexate 20 mg/m2 PO on day 15", "- vincristine 2 mg IV on day 8"), 9, 11, "(line 7) gives", "Take"),
    ((RULE, "- hold thioguanine when anc < 0.5 until anc >= 1"), 14, 16, "never gives thioguanine", "methotrexate"),
    ((RULE, "- omit methotrexate IV when anc < 0.5"), 14, 16, "never gives methotrexate IV", "gives"),
    ((RULE, "- omit methotrexat when anc < 0.5"), 14, 16, "unknown agent 'methotrexat'", "'methotrexate'"),
    ((RULE, "- omit methotrexate when anc < 0.5 and anc > 1"), 14, 11, "can never be true", "signs"),
    ((RULE, "- hold methotrexate when anc < 0.5 until anc >= 0.4"), 14, 44, "can end while", "until"),
    ((RULE, "- hold methotrexate when anc < 0.5 until platelets >= 75"), 14, 44, "can end while", "until"),
    ((RULE, "- repeat the dose of methotrexate when anc < 1"), 14, 30, "does not rise", "omit"),
    (
        (RULE, RULE + "\n        - raise mercaptopurine by 25% when anc > 0.4"),
        15,
        11,
        "(line 14) move mercaptopurine in opposite directions for the same anc",
        "not overlap",
    ),
    (
        (RULE, "- start mercaptopurine at 50% when tpmt is poor\n        - start mercaptopurine at 9% when age > 2"),
        15,
        11,
        "both set the start of mercaptopurine",
        "not overlap",
    ),
    (("      days: 28\n      give", "      days: 28\n      next: end\n      give"), 16, 5, "nothing leads to", "next"),
    (("        - 'weekly: counts'\n", ""), 13, 11, "never measures counts", "weekly: counts"),
    (("- consolidation:", "- consolidation:\n      next: inducton"), 16, 13, "phase 'inducton'", "'induction'"),
    (
        ("- consolidation:", "- consolidation:\n      repeat: until 2 years from start of inducton"),
        16,
        15,
        "phase 'inducton'",
        "'induction'",
    ),
    (
        ("- consolidation:", "- consolidation:\n      start when: blood MRD < 1%"),
        16,
        19,
        "no phase before measures blood MRD",
        "blood MRD",
    ),
    (
        ("      rules:", "      decide:\n        - day 15: if marrow MRD >= 1% go to consolidation\n      rules:"),
        14,
        22,
        "nothing measures marrow MRD on or before day 15",
        "day 15: marrow MRD",
    ),
    (
        ("      rules:", "      decide:\n        - day 28: if marrow MRD >= 1% go to consolidaton\n      rules:"),
        14,
        45,
        "unknown phase 'consolidaton'",
        "'consolidation'",
    ),
    (
        ("      rules:", "      decide:\n        - 'day 28: if marrow MRD >= 1% go to nowhere: IA'\n      rules:"),
        14,
        12,
        "unknown protocol 'nowhere'",
        "",
    ),
    (
        (RULE, "- give leucovorin 15 mg/m2 IV every 6 hours from hour 42 after methotrexate PO until anc > 1"),
        14,
        88,
        "does not end on the level of methotrexate",
        "until methotrexate",
    ),
    (
        (RULE, "- omit methotrexate when methotrexate > 1 IU/L"),
        14,
        16,
        "is not measured in IU/L",
        "umol/L",
    ),
]


@pytest.mark.parametrize(("change", "line", "column", "wrong", "right"), FILES, ids=[f[3] for f in FILES])
def test_what_the_grammar_cannot_see(
    tmp_path: Path, change: tuple[str, str], line: int, column: int, wrong: str, right: str
) -> None:
    hits = [bad for bad in found(tmp_path, change) if wrong in bad[2]]
    assert len(hits) == 1
    assert hits[0][:2] == (line, column)
    assert right in hits[0][3]


STRUCTURE = [
    (("days: 28\n      give", "dayz: 28\n      give"), 5, 7, "unknown key 'dayz'", "'days'"),
    (("protocol: wrong", "protokol: wrong"), 1, 1, "unknown key 'protokol'", "'protocol'"),
    (("name: Wrong\n", ""), 1, 1, "'name' is missing", "name: ..."),
    (("days: 28\n      give", "days: four\n      give"), 5, 13, "not 'four'", "days: 28"),
    (("      days: 28\n      give", "      give"), 4, 5, "does not say how long", "days: 28"),
    (("  - consolidation", "  - induction"), 15, 5, "two phases are called 'induction'", "Rename"),
    (("        - day 28: marrow MRD", "        - day 28: marrow MRD [open: x]"), 12, 35, "too many", "in quotes"),
    (("28\n      give", "28\n      recheck: soon\n      give"), 6, 16, "'soon'", "every 3 days"),
    (("      rules:\n        - hold", "      rules:\n        hold"), 14, 9, "a list is expected", "- ..."),
    (("days: 28\n      give", "days: 28\n      repeat: every 7 days until 2 years from start of treatment\n      give"),
     6, 15, "7 days here and 28", "every 28 days"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "line", "column", "wrong", "right"), STRUCTURE, ids=[s[3] for s in STRUCTURE])
def test_the_structure_of_the_file(
    tmp_path: Path, change: tuple[str, str], line: int, column: int, wrong: str, right: str
) -> None:
    (bad,) = found(tmp_path, change)
    assert bad[:2] == (line, column)
    assert wrong in bad[2]
    assert right in bad[3]


def test_all_mistakes_are_found_at_once_and_the_first_is_raised(tmp_path: Path) -> None:
    changes = (("1.5 mg/m2 IV on days 1, 8", "1.5 mg/m2 IV on days 0, 8"), ("anc >= 0.75", "anc >> 0.75"))
    lines = [line for line, *_ in found(tmp_path, *changes)]
    assert lines == [7, 14]
    with pytest.raises(BadInput, match=r"wrong\.yaml:7:44: there is no day 0 \(1 more below\)\. Days of a phase"):
        read_protocol(tmp_path / "wrong.yaml")


def test_quotes_and_folded_lines_keep_their_columns(tmp_path: Path) -> None:
    quoted = ("- vincristine 1.5 mg/m2 IV on days 1, 8", "- 'vincristine 1.5 mg/m2 IV on days 1, 99'")
    assert found(tmp_path, quoted)[0][:2] == (7, 48)
    folded = ("- vincristine 1.5 mg/m2 IV on days 1, 8", "- vincristine 1.5 mg/m2 IV\n          on days 1, 99")
    assert found(tmp_path, folded)[0][:2] == (8, 22)


def test_a_protocol_that_does_not_exist() -> None:
    with pytest.raises(BadInput, match="Did you mean 'cog-standard-risk'"):
        read_protocol("cog-standart-risk")
    with pytest.raises(BadInput, match="cannot be read"):
        read_protocol("no-such-file.yaml")


WORDS = sorted({word for _, marked, *_ in SENTENCES for word in marked.replace("^", "").split()})
RIGHT = [
    ("give", "methotrexate 100 mg/m2 IV over 2 hours on days 1, 11 rising by 50 mg/m2 each dose from half "
     "of the highest dose of A"),
    ("give", "dexamethasone 10 mg/m2/day PO in 3 doses on days 1-21, then taper 50% for 3 days, 25% for 3 days "
     "[a; open: b]"),
    ("check", "weekly from day 8: counts"),
    ("decide", 'day 29: if marrow MRD >= 0.01% and not (age < 1 or cns is 3) leave for "high-risk therapy"'),
    ("rule", "raise mercaptopurine, methotrexate in turn by 25% when anc >= 1.5 for 6 weeks at 3 visits, at most 150%"),
    ("rule", "give leucovorin 15 mg/m2 IV every 6 hours from hour 42 after methotrexate IV until methotrexate < 1 uM"),
    ("repeat", "every 84 days until 2 years from start of A if sex is female, 3 years from start of B if sex is male"),
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_slip_of_the_pen_is_read_or_explained(data: st.DataObject) -> None:
    kind, sentence = data.draw(st.sampled_from(RIGHT))
    words = sentence.split(" ")
    at = data.draw(st.integers(0, len(words) - 1))
    slip = data.draw(st.sampled_from(["drop", "double", "swap", "other", "cut", "letter"]))
    if slip == "letter":
        letter = data.draw(st.characters(codec="utf-8", exclude_categories=["Cs"]))
        words[at] = words[at][:1] + letter + words[at][1:]
    elif slip == "cut":
        words = words[:at]
    else:
        other = data.draw(st.sampled_from(WORDS))
        words[at : at + 1] = {
            "drop": [],
            "double": [words[at]] * 2,
            "swap": [*words[at + 1 : at + 2], words[at]],
            "other": [other],
        }[slip]
    text = " ".join(words)
    try:
        read_sentence(kind, text, Place("p.yaml", 1, 1), days=84)  # type: ignore[arg-type]
    except BadInput as bad:
        assert bad.remedy
        assert bad.line is not None and bad.column is not None and bad.column >= 1


def test_then_after_resume_can_be_read_in_two_ways_and_says_how_to_write_either() -> None:
    with pytest.raises(BadInput) as told:
        read_sentence(
            "rule", "hold mercaptopurine when anc < 0.5 until anc >= 0.75, resume at 50% then 100%", Place("p", 1, 1)
        )
    assert "two ways" in str(told.value) and "resume at 50%, after the second hold at 100%" in str(told.value)
    assert "raise ... by ... when ... for 7 days" in str(told.value)


# --- all mistakes at once, each once ---------------------------------------------------------

MANY = """\
protocol: many
nam: Many mistakes
phases:
  - induction:
      dayz: 28
      give:
        - vincristine 1.5 ng/m2 IV on days 1, 8
        - mercaptopurine 50 mg/m2 PO on days 1-14
        - melphalan 140 mg/m2 IV on day 1
        - amifostine 60 mg/kg IV on day 1
      check:
        - 'weekly: cuonts'
        - day 28: marow MRD
      decide:
        - day 28: if marrow MRD >= 0.01% go to intensificaton
      rules:
        - hold vincristine when anc < 0.5 until anc >= 0.75
        - hold mercaptopurine when creatinine > 100 until anc >= 0.75
  - intensification:
      days: 28
      givee:
        - vincristine 1.5 mg/m2 IV on days 1, 8
      rules:
        - omit vincristine when platelets < 50
"""


def test_every_mistake_of_a_file_is_told_once_and_none_brings_others_with_it(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(MANY, encoding="utf-8")
    told = [(bad.line, bad.message) for bad in problems(path)]
    assert [line for line, _ in told] == [2, 5, 7, 9, 10, 12, 13, 15, 18, 21], told


def test_a_hint_is_a_slip_of_the_pen_away_and_never_another_medicine_or_another_size() -> None:
    assert nearest("vincristin", agents()) == nearest("vincirstine", agents()) == "vincristine"
    assert nearest("mercaptopurin", agents()) == "mercaptopurine"
    for other in ("melphalan", "amifostine", "vinblastine", "carboplatin", "creatinine"):
        assert nearest(other, agents()) is None, other
        assert nearest(other, measured()) is None, other
    assert unit_meant("mg/m") == "mg/m2" and unit_meant("mg/sqm") is None
    assert all(unit_meant(unit) is None for unit in ("ng/m2", "pg", "l/m2"))


# --- bounds ---------------------------------------------------------------------------------

HUGE = [
    ("days: 28\n      give", "days: 100000000\n      give", "a phase of 100,000,000 days"),
    ("days: 28\n      give", "days: 1" + "0" * 20 + "\n      give", "days is a whole number"),
    ("days: 28\n      give", "days: ²\n      give", "days is a whole number"),
    ("days: 28\n      give", "days: 28\n      repeat: 1000000 times\n      give", "1000000 times is too often"),
    ("days: 28\n      give", "days: 28\n      repeat: 1000 times\n      give", "lasts 28,000 days"),
    ("days: 28\n      give", "days: 28\n      repeat: until 999 years from start of treatment\n      give", "too long"),
    ("days: 28\n      give", "days: 28\n      rest: 99999 days\n      give", "too long"),
    ("days 1, 8", "days 1-" + "9" * 30, "a number of 30 digits"),
    ("days 1, 8", "day 1, then taper 50% for 10000000 days", "cannot be"),
    ("1.5 mg/m2 IV", "1.5 mg/m2 IV over 999999999 hours", "more than 2400 hours"),
    ("anc < 0.5", "(" * 5000 + "anc < 0.5" + ")" * 5000, "longer than 2,000 letters"),
    ("anc < 0.5", "not " * 3000 + "anc < 0.5", "longer than 2,000 letters"),
    ("anc < 0.5", "(" * 900 + "anc < 0.5" + ")" * 900, "more than 20 deep"),
    ("anc < 0.5", "not " * 400 + "anc < 0.5", "more than 20 deep"),
    ("anc < 0.5", " and ".join(["(anc < 1 or wbc < 2)"] * 12), "more than 100 ways"),
    ("anc < 0.5", " or ".join(["anc < 0.5"] * 80), "80 comparisons"),
    ("name: Wrong", "name: Wrong\nopen: &a [*a]", "stands within what it repeats"),
    ("name: Wrong", "name: Wrong\nopen: " + "[" * 500, "more than 20 deep"),
    ("name: Wrong", "name: Wrong\nopen: [" + "a, " * 20_000 + "a]", "more than 16,000 keys"),
    ("name: Wrong", "name: Wrong" + "\n#" * 100_000, "longer than 120,000 bytes"),
    ("name: Wrong", "name: Wr\x00ong", "a character that is no text (code 0)"),
]


@pytest.mark.parametrize(("old", "new", "said"), HUGE, ids=[said + new[:12].strip() for _, new, said in HUGE])
def test_what_is_far_too_much_is_refused_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    hits = [bad for bad in found(tmp_path, (old, new)) if said in bad[2]]
    assert len(hits) == 1


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(FILE.encode("utf-16"))
    assert "not UTF-8" in problems(path)[0].message
    path.write_bytes(b"protocol: p\nname: \xff\n")
    assert (problems(path)[0].message, problems(path)[0].line) == ("the file is not UTF-8 text", 2)


# a change of the file, the words of the doubt or the mistake, whether it is a mistake
UNUSUAL = [
    ("anc < 0.5", "anc < 500", "anc < 500 is far more than usual", True),
    ("anc < 0.5", "anc < 0.05", "anc < 0.05 is less than usual", False),
    (RULE, "- raise mercaptopurine by 1000000% when anc > 1.5", "raise by 1000000% is far more", True),
    (RULE, "- raise mercaptopurine by 300% when anc > 1.5", "raise by 300% is more than usual", False),
    (RULE, RULE + ", resume at 0%", "resume at 0% is far less", True),
    (RULE, "- transfuse red cells 0 mL/kg when haemoglobin < 8", "0 mL/kg of red cells is far less", True),
    (RULE, "- transfuse platelets 10 mL/kg when platelets < 20000", "platelets < 20000 is far more", True),
    (RULE, "- transfuse red cells 15 mL/kg when haemoglobin < 80", "haemoglobin < 80 is more than usual", False),
    ("name: Wrong", "name: Wrong\nfor: age > 200", "age > 200 asks for what cannot be", True),
    ("- consolidation:", "- consolidation:\n      start when: anc >= 100000", "anc >= 100000 is far more", True),
    ("1.5 mg/m2 IV on days 1, 8", "1.5 mg/m2 IV over 700 hours on day 1", "over 700 hours outlasts the phase", False),
]


@pytest.mark.parametrize(("old", "new", "said", "mistake"), UNUSUAL, ids=[u[2] for u in UNUSUAL])
def test_numbers_in_the_wrong_unit_are_doubted_and_ten_times_outside_refused(
    tmp_path: Path, old: str, new: str, said: str, mistake: bool
) -> None:
    wrong = [message for *_, message, _ in found(tmp_path, (old, new))]
    assert any(said in message for message in wrong) is mistake
    told = [str(doubt) for doubt in doubts(tmp_path / "wrong.yaml")]
    assert any(said in text for text in told) is not mistake
    if mistake and "cannot be" not in said:
        meant = new + " as written"
        assert not [m for *_, m, _ in found(tmp_path, (old if old != "anc < 0.5" else RULE, meant if old != "anc < 0.5"
                    else RULE.replace("anc < 0.5", "anc < 500") + " as written")) if said in m]  # fmt: skip


def test_a_phase_may_give_nothing_but_not_the_whole_protocol(tmp_path: Path) -> None:
    assert found(tmp_path) == []  # consolidation gives nothing
    path = tmp_path / "nothing.yaml"
    path.write_text("protocol: nothing\nname: Nothing\nphases:\n  - watch:\n      days: 28\n", encoding="utf-8")
    assert [bad.message for bad in problems(path)] == ["the protocol gives nothing"]


def test_treatment_that_never_ends_is_refused_by_the_check_as_by_the_plan(tmp_path: Path) -> None:
    circle = ("  - consolidation:\n", "  - consolidation:\n      next: induction\n")
    assert "follows on itself" in found(tmp_path, circle)[0][2]
    girls = "  - consolidation:\n      repeat: until 2 years from start of treatment if sex is female\n"
    assert "ends for every patient" in found(tmp_path, ("  - consolidation:\n", girls))[0][2]
    both = girls.rstrip() + ", 3 years from start of treatment if sex is male\n"
    assert found(tmp_path, ("  - consolidation:\n", both)) == []


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 300, "../../p"])
def test_a_name_that_no_file_can_have_is_an_unknown_protocol(tmp_path: Path, name: str) -> None:
    decide = f"      decide:\n        - 'day 28: if anc > 1 go to {name}: c'\n      rules:"
    assert any("unknown protocol" in message for *_, message, _ in found(tmp_path, ("      rules:", decide)))
    with pytest.raises(BadInput):
        read_protocol(name)
