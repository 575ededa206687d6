"""Death of other causes: the life table, who dies by it and when."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from remission.body import mortality
from remission.body.second_cancer import second_cancer
from remission.engine.play import Options, play
from remission.engine.program import prepare
from remission.knowledge.library import library
from remission.patient.population import draw
from remission.protocol.reader import read_protocol


def test_people_die_as_the_life_table_says_and_men_of_seventy_sooner_than_women() -> None:
    table, people = library().body("mortality"), draw("older-adults", 4000, seed=3)
    age = mortality.age_at_death(table, people, seed=3)
    dead = age < people.age_y + 5
    for sex in ("female", "male"):
        mine = people.sex == ("female", "male").index(sex)
        years = people.age_y[mine][:, None] + np.linspace(0, 5, 21)
        expected = -np.expm1(-np.trapezoid(mortality.hazard(table, sex, years), years, axis=1))
        spread = np.sqrt(np.sum(expected * (1 - expected))) / mine.sum()
        assert dead[mine].mean() == pytest.approx(expected.mean(), abs=3.5 * spread)
    assert mortality.hazard(table, "male", np.array([70.0])) == pytest.approx(-np.log1p(-0.028904))  # the table itself
    assert mortality.hazard(table, "female", np.array([65.0])) == pytest.approx(np.sqrt(0.00777 * 0.01912), rel=1e-3)


def test_whoever_is_alive_dies_on_the_day_of_his_other_illness_on_treatment_and_long_after_it() -> None:
    program = prepare(read_protocol(library().protocol_path("gimema-lal1811")), library())
    people = draw("ph-positive-adults", 96, seed=11)
    outcomes = play(program, people, seed=11, threads=1, options=Options(follow_up_days=5000))["outcomes"]
    age = mortality.age_at_death(library().body("mortality"), people, seed=11)
    cancer = second_cancer(library().body("second_cancer"), people, seed=11)
    day = np.minimum(np.floor(365.25 * (age - people.age_y)), cancer.death)
    ends = outcomes["outcome_day"].to_numpy()
    other = outcomes["death_cause"].fill_null("") == "another cause"
    assert 5 < other.sum() < 60 and ends[other].min() < 1500 and ends[other].max() > 3000
    assert (ends[other] == day[other]).all()
    assert (ends <= day).all()  # nobody outlives it
    still = outcomes.filter(~other, pl.col("outcome") == "in remission")["outcome_day"]
    assert (still == 5000).all()
