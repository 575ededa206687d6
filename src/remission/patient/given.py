"""What is known of a person: patients like this one have it in common, the rest is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from remission.knowledge.errors import BadInput, nearest

from . import recipe
from .cohort import ANCESTRY, LINEAGE, METABOLISER, PH_SUBTYPE, WORDS, Floats, Ints
from .own_table import Rows


@dataclass(frozen=True)
class Given:
    """Facts at entry, words as in `Cohort`; None is not known. ``wbc`` in 1e9/L, ``cns`` 1, 2 or 3.

    Size goes with age and sex, CNS status with lineage and white count: what is drawn is drawn as it is among patients
    with these facts.
    """

    age_y: float | None = None
    sex: str | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    lineage: str | None = None
    wbc: float | None = None
    cns: int | None = None
    ph: str | None = None
    tpmt: str | None = None
    nudt15: str | None = None
    donor: str | None = None
    rows: Rows | None = None  # facts of each patient by himself: a table of one's own

    def of(self, name: str, patients: Ints, drawn: Floats) -> Floats:
        """What is known of a column, for everybody or by the row of a table; else what was drawn. Words as indices."""
        value = getattr(self, name, None)
        if value is not None:
            known = WORDS[name].index(value) if name in WORDS else value
            return np.full(drawn.shape, known, dtype=drawn.dtype)
        return drawn if self.rows is None else self.rows.of(name, patients, drawn)


NOTHING = Given()


def among(p: recipe.Population, given: Given) -> recipe.Population:
    """The population as it is among those with the given facts: whoever is given lies within its limits, the subtypes
    are those that go with the Philadelphia chromosome, the ancestries those that go with the genes."""
    limits: dict[str, Any] = {}
    if given.rows is not None:
        limits |= {"age_y": (0.0, np.inf), "wbc": (0.0, np.inf), "lineages": LINEAGE, "exclude_subtypes": ()}
    if given.age_y is not None:
        limits["age_y"] = (0.0, np.inf)
    if given.wbc is not None:
        limits["wbc"] = (0.0, np.inf)
    if given.lineage is not None:
        limits["lineages"] = (given.lineage,)
    if given.ph == "positive":
        if PH_SUBTYPE in p.limits.exclude_subtypes or given.lineage == LINEAGE[1]:
            raise BadInput(f"the population '{p.name}' has no such patients with {PH_SUBTYPE}", remedy="Leave ph out")
        limits["only_subtypes"] = (PH_SUBTYPE,)
    elif given.ph == "negative":
        if p.limits.only_subtypes == (PH_SUBTYPE,):
            raise BadInput(f"all patients of the population '{p.name}' have {PH_SUBTYPE}", remedy="Leave ph out")
        limits["exclude_subtypes"] = (*p.limits.exclude_subtypes, PH_SUBTYPE)
    if given.rows is not None and "ancestry" in given.rows.values:
        told = given.rows.values["ancestry"]
        _have_alleles(p, (p.pharmacogenetics.names[int(i)] for i in np.unique(told[~np.isnan(told)])))
    changed: dict[str, Any] = {"limits": p.limits.model_copy(update=limits)}
    if given.tpmt or given.nudt15:
        ancestry = _ancestry(p.pharmacogenetics, given)
        changed["pharmacogenetics"] = p.pharmacogenetics.model_copy(update={"ancestry": ancestry})
    return p.model_copy(update=changed)


def of_ancestry(p: recipe.Population, shares: Mapping[str, float]) -> recipe.Population:
    """The same population with other shares of ancestries, which add up to 1; raises ``BadInput``."""
    for name in shares:
        if name not in (known := p.pharmacogenetics.names):
            near = nearest(name, known)
            remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(known)}"
            raise BadInput(f"there is no ancestry '{name}'", remedy=remedy)
    if any(not 0 <= share <= 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise BadInput("the shares of the ancestries do not add up to 100 %", remedy="As 'European:60', 'Hispanic:40'")
    _have_alleles(p, shares)
    genes = p.pharmacogenetics.model_copy(update={"ancestry": dict(shares)})
    return p.model_copy(update={"pharmacogenetics": genes})


def ancestries_of(words: Iterable[str]) -> dict[str, float]:
    """Shares of ancestries as they are written, 'East Asian', or several with their percent, 'European:60'."""
    parts = [word.partition(":") for word in words]
    shares: dict[str, float] = {}
    for name, colon, percent in parts:
        word = next((known for known in ANCESTRY if known.lower() == name.strip().lower()), name.strip())
        if word in shares:
            raise BadInput(f"the ancestry '{word}' is there twice", remedy="Write its whole share once")
        try:
            alone = 100.0 if len(parts) == 1 else -1.0
            shares[word] = (float(percent.strip().removesuffix("%")) if colon else alone) / 100.0
        except ValueError:
            raise BadInput(f"the share of the ancestry '{word}' is '{percent}'", remedy=f"Write '{word}:60'") from None
        if not 0 <= shares[word] <= 1:  # also nan
            raise BadInput(f"the ancestry '{word}' has no share", remedy=f"Write its percent, '{word}:60', at most 100")
    return shares


def metabolisers(p: recipe.Population, shares: Mapping[str, float], gene: str) -> tuple[float, float]:
    """Shares of people with these ancestries who are intermediate and poor metabolisers by TPMT or NUDT15."""
    q, weight = alleles_lost(p.pharmacogenetics, gene, shares), np.array(list(shares.values()))
    return float(weight @ (2 * q * (1 - q))), float(weight @ q**2)


def _have_alleles(p: recipe.Population, ancestries: Iterable[str]) -> None:
    for name in ancestries:
        if name not in p.pharmacogenetics.tpmt or name not in p.pharmacogenetics.nudt15:
            what = f"the population '{p.name}' has no allele frequencies of the ancestry '{name}'"
            raise BadInput(what, remedy=f"It has them for: {', '.join(p.pharmacogenetics.tpmt)}")


def alleles_lost(genes: recipe.Pharmacogenetics, gene: str, ancestries: Iterable[str]) -> Floats:
    """The share of alleles that have lost their function, one for each of the ancestries; nan where none are known."""
    known = getattr(genes, gene)
    return np.array([sum(known[name].values()) if name in known else np.nan for name in ancestries]) / 100.0


def _ancestry(genes: recipe.Pharmacogenetics, given: Given) -> dict[str, float]:
    """The shares of the ancestries among those with these metabolisers (Bayes)."""
    shares = np.array(list(genes.ancestry.values()))
    for gene, word in (("tpmt", given.tpmt), ("nudt15", given.nudt15)):
        if word is not None:
            q = alleles_lost(genes, gene, genes.ancestry)
            shares = shares * np.array([(1 - q) ** 2, 2 * q * (1 - q), q**2])[METABOLISER.index(word)]
    if not shares.sum() > 0:
        raise BadInput("nobody in this population has these genes", remedy="Leave one of tpmt and nudt15 out")
    return dict(zip(genes.ancestry, (shares / shares.sum()).tolist(), strict=True))
