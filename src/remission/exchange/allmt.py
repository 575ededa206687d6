"""Charts of maintenance as the R package allMT has them: a line a visit, with what was prescribed at it.

MP is mercaptopurine a week and MTX methotrexate a week, in mg; MP_adj and MTX_adj are percent of 60 mg/m2 a day and of
20 mg/m2 a week, so that body surface follows from dose and percent in every chart.
"""

from __future__ import annotations

import csv
import io
import math
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from remission.individual.chart import AGENTS, BASE, Chart
from remission.individual.reading import named_columns, read_text
from remission.knowledge.errors import BadInput
from remission.knowledge.writing import write_whole
from remission.patient.cohort import Ints
from remission.trial.run import OnePatient

from . import frames, guarded
from .formats import Asked, Format
from .guarded import Head

COLUMNS = ("Cycle", "Dates", "Weeks", "ANC", "PLT", "Hb", "MP", "MTX", "MP_adj", "MTX_adj", "WBC")
CYCLE_WEEKS = 12
MOST_BYTES = 2_000_000


def write(what: Chart | OnePatient, path: Path, asked: Asked) -> None:
    rows = _of_chart(what) if isinstance(what, Chart) else _of_patient(what, asked)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([["" if cell is None or cell != cell else cell for cell in row] for row in rows])
    write_whole(path, text.getvalue())


def _of_chart(chart: Chart) -> list[list[object]]:
    first = chart.week if math.isfinite(chart.week) else 1.0
    rows: list[list[object]] = []
    for v in chart.visits:
        week, told = first + v.day / 7.0, v.date.isoformat() if v.date else ""
        rows.append(
            [
                max(1, math.ceil(round(week, 6) / CYCLE_WEEKS)), told, _short(week), v.anc, v.platelets, v.haemoglobin,
                _short(7.0 * v.mercaptopurine_mg), _short(v.methotrexate_mg), *(_short(share) for share in v.percent),
                v.wbc,
            ]
        )  # fmt: skip
    return rows


def _of_patient(what: OnePatient, asked: Asked) -> list[list[object]]:
    tables = {name: frame.lazy() for name, frame in what.tables.items()}
    doses = frames.table(tables, "doses").filter((pl.col("route") == "PO") & (pl.col("planned") > 0.0)).collect()
    by_agent = {agent: doses.filter(pl.col("agent") == agent) for agent in AGENTS}
    phases = set.intersection(*(set(frame["phase"]) for frame in by_agent.values()))
    counts = frames.table(tables, "measurements").filter(pl.col("phase").is_in(list(phases))).collect().sort("day")
    if counts.is_empty():
        remedy = "Choose a patient who got mercaptopurine and methotrexate by mouth"
        raise BadInput(f"patient {what.patient} was never in maintenance", remedy=remedy)
    people = frames.table(tables, "outcomes").collect()
    days = counts["day"].to_numpy()
    surface, _ = frames.grown(people, np.full(len(days), what.patient), days)
    mg = [_prescribed(days, by_agent[agent]) for agent in AGENTS]
    rows: list[list[object]] = []
    for i, row in enumerate(counts.iter_rows(named=True)):
        told = (asked.start + timedelta(days=row["day"])).isoformat()
        week = 1.0 + (row["day"] - int(days[0])) / 7.0
        share = [100.0 * mg[k][i] / (BASE[agent] * surface[i]) for k, agent in enumerate(AGENTS)]
        rows.append(
            [
                row["cycle"], told, _short(week), *(_short(row[c]) for c in ("anc", "platelets", "haemoglobin")),
                _short(7.0 * mg[0][i]), _short(mg[1][i]), *(_short(x) for x in share), _short(row["wbc"]),
            ]
        )  # fmt: skip
    return rows


def _prescribed(days: Ints, doses: pl.DataFrame) -> list[float]:
    """mg of the dose that is prescribed on each of the days: the next that was not missed, 0 where it is held."""
    rows = doses.filter(pl.col("reason") != "missed").sort("to_day")
    ends, mg = rows["to_day"].to_numpy(), rows["dose"].to_numpy()
    if not len(ends):
        return [0.0] * len(days)
    at = np.minimum(np.searchsorted(ends, days), len(ends) - 1)
    return [float(x) for x in mg[at]]


def _short(x: float) -> float:
    return float(f"{x:.6g}")


def read(path: Path, columns: str = "", dates: str = "") -> Chart:
    """``columns``: the file's names by ours, "ANC=Neutros, MP=6MP"; ``dates``: ymd, dmy or mdy."""
    named = named_columns([part for part in columns.split(",") if part.strip()])
    return read_text(guarded.text(path, MOST_BYTES), path, named, dates or None)


def knows(head: Head) -> bool:
    has = head.columns
    return bool({"anc"} <= has and has & {"mp", "mercaptopurine", "6mp"} and has & {"dates", "date", "weeks", "week"})


FORMAT = Format(
    name="allmt",
    title="Chart of maintenance as the R package allMT has it",
    suffix=".csv",
    media="text/csv",
    source="https://cran.r-project.org/package=allMT",
    of=("patient", "chart"),
    gives="chart",
    write=write,
    read=read,
    knows=knows,
    asks={
        "columns": "the file's own names of columns: ANC=Neutros, MP=6MP",
        "dates": "ymd, dmy or mdy, where the file leaves it open",
    },
    limits=(
        "of a run the visits of phases with mercaptopurine and methotrexate by mouth",
        "percent are of 60 mg/m2 a day and 20 mg/m2 a week, also where the protocol gives other doses",
    ),
)
