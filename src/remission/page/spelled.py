"""Where the words of a glossary stand in a text, in any script: whole words, the longest where one is part of another.

Some scripts have no room between words, so that a word of theirs is found wherever it stands; Arabic writes short words
(and, in, like, for) before the next one without room, and they go along with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"  # Thai ... Khmer, kana, Han
_MARKS = "\u064b-\u0652\u0900-\u0963-"  # vowel marks of Arabic and Hindi, which are no letters; a hyphen
_BEFORE = f"(?<![^\\W{_UNSPACED}])(?<![{_MARKS}])"
_BEHIND = f"(?-i:(?![^\\W{_UNSPACED}]|[{_MARKS}]))"
_ARABIC = re.compile(r"[\u0621-\u064a]")
_THE, _FOR = "\u0627\u0644", "\u0644"  # al-, l-
_AND, _IN = "[\u0648\u0641]", "[\u0628\u0643]"  # w-, f-; b-, k-
_SHORT = 4  # letters of an Arabic word to which another letter makes another word


def found_in(text: str, forms: tuple[str, ...]) -> Iterator[tuple[int, int, str]]:
    """Where forms stand in a text: start, end, the form. They do not overlap."""
    if forms:
        pattern, ordered = _pattern(forms)
        for found in pattern.finditer(text):
            yield found.start(), found.end(), ordered[(found.lastindex or 1) - 1]


@lru_cache(maxsize=16)
def _pattern(forms: tuple[str, ...]) -> tuple[re.Pattern[str], list[str]]:
    """The pattern, and the form of each of its groups. Forms stand by their first letter: there are hundreds."""
    ordered: list[str] = []

    def any_of(some: Iterable[str], cut: int = 0) -> str:
        first: dict[str, list[str]] = {}
        for form in sorted(some, key=len, reverse=True):
            first.setdefault(form[cut].lower(), []).append(form)
        said = []
        for letter, those in first.items():
            ordered.extend(those)
            ends = (f"({re.escape(form[cut + 1 :])}{'' if _wide(form[-1]) else _BEHIND})" for form in those)
            said.append(f"[{re.escape(letter + letter.upper())}](?i:{'|'.join(ends)})")
        return f"(?:{'|'.join(said)})" if said else "(?!)"

    wide = {form for form in forms if _wide(form[0])}
    arabic = {form for form in forms if _ARABIC.match(form) and len(form) >= _SHORT}
    the = {form for form in arabic if form.startswith(_THE)}
    pattern = any_of(wide) + f"|{_BEFORE}(?:" + any_of({*forms} - wide - arabic)  # groups count from left to right
    pattern += f"|{_AND}?(?:{_IN}?{any_of(the)}"
    pattern += f"|{_FOR}{any_of(the, 1)}"
    pattern += f"|(?:{_IN}|{_FOR})?{any_of(arabic - the)}))"
    return re.compile(pattern), ordered


def _wide(letter: str) -> bool:
    return bool(re.match(f"[{_UNSPACED}]", letter))
