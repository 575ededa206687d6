"""Does an agent file fit together: units in their places, drivers and routes that exist, numbers in range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .agent import RATES, TARGETS, Absorption, Agent, Effect, Radiosensitivity
from .errors import nearest
from .loader import Fault
from .quantity import Quantity
from .side_effect import SideEffect
from .units import UnknownUnit, unit_of

Where = tuple[str | int, ...]
NEEDS = {
    "linear": ("slope",),
    "emax": ("max", "half"),
    "asparagine depletion": ("max", "half", "baseline", "supply", "km"),
}
PARAMETERS = ("slope", "max", "half", "resting", "baseline", "supply", "km")
AT_MOST_ONE = ("cytokine", "fever")


@dataclass(frozen=True)
class Place:
    """A quantity, the unit that its place asks for and the values that make sense there."""

    where: Where
    quantity: Quantity
    unit: str
    high: float = float("inf")
    zero: bool = True  # may it be 0

    def remedy(self) -> str:
        if self.high < float("inf"):
            return f"Write a number from 0 to {self.high:g}"
        return "Write 0 or more" if self.zero else "Write a number above 0"


def faults(agent: Agent) -> Iterator[Fault]:
    """Everything that is wrong inside one agent file (beyond its form)."""
    unknown = list(_unit_names(agent))
    yield from unknown
    if unknown:
        return
    yield from _structure(agent)
    for place in places(agent):
        try:
            value = place.quantity.to_unit(place.unit)
        except ValueError:
            form = "-" if place.unit == "dimensionless" else place.unit
            yield Fault(
                (*place.where, "unit"),
                f"unit '{place.quantity.unit}' does not fit here",
                f"Write a unit that can be turned into {form}",
            )
            continue
        if not 0.0 <= value <= place.high or (value == 0.0 and not place.zero):
            yield Fault((*place.where, "value"), f"{value:g} is not possible here", place.remedy())


def places(agent: Agent) -> Iterator[Place]:
    """The table of units: every quantity of an agent with the unit of its place."""
    pk = agent.pharmacokinetics
    root: Where = ("pharmacokinetics",)
    where: Where
    concentration = f"({pk.concentration})"
    if pk.molar_mass:
        yield Place((*root, "molar_mass"), pk.molar_mass, "g/mol", zero=False)
    yield Place((*root, "clearance"), pk.clearance, "L/h")
    yield Place((*root, "volume"), pk.volume, "L", zero=False)
    for i, p in enumerate(pk.peripheral):
        yield Place((*root, "peripheral", i, "clearance"), p.clearance, "L/h")
        yield Place((*root, "peripheral", i, "volume"), p.volume, "L", zero=False)
    if pk.clearance_change:
        where = (*root, "clearance_change")
        yield Place((*where, "extra"), pk.clearance_change.extra, "L/h")
        yield Place((*where, "rate"), pk.clearance_change.rate, "1/h")
    if pk.saturable_elimination:
        where = (*root, "saturable_elimination")
        yield Place((*where, "vmax"), pk.saturable_elimination.vmax, f"{concentration}*L/h")
        yield Place((*where, "km"), pk.saturable_elimination.km, concentration, zero=False)
    if pk.transit:
        yield Place((*root, "transit", "rate_clearance"), pk.transit.rate_clearance, "L/h")
    for route, absorption in pk.absorption.items():
        yield from _absorption(absorption, (*root, "absorption", route), pk.amount)
    for name, d in pk.drivers.items():
        where = (*root, "drivers", name)
        unit = _driver_unit(agent, name)
        yield Place((*where, "half_life"), d.half_life, "day", zero=False)
        if d.formation:
            per = "day" if d.kind == "saturable product" else f"(day*{concentration})"
            yield Place((*where, "formation"), d.formation, f"({unit})/{per}")
        if d.half:
            yield Place((*where, "half"), d.half, concentration, zero=False)
    if pk.csf:
        where = (*root, "csf")
        yield Place((*where, "volume"), pk.csf.volume, "L", zero=False)
        yield Place((*where, "half_life"), pk.csf.half_life, "day", zero=False)
        for name, unit in (("plasma_ratio", "dimensionless"), ("deep_in", "1/day"), ("deep_out", "1/day")):
            if (q := getattr(pk.csf, name)) is not None:
                yield Place((*where, name), q, unit)
    for i, effect in enumerate(agent.effects):
        yield from _effect(agent, effect, ("effects", i))
    yield from _at_once(agent)
    if agent.tablet:
        yield Place(("tablet", "strength"), agent.tablet.strength, pk.amount, zero=False)


COUNTED = {"neutrophils": "Gcell/L", "platelets": "Gcell/L", "haemoglobin": "g/dL", "igg": "g/L"}


def side_effect_faults(effect: SideEffect) -> Iterator[Fault]:
    """Units of a side effect's numbers, and `below` where a count is meant."""
    asked: list[tuple[Where, Quantity | None, str]] = [(("course",), effect.course, "day")]
    for grade, days in effect.hospital.items():
        asked.append((("hospital", grade), days, "day"))
    if (effect.measured is None) == bool(effect.limits) or (effect.limits and not effect.computed):
        yield Fault(("limits",), "`computed: true`, `measured` and `limits` go together", "Add what is missing", True)
    unit = COUNTED["haemoglobin" if effect.measured == "haemoglobin" else "platelets"]
    for grade, limit in effect.limits.items():
        asked.append((("limits", grade), limit, unit))
        if any(other.value >= limit.value for worse, other in effect.limits.items() if worse > grade):
            yield Fault(("limits", grade), "a worse grade has a lower limit", "Correct one of them")
    for grade in {*effect.limits, *effect.hospital} - set(range(1, 6)):
        yield Fault((), f"there is no grade {grade}", "Write 1 to 5", True)
    if effect.after_transplant:
        asked.append((("after_transplant", "days"), effect.after_transplant.days, "day"))
        if (effect.after_transplant.factor is None) != (effect.after_transplant.days is None):
            yield Fault(("after_transplant",), "`factor` and `days` go together", "Add the other", True)
    for i, cause in enumerate(effect.causes):
        asked.append((("causes", i, "hazard"), cause.hazard, "1/day"))
        asked.append((("causes", i, "below"), cause.below, COUNTED.get(cause.of, "")))
        if (cause.of in COUNTED) != (cause.below is not None):
            yield Fault(("causes", i), "`below` belongs to a count, haemoglobin or IgG", "Add it, or take it out", True)
            return
    for where, quantity, unit in asked:
        if quantity is None:
            continue
        try:
            quantity.to_unit(unit)
        except ValueError:
            yield Fault((*where, "unit"), f"unit '{quantity.unit}' does not fit here", f"Write {unit}")


