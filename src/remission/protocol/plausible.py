"""Is a dose of a plausible size: within the usual range that its agent's file gives (knowledge/agent.py: Usual).

A range in another basis (per m2, per kg, for a person) is turned by the bodies of `BODIES`: what would be usual for
any of them is not doubted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..knowledge.agent import Agent, Usual
from ..knowledge.errors import BadInput
from ..knowledge.units import factor
from .complaint import Doubt, Written, at_word, doubt
from .logic import names
from .model import Give
from .usual import unusual

BODIES = ((4.0, 0.25), (120.0, 2.5))  # kg and m2 of a newborn and of a large adult; nobody is far outside
ADULT = (70.0, 1.8)


def unusual_doses(give: Give, agent: Agent, item: Written, times_a_day: float, as_written: bool) -> Iterator[BadInput]:
    """Doubts and mistakes about the amount of a sentence: of a dose or a day, where a rising dose ends, the largest
    dose and the sum over the days.

    times_a_day: how often the dose is given on a day. Nothing is said of routes that the agent has no range for.
    """
    ranges = [usual for usual in agent.usual if set(usual.routes) & set(give.routes)]
    if not ranges or give.amount is None:
        return
    alike = _of_basis(ranges, give.unit)
    found = _mildest(list(_compared(give, usual, item, times_a_day, as_written)) for usual in alike)
    yield from found
    if give.cap is not None:
        if ("IU" in give.cap[1]) != ("IU" in give.unit):
            return  # told by checks.py
        whole = _of_basis(ranges, give.cap[1])
        yield from _mildest(list(_largest(give, usual, item, times_a_day, as_written)) for usual in whole)
    elif not found and not as_written:
        yield from _mildest(list(_without_largest(give, usual, item, times_a_day)) for usual in alike)


def _of_basis(ranges: list[Usual], unit: str) -> list[Usual]:
    """Those that are told per m2, per kg or for a person as ``unit`` is, or all."""
    return [usual for usual in ranges if _basis(usual.unit) == _basis(unit)] or ranges


def _mildest(found: Iterable[list[BadInput]]) -> list[BadInput]:
    return min(found, key=lambda some: (sum(not isinstance(one, Doubt) for one in some), len(some)))


def _share(give: Give, usual: Usual, times_a_day: float) -> float:
    """What is given as one dose or on one day, whichever the range is of."""
    assert give.amount is not None
    single = give.amount / (times_a_day if give.per == "day" else 1.0)
    if usual.per == "dose":
        return single
    running = give.infusion_h if give.infusion_h is not None else 24.0
    return single * times_a_day * min(1.0, 24.0 / running)


def _compared(give: Give, usual: Usual, item: Written, times_a_day: float, as_written: bool) -> Iterator[BadInput]:
    share = _share(give, usual, times_a_day)
    low, high = limits(usual, give.unit)
    unit = f"{give.unit}/day" if usual.per == "day" else give.unit
    route, place = "/".join(give.routes), at_word(item, give.unit)
    if wrong := unusual(f"{give.agent} {share:.6g} {unit} {route}", share, low, high, unit, place, as_written):
        yield wrong
        return
    if give.escalation is not None and give.escalation.start_fraction is None:
        last = share + give.escalation.step * (len(give.days) - 1)
        what, place = f"{give.agent} rising to {last:.6g} {unit} {route}", at_word(item, "rising")
        if wrong := unusual(what, last, low, high, unit, place, as_written):
            yield wrong
    if usual.course_high is not None and _basis(give.unit) == _basis(usual.unit):
        most = usual.course_high * _times(usual.unit, give.unit)
        total = len(give.days) * (share if usual.per == "day" else share * times_a_day)
        what = f"{give.agent} of {total:.6g} {give.unit} in all"
        if wrong := unusual(what, total, min(low, total), most, give.unit, place, as_written):
            yield wrong


def _largest(give: Give, usual: Usual, item: Written, times_a_day: float, as_written: bool) -> Iterator[BadInput]:
    """The largest dose that is written is itself within the range."""
    assert give.cap is not None and give.largest_dose is not None
    unit, day = give.cap[1], usual.per == "day"
    largest = give.largest_dose * (times_a_day if day else 1.0)
    what = f"{give.agent} of at most {largest:.6g} {unit}{' a day' if day else ''}"
    if wrong := unusual(what, largest, *limits(usual, unit), unit, at_word(item, "max"), as_written):
        yield wrong


def _without_largest(give: Give, usual: Usual, item: Written, times_a_day: float) -> Iterator[BadInput]:
    """No largest dose is written, and without one an adult gets more than anybody usually does."""
    if usual.at_most is None or not _basis(give.unit) or _for_some_sizes(give):
        return
    adult = _share(give, usual, times_a_day) * _size(give.unit, ADULT) * _times(give.unit, usual.unit)
    if adult > usual.at_most:
        unit = _mass(usual.unit)
        most = usual.at_most * (times_a_day if usual.per == "dose" else 1.0)  # of a day
        largest = most if give.per == "day" else most / times_a_day
        per = " a day" if usual.per == "day" else ""
        yield doubt(
            at_word(item, give.unit),
            f"{give.agent} {give.amount:g} {give.unit} is {adult:.3g} {unit}{per} in an adult, more than anybody "
            f"usually gets ({usual.at_most:g})",
            f"Write the largest dose behind it: (max {largest:.4g} {unit})",
        )


def _for_some_sizes(give: Give) -> bool:
    """The sentence itself says who gets the dose: ``if weight < 30``."""
    return give.when is not None and bool(names(give.when) & {"age", "weight", "bsa"})


def limits(usual: Usual, unit: str) -> tuple[float, float]:
    """The usual range in a unit of another basis or another power of ten."""
    ratios = [_size(usual.unit, body) / _size(unit, body) for body in BODIES]
    factor = _times(usual.unit, unit)
    low, high = usual.low * min(ratios) * factor, usual.high * max(ratios) * factor
    if usual.at_most is not None and _basis(unit) == "":
        high = min(high, usual.at_most * factor)
    return low, high


def _times(unit: str, other: str) -> float:
    """How many of the mass of ``other`` are in one of ``unit``: 1000 for g/m2 and mg/kg."""
    return factor(_mass(unit), _mass(other))


def _size(unit: str, body: tuple[float, float]) -> float:
    return {"kg": body[0], "m2": body[1]}.get(_basis(unit), 1.0)


def _mass(unit: str) -> str:
    return unit.partition("/")[0]


def _basis(unit: str) -> str:
    """``m2``, ``kg`` or nothing, for what an amount is multiplied by."""
    return unit.partition("/")[2].removesuffix("day").rstrip("/")
