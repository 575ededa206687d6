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

from remission.knowledge.errors import BadInput, nearest
from remission.patient.own_table import KNOWN
from remission.protocol.doses import Dose, Doses, History, checked
from remission.protocol.vocabulary import ROUTES
from remission.trial.run import OnePatient, Run

from . import frames, guarded
from .formats import Asked, Format
from .guarded import Head, Row

NEEDED = ("agent", "route", "dose", "unit")
FACTS = ("age_y", "sex", "weight_kg", "height_cm", "tpmt", "nudt15")  # of a run's patients that are written


def write(what: Run | OnePatient | Doses, path: Path, asked: Asked) -> None:
    with path.open("wb") as file:
        for number, part in enumerate(_parts(what)):
            part.write_csv(file, include_header=number == 0)


def _parts(what: Run | OnePatient | Doses) -> Iterator[pl.DataFrame]:
    if isinstance(what, Doses):
        yield _frame(what)
        return
    for tables in frames.parts(what):
        people = frames.table(tables, "outcomes")
        facts = [name for name in FACTS if name in people.collect_schema().names()]
        known = people.select("patient", *facts)
        yield frames.given(tables).select(list(frames.GIVEN)).join(known, on="patient", maintain_order="left").collect()


def _frame(doses: Doses) -> pl.DataFrame:
    """With the patients' own names and what is known of them."""
    names = sorted({name for history in doses.histories for name in history.facts})
    ids = pl.Series([history.id for history in doses.histories], dtype=pl.String)
    table = frames.of_doses(doses)
    facts = {
        name: pl.Series([_text(history.facts.get(name)) for history in doses.histories], dtype=pl.String)
        for name in names
    }
    return table.with_columns(
        ids.gather(table["patient"]).alias("patient"),
        *(facts[name].gather(table["patient"]).alias(name) for name in names),
    )


def _text(fact: float | str | None) -> str | None:
    return None if fact is None else str(fact)


def read(path: Path) -> Doses:
    names = frozenset((*frames.GIVEN, "day", *KNOWN))
    content = guarded.text(path)
    unknown = [name for name in guarded.names_of(content) if name not in names]
    for name in unknown:
        if near := next((one for one in KNOWN if one.startswith(f"{name}_")), None) or nearest(name, KNOWN):
            raise BadInput(f"there is no column '{name}' in a table of doses", path, 1, remedy=f"Is it '{near}'?")
    told = [f"columns that are not read: {', '.join(unknown[:10])}{' ...' if unknown[10:] else ''}"] if unknown else []
    return gathered(_doses(guarded.rows_of(content, path, names, NEEDED)), path, told)


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
            route=route_named(row, row.cells["route"]),
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


def route_named(row: Row, said: str) -> Any:
    """The route as the language writes it."""
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
