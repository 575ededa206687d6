"""A real browser in front of the served page. Without one these tests are skipped and say why."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.types import ASGIApp

from remission.page.app import application
from remission.page.site import Site

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
STATES = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "phone": {"color_scheme": "light", "viewport": {"width": 320, "height": 640}},
    "print": {"color_scheme": "light", "viewport": {"width": 700, "height": 990}},
}
SPY = """
window.seen = {violations: [], shift: 0, moved: [], largest: 0};
addEventListener("securitypolicyviolation",
  (e) => seen.violations.push([e.violatedDirective, e.blockedURI, e.sample].join(" ")));
new PerformanceObserver((l) => { for (const e of l.getEntries()) if (!e.hadRecentInput) {
    seen.shift += e.value;
    for (const s of e.sources) seen.moved.push([s.node?.outerHTML?.slice(0, 80) ?? s.node?.data,
      JSON.stringify(s.previousRect), JSON.stringify(s.currentRect)].join(" "));
  } })
  .observe({type: "layout-shift", buffered: true});
new PerformanceObserver((l) => { for (const e of l.getEntries()) seen.largest = e.startTime })
  .observe({type: "largest-contentful-paint", buffered: true});
"""


def _executable() -> str | None:
    asked = os.environ.get("REMISSION_BROWSER")
    return asked or next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The page, served as `remission serve` does."""
    with served() as address:
        yield address


@contextlib.contextmanager
def served(around: Callable[[ASGIApp], ASGIApp] = lambda app: app) -> Iterator[str]:
    from remission.page.patience import Patience

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        app = around(application(Site()))
        config = uvicorn.Config(app, access_log=False, log_level="warning", ws="none", http=Patience)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def chromium():
    executable = _executable()
    if executable is None:
        pytest.skip("no chromium here: apt-get install chromium, or name a browser in REMISSION_BROWSER")
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        except sync.Error as error:
            pytest.skip(f"{executable} does not start: {error}")
        yield browser
        browser.close()


@dataclass
class Seen:
    """A tab, and what was heard from it."""

    tab: object
    requests: list[tuple[str, int]] = field(default_factory=list)  # address, bytes of the answer as sent
    errors: list[str] = field(default_factory=list)


@pytest.fixture
def tab(chromium, address):
    """``with tab("dark") as seen``: a fresh visitor in one of `STATES`; more is passed on to the browser."""

    @contextlib.contextmanager
    def opened(state: str = "light", **more):
        context = chromium.new_context(**({"base_url": address} | STATES[state] | more))
        if more.get("java_script_enabled", True):
            context.add_init_script(SPY)
        page = context.new_page()
        page.set_default_timeout(120_000)
        if state == "print":
            page.emulate_media(media="print")
        seen = Seen(page)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and seen.errors.append(said.text))
        page.on("requestfinished", lambda asked: seen.requests.append((asked.url, asked.sizes()["responseBodySize"])))
        try:
            yield seen
        finally:
            context.close()

    return opened
