"""Every explorable under random events and malformed addresses, and before its first drawing: no
exception, no number that is none in a drawing."""

from pathlib import Path

import pytest

from tests.book.browser.explorable import Visit
from tests.book.browser.test_every_explorable import DRAWN, import_of
from tests.by_day import by_day

pytestmark = pytest.mark.test_all("hundreds of events for each figure")

EVENTS, A_FRAME = {"daily": 200, "nightly": 10_000}, 20
ADDRESSES = {"daily": 20, "nightly": 1_000}

DRIVE = Path(__file__).with_name("random_events.js").read_text(encoding="utf-8")
EARLY = Path(__file__).with_name("early_events.js").read_text(encoding="utf-8")
HELD = """
const frame = window.requestAnimationFrame.bind(window), held = [];
window.requestAnimationFrame = act => held.push(act);
window.letFramesGo = () => { window.requestAnimationFrame = frame; held.forEach(act => frame(act)); };
"""
"""No frame is drawn until it is let go: as long as a slow machine may take for the first one."""


@pytest.mark.parametrize(
    "share", by_day(["daily", "nightly"], "daily", reason="ten thousand events for each figure")
)
@pytest.mark.parametrize("name", [*DRAWN, "Playground"])
def test_no_event_and_no_address_stops_a_figure(chromium, figures, name, share):
    begun = "#playground:seed=1" if name == "Playground" else ""  # else it waits for a press
    one = Visit(chromium, f"{figures}/{name}.html{begun}")
    asked = {
        "name": import_of(name),
        "seed": 1,
        "events": EVENTS[share],
        "addresses": ADDRESSES[share],
        "frame": A_FRAME,
    }
    found = one.page.evaluate(DRIVE, asked)
    one.context.close()
    assert found["faults"] == []
    assert found["done"] == EVENTS[share] + ADDRESSES[share]


@pytest.mark.parametrize(
    "name",
    by_day(
        DRAWN,
        "Projection",
        "RatioMap",
        "Basin",
        "Simplex",
        reason="a second of a browser for each figure",
    ),
)
def test_a_hand_that_comes_before_the_first_drawing_breaks_nothing(chromium, figures, name):
    page = chromium.new_page()
    page.add_init_script(HELD)
    page.goto(f"{figures}/{name}.html")
    done = page.evaluate(EARLY)
    page.close()
    assert done["faults"] == [] and done["count"] > 5
