"""Every number behind a protocol or a run, in one table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from remission.knowledge.library import Library
from remission.knowledge.provenance import Row, counts, provenance
from remission.protocol.include import apart
from remission.protocol.logic import words_of
from remission.protocol.model import Check, Decide, Give, Protocol, Provenance, Rule
from remission.protocol.write import condition

_SCHEMA = {
    "of": pl.String,  # agent vincristine, body marrow, population childhood-all, protocol cog-standard-risk
    "path": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "read": pl.String,
    "source": pl.String,
    "note": pl.String,
}


def behind(protocol: Protocol, library: Library, population: Any = None) -> pl.DataFrame:
    """The numbers that playing a protocol rests on: its sentences (no value; ``read`` is cited, memory, assumed or
    open), the agents it gives, the body, and the population when one is named."""
    parts: list[tuple[str, list[Row]]] = [(f"protocol {protocol.id}", list(_sentences(protocol)))]
    parts += [(f"agent {name}", of_agent(library, name)) for name in agents_of(protocol)]
    parts += [(f"body {name}", of_body(library, name)) for name in library.bodies()]
    if population is not None:
        parts.append((f"population {population.name}", provenance(population)))
    return _table(parts)


def of_agent(library: Library, name: str) -> list[Row]:
    return library.kept(f"numbers of the agent {name}", lambda: provenance(library.agent(name)))


def of_body(library: Library, name: str) -> list[Row]:
    return library.kept(f"numbers of the body {name}", lambda: provenance(library.body(name)))


def as_table(of: str, rows: list[Row]) -> pl.DataFrame:
    """Rows of provenance as a table, one row a number or sentence."""
    return _table([(of, rows)])


def _table(parts: list[tuple[str, list[Row]]]) -> pl.DataFrame:
    rows = [(of, row.path, row.value, row.unit, row.read, row.source, row.note) for of, some in parts for row in some]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def tally(table: pl.DataFrame) -> dict[str, int]:
    """How many of the numbers are read, calibrated, assumed, ...: from best to weakest."""
    columns = ("path", "value", "unit", "read", "source", "note")
    return counts(Row(**row) for row in table.select(columns).iter_rows(named=True))


def agents_of(protocol: Protocol) -> list[str]:
    """The agents that a protocol gives, in alphabetical order, those of rescues included."""
    given = {give.agent for phase in protocol.phases for give in phase.give}
    rules = [rule for phase in protocol.phases for rule in phase.rules] + list(protocol.rules)
    return sorted(given | {rule.action.give.agent for rule in rules if hasattr(rule.action, "give")})


def _sentences(protocol: Protocol) -> Iterator[Row]:
    """One row a sentence as it is written, those of supportive care once for all phases."""
    blocks = {block.id: block for phase in protocol.phases for block in phase.blocks}
    for block in blocks.values():
        for give in block.give:
            yield _sentence(f"{block.id}: {give.text}", give.provenance)
    for phase in map(apart, protocol.phases):
        items: tuple[Give | Check | Decide | Rule, ...] = (*phase.give, *phase.check, *phase.decide, *phase.rules)
        for item in items:
            yield _sentence(f"{phase.id}: {item.text}", item.provenance)
    for word in words_of(protocol):
        yield _sentence(f"{word.file}: {condition(word)}", word.provenance)
    for rule in protocol.rules:
        yield _sentence(rule.text, rule.provenance)


def _sentence(text: str, known: Provenance) -> Row:
    cited = [source for source in known.sources if source != "memory"]
    read = "assumed" if known.assumed else "cited" if cited else "memory" if known.sources else "open"
    note = "; ".join(part for part in (known.assumed, known.open and f"open: {known.open}") if part)
    return Row(text, None, None, read, ", ".join(cited) or None, note or None)
