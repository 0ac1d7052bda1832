"""The basin explorer in Chromium: it reads as numpy interpolates, and offers only what was run
together."""

import json
import re

import numpy as np

from tests.book.browser.explorable import MODEL
from trbook.explorables.files import data_of

MAP = next(
    panel
    for panel in json.loads(data_of("basin"))["panels"]
    if (panel["sweep"], panel["uses"]) == ("basin_map", "16")
)


def cells(page, method):
    """The table's row of a method, without its name."""
    row = page.locator(
        ".readings tbody tr", has=page.get_by_role("button", name=re.compile(rf"^{method}"))
    )
    return row.locator("td > span:first-child").all_inner_texts()


def test_the_cursor_is_moved_by_hand_and_by_key_and_the_table_follows(visit, until):
    one = visit("Basin")
    one.set(methods=["pg_is", "ppo", "troll"], lr=1e-5, seeds="map")
    page = one.page
    # Both drawers at once, which a reader cannot: a name would let only one stay open.
    page.locator(".drawer:not(.ask)").evaluate_all(
        "all => all.forEach(drawer => { drawer.name = ''; drawer.open = true; })"
    )
    ends = {method: of["end"]["curve"] for method, of in MAP["methods"].items()}
    best = max(max(curve) for curve in ends.values())
    high = MAP["methods"]["pg_is"]["basin"]["high"]
    lead, power = f"{high:.1e}".split("e")
    ppo, troll, plain = (cells(page, name) for name in ("PPO", "TROLL", "unclipped"))
    at = {rate: i for i, rate in enumerate(MAP["rates"])}
    assert (ppo[0], ppo[2]) == tuple(f"{ends['ppo'][at[rate]]:.3f}" for rate in (1e-5, 1e-4))
    assert troll[1] == f"−{best - ends['troll'][at[1e-5]]:.3f}"
    assert plain[3] == f"{float(lead):g}e{int(power)}"
    page.locator(".handle").press("ArrowRight")
    until(page, f"{MODEL}.get('lr') === 1.1e-5")
    page.locator(".handle").press("Shift+ArrowRight")
    until(page, f"{MODEL}.get('lr') === 2e-5")
    until(page.locator(".readings thead th").nth(1), "node => node.textContent === 'at 2e-5'")
    between = np.interp(np.log10(2e-5), np.log10(MAP["rates"]), ends["pg_is"])
    assert cells(page, "unclipped")[0] == f"{between:.3f}"
    slider = page.get_by_role("slider", name="learning rate")
    slider.press("End")
    until(page, f"{MODEL}.get('lr') === 1e-3")
    until(page.locator(".verdict"), "node => node.dataset.tone === 'fail'")
    assert cells(page, "PPO")[2] == "not run", "ten times the last rate"
    page.get_by_role("button", name=re.compile("^PPO")).click()
    until(page, f"{MODEL}.get('lr') === {MAP['methods']['ppo']['basin']['best_rate']}")
    slider.press("Home")
    until(page, f"{MODEL}.get('lr') === {MAP['rates'][0]}")  # it begins where the runs do
