"""The playground in Chromium: lanes learn in the page, thresholds act from the next batch on, and
what can go wrong is said in plain words."""

import gzip
import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.book.browser.explorable import Visit
from trbook.explorables.playground import presets

pytestmark = pytest.mark.test_all("half a minute of a browser")

ROOT = '[data-explorable="playground"]'
LANES = f"{ROOT} [data-lane]"
QUICK = "a=ppo,group:2&b=troll,group:2&c=none"
ONE = "a=ppo,group:2&b=none&c=none"


class Page(Visit):
    """A page under the book's policy. What it complains of is read by the test: some complaints are
    what is tried."""

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def lanes(self):
        return self.page.locator(LANES).evaluate_all("all => all.map(one => ({ ...one.dataset }))")

    def batches(self):
        return [int(lane["batch"]) for lane in self.lanes()]

    def saved(self, kind):
        """What *Save as* writes into a file."""
        with self.page.expect_download() as loaded:
            self.press(f"Save as {kind}")
        return Path(loaded.value.path()).read_text(encoding="utf-8")


@pytest.fixture
def visit(chromium, figures):
    made = []

    def open_page(mark, page=f"{figures}/Playground.html", **more):
        address = f"{page}#playground:{mark}"
        made.append(Page(chromium, address, reduced_motion="no-preference", **more))
        return made[-1]

    yield open_page
    for one in made:
        one.context.close()


STILL = f"""(async () => {{
    const batches = () => [...document.querySelectorAll('{LANES}')].map(lane => lane.dataset.batch).join();
    const before = batches();
    await new Promise(done => setTimeout(done, 400));
    return batches() === before;
}})()"""
"""Whether nothing is learned for a while."""


def done(count):
    return (
        f"[...document.querySelectorAll('{LANES}')].length > 0 && "
        f"[...document.querySelectorAll('{LANES}')].every(lane => Number(lane.dataset.batch) >= "
        f"{count})"
    )


def loaded(one):
    """Bytes of every file that comes from now on, gzipped. A Worker's text is a Blob: it came within
    the engine."""
    sizes = []

    def heard(answer):
        if answer.url.startswith("http"):
            sizes.append(len(gzip.compress(answer.body())))

    one.page.on("response", heard)
    return sizes


def test_what_learns_is_loaded_by_the_click_and_it_is_little(visit, until):
    one = visit(QUICK)

    def scripts():
        return sorted(url.rsplit("/", 1)[1] for url in one.requests if url.endswith(".js"))

    one.page.get_by_role("button", name="Play", exact=True).wait_for()
    until(one.page, "document.querySelector('[data-explorable] [data-lane]') !== null")
    assert scripts() == ["common.js", "playground.js"]
    sizes = loaded(one)
    one.press("Play")
    until(one.page, done(3))
    assert scripts() == ["common.js", "dial.js", "engine.js", "playground.js"]
    assert sum(sizes) < 320_000, "bytes after the click, gzipped"
    one.press("Pause")
    assert [lane["method"] for lane in one.lanes()] == ["ppo", "troll"]
    assert all(0 < float(lane["reward"]) < 1 for lane in one.lanes())
    assert one.complaints == []


def test_a_chapter_has_a_picture_play_and_one_slider_and_the_bench_on_request(visit, until):
    one = visit("")
    inside = one.page.locator(".trx:not(.still)")
    buttons = inside.get_by_role("button").filter(visible=True)
    assert [text for text in buttons.all_text_contents() if text in ("Play", "Open the bench")] == [
        "Play",
        "Open the bench",
    ]
    for bench in (
        "Add a lane",
        "One update",
        "Pin these curves",
        "Reset",
        "Eight seeds, 30 batches",
    ):
        expect(inside.get_by_role("button", name=bench, exact=True)).to_be_hidden()
    expect(inside.get_by_label("Seed", exact=True)).to_be_hidden()
    ghosts = inside.locator(".curves path.pv-ghost")
    expect(ghosts).to_have_count(0)
    inside.get_by_role("slider", name=re.compile("clip|KL|learning rate")).first.press("Home")
    one.press("Play")
    until(one.page, done(2))
    expect(ghosts).to_have_count(1)  # the recorded run of the lane that is set otherwise
    assert ghosts.first.get_attribute("data-of") == "a"
    one.press("Pause")
    one.press("Open the bench")
    expect(inside.get_by_role("button", name="Add a lane")).to_be_visible()
    expect(inside.get_by_label("Seed", exact=True)).to_be_visible()
    assert one.complaints == []


