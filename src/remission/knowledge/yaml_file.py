"""YAML files as text and as trees, within the bounds of limits.py: whatever they hold is read or refused at once."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from . import limits
from .errors import BadInput

_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def text_of(path: Path, most: int = limits.FILE_BYTES) -> str:
    """The text of a file. Raises ``BadInput`` for one that cannot be opened, is too long or holds what is no text."""
    try:
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


def compose(text: str, path: Path) -> Node | None:
    """The tree of nodes with their places; None for an empty text."""
    return _guarded("rt", text, path, "compose")


def construct(text: str, path: Path, kind: str) -> Any:
    """The content: plain dicts and lists (``kind`` "safe"), or those of ruamel that know their places ("rt")."""
    return _guarded(kind, text, path, "load")


def _guarded(kind: str, text: str, path: Path, do: str) -> Any:
    yaml = YAML(typ=kind, pure=True)
    yaml.allow_duplicate_keys = False
    yaml.Composer = _Bounded
    yaml.Constructor = type("Placed", (_Placed, yaml.Constructor), {})
    try:
        return getattr(yaml, do)(text)
    except DuplicateKeyError as error:
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else "?"
        _refuse(f"the key '{key}' is written twice", path, error, "Keep one of the two")
    except _TooMuch as error:
        _refuse(str(error.problem), path, error, "Write the file plainer")
    except MarkedYAMLError as error:
        if "mapping values are not allowed" in str(error.problem):
            remedy = "A sentence with a second ': ' stands in quotes: - 'day 29: counts [open: why]'"
            _refuse("a ': ' too many for YAML", path, error, remedy)
        remedy = "Check indentation, colons, brackets and quotes near this place"
        _refuse(f"this is not YAML: {error.problem}", path, error, remedy)
    except YAMLError as error:
        raise BadInput(f"this is not YAML: {error}", path, remedy="Check the characters") from error


def _refuse(message: str, path: Path, error: MarkedYAMLError, remedy: str) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    raise BadInput(message, path, line, column, remedy) from error


class _TooMuch(MarkedYAMLError):
    pass


class _Placed:
    """Gives a place to what cannot be made of a scalar or a tag: 2020-99-99, !!int x, .nan, 1e999."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            made = super().construct_object(node, deep=deep)  # type: ignore[misc]
            if isinstance(made, float) and not math.isfinite(made):
                raise ValueError(f"{node.value} is no number to reckon with")
            return made
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise MarkedYAMLError(problem=f"{error} ({node.tag})", problem_mark=node.start_mark) from error


class _Bounded(Composer):
    """Composes within the bounds; what an alias repeats is counted again."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.count = self.depth = 0
        self.sizes: dict[int, int] = {}  # by id of a node that is complete

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        before = self.count
        self.depth += 1
        self.count += 1
        if self.depth > limits.YAML_DEPTH:
            self._stop(event, f"keys and lists lie more than {limits.YAML_DEPTH} deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(parent, MappingNode) and index is None and not isinstance(node, ScalarNode):
            raise MarkedYAMLError(problem="a key is one word", problem_mark=event.start_mark)
        if isinstance(event, AliasEvent):
            if id(node) not in self.sizes:
                self._stop(event, f"*{event.anchor} stands within what it repeats")
            self.count += self.sizes[id(node)]
        else:
            self.sizes[id(node)] = self.count - before
        if self.count > limits.YAML_NODES:
            self._stop(event, f"the file holds more than {limits.YAML_NODES:,} keys, values and items")
        return node

    @staticmethod
    def _stop(event: Any, problem: str) -> NoReturn:
        raise _TooMuch(problem=problem, problem_mark=event.start_mark)
