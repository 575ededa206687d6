"""A person placed in a protocol: doses in mg, dates, tablets, gates, and what the printed page says."""

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from io import StringIO

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remission.knowledge.errors import BadInput
from remission.protocol.calendar import STATEMENT, as_csv, as_html, as_text
from remission.protocol.explain import explain
from remission.protocol.model import And, Compare, Give, Not, Or, Phase, Protocol, Until
from remission.protocol.person import person, truth
from remission.protocol.plan import Plan, Row, plan
from remission.protocol.reader import read_protocol
from remission.protocol.sections import sections
from remission.protocol.tablets import week
from remission.protocol.wording import in_words

START = date(2027, 1, 4)  # a Monday
GIRL = {"age_y": 4.0, "sex": "f", "weight_kg": 16.0, "height_cm": 102.0, "start": START}
TEEN = {"age_y": 15.0, "sex": "m", "weight_kg": 62.0, "height_cm": 172.0, "start": START}


def made(name: str = "cog-standard-risk", **changed) -> Plan:
    return plan(read_protocol(name), **(GIRL | changed))


def doses(p: Plan, agent: str, route: str | None = None, phase: str | None = None) -> list[Row]:
    return [
        r
        for r in p.rows
        if r.kind == "dose"
        and r.agent == agent
        and (route is None or r.route == route)
        and (phase is None or r.phase == phase)
    ]


def tiny(*gives: Give, days: int = 28, **more) -> Protocol:
    phase = Phase(id="only", name="Only", days=days, give=gives, next=None, **more)
    return Protocol(id="tiny", name="Tiny", plain="", sources=(), eligible=None, phases=(phase,))


def give(agent: str, route: str, amount: float, unit: str, days: tuple[int, ...], **more) -> Give:
    base = {"per": "dose", "doses_per_day": 1} | more
    return Give(agent=agent, route=route, routes=(route,), amount=amount, unit=unit, days=days, **base)


# --- doses ------------------------------------------------------------------------------------


def test_dose_by_body_surface():
    first = doses(made(), "vincristine")[0]
    bsa = math.sqrt(16 * 102 / 3600)  # Mosteller, 0.673 m2
    assert first.exact_dose == pytest.approx(1.5 * bsa)
    assert first.dose == first.day_total == 1.0  # rounded
    assert (first.unit, first.route, first.capped) == ("mg", "IV", False)
    assert first.computed == "1.5 mg/m2 x 0.673 m2 = 1.01 mg"


def test_vincristine_is_capped_at_2_mg():
    rows = doses(made("cog-high-risk", **TEEN), "vincristine")
    assert {(r.dose, r.capped) for r in rows} == {(2.0, True)}
    assert "2.58 mg" in rows[0].computed and "capped at 2 mg" in rows[0].note


def test_daily_amount_is_split_over_its_doses():
    row = doses(made(), "dexamethasone", phase="induction")[0]
    bsa = math.sqrt(16 * 102 / 3600)
    assert row.doses_per_day == 2
    assert row.exact_day_total == pytest.approx(6 * bsa)
    assert row.exact_dose == pytest.approx(3 * bsa)
    assert (row.dose, row.day_total) == (2.0, 4.0)


def test_grams_are_told_in_milligrams():
    row = doses(made("cog-high-risk"), "methotrexate", "IV", "interim maintenance 1")[0]
    assert row.unit == "mg"
    assert row.exact_dose == pytest.approx(5000 * math.sqrt(16 * 102 / 3600))


def test_intrathecal_dose_follows_the_age_on_its_day():
    """A child who turns 3 on day 33 (30 days before consolidation ends) goes from 10 to 12 mg, and at 9 to 15 mg."""
    rows = doses(made(age_y=3 - 32 / 365.25, weight_kg=13, height_cm=94), "methotrexate", "IT")
    assert {r.dose for r in rows if r.day <= 32} == {10.0}
    assert {r.dose for r in rows if r.day > 34} == {12.0}
    assert [r.dose for r in doses(made(age_y=8.9, weight_kg=28, height_cm=131), "methotrexate", "IT")][0] == 12.0
    assert [r.dose for r in doses(made(age_y=8.9, weight_kg=28, height_cm=131), "methotrexate", "IT")][-1] == 15.0


