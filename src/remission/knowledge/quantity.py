"""A number that knows its unit, its spread between patients and where it was read."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .care import SETTINGS, Setting
from .units import UnknownUnit, factor, unit_of


class Read(StrEnum):
    """How a number is known, from best to weakest."""

    FULL_TEXT = "full-text"
    ABSTRACT = "abstract"
    LABEL = "label"
    SECONDARY = "secondary"
    MEMORY = "memory"
    CALIBRATED = "calibrated"
    ASSUMED = "assumed"


ANCESTRY = ("European", "African American", "Hispanic", "East Asian", "South Asian")
_WORDS = {
    "sex": ("female", "male"),
    "tpmt": ("normal", "intermediate", "poor"),
    "nudt15": ("normal", "intermediate", "poor"),
    "lineage": ("B", "T"),
    "setting": SETTINGS,
    "ancestry": ANCESTRY,
}


class Covariate(BaseModel):
    """How a parameter changes with the person.

    Numeric: the typical value is multiplied by ``(x / reference) ** power``.
    Categorical: it is multiplied by ``map[x]``, or by ``factor``. ``above`` / ``below`` limit a factor or a power
    to part of a numeric covariate (for example age <= 3 y). ``down`` is 1 with Down syndrome, else 0.
    The year of care: ``yearly`` times as much for each year before ``reference`` (the year of the value), from the age
    ``from_age_y`` on or below ``to_age_y``, in countries of that ``setting``; before the year ``above`` and after
    ``below``, where the source ends, as there. Who has no year has the value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    on: Literal[
        "weight_kg", "bsa_m2", "age_y", "creatinine_umol_l", "wbc", "sex", "tpmt", "nudt15", "lineage", "down",
        "care_year", "setting", "ancestry",
    ]  # fmt: skip
    reference: float | None = None
    power: float | None = None
    until: float | None = None
    yearly: Annotated[float, Field(gt=0)] | None = None
    from_age_y: float | None = None
    to_age_y: float | None = None
    setting: Setting | None = None
    map: dict[str, float] | None = None
    factor: float | None = None
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Covariate:
        numeric = self.reference is not None and self.power is not None
        step = self.factor is not None and (self.above is not None or self.below is not None)
        trend = self.reference is not None and self.yearly is not None
        of_some = self.from_age_y is not None or self.to_age_y is not None or self.setting is not None
        if (self.on == "care_year") != trend or (of_some and not trend):
            raise ValueError(
                "the year of care, and nothing else, goes with `reference` + `yearly` (and `from_age_y`, `to_age_y`, "
                "`setting`)"
            )
        if self.until is not None and not numeric:
            raise ValueError("`until` goes with `reference` + `power`")
        if sum([numeric, self.map is not None, step, trend]) != 1:
            raise ValueError("a covariate is either `reference` + `power`, or `map`, or `factor` with `above`/`below`")
        known = _WORDS.get(self.on, ())
        if self.map is not None and (not known or set(self.map) - set(known)):
            words = (
                f"the words of '{self.on}' are {', '.join(known)}" if known else f"'{self.on}' is a number, not words"
            )
            raise ValueError(
                f"{words}: add a `map` that names them" if known else f"{words}: add `reference` and `power`"
            )
        return self


class Quantity(BaseModel):
    """One number with unit, spread and provenance.

    ``per`` says what the value scales with: ``bsa`` (1 m2), ``bsa/1.73``, ``weight`` (1 kg).
    ``iiv_cv`` is the log-normal coefficient of variation between patients,
    omega = sqrt(ln(1 + cv^2)).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    value: Annotated[float, Field(allow_inf_nan=False)]
    unit: str
    per: Literal["bsa", "bsa/1.73", "weight"] | None = None
    covariates: tuple[Covariate, ...] = ()
    iiv_cv: Annotated[float, Field(ge=0, le=3)] | None = None
    range: tuple[float, float] | None = None
    source: str | None = None
    read: Read
    to: str | None = None
    because: str | None = None
    note: str | None = None

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str) -> str:
        try:
            unit_of(unit)
        except UnknownUnit as error:
            raise ValueError(f"unknown unit '{unit}' (write for example L/h, 1/day, mg, umol/L, -)") from error
        return unit

    @model_validator(mode="after")
    def _has_provenance(self) -> Quantity:
        if self.read is Read.CALIBRATED and not self.to:
            raise ValueError("a calibrated number says to what: add `to: ...`")
        if self.read is Read.ASSUMED and not self.because:
            raise ValueError("an assumed number says why: add `because: ...`")
        if self.read not in (Read.CALIBRATED, Read.ASSUMED, Read.MEMORY) and not self.source:
            raise ValueError(f"a number read as '{self.read.value}' names its `source`")
        if self.range and not self.range[0] <= self.value <= self.range[1]:
            raise ValueError(f"value {self.value:g} lies outside its stated range {list(self.range)}")
        return self

    def to_unit(self, unit: str) -> float:
        """The value in another unit; raises ``ValueError`` when the dimensions differ."""
        return self.value * factor(self.unit, unit)
