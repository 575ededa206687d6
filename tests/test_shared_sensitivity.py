"""Irradiation of the whole body and a donor's cells are felt as the drugs of induction are, to a power."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from test_living import QUIET, person

from remission.body.person import individual
from remission.engine.lanes import build
from remission.engine.living import ACT_NUMBERS
from remission.engine.play import play
from remission.engine.program import prepare
from remission.knowledge.library import Library, library
from remission.knowledge.places import laid_over, place
from remission.patient.cohort import OF_INDUCTION, Cohort
from remission.patient.population import draw
from remission.protocol.reader import read_protocol

TBI = "total_body_irradiation"
OTHER_BEAMS = ("cranial_irradiation", "craniospinal_irradiation", "testicular_irradiation")


def with_power(power: float, folder: Path, **more: float) -> Library:
    numbers = {"shared_sensitivity.power": power} | more
    return laid_over({place(f"body/leukaemia.yaml: {at}"): x for at, x in numbers.items()}, folder / str(power))


def mean(sensitivity: Any) -> Any:
    """Geometric, of the four classes of drugs of induction."""
    return np.prod(sensitivity[:, :OF_INDUCTION], axis=1) ** (1.0 / OF_INDUCTION)


@pytest.fixture(scope="module")
def people() -> Cohort:
    children, adults = (draw(name, 32, seed=4) for name in ("transplant-children", "adult-all"))
    few = np.maximum  # the model counts no class below a hundredth
    return replace(
        children,
        sensitivity=few(np.where(np.arange(32)[:, None] % 2, children.sensitivity, adults.sensitivity), 0.02),
        after_relapse=few(adults.after_relapse, 0.02),
    )


def entering(people: Cohort, shelf: Library) -> tuple[Any, Any, list[tuple[Any, str]]]:
    """Program, numbers, and of each effect its agent and target."""
    program = prepare(read_protocol("forum-tbi", shelf), shelf)
    by_agent = zip(program.agents, program.effects, strict=True)
    return program, build(program, people, shelf, seed=4)[1], [(a, one.effect.on) for a, own in by_agent for one in own]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_alpha_and_the_donors_slope_are_times_the_mean_sensitivity_to_the_power(
    people: Cohort, tmp_path: Path, power: float
) -> None:
    _, lanes, effects = entering(people, with_power(power, tmp_path))
    times, later = mean(people.sensitivity) ** power, mean(people.after_relapse) ** power
    donors = [i for i, (agent, on) in enumerate(effects) if agent.graft and on in ("blasts", "CNS blasts")]
    assert len(donors) >= 2
    for i in donors:
        for size in (lanes.effect_size, lanes.effect_rest):
            assert size[i] == pytest.approx(lanes.effect_a[i] * times, rel=1e-12)
        lost = later if effects[i][1] == "blasts" else 1.0  # in the fluid nothing is lost
        assert lanes.effect_relapse[i] == pytest.approx(np.broadcast_to(lost, 32), rel=1e-12)
    beam = library().agent(TBI).radiation.blasts.alpha  # type: ignore[union-attr]
    alpha = individual(beam, "1/Gy", people, seed=4, purpose=f"{TBI}.blasts.alpha")
    mine = lanes.acts.reshape(-1, ACT_NUMBERS, 32)
    assert any(np.allclose(act[2], alpha * times, rtol=1e-12) and np.allclose(act[7], later) for act in mine)


def test_at_power_0_nothing_changes_and_at_1_nothing_but_this(people: Cohort, tmp_path: Path) -> None:
    _, off, effects = entering(people, with_power(0.0, tmp_path))
    _, on, _ = entering(people, with_power(1.0, tmp_path))
    for i, (agent, target) in enumerate(effects):
        same = np.array_equal(off.effect_size[i], on.effect_size[i])
        assert same != bool(agent.graft and target in ("blasts", "CNS blasts")), (agent.agent, target)
        if agent.graft and not same:
            assert np.array_equal(off.effect_size[i], off.effect_a[i]) and np.all(off.effect_relapse[i] == 1.0)
    for name in OTHER_BEAMS:
        assert library().agent(name).sensitivity is None
    for name in ("cells", "birth", "to_rest", "felt", "cns_birth", "seeding"):
        assert np.array_equal(getattr(off, name), getattr(on, name)), name


def left(who: Cohort, order: str, shelf: Library, tmp_path: Path, after: str = "") -> tuple[float, float]:
    """ln of the cells in marrow and CNS that radiation leaves; after: phases before it and the way on."""
    file = tmp_path / "p.yaml"
    found = []
    for give in (order, "immunoglobulin 0.0001 g/kg IV on day 2 as written"):
        phase = f"  - x:\n      days: 30\n      give: ['{give}']\n      check: ['daily: counts']\n"
        file.write_text(f"protocol: p\nname: p\n{after or 'phases:' + chr(10)}{phase}", encoding="utf-8")
        out = play(prepare(read_protocol(file, shelf), shelf), who, seed=1, options=QUIET, knowledge=shelf)
        begins = out["events"].filter((pl.col("event") == "phase start") & (pl.col("detail") == "x"))["day"].item()
        row = out["states"].filter(pl.col("day") >= begins + 4).row(0, named=True)
        found.append(np.log(10.0) * np.array([row["log10_blasts_marrow"], row["log10_blasts_cns"]]))
    return tuple((found[0] - found[1]).tolist())  # type: ignore[return-value]


def test_half_as_sensitive_cells_die_half_as_much_in_a_play_and_less_so_the_higher_the_power(tmp_path: Path) -> None:
    usual = person(marrow_blasts=1e-3, cns=3)
    slow = replace(usual, sensitivity=usual.sensitivity * 0.5)
    order = f"{TBI} 2 Gy RT on day 2"
    logs = [left(slow, order, with_power(power, tmp_path), tmp_path) for power in (0.0, 0.5, 1.0)]
    assert logs[0] == pytest.approx(left(usual, order, library(), tmp_path), rel=1e-9)  # other shares rest
    for k, power in enumerate((0.0, 0.5, 1.0)):
        assert logs[k][0] == pytest.approx(logs[0][0] * 0.5**power, rel=1e-3)
    assert logs[0][1] < logs[1][1] < logs[2][1] < 0.0
    for beam in ("cranial_irradiation", "craniospinal_irradiation"):
        shelves = (with_power(power, tmp_path) for power in (0.0, 1.0))
        none, whole = (left(slow, f"{beam} 2 Gy RT on day 2", shelf, tmp_path) for shelf in shelves)
        assert none == whole


def test_what_a_relapse_takes_counts_from_then_on(tmp_path: Path) -> None:
    """As if the leukaemia had been so from the start, in the marrow; in the fluid nothing is lost, but for what the
    marrow sows there, which is left out."""
    way = ("on relapse: go to x\nphases:\n  - a:\n      days: 120\n      next: end\n"
           "      give: ['immunoglobulin 0.0001 g/kg IV on day 110 as written']\n")  # fmt: skip
    usual = person(marrow_blasts=0.02, growth_per_day=0.15, blood_blasts=0.0)
    usual = replace(usual, after_relapse=np.ones_like(usual.after_relapse))
    fades = replace(usual, after_relapse=usual.after_relapse * 0.25)
    slow = replace(usual, sensitivity=usual.sensitivity * 0.25)
    order = f"{TBI} 2 Gy RT on day 2"
    half, none = (with_power(power, tmp_path, **{"cns.seeding": 0.0}) for power in (0.5, 0.0))
    ((whole, fluid), (lost, as_whole), (same, _)), (untouched, _) = (
        [left(who, order, half, tmp_path, way) for who in (usual, fades, slow)],
        left(fades, order, none, tmp_path, way),
    )
    assert lost == pytest.approx(same, rel=1e-6) and whole < lost < 0.0
    assert as_whole == pytest.approx(fluid, rel=1e-9) and untouched == whole
