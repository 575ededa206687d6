"""The numbers of a block of patients, side by side: one column (lane) per patient.

Everything the kernel needs to know of people and drugs is drawn here from the knowledge files,
patient by patient and purpose by purpose, so that it does not depend on the block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from remission.body.kinetics import LANES
from remission.body.person import individual
from remission.body.pharmacokinetics import Kinetics, kinetics
from remission.knowledge.agent import Agent, Effect
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library
from remission.knowledge.quantity import Quantity
from remission.patient import chance
from remission.patient.cohort import SENSITIVITIES, Cohort, Floats

from .program import STEPS_PER_DAY, Program

LINES = ("neutrophils", "platelets", "red cells", "lymphocytes")
TARGETS = (*LINES, "blasts", "blood blasts", "CNS blasts", "neutrophil mobilisation")
LINEAR, EMAX, ASPARAGINE, CLIPPED = range(4)
COUNTED = ("neutrophils", "platelets", "red cells")  # lines whose counts are asked to be right to a thousandth
SLOW_DAYS = {**dict.fromkeys(COUNTED, 5.0), "CNS blasts": 0.1}  # half-life of a driver from which six-hour means do
SLOW_OTHERWISE = 5.0
FUNCTIONS = {"linear": LINEAR, "emax": EMAX, "asparagine depletion": ASPARAGINE}
MICROSTEPS = (2.5, 2.5, 5, 5, 5, 10, 10, 20, 30, 30)  # minutes of a two-hour step where elimination saturates
NO_CLASS = len(SENSITIVITIES)  # a row of ones: an effect that no resistance touches


class Layout(NamedTuple):
    """How agents, outputs and effects lie in the arrays; the same for every block of a program."""

    state_from: Any  # (agents + 1,)
    a_from: Any  # into the flattened system matrices
    g_from: Any
    output_from: Any
    linear_outputs: Any
    steps: Any  # of a day
    micro_from: Any  # an agent's steps may be made of smaller ones:
    micro_kind: Any  # kind (length) of each
    micro_share: Any  # of the step
    kind_from: Any
    unit: Any  # days, by kind
    weight_from: Any  # passes of an agent, times its kinds
    edge_from: Any
    edges: Any  # ends of the windows of a step in units, from 0 on
    window_slot: Any  # beside edges: two-hour slot of the window that ends there, and its share of the slot
    window_share: Any
    central: Any
    product_from: Any
    product_row: Any  # numbers of a product, one row for each window of a step
    saturable: Any  # 1: Michaelis-Menten elimination
    sink_from: Any
    row_from: Any  # rows of an agent's step matrix: states, linear outputs, plasma in each window
    pass_from: Any  # four products at a time
    pass_row: Any
    pass_first: Any
    pass_column: Any  # (4 * passes,)
    pass_used: Any
    rescued: Any  # 1: an agent whose doses depend on levels of the day
    form_entry: Any  # entry state
    form_row_from: Any
    agent_form_from: Any
    agent_forms: Any
    windowed_from: Any  # linear outputs whose window means are rows of the step matrix (local numbers)
    windowed: Any
    effect_target: Any
    effect_class: Any  # whose sensitivity counts
    effect_pool: Any  # kills are summed by class, where clones differ in it, else together
    shape_from: Any  # by agent
    shapes: Any  # SHAPE: effects of one driver that differ only by a factor are evaluated once
    members: Any  # effects, shape after shape
    clone_kill: Any  # (clones, classes + 1): kill relative to the main clone
    settings: Any  # scalars, see SETTINGS


SETTINGS = (
    "packing", "other_leukocytes", "blood_loss", "cns_birth", "cns_death", "seeding",
    "flow_cells", "flow_minimum", "aspirate_sd", "noise_anc", "noise_platelets", "noise_haemoglobin",
    "hazard_below_0.1", "hazard_below_0.5", "hazard_below_1.0", "hazard_above_1.0", "maintenance_hazard",
    "fever_pause_days", "bloodstream_share", "death_share", "red_cell_rise", "platelet_rise", "platelet_pool_loss",
    "relapse_marrow", "relapse_cns", "remission_marrow",
)  # fmt: skip


SHAPE = np.dtype(
    [(name, np.int64) for name in ("agent", "output", "function", "antagonist", "effect", "first", "last", "row", "source")]  # noqa: E501
)  # antagonist: agent or -1; effect: whose parameters stand for all; first, last: of members; row: two-hour means
# of the bent driver, or -1 where the driver's own mean over six hours does; source: its row in the step matrix from the
# first window on, or -1 - product


PERSON = np.dtype(
    [("patient", np.int64), ("real", np.int64)]  # real 1: a patient, 0: padding
    + [
        (name, np.float64)
        for name in ("age_y", "weight_kg", "bsa_m2", "capacity", "blood_ratio", "frailty", "omega", "wake", "death")
    ]
)  # blood_ratio: blood blasts in 1e9/L per marrow cell


class Lanes(NamedTuple):
    """Per-patient numbers, arrays whose last axis is the patient."""

    person: Any  # (N,) of PERSON, for the scalar parts
    a: Any  # (sum n^2, N)
    g: Any  # (sum outputs * n, N)
    state_scale: Any  # (states, N): amounts below 1e-6 of it count as gone
    bioavailability: Any  # (forms, N)
    product_formation: Any
    product_half: Any
    product_loss: Any
    vmax: Any  # (agents, N)
    km: Any
    effect_a: Any  # (effects, N)
    effect_b: Any
    effect_c: Any
    effect_d: Any
    effect_e: Any
    resting: Any
    antagonist_half: Any
    sensitivity: Any  # (classes + 1, N)
    seen: Any  # (variables, N), the personal part filled
    # marrow
    anc0: Any
    anc_ktr: Any
    anc_gamma: Any
    lymph0: Any
    lymph_ktr: Any
    lymph_gamma: Any
    plt0: Any
    plt_growth: Any
    plt_transit: Any
    plt_loss: Any
    plt_half: Any
    hb0: Any
    hb_tau: Any
    hb_ageing: Any
    rho: Any
    omega: Any
    presenting: Any  # (4, N): anc, platelets, haemoglobin, lymphocytes at diagnosis
    # leukaemia
    capacity: Any
    cells: Any  # (clones, 2, N) at diagnosis
    cns_cells: Any
    birth: Any  # (clones, N)
    death: Any
    to_rest: Any
    wake: Any
    normal: Any  # normal marrow / capacity at diagnosis


@dataclass(frozen=True)
class Body:
    """Layout and kinetics of a program's agents."""

    layout: Layout
    kinetics: tuple[Kinetics, ...]


