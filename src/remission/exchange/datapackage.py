"""The data dictionary of a run: a Data Package (Frictionless) that says of every column what it is, its type and unit.

Written beside the Parquet files of a run that is played with ``--out``, and exported as a folder of CSV files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from remission.engine.shards import part_names
from remission.knowledge.writing import write_whole
from remission.knowledge.yaml_file import compose, construct, text_of
from remission.trial.run import OnePatient, Run

from . import frames
from .formats import Asked, Format

COLUMNS = Path(__file__).with_name("tables.yaml")
NAME = "datapackage.json"
WHOLE = ("provenance",)  # tables of the run as such


@lru_cache(maxsize=1)
def columns() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Table -> column -> ``text`` and, where it has one, ``unit``."""
    known: Mapping[str, Any] = construct(compose(text_of(COLUMNS), COLUMNS), COLUMNS)
    return known


def dictionary(run: Run) -> str:
    """The dictionary of a run's folder, of the Parquet files in it."""
    files = {name: part_names(run.manifest, name) for name in run.frames} | {n: [f"{n}.parquet"] for n in WHOLE}
    return _package(run.title, _schemas(run), files, "parquet")


def write(what: Run | OnePatient, path: Path, asked: Asked) -> None:
    path.mkdir()
    schemas = _schemas(what)
    title = what.title
    for number, tables in enumerate(frames.parts(what)):
        for name, frame in tables.items():
            with (path / f"{name}.csv").open("ab") as file:
                frame.collect().select(_told(schemas[name])).write_csv(file, include_header=number == 0)
    if isinstance(what, Run):
        what.numbers.write_csv(path / "provenance.csv")
    else:
        schemas.pop("provenance", None)
    write_whole(path / NAME, _package(title, schemas, {name: [f"{name}.csv"] for name in schemas}, "csv"))


def _told(schema: pl.Schema) -> list[pl.Expr]:
    """Columns as a Table Schema writes them: minus infinity is -INF."""
    return [
        pl.when(pl.col(name).is_infinite()).then(pl.lit("-INF")).otherwise(pl.col(name).cast(pl.String)).alias(name)
        if kind in (pl.Float64, pl.Float32) and name.startswith("log10_")
        else pl.col(name)
        for name, kind in schema.items()
    ]


def _schemas(what: Run | OnePatient) -> dict[str, pl.Schema]:
    if isinstance(what, OnePatient):
        return {name: frame.schema for name, frame in what.tables.items()}
    return {name: frame.collect_schema() for name, frame in what.frames.items()} | {"provenance": what.numbers.schema}


def _package(title: str, schemas: Mapping[str, pl.Schema], files: Mapping[str, list[str]], form: str) -> str:
    media = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}[form]
    resources = []
    for name, schema in schemas.items():
        path: str | list[str] = files[name] if len(files[name]) > 1 else files[name][0]
        resource: dict[str, Any] = {"name": name, "path": path, "format": form, "mediatype": media}
        resource |= {"encoding": "utf-8"} if form == "csv" else {}
        resources.append({**resource, "schema": _schema(name, schema)})
    package = {
        "name": "remission-run",
        "title": title,
        "description": "Virtual patients, played by a model. For research and teaching only.",
        "version": version("remission"),
        "resources": resources,
    }
    return json.dumps(package, indent=1, ensure_ascii=False) + "\n"


def _schema(table: str, schema: pl.Schema) -> dict[str, Any]:
    known = columns().get(table, {})
    described = []
    for name, kind in schema.items():
        field: dict[str, Any] = {"name": name, "type": _type(kind)}
        about = known.get(name, {})
        if "text" in about:
            field["description"] = about["text"]
        if "unit" in about:
            field["unit"] = about["unit"]
        if name in ("patient", "day", "from_day"):
            field["constraints"] = {"required": True}
        described.append(field)
    out: dict[str, Any] = {"fields": described, "missingValues": [""]}
    if table == "outcomes":
        out["primaryKey"] = ["patient"]
    elif "patient" in schema:
        out["foreignKeys"] = [{"fields": ["patient"], "reference": {"resource": "outcomes", "fields": ["patient"]}}]
    return out


def _type(kind: Any) -> str:
    """The type of a column in a Table Schema."""
    if kind == pl.Boolean:
        return "boolean"
    if kind.is_integer():
        return "integer"
    return "number" if kind.is_float() else "string"


FORMAT = Format(
    name="datapackage",
    title="Data Package: every table as CSV, with a data dictionary",
    suffix="",
    media="text/csv",
    source="https://specs.frictionlessdata.io/tabular-data-package/",
    of=("run", "patient"),
    write=write,
)
