"""What the uncertainty of the fitted numbers does to a result: the same patients and chance, played with draws of the
posterior that a calibration left."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np

from remission.knowledge.errors import BadInput
from remission.knowledge.posterior import Posterior, drawn, posterior

Key = TypeVar("Key", bound=Hashable)


def over_draws(
    count: int, play: Callable[[], Mapping[Key, float]], say: Callable[[int, int], None] | None = None
) -> dict[Key, tuple[float, float]]:
    """The 2.5th and 97.5th of 100 of every number that ``play`` gives, over so many draws; ``play`` uses the library in
    use. Numbers that a draw does not give, or that are not finite, are left out of theirs. Raises `BadInput` when no
    calibration has left a sample, or fewer draws."""
    sample = sample_of(count)
    found: dict[Key, list[float]] = {}
    for draw in range(count):
        with drawn(draw, sample):
            for key, value in play().items():
                if math.isfinite(value):
                    found.setdefault(key, []).append(value)
        if say:
            say(draw + 1, count)
    limits = {key: np.quantile(values, [0.025, 0.975]) for key, values in found.items() if len(values) > 1}
    return {key: (float(low), float(high)) for key, (low, high) in limits.items()}


def sample_of(count: int) -> Posterior:
    """The sample of the library in use, when it has so many draws; raises `BadInput`."""
    sample = posterior()
    if not 2 <= count <= len(sample.draws):
        raise BadInput(f"{count} draws cannot be played", remedy=f"The sample has {len(sample.draws)}: give 2 or more")
    return sample