def _routes(program: Program, agent: str) -> tuple[str, ...]:
    return tuple(sorted({f.route for f in program.forms if f.agent == agent}))


def _effect_parameters(agent: Agent, effect: Effect, k: Kinetics, cohort: Cohort, seed: int, path: str) -> list[Floats]:
    """The function's numbers in output units: linear [slope], emax [max, half], asparagine [max, half, baseline..]."""
    unit = k.units_of_outputs[effect.driver]
    kill = effect.on in ("blasts", "blood blasts", "CNS blasts")
    size = "1/day" if kill else "-"

    def draw(q: Quantity | None, unit: str, name: str) -> Floats:
        if q is None:
            raise BadInput(f"{agent.agent}: the effect on {effect.on} lacks `{name}`")
        return individual(q, unit, cohort, seed=seed, purpose=f"{agent.agent}.{path}.{name}")

    zero = np.zeros(len(cohort))
    if effect.function == "linear":
        per = "dimensionless" if unit == "-" else unit
        return [draw(effect.slope, f"{'1/day' if kill else '1'}/({per})", "slope"), zero, zero, zero, zero]
    if effect.function == "emax":
        return [draw(effect.max, size, "max"), draw(effect.half, unit, "half"), zero, zero, zero]
    # 1 IU turns over 1 umol a minute: 1440 umol/L a day for each IU/L, here relative to the supply
    return [
        draw(effect.max, size, "max"),
        draw(effect.half, "umol/L", "half"),
        draw(effect.baseline, "umol/L", "baseline"),
        1440.0 / draw(effect.supply, "umol/L/day", "supply"),
        draw(effect.km, "umol/L", "km"),
    ]


