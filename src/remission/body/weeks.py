"""What differs from week to week in the same patient. Constant through a week; day t, week w = t / 7.

Colds: a week is one with a cold with probability

    p(t) = 1 - exp(-7 / 365.25 colds (1 + winter cos 2 pi (begin + t / 365.25)))

colds: a year, of the patient; begin: share of the year at which treatment begins, 0 at the height of the winter. A cold
takes away a fraction of proliferation for its week, exponentially distributed (many mild, few hard). Counts of healthy
children have been measured in children who have colds as well, so that the mean of all weeks is given back:

    e_cold = takes (x - p of a mean week),     x exponential of mean 1 in a week with a cold, else 0

Swing: the rest of what is not steady in blood formation, an autoregressive process of first order,

    s_0 = z_0,   s_w = kept s_(w-1) + sqrt(1 - kept^2) z_w,     e_swing = swing s_w

The sum adds to the effect E of the drugs on each line (marrow.py). What arrives of doses by mouth is log-normal of
mean 1 in each week (`week_cv` of the agent's absorption). All draws are functions of (patient, purpose, week): the same
in every arm; without chance there is none of it. Core: engine/core/weeks.hpp, dosing.hpp.
Numbers and sources: knowledge/data/body/weeks.yaml.
"""

from __future__ import annotations

import numpy as np

from remission.knowledge.body_file import Body
from remission.patient import chance
from remission.patient.cohort import Cohort, Floats

from .person import individual

YEAR_DAYS = 365.25
LINES = ("neutrophils", "platelets", "red cells", "lymphocytes")


def colds(weeks: Body, people: Cohort, seed: int) -> Floats:
    """Colds a year of every patient, shape (N,), by the age on the first day."""
    from_age = weeks.children("colds.by_age")  # "from_3": years
    years = np.array([float(name.removeprefix("from_")) for name in from_age])
    mean = np.array([weeks[f"colds.by_age.{name}"].to_unit("1/year") for name in from_age])
    person = weeks["colds.person"]  # around a mean, which is what was published, and not around a median
    own = individual(person, "-", people, seed=seed, purpose="weeks.colds.person") / np.hypot(1.0, person.iiv_cv or 0.0)
    return np.asarray(mean[np.searchsorted(years, people.age_y, side="right") - 1] * own)


def cold_share(colds: float, winter: float, year: float) -> float:
    """The share of weeks with a cold; year: 0 at the height of the winter, 1 a year later."""
    return float(-np.expm1(-7.0 / YEAR_DAYS * colds * (1.0 + winter * np.cos(2.0 * np.pi * year))))


def absorbed(seed: int, patient: int, agent: str, route: str, week_cv: float, week: int) -> float:
    """What arrives of a week's doses over what does on average."""
    sd = np.sqrt(np.log1p(week_cv**2))
    key = chance.purpose(f"missed {agent} {route}") ^ chance.purpose("absorption of the week")
    return float(np.exp(sd * chance.normal(seed, patient, key, week) - 0.5 * sd**2))


def unrest(weeks: Body, colds: float, patient: int, seed: int, count: int) -> Floats:
    """What is taken of proliferation in the first ``count`` weeks, shape (count, lines)."""
    kept, winter = weeks["swing.kept"].to_unit("-"), weeks["colds.winter"].to_unit("-")
    begin = chance.uniform(seed, patient, chance.purpose("the day of the year on which treatment begins"), 0)
    out, swing = np.zeros((count, len(LINES))), np.zeros(len(LINES))

    def of(path: str, line: str) -> float:
        path = f"{path}.{line.replace(' ', '_')}"
        return weeks[path].to_unit("-") if path in weeks else 0.0

    for week in range(count):
        now = cold_share(colds, winter, begin + 7 * week / YEAR_DAYS)
        size = -cold_share(colds, 0.0, 0.0)
        if chance.uniform(seed, patient, chance.purpose("a cold this week"), week) < now:
            size += chance.exponential(seed, patient, chance.purpose("how hard the cold is"), week)
        for i, line in enumerate(LINES):
            z = chance.normal(seed, patient, chance.purpose(f"swing of {line}"), week)
            swing[i] = z if week == 0 else kept * swing[i] + np.sqrt(1.0 - kept**2) * z
            out[week, i] = of("swing", line) * swing[i] + of("colds.takes", line) * size
    return out
