"""Charts of virtual patients, whose truth is known: what a fit is tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from remission.engine.play import Options, play
from remission.engine.program import prepare
from remission.knowledge.library import Library, library
from remission.patient.cohort import Floats
from remission.protocol.reader import read_protocol

from .chart import AGENTS, COUNTS, NAN, Chart, Visit
from .forward import SCORES, Facts, Person, who
from .maintenance import PROTOCOL, phase_of

FACTS = Facts(age_y=6.0, sex="female", weight_kg=21.0, height_cm=115.0)
NOBODY = Chart("nobody", (Visit(0, 0),), 1.0)


def virtual_charts(
    scores: Floats, *, seed: int, weeks: int = 96, facts: Facts = FACTS, protocol: str = PROTOCOL, wbc: bool = False,
    knowledge: Library | None = None,
) -> list[Chart]:  # fmt: skip
    """One chart for each row of ``scores`` (N, len(SCORES)): the patient under a protocol's maintenance in closed loop
    with chance, who has the enzymes of ``facts`` (normal). ``wbc``: with leukocytes. Whoever dies has a chart up to
    then."""
    known = knowledge or library()
    person = who(NOBODY, facts)
    read = read_protocol(protocol, known)
    phase = phase_of(read)
    cycles = -(-7 * weeks // phase.days)
    phase = replace(phase, repeat_times=cycles, repeat_until=(), next=None, start_when=None, rest_days=0)
    alone = replace(read, phases=(phase,), eligible=None, on_relapse=None)
    days = 7 * weeks
    options = Options(follow_up_days=days, record=("measurements", "doses"), side_effects=False)
    tables = play(prepare(alone, known), person.guesses(scores), seed=seed, options=options, knowledge=known)
    return [
        _chart(f"virtual {i}", tables["measurements"].filter(pl.col("patient") == i),
               tables["doses"].filter(pl.col("patient") == i), person, wbc)
        for i in range(len(scores))
    ]  # fmt: skip


def _chart(name: str, counts: pl.DataFrame, doses: pl.DataFrame, person: Person, wbc: bool) -> Chart:
    mg = [_prescribed(counts["day"].to_list(), doses, agent) for agent in AGENTS]
    visits = []
    for i, row in enumerate(counts.iter_rows(named=True)):
        told: dict[str, Any] = {name: float(row[name]) for name in COUNTS if wbc or name != "wbc"}
        visits.append(
            Visit(i + 2, int(row["day"]), mercaptopurine_mg=mg[0][i], methotrexate_mg=mg[1][i], **told,
                  weight_kg=float(person.typical.weight_kg[0]), height_cm=float(person.typical.height_cm[0]))
        )  # fmt: skip
    return Chart(name, tuple(visits), 1.0)


def _prescribed(days: Sequence[int], doses: pl.DataFrame, agent: str) -> list[float]:
    """What is prescribed on each of the days: the next dose that was not missed, held ones as 0."""
    rows = doses.filter((pl.col("agent") == agent) & (pl.col("route") == "PO"))
    rows = rows.filter((pl.col("planned") > 0.0) & (pl.col("reason") != "missed"))
    if not rows.height:
        return [NAN] * len(days)
    ends, mg = rows.sort("to_day")["to_day"].to_numpy(), rows.sort("to_day")["dose"].to_numpy()
    at = np.minimum(np.searchsorted(ends, np.asarray(days)), len(ends) - 1)
    return [float(x) for x in mg[at]]


def people(n: int, seed: int) -> Floats:
    """Scores of ``n`` people of the population."""
    return np.random.default_rng(seed).standard_normal((n, len(SCORES)))


