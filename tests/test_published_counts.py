"""Counts against what was published (point 6). Ranges: charts.yaml, or the interval of the report."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from remission.engine.play import Options, play
from remission.engine.program import prepare
from remission.knowledge.charts_file import charts as published
from remission.knowledge.library import library
from remission.patient.population import draw
from remission.protocol.reader import read_protocol
from remission.trial import charts


def played(protocol: str, patients: int, days: int, seed: int = 23) -> dict[str, pl.DataFrame]:
    read = read_protocol(library().protocol_path(protocol))
    people = draw(read.population, patients, seed=seed)
    return play(prepare(read, library()), people, seed=seed, threads=2, options=Options(follow_up_days=days))


@pytest.fixture(scope="module")
def people() -> list[charts.Weekly]:
    known = published().played
    run = played(known.protocol, 100, 680)
    return charts.of_cohort(run["measurements"], run["doses"], known.phase, (known.first_week, known.last_week))


TOO_MUCH = pytest.mark.xfail(reason="foretold and missed: 94 % of the dose, 65-77 in charts", strict=True)


class TestMaintenance:
    @pytest.mark.parametrize(
        "name", [pytest.param(n, marks=[TOO_MUCH] * (n == "mercaptopurine")) for n in published().targets]
    )
    def test_a_number_of_the_charts(self, people, name) -> None:
        target, ours = published().targets[name], charts.estimate(people, name)
        assert ours.low <= target.high and target.low <= ours.high, (name, ours)


class TestAntibodies:
    def test_neutropenia_of_grade_3_under_blinatumomab_in_remission(self) -> None:
        """AALL1331 (brown2021): 34 of 102 in the first cycle, 25 of 88 in the second; 95 % limits of both."""
        counts = played("aall1331-blinatumomab", 120, 110)["measurements"]
        lowest = counts.group_by("phase", "patient").agg(pl.col("anc").min())
        for phase, low, high in (("blinatumomab 1", 0.25, 0.43), ("blinatumomab 2", 0.20, 0.39)):
            share = (lowest.filter(pl.col("phase") == phase)["anc"] < 1.0).mean()
            spread = 1.96 * np.sqrt(0.3 * 0.7 / 110)
            assert low - spread < share < high + spread, phase


class TestTransplant:
    def test_counts_after_a_transplant_are_not_level(self) -> None:
        states = played("forum-tbi", 32, 420)["states"].filter(pl.col("day").is_between(250, 420))
        within = states.group_by("patient").agg(pl.col("anc").log().std(), pl.len()).filter(pl.col("len") > 15)
        assert within.height > 10
        assert within["anc"].median() > 0.15
