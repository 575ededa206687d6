"""How far simulated results lie from published ones: on a scale on which both intervals are about normal.

Percentages are compared as logits, times, ratios and levels as logarithms. ``z``: the difference over the standard
errors of both; the model and the trial agree when it is within 1.96. ``crps``: the continuous ranked probability score
of the simulated value with both uncertainties as a forecast of the published one (Gneiting and Raftery 2007), a proper
score: 0 is perfect, a logit of 0.1 is about 1 to 2.5 percentage points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

from .estimates import Z

N_PUBLISHED = 200.0  # keeps a published share of 0 or 100 % finite


def on_scale(value: float, unit: str, n: float = N_PUBLISHED) -> float:
    """Percentages as logits (0 and 100 % half a patient from the edge), everything else as logarithm."""
    if unit == "percent":
        p = (value / 100 * n + 0.5) / (n + 1)
        return math.log(p / (1 - p))
    return math.log(max(value, 1e-3))


def off_scale(y: float, unit: str) -> float:
    """The inverse of `on_scale` (but for the half patient)."""
    return 100 / (1 + math.exp(-y)) if unit == "percent" else math.exp(y)


def spread(value: float, low: float, high: float, unit: str, n: float = N_PUBLISHED) -> float:
    """Standard error on the scale, from 95 % limits; of a share without limits, from the number of patients."""
    if unit == "percent" and not low < high:
        p = 1 / (1 + math.exp(-on_scale(value, unit, n)))
        return 1 / math.sqrt(max(n, 1.0) * p * (1 - p))
    width = (on_scale(high, unit, n) - on_scale(low, unit, n)) / (2 * Z)
    return max(width, 1e-3) if math.isfinite(width) else 0.3


@dataclass(frozen=True)
class Apart:
    """A published and a simulated value on the scale, each with its standard error."""

    published: float
    published_sd: float
    simulated: float
    simulated_sd: float

    @property
    def z(self) -> float:
        return (self.simulated - self.published) / math.hypot(self.published_sd, self.simulated_sd)

    @property
    def crps(self) -> float:
        sd = math.hypot(self.published_sd, self.simulated_sd)
        normal = NormalDist()
        return sd * (self.z * (2 * normal.cdf(self.z) - 1) + 2 * normal.pdf(self.z) - 1 / math.sqrt(math.pi))


@dataclass(frozen=True)
class Score:
    """Of many: share with both intervals in agreement, root mean square z, mean CRPS, mean difference (bias)."""

    judged: int
    agree: int
    rms_z: float
    crps: float
    bias: float

    def __str__(self) -> str:
        return (
            f"{self.agree} of {self.judged} agree within both intervals (|z| <= 1.96); root mean square z "
            f"{self.rms_z:.2f}; CRPS {self.crps:.3f}, bias {self.bias:+.3f} (logits or ln)"
        )


def score(rows: Iterable[Apart]) -> Score | None:
    """None of nothing."""
    rows = list(rows)
    if not rows:
        return None
    n = len(rows)
    return Score(
        n,
        sum(abs(row.z) <= Z for row in rows),
        math.sqrt(sum(row.z**2 for row in rows) / n),
        sum(row.crps for row in rows) / n,
        sum(row.simulated - row.published for row in rows) / n,
    )
