"""Words for genes, risk groups and two looks at residual leukaemia."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from remission.cli import app
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.patient import recipe
from remission.protocol.explain import explain
from remission.protocol.logic import boxes, possible
from remission.protocol.model import And, Defined, Not
from remission.protocol.person import Person, truth
from remission.protocol.plan import plan
from remission.protocol.reader import problems, read_groups, read_protocol
from remission.protocol.vocabulary import AT_TIME_POINT, VALUES
from remission.protocol.write import unparse
from remission.trial.run import simulate

FILE = """
protocol: example
name: An example
risk groups: {groups}
for: age >= 1
phases:
  - induction:
      days: 35
      give:
        - prednisone 60 mg/m2/day PO in 2 doses on days 1-28
        - vincristine 1.5 mg/m2 IV (max 2 mg) on days 1, 8, 15, 22 if {condition}
      check:
        - day 15: marrow MRD, time point 1
        - day 29: marrow MRD, time point 2
      decide:
        - day 29: if marrow MRD at time point 1 >= 1% and marrow MRD at time point 2 < 1% go to strong
  - weak:
      days: 14
      give:
        - mercaptopurine 50 mg/m2/day PO on days 1-14
      next: end
  - strong:
      days: 21
      give:
        - mercaptopurine 50 mg/m2/day PO on days 1-21