def test_intrathecal_dose_does_not_follow_the_body_surface():
    assert (
        doses(made(weight_kg=15), "cytarabine", "IT")[0].dose == doses(made(weight_kg=20), "cytarabine", "IT")[0].dose
    )


def test_extra_intrathecal_doses_belong_to_cns2():
    days = {cns: [r.day for r in doses(made(cns=cns), "methotrexate", "IT", "induction")] for cns in (1, 2)}
    assert days == {1: [8, 29], 2: [8, 15, 22, 29]}


def test_steroid_follows_age_in_the_high_risk_protocol():
    young, old = made("cog-high-risk", wbc=80), made("cog-high-risk", **TEEN)
    assert len(doses(young, "dexamethasone", phase="induction")) == 14
    assert not doses(young, "prednisone", phase="induction")
    assert len(doses(old, "prednisone", phase="induction")) == 28
    assert not doses(old, "dexamethasone", phase="induction")


def test_escalating_methotrexate_takes_every_step():
    p, bsa = made(), math.sqrt(16 * 102 / 3600)
    first = [r.exact_dose / bsa for r in doses(p, "methotrexate", "IV", "interim maintenance 1")]
    second = [r.exact_dose / bsa for r in doses(p, "methotrexate", "IV", "interim maintenance 2")]
    assert first == pytest.approx([100, 150, 200, 250, 300])
    assert second == pytest.approx([200, 250, 300, 350, 400])  # from two thirds of 300


def test_no_oral_methotrexate_on_the_days_of_the_lumbar_puncture():
    p = made("cog-high-risk")
    spinal = {r.day for r in doses(p, "methotrexate", "IT", "maintenance 1")}
    oral = {r.day for r in doses(p, "methotrexate", "PO", "maintenance 1")}
    assert len(spinal) == 8 and len(oral) == 40  # 4 cycles: days 1, 29, and 10 weeks of the 11 from day 8
    assert not spinal & oral


def test_taper_halves_and_runs_over_into_the_next_phase():
    rows = doses(made("bfm-standard"), "prednisone")
    assert [r.day for r in rows] == list(range(1, 38))
    full = rows[0].exact_dose
    assert [r.exact_dose / full for r in rows[28:]] == pytest.approx([0.5] * 3 + [0.25] * 3 + [0.125] * 3)
    assert {r.phase for r in rows} == {"IA"}


def test_leucovorin_from_hour_42():
    p = made("bfm-standard")
    infusions = [r.day for r in doses(p, "methotrexate", "IV", "M")]
    rescue = doses(p, "leucovorin")
    assert [r.day - infusions[0] for r in rescue[:2]] == [1, 2]  # hour 42; hours 48 and 54
    assert [r.doses_per_day for r in rescue] == [1, 2] * 4
    assert rescue[0].exact_dose == pytest.approx(15 * math.sqrt(16 * 102 / 3600))


# --- tablets ----------------------------------------------------------------------------------


def test_mercaptopurine_as_weekly_total_of_half_tablets():
    rows = doses(made(), "mercaptopurine", phase="consolidation")
    exact = 7 * 75 * math.sqrt(16 * 102 / 3600)  # 353.5 mg
    assert [r.dose for r in rows] == [50.0] * 28
    assert rows[0].deviation_percent == pytest.approx(100 * (350 / exact - 1))
    assert "350 mg as 7 tablets of 50 mg (exact 353.5 mg, -1.0%)" in rows[0].note


def test_a_week_with_two_doses():
    assert week([46.5] * 7, 50, 2).doses == (50, 50, 50, 50, 50, 50, 25)
    assert week([3.0] * 7, 50, 2).doses == (25, 0, 0, 0, 0, 0, 0)


def test_a_week_too_small_for_tablets_keeps_its_exact_dose():
    small = week([1.0] * 7, 50, 2)
    assert small.doses == (1.0,) * 7 and not small.possible
    assert "liquid" in small.in_words()


