"""The words that sentences may use: measurements with their units, values, units, agents.

Agents and side effects are those of the library in use (knowledge.library.using), which the reader sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from weakref import WeakKeyDictionary

from ..knowledge.library import Library, library

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
ASSAYS = ("flow", "PCR")  # of MRD
FRACTIONS = ("marrow blasts", "marrow MRD", "blood MRD")
TIME_POINTS = 4
AT_TIME_POINT = tuple(f"marrow MRD at time point {k}" for k in range(1, TIME_POINTS + 1))
SHARES = ("chimerism", "t315i", "chance", *AT_TIME_POINT)  # of donor cells in marrow, of T315I in the leukaemia, a lot
STATES = {
    "b cells": "per microlitre",
    "igg": "g/L",
    "relapses": "",
    "relapse month": "months",
    "crs": "",
    "neurotoxicity": "",
}
PERSON = {"age": "years", "weight": "kg", "bsa": "m2", "cns": "", "diagnosis wbc": "10^9/L"}
VALUES = {
    "sex": ("female", "male"),
    "lineage": ("B", "T"),
    "tpmt": ("normal", "intermediate", "poor"),
    "nudt15": ("normal", "intermediate", "poor"),
    "donor": ("none", "sibling", "unrelated", "haploidentical", "cord"),
    "ph": ("negative", "positive"),
    "down syndrome": ("no", "yes"),
    "remission": ("no", "yes"),
    "product": ("none", "in_manufacture", "ready", "failed", "infused"),
    "subtype": (
        "ETV6::RUNX1", "ETV6::RUNX1-like", "high hyperdiploid", "TCF3::PBX1", "BCR::ABL1", "BCR::ABL1-like", "KMT2A-r",
        "iAMP21", "low hypodiploid", "near haploid", "DUX4-r", "PAX5alt", "ZNF384-r", "MEF2D-r", "B-other",
        "T-ALL", "T-ALL near-ETP", "T-ALL ETP",
    ),
}  # fmt: skip
DEFINED = ("risk group", "genetics")  # their words are those of a file of risk groups
ORDINALS = ("second", "third", "fourth", "fifth", "sixth")  # holds after the first
EVER = " ever"  # after the name of a side effect: its worst grade so far
ALIASES = {
    "hb": "haemoglobin", "hgb": "haemoglobin", "hemoglobin": "haemoglobin", "neutrophils": "anc", "neutrophil": "anc",
    "plt": "platelets", "plts": "platelets", "platelet": "platelets", "leucocytes": "wbc", "leukocytes": "wbc",
}  # fmt: skip

CONCENTRATIONS = ("uM", "nM", "umol/L", "nmol/L", "mg/L", "ug/mL", "ng/mL", "IU/L", "IU/mL")


def measured() -> list[str]:
    """Every name that a condition may compare, agents (levels) apart."""
    return [*COUNTS, *FRACTIONS, *SHARES, *STATES, *PERSON, *VALUES, *DEFINED, *side_effects()]


def canonical(word: str, known: tuple[str, ...] | list[str]) -> str | None:
    """The known word that equals ``word`` but for case and spacing."""
    flat = " ".join(word.split()).lower()
    flat = ALIASES.get(flat, flat)
    return next((k for k in known if k.lower() == flat), None)


def side_effects() -> tuple[str, ...]:
    """The side effects of the library in use that begin by a hazard: a condition may ask for their grade of today. (Of
    those that are computed it asks for the count itself; `crs` and `neurotoxicity` are states.)"""
    return _own(library()).side_effects


def agents() -> tuple[str, ...]:
    """The names of the agents of the library in use."""
    return _own(library()).agents


def other_names(agent: str) -> tuple[str, ...]:
    """How else an agent is called."""
    if agent not in agents():
        return ()
    return tuple(name for name, some in library().all_names().items() if some == (agent,) and name != agent)


def tables_by_age(agent: str) -> tuple[str, ...]:
    """The names of an agent's tables of intrathecal doses by age."""
    return tuple(library().agent(agent).intrathecal_by_age) if agent in agents() else ()


def names_of_words() -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    """Agents' names that are no single word of the grammar (6-MP, E. coli asparaginase), and what makes one of them."""
    return _own(library()).names_of_words, _one_word


def _one_word(found: re.Match[str]) -> str:
    meant = library().meant_by(found[0])
    return meant[0] if len(meant) == 1 else re.sub(r"[^\w\-]+", "_", found[0])


def agent_meant(word: str) -> str:
    """The agent's file name for any of its names; the word itself (in small letters) when it means none or several."""
    if word.lower() in agents():
        return word.lower()
    meant = library().meant_by(word)
    return meant[0] if len(meant) == 1 else word.lower()


class _Own:
    """The words that one library brings."""

    def __init__(self, knowledge: Library) -> None:
        self.agents = tuple(knowledge.agents())
        self.side_effects = tuple(knowledge.side_effects(computed=False))
        names = [name for name in knowledge.all_names() if not _WORD.fullmatch(name)]
        spelled = (r"\s+".join(map(re.escape, name.split())) for name in sorted(names, key=len, reverse=True))
        self.names_of_words = re.compile(rf"(?<![\w.\-])(?:{'|'.join(spelled) or '(?!)'})(?![\w\-])", re.IGNORECASE)


_WORD = re.compile(r"[a-z][\w\-]*", re.IGNORECASE)  # of the grammar
_OWN: WeakKeyDictionary[Library, _Own] = WeakKeyDictionary()


def _own(knowledge: Library) -> _Own:
    if knowledge not in _OWN:
        _OWN[knowledge] = _Own(knowledge)
    return _OWN[knowledge]
