"""Which maintenance charts a fit may use, and what they say (data/charts.yaml)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .loader import load
from .quantity import Read

Used = Literal["calibrate", "predict"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class As(_Strict):
    """What is played beside the charts; weeks of the phase, the first is 1."""

    protocol: str
    phase: str
    first_week: float
    last_week: float


class Target(_Strict):
    """A number of the charts (trial/charts.py: Weekly), from ``charts``, with the range of children treated so."""

    value: float
    low: float
    high: float
    used: Used
    charts: tuple[str, ...] = Field(min_length=1)
    source: str
    read: Read


class Charts(_Strict):
    played: As
    charts: dict[str, Used]
    targets: dict[str, Target]


@lru_cache(maxsize=1)
def charts() -> Charts:
    """The file that is shipped."""
    return load(Path(__file__).parent / "data" / "charts.yaml", Charts)
