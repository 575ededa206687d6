"""diffrax (JAX): Tsit5 with adaptive steps, patients abreast by vmap, a scan over half days with doses between them."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from reference_problem import NAMES, PREDNISOLONE, Problem, Result, given

jax.config.update("jax_enable_x64", True)

DOSED = np.array([0, 3, 7, 10])
RTOL, ATOL = 1e-4, 1e-7


def field(t: Any, y: Any, p: dict[str, Any]) -> Any:
    mpd, mpc, tgn, mxd, mxc, mxp, pg, v1, v2, v3, prd, prc = y[:12]
    kinetics = [
        -p["ka_mp"] * mpd,
        p["ka_mp"] * mpd - p["kel_mp"] * mpc,
        p["vm"] * mpc / (p["km"] + mpc) - p["ktgn"] * tgn,
        -p["ka_mx"] * mxd,
        p["ka_mx"] * mxd - (p["kel_mx"] + p["k12"]) * mxc + p["k21"] * mxp,
        p["k12"] * mxc - p["k21"] * mxp,
        p["kpin"] * mxc - p["kpout"] * pg,
        -(p["k10"] + p["v12"] + p["v13"]) * v1 + p["v21"] * v2 + p["v31"] * v3,
        p["v12"] * v1 - p["v21"] * v2,
        p["v13"] * v1 - p["v31"] * v3,
        -p["ka_pr"] * prd,
        p["ka_pr"] * prd - p["kel_pr"] * prc,
    ]
    marrow = []
    for line, name, first in (("a", "anc", 12), ("q", "plt", 17)):
        gain = 4.0 / p[f"mtt_{line}"]
        pool, *_, cells = y[first : first + 5]
        effect = p[f"{name}_tgn"] * tgn + p[f"{name}_pg"] * pg
        marrow.append(gain * pool * ((1.0 - effect) * (p[f"c0_{line}"] / cells) ** p[f"gam_{line}"] - 1.0))
        marrow += [gain * (y[i - 1] - y[i]) for i in range(first + 1, first + 5)]
    room = 1.0 - (jnp.exp(y[22]) + jnp.exp(y[23])) / p["capacity"]
    drugs = {"tgn": tgn, "pg": pg, "vc": v1, "pr": prc}
    blasts = [
        p[f"growth_{clone}"] * room
        - sum(p[f"kill_{clone}_{drug}"] * c / (p[f"half_{clone}_{drug}"] + c) for drug, c in drugs.items())
        for clone in "sr"
    ]
    return jnp.stack(kinetics + marrow + blasts)


def decide(visit: Any, anc: Any, platelets: Any) -> Any:
    """The weekly rule of reference_problem.Visits, without branches."""
    factor, hold, up = visit
    resume = (anc >= 0.75) & (platelets >= 75.0)
    stop = ~hold & ((anc < 0.5) | (platelets < 50.0))
    halve = ~hold & ~stop & (anc < 0.75)
    high = ~hold & ~stop & ~halve & (anc > 1.5)
    count = jnp.where(high, up + 1, jnp.where(hold, up, 0))
    raised = count == 4
    factor = jnp.where(halve, jnp.maximum(0.1, factor * 0.5), factor)
    factor = jnp.where(raised, jnp.minimum(1.5, factor * 1.25), factor)
    return factor, stop | (hold & ~resume), jnp.where(raised, 0, count)


def one(p: dict[str, Any], amounts: Any, visits: Any, closed: bool) -> Any:
    """(half days, 4): ANC, platelets, log10 blasts before the doses, factor after the visit."""
    solver, control = diffrax.Tsit5(), diffrax.PIDController(rtol=RTOL, atol=ATOL)
    full = jnp.stack([p["dose_mp"], p["dose_mx"], p["dose_vc"], p["dose_pr"]])

    def half_day(carry: Any, inputs: Any) -> Any:
        y, visit = carry
        amount, is_visit = inputs
        if closed:
            after = decide(visit, y[16], y[21])
            visit = jax.tree.map(lambda new, old: jnp.where(is_visit, new, old), after, visit)
        factor = jnp.where(visit[1], 0.0, visit[0])
        seen = jnp.stack([y[16], y[21], jnp.logaddexp(y[22], y[23]) / jnp.log(10.0), factor])
        y = y.at[DOSED].add(amount * full * jnp.stack([factor, factor, jnp.ones(()), jnp.ones(())]))
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field), solver, 0.0, 0.5, None, y, args=p, stepsize_controller=control, max_steps=None,
            adjoint=diffrax.ForwardMode(),
        )  # fmt: skip
        return (solution.ys[0], visit), seen

    start = jnp.concatenate(
        [
            jnp.zeros(12),
            jnp.full(5, p["c0_a"]),
            jnp.full(5, p["c0_q"]),
            jnp.log(jnp.stack([p["blasts_s"], p["blasts_r"]])),
        ]
    )
    nothing_decided = (jnp.ones(()), jnp.zeros((), bool), jnp.zeros((), int))
    return jax.lax.scan(half_day, (start, nothing_decided), (amounts, visits))[1]


@partial(jax.jit, static_argnums=3)
def cohort(parameters: dict[str, Any], amounts: Any, visits: Any, closed: bool) -> Any:
    return jax.vmap(lambda p: one(p, amounts, visits, closed))(parameters)


def _schedule(days: int) -> tuple[np.ndarray, np.ndarray]:
    """Amounts (half days, 4) as shares of the full dose, and where the visits are; one more half day to see the end."""
    amounts = np.zeros((2 * days + 1, 4))
    amounts[: 2 * days : 2] = given(days).T
    amounts[1 : 2 * days : 2, PREDNISOLONE] = given(days)[PREDNISOLONE]
    at = np.arange(2 * days + 1)
    return amounts, (at % 14 == 0) & (at > 0)


def prepare(problem: Problem) -> None:
    """Compiles for this number of patients and days."""
    amounts, visits = _schedule(problem.days)
    cohort.lower({name: jnp.asarray(problem.parameters[name]) for name in NAMES}, amounts, visits, problem.closed_loop).compile()  # fmt: skip  # noqa: E501


def run(problem: Problem) -> Result:
    begin = time.perf_counter()
    amounts, visits = _schedule(problem.days)
    parameters = {name: jnp.asarray(problem.parameters[name]) for name in NAMES}
    seen = np.asarray(cohort(parameters, amounts, visits, problem.closed_loop))
    weekly = np.moveaxis(seen[:, visits], 2, 0)
    return Result(*weekly, seconds=time.perf_counter() - begin, patients=problem.patients, days=problem.days)
