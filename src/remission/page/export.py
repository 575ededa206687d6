"""The page as files that any host can serve: all that is read, and what is stored, with relative links.

Every page is made by the application itself and written as ``en/treatment/induction/index.html``, its view for
specialists beside it. What only a running server can answer (search, a patient of one's own) leads to a page that says
so. The folder also opens from a disk, without any server.
"""

from __future__ import annotations

import asyncio
import json
import posixpath
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.types import ASGIApp, Message

from remission.knowledge.errors import BadInput
from remission.knowledge.writing import write_whole

from .app import application
from .figure import Figure
from .headers import HEADERS
from .language import LANGUAGES, html_tag
from .site import DOWNLOADS, Site

T = TypeVar("T")
MARK = "remission-export.json"  # by which a folder is known as one that may be written anew
EVERY = 250  # files after which it is told how far it is
LIVE = "live"  # the page that stands for what only a server can answer
_LINK = re.compile(r'\b(href|src|action)="(/(?!/)[^"]*)"')
_DEAD = re.compile(r"^/(api|[a-z-]+/search|[a-z-]+/what-if|[a-z-]+/chart)\b")


@dataclass(frozen=True)
class Answer:
    """What the application said to one address."""

    status: int
    media: str
    body: bytes
    location: str | None


def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread of its own, so that a loop may run where it is asked for (a notebook)."""
    with ThreadPoolExecutor(1) as one:
        return one.submit(asyncio.run, work).result()


def export(folder: Path, tell: Callable[[int], None] = lambda pages: None) -> int:
    """Writes all pages into a folder and returns how many files there are; ``tell`` hears now and then how many pages
    are made. With the stored patients it takes some minutes.

    Raises ``BadInput`` for a folder that holds something else or cannot be written, before anything is made.
    """
    try:
        _look_at(folder)
        folder.mkdir(parents=True, exist_ok=True)
        older = _marked(folder)
        _mark(folder, older)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BadInput(f"{folder} cannot be written: {why}", remedy="Name a folder of your own") from error
    app = application(Site(still=True))
    files = to_its_end(_Crawl(app, folder, tell).run())
    _take_away(folder, older - files)
    _mark(folder, files)
    return len(files)


def _look_at(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file", remedy="Name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise BadInput(f"{folder} holds other files", remedy="Name an empty folder, or one that --export wrote")


def _marked(folder: Path) -> set[str]:
    """The files that the export before this one wrote, as its mark names them."""
    try:
        files = json.loads((folder / MARK).read_text(encoding="utf-8"))["files"]
        return {name for name in files if isinstance(name, str)}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def _mark(folder: Path, files: set[str]) -> None:
    write_whole(folder / MARK, json.dumps({"languages": list(LANGUAGES), "files": sorted(files)}, indent=0) + "\n")


def _take_away(folder: Path, files: set[str]) -> None:
    """Files of an older export that are pages no more; what somebody else put into the folder stays. Folders that
    become empty go with them."""
    home = folder.resolve()
    for name in files:
        path = folder / name
        if not path.resolve().is_relative_to(home):  # a mark that was written by somebody else
            continue
        path.unlink(missing_ok=True)
        for above in path.parents:
            if above == folder or not above.is_dir() or any(above.iterdir()):
                break
            above.rmdir()


class _Crawl:
    """From the first page along all links."""

    def __init__(self, app: ASGIApp, folder: Path, tell: Callable[[int], None] = lambda pages: None) -> None:
        self.app, self.folder, self.tell = app, folder, tell
        self.answers: dict[str, Answer] = {}

    async def run(self) -> set[str]:
        """Writes all pages; the files that they are, below the folder."""
        firsts = [f"/{tag}/" for tag in LANGUAGES] + [f"/{tag}/{LIVE}" for tag in LANGUAGES]
        waiting = [*firsts, "/favicon.ico"]
        seen = set(waiting)
        told = 0
        while waiting:
            address = waiting.pop()
            if address in self.answers:
                continue
            figures: list[Figure] = []
            answer = await ask(self.app, address, figures)
            self.answers[address] = answer
            for figure in figures:  # the files of its figures at once: each would ask for the page again
                self.answers |= _files(address, figure)
            if len(self.answers) // EVERY > told:
                told = len(self.answers) // EVERY
                self.tell(len(self.answers))
            for link in self._links(address, answer):
                if link not in seen:
                    seen.add(link)
                    waiting.append(link)
        written = {address: answer for address, answer in self.answers.items() if answer.status == 200}
        files = {file_of(address) for address in written}
        self._write_frame(files)
        for address, answer in written.items():
            self._write(address, answer)
        return files

    def _links(self, address: str, answer: Answer) -> list[str]:
        if answer.location:
            return [_plain(answer.location)]
        if "html" not in answer.media and "css" not in answer.media:
            return []
        found = (_plain(unescape(link)) for _name, link in _LINK.findall(answer.body.decode()))
        return [link for link in found if _wanted(link)]

    def _write(self, address: str, answer: Answer) -> None:
        body = answer.body
        if "html" in answer.media or "atom" in answer.media:
            here = file_of(address)
            body = _LINK.sub(lambda found: self._relative(here, found), body.decode()).encode()
        path = self.folder / file_of(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)  # all can be written anew: not worth a sync each

    def _relative(self, here: str, found: re.Match[str]) -> str:
        name, link = found[1], unescape(found[2])
        address, hash_, fragment = link.partition("#")
        target = self._target(_plain(address))
        to = posixpath.relpath(target, posixpath.dirname(here)) + (hash_ + fragment if target else "")
        return f'{name}="{escape(to)}"'

    def _target(self, address: str) -> str:
        """The file that a link means: redirects followed; the page that says why where there is none."""
        for _step in range(5):
            answer = self.answers.get(address)
            if answer is None or answer.location is None:
                break
            address = _plain(answer.location)
        if answer is not None and answer.status == 200:
            return file_of(address)
        tag = address.split("/")[1]
        return file_of(f"/{tag if tag in LANGUAGES else next(iter(LANGUAGES))}/{LIVE}")

    def _write_frame(self, files: set[str]) -> None:
        """What a host needs beside the pages: the first page and the headers. The mark names the files before they
        are there, so that none is forgotten when the writing is broken off."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _mark(self.folder, _marked(self.folder) | files)
        first = next(iter(LANGUAGES))
        languages = "".join(
            f'<li><a href="{tag}/index.html" lang="{html_tag(tag)}">{name}</a></li>' for tag, name in LANGUAGES.items()
        )
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>remission</title>'
            f'<meta http-equiv="refresh" content="0; url={first}/index.html"></head>'
            f"<body><main><h1>remission</h1><ul>{languages}</ul></main></body></html>\n"
        )
        write_whole(self.folder / "index.html", page)
        lines = [f"  {name}: {value}" for name, value in HEADERS.items()]
        write_whole(self.folder / "_headers", "\n".join(["/*", *lines, ""]))


