"""The whole body of one patient as one system of differential equations: dy/dt = change(t, y, numbers).

Every equation of the day stands in the modules beside this one; here they are put together. y, one after the other:

    amounts         states of all agents (kinetics.py)
    products        made inside cells
    lines           neutrophils, platelets, red cells, lymphocytes: STATES each (marrow.py)
    room, cns       normal marrow n; blasts in the CNS
    clones          cycling, resting; cycling, resting; ... (leukaemia.py)
    immune          E, M, B, plasma cells, IgG, cytokine, readiness, brain (immunity.py)
    seen            integrals of the kill of blood blasts, of neutrophil mobilisation and of what is taken of cytokine
                    signalling: the clinic sees their means of the day

What is not a differential equation happens between two steps: doses, radiation and grafts (radiation.py,
transplant.py), the peak of CAR T-cells, chance (infection.py). The core plays the same by other means, a day at a time,
eight patients side by side; `make verify` integrates this with SciPy and compares (docs/verification.md). Plain NumPy:
slow, to be read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from remission.compiled import core

from .effects import left_by_antagonist, shape, with_t_cells
from .immunity import (
    b_cell_change,
    brain_change,
    car_t_kill,
    cytokine_change,
    expansion,
    felt_cytokine,
    igg_change,
    plasma_cell_change,
    readiness_change,
)
from .kinetics import elimination, product_change
from .leukaemia import cns_change, crowding, cycling_change, resting_change
from .marrow import (
    ABSENT,
    LIFE_SPAN,
    POWER,
    STATES,
    normal_marrow,
    power_feedback,
    proliferation,
    red_feedback,
    saturating_feedback,
)

NEUTROPHILS: int = core.words.NEUTROPHILS
PLATELETS: int = core.words.PLATELETS
RED_CELLS: int = core.words.RED_CELLS
LYMPHOCYTES: int = core.words.LYMPHOCYTES
BLASTS: int = core.words.BLASTS
BLOOD: int = core.words.BLOOD
CNS: int = core.words.CNS
MOBILISATION: int = core.words.MOBILISATION
STEM_CELLS: int = core.words.ON_STEM_CELLS
B_CELLS: int = core.words.ON_B_CELLS
CYTOKINE: int = core.words.ON_CYTOKINE
TARGETS = len(core.words.Target)
LINES = 4
E, M, B, PLASMA, IGG, LEVEL, READY, BRAIN = range(8)  # of `immune`
IMMUNE, SEEN = 8, 3
NO_CELLS, GROWING, AFTER_PEAK = range(3)  # stage of CAR T-cells


class Effect(NamedTuple):
    """Arrays of one entry an effect."""

    output: Any  # driver: an output, or -1 - product
    function: Any
    target: Any
    pool: Any  # of kills of blasts
    antagonist: Any  # output or -1
    t_cells: Any  # 1: needs the patient's T cells
    size: Any  # a, with the leukaemia's sensitivity
    resting: Any  # the same for resting blasts
    b: Any
    c: Any
    d: Any
    e: Any
    antagonist_half: Any
    releases: Any  # cytokine that its kill sets free, relative


class Product(NamedTuple):
    """Arrays of one entry a saturable product."""

    agent: Any
    formation: Any
    half: Any
    loss: Any  # 1/day


class Line(NamedTuple):
    """Arrays of one entry a line of blood; marrow.py has the symbols."""

    kind: Any
    base: Any  # C0
    transit: Any  # k, or 1 / tau
    gain: Any  # into the last compartment, 1/day
    loss: Any  # out of it, or ageing
    feedback: Any  # gamma, or K
    growth: Any


class CarT(NamedTuple):
    """Numbers of the CAR T-cells that were infused last; immunity.py has the symbols."""

    rate: float
    most: float
    antigen_half: float
    lymphocytes_half: float
    contraction: float
    loss: float
    kill: float  # 0 for cells that do not work
    kill_half: float
    releases: float
    cns: float  # share of the kill that blasts in the CNS feel


class Immune(NamedTuple):
    t_half: float
    turnover: float
    body: float  # B cells over the marrow's capacity
    precursor_share: float
    plasma_independent: float
    plasma_rate: float
    igg_baseline: float
    igg_rate: float
    cytokine_baseline: float
    release: float
    release_half: float
    clearance: float
    priming: float
    priming_half: float
    recovery: float
    brain_rate: float
    brain_person: float


class Numbers(NamedTuple):
    """One patient. Arrays may change between two steps of the solver: entering, begun, rho, stage, unrest."""

    first: Any  # (agents + 1,) first state of each agent
    a: Any  # (agents, most states, most states), 1/day
    entering: Any  # (states,) amount/day
    output_of: Any  # (outputs,) agent
    g: Any  # (outputs, most states)
    plasma: Any  # (agents,) its output
    central: Any  # (agents,) state
    vmax: Any  # (agents,) of elimination that bends; 0 for others
    km: Any
    extra: Any
    fading: Any
    begun: Any  # (agents,) day of the first dose
    product: Product
    effect: Effect
    felt: Any  # (clones, pools) how much of a pool's kill a clone feels
    line: Line
    production: float
    rho: Any  # (1,) 1/day; 0 where nothing is left that could grow
    omega: float
    capacity: float
    packing: float
    power: float
    birth: Any  # (clones,) 1/day
    to_rest: Any
    carries: Any  # (clones,) 1: its cells carry CD19 if the leukaemia does
    antigen: float  # 1 if it does
    death: float
    wake: float
    cns_birth: float
    cns_death: float
    seeding: float
    sows: Any  # by clone: times what the main clone seeds
    cells_pool: int  # of CAR T-cells
    stage: Any  # (1,)
    car_t: CarT
    immune: Immune
    living: bool  # is the immune system played
    unrest: Any  # (lines,) what a cold and the swing of this week take of proliferation (weeks.py)


def change(t: float, y: Any, p: Numbers) -> Any:
    """dy/dt at day t."""
    dy = np.zeros_like(y)
    states, products, clones = len(p.entering), len(p.product.agent), len(p.birth)
    lines = states + products
    room_at = lines + LINES * STATES
    cells_at = room_at + 2
    immune_at = cells_at + 2 * clones
    seen_at = immune_at + IMMUNE

    # kinetics
    out = np.zeros(len(p.output_of))
    for i in range(len(out)):
        k = p.output_of[i]
        for j in range(p.first[k + 1] - p.first[k]):
            out[i] += p.g[i, j] * y[p.first[k] + j]
    for k in range(len(p.first) - 1):
        start, n = p.first[k], p.first[k + 1] - p.first[k]
        for i in range(n):
            total = p.entering[start + i]
            for j in range(n):
                total += p.a[k, i, j] * y[start + j]
            dy[start + i] = total
        if p.vmax[k] > 0.0 or p.extra[k] > 0.0:
            since = max(0.0, t - p.begun[k])
            dy[p.central[k]] -= elimination(out[p.plasma[k]], p.vmax[k], p.km[k], p.extra[k], p.fading[k], since)
    for i in range(products):
        c, z = out[p.plasma[p.product.agent[i]]], y[states + i]
        dy[states + i] = product_change(z, c, p.product.formation[i], p.product.half[i], p.product.loss[i])

    # effects
    lymphocytes = y[lines + STATES * LYMPHOCYTES + 4]
    on = np.zeros(TARGETS)
    kill = np.zeros(p.felt.shape[1])
    kill_resting = np.zeros(p.felt.shape[1])
    releasing = releasing_b = freeing = freeing_b = 0.0
    f = p.effect
    for i in range(len(f.target)):
        x = out[f.output[i]] if f.output[i] >= 0 else y[states - 1 - f.output[i]]
        e = shape(f.function[i], x, f.b[i], f.c[i], f.d[i], f.e[i])
        if f.antagonist[i] >= 0:
            e *= left_by_antagonist(out[f.antagonist[i]], f.antagonist_half[i])
        if f.t_cells[i] == 1:
            e *= with_t_cells(lymphocytes, p.immune.t_half)
        if f.target[i] == BLASTS:
            kill[f.pool[i]] += e * f.size[i]
            kill_resting[f.pool[i]] += e * f.resting[i]
        else:
            on[f.target[i]] += e * f.size[i]
        if f.releases[i] > 0.0:
            if f.target[i] == B_CELLS:
                releasing_b += e * f.size[i] * f.releases[i]
                freeing_b += e * f.size[i]
            else:
                releasing += e * f.size[i] * f.releases[i]
                freeing += e * f.size[i]

    # CAR T-cells
    of_cells = 0.0
    copies = y[immune_at + E] + y[immune_at + M]
    carriers = 0.0
    for i in range(clones):
        carriers += p.carries[i] * (y[cells_at + 2 * i] + y[cells_at + 2 * i + 1]) / p.capacity
    if p.stage[0] != NO_CELLS:
        q = p.car_t
        of_cells = car_t_kill(copies, q.kill, q.kill_half)
        if p.stage[0] == GROWING:
            found = p.antigen * carriers + p.immune.body * y[immune_at + B]
            dy[immune_at + E] = expansion(
                y[immune_at + E], copies, found, lymphocytes, q.rate, q.antigen_half, q.lymphocytes_half, q.most
            )
        else:
            dy[immune_at + E] = -q.contraction * y[immune_at + E]
            dy[immune_at + M] = -q.loss * y[immune_at + M]
        kill[p.cells_pool] += of_cells * p.antigen
        kill_resting[p.cells_pool] += of_cells * p.antigen
        on[CNS] += of_cells * p.antigen * q.cns

    # normal marrow and blood
    room, cells = y[room_at], 0.0
    for i in range(2 * clones):
        cells += y[cells_at + i]
    load = cells / p.capacity
    dy[room_at] = normal_marrow(room, p.rho[0], p.omega, load, on[STEM_CELLS])
    for which in range(LINES):
        kind, s = p.line.kind[which], lines + STATES * which
        transit, loss, feedback = p.line.transit[which], p.line.loss[which], p.line.feedback[which]
        if kind == ABSENT:
            continue
        on[which] += p.unrest[which]
        if kind == LIFE_SPAN:
            red, renewal = y[s + 1] + y[s + 2] + y[s + 3] + y[s + 4], p.line.gain[which]
            steered = red_feedback(
                room, p.production / transit, y[s], p.line.base[which], red, feedback, p.line.growth[which]
            )
            dy[s] = proliferation(y[s], renewal, renewal, on[which], steered)
            dy[s + 1] = transit * y[s] - loss * y[s + 1]
            for j in range(2, 5):
                dy[s + j] = loss * (y[s + j - 1] - y[s + j])
            continue
        if kind == POWER:
            steered = power_feedback(room, p.line.base[which], y[s + 4], feedback)
            dy[s] = proliferation(y[s], transit, transit, on[which], steered)
        else:
            steered = saturating_feedback(room, feedback, y[s + 4])
            dy[s] = proliferation(y[s], p.line.growth[which], transit, on[which], steered)
        for j in range(1, 4):
            dy[s + j] = transit * (y[s + j - 1] - y[s + j])
        dy[s + 4] = p.line.gain[which] * y[s + 3] - loss * y[s + 4]

    # leukaemia
    slowed, sown = crowding(load, p.packing, p.power), 0.0
    for i in range(clones):
        s = cells_at + 2 * i
        kill_c = kill_q = 0.0
        for k in range(len(kill)):
            kill_c += p.felt[i, k] * kill[k]
            kill_q += p.felt[i, k] * kill_resting[k]
        sown += p.sows[i] * (y[s] + y[s + 1])
        dy[s] = cycling_change(y[s], y[s + 1], p.birth[i] * slowed, p.death, kill_c, p.to_rest[i], p.wake)
        dy[s + 1] = resting_change(y[s], y[s + 1], kill_q, p.to_rest[i], p.wake)
    dy[room_at + 1] = cns_change(y[room_at + 1], p.cns_birth, p.cns_death, on[CNS], p.seeding, sown)

    # immunity
    if p.living:
        im = p.immune
        b, plasma, igg = y[immune_at + B], y[immune_at + PLASMA], y[immune_at + IGG]
        dy[immune_at + B] = b_cell_change(
            b, room, im.turnover, im.precursor_share, on[LYMPHOCYTES], on[B_CELLS] + of_cells
        )
        dy[immune_at + PLASMA] = plasma_cell_change(plasma, b, im.plasma_independent, im.plasma_rate)
        dy[immune_at + IGG] = igg_change(igg, plasma, im.igg_baseline, im.igg_rate)
        by_cells = of_cells * p.car_t.releases
        on_blasts, on_b = releasing + by_cells * p.antigen, releasing_b + by_cells
        signal = on_blasts * carriers + on_b * im.body * b
        killed = (freeing + of_cells * p.antigen) * carriers + (freeing_b + of_cells) * im.body * b
        level, ready = y[immune_at + LEVEL], y[immune_at + READY]
        dy[immune_at + LEVEL] = cytokine_change(
            level, ready, signal, killed, im.release, im.release_half, im.clearance, im.cytokine_baseline
        )
        dy[immune_at + READY] = readiness_change(ready, max(on_blasts, on_b), im.priming, im.priming_half, im.recovery)
        felt = felt_cytokine(level, im.cytokine_baseline, on[CYTOKINE])
        dy[immune_at + BRAIN] = brain_change(
            y[immune_at + BRAIN], felt, im.cytokine_baseline, im.brain_person, im.brain_rate
        )
    dy[seen_at] = on[BLOOD]
    dy[seen_at + 1] = on[MOBILISATION]
    dy[seen_at + 2] = on[CYTOKINE]
    return dy
