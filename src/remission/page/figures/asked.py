"""Figures of a scenario's page, of the stored cohort that a question is answered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..figure import Figure
from ..language import _
from ..site import Site
from ..summary import Summary
from . import burden, counts, paired, relapse, stored

USUAL = "cog-standard-risk"
BOTH = ("aall1731-control", "aall1731-blinatumomab")  # without and with blinatumomab


def of_usual(make: Callable[[Summary, Site], Figure | None], id: str) -> Callable[[Site], Figure | None]:
    """The figure that is made of the cohort of the usual plan, under an id of its own."""

    def made(site: Site) -> Figure | None:
        summary = stored.cohort(site, USUAL)
        figure = None if summary is None else make(summary, site)
        return figure and replace(figure, id=id)

    return made


waits = of_usual(lambda summary, _site: counts.waits(summary), "waits")
lowest_counts = of_usual(lambda summary, _site: counts.lowest(summary), "lowest-counts")
hospital = of_usual(lambda summary, site: burden.burden(summary, site.knowledge), "hospital")
hardest = of_usual(lambda summary, site: burden.hardest(summary, site.knowledge), "hardest")
punctures = of_usual(lambda summary, _site: burden.spinal(summary), "punctures")
last_cell = of_usual(lambda summary, _site: relapse.last_cell(summary), "last-cell")
relapse_of_hundred = of_usual(
    lambda summary, site: relapse.hundred(summary, site.knowledge) if relapse.stands(summary, site.knowledge) else None,
    "relapse-of-hundred",
)
behind_us = of_usual(
    lambda summary, site: relapse.behind(summary, site.knowledge) if relapse.stands(summary, site.knowledge) else None,
    "behind-us",
)


def blinatumomab_added(site: Site) -> Figure | None:
    """What the trial found with and without blinatumomab."""
    figure = paired.published(*BOTH, _names(), site.knowledge)
    return figure and replace(figure, id="blinatumomab-added")


def blinatumomab_harms(site: Site) -> Figure | None:
    """The side effects of both, in the same virtual patients."""
    both = [stored.cohort(site, protocol) for protocol in BOTH]
    if both[0] is None or both[1] is None:
        return None
    figure = paired.harms(both[0], both[1], _names(), site.knowledge, specialist=False)
    return figure and replace(figure, id="blinatumomab-harms")


def _names() -> tuple[str, str]:
    return _("chemotherapy alone"), _("blinatumomab as well")
