"""Induction: leukaemia falls, counts fall and come back."""

from __future__ import annotations

from .. import who
from ..figure import Figure, Table
from ..language import _, number
from ..site import Site
from ..svg import axis
from ..svg.chart import Mark, chart
from . import shared, stored

PROTOCOL = "cog-standard-risk"
CHECK, LAST = 28, 42  # days
BACK = 1.0  # neutrophils, 10^9/L: they are back


def induction_leukaemia(site: Site) -> Figure | None:
    """The first six weeks of a stored cohort."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    blasts = stored.quantile_rows(summary, "log10_blasts_marrow", 0, LAST)
    anc = stored.quantile_rows(summary, "anc", 0, LAST)
    platelets = stored.quantile_rows(summary, "platelets", 0, LAST)
    start = stored.middle_on(summary, "log10_blasts_marrow", 0) or 0.0
    end = stored.middle_on(summary, "log10_blasts_marrow", CHECK) or 0.0
    lowest = min(anc, key=lambda row: row[2] or 0.0)[0]
    back = stored.first((day, (middle or 0.0) >= BACK) for day, _low, middle, _high, _n in anc if day >= lowest)
    before, after = stored.cells(start), stored.cells(end)
    finding = (
        _("In four weeks leukaemia falls from {before} cells to {after}")
        if back is None
        else _("In four weeks leukaemia falls from {before} cells to {after}; neutrophils are back by day {back}")
    ).format(before=before, after=after, back=number((back or 0) + 1))
    bands, lines = shared.band(summary, "log10_blasts_marrow", LAST, "leukaemia", power=True)
    phases = [phase for phase in shared.phases_of_most(summary) if phase.start < LAST]
    by_day = {row[0]: row[2] for row in platelets}
    counted = {row[0]: row[2] for row in anc}
    table = tuple(
        (float(day + 1), stored.cells(0.0 if middle is None else 10.0**middle), stored.tidy(counted.get(day, 0.0)),
         stored.tidy(by_day.get(day, 0.0)), float(n))
        for day, _low, middle, _high, n in blasts
    )  # fmt: skip
    return Figure(
        id="induction-leukaemia",
        finding=finding,
        svg=chart(
            finding, _("Bands of leukaemic cells, neutrophils and platelets in the first six weeks."),
            axis.time(0, LAST),
            [stored.leukaemia(summary, site.knowledge, lines, bands, height=170),
             stored.counts(summary, "anc", LAST, "neutrophils", _("Neutrophils, 10⁹ per litre")),
             stored.counts(summary, "platelets", LAST, "platelets", _("Platelets, 10⁹ per litre"))],
            phases, [Mark(CHECK, _("marrow looked at"))],
        ),
        reading=_("Leukaemia falls below what the tests find. Neutrophils and platelets are low, and come back."),
        table=Table(
            (_("Day"), _("Leukaemic cells, patient in the middle"), _("Neutrophils, 10⁹/L"), _("Platelets, 10⁹/L"),
             _("Patients")),
            table, _("Week by week, the patient in the middle"),
        ),
        known=shared.predicted(_("The model plays it. MRD at the end of induction is compared with published trials.")),
        about=who.about(summary),
        phases=tuple(phases),
    )  # fmt: skip