def _at_once(agent: Agent) -> Iterator[Place]:
    """Radiation, grafts, living cells, immunoglobulin."""

    def place(path: str, unit: str, high: float = float("inf"), zero: bool = True) -> Iterator[Place]:
        found: object = agent
        for name in path.split("."):
            found = getattr(found, name)
        if isinstance(found, Quantity):
            yield Place(tuple(path.split(".")), found, unit, high, zero)

    if agent.radiation:
        for name in ("marrow", "cns", "gonads"):
            yield from place(f"radiation.field.{name}", "dimensionless", 1.0)
        for cells in ("blasts", "stem_cells"):
            assert isinstance(getattr(agent.radiation, cells), Radiosensitivity)
            yield from place(f"radiation.{cells}.alpha", "1/Gy")
            yield from place(f"radiation.{cells}.alpha_beta", "Gy", zero=False)
        yield from place("radiation.repair_half_life", "hour", zero=False)
    if agent.graft:
        yield from place("graft.seeded", "dimensionless", 1.0)
        yield from place("graft.rejection", "dimensionless", 1.0)
    if agent.cells:
        yield from place("cells.manufacture.days", "day")
        yield from place("cells.manufacture.failure", "dimensionless", 1.0)
        yield from place("cells.dysfunctional", "dimensionless", 1.0)
        for name, unit in CELLS.items():
            yield from place(f"cells.{name}", unit, zero=not name.endswith("half"))
    if agent.igg:
        yield from place("igg.rise", "dimensionless")


