"""What a family sees before anybody knows its cause: one symptom, what to do, and the side effects it belongs to.

A symptom has no frequency of its own: it comes with the side effects in ``of``, from the grade that is written there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .loader import Fault
from .provenance import Row
from .side_effect import SideEffect

How = Literal["always", "one of", "may"]
_SAYS: dict[How, str] = {"always": "always there", "one of": "one of the signs that make this grade", "may": "may come"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Belongs(_Strict):
    """A side effect that brings the symptom, from ``grade`` on. ``how``: the grade cannot be without it (``always``),
    is made by it or by another sign (``one of``), or it may come along (``may``)."""

    side_effect: str
    grade: Annotated[int, Field(ge=1, le=5)]
    how: How
    text: str | None = None  # what it is like there, or by which rule the grade is given
    source: str | None = None
    read: Literal["full-text", "abstract", "label", "secondary", "memory"]

    def says(self) -> str:
        """One line: the side effect, from which grade on, how surely, and its words."""
        line = f"{self.side_effect.replace('_', ' ')}, grade {self.grade} or more: {_SAYS[self.how]}"
        return f"{line}. {self.text}" if self.text else line


class Symptom(_Strict):
    """A symptom in plain words. ``now``: when it is an emergency; ``watch``: when to call; ``care``: what is done."""

    symptom: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    names: tuple[str, ...] = ()
    code: str  # the term of CTCAE v5
    plain: str
    now: str
    watch: str
    care: str
    source: str | None = None  # of the advice
    read: Literal["full-text", "abstract", "label", "secondary", "memory"]
    of: tuple[Belongs, ...] = Field(min_length=1)
    open: tuple[str, ...] = ()

    def rows(self) -> list[Row]:
        """Every sentence with its provenance; a symptom has no numbers."""
        advice = Row("advice", None, None, self.read, self.source, self.now)
        return [advice, *(Row(f"of.{b.side_effect}", None, None, b.read, b.source, b.says()) for b in self.of)]


def with_grade(symptoms: Iterable[Symptom], side_effect: str, grade: int) -> list[tuple[Symptom, Belongs]]:
    """The symptoms that go with a side effect of that grade, the surest first."""
    order = {"always": 0, "one of": 1, "may": 2}
    found = [(s, b) for s in symptoms for b in s.of if b.side_effect == side_effect and b.grade <= grade]
    return sorted(found, key=lambda pair: (order[pair[1].how], pair[0].symptom))


def faults(symptom: Symptom, known: dict[str, SideEffect]) -> Iterator[Fault]:
    """What does not fit together: a side effect twice, a grade that it never has, a number read without its source."""
    if symptom.read != "memory" and not symptom.source:
        yield Fault(("read",), f"advice read as '{symptom.read}' names its `source`", "Add `source:` with a key")
    seen: set[str] = set()
    for i, belongs in enumerate(symptom.of):
        if belongs.side_effect in seen:
            yield Fault(("of", i, "side_effect"), f"'{belongs.side_effect}' is written twice", "Keep the lowest grade")
        seen.add(belongs.side_effect)
        if belongs.read != "memory" and not belongs.source:
            yield Fault(("of", i, "read"), f"what is read as '{belongs.read}' names its `source`", "Add `source:`")
        grades = known[belongs.side_effect].grades if belongs.side_effect in known else {}
        if grades and belongs.grade > max(grades):
            yield Fault(
                ("of", i, "grade"), f"{belongs.side_effect} has no grade {belongs.grade}", f"At most {max(grades)}"
            )
