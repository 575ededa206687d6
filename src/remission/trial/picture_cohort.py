"""A cohort on one page: counts, leukaemia, MRD, events, the mercaptopurine dose and where the patients are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator

from .first_event import first_events
from .picture_numbers import MONTH, YEAR, course, genotype_group, mercaptopurine_by_month, shares, summary
from .picture_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LARGE,
    NORMAL,
    ORANGE,
    PURPLE,
    SMALL,
    VERMILLION,
    Floats,
    Tables,
    fit_text,
    ink_on,
    numbers,
    phase_colours,
    power_of_ten,
    shorter_names,
    style,
    table,
)

_WIDTH, _HEIGHT = 14.0, 11.4  # inches
_NONE = -1.0  # "no leukaemic cell left" on the log10 axis
_FIRST_YEAR = 0.6  # part of a time axis given to the first year
_FEWEST = 5  # patients behind a point of a median
_RARE = 0.05  # share of the patients: a phase with fewer has no shade of its own


def shown_of(frames: Mapping[str, pl.LazyFrame], patients: int) -> Tables:
    """What `plot_cohort` shows of the first patients of a run. No more is read: a run's tables are many times that."""
    started = pl.col("event") == "phase start"
    wanted: dict[str, tuple[tuple[str, ...] | None, pl.Expr]] = {
        "outcomes": (None, pl.lit(True)),
        "states": (("day", "log10_blasts_marrow", "anc", "platelets", "haemoglobin"), pl.lit(True)),
        "doses": (None, pl.col("agent") == "mercaptopurine"),
        "events": (("day", "phase", "event", "detail"), started),
    }
    if "events" not in frames:  # the phases are then those that counts and doses were taken in
        wanted |= {"doses": (None, pl.lit(True)), "measurements": (("day", "phase"), pl.lit(True))}
    return {
        name: frames[name]
        .filter((pl.col("patient") < patients) & rows)
        .select(pl.all() if columns is None else pl.col("patient", *columns))
        .collect()
        for name, (columns, rows) in wanted.items()
        if name in frames
    }


def plot_cohort(tables: Tables, *, title: str | None = None) -> Figure:
    """A cohort on one page of 3 x 3 panels.

    Leukaemic cells of the marrow, ANC, platelets and haemoglobin as median with the middle 50 % and 90 % of the
    patients still followed (the first year is drawn wider than what follows); share of patients in each phase; end of
    induction MRD; event-free survival with the cumulative incidence of relapse and death (Aalen-Johansen, leaving the
    protocol and end of follow-up censored); mercaptopurine given in maintenance, % of the protocol dose with held
    days as 0, by TPMT and NUDT15; and a summary.

    ``tables``: the tables of a run (outcomes, doses, events, states, measurements), any of which may be missing or
    empty: its panel then says so.
    """
    outcomes, states = table(tables, "outcomes"), table(tables, "states")
    with style():
        figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=100)
        grid = figure.subplots(
            3,
            3,
            gridspec_kw={"left": 0.062, "right": 0.985, "top": 0.905, "bottom": 0.052, "wspace": 0.24, "hspace": 0.38},
        )
        last = _last_day(tables, outcomes, states)
        _blasts(grid[0, 0], states, last)
        _anc(grid[0, 1], states, last)
        _platelets(grid[0, 2], states, last)
        _haemoglobin(grid[1, 0], states, last)
        _share_of_phases(grid[1, 1], tables, outcomes, last)
        _mercaptopurine(grid[1, 2], outcomes, table(tables, "doses"))
        _eoi_mrd(grid[2, 0], outcomes)
        _events(grid[2, 1], outcomes)
        _summary(grid[2, 2], outcomes)
        figure.text(0.012, 0.985, title or "Cohort", fontsize=LARGE, fontweight="bold", va="top")
        figure.text(0.012, 0.957, _who(outcomes, states), fontsize=NORMAL, color="#444444", va="top")
    return figure


