"""The frame of the page: addresses, headers, errors."""

import pytest
from starlette.testclient import TestClient

from remission.page.app import application


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


def test_the_view_for_specialists_goes_along_with_every_link(client):
    page = client.get("/en/?view=specialist").text
    assert 'href="/en/treatment?view=specialist"' in page
    assert "Show this page in plain words" in page
