"""Connections that hold a place and say nothing are closed, so that slow or hostile clients cannot fill the server."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOK = 5.0  # seconds between two looks at a connection
WAIT = 15.0  # seconds in which a request must have come whole, and in which some of an answer must be taken


class Patience(H11Protocol):
    """uvicorn's protocol with an end to waiting: for the rest of a request, and for a client that does not read.

    Between two requests a connection is uvicorn's, which keeps it for ``timeout_keep_alive``.
    """

    _since: float | None = None  # since when the client is waited for; None between two requests
    _unread = 0  # bytes that the client had still to take at the last look

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        self.loop.call_later(LOOK, self._look)

    def data_received(self, data: bytes) -> None:
        if self._since is None:
            self._since = self.loop.time()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._since = None
        super().on_response_complete()

    def _look(self) -> None:
        now = self.loop.time()
        unread = self.transport.get_write_buffer_size()
        if self.transport.is_closing() and not unread:
            return
        if unread and self._since is None:
            self._since = now  # an answer that was given whole is still to be taken
        whole = self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)
        if self._since is not None and ((whole and unread == 0) or unread != self._unread):
            self._since = now  # we are at work, or the client reads
        self._unread = unread
        if self._since is not None and now - self._since >= WAIT:
            self.transport.abort()
        else:
            self.loop.call_later(LOOK, self._look)
