"""The compiled core for this processor.

An installation from source has one, compiled for the machine it was made on; a wheel has one for each kind of
processor, and the best that runs here is taken. Nothing is compiled and nothing is cached at run time.
REMISSION_CORE=v2 (or another kind that is installed) takes that one: the same build on machines that differ.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from remission.knowledge.errors import BadInput

CHOICE = "REMISSION_CORE"  # the environment's own choice
KINDS = ("native", "v4", "v3", "v2", "base")  # the best first; native was made on this machine
NEEDS = {  # what a kind asks of an x86-64 processor, as numpy calls it (every one with AVX2 and FMA has BMI)
    "v4": ("AVX2", "FMA3", "AVX512F", "AVX512BW", "AVX512CD", "AVX512DQ", "AVX512VL"),
    "v3": ("AVX2", "FMA3"),
    "v2": ("SSE42",),
}


def installed() -> list[str]:
    """The kinds of processor that this installation has a core for, the best first."""
    return [kind for kind in KINDS if importlib.util.find_spec(f"remission._core_{kind}") is not None]


def features() -> Mapping[str, bool]:
    """What this processor and its operating system can do, as numpy found it when it was loaded."""
    from numpy._core._multiarray_umath import __cpu_features__ as has  # type: ignore[import-not-found,unused-ignore]

    return has


def choose(kinds: Sequence[str], machine: str, has: Mapping[str, bool], wanted: str | None = None) -> str | None:
    """The kind to load of those installed (the best first): the ``wanted`` one, else the first that runs on this
    ``machine`` (as `platform.machine` names it), which ``has`` these features; None when none does. What is not known
    of a processor is not asked of it. Raises `BadInput` for a wanted one that is not there or cannot run."""

    def runs(kind: str) -> bool:
        if kind not in NEEDS:
            return True
        return machine.lower() in ("x86_64", "amd64") and all(has.get(feature, False) for feature in NEEDS[kind])

    if wanted:
        if wanted not in kinds:
            known = ", ".join(kinds) or "none"
            raise BadInput(f"{CHOICE}={wanted}: there is no such core here", remedy=f"Installed: {known}")
        if not runs(wanted):
            raise BadInput(f"{CHOICE}={wanted}: this processor cannot run it", remedy=f"Leave {CHOICE} out")
        return wanted
    return next((kind for kind in kinds if runs(kind)), None)


def _load() -> ModuleType:
    kind = choose(installed(), platform.machine(), features(), os.environ.get(CHOICE))
    if kind is None:
        raise BadInput(
            "the compiled core of remission is missing, or none of it runs on this processor",
            file=Path(__file__).parent,
            remedy="Install the package with pip; in a checkout: make setup",
        )
    return importlib.import_module(f"remission._core_{kind}")


core = _load()
