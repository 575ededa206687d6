"""Blood cells from a marrow that leukaemia crowds out (engine/core/marrow.hpp).

Neutrophils, lymphocytes: the chain of Friberg 2002 (proliferating pool, three transits, circulating cells, power
feedback). Platelets: the same chain with the saturating feedback of Panetta 2024, or with the power feedback. Red
cells: one progenitor step and four life-span compartments (Agoram 2006). Drugs take a fraction E of proliferation away.
Normal marrow n (share of its capacity) regrows logistically in the room that leukaemia leaves, and sets the point that
feedback steers to: n * baseline (own assumption; multiplying proliferation by n, as the evidence file first proposed,
would give baseline * n^(1/gamma), 2e-6 at diagnosis). Time is days, counts 10^9/L, haemoglobin g/dL.

A step of h days goes through its middle. Behind the proliferating pool P a line is linear, so that circulating cells
barely feel what P does within the step: they are foreseen with P held still, the feedback follows from them, ln P
from the feedback and from the mean effects of both halves (and from how the two change together), and the rest of the
line exactly from P as a parabola through the start, the middle and the end (weights from `line_weights`).
"""

from __future__ import annotations

from remission.compiled import core

MAX_FEEDBACK: float = core.words.MAX_FEEDBACK  # bound of the power feedback after long aplasia
FLOOR: float = core.words.FLOOR  # counts never fall below one cell in a litre of 1e9
ABSENT, POWER, SATURATING, LIFE_SPAN = (
    getattr(core.words, name) for name in ("ABSENT", "POWER", "SATURATING", "LIFE_SPAN")
)  # kinds of lines
PROLIFERATING, TRANSIT_1, TRANSIT_2, TRANSIT_3, CIRCULATING, FEEDBACK, FORESEEN = range(7)  # states of a line
STATE_ROWS: int = core.words.STATE_ROWS
WEIGHT_ROWS: int = core.words.WEIGHT_ROWS

# One step of a line of LANES patients, in place: states (STATE_ROWS rows), weights, the mean effects of both halves
# (2 rows), normal marrow at the start, in the middle and at the end (3 rows), parameters, h (days)
line_weights = core.equations.line_weights
life_span_weights = core.equations.life_span_weights
power_chain = core.equations.power_chain
saturating_chain = core.equations.saturating_chain
red_cell_chain = core.equations.red_cell_chain
normal_marrow = core.equations.normal_marrow
near_power = core.equations.near_power
