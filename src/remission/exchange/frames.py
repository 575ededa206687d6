"""The tables of a run, of one of its patients or of a calendar, as formats write them: a part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from remission.engine.shards import piece, pieces
from remission.knowledge.errors import BadInput
from remission.patient.cohort import METABOLISER, SEX
from remission.patient.growth import sizes
from remission.protocol.doses import Doses
from remission.trial.run import OnePatient, Run

if TYPE_CHECKING:
    from remission.protocol.plan import Plan

AT_ONCE = 1024  # patients whose rows are in memory
GIVEN = {  # a run of equal days of a patient: columns of the table `doses`
    "patient": pl.Int64, "agent": pl.String, "route": pl.String, "from_day": pl.Int32, "to_day": pl.Int32,
    "dose": pl.Float64, "unit": pl.String, "hours": pl.Float64, "doses_per_day": pl.Int32, "first_hour": pl.Float64,
    "last_hour": pl.Float64,
}  # fmt: skip

Tables = Mapping[str, pl.LazyFrame]


def parts(what: Run | OnePatient) -> Iterator[Tables]:
    """The tables of so many whole patients at a time."""
    if isinstance(what, OnePatient):
        yield {name: frame.lazy() for name, frame in what.tables.items()}
    elif what.folder is None:
        yield what.frames
    else:
        for shards in pieces(what.manifest, AT_ONCE):
            yield piece(what.folder, what.manifest, shards)


def table(tables: Tables, name: str) -> pl.LazyFrame:
    """One of them; `BadInput` where the run did not record it."""
    if name not in tables:
        raise BadInput(f"the run has no table '{name}'", remedy="Play it again with all tables")
    return tables[name]


def given(tables: Tables) -> pl.LazyFrame:
    """The doses that were given, with the columns of `GIVEN` and others: no row of what was held."""
    frame = table(tables, "doses")
    if "doses_per_day" not in frame.collect_schema().names():
        raise BadInput("the run was played before doses had hours", remedy="Play it again with --fresh")
    return frame.filter(pl.col("dose") > 0.0)


def of_plan(plan: Plan) -> pl.DataFrame:
    """The certain doses of a calendar in the columns of `GIVEN`, equal days together; day 0 is its first day."""
    rows: list[dict[str, Any]] = []
    open_runs: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in plan.rows:
        if row.kind != "dose" or row.dose is None or row.doses_per_day is None:
            continue
        day, n = row.day - 1, row.doses_per_day
        key = (row.agent, row.route, row.dose, row.unit, n, row.infusion_h)
        if key in open_runs and open_runs[key]["to_day"] == day - 1:
            open_runs[key]["to_day"] = day
            continue
        open_runs[key] = {
            "patient": 0, "agent": row.agent, "route": row.route, "from_day": day, "to_day": day, "dose": row.dose * n,
            "unit": row.unit, "hours": (row.infusion_h or 0.0) * n, "doses_per_day": n, "first_hour": 0.0,
            "last_hour": 24.0 * (n - 1) / n,
        }  # fmt: skip
        rows.append(open_runs[key])
    return pl.DataFrame(rows, schema=GIVEN)


def of_doses(doses: Doses) -> pl.DataFrame:
    """The same of histories that were read; patients are numbered as they stand there."""
    rows = [
        (i, d.agent, d.route, d.day, d.last_day, d.amount * d.times, d.unit, d.infusion_h * d.times, d.times, d.hour,
         d.last_hour)
        for i, history in enumerate(doses.histories) for d in history.doses
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=GIVEN, orient="row")


def one_by_one(doses: pl.LazyFrame) -> pl.LazyFrame:
    """Doses as records of event tables: ``hour`` from the start of day 0 of the first, ``amount`` of each,
    ``infusion_h`` of each, and ``more`` that follow ``interval_h`` after one another."""
    n, days = pl.col("doses_per_day"), pl.col("to_day") - pl.col("from_day") + 1
    between = pl.when(n > 1).then((pl.col("last_hour") - pl.col("first_hour")) / (n - 1)).otherwise(24.0)
    even = (between - 24.0 / n).abs() < 1e-6
    rows = doses.with_columns(
        amount=pl.col("dose") / n,
        infusion_h=pl.col("hours") / n,
        number=pl.when(even).then(pl.lit([0], pl.List(pl.Int64))).otherwise(pl.int_ranges(0, n)),
        interval_h=pl.when(even).then(24.0 / n).otherwise(24.0),
        more=pl.when(even).then(n * days - 1).otherwise(days - 1),
        between=between,
    ).explode("number")
    hour = pl.col("from_day") * 24.0 + pl.col("first_hour") + pl.col("number") * pl.col("between")
    return rows.with_columns(hour=hour).drop("number", "between")


@dataclass(frozen=True)
class _Sizes:
    """What growth goes by."""

    age_y: Any
    sex: Any
    weight_kg: Any
    height_cm: Any
    bsa_m2: Any
    down: Any

    def __len__(self) -> int:
        return len(self.age_y)


def grown(people: pl.DataFrame, patients: Any, days: Any) -> tuple[Any, Any]:
    """Body surface (m2) and weight (kg) of patients, by number, on days: as the model lets them grow."""
    places = np.searchsorted(people["patient"].to_numpy(), patients)
    alike = _Sizes(
        age_y=people["age_y"].to_numpy(),
        sex=np.array([SEX.index(word) for word in people["sex"]]),
        weight_kg=people["weight_kg"].to_numpy(),
        height_cm=people["height_cm"].to_numpy(),
        bsa_m2=people["bsa_m2"].to_numpy(),
        down=people["down"].to_numpy().astype(int) if "down" in people.columns else np.zeros(people.height, dtype=int),
    )
    months = np.arange(0, int(np.max(days, initial=0)) + 61, 30)
    surface, weight = sizes(alike, months.astype(float))  # type: ignore[arg-type]
    at = np.clip(np.asarray(days, dtype=float), 0.0, None) / 30.0
    first = at.astype(int)
    share = at - first
    return tuple(  # type: ignore[return-value]
        (1.0 - share) * what[first, places] + share * what[first + 1, places] for what in (surface, weight)
    )


def word_index(column: str) -> pl.Expr:
    """A column of words as the numbers that event tables have: sex 0 female, 1 male; metaboliser 0, 1, 2."""
    words = SEX if column == "sex" else METABOLISER
    return pl.col(column).replace_strict(dict(zip(words, range(len(words)), strict=True)), return_dtype=pl.Int32)
