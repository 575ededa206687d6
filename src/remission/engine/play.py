"""Plays any number of patients through a program: blocks on all cores, tables out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from remission.body.second_cancer import second_cancer
from remission.compiled import core
from remission.knowledge.agent import Agent
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library
from remission.patient.cohort import LINEAGE, METABOLISER, SEX, Cohort
from remission.protocol.model import Protocol

from . import lanes
from .eligible import COLUMN
from .layout import Layout
from .program import VARIABLES, Program, prepare

state = core.words
OUTCOMES: tuple[str, ...] = state.Outcome
EVENTS: tuple[str, ...] = state.Event
REASONS: tuple[str, ...] = state.Reason
SITES = ("marrow", "CNS", "combined")
HARDNESS = ("mild", "moderate", "hard")  # of a cold: below 0.5, below 1.5 of what a mean one takes of proliferation
MRD_SITES = ("marrow", "blood")
SECOND_CANCER = "second_cancer"  # the side effect
TABLES = ("outcomes", "measurements", "mrd", "doses", "events", "states", "side_effects", "levels")
COMPARISONS = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
MAX_TREATMENT_DAYS = 5 * 366  # of a first line; where a relapse is treated, to the end of the follow-up


@dataclass(frozen=True)
class Options:
    """How far and how much: follow-up in days from the first treatment, chance on or off, tables to keep; ``refine``
    divides every step of the engine, to see how far a result is from the equations."""

    follow_up_days: int = 3653
    chance: bool = True
    record: tuple[str, ...] = TABLES
    refine: int = 1
    daily_until: int = 0  # day before which states are recorded daily, then weekly
    side_effects: bool = True  # those by hazard; crs and neurotoxicity are part of the immune system


def play(
    program: Program,
    cohort: Cohort,
    *,
    seed: int,
    threads: int | None = None,
    options: Options | None = None,
    knowledge: Library | None = None,
    plan: Layout | None = None,
    timings: dict[str, float] | None = None,
    begins: Any = None,
    drawn: Callable[[], None] = lambda: None,
) -> dict[str, pl.DataFrame]:
    """Play every patient of the cohort; one table per name in ``options.record``, sorted by patient and day.
    ``timings``: the seconds that the core spends in each step of the day (of all threads together) are added there.

    A patient's rows depend on the program, the patient's own columns, the seed and the options only: not on the
    other patients, the number of threads or the order. ``plan``: that of `plan_of`, made once for many cohorts.
    ``begins``: for each patient the place of the phase in which he begins; all begin in the first when left out.
    ``drawn`` is called when every number of every patient is drawn: from now on the compiled core has the time."""
    not_forked()
    options, shelf = options or Options(), knowledge or library()
    order = _alike(program, cohort)
    cohort, begins = cohort.take(order), None if begins is None else np.asarray(begins)[order]
    plan = plan or plan_of(program, options, shelf)
    plan, columns = lanes.build(program, cohort, shelf, seed=seed, plan=plan, begins=begins)
    days = options.follow_up_days
    drawn()
    result, records, spent = core.play(
        program.tables,
        plan,
        columns,
        treatment_days=days if program.on_relapse >= 0 else min(days, MAX_TREATMENT_DAYS),
        follow_up_days=days,
        chance=options.chance,
        keep=sum(1 << k for k, table in enumerate(state.RecordTable) if table in options.record),
        seed=seed,
        threads=threads or cores(),
        order=orders(program),
        timings=timings is not None,
        daily_until=options.daily_until,
    )
    del columns  # much memory, and so are the records that are tables already
    if timings is not None:
        for step, seconds in zip(state.DAY, spent, strict=True):
            timings[step] = timings.get(step, 0.0) + seconds
    second = second_cancer(shelf.body("second_cancer"), cohort, seed).day if options.chance else None
    return tables(program, cohort, result, records, options, plan, shelf, second)


_played_in: int | None = None  # process


def not_forked() -> None:
    """`BadInput` in a process that was forked from one that had played: the threads with which Polars makes tables are
    not there, and it would wait for them for ever."""
    global _played_in
    if _played_in not in (None, os.getpid()):
        raise BadInput(
            "this process was forked from one that had already simulated: the threads that make tables are not in it",
            remedy="Start processes with multiprocessing.get_context('spawn'), or fork before the first simulation",
        )
    _played_in = os.getpid()


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan_of(program: Program, options: Options, knowledge: Library) -> Layout:
    """How every block of a run lies in memory."""
    return lanes.plan_of(program, knowledge, refine=options.refine, side_effects=options.side_effects)


def _alike(program: Program, cohort: Cohort) -> Any:
    """An order in which patients whom the protocol treats alike (by sex, age, CNS, ...) stand side by side: a block is
    done when the last of its patients is, and an agent is computed while any of them has it on board."""
    key = np.zeros(len(cohort), dtype=np.int64)
    terms = program.tables.terms
    for variable, code, value in sorted({(int(x["variable"]), int(x["code"]), float(x["value"])) for x in terms}):
        name = VARIABLES[variable] if variable < len(VARIABLES) else ""
        if code < len(COMPARISONS) and name in COLUMN:
            key = 2 * key + COMPARISONS[code](np.asarray(getattr(cohort, COLUMN[name]), dtype=float), value)
    return np.argsort(key, kind="stable")


def orders(program: Program) -> list[tuple[int, int, list[int]]]:
    """How the core sorts a patient's records, table by table: the column of the day, that of a second number or -1, and
    the ranks of what this one stands for."""

    def ranks(words: Sequence[Any]) -> list[int]:
        known = {word: rank for rank, word in enumerate(sorted(set(words)))}
        return [known[word] for word in words]

    by_day: tuple[int, int, list[int]] = (1, -1, [])
    known = {
        state.MRD: (1, 3, ranks(MRD_SITES)),
        state.DOSES: (2, 1, ranks([(agent, route) for _, agent, route in program.slots])),
        state.SIDE: (2, 1, ranks(_side_effects(program))),
        state.LEVELS: (1, 5, ranks([agent.agent for agent in program.agents])),
    }
    return [known.get(table, by_day) for table in range(len(state.RecordTable))]


def _side_effects(program: Program) -> list[str]:
    return ["crs", "neurotoxicity", *(effect.side_effect for effect in program.side_effects)]


def tables(
    program: Program,
    cohort: Cohort,
    result: Any,
    records: list[Any],
    options: Options,
    plan: Layout,
    shelf: Library,
    second: Any,
) -> dict[str, pl.DataFrame]:
    """The core's records, columns sorted by patient and day (`orders`), as tables with words in place of numbers. A
    record that has become a table is taken out of ``records``. ``second``: day of a second cancer, or None."""
    n = len(cohort)
    phases = pl.Series(program.phases, dtype=pl.String)

    def frame(k: int, build: Any) -> pl.DataFrame:
        columns, records[k] = records[k], None
        return pl.DataFrame({"patient": columns[0].astype(np.int64)} | build(columns))

    def phase(rows: Any, column: int = 2) -> Any:
        return phases.gather(rows[column].astype(np.uint32))

    def whole(rows: Any, column: int) -> Any:
        return rows[column].astype(np.int32)

    def phase_day(rows: Any, column: int) -> Any:
        """Day of the phase; null while a patient waits for it."""
        return pl.Series(whole(rows, column)).set(pl.Series(rows[column] < 1), None)

    def words(table: Any, values: Any) -> Any:
        return pl.Series(list(table), dtype=pl.String).gather(values.astype(np.uint32))

    out: dict[str, pl.DataFrame] = {}
    result = result[:n]
    out["outcomes"] = _outcomes(program, cohort, result, plan, second).sort("patient")
    if "measurements" in options.record:
        names = ("anc", "platelets", "haemoglobin", "wbc", "lymphocytes", "blood_blasts")
        out["measurements"] = frame(
            state.MEASUREMENTS,
            lambda r: (
                {"day": whole(r, 1), "phase": phase(r), "phase_day": phase_day(r, 3), "cycle": whole(r, 4)}
                | {name: r[5 + i] for i, name in enumerate(names)}
            ),
        )
    if "mrd" in options.record:
        out["mrd"] = frame(
            state.MRD,
            lambda r: {
                "day": whole(r, 1),
                "phase": phase(r),
                "phase_day": phase_day(r, 6),
                "cycle": whole(r, 7),
                "site": words(MRD_SITES, r[3]),
                "true_fraction": r[4],
                "reported_fraction": r[5],
                "detected": r[5] > 0.0,
            },
        )
    if "doses" in options.record:
        slots = program.slots
        unit = {a.agent: a.pharmacokinetics.amount for a in program.agents}
        out["doses"] = frame(
            state.DOSES,
            lambda r: {
                "agent": words([s[1] for s in slots], r[1]),
                "route": words([s[2] for s in slots], r[1]),
                "phase": words([s[0] for s in slots], r[1]),
                "from_day": whole(r, 2),
                "to_day": whole(r, 3),
                "dose": r[4],
                "planned": r[7],
                "unit": words([unit[s[1]] for s in slots], r[1]),
                "hours": r[8],
                "doses_per_day": whole(r, 9),
                "first_hour": r[10],
                "last_hour": r[11],
                "factor": r[5],
                "reason": words(REASONS, r[6]),
            },
        )
    if "events" in options.record:
        out["events"] = frame(state.EVENTS, lambda r: _events(program, r, whole, phase, words))
    if "side_effects" in options.record:
        effects = _side_effects(program)
        out["side_effects"] = frame(
            state.SIDE,
            lambda r: {
                "day": whole(r, 2),
                "side_effect": words(effects, r[1]),
                "grade": r[4].astype(np.int8),
                "to_day": whole(r, 3),
            },
        )
        if options.side_effects:
            out["side_effects"] = _with_cancers(out["side_effects"], out["outcomes"], shelf)
    if "levels" in options.record:
        out["levels"] = frame(
            state.LEVELS,
            lambda r: (
                {"day": whole(r, 1), "phase": phase(r), "phase_day": phase_day(r, 3), "cycle": whole(r, 4)}
                | _levels(program, shelf, r)
            ),
        )
    if "states" in options.record:
        with np.errstate(divide="ignore"):
            out["states"] = frame(
                state.STATES,
                lambda r: (
                    {
                        "day": whole(r, 1),
                        "anc": r[2],
                        "platelets": r[3],
                        "haemoglobin": r[4],
                        "lymphocytes": r[5],
                        "log10_blasts_marrow": np.log10(r[6]),
                        "log10_blasts_cns": np.log10(r[7]),
                        "marrow_blast_fraction": r[8],
                    }
                    | (_living(r) if plan.living else {})
                    | _clones(r, plan)
                ),
            )
    return out


def _levels(program: Program, shelf: Library, r: Any) -> dict[str, Any]:
    """Measured plasma levels; null below what the assay can quantify, where that is known."""
    agents, number = program.agents, r[5].astype(np.uint32)
    names = [agent.agent for agent in agents]
    units = [agent.pharmacokinetics.concentration for agent in agents]
    limits = np.array([limit_of_quantification(shelf, agent) for agent in agents])[number]
    level = pl.Series(r[6])
    with np.errstate(invalid="ignore"):
        below = pl.Series(r[6] < limits)
    return {
        "agent": pl.Series(names, dtype=pl.String).gather(number),
        "level": level.set(below, None),
        "unit": pl.Series(units, dtype=pl.String).gather(number),
        "limit": pl.Series(limits).fill_nan(None),
        "below_limit": below,
    }


def limit_of_quantification(shelf: Library, agent: Agent) -> float:
    """The lowest plasma level of an agent that its assay can tell, in the agent's unit; nan where none is known."""
    assays, path = shelf.body("assays"), f"levels.limit.{agent.agent}"
    return assays[path].to_unit(agent.pharmacokinetics.concentration) if path in assays else np.nan


