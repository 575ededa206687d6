"""JSON Schema of protocol files, so that editors complete keys and mark what is no sentence."""

from __future__ import annotations

from typing import Any

from ..knowledge import limits
from .grammar import EXAMPLES

_TAIL = r"( *\[[^\]]*\])?"
# What a sentence begins with; the reader says exactly what is wrong, the editor only that something is.
_PATTERNS = {
    "give": r"^[A-Za-z][\w\-]* +(\d|\(|(IV|PO|IT|SC|IM|RT|collection)\b|I\.V|P\.O|I\.T|S\.C|I\.M).*"
    r" (days? *[+\-]?\d|on +the +(days +of|\d+ +days? +after)|d *[+\-]?\d|daily|nightly|weekly|every|once|twice|three|q"
    r"|mon|tue|wed|thu|fri|sat|sun|m/w)",
    "check": r"^((on +)?days? +[+\-]?\d.*|(daily|weekly|twice|every).*|(on +)?(mon|tue|wed|thu|fri|sat|sun).*): *.+",
    "decide": r"^day +[+\-]?\d+: *if .+ (go +to|leave +for) .+",
    "rule": r"^(hold|make up|raise|reduce|halve|give|start|omit|repeat the dose of|stop|transfuse|day +\d+ +waits?)"
    r" ?.+",
    "repeat": r"^(every +\d+ +days +)?(until .+ from .*start of .+|\d+ +(times|cycles))",
    "condition": r".*(<|>|=|≤|≥|\bis\b).*",
}
_MORE_EXAMPLES = {
    "give": [
        "dexamethasone 6 mg/m2/day PO in 2 doses on days 1-28",
        "methotrexate IT by age (table cog) on days 8, 29 if cns is 3",
        "methotrexate 5 g/m2 IV over 24 hours on days 8, 22, 36, 50",
        "methotrexate 100 mg/m2 IV on days 1, 11, 21 rising by 50 mg/m2 each dose",
        "ondansetron 5 mg/m2 IV (max 8 mg) every 12 hours on the days of doxorubicin IV and cytarabine IV",
        "aprepitant 2 mg/kg PO (max 80 mg) on the 2 days after cyclophosphamide IV of 1 g/m2 or more",
        "methotrexate 20 mg/m2 PO weekly from day 8, not on the days of methotrexate IT",
        "dexamethasone 10 mg/m2/day PO in 3 doses on days 1-21, then taper 50% for 3 days, 25% for 3 days",
        "dexamethasone 4 mg/m2 AM and 2 mg/m2 PM PO on days 1-5",
        "levofloxacin 10 mg/kg PO on Mon/Wed/Fri",
    ],
    "check": ["weekly: counts", "day 8: blood blasts", "day 10: methotrexate level"],
    "decide": ['day 29: if marrow MRD >= 0.01% leave for "high-risk therapy"'],
    "rule": [
        "raise mercaptopurine by 25% when anc >= 1.5 for 6 weeks at 3 visits, at most 150%",
        "give mercaptopurine, methotrexate at 50% while anc < 0.75 or platelets < 75",
        "start mercaptopurine at 60% when tpmt is intermediate",
        "omit vincristine, methotrexate IV when anc < 0.5 or platelets < 50",
        "repeat the dose of methotrexate IV when anc < 0.75",
        "day 29 waits until anc >= 0.75 and platelets >= 75",
        "give leucovorin 15 mg/m2 IV every 6 hours from hour 42 after methotrexate IV until methotrexate < 0.25 uM",
        "stop pegaspargase for good when platelets < 20",
        "hold blinatumomab when neurotoxicity >= 3 until neurotoxicity <= 1 for 3 days, resume at 32%",
        "make up held days of blinatumomab up to 7 days, else begin again",
        "transfuse red cells 15 mL/kg when haemoglobin < 8",
    ],
    "repeat": ["8 times"],
    "condition": ["age >= 1 and age < 10 and lineage is B"],
}


def protocol_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) as a dict; write it with ``json.dumps``."""
    words = {"type": "string"}
    keys = {"type": "array", "items": words}
    days = {"type": "string", "pattern": rf"^(every +)?\d+ +days?{_TAIL}$", "examples": ["14 days", "every 3 days"]}
    phase = {
        "name": words | {"description": "As it is printed; without it the id is printed"},
        "days": {
            "description": "Planned length, or length of a cycle; -7 to 28 where days count from a transplant on day 0",
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": limits.PHASE_DAYS},
                {"type": "string", "pattern": r"^-\d+ +to +\+?-?\d+$"},
            ],
        },
        "rest": days | {"description": "Planned rest before the phase"},
        "start when": _sentence("condition") | {"description": "The phase waits until this is true"},
        "recheck": days | {"description": "How often a waiting phase looks again"},
        "give": _list("give", "What is given"),
        "check": _list("check", "What is measured, and when"),
        "decide": _list("decide", "Decisions on what was measured"),
        "rules": _list("rule", "How doses answer"),
        "repeat": _sentence("repeat") | {"description": "The phase is played in cycles"},
        "next": words | {"description": "Id of the phase that follows, or end; without it the phase below"},
        "open": _open(),
        "source": keys | {"description": "Keys of sources.yaml"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "remission protocol",
        "type": "object",
        "required": ["protocol", "name", "phases"],
        "additionalProperties": False,
        "properties": {
            "protocol": words | {"description": "Id: the name of the file"},
            "name": words,
            "plain": words | {"description": "What it is, for everyone"},
            "sources": keys | {"description": "Keys of sources.yaml"},
            "population": words | {"description": "The virtual patients that it draws by default"},
            "include": keys | {"description": "Files of supportive care whose lines and rules hold in every phase"},
            "risk groups": words | {"description": "The file that says what `risk group is ...` means"},
            "for": _sentence("condition") | {"description": "Who is treated"},
            "mrd": words | {"description": "The assay by which MRD is measured: flow or PCR"},
            "on relapse": words | {"pattern": r"^go to .+", "description": "The phase that follows a relapse"},
            "phases": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": {"$ref": "#/$defs/phase"},
                },
            },
            "rules": _list("rule", "Rules of every phase"),
            "open": _open(),
        },
        "$defs": {"phase": {"type": "object", "additionalProperties": False, "properties": phase}},
    }


def _sentence(kind: str) -> dict[str, Any]:
    examples = [EXAMPLES[kind], *_MORE_EXAMPLES[kind]]  # type: ignore[index]
    return {"type": "string", "pattern": _any_case(_PATTERNS[kind]), "examples": examples}


def _list(kind: str, description: str) -> dict[str, Any]:
    """A list of sentences; ``day 29: counts`` without quotes is a mapping of one key to YAML."""
    colon = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": {"type": "string"}}
    return {"type": "array", "description": description, "items": {"anyOf": [_sentence(kind), colon]}}


def _open() -> dict[str, Any]:
    colon = {"type": "object", "minProperties": 1, "maxProperties": 1}
    items = {"anyOf": [{"type": "string"}, colon]}
    return {"type": "array", "description": "What the sources do not say", "items": items}


def _any_case(pattern: str) -> str:
    """JSON Schema patterns (ECMA 262) have no flag for case: letters of words become [Ww]."""
    out, skip = "", False
    for letter in pattern:
        if letter.isalpha() and not skip:
            inside = out.rfind("[") > out.rfind("]")
            out += letter if inside else f"[{letter.upper()}{letter.lower()}]"
        else:
            out += letter
        skip = letter == "\\"
    return out
