"""remission's row of the benchmark: the reference problem as knowledge files and a protocol (knowledge/), played.

Nothing here is special to the problem but names. Within the timed run: the patients and all their numbers are drawn,
matrix exponentials are taken, every day is played, tables are built and turned into arrays.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from contenders.unavailable import Unavailable
from reference_problem import NAMES, SEED, Problem, Result

from remission.body.person import individual
from remission.engine import lanes
from remission.engine.play import Options, plan_of, play
from remission.engine.program import Program
from remission.engine.program import prepare as compiled
from remission.engine.shards import in_turn
from remission.knowledge.library import Library, using
from remission.patient.cohort import Cohort
from remission.patient.growth import GROWN_UP_Y
from remission.patient.population import draw
from remission.patient.recipe import Population, population
from remission.protocol.reader import read_protocol
from remission.trial.run import SIDE_BY_SIDE, shard_size

FOLDER = Path(__file__).parent / "knowledge"
PROTOCOLS = {False: "reference-open", True: "reference-closed"}
RECORD = ("states", "doses")
# What reference_problem calls a driver, and where it is in the agent files.
CLONES = ("s", "r")
DRIVERS = {"tgn": ("mercaptopurine", "TGN"), "pg": ("methotrexate", "polyglutamates"),
                   "vc": ("vincristine", "plasma"), "pr": ("prednisolone", "plasma")}  # fmt: skip


@cache
def knowledge() -> Library:
    return Library([FOLDER])


@cache
def program(closed_loop: bool) -> Program:
    return compiled(read_protocol(knowledge().protocol_path(PROTOCOLS[closed_loop]), knowledge()), knowledge())


@cache
def recipe() -> Population:
    with using(knowledge()):
        return population(knowledge().population_path("reference"))


def people(patients: int, start: int = 0) -> Cohort:
    """The patients, at the start with the counts that they have without disease and drugs. The bodies of the problem
    keep their size: they are of an age at which nobody grows any more."""
    with using(knowledge()):
        cohort = draw(recipe(), patients, seed=SEED, start=start)
    marrow = knowledge().body("marrow")
    anc, platelets = (
        individual(marrow[name], "Gcell/L", cohort, seed=SEED, purpose=f"marrow.{name}")
        for name in ("neutrophils.baseline", "platelets.baseline")
    )
    return replace(cohort, anc=anc, platelets=platelets, age_y=cohort.age_y + GROWN_UP_Y)


def parameters(patients: int) -> dict[str, np.ndarray]:
    """What remission drew, one array per name in reference_problem.NAMES: handed to every contender."""
    cohort = people(patients)
    _, drawn = lanes.build(program(False), cohort, knowledge(), seed=SEED)
    systems = {k.agent: k for k in lanes.kinetics_of(program(False), cohort, SEED)}

    def rate(agent: str, to: str, source: str) -> np.ndarray:
        """Coefficient of state ``source`` in the equation of state ``to``."""
        k = systems[agent]
        return k.a[:, k.states.index(to), k.states.index(source)]

    def leaving(agent: str, state: str) -> np.ndarray:
        """Loss of amount from a state to outside the body: what it loses and no other compartment gets."""
        k = systems[agent]
        kept = [k.states.index(s) for s in k.states if s.startswith(("depot", "central", "peripheral"))]
        return -k.a[:, kept, k.states.index(state)].sum(axis=1)

    thiopurine = systems["mercaptopurine"].saturable_products[0]
    methotrexate = systems["methotrexate"]
    plasma = methotrexate.g[:, 0, methotrexate.central]
    effects: dict[tuple[str, str, str], np.ndarray] = {}
    halves: dict[tuple[str, str, str], np.ndarray] = {}
    size, half = (x[:, :patients] for x in (drawn.effect_size, drawn.effect_b))
    i = 0
    for agent in program(False).agents:
        for effect in agent.effects:
            effects[agent.agent, effect.driver, effect.on] = size[i]
            halves[agent.agent, effect.driver, effect.on] = half[i]
            i += 1
    transit, base, feedback = (x[:, :patients] for x in (drawn.line_transit, drawn.line_base, drawn.line_feedback))
    growth = (drawn.birth - drawn.death)[:, :patients]
    cells = drawn.cells.sum(axis=1)[:, :patients]
    orders = program(False).tables.orders
    dose = {f.agent: orders["amount"][orders["form"] == j][0] for j, f in enumerate(program(False).forms)}
    out = {
        "ka_mp": -rate("mercaptopurine", "depot PO", "depot PO"),
        "kel_mp": leaving("mercaptopurine", "central"),
        "vm": thiopurine.formation, "km": thiopurine.half, "ktgn": thiopurine.loss,
        "ka_mx": -rate("methotrexate", "depot PO", "depot PO"),
        "kel_mx": leaving("methotrexate", "central"),
        "k12": rate("methotrexate", "peripheral 1", "central"),
        "k21": rate("methotrexate", "central", "peripheral 1"),
        "kpin": rate("methotrexate", "polyglutamates", "central") / plasma,
        "kpout": -rate("methotrexate", "polyglutamates", "polyglutamates"),
        "k10": leaving("vincristine", "central"),
        "v12": rate("vincristine", "peripheral 1", "central"), "v21": rate("vincristine", "central", "peripheral 1"),
        "v13": rate("vincristine", "peripheral 2", "central"), "v31": rate("vincristine", "central", "peripheral 2"),
        "ka_pr": -rate("prednisolone", "depot PO", "depot PO"),
        "kel_pr": leaving("prednisolone", "central"),
        "capacity": drawn.capacity[:patients],
        "dose_mp": dose["mercaptopurine"], "dose_mx": dose["methotrexate"], "dose_vc": dose["vincristine"],
        "dose_pr": dose["prednisolone"],
    }  # fmt: skip
    for line, name, target in ((0, "a", "neutrophils"), (1, "q", "platelets")):
        out |= {f"mtt_{name}": 4.0 / transit[line], f"c0_{name}": base[line], f"gam_{name}": feedback[line]}
        short = "anc" if name == "a" else "plt"
        for drug in ("tgn", "pg"):
            out[f"{short}_{drug}"] = effects[*DRIVERS[drug], target]
    for c, clone in enumerate(CLONES):
        out |= {f"growth_{clone}": growth[c], f"blasts_{clone}": cells[c]}
        for drug, (agent, driver) in DRIVERS.items():
            spared = program(False).clones[c].kill.get(knowledge().agent(agent).sensitivity, 1.0)
            out[f"kill_{clone}_{drug}"] = effects[agent, driver, "blasts"] * spared
            out[f"half_{clone}_{drug}"] = halves[agent, driver, "blasts"]
    return {name: np.array(np.broadcast_to(out[name], patients), dtype=np.float64) for name in NAMES}


def prepare(problem: Problem) -> None:
    """Read the files and compile the engine, or load it compiled. Only remission's own patients can be played."""
    own = parameters(problem.patients)
    if not all(np.array_equal(own[name], problem.parameters[name]) for name in NAMES):
        raise Unavailable("plays only patients that were drawn from its knowledge files")
    options = Options(follow_up_days=8, chance=False, record=RECORD)
    play(program(problem.closed_loop), people(1), seed=SEED, threads=1, options=options, knowledge=knowledge())


