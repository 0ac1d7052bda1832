"""The page for a wrong address, shown by a host at whatever address was asked for."""

import re
import shutil
from urllib.parse import urlsplit

import pytest

from book.build.paths import ROOT

MISSING = ROOT / "book" / "build" / "ext" / "missing.html"


@pytest.fixture
def site(tmp_path):
    """A host with the book in a folder of its own, and in it only what the page refers to."""
    text = MISSING.read_text(encoding="utf-8")
    style = tmp_path / "docs" / "_static" / "book.css"
    style.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / "book" / "_static" / "book.css", style)
    for target in re.findall(
        r'(?:href|action)="([^"]+)" (?:method="get" role="search" )?data-in-book', text
    ):
        assert (tmp_path / "docs" / target).suffix == ".html"
        (tmp_path / "docs" / target).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / target).write_text("there", encoding="utf-8")
    (tmp_path / "404.html").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("wrong", "typed"),
    [
        ("/docs/book/methods/gone/07_trust-region.html", "trust region"),
        ("/docs/100%_sure.html", "100% sure"),
    ],
)
def test_a_wrong_address_leads_back_into_the_book(chromium, serving, site, wrong, typed):
    with serving(site) as address:
        page, hosts, errors = chromium.new_page(), set(), []
        page.set_default_timeout(20_000)
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: errors.append(str(error)))
        answer = page.goto(address + wrong)
        assert answer.status == 404
        page.locator("html[data-root='/docs/']").wait_for()
        assert page.get_by_role("searchbox", name="Search the book").input_value() == typed
        links = page.get_by_role("listitem").get_by_role("link")
        assert links.count() == 4
        for link in links.all():
            assert page.request.get(address + link.get_attribute("href")).text() == "there"
        page.get_by_role("button", name="Search").click()
        page.wait_for_url(re.compile(r"/docs/search\.html\?q="))
        assert hosts == {urlsplit(address).netloc} and not errors
        page.close()
