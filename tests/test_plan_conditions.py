"""What a calendar says of doses that hang on something unknown, of results that are given, of rounding, and in .ics."""

from __future__ import annotations

import math
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.protocol.calendar import READING, STATEMENT, as_csv, as_html, as_ics, as_text
from remission.protocol.logic import exclusive, exhaustive, names
from remission.protocol.model import (
    And,
    Compare,
    Decide,
    Give,
    Hold,
    MakeUp,
    Not,
    Omit,
    Or,
    Phase,
    Protocol,
    Rule,
    Streak,
    Target,
)
from remission.protocol.person import person, remaining
from remission.protocol.plan import Plan, Row, plan
from remission.protocol.reader import read_protocol
from remission.protocol.rounding import rounded
from remission.protocol.sections import amount, sections
from remission.protocol.wording import condition_in_words

START = date(2027, 1, 4)
GIRL = {"age_y": 4.0, "sex": "f", "weight_kg": 16.0, "height_cm": 102.0}
SIZES = [GIRL, {"age_y": 15.0, "sex": "m", "weight_kg": 62.0, "height_cm": 172.0},
         {"age_y": 66.0, "sex": "m", "weight_kg": 88.0, "height_cm": 181.0}]  # fmt: skip
ALLERGY = "highest asparaginase allergy grade so far at least 2"


def made(name: str = "cog-standard-risk", **changed) -> Plan:
    return plan(read_protocol(name), **(GIRL | {"start": START} | changed))


def rows(p: Plan, kind: str, agent: str, phase: str, day: int | None = None) -> list[Row]:
    return [
        r for r in p.rows if (r.kind, r.agent, r.phase) == (kind, agent, phase) and (day is None or r.phase_day == day)
    ]


def tiny(*gives: Give, **more) -> Protocol:
    phase = Phase(id="only", name="Only", days=28, give=gives, next=None, **more)
    return Protocol(id="tiny", name="Tiny", plain="", sources=(), eligible=None, phases=(phase,))


def give(agent: str, route: str, amount: float, unit: str, days: tuple[int, ...], **more) -> Give:
    base = {"per": "dose", "doses_per_day": 1} | more
    return Give(agent=agent, route=route, routes=(route,), amount=amount, unit=unit, days=days, **base)


# --- apart, with the condition -----------------------------------------------------------------


def test_erwinia_asparaginase_is_never_a_dose_of_the_day_beside_pegaspargase():
    """The example of the README: both stood on day 4 as plain doses."""
    p = made()
    assert [r.dose for r in rows(p, "dose", "pegaspargase", "induction")] == [1700.0]
    assert not rows(p, "dose", "asparaginase_erwinia", "induction")
    only_if = rows(p, "conditional", "asparaginase_erwinia", "induction")
    assert [r.phase_day for r in only_if] == [4, 6, 8, 10, 12, 14]
    assert {(r.when, r.certain, r.day_total) for r in only_if} == {(ALLERGY, False, None)}
    assert ALLERGY in rows(p, "dose", "pegaspargase", "induction")[0].may_change  # stopped for good
    for text in (as_text(p, width=300, colour=False), as_html(p)):
        assert f"Only if {ALLERGY}" in text
    section = sections(p)[0]
    assert "asparaginase_erwinia" not in {r.agent for d in section.days for r in d.give}
    assert "asparaginase_erwinia" not in {s.agent for s in section.spans}


def test_two_doses_of_blinatumomab_stand_as_either_or():
    p = made("aall1331-blinatumomab", age_y=9, weight_kg=30, height_cm=135)
    bsa = math.sqrt(30 * 135 / 3600)
    assert not rows(p, "dose", "blinatumomab", "blinatumomab 1", 1)
    assert len(rows(p, "dose", "blinatumomab", "blinatumomab 1")) == 21  # days 8-28
    section = next(s for s in sections(p) if s.cycle.phase == "blinatumomab 1")
    choice = section.choices[0]
    assert choice.complete and [b.when for b in choice.branches] == [
        "marrow blasts at least 5%", "marrow blasts below 5%",
    ]  # fmt: skip
    first = [[(line[0].agent, len(line)) for line in b.lines] for b in choice.branches]
    assert first == [[("blinatumomab", 7), ("dexamethasone", 1)], [("blinatumomab", 7)]]
    assert [b.lines[0][0].exact_dose for b in choice.branches] == pytest.approx([5 * bsa, 15 * bsa])
    assert [d.either for d in section.days][:7] == [("blinatumomab IV",)] * 7
    assert "Either, if marrow blasts at least 5%" in as_text(p, width=200, colour=False)
    assert "or, if marrow blasts below 5%" in as_html(p)