def _living(r: Any) -> dict[str, Any]:
    """States of the immune system and of grafts, where they are played."""
    names = ("car_t_copies", "cytokine_pg_ml", "b_cells", "igg_g_l", "donor_share", "normal_marrow")
    return {name: r[9 + i] for i, name in enumerate(names)}


def _clones(r: Any, plan: Layout) -> dict[str, Any]:
    """Cells of the clones that escape an agent of the plan."""
    known = {"log10_t315i": (15, plan.t315i), "log10_cd19_negative": (16, plan.without_cd19)}
    return {name: np.log10(r[column]) for name, (column, clone) in known.items() if clone >= 0}


def _events(program: Program, r: Any, whole: Any, phase: Any, words: Any) -> dict[str, Any]:
    """Columns of the events; the detail is a word of a list, or a number written out."""
    kind, value = r[3].astype(int), r[4]
    details: list[str] = [""]
    number = np.zeros(len(kind), dtype=np.uint32)

    def say(names: tuple[str, ...], texts: tuple[str, ...] | list[str]) -> None:
        rows = np.isin(kind, [EVENTS.index(name) for name in names])
        number[rows] = len(details) + value[rows].astype(int)
        details.extend(texts)

    def write(names: tuple[str, ...], form: Any) -> None:
        rows = np.isin(kind, [EVENTS.index(name) for name in names])
        different, which = np.unique(value[rows], return_inverse=True)
        number[rows] = len(details) + which
        details.extend(form(x) for x in different)

    say(("hold", "resume", "raise", "reduce", "stop"), program.rules)
    say(("relapse",), SITES)
    say(("left",), program.left_for)
    say(("phase start", "goes to", "not eligible", "begins again"), program.phases)
    say(("death",), causes(program))
    say(("collection", "infusion", "transplant", "graft failure"), [agent.agent for agent in program.agents])
    say(("cold",), HARDNESS)
    write(("gate delay",), lambda x: f"{x:.0f} days")
    write(("red cell transfusion", "platelet transfusion"), lambda x: f"{x:g} mL/kg")
    write(("fever", "bloodstream infection"), lambda x: f"ANC {x:.2g}")
    return {"day": whole(r, 1), "phase": phase(r), "event": words(EVENTS, r[3]), "detail": words(details, number)}


