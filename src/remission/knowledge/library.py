"""Everything that is known, by name: agents, side effects, symptoms, sources, bodies, populations, protocols, trials.

Files are read when they are first asked for. People add their own with ``library(folder)``: a folder laid out like
``data`` (`ROOMS` and sources.yaml), whose files come before the ones that are shipped. ``using(library)`` makes it the
one that is meant where none is named; threads that are begun inside do not inherit that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from . import kept
from .agent import TARGETS, Agent
from .body_file import Body, read_body
from .consistency import faults, side_effect_faults
from .errors import BadInput, nearest
from .loader import Fault, complain, fault_of, load, read_yaml
from .provenance import sources_of
from .side_effect import SideEffect
from .symptom import Belongs, Symptom, with_grade
from .symptom import faults as symptom_faults
from .units import unit_of
from .yaml_file import compose, construct, is_file, text_of

if TYPE_CHECKING:
    from .trial_file import Trial  # its models take a moment to build: only for those who ask for a trial

Entity = TypeVar("Entity")
DATA = Path(__file__).parent / "data"
WRITE_ONE = "See: remission list agents. For another one write a file (docs/own-library.md)"
ROOMS = (
    "agents", "body", "growth", "pharmacy", "populations", "protocols", "risk_groups", "side_effects", "supportive",
    "symptoms",
    "trials",
)  # fmt: skip  # folders of a library
BESIDE = ("sources.yaml", "posterior.yaml")  # files beside them


class Source(BaseModel):
    """One entry of the bibliography; parts that are unknown stay empty. ``kind``: paper, table, label, registry, ..."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    authors: str | None = None
    year: int | None = None
    title: str | None = None
    journal: str | None = None
    doi: str | None = None
    pmid: str | None = None
    url: str | None = None
    kind: str
    note: str | None = None

    def cite(self) -> str:
        """One line: authors year, title, journal, doi or pmid or address."""
        head = " ".join(str(x) for x in (self.authors, self.year) if x)
        link = f"doi {self.doi}" if self.doi else f"pmid {self.pmid}" if self.pmid else self.url
        return ". ".join(x for x in (head, self.title, self.journal, link) if x)


