"""B cells and antibodies, CAR T-cells, cytokine release and what it does to brain and circulation.

CAR T-cells (copies per ug of DNA) C = E + M; A: cells with the antigen over the marrow's capacity, L: lymphocytes

    before the peak   dE/dt = rate A / (A + half) L50 / (L50 + L) (1 - C / most) E
    at the peak       a share of E becomes memory M
    after it          dE/dt = -contraction E,  dM/dt = -loss M
    kill              max C / (C + half), 1/day

B cells, relative     dB/dt = turnover (room (1 - share E_drugs) - B) - kill B
plasma cells          dP/dt = (independent + (1 - independent) min(B, 1) - P) ln 2 / half-life
IgG, g/L              dG/dt = (baseline P - G) ln 2 / half-life
cytokine, pg/mL       dI/dt = release R killed / (killed + half) - clearance (I - baseline)
readiness             dR/dt = -priming R k / (k + half) + recovery (1 - R)
brain                 dN/dt = rate (log10 max(I / baseline, 1) person - N)

killed: cells with the antigen that drugs and CAR T-cells kill in a day, over the capacity. Every step is exact for
rates that are held constant over it.
"""

from __future__ import annotations

import math

from numba import njit

from .kinetics import HOT

LN2 = math.log(2.0)


@njit(**HOT)
def towards(x, target, rate, h):
    """dx/dt = rate (target - x) over h days."""
    return target + (x - target) * math.exp(-rate * h)


@njit(**HOT)
def expansion(cells, memory, h, antigen, lymphocytes, rate, antigen_half, lymphocytes_half, most):
    """E after h days before the peak."""
    crowd = max(0.0, 1.0 - (cells + memory) / most)
    room = lymphocytes_half / (lymphocytes_half + lymphocytes)
    return cells * math.exp(h * rate * antigen / (antigen + antigen_half) * room * crowd)


@njit(**HOT)
def log_mean(a, b):
    """Mean of a quantity that goes from a to b exponentially."""
    if a <= 0.0 or b <= 0.0:
        return 0.5 * (max(a, 0.0) + max(b, 0.0))
    r = a / b
    if abs(r - 1.0) < 1e-6:
        return 0.5 * (a + b)
    return (a - b) / math.log(r)


@njit(**HOT)
def grade_of(x, first, second, third, fourth):
    """0 to 4, by what ``x`` reaches."""
    if x < first:
        return 0
    if x < second:
        return 1
    if x < third:
        return 2
    return 3 if x < fourth else 4
