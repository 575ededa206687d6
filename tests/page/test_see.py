"""A patient of one's own: form, scenario, day, calendar, side by side."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import icalendar
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from remission.knowledge.credibility_file import credibility
from remission.knowledge.library import library
from remission.page import day, made, plans, see, who
from remission.page.app import application
from remission.page.figures import burden, counts, course, paired, relapse, rules, shared
from remission.page.figures.missed_tablets import missed_tablets, observed
from remission.page.figures.weeks import _said
from remission.page.jobs import Full, Results
from remission.page.month import months, next_monday
from remission.page.playing import played
from remission.page.reading import reading
from remission.page.scenario import Scenario, typical
from remission.page.scenes import planned
from remission.page.site import Site
from remission.page.trust import trust

PATIENTS = 48
WHO = "cog-standard-risk~age4~f~16kg~102cm~b~cns1"
HERE = f"/en/see/{WHO}?patients={PATIENTS}"
STANDS = "bfm-95~age4~f~16kg~102cm~b~cns1"  # its outlook was fitted to a published one: families may see it


class Pool:
    """Plays in this process; ``slow`` is never done, ``full`` takes nothing more."""

    def __init__(self) -> None:
        self.known: dict[str, Results] = {}
        self.slow = self.full = False

    def results(self, scenario, begin=True):
        if self.slow:
            return Results(None, 0, scenario.patients, "playing")
        if scenario.address not in self.known:
            summary = played(scenario)
            self.known[scenario.address] = Results(summary, summary.patients, summary.patients, "done")
        return self.known[scenario.address]

    async def follow(self, scenario, seconds=120.0):
        if self.full:
            raise Full(7)
        yield Results(None, 0, scenario.patients, "playing")
        yield self.results(scenario)


@pytest.fixture(scope="module")
def pool():
    return Pool()


@pytest.fixture(scope="module")
def client(pool):
    site = Site()
    site.__dict__["pool"] = pool
    with TestClient(application(site), follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def summary(pool):
    return pool.results(Scenario.read(WHO, {"patients": str(PATIENTS)})).summary


# --- the form -----------------------------------------------------------------------------------


def test_an_empty_form_offers_a_usual_treatment(client):
    page = client.get("/en/see/").text
    assert re.search(r'<option value="cog-standard-risk" selected>', page)
    assert not re.search(r'name="(name|birth|email|date)"', page)


def test_the_form_leads_to_an_address_that_can_be_read_with_the_size_filled_in(client):
    answer = client.get("/en/see/?protocol=cog-standard-risk&age=4&sex=f&weight=&height=&lineage=b&cns=1&wbc=&miss=")
    assert answer.status_code == 303
    assert re.fullmatch(r"/en/see/cog-standard-risk~age4~f~1\dkg~10\dcm~b~cns1", answer.headers["location"])


def test_what_cannot_be_is_said_beside_what_was_written(client):
    answer = client.get("/en/see/?protocol=cog-standard-risk&age=400&sex=f")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text and 'value="400"' in answer.text
    assert client.get("/en/see/?protocol=cog-standard-risk&age=4&sex=f&without=imatinib").status_code == 400


def test_another_address_of_the_same_scenario_leads_to_the_one_it_has(client):
    answer = client.get("/en/see/cog-standard-risk~f~age4.0~16kg~102cm~cns1?patient=2&seed=1")
    assert (answer.status_code, answer.headers["location"]) == (301, f"/en/see/{WHO}?patient=2")
    day = client.get("/en/see/cog-standard-risk/day/8?view=specialist")
    assert day.status_code == 301 and day.headers["location"].endswith("/day/8?view=specialist")


# --- the scenario -------------------------------------------------------------------------------


def test_what_is_said_twice_is_refused_and_not_half_of_it_played(client):
    twice = "miss=mercaptopurine:10&miss=vincristine:5"
    for address in (f"/en/see/{WHO}?{twice}", f"/en/see/{WHO}/day/8?{twice}", f"/en/compare/{WHO}/{WHO}?{twice}",
                    f"/en/see/?protocol=cog-standard-risk&{twice}", f"/en/what-if?protocol=cog-standard-risk&{twice}",
                    f"/api/v1/scenarios/{WHO}?{twice}", f"/en/see/{WHO}?seed=2&seed=3"):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 400 and "is said twice" in answer.text.replace("&#39;", "'"), address
    answer = client.get(f"/en/see/{WHO}/calendar?miss=&miss=mercaptopurine:10")
    assert answer.status_code == 200, "what is empty says nothing"


def test_the_page_of_a_scenario_shows_one_patient_and_many(client):
    answer = client.get(HERE)
    assert answer.status_code == 200 and "max-age" in answer.headers["cache-control"]
    for id in ("course", "thousand", "lowest-counts", "burden", "hardest", "spinal"):
        assert f'<figure class="figure" id="{id}"' in answer.text
    assert "style=" not in answer.text and "data-live" not in answer.text


def test_the_outlook_is_folded_for_families_and_open_for_specialists(client):
    here = f"/en/see/{STANDS}?patients={PATIENTS}"
    family, specialist = client.get(here).text, client.get(here + "&view=specialist").text
    fold = family.index("Show the numbers of the outlook")
    assert family.index('id="of-hundred"') > fold
    assert "Show the numbers of the outlook" not in specialist and 'id="of-hundred"' in specialist


def test_files_of_a_figure_are_those_of_the_patient_that_is_shown(client):
    page = client.get(HERE + "&patient=3").text
    link = re.search(r'href="([^"]*course\.csv[^"]*)"', page)[1].replace("&amp;", "&")
    assert "patient=3" in link
    rows = client.get(link).text
    assert "Virtual patient 3" in rows
    assert rows != client.get(link.replace("patient=3", "patient=1")).text


@pytest.mark.parametrize("patient", ["0", "31", "-1", "x", "9" * 50, "%00"])
def test_a_patient_that_is_not_there_is_refused_in_words(client, patient):
    answer = client.get(HERE + f"&patient={patient}")
    assert answer.status_code == 400 and "patient=1 to patient=30" in answer.text


def test_while_patients_are_played_the_page_is_not_kept_and_says_so(client, pool):
    pool.slow = True
    try:
        answer = client.get(f"{HERE}&patient=9")  # an answer that was not kept before
        day = client.get(f"/en/see/{WHO}/day/8?patient=9")
    finally:
        pool.slow = False
    assert answer.headers["cache-control"] == day.headers["cache-control"] == "no-store"
    assert f'data-live="/en/see/{WHO}/events?patients={PATIENTS}&amp;patient=9"' in answer.text
    assert '<noscript><meta http-equiv="refresh"' in answer.text
    assert "Vincristine" in day.text, "what is planned needs nobody to be played"


def test_events_bring_the_figures_and_end(client):
    text = client.get(f"/en/see/{WHO}/events?patients={PATIENTS}").text
    first, second = text.split("\n\n")[:2]
    assert first.startswith("event: html\ndata: ") and second.startswith("event: done\ndata: ")
    assert "being played" in first and 'id="course"' in second
    assert all(re.match(r"(event|data): ?", line) for line in first.split("\n"))
    assert "course.csv?patients=" in second, "the files are those of the page, not of the events"


def test_the_head_of_a_stream_ends_at_once_and_plays_nothing(client, pool):
    answer = client.head(f"/en/see/{WHO}/events?patients=77")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
    assert not any("patients=77" in address for address in pool.known)


def test_events_that_cannot_be_told_are_refused_as_any_page_is(client, pool):
    pool.full = True
    try:
        answer = client.get(f"/en/see/{WHO}/events?patients={PATIENTS}")
    finally:
        pool.full = False
    assert answer.status_code == 429 and answer.headers["retry-after"] == "7"
    assert "Too much is being computed" in answer.text
    answer = client.get(f"/en/see/{WHO}/events?patients={PATIENTS}&patient=31")
    assert answer.status_code == 400 and "patient=1 to patient=30" in answer.text


def test_what_is_written_as_files_starts_nothing_and_has_no_forms(pool):
    site = Site(still=True)
    site.__dict__["pool"] = pool
    with TestClient(application(site), follow_redirects=False) as client:
        page, scene = client.get("/en/see/").text, client.get(HERE).text
        for text in (page, scene):
            assert '<form action="/en/see/"' not in text and "data-live" not in text
        assert "patient=2" not in scene, "a page for each of thirty would be many"
        assert client.get(f"/en/see/{WHO}/day/35?patients={PATIENTS}").status_code == 200
        assert client.get(f"/en/see/{WHO}/day/36?patients={PATIENTS}").status_code == 404
        days = set(re.findall(r"/day/(\d+)", client.get(f"/en/see/{WHO}/calendar?patients={PATIENTS}").text))
        assert max(map(int, days)) == 35
        pool.slow = True
        try:
            assert client.get(f"{HERE}&patient=9").status_code == 404, "what is not stored is not written"
        finally:
            pool.slow = False


# --- a day --------------------------------------------------------------------------------------


def test_day_8_says_what_the_plan_gives_and_nothing_else(client):
    page = client.get(f"/en/see/{WHO}/day/8?patients={PATIENTS}").text
    given = re.search(r'<section id="given">.*?</section>', page, re.DOTALL)[0]
    sure = re.findall(r'<li class="sure"><p class="name"><a [^>]*>([^<]+)</a> <span class="how">([^<]+)</span>', given)
    assert set(sure) >= {
        ("Vincristine", "into a vein"), ("Dexamethasone", "by mouth"),
        ("Methotrexate", "into the fluid around the spine"),
    }  # fmt: skip
    assert "Pegaspargase" not in given, "it is due on day 4"
    assert "Never use them for a real one" in given
    maybe = re.findall(r'<li class="maybe">.*?<p class="only-if">Only if: ([^<]+)</p>', given, re.DOTALL)
    assert maybe, "what hangs on a reaction stands with its condition"
    assert "Blood MRD" in re.search(r'<section id="tests">.*?</section>', page, re.DOTALL)[0]


def test_days_lead_to_their_neighbours_and_not_beyond_the_treatment(client):
    page = client.get(f"/en/see/{WHO}/day/8?patients={PATIENTS}&patient=2").text
    links = {way: re.search(rf'data-{way} href="([^"]+)"', page)[1] for way in ("previous", "next")}
    assert links["previous"].startswith(f"/en/see/{WHO}/day/7?") and links["next"].startswith(f"/en/see/{WHO}/day/9?")
    assert all("patients=48&amp;patient=2" in link for link in links.values())
    assert "data-previous" not in client.get(f"/en/see/{WHO}/day/1?patients={PATIENTS}").text
    assert client.get(f"/en/see/{WHO}/day/0").status_code == 404
    for digits in (5, 9, 10, 5000):
        assert client.get(f"/en/see/{WHO}/day/{'9' * digits}").status_code == 404
    asked = client.get(f"/en/see/{WHO}/day?n=29&patients={PATIENTS}&view=specialist")
    assert (asked.status_code, asked.headers["location"]) == (
        303, f"/en/see/{WHO}/day/29?patients={PATIENTS}&view=specialist"
    )  # fmt: skip
    assert client.get(f"/en/see/{WHO}/day?n=no").status_code == 400


def test_what_one_may_feel_is_the_share_of_that_week_and_only_of_what_stands(client, summary):
    page = client.get(f"/en/see/{WHO}/day/8?patients={PATIENTS}").text
    feel = re.search(r'<section id="feel">.*?</section>', page, re.DOTALL)[0]
    told = re.findall(r'<li><a href="/en/side-effects/([a-z_]+)">[^<]+</a> <span class="n">([\d.]+) of 100', feel)
    week = dict(summary.side_effects.filter(pl.col("week") == 1).select("side_effect", "any").rows())
    assert len(told) >= 3
    for name, share in told:
        assert float(share) == pytest.approx(100 * week[name], abs=0.51)
        assert trust(name, summary, library()) != "untested"
    assert trust("bloodstream_infection", summary, library()) == "untested", "28 simulated, 13 published"
    assert "bloodstream_infection" not in dict(told)


def test_fevers_that_do_not_stand_are_shown_to_specialists_alone(summary):
    assert trust("febrile_neutropenia", summary, library()) == "untested"
    rows = [{row[0] for row in burden.burden(summary, library(), who).table.rows} for who in (False, True)]
    assert rows[1] - rows[0] == {"Fevers with low counts", "Days in hospital for side effects"}


def test_the_cards_of_a_day_come_from_sources(client):
    page = client.get(f"/en/see/{WHO}/day/200?patients={PATIENTS}").text
    watch = re.search(r'<section id="watch">.*?</section>', page, re.DOTALL)[0]
    assert watch.count('class="card card-emergency"') == 2 and "/en/sources/" in watch


# --- the calendar -------------------------------------------------------------------------------


def test_every_planned_dose_stands_on_its_date(client):
    start = date(2027, 1, 6)  # a Wednesday
    page = client.get(f"/en/see/{WHO}/calendar?start={start.isoformat()}").text
    january = page[page.index("January 2027") : page.index("February 2027")]
    cells = re.findall(r"<td class=\"k-[^>]*>(.*?)</td>", january, re.DOTALL)
    days = {int(re.search(r">day (\d+)</a>", cell)[1]): cell for cell in cells}
    assert sorted(days) == list(range(1, 27))
    assert "<span>6</span>" in days[1] and "Induction" in days[1] and "Vincristine" in days[1]
    assert "Pegaspargase" in days[4] and "Pegaspargase" not in days[5]
    first_row = january[january.index("<tbody>") : january.index("</tr>", january.index("<tbody>"))]
    assert "<span>4</span>" in first_row.partition("</td>")[0], "the week begins on Monday, the 4th"


def test_the_calendar_file_begins_on_the_day_that_was_asked_for(client):
    answer = client.get(f"/en/see/{WHO}/calendar.ics?start=2027-01-06")
    assert answer.headers["content-type"].startswith("text/calendar")
    events = [e for e in icalendar.Calendar.from_ical(answer.content).walk("VEVENT")]
    assert min(event["dtstart"].dt for event in events) == date(2027, 1, 6)


@pytest.mark.parametrize("start", ["2027-13-01", "1066-10-14", "soon", "2027-01-04T00:00", "9999-12-31"])
def test_a_start_that_cannot_be_is_refused(client, start):
    assert client.get(f"/en/see/{WHO}/calendar?start={start}").status_code in (200, 400)
    assert client.get(f"/en/see/{WHO}/calendar.ics?start={start}").status_code in (200, 400)
    assert client.get(f"/en/see/{WHO}/calendar?start=soon").status_code == 400


def test_a_calendar_without_a_date_begins_on_a_monday():
    assert next_monday(date(2026, 11, 29)) == date(2026, 11, 30)
    assert next_monday(date(2026, 11, 30)) == date(2026, 11, 30)


# --- side by side -------------------------------------------------------------------------------


def test_what_if_leads_to_the_same_patient_twice(client):
    answer = client.get(
        "/en/what-if?protocol=cog-standard-risk&age=4&sex=f&weight=16&height=102&miss=mercaptopurine:10"
    )
    assert (answer.status_code, answer.headers["location"]) == (
        303, f"/en/compare/{WHO}/{WHO}?miss=mercaptopurine:10"
    )  # fmt: skip
    assert client.get("/en/what-if?protocol=cog-standard-risk&age=4&sex=f").status_code == 400, "nothing is changed"


def test_missed_tablets_are_told_from_what_was_observed_and_the_model_only_to_specialists(client):
    address = f"/en/compare/{WHO}/{WHO}?miss=mercaptopurine:10&patients={PATIENTS}"
    family = client.get(address).text
    assert 'id="missed-tablets"' in family and "/en/sources/bhatia2015" in family
    assert "Benefit:" not in family and "(course)" not in family and 'id="over-time"' not in family
    assert "known-published" in family
    specialist = client.get(address + "&view=specialist").text
    assert "Association is not cause" in specialist and 'id="over-time"' in specialist
    assert 'id="of-hundred"' not in client.get(f"/en/see/{WHO}?miss=mercaptopurine:10&patients={PATIENTS}").text


def test_the_outlook_is_not_compared_with_a_trial_of_the_present_blind_round():
    shelf = library()
    entered = credibility().present
    hidden = {shelf.trial(name).name for name in entered.trials} if entered else set()
    said = [found[0] for name in shelf.protocols() if (found := relapse.published(name, shelf))]
    assert len(said) > 10 and not hidden & {*said}


def test_the_outlook_is_compared_with_the_plans_own_trial_and_not_with_one_that_it_stands_in_for():
    own = {"bfm-95": "ALL-BFM 95", "total-xv": "St Jude Total XV", "tower": "TOWER", "graall-2005": "GRAALL-2005"}
    own |= {"mrc-all97-99": "MRC ALL97/99", "interfant-06": "Interfant-06"}
    assert {name: relapse.published(name, library())[0] for name in own} == own
    assert relapse.published("ukall-2003-two-intensifications", library()) is None, "UKALL 2003 told of MRD groups"


def test_harms_stand_beside_benefits_with_one_denominator(client):
    page = client.get(f"/en/compare/{STANDS}/{STANDS}?without=asparaginase_ecoli&patients={PATIENTS}").text
    assert page.index('id="harms"') < page.index("Benefit: what it is for")
    told = re.findall(r"Of 100, (\d+) are alive and free of leukaemia after 5 years; in (\d+) it came back", page)
    assert len(told) == 2
    dots = re.findall(r'<svg[^>]*class="dots".*?</svg>', page, re.DOTALL)
    assert [dot.count("<circle") - len(re.findall(r'class="key"', dot)) for dot in dots] == [100, 100]


def test_what_a_trial_found_of_both_stands_before_what_is_played():
    names = ("Chemotherapy", "Blinatumomab")
    figure = paired.published("aall1731-control", "aall1731-blinatumomab", names, library())
    assert figure.known.kind == "published" and figure.known.sources
    assert [row[:2] for row in figure.table.rows] == [("Chemotherapy", 90.2), ("Blinatumomab", 97.5)]
    assert "about 90 of 100" in figure.reading and "98 and 2" in figure.reading
    turned = paired.published("aall1731-blinatumomab", "aall1731-control", names[::-1], library())
    assert [row[1] for row in turned.table.rows] == [97.5, 90.2]
    assert paired.published("cog-standard-risk", "cog-high-risk", names, library()) is None, "of two trials"


def test_two_patients_are_not_compared(client):
    answer = client.get(f"/en/compare/{WHO}/{WHO.replace('age4', 'age8')}")
    assert answer.status_code == 400 and "not the same patient" in answer.text
    assert client.get(f"/en/compare/{WHO}/{WHO}").status_code == 400


# --- numbers of the figures ---------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(lambda x: sum(x) > 0.01))
def test_counts_of_a_hundred_make_a_hundred_and_lie_beside_the_shares(values):
    shares = [value / sum(values) for value in values]
    whole = relapse.counted(shares)
    assert sum(whole) == 100
    assert all(abs(count - 100 * share) < 1.0 + 1e-9 for count, share in zip(whole, shares, strict=True))


def test_the_chance_that_is_left_is_that_of_those_who_are_still_well(summary):
    """Of 100: 80 free and 15 relapsed after a year, 25 relapsed at last: of the 80 another 10."""
    days = [round(year * 365.25) for year in range(int(summary.follow_up_years) + 1)]
    rows = [("event-free", d, f) for d, f in zip(days, [1.0, 0.8] + [0.7] * 9, strict=True)]
    rows += [("relapse", d, r) for d, r in zip(days, [0.0, 0.15] + [0.25] * 9, strict=True)]
    outcomes = pl.DataFrame(
        [(day, event, share, share, share, 100) for event, day, share in rows], summary.outcomes.schema, orient="row"
    )
    figure = relapse.behind(replace(summary, outcomes=outcomes), library())
    table = {row[0]: row[1] for row in figure.table.rows}
    assert table["At the start"] == pytest.approx(25.0)
    assert table["After 1 year without relapse"] == pytest.approx(100 * 0.10 / 0.80, abs=0.05)
    assert table["After 2 years without relapse"] == 0.0


def test_the_wait_is_that_of_those_who_waited(summary):
    figure = counts.waits(summary)
    for name, entered, share, days in figure.table.rows:
        rows = [r for r in summary.phases.iter_rows(named=True) if r["entered"] == entered and r["delayed"]]
        assert any(
            share == pytest.approx(100 * r["delayed"] / entered, abs=0.06)
            and days == pytest.approx(r["delay_mean"] * entered / r["delayed"], abs=0.06)
            for r in rows
        ), name


def test_punctures_are_days_with_medicine_into_the_spine(summary):
    mine = summary.doses.filter((pl.col("route") == "IT") & (pl.col("amount") > 0)).unique(["patient", "day"])
    total = sum(row[1] for row in burden.spinal(summary).table.rows)
    assert total == pytest.approx(mine.height / summary.people.height, abs=0.5)


def test_a_picture_is_small_and_says_what_it_shows(summary):
    figures = [course.course(summary, 0, library()), course.thousand(summary, library()), counts.lowest(summary),
               burden.burden(summary, library()), burden.hardest(summary, library()), missed_tablets()]  # fmt: skip
    for figure in figures:
        assert len(figure.svg) < 12_000, figure.id
        assert "style=" not in figure.svg and "<title" in figure.svg and "<desc" in figure.svg
        assert figure.finding and figure.reading and figure.about and figure.table.rows
        for key in figure.known.sources:
            library().source(key)


def test_observed_relapses_are_those_of_the_report():
    seen = observed()
    assert (seen.relapse.took_more, seen.relapse.took_less, seen.relapse.hazard_ratio) == (4.7, 13.9, 2.7)
    assert [g.value for g in seen.hazard.groups] == [4.1, 4.0, 5.7]
    assert all(g.low <= g.value <= g.high for g in seen.hazard.groups)


def test_no_page_of_a_treatment_shows_a_raw_id_of_another_plan(client):
    pages = [client.get(f"/en/see/{WHO}{there}?patients={PATIENTS}").text for there in ("", "/day/29", "/calendar")]
    seen = "\n".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]) for page in pages)
    assert "go on with Consolidation (COG high-risk)" in seen
    assert "cog-high-risk" not in seen


def test_a_plan_is_called_by_the_beginning_of_its_name_and_an_unknown_one_by_its_id():
    assert who.phase_name("cog-high-risk: consolidation") == "Consolidation (COG high-risk)"
    assert who.phase_name("elsewhere: block 1", library()) == "Block 1 (elsewhere)"


def test_punctures_of_the_stronger_plan_count_in_the_same_phase(summary):
    names = [row[0] for row in burden.spinal(summary).table.rows]
    assert len(names) == len(set(names)) and not [name for name in names if "(" in name and "onsolidation" in name]


def test_phases_that_are_as_hard_are_both_named():
    assert burden._hardest({"A": 1.0, "B": 0.95, "C": 0.5}) == "A and B are the hardest times"
    assert burden._hardest({"A": 1.0, "B": 0.7}) == "A is the hardest time"


def test_a_calendar_begins_and_ends_with_the_weeks_of_the_treatment():
    plan = planned(typical("cog-standard-risk", library()), library(), date(2026, 11, 30))
    first, *_between, last = months(plan, reading("en"))
    assert [[d.date.day for d in week if d.within] for week in first.weeks] == [[30]]
    assert plan.end in [d.date for d in last.weeks[-1]]
    shown = {d.date for month in (first, *_between, last) for week in month.weeks for d in week if d.within}
    assert {row.date for row in plan.rows} <= shown


def test_the_heading_of_a_life_says_what_became_of_it(summary):
    said = {}
    for patient in summary.lives["patient"].unique():
        said[patient] = course.course(summary, patient, library()).finding
        ends = summary.events.filter(
            (pl.col("patient") == patient) & pl.col("event").is_in(["end of treatment", "relapse", "death", "left"])
        ).sort("day")["event"].to_list()  # fmt: skip
        assert ("comes back" in said[patient]) == (ends[:1] == ["relapse"]), "the picture ends with the treatment"
        assert ("died" in said[patient]) == (ends[:1] == ["death"])
    assert len(set(said.values())) > 1, "no two courses are the same"


def test_one_long_fall_of_neutrophils_is_not_again_and_again():
    assert course._how_low([0.2, 0.3, 0.1, 0.2, 3.0]) == "Neutrophils are very low for a time."
    assert course._how_low([0.2, 3.0, 0.1, 2.0, 0.4]) == "Neutrophils are very low again and again."
    assert course._how_low([3.0, None, 2.0]) == "Neutrophils are hardly ever very low."


def test_a_relapse_that_the_picture_of_the_marrow_cannot_show_says_that_it_is_elsewhere(summary):
    here = pl.col("event") == "phase start"
    for site, where in (("CNS", ", outside the marrow"), ("marrow", ""), ("combined", "")):
        events = summary.events.filter((pl.col("patient") == 0) & here).head(1).with_columns(
            event=pl.lit("relapse"), day=pl.lit(100, summary.events.schema["day"]), detail=pl.lit(site))  # fmt: skip
        said = course._what_came(replace(summary, events=events), 0, library(), 128)
        assert said == f"One virtual patient: the leukaemia comes back in month 4{where}"


def test_two_treatments_side_by_side_are_called_by_name_and_the_page_looks_again_by_itself(client, pool):
    pool.slow = True
    try:
        page = client.get(f"/en/compare/{WHO}/{WHO}?miss=mercaptopurine:20").text
    finally:
        pool.slow = False
    assert '<meta http-equiv="refresh"' in page.replace("<noscript><meta", "")
    assert "COG standard-risk B-ALL backbone" in page and ">cog-standard-risk<" not in page


def test_every_plan_stands_once_in_the_group_of_those_it_is_for(client):
    groups = {name: dict(each) for name, each in plans.plans(library())}
    assert sorted(id for each in groups.values() for id in each) == sorted(library().protocols())
    where = {id: name for name, each in groups.items() for id in each}
    assert where["cog-standard-risk"] == where["icicle-maintenance"] == "First treatment: children and young people"
    assert where["graall-2005"] == "First treatment: adults"
    assert where["esphall-2010"] == "First treatment, with the Philadelphia chromosome"
    assert where["eliana"] == "After a relapse: children and young people"
    assert where["alcantara"] == where["tower"] == "After a relapse: adults"
    assert where["forum-tbi"] == where["transplant-adults-tbi"] == "Transplant"
    page = client.get("/en/see/").text
    assert [name for name in groups if f'<optgroup label="{name}">' in page and f"<h3>{name}</h3>" in page] == [*groups]


def test_a_reinduction_has_the_colour_of_a_relapse_only_where_it_is_one():
    assert plans.colour_of("reinduction 1", "total-xv") == "intensification"
    assert plans.colour_of("relapse-pathway: reinduction", "cog-standard-risk") == "relapse"
    assert plans.colour_of("block 2", "graall-2005") == "consolidation"
    assert plans.colour_of("cycle 1", "tower-standard") == "relapse"
    assert plans.colour_of("continuing", "ukall-2003") == "maintenance"


def test_treatment_ends_with_its_last_medicine_and_not_with_the_years_in_which_one_is_followed(summary):
    ended = shared.treated_days(summary)
    assert ended < 900, "girls of this plan are treated for two years and two months"
    people = summary.people.with_columns(end_of_treatment_day=pl.col("end_of_treatment_day") + 1800)
    later = {name: pl.col(name) + 1500 for name in ("day", "to_day")}
    after = summary.doses.with_columns(phase=pl.lit("follow-up"), **later)
    followed = replace(summary, people=people, doses=pl.concat([summary.doses, after]))
    assert shared.treated_days(followed) == ended
    assert max(phase.end for phase in shared.phases_of_most(followed)) <= ended


def test_a_phase_of_a_day_in_which_a_plan_only_chooses_is_not_shown():
    joined = shared._joined([(0, "choice"), (1, "cycle 1"), (43, "cycle 2")], 60, "relapse-adults")
    assert [(phase.name, phase.start, phase.end) for phase in joined] == [("Cycle 1", 0, 43), ("Cycle 2", 43, 60)]


def test_a_course_with_a_relapse_or_a_death_is_shown_to_a_family_that_chose_to_see_it(summary, client):
    patient = 0
    row = summary.events.filter((pl.col("patient") == patient) & (pl.col("event") == "phase start")).head(1)
    died = row.with_columns(event=pl.lit("death"), day=pl.lit(100, summary.events.schema["day"]))
    results = [Results(one, one.patients, one.patients, "done") for one in
               (summary, replace(summary, events=pl.concat([summary.events, died])))]  # fmt: skip
    site = client.app.state.site
    calm, hard, specialist = (see.parts_of(site, one, patient, who)[0] for one, who in
                              ((results[0], False), (results[1], False), (results[1], True)))  # fmt: skip
    assert not course.ends_badly(summary, patient), "the patient that this test takes must be well"
    assert (calm.fold, specialist.fold) == ("", "") and hard.fold and "You decide" in hard.before


def test_a_harm_without_a_cause_in_the_model_is_not_said_to_be_none(summary):
    assert not paired._caused("headache", summary, library()) and paired._caused("neuropathy", summary, library())
    whole = summary.side_effects_by_phase.filter(pl.col("phase") == "whole treatment")
    pain = whole.filter(pl.col("side_effect") == "neuropathy").with_columns(
        side_effect=pl.lit("headache"), any=pl.lit(0.4, pl.Float32), any_low=pl.lit(0.3, pl.Float32))  # fmt: skip
    other = replace(summary, side_effects_by_phase=pl.concat([summary.side_effects_by_phase, pain]))
    figure = paired.harms(summary, other, ("a", "b"), library(), specialist=False)
    assert figure.finding == "The harm that differs most: Headache, in 40 of 100 with one of the two"
    assert ("Headache", "not in the model", 40.0) == figure.table.rows[0][:3]
    assert "not in the model" in figure.svg and figure.reading.endswith("can still happen.")


def test_a_day_on_which_tablets_were_forgotten_is_no_stop_of_a_rule(summary):
    held = summary.doses.filter(pl.col("agent") == "mercaptopurine").head(1)
    days = [(0, "held"), (7, "missed"), (8, "held"), (21, "protocol"), (31, "missed"), (32, "held")]
    rows = pl.concat([held.with_columns(patient=pl.lit(0, pl.Int32), day=pl.lit(first, pl.Int32), reason=pl.lit(reason))
                      for first, reason in days])  # fmt: skip
    assert list(rules._acted(replace(summary, doses=rows))) == [("mercaptopurine", "held", 2)]


def test_what_tests_find_and_what_comes_years_later_is_not_said_to_be_felt(summary):
    texts = reading("en")
    felt, untold, found = day._felt(summary, 33, texts, library(), specialist=False)
    named = [*(one.id for one in felt), *(id for id, _name in untold)]
    assert {texts.noticed(id.removeprefix("side-effects/")) for id in named} == {"felt"}
    assert "side-effects/adrenal_suppression" in [one.id for one in found]
    hardest = {row[0] for row in burden.hardest(summary, library()).table.rows}
    others = ("adrenal_suppression", "liver_injury", "infertility")
    assert not hardest & {texts.title("side-effects", name) for name in others}


def test_a_calendar_is_as_long_as_was_asked_for(client):
    def count(query):
        return client.get(f"/en/see/{WHO}/calendar?start=2027-01-04{query}").text.count('<section class="month"')

    assert "<option selected>2</option>" in client.get(f"/en/see/{WHO}/calendar?months=2").text
    assert (count("&months=3"), count("&months=999")) == (3, count("")) and count("") > 20
    for wrong in ("0", "x", "-1", "9" * 5000, "٣"):
        assert client.get(f"/en/see/{WHO}/calendar?months={wrong}").status_code in (400, 414)


def test_a_day_says_of_the_microscope_what_the_picture_says(summary):
    """The middle below the limit of the picture is no longer seen by the microscope, on the same day."""
    seen, flow, _fine = (limit.at for limit in shared.cell_limits(summary, library()))
    for n in (1, 8, 15, 29, 64):
        middle = 10 ** (shared.value_on(summary, "log10_blasts_marrow", n - 1.0)["q50"] or -9)
        said = day._body(summary, n, library())[0]
        assert ("seen under a microscope" in said) == (middle >= seen)
        assert ("a microscope no longer finds them" in said) == (flow <= middle < seen)


def test_a_number_that_was_counted_over_several_phases_is_told_as_such_and_makes_no_trust(summary):
    several = [one for one in library().side_effect("febrile_neutropenia").published if len(one.in_phases) > 1]
    assert several and several[0].protocol == "ino-vate"
    there = replace(summary, scenario=replace(summary.scenario, protocol="ino-vate"))
    assert trust("febrile_neutropenia", there, library()) == "untested"
    assert list(made._times(reading("en"), several[0])) == ["during the first cycle, cycle 2, cycle 3, cycles 4 to 6"]
    assert _said(several[0]).when == "in cycle 1, cycle 2, cycle 3, cycles 4 to 6"
