"""Ways through the page, as readers take them."""

import pytest


def test_with_the_keyboard_alone_one_jumps_to_the_text_opens_a_word_and_goes_on(tab):
    with tab() as seen:
        page = seen.tab
        page.goto("/en/treatment/induction")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.locator(".skip").is_visible(), "what has the focus is seen"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        for _step in range(40):
            page.keyboard.press("Tab")
            if "word" in (page.evaluate("document.activeElement.className") or "").split():
                break
        else:
            pytest.fail("no explained word is reached")
        page.keyboard.press("Enter")
        card = page.locator(".word-card:popover-open")
        assert card.is_visible()
        page.keyboard.press("Escape")
        assert not card.is_visible()


def test_when_to_call_is_one_step_from_every_page(tab):
    with tab("phone") as seen:
        for path in ("/en/", "/en/treatment/induction", "/en/search?q=rash"):
            seen.tab.goto(path)
            link = seen.tab.locator(".call a")
            assert link.is_visible() and link.get_attribute("href") == "/en/when-to-call"


def test_everything_that_is_read_works_without_script(tab):
    with tab("light", java_script_enabled=False) as seen:
        page = seen.tab
        page.goto("/en/")
        page.fill("#q", "6-MP")
        page.keyboard.press("Enter")
        page.locator(".found a", has_text="Mercaptopurine").first.click()
        assert page.locator("h1").inner_text() == "Mercaptopurine"
        page.goto("/en/treatment/induction")
        word = page.locator("button.word").first
        word.click()
        assert page.locator(f"#{word.get_attribute('popovertarget')}").is_visible(), "words are explained"
        page.get_by_role("link", name="Show this page for specialists").click()
        assert page.locator("section.specialist").first.is_visible()
        page.locator(".crumbs a").first.click()
        assert page.url.endswith("/en/treatment?view=specialist"), "the view goes along"


def test_a_slip_of_the_pen_in_the_search_is_mended_in_one_step(tab):
    with tab() as seen:
        seen.tab.goto("/en/search?q=vnicristine")
        seen.tab.get_by_role("link", name="vincristine").click()
        assert seen.tab.locator(".found a").first.inner_text() == "Vincristine"


def test_an_arrow_key_goes_on_and_does_not_while_one_types(tab):
    with tab() as seen:
        page = seen.tab
        page.goto("/en/treatment/induction")
        page.evaluate("document.querySelector('.crumbs a').setAttribute('data-previous', '')")
        page.focus("#q")
        page.keyboard.press("ArrowLeft")
        assert page.url.endswith("/induction")
        page.locator("h1").click()
        page.keyboard.press("ArrowLeft")
        page.wait_for_url("**/en/treatment")


def test_five_things_that_families_look_for_are_a_few_clicks_from_the_first_page(tab):
    """docs/page-measured.md tells these counts."""

    def found(seen, *clicks: str, typed: dict[str, str] | None = None) -> int:
        page = seen.tab
        page.goto("/en/")
        for field in clicks:
            for name, value in (typed or {}).items():
                if page.locator(name).is_visible():
                    page.fill(name, value)
            page.locator("main, .call").get_by_text(field, exact=True).first.click()
        return len(clicks)

    with tab("phone") as seen:
        page = seen.tab
        assert found(seen, "When to call, and what to say") == 1
        assert page.locator("#card-fever").is_visible(), "when to call"
        assert found(seen, "What happens on day 29, or on any other day?", "Show it", "Day by day") == 3
        page.fill("#n", "29")
        page.keyboard.press("Enter")
        page.wait_for_url("**/day/29*")
        assert page.locator("h1").inner_text() == "Day 29" and page.locator(".given li").count() >= 1
        assert found(seen, "Where is a calendar to print?", "Show it", "Calendar to print", typed={"#f-age": "4"}) == 3
        assert "of 4 years" in page.locator(".lead").inner_text()
        assert page.get_by_role("button", name="Print").is_visible()
        assert found(seen, "What does MRD mean for us?") == 1
        assert "MRD" in page.locator("main").inner_text()
        assert found(seen, "What if we miss tablets?") == 1
        assert "tablets" in page.locator("figure h2").first.inner_text()
