"""What the figures of reading pages take from stored cohorts, and the panels and words that they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from remission.knowledge.library import Library

from .. import who
from ..language import _, ngettext, number
from ..scenario import Scenario, typical
from ..summary import Summary
from ..svg import axis
from ..svg.chart import Band, Limit, Line, Panel
from . import shared

if TYPE_CHECKING:
    from ..site import Site

Quantiles = tuple[list[float], list[float], list[float], list[float]]  # days, low, middle, high
EXAMPLES = {"cog-standard-risk": "cog-standard-risk~age4~f~16kg~102cm~b~cns1"}  # boys get a year more by this plan
TOPS = {"anc": 8.0, "platelets": 500.0}  # of axes, 10^9/L


def cohort(site: Site, protocol: str) -> Summary | None:
    """The stored patients of a protocol (`EXAMPLES`, else those like the typical one); None where none are stored of
    this knowledge."""
    own = EXAMPLES.get(protocol)
    scenario = Scenario.read(own, {}, site.knowledge) if own else typical(protocol, site.knowledge)
    found = site.pool.results(scenario, begin=False).summary
    return found if found is not None and found.complete else None


def lives_about(summary: Summary, n: int | None = None) -> str:
    """Whom a figure of whole lives is about."""
    n = summary.people.height if n is None else n
    said = ngettext("{n} virtual patient ({who}), day by day.", "{n} virtual patients ({who}), day by day.", n)
    return said.format(n=number(n), who=who.called(summary.scenario))


def one_about(summary: Summary, patient: int) -> str:
    """Whom a figure of one life is about."""
    said = _("One virtual patient ({who}), number {patient} of those that are stored whole. Others go otherwise.")
    return said.format(who=who.called(summary.scenario), patient=number(patient + 1))


def cells(n: float) -> str:
    """A number of cells in words, to one figure that counts: ``about 20 million``."""
    if n < 1:
        return _("none")
    n = float(f"{n:.1g}")
    size = next(size for size in (1e12, 1e9, 1e6, 1e3, 1.0) if n >= size)
    count = round(n / size)
    words = {
        1e12: ngettext("about {n} million million", "about {n} million million", count),
        1e9: ngettext("about {n} thousand million", "about {n} thousand million", count),
        1e6: ngettext("about {n} million", "about {n} million", count),
        1e3: ngettext("about {n} thousand", "about {n} thousand", count),
        1.0: ngettext("about {n}", "about {n}", count),
    }
    return words[size].format(n=number(count))


def quantile_rows(
    summary: Summary, state: str, first: float, last: float
) -> list[tuple[int, float | None, float | None, float | None, int]]:
    """day, 5 %, middle, 95 %, patients of a state's band."""
    rows = summary.bands.filter(
        (pl.col("state") == state) & (pl.col("day") >= first) & (pl.col("day") <= last)
    ).sort("day")  # fmt: skip
    return rows.select("day", "q05", "q50", "q95", "n").rows()  # type: ignore[return-value]


def middle_on(summary: Summary, state: str, day: float) -> float | None:
    """The middle of a state on the recorded day nearest to a day; 0 cells where none is left (of a log10)."""
    row = shared.value_on(summary, state, day)
    if row is None:
        return None
    middle = row["q50"]
    return (0.0 if middle is None else 10.0**middle) if state.startswith("log10") else middle


def leukaemia(
    summary: Summary, knowledge: Library, lines: Sequence[Line], bands: Sequence[Band] = (), height: int = 190
) -> Panel:
    """The panel of leukaemic cells with the limits of the tests."""
    y = axis.powers(shared.LEAST, 1e13, _("Leukaemic cells in the body's marrow"), every=2)
    limits = shared.cell_limits(summary, knowledge)
    return Panel(y, lines, bands, limits, height=height, floor=_("no leukaemic cell left"))


def counts(summary: Summary, state: str, last: float, kind: str, label: str, named: bool = False) -> Panel:
    """The panel of a count with its band."""
    bands, lines = shared.band(summary, state, last, kind, named=named)
    limit = {"anc": 0.5, "platelets": 10.0}[state]
    said = [Limit(limit, _("below {count}: very low").format(count=number(limit)))]
    return Panel(axis.linear(0, TOPS[state], label), lines, bands, said, height=110)


def around(
    summary: Summary, state: str, origins: dict[int, int], first: int, last: int, least: int = 5
) -> Quantiles:
    """Quantiles of a state over the whole lives, by days from a day of their own (``origins``: patient -> day)."""
    from_day = pl.DataFrame(
        {"patient": list(origins), "origin": list(origins.values())}, schema={"patient": pl.Int32, "origin": pl.Int32}
    )
    rows = summary.lives.filter(pl.col("state") == state).join(from_day, on="patient")
    rows = rows.with_columns(since=pl.col("day") - pl.col("origin")).filter(pl.col("since").is_between(first, last))
    edges = (("low", 0.1), ("mid", 0.5), ("high", 0.9))
    made = rows.group_by("since").agg(
        *(pl.col("value").quantile(q, "nearest").alias(name) for name, q in edges), n=pl.len()
    ).filter(pl.col("n") >= least).sort("since")  # fmt: skip
    return tuple(made[name].cast(pl.Float64).to_list() for name in ("since", "low", "mid", "high"))  # type: ignore[return-value]


def band_of(found: Quantiles, kind: str, named: bool = False, least: float = 0.0) -> tuple[list[Band], list[Line]]:
    """Band and line of `around`; none lies below ``least``, the foot of a logarithmic axis."""
    days, *rest = found
    low, middle, high = ([max(value, least) for value in values] for values in rest)
    return (
        [Band(days, low, high, kind, _("8 of 10 patients") if named else "", pale=True)],
        [Line(days, middle, kind, _("the patient in the middle") if named else "")],
    )


def peak(found: Quantiles) -> tuple[float, float]:
    """Day and height of the highest middle."""
    days, _low, middle, _high = found
    at = max(range(len(days)), key=middle.__getitem__)
    return days[at], middle[at]


def tidy(value: float | None, figures: int = 2) -> str | float:
    """A number for a table, to so many figures that count."""
    return _("none left") if value is None else float(f"{value:.{figures}g}")


def first(values: Iterable[tuple[float, bool]]) -> float | None:
    """The first day on which something holds."""
    return next((day for day, holds in values if holds), None)
