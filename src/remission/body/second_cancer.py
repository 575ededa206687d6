"""A second cancer, and the death of it. Time is years; both wait for a unit exponential.

    second cancer     at W1 / incidence after entry
    death of it       W2 / death later

The draws belong to the patient, so that all arms share them. It is told where the patient is alive on its day; the play
goes on as it was. Used in: engine/lanes.py (the day of death, with that of other causes), engine/play.py (the rows).
Numbers and sources: knowledge/data/body/second_cancer.yaml.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from remission.knowledge.body_file import Body
from remission.patient import chance
from remission.patient.cohort import Cohort, Floats

DAYS_PER_YEAR = 365.25


class SecondCancer(NamedTuple):
    """Days from entry, whole numbers: (N,)."""

    day: Floats
    death: Floats


def second_cancer(table: Body, people: Cohort, seed: int) -> SecondCancer:
    """When each patient has a second cancer, and dies of it, if nothing else comes before."""

    def wait(purpose: str, rate: str) -> Floats:
        drawn = -np.log(chance.uniforms(seed, people.patient, chance.purpose(purpose)))
        return drawn * DAYS_PER_YEAR / table[rate].to_unit("1/year")

    day = wait("second cancer", "incidence")
    return SecondCancer(np.floor(day), np.floor(day + wait("death of a second cancer", "death")))
