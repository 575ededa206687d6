"""YAML files as text and as trees, within the bounds of limits.py: whatever they hold is read or refused at once.

libyaml (through PyYAML) cuts the text into events, ``compose`` makes nodes of them that know their places, and
``construct`` dicts, lists and scalars by the core schema of YAML 1.2 (``on`` and ``no`` are words, 2027-01-04 is text).
"""

from __future__ import annotations

import math
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml.error import Mark, MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from . import limits
from .errors import BadInput

# control characters, line ends that editors do not show, halves of surrogate pairs, marks of byte order, noncharacters
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


STANDARD_INPUT = Path("-")  # in the place of a file


@lru_cache(maxsize=1)
def _piped(most: int) -> bytes:
    """What is piped in; read once, whoever asks again gets the same."""
    return sys.stdin.buffer.read(most)


def is_file(path: Path) -> bool:
    """Whether a file of that name is there; no name is too long or too strange to ask for."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def beside(file: Path, name: str) -> Path | None:
    """The file ``name``.yaml in the folder of another one; None when there is none."""
    plain = re.fullmatch(r"[\w .\-]{1,200}", name) is not None
    return found if plain and is_file(found := file.with_name(f"{name}.yaml")) else None


def text_of(path: Path, most: int = limits.FILE_BYTES) -> str:
    """The text of a file. Raises ``BadInput`` for one that cannot be opened, is too long or holds what is no text."""
    try:
        if path == STANDARD_INPUT:
            raw = _piped(most + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(most + 1)
    except OSError as error:
        raise BadInput(f"the file cannot be read: {error.strerror}", path, remedy="Check the path") from error
    except ValueError as error:  # a NUL in the path
        raise BadInput(f"the file cannot be read: {error}", remedy="Check the path") from error
    if len(raw) > most:
        raise BadInput(f"the file is longer than {most:,} bytes", path, remedy="Is it the right one? Else split it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadInput("the file is not UTF-8 text", path, line, remedy="Save it as UTF-8") from error
    return checked(text.replace("\r\n", "\n").replace("\r", "\n"), path, most)


def checked(text: str, path: Path, most: int = limits.FILE_BYTES) -> str:
    """The text, unless it is longer than ``most`` letters or holds a character that is no text."""
    if len(text) > most:
        raise BadInput(f"the text is longer than {most:,} letters", path, remedy="Split it")
    if strange := _NO_TEXT.search(text):
        at = strange.start()
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        raise BadInput(f"a character that is no text (code {ord(strange[0])})", path, line, column, "Take it out")
    return text


# where PyYAML was built without libyaml, the same events in twenty times the time
_Events: Any = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader


def compose(text: str, path: Path) -> Node | None:
    """The tree of nodes with their places; None for an empty text. Raises ``BadInput``."""
    try:
        return _Composer(_Events(text)).root
    except _TooMuch as error:
        _refuse(str(error.problem), path, error.problem_mark, "Write the file plainer")
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if "mapping values are not allowed" in str(error.problem):
            remedy = "A sentence with a second ': ' stands in quotes: - 'day 29: counts [open: why]'"
            _refuse("a ': ' too many for YAML", path, mark, remedy)
        remedy = "Check indentation, colons, brackets and quotes near this place"
        _refuse(f"this is not YAML: {error.problem}", path, mark, remedy)
    except YAMLError as error:
        raise BadInput(f"this is not YAML: {error}", path, remedy="Check the characters") from error


def construct(node: Node | None, path: Path) -> Any:
    """The content of a node as dicts, lists and scalars. Raises ``BadInput`` for a key that is written twice, a number
    that cannot be reckoned with and a tag."""
    if node is None:
        return None
    if isinstance(node, ScalarNode):
        return _scalar(node, path)
    _untagged(node, path)
    if isinstance(node, SequenceNode):
        return [construct(item, path) for item in node.value]
    tree: dict[Any, Any] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            _refuse("a key is one word or sentence", path, key.start_mark, "Take the brackets out")
        name = _scalar(key, path)
        if name in tree:
            _refuse(f"the key '{name}' is written twice", path, key.start_mark, "Keep one of the two")
        tree[name] = construct(value, path)
    return tree


_STR = "tag:yaml.org,2002:str"
_WORDS = {word: None for word in ("", "~", "null", "Null", "NULL")} | {
    word: word[0] in "tT" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_WHOLE = re.compile(r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def _scalar(node: ScalarNode, path: Path) -> str | int | float | bool | None:
    text: str = node.value
    if node.tag != _STR:
        _untagged(node, path)
    if node.style or node.tag:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    number: float = 0.0
    if _WHOLE.fullmatch(text):
        if len(text) <= limits.NUMBER_LETTERS:
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        number = math.inf
    elif _REAL.fullmatch(text):
        number = float(text)
    elif not _NO_NUMBER.fullmatch(text):
        return text
    else:
        number = math.inf
    if not math.isfinite(number):
        shown = text if len(text) <= 40 else text[:40] + "..."
        _refuse(f"{shown} is no number to reckon with", path, node.start_mark, "Write a number, or quotes around words")
    return number


def _untagged(node: Node, path: Path) -> None:
    if node.tag not in (None, "!"):
        _refuse(f"the tag {node.tag} is not read here", path, node.start_mark, "Leave it out")


def _refuse(message: str, path: Path, mark: Mark | None, remedy: str) -> NoReturn:
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    raise BadInput(message, path, line, column, remedy)


class _TooMuch(MarkedYAMLError):
    pass


class _Composer:
    """Makes nodes of events within the bounds; what an alias repeats is counted again. ``tag``: as written, or None."""

    def __init__(self, events: Any) -> None:
        self.root: Node | None = None
        self._open: list[CollectionNode] = []
        self._keys: list[Node | None] = []  # of the open mappings, while their value is to come
        self._begun: list[tuple[str | None, int]] = []  # anchor of each open collection, and the count before it
        self._anchors: dict[str, tuple[Node, int | None]] = {}  # with their size; None while they are open
        self._count = 0
        while type(event := events.get_event()) is not StreamEndEvent:
            self._take(event)

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is ScalarEvent:
            scalar = ScalarNode(event.tag, event.value, event.start_mark, event.end_mark, event.style)
            self._counted(event)
            self._name(event.anchor, scalar, 1)
            self._add(scalar)
        elif kind in (MappingStartEvent, SequenceStartEvent):
            of = MappingNode if kind is MappingStartEvent else SequenceNode
            if len(self._open) == limits.YAML_DEPTH:
                _stop(event, f"keys and lists lie more than {limits.YAML_DEPTH} deep")
            begun: MappingNode | SequenceNode = of(event.tag, [], event.start_mark, flow_style=event.flow_style)
            self._begun.append((event.anchor, self._count))
            self._counted(event)
            self._name(event.anchor, begun, None)
            self._add(begun)
            self._open.append(begun)
            self._keys.append(None)
        elif kind in (MappingEndEvent, SequenceEndEvent):
            ended = self._open.pop()
            ended.end_mark = event.end_mark
            self._keys.pop()
            anchor, before = self._begun.pop()
            self._name(anchor, ended, self._count - before)
        elif kind is AliasEvent:
            if event.anchor not in self._anchors:
                raise MarkedYAMLError(problem=f"nothing is named &{event.anchor}", problem_mark=event.start_mark)
            node, size = self._anchors[event.anchor]
            if size is None:
                _stop(event, f"*{event.anchor} stands within what it repeats")
            self._counted(event, size)
            self._add(node)
        elif kind is DocumentStartEvent and self.root is not None:
            raise MarkedYAMLError(problem="a second document begins", problem_mark=event.start_mark)

    def _name(self, anchor: str | None, node: Node, size: int | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node, size

    def _counted(self, event: Any, size: int = 1) -> None:
        self._count += size
        if self._count > limits.YAML_NODES:
            _stop(event, f"the file holds more than {limits.YAML_NODES:,} keys, values and items")

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
        elif isinstance(self._open[-1], SequenceNode):
            self._open[-1].value.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = node
        else:
            self._open[-1].value.append((key, node))
            self._keys[-1] = None


def _stop(event: Any, problem: str) -> NoReturn:
    raise _TooMuch(problem=problem, problem_mark=event.start_mark)
