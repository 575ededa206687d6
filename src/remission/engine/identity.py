"""What build of remission this is: the hashes that a run carries, and by which machines that work together compare."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import remission.knowledge
from remission.knowledge.errors import BadInput

ROOMS = ("knowledge", "protocol", "patient", "body", "engine")  # whose code decides what a run holds
VERSIONS = ("remission", "numpy", "polars")  # other versions may give other bytes


def code_identity() -> dict[str, str]:
    """Hashes of the code that decides what a run holds, and of the compiled core: for another processor it may round
    otherwise."""
    from remission.compiled import core

    return {
        "code": _hash_files(*(f"{room}/*.{kind}" for room in ROOMS for kind in ("py", "lark"))),
        "core": hash_of(Path(str(core.__file__))),
    }


def versions() -> dict[str, str]:
    """Of the packages that shape what is written."""
    return {package: version(package) for package in VERSIONS}


def hash_of(path: Path) -> str:
    """The sha256 of a file; `BadInput` when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadInput(f"the file cannot be read ({error.strerror})", file=path) from error


def _hash_files(*patterns: str) -> str:
    """One sha256 over the names and contents of the package's files that fit the patterns."""
    house = Path(remission.knowledge.__path__[0]).parent
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in house.glob(pattern)}):
        digest.update(f"{path.relative_to(house).as_posix()}\0{hash_of(path)}\n".encode())
    return digest.hexdigest()
