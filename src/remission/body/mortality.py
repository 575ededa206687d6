"""Death of other causes than leukaemia and its treatment. Ages are years.

    hazard            h(a) = -ln(1 - q(a)), straight on the log scale between the ages of the table, even outside
    dies at the age   A with the integral of h from now to A = E, E of the unit exponential

The age is drawn once for a patient, so that all arms share it. Core: engine/core/ends.hpp, follow_up.hpp.
Numbers and sources: knowledge/data/body/mortality.yaml (deaths of everybody).
"""

from __future__ import annotations

import numpy as np

from remission.knowledge.body_file import Body
from remission.patient import chance
from remission.patient.cohort import SEX, Cohort, Floats

OLDEST_Y = 110.0
STEP_Y = 0.25


def hazard(table: Body, sex: str, age_y: Floats) -> Floats:
    """1/year, of people of that sex at these ages."""
    names = table.children(f"dying.{sex}")  # "from_20": probability of dying within the year from that age on
    ages = np.array([float(name.removeprefix("from_")) for name in names])
    dying = np.array([table[f"dying.{sex}.{name}"].to_unit("-") for name in names])
    return np.exp(np.interp(age_y, ages, np.log(-np.log1p(-dying))))


def age_at_death(table: Body, people: Cohort, seed: int) -> Floats:
    """Age at which each patient dies if nothing else kills before; infinite for who would grow older than the table."""
    grid = np.arange(0.0, OLDEST_Y + STEP_Y, STEP_Y)
    wait = -np.log(chance.uniforms(seed, people.patient, chance.purpose("death from another cause")))
    out = np.empty(len(people))
    for place, sex in enumerate(SEX):
        h = hazard(table, sex, grid)
        summed = np.concatenate([[0.0], np.cumsum(0.5 * (h[1:] + h[:-1]) * STEP_Y)])
        mine = people.sex == place
        now = np.interp(people.age_y[mine], grid, summed)
        out[mine] = np.interp(now + wait[mine], summed, grid, right=np.inf)
    return out
