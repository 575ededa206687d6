"""Event tables as NONMEM, mrgsolve and rxode2 read them: a line a dose or an observation, times in hours.

Every drug and route is a compartment of its own, numbered in alphabetical order; every count and level that is measured
has a further one, with its DVID. AGENT, ROUTE and UNIT say which is which, in words (DROP them in NONMEM, or leave them
out with ``names=no``). A missing value is a point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from remission.knowledge import limits
from remission.knowledge.errors import BadInput
from remission.patient.ranges import RANGES
from remission.protocol.doses import Dose, Doses
from remission.protocol.plan import Plan
from remission.trial.run import OnePatient, Run

from . import frames, guarded
from .doses import gathered, route_named
from .formats import Asked, Format
from .guarded import Head, Row

COUNTS = {  # DVID, in this order: name and unit
    "anc": ("ANC", "10^9/L"),
    "platelets": ("PLT", "10^9/L"),
    "haemoglobin": ("HB", "g/dL"),
    "wbc": ("WBC", "10^9/L"),
    "lymphocytes": ("LYMPH", "10^9/L"),
}
NUMBERS = (
    "ID", "TIME", "AMT", "RATE", "II", "ADDL", "SS", "CMT", "EVID", "MDV", "DV", "LLOQ", "CENS", "DVID", "WT", "BSA",
    "AGE", "SEX", "TPMT", "NUDT15",
)  # fmt: skip
NAMES = ("AGENT", "ROUTE", "UNIT")
MOST_DOSES = 1_000_000  # with all that ADDL adds
DAYS_PER_YEAR = 365.25


# --- out ---------------------------------------------------------------------------------------


def write(what: Run | OnePatient | Plan | Doses, path: Path, asked: Asked) -> None:
    names = asked.more.get("names", "yes")
    if names not in ("yes", "no"):
        raise BadInput(f"names={names}", remedy="Write names=yes or names=no")
    columns = [*NUMBERS, *(NAMES if names == "yes" else ())]
    with path.open("wb") as file:
        for number, part in enumerate(_parts(what)):
            part.select(columns).write_csv(file, include_header=number == 0, null_value=".")


def _parts(what: Run | OnePatient | Plan | Doses) -> Iterator[pl.DataFrame]:
    if isinstance(what, Plan):
        doses, who = frames.of_plan(what), what.person
        bsa = math.sqrt(who.weight_kg * who.height_cm / 3600.0)
        fixed = {"WT": who.weight_kg, "BSA": bsa, "AGE": who.age_y, "SEX": int(who.sex == "male")}
        yield _finished(_dosing(doses.lazy(), _compartments(doses)), pl.DataFrame({"patient": [0]} | fixed))
        return
    if isinstance(what, Doses):
        doses = frames.of_doses(what)
        yield _finished(_dosing(doses.lazy(), _compartments(doses)), _facts(what))
        return
    whole = what.frames if isinstance(what, Run) else {name: frame.lazy() for name, frame in what.tables.items()}
    ways = _compartments(frames.given(whole).select("agent", "route").unique().collect())
    levels: list[str] = []
    if "levels" in whole:
        levels = sorted(whole["levels"].select(pl.col("agent").unique()).collect()["agent"].to_list())
    for tables in frames.parts(what):
        people = frames.table(tables, "outcomes").sort("patient").collect()
        rows = pl.concat([_dosing(frames.given(tables), ways), _observed(tables, len(ways), levels)])
        rows = rows.sort("patient", "TIME", "EVID", "CMT")
        surface, weight = frames.grown(people, rows["patient"].to_numpy(), rows["TIME"].to_numpy() / 24.0)
        rows = rows.with_columns(WT=pl.Series(weight).round_sig_figs(5), BSA=pl.Series(surface).round_sig_figs(5))
        known = people.select(
            "patient", AGE=pl.col("age_y"), SEX=frames.word_index("sex"), TPMT=frames.word_index("tpmt"),
            NUDT15=frames.word_index("nudt15"),
        )  # fmt: skip
        yield _finished(rows, known)


def _compartments(doses: pl.DataFrame) -> dict[tuple[str, str], int]:
    ways = sorted(doses.select("agent", "route").unique().rows())
    return {(agent, route): number for number, (agent, route) in enumerate(ways, 1)}


def _dosing(doses: pl.LazyFrame, ways: dict[tuple[str, str], int]) -> pl.DataFrame:
    """A record for each run of equal doses, ID still as ``patient``."""
    cmt = pl.DataFrame(
        [(agent, route, number) for (agent, route), number in ways.items()],
        schema={"agent": pl.String, "route": pl.String, "CMT": pl.Int32}, orient="row",
    )  # fmt: skip
    rows = frames.one_by_one(doses).join(cmt.lazy(), on=["agent", "route"], how="left")
    more = pl.col("more") > 0
    return rows.select(
        "patient",
        TIME=pl.col("hour"),
        AMT=pl.col("amount"),
        RATE=pl.when(pl.col("infusion_h") > 0.0).then(pl.col("amount") / pl.col("infusion_h")).otherwise(0.0),
        II=pl.when(more).then(pl.col("interval_h")).otherwise(0.0),
        ADDL=pl.col("more").cast(pl.Int32),
        CMT=pl.col("CMT"),
        EVID=pl.lit(1, pl.Int32),
        DV=pl.lit(None, pl.Float64),
        LLOQ=pl.lit(None, pl.Float64),
        CENS=pl.lit(0, pl.Int32),
        DVID=pl.lit(0, pl.Int32),
        AGENT=pl.col("agent"),
        ROUTE=pl.col("route"),
        UNIT=pl.col("unit"),
    ).collect().sort("patient", "TIME", "CMT")  # fmt: skip


def _observed(tables: frames.Tables, ways: int, levels: list[str]) -> pl.DataFrame:
    """A record for each count, drawn in the morning, and each level; below its limit a level is censored there."""
    number = {name: place for place, name in enumerate([*COUNTS, *levels], 1)}
    counts = frames.table(tables, "measurements").unpivot(
        list(COUNTS), index=["patient", "day"], variable_name="name", value_name="DV"
    )
    names = {name: short for name, (short, _) in COUNTS.items()}
    units = {name: unit for name, (_, unit) in COUNTS.items()}
    parts = [
        counts.with_columns(
            LLOQ=pl.lit(None, pl.Float64),
            CENS=pl.lit(0, pl.Int32),
            AGENT=pl.col("name").replace_strict(names, return_dtype=pl.String),
            UNIT=pl.col("name").replace_strict(units, return_dtype=pl.String),
        )
    ]
    if "levels" in tables and levels:
        parts.append(
            tables["levels"].filter(pl.col("level").is_not_null() | pl.col("below_limit")).select(
                "patient", "day", name=pl.col("agent"),
                DV=pl.when(pl.col("below_limit")).then(pl.col("limit")).otherwise(pl.col("level")),
                LLOQ=pl.col("limit"), CENS=pl.col("below_limit").cast(pl.Int32), AGENT=pl.col("agent"),
                UNIT=pl.col("unit"),
            )
        )  # fmt: skip
    rows = pl.concat([part.select(sorted(part.collect_schema().names())) for part in parts])
    dvid = pl.col("name").replace_strict(number, return_dtype=pl.Int32)
    return rows.select(
        "patient",
        TIME=pl.col("day") * 24.0,
        AMT=pl.lit(0.0),
        RATE=pl.lit(0.0),
        II=pl.lit(0.0),
        ADDL=pl.lit(0, pl.Int32),
        CMT=dvid + ways,
        EVID=pl.lit(0, pl.Int32),
        DV=pl.col("DV"),
        LLOQ=pl.col("LLOQ"),
        CENS=pl.col("CENS"),
        DVID=dvid,
        AGENT=pl.col("AGENT"),
        ROUTE=pl.lit(None, pl.String),
        UNIT=pl.col("UNIT"),
    ).collect()  # fmt: skip


def _finished(rows: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """With everybody's covariates; ID counts from 1, as NONMEM wants it."""
    rows = rows.join(people, on="patient", how="left", maintain_order="left")
    missing = [
        pl.lit(None, pl.Float64).alias(name) for name in NUMBERS if name not in (*rows.columns, "ID", "SS", "MDV")
    ]
    return rows.with_columns(
        *missing,
        ID=pl.col("patient") + 1,
        SS=pl.lit(0, pl.Int32),
        MDV=pl.col("EVID"),
        **({"AGE": (pl.col("AGE") + pl.col("TIME") / 24.0 / DAYS_PER_YEAR).round(3)} if "AGE" in rows.columns else {}),
    )


