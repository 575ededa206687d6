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
    few, many = round(seen.took_more), round(seen.took_less)
    finding = _("Of 100 children who took fewer than {share} of 100 tablets, {many} had a relapse; of the others {few}"
                ).format(share=share, many=number(many), few=number(few))  # fmt: skip
    groups = ((_("Took {share} of 100 tablets or more").format(share=share), seen.took_more, "first"),
              (_("Took fewer"), seen.took_less, "second"))  # fmt: skip
    rows = [Row(name, [Bar(value, _("about {n} of 100 had a relapse").format(n=number(round(value))), kind)])
            for name, value, kind in groups]  # fmt: skip
    hazards: list[tuple[str | float, ...]] = [
        (_("{share} of 100 tablets or more").format(share=share), float(few), 1.0, "", ""),
        (_("fewer"), float(many), seen.hazard_ratio, "", ""),
    ]
    hazards += [
        (_("{low} to {high} of 100 tablets").format(low=number(g.first), high=number(g.last)), "", g.value, g.low,
         g.high)
        for g in observed().hazard.groups
    ]
    return Figure(
        id="missed-tablets",
        finding=finding,
        svg=bars(finding, _("Two bars: relapses among children who took nearly all of their tablets, and others."),
                 axis.linear(0, 20, _("Of 100 children, so many had a relapse")), rows),
        reading=_("Of 100 who took nearly all, about {few} had a relapse and {free} had none. Of 100 who took "
                  "fewer, about {many} had one and {rest} had none. The groups may differ in other ways, too.").format(
            few=number(few), free=number(100 - few), many=number(many), rest=number(100 - many)),
        table=Table(
            (_("Tablets taken"), _("Relapses of 100 children"),
             _("Hazard of a relapse, against {share} or more").format(share=share), _("From"), _("To")),
            tuple(hazards),
            _("The finer groups are those of a second report, of {n} children").format(
                n=number(observed().hazard.children)),
        ),
        known=Known("published", _("Observed in children in North America, who were not asked to miss any."),
                    (seen.source, observed().hazard.source)),
        about=_("{n} children in maintenance, followed for some years after.").format(n=number(seen.children)),
    )  # fmt: skip
