"""A plan cycle by cycle, as it is printed: what goes on daily, what is done on which date, and the words for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from ..locale import called, figures, joined, listed, ngettext, short_date, weekday
from ..locale import gettext as _
from .choices import Choice, choices
from .person import MEASURED
from .plan import Cycle, Plan, Row, result_in_words
from .wording import in_words, phase_in_words, runs, unit_in_words, word_in_words

_SPAN_DAYS = 3  # medicines by mouth on this many days in a row are told once, not day by day


@dataclass(frozen=True)
class Span:
    """A medicine by mouth that goes on day after day."""

    agent: str
    route: str
    dose: str
    first: Row
    last: Row
    computed: str
    note: str

    @property
    def days(self) -> str:
        """Days of the phase: 1-28, or 85 alone."""
        first, last = self.first.phase_day, self.last.phase_day
        return f"{first}" if first == last else f"{first}-{last}"


@dataclass(frozen=True)
class Day:
    """What happens on one date, daily medicines by mouth apart. ``either``: what is given in one way or another, where
    the choices of the section say which."""

    date: date
    day: int
    phase_day: int
    gates: tuple[str, ...]
    give: tuple[Row, ...]
    checks: tuple[str, ...]
    decisions: tuple[str, ...]
    either: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One cycle: what is certain day after day and on its date, and apart from it what is not (``choices``)."""

    cycle: Cycle
    spans: tuple[Span, ...]
    days: tuple[Day, ...]
    choices: tuple[Choice, ...]


def sections(plan: Plan) -> list[Section]:
    """The calendar cycle by cycle: what goes on daily, and the days on which something is done."""
    out = []
    for cycle in plan.cycles:
        rows = [r for r in plan.rows if (r.phase, r.cycle) == (cycle.phase, cycle.number)]
        runs = list(_runs(rows))
        daily = {id(r) for run in runs for r in run}
        spans = [span for run in runs for span in _spans(run)]
        spans.sort(key=lambda s: (s.first.day, s.agent))
        single = sorted((r for r in rows if id(r) not in daily and r.kind != "conditional"), key=lambda r: r.day)
        open_ = choices(rows)
        several = [c for c in open_ if len(c.branches) > 1]
        lines = [line for c in several for branch in c.branches for line in branch.lines]
        either = [row for line in lines if line[0].route != "PO" or len(line) < _SPAN_DAYS for row in line]
        out.append(Section(cycle, tuple(spans), tuple(_days([*single, *either])), open_))
    return out


# --- words ----------------------------------------------------------------------------------------


def who(plan: Plan) -> list[tuple[str, str]]:
    """The person and the sizes that the doses were computed with: pairs of name and value."""
    p = plan.person

    def taken(name: str, value: object) -> str:
        said = _(str(value)) if isinstance(value, str) else str(value)
        return _("{value} (assumed)").format(value=said) if name in p.assumed else said

    facts = [
        (_("Age"), _("{age} years on day 1").format(age=figures(f"{p.age_y:.3g}"))),
        (_("Sex"), _(p.sex)),
        (_("Weight"), f"{figures(f'{p.weight_kg:g}')} kg"),
        (_("Height"), f"{figures(f'{p.height_cm:g}')} cm"),
        (_("Body surface"), f"{figures(f'{p.bsa_m2:.3f}')} m2 (Mosteller)"),
        (_("CNS status"), taken("cns", p.cns)),
        (_("Lineage"), _("{value} (assumed)").format(value=p.lineage) if "lineage" in p.assumed else p.lineage),
        ("TPMT", taken("tpmt", p.tpmt)),
        ("NUDT15", taken("nudt15", p.nudt15)),
        (_("White cells at diagnosis"), None if p.wbc is None else f"{figures(f'{p.wbc:g}')} x 10^9/L"),
        (_("Philadelphia chromosome"), p.ph and _(p.ph)),
        (_("Subtype"), p.subtype and word_in_words("subtype", p.subtype)),
        (_("Down syndrome"), p.down_syndrome and _(p.down_syndrome)),
        (_("Donor"), p.donor and _(p.donor)),
        (_("Relapses so far"), None if p.relapses is None else str(p.relapses)),
        ("T315I", None if p.t315i is None else figures(f"{100 * p.t315i:.4g}") + "%"),
    ]
    for what in MEASURED.values():
        if what in p.measured:
            given = joined(_("{one}, then {other}"), (result_in_words(what, value) for value in p.measured[what]))
            said = in_words(what)
            facts.append((said[:1].upper() + said[1:], given))
    return [(name, value) for name, value in facts if value is not None]


