"""Every English text that a reader of the page meets, as units to be translated.

A unit of ``interface`` is a sentence of the program and its own key; those of ``pages`` and ``knowledge`` have an id
that stays when the English changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from babel.messages.extract import extract_from_dir

from ..knowledge.agent import Agent
from ..knowledge.library import library
from ..knowledge.side_effect import SideEffect
from ..knowledge.symptom import Symptom
from ..locale import speaking
from ..locale.catalogue import Kind
from ..page import language as _page_language
from ..page.passages import passages
from ..page.reading import Reading
from ..page.shelf import one, translated
from ..page.who import plan_name
from ..protocol.reader import read_protocol

_PACKAGE = Path(_page_language.__file__).parents[1]
_CODE = [("page/**.py", "python"), ("protocol/**.py", "python"), ("page/templates/**.html", "jinja2")]
_NOTE = "For translators:"


@dataclass(frozen=True)
class Unit:
    """``where``: on which page, or in which files; ``plural``: the English for many, of a sentence that counts."""

    kind: Kind
    id: str  # "" for a sentence of the interface
    english: str
    where: str
    plural: str | None = None
    note: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.id, self.english

    @property
    def words(self) -> int:
        return len(self.english.split()) + len((self.plural or "").split())


@lru_cache(maxsize=1)
def units() -> tuple[Unit, ...]:
    """All units: pages in the order in which a family meets them, then the interface, then the knowledge."""
    with speaking("en"):
        found = [*_pages(), *_interface(), *_knowledge()]
    seen: set[tuple[str, str, str]] = set()
    return tuple(u for u in found if (mark := (u.kind, u.id, u.english)) not in seen and not seen.add(mark))  # type: ignore[func-returns-value]


# --- sentences of the program


def _interface() -> Iterator[Unit]:
    options = {"**.html": {"newstyle_gettext": "true", "trimmed": "true"}}
    found: dict[tuple[str, str | None], tuple[list[str], list[str]]] = {}
    keywords = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
    for file, _line, message, notes, _context in extract_from_dir(
        _PACKAGE, _CODE, options, keywords=keywords, comment_tags=[_NOTE], strip_comment_tags=True
    ):
        one, many = (message, None) if isinstance(message, str) else (message[0], message[1])
        files, told = found.setdefault((one, many), ([], []))
        files.append(file)
        told += notes
    for (one, many), (files, told) in found.items():
        places = ", ".join(dict.fromkeys(files))
        yield Unit("interface", "", one, places, many, " ".join(dict.fromkeys(told)))


# --- pages to read


FIRST = ("when-to-call", "now", "now/adults", "all", "treatment", "questions", "living")


def _pages() -> Iterator[Unit]:
    reading = Reading("en")
    for key, card in reading.cards.items():
        yield from _fields(card, f"cards/{key}", f"safety card, {card.level}", "pages")
    order = {id: place for place, id in enumerate(FIRST)}
    for id, path in sorted(reading.files.items(), key=lambda each: (order.get(each[0].split("/")[0], 99), each[0])):
        if not id.startswith("stories/"):  # a story is told by somebody in their own language
            yield from _page(id, reading, path)
    for key, text in reading.said.items():
        yield Unit("pages", f"sentences#{key}", one(text), "pages made of knowledge files")
    for key, word in reading.glossary.items():
        yield from _fields(word, f"glossary/{key}", f"glossary: {word.word}", "pages")
    for organisation in reading.organisations:
        yield from _fields(organisation, f"organisations/{organisation.name}", organisation.name, "pages")
    for news in reading.news:
        yield from _fields(news, f"news/{news.id}", "news", "pages")


def _page(id: str, reading: Reading, path: Path) -> Iterator[Unit]:
    head, lines = reading.body(path)
    for name in ("title", "summary", "next_text"):
        if text := getattr(head, name):
            yield Unit("pages", f"{id or 'index'}#{name}", one(text), f"page {id}: its {name.replace('_', ' ')}")
    for passage in passages(lines):
        yield Unit("pages", f"{id}#{passage.id}", passage.text, f"page {id}: {passage.heading}".rstrip(": "))


# --- knowledge


def _knowledge() -> Iterator[Unit]:
    reading, known = Reading("en"), library()
    for room, told in reading.told.items():
        for name, words in told.items():
            yield from _fields(words, f"{room}/{name}", f"{room}: {words.title}", "knowledge")
    for room, names, get in (
        ("agents", known.agents(), known.agent), ("side-effects", list(known.side_effects()), known.side_effect),
        ("symptoms", list(known.symptoms()), known.symptom),
    ):  # fmt: skip
        for name in names:
            entry: Agent | SideEffect | Symptom = get(name)  # type: ignore[operator]
            for field in ("plain", "now", "watch", "care"):
                if text := one(getattr(entry, field, None) or ""):
                    yield Unit("knowledge", f"{room}/{name}#{field}", text, f"{room}: {reading.title(room, name)}")
            for belongs in getattr(entry, "of", ()):
                if text := one(belongs.text or ""):
                    yield Unit("knowledge", f"{room}/{name}#of.{belongs.side_effect}", text, f"{room}: {name}")
    phases: dict[str, str] = {}
    named: dict[str, str] = {}
    for name in known.protocols():
        protocol = read_protocol(name, known, checked=False)
        yield Unit("knowledge", f"protocols/{name}#name", one(protocol.name), "name of a treatment plan")
        yield Unit("knowledge", f"protocols/{name}#short", plan_name(name, known), "short name of a treatment plan")
        if protocol.plain:
            yield Unit("knowledge", f"protocols/{name}#plain", one(protocol.plain), f"treatment plan {name}")
        for phase in protocol.phases:
            for text in (phase.name, phase.id.rpartition(": ")[2]):
                phases.setdefault(text[:1].upper() + text[1:], name)
            named |= {f"places#{d.target}": d.target for d in phase.decide if d.action == "leave"}
            named |= {f"blocks#{block.name}": block.name for block in phase.blocks}
    for text, name in phases.items():
        yield Unit("knowledge", f"phases#{text}", text, f"phase of a treatment plan ({name})")
    for id, text in named.items():
        yield Unit("knowledge", id, text, "where somebody goes who leaves a plan; a file of supportive care")


# --- parts


def _fields(entry: object, id: str, where: str, kind: Kind) -> Iterator[Unit]:
    found: list[Unit] = []

    def collect(id: str, text: str) -> str:
        note = ""
        if id.endswith("#forms"):
            note = ("Not a translation: the forms (plural, cases, other names) under which the word stands in your "
                    "texts, separated by |; - where there are none. A ! stands before a longer word that holds it and "
                    "means something else.")  # fmt: skip
        if text:
            found.append(Unit(kind, id, text, where, note=note))
        return text

    translated(entry, id, collect)  # type: ignore[type-var]
    yield from found
