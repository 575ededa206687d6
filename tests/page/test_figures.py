"""The figures of the reading pages, made of the stored cohorts as they are (whatever numbers they hold)."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import remission.page as page
from remission.body.pharmacokinetics import kinetics
from remission.knowledge.library import library
from remission.page.cohorts import MORE
from remission.page.figure import Figure
from remission.page.figures import REGISTRY, maker, solved, stored
from remission.page.jobs import Results
from remission.page.language import number
from remission.page.reading import reading
from remission.page.scenario import Scenario, typical
from remission.page.site import Site
from remission.page.store import ENDING, STORED, _read
from remission.patient.population import draw

FIGURE = re.compile(r"^::figure (\S+)( folded)?$", re.M)
PHONE = 44  # letters that a phone has room for
TEXTS = Path(page.__file__).parent / "text" / "en"


class Shelf:
    """The stored cohorts, be they of these numbers or older ones."""

    def __init__(self) -> None:
        self.read: dict[str, Results] = {}

    def results(self, scenario: Scenario, begin: bool = True) -> Results:
        assert not begin, "a figure of a reading page begins no run"
        if scenario.path not in self.read:
            found = _read(STORED / f"{scenario.path}{ENDING}")
            self.read[scenario.path] = Results(found, found.patients if found else 0, 1000, "done")
        return self.read[scenario.path]


@pytest.fixture(scope="module")
def site() -> Site:
    made = Site(still=True)
    made.__dict__["pool"] = Shelf()
    return made


def asked() -> list[str]:
    """The ids of ``::figure ID`` in the texts."""
    found = set()
    for path in TEXTS.rglob("*.md"):
        found |= {id for id, _folded in FIGURE.findall(path.read_text(encoding="utf-8"))}
    return sorted(found)


def made(site: Site, id: str) -> Figure:
    make = maker(id)
    assert make is not None, f"no figure '{id}'"
    figure = make(site)
    assert figure is not None, f"'{id}' cannot be made of what is stored"
    return figure


def holds(figure: Figure) -> None:
    """What is true of every figure."""
    assert "style=" not in figure.svg
    assert len(figure.svg.encode()) < 10_000, len(figure.svg.encode())
    for text in ElementTree.fromstring(figure.svg).iter("{http://www.w3.org/2000/svg}text"):
        if text.get("class") in ("head", "row", "key"):
            assert len(text.text or "") <= PHONE, text.text
    assert figure.finding and figure.reading.endswith(".") and figure.about
    assert figure.table.rows
    assert "{" not in figure.finding + figure.reading + figure.about + figure.known.text
    for sentence in re.split(r"(?<=[.;]) ", f"{figure.finding}. {figure.reading}"):
        assert len(sentence.split()) <= 20, sentence
    cells = " ".join(
        number(cell) if isinstance(cell, float | int) else cell
        for row in (figure.table.columns, *figure.table.rows) for cell in row
    )  # fmt: skip
    known = set(re.findall(r"\d[\d,.]*\d|\d", f"{cells} {figure.table.caption}"))
    known |= {number(float(n.replace(",", "")), 0) for n in known if re.fullmatch(r"[\d,]+(\.\d+)?", n)}  # rounded
    said = re.sub(r"T315I|CD\d+|\bof 100\b", "", figure.finding)
    missing = [n for n in re.findall(r"\d[\d,.]*\d|\d", said) if n not in known]
    assert not missing, (figure.finding, missing)


def test_every_figure_that_a_page_asks_for_can_be_made() -> None:
    assert asked(), "no page asks for a figure"
    assert [id for id in asked() if maker(id) is None] == []


NOT_SHOWN = pytest.mark.xfail(
    reason="the played outlook of standard risk (girl of 4), 88.6 %, lies below what CCG-1991 found, 92.6 +- 2.4: "
    "families do not see it",
    strict=True,
)


@pytest.mark.parametrize(
    "id",
    [pytest.param(id, marks=[NOT_SHOWN] * (id in ("behind-us", "relapse-of-hundred"))) for id in sorted(REGISTRY)],
)
def test_a_figure_is_small_says_its_finding_with_numbers_of_its_table_and_has_no_styles(site: Site, id: str) -> None:
    figure = made(site, id)
    assert figure.id == id
    holds(figure)


def test_weeks_are_shown_of_the_side_effects_that_were_fitted_to_published_numbers_or_agree_with_them(
    site: Site,
) -> None:
    shown = {}
    for name in site.knowledge.side_effects():
        make = maker(f"weeks-{name}")
        assert make is not None
        if (figure := make(site)) is not None:
            holds(figure)
            shown[name] = figure
            assert figure.known.sources, name
    assert {"neuropathy", "mood_change", "pancreatitis", "crs", "infertility"} <= set(shown)
    read = {
        name for name in site.knowledge.side_effects()
        for one in site.knowledge.side_effect(name).published if one.read != "memory"
    }  # fmt: skip
    of_trials = {e.side_effect for trial in map(site.knowledge.trial, site.knowledge.trials())
                 for _arm, e in trial.endpoints() if e.side_effect}  # fmt: skip
    assert set(shown) <= read | of_trials, "a share that was never held against anything is not shown"


@pytest.mark.parametrize("name", ["vincristine", "mercaptopurine", "pegaspargase", "methotrexate", "dasatinib"])
def test_the_level_of_a_medicine_is_a_figure_of_its_page(site: Site, name: str) -> None:
    figure = made(site, f"level-{name}")
    holds(figure)
    assert figure.known.sources


def test_the_area_under_a_level_is_the_dose_over_the_clearance() -> None:
    """Whatever the compartments are: AUC = dose / clearance; vincristine 1.5 mg/m2, clearance 30.5 L/h/m2."""
    agent = library().agent("vincristine")
    person = draw(typical("cog-standard-risk").people, 1, seed=1)
    system = kinetics(solved.typical(agent), person, seed=1, routes=("IV",))
    dose = 1.5 * float(person.bsa_m2[0])  # mg
    times, values = solved.solve(system, [(0.0, 0.0, system.entries["IV"].state, dose)], 28, "plasma")
    area = float(np.sum((values[1:] + values[:-1]) / 2 * np.diff(times))) * 24  # ng/mL h
    assert area == pytest.approx(1.5 / 30.5 * 1000, rel=0.05)


def test_cells_and_rays_have_no_level(site: Site) -> None:
    for name in ("tisagenlecleucel", "total_body_irradiation", "sibling_marrow"):
        assert maker(f"level-{name}")(site) is None, name  # type: ignore[misc]


@NOT_SHOWN
def test_at_least_22_of_the_25_questions_are_answered_by_a_figure_and_the_others_say_that_they_are_not(
    site: Site,
) -> None:
    pages = [path for path in (TEXTS / "questions").glob("*.md") if path.name != "index.md"]
    assert len(pages) == 25
    hub = (TEXTS / "questions" / "index.md").read_text(encoding="utf-8")
    answered = set()
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert f"(/questions/{path.stem})" in hub, path.stem
        ids = [id for id, _folded in FIGURE.findall(text)]
        if ids and all(made(site, id) for id in ids):
            answered.add(path.stem)
        else:
            assert "no picture" in text, path.stem
    assert len(answered) >= 22, sorted(answered)


def test_a_figure_of_chances_stands_where_the_reader_opens_it(site: Site) -> None:
    page = reading("en").page("questions/relapse")
    figures = [block for block in page.blocks if block.figure]
    assert figures and all(block.summary for block in figures)


def test_of_an_unknown_side_effect_there_is_no_figure(site: Site) -> None:
    assert maker("weeks-nothing")(site) is None  # type: ignore[misc]
    assert maker("nothing-at-all") is None


def test_a_figure_that_is_not_stored_is_left_out(site: Site) -> None:
    empty = Site(still=True)
    empty.__dict__["pool"] = type("Empty", (), {"results": lambda *_args, **_more: Results(None, 0, 1000, "waiting")})()
    told = {id: make(empty) for id, make in REGISTRY.items()}
    published = {"missed-tablets", "fever-counted", "late-effects", "boys-and-girls", "blinatumomab-added"}
    assert {id for id, figure in told.items() if figure is not None} == published


def test_the_example_of_the_pages_is_among_the_stored_cohorts() -> None:
    assert set(stored.EXAMPLES.values()) <= set(MORE)


def test_cells_are_said_as_families_count_them() -> None:
    said = {n: stored.cells(n) for n in (0.0, 0.5, 7.0, 1234.0, 3.4e5, 2.2e7, 9.6e8, 1.4e12)}
    assert list(said.values()) == [
        "none", "none", "about 7", "about 1 thousand", "about 300 thousand", "about 20 million",
        "about 1 thousand million", "about 1 million million",
    ]  # fmt: skip
