"""Files that appear whole or not at all: written beside, synced, renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from pathlib import Path

from .folders import folder_of, remote


def write_whole(path: str | Path, content: str | bytes, *, here: bool = False) -> Path:
    """Write a file (text as UTF-8) so that under its name it is absent, the old one or whole.

    A link is followed, an existing file keeps its mode, what is no file (``/dev/stdout``, a pipe) is written to as it
    is; with ``here`` each of these is replaced by a file, so that nothing outside the folder of ``path`` is touched.
    Returns the path. Raises ``OSError`` that names ``path``, whatever step failed, and leaves nothing behind.
    """
    path = folder_of(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if remote(path):  # an object appears whole
            path.write_bytes(data)
        elif here:
            _replace(path, data)
        elif path.exists() and (path.parent == Path("/dev") or not stat.S_ISREG(path.stat().st_mode)):
            path.write_bytes(data)
        else:
            _replace(Path(os.path.realpath(path)), data)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    return path


def half_written(folder: Path, name: str = "*") -> list[Path]:
    """What a kill in the middle of `write_whole` left in a folder, of the files that fit ``name``."""
    return sorted(folder.glob(f".{name}.tmp"))


def _replace(target: Path, data: bytes) -> None:
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(beside, "xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if target.is_file() and not target.is_symlink():
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    if os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(target.parent, os.O_RDONLY)  # the name is on the disk too
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
