"""Sizes by age: growth references as L, M and S, and the size that a person will have in some years.

A measurement with the score z is M (1 + L S z)^(1/L), M exp(S z) where L is 0 (Cole 1990). Between the ages of the
table L, M and S are straight lines; whoever is younger or older takes its first or last row.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from remission.knowledge.library import library
from remission.knowledge.loader import Fault, load

from .cohort import SEX, Cohort, Floats, Ints
from .table import Strict, Table

GROWN_UP_Y = 20.0  # nobody grows after that
MOST_SCORE = 3.0  # scores are taken within +-3, where the references hold

Measurement = Literal["height_cm", "weight_kg"]


class Lms(Strict):
    """One number for each age of the table: the skewness L, the median M (in the unit of the name), the spread S."""

    l: tuple[float, ...]  # noqa: E741  (as every growth reference calls it)
    m: tuple[float, ...]
    s: tuple[float, ...]


class Sizes(Strict):
    height_cm: Lms
    weight_kg: Lms


class Growth(Table):
    """A growth reference; ages in years."""

    name: str
    title: str
    unit: Literal["-"]
    ages_y: tuple[float, ...] = Field(min_length=2)
    female: Sizes
    male: Sizes

    def lms(self, what: Measurement, age_y: Floats, sex: Ints) -> tuple[Floats, Floats, Floats]:
        """L, M and S at an age (years) for a sex (index into SEX), each of the shape of ``age_y``."""
        ages = np.array(self.ages_y)
        parts = []
        for key in ("l", "m", "s"):
            rows = [np.interp(age_y, ages, getattr(getattr(getattr(self, word), what), key)) for word in SEX]
            parts.append(np.where(sex == 0, *rows))
        return parts[0], parts[1], parts[2]

    def size(self, what: Measurement, age_y: Floats, sex: Ints, z: Floats) -> Floats:
        """cm or kg at a score, which is taken within +-3."""
        skew, median, spread = self.lms(what, age_y, sex)
        z = np.clip(z, -MOST_SCORE, MOST_SCORE)
        bent = np.where(skew == 0.0, 1.0, skew)
        factor = np.maximum(1.0 + bent * spread * z, 1e-3) ** (1.0 / bent)
        return median * np.where(skew == 0.0, np.exp(spread * z), factor)

    def score(self, what: Measurement, age_y: Floats, sex: Ints, size: Floats) -> Floats:
        """The score of a size in cm or kg: the reverse of `size`, of any height."""
        skew, median, spread = self.lms(what, age_y, sex)
        bent = np.where(skew == 0.0, 1.0, skew)
        return np.where(skew == 0.0, np.log(size / median), ((size / median) ** bent - 1.0) / bent) / spread


def reference(name: str | Path) -> Growth:
    """The growth reference of that name; raises ``BadInput``."""
    return _reference(library().growth_path(str(name)))


@lru_cache(maxsize=16)
def _reference(path: Path) -> Growth:
    return library().kept(f"growth/{path.stem}", lambda: load(path, Growth, _mistakes))


def _mistakes(growth: Growth) -> Iterator[Fault]:
    if any(b <= a for a, b in pairwise(growth.ages_y)):
        yield Fault(("ages_y",), "the ages do not rise", "write them from the youngest to the oldest")
    for sex in SEX:
        for what in Sizes.model_fields:
            for key in Lms.model_fields:
                row = getattr(getattr(getattr(growth, sex), what), key)
                if len(row) != len(growth.ages_y):
                    yield Fault((sex, what, key), f"needs one number per age of ages_y, {len(growth.ages_y)}")
                elif key != "l" and min(row) <= 0.0:
                    yield Fault((sex, what, key), "a median or a spread that is not above 0", "correct it")


def sizes(people: Cohort, days: Floats, names: tuple[str, str] = ("usa", "usa-down-syndrome")) -> tuple[Floats, Floats]:
    """Body surface (m2) and weight (kg), each of shape (days, N), so many days from entry on.

    Everybody keeps the scores that height and weight have at entry, on the reference of children without or with Down
    syndrome (``names``), to the age of 20 years; from then on, and in whoever is older at entry, nothing changes.
    """
    start = np.minimum(people.age_y, GROWN_UP_Y)
    grows = people.age_y < GROWN_UP_Y
    age = np.minimum(people.age_y + days[:, None] / 365.25, GROWN_UP_Y)
    taller, heavier = (
        np.where(grows, _grown(names, what, people, start, age), 1.0) for what in ("height_cm", "weight_kg")
    )
    return people.bsa_m2 * np.sqrt(taller * heavier), people.weight_kg * heavier


def _grown(names: tuple[str, str], what: Measurement, people: Cohort, start: Floats, age: Floats) -> Floats:
    """How many times the size at entry (age ``start``, shape (N,)) somebody has at the ages of ``age``, (days, N), at
    the same score."""
    now: Floats = getattr(people, what)
    ratio = np.ones_like(age)
    for down, name in enumerate(names):
        if not np.any(here := people.down == down):
            continue
        growth = reference(name)
        z = growth.score(what, start, people.sex, now)
        ratio = np.where(here, growth.size(what, age, people.sex, z) / growth.size(what, start, people.sex, z), ratio)
    return np.maximum(ratio, 1.0) if what == "height_cm" else ratio
