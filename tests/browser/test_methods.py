"""The comparison of methods: sorted by a heading, by the list on a phone, and by keyboard."""

from __future__ import annotations

from typing import Any

PAGE = "book/methods/index.html"
CELLS = "(table, column) => [...table.tBodies[0].rows].map(row => row.cells[column].textContent.trim())"


def column(page: Any, number: int) -> list[str]:
    return page.locator("table.sortable").evaluate(f"table => ({CELLS})(table, {number})")


def test_a_heading_sorts_and_turns_the_order(chromium, address):
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/{PAGE}")
    before = column(page, 0)
    page.get_by_role("button", name="cost").click()
    costs = [float(text) for text in column(page, 7)]
    assert costs == sorted(costs) and len(costs) == len(before) and column(page, 0)[-1] == "TRPO"
    head = page.locator("table.sortable th", has_text="cost")
    assert head.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending" and column(page, 0)[0] == "TRPO"
    page.get_by_role("button", name="method").click()
    assert column(page, 0) == sorted(before, key=str.lower) or sorted(column(page, 0)) == sorted(before)
    assert page.locator("[aria-sort]").count() == 1
    page.close()


def test_a_phone_sorts_by_a_list(chromium, address):
    page = chromium.new_page(viewport={"width": 360, "height": 780})
    page.goto(f"{address}/{PAGE}")
    choice = page.get_by_label("Sort by")
    assert choice.is_visible() and not page.get_by_role("button", name="cost").is_visible()
    choice.select_option(label="cost")
    costs = [float(text) for text in column(page, 7)]
    assert costs == sorted(costs)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
