"""Tablets: a week's dose as whole pieces (half tablets), spread over its days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from remission.knowledge.agent import Agent

from ..locale import figures, ngettext
from ..locale import gettext as _


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
            return _("week {amount} mg is less than half a piece of a tablet; needs a liquid").format(
                amount=figures(f"{self.exact:.3g}")
            )
        count = round(self.total / self.piece)
        whole = all(round(dose / self.piece) % self.parts == 0 for dose in self.doses)
        count = count // self.parts if whole else count
        pieces = {
            1: ngettext("{n} tablet of {strength} mg", "{n} tablets of {strength} mg", count),
            2: ngettext("{n} half tablet of {strength} mg", "{n} half tablets of {strength} mg", count),
            4: ngettext("{n} quarter tablet of {strength} mg", "{n} quarter tablets of {strength} mg", count),
        }
        other = ngettext(
            "{n} piece (1/{parts}) of a tablet of {strength} mg",
            "{n} pieces (1/{parts}) of a tablet of {strength} mg",
            count,
        )
        strength = figures(f"{self.piece * self.parts:g}")
        counted = pieces.get(1 if whole else self.parts, other).format(n=count, strength=strength, parts=self.parts)
        text = _("week {amount} mg as {tablets}").format(amount=figures(f"{self.total:.4g}"), tablets=counted)
        moved = f"{self.deviation:+.1f}"
        if moved in ("+0.0", "-0.0"):
            return text
        return _("{tablets} (exact {amount} mg, {deviation}%)").format(
            tablets=text, amount=figures(f"{self.exact:.4g}"), deviation=figures(moved)
        )


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
