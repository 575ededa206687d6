"""Markdown as the reading pages are written in: CommonMark without HTML, sources cited by key, links by address, and
the words of the glossary marked where they first stand.

``[@key]`` cites an entry of sources.yaml; ``/treatment/induction`` leads to a page of the same language;
``agent:NAME``, ``effect:NAME`` and ``symptom:NAME`` lead to the page of an agent, a side effect or a symptom.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token

from .spelled import found_in

ROOMS = {"agent": "treatment/chemotherapy", "effect": "side-effects", "symptom": "symptoms"}
_CITED = re.compile(r"\s*\[((?:@[a-z0-9_-]+(?:;\s*)?)+)\]")


@dataclass
class Marks:
    """What the blocks of one page share: the sources in the order in which they are cited, the words explained."""

    language: str
    forms: dict[str, str] = field(default_factory=dict)  # a word as it is written: its glossary id; "": not explained
    cited: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)  # ids of pages that are linked to


def to_html(text: str, marks: Marks, explain: bool = True) -> str:
    """The HTML of a piece of Markdown. What is cited, explained and linked to is added to ``marks``."""
    tokens = _markdown().parse(text)
    in_heading = False
    for token in tokens:
        in_heading = token.type == "heading_open" or (in_heading and token.type != "heading_close")
        if token.type == "inline" and token.children:
            token.children = list(_inline(token.children, marks, explain and not in_heading))
    return _markdown().renderer.render(tokens, _markdown().options, {}).strip()


def address(target: str, language: str) -> str:
    """The address on this site of a page id, or of ``agent:NAME`` and the like."""
    return f"/{language}/{page_id(target)}"


def page_id(target: str) -> str:
    """The id of the page that a link of the prose means."""
    room, colon, name = target.partition(":")
    return f"{ROOMS[room]}/{name}" if colon else target.strip("/")


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _inline(tokens: Iterable[Token], marks: Marks, explain: bool) -> Iterator[Token]:
    in_link = False
    for token in tokens:
        if token.type == "link_open":
            in_link = True
            _turn(token, marks)
        elif token.type == "link_close":
            in_link = False
        if token.type == "text":
            yield from _text(token.content, marks, explain and not in_link)
        else:
            yield token


def _turn(link: Token, marks: Marks) -> None:
    """A link of the prose becomes an address; one that leads away says so."""
    target = str(link.attrs.get("href", ""))
    path, hash_, part = target.partition("#")
    if path.split(":")[0] in ROOMS or path.startswith("/"):
        marks.links.append(page_id(path))
        link.attrs["href"] = address(path, marks.language) + hash_ + part
    elif re.match(r"https?:", path):
        link.attrs["rel"] = "external noopener"


def _text(text: str, marks: Marks, explain: bool) -> Iterator[Token]:
    at = 0
    for found in _CITED.finditer(text):
        yield from _explained(text[at : found.start()], marks, explain)
        yield _raw("".join(map(_cite(marks), re.findall(r"@([a-z0-9_-]+)", found[1]))))
        at = found.end()
    yield from _explained(text[at:], marks, explain)


def cited_in(blocks: Iterable[str]) -> list[str]:
    """The sources that pieces of HTML cite, in their order."""
    return list(dict.fromkeys(key for html in blocks for key in re.findall(r'href="#ref-([^"]+)"', html)))


def cite(keys: Iterable[str], marks: Marks) -> str:
    """The HTML of the references to sources that stand behind a sentence."""
    return "".join(map(_cite(marks), keys))


def _cite(marks: Marks):  # type: ignore[no-untyped-def]
    def one(key: str) -> str:
        if key not in marks.cited:
            marks.cited.append(key)
        number = marks.cited.index(key) + 1
        return f'<sup class="cite"><a href="#ref-{escape(key)}">{number}</a></sup>'

    return one


def _explained(text: str, marks: Marks, explain: bool) -> Iterator[Token]:
    at = 0
    for start, end, form in found_in(text, tuple(marks.forms)) if explain else ():
        word = marks.forms[form]
        if not word or word in marks.words:
            continue
        marks.words.append(word)
        yield _plain(text[at:start])
        button = f'<button type="button" class="word" popovertarget="word-{word}">{escape(text[start:end])}</button>'
        yield _raw(button)
        at = end
    yield _plain(text[at:])


def _plain(text: str) -> Token:
    return Token("text", "", 0, content=text)


def _raw(html: str) -> Token:
    return Token("html_inline", "", 0, content=html)
