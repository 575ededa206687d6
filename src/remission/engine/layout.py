"""How agents, outputs and effects of a program lie in the arrays of a block; the same for every block."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from remission.body.pharmacokinetics import IN_CSF, PLASMA, Kinetics, kinetics
from remission.compiled import core
from remission.knowledge.agent import Agent, Effect
from remission.knowledge.errors import BadInput
from remission.patient import chance
from remission.patient.person import one

from . import mesh
from .acting import RADIATION_POOL, Group, pools
from .program import LIVING, MARROW_BLASTS, MARROW_MRD, STEPS_PER_DAY, Program

words = core.words
TARGETS: tuple[str, ...] = words.Target  # then the hazards of the program's side effects
LINES = TARGETS[:4]
BY_BINS = ("blasts", "CNS blasts", "stem cells", "B cells")  # go by half bins; all that follow, by the day
LINEAR, EMAX, ASPARAGINE, HILL = words.LINEAR, words.EMAX, words.ASPARAGINE, words.HILL
FUNCTIONS = {words.Function[i]: i for i in (LINEAR, EMAX, ASPARAGINE)}
RADIATION, GRAFT, CELLS = words.RADIATION, words.GRAFT, words.CELLS  # what acts on the day it is given
COLLECTION, IMMUNOGLOBULIN = words.COLLECTION, words.IMMUNOGLOBULIN
SLOW_DAYS = 5.0  # half-life of a driver whose mean over a window can be taken for its value
QUICK_DAYS = 1.5  # half-life of a driver that rises and falls with each dose
SHARP_RATE = 1.0  # 1/day: a line feels within a step that a driver moves faster than this
MEAN, NODES, PRODUCT = words.MEAN, words.NODES, words.PRODUCT  # what a shape is made of

SHAPE = np.dtype(core.records["Shape"])
# Effects of one driver that differ only by a factor are one shape, evaluated once. antagonist: agent or -1; effect:
# whose parameters stand for all; first, last: of members; row: where its means stand, for `parts` of the day (slots of
# two hours, of four, or all of it), or its nodes (two for every two hours) if it has an antagonist; sharp: where the
# means of sharp panels stand, slot after slot, or -1; source: first row in the step matrix, or the product; panels: the
# same for panels, or -1; answer: first row of what the antagonist takes away, or -1; needs: 1 if it is scaled by the
# patient's T cells
SEGMENT = np.dtype(core.records["Segment"])
# group: always (0), plain (1), level (2), fresh (3); row: the first of `rows`; states: bits of those that they are made
# of; entry: the first of their entries among the agent's, state after state


class Layout(NamedTuple):
    bins: int  # of a day: see `mesh`
    state_from: Any  # (agents + 1,)
    a_from: Any  # into the flattened system matrices
    g_from: Any
    output_from: Any
    linear_outputs: Any
    steps: Any  # of a day
    windows: Any  # of a step, of four hours at most
    fine_windows: Any  # and of two
    micro_from: Any  # an agent's steps may be made of smaller ones: after a dose, plain ones, those of the calm
    micro_plain: Any
    micro_calm: Any
    calm: Any  # below this share of what saturates (elimination, products) elimination is linear; 0: never
    micro_kind: Any  # kind (length) of each
    micro_share: Any  # of the step
    micro_start: Any
    kind_from: Any
    unit: Any  # days, by kind
    weight_from: Any  # entries of an agent, times its kinds
    means_from: Any  # linear outputs whose window means and node values are rows (local numbers)
    means: Any
    nodes_from: Any
    nodes: Any
    fine_means_from: Any
    fine_means: Any
    fine_nodes_from: Any
    fine_nodes: Any
    step_means_from: Any  # the same for the whole step: what only the day's mean is wanted of
    step_means: Any
    step_nodes_from: Any
    step_nodes: Any
    level_times_from: Any  # hours at which a rescue may ask for plasma
    level_times: Any
    level_row: Any
    panel_from: Any
    panel_share: Any  # of its window
    panel_window: Any
    panel_times: Any  # two for each panel
    bent_from: Any  # outputs that are wanted at them
    bent: Any
    sharp_from: Any  # outputs whose means in sharp panels are wanted
    sharp: Any
    plain_rows: Any  # by agent: rows of every step; levels and panels follow
    central: Any
    plasma_row: Any  # plasma at the nodes of windows and of panels; where elimination saturates, its mean
    plasma_panels: Any
    product_from: Any
    product_row: Any  # numbers of a product, one row for each kind of micro-step or one for the window
    saturable: Any  # 1: elimination saturates or changes
    sink_from: Any
    row_from: Any
    entry_from: Any  # entries of the step matrix that may differ from zero, by agent
    segment_from: Any  # by agent
    segments: Any  # SEGMENT: rows, one after the other, of one group and made of the same states
    rescued: Any  # 1: an agent whose doses depend on levels of the day
    against_row: Any  # an antagonist's plasma at the nodes of a step and of its panels, else -1
    against_panels: Any
    watched: Any  # by output: row of the means that are kept for who asks (`watch`), else -1
    watch_source: Any  # first row of its means in the step matrix
    form_entry: Any  # entry state
    form_row_from: Any
    agent_form_from: Any
    agent_forms: Any
    effect_target: Any
    effect_pool: Any  # kills are summed by pool, see `acting`
    releasing: Any  # effects whose killing sets cytokine free
    acts: Any  # ACT: what acts on the day it is given
    living: int  # 1: the immune system, grafts and cells are played
    side_effects: int  # how many
    level_purpose: Any  # (agents,) key the noise of measured levels
    side_purpose: Any  # (side effects, 2): key the chance of when one begins and of its grade
    grades: Any  # (side effects * 2, 5): probability of a grade or a lower one, usually and after a transplant
    again: Any  # (side effects,)
    causes: Any  # CAUSE: hazards that come from the body, side effect after side effect
    cause_from: Any  # (side effects + 1,)
    inactivates: Any  # (side effects, agents) 1: taken out of the blood from then on
    on_relapse: int  # phase or -1
    on_relapse_for: int  # whom it is for: a condition or -1
    looks: int  # 1: some phase looks at the marrow
    shape_from: Any  # by agent
    shapes: Any
    members: Any  # effects, shape after shape
    shape_of: Any  # by effect
    clone_kill: Any  # (clones, pools): how much of a pool's kill a clone feels
    clone_purpose: Any  # (clones,) keys its chance, see core/few_cells.hpp
    clone_alone: Any  # (clones,) 1: a clone that carries CD19
    clone_sows: Any  # (clones,) how much it seeds the CNS, of what the main clone does
    clone_fades: Any  # (clones,) 1: like the main clone once it has grown to a relapse
    clone_keeps: Any  # (clones,) but for this power of what it felt less
    clone_anew: Any  # (clones,) times as many in an early relapse as at diagnosis
    t315i: int  # clone or -1
    without_cd19: int
    line_kind: Any  # (4,) see body.marrow
    power_of_load: int  # birth falls with the load to this power
    settings: Any  # scalars, see SETTINGS


SETTINGS: tuple[str, ...] = words.Setting

ACT = np.dtype(core.records["Act"])


def acts_of(program: Program) -> list[tuple[int, int, int]]:
    """Forms of agents that act on the day they are given: form, kind, agent."""
    out: list[tuple[int, int, int]] = []
    index = {agent.agent: i for i, agent in enumerate(program.agents)}
    for f, form in enumerate(program.forms):
        agent = program.agents[index[form.agent]]
        for kind, part in ((RADIATION, agent.radiation), (GRAFT, agent.graft), (CELLS, agent.cells),
                           (IMMUNOGLOBULIN, agent.igg)):  # fmt: skip
            if part is not None:
                out.append((f, COLLECTION if form.route == "collection" else kind, index[form.agent]))
    return out


def _living(program: Program) -> bool:
    """Is anything on board that the immune system, a graft or the lost marrow answers to?"""
    effects = [e.effect for own in program.effects for e in own]
    named = any(name in LIVING for name in program.asked)
    return bool(named or acts_of(program) or any(e.on in ("stem cells", "B cells") or e.releases for e in effects))


CAUSE = np.dtype(core.records["Cause"])
OF: tuple[str, ...] = words.CauseOf


def _causes(program: Program) -> Any:
    rows = [
        (OF.index(cause.of), cause.hazard.to_unit("1/day"), cause.below.value if cause.below else 0.0)
        for effect in program.side_effects
        for cause in effect.causes
    ]
    return np.array(rows, dtype=CAUSE)


def _grades(program: Program) -> Any:
    """(side effects * 2, 5): probability of grade g + 1 or a lower one; a second row after a transplant."""
    tables = [
        grades
        for e in program.side_effects
        for grades in (e.grades, e.after_transplant.grades if e.after_transplant else {})
    ]
    tables[1::2] = [after or usual for usual, after in zip(tables[::2], tables[1::2], strict=True)]
    shares = [[grades[g].value if g in grades else 0.0 for g in range(1, 6)] for grades in tables]
    return np.cumsum(np.array(shares).reshape(-1, 5), axis=1)


def routes(program: Program, agent: str) -> tuple[str, ...]:
    return tuple(sorted({f.route for f in program.forms if f.agent == agent}))


def _half_life(agent: Agent, driver: str) -> float:
    """Days; infinite speed (0) for plasma."""
    pk = agent.pharmacokinetics
    spec = pk.csf if driver in IN_CSF else pk.drivers.get(driver)
    return spec.half_life.to_unit("day") if spec is not None else 0.0


@cache
def standard_child() -> Any:
    """The layout must not depend on who is played: rates are those of one made-up child."""
    return one(age_y=6.0, sex="female", weight_kg=22.0, height_cm=117.0)


def _fastest(agent: Agent, agent_routes: tuple[str, ...]) -> float:
    """Largest rate of the agent's kinetics, 1/day."""
    system = kinetics(agent, standard_child(), seed=0, routes=agent_routes)
    fastest = float(np.abs(np.linalg.eigvals(system.a[0])).max())
    return fastest + _sink_rate(system)


