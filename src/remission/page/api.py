"""The JSON interface, /api/v1: what the pages show, for programs. Errors are problem+json (RFC 9457).

A scenario is named as in the address of its page: its part of the path, what is changed as query. Reading never plays
anything; POST /runs does.
"""

# no `from __future__ import annotations`: FastAPI reads those of the functions that are made in functions

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

import polars as pl
from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remission.exchange.formats import Format, content, formats, writers
from remission.knowledge.errors import BadInput, nearest
from remission.knowledge.library import using
from remission.protocol.explain import explain
from remission.protocol.plan import Plan, plan
from remission.protocol.wording import condition_in_words, phase_in_words, protocol_in_words
from remission.trial.as_json import as_json
from remission.trial.sources import agents_of

from .compared import SCHEMA as COMPARED
from .compared import compared, pairs
from .jobs import Results
from .language import LANGUAGES, bare, language, say, speaking
from .scenario import LONGEST, MOST_PATIENTS, Scenario, read_known, said_once, typical
from .shelf import one
from .site import Site
from .store import stored_addresses
from .summary import LIVES, SCHEMAS, UNITS, Summary
from .unbroken import Unbroken

LARGEST_BODY = 10_000  # bytes of a request
KEPT = "public, max-age=300"
PROBLEM = "application/problem+json"



