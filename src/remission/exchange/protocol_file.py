"""A protocol, or a draft of one, as a file of this project's own language."""

from __future__ import annotations

from pathlib import Path

from remission.knowledge.writing import write_whole
from remission.protocol.model import Protocol
from remission.protocol.write import write as text_of

from .draft import Draft
from .formats import Asked, Format


def write(what: Protocol | Draft, path: Path, asked: Asked) -> None:
    write_whole(path, what.text if isinstance(what, Draft) else text_of(what))


FORMAT = Format(
    name="protocol",
    title="Protocol file of remission",
    suffix=".yaml",
    media="application/yaml",
    source="docs/language.md",
    of=("protocol", "draft"),
    write=write,
)