@given(st.floats(2, 400), st.integers(1, 7), st.sampled_from([(50, 2), (50, 4), (40, 2), (2.5, 1)]))
def test_tablets_stay_within_half_a_piece_a_week(dose, days, tablet):
    rounded = week([dose] * days, *tablet)
    piece = tablet[0] / tablet[1]
    if rounded.possible:
        assert abs(rounded.total - dose * days) <= piece / 2 * (1 + 1e-9)
        assert sum(rounded.doses) == pytest.approx(rounded.total)
        assert all(d % piece == pytest.approx(0) for d in rounded.doses)
        assert max(rounded.doses) - min(rounded.doses) <= piece
    else:
        assert dose * days < piece / 2 + 1e-9


@pytest.mark.parametrize(
    ("genes", "share"),
    [
        ({}, 1.0),
        ({"tpmt": "intermediate"}, 0.6),
        ({"nudt15": "intermediate"}, 0.6),
        ({"tpmt": "intermediate", "nudt15": "intermediate"}, 0.35),
        ({"nudt15": "poor"}, 0.13),
        ({"tpmt": "poor", "nudt15": "poor"}, 0.06),
    ],
)
def test_genotype_sets_the_first_dose(genes, share):
    rows = doses(made(weight_kg=20, height_cm=110, **genes), "mercaptopurine", phase="maintenance")
    exact = 7 * 75 * share * math.sqrt(20 * 110 / 3600)
    assert sum(r.dose for r in rows[:7]) == pytest.approx(exact, abs=12.5)
    assert all(genes[g] in rows[0].computed for g in genes if share != 0.06)


# --- the calendar -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "first_days"),
    [
        ("cog-standard-risk", [1, 36, 64, 120, 176, 232]),
        ("cog-high-risk", [1, 36, 92, 155, 211, 547]),  # the evidence; maintenance 2 after 4 cycles
        ("bfm-standard", [1, 36, 79, 149, 198, 212]),
        ("icicle-maintenance", [1]),
    ],
)
def test_nominal_first_day_of_every_phase(name, first_days):
    assert [c.first_day for c in made(name).cycles if c.number == 1] == first_days


def test_boys_are_treated_a_year_longer():
    girl, boy = made(), made(sex="m")
    assert girl.end == START + timedelta(days=63 + 730 - 1)  # 2 years from the start of interim maintenance I
    assert (boy.end - girl.end).days == 365
    assert max(r.day for r in girl.rows) == 63 + 730


def test_fixed_number_of_cycles():
    assert [c.number for c in made("icicle-maintenance").cycles] == list(range(1, 9))


def test_gates_checks_and_decisions_have_their_day():
    rows = [r for r in made().rows if r.kind != "dose"]
    day29 = [r.note for r in rows if r.day == 29]
    assert day29 == [
        "counts",
        "marrow MRD",
        "marrow blasts",
        "if marrow MRD at least 0.01% or marrow blasts at least 5%: go to cog-high-risk: consolidation",
    ]
    assert [r.note for r in rows if r.day == 36 and r.kind == "gate"] == [
        "start when ANC at least 0.75 and platelets at least 75"
    ]
    assert [r.note for r in rows if r.day == 119 + 29 and r.kind == "gate"] == [
        "wait until ANC at least 0.75 and platelets at least 75"
    ]


def test_planned_rest():
    p = made("bfm-standard")
    ends = {c.phase: c.last_day for c in p.cycles}
    starts = {c.phase: c.first_day for c in p.cycles if c.number == 1}
    assert starts["II"] - ends["M"] == 15 and starts["maintenance"] - ends["II"] == 15


def test_table_holds_every_row():
    p = made()
    table = p.table()
    assert table.height == len(p.rows)
    assert table["day"].is_sorted()
    assert table.schema["date"] == pl.Date
    assert ((table["date"] - START).dt.total_days() + 1 == table["day"]).all()
    empty = table.filter(~pl.col("kind").is_in(["dose", "conditional"]))["dose"]
    assert empty.null_count() == empty.len()


