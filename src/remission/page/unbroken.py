"""A fault of ours is logged and told; the server goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("remission.page")


class Unbroken:
    """Answers with ``told`` (made of the request's scope) where the application fails before it has begun to answer."""

    def __init__(self, app: ASGIApp, told: Callable[[Scope], ASGIApp], what: str) -> None:
        self.app, self.told, self.what = app, told, what  # what: could not be done, as the log says it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, sent)
        except Exception:
            if scope["type"] != "http":
                raise
            _log.exception(self.what)
            if not begun:
                await self.told(scope)(scope, receive, send)
