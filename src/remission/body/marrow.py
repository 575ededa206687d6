"""Blood cells from a marrow that leukaemia crowds out. Time is days, counts 10^9/L, haemoglobin g/dL.

Neutrophils, lymphocytes (Friberg 2002: proliferating pool P, three transits, circulating cells C):

    dP/dt = k P ((1 - E) F - 1),  F = min((n C0 / C)^gamma, 5)        k = 4 / mean transit time
    dT1/dt = k (P - T1), dT2/dt = k (T1 - T2), dT3/dt = k (T2 - T3)
    dC/dt = k T3 - loss C

Platelets: the same chain with a saturating feedback (Panetta 2024), dP/dt = P (growth (1 - E) K n / (K n + C) - k).
Red cells: precursors that renew themselves as those of neutrophils do, steered by their own number and by
erythropoietin (own assumption), and four compartments of a life span, all of which are haemoglobin H (Agoram 2006),

    dP/dt = k P ((1 - E) F - 1),  F = min((n P0 / P (H0 / H)^g)^gamma, 5)        P0 = production tau
    dH1/dt = P / tau - ageing H1, ... dH4/dt = ageing (H3 - H4)

E is the fraction of proliferation that drugs take away. Normal marrow n (share of its capacity) regrows logistically in
the room that leukaemia leaves, and sets the point that feedback steers to, n C0 (own assumption; multiplying
proliferation by n would give C0 n^(1/gamma), 2e-6 at diagnosis):

    dn/dt = rho n (1 - n - omega L / capacity) - k_stem n

An effect E that lasts leaves n P0 (1 - E)^(1/gamma) red precursors; g: the answer of erythropoietin. A proliferating
pool that drugs or radiation empty stays at FLOOR until it can grow; leukaemia alone does not take n below
`LEAST`.
Core: engine/core/marrow.hpp. Numbers and sources: knowledge/data/body/marrow.yaml.
"""

from __future__ import annotations

from remission.compiled import core

MAX_FEEDBACK: float = core.words.MAX_FEEDBACK  # bound of the power feedback after long aplasia
FLOOR: float = core.words.FLOOR  # counts never fall below one cell in a litre of 1e9
LEAST = 1e-4  # normal marrow that leukaemia alone leaves
ABSENT, POWER, SATURATING, LIFE_SPAN = (
    getattr(core.words, name) for name in ("ABSENT", "POWER", "SATURATING", "LIFE_SPAN")
)  # kinds of lines
STATES = 5  # of a line: what proliferates, three transits, circulating cells; of red cells: P and four ages
EDGE = 1e-4  # an implicit solver needs a floor without an edge: losses fade within this share above it


def power_feedback(room: float, base: float, cells: float, gamma: float) -> float:
    """F = (n C0 / C)^gamma, at most MAX_FEEDBACK."""
    return min((max(room, 0.0) * base / max(cells, FLOOR)) ** gamma, MAX_FEEDBACK)


def saturating_feedback(room: float, half: float, cells: float) -> float:
    """K n / (K n + C)."""
    return half * room / (half * room + cells)


def above_floor(cells: float, change: float) -> float:
    """The change of a pool that does not fall below FLOOR."""
    return change if change >= 0.0 else change * min(max((cells / FLOOR - 1.0) / EDGE, 0.0), 1.0)


def proliferation(cells: float, gain: float, loss: float, effect: float, feedback: float) -> float:
    """dP/dt = P (gain (1 - E) F - loss); gain = loss = k with the power feedback, gain = growth with the other."""
    return above_floor(cells, cells * (gain * (1.0 - effect) * feedback - loss))


def red_feedback(room: float, full: float, pool: float, base: float, cells: float, g: float, gamma: float) -> float:
    """F = (n P0 / P (H0 / H)^g)^gamma, at most MAX_FEEDBACK; full: P0, pool: P, cells: H, base: H0."""
    return power_feedback(room, full * (base / max(cells, FLOOR)) ** g, pool, gamma)


def normal_marrow(room: float, rho: float, omega: float, load: float, kill: float) -> float:
    """dn/dt; load: leukaemic cells over capacity; kill: of stem cells by conditioning, 1/day."""
    growth = rho * room * (1.0 - room - omega * load)
    if growth < 0.0:  # the floor lies an edge above LEAST, below which a marrow is lost (transplant.py)
        growth *= min(max((room / LEAST - 1.0) / EDGE - 1.0, 0.0), 1.0)
    return growth - kill * room
