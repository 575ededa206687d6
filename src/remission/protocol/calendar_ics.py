"""The plan as iCalendar (RFC 5545): whole days; what is certain in one event a day, what is not in tentative ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import NAMESPACE_URL, uuid5

from icalendar import Calendar, Event

from ..locale import bare, direction, listed, ngettext, plain
from ..locale import gettext as _
from .choices import Choice
from .plan import Cycle, Plan, Row
from .sections import Section, dose_text, name, title
from .wording import phase_in_words, protocol_in_words, runs


def calendar_of(plan: Plan, sections: Sequence[Section], statement: str) -> bytes:
    """The file's content. Equal plans give equal bytes; the same day of the same plan keeps its UID when doses change.

    ``statement`` is said once, in an event of its own on the first day.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//remission//plan//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", bare(protocol_in_words(plan.protocol)))
    for event in _events(plan, sections, statement):
        calendar.add_component(event)
    return calendar.to_ical()


def _events(plan: Plan, sections: Sequence[Section], statement: str) -> Iterator[Event]:
    unknown = [_("Not known yet: {decision}").format(decision=text) for text in plan.open_decisions]
    told = "\n".join((statement, *plan.warnings, *unknown))
    about = _("About this calendar: {protocol}").format(protocol=protocol_in_words(plan.protocol))
    yield _event(plan, "about", 1, 1, about, told)
    for section in sections:
        cycle = section.cycle
        days: dict[int, list[Row]] = {}
        for row in plan.rows:
            if (row.phase, row.cycle) == (cycle.phase, cycle.number) and row.kind != "conditional":
                days.setdefault(row.day, []).append(row)
        for day, rows in days.items():
            doses = [_dose(row) for row in rows if row.kind == "dose"]
            other = [row.note for row in rows if row.kind != "dose"]
            head = _("{phase}, day {day}: {what}").format(
                phase=phase_in_words(cycle.name), day=rows[0].phase_day, what="; ".join(doses or other)
            )
            lines = [
                title(cycle),
                *(_("Give {dose} ({how})").format(dose=_dose(r), how="; ".join(t for t in (r.computed, r.note) if t))
                  for r in rows if r.agent),
                *(text[:1].upper() + text[1:] for text in other),
            ]
            yield _event(plan, f"{cycle.phase} {cycle.number}", day, day, head, "\n".join(lines))
        for choice in section.choices:
            yield from _tentative(plan, cycle, choice)


def _tentative(plan: Plan, cycle: Cycle, choice: Choice) -> Iterator[Event]:
    """An event for each run of days on which something of a choice would be given, marked as not certain."""
    for first, last in runs([day for branch in choice.branches for day in branch.days]):
        unsure = _("Not certain: given on a day only if its condition is met on that day")
        heads, lines = [], [title(cycle), f"{unsure}."]
        for number, branch in enumerate(choice.branches):
            here = [[row for row in line if first <= row.day <= last] for line in branch.lines]
            doses = [_("{dose} on {days}").format(dose=_dose(line[0]), days=_days(line)) for line in here if line]
            if doses:
                heads.append(f"{choice.opening(number)}: {', '.join(_dose(line[0]) for line in here if line)}")
                lines += [f"{choice.opening(number)}:", *(f"- {text}" for text in doses)]
        if choice.closing:
            lines.append(f"{choice.closing}.")
        key = f"{cycle.phase} {cycle.number} {' / '.join(branch.when for branch in choice.branches)}"
        event = _event(plan, key, first, last, _("NOT CERTAIN. {what}").format(what="; ".join(heads)), "\n".join(lines))
        event.add("status", "TENTATIVE")
        yield event


def _event(plan: Plan, key: str, first: int, last: int, summary: str, text: str) -> Event:
    """Whole days of therapy, first to last. The key makes the UID with what does not change about the person."""
    start, who = plan.start + timedelta(days=first - 1), plan.person
    event = Event()
    event.add("uid", f"{uuid5(NAMESPACE_URL, f'{plan.protocol.id}|{plan.start}|{who.sex}|{who.age_y}|{key}|{first}')}")
    event.add("dtstamp", datetime.combine(plan.start, time(), UTC))
    event.add("dtstart", start)
    event.add("dtend", start + timedelta(days=last - first + 1))  # the day after
    rtl = direction() == "rtl"
    event.add("summary", plain(summary, rtl))
    event.add("description", plain(text, rtl))
    event.add("transp", "TRANSPARENT")
    return event


def _dose(row: Row) -> str:
    return f"{name(row.agent)} {row.route} {dose_text(row)}"


def _days(line: Sequence[Row]) -> str:
    days = [row.phase_day for row in line]
    said = listed(f"{a}" if a == b else f"{a}-{b}" for a, b in runs(days))
    return ngettext("day {days}", "days {days}", len(days)).format(days=said)
