"""What the treatment asks of a patient: days in hospital, transfusions, needles; which weeks are hardest."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from remission.knowledge.library import Library

from .. import who
from ..figure import Figure, Table
from ..language import _, language, listed, ngettext, number
from ..reading import reading
from ..summary import Summary
from ..svg import axis
from ..svg.bars import Bar, Row, bars
from ..svg.strip import Strip, strips
from ..trust import trust
from . import shared

SHOWN = 8  # side effects in the strip
OF_FEVERS = ("fevers", "days in hospital for side effects")  # rows that rest on how many fevers are played
AS_HARD = 0.1  # phases whose burden differs by less than this part are called equally hard
CELLS = 40  # of a row: weeks that are shown together are so few that no more are needed


def stands(summary: Summary, knowledge: Library) -> bool:
    """May families be shown fevers, and the days in hospital that come of them?"""
    return trust("febrile_neutropenia", summary, knowledge) != "untested"


def burden(summary: Summary, knowledge: Library, specialist: bool = False) -> Figure | None:
    """Mean and spread of what each patient has to go through; to families what stands."""
    called = {
        "days in hospital for side effects": _("Days in hospital for side effects"),
        "fevers": _("Fevers with low counts"),
        "red cell transfusions": _("Transfusions of red cells"),
        "platelet transfusions": _("Transfusions of platelets"),
        "lumbar punctures with treatment": _("Needles in the back with medicine"),
        "days of waiting for counts": _("Days of waiting for counts"),
    }
    hidden = not specialist and not stands(summary, knowledge)
    if hidden:
        called = {what: name for what, name in called.items() if what not in OF_FEVERS}
    rows = [row for row in summary.burden.iter_rows(named=True) if row["what"] in called]
    if not rows:
        return None
    top = max(row["q95"] for row in rows)
    said, table = [], []
    for row in rows:
        name = called[row["what"]]
        words = _("{middle} ({low} to {high})").format(
            middle=number(row["q50"], 0), low=number(row["q05"], 0), high=number(row["q95"], 0)
        )
        said.append(Row(name, [Bar(row["q50"], words, "neutrophils", row["q05"], row["q95"])]))
        table.append((name, round(row["mean"], 1), row["q05"], row["q50"], row["q95"]))
    most = max(table, key=lambda row: row[3])
    finding = _("{what}: {n} for the patient in the middle").format(what=most[0], n=number(most[3], 0))
    return Figure(
        id="burden",
        finding=finding,
        svg=bars(finding, _("Bars for days in hospital, transfusions, fevers and punctures."),
                 axis.linear(0, top, _("How many, for the patient in the middle")), said),
        reading=_("The bar is the patient in the middle. Nine of ten patients lie on the line."),
        table=Table((_("What"), _("Mean"), _("5% have fewer"), _("Middle"), _("95% have fewer")), tuple(table),
                    _("By patient, whole treatment")),
        known=shared.predicted(
            _("Days in hospital and fevers are not shown: the model is not sure enough of them.") if hidden
            else _("Planned days in hospital are not counted.")
        ),
        about=who.about(summary),
    )  # fmt: skip


def spinal(summary: Summary) -> Figure | None:
    """Lumbar punctures by phase, from the whole lives, and the leukaemic cells that they keep down."""
    days = summary.doses.filter((pl.col("route") == "IT") & (pl.col("amount") > 0)).unique(["patient", "day"])
    if days.is_empty():
        return None
    lives = summary.people.height
    by_phase = days.group_by("phase").agg(pl.len().alias("n"), pl.col("day").min().alias("first")).sort("first")
    sums: dict[str, float] = {}
    for phase, n in by_phase.select("phase", "n").rows():
        name = _as_in_own_plan(phase, by_phase["phase"].to_list())
        sums[name] = sums.get(name, 0.0) + n / lives
    table = [(name, round(n, 1)) for name, n in sums.items()]
    total = days.height / lives
    finding = ngettext(
        "About {n} time medicine goes into the fluid around brain and spine",
        "About {n} times medicine goes into the fluid around brain and spine",
        round(total),
    ).format(n=number(round(total)))
    rows = [Row(name, [Bar(n, number(n), "drug")]) for name, n in table]
    return Figure(
        id="spinal",
        finding=finding,
        svg=bars(finding, _("Punctures by phase."), axis.linear(0, max(4.0, *(n for _n, n in table)),
                 _("Needles in the back, on average")), rows),
        reading=_("Most medicines reach brain and spine badly. Leukaemia can hide there. So medicine goes there, too."),
        table=Table((_("Phase"), _("Punctures with medicine")), tuple(table),
                    _("On average, by phase; about {n} in all").format(n=number(round(total)))),
        known=shared.predicted(_("The number follows the plan; some are put off or left out.")),
        about=_("{n} virtual patients like {who}.").format(n=number(lives), who=who.called(summary.scenario)),
    )  # fmt: skip


def _as_in_own_plan(phase: str, phases: list[str]) -> str:
    """A phase of another plan under the name that it has in the plan itself, where there is one, so that a bar is of
    all patients; ``Maintenance 1`` of the other is ``Maintenance`` here."""
    home, _colon, own = phase.rpartition(": ")
    for name in (own, own.rstrip(" 0123456789")) if home else ():
        if name in phases:
            return who.phase_name(name)
    return who.phase_name(phase)


def hardest(summary: Summary, knowledge: Library, specialist: bool = False) -> Figure | None:
    """Which weeks are hardest: how many have each side effect, week by week; of those that one feels, for families."""
    phases = shared.phases_of_most(summary)
    last = int(max((phase.end for phase in phases), default=0))
    weeks = summary.side_effects.filter(pl.col("week") * 7 <= last)
    names = weeks.group_by("side_effect").agg(pl.col("any").sum()).sort("any", descending=True)["side_effect"]
    texts, rows, table = reading(language()), [], []
    told = [n for n in names if texts.noticed(n) == "felt" and trust(n, summary, knowledge) != "untested"]
    shown = (list(names) if specialist else told)[:SHOWN]
    if not shown or not phases:
        return None
    by_week: dict[str, list[float]] = {}
    together = -(-(last // 7 + 1) // CELLS)
    edges = [7.0 * week for week in range(0, last // 7 + 1, together)] + [7.0 * (last // 7 + 1)]
    for name in shown:
        mine = dict(weeks.filter(pl.col("side_effect") == name).select("week", "any").rows())
        shares = [mine.get(week, 0.0) for week in range(last // 7 + 1)]
        peak = max(range(len(shares)), key=shares.__getitem__)
        title = texts.title("side-effects", name)
        says = _("most in week {week}: {n} of 100").format(week=number(peak + 1), n=number(round(100 * shares[peak])))
        cells = [max(shares[week : week + together]) for week in range(0, len(shares), together)]
        by_week[title] = shares
        rows.append(Strip(title, edges, cells, says))
        table.append((title, float(peak + 1), round(100 * shares[peak], 1)))
    scores = {phase.name: _mean(by_week.values(), phase.start, phase.end) for phase in phases}
    finding = _hardest(scores)
    return Figure(
        id="hardest",
        finding=finding,
        svg=strips(finding, _("A row for each side effect, darker in weeks in which more patients have it."),
                   axis.time(0, last), rows, phases),
        reading=_("The darker a week, the more patients have it in that week."),
        table=Table((_("Side effect"), _("Most in week"), _("Of 100 in that week")), tuple(table),
                    _("The week in which most patients have it")),
        known=shared.predicted(_("Only side effects that one feels, and that were fitted to published numbers or agree "
                                 "with them.")) if not specialist else shared.predicted(),
        phases=tuple(phases),
        about=who.about(summary),
    )  # fmt: skip


def _hardest(scores: dict[str, float]) -> str:
    """The phases in which most is borne at once: the worst, and those that are about as hard."""
    worst = [phase for phase, score in scores.items() if score >= (1 - AS_HARD) * max(scores.values())]
    if len(worst) == 1:
        return _("{phase} is the hardest time").format(phase=worst[0])
    return _("{phases} and {last} are the hardest times").format(phases=listed(worst[:-1]), last=worst[-1])


def _mean(by_week: Iterable[list[float]], start: float, end: float) -> float:
    """Side effects that a patient has at once, on average over the weeks of a phase."""
    first, last = int(start) // 7, max(int(start) // 7 + 1, int(end) // 7)
    return sum(sum(shares[first:last]) for shares in by_week) / (last - first)
