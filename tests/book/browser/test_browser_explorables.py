"""Explorables in Chromium, usable by mouse, finger, keyboard and screen reader everywhere, on paper
and from a file."""

import pytest

from tests.book.browser.explorable import MODEL, SETTLED, page_of, visits
from trbook.explorables import RatioMap
from trbook.explorables.modules import link_modules
from trbook.explorables.publish import publish
from trbook.explorables.ratio_map import METHODS

pytestmark = pytest.mark.test_all("one figure by mouse, finger and keyboard")

LIVE = ".trx:not(.still)"


def at(one, q, p):
    """Where the point stands on the screen, on linear axes."""
    frame = one.page.locator(".trx rect.dead").bounding_box()
    return frame["x"] + q * frame["width"], frame["y"] + (1 - p) * frame["height"]


def test_a_closed_fold_loads_nothing_until_it_is_opened(chromium, tmp_path, serving):
    publish(tmp_path / "_static" / "explorables")
    linked = link_modules(RatioMap().html(), "_static/explorables")
    folded = page_of("Ratio map", f"<details><summary>Play</summary>{linked}</details>")
    (tmp_path / "folded.html").write_text(folded, encoding="utf-8")
    page = chromium.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    with serving(tmp_path) as address:
        page.goto(f"{address}/folded.html", wait_until="networkidle")
        assert not [url for url in asked if url.endswith(".js")]
        page.get_by_text("Play").click()
        page.wait_for_selector(f"{LIVE} .live[d]", state="attached")
        page.goto("about:blank")
        page.goto(
            f"{address}/folded.html#ratio_map:sign=-1"
        )  # a link to the figure opens its folds
        page.wait_for_selector(f"{LIVE} .live[d]", state="visible")
    page.close()


def test_a_page_that_carries_its_module_runs_from_the_file_system(chromium, tmp_path):
    page = page_of("Ratio map", RatioMap().html())
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    own = (tmp_path.as_uri(), "blob:", "data:")
    with visits(chromium, tmp_path.as_uri()) as visit:
        one = visit("page")
        assert "over-clipped" in one.text(".trx .verdict")
        assert [url for url in one.requests if not url.startswith(own)] == []


def test_finger_taps_drags_and_scrolls(visit, until):
    one = visit("RatioMap", viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    one.set(axes="linear", old_p=0.3, new_p=0.5)
    one.page.touchscreen.tap(*at(one, 0.5, 0.6))
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

    stroke(at(one, 0.5, 0.6), at(one, 0.7, 0.3))
    until(
        one.page,
        f"Math.abs({MODEL}.get('old_p') - .7) < .01 && Math.abs({MODEL}.get('new_p') - .3) < .01",
    )
    assert one.page.evaluate("scrollY") == 0
    stroke(at(one, 0.2, 0.4), at(one, 0.2, 0.95))
    until(one.page, "scrollY > 30")  # a finger beside the dot scrolls the page
    assert one.get("old_p") == pytest.approx(0.7, abs=0.01)


def test_keys_move_controls_and_leave_them(visit):
    """The cursor's own are those of every handle (`test_explorables_by_hand.py`)."""
    one = visit("RatioMap")
    one.set(show=list(METHODS))
    one.page.evaluate("addEventListener('keydown', event => { window.leaked = event.key; })")
    one.page.get_by_text("More settings").click()
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
def test_screen_reader_hears_the_last_word_only(visit, until):
    one = visit("RatioMap")
    one.set(show=list(METHODS))
    region = (
        """document.querySelector(".trlib-view > div").shadowRoot.querySelector("[role=status]")"""
    )
    until(one.page, f"{region}.textContent")  # what is said of the first state
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
    until(one.page, "window.spoken.at(-1)?.includes('ratio r = p/q: 340.')")
    spoken = one.page.evaluate("window.spoken")
    assert len(spoken) < 12, "it waits for a pause, which only a machine that stalls makes"
    assert "PPO's clip fails here: over-clipped." in spoken[-1]
    assert "DPPO-TV and DPPO-KL keep it" in spoken[-1]
