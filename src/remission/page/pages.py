"""What a page to read is made of."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal

from .shelf import Card, Word

Kind = Literal["text", "call", "cards", "figure", "fold", "items", "often", "questions"]


@dataclass(frozen=True)
class Item:
    """One agent, side effect or symptom in a list: its page's id, its name and one sentence."""

    id: str
    title: str
    html: str


@dataclass(frozen=True)
class Block:
    """A piece of a page. ``id`` is stable and unique on the page; a heading begins a new part.

    ``html`` is safe to print as it is. ``cards``, ``items`` and ``figure`` are filled for blocks of that kind;
    ``summary`` is what a folded block shows before it is opened.
    """

    id: str
    kind: Kind = "text"
    heading: str | None = None
    html: str = ""
    summary: str = ""
    specialist: bool = False
    items: tuple[Item, ...] = ()
    cards: tuple[tuple[str, Card], ...] = ()
    figure: str | None = None


@dataclass(frozen=True)
class Page:
    """A page to read. ``references``: keys of sources.yaml, in the order of their numbers; ``words``: the glossary
    words that are explained on it; ``links``: ids of pages of this site that it leads to."""

    id: str
    language: str
    title: str
    summary: str
    reviewed: datetime.date
    blocks: tuple[Block, ...]
    references: tuple[str, ...] = ()
    plain_references: int = 0  # as many of the first of them stand behind words for families
    words: tuple[tuple[str, Word], ...] = ()
    links: tuple[str, ...] = ()
    next: str | None = None
    next_text: str | None = None  # the sentence that hands over
    crumbs: tuple[str, ...] = ()  # ids of the pages above
    byline: str | None = None  # of a story: who tells it

    def references_for(self, specialist: bool) -> tuple[str, ...]:
        """The sources of what is shown: those of the specialist's blocks are numbered after the others."""
        return self.references if specialist else self.references[: self.plain_references]

    @property
    def parts(self) -> tuple[Block, ...]:
        """The blocks that begin a part, for a list of contents."""
        return tuple(block for block in self.blocks if block.heading)
