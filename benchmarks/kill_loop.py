"""A run that is killed again and again, at random moments, and ends with the bytes of an undisturbed one.

    python benchmarks/kill_loop.py --kills 30

plays a cohort once undisturbed, then the same command into other folders, each time killed (SIGKILL) after a random
time of up to the whole run's, and given again until it ends. Then every file of the two folders is compared, and what
is left behind is looked for. While it is broken, `open_run` must refuse it. Exit code 1 when anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from remission import open_run
from remission.knowledge.errors import BadInput

COMMAND = (sys.executable, "-c", "from remission.cli import main; main()", "simulate")


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file in the folder, hidden ones too, with its sha256."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def moment(out: Path) -> str:
    """Where the run was when it was killed."""
    if not (out / "manifest.json").exists():
        return "before the manifest"
    if list(out.rglob(".*.tmp")):
        return "while a file was written"
    if b'"finished": true' in (out / "manifest.json").read_bytes():
        return "while summary and picture were made"
    return f"with {len(list((out / 'shards').glob('*.json')))} shards"


def killed(words: list[str], after: float) -> bool:
    """Was the command killed, or had it ended before?"""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        _, err = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    if process.returncode:
        raise SystemExit(f"the command failed ({process.returncode}): {err.decode()}")
    return False


def undisturbed(words: list[str]) -> None:
    """Play the command to its end."""
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"the command failed ({done.returncode}): {done.stderr}")


def whole_or_refused(out: Path, patients: int) -> str:
    """A run is shown whole or not at all."""
    try:
        seen = open_run(out).outcomes.height
    except BadInput:
        return "refused"
    if seen != patients:
        raise SystemExit(f"{out} was opened with {seen} of {patients} patients")
    return "whole"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--protocol", default="cog-standard-risk")
    parser.add_argument("--patients", type=int, default=1500)
    parser.add_argument("--follow-up", type=float, default=1.0, help="years")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and of the cohort")
    asked = parser.parse_args()
    chance = random.Random(asked.seed)

    with tempfile.TemporaryDirectory() as there:
        common = [asked.protocol, "--patients", f"{asked.patients}", "--follow-up", f"{asked.follow_up}"]
        common += ["--seed", f"{asked.seed}", "--threads", "1", "--out"]
        began = time.monotonic()
        undisturbed([*COMMAND, *common, f"{there}/undisturbed"])
        length = time.monotonic() - began
        right = fingerprint(Path(there) / "undisturbed")
        kills, runs, moments, opened = 0, 0, Counter[str](), Counter[str]()
        while kills < asked.kills:
            out = Path(there) / f"run-{runs}"
            words = [*COMMAND, *common, str(out)]
            while kills < asked.kills and killed(words, chance.uniform(0.0, length)):
                kills += 1
                moments[moment(out)] += 1
                opened[whole_or_refused(out, asked.patients)] += 1
            undisturbed(words)
            runs += 1
            found = fingerprint(out)
            if found != right:
                differ = sorted(file for file in {*found, *right} if found.get(file) != right.get(file))
                raise SystemExit(f"run {runs} differs after {kills} kills: {', '.join(differ)}")
            print(f"{kills} kills, {runs} runs", file=sys.stderr)
    print(f"{kills} kills in {runs} runs of {asked.patients:,} patients ({length:.0f} s each, undisturbed):")
    print(f"{len(right)} files of each run byte for byte those of the undisturbed one, nothing left behind.")
    print("Opened after a kill: " + ", ".join(f"{name} {n}" for name, n in sorted(opened.items())))
    print("Killed " + ", ".join(f"{name} {n}" for name, n in sorted(moments.items())))


if __name__ == "__main__":
    main()
