"""The page in other languages: nothing lost, nothing left in English without a mark, nothing turned round."""

from __future__ import annotations

import ast
import html
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from starlette.testclient import TestClient

import remission
from remission import locale as spoken
from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.locale import KNOWN, LANGUAGES, TRANSLATED, speaking, unpublished
from remission.locale import catalogue as catalogues
from remission.locale.marks import BEGIN, END, ISOLATE, POP, RTL, isolated, marked, unbroken
from remission.page.app import application
from remission.page.passages import passages, said
from remission.page.prose import Marks, to_html
from remission.page.reading import Reading
from remission.page.shelf import Word
from remission.page.site import Site
from remission.page.svg.fit import letters, lines
from remission.protocol.calendar import as_text
from remission.protocol.explain import explain
from remission.protocol.plan import plan
from remission.protocol.reader import read_protocol
from remission.translation import filed as filing
from remission.translation import terms as term_files
from remission.translation.checks import FORMS, faults, plural_forms
from remission.translation.filed import Filed
from remission.translation.status import lacks, table
from remission.translation.terms import Forbidden, Said, Terms, found_in, term_base
from remission.translation.units import Unit, units
from remission.translation.work import take, todo

from .reading_grade import EASE, ease, for_families

PUBLISHED = [key for key in TRANSLATED if KNOWN[key].published]
NO_TERMS = Terms()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of catalogues that holds nothing yet."""
    for module in (catalogues, term_files):
        monkeypatch.setattr(module, "HERE", tmp_path)
    catalogues.catalogue.cache_clear()
    yield tmp_path
    catalogues.catalogue.cache_clear()


@pytest.fixture(scope="module")
def served() -> Iterator[TestClient]:
    with unpublished("qps", "qps-rtl", "de"):
        yield TestClient(application(Site(still=True)))


def interface(english: str, plural: str | None = None) -> Unit:
    return Unit("interface", "", english, "a test", plural)


# --- what is translated


def test_every_sentence_of_the_program_is_found_by_the_extraction() -> None:
    """Inside an f-string, or with a name in place of a text, a sentence would be in no catalogue."""
    known = {text for unit in units() if unit.kind == "interface" for text in (unit.english, unit.plural)}
    root = Path(remission.__file__).parent
    lost = [
        (file.name, call.lineno, call.args[0].value)
        for folder in ("page", "protocol")
        for file in sorted((root / folder).rglob("*.py"))
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("_", "gettext", "ngettext", "N_")
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and call.args[0].value not in known
    ]
    assert lost == []
    assert len(known) > 1000


def test_the_units_are_the_pages_the_cards_the_program_and_the_knowledge_each_with_an_id_of_its_own() -> None:
    ids = [(unit.kind, unit.id) for unit in units() if unit.id]
    assert len(ids) == len(set(ids))
    for wanted in ("cards/fever#title", "treatment/induction#aim.1", "glossary/remission#means", "sentences#signs"):
        assert ("pages", wanted) in ids
    for wanted in ("agents/vincristine#plain", "side-effects/neuropathy#care", "symptoms/fever#now",
                   "protocols/cog-standard-risk#plain", "phases#Consolidation"):  # fmt: skip
        assert ("knowledge", wanted) in ids


def test_passages_put_back_as_they_are_make_the_same_page() -> None:
    for path in Reading("en").files.values():
        body = path.read_text("utf-8").split("\n---\n", 1)[1].split("\n")
        again = said(body, lambda _id, text: text)
        loose = [re.sub(r"\s*\|\s*", "|", line).strip() for line in body]
        assert [re.sub(r"\s*\|\s*", "|", line).strip() for line in again] == loose, path
        assert all(passage.text.strip() == passage.text for passage in passages(body))


def test_english_says_nothing_that_translations_have_turned_round() -> None:
    found = [
        (turned.instead, unit.id or unit.where, text)
        for unit in units() if unit.id != "how-we-write#words.3"  # it names the words
        for text in (unit.english, unit.plural or "")
        for turned in term_base().turned_round
        if re.search(turned.pattern, text, re.IGNORECASE)
    ]  # fmt: skip
    assert found == []


def test_the_term_base_has_the_words_that_matter_and_finds_them() -> None:
    base = term_base()
    assert len(base.terms) >= 150
    wanted = {"remission", "induction", "counts", "blasts", "maintenance", "do not give", "mercaptopurine"}
    assert wanted <= set(base.terms)
    assert list(found_in("All counts are low; ALL is in remission.")) == ["counts", "ALL", "remission"]
    assert list(found_in("Delayed intensification follows.")) == ["delayed intensification"]


# --- published languages


@pytest.mark.parametrize("key", PUBLISHED)
def test_a_published_language_lacks_nothing_of_interface_and_pages(key: str) -> None:
    """A new drug may lack its translation for a while (`remission translations` lists it); what is there is right."""
    wrong = [str(lack) for lack in lacks(key)
             if lack.unit.kind != "knowledge" or lack.what not in ("missing", "old", "fuzzy")]  # fmt: skip
    assert not wrong, f"{len(wrong)} texts, see: remission translations check {key}\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("key", PUBLISHED)
def test_a_published_language_says_every_term_with_its_source(key: str) -> None:
    said_terms = term_files.terms_of(key).terms
    assert not set(term_base().terms) - set(said_terms)
    assert all(term.source for term in said_terms.values())


@pytest.mark.parametrize("key", [key for key in PUBLISHED if key in EASE])
def test_the_family_pages_of_a_published_language_are_easy_by_its_own_formula(key: str) -> None:
    """No harder than "normal" of the scale for the page in the middle, nor far from it for any."""
    pages = [page for page in Reading(key).pages() if len(for_families(page).split()) > 60]
    eases = {page.id: ease(for_families(page), key) for page in pages}
    normal = EASE[key][-1]
    assert median(eases.values()) >= normal
    assert not {id: round(value) for id, value in eases.items() if value < normal - 15}


@pytest.mark.parametrize("key", TRANSLATED)
def test_a_catalogue_has_the_plural_forms_of_its_language(key: str) -> None:
    header = catalogues.read(key, "interface")
    assert header.num_plurals == {"es": 3, "fr": 3, "de": 2, "pt-BR": 3, "ar": 6, "hi": 2, "zh": 1}[key]
    assert len(FORMS[header.num_plurals]) == header.num_plurals == len(plural_forms(key))


# --- what makes a translation wrong


@pytest.mark.parametrize(
    ("english", "german", "what"),
    [
        ("{n} of 100", "{m} von 100", "lost the placeholder {n}"),
        ("{n} of 100", "{n} von hundert", "lost the number 100"),
        ("Below 38.0 °C", "Unter 38.0 °C", "lost the number 38.0"),
        ("Below 38.0 °C", "Unter 39,0 °C", "lost the number 38.0"),
        ("5,377 children", "5377 Kinder", None),
        ("Below 38.0 °C (100.4 °F)", "Unter 38,0 °C (100,4 °F)", None),
        ("[Words](/all#mrd) here [@key]", "[Wörter](/all) hier [@key]", "lost the link to /all#mrd"),
        ("Words here [@key]", "Wörter hier", "lost the sources"),
        ("**Bold** words", "Fette Wörter", "**"),
        ("One|Two", "Eins", "not as many |"),
        ("Words", "", "is empty"),
        ("Words", "Wörter <b>fett</b>", "markup"),
        ("Words", "Wörter \ufffd", "U+FFFD"),
        ("Take it three times a day with food", "Take it three times a day with food", "is the English"),
        ("Do not give it", "Halten Sie es", "says 'halten'"),
        ("Free under the Apache licence 2.0.", "Frei unter der Apache-Lizenz 2,0.", "lost 2.0"),
        ("Free under the Apache licence 2.0.", "Frei unter der Apache-Lizenz 2.0.", None),
        ("The address is `/en/feed.atom`", "Die Adresse ist `/en/feed.atom`", "lost `/de/feed.atom`"),
        ("Type `remission --share 0.5` here", "Geben Sie `remission --share 0.5` ein", None),
        ("This is remission", "Das ist Vergebung", "term for 'remission'"),
        ("This is remission", "Das ist eine Remission", None),
    ],
)  # fmt: skip
def test_what_is_lost_or_added_is_told(english: str, german: str, what: str | None) -> None:
    terms = Terms(terms={"remission": Said(term="Remission", source="a test")},
                  forbidden=(Forbidden(word="halten", why="it turns 'do not give' round"),))  # fmt: skip
    found = list(faults(interface(english), (german,), "de", terms))
    assert (found == []) if what is None else any(what in fault for fault in found), found


def test_digits_of_a_script_of_its_own_are_refused_and_letters_of_it_asked_for() -> None:
    assert any("Latin digits" in f for f in faults(interface("Day 8"), ("اليوم ٨",), "ar", NO_TERMS))
    assert not list(faults(interface("Day 8"), ("اليوم 8",), "ar", NO_TERMS))
    assert any("no letter" in f for f in faults(interface("some words of English here"), ("abc",), "zh", NO_TERMS))


def test_plural_forms_must_be_as_many_as_the_language_has() -> None:
    counted = interface("{n} day", "{n} days")
    assert plural_forms("ar") == ("zero", "one", "two", "few", "many", "other")
    assert any("6 plural forms" in f for f in faults(counted, ("يوم", "{n} أيام"), "ar", NO_TERMS))
    six = ("لا أيام", "يوم واحد", "يومان", "{n} أيام", "{n} يومًا", "{n} يوم")
    assert list(faults(counted, six, "ar", NO_TERMS)) == [], "none, one and two need not say the number"
    assert any("lost the placeholder" in f for f in faults(counted, ("ein Tag", "Tage"), "de", NO_TERMS))


# --- a translator's round


def work_of(folder: Path, english: str) -> str:
    """The number of the block of an English text."""
    for path in sorted(folder.glob("[0-9]*.txt")):
        for block in path.read_text("utf-8").split("\n@@ ")[1:]:
            if f"> {english}" in block.split("\n"):
                return block.split("\n")[0]
    raise AssertionError(f"no block of {english!r}")


def test_what_comes_back_is_filed_where_it_is_right_and_told_with_its_line_where_not(own: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    todo("de", work)
    right, wrong = work_of(work, "Fever or chills"), work_of(work, "Colder than 36.0 °C (96.8 °F).")
    back = tmp_path / "back.txt"
    back.write_text(f"@@ {right}\nFieber oder\nSchüttelfrost\n\n@@ {wrong}\nKälter als 36.\n\n@@ 99999\nx\n", "utf-8")
    taken = take("de", back, work)
    assert taken.filed == 1
    assert [fault.split(":")[1] for fault in taken.faults] == ["5", "5", "8"], "the lines of the blocks"
    assert Reading("de").card("fever").title == "Fieber oder Schüttelfrost"
    assert work_of(work, "Fever or chills") == right, "what was given out stays"
    todo("de", work)
    with pytest.raises(AssertionError):
        work_of(work, "Fever or chills")


def test_terms_are_taken_with_their_sources_or_told_why_not(own: Path, tmp_path: Path) -> None:
    back = tmp_path / "terms.txt"
    blocks = ("@@ remission\nRemission | remiss\nsource: KinderKrebsInfo", "@@ blasts\nBlasten",
              "@@ remision\nx\nsource: y", "@@ forbidden\nhalten | turned round\n")  # fmt: skip
    back.write_text("\n\n".join(blocks), "utf-8")
    taken = take("de", back, tmp_path)
    assert taken.filed == 2 and len(taken.faults) == 2
    assert "no source" in taken.faults[0] and "did you mean 'remission'" in taken.faults[1]
    terms = term_files.terms_of("de")
    assert terms.terms["remission"].stands_in("In REMISSION sein") and terms.forbidden[0].word == "halten"


def test_a_changed_english_sentence_makes_its_translation_old_and_english_stands_there_marked(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = next(unit for unit in units() if unit.id == "cards/fever#title")
    filed = Filed("de")
    filed.put(card, ("Fieber oder Schüttelfrost",))
    filed.write()
    changed = Unit(card.kind, card.id, "Fever, chills or shaking", card.where)
    assert Filed.of("de").state(card) == "done" and Filed.of("de").state(changed) == "old"
    with speaking("de"):
        assert spoken.say(card.id, changed.english) == f"{BEGIN}{changed.english}{END}"
        assert spoken.say("cards/elsewhere#title", card.english) == "Fieber oder Schüttelfrost", "moved, not changed"
    monkeypatch.setattr(filing, "units", lambda: (changed,))
    Filed.of("de").write()
    kept = Filed.of("de")
    assert kept.state(changed) == "fuzzy"
    assert kept.old["pages", card.id] == (card.english, ("Fieber oder Schüttelfrost",))


def test_an_unknown_language_and_a_file_without_blocks_are_refused_with_what_would_be_right(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no language 'xx'"):
        todo("xx", tmp_path)
    (tmp_path / "a.txt").write_text("words\n", "utf-8")
    with pytest.raises(BadInput) as caught:
        take("de", tmp_path / "a.txt", tmp_path)
    assert caught.value.line == 1


def test_the_table_counts_every_language() -> None:
    assert [row["language"] for row in table()] == list(TRANSLATED)


# --- marks, directions, widths


def test_english_that_stands_in_is_marked_in_text_taken_out_of_attributes_and_a_tspan_in_pictures() -> None:
    page = marked(f'<p title="{BEGIN}a{END}">Ein {BEGIN}word{END}.</p><svg><text x="0">{BEGIN}b{END}</text></svg>')
    assert page == ('<p title="a">Ein <span lang="en" dir="ltr" class="english">word</span>.</p>'
                    '<svg><text x="0"><tspan lang="en" class="english">b</tspan></text></svg>')  # fmt: skip
    assert marked(f"<option>{BEGIN}x{END}</option>") == "<option>x</option>"
    assert marked(f"<p>{BEGIN}no end</p><p>x</p>").count("</span>") == 1, "a lost mark ends with its paragraph"


def test_doses_ranges_and_latin_names_keep_their_order_in_right_to_left_text() -> None:
    assert isolated("جرعة 2.02 mg كل يوم") == f"جرعة {ISOLATE}2.02 mg{POP} كل يوم"
    assert isolated("بين 0.5-1.5") == f"بين {ISOLATE}0.5-1.5{POP}"
    assert isolated("ميركابتوبورين (mercaptopurine)") == f"ميركابتوبورين {ISOLATE}(mercaptopurine){POP}"
    for whole in ("Fundación Josep Carreras", "kinderkrebsinfo.de (GPOH)", "38.0 °C (100.4 °F)"):
        assert isolated(f"من {whole} ثم") == f"من {ISOLATE}{whole}{POP} ثم"
    assert unbroken("38.0 °C (100.4 °F) 5 mg") == "38.0\u00a0°C\u00a0(100.4\u00a0°F) 5 mg"
    assert isolated("اليوم 8") == "اليوم 8"
    assert marked("<svg><text>يوم 8</text></svg>", rtl=True) == f"<svg><text>{RTL}يوم 8{POP}</text></svg>"
    assert marked("<p>A &amp; B &#39;x</p>", rtl=True).count("&amp;") == 1


@pytest.mark.parametrize(
    ("key", "number", "first_day", "direction"),
    [("de", "12\u202f345,6", 0, "ltr"), ("fr", "12\u202f345,6", 0, "ltr"), ("pt-BR", "12\u202f345,6", 6, "ltr"),
     ("ar", "12,345.6", 5, "rtl"), ("hi", "12,345.6", 6, "ltr"), ("zh", "12,345.6", 0, "ltr")],
)  # fmt: skip
def test_numbers_weeks_and_directions_are_those_of_the_language_with_latin_digits(
    key: str, number: str, first_day: int, direction: str
) -> None:
    with speaking(key):
        assert spoken.number(12345.6) == number
        assert spoken.first_week_day() == first_day and spoken.direction() == direction
        assert not re.search(r"[^\W\d_]?[٠-٩०-९]", spoken.number(1234567) + spoken.percent(0.5))
        assert spoken.figures("1,234.5") == spoken.figures("1,234.5").translate({}) and "1" in spoken.figures("1.5")


def test_hindi_groups_its_numbers_by_lakh() -> None:
    with speaking("hi"):
        assert spoken.number(1234567) == "12,34,567"


def test_labels_are_cut_by_the_width_of_their_letters() -> None:
    assert lines("short") == ["short"]
    cut = lines("Zahl der Neutrophilen im Blut, Milliarden je Liter", 25)
    assert cut == ["Zahl der Neutrophilen im", "Blut, Milliarden je Liter"]
    assert lines("中性粒细胞计数每升十亿个细胞", 20) == ["中性粒细胞计数每升十", "亿个细胞"]
    assert letters("हिन्दी") < len("हिन्दी"), "marks take no room"


def test_words_of_the_glossary_are_found_in_every_script() -> None:
    marks = Marks("zh", {"骨髓": "marrow"})
    assert '<button type="button" class="word" popovertarget="word-marrow">骨髓</button>' in to_html("在骨髓里", marks)
    cases = [("खून", "खून में", True), ("खून", "खूनी", False), ("दवा", "दवाएँ", False), ("دم", "الدم دم", True)]
    cases += [("MRD", "检查MRD时", True), ("MRD", "AMRD", False), ("CAR-T 细胞", "用CAR-T 细胞后", True)]  # no spaces
    cases += [
        ("الطحال", "الكبد والطحال", True),
        ("الطحال", "للطحال", True),
        ("دم", "كدم", False),
    ]  # and-, for-, a bruise
    for form, text, found in cases:
        assert ("<button" in to_html(text, Marks("hi", {form: "x"}))) is found, (form, text)


def test_a_longer_word_that_means_something_else_hides_the_word_of_the_glossary_in_it() -> None:
    told = to_html("挡住白细胞介素 6，白细胞回来", Marks("zh", {"白细胞": "white-cells", "白细胞介素": ""}))
    assert told.startswith("<p>挡住白细胞介素 6，<button") and told.count("<button") == 1
    forms = Word(word="白细胞", means="", forms=("白血球", "!白细胞介素"))
    assert forms.names == ("白血球",) and forms.others == ("白细胞介素",)


def explained(key: str) -> Counter[str]:
    """How many side effects' pages explain each word of the glossary."""
    there = Reading(key)
    return Counter(word for name in there.knowledge.side_effects()
                   for word, _means in there.page(f"side-effects/{name}").words)  # fmt: skip