class Library:
    """The knowledge files of one or more folders. Every unknown name raises ``BadInput`` with the nearest known one."""

    def __init__(self, extra: Iterable[Path | str] = ()) -> None:
        self.own = [Path(folder) for folder in extra]
        for folder in self.own:
            _look_at(folder)
        self.folders = [*self.own, DATA]
        self._rooms: dict[str, dict[str, Path]] = {}
        self._agents: dict[str, Agent] = {}
        self._side_effects: dict[str, SideEffect] = {}
        self._symptoms: dict[str, Symptom] = {}
        self._bodies: dict[tuple[str, str], Body] = {}
        self._trials: dict[str, Trial] = {}
        self._sources: dict[str, Source] | None = None
        self._names: dict[str, tuple[str, ...]] | None = None
        self.keep: dict[str, object] | None = None  # everything is read, and written down here by name

    def kept(self, name: str, read: Callable[[], Entity]) -> Entity:
        """What ``read`` makes of the shipped files, as it was when the package was set up (kept.py); where it is not
        there, or files of one's own are laid over them, it is read."""
        if self.keep is not None:
            made = read()
            self.keep[name] = made
            return made
        if self.own or name not in kept.things():
            return read()
        found: Entity = kept.thing(name)
        return found

    # --- agents

    def agents(self) -> list[str]:
        """The names of all agents, in alphabetical order."""
        return sorted(self._files("agents"))

    def agent(self, name: str) -> Agent:
        """An agent by its name or a synonym, in any spelling of case, spaces and hyphens."""
        key = self._agent_name(name)
        if key not in self._agents:
            path = self._files("agents")[key]
            self._agents[key] = self.kept(
                f"agents/{key}", lambda: load(path, Agent, lambda agent: self._check(agent, path))
            )
        return self._agents[key]

    def agent_names(self) -> dict[str, str]:
        """Every name and synonym, as their files write them, and the agent that it means."""
        return {name: agents[0] for name, agents in self.all_names().items() if len(agents) == 1}

    def all_names(self) -> dict[str, tuple[str, ...]]:
        """Every name and synonym and the agents that it can mean: more than one for PRED."""
        if self._names is None:
            self._names = self.kept("names", self._read_names)
        return self._names

    def _read_names(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {name: (name,) for name in self.agents()}
        plain = {_plain(name) for name in found}
        for agent, path in self._files("agents").items():
            for synonym in _names_in(path):
                if _plain(synonym) not in plain or _plain(synonym) == _plain(agent):
                    found[synonym] = tuple(dict.fromkeys((*found.get(synonym, ()), agent)))
        return found

    def meant_by(self, name: str) -> tuple[str, ...]:
        """The agents that a name can mean, in any spelling of case, spaces and hyphens; none when it is not known."""
        if name in self._files("agents"):
            return (name,)
        plain = _plain(name)
        found = (agent for known, agents in self.all_names().items() if _plain(known) == plain for agent in agents)
        return tuple(dict.fromkeys(found)) if plain else ()

    def _agent_name(self, name: str) -> str:
        meant = self.meant_by(name)
        if len(meant) == 1:
            return meant[0]
        message, remedy = self.no_agent(name)
        raise BadInput(message, remedy=remedy)

    def no_agent(self, name: str) -> tuple[str, str]:
        """What is wrong with a name that means no agent, or several, and what would be right."""
        if meant := self.meant_by(name):
            return f"'{name}' can mean {' or '.join(meant)}", "Write the one that is meant"
        if near := nearest(name, self.agents()) or nearest(name, self.all_names()):
            meant = self.meant_by(near)
            return f"unknown agent '{name}'", f"Did you mean '{meant[0] if len(meant) == 1 else near}'?"
        return f"the agent '{name}' is not known here", WRITE_ONE

    def _check(self, agent: Agent, path: Path) -> Iterator[Fault]:
        if agent.agent != path.stem:
            yield Fault(("agent",), f"the file is {path.name}, the agent '{agent.agent}'", "Give both the same name")
        inner = list(faults(agent))
        yield from inner
        yield from self._unknown_sources(sources_of(agent))
        for i, effect in enumerate(agent.effects):
            if effect.on not in TARGETS and effect.on not in self._files("side_effects"):
                known = [*TARGETS, *self.side_effects()]
                near = nearest(effect.on, known)
                remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(known)}"
                yield Fault(("effects", i, "on"), f"unknown target '{effect.on}'", remedy)
        for i, antagonist in enumerate(agent.antagonists):
            where = ("antagonists", i)
            if antagonist.agent not in self._files("agents"):
                near = nearest(antagonist.agent, self.agents())
                remedy = f"Did you mean '{near}'?" if near else f"Known agents: {', '.join(self.agents())}"
                yield Fault((*where, "agent"), f"unknown agent '{antagonist.agent}'", remedy)
                continue
            if antagonist.agent == agent.agent:
                yield Fault((*where, "agent"), "an agent cannot be its own antagonist", "Name the other agent")
                continue
            unit = self.agent(antagonist.agent).pharmacokinetics.concentration
            if not unit_of(unit).is_compatible_with(antagonist.half.unit):
                yield Fault(
                    (*where, "half", "unit"),
                    f"unit '{antagonist.half.unit}' is no concentration of {antagonist.agent}",
                    f"Write a unit that can be turned into {unit}",
                )

    # --- side effects

    def side_effects(self, computed: bool = True) -> list[str]:
        """The names of all side effects, in alphabetical order; without those that are computed when so asked."""
        names = set(self._files("side_effects"))
        return sorted(names if computed else names - self._side_effects_with("computed: true"))

    def side_effects_with_causes(self) -> list[str]:
        """Those whose own file says what brings them about, beside what the agents' files say."""
        return sorted(self._side_effects_with("causes:"))

    def _side_effects_with(self, line: str) -> set[str]:
        """Looked for in the text: reading every file as knowledge takes a second."""
        files = self._files("side_effects")
        return self.kept(
            f"side effects with {line}",
            lambda: {name for name in files if f"\n{line}" in files[name].read_text(encoding="utf-8")},
        )

    def side_effect(self, name: str) -> SideEffect:
        """A side effect by its name."""
        if name not in self._side_effects:
            path = self._path("side_effects", name, "side effect")
            self._side_effects[name] = self.kept(
                f"side_effects/{name}",
                lambda: load(path, SideEffect, lambda effect: self._check_side_effect(effect, path)),
            )
        return self._side_effects[name]

    def _check_side_effect(self, effect: SideEffect, path: Path) -> Iterator[Fault]:
        if effect.side_effect != path.stem:
            yield Fault(("side_effect",), f"the file is {path.name}", "Give both the same name")
        yield from self._unknown_sources(sources_of(effect))
        for i, seen in enumerate(effect.published):
            for key, name, known in (
                ("protocol", seen.protocol, self.protocols()),
                ("population", seen.population, self.populations()),
            ):
                if name is not None and name not in known:
                    near = nearest(name, known)
                    remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(known)}"
                    yield Fault(("published", i, key), f"unknown {key} '{name}'", remedy)
        if effect.computed:
            yield from side_effect_faults(effect)
            return
        total = sum(q.value for q in effect.grades.values())
        if set(effect.grades) - set(range(1, 6)) or abs(total - 1.0) > 0.005:
            yield Fault(("grades",), f"the shares of the grades add up to {total:g}", "Give grades 1-5 that make 1")
        if effect.course is None:
            yield Fault((), "it does not say how long it lasts", "Add `course: {value: ..., unit: day, ...}`", True)
        yield from side_effect_faults(effect)
        for i, agent in enumerate(effect.inactivates):
            if agent not in self._files("agents"):
                yield Fault(("inactivates", i), f"unknown agent '{agent}'", "Write the name of an agent's file")

    # --- symptoms

    def symptoms(self) -> list[str]:
        """The names of all symptoms, in alphabetical order."""
        return sorted(self._files("symptoms"))

    def symptom(self, name: str) -> Symptom:
        """A symptom by its name."""
        if name not in self._symptoms:
            path = self._path("symptoms", name, "symptom")
            self._symptoms[name] = self.kept(
                f"symptoms/{name}", lambda: load(path, Symptom, lambda symptom: self._check_symptom(symptom, path))
            )
        return self._symptoms[name]

    def find_symptom(self, name: str) -> Symptom | None:
        """The symptom of that name or synonym in any spelling of case, spaces and hyphens; None when there is none."""
        every = map(self.symptom, self.symptoms())
        return next((s for s in every if _plain(name) in {_plain(n) for n in (s.symptom, *s.names)}), None)

    def symptoms_of(self, side_effect: str, grade: int = 5) -> list[tuple[Symptom, Belongs]]:
        """The symptoms that go with a side effect up to that grade, the surest first."""
        return with_grade(map(self.symptom, self.symptoms()), side_effect, grade)

    def _check_symptom(self, symptom: Symptom, path: Path) -> Iterator[Fault]:
        if symptom.symptom != path.stem:
            yield Fault(("symptom",), f"the file is {path.name}", "Give both the same name")
        yield from self._unknown_sources(sources_of(symptom))
        files = self._files("side_effects")
        known = {b.side_effect: self.side_effect(b.side_effect) for b in symptom.of if b.side_effect in files}
        for i, belongs in enumerate(symptom.of):
            if belongs.side_effect not in known:
                near = nearest(belongs.side_effect, self.side_effects())
                remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(self.side_effects())}"
                yield Fault(("of", i, "side_effect"), f"unknown side effect '{belongs.side_effect}'", remedy)
        yield from symptom_faults(symptom, known)

    # --- sources

    def sources(self) -> list[str]:
        """The keys of the bibliography, in alphabetical order."""
        return sorted(self._bibliography())

    def source(self, key: str) -> Source:
        """One entry of the bibliography."""
        found = self._bibliography().get(key)
        if found is None:
            raise BadInput(f"unknown source '{key}'", remedy=self._source_remedy(key))
        return found

    def _bibliography(self) -> dict[str, Source]:
        if self._sources is None:
            self._sources = self.kept("sources", self._read_bibliography)
        return self._sources

    def _read_bibliography(self) -> dict[str, Source]:
        out: dict[str, Source] = {}
        for folder in reversed(self.folders):
            path = folder / "sources.yaml"
            if path.exists():
                out |= _read_sources(path)
        return out

    def _unknown_sources(self, cited: Iterable[tuple[tuple[str | int, ...], str]]) -> Iterator[Fault]:
        known = self._bibliography()
        for where, key in cited:
            if key not in known:
                yield Fault((*where, "source"), f"unknown source '{key}'", self._source_remedy(key))

    def _source_remedy(self, key: str) -> str:
        near = nearest(key, self._bibliography())
        return f"Did you mean '{near}'?" if near else "Add it to sources.yaml"

    # --- body files

    def bodies(self) -> list[str]:
        """The names of the body files."""
        return sorted(self._files("body"))

    def body(self, name: str) -> Body:
        """A body file (``marrow``, ``leukaemia``, ``infection``, ``assays``, ...)."""
        return self._numbers("body", name, "body file")

    def pharmacy(self, name: str) -> Body:
        """A file of how doses are made up (``rounding``)."""
        return self._numbers("pharmacy", name, "pharmacy file")

    def _numbers(self, room: str, name: str, what: str) -> Body:
        if (room, name) not in self._bodies:
            path = self._path(room, name, what)
            self._bodies[room, name] = self.kept(f"{room}/{name}", lambda: self._read_numbers(path))
        return self._bodies[room, name]

    def _read_numbers(self, path: Path) -> Body:
        read = read_body(path)
        cited = [(tuple(n.split(".")), q.source) for n, q in read.items() if q.source]
        if unknown := list(self._unknown_sources(cited)):
            raise complain(path, unknown)
        return read

    # --- trials

    def trials(self) -> list[str]:
        """The names of the trial files."""
        return sorted(self._files("trials"))

    def trial(self, name: str | Path) -> Trial:
        """A published trial by the name of its file, or one of your own: a path that ends in .yaml or exists."""
        if Path(name).suffix in (".yaml", ".yml") or is_file(Path(name)):
            return self._own_trial(Path(name))
        from .trial_file import Trial

        name = str(name)
        if name not in self._trials:
            path = self._path("trials", name, "trial")
            self._trials[name] = self.kept(
                f"trials/{name}", lambda: load(path, Trial, lambda trial: self._check_trial(trial, path))
            )
        return self._trials[name]

    def _own_trial(self, path: Path) -> Trial:
        """A trial file that is not of the library; a protocol that lies beside it comes before a supplied one."""
        from .trial_file import Trial

        trial = load(path, Trial, lambda trial: self._check_trial(trial, path, own=True))
        arms = {}
        for key, arm in trial.arms.items():
            names = (arm.protocol, f"{arm.protocol}.yaml", f"{arm.protocol}.yml")
            beside = next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)
            arms[key] = arm.model_copy(update={"protocol": str(beside)}) if beside else arm
        return trial.model_copy(update={"arms": arms})

    def _check_trial(self, trial: Trial, path: Path, own: bool = False) -> Iterator[Fault]:
        from .trial_file import faults as trial_faults

        if trial.trial != path.stem and not own:
            yield Fault(("trial",), f"the file is {path.name}, the trial '{trial.trial}'", "Give both the same name")
        yield from trial_faults(trial)
        yield from self._unknown_sources(sources_of(trial))
        for i, key in enumerate(trial.sources):
            if key not in self._bibliography():
                yield Fault(("sources", i), f"unknown source '{key}'", self._source_remedy(key))

    # --- populations and protocols: listed here, read in their own rooms

    def populations(self) -> list[str]:
        """The names of the population files."""
        return sorted(self._files("populations"))

    def population_path(self, name: str) -> Path:
        """The file of a population (read it with ``remission.patient``)."""
        return self._path("populations", name, "population")

    def growths(self) -> list[str]:
        """The names of the growth references."""
        return sorted(self._files("growth"))

    def growth_path(self, name: str) -> Path:
        """The file of a growth reference (read it with ``remission.patient``)."""
        return self._path("growth", name, "growth reference")

    def protocols(self) -> list[str]:
        """The names of the protocols."""
        return sorted(self._files("protocols"))

    def protocol_path(self, name: str) -> Path:
        """The file of a protocol (read it with ``remission.protocol``)."""
        return self._path("protocols", name, "protocol")

    def supportive(self) -> list[str]:
        """The names of the blocks of supportive care that protocols include."""
        return sorted(self._files("supportive"))

    def supportive_path(self, name: str) -> Path:
        """The file of a block of supportive care (read it with ``remission.protocol``)."""
        return self._path("supportive", name, "supportive care")

    def file(self, room: str, name: str) -> Path:
        """The file of that name in a room."""
        return self._path(room, name, f"file in {room}")

    def below(self, folder: Path) -> Library:
        """This library with one more folder laid over it; what that folder leaves as it is need not be read again."""
        over = Library([folder, *self.own])
        here = {room: {p.stem for p in (folder / room).glob("*.yaml")} for room in ROOMS}
        over._sources, over._names = self._sources, None if here["agents"] else self._names
        over._agents = _but(self._agents, here["agents"])
        over._side_effects = _but(self._side_effects, here["side_effects"])
        over._symptoms = _but(self._symptoms, here["symptoms"])
        over._trials = _but(self._trials, here["trials"])
        over._bodies = {key: one for key, one in self._bodies.items() if key[1] not in here[key[0]]}
        return over

    def risk_groups(self) -> list[str]:
        """The names of the files that say what `risk group is ...` means."""
        return sorted(self._files("risk_groups"))

    def risk_groups_path(self, name: str) -> Path:
        """The file of the risk groups of a study group (read it with ``remission.protocol``)."""
        return self._path("risk_groups", name, "risk groups")

    def digest(self) -> str:
        """One sha256 over the names and contents of all files, those of own folders before the shipped ones."""
        digest = hashlib.sha256()
        for folder in self.folders:
            files = [path for room in ROOMS for path in (folder / room).glob("*.yaml")]
            for path in sorted([*files, *folder.glob("sources.yaml"), *folder.glob("units.txt")]):
                name = path.relative_to(folder).as_posix()
                digest.update(f"{name}\0{hashlib.sha256(_bytes(path)).hexdigest()}\n".encode())
            digest.update(b"\0")
        return digest.hexdigest()

    def own_problems(self) -> list[BadInput]:
        """The first mistake of each file of your own folders (protocols and populations are read in their rooms)."""
        found = _mistake(self.sources)
        readers: dict[str, Callable[[str], object]] = {
            "agents": self.agent, "body": self.body, "pharmacy": self.pharmacy, "side_effects": self.side_effect,
            "symptoms": self.symptom, "trials": self.trial,
        }  # fmt: skip
        for room, read in readers.items():
            for name in self.own_names(room):
                found += _mistake(partial(read, name))
        return found

    def own_names(self, room: str) -> list[str]:
        """The names of the files in one room of your own folders."""
        return sorted({path.stem for folder in self.own for path in (folder / room).glob("*.yaml")})

    def _path(self, room: str, name: str, what: str) -> Path:
        files = self._files(room)
        if name not in files:
            near = nearest(name, files)
            remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(sorted(files)) or 'none'}"
            raise BadInput(f"unknown {what} '{name}'", remedy=remedy)
        return files[name]

    def _files(self, room: str) -> dict[str, Path]:
        """Name -> file; the first folder that has a name wins. Looked up once: make the library again for new files."""
        if room not in self._rooms:
            out: dict[str, Path] = {}
            for folder in self.folders:
                for path in sorted((folder / room).glob("*.yaml")):
                    out.setdefault(path.stem, path)
            self._rooms[room] = out
        return self._rooms[room]


