"""The feed: what a reader of feeds needs, and the same entry is the same for ever."""

import datetime
import xml.etree.ElementTree as xml
from types import SimpleNamespace

from remission.page.feed import ATOM, atom
from remission.page.shelf import News


def _texts(*news):
    return SimpleNamespace(language="en", news=news)


OLD = News(id="first", date=datetime.date(2026, 11, 1), title="The page is open", text="It <begins> & goes on.")
NEW = News(id="drugs", date=datetime.date(2026, 12, 1), title="Medicines", text="x", pages=("treatment/chemotherapy",))


def test_the_feed_is_atom_with_the_newest_first_and_text_that_stays_text():
    root = xml.fromstring(atom(_texts(NEW, OLD), "https://example.org/en"))
    assert root.tag == f"{{{ATOM}}}feed"
    assert root.findtext(f"{{{ATOM}}}updated") == "2026-12-01T00:00:00Z"
    entries = root.findall(f"{{{ATOM}}}entry")
    assert [entry.findtext(f"{{{ATOM}}}title") for entry in entries] == ["Medicines", "The page is open"]
    assert entries[1].findtext(f"{{{ATOM}}}summary") == "It <begins> & goes on."
    links = [entry.find(f"{{{ATOM}}}link").get("href") for entry in entries]
    assert links == ["https://example.org/en/treatment/chemotherapy", "https://example.org/en/news#first"]


def test_an_entry_keeps_its_id_whatever_host_shows_it_and_whatever_else_is_new():
    one = xml.fromstring(atom(_texts(OLD), "https://a.example/en"))
    two = xml.fromstring(atom(_texts(NEW, OLD), "http://127.0.0.1:8010/en"))
    ids = [[entry.findtext(f"{{{ATOM}}}id") for entry in root.findall(f"{{{ATOM}}}entry")] for root in (one, two)]
    assert ids[0][0] == ids[1][1] != ids[1][0]
