"""A folder held by one process: the lock is the system's, so it ends with the process, however that ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder that is there; ``BlockingIOError`` when another process does, ``OSError`` when it cannot."""
    handle = _opened(folder)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":  # a folder cannot be opened there: a file beside it stands for it
    import msvcrt

    def _opened(folder: Path) -> int:
        return os.open(folder.with_name(f".{folder.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_TEMPORARY)

    def _lock(handle: int) -> None:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from error

else:
    import fcntl

    def _opened(folder: Path) -> int:
        return os.open(folder, os.O_RDONLY)

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
