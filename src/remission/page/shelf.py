"""What stands in YAML files of one language: cards, glossary, organisations, news, words for knowledge files."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ..locale import bare

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
    """A word of the glossary: ``means`` explains it in a sentence or two; ``forms`` are other ways to write it, and,
    with ``!`` before them, words of which it is a part but which mean something else."""

    word: str
    means: str
    forms: tuple[str, ...] = ()
    see: str | None = None  # the page that says more
    mark: bool = True  # explained where it first stands on a page

    @property
    def names(self) -> tuple[str, ...]:
        """The other ways to write it."""
        return tuple(form for form in self.forms if not form.startswith(NOT))

    @property
    def others(self) -> tuple[str, ...]:
        """Words that hold it and mean something else."""
        return tuple(form.removeprefix(NOT) for form in self.forms if form.startswith(NOT))


class Glossary(_Strict):
    words: dict[Key, Word]


class Told(_Strict):
    """The words that a knowledge file lacks: ``plain``, ``watch`` and ``care`` stand in the file itself."""

    title: str
    when: str | None = None  # when in the treatment it comes, and how long it lasts
    helps: tuple[str, ...] = ()  # what a family can do
    home: tuple[str, ...] = ()  # what to know of a medicine that is taken at home
    ask: tuple[str, ...] = ()  # questions for the team
    noticed: Literal["felt", "tests", "later"] = "felt"  # by the patient; by tests before that; years after treatment
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


Entry = TypeVar("Entry", Card, Word, Told, Organisation, News)
_TEXTS: dict[type[BaseModel], tuple[str, ...]] = {  # the fields that a reader sees
    Card: ("title", "signs", "do", "dont", "dated"),
    Word: ("word", "forms", "means"),
    Told: ("title", "when", "helps", "home", "ask"),
    Organisation: ("country", "languages", "offers", "stored"),
    News: ("title", "text"),
}
FORMS = "forms"  # of a word: not translated but written anew, separated by |
NO_FORMS = "-"
NOT = "!"


def translated(entry: Entry, id: str, say: Callable[[str, str], str]) -> Entry:
    """The entry with each of its texts put through ``say(id, text)``."""
    turned: dict[str, object] = {}
    for name in _TEXTS[type(entry)]:
        value = getattr(entry, name)
        if name == FORMS:
            forms = bare(say(f"{id}#{name}", " | ".join(value) or NO_FORMS))
            turned[name] = tuple(form for part in forms.split("|") if (form := part.strip()) not in ("", NO_FORMS))
        elif isinstance(value, tuple):
            turned[name] = tuple(say(f"{id}#{name}.{i}", one(text)) for i, text in enumerate(value, 1))
        elif value is not None:
            turned[name] = say(f"{id}#{name}", one(value))
    return entry.model_copy(update=turned)


def one(text: str) -> str:
    """The text in one line."""
    return " ".join(text.split())
