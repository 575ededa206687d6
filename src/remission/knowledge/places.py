"""Numbers of the knowledge files by their place, ``body/leukaemia.yaml: cycling.wake``: read, laid over, written.

The text of a file is changed only where a number stands, so comments and order stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .errors import BadInput, nearest
from .library import ROOMS, Library, library
from .writing import write_whole
from .yaml_file import checked, compose, construct, text_of

FORM = "Write for example: body/leukaemia.yaml: cycling.wake"
DIGITS = 6


@dataclass(frozen=True, order=True)
class Place:
    """Where a number stands: room and name of the file, and the keys that lead to it.

    Within a list an item is named by its number from 0, or by what it holds: ``effects.on=blasts.max``. Keys that lead
    to a quantity mean its ``value``.
    """

    room: str
    name: str
    keys: str

    def __str__(self) -> str:
        return f"{self.room}/{self.name}.yaml: {self.keys}"


@dataclass(frozen=True)
class Provenance:
    """How a number is known from now on: ``calibrated``, to what."""

    to: str


def place(text: str) -> Place:
    """``ROOM/NAME.yaml: keys.with.dots``; raises `BadInput`."""
    file, colon, keys = (part.strip() for part in text.partition(":"))
    room, slash, name = file.partition("/")
    if not (colon and slash and keys and name.endswith(".yaml")):
        raise BadInput(f"'{text}' names no number of a knowledge file", remedy=FORM)
    if room not in ROOMS:
        near = nearest(room, ROOMS)
        raise BadInput(f"there is no folder '{room}'", remedy=f"Did you mean '{near}'?" if near else ", ".join(ROOMS))
    return Place(room, name.removesuffix(".yaml"), keys)


def number(where: Place, shelf: Library | None = None) -> float:
    """The number at a place of the library; raises `BadInput` with the nearest key."""
    path = (shelf or library()).file(where.room, where.name)
    return float(construct(_find(compose(text_of(path), path), where, path)[-1], path))


def laid_over(numbers: Mapping[Place, float], folder: Path, shelf: Library | None = None) -> Library:
    """The library with other numbers: the changed files are written into ``folder``, which comes before the others.

    Everything that is drawn from them follows: populations that are ``like`` a changed one too.
    """
    shelf = shelf or library()
    for path, text in changed(numbers, shelf).items():
        write_whole(_in(folder, path), text)
    if any(where.room == "populations" for where in numbers):
        for name in shelf.populations():  # one that is `like` another looks for it beside itself
            path = shelf.file("populations", name)
            if not _in(folder, path).exists():
                write_whole(_in(folder, path), text_of(path))
    return shelf.below(folder) if numbers else shelf


def changed(
    numbers: Mapping[Place, float], shelf: Library | None = None, known: Provenance | None = None
) -> dict[Path, str]:
    """The texts of the files with other numbers in them, by file; with ``known`` their provenance too."""
    shelf = shelf or library()
    files: dict[Path, dict[Place, float]] = {}
    for where, value in numbers.items():
        files.setdefault(shelf.file(where.room, where.name), {})[where] = value
    return {path: _with(path, inside, known) for path, inside in files.items()}


def written(value: float) -> str:
    """A number as it is written into a file."""
    return f"{value:.{DIGITS}g}"


def _with(path: Path, numbers: Mapping[Place, float], known: Provenance | None) -> str:
    text = text_of(path)
    root = compose(text, path)
    edits: dict[tuple[int, int], str] = {}
    for where, value in numbers.items():
        nodes = _find(root, where, path)
        edits[_span(nodes[-1])] = written(value)
        if known is not None:
            edits |= _provenance(nodes, known, where, path)
    for (start, end), new in sorted(edits.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return checked(text, path)


def _find(root: Node | None, where: Place, path: Path) -> list[Node]:
    """The nodes on the way to the number, the number last."""
    if root is None:
        raise BadInput("the file holds nothing", path)
    way, rest = [root], where.keys
    while rest:
        node, rest = _step(way[-1], rest, path)
        way.append(node)
    if isinstance(way[-1], MappingNode) and (value := _child(way[-1], "value", path)) is not None:
        way.append(value)
    last = way[-1]
    value = construct(last, path) if isinstance(last, ScalarNode) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        names = [str(construct(key, path)) for key, _ in last.value] if isinstance(last, MappingNode) else []
        remedy = f"Go on with one of: {', '.join(names)}" if names else FORM
        raise BadInput(f"'{where}' is no number", path, last.start_mark.line + 1, remedy=remedy)
    return way


def _step(node: Node, rest: str, path: Path) -> tuple[Node, str]:
    """The child that the longest beginning of the keys names, and what is left of them (a key may have dots in it)."""
    parts = rest.split(".")
    names: list[str] = []
    if isinstance(node, MappingNode):
        children = {str(construct(key, path)): value for key, value in node.value}
        names = list(children)
        for n in range(len(parts), 0, -1):
            if (key := ".".join(parts[:n])) in children:
                return children[key], ".".join(parts[n:])
    elif isinstance(node, SequenceNode):
        names = [str(i) for i in range(len(node.value))]
        if parts[0] in names:
            return node.value[int(parts[0])], ".".join(parts[1:])
        key, found, word = parts[0].partition("=")
        fitting = [one for one in node.value if found and _holds(one, key, word, path)]
        if len(fitting) == 1:
            return fitting[0], ".".join(parts[1:])
        if fitting:
            what = f"{len(fitting)} items have '{parts[0]}'"
            raise BadInput(what, path, node.start_mark.line + 1, remedy=f"Give the number of one: {', '.join(names)}")
    near = nearest(parts[0], names)
    known = f"Known here: {', '.join(names[:20])}" if names else "The number stands further up"
    remedy = f"Did you mean '{near}'?" if near else known
    raise BadInput(f"there is no '{parts[0]}' here", path, node.start_mark.line + 1, remedy=remedy)


def _holds(node: Node, key: str, word: str, path: Path) -> bool:
    child = _child(node, key, path) if isinstance(node, MappingNode) else None
    return isinstance(child, ScalarNode) and str(construct(child, path)) == word


def _child(node: MappingNode, name: str, path: Path) -> Node | None:
    return next((value for key, value in node.value if construct(key, path) == name), None)


def _span(node: Node) -> tuple[int, int]:
    return node.start_mark.index, node.end_mark.index


def _provenance(nodes: list[Node], known: Provenance, where: Place, path: Path) -> dict[tuple[int, int], str]:
    """The edits that make the nearest group with a ``read`` one that is calibrated."""
    groups = (node for node in reversed(nodes) if isinstance(node, MappingNode))
    group = next((node for node in groups if _child(node, "read", path) is not None), None)
    if group is None:
        raise BadInput(f"'{where}' has no provenance around it", path, nodes[-1].start_mark.line + 1)
    read = _child(group, "read", path)
    assert read is not None
    to = f"to: {json.dumps(known.to, ensure_ascii=False)}"
    known_keys = {str(construct(key, path)): (key, value) for key, value in group.value}
    edits: dict[tuple[int, int], str] = {}
    if "because" in known_keys:  # why it was assumed stays as a note
        key, value = known_keys["because"]
        if "note" in known_keys:
            edits[key.start_mark.index, value.end_mark.index] = to
        else:
            edits[_span(key)] = "note"
    if "to" in known_keys:
        key, value = known_keys["to"]
        edits[key.start_mark.index, value.end_mark.index] = to
    apart = ", " if group.flow_style else "\n" + " " * group.start_mark.column
    edits[_span(read)] = "calibrated" if to in edits.values() else f"calibrated{apart}{to}"
    return edits


def _in(folder: Path, path: Path) -> Path:
    target = folder / path.parent.name / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
