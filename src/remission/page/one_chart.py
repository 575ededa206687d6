"""One patient's chart, in the visitor's own session: read from what is sent, answered at once, kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import BoundedSemaphore
from typing import NamedTuple

import numpy as np
import polars as pl
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from remission.individual.chart import Problem
from remission.individual.fit import Effort
from remission.individual.forward import Facts
from remission.individual.maintenance import PROTOCOL
from remission.individual.reading import named_columns, read_text
from remission.individual.reasons import NO_RULE
from remission.individual.result import Result, examine
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library

from .figure import Figure, Known, Table
from .language import _, ngettext, number
from .plans import Plans, plans
from .site import Site
from .svg import axis
from .svg.chart import Band, Dot, Line, Mark, Panel, Zone, chart

MOST_BYTES = 200_000  # of what is sent
PLANS = (PROTOCOL, "cog-standard-risk", "bfm-standard", "ukall-2003", "nopho-all2008")  # offered
EFFORT = Effort(ensemble=120, walkers=64, steps=60, keep=600)
ONE = BoundedSemaphore(1)  # charts that are computed at a time
COUNTS = ("anc", "platelets", "haemoglobin")
LABELLED = (*COUNTS, "wbc")
SERIES = {"anc": "neutrophils", "platelets": "platelets", "haemoglobin": "haemoglobin"}
RANGES = {"age": (0.5, 90.0), "weight": (2.0, 200.0), "height": (40.0, 220.0)}


class _Asked(NamedTuple):
    text: str
    name: str
    facts: Facts
    protocol: str
    dates: str | None
    columns: dict[str, str]  # the table's own names by ours


def routes(site: Site) -> list[BaseRoute]:
    """The form, and what comes of a chart."""

    def form(request: Request) -> Response:
        if site.still:
            raise HTTPException(404, _("This page needs a running server."))
        return _shown(site, request, {}, None)

    async def sent(request: Request) -> Response:
        if site.still:
            raise HTTPException(404, _("This page needs a running server."))
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                told = BadInput(f"more than {MOST_BYTES:,} bytes", remedy="A chart of one patient is far shorter")
                return _private(_shown(site, request, {}, told, status=413))
        request._body = bytes(body)  # what `form` reads; it stays in memory
        said: dict[str, str] = {}
        try:
            async with request.form(max_files=1, max_fields=12, max_part_size=MOST_BYTES) as fields:
                said = {k: v for k, v in fields.items() if isinstance(v, str) and k != "text"}
                asked = await _asked(fields)
            return _private(await run_in_threadpool(_answer, site, request, said, asked))
        except BadInput as error:
            return _private(_shown(site, request, said, error, status=400))
        except HTTPException as error:
            if error.status_code != 400:
                raise
            told = BadInput("what was sent cannot be read", remedy="Choose a CSV file, or paste the table")
            return _private(_shown(site, request, said, told, status=400))

    return [Route("/chart", form, methods=["GET"]), Route("/chart", sent, methods=["POST"])]


def _private(answer: Response) -> Response:
    answer.headers["cache-control"] = "no-store"
    return answer


def _shown(
    site: Site, request: Request, said: Mapping[str, str], error: BadInput | None, status: int = 200
) -> Response:
    return site.page(
        request, "chart.html", status=status, said=said, error=error, plans=_plans(site.knowledge), result=None
    )


def _plans(knowledge: Library) -> Plans:
    """The plans that are offered, the usual one first."""
    grouped = ((group, [one for one in each if one[0] in PLANS]) for group, each in plans(knowledge))
    return tuple((group, tuple(sorted(each, key=lambda one: PLANS.index(one[0])))) for group, each in grouped if each)


async def _asked(fields: FormData) -> _Asked:
    """What was sent: a file, else what was pasted."""
    sent = fields.get("file")
    text, name = str(fields.get("text") or ""), "pasted"
    if isinstance(sent, UploadFile) and sent.size:
        name = Path(sent.filename or "chart").name[:60]
        try:
            text = (await sent.read()).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput("the file is not UTF-8 text", name, remedy="Save it as CSV, UTF-8") from error
    if not text.strip():
        raise BadInput("no chart was sent", remedy="Choose a file or paste the table")
    numbers = {key: _number(key, str(fields.get(key) or "")) for key in RANGES}
    sex = str(fields.get("sex") or "") or None
    protocol = str(fields.get("protocol") or PROTOCOL)
    if protocol not in PLANS or sex not in (None, "f", "m"):
        raise BadInput("that is none of the choices")
    facts = Facts(numbers["age"], sex, numbers["weight"], numbers["height"])
    pairs = re.split(r"[;,\n]", str(fields.get("columns") or "")[:400])
    columns = named_columns([pair for pair in pairs if pair.strip()])
    return _Asked(text, name, facts, protocol, str(fields.get("dates") or "") or None, columns)


def _number(key: str, text: str) -> float | None:
    if not text.strip():
        return None
    low, high = RANGES[key]
    try:
        value = float(text.replace(",", ".")[:20])
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise BadInput(f"{key} is '{text[:20]}'", remedy=f"A number from {low:g} to {high:g}")
    return value


def _answer(site: Site, request: Request, said: Mapping[str, str], asked: _Asked) -> Response:
    dates = asked.dates if asked.dates in ("ymd", "dmy", "mdy") else None
    text = asked.text.replace("\r\n", "\n").replace("\r", "\n")
    read = read_text(text, Path(asked.name), asked.columns, dates).require()
    if not ONE.acquire(blocking=False):
        raise HTTPException(429, _("Another chart is being computed. Try again in half a minute."))
    try:
        result = examine(read, asked.facts, protocol=asked.protocol, effort=EFFORT, knowledge=site.knowledge)
    finally:
        ONE.release()
    return site.page(
        request, "chart.html", said=said, error=None, plans=_plans(site.knowledge), result=result,
        problems=list(_problems(read.problems)), about=_about(result), changes=_changes(result),
        picture=_figure(result), forecast=_forecast(result, ("anc",)), patient=_patient(result), doses=_doses(result),
    )  # fmt: skip


# --- what is said -------------------------------------------------------------------------------


def _problems(problems: tuple[Problem, ...]) -> Iterator[str]:
    for problem in problems:
        yield str(problem)


def _about(result: Result) -> list[str]:
    visits, days = len(result.chart), result.chart.visits[-1].day
    said = [
        ngettext("{n} visit over {weeks} weeks was read.", "{n} visits over {weeks} weeks were read.", visits).format(
            n=number(visits), weeks=number(round(days / 7))
        )
    ]
    made = result.reasons.filter(pl.col("change") != "as before")
    by_rule = made.filter(pl.col("rule") != NO_RULE).height
    said.append(
        _("The doses changed {n} times; {m} of these changes are as a rule of the plan asks.").format(
            n=number(made.height), m=number(by_rule)
        )
    )
    row = result.parameters.filter(pl.col("number").str.starts_with("effect of mercaptopurine on neutrophils"))
    if row.height:
        found = row.row(0, named=True)
        said.append(
            _(
                "Mercaptopurine lowers the neutrophils of this patient about {times} times as much as those of a "
                "typical child in the model (somewhere from {low} to {high})."
            ).format(
                times=number(round(found["times typical"], 1)),
                low=number(round(found["90% low"], 1)),
                high=number(round(found["90% high"], 1)),
            )
        )
    last = result.forecast.filter(pl.col("count") == "anc").tail(1).row(0, named=True)
    said.append(
        _(
            "In {weeks} weeks, under the rules of the plan, the neutrophils are expected at about {middle} (9 of 10 "
            "times from {low} to {high}) × 10⁹/L."
        ).format(
            weeks=number(last["weeks"]),
            middle=number(round(last["median"], 1)),
            low=number(round(last["90% low"], 1)),
            high=number(round(last["90% high"], 1)),
        )
    )
    return said


def _name(count: str) -> str:
    return {
        "anc": _("Neutrophils, 10⁹ per litre"),
        "platelets": _("Platelets, 10⁹ per litre"),
        "haemoglobin": _("Haemoglobin, g per dL"),
        "wbc": _("White cells, 10⁹ per litre"),
    }[count]


def _digits(count: str) -> int:
    return {"platelets": 0, "haemoglobin": 1}.get(count, 2)


def _forecast(result: Result, counts: tuple[str, ...]) -> Table:
    rows: list[tuple[str | float, ...]] = []
    for row in result.forecast.filter(pl.col("count").is_in(counts)).iter_rows(named=True):
        d = _digits(row["count"])
        numbers = [round(row[name], d) for name in ("median", "50% low", "50% high", "90% low", "90% high")]
        rows.append((_name(row["count"]), row["weeks"], *numbers))
    columns = (_("Count"), _("Weeks ahead"), _("Middle"), _("Half of the time from"), _("to"),
               _("9 of 10 times from"), _("to"))  # fmt: skip
    return Table(columns, tuple(rows), _("What is expected"))


def _doses(result: Result) -> Table:
    rows: list[tuple[str | float, ...]] = [
        (f"{round(100 * row['dose'])} %", row["weeks"], round(row["median"], 2), round(row["90% low"], 2),
         round(row["90% high"], 2))
        for row in result.changed.iter_rows(named=True)
    ]  # fmt: skip
    columns = (_("Of the last dose"), _("Weeks ahead"), _("Neutrophils, middle"), _("9 of 10 times from"), _("to"))
    return Table(columns, tuple(rows), _("If both doses were changed, in the model"))


def _changes(result: Result) -> Table:
    words = {
        "held": _("not given"), "lowered": _("lowered"), "raised": _("raised"), "begun again": _("given again"),
        "as before": _("not changed"),
    }  # fmt: skip
    rows: list[tuple[str | float, ...]] = []
    for row in result.reasons.iter_rows(named=True):
        when = row["date"].isoformat() if row["date"] else _("day {n}").format(n=number(row["day"]))
        rule = _("no rule asks for it") if row["rule"] == NO_RULE else row["rule"]
        rows.append((when, words[row["change"]], row["doses"].replace("->", "→"), rule, row["why"]))
    columns = (_("Visit"), _("Dose"), _("mg a day, mg a week"), _("Rule of the plan"), _("Counts"))
    return Table(columns, tuple(rows), _("Every change of a dose"))


def _patient(result: Result) -> Table:
    rows: list[tuple[str | float, ...]] = [
        (row["number"], *(round(row[name], 2) for name in ("times typical", "90% low", "90% high", "population low",
         "population high")), f"{round(100 * row['told by the chart'])} %")
        for row in result.parameters.iter_rows(named=True)
    ]  # fmt: skip
    columns = (_("Number"), _("Times a typical patient"), _("from"), _("to"), _("Among people from"), _("to"),
               _("Told by the chart"))  # fmt: skip
    return Table(columns, tuple(rows), _("The patient in the model, with 90 % intervals"))


def _figure(result: Result) -> Figure:
    """The counts with what is expected, as the pictures of a patient."""
    read, ahead, posterior = result.chart, result.ahead, result.posterior
    days = [float(day) for day in read.days]
    later = [float(day) for day in ahead.days]
    panels: list[Panel] = []
    for k, name in enumerate(COUNTS):
        counted = read.column(name)
        if not np.isfinite(counted).any():
            continue
        middle = posterior.expected[:, k]
        spread = posterior.unrest.sd[:, k] * float(np.median(posterior.noise[:, k]))
        low, high = np.exp(middle - 1.645 * spread), np.exp(middle + 1.645 * spread)
        q = {x: [float(y) for y in ahead.quantile(x, name)] for x in (0.05, 0.25, 0.5, 0.75, 0.95)}
        top = max(float(np.nanmax(counted)), max(q[0.95])) * 1.05
        foot = 0.9 * min(float(np.nanmin(counted)), min(q[0.05]))
        kind = SERIES[name]
        panels.append(
            Panel(
                axis.linear(foot if name == "haemoglobin" else 0.0, top, _name(name)),
                [
                    Line(days, [float(x) for x in np.exp(middle)], kind, _("fitted") if not panels else ""),
                    Line(later, q[0.5], "second", _("expected") if not panels else "", dashed=True),
                ],
                [
                    Band(days, [float(x) for x in low], [float(x) for x in high], kind, pale=True),
                    Band(later, q[0.05], q[0.95], "second", pale=True),
                    Band(later, q[0.25], q[0.75], "second"),
                ],
                zones=[Zone(0.5, 1.5, _("aimed at"))] if name == "anc" else (),
                dots=[Dot(day, float(x), kind) for day, x in zip(days, counted, strict=True) if np.isfinite(x)],
                height=150 if name == "anc" else 110,
            )
        )
    finding = _("The counts of the chart, and what is expected after them")
    told = _("Dots are counted, the line is the fitted patient; after the last visit the middle and two bands.")
    return Figure(
        id="chart",
        finding=finding,
        svg=chart(finding, told, axis.time(0, later[-1]), panels, marks=[Mark(days[-1], _("last visit"))]),
        reading=told + " " + _("Half of the time counts lie in the darker band, 9 of 10 times in the paler one."),
        table=_forecast(result, tuple(LABELLED)),
        known=Known("predicted", _("How good such forecasts are is measured, with real and with virtual charts.")),
        about=_("One patient, fitted to this chart."),
    )

