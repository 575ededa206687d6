"""What a process holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
    small.append(bytearray(b"x") * 60_000)  # lies behind it (too much for holes left by compiling), and stays
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


WHOLE = """
import atexit, sys
from remission.cli import program
from remission.trial.memory import peak_mb
atexit.register(lambda: print("most:", peak_mb()))
sys.argv = ["remission", *sys.argv[1:]]
program()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="another system's libraries hold another amount")
@pytest.mark.parametrize("threads", [2, 8])
def test_a_thousand_patients_with_tables_and_picture_stay_below_300_mb(tmp_path: Path, threads: int) -> None:
    """However many cores: shards that were played side by side and what allocators kept took more than that."""
    command = ["simulate", "cog-standard-risk", "--out", str(tmp_path / "run"), "--threads", f"{threads}"]
    environment = {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"}
    shown = subprocess.run(
        [sys.executable, "-c", WHOLE, *command], capture_output=True, text=True, check=True,
        env=environment | {"POLARS_MAX_THREADS": f"{threads}"},
    )  # fmt: skip
    assert (tmp_path / "run" / "cohort.png").exists()
    assert 150 < float(shown.stdout.partition("most:")[2]) < 300
