"""Where every number behind a thing comes from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from .agent import Note, Usual
from .body_file import Body
from .quantity import Quantity, Read

Where = tuple[str | int, ...]


@dataclass(frozen=True)
class Row:
    """One number (or one sentence of knowledge: ``value`` None) and how it is known.

    ``note`` holds what a calibrated number was fitted to, why a number was assumed, or the remark of the file.
    """

    path: str
    value: float | None
    unit: str | None
    read: str | None
    source: str | None
    note: str | None


def provenance(entity: Any) -> list[Row]:
    """Every quantity and note below ``entity`` (agent, body, model, dict or list), in the order of the file."""
    return [row for where, node in _walk(entity, ()) for row in _rows(where, node)]


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """How many numbers are read, calibrated, assumed, ...: from best to weakest; sentences are not counted."""
    tally = Counter(row.read for row in rows if row.value is not None)
    return {read.value: tally[read.value] for read in Read if tally[read.value]}


def sources_of(entity: Any) -> Iterator[tuple[Where, str]]:
    """The place and key of every source that is cited below ``entity``."""
    if isinstance(entity, BaseModel):
        source = getattr(entity, "source", None)
        if isinstance(source, str):
            yield (), source
        fields = type(entity).model_fields
        children: Iterable[tuple[str | int, Any]] = [(name, getattr(entity, name)) for name in fields]
    elif isinstance(entity, dict):
        children = entity.items()
    elif isinstance(entity, list | tuple):
        children = enumerate(entity)
    else:
        return
    for name, child in children:
        for where, key in sources_of(child):
            yield (name, *where), key


def _walk(node: Any, where: Where) -> Iterator[tuple[Where, Quantity | Note | Usual]]:
    if isinstance(node, Quantity | Note | Usual):
        yield where, node
    elif isinstance(node, Body):
        for name, quantity in node.items():
            yield (*where, name), quantity
    elif isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _walk(getattr(node, name), (*where, name))
    elif isinstance(node, dict):
        for key, child in node.items():
            yield from _walk(child, (*where, key))
    elif isinstance(node, list | tuple):
        for i, child in enumerate(node):
            yield from _walk(child, (*where, i))


def _rows(where: Where, node: Quantity | Note | Usual) -> Iterator[Row]:
    path = ".".join(str(part) for part in where)
    if isinstance(node, Usual):
        note = "; ".join(text for text in (node.because, node.note) if text) or None
        unit = f"{node.unit}/day" if node.per == "day" else node.unit
        units = {"low": unit, "high": unit, "at_most": re.sub("/(m2|kg)", "", unit), "course_high": node.unit}
        for bound in units:
            value = getattr(node, bound)
            if value is not None:
                yield Row(f"{path}.{bound}", value, units[bound], node.read.value, node.source, note)
    else:
        yield _row(path, node)


def _row(path: str, node: Quantity | Note) -> Row:
    if isinstance(node, Note):
        return Row(path, None, None, node.read, node.source, node.text)
    unit = f"{node.unit} per {node.per}" if node.per else node.unit
    note = "; ".join(text for text in (node.to and f"to: {node.to}", node.because, node.note) if text)
    return Row(path, node.value, unit, node.read.value, node.source, note or None)
