"""After remission: the cells that no test can find go on falling."""

from __future__ import annotations

from .. import who
from ..figure import Figure, Table
from ..language import _
from ..site import Site
from ..svg import axis
from ..svg.chart import chart
from . import shared, stored

PROTOCOL = "cog-standard-risk"


def consolidation_invisible(site: Site) -> Figure | None:
    """From the end of induction to maintenance, below the limits of the tests."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    phases = shared.phases_of_most(summary)
    after = [phase for phase in phases if phase.kind != "induction"]
    until = next((phase.start for phase in after if phase.kind == "maintenance"), max(phase.end for phase in phases))
    start = after[0].start
    rows = [row for row in stored.quantile_rows(summary, "log10_blasts_marrow", start, until) if (row[0] // 7) % 4 == 1]
    rows = rows or stored.quantile_rows(summary, "log10_blasts_marrow", start, until)
    said = [stored.cells(stored.middle_on(summary, "log10_blasts_marrow", day) or 0.0) for day in (start, until)]
    finding = (
        _("Unseen, the cells go on falling: from {before} to {after} before maintenance")
        if said[1] != _("none")
        else _("Unseen, the cells go on falling: in the patient in the middle {after} is left of {before}")
    ).format(before=said[0], after=said[1])
    bands, lines = shared.band(summary, "log10_blasts_marrow", until, "leukaemia", power=True)
    shown = [phase for phase in phases if phase.start < until]
    table: list[tuple[str | float, ...]]
    table = [(_("Start of {phase}").format(phase=after[0].name.lower()), float(start + 1), said[0], "", "")]
    table += [
        ("", float(day + 1), *(stored.cells(0.0 if v is None else 10.0**v) for v in (mid, low, high)))
        for day, low, mid, high, _n in rows
        if start < day < until
    ]
    table.append((_("Start of maintenance"), float(until + 1), said[1], "", ""))
    return Figure(
        id="consolidation-invisible",
        finding=finding,
        svg=chart(
            finding, _("A band of leukaemic cells below the limits of the tests, and neutrophils below it."),
            axis.time(0, until),
            [stored.leukaemia(summary, site.knowledge, lines, bands),
             stored.counts(summary, "anc", until, "neutrophils", _("Neutrophils, 10⁹ per litre"))], shown,
        ),
        reading=_("In most patients no test finds leukaemia by now. What is left below the dashed lines is the aim of "
                  "treatment."),
        table=Table(
            (_("When"), _("Day"), _("Leukaemic cells, patient in the middle"), _("5 of 100 have fewer than"),
             _("95 of 100 have fewer than")),
            tuple(table), _("Leukaemic cells after induction"),
        ),
        known=shared.predicted(_("Cells that no test finds can only be computed. The model was fitted to relapses.")),
        about=who.about(summary),
        phases=tuple(shown),
    )  # fmt: skip