def kinetics_of(program: Program, cohort: Cohort, seed: int) -> tuple[Kinetics, ...]:
    return tuple(kinetics(agent, cohort, seed=seed, routes=_routes(program, agent.agent)) for agent in program.agents)


def layout(program: Program, systems: tuple[Kinetics, ...], library: Library, settings: dict[str, float]) -> Layout:
    """Offsets and sparsity patterns; the pattern of a matrix exponential is the reachability of its states."""
    state_from, a_from, g_from, output_from, product_from, row_from = [0], [0], [0], [0], [0], [0]
    edge_from, edges, window_slot, window_share, unit, product_row = [0], [], [], [], [], [0]  # type: ignore[var-annotated]
    micro_from, micro_kind, micro_share, kind_from, weight_from, sink_from = [0], [], [], [0], [0], [0]  # type: ignore[var-annotated]
    windowed_from, windowed = [0], []  # type: ignore[var-annotated]
    pass_from, pass_row, pass_first, pass_column, pass_used = [0], [], [], [], []  # type: ignore[var-annotated]
    for k in systems:
        output_from.append(output_from[-1] + len(k.outputs))
    targets, classes, shapes, members = _shapes(program, systems, output_from)
    for a, k in enumerate(systems):
        n = k.n
        lin = k.g.shape[1]
        bent = {s["output"] - output_from[a] for s in shapes if s["agent"] == a and s["row"] >= 0}
        wanted = sorted(({0} if k.saturable_products else set()) | {j for j in bent if j < lin})
        width, ends = _windows(program, a, k, [s for s in shapes if s["agent"] == a and s["row"] >= 0])
        micro = [m / 1440.0 for m in MICROSTEPS] if k.vmax is not None else [width]
        kinds = sorted(set(micro))
        windows = len(ends) - 1
        if windows == 1:
            wanted = []
        for s in shapes:
            if s["agent"] == a:
                j = s["output"] - output_from[a]
                s["source"] = lin - 1 - j - product_from[a] if j >= lin else n + j
                if j in wanted:
                    s["source"] = n + lin + wanted.index(j) * windows
        hours = [e * width * 24.0 for e in ends]
        edges += ends
        window_slot += [0] + [int(h / 2.0 + 1e-9) for h in hours[:-1]]
        window_share += [0.0] + [min(1.0, (h - g) / 2.0) for g, h in zip(hours[:-1], hours[1:], strict=True)]
        edge_from.append(len(edges))
        unit += kinds
        kind_from.append(len(unit))
        micro_kind += [kinds.index(m) for m in micro]
        micro_share += [m / sum(micro) for m in micro]
        micro_from.append(len(micro_kind))
        product_row += [product_row[-1] + len(kinds) * windows * (i + 1) for i in range(len(k.saturable_products))]
        windowed += wanted
        windowed_from.append(len(windowed))
        state_from.append(state_from[-1] + n)
        a_from.append(a_from[-1] + n * n)
        g_from.append(g_from[-1] + lin * n)
        product_from.append(product_from[-1] + len(k.saturable_products))
        row_from.append(row_from[-1] + n + lin + windows * len(wanted))
        sink_from.append(sink_from[-1] + len(kinds) * (row_from[-1] - row_from[-2]))
        reach = (np.abs(k.a).max(axis=0) > 0) | np.eye(n, dtype=bool)
        for _ in range(n):
            reach = reach | ((reach.astype(int) @ reach.astype(int)) > 0)
        uses = (np.abs(k.g).max(axis=0) > 0).astype(int) @ reach.astype(int) > 0
        pattern = np.concatenate([reach, uses, np.repeat(uses[wanted], windows, axis=0)])
        for r in range(len(pattern)):
            columns = np.flatnonzero(pattern[r]).tolist()
            for start in range(0, len(columns), 4):
                four = columns[start : start + 4]
                pass_row.append(r)
                pass_first.append(start == 0)
                pass_column += four + [0] * (4 - len(four))
                pass_used += [1] * len(four) + [0] * (4 - len(four))
        pass_from.append(len(pass_row))
        weight_from.append(weight_from[-1] + len(kinds) * (pass_from[-1] - pass_from[-2]))
    form_row_from, form_entry = [0], []
    agent_forms: list[list[int]] = [[] for _ in systems]
    for i, f in enumerate(program.forms):
        a = int(program.tables.forms["agent"][i])
        if f.route not in systems[a].entries:
            raise BadInput(f"{f.agent} has no route {f.route} in its knowledge file", remedy="add it, or use another")
        form_entry.append(systems[a].entries[f.route].state)
        agent_forms[a].append(i)
        form_row_from.append(form_row_from[-1] + sink_from[a + 1] - sink_from[a])
    rescued = np.zeros(len(systems), dtype=np.int64)
    for o in program.tables.rules["order"]:
        if o >= 0:
            rescued[program.tables.forms["agent"][program.tables.orders["form"][o]]] = 1
    clones = clone_table(library)
    clone_kill = np.ones((len(clones), len(SENSITIVITIES) + 1))
    for i, clone in enumerate(clones):
        for name, factor in clone.kill.items():
            clone_kill[i, SENSITIVITIES.index(name)] = factor

    def ints(values: Any) -> Any:
        return np.array(values, dtype=np.int64)

    return Layout(
        state_from=ints(state_from),
        a_from=ints(a_from),
        g_from=ints(g_from),
        output_from=ints(output_from),
        linear_outputs=ints([k.g.shape[1] for k in systems]),
        steps=ints(program.steps),
        micro_from=ints(micro_from),
        micro_kind=ints(micro_kind),
        micro_share=np.array(micro_share),
        kind_from=ints(kind_from),
        unit=np.array(unit),
        weight_from=ints(weight_from),
        edge_from=ints(edge_from),
        edges=ints(edges),
        window_slot=ints(window_slot),
        window_share=np.array(window_share),
        central=ints([k.central for k in systems]),
        product_from=ints(product_from),
        product_row=ints(product_row),
        saturable=ints([int(k.vmax is not None) for k in systems]),
        sink_from=ints(sink_from),
        row_from=ints(row_from),
        pass_from=ints(pass_from),
        pass_row=ints(pass_row),
        pass_first=np.array(pass_first, dtype=np.bool_),
        pass_column=ints(pass_column),
        pass_used=ints(pass_used),
        rescued=rescued,
        form_entry=ints(form_entry),
        form_row_from=ints(form_row_from),
        agent_form_from=ints(np.concatenate(([0], np.cumsum([len(x) for x in agent_forms])))),
        agent_forms=ints([x for items in agent_forms for x in items]),
        windowed_from=ints(windowed_from),
        windowed=ints(windowed),
        effect_target=ints(targets),
        effect_class=ints(classes),
        effect_pool=ints([c if np.any(clone_kill[:, c] != 1.0) else NO_CLASS for c in classes]),
        shape_from=ints(np.searchsorted([s["agent"] for s in shapes], range(len(systems) + 1))),
        shapes=np.array([tuple(s[name] for name in SHAPE.names or ()) for s in shapes], dtype=SHAPE),
        members=ints(members),
        clone_kill=clone_kill,
        settings=np.array([settings[name] for name in SETTINGS]),
    )


