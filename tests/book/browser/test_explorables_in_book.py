"""The explorables on the pages of the built book: linked modules and data, the book's theme and
address."""

from urllib.parse import parse_qs

import pytest

from book.build.ext.made import STATE
from book.build.paths import ROOT, chapters
from tests.book.browser.conftest import DAILY
from tests.book.browser.explorable import SETTLED, Load, Visit

MAP = '[data-explorable="ratio_map"]'
MODEL = f"document.querySelector('{MAP}').model"


EARLY = {"common.js", "ratio_map.js", "clip.js", "dial.js"}
"""What the head of chapter 5 asks for at once: the modules of the page's three explorables and what they
share, else a browser finds them one after the other when it has read the page
(`trbook.explorables.modules.preloads`). They draw nothing before a reader comes near."""


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
    asked = page.locator("link[rel=modulepreload]").evaluate_all("all => all.map(one => one.href)")
    assert {url.rsplit("/", 1)[1] for url in asked} == EARLY
    assert (
        {"common.js", "ratio_map.js"} <= {*loaded(one)} <= {*EARLY, "dial.data.json", "predict.js"}
    )
    assert page.locator(".trx[data-dark]").count() == 0
    figure.get_by_role("checkbox", name="Show DPPO-TV").check()  # the page shows PPO alone
    figure.get_by_role("button", name="likely token").click()
    until(page, f"{MODEL}.get('sign') === -1")
    page.locator(f"{MAP} .trx .verdict b", has_text="it does not see the move").wait_for()
    slider = figure.get_by_role("slider", name="Updates made on this batch")
    slider.press("Home")
    page.locator(f"{MAP} .facts > div", has_text="PPO's clip clips0 of").wait_for()
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
    assert {*loaded(one)} == {"basin.data.json", "basin.js", "common.js", "predict.js"}
    model = "[...document.querySelectorAll('[data-explorable=basin]')].at(-1).model"
    until(one.page, f"{model}.get('uses') === '4' && {model}.get('measure') === 'take_off'")
    figure = one.page.locator('[data-explorable="basin"]').last  # the first opens the chapter
    assert 0 <= figure.bounding_box()["y"] < 300, "a link goes to the figure"
    figure.get_by_role("slider").first.press("End")
    until(one.page, "location.hash.includes('lr=')")
    one.context.close()
    assert one.complaints == []


MOVING = """<p id="told">Press <a href="#figure-ratio_map" data-state="press=likely token">one</a>, then
<a href="#figure-ratio_map" data-state="show=[%22dppo_tv%22]&amp;press=rare+token">another</a>.</p>"""
SPOKEN = f"document.querySelector('{MAP} .trlib-view > div').shadowRoot.querySelector('[role=status]').textContent"


def test_words_move_a_figure_of_their_page_where_it_stands(chromium, address, until):
    one = Near(chromium, f"{address}/notebooks/05_grpo.html", has_touch=True)
    page = one.page
    page.locator(MAP).evaluate(
        "(map, text) => { map.id = 'figure-ratio_map'; map.insertAdjacentHTML('beforebegin', text); }",
        MOVING,
    )
    first, second = (page.locator("#told a").nth(i) for i in range(2))
    first.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    first.tap()
    until(page, f"{MODEL}.get('sign') === -1")
    until(page, f"{SPOKEN}.includes('ratio r = p/q: 0.81.')")  # a screen reader hears of it
    second.focus()
    page.keyboard.press("Enter")
    until(page, f"{MODEL}.get('show').join() === 'dppo_tv' && {MODEL}.get('sign') === 1")
    assert page.evaluate("[scrollY, document.activeElement.textContent]") == [before, "another"]
    # The figure comes into view if it is out of it.
    page.evaluate(
        "() => { document.querySelector('article h1').after(document.querySelector('#told')); scrollTo(0, 0); }"
    )
    first.click()
    until(page, f"{MODEL}.get('sign') === -1")
    until(
        page,
        f"(({{top, bottom}}) => top < innerHeight && bottom > 0)(document.querySelector('{MAP}').getBoundingClientRect())",
    )
    assert one.complaints == []
    one.context.close()


def linking():
    """The pages whose words move a figure, those that `make test` does not build for the night."""
    for source in (*chapters(), *sorted((ROOT / "book").glob("*.md"))):
        if STATE.search(source.read_text(encoding="utf-8")):
            name = source.relative_to(ROOT).with_suffix("").as_posix()
            marks = (
                () if name in DAILY else pytest.mark.nightly("opens a page that is not built daily")
            )
            yield pytest.param(name, marks=marks, id=name)


@pytest.mark.parametrize("name", list(linking()))
def test_every_link_that_moves_a_figure_moves_it(chromium, address, until, name):
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    one = Load(page, f"{address}/{name}.html")
    links = page.locator("a[data-state]")
    assert links.count()
    for i in range(links.count()):
        figure, state = links.nth(i).evaluate("link => [link.hash, link.dataset.state]")
        home = f"document.querySelector('{figure}')"
        links.nth(i).evaluate("link => link.click()")
        for press in parse_qs(state).get("press", ()):
            until(
                page,
                f"[...{home}.querySelector('.trlib-view > div').shadowRoot?.querySelectorAll('button, label, option')"
                f" ?? []].some(({{ textContent }}) => textContent.trim().toLowerCase().startsWith({press.lower()!r}))",
            )
        until(
            page,
            f"{home}.querySelector('.trlib-view > div').shadowRoot?.querySelector('.trx:not(.still)')",
        )
        complained = f"{home}.querySelector('.trlib-view > div').shadowRoot.querySelector('.notes:not([hidden])')"
        assert page.evaluate(f"{complained}?.textContent ?? ''") == "", state
    assert one.complaints == []
    context.close()