def test_dexamethasone_for_crs_is_not_given_three_times_a_day_to_all():
    p = made("aall1331-blinatumomab", age_y=9, weight_kg=30, height_cm=135)
    assert [r.phase_day for r in rows(p, "dose", "dexamethasone", "blinatumomab 1")] == [1]
    days = [r.phase_day for r in p.rows if r.phase == "blinatumomab 1" and r.when == "CRS grade at least 3"]
    assert days == [*range(2, 29)]


def test_the_csv_says_the_condition_and_the_alternative_and_sums_hold_certain_doses_only():
    p = made("aall1331-blinatumomab", age_y=9, weight_kg=30, height_cm=135)
    table = pl.read_csv(StringIO(as_csv(p)), infer_schema_length=None)
    day1 = table.filter((pl.col("day") == 36) & (pl.col("agent") == "blinatumomab"))
    assert day1["kind"].to_list() == ["conditional"] * 2 and not day1["certain"].any()
    assert day1["when"].to_list() == ["marrow blasts at least 5%", "marrow blasts below 5%"]
    assert day1["note"][0].startswith(
        "only if marrow blasts at least 5%; either this, or blinatumomab IV 16 ug if marrow blasts below 5%"
    )
    assert day1["day_total"].null_count() == 2
    total = table.filter((pl.col("agent") == "blinatumomab") & (pl.col("phase") == "blinatumomab 1"))
    assert total["day_total"].sum() == 21 * 16.0


def test_a_donor_is_one_quantity_so_that_its_grafts_exclude_each_other():
    p = made("forum-tbi", age_y=9, weight_kg=30, height_cm=135)
    grafts = next(
        c for c in sections(p)[0].choices if any("marrow" in line[0].agent for b in c.branches for line in b.lines)
    )
    assert {b.when.removeprefix("donor is ") for b in grafts.branches} == {
        "sibling", "unrelated", "haploidentical", "cord",
    }  # fmt: skip
    assert not grafts.complete and grafts.closing == "or none"
    known = made("forum-tbi", age_y=9, weight_kg=30, height_cm=135, donor="sibling")
    assert len(rows(known, "dose", "sibling_marrow", "transplant")) == 1
    assert not {r.agent for r in known.rows} & {"unrelated_marrow", "cord_blood", "haploidentical_blood"}


def test_what_is_known_of_the_person_leaves_the_rest_of_a_condition():
    p = made("eliana")
    (words,) = {(r.when, r.computed.split(" x ")[0]) for r in p.rows if r.agent == "tocilizumab"}
    assert words == ("CRS grade at least 3", "12 mg/kg")  # of `crs >= 3 and weight < 30`; 8 mg/kg is for 30 kg and more


def test_remaining_of_and_or_not():
    child = person(**GIRL)
    crs, light, heavy = Compare("crs", ">=", 3), Compare("weight", "<", 30), Compare("weight", ">=", 30)
    assert remaining(And((crs, light)), child) == crs
    assert remaining(And((crs, heavy)), child) is False
    assert remaining(Or((crs, heavy)), child) == crs and remaining(Or((crs, light)), child) is True
    assert remaining(Not(crs), child) == Compare("crs", "<", 3)
    both = And((crs, Compare("anc", "<", 0.5)))
    assert remaining(both, child) == both


def test_exclusive_asks_for_one_quantity():
    low, high, middle = Compare("crs", "<", 2), Compare("crs", ">=", 2), Compare("crs", ">=", 1)
    assert exclusive(low, high) and exhaustive((low, high))
    assert not exclusive(low, middle) and not exclusive(low, Compare("anc", ">=", 2))
    assert not exclusive(And((low, Compare("anc", "<", 1))), high)
    assert not exhaustive((Compare("donor", "=", "sibling"), Compare("donor", "=", "cord")))


