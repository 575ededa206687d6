"""The term base: words that must be said in the same way everywhere, and words that get turned round.

``terms.yaml`` beside this file holds the English; ``locale/LANGUAGE/terms.yaml`` what each language says, and where the
term was found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..knowledge.loader import load
from ..locale.languages import HERE

FILE = Path(__file__).with_name("terms.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Term(_Strict):
    """``forms``: other ways to write it in English. ``check``: texts are held to it; not where it is a common word."""

    note: str
    forms: tuple[str, ...] = ()
    check: bool = True


class Turned(_Strict):
    """A word that translations have turned round. ``pattern`` finds it in English."""

    pattern: str
    why: str
    instead: str


class TermBase(_Strict):
    terms: dict[str, Term]
    turned_round: tuple[Turned, ...]


class Said(_Strict):
    """A term in another language. ``forms``: beginnings of words under which it stands in texts, too."""

    term: str
    forms: tuple[str, ...] = ()
    source: str

    def stands_in(self, text: str) -> bool:
        plain = _plain(text)
        return any(_plain(form) in plain for form in (self.term, *self.forms))


class Forbidden(_Strict):
    word: str
    why: str


class Terms(_Strict):
    terms: dict[str, Said] = {}
    forbidden: tuple[Forbidden, ...] = ()


@lru_cache(maxsize=1)
def term_base() -> TermBase:
    return load(FILE, TermBase)


def path_of(key: str) -> Path:
    return HERE / key / "terms.yaml"


def terms_of(key: str) -> Terms:
    """What a language says; nothing where its file is not there yet."""
    path = path_of(key)
    return load(path, Terms) if path.is_file() else Terms()


def found_in(english: str) -> Iterator[str]:
    """The terms of the base that an English text holds, the longest where one is a part of another."""
    seen: set[str] = set()
    for found in _pattern().finditer(english):
        term = _called()[found[0].lower()]
        if term not in seen and (not term.isupper() or found[0][:2].isupper()):
            seen.add(term)
            yield term


@lru_cache(maxsize=1)
def _called() -> dict[str, str]:
    """Every way to write a term: the term."""
    out: dict[str, str] = {}
    for term, known in term_base().terms.items():
        for form in (term, *known.forms):
            out.setdefault(form.lower(), term)
            if not form.endswith("s"):
                out.setdefault(f"{form.lower()}s", term)
    return out


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    forms = sorted(_called(), key=len, reverse=True)
    return re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, forms)) + r")(?![\w-])", re.IGNORECASE)


def _plain(text: str) -> str:
    """Without accents, vowel marks and case: a term is found in all its dress."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in apart if unicodedata.category(c) != "Mn" and c not in "\u0640\u200c\u200d\u200e\u200f")
