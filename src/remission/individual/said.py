"""A result in words and tables, as the command line and the page show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from remission.protocol.reader import read_protocol

from . import reasons as why
from .chart import Chart
from .maintenance import maintenances, phase_of
from .result import Result

COUNT = {"anc": "ANC, 10^9/L", "platelets": "platelets, 10^9/L", "haemoglobin": "haemoglobin, g/dL",
         "wbc": "WBC, 10^9/L"}  # fmt: skip
FEW = 8.0  # guesses that are near, below which nothing is said of a visit


@dataclass(frozen=True)
class Section:
    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


def explained(chart: Chart, protocol: str, phase: str | None) -> Section:
    """The changes of the doses alone."""
    read = read_protocol(protocol)
    where = phase_of(read, phase)
    return _changes(why.table(why.reasons(chart, where)), read.id)


def matched(chart: Chart) -> tuple[str, str]:
    """The protocol whose rules explain most changes of the chart's doses, and words that say how well."""
    table = why.matches(chart.require(), maintenances())
    best = table.row(0, named=True)
    like = table.filter((pl.col("share") == best["share"]) & (pl.col("protocol") != best["protocol"]))["protocol"]
    words = f"{best['protocol']}: its rules ask for {best['explained']} of {best['changes']} changes of doses"
    words += f", and for {best['not made']} that were not made" if best["not made"] else ""
    words += f"; as well as {', '.join(like.head(3))}" if len(like) else ""
    return best["protocol"], words + ". Another one: --protocol"


def said(result: Result) -> list[Section]:
    """Why doses changed, the patient, unusual visits, the forecast, changed doses."""
    return [
        _changes(result.reasons, result.protocol),
        _patient(result),
        *([_unusual(result.moved)] if result.moved.height else []),
        _forecast(result),
        _changed(result),
    ]


def _day(row: dict[str, object]) -> str:
    when = row["date"]
    return when.isoformat() if isinstance(when, date) else f"day {row['day']}"


def _changes(table: pl.DataFrame, protocol: str) -> Section:
    rows = [
        (_day(row), str(row["change"]), str(row["doses"]), str(row["rule"]), str(row["why"]))
        for row in table.iter_rows(named=True)
    ]
    made = table.filter(pl.col("change") != "as before")
    unexplained = made.filter(pl.col("rule") == why.NO_RULE).height
    note = f"{made.height} changes, {made.height - unexplained} of them as a rule of {protocol} asks, {unexplained} not"
    headings = ("visit", "", "doses", f"rule of {protocol}", "because")
    return Section("Doses held, lowered and raised", headings, rows, note + ".")


def _patient(result: Result) -> Section:
    rows = [
        (
            str(row["number"]), f"{row['times typical']:.2f}", f"{row['90% low']:.2f} to {row['90% high']:.2f}",
            f"{row['population low']:.2f} to {row['population high']:.2f}", f"{row['told by the chart']:.0%}",
        )
        for row in result.parameters.iter_rows(named=True)
    ]  # fmt: skip
    genes = "; ".join(
        f"TPMT {row['tpmt']} and NUDT15 {row['nudt15']} {row['probability']:.0%}"
        for row in result.enzymes.head(3).iter_rows(named=True)
    )
    middle, low, high = result.missed
    note = f"Enzymes: {genes}. Tablets missed: {middle:.0%} ({low:.0%} to {high:.0%})."
    if result.posterior.person.said:
        note += f" Assumed: {'; '.join(result.posterior.person.said)}."
    headings = ("the patient, times a typical one", "median", "90 % of guesses", "90 % of people", "told by the chart")
    return Section("The patient", headings, rows, note)


def _unusual(table: pl.DataFrame) -> Section:
    rows = []
    for row in table.iter_rows(named=True):
        few = row["guesses"] < FEW
        cold = "" if few else f"{row['cold, near']:.0%} ({row['cold, all']:.0%} of all)"
        took = "" if few else f"{row['absorbed, near']:.2f} times"
        end = "the model has hardly anything like it" if few else ""
        rows.append((_day(row), f"{row['anc']:.2f}", f"{row['expected']:.2f}", cold, took, end))
    headings = ("visit", "ANC", "expected", "a cold in the 3 weeks before", "mercaptopurine absorbed then", "")
    return Section("Unusual counts, and what may have moved them", headings, rows)


def _band(row: dict[str, float], share: int, digits: int) -> str:
    return f"{row[f'{share}% low']:.{digits}f} to {row[f'{share}% high']:.{digits}f}"


def _forecast(result: Result) -> Section:
    rows = []
    for row in result.forecast.iter_rows(named=True):
        digits = {"platelets": 0, "haemoglobin": 1}.get(row["count"], 2)
        low = "" if row["below 0.5"] is None else f"{row['below 0.5']:.0%}"
        rows.append((f"{row['weeks']:g}", COUNT[row["count"]], f"{row['median']:.{digits}f}", _band(row, 50, digits),
                     _band(row, 90, digits), low))  # fmt: skip
    note = f"Doses as {result.protocol} gives them by the counts to come, begun at the last dose of the chart."
    headings = ("weeks", "count", "median", "50 %", "90 %", "below 0.5")
    return Section(f"Forecast from {result.chart.at_end}", headings, rows, note)


def _changed(result: Result) -> Section:
    rows = [
        (f"{row['weeks']:g}", f"{row['dose']:.0%}", f"{row['median']:.2f}", _band(row, 50, 2), _band(row, 90, 2),
         f"{row['below 0.5']:.0%}")
        for row in result.changed.iter_rows(named=True)
    ]  # fmt: skip
    note = "What a changed dose would do in the model: for research and teaching, never to choose a dose."
    headings = ("weeks", "of the last dose", "ANC, median", "50 %", "90 %", "below 0.5")
    return Section("If both doses were changed at the last visit", headings, rows, note)
