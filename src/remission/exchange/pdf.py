"""On paper: a person's calendar, and one patient's or a cohort's picture, as PDF.

The calendar is its page for print, printed by a browser of the Chromium family that is installed: of the ways that
were tried the one that is right in every language (WeasyPrint sets no right-to-left text in order).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from remission.knowledge.errors import BadInput
from remission.knowledge.writing import write_whole
from remission.protocol.calendar import as_html
from remission.protocol.plan import Plan
from remission.trial.run import OnePatient, Run

from .formats import Asked, Format

BROWSER = "REMISSION_BROWSER"  # environment variable with the path of one
NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge",
    "brave-browser",
)  # fmt: skip
ELSEWHERE = {  # where it is not on the path
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ),
    "win32": (
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    ),
}
SECONDS = 120


def calendar(plan: Plan, path: Path, asked: Asked) -> None:
    browser = next(_browsers(), None)
    if browser is None:
        remedy = f"Install Chromium, Chrome or Edge, or name one in {BROWSER}; or write calendar-html and print that"
        raise BadInput("a calendar is printed by a browser, and none is found", remedy=remedy)
    with tempfile.TemporaryDirectory(prefix="remission-pdf-") as room:
        page, made = Path(room) / "calendar.html", Path(room) / "calendar.pdf"
        page.write_text(as_html(plan), encoding="utf-8")
        command = [
            browser, "--headless", "--disable-gpu", "--disable-extensions", "--no-first-run", "--no-pdf-header-footer",
            f"--user-data-dir={room}/profile", f"--print-to-pdf={made}", page.as_uri(),
        ]  # fmt: skip
        if sys.platform != "win32" and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # as root it does not start with one; the page is our own
        why = _run(command)
        if not made.is_file() or not made.read_bytes().startswith(b"%PDF"):
            raise BadInput(f"{browser} has printed nothing ({why})", remedy=f"Name another browser in {BROWSER}")
        write_whole(path, made.read_bytes())


def _browsers() -> Iterator[str]:
    if named := os.environ.get(BROWSER):
        yield named
        return
    yield from (found for name in NAMES if (found := shutil.which(name)))
    yield from (place for place in ELSEWHERE.get(sys.platform, ()) if Path(place).is_file())


def _run(command: list[str]) -> str:
    """What the browser says in its last line when it does not do as asked."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"it took more than {SECONDS} seconds"
    except OSError as error:
        return error.strerror or str(error)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return said[-1][:200] if said else f"exit code {done.returncode}"


def picture(what: Run | OnePatient, path: Path, asked: Asked) -> None:
    import matplotlib

    whole = BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42}):  # letters that can be found and copied
        what.plot().savefig(whole, format="pdf", metadata={"CreationDate": None}, facecolor="white")
    write_whole(path, whole.getvalue())


FORMATS = (
    Format(
        name="calendar-pdf",
        title="Calendar to print, PDF",
        suffix=".pdf",
        media="application/pdf",
        source="https://www.iso.org/standard/75839.html",
        of=("plan",),
        write=calendar,
        starts="a browser",
        limits=("needs a browser of the Chromium family",),
    ),
    Format(
        name="picture-pdf",
        title="Picture of a cohort or of one patient on one page, PDF",
        suffix=".pdf",
        media="application/pdf",
        source="https://www.iso.org/standard/75839.html",
        of=("run", "patient"),
        write=picture,
        limits=("in English",),
    ),
)
