"""Every page of the built book, as a browser sees it: by itself, quiet, light, readable by
everyone."""

import gzip
import re
import warnings
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from book.build.browser import settle
from book.build.paths import contents
from tests.book.browser.explorable import RULES, Load, violations

PHONE = Path(__file__).with_name("phone.js").read_text(encoding="utf-8").split("\n", 1)[1]
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that a colour theme can break; the others ask about the document."""
TABLES = ["empty-table-header", "td-headers-attr", "aria-required-children"]
"""Those that a table can break that is stacked on a phone."""
EVERY_TIME = ("book/index", "notebooks/05_grpo", "book/methods/dppo")
LATER = ("book/interface/losses",)
"""A page of each kind: what `make test` opens, and the long one that `make test-all` opens as well
(they are among `DAILY`). `make nightly` opens every page that is written by hand, and a seventh of
those that are made from modules and cards, another one each day."""
LONG = pytest.mark.test_all("a long page, whose every name is looked at")
MADE = ("book/methods/",)
LIMIT = 700_000
"""Bytes of a page with everything that it loads, each part gzipped."""
TALLEST = 25_000
"""Pixels of a page on a phone, its folds closed."""
SILENT = """() => [...document.querySelectorAll('article img')]
    .filter(image => !image.alt || image.alt.includes('_images/')).map(image => image.getAttribute('src'))"""
ICONS = """() => [...document.querySelectorAll('i[class*="fa-"], span[class*="fa-"]')]
    .filter(icon => ['none', 'normal', ''].includes(getComputedStyle(icon, '::before').content))
    .map(icon => icon.className)"""
"""Icons that the vendored subset does not hold."""
MARKDOWN = r"""() => {
    const copy = document.querySelector('article')?.cloneNode(true);
    for (const node of copy?.querySelectorAll('pre, code, script, style, .math, dt.sig') ?? []) node.remove();
    return copy?.textContent.match(/(?<![\w*])\*{1,2}[\p{L}][^*\n]{0,60}\*{1,2}(?!\w)|^\|.*\|.*\|$/gmu) ?? [];
}"""
"""Asterisks that were meant to emphasise, and rows that were meant to be a table."""
PAPER = {"width": 718, "height": 1000}
"""A4 between its margins."""
CUT = """() => {
    const shown = node => node.getClientRects().length && getComputedStyle(node).visibility !== 'hidden';
    const kept = '.tag_solution > details, .tag_hide-input:not(.tag_hide-cell) > details, .executed > details';
    const folds = [...document.querySelectorAll('article details')];
    const closed = folds.filter(node => !node.open && !node.matches(kept)).map(() => 'a closed fold');
    const told = folds.filter(node => node.open && node.matches('.tag_solution > details')).map(() => 'a solution');
    const tools = [...document.querySelectorAll('.bd-sidebar, .bd-header-article, .prev-next-footer, .copybtn')]
        .filter(shown).map(node => 'a control: ' + node.className);
    const wide = [...document.querySelectorAll('article :is(pre, table, .math, .line, dt.sig)')]
        .filter(node => shown(node) && node.getBoundingClientRect().left + node.scrollWidth > innerWidth + 1)
        .map(node => 'cut: ' + node.textContent.trim().slice(0, 60));
    return [...closed, ...told, ...tools, ...wide];
}"""
"""What paper would show badly."""
INTERFACE = "book/interface/"
CUT_IN_FOLDS = """() => {
    const folds = [...document.querySelectorAll('article details:not([open])')];
    for (const fold of folds) fold.open = true;
    const wide = [...document.querySelectorAll('.line-block, dt.sig')]
        .filter(node => node.scrollWidth > node.clientWidth + 1).map(node => node.textContent.slice(0, 50));
    for (const fold of folds) fold.open = false;
    return wide;
}"""
TEXT = (".html", ".css", ".js", ".mjs", ".svg", ".json")


def visited(context, address, name):
    """A page of the book, drawn with its fonts."""
    load = Load(context.new_page(), f"{address}/{name}")
    settle(load.page)
    return load


@pytest.fixture(scope="module")
def desktop(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def look(chromium, address):
    """Opens a page in a window of its own: `look("book/index.html", 360, 780)`."""
    opened = []

    def look(name, width, height):
        opened.append(chromium.new_context(viewport={"width": width, "height": height}))
        return visited(opened[-1], address, name)

    yield look
    for context in opened:
        context.close()


def pytest_generate_tests(metafunc):
    if "surveyed" in metafunc.fixturenames:
        metafunc.parametrize("surveyed", surveyed(metafunc.config.getoption("book")))


def surveyed(book):
    """The pages to open, those of the nightly run marked; of the generated ones today's seventh."""
    names = [*contents(), "search"]
    some = {**dict.fromkeys(EVERY_TIME, ()), **dict.fromkeys(LATER, LONG)} if book == "some" else {}
    made = [name for name in names if name.startswith(MADE) and name not in EVERY_TIME]
    part = set(made[datetime.now(UTC).toordinal() % 7 :: 7])
    nightly = pytest.mark.nightly(
        "seconds of a browser for each page, and all of them in the book that readers get"
    )
    return [
        pytest.param(f"{name}.html", marks=some.get(name, nightly))
        for name in names
        if name not in made or name in part
    ]


