"""Every explorable under random events and malformed addresses: no exception, no number that is
none in a drawing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_every_explorable import NAMES, PAGE, import_of
from tests.by_day import by_day
from trbook import explorables
from trbook.explorables.modules import link_modules
from trbook.explorables.publish import publish

ALL = [*NAMES, "RatioMap", "RunExplorer"]
"""The playground has an oracle of its own, and needs a Worker for each lane."""
EVENTS, A_FRAME = {"daily": 200, "nightly": 10_000}, 20
ADDRESSES = {"daily": 20, "nightly": 1_000}

DRIVE = Path(__file__).with_name("random_events.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, serving: Any) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("random")
    publish(folder / "_static" / "explorables")
    for name in ALL:
        html = link_modules(getattr(explorables, name)().html(), "_static/explorables")
        (folder / f"{name}.html").write_text(PAGE.format(name=name, body=html), encoding="utf-8")
    with serving(folder) as address:
        yield address


@pytest.mark.parametrize(
    "share", by_day(["daily", "nightly"], "daily", reason="ten thousand events for each figure")
)
@pytest.mark.parametrize("name", ALL)
def test_no_event_and_no_address_stops_a_figure(
    chromium: Any, served: str, name: str, share: str
) -> None:
    context = chromium.new_context(viewport={"width": 1000, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{served}/{name}.html")
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
