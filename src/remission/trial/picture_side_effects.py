"""Side effects: one row each, a bar from the first to the last day in the colour of the grade."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from .picture_style import BLACK, SMALL, Floats, Tables, fit_text, numbers

GRADES = ("#F7E3A1", "#F0B04A", "#D55E00", "#8C2D04", BLACK)  # 1 to 5, light to dark
NAMES = {
    "crs": "cytokine release", "neurotoxicity": "neurotoxicity (ICANS)", "vod": "VOD of the liver",
    "gvhd": "acute GVHD", "chronic_gvhd": "chronic GVHD",
}  # fmt: skip
FULL = 0.66  # height of a bar, in rows


def side_effect_rows(side_effects: pl.DataFrame) -> list[str]:
    """The side effects in the order of their first day."""
    return (
        side_effects.sort("day", maintain_order=True)["side_effect"].drop_nulls().unique(maintain_order=True).to_list()
    )


def within(side_effects: pl.DataFrame, first: float, last: float) -> pl.DataFrame:
    """Those that are there between two days."""
    return side_effects.filter((pl.col("day") <= last) & (pl.max_horizontal("to_day", "day") >= first))


def shows_side_effects(mine: Tables) -> bool:
    """There is something to show."""
    return len(mine["side_effects"]) > 0


def draw_side_effects(axes: Axes, side_effects: pl.DataFrame, first: float, last: float) -> None:
    """Fill the axes; the highest grade of each episode stands in its bar, or behind one that is too short."""
    rows = side_effect_rows(side_effects)
    axes.set_ylim(-0.12, len(rows) - 0.12)
    axes.set_yticks(
        [len(rows) - 1 - i + FULL / 2 for i in range(len(rows))],
        [NAMES.get(name, name.replace("_", " ")) for name in rows],
    )
    axes.tick_params(axis="y", length=0)
    thinnest = (last - first) * 0.004
    _key(axes)
    for index, name in enumerate(rows):
        y = len(rows) - 1 - index
        axes.axhline(y, color="#D9D9D9", linewidth=0.5, zorder=1)
        mine = side_effects.filter(pl.col("side_effect") == name).sort("day")
        grades = mine["grade"].fill_null(1).clip(1, 5).to_list()
        starts = numbers(mine, "day")
        ends = _ends(starts, numbers(mine, "to_day"), thinnest)
        behind = [*starts[1:], np.inf]
        for start, end, grade, following in zip(starts, ends, grades, behind, strict=True):
            axes.barh(
                y, end - start, left=start, height=FULL, align="edge", color=GRADES[grade - 1], edgecolor="#444444",
                linewidth=0.5, gid=f"grade {grade}", zorder=3,
            )  # fmt: skip
            left, right = max(start, first), min(end, last)
            inside = fit_text(
                axes, (left + right) / 2, y + FULL / 2 - 0.02, [f"grade {grade}", f"{grade}"], right - left,
                color=_ink(grade), fontsize=7.5, zorder=4,
            )  # fmt: skip
            if inside is None and following - end > 0.03 * (last - first) and right < first + 0.95 * (last - first):
                axes.annotate(
                    f"{grade}", (end, y + FULL / 2), xytext=(2.5, -0.5), textcoords="offset points", va="center",
                    fontsize=7.5, zorder=4,
                )  # fmt: skip


def _key(axes: Axes) -> None:
    """The colours of the grades, to the right of the panel."""
    axes.annotate(
        "grade", (1.008, 0.5), xycoords="axes fraction", va="center", fontsize=SMALL, color="#555555", gid="beside"
    )
    for grade, colour in enumerate(GRADES, 1):
        axes.annotate(
            f"{grade}", (1.008, 0.5), xycoords="axes fraction", xytext=(26 + 14 * grade, 0), gid="grade key",
            textcoords="offset points", ha="center", va="center", fontsize=7.5, color=_ink(grade),
            bbox={"boxstyle": "square,pad=0.25", "facecolor": colour, "edgecolor": "#444444", "linewidth": 0.5},
        )  # fmt: skip


def _ink(grade: int) -> str:
    return "white" if grade >= 3 else BLACK


def _ends(start: Floats, end: Floats, thinnest: float) -> Floats:
    end = np.fmax(np.where(np.isnan(end), start, end), start) + 1
    return np.fmax(end, start + thinnest)
