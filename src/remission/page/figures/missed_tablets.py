"""Tablets that are missed: what was observed, and how what is played stands to it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from remission.knowledge.loader import load

from ..figure import Figure, Known, Table
from ..language import _, number
from ..svg import axis
from ..svg.bars import Bar, Row, bars


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Relapse(_Strict):
    source: str
    read: Literal["full-text", "abstract", "secondary"]
    children: int
    took_less: float
    took_more: float
    hazard_ratio: float


class Group(_Strict):
    """Hazard ratio with 95 % limits of those who took ``from`` to ``to`` percent."""

    first: float = Field(alias="from")
    last: float = Field(alias="to")
    value: float
    low: float
    high: float


class Hazard(_Strict):
    source: str
    read: Literal["full-text", "abstract", "secondary"]
    children: int
    groups: tuple[Group, ...]


class Observed(_Strict):
    below_percent: float
    relapse: Relapse
    hazard: Hazard


@lru_cache(maxsize=1)
def observed() -> Observed:
    """The numbers of missed_tablets.yaml."""
    return load(Path(__file__).with_suffix(".yaml"), Observed)


def missed_tablets() -> Figure:
    """Relapses of children who took nearly all of their tablets and of those who did not."""
    seen, share = observed().relapse, number(observed().below_percent)
    finding = _("Children who missed more than 1 tablet in 20 had more relapses")
    groups = ((_("Took {share} of 100 tablets or more").format(share=share), seen.took_more, "first"),
              (_("Took fewer"), seen.took_less, "second"))  # fmt: skip
    rows = [Row(name, [Bar(value, _("about {n} of 100 had a relapse").format(n=number(round(value))), kind)])
            for name, value, kind in groups]  # fmt: skip
    hazards = [
        (_("{low} to {high} of 100 tablets").format(low=number(g.first), high=number(g.last)), g.value, g.low, g.high)
        for g in observed().hazard.groups
    ]
    return Figure(
        id="missed-tablets",
        finding=finding,
        svg=bars(finding, _("Two bars: relapses among children who took nearly all of their tablets, and others."),
                 axis.linear(0, 20, _("Of 100 children, so many had a relapse")), rows),
        reading=_("Of 100 who took nearly all, about {few} had a relapse and {free} had none. Of 100 who took "
                  "fewer, about {many} had one and {rest} had none. The groups may differ in other ways, too.").format(
            few=number(round(seen.took_more)), free=number(100 - round(seen.took_more)),
            many=number(round(seen.took_less)), rest=number(100 - round(seen.took_less))),
        table=Table(
            (_("Tablets taken"), _("Hazard of a relapse, against 95 or more"), _("From"), _("To")), tuple(hazards),
            _("A second report, of {n} children").format(n=number(observed().hazard.children)),
        ),
        known=Known("published", _("Observed in children in North America, who were not asked to miss any."),
                    (seen.source, observed().hazard.source)),
        about=_("{n} children in maintenance, followed for some years after.").format(n=number(seen.children)),
    )  # fmt: skip
