"""What the figures of a scenario have in common: phases along time, bands of a state, words of how it is known."""

from __future__ import annotations

import polars as pl

from remission.knowledge.library import Library

from ..figure import Known
from ..language import _
from ..summary import Summary
from ..svg.chart import Band, Limit, Line, Phase
from ..svg.colours import phase_kind
from ..who import phase_name

LEAST = 0.1  # where a line lies when no cell is left: the foot of the axis


def predicted(text: str = "") -> Known:
    """How the course of virtual patients is known."""
    return Known("predicted", text or _("The model plays it. It is compared with published trials."), ())


def phases_of_life(summary: Summary, patient: int) -> list[Phase]:
    """The phases of one life, cycles of one phase joined, to the end of treatment."""
    events = summary.events.filter(pl.col("patient") == patient)
    starts = events.filter(pl.col("event") == "phase start").sort("day").select("day", "phase").rows()
    stops = events.filter(pl.col("event").is_in(["end of treatment", "relapse", "death", "left"])).sort("day")
    end = stops["day"].min() if stops.height else _last(summary, patient)
    return _joined(starts, int(end) if isinstance(end, int) else _last(summary, patient), summary.scenario.protocol)


def phases_of_most(summary: Summary) -> list[Phase]:
    """The phases that at least half of the patients came to, each from its median first day; to the last week that is
    recorded of treatment."""
    rows = summary.phases.filter(pl.col("entered") * 2 >= summary.patients).sort("q50")
    starts = [(int(day), phase) for day, phase in rows.select("q50", "phase").rows()]
    return _joined(starts, treated_days(summary), summary.scenario.protocol)


def treated_days(summary: Summary) -> int:
    """The median day on which treatment ended, among the whole lives; the last recorded day where it never did."""
    ends = summary.people["end_of_treatment_day"].drop_nulls()
    if ends.len() and isinstance(middle := ends.median(), int | float):
        return int(middle)
    last = summary.bands["day"].max()
    return int(last) if isinstance(last, int) else 0


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
            out.append(Phase(day, until, phase_name(name), phase_kind(name, protocol)))
    return [phase for phase in out if phase.end > phase.start]


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


def cell_limits(summary: Summary, knowledge: Library) -> list[Limit]:
    """Leukaemic cells in the marrow below which a test no longer finds them, for the marrow of this patient."""
    marrow = knowledge.body("leukaemia")["marrow.capacity"].value * summary.scenario.weight_kg
    seen = ((5e-2, _("seen by microscope")), (1e-4, _("found by flow cytometry")), (1e-6, _("found by sequencing")))
    return [Limit(share * marrow, says) for share, says in seen]
