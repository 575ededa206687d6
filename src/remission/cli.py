"""The command line. Every command imports what it needs when it runs, so that help is immediate."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
import typer.core

from remission.progress import Bar

if TYPE_CHECKING:
    from rich.console import Console

    from remission.engine.cores import Spread
    from remission.individual.chart import Chart
    from remission.knowledge.agent import Agent
    from remission.knowledge.side_effect import SideEffect
    from remission.knowledge.symptom import Symptom
    from remission.knowledge.trial_file import Trial
    from remission.protocol.doses import Doses
    from remission.protocol.model import Protocol
    from remission.trial.cost import Consent
    from remission.trial.run import Run
    from remission.trial.summary import Performance
    from remission.trial.validate import Reproduction


class _WithLibrary(typer.core.TyperGroup):
    """Takes --library DIR, wherever it stands, before the command is read: it holds for every command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest, own = _taken(args)
        if own:
            from remission.knowledge.library import library, using

            ctx.with_resource(using(library(*own)))
        return super().parse_args(ctx, rest)


def _taken(args: list[str]) -> tuple[list[str], list[str]]:
    """The arguments without --library DIR and --library=DIR, and those folders."""
    rest: list[str] = []
    own: list[str] = []
    waiting = list(args)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*rest, word, *waiting], own
        if word.startswith("--library="):
            own.append(word.partition("=")[2])
        elif word == "--library":
            if not waiting:
                raise typer.BadParameter("a folder is missing behind it", param_hint="--library")
            own.append(waiting.pop(0))
        else:
            rest.append(word)
    return rest, own


app = typer.Typer(
    name="remission",
    cls=_WithLibrary,
    help="An executable model of how acute lymphoblastic leukaemia is treated. For research and teaching only.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _known(*rooms: str) -> Callable[[str], list[str]]:
    """The names of the library that begin like what is typed, for the shell."""

    def begin(incomplete: str) -> list[str]:
        from remission.knowledge.library import library

        shelf = library()
        return [name for room in rooms for name in getattr(shelf, room)() if name.startswith(incomplete)]

    return begin


ProtocolName = Annotated[
    str,
    typer.Argument(
        metavar="PROTOCOL", autocompletion=_known("protocols"),
        help="A supplied protocol, or a file; - is standard input.",
    ),
]  # fmt: skip
Other = Annotated[str | None, typer.Argument(metavar="[OTHER]", help="Another protocol; the same when left out.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same patients and the same fate.")]
Threads = Annotated[int | None, typer.Option(help="Cores to use; all when left out.")]
Workers = Annotated[int | None, typer.Option(min=1, max=4096, help="Cores to use; all when left out.")]
Years = Annotated[float, typer.Option(help="Years from the first dose.")]
Yes = Annotated[bool, typer.Option("--yes", help="Play a run that takes hours or fills the disk unasked.")]
Metaboliser = Annotated[str | None, typer.Option(help="normal, intermediate or poor.")]
PhaseName = Annotated[str | None, typer.Option("--phase", help="Its phase of maintenance.")]
Population = Annotated[
    str | None,
    typer.Option(
        help="See: remission list populations; or a file, also a table of your own patients (.csv, .parquet).",
        autocompletion=_known("populations"),
    ),
]
Ancestry = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[:PERCENT]",
        help="European, African American, Hispanic, East Asian, South Asian; several with their percent: European:60.",
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        metavar="AGENT", autocompletion=_known("agents"),
        help="Leave an agent out, or one of its routes: 'methotrexate IT'. May be given several times.",
    ),
]  # fmt: skip
Miss = Annotated[
    list[str] | None,
    typer.Option(
        metavar="AGENT:PERCENT", help="Doses that are missed by chance: mercaptopurine:10. May be given several times."
    ),
]
Column = Annotated[list[str] | None, typer.Option(help="A column by another name: ANC=Neutros. Several.")]
Dates = Annotated[str | None, typer.Option(help="ymd, dmy or mdy, where the file leaves it open.")]
SHOWN = ("agents", "side_effects", "symptoms", "protocols", "trials")
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Play on a Dask cluster: its scheduler as tcp://host:8786, or its file (docs/scale.md)."
    ),
]


def _folder(text: str) -> Path:
    """A folder on this machine or, by an address, elsewhere."""
    from remission.knowledge.errors import BadInput
    from remission.knowledge.folders import folder_of

    if text.startswith(("memory:", "file:")):
        by_path = text.startswith("file:")
        remedy = "Name the folder by its path" if by_path else "It ends with this command: name a folder"
        raise BadInput("nothing can be kept at this address", file=text, remedy=remedy)
    return folder_of(text)


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Add = Annotated[
    list[str] | None,
    typer.Option(metavar="SENTENCE", help="Add a sentence, as in a file. May be given several times."),
]
InPhase = Annotated[
    list[str] | None,
    typer.Option("--in", metavar="PHASE", help="Where --without, --miss and --add hold; everywhere if not given."),
]
AfterRelapse = Annotated[
    str | None,
    typer.Option(
        metavar="PROTOCOL|usual|none",
        help="Treat a relapse by this protocol instead of what the file says; usual: as today; none: it is the end.",
        autocompletion=_known("protocols"),
    ),
]
Uncertainty = Annotated[
    int,
    typer.Option(
        min=0, metavar="DRAWS",
        help="Play so many draws of the numbers that were fitted too, and tell how far they change the results.",
    ),
]  # fmt: skip
RunFolder = Annotated[
    Path, typer.Argument(parser=_folder, metavar="RUN-FOLDER", help="A folder given to simulate --out.")
]


InLanguage = Annotated[str, typer.Option("--language", help="en, es, fr, de, pt-BR, ar, hi or zh.")]


def _speak_in(language: str) -> None:
    """From here on what is printed is in this language; what is not translated stands in English."""
    from remission.knowledge.errors import BadInput, nearest
    from remission.locale import KNOWN
    from remission.locale.speech import speak

    if language not in KNOWN:
        near = nearest(language, KNOWN)
        known = f"Did you mean '{near}'?" if near else f"Known: {', '.join(KNOWN)}"
        raise BadInput(f"there is no language '{language}'", remedy=known)
    speak(language)
    if language != "en":
        from remission.locale import bare, gettext
        from remission.protocol.calendar import MACHINE

        _say(bare(gettext(MACHINE)))


_whole_program = False  # and not a call from somebody else's


def program() -> None:
    """`main` as the whole of a process. It ends without taking apart, piece by piece, what it has read: a tenth of a
    short command."""
    global _whole_program
    _whole_program = True
    code: Any = 0
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if asked := [one for one in app.registered_commands if name in (one.name, getattr(one.callback, "__name__", ""))]:
        app.registered_commands = asked  # the options of the others are not looked up
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    if threading.active_count() > 1 or not (code is None or isinstance(code, int)):
        sys.exit(code)
    gc.freeze()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)  # says so
    os._exit(code or 0)


def main() -> None:
    """Entry point: what a person got wrong is told in one line on stderr with exit code 2, never as a traceback."""
    _speak()
    gc.set_threshold(300_000, 20, 50)  # what is read stays: to look through it again and again takes a tenth of a start
    try:
        app()
    except BrokenPipeError:  # | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _refuse(f"{error.filename or 'the output cannot be written'}: {error.strerror or error}.")
    except Exception as error:
        from remission.knowledge.errors import BadInput

        if not isinstance(error, BadInput):
            raise
        _refuse(str(error))


def _speak() -> None:
    """Streams that can be written to, whatever they are: a letter that they do not have is a question mark."""
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


# --- play -------------------------------------------------------------------------------------


