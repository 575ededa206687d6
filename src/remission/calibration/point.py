"""What was played at a point of the unit cube."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Point:
    """A point of the unit cube with what was played there, on the scale of the targets: value and standard error."""

    name: str
    units: tuple[float, ...]
    told: Mapping[str, tuple[float, float] | None]

    def like(self, other: Point, targets: Collection[str]) -> Point:
        """With the other point's answers for targets that were not played here."""
        return replace(self, told={**self.told, **{name: other.told.get(name) for name in targets}})
