"""The calendar of a scenario's patient: months to print, and a file for a calendar program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from remission.exchange.formats import content
from remission.knowledge.errors import BadInput
from remission.protocol.plan import Plan, Row

from . import who
from .language import _, first_week_day, language, month, number, weekdays
from .plans import colour_of
from .reading import Reading, reading
from .scenes import STILL_DAYS, Elsewhere, address, kept, links, planned, results_of, scene, start_of
from .site import Site

SPANS = (1, 3, 6, 12)  # months that the form offers, beside all


@dataclass(frozen=True)
class Entry:
    """One thing of a day: a medicine by a route, or a test. ``kind``: spine, vein, mouth, other, test."""

    name: str
    kind: str
    dose: str = ""
    sure: bool = True


@dataclass(frozen=True)
class Day:
    date: date
    said: str  # the day of the month
    day: int  # of treatment, below 1 or after the end where there is none
    phase: str = ""  # where one begins
    kind: str = ""  # of its phase, see svg/colours.py
    entries: tuple[Entry, ...] = ()
    within: bool = True  # does it belong to the month


@dataclass(frozen=True)
class Month:
    name: str
    weeks: tuple[tuple[Day, ...], ...]


def routes(site: Site) -> list[BaseRoute]:
    """The calendar as a page and as iCalendar."""

    def show(request: Request) -> Response:
        try:
            scenario = scene(request, site.knowledge, "/calendar")
        except Elsewhere as other:
            return other.answer()
        if site.still:
            results_of(site, scenario)
        start = start_of(request, next_monday(date.today()))
        plan = planned(scenario, site.knowledge, start)
        texts, span = reading(language()), _span(request)
        return site.page(
            request, "month.html", scenario=scenario, title=who.called(scenario), start=start, plan=plan,
            kept=[pair for pair in kept(request) if pair[0] not in ("start", "months")],
            linked=STILL_DAYS if site.still else plan.cycles[-1].last_day, spans=sorted({*SPANS, span or SPANS[0]}),
            span=span, months=list(islice(months(plan, texts), span)),
            weekdays=weekdays(), changes=who.changes(scenario),
            protocol=who.treatment_name(scenario, site.knowledge), path=links(request, scenario),
            ics=address(scenario, "/calendar.ics", **{"start": start.isoformat()}),
        )  # fmt: skip

    def file(request: Request) -> Response:
        try:
            scenario = scene(request, site.knowledge, "/calendar.ics")
        except Elsewhere as other:
            return other.answer()
        start = start_of(request, next_monday(date.today()))
        name = f'attachment; filename="{scenario.protocol}-{start.isoformat()}.ics"'
        held = content(planned(scenario, site.knowledge, start), "icalendar")
        return Response(held, media_type="text/calendar; charset=utf-8", headers={"content-disposition": name})

    return [Route("/see/{scenario}/calendar", show), Route("/see/{scenario}/calendar.ics", file)]


def _span(request: Request) -> int | None:
    """How many months are asked for; None: all."""
    text = request.query_params.get("months", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text)):
        raise BadInput("that is no number of months", remedy="Write a number, such as 3")
    return int(text)


def next_monday(day: date) -> date:
    """The day itself on a Monday, else the next one."""
    return day + timedelta(days=-day.weekday() % 7)


def months(plan: Plan, texts: Reading) -> Iterator[Month]:
    """Every month that the treatment touches, in whole weeks."""
    by_day: dict[date, list[Row]] = {}
    for row in plan.rows:
        by_day.setdefault(row.date, []).append(row)
    first = plan.start.replace(day=1)
    while first <= plan.end:
        following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        day = first - timedelta(days=(first.weekday() - first_week_day()) % 7)
        weeks = []
        while day < following:
            week, begin = [], day
            for _weekday in range(7):
                made = _day(plan, day, by_day.get(day, []), texts, first <= day < following)
                week.append(made)
                day += timedelta(days=1)
            if day > plan.start and begin <= plan.end:  # weeks before the first and after the last are left out
                weeks.append(tuple(week))
        yield Month(month(first), tuple(weeks))
        first = following


def _day(plan: Plan, day: date, rows: list[Row], texts: Reading, within: bool) -> Day:
    cycle = next((c for c in reversed(plan.cycles) if c.start <= day <= c.end), None)
    begins = who.phase_name(cycle.name) if cycle and cycle.start == day else ""
    if begins and cycle and cycle.of > 1:
        begins = _("{phase}, cycle {number}").format(phase=begins, number=number(cycle.number))
    kind = colour_of(cycle.phase, plan.protocol.id) if cycle else ""
    n = (day - plan.start).days + 1
    inside = cycle is not None
    return Day(day, number(day.day), n if inside else 0, begins, kind, tuple(_entries(rows, texts)) if within else (),
               within)  # fmt: skip


def _entries(rows: list[Row], texts: Reading) -> Iterator[Entry]:
    order = {"spine": 0, "vein": 1, "other": 2, "mouth": 3, "test": 4}
    found: dict[tuple[str, str], Entry] = {}
    for row in rows:
        if row.kind in ("dose", "conditional") and row.agent:
            kind = {"IT": "spine", "IV": "vein", "PO": "mouth"}.get(row.route or "", "other")
            sure = row.kind == "dose"
            found.setdefault((row.agent, kind), Entry(texts.title("agents", row.agent), kind, who.dose(row), sure))
        elif row.kind == "check":
            found.setdefault((row.note, "test"), Entry(row.note[:1].upper() + row.note[1:], "test"))
    yield from sorted(found.values(), key=lambda entry: (not entry.sure, order[entry.kind], entry.name))
