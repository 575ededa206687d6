"""Brief Regimen Notation (BRN), in as the draft of a protocol and out of what it can say of one.

    Course: BEACOPP
    Vincristine 1.4 mg/m^2 iv d8
    Q21d x 4 cycles

It knows courses of equal cycles, and in each a dose, a route and days. Whatever else a protocol says (conditions,
rules, gates, measurements, doses by age) is written beside it as ``Left-Out-1: ...``, and read from there as open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from remission.knowledge import limits
from remission.knowledge.errors import BadInput
from remission.knowledge.writing import write_whole
from remission.protocol.link import without_linked
from remission.protocol.model import Give, Phase, Protocol
from remission.protocol.numerals import number
from remission.protocol.write import days as days_in_words
from remission.protocol.write import repeat, sentence

from .draft import Draft
from .formats import Asked, Format
from .guarded import Head, text
from .regimen import MOST_COURSES, MOST_DAYS, Course, Drug, Regimen, draft_of

MOST_BYTES = 1_000_000
UNITS = {  # as the notation writes them -> as the protocol language does
    "mg/m^2": "mg/m2", "ug/m^2": "ug/m2", "IU/m^2": "IU/m2", "g/m^2": "g/m2", "g/kg": "g/kg", "mg/kg": "mg/kg",
    "ug/kg": "ug/kg", "IU/kg": "IU/kg", "mg": "mg", "ug": "ug", "IU": "IU", "g": "g",
}  # fmt: skip
TIMES = {
    "qd": 1, "qhs": 1, "bid": 2, "tid": 3, "qid": 4, "q24h": 1, "q12h": 2, "q8h": 3, "q6h": 4, "q4h": 6, "q3h": 8,
    "q2h": 12, "qh": 24, "x1": 1, "x2": 2, "x3": 3, "x4": 4,
}  # fmt: skip  # doses a day
_OFTEN = {2: "bid", 3: "tid", 4: "qid", 6: "q4h", 8: "q3h", 12: "q2h"}
ROUTES = {
    "iv": "IV",
    "civ": "IV",
    "ivp": "IV",
    "po": "PO",
    "it": "IT",
    "sc": "SC",
    "sq": "SC",
    "subq": "SC",
    "im": "IM",
}
_HOW = ("push", "infusion", "bolus", "continuous", "drip", "over", "inf", "cont")  # said of a route; not played
_UNIT = r"(mg|ug|mcg|µg|μg|IU|U|units?|g|AUC)(/(?:m\^2|m2|m²|kg))?"
_DRUG = re.compile(rf"^(\S.*?)\s+(\d*\.?\d+)(?:\s*-\s*(\d*\.?\d+))?\s*{_UNIT}(?=\s|$)\s*(.*)$", re.IGNORECASE)
_CYCLE = re.compile(
    r"^Q\s*(\d{1,5})\s*([dw])(?:ays?|eeks?)?(?:\s*,?\s*(?:x|×)?\s*(\d{1,5})\s*(?:cycles?)?)?$", re.IGNORECASE
)
_COURSE = re.compile(r"^Course\b\s*([^:]*?)\s*:\s*(.*)$", re.IGNORECASE)
_META = re.compile(r"^([A-Za-z][\w \-]{0,60}?)\s*:\s*(.*)$")
_DAYS = re.compile(
    r"(?<![\w.])(?:days?|d)\s*(\d{1,4}(?:\s*-\s*d?\s*\d{1,4})?(?:\s*,\s*(?:days?|d)?\s*\d{1,4}(?:\s*-\s*d?\s*\d{1,4})?)*)(?![\w.])",
    re.IGNORECASE,
)
_CYCLES = re.compile(
    r"\bin\s+cycles?\s+(\d{1,4}(?:\s*-\s*\d{1,4})?(?:\s*,\s*\d{1,4}(?:\s*-\s*\d{1,4})?)*)", re.IGNORECASE
)
_SPAN = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?\s*(mins?|minutes?|h|hrs?|hours?)(?![\w.])", re.IGNORECASE
)


def read(path: Path) -> Draft:
    """The draft of a file in BRN. Raises `BadInput` for one without a line that names a medicine and a dose."""
    return draft_of(_regimen(text(path, MOST_BYTES), path))


def _regimen(content: str, path: Path) -> Regimen:
    name, unclear = "", []
    courses: list[Course] = []
    begun: tuple[int, str] | None = None
    drugs: list[Drug] = []
    length: tuple[int, int | None] | None = None
    more: list[str] = []

    def finish() -> None:
        nonlocal begun, drugs, length, more
        if begun is not None:
            days, cycles = length or (None, None)
            courses.append(Course(begun[0], begun[1], tuple(drugs), days, cycles, tuple(more)))
        begun, drugs, length, more = None, [], None, []

    for line, raw in enumerate(content.splitlines(), 1):
        said = raw.strip()
        if not said:
            continue
        if len(said) > limits.SENTENCE_LETTERS:
            raise BadInput("a line that is too long", path, line, remedy="Give each medicine its own line")
        if found := _COURSE.match(said):
            finish()
            begun = line, found[2].strip() or f"Course {found[1] or len(courses) + 1}"
            if len(courses) > MOST_COURSES:
                raise BadInput(f"there are more than {MOST_COURSES} courses", path, line, remedy="Split the file")
        elif found := _CYCLE.match(said):
            begun = begun or (line, name or "Course 1")
            if length is not None:
                more.append(f"line {line} says the length of the cycle again: {said}")
                continue
            length = int(found[1]) * (7 if found[2].lower() == "w" else 1), int(found[3]) if found[3] else None
            if length[0] < 1 or length[1] == 0:
                raise BadInput(
                    "a cycle of no days, or none at all", path, line, remedy="Write for example Q21d x 4 cycles"
                )
            if length[0] * (length[1] or 1) > MOST_DAYS:
                raise BadInput(f"a course of {length[0] * (length[1] or 1):,} days", path, line, remedy="Check it")
        elif begun is None and (found := _META.match(said)):
            key = found[1].lower()
            if key == "name":
                name = found[2]
            else:
                unclear.append(found[2] if key.startswith("left-out") else f"{found[1]}: {found[2]}")
        elif found := _DRUG.match(said):
            begun = begun or (line, name or "Course 1")
            drugs.append(_drug(line, said, found))
        elif begun is not None:
            more.append(f"line {line} was not understood: {said}")
        else:
            unclear.append(f"line {line} was not understood: {said}")
    finish()
    return Regimen(name or path.stem, path, "Brief Regimen Notation", tuple(courses), tuple(unclear))


def _drug(line: int, said: str, found: re.Match[str]) -> Drug:
    name, low, high, unit, per, rest = found.groups()
    if unit.upper() == "AUC":
        return Drug(line, said, name, why="a dose by AUC")
    unclear = []
    if high is not None:
        unclear.append(f"dose {low}-{high}, the lower one is taken")
    days_found = _DAYS.search(rest)
    cycles_found = _CYCLES.search(rest)
    left = rest
    for part in (cycles_found, days_found):  # the cycles first: their numbers are no days
        if part is not None:
            left = left.replace(part[0], " ", 1)
    hours = None
    if span := _SPAN.search(left):
        left = left.replace(span[0], " ", 1)
        if span[2] is None:
            hours = float(span[1]) / (60.0 if span[3].lower().startswith("m") else 1.0)
        else:
            unclear.append(f"over {span[0]}, it is played as given at once")
    route, times = "", 1
    for word in re.split(r"[\s,]+", left.strip()):
        flat = word.lower().strip(".;")
        if not flat:
            continue
        if flat in ROUTES and not route:
            route = ROUTES[flat]
        elif flat in TIMES:
            times = TIMES[flat]
            if times > 1:
                unclear.append(f"{word}: the dose is taken as that of one time, not of a day")
        elif flat == "prn":
            return Drug(line, said, name, why="prn: only when it is needed")
        elif flat not in _HOW:
            unclear.append(f"'{word}' was not understood")
    days = _numbers(days_found[1]) if days_found else ()
    cycles = frozenset(_numbers(cycles_found[1])) if cycles_found else None
    if (days_found and not days) or (cycles_found and not cycles):
        return Drug(line, said, name, why="its days or cycles run backwards, or are too many")
    dose_unit = unit + (per or "").replace("^2", "2").replace("²", "2")
    return Drug(
        line, said, name, float(low), dose_unit, route, days, times, hours=hours, cycles=cycles, unclear=tuple(unclear)
    )


def _numbers(said: str) -> tuple[int, ...]:
    """``1, 8-10``: 1, 8, 9, 10; nothing for what runs backwards or has no end."""
    found: set[int] = set()
    for part in said.split(","):
        ends = [int(n) for n in re.findall(r"\d+", part)]
        if not ends:
            continue
        first, last = ends[0], ends[-1]
        if not 0 < first <= last <= MOST_DAYS:
            return ()
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def knows(head: Head) -> bool:
    lines = [line.strip() for line in head.text.splitlines()]
    return any(_COURSE.match(line) for line in lines) and any(_DRUG.match(line) or _CYCLE.match(line) for line in lines)


# --- out -----------------------------------------------------------------------------------------


def write(protocol: Protocol, path: Path, asked: Asked) -> None:
    """What BRN can say of a protocol, and a line for each thing that it cannot."""
    write_whole(path, written(protocol))


def written(protocol: Protocol) -> str:
    own = without_linked(protocol)
    chain = _in_turn(own)
    left: list[str] = []
    courses = [list(_course(phase, left)) for phase in chain]
    if own.include:
        left.append(f"supportive care ({', '.join(own.include)})")
    left += [f"the phase {phase.name}, which a decision leads to" for phase in own.phases if phase not in chain]
    if own.eligible is not None:
        left.append("whom the protocol is for")
    if own.on_relapse:
        left.append("what follows a relapse")
    if own.rules:
        left.append(f"{_count(len(own.rules), 'rule')} of every phase")
    head = [f"Name: {_flat(own.name)}", *(f"Left-Out-{i}: {_flat(text)}" for i, text in enumerate(left, 1))]
    return "\n\n".join("\n".join(part) for part in [head, *courses]) + "\n"


def _in_turn(protocol: Protocol) -> list[Phase]:
    """The phases that follow each other where no decision leads away."""
    chain: list[Phase] = []
    known = {phase.id: i for i, phase in enumerate(protocol.phases)}
    at: int | None = 0
    while at is not None and at < len(protocol.phases) and protocol.phases[at] not in chain:
        phase = protocol.phases[at]
        chain.append(phase)
        at = at + 1 if phase.next == "" else known.get(phase.next) if phase.next else None
    return chain


def _course(phase: Phase, left: list[str]) -> Iterator[str]:
    yield f"Course: {_flat(phase.name)}"
    without: dict[str, list[str]] = {}
    for give in phase.give:
        if why := _not_expressed(give, phase):
            left.append(f"{phase.name}: {sentence(give, phase.days, phase.first_day)} ({why})")
            continue
        days = _days_given(give, phase)
        if not days:
            continue
        assert give.amount is not None
        amount = give.amount / give.doses_per_day if give.per == "day" else give.amount
        unit = next(theirs for theirs, ours in UNITS.items() if ours == give.unit)
        parts = [give.agent.replace("_", "-"), number(amount), unit, give.route.lower()]
        if give.infusion_h is not None:
            parts.append(f"infusion {number(give.infusion_h)} hours")
        if give.doses_per_day > 1:
            parts.append(_OFTEN[give.doses_per_day])
        yield " ".join([*parts, "d" + days_in_words(days).replace(" ", "")])
        what = f"{give.agent} {give.route}"
        for lost, said in (("the largest dose", give.cap), ("the taper", give.taper), ("other routes", give.routes[1:]),
                           ("that days are those of a week that begins on Monday", give.weekdays),
                           ("that morning and evening differ", give.morning_evening)):  # fmt: skip
            if said and what not in without.setdefault(lost, []):
                without[lost].append(what)
    left += [f"{phase.name}: {lost} of {', '.join(whats)}" for lost, whats in without.items() if whats]
    things = {"rule": phase.rules, "measurement": phase.check, "decision": phase.decide}
    also = [_count(len(some), what) for what, some in things.items() if some]
    if phase.start_when is not None:
        also.append("what opens it")
    if phase.rest_days:
        also.append(f"a rest of {phase.rest_days} days before it")
    if phase.repeat_until:
        also.append(f"its repeats ({repeat(phase)})")
    if phase.first_day != 1:
        also.append(f"that its first day is called {phase.first_day}")
    if also:
        left.append(f"{phase.name}: {', '.join(also)}")
    times = phase.repeat_times or (None if phase.repeat_until else 1)
    yield f"Q{phase.days}d" + (f" x {_count(times, 'cycle')}" if times else "")


def _not_expressed(give: Give, phase: Phase) -> str:
    """Why a line cannot be said in BRN without saying something else; empty when it can."""
    if give.amount is None:
        return "a dose by age"
    if give.unit not in UNITS.values() or give.route.lower() not in ROUTES:
        return f"no {give.unit} {give.route} in this notation"
    if give.when is not None:
        return "only if"
    if give.escalation is not None:
        return "a rising dose"
    if give.doses_per_day != 1 and give.doses_per_day not in _OFTEN:
        return f"{give.doses_per_day} doses a day"
    if any(other.when is not None for other in phase.give if (other.agent, other.route) in give.not_with):
        return "not on days that are not certain"
    return ""


def _days_given(give: Give, phase: Phase) -> tuple[int, ...]:
    not_on = {d for other in phase.give if (other.agent, other.route) in give.not_with for d in other.days}
    return tuple(day for day in give.days if day not in not_on)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' if n > 1 else ''}"


def _flat(said: str) -> str:
    return " ".join(said.split())


FORMAT = Format(
    name="brn",
    title="Brief Regimen Notation",
    suffix=".brn",
    media="text/plain",
    source="https://github.com/Vermonster/brn",
    of=("protocol",),
    gives="draft",
    write=write,
    read=read,
    knows=knows,
    limits=(
        "In: a dose with bid, tid or q6h is taken as that of one time; ranges of doses and of infusions, prn, AUC and "
        "whatever is not understood are marked open.",
        "Out: conditions, rules, gates, measurements, doses by age, rising doses and largest doses have no place in "
        "it; each stands as a Left-Out line in the head of the file.",
    ),
)
