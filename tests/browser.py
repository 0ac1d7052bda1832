"""One Chromium for each process of tests, whatever folder asks for it (Playwright runs but one), and
what is asked of it: fixtures that `conftest.py` hands to all."""

import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from book.build.browser import HOW, NoChromium, browser
from book.build.paths import ROOT
from book.build.serve import served

PATIENCE = 120
"""Seconds until something that a browser was to do counts as never done: a busy machine is slow,
not wrong."""


@pytest.fixture(scope="session")
def chromium(request):
    """A running browser, whose pages wait with patience, as do expectations of them. Where there is
    none, a test that asks for it fails, or with `--chromium optional` is left out."""
    from playwright.sync_api import expect

    expect.set_options(timeout=1000 * PATIENCE)
    with launched(request.config.getoption("chromium", "needed")) as running:
        running.new_context = _patient(running.new_context)
        running.new_page = _patient(running.new_page)
        yield running


@contextmanager
def launched(wanted):
    """A browser; where there is none, the end of the test that asks for it: a failure, or with
    `optional` no test."""
    try:
        with browser() as running:
            yield running
    except NoChromium as error:
        if str(error) == HOW and wanted == "optional":
            pytest.skip(HOW)
        pytest.fail(str(error), pytrace=False)


def _patient(make):
    def patient(*args, **settings):
        made = make(*args, **settings)
        made.set_default_timeout(1000 * PATIENCE)
        return made

    return patient


@pytest.fixture(scope="session")
def serving():
    """Serves a folder as the book is served: `with serving(folder) as address`."""
    return served


DRAWN = """() => Promise.race([
    new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))),
    new Promise(done => setTimeout(done, 1000)),  // a page that is not shown has no frames
])"""
"""Two frames later: an explorable draws what its model says in the next frame, so a model alone is
not a picture."""


@pytest.fixture(scope="session")
def until():
    """Waits until an expression is true of a page or an element, and drawn. The book's pages forbid
    `eval`, and that is what Playwright's `wait_for_function` asks with from its second try on."""

    def wait(where, expression, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not where.evaluate(expression):
            assert time.monotonic() < end, f"not true within {seconds} s: {expression}"
            time.sleep(0.02)
        where.evaluate(DRAWN)

    return wait


@pytest.fixture(scope="session")
def press_until():
    """Presses a key until an expression is true, again and again as a reader would: a busy page
    drops a key."""

    def press(page, key, expression, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not page.evaluate(expression):
            assert time.monotonic() < end, (
                f"not true within {seconds} s of pressing {key}: {expression}"
            )
            page.keyboard.press(key)
        page.evaluate(DRAWN)

    return press


@pytest.fixture(scope="session")
def sources(chromium):
    """Calls into an explorable's sources: `sources("simplex/maths.js", "(m, x) => m.basis(x)",
    [0.2, 0.3, 0.5])`."""
    from trbook.explorables.engine import HERE as ENGINE
    from trbook.explorables.files import SOURCES

    page = chromium.new_page()

    def answer(route):
        asked = route.request.url.split("/", 3)[3]
        # `../../engine/js/...` of a source, `../../js/maths/...` of the engine, the presets, and the
        # table of looks
        above = dict.fromkeys(("engine", "js", "playground.json"), ENGINE.parent)
        above["trlab"] = ROOT
        path = above.get(asked.split("/")[0], SOURCES) / asked
        if path.is_file():
            kind = "application/json" if path.suffix == ".json" else "text/javascript"
            route.fulfill(body=path.read_text(encoding="utf-8"), content_type=kind)
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    page.route("**/*", answer)
    page.goto("http://sources/")

    def call(module, function, argument=None):
        return page.evaluate(f"async x => ({function})(await import('/{module}'), x)", argument)

    yield call
    page.close()


ENGINE_TOOLS = """
window.numbers = text => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
window.text = array => { const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    let out = "";
    for (let i = 0; i < bytes.length; i += 8192) out += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(out); };
window.made = async (vocabulary, weights, build = "engine") => {
    const { Engine } = await import("/engine/js/engine.js");
    const bytes = await (await fetch(`/engine/built/${build}.wasm`)).arrayBuffer();
    const engine = await Engine.create(bytes);
    engine.load({ vocabulary, weights: typeof weights === "string" ? numbers(weights) : weights });
    return engine;
};
window.score = async (engine, prompts, completions) => {
    const { passes, write } = await import("/engine/js/packing.js");
    return passes(engine, prompts, completions).flatMap(pass => {
        const first = write(engine, prompts, pass);
        engine.forward(pass.rows, pass.outputs);
        return pass.of.map(({ tokens }, k) => Array.from(engine.chosen.subarray(first[k], first[k] + tokens.length)));
    });
};
"""


@pytest.fixture(scope="module")
def ask(chromium):
    """Runs JavaScript, the body of a function of `given`, in a page that has the engine beside
    it."""
    from trbook.explorables.engine import HERE as ENGINE

    page = chromium.new_page()
    page.route(
        "**/trlab/*.json",
        lambda route: route.fulfill(path=ROOT / urlsplit(route.request.url).path[1:]),
    )
    with served(ENGINE.parent) as address:  # its sources import from js/maths
        page.goto(f"{address}/engine/js/")
        page.add_script_tag(content=ENGINE_TOOLS)
        yield lambda body, **given: page.evaluate(f"async given => {{ {body} }}", given)
        page.close()
