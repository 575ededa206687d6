"""Planned trials, who gains and who loses, and which number carries a result: held against what is known."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from lifelines.statistics import logrank_test
from typer.testing import CliRunner

from remission.calibration.plan import Parameter
from remission.calibration.sensitivity import of_points
from remission.cli import app
from remission.knowledge.errors import BadInput
from remission.trial.gains import gains
from remission.trial.power import Design, Fates, log_rank, power

YEAR = 365.25


def fates(hazard: float, seed: int, n: int = 6000, years: float = 6.0) -> Fates:
    """Exponential, so many events a year, followed for so long."""
    day = np.random.default_rng(seed).exponential(YEAR / hazard, n)
    return Fates(np.minimum(day, years * YEAR), day <= years * YEAR)


def test_the_log_rank_statistic_is_that_of_lifelines() -> None:
    random = np.random.default_rng(3)
    day, failed, mine = np.ceil(random.exponential(300, 200)), random.random(200) < 0.6, random.random(200) < 0.4
    theirs = logrank_test(day[mine], day[~mine], failed[mine], failed[~mine]).test_statistic
    assert log_rank(day, failed, mine) ** 2 == pytest.approx(theirs, rel=1e-9)
    day[mine & failed] /= 3
    assert log_rank(day, failed, mine) > 0  # those who fail sooner


def test_power_is_that_of_schoenfelds_formula_and_alpha_without_a_difference() -> None:
    design = Design(accrual=2.0, follow_up=4.0, trials=400)
    found = power((fates(0.20, 1), fates(0.12, 2)), ("a", "b"), (150,), design)
    size = found.sizes[0]
    drift = abs(math.log(0.12 / 0.20)) * math.sqrt(size.events / 4)
    expected = 100 * 0.5 * math.erfc((1.96 - drift) / math.sqrt(2))
    assert size.better.value == pytest.approx(expected, abs=7)
    assert size.worse.value == 0
    # so many events, and events an arm of so many patients
    needed = (1.96 + 0.8416) ** 2 * 4 / math.log(0.12 / 0.20) ** 2 / (size.events / 150)
    assert found.needed[80] == pytest.approx(needed, rel=0.12)
    assert found.needed[90] > found.needed[80]
    least, most = found.between[80]  # of 6,000 patients the difference is known to a tenth
    assert 0.5 * found.needed[80] < least < found.needed[80] < most < 2 * found.needed[80]
    same = power((fates(0.15, 1), fates(0.15, 2)), ("a", "b"), (150,), design)
    assert same.sizes[0].better.value + same.sizes[0].worse.value < 9
    assert math.isinf(same.needed[80]) or same.needed[80] > 1500
    assert math.isinf(same.between[80][1])  # the pool may hold no difference


def test_pairs_are_worth_more_the_more_the_two_fates_have_in_common() -> None:
    first = fates(0.15, 1)
    later = Fates(np.minimum(first.day * 1.3, 6 * YEAR), first.failed & (first.day * 1.3 <= 6 * YEAR))
    design = Design(trials=10)
    together = power((first, later), ("a", "b"), (20,), design)
    apart = power((first, fates(0.15 / 1.3, 2)), ("a", "b"), (20,), design)
    assert apart.pairs == pytest.approx(1000, rel=0.05)  # independent fates: two groups of as many
    assert together.pairs < 200
    with pytest.raises(BadInput, match="cannot be drawn"):
        power((first, later), ("a", "b"), (4000,), design)


def outcomes(day: list[float], kinds: list[str | None], **columns: list[float]) -> pl.DataFrame:
    n = len(day)
    return pl.DataFrame(
        {
            "patient": list(range(n)), "outcome": [kind or "in remission" for kind in kinds], "outcome_day": day,
            "relapse_day": [d if k == "relapse" else None for d, k in zip(day, kinds, strict=True)],
            "remission": [True] * n, "eoi_mrd": [1e-5] * n, **columns,
        },
        schema_overrides={"relapse_day": pl.Float64},
    )  # fmt: skip


def test_who_gains_and_who_loses_is_counted_patient_by_patient() -> None:
    age = [5.0] * 40 + [12.0] * 40
    first = outcomes([500.0] * 20 + [2000.0] * 60, ["relapse"] * 20 + [None] * 60, age_y=age)
    second = outcomes([2000.0] * 76 + [500.0] * 4, [None] * 76 + ["death"] * 4, age_y=age)
    found = {row.group: row for row in gains(first, second, ("a", "b"), 5.0).rows}
    assert (found["all"].gain.value, found["all"].lose.value) == (25.0, 5.0)
    assert found["all"].net.value == 20.0
    assert found["age 1 to < 10"].net.value == 50.0 and found["age 1 to < 10"].patients == 40
    assert found["age 10 to < 18"].net.value == -10.0
    assert found["all"].net.low < 20 < found["all"].net.high
    short = outcomes([100.0] * 80, [None] * 80, age_y=age)  # not followed for five years: nothing is known
    assert gains(short, second, ("a", "b"), 5.0).rows[0].patients == 0


def test_the_indices_of_a_function_that_is_known() -> None:
    """y = 4 x1 + 2 x2 + noise, x even from 0 to 1: shares of variance 16 : 4, nothing of x3."""
    random = np.random.default_rng(1)
    design = random.random((60, 3))
    found = [(4 * x[0] + 2 * x[1] + 0.05 * random.standard_normal(), 0.05) for x in design]
    names = {n: Parameter(at="body/leukaemia.yaml: cycling.wake", bounds=(0, 1), why="w") for n in ("x1", "x2", "x3")}
    told = of_points(names, "y", design, found, 100)
    rows = {row.name: row for row in told.rows}
    assert told.foretold > 0.95 and "rests most on 'x1'" in told.verdict()
    assert rows["x1"].total == pytest.approx(0.8, abs=0.03)
    assert rows["x2"].total == pytest.approx(0.2, abs=0.03)
    assert rows["x3"].total < 0.02
    assert rows["x1"].at_high - rows["x1"].at_low == pytest.approx(4, abs=0.15)


def test_shares_of_what_cannot_be_foretold_are_no_result() -> None:
    """Chance alone, and fewer points than would tell the numbers apart."""
    random = np.random.default_rng(2)
    names = {f"x{i}": Parameter(at="body/leukaemia.yaml: cycling.wake", bounds=(0, 1), why="w") for i in range(6)}
    for points in (9, 40):
        noise = [(float(random.standard_normal()), 1.0) for _ in range(points)]
        told = of_points(names, "y", random.random((points, 6)), noise, 100)
        assert not told.foretold > 0.5 and "no result yet" in told.verdict()


def test_the_commands(tmp_path) -> None:  # type: ignore[no-untyped-def]
    def run(*words: str) -> str:
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == 0, done.output
        return done.output

    words = ("cog-standard-risk", "--without", "methotrexate")
    told = run("power", *words, "--an-arm", "16", "--pool", "32", "--trials", "20", "--follow-up", "1")
    assert "Patients an arm for a power of 80 %" in told
    assert "saved by B" in run("compare", *words, "--who", "--patients", "32")
    refused = CliRunner().invoke(app, ["power", "cog-standard-risk"])
    assert isinstance(refused.exception, BadInput)
