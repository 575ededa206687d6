"""One patient's chart, fitted and forecast. That the fit is calibrated is measured by benchmarks/charts.py
(docs/charts.md); here is what must hold of each piece, with few guesses."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from remission.body.person import individual
from remission.cli import app
from remission.individual.chart import Chart, Visit
from remission.individual.fit import DEGREES, NAMES, Effort, Sampling, Unrest, _shifts, fit, unrest_of
from remission.individual.forecast import forecast, shares
from remission.individual.forward import SCORES, Facts, course, doses_of, run_in, who
from remission.individual.maintenance import phase_of
from remission.individual.parameters import enzymes, omega, parameters
from remission.individual.rivals import SemiMechanistic
from remission.individual.virtual import FACTS, people, virtual_charts
from remission.individual.weeks import moved
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.protocol.reader import read_protocol

QUICK = Effort(ensemble=64, assimilations=3, walkers=48, steps=16, keep=150)
ACTIVE = NAMES.index("mercaptopurine.drivers.TGN.formation")
TENDER = NAMES.index("mercaptopurine.effects.neutrophils.0.slope")


@pytest.fixture(scope="module")
def virtual() -> Chart:
    """Of a patient whose neutrophils are tender, to the 40th week."""
    scores = np.zeros((1, len(SCORES)))
    scores[0, TENDER] = 2.0
    return virtual_charts(scores, seed=11, weeks=40)[0]


@pytest.fixture(scope="module")
def posterior(virtual: Chart):
    return fit(virtual, FACTS, effort=QUICK, seed=3)


def test_a_score_that_is_known_takes_the_place_of_the_draw_and_of_nothing_else() -> None:
    person = who(Chart("x", virtual_charts(people(1, 1), seed=1, weeks=2)[0].visits, 1.0), FACTS)
    scores = np.zeros((3, len(SCORES)))
    scores[:, NAMES.index("marrow.neutrophils.baseline")] = [-1.0, 0.0, 1.0]
    cohort = person.guesses(scores)
    quantity = library().body("marrow")["neutrophils.baseline"]
    base = individual(quantity, quantity.unit, cohort, seed=1, purpose="marrow.neutrophils.baseline")
    spread = omega("marrow.neutrophils.baseline", library())
    assert base == pytest.approx(quantity.value * np.exp(spread * np.array([-1.0, 0.0, 1.0])))
    other = individual(quantity, quantity.unit, cohort, seed=1, purpose="another purpose")
    assert len(set(other)) == 3 and other != pytest.approx(base)


def test_the_doses_that_are_played_are_those_of_the_chart() -> None:
    chart = virtual_charts(people(1, 2), seed=2, weeks=12)[0]
    before, last = run_in(chart), chart.visits[-1].day
    assert (before + last) % 7 == 0  # states are recorded at the end of a week of the run
    given = doses_of(chart, before + last + 1)
    for agent, per in (("mercaptopurine", 1), ("methotrexate", 7)):
        days = sorted(day for dose in given if dose.agent == agent for day in range(dose.day, dose.last_day + 1))
        assert len(days) == len(set(days))
        k = 0 if agent == "mercaptopurine" else 1
        for visit, following in zip(chart.visits, chart.visits[1:], strict=False):
            between = [
                dose.amount for dose in given if dose.agent == agent for day in range(dose.day, dose.last_day + 1)
                if before + visit.day <= day < before + following.day
            ]  # fmt: skip
            wanted = visit.mg[k]
            assert between == pytest.approx([wanted] * ((following.day - visit.day) // per if wanted else 0), rel=1e-5)


def test_the_forward_model_without_chance_is_still_and_with_it_is_not(virtual: Chart) -> None:
    run = course(virtual, who(virtual, FACTS), library())
    scores = np.zeros((4, len(SCORES)))
    still = run.counts(scores, chance=False)
    assert still.shape == (4, len(virtual), 4) and np.isfinite(still).all()
    assert still == pytest.approx(np.broadcast_to(still[0], still.shape), abs=1e-9)
    assert np.std(run.counts(scores, chance=True, seed=1)[:, -1, 0]) > 0.05
    scores[1:, TENDER] = 2.0
    assert (run.counts(scores, chance=False)[1, 5:, 0] < still[1, 5:, 0]).all()


def test_the_likelihood_is_that_of_the_formula(virtual: Chart) -> None:
    """At one visit with one count: the prior and a t density, by hand."""
    one = replace(virtual, visits=tuple(
        v if i == 5 else replace(v, anc=math.nan, platelets=math.nan, haemoglobin=math.nan)
        for i, v in enumerate(replace(virtual, visits=virtual.visits).visits)
    ))  # fmt: skip
    one = replace(one, visits=tuple(replace(v, platelets=math.nan, haemoglobin=math.nan) for v in one.visits))
    sampling = Sampling(one, who(one, FACTS), library(), 1, 1)
    shape = (len(one), 4)
    nothing, none = np.zeros(4), np.zeros((4, 4))
    unrest = Unrest(np.full(shape, -9.0), np.full(shape, 0.1), np.full(shape, 0.4), nothing, nothing, none, none, 1.0)
    guess = np.zeros((1, len(NAMES) + 3))
    guess[0, TENDER], guess[0, len(NAMES)] = 0.7, 1.0
    m = sampling.course.counts(guess[:, : len(NAMES)], chance=False)[0, 5, 0]
    s = math.exp(0.25)  # one standard deviation of the restlessness of neutrophils
    white = (math.log(one.visits[5].anc) - m - 0.1) / (0.4 * s * math.sqrt((DEGREES - 2) / DEGREES))
    wanted = -0.5 * (0.7**2 + 1.0) - math.log(s * 0.4) - 0.5 * (DEGREES + 1) * math.log1p(white**2 / DEGREES)
    assert sampling.log_posterior(guess, unrest, sampling.root(unrest))[0] == pytest.approx(wanted, rel=1e-9)


def test_what_chance_does_is_found_again_in_counts_of_known_correlation() -> None:
    """Neutrophils and platelets that share half of what moves them, with a memory of two weeks; a part lasts."""
    rng = np.random.default_rng(2)
    weeks, n, tau = np.arange(0.0, 80.0, 2.0), 1500, 2.0
    fade = np.linalg.cholesky(np.exp(-np.abs(weeks[:, None] - weeks[None, :]) / tau) + 1e-9 * np.eye(len(weeks)))
    shared, own = (rng.standard_normal((n, len(weeks), k)) for k in (1, 2))
    moving = np.einsum("ij,njk->nik", fade, math.sqrt(0.5) * shared + math.sqrt(0.5) * own)
    r = math.sqrt(0.8) * moving + math.sqrt(0.2) * rng.standard_normal((n, 1, 2))
    m = rng.standard_normal((n, 1, 2)) * 0.4 + np.zeros((1, len(weeks), 2))
    found = unrest_of(0.1 + 0.2 * m + 0.5 * np.exp(-0.6 * m) * r, m, weeks)
    assert found.bias == pytest.approx(np.full((len(weeks), 2), 0.1), abs=0.08)
    assert found.tilt == pytest.approx([0.2, 0.2], abs=0.06) and found.fan == pytest.approx([-0.6, -0.6], abs=0.1)
    assert found.sd == pytest.approx(np.full((len(weeks), 2), 0.5), rel=0.12)
    assert found.tau == pytest.approx(2.0, abs=0.5)
    assert np.diagonal(found.lasting) == pytest.approx([0.2, 0.2], abs=0.06) and abs(found.lasting[0, 1]) < 0.06
    assert np.diagonal(found.fading) == pytest.approx([0.77, 0.77], abs=0.08)  # at most 0.97 with what lasts
    assert found.fading[0, 1] == pytest.approx(0.4, abs=0.08)
    root = found.root(weeks, np.ones((len(weeks), 2), dtype=bool))
    assert root @ root.T == pytest.approx((root @ root.T).T) and np.diagonal(root).min() > 0.0


def test_a_slow_enzyme_is_a_score_by_another_name(virtual: Chart) -> None:
    """A guess with normal enzymes plays as one with slow ones whose scores are lower by what the enzyme does."""
    run = course(virtual, who(virtual, FACTS), library())
    scores = people(3, 8)
    for gene, kind in (("tpmt", 0), ("nudt15", 1)):
        moved_to = scores.copy()
        for purpose, by in _shifts(library())[gene][1].items():
            moved_to[:, NAMES.index(purpose)] -= by
        slow = np.zeros((3, 2), dtype=np.int64)
        slow[:, kind] = 1
        same = run.counts(moved_to, slow, chance=False)[:, :, :2]  # red cells feel NUDT15 too, and no score moves that
        assert same == pytest.approx(run.counts(scores, np.zeros_like(slow), chance=False)[:, :, :2], abs=1e-6)


def test_the_semi_mechanistic_rival_has_the_published_steady_states() -> None:
    """0.97 umol/L of nucleotides and 1.75 x 10^9/L neutrophils at 57.1 mg/m2 a day, 1.63 at 75, after its swings."""
    for dose, anc in ((57.1, 1.75), (75.0, 1.63)):
        visits = tuple(Visit(i, 200 * i, anc=2.0, mercaptopurine_mg=dose) for i in range(21))
        rival = SemiMechanistic(Chart("x", visits, 1.0), 1.0)
        assert math.exp(rival.counts(np.zeros(4), np.array([4000.0]))[0]) == pytest.approx(anc, abs=0.01)


def test_a_fit_finds_who_is_tender_and_knows_more_than_before(virtual: Chart, posterior) -> None:
    together = posterior.scores[:, ACTIVE] * omega(NAMES[ACTIVE], library())
    together = together + posterior.scores[:, TENDER] * omega(NAMES[TENDER], library())
    truth = 2.0 * omega(NAMES[TENDER], library())
    assert together.mean() > 0.25 * truth
    table = parameters(posterior)
    assert table["told by the chart"].max() > 0.5 and table["told by the chart"].is_between(0.0, 1.0).all()
    assert enzymes(posterior)["probability"].sum() == pytest.approx(1.0)
    resid = np.log(virtual.column("anc")) - posterior.expected[:, 0]
    assert abs(resid.mean()) < 0.25


def test_the_same_seed_is_the_same_posterior(virtual: Chart) -> None:
    tiny = Effort(ensemble=32, assimilations=1, walkers=44, steps=2, keep=20)
    a, b = (fit(virtual, FACTS, effort=tiny, seed=5, threads=threads) for threads in (1, 2))
    assert np.array_equal(a.scores, b.scores)


def test_enzymes_that_are_known_are_not_guessed(virtual: Chart) -> None:
    tiny = Effort(ensemble=32, assimilations=1, walkers=44, steps=2, keep=20)
    facts = replace(FACTS, tpmt="intermediate", nudt15="normal")
    assert set(map(tuple, fit(virtual, facts, effort=tiny).genes)) == {(1, 0)}


def test_a_forecast_begins_at_the_last_dose_and_a_higher_dose_means_lower_counts(virtual: Chart, posterior) -> None:
    ahead = forecast(posterior, weeks=12)
    more = forecast(posterior, weeks=12, factor=1.6)
    phase = phase_of(read_protocol("icicle-maintenance"))
    mine = shares(virtual, phase, float(posterior.person.typical.bsa_m2[0]))
    assert ahead.doses[0] == pytest.approx(mine) and more.doses[0] == pytest.approx([1.6 * x for x in mine])
    assert (ahead.days - virtual.visits[-1].day == np.arange(0, 85, 7)).all()
    assert more.quantile(0.5)[4:].mean() < ahead.quantile(0.5)[4:].mean()
    table = ahead.at_weeks((4, 8, 12)).filter(pl.col("count") == "anc")
    for row in table.iter_rows(named=True):
        assert row["90% low"] < row["50% low"] < row["median"] < row["50% high"] < row["90% high"]
    assert np.isfinite(ahead.counts).mean() > 0.9


def test_a_protocol_without_maintenance_is_refused_by_name(posterior) -> None:
    with pytest.raises(BadInput, match="no maintenance"):
        forecast(posterior, "tower")
    with pytest.raises(BadInput, match="no phase 'maintenanse'"):
        forecast(posterior, phase="maintenanse")


def test_unusual_visits_are_told_with_what_went_before_them(virtual: Chart, posterior) -> None:
    expected = np.exp(posterior.expected[:, 0])
    times = [0.4 if i % 2 else 2.5 for i in range(len(virtual))]
    visits = tuple(
        replace(v, anc=e * x, platelets=math.nan) for v, e, x in zip(virtual.visits, expected, times, strict=True)
    )
    table = moved(replace(posterior, chart=replace(virtual, visits=visits))).filter(pl.col("day") > 28)
    low, high = table.filter(pl.col("away") < 0), table.filter(pl.col("away") > 0)
    assert low.height > 3 and high.height > 3
    assert low["absorbed, near"].mean() > 1.0 > high["absorbed, near"].mean()
    assert (low["cold, near"] - low["cold, all"]).mean() > (high["cold, near"] - high["cold, all"]).mean()


def test_fit_prints_what_it_found_and_writes_its_tables_and_picture(virtual: Chart, tmp_path, monkeypatch) -> None:
    told = [(v.day / 7 + 1, v.anc, v.platelets, v.haemoglobin, *v.mg) for v in virtual.visits]
    rows = [",".join(f"{x:.4g}" for x in row) for row in told]
    path = tmp_path / "chart.csv"
    path.write_text("\n".join(["Weeks,ANC,PLT,Hb,MP (mg/day),MTX", *rows]))
    monkeypatch.setattr("remission.individual.result.EFFORT", QUICK)
    out = tmp_path / "out"
    given = ["fit", str(path), "--age", "6", "--sex", "f", "--weight", "21", "--height", "115", "--out", str(out)]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    assert "never to choose a dose" in done.stdout and "Forecast from day" in done.stdout
    assert {path.name for path in out.iterdir()} >= {"forecast.csv", "changes.csv", "parameters.csv", "chart.png"}
    told = pl.read_csv(out / "forecast.csv")
    assert set(told["weeks"]) == {4.0, 8.0, 12.0} and set(told["count"]) == {"anc", "platelets", "haemoglobin", "wbc"}


def test_fit_refuses_a_chart_that_is_too_short_and_a_facts_that_cannot_be(tmp_path) -> None:
    path = tmp_path / "chart.csv"
    path.write_text("Date,ANC,MP\n2021-01-07,1.2,50\n2021-01-21,1.2,50\n")
    for given in ([str(path)], [str(path), "--weeks", "900"], [str(tmp_path / "nothing.csv")]):
        done = CliRunner().invoke(app, ["fit", *given])
        assert done.exit_code != 0 and "Traceback" not in done.output
    assert Facts() == Facts(None, None, None, None, None, None)
