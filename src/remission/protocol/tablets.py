"""Tablets: a week's dose as whole pieces (half tablets), spread over its days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from remission.knowledge.agent import Agent


@dataclass(frozen=True)
class Week:
    """``doses`` in mg, one for each day of treatment in the week; ``exact`` and ``total`` in mg."""

    doses: tuple[float, ...]
    exact: float
    total: float
    piece: float  # mg of the smallest piece
    parts: int  # pieces of a tablet

    @property
    def deviation(self) -> float:
        """Rounded against exact weekly dose, in %."""
        return 100.0 * (self.total / self.exact - 1.0)

    @property
    def possible(self) -> bool:
        """False when the week's dose is less than half a piece, so that tablets cannot give it."""
        return self.total > 0.0

    def in_words(self) -> str:
        """For example: week 325 mg as 13 half tablets of 50 mg (exact 334.1 mg, -2.7%); whole tablets if all are."""
        if not self.possible:
            return f"week {self.exact:.3g} mg is less than half a piece of a tablet; needs a liquid"
        count = round(self.total / self.piece)
        whole = all(round(dose / self.piece) % self.parts == 0 for dose in self.doses)
        part = {1: "tablet", 2: "half tablet", 4: "quarter tablet"}.get(self.parts, f"1/{self.parts} tablet")
        if whole:
            count, part = count // self.parts, "tablet"
        plural = "s" if count != 1 else ""
        text = f"week {self.total:.4g} mg as {count} {part}{plural} of {self.piece * self.parts:g} mg"
        moved = f"{self.deviation:+.1f}"
        return text if moved in ("+0.0", "-0.0") else f"{text} (exact {self.exact:.4g} mg, {moved}%)"


def week(exact_doses: Sequence[float], strength_mg: float, parts: int) -> Week:
    """A week's total as pieces of ``strength_mg / parts``, spread over its days, the larger doses first.

    325 mg over 7 days in halves of 50 mg is 50/50/50/50/50/50/25. When the week is less than half a
    piece the exact doses are kept and ``total`` is 0.
    """
    piece, days, exact = strength_mg / parts, len(exact_doses), sum(exact_doses)
    count = int(exact / piece + 0.5)
    if count == 0:
        return Week(tuple(exact_doses), exact, 0.0, piece, parts)
    whole, extra = divmod(count, days)
    doses = tuple(piece * (whole + (day < extra)) for day in range(days))
    return Week(doses, exact, count * piece, piece, parts)


def pieces_of(agent: Agent) -> tuple[float, int] | None:
    """Strength of a tablet in mg and into how many parts it is broken; None when the agent has no tablet."""
    if agent.tablet is None:
        return None
    return agent.tablet.strength.to_unit("mg"), agent.tablet.parts
