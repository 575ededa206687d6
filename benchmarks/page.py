"""A page in docs/ that several commands write: each puts its part between two comments that bear its name."""

from __future__ import annotations

import datetime
import os
from pathlib import Path


def on() -> str:
    """The day, the processors and what else they had to do: what a time that was measured depends on."""
    busy = os.getloadavg()[0]
    return f"{datetime.date.today():%d %B %Y}, {os.cpu_count()} processors, load {busy:.1f} when it ended"


def put(page: Path, part: str, text: str) -> None:
    """Write ``text`` as that part of the page, in place of the part as it was, or at the end when it is new."""
    begin, end = f"<!-- {part}: made by its command -->\n", f"<!-- end of {part} -->\n"
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    head, found, rest = before.partition(begin)
    _, ended, tail = rest.partition(end)
    if found and not ended:
        raise SystemExit(f"{page}: the part '{part}' does not end with {end.strip()}")
    gap = "" if found or not head or head.endswith("\n\n") else "\n"
    page.write_text(f"{head}{gap}{begin}\n{text.strip()}\n\n{end}{tail}", encoding="utf-8")
