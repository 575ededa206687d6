"""Published beside simulated results as pictures: a forest plot a trial, and all of them against each other."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .incidence import Incidence
from .picture_style import BLACK, BLUE, GREY, LARGE, SMALL, VERMILLION, style
from .pictures import save
from .score import Apart
from .side_effects import words
from .validate import Comparison, Reproduction

ROW_INCHES = 0.27
LETTERS = 68  # of a line of a label
FAR = 20.0  # ratios further from 1 are drawn at the edge


@dataclass(frozen=True)
class Dot:
    """A published number and what was simulated, in one unit; intervals are 95 %. ``unsure``: with the uncertainty of
    the fitted numbers."""

    label: str
    unit: str
    used: str
    published: float
    limits: tuple[float, float] | None
    simulated: float
    chance: tuple[float, float]
    unsure: tuple[float, float] | None = None

    @property
    def whole(self) -> tuple[float, float]:
        """The simulated interval with both: the chance of a cohort and the uncertainty of the numbers."""
        if self.unsure is None:
            return self.chance
        return min(self.chance[0], self.unsure[0]), max(self.chance[1], self.unsure[1])


def dot(row: Comparison) -> Dot | None:
    """None for what is not simulated, or is a median that was not reached."""
    found, limits = row.simulated, row.published
    if found is None or not math.isfinite(found.value):
        return None
    return Dot(
        row.endpoint.label(), row.endpoint.unit, row.endpoint.used, row.endpoint.value,
        None if limits is None else (limits.low, limits.high), found.value, (found.low, found.high), row.unsure,
    )  # fmt: skip


def dot_of_incidence(row: Incidence) -> Dot | None:
    found, limits = row.simulated, row.published
    if found is None:
        return None
    return Dot(
        f"{words(row.side_effect)}, {row.seen.label()}", "percent", row.seen.used, row.seen.value,
        None if limits is None else (limits.low, limits.high), found.value, (found.low, found.high),
    )  # fmt: skip


def forest(one: Reproduction) -> Figure | None:
    """A trial: a line an endpoint, published in black above simulated in colour; what is no percentage as a multiple of
    the published value. None when nothing of it was simulated."""
    rows: list[str | Dot] = []
    arm = ""
    for compared in one.comparisons:
        if (found := dot(compared)) is not None:
            if compared.arm.name != arm and len(one.trial.arms) > 1:
                rows.append(compared.arm.name)
            arm = compared.arm.name
            rows.append(found)
    dots = [row for row in rows if isinstance(row, Dot)]
    if not dots:
        return None
    ratios = any(row.unit != "percent" for row in dots)
    with style():
        height = 1.15 + ROW_INCHES * len(rows)
        figure = Figure(figsize=(9.2, height))
        top, bottom = 1 - 0.55 / height, 0.5 / height
        wide = (0.46, bottom, 0.33 if ratios else 0.51, top - bottom)
        shares = figure.add_axes(wide)
        times = figure.add_axes((0.82, bottom, 0.16, top - bottom)) if ratios else None
        figure.text(0.01, 1 - 0.3 / height, one.trial.name, fontsize=LARGE, weight="bold", va="center")
        for y, row in enumerate(rows):
            if isinstance(row, str):
                place = shares.get_yaxis_transform()
                shares.text(-0.01, y, row, transform=place, ha="right", va="center", weight="bold")
                continue
            label = "\n".join(textwrap.wrap(row.label, LETTERS, max_lines=2, placeholder=" …", break_on_hyphens=False))
            shares.text(
                -0.01, y, label, transform=shares.get_yaxis_transform(), ha="right", va="center", fontsize=SMALL - 1
            )
            _draw(shares if row.unit == "percent" or times is None else times, y, row)
        for axes, name in ((shares, "percent"), (times, "times published")):
            if axes is not None:
                axes.set_ylim(len(rows) - 0.4, -0.6)
                axes.set_yticks([])
                axes.set_xlabel(name)
                axes.grid(axis="x", color="#E4E4E4", linewidth=0.6)
                axes.set_axisbelow(True)
        shares.set_xlim(-1, 101)
        if times is not None:
            times.set_xscale("log")
            low, high = times.get_xlim()
            times.set_xlim(max(min(low, 0.5), 1 / FAR), min(max(high, 2.0), FAR))
            low, high = times.get_xlim()
            times.set_xticks([t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10) if low <= t <= high])
            times.minorticks_off()
            times.set_xticklabels([f"{t:g}" for t in times.get_xticks()])
            times.axvline(1.0, color=GREY, linewidth=0.7)
        figure.legend(handles=_legend(dots), loc="upper right", ncols=4, frameon=False, bbox_to_anchor=(0.995, 1.0))
    return figure


def _draw(axes: Axes, y: float, row: Dot) -> None:
    by = 1.0 if row.unit == "percent" else max(row.published, 1e-9)
    if row.limits is not None:
        axes.plot([_edge(x / by, row) for x in row.limits], [y - 0.17] * 2, color=BLACK, linewidth=1.2)
    axes.plot(_edge(row.published / by, row), y - 0.17, "s", color=BLACK, markersize=3.6)
    colour = _colour(row.used)
    axes.plot([_edge(x / by, row) for x in row.whole], [y + 0.17] * 2, color=colour, linewidth=1.0)
    axes.plot([_edge(x / by, row) for x in row.chance], [y + 0.17] * 2, color=colour, linewidth=2.4)
    axes.plot(_edge(row.simulated / by, row), y + 0.17, "o", color=colour, markersize=4.2)


def _edge(x: float, row: Dot) -> float:
    return x if row.unit == "percent" else min(max(x, 1 / FAR), FAR)


def _colour(used: str) -> str:
    return {"predict": BLUE, "calibrate": VERMILLION}.get(used, GREY)


def _legend(dots: Sequence[Dot]) -> list[Line2D]:
    names = {"predict": "predicted", "calibrate": "fitted", "orientation": "orientation only"}
    there = [used for used in names if any(row.used == used for row in dots)]
    seen = Line2D([], [], color=BLACK, marker="s", markersize=3.6, label="published")
    return [seen, *(Line2D([], [], color=_colour(u), marker="o", markersize=4.2, label=names[u]) for u in there)]


def against_each_other(
    dots: Iterable[Dot], aparts: Iterable[Apart | None], title: str, what: str = "endpoints"
) -> Figure | None:
    """Every percentage that was simulated against the published one, predicted and fitted side by side, with both
    intervals; beside them how far all of them lie apart, in standard errors. None of nothing."""
    dots = [row for row in dots if row.used in ("predict", "calibrate")]
    zs = [row.z for row in aparts if row is not None]
    if not dots:
        return None
    with style():
        figure = Figure(figsize=(11.0, 4.4))
        figure.text(0.01, 0.96, title, fontsize=LARGE, weight="bold", va="center")
        for i, (used, name) in enumerate((("predict", "Predicted"), ("calibrate", "Fitted"))):
            axes = figure.add_axes((0.055 + 0.325 * i, 0.13, 0.265, 0.70))
            mine = [row for row in dots if row.used == used and row.unit == "percent"]
            axes.plot([0, 100], [0, 100], color=GREY, linewidth=0.8)
            for row in mine:
                if row.limits is not None:
                    axes.plot(row.limits, [row.simulated] * 2, color=_colour(used), linewidth=0.6, alpha=0.45)
                axes.plot([row.published] * 2, row.whole, color=_colour(used), linewidth=0.6, alpha=0.45)
                axes.plot(row.published, row.simulated, "o", color=_colour(used), markersize=3.2)
            judged = [row for row in dots if row.used == used and row.limits is not None]
            good = sum(row.limits[0] <= row.simulated <= row.limits[1] for row in judged if row.limits)
            axes.set_title(f"{name}: {good} of {len(judged)} in the interval", loc="left")
            axes.set(xlim=(-2, 102), ylim=(-2, 102), xlabel="published, %", ylabel="simulated, %")
            axes.set_aspect("equal")
        axes = figure.add_axes((0.72, 0.13, 0.26, 0.70))
        axes.axvspan(-1.96, 1.96, color="#EFEFEF")
        axes.hist([min(max(z, -8), 8) for z in zs], bins=[x * 0.8 for x in range(-10, 11)], color=GREY)
        axes.set(xlim=(-8, 8), xlabel="difference, in standard errors of both", ylabel=what)
        axes.set_title(f"|z| < 1.96: {sum(abs(z) <= 1.96 for z in zs)} of {len(zs)}", loc="left")
    return figure


def pictures(done: Sequence[Reproduction], folder: Path) -> dict[str, Path]:
    """The forest plot of every trial (by its name) and, by ``all``, the picture over all, as files in a folder."""
    drawn = {one.trial.trial: forest(one) for one in done}
    rows = [row for one in done for row in one.comparisons]
    dots = [found for row in rows if (found := dot(row)) is not None]
    drawn["all"] = against_each_other(dots, [row.apart for row in rows], "Published trials, played")
    folder.mkdir(parents=True, exist_ok=True)
    return {
        name: save(figure, folder / f"validation-{name.replace('_', '-')}.png", dpi=110)
        for name, figure in drawn.items()
        if figure is not None
    }


def picture_of_incidences(rows: Sequence[Incidence], folder: Path) -> Path | None:
    """All incidences against each other, as a file in a folder."""
    dots = [found for row in rows if (found := dot_of_incidence(row)) is not None]
    figure = against_each_other(dots, [row.apart for row in rows], "Side effects, published and played", "incidences")
    folder.mkdir(parents=True, exist_ok=True)
    return None if figure is None else save(figure, folder / "side-effects-all.png", dpi=110)