@app.command()
def simulate(
    protocol: Annotated[
        str | None,
        typer.Argument(
            metavar="PROTOCOL", autocompletion=_known("protocols"),
            help="A supplied protocol, or a file; - is standard input. Not with --doses.",
        ),
    ] = None,
    doses: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Play the doses of a table instead of a protocol: remission import tells what is read."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="What the format of --doses asks: docs/formats.md."),
    ] = None,
    patients: Annotated[
        int | None, typer.Option(help="Number of virtual patients; 1000, with --doses those of the table.")
    ] = None,
    seed: Seed = 1,
    out: Annotated[
        Path | None,
        typer.Option(parser=_folder, metavar="FOLDER", help="For tables, summary and picture; also s3://bucket/run."),
    ] = None,
    population: Population = None,
    ancestry: Ancestry = None,
    follow_up: Years = 10.0,
    threads: Threads = None,
    cluster: Cluster = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Replace the run that the folder holds.")] = False,
    yes: Yes = False,
    without: Without = None,
    miss: Miss = None,
    add: Add = None,
    in_phase: InPhase = None,
    after_relapse: AfterRelapse = "usual",
    timings: Annotated[bool, typer.Option("--timings", help="Show what each step of a day costs.")] = False,
    uncertainty: Uncertainty = 0,
    json: Json = False,
) -> None:
    """Play a cohort of virtual patients through a protocol.

    With --out a run that was stopped goes on when the same command is given again.
    """
    _holds_little(patients)
    _draws()
    from remission.knowledge.errors import BadInput
    from remission.trial.run import simulate

    changed: Any
    if doses is not None:
        if protocol or without or miss or in_phase:
            raise BadInput("the doses of a table are played as they are", remedy="Leave protocol and changes out")
        changed = _doses(doses, add or (), option)
        patients = len(changed.histories) if patients is None else patients
    elif protocol is None:
        raise BadInput("nothing is to be played", remedy="Name a protocol (remission list protocols), or --doses FILE")
    else:
        changed = _changed(protocol, without, miss, add, in_phase, after_relapse)
    patients = 1000 if patients is None else patients
    shares = None
    if ancestry:
        from remission.patient.given import ancestries_of

        shares = ancestries_of(ancestry)
    if uncertainty:  # what is missing is told before anything is played
        from remission.trial.uncertainty import over_draws, sample_of

        sample_of(uncertainty)
    try:
        with Bar() as progress:
            run = simulate(
                changed,
                patients=patients,
                seed=seed,
                out=out,
                population=population,
                ancestry=shares,
                follow_up_years=follow_up,
                threads=threads,
                progress=progress,
                fresh=fresh,
                consent=_consent(yes),
                finish=None if out is None else _write_beside,
                timings=timings,
                cluster=cluster,
                say=_say,
            )
    except KeyboardInterrupt:
        again = "the same command" + (" without --fresh" if fresh else "")
        kept = (
            f"What is finished is kept in {out}: {again} goes on from there."
            if out
            else "Nothing is kept without --out."
        )
        _say(f"Stopped. {kept}")
        raise typer.Exit(130) from None
    summary = run.summary()
    if uncertainty:

        def another() -> dict[tuple[str, str], float]:
            with Bar() as progress:
                return simulate(
                    changed, patients=patients, seed=seed, population=population, ancestry=shares,
                    follow_up_years=follow_up, threads=threads, progress=progress,
                ).summary().values()  # fmt: skip

        summary = summary.with_draws(over_draws(uncertainty, another))
        if out is not None:
            _write(out / "summary.csv", summary.table.write_csv())
    _print(summary, json)
    if timings and run.performance is not None and not json:
        _show_timings(run.performance)
    if out is not None:
        if run.performance is None:
            _say(f"{out} held this run already, finished (--fresh plays it again).")
        _say(f"Tables, manifest.json and summary.csv are in {out}; picture: {out / 'cohort.png'}")


def _doses(file: Path, rules: Sequence[str], option: list[str] | None) -> Doses:
    """What a table says was given, with rules beside it."""
    from dataclasses import replace

    from remission.exchange.formats import read
    from remission.knowledge.errors import BadInput
    from remission.protocol.doses import Doses

    found = read(file, **_options(option))
    if not isinstance(found, Doses):
        raise BadInput("this holds no doses", file, remedy="See: remission list formats (in: doses)")
    return replace(found, rules=(*found.rules, *rules))


@app.command()
def plot(
    folder: RunFolder,
    patient: Annotated[int | None, typer.Option(help="One patient instead of the cohort.")] = None,
    days: Annotated[
        tuple[float, float] | None, typer.Option(help="With --patient: only from the first to the second day.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A .png or .svg file; in the run folder when left out.")] = None,
) -> None:
    """Draw a cohort, or one of its patients, on one page."""
    from remission.trial import drawing

    _draws()
    drawing.load()
    from remission.trial.pictures import save
    from remission.trial.run import open_run

    if days is not None and patient is None:
        raise typer.BadParameter("the cohort is always drawn whole; name a --patient", param_hint="--days")
    run = open_run(folder)
    figure = run.plot() if patient is None else run.patient(patient).plot(days)
    path = out or folder / ("cohort.png" if patient is None else f"patient-{patient}.png")
    if path.suffix.lower() not in (".png", ".svg"):
        raise typer.BadParameter(f"a picture is written as .png or .svg, not as {path.name}", param_hint="--out")
    _console().print(f"{save(figure, path)}", highlight=False)


