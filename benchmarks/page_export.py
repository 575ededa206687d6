"""The page as files: python benchmarks/page_export.py [--folder site] [--out docs/page-measured.md]

Writes all of it as `remission serve --export` does, serves the folder with Python's plain file server, and asks for
every page and every link on it. Prints how long it took and how much it is; exits with 1 where a link leads nowhere.
"""

from __future__ import annotations

import argparse
import functools
import html
import http.client
import http.server
import re
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from page import on, put

from remission.page.export import export

_LINK = re.compile(r'\b(?:href|src)="([^"]*)"')
_OUT = re.compile(r"[a-z]+:|//")


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--folder", type=Path, help="where it is written (a folder of its own that goes again)")
    ask.add_argument("--out", type=Path, help="a page whose part on this is written anew")
    given = ask.parse_args()
    with tempfile.TemporaryDirectory() as own:
        folder = given.folder or Path(own) / "site"
        began = time.perf_counter()
        pages = export(folder, lambda n: print(f"{n:,} pages", end="\r", flush=True))
        wrote = time.perf_counter() - began
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        asked, dead, took = _read(folder)
    size = sum(sizes) / 1e6
    told = [f"`remission serve --export`: {pages:,} pages and files in {wrote:.0f} s, {size:.0f} MB ({on()}).",
            f"From a plain file server (`python -m http.server`): {asked:,} addresses that its pages link to, asked "
            f"for in {took:.0f} s, {len(dead)} of them not there."]  # fmt: skip
    print(*told, *dead[:20], sep="\n")
    if given.out:
        put(given.out, "export", "\n".join(["## As files", "", *told]))
    return int(bool(dead))


def _read(folder: Path) -> tuple[int, list[str], float]:
    """How many addresses were asked for; those that are not there, with a page that links to them; seconds."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        waiting, seen, dead = [("/index.html", "")], {"/index.html"}, []
        while waiting:
            address, whence = waiting.pop()
            connection.request("GET", quote(unquote(address), safe="/~:,+@%"))
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                dead.append(f"{answer.status} {address} on {whence}")
                continue
            if not address.endswith(".html"):
                continue
            for link in map(html.unescape, _LINK.findall(body.decode())):
                to = urlsplit(urljoin(address, link)).path
                if link and not _OUT.match(link) and to not in seen:
                    seen.add(to)
                    waiting.append((to, address))
        server.shutdown()
        return len(seen), dead, time.perf_counter() - began


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_said: object) -> None:
        pass


if __name__ == "__main__":
    sys.exit(main())
