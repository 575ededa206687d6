"""The data dictionary, read by the library of its standard; and no column without its meaning."""

from __future__ import annotations

import json

import polars as pl
import pytest
from frictionless import Package

import remission as rm
from remission.exchange.datapackage import columns, dictionary


@pytest.fixture(scope="module")
def run():
    return rm.simulate("eliana", patients=3, seed=2, follow_up_years=0.3)


def test_a_data_package_is_valid_by_its_own_library(run, tmp_path):
    folder = rm.export(run, "datapackage", tmp_path / "package")
    report = Package(str(folder / "datapackage.json")).validate()
    assert report.valid, report.flatten(["rowNumber", "fieldName", "type", "note"])[:5]
    for name in run.frames:
        assert pl.read_csv(folder / f"{name}.csv").height == run.scan(name).collect().height


def test_a_value_of_another_type_or_a_patient_who_is_not_there_is_found(run, tmp_path):
    folder = rm.export(run.patient(1), "datapackage", tmp_path / "package")
    for table, column, wrong in (("measurements", "anc", "low"), ("mrd", "patient", "99")):
        path = folder / f"{table}.csv"
        frame = pl.read_csv(path, infer_schema_length=0)
        frame.with_columns(pl.lit(wrong).alias(column)).head(3).write_csv(path)
    report = Package(str(folder / "datapackage.json")).validate()
    assert {(error[0], error[1]) for error in report.flatten(["type", "fieldName"])} >= {("type-error", "anc")}
    assert "foreign-key" in {error[0] for error in report.flatten(["type"])}


def test_every_column_says_what_it_is_and_every_description_has_its_column(run):
    played = {name: set(run.scan(name).collect_schema().names()) for name in run.frames}
    played["provenance"] = set(run.numbers.columns)
    told = {table: set(known) for table, known in columns().items()}
    rare = {"states": {"log10_t315i", "log10_cd19_negative"}}  # of protocols that have such clones
    assert set(told) == set(played)
    for table, names in played.items():
        assert names <= told[table] and told[table] - names <= rare.get(table, set()), table


def test_the_dictionary_of_a_folder_names_its_files_and_their_columns(tmp_path):
    folder = tmp_path / "run"
    run = rm.simulate("cog-standard-risk", patients=300, follow_up_years=0.02, out=folder)
    package = json.loads(dictionary(run))
    assert Package.validate_descriptor(package).valid
    named = set()
    for resource in package["resources"]:
        paths = resource["path"] if isinstance(resource["path"], list) else [resource["path"]]
        named |= set(paths)
        for path in paths:
            assert [field["name"] for field in resource["schema"]["fields"]] == pl.read_parquet(folder / path).columns
    assert named == {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
