"""The short route of the front page is as long as it says by the book's own rule."""

import re

import yaml

from book.build.paths import ROOT
from book.build.teaching import COURSES, text_of

KEPT = yaml.safe_load(ROOT.joinpath(*COURSES).read_text(encoding="utf-8"))
FRONT = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
NEAR = 4
"""Minutes by which a stop may be rounded."""
HOURS = re.compile(r"## (\w+) stops, under four hours\n\n((?:\d\. .*\n)+)")


def source(page):
    """Its file."""
    return ROOT / f"{page}{'.md' if page.startswith('book/') else '.ipynb'}"


def test_the_route_is_as_long_as_it_says_by_the_book_s_rule():
    found = HOURS.search(FRONT)
    assert found and found[1] == "Seven"
    stops = found[2].splitlines()
    assert len(stops) == len(KEPT["route"]) == 7
    assert sum(stop["plays"] for stop in KEPT["route"]) == 8
    assert "each of eight pictures to play with" in FRONT
    told = [int(re.search(r"\((\d+)", line)[1]) for line in stops]
    for line, minutes, stop in zip(stops, told, KEPT["route"], strict=True):
        name = stop["page"].rpartition("/")[2]
        assert name == "index" or name in line
        rates = KEPT["minutes"]
        by_rule = text_of(source(stop["page"]), stop["before"]).minutes(rates)
        by_rule += rates["play"] * stop["plays"]
        assert abs(by_rule - minutes) <= NEAR, f"{name}: {by_rule:.0f} minutes, not {minutes}"
    assert sum(told) < 240
