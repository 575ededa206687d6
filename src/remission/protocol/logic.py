"""Which values make a condition true: conditions as unions of boxes (intervals, or sets of words)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf, prod
from typing import TypeGuard

from .model import And, Compare, Condition, Defined, Not, Or, Protocol
from .vocabulary import FRACTIONS, SHARES, VALUES

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}


@dataclass(frozen=True)
class Interval:
    low: float
    high: float
    low_in: bool = True
    high_in: bool = True

    def __and__(self, other: Interval) -> Interval:
        low, low_in = max((self.low, not self.low_in), (other.low, not other.low_in))
        high, high_in = min((self.high, self.high_in), (other.high, other.high_in))
        return Interval(low, high, not low_in, high_in)

    def empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and not (self.low_in and self.high_in))


Allowed = Interval | frozenset[str]
Box = dict[str, Allowed]


def boxes(condition: Condition) -> list[Box]:
    """The condition as a union of non-empty boxes: name -> what it may be. An empty list: never true."""
    if isinstance(condition, Compare):
        return [{condition.name: part} for part in _allowed(condition) if not _empty(part)]
    if isinstance(condition, Defined):
        return boxes(condition.plain)
    if isinstance(condition, Not):
        return boxes(negated(condition.item))
    if isinstance(condition, Or):
        return _joined(box for item in condition.items for box in boxes(item))
    met: list[Box] = [{}]
    for item in condition.items:
        met = [box for one, other in product(met, boxes(item)) if (box := _meet(one, other)) is not None]
    return met


def ways(condition: Condition) -> int:
    """How many boxes `boxes` would look at, without making them."""
    if isinstance(condition, Compare):
        return 2 if condition.op == "!=" and not isinstance(condition.value, str) else 1
    if isinstance(condition, Defined):
        return ways(condition.plain)
    if isinstance(condition, Not):
        return ways(negated(condition.item))
    counts = [ways(item) for item in condition.items]
    if not isinstance(condition, Or):
        return prod(counts)
    words = [item.name for item in condition.items if _is_word(item)]
    return sum(counts) - len(words) + len(set(words))


def names(condition: Condition | None) -> set[str]:
    """Everything that a condition compares."""
    return {compare.name for compare in compares(condition)}


def parts(condition: Condition | None) -> Iterator[Condition]:
    """A condition and all that it is made of, each before its parts."""
    if condition is None:
        return
    yield condition
    if isinstance(condition, Defined):
        yield from parts(condition.meaning)
    elif isinstance(condition, Not):
        yield from parts(condition.item)
    elif isinstance(condition, And | Or):
        for item in condition.items:
            yield from parts(item)


def compares(condition: Condition | None) -> Iterator[Compare]:
    return (part for part in parts(condition) if isinstance(part, Compare))


def asked(protocol: Protocol) -> Iterator[Condition]:
    """Every condition of the protocol's phases and rules, those of rules first."""
    for phase in protocol.phases:
        for rule in (*phase.rules, *protocol.rules):
            yield from (c for name in ("when", "until") if (c := getattr(rule.action, name, None)) is not None)
    for phase in protocol.phases:
        others = [phase.start_when, *(give.when for give in phase.give), *(decide.when for decide in phase.decide)]
        yield from (c for c in (*others, *(until.when for until in phase.repeat_until)) if c is not None)


def words_of(protocol: Protocol) -> list[Defined]:
    """The words of risk groups that the protocol uses, each once, those that others are made of behind them."""
    found: dict[tuple[str, str], Defined] = {}
    for condition in (protocol.eligible, *asked(protocol)):
        for word in defined(condition):
            found.setdefault((word.name, word.value), replace(word, op="="))
    return list(found.values())


def defined(condition: Condition | None) -> Iterator[Defined]:
    """Every word of risk groups in a condition."""
    return (part for part in parts(condition) if isinstance(part, Defined))


def possible(condition: Condition) -> bool:
    """Whether anything makes it true (counts and levels are not negative, fractions at most 1)."""
    return bool(boxes(condition))


def exclusive(first: Condition, second: Condition) -> bool:
    """Whether two conditions ask for the same one quantity and can never be true at once: blasts >= 5% and < 5%."""
    asked = names(first)
    return len(asked) == 1 and asked == names(second) and not possible(And((first, second)))


def exhaustive(conditions: Sequence[Condition]) -> bool:
    """Whether one of the conditions is always true."""
    return not possible(And(tuple(negated(condition) for condition in conditions)))


def negated(condition: Condition) -> Condition:
    """The opposite, with every `not` moved into the comparisons."""
    if isinstance(condition, Compare):
        return Compare(condition.name, _OPPOSITE[condition.op], condition.value, condition.unit)  # type: ignore[arg-type]
    if isinstance(condition, Defined):
        return replace(condition, op="!=" if condition.op == "=" else "=")
    if isinstance(condition, Not):
        return condition.item
    items = tuple(negated(item) for item in condition.items)
    return And(items) if isinstance(condition, Or) else Or(items)


def together(first: Condition, second: Condition) -> set[str]:
    """The names by which two conditions can be true at once: compared in both, in boxes that overlap."""
    shared: set[str] = set()
    for one, other in product(boxes(first), boxes(second)):
        if _meet(one, other) is not None:
            shared |= one.keys() & other.keys()
    return shared


def _allowed(compare: Compare) -> list[Allowed]:
    if isinstance(compare.value, str):
        words = frozenset(VALUES.get(compare.name, (compare.value,)))
        same = frozenset({compare.value})
        return [words & same if compare.op == "=" else words - same]
    value, top = compare.value, 1.0 if compare.name in (*FRACTIONS, *SHARES) else inf
    whole = Interval(0.0, top)
    parts = {
        "<": [Interval(0.0, value, True, False)],
        "<=": [Interval(0.0, value)],
        ">": [Interval(value, top, False, True)],
        ">=": [Interval(value, top)],
        "=": [Interval(value, value)],
        "!=": [Interval(0.0, value, True, False), Interval(value, top, False, True)],
    }[compare.op]
    return [part & whole for part in parts]


def _meet(one: Box, other: Box) -> Box | None:
    out = dict(one)
    for name, allowed in other.items():
        mine = out.get(name)
        if isinstance(mine, Interval) and isinstance(allowed, Interval):
            allowed = mine & allowed
        elif isinstance(mine, frozenset) and isinstance(allowed, frozenset):
            allowed = mine & allowed
        if _empty(allowed):
            return None
        out[name] = allowed
    return out


def _joined(found: Iterable[Box]) -> list[Box]:
    """The boxes, those that ask for words of one and the same thing as one."""
    out: list[Box] = []
    words: dict[str, frozenset[str]] = {}
    for box in found:
        (name, allowed), *more = box.items() or (("", Interval(0, 0)),)
        if not more and isinstance(allowed, frozenset):
            words[name] = words.get(name, frozenset()) | allowed
        else:
            out.append(box)
    out.extend({name: allowed} for name, allowed in words.items())
    return out


def _is_word(item: Condition) -> TypeGuard[Compare]:
    return isinstance(item, Compare) and isinstance(item.value, str)


def _empty(allowed: Allowed) -> bool:
    return allowed.empty() if isinstance(allowed, Interval) else not allowed
