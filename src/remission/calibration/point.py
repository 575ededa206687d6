"""What was played at a point of the unit cube."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

COMMON = 0.3  # of a cohort's error: by how much two points err apart that share patients and chance (measured)


@dataclass(frozen=True)
class Point:
    """A point of the unit cube with what was played there, on the scale of the targets: value and standard error.
    ``noise``: the part of the error that it does not share with the points of the same seeds."""

    name: str
    units: tuple[float, ...]
    told: Mapping[str, tuple[float, float] | None]
    noise: float = 1.0

    def like(self, other: Point, targets: Collection[str]) -> Point:
        """With the other point's answers for targets that were not played here."""
        return replace(self, told={**self.told, **{name: other.told.get(name) for name in targets}})

    def apart(self, target: str) -> tuple[float, float] | None:
        """A target's value and what of its error tells it from the other points."""
        one = self.told.get(target)
        return None if one is None else (one[0], one[1] * self.noise)
