"""A simulated cohort: play it, hold its tables, open it again from its folder."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import polars.selectors as cs
from rich.console import RenderableType

from remission.engine.cluster import in_order, on_cluster
from remission.engine.identity import code_identity, hash_of
from remission.engine.shards import (
    Files,
    Manifest,
    Tables,
    finished_shards,
    in_turn,
    piece,
    pieces,
    read_run,
    run_shards,
)
from remission.knowledge.errors import BadInput, nearest
from remission.knowledge.folders import folder_of, remote
from remission.knowledge.library import Library, library, using

from . import cost, memory, side_effects
from .ahead import Ahead, Part, picture
from .shown import Shown
from .sources import behind
from .summary import COUNTED, DAYS_PER_YEAR, Journey, Performance, Summary, as_summary, summarise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from remission.knowledge.care import Care
    from remission.patient.own_table import Rows
    from remission.patient.recipe import Population
    from remission.protocol.doses import Doses
    from remission.protocol.model import Protocol

TABLES = ("outcomes", "measurements", "mrd", "doses", "events", "states", "side_effects", "levels")
POPULATION = "childhood-all"
PATIENTS = 1000
MOST_PATIENTS = 10**12
AT_ONCE = 4096  # patients whose tables a summary reads at a time
SIDE_BY_SIDE = 4  # shards that are played at the same time, at most: each takes memory
DRAWN = 5000  # patients in the picture of a cohort: enough for its curves, and bounded in memory

Progress = Callable[[int, int], None]


@dataclass(frozen=True, repr=False)
class OnePatient:
    """The tables of one patient, under the same names as those of the run."""

    patient: int
    tables: dict[str, pl.DataFrame]
    title: str = ""
    run: Run | None = field(default=None, repr=False, compare=False)  # that he is of

    def __getattr__(self, name: str) -> pl.DataFrame:
        try:
            return self.__dict__["tables"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {frame.height}" for name, frame in self.tables.items())
        return f"OnePatient({self.title or self.patient}; rows: {rows})"

    def symptoms(self) -> pl.DataFrame:
        """Day by day the grade of every side effect that the patient had: day, one column each, 0 without it."""
        return side_effects.course(self.tables, self.patient)

    def plot(self, days: tuple[float, float] | None = None) -> Figure:
        """The course on one page; ``days`` limits it (days from the first dose)."""
        from .pictures import plot_patient

        return plot_patient(self.tables, patient=self.patient, title=self.title or None, days=days)


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """A played cohort. The tables are read when they are asked for; ``scan`` gives them lazily.

    outcomes: one row a patient; measurements: counts as drawn; mrd: assays as reported; doses: runs of equal daily
    doses with the reason for every change; events; side_effects with grade; states: the true state once a week. Days
    count from the first dose; counts are 10^9/L, haemoglobin g/dL. Every table as pandas: ``run.outcomes.to_pandas()``.
    """

    manifest: Manifest
    frames: Mapping[str, pl.LazyFrame]
    numbers: pl.DataFrame = field(repr=False)  # provenance
    folder: Path | None = None
    performance: Performance | None = None
    knowledge: Library | None = field(default=None, repr=False)  # what it was played with; None: the library in use
    ahead: Ahead | None = field(default=None, repr=False, compare=False)  # what was made of it while it was played

    def __repr__(self) -> str:
        where = f"; in {self.folder}" if self.folder else ""
        return f"Run({self.title}; tables: {', '.join(self.frames)}{where})"

    def __rich__(self) -> RenderableType:
        return self.summary()

    def scan(self, table: str) -> pl.LazyFrame:
        """A table that is not read yet (for runs bigger than the memory); `BadInput` when it was not recorded."""
        if table not in self.frames:
            raise BadInput(
                f"the run has no table '{table}'", file=self.folder, remedy="It has: " + ", ".join(sorted(self.frames))
            )
        return self.frames[table]

    @cached_property
    def outcomes(self) -> pl.DataFrame:
        return self.scan("outcomes").collect()

    @cached_property
    def measurements(self) -> pl.DataFrame:
        return self.scan("measurements").collect()

    @cached_property
    def mrd(self) -> pl.DataFrame:
        return self.scan("mrd").collect()

    @cached_property
    def doses(self) -> pl.DataFrame:
        return self.scan("doses").collect()

    @cached_property
    def events(self) -> pl.DataFrame:
        return self.scan("events").collect()

    @cached_property
    def states(self) -> pl.DataFrame:
        return self.scan("states").collect()

    @cached_property
    def side_effects(self) -> pl.DataFrame:
        return self.scan("side_effects").collect()

    @cached_property
    def levels(self) -> pl.DataFrame:
        return self.scan("levels").collect()

    @property
    def title(self) -> str:
        return _title(self.manifest)

    def summary(self, years: float = 5.0) -> Summary:
        """The cohort in the measures of a trial report, survival read at ``years``."""
        if not _is_real(years) or years <= 0:
            raise BadInput(f"survival cannot be read at {years!r} years", remedy="Give a number above 0")
        if years not in self._summaries:
            self._summaries[years] = self._summarised(years)
        return replace(self._summaries[years], performance=self.performance)

    @cached_property
    def _summaries(self) -> dict[float, Summary]:
        return {}

    def _summarised(self, years: float) -> Summary:
        outcomes = self.scan("outcomes").select(cs.by_name(*COUNTED, require_all=False)).collect()
        with using(self.knowledge):
            parts = self._parts()
            frequent = side_effects.most_frequent([part.side_effects for part in parts], outcomes.height)
        journeys = [part.journey for part in parts if part.journey is not None]
        way = Journey.of_all(journeys) if journeys else None
        return summarise(outcomes, way, years=years, title=self.title, more=frequent)

    def _parts(self) -> list[Part]:
        """What is counted patient by patient: of some whole patients at a time, in bounded memory."""
        if self.ahead is not None:
            return self.ahead.parts()
        if self.folder is None:
            return [Part.of(self.frames)]
        some = pieces(self.manifest, AT_ONCE)
        return [Part.of(piece(self.folder, self.manifest, shards)) for shards in some]

    def side_effects_by_phase(self) -> pl.DataFrame:
        """phase, side_effect, grade, patients, of, percent, low, high: who had that grade or worse in a phase, of those
        who began it, with 95 % limits; first of the whole treatment and what follows. Low counts (as measured) and
        infections are side effects too."""
        with using(self.knowledge):
            return side_effects.by_phase(self.frames)

    def burden(self) -> Summary:
        """Days in hospital for side effects, transfusions, doses lost and deaths by cause."""
        with using(self.knowledge):
            return as_summary(side_effects.burden(self.frames), self.title)

    def provenance(self) -> pl.DataFrame:
        """Every number behind the run: where it was read, or what it was calibrated to, or why it was assumed."""
        return self.numbers

    def patient(self, patient: int) -> OnePatient:
        """One patient by number; `BadInput` when the run does not hold it."""
        whole = isinstance(patient, Integral) and not isinstance(patient, bool)
        if not whole or not 0 <= patient < self.manifest["patients"]:
            raise BadInput(
                f"the run has no patient {patient!r}",
                file=self.folder,
                remedy=f"Its patients are 0 to {self.manifest['patients'] - 1}",
            )
        mine = {name: frame.filter(pl.col("patient") == patient).collect() for name, frame in self.frames.items()}
        return OnePatient(patient, mine, f"{self.manifest['identity']['protocol']}, patient {patient}", self)

    def plot(self) -> Figure:
        """The cohort on one page; of a very large one the first 5,000 patients."""
        from .pictures import plot_cohort, shown_of

        return plot_cohort(shown_of(self.frames, DRAWN), title=_title_of_picture(self.manifest))

    def picture(self) -> bytes:
        """`plot`, as a PNG."""
        return self.ahead.picture() if self.ahead else picture(self.frames, DRAWN, _title_of_picture(self.manifest))


def _title(manifest: Manifest) -> str:
    identity = manifest["identity"]
    return f"{identity['protocol']}, {manifest['patients']:,} virtual patients, seed {identity['seed']}"


def _title_of_picture(manifest: Manifest) -> str:
    return _title(manifest) + (f", the first {DRAWN:,}" if manifest["patients"] > DRAWN else "")


def open_run(folder: str | Path) -> Run:
    """A finished run from its folder. `BadInput` when there is none, when it is not finished, and when a file of it is
    missing, changed or not its own: every file is held against the hash that was taken when it was written."""
    return _opened(folder_of(folder), check=True)


def _opened(folder: Path, check: bool) -> Run:
    manifest, frames, whole = read_run(folder, check=check)
    known = manifest["identity"]
    if "provenance" not in whole or not {"protocol", "seed"} <= known.keys() or "outcomes" not in frames:
        raise BadInput("this run was not made by simulate", file=folder, remedy="Name the folder given to --out")
    return Run(manifest, frames, whole["provenance"], folder)


def simulate(
    protocol: str | Path | Protocol | Doses | None = None,
    *,
    doses: Doses | None = None,
    patients: int | None = None,
    seed: int = 1,
    out: str | Path | None = None,
    population: str | None = None,
    ancestry: str | Mapping[str, float] | None = None,
    care: Care | None = None,
    follow_up_years: float = 10.0,
    threads: int | None = None,
    record: Sequence[str] = TABLES,
    progress: Progress | None = None,
    fresh: bool = False,
    knowledge: Library | None = None,
    consent: cost.Consent | None = None,
    finish: Callable[[Run], None] | None = None,
    timings: bool = False,
    after_relapse: str | None = None,
    cluster: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Run:
    """Play a cohort of virtual patients through a protocol.

    ``protocol``: the id of one that is supplied, a file, or one that was read; or instead ``doses`` that were given, as
    `remission.read` read them: patient i is given those of the i-th history, from the first one again after the last.
    ``patients``: 1000; of doses, as many as there are histories. ``population``: the id of one that is supplied, by
    default the one that the protocol names (patients whom the protocol is not for are not drawn), or a file: of a
    population, or a table of your own patients (.csv, .parquet; docs/populations.md). ``ancestry``: theirs, instead of
    what the population says: "East Asian", or shares, {"European": 0.6, "Hispanic": 0.4}. ``care``: when and where they
    are treated, instead of what the population says: ``Care(years=(1990, 2008))``. With ``out`` the tables go to
    that folder shard by shard, in bounded memory; the same call goes on with a run that was stopped, ``fresh`` replaces
    one that is there. A run that will take hours or fill the disk is measured first and asked about: ``consent`` is
    given its `Cost` and says yes or no. ``finish`` is called with the run that is whole, while no other process can
    write into its folder (its summary and picture are then made while it is played). ``after_relapse``: how a relapse
    is treated, when not as the protocol says (`remission.protocol.variant`): the name of a protocol, "usual" or "none".
    ``timings`` measures the steps of the day (`Run.performance`). ``cluster``: the address of a Dask scheduler whose
    workers play the shards (docs/scale.md), ``out`` being a folder that all share or an address; ``say`` is told what
    is waited for.

    The same arguments give the same tables, whatever ``threads`` (default: all cores) and ``cluster``. ``knowledge``:
    the supplied files with your own laid over them, ``library("my-folder")``. Raises `BadInput`.
    """
    if knowledge is not None:
        with using(knowledge):
            run = simulate(
                protocol, doses=doses, patients=patients, seed=seed, out=out, population=population, ancestry=ancestry,
                care=care, follow_up_years=follow_up_years, threads=threads, record=record, progress=progress,
                fresh=fresh, consent=consent, finish=finish, timings=timings, after_relapse=after_relapse,
                cluster=cluster, say=say,
            )  # fmt: skip
        return replace(run, knowledge=knowledge)
    started = time.perf_counter()
    from remission.protocol.doses import Doses

    protocol = _asked(protocol, doses)
    if patients is None:
        patients = len(protocol.histories) if isinstance(protocol, Doses) else PATIENTS
    check_arguments(patients, seed, follow_up_years, threads, record)
    patients, seed, follow_up_years = int(patients), int(seed), float(follow_up_years)

    # the compiled engine is loaded only when something is played
    from remission.engine.play import Options, cores, not_forked
    from remission.patient import own_table, recipe
    from remission.patient.given import NOTHING, Given, of_ancestry
    from remission.protocol.model import Protocol
    from remission.protocol.reader import read_protocol
    from remission.protocol.variant import variant

    from .shard import Asked, Elsewhere, Work, days_of

    not_forked()
    histories = protocol if isinstance(protocol, Doses) else None
    if isinstance(protocol, Doses):
        if after_relapse not in (None, "none"):
            raise BadInput("nothing follows doses that were given", remedy="Leave after_relapse out")
        protocol, after_relapse = protocol.protocol(()), None
    elif isinstance(protocol, str | Path):
        protocol = read_protocol(protocol)
    elif not isinstance(protocol, Protocol):
        raise BadInput(f"{protocol!r} is no protocol", remedy="Give the id of one, a file, or one that was read")
    if after_relapse is not None:
        protocol = variant(protocol, after_relapse=after_relapse)
    record = tuple(name for name in TABLES if name in record)
    shelf = library()
    options = Options(follow_up_days=round(follow_up_years * DAYS_PER_YEAR), record=record)
    usual = protocol.population or POPULATION
    own = own_table.is_table(population) if population else False
    people = recipe.population(usual if own or population is None else population)
    given, of_people = NOTHING, people.name
    if ancestry is not None:
        shares = {ancestry: 1.0} if isinstance(ancestry, str) else dict(ancestry)
        people = of_ancestry(people, shares)
        of_people += ", ancestry " + ", ".join(f"{name} {share:g}" for name, share in sorted(shares.items()))
    if care is not None:
        people = people.model_copy(update={"care": care})
        of_people += f", {care}"
    if own:
        assert population is not None
        kinds, ancestries = people.subtypes, people.pharmacogenetics.names
        rows = own_table.read_rows(Path(population), kinds.names, len(kinds.frequency.B), ancestries)
        given, of_people = Given(rows=rows), f"{of_people}, table {rows.digest[:16]}"
    elif histories is not None:
        given = Given(rows=_facts(histories, people))
    numbers = behind(protocol, shelf, people)
    steps: dict[str, float] | None = {} if timings else None
    played: list[tuple[int, float]] = []  # patients and their days, shard by shard
    asked = Asked(protocol, people, given, seed, options, histories)
    ahead: Ahead | None = None
    play_here = asked.player(timings=steps, drawn=lambda: ahead.begun() if ahead else None)
    size = shard_size(patients)
    all_cores = threads or cores()
    if patients < memory.FEW:
        all_cores = min(all_cores, memory.FEW_CORES)
    at_once = 1 if timings or patients < memory.FEW else min(all_cores, SIDE_BY_SIDE)

    def play_shard(first: int, count: int) -> Tables:
        """With a share of the cores while there is work for the others, at the end with all of them; so is the first,
        which is then done before its neighbours: tables are one thread's work, and not all make them at once."""
        every = first == 0 or patients - first <= at_once * size
        frames = play_here(first, count, all_cores if every else -(-all_cores // at_once))
        played.append((count, days_of(frames)))
        return frames

    def took() -> Performance | None:
        if not played:
            return None
        return Performance(
            patients=sum(patients for patients, _ in played),
            patient_years=sum(days for _, days in played) / DAYS_PER_YEAR,
            seconds=time.perf_counter() - started,
            peak_memory_mb=memory.peak_mb(),
            threads=all_cores if cluster is None else None,
            steps=steps,
        )

    folder = None if out is None else folder_of(out)
    left = patients - (finished_shards(folder) * size if folder is not None and not fresh else 0)
    if left >= cost.WEIGHED_FROM and cluster is None:
        cost.ask(cost.weigh(lambda first, count: play_here(first, count, all_cores), left, folder, threads), consent)
        started = time.perf_counter()
        if steps is not None:
            steps.clear()
    made: list[Run] = []

    def written_elsewhere(run: str, missing: Iterator[int]) -> Iterator[tuple[int, Files]]:
        assert cluster is not None and folder is not None
        where = str(folder if remote(folder) else folder.absolute())
        question = Elsewhere(asked, patients, size, where, run)
        for shard, days, files in on_cluster(cluster, Elsewhere.begun, question, Work.written, missing, say=say):
            played.append((min(size, patients - shard * size), days))
            yield shard, files

    def whole(run: Run) -> None:
        made.append(replace(run, performance=took()))
        if finish:
            finish(made[0])

    if folder is not None:
        identity = _identity(protocol, of_people, seed, follow_up_years, record)
        form = {"identity": identity, "patients": patients, "shard_size": size, "tables": list(record)}
        ahead = Ahead(folder, form, AT_ONCE, DRAWN, _title_of_picture(form)) if finish else None
        with ahead or nullcontext():
            run_shards(
                play_shard,
                patients=patients,
                shard_size=size,
                out=folder,
                identity=identity,
                tables=record,
                progress=progress,
                whole={"provenance": numbers},
                fresh=fresh,
                at_once=at_once,
                elsewhere=None if cluster is None else written_elsewhere,
                seen=ahead.seen if ahead else None,
                finish=lambda: whole(replace(_opened(folder, check=False), ahead=ahead)),
            )
        return made[0]
    parts: list[Tables] = []
    shards = [(first, min(size, patients - first)) for first in range(0, patients, size)]
    if progress:
        progress(0, patients)
    if cluster is None:
        came = in_turn(lambda shard: play_shard(*shard), shards, at_once)
    else:
        question = Elsewhere(asked, patients, size)
        came = in_order(on_cluster(cluster, Elsewhere.begun, question, Work.frames, range(len(shards)), say=say))
    for part in came:
        parts.append(part)
        if cluster is not None:
            played.append((part["outcomes"].height, days_of(part)))
        if progress:
            progress(min(len(parts) * size, patients), patients)
    frames = {name: pl.concat([part[name] for part in parts]).lazy() for name in record}
    manifest = {"identity": {"protocol": protocol.id, "seed": seed}, "patients": patients, "finished": True}
    whole(Run(manifest, frames, numbers))
    return made[0]


def _asked(protocol: str | Path | Protocol | Doses | None, doses: Doses | None) -> str | Path | Protocol | Doses:
    """The protocol, or the doses that are played instead of one."""
    from remission.protocol.doses import Doses

    if doses is None:
        if protocol is None:
            raise BadInput("nothing is to be played", remedy="Name a protocol, or say doses=")
        return protocol
    if protocol is not None:
        raise BadInput("the doses of a table are played as they are", remedy="Leave the protocol out")
    if not isinstance(doses, Doses):
        raise BadInput(f"{doses!r} is nothing that was read", remedy="Write: doses=remission.read(FILE)")
    return doses


def _facts(doses: Doses, people: Population) -> Rows:
    """What a table of doses says of its patients."""
    from remission.patient.own_table import rows_of

    facts, lines = [h.facts for h in doses.histories], [h.line for h in doses.histories]
    names, ancestries = people.subtypes, people.pharmacogenetics.names
    file = Path(doses.file)
    return rows_of(facts, file, lines, names.names, len(names.frequency.B), ancestries, doses.digest)


def shard_size(patients: int) -> int:
    """Patients per shard: small enough for memory and progress, large enough for many cores; whole blocks of 32."""
    return 32 * min(32, max(8, patients // 256))  # with all tables a quarter of a GiB each


def check_arguments(
    patients: int, seed: int, follow_up_years: float, threads: int | None, record: Sequence[str]
) -> None:
    """`BadInput` for what cannot be simulated."""
    _whole("{} patients cannot be simulated", patients, 1, MOST_PATIENTS)
    _whole("the seed {} cannot be used", seed, 0, 2**63 - 1)
    if not _is_real(follow_up_years) or not 0 < follow_up_years <= 100:
        shown = f"{follow_up_years:g} years" if _is_real(follow_up_years) else f"{follow_up_years!r}"
        raise BadInput(f"a follow-up of {shown} cannot be played", remedy="Give years, more than 0, at most 100")
    if threads is not None:
        _whole("{} threads cannot work", threads, 1, 4096)
    if isinstance(record, str):
        raise BadInput(f"the tables to record are a list, not '{record}'", remedy=f'Write: record=["{record}"]')
    if unknown := [name for name in record if name not in TABLES]:
        near = nearest(unknown[0], TABLES)
        remedy = f"Did you mean '{near}'?" if near else "Known: " + ", ".join(TABLES)
        raise BadInput(f"there is no table '{unknown[0]}' to record", remedy=remedy)
    if "outcomes" not in record:
        raise BadInput("a run always records the table 'outcomes'", remedy="Add it to `record`")


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _whole(complaint: str, value: object, least: int, most: int) -> None:
    """`BadInput` unless it is a whole number (of Python or NumPy, no truth value) between the two."""
    if not isinstance(value, Integral) or isinstance(value, bool) or not least <= int(value) <= most:
        remedy = f"Give a whole number from {least} to {most:,}"
        raise BadInput(complaint.format(value if isinstance(value, Real) else repr(value)), remedy=remedy)


def _identity(
    protocol: Protocol, population: str, seed: int, follow_up_years: float, record: Sequence[str]
) -> dict[str, object]:
    """What makes a run itself: goes on only with the same question, the same knowledge and the same code."""
    return {
        "protocol": protocol.id,
        "population": population,
        "seed": seed,
        "follow_up_years": follow_up_years,
        "record": list(record),
        "protocol_files": hashlib.sha256("".join(map(_hash_text, _files_of(protocol))).encode()).hexdigest(),
        "knowledge": library().digest(),
        **code_identity(),
    }


def _files_of(protocol: Protocol) -> list[Path]:
    """The files that the protocol was read from: its own, those of phases it goes on to, those of what it includes."""
    items: list[Any] = [item for p in protocol.phases for item in (p, *p.give, *p.check, *p.decide, *p.rules)]
    others = {Path(item.place.file) for item in (*items, *protocol.rules) if item.place is not None}
    own = {Path(protocol.file)} if protocol.file else set()
    return sorted(own | {file for file in others if file.is_file()})


def _hash_text(path: Path) -> str:
    from remission.knowledge.yaml_file import STANDARD_INPUT
    from remission.protocol.yaml_text import Text

    return hashlib.sha256(Text(path).text.encode()).hexdigest() if path == STANDARD_INPUT else hash_of(path)