def when_given(line: Sequence[Row]) -> str:
    """The days of a phase and their dates: days 2-7, 9-28 (9 Feb 2027 to 7 Mar 2027)."""
    days = [row.phase_day for row in line]
    said = listed(str(a) if a == b else listed((str(a), str(b))) if b == a + 1 else f"{a}-{b}" for a, b in runs(days))
    first, last = dated(line[0].date), dated(line[-1].date)
    when = first if first == last else _("{first} to {last}").format(first=first, last=last)
    return ngettext("day {days} ({dates})", "days {days} ({dates})", len(days)).format(days=said, dates=when)


def amount(dose: float | None, unit: str | None) -> str:
    """A dose as it is printed, no zero at its end: 1.02 mg, 16.8 mg, 102 mg, 1,700 IU."""
    if dose is None:
        return ""
    if unit == "mg" and dose >= 10_000:
        dose, unit = dose / 1000.0, "g"
    digits = 3 if dose < 1 else 2 if dose < 10 else 1 if dose < 100 else 0
    text = f"{dose:,.{digits}f}"
    return f"{figures(text.rstrip('0').rstrip('.') if '.' in text else text)} {unit_in_words(unit)}"


def name(agent: str | None) -> str:
    """An agent as it is printed."""
    return called("agents", agent or "")


def dose_text(row: Row) -> str:
    """The dose with how often a day: 2.02 mg twice a day."""
    times = row.doses_per_day or 1
    often = {1: "{dose}", 2: _("{dose} twice a day"), 3: _("{dose} three times a day")}
    return often.get(times, _("{dose} {n} x a day")).format(dose=amount(row.dose, row.unit), n=times)


def dated(day: date) -> str:
    """Mon 4 Jan 2027."""
    return short_date(day)


def title(cycle: Cycle) -> str:
    """Name of the phase, the cycle where there are several, and the days of therapy."""
    return _("{phase} - days {first} to {last} of therapy").format(
        phase=cycle_name(cycle), first=cycle.first_day, last=cycle.last_day
    )


def cycle_name(cycle: Cycle) -> str:
    """Name of the phase, and the cycle where there are several."""
    said = phase_in_words(cycle.name)
    if cycle.of == 1:
        return said
    return _("{phase}, cycle {n} of {of}").format(phase=said, n=cycle.number, of=cycle.of)


# --- grouping -------------------------------------------------------------------------------------


def _runs(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Medicines by mouth on at least three days in a row."""
    by_mouth = [r for r in rows if r.kind == "dose" and r.route == "PO"]
    by_mouth.sort(key=lambda r: (r.agent or "", r.day))
    for _key, mine in groupby(by_mouth, key=lambda r: r.agent):
        run: list[Row] = []
        for row in mine:
            if run and row.day != run[-1].day + 1:
                if len(run) >= _SPAN_DAYS:
                    yield run
                run = []
            run.append(row)
        if len(run) >= _SPAN_DAYS:
            yield run


def _spans(run: list[Row]) -> Iterator[Span]:
    if run[0].deviation_percent is None:
        for _dose, same in groupby(run, key=lambda r: (dose_text(r), r.computed, r.note)):
            part = list(same)
            said = dose_text(part[0])
            yield _span(part, said if (part[0].doses_per_day or 1) > 1 else _("{dose} once a day").format(dose=said))
        return
    weeks = [list(week) for _week, week in groupby(run, key=lambda r: (r.phase_day - 1) // 7)]
    for _doses, alike in groupby(weeks, key=lambda w: (tuple(r.dose for r in w), w[0].computed)):
        parts = list(alike)
        yield _span([row for week in parts for row in week], _pattern(parts[0]))


def _span(rows: list[Row], dose: str) -> Span:
    first = rows[0]
    return Span(first.agent or "", first.route or "", dose, first, rows[-1], first.computed, first.note)


def _pattern(week: list[Row]) -> str:
    """The days of a week with their dose: 50 mg Mon-Sat, 25 mg Sun."""
    runs = [list(same) for _dose, same in groupby(week, key=lambda r: r.dose)]
    if len(runs) == 1:
        return _("{dose} once a day").format(dose=amount(week[0].dose, week[0].unit))
    said = []
    for run in runs:
        first, last = (weekday(r.date) for r in (run[0], run[-1]))
        days = first if len(run) == 1 else f"{first}-{last}"
        said.append(f"{amount(run[0].dose, run[0].unit) if run[0].dose else _('none')} {days}")
    return listed(said)


def _days(rows: Sequence[Row]) -> Iterator[Day]:
    for _key, mine in groupby(sorted(rows, key=lambda r: r.day), key=lambda r: r.day):
        here = list(mine)

        def notes(kind: str, here: list[Row] = here) -> tuple[str, ...]:
            return tuple(r.note for r in here if r.kind == kind)

        yield Day(
            here[0].date,
            here[0].day,
            here[0].phase_day,
            notes("gate"),
            tuple(r for r in here if r.kind == "dose"),
            notes("check"),
            notes("decision") + notes("end"),
            tuple(dict.fromkeys(f"{name(r.agent)} {r.route}" for r in here if r.kind == "conditional")),
        )
