"""The front page: what this is, whom it is for, where to begin."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .site import Site


def routes(site: Site) -> list[BaseRoute]:
    """The front page alone."""

    def front(request: Request) -> Response:
        return site.page(request, "front.html")

    return [Route("/", front)]
