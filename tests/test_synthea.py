"""A run's shares as a module of Synthea: whole as text, and a chain in which as many die and relapse as in the run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import remission as rm
from remission.exchange.synthea import ENDS, stays_of, transitions
from remission.knowledge.errors import BadInput
from remission.trial.run import Run

# the keywords of Synthea's generic module framework (its State, Transition and Distribution), as far as they are used
NEEDS = {
    "Initial": set(), "Terminal": set(), "Simple": set(), "Delay": {"distribution", "unit"},
    "SetAttribute": {"attribute", "value"}, "Encounter": {"encounter_class", "codes"}, "EncounterEnd": set(),
    "ConditionOnset": {"codes", "target_encounter"}, "ConditionEnd": {"condition_onset"}, "MedicationOrder": {"codes"},
    "MedicationEnd": {"medication_order"}, "Observation": {"category", "unit", "codes", "distribution"},
    "Death": {"codes"},
}  # fmt: skip
MAY = {"type", "direct_transition", "distributed_transition", "reason", "administration", "assign_to_attribute"}
PARAMETERS = {"EXACT": {"value"}, "GAUSSIAN": {"mean", "standardDeviation", "min", "max"}}


@pytest.fixture(scope="module")
def run() -> Run:
    return rm.simulate("cog-high-risk", patients=40, seed=4, follow_up_years=5)


@pytest.fixture(scope="module")
def module(run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = rm.export(run, "synthea", tmp_path_factory.mktemp("synthea") / "all.json", incidence="0.0005")
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_module_is_whole(module: dict[str, Any]) -> None:
    states = module["states"]
    assert module["gmf_version"] == 2 and module["name"] and all(isinstance(r, str) for r in module["remarks"])
    for name, state in states.items():
        kind = state["type"]
        assert NEEDS[kind] <= set(state) <= NEEDS[kind] | MAY, name
        assert ("direct_transition" in state) + ("distributed_transition" in state) == (kind != "Terminal"), name
        shares = [share for _, share in transitions(state)]
        assert kind == "Terminal" or (sum(shares) == pytest.approx(1.0, abs=1e-12) and min(shares) > 0), name
        assert all(to in states for to, _ in transitions(state)), name
        for key in ("condition_onset", "medication_order", "target_encounter"):
            assert state.get(key, name) in states, (name, key)
        for code in state.get("codes", ()):
            assert code["system"] in ("SNOMED-CT", "RxNorm", "LOINC") and re.fullmatch(r"[\d-]+", code["code"]), name
        assert "codes" not in NEEDS[kind] or state["codes"], f"{name} has no code"
        if "distribution" in state:
            assert set(state["distribution"]["parameters"]) == PARAMETERS[state["distribution"]["kind"]], name


def test_medicines_and_counts_lie_within_an_encounter(module: dict[str, Any]) -> None:
    """Synthea records an order or a count in the encounter that the person is in."""
    states = module["states"]
    for name, state in states.items():
        if state["type"] != "Encounter":
            continue
        inside = [name]
        while states[inside[-1]]["type"] != "EncounterEnd":
            ((to, _),) = transitions(states[inside[-1]])
            inside.append(to)
        states[name]["seen"] = inside
    within = {s for state in states.values() for s in state.pop("seen", ())}
    recorded = {n for n, s in states.items() if s["type"] in ("MedicationOrder", "Observation")}
    assert recorded and recorded <= within
    for name, state in states.items():
        if state["type"] == "ConditionOnset" and name != "Leukaemia":
            assert states[state["target_encounter"]]["direct_transition"] == name, "diagnosed where it begins"


def test_in_the_chain_as_many_die_and_relapse_as_in_the_run(run: Run, module: dict[str, Any]) -> None:
    """Where the shares are those of the run, the flows through the chain are, too: the ends are reached as often."""
    states = module["states"]
    names = [n for n, s in states.items() if s["type"] != "Terminal"]
    place = {name: i for i, name in enumerate(names)}
    to = np.zeros((len(names), len(names)))
    for name in names:
        for after, share in transitions(states[name]):
            if after in place:
                to[place[name], place[after]] = share
    start = np.zeros(len(names))
    start[place["Leukaemia"]] = 1.0
    visits = np.linalg.solve((np.eye(len(names)) - to).T, start)
    outcomes = run.outcomes
    dead_first = outcomes.filter((pl.col("outcome") == "death") & pl.col("relapse_day").is_null()).height
    expected = {"Death": dead_first, "Relapse": outcomes["relapse_day"].drop_nulls().len()}
    for end, count in expected.items():
        found = visits[place[end]] if end in place else 0.0
        assert found == pytest.approx(count / outcomes.height, abs=1e-4), end
    assert expected["Relapse"] > 0
    assert sum(visits[place[end]] for end in ENDS.values() if end in place) == pytest.approx(1.0, abs=1e-4)
    stays, _ = stays_of(run)
    for i, (phase, stay) in enumerate(stays.items(), 1):
        state = next(n for n in names if n.startswith(f"Phase_{i}_") and n.endswith("_Encounter"))
        assert visits[place[state]] == pytest.approx(stay.patients / outcomes.height, abs=1e-3), phase
    bacteraemias = sum(visits[place[n]] for n in names if n.endswith("_Bacteraemia"))
    in_run = sum(sum(stay.then["bacteraemia"].values()) for stay in stays.values())
    assert bacteraemias == pytest.approx(in_run / outcomes.height, abs=1e-3) and in_run > 0


def test_what_has_no_code_is_named(module: dict[str, Any]) -> None:
    assert any("pegaspargase" in remark for remark in module["remarks"])
    initial = dict(transitions(module["states"]["Initial"]))
    assert initial == {"Age_At_Diagnosis": 0.0005, "Terminal": 0.9995}


@pytest.mark.parametrize("said", ["0", "2", "many", "nan"])
def test_an_incidence_is_a_share(run: Run, tmp_path: Path, said: str) -> None:
    with pytest.raises(BadInput, match="incidence"):
        rm.export(run, "synthea", tmp_path / "x.json", incidence=said)
