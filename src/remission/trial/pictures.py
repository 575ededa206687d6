"""The pictures of a run: one patient on one page, a cohort on one page, and how they are written to a file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from remission.knowledge.errors import BadInput
from remission.knowledge.writing import write_whole

from .picture_cohort import plot_cohort
from .picture_patient import plot_patient

__all__ = ["plot_cohort", "plot_patient", "save"]

_METADATA: dict[str, dict[str, None]] = {".png": {"Software": None}, ".svg": {"Date": None}}


def save(figure: Figure, path: str | Path, *, dpi: int = 150) -> Path:
    """Write a figure as PNG or SVG: the same figure gives the same bytes (no dates, no random names).

    The file appears whole or not at all. Raises ``BadInput`` for another ending, ``OSError`` when the disk refuses.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in _METADATA:
        raise BadInput(f"{target.name!r} cannot be written", file=target, remedy="A picture ends in .png or .svg")
    FigureCanvasAgg(figure)
    with matplotlib.rc_context({"svg.hashsalt": "remission", "svg.fonttype": "path", "hatch.linewidth": 0.7}):
        whole = BytesIO()
        figure.savefig(whole, format=kind[1:], dpi=dpi, metadata=_METADATA[kind], facecolor="white")
    return write_whole(target, _with_palette(whole, dpi) if kind == ".png" else whole.getvalue())


def _with_palette(picture: BytesIO, dpi: int) -> bytes:
    """A PNG of its 256 most frequent colours: bars and lines keep theirs, the edges of letters take the nearest."""
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    packed = (pixels.astype(np.uint32) * np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)).sum(axis=2, dtype=np.uint32)
    colours, which, count = np.unique(packed, return_inverse=True, return_counts=True)
    parts = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.int32)
    palette = parts[np.argsort(-count, kind="stable")[:256]]
    nearest = np.array([np.argmin(((palette - part) ** 2).sum(axis=1)) for part in parts], dtype=np.uint8)
    image = Image.fromarray(nearest[which].reshape(packed.shape), "P")
    image.putpalette(palette.astype(np.uint8).tobytes())
    small = BytesIO()
    image.save(small, "png", optimize=True, dpi=(dpi, dpi))
    return small.getvalue()
