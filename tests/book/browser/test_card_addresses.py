"""The playground as the cards of the methods address it: the lanes that a card names are there, and
nothing is said to be impossible."""

import re

import pytest

from book.build.cards import CARDS
from tests.by_day import by_day

LANES = '[data-explorable="playground"] [data-lane]'
PLAYED = {
    name: found[1]
    for name, card in CARDS.items()
    if (found := re.search(r"playground\.md\)<!--#playground:([^>\s]+)-->", card.text))
}


@pytest.mark.parametrize(
    "name", by_day([*PLAYED], "grpo", "gspo", reason="a page in a browser for each card")
)
def test_a_card_s_address_loads(name, visit):
    one = visit("Playground", f"#playground:{PLAYED[name]}")
    learn = one.page.locator(LANES).evaluate_all("all => all.map(one => one.dataset.method)")
    assert name in learn and 1 <= len(learn) <= 4
    assert "".join(one.page.locator(".notes").all_inner_texts()).strip() == ""
