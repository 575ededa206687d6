"""The course of one virtual patient, and that of a thousand like it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from remission.knowledge.library import Library

from .. import who
from ..figure import Figure, Table
from ..language import _, ngettext, number
from ..summary import Summary
from ..svg import axis
from ..svg.chart import Band, Dot, Limit, Line, Mark, Panel, Zone, chart
from . import shared

DAYS = {"anc": 8.0, "platelets": 500.0}  # the top of the axes, 10^9/L
TESTS = 40  # dots: the first ones, which come often
EVERY = 28  # days from row to row of the tables


def course(summary: Summary, patient: int, knowledge: Library, day: float | None = None) -> Figure:
    """Leukaemia, neutrophils and platelets of one life to the end of treatment; a mark on a day."""
    phases = shared.phases_of_life(summary, patient)
    last = max([phase.end for phase in phases], default=1) + 28
    panels = [
        _leukaemia(summary, knowledge, lines=[_line(summary, patient, "log10_blasts_marrow", last, "leukaemia", True)]),
        _counts(summary, patient, "anc", last, "neutrophils", _("Neutrophils, 10⁹ per litre"), [0.5]),
        _counts(summary, patient, "platelets", last, "platelets", _("Platelets, 10⁹ per litre"), [10]),
    ]
    marks = [Mark(day, _("day {day}").format(day=number(day + 1)))] if day is not None else []
    ended = shared.treated_days(summary)
    finding = _what_came(summary, patient, knowledge, last)
    return Figure(
        id="course",
        finding=finding,
        svg=chart(
            finding,
            _("Leukaemic cells, neutrophils and platelets of one virtual patient under the phases of treatment."),
            axis.time(0, last), panels, phases, marks,
        ),
        reading=_("The lines show the true numbers in this body, the dots what the first blood tests said.") + " "
        + _how_low(shared.life(summary, patient, "anc", last)[1]),
        table=_life_table(summary, patient, last),
        known=shared.predicted(),
        phases=tuple(phases),
        about=_("Virtual patient {patient} of those like {who}; treatment lasts about {months} months.").format(
            patient=number(patient + 1), who=who.called(summary.scenario), months=number(round(ended / 30.44))
        ),
    )  # fmt: skip


def ends_badly(summary: Summary, patient: int) -> bool:
    """Does the course of this life show a relapse or a death? Families are asked before they see it."""
    last = max([phase.end for phase in shared.phases_of_life(summary, patient)], default=1) + 28
    mine = (pl.col("patient") == patient) & (pl.col("day") <= last) & pl.col("event").is_in(["relapse", "death"])
    return not summary.events.filter(mine).is_empty()


def _what_came(summary: Summary, patient: int, knowledge: Library, last: float) -> str:
    """What became of the leukaemia of one life, as the microscope would see it, to the end of the picture."""
    events = summary.events.filter((pl.col("patient") == patient) & (pl.col("day") <= last))
    ends = {row["event"]: row for row in events.sort("day", descending=True).iter_rows(named=True)}
    if relapse := ends.get("relapse"):
        return (
            _("One virtual patient: the leukaemia comes back in month {n}")
            if relapse["detail"] in ("marrow", "combined")
            else _("One virtual patient: the leukaemia comes back in month {n}, outside the marrow")
        ).format(n=_month(relapse["day"]))
    if death := ends.get("death"):
        return _("One virtual patient, who died in month {n}").format(n=_month(death["day"]))
    days, cells = shared.life(summary, patient, "log10_blasts_marrow", last, power=True)
    seen = shared.cell_limits(summary, knowledge)[0].at
    hidden = next((day for day, n in zip(days, cells, strict=True) if n is not None and n < seen), None)
    if hidden is None:
        return _("One virtual patient: the microscope goes on finding leukaemia")
    if hidden == days[0]:
        return _("One virtual patient: the microscope finds no leukaemia from the start, the treatment goes on")
    weeks = math.ceil(hidden / 7)
    return ngettext(
        "One virtual patient: after {n} week the microscope finds no leukaemia, the treatment goes on",
        "One virtual patient: after {n} weeks the microscope finds no leukaemia, the treatment goes on", weeks,
    ).format(n=number(weeks))  # fmt: skip


def _month(day: int) -> str:
    return number(int(day / 30.44) + 1)


def _how_low(neutrophils: list[float | None]) -> str:
    """How often they fall below 0.5, each time once however long it lasts."""
    low = [n is not None and n < 0.5 for n in neutrophils]
    times = sum(now and not before for before, now in zip([False, *low], low, strict=False))
    if times > 2:
        return _("Neutrophils are very low again and again.")
    return _("Neutrophils are very low for a time.") if times else _("Neutrophils are hardly ever very low.")


def thousand(summary: Summary, knowledge: Library) -> Figure:
    """The spread of leukaemia and neutrophils among all the patients."""
    phases = shared.phases_of_most(summary)
    last = max([phase.end for phase in phases], default=1)
    bands, lines = shared.band(summary, "log10_blasts_marrow", last, "leukaemia", power=True)
    anc, middle = shared.band(summary, "anc", last, "neutrophils", named=False)
    panels = [
        _leukaemia(summary, knowledge, lines=lines, bands=bands),
        Panel(axis.linear(0, DAYS["anc"], _("Neutrophils, 10⁹ per litre")), middle, anc, [_very_low()]),
    ]
    finding = _("The same treatment, many patients: no two courses are the same")
    rows = summary.bands.filter(
        pl.col("state").is_in(["anc", "log10_blasts_marrow"]) & (pl.col("day") % EVERY == 0) & (pl.col("day") <= last)
    ).sort("state", "day")  # fmt: skip
    called = {"anc": _("neutrophils, 10⁹/L"), "log10_blasts_marrow": _("leukaemic cells, log10")}
    table = Table(
        (_("What"), _("Day"), _("5% lie below"), _("Middle"), _("95% lie below"), _("Patients")),
        tuple(
            (called[state], float(day + 1), *(_cell(value) for value in (low, middle_, high)), float(n))
            for state, day, low, middle_, high, n in rows.select("state", "day", "q05", "q50", "q95", "n").rows()
        ),
        _("Neutrophils and leukaemic cells of all the patients, every four weeks"),
    )
    return Figure(
        id="thousand",
        finding=finding,
        svg=chart(
            finding, _("Bands of leukaemic cells and neutrophils over time."), axis.time(0, last), panels, phases
        ),
        reading=_("In the dark band are half of the patients, in the pale one nine of ten."),
        table=table,
        known=shared.predicted(),
        phases=tuple(phases),
        about=who.about(summary),
    )


def small(summary: Summary, knowledge: Library, day: float) -> Figure:
    """The weeks around a day: leukaemia and counts of all the patients, with a line on the day."""
    first, last = max(0.0, day - 28), day + 28
    panels: list[Panel] = []
    for state, kind, label, top, limits in (
        ("anc", "neutrophils", _("Neutrophils, 10⁹ per litre"), DAYS["anc"], [_very_low()]),
        ("platelets", "platelets", _("Platelets, 10⁹ per litre"), DAYS["platelets"],
         [Limit(10, _("below 10: very low"))]),
        ("haemoglobin", "haemoglobin", _("Haemoglobin, g/dL"), 16.0, []),
    ):
        bands, lines = shared.band(summary, state, last, kind, named=not panels)
        panels.append(Panel(axis.linear(0, top, label), lines, bands, limits, height=110))
    phases = [phase for phase in shared.phases_of_most(summary) if phase.end > first and phase.start < last]
    marks = [Mark(day, _("day {day}").format(day=number(day + 1)))]
    now = {state: shared.value_on(summary, state, day) for state in ("anc", "platelets", "haemoglobin")}
    called = {"anc": _("neutrophils, 10⁹/L"), "platelets": _("platelets, 10⁹/L"), "haemoglobin": _("haemoglobin, g/dL")}
    finding = _("The blood around this day, in patients like this one")
    return Figure(
        id="around",
        finding=finding,
        svg=chart(finding, _("Neutrophils, platelets and haemoglobin four weeks before and after the day."),
                  axis.time(first, last), panels, phases, marks),
        reading=_("The line down is this day. In the dark band are half of the patients, in the pale one nine of ten."),
        table=Table(
            (_("What"), _("5% lie below"), _("Middle"), _("95% lie below")),
            tuple(
                (called[state], *(_cell(row[q]) for q in ("q05", "q50", "q95"))) for state, row in now.items() if row
            ),
            _("Counts on the recorded day nearest to it"),
        ),
        known=shared.predicted(),
        phases=tuple(phases),
        about=who.about(summary),
    )  # fmt: skip


def _very_low() -> Limit:
    return Limit(0.5, _("below 0.5: very low"))


def _leukaemia(summary: Summary, knowledge: Library, lines: Sequence[Line], bands: Sequence[Band] = ()) -> Panel:
    y = axis.powers(shared.LEAST, 1e13, _("Leukaemic cells in the body's marrow"), every=2)
    limits = shared.cell_limits(summary, knowledge)
    return Panel(y, lines, bands, limits, height=190, floor=_("no leukaemic cell left"))


def _line(summary: Summary, patient: int, state: str, last: float, kind: str, power: bool = False) -> Line:
    return Line(*shared.life(summary, patient, state, last, power), kind)


def _counts(
    summary: Summary, patient: int, state: str, last: float, kind: str, label: str, limits: list[float]
) -> Panel:
    rows = summary.measurements.filter(
        (pl.col("patient") == patient) & (pl.col("test") == state) & (pl.col("day") <= last)
    )
    top = DAYS[state]
    counted = rows.select("day", "value").rows()[:TESTS] if state == "anc" else []
    dots = [Dot(day, min(value, top), kind) for day, value in counted]
    said = [Limit(at, _("below {count}: very low").format(count=number(at))) for at in limits]
    zones = [Zone(0.5, 1.5, "")] if state == "anc" else []
    lines = [_line(summary, patient, state, last, kind)]
    return Panel(axis.linear(0, top, label), lines, (), said, zones, dots, height=120)


def _life_table(summary: Summary, patient: int, last: float) -> Table:
    states = {"log10_blasts_marrow": _("Leukaemic cells, log10"), "anc": _("Neutrophils, 10⁹/L"),
              "platelets": _("Platelets, 10⁹/L"), "haemoglobin": _("Haemoglobin, g/dL")}  # fmt: skip
    rows = summary.lives.filter((pl.col("patient") == patient) & (pl.col("day") % EVERY == 0) & (pl.col("day") <= last))
    days = sorted(set(rows["day"]))
    values = {(state, day): value for state, day, value in rows.select("state", "day", "value").rows()}
    return Table(
        (_("Day"), *states.values()),
        tuple((float(day + 1), *(_cell(values.get((state, day))) for state in states)) for day in days),
        _("This virtual patient, every four weeks"),
    )


def _cell(value: float | None) -> str | float:
    return _("none left") if value is None else float(f"{value:.3g}")
