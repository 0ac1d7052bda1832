"""Explorables in Chromium: right against trlib, and usable by mouse, finger, keyboard and screen
reader everywhere."""

import math

import pytest

from tests.book.browser.explorable import (
    MODEL,
    SETTLED,
    Visit,
    page_of,
    visits,
)
from trbook.explorables import RatioMap
from trbook.explorables.modules import link_modules
from trbook.explorables.publish import publish
from trbook.explorables.ratio_map import METHODS

pytestmark = pytest.mark.test_all("one figure by mouse, finger and keyboard")


@pytest.fixture(scope="module")
def served(tmp_path_factory, serving):
    """A small site: a page that carries its module, one that links it, and one in a fold."""
    folder = tmp_path_factory.mktemp("site")
    publish(folder / "_static" / "explorables")
    whole = RatioMap(show=list(METHODS)).html()
    linked = link_modules(whole, "_static/explorables")
    pages = {
        "whole": whole,
        "linked": linked,
        "folded": f"<details><summary>Play</summary>{linked}</details>",
    }
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(page(body), encoding="utf-8")
    with serving(folder) as address:
        yield address


def page(body):
    return page_of("Ratio map", body, width="760px")


class Map(Visit):
    drawn = ".trx:not(.still) .live[d]"

    def __init__(self, *place, **context):
        super().__init__(*place, **{"viewport": {"width": 820, "height": 900}, **context})

    def at(self, q, p):
        """Where the point stands on the screen, on linear axes."""
        frame = self.page.locator(".trx rect.dead").bounding_box()
        return frame["x"] + q * frame["width"], frame["y"] + (1 - p) * frame["height"]


@pytest.fixture
def visit(chromium, served):
    with visits(chromium, served, Map, first="whole") as visit:
        yield visit


def test_page_needs_no_kernel_and_no_network(visit):
    for name in ("whole", "linked"):
        one = visit(name)
        own = [
            url for url in one.requests if url.startswith(("http://127.0.0.1", "blob:", "data:"))
        ]
        assert one.requests == own
        modules = [url.rsplit("/", 1)[1] for url in one.requests if url.endswith(".js")]
        assert modules == ([] if name == "whole" else ["ratio_map.js", "common.js"])
        assert "PPO-clip fails here" in one.text(".trx .verdict")


def test_a_closed_fold_loads_nothing_until_it_is_opened(chromium, served):
    page = chromium.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served}/folded.html", wait_until="networkidle")
    assert not [url for url in asked if url.endswith(".js")]
    page.get_by_text("Play").click()
    page.wait_for_selector(".trx:not(.still) .live[d]", state="attached")
    page.goto("about:blank")
    page.goto(f"{served}/folded.html#ratio_map:sign=-1")  # a link to the figure opens its folds
    page.wait_for_selector(".trx:not(.still) .live[d]", state="visible")
    page.close()


def test_a_page_that_carries_its_module_runs_from_the_file_system(chromium, tmp_path):
    (tmp_path / "page.html").write_text(page(RatioMap().html()), encoding="utf-8")
    own = (tmp_path.as_uri(), "blob:", "data:")
    with visits(chromium, tmp_path.as_uri(), Map) as visit:
        one = visit("page")
        assert "over-clipped" in one.text(".trx .verdict")
        assert [url for url in one.requests if not url.startswith(own)] == []


def sample(draw, axes):
    if axes == "linear":
        return [(draw.uniform(0.01, 0.99), draw.uniform(0.01, 0.99)) for _ in range(300)]
    return [tuple(1 / (1 + math.exp(-draw.uniform(-15, 9))) for _ in range(2)) for _ in range(300)]


def test_finger_taps_drags_and_scrolls(visit, until):
    one = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    one.set(axes="linear", old_p=0.3, new_p=0.5)
    one.page.touchscreen.tap(*one.at(0.5, 0.6))
    one.settle()
    assert one.get("old_p") == pytest.approx(0.5, abs=0.005)
    assert one.get("new_p") == pytest.approx(0.6, abs=0.005)
    finger = one.context.new_cdp_session(one.page)

    def stroke(start, end):
        way = [
            {"x": a + i / 8 * (c - a), "y": b + i / 8 * (d - b)}
            for i in range(9)
            for (a, b), (c, d) in [(start, end)]
        ]
        kinds = ["touchStart"] + 8 * ["touchMove"]
        for kind, point in zip(kinds, way, strict=True):
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    stroke(one.at(0.5, 0.6), one.at(0.7, 0.3))
    until(
        one.page,
        f"Math.abs({MODEL}.get('old_p') - .7) < .01 && Math.abs({MODEL}.get('new_p') - .3) < .01",
    )
    assert one.page.evaluate("scrollY") == 0
    stroke(one.at(0.2, 0.4), one.at(0.2, 0.95))
    until(one.page, "scrollY > 30")  # a finger beside the dot scrolls the page
    assert one.get("old_p") == pytest.approx(0.7, abs=0.01)


def test_keys_move_controls_and_leave_them(visit):
    """The cursor's own are those of every handle (`test_by_hand.py`)."""
    one = visit()
    one.page.evaluate("addEventListener('keydown', event => { window.leaked = event.key; })")
    slider = one.page.get_by_role("slider", name="DPPO-TV, delta")
    for key, wanted in (("ArrowRight", 0.17), ("Home", 0)):
        slider.press(key)
        one.settle()
        assert one.get("delta_tv") == wanted
    one.page.get_by_role("radio", name="A > 0").press("ArrowRight")
    one.settle()
    assert one.get("sign") == -1
    assert not one.page.evaluate("window.leaked"), "JupyterLab would take the keys"
    slider.press("ControlOrMeta+s")
    assert one.page.evaluate("window.leaked") == "s", "JupyterLab saves the notebook"
    for _ in range(80):
        one.page.keyboard.press("Shift+Tab")
        if one.page.evaluate("document.activeElement === document.body"):
            break
    else:
        pytest.fail("the keyboard cannot leave the explorable")


@pytest.mark.nightly("seconds of a browser; every explorable has its look by night")
def test_screen_reader_hears_the_last_word_only(visit):
    one = visit()
    region = (
        """document.querySelector(".trlib-view > div").shadowRoot.querySelector("[role=status]")"""
    )
    one.page.wait_for_function(f"{region}.textContent")  # what is said of the first state
    one.page.evaluate(f"""() => {{
        window.spoken = [];
        const region = {region};
        new MutationObserver(() => window.spoken.push(region.textContent))
            .observe(region, {{ childList: true, characterData: true, subtree: true }});
    }}""")
    one.page.evaluate(f"""async () => {{
        for (let step = 0; step < 25; step++) {{
            {MODEL}.set('new_p', .001 + .0001 * step);
            await ({SETTLED})();
        }}
    }}""")
    one.page.wait_for_function("window.spoken.at(-1)?.includes('new 0.0034')")
    spoken = one.page.evaluate("window.spoken")
    assert len(spoken) < 12, "it waits for a pause, which only a machine that stalls makes"
    assert "new 0.0034: ratio 340" in spoken[-1]
    assert (
        "PPO-clip silences, DPPO-TV keeps, DPPO-KL keeps. PPO-clip fails here: over-clipped."
        in spoken[-1]
    )
    assert "10⁻" not in spoken[-1]
