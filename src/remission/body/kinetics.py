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
    on all lanes at once. Taylor to the 7th power on x/64, squared six times: relative error 4e-13 at |x| = 4, 7e-10 at
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


@njit(**HOT)
def matmul(a, b, out, left, right):
    """out = a b, lane by lane; (n, k, L) x (k, m, L). left, right: where a and b may differ from zero."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            o = out[i, j]
            for lane in range(LANES):
                o[lane] = 0.0
            for k in range(b.shape[0]):
                if left[i, k] and right[k, j]:
                    x, y = a[i, k], b[k, j]
                    for lane in range(LANES):
                        o[lane] += x[lane] * y[lane]


@njit(**JIT)
def reachable(a):
    """(direct, reach): where a (n, n, L) and where its exponential may differ from zero."""
    n = a.shape[0]
    direct = np.zeros((n, n), dtype=np.bool_)
    for i in range(n):
        for j in range(n):
            for lane in range(LANES):
                direct[i, j] = direct[i, j] or a[i, j, lane] != 0.0
    reach = direct.copy()
    for i in range(n):
        reach[i, i] = True
    for k in range(n):
        for i in range(n):
            for j in range(n):
                reach[i, j] = reach[i, j] or (reach[i, k] and reach[k, j])
    return direct, reach


@njit(**JIT)
def doublings(size):
    """How often to double from the Taylor series on, for |A| t up to ``size``: it starts below 1/4 (twelve digits)."""
    number = 1
    while size > 0.25 * 2.0**number and number < DOUBLINGS:
        number += 1
    return number


@njit(**JIT)
def integrals(a, t, phi, m, nn, times=DOUBLINGS, twice=True):
    """Fill phi = exp(A t), m = its integral and, if ``twice``, nn = the integral of m over 0..t; all (n, n, L). The
    number of terms and doublings is given, so that a lane never depends on the others: ``times`` = `doublings`(|A| t).
    """
    n = a.shape[0]
    direct, reach = reachable(a)
    h = t / 2.0**times
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
        _grow(phi, power, c, power, 0.0, reach)
        _grow(m, power, c1, power, 0.0, reach)
        if twice:
            _grow(nn, power, c2, power, 0.0, reach)
        if k + 1 < TERMS:
            matmul(power, a, work, reach, direct)
            power, work = work, power
        c = c1
    for _ in range(times):
        if twice:
            matmul(phi, nn, work, reach, reach)
            _grow(nn, work, 1.0, m, h, reach)
        matmul(phi, m, work, reach, reach)
        _grow(m, work, 1.0, m, 0.0, reach)
        matmul(phi, phi, work, reach, reach)
        phi[:] = work
        h *= 2.0


@njit(**HOT)
def _grow(x, y, b, z, c, reach):
    """x += b y + c z where they may differ from zero."""
    for i in range(x.shape[0]):
        for j in range(x.shape[0]):
            if reach[i, j]:
                o, u, v = x[i, j], y[i, j], z[i, j]
                for lane in range(LANES):
                    o[lane] += b * u[lane] + c * v[lane]


GAUSS = (0.5 - 0.5 / 3.0**0.5, 0.5 + 0.5 / 3.0**0.5)  # nodes on 0..1, equal weights


@njit(**HOT)
def _row_times(row, b, out):
    """out (n, L) = row (n, L) times the matrix b (n, n, L)."""
    n = row.shape[0]
    for j in range(n):
        for lane in range(LANES):
            out[j, lane] = row[0, lane] * b[0, j, lane]
        for k in range(1, n):
            for lane in range(LANES):
                out[j, lane] += row[k, lane] * b[k, j, lane]


@njit(**HOT)
def _product(row, column, out):
    """out (L,) = row (n, L) times column (n, L)."""
    for lane in range(LANES):
        out[lane] = row[0, lane] * column[0, lane]
    for k in range(1, row.shape[0]):
        for lane in range(LANES):
            out[lane] += row[k, lane] * column[k, lane]


@njit(**HOT)
def _times(matrix, column, out):
    """out (n, L) = matrix (n, n, L) times column (n, L)."""
    for i in range(column.shape[0]):
        _product(matrix[i], column, out[i])


@njit(**JIT)
def _on_grid(a, g, w, windows, means, nodes, fastest, entries, taus, delayed, ends, free, part, rate, at):
    """Rows of a grid of ``windows`` equal windows of w days: means of outputs ``means`` in each window, then values of
    outputs ``nodes`` at both Gauss nodes of each. ends (forms, n, L): states when an infusion of a unit dose ends.
    ``at``: first row; returns the row after the last."""
    n = a.shape[0]
    forms = entries.shape[0]
    phi, m, nn = np.empty((n, n, LANES)), np.empty((n, n, LANES)), np.empty((n, n, LANES))
    near, inside, work = np.empty((n, n, LANES)), np.empty((n, n, LANES)), np.empty((n, n, LANES))
    integrals(a, w, phi, m, nn, doublings(fastest * w))
    filled = np.zeros((windows + 1, forms, n, LANES))  # states at the edges under a unit rate
    column, new = np.empty((n, LANES)), np.empty((n, LANES))
    one = np.empty(LANES)
    for k in range(windows):
        for f in range(forms):
            _times(phi, filled[k, f], column)
            filled[k + 1, f] = m[:, entries[f]] + column
    row_of, start, more = np.empty((n, LANES)), np.empty((n, LANES)), np.empty((n, LANES))
    first = at
    for j in means:
        _row_times(g[j], m, start)
        _row_times(g[j], nn, more)
        row_of[:] = start
        for k in range(windows):
            for c in range(n):
                free[at, c] = row_of[c] / w
            for f in range(forms):
                _product(start, filled[k, f], one)
                rate[f, at] = (one + more[entries[f]]) / w
            _row_times(row_of, phi, new)
            row_of[:] = new
            at += 1
    for q in range(2 if nodes.shape[0] > 0 else 0):
        t = GAUSS[q] * w
        integrals(a, t, near, inside, work, doublings(fastest * t), False)
        for o in range(nodes.shape[0]):
            _row_times(g[nodes[o]], near, start)
            _row_times(g[nodes[o]], inside, more)
            row_of[:] = start
            for k in range(windows):
                r = at + 2 * windows * o + 2 * k + q
                for c in range(n):
                    free[r, c] = row_of[c]
                for f in range(forms):
                    _product(start, filled[k, f], one)
                    rate[f, r] = one + more[entries[f]]
                _row_times(row_of, phi, new)
                row_of[:] = new
    at += 2 * windows * nodes.shape[0]
    for f in range(forms):
        tau = taus[f]
        if tau <= 0.0:
            continue
        # windows: 0 before tau, the one that tau stands in, and those after it
        k0 = int(np.ceil(tau / w - 1e-9))
        integrals(a, k0 * w - tau, near, inside, work, doublings(fastest * (k0 * w - tau)), False)
        _times(near, ends[f], column)
        into = np.empty((n, LANES))
        _times(inside, ends[f], into)  # integral over the rest of the window that tau stands in
        if not delayed[f]:
            integrals(a, tau - (k0 - 1) * w, near, inside, work, doublings(fastest * w))
            _times(inside, filled[k0 - 1, f], new)
            into += (new + work[:, entries[f]]) / tau
        for k in range(windows):
            if k >= k0:
                _times(m, column, into)
                _times(phi, column, new)
                column[:] = new
            for i in range(means.shape[0]):
                r = first + i * windows + k
                if k >= k0 - 1:
                    _product(g[means[i]], into, one)
                    part[f, r] = one / w
                elif delayed[f]:
                    part[f, r] = 0.0
                else:
                    part[f, r] = rate[f, r] / tau
        for q in range(2):
            begun = False
            for k in range(windows):
                t = (k + GAUSS[q]) * w
                if t > tau:
                    if begun:
                        _times(phi, column, new)
                        column[:] = new
                    else:
                        integrals(a, t - tau, near, inside, work, doublings(fastest * (t - tau)), False)
                        _times(near, ends[f], column)
                        begun = True
                for i in range(nodes.shape[0]):
                    r = first + means.shape[0] * windows + 2 * i * windows + 2 * k + q
                    if begun:
                        _product(g[nodes[i]], column, part[f, r])
                    elif delayed[f]:
                        part[f, r] = 0.0
                    else:
                        part[f, r] = rate[f, r] / tau
    return at


@njit(**JIT)
def _since_dose(which, a, t, fastest, tau, delayed, end, at_end, running, column):
    """column (n, L) = the states (``which`` 0) or their integral (1) at ``t`` after a unit dose over tau days. end: the
    states at tau; at_end: the same as column, at tau; running: at ``t`` under a unit rate (either only where
    asked for)."""
    n = a.shape[0]
    if t > tau:
        phi, m, nn = np.empty((n, n, LANES)), np.empty((n, n, LANES)), np.empty((n, n, LANES))
        integrals(a, t - tau, phi, m, nn, doublings(fastest * (t - tau)), False)
        _times(phi if which == 0 else m, end, column)
        if which == 1:
            column += at_end
    elif delayed:
        column[:] = 0.0
    else:
        column[:] = running / tau


@njit(**JIT)
def _at_times(a, g, outputs, times, fastest, entries, taus, delayed, ends, free, part, rate, at):
    """Rows of values of outputs at ``times``, output by output. ``at``: first row; returns the row after the last."""
    n = a.shape[0]
    forms = entries.shape[0]
    phi, m, nn = np.empty((n, n, LANES)), np.empty((n, n, LANES)), np.empty((n, n, LANES))
    row_of, column = np.empty((n, LANES)), np.empty((n, LANES))
    count = times.shape[0]
    for i in range(count):
        t = times[i]
        integrals(a, t, phi, m, nn, doublings(fastest * t), False)
        for o in range(outputs.shape[0]):
            r = at + o * count + i
            _row_times(g[outputs[o]], phi, row_of)
            for c in range(n):
                free[r, c] = row_of[c]
            _row_times(g[outputs[o]], m, row_of)
            for f in range(forms):
                rate[f, r] = row_of[entries[f]]
        for f in range(forms):
            if taus[f] > 0.0:
                _since_dose(0, a, t, fastest, taus[f], delayed[f], ends[f], column, m[:, entries[f]], column)
                for o in range(outputs.shape[0]):
                    _product(g[outputs[o]], column, part[f, at + o * count + i])
    return at + outputs.shape[0] * count


@njit(**JIT)
def _between(a, g, outputs, edges, fastest, entries, taus, delayed, ends, free, part, rate, at):
    """Rows of means of outputs between ``edges`` (from 0), output by output. ``at``: first row; returns the row after
    the last."""
    n = a.shape[0]
    forms = entries.shape[0]
    count = edges.shape[0] - 1
    phi, m, nn = np.empty((n, n, LANES)), np.empty((n, n, LANES)), np.empty((n, n, LANES))
    m_before, nn_before = np.zeros((n, n, LANES)), np.zeros((n, n, LANES))
    row_of = np.empty((n, LANES))
    column, full = np.empty((n, LANES)), np.zeros((forms, n, LANES))
    held = np.zeros((forms, n, LANES))  # integral of the states up to the edge before
    for f in range(forms):
        if taus[f] > 0.0 and not delayed[f]:
            integrals(a, taus[f], phi, m, nn, doublings(fastest * taus[f]))
            full[f] = nn[:, entries[f]] / taus[f]
    for i in range(count):
        u, v = edges[i], edges[i + 1]
        integrals(a, v, phi, m, nn, doublings(fastest * v))
        for o in range(outputs.shape[0]):
            r = at + o * count + i
            _row_times(g[outputs[o]], (m - m_before) / (v - u), row_of)
            for c in range(n):
                free[r, c] = row_of[c]
            _row_times(g[outputs[o]], (nn - nn_before) / (v - u), row_of)
            for f in range(forms):
                rate[f, r] = row_of[entries[f]]
        m_before[:] = m
        nn_before[:] = nn
        for f in range(forms):
            if taus[f] > 0.0:
                _since_dose(1, a, v, fastest, taus[f], delayed[f], ends[f], full[f], nn[:, entries[f]], column)
                for o in range(outputs.shape[0]):
                    _product(g[outputs[o]], (column - held[f]) / (v - u), part[f, at + o * count + i])
                held[f] = column
    return at + outputs.shape[0] * count


@njit(**JIT)
def responses(
    a, g, length, fastest, windows, means, nodes, fine_windows, fine_means, fine_nodes, level_times, bent, fresh_times,
    sharp, sharp_edges, entries, taus, delayed, free, part, rate,
):  # fmt: skip
    """Every response of one agent over a step of ``length`` days; ``fastest`` bounds its rates.

    free (rows, n, L): the step matrix. Its rows: the n states at the end; on the grid of ``windows`` the mean of each
    output in ``means`` and the value of each in ``nodes`` at both Gauss nodes, in each window; the same on the grid of
    ``fine_windows``; plasma (output 0) at ``level_times``; outputs in ``bent`` at ``fresh_times``; means of outputs in
    ``sharp`` between ``sharp_edges``. part, rate (forms, rows, L): the answer to a unit dose infused over ``taus`` days
    (delayed: that enters at once after ``taus`` days; 0: a bolus, which is added to the state and needs no answer), and
    to a unit rate during all of the step. entries: entry state of each form."""
    n = a.shape[0]
    forms = entries.shape[0]
    phi, m, nn = np.empty((n, n, LANES)), np.empty((n, n, LANES)), np.empty((n, n, LANES))
    ends = np.zeros((forms, n, LANES))
    for f in range(forms):
        if delayed[f]:
            ends[f, entries[f]] = 1.0
        elif taus[f] > 0.0:
            integrals(a, taus[f], phi, m, nn, doublings(fastest * taus[f]), False)
            ends[f] = m[:, entries[f]] / taus[f]
    integrals(a, length, phi, m, nn, doublings(fastest * length), False)
    for c in range(n):
        free[:n, c] = phi[:, c]
    for f in range(forms):
        rate[f, :n] = m[:, entries[f]]
    for f in range(forms):
        if taus[f] > 0.0:
            rest = length - taus[f]
            integrals(a, rest, phi, m, nn, doublings(fastest * rest), False)
            _times(phi, ends[f], part[f])
    at = n
    if means.shape[0] + nodes.shape[0] > 0:
        at = _on_grid(a, g, length / windows, windows, means, nodes, fastest, entries, taus, delayed, ends, free, part,
                      rate, at)  # fmt: skip
    if fine_means.shape[0] + fine_nodes.shape[0] > 0:
        at = _on_grid(a, g, length / fine_windows, fine_windows, fine_means, fine_nodes, fastest, entries, taus,
                      delayed, ends, free, part, rate, at)  # fmt: skip
    plasma = np.zeros(1, dtype=np.int64)
    at = _at_times(a, g, plasma, level_times, fastest, entries, taus, delayed, ends, free, part, rate, at)
    at = _at_times(a, g, bent, fresh_times, fastest, entries, taus, delayed, ends, free, part, rate, at)
    _between(a, g, sharp, sharp_edges, fastest, entries, taus, delayed, ends, free, part, rate, at)


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
def uptake(x, first, half, i, weigh, share, early, late, out, moment):
    """Add to ``out`` the mean of C / (half + C) at two Gauss nodes, rows ``first`` and the next of x, over a ``share``
    of a window; to ``moment`` its first moment about the middle, from where the nodes stand: early, late, in
    windows."""
    u, v, b = row(x, first), row(x, first + 1), row(half, i)
    for lane in range(LANES):
        w = 0.5 * share * weigh[lane]
        f, g = w * u[lane] / (b[lane] + u[lane]), w * v[lane] / (b[lane] + v[lane])
        out[lane] += f + g
        moment[lane] += early * f + late * g


@njit(**HOT)
def saturable_product(z, i, uptake, moment, plateau, decay, shift, d, mean):
    """Advance product ``i``, dz/dt = formation C/(half+C) - loss z, over one window with the window's mean ``uptake`` =
    C/(half+C) and its ``moment`` about the middle (in windows), and put the mean of z in mean (L,). plateau = formation
    / loss; at row ``d`` decay = exp(-loss t) and shift = (1 - decay) / (loss t) of a window of t days. What is taken up
    late in the window adds less to the mean of z, and more to its end: to first and second order in loss t."""
    z, plateau, decay, shift = row(z, i), row(plateau, i), row(decay, d), row(shift, d)
    for lane in range(LANES):
        steady = plateau[lane] * uptake[lane]
        gap = z[lane] - steady
        lost = (1.0 - decay[lane]) / shift[lane]
        later = plateau[lane] * lost * moment[lane]
        mean[lane] = steady + gap * shift[lane] - later
        z[lane] = steady + gap * decay[lane] + lost * later
