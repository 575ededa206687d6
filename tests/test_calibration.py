"""Calibration: it finds the truth of a toy, goes on where it was stopped, reads nothing that is to be predicted."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from remission.calibration import search
from remission.calibration.evaluate import Row, Task, evaluate
from remission.calibration.folder import Folder
from remission.calibration.plan import Method, Plan, now, read_plan
from remission.calibration.point import Point
from remission.calibration.report import apply, page, runs_of, sample_of
from remission.calibration.search import OutOfTime, calibrate
from remission.calibration.squares import crossed, descend
from remission.calibration.targets import Answer, Target, answers, on_scale, targets
from remission.cli import app
from remission.knowledge.errors import BadInput
from remission.knowledge.library import DATA, Library, library, using
from remission.knowledge.places import Provenance, changed, laid_over, number, place
from remission.knowledge.posterior import drawn, posterior
from remission.patient.recipe import population

WAKE, LETHAL = "body/leukaemia.yaml: cycling.wake", "body/leukaemia.yaml: detection.lethal"
TRUTH = {"wake": 0.006, "lethal": 0.012}
TREE: dict[str, Any] = {
    "plan": "toy",
    "title": "a toy",
    "parameters": {
        "wake": {"at": WAKE, "bounds": [0.001, 0.02], "scale": "log", "why": "toy"},
        "lethal": {"at": LETHAL, "bounds": [0.004, 0.03], "scale": "log", "why": "toy"},
    },
    "targets": {"trials": ["aall1331"]},
    "patients": 100,
    "seeds": [1, 2],
    "method": {
        "first": 16, "waves": 2, "points": 8, "confirm": 3, "confirm_seeds": [11], "discrepancy": 0.01, "draws": 20,
    },
}  # fmt: skip


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump({**TREE, **changes}, sort_keys=False), encoding="utf-8")
    return path


def share(wake: float, lethal: float) -> float:
    """Percent: rises with the one and falls with the other, not straight."""
    x = 1.2 * math.log(wake / 0.004) - 0.8 * math.log(lethal / 0.01) + 0.3 * math.log(wake / 0.004) ** 2
    return 100 / (1 + math.exp(-x))


def months(wake: float, lethal: float) -> float:
    return 6.0 * (0.01 / lethal) ** 0.9 * (wake / 0.004) ** 0.1


MODEL = {"share": (share, "percent"), "months": (months, "months")}


def toy(tasks: Iterable[Task]) -> Iterator[Row]:
    """A model whose answers are known, with the noise of a cohort that is the same at every point of a seed."""
    for task in tasks:
        values = {str(where).split(".")[-1]: value for where, value in task.numbers}
        random = np.random.default_rng(task.seed)
        told: dict[str, Answer | str] = {}
        for name, (model, _) in MODEL.items():
            y = model(values["wake"], values["lethal"]) * (1 + 0.01 * random.standard_normal())
            told[name] = Answer(y, y * 0.95, y * 1.05, 2000)
        yield Row(task.point, task.seed, told, 1.0)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return read_plan(written(tmp_path))


@pytest.fixture
def found(plan: Plan) -> list[Target]:
    what = targets(plan.targets)[0][0].what
    return [Target(name, unit, y := model(**TRUTH), y * 0.96, y * 1.04, what) for name, (model, unit) in MODEL.items()]


def test_the_truth_of_a_toy_lies_in_the_posterior_and_the_fit_is_near_it(
    plan: Plan, found: list[Target], tmp_path: Path
) -> None:
    fit = calibrate(plan, found, Folder(tmp_path / "out", plan, found), play_all=lambda _, tasks: toy(tasks))
    best = plan.values(list(fit.best.units))
    for i, (name, one) in enumerate(plan.parameters.items()):
        low, high = np.quantile(fit.sample[:, i], [0.005, 0.995])
        assert one.value(float(low)) < TRUTH[name] < one.value(float(high))
        assert best[name] == pytest.approx(TRUTH[name], rel=0.15)
        assert fit.sample[:, i].std() < 0.5 / math.sqrt(12)  # much has been learnt
    text = page(plan, found, {}, fit, date="2030-01-01", plan_file="toy.yaml")
    assert "**2 of 2 fitted numbers lie in the published 95 % interval**" in text
    assert text.count("| yes |") == 2


def test_seeds_in_turn_do_not_fit_the_chance_of_one_cohort(tmp_path: Path) -> None:
    """Cohorts that lie off by chance: with one seed all of that goes into the fit, with many in turn it does not."""
    what = targets(read_plan(written(tmp_path)).targets)[0][0].what
    found = [Target("months", "months", y := months(**TRUTH), y * 0.99, y * 1.01, what)]
    only = {"lethal": TREE["parameters"]["lethal"]}

    def off(tasks: Iterable[Task]) -> Iterator[Row]:
        for task in tasks:
            lethal = dict(task.numbers)[place(LETHAL)]
            chance = math.exp(0.05 * float(np.random.default_rng(task.seed).standard_normal()))
            y = months(TRUTH["wake"], lethal) * chance
            yield Row(task.point, task.seed, {"months": Answer(y, y * 0.9, y * 1.1, 400)}, 1.0)

    away = {}
    for name, seeds in (("one", [3]), ("many", list(range(100, 124)))):
        plan = read_plan(written(tmp_path, parameters=only, seeds=seeds, a_point=1))
        asked: list[int] = []
        fit = calibrate(
            plan, found, Folder(tmp_path / name, plan, found),
            play_all=lambda _, tasks, asked=asked: off(asked.append(t.seed) or t for t in tasks),
        )  # fmt: skip
        assert set(asked) - {11} == set(seeds)
        middle = plan.parameters["lethal"].value(float(np.median(fit.sample[:, 0])))
        away[name] = abs(math.log(middle / TRUTH["lethal"]))
    assert away["many"] < 0.04 and away["one"] > 0.06  # the cohort of seed 3 lies 10 % off
    with pytest.raises(BadInput, match="3 seeds a point of 2"):
        read_plan(written(tmp_path, a_point=3))


def off_by_chance(task: Task, sd: float, patients: int, error: float) -> Row:
    """What the model whose answers are known tells of a point, off by the chance of its seed's cohort."""
    values = {str(where).split(".")[-1]: value for where, value in task.numbers}
    chance = sd * float(np.random.default_rng(task.seed).standard_normal())
    x, y = math.log(share(**values) / (100 - share(**values))) + chance, months(**values) * math.exp(chance)
    told: dict[str, Answer | str] = {
        "share": Answer(100 / (1 + math.exp(-x)), 0, 0, patients),
        "months": Answer(y, y * (1 - error), y * (1 + error), patients),
    }
    return Row(task.point, task.seed, told, 1.0)


