"""What clinicians write on a chart, in the spelling of the grammar: i.v. is IV, 2,500 U/m2 is 2500 IU/m2, q6h is every
6 hours. The only place where spellings are put right; what they mean is the grammar's.

Names of phases and words in quotes are left as they are. Times of day are not played: nightly is daily.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .vocabulary import names_of_words

_DASH = "‐‑‒–—−"
_DAYS_OF_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_OF_WEEK = (
    r"(?:mon(?:days?)?|tue(?:s(?:days?)?)?|wed(?:nesdays?|s)?|thu(?:r(?:s(?:days?)?)?)?|fri(?:days?)?"
    r"|sat(?:urdays?)?|sun(?:days?)?)"
)
_AND = r"\s*(?:/|,\s*and\b|,|&|\+|\band\b)\s*"
_MASS = r"(?:mg|g|ug|mcg|[µμ]g|gy|iu|u|units?|international\s+units?|i\.u\.|M?cells)"
_MAX = r"(?:max(?:imum|\.)?|capped\s+at|cap|(?:not|no)\s+more\s+than)"
_LARGEST = r"(\d+(?:\.\d+)?)\s*(mg|g|ug|IU|M?cells)\b"
_NUMBER_WORDS = {"twice": "2", "thrice": "3", "two": "2", "three": "3", "four": "4"}
_TIMES = {"b": "BID", "t": "TID", "q": "QID", "2": "BID", "3": "TID", "4": "QID"}
_WEEK = {"2": "1, 4", "3": "1, 3, 5"}  # twice a week, three times a week: days of each week

# what follows is the name of a phase, or stands in quotes
_LEFT_ALONE = re.compile(r'"[^"]*"|\b(?:go\s+to|start\s+of|highest\s+dose\s+of)\s+[^,;"]*?(?=\s+if\s|,|\s*$)', re.I)


def _times(found: re.Match[str]) -> str:
    return _TIMES[found[1][0].lower()]


def _count_word(found: re.Match[str]) -> str:
    word = next(group for group in found.groups() if group).lower()
    return _NUMBER_WORDS.get(word, word)


def _weekdays(found: re.Match[str]) -> str:
    named = [name[:3].capitalize() for name in re.findall(r"[a-z]{3,}", found[1], re.I) if name.lower() != "and"]
    if re.search(r"[-" + _DASH + r"]|\bto\b", found[1]):
        first, last = (_DAYS_OF_WEEK.index(name) for name in named)
        named = list(_DAYS_OF_WEEK[first : last + 1]) if first <= last else named
    return "on " + "/".join(named)


# in this order; each pattern in any case
_RULES: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    # numbers and signs
    (rf"(?<=\d)\s*[{_DASH}]\s*(?=\d)", "-"),
    (rf"[{_DASH}](?=\d)", "-"),
    (r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?=(?:\.\d+)?\s*" + _MASS + r"(?![a-z]))", lambda m: m[0].replace(",", "")),
    # units
    (r"(?<=m)(?:²|\^2)", "2"),
    (r"\s*/\s*sq\.?\s*m\b\.?", "/m2"),
    (r"(?<![a-z])(?:mcg|[µμ]g|micrograms?)(?![a-z])", "ug"),
    (r"(?<![a-z])[µμ](?=(?:M|mol|L)\b)", "u"),
    (r"(?<=\d)\s*[x×]\s*10\^?6\s*(?=cells\b)", " M"),
    (r"(?<=\d)(\s*)(?:international\s+units?|i\.u\.|units?|u)(?![\w.])", r"\1IU"),
    (r"(?<=\d)(\s*)(?:gms?|grams?)\b", r"\1g"),
    (r"(?<=\d)(\s*)(?:mgs|milligrams?)\b", r"\1mg"),
    (r"(?<=\d)(\s*)grays?\b", r"\1Gy"),
    (r"(?<=[a-z])\s*/\s*(?=(?:m2|kg|day|dose|d)\b)", "/"),
    (r"(?<=[a-z])\s+per\s+(?=(?:m2|kg|day|dose)\b)", "/"),
    (r"(?<=[a-z]2)\s*(?:/|\bper)\s*(?=(?:day|dose|d)\b)", "/"),
    (r"((?<![a-z])(?:mg|g|ug|IU|Gy)(?:/m2|/kg)?)/dose\b", r"\1"),
    (r"(?<=[a-z2])/d\b(?!\w)", "/day"),
    # the largest dose
    (rf"\(\s*{_MAX}(?:\s+(?:single\s+)?dose)?(?:\s+of)?:?\s+{_LARGEST}(\s*/day)?\s*\)", r"(max \1 \2\3)"),
    (rf"(?<![(\w]){_MAX}(?:\s+(?:single\s+)?dose)?(?:\s+of)?:?\s+{_LARGEST}(\s*/day)?(?!\s*\))", r"(max \1 \2\3)"),
    (rf"(\(\s*)?{_MAX}\s+(?:daily\s+dose|dose\s+per\s+day)(?:\s+of)?:?\s+{_LARGEST}(?:/day)?(?(1)\s*\)|)",
     r"(max \2 \3/day)"),
    # routes
    (r"(?<![\w.])(i\.\s?v|p\.\s?o|i\.\s?t|s\.\s?c|i\.\s?m)\b\.?", lambda m: re.sub(r"[.\s]", "", m[1]).upper()),
    (r"\b(?:continuous\s+)?(?:IV|intravenous(?:ly)?)\s+(?:push|bolus|drip|(?:continuous\s+)?infusion)\b", "IV"),
    (r"\b(?:IVP|IVPB|CIVI?|intravenous(?:ly)?|continuous\s+IV)\b", "IV"),
    (r"\b(?:orally|oral|by\s+mouth|per\s+os)\b", "PO"),
    (r"\bintrathecal(?:ly)?\b", "IT"),
    (r"\b(?:subcut(?:aneous(?:ly)?)?|subq|sq)\b\.?", "SC"),
    (r"\bintramuscular(?:ly)?\b", "IM"),
    (r"\b(IV|PO|IT|SC|IM)\s+or\s+(?=(?:IV|PO|IT|SC|IM)\b)", r"\1/"),
    # times of a day
    (r"(?:÷|\bdivided)\s*(?=(?:b|t|q)\.?i\.?d\b|twice|three|four)", "in divided doses "),
    (r"\b(?:(twice|thrice)|(two|three|four|[234])\s*(?:x|times))\s*(?:/|\ba\s|\bper\s)?\s*(?:daily|day)\b",
     lambda m: {"2": "BID", "3": "TID", "4": "QID"}[_count_word(m)]),
    (r"(?<![\w.])([btq])\.?i\.?d\b\.?", _times),
    (r"\bin\s+divided\s+doses\s+(BID|TID|QID)\b", lambda m: f"in {({'B': 2, 'T': 3, 'Q': 4})[m[1][0].upper()]} doses"),
    (r"\bin\s+(two|three|four|\d)\s+(?:equal(?:ly)?\s+)?(?:divided\s+)?doses\b",
     lambda m: f"in {_count_word(m)} doses"),
    (r"\bdivided\s+(?:in|into)\s+(two|three|four|\d)\s+(?:equal\s+)?doses\b", lambda m: f"in {_count_word(m)} doses"),
    (r"\b(?:q\.?|every)\s*(\d+(?:\.\d+)?)\s*(?:h|hrs?|hours?|hourly)\b", r"every \1 hours"),
    (r"\bin\s+the\s+morning\b|\beach\s+morning\b|\bqam\b|(?<=\s)a\.?m\b\.?", "AM"),
    (r"\bin\s+the\s+evening\b|\b(?:each|every)\s+(?:evening|night)\b|\bat\s+(?:night|bedtime)\b|\bqpm\b|(?<=\s)p\.?m\b\.?",
     "PM"),
    # days
    (r"\b(?:twice|two\s+times|2\s*x)\s*(?:/|a\s+|per\s+|in\s+each\s+)?\s*week(?:ly)?\b|\bbiw\b",
     f"on days {_WEEK['2']} of each week"),
    (r"\b(?:thrice|(?:three|3)\s+times|3\s*x)\s*(?:/|a\s+|per\s+|in\s+each\s+)?\s*week(?:ly)?\b|\btiw\b",
     f"on days {_WEEK['3']} of each week"),
    (r"\b(?:once\s+(?:daily|a\s+day|per\s+day)|every\s+day|each\s+day|nightly|qhs|qd|q\.d\.)(?!\w)", "daily"),
    (r"\b(?:once\s+(?:weekly|a\s+week|per\s+week)|(?<!of )(?:every|each)\s+week|qwk?)\b", "weekly"),
    (r"\b(?:every\s+other\s+day|alternate\s+days|qod)\b", "every 2 days"),
    (r"\b(?:every\s+other\s+week|fortnightly)\b", "every 14 days"),
    (r"\b(?:q\s*|every\s+)(\d{1,2})\s*(?:w|wks?|weeks?)\b", lambda m: f"every {7 * int(m[1])} days"),
    (r"\bq\s*(\d{1,3})\s*d(?:ays?)?\b", r"every \1 days"),
    (r"(?<![\w/.])d\s?(?=[+\-]?\d)", "day "),
    (r"(?<=\d)\s*(?:,\s*and\b|,|\band\b|&)\s*(?:days?\s*)?(?=[+\-]?\d)", ", "),
    (r"(\bfrom\s+days?\s+)?([+\-]?\d+)\s*\b(?:to|through|thru)\s+(?:days?\s+)?(?=[+\-]?\d)",
     lambda m: f"{m[1]}{m[2]} to day " if m[1] else f"{m[2]}-"),
    (r"(?<=\w )(?:x|×)\s*(\d+)(?:\s*(?:times|doses?))?(?=\s*(?:$|[,;(:]|\bif\b|\bfrom\b|\bto\b|\bon\b))",
     r"for \1 doses"),
    (r"(?<=\w )(?:x|×)\s*(\d+)(?=\s*(?:days?|weeks?)\b)", r"for \1"),
    (r"\b(?:each|every|on)?\s*\bM[/-]?W[/-]?F\b", lambda m: " on Mon/Wed/Fri"),
    (r"\b(?:(?:each|every|on)\s+)?weekends\b", "on Sat/Sun"),
    (rf"\b(?:(?:each|every|on)\s+)?({_DAY_OF_WEEK}(?:{_AND}{_DAY_OF_WEEK})+)(?![\w/])", _weekdays),
    (rf"\b(?:(?:each|every|on)\s+)?({_DAY_OF_WEEK}\s*(?:-|\bto\b)\s*{_DAY_OF_WEEK})(?![\w/])", _weekdays),
    (rf"\b(?:each|every|on)\s+({_DAY_OF_WEEK})(?![\w/])", _weekdays),
]  # fmt: skip
_COMPILED = [(re.compile(pattern, re.IGNORECASE), put) for pattern, put in _RULES]


def tidied(text: str) -> tuple[str, list[int]]:
    """The sentence in the spelling of the grammar, and for each of its letters and its end the place in ``text``."""
    out, at, done = "", [], 0
    for kept in _LEFT_ALONE.finditer(text):
        for part, begin, change in ((text[done : kept.start()], done, True), (kept[0], kept.start(), False)):
            new, places = _tidied(part) if change else (part, list(range(len(part))))
            out += new
            at += [begin + place for place in places]
        done = kept.end()
    new, places = _tidied(text[done:])
    return out + new, [*at, *(done + place for place in places), len(text)]


def _tidied(text: str) -> tuple[str, list[int]]:
    at = list(range(len(text)))
    for pattern, put in (names_of_words(), *_COMPILED):
        if pattern.search(text) is None:
            continue
        out, places, done = "", [], 0
        for found in pattern.finditer(text):
            new: Any = put(found) if callable(put) else found.expand(put)
            if new.strip() == found[0].strip():
                continue
            out += text[done : found.start()] + new
            places += at[done : found.start()] + [at[found.start()] if found.start() < len(at) else len(at)] * len(new)
            done = found.end()
        text, at = out + text[done:], places + at[done:]
    return text, at
