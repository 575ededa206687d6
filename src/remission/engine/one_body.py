"""The numbers of one patient for the equations of `remission.body.whole`: what he was drawn with, and how he presents.

`numbers` and `at_diagnosis` are `Numbers` and y of `whole.change`. Who integrates them: `make verify`
(docs/verification.md), and whoever is given them as SBML (exchange/sbml.py).
"""

from __future__ import annotations

import numpy as np

from remission.body import leukaemia, marrow, transplant, whole
from remission.body.pharmacokinetics import Kinetics
from remission.compiled import core
from remission.engine import lanes
from remission.engine.layout import Layout
from remission.engine.program import Program
from remission.knowledge.library import Library, library
from remission.patient.cohort import Cohort

words = core.words


class OneBody:
    """The numbers of one patient of a cohort, ready to be integrated; ``index``: place in the cohort."""

    def __init__(
        self, program: Program, cohort: Cohort, seed: int, index: int, knowledge: Library | None = None
    ) -> None:
        knowledge = knowledge or library()
        one = cohort.take(slice(index, index + 1))
        self.layout, self.lanes = plan, q = lanes.build(program, one, knowledge, seed=seed)
        self.setting = dict(zip(words.Setting, plan.settings.tolist(), strict=True))
        systems = lanes.kinetics_of(program, one, seed)
        self.sizes = q.size.reshape(2, core.words.SIZES, -1)[:, :, 0]  # surface and weight
        self.diluted = {
            (f.agent, f.route): bool(x) for f, x in zip(program.forms, program.tables.forms["by_size"], strict=True)
        }
        self.systems = {k.agent: k for k in systems}
        self.first = dict(zip(self.systems, np.cumsum([0] + [k.n for k in systems]).tolist(), strict=False))
        self.numbers = _numbers(plan, q, systems, self.setting)
        self.acting = _acting(program, self.numbers)
        self.after_relapse = q.effect_relapse[_known(plan), 0]  # times the kill of blasts, by effect
        self.fades = np.array(plan.clone_fades, dtype=bool)
        self.keeps = np.array(plan.clone_keeps, dtype=float)
        self.rests_again = float(q.rests_again[0])
        self.faster_again = q.faster_again[:, 0]
        self.acts = q.acts.reshape(-1, len(words.ActNumber), core.LANES)[:, :, 0]
        self.pool_of_act = plan.acts["pool"]
        p = self.numbers
        self.n, products, self.clones = len(p.entering), len(p.product.agent), len(p.birth)
        self.lines = self.n + products
        self.room = self.lines + whole.LINES * marrow.STATES
        self.cells = slice(self.room + 2, self.room + 2 + 2 * self.clones)
        self.immune = self.cells.stop
        self.seen = self.immune + whole.IMMUNE
        self.at_diagnosis = np.zeros(self.seen + whole.SEEN)
        for i, kind in enumerate(p.line.kind):
            start = q.presenting[i, 0]
            line = np.full(marrow.STATES, transplant.pool_at_rest(start, p.line.loss[i], p.line.gain[i]))
            line[-1] = start
            if kind == marrow.LIFE_SPAN:
                line[0], line[1:] = p.production / p.line.transit[i] * q.normal[0], start / 4.0
            if kind != marrow.ABSENT:
                self.line(self.at_diagnosis, i)[:] = line
        self.at_diagnosis[self.room] = q.normal[0]
        self.at_diagnosis[self.room + 1] = q.cns_cells[0]
        self.at_diagnosis[self.cells] = q.cells[:, :, 0].reshape(-1)
        if p.living:
            of = q.immune[0]
            self.at_diagnosis[self.immune : self.seen] = (
                0.0, 0.0, q.normal[0], 1.0, of["igg_baseline"], of["cytokine_baseline"], 1.0, 0.0,
            )  # fmt: skip
        self.least = np.full(self.seen + whole.SEEN, 1e-12)  # amounts; a pool that a drug has emptied is 1e-6
        self.least[self.room + 1 : self.immune] = 1e-6  # cells
        self.least[self.immune :] = 1e-9

    def line(self, y: np.ndarray, which: int) -> np.ndarray:
        """A view of the states of a line."""
        first = self.lines + marrow.STATES * which
        return y[first : first + marrow.STATES]

    def size_on(self, day: int, which: int) -> float:
        """Body surface in m2 (0) or weight in kg (1) on a day."""
        return float(np.interp(day / core.words.SIZE_DAYS, np.arange(core.words.SIZES), self.sizes[which]))


def _known(plan: Layout) -> list[int]:
    """Effects that the equations feel: the others act on side effects and fever alone."""
    return [i for i, target in enumerate(plan.effect_target) if target < whole.TARGETS and target != words.ON_FEVER]