@app.command()
def compare(
    protocol: ProtocolName,
    other: Other = None,
    patients: Annotated[int, typer.Option(help="Number of virtual patients.")] = 1000,
    seed: Seed = 1,
    population: Population = None,
    years: Years = 5.0,
    threads: Threads = None,
    without: Without = None,
    miss: Miss = None,
    add: Add = None,
    in_phase: InPhase = None,
    after_relapse: AfterRelapse = None,
    who: Annotated[
        bool, typer.Option("--who", help="Who gains and who loses instead: the same patients one by one, in groups.")
    ] = False,
    uncertainty: Uncertainty = 0,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Play two protocols with the same patients and the same chance, side by side.

    --without, --miss, --add, --in and --after-relapse change the second one:
    remission compare cog-high-risk --without pegaspargase
    """
    from remission.knowledge.errors import BadInput
    from remission.trial.gains import gains
    from remission.trial.side_by_side import both, side_by_side

    if who and uncertainty:
        raise BadInput("--who and --uncertainty are not known together", remedy="Leave one of them out")
    first, second = _two(protocol, other, without, miss, add, in_phase, after_relapse)
    with Bar() as progress:
        if who:
            a, b, names = both(
                first, second, patients=patients, seed=seed, population=population, years=years, threads=threads,
                progress=progress, consent=_consent(yes), record=("outcomes",),
            )  # fmt: skip
            done: Any = gains(a["outcomes"], b["outcomes"], names, years)
        else:
            done = side_by_side(
                first, second, patients=patients, seed=seed, population=population, years=years, threads=threads,
                progress=progress, consent=_consent(yes), uncertainty=uncertainty,
            )  # fmt: skip
    _print(done, json)


def _two(
    protocol: str,
    other: str | None,
    without: list[str] | None,
    miss: list[str] | None,
    add: list[str] | None,
    in_phase: list[str] | None,
    after_relapse: str | None = None,
) -> tuple[Protocol, Protocol]:
    """A protocol and what is compared with it: another one, changed as asked."""
    from remission.knowledge.errors import BadInput
    from remission.protocol.reader import read_protocol

    if other is None and not (without or miss or add or after_relapse):
        raise BadInput("one protocol has nothing beside it", remedy="Name another one, or say what to add or leave out")
    return read_protocol(protocol), _changed(other or protocol, without, miss, add, in_phase, after_relapse)


def _changed(
    protocol: str,
    without: list[str] | None,
    miss: list[str] | None,
    add: list[str] | None,
    in_phase: list[str] | None,
    after_relapse: str | None,
) -> Protocol:
    """A protocol as it is asked for."""
    from remission.protocol.variant import missed, variant

    return variant(
        protocol, without=without or (), miss=missed(miss or ()), add=add or (), phases=in_phase or (),
        after_relapse=after_relapse,
    )  # fmt: skip


@app.command()
def power(
    protocol: ProtocolName,
    other: Other = None,
    an_arm: Annotated[
        list[int] | None, typer.Option("--an-arm", help="Patients an arm; several sizes. 100, 200, 400 if left out.")
    ] = None,
    accrual: Annotated[float, typer.Option(help="Years in which patients come, evenly.")] = 3.0,
    follow_up: Annotated[float, typer.Option(help="Years from the last patient to the analysis.")] = 3.0,
    alpha: Annotated[float, typer.Option(help="Two-sided.")] = 0.05,
    trials: Annotated[int, typer.Option(help="Trials that are played of each size.")] = 1000,
    pool: Annotated[int, typer.Option(help="Virtual patients that they are drawn from.")] = 2000,
    seed: Seed = 1,
    population: Population = None,
    threads: Threads = None,
    without: Without = None,
    miss: Miss = None,
    add: Add = None,
    in_phase: InPhase = None,
    after_relapse: AfterRelapse = None,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """The power of a planned trial of two treatments, by playing it again and again; how many patients it needs.

    Compared is event-free survival by the log-rank test: remission power cog-high-risk --without pegaspargase
    """
    from remission.trial import power as trial
    from remission.trial.side_by_side import both

    design = trial.Design(accrual, follow_up, alpha, trials).checked()
    first, second = _two(protocol, other, without, miss, add, in_phase, after_relapse)
    with Bar() as progress:
        a, b, names = both(
            first, second, patients=pool, seed=seed, population=population, years=design.longest, threads=threads,
            progress=progress, consent=_consent(yes), record=("outcomes",),
        )  # fmt: skip
    fates = trial.Fates.of(a["outcomes"]), trial.Fates.of(b["outcomes"])
    _print(trial.power(fates, names, an_arm or (100, 200, 400), design, seed=seed), json)


@app.command("side-effects")
def side_effects(
    what: Annotated[str, typer.Argument(metavar="RUN-FOLDER|PROTOCOL", help="A run, or a protocol to play now.")],
    patients: Annotated[int, typer.Option(help="Number of virtual patients, when it is played now.")] = 1000,
    seed: Seed = 1,
    patient: Annotated[int | None, typer.Option(help="The course of one patient instead.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the whole table to this CSV file.")] = None,
    without: Without = None,
    miss: Miss = None,
    add: Add = None,
    in_phase: InPhase = None,
    after_relapse: AfterRelapse = None,
    json: Json = False,
) -> None:
    """Side effects by phase and grade, days in hospital, doses lost, deaths; or one patient's course."""
    from remission.trial.run import open_run, simulate
    from remission.trial.side_effect_tables import courses, incidences

    if Path(what).is_dir():
        run = open_run(what)
    else:
        changed = _changed(what, without, miss, add, in_phase, after_relapse)
        with Bar() as progress:
            run = simulate(changed, patients=patients, seed=seed, follow_up_years=5.0, progress=progress)
    if patient is not None:
        table = run.patient(patient).symptoms()
        if json:
            days = ("side_effect", "from_day", "to_day", "worst_grade", "symptoms")
            _print([dict(zip(days, row, strict=True)) for row in courses(table)], json)
        else:
            title = f"{run.title}, patient {patient}"
            said = "symptoms that go with it (in brackets: may)"
            _print_table(title, ("side effect", "from day", "to day", "worst grade", said), courses(table))
    else:
        table = run.side_effects_by_phase()
        if json:
            _print({"title": run.title, "by_phase": table, "burden": run.burden().table}, json)
        else:
            headings = ("phase", "side effect", "any grade, %", "grade 3 or more, %", "grade 4 or more, %", "died, %")
            _print_table(run.title, headings, incidences(table))
            _console().print(run.burden())
    if csv is not None:
        _write(csv, table.write_csv())


@app.command()
def charts(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[CHART.csv ...]", help="Maintenance charts of real patients.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="The folder of a run; else a protocol is played now.")] = None,
    protocol: Annotated[str | None, typer.Option(help="What is played; left out: that of the charts.")] = None,
    phase: PhaseName = None,
    patients: Annotated[int, typer.Option(help="Number of virtual patients, when it is played now.")] = 200,
    seed: Seed = 1,
    column: Column = None,
    dates: Dates = None,
    json: Json = False,
) -> None:
    """How counts live from week to week in maintenance: charts of real patients beside those that are played."""
    from remission.knowledge.charts_file import charts as published
    from remission.trial.charts import of_chart, of_cohort, side_by_side
    from remission.trial.run import open_run, simulate

    known = published()
    real = []
    for path, chart in zip(files or (), _charts(files or (), column, dates, percent=True), strict=True):
        for problem in chart.problems:
            _say(f"{path}: {problem}")
        real.append((path.stem, of_chart(chart)))
    weeks = (known.played.first_week, known.played.last_week)
    if run is not None:
        played = open_run(run)
    else:
        with Bar() as progress:
            played = simulate(
                protocol or known.played.protocol,
                patients=patients,
                seed=seed,
                follow_up_years=3.0,
                progress=progress,
            )
    where = phase or known.played.phase
    table = side_by_side(real, of_cohort(played.measurements, played.doses, where, weeks))
    if json:
        _print({"title": played.title, "phase": where, "charts": table}, json)
        return
    headings = ("", *(name for name, _ in real), "played: median", "of 100, 10th", "90th")
    rows = [(row[0], *("" if x is None or x != x else f"{x:.2f}" for x in row[1:])) for row in table.rows()]
    _print_table(f"{played.title}: {where}", headings, rows)


def _charts(
    files: Sequence[Path], column: list[str] | None, dates: str | None, *, percent: bool = False
) -> list[Chart]:
    """The charts of files: tables, or FHIR Bundles; ``percent``: doses may be in percent alone."""
    from remission.exchange.formats import read
    from remission.individual.reading import named_columns, read_chart

    if dates not in (None, "ymd", "dmy", "mdy"):
        raise typer.BadParameter("ymd, dmy or mdy", param_hint="--dates")
    return [
        read(path, "fhir-chart") if path.suffix.lower() == ".json"
        else read_chart(path, named_columns(column or ()), dates, percent=percent)
        for path in files
    ]  # fmt: skip


@app.command("fit")
def fit_chart(
    charts: Annotated[
        list[Path], typer.Argument(metavar="CHART ...", help="A chart: a table or a FHIR Bundle. Or several of them.")
    ],
    protocol: Annotated[
        str | None, typer.Option(help="Whose rules explain the doses and go on; left out: that which explains most.")
    ] = None,
    phase: PhaseName = None,
    age: Annotated[float | None, typer.Option(help="Years at the first visit.")] = None,
    sex: Annotated[str | None, typer.Option(help="f or m.")] = None,
    weight: Annotated[float | None, typer.Option(help="kg.")] = None,
    height: Annotated[float | None, typer.Option(help="cm.")] = None,
    tpmt: Metaboliser = None,
    nudt15: Metaboliser = None,
    weeks: Annotated[float, typer.Option(help="How far ahead.")] = 12.0,
    until: Annotated[float | None, typer.Option(help="Use the visits up to this week of the chart.")] = None,
    dose: Annotated[list[float] | None, typer.Option(help="A changed dose, as a multiple: 0.75. Several.")] = None,
    column: Column = None,
    dates: Dates = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Read and explain; fit nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="A folder for the tables (CSV) and the picture.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="As in simulate.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, max=4096, help="Cores; all when left out.")] = None,
    json: Json = False,
) -> None:
    """One patient's chart of maintenance: why doses changed, who the patient is, what counts to expect.

    For research and teaching: never to choose a dose. Several charts are compared (copies are named), the first one is
    fitted."""
    from rich.progress import Progress

    from remission.individual.chart import copies
    from remission.individual.forward import Facts
    from remission.individual.result import CHANGED, examine
    from remission.individual.said import explained, matched, said

    read = _charts(charts, column, dates)
    twins = copies(read)
    for twin in twins:
        _say(str(twin))
    chart = read[0] if until is None else read[0].until(7.0 * until)
    for problem in chart.problems:
        _say(f"{charts[0]}: {problem}")
    if protocol is None:
        protocol, words = matched(chart)
        _say(words)
    if read_only:
        table = explained(chart, protocol, phase)
        if json:
            _print({"chart": chart.name, "visits": len(chart), "copies": [str(twin) for twin in twins],
                    "problems": [str(problem) for problem in chart.problems], "changes": table}, json)  # fmt: skip
        else:
            _print_sections([table])
        return
    with Progress(console=_console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"Fitting {chart.name}", total=1.0)
        result = examine(
            chart, Facts(age, sex, weight, height, tpmt, nudt15), protocol=protocol, phase=phase, weeks=weeks,
            factors=tuple(dose) if dose else CHANGED, seed=seed, threads=threads,
            progress=lambda share: bar.update(task, completed=share),
        )  # fmt: skip
    if json:
        _print(result.as_dict() | {"copies": [str(twin) for twin in twins]}, json)
    else:
        _print_sections(said(result))
    if out is not None:
        for path in result.write(out):
            _say(f"{path}")


