"""Agents by the names that clinicians write: brands, abbreviations, several words. What means two is asked back."""

from __future__ import annotations

from pathlib import Path

import pytest

from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.protocol import grammar, vocabulary
from remission.protocol.model import Place
from remission.protocol.reader import problems, read_protocol, read_sentence
from remission.protocol.write import write

HEAD = "protocol: names\nname: Names\nphases:\n  - induction:\n      days: 28\n      give:\n"

GIVEN = [
    ("VCR 1.5 mg/m2 IV on day 1", "vincristine"),
    ("Oncovin 1.5 mg/m2 IV on day 1", "vincristine"),
    ("6-MP 75 mg/m2/day PO on days 1-14", "mercaptopurine"),
    ("6MP 75 mg/m2/day PO on days 1-14", "mercaptopurine"),
    ("6 mp 75 mg/m2/day PO on days 1-14", "mercaptopurine"),
    ("Purinethol 75 mg/m2/day PO on days 1-14", "mercaptopurine"),
    ("6-TG 60 mg/m2/day PO on days 1-14", "thioguanine"),
    ("PEG 2500 IU/m2 IV on day 4", "pegaspargase"),
    ("PEG-asparaginase 2500 IU/m2 IV on day 4", "pegaspargase"),
    ("Oncaspar 2500 IU/m2 IV on day 4", "pegaspargase"),
    ("E. coli asparaginase 6000 IU/m2 IM on day 4", "asparaginase_ecoli"),
    ("Erwinia asparaginase 25000 IU/m2 IM on day 4", "asparaginase_erwinia"),
    ("ARA-C 75 mg/m2 IV on days 1-4", "cytarabine"),
    ("cytosine  arabinoside 75 mg/m2 IV on days 1-4", "cytarabine"),
    ("MTX IT by age on day 8", "methotrexate"),
    ("Dex 6 mg/m2/day PO in 2 doses on days 1-28", "dexamethasone"),
    ("Blincyto 28 ug/day IV over 24 hours on days 1-28", "blinatumomab"),
    ("VP-16 100 mg/m2 IV on day 1", "etoposide"),
    ("G-CSF 5 ug/kg SC on days 5-14", "filgrastim"),
    ("CsA 3 mg/kg/day IV in 2 doses on days 1-14", "ciclosporin"),
    ("TBI 4 Gy/day RT in 2 doses on days 1-3", "total_body_irradiation"),
    ("total body irradiation 4 Gy/day RT in 2 doses on days 1-3", "total_body_irradiation"),
    ("folinic acid 15 mg/m2 IV on day 1", "leucovorin"),
    ("InO 0.8 mg/m2 IV on day 1", "inotuzumab"),
    ("imatinib 340 mg/m2/day PO on days 1-28", "imatinib"),
]


@pytest.mark.parametrize(("sentence", "agent"), GIVEN)
def test_names_in_what_is_given(sentence: str, agent: str) -> None:
    assert read_sentence("give", sentence, days=28).agent == agent


def test_names_in_rules_checks_and_conditions() -> None:
    hold = read_sentence("rule", "hold 6-MP, MTX PO when anc < 0.5 until anc >= 0.75").action
    assert [target.agent for target in hold.targets] == ["mercaptopurine", "methotrexate"]
    rescue = read_sentence(
        "rule", "give folinic acid 15 mg/m2 IV every 6 hours from hour 42 after MTX IV until MTX < 0.25 uM"
    ).action
    assert (rescue.give.agent, rescue.after.agent) == ("leucovorin", "methotrexate")
    assert rescue.until.name == "level:methotrexate"
    assert read_sentence("check", "day 3: MTX level", days=28).agent == "methotrexate"
    given = read_sentence("give", "6-MP 75 mg/m2/day PO daily, not on the days of E. coli asparaginase IM", days=28)
    assert given.not_with == (("asparaginase_ecoli", "IM"),)


def test_writing_gives_the_name_of_the_file_and_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    lines = [sentence for sentence, _ in GIVEN if "mcg" not in sentence]
    path.write_text(HEAD + "".join(f"        - '{line}'\n" for line in lines[:3]), encoding="utf-8")
    protocol = read_protocol(path, checked=False)
    written = write(protocol)
    assert "Oncovin" not in written and "6-MP" not in written and "- mercaptopurine 75 mg/m2/day PO" in written


@pytest.mark.parametrize(
    ("sentence", "column", "said", "right"),
    [
        ("PRED 60 mg/m2/day PO in 2 doses on days 1-28", 11, "'pred' can mean prednisolone or prednisone", "is meant"),
        ("asparaginase 6000 IU/m2 IM on day 1", 11, "asparaginase_erwinia or pegaspargase", "is meant"),
        ("CAR T-cells 3 Mcells/kg IV on day 1", 11, "brexucabtagene or obecabtagene or tisagenlecleucel", "is meant"),
    ],
)
def test_a_name_of_two_agents_is_asked_back(tmp_path: Path, sentence: str, column: int, said: str, right: str) -> None:
    path = tmp_path / "names.yaml"
    path.write_text(HEAD + f"        - {sentence}\n", encoding="utf-8")
    (found,) = problems(path)
    assert said in found.message and right in (found.remedy or "")
    assert (found.line, found.column) == (7, column)


def test_mistakes_are_placed_at_the_word_that_is_written() -> None:
    with pytest.raises(BadInput) as caught:
        read_sentence("give", "E. coli asparaginase 6000 IU/m2 XX on day 1", Place("p.yaml", 5, 11), days=28)
    assert (caught.value.line, caught.value.column) == (5, 11 + len("E. coli asparaginase 6000 IU/m2 "))


def test_a_target_that_is_never_given_is_placed_at_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    rule = "      rules:\n        - omit VCR, 6-MP when anc < 0.5\n      check:\n        - 'weekly: counts'\n"
    path.write_text(HEAD + "        - VCR 1.5 mg/m2 IV (max 2 mg) on day 1\n" + rule, encoding="utf-8")
    (found,) = problems(path)
    assert "never gives mercaptopurine" in found.message
    assert (found.line, found.column) == (9, 21)


@pytest.mark.parametrize("drug", ["panobinostat", "glucarpidase", "melphalan"])
def test_a_drug_without_a_file_is_not_taken_for_another(tmp_path: Path, drug: str) -> None:
    path = tmp_path / "names.yaml"
    path.write_text(HEAD + f"        - {drug} 375 mg/m2 IV on day 1\n", encoding="utf-8")
    (found,) = problems(path)
    assert found.message == f"the agent '{drug}' is not known here"
    assert "write a file" in (found.remedy or "") and "Did you mean" not in (found.remedy or "")


def test_no_name_of_an_agent_is_a_word_of_the_language() -> None:
    words = {definition.pattern.value.lower() for definition in grammar._lark().terminals}
    words |= {name.lower() for name in vocabulary.measured()}
    words |= {value.lower() for values in vocabulary.VALUES.values() for value in values}
    words |= {unit.lower() for unit in (*vocabulary.UNITS, *vocabulary.CONCENTRATIONS, *vocabulary.ROUTES)}
    assert not {name for name in library().all_names() if name.lower() in words}
