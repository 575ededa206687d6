"""The registry of formats: the command line, Python and the page ask here and nowhere else.

A module of this room that has a ``FORMAT`` (or ``FORMATS``, several) is found by itself; a package of somebody else's
joins with an entry point of the group ``remission.formats`` that names a `Format`. What lies above a module is light: a
format imports its library when it writes or reads.
"""

from __future__ import annotations

import importlib
import pkgutil
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from remission.knowledge.errors import BadInput, nearest

from .guarded import Head, head

Kind = Literal["run", "patient", "plan", "protocol", "chart", "doses", "draft"]
GROUP = "remission.formats"
WORDS: dict[Kind, str] = {
    "run": "a run",
    "patient": "one patient of a run",
    "plan": "a calendar",
    "protocol": "a protocol",
    "chart": "a chart",
    "doses": "doses that were given",
    "draft": "a draft of a protocol",
}
_HOUSE: dict[Kind, str] = {"chart": "allmt", "doses": "doses", "draft": "protocol"}  # in which form it is kept here
_CLASSES: dict[Kind, tuple[str, str]] = {  # where what is written comes from; looked up when it is asked
    "run": ("remission.trial.run", "Run"),
    "patient": ("remission.trial.run", "OnePatient"),
    "plan": ("remission.protocol.plan", "Plan"),
    "protocol": ("remission.protocol.model", "Protocol"),
    "chart": ("remission.individual.chart", "Chart"),
    "doses": ("remission.protocol.doses", "Doses"),
    "draft": ("remission.exchange.draft", "Draft"),
}


@dataclass(frozen=True)
class Asked:
    """What whoever exports may choose. ``start``: the date of day 0 of a run, which has none; ``more``: what only one
    format knows (`Format.options`)."""

    start: date = date(2027, 1, 4)
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """One format. ``suffix``: of its file, "" for a folder of files; ``of``: what can be written in it; ``gives``: what
    reading it gives.

    ``write(what, path, asked)`` writes the file, or makes the folder, under a name that is not there yet: what appears
    under the name that was asked for is whole. ``read(path)`` raises `BadInput` for whatever cannot be used, and takes
    the text through `guarded`. ``knows(head)``: does a file begin like this format? ``needs``: the extra that has to be
    installed; ``starts``: a program that writing starts (a server does not offer the format). ``source``: the address
    of its specification. ``options``: names that `Asked.more` may have, with what they do; ``asks``: names of what
    ``read`` takes besides. ``limits``: what is lost on the way, one sentence each.
    """

    name: str
    title: str
    suffix: str
    media: str
    source: str
    of: tuple[Kind, ...] = ()
    gives: Kind | None = None
    write: Callable[[Any, Path, Asked], None] | None = None
    read: Callable[..., Any] | None = None
    knows: Callable[[Head], bool] | None = None
    needs: str | None = None
    starts: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    asks: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()

    def ways(self) -> str:
        """What goes out and comes in, in words."""
        ways = [f"out: {', '.join(self.of)}"] if self.write else []
        return "; ".join([*ways, f"in: {self.gives}"] if self.read else ways)


@lru_cache(maxsize=1)
def formats() -> Mapping[str, Format]:
    """Every format by its name, in alphabetical order. Raises `BadInput` for a plug-in that cannot be loaded and for a
    name that two have."""
    found: dict[str, Format] = {}
    for one in (*_supplied(), *_plugged_in()):
        if one.name in found:
            raise BadInput(f"two formats are called '{one.name}'", remedy="Uninstall one of the plug-ins")
        found[one.name] = one
    return dict(sorted(found.items()))


def _supplied() -> Iterator[Format]:
    room = importlib.import_module("remission.exchange")
    for module in sorted(pkgutil.iter_modules(room.__path__), key=lambda m: m.name):
        code = importlib.import_module(f"{room.__name__}.{module.name}")
        yield from getattr(code, "FORMATS", ())
        if isinstance(one := getattr(code, "FORMAT", None), Format):
            yield one


def _plugged_in() -> Iterator[Format]:
    for point in entry_points(group=GROUP):
        try:
            one = point.load()
        except Exception as error:  # whatever somebody else's package does
            what = f"the format '{point.name}' of a plug-in cannot be loaded ({error})"
            raise BadInput(what, remedy=f"Mend or uninstall {point.value.partition(':')[0]}") from error
        if not isinstance(one, Format):
            raise BadInput(f"the plug-in '{point.name}' is no Format", remedy="See docs/formats.md")
        yield one


def format_named(name: str) -> Format:
    """The format of that name; `BadInput` with the nearest one."""
    known = formats()
    if name not in known:
        near = nearest(name, known)
        remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(known)}"
        raise BadInput(f"there is no format '{name}'", remedy=remedy)
    return known[name]


def kind_of(what: object) -> Kind:
    """What a thing to be written is; `BadInput` for one that is nothing of the kind."""
    of_class = (type(what).__module__, type(what).__name__)
    for kind, name in _CLASSES.items():
        if name == of_class:
            return kind
    raise BadInput(f"{type(what).__name__} cannot be exported", remedy=f"Give {_one_of(WORDS.values())}")


def house_form(what: object) -> str:
    """The format in which what was read is kept here: a table of doses, a chart, a protocol file."""
    return _HOUSE[kind_of(what)]


