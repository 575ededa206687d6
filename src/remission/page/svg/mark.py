"""Elements and paths as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

OFF = 0.75  # units that a point may lie off a line without being drawn: less than half a pixel


def el(name: str, *inside: str, **attributes: str | float | None) -> str:
    """An element; ``class_`` is class, ``text_anchor`` is text-anchor; what stands inside is markup already."""
    own = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{own}>{''.join(inside)}</{name}>" if inside else f"<{name}{own}/>"


def words(said: str, **attributes: str | float | None) -> str:
    """A text element."""
    return el("text", escape(said), **attributes)


def percent(share: float) -> str:
    """A place as a share of the width, so that it holds at any width."""
    return f"{_plain(round(100 * share, 2))}%"


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"


def path(points: Sequence[tuple[float, float] | None], step: bool = False, closed: bool = False) -> str:
    """The data of a path in whole units, relative, without points within `OFF` of a line; None is a gap."""
    out: list[str] = []
    for part in _parts(points):
        part = _stairs(part) if step else _thinned(part)
        whole = _straightened([(round(x), round(y)) for x, y in part])
        (x, y), rest = whole[0], whole[1:]
        out.append(f"M{x} {y}")
        for to_x, to_y in rest:
            dx, dy = to_x - x, to_y - y
            out.append(f"v{dy}" if dx == 0 else f"h{dx}" if dy == 0 else f"l{dx} {dy}".replace(" -", "-"))
            x, y = to_x, to_y
        if closed:
            out.append("z")
    return "".join(out)


def _parts(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    parts: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            parts.append([])
        else:
            parts[-1].append(point)
    return [part for part in parts if part]


def _stairs(part: list[tuple[float, float]]) -> list[tuple[float, float]]:
    out = part[:1]
    for x, y in part[1:]:
        out += [(x, out[-1][1]), (x, y)]
    return out


def _thinned(part: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points between which straight lines pass within `OFF` of all others: from each one as far as a line goes."""
    out, start, last = part[:1], part[0], None
    low, high, way = -math.inf, math.inf, 0.0
    for point in part[1:]:
        run = point[0] - start[0]
        if last is not None and not (run * way > 0 and low <= (point[1] - start[1]) / run <= high):
            out.append(last)
            start, low, high, way = last, -math.inf, math.inf, 0.0
            run = point[0] - start[0]
        if run:
            edges = sorted((point[1] + off - start[1]) / run for off in (-OFF, OFF))
            low, high = max(low, edges[0]), min(high, edges[1])
        way, last = way or run, point
    return out if last is None else [*out, last]


def _straightened(part: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for point in part:
        if out and point == out[-1]:
            continue
        while len(out) > 1 and _between(out[-2], out[-1], point):
            out.pop()
        out.append(point)
    return out


def _between(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    """Whether b lies on the way from a to c."""
    cross = (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
    along = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])
    return cross == 0 and along >= 0
