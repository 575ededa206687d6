"""Whom a protocol is for: its ``for:`` line judged on patients at entry."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remission.knowledge.errors import BadInput
from remission.protocol.model import And, Compare, Condition, Defined, Not, Or
from remission.protocol.vocabulary import VALUES

Columns = dict[str, NDArray[Any]]

COLUMN = {  # word of the protocol language -> column of the cohort
    "age": "age_y",
    "weight": "weight_kg",
    "bsa": "bsa_m2",
    "sex": "sex",
    "cns": "cns",
    "lineage": "lineage",
    "tpmt": "tpmt",
    "nudt15": "nudt15",
    "diagnosis wbc": "wbc",
    "donor": "donor",
    "ph": "ph",
    "subtype": "subtype",
    "down syndrome": "down",
    "relapses": "relapsed",
}
OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}


def eligible(condition: Condition | None, patients: Columns) -> NDArray[np.bool_]:
    """Who of the patients (columns as `remission.patient.cohort.columns` gives them) meets the condition, shape (N,).

    `BadInput` when the condition asks for something that is not known at diagnosis.
    """
    match condition:
        case None:
            return np.ones(len(patients["age_y"]), dtype=bool)
        case And(items):
            return np.logical_and.reduce([eligible(item, patients) for item in items])
        case Or(items):
            return np.logical_or.reduce([eligible(item, patients) for item in items])
        case Not(item):
            return ~eligible(item, patients)
        case Defined():
            return eligible(condition.plain, patients)
        case Compare(name, op, value):
            if name not in COLUMN:
                raise BadInput(f"'{name}' is not known at diagnosis", remedy="Use " + ", ".join(COLUMN))
            if name == "down syndrome":
                value = VALUES[name].index(str(value))
            return np.asarray(OPERATORS[op](patients[COLUMN[name]], value), dtype=bool)
