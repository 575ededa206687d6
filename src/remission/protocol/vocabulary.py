"""The words that sentences may use: measurements with their units, values, units, agents."""

from __future__ import annotations

from functools import lru_cache

UNITS = (
    "mg/m2", "g/m2", "ug/m2", "IU/m2", "mg/kg", "ug/kg", "g/kg", "IU/kg", "cells/kg", "Mcells/kg",
    "mg", "g", "ug", "IU", "Gy", "cells", "Mcells", "dose",
)  # fmt: skip
CAP_UNITS = ("mg", "g", "ug", "IU", "cells", "Mcells")
DRUG_ROUTES = ("IV", "PO", "IT", "SC", "IM")  # IV/SC: either
ROUTES = (*DRUG_ROUTES, "RT", "collection")

# name in a condition -> unit in which its number is written ("" = a word, a grade or a fraction)
COUNTS = {
    "anc": "10^9/L",
    "platelets": "10^9/L",
    "haemoglobin": "g/dL",
    "wbc": "10^9/L",
    "lymphocytes": "10^9/L",
    "blood blasts": "per microlitre",
}
FRACTIONS = ("marrow blasts", "marrow MRD", "blood MRD")
SHARES = ("chimerism", "t315i")  # of donor cells in the marrow, of T315I in the leukaemia
STATES = {"b cells": "per microlitre", "igg": "g/L", "relapses": "", "crs": "", "neurotoxicity": ""}
PERSON = {"age": "years", "weight": "kg", "bsa": "m2", "cns": "", "diagnosis wbc": "10^9/L"}
VALUES = {
    "sex": ("female", "male"),
    "lineage": ("B", "T"),
    "tpmt": ("normal", "intermediate", "poor"),
    "nudt15": ("normal", "intermediate", "poor"),
    "donor": ("none", "sibling", "unrelated", "haploidentical", "cord"),
    "ph": ("negative", "positive"),
    "remission": ("no", "yes"),
    "product": ("none", "in_manufacture", "ready", "failed", "infused"),
}
ORDINALS = ("second", "third", "fourth", "fifth", "sixth")  # holds after the first
EVER = " ever"  # after the name of a side effect: its worst grade so far
ALIASES = {"hb": "haemoglobin"}

CONCENTRATIONS = ("uM", "nM", "umol/L", "nmol/L", "mg/L", "ug/mL", "ng/mL", "IU/L", "IU/mL")


def measured() -> list[str]:
    """Every name that a condition may compare, agents (levels) apart."""
    return [*COUNTS, *FRACTIONS, *SHARES, *STATES, *PERSON, *VALUES, *side_effects()]


def canonical(word: str, known: tuple[str, ...] | list[str]) -> str | None:
    """The known word that equals ``word`` but for case and spacing."""
    flat = " ".join(word.split()).lower()
    flat = ALIASES.get(flat, flat)
    return next((k for k in known if k.lower() == flat), None)


@lru_cache(maxsize=1)
def side_effects() -> tuple[str, ...]:
    """The side effects that begin by a hazard: a condition may ask for their grade of today. (Of those that are
    computed it asks for the count itself; `crs` and `neurotoxicity` are states.)"""
    from ..knowledge.library import library

    return tuple(library().side_effects(computed=False))


@lru_cache(maxsize=1)
def agents() -> tuple[str, ...]:
    """The names of the agents that knowledge holds."""
    from ..knowledge.library import library

    return tuple(library().agents())
