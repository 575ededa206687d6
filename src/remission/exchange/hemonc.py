"""A table of regimens as HemOnc keeps them ("sigs": a row for each medicine of a regimen), as the draft of a protocol.

The columns are those of HemOnc's own table, as public readers of it name them: regimen, variant, phase, portion,
component, doseminnum, dosemaxnum, doseunit, dosecapnum, route, durationminnum, frequency, divided, alldays, cyclesigs,
timing_sequence, cycle_length_ub, ... A file holds one variant of one regimen.
"""

from __future__ import annotations

import re
from pathlib import Path

from remission.knowledge.errors import BadInput

from .draft import Draft
from .formats import Format
from .guarded import Head, Row, rows
from .regimen import MOST_COURSES, MOST_DAYS, MOST_DRUGS, Course, Drug, Regimen, draft_of

NEEDED = ("regimen", "component", "alldays")
KNOWN = frozenset((
    *NEEDED, "variant", "variant_cui", "phase", "phase_step", "portion", "component_role", "subcomponent", "route",
    "doseminnum", "dosemaxnum", "doseunit", "dosecapnum", "dosecapunit", "durationminnum", "durationmaxnum",
    "durationunit", "frequency", "divided", "cyclesigs", "timing_sequence", "cycle_length_lb", "cycle_length_ub",
    "cycle_length_unit", "sequence", "seqrel", "tail", "targetlevel", "inparens", "step_number",
))  # fmt: skip
_NOTED = ("component_role", "sequence", "seqrel", "tail", "targetlevel", "inparens", "step_number", "subcomponent")
_COMMON = {"component_role": ("primary systemic",), "step_number": ("1", "1 of 1")}  # say nothing that is not clear
_WORDS = {"once": 1, "one": 1, "twice": 2, "two": 2, "three": 3, "thrice": 3, "four": 4, "five": 5, "six": 6}
_ROUTE = re.compile(r"\b(IV|PO|IT|SC|IM)\b|(intravenous|oral|intrathecal|subcutaneous|intramuscular)", re.IGNORECASE)
_ROUTES = {"intravenous": "IV", "oral": "PO", "intrathecal": "IT", "subcutaneous": "SC", "intramuscular": "IM"}
_LENGTH = re.compile(r"(\d{1,4})\s*-?\s*(day|week)", re.IGNORECASE)
_COUNT = re.compile(r"\b(?:for|x|×)\s*(\d{1,4})\s*(?:cycles?|courses?)\b|\b(one|1)\s+(?:cycle|course)\b", re.IGNORECASE)


def read(path: Path) -> Draft:
    """The draft of a table. Raises `BadInput` for one without the columns that it needs, or with several regimens."""
    found = list(_bounded(path))
    for name in ("regimen", "variant", "variant_cui"):
        values = list(dict.fromkeys(value for row in found if (value := row.word(name)) is not None))
        if len(values) > 1:
            what = f"the table holds {len(values)} of '{name}': {', '.join(v[:40] for v in values[:4])}"
            raise BadInput(what + (", ..." if len(values) > 4 else ""), path, remedy="Leave the rows of one in it")
    courses: dict[tuple[str, ...], list[Row]] = {}
    for row in found:
        courses.setdefault(tuple(row.word(n) or "" for n in ("phase_step", "phase", "portion")), []).append(row)
    name = next((value for row in found if (value := row.word("regimen"))), path.stem)
    unclear = () if len(courses) < 2 else ("the courses follow each other in the order of the table",)
    made = tuple(_course(key, of, name) for key, of in courses.items())
    return draft_of(Regimen(name, path, "a HemOnc table of regimens", made, unclear))


def _bounded(path: Path) -> list[Row]:
    found: list[Row] = []
    for row in rows(path, KNOWN, NEEDED):
        if len(found) >= MOST_COURSES * MOST_DRUGS:
            raise row.wrong(f"there are more than {MOST_COURSES * MOST_DRUGS:,} rows", "Leave one regimen in the file")
        found.append(row)
    return found


def _course(key: tuple[str, ...], of: list[Row], regimen: str) -> Course:
    drugs = tuple(_drug(row) for row in of)
    days, counts, unclear = set(), set(), []
    for row in of:
        said = row.word("cyclesigs") or ""
        if (length := _length(row, said)) is not None:
            days.add(length)
        if found := _COUNT.search(said):
            counts.add(int(found[1]) if found[1] else 1)
    if len(days) > 1:
        unclear.append(f"cycles of {', '.join(map(str, sorted(days)))} days, the longest is taken")
    if len(counts) > 1:
        unclear.append(f"{', '.join(map(str, sorted(counts)))} cycles, the most are taken")
    named = [max(drug.cycles) for drug in drugs if drug.cycles]
    name = ", ".join(part for part in (key[1], key[2]) if part and part != "1") or regimen
    return Course(
        of[0].line, name, drugs, max(days, default=None), max([*counts, *named], default=None), tuple(unclear)
    )


