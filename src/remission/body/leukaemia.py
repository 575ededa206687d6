"""Leukaemic clones with cycling and resting cells, in marrow and CNS; extinction by chance
(engine/core/leukaemia.hpp).

Per clone: cycling cells C divide (birth b, slowed as the marrow fills), die (d), are killed by drugs
and go to rest; resting cells Q do not divide, are killed less, and wake:

    dC/dt = (b crowding - d - kill_C - a) C + w Q
    dQ/dt = a C - (w + kill_Q) Q

Above a thousand cells the means are integrated (Strang splitting, exact in each part); below, every
day is a draw of the birth-death process (Kendall 1948), so that a clone can die out.
"""

from __future__ import annotations

from remission.compiled import core

FEW: float = core.words.FEW  # cells of a pool below which chance plays
clone_step = core.equations.clone_step
few_cells = core.chance.few_cells
whole = core.chance.whole  # rounds a number of cells by chance, without changing the mean
