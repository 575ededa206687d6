"""The picture of the front page: leukaemia and blood of a thousand typical children, through all phases."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from remission.knowledge.library import Library

from ..figure import Figure
from ..language import _, ngettext, number
from ..summary import Summary
from ..svg.axis import DAYS_A_MONTH
from . import shared, stored
from .course import thousand

if TYPE_CHECKING:
    from ..site import Site

PROTOCOL = "cog-standard-risk"  # that of most children in North America


def front(site: Site) -> Figure | None:
    """The spread of `course.thousand` under a sentence for those who have never seen one."""
    summary = stored.cohort(site, PROTOCOL)
    if summary is None:
        return None
    figure = thousand(summary, site.knowledge)
    months = round(shared.treated_days(summary) / DAYS_A_MONTH)
    reading = [_("In the dark band are half of the children, in the pale one nine of ten.")]
    if weeks := _out_of_sight(summary, site.knowledge):
        said = ngettext(
            "After {weeks} week a microscope finds no leukaemia in three of four. But cells are left.",
            "After {weeks} weeks a microscope finds no leukaemia in three of four. But cells are left.",
            weeks,
        )
        reading.append(said.format(weeks=number(weeks)))
    said = ngettext(
        "Treatment goes on for about {months} month.", "Treatment goes on for about {months} months.", months
    )
    reading.append(said.format(months=number(months)))
    finding = _("Leukaemia falls fast at first. The last cells take the longest.")
    phases = tuple(shared.phases_of_most(summary))
    return replace(figure, id="front", finding=finding, reading=" ".join(reading), phases=phases)


def _out_of_sight(summary: Summary, knowledge: Library) -> int | None:
    """The weeks after which three quarters lie below what a microscope sees, if that is in the first half year."""
    microscope = math.log10(shared.cell_limits(summary, knowledge)[0].at)
    rows = summary.bands.filter((pl.col("state") == "log10_blasts_marrow") & (pl.col("day") <= 183)).sort("day")
    days = [day for day, high in rows.select("day", "q75").rows() if high is not None and high >= microscope]
    return max(days) // 7 + 1 if days and max(days) < 176 else None