"""


def file(folder: Path, condition: str = "subtype is KMT2A-r", groups: str = "cog-b-all", text: str = FILE) -> Path:
    path = folder / "example.yaml"
    path.write_text(text.format(condition=condition, groups=groups), encoding="utf-8")
    return path


def who(subtype: str, age: float = 4, wbc: float = 10, first: float | None = None, **more: float) -> Person:
    seen = {} if first is None else {AT_TIME_POINT[0]: first}
    seen |= {AT_TIME_POINT[1]: more["second"]} if "second" in more else {}
    return Person(age, "female", 16, 100, wbc=wbc, subtype=subtype, cns=int(more.get("cns", 1)), seen=seen)


def group(name: str, person: Person) -> list[str]:
    groups, found = read_groups(library().risk_groups_path(name))
    assert not found
    return [word for word, meaning in groups.meanings("risk group").items() if truth(meaning, person)]


def test_the_words_of_genes_are_the_subtypes_of_every_population() -> None:
    for name in library().populations():
        assert set(recipe.population(name).subtypes.names) <= set(VALUES["subtype"]), name


@pytest.mark.parametrize("name", library().risk_groups())
def test_everybody_is_in_one_risk_group_and_no_more(name: str) -> None:
    groups, found = read_groups(library().risk_groups_path(name))
    assert not found and groups.id == name
    for kind in ("genetics", "risk group"):
        meanings = list(groups.meanings(kind).values())
        assert not possible(And(tuple(Not(meaning) for meaning in meanings)))
        assert not any(possible(And((one, two))) for i, one in enumerate(meanings) for two in meanings[:i])


@pytest.mark.parametrize(
    ("file", "person", "expected"),
    [
        ("cog-b-all", who("ETV6::RUNX1", first=0), "low"),
        ("cog-b-all", who("ETV6::RUNX1", first=0, cns=2), "average"),
        ("cog-b-all", who("B-other", first=0), "average"),
        ("cog-b-all", who("B-other", first=2e-4), "high"),
        ("cog-b-all", who("B-other", age=11, first=0), "high"),
        ("cog-b-all", who("B-other", age=11, first=2e-4), "very high"),
        ("cog-b-all", who("iAMP21", first=0), "very high"),
        ("cog-b-all", who("B-other", age=14, first=0), "very high"),
        ("aieop-bfm", who("B-other", first=0, second=0), "standard"),
        ("aieop-bfm", who("B-other", first=2e-3, second=0), "medium"),
        ("aieop-bfm", who("B-other", first=2e-3, second=2e-3), "high"),
        ("aieop-bfm", who("KMT2A-r", first=0, second=0), "high"),
        ("ukall", who("B-other", first=0, second=0), "low"),
        ("ukall", who("B-other", first=0, second=5e-5), "intermediate"),
        ("ukall", who("B-other", first=2e-4, second=0), "high"),
        ("ukall", who("near haploid", first=0, second=0), "high"),
    ],
)
def test_a_patient_is_in_the_group_that_the_study_group_says(file: str, person: Person, expected: str) -> None:
    assert group(file, person) == [expected]


def test_a_word_is_written_back_as_a_word_and_explained(tmp_path: Path) -> None:
    protocol = read_protocol(file(tmp_path, "genetics is not favourable and subtype is not high hyperdiploid"))
    condition = protocol.phases[0].give[1].when
    assert isinstance(condition, And) and isinstance(condition.items[0], Defined)
    text = unparse(protocol)
    assert "if genetics is not favourable and subtype is not high hyperdiploid" in text
    assert "risk groups: cog-b-all" in text and "day 15: marrow MRD, time point 1" in text
    assert "Genetics is favourable: subtype is ETV6::RUNX1 or subtype is high hyperdiploid." in explain(protocol)


def test_words_of_one_thing_are_one_box() -> None:
    groups, _ = read_groups(library().risk_groups_path("cog-b-all"))
    genetics = groups.meanings("genetics")
    assert boxes(genetics["favourable"]) == [{"subtype": frozenset({"ETV6::RUNX1", "high hyperdiploid"})}]


@pytest.mark.parametrize(
    ("condition", "groups", "said"),
    [
        ("subtype is KMT2A", "cog-b-all", "'KMT2A' is no value of subtype"),
        ("subtype >= 2", "cog-b-all", "subtype"),
        ("risk group is middling", "cog-b-all", "'middling' is no value of risk group"),
        ("risk group is high", "cog", "unknown risk groups 'cog'"),
        ("marrow MRD at time point 3 < 0.1%", "cog-b-all", "no check measures marrow MRD at time point 3"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, condition: str, groups: str, said: str) -> None:
    assert any(said in str(problem) for problem in problems(file(tmp_path, condition, groups)))


def test_own_risk_groups_are_used_and_their_mistakes_told(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    (folder / "risk_groups").mkdir(parents=True)
    own = folder / "risk_groups" / "mine.yaml"
    text = "risk groups: mine\nname: Mine\ngroups:\n  - old: age >= 10\n  - young: otherwise\n"
    own.write_text(text, encoding="utf-8")
    protocol = read_protocol(file(tmp_path, "risk group is young", "mine"), library(folder))
    assert "Risk group is young: it is not so that age is at least 10 years." in explain(protocol)
    assert CliRunner().invoke(app, ["check", str(folder)]).exit_code == 0
    own.write_text(text.replace("age >= 10", "agee >= 10"), encoding="utf-8")
    told = CliRunner().invoke(app, ["check", str(folder)])
    assert told.exit_code == 2 and "mine.yaml:4" in told.output + told.stderr


def test_a_word_without_a_file_of_risk_groups_is_told(tmp_path: Path) -> None:
    text = FILE.replace("risk groups: {groups}\n", "")
    with pytest.raises(BadInput, match="nothing says what risk group means"):
        read_protocol(file(tmp_path, "risk group is high", text=text))


def test_a_plan_follows_the_first_look_when_newer_results_have_come(tmp_path: Path) -> None:
    protocol = read_protocol(file(tmp_path))
    who = {"age_y": 4, "sex": "female", "weight_kg": 16, "height_cm": 100, "subtype": "ETV6::RUNX1"}
    slow = plan(protocol, start=date(2027, 1, 4), **who, marrow_mrd=("2%", "0.1%"))
    fast = plan(protocol, start=date(2027, 1, 4), **who, marrow_mrd=("0.1%", "0.1%"))
    assert [cycle.phase for cycle in slow.cycles] == ["induction", "strong"]
    assert [cycle.phase for cycle in fast.cycles] == ["induction", "weak"]


def test_play_gives_by_genes_and_decides_by_both_looks(tmp_path: Path) -> None:
    words = " or ".join(f"subtype is {name}" for name in ("ETV6::RUNX1", "T-ALL near-ETP", "B-other"))
    run = simulate(read_protocol(file(tmp_path, words)), patients=120, seed=5, out=tmp_path / "run")
    people, doses, mrd, events = (run.scan(name).collect() for name in ("outcomes", "doses", "mrd", "events"))
    patients = {row["patient"]: row for row in people.iter_rows(named=True)}
    given = set(doses.filter(doses["agent"] == "vincristine")["patient"].to_list())
    named = ("ETV6::RUNX1", "T-ALL near-ETP", "B-other")
    assert given == {p for p, row in patients.items() if row["subtype"] in named}
    looks = mrd.filter(mrd["phase"] == "induction")
    strong = set(events.filter(events["phase"] == "strong")["patient"].to_list())
    first = {r["patient"]: r["reported_fraction"] for r in looks.filter(looks["day"] < 20).iter_rows(named=True)}
    second = {r["patient"]: r["reported_fraction"] for r in looks.filter(looks["day"] > 20).iter_rows(named=True)}
    ended = set(events.filter(events["event"].is_in(["death", "relapse"]))["patient"].to_list())
    meant = {p for p in second if first[p] >= 0.01 and second[p] < 0.01}
    assert strong and strong <= meant and meant - strong <= ended
