"""The playground as the cards of the methods address it: the lanes that a card names are there, and
nothing is said to be impossible."""

import pytest

from book.build.ext.security import sealed
from tests.book.browser.explorable import Visit, page_of
from tests.by_day import by_day
from trbook.cards.doors import DOORS
from trbook.explorables import Playground
from trbook.explorables.modules import link_modules
from trbook.explorables.publish import publish

LANES = '[data-explorable="playground"] [data-lane]'
PLAYED = [name for name, doors in DOORS.items() if doors.play]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("addressed")
    publish(folder / "_static" / "explorables")
    page = page_of("Playground", link_modules(Playground().html(), "_static/explorables"))
    (folder / "playground.html").write_text(sealed(page), encoding="utf-8")
    return folder


class Page(Visit):
    drawn = ".trx:not(.still)[data-drawn]"


@pytest.mark.parametrize(
    "name", by_day(PLAYED, "grpo", "gspo", reason="a page in a browser for each card")
)
def test_a_card_s_address_loads(name, folder, chromium, serving):
    with serving(folder) as served:
        one = Page(chromium, f"{served}/playground.html#playground:{DOORS[name].play}")
        learn = one.page.locator(LANES).evaluate_all("all => all.map(one => one.dataset.method)")
        notes = one.page.locator(".notes").all_inner_texts()
        one.context.close()
    assert name in learn and 1 <= len(learn) <= 4
    assert "".join(notes).strip() == "" and one.complaints == []
