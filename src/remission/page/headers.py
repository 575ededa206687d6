"""What is wrapped around every answer: headers that keep the page to itself, and files of figures by their address."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types remission"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_ABSOLUTE = re.compile(rb"^https?://[^/?#]*", re.IGNORECASE)
_FIGURE = re.compile(r"^(?P<page>/.*?)/figure/(?P<id>[a-z0-9_-]{1,80})\.(?P<kind>[a-z]{3,4})$")


class Headers:
    """Sets `HEADERS` on every answer, and lets pages be kept for a few minutes where nothing else was said."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope = origin_form(scope)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                kept = message["status"] < 300 or message["status"] == 304
                headers.setdefault("cache-control", "public, max-age=300" if kept else "no-cache")
            await send(message)

        await self.app(scope, receive, sent)


def origin_form(scope: Scope) -> Scope:
    """A target in absolute form (``GET http://host/en/``, RFC 9112 3.2.2) is that of its path, whatever its host."""
    path = _ABSOLUTE.sub(b"", scope.get("raw_path") or b"")
    if path == scope.get("raw_path"):
        return scope
    return {**scope, "raw_path": path or b"/", "path": unquote_to_bytes(path or b"/").decode(errors="replace")}


class FigureFiles:
    """``<page>/figure/<id>.csv`` is answered by the page itself, which knows its figures: see `Site.page`. Where the
    page is elsewhere, so is the file."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _FIGURE.match(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        page = found["page"] + ("/" if found["page"].count("/") == 1 else "")  # the first page of a language
        file = f"/figure/{found['id']}.{found['kind']}"

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                to, mark, query = headers.get("location", "").partition("?")
                if to and to.rstrip("/") != page:
                    headers["location"] = to.rstrip("/") + file + mark + query
            await send(message)

        await self.app({**scope, "path": page, "download": (found["id"], found["kind"])}, receive, sent)
