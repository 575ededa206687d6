"""The pages that are read: prose from Markdown files and pages made of knowledge files, in the reader's language.

A Markdown file is one page; its place under ``text/en`` is the page's id (``index.md`` is that of its folder). Another
language has the same pages with its own words in each passage (`passages`); the English where it has none.
It begins with its head between two lines ``---``, then every part begins with a heading and an id that stays::

    ## What is given {#given}

    Three or four medicines ... [@maloney2020]

    ::agents vincristine dexamethasone
    ::given cog-standard-risk induction
    ::cards fever
    ::figure induction-leukaemia
    :::specialist
    For readers who work in this.
    :::
    :::fold Show the numbers
    Shown when it is asked for.
    :::
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from html import escape
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ..knowledge.errors import BadInput, nearest
from ..knowledge.library import Library, library
from ..knowledge.loader import fault_of, load
from ..knowledge.yaml_file import compose, construct, text_of
from ..locale import KNOWN, say, speaking
from . import given, made
from .pages import Block, Item, Page
from .passages import said
from .prose import ROOMS, Marks, cited_in, page_id, to_html
from .shelf import (
    TEXT,
    Card,
    Cards,
    Entry,
    Glossary,
    News,
    NewsFile,
    Organisation,
    Organisations,
    Sentences,
    Told,
    Word,
    Words,
    one,
    translated,
)

_HEADING = re.compile(r"##\s+(.+?)\s*\{#([a-z][a-z0-9-]*)\}$")
_OPENS = re.compile(r":::(specialist|fold|questions)(?:\s+(.*\S))?$")
_LEAF = re.compile(r"::(cards|figure|agents|effects|symptoms|often|given|list)\s+(.*\S)$")


Head = TypeVar("Head", bound="_Head")


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    summary: str
    reviewed: datetime.date
    next: str | None = None
    next_text: str | None = None


class Story(_Head):
    """The head of a story: who tells it, and when they agreed to its printing. The signed form stays with the
    maintainer. Once ``withdrawn`` names a date there is no such page any more."""

    told_by: str
    who: str  # patient, parent, brother or sister, with the age then
    treated: str  # year and country
    consent: datetime.date
    withdrawn: datetime.date | None = None


@dataclass
class _Open:
    """What is being read: lines that are not yet rendered, and where they stand."""

    id: str = ""
    heading: str | None = None
    part: str = ""
    count: int = 0
    lines: list[str] = field(default_factory=list)


class Reading:
    """All pages of one language. Pages are read when they are first asked for."""

    def __init__(self, language: str = "en", knowledge: Library | None = None) -> None:
        self.language = language
        self.folder = TEXT / "en"
        self.knowledge = knowledge or library()
        if language not in KNOWN:
            raise BadInput(f"there is no language '{language}' here", remedy=f"Known: {', '.join(KNOWN)}")
        self.cards = self._all(load(self.folder / "cards.yaml", Cards).cards, "cards")
        self.glossary = self._all(load(self.folder / "glossary.yaml", Glossary).words, "glossary")
        said = load(self.folder / "sentences.yaml", Sentences).sentences
        self.said = {key: self.say(f"sentences#{key}", one(text)) for key, text in said.items()}
        self.told: dict[str, dict[str, Told]] = {
            room: self._all(load(self.folder / f"{room}.yaml", Words).words, room)
            for room in ("agents", "side-effects", "symptoms")
        }
        self._pages: dict[str, Page] = {}

    def say(self, id: str, english: str) -> str:
        """A text in the language of these pages."""
        with speaking(self.language):
            return say(id, english)

    def _all(self, entries: dict[str, Entry], room: str) -> dict[str, Entry]:
        return {key: translated(entry, f"{room}/{key}", self.say) for key, entry in entries.items()}

    # --- pages

    def ids(self) -> list[str]:
        """The ids of all pages, those made of knowledge files included."""
        made = [
            *(f"{ROOMS['agent']}/{name}" for name in self.knowledge.agents()),
            *(f"{ROOMS['effect']}/{name}" for name in self.knowledge.side_effects()),
            *(f"{ROOMS['symptom']}/{name}" for name in self.knowledge.symptoms()),
        ]
        return sorted({*self.files, *made})

    def page(self, id: str) -> Page:
        """A page by its id. Raises ``BadInput`` for an unknown one, with the nearest known."""
        id = id.strip("/")
        if id not in self._pages:
            with speaking(self.language):
                if id in self.files:
                    self._pages[id] = self._read(id, self.files[id])
                elif id in self.ids():
                    self._pages[id] = made.page(self, id)
                else:
                    near = nearest(id, self.ids())
                    raise BadInput(f"there is no page '{id}'", remedy=f"Did you mean '{near}'?" if near else None)
        return self._pages[id]

    def pages(self) -> Iterator[Page]:
        return map(self.page, self.ids())

    # --- lists

    @property
    def organisations(self) -> tuple[Organisation, ...]:
        known = load(self.folder / "organisations.yaml", Organisations).organisations
        return tuple(translated(each, f"organisations/{each.name}", self.say) for each in known)

    @property
    def news(self) -> tuple[News, ...]:
        """What is new, the newest first."""
        entries = [translated(e, f"news/{e.id}", self.say) for e in load(self.folder / "news.yaml", NewsFile).news]
        return tuple(sorted(entries, key=lambda entry: entry.date, reverse=True))

    def numbered(self, make: Callable[[Marks], Iterable[Block]]) -> tuple[tuple[Block, ...], Marks, int]:
        """The blocks with their sources numbered, what families read first; the marks; how many sources that are."""
        first = tuple(make(self.marks()))
        marks = self.marks()
        marks.cited = cited_in(html for block in first if not block.specialist for html in _markup(block))
        plain = len(marks.cited)
        return tuple(make(marks)), marks, plain

    def marks(self) -> Marks:
        """A clean sheet for a page: nothing cited, nothing explained."""
        words = self.glossary.items()
        forms = {form: "" for _key, word in words for form in word.others}
        forms |= {form: key if word.mark else "" for key, word in words for form in (word.word, *word.names)}
        return Marks(self.language, forms)

    def words(self, marks: Marks) -> tuple[tuple[str, Word], ...]:
        return tuple((key, self.glossary[key]) for key in marks.words)

    def title(self, room: str, name: str) -> str:
        """What an agent, a side effect or a symptom is called in this language."""
        told = self.told[room].get(name)
        return told.title if told else name.replace("_", " ").capitalize()

    def noticed(self, side_effect: str) -> str:
        """``felt``, found by ``tests`` before it is felt, or ``later``."""
        told = self.told["side-effects"].get(side_effect)
        return told.noticed if told else "felt"

    def crumbs(self, id: str) -> tuple[str, ...]:
        """The pages above a page, the highest first."""
        steps = id.split("/")
        above = ("/".join(steps[:n]) for n in range(1, len(steps)))
        return tuple(step for step in above if step in self.files)

    def item(self, kind: str, name: str, marks: Marks) -> Item:
        """One line of a list of agents, side effects or symptoms."""
        id = f"{ROOMS[kind]}/{name}"
        marks.links.append(id)
        room, text = made.first_words(self, kind, name)
        return Item(id, self.title(room, name), to_html(text, marks, explain=False))

    # --- Markdown files

    @cached_property
    def files(self) -> dict[str, Path]:
        found = {}
        for path in sorted(self.folder.rglob("*.md")):
            steps = path.relative_to(self.folder).with_suffix("").parts
            id = "/".join(steps[:-1] if steps[-1] == "index" else steps)
            if not id.startswith("stories/") or _head(path, Story)[0].withdrawn is None:
                found[id] = path
        return found

    def body(self, path: Path) -> tuple[_Head, list[str]]:
        """The head and the lines of a page's file, as it is written."""
        head, lines, _first = _head(path, Story if path.parent.name == "stories" and path.stem != "index" else _Head)
        return head, lines

    def stories(self) -> list[tuple[str, Story]]:
        """The ids and heads of the stories that may be printed, the newest first."""
        told = [(id, _head(path, Story)[0]) for id, path in self.files.items() if id.startswith("stories/")]
        return sorted(told, key=lambda pair: pair[1].consent, reverse=True)

    def _read(self, id: str, path: Path) -> Page:
        head, lines, first = _head(path, Story if id.startswith("stories/") else _Head)
        head = head.model_copy(update={
            name: self.say(f"{id or 'index'}#{name}", one(text))
            for name in ("title", "summary", "next_text") if (text := getattr(head, name))
        })  # fmt: skip
        lines = said(lines, lambda part, text: self.say(f"{id}#{part}", text))
        blocks, marks, plain = self.numbered(lambda marks: self._blocks(lines, first, path, marks))
        for block, other in _pairs(blocks):
            if block.id == other.id:
                raise BadInput(f"two blocks have the id '{block.id}'", path, remedy="Give one of them another id")
        for key in marks.cited:
            self.knowledge.source(key)
        return Page(
            id, self.language, head.title, head.summary, head.reviewed, blocks, tuple(marks.cited), plain,
            self.words(marks),
            tuple(dict.fromkeys(marks.links)), head.next, head.next_text, self.crumbs(id), _byline(head),
        )  # fmt: skip

    def _blocks(self, lines: list[str], first: int, path: Path, marks: Marks) -> Iterator[Block]:
        """The blocks of the lines of a file, of which the first is line ``first``."""
        now = _Open()
        inside: tuple[str, str, list[str], int] | None = None  # an open ::: with its argument, lines and line
        for number, line in enumerate(lines, first):
            if inside is not None:
                if line.strip() == ":::":
                    yield self._container(inside, now, marks)
                    inside = None
                else:
                    inside[2].append(line)
            elif line.startswith("## "):
                yield from self._text(now, marks)
                if not (found := _HEADING.match(line)):
                    raise BadInput("a heading has no id", path, number, remedy=f"Write: {line.strip()} {{#short-name}}")
                now = _Open(found[2], found[1], found[2])
            elif line.startswith(":::"):
                yield from self._text(now, marks)
                if not (found := _OPENS.match(line)):
                    raise BadInput(f"'{line}' opens nothing", path, number, remedy="Known: specialist, fold, questions")
                inside = (found[1], found[2] or "", [], number)
            elif line.startswith("::"):
                yield from self._text(now, marks)
                if not (found := _LEAF.match(line)):
                    known = "Known: cards, figure, agents, effects, symptoms, often, given, list, each with names"
                    raise BadInput(f"'{line}' is not understood", path, number, remedy=known)
                yield self._leaf(found[1], found[2].split(), now, marks, path, number)
            else:
                now.lines.append(line)
        if inside is not None:
            raise BadInput(f"':::{inside[0]}' is not closed", path, inside[3], remedy="Add a line ':::'")
        yield from self._text(now, marks)

    def _text(self, now: _Open, marks: Marks) -> Iterator[Block]:
        text = "\n".join(now.lines).strip()
        if text or now.heading:
            yield Block(_id(now), "text", now.heading, to_html(text, marks))
        now.lines, now.heading, now.id = [], None, ""

    def _container(self, inside: tuple[str, str, list[str], int], now: _Open, marks: Marks) -> Block:
        kind, argument, lines, _ = inside
        specialist = kind == "specialist"
        html = to_html("\n".join(lines), marks, explain=not specialist)
        if specialist:
            return Block(_id(now), "text", None, html, specialist=True)
        return Block(_id(now), "fold" if kind == "fold" else "questions", None, html, argument)

    def _leaf(self, what: str, names: list[str], now: _Open, marks: Marks, path: Path, line: int) -> Block:
        id = _id(now)
        try:
            if what == "figure":
                return Block(id, "figure", figure=names[0], summary=self.said["show the numbers"] if names[1:] else "")
            if what == "cards":
                return Block(id, "cards", cards=tuple((name, self.card(name)) for name in names))
            if what == "often":
                return Block(id, "often", html="".join(made.often(self, name, marks) for name in names))
            if what == "given":
                protocol, phase = names[0], " ".join(names[1:])
                return Block(id, "items", items=given.items(self, protocol, phase, marks))
            if what == "list":
                return self._told(id, names[0])
            kind = {"agents": "agent", "effects": "effect", "symptoms": "symptom"}[what]
            return Block(id, "items", items=tuple(self.item(kind, name, marks) for name in names))
        except BadInput as error:
            raise BadInput(error.message, path, line, remedy=error.remedy) from error

    def _told(self, id: str, name: str) -> Block:
        """The stories, as a list of their pages."""
        if name != "stories":
            raise BadInput(f"there is no list '{name}'", remedy="Known: stories")
        items = tuple(Item(id, head.title, f"<p>{escape(head.summary)}</p>") for id, head in self.stories())
        return Block(id, "items", html="" if items else f"<p>{escape(self.said['no story'])}</p>", items=items)

    def card(self, name: str) -> Card:
        """A safety card by its name. Raises ``BadInput`` for an unknown one."""
        if name not in self.cards:
            near = nearest(name, self.cards) or ", ".join(self.cards)
            raise BadInput(f"there is no card '{name}'", remedy=f"Known: {near}")
        return self.cards[name]


