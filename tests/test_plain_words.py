"""The words for families: short, easy, and never a sentence that could make a worried parent wait."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import median

import pytest

from remission.knowledge.library import library

FIELDS = ("plain", "now", "watch", "care")
LIMIT = re.compile(r"\b3[6-9]\.\d")


def texts(room: str) -> Iterator[tuple[str, str, str]]:
    """(file, field, words) of every text for families in a room of the knowledge files."""
    shelf = library()
    names, read = {
        "agents": (shelf.agents(), shelf.agent),
        "side effects": (shelf.side_effects(), shelf.side_effect),
        "symptoms": (shelf.symptoms(), shelf.symptom),
        "trials": (shelf.trials(), shelf.trial),
    }[room]
    for name in names:
        for field in FIELDS:
            if isinstance(text := getattr(read(name), field, None), str):  # `care` of a trial is its years
                yield name, field, " ".join(text.split())


EVERY = [
    (f"{room}/{name}", field, text)
    for room in ("agents", "side effects", "symptoms", "trials")
    for name, field, text in texts(room)
]


def sentences(text: str) -> list[str]:
    return [s for s in re.split(r"(?<=[.!?])\s+", text) if s]


def syllables(word: str) -> int:
    letters = re.sub(r"[^a-z]", "", word.lower())
    groups = len(re.findall(r"[aeiouy]+", letters))
    silent_e = letters.endswith("e") and not letters.endswith(("le", "ee", "ie", "ye", "oe"))
    silent_ed = letters.endswith("ed") and not letters.endswith(("ted", "ded"))
    silent_es = letters.endswith("es") and not re.search(r"(x|ch|sh|c|g|s|z)es$", letters)
    return max(1, groups - (groups > 1 and (silent_e or silent_ed or silent_es)))


def reading_grade(text: str) -> float:
    """The Flesch-Kincaid grade: years at school that the text asks for (Kincaid 1975)."""
    words = re.findall(r"[A-Za-z0-9][\w'.:-]*", text)
    return 0.39 * len(words) / len(sentences(text)) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def test_the_reading_grade_is_that_of_known_texts() -> None:
    assert reading_grade("The cat sat on the mat.") == pytest.approx(-1.45, abs=0.01)  # 6 words, 6 syllables
    assert reading_grade("The immunological complications necessitated hospitalisation.") > 20


@pytest.mark.parametrize("room", ["agents", "side effects", "symptoms", "trials"])
def test_a_child_of_twelve_can_read_the_texts(room: str) -> None:
    for field in FIELDS:
        grades = [reading_grade(text) for _, which, text in texts(room) if which == field]
        assert not grades or median(grades) <= 7.0, (room, field)


def test_no_sentence_for_families_has_more_than_twenty_words() -> None:
    long = [(name, field, s) for name, field, text in EVERY for s in sentences(text) if len(s.split()) > 20]
    assert not long


def test_a_fever_is_told_by_the_team_s_own_temperature_and_else_38_0_once() -> None:
    told = [(name, text) for name, _, text in EVERY if LIMIT.search(text)]
    assert len(told) >= 7
    for name, text in told:
        assert "the temperature that your own team gave you. If you have none: 38.0 °C (100.4 °F) once" in text, name
        assert set(LIMIT.findall(text)) <= {"38.0", "36.0"}, name
        assert not re.search(r"for an hour|twice|38\.5", text), name


def test_a_sign_of_infection_is_never_told_the_same_day_or_later() -> None:
    for name, field, text in EVERY:
        if field != "watch":
            continue
        for sentence in sentences(text):
            late = re.search(r"same day|next visit|next day|within a day", sentence)
            assert not (late and re.search(r"\bfever\b|\bchills\b|shiver|seizure|hard to wake", sentence, re.I)), (
                name,
                sentence,
            )


def test_fever_medicine_only_after_the_temperature_and_the_call() -> None:
    for name, field, text in EVERY:
        if field in ("watch", "care") and "Paracetamol" in text:
            assert "temperature was taken and the team agrees" in text, name


@pytest.mark.parametrize(
    "claim",
    [
        r"\balways comes? back",
        r"does not weaken",
        r"\bharmless\b(?<!mostly harmless)",
        r"loses nothing",
        r"\bguarantee",
    ],
)
def test_nothing_is_promised_that_no_source_says(claim: str) -> None:
    assert not [(name, field) for name, field, text in EVERY if re.search(claim, text)]


def test_platelets_and_neutrophils_are_told_with_a_unit() -> None:
    for name in ("thrombocytopenia", "neutropenia", "anaemia"):
        effect = library().side_effect(name)
        for text in filter(None, (effect.plain, effect.watch, effect.care)):
            assert not re.search(r"\bbelow \d", text) or re.search(r"microlitre|g/dL", text), (name, text)
