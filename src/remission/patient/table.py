"""What the models of population files have in common: strict fields, numbers that share one provenance."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator

from remission.knowledge.quantity import Quantity, Read


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Table(Strict):
    """Numbers that share one unit and one provenance."""

    unit: str
    source: str | None = None
    read: Read
    to: str | None = None
    because: str | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _same_rules_as_a_quantity(self) -> Table:
        Quantity(value=0, **{name: getattr(self, name) for name in Table.model_fields})
        return self
