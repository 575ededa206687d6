"""Plays bundled protocols on a compiled core given by its file; several plays at once give the same as one alone.

python plays.py CORE.so ARRAYS.pickle ... [--days N] [--at-once N]
"""

from __future__ import annotations

import argparse
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
from hostile import load, play


def same(one: Any, other: Any) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip((one[0], *one[1]), (other[0], *other[1]), strict=True)
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("core")
    words.add_argument("arrays", nargs="+")
    words.add_argument("--days", type=int, default=250)
    words.add_argument("--at-once", type=int, default=0, help="so many plays at once, each on three threads")
    said = words.parse_args()
    core = load(said.core)
    for path in said.arrays:
        parts = pickle.loads(Path(path).read_bytes())
        days = {"treatment_days": said.days, "follow_up_days": 3653}
        alone = play(core, parts, **days)
        at_once: list[Any] = [None] * said.at_once

        def run(k: int, parts: Any = parts, days: Any = days, at_once: Any = at_once) -> None:
            at_once[k] = play(core, parts, threads=3, **days)

        running = [threading.Thread(target=run, args=(k,)) for k in range(said.at_once)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert all(same(alone, other) for other in at_once), f"{path}: the threads differ"
        play(core, parts, chance=False, keep=0, **days | {"treatment_days": said.days // 4})
        print(Path(path).stem, f"{sum(len(table[0]) for table in alone[1])} rows", flush=True)


if __name__ == "__main__":
    main()
