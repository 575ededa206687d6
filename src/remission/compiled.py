"""Where compiled code is kept: a folder per state of the sources.

Numba's cache looks only at the file of the function it compiled, not at the modules that function
calls. So the cache folder carries a hash of every module that holds compiled code, and of those whose
numbers it uses: a change there compiles anew, an unchanged installation starts in a second.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

ROOMS = ("patient", "body", "engine")


def sources_hash() -> str:
    """Hash of the modules with compiled functions and of what they import."""
    here = Path(__file__).parent
    texts = {f"{room}.{file.stem}": file.read_text("utf-8") for room in ROOMS for file in (here / room).glob("*.py")}
    needed = {name for name, text in texts.items() if "import njit" in text or "import compiled" in text}
    for name in list(needed):
        room = name.partition(".")[0]
        for own, other in re.findall(r"^from (?:\.(\w+)|remission\.(\w+\.\w+)) import", texts[name], re.MULTILINE):
            needed |= {f"{room}.{own}", other} & texts.keys()
    digest = hashlib.sha256()
    for name in sorted(needed):
        digest.update(f"{name}\0{texts[name]}".encode())
    return digest.hexdigest()[:16]


def keep_compiled_code() -> None:
    """Point Numba's cache at this state of the sources, unless the user chose a folder (NUMBA_CACHE_DIR)."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "remission"
    folder = base / f"compiled-{sources_hash()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a home that cannot be written: numba falls back to its own choice
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    numba = sys.modules.get("numba")
    if numba is not None:
        numba.config.CACHE_DIR = str(folder)
