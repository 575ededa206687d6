"""A protocol file as text: which sentence stands at which line and column.

The file is composed (ruamel.yaml), not constructed: every node keeps its place, and a sentence is cut out
of the text as it was written. ``day 29: marrow MRD`` is a mapping to YAML; here it is a sentence again.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..knowledge.errors import BadInput, nearest
from .model import Place

STANDARD_INPUT = Path("-")  # in the place of a file


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
        self.text = _read(path) if text is None else text
        self.root = self._compose()

    def _compose(self) -> MappingNode:
        try:
            root = YAML(typ="rt").compose(self.text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
            if "mapping values are not allowed" in str(error.problem):
                remedy = "A sentence with a second ': ' stands in quotes: - 'day 29: counts [open: why]'"
                raise BadInput("a ': ' too many for YAML", self.path, line, column, remedy) from error
            remedy = "Check indentation, colons, brackets and quotes near this place"
            raise BadInput(f"this is not YAML: {error.problem}", self.path, line, column, remedy) from error
        except YAMLError as error:
            raise BadInput(f"this is not YAML: {error}", self.path, remedy="Check the characters") from error
        if not isinstance(root, MappingNode):
            raise BadInput("the file holds no keys", self.path, 1, 1, "Start with: protocol: ID")
        return root

    def place(self, node: Node) -> Place:
        return Place(str(self.path), node.start_mark.line + 1, node.start_mark.column + 1)

    def bad(self, node: Node, message: str, remedy: str | None = None) -> BadInput:
        place = self.place(node)
        return BadInput(message, place.file, place.line, place.column, remedy)

    def keys(self, node: Node, known: tuple[str, ...], what: str) -> dict[str, tuple[Node, Node]]:
        """Key -> (node of the key, node of the value); an unknown or repeated key is a ``BadInput``."""
        if not isinstance(node, MappingNode):
            raise self.bad(node, f"{what} is written as keys and values", f"Known keys: {', '.join(known)}")
        out: dict[str, tuple[Node, Node]] = {}
        for key, value in node.value:
            if key.value not in known:
                near = nearest(str(key.value), known)
                remedy = f"Did you mean '{near}'?" if near else f"Known here: {', '.join(known)}"
                raise self.bad(key, f"unknown key '{key.value}' in {what}", remedy)
            if key.value in out:
                raise self.bad(key, f"the key '{key.value}' is written twice", "Keep one of the two")
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
            return Sentence(str(node.value).replace("\a", ""), place, start, end)  # ruamel marks folds with a bell
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
        if not text.isdigit():
            raise self.bad(node, f"{what} is a whole number, not '{text}'", f"Write for example {what}: 28")
        return int(text)


@lru_cache(maxsize=1)
def _standard_input() -> str:
    """What is piped in; read once, whoever asks again gets the same."""
    return sys.stdin.buffer.read().decode("utf-8")


def _read(path: Path) -> str:
    try:
        if path == STANDARD_INPUT:
            return _standard_input()
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the file cannot be read: {error.strerror}", path, remedy="Check the path") from error
    except UnicodeDecodeError as error:
        raise BadInput("the file is not UTF-8 text", path, remedy="Save it as UTF-8") from error