def test_least_squares_find_the_truth_with_few_points_whatever_the_common_cohort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model whose answers are known; all points share a cohort that lies a tenth off, which the first point tells,
    so that its chance is not fitted to. Stopped, it goes on and plays nothing twice."""
    method = {
        **TREE["method"], "search": "least squares", "waves": 1, "discrepancy": 0.001, "confirm": 1, "draws": 2,
        "crossed": 6,
    }  # fmt: skip
    plan = read_plan(written(tmp_path, seeds=[3, *range(100, 123)], a_point=1, method=method))
    what = targets(plan.targets)[0][0].what
    truth = {"wake": 0.009, "lethal": 0.007}
    found = [Target(name, unit, y := model(**truth), y * 0.97, y * 1.03, what) for name, (model, unit) in MODEL.items()]
    asked: list[Task] = []

    def off(_: Plan, tasks: Iterable[Task]) -> Iterator[Row]:
        for task in tasks:
            asked.append(task)
            yield off_by_chance(task, 0.05, 400, 0.1)
            if len(asked) == 29:
                raise KeyboardInterrupt

    monkeypatch.setattr(search, "posterior", partial(search.posterior, steps=100))  # what follows is tested elsewhere
    start = {place(WAKE): 0.00533, place(LETHAL): 0.00618}
    with using(laid_over(start, tmp_path / "start")):
        folder = Folder(tmp_path / "out", plan, found)
        with pytest.raises(KeyboardInterrupt):
            calibrate(plan, found, folder, play_all=off)
        fit = calibrate(plan, found, folder, play_all=off)
    best = plan.values(list(fit.confirmed[0].units))  # the lowest point
    for name in plan.parameters:
        assert best[name] == pytest.approx(truth[name], rel=0.06)  # the common cohort alone would make it 0.1 and more
    assert len({(task.point, task.seed) for task in asked}) == len(asked)
    searching = [task for task in asked if task.point.startswith(("slopes", "step"))]
    assert len({task.seed for task in asked if task.point.startswith("crossed")} - {3}) == 6
    assert len(searching) < 14 and {task.seed for task in searching} == {3}
    text = page(plan, found, {}, fit, date="2030-01-01", plan_file="toy.yaml")
    assert "all points with 3, those around the lowest with the others in turn, the first with all 24" in text


def test_crossed_points_go_up_and_down_alike_and_no_two_numbers_together() -> None:
    method = Method(search="crossed", step=0.1, crossed=40, confirm_seeds=(1,))
    units = np.array(crossed([0.5] * 12, method, 40))
    signs = np.sign(units - 0.5)
    assert units == pytest.approx(0.5 + 0.08 * signs)
    assert (signs[0::2] == -signs[1::2]).all()  # pairs
    assert (signs[:32].T @ signs[:32] == 32 * np.eye(12)).all()
    half = np.sign(np.array(crossed([0.5] * 12, method, 16, 2)) - 0.5)
    assert (half.T @ half == 16 * np.eye(12)).all() and (half[:, 0] != signs[:16, 0]).any()
    assert (np.array(crossed([0.0, 1.0], method, 8)) >= 0).all()


@pytest.mark.parametrize("truth, better", [({"wake": 0.0055, "lethal": 0.009}, True), (None, False)])
def test_crossed_points_find_the_truth_and_the_present_numbers_stay_when_nothing_is_better(
    truth: dict[str, float] | None, better: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every seed's cohort lies off by chance, and the judge's seeds have chosen nothing."""
    method = {
        **TREE["method"], "search": "crossed", "crossed": 16, "points": 8, "waves": 2, "step": 0.3, "confirm": 1,
        "discrepancy": 0.001, "confirm_seeds": [11, 12], "judge_seeds": [21, 22, 23],
    }  # fmt: skip
    plan = read_plan(written(tmp_path, seeds=list(range(100, 108)), a_point=1, method=method))
    present = plan.present(now(plan))
    truth = truth or present
    what = targets(plan.targets)[0][0].what
    found = [Target(name, unit, y := model(**truth), y * 0.97, y * 1.03, what) for name, (model, unit) in MODEL.items()]
    asked: list[Task] = []

    def off(_: Plan, tasks: Iterable[Task]) -> Iterator[Row]:
        for task in tasks:
            asked.append(task)
            yield off_by_chance(task, 0.04, 2000, 0.08)

    monkeypatch.setattr(search, "posterior", partial(search.posterior, steps=40))
    fit = calibrate(plan, found, Folder(tmp_path / "out", plan, found), play_all=off)
    best = plan.values(list(fit.best.units))
    assert best == pytest.approx(truth, rel=0.12)
    assert not better or fit.best is not fit.before
    assert {task.seed for task in asked if task.point.startswith("judge")} == {21, 22, 23}
    assert {task.seed for task in asked if task.point.startswith("crossed")} == set(range(100, 108))
    text = page(plan, found, {}, fit, date="2030-01-01", plan_file="toy.yaml")
    assert "with seeds that no fit used (21-23)" in text and ("which stay" in text) == (fit.best is fit.before)
    with pytest.raises(BadInput, match="judges what it has helped to choose"):
        read_plan(written(tmp_path, method={**method, "judge_seeds": [12]}))


