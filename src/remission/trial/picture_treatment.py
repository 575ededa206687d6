"""What was given: one row per agent and route, bars for runs of days, ticks for single doses, holds hatched."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .picture_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    INDIGO,
    OLIVE,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    TEAL,
    VERMILLION,
    WINE,
    Floats,
    fit_text,
    ink_on,
    numbers,
)

# Rows in this order. An agent belongs to the first group whose pattern its name matches.
GROUPS: tuple[tuple[str, str, str], ...] = (
    ("steroids", r"predniso|dexameth|cortiso", ORANGE),
    ("vincristine", r"vincrist|vindes|vinblast", SKY),
    ("asparaginase", r"aspar|crisantasp", GREEN),
    ("anthracycline", r"rubicin|mitoxantrone", PURPLE),
    ("alkylator", r"phosphamide|ifosf|busulf|thiotepa|melphalan", OLIVE),
    ("antimetabolites", r"mercapto|guanine|methotrex|cytarab|fludarab|clofarab|nelarab", BLUE),
    ("intrathecal", r"(?!)", INDIGO),
    ("BCR::ABL1 inhibitors", r"tinib$", WINE),
    ("antibodies", r"blinatum|inotuzum", TEAL),
    ("CAR T-cells", r"leucel$", BLUE),
    ("irradiation", r"irradiation", PURPLE),
    ("graft", r"_(marrow|blood)$", GREEN),
    ("against GVHD", r"ciclosporin|thymocyte", OLIVE),
    ("supportive", r"tocilizumab|immunoglobulin|leucovorin|filgrastim", GREY),
    ("other", r"", GREY),
)
FULL = 0.52  # height of a bar at the protocol dose, in rows
_WITH_AMOUNT = ("BCR::ABL1 inhibitors", "antibodies", "irradiation")  # bars that say how much a day
_TALLEST = 1.6  # factors above this are drawn at this height


def group_of(agent: str, route: str) -> int:
    """Index into GROUPS."""
    if route == "IT":
        return next(i for i, g in enumerate(GROUPS) if g[0] == "intrathecal")
    return next(i for i, g in enumerate(GROUPS) if re.search(g[1], agent.lower()))


def dose_rows(doses: pl.DataFrame) -> list[tuple[str, str]]:
    """(agent, route) in the order of the groups, then of first appearance."""
    seen = doses.sort("from_day").select("agent", "route").drop_nulls().unique(maintain_order=True).rows()
    return sorted(seen, key=lambda r: group_of(*r))


def row_name(agent: str, route: str) -> str:
    """An agent and its route as they stand beside a row."""
    return f"{agent} {route}".replace("_", " ")


def not_given() -> pl.Expr:
    """Doses that were due and not given: held, omitted, or put off to another day."""
    nothing = (pl.col("factor") == 0) | (pl.col("dose") == 0)
    return pl.col("reason").is_in(["held", "omitted"]).fill_null(False) | nothing.fill_null(False)


def tinted(colour: str, factor: float) -> tuple[float, float, float]:
    """Lighter below the protocol dose, darker above it."""
    red, green, blue = to_rgb(colour)
    if factor < 0.995:
        keep = 0.30 + 0.35 * max(factor, 0.0)
        return tuple(1 - keep * (1 - c) for c in (red, green, blue))  # type: ignore[return-value]
    keep = 1.0 if factor <= 1.005 else 0.68
    return red * keep, green * keep, blue * keep


def draw_doses(axes: Axes, doses: pl.DataFrame, first: float, last: float) -> None:
    """Fill the axes. ``doses``: one patient's rows; ``to_day`` is the last day of the run (equal to ``from_day`` for
    a single dose). Collections carry the gid ``given``, ``single``, ``held`` or ``omitted``: one path a table row."""
    rows = dose_rows(doses)
    thinnest = (last - first) * 0.0035
    for index, (agent, route) in enumerate(rows):
        y = len(rows) - 1 - index
        axes.axhline(y, color="#D9D9D9", linewidth=0.5, zorder=1)
        colour = GROUPS[group_of(agent, route)][2]
        mine = doses.filter((pl.col("agent") == agent) & (pl.col("route") == route))
        _given(axes, mine.filter(~not_given()), y, colour, thinnest)
        if GROUPS[group_of(agent, route)][0] in _WITH_AMOUNT:
            _amounts(axes, mine.filter(~not_given()), y, first, last)
        missed = mine.filter(not_given())
        held = pl.col("reason").fill_null("held") == "held"
        _missed(axes, missed.filter(held), y, thinnest, "held")
        _missed(axes, missed.filter(~held), y, thinnest, "omitted")
    axes.set_ylim(-0.25, max(len(rows), 1) - 0.02)
    axes.set_yticks([len(rows) - 1 - i + FULL / 2 for i in range(len(rows))], [row_name(*r) for r in rows])
    axes.tick_params(axis="y", length=0)
    if not rows:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no doses recorded", transform=axes.transAxes, ha="center", va="center", color=GREY)
    _group_names(axes, rows)


def _given(axes: Axes, rows: pl.DataFrame, y: float, colour: str, thinnest: float) -> None:
    if rows.is_empty():
        return
    start, end = numbers(rows, "from_day"), numbers(rows, "to_day")
    end = np.fmax(np.where(np.isnan(end), start, end), start)
    factor = np.nan_to_num(numbers(rows, "factor"), nan=1.0)
    height = FULL * np.minimum(factor, _TALLEST)
    shade = np.array([tinted(colour, f) for f in factor])
    single = end == start
    if single.any():
        width = 2.4 if thinnest < 1 else 1.5  # points
        lines = axes.vlines(
            start[single] + 0.5, y, y + height[single], colors=shade[single], linewidths=width, zorder=3
        )  # fmt: skip
        lines.set_gid("single")
    if (~single).any():
        bars = _boxes(start[~single], np.fmax(end[~single] + 1, start[~single] + thinnest), y, height[~single])
        axes.add_collection(
            PolyCollection(bars, facecolors=shade[~single], edgecolors="none", zorder=2, gid="given"), autolim=False
        )


def _amounts(axes: Axes, rows: pl.DataFrame, y: float, first: float, last: float) -> None:
    """The amount given in a day, in the bars where it has changed and there is room for it."""
    before = ""
    for row in rows.sort("from_day").iter_rows(named=True):
        start, end = max(row["from_day"], first), min(max(row["to_day"] or 0, row["from_day"]) + 1, last)
        if row["dose"] is None or end <= start:
            continue
        amount = f"{row['dose']:.3g} {row['unit'] or ''}".replace("ug", "µg").strip()
        if amount != before:
            whole = (row["factor"] or 1.0) > 0.7  # a lower bar does not reach behind its words
            colour = ink_on(to_rgb(GROUPS[group_of(row["agent"], row["route"] or "")][2])) if whole else BLACK
            middle, width = (start + end) / 2, end - start
            if fit_text(axes, middle, y + FULL / 2 - 0.02, [amount], width, color=colour, fontsize=7, zorder=4):
                before = amount


def _missed(axes: Axes, rows: pl.DataFrame, y: float, thinnest: float, kind: str) -> None:
    if rows.is_empty():
        return
    start, end = numbers(rows, "from_day"), numbers(rows, "to_day")
    end = np.fmax(np.where(np.isnan(end), start, end), start) + 1
    short = np.fmax(thinnest - (end - start), 0) / 2
    boxes = _boxes(start - short, end + short, y + 0.03, np.full(start.shape, FULL))
    axes.add_collection(
        PolyCollection(
            boxes,
            facecolors="white",
            edgecolors=VERMILLION,
            linewidths=0.8,
            zorder=4,
            gid=kind,
            hatch="//////" if kind == "held" else None,
        ),  # fmt: skip
        autolim=False,
    )


def _boxes(left: Floats, right: Floats, y: float, height: Floats) -> list[list[tuple[float, float]]]:
    return [[(a, y), (b, y), (b, y + h), (a, y + h)] for a, b, h in zip(left, right, height, strict=True)]


def _group_names(axes: Axes, rows: list[tuple[str, str]]) -> None:
    groups = [group_of(*r) for r in rows]
    for group in dict.fromkeys(groups):
        at = [len(rows) - 1 - i for i, g in enumerate(groups) if g == group]
        if max(at) != len(rows) - 1:
            axes.axhline(max(at) + 0.86, color="#B5B5B5", linewidth=0.6, linestyle=(0, (1, 2)), zorder=1)
        name, _, colour = GROUPS[group]
        axes.text(
            1.008, float(np.mean(at)) + FULL / 2, name, transform=axes.get_yaxis_transform(), va="center",
            fontsize=SMALL, color=tinted(colour, 1.5), fontweight="bold",
        )  # fmt: skip


def legend_entries() -> list[Patch | Line2D]:
    """How to read the rows."""
    return [
        Patch(facecolor=BLUE, label="given, protocol dose (run of days)"),
        Line2D([], [], color=BLUE, marker="|", markersize=9, markeredgewidth=1.6, linestyle="", label="single dose"),
        Patch(facecolor=tinted(BLUE, 0.5), label="reduced (lower, lighter)"),
        Patch(facecolor=tinted(BLUE, 1.5), label="raised (higher, darker)"),
        Patch(facecolor="white", edgecolor=VERMILLION, hatch="//////", label="held"),
        Patch(facecolor="white", edgecolor=VERMILLION, label="omitted"),
    ]