@app.command()
def validate(
    trials: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TRIAL|FILE ...]",
            autocompletion=_known("trials"),
            help="See: remission list trials; or trial files of your own. All supplied ones when left out.",
        ),
    ] = None,  # fmt: skip
    patients: Annotated[
        int,
        typer.Option(
            help="Number of virtual patients in each arm; of trials up to eight times as many, where a group of them "
            "is too small to be twice as exact as its published number."
        ),
    ] = 1000,
    seed: Seed = 1,
    out: Annotated[Path | None, typer.Option(help="Write the tables to this Markdown file.")] = None,
    threads: Threads = None,
    side_effects: Annotated[
        bool, typer.Option("--side-effects", help="The published incidences of side effects instead of trials.")
    ] = False,
    uncertainty: Uncertainty = 0,
    cluster: Cluster = None,
    json: Json = False,
) -> None:
    """Play published trials and print what was observed beside what is simulated.

    With --out the page has pictures, in the folder img beside it: a forest plot a trial and one over all.
    """
    if side_effects:
        if trials:
            from remission.knowledge.errors import BadInput

            raise BadInput("no trials can be named with --side-effects", remedy="Leave them out: all are played")
        if uncertainty:
            from remission.knowledge.errors import BadInput

            raise BadInput("--uncertainty is not known for side effects", remedy="Leave it out")
        _validate_side_effects(patients, seed, out, threads, cluster, json)
        return
    from remission.knowledge.library import library
    from remission.trial.validate import validate
    from remission.trial.validation_page import as_markdown, counts, on_terminal

    names = trials or library().trials()
    for name in names:  # a wrong name is told before anything is played
        library().trial(name)
    done: list[Reproduction] = []
    spread = None if cluster is None else _spread(None, cluster)
    for some in [names] if spread else [[name] for name in names]:
        with Bar() as progress:
            done += validate(
                some, patients=patients, seed=seed, threads=threads, progress=progress, uncertainty=uncertainty,
                over=spread,
            )  # fmt: skip
        if not json:
            _console().print(*map(on_terminal, done[-len(some) :]))
    if json:
        _print(done, json)
    else:
        print(*counts(done), sep="\n")
    if out is not None:
        from remission.trial.picture_validation import pictures

        drawn = {name: f"img/{path.name}" for name, path in pictures(done, out.parent / "img").items()}
        _write(out, as_markdown(done, patients=patients, seed=seed, uncertainty=uncertainty, pictures=drawn))


def _validate_side_effects(
    patients: int, seed: int, out: Path | None, threads: int | None, cluster: str | None, json: bool
) -> None:
    from remission.trial.incidence import validate_side_effects
    from remission.trial.incidence_page import HEADINGS, as_markdown, cells, missing, sentences

    with Bar() as progress:
        done = validate_side_effects(
            patients=patients, seed=seed, threads=threads, progress=progress,
            over=None if cluster is None else _spread(None, cluster),
        )  # fmt: skip
    if json:
        _print(done, json)
    else:
        _print_table("", HEADINGS, [cells(row) for row in done])
        print(*sentences(done), sep="\n")
        for name, why in missing(done):
            print(f"  no verdict on {name}: {why}")
    if out is not None:
        from remission.trial.picture_validation import picture_of_incidences

        drawn = picture_of_incidences(done, out.parent / "img")
        address = None if drawn is None else f"img/{drawn.name}"
        _write(out, as_markdown(done, patients=patients, seed=seed, picture=address))


@app.command()
def calibrate(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.yaml", help="What is fitted to what; see docs/calibrating.md.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the evaluations; runs/calibration/NAME when left out.")
    ] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop then; the same command goes on.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write the fitted numbers into the knowledge files.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the report to this Markdown file too.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the targets and stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Replace the evaluations that the folder holds.")] = False,
) -> None:
    """Fit numbers that nobody measured to published results: a posterior, a report and, with --apply, the files.

    A calibration that was stopped goes on when the same command is given again.
    """
    from functools import partial

    from remission.calibration.evaluate import evaluate_all
    from remission.calibration.folder import Folder
    from remission.calibration.plan import read_plan
    from remission.calibration.report import apply as write_numbers
    from remission.calibration.report import page, sample_of
    from remission.calibration.search import OutOfTime
    from remission.calibration.search import calibrate as fit_to
    from remission.calibration.targets import arms_of, targets
    from remission.knowledge.posterior import FILE

    read = read_plan(plan)
    found, passed = targets(read.targets)
    if show:
        rows = [(t.name, f"{t.value:g}", f"{t.low:.3g} to {t.high:.3g}", t.unit) for t in found]
        _print_table(f"{read.title}: {len(found)} targets", ("", "published", "95 % CI", "unit"), rows)
        _print_table("Arms", ("protocol", "targets"), [(name, str(n)) for name, n in arms_of(found).items()])
        for name, why in passed.items():
            print(f"not fitted to {name}: {why}")
        return
    folder = Folder(out or Path("runs") / "calibration" / read.plan, read, found, fresh=fresh)
    again = f"What is played is kept in {folder.path}: the same command goes on from there."
    try:
        play_all = partial(evaluate_all, spread=_spread(workers, cluster))
        fit = fit_to(read, found, folder, minutes=minutes, say=_say, play_all=play_all)
    except KeyboardInterrupt:
        _say(f"Stopped. {again}")
        raise typer.Exit(130) from None
    except OutOfTime as left:
        _say(f"The time is over; {left}. {again}")
        raise typer.Exit(3) from None
    date = datetime.now().strftime("%Y-%m-%d")
    text = page(read, found, passed, fit, date=date, plan_file=plan.name)
    _write(folder.path / FILE, sample_of(read, fit, date).text())
    for path in (folder.path / "report.md", *([report] if report else [])):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, text)
    _console().print(text.split("## Numbers")[0].partition("\n")[2].strip(), highlight=False)
    if apply:
        for path in write_numbers(read, found, fit, date=date, plan_file=plan.name):
            _say(f"{path}")


