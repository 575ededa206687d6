"""`make verify`; or, in tests/, `python -m verification [--patients 200] [--few 20] [--protocols ...] [--out PAGE]`.

A patient takes the reference seconds: what is done is kept in runs/verification, and the same command goes on there.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

from remission.knowledge.writing import write_whole
from remission.protocol.reader import read_protocol

from . import cohort, convergence, extinction, identity, report
from .cohort import POPULATION, Study

HOME = Path(__file__).parent.parent.parent
MAIN = ("cog-standard-risk", "bfm-standard")
OTHERS = ("cog-ph-positive", "tower", "ino-vate", "eliana", "forum-tbi")  # one of each modality
OWN = 2  # patients of a protocol who are integrated once more, tighter; of the others, one
KEPT = HOME / "runs" / "verification"


def version() -> str:
    """Commit of the code, and whether it was changed since."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=HOME, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "src", "tests")
        return git("rev-parse", "--short", "HEAD") + (" (with changes)" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def main() -> None:
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="make verify", description=__doc__)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--protocols", nargs="+", default=list(MAIN))
    parser.add_argument("--others", nargs="*", default=list(OTHERS), help="one of each modality, with fewer patients")
    parser.add_argument("--few", type=int, help="so many (a tenth)")
    parser.add_argument("--folder", type=Path, default=KEPT, help="where what is done is kept")
    parser.add_argument("--processes", type=int, default=cores)
    parser.add_argument("--trials", type=int, default=20000, help="patients of each extinction")
    parser.add_argument("--out", type=Path, help="also write the page to this file")
    chosen = parser.parse_args()
    if chosen.patients < 1 or chosen.processes < 1 or chosen.trials < 1:
        parser.error("--patients, --processes and --trials are 1 or more")

    sections: dict[str, list[str]] = {}
    few = chosen.few or max(2, chosen.patients // 10)
    made_by = version()

    def show(title: str, lines: list[str]) -> None:
        """Print what was found, and write the page anew: whoever is stopped has what there was until then."""
        if title not in sections:
            print(f"\n## {title}\n")
        sections.setdefault(title, []).extend(lines)
        print("\n".join(lines), flush=True)
        if chosen.out:
            command = f"make verify PATIENTS={chosen.patients} FEW={few}"
            system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
            machine = f"{system}, {chosen.processes} process{'es' if chosen.processes > 1 else ''}"
            write_whole(chosen.out, report.page(made_by, command, machine, sections))

    studies = [Study(name, chosen.patients) for name in chosen.protocols]
    studies += [Study(name, few, population=read_protocol(name).population or POPULATION) for name in chosen.others]
    for study in studies:

        def progress(done: int, study: Study = study) -> None:
            if sys.stderr.isatty():
                print(f"\r{study.protocol}: {done} of {study.patients} patients ", end="", file=sys.stderr, flush=True)

        own = min(OWN if study.protocol in chosen.protocols else 1, study.patients)
        result = cohort.run(study, chosen.processes, own, progress, chosen.folder)
        show("Whole treatments in closed loop", report.closed_loop(result))
    show("Extinction by chance", report.extinction([extinction.measure(c, chosen.trials) for c in extinction.clones()]))
    if convergence.can_refine():
        for name in chosen.protocols:
            study = Study(name, min(8, chosen.patients))
            measured = convergence.measure(*study.ready(), study.seed)
            show("Order of convergence", report.convergence(name, study.patients, measured))
    else:
        show("Order of convergence", ["Skipped: the engine has no option to divide its steps (`Options.refine`).", ""])
    show("Identity", report.identity(list(identity.checks(chosen.protocols[0]))))


if __name__ == "__main__":
    main()
