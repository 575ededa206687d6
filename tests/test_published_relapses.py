"""Relapse against what was published (points 1, 4, 5 and 7): each range is that of the report, widened by the chance
of so few patients. What holds only after a calibration is marked so."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from remission.protocol.model import Protocol
from remission.protocol.reader import read_protocol
from remission.trial.estimates import cumulative_incidence, hazard_ratio, survival
from remission.trial.run import simulate

PATIENTS, YEARS = 400, 6.0
FIVE = 5 * 365.25
APART = "12.7 points apart (73.7 and 86.4 %): why is not known in full, docs/credibility.md"


def stopped_before_maintenance(protocol: Protocol) -> Protocol:
    """The same with the last of the intensive phases as its end."""
    follows = [phase.next or (later.id if phase.next == "" else None) for phase, later in
               zip(protocol.phases, (*protocol.phases[1:], protocol.phases[-1]), strict=True)]  # fmt: skip

    def tablets(name: str | None) -> bool:
        return bool(name) and "maintenance" in str(name) and "interim" not in str(name)

    phases = [replace(phase, next=None) if tablets(after) and not tablets(phase.id) else phase
              for phase, after in zip(protocol.phases, follows, strict=True)]  # fmt: skip
    return replace(protocol, phases=tuple(phases))


@cache
def played(
    protocol: str, entry: str | None = None, population: str | None = None, tablets: bool = True
) -> pl.DataFrame:
    """Outcomes; ``entry``: the protocol whose patients they are."""
    read = read_protocol(protocol)
    if entry:
        read = replace(read, eligible=read_protocol(entry).eligible)
    if not tablets:
        read = stopped_before_maintenance(read)
    return simulate(read, patients=PATIENTS, seed=31, population=population, follow_up_years=YEARS,
                    record=("outcomes",)).outcomes  # fmt: skip


def events(people: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Day, whether it failed, whether by relapse; who leaves for another protocol is censored."""
    outcome = people["outcome"]
    failed = outcome.is_in(["relapse", "refractory", "death"]).to_numpy()
    return people["outcome_day"].to_numpy().astype(float), failed, (outcome == "relapse").to_numpy()


def event_free(people: pl.DataFrame) -> float:
    day, failed, _ = events(people)
    return survival(day, failed, FIVE).value


def relapsed(people: pl.DataFrame) -> float:
    day, failed, relapse = events(people)
    return cumulative_incidence(day, np.where(relapse, 1, np.where(failed, 2, 0)), FIVE).value


def in_cns(people: pl.DataFrame) -> float:
    return people["relapse_site"].is_in(["CNS", "combined"]).fill_null(False).mean()


class TestResponse:
    """Point 1."""

    @pytest.mark.xfail(reason=APART, strict=True)
    def test_the_same_children_do_alike_on_both_backbones(self) -> None:
        """About 80 % on either, within 6 points."""
        bfm, cog = played("bfm-standard", "cog-high-risk"), played("cog-high-risk")
        assert abs(event_free(bfm) - event_free(cog)) < 0.06 + 0.05

    def test_the_two_backbones_are_no_longer_a_matter_of_life_and_death(self) -> None:
        """They were 25 points apart: 66 and 93 %."""
        bfm, cog = event_free(played("bfm-standard", "cog-high-risk")), event_free(played("cog-high-risk"))
        assert 0.62 < bfm < 0.88 and 0.70 < cog < 0.90 and cog - bfm < 0.18

    @pytest.mark.parametrize(
        "protocol,entry,population",
        [
            ("bfm-standard", None, None),
            pytest.param(
                "cog-standard-risk", None, "standard-risk-b-all",
                marks=pytest.mark.xfail(reason="32 points; 25 are judged in without_tablets", strict=True),
            ),
            ("cog-high-risk", None, None),
        ],
    )  # fmt: skip
    def test_maintenance_prevents_one_relapse_in_five_children(self, protocol, entry, population) -> None:
        """15-25 points (the six months of L92-13 against two years); here on three backbones, +-6 for 400 patients."""
        more = relapsed(played(protocol, entry, population, tablets=False)) - relapsed(
            played(protocol, entry, population)
        )
        assert 0.09 < more < 0.31

    def test_mrd_foretells_and_does_not_decide(self) -> None:
        """At 1e-3 or more against below 1e-4: a hazard about 3-6 times as large; it was 14-33. EFS of the negative 88
        +- 4 (borowitz2015)."""
        people = played("cog-high-risk").filter(pl.col("eoi_mrd").is_not_null())
        low, high = people["eoi_mrd"] < 1e-4, people["eoi_mrd"] >= 1e-3
        told = people.filter(low | high)
        day, failed, _ = events(told)
        ratio = hazard_ratio(day, failed, (told["eoi_mrd"] >= 1e-3).to_numpy())
        assert ratio is not None and ratio.low < 6 and ratio.high > 3 and ratio.value < 9
        assert 0.82 < event_free(people.filter(low)) < 0.94


class TestCns:
    """Point 4."""

    def test_a_few_percent_relapse_there(self) -> None:
        """BFM: 2-4 % isolated or combined; it was 10-14."""
        assert 0.005 < in_cns(played("bfm-standard")) < 0.06

    def test_the_boys_do_not_fare_better(self) -> None:
        """Point 7: treated as long as girls, boys relapse at least as often (+-4 points for 400 children)."""
        people = played("bfm-standard")
        boys, girls = (relapsed(people.filter(pl.col("sex") == sex)) for sex in ("male", "female"))
        assert boys > girls - 0.04


class TestTCell:
    """Point 5."""

    def test_three_quarters_of_t_all_stay_well(self) -> None:
        """75.9 % at 7 years, 464 children (AIEOP-BFM ALL 2000)."""
        people = played("bfm-standard", None, "t-all").filter(pl.col("age_y") < 18)
        assert 0.70 < event_free(people) < 0.82


class TestTimes:
    """Point 7."""

    def test_half_of_the_relapses_of_b_all_are_late(self) -> None:
        """About half at 36 months or more (rheingold2024)."""
        people = pl.concat([played("bfm-standard"), played("cog-standard-risk", None, "standard-risk-b-all")])
        day = people.filter((pl.col("outcome") == "relapse") & (pl.col("lineage") == "B"))["outcome_day"] / 30.44
        assert 0.35 < (day >= 36).mean() < 0.75

    def test_infants_relapse_within_a_year(self) -> None:
        """At 6-10 months (median), about half of them."""
        people = played("interfant-06")
        day = people.filter(pl.col("outcome") == "relapse")["outcome_day"] / 30.44
        assert 5 < day.median() < 11.5 and 0.3 < relapsed(people) < 0.65
