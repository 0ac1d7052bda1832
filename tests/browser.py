"""One Chromium for each process of tests, whatever folder asks for it (Playwright runs but one), and
what is asked of it: fixtures that `conftest.py` hands to all."""

import time
from contextlib import contextmanager

import pytest

from book.build.browser import HOW, NoChromium, browser
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
