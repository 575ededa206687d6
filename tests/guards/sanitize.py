"""make sanitize: the core built with sanitizers in a folder of its own, then played and led astray.

Address and undefined behaviour: every bundled protocol for 250 days, and the arrays of `hostile`. Threads: two plays
at once, on three threads each. The sanitizers stop the process at the first thing they find.
"""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
from pathlib import Path

from arrays import PROTOCOLS, arrays

from remission.compiled import core

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "sanitize"
ASTRAY = (
    "relapse-pathway",
    "cog-standard-risk",
    "phallcon-ponatinib",
)  # acts, rescues and levels, escalation between them
THREADS = ("cog-standard-risk", "eliana")
BUILDS = {"address": ("address", "undefined", "float-cast-overflow"), "thread": ("thread",)}
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:handle_segv=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:ignore_noninstrumented_modules=1:exitcode=66",
}


def said_by(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def built(name: str) -> Path:
    """The core with these sanitizers."""
    folder = BUILD / name
    subprocess.run(
        ["cmake", "-G", "Ninja", "-S", ROOT, "-B", folder, f"-DREMISSION_SANITIZE={';'.join(BUILDS[name])}",
         "-DCMAKE_BUILD_TYPE=None", f"-Dnanobind_DIR={said_by(sys.executable, '-m', 'nanobind', '--cmake_dir')}",
         f"-DPython_EXECUTABLE={sys.executable}"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    subprocess.run(["cmake", "--build", folder], check=True, stdout=subprocess.DEVNULL)
    (module,) = folder.glob("_core_native*")
    return module


def run(library: str, script: str, *words: object) -> None:
    """The sanitizer's library is loaded first, with the one of C++ that throws: Python itself has neither."""
    compiler = os.environ.get("CXX", "c++")
    preloaded = " ".join(said_by(compiler, f"-print-file-name={name}") for name in (f"lib{library}.so", "libstdc++.so"))
    before = os.times().children_user
    done = subprocess.run(
        [sys.executable, HERE / script, *map(str, words)], env=os.environ | OPTIONS | {"LD_PRELOAD": preloaded},
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    last = "".join(done.stdout.splitlines()[-1:]) or "nothing"
    if done.returncode:
        raise SystemExit(f"{script} with {library}: stopped with {done.returncode} after: {last}")
    print(f"{script} with {library}: {last} ({os.times().children_user - before:.0f} s of CPU)", flush=True)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--every", type=int, default=1, help="only every so many-th of what leads astray")
    every = words.parse_args().every
    folder = BUILD / "arrays"
    folder.mkdir(parents=True, exist_ok=True)
    for name in PROTOCOLS:
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(arrays(name, core.LANES * (8 if name in THREADS else 1))))
    files = {name: folder / f"{name}.pickle" for name in PROTOCOLS}
    addresses = built("address")
    run("asan", "plays.py", addresses, *files.values())
    astray = (files[name] for name in ASTRAY)
    run("asan", "hostile.py", addresses, *astray, "--no-limit", "--every", every, "--days", 12)
    run("tsan", "plays.py", built("thread"), *(files[name] for name in THREADS), "--days", 100, "--at-once", 2)
    print("The sanitizers have found nothing.")


if __name__ == "__main__":
    main()
