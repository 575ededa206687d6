"""Hostile requests to the page and its interface, in thousands: python benchmarks/page_fuzz.py --requests 100000
[--out docs/page-measured.md]

Addresses that exist are damaged (bytes flipped, parts doubled, cut, swapped, other scripts, paths that lead out), with
queries and bodies that nobody asked for, straight to the application. Of every answer is wanted: no error of ours
(status 500 or more), no trace of code, the policy header, and soon. Ends with code 1 and the requests that found one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from page import on, put

from remission.knowledge.library import library
from remission.page.app import application
from remission.page.jobs import Pool
from remission.page.playing import played
from remission.page.scenario import Scenario
from remission.page.site import Site
from remission.page.store import Store

STORED = "icicle-maintenance~age6~m~21kg~116cm~b~cns1"
SLOW_SECONDS = 5.0
AT_ONCE = 32
PIECES = (
    "..", "../../etc/passwd", "%00", "%2F", "%5C..%5C", "~", "~~", "age", "age1e9", "age-4", "age٤", "ageNaN", "0kg",
    "1e308cm", "cns4", "wbc99999", "ph-", "donor-none", "'", '"', "<script>alert(1)</script>", "{{7*7}}", "${x}", "%s",
    "\u202e", "\u0000", "\ud83d\ude00", "z\u0335" * 40, "A" * 3000, ":", ",", "methotrexate:IT", "mercaptopurine:1e9",
    "mercaptopurine:10", "NULL", "-1", "9" * 40, "1.5", "true", "[]", "\r\nX-Evil: 1", "=1+1", "day", "bands", "lives",
)  # fmt: skip


def addresses() -> list[str]:
    """What there is: pages, scenarios, the interface."""
    known = library()
    names = [*known.protocols(), STORED, "cog-standard-risk~age4~f~16kg~102cm~b~cns1~wbc12~tpmt-poor~donor-none"]
    tables = ("bands", "outcomes", "side-effects", "side-effects-by-phase", "phases", "burden", "mrd", "drugs")
    found = ["/", "/robots.txt", *(f"/en/{page}" for page in ("", "search", "news", "feed.atom", "see/", "sources"))]
    found += [f"/en/treatment/chemotherapy/{name}" for name in known.agents()[:20]]
    found += [f"/en/side-effects/{name}" for name in known.side_effects()[:20]]
    found += [f"/en/see/{name}{rest}" for name in names for rest in ("", "/day/8", "/calendar")]
    found += [f"/en/compare/{STORED}/{STORED}"]
    found += [f"/api/v1/{room}" for room in ("protocols", "agents", "side-effects", "sources", "scenarios", "runs")]
    found += [f"/api/v1/agents/{name}" for name in known.agents()[:20]]
    found += [f"/api/v1/scenarios/{name}" for name in names]
    found += [f"/api/v1/scenarios/{STORED}/{table}" for table in (*tables, "lives/3", "days/8", "plan")]
    found += [f"/api/v1/compare/{STORED}/{STORED}", "/api/v1/runs/" + "0" * 32, f"/api/v1/runs/{'0' * 32}/events"]
    return found


QUERIES = (
    "", "view=specialist", "patients=40", "without=methotrexate:IT", "miss=mercaptopurine:10&patients=40", "seed=7",
    "patient=3", "state=anc", "side_effect=mucositis", "start=2027-01-04", "q=fever", "age=4&sex=f&protocol=eliana",
)  # fmt: skip


def damaged(text: str, chance: random.Random) -> str:
    """Up to three wounds."""
    for _ in range(chance.choices(range(4), (40, 40, 12, 8))[0]):
        place = chance.randint(0, len(text))
        match chance.randrange(7):
            case 0:
                text = text[:place] + chance.choice(PIECES) + text[place:]
            case 1:
                text = text[:place] + text[place + chance.randint(1, 6) :]
            case 2:
                letter = chr(chance.choice((chance.randrange(32, 127), chance.randrange(0x3000))))
                text = text[:place] + letter + text[place:]
            case 3:
                parts = text.split("/")
                chance.shuffle(parts)
                text = "/".join(parts)
            case 4:
                text = text[:place] + text[max(0, place - chance.randint(1, 40)) :]
            case 5:
                parts = text.split("~")
                parts[chance.randrange(len(parts))] = chance.choice(PIECES)
                text = "~".join(parts)
            case 6:
                text = text.swapcase()
    return text


def body(chance: random.Random) -> bytes:
    asked = {"scenario": damaged(STORED, chance), "patients": chance.choice([1, 40, 0, -1, 10**30, 1.5, None, "x", []])}
    made = json.dumps(asked).encode(errors="surrogatepass")
    match chance.randrange(5):
        case 0:
            return made[: chance.randrange(len(made))]
        case 1:
            return bytes(chance.randrange(256) for _ in range(chance.randrange(200)))
        case 2:
            return b"[" * chance.randrange(20_000)
    return made


def request(known: list[str], chance: random.Random) -> tuple[str, bytes, bytes, bytes]:
    """Method, raw path, query, body."""
    path = damaged(chance.choice(known), chance)
    query = damaged(chance.choice(QUERIES), chance)
    method = chance.choices(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"), (80, 4, 8, 2, 2, 2, 2))[0]
    if method == "POST" and chance.random() < 0.7:
        path = "/api/v1/runs"
    raw = quote(path, safe="/~:%,;=@&+$!*'()", errors="replace").encode()
    asked = quote(query, safe="=&%:,+", errors="replace").encode()
    return method, raw, asked, body(chance) if method == "POST" else b""


async def answer(app, method: str, raw: bytes, query: bytes, content: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """As a server asks it: the path decoded, whatever it holds."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote_to_bytes(raw).decode(errors="replace"), "raw_path": raw, "query_string": query, "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"accept-encoding", b"identity")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "app": app,
    }  # fmt: skip
    told: list[dict] = []
    asked = iter([{"type": "http.request", "body": content, "more_body": False}])
    gone = asyncio.Event()

    async def receive():
        if (message := next(asked, None)) is not None:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message) -> None:
        told.append(message)

    await app(scope, receive, send)
    gone.set()
    start = next(message for message in told if message["type"] == "http.response.start")
    text = b"".join(message.get("body", b"") for message in told if message["type"] == "http.response.body")
    return start["status"], dict(start["headers"]), text