def _numbers(plan: Layout, q: lanes.Lanes, systems: tuple[Kinetics, ...], setting: dict[str, float]) -> whole.Numbers:
    first = np.cumsum([0] + [k.n for k in systems])
    most = max([k.n for k in systems], default=1)
    outputs = np.cumsum([0] + [k.g.shape[1] for k in systems])
    products = np.cumsum([0] + [len(k.saturable_products) for k in systems])
    a = np.zeros((len(systems), most, most))
    g = np.zeros((outputs[-1], most))
    for i, k in enumerate(systems):
        a[i, : k.n, : k.n] = k.a[0]
        g[outputs[i] : outputs[i + 1], : k.n] = k.g[0]
    made = [(i, x) for i, k in enumerate(systems) for x in k.saturable_products]

    def of_agent(name: str, otherwise: float = 0.0) -> np.ndarray:
        return np.array([otherwise if getattr(k, name) is None else getattr(k, name)[0] for k in systems])

    known = _known(plan)
    shapes = [plan.shapes[plan.shape_of[i]] for i in known]
    linear = [k.g.shape[1] for k in systems]
    drivers = [
        outputs[s["agent"]] + s["output"]
        if s["output"] < linear[s["agent"]]
        else -1 - (products[s["agent"]] + s["output"] - linear[s["agent"]])
        for s in shapes
    ]
    effect = whole.Effect(
        output=np.array(drivers, dtype=np.int64),
        function=np.array([s["function"] for s in shapes], dtype=np.int64),
        target=np.array(plan.effect_target, dtype=np.int64)[known],
        pool=np.array(plan.effect_pool, dtype=np.int64)[known],
        antagonist=np.array([outputs[s["antagonist"]] if s["antagonist"] >= 0 else -1 for s in shapes], dtype=np.int64),
        t_cells=np.array([s["needs"] for s in shapes], dtype=np.int64),
        size=q.effect_size[known, 0],
        resting=q.effect_rest[known, 0],
        b=q.effect_b[known, 0],
        c=q.effect_c[known, 0],
        d=q.effect_d[known, 0],
        e=q.effect_e[known, 0],
        antagonist_half=q.antagonist_half[known, 0],
        releases=q.released[known, 0],
    )
    clones = len(plan.clone_purpose)
    table = np.array(plan.clone_kill, dtype=float).reshape(clones, -1)
    im = q.immune[0]
    return whole.Numbers(
        first=first,
        a=a,
        entering=np.zeros(first[-1]),
        output_of=np.repeat(np.arange(len(systems)), linear),
        g=g,
        plasma=outputs[:-1],
        central=first[:-1] + np.array([k.central for k in systems], dtype=np.int64),
        vmax=of_agent("vmax"),
        km=of_agent("km", 1.0),
        extra=of_agent("extra"),
        fading=of_agent("fading"),
        begun=np.full(len(systems), np.inf),
        product=whole.Product(
            np.array([i for i, _ in made], dtype=np.int64),
            *(np.array([getattr(x, name)[0] for _, x in made]) for name in ("formation", "half", "loss")),
        ),
        effect=effect,
        felt=np.array([[leukaemia.felt(x, own) for x in row] for row, own in zip(table, q.felt[:, 0], strict=True)]),
        line=whole.Line(
            np.array(plan.line_kind, dtype=np.int64),
            *(getattr(q, f"line_{name}")[:, 0].copy() for name in whole.Line._fields[1:]),
        ),
        production=float(q.production[0]),
        rho=q.rho[:1].copy(),
        omega=float(q.omega[0]),
        capacity=float(q.capacity[0]),
        packing=setting["packing"],
        power=float(plan.power_of_load),
        birth=q.birth[:, 0].copy(),
        to_rest=q.to_rest[:, 0].copy(),
        carries=np.array(plan.clone_alone, dtype=float),
        antigen=float(q.antigen[0]),
        death=float(q.death[0]),
        wake=float(q.wake[0]),
        cns_birth=float(q.cns_birth[0]),
        cns_death=setting["cns_death"],
        seeding=float(q.seeding[0]),
        sows=np.array(plan.clone_sows, dtype=float),
        cells_pool=0,
        stage=np.array([whole.NO_CELLS]),
        car_t=whole.CarT(*(0.0,) * 10),
        immune=whole.Immune(
            *(float(im[name]) for name in (
                "t_half", "b_turnover", "b_body", "b_share", "plasma_independent", "plasma_rate", "igg_baseline",
                "igg_rate", "cytokine_baseline", "release", "release_half", "clearance", "priming", "priming_half",
                "recovery", "brain_rate", "brain_person",
            ))
        ),
        living=bool(plan.living),
        unrest=np.zeros(whole.LINES),
    )  # fmt: skip


def _acting(program: Program, p: whole.Numbers) -> set[int]:
    """Agents that the body feels or a rule asks for; of the others (protection from fever, side effects) chance alone
    would feel anything."""
    outputs = [o for o in (*p.effect.output, *p.effect.antagonist) if o >= 0]
    made = [p.product.agent[-1 - o] for o in p.effect.output if o < 0]
    return {*p.output_of[outputs].tolist(), *map(int, made), *map(int, program.tables.level_agent)}
