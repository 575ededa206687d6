"""One patient's body as SBML Level 3: the differential equations of `remission.body` with the numbers that he was drawn
with, and the doses and transfusions that he was given as events.

The equations are not written down again: `sbml_math` takes them from the Python that states them. Time is days from the
first dose; an event is a run of equal doses. The model holds up to `holds_until`: to the first day on which something
acts at once that is no differential equation (radiation, a graft, living cells), or the leukaemia is seen to be back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from remission.body import marrow, whole
from remission.body.kinetics import arriving
from remission.compiled import core
from remission.engine.acting import clone_table
from remission.engine.eligible import eligible
from remission.engine.one_body import OneBody
from remission.engine.program import Program, prepare
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.knowledge.units import factor
from remission.patient.population import draw
from remission.protocol.reader import read_protocol
from remission.trial.run import POPULATION, OnePatient

from . import frames
from .formats import Asked, Format
from .sbml_math import Book, Symbol, definition, definitions, number, written

words = core.words
NEVER = 1e9  # day of a dose that does not come any more
LEVEL, VERSION = 3, 2
LINES = ("neutrophils", "platelets", "red_cells", "lymphocytes")
OF_A_LINE = ("proliferating", "transit_1", "transit_2", "transit_3", "circulating")
OF_RED_CELLS = ("progenitors", "age_1", "age_2", "age_3", "age_4")
IMMUNE = ("car_t", "car_t_memory", "b_cells", "plasma_cells", "igg", "cytokine", "readiness", "brain")
SAME = 1e-9  # relative: the patient is the one who was played


@dataclass
class Model:
    """What goes into the file, by name: initial values of states, their right sides, numbers, rules, events."""

    notes: list[str] = field(default_factory=list)
    states: dict[str, float] = field(default_factory=dict)
    rates: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)  # what follows from states at once
    functions: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class Event:
    """``changes``: state, its new value; ``name``: in words."""

    when: str
    changes: tuple[tuple[str, str], ...]
    name: str


def write(one: OnePatient, path: Path, asked: Asked) -> None:
    path.write_text(document(model_of(one, **asked.more)), "utf-8")


# --- the model ---------------------------------------------------------------------------------


def model_of(
    one: OnePatient, protocol: str | None = None, population: str | None = None, until: str | float | None = None
) -> Model:
    """The model of one patient of a run. ``protocol``, ``population``: what it was played with, where it was a file of
    one's own; ``until``: the last day that is wanted. Raises `BadInput`."""
    program, body = _drawn_again(one, protocol, population)
    rows = frames.one_by_one(frames.given(frames_of(one))).collect()
    until, why = min(_holds_until(one, program, body), (_day(until), "as was asked"))
    rows = rows.filter(pl.col("hour") < 24.0 * until).sort("hour", "agent", "route")
    played = [k for k, agent in enumerate(body.systems) if k in body.acting and agent in set(rows["agent"].to_list())]
    model = Model(notes=[*_said(one, why), *FORMAT.limits])
    named = _Named(program, body, played, model)
    begun = rows.group_by("agent").agg(pl.col("hour").min() / 24.0)
    first_dose = dict(zip(begun["agent"], begun["hour"], strict=True))
    infused = {
        body.first[row["agent"]] + body.systems[row["agent"]].entries[row["route"]].state
        for row in rows.iter_rows(named=True)
        if row["infusion_h"] > 0.0 and row["agent"] in body.systems
    }
    _equations(model, named, body, played, first_dose, infused)
    _seen(model, named, body, played)
    _doses(model, named, body, rows, played, until)
    _transfusions(model, one, body, until)
    model.numbers["holds_until"] = until
    return model


def _day(until: str | float | None) -> float:
    try:
        day = math.inf if until is None else float(until)
    except ValueError:
        day = math.nan
    if not day > 0.0:
        raise BadInput(f"until={until}", remedy="Write a number of days from the first dose, above 0")
    return day


def frames_of(one: OnePatient) -> dict[str, pl.LazyFrame]:
    return {name: frame.lazy() for name, frame in one.tables.items()}


