"""SciPy's LSODA (odeint), the right-hand side compiled by Numba, one patient at a time, stopping at every dose."""

from __future__ import annotations

import time

import numpy as np
from numba import njit
from reference_problem import NAMES, Problem, Result, log10_sum, play_one
from scipy.integrate import odeint

DOSED = (0, 3, 7, 10)
ANC, PLATELETS, LN_S, LN_R = 16, 21, 22, 23
# Smallest amounts of each state that matter; times rtol, the absolute tolerance.
SCALE = np.array([1e-2] * 3 + [1e-3] * 4 + [1e-4] * 3 + [1e-2] * 2 + [1e-2] * 5 + [1.0] * 5 + [1.0] * 2)


@njit(cache=True, error_model="numpy")
def rhs(y, p, dy):
    (ka_mp, kel_mp, vm, km, ktgn, ka_mx, kel_mx, k12, k21, kpin, kpout, k10, v12, v21, v13, v31, ka_pr, kel_pr,
     mtt_a, c0_a, gam_a, mtt_q, c0_q, gam_q, anc_tgn, anc_pg, plt_tgn, plt_pg) = (
        p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13], p[14], p[15], p[16],
        p[17], p[18], p[19], p[20], p[21], p[22], p[23], p[24], p[25], p[26], p[27])  # fmt: skip
    dy[0] = -ka_mp * y[0]
    dy[1] = ka_mp * y[0] - kel_mp * y[1]
    dy[2] = vm * y[1] / (km + y[1]) - ktgn * y[2]
    dy[3] = -ka_mx * y[3]
    dy[4] = ka_mx * y[3] - (kel_mx + k12) * y[4] + k21 * y[5]
    dy[5] = k12 * y[4] - k21 * y[5]
    dy[6] = kpin * y[4] - kpout * y[6]
    dy[7] = -(k10 + v12 + v13) * y[7] + v21 * y[8] + v31 * y[9]
    dy[8] = v12 * y[7] - v21 * y[8]
    dy[9] = v13 * y[7] - v31 * y[9]
    dy[10] = -ka_pr * y[10]
    dy[11] = ka_pr * y[10] - kel_pr * y[11]
    k = 4.0 / mtt_a
    effect = anc_tgn * y[2] + anc_pg * y[6]
    dy[12] = k * y[12] * ((1.0 - effect) * (c0_a / y[16]) ** gam_a - 1.0)
    for i in range(13, 17):
        dy[i] = k * (y[i - 1] - y[i])
    k = 4.0 / mtt_q
    effect = plt_tgn * y[2] + plt_pg * y[6]
    dy[17] = k * y[17] * ((1.0 - effect) * (c0_q / y[21]) ** gam_q - 1.0)
    for i in range(18, 22):
        dy[i] = k * (y[i - 1] - y[i])
    load = (np.exp(y[22]) + np.exp(y[23])) / p[30]
    for clone in range(2):
        kill = 0.0
        for drug in range(4):
            c = y[2] if drug == 0 else y[6] if drug == 1 else y[7] if drug == 2 else y[11]
            kill += p[33 + 4 * clone + drug] * c / (p[41 + 4 * clone + drug] + c)
        dy[22 + clone] = p[28 + clone] * (1.0 - load) - kill


def prepare(problem: Problem) -> None:
    """Compiles the right-hand side, or loads it compiled."""
    rhs(np.ones(24), np.ones(len(NAMES)), np.ones(24))


def run(problem: Problem, rtol: float = 1e-4) -> Result:
    begin = time.perf_counter()
    out = np.empty((4, problem.patients, problem.weeks))
    for i, p in enumerate(np.ascontiguousarray(problem.matrix().T)):
        out[:, i] = _one(problem, p, rtol)
    return Result(*out, seconds=time.perf_counter() - begin, patients=problem.patients, days=problem.days)


def _one(problem: Problem, p: np.ndarray, rtol: float) -> np.ndarray:
    own = dict(zip(NAMES, p.tolist(), strict=True))
    y = np.zeros(24)
    y[12:17], y[17:22] = own["c0_a"], own["c0_q"]
    y[LN_S], y[LN_R] = np.log(own["blasts_s"]), np.log(own["blasts_r"])
    dy = np.empty(24)

    def f(state: np.ndarray, _: float) -> np.ndarray:
        rhs(state, p, dy)
        return dy

    def advance(start: float, end: float) -> None:
        y[:] = odeint(f, y, [start, end], rtol=rtol, atol=rtol * SCALE, mxstep=100_000)[1]

    def add(agent: int, amount: float) -> None:
        y[DOSED[agent]] += amount

    dose = [own["dose_mp"], own["dose_mx"], own["dose_vc"], own["dose_pr"]]
    return play_one(problem, dose, advance, add, lambda: (y[ANC], y[PLATELETS], log10_sum(y[LN_S], y[LN_R])))
