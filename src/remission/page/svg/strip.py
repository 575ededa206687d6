"""A strip of cells a row: when in the treatment something is seen, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from .axis import Axis, anchor
from .chart import FOOT, Phase, _strip, picture
from .fit import LINE, NARROW, letters, lines
from .mark import el, percent, words

HEIGHT, WIDTH = 16, 1000  # pixels of a cell; units of a row
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
        parts.append(_cells(row, x, y))
        y += HEIGHT + 10
    for tick in x.ticks:
        share = x.share(tick.at)
        how = "x minor" if tick.minor else "x"
        parts.append(words(tick.says, class_=how, x=percent(share), y=y + 8, text_anchor=anchor(share)))
    return picture(title, description, y + FOOT - 8, parts, "strips")


def _cells(row: Strip, x: Axis, y: float) -> str:
    """The cells in a plane of their own (`WIDTH` units wide): all of one shade are one path."""
    if len(row.edges) != len(row.shares) + 1:
        raise ValueError(f"{row.name}: {len(row.shares)} shares need {len(row.shares) + 1} edges, not {len(row.edges)}")
    places = [round(WIDTH * x.share(edge)) for edge in row.edges]
    boxes: dict[int, str] = {}
    for shade, cells in groupby(enumerate(row.shares), lambda each: sum((each[1] or 0) >= at for at in LEVELS)):
        at = [i for i, _share in cells]
        low, high = places[at[0]], places[at[-1] + 1]
        if shade and high > low:
            boxes[shade] = f"{boxes.get(shade, '')}M{low} 0H{high}V1H{low}z"
    paths = (el("path", class_=f"cell q{shade}", d=drawn) for shade, drawn in boxes.items())
    return el("svg", *paths, x="0", y=y, width="100%", height=HEIGHT, viewBox=f"0 0 {WIDTH} 1",
              preserveAspectRatio="none", class_="plane")  # fmt: skip