def _last_day(tables: Tables, outcomes: pl.DataFrame, states: pl.DataFrame) -> float:
    days = np.concatenate([numbers(states, "day"), numbers(outcomes, "outcome_day"), [2.0]])
    return float(np.nanmax(days))


def _who(outcomes: pl.DataFrame, states: pl.DataFrame) -> str:
    count = len(outcomes)
    if not count:
        return "no outcomes in this run"
    words = [f"{count:,} virtual patients"]
    if outcomes["age_y"].is_not_null().any():
        words.append(f"median age {outcomes['age_y'].median():.1f} years")
    if outcomes["sex"].is_not_null().any():
        words.append(f"{(outcomes['sex'] == 'female').mean():.0%} girls".replace("%", " %"))
    drawn = states["patient"].n_unique()
    if 0 < drawn < count:
        words.append(f"courses and doses of {drawn:,} of them, outcomes of all")
    return "   ·   ".join(words)


# --- courses ----------------------------------------------------------------------------------


def _nothing(axes: Axes, words: str) -> None:
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=GREY)
    axes.set_yscale("linear")
    axes.set_xticks([])
    axes.set_yticks([])


def _bands(axes: Axes, states: pl.DataFrame, column: str, low: float, high: float, last: float) -> bool:
    found = course(states, column)
    found = found.filter(pl.col("n") >= min(_FEWEST, found["n"].max() or 0)) if len(found) else found  # type: ignore[type-var]
    if found.is_empty():
        _nothing(axes, "no states recorded")
        return False
    day = numbers(found, "day")
    q = {k: np.clip(numbers(found, f"q{k}"), low, high) for k in (5, 25, 50, 75, 95)}
    axes.fill_between(day, q[5], q[95], color=BLUE, alpha=0.16, linewidth=0, gid="90 % band", zorder=2)
    axes.fill_between(day, q[25], q[75], color=BLUE, alpha=0.32, linewidth=0, gid="50 % band", zorder=2)
    axes.plot(day, q[50], color=BLUE, linewidth=1.6, gid="median", zorder=3)
    axes.set_ylim(low, high)
    _time(axes, last)
    return True


