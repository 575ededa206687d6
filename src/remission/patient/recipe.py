"""What a population file says: the distributions that virtual patients are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, Field, model_validator

from remission.knowledge.agent import Sensitivity as DrugClass
from remission.knowledge.care import Care
from remission.knowledge.errors import nearest
from remission.knowledge.library import library
from remission.knowledge.loader import Fault, FaultyNode, complain, load, read_yaml
from remission.knowledge.quantity import Quantity
from remission.knowledge.yaml_file import beside

from .cohort import ANCESTRY, SENSITIVITIES
from .table import Strict, Table

At = Literal["diagnosis", "relapse", "remission"]
Lineage = Literal["B", "T"]
Donor = Literal["none", "sibling", "unrelated", "haploidentical", "cord"]  # DONOR of the cohort
Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]
Positive = Annotated[float, Field(gt=0)]


def _in(unit: str) -> AfterValidator:
    """Accept any unit of the dimension and turn it into this one."""

    def convert(quantity: Quantity) -> Quantity:
        if quantity.unit == unit:
            return quantity
        value, *ends = (
            quantity.model_copy(update={"value": x}).to_unit(unit) for x in (quantity.value, *(quantity.range or ()))
        )
        return quantity.model_copy(update={"unit": unit, "value": value, "range": tuple(ends) or None})

    return AfterValidator(convert)


Number = Annotated[Quantity, _in("-")]
Rate = Annotated[Quantity, _in("1/day")]
Years = Annotated[Quantity, _in("year")]
Count = Annotated[Quantity, _in("Gcell/L")]  # 1e9/L


class Limits(Strict):
    """Who belongs: age in years and white count in 1e9/L, from the first number to below the second.

    Whoever lies outside is drawn again, except for ``only_subtypes``: the subtype is drawn among these alone, so that
    age, sex and white count of the file are those of the patients who have them.
    """

    age_y: tuple[float, float]
    wbc: tuple[float, float]
    lineages: tuple[Lineage, ...] = Field(min_length=1)
    exclude_subtypes: tuple[str, ...] = ()
    only_subtypes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Limits:
        both = [name for name in self.only_subtypes if name in self.exclude_subtypes]
        if both:
            where = ("only_subtypes", self.only_subtypes.index(both[0]))
            raise FaultyNode(Fault(where, f"'{both[0]}' is excluded too", "keep it in one of the two lists"))
        for name, (low, high) in (("age_y", self.age_y), ("wbc", self.wbc)):
            if not 0 <= low < high:
                what = f"'{name}' runs from {low:g} to {high:g}"
                raise FaultyNode(Fault((name,), what, "write [smaller, larger], both 0 or more"))
        return self


class AgeGroup(Strict):
    """A share of the patients; within the group the density is even, peaks at ``mode`` or falls ``fall`` to 1."""

    from_y: float = Field(ge=0)
    to_y: float
    share: Share
    mode: Years | None = None
    fall: Number | None = None


class Ages(Table):
    groups: tuple[AgeGroup, ...] = Field(min_length=1)


class TLineage(Table):
    """Percent with T-ALL by age band (lower limits in years; younger patients take the first) and sex."""

    unit: Literal["percent"]
    from_age_y: tuple[float, ...]
    female: tuple[Percent, ...]
    male: tuple[Percent, ...]


class LogNormal(Strict):
    """Truncated to the range of ``median`` where one is given."""

    median: Count
    sd_log: Number


class Normal(Strict):
    """Truncated to the range of ``typical``."""

    typical: Annotated[Quantity, _in("g/dL")]
    sd: Annotated[Quantity, _in("g/dL")]


class Counts(Strict):
    haemoglobin: Normal
    platelets: LogNormal
    anc: LogNormal


class BloodBlasts(Strict):
    """Share of the white cells = logistic(intercept + slope ln(WBC / 10e9/L))."""

    intercept: Number
    slope: Number


class MarrowBlasts(Strict):
    """Beta(a, b) between least and most; ``crowding`` correlates it with low normal counts."""

    a: Number
    b: Number
    least: Number
    most: Number
    crowding: Number


class Cns(Strict):
    below: tuple[Percent, Percent, Percent]
    above: tuple[Percent, Percent, Percent]


class CnsStatus(Table):
    """Percent with CNS 1, 2, 3 by lineage, below and from the threshold of the white count (1e9/L)."""

    unit: Literal["percent"]
    threshold_wbc: float
    B: Cns
    T: Cns


class Body(Strict):
    """Height and weight by age and sex as in a growth reference (``growth``: its name), that of ``down_syndrome`` for
    those who have it; ``correlation``: of the scores of height and weight."""

    growth: str
    down_syndrome: str
    correlation: Number


class DownSyndrome(Table):
    """Percent with Down syndrome of the patients of an age (from the first number to below the second), by lineage, and
    percent of their B-lineage leukaemias by subtype."""

    unit: Literal["percent"]
    age_y: tuple[float, float]
    B: Percent
    T: Percent
    subtypes: dict[str, Percent] = {}


class Testes(Table):
    """Percent of boys and men with leukaemia that can be felt in a testis, by lineage."""

    unit: Literal["percent"]
    B: Percent
    T: Percent


class MissedDoses(Strict):
    """Share of the doses of tablets at home that are missed: log-normal, ``older`` times as many from an age on, never
    more than ``most``."""

    median: Number
    sd_log: Number
    older_from_y: float
    older: Number
    most: Number


class Pharmacogenetics(Table):
    """Shares of ancestries, and low-function alleles in percent by ancestry: those of ANCESTRY or others."""

    unit: Literal["percent"]
    ancestry: dict[str, Share]
    tpmt: dict[str, dict[str, Percent]]
    nudt15: dict[str, dict[str, Percent]]

    @property
    def names(self) -> tuple[str, ...]:
        return (*ANCESTRY, *(name for name in self.tpmt if name not in ANCESTRY))


class Creatinine(Strict):
    """Median = typical x height / height_cm."""

    typical: Annotated[Quantity, _in("umol/L")]
    height_cm: Annotated[Quantity, _in("cm")]
    sd_log: Number


class Frequency(Table):
    """Percent of the lineage by age band (lower limits in years)."""

    unit: Literal["percent"]
    from_age_y: tuple[float, ...]
    B: dict[str, tuple[Percent, ...]]
    T: dict[str, tuple[Percent, ...]]

    def among(self, other: Frequency) -> Frequency:
        """The same with the subtypes of another table, in its order; those that are not named here do not occur."""
        never = (0.0,) * len(self.from_age_y)
        b, t = ({**dict.fromkeys(theirs, never), **own} for theirs, own in ((other.B, self.B), (other.T, self.T)))
        return self.model_copy(update={"B": b, "T": t})


class DoublingTime(Table):
    unit: Literal["day"]
    values: dict[str, Positive]


class Lc50(Table):
    subtype: str
    fold: dict[DrugClass, Positive]


class WhiteCountFold(Table):
    """Median white count by subtype as a multiple of that of the lineage."""

    unit: Literal["-"]
    values: dict[str, Positive]


class ByAncestry(Table):
    """How often subtypes ('T lineage': T-ALL among all) are in other ancestries than the European one: the odds ratio
    for a quarter of the genome, and how many quarters people of that ancestry have of it."""

    unit: Literal["-"]
    quarters: dict[str, Annotated[float, Field(ge=0, le=4)]]
    odds: dict[str, dict[str, Positive]]


class Unknown(Strict):
    B: str
    T: str


class Subtypes(Strict):
    """``unknown`` names the subtype that stands for a person whose subtype is not known."""

    unknown: Unknown
    frequency: Frequency
    doubling_time: DoublingTime
    doubling_time_sd_log: Number
    least_growth: Rate
    most_growth: Rate
    white_count: WhiteCountFold | None = None
    by_ancestry: ByAncestry | None = None
    lc50: tuple[Lc50, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.frequency.B, *self.frequency.T)

    def white_count_fold(self, subtype: str) -> float:
        """Median white count as a multiple of that of the lineage; 1 where the file says nothing."""
        return self.white_count.values.get(subtype, 1.0) if self.white_count else 1.0

    def odds(self, ancestry: str, subtype: str) -> float:
        """Odds of a subtype relative to the frequencies of the file; 1 where nothing was published."""
        by = self.by_ancestry
        if by is None or ancestry not in by.odds:
            return 1.0
        return float(by.odds[ancestry].get(subtype, 1.0) ** by.quarters[ancestry])

    def lc50_fold(self, subtype: str, drug_class: str) -> float:
        """LC50 as a multiple of the reference; 1 where the file says nothing."""
        return next((e.fold[drug_class] for e in self.lc50 if e.subtype == subtype and drug_class in e.fold), 1.0)  # type: ignore[index]


class PowerOfAge(Strict):
    """How many times as much as in children: (age / from_y)^power from an age on, where written until another one."""

    SIGN: ClassVar[float] = 1.0  # of the power
    from_y: Positive
    until_y: Positive | None = None
    power: Number

    def at(self, age_y: NDArray[np.float64]) -> NDArray[np.float64]:
        """The factor at ages in years."""
        return (np.clip(age_y, self.from_y, self.until_y) / self.from_y) ** (self.SIGN * self.power.value)


class LossWithAge(PowerOfAge):
    """How much of their effect drugs have left: (age / from_y)^-power."""

    SIGN = -1.0


class AgeFactor(LossWithAge):
    """Drug sensitivity of leukaemia by age, of every class, beyond what subtypes tell. ``later``: times this, of the
    classes that come after the first response."""

    later: LossWithAge | None = None


class Sensitivity(Strict):
    """clip((LC50 fold x individual factor)^-exponent, least, most) x patient factor, for every class. The ``later``
    classes, which come after the first response is judged, feel ``later_share`` of the logarithm of that factor.

    The logarithm of the patient factor is ``patient_factor_sd_log`` z, z standard normal; below the median times
    exp(h z^2 / 2), h ``patient_factor_tail`` (Tukey's h; 0: normal), so that few answer much worse than the others.
    Where ``patient_factor_age`` is written, h is times (age / from_y)^power from an age on: more of the older ones are
    refractory, while most answer as before. ``patient_factor_tails``: the least h of a subtype, of any age."""

    exponent: Number
    least: Number
    most: Number
    patient_factor_sd_log: Number
    patient_factor_tail: Number | None = None
    patient_factor_age: PowerOfAge | None = None
    patient_factor_tails: dict[str, Number] = {}
    later: tuple[DrugClass, ...]
    later_share: Number
    correlation: Number
    correlated: tuple[DrugClass, ...]
    log_sd: dict[DrugClass, Number]


class SensitivityFactor(Strict):
    """Drug sensitivity of relapsed leukaemia relative to diagnosis: ``all`` or what ``classes`` says for a class, times
    exp(N(0, sd_log)), one draw a patient. It multiplies the kill: ``sensitivity_factor`` that of whoever has relapsed
    at entry, ``after_relapse`` that of the others from their first relapse on."""

    all: Number
    classes: dict[DrugClass, Number] = {}
    sd_log: Number

    def of(self, drug_class: str) -> float:
        return self.classes.get(drug_class, self.all).value  # type: ignore[call-overload, no-any-return]


class Donors(Table):
    """Shares of the patients by their best donor."""

    unit: Literal["-"]
    shares: dict[Donor, Share]


class Residual(Strict):
    """Leukaemic share of the marrow in remission: ``none`` have not one cell; log10 of the others is normal, truncated
    to the range of ``log10``. ``overt`` are in no remission: their marrow is as ``marrow_blasts`` of the population."""

    none: Number
    log10: Number
    sd_log10: Number
    overt: Number | None = None


class Remission(Strict):
    """What differs in remission; ``white_count`` is that of the normal cells. ``white_count`` and ``marrow_blasts`` of
    the population then describe the overt disease: they say how many blasts go with a marrow cell in blood."""

    residual: Residual
    white_count: LogNormal
    counts: Counts


class Population(Strict):
    """``at``: when the patients enter. The white count, the counts and the marrow blasts are those at entry.

    ``relapsed``: share who have relapsed before or now (default: all at relapse, else none); ``prior_transplant``:
    share of these who had a transplant; ``care``: when and where they are treated.
    """

    name: str
    title: str
    like: str | None = None
    at: At = "diagnosis"
    limits: Limits
    age: Ages
    male: Number
    t_lineage: TLineage
    white_count: dict[Lineage, LogNormal]
    blood_blasts: BloodBlasts
    counts: Counts
    marrow_blasts: MarrowBlasts
    cns: CnsStatus
    body: Body
    down_syndrome: DownSyndrome
    testes: Testes
    missed_doses: MissedDoses
    pharmacogenetics: Pharmacogenetics
    creatinine: Creatinine
    subtypes: Subtypes
    sensitivity: Sensitivity
    age_factor: AgeFactor | None = None
    relapsed: Number | None = None
    prior_transplant: Number | None = None
    sensitivity_factor: SensitivityFactor | None = None
    after_relapse: SensitivityFactor | None = None
    growth_factor: Number | None = None  # net growth of relapsed leukaemia, relative to diagnosis
    donors: Donors | None = None
    remission: Remission | None = None
    care: Care | None = None

    @property
    def share_relapsed(self) -> float:
        return self.relapsed.value if self.relapsed else float(self.at == "relapse")


class Part(Strict):
    """A population that differs from another one (``like``): what it writes replaces that section of the other one.

    ``ancestry`` and ``subtype_frequency`` replace these tables within `pharmacogenetics` and `subtypes` only, and of
    ``white_count`` the lineages that are written. A subtype that ``subtype_frequency`` does not name does not occur.
    """

    name: str
    title: str
    like: str
    limits: Limits
    at: At | None = None
    ancestry: dict[str, Share] | None = None
    subtype_frequency: Frequency | None = None
    age: Ages | None = None
    male: Number | None = None
    t_lineage: TLineage | None = None
    white_count: dict[Lineage, LogNormal] | None = None
    blood_blasts: BloodBlasts | None = None
    counts: Counts | None = None
    marrow_blasts: MarrowBlasts | None = None
    cns: CnsStatus | None = None
    body: Body | None = None
    down_syndrome: DownSyndrome | None = None
    testes: Testes | None = None
    missed_doses: MissedDoses | None = None
    pharmacogenetics: Pharmacogenetics | None = None
    creatinine: Creatinine | None = None
    sensitivity: Sensitivity | None = None
    age_factor: AgeFactor | None = None
    relapsed: Number | None = None
    prior_transplant: Number | None = None
    sensitivity_factor: SensitivityFactor | None = None
    after_relapse: SensitivityFactor | None = None
    growth_factor: Number | None = None
    donors: Donors | None = None
    remission: Remission | None = None
    care: Care | None = None

    def of(self, whole: Population) -> Population:
        """The whole population that the part makes of another one."""
        changed = {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name) is not None}
        if self.white_count is not None:
            changed["white_count"] = {**whole.white_count, **self.white_count}
            whole = whole.model_copy(update={"subtypes": whole.subtypes.model_copy(update={"white_count": None})})
        if (frequency := changed.pop("subtype_frequency", None)) is not None:
            frequency = frequency.among(whole.subtypes.frequency)
            changed["subtypes"] = whole.subtypes.model_copy(update={"frequency": frequency})
        if (ancestry := changed.pop("ancestry", None)) is not None:
            genes = self.pharmacogenetics or whole.pharmacogenetics
            changed["pharmacogenetics"] = genes.model_copy(update={"ancestry": ancestry})
        return whole.model_copy(update=changed)


def population(name: str | Path) -> Population:
    """The population of that name, or of that file; raises ``BadInput``."""
    path = _path(name)
    if _is_file(name):
        return _population(path, ())
    return library().kept(f"populations/{name}", lambda: _population(path, ()))


def _population(path: Path, parts: tuple[Path, ...]) -> Population:
    """``parts``: the files that are like this one."""
    tree = read_yaml(path)
    if not (isinstance(tree, dict) and "like" in tree):
        return load(path, Population, _mistakes)
    part = load(path, Part)
    other = beside(path, part.like) or _path(part.like)
    if other in (*parts, path):
        raise complain(path, [Fault(("like",), f"'{part.like}' is like this population itself", "name another one")])
    result = part.of(_population(other, (*parts, path)))
    load(path, Part, lambda part: (_in_part(fault, part) for fault in _mistakes(result)))
    return result


_WHERE_IN_PART: dict[tuple[str | int, ...], str] = {
    ("subtypes", "frequency"): "subtype_frequency",
    ("pharmacogenetics", "ancestry"): "ancestry",
}


def _in_part(fault: Fault, part: Part) -> Fault:
    """The fault at the place where the part writes it."""
    key = _WHERE_IN_PART.get(fault.where[:2])
    return replace(fault, where=(key, *fault.where[2:])) if key and getattr(part, key) is not None else fault


def numbers(p: Population) -> dict[str, Quantity]:
    """Every number of a population with its provenance, by its place in the file ('cns.B.below.0')."""
    return dict(_numbers(p, "", None))


_NOT_DATA = {
    "from_y",
    "to_y",
    "from_age_y",
    "age_y",
    "older_from_y",
    "threshold_wbc",
    "ancestry",
    "limits",
}  # boundaries and choices


def _numbers(node: Any, where: str, table: Table | None) -> Iterator[tuple[str, Quantity]]:
    if isinstance(node, Quantity):
        yield where, node
    elif isinstance(node, float) and table is not None:
        known = {name: getattr(table, name) for name in Table.model_fields}
        yield where, Quantity(value=node, **known)
    elif isinstance(node, BaseModel):
        table = node if isinstance(node, Table) else table
        children = {name: getattr(node, name) for name in type(node).model_fields if name not in _NOT_DATA}
        yield from _below(children.items(), where, table)
    elif isinstance(node, dict):
        yield from _below(node.items(), where, table)
    elif isinstance(node, tuple):
        yield from _below(enumerate(node), where, table)


def _below(children: Iterable[tuple[Any, Any]], where: str, table: Table | None) -> Iterator[tuple[str, Quantity]]:
    for name, child in children:
        yield from _numbers(child, f"{where}.{name}" if where else str(name), table)


def _path(name: str | Path) -> Path:
    return Path(name) if _is_file(name) else library().population_path(str(name))


def _is_file(name: str | Path) -> bool:
    return isinstance(name, Path) or name.endswith((".yaml", ".yml"))


def _mistakes(p: Population) -> Iterator[Fault]:
    """What the types cannot say: rows of equal length, known names, shares that add up."""
    bands = p.t_lineage.from_age_y
    for sex in ("female", "male"):
        if len(getattr(p.t_lineage, sex)) != len(bands):
            yield Fault(("t_lineage", sex), f"needs one percentage per age band, {len(bands)}")
    for key in ("growth", "down_syndrome"):
        if (name := getattr(p.body, key)) not in (known := library().growths()):
            near = nearest(name, known)
            remedy = f"did you mean '{near}'?" if near else f"write one of: {', '.join(known)}"
            yield Fault(("body", key), f"there is no growth reference '{name}'", remedy)
    for name in p.down_syndrome.subtypes:
        if name not in p.subtypes.frequency.B:
            yield Fault(("down_syndrome", "subtypes", name), *_unknown(name, tuple(p.subtypes.frequency.B)))
    if (p.down_syndrome.B or p.down_syndrome.T) and abs(sum(p.down_syndrome.subtypes.values()) - 100) > 1:
        yield Fault(("down_syndrome", "subtypes"), "the subtypes do not add up to 100 %")
    if p.subtypes.white_count:
        for name in p.subtypes.white_count.values:
            if name not in p.subtypes.names:
                yield Fault(("subtypes", "white_count", "values", name), *_unknown(name, p.subtypes.names))
    groups = p.age.groups
    if abs(sum(g.share for g in groups) - 1) > 0.01:
        yield Fault(("age", "groups"), "the shares of the age groups do not add up to 1")
    for i, group in enumerate(groups):
        if group.to_y <= group.from_y or (i and group.from_y != groups[i - 1].to_y):
            yield Fault(
                ("age", "groups", i), "age groups follow each other without a gap", "start where the last one ends"
            )
    for lineage in ("B", "T"):
        rows: dict[str, tuple[float, ...]] = getattr(p.subtypes.frequency, lineage)
        for name, row in rows.items():
            if len(row) != len(p.subtypes.frequency.from_age_y):
                yield Fault(("subtypes", "frequency", lineage, name), "needs one percentage per age band")
        if any(abs(sum(column) - 100) > 1 for column in zip(*rows.values(), strict=False)):
            yield Fault(("subtypes", "frequency", lineage), "the subtypes of an age band do not add up to 100 %")
        if lineage not in p.white_count:
            yield Fault(("white_count",), f"lineage {lineage} is missing", f"add `{lineage}: ...`")
        for side in ("below", "above"):
            if abs(sum(getattr(getattr(p.cns, lineage), side)) - 100) > 1:
                yield Fault(("cns", lineage, side), "CNS 1, 2 and 3 do not add up to 100 %")
    names_ = p.subtypes.names
    for name in names_:
        if name not in p.subtypes.doubling_time.values:
            yield Fault(("subtypes", "doubling_time", "values"), f"no doubling time for '{name}'")
    for lineage in ("B", "T"):
        if getattr(p.subtypes.unknown, lineage) not in getattr(p.subtypes.frequency, lineage):
            yield Fault(("subtypes", "unknown"), f"no subtype of lineage {lineage} is named for the unknown")
    for i, entry in enumerate(p.subtypes.lc50):
        if entry.subtype not in names_:
            yield Fault(("subtypes", "lc50", i, "subtype"), *_unknown(entry.subtype, names_))
    for name in p.sensitivity.patient_factor_tails:
        if name not in names_:
            yield Fault(("sensitivity", "patient_factor_tails", name), *_unknown(name, names_))
    for key in ("exclude_subtypes", "only_subtypes"):
        for i, name in enumerate(getattr(p.limits, key)):
            if name not in names_:
                yield Fault(("limits", key, i), *_unknown(name, names_))
    genes = p.pharmacogenetics
    for name in genes.ancestry:
        if name not in genes.names:
            near = nearest(name, genes.names)
            remedy = f"did you mean '{near}'?" if near else "give its alleles below `tpmt` and `nudt15`"
            yield Fault(("pharmacogenetics", "ancestry", name), f"there is no ancestry '{name}'", remedy)
        elif missing := [gene for gene in ("tpmt", "nudt15") if name not in getattr(genes, gene)]:
            what, remedy = f"no allele frequencies for '{name}'", f"give them below `{'` and `'.join(missing)}`"
            yield Fault(("pharmacogenetics", "ancestry", name), what, remedy)
    if abs(sum(p.pharmacogenetics.ancestry.values()) - 1) > 1e-6:
        yield Fault(("pharmacogenetics", "ancestry"), "the shares of the ancestries do not add up to 1")
    by = p.subtypes.by_ancestry
    for people, odds in by.odds.items() if by else ():
        if people not in genes.names or people not in by.quarters:  # type: ignore[union-attr]
            yield Fault(("subtypes", "by_ancestry", "odds", people), f"no ancestry '{people}' has `quarters`")
        for name in odds:
            if name not in (*names_, "T lineage"):
                yield Fault(("subtypes", "by_ancestry", "odds", people, name), *_unknown(name, names_))
    missing = [c for c in SENSITIVITIES if c not in p.sensitivity.log_sd]
    if missing:
        yield Fault(("sensitivity", "log_sd"), f"no log_sd for {', '.join(missing)}")
    blasts = p.marrow_blasts
    for key in ("a", "b"):
        if getattr(blasts, key).value <= 0:
            yield Fault(("marrow_blasts", key), "a beta distribution has two numbers above 0")
    if not 0 <= blasts.least.value < blasts.most.value <= 1:
        yield Fault(("marrow_blasts", "least"), "the shares of blasts go from least to most, within 0 to 1")
    typical = p.counts.haemoglobin.typical
    if typical.range is None:
        yield Fault(("counts", "haemoglobin", "typical"), "needs a range", "add `range: [2, 17]`")
    yield from _mistakes_at_entry(p)


def _mistakes_at_entry(p: Population) -> Iterator[Fault]:
    if (p.at == "remission") != (p.remission is not None):
        if p.remission is None:
            yield Fault(
                ("at",), "the residual leukaemia and the counts in remission are missing", "add `remission: ...`"
            )
        else:
            yield Fault(("remission",), f"the patients enter at {p.at}", "write `at: remission`", at_key=True)
    if p.remission is not None:
        if p.remission.residual.log10.range is None:
            remedy = "add `range: [-9, -1.3]`, in remission below 5 %"
            yield Fault(("remission", "residual", "log10"), "needs a range", remedy)
        if p.remission.counts.haemoglobin.typical.range is None:
            remedy = "add `range: [7, 17]`"
            yield Fault(("remission", "counts", "haemoglobin", "typical"), "needs a range", remedy)
        overt = p.remission.residual.overt
        if overt is not None and not 0 <= overt.value <= 1 - p.remission.residual.none.value:
            yield Fault(("remission", "residual", "overt"), "a share lies between 0 and what `none` leaves")
        if not 0 <= p.remission.residual.none.value <= 1:
            yield Fault(("remission", "residual", "none"), "a share lies between 0 and 1")
    for key in ("relapsed", "prior_transplant"):
        share = getattr(p, key)
        if share is not None and not 0 <= share.value <= 1:
            yield Fault((key,), "a share lies between 0 and 1")
    if p.prior_transplant is not None and p.share_relapsed == 0:
        yield Fault(("prior_transplant",), "nobody here has relapsed", "add `at: relapse` or a share `relapsed: ...`")
    if p.donors is not None and abs(sum(p.donors.shares.values()) - 1) > 1e-6:
        yield Fault(("donors", "shares"), "the shares of the donors do not add up to 1")


def _unknown(name: str, known: tuple[str, ...]) -> tuple[str, str]:
    near = nearest(name, known)
    return f"unknown subtype '{name}'", f"did you mean '{near}'?" if near else f"write one of: {', '.join(known)}"
