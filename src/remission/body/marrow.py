"""Blood cells from a marrow that leukaemia crowds out.

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

All arrays are flat, row after row of LANES patients: then the compiler knows the distance of any two rows and works on
eight patients with one instruction.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .kinetics import HOT, INLINED, JIT, LANES, exp_small, integrals, matmul, reachable

MAX_FEEDBACK = 5.0  # bound of the power feedback after long aplasia
FLOOR = 1e-6  # counts never fall below one cell in a litre of 1e9

ABSENT, POWER, SATURATING, LIFE_SPAN = range(4)  # kinds of lines
PROLIFERATING, TRANSIT_1, TRANSIT_2, TRANSIT_3, CIRCULATING, FEEDBACK, FORESEEN = range(7)
STATE_ROWS = 7  # FEEDBACK: (n C0 / C)^gamma at C = FORESEEN, the circulating cells that the last step foresaw
WEIGHT_ROWS = 25
# Rows of weights: cells in the middle (of P, the transits and C) 0-4, at the end 5 of P and 6-9, passing down by one,
# two, three transits 10-12, then for each of the four compartments the parabola's three: 13-24


@njit(**JIT)
def line_weights(transit, gain, loss, h, out):
    """Fill the weights (WEIGHT_ROWS, L) of a line P -> three transits -> C for a step of h days:
    dA/dt = transit (P - A), ..., dC/dt = gain D - loss C; rates (L,) per day."""
    n = 7  # the four compartments, and P with its first and second derivative
    a = np.zeros((n, n, LANES))
    for lane in range(LANES):
        k = transit[lane]
        for i in range(3):
            a[i, i, lane] = -k
            a[i, 4 if i == 0 else i - 1, lane] = k
        a[3, 3, lane] = -loss[lane]
        a[3, 2, lane] = gain[lane]
        a[4, 5, lane] = 1.0
        a[5, 6, lane] = 1.0
    half = np.empty((n, n, LANES))
    whole = np.empty((n, n, LANES))
    m = np.empty((n, n, LANES))
    nn = np.empty((n, n, LANES))
    integrals(a, 0.5 * h, half, m, nn, 4, False)  # rates of a few a day
    _, reach = reachable(a)
    matmul(half, half, whole, reach, reach)
    out[0] = half[3, 4]
    out[5] = whole[3, 4]
    for i in range(4):
        out[1 + i] = half[3, i]
        out[6 + i] = whole[3, i]
    for i in range(3):
        out[10 + i] = whole[i, 0]
    # P(s) = P0 + s (4 Pm - 3 P0 - P1) / h + s^2 / 2 * 4 (P0 - 2 Pm + P1) / h^2
    for i in range(4):
        slope = whole[i, 5] / h
        bend = 4.0 * whole[i, 6] / (h * h)
        out[13 + 3 * i] = whole[i, 4] - 3.0 * slope + bend
        out[14 + 3 * i] = 4.0 * slope - 2.0 * bend
        out[15 + 3 * i] = bend - slope


@njit(**JIT)
def life_span_weights(tau, ageing, h, out):
    """Fill the weights (WEIGHT_ROWS, L) of red cells: rows 5 i + j the effect of compartment j <= i on compartment i
    over h days, packed by lower triangle (15 rows), then of production in the first and in the second half (5 + 5)."""
    n = 5
    a = np.zeros((n, n, LANES))
    for lane in range(LANES):
        a[0, 0, lane] = -1.0 / tau[lane]
        a[1, 0, lane] = 1.0 / tau[lane]
        for i in range(1, n):
            a[i, i, lane] = -ageing[lane]
            if i > 1:
                a[i, i - 1, lane] = ageing[lane]
    half = np.empty((n, n, LANES))
    whole = np.empty((n, n, LANES))
    m = np.empty((n, n, LANES))
    nn = np.empty((n, n, LANES))
    early = np.empty((n, n, LANES))
    integrals(a, 0.5 * h, half, m, nn, 4, False)
    _, reach = reachable(a)
    matmul(half, half, whole, reach, reach)
    matmul(half, m, early, reach, reach)
    row = 0
    for i in range(n):
        for j in range(i + 1):
            out[row] = whole[i, j]
            row += 1
        out[15 + i] = early[i, 0]
        out[20 + i] = m[i, 0]


@njit(**INLINED)
def near_power(a, b, g):
    """(a / b)^g for a near b: ln(a / b) by its odd series in q = (a - b) / (a + b) (to q^11: 4e-9 for a = 1.5 b), the
    exponential by Taylor."""
    q = (a - b) / (a + b)
    r = q * q
    x = g * q * (2.0 + r * (2.0 / 3.0 + r * (2.0 / 5.0 + r * (2.0 / 7.0 + r * (2.0 / 9.0)))))
    return 1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0)))))


@njit(**INLINED)
def _foreseen(w, lane, p0, a, b, d, c):
    """Circulating cells in the middle and at the end with P held still, and the end's part that P has nothing to do
    with."""
    mid = (
        w[lane] * p0 + w[LANES + lane] * a + w[2 * LANES + lane] * b + w[3 * LANES + lane] * d + w[4 * LANES + lane] * c
    )
    rest = w[6 * LANES + lane] * a + w[7 * LANES + lane] * b + w[8 * LANES + lane] * d + w[9 * LANES + lane] * c
    return mid, w[5 * LANES + lane] * p0 + rest, rest


@njit(**INLINED)
def _behind(s, w, lane, p0, pm, p1, a, b, d, rest):
    """P and the line behind it at the end of the step, P as the parabola through p0, pm and p1."""
    t0, t1, t2 = w[10 * LANES + lane], w[11 * LANES + lane], w[12 * LANES + lane]
    p1 = max(p1, FLOOR)
    s[lane] = p1
    s[LANES + lane] = max(
        t0 * a + w[13 * LANES + lane] * p0 + w[14 * LANES + lane] * pm + w[15 * LANES + lane] * p1, FLOOR
    )
    s[2 * LANES + lane] = max(
        t0 * b + t1 * a + w[16 * LANES + lane] * p0 + w[17 * LANES + lane] * pm + w[18 * LANES + lane] * p1, FLOOR
    )
    s[3 * LANES + lane] = max(
        t0 * d + t1 * b + t2 * a
        + w[19 * LANES + lane] * p0 + w[20 * LANES + lane] * pm + w[21 * LANES + lane] * p1,
        FLOOR,
    )  # fmt: skip
    s[4 * LANES + lane] = max(
        rest + w[22 * LANES + lane] * p0 + w[23 * LANES + lane] * pm + w[24 * LANES + lane] * p1, FLOOR
    )


@njit(**HOT)
def power_chain(s, s0, w, w0, effect, early, late, n0, nm, n1, rate, gamma, h):
    """One step of h days of a line with the power feedback F = (n C0 / C)^gamma. s: states from row s0 / LANES on,
    w: weights likewise; early, late: where in ``effect`` the means of both halves stand; n0, nm, n1: normal marrow at
    the start, in the middle and at the end; rate: of P and the transits, per day."""
    s, w = s[s0 : s0 + STATE_ROWS * LANES], w[w0 : w0 + WEIGHT_ROWS * LANES]
    first, second = effect[early : early + LANES], effect[late : late + LANES]
    for lane in range(LANES):
        p0, a, b, d = s[lane], s[LANES + lane], s[2 * LANES + lane], s[3 * LANES + lane]
        c, f0, seen = s[4 * LANES + lane], s[5 * LANES + lane], s[6 * LANES + lane]
        cm, c1, rest = _foreseen(w, lane, p0, a, b, d, c)
        fm = f0 * near_power(nm[lane] * seen, n0[lane] * cm, gamma[lane])
        f1 = fm * near_power(n1[lane] * cm, nm[lane] * c1, gamma[lane])
        u0, um, u1 = min(f0, MAX_FEEDBACK), min(fm, MAX_FEEDBACK), min(f1, MAX_FEEDBACK)
        z = 0.5 * h * rate[lane]
        both = 1.0 + (second[lane] - first[lane]) * (u1 - u0) * (1.0 / 24.0)
        pm = p0 * exp_small(z * ((1.0 - first[lane]) * (5.0 * u0 + 8.0 * um - u1) * (1.0 / 12.0) - both))
        pm = max(pm, FLOOR)
        p1 = pm * exp_small(z * ((1.0 - second[lane]) * (8.0 * um + 5.0 * u1 - u0) * (1.0 / 12.0) - both))
        _behind(s, w, lane, p0, pm, p1, a, b, d, rest)
        s[5 * LANES + lane] = f1
        s[6 * LANES + lane] = c1


@njit(**HOT)
def saturating_chain(s, s0, w, w0, effect, early, late, n0, nm, n1, half, growth, transit, h):
    """As `power_chain` with proliferation growth (1 - E) KM / (KM + C), KM = half * n, and loss ``transit`` of P."""
    s, w = s[s0 : s0 + STATE_ROWS * LANES], w[w0 : w0 + WEIGHT_ROWS * LANES]
    first, second = effect[early : early + LANES], effect[late : late + LANES]
    for lane in range(LANES):
        p0, a, b, d, c = s[lane], s[LANES + lane], s[2 * LANES + lane], s[3 * LANES + lane], s[4 * LANES + lane]
        cm, c1, rest = _foreseen(w, lane, p0, a, b, d, c)
        ka, kb, kc = half[lane] * n0[lane], half[lane] * nm[lane], half[lane] * n1[lane]
        u0, um, u1 = ka / (ka + c), kb / (kb + cm), kc / (kc + c1)
        g, u = growth[lane], 0.5 * h
        k = transit[lane] + g * (second[lane] - first[lane]) * (u1 - u0) * (1.0 / 24.0)
        pm = p0 * exp_small(u * (g * (1.0 - first[lane]) * (5.0 * u0 + 8.0 * um - u1) * (1.0 / 12.0) - k))
        pm = max(pm, FLOOR)
        p1 = pm * exp_small(u * (g * (1.0 - second[lane]) * (8.0 * um + 5.0 * u1 - u0) * (1.0 / 12.0) - k))
        _behind(s, w, lane, p0, pm, p1, a, b, d, rest)


@njit(**HOT)
def red_cell_chain(s, s0, w, w0, effect, early, late, n0, nm, n1, production):
    """One step of haemoglobin: dP/dt = production n (1 - E) - P/tau, then four compartments emptied one into the other,
    with production held at its mean in each half of the step; E is bounded to 0..1."""
    s, w = s[s0 : s0 + STATE_ROWS * LANES], w[w0 : w0 + WEIGHT_ROWS * LANES]
    first, second = effect[early : early + LANES], effect[late : late + LANES]
    for lane in range(LANES):
        p, a, b, c, d = s[lane], s[LANES + lane], s[2 * LANES + lane], s[3 * LANES + lane], s[4 * LANES + lane]
        made = 0.5 * production[lane]
        x = made * (n0[lane] + nm[lane]) * (1.0 - min(max(first[lane], 0.0), 1.0))
        y = made * (nm[lane] + n1[lane]) * (1.0 - min(max(second[lane], 0.0), 1.0))
        s[lane] = w[lane] * p + w[15 * LANES + lane] * x + w[20 * LANES + lane] * y
        s[LANES + lane] = (
            w[LANES + lane] * p + w[2 * LANES + lane] * a + w[16 * LANES + lane] * x + w[21 * LANES + lane] * y
        )
        s[2 * LANES + lane] = (
            w[3 * LANES + lane] * p + w[4 * LANES + lane] * a + w[5 * LANES + lane] * b
            + w[17 * LANES + lane] * x + w[22 * LANES + lane] * y
        )  # fmt: skip
        s[3 * LANES + lane] = (
            w[6 * LANES + lane] * p + w[7 * LANES + lane] * a + w[8 * LANES + lane] * b + w[9 * LANES + lane] * c
            + w[18 * LANES + lane] * x + w[23 * LANES + lane] * y
        )  # fmt: skip
        s[4 * LANES + lane] = (
            w[10 * LANES + lane] * p + w[11 * LANES + lane] * a + w[12 * LANES + lane] * b + w[13 * LANES + lane] * c
            + w[14 * LANES + lane] * d + w[19 * LANES + lane] * x + w[24 * LANES + lane] * y
        )  # fmt: skip


@njit(**HOT)
def normal_marrow(n, load0, load_mid, load1, rho, omega, h, n_mid, n_new):
    """dn/dt = rho n (1 - n - omega l), one Runge-Kutta step with l = leukaemic cells / capacity at the start, in the
    middle and at the end. Fills n_new and n_mid, n in the middle (Hermite's cubic)."""
    for lane in range(LANES):
        r = rho[lane]
        w = omega[lane]
        la = w * load0[lane]
        lc = w * load1[lane]
        lb = w * load_mid[lane]
        n0 = n[lane]
        k1 = r * n0 * (1.0 - n0 - la)
        m = n0 + 0.5 * h * k1
        k2 = r * m * (1.0 - m - lb)
        m = n0 + 0.5 * h * k2
        k3 = r * m * (1.0 - m - lb)
        m = n0 + h * k3
        k4 = r * m * (1.0 - m - lc)
        new = max(n0 + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4), min(n0, 1e-4))
        k5 = r * new * (1.0 - new - lc)
        n_new[lane] = new
        n_mid[lane] = 0.5 * (n0 + new) + 0.125 * h * (k1 - k5)
