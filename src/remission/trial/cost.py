"""What a big run will cost, measured before it begins: time on this machine, space on the disk or in memory."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from remission.engine.shards import Tables, size_on_disk
from remission.knowledge.errors import BadInput

from . import memory

WEIGHED_FROM = 100_000  # patients; fewer are played at once
LONG_SECONDS = 3600.0
LARGE_BYTES = 10e9
_UNITS = ((365.25 * 86400, "year"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True)
class Cost:
    """What ``patients`` will take. ``where``: "disk" or "memory"; ``free_bytes``: what is free there."""

    patients: int
    seconds: float
    size_bytes: float
    free_bytes: float
    where: str

    @property
    def big(self) -> bool:
        """Worth a question: an hour, 10 GB, or half of what is free."""
        return self.seconds > LONG_SECONDS or self.size_bytes > min(LARGE_BYTES, self.free_bytes / 2)

    def __str__(self) -> str:
        rate = self.patients / self.seconds
        return (
            f"{self.patients:,} patients will take about {duration(self.seconds)} (at {rate:,.0f} patients/s, measured "
            f"now) and about {size(self.size_bytes)} of {self.where} ({size(self.free_bytes)} are free)"
        )


Consent = Callable[[Cost], bool]


def weigh(play: Callable[[int, int], Tables], patients: int, out: Path | None, threads: int | None) -> Cost:
    """The cost of so many patients, from a few of them that are played for it."""
    some = 32 * max(2, threads or os.cpu_count() or 1)
    play(0, some)  # loads the compiled code
    began = time.perf_counter()
    tables = play(0, some)
    each = (time.perf_counter() - began) / some
    if out is None:
        bytes_each = sum(frame.estimated_size() for frame in tables.values()) / some
        return Cost(patients, each * patients, bytes_each * patients, memory.free_bytes() or LARGE_BYTES, "memory")
    bytes_each = sum(size_on_disk(frame) for frame in tables.values()) / some
    there = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    return Cost(patients, each * patients, bytes_each * patients, shutil.disk_usage(there).free, "disk")


def ask(cost: Cost, consent: Consent | None) -> None:
    """`BadInput` for a big run that nobody agreed to; without ``consent`` nobody can."""
    if cost.big and not (consent and consent(cost)):
        remedy = "Agree to it (--yes on the command line, consent=... in Python), or ask for fewer patients"
        if cost.where == "memory":
            remedy = "Give --out, a folder on a disk, and " + remedy[0].lower() + remedy[1:]
        raise BadInput(str(cost), remedy=remedy)


def duration(seconds: float) -> str:
    """In its largest unit: 4.2 hours, 12 days."""
    length, unit = next((one for one in _UNITS if seconds >= one[0]), _UNITS[-1])
    number = f"{seconds / length:,.1f}" if seconds / length < 10 else f"{seconds / length:,.0f}"
    return f"{number} {unit}" + ("" if number in ("1", "1.0") else "s")


def size(number: float) -> str:
    """Bytes in decimal units: 8.6 MB."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.0f} PB" if number >= 100 else f"{number:.3g} PB"
