"""Bars under their names, with the interval that goes with them; two or more a row to be held beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .axis import Axis
from .chart import FOOT, picture
from .fit import LINE, NARROW, letters, lines
from .mark import el, percent, words

HEIGHT = 14  # pixels of a bar
ROOM = 0.62  # share of the width that the axis takes: the rest is for the words behind a bar


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
        for line in lines(row.name):
            parts.append(words(line, class_="row", x="0", y=y + 14))
            y += LINE
        y += 20 - LINE
        for bar in row.bars:
            below = _below(bar, axis)
            parts += _bar(bar, axis, y, below)
            y += HEIGHT + 5 + LINE * len(below)
        y += 8
    grid = [
        el("line", class_="grid", x1=_at(axis, t.at), x2=_at(axis, t.at), y1=0, y2=y)
        for t in axis.ticks
    ]
    for tick in axis.ticks:
        how = "x minor" if tick.minor else "x"
        anchor = "start" if tick.at == axis.low else "middle"
        parts.append(words(tick.says, class_=how, x=_at(axis, tick.at), y=y + 16, text_anchor=anchor))
    return picture(title, description, y + FOOT + 18 * len(_labels(axis)), [*grid, *parts, *_label(axis, y)], "bars")


def _labels(axis: Axis) -> list[str]:
    return lines(axis.label, NARROW - 3) if axis.label else []  # in heavy letters


def _label(axis: Axis, y: float) -> list[str]:
    return [words(line, class_="head", x="0", y=y + 36 + 18 * i) for i, line in enumerate(_labels(axis))]


def _below(bar: Bar, axis: Axis) -> list[str]:
    """The words of a bar as lines of their own, where they do not fit behind it on a phone."""
    if bar.value is None:
        return lines(bar.says)[1:]
    room = (1 - ROOM * axis.share(max(bar.value, bar.high or bar.value))) * NARROW
    return lines(bar.says) if letters(bar.says) > room else []


def _bar(bar: Bar, axis: Axis, y: float, below: Sequence[str] = ()) -> list[str]:
    if bar.value is None:
        return [words(line, class_="key", x="0", dx=2, y=y + 11 + LINE * i) for i, line in enumerate(lines(bar.says))]
    parts = [el("rect", class_=f"bar s-{bar.kind}", x="0", width=_at(axis, bar.value), y=y, height=HEIGHT)]
    end = bar.value
    if bar.low is not None and bar.high is not None:
        end = max(bar.high, end)
        middle = y + HEIGHT / 2
        parts.append(el("line", class_="whisker", x1=_at(axis, bar.low), x2=_at(axis, end), y1=middle, y2=middle))
    if not below:
        return [*parts, words(bar.says, class_="key", x=_at(axis, end), dx=6, y=y + 11)]
    under = y + HEIGHT + 12
    return parts + [words(line, class_="key", x="0", dx=2, y=under + LINE * i) for i, line in enumerate(below)]


def _at(axis: Axis, value: float) -> str:
    return percent(ROOM * axis.share(value))
