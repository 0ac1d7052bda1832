"""The explorables on the pages of the built book: linked modules and data, the book's theme and
address, a phone."""

from __future__ import annotations

from typing import Any

import pytest

PAGE = "notebooks/05_grpo.html"
MAP = '[data-explorable="ratio_map"]'
MODEL = f"document.querySelector('{MAP}').model"


def visit(chromium: Any, address: str, **context: Any) -> tuple[Any, list[str], list[str]]:
    page = chromium.new_context(**context).new_page()
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    page.goto(f"{address}/{PAGE}")
    assert page.locator(f"{MAP} .trx").count() == 0, "nothing is drawn far away"
    page.locator(MAP).scroll_into_view_if_needed()
    page.wait_for_selector(".trx:not(.still) .live[d]", state="attached")
    return page, requests, errors


def test_map_lives_on_its_page_and_follows_the_theme(
    chromium: Any, address: str, until: Any
) -> None:
    page, requests, errors = visit(
        chromium, address, viewport={"width": 1280, "height": 900}, color_scheme="light"
    )
    modules = [url for url in requests if "/explorables/" in url]
    assert sorted(url.split("?")[0].rsplit("/", 1)[1] for url in modules) == [
        "common.js",
        "ratio_map.js",
    ]
    assert page.locator(".trx[data-dark]").count() == 0
    page.locator(MAP).get_by_role(
        "checkbox", name="Show DPPO-TV"
    ).check()  # the page shows PPO alone
    page.locator(MAP).get_by_role("button", name="likely token").click()
    until(page, f"{MODEL}.get('sign') === -1")
    page.locator(f"{MAP} .trx .verdict b", has_text="it does not see the move").wait_for()
    slider = page.locator(MAP).get_by_role("slider", name="Updates made on this batch")
    assert page.locator(f"{MAP} .total").first.inner_text().startswith("silences 0 of the batch")
    slider.press("End")
    until(page, f"{MODEL}.get('update') > 0")
    until(page, "location.hash.startsWith('#ratio_map:') && location.hash.includes('update=')")
    for _ in range(3):  # the button goes through light, dark and automatic
        page.locator("button.theme-switch-button").first.click()
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
    page.wait_for_selector(".trx[data-dark]", state="attached")
    assert (
        page.locator(f"{MAP} .trx").evaluate("node => getComputedStyle(node).colorScheme") == "dark"
    )
    assert errors == []
    page.context.close()


def test_map_fits_a_phone_and_answers_a_tap(chromium: Any, address: str, until: Any) -> None:
    page, _, errors = visit(
        chromium,
        address,
        viewport={"width": 360, "height": 740},
        has_touch=True,
        is_mobile=True,
        reduced_motion="reduce",
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for explorable in page.locator(".trx").all():
        box = explorable.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360
    page.locator(f"{MAP} .trx .choice label", has_text="linear").tap()
    until(page, f"{MODEL}.get('axes') === 'linear'")
    for _ in range(3):  # frames: the axes unfold at once where less motion is asked for
        page.evaluate("new Promise(requestAnimationFrame)")
    page.locator(f"{MAP} .trx .plane").scroll_into_view_if_needed()
    frame = page.locator(".trx rect.dead").bounding_box()
    page.touchscreen.tap(frame["x"] + 0.25 * frame["width"], frame["y"] + 0.5 * frame["height"])
    until(page, f"Math.abs({MODEL}.get('old_p') - .25) < .01")
    placed = page.evaluate(f"{MODEL}.get('new_p')")
    assert placed == pytest.approx(0.5, abs=0.01)
    assert errors == []
    page.context.close()


@pytest.mark.nightly("on a page that is built by night")
def test_the_run_explorer_loads_its_data_and_a_link_opens_it_at_what_was_chosen(
    chromium: Any, address: str, until: Any
) -> None:
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    page.goto(
        f"{address}/notebooks/11_shoot_out.html#runs:sweep=mismatch&at.sampler=int4&at.anchor=rollout&cell=troll"
    )
    page.wait_for_selector(".trx:not(.still) .line[d]", state="attached")
    names = [url.split("?")[0].rsplit("/", 1)[1] for url in requests if "/explorables/" in url]
    assert sorted(names) == ["common.js", "run_explorer.data.json", "run_explorer.js"]
    page.locator(".trx .verdict b", has_text="troll fail").wait_for()
    assert 0 < page.get_by_role("group", name="Recorded runs").bounding_box()["y"] < 300, (
        "a link goes to the figure"
    )
    page.get_by_label("curve of").select_option("kl")
    until(page, "location.hash.includes('measure=kl')")
    assert errors == []
    page.context.close()