@app.command()
def sensitivity(
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN.yaml", help="Whose parameters and bounds are used, as for calibrate.")
    ],
    protocol: ProtocolName,
    other: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="Another protocol: then it is the change that is explained.")
    ] = None,
    measure: Annotated[
        str | None, typer.Option(help="A line of simulate's summary, or of compare; event-free survival if left out.")
    ] = None,
    points: Annotated[int, typer.Option(min=8, max=100_000, help="Points at which it is played.")] = 64,
    patients: Annotated[int, typer.Option(help="Virtual patients at each.")] = 500,
    seed: Seed = 1,
    population: Population = None,
    years: Years = 5.0,
    workers: Workers = None,
    without: Without = None,
    miss: Miss = None,
    add: Add = None,
    in_phase: InPhase = None,
    after_relapse: AfterRelapse = None,
    json: Json = False,
) -> None:
    """Which assumption carries a result: how far it changes with each number of a plan, and with all together."""
    from remission.calibration.plan import read_plan
    from remission.calibration.sensitivity import Asked
    from remission.calibration.sensitivity import sensitivity as explain
    from remission.protocol.reader import read_protocol

    read = read_plan(plan)
    if other is None and not (without or miss or add or after_relapse):
        first, second = read_protocol(protocol), None
    else:
        first, second = _two(protocol, other, without, miss, add, in_phase, after_relapse)
    asked = Asked(first, second, patients, seed, years, population)
    name = measure or f"event-free survival at {years:g} year{'s' if years != 1 else ''}"
    result = None
    for done, result in explain(read, asked, name, points=points, spread=_spread(workers, None)):
        if result is None and done % max(1, points // 10) == 0:
            _say(f"{done} of {points} points")
    _print(result, json)


@app.command("credibility")
def credibility_page(
    trials: Annotated[Path, typer.Argument(metavar="TRIALS.json", help="From: remission validate --json.")],
    effects: Annotated[
        Path, typer.Argument(metavar="EFFECTS.json", help="From: remission validate --side-effects --json.")
    ],
    verification: Annotated[Path, typer.Option(help="The page that make verify wrote.")] = Path("docs/verification.md"),
    tests: Annotated[Path, typer.Option(help="Folder of the tests.")] = Path("tests"),
    out: Annotated[Path | None, typer.Option(help="Write the page to this Markdown file; else it is printed.")] = None,
) -> None:
    """What the model may be used for, whether it is right and how sure that is (ASME V&V 40); every miss by name."""
    from remission.knowledge.yaml_file import text_of
    from remission.trial.credibility import page, results

    text = page(results(trials), results(effects), text_of(verification), tests=tests if tests.is_dir() else None)
    if out is None:
        print(text)
    else:
        _write(out, text)


# --- protocols --------------------------------------------------------------------------------


@app.command()
def plan(
    protocol: ProtocolName,
    age: Annotated[float, typer.Option(help="Years.")],
    sex: Annotated[str, typer.Option(help="f or m.")],
    weight: Annotated[float, typer.Option(help="kg.")],
    height: Annotated[float, typer.Option(help="cm.")],
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Day of the first dose.")],
    cns: Annotated[str | None, typer.Option(help="CNS status: 1, 2 or 3.")] = None,
    lineage: Annotated[str | None, typer.Option(help="B or T.")] = None,
    wbc: Annotated[float | None, typer.Option(help="White cells at diagnosis, 10^9/L.")] = None,
    tpmt: Metaboliser = None,
    nudt15: Metaboliser = None,
    ancestry: Ancestry = None,
    ph: Annotated[str | None, typer.Option(help="Philadelphia chromosome: positive or negative.")] = None,
    t315i: Annotated[str | None, typer.Option(help="Share of the leukaemia with T315I: 0%.")] = None,
    donor: Annotated[str | None, typer.Option(help="none, sibling, unrelated, haploidentical or cord.")] = None,
    subtype: Annotated[str | None, typer.Option(help="Subtype by genes: ETV6::RUNX1, KMT2A-r.")] = None,
    down_syndrome: Annotated[str | None, typer.Option(help="yes or no.")] = None,
    relapses: Annotated[int | None, typer.Option(help="Relapses so far.")] = None,
    marrow_mrd: Annotated[
        list[str] | None, typer.Option(help="Result of a later check: 0.02%. Several in the order of the checks.")
    ] = None,
    marrow_blasts: Annotated[list[str] | None, typer.Option(help="As --marrow-mrd: 3%.")] = None,
    blood_mrd: Annotated[list[str] | None, typer.Option(help="As --marrow-mrd.")] = None,
    blood_blasts: Annotated[list[float] | None, typer.Option(help="As --marrow-mrd, per microlitre.")] = None,
    take: Annotated[
        list[str] | None, typer.Option(metavar="PHASE", help="Follow an undecided decision that leads to this phase.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the calendar to this CSV file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the calendar to this HTML file.")] = None,
    ics: Annotated[Path | None, typer.Option(help="Write the calendar to this iCalendar file.")] = None,
    language: InLanguage = "en",
    json: Json = False,
) -> None:
    """Print a patient's calendar: doses, days, gates and decisions; what is not certain apart, with its condition."""
    _speak_in(language)
    from remission import plan
    from remission.protocol.calendar import as_csv, as_html, as_ics, as_text, write

    made = plan(
        protocol, age_y=age, sex=sex, weight_kg=weight, height_cm=height, start=start.date(), take=take or (),
        cns=cns, lineage=lineage, wbc=wbc, tpmt=tpmt, nudt15=nudt15, ph=ph, t315i=t315i, donor=donor, subtype=subtype,
        down_syndrome=down_syndrome, relapses=relapses, marrow_mrd=marrow_mrd, marrow_blasts=marrow_blasts,
        blood_mrd=blood_mrd, blood_blasts=blood_blasts,
    )  # fmt: skip
    for line in _genes_of(protocol, ancestry, {"tpmt": tpmt, "nudt15": nudt15}):
        _say(line)
    if json:
        _print(made.table(), json)
    asked = [path.resolve() for path in (csv, html, ics) if path is not None]
    if len(asked) > len(set(asked)):
        raise typer.BadParameter("one file cannot hold two calendars", param_hint="--csv, --html, --ics")
    for path, form in ((csv, as_csv), (html, as_html), (ics, as_ics)):
        if path is not None:
            write(made, path, form)
            _say(f"{path}")
    if not asked and not json:
        print(as_text(made))


def _genes_of(protocol: str, ancestry: list[str] | None, known: dict[str, str | None]) -> Iterator[str]:
    """How many of this ancestry need less mercaptopurine by a gene of which nothing is known, a line each."""
    if not ancestry:
        return
    from remission.patient import recipe
    from remission.patient.given import ancestries_of, metabolisers, of_ancestry
    from remission.protocol.reader import read_protocol

    shares = ancestries_of(ancestry)
    people = recipe.population(read_protocol(protocol).population or "childhood-all")
    of_ancestry(people, shares)
    named = " and ".join(shares)
    for gene in (gene for gene, word in known.items() if word is None):
        some, both = (100 * share for share in metabolisers(people, shares, gene))
        people_are = f"of 100 people of {named} ancestry {some:.2g} are intermediate and {both:.1g} poor metabolisers"
        yield f"{gene.upper()} is taken as normal; {people_are} (--{gene})."


@app.command()
def explain(protocol: ProtocolName, language: InLanguage = "en") -> None:
    """Tell a protocol in plain sentences."""
    _speak_in(language)
    from remission.protocol.explain import explain
    from remission.protocol.reader import read_protocol

    print(explain(read_protocol(protocol)))


@app.command()
def check(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="PROTOCOL-FILE|FOLDER", help="A protocol file (- is standard input), or an own library."
        ),
    ],
) -> None:
    """Check a protocol file, or a folder for --library; every mistake is named with line and column."""
    from remission.protocol.reader import examine, mistakes

    if file.is_dir():
        _check_library(file)
        return
    protocol, told = examine(file)
    found = mistakes(told)
    if protocol is not None and not found:
        from remission.trial.playable import refusals

        found = refusals(protocol)
    if found or protocol is None:
        for problem in found:
            _say(str(problem))
        raise typer.Exit(2)
    for doubt in told:
        _say(f"warning: {doubt}")
    sentences = sum(len(p.give) + len(p.check) + len(p.decide) + len(p.rules) for p in protocol.phases)
    open_points = len(protocol.open) + sum(len(phase.open) for phase in protocol.phases)
    print(
        f"{file}: no mistakes. {len(protocol.phases)} phases, {sentences + len(protocol.rules)} sentences, "
        f"{open_points} open points."
    )


@app.command("new-protocol")
def new_protocol(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .yaml file that is not there yet.")],
) -> None:
    """Write a protocol to begin with: four-drug induction, consolidation, maintenance with hold and resume."""
    from remission.protocol.template import new_protocol

    path = new_protocol(file)
    print(f"{path}: change what is different, then: remission check {path}\nEvery word: docs/language.md")


def _check_library(folder: Path) -> None:
    """Every file of an own library, as it would be read for a run."""
    from remission.knowledge.errors import BadInput
    from remission.knowledge.library import ROOMS, Library, using
    from remission.patient.recipe import population
    from remission.protocol.complaint import Doubt
    from remission.protocol.reader import examine, mistakes, read_groups
    from remission.trial.playable import refusals

    found: list[BadInput] = []

    def protocol(name: str) -> None:
        read, told = examine(name)
        wrong = mistakes(told)
        found.extend(wrong if read is None or wrong else [*told, *refusals(read)])

    with using(Library([folder])) as shelf:
        found += shelf.own_problems()
        for name in shelf.own_names("risk_groups"):
            try:
                found += read_groups(shelf.risk_groups_path(name))[1]
            except BadInput as error:
                found.append(error)
        for room, read in (("populations", population), ("protocols", protocol)):
            for name in shelf.own_names(room):
                try:
                    read(name)
                except BadInput as error:  # it, or a file that it names
                    found.append(error)
        for text, problem in {str(problem): problem for problem in found}.items():
            _say(f"warning: {text}" if isinstance(problem, Doubt) else text)
        if any(not isinstance(problem, Doubt) for problem in found):
            raise typer.Exit(2)
        held = [f"{len(names)} {room.replace('_', ' ')}" for room in ROOMS if (names := shelf.own_names(room))]
        print(f"{folder}: no mistakes. {', '.join(held) or 'sources only'}.")