@pytest.fixture(scope="module")
def explained_in_english() -> Counter[str]:
    return explained("en")


@pytest.mark.parametrize("key", ["ar", "zh"])
def test_words_of_the_glossary_are_explained_about_as_often_as_in_english(
    key: str, explained_in_english: Counter[str]
) -> None:
    """A word whose forms do not fit the texts of a language would never be explained there."""
    often = explained(key)
    assert not [word for word, n in explained_in_english.items() if n > 2 and often[word] < n / 4]
    assert often.total() > 0.9 * explained_in_english.total()


# --- the served page


PAGES = [
    "/", "/treatment/induction", "/treatment/chemotherapy/vincristine?view=specialist", "/side-effects/neuropathy",
    "/symptoms/fever", "/when-to-call", "/glossary", "/help", "/news", "/index", "/questions/relapse", "/search?q=",
    "/no-such-page", "/see/?view=specialist", "/sources/maloney2020", "/about",
]  # fmt: skip
NAMES = re.compile(  # what is a name in every language
    r"remission|St Jude XIIIB and AALL0433|https?:\S+|maloney2020|\b[A-Z]{2,}\S*|[\w.]+@[\w.]+|\S+\.(?:de|org|com)\b.*"
)


def left_in_english(page: str) -> list[str]:
    """Words that no catalogue holds: plain letters outside of what is marked as English."""
    page = re.sub(r"<(script|style|code|datalist)\b.*?</\1>|<pre>.*?</pre>", "", page, flags=re.S)
    own = r'<(\w+)\b[^>]*\b(?:translate="no"|lang="(?!en-X)[^"]*")[^>]*>(?:(?!<\1\b).)*?</\1>'
    page = re.sub(own, "", page, flags=re.S)
    spoken_ = re.findall(r'(?:aria-label|placeholder|alt)="([^"]*)"', page)
    found = [html.unescape(text).strip() for text in (*re.split(r"<[^>]+>", page), *spoken_)]
    return [text for text in found if re.search(r"\b[a-z]{3,}\b", NAMES.sub("", text))]


