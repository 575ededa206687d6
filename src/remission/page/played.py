"""What a scenario's played patients showed, as far as they are played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scenario import Scenario
    from .summary import Summary


@dataclass(frozen=True)
class Results:
    """``summary`` is None until the first patients are played; ``played`` of ``of``."""

    summary: Summary | None
    played: int
    of: int

    @property
    def done(self) -> bool:
        return self.summary is not None and self.played >= self.of


Find = Callable[["Scenario"], Results]


def nothing(scenario: Scenario) -> Results:
    """Nobody plays here."""
    return Results(None, 0, scenario.patients)
