"""The figures: one small module each, from what was played (or from knowledge) to a `Figure`.

`REGISTRY` has those that reading pages ask for by ``::figure ID``; a figure that cannot be made now (nothing of it is
stored) is None and left out of the page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..figure import Figure
from .front import front
from .missed_tablets import missed_tablets

if TYPE_CHECKING:
    from ..site import Site

REGISTRY: dict[str, Callable[[Site], Figure | None]] = {
    "front": front,
    "missed-tablets": lambda _site: missed_tablets(),
}
