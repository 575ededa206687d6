"""Radiation, grafts, collected and living cells, antibodies: what acts on the day it is given, and how the immune
system answers (equations: body.radiation, body.immunity)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from remission.body.immunity import LN2, expansion, grade_of, log_mean, towards
from remission.body.kinetics import HOT, INLINED, LANES
from remission.body.leukaemia import FEW
from remission.body.marrow import CIRCULATING, FEEDBACK, FORESEEN, POWER, SATURATING, STATE_ROWS
from remission.body.person import individual
from remission.body.radiation import survival
from remission.knowledge.agent import Agent
from remission.knowledge.library import Library
from remission.patient import chance
from remission.patient.cohort import Cohort, Floats

from .clinic import leukaemic_cells
from .layout import CELLS, COLLECTION, GRAFT, IMMUNOGLOBULIN, RADIATION, acts_of
from .program import Program
from .records import note_event, note_first, note_side_effect
from .state import DONE, E_COLLECTION, E_FAILED, E_GRAFT, E_INFUSION, RESULT_INFUSION, RESULT_TRANSPLANT, STEPS

P_SURVIVES = chance.purpose("cells of the CNS that radiation leaves")
IRRADIATED = 10  # added to the purpose of a clone, see fate
P_MADE = chance.purpose("manufacture of cells")
P_WORKS = chance.purpose("function of cells")
P_TAKES = chance.purpose("graft takes")
P_CRS = chance.purpose("death from cytokine release")

NO_PRODUCT, IN_MANUFACTURE, READY, FAILED, INFUSED = range(5)  # in the order of vocabulary.VALUES["product"]
MENDED_DAYS = 14  # after which a field counts as new

# numbers of an act, by kind; the first ones of each
RADIATION_NUMBERS = (
    ("field.marrow", "-"), ("field.cns", "-"), ("blasts.alpha", "1/Gy"), ("blasts.alpha_beta", "Gy"),
    ("stem_cells.alpha", "1/Gy"), ("stem_cells.alpha_beta", "Gy"), ("repair_half_life", "hour"),
)  # fmt: skip
GRAFT_NUMBERS = (("seeded", "-"), ("rejection", "-"))
CELL_NUMBERS = (
    ("expansion.initial", "-"), ("expansion.rate", "1/day"), ("expansion.peak_day", "day"), ("expansion.most", "-"),
    ("expansion.antigen_half", "-"), ("contraction.rate", "1/day"), ("contraction.memory_share", "-"),
    ("contraction.memory_rate", "1/day"), ("kill.max", "1/day"), ("kill.half", "-"), ("lymphocytes_half", "Gcell/L"),
    ("releases", "-"), ("kill.cns", "-"), ("manufacture.days", "day"), ("manufacture.failure", "-"),
    ("dysfunctional", "-"),
)  # fmt: skip
(C_INITIAL, C_RATE, C_PEAK, C_MOST, C_ANTIGEN_HALF, C_CONTRACTION, C_MEMORY_SHARE, C_MEMORY_RATE, C_KILL, C_HALF,
 C_LYMPHOCYTES, C_RELEASES, C_CNS, C_DAYS, C_FAILURE, C_DYSFUNCTIONAL) = range(16)  # fmt: skip
ACT_NUMBERS = 16

IMMUNE_NUMBERS = np.dtype(
    [(name, np.float64) for name in (
        "t_half", "b_baseline", "b_turnover", "b_body", "b_share", "igg_baseline", "igg_rate", "plasma_rate",
        "plasma_independent", "cytokine_baseline", "release", "release_half", "clearance", "priming", "priming_half",
        "recovery", "crs_1", "crs_2", "crs_3", "crs_4", "crs_fatal", "brain_rate", "brain_person", "brain_1", "brain_2",
        "brain_3", "brain_4", "least_marrow")]
)  # fmt: skip
_PATHS = {
    "t_half": ("T cells.half", "Gcell/L"), "b_baseline": ("B cells.baseline", "cell/uL"),
    "b_turnover": ("B cells.turnover", "1/day"), "b_body": ("B cells.body", "-"),
    "b_share": ("B cells.precursor_share", "-"), "igg_baseline": ("IgG.baseline", "g/L"),
    "igg_rate": ("IgG.half_life", "day"), "plasma_rate": ("IgG.plasma_half_life", "day"),
    "plasma_independent": ("IgG.independent", "-"), "cytokine_baseline": ("cytokine.baseline", "pg/mL"),
    "release": ("cytokine.release", "pg/mL/day"), "release_half": ("cytokine.release_half", "1/day"),
    "clearance": ("cytokine.clearance", "1/day"), "priming": ("cytokine.priming", "1/day"),
    "priming_half": ("cytokine.priming_half", "1/day"), "recovery": ("cytokine.recovery", "1/day"),
    "crs_1": ("CRS.grade_1", "pg/mL"), "crs_2": ("CRS.grade_2", "pg/mL"), "crs_3": ("CRS.grade_3", "pg/mL"),
    "crs_4": ("CRS.grade_4", "pg/mL"), "crs_fatal": ("CRS.fatal_share", "-"),
    "brain_rate": ("neurotoxicity.rate", "1/day"), "brain_person": ("neurotoxicity.person", "-"),
    "brain_1": ("neurotoxicity.grade_1", "-"), "brain_2": ("neurotoxicity.grade_2", "-"),
    "brain_3": ("neurotoxicity.grade_3", "-"), "brain_4": ("neurotoxicity.grade_4", "-"),
}  # fmt: skip


def immune(library: Library, people: Cohort, seed: int) -> Any:
    """(N,) of IMMUNE_NUMBERS, from data/body/immunity.yaml; the smallest marrow that grows back from marrow.yaml."""
    body = library.body("immunity")
    out = np.zeros(len(people), dtype=IMMUNE_NUMBERS)
    for name, (path, unit) in _PATHS.items():
        out[name] = individual(body[path], unit, people, seed=seed, purpose=f"immunity.{path}")
    for name in ("igg_rate", "plasma_rate"):
        out[name] = LN2 / out[name]
    least = library.body("marrow")["normal_marrow.least"]
    out["least_marrow"] = individual(least, "-", people, seed=seed, purpose="marrow.normal_marrow.least")
    return out


def numbers_of_acts(program: Program, people: Cohort, seed: int) -> Floats:
    """(acts * ACT_NUMBERS, N): what each act needs to know of each patient."""
    out = np.zeros((len(acts_of(program)), ACT_NUMBERS, len(people)))
    for i, (_, kind, number) in enumerate(acts_of(program)):
        agent: Agent = program.agents[number]
        part, wanted = {
            RADIATION: (agent.radiation, RADIATION_NUMBERS),
            GRAFT: (agent.graft, GRAFT_NUMBERS),
            CELLS: (agent.cells, CELL_NUMBERS),
            COLLECTION: (agent.cells, CELL_NUMBERS),
            IMMUNOGLOBULIN: (agent.igg, (("rise", "-"),)),
        }[kind]
        for k, (path, unit) in enumerate(wanted):
            quantity: Any = part
            for name in path.split("."):
                quantity = getattr(quantity, name, None)
            if quantity is not None:
                out[i, k] = individual(quantity, unit, people, seed=seed, purpose=f"{agent.agent}.{path}")
    return out.reshape(-1, len(people))


@njit(**HOT)
def acts_of_day(today, seed, play_chance, t, lay, q, place, drugs, flesh, rec):
    """What was given this morning and acts at once."""
    for i in range(lay.acts.shape[0]):
        form = lay.acts[i].form
        given = False
        for k in range(STEPS):
            given = given or drugs.used[form * STEPS + k]
        if not given:
            continue
        for lane in range(LANES):
            dose = 0.0
            times = 0
            for k in range(STEPS):
                some = drugs.amount[(form * STEPS + k) * LANES + lane]
                if some > 0.0:
                    dose += some
                    times += 1
            if dose > 0.0:
                if not _act(i, lane, today, dose, times, seed, play_chance, lay, q, place, flesh, rec):
                    for k in range(STEPS):  # nothing of it goes on into the kinetics
                        drugs.amount[(form * STEPS + k) * LANES + lane] = 0.0


@njit(**HOT)
def _act(i, lane, today, dose, times, seed, play_chance, lay, q, place, flesh, rec):
    """One act on one patient; false where nothing has come into the body: cells taken, not made, or rejected."""
    kind = lay.acts[i].kind
    pid = q.person[lane].patient
    phase = place.lane[lane].phase
    at = i * ACT_NUMBERS * LANES + lane
    if kind == RADIATION:
        _irradiate(at, lane, today, dose, times, seed, play_chance, lay, q, flesh)
    elif kind == COLLECTION:
        flesh.immune[lane].product = IN_MANUFACTURE
        number = flesh.immune[lane].collections
        flesh.immune[lane].collections += 1
        ready = today + max(1, round(q.acts[at + C_DAYS * LANES]))
        flesh.immune[lane].product_day = ready
        flesh.immune[lane].makes = 1
        if play_chance and chance.uniform(seed, pid, P_MADE, number) < q.acts[at + C_FAILURE * LANES]:
            flesh.immune[lane].makes = 0
        note_event(rec, lane, today, phase, E_COLLECTION, float(lay.acts[i].agent))
        return False
    elif kind == CELLS:
        if _is_made(i, lay):
            if flesh.immune[lane].product != READY:
                return False
            flesh.immune[lane].product = INFUSED
        flesh.immune[lane].cells = q.acts[at + C_INITIAL * LANES] * dose / q.person[lane].weight_kg
        flesh.immune[lane].memory = 0.0
        flesh.immune[lane].cells_day = today
        flesh.immune[lane].cells_act = i
        flesh.immune[lane].works = 1
        number = flesh.immune[lane].infusions
        flesh.immune[lane].infusions += 1
        if play_chance and chance.uniform(seed, pid, P_WORKS, number) < q.acts[at + C_DYSFUNCTIONAL * LANES]:
            flesh.immune[lane].works = 0
        note_first(place, lane, RESULT_INFUSION, today)
        note_event(rec, lane, today, phase, E_INFUSION, float(lay.acts[i].agent))
    elif kind == GRAFT:
        number = flesh.immune[lane].grafts
        flesh.immune[lane].grafts += 1
        rejected = play_chance and chance.uniform(seed, pid, P_TAKES, number) < q.acts[at + LANES]
        note_first(place, lane, RESULT_TRANSPLANT, today)
        flesh.immune[lane].transplant_day = today
        note_event(rec, lane, today, phase, E_GRAFT, float(lay.acts[i].agent))
        if rejected:
            note_event(rec, lane, today, phase, E_FAILED, float(lay.acts[i].agent))
            return False
        _engraft(lane, q.acts[at] * dose / q.person[lane].weight_kg, lay, q, flesh)
    else:
        flesh.immune[lane].igg += q.acts[at] * dose / q.person[lane].weight_kg
        note_event(rec, lane, today, phase, E_INFUSION, float(lay.acts[i].agent))
    return True


@njit(**HOT)
def _is_made(i, lay):
    """Does the protocol collect cells for this agent, so that there must be a product before an infusion?"""
    for j in range(lay.acts.shape[0]):
        if lay.acts[j].kind == COLLECTION and lay.acts[j].agent == lay.acts[i].agent:
            return True
    return False


@njit(**HOT)
def _left(x, share, few, seed, pid, purpose, today):
    """What is left of x cells: their mean where they are many, a draw where they are few."""
    if x <= 0.0 or share >= 1.0:
        return x
    if not few:
        return x * share
    if x < FEW:
        return chance.binomial(seed, pid, purpose, today, x, share)
    if x * share < FEW:
        return chance.poisson(seed, pid, purpose, today, x * share)
    return x * share


@njit(**HOT)
def _irradiate(at, lane, today, dose, times, seed, play_chance, lay, q, flesh):
    """A day's fractions. A field hits the same part of the marrow day after day: what was left of it is remembered."""
    pid = q.person[lane].patient
    n = q.acts
    marrow, cns = n[at], n[at + LANES]
    blasts = survival(dose, times, n[at + 2 * LANES], n[at + 3 * LANES], n[at + 6 * LANES])
    normal = survival(dose, times, n[at + 4 * LANES], n[at + 5 * LANES], n[at + 6 * LANES])
    field = 3 * (at // (ACT_NUMBERS * LANES)) * LANES + lane
    if today - flesh.field[field + 2 * LANES] > MENDED_DAYS:
        flesh.field[field] = flesh.field[field + LANES] = 1.0
    old_blasts, old_normal = flesh.field[field], flesh.field[field + LANES]
    flesh.field[field] = old_blasts * blasts
    flesh.field[field + LANES] = old_normal * normal
    flesh.field[field + 2 * LANES] = today
    share = (1.0 - marrow + marrow * old_blasts * blasts) / (1.0 - marrow + marrow * old_blasts)
    for c in range(flesh.cells.shape[0] // LANES):
        flesh.cells[c * LANES + lane] = _left(flesh.cells[c * LANES + lane], share, play_chance, seed, pid,
                                              lay.clone_purpose[c // 2] + IRRADIATED + c % 2, today)  # fmt: skip
    flesh.total[lane] = leukaemic_cells(flesh, lane)
    flesh.cns[lane] = _left(flesh.cns[lane], 1.0 - cns + cns * blasts, play_chance, seed, pid, P_SURVIVES, today)
    hit = (1.0 - marrow + marrow * old_normal * normal) / (1.0 - marrow + marrow * old_normal)
    flesh.immune[lane].b *= hit
    for i in range(4):
        flesh.line[i * STATE_ROWS * LANES + lane] *= hit  # what proliferates; of lymphocytes those in blood too
    flesh.line[(3 * STATE_ROWS + CIRCULATING) * LANES + lane] *= hit
    _lose_marrow(hit, lane, lay, q, flesh)


@njit(**HOT)
def _lose_marrow(share, lane, lay, q, flesh):
    """Keep a share of the normal marrow. Where less of the patient's own, or of the donor's, is left than grows back,
    it is gone."""
    if share >= 1.0:
        return
    flesh.room[lane] *= share
    own = flesh.room[lane] * flesh.immune[lane].host
    donor = flesh.room[lane] - own
    least = q.immune[lane].least_marrow
    if 0.0 < own < least or (flesh.immune[lane].grafted == 1 and donor < least):
        own = own if own >= least else 0.0
        donor = donor if donor >= least else 0.0
        flesh.immune[lane].grafted = int(donor > 0.0)
        flesh.room[lane] = max(own + donor, 1e-9)
        flesh.immune[lane].host = own / flesh.room[lane]
        if own + donor <= 0.0:
            flesh.rho[lane] = 0.0
    _feedback_anew(lane, lay, q, flesh)


@njit(**HOT)
def _engraft(lane, seeded, lay, q, flesh):
    """Add donor marrow: ``seeded`` of a whole one."""
    room = flesh.room[lane] + seeded
    flesh.immune[lane].host *= flesh.room[lane] / room
    flesh.room[lane] = room
    flesh.immune[lane].grafted = 1
    for i in range(4):  # a graft brings what proliferates, too
        o, r = i * STATE_ROWS * LANES + lane, i * LANES + lane
        if lay.line_kind[i] == POWER or lay.line_kind[i] == SATURATING:
            flesh.line[o] += seeded * q.line_base[r] * q.line_loss[r] / q.line_gain[r]
    flesh.rho[lane] = q.rho[lane]
    _feedback_anew(lane, lay, q, flesh)


@njit(**HOT)
def _feedback_anew(lane, lay, q, flesh):
    """The feedback is carried as a state and follows small changes only: after a jump it is computed."""
    for i in range(4):
        if lay.line_kind[i] == POWER:
            o, r = i * STATE_ROWS * LANES + lane, i * LANES + lane
            cells = flesh.line[o + CIRCULATING * LANES]
            flesh.line[o + FEEDBACK * LANES] = math.pow(flesh.room[lane] * q.line_base[r] / cells, q.line_feedback[r])
            flesh.line[o + FORESEEN * LANES] = cells


@njit(**INLINED)
def _with_antigen(cells, lane, lay):
    total = 0.0
    for c in range(lay.clone_alone.shape[0]):
        if lay.clone_alone[c] == 1:
            total += cells[2 * c * LANES + lane] + cells[(2 * c + 1) * LANES + lane]
    return total


@njit(**HOT)
def cells_of_day(today, lay, q, place, flesh, work):
    """CAR T-cells through the day, and the kill that they add to their pool. Antigen falls as they kill; what grows
    anew within the day is left out."""
    h = 1.0 / lay.bins
    for lane in range(LANES):
        flesh.immune[lane].kill = 0.0
        if place.lane[lane].status == DONE or flesh.immune[lane].cells_day < 0:
            continue
        act = flesh.immune[lane].cells_act
        at = act * ACT_NUMBERS * LANES + lane
        n = q.acts
        pool = lay.acts[act].pool
        e, m = flesh.immune[lane].cells, flesh.immune[lane].memory
        antigen = q.antigen[lane] * _with_antigen(flesh.cells, lane, lay) / q.person[lane].capacity
        antigen += q.immune[lane].b_body * flesh.immune[lane].b
        working = flesh.immune[lane].works * n[at + C_KILL * LANES]
        lymphocytes = flesh.line[(3 * STATE_ROWS + CIRCULATING) * LANES + lane]
        work.class_active[pool] = True
        for j in range(lay.bins):
            age = today - flesh.immune[lane].cells_day + j * h
            before = e + m
            peak = n[at + C_PEAK * LANES]
            growing = age < peak
            if growing:
                midway = antigen * math.exp(-0.5 * h * working * before / (before + n[at + C_HALF * LANES]))
                e = expansion(e, m, h, midway, lymphocytes, n[at + C_RATE * LANES], n[at + C_ANTIGEN_HALF * LANES],
                              n[at + C_LYMPHOCYTES * LANES], n[at + C_MOST * LANES])  # fmt: skip
            else:
                if age - h < peak:
                    stay = n[at + C_MEMORY_SHARE * LANES] * e
                    e -= stay
                    m += stay
                e *= math.exp(-h * n[at + C_CONTRACTION * LANES])
                m *= math.exp(-h * n[at + C_MEMORY_RATE * LANES])
            copies = math.sqrt(before * (e + m))
            kill = working * copies / (copies + n[at + C_HALF * LANES])
            of_blasts = kill * q.antigen[lane]
            if growing:
                antigen *= math.exp(-h * kill)
            work.k_cyc[(pool * lay.bins + j) * LANES + lane] += of_blasts
            work.k_rest[(pool * lay.bins + j) * LANES + lane] += of_blasts
            work.k_cns[j * LANES + lane] += of_blasts * n[at + C_CNS * LANES]
            flesh.immune[lane].kill += kill * h
        flesh.immune[lane].cells = e
        flesh.immune[lane].memory = m


@njit(**HOT)
def immunity_of_day(today, seed, play_chance, lay, q, place, flesh, work, day, rec):
    """B cells, antibodies, cytokine and its grades, the marrow that conditioning kills: one day, patient by patient.
    A death from cytokine release is left in ``fatal`` for the evening."""
    for lane in range(LANES):
        if place.lane[lane].status == DONE:
            continue
        im, n = flesh.immune[lane], q.immune[lane]
        _lose_marrow(math.exp(-flesh.daily[lane]), lane, lay, q, flesh)  # stem cells: the first daily target
        drugs_on_precursors = 0.0
        for k in range(2 * lay.bins):
            drugs_on_precursors += work.e_line[(3 * 2 * lay.bins + k) * LANES + lane] / (2 * lay.bins)
        drugs_on_precursors = min(1.0, drugs_on_precursors)
        car = im.kill
        act = im.cells_act
        releases = 0.0
        if im.cells_day >= 0:
            releases = q.acts[(act * ACT_NUMBERS + C_RELEASES) * LANES + lane]
        b_kill = flesh.daily[LANES + lane] + car
        b_before = im.b
        made = n.b_turnover * flesh.room[lane] * (1.0 - n.b_share * drugs_on_precursors)
        rate = n.b_turnover + b_kill
        im.b = towards(im.b, made / rate, rate, 1.0)
        im.plasma = towards(im.plasma, n.plasma_independent + (1.0 - n.plasma_independent) * min(im.b, 1.0),
                            n.plasma_rate, 1.0)  # fmt: skip
        im.igg = towards(im.igg, n.igg_baseline * im.plasma, n.igg_rate, 1.0)
        blasts = log_mean(_with_antigen(day.before, lane, lay), _with_antigen(flesh.cells, lane, lay))
        blasts /= q.person[lane].capacity
        b_mean = n.b_body * log_mean(b_before, im.b)
        k_blasts = work.released[lane] + car * releases * q.antigen[lane]
        k_b = work.released_b[lane] + car * releases
        killed = k_blasts * blasts + k_b * b_mean
        k = max(k_blasts, k_b)
        if killed > 0.0 or im.cytokine > 1.01 * n.cytokine_baseline or im.brain > 0.01:
            gain = n.release * im.ready * killed / (killed + n.release_half)
            im.cytokine = towards(im.cytokine, n.cytokine_baseline + gain / n.clearance, n.clearance, 1.0)
            lost = n.priming * k / (k + n.priming_half) if k > 0.0 else 0.0
            im.ready = towards(im.ready, n.recovery / (n.recovery + lost), n.recovery + lost, 1.0)
            felt = n.cytokine_baseline
            felt += (im.cytokine - n.cytokine_baseline) / (1.0 + flesh.daily[2 * LANES + lane])
            im.brain = towards(im.brain, math.log10(max(felt / n.cytokine_baseline, 1.0)) * n.brain_person,
                               n.brain_rate, 1.0)  # fmt: skip
            crs = grade_of(felt, n.crs_1, n.crs_2, n.crs_3, n.crs_4)
            brain = grade_of(im.brain, n.brain_1, n.brain_2, n.brain_3, n.brain_4)
            if crs > 0 and im.crs == 0:
                im.crs_from = today
                im.crs_worst = 0
            if crs == 4 and im.crs_worst < 4 and play_chance:
                im.fatal = int(chance.uniform(seed, q.person[lane].patient, P_CRS, im.storms) < n.crs_fatal)
                im.storms += 1
            if brain > 0 and im.neuro == 0:
                im.neuro_from = today
                im.neuro_worst = 0
            if crs == 0 and im.crs > 0:
                note_side_effect(rec, lane, 0, im.crs_from, today - 1, im.crs_worst)
            if brain == 0 and im.neuro > 0:
                note_side_effect(rec, lane, 1, im.neuro_from, today - 1, im.neuro_worst)
            im.crs = crs
            im.neuro = brain
            im.crs_worst = max(im.crs_worst, crs)
            im.neuro_worst = max(im.neuro_worst, brain)
        else:
            im.ready = towards(im.ready, 1.0, n.recovery, 1.0)
        if im.product == IN_MANUFACTURE and today + 1 >= im.product_day:
            im.product = READY if im.makes == 1 else FAILED


@njit(**HOT)
def end_of_living(lane, today, flesh, rec):
    """Write the grades that last to the end."""
    if flesh.immune[lane].crs > 0:
        note_side_effect(rec, lane, 0, flesh.immune[lane].crs_from, today, flesh.immune[lane].crs_worst)
    if flesh.immune[lane].neuro > 0:
        note_side_effect(rec, lane, 1, flesh.immune[lane].neuro_from, today, flesh.immune[lane].neuro_worst)
