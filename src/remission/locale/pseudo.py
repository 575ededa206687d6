"""A language made by a rule: English with accents and a third longer. Whatever stays plain was never translatable."""

from __future__ import annotations

import re

_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ACCENTS = str.maketrans(_PLAIN, "áƀçđéƒǥĥíĵķłɱñóƥɋřšŧúṽŵẋýžÁƁÇĐÉƑǤĤÍĴĶŁṀÑÓƤɊŘŠŦÚṼŴẊÝŽ")
# placeholders, targets of links, sources, markup of Markdown
_KEPT = re.compile(r"(\{\w*\}|%\(\w+\)[sd]|%%|\]\([^)]*\)|\[@[^\]]*\])")


def pseudo(english: str) -> str:
    """The text with accents, a third longer; placeholders and links as they are."""
    pieces = _KEPT.split(english)
    said = "".join(piece if i % 2 else piece.translate(_ACCENTS) for i, piece in enumerate(pieces))
    longer = len(english) // 3
    return said + ("~" * longer if longer < 5 else " ~~~~" * (longer // 5))


class Pseudo:
    """Stands for a catalogue."""

    def sentence(self, english: str) -> str:
        return pseudo(english)

    def plural(self, one: str, many: str, n: int) -> str:
        return pseudo(one if n == 1 else many)

    def name(self, id: str) -> str:
        return pseudo(id.rpartition("/")[2].partition("#")[0].replace("_", " "))

    def text(self, id: str, english: str) -> str:
        if id.endswith("#forms"):
            return english
        return pseudo(english)