def _drawn_again(one: OnePatient, protocol: str | None, population: str | None) -> tuple[Program, OneBody]:
    """The patient with the numbers that he was played with."""
    if one.run is None:
        raise BadInput("the patient is of no run", remedy="Take him from one: run.patient(0)")
    identity = one.run.manifest["identity"]
    shelf = library()
    plan = read_protocol(protocol or identity["protocol"])
    program = prepare(plan, shelf)
    people = str(population or identity.get("population") or plan.population or POPULATION)
    cohort = draw(
        people, 1, seed=identity["seed"], start=one.patient, accept=lambda patients: eligible(plan.eligible, patients)
    )
    row = one.tables["outcomes"].row(0, named=True)
    for name in ("age_y", "weight_kg", "bsa_m2"):
        if not math.isclose(float(getattr(cohort, name)[0]), row[name], rel_tol=SAME):
            raise BadInput(
                f"patient {one.patient} is not drawn again as he was played ({name})",
                one.run.folder,
                remedy="Name what it was played with (protocol=FILE, population=FILE), with the knowledge of then",
            )
    return program, OneBody(program, cohort, identity["seed"], 0, shelf)


def _holds_until(one: OnePatient, program: Program, body: OneBody) -> tuple[float, str]:
    """The day up to which the model holds, and why."""
    ends = [(float(one.tables["states"]["day"].max()), "the end of what was played")]  # type: ignore[arg-type]
    kinds = {words.RADIATION: "radiation", words.GRAFT: "a graft", words.CELLS: "living cells"}
    doses = one.tables["doses"].filter(pl.col("dose") > 0.0)
    for act in body.layout.acts:
        form = program.forms[int(act["form"])]
        days = doses.filter((pl.col("agent") == form.agent) & (pl.col("route") == form.route))["from_day"]
        if len(days) and int(act["kind"]) in kinds:
            ends.append((float(days.min()), kinds[int(act["kind"])]))  # type: ignore[arg-type]
    back = one.tables["events"].filter(pl.col("event") == "relapse")["day"]
    if len(back):
        ends.append((float(back.min()) + 1.0, "a relapse"))  # type: ignore[arg-type]
    return min(ends)


def _said(one: OnePatient, why: str) -> list[str]:
    return [f"{one.title}. Days from the first dose; the model holds up to day holds_until: {why}."]


class _Named:
    """Names of states, and of numbers as they are asked for."""

    def __init__(self, program: Program, body: OneBody, played: list[int], model: Model) -> None:
        self.model, self.book = model, Book()
        agents = list(body.systems)
        systems = list(body.systems.values())
        clones = [_word(c.name) for c in clone_table(library(), program.agents)]
        if len(clones) != body.clones or len(set(clones)) != len(clones):
            clones = [f"clone_{i}" for i in range(body.clones)]
        self.agents, self.clones = [_word(a) for a in agents], clones
        self.states = [f"{a}_{_word(s)}" for a, k in zip(self.agents, systems, strict=True) for s in k.states]
        self.states += [f"{a}_{_word(x.name)}" for a, k in zip(self.agents, systems, strict=True)
                        for x in k.saturable_products]  # fmt: skip
        for i, line in enumerate(LINES):
            self.states += [f"{line}_{part}" for part in (OF_RED_CELLS if i == whole.RED_CELLS else OF_A_LINE)]
        self.states += ["normal_marrow_share", "cns_blasts"]
        self.states += [f"{clone}_{part}" for clone in clones for part in ("cycling", "resting")]
        self.states += list(IMMUNE)
        self.outputs = [f"{a}_{_word(o)}" for a, k in zip(self.agents, systems, strict=True)
                        for o in k.outputs[: k.g.shape[1]]]  # fmt: skip
        p = body.numbers
        of = p.effect
        targets = [_word(words.Target[i]) for i in of.target]
        drivers = [self.outputs[o] if o >= 0 else self.states[body.n - 1 - o] for o in of.output]
        effects = [f"{d}_on_{t}_{i}" for i, (d, t) in enumerate(zip(drivers, targets, strict=True))]
        products = [self.states[body.n + i] for i in range(len(p.product.agent))]
        inside = [[_word(s) for s in k.states] for k in systems]
        self.labels: dict[str, Any] = {
            "a": lambda k, i, j: f"{self.agents[k]}_rate_{inside[k][j]}_to_{inside[k][i]}",
            "g": lambda o, j: f"{self.outputs[o]}_per_{inside[p.output_of[o]][j]}",
            "felt": lambda c, pool: f"{clones[c]}_feels_of_pool_{pool}",
        }
        entries: dict[str, Sequence[str]] = {"product": products, "effect": effects, "line": LINES}
        for part, own in entries.items():
            self.labels[part] = lambda i, own=own: own[i]
        of_its = dict.fromkeys(("vmax", "km", "extra", "fading"), self.agents)
        of_its |= dict.fromkeys(("birth", "to_rest", "carries", "sows"), clones)
        for part, own in of_its.items():
            self.labels[part] = lambda i, own=own, part=part: f"{own[i]}_{part}"

    def number(self, name: str, value: float) -> Any:
        """A number that is not zero gets a name."""
        if value == 0.0:
            return 0.0
        self.model.numbers[name] = float(value)
        return Symbol(name, self.book, float(value))

    def table(self, values: Any, label: Any) -> Any:
        return _Table(self, values, label)


