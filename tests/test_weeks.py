"""What differs from week to week: colds, the swing of the marrow, absorption, missed tablets; the charts beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import reference
from polars.testing import assert_frame_equal

from remission.body import weeks
from remission.cli import app
from remission.engine.play import Options, play
from remission.engine.program import prepare
from remission.individual.reading import read_chart
from remission.knowledge.charts_file import charts as published
from remission.knowledge.errors import BadInput
from remission.knowledge.library import DATA, Library, library
from remission.patient import chance
from remission.patient.cohort import Cohort
from remission.patient.person import one
from remission.patient.population import draw
from remission.protocol.reader import read_protocol
from remission.protocol.variant import variant
from remission.trial import charts

QUIET = """\
protocol: quiet
name: Nothing that blood feels is given
plain: A test.
sources: [forum]
phases:
  - watch:
      days: {days}
      give:
        - ondansetron 5 mg/m2 PO on day 1 [memory]
      check:
        - every 7 days: counts
"""
HEALTHY = {"marrow_blasts": 1e-9, "blood_blasts": 0.0, "wbc": 6.0, "anc": 4.0, "platelets": 260.0, "haemoglobin": 12.5,
           "growth_per_day": 1e-3}  # fmt: skip
WEEKS = 52


def healthy(n: int, age_y: float = 6.0) -> Cohort:
    child = one(age_y=age_y, sex="female", weight_kg=22.0, height_cm=118.0, **HEALTHY)
    many = child.take([0] * n)
    many.patient[:] = range(n)
    return many


def watched(people: Cohort, folder: Path, days: int = 7 * WEEKS, shelf: Library | None = None, chance: bool = True):
    path = folder / "quiet.yaml"
    path.write_text(QUIET.format(days=days), encoding="utf-8")
    shelf = shelf or library()
    options = Options(follow_up_days=days, chance=chance)
    return play(prepare(read_protocol(path), shelf), people, seed=3, threads=1, options=options, knowledge=shelf)


def changed(folder: Path, change: dict[str, str]) -> Library:
    """The library with other numbers in some files: name of the file -> what to replace, with what."""
    for file, (pattern, by) in change.items():
        to = folder / file
        to.parent.mkdir(parents=True, exist_ok=True)
        text, times = re.subn(pattern, by, (DATA / file).read_text(encoding="utf-8"))
        assert times, file
        to.write_text(text, encoding="utf-8")
    return Library(extra=[folder])


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    return watched(healthy(200), tmp_path_factory.mktemp("year"))


def within(seen: pl.DataFrame, name: str) -> np.ndarray:
    ln = seen.with_columns(pl.col(name).log().alias("ln"))
    return ln.group_by("patient").agg(pl.col("ln").std())["ln"].to_numpy()


def test_counts_of_a_healthy_child_vary_as_published(year) -> None:
    """Within a person: neutrophils 20-35 %, platelets 7-9 % of adults in a year, here with a child's colds."""
    assert 0.20 < np.median(within(year["measurements"], "anc")) < 0.40
    assert 0.05 < np.median(within(year["measurements"], "platelets")) < 0.16
    assert np.median(within(year["measurements"], "haemoglobin")) < 0.05


def test_what_differs_from_week_to_week_leaves_the_mean(year, tmp_path) -> None:
    still = watched(healthy(200), tmp_path, chance=False)
    for name in ("anc", "platelets", "lymphocytes"):
        ratio = year["states"][name].log().mean() - still["states"][name].log().mean()
        assert abs(ratio) < 0.06, name


def test_without_chance_counts_stand_still(tmp_path) -> None:
    still = watched(healthy(8), tmp_path, chance=False)["states"].filter(pl.col("day") > 70)
    spread = still.group_by("patient").agg(pl.col("anc").log().std())["anc"]
    assert spread.max() < 1e-3


