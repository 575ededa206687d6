"""What Lighthouse says of the page: python benchmarks/page_lighthouse.py [--address ...] [--out docs/page-measured.md]

Needs Node (npx fetches Lighthouse 12.2.3) and a Chromium. As Lighthouse does it by default: a phone, slow 4G and a
processor four times slower, worked out from one load. Prints Markdown; exits with 1 where the largest paint takes a
second or something moves.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from page import on, put

LIGHTHOUSE = "lighthouse@12.2.3"
GROUPS = ("performance", "accessibility", "best-practices", "seo")
PAGES = (
    "/en/", "/en/treatment/induction", "/en/when-to-call", "/en/side-effects/febrile_neutropenia", "/en/glossary",
    "/en/sources", "/en/sources/letter/S", "/en/questions/relapse", "/en/see/", "/en/see/cog-standard-risk",
    "/en/see/cog-standard-risk/day/8", "/en/see/cog-standard-risk/calendar", "/en/what-if", "/en/chart",
    "/ar/treatment/induction", "/zh/treatment/induction",
)  # fmt: skip


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--address", help="of a page that is served already")
    ask.add_argument("--browser", default=next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None))
    ask.add_argument("--lighthouse", nargs="+", default=["npx", "--yes", LIGHTHOUSE], help="how it is called")
    ask.add_argument("--out", type=Path, help="a page whose part on this is written anew")
    given = ask.parse_args()
    if given.address:
        return _look(given.address, given)
    server = subprocess.Popen(
        [sys.executable, "-c", "from remission.cli import main; main()", "serve", "--port", "0"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        return _look(re.search(r"http://[\d.:]+", server.stderr.readline())[0], given)
    finally:
        server.terminate()
        server.wait(10)


def _look(address: str, given: argparse.Namespace) -> int:
    lines = [f"| page | {' | '.join(GROUPS)} | largest paint, ms | shift | bytes | requests |",
             "| --- |" + " --- |" * (len(GROUPS) + 4)]  # fmt: skip
    print(*lines, sep="\n")
    missed = 0
    for path in PAGES:
        try:
            found = _report(address + path, given)
        except subprocess.CalledProcessError as error:  # the others are measured all the same
            told = f"| {path} | not measured: Lighthouse ended with {error.returncode} |"
            lines.append(told + " |" * (len(GROUPS) + 3))
            print(lines[-1], flush=True)
            continue
        scores = " | ".join(f"{100 * (found['categories'][group]['score'] or 0):.0f}" for group in GROUPS)
        audits = found["audits"]
        paint, shift = (
            audits[name]["numericValue"] for name in ("largest-contentful-paint", "cumulative-layout-shift")
        )
        asked = audits["network-requests"]["details"]["items"]
        size = sum(one.get("transferSize", 0) for one in asked)
        lines.append(f"| {path} | {scores} | {paint:.0f} | {shift:.3f} | {size:,} | {len(asked)} |")
        print(lines[-1], flush=True)
        missed += paint >= 1000 or shift > 0
    if given.out:
        text = (
            f"{LIGHTHOUSE}, its own phone on slow 4G; links between the languages are relative, since a page does not "
        )
        text += f'know under which name it is served, and cost points of "seo" ({on()}).'
        put(given.out, "lighthouse", "\n".join(["## Lighthouse", "", text, "", *lines]))
    return int(missed > 0)


def _report(url: str, given: argparse.Namespace) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        command = [*given.lighthouse, url, "--quiet", "--output=json", f"--output-path={out}",
                   "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
                   f"--only-categories={','.join(GROUPS)}"]  # fmt: skip
        environment = os.environ | ({"CHROME_PATH": given.browser} if given.browser else {})
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return json.loads(out.read_text())


if __name__ == "__main__":
    sys.exit(main())
