"""Linear pharmacokinetics, solved exactly between doses, all patients of a block at once.

An agent is a linear system dx/dt = A x + input. With Phi(t) = exp(A t), M = the integral of Phi and
N = the integral of M over 0..t, one step of length h gives

    x(t+h)       = Phi(h) x(t) + input
    mean outputs = G M(h) x(t) / h + input

An infusion of length tau <= h from the start of the step puts, per unit of dose into state e, the
amounts Phi(h - tau) M(tau) e / tau into the states at the end; the integral of x up to t is
N(t) e / tau while it runs (t <= tau) and (N(tau) + M(t - tau) M(tau)) e / tau after it. A bolus is the
limit tau -> 0. Phi, M and N come from their Taylor series on h/256, doubled eight times.

Arrays end in the patient (lane): (n, n, L), (rows, L). Loops over lanes ask the array for their number: a number known
to the compiler makes it unroll short loops before it can turn them into vector instructions.
"""

from __future__ import annotations

import numpy as np
from numba import njit

JIT = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
# The functions of the day allocate nothing: without reference counts, calls and views cost nothing either
# (with them, half of the time went into atomic increments).
HOT = JIT | {"_nrt": False}
INLINED = HOT | {"forceinline": True}
LANES = 32
TERMS = 10
DOUBLINGS = 8


@njit(**HOT)
def exp_small(x):
    """exp for -40 <= x <= 4 (lower is taken as -40) as arithmetic: a library call would keep the compiler from working
    on all lanes at once. Taylor to the 7th power on x/64, squared six times: relative error 4e-13 at |x| = 4, 6e-10 at
    -10, 2e-7 at -20."""
    z = max(x, -40.0) * (1.0 / 64.0)
    e = 1.0 + z * (1.0 / 7.0)
    e = 1.0 + z * (1.0 / 6.0) * e
    e = 1.0 + z * (1.0 / 5.0) * e
    e = 1.0 + z * (1.0 / 4.0) * e
    e = 1.0 + z * (1.0 / 3.0) * e
    e = 1.0 + z * (1.0 / 2.0) * e
    e = 1.0 + z * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e


@njit(**JIT)
def matmul(a, b, out):
    """out = a b, lane by lane; (n, k, L) x (k, m, L)."""
    lanes = out.shape[2]
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for lane in range(lanes):
                out[i, j, lane] = a[i, 0, lane] * b[0, j, lane]
            for k in range(1, b.shape[0]):
                for lane in range(lanes):
                    out[i, j, lane] += a[i, k, lane] * b[k, j, lane]


@njit(**JIT)
def integrals(a, t, phi, m, nn):
    """Fill phi = exp(A t), m = its integral and nn = the integral of m over 0..t; all (n, n, L). The number of terms
    and doublings is fixed (|A| t up to about 50 keeps twelve digits), so that a lane never depends on the others."""
    lanes = phi.shape[2]
    n = a.shape[0]
    h = t / 2.0**DOUBLINGS
    power = np.zeros((n, n, LANES))
    work = np.zeros((n, n, LANES))
    phi[:] = 0.0
    m[:] = 0.0
    nn[:] = 0.0
    for i in range(n):
        for lane in range(lanes):
            power[i, i, lane] = 1.0
    c = 1.0  # h^k / k!
    for k in range(TERMS):
        c1 = c * h / (k + 1)
        c2 = c1 * h / (k + 2)
        for i in range(n):
            for j in range(n):
                for lane in range(lanes):
                    p = power[i, j, lane]
                    phi[i, j, lane] += c * p
                    m[i, j, lane] += c1 * p
                    nn[i, j, lane] += c2 * p
        matmul(power, a, work)
        power, work = work, power
        c = c1
    for _ in range(DOUBLINGS):
        matmul(phi, nn, work)
        nn += h * m + work
        matmul(phi, m, work)
        m += work
        matmul(phi, phi, work)
        phi[:] = work
        h *= 2.0


@njit(**JIT)
def outputs(g, x, row, out):
    """out[row...] = g x for integrals x of the states: g (outputs, n, L), x (n, L)."""
    lanes = out.shape[1]
    for j in range(g.shape[0]):
        for lane in range(lanes):
            out[row + j, lane] = 0.0
        for k in range(g.shape[1]):
            for lane in range(lanes):
                out[row + j, lane] += g[j, k, lane] * x[k, lane]


