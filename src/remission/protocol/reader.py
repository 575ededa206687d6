"""Read a protocol file: YAML for the structure, sentences for the treatment (sentences.lark)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from yaml.nodes import MappingNode, Node

from ..knowledge import limits
from ..knowledge.errors import BadInput
from ..knowledge.library import Library, library, using
from ..knowledge.yaml_file import STANDARD_INPUT, beside, is_file
from .build import Builder, Cycles, condition
from .checks import check
from .complaint import Doubt, bad, unknown
from .grammar import Kind, Misread, parse, split_tail
from .groups import Groups, grouped
from .include import ANY_LENGTH, include
from .link import link, span_days
from .model import Block, Condition, Phase, Place, Protocol, Provenance
from .vocabulary import ASSAYS
from .yaml_text import Sentence, Text

PROTOCOL_KEYS = (
    "protocol",
    "name",
    "plain",
    "sources",
    "population",
    "include",
    "risk groups",
    "for",
    "mrd",
    "on relapse",
    "rules",
    "open",
    "phases",
)
BLOCK_KEYS = ("supportive", "name", "plain", "sources", "give", "rules", "open")
GROUP_KEYS = ("risk groups", "name", "plain", "sources", "genetics", "groups", "open")
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

    def read() -> Protocol:
        protocol, found = _examine(path_or_id, known, checked)
        if wrong := mistakes(found):
            raise first_of(wrong)
        assert protocol is not None
        return protocol

    return known.kept(f"protocol {path_or_id}", read) if checked and is_id(path_or_id) else read()


def read_protocol_text(text: str, name: str, knowledge: Library | None = None) -> Protocol:
    """As `read_protocol`, from a text that is not on the disk; ``name`` stands for the file in messages."""
    protocol, found = examine_text(text, name, knowledge)
    if found:
        raise first_of(found)
    return protocol


def examine_text(text: str, name: str, knowledge: Library | None = None) -> tuple[Protocol, list[BadInput]]:
    """The protocol of a text as far as it can be read, and its `problems`."""
    known = knowledge or library()
    with using(known):
        protocol, found = _completed(*read_text(Text(Path(name), text)), known, True)
    return protocol, mistakes(found)


def examine(path_or_id: str | Path, knowledge: Library | None = None) -> tuple[Protocol | None, list[BadInput]]:
    """The protocol as far as it can be read, and its `problems` and `doubts`, read once for all of them."""
    return _examine(path_or_id, knowledge or library(), True)


def title(id: str, knowledge: Library | None = None) -> str:
    """What a protocol of the library is called; its sentences are not read."""
    text = Text((knowledge or library()).protocol_path(id))
    keys = text.keys(text.root, PROTOCOL_KEYS, "a protocol", lambda problem, node: None)
    return text.words(keys["name"][1]) if "name" in keys else id


def problems(path_or_id: str | Path, knowledge: Library | None = None) -> list[BadInput]:
    """Everything that is wrong with a protocol file, in the order of the file; empty when it can be played."""
    return mistakes(_examine(path_or_id, knowledge or library(), True)[1])


def doubts(path_or_id: str | Path, knowledge: Library | None = None) -> list[Doubt]:
    """What can be played and is probably not meant (a dose outside its usual range), in the order of the file."""
    return [found for found in _examine(path_or_id, knowledge or library(), True)[1] if isinstance(found, Doubt)]


def mistakes(found: Sequence[BadInput]) -> list[BadInput]:
    """What was found without the doubts."""
    return [problem for problem in found if not isinstance(problem, Doubt)]


def first_of(found: Sequence[BadInput]) -> BadInput:
    """The first problem; its message says how many more there are."""
    first = found[0]
    more = f" ({len(found) - 1} more below)" if len(found) > 1 else ""
    return BadInput(first.message + more, first.file, first.line, first.column, first.remedy)


def _examine(path_or_id: str | Path, known: Library, checked: bool) -> tuple[Protocol | None, list[BadInput]]:
    with using(known):  # whose agents and side effects are words of the language
        return _looked_at(path_or_id, known, checked)


def _looked_at(path_or_id: str | Path, known: Library, checked: bool) -> tuple[Protocol | None, list[BadInput]]:
    try:
        protocol, found = read_file(protocol_path(path_or_id, known))
    except BadInput as error:
        return None, [error]
    return _completed(protocol, found, known, checked)


def _completed(
    protocol: Protocol, found: list[BadInput], known: Library, checked: bool
) -> tuple[Protocol, list[BadInput]]:
    try:
        protocol = linked(_with_blocks(protocol, known), known)
    except BadInput as error:
        found.append(error)
        protocol = replace(protocol, unread=(*protocol.unread, "go to"))
    if checked and len(found) < limits.MISTAKES:
        found += check(protocol, known)
    once = {str(problem): problem for problem in found}
    found = sorted(once.values(), key=lambda p: (p.file != protocol.file, p.file or "", p.line or 0, p.column or 0))
    return protocol, found[: limits.MISTAKES]


def linked(protocol: Protocol, known: Library) -> Protocol:
    """The protocol with the phases of others that it can go on to (link.py), whose files are those of the library or
    lie beside its own."""

    def other(id: str, near: Path | None) -> Protocol:
        path = protocol_path(id, known, near)

        def read() -> Protocol:
            found, problems = read_file(path)
            if problems:
                raise first_of(problems)
            return _with_blocks(found, known)

        supplied = id in known.protocols() and path == known.protocol_path(id)
        return known.kept(f"protocols/{id}", read) if supplied else read()

    return link(protocol, other)


def _with_blocks(protocol: Protocol, known: Library) -> Protocol:
    return include(protocol, [_block(id, protocol, known) for id in protocol.include])


def _block(id: str, protocol: Protocol, known: Library) -> Block:
    place = protocol.places.get(f"include:{id}")
    if id not in known.supportive():
        raise bad(place, *unknown("supportive care", id, known.supportive()))

    def read() -> Block:
        block, found = read_block(known.supportive_path(id))
        if found:
            raise first_of(found)
        return block

    return known.kept(f"supportive/{id}", read)


def protocol_path(path_or_id: str | Path, known: Library, near: Path | None = None) -> Path:
    """A path that exists, else a file of that name beside another one, else the library's file of that id."""
    if not is_id(path_or_id):
        return Path(path_or_id)
    if near is not None and (sibling := beside(near, str(path_or_id))) is not None:
        return sibling
    return known.protocol_path(str(path_or_id))


