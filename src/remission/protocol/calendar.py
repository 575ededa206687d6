"""A plan on paper: as text for the terminal, CSV and one HTML page for print."""

from __future__ import annotations

import shutil
import sys
from io import StringIO

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from .calendar_page import page
from .plan import Plan
from .sections import Section, dated, dose_text, sections, title, who

STATEMENT = "For research and teaching. Never use it to choose or to check a real patient's dose."


def as_csv(plan: Plan) -> str:
    """Every row of the plan as CSV with a header line."""
    return plan.table().write_csv()


def as_html(plan: Plan) -> str:
    """One self-contained page (no scripts, nothing loaded from elsewhere) to print on A4 or Letter."""
    return page(plan, sections(plan), STATEMENT)


def as_text(plan: Plan, width: int | None = None, colour: bool | None = None) -> str:
    """The calendar for a terminal; width in characters and colour follow the terminal when left out."""
    colour = sys.stdout.isatty() if colour is None else colour
    out = StringIO()
    columns = width or min(max(shutil.get_terminal_size((110, 40)).columns, 72), 130)
    Console(file=out, width=columns, force_terminal=colour, no_color=not colour, highlight=False).print(_group(plan))
    return out.getvalue()


# --- the terminal ---------------------------------------------------------------------------------


def _group(plan: Plan) -> Group:
    parts: list[Text | Table] = [
        Text(plan.protocol.name, style="bold"),
        Text(", ".join(f"{name} {value}" for name, value in who(plan))),
        Text(f"{dated(plan.start)} to {dated(plan.end)}, if every gate is met on its day."),
        *(Text(warning, style="bold red") for warning in plan.warnings),
        Text(STATEMENT, style="italic"),
    ]
    for section in sections(plan):
        parts += [Text(""), Text(title(section.cycle), style="bold cyan"), _table(section)]
    return Group(*parts)


def _table(section: Section) -> Table:
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim", expand=False)
    table.add_column("date", no_wrap=True)
    table.add_column("day", justify="right", no_wrap=True)
    table.add_column("give", ratio=3)
    table.add_column("check, decide", ratio=2)
    for span in section.spans:
        days = f"{span.first.phase_day}-{span.last.phase_day}"
        what = Text.assemble((span.agent, "bold"), f" {span.route} {span.dose}", (f"  {span.computed}", "dim"))
        if span.note:
            what.append(f"\n{span.note}", style="dim")
        table.add_row(f"{dated(span.first.date)} on", days, what, "")
    for day in section.days:
        give = Text()
        for number, row in enumerate(day.give):
            give.append("\n" if number else "")
            style = "bold magenta" if row.route == "IT" else "bold"
            give.append_text(Text.assemble((row.agent or "", style), f" {row.route} {dose_text(row)}"))
            give.append(
                f"  {row.computed}" + (f"; {row.note}" if row.note else ""), style="yellow" if row.capped else "dim"
            )
        todo = "\n".join((*day.gates, *day.checks, *day.decisions))
        table.add_row(dated(day.date), str(day.phase_day), give, todo)
    return table
