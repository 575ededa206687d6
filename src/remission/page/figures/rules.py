"""How often the rules of a plan act: doses that they stop, lower, raise or leave out."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from .. import who
from ..figure import Figure, Table
from ..language import _, language, number
from ..reading import reading
from ..summary import Summary
from ..svg import axis
from ..svg.bars import Bar, Row, bars
from . import shared

ACTS = ("held", "reduced", "raised", "omitted", "stopped")  # what a rule does; the rest is the plan, or chance
SHOWN = 10
LEAST = 0.05  # share of the patients in whom a rule has acted, to be shown


def rules(summary: Summary) -> Figure | None:
    """Of the whole lives: in how many a rule acted on a medicine, and how often in each of these."""
    lives = summary.people.height
    found: dict[tuple[str, str], list[int]] = {}
    for agent, act, times in _acted(summary):
        found.setdefault((agent, act), []).append(times)
    rows = sorted(found.items(), key=lambda each: (-len(each[1]), each[0]))
    rows = [row for row in rows if len(row[1]) >= LEAST * lives][:SHOWN]
    if not rows:
        return None
    said: list[Row] = []
    table: list[tuple[str, float, float]] = []
    for (agent, act), acted in rows:
        name, share, mean = _named(agent, act), 100 * len(acted) / lives, sum(acted) / len(acted)
        words = _("{n} of 100, {times} times on average").format(n=number(round(share)), times=number(round(mean, 1)))
        said.append(Row(name, [Bar(share, words, "drug")]))
        table.append((name, float(round(share)), round(mean, 1)))
    finding = _("The rule that acts most often: {what}, in {n} of 100").format(
        what=_in_sentence(table[0][0]), n=number(table[0][1], 0)
    )
    return Figure(
        id="rules",
        finding=finding,
        svg=bars(finding, _("Bars: in how many patients a rule changed the doses of a medicine."),
                 axis.linear(0, 100, _("Of 100 patients")), said),
        reading=_("A rule of the plan changes a dose when counts or side effects say so. That is part of the "
                  "treatment."),
        table=Table((_("What a rule did"), _("Of 100 patients"), _("Times, in these patients")), tuple(table),
                    _("How often rules changed doses")),
        known=shared.predicted(_("The rules are those of the published plan. The counts are played.")),
        about=_("{n} virtual patients like {who}.").format(n=number(lives), who=who.called(summary.scenario)),
    )  # fmt: skip


def _acted(summary: Summary) -> Iterator[tuple[str, str, int]]:
    """Agent, act, and how many times in a life: days on which a dose was forgotten part no spell in two."""
    mine = summary.doses.filter(pl.col("reason") != "missed").sort("patient", "agent", "route", "day")
    before = pl.col("reason").shift().over("patient", "agent", "route")
    begun = mine.filter(pl.col("reason").is_in(ACTS) & (before.is_null() | (before != pl.col("reason"))))
    yield from begun.group_by("agent", "reason", "patient").len().select("agent", "reason", "len").sort(pl.all()).rows()


def _named(agent: str, act: str) -> str:
    says = {
        "held": _("{agent} (not given for a while)"), "reduced": _("{agent} (less than planned)"),
        "raised": _("{agent} (more than planned)"), "omitted": _("{agent} (left out)"),
        "stopped": _("{agent} (stopped for good)"),
    }  # fmt: skip
    return says[act].format(agent=reading(language()).title("agents", agent))


def _in_sentence(name: str) -> str:
    return name[:1].lower() + name[1:] if language() == "en" else name
