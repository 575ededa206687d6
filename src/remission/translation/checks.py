"""What makes a translation wrong whatever it says: something lost or added that must be the same in every language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from babel.messages.catalog import Catalog

from ..locale import KNOWN
from ..locale.numbers import locale
from .terms import Terms, found_in, term_base
from .units import Unit

FORMS = {1: ("other",), 2: ("one", "other"), 3: ("one", "many", "other"),
         6: ("zero", "one", "two", "few", "many", "other")}  # fmt: skip
_PLACEHOLDER = re.compile(r"\{\w*\}|%\(\w+\)[sd]|%%")
_LINK = re.compile(r"\]\(([^)]*)\)")
_CITED = re.compile(r"\[@[^\]]*\]")
_NUMBER = re.compile(r"(?<![\w{(@])[0-9](?:[0-9]|[.,'\u00a0\u202f](?=[0-9]))*")
_NAMED = re.compile(r"`[^`]+`|(?:(?<=\bApache licence )|(?<=\b[Vv]ersion )|(?<=\bCTCAE ))v?[0-9.]*[0-9]")
_MARKUP = re.compile(r"</?[a-zA-Z][^>]*>")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd\ue000-\uf8ff\u2028\u2029]")


@lru_cache
def plural_forms(key: str) -> tuple[str, ...]:
    """The names of the plural forms of a language, in the order of its catalogue."""
    return FORMS[Catalog(locale=KNOWN[key].locale).num_plurals]


def faults(unit: Unit, said: Sequence[str], key: str, terms: Terms) -> Iterator[str]:
    """What is wrong with a translation: one text, or one a plural form. Nothing where it can be filed."""
    if unit.plural is not None and len(said) != len(plural_forms(key)):
        yield f"needs {len(plural_forms(key))} plural forms ({', '.join(plural_forms(key))}), not {len(said)}"
        return
    if any(not text.strip() for text in said):
        yield "is empty"
        return
    if unit.id.endswith("#forms"):
        yield from _strange(said[0], key)
        return
    for place, text in enumerate(said):
        first = unit.plural is not None and len(said) > 1 and place < len(said) - 1
        english = unit.plural if unit.plural is not None else unit.english
        where = f"{plural_forms(key)[place]}: " if unit.plural is not None else ""
        for fault in (*_strange(text, key), *_lost(english, text, key, first), *_words(unit, text, key, terms)):
            yield where + fault


def _strange(text: str, key: str) -> Iterator[str]:
    if found := _CONTROL.search(text):
        yield f"holds the character U+{ord(found[0]):04X}, which is not to be printed"
    if found := _MARKUP.search(text):
        yield f"holds markup {found[0]}, which would be shown as it is"
    if found := re.search(r"[^\W\d_]?[٠-٩۰-۹०-९０-９]+", text):
        yield f"has the digits {found[0]}: write Latin digits"


def _lost(english: str, text: str, key: str, may_lack: bool) -> Iterator[str]:
    """``may_lack``: a form for one or two need not say the number."""
    for what, pattern in (("the placeholder", _PLACEHOLDER), ("the link to", _LINK), ("the sources", _CITED)):
        had, has = Counter(pattern.findall(english)), Counter(pattern.findall(text))
        for one in had - has:
            if not (may_lack and pattern is _PLACEHOLDER):
                yield f"has lost {what} {one}"
        for one in has - had:
            yield f"has {what} {one}, which is not in the English"
    if english.count("**") != text.count("**"):
        yield "has not as many ** as the English"
    if english.count("|") != text.count("|"):
        yield "has not as many | as the English"
    for name in _NAMED.findall(english):  # code and versions stay as they are, but for an address in the language
        here = name.replace("`/en/", f"`/{key}/")
        if here not in text:
            yield f"has lost {here}, which stays as it is"
        english, text = english.replace(name, "", 1), text.replace(here, "", 1)
    had, has = Counter(_numbers(english, ".", ",")), Counter(_numbers(text, *_symbols(key)))
    for one in had - has:
        yield f"has lost the number {one}" + (
            "" if _symbols(key)[0] == "." or "." not in one else f" (written {one.replace('.', ',')})"
        )


def _words(unit: Unit, text: str, key: str, terms: Terms) -> Iterator[str]:
    low = text.casefold()
    for forbidden in terms.forbidden:
        if forbidden.word.casefold() in low:
            yield f"says '{forbidden.word}': {forbidden.why}"
    script = KNOWN[key].script
    if script and len(re.findall(r"[a-z]{3,}", _bare(unit.english))) > 2 and not re.search(script, text):
        yield f"has no letter of the language ({KNOWN[key].english})"
    if not script and text == unit.english and len(re.findall(r"[a-z]{3,}", _bare(text))) > 3:
        yield "is the English"
    for term in found_in(_bare(unit.english)):
        said = terms.terms.get(term)
        if said is not None and term_base().terms[term].check and not said.stands_in(text):
            yield f"does not use the term for '{term}': {said.term}"


def _bare(text: str) -> str:
    """The text without what is no word: placeholders, links, sources."""
    return _CITED.sub(" ", _PLACEHOLDER.sub(" ", _LINK.sub("]", text)))


def _numbers(text: str, decimal: str, group: str) -> Iterator[str]:
    """The numbers of a text, each with a decimal point and no grouping; one that the language writes otherwise, as it
    is with a question mark."""
    groups = rf"[{re.escape(group)}'\u00a0\u202f]"
    grouped = re.compile(rf"[0-9]{{1,3}}(?:{groups}[0-9]{{3}})+(?:{re.escape(decimal)}[0-9]+)?")
    for found in _NUMBER.findall(_bare(text)):
        plain = re.sub(groups, "", found) if grouped.fullmatch(found) else found
        known = re.fullmatch(rf"[0-9]+(?:{re.escape(decimal)}[0-9]+)?", plain)
        yield plain.replace(decimal, ".") if known else f"{found}?"


def _symbols(key: str) -> tuple[str, str]:
    """Decimal and group sign of a language, with Latin digits."""
    signs = locale(key).number_symbols
    latin = signs.get("latn", signs)
    return latin["decimal"], latin["group"]
