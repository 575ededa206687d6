"""A strip of cells a row: when in the treatment something is seen, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .axis import Axis
from .chart import FOOT, Phase, _strip, picture
from .fit import LINE, NARROW, letters, lines
from .mark import el, percent, words

HEIGHT = 16
LEVELS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.4)  # shares at which a cell gets the next shade


@dataclass(frozen=True)
class Strip:
    """``shares`` between the ``edges`` (one more than shares, on the axis); ``says`` is its sum in words."""

    name: str
    edges: Sequence[float]
    shares: Sequence[float | None]
    says: str = ""


def strips(title: str, description: str, x: Axis, rows: Sequence[Strip], phases: Sequence[Phase] = ()) -> str:
    """Rows of cells over time, the darker the more often; neighbours of one shade are one cell."""
    parts = [_strip(phase, x) for phase in phases]
    y = 30.0 if phases else 0.0
    for row in rows:
        named = lines(row.name)
        parts += [words(line, class_="row", x="0", y=y + 14 + LINE * i) for i, line in enumerate(named)]
        if row.says:
            how = "key" if letters(row.name) + letters(row.says) <= NARROW else "key wide"
            parts.append(words(row.says, class_=how, x="100%", y=y + 14, text_anchor="end"))
        y += 20 + LINE * (len(named) - 1)
        parts.append(el("rect", class_="cell q0", x="0", width="100%", y=y, height=HEIGHT))
        parts += _cells(row, x, y)
        y += HEIGHT + 10
    for tick in x.ticks:
        share = x.share(tick.at)
        anchor = "start" if share < 0.02 else "end" if share > 0.97 else "middle"
        how = "x minor" if tick.minor else "x"
        parts.append(words(tick.says, class_=how, x=percent(share), y=y + 8, text_anchor=anchor))
    return picture(title, description, y + FOOT - 8, parts, "strips")


def _cells(row: Strip, x: Axis, y: float) -> list[str]:
    if len(row.edges) != len(row.shares) + 1:
        raise ValueError(f"{row.name}: {len(row.shares)} shares need {len(row.shares) + 1} edges, not {len(row.edges)}")
    shades = [sum((share or 0) >= level for level in LEVELS) for share in row.shares]
    parts, start = [], 0
    for i in range(1, len(shades) + 1):
        if i < len(shades) and shades[i] == shades[start]:
            continue
        if shades[start]:
            low, high = x.share(row.edges[start]), x.share(row.edges[i])
            if high > low:
                parts.append(el("rect", class_=f"cell q{shades[start]}", x=percent(low), width=percent(high - low),
                                y=y, height=HEIGHT))  # fmt: skip
        start = i
    return parts
