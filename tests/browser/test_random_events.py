"""Every explorable under random events and malformed addresses: no exception, no number that is
none in a drawing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.explorable import Visit
from tests.browser.test_every_explorable import DRAWN, import_of
from tests.by_day import by_day

EVENTS, A_FRAME = {"daily": 200, "nightly": 10_000}, 20
"""The playground has an oracle of its own, and needs a Worker for each lane."""
ADDRESSES = {"daily": 20, "nightly": 1_000}

DRIVE = Path(__file__).with_name("random_events.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "share", by_day(["daily", "nightly"], "daily", reason="ten thousand events for each figure")
)
@pytest.mark.parametrize("name", DRAWN)
def test_no_event_and_no_address_stops_a_figure(
    chromium: Any, figures: str, name: str, share: str
) -> None:
    one = Visit(chromium, f"{figures}/{name}.html")
    mark = {"RunExplorer": "runs"}.get(name, import_of(name))
    asked = {
        "name": mark,
        "seed": 1,
        "events": EVENTS[share],
        "addresses": ADDRESSES[share],
        "frame": A_FRAME,
    }
    found = one.page.evaluate(DRIVE, asked)
    one.context.close()
    assert found["faults"] == []
    assert found["done"] == EVENTS[share] + ADDRESSES[share]
