"""The basin explorer in Chromium, on made runs: it reads as numpy interpolates, and offers only
what is recorded."""

import json
import re

import numpy as np
import pytest

from tests.book.test_basin import made
from trbook.explorables import Basin, basins, host, modules
from trbook.explorables import basin as module
from trlab.sweep import Axis

PAGE = (
    '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>basin</title>'
    '<meta name="viewport" content="width=device-width, '
    'initial-scale=1"><body><main>{}</main></body></html>'
)
MODEL = "document.querySelector('.trlib-explorable').model"
NARROW = Axis("narrow", {"a third": {"threshold": 1 / 3}, "a tenth": {"threshold": 0.1}})


def packed(*panels):
    return json.dumps(
        {"within": 0.05, "tenfold": 10, "names": module.METHODS, "records": {}, "panels": panels}
    )


@pytest.fixture(scope="module")
def everything():
    """What the page shows when all three sweeps are recorded, of made runs."""
    by_uses = basins.panels_of(*made(2, Axis("uses", {"1": {}, "16": {"epochs": 16}})))
    narrow = basins.panels_of(*made(2, NARROW, train={"epochs": 16}))
    return [*by_uses, *narrow, *basins.panels_of(*made(9, train={"epochs": 16}))]


@pytest.fixture
def show(chromium, monkeypatch):
    """Opens a page with the explorer over given panels; nothing may be complained of."""
    pages, complaints = [], []

    def opened(panels, width=900, **settings):
        data = packed(*panels)
        for place in (modules, host, module):
            monkeypatch.setattr(place, "data_of", lambda name: data)
        module._recorded.cache_clear()
        page = chromium.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        html = PAGE.format(
            re.sub(r"<template.*?</template>", "", Basin(**settings).html(), flags=re.DOTALL)
        )
        page.set_content(html)
        page.wait_for_selector(".trx[data-drawn]", state="attached")
        # Both drawers at once, which a reader cannot: a name would let only one stay open.
        page.locator(".drawer:not(.ask)").evaluate_all(
            "all => all.forEach(drawer => { drawer.name = ''; drawer.open = true; })"
        )
        return page

    yield opened
    for page in pages:
        page.close()
    module._recorded.cache_clear()
    # About:blank has no address to keep.
    assert [said for said in complaints if "'replaceState'" not in said] == []


def cells(page, method):
    """The table's row of a method, without its name."""
    row = page.locator(
        ".readings tbody tr", has=page.get_by_role("button", name=re.compile(rf"^{method}"))
    )
    return row.locator("td > span:first-child").all_inner_texts()


def test_the_cursor_is_moved_by_hand_and_by_key_and_the_table_follows(show, until, everything):
    page = show(everything, methods=["pg_is", "ppo", "troll"], lr=1e-5, seeds="map")
    panel = next(one for one in everything if one["uses"] == "16" and len(one["seeds"]) == 2)
    ends = {method: of["end"]["curve"] for method, of in panel["methods"].items()}
    best = max(max(curve) for curve in ends.values())
    high = panel["methods"]["pg_is"]["basin"]["high"]
    lead, power = f"{high:.1e}".split("e")
    ppo, troll, plain = (cells(page, name) for name in ("PPO", "TROLL", "unclipped"))
    assert (ppo[0], ppo[2]) == (f"{ends['ppo'][0]:.3f}", f"{ends['ppo'][1]:.3f}")
    assert [troll[1], *troll[3:]] == [f"−{best - ends['troll'][0]:.3f}", "–", "none"]
    assert plain[3] == f"{float(lead):g}e{int(power)}"
    page.locator(".handle").press("ArrowRight")
    until(page, f"{MODEL}.get('lr') === 1.1e-5")
    page.locator(".handle").press("Shift+ArrowRight")
    until(page, f"{MODEL}.get('lr') === 2e-5")
    until(page.locator(".readings thead th").nth(1), "node => node.textContent === 'at 2e-5'")
    between = np.interp(np.log10(2e-5), np.log10(panel["rates"]), ends["pg_is"])
    assert cells(page, "unclipped")[0] == f"{between:.3f}"
    slider = page.get_by_role("slider", name="learning rate")
    slider.press("End")
    until(page, f"{MODEL}.get('lr') === 1e-3")
    until(page.locator(".verdict"), "node => node.dataset.tone === 'fail'")
    assert cells(page, "PPO")[2] == "not run", "ten times the last rate"
    page.get_by_role("button", name=re.compile("^PPO")).click()
    until(page, f"{MODEL}.get('lr') === 1e-4")
    slider.press("Home")
    until(page, f"{MODEL}.get('lr') === {panel['rates'][0]}")  # it begins where the runs do
    page.evaluate(f"{MODEL}.set('lr', 3e-6)")
    until(page.locator(".notes"), "node => node.textContent.includes('These runs go from 1e-5')")


def test_only_what_is_recorded_can_be_chosen(show, until, everything):
    page = show(everything)
    legends = (
        "all => all.filter(node => !node.hidden).map(node => "
        "node.querySelector('legend').textContent)"
    )
    heads = page.locator(".head fieldset, .more-settings fieldset")
    every = ["Passes over every batch", "Threshold of every method", "Seeds", "What is drawn"]
    assert heads.evaluate_all(legends) == every
    page.get_by_role("radio", name="a third").evaluate("node => node.click()")
    until(
        page.locator(".readings"), "node => node.textContent.includes('the bound on the gradient')"
    )
    page.get_by_role("radio", name="one pass").evaluate("node => node.click()")
    until(page, f"{MODEL}.get('threshold') === 'default'")
    until(
        page.locator(".notes"),
        "node => node.textContent.includes('only default thresholds were run')",
    )
    assert heads.evaluate_all(legends) == ["Passes over every batch", "What is drawn"]
    assert "Not in this record: GSPO, DPPO." in page.locator(".readings").inner_text()
    alone = show(everything[1:2])
    assert alone.locator(".head fieldset, .more-settings fieldset").evaluate_all(legends) == [
        "What is drawn"
    ]
    assert "one pass" not in alone.locator(".try .marks button").all_inner_texts()


def test_without_a_record_it_says_so(show):
    page = show([], width=360)
    assert page.locator(".verdict b").inner_text() == "Not recorded yet"
    assert page.locator(".readings").is_hidden() and page.locator(
        ".try .marks button"
    ).all_inner_texts() == ["reset"]
    page.locator(".handle").press("ArrowRight")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
