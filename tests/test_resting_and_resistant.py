"""Who carries resting and resistant cells: the laws they are drawn from, and the old answer where they are off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from remission.body.leukaemia import felt
from remission.body.person import individual
from remission.body.pharmacokinetics import LUMBAR
from remission.engine.acting import clone_table
from remission.engine.lanes import build
from remission.engine.play import Options, play
from remission.engine.program import prepare
from remission.knowledge.errors import BadInput
from remission.knowledge.library import Library, library, using
from remission.knowledge.places import laid_over, place
from remission.patient.cohort import LINEAGE, OF_INDUCTION, SENSITIVITIES, SEX, Cohort
from remission.patient.person import one
from remission.patient.population import draw
from remission.protocol.reader import read_protocol
from remission.trial.run import simulate

LEUKAEMIA = "body/leukaemia.yaml: "
MULTIDRUG = "multidrug resistant"
BY_REST, BY_CLONE = "cycling.resting_if_tolerant", f"resistant_clones.{MULTIDRUG}.kill_if_tolerant"


@pytest.fixture(scope="module")
def children() -> Cohort:
    return draw("childhood-all", 1500, seed=6)


def entering(children: Cohort, shelf: Library | None = None) -> tuple[Any, Any]:
    """The program and the numbers of the children on their first day."""
    with using(shelf) as known:
        program = prepare(read_protocol("bfm-standard"), known)
        return program, build(program, children, known, seed=6)[1]


def changed(folder: Path, **numbers: float) -> Library:
    paths = {"rest": "cycling.resting_share_sd_log", "cns": "cns.kill_sd_log", "shelter": "cns.shelter_sd_log",
             "seeding": "cns.seeding", "sows": "resistant_clones.tolerant.sows",
             "resists": f"resistant_clones.{MULTIDRUG}.kill_sd_log"}  # fmt: skip
    return laid_over({place(LEUKAEMIA + paths[name]): value for name, value in numbers.items()}, folder)


def resting_share(lanes: Any) -> Any:
    """Of each child, from the rates: a / (a + growth + wake) of the main clone."""
    growth = lanes.birth[0] - lanes.death
    return lanes.to_rest[0] / (lanes.to_rest[0] + growth + lanes.wake)


def of_tolerant(program: Any, lanes: Any, path: str) -> Any:
    """What the clone that bears drugs feels in each, to the power that stands at ``path``."""
    at = [clone.name for clone in program.clones].index("tolerant")
    return lanes.felt[at] ** library().body("leukaemia")[path].value


def children_answer(children: Cohort) -> Any:
    """ln of the geometric mean sensitivity to the drugs of induction, each counted as a hundredth at least."""
    return np.log(np.maximum(children.sensitivity[:, :OF_INDUCTION], 0.01)).mean(axis=1)


def test_who_answers_slowly_has_more_cells_at_rest_but_not_who_enters_at_a_relapse(children: Cohort) -> None:
    power = library().body("leukaemia")["cycling.resting_if_slow"].value
    assert power > 0
    slow = replace(children, sensitivity=children.sensitivity * 0.5)
    back = replace(slow, relapsed=np.ones_like(children.relapsed))
    usual, more, same = (resting_share(entering(who)[1])[: len(children)] for who in (children, slow, back))
    counted = np.all(slow.sensitivity[:, :OF_INDUCTION] > 0.01, axis=1)  # less counts as a hundredth
    few = counted & (more < 0.4)  # at most a half rests
    assert more[few] == pytest.approx(usual[few] * 2**power, rel=1e-9)
    assert np.log(same).mean() == pytest.approx((np.log(usual) + power * children_answer(children)).mean(), abs=1e-9)


def test_the_share_that_rests_is_log_normal_larger_in_boys_and_wakes_sooner_in_t_all(children: Cohort) -> None:
    body = library().body("leukaemia")
    program, lanes = entering(children)
    n = len(children)
    answers = children_answer(children)
    untied = resting_share(lanes) * of_tolerant(program, lanes, BY_REST)
    share = np.log(untied[:n]) + body["cycling.resting_if_slow"].value * answers
    girls, t_all = children.sex == SEX.index("female"), children.lineage == LINEAGE.index("T")
    spread = body["cycling.resting_share_sd_log"].value
    for who, factor in ((girls, 1.0), (~girls, body["cycling.resting_share"].covariates[0].map["male"])):
        error = 4 * spread / np.sqrt(who.sum())
        assert share[who].mean() == pytest.approx(np.log(body["cycling.resting_share"].value * factor), abs=error)
        assert share[who].std() == pytest.approx(spread, rel=0.1)
    faster = np.log(lanes.wake[:n][t_all]).mean() - np.log(lanes.wake[:n][~t_all]).mean()
    assert faster == pytest.approx(np.log(body["cycling.wake"].covariates[0].map["T"]), abs=0.3)
    assert np.corrcoef(share, answers)[0, 1] == pytest.approx(0, abs=0.1)  # nothing else ties it to the response


def test_resting_cells_are_part_of_the_leukaemia_and_whole(children: Cohort) -> None:
    """Mass balance of the first day: all clones, cycling and resting, make up the burden of the marrow."""
    lanes = entering(children)[1]
    n = len(children)
    f = children.marrow_blasts
    burden = lanes.capacity[:n] * f / (1.0 - (1.0 - lanes.omega[:n]) * f)
    assert lanes.cells.sum(axis=(0, 1))[:n] == pytest.approx(burden, rel=1e-9)
    # to within the rounding of few cells, as many rest as the rates keep there
    expected = resting_share(lanes)[:n] * lanes.cells[0].sum(axis=0)[:n]
    assert lanes.cells[0, 1, :n] == pytest.approx(expected, rel=1e-6, abs=1.0)


def test_without_their_spread_every_child_has_the_same_share_and_the_same_kill_in_the_cns(
    children: Cohort, tmp_path: Path
) -> None:
    program, off = entering(children, changed(tmp_path, rest=0.0, cns=0.0, shelter=0.0))
    n, body = len(children), library().body("leukaemia")
    girls = children.sex == SEX.index("female")
    slow = np.exp(-body["cycling.resting_if_slow"].value * children_answer(children))
    untied = (resting_share(off) * of_tolerant(program, off, BY_REST))[:n]
    assert (untied / slow)[girls] == pytest.approx(body["cycling.resting_share"].value, rel=1e-9)
    on = entering(children)[1]
    by_agent = zip(program.agents, program.effects, strict=True)
    of_agents = [(agent, acting.effect.on, acting.effect.driver) for agent, own in by_agent for acting in own]
    lumbar, others, sheltered = [], [], set()
    for i, (agent, target, driver) in enumerate(of_agents):
        if target in ("blasts", "CNS blasts") and agent.sensitivity:
            own = children.sensitivity[:, SENSITIVITIES.index(agent.sensitivity)]
            assert off.effect_size[i, :n] == pytest.approx(off.effect_a[i, :n] * own)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = on.effect_size[i, :n] / off.effect_size[i, :n]
        if target == "CNS blasts" and agent.sensitivity:
            (lumbar if driver == LUMBAR else others).append(ratio)
            sheltered.add(agent.agent)
        else:
            assert np.all((ratio == 1.0) | np.isnan(ratio)), (agent.agent, target)  # nothing else changes
    assert {"methotrexate", "cytarabine", "dexamethasone", "prednisone"} <= sheltered
    for alike in (lumbar, others):  # one factor a child for all that comes by one way
        assert len(alike) > 1 and all(np.allclose(ratio, alike[0]) for ratio in alike)
    shelter, reach = np.log(others[0]), np.log(lumbar[0] / others[0])
    assert shelter.std() == pytest.approx(body["cns.shelter_sd_log"].value, rel=0.1)
    assert reach.std() == pytest.approx(body["cns.kill_sd_log"].value, rel=0.1)
    assert abs(np.corrcoef(shelter, reach)[0, 1]) < 0.1


def test_the_multidrug_resistant_clone_feels_less_of_all_medicines_and_all_of_antibodies_and_donor_cells() -> None:
    clone = next(clone for clone in clone_table(library()) if clone.name == MULTIDRUG)
    assert set(clone.kill) == {*SENSITIVITIES, "BCR::ABL1"}  # CD19, CD22, radiation, a donor's cells: as the others
    assert all(0.0 < felt < 1.0 for felt in clone.kill.values())


TOLERANT = "tolerant"


def test_tolerant_cells_feel_less_of_medicines_are_in_everybody_but_bcr_abl1_and_most_in_t_all(
    children: Cohort,
) -> None:
    clone = next(clone for clone in clone_table(library()) if clone.name == TOLERANT)
    assert set(clone.kill) == set(SENSITIVITIES)  # antibodies, CAR T-cells, radiation, donor cells: as the others
    assert all(0.0 < felt < 1.0 for felt in clone.kill.values())
    program, lanes = entering(children)
    at = [clone.name for clone in program.clones].index(TOLERANT)
    share = lanes.cells[at].sum(axis=0)[: len(children)] / lanes.cells.sum(axis=(0, 1))[: len(children)]
    ph, t_all = children.subtype == children.subtypes.index("BCR::ABL1"), children.lineage == LINEAGE.index("T")
    assert np.all(share[ph] == 0) and np.all(share[~ph] > 0) and np.median(share) < 0.02
    assert np.median(share[t_all]) > np.median(share[~t_all & ~ph])


def test_residual_disease_falls_more_slowly_with_tolerant_cells(tmp_path: Path) -> None:
    """After eleven weeks of BFM treatment 1e-3 or more is left in 6 % of B-ALL (conter2010), 21 % of T-cell ALL."""
    none = laid_over({place(LEUKAEMIA + f"resistant_clones.{TOLERANT}.mutation_per_division"): 0.0}, tmp_path)

    def left(shelf: Library) -> tuple[float, float]:
        run = simulate("bfm-standard", patients=300, seed=8, population="t-all", follow_up_years=0.4,
                       record=("outcomes", "mrd"), knowledge=shelf)  # fmt: skip
        level = [run.mrd.filter((pl.col("day") >= low) & (pl.col("day") < high)).group_by("patient").first()
                 ["true_fraction"].clip(1e-12).log10().median() for low, high in ((25, 50), (60, 110))]  # fmt: skip
        return level[0], level[0] - level[1]

    (with_them, fall), (without, faster) = left(library()), left(none)
    assert with_them > without + 0.3 and fall < faster - 0.3


def test_the_resistant_clone_of_an_adult_pays_less_in_growth_than_that_of_a_child(
    children: Cohort,
) -> None:
    def cost(age_y: float) -> Any:
        program, lanes = entering(replace(children, age_y=np.full_like(children.age_y, age_y)))
        net = lanes.birth[:, : len(children.age_y)] - lanes.death[: len(children.age_y)]
        at = next(i for i, clone in enumerate(program.clones) if clone.name == MULTIDRUG)
        return 1.0 - net[at] / net[0]

    child, adult = cost(5.0), cost(40.0)
    own = library().body("leukaemia")[f"resistant_clones.{MULTIDRUG}.fitness_cost"]
    with_age = next(one for one in own.covariates if one.power)
    assert child == pytest.approx(own.value)
    oldest = min(40.0, with_age.until)
    assert adult == pytest.approx(own.value * (oldest / with_age.reference) ** with_age.power)
    assert np.all(adult < child)  # relapses of adults come early


def test_how_much_the_clone_feels_differs_between_patients_and_is_never_more_than_all(
    children: Cohort, tmp_path: Path
) -> None:
    program, lanes = entering(children)
    i = [clone.name for clone in program.clones].index(MULTIDRUG)
    tied_to = of_tolerant(program, lanes, BY_CLONE)
    own = np.log((lanes.felt[i] / tied_to)[: len(children)])
    spread = library().body("leukaemia")[f"resistant_clones.{MULTIDRUG}.kill_sd_log"].value
    assert own.mean() == pytest.approx(0.0, abs=4 * spread / np.sqrt(own.size))
    assert own.std() == pytest.approx(spread, rel=0.1)
    assert np.corrcoef(own, np.log(children.sensitivity[:, 0]))[0, 1] == pytest.approx(0, abs=0.1)
    spread_too = [clone.name for clone in program.clones].index(TOLERANT)
    assert abs(np.corrcoef(own, np.log(lanes.felt[spread_too, : len(children)]))[0, 1]) < 0.1
    assert np.all(np.delete(lanes.felt, [i, spread_too], axis=0) == 1.0)
    assert np.all(entering(children, changed(tmp_path, resists=0.0))[1].felt[i] == tied_to)
    assert [felt(share, 3.0) for share in (0.0, 0.2, 0.5, 1.0)] == pytest.approx([0.0, 0.6, 1.0, 1.0])
    assert felt(1.0, 0.5) == 1.0  # what a clone does not resist it feels in every patient


def test_the_marrow_seeds_the_cns_as_much_as_it_had_before_diagnosis(children: Cohort, tmp_path: Path) -> None:
    lanes = entering(children)[1]
    n, rate = len(children), library().body("leukaemia")["cns.seeding"].value
    expected = rate * lanes.cns_cells[:n] / lanes.capacity[:n]
    assert lanes.seeding[:n] == pytest.approx(expected, rel=1e-3, abs=rate / lanes.capacity.min())  # whole cells
    assert np.median(lanes.seeding[:n][children.cns == 3]) > 20 * np.median(lanes.seeding[:n][children.cns == 1])
    assert np.all(entering(children, changed(tmp_path, seeding=0.0))[1].seeding == 0.0)


def test_dormant_cells_do_not_seed_the_cns(children: Cohort, tmp_path: Path) -> None:
    """Where all cells of the marrow seed alike, residual disease of T-cell ALL leaves more in the fluid."""
    t_all = children.take(np.flatnonzero(children.lineage == LINEAGE.index("T"))[:16])
    cells = {}
    all_alike, nobody = changed(tmp_path / "all", sows=1.0), changed(tmp_path / "nobody", seeding=0.0)
    for name, shelf in {"no": None, "yes": all_alike, "none": nobody}.items():
        with using(shelf) as known:
            program = prepare(read_protocol("bfm-standard"), known)
            states = play(program, t_all, seed=6, knowledge=known,
                          options=Options(chance=False, follow_up_days=150))["states"]  # fmt: skip
        cells[name] = states.filter(pl.col("day") == 147).sort("patient")["log10_blasts_cns"].to_numpy()
    assert np.all(cells["none"] <= cells["no"]) and np.all(cells["no"] <= cells["yes"])
    assert np.mean(cells["yes"] - cells["no"]) > 0.5


def test_the_slow_part_of_bcr_abl1_leukaemia_needs_no_kinase_inhibitor_and_no_other_leukaemia_has_it(
    children: Cohort,
) -> None:
    program, lanes = entering(children)
    sows = {clone.name: clone.sows for clone in program.clones}
    assert {name for name, share in sows.items() if share == 0.0} == {TOLERANT, "slow BCR::ABL1"}  # those that rest
    names = [clone.name for clone in program.clones]
    slow = lanes.cells[names.index("slow BCR::ABL1"), :, : len(children)].sum(axis=0)
    assert np.all((slow > 0) == (children.ph == 1)) and 0 < children.ph.mean() < 0.1
    assert "T315I" not in names  # what only an inhibitor tells apart


def test_as_many_have_the_clone_at_diagnosis_as_luria_and_delbruck_say(children: Cohort) -> None:
    """None with probability exp(-m), m: mutation rate x cells x births per net growth; larger children have it more."""
    program, lanes = entering(children)
    clones = [clone.name for clone in program.clones]
    n, i = len(children), clones.index(MULTIDRUG)
    growth = lanes.birth[0, :n] - lanes.death[:n]
    m = lanes.mutation[i, :n] * lanes.cells.sum(axis=(0, 1))[:n] * lanes.birth[0, :n] / growth
    some = lanes.cells[i, :, :n].sum(axis=0) > 0
    expected = -np.expm1(-m)
    assert some.mean() == pytest.approx(expected.mean(), abs=4 * np.sqrt((expected * (1 - expected)).mean() / n))
    assert some[children.weight_kg > 40].mean() > some[children.weight_kg < 15].mean() + 0.1
    known = program.clones[i].times
    alike = np.isin(children.subtype, [k for k, name in enumerate(children.subtypes) if name not in known])
    apart = np.corrcoef(some[alike], children.sensitivity[alike, 0])[0, 1]
    assert apart == pytest.approx(0, abs=0.12)  # but for the subtype, it has nothing to do with how the rest answers


def test_the_clone_arises_more_often_in_the_subtypes_that_its_file_names(children: Cohort) -> None:
    program, lanes = entering(children)
    clone = next(clone for clone in program.clones if clone.name == MULTIDRUG)
    i, n = program.clones.index(clone), len(children)
    assert clone.times
    words = np.asarray(children.subtypes)[children.subtype]
    usual = individual(clone.mutation, "-", children, seed=1, purpose="x")
    for subtype in set(words):
        times = clone.times.get(subtype)
        expected = usual * (individual(times, "-", children, seed=1, purpose="x") if times else np.ones(n))
        assert np.allclose(lanes.mutation[i, :n][words == subtype], expected[words == subtype], rtol=1e-12), subtype


def test_it_arises_more_often_in_adults_and_without_a_step() -> None:
    rate = next(clone for clone in clone_table(library()) if clone.name == MULTIDRUG).mutation
    with_age = rate.covariates[0]
    people = [one(age_y=age, sex="female", subtype="B-other", lineage="B") for age in (2.0, 10.0, 17.9, 18.1, 21.6)]
    child, ten, youth, adult, older = (
        float(individual(rate, "-", person, seed=1, purpose="x")[0]) for person in people
    )
    assert child == ten == youth == rate.value
    assert adult / youth == pytest.approx((18.1 / 18.0) ** with_age.power)
    assert older / youth == pytest.approx(1.2**with_age.power)


def test_it_arises_more_often_in_infants_with_kmt2a_and_not_in_older_children_with_it() -> None:
    times = next(clone for clone in clone_table(library()) if clone.name == MULTIDRUG).times["KMT2A-r"]
    people = [one(age_y=age, sex="female", subtype="KMT2A-r", lineage="B") for age in (0.1, 0.5, 3.0)]
    youngest, young, older = (float(individual(times, "-", person, seed=1, purpose="x")[0]) for person in people)
    assert young > 5 * older and older == times.value
    assert youngest == pytest.approx(5 * young)  # the more often the younger an infant is


def tied(folder: Path, numbers: dict[str, float]) -> Library:
    return laid_over({place(LEUKAEMIA + path): value for path, value in numbers.items()}, folder)


@pytest.mark.parametrize("relapsed", [0, 1])
def test_who_has_tolerant_cells_that_feel_less_has_more_at_rest_and_a_clone_that_feels_less(
    children: Cohort, tmp_path: Path, relapsed: int
) -> None:
    people = replace(children, relapsed=np.full_like(children.relapsed, relapsed))
    program, off = entering(people, tied(tmp_path / "off", {BY_REST: 0.0, BY_CLONE: 0.0}))
    _, on = entering(people, tied(tmp_path / "on", {BY_REST: 3.0, BY_CLONE: 0.7}))
    names, n = [clone.name for clone in program.clones], len(people)
    bears = off.felt[names.index(TOLERANT)]
    assert np.log(bears[:n]).std() > 0.3
    few = resting_share(on) < 0.499  # at most a half rests
    assert few.mean() > 0.9
    assert resting_share(on)[few] == pytest.approx((resting_share(off) * bears**-3.0)[few], rel=1e-9)
    clone = names.index(MULTIDRUG)
    assert on.felt[clone] == pytest.approx(off.felt[clone] * bears**0.7, rel=1e-12)
    assert np.array_equal(np.delete(on.felt, clone, axis=0), np.delete(off.felt, clone, axis=0))
    for name in ("effect_size", "effect_rest", "birth", "mutation", "wake", "cns_cells", "seeding"):
        assert np.array_equal(getattr(on, name), getattr(off, name)), name


def test_at_power_0_all_numbers_are_those_of_a_library_that_does_not_have_the_powers(
    children: Cohort, tmp_path: Path
) -> None:
    text = library().file("body", "leukaemia").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "body").mkdir()
    without = [line for line in text if "_if_tolerant:" not in line]
    assert len(without) == len(text) - 2
    (tmp_path / "body" / "leukaemia.yaml").write_text("".join(without), encoding="utf-8")
    before = entering(children, library().below(tmp_path))[1]
    now = entering(children, tied(tmp_path / "off", {BY_REST: 0.0, BY_CLONE: 0.0}))[1]
    for name in now._fields:
        assert np.asarray(getattr(before, name)).tobytes() == np.asarray(getattr(now, name)).tobytes(), name


def test_the_share_at_rest_is_the_same_under_a_protocol_that_does_not_tell_tolerant_cells_from_others(
    children: Cohort, tmp_path: Path
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("protocol: p\nname: p\nphases:\n  - x:\n      days: 30\n      give: "
                    "['immunoglobulin 0.0001 g/kg IV on day 2 as written']\n", encoding="utf-8")  # fmt: skip
    shelf = tied(tmp_path / "on", {BY_REST: 3.0})
    alone = prepare(read_protocol(file, shelf), shelf)
    assert TOLERANT not in [clone.name for clone in alone.clones]
    shares = resting_share(build(alone, children, shelf, seed=6)[1])
    assert shares == pytest.approx(resting_share(entering(children, shelf)[1]), rel=1e-12)


@pytest.mark.parametrize("by", [BY_REST, BY_CLONE])
def test_relapses_hang_more_on_residual_disease_with_a_power(tmp_path: Path, by: str) -> None:
    """Children whose relapses are all from resting cells, or all from the main and the resistant clone."""
    arises, resting = f"resistant_clones.{MULTIDRUG}.mutation_per_division", "cycling.resting_share"
    numbers = {
        BY_REST: {resting: 1e-10, f"{resting}_sd_log": 0.5, "cycling.resting_if_slow": 0.0, arises: 0.0},
        BY_CLONE: {resting: 0.0, arises: 1e-11, f"resistant_clones.{MULTIDRUG}.kill_sd_log": 0.0},
    }[by]

    def apart(power: float) -> float:
        """Share that relapses of the half with more MRD after induction, less that of the other half."""
        shelf = tied(tmp_path / str(power), numbers | {BY_REST: 0.0, BY_CLONE: 0.0, by: power})
        run = simulate("bfm-95", patients=300, seed=8, population="standard-risk-b-all", follow_up_years=6.0,
                       record=("outcomes", "mrd"), knowledge=shelf)  # fmt: skip
        looks = run.mrd.sort("patient", "day").filter(pl.col("day").is_between(25, 120))
        both = looks.group_by("patient").agg(pl.col("true_fraction").last()).join(run.outcomes, on="patient")
        more = both["true_fraction"] > both["true_fraction"].median()
        relapse = both["relapse_day"].is_not_null()
        assert relapse.sum() > 20
        return float(relapse.filter(more).mean() - relapse.filter(~more).mean())

    assert apart({BY_REST: 6.0, BY_CLONE: 2.0}[by]) > apart(0.0) + 0.05


def test_tolerant_cells_are_not_tied_to_themselves(tmp_path: Path) -> None:
    """Their own power would count twice how they differ."""
    text = library().file("body", "leukaemia").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("    kill_if_tolerant:"))
    (tmp_path / "body").mkdir()
    own = text.replace("  tolerant:\n", f"  tolerant:\n{line}\n")
    (tmp_path / "body" / "leukaemia.yaml").write_text(own, encoding="utf-8")
    with pytest.raises(BadInput, match="tolerant.kill_if_tolerant"):
        clone_table(library().below(tmp_path))


def test_the_resistant_clone_rises_with_age_in_young_adults_and_not_beyond() -> None:
    """As often at 15 as at 8, more at 22, and at 58 no more than at 26, where only the drugs that are borne differ."""
    clone = library().body("leukaemia")[f"resistant_clones.{MULTIDRUG}.mutation_per_division"]
    cost = library().body("leukaemia")[f"resistant_clones.{MULTIDRUG}.fitness_cost"]
    rate, paid = (
        [
            float(individual(number, "-", one(age_y=age, sex="male"), seed=1, purpose="x")[0])
            for age in (8, 15, 22, 26, 58)
        ]
        for number in (clone, cost)
    )
    assert rate[0] == rate[1] < rate[2] < rate[3] == rate[4]
    assert paid[0] == paid[1] > paid[2] > paid[3] == paid[4] > 0


def test_tcf3_pbx1_is_cleared_fastest(tmp_path: Path) -> None:
    """92.1 % of the children with it had no residual leukaemia on day 33 (1,126 children with all subtypes)."""
    file = tmp_path / "tcf3.yaml"
    file.write_text("name: tcf3\ntitle: TCF3::PBX1\nlike: childhood-all\nlimits: {age_y: [1, 18], wbc: [0.3, 1512], "
                    "lineages: [B], only_subtypes: ['TCF3::PBX1']}\n", encoding="utf-8")  # fmt: skip
    run = simulate("bfm-95", patients=300, seed=3, population=str(file), follow_up_years=0.2, record=("outcomes",))
    assert (run.outcomes["eoi_mrd"].drop_nulls() < 1e-4).mean() == pytest.approx(0.921, abs=0.05)
