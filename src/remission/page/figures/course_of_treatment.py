"""The whole treatment at one look: how fast leukaemia falls, how long treatment goes on, and what counts do."""

from __future__ import annotations

import math
from dataclasses import replace

import polars as pl

from .. import who
from ..figure import Figure, Table
from ..language import _, ngettext, number
from ..site import Site
from ..summary import Summary
from ..svg import axis
from ..svg.chart import Panel, chart
from . import shared, stored

PROTOCOL = "cog-standard-risk"


def course_of_treatment(site: Site) -> Figure | None:
    """Leukaemia and neutrophils of a stored cohort under its phases."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    phases = shared.phases_of_most(summary)
    last = max(phase.end for phase in phases)
    microscope = shared.cell_limits(summary, site.knowledge)[0].at
    rows = stored.quantile_rows(summary, "log10_blasts_marrow", 0, last)
    gone = stored.first((day, middle is None or 10.0**middle < microscope) for day, _l, middle, _h, _n in rows)
    weeks = math.ceil((gone or 0) / 7)
    months = round(last / 30.44)
    bands, lines = shared.band(summary, "log10_blasts_marrow", last, "leukaemia", power=True)
    table = tuple(
        (phase.name, float(phase.start + 1), round((phase.end - phase.start) / 7, 1),
         stored.cells(stored.middle_on(summary, "log10_blasts_marrow", phase.start) or 0.0),
         _lowest(summary, phase.start, phase.end))
        for phase in phases
    )  # fmt: skip
    finding = (
        ngettext(
            "Treatment lasts about {months} month", "Treatment lasts about {months} months", months
        ).format(months=number(months))
        if gone is None
        else ngettext(
            "Within {weeks} week the microscope finds no leukaemia; treatment lasts about {months} months",
            "Within {weeks} weeks the microscope finds no leukaemia; treatment lasts about {months} months",
            weeks,
        ).format(weeks=number(weeks), months=number(months))
    )
    return Figure(
        id="course-of-treatment",
        finding=finding,
        svg=chart(
            finding, _("Bands of leukaemic cells and of neutrophils over the phases of treatment."),
            axis.time(0, last),
            [stored.leukaemia(summary, site.knowledge, lines, bands),
             _half(stored.counts(summary, "anc", last, "neutrophils", _("Neutrophils, 10⁹ per litre")))], phases,
        ),
        reading=_("The colours on top are the phases. Leukaemia falls fast at first, then slowly, out of sight of any "
                  "test. Counts fall and return."),
        table=Table(
            (_("Phase"), _("From day"), _("Weeks"), _("Leukaemic cells at its start, patient in the middle"),
             _("Lowest neutrophils of the patient in the middle, 10⁹/L")),
            (*table, (_("Microscope finds no leukaemia"), float(gone or 0) + 1, float(weeks), "", "")
             if gone is not None else (_("Microscope finds no leukaemia"), "", "", "", ""),
             (_("Whole treatment, months"), "", float(months), "", "")),
            _("The phases, and what happens in them"),
        ),
        known=shared.predicted(_("The plan is the published one. Cells and counts are played; relapses were fitted.")),
        about=who.about(summary),
        phases=tuple(phases),
    )  # fmt: skip


def _half(panel: Panel) -> Panel:
    """The panel with the half of the patients in the middle alone: so long a time is full enough with one band."""
    return replace(panel, bands=panel.bands[1:])


def _lowest(summary: Summary, start: float, end: float) -> str | float:
    low = summary.bands.filter(
        (pl.col("state") == "anc") & (pl.col("day") >= start) & (pl.col("day") < end)
    )["q50"].min()  # fmt: skip
    return stored.tidy(low) if isinstance(low, float) else ""
