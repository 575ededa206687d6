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
      decide:
        - day 3: if methotrexate >= 100 uM leave for "dialysis"
"""


def told(folder: Path, *changes: tuple[str, str]) -> list[str]:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "asked.yaml"
    path.write_text(text, encoding="utf-8")
    return [str(problem) for problem in refusals(read_protocol(path))]


def test_a_level_may_be_asked_for_in_every_condition_and_compiles(tmp_path: Path) -> None:
    assert told(tmp_path) == []
    assert told(tmp_path, ("on day 1\n      decide", "on day 1 if methotrexate < 1 uM\n      decide")) == []
    assert told(tmp_path, ("days: 28", "days: 28\n      start when: methotrexate < 0.1 uM")) == []


def test_what_nobody_knows_at_entry_cannot_choose_patients(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, ("for: age", "for: anc > 1 and age"))
    assert "asked.yaml:3:6" in problem and "'anc' is not known when a patient enters" in problem


@pytest.mark.parametrize("name", ["cog-standard-risk", "tower", "forum-tbi"])
def test_bundled_protocols_are_refused_nothing(name: str) -> None:
    assert refusals(read_protocol(name), library()) == []
