"""MRD at the end of induction: how many are below the limit, and on which plan they go on."""

from __future__ import annotations

import polars as pl

from .. import who
from ..figure import Figure, Table
from ..language import _, number
from ..site import Site
from ..svg import axis
from ..svg.bars import Bar, Row, bars
from ..svg.dots import Share, of_hundred
from . import shared, stored
from .relapse import counted

PROTOCOL, PHASE, SITE, LIMIT = "cog-standard-risk", "induction", "marrow", 1e-4
LEAST = 0.01  # share of a way that is drawn


def mrd_day_29(site: Site) -> Figure | None:
    """Of a hundred: MRD below one cell in 10,000 at the end of induction, or not."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    rows = summary.mrd.filter((pl.col("phase") == PHASE) & (pl.col("site") == SITE)).sort("phase_day", "limit")
    mine = rows.filter(pl.col("limit") == LIMIT)
    if mine.is_empty():
        return None
    check = mine.row(-1, named=True)
    below, above = counted([check["below"], 1 - check["below"]])
    day = number(check["phase_day"])
    finding = _("On day {day} the finer test finds no leukaemia in {n} of 100; in {rest} it does").format(
        day=day, n=number(below), rest=number(above)
    )
    shares = [Share(below, _("MRD negative: below 1 in 10,000"), "neutrophils"),
              Share(above, _("MRD positive: the plan gets stronger"), "leukaemia", "half")]  # fmt: skip
    return Figure(
        id="mrd-day-29",
        finding=finding,
        svg=of_hundred(finding, _("A hundred marks, one for each patient."), [s for s in shares if s.count]),
        reading=_("Each mark is one patient. Negative is good news; some cells can still be there."),
        table=Table(
            (_("Limit: one leukaemic cell in"), _("Below it on day {day}, of 100").format(day=day),
             _("Not below it, of 100")),
            tuple((number(round(1 / limit)), *map(float, counted([share, 1 - share]))) for limit, share in
                  rows.filter(pl.col("phase_day") == check["phase_day"]).select("limit", "below").rows()),
            _("MRD in the marrow at the end of induction"),
        ),
        known=shared.predicted(_("The model plays it. MRD at the end of induction is compared with published trials.")),
        about=who.about(summary),
    )  # fmt: skip


def after_mrd(site: Site) -> Figure | None:
    """Where the plan sends its patients after induction, by what the tests say."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    entered = summary.phases.filter(pl.col("cycle") == 1).sort("q50").select("phase", "entered").rows()
    ways: list[tuple[str, int]] = []
    for phase, n in entered:
        plan = phase.rpartition(": ")[0]
        if phase != PHASE and all(plan != seen.rpartition(": ")[0] for seen, _n in ways):
            ways.append((phase, n))
    told = [(name, n / summary.patients) for name, n in ways if n >= LEAST * summary.patients]
    own = next((share for name, share in told if ": " not in name), 0.0)
    other = sum(share for name, share in told if ": " in name)
    rest = max(0.0, 1 - own - other)
    stay, leave, none = counted([own, other, rest] if own + other <= 1 else [own, 1 - own, 0.0])
    finding = _("After induction {stay} of 100 go on with the plan; {leave} get a stronger one").format(
        stay=number(stay), leave=number(leave)
    )
    rows = [(_("Goes on with the plan"), stay, "first"), (_("Gets a stronger plan"), leave, "second"),
            (_("Neither"), none, "other")]  # fmt: skip
    rows = [row for row in rows if row[1]]
    return Figure(
        id="after-mrd",
        finding=finding,
        svg=bars(finding, _("Bars: how many go on with the plan, how many get a stronger one."),
                 axis.linear(0, 100, _("Of 100 patients")),
                 [Row(name, [Bar(n, _("{n} of 100").format(n=number(n)), kind)]) for name, n, kind in rows]),
        reading=_("The marrow test at the end of induction decides. A stronger plan is there so that fewer relapse."),
        table=Table((_("After induction"), _("Of 100")), tuple((name, float(n)) for name, n, _kind in rows),
                    _("Which way patients go after induction")),
        known=shared.predicted(_("The rule is that of the published plan; the tests are played.")),
        about=who.about(summary),
    )  # fmt: skip
