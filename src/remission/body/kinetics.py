"""Linear pharmacokinetics, solved exactly between doses, all patients of a block at once.

An agent is a linear system dx/dt = A x + input. With Phi(t) = exp(A t), M = the integral of Phi and N = the integral of
M over 0..t, everything asked of a step of length h is a row of one matrix that is applied to the states x at its start:

    states at the end              Phi(h)
    output g at a time t           g Phi(t)
    mean of output g over u..v     g (M(v) - M(u)) / (v - u)

An infusion at unit rate into state e from the start of the step on answers with M in place of Phi and N in place of M,
applied to e. An infusion of a unit dose that ends at tau < h answers with M(t) e / tau up to tau and with
Phi(t - tau) M(tau) e / tau after it; a dose that enters after a lag with nothing up to the lag and Phi(t - lag) e after
it. Phi, M and N come from their Taylor series on h/256, doubled eight times.

What bends with a concentration (Emax, saturable formation) is integrated by two-point Gauss quadrature: windows that
tile the step, and a mesh of panels that widen after a dose where concentrations move fast (engine/mesh.py).

Matrices end in the patient (lane): (n, n, L). The arrays of the day are flat, row after row of L patients: then the
compiler knows the distance of any two rows, and works on eight patients with one instruction.
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


GAUSS = (0.5 - 0.5 / 3.0**0.5, 0.5 + 0.5 / 3.0**0.5)  # nodes on 0..1, equal weights


@njit(**JIT)
def _row_times(row, b, out):
    """out (n, L) = row (n, L) times the matrix b (n, n, L)."""
    n = row.shape[0]
    for j in range(n):
        for lane in range(LANES):
            out[j, lane] = row[0, lane] * b[0, j, lane]
        for k in range(1, n):
            for lane in range(LANES):
                out[j, lane] += row[k, lane] * b[k, j, lane]


@njit(**JIT)
def _product(row, column, out):
    """out (L,) = row (n, L) times column (n, L)."""
    for lane in range(LANES):
        out[lane] = row[0, lane] * column[0, lane]
    for k in range(1, row.shape[0]):
        for lane in range(LANES):
            out[lane] += row[k, lane] * column[k, lane]


@njit(**JIT)
def _after(a, g, t, tau, entry, delayed, moment):
    """g (n, L) times the states at ``t``, or (moment 1) times their integral over 0..t, after a unit dose into
    ``entry``: infused over tau, or (delayed) entering at once at tau. Returns (L,)."""
    n = a.shape[0]
    out = np.zeros(LANES)
    phi = np.empty((n, n, LANES))
    m = np.empty((n, n, LANES))
    nn = np.empty((n, n, LANES))
    if t <= tau:
        if not delayed:
            integrals(a, t, phi, m, nn)
            _product(g, np.ascontiguousarray((m if moment == 0 else nn)[:, entry]) / tau, out)
        return out
    given = np.zeros((n, LANES))
    before = np.zeros(LANES)
    if delayed:
        given[entry] = 1.0
    else:
        integrals(a, tau, phi, m, nn)
        given[:] = m[:, entry] / tau
        if moment == 1:
            _product(g, np.ascontiguousarray(nn[:, entry]) / tau, before)
    integrals(a, t - tau, phi, m, nn)
    row = np.empty((n, LANES))
    _row_times(g, phi if moment == 0 else m, row)
    _product(row, given, out)
    return out + before


@njit(**JIT)
def responses(
    a, g, length, windows, means, nodes, fresh_times, sharp, sharp_edges, entries, taus, delayed, free, part, rate
):
    """Every response of one agent over a step of ``length`` days that ``windows`` equal windows tile.

    free (rows, n, L): the step matrix. Its rows: the n states at the end; for each output in ``means`` its mean in each
    window; for each in ``nodes`` its value at both Gauss nodes of each window; for each in ``nodes`` its value at each
    of ``fresh_times``; for each in ``sharp`` its mean between ``sharp_edges``. part, rate (forms, rows, L): the answer to a unit dose infused over ``taus`` days (delayed: that
    enters at once after ``taus`` days; 0: a bolus, which is added to the state and needs no answer), and to a unit rate
    during all of the step. entries: entry state of each form."""
    n = a.shape[0]
    w = length / windows
    forms = entries.shape[0]
    phi, m, nn = np.empty((n, n, LANES)), np.empty((n, n, LANES)), np.empty((n, n, LANES))
    integrals(a, w, phi, m, nn)
    # at the window edges: Phi(k w) as a matrix for the last, and the integrals of unit rates as columns
    end = np.zeros((n, n, LANES))
    work = np.empty((n, n, LANES))
    for i in range(n):
        end[i, i] = 1.0
    filled = np.zeros((windows + 1, forms, n, LANES))  # M(k w) e
    column = np.empty((n, LANES))
    for k in range(windows):
        matmul(phi, end, work)
        end[:] = work
        for f in range(forms):
            for i in range(n):
                _product(phi[i], filled[k, f], column[i])
            filled[k + 1, f] = m[:, entries[f]] + column
    for c in range(n):
        free[:n, c] = end[:, c]
    for f in range(forms):
        rate[f, :n] = filled[windows, f]
    row_of = np.empty((n, LANES))
    new = np.empty((n, LANES))
    one = np.empty(LANES)
    at = n
    for j in means:
        _row_times(g[j], m, row_of)
        row_of /= w
        start = np.ascontiguousarray(row_of)  # g M(w) / w, for what the window finds
        _row_times(g[j], nn, new)
        inside = new / w  # g N(w) / w, for what enters in it
        for k in range(windows):
            for c in range(n):
                free[at, c] = row_of[c]
            for f in range(forms):
                _product(start, filled[k, f], one)
                rate[f, at] = one + inside[entries[f]]
                if taus[f] > 0.0:
                    upper = _after(a, g[j], (k + 1) * w, taus[f], entries[f], delayed[f], 1)
                    part[f, at] = (upper - _after(a, g[j], k * w, taus[f], entries[f], delayed[f], 1)) / w
            _row_times(row_of, phi, new)
            row_of[:] = new
            at += 1
    near_phi, near_m = np.empty((n, LANES)), np.empty((n, LANES))
    for j in nodes:
        for q in range(2):
            integrals(a, GAUSS[q] * w, work, end, nn)
            _row_times(g[j], work, near_phi)
            _row_times(g[j], end, near_m)
            row_of[:] = near_phi
            for k in range(windows):
                row = at + 2 * k + q
                for c in range(n):
                    free[row, c] = row_of[c]
                for f in range(forms):
                    _product(near_phi, filled[k, f], one)
                    rate[f, row] = one + near_m[entries[f]]
                    if taus[f] > 0.0:
                        part[f, row] = _after(a, g[j], (k + GAUSS[q]) * w, taus[f], entries[f], delayed[f], 0)
                _row_times(row_of, phi, new)
                row_of[:] = new
        at += 2 * windows
    for j in nodes:
        for i in range(fresh_times.shape[0]):
            integrals(a, fresh_times[i], work, end, nn)
            _row_times(g[j], work, near_phi)
            _row_times(g[j], end, near_m)
            for c in range(n):
                free[at, c] = near_phi[c]
            for f in range(forms):
                rate[f, at] = near_m[entries[f]]
                if taus[f] > 0.0:
                    part[f, at] = _after(a, g[j], fresh_times[i], taus[f], entries[f], delayed[f], 0)
            at += 1
    for j in sharp:
        for i in range(sharp_edges.shape[0] - 1):
            u, v = sharp_edges[i], sharp_edges[i + 1]
            integrals(a, v, phi, m, nn)
            integrals(a, u, end, work, phi)
            m -= work
            m /= v - u
            nn -= phi
            nn /= v - u
            _row_times(g[j], m, near_phi)
            _row_times(g[j], nn, near_m)
            for c in range(n):
                free[at, c] = near_phi[c]
            for f in range(forms):
                rate[f, at] = near_m[entries[f]]
                if taus[f] > 0.0:
                    upper = _after(a, g[j], v, taus[f], entries[f], delayed[f], 1)
                    part[f, at] = (upper - _after(a, g[j], u, taus[f], entries[f], delayed[f], 1)) / (v - u)
            at += 1
    for f in range(forms):
        if taus[f] > 0.0:
            for i in range(n):
                unit = np.zeros((n, LANES))
                unit[i] = 1.0
                part[f, i] = _after(a, unit, length, taus[f], entries[f], delayed[f], 0)


@njit(inline="always")
def row(x, i):
    """Row ``i`` of a flat array: a view, so that the compiler sees how far apart its elements are."""
    return x[i * LANES : (i + 1) * LANES]


@njit(**HOT)
def step(rows, column, first, weight, w0, x, x0, out, out0):
    """Apply rows of a step matrix: out[rows[i]] gets four products of weights and states ``column[4i..]``; ``first``
    says whether to assign or to add. w0, x0, out0: first rows in the flat arrays."""
    for i in range(rows.shape[0]):
        j = 4 * i
        o, w = row(out, out0 + rows[i]), weight[(w0 + j) * LANES : (w0 + j + 4) * LANES]
        a, b = row(x, x0 + column[j]), row(x, x0 + column[j + 1])
        c, d = row(x, x0 + column[j + 2]), row(x, x0 + column[j + 3])
        if first[i]:
            for lane in range(LANES):
                o[lane] = (
                    w[lane] * a[lane]
                    + w[LANES + lane] * b[lane]
                    + (w[2 * LANES + lane] * c[lane] + w[3 * LANES + lane] * d[lane])
                )
        else:
            for lane in range(LANES):
                o[lane] += (
                    w[lane] * a[lane]
                    + w[LANES + lane] * b[lane]
                    + (w[2 * LANES + lane] * c[lane] + w[3 * LANES + lane] * d[lane])
                )


@njit(**HOT)
def copy(out, out0, x, x0, rows):
    """Copy rows of flat arrays."""
    o, u = out[out0 * LANES : (out0 + rows) * LANES], x[x0 * LANES : (x0 + rows) * LANES]
    for i in range(rows * LANES):
        o[i] = u[i]


@njit(**HOT)
def add(out, out0, rows, unit, unit0, amount):
    """Add an input: amount (L,) times its unit response, row by row."""
    for r in range(rows):
        o, u = row(out, out0 + r), row(unit, unit0 + r)
        for lane in range(LANES):
            o[lane] += u[lane] * amount[lane]


@njit(**HOT)
def saturable_product(z, i, uptake, plateau, decay, shift, d, mean):
    """Advance product ``i``, dz/dt = formation C/(half+C) - loss z, over one window with the window's mean ``uptake`` =
    C/(half+C), and put the mean of z in mean (L,). plateau = formation / loss; at row ``d`` decay = exp(-loss t) and
    shift = (1 - decay) / (loss t) of a window of t days."""
    z, plateau, decay, shift = row(z, i), row(plateau, i), row(decay, d), row(shift, d)
    for lane in range(LANES):
        steady = plateau[lane] * uptake[lane]
        gap = z[lane] - steady
        mean[lane] = steady + gap * shift[lane]
        z[lane] = steady + gap * decay[lane]