def test_days_of_a_dose_that_may_be_given_make_what_avoids_them_uncertain():
    """`not on the days of methotrexate IT`, when that puncture is done only in a grade of CRS."""
    spinal = Give("methotrexate", "IT", ("IT",), None, "mg", "dose", 1, (8,), table="cog", when=Compare("crs", ">=", 2))
    oral = give("methotrexate", "PO", 20, "mg/m2", (1, 8, 15), not_with=(("methotrexate", "IT"),))
    p = plan(tiny(spinal, oral), **GIRL, start=START)
    assert [r.day for r in rows(p, "dose", "methotrexate", "only")] == [1, 15]
    open_ = {(r.route, r.when) for r in p.rows if r.kind == "conditional"}
    assert open_ == {("IT", "CRS grade at least 2"), ("PO", "CRS grade below 2")}


def test_rescue_of_a_dose_that_is_not_certain_is_not_certain():
    donor = Compare("donor", "=", "unrelated")
    p = made("forum-tbi", age_y=9, weight_kg=30, height_cm=135)
    assert {r.kind for r in p.rows if r.agent == "leucovorin"} == {"conditional"}
    assert {r.condition for r in p.rows if r.agent == "leucovorin"} == {donor}


def test_rules_that_may_take_a_dose_away_are_named_with_it_but_not_those_for_others():
    dose = rows(made(), "dose", "methotrexate", "interim maintenance 1")[0]
    assert dose.route == "IV" and dose.certain
    assert "not given if ANC below 0.5 or platelets below 50" in dose.may_change
    assert "no rise if ANC below 0.75 or platelets below 75" in dose.may_change
    assert not rows(made(), "dose", "cytarabine", "induction")[0].may_change
    slow = rows(made(tpmt="intermediate"), "dose", "mercaptopurine", "maintenance")[0]
    assert "raised by 50%" not in slow.may_change  # that way back is for normal TPMT and NUDT15
    assert "raised by 50%" in rows(made(), "dose", "mercaptopurine", "maintenance")[0].may_change


def test_a_dose_by_age_is_left_out_by_a_rule_on_the_person():
    spinal = Give("methotrexate", "IT", ("IT",), None, "mg", "dose", 1, (8,), table="cog")
    omit = Rule(Omit((Target("methotrexate", "IT"),), Compare("cns", "=", 1)))
    assert not rows(plan(tiny(spinal, rules=(omit,)), **GIRL, start=START), "dose", "methotrexate", "only")


def test_words_of_side_effects():
    assert condition_in_words(Compare("asparaginase_allergy ever", ">=", 2)) == ALLERGY
    assert condition_in_words(Compare("chronic_gvhd", ">=", 2)) == "chronic GVHD grade at least 2"
    assert condition_in_words(Compare("product", "=", "in_manufacture")) == "the CAR T-cell product is in manufacture"


# --- any protocol, any person ------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(library().protocols()), st.sampled_from(SIZES), st.sampled_from([None, 1, 3]),
    st.sampled_from([None, "negative", "positive"]), st.sampled_from([None, "none", "sibling", "unrelated"]),
    st.sampled_from([None, "poor"]), st.sampled_from([None, "0%", "0.02%", "7%"]),
)  # fmt: skip
def test_no_certain_row_hangs_on_an_unknown_and_no_open_row_on_a_known(name, size, cns, ph, donor, tpmt, found):
    p = made(name, **size, cns=cns, ph=ph, donor=donor, tpmt=tpmt, marrow_mrd=found, marrow_blasts=found)
    known = {"age", "weight", "bsa", "sex", "cns", "lineage", "tpmt", "nudt15"}
    known |= {"ph"} if ph else set()
    known |= {"donor"} if donor else set()
    decidable = known | {"marrow MRD", "marrow blasts", *(f"marrow MRD at time point {n}" for n in (1, 2, 3, 4))}
    lines: dict[tuple[str, str, str, int], list[Give]] = {}
    for phase in p.protocol.phases:
        for g in phase.give:
            for day in g.days:
                lines.setdefault((phase.id, g.agent, g.route, day), []).append(g)
    for row in p.rows:
        assert row.certain == (not row.when)
        if row.kind == "conditional":
            assert row.condition is not None and not names(row.condition) & known
            assert row.day_total is None and row.exact_day_total is None
        if row.kind == "dose":
            assert row.condition is None
            assert row.dose is not None and row.doses_per_day is not None and row.day_total is not None
            assert row.day_total == pytest.approx(row.dose * row.doses_per_day)
            written = lines.get((row.phase, row.agent, row.route, row.phase_day))  # None: a rescue, a taper
            # several things joined may be decided by one of them: not (wbc < 50 and cns is 1 and ...) by cns 3
            assert written is None or any(not names(g.when) or names(g.when) & decidable for g in written)
    table = p.table()
    sums = table.group_by("agent").agg(pl.col("day_total").sum())
    certain = table.filter(pl.col("kind") == "dose").group_by("agent").agg(pl.col("day_total").sum())
    totals = dict(certain.iter_rows())
    assert all(total == pytest.approx(totals.get(agent, 0.0)) for agent, total in sums.iter_rows())


