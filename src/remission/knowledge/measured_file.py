"""What protocols usually compare and how far their rules usually move doses (data/measured.yaml)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .loader import load
from .quantity import Read


class Usual(BaseModel):
    """The usual numbers of one thing, in ``unit``, as protocols write it; ``least``, ``most``: what can be at all."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    unit: str
    low: float
    high: float
    least: float | None = None
    most: float | None = None
    source: str | None = None
    read: Read
    because: str

    def cannot_be(self, value: float) -> bool:
        """Whether the number lies beyond what can be at all."""
        return (self.least is not None and value < self.least) or (self.most is not None and value > self.most)


class Measured(BaseModel):
    """``conditions`` by the name that is compared (``grade``: every side effect), ``rules`` by the words before the
    number."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    conditions: dict[str, Usual]
    rules: dict[str, Usual]


@lru_cache(maxsize=1)
def measured() -> Measured:
    """The file that is shipped."""
    return load(Path(__file__).parent / "data" / "measured.yaml", Measured)
