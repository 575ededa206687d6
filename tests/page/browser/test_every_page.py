"""What holds for every kind of page, in light, dark, on a phone and in print."""

import gzip

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from remission.page.site import static

from .kinds import CALENDAR, KINDS, READ

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
}


COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
AXE = """async (asked) => {
    const found = await axe.run(document, {resultTypes: ["violations"], iframes: false, ...asked});
    return found.violations;
}"""


def findings(page, options=RULES) -> list[str]:
    """What axe finds wrong; it is read once by a page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return [
        f"{found['id']}: {found['help']} at {node['target']} {node.get('failureSummary', '')}"
        for found in page.evaluate(AXE, options)
        for node in found["nodes"][:3]
    ]


@pytest.mark.parametrize("path", KINDS)
def test_a_page_is_accessible_keeps_to_itself_and_to_its_weight_in_light_dark_print_and_on_a_phone(tab, path):
    with tab("light") as seen:
        page = seen.tab
        page.goto(path)
        assert findings(page) == []
        assert page.evaluate("seen.violations") == []
        expected = ["404"] if "no-such" in path else []
        assert [error for error in seen.errors if not any(word in error for word in expected)] == []
        assert page.context.cookies() == []
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0
        base = page.evaluate("location.origin")
        assert [url for url, _size in seen.requests if not url.startswith(base)] == [], "no third party"
        assert page.evaluate("seen.moved") == [], "nothing moves while it loads"
        if path in READ:
            assert len(seen.requests) <= 6
            assert sum(size for _url, size in seen.requests) <= 60_000
        assert seen.requests[0][1] <= 40_000, "the page itself, with its pictures"
        page.emulate_media(color_scheme="dark")
        assert findings(page, COLOURS) == [], "dark"
        page.emulate_media(color_scheme="light", media="print")
        assert findings(page, COLOURS) == [], "print"
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, "no scrolling to the side"
        assert findings(page, RULES | {"preload": False}) == [], "phone"  # the style sheets are those of before


def test_a_whole_treatment_in_months_keeps_to_the_width_and_weight_of_a_page(tab):
    """The pages above have three of its months: axe takes a minute for all."""
    with tab("phone") as seen:
        seen.tab.goto(CALENDAR)
        assert seen.tab.locator("section.month").count() > 20
        assert seen.tab.evaluate("document.documentElement.scrollWidth") <= 320
        assert seen.requests[0][1] <= 40_000


def test_what_is_looked_for_would_be_found(tab):
    """The tests above can fail: a faint text, a picture without words, an inline style, a request to elsewhere."""
    with tab("light") as seen:
        page = seen.tab
        page.goto("/en/about")
        page.evaluate("""() => {
            const faint = document.createElement("p"); faint.textContent = "faint"; faint.className = "faint";
            faint.style.color = "#eee"; document.querySelector("main").append(faint);
            const picture = new Image(); picture.src = "/favicon.ico"; document.querySelector("main").append(picture);
            document.querySelector("main").setAttribute("style", "color:red");
            fetch("https://example.org/").catch(() => 0);
        }""")
        found = " ".join(findings(page))
        assert "color-contrast" in found and "image-alt" in found
        broken = " ".join(page.evaluate("seen.violations"))
        assert "style-src" in broken and "connect-src" in broken


def test_the_script_of_the_page_is_small():
    assert len(gzip.compress(static("site.js"))) <= 12_000
