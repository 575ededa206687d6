"""The codes of things in ATC, RxNorm, SNOMED CT and LOINC, each with where it was read (data/codes.yaml and the agents'
files)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from .library import Library, library
from .loader import load
from .quantity import Read


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class System(_Strict):
    """A code system; ``uri``: its name in FHIR."""

    uri: str
    title: str


class Reading(_Strict):
    """How the codes of some agents in one system were read."""

    agents: tuple[str, ...] | Literal["every"]
    read: Read
    source: str | None = None
    note: str | None = None


class Code(_Strict):
    """One code, with the name that its system gives the thing."""

    system: str
    code: str
    display: str
    read: Read
    source: str | None = None
    note: str | None = None


class Codes(_Strict):
    """``agents``: system -> how the codes in the agents' files were read; ``concepts``: group -> thing -> its codes,
    none where none is known."""

    systems: dict[str, System]
    agents: dict[str, tuple[Reading, ...]]
    concepts: dict[str, dict[str, tuple[Code, ...]]]

    def of(self, group: str, thing: str) -> tuple[Code, ...]:
        """The codes of a thing, none where none is known: ``of("route", "IV")``."""
        return self.concepts[group].get(thing, ())

    def of_agent(self, name: str) -> tuple[Code, ...]:
        """The codes of an agent, in the order of its file."""
        return tuple(self._as_read(name, system, code) for system, code in library().agent(name).codes.items())

    def _as_read(self, agent: str, system: str, code: str) -> Code:
        how = next((r for r in self.agents.get(system, ()) if r.agents == "every" or agent in r.agents), None)
        if how is None:  # of a folder of one's own
            return Code(system=system, code=code, display=agent, read=Read.MEMORY, note="not noted")
        return Code(system=system, code=code, display=agent, read=how.read, source=how.source, note=how.note)

    def meaning(self, group: str, system_uri: str, code: str) -> str | None:
        """The thing of a group that a code in a system (by its URI) means."""
        for thing, known in self.concepts[group].items():
            if any(c.code == code and self.systems[c.system].uri == system_uri for c in known):
                return thing
        return None

    def agent_of(self, system_uri: str, code: str) -> str | None:
        """The agent that a code in a system (by its URI) means, None where none or several have it (ATC)."""
        found = _agents_by_code(library()).get((system_uri, code), ())
        return found[0] if len(found) == 1 else None


class Line(NamedTuple):
    """A line of the list of codes; ``code`` is empty where none is known in ``system``."""

    of: str
    thing: str
    system: str
    code: str
    display: str
    read: str
    source: str


@lru_cache(maxsize=8)
def _agents_by_code(shelf: Library) -> dict[tuple[str, str], list[str]]:
    """The agents of a library by the URI of a system and a code in it."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in shelf.agents():
        for system, code in shelf.agent(name).codes.items():
            if (known := codes().systems.get(system)) is not None:
                found.setdefault((known.uri, code), []).append(name)
    return found


@lru_cache(maxsize=1)
def codes() -> Codes:
    """The file that is shipped."""
    return load(Path(__file__).parent / "data" / "codes.yaml", Codes)


def lines() -> Iterator[Line]:
    """Every code that is known, and a line without one for whatever lacks it: agents in RxNorm (grafts and radiation,
    which are in no list of medicines, aside), and every other thing that has none at all."""
    known = codes()
    for name in library().agents():
        agent = library().agent(name)
        found = known.of_agent(name)
        for code in found:
            yield Line(
                "agent", name, code.system, code.code, code.display, code.read.value, code.source or code.note or ""
            )
        if agent.graft is None and agent.radiation is None and not any(c.system == "RxNorm" for c in found):
            yield Line("agent", name, "RxNorm", "", "", "", "")
    for group, things in known.concepts.items():
        for thing, found in things.items():
            for code in found:
                yield Line(group, thing, code.system, code.code, code.display, code.read.value,
                           code.source or code.note or "")  # fmt: skip
            if not found:
                yield Line(group, thing, "", "", "", "", "")
