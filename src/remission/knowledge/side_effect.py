"""What is known of one side effect: words, grades, course. Its causes stand in the agents' files, as hazards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from .agent import Note
from .loader import Fault, FaultyNode
from .provenance import Row, provenance
from .quantity import Quantity
from .trial_file import NUMERIC, OF_EVENTS, Column


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class AfterTransplant(_Strict):
    """The hazard is multiplied by ``factor`` for ``days`` days from an infusion of stem cells on. ``grades``: those of
    an episode that begins in that time, of those who do not die of it (1 to 4), where they differ. ``relapsed``: times
    as much, from the infusion on, in whom the leukaemia had come back."""

    factor: Quantity | None = None
    days: Quantity | None = None
    relapsed: Quantity | None = None
    grades: dict[int, Quantity] = {}


class Cause(_Strict):
    """A hazard that comes from the body. ``killed``: ``hazard`` (1/day) for each whole marrow of leukaemic cells that
    is killed in a day; ``load``: for each whole marrow that is there; counts, haemoglobin, IgG: ``hazard`` times
    1 - x / below where x is below it."""

    of: Literal["killed", "load", "neutrophils", "platelets", "haemoglobin", "igg"]
    hazard: Quantity
    below: Quantity | None = None


class Entered(_Strict):
    """What trials' forms hold of what happens: the ``share`` of those who had it (``of: patients``), whatever was there
    before left out, or of its episodes."""

    share: Quantity
    of: Literal["patients", "episodes"]


Counted = Literal["all", "emergent", "worsened", "entered", "measurements"]


class Before(_Strict):
    """How a published number was counted here until the simulated one beside it had been seen: what differed."""

    counted: Counted = "all"
    grade: Annotated[int, Field(ge=1, le=5)] | None = None


def _in_turn(node: Any) -> Any:
    return (node,) if isinstance(node, dict) else node


class Published(_Strict):
    """How often it was seen: percent of patients with an episode of ``grade`` or worse.

    ``protocol`` (and ``population``, when not the protocol's own) is what is played for it, ``without`` some agents and
    with sentences to ``add`` in its ``phases`` (all, if none is named). Counted are episodes that
    begin in the ``phase``, or in one of several, of those who began it, or ``within_days`` of the first dose, of all;
    with both, within so many days of the start of the phase, of those who began it. ``among`` narrows who is counted as
    in a trial file. ``interval``: 95 % limits; or ``n`` patients, from which they are made. ``counted: emergent``: only
    what was not there before, as the NCI counts adverse events: a count below the limit is one when the measurement
    before it was not. ``counted: worsened``: only what is of a worse grade than before treatment, as
    registration trials count (ICH E9); of a count: than at the first measurement. ``counted: entered``: what sites
    write on a trial's forms, a part of what happens (`SideEffect.entered`). ``counted: measurements``: of a count, the
    percent of measurements, not of patients. ``share``: of those who are counted so, the part that this trial's forms
    hold, where another arm of it tells that. ``tested_on``: only who has it on that day. ``before``: how it was counted
    until the result was known, the first way first, so that all are told. ``moved_from``: the protocol that was played
    for it when the split was recorded, before its own was there.
    """

    name: str  # the trial or report, in words
    protocol: str
    moved_from: str | None = None
    population: str | None = None
    without: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    grade: Annotated[int, Field(ge=1, le=5)] = 1
    phase: str | tuple[str, ...] | None = None
    within_days: Annotated[float, Field(gt=0, le=36525)] | None = None
    among: dict[Column, tuple[float, float] | str] = {}
    value: Annotated[float, Field(ge=0, le=100)]
    interval: tuple[float, float] | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    counted: Counted = "all"
    share: Quantity | None = None
    tested_on: Annotated[float, Field(gt=0, le=36525)] | None = None
    before: Annotated[tuple[Before, ...], BeforeValidator(_in_turn)] = ()
    source: str | None = None
    read: Literal["full-text", "abstract", "label", "secondary", "memory"]
    used: Literal["calibrate", "predict", "orientation"]
    note: str | None = None

    def as_before(self) -> list[Published]:
        """As it was counted until the simulated number had been seen, the first way first; none where nothing was
        changed since."""
        now = {"share": None, "tested_on": None}
        return [
            self.model_copy(update={**now, "counted": old.counted, "grade": old.grade or self.grade})
            for old in self.before
        ]

    @property
    def in_phases(self) -> tuple[str, ...]:
        return (self.phase,) if isinstance(self.phase, str) else self.phase or ()

    def label(self) -> str:
        """What was counted, in words, without its number."""
        words = f"grade {self.grade} or more" if self.grade > 1 else "any grade"
        if self.within_days is not None:
            words += f" within {self.within_days:g} days"
        if self.in_phases:
            words += " of the start of " if self.within_days is not None else " in "
            words += ", ".join(self.in_phases)
        who = [f"{column} {part}" if isinstance(part, str) else f"{column} {part[0]:g} to < {part[1]:g}"
               for column, part in self.among.items()]  # fmt: skip
        changes = [f"without {agent}" for agent in self.without] + [
            f"with {text.partition(' [')[0]}" for text in self.add
        ]
        return ", ".join([words, *who, *changes])

    @model_validator(mode="after")
    def _fits(self) -> Published:
        for fault in self._faults():
            raise FaultyNode(fault)
        return self

    def _faults(self) -> Iterator[Fault]:
        if self.read == "memory" and self.used != "orientation":
            what = f"a number read from memory cannot {self.used}"
            yield Fault(("used",), what, "Write `used: orientation`, or read the number and say where")
        if self.read != "memory" and not self.source:
            yield Fault(("read",), f"a number read as '{self.read}' names its `source`", "Add `source:` with a key")
        if self.within_days is not None and len(self.in_phases) > 1:
            yield Fault(("phase",), "days are counted from the start of one phase", "Name one, or no `within_days`")
        if self.tested_on is not None and (self.in_phases or self.tested_on > (self.within_days or 0)):
            what = "a test is on a day since the first dose, within the days that are named"
            yield Fault(("tested_on",), what, "Add `within_days: NUMBER`, not a phase")
        if not self.in_phases and self.within_days is None:
            yield Fault((), "it does not say when", "Add `phase: NAME` or `within_days: NUMBER`", True)
        if self.share is not None and (
            self.share.unit != "-" or not 0 < self.share.value <= 1 or self.counted in ("entered", "measurements")
        ):
            what = 'a share of the patients who are counted is a fraction (unit "-") of patients'
            yield Fault(("share",), what, "Write 0 to 1, and count patients, not measurements or what is entered")
        if self.interval is not None:
            low, high = self.interval
            if not 0.0 <= low <= self.value <= high <= 100.0:
                what = f"{low:g} to {high:g} are no limits of {self.value:g} percent"
                yield Fault(("interval",), what, "Correct one of them")
        for column, part in self.among.items():
            if column in OF_EVENTS:
                yield Fault(("among", column), f"'{column}' is asked of endpoints, not of incidences", "Leave it out")
            if isinstance(part, str) == (column in NUMERIC):
                form = "a range: [10, 30]" if column in NUMERIC else "a word"
                yield Fault(("among", column), f"'{part}' does not fit {column}", f"Write {form}")


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
    computed: bool = False  # its grades follow from what is played anyway: cytokine, counts, fevers
    measured: Literal["anc", "platelets", "haemoglobin"] | None = None  # what `limits` are of
    limits: dict[int, Quantity] = {}  # a measurement below the limit of a grade has that grade
    grades: dict[int, Quantity] = {}
    course: Quantity | None = None
    causes: tuple[Cause, ...] = ()  # beside those in the agents' files
    inactivates: tuple[str, ...] = ()  # agents that antibodies take out of the blood from then on
    hospital: dict[int, Quantity] = {}  # days in hospital, by grade
    again: bool = True
    person: Quantity | None = None
    after_transplant: AfterTransplant | None = None
    entered: Entered | None = None  # how much of it trials' forms hold
    notes: tuple[Note, ...] = ()
    published: tuple[Published, ...] = ()
    open: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _counted(self) -> SideEffect:
        for k, one in enumerate(self.published):
            if one.counted in ("emergent", "worsened", "measurements") and not self.limits:
                what = f"only a graded count is counted as '{one.counted}'"
                raise FaultyNode(Fault(("published", k, "counted"), what, "Leave `counted` out"))
            if one.counted == "entered" and self.entered is None:
                what = "it is not told how much of it is entered"
                raise FaultyNode(Fault(("published", k, "counted"), what, "Add `entered: {share: ..., of: patients}`"))
        return self

    def rows(self) -> list[Row]:
        """Every number with its provenance, the published incidences at the end."""
        return provenance(self) + [
            Row(f"{p.name}: {p.label()}", p.value, "percent", p.read, p.source,
                "; ".join(filter(None, (p.used, p.note))))
            for p in self.published
        ]  # fmt: skip
