"""What the pictures share: colours, type sizes, the time axis, phases, and tables that may be empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import NDArray

Tables = Mapping[str, pl.DataFrame]
Floats = NDArray[np.float64]

# Okabe & Ito's palette, safe for colour-blind readers; INDIGO, OLIVE, WINE and TEAL are Tol's.
BLACK, ORANGE, SKY, GREEN = "#1A1A1A", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#7A7A7A"
INDIGO, OLIVE, WINE, TEAL = "#332288", "#8F8A2B", "#882255", "#44AA99"

SMALL, NORMAL, LARGE = 8.0, 9.0, 13.0

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": NORMAL,
    "axes.labelsize": NORMAL,
    "axes.titlesize": NORMAL + 1,
    "axes.titley": 1.0,  # else matplotlib measures every label of an axis to find it
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.7,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "hatch.linewidth": 0.7,
    "svg.fonttype": "path",
}


def style() -> Any:
    """A context in which every figure of the house is built, whatever the user's own settings."""
    own = ("backend", "interactive")
    default: dict[Any, Any] = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith(own)}
    settings: Any = {**default, **STYLE}
    return matplotlib.rc_context(settings)


_NUMBERS = pl.Float64
_COLUMNS: dict[str, dict[str, Any]] = {
    "outcomes": {
        "tpmt": pl.String, "nudt15": pl.String, "age_y": _NUMBERS, "sex": pl.String, "lineage": pl.String,
        "subtype": pl.String, "cns": pl.Int64, "wbc": _NUMBERS, "remission": pl.Boolean, "remission_day": _NUMBERS,
        "eoi_mrd": _NUMBERS, "end_of_treatment_day": _NUMBERS, "outcome": pl.String, "outcome_day": _NUMBERS,
        "relapse_day": _NUMBERS, "second_cancer_day": _NUMBERS, "relapse_site": pl.String, "death_cause": pl.String,
        "mercaptopurine_percent": _NUMBERS, "anc_in_target": _NUMBERS, "fever_episodes": _NUMBERS,
    },
    "measurements": {
        "day": _NUMBERS, "phase": pl.String, "anc": _NUMBERS, "platelets": _NUMBERS, "haemoglobin": _NUMBERS,
    },
    "mrd": {
        "day": _NUMBERS, "site": pl.String, "reported_fraction": _NUMBERS, "detected": pl.Boolean,
    },
    "doses": {
        "agent": pl.String, "route": pl.String, "phase": pl.String, "from_day": _NUMBERS, "to_day": _NUMBERS,
        "dose": _NUMBERS, "unit": pl.String, "factor": _NUMBERS, "reason": pl.String,
    },
    "events": {"day": _NUMBERS, "phase": pl.String, "event": pl.String, "detail": pl.String},
    "states": {
        "day": _NUMBERS, "anc": _NUMBERS, "platelets": _NUMBERS, "haemoglobin": _NUMBERS,
        "log10_blasts_marrow": _NUMBERS, "log10_blasts_cns": _NUMBERS, "marrow_blast_fraction": _NUMBERS,
        "log10_t315i": _NUMBERS, "log10_cd19_negative": _NUMBERS,
        "car_t_copies": _NUMBERS, "cytokine_pg_ml": _NUMBERS, "b_cells": _NUMBERS, "igg_g_l": _NUMBERS,
        "donor_share": _NUMBERS, "normal_marrow": _NUMBERS,
    },
    "side_effects": {"day": _NUMBERS, "side_effect": pl.String, "grade": pl.Int64, "to_day": _NUMBERS},
}  # fmt: skip


def table(tables: Tables, name: str, patient: int | None = None) -> pl.DataFrame:
    """The columns that the pictures use, of the types they expect; no rows where the table is missing or empty."""
    wanted: dict[str, Any] = {"patient": pl.Int64, **_COLUMNS[name]}
    frame = tables.get(name)
    if frame is None or "patient" not in frame.columns:
        return pl.DataFrame(schema=wanted)
    if patient is not None:
        frame = frame.filter(pl.col("patient") == patient)
    return frame.select(
        (pl.col(c) if c in frame.columns else pl.lit(None).alias(c)).cast(t, strict=False) for c, t in wanted.items()
    )


def numbers(frame: pl.DataFrame, column: str) -> Floats:
    """A column as floats, missing values as NaN."""
    return frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


# --- time -------------------------------------------------------------------------------------

MONTH = 365.25 / 12


def time_ticks(first: float, last: float) -> tuple[list[float], list[str]]:
    """Days to mark between two days, and two-line labels: the day, and the week, month or year it is."""
    span = max(last - first, 1.0)
    if span <= 500:
        step = next(s for s in (1, 7, 14, 28, 56) if span / s <= 12 or s == 56)
        at = np.arange(np.ceil(first / step), np.floor(last / step) + 1) * step + 0.0
        if step == 1:
            return list(at), [f"{d:.0f}" for d in at]
        return list(at), [f"{d:.0f}\n{f'week {d / 7:.0f}' if d else 'start'}" for d in at]
    months = next((m for m in (3, 6, 12, 24) if span / (m * MONTH) <= 12), 60)
    at = np.arange(np.ceil(first / (months * MONTH)), np.floor(last / (months * MONTH)) + 1) * months
    days = np.round(at * MONTH) + 0.0  # no minus before the 0
    return list(days), [f"{d:.0f}\n{_months(int(m))}" for d, m in zip(days, at, strict=True)]