CELLS = {
    "expansion.initial": "dimensionless", "expansion.rate": "1/day", "expansion.peak_day": "day",
    "expansion.most": "dimensionless", "expansion.antigen_half": "dimensionless", "contraction.rate": "1/day",
    "contraction.memory_share": "dimensionless", "contraction.memory_rate": "1/day", "kill.max": "1/day",
    "kill.half": "dimensionless", "kill.cns": "dimensionless", "lymphocytes_half": "Gcell/L",
    "releases": "dimensionless",
}  # fmt: skip  # copies are per ug of DNA, `initial` copies/ug for one Mcell/kg, `rise` g/L for one g/kg: written "-"


def _absorption(absorption: Absorption, where: Where, amount: str) -> Iterator[Place]:
    yield Place((*where, "rate"), absorption.rate, "1/day")
    yield Place((*where, "bioavailability"), absorption.bioavailability, "dimensionless", high=1.0)
    if absorption.bioavailability_loss:
        yield Place((*where, "bioavailability_loss"), absorption.bioavailability_loss, "dimensionless", high=1.0)
    if absorption.half_dose:
        yield Place((*where, "half_dose"), absorption.half_dose, amount, zero=False)
    if absorption.lag:
        yield Place((*where, "lag"), absorption.lag, "day")
    if absorption.week_cv:
        yield Place((*where, "week_cv"), absorption.week_cv, "dimensionless", high=3.0)


def _effect(agent: Agent, effect: Effect, where: Where) -> Iterator[Place]:
    x = _driver_unit(agent, effect.driver)
    size = "1/day" if effect.on in RATES or (effect.on not in TARGETS and effect.how == "causes") else "dimensionless"
    if effect.function == "asparagine depletion":
        x = "umol/L"  # asparagine, not enzyme
    table = {
        "slope": f"({size.replace('dimensionless', '1')})/({x})" if x != "dimensionless" else size,
        "max": size,
        "half": x,
        "resting": "dimensionless",
        "baseline": "umol/L",
        "supply": "umol/L/day",
        "km": "umol/L",
        "hill": "dimensionless",
        "releases": "dimensionless",
    }
    for name, unit in table.items():
        if (q := getattr(effect, name)) is not None:
            high = 1.0 if name == "resting" or (name == "max" and effect.on in AT_MOST_ONE) else float("inf")
            yield Place((*where, name), q, unit, high, zero=name not in ("half", "km", "hill"))
    for clone, other in effect.clones.items():
        for name in ("max", "half", "hill"):
            if (q := getattr(other, name)) is not None:
                yield Place((*where, "clones", clone, name), q, table[name], zero=name == "max")


def _driver_unit(agent: Agent, driver: str) -> str:
    known = agent.pharmacokinetics.drivers.get(driver)
    unit = (known.unit if known else None) or agent.pharmacokinetics.concentration
    return "dimensionless" if unit == "-" else unit


def _unit_names(agent: Agent) -> Iterator[Fault]:
    pk = agent.pharmacokinetics
    named: list[tuple[Where, str]] = [
        (("pharmacokinetics", "amount"), pk.amount),
        (("pharmacokinetics", "concentration"), pk.concentration),
    ]
    for name, d in pk.drivers.items():
        if d.unit and d.unit != "-":
            named.append((("pharmacokinetics", "drivers", name, "unit"), d.unit))
    for where, unit in named:
        try:
            unit_of(unit)
        except UnknownUnit:
            yield Fault(where, f"unknown unit '{unit}'", "Write for example mg, IU, ng/mL, umol/L")
            return
    made = unit_of(f"({pk.amount})/L")
    if not made.is_compatible_with(pk.concentration) and not (pk.molar_mass and _is_molar(pk.amount, pk.concentration)):
        yield Fault(
            ("pharmacokinetics", "concentration"),
            f"{pk.amount} in a litre cannot be told in {pk.concentration}",
            "Give `molar_mass`, or the concentration in the same kind of unit as the amount",
        )
    yield from _usual(agent)
    for i, unit in enumerate(agent.dose_units):
        mass = unit.split("/")[0]
        if unit == "dose" and agent.cells:
            continue
        try:
            fits = unit_of(mass).is_compatible_with(pk.amount)
        except Exception:
            fits = False
        if not fits:
            yield Fault(("dose_units", i), f"'{unit}' is no dose of {pk.amount}", f"Write for example {pk.amount}/m2")


