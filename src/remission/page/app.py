"""The application: who answers which address."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePosixPath

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from remission.knowledge.errors import BadInput

from . import api, compare, day, feed, front, lists, month, one_chart, read, search, see
from .headers import FigureFiles, Headers
from .kept import Kept
from .language import LANGUAGES, gettext, preferred, speaking
from .site import Site, asset, static
from .unbroken import Unbroken

# each has routes(site): what is answered below /en/; read takes what is left
PARTS = (front, lists, feed, search, see, day, month, compare, one_chart, read)
MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}



def application(site: Site | None = None) -> Starlette:
    """The page, to be served by any ASGI server."""
    site = site or Site()
    below: list[BaseRoute] = [route for part in PARTS for route in part.routes(site)]
    routes: list[BaseRoute] = [
        Route("/", _first),
        Route("/static/{name}", _static),
        Route("/favicon.ico", _icon),
        Route("/robots.txt", _robots),
        Mount("/api/v1", api.mounted(site)),
        *(Route(f"/{tag}", RedirectResponse(f"/{tag}/", 301)) for tag in LANGUAGES),
        *(Mount(f"/{tag}", _Spoken(tag, Router(routes=below))) for tag in LANGUAGES),
    ]
    middleware = [
        Middleware(Headers),
        Middleware(Kept),
        Middleware(GZipMiddleware, minimum_size=600),
        Middleware(Unbroken, told=lambda scope: _said(site, Request(scope), 500), what="a page could not be made"),
        Middleware(FigureFiles),
    ]
    told = {BadInput: _refused, HTTPException: _failed}
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=told, lifespan=_life)
    app.state.site = site
    return app


@asynccontextmanager
async def _life(app: Starlette) -> AsyncIterator[None]:
    yield
    for end in app.state.site.at_end:
        end()


class _Spoken:
    """What stands below the address of a language is answered in it."""

    def __init__(self, tag: str, app: ASGIApp) -> None:
        self.tag, self.app = tag, app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with speaking(self.tag):
            await self.app(scope, receive, send)


# --- addresses outside a language -------------------------------------------------------------


def _first(request: Request) -> Response:
    """To the language that the browser asks for; nothing is kept of it."""
    to = RedirectResponse(f"/{preferred(request.headers.get('accept-language', ''))}/", 302)
    to.headers["vary"] = "accept-language"
    return to


def _static(request: Request) -> Response:
    """A file of static/ by the address that `asset` gives; an address of an older page leads to the newer file."""
    asked = request.path_params["name"]
    stem, _dot, rest = asked.partition(".")
    name = f"{stem}.{rest.rpartition('.')[2]}"
    media = MEDIA.get(PurePosixPath(name).suffix)
    try:
        held = static(name) if media and re.fullmatch(r"[a-z0-9-]+\.[a-z]+", name) else None
    except FileNotFoundError:
        held = None
    if held is None:
        raise HTTPException(404)
    if asset(name) != f"/static/{asked}":
        return RedirectResponse(asset(name), 302)
    return Response(held, media_type=media, headers={"cache-control": "public, max-age=31536000, immutable"})


def _icon(request: Request) -> Response:
    return RedirectResponse(asset("icon.svg"), 302)


def _robots(request: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /*/see/\nDisallow: /*/compare/\nDisallow: /api/\n")


# --- errors -----------------------------------------------------------------------------------


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadInput)
    return _said(request.app.state.site, request, 400, error)


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.scope["path"].startswith("/api/"):  # one that its routes do not match, as with a line break
        return api.problem(error.status_code, str(error.detail), error.headers)
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    return _said(request.app.state.site, request, error.status_code, headers=error.headers)


def _said(site: Site, request: Request, status: int, error: BadInput | None = None, headers: object = None) -> Response:
    tag = request.scope["path"].split("/")[1] if request.scope["path"].startswith("/") else ""
    with speaking(tag if tag in LANGUAGES else next(iter(LANGUAGES))):
        scope = {key: value for key, value in request.scope.items() if key != "download"}
        said = {
            400: gettext("This address cannot be read"),
            404: gettext("There is no page at this address"),
            405: gettext("This address is for reading only"),
            429: gettext("Too much is being computed just now"),
            500: gettext("Something went wrong on our side"),
        }
        heading = said.get(status, gettext("This did not work"))
        answer = site.page(Request(scope), "error.html", status=status, heading=heading, error=error, code=status)
    for name, value in (headers or {}).items() if isinstance(headers, dict) else ():
        answer.headers[name] = value
    return answer
