"""The playground as the cards of the methods address it: the lanes that a card names are there, and
nothing is said to be impossible."""

import pytest

from tests.by_day import by_day
from trbook.cards.doors import DOORS

LANES = '[data-explorable="playground"] [data-lane]'
PLAYED = [name for name, doors in DOORS.items() if doors.play]


@pytest.mark.parametrize(
    "name", by_day(PLAYED, "grpo", "gspo", reason="a page in a browser for each card")
)
def test_a_card_s_address_loads(name, visit):
    one = visit("Playground", f"#playground:{DOORS[name].play}")
    learn = one.page.locator(LANES).evaluate_all("all => all.map(one => one.dataset.method)")
    assert name in learn and 1 <= len(learn) <= 4
    assert "".join(one.page.locator(".notes").all_inner_texts()).strip() == ""