def pages(book):
    """Every page of a built book but the sweeps', by its path in the book."""
    names = sorted(path.relative_to(book).as_posix() for path in book.rglob("*.html"))
    return [name for name in names if name.startswith(("book/", "notebooks/", "search.html"))]


def test_a_page_asks_nobody_is_quiet_light_accessible_and_whole_on_a_phone_and_on_paper(
    surveyed, book, address, desktop
):
    """One look: on a desk in light and dark, as narrow as a phone, then on paper."""
    name = surveyed
    visit = visited(desktop, address, name)
    page = visit.page
    outside = [url for url in visit.requests if not url.startswith((address, "data:", "blob:"))]
    faults = [f"asks someone else: {url}" for url in outside]
    size = weight(book, visit.requests)
    faults += [f"heavy: {size:,} bytes gzipped"] if size > LIMIT else []
    faults += [f"a picture that says nothing: {picture}" for picture in page.evaluate(SILENT)]
    faults += [f"an icon without a picture: {icon}" for icon in page.evaluate(ICONS)]
    faults += [f"Markdown as it was typed: {words}" for words in page.evaluate(MARKDOWN)]
    for theme, rules in (("light", RULES), ("dark", COLOURS)):
        faults += [f"inaccessible, {theme}: {fault}" for fault in accessibility(page, theme, rules)]
    if name.startswith(INTERFACE):
        page.set_viewport_size({"width": 1440, "height": 900})
        settle(page)
        faults += [f"cut in a fold: {text}" for text in page.evaluate(CUT_IN_FOLDS)]
    page.set_viewport_size({"width": 360, "height": 780})
    settle(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    faults += [f"wider than a phone: {width} pixels"] if width > 360 else []
    height = page.evaluate("document.documentElement.scrollHeight")
    if height > TALLEST:  # a matter of style, which fails nothing
        warnings.warn(f"{name}: longer than a phone bears: {height:,} pixels", stacklevel=1)
    faults += [f"on a phone: {fault}" for fault in page.evaluate(PHONE)]
    faults += [f"on a phone: {fault}" for fault in accessibility(page, "light", TABLES)]
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    settle(page)
    faults += [f"on paper: {fault}" for fault in page.evaluate(CUT)]
    faults += [f"the console: {complaint}" for complaint in visit.complaints]
    page.close()
    assert not faults, "\n".join([name, *faults])


@pytest.mark.test_all("prints the longest chapter")
def test_paper_is_white_and_whole_and_afterwards_all_is_as_it_was(address, desktop):
    visit = visited(desktop, address, "notebooks/05_grpo.html")
    visit.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    state = """[document.querySelectorAll('article details:not([open])').length,
        document.documentElement.dataset.theme]"""
    before = visit.page.evaluate(state)
    visit.page.evaluate(f"addEventListener('beforeprint', () => {{ window.atPrint = {state}; }})")
    assert visit.page.pdf().count(b"/Type /Page\n") > 5, "only what fits on the first sheets"
    assert before[0] > visit.page.evaluate("window.atPrint")[0]
    assert visit.page.evaluate("window.atPrint")[1] == "light"
    assert visit.page.evaluate(state) == before
    visit.page.close()


def test_every_page_has_its_policy_and_an_injected_script_does_not_run(book, address, desktop):
    policy = re.compile(
        r'<head>(?:(?!</head>).)*?<meta http-equiv="Content-Security-Policy"', re.DOTALL
    )
    policies = {name: (book / name).read_text(encoding="utf-8") for name in pages(book)}
    assert [
        name
        for name, text in policies.items()
        if not policy.search(text) or text.count('"Content-Security-Policy"') != 1
    ] == []
    visit = visited(desktop, address, "book/index.html")
    visit.page.evaluate("""() => {
        window.blocked = new Promise(done => addEventListener('securitypolicyviolation',
            event => done(event.effectiveDirective)));
        const script = document.createElement('script');
        script.textContent = 'window.injected = true';
        document.body.append(script);
    }""")
    assert visit.page.evaluate("window.blocked") == "script-src-elem"
    assert visit.page.evaluate("window.injected") is None
    visit.page.close()


def test_what_is_cut_shows_it_and_scrolls_by_keyboard(look, press_until):
    visit = look("book/notation.html", 240, 780)
    wide = visit.page.locator("div.math.wide").first
    assert wide.evaluate("node => node.scrollWidth > node.clientWidth")
    assert (
        wide.evaluate("node => getComputedStyle(node).backgroundImage").count("linear-gradient")
        == 4
    )
    wide.focus()
    press_until(visit.page, "ArrowRight", "document.activeElement.scrollLeft > 0")
    assert visit.page.locator("div.math:not(.wide)").first.get_attribute("tabindex") is None


def test_a_link_and_the_search_lead_into_a_fold(look, address):
    visit = look("book/interface/losses.html#trlib.algorithms.ppo.PPO.dual_clip", 1440, 900)
    visit.page.locator("[id='trlib.algorithms.ppo.PPO.dual_clip']").wait_for(state="visible")
    visit.page.goto(f"{address}/search.html?q=ppo_loss")
    found = visit.page.locator("#search-results a", has_text=re.compile(r"\.ppo_loss$")).first
    found.click()
    visit.page.locator("[id='trlib.algorithms.ppo.ppo_loss']").wait_for(state="visible")


@pytest.mark.nightly("on a long page, which is built by night")
def test_a_phone_folds_the_sections_of_a_long_page_and_a_link_opens_its_own(look):
    visit = look("book/interface/lab.html#check-a-record", 360, 780)
    sections = visit.page.locator("article details.on-phones")
    assert sections.count() > 10
    assert visit.page.locator("article details.on-phones[open]").count() == 1
    assert visit.page.locator("#check-a-record p").first.is_visible()
    assert not visit.page.locator("#declare p").first.is_visible()
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    settle(visit.page)
    assert visit.page.locator("article details.on-phones:not([open])").count() == 0
    assert not visit.page.locator("article details.on-phones > summary").first.is_visible()


@pytest.mark.nightly("on a long page, which is built by night")
@pytest.mark.parametrize("width", [360, 1280])
def test_a_screen_shows_the_settings_of_one_library_and_paper_those_of_all(look, width):
    visit = look("book/check/settings.html", width, 780)
    rows = visit.page.locator("table.stacks tbody tr:has(> [data-label='setting'])")
    choice = visit.page.get_by_label("Show the settings of")
    assert choice.input_value() == "verl"
    for library in ("verl", "TRL"):
        choice.select_option(library)
        names = rows.filter(visible=True).locator("> :first-child").all_text_contents()
        assert len(names) > 10 and {one.removeprefix("more") for one in names} == {library}
    visit.page.emulate_media(media="print")
    settle(visit.page)
    assert rows.filter(visible=True).count() == rows.count()
    visit.page.emulate_media(media="screen")
    choice.select_option("all libraries")
    assert rows.filter(visible=True).count() == rows.count()
    losses = look("book/check/atlas.html", width, 780).page.get_by_label("Show the losses of")
    assert losses.input_value() == ("verl" if width == 360 else ""), "losses are compared"


def weight(book, requests):
    """Bytes of what was asked for, text gzipped, as a web server would send it."""
    total = 0
    for path in {urlsplit(url).path for url in requests if url.startswith("http")}:
        content = (book / path.lstrip("/")).read_bytes()
        total += len(gzip.compress(content, 6)) if path.endswith(TEXT) else len(content)
    return total


def accessibility(page, theme, rules=RULES):
    """axe-core's violations in a colour theme, a line each."""
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    settle(page)
    return violations(page, rules)
