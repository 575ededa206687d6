"""How the level of a medicine in the blood rises and falls with the doses of the plan: its published kinetics, solved
for a typical patient, without the spread between patients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from remission.body.pharmacokinetics import CSF, PLASMA, Kinetics, kinetics
from remission.knowledge.agent import Agent
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, using
from remission.knowledge.units import factor
from remission.patient.population import draw
from remission.protocol.plan import Row

from .. import who
from ..figure import Figure, Known, Table
from ..language import _, language, ngettext, number
from ..reading import reading
from ..scenario import Scenario, read_known, typical
from ..scenes import planned
from ..site import Site
from ..svg import axis
from ..svg.chart import Line, Panel, chart
from . import solved, stored

USUAL = ("cog-standard-risk", "cog-high-risk", "bfm-standard", "relapse-pathway", "d-alba", "phallcon-imatinib",
         "phallcon-ponatinib", "tower", "ino-vate", "forum-tbi", "forum-busulfan", "eliana")  # fmt: skip
DAYS = 28  # that are shown, from the first dose
ALONE = 56  # days after one dose
DEEP = 4  # powers of ten below the peak that are shown
START = date(2027, 1, 4)  # a plan needs dates; they are not shown
READ = ("full-text", "abstract", "label", "secondary")


def level(site: Site, name: str) -> Figure | None:
    """The level over four weeks from the first dose, and how fast one dose leaves; None for what has no level (cells,
    radiation) or is in no plan."""
    if name not in site.knowledge.agents():
        return None
    agent = site.knowledge.agent(name)
    if agent.pharmacokinetics is None or agent.radiation or agent.cells or agent.graft:
        return None
    found = _planned(site.knowledge, name)
    if found is None:
        return None
    scenario, rows = found
    routes = tuple(dict.fromkeys(row.route for row in rows if row.route))
    with using(site.knowledge):
        person = draw(scenario.people, 1, seed=1, given=scenario.given)
        system = kinetics(solved.typical(agent), person, seed=1, routes=routes)
    where = CSF if routes == ("IT",) and CSF in system.outputs else PLASMA
    bsa = float(person.bsa_m2[0])
    first = rows[0].day
    times, values = solved.solve(system, _doses(rows, system, bsa, first), DAYS, where)
    alone = [row for row in rows if row.day == first][:1]
    after, single = solved.solve(system, list(_doses(alone, system, bsa, first, once=True)), ALONE, where)
    peak = int(np.argmax(single))
    half, gone = (_since(after, single, peak, part) for part in (0.5, 0.01))
    if not values.max() > 0 or half is None:
        return None
    title = reading(language()).title("agents", name)
    finding = (
        _("{name}: after a dose the level halves within {half}; within {gone} 99 of 100 parts are gone").format(
            name=title, half=_time(half), gone=_time(gone))
        if gone is not None
        else _("{name}: after a dose the level halves within {half}").format(name=title, half=_time(half))
    )  # fmt: skip
    unit = system.concentration_unit.replace("ug", "µg").replace("umol", "µmol")
    label = _("Level in the blood, {unit}") if where == PLASMA else _("Level in the fluid around the brain, {unit}")
    top = float(values.max())
    low = max(float(values[peak + 1 :].min()), top / 10.0**DEEP)
    least = 10.0 ** min(math.floor(math.log10(low)), math.ceil(math.log10(top)) - 2)
    every = 2 if math.log10(top / least) > 3 else 1
    day = [round(t, 3) for t in times]
    given = sorted({row.day - first for row in rows if row.day - first < DAYS})
    table: list[tuple[str | float, ...]] = [
        (_("After one dose: halves within"), _time(half)),
        (_("After one dose: 99 of 100 parts gone within"), _time(gone) if gone is not None else _("later")),
        (_("Highest in these four weeks, {unit}").format(unit=unit), _value(top)),
    ]
    table += [(_("Day {day}, {unit}").format(day=number(d + 1), unit=unit), _value(_at(times, values, d + 0.5)))
              for d in range(0, DAYS, 2)]  # fmt: skip
    return Figure(
        id=f"level-{name}",
        finding=finding,
        svg=chart(
            finding, _("The level rises with each dose and falls after it."),
            axis.Axis(0, DAYS, ticks=tuple(axis.Tick(d, _("day {day}").format(day=number(d + 1)), d % 14 == 7)
                                           for d in range(0, DAYS + 1, 7))),
            [Panel(axis.powers(least, top, label.format(unit=unit), every=every),
                   [Line(day, [max(float(v), least) for v in values], "drug")], height=140)],
        ),
        reading=_("Each rise is a dose. Each line across is a hundred times more than the one below it.") if every == 2
        else _("Each rise is a dose. Each line across is ten times more than the one below it."),
        table=Table((_("What"), _("Value")), tuple(table), _("Level over the first four weeks with this medicine")),
        known=_known(agent),
        about=_("A typical patient ({who}, {size}), given it on {n} of {days} days by the plan {plan}.").format(
            who=who.called(scenario), size=who.size(scenario), n=number(len(given)), days=number(DAYS),
            plan=who.treatment_name(scenario, site.knowledge)),
    )  # fmt: skip


def _value(level: float) -> str:
    """A level to three figures, as people write it: ``1,480``, never ``1.48e+03``."""
    return number(float(f"{level:.3g}")) if level >= 0.001 or level <= 0 else _("below {n}").format(n=number(0.001))


# --- the doses --------------------------------------------------------------------------------


def _planned(knowledge: Library, name: str) -> tuple[Scenario, list[Row]] | None:
    """The first plan that gives it to a typical patient into the body, else into the spinal fluid; what it gives."""
    spinal = None
    for protocol in dict.fromkeys([*USUAL, *knowledge.protocols()]):
        if not _gives(knowledge, protocol, name):
            continue
        rows = _rows(knowledge, protocol).get(name)
        if rows and rows[0].route != "IT":
            return _scenario(knowledge, protocol), rows
        if rows and spinal is None:
            spinal = protocol, rows
    return (_scenario(knowledge, spinal[0]), spinal[1]) if spinal else None


def _gives(knowledge: Library, protocol: str, name: str) -> bool:
    phases = read_known(protocol, knowledge).phases
    return any(give.agent == name for phase in phases for give in phase.give)


def _scenario(knowledge: Library, protocol: str) -> Scenario:
    own = stored.EXAMPLES.get(protocol)
    return Scenario.read(own, {}, knowledge) if own else typical(protocol, knowledge)


@lru_cache(maxsize=64)
def _rows(knowledge: Library, protocol: str) -> dict[str, list[Row]]:
    """Agent: its doses by one route, the first that is not into the spinal fluid."""
    try:
        rows = planned(_scenario(knowledge, protocol), knowledge, START).rows
    except BadInput:
        return {}
    out: dict[str, list[Row]] = {}
    for row in rows:
        if row.agent and row.exact_dose and row.kind == "dose":
            out.setdefault(row.agent, []).append(row)
    route = {name: next((row.route for row in mine if row.route != "IT"), "IT") for name, mine in out.items()}
    return {name: [row for row in mine if row.route == route[name]] for name, mine in out.items()}


def _doses(
    rows: Iterable[Row], system: Kinetics, bsa_m2: float, first: int, once: bool = False
) -> list[tuple[float, float, int, float]]:
    """Day, hours of infusion, state, amount that arrives."""
    out = []
    for row in rows:
        entry = system.entries[row.route or "IV"]
        amount = (row.exact_dose or 0.0) * factor(row.unit or "-", system.amount_unit)
        part = float(entry.bioavailability[0])
        if entry.loss:
            part -= entry.loss * amount / bsa_m2 / (entry.half_dose + amount / bsa_m2)
        times = 1 if once else row.doses_per_day or 1
        for i in range(times):
            out.append((row.day - first + i / times, row.infusion_h or 0.0, entry.state, part * amount))
    return out


# --- times ------------------------------------------------------------------------------------


def _since(times: np.ndarray, values: np.ndarray, peak: int, part: float) -> float | None:
    """Days from the peak until only so large a part of it is left."""
    below = np.flatnonzero(values[peak:] <= part * values[peak])
    return float(times[below[0]]) if below.size else None


def _at(times: np.ndarray, values: np.ndarray, day: float) -> float:
    return float(np.interp(day, times, values))


def _time(days: float) -> str:
    """``5 hours``, ``3 days``: rounded up."""
    hours = math.ceil(days * 24 - 1e-9)
    if hours <= 48:
        return ngettext("{n} hour", "{n} hours", hours).format(n=number(hours))
    whole = math.ceil(days)
    return ngettext("{n} day", "{n} days", whole).format(n=number(whole))


# --- how it is known --------------------------------------------------------------------------


def _known(agent: Agent) -> Known:
    pk = agent.pharmacokinetics
    used = list(_quantities(pk.model_dump()))
    sources = tuple(dict.fromkeys(q["source"] for q in used if q.get("source")))[:3]
    if all(q["read"] in READ for q in used):
        return Known("published", _("The numbers of a study, solved for one patient. Others differ."), sources)
    if pk.clearance.read in READ and pk.volume.read in READ:
        return Known("predicted", _("How fast it leaves is published, some other numbers are assumed. Others differ."),
                     sources)  # fmt: skip
    return Known("assumed", _("How fast it leaves is partly assumed. Others differ."), sources)


def _quantities(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict):
        if "read" in data and "value" in data:
            yield data
        else:
            for value in data.values():
                yield from _quantities(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _quantities(value)
