"""B cells and antibodies, CAR T-cells, cytokine release and what it does to brain and circulation
(engine/core/immunity.hpp, living.hpp).

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

from remission.compiled import core

LN2 = math.log(2.0)
towards = core.equations.towards  # dx/dt = rate (target - x) over h days
expansion = core.equations.expansion
log_mean = core.equations.log_mean
grade_of = core.equations.grade_of
