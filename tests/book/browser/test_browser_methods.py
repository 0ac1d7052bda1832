"""The table of all methods: sorted by a heading or a list, filtered by words and by values, and
whole on a phone."""

import re

import pytest
from playwright.sync_api import expect

from book.build.cards import CARDS

PAGE = "book/methods/index.html"
CELLS = """(table, column) => [...table.tBodies[0].rows].filter(row => !row.hidden)
    .map(row => row.cells[column].textContent.trim())"""
METHODS = len(CARDS)


@pytest.fixture
def page(chromium, address):
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/{PAGE}")
    yield page
    page.close()


def column(page, number):
    return page.locator("table.sortable").evaluate(f"table => ({CELLS})(table, {number})")


def names(page):
    return page.locator("table.methods tbody tr:not([hidden]) td:first-child a").all_text_contents()


def test_a_row_has_the_curve_of_its_method_s_weight(page):
    curves = page.locator("table.methods td:first-child svg.weight")
    asked = [card for card in CARDS.values() if "<!--made weights-->" in card.text]
    assert curves.count() == len(asked) > 40
    row = page.locator(
        "table.methods tbody tr", has=page.get_by_role("link", name="DPPO", exact=True)
    )
    paths = row.locator("svg.weight path").evaluate_all(
        "all => all.map(one => one.getAttribute('d'))"
    )
    assert len(paths) == 3 and paths[1] != paths[2]
    box = row.locator("svg.weight").bounding_box()
    assert box["width"] == pytest.approx(60) and box["height"] == pytest.approx(24)


@pytest.mark.nightly("the keyboard sorts it every time")
def test_a_heading_sorts_and_turns_the_order(page):
    assert len(column(page, 0)) == METHODS
    page.get_by_role("button", name="signed").click()
    signs = column(page, 6)
    assert signs == sorted(signs) and {*signs} == {"neither", "signed", "unsigned"}
    head = page.locator("table.sortable th", has_text="signed")
    assert head.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, 6) == sorted(signs, reverse=True)
    page.get_by_role("button", name="level").click()
    assert column(page, 4) == sorted(column(page, 4))
    assert page.locator("[aria-sort]").count() == 1


def test_words_and_values_filter_and_the_address_keeps_them(page):
    count = page.locator(".filters output")
    assert count.text_content() == f"{METHODS} of {METHODS} methods"
    page.get_by_label("find").fill("importance-weighted")
    assert names(page) == ["The unclipped run"]
    page.get_by_label("find").fill("")
    page.get_by_text("More filters").click()
    page.get_by_label(re.compile("^level")).select_option("prefix")
    assert "MinPRO" in names(page) and "CTPO" in names(page) and len(names(page)) == 3
    page.get_by_label(re.compile("^what is done")).select_option("clamp")
    assert names(page) == ["MinPRO"] and count.text_content() == f"1 of {METHODS} methods"
    assert "level=prefix" in page.url and "action=clamp" in page.url
    page.goto(page.url)
    assert names(page) == ["MinPRO"]
    page.get_by_role("button", name="Show all").press("Enter")
    expect(page.locator("table.methods tbody tr[hidden]")).to_have_count(0)
    assert "?" not in page.url
    page.get_by_label("as published, in").select_option("TRL and verl")
    page.get_by_label("stage of the loop").select_option("advantage, objective")
    assert "GRPO" in names(page) and "DPPO" not in names(page) and "library=TRL" in page.url
    page.get_by_label(re.compile("^problem")).select_option("groups with equal rewards")
    assert names(page) == ["DAPO"]


def test_it_is_used_by_keyboard(page):
    page.get_by_label("find").focus()
    page.keyboard.type("QUATRO")
    assert names(page) == ["QUATRO"]
    for _ in range(9):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    page.keyboard.press("Space")
    expect(page.locator("table.methods tbody tr[hidden]")).to_have_count(0)