def _facts(doses: Doses) -> pl.DataFrame:
    """What is known of the patients of a table, at entry."""
    rows: list[dict[str, Any]] = []
    for place, history in enumerate(doses.histories):
        facts = history.facts
        weight, height = (float(facts[name]) if name in facts else None for name in ("weight_kg", "height_cm"))
        sex = str(facts.get("sex", "")).lower()[:1]
        rows.append(
            {
                "patient": place, "WT": weight, "AGE": float(facts["age_y"]) if "age_y" in facts else None,
                "BSA": math.sqrt(weight * height / 3600.0) if weight and height else None,
                "SEX": {"f": 0, "m": 1}.get(sex),
            }
        )  # fmt: skip
    types = {"patient": pl.Int64, "WT": pl.Float64, "AGE": pl.Float64, "BSA": pl.Float64, "SEX": pl.Int32}
    return pl.DataFrame(rows, schema=types)


# --- in ----------------------------------------------------------------------------------------

KNOWN = frozenset(name.lower() for name in (*NUMBERS, *NAMES, "HT", "DUR", "C"))


def read(path: Path, drugs: str = "", time: str = "hours") -> Doses:
    """The doses of an event table; ``drugs``: what its compartments are, where no columns say so ("1=vincristine IV mg,
    2=mercaptopurine PO mg"); ``time``: hours or days."""
    if time not in ("hours", "days"):
        raise BadInput(f"time={time}", remedy="Write time=hours or time=days")
    table = _Table(path, _drugs(drugs), 24.0 if time == "days" else 1.0)
    kept = gathered(table.doses(guarded.rows(path, KNOWN, ("time", "amt"))), path)
    return Doses(kept.histories, kept.file, (*table.notes(), *kept.notes), kept.rules)