# --- other people's formats -------------------------------------------------------------------


def _formats(able: str) -> Callable[[str], list[str]]:
    def begin(incomplete: str) -> list[str]:
        from remission.exchange.formats import formats

        return [name for name, one in formats().items() if getattr(one, able) and name.startswith(incomplete)]

    return begin


FormatOption = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="Of the format: docs/formats.md. May be given several times."),
]


@app.command()
def export(
    what: Annotated[
        str, typer.Argument(metavar="RUN-FOLDER|PROTOCOL|FILE", help="A run, a protocol, or a file that can be read.")
    ],
    name: Annotated[
        str,
        typer.Option("--as", metavar="FORMAT", help="See: remission list formats.", autocompletion=_formats("write")),
    ],
    out: Annotated[Path, typer.Option(help="The file, or the folder where the format is one.")],
    patient: Annotated[int | None, typer.Option(help="One patient of the run instead of all.")] = None,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The date of the first dose; 2027-01-04 if left out.")
    ] = None,
    age: Annotated[float | None, typer.Option(help="With sex, weight and height: the calendar of this person.")] = None,
    sex: Annotated[str | None, typer.Option(help="f or m.")] = None,
    weight: Annotated[float | None, typer.Option(help="kg.")] = None,
    height: Annotated[float | None, typer.Option(help="cm.")] = None,
    option: FormatOption = None,
    language: InLanguage = "en",
) -> None:
    """Write a run, one of its patients, a protocol, a person's calendar or a file of another kind in other formats."""
    from remission.exchange.formats import Asked, export, read
    from remission.knowledge.errors import BadInput
    from remission.knowledge.yaml_file import is_file
    from remission.protocol.reader import read_protocol
    from remission.trial.run import open_run

    _speak_in(language)
    person = {"age_y": age, "sex": sex, "weight_kg": weight, "height_cm": height}
    of_a_person = any(value is not None for value in person.values())
    more = _options(option)
    day = None if start is None else start.date()
    thing: Any
    if Path(what).is_dir():
        thing = open_run(what)
        thing = thing if patient is None else thing.patient(patient)
    elif _is_protocol(what) and Path(what).suffix in ("", ".yaml", ".yml"):
        thing = read_protocol(what)
        if of_a_person:
            if missing := [key.partition("_")[0] for key, value in person.items() if value is None]:
                raise BadInput(f"the person's {missing[0]} is missing", remedy=f"Add --{missing[0]}")
            from remission import plan

            thing = plan(thing, start=day or Asked().start, **person)  # type: ignore[arg-type]
            of_a_person = False
    else:
        thing = read(what) if is_file(Path(what)) else read_protocol(what)
    if of_a_person:
        raise BadInput("a person goes with a protocol", remedy="Leave age, sex, weight and height out")
    if patient is not None and not Path(what).is_dir():
        raise BadInput("a patient is one of a run", remedy="Leave --patient out")
    _say(f"{export(thing, name, out, start=day, **more)}")


def _options(said: list[str] | None) -> dict[str, str]:
    """NAME=VALUE, as often as it was said."""
    from remission.knowledge.errors import BadInput

    more = {}
    for text in said or ():
        key, sign, value = text.partition("=")
        if not sign:
            raise BadInput(f"the option '{text}' has no value", remedy=f"Write --option {key}=...")
        more[key] = value
    return more


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file in one of the formats; - is standard input.")],
    name: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="FORMAT", help="Told from how it begins when left out.", autocompletion=_formats("read")
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write what it holds to this file, as it is used here.")] = None,
    option: FormatOption = None,
    json: Json = False,
) -> None:
    """Read a file of another format: doses that were given, a chart, a protocol; tells what is in it, what is not."""
    from remission.exchange.formats import export, house_form, read
    from remission.knowledge.errors import BadInput

    thing = read(file, name, **_options(option))
    if out is not None:
        if out.exists() and file.exists() and out.samefile(file):
            raise BadInput("this is the file that was read", file=out, remedy="Name another one for --out")
        _say(f"{export(thing, house_form(thing), out)}")
    told = list(thing.told())
    if json:
        _print({"file": str(file), "told": told}, json)
    else:
        print(*told, sep="\n")


# --- knowledge --------------------------------------------------------------------------------


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="AGENT|SIDE-EFFECT|SYMPTOM|PROTOCOL|TRIAL", autocompletion=_known(*SHOWN))
    ],
    json: Json = False,
) -> None:
    """Show what is known of an agent, a side effect or a symptom, the outline of a protocol, or a trial's results."""
    from remission.knowledge.library import library
    from remission.protocol.reader import read_protocol

    is_trial = name in library().trials()
    if json:
        _print(_all_of(name), json)
        return
    if _is_protocol(name):
        _show_protocol(read_protocol(name))
    if is_trial:  # a protocol may bear the name of its trial
        _show_trial(library().trial(name))
    if not is_trial and not _is_protocol(name):
        if (key := _side_effect(name)) is not None:
            _show_side_effect(library().side_effect(key))
        elif (symptom := library().find_symptom(name)) is not None:
            _show_symptom(symptom)
        else:
            _show_agent(_agent(name))


def _all_of(name: str) -> dict[str, object]:
    """What `show` prints, as it is known: by kind, since a protocol may bear the name of its trial."""
    from remission.knowledge.library import library
    from remission.protocol.explain import explain
    from remission.protocol.reader import read_protocol

    found: dict[str, object] = {}
    if _is_protocol(name):
        protocol = read_protocol(name)
        phases = [
            {"phase": phase.id, "name": phase.name, "days": phase.days,
             "repeated": bool(phase.repeat_until or phase.repeat_times),
             "give": [give.text for give in phase.give], "check": [check.text for check in phase.check],
             "decide": [decide.text for decide in phase.decide], "rules": [rule.text for rule in phase.rules]}
            for phase in protocol.phases
        ]  # fmt: skip
        found["protocol"] = {
            "protocol": protocol.id, "name": protocol.name, "plain": protocol.plain, "sources": protocol.sources,
            "population": protocol.population, "phases": phases, "rules": [rule.text for rule in protocol.rules],
            "open": protocol.open, "in_words": explain(protocol),
        }  # fmt: skip
    if name in library().trials():
        found["trial"] = library().trial(name)
    if not found:
        if (key := _side_effect(name)) is not None:
            found["side_effect"] = library().side_effect(key)
        elif (symptom := library().find_symptom(name)) is not None:
            found["symptom"] = symptom
        else:
            found["agent"] = _agent(name)
    return found


@app.command()
def sources(
    name: Annotated[
        str,
        typer.Argument(metavar="AGENT|SIDE-EFFECT|SYMPTOM|PROTOCOL|TRIAL|RUN-FOLDER", autocompletion=_known(*SHOWN)),
    ],
    json: Json = False,
) -> None:
    """List every number behind an agent, side effect, symptom, protocol, trial or run, and where each is from."""
    from polars import concat

    from remission.knowledge.library import library
    from remission.knowledge.provenance import provenance
    from remission.protocol.reader import read_protocol
    from remission.trial.run import open_run
    from remission.trial.sources import as_table, behind, tally

    shelf = library()
    if Path(name).is_dir():
        numbers = open_run(name).provenance()
    elif _is_protocol(name) or name in shelf.trials():  # a protocol may bear the name of its trial
        parts = [behind(read_protocol(name), shelf)] if _is_protocol(name) else []
        if name in shelf.trials():
            parts.append(as_table(f"trial {name}", shelf.trial(name).rows()))
        numbers = concat(parts)
    elif (key := _side_effect(name)) is not None:
        numbers = as_table(f"side effect {key}", shelf.side_effect(key).rows())
    elif (symptom := shelf.find_symptom(name)) is not None:
        numbers = as_table(f"symptom {symptom.symptom}", symptom.rows())
    else:
        agent = _agent(name)
        numbers = as_table(f"agent {agent.agent}", provenance(agent))
    if json:
        _print({"numbers": numbers, "by_how_they_are_known": tally(numbers)}, json)
        return
    for (of,), part in numbers.group_by("of", maintain_order=True):
        rows = [
            (
                row["path"],
                "" if row["value"] is None else f"{row['value']:.4g} {row['unit'] or ''}".rstrip(" -"),
                row["read"] or "",
                row["source"] or "",
                row["note"] or "",
            )
            for row in part.iter_rows(named=True)
        ]
        _print_table(str(of), ("number", "value", "known from", "source", "note"), rows)
    counts = tally(numbers)
    total = sum(counts.values())
    _print_table(
        "Numbers by how they are known",
        ("", "numbers"),
        [*((k, f"{v}") for k, v in counts.items()), ("all", f"{total}")],
    )


