"""Two treatments side by side: the same patients, the same chance. And the form that asks what if."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from remission.knowledge.errors import BadInput

from . import who
from .figures import paired
from .figures.missed_tablets import missed_tablets
from .figures.relapse import YEARS, first_events, known, marks, stands
from .language import _, language
from .plans import FIRST, plans
from .scenario import Scenario, said_once
from .scenes import results_of
from .see import fresh, observed_only
from .site import Site

SEEDS = ("seed", "patients")


def routes(site: Site) -> list[BaseRoute]:
    """``/compare/A/B?without=...&miss=...``: the changes of the query are those of B."""

    def show(request: Request) -> Response:
        first, second = _both(request, site)
        canonical = f"/{language()}{address(first, second)}"
        query = request.query_params
        if request.scope["path"].split("/")[-2:] != [first.path, second.path]:
            view = "specialist" if query.get("view") == "specialist" else ""
            return RedirectResponse(
                canonical + (("&" if "?" in canonical else "?") + f"view={view}" if view else ""), 301
            )
        return _shown(site, request, first, second)

    def what_if(request: Request) -> Response:
        asked = dict(request.query_params)
        if "protocol" not in asked:
            return _form(site, request, asked)
        other = asked.pop("other", "").strip()
        try:
            said_once(request.query_params.multi_items())
            first = Scenario.from_form({k: v for k, v in asked.items() if k not in ("without", "miss")}, site.knowledge)
            changes = {k: asked[k] for k in ("without", "miss") if asked.get(k)}
            second = Scenario.read(
                _with_protocol(first, other or first.protocol), changes | _seeds(asked), site.knowledge
            )
            if first == second:
                raise BadInput(
                    _("nothing is changed"), remedy=_("Choose another treatment, or what is left out or missed")
                )
        except BadInput as error:
            return _form(site, request, dict(request.query_params), error)
        return RedirectResponse(f"/{language()}" + address(first, second), 303)

    return [Route("/what-if", what_if), Route("/compare/{a}/{b}", show)]


def address(first: Scenario, second: Scenario) -> str:
    """Below the language."""
    return f"/compare/{first.path}/{second.path}" + (f"?{second.query}" if second.query else "")


def _seeds(query: Mapping[str, str]) -> dict[str, str]:
    return {key: query[key] for key in SEEDS if query.get(key)}


def _with_protocol(scenario: Scenario, protocol: str) -> str:
    return replace(scenario, protocol=protocol).path


def _both(request: Request, site: Site) -> tuple[Scenario, Scenario]:
    query = said_once(request.query_params.multi_items())
    first = Scenario.read(request.path_params["a"], _seeds(query), site.knowledge)
    second = Scenario.read(request.path_params["b"], query, site.knowledge)
    if replace(second, protocol=first.protocol, without=(), miss=()) != first:
        raise BadInput(
            _("the two are not the same patient"),
            remedy=_("Write the same age, sex, size and type in both: only the treatment is compared"),
        )
    if first == second:
        raise BadInput(_("nothing is changed"), remedy=_("Choose another treatment, or what is left out or missed"))
    return first, second


def _form(site: Site, request: Request, said: Mapping[str, str], error: BadInput | None = None) -> Response:
    return site.page(
        request, "what_if.html", status=400 if error else 200, said={"protocol": FIRST} | dict(said),
        error=error, plans=plans(site.knowledge), agents=site.knowledge.agents(), misses=(5, 10, 20, 50),
        figures=[missed_tablets()],
    )  # fmt: skip


def _shown(site: Site, request: Request, first: Scenario, second: Scenario) -> Response:
    specialist = request.query_params.get("view") == "specialist"
    results = [results_of(site, scenario) for scenario in (first, second)]
    names = _names(site, first, second)
    observed = observed_only(second)
    figures, outlook, how, late, clear = [], [], None, [], None
    if (a := results[0].summary) is not None and (b := results[1].summary) is not None:
        figures = [figure for figure in (
            paired.harms(a, b, names, site.knowledge, specialist),
            paired.burden(a, b, names, site.knowledge, specialist),
        ) if figure is not None]  # fmt: skip
        if specialist or (stands(a, site.knowledge) and not observed):
            late = [paired.time_course(a, b, names)]
            ends = [(name, found[0]) for name, found in zip(names, map(first_events, (a, b)), strict=True) if found]
            outlook = [(name, marks(name, shares), shares) for name, shares in ends]
        how = known(a, site.knowledge)
        clear = paired.differences(a, b, names) if specialist else None
    trial = paired.published(first.protocol, second.protocol, names, site.knowledge)
    if trial is not None and not second.without and not second.miss:
        late.insert(0, trial)
    if observed:
        figures = [missed_tablets(), *figures]
    answer = site.page(
        request, "compare.html", figures=[*figures, *late], costs=figures, late=late, first=first, second=second,
        names=names, plans=tuple(who.treatment_name(scenario, site.knowledge) for scenario in (first, second)),
        title=who.called(first), changes=who.changes(second), outlook=outlook, years=YEARS,
        observed=observed, clear=clear, known=how, over=all(result.over for result in results),
        errors=[result.error for result in results if result.error],
    )  # fmt: skip
    return fresh(answer, *results)


def _names(site: Site, first: Scenario, second: Scenario) -> tuple[str, str]:
    one, other = (who.treatment_name(scenario, site.knowledge) for scenario in (first, second))
    if first.protocol == second.protocol:
        one, other = _("As planned"), _("Changed")
    return one, other