@lru_cache(maxsize=16)
def reading(language: str = "en") -> Reading:
    """The pages of a language, of the shipped knowledge; read once per process."""
    return Reading(language)


def _markup(block: Block) -> Iterator[str]:
    yield block.html
    yield from (item.html for item in block.items)


def _id(now: _Open) -> str:
    """The id of the next block: that of its heading, else the part's with a number."""
    if now.id:
        return now.id
    now.count += 1
    return f"{now.part or 'top'}-{now.count}"


def _pairs(blocks: Iterable[Block]) -> Iterator[tuple[Block, Block]]:
    ordered = sorted(blocks, key=lambda block: block.id)
    return zip(ordered, ordered[1:], strict=False)


def _byline(head: _Head) -> str | None:
    return f"{head.told_by}, {head.who}, {head.treated}" if isinstance(head, Story) else None


def _head(path: Path, model: type[Head]) -> tuple[Head, list[str], int]:
    """The head of a Markdown file, its other lines and the number of the first of them."""
    lines = text_of(path).split("\n")
    if lines[0] != "---" or "---" not in lines[1:]:
        raise BadInput("the page has no head", path, 1, remedy="Begin with ---, title, summary, reviewed, ---")
    end = lines.index("---", 1)
    tree = construct(compose("\n" + "\n".join(lines[1:end]), path), path)
    try:
        return model.model_validate(tree), lines[end + 1 :], end + 2
    except ValidationError as error:
        fault = fault_of(error.errors(include_url=False)[0], model)
        raise BadInput(fault.message, path, 1, remedy=fault.remedy) from error


__all__ = ["Block", "Item", "Page", "Reading", "page_id", "reading"]
