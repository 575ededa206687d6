"""What `plan` or `simulate` would refuse is found by the check, and what reads well is compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from remission.knowledge.errors import BadInput
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
        - day 3: if anc < 0.1 leave for "dialysis"
"""


def told(folder: Path, *changes: tuple[str, str]) -> list[str]:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "asked.yaml"
    path.write_text(text, encoding="utf-8")
    return [str(problem) for problem in refusals(read_protocol(path))]


def test_a_level_is_asked_for_by_rules_only_since_nothing_else_draws_it(tmp_path: Path) -> None:
    assert told(tmp_path) == []
    for change in (
        ("anc < 0.1", "methotrexate >= 100 uM"),
        ("on day 1\n      decide", "on day 1 if methotrexate < 1 uM\n      decide"),
        ("days: 28", "days: 28\n      start when: methotrexate < 0.1 uM"),
    ):
        with pytest.raises(BadInput, match="only rules ask for the level of methotrexate"):
            told(tmp_path, change)


def test_what_nobody_knows_at_entry_cannot_choose_patients(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, ("for: age", "for: anc > 1 and age"))
    assert "asked.yaml:3:6" in problem and "'anc' is not known when a patient enters" in problem


@pytest.mark.parametrize("name", ["cog-standard-risk", "tower", "forum-tbi"])
def test_bundled_protocols_are_refused_nothing(name: str) -> None:
    assert refusals(read_protocol(name), library()) == []
