"""What clinicians write on a chart, in the spelling of the grammar: i.v. is IV, 2,500 U/m2 is 2500 IU/m2, q6h is every
6 hours. The only place where spellings are put right; what they mean is the grammar's.

Names of phases and words in quotes are left as they are. Times of day are not played: nightly is daily.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from .numerals import number
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
_VERBS = {
    "increase": "raise", "decrease": "reduce", "lower": "reduce", "withhold": "hold", "pause": "hold",
    "interrupt": "hold", "skip": "omit",
}  # fmt: skip
_CHANGES = r"^\s*(?:hold|raise|reduce|halve|give|start|omit|miss|repeat\s+the\s+dose\s+of|stop|transfuse)\b"
_COUNT = (
    r"\b(anc|neutrophils?|platelets?|plts?|wbc|leu[ck]ocytes|lymphocytes|ha?emoglobin|hgb|hb|blood\s+blasts|b\s+cells|igg)"
)
_OF_A_COUNT = {"haemoglobin": "g/dL", "hemoglobin": "g/dL", "hgb": "g/dL", "hb": "g/dL", "igg": "g/L"}
_PER_UL = r"(?:cells\s*)?(?:/\s*(?:[µμ]L|uL|mcL|mm3|mm\^3|mm³)|per\s+microlit(?:re|er)|per\s+mm3)"
_PER_NL = r"(?:[x×]\s*)?10(?:\^|e|\*\*)?9\s*/\s*L|(?:[x×]\s*)?10⁹\s*/\s*L|G/L|K\s*/\s*[uµμ]L"
_SHARE = (
    r"(?:(\d+(?:\.\d+)?)\s*%(?:\s+of\b)?(?:\s+the\b)?(?:\s+(?:protocol|full)\b)?"
    r"(?:\s+dose\b)?|(half|full)\s+(?:the\s+)?dose)"
)

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


def _count(found: re.Match[str]) -> str:
    """A count with its unit, without it and in the unit of the language: ANC < 500/uL is anc < 0.5."""
    name, sign, written, unit = found[1], found[2], found[3].replace(",", ""), found[4]
    flat, per_litre = " ".join(name.lower().split()), unit.lower().replace(" ", "")
    own = _OF_A_COUNT.get(flat, "10^9/L")
    if own in ("g/dL", "g/L"):
        if per_litre not in ("g/dl", "g/l"):
            return found[0]
        other = {("g/dL", "g/l"): Decimal(10), ("g/L", "g/dl"): Decimal("0.1")}
        share = other.get((own, per_litre), Decimal(1))
    else:
        per_ul = re.fullmatch(_PER_UL, unit, re.IGNORECASE) is not None
        if not per_ul and re.fullmatch(_PER_NL, unit, re.IGNORECASE) is None:
            return found[0]
        wanted_per_ul = flat in ("blood blasts", "b cells")
        share = Decimal(1) if per_ul == wanted_per_ul else Decimal(1000) if per_ul else Decimal("0.001")
    return f"{name}{sign}{number(float(Decimal(written) / share))}"


def _share(number_written: str | None, word: str | None) -> str:
    return f"{number_written}%" if number_written else {"half": "50%", "full": "100%"}[(word or "").lower()]


def _resumed(found: re.Match[str]) -> str:
    """``hold A when C; resume when D at half dose`` is ``hold A when C until D, resume at 50%``."""
    before, first, word, end, second, other = found.groups()
    said = (first or word) and _share(first, word) or (second or other) and _share(second, other)
    return f"hold{before} until {end}" + (f", resume at {said}" if said else "")


def _several(found: re.Match[str]) -> str:
    return found[1] + re.sub(r"\s*,?\s+(?:and|&)\s+", ", ", found[2])


# in this order; each pattern in any case
_RULES: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"\s{2,}", " "),  # first: patterns with several gaps would take minutes for a thousand spaces
    # numbers and signs
    (rf"(?<=\d)\s*[{_DASH}]\s*(?=\d)", "-"),
    (rf"[{_DASH}](?=\d)", "-"),
    (r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?=(?:\.\d+)?\s*" + _MASS + r"(?![a-z]))", lambda m: m[0].replace(",", "")),
    # units
    (r"(?<=m)(?:²|\^2)", "2"),
    (r"\s*(?:/|\bper\b)\s*sq\.?\s*m\b\.?", "/m2"),
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
    # counts and their changes
    (_COUNT + r"\s+(?:is\s+|are\s+|falls\s+)?(?:below|under|less\s+than)\s+(?=\d)", r"\1 < "),
    (_COUNT + r"\s+(?:is\s+|are\s+|rises\s+)?(?:above|over|more\s+than|greater\s+than)\s+(?=\d)", r"\1 > "),
    (_COUNT + r"(\s*(?:<=|>=|<|>|=|≤|≥)\s*)(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)\s*(" + _PER_UL + "|" + _PER_NL
     + r"|g\s*/\s*d?L)(?!\w)", _count),
    (_COUNT + r"(\s*(?:<=|>=|<|>|=|≤|≥)\s*\d{1,3}(?:,\d{3})+)(?!\w)", lambda m: m[1] + m[2].replace(",", "")),
    (r"\bgrade\s+(?=[<>=≤≥])", ""),
    (r"\b(?:is\s+)?(?:of\s+)?grade\s+(\d)\s+or\s+(?:more|higher|above|greater|worse)\b", r">= \1"),
    (r"\bbone\s+marrow\s+(?=(?:MRD|blasts)\b)", "marrow "),
    (r"(?<=:)\s*(?:cbc|fbc|(?:full\s+|complete\s+)?(?:blood|cell)\s+counts?)\s*$", " counts"),
    # rules
    (r"^\s*(increase|decrease|lower|withhold|pause|interrupt|skip)\b", lambda m: _VERBS[m[1].lower()]),
    (r"^\s*((?:raise|reduce)|halve)\s+(?:the\s+)?doses?\s+of\b", r"\1"),
    (r"^(\s*(?:raise|reduce)\s+(?:(?!\bby\b|\bwhen\b|\bif\b).)*?\S)\s+(?=\d+(?:\.\d+)?\s*%)", r"\1 by "),
    (r"^(\s*(?:hold|raise|reduce|halve|give|start|omit|stop)\s+)((?:(?!\b(?:when|if|by|at|until|while|for|every)\b).)*)",
     _several),
    (rf"^\s*(?:hold|stop)\b((?:(?!\bfor\s+good\b|\buntil\b).)*?)\s*[,;.]?\s*(?:\band\s+)?(?:\bthen\s+)?"
     rf"\b(?:resume|restart)(?:\s+at\s+{_SHARE})?\s+(?:when|once|if)\s+(.*?)(?:,?\s+at\s+{_SHARE})?\s*$", _resumed),
    (rf"\s*,?\s+(?:and\s+|then\s+)?(?:resume|restart)\s+(?:at|with)\s+{_SHARE}",
     lambda m: f", resume at {_share(m[1], m[2])}"),
    (rf"({_CHANGES}(?:(?!\bwhen\b|\buntil\b|\bif\b|\bat\s+\d).)*?)\s+if\b", r"\1 when"),
    (r"^(\s*give\b.*?\bat\s+\d+(?:\.\d+)?\s*%)\s+(?:if|when)\b", r"\1 while"),
    (r"^(\s*start\b.*?\bat\s+\d+(?:\.\d+)?\s*%)\s+if\b", r"\1 when"),
    (r"\bfor\s+(?=(?:anc|neutrophils?|platelets?|plts?|wbc|ha?emoglobin|hb|hgb)\s*[<>≤≥=])", "when "),
    (r",?\s*(?:\(\s*)?(?:up\s+to|to\s+a\s+max(?:imum)?\s+of|max(?:imum)?)\s+(\d+(?:\.\d+)?\s*%)\s*(?:\))?",
     r", at most \1"),
    (r"^(\s*transfuse\s+)(?:packed\s+|red\s+blood\s+)(?:red\s+)?cells\b", r"\1red cells"),
    # cycles
    (r"^\s*(?:x|×)\s*(\d+)(?:\s*(?:times|cycles))?\s*$", r"\1 times"),
    (r"\bfrom\s+(?:the\s+)?(?:date\s+of\s+)?diagnosis\b", "from start of treatment"),
    # routes
    (r"(?<![\w.])(i\.\s?v|p\.\s?o|i\.\s?t|s\.\s?c|i\.\s?m)\b\.?", lambda m: re.sub(r"[.\s]", "", m[1]).upper()),
    (r"\b(?:continuous\s+)?(?:IV|intravenous(?:ly)?)\s+(?:push|bolus|drip|(?:continuous\s+)?infusion)\b", "IV"),
    (r"\b(?:IVP|IVPB|CIVI?|intravenous(?:ly)?|continuous\s+IV)\b", "IV"),
    (r"\b(?:orally|oral|by\s+mouth|per\s+os)\b", "PO"),
    (r"\bintrathecal(?:ly)?\b", "IT"),
    (r"\b(?:subcut(?:aneous(?:ly)?)?|subq|sq)\b\.?", "SC"),
    (r"\bintramuscular(?:ly)?\b", "IM"),
    (r"\b(IV|PO|IT|SC|IM)\s+or\s+(?=(?:IV|PO|IT|SC|IM)\b)", r"\1/"),
    (r"(^\s*|\b(?:days\s+of|hold|omit|stop)\s+)(IV|PO|IT|SC|IM)\s+([a-z][\w\-]*)", r"\1\3 \2"),
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
    (r"(?<=\d)\s*hrs?\b", " hours"),
    (r"(?<=\d)\s*mins\b", " minutes"),
    # days
    (r"(?:\bon\s+)?\b(2|two|3|three)\s+days\s*(?:/|\ba\s+|\bper\s+|\beach\s+)\s*week\b",
     lambda m: f"on days {_WEEK[_count_word(m)]} of each week"),
    (r"(?:\bdaily\s+)?(?:\bfor\s+|[x×]\s*)(\d+)\s+days\s+(?:every|each|q)\s*(\d+)\s*(days?|weeks?|wks?|w|d)\b",
     lambda m: f"on days 1-{m[1]} of each {int(m[2]) * (7 if m[3][0].lower() == 'w' else 1)} days"),
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
     lambda m: f"from day {m[2]} to day " if m[1] else f"{m[2]}-"),
    (r"(?<=\w )(?:x|×)\s*(\d+)(?:\s*(?:times|doses?))?(?=\s*(?:$|[,;(:]|\bif\b|\bfrom\b|\bto\b|\bon\b))",
     r"for \1 doses"),
    (r"(?<=\w )(?:x|×)\s*(\d+)(?=\s*(?:days?|weeks?)\b)", r"for \1"),
    (r"\b(?:each|every|on)?\s*\bM[/-]?W[/-]?F\b", lambda m: " on Mon/Wed/Fri"),
    (r"\b(?:(?:each|every|on)\s+)?weekends\b", "on Sat/Sun"),
    (rf"\b(?:(?:each|every|on)\s+)?({_DAY_OF_WEEK}(?:{_AND}{_DAY_OF_WEEK})+)(?![\w/])", _weekdays),
    (rf"\b(?:(?:each|every|on)\s+)?({_DAY_OF_WEEK}\s*(?:-|\bto\b)\s*{_DAY_OF_WEEK})(?![\w/])", _weekdays),
    (rf"\b(?:each|every|on)\s+({_DAY_OF_WEEK})(?![\w/])", _weekdays),
]  # fmt: skip


@lru_cache(maxsize=1)
def _compiled() -> list[tuple[re.Pattern[str], Any]]:
    """The rules; made by whoever reads a sentence."""
    return [(re.compile(pattern, re.IGNORECASE), put) for pattern, put in _RULES]


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
    for pattern, put in (names_of_words(), *_compiled()):
        if pattern.search(text) is None:
            continue
        out, places, done = "", [], 0
        for found in pattern.finditer(text):
            new: Any = put(found) if callable(put) else found.expand(put)
            if new == found[0]:
                continue
            out += text[done : found.start()] + new
            places += at[done : found.start()] + [at[found.start()] if found.start() < len(at) else len(at)] * len(new)
            done = found.end()
        text, at = out + text[done:], places + at[done:]
    return text, at
