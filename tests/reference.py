"""The equations of `remission.body.whole`, solved another way: one patient, LSODA of ODEPACK (through SciPy).

Independent of the core's numerics: effects follow the instantaneous concentrations, couplings are solved together,
nothing is split and nothing averaged over a step. Only the patient's drawn numbers (`lanes.build`, `Kinetics`) and what
is given are taken over. There is no chance. Numba compiles the equations as they stand in the package.

    patient = Patient(program, cohort, seed, index)
    weekly = patient.solve(events_of(program, tables, number), days)

`verification.closed_loop` moves the same `Course` day by day and lets the rules decide on it.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from copy import copy
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numba import njit
from numba.extending import register_jitable
from packing import pack, unpacker
from scipy.integrate import odeint

from remission.body import effects, immunity, kinetics, leukaemia, marrow, radiation, transplant, whole
from remission.compiled import core
from remission.engine.living import OWN
from remission.engine.one_body import OneBody
from remission.engine.program import Program
from remission.protocol import model as m

words = core.words


@dataclass(frozen=True)
class Dose:
    """``amount`` of an agent (its unit) given at ``day`` (0 = first day of treatment), over ``duration`` days."""

    day: float
    agent: str
    route: str
    amount: float
    duration: float = 0.0
    arrives: float = 1.0  # of what arrives on average (weeks.py)


@dataclass(frozen=True)
class Transfusion:
    day: float
    product: str
    ml_per_kg: float


def events_of(program: Program, tables: dict[str, pl.DataFrame], patient: int) -> list[Dose | Transfusion]:
    """Every single administration and transfusion of one patient, from the tables of a run."""
    protocol = program.protocol
    ways: dict[tuple[str, str, str], set[tuple[float, int]]] = defaultdict(set)
    rescues: dict[tuple[str, str, str], tuple[m.Rescue, str]] = {}
    for phase in protocol.phases:
        for give in phase.give:
            duration = (give.infusion_h or 0.0) / 24.0 if give.route == "IV" else 0.0
            ways[phase.id, give.agent, give.route].add((duration, give.doses_per_day))
        for rule in (*phase.rules, *protocol.rules):
            if isinstance(rule.action, m.Rescue):
                rescues[phase.id, rule.action.give.agent, rule.action.give.route] = (rule.action, phase.id)
    found: list[Dose | Transfusion] = []
    mine = tables["doses"].filter((pl.col("patient") == patient) & (pl.col("dose") > 0))
    rescued: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
    for row in mine.iter_rows(named=True):
        key = (row["phase"], row["agent"], row["route"])
        for day in range(row["from_day"], row["to_day"] + 1):
            if row["reason"] == "rescue":
                rescued[key][day] = rescued[key].get(day, 0.0) + row["dose"]
                continue
            ((duration, times),) = ways[key]  # one way of giving in each phase
            for k in range(times):
                found.append(Dose(day + k / times, row["agent"], row["route"], row["dose"] / times, duration))
    for key, by_day in rescued.items():
        action, phase_id = rescues[key]
        after = [
            d for d in mine.iter_rows(named=True)
            if d["phase"] == phase_id and d["agent"] == action.after.agent and d["route"] in (action.after.route, "IV")
        ]  # fmt: skip
        starts = sorted(day for d in after for day in range(d["from_day"], d["to_day"] + 1))
        single = _single_dose(action.give, tables, patient, min(by_day.values()))
        for i, start in enumerate(starts):
            k = 0
            last = starts[i + 1] if i + 1 < len(starts) else np.inf
            while True:
                when = start + (action.from_h + k * action.every_h) / 24.0
                day = int(np.floor(when + 1e-9))
                if when >= last or by_day.get(day, 0.0) < 0.5 * single:
                    break
                by_day[day] -= single
                found.append(Dose(when, key[1], key[2], single))
                k += 1
        assert all(abs(left) < 1e-6 * single for left in by_day.values()), "a rescue dose has no hour"
    events = tables["events"].filter((pl.col("patient") == patient) & pl.col("event").str.ends_with("transfusion"))
    for row in events.iter_rows(named=True):
        product = row["event"].removesuffix(" transfusion")
        found.append(Transfusion(row["day"], product, float(row["detail"].split()[0])))
    return sorted(found, key=lambda event: event.day)


def _single_dose(give: m.Give, tables: dict[str, pl.DataFrame], patient: int, of_a_day: float) -> float:
    """``of_a_day``: what some day's doses come to; a whole number of doses, each of today's size of who has grown."""
    person = tables["outcomes"].filter(pl.col("patient") == patient).row(0, named=True)
    per = {"m2": person["bsa_m2"], "kg": person["weight_kg"], "": 1.0}[give.unit.partition("/")[2]]
    assert give.amount is not None
    return of_a_day / max(1, int(of_a_day / (give.amount * per)))


for _module in (kinetics, effects, marrow, leukaemia, immunity):  # compiled as they stand in the package
    for _, _function in inspect.getmembers(_module, inspect.isfunction):
        register_jitable(_function)
change = njit(error_model="numpy")(whole.change)
Flat = tuple[np.ndarray, np.ndarray, np.ndarray]


@cache
def _compiled():
    """(slope, Jacobian) of (t, y, ..., flat numbers)."""
    unpack = unpacker(EXAMPLE[0])

    @njit(error_model="numpy")
    def slope(t, y, where, reals, wholes):
        return change(t, y, unpack(where, reals, wholes))

    @njit(error_model="numpy")
    def jacobian(t, y, least, where, reals, wholes):
        """(columns, rows) of d change / dy, by differences; an implicit solver only needs it to converge."""
        p = unpack(where, reals, wholes)
        at, moved = change(t, y, p), y.copy()
        out = np.empty((len(y), len(y)))
        for j in range(len(y)):
            step = 1e-7 * max(abs(y[j]), least[j])
            moved[j] = y[j] + step
            out[j] = (change(t, moved, p) - at) / step
            moved[j] = y[j]
        return out

    return slope, jacobian


GONE = 1e-10
WASHED_OUT = 1e-6
EXAMPLE: list[whole.Numbers] = []  # one patient's numbers: what kinds of parts there are


class Patient(OneBody):
    """One patient of a cohort, integrated."""

    def solve(
        self,
        events: list[Dose | Transfusion],
        days: int,
        rtol: float = 1e-10,
        every: float = 7.0,
        atol: float = 1.0,
        unrest: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """Integrate to ``days``; anc, platelets, haemoglobin, lymphocytes, log10 marrow and CNS blasts, B cells
        (relative) and IgG at multiples of ``every`` days (before that morning's doses). ``atol`` scales the absolute
        tolerance; ``unrest``: (weeks, lines), see `remission.body.weeks`."""
        course = Course(self, rtol, atol)
        doses: dict[float, list[tuple[int, float, float]]] = defaultdict(list)  # time: (state, amount, over days)
        red: dict[float, float] = defaultdict(float)
        pool: list[tuple[float, float]] = []
        for event in events:
            at = round(event.day * 1440.0) / 1440.0
            if isinstance(event, Transfusion):
                if event.product == "red cell":
                    red[at] += 0.25 * self.setting["red_cell_rise"] * event.ml_per_kg
                else:
                    pool.append((at, self.setting["platelet_rise"] * event.ml_per_kg))
                continue
            entry = self.systems[event.agent].entries[event.route]
            share, surface = float(entry.bioavailability[0]), self.size_on(int(event.day), 0)
            if entry.loss:
                share = kinetics.arriving(share, event.amount / surface, entry.loss, entry.half_dose)
            if self.diluted[event.agent, event.route]:
                share *= self.sizes[0, 0] / surface
            duration = round(event.duration * 1440.0) / 1440.0
            amount = share * event.amount * event.arrives
            doses[at].append((self.first[event.agent] + entry.state, amount, duration))
        weeks = [w * every for w in range(int(days / every) + 1)]
        out = []
        for t in sorted({t for t in (*doses, *red, *weeks) if t <= days}):
            course.to(t)
            if unrest is not None and t % 7 == 0 and t < 7 * len(unrest):
                course.numbers.unrest[:] = unrest[int(t) // 7]
            if any(abs(t - w) < 1e-9 for w in weeks):
                out.append(self._seen(t, course.y, pool))
            for state, amount, duration in doses.get(t, ()):
                course.give(state, amount, duration)
            if t in red:
                self.line(course.y, whole.RED_CELLS)[1:] += red[t]
        names = ("day", "anc", "platelets", "haemoglobin", "lymphocytes", "log10_blasts_marrow", "log10_blasts_cns",
                 "b_cells", "igg_g_l")  # fmt: skip
        return dict(zip(names, np.array(out).T, strict=True))

    def _seen(self, t: float, y: np.ndarray, pool: list[tuple[float, float]]) -> list[float]:
        loss = -np.log1p(-self.setting["platelet_pool_loss"])
        given = sum(size * np.exp(-loss * (t - at)) for at, size in pool if at < t)
        anc, platelets, red, lymphocytes = (self.line(y, i) for i in range(whole.LINES))
        blasts, cns = max(float(y[self.cells].sum()), 1e-12), max(float(y[self.room + 1]), 1e-12)
        b, igg = y[self.immune + whole.B], y[self.immune + whole.IGG]
        counts = [anc[-1], platelets[-1] + given, red[1:].sum(), lymphocytes[-1]]
        return [t, *counts, np.log10(blasts), np.log10(cns), b, igg]


C_NUMBERS = sorted((name for name in dir(words) if name.startswith("C_")), key=lambda name: getattr(words, name))


class OnBoard:
    """The numbers and places of a patient of whom only some agents are on board: the others are zero and stay so. What
    has left would otherwise hold the solver to steps of minutes."""

    def __init__(self, patient: Patient, numbers: whole.Numbers, agents: tuple[int, ...]) -> None:
        p, own = numbers, list(agents)
        spans = [np.arange(p.first[k], p.first[k + 1]) for k in own]
        self.agents = own
        self.states = np.concatenate([np.zeros(0, dtype=np.int64), *spans])
        products = np.flatnonzero(np.isin(p.product.agent, own))
        outputs = np.flatnonzero(np.isin(p.output_of, own))
        driven = np.where(p.effect.output >= 0, np.isin(p.effect.output, outputs),
                          np.isin(-1 - p.effect.output, products))  # fmt: skip
        effects = np.flatnonzero(driven)

        def renumbered(old: np.ndarray, kept: np.ndarray) -> np.ndarray:
            return np.searchsorted(kept, old)

        drivers, against = p.effect.output[effects], p.effect.antagonist[effects]
        effect = whole.Effect(*(part[effects] for part in p.effect))._replace(
            output=np.where(drivers >= 0, renumbered(drivers, outputs), -1 - renumbered(-1 - drivers, products)),
            antagonist=np.where(np.isin(against, outputs), renumbered(against, outputs), -1),
        )
        product = whole.Product(*(part[products] for part in p.product))
        self.flat, self.numbers = pack(
            p._replace(
                first=np.cumsum([0] + [len(span) for span in spans]),
                a=p.a[own],
                entering=p.entering[self.states],
                output_of=renumbered(p.output_of[outputs], np.array(own, dtype=np.int64)),
                g=p.g[outputs],
                plasma=renumbered(p.plasma[own], outputs),
                central=renumbered(p.central[own], self.states),
                **{name: getattr(p, name)[own] for name in ("vmax", "km", "extra", "fading", "begun")},
                product=product._replace(agent=renumbered(product.agent, np.array(own, dtype=np.int64))),
                effect=effect,
            )
        )
        if not EXAMPLE:
            EXAMPLE.append(self.numbers)
        rest = np.arange(patient.lines, len(patient.least))
        self.places = np.concatenate([self.states, patient.n + products, rest])
        self.least = patient.least[self.places]


class Course:
    """The state of one patient, moved on by LSODA from one change of the inputs to the next."""

    def __init__(self, patient: Patient, rtol: float, atol: float = 1.0) -> None:
        self.patient = patient
        self.y = patient.at_diagnosis.copy()
        self.day = 0.0
        self.infusions: list[tuple[float, int, float, int]] = []  # end, state, amount per day, form
        self.late: list[tuple[float, int, float, float, int]] = []  # when a lag is over: dose
        self.host, self.grafted = 1.0, False
        self.fields: dict[int, tuple[float, float, int]] = {}  # act: left of blasts, of normal cells, last day
        self.back = False  # has there been a relapse?
        self.lost = 0.0  # powers of the loss of sensitivity, summed over relapses
        self.peak = np.inf  # of CAR T-cells
        self.memory_share = 0.0
        self.rtol, self.atol = rtol, atol
        self.most = np.zeros(patient.lines)  # that each amount has ever been
        self._own(patient.numbers)

    def _own(self, p: whole.Numbers) -> None:
        """Numbers of this course alone: some of them change on the way."""
        self.numbers = p._replace(
            **{name: getattr(p, name).copy() for name in ("entering", "begun", "rho", "stage", "unrest")}
        )
        self.on_board: dict[tuple[int, ...], OnBoard] = {}

    def branch(self) -> Course:
        """Another course from here."""
        other = copy(self)
        other._own(self.numbers)
        other.y, other.infusions, other.late = self.y.copy(), list(self.infusions), list(self.late)
        return other

    def give(self, state: int, amount: float, duration: float, lag: float = 0.0, form: int = -1) -> None:
        """A dose now: at once, or at an even rate over ``duration`` days; after ``lag`` days."""
        if lag > 0.0:
            self.late.append((self.day + lag, state, amount, duration, form))
            return
        agent = int(np.searchsorted(self.numbers.first, state, side="right")) - 1
        if agent not in self.patient.acting:
            return
        self.numbers.begun[agent] = min(self.numbers.begun[agent], self.day)
        if duration:
            self.infusions.append((self.day + duration, state, amount / duration, form))
        else:
            self.y[state] += amount

    def to(self, day: float) -> None:
        """Integrate to ``day``, stopping where an infusion ends, a dose enters or CAR T-cells peak."""
        while self.day < day - 1e-9:
            until = min([day, *(x[0] for x in self.infusions), *(x[0] for x in self.late), max(self.peak, self.day)])
            self.numbers.entering[:] = 0.0
            for _, state, rate, _ in self.infusions:
                self.numbers.entering[state] += rate
            if until > self.day + 1e-9:
                self._solve(until)
            self.day = until
            self.infusions = [x for x in self.infusions if x[0] > until + 1e-9]
            entering = [x for x in self.late if x[0] <= until + 1e-9]
            self.late = [x for x in self.late if x[0] > until + 1e-9]
            for _, *dose, form in entering:
                self.give(*dose, form=form)
            if self.peak <= until + 1e-9:
                self._turn()

    def _solve(self, until: float) -> None:
        now = self._present()
        for name in ("rho", "stage", "unrest"):
            getattr(now.numbers, name)[:] = getattr(self.numbers, name)
        now.numbers.entering[:] = self.numbers.entering[now.states]
        now.numbers.begun[:] = self.numbers.begun[now.agents]
        slope, jacobian = _compiled()
        found, info = odeint(
            lambda y, t: slope(t, y, *now.flat), self.y[now.places], [self.day, until],
            Dfun=lambda y, t: jacobian(t, y, now.least, *now.flat), col_deriv=True, full_output=True, rtol=self.rtol,
            atol=self.atol * now.least, mxstep=100000,
        )  # fmt: skip
        if info["message"] != "Integration successful.":
            raise ArithmeticError(f"LSODA from day {self.day} to {until}: {info['message']}")
        self.y[now.places] = found[1]

    def _present(self) -> OnBoard:
        """Agents that are on board: any amount above GONE of the most that it has ever been, or an infusion."""
        p, lines = self.patient, self.patient.lines
        self.most = np.maximum(self.most, self.y[:lines])
        there = np.abs(self.y[:lines]) > GONE * self.most
        there[: p.n] |= self.numbers.entering > 0.0
        of_state = np.searchsorted(self.numbers.first, np.arange(p.n), side="right") - 1
        agents = tuple(sorted({*of_state[there[: p.n]].tolist(), *self.numbers.product.agent[there[p.n :]].tolist()}))
        if agents not in self.on_board:
            self.on_board[agents] = OnBoard(p, self.numbers, agents)
        now = self.on_board[agents]
        kept = np.isin(np.arange(lines), now.places)
        self.y[:lines][~kept] = 0.0
        return now

    def relapse(self, days: int) -> None:
        """A relapse, some days after the diagnosis or the last one: drugs kill less of the blasts from now on, and
        a clone that resisted is as the main one."""
        early, late, share = (self.patient.setting[name] for name in ("loss_early", "loss_late", "loss_share"))
        lost = leukaemia.lost(days, early, late, share)
        self.lost += lost
        p, of, times = self.patient, self.numbers.effect, self.patient.after_relapse**lost
        cells = self.y[p.cells].reshape(-1, 2)  # a view
        part = cells.sum(axis=1) / cells.sum()
        on_blasts = np.isin(of.target, (whole.BLASTS, whole.BLOOD))
        for clone, keeps in enumerate(p.keeps):
            felt = self.numbers.felt[clone, of.pool]
            times = times * [
                leukaemia.kept(x, keeps * part[clone]) if on else 1.0 for x, on in zip(felt, on_blasts, strict=True)
            ]
        cells[0] += cells[p.fades].sum(axis=0)
        cells[p.fades] = 0.0
        to_rest, birth = self.numbers.to_rest, self.numbers.birth
        if not self.back:
            death, leave = self.numbers.death, birth[0] - self.numbers.death + self.numbers.wake
            birth = np.array(
                [leukaemia.grows_anew(b, death, more, lost) for b, more in zip(birth, p.faster_again, strict=True)]
            )
            to_rest = to_rest * p.rests_again
            if p.rests_again != 1.0:
                cells[0] = leukaemia.rests_anew(*cells[0], to_rest[0], leave)
        self.back = True
        effect = of._replace(size=of.size * times, resting=of.resting * times)
        self._own(self.numbers._replace(effect=effect, to_rest=to_rest, birth=birth))

    # --- what acts at once

    def transfuse(self, rise: float) -> None:
        """Red cells, g/dL: spread over the four ages."""
        self.patient.line(self.y, whole.RED_CELLS)[1:] += 0.25 * rise

    def irradiate(self, act: int, gy: float, fractions: int, today: int) -> None:
        """A day's fractions."""
        marrow_share, cns_share, *numbers = self.patient.acts[act][:8]
        alpha, alpha_beta, alpha_normal, alpha_beta_normal, half_life, after_relapse = numbers
        blasts = radiation.survival(gy, fractions, alpha, alpha_beta, half_life)
        normal = radiation.survival(gy, fractions, alpha_normal, alpha_beta_normal, half_life)
        left, left_normal, last = self.fields.get(act, (1.0, 1.0, today))
        if today - last > radiation.MENDED_DAYS:
            left = left_normal = 1.0
        p, y = self.patient, self.y
        cells = y[p.cells].reshape(-1, 2)  # a view
        for clone, felt in enumerate(self.numbers.felt[:, p.pool_of_act[act]] * after_relapse**self.lost):
            cells[clone] *= radiation.kept(marrow_share, left**felt, blasts**felt)
        y[p.room + 1] *= radiation.kept(cns_share, 1.0, blasts)
        kept = radiation.kept(marrow_share, left_normal, normal)
        for i in range(whole.LINES):
            least = 0.0 if self.numbers.line.kind[i] == marrow.LIFE_SPAN else marrow.FLOOR
            p.line(y, i)[0] = max(kept * p.line(y, i)[0], least)
        p.line(y, whole.LYMPHOCYTES)[-1] *= kept  # those in the blood too
        y[p.immune + whole.B] *= kept
        y[p.room] *= kept
        self.fields[act] = left * blasts, left_normal * normal, today
        self.lose()

    def conditioned(self) -> bool:
        """Is a drug on board that kills stem cells, more than the engine takes for washed out?"""
        p = self.numbers
        for i in p.effect.output[(p.effect.target == whole.STEM_CELLS) & (p.effect.output >= 0)]:
            k = p.output_of[i]
            span = slice(p.first[k], p.first[k + 1])
            g = p.g[i, : p.first[k + 1] - p.first[k]]
            if g @ self.y[span] > WASHED_OUT * (g @ self.most[span]):
                return True
        return False

    def lose(self) -> None:
        """What is too little to grow back is gone."""
        if not self.numbers.living:
            return
        least = float(self.patient.lanes.immune["least_marrow"][0])
        room, self.host, self.grafted, grows = transplant.lost(
            float(self.y[self.patient.room]), self.host, self.grafted, least
        )
        self.y[self.patient.room] = room
        if not grows:
            self.numbers.rho[0] = 0.0

    def graft(self, act: int, dose: float) -> None:
        p, seeded = self.patient, float(self.patient.acts[act][0]) * dose / self.patient.size_on(int(self.day), 1)
        own = bool(p.acts[act][OWN])
        self.y[p.room], self.host = transplant.engrafted(float(self.y[p.room]), self.host, seeded, own)
        self.grafted |= not own
        of = self.numbers.line
        for i, kind in enumerate(of.kind):
            if kind in (marrow.POWER, marrow.SATURATING):
                p.line(self.y, i)[0] += seeded * transplant.pool_at_rest(of.base[i], of.loss[i], of.gain[i])
            elif kind == marrow.LIFE_SPAN:
                p.line(self.y, i)[0] += seeded * self.numbers.production / of.transit[i]
        self.numbers.rho[0] = p.numbers.rho[0]

    def infuse_cells(self, act: int, dose: float, pool: int) -> None:
        """CAR T-cells; all work, as without chance."""
        n = dict(zip(C_NUMBERS, self.patient.acts[act].tolist(), strict=True))
        numbers = self.numbers._replace(
            cells_pool=int(pool),
            car_t=whole.CarT(
                n["C_RATE"], n["C_MOST"], n["C_ANTIGEN_HALF"], n["C_LYMPHOCYTES"], n["C_CONTRACTION"],
                n["C_MEMORY_RATE"], n["C_KILL"], n["C_HALF"], n["C_RELEASES"], n["C_CNS"],
            ),
        )  # fmt: skip
        self._own(numbers)
        self.numbers.stage[0] = whole.GROWING
        self.y[self.patient.immune + whole.E] = n["C_INITIAL"] * dose / self.patient.size_on(int(self.day), 1)
        self.y[self.patient.immune + whole.M] = 0.0
        self.peak, self.memory_share = self.day + n["C_PEAK"], n["C_MEMORY_SHARE"]

    def _turn(self) -> None:
        """The peak: a share of the cells stays as memory, the others contract."""
        e, memory = self.patient.immune + whole.E, self.patient.immune + whole.M
        stay = self.memory_share * self.y[e]
        self.y[e] -= stay
        self.y[memory] += stay
        self.numbers.stage[0] = whole.AFTER_PEAK
        self.peak = np.inf

    def immunoglobulin(self, act: int, dose: float) -> None:
        self.y[self.patient.immune + whole.IGG] += (
            self.patient.acts[act][0] * dose / self.patient.size_on(int(self.day), 1)
        )


# states of the immune system and of grafts; below this they are compared to this (copies, pg/mL, per uL, g/L, shares)
LIVING = {"normal_marrow": 0.01, "car_t_copies": 1.0, "cytokine_pg_ml": 5.0, "b_cells": 1.0, "igg_g_l": 0.1,
          "donor_share": 0.01}  # fmt: skip


def errors(reference: dict[str, np.ndarray], states: pl.DataFrame) -> dict[str, np.ndarray]:
    """Differences of weekly states, by day: relative for counts and haemoglobin (a count below 0.01 against 0.01),
    decades for blasts of which the reference has at least one cell."""
    n = min(len(reference["day"]), states.height)
    got = states.head(n)
    assert np.array_equal(got["day"].to_numpy(), reference["day"][:n].astype(int))
    out = {"day": reference["day"][:n]}
    for name in ("anc", "platelets", "haemoglobin", "lymphocytes"):
        ref = reference[name][:n]
        out[name] = (got[name].to_numpy() - ref) / np.maximum(ref, 0.01)
    for name, least in LIVING.items():
        if name in reference and name in got.columns:
            ref = reference[name][:n]
            out[name] = (got[name].to_numpy() - ref) / np.maximum(ref, least)
    for name in ("log10_blasts_marrow", "log10_blasts_cns"):
        ref = reference[name][:n]
        out[name] = np.where(ref >= 0.0, np.maximum(got[name].to_numpy(), -12.0) - np.maximum(ref, -12.0), 0.0)
    return out
