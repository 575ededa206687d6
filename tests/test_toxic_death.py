"""Treatment kills more often by age, steroids and Down syndrome; the mechanism, not the published shares."""

from __future__ import annotations

import numpy as np
import pytest

from remission.body.infection import kills
from remission.body.person import individual
from remission.knowledge.library import library
from remission.patient.person import one

LETHALITY = "bloodstream.lethality"


def lethality(**person: object) -> float:
    who = one(**{"sex": "male", "age_y": 6.0, **person})  # type: ignore[arg-type]
    return float(individual(library().body("infection")[LETHALITY], "-", who, seed=1, purpose="x")[0])


def test_beyond_forty_years_a_bloodstream_infection_kills_the_more_often_the_older_somebody_is():
    course = [lethality(age_y=age, population="adult-all") for age in (40, 45, 55, 65, 79)]
    assert np.all(np.diff(course) > 0)
    powers = {c.reference: c.power for c in library().body("infection")["bloodstream.lethality"].covariates if c.power}
    assert course[-1] / course[0] == pytest.approx((79 / 40) ** powers[40] * (79 / 60) ** powers[60], rel=1e-6)
    assert 1.49 < lethality(age_y=70, population="adult-all") / lethality(age_y=50, population="adult-all") < 7.8
    assert lethality(age_y=19, population="adult-all") == lethality(age_y=40, population="adult-all")  # NOPHO ALL2008
    assert lethality(age_y=4) == lethality(age_y=12) == lethality(age_y=17.9)


def test_infants_girls_and_children_with_down_syndrome_die_more_often_of_it():
    assert lethality(age_y=0.5) == pytest.approx(3 * lethality())
    assert lethality(sex="female") == pytest.approx(1.63 * lethality(), rel=0.01)  # UKALL 2003, odds of 1.63
    assert 3.4 < lethality(down=True) / lethality() < 12.1  # of all treatment deaths, and of infectious ones


def test_a_bloodstream_infection_kills_less_often_than_always_at_any_age():
    death = library().body("infection")["bloodstream.death"].value
    assert kills(death, 1.0, 0.0) < death
    course = [kills(death, lethality(age_y=age, population="adult-all"), 2.0) for age in (40, 50, 60, 79)]
    assert np.all(np.diff(course) > 0) and course[-1] < 1


def test_published_ratios_of_odds_multiply_whoever_they_are_told_of():
    """Twice the steroids are the same ratio of odds in a child and at 65 years, where a product of risks passes one."""
    death = library().body("infection")["bloodstream.death"].value
    for who in (1.0, lethality(age_y=65, population="adult-all")):
        few, many = (kills(death, who, steroids) for steroids in (3.0, 7.0))
        assert many / (1 - many) == pytest.approx(2 * few / (1 - few))
    few, many = kills(death, who, 0.0), kills(death, who, 14.0)
    assert 15 * few > 1 > many


@pytest.mark.parametrize(("steroid", "mean"), [("dexamethasone", 0.060), ("prednisone", 0.22), ("prednisolone", 0.22)])
def test_steroids_make_infection_and_its_death_likelier(steroid, mean):
    """At the mean concentration of 6 mg/m2 of dexamethasone or 60 of prednisone (umol/L) and at 1.67 times as much."""
    effects = {e.on: e for e in library().agent(steroid).effects}
    often, fatal = effects["infection"], effects["infection death"]

    def deaths(x: float) -> float:
        risen = (x / fatal.half.value) ** fatal.hill.value
        return (1 + often.slope.value * x) * (1 + fatal.max.value * risen / (1 + risen))

    # AIEOP-BFM ALL 2000: 2.5 against 0.9 % of half of 3720 children each, which is 2.78 times (95 % limits 1.6 to 4.9)
    seen, a, b, half = 2.5 / 0.9, 0.025, 0.009, 3720 / 2
    spread = np.exp(1.96 * np.sqrt((1 - a) / (a * half) + (1 - b) / (b * half)))
    assert seen / spread < deaths(mean * 10 / 6) / deaths(mean) < seen * spread
    assert 1 + often.slope.value * mean == pytest.approx(2, rel=0.01)


def test_very_many_white_cells_and_bleeding_without_platelets_kill_more_often():
    """7 of 2,735 children died of the tumour's burden (lund2011); of 178 those bled in the brain who had more than 400
    white cells (lowe2005); 6 of 16 serious bleeds killed in Chongqing (xu2020)."""

    def fatal(effect: str, **person: object) -> float:
        who = one(**{"sex": "male", "age_y": 6.0, **person})  # type: ignore[arg-type]
        return float(individual(library().side_effect(effect).grades[5], "-", who, seed=1, purpose="x")[0])

    assert fatal("tumour_lysis", wbc=400.0) == pytest.approx(10 * fatal("tumour_lysis", wbc=40.0))
    assert fatal("tumour_lysis", wbc=400.0) < 0.1
    rich, poorer = (fatal("bleeding", setting=word) for word in ("high income", "upper middle income"))
    grades = library().side_effect("bleeding").grades
    serious = sum(grades[grade].value for grade in (3, 4))
    assert rich / (rich + serious) < 0.05 and poorer / (poorer + serious) == pytest.approx(6 / 16, abs=0.05)
