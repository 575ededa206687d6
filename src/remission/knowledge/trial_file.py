"""What a trial file says: a published trial, its arms, and the results that a simulation is held against."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from .care import Care
from .loader import Fault, FaultyNode
from .provenance import Row

DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
_SPAN = re.compile(r"(\d+(?:\.\d+)?) (day|week|month|year)s?")


def days(span: str) -> float:
    """Days of a time that is written out, such as "36 months"."""
    found = _SPAN.fullmatch(span)
    if found is None:
        raise ValueError(f"'{span}' is no length of time: add for example 28 days, 12 weeks, 36 months or 5 years")
    return float(found[1]) * DAYS[found[2]]


def _is_span(text: str) -> str:
    days(text)
    return text


Span = Annotated[str, AfterValidator(_is_span)]
What = Literal[
    "complete remission",
    "MRD negative",
    "MRD-negative remission",
    "event-free survival",
    "median event-free survival",
    "overall survival",
    "median overall survival",
    "relapse-free survival",
    "median relapse-free survival",
    "relapse",
    "non-relapse mortality",
    "hazard ratio of death",
    "hazard ratio of an event",
    "more relapses",
    "side effect",
    "reached phase",
    "left the protocol",
    "days to neutrophil recovery",
    "days of neutropenia",
    "B-cell aplasia",
    "CAR T peak",
    "CAR T exposure",
    "CAR T day of peak",
]
Column = Literal[
    "age_y", "wbc", "cns", "eoi_mrd", "sex", "lineage", "subtype", "relapse_month", "relapse_site", "led_to"
]
NUMERIC = ("age_y", "wbc", "cns", "eoi_mrd", "relapse_month")
OF_EVENTS: tuple[Column, ...] = ("relapse_month", "led_to")  # subgroups that the table of events tells


@dataclass(frozen=True)
class Kind:
    """What an endpoint needs to be said: its unit, the keys it must have and those it may have."""

    unit: str
    needs: tuple[str, ...]
    may: tuple[str, ...]
    says: str


_SURVIVAL = "Kaplan-Meier; who left the protocol and who is followed to the end is censored."
_OVERALL = (
    "Death of any cause. A relapse (or a refractory leukaemia) after which the protocol does not go on leaves survival "
    "unknown: when that is more than a point, only the bounds are told (all of them dead at once, none of them ever)."
)

KINDS: dict[str, Kind] = {
    "complete remission": Kind(
        "percent", ("within",), (), "Share with a remission (marrow blasts below 5 % at a check) within the time."
    ),
    "MRD negative": Kind(
        "percent",
        ("within",),
        ("after", "below", "site", "assay", "response_within"),
        "Of those with an assay in the time (from `after` to `within`): share whose lowest reported MRD is below the "
        "limit (1e-4 unless `below` is given; marrow unless `site` is). `assay: transcripts`: those of BCR::ABL1 were "
        "counted, which some have in cells that are no leukaemia and stay positive by.",
    ),
    "MRD-negative remission": Kind(
        "percent",
        ("within",),
        ("below", "site", "assay"),
        "Share with a remission and, from then on, a reported MRD below the limit, both within the time.",
    ),
    "event-free survival": Kind(
        "percent",
        ("at",),
        ("remission_within", "response_within"),
        "Events are relapse, a second cancer, death and, with `remission_within`, no remission by then (counted at the "
        f"origin; who left before the response was judged is censored). {_SURVIVAL}",
    ),
    "median event-free survival": Kind(
        "months", (), ("remission_within", "response_within"), "The median of event-free survival."
    ),
    "overall survival": Kind("percent", ("at",), ("response_within",), f"{_OVERALL} {_SURVIVAL}"),
    "median overall survival": Kind(
        "months", (), ("response_within",), "The median of overall survival; the same rule."
    ),
    "relapse-free survival": Kind(
        "percent",
        ("at",),
        ("response_within",),
        f"Events are relapse and death (also called disease-free survival, or duration of remission). {_SURVIVAL}",
    ),
    "median relapse-free survival": Kind("months", (), ("response_within",), "The median of relapse-free survival."),
    "relapse": Kind(
        "percent",
        ("at",),
        ("remission_within", "response_within", "relapse_site"),
        "Cumulative incidence of the first relapse (Aalen-Johansen); death and, with `remission_within`, no remission "
        "compete, and with `relapse_site` the first relapses of other sites.",
    ),
    "non-relapse mortality": Kind(
        "percent",
        ("at",),
        ("response_within",),
        "Cumulative incidence of death before a relapse and not of leukaemia (Aalen-Johansen); relapse competes.",
    ),
    "hazard ratio of death": Kind(
        "-",
        ("against",),
        ("response_within",),
        "Cox, this arm against the one that is named; not told while the survival after a relapse is unknown of more "
        "than one in a hundred.",
    ),
    "hazard ratio of an event": Kind(
        "-",
        ("against",),
        ("remission_within", "response_within"),
        "Cox, this arm against the one that is named; events as in event-free survival.",
    ),
    "more relapses": Kind(
        "percent",
        ("at", "against"),
        ("response_within",),
        "Cumulative incidence of the first relapse (as in relapse) less that of the arm that is named, in points; "
        "nought when it is not larger.",
    ),
    "side effect": Kind(
        "percent",
        ("side_effect", "grade", "within"),
        (),
        "Share with an episode of that grade or worse that began within the time; `febrile_neutropenia` is fever with "
        "ANC < 1e9/L (grade 3), `bloodstream_infection` counts as grade 3, low counts are graded as measured.",
    ),
    "reached phase": Kind(
        "percent",
        ("phase",),
        ("within", "response_within", "directly"),
        "Share that began the phase or left the protocol for it, before a relapse (`directly`: and another treatment).",
    ),
    "left the protocol": Kind(
        "percent", ("reason",), ("within",), "Share that left for a reason that has these words in it."
    ),
    "days to neutrophil recovery": Kind(
        "days",
        (),
        ("below",),
        "Of those measured below the limit (0.5e9/L unless `below` is given): median day of the first count at or "
        "above it that the next count does not take back (Kaplan-Meier, followed to the last count).",
    ),
    "days of neutropenia": Kind(
        "days",
        ("within",),
        ("below",),
        "Mean number of days below the limit (0.5e9/L unless `below` is given); a count holds until the next one.",
    ),
    "B-cell aplasia": Kind(
        "percent",
        ("at",),
        ("below", "response_within"),
        "Of those whose B cells were once below the limit (30 per microlitre unless `below` is given): "
        "probability that they still are (Kaplan-Meier; relapse, death and leaving are censored).",
    ),
    "CAR T peak": Kind("copies/ug", (), ("response_within",), "Geometric mean of the highest level in blood."),
    "CAR T exposure": Kind(
        "copies/ug*day", (), ("response_within",), "Geometric mean of the area under the level in blood, days 0 to 28."
    ),
    "CAR T day of peak": Kind("days", (), ("response_within",), "Median day of the highest level in blood."),
}
_OPTIONS = (
    "at", "within", "after", "below", "site", "assay", "side_effect", "grade", "phase", "reason", "against",
    "remission_within", "response_within", "relapse_site", "directly",
)  # fmt: skip
SURVIVALS = tuple(name for name, kind in KINDS.items() if "at" in kind.needs)
SHARES = ("complete remission", "MRD negative", "MRD-negative remission", "side effect", "reached phase",
          "left the protocol")  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Endpoint(_Strict):
    """One published result: what was measured, when, since when and of whom; the number and how it is known.

    ``since`` is the time origin: the first dose, the remission, the first relapse, a time after the first dose ("24
    months", of those who are event-free then), or the start of a phase; "phase
    infusion" and "phase transplant" are the infusion and the transplant themselves where a run records them. ``of`` is
    the denominator: all; those who relapsed; those who began the phase of ``since`` (started, infused, transplanted);
    or of these the ones with a remission (responders), within ``response_within`` when given. ``among`` narrows it to
    a subgroup: a range (from the first number to below the second) or a word; ``led_to: bfm-high-risk`` are those whom
    a decision of the protocol led to that protocol or phase, ``led_to: not bfm-high-risk`` all others. ``interval``:
    95 % limits; or ``se``, the standard error.
    """

    what: What
    at: Span | None = None
    within: Span | None = None
    after: Span | None = None
    remission_within: Span | None = None
    response_within: Span | None = None
    since: Annotated[str, Field(pattern=r"^(first dose|remission|relapse|phase .+|\d+ (month|year)s?)$")] = "first dose"
    of: Literal["all", "started", "infused", "transplanted", "responders", "relapsed", "event-free"] = "all"
    among: dict[Column, tuple[float, float] | str] = {}
    below: Annotated[float, Field(gt=0)] | None = None
    site: Literal["marrow", "blood"] | None = None
    assay: Literal["transcripts"] | None = None
    relapse_site: Literal["CNS", "CNS alone"] | None = None
    side_effect: str | None = None
    grade: Annotated[int, Field(ge=1, le=5)] | None = None
    phase: str | None = None
    directly: Literal[True] | None = None  # without another treatment between
    reason: str | None = None
    against: str | None = None  # the other arm
    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    unit: str
    interval: tuple[float, float] | None = None
    se: Annotated[float, Field(gt=0)] | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    read: Literal["full-text", "abstract", "label", "secondary", "memory"]
    source: str | None = None
    used: Literal["calibrate", "predict", "orientation"]
    note: str | None = None

    @property
    def kind(self) -> Kind:
        return KINDS[self.what]

    @property
    def since_day(self) -> float | None:
        """The day after the first dose that is the time origin (a landmark)."""
        return days(self.since) if self.since[0].isdigit() else None

    @property
    def since_phase(self) -> str | None:
        """The phase whose start is the time origin."""
        return self.since.removeprefix("phase ") if self.since.startswith("phase ") else None

    def label(self) -> str:
        """The endpoint in words, without its number."""
        words: str = self.what
        if self.what == "side effect":
            words = f"{str(self.side_effect).replace('_', ' ')} of grade {self.grade} or more"
        elif self.what == "reached phase":
            words = f"reached {self.phase}"
        elif self.what == "left the protocol":
            words = f"left for {self.reason}"
        elif self.what == "days of neutropenia":
            words = f"days with ANC below {self.below or 0.5:g}"
        elif self.what in ("MRD negative", "MRD-negative remission") and self.below is not None:
            words += f" (< {self.below:g})"
        elif self.relapse_site is not None:
            words += f" in the {self.relapse_site}"
        if self.against:
            words += f" against {self.against}"
        parts = [words]
        if self.after:
            parts.append(f"from {self.after}")
        parts += [f"{word} {span}" for word, span in (("at", self.at), ("within", self.within)) if span]
        if self.since != "first dose":
            parts.append(f"since {self.since_phase or self.since}")
        text = " ".join(parts)
        who: list[str] = [] if self.of == "all" else ["all who began it" if self.of == "started" else self.of]
        for column, part in self.among.items():
            name = _NAMES.get(column, column)
            who.append(f"{name} {part}" if isinstance(part, str) else f"{name} {part[0]:g} to < {part[1]:g}")
        return f"{text}, {', '.join(who)}" if who else text

    @model_validator(mode="after")
    def _fits(self) -> Endpoint:
        for fault in self._faults():
            raise FaultyNode(fault)
        return self

    def _faults(self) -> Iterator[Fault]:
        kind = self.kind
        if self.read == "memory" and self.used != "orientation":
            what = f"a number read from memory cannot {self.used}"
            yield Fault(("used",), what, "Write `used: orientation`, or read the number and say where")
        if self.read != "memory" and not self.source:
            yield Fault(("read",), f"a number read as '{self.read}' names its `source`", "Add `source:` with a key")
        if self.unit != kind.unit:
            yield Fault(("unit",), f"unit '{self.unit}' does not fit {self.what}", f"Write {kind.unit}")
        if self.unit == "percent" and self.value > 100:
            yield Fault(("value",), f"{self.value:g} percent is not possible", "Write a number from 0 to 100")
        for key in kind.needs:
            if getattr(self, key) is None:
                yield Fault(("what",), f"'{self.what}' needs `{key}`", f"Add `{key}: ...`")
        for key in _OPTIONS:
            if getattr(self, key) is not None and key not in (*kind.needs, *kind.may):
                yield Fault((key,), f"`{key}` has no use in '{self.what}'", "Take it out", at_key=True)
        if self.interval is not None:
            low, high = self.interval
            if not low <= self.value <= high:
                yield Fault(("interval",), f"{self.value:g} lies outside {low:g} to {high:g}", "Correct one of them")
            if self.se is not None:
                yield Fault(("se",), "an endpoint has `interval` or `se`, not both", "Keep the interval")
        if self.since_phase and self.of == "all":
            yield Fault(
                ("since",),
                "those who never began the phase cannot be counted from its start",
                "Write `of: started`, `of: infused`, `of: transplanted` or `of: responders`",
            )
        if self.of in ("started", "infused", "transplanted") and not self.since_phase:
            yield Fault(("of",), f"`of: {self.of}` needs the phase", "Write `since: phase NAME`")
        if (self.since_day is not None) != (self.of == "event-free"):
            yield Fault(
                ("since",),
                "from a day on count those without an event then",
                "Write `since: 24 months`, `of: event-free`",
            )
        if (self.since == "relapse") != (self.of == "relapsed"):
            yield Fault(("since",), "from a relapse count those who had one", "Write `since: relapse`, `of: relapsed`")
        if self.since == "remission" and self.of != "responders":
            yield Fault(("since",), "only who reached a remission is counted from it", "Write `of: responders`")
        for column, part in self.among.items():
            if isinstance(part, str) == (column in NUMERIC):
                form = "a range: [0, 0.0001]" if column in NUMERIC else "a word"
                yield Fault(("among", column), f"'{part}' does not fit {column}", f"Write {form}")


_NAMES = {
    "age_y": "age", "wbc": "WBC", "cns": "CNS", "eoi_mrd": "end-of-induction MRD", "relapse_month": "month of relapse",
    "relapse_site": "site of relapse", "led_to": "led to",
}  # fmt: skip


class Change(_Strict):
    """What is changed in the protocol of an arm, in some phases or in all (`remission.protocol.variant`)."""

    without: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()


class Arm(_Strict):
    """One arm: the protocol that is played for it, and what was published of it.

    ``without``, ``add``, ``phases``, ``mrd``: what is changed in the protocol (`remission.protocol.variant`); ``also``:
    more changes, of other phases, one after the other.
    ``patients_of``: the protocol whose patients are treated (its `for`), when two treatments are given to the same.
    ``together``: other arms, among which chance divided those whose results are published together (the protocol is
    one of theirs).
    """

    name: str
    protocol: str
    population: str | None = None  # when it is not that of the trial
    without: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    also: tuple[Change, ...] = ()
    mrd: Literal["flow", "PCR"] | None = None
    patients_of: str | None = None
    together: tuple[str, ...] = ()
    n: Annotated[int, Field(ge=1)] | None = None
    note: str | None = None
    endpoints: tuple[Endpoint, ...] = Field(min_length=1)

    @property
    def as_it_is(self) -> bool:
        """Is the protocol played as its file says?"""
        return not (self.without or self.add or self.also or self.patients_of)


class Trial(_Strict):
    """A published trial. ``follow_up``: how long its virtual patients are followed from the first dose;
    ``second_line``: the protocol by which a relapse is treated in place of what the protocols of the arms say;
    ``care``: when and where its patients were treated.
    """

    trial: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    name: str
    title: str
    plain: str
    sources: tuple[str, ...] = Field(min_length=1)
    population: str
    follow_up: Span
    second_line: str | None = None
    care: Care | None = None
    note: str | None = None
    arms: dict[str, Arm] = Field(min_length=1)

    def endpoints(self) -> Iterator[tuple[Arm, Endpoint]]:
        for arm in self.arms.values():
            for endpoint in arm.endpoints:
                yield arm, endpoint

    def rows(self) -> list[Row]:
        """Every published number with its provenance."""
        return [
            Row(
                f"{arm.name}: {e.label()}", e.value, e.unit, e.read, e.source, "; ".join(filter(None, (e.used, e.note)))
            )
            for arm, e in self.endpoints()
        ]


def faults(trial: Trial) -> Iterator[Fault]:
    """What does not fit together in one trial file."""
    longest = days(trial.follow_up)
    for name, arm in trial.arms.items():
        seen: dict[str, int] = {}
        for i, other in enumerate(arm.together):
            if other == name or other not in trial.arms or trial.arms[other].together:
                others = ", ".join(key for key, one in trial.arms.items() if not one.together)
                yield Fault(("arms", name, "together", i), f"'{other}' is no arm of its own", f"Arms: {others}")
        for i, endpoint in enumerate(arm.endpoints):
            where: tuple[str | int, ...] = ("arms", name, "endpoints", i)
            for key in ("at", "within"):
                span: Any = getattr(endpoint, key)
                if span is not None and days(span) > longest:
                    yield Fault(
                        (*where, key), f"{span} is later than the follow-up of {trial.follow_up}", "Lengthen it"
                    )
            if endpoint.against is not None and endpoint.against not in set(trial.arms) - {name}:
                others = ", ".join(arm for arm in trial.arms if arm != name)
                remedy = f"Other arms: {others}" if others else "The trial has one arm only"
                yield Fault((*where, "against"), f"'{endpoint.against}' is no other arm", remedy)
            label = f"{endpoint.label()} {endpoint.source}"
            if label in seen:
                yield Fault(where, f"'{endpoint.label()}' is written twice from one source", "Keep one of the two")
            seen[label] = i
