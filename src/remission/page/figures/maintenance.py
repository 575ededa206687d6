"""Maintenance: tablets up and down with the counts, and how many days go without them."""

from __future__ import annotations

import polars as pl

from .. import who
from ..figure import Figure, Table
from ..language import _, ngettext, number
from ..site import Site
from ..summary import Summary
from ..svg import axis
from ..svg.bars import Bar, Row, bars
from ..svg.chart import Dot, Line, Panel, Zone, chart
from . import shared, stored

PROTOCOL, AGENT, PHASE = "cog-standard-risk", "mercaptopurine", "maintenance"
TARGET = (0.5, 1.5)  # neutrophils that COG's rule aims at, 10^9/L


def maintenance_dose_and_counts(site: Site) -> Figure | None:
    """One life of middling restlessness: the dose of mercaptopurine under the neutrophils that moved it."""
    summary = stored.cohort(site, PROTOCOL)
    runs = None if summary is None else _runs(summary)
    if summary is None or runs is None or runs.is_empty():
        return None
    patient = _middling(runs)
    mine = runs.filter(pl.col("patient") == patient).sort("day")
    first, last = int(mine["day"][0]), int(mine["to_day"][-1])  # type: ignore[arg-type]
    steps = _steps(mine)
    raised = sum(1 for _day, factor, before in steps if before and factor > before)
    stopped = sum(1 for _day, factor, _before in steps if factor == 0)
    months = max(1, round((last - first) / 30.44))
    days, anc = shared.life(summary, patient, "anc", last)
    inside = [i for i, day in enumerate(days) if day >= first]
    tests = summary.measurements.filter(
        (pl.col("patient") == patient) & (pl.col("test") == "anc") & pl.col("day").is_between(first, last)
    ).select("day", "value").rows()  # fmt: skip
    top = stored.TOPS["anc"]
    x, y = _stairs(mine, last)
    finding = _("In {months} months of maintenance the dose of this child was {raised} and {stopped}").format(
        months=number(months),
        raised=ngettext("raised {n} time", "raised {n} times", raised).format(n=number(raised)),
        stopped=ngettext("stopped {n} time", "stopped {n} times", stopped).format(n=number(stopped)),
    )
    table: list[tuple[str | float, ...]] = [
        (float(day + 1), round(100 * factor), _why(factor, before), _count_before(tests, day))
        for day, factor, before in steps
    ]
    table += [(_("Months of maintenance"), float(months), "", ""), (_("Times raised"), float(raised), "", ""),
              (_("Times stopped"), float(stopped), "", "")]  # fmt: skip
    return Figure(
        id="maintenance-dose-and-counts",
        finding=finding,
        svg=chart(
            finding, _("Neutrophils with the range that is aimed at, and the dose of tablets under them."),
            axis.time(first, last),
            [Panel(axis.linear(0, top, _("Neutrophils, 10⁹ per litre")),
                   [Line([days[i] for i in inside], [anc[i] for i in inside], "neutrophils")],
                   zones=[Zone(*TARGET, _("aimed at"))],
                   dots=[Dot(day, min(value, top), "neutrophils") for day, value in tests], height=150),
             Panel(axis.linear(0, 150, _("Mercaptopurine, % of the plan")),
                   [Line(x, y, "tablets", step=True)], limits=[], height=120)],
        ),
        reading=_("When the dots lie above the shaded range, the dose goes up. When they lie below it, the tablets "
                  "stop for a while."),
        table=Table((_("Day"), _("Dose, % of the plan"), _("What was done"), _("Neutrophils before it, 10⁹/L")),
                    tuple(table), _("Every change of the dose")),
        known=shared.predicted(_("The rules are those of the published plan. The counts are played.")),
        about=stored.one_about(summary, patient),
    )  # fmt: skip


def maintenance_stops(site: Site) -> Figure | None:
    """Days without mercaptopurine, and the part of the planned dose that is taken in the end."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    named = {row["what"]: row for row in summary.burden.iter_rows(named=True)}
    lost, taken = named.get(f"days without it: {AGENT}"), next((r for w, r in named.items() if r["unit"] == "%"), None)
    if lost is None or taken is None:
        return None
    finding = _("In the middle, {days} days go without mercaptopurine; {percent} of 100 planned tablets are taken"
                ).format(days=number(round(lost["q50"])), percent=number(round(taken["q50"])))  # fmt: skip
    said, table = [], []
    for name, quantile in (
        (_("5 of 100 have fewer days"), "q05"), (_("25 of 100 have fewer"), "q25"),
        (_("The patient in the middle"), "q50"), (_("75 of 100 have fewer"), "q75"), (_("95 of 100 have fewer"), "q95"),
    ):  # fmt: skip
        n = round(lost[quantile])
        said.append(Row(name, [Bar(n, ngettext("{n} day", "{n} days", n).format(n=number(n)), "tablets")]))
        table.append((name, float(n), float(round(taken[quantile]))))
    return Figure(
        id="maintenance-stops",
        finding=finding,
        svg=bars(finding, _("Bars: days without mercaptopurine."),
                 axis.linear(0, max(10.0, lost["q95"]), _("Days without mercaptopurine")), said),
        reading=_("Some hardly ever stop, some stop often. Stops that the team orders are part of the plan."),
        table=Table((_("Of all patients"), _("Days without mercaptopurine"),
                     _("Of the planned dose in maintenance, %: as many have less")), tuple(table),
                    _("Days without tablets, and dose taken")),
        known=shared.predicted(_("The rules are those of the published plan. The counts are played.")),
        about=who.about(summary),
    )  # fmt: skip


def _runs(summary: Summary) -> pl.DataFrame:
    """Doses as the rules have them: a day on which the tablets were forgotten is not a stop."""
    return summary.doses.filter(
        (pl.col("agent") == AGENT) & (pl.col("phase") == PHASE) & (pl.col("planned") > 0)
        & (pl.col("reason") != "missed")
    ).with_columns(part=pl.col("amount") / pl.col("planned"))  # fmt: skip


def _middling(runs: pl.DataFrame) -> int:
    """The patient whose dose both rose and stopped, with the median number of runs among those."""
    each = runs.group_by("patient").agg(pl.len().alias("n"), pl.col("part").min().alias("low")).sort("n", "patient")
    moved = each.filter((pl.col("low") == 0) & (pl.col("n") > 2))
    shown = moved if moved.height else each
    return int(shown["patient"][shown.height // 2])


def _steps(mine: pl.DataFrame) -> list[tuple[int, float, float | None]]:
    """Day, part of the plan, part before it, of every change."""
    out: list[tuple[int, float, float | None]] = []
    before: float | None = None
    for day, part in mine.select("day", "part").rows():
        part = round(part, 2)
        if before is None or abs(part - before) > 0.02:
            out.append((day, part, before))
        before = part
    return out


def _stairs(mine: pl.DataFrame, last: int) -> tuple[list[float], list[float | None]]:
    x = [float(day) for day in mine["day"]] + [float(last)]
    y = [min(100 * part, 150.0) for part in mine["part"]]
    return x, [*y, y[-1]]


def _why(factor: float, before: float | None) -> str:
    if before is None:
        return _("begun")
    if factor == 0:
        return _("stopped")
    if before == 0:
        return _("begun again")
    return _("raised") if factor > before else _("lowered")


def _count_before(tests: list[tuple[int, float]], day: int) -> str | float:
    seen = [value for when, value in tests if when <= day]
    return stored.tidy(seen[-1]) if seen else ""
