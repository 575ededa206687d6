"""A patient's chart: what is read, and that nothing that cannot be is taken or dropped without a word."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from remission.individual.chart import copies
from remission.individual.maintenance import phase_of
from remission.individual.reading import MOST_BYTES, named_columns, read_chart, read_text
from remission.individual.reasons import NO_RULE, matches, reasons
from remission.individual.virtual import people, virtual_charts
from remission.knowledge.errors import BadInput
from remission.protocol.reader import read_protocol

HEAD = "Dates,Weeks,ANC,PLT,Hb,MP,MTX,MP_adj,MTX_adj"
START = date(2021, 1, 7)


def chart(*rows: str, head: str = HEAD, **how):
    return read_text("\n".join([head, *rows]), Path("chart.csv"), **how)


def visit(week: int, anc: object = 1.2, plt: object = 200, hb: object = 11.0, percent: float = 100.0) -> str:
    day = START + timedelta(7 * (week - 1))
    mp, mtx = 7 * 60 * 0.8 * percent / 100, 20 * 0.8 * percent / 100  # 0.8 m2; mercaptopurine by the week
    return f"{day.isoformat()},{week},{anc},{plt},{hb},{mp:g},{mtx:g},{percent:g},{percent:g}"


def test_an_allmt_chart_is_read_with_its_doses_by_the_day_and_its_body_surface() -> None:
    c = chart(visit(5), visit(7, percent=75.0), visit(9, percent=0.0))
    assert [v.day for v in c.visits] == [0, 14, 28] and c.week == 5.0
    assert [round(v.mercaptopurine_mg, 3) for v in c.visits] == [48.0, 36.0, 0.0]
    assert [round(v.methotrexate_mg, 3) for v in c.visits] == [16.0, 12.0, 0.0]
    assert c.bsa_m2 == pytest.approx(0.8) and c.visits[2].held and not c.problems


def test_counts_per_microlitre_and_grams_per_litre_are_read_as_such_by_what_can_be() -> None:
    c = chart(visit(1, 1900, 250000, 110), visit(3, 850, 190000, 98))
    assert c.column("anc") == pytest.approx([1.9, 0.85]) and c.column("platelets") == pytest.approx([250, 190])
    assert c.column("haemoglobin") == pytest.approx([11.0, 9.8])
    assert len(c.problems) == 3 and all("whole column" in str(p) for p in c.problems)


def test_a_value_in_another_unit_than_its_column_is_named_with_its_line() -> None:
    c = chart(visit(1, 1.9), visit(3, 850), visit(5, 1.1), visit(7, 1.0))
    assert c.column("anc") == pytest.approx([1.9, 0.85, 1.1, 1.0])
    assert [p.line for p in c.problems] == [3] and "mixed units" in str(c.problems[0])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (visit(3, -1), "ANC is -1, which cannot be"),
        (visit(3, 1.0, 9e9), "PLT is 9e+09, which cannot be"),
        (visit(3, "low"), "ANC is 'low', not a number"),
        (visit(3, 1.0, 200, 450), "Hb is 450, which cannot be"),
        (visit(3, 1.0).replace("2021-01-21,3", ","), "neither a date nor a week: left out the visit"),
        (visit(3, 1.0).replace("2021-01-21", "2021-02-31"), "'2021-02-31' is no date"),
        (visit(3, 1.0).replace("2021-01-21", "21/01/2021"), "is a date as day, month, year, the others are as"),
        (visit(3, 1.0).replace("2021-01-21", "2921-01-21"), "'2921-01-21' lies in the year 2921, outside 1950 to 2100"),
        (visit(3, 1.0).replace("2021-01-21", ""), "no date: filled from its week, 3"),
        (visit(1, 1.3), "a second visit on 2021-01-07 (line 2), with other numbers: left out"),
        (visit(3, 1.0).replace("336,16,100,100", ",16,,100"), "no dose of MP: filled 48 mg a day as before"),
        (visit(3, 1.0, percent=900.0), "which cannot be"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_with_its_line_and_what_was_done(row: str, said: str) -> None:
    c = chart(visit(1), row, visit(5), visit(7))
    assert any(p.line == 3 and said in str(p) for p in c.problems), [str(p) for p in c.problems]
    assert {2, 4, 5} <= {v.line for v in c.visits}


def test_a_visit_out_of_order_is_put_in_its_place_and_named() -> None:
    c = chart(visit(1), visit(5, 2.0), visit(3, 3.0), visit(7))
    assert list(c.column("anc")) == [1.2, 3.0, 2.0, 1.2]
    assert [(p.line, p.done) for p in c.problems] == [(4, "noted")]


def test_day_and_month_are_told_apart_by_the_file_or_asked_for() -> None:
    head = "Date,ANC,MP"
    assert [v.date for v in chart("07/01/2021,1,50", "18/01/2021,1,50", head=head).visits][1] == date(2021, 1, 18)
    assert [v.date for v in chart("01/07/2021,1,50", "01/18/2021,1,50", head=head).visits][1] == date(2021, 1, 18)
    # 7 January, 4 February, 4 March: as month/day it would go from July to April
    third = chart("07/01/2021,1,50", "04/02/2021,1,50", "04/03/2021,1,50", head=head).visits[2]
    assert third.date == date(2021, 3, 4)
    with pytest.raises(BadInput, match="day/month or month/day"):
        chart("05/06/2021,1,50", "06/06/2021,1,50", head=head)
    assert chart("05/06/2021,1,50", "06/06/2021,1,50", head=head, dates="dmy").visits[1].day == 1
    assert chart("05/06/2021,1,1,50", "06/06/2021,2,1,50", head="Date,Weeks,ANC,MP").visits[1].date == date(2021, 6, 6)


def test_columns_of_other_names_are_mapped_and_a_wrong_name_is_refused() -> None:
    mapping = named_columns(["ANC=Neutros", "MP=Puri"])
    c = chart("2021-01-07,1.5,50", "2021-01-21,1.2,50", head="Date,Neutros,Puri", columns=mapping)
    assert list(c.column("anc")) == [1.5, 1.2]
    with pytest.raises(BadInput, match="no column 'Neutro'"):
        chart("2021-01-07,1.5,50", head="Date,Neutros,Puri", columns={"ANC": "Neutro", "MP": "Puri"})
    with pytest.raises(BadInput, match="no column ANC"):
        chart("2021-01-07,1.5,50", head="Date,Neutros,Puri")


def test_leukocytes_below_the_neutrophils_are_left_out() -> None:
    c = chart("2021-01-07,1.5,0.9,50", "2021-01-21,1.5,3,50", head="Date,ANC,WBC,MP")
    assert np.isnan(c.visits[0].wbc) and c.visits[1].wbc == 3.0 and "below the ANC" in str(c.problems[0])


def test_copies_of_a_chart_with_scaled_doses_are_noticed_and_other_patients_are_not() -> None:
    rng = np.random.default_rng(1)
    ancs = rng.uniform(0.5, 3, 12).round(2)
    rows = [visit(1 + 2 * i, float(anc), 150 + 3 * i, 10 + i / 10) for i, anc in enumerate(ancs)]
    first, other = chart(*rows), chart(*[visit(1 + 2 * i, 1.0 + i / 10, 180 - i, 11) for i in range(12)])
    cells = [row.split(",") for row in rows]
    scaled = chart(*[",".join([*c[:7], str(float(c[7]) * 0.52), str(float(c[8]) * 0.52)]) for c in cells])
    found = copies([first, other, scaled])
    assert len(found) == 1 and found[0].visits == 12 and found[0].scale == pytest.approx((0.52, 0.52))
    assert "scaled" in str(found[0])


@pytest.mark.parametrize(
    "text",
    [
        "", "\n\n", HEAD, HEAD + "\n" + "x" * 5000, HEAD + "\n" + "," * 3000, '"' * 99_999, "ANC,ANC,MP,Date\n1,1,1,1",
        "Date,ANC,MP\n" + "2021-01-07,1,1\n" * 2500, "Date,ANC,MP\n1,2,3", HEAD + "\n" + "a,b,c,d,e,f,g,h,i\n" * 400,
        "Date,ANC,MP\n2021-01-07,1e999,1e99",
    ],
)  # fmt: skip
def test_a_hostile_text_ends_in_a_message(text: str) -> None:
    with pytest.raises(BadInput):
        read_text(text, Path("chart.csv")).require()


def test_a_file_that_is_too_long_or_no_text_ends_in_a_message(tmp_path: Path) -> None:
    for content in (b"a" * (MOST_BYTES + 1), b"\xff\xfe\x00A", b"Date,ANC,MP\n\x00"):
        path = tmp_path / "chart.csv"
        path.write_bytes(content)
        with pytest.raises(BadInput):
            read_chart(path)


def test_doses_that_were_given_by_the_rules_are_explained_by_them_and_not_by_others() -> None:
    """Virtual patients treated by COG's and by ICiCLe's rules in closed loop."""
    phases = {id: phase_of(read_protocol(id)) for id in ("icicle-maintenance", "cog-standard-risk")}
    for name in phases:
        for chart in virtual_charts(people(4, 3), seed=3, weeks=70, protocol=name):
            best = matches(chart, phases).row(0, named=True)
            assert best["protocol"] == name
            assert best["explained"] == best["changes"] and best["not made"] <= 1


def changes(*rows: str) -> list[tuple[str, bool, str]]:
    found = reasons(chart(*rows), phase_of(read_protocol("icicle-maintenance")))
    return [(r.change, bool(r.rule), r.rule.partition(" ")[0]) for r in found]


def test_a_change_of_dose_is_explained_by_the_rule_that_asks_for_it_or_by_none() -> None:
    assert changes(visit(1), visit(3, 0.4, percent=0)) == [("held", True, "hold")]
    assert changes(visit(1), visit(3, 0.9, percent=0)) == [("held", False, "")]
    assert changes(visit(1), visit(3, 0.7, percent=50)) == [("lowered", True, "give")]
    assert changes(visit(1), visit(3, 1.0, percent=50)) == [("lowered", False, "")]
    raised = changes(visit(1, 1.2), visit(3, 1.8), visit(5, 1.9, percent=125))
    assert raised == [("raised", True, "raise")]
    assert changes(visit(1, 1.2), visit(3, 1.8, percent=125)) == [("raised", False, "")]  # one visit, not two
    held = changes(visit(1), visit(3, 0.4, percent=0), visit(4, 0.45, percent=0), visit(5, 0.9, percent=88))
    assert held == [("held", True, "hold"), ("as before", True, "hold"), ("begun again", True, "hold")]
    assert changes(visit(1), visit(3, 0.3)) == [("as before", True, "hold")]  # asked for, not done
    assert NO_RULE == "no rule does"


@pytest.mark.parametrize(
    ("broken", "line", "message"),
    [
        ('Dates,ANC,MP\n"01/02/2027",1.5,50\n"08/02/2027,1.2,50\n15/02/2027,1.1,50\n', 3, "not closed"),
        ("Dates,ANC,MP\n01/02/2027,1.5,50\n08/02/2027,1,2,50\n", 3, "4 cells below 3 names"),
    ],
)
def test_what_shifts_or_swallows_visits_is_refused_with_its_line(broken: str, line: int, message: str) -> None:
    with pytest.raises(BadInput, match=message) as refused:
        read_text(broken, Path("chart.csv"))
    assert refused.value.line == line
