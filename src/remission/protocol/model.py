"""A protocol as data: what the reader makes of the file and everything else works from.

Days of a phase count from 1, also where the file counts them from a transplant (`Phase.first_day`). Every object keeps
the place in the file it came from and the sentence as written; two objects are equal when they mean the same, wherever
they stand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

Route = Literal["IV", "PO", "IT", "SC", "IM", "RT", "collection"]


@dataclass(frozen=True)
class Place:
    file: str
    line: int
    column: int


@dataclass(frozen=True)
class Provenance:
    """How a line ends: ``as written [matloub2011, onco_app; open: cap not read]``."""

    sources: tuple[str, ...] = ()  # bibliography keys, or "memory"
    assumed: str | None = None
    open: str | None = None
    as_written: bool = False  # the writer stands by an unusual number: what lies far outside the usual is no error


# --- conditions -------------------------------------------------------------------------------

# measured:  anc, platelets, haemoglobin, wbc, lymphocytes (1e9/L, g/dL), blood blasts (/uL),
#            marrow blasts, marrow MRD, blood MRD (fractions; the file may write %)
# the person: age (y), weight (kg), bsa (m2), sex, cns, lineage, tpmt, nudt15, diagnosis wbc
# level:      the plasma concentration of an agent, name = "level:methotrexate", unit of `unit`
Name = str


@dataclass(frozen=True)
class Compare:
    name: Name
    op: Literal["<", "<=", ">", ">=", "=", "!="]
    value: float | str  # a word for sex, lineage, tpmt, nudt15
    unit: str | None = None


@dataclass(frozen=True)
class And:
    items: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    items: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    item: Condition


@dataclass(frozen=True)
class Defined:
    """``risk group is high``, ``genetics is favourable``: a word for another condition, as a file of risk groups
    (groups.py) defines it."""

    name: str
    op: Literal["=", "!="]
    value: str
    meaning: Condition  # of ``name is value``
    provenance: Provenance = field(default=Provenance(), compare=False)
    file: str = field(default="", compare=False)  # its id

    @property
    def plain(self) -> Condition:
        """The same without the word."""
        return self.meaning if self.op == "=" else Not(self.meaning)


Condition = Compare | And | Or | Not | Defined


# --- treatment --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Escalation:
    """``rising by 50 mg/m2 each dose``, optionally ``from two thirds of the highest dose of <phase>``."""

    step: float  # in the unit of the dose
    start_fraction: float | None = None
    of_phase: str | None = None


@dataclass(frozen=True)
class Weekdays:
    """``on Mon/Wed/Fri from day 8 to day 28``. A phase has no date: ``Give.days`` is as if it began on a Monday."""

    names: tuple[int, ...]  # 0 = Monday
    first: int  # days of the phase between which they lie, both included
    last: int

    def days(self, weekday: int = 0) -> tuple[int, ...]:
        """The days of the phase, when its day 1 falls on ``weekday`` (0 = Monday)."""
        return tuple(day for day in range(self.first, self.last + 1) if (weekday + day - 1) % 7 in self.names)


@dataclass(frozen=True)
class Beside:
    """``cyclophosphamide IV [of 1 g/m2 or more]``: the line goes with this one."""

    agent: str
    route: Route
    at_least: float | None = None
    unit: str = ""
    per: Literal["dose", "day"] = "dose"


@dataclass(frozen=True)
class Give:
    agent: str
    route: Route
    routes: tuple[Route, ...]  # as written (IV/SC); `route` is the one that is played
    amount: float | None  # None: by age, from the agent's intrathecal table
    unit: str  # mg/m2, IU/m2, mg/kg, mg, g/m2
    per: Literal["dose", "day"]
    doses_per_day: int
    days: tuple[int, ...]  # days of the phase, expanded, sorted; none yet where they are those of others (`along`)
    along: tuple[Beside, ...] = ()  # on the days of these (include.py finds the days)
    days_after: int = 0  # and so many days after each of them
    only_after: bool = False  # these days after alone, not their own
    table: str | None = None  # intrathecal table name when by age
    cap: tuple[float, str] | None = None  # the largest amount as the amount is written: of a dose, or of a day
    infusion_h: float | None = None
    when: Condition | None = None
    not_with: tuple[tuple[str, Route], ...] = ()  # omit on days on which these are due
    escalation: Escalation | None = None
    taper: tuple[tuple[float, int], ...] = ()  # (fraction of the dose, days), after the last day
    weekdays: Weekdays | None = None  # what `days` come from when weekdays are written
    morning_evening: tuple[float, float] | None = None  # two doses of a day that differ; `amount` is their sum, a day.
    #                                                     Played as two equal doses
    hour: float = 0.0  # of the day's first dose, from the morning: of doses that were given (doses.py), in no sentence
    provenance: Provenance = Provenance()
    place: Place | None = field(default=None, compare=False)
    text: str = field(default="", compare=False)
    block: str = field(default="", compare=False)  # the supportive-care file that it comes from
    written: Give | None = field(default=None, compare=False, repr=False)  # the sentence whose days were found

    @property
    def largest_dose(self) -> float | None:
        """The largest single dose, in the unit of ``cap``: what may be given in a day stands for all its doses."""
        if self.cap is None:
            return None
        return self.cap[0] / self.doses_per_day if self.per == "day" else self.cap[0]


@dataclass(frozen=True)
class Check:
    """``day 29: marrow MRD`` | ``day 8: blood blasts`` | ``weekly: counts`` (days expanded)."""

    days: tuple[int, ...]
    what: Literal["counts", "marrow MRD", "blood MRD", "marrow blasts", "blood blasts", "level"]
    agent: str | None = None  # for a level
    provenance: Provenance = Provenance()
    place: Place | None = field(default=None, compare=False)
    text: str = field(default="", compare=False)
    weekdays: Weekdays | None = None  # what `days` come from when weekdays are written
    time_point: int | None = None  # of marrow MRD: what `marrow MRD at time point 1` asks for


Item = TypeVar("Item", Give, Check)


@dataclass(frozen=True)
class Decide:
    """``day 29: if marrow MRD >= 0.01% go to <phase>`` | ``leave for "<what>"``."""

    day: int
    when: Condition
    action: Literal["go to", "leave"]
    target: str
    provenance: Provenance = Provenance()
    place: Place | None = field(default=None, compare=False)
    text: str = field(default="", compare=False)


@dataclass(frozen=True)
class Target:
    agent: str
    route: Route | None = None  # None: every route of the agent but IT


@dataclass(frozen=True)
class Streak:
    """The condition must have been true at every visit for this long."""

    days: int = 0
    visits: int = 1


@dataclass(frozen=True)
class Hold:
    """``hold A, B when C until D [for 3 days] [, resume at 100%, after the second hold at 50%]``. An infusion that is
    running ends with the hold."""

    targets: tuple[Target, ...]
    when: Condition
    until: Condition
    resume: tuple[float, ...] = (1.0,)  # factor on the protocol dose after the 1st, 2nd, ... hold; last repeats
    #                                     1.0 for the first means: as before the hold
    streak: Streak = Streak()  # how long `until` must have been true


@dataclass(frozen=True)
class MakeUp:
    """``make up held days of A [up to 7 days, else begin again]``: what is given every day is given on as many
    days as planned, on extra days after the last; what follows in the phase waits as long. After a longer hold the
    phase begins again."""

    targets: tuple[Target, ...]
    longest_days: int | None = None


@dataclass(frozen=True)
class Adjust:
    """``raise A by 25% when C for 6 weeks, at most 150%`` | ``reduce A by 20% when ...`` | ``halve A when C``.
    Multiplies the running factor once each time; ``first_of``: raise the targets in turn, one a time."""

    targets: tuple[Target, ...]
    factor: float
    when: Condition
    streak: Streak = Streak()
    at_most: float | None = None
    at_least: float | None = None
    in_turn: bool = False


@dataclass(frozen=True)
class Limit:
    """``give A, B at 50% while C``: the factor is lowered only as long as the condition is true."""

    targets: tuple[Target, ...]
    fraction: float
    when: Condition


@dataclass(frozen=True)
class Start:
    """``start A at 60% when tpmt is intermediate``: the factor at the beginning of the phase."""

    targets: tuple[Target, ...]
    fraction: float
    when: Condition


@dataclass(frozen=True)
class Omit:
    """``omit A when C``: today's dose is not given (judged on the newest counts on the day of the dose)."""

    targets: tuple[Target, ...]
    when: Condition


@dataclass(frozen=True)
class Miss:
    """``miss 10% of A [when C]``: each dose is not taken with that chance, by itself, whatever the team orders."""

    targets: tuple[Target, ...]
    fraction: float
    when: Condition | None = None


@dataclass(frozen=True)
class Repeat:
    """``repeat the dose of A when C``: an escalating dose stays where it is."""

    targets: tuple[Target, ...]
    when: Condition


@dataclass(frozen=True)
class Wait:
    """``day 29 waits until C``: the clock of the phase stands still."""

    day: int
    until: Condition


@dataclass(frozen=True)
class Rescue:
    """``give leucovorin 15 mg/m2 IV every 6 hours from hour 42 after methotrexate IV until methotrexate < 0.25 uM``."""

    give: Give
    every_h: float
    from_h: float
    after: Target
    until: Condition
    at_least: int = 3


@dataclass(frozen=True)
class Stop:
    """``stop A for good when C [for 7 days]``. An infusion that is running ends."""

    targets: tuple[Target, ...]
    when: Condition
    streak: Streak = Streak()


@dataclass(frozen=True)
class Transfuse:
    """``transfuse red cells 15 mL/kg when haemoglobin < 8`` | ``transfuse platelets 10 mL/kg when platelets < 10``."""

    product: Literal["red cells", "platelets"]
    ml_per_kg: float
    when: Condition


Action = Hold | MakeUp | Adjust | Limit | Start | Omit | Miss | Repeat | Wait | Rescue | Stop | Transfuse


@dataclass(frozen=True)
class Rule:
    action: Action
    provenance: Provenance = Provenance()
    place: Place | None = field(default=None, compare=False)
    text: str = field(default="", compare=False)
    block: str = field(default="", compare=False)  # the supportive-care file that it comes from


@dataclass(frozen=True)
class Until:
    """End of a repeating phase: ``2 years from start of interim maintenance 1`` (per sex where they differ)."""

    days: int
    from_phase: str  # "" = day of first treatment
    when: Condition | None = None


@dataclass(frozen=True)
class Block:
    """Supportive care that protocols share: lines for every phase in which nothing else is said of the agent."""

    id: str
    name: str
    plain: str
    sources: tuple[str, ...]
    give: tuple[Give, ...] = ()  # read anew for the length of each phase (include.py)
    rules: tuple[Rule, ...] = ()
    open: tuple[str, ...] = ()
    file: str = field(default="", compare=False)
    places: dict[str, Place] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Phase:
    id: str
    name: str
    days: int
    start_when: Condition | None = None
    recheck_days: int = 3
    rest_days: int = 0  # planned rest before the phase
    give: tuple[Give, ...] = ()
    check: tuple[Check, ...] = ()
    decide: tuple[Decide, ...] = ()
    rules: tuple[Rule, ...] = ()
    repeat_until: tuple[Until, ...] = ()  # empty: played once; else cycles of `days` until the first that applies
    repeat_times: int | None = None  # cycles, where their number is fixed
    next: str | None = ""  # "" = the phase below, None = end of treatment
    open: tuple[str, ...] = ()
    provenance: Provenance = Provenance()
    said: tuple[tuple[str, Provenance], ...] = ()  # provenance of the keys `start when`, `rest`, `recheck`, `repeat`
    entry: Condition | None = None  # first phase of a linked protocol: whom that protocol is for
    place: Place | None = field(default=None, compare=False)
    first_day: int = 1  # what the file calls day 1: -7 where days count from a transplant on day 0
    blocks: tuple[Block, ...] = field(default=(), compare=False)  # shared supportive care that holds in it

    def beginning_on(self, weekday: int) -> Phase:
        """The phase with the days of its weekdays as they fall when day 1 is ``weekday`` (0 = Monday)."""

        def dated(item: Item) -> Item:
            return item if item.weekdays is None else replace(item, days=item.weekdays.days(weekday))

        return replace(self, give=tuple(map(dated, self.give)), check=tuple(map(dated, self.check)))

    def written_day(self, day: int) -> int:
        """A day of the phase as the file calls it."""
        return day + self.first_day - 1


@dataclass(frozen=True)
class Protocol:
    id: str
    name: str
    plain: str
    sources: tuple[str, ...]
    eligible: Condition | None
    phases: tuple[Phase, ...]
    rules: tuple[Rule, ...] = ()  # hold in every phase (transfusions)
    open: tuple[str, ...] = ()
    population: str | None = None  # the population file whose patients it is for
    include: tuple[str, ...] = ()  # the supportive-care files whose lines and rules hold in every phase
    risk_groups: str | None = None  # the file that says what `risk group is ...` and `genetics is ...` mean
    mrd: str | None = None  # the assay (vocabulary.ASSAYS) by which MRD is measured; None: living cells are counted
    on_relapse: str | None = None  # the phase that follows a relapse; None: the end
    said: tuple[tuple[str, Provenance], ...] = ()  # provenance of `for`, `mrd` and `on relapse`
    file: str = field(default="", compare=False)
    places: dict[str, Place] = field(default_factory=dict, compare=False)  # "for", "induction/next", ...
    unread: tuple[str, ...] = field(default=(), compare=False)  # what could not be read, as it stands in the file

    def phase(self, id: str) -> Phase:
        """The phase of that id; ``KeyError`` names the known ones."""
        for phase in self.phases:
            if phase.id == id:
                return phase
        raise KeyError(f"no phase '{id}'; known: {', '.join(p.id for p in self.phases)}")
