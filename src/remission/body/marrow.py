"""Blood cells from a marrow that leukaemia crowds out.

Neutrophils, lymphocytes: the chain of Friberg 2002 (proliferating pool, three transits, circulating
cells, power feedback). Platelets: the same chain with the saturating feedback of Panetta 2024. Red
cells: one progenitor step and four life-span compartments (Agoram 2006). Drugs take a fraction E of
proliferation away (``effect[row]``). Normal marrow n (share of its capacity) regrows logistically in the room that
leukaemia leaves, and sets the point that feedback steers to: n * baseline (own assumption; multiplying
proliferation by n, as the evidence file first proposed, would give baseline * n^(1/gamma), 2e-6 at
diagnosis). Time is days, counts 10^9/L, haemoglobin g/dL. All arrays are (states, lanes).
"""

from __future__ import annotations

from numba import njit

from .kinetics import HOT, exp_small

MAX_FEEDBACK = 5.0  # bound of the power feedback after long aplasia
PROLIFERATING, TRANSIT_1, TRANSIT_2, TRANSIT_3, CIRCULATING, FEEDBACK = range(6)
FLOOR = 1e-6  # counts never fall below one cell in a litre of 1e9


@njit(**HOT)
def power_chain(s, effect, tilt, row, room_growth, ktr, gamma, h):
    """One classical Runge-Kutta step of h days of the Friberg chain, on ln P (a strong effect only
    changes its slope). s: (6, L), the last row carries the feedback F = (n C0 / C)^gamma as a state:
    dF/dt = gamma F (dn/dt / n - dC/dt / C). ``room_growth`` = (dn/dt) / n."""
    lanes = s.shape[1]
    for lane in range(lanes):
        k = ktr[lane]
        g = gamma[lane]
        free = 1.0 - effect[row, lane]
        first, last = free + tilt[row, lane], free - tilt[row, lane]
        up = room_growth[lane]
        p0, a0, b0 = s[0, lane], s[1, lane], s[2, lane]
        d0, c0, f0 = s[3, lane], s[4, lane], s[5, lane]
        # stage 1
        p1 = k * (first * min(f0, MAX_FEEDBACK) - 1.0)  # of ln P
        a1 = k * (p0 - a0)
        b1 = k * (a0 - b0)
        d1 = k * (b0 - d0)
        c1 = k * (d0 - c0)
        f1 = g * f0 * (up - c1 / c0)
        # stage 2
        u = 0.5 * h
        p, a, b, d, c, f = p0 * exp_small(u * p1), a0 + u * a1, b0 + u * b1, d0 + u * d1, c0 + u * c1, f0 + u * f1
        p2 = k * (free * min(f, MAX_FEEDBACK) - 1.0)
        a2 = k * (p - a)
        b2 = k * (a - b)
        d2 = k * (b - d)
        c2 = k * (d - c)
        f2 = g * f * (up - c2 / c)
        # stage 3
        p, a, b, d, c, f = p0 * exp_small(u * p2), a0 + u * a2, b0 + u * b2, d0 + u * d2, c0 + u * c2, f0 + u * f2
        p3 = k * (free * min(f, MAX_FEEDBACK) - 1.0)
        a3 = k * (p - a)
        b3 = k * (a - b)
        d3 = k * (b - d)
        c3 = k * (d - c)
        f3 = g * f * (up - c3 / c)
        # stage 4
        p, a, b, d, c, f = p0 * exp_small(h * p3), a0 + h * a3, b0 + h * b3, d0 + h * d3, c0 + h * c3, f0 + h * f3
        p4 = k * (last * min(f, MAX_FEEDBACK) - 1.0)
        a4 = k * (p - a)
        b4 = k * (a - b)
        d4 = k * (b - d)
        c4 = k * (d - c)
        f4 = g * f * (up - c4 / c)
        u = h / 6.0
        s[0, lane] = max(p0 * exp_small(u * (p1 + 2.0 * (p2 + p3) + p4)), FLOOR)
        s[1, lane] = max(a0 + u * (a1 + 2.0 * (a2 + a3) + a4), FLOOR)
        s[2, lane] = max(b0 + u * (b1 + 2.0 * (b2 + b3) + b4), FLOOR)
        s[3, lane] = max(d0 + u * (d1 + 2.0 * (d2 + d3) + d4), FLOOR)
        s[4, lane] = max(c0 + u * (c1 + 2.0 * (c2 + c3) + c4), FLOOR)
        s[5, lane] = f0 + u * (f1 + 2.0 * (f2 + f3) + f4)


