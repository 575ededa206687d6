"""Search: what a family types finds what they mean."""

import pytest

from remission.page.reading import reading
from remission.page.search import Entry, Index, entries


@pytest.fixture(scope="module")
def index():
    return Index(entries(reading("en")))


@pytest.mark.parametrize(
    ("question", "address"),
    [
        ("6-MP", "/treatment/chemotherapy/mercaptopurine"),
        ("Oncovin", "/treatment/chemotherapy/vincristine"),
        ("hair falls out", "/side-effects/hair_loss"),
        ("vincris", "/treatment/chemotherapy/vincristine"),
        ("mouth sores", "/side-effects/mucositis"),
        ("calendar", "/see/"),
    ],
)
def test_the_first_results_hold_what_was_meant(index, question, address):
    assert address in [found.address for found in index.find(question)[:3]]


@pytest.mark.parametrize("question", ["fever", "my child has a fever", "headache", "seizure"])
def test_an_emergency_stands_before_all_else(index, question):
    assert index.find(question)[0].address.startswith("/when-to-call#card-")


HOSTILE = ['"', "a AND", "NEAR(", "*", "title:x", "x" * 10_000, "'; drop table entry; --", "\0"]


@pytest.mark.parametrize("question", HOSTILE)
def test_no_question_breaks_the_search(index, question):
    index.find(question)
    index.meant(question)


def test_a_slip_of_the_pen_is_guessed(index):
    assert index.meant("vnicristine") == "vincristine"


def test_what_was_found_is_marked_and_never_read_as_markup():
    index = Index([Entry("/a", "Title", "all", text="before <script>alert(1)</script> fever after")])
    (found,) = index.find("fever")
    assert "<mark>fever</mark>" in found.excerpt and "<script>" not in found.excerpt


def test_words_of_a_language_without_spaces_are_found():
    index = Index([Entry("/a", "急性淋巴细胞白血病", "all", text="维持治疗持续两年")], "zh")
    assert [found.title for found in index.find("白血病")] == ["急性淋巴细胞白血病"]
    assert index.find("维持治疗")


@pytest.mark.parametrize(
    ("tag", "card", "other", "question"),
    [("zh", "发烧或寒战", "发烧", "孩子发烧怎么办"), ("ar", "حمى أو قشعريرة", "الحمى", "الحمى"),
     ("hi", "बुखार या कँपकँपी", "बुखार", "बुखार")],
)  # fmt: skip
def test_an_emergency_stands_before_all_else_in_every_script(tag, card, other, question):
    index = Index([Entry("/page", other, "page"), Entry("/card", card, "card")], tag)
    assert [found.kind for found in index.find(question)] == ["card", "page"]
