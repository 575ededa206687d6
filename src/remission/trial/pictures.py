"""The pictures of a run: one patient on one page, a cohort on one page, and how they are written to a file."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from remission.knowledge.errors import BadInput

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
    part = target.with_name(f".{target.name}.part")
    FigureCanvasAgg(figure)
    try:
        with matplotlib.rc_context({"svg.hashsalt": "remission", "svg.fonttype": "path", "hatch.linewidth": 0.7}):
            figure.savefig(part, format=kind[1:], dpi=dpi, metadata=_METADATA[kind], facecolor="white")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target
