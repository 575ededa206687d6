"""A summary says of the played patients what their tables say."""

import polars as pl
import pytest

from remission.engine.eligible import eligible
from remission.engine.play import Options, play, prepare
from remission.knowledge.library import library
from remission.page.scenario import Scenario
from remission.page.summary import LIVES, RECORD, SCHEMAS, summarise
from remission.patient.population import draw

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
