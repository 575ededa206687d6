"""Doses of an implausible size: doubted outside the usual range, refused far outside, unless they are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from remission.knowledge.agent import Usual
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library
from remission.protocol.complaint import Doubt
from remission.protocol.plausible import limits
from remission.protocol.reader import doubts, problems

HEAD = "protocol: dose\nname: Dose\nphases:\n  - induction:\n      days: 28\n      give:\n"

FINE = [
    "vincristine 1.5 mg/m2 IV (max 2 mg) on day 1",
    "vincristine 0.05 mg/kg IV (max 2 mg) on day 1",
    "vincristine 2 mg IV on day 1",
    "mercaptopurine 75 mg/m2/day PO on days 1-28",
    "mercaptopurine 2.5 mg/kg/day PO on days 1-28",
    "methotrexate 5 g/m2 IV over 24 hours on day 1",
    "methotrexate 100 mg/m2 IV on days 1, 11, 21 rising by 50 mg/m2 each dose",
    "methotrexate 12 mg IT on day 1",
    "blinatumomab 112 ug IV over 96 hours on day 1",  # 28 ug a day
    "blinatumomab 15 ug/m2/day IV over 24 hours (max 28 ug) on days 1-28",
    "total_body_irradiation 4 Gy/day RT in 2 doses on days 1-3",
    "tocilizumab 12 mg/kg IV on day 1 if weight < 30",
    "cyclophosphamide 60 mg/kg IV on days 1, 2",
    "treosulfan 14000 mg/m2 IV on days 1-3",
    "busulfan 120 mg/m2 IV on days 1-4",  # the range is per kg
]
DOUBTED = [  # sentence, what is said
    ("vincristine 3 mg/m2 IV (max 2 mg) on day 1", "vincristine 3 mg/m2 IV is more than usual (0.05 to 2 mg/m2)"),
    ("vincristine 1.5 mg/m2 IV (max 20 mg) on day 1", "of at most 20 mg is more than usual (0.0125 to 2 mg)"),
    ("vincristine 1.5 mg/m2 IV on day 1", "2.7 mg in an adult, more than anybody usually gets (2)"),
    ("allopurinol 500 mg/m2/day PO in 2 doses (max 400 mg) on day 1", "500 mg/m2/day PO is more than usual"),
    ("mercaptopurine 1 mg/m2/day PO on day 1", "is less than usual (3 to 150 mg/m2/day)"),
    ("blinatumomab 112 ug IV over 24 hours on day 1", "blinatumomab 112 ug/day IV is more"),
    ("total_body_irradiation 4 Gy RT on days 1-28", "of 112 Gy in all is more than usual"),
    ("methotrexate 100 mg/m2 IV on days 1-3 rising by 10000 mg/m2 each dose", "rising to 20100 mg/m2 IV is more"),
]
REFUSED = [  # sentence, its column of the mistake, what is said
    ("cytarabine 3 g/m2 SC on day 1", 24, "cytarabine 3 g/m2 SC is far more than usual (0.01 to 0.15 g/m2)"),
    ("vincristine 1500 mg/m2 IV on day 1", 28, "vincristine 1500 mg/m2 IV is far more than usual (0.05 to 2 mg/m2)"),
    ("mercaptopurine 75000 mg/m2/day PO on day 1", 32, "far more than usual (3 to 150 mg/m2/day)"),
    ("total_body_irradiation 1200 Gy RT on day 1", 39, "1200 Gy/day RT is far more than usual (1 to 4.5 Gy/day)"),
    ("methotrexate 5000 g/m2 IV over 24 hours on day 1", 29, "far more than usual (0.005 to 15 g/m2)"),
    ("vincristine 2000 mg IV on day 1", 28, "vincristine 2000 mg IV is far more than usual (0.0125 to 2 mg)"),
    ("mercaptopurine 75 mg/kg/day PO on day 1", 29, "far more than usual (0.1 to 5 mg/kg/day)"),
    ("tisagenlecleucel 300 Mcells/kg IV on day 1", 32, "far more"),
    ("dexamethasone 6 mg/m2/day PO in 2 doses (max 2000 mg) on day 1", 52, "of at most 2000 mg a day is far more"),
    ("pegaspargase 25 IU/m2 IV on day 1", 27, "far less than usual (450 to 3500 IU/m2)"),
]


def write(tmp_path: Path, *sentences: str, end: str = "") -> Path:
    path = tmp_path / "dose.yaml"
    path.write_text(HEAD + "".join(f"        - {sentence}\n" for sentence in sentences) + end, encoding="utf-8")
    return path


@pytest.mark.parametrize("sentence", FINE)
def test_usual_doses_in_every_unit_pass_without_a_word(tmp_path: Path, sentence: str) -> None:
    path = write(tmp_path, sentence)
    assert problems(path) == []
    assert doubts(path) == []


@pytest.mark.parametrize(("sentence", "said"), DOUBTED)
def test_unusual_doses_are_doubted_and_can_be_played(tmp_path: Path, sentence: str, said: str) -> None:
    path = write(tmp_path, sentence)
    assert problems(path) == []
    (found,) = doubts(path)
    assert said in found.message
    assert (found.file, found.line) == (str(path), 7)
    assert doubts(write(tmp_path, sentence + " as written")) == []


@pytest.mark.parametrize(("sentence", "column", "said"), REFUSED)
def test_doses_ten_times_outside_are_refused_unless_they_are_meant(
    tmp_path: Path, sentence: str, column: int, said: str
) -> None:
    (found,) = problems(write(tmp_path, sentence))
    assert not isinstance(found, Doubt)
    assert (found.line, found.column) == (7, column)
    assert said in found.message
    assert "as written" in (found.remedy or "")
    meant = write(tmp_path, sentence + " as written [memory]")
    assert problems(meant) == []
    (doubt,) = doubts(meant)
    assert said in doubt.message


def test_the_dose_of_a_rescue_is_looked_at_too(tmp_path: Path) -> None:
    rule = (
        "        - methotrexate 5 g/m2 IV over 24 hours on day 1\n      rules:\n        - give leucovorin {} mg/m2 IV "
        "every 6 hours from hour 42 after methotrexate IV until methotrexate < 0.25 uM\n"
    )
    assert problems(write(tmp_path, end=rule.format(15))) == []
    (found,) = problems(write(tmp_path, end=rule.format(15000)))
    assert "leucovorin 15000 mg/m2 IV is far more than usual" in found.message and found.line == 9


@pytest.mark.parametrize("name", library().protocols())
def test_no_dose_of_a_supplied_protocol_is_doubted(name: str) -> None:
    assert [str(doubt) for doubt in doubts(name)] == []


@pytest.mark.parametrize("name", library().agents())
def test_every_route_of_a_supplied_agent_has_its_usual_range(name: str) -> None:
    agent = library().agent(name)
    covered = {route for usual in agent.usual for route in usual.routes}
    assert covered == set(agent.routes)
    for usual in agent.usual:
        assert usual.high / usual.low <= 3000, "so wide that a wrong unit passes"


def test_ranges_are_turned_by_the_smallest_and_the_largest_body() -> None:
    usual = Usual(routes=("IV",), unit="mg/m2", low=1.0, high=2.0, at_most=3.0, read="memory")
    assert limits(usual, "mg/m2") == (1.0, 2.0)
    assert limits(usual, "g/m2") == pytest.approx((0.001, 0.002))
    assert limits(usual, "mg/kg") == pytest.approx((1 / 48, 2 / 16))
    assert limits(usual, "mg") == pytest.approx((0.25, 3.0))  # 2.5 m2 would be 5 mg: at most 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("unit: mg/m2, low: 0.05", "unit: IU/m2, low: 0.05", "'IU/m2' is no unit of its doses"),
        ("usual:", "usual:\n  - {routes: [IT], unit: mg, low: 1, high: 2, read: memory}", "route IT is none"),
        ("low: 0.05, high: 2", "low: 3, high: 2", "the range runs backwards (3 to 2)"),
        ("source: dosage_vincristine, read: secondary", "read: secondary", "names its `source`"),
        ("source: dosage_vincristine", "source: dosage_vincristin", "unknown source 'dosage_vincristin'"),
    ],
)
def test_a_range_that_cannot_be_is_told_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (library().folders[-1] / "agents" / "vincristine.yaml").read_text(encoding="utf-8")
    (tmp_path / "agents").mkdir()
    path = tmp_path / "agents" / "vincristine.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        Library([tmp_path]).agent("vincristine")
    assert said in str(caught.value)
    assert caught.value.file == str(path)
    line = path.read_text(encoding="utf-8").split("\n")[(caught.value.line or 0) - 1]
    assert line.startswith("  - {routes")
