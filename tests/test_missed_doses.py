"""Doses that are not taken: which they are, what hangs on them, and what people write to ask for them."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from test_engine import ALWAYS, NEVER, daily, give, phase, run

from remission.engine.play import Options
from remission.knowledge.errors import BadInput
from remission.protocol.model import Check, Compare, Hold, Miss, Phase, Rule, Target
from remission.protocol.plan import plan
from remission.protocol.reader import read_protocol
from remission.protocol.variant import missed, variant
from remission.trial.side_effects import doses_lost

CHANCE = Options(chance=True)
DAYS = range(1, 301)
INERT = Target("inert")


def reasons(*rules, days=DAYS, who=None, **more):
    out = run(phase(give("inert", days, **more), days=300, rules=rules, next=None), options=CHANCE, who=who)
    return daily(out, column="reason")


def days_missed(*rules, **more):
    return {day for day, reason in reasons(*rules, **more).items() if reason == "missed"}


def test_every_tenth_dose_is_missed_and_each_by_itself():
    found = days_missed(Miss((INERT,), 0.1))
    assert 15 <= len(found) <= 45, "three standard deviations about 30 of 300"
    again = sum(day + 1 in found for day in found)
    assert again <= 9, "a missed dose does not bring another one: 3 are expected"
    assert days_missed(Miss((INERT,), 0.1)) == found, "the same seed, the same days"


def test_who_misses_more_misses_those_doses_too_that_he_misses_when_he_misses_less():
    few, many, all_of_them = (days_missed(Miss((INERT,), share)) for share in (0.05, 0.2, 1.0))
    assert few < many < all_of_them == set(range(300))
    both = days_missed(Miss((INERT,), 0.05), Miss((INERT,), 0.2))
    assert both == many, "two rules: the larger share, not their sum"


def test_a_missed_dose_is_nothing_in_the_body_and_the_days_beside_it_are_whole():
    out = run(phase(give("inert", DAYS), days=300, rules=(Miss((INERT,), 0.1),), next=None), options=CHANCE)
    dose, planned, factor = (daily(out, column=name) for name in ("dose", "planned", "factor"))
    gone = {day for day, reason in daily(out, column="reason").items() if reason == "missed"}
    assert {dose[d] for d in gone} == {factor[d] for d in gone} == {0.0}
    assert len(set(planned.values())) == 1, "what was due does not change"
    assert all(dose[d] == planned[d] and factor[d] == 1.0 for d in set(dose) - gone)


def test_each_dose_of_a_day_is_missed_by_itself():
    out = run(phase(give("inert", DAYS, times=2), days=300, rules=(Miss((INERT,), 0.5),), next=None), options=CHANCE)
    shares = pl.Series(list(daily(out, column="factor").values())).value_counts().sort("")["count"].to_list()
    assert shares[0] + shares[2] == pytest.approx(150, abs=35) and shares[1] == pytest.approx(150, abs=35)
    assert shares[0] == pytest.approx(75, abs=25), "both of a day: one day in four"


def test_the_same_tablet_is_missed_whatever_else_is_given_and_however_late_the_phase_begins():
    rule, alone = Miss((INERT,), 0.1), days_missed(Miss((INERT,), 0.1))
    late = (
        phase(give("other", (1,)), days=9, id="before"),
        phase(give("other", DAYS), give("inert", DAYS), days=300, id="a", rules=(rule,), next=None),
    )
    out = run(*late, options=CHANCE)
    assert {day - 9 for day, why in daily(out, column="reason").items() if why == "missed"} == alone


def test_two_cycles_of_a_phase_do_not_miss_the_same_days():
    cycles = phase(give("inert", range(1, 101)), days=100, repeat_times=2, rules=(Miss((INERT,), 0.2),), next=None)
    gone = {day for day, why in daily(run(cycles, options=CHANCE), column="reason").items() if why == "missed"}
    first, second = {d for d in gone if d < 100}, {d - 100 for d in gone if d >= 100}
    assert first and second and first != second


def test_only_what_the_rule_names_and_only_when_it_says_so():
    rule = Miss((INERT,), 1.0)
    gives = (give("inert", (1, 2)), give("other", (1, 2)), give("inert", (1, 2), 2.0, "mg", "IT"))
    out = run(phase(*gives, days=5, rules=(rule,), next=None), options=CHANCE)
    assert set(daily(out, route="PO", column="reason").values()) == {"missed"}
    assert set(daily(out, route="IT", column="reason").values()) == {"protocol"}, "no route: every route but IT"
    assert set(daily(out, "other", column="reason").values()) == {"protocol"}
    assert days_missed(Miss((INERT,), 1.0, NEVER)) == set() != days_missed(Miss((INERT,), 1.0, ALWAYS))


def test_what_is_held_is_not_missed_and_what_is_missed_is_not_held():
    hold = Hold((INERT,), Compare("weight", ">", 0.0), Compare("weight", "<", 0.0))
    assert set(reasons(hold, Miss((INERT,), 1.0)).values()) == {"held"}


def test_without_chance_the_mean_is_taken():
    out = run(phase(give("inert", (1, 2)), days=5, rules=(Miss((INERT,), 0.1),), next=None))
    assert set(daily(out, column="factor").values()) == {0.9}


def test_missed_days_count_as_dose_days_missed():
    out = run(phase(give("inert", DAYS), days=300, rules=(Miss((INERT,), 0.1),), next=None), options=CHANCE)
    gone = sum(why == "missed" for why in daily(out, column="reason").values())
    assert doses_lost(out).row(0) == (0, 300, gone, 0)


def test_a_variant_with_missed_doses_says_so_and_keeps_everything_else():
    whole = read_protocol("cog-standard-risk")
    less = variant(whole, miss={"mercaptopurine": 10, "methotrexate PO": 2.5})
    assert less.id == "cog-standard-risk missing 10% of mercaptopurine and missing 2.5% of methotrexate PO"
    assert [rule.action for rule in less.rules if rule not in whole.rules] == [
        Miss((Target("mercaptopurine"),), 0.1),
        Miss((Target("methotrexate", "PO"),), 0.025),
    ]
    assert less.phases == whole.phases
    only = variant(whole, miss={"6-MP": 10}, phases=["maintenance"])
    assert [p.id for p in only.phases if p not in whole.phases] == ["maintenance"]
    with pytest.raises(BadInput, match="does not give imatinib"):
        variant(whole, miss={"imatinib": 10})


@pytest.mark.parametrize("text", ["mercaptopurine", "mercaptopurine:", ":10", "mercaptopurine:0", "mercaptopurine:101",
                                  "mercaptopurine:1e1", "mercaptopurine:-1", "mercaptopurine:nan"])  # fmt: skip
def test_a_share_that_cannot_be_missed_is_refused_in_words(text: str):
    with pytest.raises(BadInput, match="such as mercaptopurine:10"):
        missed([text])


def test_shares_are_read_by_agent_and_not_twice():
    assert missed(["mercaptopurine:10", "methotrexate PO: 2.5%"]) == {"mercaptopurine": 10.0, "methotrexate po": 2.5}
    with pytest.raises(BadInput, match="twice"):
        missed(["mercaptopurine:10", "Mercaptopurine:5"])


def test_the_printed_plan_has_every_dose_and_says_that_some_are_missed():
    whole = read_protocol("cog-standard-risk")
    child = {"age_y": 4.0, "weight_kg": 16.0, "height_cm": 102.0, "sex": "female", "start": date(2027, 1, 4)}
    both = [plan(protocol, **child) for protocol in (whole, variant(whole, miss={"mercaptopurine": 10}))]
    due = [one_plan.table().filter(pl.col("agent") == "mercaptopurine") for one_plan in both]
    assert due[0]["dose"].to_list() == due[1]["dose"].to_list()
    assert all("10% of doses missed by chance" in row for row in map(str, due[1].rows()))


def test_tablets_missed_leave_more_leukaemia_and_better_counts():
    """The cause: the same child with and without the missed tablets."""
    maintenance = Phase(
        "m", "m", 84, check=(Check((1, 28, 56, 84), "counts"),), next=None,
        give=(give("poison", range(1, 85), 4.0),),
    )  # fmt: skip
    mean = []
    for rules in ((), (Rule(Miss((Target("poison"),), 0.5)),)):
        states = run(Phase(**{**maintenance.__dict__, "rules": rules}), options=CHANCE)["states"]
        mean.append(float(np.mean(states.filter(pl.col("day") > 30)["anc"].to_list())))
    assert mean[1] > mean[0]
