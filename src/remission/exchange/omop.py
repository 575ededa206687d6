"""A cohort as tables of the OMOP Common Data Model v5.4: what a database of patients holds, with the truth known.

A disease is an EPISODE, each protocol a treatment regimen below it, each cycle of a phase a treatment cycle below that;
EPISODE_EVENT ties every DRUG_EXPOSURE to its cycle. Concepts are those of data/codes.yaml; where none is known it is 0,
and the source value says what it is ("vincristine; RxNorm 11202").
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import polars as pl

from remission.knowledge.codes_file import codes
from remission.knowledge.library import library
from remission.trial.run import Run

from . import frames
from .formats import Asked, Format

FIELDS = Path(__file__).with_name("omop_cdm_5_4.csv")
UNITS = {
    "anc": "10*9/L",
    "platelets": "10*9/L",
    "haemoglobin": "g/dL",
    "wbc": "10*9/L",
    "lymphocytes": "10*9/L",
}  # UCUM
DISEASE = "acute lymphoblastic leukaemia"
CONDITIONS = ("relapse", "fever", "bloodstream infection")  # events that are conditions of a day
DAYS_PER_YEAR = 365.25
_TYPES = {
    "integer": pl.Int64, "date": pl.Date, "TIMESTAMP": pl.Datetime, "NUMERIC": pl.Float64, "TEXT": pl.String,
}  # fmt: skip


@lru_cache(maxsize=1)
def fields() -> Mapping[str, list[tuple[str, bool, str]]]:
    """Table -> its fields in order: name, whether it is required, type."""
    out: dict[str, list[tuple[str, bool, str]]] = {}
    lines = (line for line in FIELDS.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    for row in csv.DictReader(lines):
        out.setdefault(row["table"], []).append((row["field"], row["required"] == "yes", row["type"]))
    return out


def write(run: Run, path: Path, asked: Asked) -> None:
    path.mkdir()
    identity = run.manifest["identity"]
    with ExitStack() as held:
        files = {name: held.enter_context((path / f"{name}.csv").open("wb")) for name in fields()}
        used = dict.fromkeys(fields(), 0)
        for number, tables in enumerate(frames.parts(run)):
            part = _Part(tables, asked.start, str(identity["protocol"]), used)
            for name in fields():
                made = _source(run, asked.start) if name == "cdm_source" else getattr(part, name)
                if name != "cdm_source" or number == 0:
                    _in_order(made, name).write_csv(files[name], include_header=number == 0)


def _in_order(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """A table with all its fields as they are specified; what is not said is empty."""
    out = []
    for field, _required, kind in fields()[name]:
        known = pl.col(field) if field in table.columns else pl.lit(None)
        if kind.startswith("varchar("):
            out.append(known.cast(pl.String).str.head(int(kind[8:-1])).alias(field))
        elif kind == "TIMESTAMP":
            out.append(known.cast(pl.Datetime).dt.strftime("%Y-%m-%d %H:%M:%S").alias(field))
        else:
            out.append(known.cast(_TYPES[kind]).alias(field))
    return table.select(out)


def _concept(group: str, thing: str) -> int:
    """The concept of a thing; 0 where none is known."""
    known = codes().of(f"omop {group}", thing)
    return int(known[0].code) if known else 0


def _concepts(group: str, column: pl.Expr) -> pl.Expr:
    things = codes().concepts[f"omop {group}"]
    return column.replace_strict({thing: _concept(group, thing) for thing in things}, default=0, return_dtype=pl.Int64)


def _coded(agent: str) -> str:
    """An agent by its name, with its RxNorm code where one is known."""
    code = library().agent(agent).codes.get("RxNorm")
    return f"{agent}; RxNorm {code}" if code else agent


class _Part:
    """The tables of some patients. ``used``: the keys that earlier parts have; these count on."""

    def __init__(self, tables: frames.Tables, start: date, protocol: str, used: dict[str, int]) -> None:
        self._tables, self._start, self._protocol, self._used = tables, start, protocol, used
        self._people = frames.table(tables, "outcomes").sort("patient").collect()
        self._type = _concept("type", "record")
        self.person = self._person()
        self.observation_period = self._period()
        self.condition_occurrence = self._conditions()
        self.measurement = self._measurements()
        self.death = self._deaths()
        cycles, self.episode = self._episodes()
        self.drug_exposure, self.episode_event = self._doses(cycles)

    def _day(self, column: str) -> pl.Expr:
        return pl.lit(self._start) + pl.duration(days=pl.col(column))

    def _keyed(self, table: pl.DataFrame, name: str) -> pl.DataFrame:
        """With keys, and ``person_id``."""
        before = self._used[name]
        self._used[name] += table.height
        keys = pl.int_range(before + 1, before + 1 + table.height, dtype=pl.Int64).alias(f"{name}_id")
        return table.select(keys, pl.all(), person_id=pl.col("patient") + 1)

    def _person(self) -> pl.DataFrame:
        born = pl.lit(self._start) - pl.duration(days=(pl.col("age_y") * DAYS_PER_YEAR).cast(pl.Int64))
        return self._people.select(
            person_id=pl.col("patient") + 1,
            gender_concept_id=_concepts("gender", pl.col("sex")),
            year_of_birth=born.dt.year(), month_of_birth=born.dt.month(), day_of_birth=born.dt.day(),
            race_concept_id=pl.lit(0), ethnicity_concept_id=pl.lit(0),
            person_source_value=pl.format("patient {}", "patient"), gender_source_value=pl.col("sex"),
        )  # fmt: skip

    def _period(self) -> pl.DataFrame:
        table = self._people.select(
            "patient",
            observation_period_start_date=pl.lit(self._start),
            observation_period_end_date=self._day("outcome_day"),
            period_type_concept_id=pl.lit(self._type),
        )
        return self._keyed(table, "observation_period")

    def _conditions(self) -> pl.DataFrame:
        names = ["patient", "from", "to", "said", "status"]
        disease = pl.format(f"{DISEASE} {{}} {{}}", "lineage", pl.col("subtype").fill_null(""))
        parts = [
            self._people.select(
                "patient", pl.lit(0).alias("from"), pl.lit(None, pl.Int32).alias("to"), disease.alias("said"),
                pl.lit("diagnosis").alias("status"),
            ),
            frames.table(self._tables, "events").filter(pl.col("event").is_in(CONDITIONS)).select(
                "patient", pl.col("day").alias("from"), pl.col("day").alias("to"),
                pl.when(pl.col("event") == "relapse").then(pl.format("relapse, {}", "detail"))
                .otherwise(pl.col("event")).alias("said"),
                pl.lit(None, pl.String).alias("status"),
            ).collect(),
            frames.table(self._tables, "side_effects").select(
                "patient", pl.col("day").alias("from"), pl.col("to_day").alias("to"),
                pl.format("{}, grade {}", pl.col("side_effect").str.replace_all("_", " "), "grade").alias("said"),
                pl.lit(None, pl.String).alias("status"),
            ).collect(),
        ]  # fmt: skip
        table = pl.concat([part.select(names).cast({"from": pl.Int32, "to": pl.Int32}) for part in parts])
        table = table.sort("patient", "from", "said").select(
            "patient",
            condition_concept_id=pl.lit(0),
            condition_start_date=self._day("from"),
            condition_end_date=self._day("to"),
            condition_type_concept_id=pl.lit(self._type),
            condition_source_value=pl.col("said"),
            condition_status_source_value=pl.col("status"),
        )
        return self._keyed(table, "condition_occurrence")

    def _measurements(self) -> pl.DataFrame:
        counts = frames.table(self._tables, "measurements").unpivot(
            list(UNITS), index=["patient", "day"], variable_name="what", value_name="value"
        )
        loinc = {what: f"{what}; LOINC {found[0].code}" for what in UNITS if (found := codes().of("measured", what))}
        parts = [
            counts.with_columns(
                said=pl.col("what").replace(loinc),
                unit=pl.col("what").replace_strict(UNITS, return_dtype=pl.String),
                below=pl.lit(False),
            )
        ]
        if "mrd" in self._tables:
            said = pl.format("{} MRD", "site")
            parts.append(
                self._tables["mrd"].select(
                    "patient", "day", what=said, value=pl.col("reported_fraction"), said=said, unit=pl.lit("1"),
                    below=~pl.col("detected"),
                )
            )  # fmt: skip
        if "levels" in self._tables:
            level = pl.when(pl.col("below_limit")).then(pl.col("limit")).otherwise(pl.col("level"))
            parts.append(
                self._tables["levels"].select(
                    "patient", "day", what=pl.col("agent"), value=level, said=pl.format("{} in plasma", "agent"),
                    unit=pl.col("unit"), below=pl.col("below_limit"),
                )
            )  # fmt: skip
        names = ["patient", "day", "what", "value", "said", "unit", "below"]
        table = pl.concat([part.select(names) for part in parts]).collect().sort("patient", "day", "said")
        table = table.select(
            "patient",
            measurement_concept_id=_concepts("measured", pl.col("what")),
            measurement_date=self._day("day"),
            measurement_type_concept_id=pl.lit(self._type),
            value_as_number=pl.col("value"),
            measurement_source_value=pl.col("said"),
            unit_source_value=pl.col("unit"),
            value_source_value=pl.when(pl.col("below")).then(pl.lit("below what can be told")),
        )
        return self._keyed(table, "measurement")

    def _deaths(self) -> pl.DataFrame:
        return self._people.filter(pl.col("outcome") == "death").select(
            person_id=pl.col("patient") + 1,
            death_date=self._day("outcome_day"),
            death_type_concept_id=pl.lit(self._type),
            cause_concept_id=pl.lit(0),
            cause_source_value=pl.col("death_cause"),
        )

    def _episodes(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Cycles by patient and first day with the keys of their episodes; and all episodes."""
        cycles = self._cycles()
        # "cog-high-risk: consolidation" is a phase of another protocol
        named = pl.col("phase").str.contains(": ", literal=True)
        protocol = pl.when(named).then(pl.col("phase").str.split(": ").list.first()).otherwise(pl.lit(self._protocol))
        cycles = cycles.with_columns(protocol=protocol)
        other = pl.col("protocol").ne_missing(pl.col("protocol").shift(1).over("patient"))
        cycles = cycles.with_columns(regimen=other.cast(pl.Int64).cum_sum().over("patient"))
        regimens = cycles.group_by("patient", "regimen", maintain_order=True).agg(
            pl.col("protocol").first().alias("said"), pl.col("from").first(), pl.col("to").last()
        )
        diseases = self._people.select(
            "patient",
            pl.lit(0, pl.Int64).alias("regimen"),
            pl.lit(DISEASE).alias("said"),
            pl.lit(0).alias("from"),
            pl.col("outcome_day").alias("to"),
        )
        kinds = (("disease", diseases), ("regimen", regimens), ("cycle", cycles.with_columns(said=pl.col("phase"))))
        parts = []
        for place, (kind, table) in enumerate(kinds):
            number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("patient")
            parts.append(
                table.select(
                    "patient", "regimen", "said", pl.col("from").cast(pl.Int32), pl.col("to").cast(pl.Int32),
                    order=pl.lit(place), number=number, concept=pl.lit(_concept("episode", kind)),
                )
            )  # fmt: skip
        table = self._keyed(pl.concat(parts).sort("patient", "order", "from", maintain_order=True), "episode")
        disease = table.filter(pl.col("order") == 0).select("patient", disease="episode_id")
        regimen = table.filter(pl.col("order") == 1).select("patient", "regimen", above="episode_id")
        table = table.join(disease, on="patient", how="left", maintain_order="left")
        table = table.join(regimen, on=["patient", "regimen"], how="left", maintain_order="left")
        order = pl.col("order")
        episodes = table.select(
            "episode_id", "person_id",
            episode_concept_id=pl.col("concept"),
            episode_start_date=self._day("from"), episode_end_date=self._day("to"),
            episode_parent_id=pl.when(order == 1).then(pl.col("disease")).when(order == 2).then(pl.col("above")),
            episode_number=pl.col("number"), episode_object_concept_id=pl.lit(0),
            episode_type_concept_id=pl.lit(self._type), episode_source_value=pl.col("said"),
        )  # fmt: skip
        return table.filter(order == 2).select("patient", "episode_id", day=pl.col("from")), episodes

    def _cycles(self) -> pl.DataFrame:
        """patient, phase, from, to: every cycle of every phase that began. The first one begins with its phase, later
        ones with their first day as the counts in it tell."""
        began = frames.table(self._tables, "events").filter(pl.col("event") == "phase start")
        first = began.select("patient", "phase", pl.col("day").alias("from")).collect()
        counted = frames.table(self._tables, "measurements").filter(pl.col("phase_day").is_not_null())
        later = (
            counted.filter(pl.col("cycle") > 1)
            .group_by("patient", "phase", "cycle")
            .agg((pl.col("day") - pl.col("phase_day") + 1).max().alias("from"))
            .select("patient", "phase", "from")
            .collect()
        )
        cycles = pl.concat([first, later]).unique(["patient", "from"], keep="last").sort("patient", "from")
        end = self._people.select("patient", last=pl.min_horizontal("end_of_treatment_day", "outcome_day"))
        cycles = cycles.join(end, on="patient", how="left", maintain_order="left")
        following = pl.col("from").shift(-1).over("patient") - 1
        return cycles.select(
            "patient", "phase", "from", to=pl.max_horizontal("from", following.fill_null(pl.col("last")))
        )

    def _doses(self, cycles: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        table = frames.given(self._tables).collect().sort("patient", "from_day", "agent", "route", maintain_order=True)
        names = {agent: _coded(agent) for agent in table["agent"].unique().to_list()}
        days = pl.col("to_day") - pl.col("from_day") + 1
        each, hours = pl.col("dose") / pl.col("doses_per_day"), pl.col("hours") / pl.col("doses_per_day")
        lasting = pl.when(hours > 0.0).then(pl.format(" over {} h", hours.round(2))).otherwise(pl.lit(""))
        minutes = pl.duration(minutes=(pl.col("first_hour") * 60.0).round().cast(pl.Int64))
        keyed = self._keyed(table, "drug_exposure")
        exposures = keyed.select(
            "drug_exposure_id", "person_id",
            drug_concept_id=pl.lit(0),
            drug_exposure_start_date=self._day("from_day"),
            drug_exposure_start_datetime=self._day("from_day") + minutes,
            drug_exposure_end_date=self._day("to_day"),
            drug_type_concept_id=pl.lit(self._type),
            quantity=pl.col("dose") * days, days_supply=days,
            sig=pl.format("{} {} {}, {} a day{}", each.round_sig_figs(6), "unit", "route", "doses_per_day", lasting),
            route_concept_id=_concepts("route", pl.col("route")),
            drug_source_value=pl.col("agent").replace(names), drug_source_concept_id=pl.lit(0),
            route_source_value=pl.col("route"), dose_unit_source_value=pl.col("unit"),
        )  # fmt: skip
        at = keyed.select("patient", "drug_exposure_id", day=pl.col("from_day")).sort("day", maintain_order=True)
        events = at.join_asof(cycles.sort("day"), on="day", by="patient", check_sortedness=False)
        events = events.filter(pl.col("episode_id").is_not_null()).sort("drug_exposure_id")
        return exposures, events.select(
            "episode_id",
            event_id=pl.col("drug_exposure_id"),
            episode_event_field_concept_id=pl.lit(_concept("field", "drug_exposure")),
        )


def _source(run: Run, start: date) -> pl.DataFrame:
    """Where the database is from: nobody real."""
    return pl.DataFrame(
        {
            "cdm_source_name": [f"remission, {run.title}"],
            "cdm_source_abbreviation": ["remission"],
            "cdm_holder": ["nobody: all patients are virtual"],
            "source_description": [
                "Played by a model of acute lymphoblastic leukaemia. For research and teaching only."
            ],
            "source_release_date": [start],
            "cdm_release_date": [start],
            "cdm_version": ["v5.4"],
            "cdm_version_concept_id": [0],
            "vocabulary_version": [f"remission {version('remission')}"],
        }
    )


FORMAT = Format(
    name="omop",
    title="Tables of the OMOP Common Data Model 5.4",
    suffix="",
    media="text/csv",
    source="https://ohdsi.github.io/CommonDataModel/cdm54.html",
    of=("run",),
    write=write,
    limits=(
        "drugs, conditions, units and most counts have concept 0: no vocabulary could be asked; the source value has "
        "the name and, where it is known, the code in RxNorm or LOINC",
        "an exposure is a run of days with equal doses; visits, procedures and transfusions are not written",
    ),
)