def _but(read: dict[str, Entity], others: set[str]) -> dict[str, Entity]:
    return {name: one for name, one in read.items() if name not in others}


@lru_cache(maxsize=1)
def _shipped() -> Library:
    return Library()


_IN_USE: ContextVar[Library | None] = ContextVar("library in use", default=None)


def library(*own: Path | str) -> Library:
    """The shipped files with your ``own`` folders laid over them (the first folder that has a name wins); without a
    folder the library that is in use (`using`), by default the shipped one, which is read once per process.

    Raises ``BadInput`` for a folder that is no library and for the first file in it that cannot be used.
    """
    if not own:
        return _IN_USE.get() or _shipped()
    made = Library(own)
    if found := made.own_problems():
        raise found[0]
    return made


@contextmanager
def using(knowledge: Library | None) -> Iterator[Library]:
    """Within, ``library()`` is this one (None: whichever is in use)."""
    if knowledge is None:
        yield library()
        return
    before = _IN_USE.set(knowledge)
    try:
        yield knowledge
    finally:
        _IN_USE.reset(before)


def _look_at(folder: Path) -> None:
    """Raises ``BadInput`` when a folder is no library, or has files that would be passed over."""
    if not folder.is_dir():
        raise BadInput("there is no such folder of knowledge files", folder, remedy="Check the path")
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in inside:
        if path.name in ROOMS and not path.is_dir():
            raise BadInput("this is no folder", path, remedy="Make it one, and put the files into it")
        for file in path.glob("*.y*ml") if path.name in ROOMS else [path] if path.name == "sources.yaml" else []:
            if not file.is_file():  # a pipe would be waited for without end
                raise BadInput("this is no file that can be read", file, remedy="Take it out of the folder")
    rooms = f"It may hold the folders {', '.join(ROOMS)} and the file sources.yaml"
    if not any(path.name in (*ROOMS, *BESIDE) for path in inside):
        raise BadInput("the folder holds no knowledge files", folder, remedy=rooms)
    for path in inside:
        if path.is_dir() and path.name not in ROOMS and any(path.glob("*.y*ml")):
            near = nearest(path.name, ROOMS)
            raise BadInput(f"a folder '{path.name}' is not read", path, remedy=f"Call it {near}" if near else rooms)
        if path.is_dir() and path.name in ROOMS and (other := sorted(path.glob("*.yml"))):
            raise BadInput("a file that ends in .yml is not read", other[0], remedy="Let its name end in .yaml")
        if path.suffix in (".yaml", ".yml") and path.name not in BESIDE:
            raise BadInput("a file beside the folders is not read", path, remedy=rooms)


def _names_in(path: Path) -> list[str]:
    """The names of an agent file, without reading the rest of it; none when it is broken (told when it is loaded)."""
    try:
        found = re.search(r"^names:.*?(?=^[^\s#-]|\Z)", text_of(path), re.MULTILINE | re.DOTALL)
        names = construct(compose(found[0], path), path)["names"] if found else []
    except BadInput:
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _mistake(read: Callable[[], object]) -> list[BadInput]:
    try:
        read()
    except BadInput as error:
        return [error]
    return []


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"the file cannot be read ({error.strerror})", path) from error


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _read_sources(path: Path) -> dict[str, Source]:
    tree = read_yaml(path) or {}
    if not isinstance(tree, dict):
        raise BadInput("the file holds no keys", path, 1, 1, "Write for example: smith2030: {title: ..., kind: paper}")
    out: dict[str, Source] = {}
    found: list[Fault] = []
    for key, entry in tree.items():
        try:
            out[str(key)] = Source.model_validate(entry)
        except ValidationError as error:
            for e in error.errors(include_url=False):
                fault = fault_of(e, Source)
                found.append(Fault((key, *fault.where), fault.message, fault.remedy, fault.at_key))
    if found:
        raise complain(path, found)
    return out
