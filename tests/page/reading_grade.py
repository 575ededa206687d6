"""How hard a text is to read: Flesch-Kincaid, with the syllables of each word counted in two ways and the higher taken.

Pyphen finds where a word may be broken, which are fewer places than it has syllables ("any", "leukaemia"); groups of
vowels are sometimes one too few as well ("create").
"""

from __future__ import annotations

import html
import re
from functools import cache

import pyphen

from remission.page.pages import Page

_BREAKS = pyphen.Pyphen(lang="en_US")


def sentences(text: str) -> list[str]:
    """The sentences of a text; a line of its own (a list item, a heading) ends one as well."""
    pieces = re.split(r"(?<=[.!?])\s+|\n+", text)
    return [piece.strip() for piece in pieces if re.search(r"[A-Za-z0-9]", piece)]


def words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z0-9][\w'’.:-]*", text)


@cache
def syllables(word: str) -> int:
    letters = re.sub(r"[^a-z]", "", word.lower())
    groups = len(re.findall(r"[aeiouy]+", letters))
    silent_e = letters.endswith("e") and not letters.endswith(("le", "ee", "ie", "ye", "oe"))
    silent_ed = letters.endswith("ed") and not letters.endswith(("ted", "ded"))
    silent_es = letters.endswith("es") and not re.search(r"(x|ch|sh|c|g|s|z)es$", letters)
    heard = groups - (groups > 1 and (silent_e or silent_ed or silent_es))
    return max(1, heard, len(_BREAKS.positions(letters)) + 1)


def grade(text: str) -> float:
    """The Flesch-Kincaid grade: years at school that the text asks for (Kincaid 1975). Sentences end with a full stop
    and the like only, so that a list of fragments does not make a text easy."""
    flat = " ".join(text.split())
    spoken = words(flat)
    ends = [piece for piece in re.split(r"(?<=[.!?])\s+", flat) if words(piece)]
    return 0.39 * len(spoken) / len(ends) + 11.8 * sum(map(syllables, spoken)) / len(spoken) - 15.59


def plain(markup: str) -> str:
    """The text of a piece of HTML, without the numbers of its references and without tables."""
    text = re.sub(r"<sup.*?</sup>|<table.*?</table>", "", markup, flags=re.DOTALL)
    text = re.sub(r"</(?:p|li|h\d|dt|dd|ul|ol|dl)>", "\n", text)
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def for_families(page: Page) -> str:
    """All that a family reads on a page, what is folded included."""
    blocks = (block for block in page.blocks if not block.specialist)
    return "\n".join(f"{block.summary}\n{plain(block.html)}" for block in blocks).strip()


# --- other languages

# Reading ease, 100 for very easy: a - b * words a sentence - c * syllables a word; and where "normal" begins. Amstad
# 1978 (German), Szigriszt 1993 as INFLESZ (Spanish), Kandel and Moles 1958 (French), Martins 1996 (Portuguese), from
# memory. There is none for Arabic, Hindi and Chinese that counts syllables.
EASE = {
    "de": ("de_DE", 180.0, 1.0, 58.5, 60),
    "es": ("es", 206.835, 1.0, 62.3, 55),
    "fr": ("fr", 207.0, 1.015, 73.6, 60),
    "pt-BR": ("pt_BR", 248.835, 1.015, 84.6, 50),
}
_VOWELS = {
    "de": "[aeiouyäöü]+", "es": "[aeiouáéíóúü]+", "fr": "[aeiouyàâäéèêëîïôöùûüœæ]+", "pt-BR": "[aeiouáâãàéêíóôõúü]+",
}  # fmt: skip


def ease(text: str, key: str) -> float:
    """The reading ease of a text in a language of `EASE`."""
    _name, top, by_words, by_syllables, _normal = EASE[key]
    flat = " ".join(text.split())
    spoken = re.findall(r"[^\W\d_]{2,}", flat)
    ends = [piece for piece in re.split(r"(?<=[.!?])\s+", flat) if re.search(r"[^\W\d_]{2,}", piece)]
    heard = sum(_syllables(word.lower(), key) for word in spoken) / len(spoken)
    return top - by_words * len(spoken) / len(ends) - by_syllables * heard


@cache
def _syllables(word: str, key: str) -> int:
    groups = len(re.findall(_VOWELS[key], word))
    if key == "fr":  # an e at the end is not heard; where a word may be broken says little of it
        return max(1, groups - (len(word) > 3 and bool(re.search("e(?:s|nt)?$", word))))
    return max(1, groups, len(_hyphens(key).positions(word)) + 1)


@cache
def _hyphens(key: str) -> pyphen.Pyphen:
    return pyphen.Pyphen(lang=EASE[key][0])
