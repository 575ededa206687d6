"""Read a YAML file into a pydantic model. Every mistake is told with file, line, column and a remedy."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .errors import BadInput, nearest
from .quantity import Read
from .yaml_file import compose, construct, text_of

Location = Sequence[str | int]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Fault:
    """A mistake at a place inside a file: ``where`` is the path of keys and indices that leads to it."""

    where: tuple[str | int, ...]
    message: str
    remedy: str | None = None
    at_key: bool = False


class FaultyNode(ValueError):
    """Raised by checks that know the place of a mistake in the tree but not in the file."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def read_yaml(path: Path) -> Any:
    """The content of a YAML file as plain dicts, lists and scalars.

    Raises ``BadInput`` when the file cannot be opened, is not YAML or repeats a key.
    """
    return construct(compose(text_of(path), path), path)


def load(path: Path, model: type[Model], check: Callable[[Model], Iterable[Fault]] = lambda _: ()) -> Model:
    """Read ``path``, validate it as ``model`` and run ``check`` on the result.

    The first mistake (in the order of the file) is raised as ``BadInput`` with the place of the
    offending node; the message says how many more there are.
    """
    tree = read_yaml(path)
    if not isinstance(tree, dict):
        raise BadInput("the file holds no keys", path, 1, 1, f"Start with for example '{_first_field(model)}: ...'")
    try:
        entity = model.model_validate(tree)
    except ValidationError as error:
        raise complain(path, [fault_of(e, model) for e in _own(error.errors(include_url=False))]) from error
    faults = list(check(entity))
    if faults:
        raise complain(path, faults)
    return entity


def _own(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Without the lists that are too short only because their items are wrong."""
    places = [error["loc"] for error in errors]

    def follows(error: ErrorDetails) -> bool:
        here = error["loc"]
        return error["type"] == "too_short" and any(len(p) > len(here) and p[: len(here)] == here for p in places)

    return [error for error in errors if not follows(error)]


def complain(path: Path, faults: Sequence[Fault]) -> BadInput:
    """The first of the faults in the order of the file, with its line and column (from 1)."""
    root = compose(text_of(path), path)
    placed = sorted(((*_place(root, fault, path), fault) for fault in faults), key=lambda item: item[:2])
    line, column, first = placed[0]
    more = f" ({len(faults) - 1} more below)" if len(faults) > 1 else ""
    return BadInput(first.message + more, path, line, column, first.remedy)


def _place(root: Node | None, fault: Fault, path: Path) -> tuple[int, int]:
    """Line and column (from 1) of the deepest existing node on the way to the fault."""
    line, column = 0, 0
    node = root
    for depth, step in enumerate(fault.where):
        if isinstance(node, MappingNode):
            found = next(((key, value) for key, value in node.value if construct(key, path) == step), None)
            if found is None:
                continue  # a field that is not there, or a marker that pydantic adds
            key, node = found
            last = depth == len(fault.where) - 1
            mark = (node if isinstance(node, ScalarNode) and not (last and fault.at_key) else key).start_mark
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            mark = node.start_mark
        else:
            continue
        line, column = mark.line, mark.column
    return line + 1, column + 1


def fault_of(error: ErrorDetails, model: type[BaseModel]) -> Fault:
    """What pydantic found, in the words of a person who edits the file."""
    loc = tuple(error["loc"])
    kind = error["type"]
    name = str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        known = _fields(_type_at(model, loc[:-1]))
        near = nearest(name, known)
        if near is None and error["input"] is None:
            return Fault(loc, f"'{name}' has no value", "Put a text with commas or colons into quotes", at_key=True)
        remedy = f"Did you mean '{near}'?" if near else f"Known here: {', '.join(known)}"
        return Fault(loc, f"unknown key '{name}'", remedy, at_key=True)
    if kind == "missing":
        return Fault(loc, f"'{name}' is missing", _EXPECTED.get(name, f"Add `{name}: ...`"))
    if kind in ("literal_error", "enum"):
        if name == "[key]":
            loc = loc[:-1]
        allowed = _words(_type_at(model, loc)) or [str(error.get("ctx", {}).get("expected", ""))]
        word = str(error["input"])
        near = nearest(word, allowed)
        remedy = f"Did you mean '{near}'?" if near else f"Write one of: {', '.join(allowed)}"
        return Fault(loc, f"'{word}' is not known here", remedy, at_key=name == "[key]")
    if kind == "value_error":
        cause = error.get("ctx", {}).get("error")
        if isinstance(cause, FaultyNode):
            return Fault((*loc, *cause.fault.where), cause.fault.message, cause.fault.remedy, cause.fault.at_key)
        return _split(loc, str(cause))
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        wanted = _type_at(model, loc)
        remedy = _EXPECTED["quantity"] if getattr(wanted, "__name__", "") == "Quantity" else "Write `key: value` pairs"
        return Fault(loc, f"'{error['input']}' stands alone where a group of keys is expected", remedy)
    return Fault(loc, f"'{name}': {error['msg'].lower()} (found '{error['input']}')", _EXPECTED.get(name))


def _split(loc: tuple[str | int, ...], text: str) -> Fault:
    """Validators of this room say what is wrong and, after ': ' or in brackets, what would be right."""
    if "names its `source`" in text:
        return Fault(loc, text, _EXPECTED["source"])
    if "outside its stated range" in text:
        return Fault((*loc, "value"), text, "Correct the value, or the range")
    if text.startswith("unknown unit") and text.endswith(")"):
        what, _, form = text[:-1].partition(" (")
        return Fault(loc, what, form)
    what, found, form = text.partition(": add ")
    return Fault(loc, what, f"Add {form}" if found else None)


_EXPECTED = {
    "quantity": "Write it with its provenance: {value: 1.0, unit: L/h, source: author2020, read: abstract}",
    "unit": "Add `unit:`, for example L/h, 1/day, mg, umol/L, or - for a pure number",
    "read": f"Add `read:` with one of {', '.join(r.value for r in Read)}",
    "source": "Add `source:` with a key of sources.yaml, or say `read: assumed` with `because: ...`",
    "value": "Add `value:` with a number",
}


def _unwrap(kind: Any) -> Any:
    """``X | None`` and ``Annotated[X, ...]`` are X."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _unwrap(typing.get_args(kind)[0])
    if origin in (typing.Union, types.UnionType):
        rest = [a for a in typing.get_args(kind) if a is not type(None)]
        return _unwrap(rest[0]) if len(rest) == 1 else kind
    return kind


def _type_at(model: Any, loc: Location) -> Any:
    """The type that the model expects at a place (None when the place is unknown)."""
    kind: Any = model
    for step in loc:
        kind = _unwrap(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(step))
            kind = field.annotation if field else None
        elif typing.get_origin(kind) is dict:
            key, value = typing.get_args(kind)
            kind = key if loc[-1] == step and step not in _words(key) and _words(key) else value
        elif typing.get_origin(kind) in (list, tuple):
            kind = typing.get_args(kind)[0]
        else:
            return None
    return _unwrap(kind)


def _fields(kind: Any) -> list[str]:
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _words(kind: Any) -> list[str]:
    """The words that a Literal or an Enum allows."""
    kind = _unwrap(kind)
    if typing.get_origin(kind) is typing.Literal:
        return [str(a) for a in typing.get_args(kind)]
    if isinstance(kind, type) and hasattr(kind, "__members__"):
        return [str(m.value) for m in kind.__members__.values()]
    return []


def _first_field(model: type[BaseModel]) -> str:
    return next(iter(model.model_fields))
