"""What treatment costs, played: death by age, in induction and in the block after a relapse, within what was published.

Small cohorts, played for the first weeks only: the limits are those of the published share and of chance together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from remission.protocol.reader import read_protocol
from remission.trial.run import simulate

DAYS = 40


def deaths(protocol: str, population: str | None, patients: int, by_day: int = 36) -> float:
    """Percent dead by a day, not of leukaemia, whoever the protocol says it is for."""
    read = read_protocol(protocol)
    if population is not None:
        read = replace(read, eligible=None)
    run = simulate(read, patients=patients, seed=77, population=population, follow_up_years=DAYS / 365.25)
    dead = run.events.filter(
        (pl.col("event") == "death") & (pl.col("detail") != "leukaemia") & (pl.col("day") <= by_day)
    )
    return 100.0 * dead["patient"].n_unique() / patients


def test_about_one_child_in_a_hundred_dies_in_induction() -> None:
    """0.9 % with prednisone in AIEOP-BFM ALL 2000, 16 of 1509 in NOPHO ALL2008 (adults to 45 years included)."""
    assert 0.2 <= deaths("bfm-standard", None, 1000) <= 2.2


def test_death_in_induction_rises_with_age() -> None:
    """The same intensive induction: 2-3 % of young adults, 10-20 % from 55 years on."""
    young, old = (deaths("cog-high-risk", name, 600) for name in ("young-adults", "older-adults"))
    assert 0.3 <= young <= 4.5
    assert 5.0 <= old <= 24.0


def test_children_with_down_syndrome_die_in_induction_more_often() -> None:
    """4.2 against 1.2 % (AIEOP); 12 times the odds of death by infection (UKALL 2003)."""
    assert 1.4 <= deaths("bfm-standard", "down-syndrome-all", 600) <= 9.5  # exact limits of 5 of 120


def test_the_first_block_after_a_relapse_costs_more_lives_than_induction() -> None:
    """3.6 % of 661 died in block 1 of AALL1331."""
    assert 0.5 <= deaths("aall1331-chemotherapy", None, 400) <= 7.0


@pytest.mark.parametrize("population", ["childhood-all", "older-adults"])
def test_doses_follow_a_body_that_grows(population: str) -> None:
    """Mercaptopurine is 60 mg/m2 in phase IB and 50 in maintenance, some seven months later."""
    everyone = replace(read_protocol("bfm-standard"), eligible=None)
    doses = simulate(everyone, patients=64, seed=3, population=population, follow_up_years=1.0).doses
    planned = doses.filter((pl.col("agent") == "mercaptopurine") & (pl.col("planned") > 0))

    def surface(phase: str, per_m2: float) -> pl.DataFrame:
        first = planned.filter(pl.col("phase") == phase).group_by("patient").agg(pl.col("planned").first())
        return first.with_columns(pl.col("planned") / per_m2)

    both = surface("IB", 60.0).join(surface("maintenance", 50.0), on="patient", suffix="_later")
    ratio = (both["planned_later"] / both["planned"]).to_numpy()
    assert both.height >= 5
    if population == "older-adults":
        assert ratio == pytest.approx(np.ones(both.height))
    else:
        assert (
            np.all(ratio >= 1.0) and 1.015 < np.median(ratio) < 1.06
        )  # 4 to 6 % of surface in a year at 2 to 10 years


def test_a_remission_is_not_read_from_an_early_look_at_the_marrow() -> None:
    """The marrow of day 15 shows the response; that of day 29 the remission: who dies between has not reached one."""
    played = simulate("nopho-all2008", patients=96, seed=5, population="young-adults", follow_up_years=50 / 365.25)
    days = played.outcomes["remission_day"].drop_nulls().to_numpy()
    assert days.size > 60 and days.min() >= 28


def test_many_fevers_of_adults_on_high_doses_of_steroids_are_still_not_bacteraemia() -> None:
    """A fifth to two fifths of the fevers of adults with few neutrophils; steroids raise the share, never to all."""
    three_weeks = 21 / 365.25
    run = simulate("hyper-cvad", patients=300, seed=5, population="adult-ph-negative", follow_up_years=three_weeks)
    often = run.events["event"].value_counts()
    count = dict(zip(often["event"], often["count"], strict=True))
    assert count["fever"] > 50
    assert 0.2 <= count["bloodstream infection"] / count["fever"] <= 0.65
