"""The language that is spoken now, and what is said in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .catalogue import catalogue
from .languages import KNOWN
from .marks import mark
from .numbers import locale

ENGLISH = "en"
_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


@contextmanager
def speaking(key: str) -> Iterator[None]:
    """Inside, sentences and numbers are in this language."""
    token = _language.set(key)
    try:
        yield
    finally:
        _language.reset(token)


def language() -> str:
    """The key of the language that is spoken now."""
    return _language.get()


def direction(key: str | None = None) -> str:
    """``ltr`` or ``rtl``."""
    return "rtl" if locale(key or language()).text_direction == "right-to-left" else "ltr"


def gettext(sentence: str) -> str:
    """The sentence in the reader's language; in English, marked, where the catalogue does not have it."""
    if (key := language()) == ENGLISH:
        return sentence
    return catalogue(key).sentence(sentence) or mark(sentence)


def ngettext(one: str, many: str, n: int) -> str:
    """The sentence that goes with n things, by the plural rules of the language."""
    english = one if n == 1 else many
    if (key := language()) == ENGLISH:
        return english
    return catalogue(key).plural(one, many, n) or mark(english)


def say(id: str, english: str) -> str:
    """The text of that id in the reader's language; in English, marked, where the translation is missing or old."""
    if not english or (key := language()) == ENGLISH:
        return english
    return catalogue(key).text(id, english) or mark(english)


def html_tag(key: str | None = None) -> str:
    """What HTML calls the language."""
    known = KNOWN.get(key or language())
    return (known.tag if known else None) or key or language()
