"""One thing changed in a treatment: what it does to the same patients (docs/what_ifs.py holds the questions), and
treatment that answers to what has ever been."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import polars as pl
import pytest

import remission as rm
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.knowledge.side_effect import Published
from remission.protocol.explain import explain_condition
from remission.protocol.reader import read_protocol, read_sentence
from remission.protocol.variant import variant
from remission.protocol.write import condition as written
from remission.protocol.write import sentence
from remission.trial.incidence import Arm, arms
from remission.trial.validate import treated

_SPEC = importlib.util.spec_from_file_location("what_ifs", Path(__file__).parents[1] / "docs" / "what_ifs.py")
assert _SPEC is not None and _SPEC.loader is not None
what_ifs = importlib.util.module_from_spec(_SPEC)
sys.modules["what_ifs"] = what_ifs
_SPEC.loader.exec_module(what_ifs)


@pytest.mark.parametrize(
    "what", what_ifs.WHAT_IFS, ids=lambda what: (*what.changes[-1].add, *what.changes[-1].without)[0].split()[0]
)
def test_what_is_changed_shows_where_it_should(what) -> None:
    """400 patients of another seed than the page's: the first measure moves in the expected direction; beyond chance
    where it is no rare one."""
    row = what.played(400, 7).row(what.measures[0])
    assert (row.change.value < 0) is what.lower and row.change.value != 0
    assert row.clear or row.first.value < 15


def test_maintenance_can_go_on_for_another_time_and_nothing_else_changes() -> None:
    whole = read_protocol("bfm-95")
    longer = variant(whole, add=["until 3 years from start of treatment"], phases=["maintenance"])
    changed = [(one, two) for one, two in zip(whole.phases, longer.phases, strict=True) if one != two]
    assert changed and all(one.repeat_until for one, _ in changed)
    assert {until.days for _, two in changed for until in two.repeat_until} == {3 * 365}
    with pytest.raises(BadInput, match="maintenance"):
        variant(whole, add=["until 3 years from start of treatment"])


def test_the_same_protocol_holds_none_of_the_agents_that_are_added() -> None:
    for what in what_ifs.WHAT_IFS:
        if what.changes[0].without:
            continue
        given = {give.agent for phase in read_protocol(what.protocol).phases for give in phase.give}
        for change in what.changes:
            assert all(sentence.split()[0] not in given for sentence in change.add)


# --- what has ever been -------------------------------------------------------------------------


def test_ever_is_written_as_it_is_read_and_told_in_words() -> None:
    sentence = "stop pegaspargase for good when asparaginase_allergy ever >= 2"
    rule = read_sentence("rule", sentence)
    assert rule.action.when.name == "asparaginase_allergy ever"
    assert written(rule.action.when) == "asparaginase_allergy ever >= 2"
    assert explain_condition(rule.action.when) == "asparaginase allergy (worst grade so far) is at least 2"


@pytest.mark.parametrize("name", ["anc", "crs", "age"])
def test_ever_is_for_side_effects_alone(name) -> None:
    with pytest.raises(BadInput, match=f"which {name} is not") as told:
        read_sentence("rule", f"stop pegaspargase for good when {name} ever >= 2")
    assert "'ever'" in str(told.value)


@pytest.fixture(scope="module")
def high_risk() -> dict[str, pl.DataFrame]:
    run = rm.simulate("cog-high-risk", patients=400, seed=3, follow_up_years=1.0,
                      record=("outcomes", "doses", "side_effects"))  # fmt: skip
    return {name: frame.collect() for name, frame in run.frames.items()}


def test_erwinia_takes_the_place_of_pegaspargase_after_a_reaction_and_only_then(high_risk) -> None:
    reaction = high_risk["side_effects"].filter(
        (pl.col("side_effect") == "asparaginase_allergy") & (pl.col("grade") >= 2)
    ).group_by("patient").agg(reacted=pl.col("day").min())  # fmt: skip
    given = high_risk["doses"].filter(pl.col("dose") > 0)
    erwinia = given.filter(pl.col("agent") == "asparaginase_erwinia").join(reaction, on="patient", how="left")
    assert erwinia.height > 100
    assert erwinia["reacted"].null_count() == 0
    assert (erwinia["from_day"] > erwinia["reacted"]).all()
    late = given.filter(pl.col("agent") == "pegaspargase").join(reaction, on="patient")
    assert (late["from_day"] <= late["reacted"] + 7).all()  # until the next visit at the latest


def test_most_reactions_come_with_a_later_dose(high_risk) -> None:
    """43 of 56 reactions in consolidation, fewer than one of ten in induction (Halford 2020)."""
    days = high_risk["side_effects"].filter(pl.col("side_effect") == "asparaginase_allergy")["day"]
    assert days.len() > 40
    assert (days < 36).mean() < 0.25


# --- published incidences of a changed protocol --------------------------------------------------


def test_a_published_incidence_of_a_changed_protocol_is_an_arm_of_its_own() -> None:
    mine = [arm for arm, rows in arms(library()).items() if any(name == "bloodstream_infection" for name, _ in rows)]
    changed = [arm for arm in mine if arm.add]
    assert len(changed) == 1 and changed[0]._replace(add=(), phases=()) in mine
    assert changed[0] == Arm(changed[0].protocol, changed[0].population, (), changed[0].add, ("block 1", "block 2"))
    variant(changed[0].protocol, add=changed[0].add, phases=changed[0].phases)


def test_the_change_is_told_in_the_label() -> None:
    seen = Published(name="t", protocol="p", within_days=9, value=5, read="memory", used="orientation",
                     without=("pegaspargase",), add=("levofloxacin 10 mg/kg PO daily [memory]",))  # fmt: skip
    assert seen.label() == "any grade within 9 days, without pegaspargase, with levofloxacin 10 mg/kg PO daily"


def test_an_added_decision_may_lead_to_another_protocol() -> None:
    changed = variant("bfm-95", add=["day 56: if chance < 3% go to tccsg-l92-13: follow-up"], phases=["M"])
    before = variant("bfm-95")
    ids = [phase.id for phase in changed.phases]
    assert ids == [*(phase.id for phase in before.phases), "tccsg-l92-13: follow-up"]
    assert [p for p in changed.phases if p.id not in ("M", ids[-1])] == [p for p in before.phases if p.id != "M"]
    assert {give.agent for give in changed.phases[-1].give} == {"co-trimoxazole"} and changed.phases[-1].next is None


def test_a_decision_that_is_added_is_judged_before_those_of_the_file_of_its_day() -> None:
    """Without it a trial that transplants fewer plays as many transplants as the protocol by which it is played."""
    added = "day 42: if lineage is T go to consolidation 1"
    protocol = variant("ukall12-e2993", add=[added], phases=["intensification"])
    of_the_day = [
        line for line in next(p for p in protocol.phases if p.id == "intensification").decide if line.day == 42
    ]
    assert len(of_the_day) > 1 and sentence(of_the_day[0]) == added
    protocol = variant(protocol, add=["day 42: if chance < 100% go to consolidation 1"], phases=["intensification"])
    took = rm.simulate(
        protocol, patients=150, seed=7, population="adults-15-59", follow_up_years=1, record=("outcomes",)
    )
    assert took.outcomes["transplant_day"].is_null().all()


def test_half_of_mrc_all97_99_has_prednisolone_and_thioguanine_wherever_chance_decided() -> None:
    trial = library().trial("mrc_all97_99")
    played = {name: treated(arm, None) for name, arm in trial.arms.items() if not arm.together}
    strong = "delayed intensification"  # all had dexamethasone there
    drugs = {
        name: {give.agent for phase in protocol.phases if strong not in phase.id for give in phase.give}
        for name, protocol in played.items()
    }
    one, other = drugs["dexamethasone"], drugs["prednisolone"]
    for protocol in played.values():  # all had thioguanine there
        repeated = [phase for phase in protocol.phases if strong in phase.id]
        assert len(repeated) == 4 and all("thioguanine" in {give.agent for give in phase.give} for phase in repeated)
        assert not any(give.agent == "mercaptopurine" for phase in repeated for give in phase.give)
    assert one - other == {"dexamethasone"} and other - one == {"prednisolone", "thioguanine"}
    courses = [phase for phase in played["prednisolone"].phases if "continuing" in phase.id]
    assert len(courses) == 2 and not any(give.agent == "mercaptopurine" for phase in courses for give in phase.give)
    assert not any("time point 1" in sentence(line) for line in played["dexamethasone"].phases[0].decide)


def test_dclsg_all7_irradiates_children_with_blasts_in_the_fluid_alone_and_ends_after_eighteen_months() -> None:
    (phase,) = [p for p in read_protocol("dcog-all7").phases if p.id == "irradiation"]
    assert all("cns is 3" in sentence(give) for give in phase.give if give.agent == "cranial_irradiation")
    (tablets,) = [p for p in read_protocol("dcog-all7").phases if p.id == "maintenance"]
    assert [until.days for until in tablets.repeat_until] == [pytest.approx(18 * 365.25 / 12, abs=2)]


def test_several_changes_of_an_arm_are_each_for_their_own_phases() -> None:
    italian = {phase.id: phase for phase in treated(library().trial("aieop_all95").arms["all"], None).phases}
    german = {phase.id: phase for phase in read_protocol("bfm-95").phases}
    enzyme = {name: {g.agent for g in italian[name].give if "asparaginase" in g.agent} for name in ("IA", "II")}
    assert enzyme == {"IA": {"asparaginase_erwinia"}, "II": {"asparaginase_erwinia"}}
    strong = [sentence(g) for g in italian["M"].give if g.agent == "methotrexate" and g.route == "IV"]
    assert len(strong) == 1 and strong[0].startswith("methotrexate 2 g/m2 IV")
    assert not any(g.agent == "methotrexate" and g.route == "IV" for name in ("IA", "II") for g in italian[name].give)
    changed = {name for name in german if italian[name].give != german[name].give}
    assert changed == {"IA", "M", "II", "bfm-high-risk: II"}, "of that name, in the linked protocol too"