class _Table:
    """An array whose entries are named as they are taken out."""

    def __init__(self, named: _Named, values: Any, label: Any) -> None:
        self.named, self.values, self.label, self.shape = named, np.asarray(values), label, np.shape(values)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: Any) -> Any:
        where = place if isinstance(place, tuple) else (place,)
        return self.named.number(self.label(*map(int, where)), float(self.values[place]))


def _word(name: str) -> str:
    word = re.sub(r"\W+", "_", name.replace("::", "_")).strip("_")
    return f"_{word}" if word[:1].isdigit() else word


def _symbols(named: _Named, p: whole.Numbers, begun: Any, entering: Any) -> whole.Numbers:
    """The numbers as symbols; what decides which equations there are stays as it is."""
    own: dict[str, Any] = {"begun": begun, "entering": entering}
    for name in ("a", "g", "felt", "vmax", "km", "extra", "fading", "birth", "to_rest", "carries", "sows"):
        own[name] = named.table(getattr(p, name), named.labels[name])
    for name in ("production", "omega", "capacity", "packing", "power", "antigen", "death", "wake", "cns_birth",
                 "cns_death", "seeding"):  # fmt: skip
        own[name] = named.number(name, getattr(p, name))
    own["rho"] = [named.number("rho", float(p.rho[0]))]
    for part in ("product", "effect", "line"):
        of, label = getattr(p, part), named.labels[part]
        own[part] = of._replace(**{
            name: named.table(values, lambda i, name=name, label=label: f"{label(i)}_{name}")
            for name, values in of._asdict().items() if np.asarray(values).dtype.kind == "f"
        })  # fmt: skip
    own["immune"] = p.immune._replace(**{
        name: named.number(f"immune_{name}", value) for name, value in p.immune._asdict().items()
    })  # fmt: skip
    return p._replace(**own)


def _equations(
    model: Model, named: _Named, body: OneBody, played: list[int], first_dose: dict[str, float], infused: set[int]
) -> None:
    p, agents = body.numbers, list(body.systems)
    begun = np.array([first_dose.get(agent, 0.0) for agent in agents])
    of_state = np.searchsorted(p.first, np.arange(body.n), side="right") - 1
    there = [int(k) in played for k in (*of_state, *p.product.agent)] + [True] * (body.seen - body.lines)
    for i, kind in enumerate(p.line.kind):
        if kind == marrow.ABSENT:
            there[body.lines + 5 * i : body.lines + 5 * i + 5] = [False] * 5
    if not p.living:
        there[body.immune : body.seen] = [False] * whole.IMMUNE
    there[body.immune : body.immune + 2] = [False, False]  # CAR T-cells
    y: list[Any] = [Symbol(named.states[i], named.book) if there[i] else 0.0 for i in range(body.seen)]
    entering: list[Any] = [0.0] * body.n
    for state in sorted(infused):
        if there[state]:
            name = f"{named.states[state]}_entering"
            model.states[name] = 0.0
            entering[state] = Symbol(name, named.book)
    changes = written(named.book, [*y, *[0.0] * whole.SEEN], _symbols(named, p, begun, entering))
    for i in range(body.seen):
        if not there[i]:
            continue
        model.states[named.states[i]] = float(body.at_diagnosis[i])
        if isinstance(changes[i], Symbol):
            model.rates[named.states[i]] = changes[i].text
    model.functions = definitions(named.book)
    for formula, name in named.book.parts.items():
        model.rules[name] = formula


