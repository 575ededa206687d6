"""What follows a relapse: another protocol that takes over, with the same patients, relapses and chance."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.protocol.model import Protocol
from remission.protocol.reader import read_protocol
from remission.protocol.variant import variant
from remission.trial.run import simulate

SECOND_LINES = ("relapse-children", "relapse-children-2000s", "relapse-children-europe-2000s")
FOR_ADULTS = ("relapse-adults", "relapse-adults-2000s")


def played(after_relapse: str, patients: int = 160) -> tuple[pl.DataFrame, pl.DataFrame]:
    run = simulate(
        variant("bfm-standard", after_relapse=after_relapse), patients=patients, seed=5, follow_up_years=8.0,
        record=("outcomes", "events"),
    )  # fmt: skip
    return run.outcomes, run.events


def test_whoever_relapses_does_so_on_the_same_day_whatever_follows() -> None:
    ended, _ = played("none")
    went_on, events = played("relapse-children-2000s")
    relapses = ended.select("patient", "relapse_day", "relapse_site")
    assert relapses.equals(went_on.select("patient", "relapse_day", "relapse_site"))
    who = ended.filter(pl.col("outcome") == "relapse")
    assert who.height >= 10, "a cohort in which somebody relapses"
    assert who["outcome_day"].equals(who["relapse_day"])
    begun = events.filter(
        pl.col("phase").str.starts_with("relapse-children-2000s") & (pl.col("event") == "phase start")
    )
    assert set(begun["patient"]) == set(who["patient"])
    first = begun.group_by("patient").agg(pl.col("day").min()).join(who, on="patient")
    assert (first["day"] == first["relapse_day"] + 1).all()


def test_survival_is_known_to_the_end_when_relapses_are_treated() -> None:
    outcomes, _ = played("relapse-children")
    assert "relapse" not in outcomes["outcome"].to_list()
    relapsed = outcomes.filter(pl.col("relapse_day").is_not_null() & (pl.col("outcome") != "death"))
    followed = relapsed.filter(pl.col("outcome") != "left")["outcome_day"]
    assert followed.len() and (followed == round(8 * 365.25)).all(), "not to the fifth year only"


def test_early_relapses_go_to_a_transplant_and_late_ones_of_b_cells_to_chemotherapy() -> None:
    outcomes, events = played("relapse-children-2000s", 400)
    phases = events.filter(pl.col("event") == "phase start").join(
        outcomes.select("patient", "relapse_day", "lineage"), on="patient"
    )
    grafted = phases.filter(pl.col("phase").str.contains("transplant"))
    chemotherapy = phases.filter(pl.col("phase") == "relapse-children-2000s: maintenance")
    late = pl.col("relapse_day") > 36.1 * 365.25 / 12
    assert grafted.height and chemotherapy.filter(late).height
    straight = grafted.filter(late & (pl.col("lineage") == "B") & (pl.col("day") - pl.col("relapse_day") < 200))
    assert straight.height <= 0.3 * grafted.height, "only those with 0.1 % or more after three blocks"


@pytest.mark.parametrize("name", SECOND_LINES + FOR_ADULTS)
def test_every_second_line_can_follow_a_first_one_and_stands_alone(name: str) -> None:
    first = "cog-standard-risk" if name in SECOND_LINES else "d-alba"
    linked = variant(first, after_relapse=name)
    assert linked.on_relapse == f"{name}: choice"
    assert len({phase.id for phase in linked.phases}) == len(linked.phases)
    assert simulate(name, patients=16, seed=1, follow_up_years=1.0, record=("outcomes",)).outcomes.height == 16


def test_a_rule_of_the_whole_protocol_keeps_what_the_linked_phase_gives() -> None:
    linked = variant("cog-standard-risk", after_relapse="relapse-children-2000s")
    block = next(phase for phase in linked.phases if phase.id == "relapse-children-2000s: block 3")
    stopped = [{t.agent for t in rule.action.targets} for rule in block.rules if "pancreatitis" in rule.text]
    assert stopped == [{"asparaginase_ecoli"}]


def test_a_file_may_name_the_treatment_of_a_relapse(tmp_path: Path) -> None:
    text = Path(library().protocol_path("cog-standard-risk")).read_text()
    own = tmp_path / "own.yaml"
    own.write_text(text.replace("\nphases:", "\non relapse: 'go to relapse-children: choice [memory]'\n\nphases:", 1))
    assert read_protocol(own).on_relapse == "relapse-children: choice"
    own.write_text(text.replace("\nphases:", "\non relapse: 'go to relapse-children: chioce [memory]'\n\nphases:", 1))
    with pytest.raises(BadInput, match="relapse-children: choice"):
        read_protocol(own)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("relapse-chidren", "relapse-children"),
        ("cog-standard-risk", "cannot follow itself"),
        ("../x", "unknown protocol"),
    ],
)
def test_a_second_line_that_cannot_be_is_told(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        variant("cog-standard-risk", after_relapse=name)


def test_leukaemia_that_does_not_give_way_goes_to_the_second_line_too() -> None:
    plain = variant("bfm-95", after_relapse="none")
    linked = variant("bfm-95", after_relapse="relapse-children-2000s")

    def leaves(protocol: Protocol) -> set[str]:
        return {d.target for phase in protocol.phases for d in phase.decide if d.action == "leave"}

    gone = leaves(plain) - leaves(linked)
    assert any("no remission" in reason for reason in gone)
    assert "graft failure" in leaves(linked), "whoever leaves for another reason still does"


def test_the_usual_second_line_is_that_of_the_file_or_of_today() -> None:
    assert variant("cog-high-risk", after_relapse="usual").on_relapse == "relapse-children: choice"
    assert variant("graall-2005", after_relapse="usual").on_relapse == "relapse-adults: choice"
    assert variant("d-alba", after_relapse="usual") == read_protocol("d-alba")
    assert variant("cog-high-risk", after_relapse="usual").id == "cog-high-risk"
