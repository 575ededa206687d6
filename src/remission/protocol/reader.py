"""Read a protocol file: YAML for the structure, sentences for the treatment (sentences.lark)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml.nodes import MappingNode, Node

from ..knowledge.errors import BadInput
from ..knowledge.library import Library, library
from .build import Builder, Cycles, condition
from .checks import check
from .complaint import bad, unknown
from .grammar import Kind, Misread, parse, split_tail
from .include import ANY_LENGTH, include
from .link import link
from .model import Block, Condition, Phase, Place, Protocol, Provenance
from .yaml_text import STANDARD_INPUT, Sentence, Text

PROTOCOL_KEYS = (
    "protocol",
    "name",
    "plain",
    "sources",
    "population",
    "include",
    "for",
    "on relapse",
    "rules",
    "open",
    "phases",
)
BLOCK_KEYS = ("supportive", "name", "plain", "sources", "give", "rules", "open")
PHASE_KEYS = (
    "name",
    "days",
    "rest",
    "start when",
    "recheck",
    "give",
    "check",
    "decide",
    "rules",
    "repeat",
    "next",
    "open",
    "source",
)
T = TypeVar("T")


def read_protocol(path_or_id: str | Path, knowledge: Library | None = None, checked: bool = True) -> Protocol:
    """The protocol of a file, or of an id that the library knows, with the phases of other protocols it goes on to.

    Everything is checked against the agents and sources of the library (checks.py; not with ``checked=False``,
    when only the language is read). Raises ``BadInput`` for the first problem in the order of the file; its
    message says how many more there are. ``problems`` lists them all.
    """
    known = knowledge or library()
    protocol, found = _examine(path_or_id, known, checked)
    if protocol is None or found:
        raise first_of(found)
    return protocol


def problems(path_or_id: str | Path, knowledge: Library | None = None) -> list[BadInput]:
    """Everything that is wrong with a protocol file, in the order of the file; empty when it can be played."""
    return _examine(path_or_id, knowledge or library(), True)[1]


def first_of(found: Sequence[BadInput]) -> BadInput:
    """The first problem; its message says how many more there are."""
    first = found[0]
    more = f" ({len(found) - 1} more below)" if len(found) > 1 else ""
    return BadInput(first.message + more, first.file, first.line, first.column, first.remedy)


def _examine(path_or_id: str | Path, known: Library, checked: bool) -> tuple[Protocol | None, list[BadInput]]:

    def other(id: str, beside: Path | None) -> Protocol:
        protocol, found = read_file(protocol_path(id, known, beside))
        if found:
            raise first_of(found)
        return with_blocks(protocol)

    def with_blocks(protocol: Protocol) -> Protocol:
        return include(protocol, [_block(id, protocol, known) for id in protocol.include])

    try:
        protocol, found = read_file(protocol_path(path_or_id, known))
        if found:
            return None, found
        linked = link(with_blocks(protocol), other)
    except BadInput as error:
        return None, [error]
    return linked, check(linked, known) if checked else []


def _block(id: str, protocol: Protocol, known: Library) -> Block:
    place = protocol.places.get(f"include:{id}")
    if id not in known.supportive():
        raise bad(place, *unknown("supportive care", id, known.supportive()))
    block, found = read_block(known.supportive_path(id))
    if found:
        raise first_of(found)
    return block


def protocol_path(path_or_id: str | Path, known: Library, beside: Path | None = None) -> Path:
    """A path that exists, else a file of that name beside another one, else the library's file of that id."""
    path = Path(path_or_id)
    if path.suffix in (".yaml", ".yml") or path.is_file() or path == STANDARD_INPUT:
        return path
    if beside is not None and (sibling := beside.with_name(f"{path_or_id}.yaml")).is_file():
        return sibling
    return known.protocol_path(str(path_or_id))


def read_sentence(kind: Kind, text: str | Sentence, place: Place | None = None, days: int | None = None) -> Any:
    """One sentence as a ``Give``, ``Check``, ``Decide``, ``Rule``, ``Cycles`` (repeat) or ``Condition``.

    ``days``: length of the phase; without it, days beyond the phase are not seen and ``daily`` needs an end.
    Raises ``BadInput`` with the place of the offending word (``place``: of the first letter).
    """
    given = place if not isinstance(text, Sentence) else text.place
    sentence = text if isinstance(text, Sentence) else Sentence(text, place or Place("", 1, 1))
    try:
        parsed = parse(kind, sentence.text)
        if kind == "condition":
            return condition(parsed.tree)
        return getattr(Builder(days), kind)(parsed, given, sentence.text)
    except Misread as error:
        bad = sentence.bad(error.offset, error.message, error.remedy)
        if not bad.file:
            bad.file = None
        raise bad from None


