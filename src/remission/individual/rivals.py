"""What a forecast has to beat: the last value, the patient's own mean, and a semi-mechanistic model fitted to him.

The semi-mechanistic model is that of Jost 2020 in structure (Friberg's chain of neutrophils, an effect linear in the
red cells' thioguanine nucleotides, loss of neutrophils 2.3765 a day) with the numbers that the same group published
for it three years later (Gebhard 2023; formation of nucleotides linear in the dose, 0.97 umol/L at 57.1 mg/m2 a day).
Methotrexate has no effect in it. D: mercaptopurine, mg/m2 a day.

    dT/dt = kT D - keff T                                     E = slope T
    dP/dt = ktr P ((1 - E) (base / N)^gamma - 1),  dT1..T3/dt = ktr (before - this),  dN/dt = ktr T3 - kma N

Fitted as such models are to one patient: the most probable base, ktr, slope, kT (log-normal between people), residuals
of ln ANC with the published 50 %. Forecast with the last dose going on.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

from remission.patient.cohort import Floats

from .chart import Chart
from .forward import run_in

# gebhard2023 (secondary: the model library nlmixr2lib); CV between people
BASE, KTR, SLOPE, GAMMA, KMA, KEFF = 2.17, 0.15, 0.16, 0.79, 2.3765, 0.05  # 1e9/L, 1/day, L/umol, -, 1/day, 1/day
KT = 0.97 * KEFF / 57.1  # umol/L a day for each mg/m2 a day
OMEGA = np.sqrt(np.log1p(np.square([0.27, 0.72, 0.81, 0.56])))  # base, ktr, slope, kT
RESIDUAL = 0.5  # of ln ANC
HALF_DAY = 0.5


def last_value(chart: Chart) -> float:
    """ln of the last ANC."""
    return float(np.log(_known(chart)[-1]))


def own_mean(chart: Chart) -> float:
    """Mean of ln ANC."""
    return float(np.mean(np.log(_known(chart))))


def _known(chart: Chart) -> Floats:
    anc = chart.column("anc")
    return anc[np.isfinite(anc)]


class SemiMechanistic:
    """The model for one chart; ``fitted`` gives ln ANC on any days from the chart's first visit."""

    def __init__(self, chart: Chart, bsa_m2: float) -> None:
        self.chart = chart
        before = run_in(chart)
        mg = chart.column("mercaptopurine_mg")
        self.begins = np.array([0.0, *(before + chart.days[1:])])
        self.dose = np.nan_to_num(mg) / bsa_m2
        self.before = before

    def counts(self, scores: Floats, days: Floats) -> Floats:
        """ln ANC on days of the chart, in the order of time; scores of base, ktr, slope, kT."""
        base, ktr, slope, kt = np.array([BASE, KTR, SLOPE, KT]) * np.exp(OMEGA * scores)
        pool = base * KMA / ktr
        state = np.array([0.0, pool, pool, pool, pool, base])
        times = np.asarray(days, dtype=float) + self.before
        out = np.full(len(times), np.nan)
        ends = [*self.begins[1:], max(float(times[-1]), self.begins[-1]) + HALF_DAY]

        for begin, end, dose in zip(self.begins, ends, self.dose, strict=True):
            if end <= begin:
                continue

            def change(_t: float, x: Floats, dose: float = dose) -> list[float]:
                t, p, a, b, c, n = x
                feedback = (base / max(n, 1e-3)) ** GAMMA
                return [
                    kt * dose - KEFF * t, ktr * p * ((1.0 - slope * t) * feedback - 1.0), ktr * (p - a), ktr * (a - b),
                    ktr * (b - c), ktr * c - KMA * n,
                ]  # fmt: skip

            now = np.flatnonzero((times >= begin) & (times < end))
            at = np.append(times[now], end)
            solved = solve_ivp(change, (begin, end), state, method="LSODA", t_eval=at, rtol=1e-5, atol=1e-7)
            if not solved.success:
                return np.full(len(times), -5.0)
            out[now] = np.log(np.maximum(solved.y[5, :-1], 1e-3))
            state = np.maximum(solved.y[:, -1], 1e-9)
        return out

    def fitted(self) -> Floats:
        """The most probable scores, shape (4,)."""
        anc = self.chart.column("anc")
        known = np.isfinite(anc)
        y, days = np.log(anc[known]), self.chart.days[known]

        def loss(scores: Floats) -> Floats:
            return np.concatenate([(self.counts(scores, days) - y) / RESIDUAL, scores])

        best = min(
            (least_squares(loss, begin, diff_step=1e-3) for begin in (np.zeros(4), np.array([-0.5, 1.0, 0.3, 0.0]))),
            key=lambda found: float(found.cost),
        )
        assert math.isfinite(best.cost)
        return np.asarray(best.x)
