"""Radiation, grafts, collected and living cells, antibodies, the immune system: the numbers of each patient (what they
do: engine/core/acts.hpp, living.hpp)."""

from __future__ import annotations

from typing import Any

import numpy as np

from remission.body.immunity import LN2
from remission.body.person import individual
from remission.compiled import core
from remission.knowledge.agent import Agent
from remission.knowledge.library import Library
from remission.patient.cohort import Cohort, Floats, sensitivity_to

from .layout import CELLS, COLLECTION, GRAFT, IMMUNOGLOBULIN, RADIATION, acts_of
from .program import Program

# numbers of an act, by kind; the first ones of each
RADIATION_NUMBERS = (
    ("field.marrow", "-"), ("field.cns", "-"), ("blasts.alpha", "1/Gy"), ("blasts.alpha_beta", "Gy"),
    ("stem_cells.alpha", "1/Gy"), ("stem_cells.alpha_beta", "Gy"), ("repair_half_life", "hour"),
)  # fmt: skip
ALPHA, AFTER_RELAPSE = 2, len(RADIATION_NUMBERS)  # the latter: times alpha, in the marrow, from a relapse on
GRAFT_NUMBERS = (("seeded", "-"), ("rejection", "-"))
OWN = len(GRAFT_NUMBERS)  # the patient's own cells, none of a donor
CELL_NUMBERS = (
    ("expansion.initial", "-"), ("expansion.rate", "1/day"), ("expansion.peak_day", "day"), ("expansion.most", "-"),
    ("expansion.antigen_half", "-"), ("contraction.rate", "1/day"), ("contraction.memory_share", "-"),
    ("contraction.memory_rate", "1/day"), ("kill.max", "1/day"), ("kill.half", "-"), ("lymphocytes_half", "Gcell/L"),
    ("releases", "-"), ("kill.cns", "-"), ("manufacture.days", "day"), ("manufacture.failure", "-"),
    ("dysfunctional", "-"),
)  # fmt: skip
ACT_NUMBERS = len(core.words.ActNumber)

IMMUNE_NUMBERS = np.dtype(core.records["ImmuneNumbers"])
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


def numbers_of_acts(program: Program, people: Cohort, seed: int, shared: float) -> Floats:
    """(acts * ACT_NUMBERS, N): what each act needs to know of each patient; shared: the power of shared sensitivity."""
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
        if agent.graft:
            out[i, OWN] = agent.graft.donor == "own"
        if kind == RADIATION:
            by = agent.sensitivity
            out[i, ALPHA] *= sensitivity_to(people.sensitivity, by, shared) if by else 1.0
            out[i, AFTER_RELAPSE] = sensitivity_to(people.after_relapse, by, shared) if by else 1.0
    return out.reshape(-1, len(people))