def test_curves_are_read_pinned_saved_and_loaded(visit, until, tmp_path):
    one = visit("a=ppo,group:2,epochs:2&b=none&c=none&seed=2")
    for count in (1, 2, 3):
        one.press("One batch")
        until(one.page, done(count))
        if count == 2:
            one.page.get_by_role("slider", name="Lane A, clip").press("Home")
    reader = one.page.get_by_role("slider", name="Batch to read in the curves")
    reader.press("ArrowLeft")
    message = reader.get_attribute("aria-valuetext")
    assert "batch 2: PPO" in message and "entropy" in message and "length" in message
    expect(one.page.locator(".curves text.pv-values").first).to_contain_text("batch 2: reward")
    entries = one.page.locator(".curves .pv-legend li")
    expect(entries).to_have_count(2)
    expect(entries.nth(1)).to_contain_text("PPO's clip 0.01")
    one.press("Pin these curves")
    expect(one.page.locator(".curves path.pv-ghost")).to_have_count(
        10
    )  # two segments in five panels
    one.page.get_by_text("Keep this run").click()
    file = tmp_path / "run.json"
    file.write_text(one.saved("JSON"), encoding="utf-8")
    saved = json.loads(file.read_text(encoding="utf-8"))
    assert saved["version"] and len(saved["engine"]) == 64 and saved["date"].startswith("20")
    assert [row["settings"]["threshold"] for row in saved["lanes"][0]["rows"]] == [0.2, 0.2, 0.01]
    other = visit(f"{ONE}&seed=0")
    other.page.get_by_text("Keep this run").click()
    other.page.get_by_label("Load a saved run").set_input_files(file)
    kept = other.page.locator(".curves path.pv-ghost")
    expect(kept).to_have_count(10)
    seen = kept.evaluate_all(
        "all => all.map(one => [one.dataset.setting, getComputedStyle(one).stroke !== 'none'])"
    )
    assert seen[:2] == [
        ["ppo,epochs:2,group:2", True],
        ["ppo,threshold:0.01,epochs:2,group:2", True],
    ]
    assert other.page.get_by_label("Seed", exact=True).input_value() == "2"
    (tmp_path / "other.json").write_text('{"what": "<b>"}', encoding="utf-8")
    other.page.get_by_label("Load a saved run").set_input_files(tmp_path / "other.json")
    other.page.get_by_role("alert").filter(
        has_text="other.json: this is not a run of the playground"
    ).wait_for()
    assert one.complaints == [] and other.complaints == []


def test_lanes_come_and_go_and_the_address_holds_them(visit, until):
    one = visit(f"{QUICK}&seed=3")
    for count in (3, 4):
        one.press("Add a lane")
        until(one.page, f"document.querySelectorAll('{LANES}').length === {count}")
    assert one.page.get_by_role("button", name="Add a lane").is_hidden()
    one.page.get_by_label("Lane C, method").select_option("gspo")
    one.page.get_by_role("button", name="Remove lane A").click()
    one.page.get_by_label("Your own prompt").fill("3 : +1 x3 =")
    one.press("Sample eight")
    one.page.locator(".completions", has_text="3 : +1 x3 =").wait_for()
    until(one.page, "location.hash.includes('prompt=3')")
    other = visit(one.page.evaluate("location.hash").removeprefix("#playground:"))
    until(other.page, f"document.querySelectorAll('{LANES}').length === 3")
    assert [lane["method"] for lane in other.lanes()] == ["troll", "gspo", "troll"]
    assert other.page.get_by_label("Seed", exact=True).input_value() == "3"
    assert other.page.get_by_label("Your own prompt").input_value() == "3 : +1 x3 ="


