"""A protocol file as text: which sentence stands at which line and column.

The file is composed, not constructed: every node keeps its place, and a sentence is cut out
of the text as it was written. ``day 29: marrow MRD`` is a mapping to YAML; here it is a sentence again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..knowledge import limits
from ..knowledge.errors import BadInput, nearest
from ..knowledge.yaml_file import checked, compose, text_of
from .model import Place


class Sentence(NamedTuple):
    text: str  # as written, line breaks included
    place: Place  # of its first letter
    start: int = 0  # in the text of the file, quotes included
    end: int = 0

    def at(self, offset: int) -> Place:
        """The place of one character of the sentence."""
        before = self.text[:offset]
        row = before.count("\n")
        column = offset - before.rfind("\n") if row else self.place.column + offset
        return Place(self.place.file, self.place.line + row, column)

    def bad(self, offset: int, message: str, remedy: str | None = None) -> BadInput:
        place = self.at(min(offset, len(self.text)))
        return BadInput(message, place.file, place.line, place.column, remedy)


class Text:
    """The text of one file and its tree of nodes. Raises ``BadInput`` when it cannot be read as YAML."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        most = limits.PROTOCOL_BYTES
        self.text = text_of(path, most) if text is None else checked(text, path, most)
        self.root = self._compose()

    def _compose(self) -> MappingNode:
        root = compose(self.text, self.path)
        if not isinstance(root, MappingNode):
            table = self.path.suffix.lower() in (".csv", ".tsv", ".json", ".parquet")
            remedy = "Doses of a table: simulate --doses FILE, in Python simulate(doses=read(FILE))" if table else ""
            raise BadInput("the file holds no keys", self.path, 1, 1, remedy or "Start with: protocol: ID")
        return root

    def place(self, node: Node) -> Place:
        return Place(str(self.path), node.start_mark.line + 1, node.start_mark.column + 1)

    def bad(self, node: Node, message: str, remedy: str | None = None) -> BadInput:
        place = self.place(node)
        return BadInput(message, place.file, place.line, place.column, remedy)

    def keys(
        self, node: Node, known: tuple[str, ...], what: str, tell: Callable[[BadInput, Node], None]
    ) -> dict[str, tuple[Node, Node]]:
        """Key -> (node of the key, node of the value). An unknown or repeated key is told, with the node of its value,
        and left out; raises ``BadInput`` when there are no keys."""
        if not isinstance(node, MappingNode):
            raise self.bad(node, f"{what} is written as keys and values", f"Known keys: {', '.join(known)}")
        out: dict[str, tuple[Node, Node]] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.value not in known:
                near = nearest(shown(key), known)
                remedy = f"Did you mean '{near}'?" if near else f"Known here: {', '.join(known)}"
                tell(self.bad(key, f"unknown key '{shown(key)}' in {what}", remedy), value)
            elif key.value in out:
                tell(self.bad(key, f"the key '{key.value}' is written twice", "Keep one of the two"), value)
            else:
                out[key.value] = (key, value)
        return out

    def items(self, node: Node) -> list[Node]:
        """The items of a list (an empty value is an empty list)."""
        if isinstance(node, ScalarNode) and not node.value:
            return []
        if not isinstance(node, SequenceNode):
            raise self.bad(node, "a list is expected here", "Write one '- ...' on each line")
        return list(node.value)

    def sentence(self, node: Node) -> Sentence:
        """A scalar, or the mapping that YAML makes of 'words: words', as the sentence that was written."""
        first, last = node, node
        if isinstance(node, MappingNode) and len(node.value) == 1 and not node.flow_style:
            first, last = node.value[0]
        if not (isinstance(first, ScalarNode) and isinstance(last, ScalarNode)):
            raise self.bad(node, "a sentence is expected here", "Write it on one line, in quotes if it holds brackets")
        start, end = first.start_mark.index, last.end_mark.index
        place = self.place(first)
        if first is not last:
            return Sentence(self.text[start:end], place, start, end)
        assert isinstance(first, ScalarNode)
        style = first.style
        if style in ("|", ">"):
            return Sentence(str(node.value), place, start, end)
        raw = self.text[start:end]
        if style in ("'", '"'):
            raw = raw[1:-1].replace("''", "'") if style == "'" else raw[1:-1].replace('\\"', '"')
            place = Place(place.file, place.line, place.column + 1)
        return Sentence(raw, place, start, end)

    def words(self, node: Node) -> str:
        """Plain text: line breaks become spaces."""
        return " ".join(self.sentence(node).text.split())

    def number(self, node: Node, what: str) -> int:
        text = self.words(node)
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise self.bad(node, f"{what} is a whole number, not '{text[:40]}'", f"Write for example {what}: 28")
        return int(text)

    def cut(self, node: Node) -> str:
        """The text of a node as it stands in the file."""
        return self.text[node.start_mark.index : node.end_mark.index]


def shown(node: Node) -> str:
    """A key as it is told in a message."""
    text = str(node.value) if isinstance(node, ScalarNode) else "[...]"
    return text if len(text) <= 40 else text[:40] + "..."