def test_slopes_of_a_number_that_few_trials_feel_are_played_in_these_alone(tmp_path: Path) -> None:
    lethal = {**TREE["parameters"]["lethal"], "felt_by": ["bfm95"]}
    method = {**TREE["method"], "search": "least squares", "discrepancy": 0.001}
    path = written(
        tmp_path, method=method, parameters={"wake": TREE["parameters"]["wake"], "lethal": lethal},
        targets={"trials": ["aall1331", "bfm95"]},
    )  # fmt: skip
    plan = read_plan(path)
    what = {t.trial: t.what for t in targets(plan.targets)[0]}
    truth = {"wake": 0.007, "lethal": 0.007}
    model = {"aall1331": lambda at: share(at["wake"], 0.01), "bfm95": lambda at: share(**at)}
    found = [Target(name, "percent", y := told(truth), y - 2, y + 2, what[name]) for name, told in model.items()]
    played: list[str] = []

    def wave(name: str, choose: Any, only: Any = (), like: Point | None = None) -> list[Point]:
        points = []
        for units, trials in zip(choose(), only or [()] * 9, strict=False):
            at = plan.values(list(units))
            told = {t.name: (on_scale(model[t.name](at), "percent"), 0.01) for t in found}
            spared = [name for name in told if trials and name not in trials]
            played.extend(told.keys() - spared)
            point = Point(name, tuple(units), {name: one for name, one in told.items() if name not in spared})
            points.append(point.like(like, spared) if like else point)
        return points

    begin = plan.units({"wake": 0.0037, "lethal": 0.006})
    best = plan.values(list(descend(plan, found, begin, wave).units))
    assert best == pytest.approx(truth, rel=0.05)
    assert played.count("bfm95") - played.count("aall1331") == 3  # the slopes of lethal
    assert evaluate(plan, Task("x", 1, (), ("bfm95",)), found[:1]).answers == {}
    lethal["felt_by"] = ["vod"]  # a side effect, of what is told of it
    of_vod = {"trials": ["bfm95"], "side_effects": ["vod"]}
    there = read_plan(written(tmp_path, parameters={"lethal": lethal}, targets=of_vod))
    assert there.parameters["lethal"].felt_by == ("vod",)
    assert {t.of for t in targets(there.targets)[0]} == {"bfm95", "vod"}
    with pytest.raises(BadInput, match="Did you mean 'bfm95'"):
        lethal["felt_by"] = ["bfm59"]
        read_plan(written(tmp_path, parameters={"lethal": lethal}, targets={"trials": ["aall1331", "bfm95"]}))


