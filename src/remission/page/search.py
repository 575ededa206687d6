"""Search over everything that is read: an index in memory (SQLite's FTS5), built once a language."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from itertools import pairwise
from threading import Lock
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from remission.knowledge.errors import nearest

from ..locale.marks import FOREIGN
from .language import bare, language
from .language import gettext as _
from .pages import Page
from .reading import Reading, reading
from .site import Site

MOST = 20  # results
LETTERS = "categories 'L* N* Co Mn Mc'"  # marks belong to their letters
LONGEST = 100  # letters of a question
WEIGHTS = (10.0, 8.0, 4.0, 1.0)  # title, other names, summary, text
BEGIN, END = "\x02", "\x03"  # around what was found, until it is safe to write it as HTML

# Han and kana are written without spaces: each letter is a word of its own there
_WIDE = r"\u3000-\u30ff\u3400-\u9fff\uff00-\uffef"
_BETWEEN = re.compile(f"(?<=[{_WIDE}])([{BEGIN}{END}]?)\\s+([{BEGIN}{END}]?)(?=[{_WIDE}])")
_WORD = re.compile(r"[\w\u0300-\u036f\u064b-\u0652\u0900-\u0963\u200c\u200d]+")
_SINGLE = re.compile(r"([\u3040-\u30ff\u3400-\u9fff])")
# Arabic writes the article, and short words before it, without room: the fever, with the fever, for the fever
_ARTICLE = re.compile("^[\u0648\u0641]?(?:[\u0628\u0643]?\u0627\u0644|\u0644\u0644)(?=[\u0621-\u064a]{3})")
_DRESSES = ("", "\u0627\u0644", "\u0648\u0627\u0644", "\u0628\u0627\u0644", "\u0644\u0644")


@dataclass(frozen=True)
class Entry:
    """What can be found. ``address`` begins behind the language, with /."""

    address: str
    title: str
    kind: str
    names: str = ""
    summary: str = ""
    text: str = ""


@dataclass(frozen=True)
class Found:
    """One result; ``excerpt`` is safe HTML with what was found in ``<mark>``."""

    address: str
    title: str
    kind: str
    excerpt: str


class Index:
    """The index of one language."""

    def __init__(self, entries: Iterable[Entry], tag: str = "en") -> None:
        self._lock = Lock()
        self._base = sqlite3.connect(":memory:", check_same_thread=False)
        stem = "porter " if tag == "en" else ""
        self._base.execute(
            "create virtual table entry using fts5(title, names, summary, text, address unindexed, kind unindexed, "
            f"shown unindexed, prefix='2 3', tokenize=\"{stem}unicode61 remove_diacritics 2 {LETTERS}\")"
        )
        self._base.execute("create virtual table word using fts5vocab(entry, row)")
        self._base.executemany(
            "insert into entry values (?, ?, ?, ?, ?, ?, ?)",
            ((_apart(e.title), _apart(e.names), _apart(e.summary), _apart(e.text), e.address, e.kind, bare(e.title))
             for e in entries),
        )  # fmt: skip
        self._words: list[str] = []

    def find(self, question: str) -> list[Found]:
        """The best results first: pages that have all words, then those that have some; none where none is known."""
        words = _words(question)
        if not words:
            return []
        found = self._ask(" AND ".join(words))
        if len(found) < MOST and len(words) > 1:
            known = {result.address for result in found}
            found += [result for result in self._ask(" OR ".join(words)) if result.address not in known]
        return sorted(found[:MOST], key=lambda one: not _urgent(one, question))

    def meant(self, question: str) -> str | None:
        """The question with words that are known in place of those that are not; None where nothing is near."""
        with self._lock:
            if not self._words:
                sql = "select title || ' ' || names from entry"
                self._words = sorted({w for (t,) in self._base.execute(sql) for w in _WORD.findall(t.lower()) if w[2:]})
        words = _WORD.findall(question.lower()[:LONGEST])
        better = [nearest(word, self._words) or word for word in words]
        return " ".join(better) if better != words else None

    def _ask(self, query: str) -> list[Found]:
        sql = (
            "select address, shown, kind, snippet(entry, -1, ?, ?, ' … ', 24) from entry where entry match ? "
            f"order by bm25(entry, {', '.join(map(str, WEIGHTS))}) limit {MOST}"
        )
        with self._lock:
            rows = self._base.execute(sql, (BEGIN, END, query)).fetchall()
        return [Found(address, title, kind, _marked(excerpt)) for address, title, kind, excerpt in rows]


def _urgent(found: Found, question: str) -> bool:
    """A safety card that is called by a word of the question: it stands before all else."""
    return found.kind == "card" and not _telling(question).isdisjoint(_telling(found.title))


def _telling(text: str) -> set[str]:
    """Words that say what a text is about: of more than three letters; where words have no room between them, two
    letters that stand together."""
    words = (_ARTICLE.sub("", word) for word in _WORD.findall(text.lower()))
    most = 2 if re.search("[\u0621-\u064a]", text) else 3  # vowels are not written
    whole = {word for word in words if len(word) > most and not _SINGLE.search(word)}
    return whole | {one + other for one, other in pairwise(text) if _SINGLE.match(one) and _SINGLE.match(other)}


def _words(question: str) -> list[str]:
    """The words of a question as FTS5 reads them, each also as the beginning of a longer one."""
    words = _WORD.findall(_apart(question[:LONGEST]))[:12]
    return [f'"{word}"' if _SINGLE.match(word) else _begun(word) for word in words]


def _begun(word: str) -> str:
    """Words that begin so; an Arabic one with and without its article."""
    if not re.match("[\u0621-\u064a]", word):
        return f'"{word}"*'
    return "(" + " OR ".join(f'"{dress}{_ARTICLE.sub("", word)}"*' for dress in _DRESSES) + ")"


def _apart(text: str) -> str:
    return _SINGLE.sub(r" \1 ", bare(text))


def _marked(excerpt: str) -> str:
    together = _BETWEEN.sub(r"\1\2", excerpt)
    return escape(together).replace(BEGIN, "<mark>").replace(END, "</mark>")


# --- what there is to find --------------------------------------------------------------------


@lru_cache(maxsize=16)
def index(tag: str) -> Index:
    """The index of a language; it takes a second or two to build, once."""
    return Index(entries(reading(tag)), tag)


def entries(texts: Reading) -> Iterator[Entry]:
    """Every page to read with its names, every safety card and word of the glossary, and where treatments are seen."""
    names = _other_names(texts)
    for page in texts.pages():
        yield Entry(f"/{page.id}", page.title, page.id, names.get(page.id, ""), page.summary, _text(page))
    for name, card in texts.cards.items():
        yield Entry(f"/when-to-call#card-{name}", card.title, "card", "", " ".join(card.signs), " ".join(card.do))
    for key, word in texts.glossary.items():
        yield Entry(f"/glossary#{key}", word.word, "glossary", ", ".join(word.names), word.means)
    yield Entry(
        "/see/", _("See a treatment day by day"), "see", _("calendar to print, any day of treatment, plan, protocol"),
        _("Choose a patient and a treatment. You see the calendar, the course of one patient, and many like it."),
    )  # fmt: skip


def kind_of(id: str) -> str:
    """What a result is, in a word of the reader's language."""
    kinds = (
        ("card", _("When to call")), ("glossary", _("Word explained")), ("treatment/chemotherapy/", _("Medicine")),
        ("side-effects/", _("Side effect")), ("symptoms/", _("Sign")), ("stories", _("Story")),
        ("treatment", _("Treatment")), ("see", _("To see")),
    )  # fmt: skip
    return next((said for start, said in kinds if id.startswith(start)), _("To read"))


