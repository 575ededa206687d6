"""Slow and silent clients are shown out; patient readers are not."""

import contextlib
import http.client
import socket
import threading
import time

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from remission.page import patience
from remission.page.serve import _room


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setattr(patience, "LOOK", 0.02)
    monkeypatch.setattr(patience, "WAIT", 0.1)
    large = PlainTextResponse("x" * 50_000_000)

    async def app(scope, receive, send):
        await (large if scope["path"] == "/large" else PlainTextResponse("here"))(scope, receive, send)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="error", ws="none", lifespan="off", http=patience.Patience)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na"]
)
def test_a_request_that_does_not_come_whole_is_ended(port, begun):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(begun)
        received = b"-"
        with contextlib.suppress(ConnectionResetError):
            while received:
                received = client.recv(1000)


def test_a_client_that_never_reads_its_answer_is_shown_out(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(1.0)
        taken, received = 0, b"-"
        with contextlib.suppress(ConnectionResetError):
            while received:
                received = client.recv(1_000_000)
                taken += len(received)
        assert taken < 50_000_000


def test_a_reader_who_comes_back_now_and_then_keeps_the_connection(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.connect()
    own = connection.sock
    for _page in range(6):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"here"
        time.sleep(0.15)
    assert connection.sock is own, "never opened anew"


@pytest.mark.parametrize(
    ("given", "asked", "room"),
    [((256, 10_000), 4096, (800, 1024)), ((128, 128), None, (64, 32)), ((1024, -1), 4096, (800, 1024)),
     ((-1, -1), None, (800, 1024))],
)  # fmt: skip
def test_there_are_always_files_left_for_the_page_itself(given, asked, room, monkeypatch):
    resource = pytest.importorskip("resource")
    limits = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: given)
    monkeypatch.setattr(resource, "setrlimit", lambda which, limit: limits.append(limit))
    assert _room() == room
    assert limits == ([(asked, given[1])] if asked else [])