class Problem(BaseModel):
    """RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What is wrong, and what would be right.")


class Known(BaseModel):
    model_config = ConfigDict(extra="allow")


class Names(BaseModel):
    names: list[str]


class Status(BaseModel):
    """``state``: done (all patients are there), playing, waiting, failed, or unplayed."""

    scenario: str = Field(description="Its address.")
    state: Literal["done", "playing", "waiting", "failed", "unplayed"]
    patients: int = Field(description="Played so far.")
    of: int
    waiting: int = Field(0, description="Runs before it.")
    error: str = ""
    facts: dict[str, str | float | int] = Field(description="What the patients have in common.")
    without: list[str]
    miss: dict[str, float] = Field(description="Percent of the doses of an agent that are not taken.")
    follow_up_years: float | None = None
    links: dict[str, str]


class OneFormat(BaseModel):
    """A format of other tools: what can be written in it, and what reading it gives."""

    name: str
    title: str
    suffix: str = Field(description="Of its file; empty for a folder of files.")
    media: str
    out: list[str]
    into: str | None
    source: str = Field(description="Address of its specification.")
    limits: list[str]


class Formats(BaseModel):
    formats: list[OneFormat]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scenario: str = Field(max_length=2 * LONGEST, description="Address: cog-standard-risk~age4~f?without=vincristine")
    patients: int | None = Field(None, ge=1, description=f"At most {MOST_PATIENTS:,}.")


_JSON = {pl.String: str, pl.Boolean: bool, pl.Int8: int, pl.Int32: int, pl.Float32: float, pl.Float64: float}


def _rows_of(name: str, schema: Mapping[str, Any]) -> Any:
    """The type of the rows of a table."""
    columns: dict[str, Any] = {column: (_JSON[kind] | None, ...) for column, kind in schema.items()}
    return list[create_model(f"{name}_row", **columns)]  # type: ignore[misc]


def _table_of(name: str) -> type[BaseModel]:
    rows = _rows_of(name, SCHEMAS[name])
    return create_model(f"{name}_table", scenario=(str, ...), patients=(int, ...), of=(int, ...), rows=(rows, ...))


class About(BaseModel):
    scenario: str
    patients: int
    of: int


TOLD = ("bands", "outcomes", "side_effects", "side_effects_by_phase", "phases", "burden", "mrd", "drugs")
_TABLE: dict[str, type[BaseModel]] = {name: _table_of(name) for name in TOLD}
_COMPARISON: type[BaseModel] = create_model(
    "comparison", first=(About, ...), second=(About, ...), pairs=(int, ...), rows=(_rows_of("pair", COMPARED), ...)
)
_TOLD: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {PROBLEM: {}}, "description": HTTPStatus(status).phrase}
    for status in (400, 404, 413, 429)
}
_READ: dict[int | str, dict[str, Any]] = {status: _TOLD[status] for status in (400, 404)}


def _sent(one: Format) -> bool:
    """Is it one file that a server can write by itself?"""
    return bool(one.suffix) and not one.starts


def _file() -> dict[int | str, dict[str, Any]]:
    """What comes of asking for a calendar as a file."""
    media: dict[str, Any] = {one.media: {} for one in writers("plan") if _sent(one)}
    return _READ | {200: {"content": media, "description": "The file"}}


def mounted(site: Site) -> ASGIApp:
    """The application, to be mounted at /api/v1."""
    api = FastAPI(
        title="remission", version="1", docs_url=None, redoc_url=None, redirect_slashes=False,
        description="An executable model of how acute lymphoblastic leukaemia is treated. For research and teaching, "
        "not for decisions about a patient.",
    )  # fmt: skip
    api.add_exception_handler(BadInput, _refused)
    api.add_exception_handler(HTTPException, _failed)
    api.add_exception_handler(RequestValidationError, _invalid)
    _knowledge(api, site)
    _scenarios(api, site)
    _runs(api, site)
    wrong = "Something went wrong on our side"
    return _Heads(_Spoken(_Small(Unbroken(api, lambda scope: problem(500, wrong), "a request could not be answered"))))


# --- what is known ----------------------------------------------------------------------------

Name = Annotated[str, Path(max_length=100)]


def _knowledge(api: FastAPI, site: Site) -> None:
    known = site.knowledge

    @api.get("/protocols", response_model=Names)
    def protocols() -> Response:
        return _answer({"names": known.protocols()})

    @api.get("/protocols/{name}", response_model=Known, responses=_READ)
    def protocol(name: Name) -> Response:
        _listed(name, known.protocols(), "protocol")
        with using(known):
            read = read_known(name, known)
            phases = [{"id": phase.id, "name": phase_in_words(phase.name), "days": phase.days} for phase in read.phases]
            return _answer({
                "protocol": name, "name": protocol_in_words(read), "sources": read.sources,
                "plain": read.plain if language() == "en" else protocol_in_words(read, "plain"),
                "for": condition_in_words(read.eligible), "population": read.population, "phases": phases,
                "agents": agents_of(read), "typical": typical(name, known).address, "explained": explain(read),
            })  # fmt: skip

    @api.get("/agents", response_model=Names)
    def agents() -> Response:
        return _answer({"names": known.agents()})

    @api.get("/agents/{name}", response_model=Known, responses=_READ)
    def agent(name: Name) -> Response:
        _listed(name, known.agents(), "agent")
        return _answer(_said(known.agent(name), f"agents/{name}"))

    @api.get("/side-effects", response_model=Names)
    def side_effects() -> Response:
        return _answer({"names": known.side_effects()})

    @api.get("/side-effects/{name}", response_model=Known, responses=_READ)
    def side_effect(name: Name) -> Response:
        _listed(name, known.side_effects(), "side effect")
        return _answer(_said(known.side_effect(name), f"side-effects/{name}"))

    @api.get("/formats", response_model=Formats)
    def all_formats() -> Response:
        """The formats of other tools; those with `plan` in ``out`` are at /scenarios/{scenario}/plan/{name}."""
        return _answer({"formats": [
            {"name": name, "title": one.title, "suffix": one.suffix, "media": one.media, "out": list(one.of),
             "into": one.gives, "source": one.source, "limits": list(one.limits)}
            for name, one in formats().items()
        ]})  # fmt: skip

    @api.get("/sources", response_model=Names)
    def sources() -> Response:
        return _answer({"names": known.sources()})

    @api.get("/sources/{name}", response_model=Known, responses=_READ)
    def source(name: Name) -> Response:
        _listed(name, known.sources(), "source")
        found = known.source(name)
        return _answer(found.model_dump(mode="json") | {"source": name, "cite": found.cite()})


# --- scenarios --------------------------------------------------------------------------------


def _planned(site: Site, asked: Scenario, start: date) -> Plan:
    if not 1900 <= start.year <= 2200:
        raise BadInput(f"the treatment starts on {start}", remedy="Give a day of the years 1900 to 2200")
    with using(site.knowledge):
        return plan(asked.treatment(site.knowledge), start=start, **asked.facts)


def _scenarios(api: FastAPI, site: Site) -> None:
    def named(
        request: Request,
        scenario: Annotated[str, Path(max_length=LONGEST, examples=["cog-standard-risk~age4~f~16kg~102cm~b~cns1"])],
        without: Annotated[str, Query(max_length=LONGEST, description="vincristine,methotrexate:IT")] = "",
        miss: Annotated[str, Query(max_length=LONGEST, description="mercaptopurine:10")] = "",
        seed: Annotated[str, Query(max_length=20)] = "",
        patients: Annotated[str, Query(max_length=20)] = "",
    ) -> Scenario:
        asked = {"without": without, "miss": miss, "seed": seed, "patients": patients}
        asked = {key: value for key, value in asked.items() if value}
        return Scenario.read(scenario, said_once(request.query_params.multi_items()) | asked, site.knowledge)

    Named = Annotated[Scenario, Depends(named)]

    @api.get("/scenarios", response_model=Names)
    def scenarios() -> Response:
        """Those whose results are there at once."""
        return _answer({"names": stored_addresses()})

    @api.get("/scenarios/{scenario}", response_model=Status, responses=_READ)
    def scenario(asked: Named) -> Response:
        return _answer(_status(asked, site.pool.results(asked, begin=False)))

    @api.get("/scenarios/{scenario}/plan", response_model=Known, responses=_READ)
    def calendar(asked: Named, start: date) -> Response:
        """The calendar of this patient, the first dose on ``start``."""
        return _answer({"scenario": asked.address, "rows": _planned(site, asked, start).table()})

    @api.get("/scenarios/{scenario}/plan/{name}", response_class=Response, responses=_file())
    def calendar_as(asked: Named, name: Name, start: date) -> Response:
        """The same calendar as a file in a format of other tools (/formats)."""
        known = {one.name: one for one in writers("plan") if _sent(one)}
        _listed(name, list(known), "format of a calendar")
        with using(site.knowledge):
            held = content(_planned(site, asked, start), name, start=start)
        file = f'attachment; filename="{asked.protocol}-{start.isoformat()}{known[name].suffix}"'
        return Response(held, media_type=known[name].media, headers={"content-disposition": file})

    @api.get("/scenarios/{scenario}/lives/{patient}", response_model=Known, responses=_READ)
    def life(asked: Named, patient: Annotated[int, Path(ge=0, lt=LIVES)]) -> Response:
        """One of the patients: who it is, states, doses, tests, events."""
        summary = _there(site, asked)
        whole = summary.life(patient)
        if whole.people.is_empty():
            raise HTTPException(404, f"The run has no patient {patient}: {summary.patients} are played")
        return _answer(_about(summary) | {
            "patient": patient, "person": whole.people.to_dicts()[0], "states": whole.lives.drop("patient"),
            "doses": whole.doses.drop("patient"), "measurements": whole.measurements.drop("patient"),
            "events": whole.events.drop("patient"),
        })  # fmt: skip

    @api.get("/scenarios/{scenario}/days/{day}", response_model=Known, responses=_READ)
    def day(
        asked: Named,
        day: Annotated[int, Path(ge=0, le=3700, description="0 is the day of the first dose.")],
        patient: Annotated[int, Query(ge=0, lt=LIVES)] = 0,
    ) -> Response:
        """One day: of one patient what is given, tested and felt; of all of them the spread and the side effects."""
        summary = _there(site, asked)
        whole = summary.life(patient)
        on = (pl.col("day") <= day) & (pl.col("to_day") >= day)
        latest = pl.col("day") == pl.col("day").max()
        return _answer(_about(summary) | {
            "day": day, "patient": patient,
            "doses": whole.doses.filter(on).drop("patient"), "events": whole.events.filter(on).drop("patient"),
            "measurements": whole.measurements.filter(pl.col("day") == day).drop("patient"),
            "states": whole.lives.filter(pl.col("day") <= day).filter(latest.over("state")).drop("patient"),
            "bands": summary.bands.filter(pl.col("day") <= day).filter(latest.over("state")),
            "side_effects": summary.side_effects.filter(pl.col("week") == day // 7),
        })  # fmt: skip

    def answer(asked: Scenario, name: str, only: pl.Expr | None = None) -> Response:
        summary = _there(site, asked)
        rows = getattr(summary, name)
        return _answer(_about(summary) | {"rows": rows if only is None else rows.filter(only)})

    @api.get("/scenarios/{scenario}/bands", response_model=_TABLE["bands"], responses=_READ)
    def bands(asked: Named, state: Annotated[str, Query(max_length=100)] = "") -> Response:
        """Quantiles of the states week by week; of one ``state`` where it is named."""
        if state:
            _listed(state, list(UNITS), "state")
        return answer(asked, "bands", pl.col("state") == state if state else None)

    def of_side_effects(path: str, name: str) -> None:
        @api.get(f"/scenarios/{{scenario}}/{path}", response_model=_TABLE[name], responses=_READ, name=name)
        def effects(asked: Named, side_effect: Annotated[str, Query(max_length=100)] = "") -> Response:
            if side_effect:
                _listed(side_effect, site.knowledge.side_effects(), "side effect")
            return answer(asked, name, pl.col("side_effect") == side_effect if side_effect else None)

    def whole(name: str) -> None:
        @api.get(f"/scenarios/{{scenario}}/{name}", response_model=_TABLE[name], responses=_READ, name=name)
        def rows(asked: Named) -> Response:
            return answer(asked, name)

    of_side_effects("side-effects", "side_effects")
    of_side_effects("side-effects-by-phase", "side_effects_by_phase")
    for table in ("outcomes", "phases", "burden", "mrd", "drugs"):
        whole(table)

    @api.get("/compare/{first}/{second}", response_model=_COMPARISON, responses=_READ)
    def compare(
        first: Annotated[str, Path(max_length=2 * LONGEST)], second: Annotated[str, Path(max_length=2 * LONGEST)]
    ) -> Response:
        """Two scenarios beside each other, each as its whole address (? written as %3F). ``pairs``: how many patients
        are the same person with the same chance in both; of these the change has limits. Shares are percent."""
        both = [Scenario.of(one, site.knowledge) for one in (first, second)]
        a, b = (_there(site, one) for one in both)
        return _answer({"first": _about(a), "second": _about(b), "pairs": pairs(a, b), "rows": compared(a, b)})


def _about(summary: Summary) -> dict[str, Any]:
    return {"scenario": summary.scenario.address, "patients": summary.patients, "of": summary.scenario.patients}


def _status(scenario: Scenario, results: Results) -> dict[str, Any]:
    unplayed = results.summary is None and not results.key
    at = f"/api/v1/scenarios/{scenario.path}"
    query = f"?{scenario.query}" if scenario.query else ""
    links = {
        name: f"{at}/{name}{query}"
        for name in (table.replace("_", "-") for table in TOLD)
    }
    if results.key:
        links |= {"run": f"/api/v1/runs/{results.key}", "events": f"/api/v1/runs/{results.key}/events"}
    return {
        "scenario": scenario.address, "state": "unplayed" if unplayed else results.state, "patients": results.played,
        "of": results.of, "waiting": results.waiting, "error": results.error, "facts": scenario.facts,
        "without": list(scenario.without), "miss": dict(scenario.miss),
        "follow_up_years": results.summary.follow_up_years if results.summary else None, "links": links,
    }  # fmt: skip


def _there(site: Site, scenario: Scenario) -> Summary:
    """What has been played of it; 404 when nothing has."""
    summary = site.pool.results(scenario, begin=False).summary
    if summary is None:
        raise HTTPException(404, "This scenario has not been played. POST it to /api/v1/runs")
    return summary


# --- runs -------------------------------------------------------------------------------------


def _runs(api: FastAPI, site: Site) -> None:
    Key = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]

    @api.post("/runs", status_code=202, response_model=Status, responses={**_TOLD, 200: {"model": Status}})
    def run(asked: Asked) -> Response:
        """Play a scenario: 202 and where its progress is told, 200 when its results are there."""
        if asked.patients is not None and asked.patients > MOST_PATIENTS:
            raise HTTPException(413, f"{asked.patients:,} patients are too many: {MOST_PATIENTS:,} fit")
        scenario = Scenario.of(asked.scenario, site.knowledge)
        if asked.patients is not None:
            scenario = replace(scenario, patients=asked.patients)
        results = site.pool.results(scenario)
        answer = _answer(_status(scenario, results), 200 if results.done else 202)
        if results.key:
            answer.headers["location"] = f"/api/v1/runs/{results.key}"
        return answer

    def found(key: Key) -> Scenario:
        job = site.pool.job(key)
        if job is None:
            raise HTTPException(404, "There is no such run: it is over since long, or never was")
        return job.scenario

    Found = Annotated[Scenario, Depends(found)]

    @api.get("/runs/{key}", response_model=Status, responses=_READ)
    def state(asked: Found) -> Response:
        return _answer(_status(asked, site.pool.results(asked, begin=False)))

    @api.get("/runs/{key}/events", response_class=StreamingResponse, responses={
        **_READ, 200: {"content": {"text/event-stream": {}}, "description":
                       "Events progress, done, failed: a Status. Events bands: those of the patients played so far"}
    })  # fmt: skip
    async def events(
        asked: Found,
        state: Annotated[str, Query(max_length=100, description="Its bands come along as they grow: anc")] = "",
    ) -> Response:
        """Progress as server-sent events, until the run is over; with a ``state`` its bands so far before each."""
        if state:
            _listed(state, list(UNITS), "state")
        return StreamingResponse(_told(site, asked, state), media_type="text/event-stream",
                                 headers={"cache-control": "no-store"})  # fmt: skip


async def _told(site: Site, scenario: Scenario, state: str) -> AsyncIterator[str]:
    async for results in site.pool.follow(scenario, begin=False):
        if state and results.summary is not None:
            rows = results.summary.bands.filter(pl.col("state") == state)
            yield f"event: bands\ndata: {_text(_about(results.summary) | {'rows': rows})}\n\n"
        event = results.state if results.over else "progress"
        yield f"event: {event}\ndata: {json.dumps(_status(scenario, results))}\n\n"


# --- answers and errors -----------------------------------------------------------------------


def _answer(content: Any, status: int = 200) -> Response:
    growing = isinstance(content, dict) and ("state" in content or content.get("patients") != content.get("of"))
    keep = "no-store" if growing else KEPT
    return Response(_text(content), status, media_type="application/json", headers={"cache-control": keep})


def _text(content: Any) -> str:
    """JSON; tables as lists of objects."""
    if isinstance(content, dict) and any(isinstance(value, pl.DataFrame) for value in content.values()):
        parts = (
            f"{json.dumps(key)}:{value.write_json() if isinstance(value, pl.DataFrame) else as_json(value)}"
            for key, value in content.items()
        )
        return "{" + ",".join(parts) + "}"
    return bare(as_json(content))


def _said(entry: Any, id: str) -> Any:
    """What a knowledge file says for families, in the language that was asked for."""
    fields = [name for name in ("plain", "now", "watch", "care") if getattr(entry, name, None)]
    if language() == "en":
        return entry
    return entry.model_copy(update={name: say(f"{id}#{name}", one(getattr(entry, name))) for name in fields})


def _listed(name: str, known: list[str], what: str) -> None:
    """404 for a name that is not known."""
    if name not in known:
        near = nearest(name, known)
        told = f" Did you mean '{near}'?" if near else ""
        raise HTTPException(404, f"There is no such {what}.{told}")


def problem(status: int, detail: str, headers: Any = None) -> Response:
    """An error as RFC 9457 has it."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(content, status, media_type=PROBLEM, headers={"cache-control": "no-store", **(headers or {})})


