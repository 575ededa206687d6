"""Side effects of a run: their published incidences, their counts on tables with known answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library

EFFECT = """\
side_effect: hiccups
plain: They come and go.
grades:
  1: {value: 1, unit: "-", read: assumed, because: a test}
course: {value: 1, unit: day, read: assumed, because: a test}
published:
"""
SEEN = "  - {name: A trial, protocol: cog-standard-risk, phase: induction, value: 10, n: 200, source: forum, "


def shelf(folder: Path, published: str, head: str = EFFECT) -> Library:
    (folder / "side_effects").mkdir()
    (folder / "side_effects" / "hiccups.yaml").write_text(head + published, encoding="utf-8")
    return Library(extra=[folder])


def test_a_published_incidence_is_read_with_its_place_and_time(tmp_path: Path) -> None:
    line = SEEN + "read: abstract, used: predict, grade: 3, within_days: 14, among: {age_y: [10, 30]}}"
    effect = shelf(tmp_path, line).side_effect("hiccups")
    (seen,) = effect.published
    assert seen.label() == "grade 3 or more within 14 days of the start of induction, age_y 10 to < 30"
    row = effect.rows()[-1]
    assert (row.value, row.unit, row.read, row.source, row.note) == (10, "percent", "abstract", "forum", "predict")


@pytest.mark.parametrize(
    ("line", "place", "says"),
    [
        (SEEN + "read: memory, used: predict}", "7:", "a number read from memory cannot predict"),
        (SEEN + "read: abstract, used: predict, interval: [11, 20]}", "7:", "11 to 20 are no limits of 10 percent"),
        (SEEN + "read: abstract, used: predict, grade: 6}", "7:", "'grade': input should be less than or equal to 5"),
        (SEEN + "read: abstract, used: predict, among: {age_y: old}}", "7:", "'old' does not fit age_y"),
        (SEEN.replace("phase: induction, ", "") + "read: abstract, used: predict}", "7:", "it does not say when"),
        (SEEN.replace("source: forum, ", "") + "read: label, used: predict}", "7:", "names its `source`"),
        (SEEN.replace("forum", "forums") + "read: label, used: predict}", "7:", "unknown source 'forums'"),
        (SEEN.replace("-risk", "-rsk") + "read: label, used: predict}", "7:", "Did you mean 'cog-standard-risk'?"),
        (SEEN.replace("value: 10", "value: 110") + "read: label, used: predict}", "7:", "less than or equal to 100"),
    ],
)
def test_a_mistake_in_a_published_incidence_is_told_with_its_line(
    tmp_path: Path, line: str, place: str, says: str
) -> None:
    with pytest.raises(BadInput) as told:
        shelf(tmp_path, line).side_effect("hiccups")
    assert f"hiccups.yaml:{place}" in str(told.value) and says in str(told.value)