def is_id(path_or_id: str | Path) -> bool:
    """Whether it is looked for in the library, by its id: it ends in no .yaml, and no file is called so."""
    path = Path(path_or_id)
    return not (path.suffix in (".yaml", ".yml") or is_file(path) or path == STANDARD_INPUT)


def read_sentence(
    kind: Kind, text: str | Sentence, place: Place | None = None, days: int | None = None, first_day: int = 1
) -> Any:
    """One sentence as a ``Give``, ``Check``, ``Decide``, ``Rule``, ``Cycles`` (repeat) or ``Condition``.

    ``days``: length of the phase; without it, days beyond the phase are not seen and ``daily`` needs an end;
    ``first_day``: what the file calls its first day.
    Raises ``BadInput`` with the place of the offending word (``place``: of the first letter).
    """
    given = place if not isinstance(text, Sentence) else text.place
    sentence = text if isinstance(text, Sentence) else Sentence(text, place or Place("", 1, 1))
    try:
        parsed = parse(kind, sentence.text)
        if kind == "condition":
            return condition(parsed.tree)
        return getattr(Builder(days, first_day), kind)(parsed, given, sentence.text)
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


def read_groups(path: Path) -> tuple[Groups, list[BadInput]]:
    """A file of risk groups, and every sentence of it that could not be read."""
    return _File(Text(path)).groups()


