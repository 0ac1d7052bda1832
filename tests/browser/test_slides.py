"""Decks in a browser: nothing is cut, everything is carried, keys move, figures say what they show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.browser import settle
from tools.paths import ROOT
from tools.slides import numbered

CUT = """() => {
    const faults = [], HOLDERS = 'p, li, dt, dd, pre, figcaption, td, th, .tex';
    for (const slide of document.querySelectorAll('.slide')) {
        const edge = slide.getBoundingClientRect(), foot = slide.querySelector('.foot').getBoundingClientRect();
        const say = (what, node) =>
            faults.push(`${slide.id} ${slide.dataset.name}: ${what} ${node.textContent.trim().slice(0, 40)}`);
        const texts = document.createTreeWalker(slide.querySelector('.body'), NodeFilter.SHOW_TEXT);
        const blocks = new Map();
        while (texts.nextNode()) {
            const node = texts.currentNode, holder = node.parentElement.closest(HOLDERS);
            if (!node.textContent.trim() || !holder) continue;
            if (node.parentElement.closest('.still, svg, .katex-mathml')) continue;
            const range = document.createRange();
            range.selectNodeContents(node);
            for (const box of range.getClientRects()) {
                if (box.width < 2) continue;
                if (box.left < edge.left + 20 || box.right > edge.right - 20 || box.top < edge.top + 10)
                    say('over the edge:', node);
                if (box.bottom > foot.top + 1) say('into the foot:', node);
            }
            blocks.set(holder, holder.getBoundingClientRect());
        }
        const inner = node => ![...blocks.keys()].some(other => other !== node && node.contains(other));
        const shown = [...blocks].filter(([node]) => inner(node));
        for (const [one, a] of shown) for (const [other, b] of shown)
            if (a.top < b.top && b.top < a.bottom - 4 && a.left < b.right - 4 && b.left < a.right - 4)
                say('lies over another:', one);
        for (const picture of slide.querySelectorAll('.picture')) {
            const box = picture.getBoundingClientRect();
            if (box.height < 200 || box.right > edge.right || box.bottom > foot.top) say('a cut picture', picture);
            const image = picture.querySelector('svg, img');
            if (!(image.getAttribute('aria-label') || image.getAttribute('alt'))) say('a mute picture', picture);
        }
    }
    return faults;
}"""


@pytest.fixture(scope="module")
def decks(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes a chapter's deck, once."""
    out, made = tmp_path_factory.mktemp("slides"), set()

    def deck(name: str) -> Path:
        if name not in made:
            # In a process of its own: a browser of another test may be open in this one.
            command = [sys.executable, "-m", "tools.slides", "--folder", str(book), "--out", str(out), "--only", name]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            made.add(name)
        return out / f"{name}.html"

    return deck


@pytest.mark.nightly("seconds for every deck")
@pytest.mark.parametrize("name", numbered())
def test_no_slide_is_cut_and_a_deck_asks_nobody(name: str, decks: Any, chromium: Any) -> None:
    path = decks(name)
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    settle(page)
    assert page.locator(".slide:visible").count() == 1
    page.emulate_media(media="print")
    settle(page)
    count = page.locator(".slide").count()
    assert 10 <= count <= 20
    assert page.evaluate(CUT) == []
    assert [url for url in asked if not url.startswith(("data:", path.as_uri()))] == [] and complaints == []
    assert path.stat().st_size < 2_500_000
    kinds = page.locator(".slide").evaluate_all("all => all.map(one => one.className.match(/kind-([a-z]+)/)[1])")
    assert kinds[:3] == ["title", "question", "picture"] and kinds[-4:] == ["exercises", "task", "keep", "next"]
    for place, kind in enumerate(kinds):
        if kind == "predict":
            assert kinds[place + 1] == "answer"
    pypdf = pytest.importorskip("pypdf")
    pages = pypdf.PdfReader(path.with_suffix(".pdf")).pages
    assert len(pages) == count and {tuple(map(round, map(float, one.mediabox[2:]))) for one in pages} == {(960, 540)}
    page.close()


def test_keys_buttons_and_the_address_move(decks: Any, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 800, "height": 600})
    page.goto(decks("05_grpo").as_uri())
    count = page.locator(".slide").count()

    def shown() -> str:
        return page.locator(".slide:visible").get_attribute("id")

    steps = [
        *(("ArrowRight", "2"), (" ", "3"), ("PageUp", "2"), ("ArrowLeft", "1"), ("ArrowLeft", "1")),
        *(("End", str(count)), ("ArrowRight", str(count)), ("Home", "1")),
    ]
    for key, place in steps:
        page.keyboard.press(key)
        assert shown() == place, key
    page.get_by_role("button", name="Next slide").click()
    assert shown() == "2" and page.url.endswith("#2") and page.locator("#said").inner_text() == f"Slide 2 of {count}"
    box = page.locator(".slide:visible").bounding_box()
    assert box["width"] <= 801 and box["height"] <= 601
    page.keyboard.press("d")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.close()
