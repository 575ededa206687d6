"""What is not certain in a cycle, gathered by its condition; conditions that exclude each other stand together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ..locale import gettext as _
from .logic import exclusive, exhaustive
from .model import Condition
from .plan import Row


@dataclass(frozen=True)
class Branch:
    """What is given if ``when`` (``condition`` in words) is true. A line is one dose on its days."""

    condition: Condition
    when: str
    lines: tuple[tuple[Row, ...], ...]

    @property
    def days(self) -> set[int]:
        """The days of therapy."""
        return {row.day for line in self.lines for row in line}


@dataclass(frozen=True)
class Choice:
    """One branch: given only if. Several: at most one of them is given, exactly one if ``complete``."""

    branches: tuple[Branch, ...]
    complete: bool

    def opening(self, number: int) -> str:
        """How a branch begins: 'Only if marrow blasts at least 5%', 'Either, if ...', 'or, if ...'."""
        when = self.branches[number].when
        if len(self.branches) == 1:
            return _("Only if {condition}").format(condition=when)
        return (_("or, if {condition}") if number else _("Either, if {condition}")).format(condition=when)

    @property
    def closing(self) -> str:
        """What else may be, after several branches."""
        if len(self.branches) == 1 or self.complete:
            return ""
        return _("or neither") if len(self.branches) == 2 else _("or none")


def choices(rows: Sequence[Row]) -> tuple[Choice, ...]:
    """The conditional rows of a cycle as choices, in the order of their first day. Those that exclude the most others
    are put together first: the grafts of four donors, before what hangs on 'no sibling'."""
    open_rows = [row for row in rows if row.condition is not None]
    branches: list[Branch] = []
    for condition in dict.fromkeys(row.condition for row in open_rows if row.condition is not None):
        mine = [row for row in open_rows if row.condition == condition]
        branches.append(Branch(condition, mine[0].when, _lines(mine)))
    groups: list[list[Branch]] = []
    for branch in sorted(branches, key=lambda b: -sum(exclusive(b.condition, o.condition) for o in branches)):
        for group in groups:
            if all(exclusive(branch.condition, other.condition) for other in group) and any(
                branch.days & other.days for other in group
            ):
                group.append(branch)
                break
        else:
            groups.append([branch])
    found = [sorted(group, key=branches.index) for group in groups]
    found.sort(key=lambda group: min(min(branch.days) for branch in group))
    return tuple(Choice(tuple(group), exhaustive([b.condition for b in group])) for group in found)


def _lines(rows: Sequence[Row]) -> tuple[tuple[Row, ...], ...]:
    def same(row: Row) -> tuple[object, ...]:
        return (row.agent, row.route, row.dose, row.unit, row.doses_per_day, row.infusion_h, row.computed)

    order = {key: place for place, key in enumerate(dict.fromkeys(map(same, rows)))}
    return tuple(tuple(line) for __, line in groupby(sorted(rows, key=lambda r: order[same(r)]), key=same))
