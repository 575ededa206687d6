"""What is known of one side effect: words, grades, course. Its causes stand in the agents' files, as hazards."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from .agent import Note
from .quantity import Quantity


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AfterTransplant(_Strict):
    """The hazard is multiplied by ``factor`` for ``days`` days from an infusion of stem cells on."""

    factor: Quantity
    days: Quantity


class Cause(_Strict):
    """A hazard that comes from the body. ``killed``: ``hazard`` (1/day) for each whole marrow of leukaemic cells that
    is killed in a day; ``load``: for each whole marrow that is there; counts, haemoglobin, IgG: ``hazard`` times
    1 - x / below where x is below it."""

    of: Literal["killed", "load", "neutrophils", "platelets", "haemoglobin", "igg"]
    hazard: Quantity
    below: Quantity | None = None


class SideEffect(_Strict):
    """It begins by the hazard (1/day) that agents' effects ``on`` it add up to, times the patient's ``person``.

    ``grades``: probability of each grade (CTCAE) once it has begun, grades 1 to 5 in any number; a grade of 5 is death.
    ``course``: days that it lasts. ``again``: may it come back when it is over.
    """

    side_effect: str
    names: tuple[str, ...] = ()
    code: str | None = None  # the term of CTCAE v5, or of the grading named in `grading`
    grading: str = "CTCAE v5"
    plain: str
    watch: str | None = None  # what a family sees, and when it calls
    care: str | None = None  # what the team does
    computed: bool = False  # crs and neurotoxicity: their grades follow from body/immunity.yaml
    grades: dict[int, Quantity] = {}
    course: Quantity | None = None
    causes: tuple[Cause, ...] = ()  # beside those in the agents' files
    inactivates: tuple[str, ...] = ()  # agents that antibodies take out of the blood from then on
    hospital: dict[int, Quantity] = {}  # days in hospital, by grade
    again: bool = True
    person: Quantity | None = None
    after_transplant: AfterTransplant | None = None
    notes: tuple[Note, ...] = ()
    open: tuple[str, ...] = ()