KINDS = (
    "protocols", "agents", "side-effects", "symptoms", "populations", "risk-groups", "trials", "sources", "formats",
    "codes",
)  # fmt: skip


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="|".join(KINDS),
            autocompletion=lambda incomplete: [kind for kind in KINDS if kind.startswith(incomplete)],
        ),
    ],
    missing: Annotated[bool, typer.Option("--missing", help="With codes: what has none.")] = False,
    json: Json = False,
) -> None:
    """List what is supplied."""
    from remission.knowledge.errors import BadInput, nearest
    from remission.knowledge.library import library

    shelf = library()
    if what == "protocols":
        from remission.protocol.reader import title

        rows = [(name, title(name)) for name in shelf.protocols()]
    elif what == "agents":
        rows = [(name, shelf.agent(name).kind) for name in shelf.agents()]
    elif what == "side-effects":
        effects = [shelf.side_effect(name) for name in shelf.side_effects()]
        rows = [(e.side_effect, e.names[0] if e.names else e.code or "") for e in effects]
    elif what == "symptoms":
        rows = [(s.symptom, s.code) for s in map(shelf.symptom, shelf.symptoms())]
    elif what == "populations":
        from remission.patient.recipe import population

        rows = [(name, population(name).title) for name in shelf.populations()]
    elif what == "risk-groups":
        from remission.protocol.reader import read_groups

        rows = [(name, read_groups(shelf.risk_groups_path(name))[0].name) for name in shelf.risk_groups()]
    elif what == "trials":
        rows = [(name, shelf.trial(name).title) for name in shelf.trials()]
    elif what == "sources":
        rows = [(key, shelf.source(key).cite()) for key in shelf.sources()]
    elif what == "codes":
        return _list_codes(missing, json)
    elif what == "formats":
        from remission.exchange.formats import formats

        rows = [(name, f"{one.title} ({one.ways()})") for name, one in formats().items()]
    else:
        near = nearest(what, KINDS)
        remedy = f"Did you mean '{near}'?" if near else "Write one of: " + ", ".join(KINDS)
        raise BadInput(f"'{what}' cannot be listed", remedy=remedy)
    if json:
        _print([{"name": name, "title": title} for name, title in rows], json)
    else:
        _print_table("", ("", ""), rows)


def _list_codes(missing: bool, json: bool) -> None:
    from remission.knowledge.codes_file import lines

    found = [line for line in lines() if missing is not bool(line.code)]
    if json:
        _print([line._asdict() for line in found], json)
    elif missing:
        _print_table("", ("", "", "no code in"), [(line.of, line.thing, line.system or "any system") for line in found])
    else:
        _print_table("", ("", "", "system", "code", "its name there", "read", "source"), found)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="0.0.0.0 opens it to the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8010,
    opened: Annotated[bool, typer.Option("--open", help="Show it in the browser of this machine.")] = False,
    unpublished: Annotated[
        bool, typer.Option("--unpublished", help="With the languages that are not published yet.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Do not serve: write all pages as files that any host can serve."),
    ] = None,
) -> None:
    """Open the page: what the treatment is and does, to read and to see. Nothing about visitors is kept."""
    if export is not None:
        from remission.page.export import export as write_all

        files = write_all(export, lambda done: _say(f"{done:,} files ..."))
        _say(f"{files} files are in {export}. Open {export / 'index.html'}, or let any host serve the folder.")
        return
    from remission.page.serve import serve

    languages = () if unpublished else None
    serve(host, port, lambda address: _say(f"The page is at {address} (Ctrl-C stops it)."), opened, languages)


@app.command()
def translations(
    what: Annotated[str, typer.Argument(metavar="status|todo|take|check", help="See the description.")] = "status",
    language: Annotated[str, typer.Argument(metavar="[LANGUAGE]", help="es, fr, de, pt-BR, ar, hi, zh.")] = "",
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="With take: what was translated.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Of the work files; todo/LANGUAGE when left out.")] = None,
    again: Annotated[bool, typer.Option("--all", help="With todo: what is translated already, too.")] = False,
) -> None:
    """Translate the page. status: what each language has; todo LANGUAGE: write work files of what is missing or old;
    take LANGUAGE FILE: check a translated file and file what is right; check LANGUAGE: all that is missing or wrong."""
    from remission.knowledge.errors import BadInput
    from remission.translation.status import lacks, table
    from remission.translation.work import known, take, todo

    if what == "status":
        rows = table()
        _print_table("Translations", tuple(rows[0]), [tuple(str(value) for value in row.values()) for row in rows])
        return
    known(language)
    here = folder or Path("todo") / language
    if what == "todo":
        print("\n".join(map(str, todo(language, here, again))) or "Nothing is missing.")
    elif what == "take" and file is not None:
        taken = take(language, file, here)
        print(*taken.faults, f"{taken.filed:,} filed, {len(taken.faults):,} faults", sep="\n")
        if taken.faults:
            raise typer.Exit(1)
    elif what == "check":
        found = [str(lack) for lack in lacks(language)]
        print(*found, f"{len(found):,} texts are missing, old or wrong", sep="\n")
        if found:
            raise typer.Exit(1)
    else:
        raise BadInput(f"'{what}' is not understood", remedy="Known: status, todo es, take es FILE, check es")


@app.command()
def schema(out: Annotated[Path, typer.Option(help="Folder for the JSON Schemas.")]) -> None:
    """Write JSON Schemas, with which editors complete and check protocol and knowledge files."""
    from remission.knowledge.editor_schemas import as_text, write_schemas
    from remission.knowledge.writing import write_whole
    from remission.patient.recipe import Population
    from remission.protocol.editor_schema import protocol_schema

    written = write_schemas(out)
    for name, content in (("protocol", protocol_schema()), ("population", Population.model_json_schema())):
        written.append(write_whole(out / f"{name}.schema.json", as_text(content)))
    print(*written, sep="\n")


@app.callback(invoke_without_command=True)
def _top(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    library: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Own agents, side effects, populations, protocols, trials and sources from a folder, laid over the "
            "supplied ones. Before or after any command; may be given several times.",
        ),
    ] = None,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        print(version_of("remission"))
        raise typer.Exit()


# --- printing ---------------------------------------------------------------------------------


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 160)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _refuse(text: str) -> NoReturn:
    _say(text)
    sys.exit(2)


def _consent(yes: bool) -> Consent | None:
    """Who agrees to a big run: --yes, else the person at the terminal, else nobody."""
    if yes:
        return lambda cost: True
    if sys.stdin.isatty() and sys.stderr.isatty():
        return lambda cost: typer.confirm(f"{cost}. Play it?", err=True)
    return None


def _spread(workers: int | None, cluster: str | None) -> Spread:
    """Over the cores of this machine, or over a cluster."""
    from functools import partial

    from remission.engine.cluster import on_cluster
    from remission.engine.cores import on_cores

    return partial(on_cores, workers=workers) if cluster is None else partial(on_cluster, cluster, say=_say)


def _draws() -> None:
    """Pictures follow: where this is the whole program, matplotlib is loaded for them alone."""
    from remission.trial import drawing

    if _whole_program:
        drawing.only_ours()


def _holds_little(patients: int | None) -> None:
    """Shards follow: where this is the whole program, memory that is free goes back to the system; that of many
    patients not at once, since those who follow would have to ask for it anew."""
    from remission.trial import memory

    if _whole_program:
        memory.polars_keeps_little()
        if patients is None or patients < memory.FEW:
            memory.give_back_at_once()