def _months(months: int) -> str:
    if months == 0:
        return "start"
    if months % 12:
        return f"{months} months"
    return "1 year" if months == 12 else f"{months // 12} years"


# --- phases -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Band:
    """A phase as it was lived: from the first day to the day before ``to``."""

    name: str
    start: float
    to: float


def phase_starts(tables: Tables, patient: int | None = None) -> pl.DataFrame:
    """patient, day, phase: each change of phase, from the events, else from the days that carry a phase."""
    started = table(tables, "events", patient).filter(pl.col("event") == "phase start")
    started = started.with_columns(pl.coalesce("phase", "detail").alias("phase"))
    if started.is_empty():
        seen = [table(tables, "measurements", patient).select("patient", "day", "phase")]
        seen.append(table(tables, "doses", patient).select("patient", pl.col("from_day").alias("day"), "phase"))
        started = pl.concat(seen)
    started = started.select("patient", "day", "phase").drop_nulls().filter(pl.col("phase") != "")
    started = started.unique().sort("patient", "day", maintain_order=True)
    changed = (pl.col("phase") != pl.col("phase").shift(1).over("patient")).fill_null(True)
    return started.filter(changed)


def phase_bands(tables: Tables, patient: int, last: float) -> list[Band]:
    """The phases of one patient in order; repeated cycles of one phase are one band."""
    starts = phase_starts(tables, patient)
    days = starts["day"].to_list()
    events = table(tables, "events", patient)
    went_on = pl.col("day") < max(days, default=-1.0)  # a relapse is not the end where another phase follows
    ends = events.filter(
        pl.col("event").is_in(["end of treatment", "death", "left"]) | ((pl.col("event") == "relapse") & ~went_on)
    )["day"].to_list()
    over = min([d for d in ends if d is not None] + [last])
    bands = zip(starts["phase"].to_list(), days, [*days, over][1:], strict=True)
    return [Band(n, a, min(b, over)) for n, a, b in bands if min(b, over) > a]


def is_maintenance(phase: str) -> bool:
    """Maintenance proper: not interim maintenance, which is given by another rule."""
    name = phase.lower()
    return "maintenance" in name and "interim" not in name


def phase_colours(names: Iterable[str]) -> dict[str, tuple[float, ...]]:
    """One colour a phase, dark to light in the order of treatment (cividis, made for colour-blind readers)."""
    unique = list(dict.fromkeys(names))
    shades = matplotlib.colormaps["cividis"](np.linspace(0.12, 0.95, max(len(unique), 2)))
    return {n: tuple(float(x) for x in shades[i]) for i, n in enumerate(unique)}


def ink_on(colour: tuple[float, ...]) -> str:
    """Black or white, whichever can be read on the colour."""
    return BLACK if 0.30 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] > 0.48 else "white"


def shorter_names(phase: str) -> list[str]:
    """Names of a phase from the longest to the shortest: as it is (without the protocol that a phase was taken from),
    clipped, initials, one letter."""
    phase = phase.split(": ")[-1]
    words = phase.replace("-", " ").split()
    if len(words) == 1:
        return [phase.capitalize(), f"{phase[:6].capitalize()}.", f"{phase[:3].capitalize()}.", phase[:1].upper()]
    initials = "".join(w[0].upper() if w[0].isalpha() else w for w in words)
    return [phase.capitalize(), " ".join(f"{w[:5]}." if len(w) > 6 else w for w in words).capitalize(), initials]


def beside(axes: Axes, y: float, words: str, place: str = "center", colour: str = "#555555", of: str = "data") -> None:
    """A remark to the right of a panel at height y, in its data or as a share of its height (``of="panel"``)."""
    transform = axes.get_yaxis_transform() if of == "data" else axes.transAxes
    axes.text(1.008, y, words, transform=transform, va=place, fontsize=SMALL, color=colour, gid="beside")


def power_of_ten(exponent: int) -> str:
    """10 to that power in letters: matplotlib's own way of setting mathematics takes a quarter of a second."""
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def yticks(axes: Axes, at: tuple[float, ...]) -> None:
    """These ticks and no others, written as plain numbers."""
    axes.yaxis.set_major_locator(FixedLocator(at))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels([f"{v:g}" for v in at])


def fit_text(axes: Axes, x: float, y: float, names: list[str], width: float, **how: Any) -> Text | None:
    """Write the longest of the names that fits in ``width`` (data units of x) centred at x; none when none fits."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    left, right = axes.transData.transform([(x - width / 2, 0), (x + width / 2, 0)])[:, 0]
    for name in names:
        text = axes.text(x, y, name, ha="center", va="center", **how)
        if text.get_window_extent(_renderer(figure)).width <= right - left - 2:
            return text
        text.remove()
    return None


def _renderer(figure: Figure) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = figure.canvas if hasattr(figure.canvas, "get_renderer") else FigureCanvasAgg(figure)
    return canvas.get_renderer()
