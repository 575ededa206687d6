"""Computed doses as a pharmacy makes them up: the rule is data (pharmacy/rounding.yaml)."""

from __future__ import annotations

import math
from functools import lru_cache

from remission.knowledge.library import library


def rounded(dose: float, unit: str) -> float:
    """The dose (mg, ug, IU) on the nearest step of 1, 2.5, 5, 10, 25 ... that is at most 5% of it: 1.01 is 1, 1683
    is 1700, 673 is 675. Radiation and cells are left as they are. It never moves by more than half a step, 2.5%."""
    share, kept = _rule()
    if unit in kept or dose <= 0.0:
        return dose
    largest = share * dose
    power = 10.0 ** math.floor(math.log10(largest))
    step = max(m * power for m in (1.0, 2.5, 5.0) if m * power <= largest * (1 + 1e-9))
    return float(f"{round(dose / step) * step:.6g}")


@lru_cache(maxsize=1)
def _rule() -> tuple[float, tuple[str, ...]]:
    """The largest step as a share of the dose, and the units that are not rounded."""
    file = library().pharmacy("rounding")
    return file["step"].to_unit("-"), tuple(unit.strip() for unit in file.text("kept.units").split(","))
