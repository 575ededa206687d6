"""A picture of the page as a file of its own: with its colours inside and a width."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from pathlib import Path

WIDTH, MARGIN, HEAD = 760, 64, 44


def standalone(svg: str, heading: str) -> str:
    """One picture (the first of ``svg``) on a light ground, under its heading, 760 pixels wide."""
    found = re.search(r'<svg [^>]*?height="([\d.]+)"', svg)
    if found is None:
        raise ValueError("there is no picture in this figure")
    height = float(found[1]) + HEAD + 20
    inner = svg.replace('width="100%"', f'x="{MARGIN}" y="{HEAD}" width="{WIDTH - MARGIN - 16}" overflow="visible"', 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}">'
        f'<style>{_colours()}</style><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="16" y="26" class="heading">{escape(heading)}</text>{inner}</svg>\n'
    )


@lru_cache
def _colours() -> str:
    """svg.css for light ground."""
    css = (Path(__file__).parent.parent / "static" / "svg.css").read_text(encoding="utf-8")
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    return re.sub(r"\s+", " ", css.split("@media")[0]).strip() + " .heading{font:600 17px system-ui,sans-serif}"
