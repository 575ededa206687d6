"""The same chance in every arm: what an agent does not touch stays the same when it is left out, patient by patient,
and a day's delay, a new side effect or the order of files change nobody's fate."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from remission.engine.play import Options, play
from remission.engine.program import prepare
from remission.knowledge.library import DATA, Library, library
from remission.patient.cohort import Cohort
from remission.patient.person import one
from remission.patient.population import draw
from remission.protocol.model import Protocol
from remission.protocol.reader import read_protocol
from remission.protocol.variant import variant

FEW_WEEKS = Options(follow_up_days=63)
NEW = """\
side_effect: {name}
plain: They come and go.
grades:
  1: {{value: 1, unit: "-", read: assumed, because: a test}}
course: {{value: 3, unit: day, read: assumed, because: a test}}
causes:
  - of: neutrophils
    below: {{value: 1, unit: Gcell/L, read: assumed, because: a test}}
    hazard: {{value: 0.3, unit: 1/day, read: assumed, because: a test}}
"""


@pytest.fixture(scope="module")
def children() -> Cohort:
    return draw("standard-risk-b-all", 96, seed=5)


def run(
    protocol: Protocol, people: Cohort, shelf: Library | None = None, options: Options = FEW_WEEKS
) -> dict[str, pl.DataFrame]:
    shelf = shelf or library()
    return play(prepare(protocol, shelf), people, seed=5, threads=1, options=options, knowledge=shelf)


def whole(seen: dict[str, pl.DataFrame], *names: str) -> list[tuple[object, ...]]:
    rows = seen["side_effects"].filter(pl.col("side_effect").is_in(names))
    return rows.sort("side_effect", "patient", "day").rows()


@pytest.fixture(scope="module")
def standard(children: Cohort) -> dict[str, pl.DataFrame]:
    return run(read_protocol("cog-standard-risk"), children)


def firsts(seen: dict[str, pl.DataFrame], name: str, last: int) -> dict[int, tuple[int, int]]:
    """The day and the grade of everybody's first episode up to a day."""
    rows = seen["side_effects"].filter((pl.col("side_effect") == name) & (pl.col("day") <= last)).sort("day")
    return {patient: (day, grade) for patient, day, grade in rows.select("patient", "day", "grade").reverse().rows()}


INDUCTION = 34  # its last day: what follows hangs on the response


def dead_by(seen: dict[str, pl.DataFrame], last: int) -> set[int]:
    return set(seen["outcomes"].filter((pl.col("outcome") == "death") & (pl.col("outcome_day") <= last))["patient"])


@pytest.mark.parametrize(
    ("drug", "untouched", "touched"),
    [
        (
            "vincristine",
            ("asparaginase_allergy", "hyperglycaemia", "hypertension", "liver_injury", "mood_change", "pancreatitis"),
            "neuropathy",
        ),
        (
            "dexamethasone",
            ("asparaginase_allergy", "neuropathy", "constipation", "nausea_vomiting", "pancreatitis"),
            "mood_change",
        ),
    ],
)
def test_without_a_drug_everybody_has_the_same_side_effects_of_the_others(
    standard, children, drug: str, untouched: tuple[str, ...], touched: str
) -> None:
    without = run(variant(read_protocol("cog-standard-risk"), without=[drug]), children)
    dead = dead_by(standard, INDUCTION) | dead_by(without, INDUCTION)  # steroids decide who survives an infection

    def of_the_others(seen: dict[str, pl.DataFrame], name: str) -> dict[int, tuple[int, int]]:
        return {patient: first for patient, first in firsts(seen, name, INDUCTION).items() if patient not in dead}

    for name in untouched:
        assert of_the_others(standard, name), f"somebody has {name}"
        assert of_the_others(without, name) == of_the_others(standard, name), name
    assert len(firsts(without, touched, INDUCTION)) < len(firsts(standard, touched, INDUCTION)), "what it does is gone"


def test_one_more_drug_changes_what_it_acts_on_and_nothing_else(standard, children) -> None:
    sentence = "ondansetron 5 mg/m2 PO every 12 hours on days 1-29"
    more = run(variant(read_protocol("cog-standard-risk"), add=[sentence], phases=["induction"]), children)
    for name in ("measurements", "mrd", "states", "outcomes"):
        assert_frame_equal(more[name], standard[name])
    acted_on = {effect.on for effect in library().agent("ondansetron").effects}
    others = sorted(set(standard["side_effects"]["side_effect"]) - acted_on)
    assert acted_on and whole(more, *others) == whole(standard, *others)