def test_what_was_stopped_goes_on_to_the_same_end(plan: Plan, found: list[Target], tmp_path: Path) -> None:
    whole = calibrate(plan, found, Folder(tmp_path / "a", plan, found), play_all=lambda _, tasks: toy(tasks))
    asked: list[Task] = []

    def some(count: int) -> Any:
        def play(_: Plan, tasks: Iterable[Task]) -> Iterator[Row]:
            for n, task in enumerate(tasks):
                if n == count:
                    raise KeyboardInterrupt
                asked.append(task)
                yield from toy([task])

        return play

    stops = 0
    while True:
        try:
            again = calibrate(plan, found, Folder(tmp_path / "b", plan, found), play_all=some(9))
            break
        except KeyboardInterrupt:
            stops += 1
            assert stops < 20
    assert stops > 2
    assert len(asked) == len({(task.point, task.seed) for task in asked})  # nothing was played twice
    assert again.best == whole.best
    assert np.array_equal(again.sample, whole.sample)
    with pytest.raises(OutOfTime):
        calibrate(plan, found, Folder(tmp_path / "c", plan, found), minutes=0, play_all=lambda _, tasks: toy(tasks))


def test_a_damaged_evaluation_is_played_again_and_another_plan_is_refused(
    plan: Plan, found: list[Target], tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "out", plan, found)
    calibrate(plan, found, folder, play_all=lambda _, tasks: toy(tasks))
    rows = sorted((tmp_path / "out" / "rows").glob("*.json"))
    rows[3].write_text("{", encoding="utf-8")
    asked: list[Task] = []
    calibrate(plan, found, folder, play_all=lambda _, tasks: toy(asked.append(t) or t for t in tasks))
    assert [f"{t.point}-seed-{t.seed}.json" for t in asked] == [rows[3].name]
    with pytest.raises(BadInput, match="another plan"):
        Folder(tmp_path / "out", plan.model_copy(update={"patients": 64}), found)
    Folder(tmp_path / "out", plan.model_copy(update={"patients": 64}), found, fresh=True)


