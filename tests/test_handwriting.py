"""What clinicians write on a chart is read as what the protocol language says for it, and written back in its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from remission.knowledge.errors import BadInput
from remission.protocol.explain import explain
from remission.protocol.handwriting import tidied
from remission.protocol.model import Give, Weekdays
from remission.protocol.reader import read_protocol, read_sentence
from remission.protocol.write import sentence, unparse

DAYS = 28
# as it is written on a chart, as the language writes it
GIVEN = [
    ("vincristine 1.5 mg/m2 i.v. push days 1, 8 (max 2 mg)", "vincristine 1.5 mg/m2 IV (max 2 mg) on days 1, 8"),
    ("vincristine 1.5 mg/m2/dose (max: 2 mg/dose) IV on day 1", "vincristine 1.5 mg/m2 IV (max 2 mg) on day 1"),
    ("vincristine (max 2 mg) 1.5 mg/m2 IV on day 1", "vincristine 1.5 mg/m2 IV (max 2 mg) on day 1"),
    ("vincristine 1.5 mg/m2 IV on day 1, maximum dose 2 mg", "vincristine 1.5 mg/m2 IV (max 2 mg) on day 1"),
    ("vincristine IVP 1.5 mg/m² D1, D8, D15", "vincristine 1.5 mg/m2 IV on days 1, 8, 15"),
    ("pegaspargase 2,500 U/m2 i.m. day 4", "pegaspargase 2500 IU/m2 IM on day 4"),
    ("pegaspargase 2,500 units/m2 IM on day 4 (max 3,750 units)", "pegaspargase 2500 IU/m2 IM (max 3750 IU) on day 4"),
    ("dexamethasone 6 mg/m2/d p.o. BID days 1–28", "dexamethasone 6 mg/m2/day PO in 2 doses on days 1-28"),
    ("dexamethasone 6 mg/m2/day PO divided BID days 1 to 28", "dexamethasone 6 mg/m2/day PO in 2 doses on days 1-28"),
    ("dexamethasone 6 mg/m2 per day by mouth in two divided doses on days 1 through 14",
     "dexamethasone 6 mg/m2/day PO in 2 doses on days 1-14"),
    ("dexamethasone 3 mg/m2/dose PO b.i.d. on days 1-14", "dexamethasone 3 mg/m2 PO every 12 hours on days 1-14"),
    ("dexamethasone 2 mg PO TID on days 1-3", "dexamethasone 2 mg PO every 8 hours on days 1-3"),
    ("dexamethasone 2 mg PO qid on days 1-3", "dexamethasone 2 mg PO every 6 hours on days 1-3"),
    ("dexamethasone 2 mg three times a day PO on days 1-3", "dexamethasone 2 mg PO every 8 hours on days 1-3"),
    ("dexamethasone 4 mg/m2 AM and 2 mg/m2 PM PO days 1-5", "dexamethasone 4 mg/m2 AM and 2 mg/m2 PM PO on days 1-5"),
    ("dexamethasone PO 4 mg in the morning, 2 mg in the evening days 1-5",
     "dexamethasone 4 mg AM and 2 mg PM PO on days 1-5"),
    ("mercaptopurine 75 mg/m2 PO nightly on days 1-28", "mercaptopurine 75 mg/m2 PO on days 1-28"),
    ("mercaptopurine 75 mg/m2 PO once daily", "mercaptopurine 75 mg/m2 PO on days 1-28"),
    ("mercaptopurine 75 mg/m2/day PO at bedtime daily days 1-14", "mercaptopurine 75 mg/m2/day PO on days 1-14"),
    ("methotrexate 20 mg/m2 PO weekly x 4", "methotrexate 20 mg/m2 PO weekly"),
    ("methotrexate 20 mg/m2 PO once a week x 3 doses", "methotrexate 20 mg/m2 PO on days 1, 8, 15"),
    ("methotrexate 20 mg/m2 PO weekly from day 8 for 2 weeks", "methotrexate 20 mg/m2 PO on days 8, 15"),
    ("methotrexate 20 mg/m2 PO qwk", "methotrexate 20 mg/m2 PO weekly"),
    ("methotrexate 20 mg/m2 PO every 2 weeks", "methotrexate 20 mg/m2 PO on days 1, 15"),
    ("filgrastim 5 mcg/kg subq daily x 5", "filgrastim 5 ug/kg SC on days 1-5"),
    ("filgrastim 5 µg/kg/day s.c. on days 5 through 9", "filgrastim 5 ug/kg/day SC on days 5-9"),
    ("filgrastim 5 μg/kg/day SC daily from day 5 to day 9", "filgrastim 5 ug/kg/day SC on days 5-9"),
    ("levofloxacin 10 mg/kg PO Mon/Wed/Fri", "levofloxacin 10 mg/kg PO on Mon/Wed/Fri"),
    ("levofloxacin 10 mg/kg PO BID on Saturdays and Sundays", "levofloxacin 10 mg/kg PO every 12 hours on Sat/Sun"),
    ("levofloxacin 10 mg/kg PO MWF from day 8", "levofloxacin 10 mg/kg PO on Mon/Wed/Fri from day 8"),
    ("levofloxacin 10 mg/kg PO every Monday", "levofloxacin 10 mg/kg PO on Mon"),
    ("levofloxacin 10 mg/kg PO Mon-Fri", "levofloxacin 10 mg/kg PO on Mon/Tue/Wed/Thu/Fri"),
    ("levofloxacin 10 mg/kg PO days 1, 3, 5 of each week", "levofloxacin 10 mg/kg PO on days 1, 3, 5 of each week"),
    ("levofloxacin 10 mg/kg PO twice weekly", "levofloxacin 10 mg/kg PO on days 1, 4 of each week"),
    ("levofloxacin 10 mg/kg PO three times a week x 4", "levofloxacin 10 mg/kg PO on days 1, 3, 5, 8"),
    ("leucovorin 15 mg/m2 IV every 3 hours on day 2", "leucovorin 15 mg/m2 IV every 3 hours on day 2"),
    ("leucovorin 15 mg/m2 IV/PO q6h on day 2", "leucovorin 15 mg/m2 IV/PO every 6 hours on day 2"),
    ("leucovorin 15 mg/m2 IV or PO q 12 hrs D2", "leucovorin 15 mg/m2 IV/PO every 12 hours on day 2"),
    ("allopurinol 300 mg/m2/day PO in 3 doses on days 1-7 (max daily dose 800 mg)".replace("800", "900"),
     "allopurinol 300 mg/m2/day PO (max 900 mg) in 3 doses on days 1-7"),
    ("blinatumomab 15 ug/m2/day continuous IV infusion over 24 h on days 1–28",
     "blinatumomab 15 ug/m2/day IV over 24 hours on days 1-28"),
]  # fmt: skip


@pytest.mark.parametrize(("chart", "canonical"), GIVEN, ids=[chart for chart, _ in GIVEN])
def test_a_chart_is_read_and_written_in_the_words_of_the_language(chart: str, canonical: str) -> None:
    read = read_sentence("give", chart, days=DAYS)
    assert sentence(read, DAYS) == canonical
    assert read_sentence("give", canonical, days=DAYS) == read


def test_units_and_u_are_international_units_and_mcg_is_a_microgram_never_a_milligram() -> None:
    for written, unit in (("U/m2", "IU/m2"), ("units/m2", "IU/m2"), ("unit/kg", "IU/kg"), ("mcg/m2", "ug/m2"),
                          ("µg/m2", "ug/m2"), ("μg/kg", "ug/kg"), ("I.U./m2", "IU/m2"), ("mcg", "ug")):  # fmt: skip
        give: Give = read_sentence("give", f"blinatumomab 15 {written} IV on day 1", days=DAYS)
        assert (give.amount, give.unit) == (15.0, unit)


def test_a_dose_am_and_another_pm_are_a_day_with_the_sum_of_both() -> None:
    give: Give = read_sentence("give", "dexamethasone 4 mg in the morning and 2 mg in the evening PO on day 1", days=7)
    assert (give.amount, give.per, give.doses_per_day, give.morning_evening) == (6.0, "day", 2, (4.0, 2.0))


def test_weekdays_count_from_a_monday_in_play_and_from_the_date_in_a_plan() -> None:
    give: Give = read_sentence("give", "levofloxacin 10 mg/kg PO Mon/Wed/Fri", days=14)
    assert give.days == (1, 3, 5, 8, 10, 12) and give.weekdays == Weekdays((0, 2, 4), 1, 14)
    assert give.weekdays.days(2) == (1, 3, 6, 8, 10, 13)  # day 1 on a Wednesday: Wed, Fri, Mon, ...


def test_what_is_said_divided_is_an_amount_of_a_day_and_an_amount_of_a_dose_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot be split"):
        read_sentence("give", "dexamethasone 10 mg/m2 PO divided BID on days 1-5", days=7)
    with pytest.raises(BadInput, match="said twice"):
        read_sentence("give", "dexamethasone 10 mg/m2 PO BID every 6 hours on days 1-5", days=7)
    with pytest.raises(BadInput, match="AM and one PM are said already"):
        read_sentence("give", "dexamethasone 4 mg AM and 2 mg PM TID PO on days 1-5", days=7)
    with pytest.raises(BadInput, match="5 doses do not fit"):
        read_sentence("give", "methotrexate 20 mg/m2 PO weekly x 5", days=28)


def test_thousands_are_told_from_lists_of_days() -> None:
    assert read_sentence("give", "vincristine 1.5 mg/m2 IV on days 1,100,120", days=200).days == (1, 100, 120)


def test_phases_and_quoted_words_are_left_as_they_are() -> None:
    decide = read_sentence("decide", "day 29: if marrow MRD >= 0.01% go to weekly oral block x 4", days=35)
    assert decide.target == "weekly oral block x 4"
    assert (
        read_sentence("decide", 'day 29: if cns is 3 leave for "2,500 U/m2 i.v."', days=35).target == "2,500 U/m2 i.v."
    )


def test_a_mistake_after_handwriting_has_the_column_of_the_file() -> None:
    for text in ("pegaspargase 2,500 units/m2 i.m. onn day 4", "dexamethasone 6 mg/m2/d p.o. BID d1–28 onn day 4"):
        with pytest.raises(BadInput, match="'onn' cannot stand here") as caught:
            read_sentence("give", text, days=28)
        assert caught.value.column == text.index("onn") + 1


@pytest.mark.parametrize("text", [text for pair in GIVEN for text in pair])
def test_tidying_twice_changes_nothing_and_every_letter_has_its_place(text: str) -> None:
    tidy, places = tidied(text)
    assert len(places) == len(tidy) + 1 and places == sorted(places) and places[-1] == len(text)
    assert " ".join(tidied(tidy)[0].split()) == " ".join(tidy.split())


CONDITIONING = """\
protocol: graft
name: Graft
phases:
  - conditioning:
      days: -7 to 28
      give:
        - cyclophosphamide 50 mg/kg IV on days -5, -4, -3 and -2
        - methotrexate 10 mg/m2 IV on days +1, 3, 6
        - ciclosporin 3 mg/kg/day IV over 2 hours in 2 doses on days -1-28
      check:
        - 'weekly from day 0: counts'
        - day 28: marrow MRD
      decide:
        - day 28: if marrow MRD >= 1% leave for "another graft"
"""


def test_days_before_a_transplant_are_negative_and_day_0_is_the_graft(tmp_path: Path) -> None:
    path = tmp_path / "graft.yaml"
    path.write_text(CONDITIONING, encoding="utf-8")
    (phase,) = read_protocol(path).phases
    assert (phase.days, phase.first_day) == (36, -7)
    assert phase.give[0].days == (3, 4, 5, 6) and phase.give[1].days == (9, 11, 14)
    assert phase.give[2].days == tuple(range(7, 37)) and phase.check[0].days == (8, 15, 22, 29, 36)
    assert phase.decide[0].day == 36
    text = unparse(read_protocol(path))
    assert "days: -7 to 28" in text and "on days -5--2" in text and "day 28: if" in text
    path.write_text(text, encoding="utf-8")
    assert read_protocol(path).phases[0] == phase
    assert "the first is day -7" in explain(read_protocol(path)) and "On day 28, if" in explain(read_protocol(path))
    with pytest.raises(BadInput, match="count from a transplant on day 0, for example days: -2 to 30"):
        read_sentence("give", "cyclophosphamide 50 mg/kg IV on day -2", days=28)
