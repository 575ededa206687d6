"""Files of nested names whose leaves are quantities: the body, its assays, its hazards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .errors import BadInput, nearest
from .loader import Fault, complain, fault_of, read_yaml
from .quantity import Quantity

Leaf = Quantity | str


class Body:
    """Quantities under dotted names: ``body["neutrophils.mean_transit_time"]``.

    Iteration runs over the dotted names of the quantities in the order of the file. Words (the form
    of an equation, a description) are reached with ``text``, the names below a name with ``children``.
    """

    def __init__(self, name: str, leaves: dict[str, Leaf]) -> None:
        self.name = name
        self._leaves = leaves

    def __getitem__(self, path: str) -> Quantity:
        leaf = self._leaves.get(path)
        if isinstance(leaf, Quantity):
            return leaf
        names = list(self)
        near = nearest(path, names) or next((n for n in names if n.endswith("." + path)), None)
        what = "holds no number" if leaf is None else "holds words, not a number, at"
        raise BadInput(f"{self.name} {what} '{path}'", remedy=f"Did you mean '{near}'?" if near else None)

    def __iter__(self) -> Iterator[str]:
        return (name for name, leaf in self._leaves.items() if isinstance(leaf, Quantity))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, path: object) -> bool:
        return isinstance(self._leaves.get(str(path)), Quantity)

    def items(self) -> Iterator[tuple[str, Quantity]]:
        return ((name, leaf) for name, leaf in self._leaves.items() if isinstance(leaf, Quantity))

    def number(self, path: str, unit: str, otherwise: float) -> float:
        """In that unit; ``otherwise`` where the file does not have it."""
        return self[path].to_unit(unit) if path in self else otherwise

    def text(self, path: str) -> str:
        """The words at a name; ``BadInput`` when there are none."""
        leaf = self._leaves.get(path)
        if isinstance(leaf, str):
            return leaf
        words = [n for n, v in self._leaves.items() if isinstance(v, str)]
        near = nearest(path, words)
        raise BadInput(f"{self.name} holds no words at '{path}'", remedy=f"Did you mean '{near}'?" if near else None)

    def children(self, path: str = "") -> list[str]:
        """The names directly below a name, in the order of the file."""
        prefix = f"{path}." if path else ""
        return list(dict.fromkeys(n[len(prefix) :].split(".")[0] for n in self._leaves if n.startswith(prefix)))


def read_body(path: Path) -> Body:
    """Read a file of nested names. A bare number is a mistake: it has no provenance."""
    tree = read_yaml(path)
    if not isinstance(tree, dict):
        raise BadInput("the file holds no names", path, 1, 1, "Write `name: {value: ..., unit: ..., read: ...}`")
    leaves: dict[str, Leaf] = {}
    faults = list(_collect(tree, (), leaves))
    if faults:
        raise complain(path, faults)
    return Body(path.stem, leaves)


def _collect(node: dict[str, Any], where: tuple[str | int, ...], leaves: dict[str, Leaf]) -> Iterator[Fault]:
    for key, value in node.items():
        here = (*where, key)
        name = ".".join(str(part) for part in here)
        if isinstance(value, dict) and ("value" in value or "read" in value):
            try:
                leaves[name] = Quantity.model_validate(value)
            except ValidationError as error:
                for e in error.errors(include_url=False):
                    fault = fault_of(e, Quantity)
                    yield Fault((*here, *fault.where), fault.message, fault.remedy, fault.at_key)
        elif isinstance(value, dict):
            yield from _collect(value, here, leaves)
        elif isinstance(value, str):
            leaves[name] = value
        else:
            yield Fault(
                here,
                f"'{key}' is a bare value without provenance",
                "Write {value: ..., unit: ..., source: ..., read: ...}",
            )