# --- results that are given --------------------------------------------------------------------


def test_a_result_is_followed_where_a_decision_asks_for_it():
    high, low = made(cns=1, wbc=20, marrow_mrd="0.02%"), made(marrow_mrd=0.00005, marrow_blasts=0.01)
    assert [c.phase for c in high.cycles][:2] == ["induction", "cog-high-risk: consolidation"]
    assert [c.phase for c in low.cycles][:2] == ["induction", "consolidation"]
    assert high.cycles[1].first_day == 36  # at the end of induction, as in play
    said = next(r.note for r in high.rows if r.kind == "decision")
    assert said.startswith("since marrow MRD at least 0.01%") and said.endswith("go to cog-high-risk: consolidation")
    assert "marrow MRD: 0.02%, as given" in {r.note for r in high.rows if r.day == 29}
    assert not low.open_decisions and made().open_decisions


def test_a_result_decides_between_doses_from_its_day_to_the_next_check():
    sizes = {"age_y": 9, "weight_kg": 30, "height_cm": 135}
    few = made("aall1331-blinatumomab", **sizes, marrow_blasts="3%")
    many = made("aall1331-blinatumomab", **sizes, marrow_blasts=["12%", "0%"])
    assert [r.dose for r in rows(few, "dose", "blinatumomab", "blinatumomab 1")] == [16.0] * 28
    assert [r.dose for r in rows(many, "dose", "blinatumomab", "blinatumomab 1")] == [5.25] * 7 + [16.0] * 21
    assert [c.phase for c in many.cycles][1:3] == ["blinatumomab 1", "blinatumomab 2"]
    assert few.open_decisions == (  # the results after those that were given are not known
        "Blinatumomab, cycle 1, day 35: if marrow blasts at least 5%, go to another relapse",
        "Blinatumomab, cycle 2, day 35: if marrow blasts at least 5%, go to another relapse",
        "Blinatumomab, cycle 2, day 35: if marrow MRD below 0.1% and (donor is haploidentical or donor is cord), go to "
        "transplant-children-mismatched: transplant",
        "Blinatumomab, cycle 2, day 35: if marrow MRD below 0.1% and donor is not none, go to forum-tbi: transplant",
    )


def test_who_leaves_gets_no_dose_on_that_day_and_none_after():
    p = made("aall1331-blinatumomab", age_y=9, weight_kg=30, height_cm=135, marrow_blasts="30%")
    assert p.rows[-1].note == "leaves this protocol" and p.rows[-1].day == 35
    here = give("vincristine", "IV", 1, "mg", (1, 15, 22))
    out = Decide(15, Compare("cns", "=", 1), "leave", "elsewhere")
    assert [r.day for r in plan(tiny(here, decide=(out,)), **GIRL, start=START).rows if r.kind == "dose"] == [1]


def test_an_undecided_decision_can_be_taken():
    p = made(take=["cog-high-risk: consolidation"])
    assert [c.phase for c in p.cycles][1] == "cog-high-risk: consolidation"
    with pytest.raises(BadInput, match="no decision of cog-standard-risk leads to 'consolidatio'"):
        made(take=["consolidatio"])


