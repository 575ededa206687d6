"""When and where patients are treated, as a trial or a population says it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

Setting = Literal["high income", "upper middle income", "lower middle income", "low income"]
SETTINGS: tuple[Setting, ...] = ("high income", "upper middle income", "lower middle income", "low income")
EARLIEST, LATEST = 1950.0, 2100.0


class Care(BaseModel):
    """``years``: the first and the last in which patients were enrolled; each has a year of his own, spread evenly.
    Without them care is that of the trials to which the numbers were fitted. ``setting``: the country by the World
    Bank. What years and settings change is said where the numbers are, by the covariates `care_year` and `setting`."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    years: tuple[float, float] | None = None
    setting: Setting = SETTINGS[0]
    note: str | None = None

    def __str__(self) -> str:
        when = "" if self.years is None else f" of {self.years[0]:g} to {self.years[1]:g}"
        return f"care{when}" + ("" if self.setting == SETTINGS[0] else f", {self.setting}")

    @model_validator(mode="after")
    def _ordered(self) -> Care:
        if self.years is not None and not EARLIEST <= self.years[0] <= self.years[1] <= LATEST:
            raise ValueError(f"the years run from the first to the last, within {EARLIEST:.0f} to {LATEST:.0f}")
        return self
