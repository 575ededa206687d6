"""A protocol to begin with: four-drug induction, consolidation, maintenance that is held and resumed."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from ..knowledge.errors import BadInput


def template(file: str | Path) -> str:
    """The text of a protocol file that passes the check, its id that of the file's name."""
    path = Path(file)
    text = files("remission.protocol").joinpath("template.yaml").read_text("utf-8")
    id = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "my-protocol"
    return text.replace("{file}", path.name).replace("{id}", id if re.search("[a-z]", id) else f"protocol-{id}")


def new_protocol(file: str | Path) -> Path:
    """Writes the template and returns its path. ``BadInput`` when the file is there already, or cannot be."""
    path = Path(file)
    if path.suffix not in (".yaml", ".yml"):
        raise BadInput("a protocol is a .yaml file", path, remedy=f"Write: remission new-protocol {path.name}.yaml")
    try:
        out = path.open("x", encoding="utf-8")
    except FileExistsError:
        raise BadInput("this file is there already", path, remedy="It was left as it is. Choose another name") from None
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput("there is no such folder", path, remedy=f"Make the folder {path.parent} first") from None
    try:
        with out:
            out.write(template(path))
    except OSError:
        path.unlink(missing_ok=True)  # no stump on a full disk
        raise
    return path
