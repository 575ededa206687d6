"""Remission is not the end of leukaemia: when each test stops finding it, and what is left then."""

from __future__ import annotations

from .. import who
from ..figure import Figure, Table
from ..language import _, number
from ..site import Site
from ..svg import axis
from ..svg.chart import Mark, chart
from . import shared, stored

PROTOCOL = "cog-standard-risk"
LAST = 98  # days
CHECK = 28  # the day on which the marrow is looked at, day 29 as it is written


def remission_three_limits(site: Site) -> Figure | None:
    """Leukaemia falling through what the microscope, flow and sequencing can find."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    rows = stored.quantile_rows(summary, "log10_blasts_marrow", 0, LAST)
    bands, lines = shared.band(summary, "log10_blasts_marrow", LAST, "leukaemia", power=True)
    names = (_("Microscope"), _("Flow"), _("Sequencing"))
    limits = shared.cell_limits(summary, site.knowledge)
    table: list[tuple[str | float, ...]] = []
    for name, limit in zip(names, limits, strict=True):
        days = [
            stored.first((row[0], row[at] is None or 10.0 ** row[at] < limit.at) for row in rows)  # type: ignore[operator]
            for at in (1, 2, 3)
        ]
        table.append((name, *(_("later") if day is None else float(day + 1) for day in days), stored.cells(limit.at)))
    left = stored.middle_on(summary, "log10_blasts_marrow", CHECK) or 0.0
    words = stored.cells(left)
    high = next((row[3] for row in rows if row[0] == CHECK), None)
    table.append((_("Left on day {day}").format(day=number(CHECK + 1)), "", "", "", words))
    table.append((_("Left on that day, 95 of 100 have fewer"), "", "", "", stored.cells(10.0**high if high else 0.0)))
    finding = (
        _("No test finds them, but on day {day} the patient in the middle still has {cells} leukaemic cells")
        if 0 < left < limits[2].at
        else _("Flow finds none, but on day {day} the patient in the middle still has {cells} leukaemic cells")
        if 0 < left < limits[1].at
        else _("The microscope sees no leukaemic cell, but on day {day} the patient in the middle has {cells} of them")
        if 0 < left < limits[0].at
        else _("On day {day} the patient in the middle still has {cells} leukaemic cells")
        if left
        else _("On day {day} the patient in the middle has no leukaemic cell left")
    ).format(day=number(CHECK + 1), cells=words)
    phases = [phase for phase in shared.phases_of_most(summary) if phase.start < LAST]
    return Figure(
        id="remission-three-limits",
        finding=finding,
        svg=chart(
            finding, _("A band of leukaemic cells falls through the limits of microscope, flow and sequencing."),
            axis.time(0, LAST), [stored.leukaemia(summary, site.knowledge, lines, bands, height=230)], phases,
            [Mark(CHECK, _("day {day}").format(day=number(CHECK + 1)))],
        ),
        reading=_("Each dashed line is the limit of a test. Below it the test finds nothing, but cells can be there."),
        table=Table(
            (_("Test"), _("Stops finding it: first, day"), _("in the middle, day"), _("last, day"), _("Cells")),
            tuple(table), _("When each test stops finding leukaemia, and the cells that it needs"),
        ),
        known=shared.predicted(_("Cells that no test finds can only be computed. The model was fitted to relapses.")),
        about=who.about(summary),
        phases=tuple(phases),
    )  # fmt: skip
