"""The pictures of a run: one patient on one page, a cohort on one page, and how they are written to a file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from remission.knowledge.errors import BadInput
from remission.knowledge.folders import folder_of
from remission.knowledge.writing import write_whole

from .picture_cohort import plot_cohort, shown_of
from .picture_patient import plot_patient

_RGB = 0xFFFFFF  # of a pixel as one number: blue, green, red

__all__ = ["plot_cohort", "plot_patient", "png", "save", "shown_of"]


def save(figure: Figure, path: str | Path, *, dpi: int = 150, here: bool = False) -> Path:
    """Write a figure as PNG or SVG: the same figure gives the same bytes (no dates, no random names).

    The file appears whole or not at all; with ``here`` a link of that name is replaced and not followed. Raises
    ``BadInput`` for another ending, ``OSError`` when the disk refuses.
    """
    target = folder_of(path)
    kind = target.suffix.lower()
    if kind not in (".png", ".svg"):
        raise BadInput(f"{target.name!r} cannot be written", file=target, remedy="A picture ends in .png or .svg")
    return write_whole(target, png(figure, dpi) if kind == ".png" else _svg(figure), here=here)


def _as_set() -> Any:
    """A context in which a figure is drawn, whatever the user's own settings."""
    return matplotlib.rc_context({"svg.hashsalt": "remission", "svg.fonttype": "path", "hatch.linewidth": 0.7})


def _svg(figure: Figure) -> bytes:
    whole = BytesIO()
    FigureCanvasAgg(figure)
    with _as_set():
        figure.savefig(whole, format="svg", metadata={"Date": None}, facecolor="white")
    return whole.getvalue()


def _drawn(figure: Figure, dpi: int) -> NDArray[np.uint8]:
    """[row, column, red-green-blue-alpha]"""
    own = figure.get_dpi()
    try:
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        with _as_set():
            canvas.draw()
        return np.asarray(canvas.buffer_rgba())
    finally:
        figure.set_dpi(own)


def _counted(pixels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The colours there and how many pixels have each; nearly all are white and need no sorting."""
    coloured = pixels[pixels != _RGB]
    colours, times = np.unique(coloured, return_counts=True)
    white = np.array([_RGB], dtype=pixels.dtype)
    return np.concatenate([colours, white]), np.concatenate([times, [pixels.size - coloured.size]])


def png(figure: Figure, dpi: int = 150) -> bytes:
    """A PNG of its 256 most frequent colours: bars and lines keep theirs, the edges of letters take the nearest."""
    bands = np.array_split(_drawn(figure, dpi).view("<u4")[..., 0], 32)  # worked on one by one, in little memory
    found = [_counted(band & _RGB) for band in bands]
    colours, place = np.unique(np.concatenate([some for some, _ in found]), return_inverse=True)
    count = np.bincount(place, np.concatenate([times for _, times in found]))
    parts = np.stack([colours & 255, colours >> 8 & 255, colours >> 16], axis=1).astype(np.int32)
    palette = parts[np.argsort(-count, kind="stable")[:256]]
    nearest = np.zeros(1 << 24, dtype=np.uint8)  # place in the palette, by colour
    for some in np.array_split(np.arange(len(colours)), -(-len(colours) // 256)):
        nearest[colours[some]] = ((palette - parts[some, None]) ** 2).sum(axis=2).argmin(axis=1)
    image = Image.fromarray(np.concatenate([nearest[band & _RGB] for band in bands]), "P")
    image.putpalette(palette.astype(np.uint8).tobytes())
    small = BytesIO()
    image.save(small, "png", dpi=(dpi, dpi))
    return small.getvalue()
