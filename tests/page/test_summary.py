"""A summary says of the played patients what their tables say."""

from dataclasses import replace

import polars as pl
import pytest

from remission.engine.eligible import eligible
from remission.engine.play import Options, play, prepare
from remission.knowledge.library import library
from remission.page.compared import compared, pairs
from remission.page.scenario import Scenario
from remission.page.summary import LIVES, RECORD, SCHEMAS, summarise
from remission.patient.population import draw
from remission.trial.side_by_side import compared as side_by_side

PATIENTS = 64


@pytest.fixture(scope="module")
def played():
    scenario = Scenario.read("cog-standard-risk~age4~f~16kg~102cm~b~cns1", {"patients": str(PATIENTS)})
    protocol = scenario.treatment()
    cohort = draw(protocol.population, PATIENTS, seed=1, accept=lambda p: eligible(protocol.eligible, p),
                  given=scenario.given)  # fmt: skip
    options = Options(follow_up_days=1826, record=RECORD)
    tables = play(prepare(protocol, library()), cohort, seed=1, options=options)
    return summarise(scenario, tables), tables


def test_every_table_has_its_columns_and_rows(played):
    summary, _ = played
    assert summary.patients == PATIENTS and summary.complete
    for name, schema in SCHEMAS.items():
        assert getattr(summary, name).schema == pl.Schema(schema)
        assert getattr(summary, name).height


def test_the_band_is_that_of_the_states(played):
    summary, tables = played
    day = 28
    values = tables["states"].filter(pl.col("day") == day)["anc"].sort()
    row = summary.bands.filter((pl.col("state") == "anc") & (pl.col("day") == day)).row(0, named=True)
    assert row["n"] == values.len() and row["unit"] == "10^9/L"
    assert row["q50"] == pytest.approx(values.quantile(0.5, "nearest"), rel=1e-5)
    assert row["q05"] <= row["q25"] <= row["q50"] <= row["q75"] <= row["q95"]


def test_lives_are_the_first_patients(played):
    summary, tables = played
    assert summary.people["patient"].to_list() == list(range(LIVES))
    given = tables["doses"].filter((pl.col("patient") == 3) & (pl.col("agent") == "vincristine"))
    mine = summary.life(3).doses.filter(pl.col("agent") == "vincristine")
    assert mine["day"].to_list() == given["from_day"].to_list()
    first = mine.row(0, named=True)
    assert first["phase"] == "induction" and first["phase_day"] == first["day"] + 1
    assert set(summary.life(3).lives["patient"]) == {3}


def test_shares_are_those_of_the_patients(played):
    summary, tables = played
    had = tables["side_effects"].filter(pl.col("side_effect") == "hair_loss")["patient"].n_unique()
    row = summary.side_effects_by_phase.filter(
        (pl.col("phase") == "whole treatment") & (pl.col("side_effect") == "hair_loss")
    ).row(0, named=True)
    assert row["any"] == pytest.approx(had / PATIENTS) and row["n"] == PATIENTS
    fevers = summary.burden.filter(pl.col("what") == "fevers").row(0, named=True)
    assert fevers["mean"] == pytest.approx(tables["outcomes"]["fever_episodes"].mean())
    start = summary.outcomes.filter((pl.col("event") == "event-free") & (pl.col("day") == 0)).row(0, named=True)
    assert start["share"] > 0.9 and start["n"] == PATIENTS
    end = summary.outcomes.filter(pl.col("day") == 1826).to_dicts()
    free = {row["event"]: row["share"] for row in end}
    assert free["event-free"] + free["relapse"] + free["death in remission"] + free["no remission"] == pytest.approx(1)


def test_a_week_counts_who_has_it(played):
    summary, tables = played
    week = 2
    ill = tables["side_effects"].filter(
        (pl.col("side_effect") == "hair_loss") & (pl.col("day") <= 7 * week + 6) & (pl.col("to_day") >= 7 * week)
    )["patient"].n_unique()  # fmt: skip
    row = summary.side_effects.filter((pl.col("week") == week) & (pl.col("side_effect") == "hair_loss"))
    assert (row["any"] * row["n"]).round().to_list() == ([ill] if ill else [])


def test_the_same_patients_compared_are_those_of_side_by_side(played):
    """What is kept of each patient gives the paired differences that the tables of both runs give."""
    summary, tables = played
    scenario = Scenario.read("cog-standard-risk~age4~f~16kg~102cm~b~cns1",
                             {"patients": str(PATIENTS), "without": "pegaspargase"})  # fmt: skip
    protocol = scenario.treatment()
    cohort = draw(protocol.population, PATIENTS, seed=1, accept=lambda p: eligible(protocol.eligible, p),
                  given=scenario.given)  # fmt: skip
    other = play(prepare(protocol, library()), cohort, seed=1, options=Options(follow_up_days=1826, record=RECORD))
    mine = compared(summary, summarise(scenario, other))
    theirs = side_by_side(tables, other, ("a", "b"), years=5.0)
    for measure, name in (
        ("event-free, 5 years", "event-free survival at 5 years"), ("relapse, 5 years", "relapse"),
        ("hyperglycaemia", "hyperglycaemia, any grade"), ("days in hospital for side effects",) * 2,
    ):  # fmt: skip
        expected = theirs.row(name)
        row = mine.filter(pl.col("measure") == measure).row(0, named=True)
        for column, estimate in (("first", expected.first), ("second", expected.second), ("change", expected.change)):
            told = (row[column], row[f"{column}_low"], row[f"{column}_high"])
            assert told == pytest.approx((estimate.value, estimate.low, estimate.high), rel=1e-5, abs=1e-4)
        assert row["clear"] == expected.clear
    assert pairs(summary, summary) == PATIENTS


def test_patients_who_are_others_are_not_paired(played):
    summary, _ = played
    other = replace(summary, scenario=replace(summary.scenario, seed=2))
    assert pairs(summary, other) == 0
    rows = compared(summary, other)
    assert rows["change_low"].is_null().all() and not rows["clear"].any()
