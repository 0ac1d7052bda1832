"""The short route of the front page: as long as it says by the book's own rule, and none of its bets is
answered on an earlier stop."""

import json
import re

import pytest
import yaml

from book.build.paths import ROOT
from book.build.teaching import COURSES, text_of

KEPT = yaml.safe_load(ROOT.joinpath(*COURSES).read_text(encoding="utf-8"))
FRONT = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
NEAR = 4
"""Minutes by which a stop may be rounded."""
HOURS = re.compile(r"## (\w+) stops, under four hours\n\n((?:\d\. .*\n)+)")
BETS = {
    "notebooks/02_why_trust_regions": (
        r"updates old|split data|age (?:breaks|did not|does not)",
        r"256 prompts|(?:number of|how many) answers a batch holds",
        r"plain rewards|1 and −1",
    ),
    "notebooks/04_ppo": (r"silenced is not held|a clip holds nothing|ratio of 20",),
    "notebooks/06_what_clipping_gets_wrong": (r"silences precisely|all fifteen",),
    "book/purpose": (
        r"hardly need|tenth of (?:the|its) rate|divid\w+ the rate",
        r"1e-5|0\.90[358]|good (?:learning )?rate",
    ),
}
"""By stop, what would answer one of its bets. The first bet of chapter 2 is about the front page's own
figure."""


def source(page):
    """Its file."""
    return ROOT / f"{page}{'.md' if page.startswith('book/') else '.ipynb'}"


def prose(page):
    """A page's text, without what a reader does not see."""
    text = source(page).read_text(encoding="utf-8")
    if page.startswith("book/"):
        return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    cells = json.loads(text)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def read(stop):
    """What the route has somebody read of a page."""
    before, mark, _ = prose(stop["page"]).partition(f"\n## {stop['before']}\n")
    assert mark, f"{stop['page']}: expected a section {stop['before']!r}"
    return before


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
    assert sum(told) == 235


@pytest.mark.parametrize("page", BETS)
def test_no_bet_of_the_route_is_answered_on_an_earlier_stop(page):
    order = [stop["page"] for stop in KEPT["route"]]
    earlier = KEPT["route"][: order.index(page)]
    for stop in earlier:
        for answer in BETS[page]:
            told = re.search(answer, read(stop))
            assert not told, f"{stop['page']} answers {page}: {told and told[0]!r}"
    assert all(re.search(answer, prose(page)) for answer in BETS[page]), "it is the answer there"