def _windows(program: Program, a: int, k: Kinetics, bent: list[dict[str, int]]) -> tuple[float, list[int]]:
    """Unit (days) and edges (units) of the windows of a step: half hours after a dose and longer ones later where
    something enters at once and what it drives bends, two hours for what rises slowly, the whole step else."""
    steps = program.steps[a]
    if k.vmax is not None or not (bent or k.saturable_products):
        return 1.0 / steps, [0, 1]
    at_once = any(f.agent == k.agent and f.route in ("IV", "IT") for f in program.forms)
    sharp = any(s["function"] != ASPARAGINE for s in bent)
    if k.saturable_products or (at_once and sharp):
        return 1.0 / 48.0, [0, 1, 2, 3, 4] if steps == STEPS_PER_DAY else [0, 1, 2, 3, 4, 6, 8, 12]
    return 1.0 / STEPS_PER_DAY, [0, 1] if steps == STEPS_PER_DAY else [0, 1, 2, 3]


def _slow(agent: Agent, effect: Effect) -> bool:
    pk = agent.pharmacokinetics
    spec = pk.csf if effect.driver == "csf" else pk.drivers.get(effect.driver)
    return spec is not None and spec.half_life.to_unit("day") >= SLOW_DAYS.get(effect.on, SLOW_OTHERWISE)


