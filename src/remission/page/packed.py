"""A summary as bytes and back: a zip of one JSON and of parquet tables. What is read is checked like user input."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from remission.knowledge.errors import BadInput

from .scenario import MOST_PATIENTS, Scenario
from .summary import SCHEMAS, Summary

FORMAT = "remission scenario 2"
HEAD = "summary.json"
LARGEST = 4_000_000  # bytes of one summary
MOST_ROWS = 200_000  # of one table
_WHEN = (2026, 1, 1, 0, 0, 0)  # the same results are the same bytes


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: str
    scenario: str  # its address
    patients: int = Field(ge=1, le=MOST_PATIENTS)
    knowledge: str = Field(pattern=r"^[0-9a-f]{0,64}$")
    follow_up_years: float = Field(gt=0, le=100)
    tables: dict[str, str]  # sha256


def packed(summary: Summary, level: int = 3) -> bytes:
    """The summary as bytes: the same for the same results. ``level``: of compression, 1 to 22."""
    files = {name: _parquet(getattr(summary, name), level) for name in SCHEMAS}
    head = _Head(
        format=FORMAT,
        scenario=summary.scenario.address,
        patients=summary.patients,
        knowledge=summary.knowledge,
        follow_up_years=summary.follow_up_years,
        tables={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as box:
        box.writestr(zipfile.ZipInfo(HEAD, _WHEN), json.dumps(head.model_dump(), sort_keys=True))
        for name, data in files.items():
            box.writestr(zipfile.ZipInfo(f"{name}.parquet", _WHEN), data)
    return out.getvalue()


def unpacked(data: bytes) -> Summary:
    """The summary that `packed` made these bytes of; `BadInput` when they are damaged or something else."""
    try:
        return _unpacked(data)
    except BadInput:
        raise
    except (ValidationError, ValueError, KeyError, TypeError, OSError, EOFError, RecursionError, MemoryError,
            NotImplementedError, zipfile.BadZipFile, pl.exceptions.PolarsError) as error:  # fmt: skip
        raise BadInput(f"these are no results of a scenario ({type(error).__name__})") from error


def _unpacked(data: bytes) -> Summary:
    if len(data) > LARGEST:
        raise BadInput("these are no results of a scenario: too large")
    names = {f"{name}.parquet" for name in SCHEMAS}
    with zipfile.ZipFile(io.BytesIO(data)) as box:
        held = {info.filename: info for info in box.infolist()}
        if held.keys() != {HEAD, *names} or len(box.infolist()) != len(held):
            raise BadInput("these are no results of a scenario: other files")
        if any(info.compress_type != zipfile.ZIP_STORED or info.file_size > LARGEST for info in held.values()):
            raise BadInput("these are no results of a scenario: packed otherwise")
        head = _Head.model_validate_json(box.read(HEAD))
        if head.format != FORMAT or head.tables.keys() != SCHEMAS.keys():
            raise BadInput("these results are of another version")
        files = {name: box.read(f"{name}.parquet") for name in SCHEMAS}
    tables: dict[str, Any] = {name: _table(name, data, head.tables[name]) for name, data in files.items()}
    return Summary(
        scenario=Scenario.of(head.scenario),
        patients=head.patients,
        knowledge=head.knowledge,
        follow_up_years=head.follow_up_years,
        **tables,
    )


def _parquet(frame: pl.DataFrame, level: int) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out, compression="zstd", compression_level=level, statistics=False)
    return out.getvalue()


def _table(name: str, data: bytes, sha256: str) -> pl.DataFrame:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadInput(f"the table '{name}' is damaged")
    schema = pl.Schema(SCHEMAS[name])
    if pl.read_parquet_schema(io.BytesIO(data)) != schema or _rows(data) > MOST_ROWS:
        raise BadInput(f"the table '{name}' is another one")
    frame = pl.read_parquet(io.BytesIO(data), use_pyarrow=False)
    for column, kind in schema.items():
        if kind.is_float() and not frame[column].drop_nulls().is_finite().all():
            raise BadInput(f"the table '{name}' holds what is no number")
    return frame


def _rows(data: bytes) -> int:
    return int(pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item())