def _write_beside(run: Run) -> None:
    """The summary, the picture and the data dictionary, in the run's folder."""
    from remission.engine.shards import write_file
    from remission.exchange.datapackage import NAME, dictionary

    assert run.folder is not None
    write_file(run.folder / "summary.csv", run.summary().table.write_csv().encode())
    write_file(run.folder / NAME, dictionary(run).encode())
    write_file(run.folder / "cohort.png", run.picture())


def _write(path: Path, text: str) -> None:
    from remission.knowledge.writing import write_whole

    _say(f"{write_whole(path, text)}")


def _print(content: Any, json: bool) -> None:
    """A result as a table, or as JSON."""
    if json:
        from remission.trial.as_json import as_json

        print(as_json(content))
    else:
        _console().print(content)


def _print_table(title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=None, pad_edge=False, show_header=any(headings))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = _console()
    if title:
        console.print(Text(title, style="bold"))
    console.print(table)
    if title:
        console.print()


def _print_sections(sections: Sequence[Any]) -> None:
    """Sections of a page: a title, a sentence or two, a table."""
    for section in sections:
        _print_table(section.title, section.headings, section.rows)
        if section.note:
            _console().print(section.note, highlight=False)
            _console().print()


def _show_timings(took: Performance) -> None:
    steps = took.steps or {}
    core = sum(steps.values())
    rows = [(name, f"{s:.3f}", f"{100.0 * s / core:.1f}") for name, s in steps.items() if s > 0.0]
    heading = f"The core's {core:.2f} s, all threads together; the whole command took {took.seconds:.2f} s so far"
    _print_table(heading, ("step of the day", "seconds", "percent"), rows)


def _is_protocol(name: str) -> bool:
    from remission.knowledge.library import library
    from remission.knowledge.yaml_file import is_file

    return name in library().protocols() or Path(name).suffix in (".yaml", ".yml") or is_file(Path(name))


def _side_effect(name: str) -> str | None:
    """The side effect of that name in any spelling of case, spaces and hyphens; None when there is none."""
    from remission.knowledge.library import library

    key = name.strip().lower().replace(" ", "_").replace("-", "_")
    return key if key in library().side_effects() else None


def _agent(name: str) -> Agent:
    """The agent of that name; what is nothing that is known is told with the nearest name."""
    from remission.knowledge.errors import BadInput, nearest
    from remission.knowledge.library import library

    shelf = library()
    try:
        return shelf.agent(name)
    except BadInput as error:
        known = [*shelf.agent_names(), *shelf.side_effects(), *shelf.symptoms(), *shelf.protocols(), *shelf.trials()]
        near = nearest(name, known)
        if error.file or near is None or shelf.meant_by(name):
            raise
        raise BadInput(
            f"there is no agent, side effect, symptom, protocol or trial '{name}'", remedy=f"Did you mean '{near}'?"
        ) from None


def _show_agent(agent: Agent) -> None:
    from remission.knowledge.provenance import provenance

    codes = ", ".join(f"{system} {code}" for system, code in agent.codes.items())
    print(f"{agent.agent}: {agent.kind}" + (f" ({', '.join(agent.names)})" if agent.names else ""))
    print(f"{agent.plain}\nGiven {', '.join(agent.routes)}" + (f"; {codes}" if codes else ""))
    if agent.usual:
        print("Usually " + "; ".join(usual.words() for usual in agent.usual))
    print()
    rows = [
        (row.path.removeprefix("pharmacokinetics."), f"{row.value:.4g} {row.unit or ''}".rstrip(" -"), row.read or "")
        for row in provenance(agent)
        if row.value is not None and not row.path.startswith("usual.")
    ]
    _print_table("Numbers", ("", "value", "known from"), rows)
    for heading, notes in (("Toxicities", agent.toxicities), ("Interactions", agent.interactions)):
        if notes:
            print(heading, *(f"  {note.text}" for note in notes), sep="\n", end="\n\n")
    if agent.open:
        print("Open", *(f"  {text}" for text in agent.open), sep="\n", end="\n\n")
    print(f"Every number with its source: remission sources {agent.agent}")


def _show_symptom(symptom: Symptom) -> None:
    names = f" ({', '.join(symptom.names)})" if symptom.names else ""
    print(f"{symptom.symptom}: CTCAE v5, {symptom.code}{names}\n\n{symptom.plain.strip()}\n")
    for heading, text in (
        ("Emergency", symptom.now),
        ("What to do", symptom.watch),
        ("What the team does", symptom.care),
    ):
        print(f"{heading}: {text.strip()}\n")
    print("Belongs to", *(f"  {b.says()}" for b in symptom.of), sep="\n", end="\n\n")
    if symptom.open:
        print("Open", *(f"  {text}" for text in symptom.open), sep="\n", end="\n\n")
    print(f"How often: it has no frequency of its own. See: remission show {symptom.of[0].side_effect}")
    print(f"Every sentence with its source: remission sources {symptom.symptom}")


def _show_side_effect(effect: SideEffect) -> None:
    from remission.knowledge.library import library

    names = f" ({', '.join(effect.names)})" if effect.names else ""
    print(f"{effect.side_effect}: {effect.grading}, {effect.code or 'no term'}{names}\n\n{effect.plain.strip()}\n")
    for heading, text in (("What to watch for", effect.watch), ("What the team does", effect.care)):
        if text:
            print(f"{heading}: {text.strip()}\n")
    signs = [
        f"{s.symptom.replace('_', ' ')}: {b.says().partition(', ')[2]}"
        for s, b in library().symptoms_of(effect.side_effect)
    ]
    if signs:
        print("Symptoms", *(f"  {line}" for line in signs), sep="\n", end="\n\n")
    causes = _causes(effect.side_effect)
    if causes:
        print("Agents", *(f"  {line}" for line in causes), sep="\n", end="\n\n")
    rows = [
        (row.path, "" if row.value is None else f"{row.value:.4g} {row.unit or ''}".rstrip(" -"), row.read or "")
        for row in effect.rows()
        if row.value is not None
    ]
    _print_table("Numbers and published incidences", ("", "value", "known from"), rows)
    if effect.open:
        print("Open", *(f"  {text}" for text in effect.open), sep="\n", end="\n\n")
    print(f"Every number with its source: remission sources {effect.side_effect}")


def _causes(name: str) -> list[str]:
    """The agents that bring a side effect about, protect from it or make it worse."""
    from remission.knowledge.library import library

    shelf = library()
    found = {(e.how, agent) for agent in shelf.agents() for e in shelf.agent(agent).effects if e.on == name}
    said = {"causes": "brought about by", "protects": "less with", "worsens": "more with"}
    lines = []
    for how, words in said.items():
        agents = sorted(agent for kind, agent in found if kind == how)
        if agents:
            lines.append(f"{words} {', '.join(agents)}")
    return lines


def _show_trial(trial: Trial) -> None:
    print(f"{trial.trial}: {trial.name}\n{trial.title}\n{trial.plain}\n")
    for name, arm in trial.arms.items():
        rows = [
            (
                e.label(),
                f"{e.value:g} {e.unit}",
                "" if e.interval is None else f"{e.interval[0]:g} to {e.interval[1]:g}",
                e.read,
                e.used,
            )
            for e in arm.endpoints
        ]
        played = f"protocol {arm.protocol}, population {arm.population or trial.population}"
        played += f", patients of {arm.patients_of}" if arm.patients_of else ""
        played += f", relapses by {trial.second_line}" if trial.second_line else ""
        played += f", {trial.care}" if trial.care else ""
        _print_table(f"{name}: {arm.name} ({played})", ("", "published", "95 % CI", "known from", "used to"), rows)
    print(f"Play it: remission validate {trial.trial}")


def _show_protocol(protocol: Protocol) -> None:
    print(f"{protocol.id}: {protocol.name}\n{protocol.plain}\n")
    rows = [
        (
            phase.id,
            phase.name,
            f"{phase.days}" + (", repeated" if phase.repeat_until else ""),
            ", ".join(dict.fromkeys(f"{give.agent} {give.route}" for give in phase.give)),
        )
        for phase in protocol.phases
    ]
    _print_table("Phases", ("", "", "days", "agents"), rows)
    if protocol.open:
        print("Open", *(f"  {text}" for text in protocol.open), sep="\n", end="\n\n")
    print(f"Every sentence in plain words: remission explain {protocol.id}")