@pytest.mark.parametrize("key", ["qps", "qps-rtl"])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_on_a_page_is_written_past_the_catalogues(served: TestClient, key: str, path: str) -> None:
    answer = served.get(f"/{key}{path}")
    assert left_in_english(answer.text) == []
    assert BEGIN not in answer.text and "{" not in re.sub(r"<(script|style).*?</\1>", "", answer.text, flags=re.S)


def test_english_that_is_left_would_be_found() -> None:
    assert left_in_english("<p>Only English here</p>") == ["Only English here"]
    assert left_in_english('<p lang="en">Only English here</p>') == []


def test_explain_speaks_the_language_but_for_notes_of_the_file() -> None:
    with speaking("qps"):
        told = explain(read_protocol("cog-standard-risk"))
    notes = re.compile(r"^ +- .*$|\b(?:cog|bfm)[\w-]*", re.M)
    assert re.findall(r"\b[a-z]{4,}\b", notes.sub("", told)) == []


def test_what_explain_and_plan_say_of_every_protocol_stands_in_the_catalogues(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of a protocol's file (a unit, a subtype, a risk group) are asked for when they are met."""
    lost: set[str] = set()
    there = catalogues.Catalogue.sentence

    def sentence(self: catalogues.Catalogue, english: str) -> str | None:
        said = there(self, english)
        lost.update([english] if said is None else [])
        return said

    monkeypatch.setattr(catalogues.Catalogue, "sentence", sentence)
    child: dict[str, Any] = {"age_y": 5, "sex": "female", "weight_kg": 18, "height_cm": 108, "start": date(2027, 1, 4)}
    with speaking("fr"):
        for name in library().protocols():
            explain(read_protocol(name, checked=False))
        calendar = as_text(plan(read_protocol("bfm-95"), **child), width=110, colour=False)
    assert lost == set()
    assert "0,25" in calendar and " UI " in calendar, "the decimal comma and the unit of the language"
    assert "baisse progressive" in calendar and "triméthoprime" in calendar
    assert " hold " not in calendar


def test_a_page_of_another_language_says_that_a_machine_translated_it_and_leads_to_the_english(
    served: TestClient,
) -> None:
    english, other = served.get("/en/treatment").text, served.get("/qps-rtl/treatment?view=specialist").text
    assert 'class="machine"' in other and 'class="machine"' not in english
    assert re.search(r'<a href="/en/treatment" hreflang="en"', other)
    assert '<html lang="en-XB" dir="rtl">' in other
    for key in LANGUAGES:
        assert f'hreflang="{spoken.speech.html_tag(key)}" href="/{key}/treatment"' in english
    assert 'hreflang="x-default" href="/en/treatment"' in english


def test_every_safety_card_has_the_english_beside_it(served: TestClient) -> None:
    page = served.get("/qps/when-to-call").text
    cards = page.split('<div class="card ')[1:]
    english = [known for block in Reading("en").page("when-to-call").blocks for _name, known in block.cards]
    assert len(english) == len(Reading("en").cards)
    for card, known in zip(cards, english, strict=True):
        beside = card[card.index('<div lang="en" dir="ltr" class="beside">') :].replace("\u00a0", " ")
        assert all(html.escape(text) in beside for text in (*known.signs, *known.do, *known.dont)), known.title


@pytest.mark.parametrize(
    ("asked", "given"),
    [("de-AT,de;q=0.9,en;q=0.5", "de"), ("xx, en;q=0.5", "en"), ("", "en"), ("de;q=0", "en"),
     ("en;q=0.2,de;q=0.3", "de")],
)  # fmt: skip
def test_the_first_address_leads_to_the_language_that_the_browser_asks_for(
    served: TestClient, asked: str, given: str
) -> None:
    answer = served.get("/", headers={"accept-language": asked}, follow_redirects=False)
    assert answer.headers["location"] == f"/{given}/" and answer.headers["vary"] == "accept-language"
    assert "set-cookie" not in answer.headers


def test_feed_and_search_and_api_are_in_the_language_and_without_marks(served: TestClient) -> None:
    feed = served.get("/qps/feed.atom").text
    assert 'lang="en-XA"' in feed and BEGIN not in feed
    assert not re.search(r"<title>[^<]*\b[a-z]{4,}\b", feed.split("<entry>", 1)[1])
    assert BEGIN not in served.get("/de/search?q=fever").text
    told = served.get("/api/v1/agents/vincristine?language=qps").json()
    assert told["plain"] != served.get("/api/v1/agents/vincristine").json()["plain"]
    assert served.get("/api/v1/agents/vincristine?language=xx").status_code == 400
