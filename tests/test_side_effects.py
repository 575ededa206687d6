"""Side effects of a run: their published incidences, their counts on tables with known answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library
from remission.knowledge.side_effect import Published
from remission.protocol.model import Protocol, Rescue
from remission.protocol.reader import read_protocol
from remission.protocol.variant import kind_of, variant
from remission.trial.endpoints import NotSimulated
from remission.trial.estimates import Estimate, cumulative_incidence
from remission.trial.incidence import Arm, Incidence, compare, count, simulated
from remission.trial.incidence_page import as_markdown, missing
from remission.trial.side_by_side import compared, influence, influence_on_incidence
from remission.trial.side_effect_tables import courses
from remission.trial.side_effects import (
    burden,
    by_phase,
    course,
    doses_by_agent,
    doses_lost,
    episodes,
    hospital_days,
    most_frequent,
    patients_with,
)
from remission.trial.summary import wilson

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
        (SEEN + "read: label, used: predict, counted: emergent}", "7:", "only a graded count is counted as 'emergent'"),
        (SEEN + "read: label, used: predict, counted: entered}", "7:", "it is not told how much of it is entered"),
        (SEEN + "read: label, used: predict, share: {value: 2, unit: '-', read: memory}}", "7:", "is a fraction"),
        (SEEN + "read: label, used: predict, tested_on: 9}", "7:", "a test is on a day since the first dose"),
        (SEEN.replace("value: 10", "value: 110") + "read: label, used: predict}", "7:", "less than or equal to 100"),
    ],
)
def test_a_mistake_in_a_published_incidence_is_told_with_its_line(
    tmp_path: Path, line: str, place: str, says: str
) -> None:
    with pytest.raises(BadInput) as told:
        shelf(tmp_path, line).side_effect("hiccups")
    assert f"hiccups.yaml:{place}" in str(told.value) and says in str(told.value)


# --- a run by hand ----------------------------------------------------------------------------


def run(
    outcomes: list[tuple[str, int, str | None]],
    events: list[tuple[int, int, str, str, str]] = (),  # type: ignore[assignment]
    side_effects: list[tuple[int, int, str, int, int]] = (),  # type: ignore[assignment]
    measurements: list[tuple[int, int, float, float, float]] = (),  # type: ignore[assignment]
    doses: list[tuple[int, str, int, int, float, str]] = (),  # type: ignore[assignment]
) -> dict[str, pl.DataFrame]:
    """Tables of patients 0, 1, ...: outcome, last day, cause of death; each began treatment in the phase `one`."""
    people = pl.DataFrame(outcomes, schema=["outcome", "outcome_day", "death_cause"], orient="row").with_columns(
        patient=pl.int_range(pl.len(), dtype=pl.Int64), outcome_day=pl.col("outcome_day").cast(pl.Int32),
        death_cause=pl.col("death_cause").cast(pl.String), remission=pl.lit(True), played_days=pl.lit(10),
        age_y=pl.int_range(pl.len()).cast(pl.Float64), red_cell_transfusions=pl.lit(2), platelet_transfusions=pl.lit(1),
        fever_episodes=pl.lit(0), delay_days=pl.lit(0),
    )  # fmt: skip
    starts = [(i, 0, "one", "phase start", "one") for i in range(len(outcomes))]
    return {
        "outcomes": people,
        "events": pl.DataFrame([*starts, *events], schema={"patient": pl.Int64, "day": pl.Int32, "phase": pl.String,
                               "event": pl.String, "detail": pl.String}, orient="row").sort("patient", "day"),
        "side_effects": pl.DataFrame(list(side_effects), schema={"patient": pl.Int64, "day": pl.Int32,
                                     "side_effect": pl.String, "grade": pl.Int8, "to_day": pl.Int32}, orient="row"),
        "measurements": pl.DataFrame(list(measurements), schema={"patient": pl.Int64, "day": pl.Int32,
                                     "anc": pl.Float64, "platelets": pl.Float64, "haemoglobin": pl.Float64},
                                     orient="row"),
        "doses": pl.DataFrame(list(doses), schema={"patient": pl.Int64, "agent": pl.String, "from_day": pl.Int32,
                              "to_day": pl.Int32, "factor": pl.Float64, "reason": pl.String}, orient="row"),
    }  # fmt: skip


WELL = ("in remission", 400, None)


def rows_of(table: pl.DataFrame, phase: str, side_effect: str) -> list[tuple[int, int, int]]:
    """(grade, patients, of)"""
    mine = table.filter((pl.col("phase") == phase) & (pl.col("side_effect") == side_effect))
    return list(mine.select("grade", "patients", "of").iter_rows())


def test_incidence_and_worst_grade_are_counted_by_phase_of_those_who_began_it() -> None:
    tables = run(
        [WELL] * 4,
        [(i, 30, "two", "phase start", "two") for i in range(3)] + [(0, 60, "two", "end of treatment", "")],
        [(0, 5, "vod", 2, 9), (0, 40, "vod", 4, 50), (1, 31, "vod", 3, 40), (3, 29, "vod", 2, 30),
         (0, 70, "crs", 1, 71)],
    )  # fmt: skip
    table = by_phase(tables)
    assert rows_of(table, "one", "vod") == [(1, 2, 4), (2, 2, 4)], "patients 0 and 3 of four"
    assert rows_of(table, "two", "vod") == [(1, 2, 3), (2, 2, 3), (3, 2, 3), (4, 1, 3)], "patients 0 and 1 of three"
    assert rows_of(table, "whole treatment", "vod") == [(1, 3, 4), (2, 3, 4), (3, 2, 4), (4, 1, 4)]
    assert rows_of(table, "after treatment", "crs") == [(1, 1, 1)]
    assert table["phase"].unique(maintain_order=True).to_list() == ["whole treatment", "one", "two", "after treatment"]


def test_limits_are_wilsons() -> None:
    table = by_phase(run([WELL] * 10, [], [(0, 5, "vod", 2, 9)]))
    row = table.filter((pl.col("phase") == "one") & (pl.col("grade") == 2)).row(0, named=True)
    assert (row["percent"], *wilson(1, 10)) == pytest.approx((10, row["low"] / 100, row["high"] / 100))


def test_counts_are_graded_as_measured_and_those_of_the_first_day_are_the_diseases() -> None:
    tables = run(
        [WELL] * 2,
        measurements=[(0, 0, 0.1, 10, 5), (0, 7, 1.4, 49, 7.9), (0, 14, 0.4, 80, 12), (0, 21, 2.0, 200, 12),
                      (1, 7, 1.0, 50, 8.0)],
    )  # fmt: skip
    found = episodes(tables).collect()
    grades = {
        (r["patient"], r["day"], r["side_effect"]): (r["grade"], r["to_day"]) for r in found.iter_rows(named=True)
    }
    assert grades == {
        (0, 7, "neutropenia"): (2, 13), (0, 14, "neutropenia"): (4, 20), (1, 7, "neutropenia"): (2, 7),
        (0, 7, "thrombocytopenia"): (3, 13), (0, 14, "thrombocytopenia"): (1, 20), (1, 7, "thrombocytopenia"): (2, 7),
        (0, 7, "anaemia"): (3, 13), (1, 7, "anaemia"): (2, 7),
    }  # fmt: skip


def test_infections_are_side_effects_and_one_that_kills_is_grade_5() -> None:
    tables = run(
        [WELL, ("death", 9, "infection")],
        [(0, 5, "one", "fever", "ANC 0.99"), (0, 50, "one", "fever", "ANC 1"), (1, 9, "one", "fever", "ANC 0.1"),
         (1, 9, "one", "bloodstream infection", "ANC 0.1"), (0, 5, "one", "bloodstream infection", "ANC 0.99")],
    )  # fmt: skip
    found = episodes(tables).sort("side_effect", "patient").collect()
    assert list(found.select("side_effect", "patient", "day", "grade").iter_rows()) == [
        ("bloodstream_infection", 0, 5, 3), ("bloodstream_infection", 1, 9, 5),
        ("febrile_neutropenia", 0, 5, 3), ("febrile_neutropenia", 1, 9, 3),
    ]  # fmt: skip
    assert episodes(tables, only="bloodstream_infection").collect().height == 2


def test_a_patients_course_says_every_grade_of_every_day() -> None:
    tables = run([WELL] * 2, [], [(1, 2, "vod", 2, 4), (1, 4, "vod", 3, 5), (1, 9, "crs", 1, 40), (0, 1, "gvhd", 2, 3)])
    table = course(tables, 1)
    assert table.columns == ["day", "crs", "vod"] and table["day"].to_list() == list(range(11))
    assert table["vod"].to_list() == [0, 0, 2, 2, 3, 3, 0, 0, 0, 0, 0]
    assert table["crs"].to_list() == [0] * 9 + [1, 1], "until the last day that was played"
    assert courses(table) == [("VOD", "2", "5", "3", ""), ("CRS", "9", "10", "1", "fever (chills)")]


def test_days_in_hospital_are_counted_once_and_end_with_life() -> None:
    fn, blood = (library().side_effect(n).hospital[3].value for n in ("febrile_neutropenia", "bloodstream_infection"))
    tables = run(
        [WELL, WELL, ("death", 9, "infection"), WELL],
        [(i, 5, "one", "fever", "ANC 0.1") for i in range(2)] + [(1, 5, "one", "bloodstream infection", "ANC 0.1")]
        + [(1, 60, "one", "fever", "ANC 0.1"), (2, 8, "one", "bloodstream infection", "ANC 0.1"),
           (2, 9, "one", "bloodstream infection", "ANC 0.1")],
    )  # fmt: skip
    assert hospital_days(tables)["days"].to_list() == [fn, max(fn, blood) + fn, 2, 0]


def test_doses_that_were_missed_or_lowered_are_told_by_patient_and_agent() -> None:
    tables = run(
        [WELL] * 2,
        doses=[(0, "mercaptopurine", 0, 9, 1.0, "protocol"), (0, "mercaptopurine", 10, 14, 0.0, "held"),
               (0, "mercaptopurine", 15, 19, 0.5, "reduced"), (0, "vincristine", 0, 0, 0.0, "omitted"),
               (1, "vincristine", 0, 0, 1.0, "protocol"), (1, "leucovorin", 0, 3, 1.0, "rescue")],
    )  # fmt: skip
    assert list(doses_lost(tables).iter_rows()) == [(0, 21, 6, 5), (1, 1, 0, 0)]
    assert list(doses_by_agent(tables).iter_rows()) == [("mercaptopurine", 20, 5, 5), ("vincristine", 2, 1, 0)]


def test_the_burden_has_means_with_limits_and_deaths_by_cause() -> None:
    people = [WELL, ("death", 9, "infection"), ("death", 30, "vod"), ("death", 31, "infection")]
    rows = {row.measure: row for row in burden(run(people))}
    assert (rows["infection"].value, rows["infection"].count, rows["VOD"].value) == (50, 2, 25)
    assert rows["red-cell transfusions (mean)"].value == rows["red-cell transfusions (mean)"].low == 2
    assert rows["days in hospital for side effects (mean)"].value == 0


def test_the_most_frequent_severe_side_effects_come_first() -> None:
    tables = run([WELL] * 4, [], [(0, 5, "vod", 3, 9), (1, 5, "vod", 4, 9), (0, 5, "crs", 3, 9), (2, 5, "gvhd", 2, 9)])
    found = [(row.measure, row.count, row.of) for row in most_frequent([patients_with(tables)], 4)]
    assert found == [("VOD", 2, 4), ("CRS", 1, 4)]
    others = run([WELL] * 2, [], [(0, 5, "crs", 4, 9), (1, 5, "crs", 3, 9)])
    counts = [patients_with(tables), patients_with(others)]
    assert [(row.measure, row.count, row.of) for row in most_frequent(counts, 6)] == [("CRS", 3, 6), ("VOD", 2, 6)]


# --- published and simulated ------------------------------------------------------------------


def seen(**keys: Any) -> Published:
    given = {"name": "T", "protocol": "p", "value": 50, "n": 20, "read": "label", "source": "forum", "used": "predict"}
    return Published(**(given | keys))


VOD = run(
    [WELL] * 4,
    [(i, 30, "two", "phase start", "two") for i in range(2)],
    [(0, 5, "vod", 2, 9), (0, 44, "vod", 4, 50), (1, 45, "vod", 3, 50), (2, 31, "vod", 3, 40)],
)


@pytest.mark.parametrize(
    ("keys", "percent", "of"),
    [
        ({"phase": "one"}, 50, 4),
        ({"phase": "one", "grade": 3}, 25, 4),
        ({"phase": "two", "grade": 4}, 50, 2),
        ({"phase": "two", "within_days": 14}, 50, 2),
        ({"phase": "two", "within_days": 15}, 100, 2),
        ({"within_days": 31}, 50, 4),
        ({"within_days": 31, "among": {"age_y": [2, 4]}}, 50, 2),
        ({"within_days": 400, "grade": 5}, 0, 4),
    ],
)
def test_incidence_in_a_phase_in_a_time_and_of_some(keys: dict[str, Any], percent: float, of: int) -> None:
    found = simulated(VOD, "vod", seen(**keys))
    assert (found.value, found.n) == (percent, of)


def test_a_phase_of_a_linked_protocol_is_counted_only_where_the_protocol_has_none_of_that_name() -> None:
    gone = [(0, 30, "high: two", "phase start", "high: two"), (1, 30, "high: two", "phase start", "high: two")]
    ill = [(0, 40, "vod", 3, 50)]
    linked = run([WELL] * 4, gone, ill)
    own = run([WELL] * 4, [*gone, *((i, 30, "two", "phase start", "two") for i in (2, 3))], ill)
    assert simulated(linked, "vod", seen(phase="two")).value == 50
    assert simulated(own, "vod", seen(phase="two")).value == 0


def test_an_emergent_count_is_one_that_was_not_as_low_before() -> None:
    """Low from the start; normal and then low; low, normal, low again; low and then worse."""
    counts = [(0.3, 0.4, 0.4), (2.0, 0.4, 2.0), (0.3, 1.2, 0.9), (0.9, 0.8, 0.4)]
    tables = run([WELL] * 4, measurements=[
        (i, 7 * k, anc, 100.0, 10.0) for i, course in enumerate(counts) for k, anc in enumerate(course)
    ])  # fmt: skip
    for grade, every, emergent in ((3, 100, 50), (4, 75, 50)):
        keys: dict[str, Any] = {"within_days": 30, "grade": grade}
        assert simulated(tables, "neutropenia", seen(**keys)).value == every
        assert simulated(tables, "neutropenia", seen(**keys, counted="emergent")).value == emergent


def test_a_worsened_count_is_lower_than_the_first() -> None:
    """Low from the start; normal and then low; of grade 3 and then of grade 4; of grade 3 all the time."""
    counts = [(0.3, 0.4), (2.0, 0.8), (0.9, 0.4), (0.9, 0.8)]
    tables = run([WELL] * 4, measurements=[
        (i, 7 * k, anc, 100.0, 10.0) for i, course in enumerate(counts) for k, anc in enumerate(course)
    ])  # fmt: skip
    for grade, share in ((3, 50), (4, 25)):
        found = simulated(tables, "neutropenia", seen(within_days=30, grade=grade, counted="worsened"))
        assert found.value == share


def test_of_what_happens_trials_forms_hold_a_part_of_the_patients_or_of_the_episodes() -> None:
    """Counts: a share of who was low. Fevers: who had two is entered more often than who had one."""
    counts = [(0.3, 2.0), (2.0, 0.8), (2.0, 2.0), (2.0, 2.0)]
    fevers = [(0, 9, "one", "fever", "ANC 0.2"), (0, 29, "one", "fever", "ANC 0.2"), (1, 9, "one", "fever", "ANC 0.2")]
    tables = run([WELL] * 4, events=fevers, measurements=[
        (i, 7 + 7 * k, anc, 100.0, 10.0) for i, course in enumerate(counts) for k, anc in enumerate(course)
    ])  # fmt: skip
    of_counts, of_fevers = (library().side_effect(name).entered for name in ("neutropenia", "febrile_neutropenia"))
    assert of_counts and of_fevers and (of_counts.of, of_fevers.of) == ("patients", "episodes")
    keys: dict[str, Any] = {"within_days": 40, "grade": 3, "counted": "entered"}
    assert simulated(tables, "neutropenia", seen(**keys)).value == pytest.approx(50 * of_counts.share.value)
    missed = 1 - of_fevers.share.value
    expected = 25 * (1 - missed**2) + 25 * (1 - missed)
    assert simulated(tables, "febrile_neutropenia", seen(**keys)).value == pytest.approx(expected)


def test_a_share_of_its_own_tells_how_much_of_what_worsened_a_trials_forms_hold() -> None:
    counts = [(0.3, 0.4), (2.0, 0.8), (0.9, 0.4), (0.9, 0.8)]
    tables = run([WELL] * 4, measurements=[
        (i, 7 * k, anc, 100.0, 10.0) for i, course in enumerate(counts) for k, anc in enumerate(course)
    ])  # fmt: skip
    share = {"value": 0.4, "unit": "-", "read": "assumed", "because": "a test"}
    keys: dict[str, Any] = {"within_days": 30, "grade": 3, "counted": "worsened"}
    now = seen(**keys, share=share, before=[{"counted": "worsened"}, {"counted": "entered"}])
    assert simulated(tables, "neutropenia", now).value == pytest.approx(0.4 * 50)
    first, then = (simulated(tables, "neutropenia", old).value for old in now.as_before())
    entered = library().side_effect("neutropenia").entered
    assert entered and (first, then) == (50, pytest.approx(100 * entered.share.value))


def test_a_percent_of_measurements_is_not_one_of_patients() -> None:
    """Four measurements after the first day, one of them low; the first day's is the disease's."""
    counts = [(0.1, 0.3, 2.0), (0.1, 2.0, 2.0)]
    tables = run([WELL] * 2, measurements=[
        (i, 7 * k, anc, 100.0, 10.0) for i, course in enumerate(counts) for k, anc in enumerate(course)
    ])  # fmt: skip
    found = simulated(tables, "neutropenia", seen(within_days=40, grade=4, counted="measurements"))
    assert (found.value, found.n) == (25, 2)
    assert simulated(tables, "neutropenia", seen(within_days=10, grade=4, counted="measurements")).value == 50


def test_who_is_tested_on_a_day_must_have_it_on_that_day() -> None:
    for day, percent in ((5, 25), (9, 25), (10, 0), (46, 50)):
        assert simulated(VOD, "vod", seen(within_days=60, tested_on=day)).value == percent


def test_what_is_not_simulated_is_told() -> None:
    with pytest.raises(NotSimulated, match="no side effect 'stroke'"):
        simulated(VOD, "stroke", seen(phase="one"))
    with pytest.raises(NotSimulated, match="no patient began a phase 'three'"):
        simulated(VOD, "vod", seen(phase="three"))
    with pytest.raises(NotSimulated, match="no grade above 3 of anaemia"):
        simulated(VOD, "anaemia", seen(phase="one", grade=4))
    with pytest.raises(NotSimulated, match="no patient to count"):
        simulated(VOD, "vod", seen(phase="one", among={"age_y": [50, 60]}))


def test_verdicts_and_counts_of_incidences() -> None:
    rows = [
        Incidence("vod", seen(phase="one"), Estimate(50, 40, 60, 9)),
        Incidence("vod", seen(phase="one", interval=[49, 51]), Estimate(60, 40, 80, 9)),
        Incidence("crs", seen(phase="one", used="calibrate", interval=[40, 60]), Estimate(60, 40, 80, 9)),
        Incidence("crs", seen(phase="one", n=None), Estimate(60, 40, 80, 9)),
        Incidence("gvhd", seen(phase="one"), None, "nobody had it"),
        Incidence("anaemia", seen(phase="one", used="orientation"), Estimate(60, 40, 80, 9)),
    ]
    assert [row.verdict for row in rows] == ["yes", "no", "yes", "no interval", "not simulated", "-"]
    one = count(rows)
    assert (one.inside, one.judged, one.all) == (2, 3, 5)
    assert (one.effects_all_inside, one.effects_some_inside, one.effects_judged) == (1, 2, 2)
    lacking = dict(missing(rows))
    assert lacking["GVHD"] == "nobody had it" and lacking["anaemia"] == "the published numbers are orientation only"
    assert lacking["neutropenia"] == "no published incidence was found" and "VOD" not in lacking
    page = as_markdown(rows, patients=9, seed=1)
    assert "**Predicted: 1 of 2 incidences in the published interval (4 published).**" in page


def test_what_was_counted_otherwise_before_its_result_was_seen_is_told_both_ways() -> None:
    now = seen(within_days=40, grade=3, counted="entered", before={"counted": "worsened"})
    (old,) = now.as_before()
    assert (old.counted, old.grade, old.label()) == ("worsened", 3, now.label())
    assert seen(within_days=40).as_before() == []
    before = (Estimate(99, 90, 100, 9), Estimate(70, 60, 80, 9))
    rows = [
        Incidence("neutropenia", now, Estimate(50, 40, 60, 9), before=before),
        Incidence("anaemia", seen(phase="one"), Estimate(50, 40, 60, 9)),
    ]
    assert [row.verdict_before for row in rows] == ["no", "yes"]
    page = as_markdown(rows, patients=9, seed=1)
    assert "counted as before 99.0 %, then 70.0 %" in page
    assert "counted before: 1 of 2. What is counted was changed for 1" in page


def test_an_arm_that_cannot_be_played_is_told_and_each_arm_is_played_once() -> None:
    played: list[Arm] = []

    def play(arm: Arm, years: float) -> dict[str, pl.DataFrame]:
        played.append(arm)
        raise BadInput("no such protocol", file="/somewhere/p.yaml", line=3)

    rows = compare(library(), play)
    assert rows and all(row.why == "cannot be played: p.yaml:3: no such protocol." for row in rows)
    assert len(played) == len(set(played))


def test_every_published_incidence_names_a_phase_that_its_protocol_has() -> None:
    for name in library().side_effects():
        for one in library().side_effect(name).published:
            phases = [phase.id for phase in read_protocol(one.protocol, checked=False).phases]
            assert {*one.in_phases} <= {*phases}, f"{name}: {one.protocol} has no phase {one.phase}"


# --- side by side -----------------------------------------------------------------------------


def test_two_treatments_are_compared_patient_by_patient() -> None:
    first = run([WELL, ("death", 50, "infection"), ("relapse", 90, None), WELL], [], [(0, 5, "vod", 3, 6)])
    second = run([WELL, WELL, ("relapse", 90, None), WELL], [], [(0, 5, "vod", 2, 6), (1, 5, "vod", 2, 6)])
    done = compared(first, second, ("a", "b"), years=1.0)
    survival = done.row("event-free survival at 1 year")
    assert (survival.first.value, survival.second.value, survival.change.value) == pytest.approx((50, 75, 25))
    half = 1.96 * 50 / 2  # the paired difference is 100 in one of four patients: SD 50
    assert survival.change.high == pytest.approx(25 + half, rel=1e-3)
    died = done.row("infection")
    assert (died.first.value, died.second.value, died.change.value, died.clear) == (25, 0, -25, False)
    days = done.row("VOD, days in grade 3 or more")
    assert (days.first.value, days.second.value) == (0.5, 0)
    assert done.row("VOD, any grade").change.value == 25
    assert done.row("relapse").change.low == done.row("relapse").change.high == 0


def test_the_same_treatment_twice_differs_in_nothing() -> None:
    done = compared(VOD, VOD, ("a", "a"), years=1.0)
    assert all(row.change.value == row.change.low == row.change.high == 0 for row in done.rows)


def test_influences_on_a_cumulative_incidence_are_those_of_the_jackknife() -> None:
    rng = np.random.default_rng(0)
    day, cause = rng.integers(0, 40, 200).astype(float), rng.choice([0, 1, 2], 200, p=[0.4, 0.35, 0.25])
    whole = cumulative_incidence(day, cause, 30.0).value
    without = [cumulative_incidence(np.delete(day, i), np.delete(cause, i), 30.0).value for i in range(200)]
    moved = influence_on_incidence(day, cause, 30.0)
    assert moved.sum() == pytest.approx(0, abs=1e-9)
    assert moved == pytest.approx(199 * (whole - np.array(without)), abs=0.01)


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=30, max_size=80))
def test_influences_give_greenwoods_variance(people: list[tuple[int, bool]]) -> None:
    day = np.array([d for d, _ in people], dtype=float)
    failed = np.array([f for _, f in people])
    moved = influence(day, failed, 20.0)
    assert moved.sum() == pytest.approx(0.0, abs=1e-9)
    value, greenwood = 1.0, 0.0
    for t in sorted(set(day[failed & (day <= 20)])):
        risk, died = (day >= t).sum(), ((day == t) & failed).sum()
        value *= 1 - died / risk
        greenwood += died / (risk * (risk - died)) if risk > died else 0.0
    if value > 0:
        assert (moved**2).mean() / day.size == pytest.approx(value**2 * greenwood, rel=1e-6, abs=1e-12)


# --- a protocol with something changed --------------------------------------------------------


def test_one_route_of_an_agent_can_be_left_out() -> None:
    whole = read_protocol("cog-high-risk")
    less = variant(whole, without=["methotrexate it"])
    assert less.id == "cog-high-risk without methotrexate IT"

    def given(protocol: Protocol) -> set[tuple[str, str]]:
        return {(give.agent, give.route) for phase in protocol.phases for give in phase.give}

    assert given(whole) - given(less) == {("methotrexate", "IT")} and given(less) <= given(whole)
    assert not any(("methotrexate", "IT") in g.not_with for phase in less.phases for g in phase.give)
    rules = [rule.text for phase in whole.phases for rule in phase.rules] + [rule.text for rule in whole.rules]
    kept = [rule.text for phase in less.phases for rule in phase.rules] + [rule.text for rule in less.rules]
    assert {text for text in rules if "methotrexate" in text and "methotrexate IT" not in text} <= set(kept)
    nothing_left = variant(whole, without=["methotrexate IT", "methotrexate IV", "methotrexate PO"])
    assert nothing_left.phases == variant(whole, without=["methotrexate"]).phases
    with pytest.raises(BadInput, match="does not give methotrexate SC there. It gives .*methotrexate IT"):
        variant(whole, without=["methotrexate SC"])
    with pytest.raises(BadInput, match="unknown agent"):
        variant(whole, without=["IT"])


def test_an_agent_can_be_left_out_with_all_that_is_said_of_it() -> None:
    whole = read_protocol("cog-high-risk")
    less = variant(whole, without=["methotrexate"])
    assert "methotrexate" not in {give.agent for phase in less.phases for give in phase.give}
    said = [target.agent for rule in less.rules for target in getattr(rule.action, "targets", ())]
    said += [t.agent for phase in less.phases for rule in phase.rules for t in getattr(rule.action, "targets", ())]
    assert "methotrexate" not in said and "mercaptopurine" in said
    assert not any(isinstance(rule.action, Rescue) for phase in less.phases for rule in phase.rules)
    assert less.id == "cog-high-risk without methotrexate" and less.file == whole.file
    assert variant(whole) is whole


def test_a_sentence_can_be_added_in_a_phase_and_an_agent_replaced() -> None:
    whole = read_protocol("cog-high-risk")
    sentence = "pegaspargase 1000 IU/m2 IV on day 4"
    capped = variant(whole, without=["pegaspargase"], add=[sentence], phases=["induction"])
    doses = [give.amount for give in capped.phase("induction").give if give.agent == "pegaspargase"]
    assert doses == [1000] and capped.phase("consolidation") == whole.phase("consolidation")
    assert capped.id == f'cog-high-risk without pegaspargase and with "{sentence}" in induction'


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("vincristine 1.5 mg/m2 IV on day 1", "give"),
        ("day 29: marrow MRD", "check"),
        ("days 1-14: counts", "check"),
        ("day 29: if marrow MRD >= 0.01% go to consolidation", "decide"),
        ("day 29 waits until anc >= 0.75", "rule"),
        ("hold mercaptopurine when anc < 0.5 until anc >= 0.75", "rule"),
    ],
)
def test_what_a_sentence_is_follows_from_its_first_words(sentence: str, kind: str) -> None:
    assert kind_of(sentence) == kind


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"without": ["blinatumomab"]}, "does not give blinatumomab there"),
        ({"without": ["vincrist"]}, "Did you mean 'vincristine'?"),
        ({"add": ["vincristine 1 mg/m2 IV on day 99"], "phases": ["induction"]}, "day 99 lies beyond the phase"),
        ({"add": ["vincristine 1 mg/m2 IV on day 1"], "phases": ["inducton"]}, "Did you mean 'induction'?"),
        ({"phases": ["induction"]}, "nothing is changed"),
    ],
)
def test_a_change_that_cannot_be_is_told(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=".*") as told:
        variant(read_protocol("cog-high-risk"), **keys)
    assert says in str(told.value)


def test_side_effects_looked_up_in_the_text_are_those_that_their_files_make() -> None:
    shelf = library()
    read = {name: shelf.side_effect(name) for name in shelf.side_effects()}
    assert shelf.side_effects_with_causes() == [name for name, effect in read.items() if effect.causes]
    assert shelf.side_effects(computed=False) == [name for name, effect in read.items() if not effect.computed]