def test_a_library_without_weeks_plays_as_if_nothing_differed(tmp_path) -> None:
    """All numbers of weeks.yaml at zero: the states of a run with chance are those of one without."""
    own = changed(tmp_path / "own", {"body/weeks.yaml": (r"value: [0-9.]+", "value: 0")})
    off = watched(healthy(16), tmp_path, 140, own)["states"]
    still = watched(healthy(16), tmp_path, 140, chance=False)["states"]
    for name in ("anc", "platelets", "haemoglobin", "lymphocytes"):
        assert off[name].to_numpy() == pytest.approx(still[name].to_numpy(), rel=1e-8), (
            name
        )  # single blasts crowd it a little


def test_the_core_plays_what_the_equations_say() -> None:
    """A course of maintenance with chance: what is given and the draws of weeks.py, the equations solved by LSODA."""
    program = prepare(read_protocol(library().protocol_path("icicle-maintenance")), library())
    people, seed, body = draw("maintenance-children", 8, seed=5), 5, library().body("weeks")
    seen = play(program, people, seed=seed, threads=1, options=Options(follow_up_days=112))
    own = weeks.colds(body, people, seed)
    spread = {
        (agent.agent, route): way.week_cv.to_unit("-")
        for agent in program.agents
        for route, way in agent.pharmacokinetics.absorption.items()
        if way.week_cv
    }
    assert set(spread) == {("mercaptopurine", "PO"), ("methotrexate", "PO")}
    for i in (1,):
        number = int(people.patient[i])
        given = reference.events_of(program, seen, number)
        for k, dose in enumerate(given):
            if isinstance(dose, reference.Dose) and (dose.agent, dose.route) in spread:
                cv = spread[dose.agent, dose.route]
                arrives = weeks.absorbed(seed, number, dose.agent, dose.route, cv, int(dose.day) // 7)
                given[k] = replace(dose, arrives=arrives)
        patient = reference.Patient(program, people, seed, i)
        ours = patient.solve(given, 112, rtol=1e-8, unrest=weeks.unrest(body, own[i], number, seed, 16))
        off = reference.errors(ours, seen["states"].filter(pl.col("patient") == number))
        for name in ("anc", "platelets", "haemoglobin", "lymphocytes"):
            assert np.abs(off[name]).max() < 1e-3, (name, number)


def test_colds_are_as_many_as_published_and_come_in_winter() -> None:
    body = library().body("weeks")
    for age, low, high in ((0.5, 5.5, 6.7), (2.0, 5.1, 6.3), (8.0, 3.0, 4.0), (35.0, 1.9, 2.7)):
        assert low < weeks.colds(body, healthy(2000, age), seed=1).mean() < high
    assert weeks.cold_share(4.0, 0.5, 0.0) > 2.0 * weeks.cold_share(4.0, 0.5, 0.5)
    shares = [weeks.cold_share(4.0, 0.5, k / 52) for k in range(52)]
    assert 52 * np.mean(shares) == pytest.approx(4.0, rel=0.06)


def test_the_same_child_has_the_same_colds_in_every_arm() -> None:
    """Lymphocytes that no drug of the added kind touches keep their course to the last bit."""
    people = draw("maintenance-children", 32, seed=5)
    options = Options(follow_up_days=140)
    protocol = read_protocol(library().protocol_path("icicle-maintenance"))
    more = variant(protocol, add=["ondansetron 5 mg/m2 PO every 12 hours on days 1-84"], phases=["maintenance"])
    a, b = (play(prepare(p, library()), people, seed=5, threads=1, options=options) for p in (protocol, more))
    assert_frame_equal(a["states"], b["states"])


def test_patients_are_the_same_alone_and_in_a_crowd() -> None:
    protocol = prepare(read_protocol(library().protocol_path("icicle-maintenance")), library())
    people, options = draw("maintenance-children", 37, seed=5), Options(follow_up_days=84)
    crowd = play(protocol, people, seed=5, threads=1, options=options)["states"]
    alone = play(protocol, people.take(slice(30, 37)), seed=5, threads=1, options=options)["states"]
    assert_frame_equal(crowd.filter(pl.col("patient").is_in(alone["patient"].unique().implode())), alone)


def test_absorption_differs_between_weeks_and_not_on_average() -> None:
    agent = library().agent("mercaptopurine").pharmacokinetics.absorption["PO"]
    sd = float(np.sqrt(np.log1p(agent.week_cv.to_unit("-") ** 2)))
    z = np.array([chance.normal(1, 0, 7, week) for week in range(20000)])
    arriving = np.exp(sd * z - sd**2 / 2)
    assert arriving.mean() == pytest.approx(1.0, abs=0.02)
    assert arriving.std() / arriving.mean() == pytest.approx(0.58, abs=0.03)


def test_a_chart_of_a_few_visits_is_refused(tmp_path) -> None:
    path = tmp_path / "chart.csv"
    path.write_text("Weeks,ANC,PLT,MP_adj\n1,2,200,100\n")
    with pytest.raises(BadInput, match="fewer than 10 visits"):
        charts.of_chart(read_chart(path, percent=True))


def test_statistics_of_a_chart_by_hand(tmp_path) -> None:
    anc = [1.0, 2.0] * 6
    path = tmp_path / "chart.csv"
    rows = [f"{1 + 2 * i},{a},{100 if i else ''},{0 if i % 4 == 0 else 80}" for i, a in enumerate(anc)]
    path.write_text("Weeks,ANC,PLT,MP_adj\n" + "\n".join(rows) + "\n")
    of = charts.of_chart(read_chart(path, percent=True))
    assert (of.visits, of.in_target, of.below_0_5) == (12.0, 0.5, 0.0)
    assert of.mean_anc == pytest.approx(np.sqrt(2.0))
    assert of.sd_ln_anc == pytest.approx(np.log(2.0) / 2.0 * np.sqrt(12 / 11))
    assert of.lag_1 == pytest.approx(-1.0)
    assert of.mercaptopurine == pytest.approx(0.6) and of.held == pytest.approx(0.25)


CHARTS = Path(__file__).parents[2] / "shared" / "data" / "maintenance"


def test_what_the_charts_file_says_is_what_the_charts_say() -> None:
    if not CHARTS.is_dir():
        pytest.skip("the charts are not here")
    known = published()
    real = {name: charts.of_chart(read_chart(CHARTS / f"{name}.csv")) for name in known.charts}
    assert sorted(known.charts.values()) == ["calibrate", "calibrate", "predict"]
    for name, target in known.targets.items():
        assert {known.charts[chart] for chart in target.charts} == {target.used}, name
        mean = np.mean([getattr(real[chart], name) for chart in target.charts])
        assert target.value == pytest.approx(mean, abs=0.006), name
        assert target.low <= target.value <= target.high


def test_charts_stand_beside_what_is_played(tmp_path, capsys) -> None:
    path = tmp_path / "MINE.csv"
    rows = [f"{1 + 2 * i},{1 + i % 3},{200 + i},{80}" for i in range(14)]
    path.write_text("Weeks,ANC,PLT,MP_adj\n" + "\n".join(rows) + "\n")
    with pytest.raises(SystemExit) as end:
        app(["charts", str(path), "--patients", "8"])
    said = capsys.readouterr().out
    assert end.value.code == 0
    assert "MINE" in said and "SD of ln ANC within the patient" in said and "played" in said


def test_half_of_the_charts_is_kept_for_prediction_and_the_division_stays() -> None:
    assert published().charts == {"UPN_1": "calibrate", "UPN_914": "predict", "UPN_915": "calibrate"}


def test_a_cold_is_an_event_and_lowers_neutrophils(tmp_path) -> None:
    """Within two weeks of a hard cold neutrophils are at least a fifth lower than of a mild one, on average."""
    run = watched(healthy(150), tmp_path)
    colds = run["events"].filter(pl.col("event") == "cold")
    assert 3.0 < colds.height / 150 < 4.2, "a year of a child of six"
    after = run["states"].select("patient", pl.col("day") - 7, pl.col("anc").log().alias("ln"))
    seen = colds.select("patient", "day", "detail").join(after, on=["patient", "day"])
    ln = dict(seen.group_by("detail").agg(pl.col("ln").mean()).iter_rows())
    assert ln["hard"] < ln["moderate"] < ln["mild"]
    assert np.exp(ln["hard"] - ln["mild"]) < 0.8
