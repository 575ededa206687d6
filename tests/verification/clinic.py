"""The engine's compiled clinic for one patient whose body is computed elsewhere.

Gates, visits, noise of counts, rules, decisions, doses, the manufacture of cells and grades are the engine's own code
(held against a plain reading of the rules in `tests/test_engine.py`); every state that it sees is handed in. The only
file of the verification that knows the engine's insides.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
import reference

from remission.body import immunity, marrow, whole
from remission.compiled import core
from remission.engine import play
from remission.engine.program import Program
from remission.knowledge.library import library
from remission.patient.cohort import Cohort

LANE = 0  # the patient's; the other lanes of the block are padding
state = core.words
SLOTS: int = state.STEPS  # of a day: hours at which a dose can be given
LEVELS = {"day": pl.Int32, "hour": pl.Int32, "agent": pl.String, "level": pl.Float64}


class Given(NamedTuple):
    slot: int
    state: int  # of the patient's kinetics
    amount: float  # bioavailable
    days: float  # length of the infusion
    lag: float  # days
    form: int


class Act(NamedTuple):
    """What acts on the day it is given: radiation, a graft, cells, antibodies."""

    number: int
    kind: int
    dose: float  # of the day
    times: int
    pool: int  # of what cells kill


class Clinic:
    """One patient's place in the protocol: `see` the body, then `morning`, `given`, `rescues`, `evening`."""

    def __init__(self, program: Program, patient: reference.Patient, seed: int, follow_up_days: int) -> None:
        self.program, self.patient, self.seed, self.follow_up_days = program, patient, seed, follow_up_days
        self.t, self.layout = program.tables, patient.layout
        self.block = core.Block(
            program.tables, patient.layout, patient.lanes, follow_up_days=follow_up_days, chance=False, seed=seed
        )
        self.lines = self.block.line.reshape(whole.LINES, state.STATE_ROWS, -1)[:, : marrow.STATES, LANE]  # a view
        self.first_state = [patient.first[agent.agent] for agent in program.agents]
        settings = self.layout.settings
        self.judged: list[tuple[int, int, str, float]] = []  # levels at which rescues were judged
        self.relapses = self.relapsed_on = 0  # in the course of treatment; the day of the last one
        self.pool_kept = 1.0 - settings[state.S_PLT_POOL_LOSS]

    @property
    def done(self) -> bool:
        return bool(self.block.status(LANE) == state.DONE)

    def see(self, y: np.ndarray) -> None:
        """Put a state of the reference where the clinic looks."""
        p, block = self.patient, self.block
        for line in range(whole.LINES):
            self.lines[line] = p.line(y, line)
        block.room[0, LANE] = y[p.room]
        block.cns[0, LANE] = y[p.room + 1]
        block.cells[:, LANE] = y[p.cells]
        block.total[0, LANE] = y[p.cells].sum()
        block.k_blood[0, LANE], block.mobilised[0, LANE] = y[p.seen : p.seen + 2]

    def morning(self, today: int, course: reference.Course) -> list[Act]:
        """Decide; transfused red cells go into the course, platelets into the clinic's own pool; infusions that are
        stopped end. Gives what acts at once."""
        if self.block.status(LANE) == state.AFTER:
            return []
        forms, left = self.t.forms, self.block.left
        left[: len(forms), LANE] = 1.0
        self.block.morning(LANE, today)
        course.infusions = [x for x in course.infusions if x[3] < 0 or left[x[3], LANE] > 0.0]
        self.patient.line(course.y, whole.RED_CELLS)[:] = self.lines[whole.RED_CELLS]
        acts = []
        for i, act in enumerate(self.layout.acts):
            doses = self.block.amount[act["form"] * SLOTS : (act["form"] + 1) * SLOTS, LANE]
            if np.any(doses > 0.0):
                acts.append(Act(i, int(act["kind"]), float(doses.sum()), int(np.sum(doses > 0.0)), int(act["pool"])))
        if acts:
            before = self.block.infusions(LANE)
            self.block.acts(today)  # its bookkeeping: what it does to the body is overwritten by what we `see`
            infused = self.block.infusions(LANE) > before
            acts = [act for act in acts if act.kind != state.CELLS or infused]
        return acts

    def given(self) -> list[Given]:
        """Doses decided since the last call."""
        out = []
        used, amounts = self.block.used, self.block.amount
        for i in np.flatnonzero(used):
            form, slot = divmod(int(i), SLOTS)
            entry = self.first_state[self.t.forms["agent"][form]] + int(self.layout.form_entry[form])
            amount = float(amounts[i, LANE])
            if amount > 0.0:
                kind = self.t.forms[form]
                out.append(Given(slot, entry, amount, float(kind["tau"]), float(kind["lag"]), form))
            amounts[i] = 0.0
            used[i] = False
        return out

    def rescue_due(self, today: int) -> bool:
        due = np.array(self.block.rescues_due(LANE))
        return bool(np.any((due >= 0) & (due < (today + 1) * SLOTS)))

    def levels(self, y: np.ndarray) -> list[float]:
        """Plasma concentrations that rescues ask for."""
        out = []
        for agent in self.t.level_agent:
            system = self.patient.systems[self.program.agents[agent].agent]
            first = self.patient.first[system.agent]
            out.append(float(system.g[0, 0] @ y[first : first + system.n]))
        return out

    def rescues(self, today: int, levels: list[list[float]]) -> None:
        """Judge the rescue doses of the day; ``levels``: those of each slot, before its doses."""
        for j, of_day in enumerate(zip(*levels, strict=True)):
            self.block.level[j * SLOTS : (j + 1) * SLOTS, LANE] = of_day
            name = self.program.agents[self.t.level_agent[j]].agent
            self.judged += [(today, 24 // SLOTS * slot, name, level) for slot, level in enumerate(of_day)]
        for agent in np.flatnonzero(self.layout.rescued):
            self.block.rescue_doses(int(agent), today)

    def evening(self, today: int, course: reference.Course) -> None:
        """Decay of transfused platelets (once a day, as the model has it), grades, relapse, the weekly record, the
        clock."""
        self.block.pool[0, LANE] *= self.pool_kept
        p, numbers = self.patient, course.numbers
        if numbers.living:
            if course.conditioned():
                course.lose()
            y = course.y[p.immune : p.seen]
            self.see(course.y)
            felt = immunity.felt_cytokine(y[whole.LEVEL], numbers.immune.cytokine_baseline, course.y[p.seen + 2])
            self.block.living(LANE, today, y.tolist(), felt, course.host, course.grafted)
        self.block.evening(LANE, today)
        if self.block.relapses(LANE) > self.relapses:
            self.relapses += 1
            course.relapse(today - self.relapsed_on)
            self.relapsed_on = today

    def tables(self, one: Cohort) -> dict[str, pl.DataFrame]:
        """The same tables as `play` makes, and the levels of the days on which a rescue was due."""
        self.block.close_runs(LANE)
        result = self.block.results()
        result[:, state.RESULT_DAY] = np.where(
            np.isnan(result[:, state.RESULT_DAY]), self.follow_up_days, result[:, state.RESULT_DAY]
        )
        rows = self.block.records(play.orders(self.program))
        options, nobody = play.Options(chance=False), None  # no second cancers: they are chance
        out = play.tables(self.program, one, result, rows, options, self.layout, library(), nobody)
        return out | {"levels": pl.DataFrame(self.judged, LEVELS, orient="row")}
