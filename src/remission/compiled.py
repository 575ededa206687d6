"""The compiled core for this processor.

An installation from source has one, compiled for the machine it was made on; a wheel has one for each kind of
processor, and the best that runs here is taken. Nothing is compiled and nothing is cached at run time.
"""

from __future__ import annotations

import importlib
import importlib.util
import platform
from pathlib import Path
from types import ModuleType

from remission.knowledge.errors import BadInput

PARTS = ("v4", "v3", "v2", "base", "native")
NEEDS = {  # what a kind asks of an x86-64 processor, by the names that numpy gives
    "v4": ("AVX512F", "AVX512BW", "AVX512CD", "AVX512DQ", "AVX512VL", "FMA3"),
    "v3": ("AVX2", "FMA3", "BMI2"),
    "v2": ("SSE42", "POPCNT"),
}


def kinds() -> list[str]:
    """The kinds of processor that this installation has a core for, the one made here first."""
    found = [kind for kind in PARTS if importlib.util.find_spec(f"remission._core_{kind}") is not None]
    return sorted(found, key=lambda kind: kind != "native")


def runs_here(kind: str) -> bool:
    """Can this processor run the core of this kind?"""
    if kind not in NEEDS:
        return True
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    from numpy._core._multiarray_umath import __cpu_features__ as has  # type: ignore[import-not-found,unused-ignore]

    return all(has.get(feature, True) for feature in NEEDS[kind])


def _load() -> ModuleType:
    for kind in kinds():
        if runs_here(kind):
            return importlib.import_module(f"remission._core_{kind}")
    raise BadInput(
        "the compiled core of remission is missing, or none of it runs on this processor",
        file=Path(__file__).parent,
        remedy="Install the package with pip; in a checkout: make setup",
    )


core = _load()
