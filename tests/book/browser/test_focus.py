"""Whatever takes the keyboard's focus looks otherwise while it has it, on a page of each kind."""

import io

import numpy as np
import pytest
from PIL import Image

from book.build.paths import ANNEXED
from tests.by_day import by_day

PAGES = (
    "book/index",
    "book/playground",
    "book/methods/index",
    "book/methods/dppo",
    *(["book/check/diagnose"] if ANNEXED else []),
    "notebooks/05_grpo",
    "search",
)
FOUND = """() => {
    const all = [], walk = root => { for (const node of root.querySelectorAll("*")) {
        if (node.shadowRoot) walk(node.shadowRoot);
        if (node.tabIndex >= 0 && !node.disabled && !node.closest("[inert]")) all.push(node);
    } };
    walk(document);
    const kinds = new Set(), look = node => `${node.localName}.${node.className}.${node.type ?? ""}`;
    window.focusable = all.filter(node => {
        const box = node.getBoundingClientRect(), kind = `${look(node.parentElement ?? node)} > ${look(node)}`;
        const seen = node.checkVisibility({ visibilityProperty: true }) && box.width && box.height;
        if (!seen || kinds.has(kind)) return false;
        kinds.add(kind);
        return true;
    });
    return focusable.map(node => node.outerHTML.slice(0, 110));
}"""
"""One of each kind: an element with its classes, in a parent with its own."""
BOX = """async i => {
    const node = focusable[i], frame = () => new Promise(done => requestAnimationFrame(done));
    for (let i = 0, before = null; i < 10 && node.getBoundingClientRect().y !== before; i++) {
        before = node.getBoundingClientRect().y; // a list of headings may follow the page's scrolling
        node.scrollIntoView({ block: "center", behavior: "instant" });
        await frame();
        await frame();
    }
    const { x, y, width, height } = node.getBoundingClientRect(), edge = 8;
    const left = Math.max(0, x - edge), top = Math.max(0, y - edge);
    return { x: left, y: top, width: Math.min(innerWidth, x + width + edge) - left,
             height: Math.min(innerHeight, y + height + edge) - top };
}"""
BLUR = """() => {
    let node = document.activeElement;
    while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
    node?.blur();
}"""
STILL = (
    "*, ::before, ::after { transition: none !important; animation: none !important; "
    "caret-color: #0000 !important }"
)
LEAST = 20
"""Pixels that must change; a hairline around the smallest link has more."""


def picture(page, box):
    return np.asarray(Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB")).astype(int)


@pytest.mark.parametrize(
    "name", by_day(PAGES, "book/index", "search", reason="the same rules on more pages")
)
def test_focus_can_be_seen_on_everything_that_takes_it(chromium, address, name):
    context = chromium.new_context(
        viewport={"width": 1280, "height": 800}, reduced_motion="reduce", bypass_csp=True
    )
    page = context.new_page()
    page.goto(f"{address}/{name}.html" + ("?q=clip" if name == "search" else ""))
    for figure in page.locator(".trlib-explorable").all():  # before it is drawn, buttons change
        figure.scroll_into_view_if_needed()
        figure.locator(".trx:not(.still)[data-drawn]").wait_for()
    page.add_style_tag(content=STILL)
    page.keyboard.press("Tab")  # from here on focus is the keyboard's
    kinds = page.evaluate(FOUND)
    assert len(kinds) > 5
    unseen = []
    for i, kind in enumerate(kinds):
        page.evaluate(BLUR)
        box = page.evaluate(BOX, i)
        if box["width"] < 1 or box["height"] < 1:
            continue  # in a sidebar that is folded away
        before = picture(page, box)
        page.evaluate("i => focusable[i].focus({ preventScroll: true, focusVisible: true })", i)
        after = picture(page, page.evaluate(BOX, i))
        if before.shape == after.shape and (np.abs(before - after).max(axis=2) > 24).sum() < LEAST:
            unseen.append(kind)
    context.close()
    assert unseen == []