class _File:
    def __init__(self, text: Text) -> None:
        self.text = text
        self.found: list[BadInput] = []
        self.unread: list[str] = []
        self.places: dict[str, Place] = {}
        self.lines = 0  # of the calendar

    def protocol(self) -> tuple[Protocol, list[BadInput]]:
        text = self.text
        keys = text.keys(text.root, PROTOCOL_KEYS, "a protocol", self._tell)
        for key in ("protocol", "name", "phases"):
            if key not in keys and not self.found:  # else the unknown key was meant
                self.found.append(BadInput(f"the key '{key}' is missing", text.path, 1, 1, f"Add: {key}: ..."))
        values = {key: value for key, (_, value) in keys.items()}
        self.places.update({key: text.place(value) for key, value in values.items()})
        with grouped(self._groups(values)):
            return self._protocol(keys, values)

    def _groups(self, values: dict[str, Node]) -> Groups | None:
        """The risk groups that the file names; a mistake is told, and then there are none."""
        if not (id := self._words("risk groups", values)):
            return None
        known = library()
        try:
            if id not in known.risk_groups():
                raise bad(self.text.place(values["risk groups"]), *unknown("risk groups", id, known.risk_groups()))
            groups, found = read_groups(known.risk_groups_path(id))
            self.found += found
            return groups
        except BadInput as error:
            self.found.append(error)
            return None

    def _protocol(
        self, keys: dict[str, tuple[Node, Node]], values: dict[str, Node]
    ) -> tuple[Protocol, list[BadInput]]:
        text = self.text
        said: list[tuple[str, Provenance]] = []
        eligible = self._condition("for", values["for"], said) if "for" in values else None
        items = self._items(values.get("phases"), limits.PHASES, "phases")
        phases: tuple[Phase, ...] = tuple(p for p in (self._try(self._phase, item) for item in items) if p is not None)
        if not phases and not self.found:
            raise text.bad(keys["phases"][0], "the protocol has no phase", "Add: - induction: and its keys")
        first: dict[str, Phase] = {}
        for phase in phases:
            if first.setdefault(phase.id.lower(), phase) is not phase:
                self.found.append(bad(phase.place, f"two phases are called '{phase.id}'", "Rename one of them"))
        protocol = Protocol(
            id=self._words("protocol", values),
            name=self._words("name", values),
            plain=self._words("plain", values),
            sources=self._keys("sources", values),
            eligible=eligible,
            phases=tuple(first.values()),
            rules=tuple(self._sentences("rule", values.get("rules"), None)),
            population=self._words("population", values) or None,
            open=self._notes(values),
            include=self._keys("include", values),
            risk_groups=self._words("risk groups", values) or None,
            mrd=self._mrd(values, said),
            on_relapse=self._on_relapse(values, said),
            said=tuple(said),
            file=str(text.path),
            places=self.places,
            unread=tuple(self.unread),
        )
        if not phases:
            raise sorted(self.found, key=_in_order)[0]
        return protocol, sorted(self.found, key=_in_order)

    def _tell(self, problem: BadInput, node: Node) -> None:
        self.found.append(problem)
        self.unread.append(self.text.cut(node))

    def _try(self, make: Callable[[Node], T], node: Node) -> T | None:
        """What is made of a node; None when it cannot be read, which is told."""
        try:
            return make(node)
        except BadInput as error:
            self._tell(error, node)
            return None

    def _words(self, key: str, values: dict[str, Node]) -> str:
        return (self._try(self.text.words, values[key]) or "") if key in values else ""

    def _items(self, node: Node | None, most: int, what: str) -> list[Node]:
        items = (self._try(self.text.items, node) or []) if node is not None else []
        if len(items) > most:
            self.found.append(
                self.text.bad(items[most], f"more than {most} {what}", "Leave some out, or split them up")
            )
        return items[:most]

    def block(self) -> tuple[Block, list[BadInput]]:
        text = self.text
        keys = text.keys(text.root, BLOCK_KEYS, "supportive care", self._tell)
        for key in ("supportive", "name"):
            if key not in keys:
                raise BadInput(f"the key '{key}' is missing", text.path, 1, 1, f"Add: {key}: ...")
        values = {key: value for key, (_, value) in keys.items()}
        id = text.words(values["supportive"])
        block = Block(
            id=id,
            name=self._words("name", values),
            plain=self._words("plain", values),
            sources=self._keys("sources", values),
            give=tuple(self._sentences("give", values.get("give"), ANY_LENGTH)),
            rules=tuple(replace(rule, block=id) for rule in self._sentences("rule", values.get("rules"), None)),
            open=self._notes(values),
            file=str(text.path),
            places=self.places,
        )
        return block, self.found

    def groups(self) -> tuple[Groups, list[BadInput]]:
        text = self.text
        keys = text.keys(text.root, GROUP_KEYS, "risk groups", self._tell)
        for key in ("risk groups", "name", "groups"):
            if key not in keys:
                raise BadInput(f"the key '{key}' is missing", text.path, 1, 1, f"Add: {key}: ...")
        values = {key: value for key, (_, value) in keys.items()}
        said: list[tuple[str, Provenance]] = []
        genetics = dict(self._meanings(values.get("genetics"), said))
        groups = Groups(
            id=text.words(values["risk groups"]),
            name=self._words("name", values),
            plain=self._words("plain", values),
            sources=self._keys("sources", values),
            genetics=genetics,
            groups={},
            open=self._notes(values),
            file=str(text.path),
            places=self.places,
        )
        with grouped(groups):  # `genetics is favourable` in the conditions of groups
            found = dict(self._meanings(values["groups"], said))
        return replace(groups, groups=found, said=tuple(said)), self.found

    def _meanings(
        self, node: Node | None, said: list[tuple[str, Provenance]]
    ) -> Iterator[tuple[str, Condition | None]]:
        """``- high: marrow MRD at time point 1 >= 0.1%``; None for ``otherwise``."""
        for item in self._items(node, limits.SENTENCES, "groups"):
            found = self._try(self._word_and_condition, item)
            if found is None:
                continue
            word, sentence = found
            self.places[word] = sentence.place
            made: Condition | None = None
            if split_tail(sentence.text)[0].strip().lower() != "otherwise":
                made = self._try(partial(_condition_of, sentence), item)
                if made is None:
                    continue
            _note(word, sentence, said)
            yield word, made

    def _word_and_condition(self, item: Node) -> tuple[str, Sentence]:
        """``high: age >= 10``, or all of it in quotes."""
        if isinstance(item, MappingNode) and len(item.value) == 1:
            key, value = item.value[0]
            return " ".join(str(key.value).split()), self.text.sentence(value)
        whole = self.text.sentence(item)
        named = re.match(r"([a-z][\w\- ]*?)\s*:\s+", whole.text, re.IGNORECASE)
        if named is None:
            raise self.text.bad(item, "a group is a word with its condition", "Write: - high: age >= 10")
        return named[1], Sentence(whole.text[named.end() :], whole.at(named.end()))

    def _mrd(self, values: dict[str, Node], said: list[tuple[str, Provenance]]) -> str | None:
        sentence = self._try(self.text.sentence, values["mrd"]) if "mrd" in values else None
        if sentence is None:
            return None
        try:
            word = split_tail(sentence.text)[0].strip()
            if word.lower() not in (known := {assay.lower(): assay for assay in ASSAYS}):
                raise Misread(0, f"MRD is not measured by '{word}'", f"Write: mrd: {' or '.join(ASSAYS)}")
        except Misread as error:
            self.found.append(sentence.bad(error.offset, error.message, error.remedy))
            return None
        _note("mrd", sentence, said)
        return known[word.lower()]

    def _on_relapse(self, values: dict[str, Node], said: list[tuple[str, Provenance]]) -> str | None:
        if "on relapse" not in values:
            return None
        sentence = self._try(self.text.sentence, values["on relapse"])
        if sentence is None:
            return None
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
        before = len(self.found)
        keys = text.keys(body, PHASE_KEYS, f"phase '{id}'", self._tell)
        values = {key: value for key, (_, value) in keys.items()}
        self.places.update({f"{id}/{key}": text.place(value) for key, value in values.items()})
        said: list[tuple[str, Provenance]] = []
        cycles = self._cycles(values["repeat"], said) if "repeat" in values else Cycles(None, (), None)
        first_day, days = self._days(name, id, values, cycles, known=len(self.found) == before)
        gate = self._condition("start when", values["start when"], said) if "start when" in values else None
        following = self._words("next", values)
        lines = self.lines
        phase = Phase(
            id=id,
            name=self._words("name", values) or id[:1].upper() + id[1:],
            days=days,
            start_when=gate,
            recheck_days=self._span("recheck", values, said, 3),
            rest_days=self._span("rest", values, said, 0),
            give=tuple(self._sentences("give", values.get("give"), days, first_day)),
            check=tuple(self._sentences("check", values.get("check"), days, first_day)),
            decide=tuple(self._sentences("decide", values.get("decide"), days, first_day)),
            rules=tuple(self._sentences("rule", values.get("rules"), days, first_day)),
            repeat_until=cycles.until,
            repeat_times=cycles.times,
            next=None if following.lower() == "end" else following,
            open=self._notes(values),
            provenance=Provenance(self._keys("source", values)),
            said=tuple(said),
            place=text.place(name),
            first_day=first_day,
        )
        longest = span_days(phase)
        if longest > limits.PHASE_DAYS and len(self.found) == before:
            raise text.bad(
                values["repeat"],
                f"phase '{id}' lasts {longest:,} days with all its cycles",
                f"At most {limits.PHASE_DAYS:,} days",
            )
        self.lines += (self.lines - lines) * (-(-longest // days) - 1)
        if self.lines > limits.CALENDAR_LINES:
            raise text.bad(name, f"more than {limits.CALENDAR_LINES:,} doses and checks", "Is the phase that long?")
        return phase

    def _days(self, name: Node, id: str, values: dict[str, Node], cycles: Cycles, known: bool) -> tuple[int, int]:
        """What the first day is called, and the number of days; a year when they cannot be read, which is told."""
        text, unknown = self.text, (1, 366)
        if "days" not in values:
            if cycles.every_days is None:
                if known:  # else what could not be read may say it
                    self.found.append(text.bad(name, f"phase '{id}' does not say how long it is", "Add: days: 28"))
                return unknown
            return 1, cycles.every_days
        made = self._try(self._first_and_days, values["days"])
        if made is None:
            return unknown
        if cycles.every_days not in (None, made[1]):
            problem = f"a cycle has {cycles.every_days} days here and {made[1]} under 'days'"
            self.found.append(text.bad(values["repeat"], problem, f"Write: every {made[1]} days"))
        return made

    def _first_and_days(self, node: Node) -> tuple[int, int]:
        """``28``; ``-7 to 28`` where days count from a transplant on day 0."""
        words = re.sub(r"[‐‑‒–—−]", "-", self.text.words(node))
        counted = re.fullmatch(r"(-\d{1,5})\s+to\s+\+?(-?\d{1,5})", words)
        first, days = (int(counted[1]), int(counted[2]) - int(counted[1]) + 1) if counted else (
            1, self.text.number(node, "days")
        )  # fmt: skip
        if days < 1:
            raise self.text.bad(node, "a phase has at least one day", "Write for example days: 28")
        if days > limits.PHASE_DAYS:
            raise self.text.bad(node, f"a phase of {days:,} days", f"At most {limits.PHASE_DAYS:,} days")
        return first, days

    def _sentences(self, kind: Kind, node: Node | None, days: int | None, first_day: int = 1) -> list[Any]:
        out: list[Any] = []
        for item in self._items(node, limits.SENTENCES, "sentences under one key"):
            if len(self.found) >= limits.MISTAKES:
                break
            read = self._try(lambda i: read_sentence(kind, self.text.sentence(i), None, days, first_day), item)
            if read is not None:
                out.append(read)
                self.lines += len(getattr(read, "days", ()))
            if self.lines > limits.CALENDAR_LINES:
                raise self.text.bad(item, f"more than {limits.CALENDAR_LINES:,} doses and checks", "Is it that long?")
        return out

    def _condition(self, key: str, node: Node, said: list[tuple[str, Provenance]]) -> Condition | None:
        made: Condition | None = self._try(lambda n: read_sentence("condition", self.text.sentence(n)), node)
        if made is not None:
            _note(key, self.text.sentence(node), said)
        return made

    def _cycles(self, node: Node, said: list[tuple[str, Provenance]]) -> Cycles:
        made: Cycles | None = self._try(lambda n: read_sentence("repeat", self.text.sentence(n)), node)
        if made is None:
            return Cycles(None, (), None)
        _note("repeat", self.text.sentence(node), said)
        return made

    def _span(self, key: str, values: dict[str, Node], said: list[tuple[str, Provenance]], default: int) -> int:
        if key not in values:
            return default
        sentence = self._try(self.text.sentence, values[key])
        if sentence is None:
            return default
        example = "every 3 days" if key == "recheck" else "14 days"
        try:
            body, _, _ = split_tail(sentence.text)
            match = re.fullmatch(r"\s*(?:every\s+)?(\d+)\s+days?\s*", body, re.IGNORECASE)
            if not match:
                raise Misread(0, f"'{body.strip()}' is no number of days", f"Write: {key}: {example}")
            if len(match[1]) > 4 or int(match[1]) > limits.PHASE_DAYS:
                raise Misread(match.start(1), f"{match[1]} days are too long", f"Write: {key}: {example}")
            if key == "recheck" and int(match[1]) < 1:
                raise Misread(match.start(1), "every 0 days is never", f"Write: {key}: {example}")
        except Misread as error:
            self.found.append(sentence.bad(error.offset, error.message, error.remedy))
            return default
        _note(key, sentence, said)
        return int(match[1])

    def _keys(self, key: str, values: dict[str, Node]) -> tuple[str, ...]:
        out = []
        for node in self._items(values.get(key), limits.SENTENCES, "source keys"):
            word = self._try(self.text.words, node)
            if word is not None:
                out.append(word)
                self.places[f"{'include' if key == 'include' else 'source'}:{word}"] = self.text.place(node)
        return tuple(out)

    def _notes(self, values: dict[str, Node]) -> tuple[str, ...]:
        notes = (self._try(self.text.words, n) for n in self._items(values.get("open"), limits.SENTENCES, "notes"))
        return tuple(note for note in notes if note is not None)


def _condition_of(sentence: Sentence, _: Node) -> Condition:
    made: Condition = read_sentence("condition", sentence)
    return made


def _in_order(problem: BadInput) -> tuple[int, int]:
    return problem.line or 0, problem.column or 0


def _note(key: str, sentence: Sentence, said: list[tuple[str, Provenance]]) -> None:
    provenance = split_tail(sentence.text)[1]
    if provenance != Provenance():
        said.append((key, provenance))
