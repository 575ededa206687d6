"""A table of one's own patients: what it says is taken, what it does not say is drawn, mistakes are told by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from remission.cli import app
from remission.knowledge.errors import BadInput
from remission.patient import recipe
from remission.patient.cohort import columns
from remission.patient.given import Given
from remission.patient.own_table import Rows, read_rows
from remission.patient.population import draw
from remission.trial.run import open_run, simulate

CHILDREN = """id,age_y,sex,weight_kg,subtype,wbc,cns,down,tpmt,sensitivity_vinca
a,4,f,16.5,ETV6::RUNX1,8,1,,normal,
b,7.5,male,,high hyperdiploid,12.5,2,0,,0.5
c,3,M,,,,,1,,
"""


def rows(tmp_path: Path, text: str, name: str = "mine.csv") -> Rows:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    p = recipe.population("childhood-all")
    return read_rows(file, p.subtypes.names, len(p.subtypes.frequency.B))


def test_what_the_table_says_is_taken_and_the_rest_is_drawn(tmp_path):
    own = rows(tmp_path, CHILDREN)
    c = draw("childhood-all", 600, seed=4, given=Given(rows=own))
    table = columns(c)
    first, second, third = (np.arange(600) % 3 == k for k in range(3))
    assert set(table["age_y"][first]) == {4.0} and set(table["sex"][third]) == {"male"}
    assert set(table["subtype"][second]) == {"high hyperdiploid"} and len(set(table["subtype"][third])) > 3
    assert set(table["cns"][second]) == {2} and len(set(table["wbc"][third])) > 100
    assert set(table["sensitivity_vinca"][second]) == {0.5} and len(set(table["sensitivity_vinca"][first])) > 100
    assert c.down[third].all() and set(table["tpmt"][first]) == {"normal"}
    assert set(table["weight_kg"][first]) == {16.5} and np.all(c.bsa_m2 > 0.4)


def test_genes_go_with_the_ancestry_of_a_row(tmp_path):
    own = rows(tmp_path, "ancestry\nEast Asian\nAfrican American\n\neuropean\n")
    c = draw("childhood-all", 3000, seed=4, given=Given(rows=own))
    table, place = columns(c), np.arange(3000) % 3
    assert set(table["ancestry"][place == 0]) == {"East Asian"} and set(table["ancestry"][place == 2]) == {"European"}
    assert np.mean(c.nudt15[place == 0] > 0) == pytest.approx(1 - 0.904**2, abs=0.04) and not c.nudt15[place == 1].any()
    with pytest.raises(BadInput, match="East Asian"):
        rows(tmp_path, "ancestry\nAsian\n")


def test_who_is_told_to_be_heavy_is_drawn_tall(tmp_path):
    heavy, light = (rows(tmp_path, f"age_y,sex,weight_kg\n8,f,{kg}\n") for kg in (40, 20))
    tall, short = (draw("childhood-all", 300, seed=4, given=Given(rows=r)).height_cm for r in (heavy, light))
    assert np.median(tall) > np.median(short) + 8


def test_a_slice_of_ones_own_patients_can_be_drawn_alone(tmp_path):
    given = Given(rows=rows(tmp_path, CHILDREN))
    whole, part = (
        draw("childhood-all", 50, seed=4, given=given),
        draw("childhood-all", 7, seed=4, start=31, given=given),
    )
    assert np.array_equal(whole.wbc[31:38], part.wbc) and np.array_equal(whole.subtype[31:38], part.subtype)


def test_parquet_says_the_same_as_csv(tmp_path):
    own = rows(tmp_path, CHILDREN)
    pl.read_csv(tmp_path / "mine.csv").write_parquet(tmp_path / "mine.parquet")
    p = recipe.population("childhood-all")
    again = read_rows(tmp_path / "mine.parquet", p.subtypes.names, len(p.subtypes.frequency.B))
    assert all(np.array_equal(own.values[k], again.values[k], equal_nan=True) for k in own.values)


@pytest.mark.parametrize(
    ("text", "line", "says", "remedy"),
    [
        ("age,sex\n4,f\n", 1, "no column 'age'", "age_y"),
        ("age_y,sex\n4,f\nfive,m\n", 3, "age_y is 'five', not a number", "years"),
        ("age_y,weight_kg\n4,16\n5,1800\n", 3, "weight_kg is 1800", "1 to 300 (kg)"),
        ("age_y,subtype\n4,ETV6-RUNX1\n", 2, "subtype is 'ETV6-RUNX1'", "ETV6::RUNX1"),
        ("age_y,sex\n4,f\n\n5\n", 4, "1 cells below 2 names", "empty"),
        ("age_y,subtype,lineage\n4,T-ALL,B\n", 2, "not of that lineage", "lineage"),
        ("age_y,wbc,blood_blasts\n4,10,20\n", 2, "20 blasts among 10 white cells", "part"),
        ("age_y,down\n4,maybe\n", 2, "down is 'maybe'", "yes or no"),
        ("age_y,sex,testes\n4,f,1\n", 2, "testis", "Correct"),
        ("age_y,age_y\n4,4\n", 1, "twice", "out"),
        ("age_y,sex\n", None, "no patients", "row"),
        ("", None, "no patients", "row"),
        ("age_y;weight_kg\n4;16,5\n", 2, "weight_kg is '16,5', not a number", "point"),
        ("age_y\nnan\n", 2, "age_y is nan", "0 to 120"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path, text, line, says, remedy):
    with pytest.raises(BadInput) as caught:
        rows(tmp_path, text)
    assert says in caught.value.message and remedy in (caught.value.remedy or "")
    assert caught.value.line == line and caught.value.file == str(tmp_path / "mine.csv")


def test_bytes_that_are_no_parquet_and_files_that_are_not_there(tmp_path):
    with pytest.raises(BadInput, match="no Parquet"):
        rows(tmp_path, "age_y\n4\n", "mine.parquet")
    with pytest.raises(BadInput, match="cannot be read"):
        simulate("cog-standard-risk", patients=1, population=str(tmp_path / "none.csv"))


def test_a_patient_whom_the_protocol_is_not_for_is_named_by_line(tmp_path):
    rows(tmp_path, "age_y,sex\n4,f\n45,m\n")
    with pytest.raises(BadInput, match="not for the patient of this line") as caught:
        simulate("cog-standard-risk", patients=4, population=str(tmp_path / "mine.csv"), follow_up_years=0.1)
    assert caught.value.line == 3


def test_the_command_plays_ones_own_patients(tmp_path):
    rows(tmp_path, CHILDREN.replace("c,3,M,,,,,1,,\n", ""))
    out = tmp_path / "run"
    done = CliRunner().invoke(
        app, ["simulate", "cog-standard-risk", "--population", str(tmp_path / "mine.csv"), "--patients", "8",
              "--follow-up", "0.1", "--out", str(out)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert sorted(set(open_run(out).outcomes["age_y"].to_list())) == [4.0, 7.5]