def file_of(address: str) -> str:
    """The file of an address: /en/help is en/help/index.html, its view for specialists en/help/specialist.html."""
    parts = urlsplit(address)
    path = unquote(parts.path).lstrip("/")
    if posixpath.splitext(path)[1] and "~" not in posixpath.basename(path):
        return path
    query = parse_qsl(parts.query)
    name = "specialist" if ("view", "specialist") in query else "index"
    rest = "-".join(f"{key}-{value}" for key, value in query if key != "view")
    kept = re.sub(r"[^A-Za-z0-9.-]", "-", rest)
    return posixpath.join(path.rstrip("/"), f"{name}{'-' + kept if kept else ''}.html")


def _wanted(address: str) -> bool:
    """Whether a page is written: not what a server has to compute, and days in plain words only."""
    path, _mark, query = address.partition("?")
    return not _DEAD.match(path) and (query == "" or (query == "view=specialist" and "/day/" not in path))


def _plain(address: str) -> str:
    """An address of this site without what stands behind #."""
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _files(address: str, figure: Figure) -> dict[str, Answer]:
    page = address.partition("?")[0].rstrip("/")
    return {
        f"{page}/figure/{figure.id}.{kind}": Answer(200, media, made(figure).encode(), None)
        for kind, (media, made) in DOWNLOADS.items()
    }


async def ask(app: ASGIApp, address: str, figures: list[Figure] | None = None) -> Answer:
    """What the application answers to GET; the figures of the page are added to ``figures``."""
    parts = urlsplit(address)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(parts.path), "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
        "root_path": "", "headers": [], "server": ("", 80), "client": ("", 0),
        "figures": figures,
    }  # fmt: skip
    status, headers, body = 500, {}, bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return Answer(status, headers.get("content-type", ""), bytes(body), headers.get("location"))
