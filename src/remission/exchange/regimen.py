"""Regimens in somebody else's notation as a draft of a protocol: what is clear is given, all else is an `open:`.

A notation is read into `Course` and `Drug` (brn.py, hemonc.py); `draft_of` writes them in the protocol language and
lets the language itself judge every line. A line that it does not take stays in the file in words, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.protocol.model import Place
from remission.protocol.numerals import number
from remission.protocol.reader import examine_text, read_sentence
from remission.protocol.write import days as days_in_words
from remission.protocol.write import quoted

from .draft import Draft

MOST_COURSES, MOST_DRUGS = 100, 150  # below what a protocol may hold, with room for cycles that differ
MOST_DAYS = 7305  # of a course with all its cycles
MOST_UNCLEAR = 300  # lines that are not understood: more, and it is no regimen
MOST_LETTERS = 300  # of what is quoted


@dataclass(frozen=True)
class Drug:
    """A line of a regimen. ``amount`` in ``unit`` is of a dose, or of a day where ``divided``; ``days`` of the cycle
    count from 1; ``cycles``: in which it is given, None for all; ``unclear``: what the line leaves open. ``why``: why
    it cannot be given at all."""

    line: int
    written: str
    name: str = ""
    amount: float | None = None
    unit: str = ""
    route: str = ""
    days: tuple[int, ...] = ()
    times_a_day: int = 1
    divided: bool = False
    hours: float | None = None  # of an infusion
    cap: tuple[float, str] | None = None
    cycles: frozenset[int] | None = None
    unclear: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Course:
    """``days``: of one cycle, None where it is not said; ``cycles``: how many, None where it is not said."""

    line: int
    name: str
    drugs: tuple[Drug, ...]
    days: int | None = None
    cycles: int | None = None
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True)
class Regimen:
    name: str
    path: Path
    notation: str
    courses: tuple[Course, ...]
    unclear: tuple[str, ...] = ()


def agent_meant(name: str) -> tuple[str | None, str]:
    """The agent that a name of a notation means, or None and why: 'Cytarabine (Ara-C)', 'asparaginase-erwinia'."""
    base, _, bracket = name.partition("(")
    several: tuple[str, ...] = ()
    for said in (name, base, name.replace("-", "_"), bracket.rstrip(") ")):
        meant = library().meant_by(said.strip())
        if len(meant) == 1 and (not several or meant[0] in several):
            return meant[0], ""
        several = several or meant
    if several:
        return None, f"'{_short(name)}' can mean {' or '.join(several)}"
    return None, f"the agent '{_short(name)}' is not known here"


def draft_of(regimen: Regimen) -> Draft:
    """The draft. Raises `BadInput` for a regimen with nothing in it, or more than a protocol holds."""
    if not any(course.drugs for course in regimen.courses):
        raise BadInput("no line names a medicine with its dose", regimen.path, remedy="Is it the right file?")
    if len(regimen.courses) > MOST_COURSES:
        line = regimen.courses[MOST_COURSES].line
        raise BadInput(f"there are more than {MOST_COURSES} courses", regimen.path, line, remedy="Split the file")
    for course in regimen.courses:
        if len(course.drugs) > MOST_DRUGS:
            line = course.drugs[MOST_DRUGS].line
            raise BadInput(f"a course of more than {MOST_DRUGS} lines", regimen.path, line, remedy="Split the file")
        if (course.days or 1) * (course.cycles or 1) > MOST_DAYS:
            days = f"{course.days} days times {course.cycles}" if course.cycles else f"{course.days} days"
            raise BadInput(f"a course of {days}", regimen.path, course.line, remedy="Check the length of the cycle")
    if sum(map(len, [regimen.unclear, *(course.unclear for course in regimen.courses)])) > MOST_UNCLEAR:
        what = f"more than {MOST_UNCLEAR} lines are not understood"
        raise BadInput(what, regimen.path, remedy="Is it the right file?")
    phases = [phase for course in regimen.courses for phase in _phases(course)]
    name = f"{_slug(regimen.path.stem) or 'draft'}.yaml"
    taken_out: dict[int, str] = {}  # place of a line -> why the language does not take it
    while True:
        text, places = _text(regimen, phases, taken_out)
        _, problems = examine_text(text, name)
        wrong = {places[p.line]: _message(p) for p in problems if p.line in places}
        if not wrong:
            if problems:
                raise problems[0]
            return Draft(text, name)
        taken_out |= wrong


@dataclass(frozen=True)
class _Phase:
    id: str
    name: str
    days: int
    times: int
    drugs: tuple[Drug, ...]
    unclear: tuple[str, ...]


def _phases(course: Course) -> Iterator[_Phase]:
    """A course as one phase, or several where its cycles are not alike."""
    last = max((day for drug in course.drugs for day in drug.days), default=1)
    unclear = list(course.unclear)
    if course.days is None:
        unclear.append(f"the length of the course is not said; taken: {last} days, to the last day with a medicine")
    named = max((max(drug.cycles) for drug in course.drugs if drug.cycles), default=1)
    count = course.cycles or named
    if course.cycles is None:
        unclear.append(f"the number of cycles is not said; taken: {count}")
    days = course.days or last
    if days * count > MOST_DAYS:
        raise BadInput(f"a course of {count} cycles of {days} days", line=course.line, remedy="Check both")
    sets = [tuple(d for d in course.drugs if d.cycles is None or cycle in d.cycles) for cycle in range(1, count + 1)]
    begin = 0
    while begin < count:
        end = begin
        while end < count and sets[end] == sets[begin]:
            end += 1
        part = f" {begin + 1}" + (f"-{end}" if end > begin + 1 else "")
        alike = end - begin == count
        name = course.name if alike else f"{course.name}, cycle{'s' if end > begin + 1 else ''}{part}"
        yield _Phase(
            _slug(name) or "course", name, days, end - begin, sets[begin], tuple(unclear) if begin == 0 else ()
        )
        begin = end


def _text(regimen: Regimen, phases: Sequence[_Phase], taken_out: dict[int, str]) -> tuple[str, dict[int, int]]:
    """The file, and the place of every given line by its number in the file."""
    out: list[str] = [
        f"# A draft from {quoted(_short(regimen.path.name))}, {regimen.notation}.",
        "# What that notation does not say, or says in a way that is not clear, is marked `open`: settle it, take the",
        "# mark away, then: remission check THIS-FILE",
        "",
        f"protocol: {_slug(regimen.path.stem) or 'draft'}",
        f"name: {quoted(_clean(regimen.name) or 'Draft')}",
        "",
        "phases:",
    ]
    places: dict[int, int] = {}
    used: set[str] = set()
    told: set[int] = set()  # lines that are not given, once for all cycles of a course
    place = 0
    for phase in phases:
        id = _unused(phase.id, used)
        out += [f"  - {quoted(id)}:", f"      name: {quoted(_clean(phase.name) or id)}", f"      days: {phase.days}"]
        if phase.times > 1:
            out.append(f"      repeat: {phase.times} times")
        given: list[tuple[int, str]] = []
        unclear = list(phase.unclear)
        for drug in phase.drugs:
            place += 1
            sentence, why = _sentence(drug, phase.days)
            why = taken_out.get(place, why)
            if sentence and not why:
                given.append((place, sentence))
            elif drug.line not in told:
                told.add(drug.line)
                unclear.append(f"line {drug.line}, '{_short(drug.written)}', is not given: {why}")
        if given:
            out.append("      give:")
        for at, sentence in given:
            out.append(f"        - {quoted(sentence)}")
            places[len(out)] = at
        out += _open(unclear, 6)
        out.append("")
    general = [
        *regimen.unclear,
        "who is treated (for) is not said",
        "what is measured, what opens a course and how doses answer to it are not said",
        "largest doses (max) are given only where a line says so",
    ]
    return "\n".join([*out, *_open(general, 0)]) + "\n", places


def _sentence(drug: Drug, length: int) -> tuple[str, str]:
    """The line in the protocol language, or why there is none."""
    if drug.why:
        return "", drug.why
    agent, why = agent_meant(drug.name)
    if agent is None:
        return "", why
    if drug.amount is None:
        return "", "the dose is not said"
    if not drug.route:
        return "", "the route is not said"
    if not drug.days:
        return "", "the days are not said"
    if late := [day for day in drug.days if day > length]:
        return "", f"day {late[0]} lies behind the end of the cycle of {length} days"
    parts = [agent, f"{number(drug.amount)} {drug.unit}{'/day' if drug.divided else ''}", drug.route]
    if drug.cap is not None:
        parts.append(f"(max {number(drug.cap[0])} {drug.cap[1]})")
    if drug.times_a_day > 1:
        even = 24 % drug.times_a_day == 0
        if not (drug.divided or even):
            return "", f"{drug.times_a_day} doses a day"
        parts.append(f"in {drug.times_a_day} doses" if drug.divided else f"every {24 // drug.times_a_day} hours")
    if drug.hours is not None:
        parts.append(f"over {number(drug.hours)} hours")
    parts.append(f"on day{'s' if len(drug.days) > 1 else ''} {days_in_words(drug.days)}")
    said = "; ".join(_clean(text) for text in drug.unclear).replace(";", ",")
    sentence = " ".join(parts) + (f" [open: {said}]" if said else "")
    try:
        read_sentence("give", sentence, Place("", 1, 1), length)
    except BadInput as error:
        return "", _message(error)
    return sentence, ""


def _message(error: BadInput) -> str:
    """What is wrong, without the place: it is one of the draft, not of the file that was read."""
    return re.sub(r" \(line \d+\)", "", error.message)


def _open(texts: Sequence[str], indent: int) -> Iterator[str]:
    if texts:
        yield f"{' ' * indent}open:"
        yield from (f"{' ' * (indent + 2)}- '{_clean(text).replace(chr(39), chr(39) * 2)}'" for text in texts)


def _clean(text: str) -> str:
    """Somebody else's words on one line, without what ends a bracket or a file."""
    flat = " ".join(re.sub(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]", " ", text).split())
    return _short(flat.replace("[", "(").replace("]", ")"))


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else text[:MOST_LETTERS] + "..."


def _slug(text: str) -> str:
    """An id: small letters, numbers and hyphens; it begins with a letter."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")
    return slug if not slug[:1].isdigit() else f"course-{slug}"


def _unused(id: str, used: set[str]) -> str:
    found, n = id, 1
    while found in used:
        n += 1
        found = f"{id}-{n}"
    used.add(found)
    return found