def _usual(agent: Agent) -> Iterator[Fault]:
    """Ranges of doses: by routes that the agent has, in units of its doses, in order."""
    for i, usual in enumerate(agent.usual):
        if strange := [route for route in usual.routes if route not in agent.routes]:
            yield Fault(("usual", i, "routes"), f"route {strange[0]} is none of the agent's", "Correct one of them")
        if usual.unit not in agent.dose_units:
            yield Fault(
                ("usual", i, "unit"),
                f"'{usual.unit}' is no unit of its doses",
                f"Write one of: {', '.join(agent.dose_units)}",
            )


def _is_molar(amount: str, concentration: str) -> bool:
    return unit_of(amount).is_compatible_with("mg") and unit_of(concentration).is_compatible_with("umol/L")


def _ages(agent: Agent) -> Iterator[Fault]:
    """Doses by age: rows in order, each from where the last one ended, the last one open."""
    for table, rows in agent.intrathecal_by_age.items():
        for i, row in enumerate(rows):
            where = ("intrathecal_by_age", table, i)
            if set(row) != {"age_from", "age_to", "dose"} or row["age_from"] is None or not row["dose"]:
                yield Fault(where, "a row of doses by age is not complete", "Write {age_from: 1, age_to: 2, dose: 8}")
                return
            following = rows[i + 1].get("age_from") if i + 1 < len(rows) else None
            if row["age_to"] != following:
                expected = "null" if following is None else f"{following:g}"
                yield Fault((*where, "age_to"), "the ages do not join", f"Write age_to: {expected}")


def _structure(agent: Agent) -> Iterator[Fault]:
    pk = agent.pharmacokinetics
    yield from _ages(agent)
    for route in agent.routes:
        if (route == "RT") != (agent.radiation is not None) or (route == "collection" and agent.cells is None):
            yield Fault(("routes",), f"route {route} does not fit", "RT belongs to `radiation`, collection to `cells`")
        if route in ("PO", "SC", "IM") and route not in pk.absorption:
            yield Fault(
                ("pharmacokinetics",), f"route {route} has no absorption", f"Add `absorption: {{{route}: ...}}`", True
            )
        if route == "IT" and pk.csf is None:
            yield Fault(("pharmacokinetics",), "route IT has no csf", "Add `csf:` with volume and half_life", True)
    known = ["plasma", *(["csf"] if pk.csf else []), *pk.drivers]
    for name, d in pk.drivers.items():
        where = ("pharmacokinetics", "drivers", name)
        if d.kind != "effect compartment" and d.formation is None:
            yield Fault(where, f"a {d.kind} needs `formation`", "Add `formation: {value: ..., unit: ...}`", True)
        if d.kind == "saturable product" and d.half is None:
            yield Fault(where, "a saturable product needs `half`", "Add `half: {value: ..., unit: ...}`", True)
    for i, effect in enumerate(agent.effects):
        if effect.driver not in known:
            near = nearest(effect.driver, known)
            remedy = f"Did you mean '{near}'?" if near else f"Known here: {', '.join(known)}"
            yield Fault(("effects", i, "driver"), f"no driver '{effect.driver}'", remedy)
        if effect.function != "emax" and (effect.hill or effect.clones):
            yield Fault(("effects", i), "`hill` and `clones` belong to an emax effect", "Take them out", True)
        if effect.how != "causes" and effect.on in TARGETS:
            yield Fault(("effects", i, "how"), f"only side effects are {effect.how[:-1]}ed", "Take `how` out")
        if effect.on not in ("blasts", "CNS blasts", "B cells") and (effect.through or effect.clones):
            yield Fault(("effects", i), "only cells have antigens and clones", "Take `through` and `clones` out", True)
        for name in NEEDS[effect.function]:
            if getattr(effect, name) is None:
                yield Fault(("effects", i), f"a {effect.function} effect needs `{name}`", f"Add `{name}: ...`", True)
        for name in PARAMETERS:
            if getattr(effect, name) is not None and name not in (*NEEDS[effect.function], "resting"):
                yield Fault(("effects", i, name), f"`{name}` has no use in a {effect.function} effect", "Take it out")