def test_a_new_side_effect_does_not_move_the_others(standard, children, tmp_path: Path) -> None:
    (tmp_path / "side_effects").mkdir()
    for name in ("aaa_hiccups", "zzz_hiccups"):  # before all others and after them
        (tmp_path / "side_effects" / f"{name}.yaml").write_text(NEW.format(name=name), encoding="utf-8")
    more = run(read_protocol("cog-standard-risk"), children, Library(extra=[tmp_path]))
    assert whole(more, "aaa_hiccups") and whole(more, "zzz_hiccups")
    others = sorted(set(standard["side_effects"]["side_effect"]))
    assert whole(more, *others) == whole(standard, *others)
    for name in ("measurements", "mrd", "states", "doses", "events"):
        assert_frame_equal(more[name], standard[name])


LATE = """\
protocol: late-{before}
name: A protocol that begins late
plain: A test.
sources: [forum]
phases:
  - before:
      days: {before}
      check:
        - day 1: counts
  - induction:
      days: 42
      give:
        - pegaspargase 2500 IU/m2 IV on days 1, 15, 29 [memory]
      check:
        - daily: counts
"""


def without_weather(folder: Path) -> Library:
    """Colds and the swing of the marrow go by the calendar, not by the day of the protocol: here there are none."""
    text = re.sub(r"value: [0-9.]+", "value: 0", (DATA / "body" / "weeks.yaml").read_text(encoding="utf-8"))
    own = folder / "own" / "body"
    own.mkdir(parents=True, exist_ok=True)
    (own / "weeks.yaml").write_text(text, encoding="utf-8")
    return Library(extra=[own.parent])


def test_whoever_begins_some_days_later_has_the_same_fate_some_days_later(tmp_path: Path) -> None:
    well = {"marrow_blasts": 1e-9, "blood_blasts": 0.0, "wbc": 6.0, "anc": 4.0, "platelets": 260.0, "haemoglobin": 12.5,
            "growth_per_day": 1e-3}  # fmt: skip
    child = one(age_y=6.0, sex="female", weight_kg=25.0, height_cm=144.0, **well)
    many = child.take([0] * 64)
    many.patient[:] = range(64)
    seen = []
    for before in (60, 65):  # long enough for a steady state
        path = tmp_path / f"late-{before}.yaml"
        path.write_text(LATE.format(before=before), encoding="utf-8")
        options = Options(follow_up_days=before + 42)
        seen.append(run(read_protocol(path), many, without_weather(tmp_path), options))
    what = ("asparaginase_allergy", "silent_inactivation")
    early, late = ([row[:4] for row in whole(tables, *what)] for tables in seen)
    assert len(early) >= 5
    assert late == [(who, day + 5, name, grade) for who, day, name, grade in early]
    counts = [t["measurements"].filter(pl.col("phase") == "induction").sort("patient", "day")["anc"] for t in seen]
    assert (counts[0] / counts[1] - 1.0).abs().max() < 0.02, "also the noise of the laboratory, of 10 %"


LOTS = """\
protocol: lots
name: Lots
plain: A test.
population: standard-risk-b-all
sources: []
phases:
  - first:
      name: First
      days: 3
      give: [vincristine 1.5 mg/m2 IV (max 2 mg) on day 1]
      check: ['days 1, 3: counts']
      decide: ['day 3: if chance < 30% go to third']
  - second:
      name: Second
      days: 3
      check: ['day 3: counts']
      decide: ['day 3: if chance < 50% leave for "lot"']
      next: end
  - third: {name: Third, days: 3, check: ['day 1: counts'], next: end}
"""


def test_so_many_are_sent_on_by_lot_and_every_visit_draws_anew(tmp_path: Path) -> None:
    path = tmp_path / "lots.yaml"
    path.write_text(LOTS)
    many = draw("standard-risk-b-all", 1500, seed=5)
    events = run(read_protocol(path), many)["events"]
    third = set(events.filter((pl.col("event") == "phase start") & (pl.col("phase") == "third"))["patient"])
    left = set(events.filter(pl.col("event") == "left")["patient"])
    assert len(third) / 1500 == pytest.approx(0.3, abs=0.04) and not third & left
    assert len(left) / (1500 - len(third)) == pytest.approx(0.5, abs=0.05)  # not 2 of 7: one lot for both
    alike = run(read_protocol(path), many.take(slice(100, 140)))["events"]
    assert set(alike.filter(pl.col("event") == "left")["patient"]) == {i for i in left if 100 <= i < 140}
    still = Options(follow_up_days=63, chance=False)
    certain = run(read_protocol(path), many.take(slice(0, 40)), options=still)["events"]
    assert certain.filter(pl.col("phase") == "third").is_empty()
