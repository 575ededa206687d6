"""Pharmacokinetics: what becomes of a dose.

An agent is a linear system of depots, compartments and drivers (`pharmacokinetics.py` builds it from the agent's file):

    dx/dt = A x + entering            x: amounts (or drivers), A: 1/day, entering: infusions, amount/day
    output = g x                      concentrations in plasma and CSF, drivers of effects

Where elimination saturates (Michaelis-Menten) or clearance still falls after the first dose, the central compartment
also loses `elimination`; a saturable product (a nucleotide made inside cells) follows the plasma. The core solves the
linear part exactly and the rest in micro-steps (engine/core/kinetics.hpp, pharmacokinetics.hpp).
Numbers and sources: knowledge/data/agents/*.yaml.
"""

from __future__ import annotations

import math

from remission.compiled import core

LANES: int = core.LANES  # patients of a block of the core, side by side
GAUSS: tuple[float, float] = core.words.GAUSS  # nodes on 0..1, equal weights: the core's mesh stands on them


def arriving(bioavailability: float, per_m2: float, loss: float, half_dose: float) -> float:
    """The share of a dose that arrives: F - loss D / (half_dose + D). D: dose, amount/m2."""
    return bioavailability - loss * per_m2 / (half_dose + per_m2)


def elimination(c: float, vmax: float, km: float, extra: float, fading: float, days: float) -> float:
    """Amount/day that leaves the central compartment beside its linear clearance: vmax C / (km + C), and an extra
    clearance that fades from the first dose on, extra exp(-fading t) C. C: plasma; vmax: amount/day; km: as C; extra:
    amount/day per concentration; fading: 1/day; days: t since the first dose."""
    return vmax * c / (km + c) + extra * math.exp(-fading * days) * c


def product_change(z: float, c: float, formation: float, half: float, loss: float) -> float:
    """dz/dt = formation C / (half + C) - loss z. z: product inside cells; C: plasma; loss: 1/day."""
    return formation * c / (half + c) - loss * z
