"""Drives the hand-written C++ (yardstick.cpp): compiles it for this machine and calls it."""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
from contenders.unavailable import Unavailable
from reference_problem import Problem, Result, given

SOURCE = Path(__file__).with_name("yardstick.cpp")
# Contraction is allowed and NaN is not expected; reassociation stays forbidden (it would break exp and log).
FLAGS = (
    "-O3 -std=c++17 -march=native -mprefer-vector-width=512 -ffp-contract=fast -ffinite-math-only -fno-math-errno "
    "-fno-trapping-math -fno-signed-zeros -Wno-psabi -shared -fPIC -pthread"
).split()


@cache
def library(*more: str) -> ctypes.CDLL:
    """The compiled yardstick, in a directory of its own that lives as long as this process."""
    if shutil.which("g++") is None:
        raise Unavailable("not on this machine (no g++)")
    key = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]
    directory = tempfile.TemporaryDirectory(prefix="yardstick-")
    built = Path(directory.name) / f"yardstick-{key}.so"
    subprocess.run(["g++", *FLAGS, *more, str(SOURCE), "-o", str(built)], check=True)
    loaded = ctypes.CDLL(str(built))
    directory.cleanup()
    return loaded


def prepare(problem: Problem) -> None:
    library()


def _aligned(weeks: int, patients: int) -> np.ndarray:
    raw = np.empty(weeks * patients + 8)
    offset = (-raw.ctypes.data % 64) // 8
    return raw[offset : offset + weeks * patients].reshape(weeks, patients)


def operations(problem: Problem) -> float:
    """Floating point operations of a patient-day, counted while the problem is played: each of a vector's numbers, a
    fused multiply-add as two."""
    counting = library("-DCOUNT_OPERATIONS")
    counting.operations.restype = ctypes.c_double
    before = counting.operations()
    run(problem, compiled=counting)
    lanes = counting.lanes()
    played = -(-problem.patients // lanes) * lanes
    return (counting.operations() - before) / played / problem.days


def peak(rounds: int = 20_000_000) -> float:
    """Operations a second of one core at multiply-adds that wait for nothing: the most that this machine does."""
    work, kept = library().multiply_adds, np.array([0.999, 0.001])
    work.restype = ctypes.c_double
    best = 0.0
    for _ in range(5):
        begin = time.process_time()
        done = work(ctypes.c_long(rounds), ctypes.c_void_p(kept.ctypes.data))
        best = max(best, done / (time.process_time() - begin))
        kept[:] = 0.999, 0.001
    return best


def run(problem: Problem, threads: int = 1, compiled: ctypes.CDLL | None = None) -> Result:
    compiled = compiled or library()
    begin = time.perf_counter()
    patients, lanes = problem.patients, compiled.lanes()
    padded = -(-patients // lanes) * lanes
    parameters, table = problem.matrix(), np.ascontiguousarray(given(problem.days))
    outputs = [_aligned(problem.weeks, padded) for _ in range(4)]
    pointer = ctypes.c_void_p
    compiled.simulate(
        ctypes.c_long(patients), ctypes.c_long(padded), ctypes.c_long(problem.days), ctypes.c_int(problem.closed_loop),
        ctypes.c_int(threads), pointer(parameters.ctypes.data), pointer(table.ctypes.data),
        *(pointer(output.ctypes.data) for output in outputs),
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    return Result(*(o.T[:patients] for o in outputs), seconds=seconds, patients=patients, days=problem.days)
