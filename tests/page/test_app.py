"""The frame of the page: addresses, headers, errors."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route
from starlette.testclient import TestClient

from remission.page.app import application
from remission.page.site import Site


@pytest.fixture(scope="module")
def client():
    with TestClient(application(), follow_redirects=False, raise_server_exceptions=False) as client:
        yield client


def test_the_bare_address_leads_to_the_language_that_the_browser_asks_for(client):
    answer = client.get("/", headers={"accept-language": "xx;q=0.9, en-GB;q=0.8, *;q=0.1"})
    assert (answer.status_code, answer.headers["location"], answer.headers["vary"]) == (302, "/en/", "accept-language")


@pytest.mark.parametrize("header", ["", ";;;,,,", "en;q=abc", "x" * 10_000, "en;q=0", "de;q=1e9"])
def test_a_strange_list_of_languages_still_leads_somewhere(client, header):
    assert client.get("/", headers={"accept-language": header}).headers["location"] == "/en/"


@pytest.mark.parametrize("address", ["/en/", "/en/no-such-page", "/static/site.css", "/no", "/"])
def test_every_answer_keeps_the_page_to_itself(client, address):
    headers = client.get(address).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert "set-cookie" not in headers
    assert headers["referrer-policy"] == "no-referrer"


def test_what_is_not_there_is_said_in_a_page(client):
    answer = client.get("/en/no-such-page")
    assert answer.status_code == 404
    assert "There is no page at this address" in answer.text


def test_files_have_the_hash_of_what_they_hold_and_may_be_kept_for_ever(client):
    newer = client.get("/static/site.css").headers["location"]
    answer = client.get(newer)
    assert "immutable" in answer.headers["cache-control"]
    assert ".ph-induction" in answer.text, "the colours of the pictures come along"


@pytest.mark.parametrize("address", ["/static/..%2fsite.py", "/static/%2e%2e%2fapp.py", "/static/site.py", "/static/a"])
def test_only_files_of_the_page_are_given_out(client, address):
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", ["/en/", "/en/all/remission", "/en/what-if"])
def test_the_files_of_a_figure_are_files(client, address):
    client.app.state.site.figure("front")  # the first page waits for it only so long
    page = client.get(address + "?files").text
    files = set(re.findall(r'href="([^"]+/figure/[^"]+)"', page))
    assert {file.partition("?")[0].rpartition(".")[2] for file in files} == {"csv", "svg", "json"}
    for file in files:
        answer = client.get(file)
        assert answer.status_code == 200 and "attachment" in answer.headers["content-disposition"], file


def test_where_a_page_is_elsewhere_its_files_are_too(client):
    for asked, there in (
        ("/en/all/remission//figure/x.csv?view=specialist", "/en/all/remission/figure/x.csv?view=specialist"),
        ("/en/see/cog-standard-risk~f~age4~16kg~102cm~b~cns1/figure/course.csv?patient=2",
         "/en/see/cog-standard-risk~age4~f~16kg~102cm~b~cns1/figure/course.csv?patient=2"),
    ):  # fmt: skip
        answer = client.get(asked)
        assert (answer.status_code, answer.headers["location"]) == (301, there)
    assert client.get("/en/see/figure/x.csv").headers["location"] == "/en/see/", "not round in a circle"


def test_the_view_for_specialists_goes_along_with_every_link(client):
    page = client.get("/en/?view=specialist").text
    assert 'href="/en/treatment?view=specialist"' in page
    assert "Show this page in plain words" in page


PIECES = [
    "en", "", "..", "%2e%2e", "%00", "~", "treatment", "induction", "figure", "x.csv", "x.svg", "see", "static",
    "sources", "maloney2020", "search", "feed.atom", "%ff", "ünï", "<script>", "'\"", "a" * 5000, "{{7*7}}", "index",
    "api", "v1",
]  # fmt: skip
QUERIES = [
    "",
    "?view=specialist",
    "?view=%00",
    "?q=%22",
    "?q=" + "%F0%9F%98%80" * 500,
    "?&&==",
    "?figure=x",
    "?q=a&q=b",
]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), st.sampled_from(QUERIES), st.sampled_from(METHODS))
def test_no_address_breaks_the_page(client, pieces, query, method):
    answer = client.request(method, "http://testserver/" + "/".join(pieces) + query)
    assert answer.status_code < 500
    assert "Traceback" not in answer.text and "<script>" not in answer.text


def test_a_fault_of_ours_is_told_in_a_page_without_its_insides_and_the_server_goes_on():
    site = Site()
    site.templates.globals["to"] = lambda *of: 1 / 0
    app = application(Site())
    app.router.routes.insert(0, Route("/en/broken", lambda request: site.page(request, "front.html")))
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/en/broken")
        assert answer.status_code == 500
        assert "Something went wrong on our side" in answer.text
        assert "Traceback" not in answer.text and "Undefined" not in answer.text
        assert answer.headers["content-security-policy"]
        assert client.get("/en/").status_code == 200


@pytest.mark.parametrize("target", ["http://anywhere.example/en/help?view=specialist", "HTTPS://a:8000/en/help"])
def test_an_address_in_absolute_form_is_that_of_its_path(client, target):
    """As a proxy asks; RFC 9112 3.2.2."""
    from remission.page.headers import origin_form

    raw, _mark, query = target.partition("?")
    asked = {"type": "http", "path": raw, "raw_path": raw.encode(), "query_string": query.encode()}
    assert origin_form(asked) == asked | {"path": "/en/help", "raw_path": b"/en/help"}
    assert origin_form(asked | {"path": "http://a", "raw_path": b"http://a"})["path"] == "/"
    plain = {"type": "http", "path": "/en/all", "raw_path": b"/en/all"}
    assert origin_form(plain) is plain
