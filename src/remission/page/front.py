"""The front page: what this is, whom it is for, where to begin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .figures import REGISTRY
from .language import gettext as _
from .language import language
from .pages import Page
from .reading import Reading, reading
from .site import Site

PATIENCE = 1.8  # seconds that a reader waits for the picture, just after the start
FIRST = ("now", "all", "all/diagnosis", "treatment", "treatment/induction", "living", "help")
STEPS = (
    "treatment/induction", "treatment/consolidation", "treatment/interim-maintenance", "treatment/intensification",
    "treatment/maintenance", "all/relapse",
)  # fmt: skip


def routes(site: Site) -> list[BaseRoute]:
    """The front page alone."""

    def front(request: Request) -> Response:
        texts = reading(language())
        figure = site.figure("front", None if site.still else PATIENCE)
        figures = [figure] if figure else []
        lists: dict[str, Any] = {"doors": _doors(texts), "asked": _asked(), "first": _there(texts, FIRST)}
        lists |= {"steps": _there(texts, STEPS)}
        answer = site.page(request, "front.html", figures=figures, **lists)
        if "front" in REGISTRY and not figures:
            answer.headers["cache-control"] = "no-store"  # the next reader gets the picture
        return answer

    return [Route("/", front)]


def _asked() -> list[tuple[str, str]]:
    """What families ask first, and where it is answered."""
    return [
        ("/when-to-call", _("When do we have to call?")),
        ("/see/", _("What happens on day 29, or on any other day?")),
        ("/see/", _("Where is a calendar to print?")),
        ("/all/remission", _("What does MRD mean for us?")),
        ("/living/missed-doses", _("What if we miss tablets?")),
        ("/all/prognosis", _("How good are the chances?")),
        ("/questions", _("More questions, each with a picture")),
    ]


def _doors(texts: Reading) -> list[tuple[str, str, str]]:
    """Address, name and what is behind it."""
    adults = "/now/adults" if "now/adults" in texts.ids() else "/now"
    return [
        ("/now", _("My child has ALL"), _("What it is, what matters now, what happens next, and when to call.")),
        (adults, _("I have ALL"), _("The same for young people and adults, with the treatments that differ.")),
        ("/work", _("I work in this"), _("Protocols played day by day, every number with its source, and an API.")),
    ]


def _there(texts: Reading, ids: Iterable[str]) -> list[Page]:
    known = set(texts.ids())
    return [texts.page(id) for id in ids if id in known]
