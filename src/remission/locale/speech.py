"""The language that is spoken now, and what is said in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import reduce

from .catalogue import catalogue
from .languages import KNOWN
from .marks import BEGIN, mark
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


def speak(key: str) -> None:
    """From here on sentences and numbers are in this language."""
    _language.set(key)


def language() -> str:
    """The key of the language that is spoken now."""
    return _language.get()


def direction(key: str | None = None) -> str:
    """``ltr`` or ``rtl``."""
    return locale(key or language()).text_direction


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


def called(room: str, name: str) -> str:
    """What something of a room (``agents``, ``side-effects``, ``symptoms``) is called in a sentence."""
    english = name.replace("_", " ")
    if (key := language()) == ENGLISH:
        return english
    said = catalogue(key).name(f"{room}/{name}#title")
    return in_sentence(said) if said else mark(english)


def in_sentence(name: str) -> str:
    """A name that begins a line, as it stands inside a sentence: in small letters, but short forms and German."""
    if language() == ENGLISH:
        return name.lower()
    start = 1 if name.startswith(BEGIN) else 0
    first, second = name[start : start + 1], name[start + 1 : start + 2]
    stays = language() == "de" or second.isupper() or start
    return name if stays else name[:start] + first.lower() + name[start + 1 :]


def english(text: str) -> str:
    """What there is in English only, marked where another language is spoken."""
    return text if language() == ENGLISH else mark(text)


def joined(pair: str, said: Iterable[str]) -> str:
    """Several as one, by the sentence for two: ``{one} and {other}``; '' for none."""
    items = list(said)
    return reduce(lambda one, other: pair.format(one=one, other=other), items) if items else ""


def N_(sentence: str) -> str:
    """A sentence of a table, said by `gettext` when it is needed."""
    return sentence


def html_tag(key: str | None = None) -> str:
    """What HTML calls the language."""
    known = KNOWN.get(key or language())
    return (known.tag if known else None) or key or language()