def _sink_rate(system: Kinetics) -> float:
    """Largest rate of the elimination that bends, 1/day."""
    if system.vmax is None or system.km is None:
        return 0.0
    clearance = system.vmax[0] / system.km[0] + (system.extra[0] if system.extra is not None else 0.0)
    return float(clearance * system.g[0, 0, system.central])


class _Agent:
    """What the layout needs to know of one agent before rows are counted."""

    def __init__(self, program: Program, number: int, system: Kinetics, refine: int, watch: bool) -> None:
        self.agent = program.agents[number]
        self.system = system
        self.lin = system.g.shape[1]
        self.steps = program.steps[number]
        self.refine = refine
        self.forms = [f for f in program.forms if f.agent == self.agent.agent]
        used = {f.route for f in self.forms}
        absorption = self.agent.pharmacokinetics.absorption
        self.lags = [spec.lag.to_unit("day") for route, spec in absorption.items() if spec.lag and route in used]
        self.fastest = _fastest(self.agent, routes(program, self.agent.agent))
        saturable = system.vmax is not None
        self.means: list[int] = list(range(self.lin)) if saturable else []
        self.nodes: list[int] = []
        self.fine_means: list[int] = list(range(self.lin)) if watch and not saturable else []
        self.fine_nodes: list[int] = []
        self.step_means: list[int] = []
        self.step_nodes: list[int] = []
        self.bent: list[int] = []
        self.sharp: list[int] = []
        self.antagonist = any(other.agent == self.agent.agent for a in program.agents for other in a.antagonists)
        longest = Fraction(4, refine)
        self.windows = 1 if saturable else mesh.windows_of(self.steps, longest)
        self.fine_windows = 1 if saturable else mesh.windows_of(self.steps, Fraction(2, refine))
        levels = {int(number) for number in program.tables.level_agent}
        hours = STEPS_PER_DAY // self.steps
        self.level_times = [k / STEPS_PER_DAY for k in range(1, hours)] if number in levels else []

    def slow(self, driver: str) -> bool:
        return _half_life(self.agent, driver) >= SLOW_DAYS

    def is_sharp(self, effect: Effect) -> bool:
        """A line's proliferating pool falls fast: an unbounded effect of a driver that moves within minutes, or any
        effect of a saturable product that rises and falls with each dose."""
        if effect.on not in LINES:
            return False
        half = _half_life(self.agent, effect.driver)
        product = self.system.output(effect.driver) >= self.lin
        if self.system.vmax is not None:
            return product and half < QUICK_DAYS
        if product or effect.function != "linear":
            return False
        at_once = any(f.route in ("IV", "IT") for f in self.forms)
        return at_once and (half == 0.0 or np.log(2.0) / half > SHARP_RATE) and self.fastest > SHARP_RATE

    def want(self, wanted: list[int], output: int) -> None:
        if output not in wanted:
            wanted.append(output)

    def mesh(self) -> mesh.Mesh:
        """Windows, and panels after a dose if an output that bends an effect follows it fast."""
        grid = mesh.Mesh(self.steps, self.windows)
        rates = []
        at_once = any(f.route in ("IV", "IT") for f in self.forms)
        for j in self.bent:
            half = _half_life(self.agent, self.system.outputs[j])
            rates.append(self.fastest if half == 0.0 or at_once else np.log(2.0) / half)
        if not rates or self.system.vmax is not None:
            return grid
        changes = [f.infusion_days % grid.length for f in self.forms]
        edges = mesh.Mesh(self.steps, self.fine_windows)
        return mesh.Mesh(self.steps, self.windows, mesh.panels_of(edges, max(rates), changes + self.lags))


