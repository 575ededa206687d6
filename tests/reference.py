"""The same written equations solved another way: one patient, LSODA of ODEPACK (through SciPy), a given dose history.

Independent of the engine's numerics: effects follow the instantaneous concentrations, couplings are solved together,
the Friberg feedback is its power. Only the patient's drawn numbers (`lanes.build`, `Kinetics`) and the doses and
transfusions of the tables of `play` are taken over. There is no chance.

    patient = Patient(program, cohort, seed, index)
    weekly = patient.solve(events_of(program, tables, number), days)

`verification.closed_loop` moves the same `Course` day by day and lets the rules decide on it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import polars as pl
from numba import njit
from scipy.integrate import odeint

from remission.engine import lanes
from remission.engine.program import Program
from remission.knowledge.library import Library, library
from remission.patient.cohort import SENSITIVITIES, Cohort
from remission.protocol import model as m

TARGETS = (
    "neutrophils", "platelets", "red cells", "lymphocytes", "blasts", "blood blasts", "CNS blasts",
    "neutrophil mobilisation",
)  # fmt: skip
BODY = (
    "anc0", "anc_ktr", "anc_gamma", "lymph0", "lymph_ktr", "lymph_gamma", "plt_half", "plt_growth", "plt_transit",
    "plt_loss", "production", "hb_tau", "hb_ageing", "rho", "omega", "capacity", "death", "wake", "packing",
    "cns_birth", "cns_death", "seeding",
)  # fmt: skip
MARROW = 22  # states: 5 neutrophils, 5 lymphocytes, 5 platelets, 5 red cells, normal marrow, CNS blasts
FLOOR = 1e-6  # 1e9/L, of the proliferating pools; an edge there would stop an implicit solver
MEANS = 2  # last states: integrals of the effects on blasts and neutrophils in the blood, which only the clinic sees


@dataclass(frozen=True)
class Dose:
    """``amount`` of an agent (its unit) given at ``day`` (0 = first day of treatment), over ``duration`` days."""

    day: float
    agent: str
    route: str
    amount: float
    duration: float = 0.0


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
        single = _single_dose(action.give, tables, patient)
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


def _single_dose(give: m.Give, tables: dict[str, pl.DataFrame], patient: int) -> float:
    person = tables["outcomes"].filter(pl.col("patient") == patient).row(0, named=True)
    per = {"m2": person["bsa_m2"], "kg": person["weight_kg"], "": 1.0}[give.unit.partition("/")[2]]
    assert give.amount is not None
    return float(give.amount * per)


@njit(cache=True, error_model="numpy")
def _effect(function, y, p):
    if function == 0.0:
        return p[0] * y
    if function == 1.0:
        return p[0] * y / (p[1] + y)
    # asparagine N at the steady state supply - loss N - 1440 y N / (km + N), in units of the supply:
    # (1 - N/c) = d y N / (e + N)
    b, c, d, e = p[1], p[2], p[3], p[4]
    if y <= 0.0:
        return 0.0
    q = e + c * d * y - c
    n = 0.5 * (np.sqrt(q * q + 4.0 * e * c) - q)
    if q > 0.0:
        n = 2.0 * e * c / (q + np.sqrt(q * q + 4.0 * e * c))
    return p[0] * (1.0 - n * (c + b) / (c * (n + b)))


@njit(cache=True, error_model="numpy")
def rhs(y, now, start, index, value, rate, sat_state, sat, begun, prod_agent, prod, effects, cells, b, dy):
    """dy/dt. y: PK states, saturable products, MARROW, clones (cycling, resting), MEANS. Times in days.

    start, index, value: the block-diagonal PK matrix, and below it the outputs, as sparse rows. sat: vmax, km, output
    row, clearance beyond the stable one and the rate at which it fades from day ``begun`` on. effects: (E, 13):
    output row or -1-product, function, 5 parameters, target, drug class, kill of resting cells, antagonist row,
    antagonist half, sensitivity. cells: (clones, 2 + classes): births, to rest, kill relative to the main clone."""
    n = rate.shape[0]
    products = prod.shape[0]
    for i in range(n):
        total = rate[i]
        for k in range(start[i], start[i + 1]):
            total += value[k] * y[index[k]]
        dy[i] = total
    outs = start.shape[0] - 1 - n
    out = np.zeros(outs)
    for i in range(outs):
        for k in range(start[n + i], start[n + i + 1]):
            out[i] += value[k] * y[index[k]]
    for i in range(sat_state.shape[0]):
        c = out[int(sat[i, 2])]
        extra = sat[i, 3] * np.exp(-sat[i, 4] * max(0.0, now - begun[i]))
        dy[sat_state[i]] -= sat[i, 0] * c / (sat[i, 1] + c) + extra * c
    for i in range(products):
        c = out[prod_agent[i]]
        dy[n + i] = prod[i, 0] * c / (prod[i, 1] + c) - prod[i, 2] * y[n + i]
    line = np.zeros(4)
    n_clones = cells.shape[0]
    kill_c = np.zeros(n_clones)
    kill_q = np.zeros(n_clones)
    kill_cns = 0.0
    means = n + products + 22 + 2 * n_clones
    dy[means] = dy[means + 1] = 0.0
    for i in range(effects.shape[0]):
        e = effects[i]
        source = int(e[0])
        x = out[source] if source >= 0 else y[n - 1 - source]
        size = _effect(e[1], x, e[2:7])
        if e[10] >= 0.0:
            size /= 1.0 + out[int(e[10])] / e[11]
        target = int(e[7])
        if target < 4:
            line[target] += size
        elif target == 4:
            for c in range(n_clones):
                w = cells[c, 2 + int(e[8])]
                kill_c[c] += size * w * e[12]
                kill_q[c] += size * w * e[9]
        elif target == 5:
            dy[means] += size * e[12]
        elif target == 7:
            dy[means + 1] += size
        elif target == 6:
            kill_cns += size * e[12]
    o = n + products
    room = y[o + 20]
    total = 0.0
    for c in range(n_clones):
        total += y[o + 22 + 2 * c] + y[o + 23 + 2 * c]
    load = total / b[15]
    growth = b[13] * room * (1.0 - room - b[14] * load)
    dy[o + 20] = growth
    for which in range(2):  # neutrophils, lymphocytes
        s = o + 5 * which
        c0, k, gamma = b[3 * which], b[3 * which + 1], b[3 * which + 2]
        effect = line[0] if which == 0 else line[3]
        feedback = min((room * c0 / max(y[s + 4], 1e-9)) ** gamma, 5.0)
        dy[s] = k * y[s] * ((1.0 - effect) * feedback - 1.0)
        if dy[s] < 0.0:  # a pool does not fall below FLOOR: its loss fades within a ten-thousandth above it
            dy[s] *= min(max((y[s] / FLOOR - 1.0) * 1e4, 0.0), 1.0)
        for j in range(1, 5):
            dy[s + j] = k * (y[s + j - 1] - y[s + j])
    s = o + 10
    half, grow, k, loss = b[6] * room, b[7], b[8], b[9]
    dy[s] = y[s] * (grow * (1.0 - line[1]) * half / (half + y[s + 4]) - k)
    for j in range(1, 4):
        dy[s + j] = k * (y[s + j - 1] - y[s + j])
    dy[s + 4] = k * y[s + 3] - loss * y[s + 4]
    s = o + 15
    flow = y[s] / b[11]
    dy[s] = b[10] * room * (1.0 - min(max(line[2], 0.0), 1.0)) - flow
    for j in range(1, 5):
        into = flow
        flow = b[12] * y[s + j]
        dy[s + j] = into - flow
    crowd = max(0.0, 1.0 - (load / b[18]) ** 4)
    for c in range(n_clones):
        s = o + 22 + 2 * c
        rest, wake = cells[c, 1] * y[s], b[17] * y[s + 1]
        dy[s] = (cells[c, 0] * crowd - b[16] - kill_c[c]) * y[s] - rest + wake
        dy[s + 1] = rest - wake - kill_q[c] * y[s + 1]
    dy[o + 21] = (b[19] - b[20] - kill_cns) * y[o + 21] + b[21] * total


class Patient:
    """The numbers of one patient of a cohort, ready to be integrated."""

    def __init__(
        self, program: Program, cohort: Cohort, seed: int, index: int, knowledge: Library | None = None
    ) -> None:
        knowledge = knowledge or library()
        one = cohort.take(slice(index, index + 1))
        self.layout, self.lanes = lanes.build(program, one, knowledge, seed=seed)
        q = self.lanes
        systems = lanes.kinetics_of(program, one, seed)
        settings = lanes.settings(knowledge)
        self.bsa = float(one.bsa_m2[0])
        self.systems = {k.agent: k for k in systems}
        self.first: dict[str, int] = {}
        n = 0
        for k in systems:
            self.first[k.agent] = n
            n += k.n
        self.n = n
        rows: list[tuple[list[int], list[float]]] = []
        for k in systems:
            for i in range(k.n):
                at = np.flatnonzero(k.a[0, i])
                rows.append(((at + self.first[k.agent]).tolist(), k.a[0, i, at].tolist()))
        outputs: dict[tuple[str, str], int] = {}
        product_of: dict[tuple[str, str], int] = {}
        products, product_agent = [], []
        for k in systems:
            for j in range(k.g.shape[1]):
                outputs[k.agent, k.outputs[j]] = len(rows) - n
                at = np.flatnonzero(k.g[0, j])
                rows.append(((at + self.first[k.agent]).tolist(), k.g[0, j, at].tolist()))
            for p in k.saturable_products:
                product_of[k.agent, p.name] = len(products)
                products.append([p.formation[0], p.half[0], p.loss[0]])
                product_agent.append(outputs[k.agent, "plasma"])
        self.start = np.cumsum([0] + [len(r[0]) for r in rows]).astype(np.int64)
        self.index = np.array([i for r in rows for i in r[0]], dtype=np.int64)
        self.value = np.array([v for r in rows for v in r[1]])
        saturable = [k for k in systems if k.vmax is not None]
        self.sat_state = np.array([self.first[k.agent] + k.central for k in saturable], dtype=np.int64)
        self.sat = np.array(
            [[k.vmax[0], k.km[0], outputs[k.agent, "plasma"],
              *(x[0] if x is not None else 0.0 for x in (k.extra, k.fading))] for k in saturable]
        ).reshape(-1, 5)  # fmt: skip
        self.sat_from = np.array([self.first[k.agent] for k in saturable])
        self.sat_to = np.array([self.first[k.agent] + k.n for k in saturable])
        self.product_agent = np.array(product_agent, dtype=np.int64)
        self.products = np.array(products).reshape(-1, 3)
        effects = []
        targets = {name: i for i, name in enumerate(TARGETS)}
        i = -1
        for agent, own in zip(program.agents, program.effects, strict=True):
            for effect in (acting.effect for acting in own):
                i += 1
                if effect.on not in targets:  # cytokine, side effects: nothing that is integrated here
                    continue
                key = (agent.agent, effect.driver)
                source = outputs[key] if key in outputs else -1 - product_of[key]
                cls = SENSITIVITIES.index(agent.sensitivity) if agent.sensitivity else len(SENSITIVITIES)
                antagonist = -1
                for other in agent.antagonists:
                    if effect.on in other.on and (other.agent, "plasma") in outputs:
                        antagonist = outputs[other.agent, "plasma"]
                function = ("linear", "emax", "asparagine depletion").index(effect.function)
                effects.append(
                    [source, function, q.effect_a[i, 0], q.effect_b[i, 0], q.effect_c[i, 0], q.effect_d[i, 0],
                     q.effect_e[i, 0], targets[effect.on], cls, q.resting[i, 0], antagonist, q.antagonist_half[i, 0],
                     one.sensitivity[0, cls] if cls < len(SENSITIVITIES) else 1.0]
                )  # fmt: skip
        self.effects = np.array(effects, dtype=np.float64).reshape(-1, 13)
        clones = program.clones
        classes = (*SENSITIVITIES, "")
        self.cells = np.array(
            [[q.birth[c, 0], q.to_rest[c, 0], *(clone.kill.get(name, 1.0) for name in classes)]
             for c, clone in enumerate(clones)]
        )  # fmt: skip
        base, transit, loss, feedback = (
            q.line_base[:, 0],
            q.line_transit[:, 0],
            q.line_loss[:, 0],
            q.line_feedback[:, 0],
        )
        production = float(q.production[0])
        own = {
            "anc0": base[0], "anc_ktr": transit[0], "anc_gamma": feedback[0], "lymph0": base[3],
            "lymph_ktr": transit[3], "lymph_gamma": feedback[3], "plt_half": feedback[1],
            "plt_growth": q.line_growth[1, 0], "plt_transit": transit[1], "plt_loss": loss[1],
            "hb_tau": 1.0 / transit[2], "hb_ageing": loss[2],
        }  # fmt: skip
        own |= {name: float(getattr(q, name)[0]) for name in BODY if hasattr(q, name)}
        own |= {name: float(q.person[name][0]) for name in BODY if name in (q.person.dtype.names or ())}
        own |= {name: settings[name] for name in ("packing", "cns_birth", "cns_death", "seeding")}
        own["production"] = production
        self.body = np.array([own[name] for name in BODY])
        self.red_rise, self.platelet_rise = settings["red_cell_rise"], settings["platelet_rise"]
        self.pool_loss = -np.log1p(-settings["platelet_pool_loss"])
        anc, platelets, haemoglobin, lymphocytes = q.presenting[:, 0]
        chain = platelets * loss[1] / transit[1]
        self.at_diagnosis = np.concatenate(
            [
                np.zeros(n + len(products)),
                np.full(5, anc),
                np.full(5, lymphocytes),
                [chain, chain, chain, chain, platelets],
                [production / transit[2] * q.normal[0]],
                np.full(4, haemoglobin / 4.0),
                [q.normal[0], q.cns_cells[0]],
                q.cells[:, :, 0].reshape(-1),
                np.zeros(MEANS),
            ]
        )
        size = len(self.at_diagnosis)
        self.marrow = n + len(products)
        self.clones = slice(self.marrow + MARROW, size - MEANS)
        self.floor = np.full(size, 1e-12)  # amounts, nucleotides
        self.floor[self.marrow : self.marrow + 21] = 1e-12  # a pool that a drug has emptied grows back from 1e-6
        self.floor[self.marrow + 21 : -MEANS] = 1e-6  # cells
        self.floor[-MEANS:] = 1e-9

    def solve(
        self, events: list[Dose | Transfusion], days: int, rtol: float = 1e-10, every: float = 7.0, atol: float = 1.0
    ) -> dict[str, np.ndarray]:
        """Integrate to ``days``; anc, platelets, haemoglobin, lymphocytes, log10 marrow and CNS blasts at multiples
        of ``every`` days (before that morning's doses). ``atol`` scales the absolute tolerance."""
        course = Course(self, rtol, atol)
        doses: dict[float, list[tuple[int, float, float]]] = defaultdict(list)  # time: (state, amount, over days)
        red: dict[float, float] = defaultdict(float)
        pool: list[tuple[float, float]] = []
        for event in events:
            at = round(event.day * 1440.0) / 1440.0
            if isinstance(event, Transfusion):
                if event.product == "red cell":
                    red[at] += 0.25 * self.red_rise * event.ml_per_kg
                else:
                    pool.append((at, self.platelet_rise * event.ml_per_kg))
                continue
            entry = self.systems[event.agent].entries[event.route]
            share = float(entry.bioavailability[0])
            if entry.loss:
                per_m2 = event.amount / self.bsa
                share -= entry.loss * per_m2 / (entry.half_dose + per_m2)
            duration = round(event.duration * 1440.0) / 1440.0
            doses[at].append((self.first[event.agent] + entry.state, share * event.amount, duration))
        weeks = [w * every for w in range(int(days / every) + 1)]
        out = []
        for t in sorted({t for t in (*doses, *red, *weeks) if t <= days}):
            course.to(t)
            if any(abs(t - w) < 1e-9 for w in weeks):
                out.append(self._seen(t, course.y, pool))
            for state, amount, duration in doses.get(t, ()):
                course.give(state, amount, duration)
            if t in red:
                course.y[self.marrow + 16 : self.marrow + 20] += red[t]
        names = ("day", "anc", "platelets", "haemoglobin", "lymphocytes", "log10_blasts_marrow", "log10_blasts_cns")
        return dict(zip(names, np.array(out).T, strict=True))

    def _seen(self, t: float, y: np.ndarray, pool: list[tuple[float, float]]) -> list[float]:
        o = self.marrow
        given = sum(size * np.exp(-self.pool_loss * (t - at)) for at, size in pool if at < t)
        blasts = max(float(y[self.clones].sum()), 1e-12)
        cns = max(float(y[o + 21]), 1e-12)
        return [
            t, y[o + 4], y[o + 14] + given, y[o + 16 : o + 20].sum(), y[o + 9], np.log10(blasts), np.log10(cns)
        ]  # fmt: skip


class Course:
    """The state of one patient, moved on by LSODA from one change of the inputs to the next."""

    def __init__(self, patient: Patient, rtol: float, atol: float = 1.0) -> None:
        self.patient = patient
        self.y = patient.at_diagnosis.copy()
        self.day = 0.0
        self.infusions: list[tuple[float, int, float]] = []  # end, state, amount per day
        self.rate = np.zeros(patient.n)
        self.begun = np.full(len(patient.sat), np.inf)  # day of the first dose
        self.tolerance = {"rtol": rtol, "atol": atol * patient.floor, "mxstep": 100000}
        p = patient
        self.fixed = (
            p.start, p.index, p.value, self.rate, p.sat_state, p.sat, self.begun, p.product_agent, p.products,
            p.effects, p.cells, p.body, np.empty_like(self.y),
        )  # fmt: skip

    def give(self, state: int, amount: float, duration: float) -> None:
        """A dose now: at once, or at an even rate over ``duration`` days."""
        mine = (self.patient.sat_from <= state) & (state < self.patient.sat_to)
        self.begun[mine] = np.minimum(self.begun[mine], self.day)
        if duration:
            self.infusions.append((self.day + duration, state, amount / duration))
        else:
            self.y[state] += amount

    def to(self, day: float) -> None:
        """Integrate to ``day``, stopping where an infusion ends."""
        while self.day < day - 1e-9:
            until = min([day, *(end for end, _, _ in self.infusions)])
            self.rate[:] = 0.0
            for _, state, rate in self.infusions:
                self.rate[state] += rate
            if until > self.day + 1e-9:
                found, info = odeint(self._change, self.y, [self.day, until], full_output=True, **self.tolerance)
                if info["message"] != "Integration successful.":
                    raise ArithmeticError(f"LSODA from day {self.day} to {until}: {info['message']}")
                self.y = found[1]
            self.day = until
            self.infusions = [i for i in self.infusions if i[0] > until + 1e-9]

    def _change(self, y: np.ndarray, now: float) -> np.ndarray:
        rhs(y, now, *self.fixed)
        return self.fixed[-1]


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
    for name in ("log10_blasts_marrow", "log10_blasts_cns"):
        ref = reference[name][:n]
        out[name] = np.where(ref >= 0.0, got[name].to_numpy() - ref, 0.0)
    return out
