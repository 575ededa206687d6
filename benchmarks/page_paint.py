"""What a reader on a slow phone waits for: bytes, requests, largest paint and shifts of every kind of page.

    python benchmarks/page_paint.py [--address http://127.0.0.1:8010] [--out docs/page-measured.md]

Chromium as Lighthouse's slow 4G on a phone (150 ms to and fro, 1.6 Mbit/s, processor four times slower), nothing kept
from before; the times are the browser's own entries. Prints Markdown (``--out``: into that page, too); exits with 1
when a target is missed: 60 kB and 6 requests for a page to read, largest paint within a second, no shift.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from page import on, put
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.page.browser.conftest import NAMES, SPY  # noqa: E402
from tests.page.browser.kinds import KINDS, READ  # noqa: E402

SLOW_4G = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}
SLOWER = 4


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--address", help="of a page that is served already")
    ask.add_argument("--browser", default=next((path for name in NAMES if (path := shutil.which(name))), None))
    ask.add_argument("--out", type=Path, help="a page whose part on this is written anew")
    given = ask.parse_args()
    if given.address:
        return _look(given.address, given.browser, given.out)
    server = subprocess.Popen(
        [sys.executable, "-c", "from remission.cli import main; main()", "serve", "--port", "0"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        return _look(re.search(r"http://[\d.:]+", server.stderr.readline())[0], given.browser, given.out)
    finally:
        server.terminate()
        server.wait(10)


def _look(address: str, executable: str | None, out: Path | None) -> int:
    missed = 0
    lines = ["## On a slow phone", "", "", "",
             "| page | bytes | requests | first byte, ms | largest paint, ms | shift |",
             "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        for path in KINDS:
            context = browser.new_context(base_url=address, viewport={"width": 360, "height": 640})
            context.add_init_script(SPY)
            page = context.new_page()
            sizes: list[int] = []
            page.on("requestfinished", lambda asked, sizes=sizes: sizes.append(asked.sizes()["responseBodySize"]))
            page.request.get(path)  # the server has made it once: what is measured is the way to the reader
            devtools = context.new_cdp_session(page)
            devtools.send("Network.enable")
            devtools.send("Network.emulateNetworkConditions", SLOW_4G)
            devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
            page.goto(path, wait_until="networkidle")
            largest, shift = page.evaluate("[seen.largest, seen.shift]")
            first = page.evaluate("performance.getEntriesByType('navigation')[0].responseStart")
            lines.append(f"| {path} | {sum(sizes):,} | {len(sizes)} | {first:.0f} | {largest:.0f} | {shift:.3f} |")
            print(lines[-1], flush=True)
            heavy = path in READ and (sum(sizes) > 60_000 or len(sizes) > 6)
            missed += heavy or largest > 1000 or shift > 0
            context.close()
        browser.close()
    lines[2] = f"Lighthouse's slow 4G, a processor four times slower, in Chromium; nothing kept from before ({on()})."
    if out:
        put(out, "slow phone", "\n".join(lines))
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