# --- the file -----------------------------------------------------------------------------------


def read_file(path: Path) -> tuple[Protocol, list[BadInput]]:
    """One file alone: the protocol with what could be read of it, and every sentence that could not.

    Raises ``BadInput`` when the structure of the file itself is wrong.
    """
    return read_text(Text(path))


def read_text(text: Text) -> tuple[Protocol, list[BadInput]]:
    """As ``read_file``, from a text that need not be on the disk yet."""
    return _File(text).protocol()


def read_block(path: Path) -> tuple[Block, list[BadInput]]:
    """A file of supportive care, and every sentence of it that could not be read."""
    return _File(Text(path)).block()


class _File:
    def __init__(self, text: Text) -> None:
        self.text = text
        self.found: list[BadInput] = []
        self.places: dict[str, Place] = {}

    def protocol(self) -> tuple[Protocol, list[BadInput]]:
        text, keys = self.text, self.text.keys(self.text.root, PROTOCOL_KEYS, "a protocol")
        for key in ("protocol", "name", "phases"):
            if key not in keys:
                raise BadInput(f"the key '{key}' is missing", text.path, 1, 1, f"Add: {key}: ...")
        values = {key: value for key, (_, value) in keys.items()}
        self.places.update({key: text.place(value) for key, value in values.items()})
        said: list[tuple[str, Provenance]] = []
        eligible = self._condition("for", values["for"], said) if "for" in values else None
        phases = tuple(self._phase(item) for item in text.items(values["phases"]))
        if not phases:
            raise text.bad(keys["phases"][0], "the protocol has no phase", "Add: - induction: and its keys")
        first: dict[str, Phase] = {}
        for phase in phases:
            if first.setdefault(phase.id.lower(), phase) is not phase:
                raise bad(phase.place, f"two phases are called '{phase.id}'", "Rename one of them")
        protocol = Protocol(
            id=text.words(values["protocol"]),
            name=text.words(values["name"]),
            plain=text.words(values["plain"]) if "plain" in values else "",
            sources=self._keys("sources", values),
            eligible=eligible,
            phases=phases,
            rules=tuple(self._sentences("rule", values.get("rules"), None)),
            population=text.words(values["population"]) if "population" in values else None,
            open=self._notes(values),
            include=self._keys("include", values),
            on_relapse=self._on_relapse(values, said),
            said=tuple(said),
            file=str(text.path),
            places=self.places,
        )
        return protocol, sorted(self.found, key=lambda bad: (bad.line or 0, bad.column or 0))

    def block(self) -> tuple[Block, list[BadInput]]:
        text, keys = self.text, self.text.keys(self.text.root, BLOCK_KEYS, "supportive care")
        for key in ("supportive", "name"):
            if key not in keys:
                raise BadInput(f"the key '{key}' is missing", text.path, 1, 1, f"Add: {key}: ...")
        values = {key: value for key, (_, value) in keys.items()}
        id = text.words(values["supportive"])
        block = Block(
            id=id,
            name=text.words(values["name"]),
            plain=text.words(values["plain"]) if "plain" in values else "",
            sources=self._keys("sources", values),
            give=tuple(self._sentences("give", values.get("give"), ANY_LENGTH)),
            rules=tuple(replace(rule, block=id) for rule in self._sentences("rule", values.get("rules"), None)),
            open=self._notes(values),
            file=str(text.path),
            places=self.places,
        )
        return block, self.found

    def _on_relapse(self, values: dict[str, Node], said: list[tuple[str, Provenance]]) -> str | None:
        if "on relapse" not in values:
            return None
        sentence = self.text.sentence(values["on relapse"])
        try:
            match = re.fullmatch(r"\s*go to\s+(\S.*?)\s*", split_tail(sentence.text)[0], re.IGNORECASE)
            if not match:
                raise Misread(0, "a relapse leads to a phase", "Write: on relapse: go to palliation")
        except Misread as error:
            self.found.append(sentence.bad(error.offset, error.message, error.remedy))
            return None
        _note("on relapse", sentence, said)
        return match[1]

    def _phase(self, item: Node) -> Phase:
        text = self.text
        if not (isinstance(item, MappingNode) and len(item.value) == 1):
            raise text.bad(item, "a phase is one key with its own keys below", "Write: - induction: and below it days")
        name, body = item.value[0]
        id = " ".join(str(name.value).split())
        if ":" in id:
            raise text.bad(name, f"a phase cannot be called '{id}'", "Write it without a colon")
        keys = text.keys(body, PHASE_KEYS, f"phase '{id}'")
        values = {key: value for key, (_, value) in keys.items()}
        self.places.update({f"{id}/{key}": text.place(value) for key, value in values.items()})
        said: list[tuple[str, Provenance]] = []
        cycles = self._cycles(values["repeat"], said) if "repeat" in values else Cycles(None, (), None)
        days = self._days(name, id, values, cycles)
        gate = self._condition("start when", values["start when"], said) if "start when" in values else None
        following = text.words(values["next"]) if "next" in values else ""
        return Phase(
            id=id,
            name=text.words(values["name"]) if "name" in values else id[:1].upper() + id[1:],
            days=days,
            start_when=gate,
            recheck_days=self._span("recheck", values, said, 3),
            rest_days=self._span("rest", values, said, 0),
            give=tuple(self._sentences("give", values.get("give"), days)),
            check=tuple(self._sentences("check", values.get("check"), days)),
            decide=tuple(self._sentences("decide", values.get("decide"), days)),
            rules=tuple(self._sentences("rule", values.get("rules"), days)),
            repeat_until=cycles.until,
            repeat_times=cycles.times,
            next=None if following.lower() == "end" else following,
            open=self._notes(values),
            provenance=Provenance(self._keys("source", values)),
            said=tuple(said),
            place=text.place(name),
        )

    def _days(self, name: Node, id: str, values: dict[str, Node], cycles: Cycles) -> int:
        text = self.text
        if "days" not in values:
            if cycles.every_days is None:
                raise text.bad(name, f"phase '{id}' does not say how long it is", "Add: days: 28")
            return cycles.every_days
        days = text.number(values["days"], "days")
        if days < 1:
            raise text.bad(values["days"], "a phase has at least one day", "Write for example days: 28")
        if cycles.every_days not in (None, days):
            raise text.bad(
                values["repeat"],
                f"a cycle has {cycles.every_days} days here and {days} under 'days'",
                f"Write: every {days} days",
            )
        return days

    def _sentences(self, kind: Kind, node: Node | None, days: int | None) -> list[Any]:
        out: list[Any] = []
        for item in self.text.items(node) if node is not None else []:
            try:
                out.append(read_sentence(kind, self.text.sentence(item), None, days))
            except BadInput as error:
                self.found.append(error)
        return out

    def _try(self, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except BadInput as error:
            self.found.append(error)
            return None

    def _condition(self, key: str, node: Node, said: list[tuple[str, Provenance]]) -> Condition | None:
        sentence = self.text.sentence(node)
        made: Condition | None = self._try(lambda: read_sentence("condition", sentence))
        if made is not None:
            _note(key, sentence, said)
        return made

    def _cycles(self, node: Node, said: list[tuple[str, Provenance]]) -> Cycles:
        sentence = self.text.sentence(node)
        made: Cycles | None = self._try(lambda: read_sentence("repeat", sentence))
        if made is None:
            return Cycles(None, (), None)
        _note("repeat", sentence, said)
        return made

    def _span(self, key: str, values: dict[str, Node], said: list[tuple[str, Provenance]], default: int) -> int:
        if key not in values:
            return default
        sentence = self.text.sentence(values[key])
        example = "every 3 days" if key == "recheck" else "14 days"
        try:
            body, _, _ = split_tail(sentence.text)
            match = re.fullmatch(r"\s*(?:every\s+)?(\d+)\s+days?\s*", body, re.IGNORECASE)
            if not match:
                raise Misread(0, f"'{body.strip()}' is no number of days", f"Write: {key}: {example}")
            if key == "recheck" and int(match[1]) < 1:
                raise Misread(match.start(1), "every 0 days is never", f"Write: {key}: {example}")
        except Misread as error:
            self.found.append(sentence.bad(error.offset, error.message, error.remedy))
            return default
        _note(key, sentence, said)
        return int(match[1])

    def _keys(self, key: str, values: dict[str, Node]) -> tuple[str, ...]:
        if key not in values:
            return ()
        out = []
        for node in self.text.items(values[key]):
            out.append(self.text.words(node))
            self.places[f"{'include' if key == 'include' else 'source'}:{out[-1]}"] = self.text.place(node)
        return tuple(out)

    def _notes(self, values: dict[str, Node]) -> tuple[str, ...]:
        return tuple(self.text.words(node) for node in self.text.items(values["open"])) if "open" in values else ()


def _note(key: str, sentence: Sentence, said: list[tuple[str, Provenance]]) -> None:
    provenance = split_tail(sentence.text)[1]
    if provenance != Provenance():
        said.append((key, provenance))