def _drugs(said: str) -> dict[int, tuple[str, str, str]]:
    drugs = {}
    for part in filter(None, (part.strip() for part in said.split(","))):
        number, sign, words = part.partition("=")
        cut = words.split()
        if not sign or not number.strip().isdigit() or len(cut) < 3:
            raise BadInput(f"drugs: '{part[:40]}'", remedy='Write drugs="1=vincristine IV mg, 2=mercaptopurine PO mg"')
        drugs[int(number)] = (" ".join(cut[:-2]), cut[-2], cut[-1])
    return drugs


@dataclass
class _Table:
    """Reads line by line, and counts what it passes over."""

    path: Path
    drugs: dict[int, tuple[str, str, str]]
    unit_h: float
    passed: dict[str, int] = field(default_factory=dict)
    reached: dict[str, float] = field(default_factory=dict)  # the latest TIME of every patient
    all_doses: int = 0

    def notes(self) -> Iterator[str]:
        for what, count in self.passed.items():
            yield f"{count:,} line{'s' if count != 1 else ''} passed over: {what}"

    def _pass(self, what: str) -> None:
        self.passed[what] = self.passed.get(what, 0) + 1

    def doses(self, rows: Iterable[Row]) -> Iterator[tuple[str, Dose | None, Row, dict[str, float | str]]]:
        for row in rows:
            id = row.word("id") or "1"
            if id.startswith("#") or id == "C" or row.word("c") == "C":
                self._pass("comments")
                continue
            given = row.number("amt", 0.0)
            amount = given or 0.0
            if (at := row.number("time")) is not None:
                if 0.0 <= at < self.reached.get(id, 0.0):
                    back = f"TIME goes back, from {self.reached[id]:g} to {at:g}"
                    raise row.wrong(back, "Sort each patient by TIME; after a reset go on counting from the first dose")
                self.reached[id] = at
            evid = row.whole("evid", 0, 10)
            if evid is None:
                evid = 1 if amount > 0.0 else 0
            if evid not in (1, 4):
                words = {0: "observations", 2: "other events (EVID 2)", 3: "resets (EVID 3)"}
                self._pass(words.get(evid, f"EVID {evid}"))
                continue
            if given is None:
                raise row.wrong("a dose without its amount (AMT)", "Write the amount; 0 where nothing was given")
            if evid == 4:
                self._pass("resets before a dose (EVID 4); the dose is read")
            yield from ((id, dose, row, self._facts(row)) for dose in self._of(row, amount))

    def _of(self, row: Row, amount: float) -> Iterator[Dose | None]:
        if row.number("ss", 0.0):
            raise row.wrong("a dose at steady state (SS)", "Write the doses before it out: all that was given counts")
        if amount == 0.0:
            yield None
            return
        agent, route, unit = self._what(row)
        infusion_h = self._infusion(row, amount)
        hour = row.number("time", 0.0, limits.PHASE_DAYS * 24.0 / self.unit_h)
        if hour is None:
            raise row.wrong("no TIME", "Give hours since the morning of the first dose")
        hour *= self.unit_h
        more = row.whole("addl", 0) or 0
        interval = (row.number("ii", 0.0) or 0.0) * self.unit_h
        if more and interval < 1.0:
            raise row.wrong(
                f"ADDL {more} every {interval:g} hours", "Give the hours between the doses as II, 1 or more"
            )
        if hour + more * interval >= limits.PHASE_DAYS * 24.0:
            raise row.wrong(
                f"ADDL {more} every {interval:g} hours", f"A treatment lasts at most {limits.PHASE_DAYS:,} days"
            )
        self.all_doses += 1 + more
        if self.all_doses > MOST_DOSES:
            raise row.wrong(f"more than {MOST_DOSES:,} doses, with those of ADDL", "Split the file")
        for day, last_day, times, first, last in runs(hour, more, interval):
            yield Dose(day, last_day, agent, route, amount, unit, times, first, last, infusion_h, row.line)

    def _what(self, row: Row) -> tuple[str, Any, str]:
        if row.word("agent") and row.word("route") and row.word("unit"):
            return row.cells["agent"], route_named(row, row.cells["route"]), row.cells["unit"]
        compartment = row.whole("cmt", 1) or 1
        if compartment not in self.drugs:
            remedy = (
                f'Say what it is: --option drugs="{compartment}=vincristine IV mg", or in columns AGENT, ROUTE, UNIT'
            )
            raise row.wrong(f"nothing says what is given in compartment {compartment}", remedy)
        agent, route, unit = self.drugs[compartment]
        return agent, route_named(row, route), unit

    def _infusion(self, row: Row, amount: float) -> float:
        """Hours."""
        rate, duration = row.number("rate") or 0.0, row.number("dur", 0.0) or 0.0
        if rate < 0.0:
            raise row.wrong(f"RATE is {rate:g}: the model says how long it runs in", "Give the rate, amount per hour")
        return (amount / rate if rate > 0.0 else duration) * self.unit_h

    def _facts(self, row: Row) -> dict[str, float | str]:
        """What a line says of the patient."""
        facts: dict[str, float | str] = {}
        for name, ours in (("age", "age_y"), ("wt", "weight_kg"), ("ht", "height_cm")):
            if (value := row.number(name, *RANGES[ours])) is not None:
                facts[ours] = value
        bsa, weight = row.number("bsa", *RANGES["bsa_m2"]), facts.get("weight_kg")
        if bsa and weight and "height_cm" not in facts:
            facts["height_cm"] = bsa**2 * 3600.0 / float(weight)
        if (sex := row.word("sex")) is not None:
            words = {
                "0": "female",
                "2": "female",
                "f": "female",
                "female": "female",
                "1": "male",
                "m": "male",
                "male": "male",
            }
            if sex.lower().removesuffix(".0") not in words:
                raise row.wrong(f"SEX is '{sex[:20]}'", "Write 1 or m for male, 0, 2 or f for female")
            facts["sex"] = words[sex.lower().removesuffix(".0")]
        if row.word("agent"):  # a table of this project
            for name in ("tpmt", "nudt15"):
                if (value := row.whole(name, 0, 2)) is not None:
                    facts[name] = ("normal", "intermediate", "poor")[value]
        return facts


