"""From a quantity with spread and covariates to one number per patient."""

from __future__ import annotations

import numpy as np

from remission.knowledge.care import SETTINGS
from remission.knowledge.errors import BadInput
from remission.knowledge.quantity import Covariate, Quantity
from remission.patient import chance
from remission.patient.cohort import LINEAGE, METABOLISER, SEX, Cohort, Floats

WORDS = {"sex": SEX, "tpmt": METABOLISER, "nudt15": METABOLISER, "lineage": LINEAGE, "setting": SETTINGS}


def individual(quantity: Quantity, unit: str, cohort: Cohort, *, seed: int, purpose: str) -> Floats:
    """The parameter of every patient, shape (N,), in ``unit``.

    value * size * covariates * exp(omega z), omega = sqrt(ln(1 + cv^2)); z is the patient's own
    standard normal draw for this ``purpose``, or what the cohort knows of it (``scores``). Raises ``BadInput`` when the
    unit does not fit.
    """
    try:
        value = quantity.to_unit(unit)
    except ValueError as error:
        raise BadInput(f"{purpose}: {error}", remedy=f"give it in a unit that converts to {unit}") from error
    out = np.full(len(cohort), value)
    if quantity.per == "bsa":
        out *= cohort.bsa_m2
    elif quantity.per == "bsa/1.73":
        out *= cohort.bsa_m2 / 1.73
    elif quantity.per == "weight":
        out *= cohort.weight_kg
    for covariate in quantity.covariates:
        out *= _factor(covariate, cohort)
    if quantity.iiv_cv:
        omega = float(np.sqrt(np.log1p(quantity.iiv_cv**2)))
        z = cohort.scores.get(purpose)
        out *= np.exp(omega * (chance.normals(seed, cohort.patient, chance.purpose(purpose)) if z is None else z))
    return out


def _factor(covariate: Covariate, cohort: Cohort) -> Floats:
    x = np.asarray(getattr(cohort, covariate.on), dtype=float)
    if covariate.map is not None:
        words = cohort.ancestries if covariate.on == "ancestry" else WORDS[covariate.on]
        table = np.array([covariate.map.get(word, 1.0) for word in words])
        return table[x.astype(int)]
    if covariate.yearly is not None:
        assert covariate.reference is not None
        years = covariate.reference - np.clip(x, covariate.above or -np.inf, covariate.below or np.inf)
        whom = (x > 0.0) & (cohort.age_y >= (covariate.from_age_y or 0.0))
        whom &= cohort.age_y < (np.inf if covariate.to_age_y is None else covariate.to_age_y)
        if covariate.setting is not None:
            whom &= np.asarray(cohort.setting) == SETTINGS.index(covariate.setting)
        return covariate.yearly ** np.where(whom, years, 0.0)
    inside = np.ones(len(x), dtype=bool)
    if covariate.above is not None:
        inside &= x > covariate.above
    if covariate.below is not None:
        inside &= x <= covariate.below
    if covariate.factor is not None:
        return np.where(inside, covariate.factor, 1.0)
    assert covariate.reference is not None and covariate.power is not None
    x = np.minimum(x, np.inf if covariate.until is None else covariate.until)
    return np.where(inside, (x / covariate.reference) ** covariate.power, 1.0)
