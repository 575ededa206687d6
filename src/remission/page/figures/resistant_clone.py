"""The clone with T315I grows on while the tablet takes the others away."""

from __future__ import annotations

import polars as pl

from ..figure import Figure, Known, Table
from ..language import _, number
from ..site import Site
from ..summary import Summary
from ..svg import axis
from ..svg.chart import Line, chart
from . import shared, stored

PROTOCOL = "d-alba"
AFTER = 56  # days that are shown after the clone was largest

Rows = list[tuple[int, float | None]]


def t315i_under_dasatinib(site: Site) -> Figure | None:
    """The stored life in which the clone rises most while all leukaemic cells together fall most."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None or not (found := _found(summary)):
        return None
    patient, clone, every = found
    top_day, top = max(clone, key=lambda row: -1.0 if row[1] is None else row[1])
    assert top is not None
    low_day, start = min(((d, v) for d, v in clone if v is not None and d <= top_day), key=lambda row: row[1])
    last = top_day + AFTER
    shown = [row for row in clone if row[0] <= last]
    together = [row for row in every if row[0] <= last]
    before, after = stored.cells(10.0**start), stored.cells(10.0**top)
    finding = _("Under the tablet, cells with T315I grow from {before} to {after} by day {day}").format(
        before=before, after=after, day=number(top_day + 1)
    )
    phases = [phase for phase in shared.phases_of_life(summary, patient) if phase.start < last]
    all_of = dict(together)
    table = [
        (float(day + 1), _said(value), _said(all_of.get(day)))
        for day, value in shown
        if day in (0, low_day, top_day) or day % 28 == 0
    ]
    lines = [_line(together, "leukaemia", _("all leukaemic cells")), _line(shown, "second", _("those with T315I"))]
    return Figure(
        id="t315i-under-dasatinib",
        finding=finding,
        svg=chart(finding, _("Two lines: all leukaemic cells fall, those with T315I rise until the treatment changes."),
                  axis.time(0, last), [stored.leukaemia(summary, site.knowledge, lines, height=220)], phases),
        reading=_("The tablet fits most cells, and they go. It does not fit those with T315I. Another treatment has to "
                  "take those."),
        table=Table((_("Day"), _("Cells with T315I"), _("All leukaemic cells")), tuple(table), _("Every four weeks")),
        known=Known("predicted", _("How well each tablet fits comes from the laboratory; the course is played."),
                    ("gozgit2013",)),
        about=stored.one_about(summary, patient),
        phases=tuple(phases),
    )  # fmt: skip


def _found(summary: Summary) -> tuple[int, Rows, Rows] | None:
    best: tuple[float, int, Rows, Rows] | None = None
    for patient in summary.people["patient"]:
        clone, every = (_rows(summary, patient, state) for state in ("log10_t315i", "log10_blasts_marrow"))
        there = [(day, value) for day, value in clone if value is not None]
        if not there or not every:
            continue
        day, top = max(there, key=lambda row: row[1])
        fall = (every[0][1] or 0.0) - min((v or 0.0) for d, v in every if d <= day)
        score = (top - there[0][1]) + 0.5 * fall
        if top - there[0][1] > 1 and (best is None or score > best[0]):
            best = (score, patient, clone, every)
    return best[1:] if best else None


def _rows(summary: Summary, patient: int, state: str) -> Rows:
    rows = summary.lives.filter((pl.col("patient") == patient) & (pl.col("state") == state)).sort("day")
    return rows.select("day", "value").rows()


def _line(rows: Rows, kind: str, name: str) -> Line:
    return Line([day for day, _v in rows], [shared.LEAST if v is None else 10.0**v for _d, v in rows], kind, name)


def _said(value: float | None) -> str:
    return stored.cells(0.0 if value is None else 10.0**value)