FALLS = "a=pg_is,group:2,epochs:16&b=ppo,group:2&c=troll,group:2"
PLACE = """node => { const box = node.getBoundingClientRect();
    return { top: box.top + scrollY, bottom: box.bottom + scrollY, height: box.height }; }"""


def test_the_first_minute(visit, until, address):
    """Press, see it fall, change one thing, see it hold: the page proposes it where one looks."""
    one = visit(FALLS, f"{address}/book/playground.html", viewport={"width": 360, "height": 740})
    one.press("Play")
    until(one.page, done(1))
    judged, offer = one.page.locator(".verdict"), one.page.locator(".propose")
    before = judged.evaluate(PLACE)
    offer.wait_for()
    assert judged.evaluate(PLACE) == before, "its place was kept"
    top = one.page.locator(".curves").first.evaluate(PLACE)["top"]
    assert offer.evaluate(PLACE)["bottom"] - top <= 740
    one.page.get_by_role("slider", name="Batch to read in the curves").press("Tab")
    expect(offer).to_be_focused()
    offer.press("Enter")
    expect(one.page.get_by_role("button", name="Pause")).to_be_focused()
    expect(one.page.locator(".curves .pv-legend li").nth(3)).to_contain_text("PPO's clip 0.05")
    expect(judged).to_have_attribute("data-tone", "good")
    expect(judged).to_contain_text("PPO's clip 0.05")
    one.press("Pause")  # a batch that was begun may still end
    until(
        judged,
        f"""node => {{ const {{ reward }} = document.querySelectorAll('{LANES}')[3].dataset;
            return node.textContent.includes(`is at ${{Number(reward).toFixed(2)}}`); }}""",
    )
    expect(one.page.locator(".spoken", has_text="is stable in this run")).to_have_count(1)
    assert one.complaints == []


def test_a_lane_learns_and_is_set_by_keyboard_alone(visit, until):
    one = visit(ONE)

    def reach(role, name):
        """Press Tab until what has this name has the focus."""
        wanted = one.page.get_by_role(role, name=name, exact=True).first
        for _ in range(60):
            one.page.keyboard.press("Tab")
            if wanted.evaluate("node => node === node.getRootNode().activeElement"):
                return wanted
        raise AssertionError(f"expected Tab to reach {name!r} within sixty steps")

    reach("button", "Play")
    one.page.keyboard.press("Enter")
    # A quick machine is at the preset's end before a look at the button that pauses: wait for the end.
    until(one.page, done(30))
    expect(one.page.get_by_role("button", name="Play", exact=True)).to_be_focused()
    one.page.keyboard.press("Space")  # goes on for as many again
    until(one.page, done(60))
    until(one.page, STILL)
    read = reach("slider", "Batch to read in the curves")
    before = read.get_attribute("aria-valuenow") or read.input_value()
    one.page.keyboard.press("ArrowLeft")
    until(read, f"node => (node.getAttribute('aria-valuenow') ?? node.value) !== '{before}'")
    assert one.complaints == []


def test_a_lane_that_breaks_says_when_and_why_and_the_others_go_on(visit, until, press_until):
    one = visit("a=reinforce,lr:1e9,group:2&b=troll,group:2&c=none")
    one.press("Play")
    one.page.get_by_role("alert").filter(has_text="Stopped at batch").wait_for()
    message = one.page.get_by_role("alert").filter(has_text="Stopped at batch").inner_text()
    assert "NaN" in message or "finite" in message
    stopped = one.batches()[0]
    until(
        one.page, f"Number(document.querySelectorAll('{LANES}')[1].dataset.batch) > {stopped + 3}"
    )
    one.press("Pause")
    one.page.get_by_role("slider", name="Lane A, learning rate").press("Home")
    # A batch of the other lane that is still under way when the button is pressed may take the press.
    one.page.get_by_role("button", name="Reset lane A").focus()
    press_until(one.page, "Enter", f"document.querySelectorAll('{LANES}')[0].dataset.batch === '0'")
    one.press("One batch")
    until(one.page, done(1))


SLOW_TO_SPEAK = """window.Worker = class extends Worker { postMessage(message, more) {
    if (message.once) window.sayIt = () => super.postMessage(message, more);
    else super.postMessage(message, more); } }"""
