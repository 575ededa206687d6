"""Answers that are the same for everybody are made once and kept, as they are sent, up to a size.

A page depends on its address alone: whoever asks gets the same. So the first one waits, those who ask meanwhile wait
with him, and the rest is a look-up. What must not be kept says so (``no-store``): a page that still grows.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SIZE = 48_000_000  # bytes of all answers
LARGEST = 1_000_000  # bytes of one
KINDS = ("text/html", "text/css", "text/javascript", "text/csv", "image/svg+xml", "application/json")

Key = tuple[str, bytes, bool]


@dataclass(frozen=True)
class _Answer:
    start: Message
    body: bytes
    tag: str


class Kept:
    """Keeps answers to GET; it stands outside of what packs them, so that they are packed once."""

    def __init__(self, app: ASGIApp, size: int = SIZE) -> None:
        self.app, self.size = app, size
        self._answers: OrderedDict[Key, _Answer] = OrderedDict()
        self._held = 0
        self._making: dict[Key, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        packed = _takes_gzip(asked.get("accept-encoding", ""))
        encoding = [(b"accept-encoding", b"gzip")] if packed else []  # what packs knows of no q=0
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        scope = {**scope, "headers": [*headers, *encoding]}
        if scope["method"] != "GET" or scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        key = (scope["path"], scope["query_string"], packed)
        if making := self._making.get(key):
            await making.wait()  # what came of it is kept, or it was not to be kept
        if answer := self._answers.get(key):
            self._answers.move_to_end(key)
            await _give(answer, asked.get("if-none-match", ""), send)
            return
        mine = self._making.setdefault(key, asyncio.Event())
        try:
            await self._make(key, mine, scope, receive, send)
        finally:
            mine.set()
            if self._making.get(key) is mine:
                del self._making[key]

    async def _make(self, key: Key, mine: asyncio.Event, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None
        body = bytearray()

        async def sent(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                if _may_be_kept(message):
                    start = message
                    return
                mine.set()  # nobody needs to wait for it
            elif start is not None:
                body.extend(message.get("body", b""))
                if message.get("more_body"):
                    return
                answer = _Answer(start, bytes(body), f'"{hashlib.blake2s(body, digest_size=10).hexdigest()}"')
                self._keep(key, answer)
                await _give(answer, "", send)
                return
            await send(message)

        await self.app(scope, receive, sent)

    def _keep(self, key: Key, answer: _Answer) -> None:
        if len(answer.body) > LARGEST:
            return
        if old := self._answers.pop(key, None):
            self._held -= _size(key, old)
        self._answers[key] = answer
        self._held += _size(key, answer)
        while self._held > self.size:
            self._held -= _size(*self._answers.popitem(last=False))


def _size(key: Key, answer: _Answer) -> int:
    """Bytes of an answer with its address, which may be the longer part."""
    path, query, _packed = key
    headers = sum(len(name) + len(value) for name, value in answer.start["headers"])
    return len(path) + len(query) + headers + len(answer.body)


def _takes_gzip(accepted: str) -> bool:
    """Does an Accept-Encoding name gzip, and not to refuse it (RFC 9110, 12.5.3)?"""
    named = (part.replace(" ", "").lower().partition(";q=") for part in accepted.split(","))
    return any(coding == "gzip" and (not weight or weight.strip("0.") != "") for coding, _q, weight in named)


def _may_be_kept(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "").partition(";")[0]
    return start["status"] == 200 and kind in KINDS and "no-store" not in headers.get("cache-control", "")


async def _give(answer: _Answer, known: str, send: Send) -> None:
    start = {**answer.start, "headers": list(answer.start["headers"])}
    headers = MutableHeaders(raw=start["headers"])
    headers["etag"] = answer.tag
    if answer.tag in known:
        del headers["content-length"]
        await send({**start, "status": 304})
        await send({"type": "http.response.body", "body": b""})
        return
    headers["content-length"] = str(len(answer.body))
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})
