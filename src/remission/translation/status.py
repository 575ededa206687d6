"""What a language lacks, and what is wrong with what it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..locale import KNOWN, LANGUAGES, TRANSLATED
from ..locale.catalogue import KINDS, Kind
from .checks import faults
from .filed import Filed
from .terms import term_base, terms_of
from .units import Unit, units


@dataclass(frozen=True)
class Lack:
    """A unit that is not as it should be: missing, old, fuzzy, or ``what`` is wrong with it."""

    unit: Unit
    what: str

    def __str__(self) -> str:
        return f"{self.unit.kind} {self.unit.id or self.unit.where}: {self.what} [{self.unit.english[:60]}]"


def lacks(key: str, kinds: tuple[Kind, ...] = KINDS) -> Iterator[Lack]:
    """Everything that is missing, old, fuzzy or wrong in a language."""
    filed, terms = Filed.of(key), terms_of(key)
    for unit in units():
        if unit.kind not in kinds:
            continue
        state, said = filed.state(unit), filed.text(unit)
        if said is None:
            yield Lack(unit, state)
            continue
        for fault in faults(unit, said, key, terms):
            yield Lack(unit, fault)


def table() -> list[dict[str, object]]:
    """One row a language: how many texts there are, how many are done, missing and old, by kind."""
    rows: list[dict[str, object]] = []
    for key in TRANSLATED:
        known = KNOWN[key]
        filed = Filed.of(key)
        counts = Counter((unit.kind, filed.state(unit)) for unit in units())
        terms = terms_of(key).terms
        row: dict[str, object] = {"language": key, "name": known.english, "published": key in LANGUAGES,
                                  "terms": f"{len(terms)} of {len(term_base().terms)}"}  # fmt: skip
        for kind in KINDS:
            done = counts[kind, "done"]
            row[kind] = f"{done} of {sum(n for (k, _), n in counts.items() if k == kind)}"
        row["missing"] = sum(n for (_, state), n in counts.items() if state == "missing")
        row["old"] = sum(n for (_, state), n in counts.items() if state in ("old", "fuzzy"))
        rows.append(row)
    return rows
