"""Damaged and random files in a short form of benchmarks/fuzz_language.py: each is read or refused by a BadInput."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from remission.knowledge import limits

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import fuzz_language  # noqa: E402


def test_bombs_and_a_hundred_damaged_inputs_are_read_or_refused_within_their_memory() -> None:
    told: list[str] = []
    failures = fuzz_language.fuzz(160, seed=20261129, processes=1, say=told.append, seconds=60.0)
    assert not failures, failures[0]
    assert "160 inputs" in told[0]
    peak = re.search(r"peak memory of a worker ([\d,]+) MiB", told[-1])
    assert peak and int(peak[1].replace(",", "")) < 1024


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process does not begin with its parent's peak")
def test_the_peak_memory_of_a_process_is_not_that_of_the_one_that_started_it() -> None:
    held = b"1" * 500_000_000
    told = subprocess.run(
        [sys.executable, "-c", "from remission.trial.memory import peak_mb; print(peak_mb())"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert 5 < float(told) < len(held) / 1e6


def test_the_page_of_limits_has_every_limit_of_the_code() -> None:
    page = (ROOT / "docs" / "limits.md").read_text("utf-8")
    for name, value in vars(limits).items():
        if name.isupper():
            assert re.search(rf"(?<![\d,]){value:,.0f}(?![\d,])", page), name
