"""A plan on paper and in a calendar: text for the terminal, CSV, one HTML page for print, iCalendar."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..knowledge.writing import write_whole
from ..locale import N_, bare, direction, in_a_row, language, listed, marked
from ..locale import gettext as _
from .calendar_page import page
from .choices import Choice
from .plan import Plan, Row
from .sections import Section, dated, dose_text, name, sections, title, when_given, who
from .wording import protocol_in_words

STATEMENT = N_("For research and teaching. Never use it to choose or to check a real patient's dose.")
READING = N_(
    "What is listed by day is planned as if every count allowed it. What hangs on something that is not known yet "
    "stands apart, with its condition. Doses are rounded as a pharmacy would; the exact amount stands beside."
)


MACHINE = N_(
    "A machine has translated this page. There can be mistakes, and parts can be missing. What counts is the English."
)


def _statement() -> str:
    return _(STATEMENT) if language() == "en" else f"{_(STATEMENT)} {_(MACHINE)}"


def as_csv(plan: Plan) -> str:
    """Every row of the plan as CSV with a header line. Rows of kind `conditional` are given only if `when` is true."""
    return plan.table().write_csv()


def as_html(plan: Plan) -> str:
    """One self-contained page (no scripts, nothing loaded from elsewhere) to print on A4 or Letter."""
    return marked(page(plan, sections(plan), _statement(), _(READING)), direction() == "rtl")


def as_ics(plan: Plan) -> bytes:
    """An iCalendar file: one whole-day event a day, and events of their own for what is given only if."""
    from .calendar_ics import calendar_of  # its library takes longer to load than a calendar to make

    return calendar_of(plan, sections(plan), f"{_statement()} {_(READING)}")


def write(plan: Plan, path: Path, form: Callable[[Plan], str | bytes]) -> None:
    """Write a plan in one of the forms above, whole or not at all."""
    write_whole(path, form(plan))


def as_text(plan: Plan, width: int | None = None, colour: bool | None = None) -> str:
    """The calendar for a terminal; width in characters and colour follow the terminal when left out."""
    colour = sys.stdout.isatty() if colour is None else colour
    out = StringIO()
    columns = width or min(max(shutil.get_terminal_size((110, 40)).columns, 72), 130)
    Console(file=out, width=columns, force_terminal=colour, no_color=not colour, highlight=False).print(_group(plan))
    return bare(out.getvalue())


# --- the terminal ---------------------------------------------------------------------------------


def _group(plan: Plan) -> Group:
    span = _("{first} to {last}, if every gate is met on its day.")
    parts: list[RenderableType] = [
        Text(protocol_in_words(plan.protocol), style="bold"),
        Text(in_a_row(*(f"{what} {value}" for what, value in who(plan)))),
        Text(span.format(first=dated(plan.start), last=dated(plan.end))),
        *(Text(warning, style="bold red") for warning in plan.warnings),
        Text(_statement(), style="italic"),
        Text(_(READING)),
    ]
    if plan.open_decisions:
        said = _("Decisions that are not known yet; this calendar goes on as if none led away")
        parts += [Text(""), Text(said, "bold")]
        parts += [Text(f"- {text}") for text in plan.open_decisions]
    for section in sections(plan):
        parts += [Text(""), Text(title(section.cycle), style="bold cyan"), _table(section)]
        if section.choices:
            said = _("Not certain: given on a day only if its condition is met on that day")
            parts += [Text(said, style="bold yellow")]
            parts += [line for choice in section.choices for line in _choice(choice)]
        if section.cycle.number == 1:
            parts += _rules(_("Rules that change these doses"), section.cycle.rules)
    return Group(*parts, *_rules(_("Rules of every phase"), plan.rules))


def _rules(heading: str, rules: Sequence[str]) -> list[Text]:
    return [Text(heading, style="bold"), *(Text(f"- {rule}", style="dim") for rule in rules)] if rules else []


def _table(section: Section) -> Table:
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim", expand=False)
    table.add_column(_("date"), no_wrap=True)
    table.add_column(_("day"), justify="right", no_wrap=True)
    table.add_column(_("give"), ratio=3)
    table.add_column(_("check, decide"), ratio=2)
    for span in section.spans:
        what = Text.assemble((name(span.agent), "bold"), f" {span.route} {span.dose}", (f"  {span.computed}", "dim"))
        if span.note:
            what.append(f"\n{span.note}", style="dim")
        table.add_row(_("from {date}").format(date=dated(span.first.date)), span.days, what, "")
    for day in section.days:
        give = Text()
        for number, row in enumerate(day.give):
            give.append("\n" if number else "")
            give.append_text(_dose(row))
        if day.either:
            said = _("not certain, see below: {doses}").format(doses=listed(day.either))
            give.append(("\n" if day.give else "") + said, style="yellow")
        todo = "\n".join((*day.gates, *day.checks, *day.decisions))
        table.add_row(dated(day.date), str(day.phase_day), give, todo)
    return table


def _dose(row: Row) -> Text:
    """One dose: agent, route, amount, and how it was computed."""
    text = Text.assemble(
        (name(row.agent), "bold magenta" if row.route == "IT" else "bold"), f" {row.route} {dose_text(row)}"
    )
    return text.append(
        f"  {row.computed}" + (f"; {row.note}" if row.note else ""), style="yellow" if row.capped else "dim"
    )


def _choice(choice: Choice) -> Iterator[Padding]:
    for number, branch in enumerate(choice.branches):
        yield Padding(Text(f"{choice.opening(number)}:", style="bold"), (0, 0, 0, 2))
        for line in branch.lines:
            yield Padding(_dose(line[0]).append(f"; {when_given(line)}", style="not dim"), (0, 0, 0, 4))
    if choice.closing:
        yield Padding(Text(f"{choice.closing}.", style="bold"), (0, 0, 0, 2))
