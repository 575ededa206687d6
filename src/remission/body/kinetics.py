"""Linear pharmacokinetics, solved exactly between doses, all patients of a block at once.

An agent is a linear system dx/dt = A x + input. With Phi(t) = exp(A t), M = the integral of Phi and
N = the integral of M over 0..t, one step of length h gives

    x(t+h)       = Phi(h) x(t) + input
    mean outputs = G M(h) x(t) / h + input

An infusion of length tau <= h from the start of the step puts, per unit of dose into state e, the
amounts Phi(h - tau) M(tau) e / tau into the states at the end; the integral of x up to t is
N(t) e / tau while it runs (t <= tau) and (N(tau) + M(t - tau) M(tau)) e / tau after it. A bolus is the
limit tau -> 0. Phi, M and N come from their Taylor series on h/256, doubled eight times.

Arrays end in the patient (lane): (n, n, L), (rows, L).
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
WINDOWS = 4  # of a step, where a mean over two hours is too coarse for what it drives


@njit(**HOT)
def exp_small(x):
    """exp for -16 <= x <= 4 (lower is taken as -16) as arithmetic: a library call would keep the compiler from working
    on all lanes at once. Taylor to the 9th power on x/8, squared three times: relative error 4e-9 at |x| = 4, 1e-11
    at 2, 2 % of a ten-millionth at -16."""
    z = 0.125 * max(x, -16.0)
    e = 1.0 + z / 9.0
    e = 1.0 + z / 8.0 * e
    e = 1.0 + z / 7.0 * e
    e = 1.0 + z / 6.0 * e
    e = 1.0 + z / 5.0 * e
    e = 1.0 + z / 4.0 * e
    e = 1.0 + z / 3.0 * e
    e = 1.0 + z / 2.0 * e
    e = 1.0 + z * e
    e = e * e
    e = e * e
    return e * e


@njit(**JIT)
def matmul(a, b, out):
    """out = a b, lane by lane; (n, k, L) x (k, m, L)."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for lane in range(LANES):
                out[i, j, lane] = a[i, 0, lane] * b[0, j, lane]
            for k in range(1, b.shape[0]):
                for lane in range(LANES):
                    out[i, j, lane] += a[i, k, lane] * b[k, j, lane]


@njit(**JIT)
def integrals(a, t, phi, m, nn):
    """Fill phi = exp(A t), m = its integral and nn = the integral of m over 0..t; all (n, n, L). The number of terms
    and doublings is fixed (|A| t up to about 50 keeps twelve digits), so that a lane never depends on the others."""
    n = a.shape[0]
    h = t / 2.0**DOUBLINGS
    power = np.zeros((n, n, LANES))
    work = np.zeros((n, n, LANES))
    phi[:] = 0.0
    m[:] = 0.0
    nn[:] = 0.0
    for i in range(n):
        for lane in range(LANES):
            power[i, i, lane] = 1.0
    c = 1.0  # h^k / k!
    for k in range(TERMS):
        c1 = c * h / (k + 1)
        c2 = c1 * h / (k + 2)
        for i in range(n):
            for j in range(n):
                for lane in range(LANES):
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
    for j in range(g.shape[0]):
        for lane in range(LANES):
            out[row + j, lane] = 0.0
        for k in range(g.shape[1]):
            for lane in range(LANES):
                out[row + j, lane] += g[j, k, lane] * x[k, lane]


