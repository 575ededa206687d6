"""What results rest on, as hashes: by them a result is known to be that of this knowledge and this code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from remission.engine.identity import code_identity
from remission.knowledge.library import Library, using
from remission.knowledge.provenance import Row, provenance
from remission.patient import recipe
from remission.protocol.model import Protocol
from remission.trial.run import POPULATION
from remission.trial.sources import behind

if TYPE_CHECKING:
    from .scenario import Scenario

_FRAME = ("id", "days", "start_when", "recheck_days", "rest_days", "repeat_until", "repeat_times", "next", "entry")


@lru_cache(maxsize=8)
def everything(known: Library) -> str:
    """All files of the library, the code and the compiled core to the byte: for results kept on this machine."""
    return _hash([known.digest(), code_identity()])


def numbers(scenario: Scenario, known: Library) -> str:
    """Every number and every sentence that playing the scenario uses, whatever the files say besides (what is known,
    where it was read, in plain words): for results that travel with the package."""
    with using(known):
        return _hash([astuple(scenario), _treatment(scenario.treatment(known), known)])


@lru_cache(maxsize=64)
def _treatment(protocol: Protocol, known: Library) -> str:
    people = recipe.population(protocol.population or POPULATION)
    return _hash([
        behind(protocol, known, people).select("of", "path", "value", "unit").rows(),
        [[repr(getattr(phase, name)) for name in _FRAME] for phase in protocol.phases],
        repr((protocol.eligible, protocol.on_relapse)),
        _side_effects(known),
    ])  # fmt: skip


@lru_cache(maxsize=8)
def _side_effects(known: Library) -> str:
    return _hash([_values(provenance(known.side_effect(name))) for name in known.side_effects()])


def _values(rows: list[Row]) -> list[Any]:
    return [(row.path, row.value, row.unit) for row in rows if row.value is not None]


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
