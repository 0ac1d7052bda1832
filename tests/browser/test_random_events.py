"""Every explorable under random events and malformed addresses: no exception, no number that is
none in a drawing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_every_explorable import NAMES, import_of
from tests.by_day import by_day

ALL = [*NAMES, "RatioMap", "RunExplorer"]
"""The playground has an oracle of its own, and needs a Worker for each lane."""
EVENTS, A_FRAME = {"daily": 200, "nightly": 10_000}, 20
ADDRESSES = {"daily": 20, "nightly": 1_000}

DRIVE = Path(__file__).with_name("random_events.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "share", by_day(["daily", "nightly"], "daily", reason="ten thousand events for each figure")
)
@pytest.mark.parametrize("name", ALL)
def test_no_event_and_no_address_stops_a_figure(
    chromium: Any, figures: str, name: str, share: str
) -> None:
    context = chromium.new_context(viewport={"width": 1000, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{figures}/{name}.html")
    page.wait_for_selector(".trx:not(.still)", state="attached")
    mark = {"RunExplorer": "runs"}.get(name, import_of(name))
    asked = {
        "name": mark,
        "seed": 1,
        "events": EVENTS[share],
        "addresses": ADDRESSES[share],
        "frame": A_FRAME,
    }
    found = page.evaluate(DRIVE, asked)
    context.close()
    assert found["faults"] == []
    assert found["done"] == EVENTS[share] + ADDRESSES[share]
