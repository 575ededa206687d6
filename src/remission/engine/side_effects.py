"""Side effects by hazard: they begin when the hazard that drugs and grafts add up to has reached the patient's own
threshold, with a grade, for a while. Their causes stand in the agents' files, the rest in side_effects/. Chance is
keyed by the side effect's name and the number of the episode: what else is played, and on which day, does not move
it."""

from __future__ import annotations

from typing import Any

import numpy as np

from remission.body.person import individual
from remission.compiled import core
from remission.patient.cohort import Cohort, Floats

from .program import Program

SIDE_NUMBERS = len(core.words.SideNumber)
PERSON, FACTOR, FACTOR_DAYS, AGAIN, COURSE, FATALITY = range(SIDE_NUMBERS)

MOST_FATAL = 0.9  # of the episodes, whatever the covariates of `grades.5` say


def side_numbers(program: Program, people: Cohort, seed: int) -> Floats:
    """(side effects * SIDE_NUMBERS, N): factor of the person, factor after a transplant and its days, factor after a
    transplant of who has relapsed, course (days), probability that an episode is fatal (at most `MOST_FATAL`)."""
    out = np.zeros((len(program.side_effects), SIDE_NUMBERS, len(people)))
    for i, effect in enumerate(program.side_effects):

        def draw(quantity: Any, unit: str, name: str, of: str = effect.side_effect) -> Floats:
            return individual(quantity, unit, people, seed=seed, purpose=f"{of}.{name}")

        out[i, PERSON] = draw(effect.person, "-", "person") if effect.person else 1.0
        after = effect.after_transplant
        out[i, FACTOR] = draw(after.factor, "-", "after_transplant.factor") if after and after.factor else 1.0
        out[i, FACTOR_DAYS] = draw(after.days, "day", "after_transplant.days") if after and after.days else 0.0
        out[i, AGAIN] = draw(after.relapsed, "-", "after_transplant.relapsed") if after and after.relapsed else 1.0
        assert effect.course is not None
        out[i, COURSE] = draw(effect.course, "day", "course")
        if 5 in effect.grades:
            out[i, FATALITY] = np.minimum(draw(effect.grades[5], "-", "grades.5"), MOST_FATAL)
    return out.reshape(-1, len(people))