def _seen(model: Model, named: _Named, body: OneBody, played: list[int]) -> None:
    """What the clinic would see, and plasma levels."""
    p = body.numbers
    model.states["transfused_platelets"] = 0.0
    loss = -math.log1p(-body.setting["platelet_pool_loss"])
    model.numbers["transfused_platelets_loss"] = loss
    model.rates["transfused_platelets"] = "-transfused_platelets_loss * transfused_platelets"
    model.rules["anc"] = "neutrophils_circulating"
    model.rules["platelets"] = "platelets_circulating + transfused_platelets"
    model.rules["haemoglobin"] = " + ".join(f"red_cells_{part}" for part in OF_RED_CELLS[1:])
    model.rules["lymphocytes"] = "lymphocytes_circulating"
    cells = [f"{clone}_{part}" for clone in named.clones for part in ("cycling", "resting")]
    model.rules["marrow_blasts"] = " + ".join(cells)
    for i, agent in enumerate(named.agents):
        if i not in played:
            continue
        o = int(p.plasma[i])
        terms = [
            f"{named.outputs[o]}_per_{_word(state)} * {agent}_{_word(state)}"
            for j, state in enumerate(list(body.systems.values())[i].states)
            if p.g[o, j] != 0.0 and f"{named.outputs[o]}_per_{_word(state)}" in model.numbers
        ]
        if terms:
            model.rules[f"{agent}_level"] = " + ".join(terms)


def _doses(model: Model, named: _Named, body: OneBody, rows: pl.DataFrame, played: list[int], until: float) -> None:
    for number_of_row, row in enumerate(rows.iter_rows(named=True)):
        agent, route = row["agent"], row["route"]
        if agent not in body.systems or list(body.systems).index(agent) not in played:
            continue
        system = body.systems[agent]
        if route not in system.entries:
            continue
        entry = system.entries[route]
        state = named.states[body.first[agent] + entry.state]
        given = row["amount"] * factor(row["unit"], system.amount_unit)
        share = float(entry.bioavailability[0])
        amount = number(given * share)
        if entry.loss or body.diluted[agent, route]:
            _body_surface(model, body)
            amount = number(given)
            if entry.loss:
                model.functions["arriving"], _ = definition(arriving)  # type: ignore[arg-type]
                per_m2 = f"{number(given)} / body_surface"
                amount += f" * arriving({number(share)}, {per_m2}, {number(entry.loss)}, {number(entry.half_dose)})"
            else:
                amount += f" * {number(share)}"
            if body.diluted[agent, route]:
                amount += f" * {number(float(body.sizes[0, 0]))} / body_surface"
        more = min(row["more"], math.floor((24.0 * until - 1e-6 - row["hour"]) / row["interval_h"]))
        name = f"{agent} {route}, {row['amount']:g} {row['unit']}" + (f", {more + 1} times" if more else "")
        at, apart, over = row["hour"] / 24.0, row["interval_h"] / 24.0, row["infusion_h"] / 24.0
        if over:
            rate = f"({amount}) / {number(over)}"
            entering, own = f"{state}_entering", f"rate_{number_of_row}"
            model.states[own] = 0.0
            begin = ((own, rate), (entering, f"{entering} + {own}"))
            _repeated(model, f"dose_{number_of_row}", at, apart, more, begin, name)
            end = ((entering, f"{entering} - {own}"),)
            _repeated(model, f"end_{number_of_row}", at + over, apart, more, end, f"{name}: the infusion ends")
        else:
            _repeated(model, f"dose_{number_of_row}", at, apart, more, ((state, f"{state} + {amount}"),), name)


def _repeated(
    model: Model, key: str, at: float, apart: float, more: int, changes: tuple[tuple[str, str], ...], name: str
) -> None:
    if not more:
        model.events.append(Event(f"time >= {number(at)}", changes, name))
        return
    model.states[f"{key}_next"] = at
    last = number(at + (more - 0.5) * apart)
    again = f"piecewise({key}_next + {number(apart)}, {key}_next <= {last}, {number(NEVER)})"
    model.events.append(Event(f"time >= {key}_next", (*changes, (f"{key}_next", again)), name))


def _body_surface(model: Model, body: OneBody) -> None:
    """m2 on this day: straight between the sizes that the patient grows through."""
    if "body_surface" in model.rules:
        return
    step, sizes = float(words.SIZE_DAYS), body.sizes[0].tolist()
    pieces = []
    for i, (one, other) in enumerate(zip(sizes, sizes[1:], strict=False)):
        on = f"({number(one)} + {number((other - one) / step)} * (floor(time + 1e-9) - {number(i * step)}))"
        pieces.append(f"{on}, floor(time + 1e-9) < {number((i + 1) * step)}")
    model.rules["body_surface"] = f"piecewise({', '.join(pieces)}, {number(sizes[-1])})"