def _shapes(
    program: Program, systems: tuple[Kinetics, ...], output_from: list[int]
) -> tuple[list[int], list[int], list[dict[str, int]], list[int]]:
    """Targets and classes of all effects, and the effects grouped by what bends them the same way.

    Unless its driver is slow, an effect is judged in the windows of a step: it may bend, or be clipped (red cells
    cannot lose more than all of production), and the marrow asks when in a quarter of the day it acts."""
    index = {k.agent: i for i, k in enumerate(systems)}
    targets: list[int] = []
    classes: list[int] = []
    groups: dict[tuple[Any, ...], list[int]] = {}
    for a, agent in enumerate(program.agents):
        for effect in agent.effects:
            antagonist, half = -1, None
            for other in agent.antagonists:
                if effect.on in other.on and other.agent in index:
                    antagonist, half = index[other.agent], other.half
            output = output_from[a] + systems[a].output(effect.driver)
            function = FUNCTIONS[effect.function]
            slow = _slow(agent, effect)
            number = len(targets)
            if function == LINEAR and effect.on == "red cells" and not slow:
                function = CLIPPED
            bent = antagonist >= 0 or not slow
            shape = (effect.half, effect.baseline, effect.supply, effect.km, half)
            drawn = any(q is not None and q.iiv_cv for q in shape)  # effect by effect: not shared
            values = tuple((q.value, q.unit, q.per, repr(q.covariates)) if q else None for q in shape)
            key = (a, output, function, antagonist, bent, values, number if drawn or function == CLIPPED else -1)
            groups.setdefault(key, []).append(number)
            targets.append(TARGETS.index(effect.on))
            classes.append(SENSITIVITIES.index(agent.sensitivity) if agent.sensitivity else NO_CLASS)
    shapes: list[dict[str, int]] = []
    members: list[int] = []
    rows = 0
    for (a, output, function, antagonist, bent, *_), effects in groups.items():
        first = len(members)
        members += effects
        shapes.append(
            {
                "agent": a, "output": output, "function": function, "antagonist": antagonist, "effect": effects[0],
                "first": first, "last": len(members), "row": rows if bent else -1, "source": 0,
            }
        )  # fmt: skip
        rows += STEPS_PER_DAY if bent else 0
    return targets, classes, shapes, members


@dataclass(frozen=True)
class Clone:
    """A kind of clone: how often a division makes it, what it costs, which drugs kill it less."""

    name: str
    mutation: float
    cost: float
    kill: dict[str, float]


def clone_table(library: Library) -> list[Clone]:
    """The main clone and the resistant kinds of data/body/leukaemia.yaml."""
    body = library.body("leukaemia")
    out = [Clone("main", 0.0, 0.0, {})]
    for name in body.children("resistant_clones"):
        path = f"resistant_clones.{name}"
        kill = {c: body[f"{path}.kill.{c}"].to_unit("-") for c in body.children(f"{path}.kill")}
        out.append(
            Clone(
                name,
                body[f"{path}.mutation_per_division"].to_unit("-"),
                body[f"{path}.fitness_cost"].to_unit("-"),
                kill,
            )
        )
    return out