def test_results_that_are_never_asked_for_are_told():
    assert any("3 given, but only 1 asked for" in w for w in made(marrow_mrd=["0%", "0%", "0%"]).warnings)


def test_what_is_not_known_of_who_the_protocol_is_for_is_told():
    (warning,) = made(wbc=None).warnings
    assert "not known" in warning and "WBC at diagnosis below 50" in warning
    assert made(wbc=20).warnings == ()


def test_what_was_not_given_and_is_assumed_is_said():
    assert "TPMT normal (assumed)" in as_text(made(), width=400, colour=False)
    assert "TPMT normal," in as_text(made(tpmt="normal"), width=400, colour=False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"marrow_mrd": "0.02"}, "with its % sign"),
        ({"marrow_mrd": "120%"}, "0% to 100%"),
        ({"marrow_mrd": 1.5}, "0% to 100%"),
        ({"marrow_mrd": "nan%"}, "0% to 100%"),
        ({"marrow_blasts": ["3%", "many"]}, "with its % sign"),
        ({"blood_blasts": -1}, "blood_blasts is -1"),
        ({"ph": "positve"}, "Did you mean 'positive'?"),
        ({"donor": "siblin"}, "Did you mean 'sibling'?"),
        ({"relapses": -1}, "0 to 10"),
        ({"relapses": 1.5}, "0 to 10"),
        ({"t315i": "2"}, "with its % sign"),
        ({"wbc": float("inf")}, "wbc is inf"),
        ({"marow_mrd": "1%"}, "Did you mean 'marrow_mrd'?"),
    ],
)
def test_results_and_facts_that_cannot_be_are_refused(changed, said):
    with pytest.raises(BadInput) as error:
        made(**changed)
    assert said in str(error.value)


# --- rounding ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exact", "unit", "whole"),
    [
        (1.0099, "mg", 1.0), (1.59, "mg", 1.6), (1683.3, "IU", 1700.0), (16833, "IU", 17000.0), (673.3, "mg", 675.0),
        (3366.5, "mg", 3400.0), (45.0, "mg", 45.0), (75.0, "mg", 75.0), (5.303, "ug", 5.25), (2.0, "Gy", 2.0),
        (1.67, "Gy", 1.67), (47.93, "Mcells", 47.93), (0.0, "mg", 0.0),
    ],
)  # fmt: skip
def test_rounding_as_a_pharmacy_would(exact, unit, whole):
    assert rounded(exact, unit) == pytest.approx(whole, abs=1e-12)


@given(st.floats(1e-3, 1e6))
def test_rounding_stays_within_the_published_limit_and_keeps_what_is_round(exact):
    limit = library().pharmacy("rounding")["limit.standard"].to_unit("-")
    whole = rounded(exact, "mg")
    assert abs(whole / exact - 1) <= 0.025 * (1 + 1e-5) < limit
    assert rounded(whole, "mg") == pytest.approx(whole, rel=0.026)


@pytest.mark.parametrize("name", library().protocols())
def test_no_dose_is_rounded_above_its_cap_and_none_that_the_protocol_writes_out(name):
    for row in made(name, **SIZES[2]).rows:
        if row.dose is not None and row.exact_dose is not None and row.deviation_percent is None:
            assert abs(row.dose - row.exact_dose) <= 0.0251 * row.exact_dose
            if row.capped or row.route in ("IT", "RT"):
                assert row.dose == row.exact_dose


def test_amounts_have_no_zero_at_their_end():
    """ISMP: 1.0 mg is read as 10 mg."""
    assert [amount(x, "mg") for x in (1.0, 0.5, 20.0, 1.05)] == ["1 mg", "0.5 mg", "20 mg", "1.05 mg"]
    assert amount(17000.0, "IU") == "17,000 IU" and amount(15000.0, "mg") == "15 g"
    for row in made("aall1331-blinatumomab", age_y=9, weight_kg=30, height_cm=135).rows:
        assert ".0 m" not in row.computed and ".0 u" not in row.computed


# --- iCalendar ---------------------------------------------------------------------------------


