"""One sentence into a parse tree, or an error that a person can act on.

The grammar itself is in sentences.lark. A sentence may end with ``as written`` and a bracket of sources,
``[matloub2011, onco_app; assumed: text; open: text]``, which are taken off here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark import __version__ as version

from ..knowledge import limits
from ..knowledge.errors import nearest
from ..knowledge.library import Library, library
from .complaint import unit_meant
from .handwriting import tidied
from .model import Provenance
from .vocabulary import FRACTIONS, ROUTES, UNITS, agent_meant, agents, canonical, measured, tables_by_age

Kind = Literal["give", "check", "decide", "rule", "repeat", "condition"]
TABLES = "sentences.tables"  # of the parser of sentences.lark, as Lark keeps them
KINDS: tuple[Kind, ...] = ("give", "check", "decide", "rule", "repeat", "condition")

EXAMPLES: dict[Kind, str] = {
    "give": "vincristine 1.5 mg/m2 IV (max 2 mg) on days 1, 8, 15",
    "check": "day 29: marrow MRD",
    "decide": "day 29: if marrow MRD >= 0.01% go to consolidation",
    "rule": "hold mercaptopurine when anc < 0.5 until anc >= 0.75",
    "repeat": "every 84 days until 2 years from start of interim maintenance 1",
    "condition": "anc >= 0.75 and platelets >= 75",
}

WHATS = ("counts", *FRACTIONS, "blood blasts")  # that a check can ask for, levels apart

# What a terminal of the grammar is called when it is missing; words of the grammar name themselves.
_MEANING: dict[str, str] = {
    "DAY_LIST": "days, such as 1, 8, 15-20",
    "NUMBER": "a number",
    "PERCENT": "a percentage, such as 25%",
    "OP": "one of < <= > >= =",
    "UNIT": "a unit (" + ", ".join(UNITS) + ")",
    "PER_DAY": "/day",
    "BY": "by age",
    "TIMES": "BID, TID or QID",
    "AM": "AM",
    "PM": "PM",
    "WEEKDAYS": "weekdays, such as Mon/Wed/Fri",
    "CAP_UNIT": "mg, g, ug, IU or cells",
    "ML_KG": "mL/kg",
    "HOURS": "hours or minutes",
    "SPAN": "days, weeks, months or years",
    "ROUTES": "a route (IV, PO, IT, SC, IM, RT, collection)",
    "FRACTION": "a fraction (half, two thirds, 75%)",
    "WHAT": "what is checked (counts, marrow MRD, blood MRD, marrow blasts, blood blasts)",
    "MEASURED": "a measurement (anc, platelets, marrow MRD, age, ...)",
    "CONCENTRATION": "a concentration unit (uM, nM, mg/L, ng/mL, IU/L)",
    "PRODUCT": "red cells or platelets",
    "IN_TURN": "in turn",
    "ORDINAL": "second, third, ... sixth",
    "EVER": "ever",
    "NOT": "not",
    "QUOTED": "words in double quotes",
    "PHASE": "the id of a phase",
    "TABLE": "the name of a dose table",
    "SEVERAL": "a word such as B, poor, KMT2A-r",
    "WORD": "an agent",
    "$END": "the end of the sentence",
}


class Misread(Exception):
    """A sentence cannot be used: what is wrong, at which character (from 0), what would be right."""

    def __init__(self, offset: int, message: str, remedy: str | None = None) -> None:
        self.offset, self.message, self.remedy = offset, message, remedy
        super().__init__(message)


class Parsed(NamedTuple):
    tree: Tree[Token]
    provenance: Provenance
    sources: tuple[tuple[str, int], ...]  # bibliography keys and where in the sentence they stand


class _WholeWords:
    """Lets every state of the lexer see whole words, so that 'onn' is not read as 'on' and 'n'."""

    always_accept = ("WORD",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


def _grammar() -> str:
    return files(__package__).joinpath("sentences.lark").read_text("utf-8")


def _key_of(text: str) -> bytes:
    """Tables are those of one grammar and one version of the library that made them."""
    return hashlib.sha256(f"{version} {text}".encode()).hexdigest().encode()


def made(text: str) -> Lark:
    """The parser of a grammar: an eighth of a second."""
    postlex: Any = _WholeWords()
    return Lark(
        text, parser="lalr", start=list(KINDS), postlex=postlex, maybe_placeholders=True, propagate_positions=True
    )


@lru_cache(maxsize=1)
def _lark() -> Lark:
    """The parser as it was made beforehand (`make grammar`), or made now where the grammar or Lark is another."""
    text = _grammar()
    key, _, tables = files(__package__).joinpath(TABLES).read_bytes().partition(b"\n")
    if key != _key_of(text):
        return made(text)
    return Lark.load(BytesIO(tables))


def write_tables(path: Path) -> None:
    """The tables of the parser, for those who start later."""
    text, tables = _grammar(), BytesIO()
    made(text).save(tables)
    path.write_bytes(_key_of(text) + b"\n" + tables.getvalue())


def parse(kind: Kind, text: str) -> Parsed:
    """The tree of one sentence and its provenance; raises ``Misread``. Protocols say the same in many phases: what was
    read is not read again, so a tree is for all who ask and nobody changes it."""
    return _parsed(kind, text, library())


@lru_cache(maxsize=4096)
def _parsed(kind: Kind, text: str, words: Library) -> Parsed:
    """``words``: the library in use, whose agents and side effects are words of the language."""
    if len(text) > limits.SENTENCE_LETTERS:
        raise Misread(0, f"the sentence is longer than {limits.SENTENCE_LETTERS:,} letters", "Write several")
    body, provenance, sources = split_tail(text)
    if not body.strip():
        raise Misread(0, "there is no sentence here", f"Write for example: {EXAMPLES[kind]}")
    if long := re.search(rf"\d{{{limits.NUMBER_DIGITS + 1},}}", body):
        raise Misread(long.start(), f"a number of {len(long[0])} digits", "Check the number")
    if kind == "give" and (triple := re.match(r"\s*(triple|TIT|ITT)\b", body, re.IGNORECASE)):
        raise Misread(triple.start(1), f"'{triple[1]}' is three medicines",
                      "Write a sentence for each: methotrexate IT by age (table cog_triple) on day 1; "
                      "cytarabine IT ...; hydrocortisone IT ...")  # fmt: skip
    tidy, places = tidied(body)
    try:
        tree = _lark().parse(tidy, start=kind)
    except UnexpectedInput as error:
        raise _explained(kind, body, tidy, places, error) from None
    return Parsed(_placed(tree, places), provenance, sources)


def _placed(tree: Tree[Token], places: list[int]) -> Tree[Token]:
    """The tree with agents by the names of their files, and the places of words in the sentence as it was written."""
    for node in tree.iter_subtrees():
        if not node.meta.empty:
            node.meta.start_pos = places[node.meta.start_pos]
        for index, child in enumerate(node.children):
            if not isinstance(child, Token) or child.start_pos is None:
                continue
            child.start_pos = places[child.start_pos]
            value = str(node.data).startswith("compare") and index > 0  # sex is male
            if child.type == "WORD" and not value and canonical(child, measured()) is None:
                node.children[index] = child.update(value=agent_meant(child))
    return tree


def split_tail(text: str) -> tuple[str, Provenance, tuple[tuple[str, int], ...]]:
    """The sentence without its end, what ``as written`` and the closing bracket say, and its source keys with their
    offsets."""
    start = _tail_start(text)
    if start is None:
        body, as_written = _as_written(text)
        return body, Provenance(as_written=as_written), ()
    if not text.rstrip().endswith("]"):
        raise Misread(start, "the bracket with the sources is not closed at the end of the sentence", "End with ]")
    end = len(text.rstrip()) - 1
    keys: list[tuple[str, int]] = []
    notes: dict[str, str] = {}
    at = start + 1
    for part in text[start + 1 : end].split(";"):
        note = re.match(r"\s*(assumed|open)\s*:\s*(.*)", part, re.IGNORECASE | re.DOTALL)
        if note:
            word = note[1].lower()
            if not note[2].strip():
                raise Misread(at + note.start(1), f"'{word}:' says nothing", f"Write {word}: and why")
            if word in notes:
                raise Misread(at + note.start(1), f"'{word}:' stands twice in one bracket", "Write both in one")
            notes[word] = " ".join(note[2].split())
        else:
            keys.extend(_keys(part, at))
        at += len(part) + 1
    names = tuple(name for name, _ in keys)
    body, as_written = _as_written(text[:start])
    return body, Provenance(names, notes.get("assumed"), notes.get("open"), as_written), tuple(keys)


def _as_written(body: str) -> tuple[str, bool]:
    """The sentence without ``as written`` at its end, and whether that stood there."""
    shorter = re.sub(r",?\s+as\s+written\s*\Z", "", body, flags=re.IGNORECASE)
    return shorter, shorter != body


def _keys(part: str, at: int) -> Iterator[tuple[str, int]]:
    for piece in part.split(","):
        name = piece.strip()
        offset = at + len(piece) - len(piece.lstrip())
        if not re.fullmatch(r"[\w.\-]+", name):
            raise Misread(
                offset,
                f"'{name}' is no source key" if name else "a source key is missing here",
                "A bracket reads [key, key; memory; assumed: why; open: what is not known]",
            )
        yield name, offset
        at += len(piece) + 1


def _tail_start(text: str) -> int | None:
    quoted = False
    for index, letter in enumerate(text):
        quoted ^= letter == '"'
        if letter == "[" and not quoted:
            return index
    return None


# --- errors -----------------------------------------------------------------------------------


def _explained(kind: Kind, body: str, tidy: str, places: list[int], error: UnexpectedInput) -> Misread:
    offset = places[min(len(tidy), len(tidy) if error.pos_in_stream is None else error.pos_in_stream)]
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    if at_end:
        offset = len(body.rstrip())
    possible = _possible(error)
    expected = _expected(possible)
    if at_end and kind == "check" and (last := re.search(r":\s*(\S.*?)\s*$", body)):
        parts = [name for name in WHATS if last[1].lower() in name.lower().split()]  # MRD: of marrow or blood
        choice = nearest(last[1], WHATS) or " or ".join(parts)
        remedy = f"Did you mean '{choice}'?" if choice else f"Measured are {', '.join(WHATS)}, and 'methotrexate level'"
        return Misread(last.start(1), f"'{last[1]}' is not known", remedy)
    if at_end:
        return Misread(
            offset, "the sentence stops too early", f"Next could be: {_listed(expected)} (example: {EXAMPLES[kind]})"
        )
    found = re.match(r"[\w./%\-]+|\S", body[offset:])
    word = found[0] if found else body[offset : offset + 1]
    before = re.search(r"[a-z]+\s+$", body[:offset], re.IGNORECASE)
    phrase = f"{before[0].strip()} {word}" if before else ""
    if meant := nearest(phrase, [name for name in measured() if " " in name]):
        return Misread(before.start() if before else offset, f"'{phrase}' is not known", f"Did you mean '{meant}'?")
    if advice := _advice(kind, body, offset, word, possible):
        return Misread(offset, *advice)
    near = nearest(word, _words(possible)) or ("UNIT" in possible and unit_meant(word)) or None
    remedy = f"Did you mean '{near}'? " if near and near.lower() != word.lower() else ""
    return Misread(offset, f"'{word}' cannot stand here", f"{remedy}Possible here: {_listed(expected)}")


def _advice(kind: Kind, body: str, offset: int, word: str, possible: set[str]) -> tuple[str, str] | None:
    """What is wrong and what would be right, where the words that could stand here would not help."""
    before, rest = body[:offset].rstrip(), body[offset:]
    if kind == "give":
        if re.search(r"\buntil\b|\bfrom\s+hour\b", rest, re.IGNORECASE) and "ROUTES" not in possible:
            return (f"'{word}' cannot stand here: what is given has days, not an end that is measured",
                    "Name days, and 'if anc < 1' for those who need it; a rescue stands under rules: "
                    "give leucovorin 15 mg/m2 IV every 6 hours from hour 42 after methotrexate IV "
                    "until methotrexate < 0.1 uM")  # fmt: skip
        another = re.match(r"[;.]|(?:and\s+)?\d|(?:[munµμ]?g|IU|units?|U)(?:/|\b)", rest, re.IGNORECASE)
        if another and _has_days(before) and "TIMES" in possible:
            return f"'{word}' cannot stand here: a sentence gives one dose", "Write another sentence for the other"
        routed = re.search(rf"\b(?:{'|'.join(ROUTES)})\b", tidied(body)[0])
        if "ROUTES" in possible and (word == "on" or _has_days(word)) and not routed:
            return "the sentence does not say the route", f"Write one of {', '.join(ROUTES)} behind the dose"
        if "BY" in possible:
            tables = tables_by_age(agent_meant(first[0])) if (first := re.match(r"\S+", tidied(body)[0])) else ()
            by_age = f" or: by age (table {' or '.join(tables)})" if tables else ""
            return f"'{word}' cannot stand here: the dose is missing", f"Write an amount, such as 12 mg,{by_age}"
    if {"OP", "EVER"} <= possible and (name := re.search(r"[a-z][\w\-]*$", before, re.IGNORECASE)):
        if canonical(name[0], measured()) is not None:
            return f"'{word}' cannot stand here: {name[0]} is compared", f"Write for example: {name[0]} >= 1"
        if agent_meant(name[0]) not in agents():
            known = _listed(measured())
            return f"'{name[0]}' is not measured", f"Compare one of {known}; docs/language.md has them all"
    if kind == "check" and ":" in before:
        return f"'{rest.strip()}' is not measured", f"Measured are {', '.join(WHATS)}, and 'methotrexate level'"
    if kind == "rule" and offset == len(body) - len(body.lstrip()) and agent_meant(word) in agents():
        return (f"'{word}' cannot stand here: a rule begins with what it does",
                "Begin with hold, raise, reduce, halve, give, start, omit, miss, stop, transfuse or 'repeat the dose "
                "of'; what is given on days stands under give")  # fmt: skip
    return None


def _has_days(text: str) -> bool:
    words = r"\b(?:days?|daily|weekly|every|each|mon|tue|wed|thu|fri|sat|sun|d)\b"
    return re.search(words, text, re.IGNORECASE) is not None


def _expected(possible: set[str]) -> list[str]:
    """What could stand there, words before descriptions; commas and brackets only when there is nothing else."""
    names = {_called(name) for name in possible}
    words = {name for name in names if name[0].isalnum()} or names
    return sorted(words, key=lambda text: (" " in text, text))


def _possible(error: UnexpectedInput) -> set[str]:
    if isinstance(error, UnexpectedToken):
        return set(error.accepts or error.expected)
    if isinstance(error, UnexpectedCharacters):
        return set(error.allowed or ())
    return set()


def _called(terminal: str) -> str:
    if terminal in _MEANING:
        return _MEANING[terminal]
    return _literal(terminal) or terminal.lower()


def _literal(terminal: str) -> str | None:
    for definition in _lark().terminals:
        if definition.name == terminal and definition.pattern.type == "str":
            return str(definition.pattern.value)
    return None


def _words(possible: set[str]) -> list[str]:
    """The words that could have been meant."""
    words = [literal for name in possible if (literal := _literal(name)) and literal.isalpha()]
    if "ROUTES" in possible:
        words += ROUTES
    if "MEASURED" in possible:
        words += measured()
    if "WHAT" in possible:
        words += ["counts"]
    if "SPAN" in possible:
        words += ["days", "weeks", "months", "years"]
    if "HOURS" in possible:
        words += ["hours", "minutes"]
    if "WORD" in possible:
        words += agents()
    return words


def _listed(items: list[str]) -> str:
    shown = items if len(items) <= 12 else [*items[:12], "..."]
    return ", ".join(shown) if shown else "nothing more"
