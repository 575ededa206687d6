"""Pages in other languages as a browser shows them: accessible, every letter there, nothing cut off or over another.

A language that is not published is skipped; `qps-rtl`, made by a rule, a third longer and from right to left, is not.
"""

from __future__ import annotations

import pytest

from remission.locale import LANGUAGES, unpublished

from .conftest import served
from .test_every_page import findings

SEEN = "/see/cog-standard-risk"
CALENDAR = "/see/aall1331-blinatumomab/calendar?months=2"  # its letters and lines are those of all months
PATHS = ("/", "/when-to-call", SEEN, f"{SEEN}/day/8", CALENDAR)
SPOKEN = {  # what is looked at; those in Latin letters share their layout
    **dict.fromkeys(("qps-rtl", "ar", "hi", "zh"), PATHS), "de": ("/", SEEN, CALENDAR),
    "fr": ("/when-to-call", SEEN), "es": ("/", f"{SEEN}/day/8"), "pt-BR": ("/when-to-call", CALENDAR),
}  # fmt: skip
KNOWN_LETTER = {"ar": "ب", "hi": "क", "zh": "的"}
GLYPHS = """(letters) => {
    const canvas = document.createElement("canvas"); canvas.width = canvas.height = 48;
    const pen = canvas.getContext("2d", {willReadFrequently: true});
    pen.font = "28px " + getComputedStyle(document.body).fontFamily;
    const drawn = (letter) => { pen.clearRect(0, 0, 48, 48); pen.fillText(letter, 8, 36); return canvas.toDataURL(); };
    const boxes = new Set(["\\u{10fffd}", "\\u0378"].map(drawn)), empty = drawn(" ");
    const here = letters ?? new Set(document.querySelector("main").innerText.match(/[^\\x00-\\x7f\\s]/gu));
    return [...here].filter((letter) => /\\p{L}|\\p{N}|\\p{S}/u.test(letter) && drawn(letter) !== empty
        && boxes.has(drawn(letter)));
}"""
CUT = """() => {
    const width = document.documentElement.clientWidth, out = [];
    const told = (node, why) => out.push([why, node.tagName, node.getAttribute("class") ?? "",
        (node.textContent ?? "").trim().slice(0, 60)].join(" "));
    for (const text of document.querySelectorAll(".picture text")) {
        const at = text.getBoundingClientRect();
        if (at.width && (at.left < -1 || at.right > width + 1)) told(text, "cut");
    }
    for (const node of document.querySelectorAll("main *, header *, footer *")) {
        const style = getComputedStyle(node);
        if (style.overflowX === "hidden" && node.scrollWidth > node.clientWidth + 1 && !node.closest(".unseen, svg"))
            told(node, "hidden");
    }
    return out;
}"""
OVER = """() => {
    const out = [];
    for (const picture of document.querySelectorAll(".picture > svg")) {
        const texts = [...picture.querySelectorAll("text.head, text.key, text.row, text.strip, text.x")]
            .map((text) => [text.textContent, text.getBoundingClientRect()]).filter(([, at]) => at.width);
        texts.forEach(([one, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (across > 2 && down > 5) out.push(`${one} | ${other}`);
        }));
    }
    return out;
}"""


@pytest.fixture(scope="module")
def spoken_address():
    with unpublished("qps-rtl"), served() as address:
        yield address


@pytest.mark.parametrize(("key", "path"), [(key, path) for key, paths in SPOKEN.items() for path in paths])
def test_a_page_in_another_language_is_whole_on_a_desk_on_a_phone_and_in_large_letters(tab, spoken_address, key, path):
    if key != "qps-rtl" and key not in LANGUAGES:
        pytest.skip(f"'{key}' is not published yet")
    with tab("light", base_url=spoken_address) as seen:
        page = seen.tab
        page.goto(f"/{key}{path}")
        assert findings(page) == []
        if key in KNOWN_LETTER and page.evaluate(GLYPHS, [KNOWN_LETTER[key]]):
            pytest.skip(f"this machine has no font for '{key}': apt-get install fonts-noto-core fonts-wqy-microhei")
        assert page.evaluate(GLYPHS) == [], "no box in place of a letter"
        assert page.evaluate("document.documentElement.dir") == ("rtl" if key in ("ar", "qps-rtl") else "ltr")
        page.evaluate("document.documentElement.style.fontSize = '225%'")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280, "letters of twice the size"
        assert page.evaluate(CUT) == [], "letters of twice the size"
        page.evaluate("document.documentElement.style.fontSize = ''")
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, "a phone"
        assert page.evaluate(CUT) == [], "a phone"
        assert page.evaluate(OVER) == [], "a phone"


@pytest.mark.parametrize("key", ["ar", "hi"])
def test_lines_of_arabic_and_hindi_have_room(tab, spoken_address, key):
    if key not in LANGUAGES:
        pytest.skip(f"'{key}' is not published yet")
    with tab("light", base_url=spoken_address) as seen:
        seen.tab.goto(f"/{key}/treatment")
        ratio = "(p) => { const s = getComputedStyle(p); return parseFloat(s.lineHeight) / parseFloat(s.fontSize) }"
        assert seen.tab.eval_on_selector("main section p", ratio) >= 1.7
