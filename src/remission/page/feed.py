"""What is new: a page, and an Atom feed for readers and for letters by mail."""

from __future__ import annotations

import datetime
import hashlib
import xml.etree.ElementTree as xml

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .language import direction, html_tag, language, plain
from .language import gettext as _
from .lists import prose
from .read import answer
from .reading import Reading, reading
from .shelf import News
from .site import Site

ATOM = "http://www.w3.org/2005/Atom"


def routes(site: Site) -> list[BaseRoute]:
    """/news and /feed.atom."""

    def news(request: Request) -> Response:
        texts = reading(language())
        said = prose(texts, "news", _("What is new"), _("What has changed on this page, the newest first."))
        return answer(site, request, said, "news.html", news=texts.news, titles=_titles(texts))

    def feed(request: Request) -> Response:
        base = f"{request.url.scheme}://{request.url.netloc}/{language()}"
        return Response(atom(reading(language()), base), media_type="application/atom+xml")

    return [Route("/news", news), Route("/feed.atom", feed)]


def atom(texts: Reading, base: str) -> bytes:
    """The feed. Ids do not depend on the address under which it is read, so that a reader shows nothing twice."""
    xml.register_namespace("", ATOM)
    root = xml.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": html_tag(texts.language)})
    news = texts.news
    _put(root, "id", _urn(f"feed-{texts.language}"))
    _put(root, "title", _("remission: what is new"))
    _put(root, "updated", _moment(max((entry.date for entry in news), default=datetime.date(2026, 1, 1))))
    _put(root, "link", rel="self", href=f"{base}/feed.atom")
    _put(root, "link", rel="alternate", href=f"{base}/news")
    _put(xml.SubElement(root, f"{{{ATOM}}}author"), "name", "remission")
    for entry in news:
        each = xml.SubElement(root, f"{{{ATOM}}}entry")
        _put(each, "id", _urn(f"{texts.language}-{entry.id}"))
        _put(each, "title", entry.title)
        _put(each, "updated", _moment(entry.date))
        _put(each, "link", rel="alternate", href=f"{base}/{_about(entry)}")
        _put(each, "summary", entry.text)
    return xml.tostring(root, encoding="utf-8", xml_declaration=True)


def _about(entry: News) -> str:
    return entry.pages[0] if entry.pages else f"news#{entry.id}"


def _put(parent: xml.Element, name: str, text: str | None = None, **attributes: str) -> None:
    said = None if text is None else plain(text, direction() == "rtl")
    xml.SubElement(parent, f"{{{ATOM}}}{name}", attributes).text = said


def _moment(day: datetime.date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _urn(name: str) -> str:
    """A name-based UUID (RFC 9562, version 8: a hash of our own)."""
    digest = bytearray(hashlib.sha256(f"remission {name}".encode()).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    h = digest.hex()
    return f"urn:uuid:{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def _titles(texts: Reading) -> dict[str, str]:
    ids = set(texts.ids())
    return {id: texts.page(id).title for entry in texts.news for id in entry.pages if id in ids}
