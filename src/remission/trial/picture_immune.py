"""Panels of a patient's page for the newer treatments: CAR T-cells with cytokine, B cells with IgG, donor cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from .picture_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SMALL,
    VERMILLION,
    Floats,
    Tables,
    beside,
    numbers,
    power_of_ten,
    yticks,
)

CAR_T = r"leucel$"
GRAFT = r"(marrow|blood)$"
CONDITIONING = r"irradiation|busulf|treosulf|thiotepa|melphalan|etoposide|cyclophosph|fludarab|thymocyte"
STEROID = r"predniso|dexameth"
APLASIA = 10.0  # B cells per microlitre
LEAST_IGG = 4.0  # g/L, below which immunoglobulin is given
_RAISED = 10.0  # pg/mL: twice the level of health
_CONDITIONED = 14  # days before a graft in which conditioning is looked for
_LASTING = 3  # days in a row of neutrophils >= 0.5 that make an engraftment


def shows_cells(mine: Tables) -> bool:
    """CAR T-cells were there, or cytokine was raised."""
    states = mine["states"]
    return bool((numbers(states, "car_t_copies") > 1).any() or (numbers(states, "cytokine_pg_ml") > _RAISED).any())


def shows_b_cells(mine: Tables) -> bool:
    """B cells were gone, or immunoglobulin was given."""
    given = mine["doses"]["agent"].fill_null("").str.contains("immunoglobulin").any()
    return bool((numbers(mine["states"], "b_cells") < APLASIA).any() or given)


def shows_donor(mine: Tables) -> bool:
    """A graft was given."""
    return bool((numbers(mine["states"], "donor_share") > 0.01).any() or transplants(mine).size)


def transplants(mine: Tables) -> Floats:
    """Days of grafts."""
    return numbers(mine["events"].filter(pl.col("event") == "transplant"), "day")


def _given(mine: Tables, pattern: str, near: Floats | None = None) -> pl.DataFrame:
    """Doses really given of the agents whose name fits; of runs that begin on one of the days ``near``, if said."""
    nothing = (pl.col("factor") == 0) | (pl.col("dose") == 0) | pl.col("reason").is_in(["held", "omitted"])
    rows = mine["doses"].filter(pl.col("agent").str.contains(pattern) & ~nothing.fill_null(False))
    rows = rows.filter(pl.col("route").fill_null("") != "collection")
    return rows if near is None else rows.filter(pl.col("from_day").is_in(list(near)))


# --- CAR T-cells and cytokine -------------------------------------------------------------------


def draw_cells(axes: Axes, mine: Tables) -> None:
    """Copies of CAR T-cells per microgram of DNA and cytokine (pg/mL) on one log axis; against it what was given."""
    states = mine["states"].sort("day")
    copies, cytokine = numbers(states, "car_t_copies"), numbers(states, "cytokine_pg_ml")
    day = numbers(states, "day")
    with_cells = bool((copies > 1).any())
    highest = max(float(np.nanmax(copies)) if with_cells else 0.0, float(np.nanmax(cytokine, initial=1.0)))
    top = max(4, int(np.ceil(np.log10(highest) + 0.2)))
    axes.set_yscale("log")
    axes.set_ylim(1, 10.0 ** (top + 0.9))
    if with_cells:
        axes.plot(
            day, np.where(copies >= 1, copies, np.nan), color=BLUE, linewidth=1.9, gid="CAR T-cells", zorder=4
        )  # fmt: skip
        beside(axes, 0.62, "CAR T-cells, copies/µg DNA", colour=BLUE, of="panel")
    axes.plot(day, np.fmax(cytokine, 1), color=ORANGE, linewidth=1.6, gid="cytokine", zorder=3)
    beside(axes, 0.44, "cytokine as IL-6, pg/mL", colour="#9A6A00", of="panel")
    axes.set_ylabel("CAR T-cells,\ncytokine" if with_cells else "cytokine\n(pg/mL)")
    powers = range(0, top + 1, 1 if top <= 4 else 2)
    yticks(axes, tuple(10.0**p for p in powers))
    axes.set_yticklabels([power_of_ten(p) if p else "1" for p in powers])
    treated = _treated_phases(mine)
    for pattern, name, colour, marker, y in (
        (r"tocilizumab", "tocilizumab", VERMILLION, "D", 0.93),
        (STEROID, "steroid", GREEN, "s", 0.82),
    ):
        rows = _given(mine, pattern).filter(pl.col("phase").is_in(treated))
        at = _days(rows)
        if at.size:
            axes.plot(
                at + 0.5, np.full(at.shape, y), transform=axes.get_xaxis_transform(), linestyle="", marker=marker,
                markersize=4.6, color=colour, markeredgecolor="white", markeredgewidth=0.6, gid=name, zorder=6,
            )  # fmt: skip
            beside(axes, y + 0.01, ("◆ " if marker == "D" else "■ ") + name, colour=colour, of="panel")


def _treated_phases(mine: Tables) -> list[str]:
    """Phases in which CAR T-cells or blinatumomab are given: steroids of other phases are treatment of leukaemia."""
    phases = _given(mine, rf"{CAR_T}|blinatumomab")["phase"].drop_nulls().unique()
    return phases.to_list()


def _days(rows: pl.DataFrame) -> Floats:
    """Every day of runs of days."""
    runs = zip(numbers(rows, "from_day"), numbers(rows, "to_day"), strict=True)
    parts = [np.arange(a, (a if np.isnan(b) else max(a, b)) + 1) for a, b in runs]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0)


# --- B cells and IgG ----------------------------------------------------------------------------


def draw_b_cells(axes: Axes, mine: Tables) -> None:
    """B cells per microlitre (log, left), IgG (g/L, right), immunoglobulin given."""
    states = mine["states"].sort("day")
    day = numbers(states, "day")
    axes.set_yscale("log")
    axes.set_ylim(0.1, 3000)
    axes.axhspan(0.1, APLASIA, facecolor=BLUE, alpha=0.10, edgecolor="none", zorder=0.5, gid="B-cell aplasia")
    axes.plot(
        day, np.clip(numbers(states, "b_cells"), 0.1, 3000), color=BLUE, linewidth=1.5, gid="B cells", zorder=3
    )  # fmt: skip
    yticks(axes, (0.1, 1, 10, 100, 1000))
    axes.set_ylabel("B cells\n(per µL)")
    right = axes.twinx()
    right.set_label("IgG")
    right.set_zorder(axes.get_zorder() + 1)
    igg = numbers(states, "igg_g_l")
    most = max(16.0, 4 * float(np.ceil(np.nanmax(igg, initial=0.0) / 4)))
    right.set_ylim(0, most)
    right.spines["top"].set_visible(False)
    right.spines["right"].set_visible(True)
    right.spines["right"].set_color(PURPLE)
    right.plot(day, igg, color=PURPLE, linewidth=1.5, gid="IgG", zorder=3)
    right.axhline(LEAST_IGG, color=PURPLE, linewidth=0.8, linestyle=(0, (5, 2)), zorder=2, gid="limit")
    right.set_yticks(np.arange(0, most + 1, 4 if most <= 16 else 8))
    right.tick_params(axis="y", length=3, colors="#9C4F7D")
    right.text(1.035, 0.5, "IgG (g/L)", transform=right.transAxes, va="center", fontsize=SMALL, color="#9C4F7D")
    right.text(
        1.035,
        LEAST_IGG / most,
        "given below 4",
        transform=right.transAxes,
        va="center",
        fontsize=SMALL,
        color="#9C4F7D",
    )
    right.text(1.035, 0.75, "B cells: shaded < 10", transform=right.transAxes, va="center", fontsize=SMALL, color=BLUE)
    at = _days(_given(mine, "immunoglobulin"))
    if at.size:
        right.plot(
            at + 0.5, np.full(at.shape, 0.07), transform=right.get_xaxis_transform(), linestyle="", marker="^",
            markersize=5.5, color=PURPLE, markeredgecolor="white", markeredgewidth=0.6, gid="immunoglobulin", zorder=6,
        )  # fmt: skip
        right.text(
            1.035, 0.07, "▲ immunoglobulin", transform=right.transAxes, va="center", fontsize=SMALL, color="#9C4F7D"
        )


# --- transplant ---------------------------------------------------------------------------------


def draw_donor(axes: Axes, mine: Tables) -> None:
    """Donor's share of blood-forming cells, and how full the marrow is of normal cells (own and donor's), %."""
    states = mine["states"].sort("day")
    day, share, normal = (numbers(states, c) for c in ("day", "donor_share", "normal_marrow"))
    axes.set_ylim(0, 108)
    axes.plot(day, 100 * np.clip(normal, 0, 1.08), color=GREY, linewidth=1.2, gid="normal marrow", zorder=3)
    before = day < np.min(transplants(mine), initial=np.inf)  # of an emptied marrow no share can be told
    axes.plot(day, np.where(before, 0, 100 * share), color=BLUE, linewidth=1.9, gid="donor", zorder=4)
    axes.set_yticks([0, 50, 100])
    axes.yaxis.grid(True, color="#DDDDDD", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_ylabel("donor cells\n(%)")
    beside(axes, 0.80, "donor's share (chimerism)", colour=BLUE, of="panel")
    beside(axes, 0.55, "marrow filled by normal cells", colour=GREY, of="panel")


def conditioning(mine: Tables) -> list[tuple[float, float]]:
    """(first day, day of the graft) for each graft that conditioning went before."""
    spans = []
    for graft in transplants(mine):
        rows = _given(mine, CONDITIONING).filter(
            (pl.col("from_day") >= graft - _CONDITIONED) & (pl.col("from_day") < graft)
        )
        if len(rows):
            spans.append((float(numbers(rows, "from_day").min()), float(graft)))
    return spans


def mark_conditioning(panels: dict[str, Axes], mine: Tables, first: float, last: float) -> None:
    """A tint over the days of conditioning, named in the panel of donor cells."""
    for start, graft in conditioning(mine):
        for axes in panels.values():
            axes.axvspan(start, graft, facecolor=VERMILLION, alpha=0.13, edgecolor="none", zorder=0.4)
        if "donor" in panels and first < graft < last:
            room = start > first + 0.12 * (last - first)
            panels["donor"].annotate(
                "conditioning", (start if room else graft, 30), xytext=(-5 if room else 9, 0),
                textcoords="offset points", ha="right" if room else "left", va="center", fontsize=SMALL,
                color="#8A3A00", gid="conditioning", zorder=7,
                bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip


@dataclass(frozen=True)
class Engraftment:
    """Days on which a graft has taken, from the first dose; NaN when it was not seen."""

    graft: float
    neutrophils: float
    platelets: float


def engraftments(mine: Tables) -> list[Engraftment]:
    """For each graft the first of three measured days in a row with ANC >= 0.5 after it was lower, and the first day
    of platelets >= 20 since when none were transfused for seven days. Only until the next graft or a relapse."""
    seen = mine["measurements"].sort("day")
    given = mine["events"].filter(pl.col("event") == "platelet transfusion")
    stops = numbers(mine["events"].filter(pl.col("event").is_in(["transplant", "relapse", "death"])), "day")
    found = []
    for graft in transplants(mine):
        until = float(np.min(stops[stops > graft], initial=graft + 120))
        rows = seen.filter((pl.col("day") > graft) & (pl.col("day") <= until))
        day, anc, platelets = (numbers(rows, c) for c in ("day", "anc", "platelets"))
        found.append(Engraftment(graft, _taken(day, anc), _holding(day, platelets, numbers(given, "day"), graft)))
    return found


def _taken(day: Floats, anc: Floats) -> float:
    low = np.flatnonzero(anc < 0.5)
    for i in range(low[0] if low.size else day.size, day.size - _LASTING + 1):
        if (anc[i : i + _LASTING] >= 0.5).all():
            return float(day[i])
    return float("nan")


def _holding(day: Floats, platelets: Floats, given: Floats, graft: float) -> float:
    low = np.flatnonzero(platelets < 20)
    for i in range(low[0] if low.size else day.size, day.size):
        before = given[(given > max(graft, day[i] - 7)) & (given <= day[i])]
        if platelets[i] >= 20 and not before.size and day[i] >= graft + 7:
            return float(day[i])
    return float("nan")


def mark_engraftment(panels: dict[str, Axes], mine: Tables, first: float, last: float) -> None:
    """A flag in the panels of neutrophils and platelets on the day of engraftment, in days from the graft."""
    for e in engraftments(mine):
        for name, day, low, words in (
            ("anc", e.neutrophils, 0.5, "ANC ≥ 0.5"), ("platelets", e.platelets, 20, "platelets ≥ 20"),
        ):  # fmt: skip
            if np.isnan(day) or not first <= day <= last:
                continue
            right = day > first + 0.86 * (last - first)
            panels[name].plot(
                [day], [low], linestyle="", marker="P", markersize=7, color=BLACK, markeredgecolor="white",
                gid=f"{name} engraftment", zorder=8,
            )  # fmt: skip
            panels[name].annotate(
                f"{words}: day +{day - e.graft:.0f}", (day, low), xytext=(-7 if right else 7, -9),
                textcoords="offset points", ha="right" if right else "left", va="center", fontsize=SMALL, zorder=8,
                bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip
