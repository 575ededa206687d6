"""One patient's doses through the engine, for many guesses of who the patient is at once.

A guess is a row of standard normal scores, one for each of `SCORES`: what differs between people and a chart can tell
of, in the population's own distributions. Played without chance the engine gives the course that such a patient has on
average, with it one of those that he may have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from remission.engine.layout import SETTINGS, Layout
from remission.engine.play import Options, plan_of, play
from remission.engine.program import Program, prepare
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library
from remission.patient.cohort import METABOLISER, Cohort, Floats, Ints
from remission.patient.person import one as one_person
from remission.patient.population import median_size, missed
from remission.patient.recipe import Population, population
from remission.protocol.doses import Dose, given_phase
from remission.protocol.model import Check, Phase, Protocol, Rule

from .chart import COUNTS, Chart

POPULATION = "maintenance-children"
# the purpose of a draw in the engine, and what it means to people; the last four are no draws of the engine
SCORES: dict[str, str] = {
    "marrow.neutrophils.baseline": "neutrophils without treatment",
    "marrow.neutrophils.mean_transit_time": "time that neutrophils take to ripen",
    "mercaptopurine.drivers.TGN.formation": "mercaptopurine that becomes active (absorption, adherence, enzymes)",
    "mercaptopurine.effects.neutrophils.0.slope": "sensitivity of neutrophils to mercaptopurine",
    "mercaptopurine.effects.platelets.0.slope": "sensitivity of platelets to mercaptopurine",
    "mercaptopurine.effects.lymphocytes.0.slope": "sensitivity of lymphocytes to mercaptopurine",
    "methotrexate.clearance": "clearance of methotrexate",
    "methotrexate.effects.neutrophils.0.max": "sensitivity of neutrophils to methotrexate",
    "methotrexate.effects.platelets.0.max": "sensitivity of platelets to methotrexate",
    "marrow.platelets.baseline": "platelets without treatment",
    "marrow.platelets.growth": "growth of platelet precursors",
    "marrow.red_cells.baseline": "haemoglobin without treatment",
    "marrow.red_cells.life_span": "life span of red cells",
    "marrow.lymphocytes.baseline": "lymphocytes without treatment",
    "entry anc": "neutrophils at the first visit",
    "entry platelets": "platelets at the first visit",
    "entry haemoglobin": "haemoglobin at the first visit",
    "missed": "tablets that are missed",
}
ENTRY = ("entry anc", "entry platelets", "entry haemoglobin", "missed")
# what else differs between people and moves these counts, too little to be told by them: as in a typical patient
TYPICAL = (
    "methotrexate.peripheral.0.volume", "methotrexate.peripheral.1.clearance", "methotrexate.peripheral.1.volume",
    "methotrexate.effects.lymphocytes.0.max", "marrow.normal_marrow.regrowth",
)  # fmt: skip
RUN_IN_DAYS = 84  # of the first visit's doses before the first visit, where maintenance has lasted as long
UNKNOWN_RUN_IN_DAYS = 56  # where the chart does not say how long it has lasted
LEAST_LN = math.log(0.005)  # of a count


@dataclass(frozen=True)
class Facts:
    """What is known of the patient beside the chart; None is not known. ``age_y`` at the first visit."""

    age_y: float | None = None
    sex: str | None = None
    weight_kg: float | None = None
    height_cm: float | None = None
    tpmt: str | None = None
    nudt15: str | None = None


@dataclass(frozen=True)
class Person:
    """One row, repeated for guesses; ``said``: what was not known and is assumed."""

    typical: Cohort
    population: Population
    said: tuple[str, ...]

    def guesses(self, scores: Floats, genes: Ints | None = None) -> Cohort:
        """A cohort of N by the rows of ``scores`` (N, len(SCORES)); ``genes``: TPMT and NUDT15 of each (N, 2),
        places in METABOLISER. Nobody has leukaemic cells."""
        n = len(scores)
        z = dict(zip(SCORES, scores.T, strict=True))
        entry = self.population.remission.counts if self.population.remission else self.population.counts
        anc = entry.anc.median.value * np.exp(entry.anc.sd_log.value * z["entry anc"])
        platelets = entry.platelets.median.value * np.exp(entry.platelets.sd_log.value * z["entry platelets"])
        haemoglobin = entry.haemoglobin.typical.value + entry.haemoglobin.sd.value * z["entry haemoglobin"]
        people = self.typical.take(np.zeros(n, dtype=np.int64))
        changed: dict[str, Any] = {}
        if genes is not None:
            changed = {"tpmt": genes[:, 0], "nudt15": genes[:, 1]}
        return replace(
            people,
            patient=np.arange(n, dtype=np.int64),
            anc=np.clip(anc, 0.05, 30.0),
            platelets=np.clip(platelets, 5.0, 1500.0),
            haemoglobin=np.clip(haemoglobin, 4.0, 18.0),
            wbc=np.clip(anc, 0.05, 30.0) + 2.0,
            missed=missed(self.population, people.age_y, z["missed"]),
            scores={purpose: z[purpose] for purpose in SCORES if purpose not in ENTRY}
            | {purpose: np.zeros(n) for purpose in TYPICAL},
            **changed,
        )


def who(chart: Chart, facts: Facts, name: str = POPULATION) -> Person:
    """The person of a chart. Body surface is the chart's where weight and height are not given: age and sex that are
    not known are those of a body of that surface."""
    p, said = population(name), []
    sex = {"f": "female", "m": "male"}.get(str(facts.sex).lower(), facts.sex)
    if sex is None:
        sex = "male"
        said.append("sex is not known: male")
    surface = chart.bsa_m2
    if facts.weight_kg and facts.height_cm:
        surface = math.sqrt(facts.weight_kg * facts.height_cm / 3600.0)
    age = facts.age_y
    if age is None:
        ages = np.arange(1.0, p.limits.age_y[1], 0.25)
        heights, weights = median_size(p, ages, np.full(len(ages), 1 if sex == "male" else 0))
        if math.isfinite(surface):
            age = float(ages[np.argmin(np.abs(np.sqrt(heights * weights / 3600.0) - surface))])
            said.append(f"age is not known: {age:g} years, of a body surface of {surface:.2f} m2")
        else:
            age = 5.0
            said.append("neither age nor body surface is known: 5 years and the size of that age")
    size: dict[str, Any] = {}
    if facts.height_cm:
        size["height_cm"] = facts.height_cm
    if facts.weight_kg:
        size["weight_kg"] = facts.weight_kg
    elif math.isfinite(surface):
        one = np.array([age]), np.array([1 if sex == "male" else 0])
        height = facts.height_cm or float(median_size(p, *one)[0][0])
        size |= {"height_cm": height, "weight_kg": 3600.0 * surface**2 / height}
    words: dict[str, Any] = {k: v for k, v in (("tpmt", facts.tpmt), ("nudt15", facts.nudt15)) if v is not None}
    for gene, word in words.items():
        if word not in METABOLISER:
            raise BadInput(f"{gene} is '{word}'", remedy=f"One of {', '.join(METABOLISER)}")
    typical = one_person(
        population=p, age_y=age, sex=sex, marrow_blasts=0.0, blood_blasts=0.0, **size, **words
    )
    return Person(typical, p, tuple(said))


def run_in(chart: Chart) -> int:
    """Days of the first visit's doses that are played before it: weeks of maintenance before the chart begins, and as
    many days more as bring the last visit to the end of a week of the run, of which the states are recorded."""
    last = chart.visits[-1].day
    weeks = UNKNOWN_RUN_IN_DAYS if math.isnan(chart.week) else 7 * round(chart.week - 1.0)
    before = min(RUN_IN_DAYS, max(0, weeks))
    return before + (-last) % 7


def doses_of(chart: Chart, days: int) -> list[Dose]:
    """What the chart prescribes on so many days from the beginning of the run-in on. Mercaptopurine every day,
    methotrexate once a week on the same day; from a visit on what it prescribes."""
    before = run_in(chart)
    begins = [0, *(before + visit.day for visit in chart.visits[1:])]
    ends = [*(begin - 1 for begin in begins[1:]), days - 1]
    out = []
    for visit, begin, end in zip(chart.visits, begins, ends, strict=True):
        daily, weekly = visit.mg
        if daily > 0.0 and end >= begin:
            out.append(Dose(begin, end, "mercaptopurine", "PO", round(daily, 6), "mg"))
        if weekly > 0.0:
            due = [day for day in range(begin, end + 1) if (day - before) % 7 == 0]
            out += [Dose(day, day, "methotrexate", "PO", round(weekly, 6), "mg") for day in due]
    return out


@dataclass(frozen=True)
class Course:
    """A protocol that begins with a chart's doses, ready to be played for guesses. ``visits``: days of the run on
    which the counts of the chart were taken."""

    protocol: Protocol
    visits: tuple[int, ...]
    days: int
    person: Person
    knowledge: Library
    _kept: dict[bool, Layout] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def program(self) -> Program:
        return prepare(self.protocol, self.knowledge)

    def plan(self, noise: bool) -> Layout:
        if noise not in self._kept:
            plan = plan_of(self.program, Options(side_effects=False), self.knowledge)
            if not noise:
                still = plan.settings.copy()
                still[[i for i, name in enumerate(SETTINGS) if name.startswith("noise_")]] = 0.0
                plan = plan._replace(settings=still)
            self._kept[noise] = plan
        return self._kept[noise]

    def played(
        self,
        scores: Floats,
        genes: Ints | None = None,
        *,
        chance: bool,
        seed: int = 0,
        record: tuple[str, ...] = ("measurements",),
        threads: int | None = None,
    ) -> Mapping[str, pl.DataFrame]:
        """The tables of N guesses; with chance and the laboratory's noise, or without both."""
        options = Options(follow_up_days=self.days, chance=chance, record=record, side_effects=False)
        people = self.person.guesses(scores, genes)
        return play(
            self.program, people, seed=seed, options=options, knowledge=self.knowledge, plan=self.plan(chance),
            threads=threads,
        )  # fmt: skip

    def counts(
        self, scores: Floats, genes: Ints | None = None, *, chance: bool, seed: int = 0,
        days: Sequence[int] | None = None, threads: int | None = None,
    ) -> Floats:  # fmt: skip
        """ln of the counts at the chart's visits (or the run's ``days``), shape (N, days, len(COUNTS)); nan for who
        has died."""
        table = self.played(scores, genes, chance=chance, seed=seed, threads=threads)["measurements"]
        return at_days(table, len(scores), self.visits if days is None else days)


def at_days(table: pl.DataFrame, n: int, days: Sequence[int]) -> Floats:
    """ln of counts of a table of measurements, shape (n, days, len(COUNTS))."""
    wanted = np.asarray(days)
    out = np.full((n, len(wanted), len(COUNTS)), np.nan)
    day = table["day"].to_numpy()
    place = np.searchsorted(wanted, day)
    there = (place < len(wanted)) & (wanted[np.minimum(place, len(wanted) - 1)] == day)
    patient = table["patient"].to_numpy()[there]
    for k, name in enumerate(COUNTS):
        with np.errstate(divide="ignore"):
            out[patient, place[there], k] = np.maximum(np.log(table[name].to_numpy()[there]), LEAST_LN)
    return out


def course(
    chart: Chart,
    person: Person,
    knowledge: Library,
    *,
    then: Phase | None = None,
    rules: Sequence[Rule] = (),
    lasting: int = 0,
    tail: int = 0,
) -> Course:
    """The doses of a chart to its last visit and for ``tail`` days after it, then, where one is given, the phase
    ``then`` for ``lasting`` days; ``rules`` hold in both (transfusions)."""
    before = run_in(chart)
    last = before + chart.visits[-1].day
    length = last + max(tail, 1)
    visits = tuple(before + visit.day for visit in chart.visits)
    # a phase that is repeated, once: tablets are taken at home and some of them missed, as in maintenance
    phase = replace(
        given_phase("chart", doses_of(chart, length), length), repeat_times=1, next=then.id if then else None,
        check=(Check(tuple(day + 1 for day in visits), "counts"),),
    )  # fmt: skip
    phases = (phase,) if then is None else (phase, then)
    plain = "The doses of a chart."
    protocol = Protocol(f"chart {chart.name}", chart.name, plain, (), None, phases, tuple(rules), population=POPULATION)
    return Course(protocol, visits, length + lasting, person, knowledge)


def states(table: pl.DataFrame, n: int, days: Sequence[int], other: float) -> Floats:
    """ln of the true counts on some days that are recorded, shape (n, days, len(COUNTS)); ``other``: leukocytes that
    are neither neutrophils nor lymphocytes."""
    wbc = (pl.col("anc") + pl.col("lymphocytes") + other).alias("wbc")
    return at_days(table.select("patient", "day", "anc", "platelets", "haemoglobin", wbc), n, days)
