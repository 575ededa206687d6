"""The page as files: every link leads to a file, and nothing is written over that was not written by it."""

import re
from html import unescape
from os.path import dirname, join, normpath
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from remission.knowledge.errors import BadInput
from remission.knowledge.library import library
from remission.locale import LANGUAGES
from remission.page import export as page_export
from remission.page import see
from remission.page.app import application
from remission.page.export import _Crawl, _wanted, export, file_of, to_its_end
from remission.page.site import Site
from remission.page.store import stored_addresses


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("/en/", "en/index.html"),
        ("/en/treatment/induction", "en/treatment/induction/index.html"),
        ("/en/help?view=specialist", "en/help/specialist.html"),
        ("/en/feed.atom", "en/feed.atom"),
        ("/en/see/cog-standard-risk~age4.5~f/day/8", "en/see/cog-standard-risk~age4.5~f/day/8/index.html"),
        ("/en/see/cog-standard-risk~age4.5", "en/see/cog-standard-risk~age4.5/index.html"),
        ("/en/see/a~b?seed=7&miss=mercaptopurine:10", "en/see/a~b/index-seed-7-miss-mercaptopurine-10.html"),
    ],
)
def test_every_address_has_a_file_of_its_own(address, file):
    assert file_of(address) == file


def test_links_are_relative_redirects_are_followed_and_what_only_a_server_answers_says_so(tmp_path):
    pages = {
        "/en/": '<a href="/en/a#part">a</a> <a href="/en/old">old</a> <a href="/en/search?q=x">s</a> '
        "<p>href=&quot;/no</p>",
        "/en/a": '<a href="/en/a/b?view=specialist">b</a><a href="/en/a/figure/f.csv">f</a>',
        "/en/a/b": '<a href="/en/">home</a><a href="https://example.org/">out</a>',
        "/en/live": "needs the live page",
    }
    routes = [Route(path, HTMLResponse(html)) for path, html in pages.items()]
    routes += [Route("/en/old", RedirectResponse("/en/a/b", 301)), Route("/favicon.ico", Response("", 404))]
    routes += [Route("/en/a/figure/f.csv", Response("1,2", media_type="text/csv"))]
    to_its_end(_Crawl(Starlette(routes=routes), tmp_path).run())
    front = (tmp_path / "en/index.html").read_text()
    assert front.startswith(
        '<a href="a/index.html#part">a</a> <a href="a/b/index.html">old</a> <a href="live/index.html">'
    )
    assert "href=&quot;/no" in front, "what is text stays text"
    assert (tmp_path / "en/a/index.html").read_text() == '<a href="b/specialist.html">b</a><a href="figure/f.csv">f</a>'
    assert 'href="../../index.html"' in (tmp_path / "en/a/b/specialist.html").read_text()
    assert (tmp_path / "en/a/figure/f.csv").read_text() == "1,2"


def test_a_folder_with_other_files_is_not_written_into(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds other files"):
        export(tmp_path)
    with pytest.raises(BadInput, match="is a file"):
        export(tmp_path / "thesis.txt")


def dead_links(folder: Path) -> list[str]:
    """Links of the written pages that lead to no file, or to a part that the page does not have."""
    files = {str(path) for path in folder.rglob("*") if path.is_file()}
    texts = {name: Path(name).read_text() for name in files if name.endswith(".html")}
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}
    dead = []
    for page, text in texts.items():
        for link in set(map(unescape, re.findall(r'\b(?:href|src)="([^"]*)"', text))):
            if re.match(r"[a-z]+:", link):
                continue
            to, _hash, part = link.partition("#")
            target = normpath(join(dirname(page), to)) if to else page
            if target not in files or (part and target in ids and part not in ids[target]):
                dead.append(f"{page}: {link}")
    return dead


def test_every_link_of_the_written_page_leads_to_a_file_of_it_and_no_page_is_missing(tmp_path, monkeypatch):
    """With one of the stored scenarios: the others have the same pages. In another language the pages of the scenario,
    since its texts have the links of the English (test_translations); of the thousand sources those with an M. All of
    it: benchmarks/page_export.py."""
    monkeypatch.setattr(see, "stored_addresses", lambda: stored_addresses()[-1:])
    cited: set[str] = set()

    def wanted(address):
        _root, language, *path = address.split("/")
        if path[:1] == ["sources"] and len(path) == 2:
            cited.add(path[1].partition("?")[0])
            return language == "en" and path[1].startswith("m")
        whole = language == "en" or language not in LANGUAGES
        return _wanted(address) and (whole or (language, *path[:1]) == ("ar", "see"))

    monkeypatch.setattr(page_export, "_wanted", wanted)
    crawl = _Crawl(application(Site(still=True)), tmp_path)
    assert len(to_its_end(crawl.run())) > 1000
    assert len(cited) > 500 and cited <= set(library().sources())
    missing = {address for address, answer in crawl.answers.items() if answer.status >= 400}
    assert {address for address in missing if "/day/" not in address} == set(), "only later days are left out"
    assert dead_links(tmp_path) == []
    front = (tmp_path / "en/index.html").read_text()
    assert "content-security-policy" in front and 'role="search"' not in front


@pytest.mark.parametrize("folder", ["file/below", "dangling"])
def test_a_folder_that_cannot_be_made_is_told_before_the_pages_are_made(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "file" / "nowhere")
    monkeypatch.setattr("remission.page.export.Site", lambda **of: pytest.fail("the work was begun"))
    with pytest.raises(BadInput, match="cannot be written"):
        export(tmp_path / folder)


def test_an_export_into_an_older_one_takes_away_pages_that_are_no_more_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr("remission.page.export.Site", lambda **of: None)
    shown = {"/en/": "front", "/en/live": "live", "/en/a/old": "old"}

    def app(_site):
        made = [Route(path, HTMLResponse(f"{text} <a href='x' href=\"/en/a/old\">")) for path, text in shown.items()]
        return Starlette(routes=made)

    monkeypatch.setattr("remission.page.export.application", app)
    folder = tmp_path / "site"
    assert export(folder) == 3
    (folder / "CNAME").write_text("example.org")
    (folder / "en/mine.html").write_text("mine")
    assert (folder / "en/a/old/index.html").is_file()
    shown.pop("/en/a/old")
    (tmp_path / "precious").write_text("mine")
    mark = folder / "remission-export.json"
    mark.write_text(mark.read_text().replace('"en/a/old/index.html"', '"en/a/old/index.html", "../precious"'))
    assert export(folder) == 2
    assert not (folder / "en/a").exists(), "the page is gone, and the folders that held nothing else"
    assert all((path).is_file() for path in (folder / "CNAME", folder / "en/mine.html", tmp_path / "precious"))
    assert export(folder) == 2
    mark.write_text('{"files": 3, "languages": ["en"]}')  # as it was before it named the files
    assert export(folder) == 2 and (folder / "en/mine.html").is_file()
