"""Units of quantities: SI and what clinicians write (data/units.txt), read by pint.

What pint says of a unit never changes, so what it said of the units that are in use is kept in data/units.json (written
by tests/keep_units.py, held to pint by a test): a start does not load pint, a unit that is not kept does.
"""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pint

DATA = Path(__file__).parent / "data"
DEFINED, KEPT = DATA / "units.txt", DATA / "units.json"


class UnknownUnit(ValueError):
    """No unit of data/units.txt, nor made of them."""


class Unit(NamedTuple):
    """How many of the base units one of it is, and which: {"[mass]": 1, "[length]": -3} in pairs, by name."""

    scale: float
    dimension: tuple[tuple[str, float], ...]

    def is_compatible_with(self, other: Unit | str) -> bool:
        return self.dimension == (unit_of(other) if isinstance(other, str) else other).dimension


@lru_cache(maxsize=2048)
def unit_of(name: str) -> Unit:
    """A unit by its name, ``-`` for a pure number; raises ``UnknownUnit``."""
    return _kept().get(name) or by_pint(name)


@lru_cache(maxsize=2048)
def factor(unit: str, into: str) -> float:
    """What a number in one unit is multiplied by to stand in the other; ``ValueError`` when it cannot."""
    one, other = unit_of(unit), unit_of(into)
    if one.dimension != other.dimension:
        raise ValueError(f"unit '{unit}' cannot be turned into '{into}'")
    return one.scale / other.scale


def by_pint(name: str) -> Unit:
    """A unit as pint reads it; raises ``UnknownUnit``."""
    try:
        base = (1.0 * registry().Unit(name if name != "-" else "dimensionless")).to_base_units()
    except Exception as error:  # pint's own errors, and whatever else strange letters lead to
        raise UnknownUnit(f"unknown unit '{name}'") from error
    powers = {str(of): float(power) for of, power in base.dimensionality.items()}
    return Unit(float(base.magnitude), tuple(sorted(powers.items())))


@lru_cache(maxsize=1)
def registry() -> pint.UnitRegistry[Any]:
    """pint's own registry of data/units.txt: takes half a second to load."""
    import pint

    return pint.UnitRegistry(DEFINED, cache_folder=None)


def _digest() -> str:
    return sha256(DEFINED.read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def _kept() -> dict[str, Unit]:
    """Empty where it was kept for other definitions."""
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    if kept.get("of") != _digest():
        return {}
    return {name: Unit(scale, tuple(sorted(powers.items()))) for name, (scale, powers) in kept["units"].items()}


def keep(names: set[str]) -> None:
    """Write data/units.json anew for these units."""
    rows = [
        f"  {json.dumps(n)}: {json.dumps([u.scale, dict(u.dimension)])}" for n in sorted(names) for u in [by_pint(n)]
    ]
    text = f'{{"of": "{_digest()}",\n "units": {{\n' + ",\n".join(rows) + "\n}}\n"
    KEPT.write_text(text, "utf-8")
