"""When in the treatment a side effect is seen: of a hundred patients, how many have it in each week."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from remission.knowledge.library import Library
from remission.knowledge.side_effect import Published
from remission.knowledge.trial_file import Endpoint, days

from .. import who
from ..figure import Figure, Known, Table
from ..language import _, in_a_row, language, ngettext, number
from ..reading import reading
from ..site import Site
from ..summary import Summary
from ..svg import axis
from ..svg.chart import Line, Panel, chart
from ..trust import trust
from . import shared, stored

USUAL = ("cog-standard-risk", "bfm-standard", "cog-high-risk", "d-alba", "forum-tbi", "tower", "eliana", "ino-vate")
SHOWN = 0.0005  # share above which a week is part of the picture
STAYS = 0.75  # part of the highest share in the last week from which on a side effect is one that stays
TAIL = 0.1  # of its highest share: below it the picture ends
AFTER = 4  # weeks that are shown after the last one


def weeks(site: Site, name: str) -> Figure | None:
    """The share with a side effect week by week, of a cohort in which it was fitted to a published number or agrees
    with one; None where there is no such cohort: untested shares are not shown to families."""
    if name not in site.knowledge.side_effects():
        return None
    for protocol in _protocols(site.knowledge, name):
        summary = stored.cohort(site, protocol)
        if summary is None or trust(name, summary, site.knowledge) == "untested":
            continue
        rows = summary.side_effects.filter((pl.col("side_effect") == name) & (pl.col("any") > SHOWN)).sort("week")
        if rows.height:
            return _figure(site.knowledge, name, summary, rows)
    return None


def _figure(knowledge: Library, name: str, summary: Summary, rows: pl.DataFrame) -> Figure:
    title = reading(language()).title("side-effects", name)
    found = {week: (share, severe) for week, share, severe in rows.select("week", "any", "severe").rows()}
    phases = shared.phases_of_most(summary, followed=True)
    highest = max(share for share, _severe in found.values())
    last = max(week for week, (share, _severe) in found.items() if share >= TAIL * highest)
    last += 0 if _stays(found) else AFTER
    every = range(last + 1)
    some, severe = ([100 * found.get(week, (0.0, 0.0))[i] for week in every] for i in (0, 1))
    peak = max(every, key=some.__getitem__)
    most = shared.of_hundred(some[peak])
    whole = summary.side_effects_by_phase.filter(
        (pl.col("phase") == "whole treatment") & (pl.col("side_effect") == name)
    )  # fmt: skip
    ever = 100 * float(whole["any"][0]) if whole.height else max(some)
    if _stays(found):
        finding = _("{name}: it comes and stays; in week {week}, {n} of 100 who are followed then have it")
    else:
        finding = _("{name}: commonest in week {week}, when {n} of 100 have it")
    finding = finding.format(name=title, week=number(peak + 1), n=most)
    x = [7.0 * week for week in range(last + 2)]
    step = max(1, (last + 1) // 40)
    table: list[tuple[str | float, ...]] = [
        (float(week + 1), shared.of_hundred(some[week]), shared.of_hundred(severe[week])) for week in every
        if week % step == 0 or week == peak
    ]  # fmt: skip
    worst = shared.of_hundred(100 * float(whole["severe"][0])) if whole.height else ""
    table.append((_("At any time, by the model"), shared.of_hundred(ever), worst))
    shown = [phase for phase in phases if phase.start < x[-1]]
    return Figure(
        id=f"weeks-{name}",
        finding=finding,
        svg=chart(
            finding, _("The share of patients who have it, week by week, under the phases of treatment."),
            axis.time(0, x[-1]),
            Panel(axis.linear(0, max(1.0, *some), _("Of 100 patients, with it that week")),
                  [Line(x, [*some, some[-1]], "leukaemia", _("any grade"), step=True),
                   Line(x, [*severe, severe[-1]], "other", _("severe (grade 3 or more)"), step=True, dashed=True)],
                  height=130),
            shown,
        ),
        reading=_("The line says how many have it in each week; the dashed line, how many have it badly."),
        table=Table((_("Week"), _("Of 100 have it"), _("Severe")), tuple(table), _("Week by week")),
        known=_known(knowledge, name, summary),
        about=who.about(summary),
        phases=tuple(shown),
    )  # fmt: skip


def _stays(found: dict[int, tuple[float, float]]) -> bool:
    """Does it last: is the share at the end still near its highest?"""
    return found[max(found)][0] >= STAYS * max(share for share, _severe in found.values()) and len(found) > AFTER


# --- how it is known --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Said:
    """What was published of it: the study, in which time, percent, of which grade; was the model fitted to it?"""

    protocol: str
    study: str
    when: str
    value: float
    grade: int
    calibrated: bool
    source: str | None


def _published(knowledge: Library, name: str) -> list[_Said]:
    """Published incidences that were read, those that the model was fitted to first."""
    out = [_said(one) for one in knowledge.side_effect(name).published if one.read != "memory"]
    for trial in map(knowledge.trial, knowledge.trials()):
        for arm, endpoint in trial.endpoints():
            if endpoint.side_effect == name and endpoint.read != "memory" and endpoint.unit == "percent":
                out.append(_of_trial(trial.name, arm.protocol, endpoint))
    return sorted(out, key=lambda said: not said.calibrated)


def _said(one: Published) -> _Said:
    when = [_("in {phase}").format(phase=in_a_row(*one.in_phases))] if one.phase else []
    when += [_within(one.within_days)] if one.within_days else []
    return _Said(one.protocol, one.name, in_a_row(*when), one.value, one.grade, one.used == "calibrate", one.source)


def _of_trial(trial: str, protocol: str, endpoint: Endpoint) -> _Said:
    span = endpoint.within or endpoint.at
    when = _within(days(span)) if span else ""
    fitted = endpoint.used == "calibrate"
    return _Said(protocol, trial, when, endpoint.value, endpoint.grade or 1, fitted, endpoint.source)


def _within(span: float) -> str:
    """``span`` in days."""
    n = max(1, round(span))
    return ngettext("within one day", "within {count} days", n).format(count=number(n))


def _protocols(knowledge: Library, name: str) -> Iterator[str]:
    """The protocols in the order in which their cohorts are tried: those of the published numbers first."""
    own = [said.protocol for said in _published(knowledge, name)]
    yield from dict.fromkeys([*own, *USUAL])


def _known(knowledge: Library, name: str, summary: Summary) -> Known:
    """The published number that the model was fitted to, or that it agrees with."""
    published = _published(knowledge, name)
    mine = [said for said in published if said.protocol == summary.scenario.protocol]
    said = next((one for one in [*mine, *published] if one.calibrated), None) or next(iter(mine or published), None)
    if said is None:
        return shared.predicted()
    grade = _("grade {grade} or more").format(grade=number(said.grade)) if said.grade > 1 else _("any grade")
    text = _("Published: {n} of 100 had it, {rest} had not ({details}).").format(
        n=shared.of_hundred(said.value), rest=shared.of_hundred(100 - max(1, round(said.value))),
        details=in_a_row(*(part for part in (said.study, said.when, grade) if part)),
    )  # fmt: skip
    text += " " + (_("The model was fitted to it.") if said.calibrated else _("The model agrees with it, unfitted."))
    return Known("calibrated" if said.calibrated else "predicted", text, (said.source,) if said.source else ())
