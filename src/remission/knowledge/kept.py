"""The shipped knowledge as it was read when the package was set up: whoever starts need not parse it again.

``python -m remission.trial.keep`` (`make setup` and `make wheel` do it) writes `FILE`. It holds while the shipped files
and the code that reads them are, byte by byte, those it was made of, and Python and pydantic the same; else, and where
it is missing, everything is read from the files as if it were not there. Own folders are always read.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import VERSION

from .writing import write_whole

HOUSE = Path(__file__).parent.parent
DATA = HOUSE / "knowledge/data"
FILE = HOUSE / "knowledge/kept.pickle"
READERS = ("knowledge/*.py", "patient/*.py", "protocol/*.py", "protocol/sentences.*", "knowledge/data/**/*.*")
_SIZE = hashlib.sha256().digest_size


@lru_cache(maxsize=1)
def things() -> Mapping[str, bytes]:
    """What is kept, by name, for `thing`; nothing where it does not fit what is there now."""
    try:
        written = FILE.read_bytes()
    except OSError:
        return {}
    head, body = written[: 2 * _SIZE], written[2 * _SIZE :]
    if head != hashlib.sha256(body).digest() + state():  # cut off, or of other files
        return {}
    found: dict[str, bytes] = pickle.loads(body)
    return found


def thing(name: str) -> Any:
    """A new copy of what is kept under a name."""
    return _Reader(io.BytesIO(zlib.decompress(things()[name]))).load()


def write(some: Mapping[str, object], file: Path = FILE) -> None:
    """Keep these. ``OSError`` when the disk refuses."""
    body = pickle.dumps({name: zlib.compress(_pickled(one)) for name, one in some.items()})
    write_whole(file, hashlib.sha256(body).digest() + state() + body)


def state() -> bytes:
    """A hash of all that decides what the files are read as."""
    digest = hashlib.sha256(f"{VERSION} {sys.version_info[:2]}\n".encode())
    for path in sorted({path for pattern in READERS for path in HOUSE.glob(pattern)}):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(HOUSE).as_posix()}\0{content}\n".encode())
    return digest.digest()


# Places name the shipped files: these are written as seen from `DATA`, which lies elsewhere on another machine.


class _Writer(pickle.Pickler):
    def persistent_id(self, one: object) -> str | tuple[str, ...] | None:
        if type(one) is str and one.startswith(str(DATA)):
            return one[len(str(DATA)) :]
        if isinstance(one, Path) and one.is_relative_to(DATA):
            return one.relative_to(DATA).parts
        return None


class _Reader(pickle.Unpickler):
    def persistent_load(self, rest: str | tuple[str, ...]) -> str | Path:
        return f"{DATA}{rest}" if isinstance(rest, str) else DATA.joinpath(*rest)


def _pickled(one: object) -> bytes:
    whole = io.BytesIO()
    _Writer(whole, 5).dump(one)
    return whole.getvalue()
