"""What a posterior says of the patient: numbers with their uncertainty, beside what the population has."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from remission.knowledge.library import Library, library
from remission.knowledge.quantity import Quantity
from remission.patient.cohort import METABOLISER, Floats

from .fit import NAMES, NOISE, NOISE_SD, Posterior
from .forward import ENTRY, SCORES, Person

TOGETHER = {  # products that counts tell better than their parts: taken, active, felt
    "effect of mercaptopurine on neutrophils (taken, active, felt)": (
        "mercaptopurine.drivers.TGN.formation", "mercaptopurine.effects.neutrophils.0.slope",
    ),
    "effect of mercaptopurine on platelets (taken, active, felt)": (
        "mercaptopurine.drivers.TGN.formation", "mercaptopurine.effects.platelets.0.slope",
    ),
}  # fmt: skip
MANY = 4000  # people of the population of whom the spread of a product is told


def quantity_of(purpose: str, knowledge: Library) -> Quantity:
    """The quantity of the knowledge files that a score of this purpose moves."""
    name, _, path = purpose.partition(".")
    if name in ("marrow", "leukaemia", "infection", "weeks"):
        return knowledge.body(name)[path]
    agent = knowledge.agent(name)
    parts = path.split(".")
    if parts[0] == "drivers":
        found = getattr(agent.pharmacokinetics.drivers[parts[1]], parts[2])
    elif parts[0] == "effects":
        found = getattr([e for e in agent.effects if e.on == parts[1]][int(parts[2])], parts[3])
    else:
        found = getattr(agent.pharmacokinetics, parts[0])
    assert isinstance(found, Quantity)
    return found


def omega(purpose: str, knowledge: Library) -> float:
    """Standard deviation between people of the logarithm of a number."""
    return math.sqrt(math.log1p((quantity_of(purpose, knowledge).iiv_cv or 0.0) ** 2))


def together(person: Person, scores: Floats, parts: tuple[str, ...], knowledge: Library) -> Floats:
    """ln of a product of numbers and of the share of tablets that is taken, with normal enzymes; shape (N,)."""
    ln = np.log1p(-np.minimum(person.guesses(scores).missed, 0.99))
    for part in parts:
        ln = ln + omega(part, knowledge) * scores[:, NAMES.index(part)]
    return np.asarray(ln)


def _by_genes(posterior: Posterior, purpose: str, known: Library) -> Floats:
    """ln of what the enzymes of the guesses make of a number."""
    ln = np.zeros(len(posterior))
    for covariate in quantity_of(purpose, known).covariates:
        if covariate.on in ("tpmt", "nudt15") and covariate.map is not None:
            factors = np.log([covariate.map.get(word, 1.0) for word in METABOLISER])
            ln = ln + factors[posterior.genes[:, 0 if covariate.on == "tpmt" else 1]]
    return np.asarray(ln)


def _with_genes(posterior: Posterior, purpose: str, known: Library) -> Floats:
    """ln of a number over that of the typical patient with normal enzymes."""
    own = omega(purpose, known) * posterior.scores[:, NAMES.index(purpose)]
    return np.asarray(own + _by_genes(posterior, purpose, known))


def parameters(posterior: Posterior, knowledge: Library | None = None) -> pl.DataFrame:
    """One row a number: times the typical patient (median, 90 % interval), the population's 90 % interval, and how much
    of the population's variance the chart has taken away (0 to 1)."""
    known = knowledge or library()
    rows = []

    def row(what: str, ln: Floats, prior_sd: float) -> None:
        low, middle, high = np.exp(np.quantile(ln, [0.05, 0.5, 0.95]))
        learnt = 1.0 - float(np.var(ln)) / prior_sd**2
        wide = math.exp(1.645 * prior_sd)
        rows.append({
            "number": what, "times typical": float(middle), "90% low": float(low), "90% high": float(high),
            "population low": 1.0 / wide, "population high": wide, "told by the chart": max(0.0, min(1.0, learnt)),
        })  # fmt: skip

    everybody = np.random.default_rng(1).standard_normal((MANY, len(NAMES)))
    for what, parts in TOGETHER.items():
        of_all = together(posterior.person, everybody, parts, known)
        ln = together(posterior.person, posterior.scores, parts, known) - np.median(of_all)
        row(what, ln + sum((_by_genes(posterior, part, known) for part in parts), np.zeros(len(ln))), of_all.std())
    for purpose, what in SCORES.items():
        if purpose not in ENTRY:
            row(what, _with_genes(posterior, purpose, known), omega(purpose, known))
    for i, what in enumerate(NOISE):
        row(what, np.log(posterior.noise[:, i]), NOISE_SD[i])
    return pl.DataFrame(rows).sort("told by the chart", descending=True, maintain_order=True)


def missed_share(posterior: Posterior) -> tuple[float, float, float]:
    """Share of the tablets that are missed: median and 90 % interval."""
    shares = posterior.person.guesses(posterior.scores).missed
    low, middle, high = np.quantile(shares, [0.05, 0.5, 0.95])
    return float(middle), float(low), float(high)


def enzymes(posterior: Posterior) -> pl.DataFrame:
    """How likely each pair of TPMT and NUDT15 is, the likeliest first."""
    pairs, counts = np.unique(posterior.genes, axis=0, return_counts=True)
    rows = [
        {"tpmt": METABOLISER[t], "nudt15": METABOLISER[u], "probability": float(count) / len(posterior)}
        for (t, u), count in zip(pairs, counts, strict=True)
    ]
    return pl.DataFrame(rows).sort("probability", descending=True)
