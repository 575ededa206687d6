"""A line that brings a page in pieces: nothing that is seen may move when the next piece arrives."""

import asyncio

import pytest

from .conftest import served

CUTS = (
    b"<nav aria-label",
    b'action="/en/search"',
    b"</button></form>",
    b'<details class="languages">',
    b"</summary>",
    b"</h1>",
)
PAUSE = 0.2  # seconds, long enough for a browser to paint what it has


class Slowly:
    """Sends each page in pieces, cut before each of `CUTS`, and waits in between."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or not scope["path"].startswith("/en/"):
            await self.app(scope, receive, send)
            return
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]

        async def sent(message):
            body = message.get("body", b"")
            for cut in CUTS:
                head, found, tail = body.partition(cut)
                if found:
                    await send({"type": "http.response.body", "body": head, "more_body": True})
                    await asyncio.sleep(PAUSE)
                    body = found + tail
            await send(message | ({"body": body} if message["type"] == "http.response.body" else {}))

        await self.app(scope, receive, sent)


@pytest.fixture(scope="module")
def address():
    with served(Slowly) as address:
        yield address


@pytest.mark.parametrize("state", ["light", "phone"])
def test_the_head_of_a_page_does_not_move_when_it_arrives_in_pieces(tab, state):
    with tab(state) as seen:
        seen.tab.goto("/en/glossary")
        assert seen.tab.evaluate("seen.moved") == []
        paint, end = seen.tab.evaluate(
            "[performance.getEntriesByName('first-paint')[0].startTime,"
            " performance.getEntriesByType('navigation')[0].responseEnd]"
        )
        assert paint < end, "what has come is shown before the last piece is there"