def test_ics_is_whole_days_read_by_the_library_and_folded():
    p = made("aall1331-blinatumomab", age_y=9, weight_kg=30, height_cm=135)
    raw = as_ics(p)
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 75 and b"\n" not in raw.replace(b"\r\n", b"")  # RFC 5545, 3.1
    events = Calendar.from_ical(raw).walk("VEVENT")
    assert len({str(e["uid"]) for e in events}) == len(events)
    assert all(type(e["dtstart"].dt) is date and e["dtend"].dt > e["dtstart"].dt for e in events)
    by_day = {e["dtstart"].dt: e for e in events if "STATUS" not in e and "About" not in str(e["summary"])}
    assert set(by_day) == {r.date for r in p.rows if r.kind != "conditional"}
    first = str(by_day[START]["description"])
    for row in p.rows:
        if row.kind == "dose" and row.date == START:
            assert f"{row.agent} {row.route} {amount(row.dose, row.unit)}" in first
    assert sum(STATEMENT in str(e["description"]) for e in events) == 1 == raw.count(READING[:20].encode())


def test_ics_keeps_what_is_not_certain_in_events_of_its_own():
    events = Calendar.from_ical(as_ics(made())).walk("VEVENT")
    open_ = [e for e in events if e.get("status") == "TENTATIVE"]
    assert len(open_) == 12  # six days each in induction and delayed intensification
    assert all(str(e["summary"]).startswith(f"NOT CERTAIN. Only if {ALLERGY}") for e in open_)
    assert not any("erwinia" in str(e["summary"]) for e in events if e not in open_)
    days = made("aall1331-blinatumomab", age_y=9, weight_kg=30, height_cm=135)
    either = [
        e for e in Calendar.from_ical(as_ics(days)).walk("VEVENT") if "Either" in str(e["summary"])
    ]  # days 1-7, and 8 with dexamethasone
    assert [(e["dtstart"].dt, e["dtend"].dt) for e in either] == [
        (START + timedelta(days=35), START + timedelta(days=43))
    ]


def test_an_event_keeps_its_uid_when_the_child_has_grown():
    def uids(p: Plan) -> set[str]:
        return {str(e["uid"]) for e in Calendar.from_ical(as_ics(p)).walk("VEVENT")}

    assert uids(made()) == uids(made(weight_kg=17.0))
    assert not uids(made()) & uids(made(start=START + timedelta(days=1)))
    assert as_ics(made()) == as_ics(made())


def test_a_dose_whose_held_days_are_made_up_says_so():
    gives = give("blinatumomab", "IV", 28.0, "ug", tuple(range(1, 29)), per="day", infusion_h=24.0)
    mine, high, low = (Target("blinatumomab"),), Compare("crs", ">=", 3), Compare("crs", "<", 1)
    rules = (Rule(Hold(mine, high, low, streak=Streak(3, 1))), Rule(MakeUp(mine)))
    said = {r.may_change for r in plan(tiny(gives, rules=rules), **GIRL, start=START).rows if r.kind == "dose"}
    assert said == {
        "not given if CRS grade at least 3, until CRS grade below 1 for 3 days; days without it are made up"
    }


def test_the_largest_amount_of_a_day_is_shared_by_the_doses_of_the_day(tmp_path: Path) -> None:
    """24 mg a day in three doses are 8 mg each, for whoever is large; written of a dose they are 24 mg each."""
    from remission.engine.program import prepare

    for dose, largest in (("15 mg/m2/day PO (max 24 mg) in 3 doses", 8.0), ("5 mg/m2 PO (max 8 mg) TID", 8.0)):
        file = tmp_path / "p.yaml"
        file.write_text(
            f"protocol: p\nname: p\nphases:\n  - a:\n      days: 3\n      next: end\n      give:\n"
            f"        - dexamethasone {dose} on days 1-3 [memory]\n",
            encoding="utf-8",
        )
        made = plan(read_protocol(file), age_y=40, sex="male", weight_kg=100, height_cm=190, start=date(2027, 1, 4))
        rows = [row for row in made.rows if row.agent == "dexamethasone"]
        assert [(row.exact_dose, row.doses_per_day, row.day_total) for row in rows] == [(largest, 3, 3 * largest)] * 3
        orders = prepare(read_protocol(file), library()).tables.orders
        assert orders["cap"].tolist() == [largest] and orders["times"].tolist() == [3]