@njit(**JIT)
def responses(a, g, h, windowed, free, columns, taus, part, rate, sink_entry, sink):
    """Every response of one agent over a step of h days.

    free (rows, n, L): the step matrix; rows are the n states at its end, the mean outputs over the step, and the mean
    of each ``windowed`` output in each window. part, rate (forms, rows, L): the answer to a unit dose that ends within
    the step (bolus, or the rest of a longer infusion) and to a unit rate during all of it. columns: entry state of
    each form; taus: infusion of the part, days. sink (rows, L): as rate, for the state ``sink_entry`` (saturable
    elimination), if that is not -1."""
    n = a.shape[0]
    lin = g.shape[0]
    rows = free.shape[0]
    windows = WINDOWS if windowed.shape[0] > 0 else 1
    edges = windows + 1
    phi = np.empty((n, n, LANES))
    m = np.empty((n, n, LANES))
    nn = np.empty((n, n, LANES))
    at_m = np.zeros((edges, n, n, LANES))
    at_n = np.zeros((edges, n, n, LANES))
    for w in range(1, edges):
        integrals(a, h * w / windows, phi, m, nn)
        at_m[w] = m
        at_n[w] = nn
    state = np.empty((n, LANES))
    out = np.empty((rows, LANES))
    for c in range(n):
        for i in range(n):
            for lane in range(LANES):
                free[i, c, lane] = phi[i, c, lane]
        state[:] = at_m[windows, :, c] / h
        outputs(g, state, n, out)
        free[n : n + lin, c] = out[n : n + lin]
        for i in range(windowed.shape[0]):
            for w in range(windows):
                r = n + lin + i * windows + w
                state[:] = (at_m[w + 1, :, c] - at_m[w, :, c]) * (windows / h)
                outputs(g[windowed[i] : windowed[i] + 1], state, r, out)
                free[r, c] = out[r]
    for f in range(columns.shape[0]):
        e = columns[f]
        # unit rate through the whole step
        rate[f, :n] = m[:, e]
        state[:] = at_n[windows, :, e] / h
        outputs(g, state, n, rate[f])
        for i in range(windowed.shape[0]):
            for w in range(windows):
                state[:] = (at_n[w + 1, :, e] - at_n[w, :, e]) * (windows / h)
                outputs(g[windowed[i] : windowed[i] + 1], state, n + lin + i * windows + w, rate[f])
        tau = taus[f]
        if tau <= 0.0:
            for r in range(rows):
                part[f, r] = free[r, e]
            continue
        during_phi = np.empty((n, n, LANES))
        during_m = np.empty((n, n, LANES))
        during_n = np.empty((n, n, LANES))
        after_m = np.empty((n, n, LANES))
        after_n = np.empty((n, n, LANES))
        after_phi = np.empty((n, n, LANES))
        integrals(a, tau, during_phi, during_m, during_n)
        given = np.ascontiguousarray(during_m[:, e]).reshape(n, 1, LANES) / tau
        sums = np.zeros((edges, n, LANES))  # integral of x up to each edge
        column = np.empty((n, 1, LANES))
        for w in range(1, edges):
            t = h * w / windows
            if t <= tau:
                integrals(a, t, after_phi, after_m, after_n)
                sums[w] = after_n[:, e] / tau
            else:
                integrals(a, t - tau, after_phi, after_m, after_n)
                matmul(after_m, given, column)
                sums[w] = during_n[:, e] / tau + column[:, 0]
        if tau < h:
            matmul(after_phi, given, column)
            part[f, :n] = column[:, 0]
        else:
            part[f, :n] = given[:, 0]
        state[:] = sums[windows] / h
        outputs(g, state, n, part[f])
        for i in range(windowed.shape[0]):
            for w in range(windows):
                state[:] = (sums[w + 1] - sums[w]) * (windows / h)
                outputs(g[windowed[i] : windowed[i] + 1], state, n + lin + i * windows + w, part[f])
    if sink_entry >= 0:
        sink[:n] = m[:, sink_entry]
        state[:] = at_n[windows, :, sink_entry] / h
        outputs(g, state, n, sink)


@njit(**HOT)
def step(row, column, first, weight, x, out):
    """out = step matrix times x: ``row[i]`` gets four products of ``weight[4i..]`` and ``x[column[4i..]]``; ``first``
    says whether to assign or to add. x: (n, L); out: (rows, L)."""
    for i in range(row.shape[0]):
        j = 4 * i
        r = row[i]
        c0, c1, c2, c3 = column[j], column[j + 1], column[j + 2], column[j + 3]
        if first[i]:
            for lane in range(LANES):
                out[r, lane] = (
                    weight[j, lane] * x[c0, lane]
                    + weight[j + 1, lane] * x[c1, lane]
                    + (weight[j + 2, lane] * x[c2, lane] + weight[j + 3, lane] * x[c3, lane])
                )
        else:
            for lane in range(LANES):
                out[r, lane] += (
                    weight[j, lane] * x[c0, lane]
                    + weight[j + 1, lane] * x[c1, lane]
                    + (weight[j + 2, lane] * x[c2, lane] + weight[j + 3, lane] * x[c3, lane])
                )


@njit(**HOT)
def add(out, unit, amount, row):
    """Add an input: amount[row] per lane times its unit response (rows, L)."""
    for r in range(out.shape[0]):
        for lane in range(LANES):
            out[r, lane] += unit[r, lane] * amount[row, lane]


@njit(**HOT)
def saturable_product(z, i, new, plasma_row, formation_h, half, decay, loss_h, mean, mean_row, share, fine, fine_row):
    """Advance product ``i``, dz/dt = formation C/(half+C) - loss z, over one window with the window's mean plasma
    concentration C = new[plasma_row], exactly for that C; add ``share`` times the mean of z to mean[mean_row] and
    put it in fine[fine_row], if that is not negative.
    formation_h and loss_h are rates times the window, decay = exp(-loss_h)."""
    for lane in range(LANES):
        c = new[plasma_row, lane]
        plateau = formation_h[i, lane] * c / ((half[i, lane] + c) * loss_h[i, lane])
        gap = z[i, lane] - plateau
        z_mean = plateau + gap * (1.0 - decay[i, lane]) / loss_h[i, lane]
        mean[mean_row, lane] += share * z_mean
        if fine_row >= 0:
            fine[fine_row, lane] = z_mean
        z[i, lane] = plateau + gap * decay[i, lane]