def test_csv_reads_back():
    p = made()
    again = pl.read_csv(StringIO(as_csv(p)), try_parse_dates=True, infer_schema_length=None)
    assert again.height == len(p.rows)
    assert again["dose"].sum() == pytest.approx(p.table()["dose"].sum())


def test_a_datetime_is_a_day():
    assert made(start=datetime(2027, 1, 4, 9, 30)).start == START


@settings(max_examples=25, deadline=None)
@given(
    st.floats(1.0, 17.9), st.sampled_from(["f", "m"]), st.floats(0.75, 1.4), st.sampled_from([1, 2, 3]),
    st.sampled_from(["cog-standard-risk", "cog-high-risk", "bfm-standard", "icicle-maintenance"]),
)  # fmt: skip
def test_every_child_gets_a_possible_plan(age, sex, build, cns, name):
    height = 76 + 6 * age
    p = made(name, age_y=age, sex=sex, height_cm=height, weight_kg=17 * build * (height / 100) ** 2, cns=cns)
    given_doses = [r for r in p.rows if r.kind == "dose"]
    assert all(r.dose >= 0 and math.isfinite(r.dose) for r in given_doses)
    assert all(r.dose <= 2.0 for r in given_doses if r.agent == "vincristine")
    assert all(6 <= r.dose <= 70 for r in given_doses if r.route == "IT")
    spans = [(c.first_day, c.last_day) for c in p.cycles]
    assert all(before[1] < after[0] for before, after in zip(spans, spans[1:], strict=False))
    assert all(r.date == START + timedelta(days=r.day - 1) for r in p.rows)


# --- conditions -------------------------------------------------------------------------------


def test_truth_with_and_without_knowledge():
    child = person(age_y=4, sex="girl", weight_kg=16, height_cm=102)
    young, old = Compare("age", "<", 10), Compare("age", ">=", 10)
    count = Compare("anc", ">=", 0.75)
    assert truth(young, child) is True and truth(Not(young), child) is False
    assert truth(count, child) is None and truth(Not(count), child) is None
    assert truth(And((old, count)), child) is False and truth(And((young, count)), child) is None
    assert truth(Or((young, count)), child) is True and truth(Or((old, count)), child) is None
    assert truth(Compare("diagnosis wbc", "<", 50), child) is None
    assert truth(Compare("sex", "!=", "male"), child) is True


def test_a_person_outside_the_protocol_is_told():
    assert made(wbc=20).warnings == ()
    (warning,) = made(wbc=80).warnings
    assert "outside the protocol" in warning
    assert warning in as_text(made(wbc=80), width=400)


# --- what cannot be ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"age_y": 0}, "age_y is 0"),
        ({"age_y": -4}, "age_y is -4"),
        ({"age_y": float("nan")}, "age_y is nan"),
        ({"weight_kg": -16}, "weight_kg is -16"),
        ({"weight_kg": "heavy"}, "not a number"),
        ({"height_cm": 1.02}, "102 and not 1.02"),
        ({"weight_kg": 160}, "do not belong to one person"),
        ({"height_cm": 180}, "do not belong to one person"),
        ({"sex": "femal"}, "Did you mean 'female'?"),
        ({"cns": 4}, "Write 1, 2 or 3"),
        ({"tpmt": "intermedate"}, "Did you mean 'intermediate'?"),
        ({"lineage": "X"}, "Write one of: B, T"),
        ({"tmpt": "poor"}, "Did you mean 'tpmt'?"),
        ({"wbc": -1}, "wbc is -1"),
        ({"start": "2027-01-04"}, "Give a date"),
        ({"start": date(9999, 1, 1)}, "too late"),
    ],
)
def test_bad_values_are_refused_with_a_remedy(changed, said):
    with pytest.raises(BadInput) as error:
        made(**changed)
    assert said in str(error.value)


def test_an_age_below_the_intrathecal_table():
    with pytest.raises(BadInput, match="begins at 1 years"):
        made("ukall-2003-standard", age_y=0.5, weight_kg=7.5, height_cm=67)


