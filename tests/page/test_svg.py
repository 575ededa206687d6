"""Pictures: places, gaps, words, and nothing that the policy of the page would refuse."""

import math
import xml.etree.ElementTree as xml

import pytest

from remission.page.svg import axis
from remission.page.svg.bars import Bar, Row, bars
from remission.page.svg.chart import Band, Limit, Line, Mark, Panel, Phase, chart
from remission.page.svg.colours import phase_kind
from remission.page.svg.dots import Share, of_hundred
from remission.page.svg.fit import letters
from remission.page.svg.mark import path
from remission.page.svg.standalone import standalone
from remission.page.svg.strip import Strip, strips

DAYS = [float(d) for d in range(0, 1130, 5)]
PHASES = [Phase(0, 35, "induction", "induction"), Phase(35, 1130, "maintenance", "maintenance")]


def _course() -> str:
    cells = [10 ** (-1 - d / 100) for d in DAYS]
    counts = [2 + math.sin(d / 9) for d in DAYS]
    return chart(
        "Leukaemia <cells>",
        "They fall & fall",
        axis.time(0, 1130),
        [
            Panel(
                axis.powers(1e-12, 1, "Leukaemia, share of marrow", every=3),
                [Line(DAYS, cells, "leukaemia", "one child")],
                [Band(DAYS, [c / 3 for c in cells], [3 * c for c in cells], "leukaemia", "half of 1,000")],
                [Limit(1e-4, "flow")],
            ),
            Panel(axis.linear(0, 4, "Neutrophils, 10⁹/L"), [Line(DAYS, counts, "neutrophils")]),
        ],
        PHASES,
        [Mark(29, "day 29")],
    )


def test_a_picture_of_a_whole_treatment_is_small_well_formed_and_has_words_for_those_who_do_not_see_it():
    svg = _course()
    tree = xml.fromstring(svg)
    title, description = tree[0], tree[1]
    assert (title.text, description.text) == ("Leukaemia <cells>", "They fall & fall")
    assert tree.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert len(svg) < 10_000


def test_no_picture_carries_what_the_policy_of_the_page_refuses():
    for svg in (
        _course(),
        of_hundred("t", "d", [Share(6, "relapse", "leukaemia"), Share(94, "do not", "other", "pale")]),
        bars("t", "d", axis.linear(0, 50, "%"), [Row("Fever", [Bar(30, "30 of 100", "first", 25, 35)])]),
        strips("t", "d", axis.time(0, 70), [Strip("Fever", [0, 35, 70], [0.1, None])], PHASES[:1]),
    ):
        for element in xml.fromstring(svg).iter():
            assert not {"style", "onload", "onclick"} & set(element.keys())
            assert element.tag.partition("}")[2] not in ("style", "script", "foreignObject", "image", "use")


def test_a_gap_in_the_numbers_is_a_gap_in_the_line():
    assert path([(0, 0), (10, 10), None, (20, 10), (30, 0)]) == "M0 0l10 10M20 10l10-10"


def test_points_on_a_line_are_left_out_but_never_a_peak():
    assert path([(0, 0), (5, 0), (10, 0), (10, -8), (10, 0), (20, 0)]) == "M0 0h10v-8v8h10"


def test_steps_stay_until_they_change():
    assert path([(0, 0), (10, 0), (20, 5)], step=True) == "M0 0h20v5"


def test_equal_steps_of_a_logarithmic_axis_are_factors_of_ten():
    y = axis.powers(1e-6, 1, "")
    assert y.share(1e-3) == pytest.approx(0.5)
    assert (y.share(0.0), y.share(1e9)) == (0, 1)


def test_an_axis_that_goes_backwards_or_a_logarithm_of_nothing_is_refused():
    with pytest.raises(ValueError, match="lower to a higher"):
        axis.Axis(1, 1)
    with pytest.raises(ValueError, match="begins above 0"):
        axis.Axis(0, 1, log=True)


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (35, ["start", "week 1", "week 2", "week 3", "week 4", "week 5"]),
        (1100, ["start", "6 months", "1 year", "18 months", "2 years", "30 months", "3 years"]),
    ],
)
def test_time_is_marked_in_weeks_or_years_whichever_are_few(last, says):
    assert [tick.says for tick in axis.time(0, last).ticks] == says


def _course_of(phase):
    """A chart whose one phase is too narrow for its name."""
    return chart("t", "d", axis.time(0, 800), Panel(axis.linear(0, 1, "")), [Phase(0, 30, phase, "induction")])


@pytest.mark.parametrize(
    ("months", "room"),
    [("{n} mois", True), ("{n} months of treatment", False), ("{n}个月", True), ("{n} einundzwanzigste", False)],
)
def test_the_width_of_the_words_decides_how_many_marks_a_time_axis_has(monkeypatch, months, room):
    monkeypatch.setattr(axis, "_months", lambda n: months.format(n=n))
    marks = axis.time(0, 800).ticks
    assert (len(marks) == 9) is room and len(marks) > 2
    step = (marks[1].at - marks[0].at) / 800
    assert all(axis.LETTER * letters(mark.says) < axis.DESK * step for mark in marks), "none runs into the next"


def test_a_narrow_phase_has_its_initials_where_letters_have_capitals_else_no_words():
    assert 'class="strip' in _course_of("Delayed intensification")
    assert not [name for name in ("التكثيف المتأخر", "延迟强化") if 'class="strip' in _course_of(name)]


def test_marks_of_a_hundred_that_are_not_a_hundred_are_refused():
    with pytest.raises(ValueError, match="make 99 of 100"):
        of_hundred("t", "d", [Share(6, "a", "first"), Share(93, "b", "other")])


def test_neighbouring_weeks_of_one_shade_are_one_cell():
    svg = strips("t", "d", axis.time(0, 70), [Strip("Fever", [7 * i for i in range(11)], [0.1] * 10)])
    assert svg.count('class="cell q4"') == 1


@pytest.mark.parametrize(
    ("phase", "protocol", "kind"),
    [
        ("delayed intensification", "", "intensification"),
        ("interim maintenance 1", "", "interim"),
        ("cog-high-risk: maintenance 2", "", "maintenance"),
        ("reinduction", "", "relapse"),
        ("induction", "", "induction"),
        ("IB", "bfm-standard", "consolidation"),
        ("cycle 1", "tower", "antibody"),
        ("cycle 1", "tower-standard", "relapse"),
        ("infusion", "eliana", "car-t"),
    ],
)
def test_a_phase_has_the_same_colour_in_every_protocol(phase, protocol, kind):
    assert phase_kind(phase, protocol) == kind


def test_a_downloaded_picture_brings_its_colours_along():
    svg = standalone(_course(), "Leukaemia falls & falls")
    tree = xml.fromstring(svg)
    assert tree.get("width") == "760"
    assert "--s-leukaemia: #" in svg and "@media" not in svg
