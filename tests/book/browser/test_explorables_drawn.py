"""What an explorable shows: words clear of each other, a still before it loads, paper."""

import pytest

from tests.book.browser.explorable import SETTLED
from tests.by_day import by_day
from trbook.explorables import Basin, RatioMap
from trbook.explorables.ratio_map import METHODS

pytestmark = pytest.mark.test_all("what one figure draws, and on paper")

PAGE = (
    '<!doctype html><html data-theme="{}"><meta charset="utf-8"><body style="margin: 0">{}<p '
    'id="after">After.</p>'
)
LIVE = (
    "[...document.querySelectorAll('.trlib-view > div')].find(d => "
    "d.shadowRoot?.querySelector('svg[width] .live[d]'))"
)
STARTED = """() => [...document.querySelectorAll(".trlib-view > div")]
    .some(d => d.shadowRoot?.querySelector(".trx:not(.still) :is(.live, .line)[d]"))"""


def loaded(page):
    page.wait_for_function(f"Boolean({LIVE})")
    page.evaluate(SETTLED)


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 780, "height": 900}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def show(page, width, theme="light", **settings):
    page.set_viewport_size({"width": width, "height": 900})
    page.set_content(PAGE.format(theme, RatioMap(**{"show": list(METHODS), **settings}).html()))
    loaded(page)


PLACES = [
    {},
    {"old_p": 9.97e-7, "new_p": 3.4e-7, "sign": -1},
    {"sign": -1},
    {"axes": "linear"},
    {"axes": "linear", "sign": -1},
    {"eps_high": 99, "delta_tv": 0.001, "delta_kl": 0.0005},
]


def test_no_word_lies_on_another_or_leaves_the_drawing(page):
    for place in PLACES:
        show(page, 328, **place)
        found = page.evaluate(f"""() => {{
            const root = ({LIVE}).shadowRoot, edge = root.querySelector("svg").getBoundingClientRect();
            const rect = node => node.getBoundingClientRect();
            const box = node => [rect(node).left, rect(node).top + 2, rect(node).right, rect(node).bottom - 2];
            const words = [...root.querySelectorAll("svg text.inset, svg text.word, svg .mark text")];
            const meet = ([a, b, c, d], [e, f, g, h]) => a < g && e < c && b < h && f < d;
            const over = words.flatMap((one, i) => words.slice(i + 1).filter(other => meet(box(one), box(other)))
                .map(other => [one.textContent, other.textContent]));
            const ticks = [...root.querySelectorAll(".tick text")]
                .filter(tick => getComputedStyle(tick).visibility === "visible");
            const chips = [...root.querySelectorAll("text.chip")];
            const cut = chips.flatMap(chip => ticks.filter(tick => meet(box(chip), box(tick)))
                .map(tick => [chip.textContent, tick.textContent]));
            const out = [...words, ...chips].filter(node => {{
                const b = rect(node);
                return b.left < edge.left - 1 || b.right > edge.right + 1 || b.bottom > edge.bottom + 1;
            }}).map(node => node.textContent);
            return {{ over, cut, out }};
        }}""")
        assert found == {"over": [], "cut": [], "out": []}, (place, found)


FIRST = [(RatioMap, 328, "dark"), (RatioMap, 560, "light"), (Basin, 780, "dark")]


@pytest.mark.parametrize(
    ("kind", "width", "theme"), by_day(FIRST, FIRST[0], reason="another width and another figure")
)
def test_a_still_stands_there_before_the_module_and_nothing_moves(page, kind, width, theme):
    page.set_viewport_size({"width": width, "height": 900})
    # The module waits at a gate, as on a slow line.
    loads = "const { default: explorable }"
    gate = f"await new Promise(open => {{ window.gate = open; }}); {loads}"
    page.set_content(PAGE.format(theme, kind().html().replace(loads, gate)))
    page.wait_for_function("Boolean(window.gate)")
    state = """() => {
        const root = [...document.querySelectorAll(".trlib-view > div")].find(d => d.shadowRoot).shadowRoot;
        const [plane] = [...root.querySelectorAll(".plane svg")].filter(s => s.checkVisibility());
        const box = plane.getBoundingClientRect();
        return { after: document.querySelector("#after").offsetTop, still: root.querySelector(".trx").matches(".still"),
                 scheme: getComputedStyle(root.querySelector(".trx")).colorScheme,
                 box: [box.left, box.top, box.width, box.height].map(Math.round),
                 verdict: root.querySelector(".verdict").textContent,
                 chosen: [...root.querySelectorAll("select")].map(s => s.selectedOptions[0].value),
                 values: [...root.querySelectorAll(".now, .cell, .facts dd")].map(node => node.textContent),
                 drawn: [...plane.querySelectorAll(".live, .line")].every(node => node.getAttribute("d")) };
    }"""
    before = page.evaluate(state)
    page.evaluate("window.gate()")
    page.wait_for_function(STARTED)
    page.evaluate(SETTLED)
    after = page.evaluate(state)
    assert (before.pop("still"), after.pop("still")) == (True, False)
    assert before == after and before["scheme"] == theme and before["drawn"] and before["values"]


def test_paper_shows_the_plane_and_what_it_says_without_controls(page):
    show(page, 780, theme="dark")
    page.emulate_media(media="print")
    seen = page.evaluate(f"""() => {{
        const root = ({LIVE}).shadowRoot;
        const shown = selector => [...root.querySelectorAll(selector)]
            .filter(node => node.getBoundingClientRect().height).length;
        return [shown("input, button, .slider, .choice, .aim"), shown(".plane svg"), shown(".verdict b"),
                shown(".method .kept"),
                getComputedStyle(root.querySelector(".trx")).getPropertyValue("--page").trim()];
    }}""")
    assert seen == [0, 1, 1, 3, "#fff"], (
        "no controls; plane, verdict and three methods; ink on white in the dark too"
    )
