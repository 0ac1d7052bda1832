"""The explorables on the pages of the built book: linked modules and data, the book's theme and
address."""

import pytest

from tests.book.browser.explorable import SETTLED, Visit

MAP = '[data-explorable="ratio_map"]'
MODEL = f"document.querySelector('{MAP}').model"


def loaded(one):
    """The files of explorables that the page has asked for."""
    files = [url.split("?")[0] for url in one.requests if "/explorables/" in url]
    return sorted(url.rsplit("/", 1)[1] for url in files)


class Near(Visit):
    """A page whose map is drawn when it comes near, and not before."""

    drawn = f"{MAP}"

    def settle(self):
        assert self.page.locator(f"{MAP} .trx:not(.still)").count() == 0, (
            "nothing is drawn far away"
        )
        self.page.locator(MAP).scroll_into_view_if_needed()
        self.page.wait_for_selector(".trx:not(.still) .live[d]", state="attached")


def test_map_lives_on_its_page_and_follows_the_theme(chromium, address, until):
    one = Near(chromium, f"{address}/notebooks/05_grpo.html", color_scheme="light")
    page, figure = one.page, one.page.locator(MAP)
    assert loaded(one) == ["common.js", "predict.js", "ratio_map.js"]
    assert page.locator(".trx[data-dark]").count() == 0
    figure.get_by_role("checkbox", name="Show DPPO-TV").check()  # the page shows PPO alone
    figure.get_by_role("button", name="likely token").click()
    until(page, f"{MODEL}.get('sign') === -1")
    page.locator(f"{MAP} .trx .verdict b", has_text="it does not see the move").wait_for()
    slider = figure.get_by_role("slider", name="Updates made on this batch")
    slider.press("Home")
    page.locator(f"{MAP} .total", has_text="silences 0 of the batch").first.wait_for()
    slider.press("End")
    until(page, f"{MODEL}.get('update') > 0")
    until(page, "location.hash.startsWith('#ratio_map:') && location.hash.includes('update=')")
    for _ in range(3):  # the button goes through light, dark and automatic
        page.locator("button.theme-switch-button").first.click()
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
    page.wait_for_selector(".trx[data-dark]", state="attached")
    one.context.close()
    assert one.complaints == []


def test_pointing_at_a_dot_reads_its_completion_and_a_press_chooses_it(chromium, address):
    one = Near(chromium, f"{address}/notebooks/05_grpo.html")
    page = one.page

    def frames(**traits):
        page.evaluate(
            f"""async traits => {{
            for (const [key, value] of Object.entries(traits)) {MODEL}.set(key, value);
            await ({SETTLED})();
        }}""",
            traits,
        )
        return (page.evaluate(f"{MODEL}.get('{name}')") for name in ("old_p", "new_p", "token"))

    q, p, _ = frames(update=1, axes="linear", token=0)
    frames(token=-1, old_p=0.9, new_p=0.1)
    frame = page.locator(f"{MAP} rect.dead").bounding_box()
    page.mouse.move(frame["x"] + q * frame["width"], frame["y"] + (1 - p) * frame["height"])
    assert [*frames()][2] == -1 and page.locator(f"{MAP} .line mark").count() == 1
    page.mouse.down()
    page.mouse.up()
    old, _, token = frames()
    assert token >= 0 and old == pytest.approx(q)
    one.context.close()
    assert one.complaints == []


def test_a_figure_with_data_loads_them_and_a_link_opens_it_at_what_was_chosen(
    chromium, address, until
):
    one = Visit(chromium, f"{address}/book/purpose.html#basin:uses=4&measure=take_off")
    assert loaded(one) == ["basin.data.json", "basin.js", "common.js", "predict.js"]
    model = "document.querySelector('[data-explorable=basin]').model"
    until(one.page, f"{model}.get('uses') === '4' && {model}.get('measure') === 'take_off'")
    figure = one.page.locator('[data-explorable="basin"]')
    assert 0 <= figure.bounding_box()["y"] < 300, "a link goes to the figure"
    figure.get_by_role("slider").first.press("End")
    until(one.page, "location.hash.includes('lr=')")
    one.context.close()
    assert one.complaints == []
