"""Symptoms: they belong to side effects by grade, have no frequency of their own, and tell families what to do."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library
from remission.trial.side_effect_tables import courses

ASKED = {
    "fever", "chills", "trouble_breathing", "dizziness", "seizures", "confusion", "trouble_speaking",
    "loss_of_balance", "low_blood_pressure",
}  # fmt: skip


def test_what_the_patient_pages_name_has_an_entry() -> None:
    assert set(library().symptoms()) >= ASKED
    for name in library().symptoms():
        assert re.search(r"\b(call|tell)\b", library().symptom(name).watch, re.I), name


@pytest.mark.parametrize(
    ("side_effect", "grade", "sure", "not_yet"),
    [  # ASTCT 2019: fever alone is grade 1; pressure or oxygen from grade 2; a seizure is at least grade 3
        ("crs", 1, {"fever"}, {"low_blood_pressure", "trouble_breathing"}),
        ("crs", 2, {"fever", "low_blood_pressure", "trouble_breathing"}, set()),
        ("neurotoxicity", 1, {"confusion", "trouble_speaking"}, {"seizures"}),
        ("neurotoxicity", 2, {"confusion", "trouble_speaking"}, {"seizures"}),
        ("neurotoxicity", 3, {"confusion", "trouble_speaking", "seizures"}, set()),
        ("febrile_neutropenia", 3, {"fever"}, set()),
    ],
)
def test_a_grade_has_the_signs_by_which_it_is_given(side_effect: str, grade: int, sure: set, not_yet: set) -> None:
    found = library().symptoms_of(side_effect, grade)
    assert {s.symptom for s, b in found if b.how != "may"} == sure
    assert not {s.symptom for s, _ in found} & not_yet


def test_only_the_definition_of_a_grade_makes_a_symptom_sure() -> None:
    sure = {b.side_effect for n in library().symptoms() for b in library().symptom(n).of if b.how != "may"}
    assert sure == {"crs", "neurotoxicity", "febrile_neutropenia"}


def test_a_symptom_is_found_by_its_other_names() -> None:
    for name, symptom in (
        ("Fits", "seizures"),
        ("short breath", "trouble_breathing"),
        ("hypotension", "low_blood_pressure"),
    ):
        found = library().find_symptom(name)
        assert found is not None and found.symptom == symptom
    assert library().find_symptom("vincristine") is None
    taken = [n for s in map(library().symptom, library().symptoms()) for n in (s.symptom, *s.names)]
    assert len(taken) == len(set(taken)) and not set(taken) & {*library().side_effects(), *library().agent_names()}


def test_the_course_of_a_patient_names_the_symptoms_of_the_worst_grade() -> None:
    table = pl.DataFrame({"day": [0, 1, 2, 3, 4], "crs": [1, 1, 0, 2, 0], "hair_loss": [0, 0, 0, 1, 1]})
    rows = {(row[0], row[1]): row[4] for row in courses(table)}
    assert rows["CRS", "0"] == "fever (chills)"
    assert rows["CRS", "3"] == "fever, low blood pressure or trouble breathing (chills, dizziness)"
    assert rows["hair loss", "3"] == ""


@pytest.mark.parametrize(
    ("old", "new", "told", "remedy"),
    [
        ("side_effect: crs", "side_effect: csr", "unknown side effect 'csr'", "crs"),
        ("side_effect: rash, grade: 1", "side_effect: rash, grade: 5", "rash has no grade 5", "3"),
        ("source: astct2019, read: secondary", "read: secondary", "names its `source`", "source"),
        ("side_effect: rash", "side_effect: crs", "'crs' is written twice", "lowest"),
        ("how: always", "how: sometimes", "'sometimes' is not known here", "always"),
    ],
)
def test_a_mistake_in_a_symptom_file_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, told: str, remedy: str
) -> None:
    shipped = Path(library().folders[-1]) / "symptoms" / "fever.yaml"
    (tmp_path / "symptoms").mkdir()
    text = shipped.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "symptoms" / "fever.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        Library(extra=[tmp_path]).symptom("fever")
    assert told in str(caught.value) and remedy in str(caught.value)
    assert caught.value.line is not None and caught.value.line > 1