def _transfusions(model: Model, one: OnePatient, body: OneBody, until: float) -> None:
    given = one.tables["events"].filter(pl.col("event").str.ends_with("transfusion") & (pl.col("day") < until))
    for row in given.iter_rows(named=True):
        ml_per_kg = float(row["detail"].split()[0])
        if row["event"].startswith("red"):
            rise = number(0.25 * body.setting["red_cell_rise"] * ml_per_kg)
            states: Iterator[str] = (f"red_cells_{part}" for part in OF_RED_CELLS[1:])
        else:
            rise = number(body.setting["platelet_rise"] * ml_per_kg)
            states = iter(["transfused_platelets"])
        changes = tuple((state, f"{state} + {rise}") for state in states)
        model.events.append(Event(f"time >= {number(row['day'])}", changes, f"{row['event']}, {row['detail']}"))


# --- the file ----------------------------------------------------------------------------------


def document(model: Model) -> str:
    """The model in XML. Raises `BadInput` where libSBML finds a mistake in it."""
    import libsbml

    def formula(text: str) -> Any:
        parsed = libsbml.parseL3Formula(text)
        assert parsed is not None, f"{text[:200]}: {libsbml.getLastParseL3Error()}"
        return parsed

    whole_file = libsbml.SBMLDocument(LEVEL, VERSION)
    out = whole_file.createModel()
    out.setId("patient")
    said = "".join(f"<p>{_text(note)}</p>" for note in model.notes)
    out.setNotes(f'<body xmlns="http://www.w3.org/1999/xhtml">{said}</body>')
    for name, text in model.functions.items():
        function = out.createFunctionDefinition()
        function.setId(name)
        function.setMath(formula(text))
    for values, constant in ((model.numbers, True), (model.states, False), (dict.fromkeys(model.rules, None), False)):
        for name, value in values.items():
            parameter = out.createParameter()
            parameter.setId(name)
            parameter.setConstant(constant)
            if value is not None:
                parameter.setValue(value)
    for rules, create in ((model.rules, out.createAssignmentRule), (model.rates, out.createRateRule)):
        for name, text in rules.items():
            rule = create()
            rule.setVariable(name)
            rule.setMath(formula(text))
    for i, each in enumerate(model.events):
        event = out.createEvent()
        event.setId(f"event_{i}")
        event.setName(each.name)
        event.setUseValuesFromTriggerTime(False)
        trigger = event.createTrigger()
        trigger.setInitialValue(False)
        trigger.setPersistent(True)
        trigger.setMath(formula(each.when))
        for state, text in each.changes:
            change = event.createEventAssignment()
            change.setVariable(state)
            change.setMath(formula(text))
    whole_file.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, False)
    whole_file.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, False)
    whole_file.checkConsistency()
    wrong = [whole_file.getError(i) for i in range(whole_file.getNumErrors())]
    if bad := [e for e in wrong if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR]:
        raise BadInput(f"libSBML does not take the model: {bad[0].getMessage().strip()}", remedy="Report it")
    return str(libsbml.writeSBMLToString(whole_file))


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


FORMAT = Format(
    name="sbml",
    title="SBML Level 3: the body of one patient, with the doses that he was given",
    suffix=".xml",
    media="application/sbml+xml",
    source="https://sbml.org/documents/specifications/level-3/version-2/",
    of=("patient",),
    write=write,
    needs="exchange",
    options={
        "protocol": "the file that the run was played with, where it was one of your own",
        "population": "the file of the population, where it was one of your own",
        "until": "the last day that is wanted: fewer events make a model that loads sooner",
    },
    limits=(
        "The differential equations of the body (src/remission/body) with this patient's "
        "numbers, and as events the doses and transfusions that were given to him. Rules are not in it: other doses "
        "than these are yours to write.",
        "No chance is in it: no infections, no colds, no swing of blood formation, no week in which less is absorbed, "
        "and clones of few cells go on as means. The counts are therefore those of a run without chance, given the "
        "same doses, and not those of the tables.",
        "It holds up to the day on which the patient is irradiated, is given a graft or living cells, or relapses.",
        "Side effects, infections and death are not in it. Units are in words (amounts of each drug in its own unit, "
        "counts in 10^9/L, haemoglobin in g/dL, time in days), not in SBML's.",
        "In libRoadRunner give the absolute tolerance as a list with one number for each rate rule, and stiff=False: "
        "with a single number its CVODE fails at some events.",
    ),
)
