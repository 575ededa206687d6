"""Pharmacodynamics: from the value of a driver (a concentration, a product inside cells) to a rate on a target.

    linear                  E = a x
    Emax, sigmoid           E = a x^h / (b^h + x^h)
    asparagine depletion    E = a (1 - N (c + b) / (c (N + b)))    N: the asparagine that an activity x leaves
    with an antagonist      E / (1 + y / half)                     y: plasma of the antagonist (leucovorin)
    with T cells            E T / (T + half)                       what recruits them (blinatumomab)

Effects on one target add up. Targets: the fraction of proliferation that is taken away from neutrophils, platelets, red
cells, lymphocytes (-); kill rates of blasts in marrow, blood and CNS, of stem cells, of B cells (1/day); neutrophil
mobilisation (-); what protects from cytokine and fever (-). A clone feels its own share of each pool of kills
(engine/acting.py). Core: engine/core/effects.hpp. Numbers and sources: knowledge/data/agents/*.yaml.
"""

from __future__ import annotations

import math

from remission.compiled import core

LINEAR: int = core.words.LINEAR
EMAX: int = core.words.EMAX
ASPARAGINE: int = core.words.ASPARAGINE
HILL: int = core.words.HILL


def hill(x: float, half: float, power: float) -> float:
    """x^h / (b^h + x^h), -; Emax for a power of 1."""
    return 1.0 / (1.0 + (half / x) ** power) if x > 0.0 else 0.0


def asparagine(x: float, half: float, rest: float, d: float, km: float) -> float:
    """Effect of an asparaginase activity x (IU/L), -: 1 - N (c + b) / (c (N + b)), 0 at N = c, 1 at N = 0.

    N (umol/L) is at the steady state of supply, loss and Michaelis-Menten breakdown: 1 - N/c = d x N / (km + N), so
    N^2 + N (c d x + km - c) - km c = 0. c: asparagine at rest; b: at half effect; d: breakdown over supply, L/IU."""
    if x <= 0.0:
        return 0.0
    p = rest * d * x + km - rest
    root = math.sqrt(p * p + 4.0 * km * rest)
    n = 2.0 * km * rest / (p + root) if p > 0.0 else 0.5 * (root - p)
    return 1.0 - n * (rest + half) / (rest * (n + half))


def shape(function: int, x: float, b: float, c: float, d: float, e: float) -> float:
    """The effect for a factor a of 1."""
    if function == LINEAR:
        return x
    if function == EMAX:
        return x / (b + x)
    if function == HILL:
        return hill(x, b, c)
    return asparagine(x, b, c, d, e)


def left_by_antagonist(plasma: float, half: float) -> float:
    """The share of an effect that a competing antagonist leaves: 1 / (1 + y / half)."""
    return 1.0 / (1.0 + plasma / half)


def with_t_cells(lymphocytes: float, half: float) -> float:
    """The share of an effect that the patient's own T cells allow: T / (T + half), 10^9/L."""
    return lymphocytes / (lymphocytes + half)
