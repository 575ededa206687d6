"""The engine's compiled clinic for one patient whose body is computed elsewhere.

Gates, visits, noise of counts, rules, decisions and doses are the engine's own code (held against a plain reading of
the rules in `tests/test_engine.py`); every state that it sees is handed in. The only file of the verification that
knows the engine's insides.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
import reference

from remission.body.kinetics import LANES
from remission.body.marrow import STATE_ROWS
from remission.engine import lanes, play, state
from remission.engine.clinic import morning
from remission.engine.fate import evening
from remission.engine.pharmacy import rescue_doses
from remission.engine.program import Program
from remission.engine.records import close_run, note_state
from remission.patient.cohort import Cohort

LANE = 0  # the patient's; the other lanes of the block are padding
SLOTS = state.STEPS  # of a day: hours at which a dose can be given
LEVELS = {"day": pl.Int32, "hour": pl.Int32, "agent": pl.String, "level": pl.Float64}


class Given(NamedTuple):
    slot: int
    state: int  # of the patient's kinetics
    amount: float  # bioavailable
    days: float  # length of the infusion


class Clinic:
    """One patient's place in the protocol: `see` the body, then `morning`, `given`, `rescues`, `evening`."""

    def __init__(self, program: Program, patient: reference.Patient, seed: int, follow_up_days: int) -> None:
        self.program, self.patient, self.seed, self.follow_up_days = program, patient, seed, follow_up_days
        self.t, self.layout = program.tables, patient.layout
        self.q = lanes.block(patient.lanes, 0)
        self.place = state.place(self.t, self.q)
        self.drugs = state.drugs(self.t, self.layout, self.q)
        self.flesh, self.work, self.day = state.flesh(self.layout, self.q)
        self.lines = self.flesh.line.reshape(4, STATE_ROWS, LANES)[:, :5, LANE]  # a view
        self.records = state.records(1)
        self.first_state = [patient.first[agent.agent] for agent in program.agents]
        settings = self.layout.settings
        self.judged: list[tuple[int, int, str, float]] = []  # levels at which rescues were judged
        self.pool_kept = 1.0 - settings[state.S_PLT_POOL_LOSS]

    @property
    def done(self) -> bool:
        return bool(self.place.lane[LANE]["status"] == state.DONE)

    def see(self, y: np.ndarray) -> None:
        """Put a state of the reference where the clinic looks."""
        o, flesh = self.patient.marrow, self.flesh
        for line, first in enumerate((0, 10, 15, 5)):  # the reference has lymphocytes second
            self.lines[line] = y[o + first : o + first + 5]
        flesh.room[LANE] = y[o + 20]
        flesh.cns[LANE] = y[o + 21]
        cells = y[self.patient.clones]
        flesh.cells.reshape(-1, LANES)[:, LANE] = cells
        flesh.total[LANE] = cells.sum()
        flesh.k_blood[LANE], flesh.mobilised[LANE] = y[-reference.MEANS :]

    def note_first_state(self) -> None:
        total = self.flesh.total[LANE]
        fraction = total / (total + self.flesh.room[LANE] * self.q.person[LANE]["capacity"])
        note_state(self.records, LANE, 0, self.flesh, -1, -1, total, fraction)

    def morning(self, today: int, y: np.ndarray) -> None:
        """Decide; transfused red cells go into ``y``, platelets into the clinic's own pool."""
        if self.place.lane[LANE]["status"] == state.AFTER:
            return
        morning(
            LANE, today, self.seed, self.t, self.layout.settings, self.layout.t315i, self.q.person,
            self.q.bioavailability, self.place, self.flesh, self.drugs.amount, self.drugs.used, self.records, True,
        )  # fmt: skip
        o = self.patient.marrow
        y[o + 15 : o + 20] = self.lines[2]

    def given(self) -> list[Given]:
        """Doses decided since the last call."""
        out = []
        for i in np.flatnonzero(self.drugs.used):
            form, slot = divmod(int(i), SLOTS)
            entry = self.first_state[self.t.forms["agent"][form]] + int(self.layout.form_entry[form])
            amount = float(self.drugs.amount[i * LANES + LANE])
            if amount > 0.0:
                out.append(Given(slot, entry, amount, float(self.t.forms["tau"][form])))
            self.drugs.amount[i * LANES : (i + 1) * LANES] = 0.0
            self.drugs.used[i] = False
        return out

    def rescue_due(self, today: int) -> bool:
        due = self.place.rule["rescue_next"][:, LANE]
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
            self.drugs.level.reshape(-1, LANES)[j * SLOTS : (j + 1) * SLOTS, LANE] = of_day
            name = self.program.agents[self.t.level_agent[j]].agent
            self.judged += [(today, 24 // SLOTS * slot, name, level) for slot, level in enumerate(of_day)]
        for agent in np.flatnonzero(self.layout.rescued):
            rescue_doses(agent, today, self.t, self.layout, self.q, self.place, self.drugs, self.records, True)

    def evening(self, today: int) -> None:
        """Decay of transfused platelets (once a day, as the model has it), relapse, the weekly record, the clock."""
        self.flesh.pool[LANE] *= self.pool_kept
        evening(
            LANE, today, self.follow_up_days, self.seed, False, True, self.t, self.layout, self.q, self.place,
            self.drugs, self.flesh, self.work, self.day, self.records,
        )  # fmt: skip

    def tables(self, one: Cohort) -> dict[str, pl.DataFrame]:
        """The same tables as `play` makes, and the levels of the days on which a rescue was due."""
        for slot in range(len(self.place.slot)):
            if self.place.slot[slot, LANE]["run_from"] >= 0:
                close_run(self.records, self.place, slot, LANE)
        rows = [part[:n] for n, part in zip(self.records.counts, self.records[1:], strict=True)]
        assert all(n <= len(part) for n, part in zip(self.records.counts, self.records[1:], strict=True))
        result = np.where(np.isnan(self.place.result) & (np.arange(state.RESULT_COLUMNS) == state.RESULT_DAY),
                          self.follow_up_days, self.place.result)  # fmt: skip
        out = play.tables(self.program, one, [(result, rows)], play.Options(chance=False), self.layout)
        return out | {"levels": pl.DataFrame(self.judged, LEVELS, orient="row")}
