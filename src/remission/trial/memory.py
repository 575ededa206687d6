"""How much memory this process has used and how much the machine has left, and to hold no more than needed."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

FEW = 2048  # patients: fewer are played in as little memory as can be, more as fast as can be
FEW_CORES = 2  # play so few patients: each core holds some 6 MB more
LARGE = 2**18  # bytes
M_MMAP_THRESHOLD = -3  # of malloc.h
OF_POLARS = "_RJEM_MALLOC_CONF"  # settings of the allocator that Polars brings along (jemalloc)


def give_back_at_once() -> None:
    """From now on large pieces of memory are the system's again as soon as they are free. By itself the C library of
    Linux keeps those of up to 32 MB, in each thread, for whoever asks next; another C library stays as it is."""
    if sys.platform == "linux":
        with suppress(AttributeError):
            ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)


def polars_keeps_little() -> None:
    """Polars, where it is not loaded yet, keeps less of what is free: else some for each of its threads and cores."""
    os.environ.setdefault(OF_POLARS, "muzzy_decay_ms:0,narenas:2")


def give_back() -> None:
    """What is free in pieces between others goes back to the system now, where the C library can do that."""
    if sys.platform == "linux":
        with suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


if sys.platform == "win32":
    import psutil

    def peak_mb() -> float:
        """The most memory that this process has held, in 10^6 bytes."""
        return float(psutil.Process().memory_info().peak_wset / 1e6)

    def free_bytes() -> float | None:
        """What the machine has left now; None where the system does not say."""
        return float(psutil.virtual_memory().available)

else:
    import resource

    def peak_mb() -> float:
        """The most memory that this process has held, in 10^6 bytes."""
        try:  # Linux: ru_maxrss also counts what the process that started this one held
            status = Path("/proc/self/status").read_text("utf-8")
        except OSError:
            status = ""
        if own := re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE):
            return int(own[1]) * 1024 / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6

    def free_bytes() -> float | None:
        """What the machine has left now; None where the system does not say."""
        try:
            return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (ValueError, OSError):
            return None