def settings(library: Library) -> dict[str, float]:
    """Scalars of the body files that are the same for everyone."""
    leukaemia, infection, assays = library.body("leukaemia"), library.body("infection"), library.body("assays")
    return {
        "packing": leukaemia["marrow.packing"].to_unit("-"),
        "other_leukocytes": library.body("marrow")["other_leukocytes"].value,
        "blood_loss": leukaemia["blood.return"].to_unit("1/day") + leukaemia["blood.death"].to_unit("1/day"),
        "cns_birth": leukaemia["cns.growth"].to_unit("1/day") + leukaemia["growth.death"].to_unit("1/day"),
        "cns_death": leukaemia["growth.death"].to_unit("1/day"),
        "seeding": leukaemia["cns.seeding"].to_unit("1/day"),
        "flow_cells": assays["flow_mrd.cells"].value,
        "flow_minimum": assays["flow_mrd.minimum_events"].value,
        "aspirate_sd": assays["aspirate.sd_log"].to_unit("-"),
        "noise_anc": assays["counts.neutrophils_cv"].to_unit("-"),
        "noise_platelets": assays["counts.platelets_cv"].to_unit("-"),
        "noise_haemoglobin": assays["counts.haemoglobin_cv"].to_unit("-"),
        "hazard_below_0.1": infection["fever.anc_below_0_1"].to_unit("1/day"),
        "hazard_below_0.5": infection["fever.anc_0_1_to_0_5"].to_unit("1/day"),
        "hazard_below_1.0": infection["fever.anc_0_5_to_1"].to_unit("1/day"),
        "hazard_above_1.0": infection["fever.anc_above_1"].to_unit("1/day"),
        "maintenance_hazard": infection["fever.maintenance_factor"].to_unit("-"),
        "fever_pause_days": infection["fever.pause"].to_unit("day"),
        "bloodstream_share": infection["bloodstream.share"].to_unit("-"),
        "death_share": infection["bloodstream.death"].to_unit("-"),
        "red_cell_rise": assays["transfusion.red_cells_rise"].value,
        "platelet_rise": assays["transfusion.platelets_rise"].value,
        "platelet_pool_loss": 1.0 - 2.0 ** (-1.0 / assays["transfusion.platelets_half_life"].to_unit("day")),
        "relapse_marrow": leukaemia["detection.marrow_relapse"].to_unit("-"),
        "relapse_cns": leukaemia["detection.cns_relapse"].value,
        "remission_marrow": leukaemia["detection.remission"].to_unit("-"),
    }


