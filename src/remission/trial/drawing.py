"""matplotlib, loaded in half the time by a process of our own that draws nothing but our pictures.

They are set in one typeface that travels with matplotlib: no list of all fonts of the machine is made (seconds, at the
first start), none is written into the user's home, and what only a reader of help texts or a painter in three
dimensions would miss is not loaded. Whoever uses remission as a library has the whole of matplotlib.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HOME = "MPLCONFIGDIR"  # where matplotlib looks for settings and for its list of fonts
SHAPES = {"DejaVuSans": ("normal", 400), "DejaVuSans-Bold": ("normal", 700), "DejaVuSans-Oblique": ("oblique", 400),
          "DejaVuSans-BoldOblique": ("oblique", 700)}  # fmt: skip
_ours = False


def only_ours() -> None:
    """Nobody else draws in this process."""
    global _ours
    _ours = True


def load() -> None:
    """Import matplotlib and our pictures."""
    if _ours and "matplotlib" not in sys.modules:
        with suppress(OSError), _few_fonts():  # no place to write a file: then as everybody does
            importlib.import_module("matplotlib.font_manager")
        artist = importlib.import_module("matplotlib.artist")
        with (
            _instead(vars(artist), "kwdoc", lambda of: ""),  # all properties, in the help of each `set`
            _instead(sys.modules, "mpl_toolkits.mplot3d", SimpleNamespace(Axes3D=None)),
        ):
            importlib.import_module("matplotlib.figure")
    from . import pictures  # noqa: F401


@contextmanager
def _few_fonts() -> Iterator[None]:
    """matplotlib finds a list of fonts in which our typeface stands alone. A matplotlib that writes its list otherwise
    does not know it and makes its own."""
    if HOME in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="remission-") as folder:
        version = _version_of_list()
        Path(folder, f"fontlist-v{version}.json").write_text(json.dumps(_list(version)), "utf-8")
        with _instead(os.environ, HOME, folder):
            yield


def _version_of_list() -> str:
    spec = find_spec("matplotlib")
    house = Path(str(spec.origin)).parent if spec else Path()
    found = re.search(r"^    __version__ = '([^']+)'", (house / "font_manager.py").read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def _list(version: str) -> dict[str, object]:
    fonts = [
        {"fname": f"fonts/ttf/{file}.ttf", "name": "DejaVu Sans", "style": style, "variant": "normal",
         "weight": weight, "stretch": "normal", "size": "scalable", "__class__": "FontEntry"}
        for file, (style, weight) in SHAPES.items()
    ]  # fmt: skip
    return {
        "_version": version, "_FontManager__default_weight": "normal", "default_size": None,
        "defaultFamily": {"ttf": "DejaVu Sans", "afm": "Helvetica"}, "afmlist": [], "ttflist": fonts,
        "__class__": "FontManager",
    }  # fmt: skip


@contextmanager
def _instead(known: MutableMapping[str, Any], name: str, other: object) -> Iterator[None]:
    """Within, that name means something else."""
    before = known.get(name)
    known[name] = other
    try:
        yield
    finally:
        if before is None:
            del known[name]
        else:
            known[name] = before
