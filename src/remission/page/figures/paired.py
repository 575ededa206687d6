"""Two treatments beside each other: the same patients, the same chance."""

from __future__ import annotations

import polars as pl

from remission.knowledge.library import Library
from remission.knowledge.trial_file import Endpoint, days

from .. import who
from ..compared import compared
from ..figure import Figure, Known, Table
from ..language import _, language, number
from ..reading import reading
from ..summary import Summary
from ..svg import axis
from ..svg.bars import Bar, Row, bars
from ..svg.chart import Limit, Line, Panel, chart
from ..trust import trust
from . import shared
from .burden import OF_FEVERS, stands
from .relapse import share_at

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
    texts, rows = reading(language()), []
    table: list[tuple[str | float, ...]] = []
    one_sided: list[bool] = []
    for row in told:
        title = texts.title("side-effects", row["side_effect"])
        ends = ((row["any"], row["any_low"], row["any_high"], "first"),
                (row["any_b"], row["any_low_b"], row["any_high_b"], "second"))  # fmt: skip
        unknown = [not value and not _caused(row["side_effect"], summary, knowledge)
                   for summary, (value, *_rest) in zip((a, b), ends, strict=True)]  # fmt: skip
        one_sided.append(any(unknown))
        rows.append(Row(title, [
            Bar(100 * value, _("not in the model") if none else _("{n} of 100").format(
                n=shared.of_hundred(100 * value)), kind, 100 * low, 100 * high)
            for none, (value, low, high, kind) in zip(unknown, ends, strict=True)
        ]))  # fmt: skip
        shares = zip((*unknown, *unknown), (row[key] for key in ("any", "any_b", "severe", "severe_b")), strict=True)
        table.append((title, *(_("not in the model") if none else round(100 * share, 1) for none, share in shares)))
    apart = [
        k for k, row in enumerate(told) if row["any_low"] > row["any_high_b"] or row["any_low_b"] > row["any_high"]
    ]
    finding = _("No harm differs clearly between the two")
    if apart:
        name = str(table[apart[0]][0])
        first_share, second_share = (round(100 * told[apart[0]][key], 1) for key in ("any", "any_b"))
        finding = (
            _("The harm that differs most: {name}, in {n} of 100 with one of the two").format(
                name=name, n=number(max(first_share, second_share), 0))
            if one_sided[apart[0]]
            else _("The harm that differs most: {name}, {a} of 100 against {b} of 100").format(
                name=name, a=number(first_share, 0), b=number(second_share, 0))
        )  # fmt: skip
    return Figure(
        id="harms",
        finding=finding,
        svg=bars(finding, _("Two bars for each side effect."), axis.linear(0, 100, _("Of 100 patients, ever")), rows),
        reading=_("Upper bar: {first}. Lower bar: {second}.").format(first=names[0], second=names[1])
        + (" " + _("What is not in the model can still happen.") if any(one_sided) else ""),
        table=Table((_("Side effect"), *_columns(names)), tuple(table), _("Side effects of the whole treatment")),
        known=shared.predicted(_("Only side effects that were fitted to published numbers, or agree with them."))
        if not specialist else shared.predicted(),
        about=_("The same patients with the same chance in both.") + " " + who.about(a),
    )  # fmt: skip


def _caused(side_effect: str, summary: Summary, knowledge: Library) -> bool:
    """Does the model know a cause of it in this treatment: the body, or a medicine that is given?"""
    given = (knowledge.agent(name) for name in summary.doses["agent"].unique())
    return bool(knowledge.side_effect(side_effect).causes) or any(
        effect.on == side_effect for agent in given for effect in agent.effects
    )


def _columns(names: Names) -> list[str]:
    return [
        *(_("{name}: of 100").format(name=name) for name in names),
        *(_("{name}: severe, of 100").format(name=name) for name in names),
    ]


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


