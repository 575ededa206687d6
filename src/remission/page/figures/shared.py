"""What the figures of a scenario have in common: phases along time, bands of a state, words of how it is known."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from remission.knowledge.library import Library

from ..figure import Known
from ..language import _, number
from ..plans import colour_of
from ..summary import Summary
from ..svg.chart import Band, Limit, Line, Phase
from ..who import phase_name

ENDS = ("end of treatment", "relapse", "death", "left")  # events after which a course is another one
SHORTEST = 4  # days of a phase that is shown
FOLLOWED = "follow-up"  # what the files call the phase in which nothing is treated any more
LEAST = 0.1  # where a line lies when no cell is left: the foot of the axis


def predicted(text: str = "") -> Known:
    """How the course of virtual patients is known."""
    return Known("predicted", text or _("The model plays it. It is compared with published trials."), ())


def phases_of_life(summary: Summary, patient: int) -> list[Phase]:
    """The phases of one life, cycles of one phase joined, to the last medicine of treatment, or to what ended it."""
    events = summary.events.filter(pl.col("patient") == patient)
    starts = events.filter(pl.col("event") == "phase start").sort("day").select("day", "phase").rows()
    stops = events.filter(pl.col("event").is_in(ENDS)).sort("day")
    end = stops["day"].min() if stops.height else _last(summary, patient)
    end = int(end) if isinstance(end, int) else _last(summary, patient)
    if stops.height and stops["event"][0] == "end of treatment":
        end = min(end, _given_until(summary).get(patient, end))
    return _until(_joined(starts, end, summary.scenario.protocol), end)


def phases_of_most(summary: Summary, followed: bool = False) -> list[Phase]:
    """The phases that at least half of the patients came to, each from its median first day, to the end of treatment;
    with the years in which one is only ``followed``, if asked for. The last of them ends where most leave it: some for
    one phase, some for another, so that none comes after it that half of them have in common."""
    rows = summary.phases.filter(pl.col("entered") * 2 >= summary.patients).sort("q50")
    starts = [(int(day), phase) for day, phase in rows.select("q50", "phase").rows()]
    treated = treated_days(summary)
    phases = _joined(starts, _left(summary, starts[-1]) if starts else 0, summary.scenario.protocol)
    return phases if followed else _until(phases, treated)


def treated_days(summary: Summary) -> int:
    """The median day on which the last medicine was given, among the whole lives whose treatment came to its end (all,
    where it never did); the last recorded day where none is given."""
    given = _given_until(summary)
    ended = summary.people.filter(pl.col("end_of_treatment_day").is_not_null())["patient"]
    days = sorted(given[patient] for patient in ended if patient in given) or sorted(given.values())
    last = summary.bands["day"].max()
    return days[len(days) // 2] if days else int(last) if isinstance(last, int) else 0


def _given_until(summary: Summary) -> dict[int, int]:
    """Of each whole life the day after the last on which a medicine of the treatment was given."""
    treated = (pl.col("amount") > 0) & ~pl.col("phase").str.ends_with(FOLLOWED)
    rows = summary.doses.filter(treated).group_by("patient").agg(pl.col("to_day").max() + 1)
    return dict(rows.rows())


def _left(summary: Summary, last: tuple[int, str]) -> int:
    """The median day on which the whole lives left a phase (the last common one, from its first day), whatever for."""
    begun, phase = last
    days = []
    for _patient, rows in summary.events.filter(pl.col("event").is_in(["phase start", *ENDS])).group_by("patient"):
        mine = rows.sort("day").select("day", "event", "phase").rows()
        there = [day for day, event, name in mine if event == "phase start" and name == phase]
        if there:
            after = [day for day, event, name in mine if day > there[-1] or (day == there[-1] and event in ENDS)]
            days.append(min((day for day in after), default=there[-1]))
    return max(begun, sorted(days)[len(days) // 2]) if days else treated_days(summary)


def _until(phases: list[Phase], end: float) -> list[Phase]:
    """The phases up to a day."""
    return [replace(phase, end=min(phase.end, end)) for phase in phases if phase.start < end]


def _last(summary: Summary, patient: int) -> int:
    day = summary.lives.filter(pl.col("patient") == patient)["day"].max()
    return int(day) if isinstance(day, int) else 0


def _joined(starts: list[tuple[int, str]], end: int, protocol: str) -> list[Phase]:
    out: list[Phase] = []
    for i, (day, name) in enumerate(starts):
        until = starts[i + 1][0] if i + 1 < len(starts) else max(end, day)
        if out and out[-1].name == phase_name(name):
            out[-1] = Phase(out[-1].start, until, out[-1].name, out[-1].kind)
        else:
            out.append(Phase(day, until, phase_name(name), colour_of(name, protocol)))
    return _seen(out)


def _seen(phases: list[Phase]) -> list[Phase]:
    """Without those of a day or two, in which a plan only chooses or waits: they belong to the next one."""
    out: list[Phase] = []
    begun: float | None = None
    for i, phase in enumerate(phases):
        start = phase.start if begun is None else begun
        if phase.end - start < SHORTEST and i + 1 < len(phases):
            begun = start
        elif phase.end > start:
            out.append(replace(phase, start=start))
            begun = None
    return out


def band(
    summary: Summary, state: str, last: float, kind: str, power: bool = False, named: bool = True
) -> tuple[list[Band], list[Line]]:
    """The middle half, nine of ten, and the middle of a state; ``power``: 10 to it (None, where no cell is left, lies
    at the foot of the axis); ``named``: with words for what they are."""
    rows = summary.bands.filter((pl.col("state") == state) & (pl.col("day") <= last)).sort("day")
    x = rows["day"].to_list()

    def numbers(name: str) -> list[float | None]:
        values = rows[name].to_list()
        return [10.0**v if v is not None else LEAST for v in values] if power else values

    return (
        [
            Band(x, numbers("q05"), numbers("q95"), kind, _("9 of 10 patients") if named else "", pale=True),
            Band(x, numbers("q25"), numbers("q75"), kind, _("half of the patients") if named else ""),
        ],
        [Line(x, numbers("q50"), kind, _("the patient in the middle") if named else "")],
    )


def life(
    summary: Summary, patient: int, state: str, last: float, power: bool = False
) -> tuple[list[float], list[float | None]]:
    """Days and values of one life's state."""
    rows = summary.lives.filter(
        (pl.col("patient") == patient) & (pl.col("state") == state) & (pl.col("day") <= last)
    ).sort("day")  # fmt: skip
    values = rows["value"].to_list()
    return rows["day"].to_list(), [10.0**v if v is not None else LEAST for v in values] if power else values


def value_on(summary: Summary, state: str, day: float) -> dict[str, float | None] | None:
    """The quantiles of a state on the recorded day nearest to a day, if one lies within a week."""
    rows = summary.bands.filter(pl.col("state") == state)
    near = rows.filter((pl.col("day") - day).abs() <= 7).sort((pl.col("day") - day).abs())
    return near.row(0, named=True) if near.height else None


def of_hundred(n: float) -> str:
    """A natural frequency: whole numbers, and words for what is less than one."""
    if n <= 0:
        return number(0)
    return number(round(n)) if n >= 0.5 else _("fewer than 1")


def cell_limits(summary: Summary, knowledge: Library) -> list[Limit]:
    """Leukaemic cells in the marrow below which a test no longer finds them, for the marrow of this patient."""
    marrow = knowledge.body("leukaemia")["marrow.capacity"].value * summary.scenario.weight_kg
    seen = ((5e-2, _("seen by microscope")), (1e-4, _("found by flow cytometry")), (1e-6, _("found by sequencing")))
    return [Limit(share * marrow, says) for share, says in seen]
