"""Patients as columns: one array per property, one entry per patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from remission.knowledge.agent import Sensitivity
from remission.knowledge.care import SETTINGS
from remission.knowledge.quantity import ANCESTRY as ANCESTRY

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SENSITIVITIES: tuple[str, ...] = get_args(Sensitivity)
OF_INDUCTION = 4  # the first of them, which are given in the first weeks
SHARED = "shared"  # said of what is no drug: it is felt as the drugs of induction are, to a power
METABOLISER = ("normal", "intermediate", "poor")
SEX = ("female", "male")
LINEAGE = ("B", "T")
DONOR = ("none", "sibling", "unrelated", "haploidentical", "cord")
# always in this order; a population with alleles of others adds them
PH = ("negative", "positive")
PH_SUBTYPE = "BCR::ABL1"
TOLD_ONCE = ("subtypes", "ancestries", "scores")  # fields that are not by patient
NO_COLUMNS = ("sensitivity", "after_relapse", *TOLD_ONCE)  # fields that are more, or less, than a column
# columns that hold indices, and their words
WORDS = {
    "sex": SEX,
    "lineage": LINEAGE,
    "tpmt": METABOLISER,
    "nudt15": METABOLISER,
    "donor": DONOR,
    "setting": SETTINGS,
}


@dataclass(frozen=True)
class Cohort:
    """N patients at entry (diagnosis, relapse or remission), structure of arrays (each of shape (N,) unless said
    otherwise). "Presenting" numbers are those at entry.

    Counts are in 1e9/L, haemoglobin in g/dL, sizes in the unit of the name.
    """

    patient: Ints  # number that keys all of the patient's chance
    age_y: Floats
    sex: Ints  # index into SEX
    height_cm: Floats
    weight_kg: Floats
    bsa_m2: Floats  # Mosteller
    lineage: Ints  # index into LINEAGE
    subtype: Ints  # index into subtypes
    wbc: Floats  # presenting leukocytes, 1e9/L
    blood_blasts: Floats  # presenting blasts in blood, 1e9/L
    marrow_blasts: Floats  # presenting blast fraction of marrow, 0..1
    anc: Floats  # presenting, 1e9/L
    platelets: Floats
    haemoglobin: Floats
    cns: Ints  # CNS status 1, 2, 3
    ancestry: Ints  # index into ancestries
    tpmt: Ints  # index into METABOLISER
    nudt15: Ints
    creatinine_umol_l: Floats
    growth_per_day: Floats  # net growth of the leukaemia at low burden
    down: Ints  # 1: Down syndrome
    testes: Ints  # 1: leukaemia that can be felt in a testis
    missed: Floats  # share of the doses of tablets at home that are missed, 0..1
    donor: Ints  # index into DONOR
    relapsed: Ints  # 1: has relapsed before or now
    prior_transplant: Ints  # 1: had a transplant before
    care_year: Floats  # calendar year in which the treatment begins; 0: that of the trials that numbers were fitted to
    setting: Ints  # index into SETTINGS
    sensitivity: Floats  # (N, len(SENSITIVITIES)): kill relative to the typical patient
    after_relapse: Floats  # (N, len(SENSITIVITIES)): times that from the first relapse in the course on
    subtypes: tuple[str, ...]
    ancestries: tuple[str, ...]
    # standard normal numbers that are known of the patients by their purpose (`body.person.individual`), each (N,);
    # others are drawn
    scores: Mapping[str, Floats] = field(default_factory=dict, compare=False)

    def __len__(self) -> int:
        return int(self.patient.shape[0])

    @property
    def ph(self) -> Ints:
        """Index into PH, by the subtype."""
        return (self.subtype == _place(PH_SUBTYPE, self.subtypes)).astype(np.int64)

    def take(self, index: Ints | slice) -> Cohort:
        """The same columns for some of the patients."""
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in TOLD_ONCE}
        scores = {purpose: z[index] for purpose, z in self.scores.items()}
        taken = {k: v[index] for k, v in parts.items()}
        return Cohort(**taken, subtypes=self.subtypes, ancestries=self.ancestries, scores=scores)


def answer(sensitivity: Floats) -> Floats:
    """ln of the geometric mean of the sensitivities to the drugs of induction, each counted as a hundredth at least."""
    return np.log(np.maximum(sensitivity[:, :OF_INDUCTION], 0.01)).mean(axis=1)


def sensitivity_to(sensitivity: Floats, by: str, power: float) -> Floats:
    """Sensitivity (N, classes) to what an agent's ``sensitivity`` names: a class, or `SHARED` with its power."""
    return np.exp(power * answer(sensitivity)) if by == SHARED else sensitivity[:, SENSITIVITIES.index(by)]


def _place(word: str, words: tuple[str, ...]) -> int:
    return words.index(word) if word in words else -1


def columns(cohort: Cohort) -> dict[str, NDArray[Any]]:
    """The cohort as a table: every field by its name and ``ph``, words ('female', 'B', 'ETV6::RUNX1', 'normal')
    instead of indices, and the sensitivities as one column a class ('sensitivity_vinca')."""
    words = {**WORDS, "subtype": cohort.subtypes, "ancestry": cohort.ancestries}
    table: dict[str, NDArray[Any]] = {}
    for name in (f.name for f in fields(cohort) if f.name not in NO_COLUMNS):
        values = getattr(cohort, name)
        table[name] = np.asarray(words[name])[values] if name in words else values
    table["ph"] = np.asarray(PH)[cohort.ph]
    for i, drug_class in enumerate(SENSITIVITIES):
        table[f"sensitivity_{drug_class}"] = cohort.sensitivity[:, i]
    return table
