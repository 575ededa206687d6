"""Bars under their names, with the interval that goes with them; two or more a row to be held beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .axis import Axis
from .chart import FOOT, picture
from .mark import el, percent, words

HEIGHT = 14  # pixels of a bar


@dataclass(frozen=True)
class Bar:
    """``says`` stands behind the bar: the number in words. ``low`` and ``high``: its interval. None: only words."""

    value: float | None
    says: str
    kind: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Row:
    """What the bars are of."""

    name: str
    bars: Sequence[Bar]


def bars(title: str, description: str, axis: Axis, rows: Sequence[Row]) -> str:
    """Rows of bars from the left edge of the axis."""
    parts: list[str] = []
    y = 0.0
    for row in rows:
        parts.append(words(row.name, class_="row", x="0", y=y + 14))
        y += 20
        for bar in row.bars:
            parts += _bar(bar, axis, y)
            y += HEIGHT + 5
        y += 8
    grid = [
        el("line", class_="grid", x1=percent(axis.share(t.at)), x2=percent(axis.share(t.at)), y1=0, y2=y)
        for t in axis.ticks
    ]
    for tick in axis.ticks:
        share = axis.share(tick.at)
        anchor = "start" if share < 0.02 else "end" if share > 0.97 else "middle"
        how = "x minor" if tick.minor else "x"
        parts.append(words(tick.says, class_=how, x=percent(share), y=y + 16, text_anchor=anchor))
    return picture(title, description, y + FOOT + (18 if axis.label else 0), [*grid, *parts, *_label(axis, y)], "bars")


def _label(axis: Axis, y: float) -> list[str]:
    return [words(axis.label, class_="head", x="0", y=y + 36)] if axis.label else []


def _bar(bar: Bar, axis: Axis, y: float) -> list[str]:
    if bar.value is None:
        return [words(bar.says, class_="key", x="0", dx=2, y=y + 11)]
    share = axis.share(bar.value)
    parts = [el("rect", class_=f"bar s-{bar.kind}", x="0", width=percent(share), y=y, height=HEIGHT)]
    end = share
    if bar.low is not None and bar.high is not None:
        low, end = axis.share(bar.low), max(axis.share(bar.high), share)
        middle = y + HEIGHT / 2
        parts.append(el("line", class_="whisker", x1=percent(low), x2=percent(end), y1=middle, y2=middle))
    if end <= 0.6:
        parts.append(words(bar.says, class_="key", x=percent(end), dx=6, y=y + 11))
    else:
        parts.append(words(bar.says, class_="key halo", x="0", dx=6, y=y + 11))
    return parts
