"""The HTML page of a plan, made to be printed and ticked off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ..locale import N_, direction, english, listed, ngettext
from ..locale import gettext as _
from ..locale.speech import html_tag
from .choices import Choice
from .plan import Plan, Row
from .sections import Day, Section, Span, amount, cycle_name, dated, dose_text, name, when_given, who
from .wording import phase_in_words, protocol_in_words

_STYLE = """
@page { size: A4; margin: 14mm 13mm 16mm }
* { box-sizing: border-box }
html { -webkit-print-color-adjust: exact; print-color-adjust: exact }
body { font: 13px/1.38 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; color: #16191d;
  max-width: 190mm; margin: 0 auto; padding: 8mm 4mm; background: #fff }
h1 { font-size: 21px; line-height: 1.2; margin: 0 0 2px }
h2 { font-size: 15px; margin: 0 }
p { margin: 4px 0 }
.plain { color: #454c55; max-width: 165mm }
.statement { border: 1.5px solid #16191d; padding: 5px 9px; margin: 10px 0; font-weight: 600 }
.warning { border-inline-start: 5px solid #b3261e; background: #fbeceb; padding: 5px 9px; margin: 8px 0;
  font-weight: 600 }
dl { display: grid; grid-template-columns: repeat(5, 1fr); border: 1px solid #9aa2ab; margin: 10px 0 }
dl div { padding: 4px 8px; border-inline-end: 1px solid #d3d8dd; border-bottom: 1px solid #d3d8dd }
dt { font-size: 10.5px; color: #5a626c }
dd { margin: 0; font-weight: 600 }
table { border-collapse: collapse; width: 100% }
th { text-align: start; font-size: 10.5px; font-weight: 600; color: #5a626c; border-bottom: 1px solid #9aa2ab;
  padding-block: 3px 2px; padding-inline: 0 7px }
td { vertical-align: top; padding-block: 3px; padding-inline: 0 7px; border-bottom: 1px solid #e1e4e8 }
tr { break-inside: avoid }
thead { display: table-header-group }
section { margin-top: 22px }
.bar { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; background: #e9edf1;
  border-inline-start: 5px solid #2c4a66; padding: 5px 9px; break-after: avoid }
.bar span { white-space: nowrap; font-size: 12px; color: #333a42 }
.gate { margin: 6px 0; font-weight: 600 }
.label { font-size: 11px; font-weight: 700; color: #2c4a66; margin: 9px 0 1px; break-after: avoid }
.n { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap }
.date { white-space: nowrap; font-variant-numeric: tabular-nums }
.how { color: #5a626c; font-size: 11px }
.dose { font-weight: 600; white-space: nowrap }
.item { display: grid; grid-template-columns: 13px 26px 1fr; gap: 6px; align-items: start; padding: 1px 0 }
.box { width: 11px; height: 11px; border: 1.2px solid #16191d; margin-top: 3px }
.route { font-size: 10px; font-weight: 700; text-align: center; border: 1px solid #7c858f; border-radius: 2px;
  line-height: 14px; margin-top: 2px }
.IT { background: #16191d; color: #fff; border-color: #16191d }
.cap { font-weight: 700; color: #8a4b00 }
.decide { font-weight: 600; color: #7a1f18 }
.wait { font-weight: 600 }
.maybe { border: 1.5px dashed #8a4b00; background: #fdf7ee; padding: 2px 9px 6px; margin: 9px 0 }
.maybe .label { color: #8a4b00 }
.choice { break-inside: avoid }
.when { font-weight: 600; margin: 5px 0 1px }
.small { font-size: 11px; color: #454c55; columns: 2; column-gap: 22px; margin: 2px 0 0; padding-inline-start: 14px }
.small li { break-inside: avoid; margin-bottom: 2px }
.fixed { table-layout: fixed }
.fixed .date { white-space: normal }
@media print { body { padding: 0; max-width: none } }
"""


_DATES = N_(
    "Dates are right if every phase may start on its day. Doses are computed with the size of the first day and have "
    "to be computed anew as the child grows; intrathecal doses follow the age on their day."
)


def page(plan: Plan, sections: Sequence[Section], statement: str, reading: str) -> str:
    """The whole page as a string."""
    called = protocol_in_words(plan.protocol)
    facts = "".join(f"<div><dt>{escape(label)}</dt><dd>{_m2(value)}</dd></div>" for label, value in who(plan))
    first_day = _("First day")
    facts += f"<div><dt>{escape(first_day)}</dt><dd>{dated(plan.start)}</dd></div>"
    heading = _("{protocol}, from {date}").format(protocol=called, date=dated(plan.start))
    undecided = _list(
        _("Decisions that are not known yet; this calendar goes on as if none led away"), plan.open_decisions
    )
    rules = _list(_("Rules of the whole protocol"), plan.rules)
    open_ = _list(_("Not settled by the sources"), map(english, plan.protocol.open))
    warnings = "".join(f'<p class="warning">{escape(w)}</p>' for w in plan.warnings)
    return f"""<!doctype html>
<html lang="{html_tag()}" dir="{direction()}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(heading)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{escape(called)}</h1>
<p class="plain">{escape(protocol_in_words(plan.protocol, "plain"))}</p>
<p class="statement">{escape(statement)}</p>
{warnings}
<dl>{facts}</dl>
<p class="plain">{escape(reading)}</p>
{undecided}
<p class="plain">{escape(_(_DATES))}</p>
{_overview(sections)}
{rules}
{open_}
</header>
{"".join(_section(s) for s in sections)}
</body>
</html>
"""


def _overview(sections: Sequence[Section]) -> str:
    rows = []
    for i, section in enumerate(sections):
        c = section.cycle
        if c.number > 1:
            continue
        end = next(s.cycle for s in reversed(sections[i:]) if s.cycle.phase == c.phase)
        cycles = ", " + ngettext("{n} cycle", "{n} cycles", c.of).format(n=c.of) if c.of > 1 else ""
        rows.append(
            f"<tr><td><b>{escape(phase_in_words(c.name))}</b>{escape(cycles)}</td><td class=date>{dated(c.start)}</td>"
            f"<td class=date>{dated(end.end)}</td><td class=n>{c.first_day}-{end.last_day}</td></tr>"
        )
    heads = _heads((_("Phase"), ""), (_("From"), ""), (_("To"), ""), (_("Days of therapy"), "n"))
    return f"<table>{heads}<tbody>{''.join(rows)}</tbody></table>"


def _label(said: str) -> str:
    return f'<p class="label">{escape(said)}</p>'


def _heads(*heads: tuple[str, str]) -> str:
    cells = "".join(f"<th{f' class={kind}' if kind else ''}>{escape(said)}</th>" for said, kind in heads)
    return f"<thead><tr>{cells}</tr></thead>"


def _section(section: Section) -> str:
    c = section.cycle
    when = _("{first} to {last}, days {days} of therapy").format(
        first=dated(c.start), last=dated(c.end), days=f"{c.first_day}-{c.last_day}"
    )
    parts = [f'<section><div class="bar"><h2>{escape(cycle_name(c))}</h2><span>{escape(when)}</span></div>']
    if c.gate:
        gate = _("Start when {condition}.").format(condition=c.gate)
        parts.append(f'<p class="gate">{_m2(gate)}</p>')
    if section.spans:
        parts.append(_label(_("Every day, by mouth")))
        heads = _heads(
            *((said, "") for said in (_("Medicine"), _("Dose"), _("Days"), _("From"), _("To"), _("How computed")))
        )
        parts.append(
            '<table class="fixed"><colgroup><col style="width:21%"><col style="width:21%"><col style="width:7%">'
            '<col style="width:12%"><col style="width:12%"><col style="width:27%"></colgroup>'
            f"{heads}<tbody>{''.join(map(_span, section.spans))}</tbody></table>"
        )
    days = [row for day in section.days if (row := _day(day, c.gate))]
    if days:
        parts.append(_label(_("Day by day")))
        heads = _heads(
            (_("Date"), ""), (_("Day"), "n"), (_("Give"), ""), (_("Check and decide"), ""), (_("Signed"), "")
        )
        parts.append(
            '<table class="fixed"><colgroup><col style="width:15%"><col style="width:5%"><col style="width:43%">'
            '<col style="width:27%"><col style="width:10%"></colgroup>'
            f"{heads}<tbody>{''.join(days)}</tbody></table>"
        )
    if section.choices:
        label = _label(_("Not certain: given on a day only if its condition is met on that day"))
        parts.append(f'<div class="maybe">{label}{"".join(map(_choice, section.choices))}</div>')
    if c.number == 1:
        parts.append(_list(_("Rules that change this plan"), c.rules))
        parts.append(_list(_("Not settled by the sources, or not in the plan"), map(english, c.open)))
    return "".join(parts) + "</section>\n"


def _span(span: Span) -> str:
    first, last = span.first, span.last
    times = first.doses_per_day or 1
    total = _("{dose} a day").format(dose=amount(first.day_total, first.unit))
    total = f"<br>{escape(total)}" if times > 1 else ""
    how = " ".join(f"{text}." for text in (span.computed, span.note) if text)
    return (
        f"<tr><td><b>{escape(name(span.agent))}</b> {_route(span.route)}</td>"
        f"<td><b>{escape(span.dose)}</b>{total}</td>"
        f"<td class=date>{span.days}</td><td class=date>{_short(first)}</td>"
        f"<td class=date>{_short(last)}</td><td class=how>{_m2(how)}</td></tr>"
    )


def _day(day: Day, gate: str | None) -> str:
    opening = _("start when {condition}").format(condition=gate)
    todo = [f'<div class="wait">{_m2(_capital(text))}</div>' for text in day.gates if text != opening]
    todo += [f"<div>{escape(_capital(text))}</div>" for text in day.checks]
    todo += [f'<div class="decide">{_m2(_capital(text))}</div>' for text in day.decisions]
    if not todo and not day.give and not day.either:
        return ""
    give = "".join(map(_item, day.give))
    if day.either:
        unsure = _("not certain, see below: {doses}").format(doses=listed(day.either))
        give += f'<div class="cap">{escape(unsure)}</div>'
    return (
        f"<tr><td class=date>{dated(day.date)}</td><td class=n>{day.phase_day}</td>"
        f"<td>{give}</td><td>{''.join(todo)}</td><td></td></tr>"
    )


def _item(row: Row) -> str:
    largest = _("(largest dose)")
    cap = f' <span class="cap">{escape(largest)}</span>' if row.capped else ""
    how = "; ".join(text for text in (row.computed, row.note) if text)
    return (
        f'<div class="item"><i class="box"></i>{_route(row.route or "")}<div><b>{escape(name(row.agent))}</b> '
        f'<span class="dose">{escape(dose_text(row))}</span>{cap}<br><span class="how">{_m2(how)}</span></div></div>'
    )


def _choice(choice: Choice) -> str:
    parts = []
    for number, branch in enumerate(choice.branches):
        parts.append(f'<p class="when">{_m2(choice.opening(number))}:</p>')
        for line in branch.lines:
            row = line[0]
            parts.append(
                f'<div class="item"><i></i>{_route(row.route or "")}<div><b>{escape(name(row.agent))}</b> '
                f'<span class="dose">{escape(dose_text(row))}</span>, {escape(when_given(line))}'
                f'<br><span class="how">{_m2("; ".join(t for t in (row.computed, row.note) if t))}</span></div></div>'
            )
    if choice.closing:
        parts.append(f'<p class="when">{choice.closing}.</p>')
    return f'<div class="choice">{"".join(parts)}</div>'


def _route(route: str) -> str:
    return f'<span class="route {escape(route)}">{escape(route)}</span>'


def _list(label: str, items: Iterable[str]) -> str:
    lines = "".join(f"<li>{_m2(_capital(item))}</li>" for item in items)
    return f'<p class="label">{label}</p><ul class="small">{lines}</ul>' if lines else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _m2(text: str) -> str:
    """Escaped, with superscripts and the signs that are printed for <=, >= and times: letters, no markup, so that a
    formula stays one piece in right-to-left text."""
    text = escape(text).replace("&lt;=", "≤").replace("&gt;=", "≥")
    return text.replace("m2", "m²").replace("10^9", "10⁹").replace(" x ", " × ")


def _short(row: Row) -> str:
    return dated(row.date).rsplit(" ", 1)[0]
