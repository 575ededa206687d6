"""The pages that are read: what `reading` holds, in the frame of the page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from remission.knowledge.errors import BadInput

from .figure import Figure
from .language import language
from .pages import Page
from .reading import Reading, reading
from .site import Site


def routes(site: Site) -> list[BaseRoute]:
    """One route for every reading page: it must be the last."""

    def read(request: Request) -> Response:
        asked = request.path_params["id"]
        texts = reading(language())
        if asked != (id := asked.strip("/")) and id in texts.ids():
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"/{language()}/{id}{query}", 301)
        return answer(site, request, found(texts, asked))

    return [Route("/{id:path}", read)]


def found(texts: Reading, id: str) -> Page:
    """The page of that id. Raises 404 with the nearest one that there is."""
    try:
        return texts.page(id)
    except BadInput as error:
        if id in texts.ids():
            raise
        raise HTTPException(404, error.remedy) from error


def answer(site: Site, request: Request, page: Page, template: str = "read.html", **more: Any) -> Response:
    """A reading page with its figures."""
    specialist = request.query_params.get("view") == "specialist"
    blocks = [block for block in page.blocks if specialist or not block.specialist]
    figures = figures_of(site, (block.figure for block in blocks if block.figure))
    by_id = {figure.id: figure for figure in figures}
    texts = reading(page.language)
    crumbs = [texts.page(id) for id in page.crumbs]
    shown: dict[str, Any] = {"page": page, "blocks": blocks, "figure_of": by_id, "crumbs": crumbs}
    return site.page(request, template, figures=figures, **shown, **more)


def figures_of(site: Site, ids: Iterable[str]) -> list[Figure]:
    """The figures of these ids that can be made now."""
    return [figure for figure in map(site.figure, ids) if figure is not None]
