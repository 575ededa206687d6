"""The body as SBML: every formula says what the Python says that it comes from, and libRoadRunner plays it alike."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import reference

import remission as rm
from remission.body import whole
from remission.engine.program import prepare
from remission.exchange import sbml, sbml_math
from remission.exchange.formats import export
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.patient.population import draw
from remission.protocol.reader import read_protocol

DAYS = 21


def read(model: sbml.Model, at: dict[str, float]) -> dict[str, float]:
    """The right sides of the model at these states, by a plain reading of its formulas."""

    def python(text: str) -> str:
        return text.replace("^", "**").replace("&&", " and ").replace("||", " or ")

    def piecewise(*parts: float) -> float:
        return next((x for x, when in zip(parts[::2], parts[1::2], strict=False) if when), parts[-1])

    room: dict[str, object] = {
        "piecewise": piecewise, "exp": math.exp, "ln": math.log, "log10": math.log10, "sqrt": math.sqrt,
        "floor": math.floor, "INF": math.inf,
    }  # fmt: skip
    for name, text in model.functions.items():
        names, body = re.fullmatch(r"lambda\(((?:\w+, )+)(.*)\)", text, re.DOTALL).groups()
        room[name] = eval(f"lambda {names.rstrip(', ')}: {python(body)}", room)
    room |= model.numbers | at
    for name, text in model.rules.items():  # each stands after those that it needs
        room[name] = eval(python(text), room)
    return {name: eval(python(text), room) for name, text in model.rates.items()}


@pytest.mark.parametrize("protocol", ["cog-standard-risk", "tower"])
def test_right_sides_are_those_of_the_python_that_they_are_taken_from(protocol):
    run = rm.simulate(protocol, patients=1, seed=3, follow_up_years=0.2)
    model = sbml.model_of(run.patient(0))
    program, body = sbml._drawn_again(run.patient(0), None, None)
    named = sbml._Named(program, body, [], sbml.Model())
    day, rng = 3.3, np.random.default_rng(1)
    at = {name: rng.uniform(0.1, 2.0) for name in model.states} | {"time": day}
    at |= {name: at[name] * 1e11 for name in model.states if name.endswith(("_cycling", "_resting", "cns_blasts"))}
    at |= {name: 0.0 for name in model.states if name.endswith("_entering")}
    at |= {name: 0.5 for name in ("normal_marrow_share",)}
    y = np.array([at.get(name, 0.0) for name in named.states] + [0.0] * whole.SEEN)
    doses = run.doses.filter(pl.col("dose") > 0.0).group_by("agent").agg(pl.col("from_day").min())
    first = dict(doses.rows())
    numbers = body.numbers._replace(begun=np.array([float(first.get(agent, 0.0)) for agent in body.systems]))
    ours = whole.change(day, y, numbers)
    got = read(model, at)
    assert len(got) > 40
    for name, value in got.items():
        if name in named.states:
            assert value == pytest.approx(ours[named.states.index(name)], rel=1e-9, abs=1e-12), name


def test_libroadrunner_gives_the_numbers_of_the_reference():
    roadrunner = pytest.importorskip("roadrunner", reason="libroadrunner is not installed (pip install libroadrunner)")
    run = rm.simulate("cog-standard-risk", patients=1, seed=3, follow_up_years=0.2)
    model = sbml.model_of(run.patient(0), until=DAYS + 1)
    solver = roadrunner.RoadRunner(sbml.document(model))
    names = ["anc", "platelets", "haemoglobin", "lymphocytes", "marrow_blasts", "cns_blasts"]
    solver.timeCourseSelections = ["time", *names]
    solver.integrator.setValue("stiff", False)
    solver.integrator.setValue("relative_tolerance", 1e-8)
    solver.integrator.setValue("absolute_tolerance", [1e-10] * len(model.rates))
    got = np.array(solver.simulate(0, DAYS - 1e-6, DAYS // 7 + 1))  # before what that day brings

    shelf = library()
    protocol = read_protocol("cog-standard-risk")
    program, people = prepare(protocol, shelf), draw(protocol.population, 1, seed=3)
    patient = reference.Patient(program, people, 3, 0)
    tables = {name: getattr(run, name) for name in ("doses", "events", "outcomes")}
    ours = patient.solve(reference.events_of(program, tables, 0), DAYS, 1e-8)
    for i, name in enumerate(names[:4], 1):
        assert got[:, i] == pytest.approx(ours[name], rel=1e-5), name
    assert np.log10(got[:, 5]) == pytest.approx(ours["log10_blasts_marrow"], abs=1e-5)
    assert np.log10(got[:, 6]) == pytest.approx(ours["log10_blasts_cns"], abs=1e-5)


def test_a_function_is_read_as_it_stands():
    def bent(x: float, top: float) -> float:
        """Grows, then stays."""
        y = x * 2.0
        if y < 0.0:
            y *= 0.5
        return min(y, top) if top > 0.0 else -y

    text, calls = sbml_math.definition(bent)
    assert calls == [] and text.startswith("lambda(x, top, piecewise(")
    model = sbml.Model(functions={"bent": text}, rates={"a": "bent(p, q)", "b": "bent(q, p)"})
    assert read(model, {"p": -3.0, "q": 5.0}) == {"a": -3.0, "b": -10.0}


def test_the_file_says_how_long_it_holds_and_what_is_not_in_it(tmp_path):
    libsbml = pytest.importorskip("libsbml")
    run = rm.simulate("cog-standard-risk", patients=2, seed=3, follow_up_years=0.2)
    path = export(run.patient(1), "sbml", tmp_path / "one.xml", until="20")
    document = libsbml.readSBMLFromFile(str(path))
    assert document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0 and (document.getLevel(), document.getVersion()) == (
        3,
        2,
    )
    model = document.getModel()
    assert model.getParameter("holds_until").getValue() == 20.0
    assert "chance" in model.getNotesString() and "patient 1" in model.getNotesString()
    names = [model.getEvent(i).getName() for i in range(model.getNumEvents())]
    assert any(name.startswith("vincristine IV") for name in names)
    with pytest.raises(BadInput, match="until=never"):
        export(run.patient(1), "sbml", tmp_path / "other.xml", until="never")


def test_a_patient_who_would_be_drawn_differently_is_refused():
    one = rm.simulate("cog-standard-risk", patients=1, seed=3, follow_up_years=0.1).patient(0)
    other = one.tables | {"outcomes": one.outcomes.with_columns(weight_kg=pl.col("weight_kg") + 0.1)}
    with pytest.raises(BadInput, match=r"not drawn again as he was played \(weight_kg\)"):
        sbml.model_of(replace(one, tables=other))
    with pytest.raises(BadInput, match="of no run"):
        sbml.model_of(replace(one, run=None))