def build(program: Program, cohort: Cohort, library: Library, *, seed: int) -> tuple[Layout, Lanes]:
    """Draw every number of every patient of the cohort; padding to a multiple of ``LANES`` repeats the last one."""
    n = len(cohort)
    padded = -(-n // LANES) * LANES
    index = np.minimum(np.arange(padded), n - 1)
    people = cohort.take(index)
    systems = kinetics_of(program, people, seed)
    scalars = settings(library)
    plan = layout(program, systems, library, scalars)

    marrow, leukaemia, infection = library.body("marrow"), library.body("leukaemia"), library.body("infection")

    def draw(body: Any, path: str, unit: str) -> Floats:
        return individual(body[path], unit, people, seed=seed, purpose=f"{body.name}.{path}")

    def flat(parts: list[Any]) -> Floats:
        """Per-patient blocks (N, ...) to rows (sum, N)."""
        return np.ascontiguousarray(
            np.concatenate([p.reshape(padded, -1).T for p in parts]) if parts else np.zeros((0, padded))
        )

    scale = []
    for i, k in enumerate(systems):
        orders = [
            o
            for o in range(len(program.tables.orders))
            if program.tables.forms["agent"][program.tables.orders["form"][o]] == i
        ]
        typical = max(
            [
                float(program.tables.orders["amount"][o]) * (0.7 if program.tables.orders["basis"][o] == 0 else 1.0)
                for o in orders
            ]
            + [1.0]
        )
        entry = np.zeros(k.n)
        for e in k.entries.values():
            entry[e.state] = 1.0
        reach = np.abs(np.linalg.solve(k.a, np.broadcast_to(-entry[:, None], (padded, k.n, 1)))[:, :, 0])
        scale.append(reach * typical)
    products = [p for k in systems for p in k.saturable_products]
    zeros = np.zeros(padded)
    effects: list[list[Floats]] = []
    resting, halves = [], []
    for agent, k in zip(program.agents, systems, strict=True):
        for i, effect in enumerate(agent.effects):
            path = f"effects.{effect.on}.{i}"
            effects.append(_effect_parameters(agent, effect, k, people, seed, path))
            share = (
                individual(effect.resting, "-", people, seed=seed, purpose=f"{agent.agent}.{path}.resting")
                if effect.resting
                else zeros
            )
            cls = SENSITIVITIES.index(agent.sensitivity) if agent.sensitivity else None
            resting.append(share * (people.sensitivity[:, cls] if cls is not None else 1.0))
            half = np.ones(padded)
            for other in agent.antagonists:
                if effect.on in other.on:
                    half = individual(other.half, _plasma_unit(program, other.agent), people, seed=seed,
                                      purpose=f"{agent.agent}.{path}.antagonist")  # fmt: skip
            halves.append(half)
    nothing = np.zeros((0, padded))
    parameters = [np.stack([e[i] for e in effects]) if effects else nothing for i in range(5)]

    seen = np.full((len(program.variables), padded), np.nan)
    personal = (
        people.age_y, people.weight_kg, people.bsa_m2, people.sex, people.cns, people.lineage, people.tpmt,
        people.nudt15, people.wbc,
    )  # fmt: skip
    for i, column in enumerate(personal):
        seen[9 + i] = column
    seen[18:] = 0.0

    capacity = draw(leukaemia, "marrow.capacity", "1")
    omega = draw(leukaemia, "marrow.competition", "-")
    f0 = people.marrow_blasts
    total = capacity * f0 / (1.0 - (1.0 - omega) * f0)
    normal = np.maximum(1.0 - omega * total / capacity, 1e-3)
    death = draw(leukaemia, "growth.death", "1/day")
    wake = draw(leukaemia, "cycling.wake", "1/day")
    rest_share = np.minimum(draw(leukaemia, "cycling.resting_share", "-"), 0.5)
    clones = clone_table(library)
    cells = np.zeros((len(clones), 2, padded))
    birth = np.zeros((len(clones), padded))
    to_rest = np.zeros((len(clones), padded))
    main = total.copy()
    for i, clone in enumerate(clones):
        growth = people.growth_per_day * (1.0 - clone.cost)
        birth[i] = growth + death
        to_rest[i] = (growth + wake) * rest_share / (1.0 - rest_share)
        if i == 0:
            continue
        size = _preexisting(clone, total, birth[0], people.growth_per_day, people, seed)
        size = np.minimum(size, 0.1 * total)
        cells[i, 1] = np.floor(size * rest_share)
        cells[i, 0] = size - cells[i, 1]
        main -= size
    cells[0, 1] = main * rest_share
    cells[0, 0] = main - cells[0, 1]
    cns_median = np.array([leukaemia[f"cns.cells_cns{c}"].value for c in (1, 2, 3)])
    cns_spread = leukaemia["cns.cells_sd_log"].to_unit("-")
    cns = cns_median[people.cns - 1] * np.exp(
        cns_spread * chance.normals(seed, people.patient, chance.purpose("leukaemia.cns.cells"))
    )
    lymph0 = draw(marrow, "lymphocytes.baseline", marrow["lymphocytes.baseline"].unit)
    plt0 = draw(marrow, "platelets.baseline", marrow["platelets.baseline"].unit)
    plt_growth = draw(marrow, "platelets.growth", "1/day")
    plt_transit = np.minimum(draw(marrow, "platelets.transit", "1/day"), 0.95 * plt_growth)
    presenting = np.stack([people.anc, people.platelets, people.haemoglobin, np.maximum(lymph0 * normal, 0.1)])

    person = np.zeros(padded, dtype=PERSON)
    columns: dict[str, Any] = {
        "patient": people.patient, "real": np.arange(padded) < n, "age_y": people.age_y, "weight_kg": people.weight_kg,
        "bsa_m2": people.bsa_m2, "capacity": capacity, "blood_ratio": people.blood_blasts / total, "omega": omega,
        "frailty": draw(infection, "fever.frailty", "-"), "wake": wake, "death": death,
    }  # fmt: skip
    for name, column in columns.items():
        person[name] = column

    lanes = Lanes(
        person=person,
        a=flat([k.a for k in systems]),
        g=flat([k.g for k in systems]),
        state_scale=flat(scale),
        bioavailability=np.stack(
            [
                systems[program.tables.forms["agent"][i]].entries[f.route].bioavailability
                for i, f in enumerate(program.forms)
            ]
        ),
        product_formation=np.stack([p.formation for p in products]) if products else np.zeros((0, padded)),
        product_half=np.stack([p.half for p in products]) if products else np.zeros((0, padded)),
        product_loss=np.stack([p.loss for p in products]) if products else np.zeros((0, padded)),
        vmax=np.stack([k.vmax if k.vmax is not None else zeros for k in systems]),
        km=np.stack([k.km if k.km is not None else zeros + 1.0 for k in systems]),
        effect_a=parameters[0],
        effect_b=parameters[1],
        effect_c=parameters[2],
        effect_d=parameters[3],
        effect_e=parameters[4],
        resting=np.stack(resting) if resting else nothing,
        antagonist_half=np.stack(halves) if halves else nothing,
        sensitivity=np.concatenate([people.sensitivity.T, np.ones((1, padded))]),
        seen=seen,
        anc0=draw(marrow, "neutrophils.baseline", marrow["neutrophils.baseline"].unit),
        anc_ktr=4.0 / draw(marrow, "neutrophils.mean_transit_time", "day"),
        anc_gamma=draw(marrow, "neutrophils.feedback", "-"),
        lymph0=lymph0,
        lymph_ktr=4.0 / draw(marrow, "lymphocytes.mean_transit_time", "day"),
        lymph_gamma=draw(marrow, "lymphocytes.feedback", "-"),
        plt0=plt0,
        plt_growth=plt_growth,
        plt_transit=plt_transit,
        plt_loss=draw(marrow, "platelets.loss", "1/day"),
        plt_half=plt_transit / (plt_growth - plt_transit) * plt0,
        hb0=draw(marrow, "red_cells.baseline", "g/dL"),
        hb_tau=draw(marrow, "red_cells.progenitor_time", "day"),
        hb_ageing=4.0 / draw(marrow, "red_cells.life_span", "day"),
        rho=draw(marrow, "normal_marrow.regrowth", "1/day"),
        omega=omega,
        presenting=presenting,
        capacity=capacity,
        cells=cells,
        cns_cells=np.floor(cns),
        birth=birth,
        death=death,
        to_rest=to_rest,
        wake=wake,
        normal=normal,
    )
    return plan, lanes


def block(lanes: Lanes, number: int) -> Lanes:
    """The lanes of one block, contiguous."""
    part = slice(number * LANES, (number + 1) * LANES)
    return Lanes(*(np.ascontiguousarray(column[..., part]) for column in lanes))


def _plasma_unit(program: Program, agent: str) -> str:
    units = {a.agent: a.pharmacokinetics.concentration for a in program.agents}
    return units.get(agent, "umol/L")


def _preexisting(clone: Clone, total: Floats, birth: Floats, growth: Floats, people: Cohort, seed: int) -> Floats:
    """Cells of a resistant clone at diagnosis (Luria and Delbruck 1943), drawn by the quantile u.

    m = mutation rate x cells x births per net growth. Many mutations: m (ln m - 1/ln u), whose median m (ln m + 1.44)
    and tail P(X > x) = m/x are those of the distribution; few: none with probability exp(-m), else a 1/x tail."""
    m = clone.mutation * total * birth / np.maximum(growth, 0.005)
    u = chance.uniforms(seed, people.patient, chance.purpose(f"clone.{clone.name}"))
    many = m * (np.log(np.maximum(m, 1.0)) - 1.0 / np.log(u))
    few = np.where(u > np.exp(-m), -np.expm1(-m) / (1.0 - u), 0.0)
    return np.floor(np.where(m > 1.0, many, few))
