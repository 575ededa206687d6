"""Doses that were given, as a table with the columns that the table `doses` of a run has.

One line a run of equal days of a patient. Columns that every line fills: agent, route, dose (all of a day), unit, and
day or from_day; others: patient (one if left out), to_day, hours (of infusion on a day), doses_per_day, first_hour,
last_hour. Columns of a table of one's own patients (age_y, sex, weight_kg, ...) say what is known of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from remission.knowledge.errors import BadInput
from remission.patient.own_table import KNOWN
from remission.protocol.doses import Dose, Doses, History, checked
from remission.protocol.vocabulary import ROUTES
from remission.trial.run import OnePatient, Run

from . import guarded
from .formats import Asked, Format
from .guarded import Head, Row

COLUMNS = (
    "patient", "agent", "route", "from_day", "to_day", "dose", "unit", "hours", "doses_per_day", "first_hour",
    "last_hour",
)  # fmt: skip
NEEDED = ("agent", "route", "dose", "unit")
FACTS = ("age_y", "sex", "weight_kg", "height_cm", "tpmt", "nudt15")  # of a run's patients that are written


def given_in(what: Run | OnePatient) -> pl.LazyFrame:
    """The doses of a run, or of one of its patients, that were given: no line of what was held."""
    frame = what.tables["doses"].lazy() if isinstance(what, OnePatient) else what.scan("doses")
    if "doses_per_day" not in frame.collect_schema().names():
        raise BadInput("the run was played before doses had hours", remedy="Play it again with --fresh")
    return frame.filter(pl.col("dose") > 0.0)


def people_in(what: Run | OnePatient) -> pl.LazyFrame:
    """The table `outcomes` of a run, or of one of its patients."""
    return what.tables["outcomes"].lazy() if isinstance(what, OnePatient) else what.scan("outcomes")


def write(what: Run | OnePatient | Doses, path: Path, asked: Asked) -> None:
    if isinstance(what, Doses):
        _frame(what).write_csv(path)
        return
    known = people_in(what)
    facts = [name for name in FACTS if name in known.collect_schema().names()]
    table = given_in(what).select(COLUMNS).join(known.select("patient", *facts), on="patient", maintain_order="left")
    table.sink_csv(path)


def _frame(doses: Doses) -> pl.DataFrame:
    facts = sorted({name for history in doses.histories for name in history.facts})
    rows: list[dict[str, Any]] = [
        {
            "patient": history.id, "agent": d.agent, "route": d.route, "from_day": d.day, "to_day": d.last_day,
            "dose": d.amount * d.times, "unit": d.unit, "hours": d.infusion_h * d.times, "doses_per_day": d.times,
            "first_hour": d.hour, "last_hour": d.last_hour,
            **{name: None if (fact := history.facts.get(name)) is None else str(fact) for name in facts},
        }
        for history in doses.histories for d in history.doses
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def read(path: Path) -> Doses:
    names = frozenset((*COLUMNS, "day", *KNOWN))
    return gathered(_doses(guarded.rows(path, names, NEEDED)), path)


def _doses(rows: Iterable[Row]) -> Iterator[tuple[str, Dose | None, Row, dict[str, float | str]]]:
    for row in rows:
        for name in NEEDED:
            if row.word(name) is None:
                raise row.wrong(f"no {name}", "Each line names agent, route, dose and unit")
        day = row.whole("from_day")
        day = row.whole("day") if day is None else day
        if day is None:
            raise row.wrong("no day", "Name it from_day, or day; day 0 is that of the first dose")
        times = row.whole("doses_per_day", 1, 24) or 1
        amount = row.number("dose", 0.0, unit=row.cells["unit"]) or 0.0
        last_hour = row.number("last_hour", 0.0, 24.0)
        hour = row.number("first_hour", 0.0, 24.0) or 0.0
        dose = Dose(
            day=day,
            last_day=_or(row.whole("to_day"), day),
            agent=row.cells["agent"],
            route=route_of(row),
            amount=amount / times,
            unit=row.cells["unit"],
            times=times,
            hour=hour,
            last_hour=_or(last_hour, hour + (times - 1) * (24.0 - hour) / times),
            infusion_h=(row.number("hours", 0.0, unit="hours") or 0.0) / times,
            line=row.line,
        )
        facts: dict[str, float | str] = {name: row.cells[name] for name in row.cells if name in KNOWN}
        yield row.word("patient") or "1", dose if amount > 0.0 else None, row, facts


def _or(value: Any, other: Any) -> Any:
    return other if value is None else value


def route_of(row: Row) -> Any:
    """The route as the language writes it."""
    said = row.cells["route"]
    for route in ROUTES:
        if said.upper() == route.upper():
            return route
    raise row.wrong(f"the route '{said[:20]}' is not known", f"Write one of: {', '.join(ROUTES)}")


def gathered(
    lines: Iterable[tuple[str, Dose | None, Row, dict[str, float | str]]], path: Path, notes: Iterable[str] = ()
) -> Doses:
    """Histories of patients in the order in which they come. The first line of a patient tells the facts at entry."""
    doses: dict[str, list[Dose]] = {}
    facts: dict[str, dict[str, float | str]] = {}
    first: dict[str, int] = {}
    none = 0
    for id, dose, row, known in lines:
        if id not in first:
            first[id], facts[id], doses[id] = row.line, known, []
        if dose is None:
            none += 1
        else:
            doses[id].append(checked(dose, path))
    empty = [id for id, given in doses.items() if not given]
    histories = tuple(History(id, tuple(given), facts[id], first[id]) for id, given in doses.items() if given)
    told = [f"{none:,} line{'s' if none != 1 else ''} with a dose of 0"] if none else []
    told += [f"patients without any dose, left out: {', '.join(empty[:10])}{' ...' if empty[10:] else ''}"] * bool(
        empty
    )
    return Doses(histories, str(path), (*notes, *told))


def knows(head: Head) -> bool:
    return set(NEEDED) <= head.columns


FORMAT = Format(
    name="doses",
    title="Doses that were given, a table as remission writes it",
    suffix=".csv",
    media="text/csv",
    source="docs/tables.md",
    of=("run", "patient", "doses"),
    gives="doses",
    write=write,
    read=read,
    knows=knows,
    limits=(
        "the hour of a dose is played to two hours, that of an infusion to six, of one above a day to the morning",
    ),
)