def run(problem: Problem, threads: int = 1, refine: int = 1) -> Result:
    begin = time.perf_counter()
    options = Options(follow_up_days=problem.days, chance=False, record=RECORD, refine=refine)
    plan = plan_of(program(problem.closed_loop), options, knowledge())
    size = problem.patients if threads == 1 else shard_size(problem.patients)  # as `simulate` does it

    def shard(first: int) -> dict[str, pl.DataFrame]:
        return play(
            program(problem.closed_loop), people(min(size, problem.patients - first), first), seed=SEED,
            threads=-(-threads // SIDE_BY_SIDE), options=options, knowledge=knowledge(), plan=plan,
        )  # fmt: skip

    parts = list(in_turn(shard, range(0, problem.patients, size), min(threads, SIDE_BY_SIDE)))
    tables = {name: pl.concat([part[name] for part in parts]) for name in RECORD}
    weekly = tables["states"].filter(pl.col("day") > 0)
    anc, platelets, blasts = (
        weekly[name].to_numpy().reshape(problem.patients, problem.weeks)
        for name in ("anc", "platelets", "log10_blasts_marrow")
    )
    factor = factors(tables["doses"], problem)
    return Result(anc, platelets, blasts, factor, time.perf_counter() - begin, problem.patients, problem.days)


def factors(doses: pl.DataFrame, problem: Problem) -> np.ndarray:
    """(patients, weeks): share of the full dose of mercaptopurine from each visit on, from the runs of equal doses."""
    runs = doses.filter(pl.col("agent") == "mercaptopurine")
    first, last = (runs[name].to_numpy() // 7 for name in ("from_day", "to_day"))
    start = runs["patient"].to_numpy() * (problem.weeks + 1) + first
    length = last - first + 1
    where = np.repeat(start - np.concatenate(([0], np.cumsum(length)[:-1])), length) + np.arange(length.sum())
    out = np.empty(problem.patients * (problem.weeks + 1))
    out[where] = np.repeat(runs["factor"].to_numpy(), length)
    return out.reshape(problem.patients, -1)[:, 1:]
