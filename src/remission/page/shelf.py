"""What stands in YAML files of one language: cards, glossary, organisations, news, words for knowledge files."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["emergency", "urgent", "ask"]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
TEXT = Path(__file__).parent / "text"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Card(_Strict):
    """A safety card: when to call, and what to do until then. ``looked``: when the source was last read."""

    level: Level
    title: str
    signs: tuple[str, ...] = Field(min_length=1)
    do: tuple[str, ...] = Field(min_length=1)
    dont: tuple[str, ...] = ()
    source: tuple[str, ...] = Field(min_length=1)  # keys of sources.yaml
    read: Literal["full-text", "abstract", "label", "secondary"]
    dated: str  # the date that the source itself shows
    looked: datetime.date


class Cards(_Strict):
    cards: dict[Key, Card]


class Word(_Strict):
    """A word of the glossary: ``means`` explains it in a sentence or two; ``forms`` are other ways to write it."""

    word: str
    means: str
    forms: tuple[str, ...] = ()
    see: str | None = None  # the page that says more
    mark: bool = True  # explained where it first stands on a page


class Glossary(_Strict):
    words: dict[Key, Word]


class Told(_Strict):
    """The words that a knowledge file lacks in this language. In English ``plain``, ``watch`` and ``care`` stand in the
    knowledge file itself and not here; a translation holds them all."""

    title: str
    plain: str | None = None
    now: str | None = None
    watch: str | None = None
    care: str | None = None
    when: str | None = None  # when in the treatment it comes, and how long it lasts
    helps: tuple[str, ...] = ()  # what a family can do
    home: tuple[str, ...] = ()  # what to know of a medicine that is taken at home
    ask: tuple[str, ...] = ()  # questions for the team
    often: tuple[str, ...] = ()  # the studies whose numbers are told; else the first that was read
    source: tuple[str, ...] = ()
    read: Literal["full-text", "abstract", "label", "secondary", "memory"] | None = None


class Words(_Strict):
    words: dict[str, Told]


class Organisation(_Strict):
    """Who can help. ``url`` is on a site of which a stored copy was read; ``seen`` the page that was, when another."""

    name: str
    country: str
    languages: tuple[str, ...]
    url: Annotated[str, Field(pattern=r"^https://")]
    seen: str | None = None
    offers: str
    looked: datetime.date  # when a stored copy of its page was last looked at
    stored: str  # the date that the copy shows, or "no date shown"


class Organisations(_Strict):
    organisations: tuple[Organisation, ...]


class News(_Strict):
    """One entry of the feed. ``id`` never changes; ``pages``: the pages that it is about."""

    id: Key
    date: datetime.date
    title: str
    text: str
    pages: tuple[str, ...] = ()


class NewsFile(_Strict):
    news: tuple[News, ...]


class Sentences(_Strict):
    """Headings and whole sentences with {placeholders} for pages that are built from knowledge files."""

    sentences: dict[str, str]
