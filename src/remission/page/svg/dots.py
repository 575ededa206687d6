"""Of a hundred: abstract marks in rows of ten, so that a chance can be counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .chart import picture
from .mark import el, words

SIZE = 18  # pixels from mark to mark
SHAPES = ("full", "half", "ring", "pale")  # told apart without colour


@dataclass(frozen=True)
class Share:
    """``count`` of the hundred, with the words beside it; ``shape`` is one of `SHAPES`, ``kind`` a colour (SERIES)."""

    count: int
    says: str
    kind: str
    shape: str = "full"


def of_hundred(title: str, description: str, shares: Sequence[Share]) -> str:
    """A hundred marks. The counts must make 100: what is left over needs words of its own."""
    total = sum(share.count for share in shares)
    if total != 100 or any(share.count < 0 for share in shares):
        raise ValueError(f"the shares make {total} of 100: {[(s.count, s.says) for s in shares]}")
    marks = [share for share in shares for _i in range(share.count)]
    parts = [_dot(share, 9 + SIZE * (i % 10), 9 + SIZE * (i // 10)) for i, share in enumerate(marks)]
    y = SIZE * 10 + 20
    for share in shares:
        parts.append(_dot(share, 9, y - 4))
        parts.append(words(f"{share.count} {share.says}", class_="key", x=24, y=y))
        y += 20
    return picture(title, description, y - 6, parts, "dots")


def _dot(share: Share, x: float, y: float) -> str:
    if share.shape not in SHAPES:
        raise ValueError(f"no shape '{share.shape}'. Known: {', '.join(SHAPES)}")
    radius = 5.5 if share.shape == "ring" else 6.5
    return el("circle", class_=f"d-{share.shape} s-{share.kind}", cx=x, cy=y, r=radius)
