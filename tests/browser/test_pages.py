"""Every page of the built book, as a browser sees it: by itself, quiet, light, readable by everyone."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tools.browser import settle
from tools.paths import chapters
from tools.screenshots import pages

pytestmark = pytest.mark.xdist_group("book")
AXE = Path(__file__).with_name("axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LIMIT = 700_000
"""Bytes of a page with everything that it loads, each part gzipped."""
TEXT = (".html", ".css", ".js", ".mjs", ".svg", ".json")


class Visit:
    """One page load and what it asked for and complained of."""

    def __init__(self, context: Any, address: str, name: str) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self._console(message))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("response", lambda response: self._response(response))
        self.page.goto(f"{address}/{name}", wait_until="load")
        settle(self.page)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _response(self, response: Any) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")


@pytest.fixture(scope="module")
def desktop(chromium: Any) -> Any:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield context
    context.close()


def test_every_page_is_quiet_light_and_accessible(book: Path, address: str, desktop: Any) -> None:
    names = pages(book)
    assert "book/index.html" in names
    assert {f"notebooks/{path.stem}.html" for path in chapters()} <= set(names)
    faults = []
    for name in names:
        visit = Visit(desktop, address, name)
        outside = [url for url in visit.requests if not url.startswith((address, "data:", "blob:"))]
        faults += [f"{name}: asks {url}" for url in outside]
        faults += [f"{name}: {complaint}" for complaint in visit.complaints]
        size = weight(book, visit.requests)
        faults += [f"{name}: {size:,} bytes gzipped, the limit is {LIMIT:,}"] if size > LIMIT else []
        for theme in ("light", "dark"):
            faults += [f"{name}, {theme}: {fault}" for fault in accessibility(visit.page, theme)]
        visit.page.close()
    assert not faults, "\n".join(faults)


def test_no_page_is_wider_than_a_phone(book: Path, address: str, chromium: Any) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 780}, has_touch=True)
    wide = {}
    for name in pages(book):
        visit = Visit(context, address, name)
        width = visit.page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[name] = width
        visit.page.close()
    context.close()
    assert not wide


def test_formulas_are_drawn_and_katex_loads_only_where_there_are_any(book: Path, address: str, desktop: Any) -> None:
    visit = Visit(desktop, address, "book/notation.html")
    formulas = visit.page.locator(".math")
    assert formulas.count() > 20
    assert visit.page.locator(".math .katex").count() >= formulas.count()
    assert visit.page.locator(".math .eqno").first.inner_text().startswith("(1)")
    visit.page.close()
    plain = Visit(desktop, address, "book/bibliography.html")
    assert not [url for url in plain.requests if "katex" in url]
    plain.page.close()


def test_pictures_say_what_they_show(book: Path, address: str, desktop: Any) -> None:
    for name in pages(book):
        visit = Visit(desktop, address, name)
        silent = visit.page.evaluate("""() => [...document.querySelectorAll('article img')]
            .filter(image => !image.alt || image.alt.includes('_images/')).map(image => image.src)""")
        visit.page.close()
        assert not silent, f"{name}: pictures without alternative text: {silent}"


def test_the_book_opens_from_the_file_system(book: Path, chromium: Any) -> None:
    context = chromium.new_context()
    visit = Visit(context, book.as_uri(), "book/notation.html")
    assert visit.complaints == []
    assert all(url.startswith(("file:", "data:")) for url in visit.requests)
    fonts = visit.page.evaluate("[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)")
    families = {family.strip('"') for family in fonts}
    assert {"Source Serif", "Inter", "KaTeX_Main"} <= families
    assert any("Font Awesome" in family for family in families)
    context.close()


def test_the_theme_can_be_chosen_and_the_search_finds(book: Path, address: str, chromium: Any) -> None:
    context = chromium.new_context(color_scheme="dark")
    visit = Visit(context, address, "book/index.html")
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"
    visit.page.goto(f"{address}/search.html?q=rollout")
    visit.page.wait_for_selector("#search-results ul.search li")
    assert "notation" in visit.page.locator("#search-results").inner_text().lower()
    assert visit.complaints == []
    context.close()


def weight(book: Path, requests: list[str]) -> int:
    """Bytes of what was asked for, text gzipped, as a web server would send it."""
    total = 0
    for path in {urlsplit(url).path for url in requests if url.startswith("http")}:
        content = (book / path.lstrip("/")).read_bytes()
        total += len(gzip.compress(content, 6)) if path.endswith(TEXT) else len(content)
    return total


def accessibility(page: Any, theme: str) -> list[str]:
    """axe-core's violations of WCAG A and AA in a colour theme, a line each."""
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    settle(page)
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    found = page.evaluate("rules => axe.run({ runOnly: { type: 'tag', values: rules } })", RULES)
    return [f"{violation['id']}: {node['html'][:160]} ({node['failureSummary'].splitlines()[-1].strip()[:200]})"
            for violation in found["violations"] for node in violation["nodes"][:3]]