def test_a_protocol_that_never_ends():
    first = Phase(id="a", name="A", days=7, next="b")
    second = Phase(id="b", name="B", days=7, next="a")
    round_and_round = Protocol(id="x", name="X", plain="", sources=(), eligible=None, phases=(first, second))
    with pytest.raises(BadInput, match="does not end"):
        plan(round_and_round, **GIRL)


def test_a_repeat_that_forgets_some_people():
    only_boys = tiny(repeat_until=(Until(300, "", Compare("sex", "=", "male")),))
    with pytest.raises(BadInput, match="nothing says when phase 'only' ends"):
        plan(only_boys, **GIRL)


def test_an_end_in_the_past_gives_one_day():
    late = tiny(give("vincristine", "IV", 1.5, "mg/m2", (1, 8)), repeat_until=(Until(0, ""),))
    assert [r.day for r in doses(plan(late, **GIRL), "vincristine")] == [1]


def test_dose_per_kilogram_and_flat_dose():
    two = tiny(give("vincristine", "IV", 0.05, "mg/kg", (1,)), give("vincristine", "IV", 1, "mg", (8,)))
    assert [r.dose for r in doses(plan(two, **GIRL), "vincristine")] == pytest.approx([0.8, 1.0])


# --- on paper ---------------------------------------------------------------------------------


def test_page_is_self_contained_and_plain_about_its_use():
    html = as_html(made())
    assert html.count(STATEMENT.replace("'", "&#x27;")) == 1
    for outside in ("http:", "https:", "<script", "<link", "<img", "@import", "url("):
        assert outside not in html
    assert "16 kg" in html and "102 cm" in html and "0.673" in html
    assert html.count("<section>") == len(made().cycles)


def test_page_escapes_what_a_file_says():
    shady = replace(read_protocol("icicle-maintenance"), name="<b>x</b> & co", plain="<script>alert(1)</script>")
    html = as_html(plan(shady, **GIRL))
    assert "<script>" not in html and "&lt;b&gt;x&lt;/b&gt; &amp; co" in html


def test_every_dose_is_printed_once():
    """What is told as a span of days, and what is told day by day, make up the plan."""
    p = made("bfm-standard")
    parts = sections(p)
    by_day = sum(len(d.give) for s in parts for d in s.days)
    by_span = sum(span.last.day - span.first.day + 1 for s in parts for span in s.spans)
    assert by_day + by_span == sum(r.kind == "dose" for r in p.rows)


def test_weekly_pattern_names_the_weekdays():
    spans = [s for part in sections(made("bfm-standard")) for s in part.spans if s.agent == "mercaptopurine"]
    assert spans[0].dose == "50 mg Mon-Thu, 25 mg Fri-Sun"  # 275 mg a week, from a Monday


def test_text_for_the_terminal():
    text = as_text(made(), width=100, colour=False)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert text.count(STATEMENT) == 1
    assert "Delayed intensification - days 120 to 175 of therapy" in text
    assert "Mon 1 Feb 2027" in text


def test_a_plan_and_its_telling_are_words_for_a_reader():
    """Levels are no grades, a stretch of one day is one day, names have no underscore, the dosed part is said."""
    assert in_words("level:methotrexate") == "methotrexate level"
    adult = {"age_y": 45.0, "weight_kg": 70.0, "height_cm": 168.0, "ph": "positive"}
    rescue = made("phallcon-imatinib", **adult)
    assert "methotrexate level below 0.1 umol/L" in doses(rescue, "leucovorin")[0].note
    spans = [span for section in sections(made("d-alba", **adult)) for span in section.spans]
    alone = next(span for span in spans if span.first.phase_day == 85)
    assert alone.days == "85"
    assert doses(made(), "co-trimoxazole")[0].note.startswith("amount of trimethoprim")
    told = explain(read_protocol("cog-standard-risk"))
    assert "Asparaginase erwinia, 25000 IU" in told and "asparaginase_erwinia" not in told.lower()
