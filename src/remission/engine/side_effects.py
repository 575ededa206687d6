"""Side effects by hazard: they begin when the hazard that drugs and grafts add up to has reached the patient's own
threshold, with a grade, for a while. Their causes stand in the agents' files, the rest in side_effects/. Chance is
keyed by the side effect's name and the number of the episode: what else is played, and on which day, does not move
it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from remission.body.kinetics import HOT, INLINED, LANES
from remission.body.marrow import CIRCULATING, STATE_ROWS
from remission.body.person import individual
from remission.patient import chance
from remission.patient.cohort import Cohort, Floats

from .clinic import haemoglobin, leukaemic_cells
from .layout import HAEMOGLOBIN, KILLED, LOAD, NEUTROPHILS, PLATELETS
from .program import Program
from .records import note_side_effect

FEVER, FIRST_HAZARD = 3, 4  # rows of the daily targets: stem cells, B cells, cytokine, fever, then three a side effect
COMPUTED = 2  # side effects that are computed come first in the table: crs, neurotoxicity
FATAL = 5
SIDE_NUMBERS = 4
PERSON, FACTOR, FACTOR_DAYS, COURSE = range(SIDE_NUMBERS)


def side_numbers(program: Program, people: Cohort, seed: int) -> Floats:
    """(side effects * SIDE_NUMBERS, N): factor of the person, factor after a transplant and its days, course (days)."""
    out = np.zeros((len(program.side_effects), SIDE_NUMBERS, len(people)))
    for i, effect in enumerate(program.side_effects):

        def draw(quantity: Any, unit: str, name: str, of: str = effect.side_effect) -> Floats:
            return individual(quantity, unit, people, seed=seed, purpose=f"{of}.{name}")

        out[i, PERSON] = draw(effect.person, "-", "person") if effect.person else 1.0
        after = effect.after_transplant
        out[i, FACTOR] = draw(after.factor, "-", "after_transplant.factor") if after else 1.0
        out[i, FACTOR_DAYS] = draw(after.days, "day", "after_transplant.days") if after else 0.0
        assert effect.course is not None
        out[i, COURSE] = draw(effect.course, "day", "course")
    return out.reshape(-1, len(people))


@njit(**HOT)
def _from_the_body(s, lane, lay, q, flesh, day):
    """Hazard of side effect ``s`` from cells killed today, cells that are there, and low counts."""
    hazard = 0.0
    for i in range(lay.cause_from[s], lay.cause_from[s + 1]):
        of, below = lay.causes[i].of, lay.causes[i].below
        if of == KILLED:
            now = leukaemic_cells(flesh, lane)
            x = 0.0
            for c in range(flesh.cells.shape[0] // LANES):
                x += day.before[c * LANES + lane]
            share = max(0.0, x - now) / q.person[lane].capacity
        elif of == LOAD:
            share = leukaemic_cells(flesh, lane) / q.person[lane].capacity
        else:
            if of == NEUTROPHILS:
                x = flesh.line[CIRCULATING * LANES + lane]
            elif of == PLATELETS:
                x = flesh.line[(STATE_ROWS + CIRCULATING) * LANES + lane] + flesh.pool[lane]
            elif of == HAEMOGLOBIN:
                x = haemoglobin(flesh, lane)
            else:  # where the immune system is not played nobody knows
                x = flesh.immune[lane].igg if lay.living == 1 else below
            share = max(0.0, 1.0 - x / below)
        hazard += lay.causes[i].hazard * share
    return hazard


@njit(**INLINED)
def side_effects_of_day(lane, today, seed, lay, q, drugs, flesh, day, rec):
    """The side effect of which the patient dies today, or -1."""
    pid = q.person[lane].patient
    died = -1
    for s in range(lay.side_effects):
        if flesh.side[s, lane].grade > 0:
            if today >= flesh.side[s, lane].until:
                note_side_effect(
                    rec, lane, COMPUTED + s, flesh.side[s, lane].began, today - 1, flesh.side[s, lane].grade
                )
                flesh.side[s, lane].grade = 0
            continue
        row = (FIRST_HAZARD + 3 * s) * LANES + lane
        hazard = flesh.daily[row]
        if lay.cause_from[s + 1] > lay.cause_from[s]:
            hazard += _from_the_body(s, lane, lay, q, flesh, day)
        if hazard <= 0.0 or flesh.side[s, lane].over == 1:
            continue
        n = s * SIDE_NUMBERS * LANES + lane
        hazard *= q.side[n + PERSON * LANES] * (1.0 + flesh.daily[row + 2 * LANES]) / (1.0 + flesh.daily[row + LANES])
        since = today - flesh.immune[lane].transplant_day
        if flesh.immune[lane].transplant_day >= 0 and since <= q.side[n + FACTOR_DAYS * LANES]:
            hazard *= q.side[n + FACTOR * LANES]
        flesh.side[s, lane].clock += hazard
        if flesh.side[s, lane].due < 0.0:
            flesh.side[s, lane].due = chance.exponential(
                seed, pid, lay.side_purpose[s, 0], flesh.side[s, lane].episodes
            )
        if flesh.side[s, lane].clock < flesh.side[s, lane].due:
            continue
        u = chance.uniform(seed, pid, lay.side_purpose[s, 1], flesh.side[s, lane].episodes)
        grade = 1
        while grade < FATAL and u >= lay.grades[s, grade - 1]:
            grade += 1
        flesh.side[s, lane].grade = grade
        flesh.side[s, lane].worst = max(flesh.side[s, lane].worst, grade)
        flesh.side[s, lane].episodes += 1
        flesh.side[s, lane].began = today
        flesh.side[s, lane].until = today + max(1, round(q.side[n + COURSE * LANES]))
        flesh.side[s, lane].clock = 0.0
        flesh.side[s, lane].due = -1.0
        flesh.side[s, lane].over = 1 - lay.again[s]
        for agent in range(lay.inactivates.shape[1]):
            if lay.inactivates[s, agent] == 1:
                flesh.lost[agent * LANES + lane] = 1.0
                for k in range(lay.state_from[agent], lay.state_from[agent + 1]):
                    drugs.x[k * LANES + lane] = 0.0
        if grade == FATAL and died < 0:
            died = s
    return died


@njit(**INLINED)
def end_of_side_effects(lane, today, lay, flesh, rec):
    """Write the side effects that last to the end."""
    for s in range(lay.side_effects):
        if flesh.side[s, lane].grade > 0:
            note_side_effect(rec, lane, COMPUTED + s, flesh.side[s, lane].began,
                             min(today, flesh.side[s, lane].until - 1), flesh.side[s, lane].grade)  # fmt: skip
