"""The pages that are read: prose and pages made of knowledge files, their links, sources and words."""

from __future__ import annotations

from pathlib import Path

import pytest

from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.page import given
from remission.page.prose import Marks, cited_in, to_html
from remission.page.reading import Reading, reading
from remission.protocol.reader import read_protocol


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """A reading of the English pages with one page of a test in place of `treatment/induction`."""
    made = Reading("en")
    made.files = {**made.files, "mine": tmp_path / "mine.md"}  # type: ignore[misc]
    return made


def write(own: Reading, body: str) -> None:
    own.files["mine"].write_text("---\ntitle: T\nsummary: S.\nreviewed: 2026-11-29\n---\n" + body, "utf-8")


def test_every_agent_side_effect_and_symptom_has_a_page() -> None:
    ids = set(reading().ids())
    assert {f"treatment/chemotherapy/{name}" for name in library().agents()} <= ids
    assert {f"side-effects/{name}" for name in library().side_effects()} <= ids
    assert {f"symptoms/{name}" for name in library().symptoms()} <= ids


def test_html_in_prose_is_shown_and_never_obeyed() -> None:
    html = to_html("<script>alert(1)</script> [x](javascript:alert(1)) ![x](http://a/b.png)", Marks("en"))
    assert "<script" not in html and "href" not in html


def test_a_word_is_explained_once_where_it_first_stands_and_not_inside_other_words() -> None:
    marks = Marks("en", {"marrow": "marrow", "bone marrow": "marrow"})
    html = to_html("Marrowfat. The bone marrow. The marrow again.", marks)
    assert html.count("<button") == 1 and ">bone marrow</button>" in html
    assert marks.words == ["marrow"]


def test_sources_are_numbered_in_the_order_in_which_they_are_cited() -> None:
    marks = Marks("en")
    html = to_html("One [@b2]. Two [@a1; @b2].", marks)
    assert marks.cited == ["b2", "a1"]
    assert html.index("#ref-b2") < html.index("#ref-a1") and html.count("<sup") == 3


def test_a_mistake_in_a_page_is_told_with_its_line(own: Reading) -> None:
    for body, line, what in (
        ("## No id\n", 6, "no id"),
        ("## A {#a}\n\n::agents vincristin\n", 8, "vincristin"),
        ("## A {#a}\n\n:::specialist\nx\n", 8, "not closed"),
        ("## A {#a}\n::cards fevr\n", 7, "fevr"),
        ("## A {#a}\n::nonsense x\n", 7, "not understood"),
    ):
        write(own, body)
        with pytest.raises(BadInput, match=what) as caught:
            own.page("mine")
        assert caught.value.line == line, body


def test_block_ids_stay_when_other_parts_are_added(own: Reading) -> None:
    write(own, "## B {#b}\ntext\n\n::cards fever\n\nmore\n")
    first = [block.id for block in own.page("mine").blocks]
    own._pages.clear()
    write(own, "## A {#a}\nnew\n\n## B {#b}\ntext\n\n::cards fever\n\nmore\n")
    assert [block.id for block in own.page("mine").blocks][1:] == first == ["b", "b-1", "b-2"]


def test_an_unknown_page_names_the_nearest_one() -> None:
    with pytest.raises(BadInput, match="neuropathy"):
        reading().page("side-effects/neuropaty")


def test_a_number_of_a_study_is_told_of_100_with_its_time_both_ways_and_its_source() -> None:
    page = reading().page("side-effects/neuropathy")
    told = next(block for block in page.blocks if block.kind == "often").html
    assert "Of 100 people in it, about 27" in told and "The other 73 did not" in told
    assert "within 3 years" in told and "#ref-diouf2015" in told and "diouf2015" in page.references


def test_what_only_specialists_read_is_numbered_after_the_sources_of_families(own: Reading) -> None:
    write(own, "## A {#a}\nOne [@maloney2020].\n\n:::specialist\nTwo [@gupta2025].\n:::\n\nThree [@forum].\n")
    page = own.page("mine")
    assert page.references == ("maloney2020", "forum", "gupta2025")
    assert page.references_for(specialist=False) == ("maloney2020", "forum")
    assert '#ref-forum">2<' in page.blocks[-1].html


def test_every_reference_that_a_family_sees_is_in_its_list() -> None:
    for page in reading().pages():
        shown = [html for b in page.blocks if not b.specialist for html in (b.html, *(i.html for i in b.items))]
        assert set(cited_in(shown)) == set(page.references_for(specialist=False)), page.id


def test_a_story_has_a_page_only_with_consent_and_until_it_is_taken_back(tmp_path: Path) -> None:
    made = Reading("en")
    made.folder = tmp_path
    (tmp_path / "stories").mkdir()
    head = "---\ntitle: T\nsummary: S.\nreviewed: 2026-11-29\ntold_by: Ann\nwho: mother\ntreated: 2020, Chile\n"
    story = tmp_path / "stories" / "ann.md"
    story.write_text(head + "---\n## A {#a}\nx\n", "utf-8")
    with pytest.raises(BadInput, match="consent"):
        made.files  # noqa: B018
    story.write_text(head + "consent: 2026-01-02\n---\n## A {#a}\nx\n", "utf-8")
    assert made.page("stories/ann").byline == "Ann, mother, 2020, Chile"
    taken_back = Reading("en")
    taken_back.folder = tmp_path
    story.write_text(head + "consent: 2026-01-02\nwithdrawn: 2026-02-03\n---\n## A {#a}\nx\n", "utf-8")
    assert "stories/ann" not in taken_back.files


def test_what_a_phase_gives_is_read_from_the_protocol_s_file() -> None:
    page = reading().page("treatment/induction")
    items = {
        item.id.rsplit("/", 1)[1]: item.html
        for block in page.blocks
        if block.id.startswith("given")
        for item in block.items
    }
    file = read_protocol("cog-standard-risk").phase("induction")
    assert {give.agent for give in file.give if not give.block} <= set(items)
    assert "Into a vein on days 1, 8, 15, 22." in items["vincristine"]
    assert "By mouth on days 1 to 28." in items["dexamethasone"]
    assert "Into a vein on day 4." in items["pegaspargase"]
    assert "Only some get this." in items["asparaginase_erwinia"] and "Only some" not in items["vincristine"]
    assert "on days 8, 29. Into the fluid around the spine on days 15, 22. Only some get this." in items["methotrexate"]
    with pytest.raises(BadInput, match="no phase"):
        given.items(reading(), "cog-standard-risk", "inducton", Marks("en"))
