"""When counts are lowest, and how long the plan waits for them."""

from __future__ import annotations

import polars as pl

from .. import who
from ..figure import Figure, Table
from ..language import _, number
from ..summary import Summary
from ..svg import axis
from ..svg.bars import Bar, Row, bars
from . import shared


def lowest(summary: Summary) -> Figure | None:
    """The lowest neutrophils of each phase, week by week in the patient in the middle, and weeks below 0.5."""
    phases = shared.phases_of_most(summary)
    anc = summary.bands.filter(pl.col("state") == "anc").sort("day")
    rows: list[tuple[str, float, float, float, float, float]] = []
    said = []
    for phase in phases:
        mine = anc.filter((pl.col("day") >= phase.start) & (pl.col("day") < phase.end))
        if mine.is_empty():
            continue
        least = mine.sort("q50").row(0, named=True)
        low_weeks = mine.filter(pl.col("q50") < 0.5).height
        low, middle, high = (float(f"{least[q]:.2g}") for q in ("q05", "q50", "q95"))
        rows.append((phase.name, float(least["day"] + 1), low, middle, high, float(low_weeks)))
        words = _("{count}, around day {day}").format(count=number(rows[-1][3]), day=number(least["day"] + 1))
        said.append(Row(phase.name, [Bar(min(least["q50"], 4.0), words, "neutrophils", least["q05"],
                                         min(least["q95"], 4.0))]))  # fmt: skip
    if not rows:
        return None
    worst = min(rows, key=lambda row: row[3])
    finding = _("Counts are lowest in {phase}, around day {day}").format(phase=worst[0], day=number(worst[1]))
    return Figure(
        id="lowest-counts",
        finding=finding,
        svg=bars(finding, _("The lowest neutrophil count of each phase, as a bar with its spread."),
                 axis.linear(0, 4, _("Neutrophils at their lowest, 10⁹ per litre")), said),
        reading=_("Each bar is the lowest week of a phase in the patient in the middle; the line spans nine of ten "
                  "patients. Below 0.5 infections are most likely. Ask your team what that means for school."),
        table=Table(
            (_("Phase"), _("Lowest around day"), _("5% lie below"), _("Middle, 10⁹/L"), _("95% lie below"),
             _("Weeks below 0.5 in the middle")),
            tuple(rows), _("The lowest week of neutrophils in each phase"),
        ),
        known=shared.predicted(),
        about=who.about(summary),
    )  # fmt: skip


def waits(summary: Summary) -> Figure | None:
    """Phases that had to wait for counts: of how many, and how long."""
    rows = summary.phases.filter((pl.col("entered") * 5 >= summary.patients) & (pl.col("delayed") > 0)).sort("q50")
    if rows.is_empty():
        return None
    bars_of, table = [], []
    for row in rows.iter_rows(named=True):
        share = row["delayed"] / row["entered"]
        name = who.phase_name(row["phase"])
        name = name if row["cycle"] == 1 else _("{phase}, cycle {number}").format(phase=name, number=row["cycle"])
        words = _("{share} of 100, {days} days on average").format(
            share=shared.of_hundred(100 * share), days=number(row["delay_mean"] / share, 0)
        )
        bars_of.append(Row(name, [Bar(100 * share, words, "neutrophils")]))
        table.append((name, float(row["entered"]), round(100 * share, 1), round(row["delay_mean"] / share, 1)))
    most = max(table, key=lambda row: row[2])
    finding = _("{share} of 100 wait for their counts before {phase}").format(
        share=shared.of_hundred(most[2]), phase=most[0]
    )
    return Figure(
        id="waits",
        finding=finding,
        svg=bars(finding, _("The share of patients who waited before each phase."),
                 axis.linear(0, 100, _("Of 100 in the phase, so many waited")), bars_of),
        reading=_("A wait is part of the plan: the next phase begins when the blood has come back."),
        table=Table((_("Phase"), _("Patients"), _("Waited, %"), _("Days of waiting, of those who waited")),
                    tuple(table), _("Waiting for counts before a phase")),
        known=shared.predicted(),
        about=who.about(summary),
    )  # fmt: skip
