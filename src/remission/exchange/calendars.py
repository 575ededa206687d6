"""A person's calendar as iCalendar (RFC 5545), a page to print, and a table."""

from __future__ import annotations

from pathlib import Path

from remission.knowledge.writing import write_whole
from remission.protocol.calendar import as_csv, as_html, as_ics

from .formats import Format

FORMATS = (
    Format(
        name="icalendar",
        title="iCalendar: whole days, what is not certain as tentative",
        suffix=".ics",
        media="text/calendar",
        source="https://www.rfc-editor.org/rfc/rfc5545",
        of=("plan",),
        write=lambda plan, path, asked: _write(path, as_ics(plan)),
    ),
    Format(
        name="calendar-html",
        title="Calendar to print, one page of HTML",
        suffix=".html",
        media="text/html",
        source="https://html.spec.whatwg.org/",
        of=("plan",),
        write=lambda plan, path, asked: _write(path, as_html(plan)),
    ),
    Format(
        name="calendar-csv",
        title="Calendar as a table",
        suffix=".csv",
        media="text/csv",
        source="https://www.rfc-editor.org/rfc/rfc4180",
        of=("plan",),
        write=lambda plan, path, asked: _write(path, as_csv(plan)),
    ),
)


def _write(path: Path, content: str | bytes) -> None:
    write_whole(path, content)
