"""The reader's language: sentences by gettext, numbers and dates by CLDR.

What a reader sees is written in English inside ``_()`` or ``ngettext()``, whole sentences with named placeholders, and
is put into the language of the request. A language is a catalogue ``locale/xx/LC_MESSAGES/page.mo`` and a folder
``text/xx``; nothing in the code names one but `LANGUAGES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date as Date
from functools import lru_cache
from gettext import NullTranslations, translation
from pathlib import Path

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

LANGUAGES = {"en": "English"}  # tag and the language's own name, the first is the one that is always there
LATIN = "latn"  # digits as laboratories and pharmacies print them, in every language

_CATALOGUES = Path(__file__).parent / "locale"
_language: ContextVar[str] = ContextVar("language", default="en")


@contextmanager
def speaking(tag: str) -> Iterator[None]:
    """Inside, sentences and numbers are in this language."""
    token = _language.set(tag)
    try:
        yield
    finally:
        _language.reset(token)


def language() -> str:
    """The tag of the language that is spoken now."""
    return _language.get()


def direction(tag: str | None = None) -> str:
    """``ltr`` or ``rtl``."""
    return "rtl" if _locale(tag or language()).text_direction == "right-to-left" else "ltr"


def gettext(sentence: str) -> str:
    """The sentence in the reader's language; as it is where the catalogue does not have it."""
    return _catalogue(language()).gettext(sentence)


def ngettext(one: str, many: str, n: int) -> str:
    """The sentence that goes with n things, by the plural rules of the language."""
    return _catalogue(language()).ngettext(one, many, n)


_ = gettext


def number(value: float, places: int | None = None) -> str:
    """1,234.5 as the language writes it; with as many decimals as are asked for, else as many as it has, at most 3."""
    form = "#,##0.###" if places is None else "#,##0" + ("." + "0" * places if places else "")
    return format_decimal(value, format=form, locale=_locale(language()), numbering_system=LATIN)


def percent(share: float, places: int = 0) -> str:
    """0.25 as 25% (or 25 %)."""
    form = _locale(language()).percent_formats[None].pattern
    form = form.replace("0", "0." + "0" * places, 1) if places else form
    return format_percent(share, format=form, locale=_locale(language()), numbering_system=LATIN)


def date(day: Date) -> str:
    """4 January 2027: never figures alone, whose order differs."""
    return format_date(day, format="d MMMM y" if language() == "en" else "long", locale=_locale(language()))


@lru_cache
def _locale(tag: str) -> Locale:
    return Locale.parse(tag, sep="-")


@lru_cache
def _catalogue(tag: str) -> NullTranslations:
    return translation("page", _CATALOGUES, [tag.replace("-", "_")], fallback=True)
