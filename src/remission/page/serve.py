"""`remission serve`: the page on this machine, in one command."""

from __future__ import annotations

import contextlib
import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence

import uvicorn

from remission.knowledge.errors import BadInput

from ..locale import unpublished
from .app import application
from .language import LANGUAGES, speaking
from .patience import Patience
from .search import index
from .site import Site

MANY = 800  # connections at once; more are told to come back
WAITING = 1024  # connections that the system holds until they are taken
FILES = 4096  # that may be open: each connection is one
SLOW = 20  # seconds that an idle connection is kept


def serve(
    host: str, port: int, say: Callable[[str], None], opened: bool = False, languages: Sequence[str] | None = None
) -> None:
    """Answers until it is stopped. ``say`` is told the address; ``opened`` shows it in the browser of this machine;
    ``languages`` are offered though they are not published (all, where none is named).

    Nothing about visitors is logged. Raises ``BadInput`` where the address cannot be had.
    """
    if languages is not None:
        with unpublished(*languages):
            return serve(host, port, say, opened)
    listening = _listening(host, port)
    address = f"http://{_shown(host)}:{listening.getsockname()[1]}/"
    site = Site()
    many, waiting = _room()
    config = uvicorn.Config(
        application(site), access_log=False, log_level="warning", server_header=False, lifespan="on", ws="none",
        http=Patience, limit_concurrency=many, timeout_keep_alive=SLOW, timeout_graceful_shutdown=3,
        backlog=waiting, h11_max_incomplete_event_size=16_384,
    )  # fmt: skip
    threading.Thread(target=_ready, args=(site,), daemon=True).start()
    say(address)
    if opened:
        webbrowser.open(address)
    with contextlib.closing(listening), contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def _ready(site: Site) -> None:
    """What the first reader of each kind would wait for."""
    for tag in LANGUAGES:
        with speaking(tag):
            site.figure("front")
            index(tag)
    site.pool.warm()


def _room() -> tuple[int, int]:
    """How many connections are served at once, and how many wait to be taken: so many that files of our own can always
    be opened. The system gives as many as it may; many give 256 or 1024 unless they are asked."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MANY, WAITING
    given = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (FILES if limit == resource.RLIM_INFINITY else limit for limit in given)
    files = min(FILES, hard)
    if soft < files:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, given[1]))
        except (OSError, ValueError):
            files = soft
    return min(MANY, files // 2), min(WAITING, files // 4)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, _proto, _name, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(WAITING)  # who reads the address may ask at once
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        remedy = "Name another one: --port 8011; 0 takes any that is free"
        raise BadInput(f"{host}, port {port}, cannot be used: {why}", remedy=remedy) from error
    return listening


def _shown(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