@njit(**HOT)
def saturating_chain(s, effect, tilt, row, room0, room1, half, growth, transit, loss, h):
    """One Runge-Kutta step of the chain of Panetta 2024: proliferation growth * I * KM / (KM + N), I = 1 - effect,
    KM = half * n. s: (5, L); room0, room1: n at the start and the end of the step.

    The circulating state follows the chain within hours (loss 4.8/day), so the step is halved."""
    lanes = s.shape[1]
    u = 0.5 * h
    for half_step in range(2):
        w0 = 0.5 * half_step
        for lane in range(lanes):
            rise = growth[lane] * tilt[row, lane]  # of E, over half a half-step
            kin = growth[lane] * (1.0 - effect[row, lane]) + (rise if half_step == 0 else 0.0)
            kin_b = kin - 0.5 * rise
            kin_c = kin - rise
            n0, n1 = room0[lane], room1[lane]
            ka = half[lane] * (n0 + (n1 - n0) * w0)
            kb = half[lane] * (n0 + (n1 - n0) * (w0 + 0.25))
            kc = half[lane] * (n0 + (n1 - n0) * (w0 + 0.5))
            k = transit[lane]
            out = loss[lane]
            p0, a0, b0, d0, c0 = s[0, lane], s[1, lane], s[2, lane], s[3, lane], s[4, lane]
            p1 = kin * ka / (ka + c0) - k  # of ln P
            a1 = k * (p0 - a0)
            b1 = k * (a0 - b0)
            d1 = k * (b0 - d0)
            c1 = k * d0 - out * c0
            v = 0.5 * u
            p, a, b, d, c = p0 * exp_small(v * p1), a0 + v * a1, b0 + v * b1, d0 + v * d1, c0 + v * c1
            p2 = (kin_b * kb / (kb + c) - k)
            a2 = k * (p - a)
            b2 = k * (a - b)
            d2 = k * (b - d)
            c2 = k * d - out * c
            p, a, b, d, c = p0 * exp_small(v * p2), a0 + v * a2, b0 + v * b2, d0 + v * d2, c0 + v * c2
            p3 = (kin_b * kb / (kb + c) - k)
            a3 = k * (p - a)
            b3 = k * (a - b)
            d3 = k * (b - d)
            c3 = k * d - out * c
            p, a, b, d, c = p0 * exp_small(u * p3), a0 + u * a3, b0 + u * b3, d0 + u * d3, c0 + u * c3
            p4 = (kin_c * kc / (kc + c) - k)
            a4 = k * (p - a)
            b4 = k * (a - b)
            d4 = k * (b - d)
            c4 = k * d - out * c
            v = u / 6.0
            s[0, lane] = max(p0 * exp_small(v * (p1 + 2.0 * (p2 + p3) + p4)), FLOOR)
            s[1, lane] = max(a0 + v * (a1 + 2.0 * (a2 + a3) + a4), FLOOR)
            s[2, lane] = max(b0 + v * (b1 + 2.0 * (b2 + b3) + b4), FLOOR)
            s[3, lane] = max(d0 + v * (d1 + 2.0 * (d2 + d3) + d4), FLOOR)
            s[4, lane] = max(c0 + v * (c1 + 2.0 * (c2 + c3) + c4), FLOOR)


@njit(**HOT)
def red_cell_chain(s, effect, row, room0, room1, production, tau, ageing, h):
    """One Runge-Kutta step of haemoglobin: dP/dt = production n (1 - E) - P/tau, then four compartments emptied with
    rate ``ageing``. s: (5, L), g/dL; E is bounded to 0..1."""
    lanes = s.shape[1]
    for lane in range(lanes):
        made = production[lane] * 0.5 * (room0[lane] + room1[lane]) * (1.0 - min(max(effect[row, lane], 0.0), 1.0))
        t = 1.0 / tau[lane]
        k = ageing[lane]
        p0, a0, b0, c0, d0 = s[0, lane], s[1, lane], s[2, lane], s[3, lane], s[4, lane]
        p1, a1, b1, c1, d1 = made - t * p0, t * p0 - k * a0, k * (a0 - b0), k * (b0 - c0), k * (c0 - d0)
        u = 0.5 * h
        p, a, b, c, d = p0 + u * p1, a0 + u * a1, b0 + u * b1, c0 + u * c1, d0 + u * d1
        p2, a2, b2, c2, d2 = made - t * p, t * p - k * a, k * (a - b), k * (b - c), k * (c - d)
        p, a, b, c, d = p0 + u * p2, a0 + u * a2, b0 + u * b2, c0 + u * c2, d0 + u * d2
        p3, a3, b3, c3, d3 = made - t * p, t * p - k * a, k * (a - b), k * (b - c), k * (c - d)
        p, a, b, c, d = p0 + h * p3, a0 + h * a3, b0 + h * b3, c0 + h * c3, d0 + h * d3
        p4, a4, b4, c4, d4 = made - t * p, t * p - k * a, k * (a - b), k * (b - c), k * (c - d)
        u = h / 6.0
        s[0, lane] = p0 + u * (p1 + 2.0 * (p2 + p3) + p4)
        s[1, lane] = a0 + u * (a1 + 2.0 * (a2 + a3) + a4)
        s[2, lane] = b0 + u * (b1 + 2.0 * (b2 + b3) + b4)
        s[3, lane] = c0 + u * (c1 + 2.0 * (c2 + c3) + c4)
        s[4, lane] = d0 + u * (d1 + 2.0 * (d2 + d3) + d4)


@njit(**HOT)
def normal_marrow(n, load0, load1, rho, omega, h, n_new, room_growth):
    """dn/dt = rho n (1 - n - omega l), l = leukaemic cells / capacity, one Runge-Kutta step with l between its values
    at the start and the end. Fills n_new and the step's mean relative growth."""
    lanes = n.shape[0]
    for lane in range(lanes):
        r = rho[lane]
        w = omega[lane]
        la = w * load0[lane]
        lc = w * load1[lane]
        lb = 0.5 * (la + lc)
        n0 = n[lane]
        k1 = r * n0 * (1.0 - n0 - la)
        m = n0 + 0.5 * h * k1
        k2 = r * m * (1.0 - m - lb)
        m = n0 + 0.5 * h * k2
        k3 = r * m * (1.0 - m - lb)
        m = n0 + h * k3
        k4 = r * m * (1.0 - m - lc)
        new = max(n0 + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4), 1e-4)
        # ln(new/n0)/h by its odd series: the ratio stays near one over a quarter of a day
        q = (new - n0) / (new + n0)
        room_growth[lane] = 2.0 * q * (1.0 + q * q * (1.0 / 3.0 + q * q * 0.2)) / h
        n_new[lane] = new
