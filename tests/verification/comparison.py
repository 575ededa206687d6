"""The engine's tables of a patient beside the reference's: errors of weekly states, and decisions one by one.

After the first decision that differs the two patients are treated differently, so their states are compared up to that
day only. The same holds from the day on which leukaemia of less than a cell has grown to a cell again: without chance a
fraction of a cell is as good as any, with chance that leukaemia has ended. A difference is explained when a measured
count lies on one side of a threshold in the engine and on the other in the reference. Relapse is not a decision on a
count but the burden itself crossing a limit at a weekly look; it is told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import reference

from remission.compiled import core
from remission.engine.program import AND, LEVEL, RESCUE, VARIABLES, Program

from .closed_loop import weekly

Tables = dict[str, pl.DataFrame]
AIMS = {
    "anc": 1e-3, "platelets": 1e-3, "haemoglobin": 1e-3, "lymphocytes": None, "log10_blasts_marrow": 0.01,
    "log10_blasts_cns": 0.01,
}  # fmt: skip
SAME_HISTORY = 0.99
DOSE = 1e-9  # relative: rounding of sums
SITES = ("marrow", "cns")
LOOK_DAYS = 7  # relapse is looked for once a week
COUNTS = ("anc", "platelets", "haemoglobin", "wbc", "lymphocytes")
OPERATORS = ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__")


@dataclass(frozen=True)
class Compared:
    patient: int
    days: int  # that the reference played
    weeks: int  # compared
    worst: dict[str, float]  # largest error of a week, by quantity
    same_doses: bool
    parted: int | None  # day of the first decision that differs
    why: str
    explained: bool
    relapse: bool  # what differs first is the day of relapse
    linked: bool  # went on to a phase of another protocol
    regrown: int | None  # day up to which was compared: leukaemia of less than a cell is a cell again in either


def compare(program: Program, engine: Tables, ours: Tables) -> Compared:
    """``engine``, ``ours``: tables of one patient, from `play` and from `closed_loop.integrate`."""
    parted = _first_difference(engine, ours)
    regrown = min((day for day in map(_regrown, (engine, ours)) if day is not None), default=None)
    if regrown is not None and (parted is None or parted >= regrown):
        parted = None
    else:
        regrown = None
    days = int(ours["states"]["day"].max())  # type: ignore[arg-type]
    known = None if regrown is None else regrown - 1
    last = days if parted is None else parted
    seen = pl.col("day") <= (last if known is None else known)
    off = reference.errors(weekly(ours["states"].filter(seen)), engine["states"].filter(seen))
    relapse = parted is not None and parted in (_relapse(engine), _relapse(ours))
    why, explained = "", True
    if parted is not None:
        why, explained = _explain_relapse(engine, ours) if relapse else _explain(program, engine, ours, parted)
    return Compared(
        patient=int(ours["states"]["patient"][0]),
        days=days,
        weeks=len(off["day"]),
        worst={name: float(np.abs(x).max()) for name, x in off.items() if name != "day"},
        same_doses=_first_differing(_doses(engine, known), _doses(ours, known)) is None,
        parted=parted,
        why=why,
        explained=explained,
        relapse=relapse,
        linked=any(":" in phase for phase in ours["doses"]["phase"].unique()),
        regrown=regrown,
    )


def _regrown(tables: Tables) -> int | None:
    """The first day on which leukaemia that had been less than a cell is at least one again: in the marrow, or in the
    CNS with nothing in the marrow that seeds it. (A solver does not follow growth below its absolute tolerance: where
    the engine has a cell again, the reference may have none.)"""
    day, marrow, cns = (tables["states"][name].to_numpy() for name in ("day", *(f"log10_blasts_{x}" for x in SITES)))
    gone, found = marrow < 0.0, []
    for was, cells in ((gone, marrow), (gone & (cns < 0.0), cns)):
        back = np.flatnonzero((cells >= 0.0) & np.maximum.accumulate(was))
        found += [int(day[back[0]])] if back.size else []
    return min(found, default=None)


def _doses(tables: Tables, last: int | None = None) -> dict[tuple[Any, ...], float]:
    """Dose of every day, agent and reason, from the rows of equal days; up to ``last``."""
    out: dict[tuple[Any, ...], float] = {}
    for row in tables["doses"].iter_rows(named=True):
        end = row["to_day"] if last is None else min(row["to_day"], last)
        for day in range(row["from_day"], end + 1):
            key = (day, row["phase"], row["agent"], row["route"], row["reason"])
            out[key] = out.get(key, 0.0) + row["dose"]
    return out


def _decisions(tables: Tables) -> dict[tuple[Any, ...], float]:
    """What else was decided: phases, gates, holds, changes, transfusions."""
    end = tables["outcomes"]["end_of_treatment_day"][0]
    rows = tables["events"] if end is None else tables["events"].filter(pl.col("day") <= end + core.words.AFTER_DAYS)
    return {row: 1.0 for row in rows.select("day", "event", "detail", "phase").iter_rows()}


def _first_differing(a: dict[tuple[Any, ...], float], b: dict[tuple[Any, ...], float]) -> int | None:
    """Day of the first key that only one has, or whose value differs."""
    differing = [key for key in a.keys() & b.keys() if abs(a[key] - b[key]) > DOSE * abs(a[key])]
    return min((key[0] for key in (*differing, *(a.keys() ^ b.keys()))), default=None)


def _first_difference(engine: Tables, ours: Tables) -> int | None:
    days = [
        _first_differing(_doses(engine), _doses(ours)), _first_differing(_decisions(engine), _decisions(ours)),
    ]  # fmt: skip
    return min((day for day in days if day is not None), default=None)


def _thresholds(program: Program, phase: str) -> set[tuple[str, int, float]]:
    """(variable, comparison, value) of every condition that can matter in a phase."""
    t, p = program.tables, program.phases.index(phase)
    conditions = {int(t.phases[p]["gate"])}
    days = t.days[t.phases[p]["start"] : t.phases[p]["start"] + t.phases[p]["days"]]
    conditions |= set(days["wait"].tolist())
    for day in days:
        conditions |= set(t.decides[day["decide_from"] : day["decide_to"]]["condition"].tolist())
        conditions |= {int(t.orders[o]["condition"]) for o in t.due[day["due_from"] : day["due_to"]]}
    for r in t.phase_rules[t.phases[p]["rules_from"] : t.phases[p]["rules_to"]]:
        conditions |= {int(t.rules[r]["condition"]), int(t.rules[r]["until"])}
    terms = [term for c in conditions if c >= 0 for term in t.terms[t.conditions[c]["first"] : t.conditions[c]["last"]]]
    return {
        (program.variables[term["variable"]], int(term["code"]), float(term["value"]))
        for term in terms
        if term["code"] < AND
    }


def _measured(tables: Tables, day: int) -> dict[str, float]:
    """Counts and examinations of a day, by the name of the variable (marrow blasts: the true fraction)."""
    rows = tables["measurements"].filter(pl.col("day") == day)
    out = {name: float(rows[name][0]) for name in COUNTS} if rows.height else {}
    if rows.height:
        out["blood blasts"] = 1000.0 * float(rows["blood_blasts"][0])
    for row in tables["mrd"].filter(pl.col("day") == day).iter_rows(named=True):
        out[f"{row['site']} MRD"] = row["reported_fraction"]
        if row["site"] == "marrow":
            out["marrow blasts"] = row["true_fraction"]
    return out


def _explain(program: Program, engine: Tables, ours: Tables, parted: int) -> tuple[str, bool]:
    """The last count, up to the day on which the decisions part, that the two saw on different sides of a threshold."""
    visits = ours["measurements"].filter(pl.col("day") <= parted).select("day", "phase").unique().sort("day")
    for day, phase in reversed(visits.rows()):
        theirs, mine = _measured(engine, day), _measured(ours, day)
        for name, code, value in sorted(_thresholds(program, phase)):
            if name not in VARIABLES or name not in mine or name not in theirs:
                continue
            a, b = theirs[name], mine[name]
            if getattr(a, OPERATORS[code])(value) != getattr(b, OPERATORS[code])(value):
                scale = abs(value) or 1.0
                text = (
                    f"day {day}, {phase}: {name} {a:.6g}, reference {b:.6g}, threshold {value:g}; the reference is "
                    f"{abs(b - value) / scale:.1e} from it, the two differ by {abs(a - b) / scale:.1e}"
                )
                return text + (f" (acts on day {parted})" if day != parted else ""), True
    return _explain_rescue(program, ours, parted)


def _relapse(tables: Tables) -> int | None:
    days = tables["events"].filter(pl.col("event") == "relapse")["day"]
    return int(days[0]) if len(days) else None


def _explain_relapse(engine: Tables, ours: Tables) -> tuple[str, bool]:
    """Explained when the two are seen at most one weekly look apart, first the one with more cells."""
    when = [_relapse(tables) for tables in (engine, ours)]
    week = max(set(engine["states"]["day"]) & set(ours["states"]["day"]))  # the last day that both tell
    last = [tables["states"].filter(pl.col("day") == week).row(0, named=True) for tables in (engine, ours)]
    said = [
        f"{name} {last[0][column]:.4g}, reference {last[1][column]:.4g}"
        for name, column in (("marrow fraction", "marrow_blast_fraction"), ("log10 CNS blasts", "log10_blasts_cns"))
    ]
    text = f"relapse on day {when[0]}, reference {when[1]}; on day {week} {'; '.join(said)}"
    if None in when or abs(when[0] - when[1]) > LOOK_DAYS:  # type: ignore[operator]
        return text + ": NOT explained", False
    more = 0 if when[0] < when[1] else 1  # type: ignore[operator]
    explained = any(
        last[more][column] > last[1 - more][column] for column in ("marrow_blast_fraction", "log10_blasts_cns")
    )
    return text + ("" if explained else ": NOT explained"), explained


def _explain_rescue(program: Program, ours: Tables, parted: int) -> tuple[str, bool]:
    """A rescue dose more or less: how far the level of its hour was from where the rescue ends."""
    t = program.tables
    levels = ours["levels"].filter(pl.col("day") == parted)
    until = [int(rule["until"]) for rule in t.rules if rule["kind"] == RESCUE]
    ends = [
        (program.variables[term["variable"]].removeprefix(LEVEL), float(term["value"]))
        for c in until
        for term in t.terms[t.conditions[c]["first"] : t.conditions[c]["last"]]
        if program.variables[term["variable"]].startswith(LEVEL)
    ]
    near = [
        (abs(row["level"] / value - 1.0), row["hour"], row["level"], value)
        for row in levels.iter_rows(named=True)
        for agent, value in ends
        if row["agent"] == agent
    ]
    if near and min(near)[0] < 1e-3:
        distance, hour, level, value = min(near)
        return (
            f"day {parted}, hour {hour}: level {level:.6g}, rescue ends below {value:g}; {distance:.1e} from it",
            True,
        )
    return f"day {parted}: NOT explained, no count on a threshold", False


def summary(values: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and worst of the patients' worst weeks."""
    x = np.array(values)
    return float(np.median(x)), float(np.quantile(x, 0.99)), float(x.max())