def _time(axes: Axes, last: float) -> None:
    """Days on the axis; after one year the scale is compressed, with a line where it changes."""
    if last <= YEAR * 1.1:
        step = next(s for s in (7, 14, 28, 56) if last / s <= 8 or s == 56)
        at = np.arange(0, last + 1, step)
        axes.set_xlim(0, last)
        axes.set_xticks(at, [f"{d / 7:.0f}" for d in at])
        axes.set_xlabel("weeks from the first dose", fontsize=SMALL)
        return
    slope = (1 - _FIRST_YEAR) / (last - YEAR) * YEAR / _FIRST_YEAR

    def forward(day: Floats) -> Floats:
        return np.where(day <= YEAR, day, YEAR + (day - YEAR) * slope)

    def backward(at: Floats) -> Floats:
        return np.where(at <= YEAR, at, YEAR + (at - YEAR) / slope)

    axes.set_xscale("function", functions=(forward, backward))
    axes.set_xlim(0, last)
    weeks = [0, 8, 16, 24, 32, 40]
    years = np.arange(1, int(last / YEAR) + 1)
    years = years[:: max(1, int(np.ceil(years.size / 4)))]
    axes.set_xticks(
        [*(7.0 * w for w in weeks), *(YEAR * y for y in years)],
        [*(f"{w}" for w in weeks), *(f"{y} y" for y in years)],
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(YEAR, color="#999999", linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    axes.set_xlabel("weeks from the first dose, then years (narrower scale)", fontsize=SMALL)


def _ylog(axes: Axes, at: Sequence[float]) -> None:
    axes.yaxis.set_major_locator(FixedLocator(at))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels([f"{v:g}" for v in at])


def _blasts(axes: Axes, states: pl.DataFrame, last: float) -> None:
    axes.set_title("Leukaemic cells in the marrow", loc="left")
    if _bands(axes, states, "log10_blasts_marrow", _NONE, 13.4, last):
        axes.set_ylim(_NONE - 0.5, 13.4)
        axes.set_yticks([_NONE, 0, 2, 4, 6, 8, 10, 12])
        axes.set_yticklabels(["none", "1", *map(power_of_ten, (2, 4, 6, 8, 10, 12))])
        axes.set_ylabel("cells")
        axes.legend(handles=_key(), loc="upper right", frameon=False)


def _key() -> list[Line2D | Patch]:
    return [
        Line2D([], [], color=BLUE, linewidth=1.6, label="median"),
        Patch(color=BLUE, alpha=0.45, linewidth=0, label="middle 50 % of patients"),
        Patch(color=BLUE, alpha=0.16, linewidth=0, label="middle 90 %"),
    ]


def _anc(axes: Axes, states: pl.DataFrame, last: float) -> None:
    axes.set_title("Neutrophils (ANC)", loc="left")
    axes.set_yscale("log")
    if _bands(axes, states, "anc", 0.03, 20, last):
        axes.axhspan(0.03, 0.5, color=VERMILLION, alpha=0.12, linewidth=0, zorder=0)
        axes.text(
            0.985, 0.045, "< 0.5: severe neutropenia", transform=axes.get_yaxis_transform(), fontsize=SMALL,
            color="#8A3A00", va="center", ha="right", zorder=4,
        )  # fmt: skip
        axes.set_ylabel("10⁹/L, log scale")
        _ylog(axes, (0.1, 0.5, 1.5, 5, 20))


def _platelets(axes: Axes, states: pl.DataFrame, last: float) -> None:
    axes.set_title("Platelets", loc="left")
    axes.set_yscale("log")
    if _bands(axes, states, "platelets", 5, 900, last):
        axes.set_ylabel("10⁹/L, log scale")
        _ylog(axes, (10, 50, 100, 200, 400, 800))
        for y in (10, 50):
            axes.axhline(y, color=GREY, linewidth=0.8, linestyle=(0, (5, 2)), zorder=1)


def _haemoglobin(axes: Axes, states: pl.DataFrame, last: float) -> None:
    axes.set_title("Haemoglobin", loc="left")
    if _bands(axes, states, "haemoglobin", 4, 16, last):
        axes.set_ylabel("g/dL")
        axes.set_yticks([4, 6, 8, 10, 12, 14, 16])


# --- where the patients are -------------------------------------------------------------------


def _share_of_phases(axes: Axes, tables: Tables, outcomes: pl.DataFrame, last: float) -> None:
    axes.set_title("Where the patients are", loc="left")
    days = np.linspace(0, last, 800)
    parts = shares(tables, outcomes, days)
    if not parts or all(not p.any() for p in parts.values()):
        _nothing(axes, "no phases recorded")
        return
    ends = {"off treatment": "#E4E4E4", "left the protocol": "#B9B9B9", "relapsed": ORANGE, "died": BLACK}
    usual = phase_colours(name for name, part in parts.items() if name not in ends and part.max() > _RARE)
    last_shade = next(reversed(usual.values()), _rgb("#E4E4E4"))  # for all that few come to, as after a relapse
    colours = {**dict.fromkeys(parts, last_shade), **usual, **{k: _rgb(c) for k, c in ends.items()}}
    _time(axes, last)
    axes.set_ylim(0, 100)
    base = np.zeros_like(days)
    for name, part in parts.items():
        top = base + 100 * part
        axes.fill_between(days, base, top, color=colours[name], linewidth=0, gid=f"share {name}")
        _inside(axes, days, base, top, name, colours[name])
        base = top
    axes.set_ylabel("patients (%)")


def _rgb(colour: str) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def _inside(axes: Axes, days: Floats, base: Floats, top: Floats, name: str, colour: tuple[float, ...]) -> None:
    """The name in the thickest part of an area, as long as it fits there; upright where the area is narrow."""
    thick = top - base
    if thick.max() < 9:
        return
    wide = days[thick > 0.6 * thick.max()]
    start, to = float(wide.min()), float(wide.max())
    to_axis = axes.transData
    middle = float(axes.transData.inverted().transform((np.mean(to_axis.transform([(start, 0), (to, 0)])[:, 0]), 0))[0])
    here = int(np.argmin(np.abs(days - middle)))
    y = float((base[here] + top[here]) / 2)
    ink = ink_on(colour)
    if fit_text(axes, middle, y, shorter_names(name)[:1], to - start, color=ink, fontsize=SMALL):
        return
    if thick[here] > 60:
        axes.text(middle, y, name.capitalize(), rotation=90, ha="center", va="center", color=ink, fontsize=SMALL - 0.5)
        return
    fit_text(axes, middle, y, shorter_names(name)[1:], to - start, color=ink, fontsize=SMALL)


# --- mercaptopurine by genotype -----------------------------------------------------------------

_GENOTYPES = (
    ("both normal", BLUE),
    ("TPMT intermediate", ORANGE),
    ("NUDT15 intermediate", GREEN),
    ("poor, or both int.", PURPLE),
)


def _mercaptopurine(axes: Axes, outcomes: pl.DataFrame, doses: pl.DataFrame) -> None:
    axes.set_title("Mercaptopurine given in maintenance", loc="left")
    given = mercaptopurine_by_month(doses)
    given = given.join(outcomes.select("patient", genotype_group().alias("group")), on="patient").drop_nulls()
    if given.is_empty():
        _nothing(axes, "no mercaptopurine in maintenance recorded")
        return
    fewest = min(_FEWEST, given["patient"].n_unique())
    longest = 0.0
    for index, (name, colour) in enumerate(_GENOTYPES):
        mine = given.filter(pl.col("group") == index)
        count = mine["patient"].n_unique()
        if not count:
            continue
        quartiles = [pl.col("percent").quantile(q, "linear").alias(f"q{q}") for q in (0.25, 0.5, 0.75)]
        found = mine.group_by("month").agg(pl.len().alias("n"), *quartiles).sort("month")
        found = found.filter(pl.col("n") >= min(fewest, count))
        # a month that most have already finished would show the few who were delayed
        found = found.filter(pl.col("n") >= 0.25 * pl.col("n").max())
        month = (numbers(found, "month") + 0.5) * MONTH / 7
        if count >= 2 * _FEWEST:
            axes.fill_between(
                month, numbers(found, "q0.25"), numbers(found, "q0.75"), color=colour, alpha=0.15, linewidth=0
            )
        axes.plot(month, numbers(found, "q0.5"), color=colour, linewidth=1.7, label=f"{name} ({count:,})", gid=name)
        longest = max(longest, float(month[-1]) if month.size else 0.0)
    axes.axhline(100, color=GREY, linewidth=0.8, linestyle=(0, (5, 2)), zorder=1)
    axes.set_ylim(0, 200)
    axes.set_yticks([0, 50, 100, 150])
    axes.set_xlim(0, longest * 1.02 + 1)
    axes.set_ylabel("% of the protocol dose")
    axes.set_xlabel("weeks of maintenance (median, middle 50 %; held days count as 0)", fontsize=SMALL)
    axes.legend(
        loc="upper left",
        ncols=2,
        frameon=False,
        columnspacing=1.2,
        handlelength=1.3,
        title="TPMT and NUDT15 (patients)",
        title_fontsize=SMALL,
        alignment="left",
        borderaxespad=0.2,
    )


# --- MRD and events ---------------------------------------------------------------------------

_MRD_CLASSES = (
    ("< 0.01", 0.0, 1e-4),
    ("0.01 to\n< 0.1", 1e-4, 1e-3),
    ("0.1 to\n< 1", 1e-3, 1e-2),
    ("≥ 1", 1e-2, np.inf),
)


def _eoi_mrd(axes: Axes, outcomes: pl.DataFrame) -> None:
    axes.set_title("MRD at the end of induction", loc="left")
    value = numbers(outcomes, "eoi_mrd")
    known = value[~np.isnan(value)]
    if not known.size:
        _nothing(axes, "no end-of-induction MRD recorded")
        return
    share = [100 * float(np.mean((known >= a) & (known < b))) for _, a, b in _MRD_CLASSES]
    bars = axes.bar(range(4), share, width=0.72, color=[BLUE, "#6BAED6", ORANGE, VERMILLION], gid="MRD class")
    axes.bar_label(bars, [f"{s:.1f} %" if s < 10 else f"{s:.0f} %" for s in share], padding=2, fontsize=NORMAL)
    axes.set_xticks(range(4), [c[0] for c in _MRD_CLASSES])
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 100)
    axes.set_ylabel("patients with a sample (%)")
    missing = value.size - known.size
    axes.set_xlabel(
        f"leukaemic cells, % of marrow cells as reported ({known.size:,} samples, {missing:,} without)", fontsize=SMALL
    )


def _events(axes: Axes, outcomes: pl.DataFrame) -> None:
    axes.set_title("Event-free survival, incidence of first events", loc="left")
    followed = numbers(outcomes, "outcome_day")
    if np.isnan(followed).all():
        _nothing(axes, "no outcomes recorded")
        return
    found = first_events(outcomes)
    end = float(np.nanmax(followed))
    x = np.concatenate([found.day, [end]]) / YEAR

    def line(values: Floats) -> Floats:
        return 100 * np.concatenate([values, values[-1:]])

    free = line(found.event_free)
    base, entries = free, []
    colours = {"relapse": ORANGE, "death": "#4D4D4D", "no remission": "#B0B0B0", "second cancer": "#6A4C93"}
    for cause, colour in colours.items():
        share = line(found.cause[cause])
        axes.fill_between(x, base, base + share, step="post", color=colour, linewidth=0, gid=cause)
        base = base + share
        entries.append(Patch(color=colour, label=f"{cause} {share[-1]:.1f} %"))
    for limit in (found.low, found.high):
        axes.step(x, line(limit), where="post", color=BLUE, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=4)
    axes.step(x, free, where="post", color=BLUE, linewidth=1.8, gid="EFS", zorder=4)
    floor = max(0.0, 10 * np.floor((min(free[-1], 100 * found.low.min()) - 8) / 10))
    axes.set_ylim(floor, 100)
    axes.set_xlim(0, max(end / YEAR, 0.1))
    axes.set_xlabel("years from the first dose", fontsize=SMALL)
    axes.set_ylabel("patients (%)" if floor == 0 else f"patients (%); the axis starts at {floor:.0f}")
    axes.legend(
        handles=[
            *reversed(entries),
            Line2D([], [], color=BLUE, linewidth=1.8, label=f"event-free {free[-1]:.1f} % (dotted: 95 % interval)"),
        ],
        title=f"after {end / YEAR:.1f} years", title_fontsize=SMALL, alignment="left", loc="lower left", frameon=False,
    )  # fmt: skip


# --- numbers ----------------------------------------------------------------------------------


def _summary(axes: Axes, outcomes: pl.DataFrame) -> None:
    axes.set_title("In numbers: share, or median (quartiles)", loc="left")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    if outcomes.is_empty():
        _nothing(axes, "no outcomes recorded")
        return
    axes.set_axis_off()
    rows = summary(outcomes)
    step = min(0.098, 1 / len(rows))
    for index, (name, value) in enumerate(rows):
        y = 0.965 - step * index
        axes.text(0, y, name, va="center", fontsize=SMALL + 0.5, color="#333333")
        axes.text(1, y, value, va="center", ha="right", fontsize=SMALL + 0.5, fontweight="bold")
        axes.axhline(y - step / 2, color="#E3E3E3", linewidth=0.6)
