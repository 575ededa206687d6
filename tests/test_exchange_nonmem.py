"""Event tables: what NONMEM, mrgsolve and rxode2 ask of them, expanded here by itself and held against the run."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import remission as rm
from remission.exchange.nonmem import runs
from remission.knowledge.errors import BadInput


@pytest.fixture(scope="module")
def run():
    levels = rm.variant("cog-high-risk", add=["days 2, 4, 14: methotrexate level"], phases=["interim maintenance 1"])
    return rm.simulate(levels, patients=5, seed=11, follow_up_years=0.8)


def records(path):
    with path.open(newline="") as file:
        return [{k: None if v == "." else v for k, v in row.items()} for row in csv.DictReader(file)]


def expanded(rows):
    """Every single dose: patient, agent, route, hour, amount, hours of infusion."""
    for row in rows:
        if row["EVID"] == "1":
            amount, rate = float(row["AMT"]), float(row["RATE"])
            for k in range(int(row["ADDL"]) + 1):
                hour = float(row["TIME"]) + k * float(row["II"])
                yield int(row["ID"]) - 1, row["AGENT"], row["ROUTE"], hour, amount, amount / rate if rate else 0.0


def test_the_table_keeps_the_rules_of_its_readers(run, tmp_path):
    rows = records(rm.export(run, "nonmem", tmp_path / "events.csv"))
    compartments, before = defaultdict(set), (0, -1.0)
    for row in rows:
        here = (int(row["ID"]), float(row["TIME"]))
        assert here >= before and here[0] > 0 and here[1] >= 0.0, "sorted by ID and TIME"
        before = here
        dose = row["EVID"] == "1"
        assert row["EVID"] in "01" and row["MDV"] == row["EVID"] and row["SS"] == "0"
        assert (float(row["AMT"]) > 0.0) == dose and (row["DV"] is None) == dose and float(row["RATE"]) >= 0.0
        assert (float(row["II"]) > 0.0) == (int(row["ADDL"]) > 0) and (int(row["DVID"]) == 0) == dose
        compartments[int(row["CMT"])].add((row["AGENT"], row["ROUTE"]))
        assert row["CENS"] == "0" or row["LLOQ"] is not None and row["DV"] == row["LLOQ"]
    assert sorted(compartments) == list(range(1, max(compartments) + 1)) and all(
        len(c) == 1 for c in compartments.values()
    )


def test_every_dose_of_the_run_is_in_it_once_at_its_hour_and_as_long(run, tmp_path):
    rows = records(rm.export(run, "nonmem", tmp_path / "events.csv"))
    written, hours = defaultdict(float), defaultdict(list)
    for patient, agent, route, hour, amount, infusion_h in expanded(rows):
        key = patient, agent, route, int(hour // 24 + 1e-9)
        written[key] += amount
        hours[key].append((hour % 24, infusion_h))
    for row in run.doses.filter(pl.col("dose") > 0.0).iter_rows(named=True):
        for day in range(row["from_day"], row["to_day"] + 1):
            key = row["patient"], row["agent"], row["route"], day
            written[key] -= row["dose"]
            assert min(h for h, _ in hours[key]) == pytest.approx(row["first_hour"])
            assert sum(long for _, long in hours[key]) == pytest.approx(row["hours"])
    assert written and max(map(abs, written.values())) < 1e-6


def test_counts_and_levels_are_observations_and_body_size_grows(run, tmp_path):
    rows = records(rm.export(run, "nonmem", tmp_path / "events.csv"))
    anc = [(int(r["ID"]) - 1, float(r["TIME"]) / 24, float(r["DV"])) for r in rows if r["AGENT"] == "ANC"]
    assert anc == [tuple(map(float, row)) for row in run.measurements.select("patient", "day", "anc").rows()]
    levels = [r for r in rows if r["EVID"] == "0" and r["DVID"] not in {"1", "2", "3", "4", "5"}]
    assert len(levels) == run.levels.height > 0
    assert sum(int(r["CENS"]) for r in levels) == run.levels["below_limit"].sum()
    first = {r["ID"]: r for r in reversed(rows)}
    known = run.outcomes.to_dicts()
    for patient in known:
        row = first[str(patient["patient"] + 1)]
        assert float(row["WT"]) == pytest.approx(patient["weight_kg"], rel=1e-3)
        assert float(row["BSA"]) == pytest.approx(patient["bsa_m2"], rel=1e-3)
        assert float(row["SEX"]) == (patient["sex"] == "male") and float(row["AGE"]) == pytest.approx(
            patient["age_y"], abs=1e-3
        )
    assert float(rows[-1]["WT"]) > float(first[rows[-1]["ID"]]["WT"]) or known[-1]["age_y"] > 20


def test_a_run_read_back_is_given_the_same_doses_to_the_same_children(run, tmp_path):
    a = rm.read(rm.export(run, "nonmem", tmp_path / "events.csv"))
    b = rm.read(rm.export(run, "doses", tmp_path / "doses.csv"))

    def all_of(doses):
        return sorted(
            (i, d.agent, d.route, day, round(hour, 6), round(d.amount, 6), round(d.infusion_h, 6), d.unit)
            for i, history in enumerate(doses.histories) for d in history.doses
            for day in range(d.day, d.last_day + 1) for hour in d.hours
        )  # fmt: skip

    assert all_of(a) == all_of(b)
    for one, other in zip(a.histories, b.histories, strict=True):
        for name in ("age_y", "weight_kg", "height_cm"):
            assert float(one.facts[name]) == pytest.approx(float(other.facts[name]), rel=2e-3)
        assert [one.facts[n] for n in ("sex", "tpmt", "nudt15")] == [other.facts[n] for n in ("sex", "tpmt", "nudt15")]


def test_a_calendar_is_the_doses_of_the_plan(tmp_path):
    plan = rm.plan(
        "cog-standard-risk", age_y=5.0, sex="female", weight_kg=20.0, height_cm=110.0, start=date(2027, 1, 4)
    )
    rows = records(rm.export(plan, "nonmem", tmp_path / "plan.csv"))
    written = defaultdict(float)
    for _, agent, route, hour, amount, _ in expanded(rows):
        written[agent, route, int(hour // 24) + 1] += amount
    for row in plan.rows:
        if row.kind == "dose":
            written[row.agent, row.route, row.day] -= row.day_total
    assert written and max(map(abs, written.values())) < 1e-6
    assert {row["WT"] for row in rows} == {"20.0"}


def test_the_page_gives_nonmem_the_columns_that_are_written(run, tmp_path):
    header = rm.export(run.patient(0), "nonmem", tmp_path / "x.csv").read_text().partition("\n")[0].split(",")
    page = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    said = re.search(r"\$INPUT ([A-Z0-9= ]+)`", page)
    assert said is not None and [name.partition("=")[0] for name in said[1].split()] == header


def test_a_table_without_names_asks_what_its_compartments_are(run, tmp_path):
    path = rm.export(run.patient(0), "nonmem", tmp_path / "bare.csv", names="no")
    assert "AGENT" not in path.read_text()
    with pytest.raises(BadInput, match=r"bare.csv:\d+: nothing says what is given in compartment"):
        rm.read(path)
    small = tmp_path / "small.csv"
    small.write_text("#ID,TIME,AMT,CMT,ADDL,II,RATE\n1,0,1.5,1,3,168,0\n1,12,100,2,0,0,50\nC,0,1,1,0,0,0\n")
    history = rm.read(small, drugs="1=vincristine IV mg, 2=cyclophosphamide IV mg").histories[0]
    assert [(d.day, d.hour, d.amount, d.infusion_h) for d in history.doses] == [
        (0, 0.0, 1.5, 0.0), (7, 0.0, 1.5, 0.0), (14, 0.0, 1.5, 0.0), (21, 0.0, 1.5, 0.0), (0, 12.0, 100.0, 2.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line, said",
    [
        ("1,0,1,1,0,0,-2", "RATE is -2"),
        ("1,0,1,1,5,0,0", "ADDL 5 every 0 hours"),
        ("1,0,1,1,999999999,24,0", "A treatment lasts at most"),
        ("1,1e12,1,1,0,0,0", "time is 1e12"),
        ("1,-3,1,1,0,0,0", "time is -3"),
        ("1,.,1,1,0,0,0", "no TIME"),
        ("1,0,1e9,1,0,0,0", "is no dose"),
        ("1,0,1,1.5,0,0,0", "whole number"),
        ("1,8:30,1,1,0,0,0", "not a number"),
    ],
)
def test_what_cannot_be_played_is_told_with_its_line(line, said, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"ID,TIME,AMT,CMT,ADDL,II,RATE\n1,0,1,1,0,0,0\n{line}\n")
    with pytest.raises(BadInput, match=said) as refused:
        rm.read(path, drugs="1=vincristine IV mg")
    assert refused.value.line == 3


@pytest.mark.parametrize(
    "line, said",
    [
        ("1,24,1,1,900", "wt is 900"),
        ("1,24,1,1,0.2", "wt is 0.2"),
        ("1,-2,0,0,16", None),  # an observation before the first dose
        ("1,20,0,0,16", "TIME goes back, from 24 to 20"),
        ("1,0,1,1,16", "TIME goes back, from 24 to 0"),
        ("2,0,1,1,16", None),  # another patient
    ],
)
def test_a_time_that_goes_back_and_a_weight_that_cannot_be_are_told_when_they_are_read(line, said, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"ID,TIME,AMT,CMT,WT\n1,0,1,1,16\n1,24,0,0,16\n{line}\n")
    if said is None:
        assert rm.read(path, drugs="1=vincristine IV mg").histories
    else:
        with pytest.raises(BadInput, match=said) as refused:
            rm.read(path, drugs="1=vincristine IV mg")
        assert refused.value.line == 4


def test_an_unknown_amount_is_not_nothing(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("ID,TIME,AMT,CMT,EVID\n1,0,1,1,1\n1,24,.,1,1\n")
    with pytest.raises(BadInput, match="without its amount") as refused:
        rm.read(path, drugs="1=vincristine IV mg")
    assert refused.value.line == 3


def test_many_lines_that_add_many_doses_are_stopped(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("ID,TIME,AMT,CMT,ADDL,II\n" + "1,0,1,1,100000,1\n" * 1000)
    with pytest.raises(BadInput, match="more than 1,000,000 doses"):
        rm.read(path, drugs="1=vincristine IV mg")


def test_doses_that_follow_one_another_are_runs_of_equal_days():
    assert list(runs(0.0, 5, 12.0)) == [(0, 2, 2, 0.0, 12.0)]
    assert list(runs(18.0, 4, 6.0)) == [(0, 0, 1, 18.0, 18.0), (1, 1, 4, 0.0, 18.0)]
    assert list(runs(8.0, 3, 24.0)) == [(0, 3, 1, 8.0, 8.0)]
    assert list(runs(0.0, 2, 168.0)) == [(0, 0, 1, 0.0, 0.0), (7, 7, 1, 0.0, 0.0), (14, 14, 1, 0.0, 0.0)]
