"""The scenario of a request: read, canonical, its plan and its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library
from remission.protocol.plan import Plan, plan

from .jobs import Results
from .language import _, language
from .scenario import QUERY, Scenario, said_once
from .site import Site
from .summary import LIVES

STILL_DAYS = 35  # of each stored scenario that are written when the page is written as files
OWN = ("patient", "start", "months", "n", "view")  # keys of a query that are a page's and not the scenario's


class Elsewhere(Exception):
    """The address is not the canonical one: ``to`` is."""

    def __init__(self, to: str) -> None:
        self.to = to

    def answer(self) -> RedirectResponse:
        return RedirectResponse(self.to, 301)


def scene(request: Request, knowledge: Library, after: str = "") -> Scenario:
    """The scenario of ``/see/{scenario}`` + ``after``. Raises `Elsewhere` where its address is another one."""
    query = request.query_params
    found = read(request, knowledge)
    if (found.path, found.query) != (_asked(request), _said(query)):
        raise Elsewhere(f"/{language()}" + address(found, after, **own(query)))
    return found


def read(request: Request, knowledge: Library) -> Scenario:
    """The scenario of a request, canonical or not."""
    query = tuple((key, value) for key, value in request.query_params.multi_items() if key not in OWN)
    return _read(request.path_params["scenario"], query, knowledge)


@lru_cache(maxsize=512)
def _read(path: str, query: tuple[tuple[str, str], ...], knowledge: Library) -> Scenario:
    """Kept: whether a patient can be like this takes a tenth of a second to see, and pages are turned."""
    return Scenario.read(path, said_once(query), knowledge)


def _asked(request: Request) -> str:
    """The scenario's part of the path as it was sent (it may be percent-encoded)."""
    return str(request.path_params["scenario"])


def _said(query: Mapping[str, str]) -> str:
    return urlencode([(key, query[key]) for key in QUERY if query.get(key)], safe=":,")


def own(query: Mapping[str, str]) -> dict[str, str]:
    return {key: query[key] for key in OWN if key != "n" and query.get(key)}


def kept(request: Request) -> list[tuple[str, str]]:
    """What a form of the page has to carry along: the scenario's query and the page's own."""
    query = request.query_params
    return [(key, query[key]) for key in (*QUERY, *OWN) if key != "n" and query.get(key)]


def address(scenario: Scenario, after: str = "", **more: str) -> str:
    """Below the language: ``/see/...`` with the scenario's query and more of it."""
    query = "&".join(part for part in (scenario.query, urlencode(more)) if part)
    return f"/see/{scenario.path}{after}" + (f"?{query}" if query else "")


def links(request: Request, scenario: Scenario) -> Callable[..., str]:
    """Addresses of the scenario's pages as templates ask for them: ``path("/day/8", patient=2)``. What is the page's
    own goes along, but for the view, which `to` sees to."""
    mine = {key: value for key, value in own(request.query_params).items() if key != "view"}
    return lambda after="", **more: address(
        scenario, after, **(mine | {key: str(value) for key, value in more.items()})
    )


def results_of(site: Site, scenario: Scenario) -> Results:
    """What there is of a scenario. 404 for one that is not stored where the page is written as files."""
    results = site.pool.results(scenario)
    if site.still and results.summary is None:
        raise HTTPException(404, _("This patient is not among the stored ones."))
    return results


def patient_of(request: Request) -> int:
    """Which of the whole lives is shown, from 0; the address counts from 1."""
    text = request.query_params.get("patient", "1")
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= LIVES):
        raise BadInput("there is no such virtual patient", remedy=f"patient=1 to patient={LIVES}")
    return int(text) - 1


def start_of(request: Request, otherwise: date) -> date:
    """The first day of treatment that the query names."""
    text = request.query_params.get("start", "")
    if not text:
        return otherwise
    try:
        found = date.fromisoformat(text[:20])
    except ValueError:
        raise BadInput("the first day is no date", remedy="Write it as 2027-01-04") from None
    if not 1990 <= found.year <= 2100:
        raise BadInput(f"the year {found.year} is too far away", remedy="1990 to 2100")
    return found


def planned(scenario: Scenario, knowledge: Library, start: date) -> Plan:
    """The calendar of the scenario's patient as planned."""
    return _planned(scenario, knowledge, start, language())


@lru_cache(maxsize=64)
def _planned(scenario: Scenario, knowledge: Library, start: date, _language: str) -> Plan:
    return plan(scenario.treatment(knowledge), start=start, agent=knowledge.agent, **scenario.facts)
