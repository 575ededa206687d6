"""Results of scenarios on disk: those that travel with the package, and those played here, by hash, up to a size.

A file that cannot be read as what it should be is taken away, and the scenario is played anew.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library, using
from remission.knowledge.writing import half_written, write_whole

from .foundations import numbers
from .packed import LARGEST, packed, unpacked
from .scenario import Scenario
from .summary import Summary

STORED = Path(__file__).parent / "stored"
ENDING = ".scenario"
SIZE = 256_000_000  # bytes kept on disk
IN_MEMORY = 48  # summaries
ABANDONED_SECONDS = 600.0  # after which nobody writes a file any more

_log = logging.getLogger("remission.page")


class Store:
    """``folder``: where results are kept (None: in memory only); ``size``: at most so many bytes of them. Safe to use
    from several threads, and from several processes on one folder."""

    def __init__(self, folder: Path | None, knowledge: Library | None = None, size: int = SIZE) -> None:
        self.knowledge = knowledge or library()
        self.size = size
        self._memory: OrderedDict[str, Summary] = OrderedDict()
        self._lock = Lock()
        self.folder = folder
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _tidied(folder)
            except OSError as error:
                _log.warning("results are kept in memory only: %s", error)
                self.folder = None

    def find(self, scenario: Scenario) -> Summary | None:
        """The results of all its patients, where they are there."""
        with using(self.knowledge):
            key = scenario.key
        with self._lock:
            if found := self._memory.get(key):
                self._memory.move_to_end(key)
                return found
        found = self._kept(key, scenario) or self.stored(scenario)
        if found is not None:
            self._remember(key, found)
        return found

    def keep(self, summary: Summary) -> None:
        """Results that are whole; they are there from now on."""
        with using(self.knowledge):
            key = summary.scenario.key
        self._remember(key, summary)
        if self.folder is None:
            return
        try:
            self._make_room()
            write_whole(self.folder / f"{key}{ENDING}", packed(summary), here=True)
        except OSError as error:
            _log.warning("results could not be kept: %s", error)

    def stored(self, scenario: Scenario) -> Summary | None:
        """The results of the package, where they are of these numbers."""
        if scenario.query:
            return None
        found = _read(STORED / f"{scenario.path}{ENDING}")
        if found is None or found.scenario != scenario or found.knowledge != numbers(scenario, self.knowledge):
            return None
        return found

    def _kept(self, key: str, scenario: Scenario) -> Summary | None:
        if self.folder is None:
            return None
        path = self.folder / f"{key}{ENDING}"
        found = _read(path)
        if found is not None and (found.scenario != scenario or not found.complete):
            _log.warning("the results in %s are not those of its name: they are made anew", path.name)
            found = None
        with contextlib.suppress(OSError):
            if found is None:
                path.unlink(missing_ok=True)
            else:
                os.utime(path)  # the ones not asked for longest make room
        return found

    def _remember(self, key: str, summary: Summary) -> None:
        with self._lock:
            self._memory[key] = summary
            self._memory.move_to_end(key)
            while len(self._memory) > IN_MEMORY:
                self._memory.popitem(last=False)

    def _make_room(self) -> None:
        assert self.folder is not None
        files = []
        for path in self.folder.glob(f"*{ENDING}"):
            with contextlib.suppress(OSError):
                files.append((path.stat().st_mtime_ns, path.stat().st_size, path))
        held = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if held + LARGEST <= self.size:
                break
            path.unlink(missing_ok=True)
            held -= size


def stored_addresses() -> list[str]:
    """The addresses of the scenarios that travel with the package, in alphabetical order."""
    return sorted(path.name.removesuffix(ENDING) for path in STORED.glob(f"*{ENDING}"))


def default_folder() -> Path | None:
    """Where results are kept on this machine: the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(cache) if re.match("/", cache) else Path.home() / ".cache") / "remission" / "scenarios"
    except RuntimeError:  # nobody's home
        return None


def _tidied(folder: Path) -> None:
    """What a kill left half written is taken away; what is young another server may just be writing."""
    for path in half_written(folder):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()


def _read(path: Path) -> Summary | None:
    try:
        if not path.is_file():  # a pipe would make everybody wait
            return None
        with open(path, "rb") as stream:
            data = stream.read(LARGEST + 1)
        return unpacked(data)
    except OSError:
        return None
    except BadInput as error:
        _log.warning("%s: %s", path.name, error)
        return None
