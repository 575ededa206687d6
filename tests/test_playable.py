"""What `plan` or `simulate` would refuse is found by the check, and what reads well is compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from remission.knowledge.library import library
from remission.protocol.reader import read_protocol
from remission.trial.playable import refusals

FILE = """\
protocol: asked
name: Asked
for: age >= 1 and age < 40
phases:
  - block:
      days: 28
      give:
        - methotrexate 5 g/m2 IV over 24 hours on day 1
        - methotrexate IT by age (table cog) on day 1
"""


def told(folder: Path, *changes: tuple[str, str]) -> list[str]:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "asked.yaml"
    path.write_text(text, encoding="utf-8")
    return [str(problem) for problem in refusals(read_protocol(path))]


def test_what_reads_well_and_plays_is_refused_nothing(tmp_path: Path) -> None:
    assert told(tmp_path) == []


def test_a_table_of_doses_that_does_not_reach_who_is_treated_is_refused_before_anybody_is_planned(
    tmp_path: Path,
) -> None:
    (problem,) = told(tmp_path, ("for: age >= 1 and", "for:"))
    assert "no dose for an age of 0.5 years" in problem


def test_what_nobody_knows_at_entry_cannot_choose_patients(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, ("for: age", "for: anc > 1 and age"))
    assert "asked.yaml:3:6" in problem and "'anc' is not known when a patient enters" in problem


@pytest.mark.parametrize("name", ["cog-standard-risk", "tower", "forum-tbi"])
def test_bundled_protocols_are_refused_nothing(name: str) -> None:
    assert refusals(read_protocol(name), library()) == []
