"""One patient on one page: leukaemia, counts, and what was given, on one time axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import TextPath

from remission.knowledge.errors import BadInput

from .picture_immune import (
    CAR_T,
    draw_b_cells,
    draw_cells,
    draw_donor,
    mark_conditioning,
    mark_engraftment,
    shows_b_cells,
    shows_cells,
    shows_donor,
)
from .picture_side_effects import draw_side_effects, shows_side_effects, side_effect_rows, within
from .picture_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LARGE,
    NORMAL,
    PURPLE,
    SMALL,
    VERMILLION,
    Band,
    Floats,
    Tables,
    beside,
    fit_text,
    ink_on,
    is_maintenance,
    numbers,
    phase_bands,
    phase_colours,
    power_of_ten,
    shorter_names,
    style,
    table,
    time_ticks,
    yticks,
)
from .picture_treatment import dose_rows, draw_doses, legend_entries, row_name

LIMITS = (  # fraction of marrow cells, name
    (5e-2, "5 % blasts: seen by microscope"),
    (1e-4, f"{power_of_ten(-4)} limit of flow MRD"),
    (1e-5, f"{power_of_ten(-5)} limit of PCR MRD"),
)
_MOST = 13.0  # log10 of cells, where a marrow full of blasts is drawn
NONE = -1.0  # where "no leukaemic cell left" is drawn on the log10 axis
_MILESTONES = {
    "collection": ("cells collected", GREY),
    "infusion": ("CAR T-cells", BLUE),
    "transplant": ("graft", GREEN),
    "graft failure": ("graft failed", VERMILLION),
    "remission": ("remission", GREEN),
    "relapse": ("relapse", VERMILLION),
    "death": ("death", BLACK),
    "left": ("left the protocol", GREY),
    "end of treatment": ("end of treatment", BLUE),
}
_WIDTH, _LEFT, _RIGHT = 13.6, 1.75, 2.0  # inches
_LETTER = 0.062  # inches that a letter of a row's name takes


def plot_patient(
    tables: Tables, *, patient: int, title: str | None = None, days: tuple[float, float] | None = None
) -> Figure:
    """One patient's course on one page.

    From the top: phases; leukaemic cells (log10, absolute) of marrow and CNS with the limits of detection and the
    MRD as reported; ANC (1e9/L, log scale); platelets (1e9/L, log scale); haemoglobin (g/dL); doses given, reduced,
    raised, held and omitted. Where there is something to show also: CAR T-cells (copies/ug DNA) with cytokine (pg/mL),
    B cells (per uL) with IgG (g/L), the donor's share of blood-forming cells (%), side effects by grade. Lines are the
    true state, dots what was measured. Limits, which are fractions, are placed by the patient's own number of normal
    marrow cells (median over the states). An undetected MRD whose report is zero or missing is drawn at the limit of
    flow cytometry.

    ``tables``: the tables of a run (outcomes, measurements, mrd, doses, events, states, side_effects), any of which
    may be missing or empty. ``days``: show only from the first to the second day (days from the first dose), as
    far as anything is recorded.
    Raises ``BadInput`` when no table knows the patient, or when nothing is recorded between ``days``.
    """
    if days is not None and not days[1] > days[0]:
        raise BadInput(
            f"days=({days[0]}, {days[1]}) is not an interval", remedy="The second day must come after the first"
        )
    mine = {name: table(tables, name, patient) for name in ("outcomes", *_TIMED)}
    if tables and all(len(t) == 0 for t in mine.values()) and any(len(t) for t in tables.values()):
        raise BadInput(f"No table of this run holds patient {patient}", remedy=_known(tables))
    if days is None:
        first, last = _extent(mine)
    else:
        begin, end = max(days[0], 0.0), min(days[1], _recorded(mine))
        if not end > begin:
            raise BadInput(
                f"nothing is recorded between day {days[0]:g} and day {days[1]:g}",
                remedy=f"The record goes from day 0 to day {_recorded(mine):.0f}",
            )
        margin = 0.006 * (end - begin)
        first, last = begin - margin, end + margin
    mine["doses"] = mine["doses"].filter((pl.col("from_day") <= last) & (pl.col("to_day") >= first))
    mine["side_effects"] = within(mine["side_effects"], first, last)
    with style():
        return _draw(mine, patient, title, first, last)


_TIMED = {
    "measurements": "day", "mrd": "day", "doses": "to_day", "events": "day", "states": "day", "side_effects": "day",
}  # fmt: skip


def _known(tables: Tables) -> str:
    patients = pl.concat([table(tables, name).select("patient") for name in ("outcomes", *_TIMED)])["patient"]
    return f"The {patients.n_unique()} patients drawn from are numbered {patients.min()} to {patients.max()}"


def _recorded(mine: Tables) -> float:
    """The last day of which anything is told."""
    return float(np.nanmax(np.concatenate([*(numbers(mine[name], at) for name, at in _TIMED.items()), [1.0]])))


def _extent(mine: Tables) -> tuple[float, float]:
    """All days; of a follow-up in which nothing happens only the first months (a twelfth of what came before)."""
    seen = {name: numbers(mine[name], column) for name, column in _TIMED.items()}
    last = float(np.nanmax(np.concatenate([*seen.values(), [1.0]])))
    if np.isfinite(seen["doses"]).any():
        happened = np.concatenate([seen[k] for k in ("doses", "events", "measurements", "mrd")])
        last = min(last, float(np.nanmax(happened)) * 13 / 12)
    return (-0.006 * last, last * 1.006 + 1)


def _panels(mine: Tables, seen: Tables) -> dict[str, float]:
    """The panels of this page from the top with their heights in inches; ``seen``: what lies within its days."""
    effects = {"side effects": 0.2 * len(side_effect_rows(seen["side_effects"])) + 0.04}
    cells = shows_cells(seen)
    heights = {"strip": 0.26, "leukaemia": 1.95}
    if cells:
        heights["cells"] = 1.45
        heights |= effects if shows_side_effects(seen) else {}
    if shows_donor(seen):
        heights["donor"] = 0.95
    heights |= {"anc": 1.45, "platelets": 1.15, "haemoglobin": 1.0}
    if shows_b_cells(seen):
        heights["b cells"] = 1.15
    if shows_side_effects(seen) and not cells:
        heights |= effects
    return heights | {"doses": 0.2 * max(len(dose_rows(mine["doses"])), 2)}


def _draw(mine: Tables, patient: int, title: str | None, first: float, last: float) -> Figure:
    seen = {**mine, **{k: mine[k].filter(pl.col("day").is_between(first, last)) for k in ("states", "events")}}
    heights = _panels(mine, seen)
    names = [row_name(*row) for row in dose_rows(mine["doses"])]
    left = max(_LEFT, 0.15 + _LETTER * max(map(len, names), default=0))
    milestones = _milestones(mine["events"], first, last, _WIDTH - left - _RIGHT)
    levels = 1 + max((m.level for m in milestones), default=0)
    above, gap = 0.95 + 0.14 * max(0, levels - 2), 0.13
    legend = _legend()
    below = 0.62 + 0.178 * -(-len(legend) // 6)
    total = above + sum(heights.values()) + gap * (len(heights) - 1) + below
    figure = Figure(figsize=(_WIDTH, total), dpi=100)
    axes: dict[str, Axes] = {}
    top = total - above
    for name, height in heights.items():
        box = (left / _WIDTH, (top - height) / total, (_WIDTH - left - _RIGHT) / _WIDTH, height / total)
        axes[name] = figure.add_axes(box, label=name)
        axes[name].set_xlim(first, last)
        top -= height + (0.03 if name == "strip" else gap)

    bands = phase_bands(mine, patient, max(last, _extent(mine)[1]))
    _phases(axes, bands, first, last)
    _leukaemia(axes["leukaemia"], mine["states"], mine["mrd"])
    _anc(axes["anc"], mine, bands)
    _platelets(axes["platelets"], mine)
    _haemoglobin(axes["haemoglobin"], mine)
    draw_doses(axes["doses"], mine["doses"], first, last)
    if "cells" in axes:
        draw_cells(axes["cells"], mine)
    if "b cells" in axes:
        draw_b_cells(axes["b cells"], mine)
    if "side effects" in axes:
        draw_side_effects(axes["side effects"], mine["side_effects"], first, last)
    if "donor" in axes:
        draw_donor(axes["donor"], mine)
        shown = {k: v for k, v in axes.items() if k not in ("strip", "leukaemia")}
        mark_conditioning(shown, mine, first, last)
        mark_engraftment(shown, mine, first, last)
    _draw_milestones(axes, milestones)
    _delays(axes["strip"], seen["events"])
    _time(axes, first, last)
    for name in axes:
        if name not in ("strip", "doses", "side effects"):
            axes[name].yaxis.set_label_coords(-0.055, 0.5)
    figure.text(
        0.3 / _WIDTH, 1 - 0.16 / total, title or f"Patient {patient}", fontsize=LARGE, fontweight="bold", va="top"
    )
    figure.text(0.3 / _WIDTH, 1 - 0.43 / total, _person(mine["outcomes"]), fontsize=NORMAL, color="#444444", va="top")
    figure.legend(
        handles=legend, loc="lower center", ncols=6, bbox_to_anchor=(0.5, 0.06 / total), frameon=False,
        columnspacing=1.8, handlelength=1.8, handletextpad=0.6, labelspacing=0.45,
    )  # fmt: skip
    return figure


# --- time, phases, milestones -------------------------------------------------------------------


def _phases(axes: dict[str, Axes], bands: list[Band], first: float, last: float) -> None:
    strip = axes["strip"]
    strip.set_ylim(0, 1)
    strip.set_zorder(2)  # marks on its edge are seen whole
    strip.set_axis_off()
    colours = phase_colours(b.name for b in bands)
    for index, band in enumerate(bands):
        start, to = max(band.start, first), min(band.to, last)
        if to <= start:
            continue
        strip.axvspan(
            start, to, facecolor=colours[band.name], edgecolor="white", linewidth=1.0, gid=f"phase {band.name}"
        )
        ink = ink_on(colours[band.name])
        fit_text(strip, (start + to) / 2, 0.47, shorter_names(band.name), to - start, color=ink, fontsize=SMALL)
        if index % 2 == 0:
            for name, panel in axes.items():
                if name != "strip":
                    panel.axvspan(start, to, facecolor="#F3F4F6", edgecolor="none", zorder=0)


@dataclass(frozen=True)
class Milestone:
    """A line through all panels, named above the phases at a level (0 is the lowest)."""

    day: float
    words: str
    colour: str
    level: int
    to_left: bool


def _milestones(events: pl.DataFrame, first: float, last: float, width: float) -> list[Milestone]:
    """Those between two days; a name that would touch another one moves up. ``width``: of the panels, inches."""
    shown = events.filter(pl.col("event").is_in(list(_MILESTONES)) & pl.col("day").is_between(first, last))
    is_car_t = pl.col("detail").fill_null("").str.contains(CAR_T)
    shown = shown.filter((pl.col("event") != "infusion") | is_car_t)
    found: list[Milestone] = []
    ends: list[float] = []
    for row in shown.sort("day", maintain_order=True).iter_rows(named=True):
        name, colour = _MILESTONES[row["event"]]
        words = f"{name}, day {row['day']:.0f}"
        long = TextPath((0, 0), words, size=SMALL).get_extents().width / 72
        at = (row["day"] - first) / (last - first) * width
        to_left = at + long > width + _RIGHT - 0.4 or row["day"] > first + 0.9 * (last - first)
        start = at - long if to_left else at
        level = next((i for i, end in enumerate(ends) if start > end + 0.08), len(ends))
        ends[level : level + 1] = [start + long]
        found.append(Milestone(row["day"], words, colour, level, to_left))
    return found


def _draw_milestones(axes: dict[str, Axes], milestones: list[Milestone]) -> None:
    height = axes["strip"].get_window_extent().height
    for m in milestones:
        for panel in axes.values():
            panel.axvline(m.day, color=m.colour, linewidth=1.0, linestyle=(0, (4, 2)), zorder=5)
        axes["strip"].text(
            m.day, 1.12 + 0.14 * 100 / height * m.level, m.words, color=m.colour, fontsize=SMALL,
            ha="right" if m.to_left else "left", va="bottom", gid="milestone",
        )  # fmt: skip


def _delays(strip: Axes, events: pl.DataFrame) -> None:
    at = numbers(events.filter(pl.col("event") == "gate delay"), "day")
    strip.plot(
        at, np.full(at.shape, -0.02), linestyle="", marker="D", markersize=4, markerfacecolor="white",
        markeredgecolor=VERMILLION, clip_on=False, gid="gate delays", zorder=6,
    )  # fmt: skip


def _time(axes: dict[str, Axes], first: float, last: float) -> None:
    at, labels = time_ticks(first, last)
    for name, panel in axes.items():
        panel.set_xlim(first, last)
        if name == "strip":
            continue
        panel.set_xticks(at, labels if name == "doses" else [""] * len(at))
        panel.tick_params(axis="x", length=3 if name == "doses" else 0)
    axes["doses"].set_xlabel("days from the first dose", fontsize=SMALL)


# --- panels -----------------------------------------------------------------------------------


def marrow_cells(states: pl.DataFrame) -> float | None:
    """log10 of the normal nucleated marrow cells, by which a fraction becomes a number of leukaemic cells.

    From f = L / (L + N), N = L (1 - f) / f; the median over the states with a fraction strictly between 0 and 1.
    """
    cells, fraction = numbers(states, "log10_blasts_marrow"), numbers(states, "marrow_blast_fraction")
    good = np.isfinite(cells) & (fraction > 0) & (fraction < 1)
    if not good.any():
        return None
    return float(np.median(cells[good] - np.log10(fraction[good] / (1 - fraction[good]))))


def log10_cells(fraction: Floats | float, normal: float) -> Floats:
    """log10 of the leukaemic cells that make this fraction of a marrow with 10**normal normal cells."""
    part = np.clip(np.asarray(fraction, dtype=float), 1e-12, 0.99)
    return np.asarray(np.log10(part / (1 - part)) + normal)


def _leukaemia(axes: Axes, states: pl.DataFrame, mrd: pl.DataFrame) -> None:
    normal = marrow_cells(states)
    absolute = normal is not None or states["log10_blasts_marrow"].is_not_null().any()
    offset = normal if normal is not None else 0.0
    states = states.sort("day")
    for column, colour, width, where in (
        ("log10_blasts_cns", PURPLE, 1.0, "CNS"),
        ("log10_blasts_marrow", BLUE, 1.9, "marrow"),
    ):
        _burden(axes, numbers(states, "day"), numbers(states, column), colour, width, where)
    _last_cell(axes, states)
    for column, name, y in (
        ("log10_t315i", "of these with T315I", 0.42),
        ("log10_cd19_negative", "of these without CD19", 0.31),
    ):
        cells = numbers(states, column)
        if (cells > 0).sum() > 2:
            axes.plot(
                numbers(states, "day"), np.where(cells > 0, cells, np.nan), color=BLACK, linewidth=1.1,
                linestyle=(0, (1, 1)) if y > 0.4 else (0, (4, 1)), gid=name, zorder=4,
            )  # fmt: skip
            beside(axes, y, ("··· " if y > 0.4 else "– – ") + name, of="panel")
    if normal is not None or not absolute:
        for fraction, name in LIMITS:
            y = float(log10_cells(fraction, offset))
            axes.axhline(y, color=GREY, linewidth=0.8, linestyle=(0, (5, 2)), zorder=2, gid="limit")
            beside(axes, y, name)
        _mrd(axes, mrd, offset)
    if absolute:
        axes.set_ylim(NONE - 0.7, 13.4)
        axes.set_yticks([NONE, 0, 2, 4, 6, 8, 10, 12])
        axes.set_yticklabels(["none", "1", *map(power_of_ten, (2, 4, 6, 8, 10, 12))])
        axes.set_ylabel("leukaemic\ncells")
    else:
        axes.set_ylim(-6.4, 0.6)
        axes.set_yticks([-6, -4, -2, 0], [*map(power_of_ten, (-6, -4, -2)), "1"])
        axes.set_ylabel("leukaemic\nfraction of\nmarrow")


def _burden(axes: Axes, day: Floats, value: Floats, colour: str, width: float, where: str) -> None:
    extinct = np.isneginf(value)
    axes.plot(
        day,
        np.where(extinct, NONE, np.fmax(value, NONE)),
        color=colour,
        linewidth=width,
        gid=f"{where} blasts",
        zorder=3,
    )
    known = ~np.isnan(value)
    if not known.any() or not extinct[known][-1]:
        return
    alive = np.flatnonzero(known & ~extinct)
    at = day[known][0] if not alive.size else day[min(alive[-1] + 1, day.size - 1)]
    axes.plot(
        [at], [NONE], marker="o", markersize=5, color=colour, markeredgecolor="white", gid=f"{where} extinct", zorder=6
    )


def _last_cell(axes: Axes, states: pl.DataFrame) -> None:
    """When the last leukaemic cell of the marrow has died, if none is there at the end."""
    day, cells, cns = (numbers(states, c) for c in ("day", "log10_blasts_marrow", "log10_blasts_cns"))
    known = ~np.isnan(cells)
    if not known.any() or not np.isneginf(cells[known][-1]):
        return
    alive = np.flatnonzero(known & ~np.isneginf(cells))
    at = day[known][0] if not alive.size else day[min(alive[-1] + 1, day.size - 1)]
    later = np.isfinite(cns) & (day > at)
    low, high = axes.get_xlim()
    left = at < low + 0.7 * (high - low)
    axes.annotate(
        f"last leukaemic cell{' in the marrow' if later.any() else ''} dies, week {at / 7:.0f}", (at, NONE),
        xytext=(7 if left else -7, 6), textcoords="offset points", ha="left" if left else "right", fontsize=SMALL,
        color=BLUE, annotation_clip=True, zorder=7,
        bbox={"facecolor": "white", "alpha": 0.9, "edgecolor": "none", "pad": 0.6},
    )  # fmt: skip


def _mrd(axes: Axes, mrd: pl.DataFrame, offset: float) -> None:
    for site, marker in (("marrow", "o"), ("blood", "s")):
        rows = mrd.filter(pl.col("site") == site)
        found = (pl.col("detected").fill_null(True)) & (pl.col("reported_fraction").fill_null(0) > 0)
        seen, unseen = rows.filter(found), rows.filter(~found)
        if len(seen):
            cells = np.fmin(log10_cells(numbers(seen, "reported_fraction"), offset), _MOST)
            axes.plot(
                numbers(seen, "day"), cells, linestyle="", marker=marker, markersize=6, color=BLACK,
                markeredgecolor="white", gid=f"{site} MRD", zorder=7,
            )  # fmt: skip
        if len(unseen):
            reported = numbers(unseen, "reported_fraction")
            limit = np.where(reported > 0, reported, LIMITS[1][0])
            y = log10_cells(limit, offset)
            bars = axes.errorbar(
                numbers(unseen, "day"), y, yerr=1.3, uplims=True, linestyle="", marker=marker, markersize=5.5,
                markerfacecolor="white", color=BLACK, ecolor=BLACK, elinewidth=0.9, capsize=2.5, zorder=7,
            )  # fmt: skip
            bars[0].set_gid(f"{site} MRD below limit")


def _anc(axes: Axes, mine: Tables, bands: list[Band]) -> None:
    low, high = 0.05, 20.0
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.axhspan(low, 0.5, facecolor=VERMILLION, alpha=0.14, edgecolor="none", zorder=0.5, gid="severe neutropenia")
    beside(axes, 0.16, "< 0.5 severe neutropenia")
    first, last = axes.get_xlim()
    target = [b for b in bands if is_maintenance(b.name) and b.start < last and b.to > first]
    for band in target:
        axes.fill_between(
            [band.start, band.to], 0.5, 1.5, facecolor=GREEN, alpha=0.20, edgecolor="none", zorder=0.5, gid="target"
        )
    if target:
        beside(axes, 0.87, "0.5–1.5 maintenance target")
    _counts(axes, mine, "anc", low, high)
    yticks(axes, (0.1, 0.5, 1.5, 5, 20))
    axes.set_ylabel("neutrophils\n(ANC, 10⁹/L)")
    for event, marker, colour, size, y in (
        ("fever", "v", VERMILLION, 6.5, 0.93),
        ("bloodstream infection", "X", BLACK, 7.0, 0.81),
        ("cold", "d", GREY, 4.5, 0.97),
    ):
        at = numbers(mine["events"].filter(pl.col("event") == event), "day")
        axes.plot(
            at, np.full(at.shape, y), transform=axes.get_xaxis_transform(), linestyle="", marker=marker, color=colour,
            markersize=size, markeredgecolor="white", gid=event, zorder=6,
        )  # fmt: skip


def _platelets(axes: Axes, mine: Tables) -> None:
    low, high = 4.0, 900.0
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    for value, place in ((10, "center"), (50, "top"), (75, "bottom")):
        axes.axhline(value, color=GREY, linewidth=0.7, linestyle=(0, (5, 2)), zorder=2, gid="limit")
        beside(axes, value, f"{value}", place)
    _counts(axes, mine, "platelets", low, high)
    yticks(axes, (5, 20, 100, 400))
    axes.set_ylabel("platelets\n(10⁹/L)")
    _transfusions(axes, mine["events"], "platelet")


def _haemoglobin(axes: Axes, mine: Tables) -> None:
    low, high = 4.0, 16.0
    axes.set_ylim(low, high)
    _counts(axes, mine, "haemoglobin", low, high)
    axes.set_yticks([4, 8, 12, 16])
    axes.yaxis.grid(True, color="#DDDDDD", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_ylabel("haemoglobin\n(g/dL)")
    _transfusions(axes, mine["events"], "red cell")


def _counts(axes: Axes, mine: Tables, column: str, low: float, high: float) -> None:
    """The true course as a line, what the laboratory reported as dots; both kept inside the axis."""
    states, seen = mine["states"].sort("day"), mine["measurements"].sort("day")
    axes.plot(
        numbers(states, "day"), np.clip(numbers(states, column), low, high), color=BLUE, linewidth=1.3, alpha=0.85,
        gid=f"{column} true", zorder=3,
    )  # fmt: skip
    axes.plot(
        numbers(seen, "day"), np.clip(numbers(seen, column), low, high), linestyle="", marker="o", markersize=3.2,
        color=BLACK, markeredgewidth=0, gid=f"{column} measured", zorder=4,
    )  # fmt: skip


def _transfusions(axes: Axes, events: pl.DataFrame, product: str) -> None:
    given = events.filter(pl.col("event") == f"{product} transfusion")
    at = numbers(given, "day")
    axes.plot(
        at, np.full(at.shape, 0.07), transform=axes.get_xaxis_transform(), linestyle="", marker="^", markersize=6,
        color=PURPLE, markeredgecolor="white", markeredgewidth=0.6, gid=f"{product} transfusions", zorder=6,
    )  # fmt: skip


# --- words ------------------------------------------------------------------------------------


def _person(outcomes: pl.DataFrame) -> str:
    """One line: who, with what disease, and what became of it."""
    if outcomes.is_empty():
        return ""
    row = outcomes.row(0, named=True)
    words = []
    if row["age_y"] is not None:
        words.append(f"{row['sex'] or 'child'}, {row['age_y']:.1f} years")
    if row["lineage"] or row["subtype"]:
        lineage = f"{row['lineage']}-ALL" if row["lineage"] else "ALL"
        words.append(f"{lineage}, {row['subtype']}" if row["subtype"] not in (None, "", lineage) else lineage)
    if row["wbc"] is not None:
        words.append(f"WBC {row['wbc']:.3g} × 10⁹/L")
    if row["cns"] is not None:
        words.append(f"CNS {row['cns']}")
    words += [f"{gene} {row[key]}" for gene, key in (("TPMT", "tpmt"), ("NUDT15", "nudt15")) if row[key]]
    if row["eoi_mrd"] is not None:
        words.append("EOI MRD " + _percent(row["eoi_mrd"]))
    if row["outcome"]:
        words.append(f"{row['outcome']} ({row['outcome_day']:.0f} days)" if row["outcome_day"] else row["outcome"])
    return "   ·   ".join(words)


def _percent(fraction: float) -> str:
    if fraction < 1e-4:
        return "< 0.01 %"
    return f"{100 * fraction:.0f} %" if fraction >= 0.01 else f"{100 * fraction:.2g} %"


def _legend() -> list[Line2D | Patch]:
    def mark(marker: str, label: str, colour: str = BLACK, fill: str | None = None, size: float = 6) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="",
            marker=marker,
            markersize=size,
            color=colour,
            markerfacecolor=fill or colour,
            label=label,
        )

    return [
        Line2D([], [], color=BLUE, linewidth=1.9, label="true course; marrow blasts"),
        Line2D([], [], color=PURPLE, linewidth=1.0, label="CNS blasts"),
        mark("o", "measured count", size=3.5),
        mark("o", "MRD, marrow"),
        mark("s", "MRD, blood"),
        mark("o", "MRD below the limit (arrow)", fill="white"),
        mark("v", "fever", VERMILLION),
        mark("X", "bloodstream infection"),
        mark("d", "cold", GREY, size=4.5),
        mark("^", "transfusion", PURPLE),
        mark("D", "gate not met: phase delayed", VERMILLION, "white", 4.5),
        *legend_entries(),
    ]
