"""A patient of one's own: the form, and the page of a scenario."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from remission.knowledge.errors import BadInput

from . import who
from .figure import Figure
from .figures import burden, counts, course, relapse, rules
from .jobs import Results
from .language import _, language
from .plans import FIRST, Plans, plans
from .scenario import Scenario, said_once
from .scenes import Elsewhere, address, links, own, patient_of, read, results_of, scene
from .site import Site
from .store import stored_addresses
from .summary import LIVES

STREAM = "text/event-stream"


def routes(site: Site) -> list[BaseRoute]:
    """The form, the page of a scenario, and what it is told while patients are played."""

    def form(request: Request) -> Response:
        asked = dict(request.query_params)
        if "protocol" not in asked:
            return _form(site, request, {"protocol": FIRST})
        try:
            found = Scenario.from_form(said_once(request.query_params.multi_items()), site.knowledge)
        except BadInput as error:
            return _form(site, request, asked, error)
        return RedirectResponse(f"/{language()}" + address(found, **own(asked)), 303)

    def show(request: Request) -> Response:
        try:
            scenario = scene(request, site.knowledge)
        except Elsewhere as other:
            return other.answer()
        return shown(site, request, scenario)

    async def events(request: Request) -> Response:
        scenario = read(request, site.knowledge)
        if request.method == "HEAD":  # its head is all that was asked for: nothing is played, nothing stays open
            return Response(media_type=STREAM)
        told = _told(site, request, scenario)
        first = await anext(told)  # what is refused is refused before an answer begins
        return StreamingResponse(_with(first, told), media_type=STREAM)

    return [
        Route("/see", lambda request: RedirectResponse(f"/{language()}/see/", 301)),
        Route("/see/", form),
        Route("/see/{scenario}", show),
        Route("/see/{scenario}/events", events),
    ]


def _form(site: Site, request: Request, said: dict[str, str], error: BadInput | None = None) -> Response:
    return site.page(
        request, "see_form.html", status=400 if error else 200, said=said, error=error,
        plans=plans(site.knowledge), agents=site.knowledge.agents(), misses=(5, 10, 20, 50),
        offered=offered(site),
    )  # fmt: skip


def offered(site: Site) -> Plans:
    """Addresses and names of scenarios to begin with: of every protocol; of those that are stored, where the page is
    written as files."""
    if not site.still:
        return plans(site.knowledge)
    stored = [(path, path.partition("~")[0]) for path in stored_addresses()]
    there = (
        (group, tuple((path, name) for id, name in each for path, protocol in stored if protocol == id))
        for group, each in plans(site.knowledge)
    )
    return tuple((group, each) for group, each in there if each)


@dataclass(frozen=True)
class Part:
    """A part of the page under a heading."""

    id: str
    heading: str
    figures: tuple[Figure, ...]
    fold: str = ""  # words of a choice behind which it stands
    before: str = ""  # what is said before it is chosen


def shown(site: Site, request: Request, scenario: Scenario) -> Response:
    """The page of a scenario with as much as is played."""
    results = results_of(site, scenario)
    return fresh(_page(site, request, scenario, results, "see.html"), results)


def fresh(answer: Response, *results: Results) -> Response:
    """A page that still grows is not kept."""
    if not all(result.over for result in results):
        answer.headers["cache-control"] = "no-store"
    return answer


def _page(site: Site, request: Request, scenario: Scenario, results: Results, template: str) -> Response:
    patient = patient_of(request)
    specialist = request.query_params.get("view") == "specialist"
    parts = parts_of(site, results, patient, specialist) if results.summary else ()
    return site.page(
        request, template, figures=[figure for part in parts for figure in part.figures], parts=parts, results=results,
        scenario=scenario, facts=who.facts(scenario, site.knowledge), changes=who.changes(scenario), patient=patient,
        lives=LIVES, path=links(request, scenario),
        title=who.called(scenario), events=f"/{language()}" + address(scenario, "/events", **own(request.query_params)),
        unchanged=address(scenario.unchanged), changed=bool(scenario.without or scenario.miss),
        plans=plans(site.knowledge), agents=site.knowledge.agents(),
        misses=(5, 10, 20, 50), said=values_of(scenario), error=None,
    )  # fmt: skip


def parts_of(site: Site, results: Results, patient: int, specialist: bool) -> tuple[Part, ...]:
    """The figures of a scenario, in the order of the page."""
    summary = results.summary
    assert summary is not None
    knowledge = site.knowledge
    hard = not specialist and course.ends_badly(summary, patient)
    parts = [
        Part("one", _("The course of one patient"), (course.course(summary, patient, knowledge),),
             *((_("Show the course of this patient"), _("This virtual patient has a relapse, or dies. You decide "
                "whether you want to see it.")) if hard else ())),
        Part("many", _("Many patients like this one"), _there(
            course.thousand(summary, knowledge), counts.lowest(summary), counts.waits(summary))),
        Part("what-it-asks", _("What the treatment asks"), _there(
            burden.burden(summary, knowledge, specialist), burden.hardest(summary, knowledge, specialist),
            burden.spinal(summary), rules.rules(summary))),
    ]  # fmt: skip
    if specialist or (relapse.stands(summary, knowledge) and not observed_only(summary.scenario)):
        parts.append(Part("outlook", _("The outlook"), _there(
            relapse.hundred(summary, knowledge), relapse.behind(summary, knowledge), relapse.last_cell(summary)),
            _("Show the numbers of the outlook"), _("These are numbers about groups of patients. They do not say what "
            "will happen to one. You decide whether you want to see them, and your team can talk them over with "
            "you.")))  # fmt: skip
    return tuple(part for part in parts if part.figures)


def observed_only(scenario: Scenario) -> bool:
    """Are relapses of this change told from what was observed alone? Children who missed tablets were observed; the
    model does not bring about what was seen of them."""
    return any(agent == "mercaptopurine" for agent, _percent in scenario.miss)


def _there(*figures: Figure | None) -> tuple[Figure, ...]:
    return tuple(figure for figure in figures if figure is not None)


def values_of(scenario: Scenario) -> dict[str, str]:
    """What the form would hold."""
    said = {
        "protocol": scenario.protocol, "age": f"{scenario.age_years:g}", "sex": scenario.sex,
        "weight": f"{scenario.weight_kg:g}", "height": f"{scenario.height_cm:g}", "lineage": scenario.lineage,
        "cns": str(scenario.cns), "wbc": "" if scenario.wbc is None else f"{scenario.wbc:g}",
        "without": ",".join(name.replace(" ", ":") for name in scenario.without),
        "miss": ",".join(f"{agent}:{percent:g}" for agent, percent in scenario.miss),
        "ph": scenario.ph or "", "tpmt": scenario.tpmt or "", "nudt15": scenario.nudt15 or "",
        "donor": scenario.donor or "", "seed": "" if scenario.seed == 1 else str(scenario.seed),
    }  # fmt: skip
    return said


async def _told(site: Site, request: Request, scenario: Scenario) -> AsyncIterator[str]:
    """The figures anew whenever more patients are played, as server-sent events."""
    page = Request({**request.scope, "path": request.scope["path"].removesuffix("/events")})
    async for results in site.pool.follow(scenario):
        answer = await asyncio.to_thread(_page, site, page, scenario, results, "parts/see.html")
        lines = bytes(answer.body).decode().splitlines()
        yield f"event: {'done' if results.over else 'html'}\n" + "".join(f"data: {line}\n" for line in lines) + "\n"
        if await request.is_disconnected():
            return


async def _with(first: str, others: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for other in others:
        yield other
