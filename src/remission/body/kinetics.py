"""Linear pharmacokinetics, solved exactly between doses.

An agent is a linear system dx/dt = A x + input. Over a step of length h

    x(t+h)  = Phi(h) x(t) + input,      Phi(t) = exp(A t)
    mean(x) = M(h) x(t) / h + input,    M(t) = integral of Phi, N(t) = integral of M

Phi, M and N come from their Taylor series on a small step, doubled up to h. An infusion of
length tau <= h given from the start of the step adds, per unit of dose entering state e,
Phi(h - tau) M(tau) e / tau at the end and (N(tau) + M(h - tau) M(tau)) e / (tau h) to the mean.
"""

from __future__ import annotations

import numpy as np
from numba import njit

JIT = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
TERMS = 14  # of the Taylor series on a step with |A| h <= 1/2: remainder below 1e-17


@njit(**JIT)
def matmul(a, b, out, n):
    """out = a b for n x n matrices."""
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(n):
                s += a[i, k] * b[k, j]
            out[i, j] = s


@njit(**JIT)
def integrals(a, n, t, phi, m, nn):
    """Fill phi = exp(A t), m = its integral, nn = the integral of m over 0..t (n x n each)."""
    norm = 0.0
    for i in range(n):
        s = 0.0
        for j in range(n):
            s += abs(a[i, j])
        norm = max(norm, s)
    doublings = 0
    h = t
    while norm * h > 0.5:
        h *= 0.5
        doublings += 1
    power = np.zeros((n, n))
    work = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            phi[i, j] = 0.0
            m[i, j] = 0.0
            nn[i, j] = 0.0
        power[i, i] = 1.0
    c = 1.0  # h^k / k!
    for k in range(TERMS):
        for i in range(n):
            for j in range(n):
                p = power[i, j] * c
                phi[i, j] += p
                m[i, j] += p * h / (k + 1)
                nn[i, j] += p * h * h / ((k + 1) * (k + 2))
        matmul(power, a, work, n)
        power, work = work, power
        c *= h / (k + 1)
    for _ in range(doublings):
        matmul(phi, nn, work, n)
        for i in range(n):
            for j in range(n):
                nn[i, j] += h * m[i, j] + work[i, j]
        matmul(phi, m, work, n)
        for i in range(n):
            for j in range(n):
                m[i, j] += work[i, j]
        matmul(phi, phi, work, n)
        for i in range(n):
            for j in range(n):
                phi[i, j] = work[i, j]
        h *= 2.0


@njit(**JIT)
def dose_response(a, n, h, tau, e, at_end, mean):
    """Per unit of dose into state e over tau <= h from the start of the step: the state at the end of
    the step (n) and its mean over the step (n). tau = 0 is a bolus."""
    phi = np.empty((n, n))
    m = np.empty((n, n))
    nn = np.empty((n, n))
    if tau <= 0.0:
        integrals(a, n, h, phi, m, nn)
        for i in range(n):
            at_end[i] = phi[i, e]
            mean[i] = m[i, e] / h
        return
    integrals(a, n, tau, phi, m, nn)
    column = m[:, e].copy()
    for i in range(n):
        mean[i] = nn[i, e]
    integrals(a, n, h - tau, phi, m, nn)
    for i in range(n):
        x = 0.0
        y = 0.0
        for k in range(n):
            x += phi[i, k] * column[k]
            y += m[i, k] * column[k]
        at_end[i] = x / tau
        mean[i] = (mean[i] + y) / (tau * h)


@njit(**JIT)
def fill_lane(a, n, g, n_linear, h, phi_rows, phi_cols, phi, mean_rows, mean_cols, mean, lane):
    """Write one patient's Phi(h) and output means (G M(h) / h) into column ``lane`` of phi and mean.

    phi: (nonzeros of Phi, L); mean: (nonzeros of G M, L); the row and column lists say which entry is which."""
    full = np.empty((n, n))
    m = np.empty((n, n))
    nn = np.empty((n, n))
    integrals(a, n, h, full, m, nn)
    for i in range(phi_rows.shape[0]):
        phi[i, lane] = full[phi_rows[i], phi_cols[i]]
    for i in range(mean_rows.shape[0]):
        s = 0.0
        for k in range(n):
            s += g[mean_rows[i], k] * m[k, mean_cols[i]]
        mean[i, lane] = s / h


@njit(**JIT)
def fill_form(a, n, g, n_linear, h, tau, e, whole, part_end, part_mean, rate_end, rate_mean, lane):
    """One way of giving a dose (entry state e, infusion of tau days) for one patient.

    The infusion lasts ``whole`` full steps and a rest. part_*: per unit of dose in the rest of the
    infusion (all of it when whole = 0); rate_*: per unit per day during a full step."""
    end = np.empty(n)
    mean = np.empty(n)
    dose_response(a, n, h, tau - whole * h if whole > 0 else tau, e, end, mean)
    _columns(g, n, n_linear, end, mean, part_end, part_mean, lane, 1.0)
    dose_response(a, n, h, h, e, end, mean)
    _columns(g, n, n_linear, end, mean, rate_end, rate_mean, lane, h)


@njit(**JIT)
def _columns(g, n, n_linear, end, mean, out_end, out_mean, lane, scale):
    for i in range(n):
        out_end[i, lane] = end[i] * scale
    for j in range(n_linear):
        s = 0.0
        for k in range(n):
            s += g[j, k] * mean[k]
        out_mean[j, lane] = s * scale


@njit(**JIT)
def step(x, xn, y, phi_rows, phi_cols, phi, mean_rows, mean_cols, mean):
    """xn = Phi x and y = mean outputs over the step, for all lanes. x, xn: (n, L); y: (linear outputs, L)."""
    lanes = x.shape[1]
    for r in range(xn.shape[0]):
        row = xn[r]
        for lane in range(lanes):
            row[lane] = 0.0
    for r in range(y.shape[0]):
        row = y[r]
        for lane in range(lanes):
            row[lane] = 0.0
    for i in range(phi_rows.shape[0]):
        row = xn[phi_rows[i]]
        source = x[phi_cols[i]]
        weight = phi[i]
        for lane in range(lanes):
            row[lane] += weight[lane] * source[lane]
    for i in range(mean_rows.shape[0]):
        row = y[mean_rows[i]]
        source = x[mean_cols[i]]
        weight = mean[i]
        for lane in range(lanes):
            row[lane] += weight[lane] * source[lane]


@njit(**JIT)
def add(xn, y, end, mean, amount):
    """Add an input: amount (L) per lane times its unit response."""
    lanes = xn.shape[1]
    for r in range(xn.shape[0]):
        row = xn[r]
        unit = end[r]
        for lane in range(lanes):
            row[lane] += unit[lane] * amount[lane]
    for r in range(y.shape[0]):
        row = y[r]
        unit = mean[r]
        for lane in range(lanes):
            row[lane] += unit[lane] * amount[lane]


@njit(**JIT)
def saturable_products(z, y_plasma, formation, half, decay, loss, y_out, share):
    """Advance dz/dt = formation C/(half+C) - loss z over one step with the step's mean C, exactly for that C,
    and add ``share`` of the mean of z to y_out. decay = exp(-loss h); loss here is loss*h."""
    for lane in range(z.shape[0]):
        c = y_plasma[lane]
        inflow = formation[lane] * c / (half[lane] + c)  # times h, divided by loss*h: the plateau
        kept = 1.0 - decay[lane]
        plateau = inflow / loss[lane]
        gap = z[lane] - plateau
        y_out[lane] += share * (plateau + gap * kept / loss[lane])
        z[lane] = plateau + gap * decay[lane]
