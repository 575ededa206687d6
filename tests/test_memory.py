"""What a process holds."""

from __future__ import annotations

import subprocess
import sys

import pytest

HELD = """
import sys
from remission.trial import memory
def held():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * 4096 / 1e6
if sys.argv[1] == "at once":
    memory.give_back_at_once()
del [bytearray(2_000_000)][0]  # the C library learns that such pieces come and go
before, large, small = held(), [], []
for _ in range(100):
    large.append(bytearray(b"x") * 1_000_000)
    small.append(bytearray(b"x") * 2000)  # lies behind it, and stays
del large
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is the C library of Linux that keeps what is free")
def test_large_pieces_of_memory_that_are_free_are_not_kept() -> None:
    at_once, later = (
        float(subprocess.run([sys.executable, "-c", HELD, how], capture_output=True, text=True, check=True).stdout)
        for how in ("at once", "as usual")
    )
    assert at_once < 10 < 80 < later, "100 MB were free"
