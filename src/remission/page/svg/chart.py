"""Lines, bands and limits over time, in one or more panels under a strip of phases.

A picture is as wide as the page gives it: places along time are shares of the width, heights are pixels, and letters
keep their size at any width. Only paths are stretched, in a plane of their own (1000 x 2 units a pixel).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from .axis import DESK, PHONE, Axis, anchor
from .colours import PHASES, SERIES
from .fit import LINE, PLOT, letters, lines
from .mark import el, path, percent, words

LETTER = 6.6  # pixels of a letter, about
KEY = PLOT - 4  # letters of a line behind its swatch
STRIP, LEGEND, FOOT, GAP = 26, 18, 24, 16
FINE = 2  # units of a plane a pixel

Numbers = Sequence[float | None]


@dataclass(frozen=True)
class Line:
    """``kind`` is one of `colours.SERIES`; None in ``y`` is a gap; ``step`` for what stays until it changes."""

    x: Numbers
    y: Numbers
    kind: str
    name: str = ""
    step: bool = False
    thin: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class Band:
    """The room between two lines; ``pale`` for the wider of two (5-95 % around 25-75 %)."""

    x: Numbers
    low: Numbers
    high: Numbers
    kind: str
    name: str = ""
    pale: bool = False


@dataclass(frozen=True)
class Limit:
    """A level that something is held against, with its words on the line."""

    at: float
    says: str = ""


@dataclass(frozen=True)
class Zone:
    """Levels that are aimed at, from ``low`` to ``high``."""

    low: float
    high: float
    says: str = ""


@dataclass(frozen=True)
class Phase:
    """A phase from one day to another. ``kind`` is one of `colours.PHASES` (see `colours.phase_kind`)."""

    start: float
    end: float
    name: str
    kind: str
    short: str = ""


@dataclass(frozen=True)
class Mark:
    """A moment: a line through all panels, with words at its head."""

    at: float
    says: str = ""


@dataclass(frozen=True)
class Dot:
    """What was measured or happened, at a place in a panel; ``hollow`` where it was below what can be seen."""

    x: float
    y: float
    kind: str
    hollow: bool = False


@dataclass(frozen=True)
class Panel:
    """One plot. ``y.label`` stands over it."""

    y: Axis
    lines: Sequence[Line] = ()
    bands: Sequence[Band] = ()
    limits: Sequence[Limit] = ()
    zones: Sequence[Zone] = ()
    dots: Sequence[Dot] = ()
    height: int = 150
    floor: str = field(default="")  # words at the foot of a logarithmic axis: what a line that ends there means


def chart(
    title: str,
    description: str,
    x: Axis,
    panels: Sequence[Panel] | Panel,
    phases: Sequence[Phase] = (),
    marks: Sequence[Mark] = (),
) -> str:
    """The picture as SVG. ``title`` says what is drawn, ``description`` what it shows, to those who do not see it."""
    panels = [panels] if isinstance(panels, Panel) else list(panels)
    top = STRIP if phases else 4
    head = LEGEND if any(mark.says for mark in marks) else 0
    parts, places = [], []
    y = top + head
    for panel in panels:
        entries = _entries(panel)
        y += LEGEND * (_heads(panel) + sum(len(lines(each.name, KEY)) for each in entries)) + 6
        places.append((y, entries))
        y += panel.height + GAP
    bottom = y - GAP
    plots = [(at, at + panel.height) for panel, (at, _entries) in zip(panels, places, strict=True)]
    parts += [_tint(phase, x, *plot) for plot in plots for phase in phases]
    parts += [_strip(phase, x) for phase in phases]
    for panel, (at, entries) in zip(panels, places, strict=True):
        parts += _panel(panel, x, at, entries)
    parts += [each for mark in marks for each in _mark(mark, x, top, plots)]
    parts += _time(x, bottom)
    long = any(len(tick.says) > 6 for panel in panels for tick in panel.y.ticks if not tick.minor)
    return picture(title, description, bottom + FOOT, parts, "chart roomy" if long else "chart")


def picture(title: str, description: str, height: float, parts: Iterable[str], class_: str = "chart") -> str:
    """The frame of a picture, with its words for those who hear it. ``height`` in pixels."""
    key = hashlib.blake2s(f"{title}\n{description}".encode(), digest_size=4).hexdigest()
    said = f'<title id="t{key}">{escape(title)}</title><desc id="d{key}">{escape(description)}</desc>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="{class_}" width="100%" height="{height:g}" role="img"'
    return f'{head} aria-labelledby="t{key} d{key}">{said}{"".join(parts)}</svg>'


# --- time -------------------------------------------------------------------------------------


def _time(x: Axis, bottom: float) -> list[str]:
    parts = [el("line", class_="axis", x1="0", x2="100%", y1=bottom, y2=bottom)]
    for tick in x.ticks:
        share = x.share(tick.at)
        at = percent(share)
        parts.append(el("line", class_="tick", x1=at, x2=at, y1=bottom, y2=bottom + 4))
        how = "x minor" if tick.minor else "x"
        parts.append(words(tick.says, class_=how, x=at, y=bottom + 18, text_anchor=anchor(share)))
    return parts


def _tint(phase: Phase, x: Axis, top: float, bottom: float) -> str:
    start, end = x.share(phase.start), x.share(phase.end)
    if end <= start:
        return ""
    return el("rect", class_=f"tint ph-{_phase(phase.kind)}", x=percent(start), width=percent(end - start), y=top,
              height=bottom - top)  # fmt: skip


def _strip(phase: Phase, x: Axis) -> str:
    start, end = x.share(phase.start), x.share(phase.end)
    if end <= start:
        return ""
    at, width = percent(start), percent(end - start)
    parts = [el("rect", class_=f"phase ph-{_phase(phase.kind)}", x=at, width=width, y=0, height=STRIP - 6)]
    middle = percent((start + end) / 2)
    own = phase.name.partition(" (")[0]  # without the plan that it is of
    names = [phase.name[:1].upper() + phase.name[1:], own[:1].upper() + own[1:], phase.short, _initials(own)]
    wide, narrow = (_fits(names, (end - start) * room) for room in (DESK, PHONE))
    if wide and wide == narrow:
        parts.append(words(wide, class_="strip", x=middle, y=15, text_anchor="middle"))
    else:
        for name, how in ((wide, "strip wide"), (narrow, "strip narrow")):
            if name:
                parts.append(words(name, class_=how, x=middle, y=15, text_anchor="middle"))
    return "".join(parts)


def _initials(name: str) -> str:
    """Short for a name; none where letters have no capitals: in Arabic most words begin with the article."""
    cased = any(letter.isupper() or letter.islower() for letter in name)
    return "".join(word[0].upper() for word in name.replace("-", " ").split()) if cased else ""


def _fits(names: Iterable[str], pixels: float) -> str:
    return next((name for name in names if name and letters(name) * LETTER + 6 <= pixels), "")


def _mark(mark: Mark, x: Axis, top: float, plots: Iterable[tuple[float, float]]) -> Iterator[str]:
    share = x.share(mark.at)
    at = percent(share)
    for start, end in plots:
        yield el("line", class_="now", x1=at, x2=at, y1=start, y2=end)
    if mark.says:
        side = "start" if share < 0.05 else "end" if share > 0.9 else "middle"
        yield words(mark.says, class_="now", x=at, y=top + 12, text_anchor=side)


# --- a panel ----------------------------------------------------------------------------------


def _entries(panel: Panel) -> list[Line | Band]:
    every: list[Line | Band] = [*panel.lines, *panel.bands]
    return [each for each in every if each.name]


def _panel(panel: Panel, x: Axis, top: float, entries: Sequence[Line | Band]) -> list[str]:
    height, axis = panel.height, panel.y

    def at(value: float) -> float:
        return top + height * (1 - axis.share(value))

    parts = _legend(panel, entries, top)
    for zone in panel.zones:
        high = at(zone.high)
        parts.append(el("rect", class_="zone", x="0", width="100%", y=high, height=at(zone.low) - high))
    for tick in axis.ticks:
        y = at(tick.at)
        parts.append(el("line", class_="grid", x1="0", x2="100%", y1=y, y2=y))
        if not tick.minor:
            parts.append(words(tick.says, class_="y", x="0", dx=-8, y=y + 4, text_anchor="end"))
    plane = [_area(band, x, axis, height) for band in panel.bands]
    plane += [_curve(line, x, axis, height) for line in panel.lines]
    parts.append(
        el("svg", *plane, x="0", y=top, width="100%", height=height, viewBox=f"0 0 1000 {height * FINE}",
           preserveAspectRatio="none", class_="plane")
    )  # fmt: skip
    for dot in panel.dots:
        how = f"dot s-{_series(dot.kind)}" + (" hollow" if dot.hollow else "")
        parts.append(el("circle", class_=how, cx=percent(x.share(dot.x)), cy=at(dot.y), r=3.5))
    for limit in panel.limits:
        y = at(limit.at)
        parts.append(el("line", class_="limit", x1="0", x2="100%", y1=y, y2=y))
        if limit.says:
            parts += _at_end(limit.says, "limit", y - 4, up=True)
    for zone in panel.zones:
        if zone.says:
            parts += _at_end(zone.says, "limit", at(zone.high) + 13)
    if panel.floor:
        parts += _at_end(panel.floor, "floor", top + height - 5, up=True)
    return parts


def _at_end(said: str, how: str, y: float, up: bool = False) -> list[str]:
    """Words at the end of a panel, in as many lines as a phone needs; ``up``: the last stands at ``y``."""
    cut = lines(said, PLOT)
    first = y - LINE * (len(cut) - 1) if up else y
    return [words(line, class_=how, x="100%", y=first + LINE * i, text_anchor="end") for i, line in enumerate(cut)]


def _legend(panel: Panel, entries: Sequence[Line | Band], top: float) -> list[str]:
    y = top - 6 - LEGEND * sum(len(lines(each.name, KEY)) for each in entries)
    heads = lines(panel.y.label, PLOT) if panel.y.label else []
    parts = [words(line, class_="head", x="0", y=y - 4 - LEGEND * (len(heads) - 1 - i)) for i, line in enumerate(heads)]
    for each in entries:
        parts.append(_swatch(each, y + LEGEND - 9))
        for line in lines(each.name, KEY):
            y += LEGEND
            parts.append(words(line, class_="key", x="0", dx=26, y=y - 4))
    return parts


def _heads(panel: Panel) -> int:
    """Lines of the words above the axis."""
    return len(lines(panel.y.label, PLOT)) if panel.y.label else 0


def _swatch(of: Line | Band, y: float) -> str:
    if isinstance(of, Band):
        return el("rect", class_=_of_band(of), x="0", y=y - 5, width=20, height=10)
    return el("line", class_=_of_line(of), x1="0", x2="20", y1=y, y2=y)


def _points(x: Axis, y: Axis, xs: Numbers, ys: Numbers, height: float) -> list[tuple[float, float] | None]:
    return [
        None if a is None or b is None or b != b else (1000 * x.share(a), FINE * height * (1 - y.share(b)))
        for a, b in zip(xs, ys, strict=True)
    ]


def _curve(line: Line, x: Axis, y: Axis, height: float) -> str:
    return el("path", class_=_of_line(line), d=path(_points(x, y, line.x, line.y, height), line.step))


def _area(band: Band, x: Axis, y: Axis, height: float) -> str:
    low, high = (_points(x, y, band.x, edge, height) for edge in (band.low, band.high))
    parts: list[list[tuple[tuple[float, float], tuple[float, float]]]] = [[]]
    for below, above in zip(low, high, strict=True):
        if below is None or above is None:
            parts.append([])
        else:
            parts[-1].append((below, above))
    outlines = [[a for _b, a in part] + [b for b, _a in reversed(part)] for part in parts if part]
    return el("path", class_=_of_band(band), d="".join(path(outline, closed=True) for outline in outlines))


def _of_line(line: Line) -> str:
    return f"line s-{_series(line.kind)}" + " thin" * line.thin + " dashed" * line.dashed


def _of_band(band: Band) -> str:
    return f"band s-{_series(band.kind)}" + " pale" * band.pale


def _series(kind: str) -> str:
    return _known(kind, SERIES, "line")


def _phase(kind: str) -> str:
    return _known(kind, PHASES, "phase")


def _known(kind: str, kinds: tuple[str, ...], what: str) -> str:
    if kind not in kinds:
        raise ValueError(f"no kind of {what}: '{kind}'. Known: {', '.join(kinds)}")
    return kind
