"""A second cancer: how often, that it is an event of who is in first remission, and who dies of it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from remission.body.second_cancer import DAYS_PER_YEAR, second_cancer
from remission.engine.play import Options, play
from remission.engine.program import prepare
from remission.knowledge.library import library
from remission.knowledge.trial_file import Endpoint
from remission.patient.population import draw
from remission.protocol.reader import read_protocol
from remission.trial.endpoints import Played, simulated
from remission.trial.first_event import first_event


def test_a_second_cancer_comes_as_often_as_published_and_four_of_ten_live_ten_years_with_it() -> None:
    people = draw("childhood-all", 40000, seed=3)
    found = second_cancer(library().body("second_cancer"), people, seed=3)
    by_ten_years = np.mean(found.day < 10 * DAYS_PER_YEAR)
    assert 0.008 < by_ten_years < 0.015  # 1.18 % (0.8 to 1.5)
    alive = np.mean(found.death - found.day > 10 * DAYS_PER_YEAR)
    assert alive == pytest.approx(0.39, abs=0.01)
    assert np.array_equal(found.day, second_cancer(library().body("second_cancer"), people, seed=3).day)


def test_who_has_a_second_cancer_is_among_the_side_effects_and_dies_of_it_on_its_day() -> None:
    program = prepare(read_protocol(library().protocol_path("bfm-standard")), library())
    people = draw("childhood-all", 1500, seed=5)
    found = second_cancer(library().body("second_cancer"), people, seed=5)
    mine = np.argsort(found.death)[:24]  # those who would die of it first
    tables = play(program, people.take(mine), seed=5, threads=1,
                  options=Options(follow_up_days=9000, record=("outcomes", "side_effects")))  # fmt: skip
    outcomes = tables["outcomes"].sort("patient")
    order = np.argsort(people.patient[mine])
    day, death = found.day[mine][order], found.death[mine][order]
    ends = outcomes["outcome_day"].to_numpy()
    had = outcomes["second_cancer_day"].is_not_null().to_numpy()
    assert (had == (day < ends)).all() and had.sum() > 12
    assert (outcomes["second_cancer_day"].drop_nulls().to_numpy() == day[had]).all()
    other = (outcomes["death_cause"] == "another cause").fill_null(False).to_numpy()
    assert other.sum() > 8 and np.mean(ends[other] == death[other]) > 0.9 and (ends <= death).all()
    told = tables["side_effects"].filter(pl.col("side_effect") == "second_cancer")
    expected = set(zip(outcomes["patient"].to_numpy()[had], day[had], strict=True))
    assert expected <= set(told.select("patient", "day").iter_rows())
    calm = play(program, people.take(mine), seed=5, threads=1,
                options=Options(follow_up_days=9000, chance=False, record=("outcomes", "side_effects")))  # fmt: skip
    assert calm["outcomes"]["second_cancer_day"].null_count() == 24


def test_it_is_an_event_before_a_relapse_and_competes_with_relapse_and_death() -> None:
    """Cancer alone; cancer and later death of it; cancer after the relapse; no remission and cancer; nothing."""
    outcomes = pl.DataFrame({
        "patient": [0, 1, 2, 3, 4], "remission": [True, True, True, False, True], "eoi_mrd": [0.0] * 5,
        "outcome": ["in remission", "death", "in remission", "in remission", "in remission"],
        "outcome_day": [2000, 1500, 2000, 2000, 2000], "relapse_day": [None, None, 800, None, None],
        "second_cancer_day": [900, 900, 900, 900, None],
    })  # fmt: skip
    rows = first_event(outcomes)
    assert rows["kind"].to_list() == ["second cancer", "second cancer", "relapse", "no remission", None]
    assert rows["day"].to_list() == [900, 900, 800, 0, 2000]
    events = pl.DataFrame(
        [(i, 30, "remission", "") for i in (0, 1, 2, 4)] + [(2, 800, "relapse", "marrow")],
        schema=["patient", "day", "event", "detail"], orient="row",
    ).with_columns(phase=pl.lit("one"))  # fmt: skip
    played = Played({"outcomes": outcomes, "events": events})

    def percent(what: str) -> float:
        keys = {"what": what, "at": "5 years", "value": 1, "unit": "percent", "read": "abstract", "used": "predict"}
        return simulated(played, Endpoint.model_validate({**keys, "source": "forum"})).value

    assert percent("event-free survival") == pytest.approx(20)  # the fourth has it without a remission being asked for
    assert percent("overall survival") == pytest.approx(80)
    assert percent("relapse") == pytest.approx(20)
    assert percent("non-relapse mortality") == 0
