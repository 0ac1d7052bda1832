"""Finding one's way: the sidebar and what it leaves of a page, the search, what a page says of itself."""

import re

import pytest
from playwright.sync_api import expect

from book.build.paths import chapters, config, contents
from tests.by_day import by_day
from trbook.address import address as addresses

ADDRESS = addresses(config()).pages


@pytest.fixture(scope="module")
def desk(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def written(book):
    """The text of every page of the table of contents."""
    return {name: (book / f"{name}.html").read_text(encoding="utf-8") for name in contents()}


@pytest.mark.parametrize(
    "name",
    by_day(
        [path.stem for path in chapters() if not path.stem.startswith("00_")],
        "05_grpo",
        reason="the same for every chapter",
    ),
)
def test_code_fits_beside_the_sidebars(name, desk, address):
    desk.goto(f"{address}/notebooks/{name}.html", wait_until="load")
    shown = desk.locator("article .cell_input pre:not(details:not([open]) *)")
    assert (
        shown.evaluate_all(
            "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => "
            "one.textContent)"
        )
        == []
    )


def test_a_slash_leads_to_the_search_which_suggests_pages(desk, address):
    desk.goto(f"{address}/book/glossary.html", wait_until="load")
    expect(desk.locator(".bd-sidebar-primary a.current").last).to_be_in_viewport()
    expect(desk.locator(".bd-sidebar-primary .search-button-field")).to_be_in_viewport(ratio=1)
    desk.keyboard.press("/")
    expect(desk.locator(".search-button__search-container input")).to_be_focused()
    desk.keyboard.type("dppo")
    card = desk.locator(".suggested a", has_text="DPPO").first
    card.wait_for()
    desk.keyboard.press("ArrowDown")
    expect(desk.locator(".suggested a").first).to_be_focused()
    desk.keyboard.press("Enter")
    desk.wait_for_url(lambda url: "glossary" not in url)


@pytest.mark.nightly("reads every page")
def test_every_page_says_what_it_is(book):
    faults = []
    for name, text in written(book).items():
        head = text.partition("</head>")[0]
        found = re.findall(r'<meta name="description" content="([^"]*)">', head)
        if len(found) != 1 or not 20 <= len(found[0]) <= 240:
            faults.append(f"{name}: {found}")
            continue
        if "\\" in found[0] or "Executed " in found[0]:
            faults.append(f"{name}: no sentence for a reader: {found[0]}")
        for part in ("title", "description", "image"):
            if len(re.findall(rf'<meta property="og:{part}" content="[^"]+">', head)) != 1:
                faults.append(f"{name}: og:{part}")
        canonical = re.findall(r'<link rel="canonical" href="([^"]*)"', head)
        if canonical != ([f"{ADDRESS}{name}.html"] if ADDRESS else []):
            faults.append(f"{name}: canonical address {canonical}")
    assert not faults, "\n".join(faults)
