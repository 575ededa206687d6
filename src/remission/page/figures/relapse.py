"""How likely a relapse is, and when; when the last leukaemic cell is gone."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from remission.knowledge.credibility_file import credibility
from remission.knowledge.library import Library
from remission.knowledge.trial_file import Arm, Endpoint, Trial, days
from remission.protocol.reader import read_protocol

from .. import who
from ..figure import Figure, Known, Table
from ..language import _, ngettext, number
from ..summary import Summary
from ..svg import axis
from ..svg.bars import Bar, Row, bars
from ..svg.dots import Share, of_hundred
from . import shared

YEARS = 5.0
Limits = tuple[float, float, float]  # a share and its 95 % limits, 0 to 1


def share_at(summary: Summary, event: str, years: float) -> Limits | None:
    """Share and its 95 % limits, 0 to 1, at the recorded month nearest to so many years."""
    rows = summary.outcomes.filter(pl.col("event") == event)
    near = rows.sort((pl.col("day") - years * 365.25).abs())
    if near.is_empty() or abs(near["day"][0] - years * 365.25) > 31:
        return None
    return tuple(near.select("share", "low", "high").row(0))  # type: ignore[return-value]


def counted(shares: list[float]) -> list[int]:
    """Whole numbers that make 100, of shares that make 1 (largest remainders)."""
    whole = [int(100 * share) for share in shares]
    order = sorted(range(len(shares)), key=lambda i: whole[i] - 100 * shares[i])
    for i in order[: 100 - sum(whole)]:
        whole[i] += 1
    return whole


def published(protocol: str, knowledge: Library) -> tuple[str, Arm, Endpoint] | None:
    """What a trial of this protocol published of event-free survival, name of the trial first. A protocol also stands
    in for the plans of others: the trial of its name comes first, then one of its own patients, then what is nearest
    to five years. The present blind round is left out: nobody is to see it before it is played."""
    entered = credibility().present
    hidden = entered.trials if entered else ()
    found = [
        (trial, arm, endpoint)
        for trial in map(knowledge.trial, knowledge.trials())
        for arm, endpoint in trial.endpoints()
        if arm.protocol == protocol and arm.as_it_is and endpoint.what == "event-free survival"
        and trial.trial not in hidden
        and endpoint.read != "memory" and not endpoint.among
        and endpoint.at is not None and endpoint.since == "first dose"
    ]  # fmt: skip
    if not found:
        return None
    own = read_protocol(protocol, knowledge, checked=False).population

    def rank(each: tuple[Trial, Arm, Endpoint]) -> tuple[bool, bool, float]:
        trial, arm, endpoint = each
        mine = _letters(protocol)
        other_name = _letters(trial.trial) != mine and not _letters(trial.name).endswith(mine)
        other_people = (arm.population or trial.population) != own
        return other_name, other_people, abs(days(endpoint.at or "0 days") / 365.25 - YEARS)

    trial, arm, endpoint = min(found, key=rank)
    return trial.name, arm, endpoint


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def known(summary: Summary, knowledge: Library) -> Known:
    """What was published of the protocol, and how the played share stands to it."""
    said = published(summary.scenario.protocol, knowledge)
    if said is None:
        return shared.predicted(_("No published event-free survival of this plan is compared with it here."))
    trial, _arm, endpoint = said
    text = _("{trial} found {value} of 100 without relapse or other event after {years} years.").format(
        trial=trial,
        value=number(endpoint.value, 0),
        years=number(days(endpoint.at) / 365.25, 0),  # type: ignore[arg-type]
    )
    kind = "calibrated" if endpoint.used == "calibrate" else "predicted"
    return Known(kind, text, (endpoint.source,) if endpoint.source else ())  # type: ignore[arg-type]


def stands(summary: Summary, knowledge: Library) -> bool:
    """Is the played outlook one that a family may be shown: of a treatment whose outlook was fitted to a published one,
    or lies in its 95 % interval?"""
    said = published(summary.scenario.protocol, knowledge)
    if said is None:
        return False
    endpoint = said[2]
    if endpoint.used == "calibrate":
        return True
    half = 1.96 * endpoint.se if endpoint.se else None
    low, high = endpoint.interval or ((endpoint.value - half, endpoint.value + half) if half else (0.0, -1.0))
    played = share_at(summary, "event-free", days(endpoint.at) / 365.25)  # type: ignore[arg-type]
    return played is not None and low <= 100 * played[0] <= high


def first_events(summary: Summary, years: float = YEARS) -> tuple[list[Share], list[Limits]] | None:
    """Of a hundred: free of it, relapsed, died of something else, never in remission, with a second cancer first; of
    all but the first the share and its 95 % limits. Summaries kept before second cancers were played have none."""
    events = [share_at(summary, name, years) for name in ("relapse", "death in remission", "no remission")]
    second = share_at(summary, "second cancer", years) or (0.0, 0.0, 0.0)
    limits = [*(event for event in events if event), second]
    if len(limits) <= len(events):
        return None
    values = [share for share, _low, _high in limits]
    free, relapse, died, resistant, cancer = counted([1 - sum(values), *values])
    shares = [
        Share(free, _("alive and free of leukaemia"), "neutrophils"),
        Share(relapse, _("the leukaemia came back"), "leukaemia", "half"),
        Share(died, _("died without a relapse"), "other", "ring"),
        Share(resistant, _("never came to a remission"), "platelets", "pale"),
        Share(cancer, _("had another cancer first"), "second", "ring"),
    ]
    return shares, limits


def marks(title: str, shares: Sequence[Share]) -> str:
    """A mark for each of a hundred patients."""
    return of_hundred(title, _("A hundred marks, one for each patient."), [s for s in shares if s.count])


def hundred(summary: Summary, knowledge: Library, years: float = YEARS) -> Figure | None:
    """Of a hundred: free of it, relapsed, died of something else."""
    found = first_events(summary, years)
    if found is None:
        return None
    shares, limits = found
    free, relapse = (share.count for share in shares[:2])
    y = number(years)
    finding = _("Of 100 virtual patients, {free} are alive and free of leukaemia after {years} years").format(
        free=number(free), years=y
    )
    rows: tuple[tuple[str | float, ...], ...] = (
        (_("Free of it, all together"), float(free), "", ""),
        *((share.says, round(100 * p[0], 1), round(100 * p[1], 1), round(100 * p[2], 1))
          for share, p in zip(shares[1:], limits, strict=True)),
    )  # fmt: skip
    return Figure(
        id="of-hundred",
        finding=finding,
        svg=marks(finding, shares),
        reading=ngettext(
            "In {n} of 100 the leukaemia came back within {years} years; in {rest} of 100 it did not.",
            "In {n} of 100 the leukaemia came back within {years} years; in {rest} of 100 it did not.", relapse,
        ).format(n=number(relapse), rest=number(100 - relapse), years=y),
        table=Table((_("First event within {years} years").format(years=y), _("Of 100"), _("From"), _("To")), rows,
                    _("First events within {years} years, with 95% limits").format(years=y)),
        known=known(summary, knowledge),
        about=who.about(summary),
    )  # fmt: skip


def behind(summary: Summary, knowledge: Library) -> Figure | None:
    """The chance of a relapse within the years that follow, for those who had none so far."""
    free = {year: share_at(summary, "event-free", year) for year in range(int(summary.follow_up_years) + 1)}
    relapse = {year: share_at(summary, "relapse", year) for year in free}
    last = max((y for y in free if free[y] and relapse[y]), default=0)
    rows, table = [], []
    for year in range(last):
        now, then, later = free[year], relapse[year], relapse[last]
        if not (now and then and later) or now[0] <= 0:
            continue
        well = now[0] if year else 1.0  # who never comes to a remission is counted as an event on the first day
        ahead = 100 * (later[0] - then[0]) / well
        name = (
            _("At the start")
            if year == 0
            else ngettext("After {n} year without relapse", "After {n} years without relapse", year).format(
                n=number(year)
            )
        )
        rows.append(
            Row(name, [Bar(ahead, _("{n} of 100").format(n=_whole(ahead)), "leukaemia")])
        )
        table.append((name, round(ahead, 1), round(100 * well, 1)))
    if len(rows) < 2:
        return None
    start, end = table[0][1], table[-1][1]
    finding = _("At the start {start} of 100 have a relapse to come; after {years} years without one, {end} of 100"
                ).format(start=_whole(start), end=_whole(end), years=number(len(table) - 1))  # fmt: skip
    top = max(10.0, max(row[1] for row in table))
    return Figure(
        id="behind-us",
        finding=finding,
        svg=bars(finding, _("Bars that get shorter with every year without a relapse."),
                 axis.linear(0, top, _("Of 100 free so far: relapse by year {year}").format(year=number(last))),
                 rows),
        reading=_("Each bar counts only those who are still well at that time. What lies behind you counts for you."),
        table=Table((_("When"), _("Relapse still to come, of 100"), _("Free of any event so far, of 100")),
                    tuple(table), _("Relapse by year {year} among those without one so far").format(year=number(last))),
        known=known(summary, knowledge),
        about=who.about(summary),
    )  # fmt: skip


def _whole(of_hundred: float) -> str:
    """None of those who were played does not say that there is none."""
    return number(round(of_hundred)) if of_hundred >= 0.5 else _("fewer than 1")


def last_cell(summary: Summary) -> Figure | None:
    """When no leukaemic cell is left, by the quantiles of the patients."""
    rows = summary.bands.filter(pl.col("state") == "log10_blasts_marrow").sort("day")
    if rows.is_empty():
        return None
    said, table = [], []
    for share, name in ((5, "q05"), (25, "q25"), (50, "q50"), (75, "q75")):
        held = rows.filter(pl.col(name).is_not_null())["day"].max()
        gone = rows.filter(pl.col("day") > (held if isinstance(held, int) else -1))["day"].min()
        if not isinstance(gone, int):
            continue
        words = _("{months} months").format(months=number(gone / 30.44, 0 if gone > 91 else 1))
        said.append(Row(_("{n} of 100 patients").format(n=number(share)), [Bar(gone / 30.44, words, "leukaemia")]))
        table.append((float(share), float(gone + 1), round(gone / 30.44, 1)))
    if not said:
        return None
    n, months = table[-1][0], table[-1][2]
    finding = _("No test can see it: in {n} of 100 the last leukaemic cell is gone after {months} months").format(
        n=number(n), months=number(months, 0)
    )
    return Figure(
        id="last-cell",
        finding=finding,
        svg=bars(finding, _("Bars: months until no leukaemic cell is left."),
                 axis.linear(0, max(12.0, months), _("Months until no leukaemic cell is left")), said),
        reading=_("Nobody can measure this. So treatment goes on long after the tests are clear. And doctors speak of "
                  "cure only years later."),
        table=Table((_("Of 100 patients"), _("Day"), _("Months")), tuple(table),
                    _("When the last leukaemic cell was gone")),
        known=shared.predicted(_("Only a model can count the last cells; it was fitted to relapses, not to this.")),
        about=who.about(summary),
    )  # fmt: skip
