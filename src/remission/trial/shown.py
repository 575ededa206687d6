"""How an object that rich can print looks elsewhere: as text with ``print``, as HTML in a notebook."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

WIDTH = 120  # characters
_PRE = '<pre style="white-space:pre;overflow-x:auto;line-height:normal;font-family:monospace">{code}</pre>'


class Shown:
    """``str()`` and ``_repr_html_`` from ``__rich__``."""

    def __rich__(self) -> RenderableType:
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join(line.rstrip() for line in _printed(self).export_text().splitlines())

    def _repr_html_(self) -> str:
        return _printed(self).export_html(inline_styles=True, code_format=_PRE)


def _printed(what: RenderableType) -> Console:
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_jupyter=False)
    console.print(what)
    return console
