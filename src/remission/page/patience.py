"""Connections that hold a place and say nothing are closed, so that slow or hostile clients cannot fill the server."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOK = 5.0  # seconds between two looks at a connection
WAIT = 15.0  # seconds in which a request must have come whole, and in which some of an answer must be taken


class Patience(H11Protocol):
    """uvicorn's protocol with an end to waiting: for the rest of a request, and for a client that does not read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        self._unread = 0
        self.loop.call_later(LOOK, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        now = self.loop.time()
        unread = self.transport.get_write_buffer_size()
        answering = self.cycle is not None and not self.cycle.response_complete
        waiting_for_rest = self.conn.their_state is h11.SEND_BODY or not answering
        if (answering and not waiting_for_rest and unread == 0) or unread != self._unread:
            self._since = now  # at work, or being read
        self._unread = unread
        if now - self._since >= WAIT:
            self.transport.abort()
        else:
            self.loop.call_later(LOOK, self._look)
