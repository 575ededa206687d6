"""How long boys and girls are treated, by each bundled plan of first treatment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from .. import who
from ..figure import Figure, Known, Table
from ..language import _, ngettext, number
from ..scenario import typical
from ..scenes import planned
from ..site import Site
from ..svg import axis
from ..svg.axis import DAYS_A_MONTH
from ..svg.bars import Bar, Row, bars

PLANS = ("cog-standard-risk", "cog-high-risk", "bfm-standard", "aall1731-control")
START = date(2027, 1, 4)  # a plan needs dates; they are not shown
SAME = 1.0  # month


def boys_and_girls(site: Site) -> Figure | None:
    """Months from the first to the last planned day, of a girl and a boy of the same age and size."""
    rows, table, longer = [], [], 0
    for protocol in PLANS:
        months = []
        for sex in ("f", "m"):
            scenario = replace(typical(protocol, site.knowledge), sex=sex)  # type: ignore[arg-type]
            plan = planned(scenario, site.knowledge, START)
            months.append(round(((plan.end - plan.start).days + 1) / DAYS_A_MONTH))
        girl, boy = months
        longer += boy > girl + SAME
        name = who.plan_name(protocol, site.knowledge)
        said = ngettext("girl: {n} month", "girl: {n} months", girl), ngettext("boy: {n} month", "boy: {n} months", boy)
        bars_ = [Bar(n, words.format(n=number(n)), kind)
                 for n, words, kind in zip(months, said, ("first", "second"), strict=True)]  # fmt: skip
        rows.append(Row(name, bars_))
        table.append((name, float(girl), float(boy)))
    finding = (
        _("By {n} of these {plans} plans boys are treated longer than girls")
        if longer
        else _("By these {plans} plans boys and girls are treated equally long")
    ).format(n=number(longer), plans=number(len(PLANS)))
    return Figure(
        id="boys-and-girls",
        finding=finding,
        svg=bars(finding, _("Two bars for each plan: months of treatment of a girl and of a boy."),
                 axis.linear(0, max(max(row[1:]) for row in table), _("Months from the first to the last day")), rows),
        reading=_("The upper bar is a girl, the lower one a boy. Plans differ. Your own plan counts."),
        table=Table((_("Plan"), _("Girl, months"), _("Boy, months")),
                    (*table, (_("Plans with longer treatment of boys"), float(longer), ""),
                     (_("Plans"), float(len(PLANS)), "")), _("Length of treatment as planned")),
        known=Known("published", _("Read from the files of the plans, which name their sources."), ()),
        about=_("A girl and a boy of the same age and size, in each plan's own age."),
    )  # fmt: skip
