"""CAR T-cells multiply, and fever comes with them."""

from __future__ import annotations

import polars as pl

from remission.knowledge.trial_file import Endpoint
from remission.knowledge.trial_file import days as days_of

from ..figure import Figure, Known, Table
from ..language import _, number
from ..site import Site
from ..summary import Summary
from ..svg import axis
from ..svg.chart import Line, Panel, Phase, chart
from . import stored

PROTOCOL, PHASE, EFFECT = "eliana", "infusion", "crs"
LAST = 28  # days after the infusion


def car_t_fever_as_they_expand(site: Site) -> Figure | None:
    """CAR T-cells, the messenger and the share with cytokine release, by days from the infusion."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    given = summary.events.filter((pl.col("event") == "phase start") & (pl.col("phase") == PHASE))
    origins = dict(given.group_by("patient").agg(pl.col("day").min()).rows())
    cells, messenger = (stored.around(summary, s, origins, 0, LAST) for s in ("car_t_copies", "cytokine_pg_ml"))
    if not cells[0] or not messenger[0]:
        return None
    share = _with_fever(summary, origins)
    top_day, top = stored.peak(cells)
    ill = max(range(LAST + 1), key=share.__getitem__)
    finding = _("Fever is commonest on day {fever} after the cells are given; they are most on day {cells}").format(
        fever=number(ill), cells=number(top_day)
    )
    said = _published(site)
    bands, lines = stored.band_of(cells, "car-t-cells", named=True, least=1.0)
    fever, middle = stored.band_of(messenger, "cytokine")
    days = sorted({0, ill, int(top_day), *range(0, LAST + 1, 4)})
    at, also = ({day: i for i, day in enumerate(found[0])} for found in (cells, messenger))
    return Figure(
        id="car-t-fever-as-they-expand",
        finding=finding,
        svg=chart(
            finding, _("CAR T-cells rise and fall; the messenger and the share of patients with fever rise with them."),
            axis.Axis(0, LAST, ticks=tuple(axis.Tick(d, _("day {day}").format(day=number(d)), d % 14 == 7)
                                           for d in range(0, LAST + 1, 7))),
            [Panel(axis.powers(1, max(10.0, *cells[3]), _("CAR T-cells in blood, copies per µg DNA")),
                   lines, bands, height=130),
             Panel(axis.linear(0, max(messenger[3]), _("Messenger (interleukin-6), pg/mL")), middle, fever, height=100),
             Panel(axis.linear(0, 100, _("With cytokine release that day, of 100")),
                   [Line(list(range(LAST + 1)), list(share), "leukaemia", step=True)], height=90)],
            [Phase(0, LAST, _("after the infusion"), "car-t")],
        ),
        reading=_("As the cells multiply and kill, they set messengers free. These make the fever. Tocilizumab blocks "
                  "the main one."),
        table=Table(
            (_("Day after the infusion"), _("CAR T-cells, middle, copies/µg"), _("Messenger, middle, pg/mL"),
             _("With cytokine release, of 100")),
            tuple((float(day), stored.tidy(cells[2][at[day]]) if day in at else "",
                   stored.tidy(messenger[2][also[day]]) if day in also else "", round(share[day])) for day in days),
            _("The four weeks after the infusion"),
        ),
        known=_known(said),
        about=stored.lives_about(summary, len(origins)),
    )  # fmt: skip


def _with_fever(summary: Summary, origins: dict[int, int]) -> list[float]:
    """Of 100 who were given the cells: with cytokine release on each day."""
    rows = summary.events.filter((pl.col("event") == "side effect") & (pl.col("detail") == EFFECT))
    out = [0] * (LAST + 1)
    for patient, start, end in rows.select("patient", "day", "to_day").rows():
        if patient in origins:
            for day in range(max(0, start - origins[patient]), min(LAST, end - origins[patient]) + 1):
                out[day] += 1
    return [100 * n / len(origins) for n in out]


def _published(site: Site) -> Endpoint | None:
    """What the trial of this protocol saw of it, of any grade."""
    told = (endpoint for name in site.knowledge.trials() for arm, endpoint in site.knowledge.trial(name).endpoints()
            if arm.protocol == PROTOCOL)  # fmt: skip
    return next((e for e in told if e.side_effect == EFFECT and e.grade == 1 and e.read != "memory"), None)


def _known(said: Endpoint | None) -> Known:
    if said is None or said.within is None:
        return Known("predicted", _("The model plays it. It is compared with published trials."))
    text = _("In the trial {n} of 100 had it within {days} days, {rest} had not.").format(
        n=number(round(said.value)), rest=number(100 - round(said.value)), days=number(days_of(said.within))
    )
    calibrated = said.used == "calibrate"
    text += " " + (_("The model was fitted to this.") if calibrated else _("The model was not fitted to this."))
    return Known("calibrated" if calibrated else "predicted", text, (said.source,) if said.source else ())
