"""Charts out and in: what is written of a virtual patient is read as that patient's chart."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

import remission as rm
from remission.knowledge.errors import BadInput

CHART = """Cycle,Dates,Weeks,ANC,PLT,Hb,MP,MTX,MP_adj,MTX_adj
1,18/03/2021,1,1.9,271,9.0,375,17.5,114.47,112.18
1,15/04/2021,5,1.2,237,11.1,0,0,0,0
1,13/05/2021,9,1.1,173,10.8,425,17.5,129.73,112.18
2,10/06/2021,13,NA,182,12.0,425,17.5,129.73,112.18
"""


@pytest.fixture(scope="module")
def run():
    return rm.simulate("cog-standard-risk", patients=4, seed=6, follow_up_years=1.6)


def test_a_patients_chart_has_the_visits_of_maintenance_and_what_was_prescribed_at_them(run, tmp_path):
    start = date(2021, 5, 3)
    often = run.measurements.filter(pl.col("phase") == "maintenance")["patient"].value_counts(sort=True)
    one = int(often["patient"][0])
    chart = rm.read(rm.export(run.patient(one), "allmt", tmp_path / "chart.csv", start=start))
    visits = run.measurements.filter((pl.col("patient") == one) & (pl.col("phase") == "maintenance")).sort("day")
    assert chart.problems == () and len(chart) == visits.height > 10
    assert [(v.date - start).days for v in chart.visits] == visits["day"].to_list()
    for ours, theirs in (("anc", "anc"), ("platelets", "platelets"), ("haemoglobin", "haemoglobin"), ("wbc", "wbc")):
        assert chart.column(ours) == pytest.approx(visits[theirs].to_numpy(), rel=1e-5)
    doses = run.doses.filter(
        (pl.col("patient") == one) & (pl.col("agent") == "mercaptopurine") & (pl.col("planned") > 0)
    )
    for visit, day in zip(chart.visits, visits["day"], strict=True):
        on_day = doses.filter((pl.col("from_day") <= day) & (pl.col("to_day") >= day) & (pl.col("reason") != "missed"))
        if on_day.height:
            assert visit.mercaptopurine_mg == pytest.approx(on_day["dose"][0], rel=1e-5)
    entry = run.outcomes.filter(pl.col("patient") == one)["bsa_m2"][0]
    assert entry < chart.bsa_m2 < 1.2 * entry


def test_a_chart_that_is_read_and_written_is_the_same_chart(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(CHART)
    chart = rm.read(path)
    again = rm.read(rm.export(chart, "allmt", tmp_path / "b.csv"))
    assert [v.date for v in again.visits] == [v.date for v in chart.visits] == [
        date(2021, 3, 18), date(2021, 4, 15), date(2021, 5, 13), date(2021, 6, 10),
    ]  # fmt: skip
    for name in ("anc", "platelets", "haemoglobin", "mercaptopurine_mg", "methotrexate_mg"):
        np.testing.assert_allclose(again.column(name), chart.column(name), rtol=1e-5)
    assert [v.percent for v in again.visits] == [v.percent for v in chart.visits] and again.week == chart.week
    assert (
        (tmp_path / "b.csv").read_text().splitlines()[1].startswith("1,2021-03-18,1.0,1.9,271.0,9.0,375.0,17.5,114.47")
    )


def test_columns_of_other_names_are_named_and_who_had_no_maintenance_is_told(run, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(CHART.replace("ANC", "Neutros abs", 1))
    assert rm.read(path, "allmt", columns="ANC=Neutros abs").column("anc")[0] == 1.9
    with pytest.raises(BadInput, match="was never in maintenance"):
        early = rm.simulate("cog-standard-risk", patients=1, follow_up_years=0.1)
        rm.export(early.patient(0), "allmt", tmp_path / "none.csv")
