"""Answers that are kept: made once whoever asks, never a page that still grows."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from remission.page.app import application
from remission.page.export import to_its_end
from remission.page.kept import Kept


@pytest.fixture
def made():
    return []


@pytest.fixture
def client(made):
    async def page(request):
        made.append(str(request.url))
        await asyncio.sleep(0.05)
        return HTMLResponse("<p>long enough to be packed</p>" * 100)

    def growing(request):
        made.append("growing")
        return HTMLResponse("more", headers={"cache-control": "no-store"})

    def broken(request):
        made.append("broken")
        return Response("no", 404, media_type="text/html")

    routes = [Route("/page", page), Route("/growing", growing), Route("/broken", broken)]
    app = Starlette(routes=routes, middleware=[Middleware(Kept, size=10_000), Middleware(GZipMiddleware)])
    with TestClient(app) as client:
        yield client


def test_a_page_is_made_once_for_each_way_it_is_packed(client, made):
    plain = {"accept-encoding": "identity"}
    first, second = client.get("/page"), client.get("/page")
    bare = [client.get("/page", headers=plain).text for _time in range(2)]
    assert {first.text, second.text, *bare} == {first.text}
    assert first.headers["content-encoding"] == second.headers["content-encoding"] == "gzip"
    assert len(made) == 2


def test_those_who_ask_meanwhile_wait_for_the_first(client, made):
    async def many():
        from httpx2 import ASGITransport, AsyncClient

        async with AsyncClient(transport=ASGITransport(client.app), base_url="http://x") as visitor:
            return await asyncio.gather(*(visitor.get("/page?many") for _visitor in range(10)))

    answers = to_its_end(many())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(made) == 1


def test_what_grows_or_failed_is_made_each_time(client, made):
    for path in ("/growing", "/broken"):
        client.get(path), client.get(path)
    assert made == ["growing", "growing", "broken", "broken"]


def test_another_query_is_another_page_and_the_oldest_makes_room(client, made):
    plain = {"accept-encoding": "identity"}  # 3,100 bytes each: three fit
    for query in "abcd":
        assert client.get(f"/page?{query}", headers=plain).status_code == 200
    client.get("/page?d", headers=plain)
    assert len(made) == 4
    client.get("/page?a", headers=plain)
    assert len(made) == 5


def test_a_long_address_takes_room_too(client, made):
    plain = {"accept-encoding": "identity"}
    for query in ("a", "b" * 8_000, "a"):
        client.get(f"/page?{query}", headers=plain)
    assert len(made) == 3, "8,000 bytes of address and 3,100 of the page leave no room for the first"


def test_a_browser_that_has_the_page_is_told_so(client):
    tag = client.get("/page").headers["etag"]
    answer = client.get("/page", headers={"if-none-match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("identity, gzip; q=0.000", False), ("", False),
     ("notgzip", False)],
)  # fmt: skip
def test_an_answer_is_packed_for_who_takes_it_and_not_for_who_refuses(accepted, packed):
    with TestClient(application()) as client:
        for path in ("/en/", "/api/v1/agents"):
            answer = client.get(path, headers={"accept-encoding": accepted})
            assert (answer.headers.get("content-encoding") == "gzip") is packed, path
