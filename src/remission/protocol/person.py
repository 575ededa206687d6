"""The person a plan is made for, and what is left of a condition when all that is known has been put in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from remission.knowledge.errors import BadInput, nearest

from .logic import negated
from .model import And, Compare, Condition, Defined, Not, Or
from .vocabulary import VALUES

TYPICAL = {"cns": 1, "lineage": "B", "tpmt": "normal", "nudt15": "normal"}  # taken when not given, and said so
MEASURED = {
    "marrow_mrd": "marrow MRD",
    "marrow_blasts": "marrow blasts",
    "blood_mrd": "blood MRD",
    "blood_blasts": "blood blasts",
}  # option -> what a check of the protocol looks for
_SHORT = {"f": "female", "m": "male", "girl": "female", "boy": "male"}
# lowest and highest value that is believed, the unit, and what is usually wrong when it is not
_RANGES = {
    "age_y": (0.0, 100.0, "years", "A child of 8 months is 0.67"),
    "weight_kg": (1.0, 250.0, "kg", "Give kilograms"),
    "height_cm": (35.0, 230.0, "cm", "Give centimetres, 102 and not 1.02"),
    "wbc": (0.01, 2000.0, "10^9/L", "50,000 per microlitre is 50"),
    "blood_blasts": (0.0, 2e6, "cells per microlitre", "1 x 10^9/L is 1000"),
}
_BMI = (8.0, 70.0)  # kg/m2, outside of which weight and height do not belong to one person


@dataclass(frozen=True)
class Person:
    """Age in years on day 1, sizes in kg and cm, ``wbc`` the white count at diagnosis (10^9/L). None: not known.

    ``measured``: results still to come, by what is looked for ('marrow MRD'), in the order of the checks; fractions of
    cells, blood blasts per microlitre. ``seen``: the newest result of each on the day that is looked at.
    ``assumed``: what was not given and taken as typical.
    """

    age_y: float
    sex: str
    weight_kg: float
    height_cm: float
    cns: int = 1
    lineage: str = "B"
    tpmt: str = "normal"
    nudt15: str = "normal"
    wbc: float | None = None
    ph: str | None = None
    donor: str | None = None
    relapses: int | None = None
    t315i: float | None = None
    subtype: str | None = None
    down_syndrome: str | None = None
    measured: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    seen: Mapping[str, float] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

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
            "ph": self.ph,
            "donor": self.donor,
            "relapses": self.relapses,
            "t315i": self.t315i,
            "subtype": self.subtype,
            "down syndrome": self.down_syndrome,
        }
        return self.seen[name] if name in self.seen else facts.get(name)


def person(*, age_y: float, sex: str, weight_kg: float, height_cm: float, **more: Any) -> Person:
    """A checked `Person`.

    ``more``: ``cns`` (1-3), ``lineage``, ``tpmt``, ``nudt15``, ``wbc`` (at diagnosis, 10^9/L), ``ph`` ('positive' or
    'negative'), ``donor``, ``relapses`` (number so far), ``t315i`` (share of the leukaemia), ``subtype``,
    ``down_syndrome`` ('yes' or 'no'), and results of later checks, one or several in the order of the checks:
    ``marrow_mrd``, ``marrow_blasts``, ``blood_mrd`` (fractions, or text as '0.02%'), ``blood_blasts`` (per
    microlitre). None: not known.
    Raises ``BadInput`` for a value that cannot be, or a word that is not known.
    """
    known = (*TYPICAL, "wbc", "ph", "donor", "relapses", "t315i", "subtype", "down_syndrome", *MEASURED)
    for name in more:
        if name not in known:
            near = nearest(name, known)
            raise BadInput(
                f"a plan knows nothing of '{name}'",
                remedy=f"Did you mean '{near}'?" if near else f"Known: {', '.join(known)}",
            )
    told = {name: value for name, value in more.items() if value is not None}
    made = Person(
        age_y=_number("age_y", age_y),
        sex=_word("sex", _SHORT.get(str(sex).lower(), sex)),
        weight_kg=_number("weight_kg", weight_kg),
        height_cm=_number("height_cm", height_cm),
        cns=_cns(told.get("cns", TYPICAL["cns"])),
        lineage=_word("lineage", told.get("lineage", TYPICAL["lineage"])),
        tpmt=_word("tpmt", told.get("tpmt", TYPICAL["tpmt"])),
        nudt15=_word("nudt15", told.get("nudt15", TYPICAL["nudt15"])),
        wbc=_number("wbc", told["wbc"]) if "wbc" in told else None,
        ph=_word("ph", told["ph"]) if "ph" in told else None,
        donor=_word("donor", told["donor"]) if "donor" in told else None,
        relapses=_relapses(told["relapses"]) if "relapses" in told else None,
        t315i=_fraction("t315i", told["t315i"]) if "t315i" in told else None,
        subtype=_word("subtype", told["subtype"]) if "subtype" in told else None,
        down_syndrome=_word("down syndrome", told["down_syndrome"]) if "down_syndrome" in told else None,
        measured={what: found for name, what in MEASURED.items() if (found := _results(name, told.get(name)))},
        assumed=tuple(name for name in TYPICAL if name not in told),
    )
    bmi = made.weight_kg / (made.height_cm / 100.0) ** 2
    if not _BMI[0] <= bmi <= _BMI[1]:
        raise BadInput(
            f"a weight of {made.weight_kg:g} kg and a height of {made.height_cm:g} cm do not belong to one person",
            remedy="Check both, for example 16 kg and 102 cm for a child of 4 years",
        )
    return made


def remaining(condition: Condition | None, person: Person) -> Condition | bool:
    """What is left of a condition when the facts of the person are put in: decided, or what only a later count,
    grade or answer can tell (``crs >= 3 and weight < 30`` is ``crs >= 3`` in a child of 20 kg)."""
    match condition:
        case None:
            return True
        case Not(item):
            inner = remaining(item, person)
            return not inner if isinstance(inner, bool) else negated(inner)
        case And(items) | Or(items):
            decides = isinstance(condition, Or)  # one true item decides an `or`, one false item an `and`
            left = [remaining(item, person) for item in items]
            if decides in left:
                return decides
            open_ = tuple(dict.fromkeys(item for item in left if not isinstance(item, bool)))
            if len(open_) < 2:
                return open_[0] if open_ else not decides
            return Or(open_) if decides else And(open_)
        case Defined():
            return remaining(condition.plain, person)
        case Compare(name, op, value):
            fact = person.fact(name)
            return condition if fact is None else _compare(fact, op, value)
    raise TypeError(f"no condition: {condition!r}")


def truth(condition: Condition | None, person: Person) -> bool | None:
    """Is the condition true for this person? None when it needs what is not known (a later count)."""
    left = remaining(condition, person)
    return left if isinstance(left, bool) else None


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
    word = next((known for known in VALUES[name] if known.lower() == str(value).strip().lower()), None)
    if word is None:
        near = nearest(str(value), VALUES[name])
        remedy = f"Did you mean '{near}'?" if near else f"Write one of: {', '.join(VALUES[name])}"
        raise BadInput(f"{name} is '{value}'", remedy=remedy)
    return word


def _cns(value: Any) -> int:
    if str(value) not in ("1", "2", "3"):
        raise BadInput(f"cns is '{value}'", remedy="Write 1, 2 or 3")
    return int(value)


def _relapses(value: Any) -> int:
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and int(text) <= 10):
        raise BadInput(f"relapses is '{value}'", remedy="Give the number of relapses so far, 0 to 10")
    return int(text)


def _results(name: str, given: Any) -> tuple[float, ...]:
    """One result or several, in the order of the checks."""
    if given is None:
        return ()
    several = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    if name != "blood_blasts":
        return tuple(_fraction(name, value) for value in several)
    return tuple(0.0 if str(value) in ("0", "0.0") else _number(name, value) for value in several)


def _fraction(name: str, value: Any) -> float:
    """A share of cells: a fraction as a number, or text with its % sign ('0.02' alone could be either)."""
    text = str(value).strip()
    try:
        if isinstance(value, str) and not text.endswith("%"):
            raise ValueError
        number = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        raise BadInput(f"{name} is '{value}'", remedy="Write it with its % sign, for example 0.02%") from None
    if not 0.0 <= number <= 1.0:
        raise BadInput(f"{name} is {100 * number:g}%", remedy="Expected 0% to 100% of the cells")
    return number