def burden(a: Summary, b: Summary, names: Names, knowledge: Library, specialist: bool) -> Figure | None:
    """Mean days in hospital, fevers, transfusions in both; to families those that stand."""
    fevers = specialist or all(stands(summary, knowledge) for summary in (a, b))
    called = {
        "days in hospital for side effects": _("Days in hospital for side effects"),
        "fevers": _("Fevers with low counts"),
        "red cell transfusions": _("Transfusions of red cells"),
        "platelet transfusions": _("Transfusions of platelets"),
        "lumbar punctures with treatment": _("Needles in the back with medicine"),
        "days with ANC below 0.5": _("Days with neutrophils below 0.5"),
    }
    if not fevers:
        called = {what: name for what, name in called.items() if what not in OF_FEVERS}
    means = [dict(s.burden.select("what", "mean").rows()) for s in (a, b)]
    both = [(name, means[0][what], means[1][what]) for what, name in called.items() if all(what in m for m in means)]
    if not both:
        return None
    top = max(max(row[1:]) for row in both)
    rows = [Row(name, [Bar(x, number(x, 1), "first"), Bar(y, number(y, 1), "second")]) for name, x, y in both]
    finding = _("Transfusions, needles, days of low counts")
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


def published(first: str, second: str, names: Names, knowledge: Library) -> Figure | None:
    """What one trial found of both protocols: the share that was free of relapse (or of any event) at one time."""
    found = _in_one_trial(first, second, knowledge)
    if found is None:
        return None
    trial, ends = found
    years = number(round(days(ends[0].at) / 365.25, 1))  # type: ignore[arg-type]
    since = ends[0].since_phase or {"remission": _("the remission")}.get(ends[0].since, _("the first day"))
    rows = []
    for name, end, kind in zip(names, ends, ("first", "second"), strict=True):
        half = 1.96 * end.se if end.se else None
        low, high = end.interval or ((end.value - half, min(100.0, end.value + half)) if half else (None, None))
        rows.append(Row(name, [Bar(end.value, _("about {n} of 100").format(n=number(end.value, 0)), kind, low, high)]))
    free = [round(end.value) for end in ends]
    finding = _("What a trial found after {years} years: free of relapse are {a} of 100, and {b} of 100").format(
        years=years, a=number(ends[0].value), b=number(ends[1].value)
    )
    return Figure(
        id="published",
        finding=finding,
        svg=bars(finding, _("Two bars with their intervals."),
                 axis.linear(0, 100, _("Of 100, so many without relapse")), rows),
        reading=_("With {first} about {a} of 100 had no relapse within {years} years; in {x} it came back or they "
                  "died. With {second} it was {b} and {y}.").format(
            first=names[0], second=names[1], years=years, a=number(free[0]), x=number(100 - free[0]),
            b=number(free[1]), y=number(100 - free[1])),
        table=Table((_("Treatment"), _("Free, of 100"), _("Standard error")),
                    tuple((n, e.value, e.se if e.se else _("not given")) for n, e in zip(names, ends, strict=True)),
                    _("{what}, {years} years from {since}").format(what=ends[0].what, years=years, since=since)),
        known=Known("published", _("{trial}, counted from {since}.").format(trial=trial, since=since),
                    tuple(dict.fromkeys(end.source for end in ends if end.source))),
        about=_("The patients of the trial. Any one patient may differ from them."),
    )  # fmt: skip


def _in_one_trial(first: str, second: str, knowledge: Library) -> tuple[str, tuple[Endpoint, Endpoint]] | None:
    """The name of a trial that published one survival without relapse, at one time, of both protocols."""
    for trial in map(knowledge.trial, knowledge.trials()):
        ends = [(arm.protocol, end) for arm, end in trial.endpoints() if end.read != "memory" and end.at is not None
                and arm.as_it_is and not end.among
                and end.what in ("event-free survival", "relapse-free survival")]  # fmt: skip
        for protocol, one in ends:
            for other_protocol, other in ends:
                same = (one.what, one.at, one.since, one.of) == (other.what, other.at, other.since, other.of)
                if (protocol, other_protocol) == (first, second) and first != second and same:
                    return trial.name, (one, other)
    return None


def differences(a: Summary, b: Summary, names: Names) -> Table | None:
    """Every measure of both whose difference is clear, patients compared with themselves."""
    rows = compared(a, b).filter(pl.col("clear"))
    if rows.is_empty():
        return None
    return Table(
        (_("What"), *names, _("Difference"), _("From"), _("To")),
        tuple(
            (f"{row['measure'].replace('_', ' ')} ({row['group']})",
             *(round(row[name], 2) for name in ("first", "second", "change", "change_low", "change_high")))
            for row in rows.iter_rows(named=True)
        ),
        _("Clear differences: the same patients in both, 95% limits"),
    )  # fmt: skip