async def bombard(requests: int, seed: int, out: Path | None = None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        site, store = Site(), Store(Path(folder))
        store.keep(played(Scenario.read(STORED, {"patients": "40"})))
        site.__dict__["pool"] = pool = Pool(store, workers=1, waiting=4)
        pool._start = lambda: None  # what is asked for waits: the queue is full soon
        app, known, chance = application(site), addresses(), random.Random(seed)
        for page in ("/en/", "/en/search", "/api/v1/openapi.json"):  # what a server makes once
            await answer(app, "GET", page.encode(), b"", b"")
        statuses: Counter[int] = Counter()
        faults: list[str] = []
        slowest, began, left = (0.0, b""), time.perf_counter(), iter(range(requests))

        async def visitor() -> None:
            nonlocal slowest
            for _ in left:
                method, raw, query, content = asked = request(known, chance)
                start = time.perf_counter()
                try:
                    status, headers, text = await answer(app, *asked)
                except Exception as error:
                    faults.append(f"{error!r}: {asked}")
                    continue
                took = time.perf_counter() - start
                slowest = max(slowest, (took, raw))
                statuses[status] += 1
                if status >= 500 or b"Traceback" in text or b'File "' in text:
                    faults.append(f"{status}: {asked}")
                elif b"content-security-policy" not in headers:
                    faults.append(f"no policy, {status}: {asked}")
                elif any(b"\n" in value or b"\r" in value for value in headers.values()):
                    faults.append(f"a header with a line break: {asked}")
                elif took > SLOW_SECONDS:
                    faults.append(f"{took:.1f} s: {asked}")

        await asyncio.gather(*(visitor() for _ in range(AT_ONCE)))
        pool.close()
    seconds = time.perf_counter() - began
    counts = ", ".join(f"{number:,} x {status}" for status, number in sorted(statuses.items()))
    told = [f"{requests:,} hostile requests in {seconds:.0f} s ({on()}): {counts}.",
            f"Slowest: {slowest[0]:.2f} s. Faults (status 500 or more, a trace of code, no policy, over "
            f"{SLOW_SECONDS:g} s): {len(faults)}."]  # fmt: skip
    print(*told, f"slowest: {slowest[1].decode(errors='replace')[:200]}", sep="\n")
    if out:
        put(out, "hostile requests", "\n".join(["## Hostile requests", "", *told]))
    for fault in faults[:20]:
        print(fault[:500])
    print(f"{len(faults)} faults")
    return int(bool(faults))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a page whose part on this is written anew")
    given = parser.parse_args()
    logging.getLogger("remission.page").setLevel(logging.ERROR)
    sys.exit(asyncio.run(bombard(given.requests, given.seed, given.out)))


if __name__ == "__main__":
    main()
