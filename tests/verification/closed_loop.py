"""A patient's whole treatment, integrated by LSODA, with the rules deciding on the integrated states.

What is shared with the engine: the patient's drawn numbers, the clinic (`verification.clinic`) and the noise of counts
(counter-based, so the same draws). What is not: every state, hence every count and every decision. Drug effects act at
the instant, infusions run over their length, elimination and products saturate, antagonists compete at the instant; a
rescue dose is judged by the level at its hour. As the model is written, transfusions arrive in the morning, transfused
platelets decay once a day, and blast release and neutrophil mobilisation are seen as means of the day before.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import reference

from remission.compiled import core
from remission.engine.program import Program
from remission.patient.cohort import Cohort

from .clinic import SLOTS, Act, Clinic, Given

RTOL = 1e-8
words = core.words


def integrate(
    program: Program, cohort: Cohort, seed: int, index: int, *, follow_up_days: int = 3653, rtol: float = RTOL
) -> dict[str, pl.DataFrame]:
    """The tables of patient ``index``, as `play` with chance off makes them."""
    patient = reference.Patient(program, cohort, seed, index)
    course = reference.Course(patient, rtol)
    clinic = Clinic(program, patient, seed, follow_up_days)
    clinic.see(course.y)
    for today in range(follow_up_days):
        acts = clinic.morning(today, course)
        if clinic.done:
            break
        for act in acts:
            _act(course, act, today)
        given = clinic.given()
        course.y[patient.seen :] = 0.0
        if clinic.rescue_due(today):
            # levels do not depend on the rescue: integrate the day without it, judge, then integrate it with it
            clinic.rescues(today, _a_day(course.branch(), today, given, clinic))
            given += clinic.given()
        _a_day(course, today, given)
        clinic.see(course.y)
        clinic.evening(today, course)
        if clinic.done:
            break
    return clinic.tables(cohort.take(slice(index, index + 1)))


def _act(course: reference.Course, act: Act, today: int) -> None:
    if act.kind == words.RADIATION:
        course.irradiate(act.number, act.dose, act.times, today)
    elif act.kind == words.GRAFT:
        course.graft(act.number, act.dose)
    elif act.kind == words.CELLS:
        course.infuse_cells(act.number, act.dose, act.pool)
    elif act.kind == words.IMMUNOGLOBULIN:
        course.immunoglobulin(act.number, act.dose)


def _a_day(course: reference.Course, today: int, given: list[Given], clinic: Clinic | None = None) -> list[list[float]]:
    """Move on to tomorrow morning; with ``clinic``, its levels at every slot, before the doses of that slot."""
    levels = []
    for slot in range(SLOTS):
        doses = [dose for dose in given if dose.slot == slot]
        if doses or clinic:
            course.to(today + slot / SLOTS)
        if clinic:
            levels.append(clinic.levels(course.y))
        for dose in doses:
            course.give(dose.state, dose.amount, dose.days, dose.lag, dose.form)
    course.to(today + 1.0)
    return levels


def weekly(states: pl.DataFrame) -> dict[str, np.ndarray]:
    """The weekly states of one patient in the form of `reference.errors`."""
    names = ("anc", "platelets", "haemoglobin", "lymphocytes", "log10_blasts_marrow", "log10_blasts_cns")
    known = [*names, *(name for name in reference.LIVING if name in states.columns)]
    return {"day": states["day"].to_numpy().astype(float)} | {name: states[name].to_numpy() for name in known}
