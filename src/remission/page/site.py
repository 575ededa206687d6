"""What all pages share: the knowledge, the templates, the files that go with them; and how a page is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jinja2
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from remission.knowledge.library import Library, library

from ..locale.marks import unbroken
from . import language
from .figure import Figure
from .reading import reading
from .shelf import Card

if TYPE_CHECKING:
    from .jobs import Pool
from .headers import POLICY

HERE = Path(__file__).parent
STATIC = HERE / "static"
DOWNLOADS: dict[str, tuple[str, Callable[[Figure], str]]] = {
    "csv": ("text/csv; charset=utf-8", Figure.as_csv),
    "svg": ("image/svg+xml", Figure.as_svg),
    "json": ("application/json", Figure.as_json),
}


class Site:
    """One for the life of the application; each module that has ``routes`` is given it."""

    def __init__(self, knowledge: Library | None = None, still: bool = False) -> None:
        self.knowledge = knowledge or library()
        self.still = still  # written as files: nothing can be asked of a server
        self._lock = Lock()
        self._makers = ThreadPoolExecutor(2, "figure")
        self._figures: dict[tuple[str, str], Future[Figure | None]] = {}
        self.at_end: list[Callable[[], object]] = [partial(self._makers.shutdown, wait=False)]  # when the server stops

    @cached_property
    def pool(self) -> Pool:
        """Scenarios that are played, and the results that are kept; for files nothing is played."""
        from .jobs import WORKERS, Pool
        from .store import Store, default_folder

        store = Store(None if self.still else default_folder(), self.knowledge)
        pool = Pool(store, workers=0 if self.still else WORKERS)
        self.at_end.append(pool.close)
        return pool

    def figure(self, id: str, patience: float | None = None) -> Figure | None:
        """The figure of that id (`figures.maker`) in the language that is spoken, made once; None where it cannot be
        made now, or not within ``patience`` seconds (it is made on)."""
        from .figures import maker

        make = maker(id)
        if make is None:
            return None
        key = (id, language.language())
        with self._lock:
            if key not in self._figures:
                inside = copy_context()  # the language goes along
                self._figures[key] = self._makers.submit(inside.run, make, self)
            making = self._figures[key]
        try:
            made = making.result(patience)
        except TimeoutError:
            return None
        except BaseException:
            self._figures.pop(key, None)
            raise
        if made is None:
            self._figures.pop(key, None)
        return made

    @cached_property
    def templates(self) -> jinja2.Environment:
        env = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        env.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
        env.filters |= {"number": language.number, "percent": language.percent, "date": language.date}
        env.filters |= {"in_sentence": language.in_sentence, "english": _english}
        env.globals |= {
            "asset": asset,
            "to": _to,
            "comma": language.comma,
            "colon": language.colon,
            "in_a_row": language.in_a_row,
            "language": language.language,
            "languages": language.LANGUAGES,
            "html_tag": language.html_tag,
            "english_card": _english_card,
            "direction": language.direction,
            "source": self.knowledge.source,
            "still": self.still,
            "policy": POLICY,
            "short_source": self._short_source,
        }
        return env

    def _short_source(self, key: str) -> str:
        """Authors and year where they are known, else the title."""
        known = self.knowledge.source(key)
        first = (known.authors or "").split(",")[0].removesuffix(" et al.")
        return " ".join(str(x) for x in (first, known.year) if x) if first else known.title or key

    def page(
        self, request: Request, template: str, *, figures: Iterable[Figure] = (), status: int = 200, **context: Any
    ) -> Response:
        """A template as the answer to a request; or, when one was asked for, the file of one of its figures."""
        figures = list(figures)
        if wanted := request.scope.get("download"):
            return _file(figures, *wanted)
        if (heard := request.scope.get("figures")) is not None:
            heard.extend(figures)
        path = request.scope["path"]
        here = path.removeprefix(f"/{language.language()}")
        asked = urlencode([(k, v) for k, v in request.query_params.multi_items() if k != "view"])
        given = {
            "lang": language.language(),
            "english": language.language() == "en",
            "here": here if here.startswith("/") else "/",
            "this": here + (f"?{asked}" if asked else ""),
            "specialist": request.query_params.get("view") == "specialist",
            "figures": figures,
            "figure_path": path.rstrip("/") + "/figure/",
            "figure_query": f"?{request.url.query}" if request.url.query else "",
        }
        html = self.templates.get_template(template).render(given | context)
        return HTMLResponse(unbroken(language.marked(html, language.direction() == "rtl")), status)


def _file(figures: list[Figure], id: str, kind: str) -> Response:
    figure = next((figure for figure in figures if figure.id == id), None)
    if figure is None or kind not in DOWNLOADS:
        raise HTTPException(404)
    media, made = DOWNLOADS[kind]
    name = f'attachment; filename="{figure.id}.{kind}"'
    said = made(figure)
    said = language.marked(said, language.direction() == "rtl") if kind == "svg" else language.bare(said)
    return Response(said, media_type=media, headers={"content-disposition": name})


def _english(text: str) -> str:
    """What is English in every language: the title of a source."""
    if language.language() == "en" or not text:
        return text
    return Markup('<span lang="en" dir="ltr">{}</span>').format(text)


def _english_card(name: str) -> Card:
    """A safety card as the English counts."""
    return reading("en").card(name)


@jinja2.pass_context
def _to(context: jinja2.runtime.Context, path: str, view: str | None = None) -> str:
    """The address of a page of this language; the specialist's view goes along. ``path`` begins with /."""
    address = f"/{context['lang']}{path}"
    if view == "specialist" or (view is None and context["specialist"]):
        head, mark, fragment = address.partition("#")
        address = f"{head}{'&' if '?' in head else '?'}view=specialist{mark}{fragment}"
    return address


_assets: dict[str, str] = {}


def asset(name: str) -> str:
    """The address of a file of static/, with the hash of what it holds: it may be kept for ever."""
    if name not in _assets:
        stem, _dot, ending = name.rpartition(".")
        _assets[name] = f"/static/{stem}.{hashlib.sha256(static(name)).hexdigest()[:10]}.{ending}"
    return _assets[name]


def static(name: str) -> bytes:
    """What a file of static/ holds; site.css brings the others along, so that a page asks once."""
    if name == "site.css":
        return b"".join((STATIC / part).read_bytes() for part in ("site.css", "see.css", "svg.css"))
    return (STATIC / name).read_bytes()