def runs(hour: float, more: int, interval: float) -> Iterator[tuple[int, int, int, float, float]]:
    """A dose at ``hour`` and ``more`` after it, as runs of days with equal hours: first and last day, times a day,
    first and last hour of a day."""
    at = hour + interval * np.arange(more + 1)
    day = np.floor(at / 24.0 + 1e-9).astype(int)
    hours = np.maximum(at - 24.0 * day, 0.0).round(6).tolist()
    different, first, count = np.unique(day, return_index=True, return_counts=True)
    begun = 0
    for i in range(1, len(different) + 1):
        if i < len(different) and different[i] == different[i - 1] + 1 and count[i] == count[begun]:
            one, other = (slice(first[k], first[k] + count[k]) for k in (begun, i))
            if hours[one] == hours[other]:
                continue
        here = hours[first[begun] : first[begun] + count[begun]]
        yield int(different[begun]), int(different[i - 1]), int(count[begun]), float(here[0]), float(here[-1])
        begun = i


def knows(head: Head) -> bool:
    return {"time", "amt"} <= head.columns


FORMAT = Format(
    name="nonmem",
    title="Event table of NONMEM, mrgsolve and rxode2",
    suffix=".csv",
    media="text/csv",
    source="https://search.r-project.org/CRAN/refmans/rxode2et/html/et.html",
    of=("run", "patient", "plan", "doses"),
    gives="doses",
    write=write,
    read=read,
    knows=knows,
    options={"names": "yes (default): AGENT, ROUTE and UNIT in words at the end; no: numbers only"},
    asks={
        "drugs": "what the compartments are, where no columns AGENT, ROUTE and UNIT say so: 1=vincristine IV mg, 2=...",
        "time": "unit of TIME, II and RATE: hours (default) or days",
    },
    limits=(
        "of what happens to a patient it has counts and levels: no transfusion, infection, remission or relapse",
        "of a calendar only the doses that are certain; body size does not change there",
    ),
)
