"""OMOP tables: held against the fields that the Common Data Model 5.4 specifies, and against the run that they tell."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

import remission as rm
from remission.exchange import frames
from remission.exchange.omop import fields

START = date(2020, 2, 1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("omop") / "run"
    return rm.simulate("cog-high-risk", patients=11, seed=4, follow_up_years=1.6, out=folder)


@pytest.fixture(scope="module")
def tables(run, tmp_path_factory):
    def by_fives(what):  # part by part, so that keys have to count on
        for first in range(0, 11, 5):
            yield {n: frame.filter(pl.col("patient").is_between(first, first + 4)) for n, frame in what.frames.items()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "parts", by_fives)
        folder = rm.export(run, "omop", tmp_path_factory.mktemp("omop") / "cdm", start=START)
    return {name: pl.read_csv(folder / f"{name}.csv", infer_schema_length=0) for name in fields()}


def test_every_table_has_the_fields_of_the_model_in_their_types(tables):
    for name, specified in fields().items():
        table = tables[name]
        assert table.columns == [field for field, _, _ in specified]
        for field, required, kind in specified:
            known = table[field].drop_nulls()
            assert not required or len(known) == table.height, f"{name}.{field} is required"
            if kind == "integer":
                known.cast(pl.Int64)
            elif kind == "NUMERIC":
                known.cast(pl.Float64)
            elif kind == "date":
                known.str.to_date("%Y-%m-%d")
            elif kind == "TIMESTAMP":
                known.str.to_datetime("%Y-%m-%d %H:%M:%S")
            elif kind.startswith("varchar"):
                assert not len(known) or known.str.len_chars().max() <= int(kind[8:-1])


def test_keys_are_unique_and_what_they_point_at_is_there(tables):
    people = set(tables["person"]["person_id"])
    for name, table in tables.items():
        if f"{name}_id" in table.columns:
            assert table[f"{name}_id"].is_unique().all(), name
        if "person_id" in table.columns:
            assert set(table["person_id"]) <= people
    episodes = tables["episode"]
    assert set(episodes["episode_parent_id"].drop_nulls()) <= set(episodes["episode_id"])
    events = tables["episode_event"]
    assert set(events["episode_id"]) <= set(episodes["episode_id"])
    assert sorted(events["event_id"]) == sorted(tables["drug_exposure"]["drug_exposure_id"]), "each dose in one cycle"


def test_an_episode_lies_in_its_parent_and_a_dose_in_its_cycle(tables):
    episodes = {row["episode_id"]: row for row in tables["episode"].iter_rows(named=True)}
    kinds = {"32533": None, "32531": "32533", "32532": "32531"}
    for row in episodes.values():
        parent = episodes.get(row["episode_parent_id"])
        assert (parent and parent["episode_concept_id"]) == kinds[row["episode_concept_id"]]
        assert row["episode_start_date"] <= row["episode_end_date"]
        if parent:
            assert parent["person_id"] == row["person_id"]
            assert parent["episode_start_date"] <= row["episode_start_date"] <= parent["episode_end_date"]
    doses = {row["drug_exposure_id"]: row for row in tables["drug_exposure"].iter_rows(named=True)}
    for event in tables["episode_event"].iter_rows(named=True):
        cycle, dose = episodes[event["episode_id"]], doses[event["event_id"]]
        assert cycle["person_id"] == dose["person_id"]
        assert cycle["episode_start_date"] <= dose["drug_exposure_start_date"] <= cycle["episode_end_date"]


def test_the_tables_tell_what_the_run_tells(run, tables):
    def day(text):
        return (date.fromisoformat(text) - START).days

    doses = tables["drug_exposure"]
    given = run.doses.filter(pl.col("dose") > 0.0)
    assert doses.height == given.height
    total = (given["dose"] * (given["to_day"] - given["from_day"] + 1)).sum()
    assert doses["quantity"].cast(pl.Float64).sum() == pytest.approx(total)
    phases = run.events.filter(pl.col("event") == "phase start")
    cycles = tables["episode"].filter(pl.col("episode_concept_id") == "32532")
    told = {(int(r["person_id"]) - 1, day(r["episode_start_date"]), r["episode_source_value"])
            for r in cycles.iter_rows(named=True)}  # fmt: skip
    assert {(p, d, name[:50]) for p, d, name in phases.select("patient", "day", "phase").rows()} <= told
    assert cycles.height > phases.height, "maintenance has cycles"
    deaths = run.outcomes.filter(pl.col("outcome") == "death")
    assert [(int(r["person_id"]) - 1, day(r["death_date"])) for r in tables["death"].iter_rows(named=True)] == (
        deaths.sort("patient").select("patient", "outcome_day").rows()
    )
    anc = tables["measurement"].filter(pl.col("measurement_source_value").str.starts_with("anc"))
    assert anc["value_as_number"].cast(pl.Float64).to_list() == pytest.approx(
        run.measurements.sort("patient", "day")["anc"].to_list()
    )
    for row, known in zip(
        tables["person"].iter_rows(named=True), run.outcomes.sort("patient").iter_rows(named=True), strict=True
    ):
        born = date(int(row["year_of_birth"]), int(row["month_of_birth"]), int(row["day_of_birth"]))
        assert START - born == timedelta(days=int(known["age_y"] * 365.25))
        assert row["gender_concept_id"] == {"male": "8507", "female": "8532"}[known["sex"]]