def layout(
    program: Program, systems: tuple[Kinetics, ...], settings: dict[str, float], clones: list[Any],
    line_kind: list[int], power_of_load: int, *, refine: int = 1, watch: bool = False, side_effects: bool = True,
) -> Layout:  # fmt: skip
    """Offsets and sparsity patterns; the pattern of a matrix exponential is the reachability of its states.

    refine: divide every step by it. side_effects: play them. watch: keep the means of every output by two hours."""
    out: dict[str, list[Any]] = {name: [] for name in Layout._fields}
    for name in Layout._fields:
        if name.endswith("_from"):
            out[name] = [0]
    out["product_row"] = [0]
    agents = [_Agent(program, i, k, refine, watch) for i, k in enumerate(systems)]
    for k in systems:
        out["output_from"].append(out["output_from"][-1] + len(k.outputs))
    targets, shapes, members = _shapes(program, agents, out["output_from"], refine)
    acts = acts_of(program)
    kills: list[Group] = [(e.through, e.but_not, e.only) for own in program.effects for e in own]
    for _, _, number in acts:
        agent = program.agents[number]
        kills.append((agent.cells.antigen if agent.cells else RADIATION_POOL if agent.radiation else None, (), None))
    pool_of, clone_kill = pools(kills, clones)
    acts_in_pools = [(*act, pool) for act, pool in zip(acts, pool_of[len(pool_of) - len(acts) :], strict=True)]
    pool_of = pool_of[: len(pool_of) - len(acts)]
    watched_rows = 0
    slots = STEPS_PER_DAY * refine
    for i, (a, k) in enumerate(zip(agents, systems, strict=True)):
        n, lin = k.n, a.lin
        grid = a.mesh()
        if k.vmax is not None:
            standard = kinetics(a.agent, standard_child(), seed=0, routes=routes(program, a.agent.agent))
            fresh, plain, calm = (
                [m / 1440.0 / refine for m in minutes for _ in range(refine)]
                for minutes in (
                    mesh.fresh_minutes([1440.0 * lag for lag in a.lags]),
                    mesh.plain_minutes(_sink_rate(standard)),
                    mesh.CALM_MINUTES if standard.vmax is not None and standard.vmax[0] > 0.0 else (),
                )
            )
        else:
            fresh, plain, calm = [], [grid.length], []
        for minutes in (fresh, plain, calm):
            out["micro_start"] += (np.cumsum([0.0, *minutes[:-1]])[: len(minutes)] * a.steps).tolist()
        micro = fresh + plain + calm
        out["micro_plain"].append(out["micro_from"][-1] + len(fresh))
        out["micro_calm"].append(out["micro_plain"][-1] + len(plain))
        out["calm"].append(mesh.CALM / refine**2 if calm else 0.0)
        lengths = sorted({*fresh, *plain})
        kinds = lengths + calm[:1]  # calm steps have matrices of their own
        panels = grid.panels
        sharp_panels = mesh.PANELS if a.sharp else 0
        reach = (np.abs(k.a).max(axis=0) > 0) | np.eye(n, dtype=bool)
        for _ in range(n):
            reach = reach | ((reach.astype(int) @ reach.astype(int)) > 0)
        uses = (np.abs(k.g).max(axis=0) > 0).astype(int) @ reach.astype(int) > 0
        # (pass group, rows of each output, outputs); groups: always, plain, level, fresh
        parts = [
            (0, grid.windows, a.means), (1, 2 * grid.windows, a.nodes), (0, a.fine_windows, a.fine_means),
            (0, 2 * a.fine_windows, a.fine_nodes), (0, 1, a.step_means), (0, 2, a.step_nodes),
            (2, len(a.level_times), [0] if a.level_times else []), (3, 2 * len(panels), a.bent),
            (3, sharp_panels, a.sharp),
        ]  # fmt: skip
        patterns = [(0, row) for row in reach]
        first: list[dict[int, int]] = []
        for group, rows, outputs in parts:
            first.append({j: len(patterns) + rows * o for o, j in enumerate(outputs)})
            patterns += [(group, uses[j]) for j in outputs for _ in range(rows)]
        means, nodes, fine_means, fine_nodes, step_means, step_nodes, levels, fresh_nodes, sharp = first
        for s in shapes:
            if s["agent"] != i:
                continue
            j = s["output"]
            if s["made_of"] == PRODUCT:
                s["source"] = j - lin
            elif k.vmax is not None:
                s["source"] = means[j]
            elif s["made_of"] == MEAN and s["parts"] == 1:
                s["source"] = (step_means if s["function"] == LINEAR else step_nodes)[j]
            elif s["made_of"] == MEAN:
                s["source"] = (fine_means if s["parts"] == slots else means)[j]
            else:
                s["source"] = (fine_nodes if s["antagonist"] >= 0 else nodes)[j]
                s["panels"] = fresh_nodes[j] if panels else -1
            if s["sharp"] >= 0 and s["made_of"] != PRODUCT:
                s["panels"] = sharp[j]
        out["plasma_row"].append(means[0] if k.vmax is not None else nodes.get(0, -1))
        out["plasma_panels"].append(fresh_nodes.get(0, -1))
        out["level_row"].append(levels.get(0, -1))
        out["against_row"].append(fine_nodes.get(0, -1) if a.antagonist else -1)
        out["against_panels"].append(fresh_nodes.get(0, -1) if a.antagonist else -1)
        out["steps"].append(a.steps)
        out["windows"].append(grid.windows)
        out["fine_windows"].append(a.fine_windows)
        out["unit"] += kinds
        out["kind_from"].append(len(out["unit"]))
        out["micro_kind"] += [lengths.index(m) for m in fresh + plain] + [len(lengths)] * len(calm)
        out["micro_share"] += [m * a.steps for m in micro]
        out["micro_from"].append(len(out["micro_kind"]))
        for name in (
            "means", "nodes", "fine_means", "fine_nodes", "step_means", "step_nodes", "bent", "sharp", "level_times",
        ):  # fmt: skip
            out[name] += getattr(a, name)
            out[f"{name}_from"].append(len(out[name]))
        for start, end in panels:
            window = int((start + 1e-9) / grid.width)
            out["panel_window"].append(window)
            out["panel_share"].append((end - start) / grid.width)
        out["panel_times"] += grid.panel_times()
        out["panel_from"].append(len(out["panel_window"]))
        out["linear_outputs"].append(lin)
        out["central"].append(k.central)
        out["saturable"].append(int(k.vmax is not None))
        products = [len(kinds) * (j + 1) for j in range(len(k.saturable_products))]
        out["product_row"] += [out["product_row"][-1] + rows for rows in products]
        out["state_from"].append(out["state_from"][-1] + n)
        out["a_from"].append(out["a_from"][-1] + n * n)
        out["g_from"].append(out["g_from"][-1] + lin * n)
        out["product_from"].append(out["product_from"][-1] + len(k.saturable_products))
        out["row_from"].append(out["row_from"][-1] + len(patterns))
        out["sink_from"].append(out["sink_from"][-1] + len(kinds) * len(patterns))
        for j in range(len(k.outputs)):
            out["watched"].append(watched_rows if watch else -1)
            out["watch_source"].append((means if k.vmax is not None else fine_means).get(j, -1))
            watched_rows += STEPS_PER_DAY * refine if watch else 0
        entries, before = 0, None
        for row, (group, used) in enumerate(patterns):
            if (group, used.tolist()) != before:
                before = (group, used.tolist())
                out["segments"].append([group, row, 0, sum(1 << int(j) for j in np.flatnonzero(used)), entries])
            out["segments"][-1][2] += 1
            entries += int(used.sum())
        out["segment_from"].append(len(out["segments"]))
        out["plain_rows"].append(sum(own < 2 for own, _ in patterns))
        out["entry_from"].append(out["entry_from"][-1] + entries)
        out["weight_from"].append(out["weight_from"][-1] + len(kinds) * entries)
    agent_forms: list[list[int]] = [[] for _ in systems]
    for i, f in enumerate(program.forms):
        own = int(program.tables.forms["agent"][i])
        if f.route not in systems[own].entries:
            raise BadInput(f"{f.agent} has no route {f.route} in its knowledge file", remedy="add it, or use another")
        out["form_entry"].append(systems[own].entries[f.route].state)
        agent_forms[own].append(i)
        size = out["sink_from"][own + 1] - out["sink_from"][own]
        out["form_row_from"].append(out["form_row_from"][-1] + size)
    out["rescued"] = [0] * len(systems)
    for o in program.tables.rules["order"]:
        if o >= 0:
            out["rescued"][program.tables.forms["agent"][program.tables.orders["form"][o]]] = 1
    out["agent_form_from"] = np.concatenate(([0], np.cumsum([len(x) for x in agent_forms]))).tolist()
    out["agent_forms"] = [x for items in agent_forms for x in items]
    out["effect_target"] = targets
    out["effect_pool"] = pool_of
    flat_effects = [e for own in program.effects for e in own]
    out["releasing"] = [i for i, e in enumerate(flat_effects) if e.effect.releases is not None]
    out["shape_from"] = np.searchsorted([s["agent"] for s in shapes], range(len(systems) + 1)).tolist()
    out["members"] = members
    shape_of = {e: g for g, s in enumerate(shapes) for e in members[s["first"] : s["last"]]}
    out["shape_of"] = [shape_of[e] for e in range(len(members))]
    out["line_kind"] = line_kind
    arrays: dict[str, Any] = {}
    for name, values in out.items():
        if name == "segments":
            continue
        real = name in (
            "micro_share", "micro_start", "unit", "panel_share", "panel_times", "level_times", "calm",
        )  # fmt: skip
        kind: Any = np.float64 if real else np.int64
        arrays[name] = np.array(values, dtype=kind)
    arrays |= {
        "segments": np.array([tuple(s) for s in out["segments"]], dtype=SEGMENT),
        "bins": mesh.BINS * refine,
        "shapes": np.array([tuple(s[name] for name in SHAPE.names or ()) for s in shapes], dtype=SHAPE),
        "clone_kill": np.array(clone_kill),
        "clone_purpose": np.array([chance.purpose(f"clone {clone.name}") for clone in clones]),
        "clone_alone": np.array([int(clone.kill.get("CD19", 1.0) > 0.0) for clone in clones]),
        "clone_sows": np.array([clone.sows for clone in clones], dtype=float),
        "clone_fades": np.array([int(clone.fades) for clone in clones]),
        "clone_keeps": np.array([clone.keeps for clone in clones], dtype=float),
        "clone_anew": np.array([clone.anew for clone in clones], dtype=float),
        "t315i": next((i for i, clone in enumerate(clones) if clone.name == "T315I"), -1),
        "without_cd19": next((i for i, clone in enumerate(clones) if clone.kill.get("CD19") == 0.0), -1),
        "acts": np.array(acts_in_pools, dtype=ACT),
        "living": int(_living(program)),
        "side_effects": len(program.side_effects) if side_effects else 0,
        "level_purpose": np.array(
            [chance.purpose(f"level of {agent.agent}") for agent in program.agents], dtype=np.int64
        ),
        "side_purpose": np.array(
            [
                [chance.purpose(f"{effect.side_effect} {what}") for what in ("begins", "grade")]
                for effect in program.side_effects
            ],
            dtype=np.int64,
        ).reshape(-1, 2),
        "grades": _grades(program),
        "again": np.array([int(effect.again) for effect in program.side_effects], dtype=np.int64),
        "causes": _causes(program),
        "cause_from": np.cumsum([0, *(len(effect.causes) for effect in program.side_effects)]),
        "inactivates": np.array(
            [[int(a.agent in e.inactivates) for a in program.agents] for e in program.side_effects], dtype=np.int64
        ).reshape(len(program.side_effects), len(program.agents)),
        "on_relapse": program.on_relapse,
        "on_relapse_for": program.on_relapse_for,
        "looks": int(bool((program.tables.days["checks"] & (MARROW_MRD | MARROW_BLASTS)).any())),
        "power_of_load": power_of_load,
        "settings": np.array([settings[name] for name in SETTINGS]),
    }
    return Layout(**arrays)