def _length(row: Row, cyclesigs: str) -> int | None:
    unit = (row.word("cycle_length_unit") or "day").lower()
    length = row.number("cycle_length_ub", 1, MOST_DAYS, "days") or row.number("cycle_length_lb", 1, MOST_DAYS, "days")
    if length is not None:
        return round(length * (7 if unit.startswith("w") else 1))
    found = _LENGTH.search(cyclesigs)
    return None if found is None else int(found[1]) * (7 if found[2].lower() == "week" else 1)


def _drug(row: Row) -> Drug:
    name = row.word("component") or ""
    low, high = _number(row, "doseminnum"), _number(row, "dosemaxnum")
    unit = (row.word("doseunit") or "").replace("^2", "2").replace("²", "2")
    said = " ".join(filter(None, (name, row.word("doseminnum"), row.word("doseunit"), row.word("route"),
                                  row.word("frequency"), f"days {row.word('alldays')}")))  # fmt: skip
    unclear: list[str] = []
    amount = low if low is not None else high
    if low is not None and high is not None and low != high:
        unclear.append(f"dose {low:g}-{high:g} {unit}, the lower one is taken")
    days, more = _days(row.word("alldays") or "")
    unclear += more
    cycles, more = _days(row.word("timing_sequence") or "")
    unclear += [f"in cycles: {text}" for text in more]
    times = _times(row.word("frequency"), unclear)
    route = _ROUTE.search(row.word("route") or "")
    cap = _number(row, "dosecapnum")
    shortest, longest = _number(row, "durationminnum"), _number(row, "durationmaxnum")
    hours = _hours(shortest, longest, (row.word("durationunit") or "").lower(), unclear)
    if (cycle := row.word("cyclesigs")) and not (_LENGTH.search(cycle) or _COUNT.search(cycle)):
        unclear.append(f"'{cycle}'")
    for column in _NOTED:
        value = row.word(column)
        if value is not None and value.lower() not in _COMMON.get(column, ()):
            unclear.append(f"{column}: {value}")
    divided = (row.word("divided") or "").lower() in ("true", "1", "yes", "t")
    return Drug(
        row.line, said, name, amount, unit, _route(route), days, times,
        divided=(divided and times > 1) or unit.endswith("/day"), hours=hours,
        cap=None if cap is None else (cap, row.word("dosecapunit") or "mg"),
        cycles=frozenset(cycles) or None, unclear=tuple(unclear),
    )  # fmt: skip


def _number(row: Row, name: str) -> float | None:
    """A number of a cell that may hold words ("1.5-2"): the first of them."""
    said = row.word(name)
    if said is None or not (found := re.match(r"\d{1,9}(?:\.\d{1,9})?", said)):
        return None
    return float(found[0])


def _route(found: re.Match[str] | None) -> str:
    return "" if found is None else found[1].upper() if found[1] else _ROUTES[found[2].lower()]


def _times(said: str | None, unclear: list[str]) -> int:
    """Doses a day."""
    if said is None or (flat := said.lower()) in ("once", "once per day", "once daily", "daily", "qd", "continuous"):
        return 1
    if hours := re.search(r"every (\d{1,2}) hours?", flat):
        if (h := int(hours[1])) and 24 % h == 0:
            return 24 // h
    elif found := re.search(r"\b(\d{1,2}|" + "|".join(_WORDS) + r")\b(?: times)? (?:per|a) day", flat):
        return int(found[1]) if found[1].isdigit() else _WORDS[found[1]]
    unclear.append(f"'{said}', taken as once a day")
    return 1


def _hours(low: float | None, high: float | None, unit: str, unclear: list[str]) -> float | None:
    if low is None and high is None:
        return None
    if low is not None and high is not None and low != high:
        unclear.append(f"over {low:g}-{high:g} {unit}, it is played as given at once")
        return None
    length = low if low is not None else high
    assert length is not None
    share = {"m": 1 / 60.0, "h": 1.0, "d": 24.0}.get(unit[:1])
    if share is None or length <= 0:
        unclear.append(f"over {length:g} {unit}")
        return None
    return length * share


def _days(said: str) -> tuple[tuple[int, ...], list[str]]:
    """``1,8,15``, ``1-4``; what is optional, ``(22)``, or goes on, ``(+n)``, is not given and told."""
    days: set[int] = set()
    unclear = []
    for token in filter(None, (part.strip() for part in said.split(","))):
        if found := re.fullmatch(r"(\d{1,4})(?:\s*(?:-|to)\s*(\d{1,4}))?", token):
            first, last = int(found[1]), int(found[2] or found[1])
            if 0 < first <= last <= MOST_DAYS:
                days.update(range(first, last + 1))
                continue
        unclear.append(f"'{token[:20]}' of '{said[:60]}' is not taken")
    return tuple(sorted(days)), unclear


def knows(head: Head) -> bool:
    return {"component", "alldays"} <= head.columns


FORMAT = Format(
    name="hemonc",
    title="Table of a regimen as HemOnc keeps it",
    suffix=".csv",
    media="text/csv",
    source="https://hemonc.org/wiki/Ontology",
    gives="draft",
    read=read,
    knows=knows,
    limits=(
        "One variant of one regimen in a file.",
        "Ranges, optional days, days and cycles that go on, targets and notes of a row are marked open.",
    ),
)
