"""A relapse: one clone that treatment left grows out of sight until tests find it."""

from __future__ import annotations

import polars as pl

from ..figure import Figure, Table
from ..language import _, number
from ..site import Site
from ..summary import Summary
from ..svg import axis
from ..svg.chart import Line, Mark, chart
from . import shared, stored

PROTOCOLS = ("cog-standard-risk", "bfm-standard", "cog-high-risk")
NEAR = 14  # days before the relapse up to which a life has to be recorded


def relapse_one_clone(site: Site) -> Figure | None:
    """The life, of those that are stored, in which leukaemia stayed below flow longest before it came back."""
    best: tuple[float, Summary, int, list[tuple[int, float | None]]] | None = None
    for protocol in PROTOCOLS:
        summary = stored.cohort(site, protocol)
        if summary is None:
            continue
        flow = shared.cell_limits(summary, site.knowledge)[1].at
        for patient, rows in _relapses(summary):
            hidden = [day for day, value in rows if value is None or 10.0**value < flow]
            if hidden and (best is None or hidden[-1] - hidden[0] > best[0]):
                best = (hidden[-1] - hidden[0], summary, patient, rows)
    if best is None:
        return None
    hidden_days, summary, patient, rows = best
    limits = shared.cell_limits(summary, site.knowledge)
    last = rows[-1][0]
    months, lowest = round(hidden_days / 30.44), min(value for _day, value in rows if value is not None)
    finding = (
        _("For about {months} months the finer test does not find it; {cells} cells are left, and they grow again")
        if 10.0**lowest >= 1.5
        else _("For about {months} months the finer test does not find it; a single cell is left, and it grows again")
    ).format(months=number(months), cells=stored.cells(10.0**lowest))
    line = Line([day for day, _v in rows], [shared.LEAST if v is None else 10.0**v for _d, v in rows], "leukaemia")
    phases = [phase for phase in shared.phases_of_life(summary, patient) if phase.start < last]
    events = summary.events.filter((pl.col("patient") == patient) & (pl.col("event") == "relapse"))
    when = int(events["day"].min() or last)  # type: ignore[arg-type]
    table: list[tuple[str | float, ...]]
    table = [(float(day + 1), stored.cells(0.0 if v is None else 10.0**v),
              _("no test") if v is None or 10.0**v < limits[2].at else _("sequencing") if 10.0**v < limits[1].at
              else _("flow") if 10.0**v < limits[0].at else _("microscope"))
             for day, v in rows[:: max(1, len(rows) // 24)]]  # fmt: skip
    table.append((float(when + 1), _("relapse found"), ""))
    table.append((_("Fewest cells"), stored.cells(10.0**lowest), ""))
    table.append((_("Months below flow"), number(months), ""))
    return Figure(
        id="relapse-one-clone",
        finding=finding,
        svg=chart(finding, _("The leukaemic cells of one patient fall below all tests and rise again."),
                  axis.time(0, last + 7), [stored.leukaemia(summary, site.knowledge, [line], height=220)], phases,
                  [Mark(when, _("relapse"))]),
        reading=_("The line is the true number of leukaemic cells. What comes back are children of the few that were "
                  "left."),
        table=Table((_("Day"), _("Leukaemic cells"), _("Coarsest test that finds them")), tuple(table),
                    _("Leukaemic cells of this patient")),
        known=shared.predicted(_("One life of the model, chosen because leukaemia came back in it.")),
        about=stored.one_about(summary, patient),
        phases=tuple(phases),
    )  # fmt: skip


def _relapses(summary: Summary) -> list[tuple[int, list[tuple[int, float | None]]]]:
    """The patients whose first relapse lies within what is recorded, with days and log10 cells up to it."""
    out = []
    first = summary.events.filter(pl.col("event") == "relapse").group_by("patient").agg(pl.col("day").min())
    for patient, when in first.sort("patient").rows():
        rows = summary.lives.filter(
            (pl.col("patient") == patient) & (pl.col("state") == "log10_blasts_marrow") & (pl.col("day") <= when + 7)
        ).sort("day").select("day", "value").rows()  # fmt: skip
        if rows and rows[-1][0] >= when - NEAR:
            out.append((patient, rows))
    return out
