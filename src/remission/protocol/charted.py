"""Doses that were given, as a phase: lines with fixed amounts on fixed days in place of a protocol's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from remission.knowledge.errors import BadInput

from . import vocabulary
from .model import Check, Give, Phase, Protocol, Rule

__all__ = ["Dosed", "charted_phase", "charted_protocol"]


@dataclass(frozen=True)
class Dosed:
    """``amount`` in ``unit`` (mg, mg/m2, mg/kg, IU, ...) at each of ``doses_per_day`` on the days, which count from 1.
    ``infusion_h``: hours that each runs, None as usual for the route."""

    agent: str
    route: str
    amount: float
    unit: str
    days: tuple[int, ...]
    doses_per_day: int = 1
    infusion_h: float | None = None


def charted_phase(
    id: str,
    name: str,
    days: int,
    doses: Sequence[Dosed],
    *,
    counts_on: Sequence[int] = (),
    rules: Sequence[Rule] = (),
    at_home: bool = True,
    next: str | None = None,
) -> Phase:
    """A phase of ``days`` days with these doses and with counts on the mornings of ``counts_on``; ``rules`` may still
    transfuse, not change the doses. ``at_home``: as in maintenance, tablets are taken at home and some are missed.

    Raises ``BadInput`` for a dose outside the phase, without an amount, or of a route that is not known."""
    give = []
    for dose in doses:
        if dose.route not in vocabulary.ROUTES:
            known = ", ".join(vocabulary.ROUTES)
            raise BadInput(f"{dose.agent}: no route '{dose.route}'", remedy=f"Known: {known}")
        if not dose.amount > 0.0 or not dose.days:
            raise BadInput(f"{dose.agent}: a dose of {dose.amount:g} {dose.unit} on {len(dose.days)} days")
        if min(dose.days) < 1 or max(dose.days) > days:
            raise BadInput(f"{dose.agent}: a dose outside of days 1 to {days}")
        route = dose.route
        give.append(
            Give(
                dose.agent,
                route,  # type: ignore[arg-type]
                (route,),  # type: ignore[arg-type]
                dose.amount,
                dose.unit,
                "dose",
                dose.doses_per_day,
                tuple(sorted(set(dose.days))),
                infusion_h=dose.infusion_h,
            )
        )
    check = (Check(tuple(counts_on), "counts"),) if counts_on else ()
    repeat = 1 if at_home else None
    return Phase(
        id, name, days, give=tuple(give), check=check, rules=tuple(rules), repeat_times=repeat, next=next
    )


def charted_protocol(id: str, name: str, phases: Sequence[Phase], population: str | None = None) -> Protocol:
    """A protocol of such phases, for whoever took the doses."""
    plain = "Doses as they were given, not as a protocol has them."
    return Protocol(id, name, plain, (), None, tuple(phases), population=population)