def _shapes(
    program: Program, agents: list[_Agent], output_from: list[int], refine: int
) -> tuple[list[int], list[dict[str, int]], list[int]]:
    """Targets of all effects, and the effects grouped by what bends them the same way."""
    index = {a.agent.agent: i for i, a in enumerate(agents)}
    targets: list[int] = []
    sharply: list[bool] = []
    names = (
        *TARGETS,
        *((e.side_effect, how) for e in program.side_effects for how in ("causes", "protects", "worsens")),
    )
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, a in enumerate(agents):
        agent = a.agent
        for effect in (acting.effect for acting in program.effects[i]):
            antagonist, half = -1, None
            for other in agent.antagonists:
                if effect.on in other.on and other.agent in index:
                    antagonist, half = index[other.agent], other.half
            output = a.system.output(effect.driver)
            function = HILL if effect.hill else FUNCTIONS[effect.function]
            if output >= a.lin:
                made_of = PRODUCT
            elif antagonist < 0 and (function == LINEAR or a.slow(effect.driver)):
                made_of = MEAN
            else:
                made_of = NODES
            needs = effect.needs is not None
            sharp = antagonist < 0 and not needs and a.is_sharp(effect)
            number = len(targets)
            sharply.append(sharp)
            shape = (effect.half, effect.baseline, effect.supply, effect.km, effect.hill, half)
            drawn = any(q is not None and q.iiv_cv for q in shape)  # effect by effect: not shared
            values = tuple((q.value, q.unit, q.per, repr(q.covariates)) if q else None for q in shape)
            apart = sharp and made_of != PRODUCT  # else one evaluation serves both
            key = (i, output, function, made_of, antagonist, needs, apart, values, number if drawn else -1)
            groups.setdefault(key, []).append(number)
            targets.append(names.index(effect.on if effect.on in TARGETS else (effect.on, effect.how)))
    shapes: list[dict[str, int]] = []
    members: list[int] = []
    rows = sharp_rows = answers = 0
    slots = STEPS_PER_DAY * refine
    for (i, output, function, made_of, antagonist, needs, *_), effects in groups.items():
        a = agents[i]
        sharp = any(sharply[e] for e in effects)
        first = len(members)
        members += effects
        saturable = a.system.vmax is not None
        wanted = {names[targets[e]] for e in effects}
        quick = made_of == NODES or function != LINEAR or not a.slow(a.system.outputs[output])
        saturable = a.system.vmax is not None
        if antagonist >= 0 or sharp or (wanted & {*LINES} and (quick or saturable)):
            parts = slots
        else:
            parts = slots // 2 if wanted & {*LINES, *BY_BINS} else 1
        if saturable and made_of != PRODUCT:
            a.want(a.means, output)
        elif made_of == MEAN and parts == 1:
            a.want(a.step_means if function == LINEAR else a.step_nodes, output)
        elif made_of == MEAN:
            a.want(a.fine_means if parts == slots else a.means, output)
        elif made_of == NODES:
            a.want(a.fine_nodes if antagonist >= 0 else a.nodes, output)
            a.want(a.bent, output)
        if sharp and made_of != PRODUCT:
            a.want(a.sharp, output)
        shapes.append(
            {
                "agent": i, "output": output, "function": function, "made_of": made_of, "antagonist": antagonist,
                "effect": effects[0], "first": first, "last": len(members), "row": rows, "parts": parts,
                "sharp": sharp_rows if sharp else -1, "source": 0, "panels": -1,
                "answer": answers if antagonist >= 0 else -1, "needs": int(needs),
            }
        )  # fmt: skip
        rows += 2 * slots if antagonist >= 0 else parts
        answers += 2 * slots if antagonist >= 0 else 0
        sharp_rows += mesh.PANELS * slots if sharp else 0
    for a in agents:
        if a.system.saturable_products:
            a.want(a.nodes if a.system.vmax is None else a.means, 0)  # plasma, which they are made from
            a.want(a.bent, 0)
        if a.antagonist and a.system.vmax is None:
            a.want(a.fine_nodes, a.system.outputs.index(PLASMA))
            a.want(a.bent, a.system.outputs.index(PLASMA))
    return targets, shapes, members
