"""Two treatments beside each other: the same patients, the same chance."""

from __future__ import annotations

import polars as pl

from remission.knowledge.library import Library

from .. import who
from ..figure import Figure, Table
from ..language import _, language, number
from ..reading import reading
from ..summary import Summary
from ..svg import axis
from ..svg.bars import Bar, Row, bars
from ..svg.chart import Limit, Line, Panel, chart
from ..trust import trust
from . import shared
from .relapse import YEARS, counted, share_at

Names = tuple[str, str]
SHOWN = 10  # harms


def harms(a: Summary, b: Summary, names: Names, knowledge: Library, specialist: bool) -> Figure | None:
    """Side effects of the whole treatment in both, those that differ most first."""
    keys = ["side_effect", "any", "any_low", "any_high", "severe"]
    first, second = (s.side_effects_by_phase.filter(pl.col("phase") == "whole treatment").select(keys) for s in (a, b))
    both = first.join(second, on="side_effect", how="full", coalesce=True, suffix="_b").fill_null(0.0)
    both = both.with_columns(gap=(pl.col("any_b") - pl.col("any")).abs()).sort("gap", "any", descending=True)
    told = [
        row for row in both.iter_rows(named=True)
        if specialist or "untested" not in (trust(row["side_effect"], s, knowledge) for s in (a, b))
    ][:SHOWN]  # fmt: skip
    if not told:
        return None
    texts, rows, table = reading(language()), [], []
    for row in told:
        title = texts.title("side-effects", row["side_effect"])
        ends = ((row["any"], row["any_low"], row["any_high"], "first"),
                (row["any_b"], row["any_low_b"], row["any_high_b"], "second"))  # fmt: skip
        rows.append(Row(title, [
            Bar(100 * value, _("{n} of 100").format(n=number(round(100 * value))), kind, 100 * low, 100 * high)
            for value, low, high, kind in ends
        ]))  # fmt: skip
        table.append((title, round(100 * row["any"], 1), round(100 * row["any_b"], 1),
                      round(100 * row["severe"], 1), round(100 * row["severe_b"], 1)))  # fmt: skip
    finding = _("Harms: what each treatment costs")
    return Figure(
        id="harms",
        finding=finding,
        svg=bars(finding, _("Two bars for each side effect."), axis.linear(0, 100, _("Of 100 patients, ever")), rows),
        reading=_("Upper bar: {first}. Lower bar: {second}.").format(first=names[0], second=names[1]),
        table=Table((_("Side effect"), *_columns(names)), tuple(table), _("Side effects of the whole treatment")),
        known=shared.predicted(_("Only side effects that were fitted to published numbers, or agree with them."))
        if not specialist else shared.predicted(),
        about=_("The same patients with the same chance in both.") + " " + who.about(a),
    )  # fmt: skip


def _columns(names: Names) -> list[str]:
    return [
        *(_("{name}: of 100").format(name=name) for name in names),
        *(_("{name}: severe, of 100").format(name=name) for name in names),
    ]


def hundred(summary: Summary, years: float = YEARS) -> tuple[int, int, int, int] | None:
    """Of a hundred: free, relapsed, died without, never in remission."""
    parts = [share_at(summary, name, years) for name in ("relapse", "death in remission", "no remission")]
    values = [part[0] for part in parts if part]
    if len(values) < 3:
        return None
    free, relapse, died, resistant = counted([1 - sum(values), *values])
    return free, relapse, died, resistant


def time_course(a: Summary, b: Summary, names: Names) -> Figure:
    """Free of leukaemia over the years, and neutrophils, in both."""
    last = min(a.follow_up_years, b.follow_up_years) * 365.25
    kinds = ("first", "second")
    lines, counts = [], []
    for summary, kind, name in zip((a, b), kinds, names, strict=True):
        rows = summary.outcomes.filter((pl.col("event") == "event-free") & (pl.col("day") <= last)).sort("day")
        shares = [100 * share for share in rows["share"]]
        lines.append(Line(rows["day"].to_list(), shares, kind, name, step=True))
        anc = summary.bands.filter((pl.col("state") == "anc") & (pl.col("day") <= shared.treated_days(summary))).sort(
            "day"
        )
        counts.append(Line(anc["day"].to_list(), anc["q50"].to_list(), kind))
    finding = _("Both over time, patients side by side")
    table_rows = []
    for year in range(int(last / 365.25) + 1):
        first, second = (share_at(summary, "event-free", year) for summary in (a, b))
        if first and second:
            table_rows.append((float(year), round(100 * first[0], 1), round(100 * second[0], 1)))
    return Figure(
        id="over-time",
        finding=finding,
        svg=chart(
            finding, _("Two lines: patients free of leukaemia or other event, and neutrophils in the middle."),
            axis.time(0, last),
            [Panel(axis.linear(0, 100, _("Free of leukaemia, of 100")), lines, height=150),
             Panel(axis.linear(0, 8, _("Neutrophils of the patient in the middle, 10⁹ per litre")), counts,
                   limits=[Limit(0.5, _("below 0.5: very low"))], height=110)],
        ),
        reading=_("Where the two lines lie on each other, the change makes no difference that can be seen."),
        table=Table((_("Year"), *(_("{name}: free, of 100").format(name=name) for name in names)), tuple(table_rows),
                    _("Free of leukaemia or other event")),
        known=shared.predicted(),
        about=_("The same patients with the same chance in both.") + " " + who.about(a),
    )  # fmt: skip


def burden(a: Summary, b: Summary, names: Names) -> Figure | None:
    """Mean days in hospital, fevers, transfusions in both."""
    called = {
        "days in hospital for side effects": _("Days in hospital for side effects"),
        "fevers": _("Fevers with low counts"),
        "red cell transfusions": _("Transfusions of red cells"),
        "platelet transfusions": _("Transfusions of platelets"),
        "lumbar punctures with treatment": _("Needles in the back with medicine"),
        "days with ANC below 0.5": _("Days with neutrophils below 0.5"),
    }
    means = [dict(s.burden.select("what", "mean").rows()) for s in (a, b)]
    both = [(name, means[0][what], means[1][what]) for what, name in called.items() if all(what in m for m in means)]
    if not both:
        return None
    top = max(max(row[1:]) for row in both)
    rows = [Row(name, [Bar(x, number(x, 1), "first"), Bar(y, number(y, 1), "second")]) for name, x, y in both]
    finding = _("Days in hospital, fevers, transfusions, needles")
    return Figure(
        id="both-burden",
        finding=finding,
        svg=bars(finding, _("Two bars for each."), axis.linear(0, top, _("For one patient, on average")), rows),
        reading=_("Upper bar: {first}. Lower bar: {second}.").format(first=names[0], second=names[1]),
        table=Table((_("What"), *names), tuple((n, round(x, 2), round(y, 2)) for n, x, y in both),
                    _("By patient, on average")),
        known=shared.predicted(_("Planned days in hospital are not counted.")),
        about=_("The same patients with the same chance in both.") + " " + who.about(a),
    )  # fmt: skip
