"""How much room words take, in Latin letters, and how they are cut into lines: German is a third longer than English,
Chinese half as long, each of its letters twice as wide."""

from __future__ import annotations

import unicodedata

from ..language import bare

NARROW = 40  # letters that a line holds on a phone; in a chart, beside the numbers of its axis, PLOT
PLOT = 35
LINE = 15  # pixels from a line to the next


def letters(text: str) -> float:
    """The width of a text in average Latin letters; marks that stand over or under others take none."""
    return sum(_width(letter) for letter in bare(text))


def lines(text: str, most: float = NARROW) -> list[str]:
    """The text in lines of at most so many letters, cut between words; where there are none, between letters."""
    if letters(text) <= most:
        return [text]
    out, line = [], ""
    for word in _words(text):
        if line and letters(line + word.rstrip()) > most:
            out.append(line.rstrip())
            line = ""
        line += word
    return [*out, line.rstrip()] if line.strip() else out


def _words(text: str) -> list[str]:
    """Words, each with the space behind it; a wide letter is a word."""
    out = [""]
    for letter in text:
        if _width(letter) > 1.5 and out[-1]:
            out.append("")
        out[-1] += letter
        if letter == " " or (_width(letter) > 1.5 and unicodedata.category(letter) != "Ps"):
            out.append("")
    return [word for word in out if word]


def _width(letter: str) -> float:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0.0
    return 1.9 if unicodedata.east_asian_width(letter) in "WF" else 1.0
