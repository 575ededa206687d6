"""One real person, with typical values for what is not given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

import numpy as np

from remission.knowledge.care import SETTINGS
from remission.knowledge.errors import BadInput, nearest

from . import recipe
from .cohort import DONOR, LINEAGE, METABOLISER, SENSITIVITIES, SEX, Cohort
from .population import (
    age_factor,
    blast_share,
    bsa,
    later_factor,
    lc50_fold,
    marrow_blast_quantile,
    median_size,
    net_growth,
    relapse_factor,
    sensitivity,
    typical_creatinine,
)
from .ranges import RANGES


def one(
    *,
    age_y: float,
    sex: str,
    weight_kg: float | None = None,
    height_cm: float | None = None,
    population: str | Path | recipe.Population = "childhood-all",
    **fields: Any,
) -> Cohort:
    """A cohort of one person: age in years, sex 'female' or 'male' (or 'f', 'm'), kg and cm.

    Any field of `Cohort` may be given by name, words as words: ``lineage='B'``, ``subtype='ETV6::RUNX1'``,
    ``tpmt='intermediate'``, ``cns=2``, ``donor='sibling'``, ``relapsed=True``, ``prior_transplant=True``, counts in
    1e9/L, haemoglobin in g/dL, ``sensitivity={'vinca': 0.8}``.
    What is not given takes the typical value of the population at this age and sex; the subtype then is the one that
    the population names for the unknown, or the first of its ``only_subtypes``.

    Raises ``BadInput`` with a remedy for a word, a field or a value that cannot be.
    """
    p = population if isinstance(population, recipe.Population) else recipe.population(population)
    _known_fields(fields)
    age = _number("age_y", age_y)
    sex_index = _word("sex", _SHORT.get(str(sex).lower(), str(sex).lower()), SEX)

    def number(name: str, typical: Any) -> float:
        return _number(name, fields.get(name, typical))

    down = _yes("down", fields.get("down", False))
    median_height, median_weight = (
        float(x[0]) for x in median_size(p, np.array([age]), np.array([sex_index]), np.array([down]))
    )
    height = median_height if height_cm is None else _number("height_cm", height_cm)
    weight = median_weight * (height / median_height) ** 2 if weight_kg is None else _number("weight_kg", weight_kg)
    subtype, lineage = _disease(p, fields)
    overt = p.white_count["T" if lineage else "B"].median.value
    marrow = number("marrow_blasts", _typical_marrow(p))
    counts = p.remission.counts if p.remission else p.counts
    if p.remission:  # as many blasts in blood for each one in the marrow as in overt disease
        ratio = overt * float(blast_share(p, np.array(overt))) / float(marrow_blast_quantile(p, np.array(0.5)))
        wbc = number("wbc", p.remission.white_count.median.value + marrow * ratio)
        blasts = number("blood_blasts", min(marrow * ratio, wbc))
    else:
        wbc = number("wbc", overt)
        blasts = number("blood_blasts", wbc * blast_share(p, np.array(wbc)))
    if blasts > wbc:
        remedy = "Blood blasts are part of the white count"
        raise BadInput(f"{blasts:g} blasts among {wbc:g} white cells", remedy=remedy)
    anc = number("anc", min(counts.anc.median.value, wbc - blasts))
    if anc > wbc:
        raise BadInput(f"{anc:g} neutrophils among {wbc:g} white cells", remedy="Give wbc, of which they are a part")
    relapsed = _yes("relapsed", fields.get("relapsed", p.at == "relapse"))
    doubling_days = np.array(p.subtypes.doubling_time.values[p.subtypes.names[subtype]])
    genes = p.pharmacogenetics
    values: dict[str, Any] = {
        "patient": int(number("patient", 0)),
        "age_y": age,
        "sex": sex_index,
        "height_cm": height,
        "weight_kg": weight,
        "bsa_m2": number("bsa_m2", bsa(np.array(height), np.array(weight))),
        "lineage": lineage,
        "subtype": subtype,
        "wbc": wbc,
        "blood_blasts": blasts,
        "marrow_blasts": marrow,
        "anc": anc,
        "platelets": number("platelets", counts.platelets.median.value),
        "haemoglobin": number("haemoglobin", counts.haemoglobin.typical.value),
        "cns": 1 + _word("cns", str(fields.get("cns", 1)), ("1", "2", "3")),
        "ancestry": _word("ancestry", fields.get("ancestry", _most(genes.ancestry)), genes.names),
        "tpmt": _word("tpmt", fields.get("tpmt", "normal"), METABOLISER),
        "nudt15": _word("nudt15", fields.get("nudt15", "normal"), METABOLISER),
        "creatinine_umol_l": number("creatinine_umol_l", typical_creatinine(p, np.array(height))),
        "growth_per_day": number("growth_per_day", float(net_growth(p, doubling_days, np.array(relapsed)))),
        "down": down,
        "testes": _yes("testes", fields.get("testes", False)),
        "missed": number("missed", 0.0),
        "donor": _word("donor", fields.get("donor", "none"), DONOR),
        "relapsed": relapsed,
        "prior_transplant": _yes("prior_transplant", fields.get("prior_transplant", False)),
        "care_year": number("care_year", 0.0) if fields.get("care_year") else 0.0,
        "setting": _word("setting", fields.get("setting", SETTINGS[0]), SETTINGS),
    }
    whole = {
        "patient",
        "sex",
        "lineage",
        "subtype",
        "cns",
        "ancestry",
        "tpmt",
        "nudt15",
        "donor",
        "relapsed",
        "prior_transplant",
        "down",
        "testes",
        "setting",
    }
    arrays: dict[str, Any] = {k: np.array([v], dtype=np.int64 if k in whole else np.float64) for k, v in values.items()}
    kill = sensitivity(p, lc50_fold(p)[[subtype]]) * age_factor(p, np.array([age]))
    if values["relapsed"]:
        kill = kill * relapse_factor(p)
    for drug_class, factor in _factors(fields.get("sensitivity", {})).items():
        kill[0, SENSITIVITIES.index(drug_class)] = factor
    later = np.ones_like(kill) if values["relapsed"] else later_factor(p)[None, :]
    return Cohort(**arrays, sensitivity=kill, after_relapse=later, subtypes=p.subtypes.names, ancestries=genes.names)


_SHORT = {"f": "female", "m": "male"}


def _known_fields(given: Mapping[str, Any]) -> None:
    known = [f.name for f in fields_of(Cohort) if f.name not in ("subtypes", "scores")]
    for name in given:
        if name not in known:
            near = nearest(name, known)
            remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(known)}"
            raise BadInput(f"a patient has no '{name}'", remedy=remedy)


def _number(name: str, value: Any) -> float:
    low, high, unit = RANGES[name]
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{name} is '{value}', not a number", remedy=f"Give it in {unit}") from None
    if not low <= number <= high:  # also catches NaN
        raise BadInput(f"{name} is {number:g}", remedy=f"Expected {low:g} to {high:g} ({unit})")
    return number


def _word(name: str, word: Any, known: Sequence[str]) -> int:
    if word not in known:
        near = nearest(str(word), known)
        remedy = f"Did you mean '{near}'?" if near else f"Write one of: {', '.join(known)}"
        raise BadInput(f"{name} is '{word}'", remedy=remedy)
    return list(known).index(word)


def _yes(name: str, value: Any) -> int:
    if isinstance(value, bool | np.bool_) or (isinstance(value, int | np.integer) and value in (0, 1)):
        return int(value)
    raise BadInput(f"{name} is '{value}'", remedy="Write True or False")


def _most(shares: Mapping[str, float]) -> str:
    return max(shares, key=lambda name: shares[name])


def _typical_marrow(p: recipe.Population) -> float:
    if p.remission:
        return float(10.0**p.remission.residual.log10.value)
    return float(marrow_blast_quantile(p, np.array(0.5)))


def _disease(p: recipe.Population, fields: Mapping[str, Any]) -> tuple[int, int]:
    """Indices of subtype and lineage; one follows from the other when only one is given."""
    names, boundary = p.subtypes.names, len(p.subtypes.frequency.B)
    if "subtype" not in fields:
        lineage = _word("lineage", fields.get("lineage", "B"), LINEAGE)
        unknown = p.subtypes.unknown.T if lineage else p.subtypes.unknown.B
        among = [name for name in p.limits.only_subtypes if (names.index(name) >= boundary) == bool(lineage)]
        return names.index(among[0] if among else unknown), lineage
    subtype = _word("subtype", fields["subtype"], names)
    lineage = int(subtype >= boundary)
    if "lineage" in fields and _word("lineage", fields["lineage"], LINEAGE) != lineage:
        remedy = f"Leave the lineage out, or say {LINEAGE[lineage]}"
        raise BadInput(f"{names[subtype]} is not of lineage {fields['lineage']}", remedy=remedy)
    return subtype, lineage


def _factors(given: Any) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise BadInput(f"sensitivity is '{given}'", remedy="Name the classes, for example {'vinca': 0.8}")
    factors = {SENSITIVITIES[_word("sensitivity", name, SENSITIVITIES)]: value for name, value in given.items()}
    for name, value in factors.items():
        if not (isinstance(value, int | float) and 0 <= value <= 100):
            raise BadInput(f"sensitivity to {name} is '{value}'", remedy="Expected 0 to 100, 1 is typical")
    return factors
