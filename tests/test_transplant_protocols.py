"""The transplant protocols and the pathway after relapse: they read, and give the totals of FORUM in order."""

from __future__ import annotations

import pytest

from remission.protocol.model import Phase
from remission.protocol.reader import problems, read_protocol

FILES = ("forum-tbi", "forum-chemo", "forum-busulfan", "relapse-pathway")
GRAFT_DAY = 8
GRAFTS = {"sibling_marrow", "unrelated_marrow", "haploidentical_blood", "cord_blood"}


def transplant(name: str) -> Phase:
    return read_protocol(name).phase("transplant")


def total(phase: Phase, agent: str) -> float:
    """Amount per m2, kg or person of every day of one agent (of its first sentence)."""
    give = next(g for g in phase.give if g.agent == agent)
    assert give.amount is not None
    return give.amount * (give.doses_per_day if give.per == "dose" else 1) * len(give.days)


@pytest.mark.parametrize("name", FILES)
def test_every_file_reads_without_a_complaint(name: str) -> None:
    assert [str(problem) for problem in problems(name)] == []


@pytest.mark.parametrize(
    ("name", "totals"),
    [
        ("forum-tbi", {"total_body_irradiation": 12.0, "etoposide": 60.0}),
        ("forum-chemo", {"fludarabine": 150.0, "thiotepa": 10.0, "treosulfan": 42.0}),
        ("forum-busulfan", {"fludarabine": 150.0, "thiotepa": 10.0}),
    ],
)
def test_totals_of_conditioning(name: str, totals: dict[str, float]) -> None:
    phase = transplant(name)
    assert {agent: total(phase, agent) for agent in totals} == pytest.approx(totals)
    for give in phase.give:
        if give.agent in {*totals, "busulfan"}:
            assert max(give.days) < GRAFT_DAY


@pytest.mark.parametrize("name", FILES[:3])
def test_one_graft_for_each_donor_on_one_day(name: str) -> None:
    grafts = {g.agent: g for g in transplant(name).give if g.agent in GRAFTS}
    assert set(grafts) == GRAFTS
    assert {g.days for g in grafts.values()} == {(GRAFT_DAY,)}
    assert all(g.when is not None for g in grafts.values())


@pytest.mark.parametrize("name", FILES[:3])
def test_counts_are_drawn_daily_until_five_weeks_after_the_graft(name: str) -> None:
    phase = transplant(name)
    counts = next(c for c in phase.check if c.what == "counts")
    assert set(counts.days) >= set(range(1, GRAFT_DAY + 36)) and phase.days == GRAFT_DAY + 35


@pytest.mark.parametrize("name", FILES)
def test_a_relapse_leads_on(name: str) -> None:
    protocol = read_protocol(name)
    assert protocol.on_relapse in {phase.id for phase in protocol.phases}


def test_the_pathway_comes_to_both_transplants_and_to_car_t_cells() -> None:
    ids = {phase.id for phase in read_protocol("relapse-pathway").phases}
    assert {"forum-tbi: transplant", "forum-chemo: transplant", "forum-tbi: follow-up", "lymphodepletion"} <= ids
