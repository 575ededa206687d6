"""Visitors on the page at once: how long they wait.

    python benchmarks/page_load.py --visitors 50 --seconds 300 [--cohorts 2] [--out docs/page-measured.md]

Serves the page as `remission serve` does, in a process of its own, and lets visitors read: each keeps a connection,
asks for one page after another, and pauses in between as a hasty reader would. ``--cohorts`` asks for as many
scenarios that nobody has played yet when it begins, so that they are played meanwhile. Prints the waiting times as
Markdown (``--out``: into that page, too); exits with 1 when an answer failed or the targets (p95 100 ms, p99 300 ms)
are missed.
"""

from __future__ import annotations

import argparse
import http.client
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from page import on, put

PAGES = (
    "/en/", "/en/treatment", "/en/treatment/induction", "/en/treatment/chemotherapy/vincristine", "/en/glossary",
    "/en/side-effects/febrile_neutropenia", "/en/side-effects/hair_loss", "/en/symptoms/fever", "/en/search?q=fever",
    "/en/search?q=6-MP", "/en/sources/maloney2020", "/en/about", "/en/index", "/en/treatment/induction?view=specialist",
    "/en/see/cog-standard-risk", "/en/see/cog-standard-risk/day/8", "/en/see/cog-standard-risk/calendar",
)  # fmt: skip
PAUSE = (0.2, 0.7)  # seconds between two pages
P95, P99 = 100.0, 300.0  # ms


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--visitors", type=int, default=50)
    ask.add_argument("--seconds", type=float, default=60)
    ask.add_argument("--cohorts", type=int, default=2)
    ask.add_argument("--out", type=Path, help="a page whose part on this is written anew")
    given = ask.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-c", "from remission.cli import main; main()", "serve", "--port", "0"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        port = int(re.search(r":(\d+)/", server.stderr.readline())[1])
        began = time.perf_counter()
        first = _get(http.client.HTTPConnection("127.0.0.1", port, timeout=30), "/en/")
        told = f"first page {time.perf_counter() - began:.2f} s after the address was told, {first[2]:,} bytes"
        pages = _there(port)
        for i in range(given.cohorts):
            cohort = f"/en/see/cog-standard-risk?seed={random.randrange(10**6, 10**7) + i}"
            _get(http.client.HTTPConnection("127.0.0.1", port, timeout=30), cohort)
        seen = _visit(port, pages, given.visitors, given.seconds)
    finally:
        server.terminate()
        server.wait(10)
    return _tell(seen, given, told)


def _there(port: int) -> list[str]:
    """The pages of `PAGES` that this version has; redirects followed."""
    out = []
    for page in PAGES:
        status, location, _size = _get(http.client.HTTPConnection("127.0.0.1", port, timeout=60), page)
        if status in (301, 302) and location:
            page, (status, _l, _s) = location, _get(http.client.HTTPConnection("127.0.0.1", port, timeout=60), location)
        if status == 200:
            out.append(page)
    return out


def _get(connection: http.client.HTTPConnection, page: str) -> tuple[int, str | None, int]:
    connection.request("GET", page, headers={"accept-encoding": "gzip"})
    answer = connection.getresponse()
    body = answer.read()
    return answer.status, answer.getheader("location"), len(body)


def _visit(port: int, pages: list[str], visitors: int, seconds: float) -> list[tuple[str, int, float]]:
    """Page, status (0: the connection broke) and milliseconds of every request."""
    seen: list[tuple[str, int, float]] = []
    until = time.monotonic() + seconds

    def one(number: int) -> None:
        chance = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        time.sleep(chance.uniform(0, PAUSE[1]))
        while time.monotonic() < until:
            page = chance.choice(pages)
            began = time.perf_counter()
            try:
                status = _get(connection, page)[0]
            except (OSError, http.client.HTTPException):
                status = 0
                connection.close()
            seen.append((page, status, 1000 * (time.perf_counter() - began)))
            time.sleep(chance.uniform(*PAUSE))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def _tell(seen: list[tuple[str, int, float]], given: argparse.Namespace, told: str) -> int:
    rows = {"all": [ms for _p, _s, ms in seen]}
    for page in sorted({page for page, _s, _m in seen}):
        rows[page] = [ms for p, _s, ms in seen if p == page]
    how = f"{given.visitors} visitors, {given.seconds:g} s, {given.cohorts} cohorts meanwhile"
    lines = ["## Many visitors", "", f"{how} ({on()}); {told}.", "",
             "| page | requests | p50, ms | p95, ms | p99, ms | longest, ms |",
             "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for page, times in rows.items():
        times.sort()
        p50, p95, p99 = (times[min(int(q * len(times)), len(times) - 1)] for q in (0.5, 0.95, 0.99))
        lines.append(f"| {page} | {len(times):,} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {times[-1]:.1f} |")
    statuses = Counter(status for _p, status, _m in seen)
    answered = ", ".join(f"{n:,} x {status or 'broken off'}" for status, n in sorted(statuses.items()))
    lines += ["", f"Answers by status: {answered}."]
    print("\n".join(lines))
    if given.out:
        put(given.out, "visitors", "\n".join(lines))
    everything = rows["all"]
    met = everything[int(0.95 * len(everything))] <= P95 and everything[int(0.99 * len(everything))] <= P99
    return 0 if set(statuses) == {200} and met else 1


if __name__ == "__main__":
    sys.exit(main())
