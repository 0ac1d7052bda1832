"""Draws what a page shows of the playground before *Play* is pressed:
`python -m tools.draw.covers [PRESET ..]`.

Every preset learns in Chromium for five batches: a picture worth predicting from, that gives no
answer away.
The reward's panel and the lanes' names are written to
`book/trbook/explorables/built/playground.NAME.still.html`. They are drawn again only when somebody
asks for it; no test compares them.
"""

from __future__ import annotations

import re
import sys
import time
from html import escape
from typing import Any

from tools.browser import NoChromium, browser
from tools.draw.stills import own_names, simpler, sized
from trbook.explorables import Playground
from trbook.explorables.cover import PROMPT
from trbook.explorables.files import BUILT
from trbook.explorables.playground import presets

WIDTHS = {"narrow": 328, "wide": 600}
PAGE = (
    '<!doctype html><html data-theme="light"><meta charset="utf-8"><body style="margin: '
    '0">{}</body></html>'
)
DONE = (
    "count => [...document.querySelectorAll('[data-lane]')].every(lane => lane.dataset.batch "
    ">= count)"
)
SETTLE = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
DRAWN = """node => {
    const svg = node.querySelector(".pv-plane svg").cloneNode(true), legend = node.querySelector(".pv-legend");
    for (const path of svg.querySelectorAll("path:not([d]), path[d='']")) path.remove();
    return { svg: svg.outerHTML, legend: legend.outerHTML };
}"""
START = 5
"""Batches that are shown: who is ahead at first; whether it stays so, the reader predicts."""
NOTE = re.compile(r'<span class="pv-note">[^<]*</span>')


def draw(name: str, chromium: Any) -> str:
    """The picture of a preset in mid-run: HTML for the cover's shadow root."""
    batches = START
    page = chromium.new_context(viewport={"width": WIDTHS["wide"], "height": 900}).new_page()
    page.set_content(PAGE.format(Playground(preset=name).html()))
    page.get_by_role("button", name="Play", exact=True).click()
    while not page.evaluate(f"({DONE})({batches})"):
        time.sleep(0.1)
    page.get_by_role("button", name="Pause", exact=True).click()
    parts = {}
    for kind, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(SETTLE)
        page.evaluate(SETTLE)
        found = page.locator(".curving .curves").evaluate(DRAWN)
        parts[kind] = simpler(sized(found["svg"], kind))
    page.context.close()
    said = (
        f"The reward of {len(presets()[name]['lanes'])} lane(s) over the first {batches} "
        "batches of this run."
    )
    legend = NOTE.sub("", found["legend"])
    html = f'<div role="img" aria-label="{escape(said)}">{parts["narrow"]}{parts["wide"]}</div>{legend}'
    return own_names(html, "cover")


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
            if "small" in (sys.argv[1:] or ["small"]):
                (BUILT / "playground.small.still.html").write_text(
                    small(chromium), encoding="utf-8"
                )
            for name in [name for name in sys.argv[1:] if name != "small"] or (
                presets() if not sys.argv[1:] else ()
            ):
                text = draw(name, chromium)
                (BUILT / f"playground.{name}.still.html").write_text(text, encoding="utf-8")
                print(f"cover: {name} ({len(text)} characters)")
    except NoChromium as error:
        print(f"covers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
