"""The person a plan is made for, and which conditions can be decided from what is known on day 1."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from remission.knowledge.errors import BadInput, nearest

from .model import And, Compare, Condition, Not, Or

_WORDS = {
    "sex": ("female", "male"),
    "lineage": ("B", "T"),
    "tpmt": ("normal", "intermediate", "poor"),
    "nudt15": ("normal", "intermediate", "poor"),
}
_SHORT = {"f": "female", "m": "male", "girl": "female", "boy": "male"}
# lowest and highest value that is believed, the unit, and what is usually wrong when it is not
_RANGES = {
    "age_y": (0.0, 100.0, "years", "A child of 8 months is 0.67"),
    "weight_kg": (1.0, 250.0, "kg", "Give kilograms"),
    "height_cm": (35.0, 230.0, "cm", "Give centimetres, 102 and not 1.02"),
    "wbc": (0.01, 2000.0, "10^9/L", "50,000 per microlitre is 50"),
}
_BMI = (8.0, 70.0)  # kg/m2, outside of which weight and height do not belong to one person


@dataclass(frozen=True)
class Person:
    """Age in years on day 1, sizes in kg and cm, ``wbc`` the white count at diagnosis (10^9/L) where known."""

    age_y: float
    sex: str
    weight_kg: float
    height_cm: float
    cns: int = 1
    lineage: str = "B"
    tpmt: str = "normal"
    nudt15: str = "normal"
    wbc: float | None = None

    @property
    def bsa_m2(self) -> float:
        """Body surface by Mosteller: sqrt(height in cm x weight in kg / 3600), in m2."""
        return math.sqrt(self.height_cm * self.weight_kg / 3600.0)

    def on_day(self, day: int) -> Person:
        """The same person on a later day of therapy (day 1 = today). Age grows; the size is kept as given."""
        return replace(self, age_y=self.age_y + (day - 1) / 365.25)

    def fact(self, name: str) -> float | str | None:
        """The value that conditions call ``name``; None for what is measured later or not known."""
        facts: dict[str, float | str | None] = {
            "age": self.age_y,
            "weight": self.weight_kg,
            "bsa": self.bsa_m2,
            "sex": self.sex,
            "cns": self.cns,
            "lineage": self.lineage,
            "tpmt": self.tpmt,
            "nudt15": self.nudt15,
            "diagnosis wbc": self.wbc,
        }
        return facts.get(name)


def person(*, age_y: float, sex: str, weight_kg: float, height_cm: float, **more: Any) -> Person:
    """A checked `Person`. Raises ``BadInput`` for a value that cannot be, or a word that is not known."""
    known = ("cns", "lineage", "tpmt", "nudt15", "wbc")
    for name in more:
        if name not in known:
            near = nearest(name, known)
            raise BadInput(
                f"a plan knows nothing of '{name}'",
                remedy=f"Did you mean '{near}'?" if near else f"Known: {', '.join(known)}",
            )
    wbc = more.get("wbc")
    made = Person(
        age_y=_number("age_y", age_y),
        sex=_word("sex", _SHORT.get(str(sex).lower(), str(sex).lower())),
        weight_kg=_number("weight_kg", weight_kg),
        height_cm=_number("height_cm", height_cm),
        cns=_cns(more.get("cns", 1)),
        lineage=_word("lineage", str(more.get("lineage", "B")).upper()),
        tpmt=_word("tpmt", more.get("tpmt", "normal")),
        nudt15=_word("nudt15", more.get("nudt15", "normal")),
        wbc=None if wbc is None else _number("wbc", wbc),
    )
    bmi = made.weight_kg / (made.height_cm / 100.0) ** 2
    if not _BMI[0] <= bmi <= _BMI[1]:
        raise BadInput(
            f"a weight of {made.weight_kg:g} kg and a height of {made.height_cm:g} cm do not belong to one person",
            remedy="Check both, for example 16 kg and 102 cm for a child of 4 years",
        )
    return made


def truth(condition: Condition | None, person: Person) -> bool | None:
    """Is the condition true for this person? None when it needs what is not known on day 1 (a later count)."""
    match condition:
        case None:
            return True
        case Not(item):
            inner = truth(item, person)
            return None if inner is None else not inner
        case And(items):
            found = [truth(item, person) for item in items]
            return False if False in found else None if None in found else True
        case Or(items):
            found = [truth(item, person) for item in items]
            return True if True in found else None if None in found else False
        case Compare(name, op, value):
            fact = person.fact(name)
            return None if fact is None else _compare(fact, op, value)
    raise TypeError(f"no condition: {condition!r}")


def _compare(fact: float | str, op: str, value: float | str) -> bool:
    if op in ("=", "!="):
        return (fact == value) is (op == "=")
    left, right = float(fact), float(value)
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op]


def _number(name: str, value: Any) -> float:
    low, high, unit, hint = _RANGES[name]
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{name} is '{value}', not a number", remedy=f"Give it in {unit}") from None
    if not low <= number <= high or number <= 0:
        lowest = "more than 0" if low == 0 else f"{low:g}"
        raise BadInput(f"{name} is {number:g}", remedy=f"Expected {lowest} to {high:g} {unit}. {hint}")
    return number


def _word(name: str, value: Any) -> str:
    word = str(value)
    if word not in _WORDS[name]:
        near = nearest(word, _WORDS[name])
        remedy = f"Did you mean '{near}'?" if near else f"Write one of: {', '.join(_WORDS[name])}"
        raise BadInput(f"{name} is '{word}'", remedy=remedy)
    return word


def _cns(value: Any) -> int:
    if str(value) not in ("1", "2", "3"):
        raise BadInput(f"cns is '{value}'", remedy="Write 1, 2 or 3")
    return int(value)
