"""What is printed as a table, as JSON: numbers that are not finite become null, sets of words become lists."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel

from .incidence import Incidence
from .side_by_side import SideBySide
from .summary import Summary
from .validate import Reproduction


def as_json(content: Any) -> str:
    """The JSON text (RFC 8259) of results, tables, knowledge and what holds them."""
    return json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False)


def _plain(x: Any) -> Any:
    if x is None or isinstance(x, bool | int | str):
        return x
    if isinstance(x, float):
        return x if math.isfinite(x) else None
    if isinstance(x, Summary):
        return _plain({"title": x.title, "performance": x.performance, "rows": x.table})
    if isinstance(x, SideBySide):
        rows = [{**asdict(row), "clear": row.clear} for row in x.rows]
        return _plain({"a": x.names[0], "b": x.names[1], "patients": x.patients, "rows": rows})
    if isinstance(x, Reproduction):
        return _plain(_reproduction(x))
    if isinstance(x, Incidence):
        seen = {"side_effect": x.side_effect, "published": x.seen, "published_limits": x.published}
        told = {"simulated": x.simulated, "verdict": x.verdict, "why": x.why}
        return _plain({**seen, **told, "counted_as_before": x.before or None, "verdict_before": x.verdict_before})
    if isinstance(x, pl.DataFrame):
        return _plain(x.to_dicts())
    if isinstance(x, BaseModel):
        return _plain(x.model_dump(mode="json", by_alias=True))
    if is_dataclass(x) and not isinstance(x, type):
        return _plain(asdict(x))
    if isinstance(x, Mapping):
        return {str(key): _plain(value) for key, value in x.items()}
    if isinstance(x, Iterable) and not isinstance(x, Path | bytes):
        return [_plain(value) for value in x]
    return str(x)


def _reproduction(one: Reproduction) -> dict[str, Any]:
    rows = [
        {
            "arm": row.arm.name,
            "protocol": row.arm.protocol,
            "endpoint": row.endpoint.label(),
            "unit": row.endpoint.unit,
            "published": row.endpoint.value,
            "published_limits": row.published,
            "read": row.endpoint.read,
            "source": row.endpoint.source,
            "used": row.endpoint.used,
            "simulated": row.simulated,
            "simulated_95_percent_of_draws": row.unsure,
            "difference": row.difference,
            "verdict": row.verdict,
            "overlap": row.overlap,
            "why": row.why,
        }
        for row in one.comparisons
    ]
    known = {"trial": one.trial.trial, "name": one.trial.name, "title": one.trial.title, "patients": one.patients}
    return {**known, "endpoints": rows, "cannot_be_played": one.unplayed}