def test_no_fit_reads_a_number_that_is_to_be_predicted() -> None:
    from remission.calibration.plan import Targets

    found, _ = targets(Targets(trials="all", side_effects="all"))
    assert len(found) > 50
    assert {target.what[2].used for target in found} == {"calibrate"}
    every = {e.used for name in library().trials() for _, e in library().trial(name).endpoints()}
    assert "predict" in every  # there is something to be kept out
    with pytest.raises(BadInput, match="no number of the kind calibrate"):
        targets(Targets(trials=("aall0232",)))  # a trial that is only predicted


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"parameters": {"w": {"at": WAKE[:-1], "bounds": [0, 1], "why": "x"}}}, "Did you mean 'wake'"),
        ({"parameters": {"w": {"at": WAKE, "bounds": [1, 2], "why": "x"}}}, "the file holds 0.00"),
        ({"parameters": {"w": {"at": WAKE, "bounds": [0, 2], "scale": "log", "why": "x"}}}, "has no logarithm"),
        ({"parameters": {"w": {"at": "leukaemia", "bounds": [0, 2], "why": "x"}}}, "names no number"),
        ({"targets": {"trials": ["aall13"]}}, "unknown trial"),
        ({"targets": {}}, "nothing is fitted to"),
        ({"seeds": [11]}, "is fitted with and confirmed with"),
        ({"patients": "many"}, "patients"),
        ({"more": {"aall133": 300}}, "Did you mean 'aall1331'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_plan_is_told_with_file_and_line(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(BadInput) as error:
        read_plan(path)
    assert says in str(error.value) and error.value.line and error.value.file == str(path)


def test_other_numbers_reach_the_model_and_whatever_is_drawn_from_them(tmp_path: Path) -> None:
    spread = place("populations/childhood-all.yaml: sensitivity.patient_factor_sd_log")
    before = number(spread)
    over = laid_over({spread: 0.5, place(WAKE): 0.0123}, tmp_path)
    with using(over):
        assert population("childhood-all").sensitivity.patient_factor_sd_log.value == 0.5
        assert population("standard-risk-b-all").sensitivity.patient_factor_sd_log.value == 0.5  # like the other
        assert library().body("leukaemia")["cycling.wake"].value == 0.0123
    assert number(spread) == before


def test_a_point_of_a_plan_is_played_as_the_trial_is(plan: Plan) -> None:
    """Among the arms of AALL1331 more patients die when a full marrow kills ten times as fast."""
    found = [t for t in targets(plan.targets)[0] if "complete remission" in t.name]
    base = now(plan)
    one = evaluate(plan.model_copy(update={"patients": 32}), Task("x", 1, tuple(base.items())), found)
    same = answers(found, patients=32, seed=1)
    assert one.answers == same
    assert all(isinstance(answer, Answer) and answer.n == 32 for answer in same.values())
    larger = plan.model_copy(update={"patients": 32, "more": {"aall1331": 48}})
    many = evaluate(larger, Task("x", 1, tuple(base.items())), found)
    assert all(isinstance(answer, Answer) and answer.n == 48 for answer in many.answers.values())


def test_patients_who_are_followed_only_as_long_as_is_asked_tell_the_same() -> None:
    """First remission and events of adults, some of whom fail, relapse, and are treated for it."""
    from remission.trial.endpoints import simulated
    from remission.trial.validate import player

    trial = library().trial("graall2005")
    arm = trial.arms["all"]
    asked = [e for e in arm.endpoints if e.what in ("complete remission", "event-free survival") and not e.among]
    to_relapse = [e for e in asked if e.since != "relapse"]
    whole, part, shortest = (
        player(patients=40, seed=5, threads=1, only=only)(trial, arm) for only in (None, asked, to_relapse)
    )
    assert [simulated(whole, e) for e in asked] == [simulated(part, e) for e in asked]
    assert [simulated(whole, e) for e in to_relapse] == [simulated(shortest, e) for e in to_relapse]
    days = [one.table("outcomes")["played_days"].sum() for one in (whole, shortest)]
    assert days[1] < days[0]  # who relapses is followed no longer, where nothing is asked of the time after it


@pytest.mark.parametrize("name, patients", [("cibmtr_siblings_cr1", 24), ("rez_bfm_matched", 300)])
def test_years_after_a_transplant_and_what_relapses_lead_to_are_told_in_a_fit(name: str, patients: int) -> None:
    """A play that ends at a relapse ends with the longest treatment, too, and never comes to what follows."""
    from remission.trial.endpoints import simulated
    from remission.trial.validate import player

    trial = library().trial(name)
    asked = [e for e in trial.arms["all"].endpoints if e.used == "calibrate"]
    played = player(patients=patients, seed=5, threads=1, only=asked)(trial, trial.arms["all"])
    assert asked and all(0 <= simulated(played, e).value <= 100 for e in asked)


def test_seeds_that_follow_one_another_are_told_as_a_range() -> None:
    assert runs_of((1501, 1502, 1503, 7, 8)) == "1501-1503, 7, 8"


def test_fitted_numbers_are_written_with_their_provenance_and_nothing_else_changes(
    plan: Plan, found: list[Target], tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    (mine / "body").mkdir(parents=True)
    shutil.copy(DATA / "body" / "leukaemia.yaml", mine / "body")
    shelf = library(mine)
    with using(shelf):
        fit = calibrate(plan, found, Folder(tmp_path / "out", plan, found), play_all=lambda _, tasks: toy(tasks))
        apply(plan, found, fit, date="2030-01-01", plan_file="toy.yaml")
    before = (DATA / "body" / "leukaemia.yaml").read_text(encoding="utf-8").splitlines()
    after = (mine / "body" / "leukaemia.yaml").read_text(encoding="utf-8").splitlines()
    changed_lines = [new for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed_lines) == 2
    for line in changed_lines:
        assert "read: calibrated" in line and "toy.yaml, 2030-01-01, seeds 1, 2" in line and "because:" not in line
    read = Library([mine])
    best = plan.values(list(fit.best.units))
    assert read.body("leukaemia")["cycling.wake"].value == pytest.approx(best["wake"], 5e-3)  # three digits
    with using(read):
        sample = posterior()
        assert sample == sample_of(plan, fit, "2030-01-01").model_copy(update={"date": "2030-01-01"})
        with drawn(3, sample) as one:
            assert [number(place(text), one) for text in sample.places] == list(sample.draws[3])
    path = mine / "body" / "leukaemia.yaml"
    path.write_text(path.read_text().replace("wake: {value: ", "wake: {value: 9"), encoding="utf-8")
    with pytest.raises(BadInput, match="not .* as fitted"):
        posterior(Library([mine]))


def test_an_assumed_number_that_is_fitted_is_no_longer_assumed() -> None:
    where = place("body/leukaemia.yaml: cns.cells_cns1")
    (text,) = changed({where: 5e4}, known=Provenance('a "target"')).values()
    line = next(line for line in text.splitlines() if "cells_cns1" in line)
    assert yaml.safe_load(line)["cells_cns1"] == {
        "value": 50000, "unit": "-", "read": "calibrated", "to": 'a "target"',
        "note": "steady seeding for months before diagnosis",  # why it was assumed
    }  # fmt: skip


def test_the_command_shows_what_would_be_fitted_to(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["calibrate", str(written(tmp_path)), "--show"])
    assert done.exit_code == 0
    assert "aall1331, chemotherapy: complete remission" in done.output


PLANS = sorted((Path(__file__).parents[1] / "calibration").glob("*.yaml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_the_plans_of_the_repository_can_be_read_and_have_targets(path: Path) -> None:
    plan = read_plan(path)
    unguided = [name for name, one in plan.parameters.items() if one.prior is None]
    assert len(targets(plan.targets)[0]) >= len(unguided)  # a number with a prior is told by that too
