"""Marks inside a text: English that stands for a missing translation; doses and Latin names in right-to-left text.

While a page is made, English that stands in for another language is kept between two brackets that no text uses;
`marked` turns them into markup, `bare` takes them out of what is no markup.
"""

from __future__ import annotations

import re

BEGIN, END = "\u2e28", "\u2e29"  # punctuation, so that Markdown reads what stands beside them
ISOLATE, RTL, POP = "\u2066", "\u2067", "\u2069"  # left to right between them, whatever stands around
_MARKS = re.compile(f"([{BEGIN}{END}])")
FOREIGN = re.compile(f"{BEGIN}[^{END}]*{END}")
_NAME = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]*)")
_INSIDE = {
    "text": "tspan",
    "title": "",
    "desc": "",
    "option": "",
    "textarea": "",
}  # what marks text inside them; "": nothing
_RTL_LETTER = re.compile(r"[\u0590-\u08ff]")
_LTR = {"span": 'dir="ltr" ', "tspan": ""}
_BLOCKS = {"p", "li", "td", "th", "dd", "dt", "h1", "h2", "h3", "div", "section", "main", "text", "title"}
_PIECE = re.compile(r"(<(?:script|style)\b.*?</(?:script|style)>|<!--.*?-->|<[^>]*>)", re.DOTALL)
# read from left to right as one: a dose, a range, a name in Latin letters, with what stands in brackets behind it
_L = "A-Za-z\u00aa-\u00b4\u00b6\u00b8-\u024f"  # letters
_BRACKET = r"\(" + f"[{_L}0-9]" + r"[^()<>&\u0590-\u08ff]*\)"
_LATIN = re.compile(
    _BRACKET
    + rf"|(?<![\w&#])[<>≤≥±+−-]?[{_L}0-9µ]"
    + rf"(?:[{_L}0-9.,/%°×⁹^+−–:·²³µ'’ \u00a0\u202f-]*[{_L}0-9%°⁹²³µ])?(?![\w;])(?:[ \u00a0]{_BRACKET})?"
)
_IN_DEGREES = re.compile(r"(?<=[0-9]) (?=°[CF])|(?<=°C) (?=\([0-9])")
_STRONG = re.compile(r"[A-Za-z/%°×–-]")


def mark(english: str) -> str:
    """English that stands for a text of another language."""
    return f"{BEGIN}{english}{END}" if english.strip() else english


def unbroken(html: str) -> str:
    """A temperature stays on one line, in both of its units: 38.0 °C (100.4 °F)."""
    return _IN_DEGREES.sub("\u00a0", html)


def bare(text: str) -> str:
    """The text without the marks, for what is no markup."""
    return _MARKS.sub("", text)


def isolated(text: str) -> str:
    """Plain right-to-left text in which doses, ranges and Latin names keep their order."""
    return _LATIN.sub(lambda found: f"{ISOLATE}{found[0]}{POP}" if _STRONG.search(found[0]) else found[0], text)


def plain(text: str, rtl: bool = False) -> str:
    """A text for what is no markup: without marks; right to left, with doses and Latin names isolated."""
    return isolated(bare(text)) if rtl else bare(text)


def _turned(text: str, inside: str) -> str:
    """Right-to-left text; in a picture, which runs from left to right, as one piece of its own direction."""
    said = isolated(text)
    return f"{RTL}{said}{POP}" if inside == "tspan" and _RTL_LETTER.search(said) else said


def marked(html: str, rtl: bool = False) -> str:
    """A page with what is English marked as English; right to left, with doses and Latin names isolated.

    Inside attributes and scripts marks are taken out; within ``<text>`` of a picture the mark is a ``<tspan>``.
    """
    if not rtl and BEGIN not in html:
        return html
    out: list[str] = []
    inside, opened = "span", ""
    for i, piece in enumerate(_PIECE.split(html)):
        if i % 2:
            name = _NAME.match(piece)
            tag = name[1].lower() if name else ""
            inside = _INSIDE.get(tag, "span" if tag.lstrip("/") in _INSIDE else inside)
            if opened and tag.lstrip("/") in _BLOCKS:  # a mark that lost its end
                out.append(f"</{opened}>")
                opened = ""
            out.append(bare(piece))
            continue
        for part in _MARKS.split(piece):
            if part == BEGIN:
                if inside and not opened:
                    opened = inside
                    out.append(f'<{inside} lang="en" {_LTR[inside]}class="english">')
            elif part == END:
                if opened:
                    out.append(f"</{opened}>")
                opened = ""
            else:
                out.append(_turned(part, inside) if rtl and not opened else part)
    return "".join(out)
