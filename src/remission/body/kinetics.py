"""Linear pharmacokinetics, solved exactly between doses, all patients of a block at once (engine/core/kinetics.hpp).

An agent is a linear system dx/dt = A x + input. With Phi(t) = exp(A t), M = the integral of Phi and N = the integral of
M over 0..t, everything asked of a step of length h is a row of one matrix that is applied to the states x at its start:

    states at the end              Phi(h)
    output g at a time t           g Phi(t)
    mean of output g over u..v     g (M(v) - M(u)) / (v - u)

An infusion at unit rate into state e from the start of the step on answers with M in place of Phi and N in place of M,
applied to e. An infusion of a unit dose that ends at tau < h answers with M(t) e / tau up to tau and with
Phi(t - tau) M(tau) e / tau after it; a dose that enters after a lag with nothing up to the lag and Phi(t - lag) e after
it.

What bends with a concentration (Emax, saturable formation) is integrated by two-point Gauss quadrature: windows that
tile the step, and a mesh of panels that widen after a dose where concentrations move fast (engine/mesh.py).
"""

from __future__ import annotations

from remission.compiled import core

LANES: int = core.LANES  # patients of a block, side by side
GAUSS: tuple[float, float] = core.words.GAUSS  # nodes on 0..1, equal weights
exp_small = core.equations.exp_small
integrals = core.equations.integrals  # (a, t, doublings) -> Phi, M, N; (n, n, LANES) each