def writers(kind: Kind) -> list[Format]:
    """The formats in which such a thing can be written."""
    return [one for one in formats().values() if kind in one.of]


def export(what: Any, name: str, path: str | Path, *, start: date | None = None, **more: str) -> Path:
    """Write a run, one of its patients, a plan, a protocol, a chart or doses in another format; returns the path.

    ``name``: of the format (`formats`); ``path``: of the file, or of the folder where the format is one (it must not be
    there, or be empty). ``start``: the date of day 0 where days become dates. Under ``path`` there is what was there
    before, or all of it. ``what`` may be the name of a protocol or its file, or the folder of a run. Raises `BadInput`.
    """
    if isinstance(what, str | Path):
        what = _named(what)
    one, path = format_named(name), Path(path)
    kind = kind_of(what)
    if one.write is None or kind not in one.of:
        if kind == "run" and one.write is not None and "patient" in one.of:
            raise BadInput(f"{name} is written of one patient", remedy="Name one: --patient 0, run.patient(0)")
        able = [other.name for other in writers(kind)]
        into = f"; it is written of {_one_of(WORDS[k] for k in one.of)}" if one.of else "; it is only read"
        remedy = f"{WORDS[kind].capitalize()} can be written as {', '.join(able)}" if able else "Choose another"
        raise BadInput(f"{WORDS[kind]} cannot be written as {name}{into}", remedy=remedy)
    _known_options(name, more, one.options)
    asked = Asked(more=more) if start is None else Asked(start, more)
    if not one.suffix and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BadInput(f"{name} is a folder, and something is there already", path, remedy="Name an empty folder")
    if one.suffix and path.is_dir():
        raise BadInput(
            f"{name} is a file, and this is a folder", path, remedy=f"Name a file: {path / name}{one.suffix}"
        )
    with _beside(path) as here, _installed(one):
        one.write(what, here, asked)
    return path


def _named(what: str | Path) -> Any:
    """The run of a folder, else the protocol of that name or file."""
    if Path(what).is_dir():
        from remission.trial.run import open_run

        return open_run(what)
    from remission.protocol.reader import read_protocol

    return read_protocol(what)


def content(what: Any, name: str, *, start: date | None = None, **more: str) -> bytes:
    """The content of a file that `export` would write, for whoever sends it on; not of a format that is a folder."""
    if not format_named(name).suffix:
        raise BadInput(f"{name} is a folder of files", remedy="Export it to a folder")
    with tempfile.TemporaryDirectory(prefix="remission-") as room:
        return export(what, name, Path(room) / "file", start=start, **more).read_bytes()


def _known_options(name: str, more: Mapping[str, str], options: Mapping[str, str]) -> None:
    for option in more:
        if option not in options:
            near = nearest(option, options)
            known = f"It knows: {', '.join(options)}" if options else "It has none"
            raise BadInput(f"{name} has no option '{option}'", remedy=f"Did you mean '{near}'?" if near else known)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A name beside ``path`` that takes its place when all went well, and is gone when not."""
    stream = path.exists() and not path.is_file() and not path.is_dir()  # a pipe, /dev/stdout
    folder = Path(tempfile.gettempdir()) if stream else path.parent
    here = folder / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        yield here
        if stream:
            path.write_bytes(here.read_bytes())
        else:
            if path.is_dir():
                path.rmdir()  # empty: it was looked at
            here.replace(path)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BadInput(
            f"it cannot be written: {error.strerror or error}", path, remedy="Choose another place"
        ) from error
    finally:
        shutil.rmtree(here, ignore_errors=True) if here.is_dir() else here.unlink(missing_ok=True)


@contextmanager
def _installed(one: Format) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if one.needs is None or (error.name or "").partition(".")[0] == "remission":
            raise
        remedy = f"Install it: pip install 'remission[{one.needs}]'"
        raise BadInput(f"{one.name} needs {error.name}, which is not installed", remedy=remedy) from error


def read(path: str | Path, name: str | None = None, **more: str) -> Any:
    """What a file of another format holds: `Doses`, a `Chart` or the `Draft` of a protocol (`Format.gives`); each has
    ``told()``: in sentences, what is in it, and what was in the file and is not.

    ``name``: of the format; left out it is told from how the file begins. ``more``: what the format asks besides
    (`Format.asks`). Raises `BadInput`.
    """
    path = Path(path)
    one = format_named(name) if name else sniffed(path)
    if one.read is None:
        able = [other.name for other in formats().values() if other.read]
        raise BadInput(f"{one.name} is only written", path, remedy=f"What can be read: {', '.join(able)}")
    _known_options(one.name, more, one.asks)
    with _installed(one):
        return one.read(path, **more)


def sniffed(path: Path) -> Format:
    """The one format that a file begins like; `BadInput` when there is none, or several."""
    begins = head(path)
    found = [one for one in formats().values() if one.knows and one.read and one.knows(begins)]
    if len(found) == 1:
        return found[0]
    able = ", ".join(one.name for one in found) or ", ".join(one.name for one in formats().values() if one.read)
    what = "the file may be of several formats" if found else "the file is of no format that is known"
    raise BadInput(what, path, remedy=f"Say which: --as {'|'.join(able.split(', '))}")


def _one_of(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