"""A batch begins only when the test says so."""


def test_an_hour_of_sleep_is_no_silence_of_a_worker(visit, until):
    one = visit(ONE, before=SLOW_TO_SPEAK)
    one.page.clock.install()
    one.press("One batch")
    until(one.page, "typeof window.sayIt === 'function'")
    one.page.clock.fast_forward("01:00:00")  # a timer that is due rings once, as after a sleep
    one.page.evaluate("() => { sayIt(); window.sayIt = null; }")
    until(one.page, done(1))
    assert one.page.get_by_role("alert").count() == 0 and one.complaints == []
    one.press("One batch")
    until(one.page, "typeof window.sayIt === 'function'")
    for _ in range(60):
        one.page.clock.run_for(1000)
    one.page.get_by_role("alert").filter(has_text="has said nothing for 60 seconds").wait_for()


NO_SIMD = "WebAssembly.validate = () => false"
DIES = """window.Worker = class extends Worker { postMessage(message, more) {
    if (message.once) this.dispatchEvent(new ErrorEvent("error", { message: "out of memory" }));
    else super.postMessage(message, more); } }"""


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("delete globalThis.WebAssembly", "this browser runs no WebAssembly"),
        ("delete globalThis.Worker", "this browser runs no Worker"),
        (NO_SIMD, "this browser's WebAssembly has no SIMD instructions"),
        (DIES, "Lane A stopped after 0 batches: its Worker died (out of memory)"),
    ],
)
def test_what_a_browser_cannot_do_is_said(visit, before, message):
    one = visit(ONE, before=before)
    one.press("Play")
    one.page.get_by_role("alert").filter(has_text=message).first.wait_for()


@pytest.mark.nightly("seconds of a browser; lanes learn, are changed, saved and loaded every time")
def test_weights_that_do_not_arrive_are_asked_for_again(visit, until):
    one = visit(ONE)
    one.page.route("**/dial.js", lambda route: route.abort())
    one.press("Play")
    one.page.get_by_role("alert").filter(has_text="The weights of dial did not arrive").wait_for()
    one.page.unroute("**/dial.js")
    one.page.get_by_role("button", name="Reset lane A").click()  # it is asked for again
    until(one.page, done(1))


@pytest.mark.nightly("waits for workers to come and go")
@pytest.mark.parametrize("gone", [False, True])
def test_a_tab_in_the_background_waits_and_what_is_left_frees_its_workers(visit, until, gone):
    one = visit(QUICK)
    one.press("Play")
    until(one.page, done(2))
    hide = """on => { Object.defineProperty(document, "hidden", { value: on, configurable: true });
        document.dispatchEvent(new Event("visibilitychange")); }"""
    one.page.evaluate(hide, True)
    one.page.locator(".paused").wait_for()
    until(one.page, STILL)  # a batch that was begun may still end
    settled = one.batches()
    one.page.evaluate(hide, False)
    until(one.page, done(max(settled) + 2))
    assert len(one.page.workers) == 2
    one.page.evaluate(
        "gone => gone ? root.remove() : window.dispatchEvent(new PageTransitionEvent('pagehide'))".replace(
            "root", f"document.querySelector('{ROOT}')"
        ),
        gone,
    )
    end = time.monotonic() + 60
    while one.page.workers:
        assert time.monotonic() < end
        one.page.evaluate("0")


def test_a_link_to_a_preset_opens_it_before_play_and_brings_it_into_view(visit, until):
    one = visit("")
    one.page.evaluate(
        "() => { document.body.insertAdjacentHTML('afterbegin', '<p style=\"height: 3000px\">"
        '<a href="#playground:preset=minpro">MinPRO</a></p>\'); scrollTo(0, 0); }'
    )
    one.page.get_by_role("link", name="MinPRO").click()
    one.page.locator(".hint", has_text=presets()["minpro"]["text"]).wait_for()
    until(
        one.page,
        "document.querySelector('[data-explorable=playground]').getBoundingClientRect().top < "
        "innerHeight",
    )
    assert one.complaints == []
