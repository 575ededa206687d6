"""Pages that list what there is: words, organisations, every page, every source."""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from remission.knowledge.errors import BadInput

from .language import gettext as _
from .language import language
from .pages import Page
from .read import answer
from .reading import Reading, reading
from .site import Site

OTHER = "0-9"
ROOMS = ("treatment/chemotherapy", "side-effects", "symptoms", "stories")


def routes(site: Site) -> list[BaseRoute]:
    """/glossary, /help, /index, /sources, /sources/letter/A and /sources/KEY."""

    def glossary(request: Request) -> Response:
        texts = reading(language())
        words = sorted(texts.glossary.items(), key=lambda each: each[1].word.lower())
        said = prose(texts, "glossary", _("Words explained"), _("The words that doctors and nurses use."))
        return answer(site, request, said, "glossary.html", words=words)

    def help(request: Request) -> Response:
        texts = reading(language())
        said = prose(texts, "help", _("Where to find help"), _("Organisations that help families and patients."))
        known = sorted(texts.organisations, key=lambda o: (o.country, o.name))
        countries = {country: list(each) for country, each in groupby(known, lambda o: o.country)}
        return answer(site, request, said, "help.html", countries=countries)

    def all_pages(request: Request) -> Response:
        return site.page(request, "index.html", groups=grouped(reading(language())))

    def live(request: Request) -> Response:
        return site.page(request, "live.html")

    @lru_cache(maxsize=1)
    def by_letter() -> dict[str, list[tuple[str, str]]]:
        named = ((site.knowledge.source(key).cite(), key) for key in site.knowledge.sources())
        ordered = sorted(named, key=lambda each: _plain(each[0]))
        return {letter: list(each) for letter, each in groupby(ordered, lambda each: _letter(_plain(each[0])))}

    def sources(request: Request) -> Response:
        """The letters; or all of one letter, since all together would be too heavy for a page."""
        letter = request.path_params.get("letter")
        if letter is not None and letter not in by_letter():
            raise HTTPException(404)
        return site.page(request, "sources.html", letters=by_letter(), letter=letter)

    def source(request: Request) -> Response:
        key = request.path_params["key"]
        try:
            known = site.knowledge.source(key)
        except BadInput as error:
            raise HTTPException(404, error.remedy) from error
        texts = reading(language())
        pages = [texts.page(id) for id in _cited_by(texts).get(key, ())]
        return site.page(request, "source.html", key=key, known=known, pages=pages)

    return [
        Route("/glossary", glossary),
        Route("/help", help),
        Route("/index", all_pages),
        *([Route("/live", live)] if site.still else ()),
        Route("/sources", sources),
        Route("/sources/letter/{letter}", sources),
        Route("/sources/{key}", source),
    ]


def prose(texts: Reading, id: str, title: str, summary: str) -> Page:
    """The page of that id that stands above a list; a bare one where none is written."""
    if id in texts.ids():
        return texts.page(id)
    newest = max((card.looked for card in texts.cards.values()), default=datetime.date.today())
    return Page(id, texts.language, title, summary, newest, ())


def grouped(texts: Reading) -> list[tuple[str, list[Page]]]:
    """All pages under what they are, by title; reading pages in the order of their addresses."""
    pages = list(texts.pages())
    groups = [(_("To read"), [page for page in pages if not _room(page.id)])]
    names = dict(zip(ROOMS, (_("Medicines"), _("Side effects"), _("Signs"), _("Stories")), strict=True))
    for room, name in names.items():
        groups.append((name, sorted((p for p in pages if _room(p.id) == room), key=lambda page: page.title.lower())))
    return [(name, group) for name, group in groups if group]


def _room(id: str) -> str | None:
    return next((room for room in ROOMS if id.startswith(room + "/")), None)


def _plain(text: str) -> str:
    """Small letters without accents, to sort by."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


def _letter(plain: str) -> str:
    return plain[:1] if plain[:1].isalpha() else OTHER


_citing: dict[str, dict[str, list[str]]] = {}


def _cited_by(texts: Reading) -> dict[str, list[str]]:
    """The ids of the pages that cite a source."""
    if texts.language not in _citing:
        _citing[texts.language] = _turned(texts.pages())
    return _citing[texts.language]


def _turned(pages: Iterable[Page]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for page in pages:
        for key in page.references:
            out.setdefault(key, []).append(page.id)
    return out
