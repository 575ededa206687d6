"""The empty days of a transplant, and the graft that ends them."""

from __future__ import annotations

import polars as pl

from ..figure import Figure, Table
from ..language import _, number
from ..site import Site
from ..svg import axis
from ..svg.chart import Limit, Mark, Panel, Phase, chart
from . import shared, stored

PROTOCOL = "forum-tbi"
BEFORE, LAST = -7, 49  # days around the graft
LOW, BACK = 0.1, 0.5  # neutrophils, 10^9/L: none to speak of; engrafted


def transplant_empty_days(site: Site) -> Figure | None:
    """Neutrophils, platelets and the size of the marrow by days from the transplant."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    given = summary.events.filter(pl.col("event") == "transplant")
    origins = dict(given.group_by("patient").agg(pl.col("day").min()).rows())
    anc, platelets, marrow = (
        stored.around(summary, state, origins, BEFORE, LAST) for state in ("anc", "platelets", "normal_marrow")
    )
    if not anc[0]:
        return None
    empty = [day for day, middle in zip(anc[0], anc[2], strict=True) if middle < LOW]
    back = stored.first(
        (day, middle >= BACK) for day, middle in zip(anc[0], anc[2], strict=True) if empty and day > empty[0]
    )
    finding = (
        _("For {n} days there are hardly any neutrophils; on day {back} they are back").format(
            n=number(len(empty)), back=number(back)
        )
        if empty and back is not None
        else _("For {n} days there are hardly any neutrophils").format(n=number(len(empty)))
    )
    bands, lines = stored.band_of(anc, "neutrophils", named=True, least=0.001)
    pale, middle = stored.band_of(platelets, "platelets")
    share, whose = stored.band_of(([*marrow[0]], *([100 * v for v in q] for q in marrow[1:])), "first")  # type: ignore[arg-type]
    weekly = range(BEFORE, LAST + 1, 7)
    ticks = tuple(axis.Tick(d, _("day {day}").format(day=number(d)), (d // 7) % 2 == 1) for d in weekly)
    place = {day: i for i, day in enumerate(anc[0])}
    days = sorted(d for d in {*weekly, int(back or 0)} if d in place)
    phases = [Phase(BEFORE, 0, _("making ready"), "transplant"), Phase(0, LAST, _("after the graft"), "follow-up")]
    return Figure(
        id="transplant-empty-days",
        finding=finding,
        svg=chart(
            finding, _("Neutrophils and platelets fall to nearly nothing and come back with the donor's cells."),
            axis.Axis(BEFORE, LAST, ticks=ticks),
            [Panel(axis.powers(0.001, 10, _("Neutrophils, 10⁹ per litre")), lines, bands,
                   [Limit(BACK, _("back at {count}").format(count=number(BACK)))], height=150),
             Panel(axis.linear(0, 300, _("Platelets, 10⁹ per litre")), middle, pale, height=100),
             Panel(axis.linear(0, 100, _("Blood-forming marrow, % of its usual size")), whose, share, height=80)],
            phases, [Mark(0, _("transplant"))],
        ),
        reading=_("In the empty days the old marrow is gone and the new one has not grown. Blood and platelets are "
                  "given. Then the donor's cells fill the marrow."),
        table=Table(
            (_("Day from the transplant"), _("Neutrophils, middle, 10⁹/L"), _("8 of 10 lie from"), _("to"),
             _("Platelets, middle, 10⁹/L")),
            (*((float(day), stored.tidy(anc[2][place[day]]), stored.tidy(anc[1][place[day]]),
                stored.tidy(anc[3][place[day]]), stored.tidy(platelets[2][place[day]])) for day in days),
             (_("Days below {count}").format(count=number(LOW)), float(len(empty)), "", "", "")),
            _("Counts around the transplant"),
        ),
        known=shared.predicted(_("The day on which the cells come back is compared with published transplants.")),
        about=stored.lives_about(summary, len(origins)),
        phases=tuple(phases),
    )  # fmt: skip