@njit(**JIT)
def responses(a, g, unit, edges, windowed, free, columns, taus, part, rate, sink_entry, sink):
    """Every response of one agent over a step of ``edges[-1]`` units of ``unit`` days.

    edges (windows + 1,): ends of the step's windows in units, from 0 and 1 on; each window is as long as one of the
    edges before it. windowed: outputs whose mean in each window is wanted. free (rows, n, L): the step matrix; rows are
    the n states at its end, the mean outputs over the step, and the mean of each ``windowed`` output in each window.
    part, rate (forms, rows, L): the answer to a unit dose infused over ``taus`` days from the start of the step (not
    filled for 0, a bolus: that is added to the state) and to a unit rate during all of it. columns: entry state of each
    form. sink (rows, L): as rate, for the state ``sink_entry`` (saturable elimination), if that is not -1."""
    n = a.shape[0]
    rows = free.shape[0]
    last = edges.shape[0] - 1
    at_phi = np.zeros((last + 1, n, n, LANES))
    at_m = np.zeros((last + 1, n, n, LANES))
    at_n = np.zeros((last + 1, n, n, LANES))
    work = np.empty((n, n, LANES))
    integrals(a, unit, at_phi[1], at_m[1], at_n[1])
    for w in range(2, last + 1):
        before = w - 1
        gap = 1
        while edges[gap] != edges[w] - edges[before]:
            gap += 1
        matmul(at_phi[before], at_n[gap], work)
        at_n[w] = at_n[before] + edges[gap] * unit * at_m[before] + work
        matmul(at_phi[before], at_m[gap], work)
        at_m[w] = at_m[before] + work
        matmul(at_phi[before], at_phi[gap], at_phi[w])
    sums = np.empty((last + 1, n, LANES))
    out = np.empty((rows, LANES))
    for c in range(n):
        free[:n, c] = at_phi[last, :, c]
        sums[:] = at_m[:, :, c]
        means(g, sums, unit, edges, windowed, out)
        free[n:, c] = out[n:]
    for f in range(columns.shape[0]):
        e = columns[f]
        rate[f, :n] = at_m[last, :, e]
        sums[:] = at_n[:, :, e]
        means(g, sums, unit, edges, windowed, rate[f])
        tau = taus[f]
        if tau <= 0.0:
            continue
        during_phi = np.empty((n, n, LANES))
        during_m = np.empty((n, n, LANES))
        during_n = np.empty((n, n, LANES))
        after_phi = np.empty((n, n, LANES))
        after_m = np.empty((n, n, LANES))
        after_n = np.empty((n, n, LANES))
        integrals(a, tau, during_phi, during_m, during_n)
        given = np.ascontiguousarray(during_m[:, e]).reshape(n, 1, LANES) / tau
        column = np.empty((n, 1, LANES))
        part[f, :n] = given[:, 0]
        for w in range(1, last + 1):
            t = edges[w] * unit
            if t <= tau:
                integrals(a, t, after_phi, after_m, after_n)
                sums[w] = after_n[:, e] / tau
            else:
                integrals(a, t - tau, after_phi, after_m, after_n)
                matmul(after_m, given, column)
                sums[w] = during_n[:, e] / tau + column[:, 0]
                matmul(after_phi, given, column)
                part[f, :n] = column[:, 0]
        means(g, sums, unit, edges, windowed, part[f])
    if sink_entry >= 0:
        sums[:] = at_n[:, :, sink_entry]
        sink[:n] = at_m[last, :, sink_entry]
        means(g, sums, unit, edges, windowed, sink)


@njit(**JIT)
def means(g, sums, unit, edges, windowed, out):
    """Rows of the mean outputs over the step and in each window, from ``sums`` (edges, n, L), the integrals of the
    states up to each edge; sums[0] is 0."""
    n = sums.shape[1]
    lin = g.shape[0]
    last = edges.shape[0] - 1
    sums[0] = 0.0
    outputs(g, sums[last] / (edges[last] * unit), n, out)
    for i in range(windowed.shape[0]):
        for w in range(last):
            mean = (sums[w + 1] - sums[w]) / ((edges[w + 1] - edges[w]) * unit)
            outputs(g[windowed[i] : windowed[i] + 1], mean, n + lin + i * last + w, out)


@njit(**HOT)
def step(row, column, first, weight, x, out):
    """out = step matrix times x: ``row[i]`` gets four products of ``weight[4i..]`` and ``x[column[4i..]]``; ``first``
    says whether to assign or to add. x: (n, L); out: (rows, L)."""
    lanes = out.shape[1]
    for i in range(row.shape[0]):
        j = 4 * i
        r = row[i]
        c0, c1, c2, c3 = column[j], column[j + 1], column[j + 2], column[j + 3]
        if first[i]:
            for lane in range(lanes):
                out[r, lane] = (
                    weight[j, lane] * x[c0, lane]
                    + weight[j + 1, lane] * x[c1, lane]
                    + (weight[j + 2, lane] * x[c2, lane] + weight[j + 3, lane] * x[c3, lane])
                )
        else:
            for lane in range(lanes):
                out[r, lane] += (
                    weight[j, lane] * x[c0, lane]
                    + weight[j + 1, lane] * x[c1, lane]
                    + (weight[j + 2, lane] * x[c2, lane] + weight[j + 3, lane] * x[c3, lane])
                )


@njit(**HOT)
def add(out, unit, amount, row):
    """Add an input: amount[row] per lane times its unit response (rows, L)."""
    lanes = out.shape[1]
    for r in range(out.shape[0]):
        for lane in range(lanes):
            out[r, lane] += unit[r, lane] * amount[row, lane]


@njit(**HOT)
def saturable_product(z, i, plasma, plasma_row, plateau, half, decay, shift, row, mean):
    """Advance product ``i``, dz/dt = formation C/(half+C) - loss z, over one window with the window's mean plasma
    concentration C = plasma[plasma_row], exactly for that C; put the mean of z in mean[i]. plateau = formation / loss;
    decay[row] = exp(-loss t) and shift[row] = (1 - decay) / (loss t) for the window of t days."""
    lanes = z.shape[1]
    for lane in range(lanes):
        c = plasma[plasma_row, lane]
        steady = plateau[i, lane] * c / (half[i, lane] + c)
        gap = z[i, lane] - steady
        mean[i, lane] = steady + gap * shift[row, lane]
        z[i, lane] = steady + gap * decay[row, lane]
