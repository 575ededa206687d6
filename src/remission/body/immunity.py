"""B cells and antibodies, CAR T-cells, cytokine release and what it does to brain and circulation. Time is days.

CAR T-cells (copies per ug of DNA) C = E + M; A: cells with the antigen over the marrow's capacity, L: lymphocytes

    before the peak   dE/dt = rate A / (A + half) L50 / (L50 + L) (1 - C / most) E
    at the peak       a share of E becomes memory M
    after it          dE/dt = -contraction E,  dM/dt = -loss M
    kill              max C / (C + half), 1/day, of blasts with the antigen and of B cells

B cells, relative     dB/dt = turnover (n (1 - share E_lymphocytes) - B) - kill B
plasma cells          dP/dt = (independent + (1 - independent) min(B, 1) - P) ln 2 / half-life
IgG, g/L              dG/dt = (baseline P - G) ln 2 / half-life
cytokine, pg/mL       dI/dt = release R signal / (killed + half) - clearance (I - baseline)
readiness             dR/dt = -priming R k / (k + half) + recovery (1 - R)
felt                  I' = baseline + (I - baseline) / (1 + X)      X: what takes signalling away (tocilizumab)
brain                 dN/dt = rate (log10 max(I' / baseline, 1) person - N)

n: normal marrow; killed: cells with the antigen that antibodies and CAR T-cells kill in a day, over the capacity;
signal: the same, each times the cytokine that its killer sets free over it (`releases`; a receptor that lets go soon
kills as well and calls for less); k: the faster of their kill rates, times that. Cytokine release and neurotoxicity
have the grade of the limits that I' and N reach.
Core: engine/core/immunity.hpp, living.hpp. Numbers and sources: knowledge/data/body/immunity.yaml, agents/*.yaml.
"""

from __future__ import annotations

import math

LN2 = math.log(2.0)


def expansion(
    e: float, copies: float, antigen: float, lymphocytes: float, rate: float, antigen_half: float,
    lymphocytes_half: float, most: float,
) -> float:  # fmt: skip
    """dE/dt before the peak, copies/day; copies: C; antigen: A."""
    room = lymphocytes_half / (lymphocytes_half + lymphocytes)
    return rate * antigen / (antigen + antigen_half) * room * max(0.0, 1.0 - copies / most) * e


def car_t_kill(copies: float, most: float, half: float) -> float:
    """Kill rate of cells with the antigen, 1/day."""
    return most * copies / (copies + half)


def b_cell_change(b: float, room: float, turnover: float, share: float, effect: float, kill: float) -> float:
    """dB/dt; effect: of drugs on lymphocyte precursors, at most 1; kill: by drugs and CAR T-cells, 1/day."""
    return turnover * (room * (1.0 - share * min(effect, 1.0)) - b) - kill * b


def plasma_cell_change(plasma: float, b: float, independent: float, rate: float) -> float:
    """dP/dt; independent: share of plasma cells that outlast B cells."""
    return (independent + (1.0 - independent) * min(b, 1.0) - plasma) * rate


def igg_change(igg: float, plasma: float, baseline: float, rate: float) -> float:
    """dG/dt, g/L/day."""
    return (baseline * plasma - igg) * rate


def cytokine_change(
    cytokine: float, ready: float, signal: float, killed: float, release: float, half: float, clearance: float,
    baseline: float,
) -> float:  # fmt: skip
    """dI/dt, pg/mL/day; killed, signal: 1/day, over the capacity."""
    return release * ready * signal / (killed + half) - clearance * (cytokine - baseline)


def readiness_change(ready: float, kill: float, priming: float, half: float, recovery: float) -> float:
    """dR/dt; kill: the faster of the kill rates, 1/day."""
    return recovery * (1.0 - ready) - priming * ready * kill / (kill + half)


def felt_cytokine(cytokine: float, baseline: float, taken: float) -> float:
    """I', pg/mL; taken: sum of what drugs take of signalling."""
    return baseline + (cytokine - baseline) / (1.0 + taken)


def brain_change(brain: float, felt: float, baseline: float, person: float, rate: float) -> float:
    """dN/dt."""
    return rate * (math.log10(max(felt / baseline, 1.0)) * person - brain)


def grade_of(x: float, limits: tuple[float, float, float, float]) -> int:
    """0 to 4, by the limits that x reaches."""
    return sum(x >= limit for limit in limits)