def _other_names(texts: Reading) -> dict[str, str]:
    out: dict[str, list[str]] = {}
    for name, agent in texts.knowledge.agent_names().items():
        out.setdefault(f"treatment/chemotherapy/{agent}", []).append(name)
    for name in texts.knowledge.side_effects():
        out[f"side-effects/{name}"] = list(texts.knowledge.side_effect(name).names)
    return {id: ", ".join(names) for id, names in out.items()}


def _text(page: Page) -> str:
    html = " ".join(
        part for b in page.blocks
        for part in (b.heading or "", b.summary, b.html, *(f"{item.title}. {item.html}" for item in b.items))
    )  # fmt: skip
    said = FOREIGN.sub(" ", html)  # English in a page of another language is not read out in an answer
    plain = re.sub(r"<sup.*?</sup>|<[^>]*>", " ", said)
    return re.sub(r"\s+", " ", unescape(plain)).strip()


def routes(site: Site) -> list[BaseRoute]:
    """/search?q=..."""

    def search(request: Request) -> Response:
        question = request.query_params.get("q", "").strip()[:LONGEST]
        here = index(language())
        found = here.find(question)
        meant = here.meant(question) if question and not found else None
        shown: dict[str, Any] = {"question": question, "found": found, "most": MOST, "meant": meant, "kind_of": kind_of}
        return site.page(request, "search.html", **shown)

    return [Route("/search", search)]
