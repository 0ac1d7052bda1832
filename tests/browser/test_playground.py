"""The playground in Chromium: lanes learn in the page, thresholds act from the next batch on, and what can go wrong is
said in plain words."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trlib.pages.explorables import Playground
from trlib.pages.explorables.modules import embed_modules, link_modules, publish

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}"><title>Playground</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>body {{ margin: 16px; background: #fff; color: #111 }}
[data-theme=dark] body {{ background: #14181d; color: #eee }}</style></head>
<body><main><h1>Playground</h1>{body}</main></body></html>"""
POLICY = "script-src 'self' 'unsafe-inline' blob: 'wasm-unsafe-eval'; worker-src 'self' blob:"
ROOT = '[data-explorable="playground"]'
LANES = f"{ROOT} [data-lane]"
QUICK = [{"method": "ppo", "group": 2}, {"method": "troll", "group": 2}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages linked as the book links them, one that carries everything, one read from a folder."""
    folder = tmp_path_factory.mktemp("playground")
    publish(folder / "_static" / "explorables")
    pages = {"first": Playground(), "quick": Playground(lanes=QUICK), "one": Playground(lanes=QUICK[:1])}
    for name, one in pages.items():
        html = link_modules(one.html(), "_static/explorables")
        (folder / f"{name}.html").write_text(PAGE.format(body=html, policy=POLICY), encoding="utf-8")
        (folder / f"{name}.file.html").write_text(
            PAGE.format(body=embed_modules(html), policy=POLICY), encoding="utf-8")
    (folder / "carried.html").write_text(PAGE.format(body=pages["quick"].html(), policy=POLICY), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path, serving: Any) -> Iterator[str]:
    with serving(folder) as address:
        yield address


class Visit:
    def __init__(self, chromium: Any, address: str, before: str = "", **context: Any) -> None:
        self.context = chromium.new_context(**{"viewport": {"width": 1100, "height": 900}, **context})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else 0)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        if before:
            self.page.add_init_script(before)
        self.page.goto(address)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def lanes(self) -> list[dict[str, str]]:
        return self.page.locator(LANES).evaluate_all("all => all.map(one => ({ ...one.dataset }))")

    def batches(self) -> list[int]:
        return [int(lane["batch"]) for lane in self.lanes()]


@pytest.fixture
def visit(chromium: Any, served: str) -> Iterator[Any]:
    made: list[Visit] = []

    def open_page(name: str, **more: Any) -> Visit:
        made.append(Visit(chromium, name if "://" in name else f"{served}/{name}", **more))
        return made[-1]

    yield open_page
    for one in made:
        one.context.close()


def done(count: int) -> str:
    return (f"[...document.querySelectorAll('{LANES}')].length > 0 && "
            f"[...document.querySelectorAll('{LANES}')].every(lane => Number(lane.dataset.batch) >= {count})")


def test_nothing_is_loaded_before_the_click_and_little_after_it(visit: Any, until: Any, served: str) -> None:
    one = visit("quick.html")
    assert [url for url in one.requests if url.startswith("http")] == [f"{served}/quick.html"]
    sizes: list[int] = []
    one.page.on("response", lambda answer: sizes.append(len(gzip.compress(answer.body()))))
    one.press("Play")
    until(one.page, done(3))
    names = sorted(url.rsplit("/", 1)[1] for url in one.requests if url.endswith(".js"))
    assert names == ["common.js", "dial.js", "engine.js", "playground.js"]
    assert sum(sizes) < 400_000, "bytes after the click, gzipped"
    assert one.page.evaluate("document.activeElement.shadowRoot.activeElement.textContent") == "Pause"
    one.press("Pause")
    assert [lane["method"] for lane in one.lanes()] == ["ppo", "troll"]
    assert all(0 < float(lane["reward"]) < 1 for lane in one.lanes())
    assert one.complaints == []
