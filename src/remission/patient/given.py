"""What is known of a person: patients like this one have it in common, the rest is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from remission.knowledge.errors import BadInput

from . import recipe
from .cohort import LINEAGE, METABOLISER, PH_SUBTYPE, WORDS, Floats, Ints
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
    changed: dict[str, Any] = {"limits": p.limits.model_copy(update=limits)}
    if given.tpmt or given.nudt15:
        ancestry = _ancestry(p.pharmacogenetics, given)
        changed["pharmacogenetics"] = p.pharmacogenetics.model_copy(update={"ancestry": ancestry})
    return p.model_copy(update=changed)


def alleles_lost(genes: recipe.Pharmacogenetics, gene: str) -> Floats:
    """The share of alleles that have lost their function, one for each ancestry of the population."""
    return np.array([sum(getattr(genes, gene)[name].values()) for name in genes.ancestry]) / 100.0


def _ancestry(genes: recipe.Pharmacogenetics, given: Given) -> dict[str, float]:
    """The shares of the ancestries among those with these metabolisers (Bayes)."""
    shares = np.array(list(genes.ancestry.values()))
    for gene, word in (("tpmt", given.tpmt), ("nudt15", given.nudt15)):
        if word is not None:
            q = alleles_lost(genes, gene)
            shares = shares * np.array([(1 - q) ** 2, 2 * q * (1 - q), q**2])[METABOLISER.index(word)]
    if not shares.sum() > 0:
        raise BadInput("nobody in this population has these genes", remedy="Leave one of tpmt and nudt15 out")
    return dict(zip(genes.ancestry, (shares / shares.sum()).tolist(), strict=True))
