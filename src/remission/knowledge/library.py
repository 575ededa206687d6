"""Everything that is known, by name: agents, side effects, symptoms, sources, bodies, populations, protocols, trials.

Files are read when they are first asked for. People add their own with ``Library(extra=[folder])``: a folder laid out
like ``data`` (agents/, side_effects/, symptoms/, body/, populations/, protocols/, supportive/, trials/, sources.yaml),
whose files come before the ones that are shipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from .agent import TARGETS, Agent
from .body_file import Body, read_body
from .consistency import faults, side_effect_faults
from .errors import BadInput, nearest
from .loader import Fault, complain, fault_of, load, read_yaml
from .provenance import sources_of
from .quantity import units
from .side_effect import SideEffect
from .symptom import Belongs, Symptom, with_grade
from .symptom import faults as symptom_faults
from .trial_file import Trial
from .trial_file import faults as trial_faults

DATA = Path(__file__).parent / "data"


class Source(BaseModel):
    """One entry of the bibliography; parts that are unknown stay empty. ``kind``: paper, table, label, registry, ..."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
        self.folders = [*(Path(folder) for folder in extra), DATA]
        for folder in self.folders:
            if not folder.is_dir():
                raise BadInput("there is no such folder of knowledge files", folder, remedy="Check the path")
        self._agents: dict[str, Agent] = {}
        self._side_effects: dict[str, SideEffect] = {}
        self._symptoms: dict[str, Symptom] = {}
        self._bodies: dict[tuple[str, str], Body] = {}
        self._trials: dict[str, Trial] = {}
        self._sources: dict[str, Source] | None = None
        self._names: dict[str, str] | None = None

    # --- agents

    def agents(self) -> list[str]:
        """The names of all agents, in alphabetical order."""
        return sorted(self._files("agents"))

    def agent(self, name: str) -> Agent:
        """An agent by its name or a synonym, in any spelling of case, spaces and hyphens."""
        key = self._agent_name(name)
        if key not in self._agents:
            path = self._files("agents")[key]
            self._agents[key] = load(path, Agent, lambda agent: self._check(agent, path))
        return self._agents[key]

    def agent_names(self) -> dict[str, str]:
        """Every name and synonym (small letters) and the agent that it means."""
        if self._names is None:
            names = {_plain(name): name for name in self.agents()}
            for agent, path in self._files("agents").items():
                tree = read_yaml(path)
                for synonym in tree.get("names", []) if isinstance(tree, dict) else []:
                    names.setdefault(_plain(str(synonym)), agent)
            self._names = names
        return self._names

    def _agent_name(self, name: str) -> str:
        if name in self._files("agents"):
            return name
        names = self.agent_names()
        if _plain(name) in names:
            return names[_plain(name)]
        near = nearest(name, [*self.agents(), *names])
        raise BadInput(
            f"unknown agent '{name}'",
            remedy=f"Did you mean '{names.get(near, near)}'?" if near else f"Known agents: {', '.join(self.agents())}",
        )

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
            if not units().Unit(unit).is_compatible_with(antagonist.half.unit):
                yield Fault(
                    (*where, "half", "unit"),
                    f"unit '{antagonist.half.unit}' is no concentration of {antagonist.agent}",
                    f"Write a unit that can be turned into {unit}",
                )

    # --- side effects

    def side_effects(self, computed: bool = True) -> list[str]:
        """The names of all side effects, in alphabetical order; without those that are computed when so asked."""
        files = self._files("side_effects")
        mark = "\ncomputed: true"  # looked for in the text: reading every file takes a second
        return sorted(name for name in files if computed or mark not in files[name].read_text(encoding="utf-8"))

    def side_effect(self, name: str) -> SideEffect:
        """A side effect by its name."""
        if name not in self._side_effects:
            path = self._path("side_effects", name, "side effect")
            self._side_effects[name] = load(path, SideEffect, lambda effect: self._check_side_effect(effect, path))
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
            self._symptoms[name] = load(path, Symptom, lambda symptom: self._check_symptom(symptom, path))
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
            out: dict[str, Source] = {}
            for folder in reversed(self.folders):
                path = folder / "sources.yaml"
                if path.exists():
                    out |= _read_sources(path)
            self._sources = out
        return self._sources

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
            read = read_body(path)
            cited = [(tuple(n.split(".")), q.source) for n, q in read.items() if q.source]
            unknown = list(self._unknown_sources(cited))
            if unknown:
                raise complain(path, unknown)
            self._bodies[room, name] = read
        return self._bodies[room, name]

    # --- trials

    def trials(self) -> list[str]:
        """The names of the trial files."""
        return sorted(self._files("trials"))

    def trial(self, name: str | Path) -> Trial:
        """A published trial by the name of its file, or one of your own: a path that ends in .yaml or exists."""
        if Path(name).suffix in (".yaml", ".yml") or Path(name).is_file():
            return self._own_trial(Path(name))
        name = str(name)
        if name not in self._trials:
            path = self._path("trials", name, "trial")
            self._trials[name] = load(path, Trial, lambda trial: self._check_trial(trial, path))
        return self._trials[name]

    def _own_trial(self, path: Path) -> Trial:
        """A trial file that is not of the library; a protocol that lies beside it comes before a supplied one."""
        trial = load(path, Trial, lambda trial: self._check_trial(trial, path, own=True))
        arms = {}
        for key, arm in trial.arms.items():
            names = (arm.protocol, f"{arm.protocol}.yaml", f"{arm.protocol}.yml")
            beside = next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)
            arms[key] = arm.model_copy(update={"protocol": str(beside)}) if beside else arm
        return trial.model_copy(update={"arms": arms})

    def _check_trial(self, trial: Trial, path: Path, own: bool = False) -> Iterator[Fault]:
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

    def _path(self, room: str, name: str, what: str) -> Path:
        files = self._files(room)
        if name not in files:
            near = nearest(name, files)
            remedy = f"Did you mean '{near}'?" if near else f"Known: {', '.join(sorted(files)) or 'none'}"
            raise BadInput(f"unknown {what} '{name}'", remedy=remedy)
        return files[name]

    def _files(self, room: str) -> dict[str, Path]:
        """Name -> file; the first folder that has a name wins."""
        out: dict[str, Path] = {}
        for folder in self.folders:
            for path in sorted((folder / room).glob("*.yaml")):
                out.setdefault(path.stem, path)
        return out


@lru_cache(maxsize=8)
def _cached(extra: tuple[str, ...]) -> Library:
    return Library(extra=extra)


def library(extra: Sequence[Path | str] = ()) -> Library:
    """The library of the shipped files (and of your own folders), read once per process."""
    return _cached(tuple(str(folder) for folder in extra))


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _read_sources(path: Path) -> dict[str, Source]:
    tree = read_yaml(path) or {}
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