def _refused(request: Request, error: Exception) -> Response:
    return problem(400, str(error))


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), error.headers)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])[:100]
    return problem(400, f"{where}: {first['msg']}" if where else str(first["msg"]))


class _Heads:
    """HEAD is answered by the head of what GET gives (RFC 9110 9.3.2); with it the answer ends, a stream's, too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        told = False

        async def heard() -> Message:
            return {"type": "http.disconnect"} if told else await receive()

        async def sent(message: Message) -> None:
            nonlocal told
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                told = True

        await self.app({**scope, "method": "GET"}, heard, sent)


class _Spoken:
    """``?language=de``: names and sentences in that language, where they are translated."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        keys = [value for name, value in asked if name == "language"]
        if not keys:
            await self.app(scope, receive, send)
        elif len(keys) > 1 or keys[0] not in LANGUAGES:
            told = f"language is one of: {', '.join(LANGUAGES)}"
            await problem(400, told)(scope, receive, send)
        else:
            rest = urlencode([(name, value) for name, value in asked if name != "language"])
            with speaking(keys[0]):
                await self.app({**scope, "query_string": rest.encode("latin-1")}, receive, send)


class _Small:
    """Requests larger than anything that is asked for are refused."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
            if len(body) > LARGEST_BODY:
                told = f"A request holds up to {LARGEST_BODY:,} bytes"
                await problem(413, told, {"connection": "close"})(scope, receive, send)
                return
        given = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def once() -> Message:
            return next(given, None) or await receive()

        await self.app(scope, once, send)
