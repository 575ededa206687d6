"""The memory of a command, held honestly: what its process and those that it started hold together at most.

`ru_maxrss` will not do: it also counts what the process that started it held, and of children only the largest.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import threading
from pathlib import Path

EVERY_S = 0.02
PROC = Path("/proc")


def waited_for(process: subprocess.Popen[bytes]) -> tuple[int, resource.struct_rusage, float]:
    """Wait for a process: how it ended (0: well), what it used, and the most memory in 10^6 bytes that it and its
    children held together. The peak of the process itself is exact; children are looked at fifty times a second."""
    found, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(EVERY_S):
            together = sum(_held(pid, "VmRSS") for pid in _tree(process.pid))
            found[0] = max(found[0], _held(process.pid, "VmHWM"), together)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
    finally:
        over.set()
        watcher.join()
    peak = found[0] or used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return os.waitstatus_to_exitcode(status), used, peak


def _held(pid: int, what: str) -> float:
    """10^6 bytes, of /proc/PID/status; 0 when the process is gone or the system has no such file."""
    try:
        said = re.search(rf"^{what}:\s*(\d+) kB", (PROC / f"{pid}" / "status").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(said[1]) * 1024 / 1e6 if said else 0.0


def _tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    try:
        born = [int(child) for task in (PROC / f"{pid}" / "task").iterdir() for child in
                (task / "children").read_text().split()]  # fmt: skip
    except OSError:
        born = []
    return [pid, *(descendant for child in born for descendant in _tree(child))]