def causes(program: Program) -> list[str]:
    """What a patient can die of, in the order of the core."""
    return [*state.CauseOfDeath, *(effect.side_effect for effect in program.side_effects)]


def _with_cancers(rows: pl.DataFrame, outcomes: pl.DataFrame, shelf: Library) -> pl.DataFrame:
    """Second cancers among the side effects, of the grade that most have, for their course or until the last day."""
    had = outcomes.filter(pl.col("second_cancer_day").is_not_null())
    if not had.height:
        return rows
    effect = shelf.side_effect(SECOND_CANCER)
    grade = max(effect.grades, key=lambda grade: effect.grades[grade].value)
    days = effect.course.to_unit("day") if effect.course else 1.0
    until = pl.min_horizontal(pl.col("second_cancer_day") + int(days) - 1, pl.col("outcome_day"))
    new = had.select(
        "patient", pl.col("second_cancer_day").alias("day"), pl.lit(SECOND_CANCER).alias("side_effect"),
        pl.lit(grade, pl.Int8).alias("grade"), until.cast(pl.Int32).alias("to_day"),
    )  # fmt: skip
    return pl.concat([rows, new]).sort("patient", "day", "side_effect", maintain_order=True)


def _outcomes(program: Program, cohort: Cohort, r: Any, plan: Layout, second: Any) -> pl.DataFrame:
    def word(table: Any, values: Any) -> pl.Series:
        known = np.asarray(values, dtype=float)
        missing = np.isnan(known)
        index = pl.Series(np.where(missing, 0, known).astype(np.uint32)).set(pl.Series(missing), None)
        return pl.Series(list(table) or [""], dtype=pl.String).gather(index)

    def whole(values: Any) -> pl.Series:
        return pl.Series(np.where(np.isnan(values), 0, values).astype(np.int32)).set(pl.Series(np.isnan(values)), None)

    def real(values: Any) -> pl.Series:
        return pl.Series(values).fill_nan(None)

    def only(outcome: int, column: int) -> Any:
        return np.where(r[:, state.RESULT_OUTCOME] == outcome, r[:, column], np.nan)

    def share(top: int, of: int, scale: float) -> pl.Series:
        with np.errstate(invalid="ignore", divide="ignore"):
            return real(np.where(r[:, of] > 0, scale * r[:, top] / r[:, of], np.nan))

    def count(column: int) -> Any:
        return r[:, column].astype(np.int32)

    return pl.DataFrame(
        {
            "patient": cohort.patient,
            "age_y": cohort.age_y,
            "sex": word(SEX, cohort.sex),
            "weight_kg": cohort.weight_kg,
            "height_cm": cohort.height_cm,
            "bsa_m2": cohort.bsa_m2,
            "lineage": word(LINEAGE, cohort.lineage),
            "subtype": word(cohort.subtypes, cohort.subtype),
            "down": pl.Series(cohort.down == 1),
            "cns": cohort.cns.astype(np.int8),
            "wbc": cohort.wbc,
            "ancestry": word(cohort.ancestries, cohort.ancestry),
            "tpmt": word(METABOLISER, cohort.tpmt),
            "nudt15": word(METABOLISER, cohort.nudt15),
            "remission": _remission(r, plan),
            "remission_day": whole(r[:, state.RESULT_REMISSION_DAY]),
            "eoi_mrd": real(r[:, state.RESULT_MRD]),
            "eoi_marrow_blasts": real(r[:, state.RESULT_BLASTS]),
            "end_of_treatment_day": whole(r[:, state.RESULT_END_DAY]),
            "outcome": word(OUTCOMES, r[:, state.RESULT_OUTCOME]),
            "outcome_day": count(state.RESULT_DAY),
            "played_days": count(state.RESULT_PLAYED),
            "relapse_site": word(SITES, r[:, state.RESULT_SITE]),
            "death_cause": word(tuple(causes(program)), only(state.DEATH, state.RESULT_CAUSE)),
            "relapse_day": whole(r[:, state.RESULT_RELAPSE]),
            "second_cancer_day": whole(_alive_on(second, r)),
            "infusion_day": whole(r[:, state.RESULT_INFUSION]),
            "transplant_day": whole(r[:, state.RESULT_TRANSPLANT]),
            "left_for": word(program.left_for, only(state.LEFT, state.RESULT_LEFT)),
            "mercaptopurine_percent": share(state.RESULT_SHARE, state.RESULT_SHARES, 100.0),
            "anc_in_target": share(state.RESULT_IN_TARGET, state.RESULT_VISITS, 1.0),
            "fever_episodes": count(state.RESULT_FEVERS),
            "bloodstream_infections": count(state.RESULT_BLOODSTREAM),
            "red_cell_transfusions": count(state.RESULT_RED),
            "platelet_transfusions": count(state.RESULT_PLATELETS),
            "delay_days": count(state.RESULT_DELAY),
        }
    )


def _alive_on(second: Any, r: Any) -> Any:
    """Days of second cancers, nan for those who were followed to an earlier day."""
    return np.full(len(r), np.nan) if second is None else np.where(second < r[:, state.RESULT_DAY], second, np.nan)


def _remission(r: Any, plan: Layout) -> pl.Series:
    """Was the marrow in remission at the check that ends induction? No for those who died before it; null where it was
    not assessed: they left before it, it is still to come, or the protocol asks for no marrow."""
    reached = r[:, state.RESULT_BLASTS] < plan.settings[state.S_REMISSION]
    alive = r[:, state.RESULT_OUTCOME] != state.DEATH
    unknown = np.isnan(r[:, state.RESULT_BLASTS]) & (alive | (plan.looks == 0))
    return pl.Series([None if no else bool(yes) for yes, no in zip(reached, unknown, strict=True)], dtype=pl.Boolean)


__all__ = ["Options", "cores", "plan_of", "play", "prepare", "Program", "Protocol"]
