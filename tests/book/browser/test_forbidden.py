"""What a browser may forbid or lack: storage, room in it, a file that does not arrive."""

import pytest

STORAGE = {
    "forbidden": """for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name,
        { configurable: true, get() { throw new DOMException("Access is denied", "SecurityError"); } });""",
    "full": """Storage.prototype.setItem = () => {
        throw new DOMException("The quota has been exceeded", "QuotaExceededError"); };""",
}


@pytest.mark.parametrize(("kind", "scheme"), [("forbidden", "light"), ("full", "dark")])
def test_a_page_needs_no_storage(chromium, address, kind, scheme):
    context = chromium.new_context(color_scheme=scheme)
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.add_init_script(STORAGE[kind])
    page.goto(f"{address}/book/notation.html", wait_until="load")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == scheme
    seen = set()
    for _ in range(3):  # automatic, and the two themes
        page.locator("button.theme-switch-button").first.click()
        seen.add(page.evaluate(theme))
    assert seen == {"light", "dark"}
    page.goto(f"{address}/search.html?q=clip", wait_until="load")
    page.wait_for_selector('.search-summary:has-text("Search finished")')
    context.close()
    assert complaints == []


def test_a_figure_that_does_not_arrive_leaves_its_picture_and_says_so(chromium, figures):
    page = chromium.new_page()
    page.route("**/ratio_map.js*", lambda route: route.abort())
    page.goto(f"{figures}/RatioMap.html")
    page.get_by_text("This figure could not be loaded. Are you offline?").wait_for()
    assert page.locator(".trlib-still svg >> visible=true").count() > 0
    assert page.locator(".trlib-still .trx [role=alert]").is_visible(), "inside the frame"
    page.close()
