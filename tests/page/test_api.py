"""The JSON interface: what it tells, and that whatever is asked it answers with what it says it does."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from starlette.testclient import TestClient

from remission.exchange.formats import formats
from remission.page.app import application
from remission.page.jobs import Pool
from remission.page.playing import played
from remission.page.scenario import Scenario
from remission.page.site import Site
from remission.page.store import Store
from remission.page.summary import SCHEMAS

AT = "/api/v1"
NAME = "icicle-maintenance~age6~m~21kg~116cm~b~cns1"


def site_with(store, workers=0):
    site = Site()
    site.__dict__["pool"] = Pool(store, workers=workers)
    return site


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Store(tmp_path_factory.mktemp("results"))
    made.keep(played(Scenario.read(NAME, {"patients": "40"})))
    return made


@pytest.fixture(scope="module")
def app(store):
    return application(site_with(store))


@pytest.fixture(scope="module")
def client(app):
    return TestClient(app)


def test_every_table_of_a_scenario_is_told_as_its_schema_says(client):
    for path in ("bands", "outcomes", "side-effects", "side-effects-by-phase", "phases", "burden", "mrd", "drugs"):
        told = client.get(f"{AT}/scenarios/{NAME}/{path}", params={"patients": 40}).json()
        assert told["patients"] == told["of"] == 40
        columns = set(SCHEMAS[path.replace("-", "_")])
        assert all(set(row) == columns for row in told["rows"])
    anc = client.get(f"{AT}/scenarios/{NAME}/bands", params={"patients": 40, "state": "anc"}).json()["rows"]
    assert {row["state"] for row in anc} == {"anc"} and anc[0]["n"] == 40


def test_a_day_of_a_patient_and_a_life(client):
    day = client.get(f"{AT}/scenarios/{NAME}/days/14", params={"patients": 40, "patient": 3}).json()
    assert {"mercaptopurine", "methotrexate"} <= {dose["agent"] for dose in day["doses"]}
    assert {row["day"] for row in day["bands"]} == {14} and {row["week"] for row in day["side_effects"]} <= {2}
    life = client.get(f"{AT}/scenarios/{NAME}/lives/3", params={"patients": 40}).json()
    assert life["person"]["patient"] == 3 and life["states"][0]["day"] == 0
    assert [row for row in life["states"] if row["day"] == 14 and row["state"] == "anc"] == [
        row for row in day["states"] if row["state"] == "anc"
    ]


def test_the_calendar_is_that_of_the_patient(client):
    rows = client.get(f"{AT}/scenarios/{NAME}/plan", params={"start": "2027-01-04"}).json()["rows"]
    first = next(row for row in rows if row["agent"] == "mercaptopurine")
    assert first["date"] == "2027-01-04" and first["dose"] > 0


def test_the_calendar_is_sent_in_the_formats_of_the_registry_that_a_server_can_write(client):
    told = {one["name"]: one for one in client.get(f"{AT}/formats").json()["formats"]}
    assert set(told) == set(formats()) and told["nonmem"]["into"] == "doses"
    at = f"{AT}/scenarios/{NAME}/plan"
    for name in ("icalendar", "nonmem"):
        sent = client.get(f"{at}/{name}", params={"start": "2027-01-04"})
        assert sent.status_code == 200 and sent.headers["content-type"].startswith(told[name]["media"])
        assert f'2027-01-04{told[name]["suffix"]}"' in sent.headers["content-disposition"]
        assert sent.content.startswith({"icalendar": b"BEGIN:VCALENDAR", "nonmem": b"ID,TIME,AMT"}[name])
    for name in ("calendar-pdf", "omop", "nonsense"):
        assert client.get(f"{at}/{name}", params={"start": "2027-01-04"}).status_code == 404


def test_two_scenarios_beside_each_other(client, store):
    store.keep(played(Scenario.read(NAME, {"patients": "40", "without": "methotrexate:IT"})))
    both = f"{NAME}%3Fpatients=40/{NAME}%3Fwithout=methotrexate:IT&patients=40"
    told = client.get(f"{AT}/compare/{both}").json()
    rows = {(row["group"], row["measure"]): row for row in told["rows"]}
    assert told["pairs"] == 40
    spinal = rows["burden", "lumbar punctures with treatment"]
    assert spinal["first"] > 0 and spinal["second"] == 0 and spinal["clear"]
    free = rows["course", "event-free, 5 years"]
    assert free["change"] == pytest.approx(free["second"] - free["first"], abs=1e-6)


def test_knowledge_is_told_by_name(client):
    for room, name in (("protocols", "eliana"), ("agents", "vincristine"), ("side-effects", "mucositis")):
        assert name in client.get(f"{AT}/{room}").json()["names"]
        assert client.get(f"{AT}/{room}/{name}").json()
    assert client.get(f"{AT}/protocols/eliana").json()["typical"].startswith("eliana~age")
    key = client.get(f"{AT}/sources").json()["names"][0]
    assert client.get(f"{AT}/sources/{key}").json()["source"] == key


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/agents/vincristin", 404, "Did you mean 'vincristine'?"),
        ("/agents/..%2F..%2Fetc%2Fpasswd", 404, ""),
        ("/protocols/%2Fetc%2Fpasswd.yaml", 404, ""),
        ("/scenarios/cog-standard-risk~age40", 400, "is not for this patient"),
        (f"/scenarios/{NAME}/bands?seed=3", 404, "POST it to /api/v1/runs"),
        (f"/scenarios/{NAME}/bands?patients=40&state=ancc", 404, "Did you mean 'anc'?"),
        (f"/scenarios/{NAME}/lives/1000?patients=40", 400, "less than 30"),
        (f"/scenarios/{NAME}/days/-1?patients=40", 400, "greater"),
        (f"/scenarios/{NAME}/plan?start=0001-01-01", 400, "1900 to 2200"),
        ("/scenarios/" + "x" * 3000, 400, ""),
        ("/runs/" + "0" * 32, 404, "no such run"),
        ("/nothing", 404, ""),
    ],
)
def test_what_cannot_be_told_is_a_problem_with_what_would_be_right(client, path, status, said):
    answer = client.get(AT + path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and said in problem["detail"] and "Traceback" not in answer.text


def test_a_run_is_begun_by_post_and_refused_when_too_large_or_the_queue_full(store):
    site = site_with(store, workers=1)
    site.pool._start = lambda: None  # nobody plays
    client = TestClient(application(site))

    def post(**asked):
        return client.post(f"{AT}/runs", json=asked)

    first = post(scenario=NAME, patients=50)
    assert first.status_code == 202 and first.json()["state"] == "waiting"
    assert client.get(first.headers["location"]).json()["scenario"].startswith(NAME)
    assert post(scenario=NAME, patients=50).headers["location"] == first.headers["location"]
    assert post(scenario=NAME, patients=40).status_code == 200, "it is there"
    large = post(scenario=NAME, patients=5001)
    assert large.status_code == 413 and "5,000 fit" in large.json()["detail"]
    assert post(scenario=NAME, more=1).status_code == 400
    assert client.post(f"{AT}/runs", content=b"[" * 9_000).status_code == 400
    assert client.post(f"{AT}/runs", content=b"x" * 20_000).status_code == 413
    for seed in range(2, 2 + site.pool.waiting):
        full = post(scenario=f"{NAME}?seed={seed}")
    assert full.status_code == 429 and int(full.headers["retry-after"]) >= 1
    assert full.headers["content-type"] == "application/problem+json"
    site.pool.close()


def test_progress_is_told_until_the_run_is_over(store):
    site = site_with(store, workers=1)
    with TestClient(application(site)) as client:
        begun = client.post(f"{AT}/runs", json={"scenario": NAME, "patients": 45}).json()
        with client.stream("GET", begun["links"]["events"] + "?state=anc") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            told = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
        assert client.get(begun["links"]["events"] + "?state=moods").status_code == 404
    site.pool.close()
    bands = [one for one in told if "rows" in one]
    told = [one for one in told if "rows" not in one]
    assert {row["state"] for row in bands[-1]["rows"]} == {"anc"}, "of what is played so far, before its progress"
    assert bands[-1]["patients"] == 45 and len(bands) <= len(told)
    assert told[-1]["state"] == "done" and told[-1]["patients"] == 45
    assert [one["patients"] for one in told] == sorted(one["patients"] for one in told)


def test_whatever_is_asked_is_answered_as_the_schema_says(app):
    """Every operation, with what its schema allows and what it does not. The long form: benchmarks/page_fuzz.py."""
    schema = schemathesis.openapi.from_asgi(f"{AT}/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 20
    asked = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    checks = [not_a_server_error, response_schema_conformance, content_type_conformance]
    for operation in operations:
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @asked
            @given(case=operation.as_strategy(generation_mode=mode))
            def answered(case):
                case.call_and_validate(checks=checks)

            try:
                answered()
            except Unsatisfiable:  # there is nothing that the schema of this operation does not allow
                assert mode is schemathesis.GenerationMode.NEGATIVE


def test_the_head_of_an_answer_is_that_of_its_whole_and_a_stream_ends_with_it(store):
    site = site_with(store, workers=1)
    site.pool._start = lambda: None
    with TestClient(application(site)) as client:
        for address in (f"{AT}/protocols", f"{AT}/protocols/no-such", f"{AT}/openapi.json"):
            head, whole = client.head(address), client.get(address)
            assert (head.status_code, head.content) == (whole.status_code, b"")
            assert head.headers["content-type"] == whole.headers["content-type"]
        begun = client.post(f"{AT}/runs", json={"scenario": NAME, "patients": 46}).json()
        head = client.head(begun["links"]["events"])  # nobody plays it: the stream itself goes on for two minutes
        assert head.status_code == 200 and head.headers["content-type"].startswith("text/event-stream")
    site.pool.close()
