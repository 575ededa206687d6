"""The figures: one small module each, from what was played (or from knowledge) to a `Figure`.

`REGISTRY` has those that reading pages ask for by ``::figure ID``, `FAMILIES` those of which there is one for every
side effect or agent (``weeks-mucositis``); a figure that cannot be made now (nothing of it is stored) is None and left
out of the page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..figure import Figure
from . import asked
from .antibody import blinatumomab_b_cells_and_cytokine
from .boys_and_girls import boys_and_girls
from .car_t import car_t_fever_as_they_expand
from .consolidation import consolidation_invisible
from .counted_in_trials import fever_counted, late_effects
from .course_of_treatment import course_of_treatment
from .front import front
from .induction import induction_leukaemia
from .level import level
from .maintenance import maintenance_dose_and_counts, maintenance_stops
from .missed_tablets import missed_tablets
from .mrd import after_mrd, mrd_day_29
from .one_clone import relapse_one_clone
from .remission_limits import remission_three_limits
from .resistant_clone import t315i_under_dasatinib
from .steroids import steroid_counts
from .transplant import transplant_empty_days
from .weeks import weeks

if TYPE_CHECKING:
    from ..site import Site

Maker = Callable[["Site"], Figure | None]

REGISTRY: dict[str, Maker] = {
    "front": front,
    "missed-tablets": lambda _site: missed_tablets(),
    "course-of-treatment": course_of_treatment,
    "remission-three-limits": remission_three_limits,
    "induction-leukaemia": induction_leukaemia,
    "consolidation-invisible": consolidation_invisible,
    "relapse-one-clone": relapse_one_clone,
    "maintenance-dose-and-counts": maintenance_dose_and_counts,
    "maintenance-stops": maintenance_stops,
    "t315i-under-dasatinib": t315i_under_dasatinib,
    "blinatumomab-b-cells-and-cytokine": blinatumomab_b_cells_and_cytokine,
    "car-t-fever-as-they-expand": car_t_fever_as_they_expand,
    "transplant-empty-days": transplant_empty_days,
    "mrd-day-29": mrd_day_29,
    "after-mrd": after_mrd,
    "fever-counted": fever_counted,
    "late-effects": late_effects,
    "boys-and-girls": boys_and_girls,
    "steroid-counts": steroid_counts,
    "waits": asked.waits,
    "lowest-counts": asked.lowest_counts,
    "hospital": asked.hospital,
    "hardest": asked.hardest,
    "punctures": asked.punctures,
    "last-cell": asked.last_cell,
    "relapse-of-hundred": asked.relapse_of_hundred,
    "behind-us": asked.behind_us,
    "blinatumomab-added": asked.blinatumomab_added,
    "blinatumomab-harms": asked.blinatumomab_harms,
}

FAMILIES: dict[str, Callable[[Site, str], Figure | None]] = {"level": level, "weeks": weeks}


def maker(id: str) -> Maker | None:
    """What makes the figure of that id; None where there is none of it."""
    family, _dash, name = id.partition("-")
    if id not in REGISTRY and family in FAMILIES:
        return lambda site: FAMILIES[family](site, name)
    return REGISTRY.get(id)
