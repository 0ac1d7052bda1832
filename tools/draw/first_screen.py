"""Draws what the book's first screen shows before *Play* is pressed:
`python -m tools.draw.first_screen`. No test compares it: it is drawn again only when somebody asks
for it."""

from __future__ import annotations

import sys
import time
from typing import Any

from tools.browser import NoChromium, browser
from tools.draw.stills import own_names
from trbook.explorables import Playground
from trbook.explorables.cover import PROMPT
from trbook.explorables.files import BUILT

PAGE = (
    '<!doctype html><html data-theme="light"><meta charset="utf-8"><body style="margin: '
    '0">{}</body></html>'
)
DONE = (
    "count => [...document.querySelectorAll('[data-lane]')].every(lane => lane.dataset.batch "
    ">= count)"
)
SETTLE = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
SMALL = """frame => {
    const still = frame.cloneNode(true), one = selector => still.querySelector(selector);
    for (const path of still.querySelectorAll("path:not([d]), path[d='']")) path.remove();
    const gone = "[role=status], [role=alert], .spoken, li[hidden], span[hidden]";
    for (const node of still.querySelectorAll(gone)) node.remove();
    const [play, ...others] = still.querySelectorAll(".bar button");
    play.textContent = "Play";
    play.dataset.start = "play";
    for (const button of others) {
        if (button.dataset.way) button.dataset.start = button.dataset.way;
        else button.remove();
        button.removeAttribute("aria-pressed");
    }
    play.removeAttribute("aria-pressed");
    one(".telling slot").remove();
    const svg = one(".curve svg");
    svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
    svg.removeAttribute("width");
    svg.removeAttribute("height");
    one(".told").replaceChildren("TOLD");
    return `<style>${frame.getRootNode().querySelector("style").textContent}</style>${still.outerHTML}`;
}"""
FIRST = 24
"""Batches of each of the three ways in the first screen's picture: the reuse without a region has
fallen by then."""
TOLD = (
    f"Right answers after {FIRST} batches of each. Press a button, and a language model of 124 "
    "thousand parameters learns in this page while you read what it writes (0.4 MB)."
)


def small(chromium: Any) -> str:
    """The first screen's lane after its three ways: what the cover shows before the press."""
    page = chromium.new_context(
        viewport={"width": 688, "height": 900}, reduced_motion="reduce"
    ).new_page()
    page.set_content(PAGE.format(Playground(preset="opening", prompt=PROMPT, small=True).html()))
    ways = {
        "Play": "reinforce",
        "Each batch 16 times": "pg_is",
        "Each batch 16 times, with PPO’s clip": "ppo",
    }
    for name, method in ways.items():
        page.get_by_role("button", name=name, exact=True).click()
        while not page.evaluate(
            f"({DONE})({FIRST}) && document.querySelector('[data-method={method}]') !== null"
        ):
            time.sleep(0.1)
        page.get_by_role("button", name="Pause", exact=True).click()
        page.evaluate(SETTLE)
    page.wait_for_timeout(1500)
    html = page.locator(".trx:has(.small)").evaluate(SMALL)
    page.context.close()
    return own_names(html.replace("TOLD", TOLD), "cover")


def main() -> int:
    try:
        with browser() as chromium:
            text = small(chromium)
    except NoChromium as error:
        print(f"first screen: {error}", file=sys.stderr)
        return 1
    (BUILT / "playground.small.still.html").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
