"""Blinatumomab: B cells vanish within days, and a messenger rises with their death."""

from __future__ import annotations

import polars as pl

from ..figure import Figure, Table
from ..language import _, number
from ..site import Site
from ..svg import axis
from ..svg.chart import Panel, Phase, chart
from . import shared, stored

PROTOCOL, CYCLE = "tower", "cycle 1"
LAST = 42  # days from the start of the pump: four weeks with it, two without
FEW = 10.0  # B cells per microlitre


def blinatumomab_b_cells_and_cytokine(site: Site) -> Figure | None:
    """The first round, day by day, in the lives that are stored whole."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    starts = summary.events.filter((pl.col("event") == "phase start") & (pl.col("phase") == CYCLE))
    origins = dict(starts.group_by("patient").agg(pl.col("day").min()).rows())
    cells, messenger = (stored.around(summary, state, origins, 0, LAST) for state in ("b_cells", "cytokine_pg_ml"))
    if not cells[0] or not messenger[0]:
        return None
    top_day, top = stored.peak(messenger)
    few = stored.first((day, middle < FEW) for day, middle in zip(cells[0], cells[2], strict=True))
    finding = (
        _("B cells are nearly gone on day {few}; the messenger of fever is highest on day {top}").format(
            few=number(few + 1), top=number(top_day + 1)
        )
        if few is not None
        else _("The messenger of fever is highest on day {top}").format(top=number(top_day + 1))
    )
    bands, lines = stored.band_of(cells, "b-cells", named=True, least=0.1)
    fever, middle = stored.band_of(messenger, "cytokine")
    high = max(max(cells[3]), 100.0)
    phases = [Phase(0, 28, _("pump runs"), "antibody"), Phase(28, LAST, _("break"), "follow-up")]
    days = sorted({0, *(int(d) for d in (few, top_day) if d is not None), *range(0, LAST + 1, 7)})
    place = {day: i for i, day in enumerate(cells[0])}
    at = {day: i for i, day in enumerate(messenger[0])}
    return Figure(
        id="blinatumomab-b-cells-and-cytokine",
        finding=finding,
        svg=chart(
            finding, _("B cells fall within days of the start; the messenger rises at once and falls within weeks."),
            axis.time(0, LAST),
            [Panel(axis.powers(0.1, 10 * high, _("B cells in blood, per microlitre")), lines, bands, height=140),
             Panel(axis.linear(0, max(messenger[3]), _("Messenger (interleukin-6), pg/mL")), middle, fever,
                   height=110)],
            phases,
        ),
        reading=_("The antibody kills good B cells along with the leukaemia. Their death sets messengers free, which "
                  "make fever. That passes; the B cells come back after the pump is off."),
        table=Table(
            (_("Day"), _("B cells, middle, per microlitre"), _("Messenger, middle, pg/mL"),
             _("9 of 10 have less than, pg/mL")),
            tuple((float(day + 1), stored.tidy(cells[2][place[day]]) if day in place else "",
                   stored.tidy(messenger[2][at[day]]) if day in at else "",
                   stored.tidy(messenger[3][at[day]]) if day in at else "") for day in days),
            _("First round of blinatumomab"),
        ),
        known=shared.predicted(_("The share with severe reactions was fitted to the trial TOWER; the course is "
                                 "played.")),
        about=stored.lives_about(summary, len(origins)),
        phases=tuple(phases),
    )  # fmt: skip
