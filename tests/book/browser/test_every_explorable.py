"""What every explorable on the bench must do, whatever it shows: presets, prediction, address,
clamping, access."""

import json
from types import SimpleNamespace

import pytest

from book.build.draw.stills import draw
from tests.book.browser.explorable import in_both_themes, violations
from tests.by_day import by_day
from trbook import explorables

SMALL = ("NaturalGradient", "QueryDual", "TwoLosses", "TwoSamplers")  # openers, and nothing else
OWN = (
    "Dial",
    "Playground",
    "RatioMap",
    "Storyteller",
    "Wall",
    *SMALL,
)  # these keep their own tests
NAMES = [name for name in explorables.__all__ if name not in OWN]
DRAWN = [*NAMES, *SMALL, "RatioMap", "Wall"]
FOUR = ("QueryDual", "RatioMap", "Dial", "Playground")
ONE = by_day(NAMES, "Clip", reason="seconds of a browser for each; one stands for all")
SLOW = """const frame = requestAnimationFrame;
window.requestAnimationFrame = draw => frame(() => setTimeout(() => draw(performance.now()), 50));"""

PRESETS = ".trx :is(.try, .more-settings) .marks button:not(.reset)"
IN_SIGHT = """() => {
    const root = document.querySelector('.trlib-view > div').shadowRoot;
    const count = (selector) => [...root.querySelectorAll(selector)]
        .filter((node) => node.checkVisibility({ visibilityProperty: true })).length;
    return [count('input[type=range]'), count('fieldset.choice, select') + Math.min(1, count('input[type=checkbox]'))];
}"""


@pytest.mark.parametrize(
    "name",
    by_day(
        sorted(explorables.__all__),
        *FOUR,
        later={*explorables.__all__} - {*FOUR},
        reason="a page for each; four stand for all",
    ),
)
def test_one_slider_and_one_choice_are_in_sight_at_first(visit, name):
    one = visit(name, viewport={"width": 390, "height": 844})
    sliders, choices = one.page.evaluate(IN_SIGHT)
    assert sliders <= 1 and choices <= 1


def keys_of(name):
    return [key for key in getattr(explorables, name)().settings() if not key.startswith("_")]


@pytest.mark.parametrize("name", ONE)
def test_presets_a_prediction_and_a_link(visit, until, name):
    one, keys = visit(name, viewport={"width": 1025, "height": 768}), keys_of(name)
    first = one.state(keys)
    settings = getattr(explorables, name)().settings()
    assert first == json.loads(json.dumps({key: settings[key] for key in keys}))
    assert one.page.locator(".trx .notes").is_hidden(), (
        "nothing of the first state had to be mended"
    )
    presets = [text.strip() for text in one.page.locator(PRESETS).all_text_contents()]
    assert len(presets) >= 2
    assert presets[0].startswith("make it fail"), "it is in sight"
    assert one.page.locator(".trlib-explorable").bounding_box()["height"] <= 680
    states = []
    for i in range(len(presets)):
        one.click(PRESETS, i)
        assert one.page.locator(PRESETS).nth(i).get_attribute("aria-pressed") == "true", presets[i]
        states.append(one.state(keys))
    moved = next(i for i, state in enumerate(states) if state != first)
    one.click(".trx .reset")
    until(
        one.page, "location.hash === ''"
    )  # else the address of an earlier preset may still stand there
    one.click(PRESETS, moved)
    until(one.page, f"location.hash.startsWith('#{import_of(name)}:')")
    mark = one.page.evaluate("location.hash")
    assert visit(name, mark).state(keys) == states[moved], (
        "a link opens the state it was copied from"
    )
    answers = one.page.locator(".trx .ask .answers button")
    messages = []
    for i in range(answers.count()):
        one.click(".trx .ask .answers button", i)
        messages.append(one.text(".trx .revealed"))
    assert 2 <= len(messages) <= 4 and sum(text.startswith("✓ Right") for text in messages) == 1
    one.click(".trx .reset")
    assert one.state(keys) == first and one.page.locator(".trx .revealed").is_hidden()
    until(one.page, "location.hash === ''")


def import_of(name):
    return getattr(explorables, name).module


@pytest.mark.parametrize(
    "name",
    by_day(
        explorables.__all__,
        *FOUR,
        reason="seconds of a browser for each; four stand for all",
    ),
)
def test_accessible_and_whole_on_a_phone(visit, name):
    one = visit(
        name,
        viewport={"width": 360, "height": 900},
        has_touch=True,
        is_mobile=True,
    )
    for theme in in_both_themes(one.page):
        for chosen in (".trx .marks button", ".trx .ask .answers button"):
            if one.page.locator(chosen).count():  # the map of ratios predicts nothing
                one.click(chosen)
        assert violations(one.page) == [], theme
        scheme = one.page.locator(".trx").evaluate("node => getComputedStyle(node).colorScheme")
        assert scheme == theme
    assert one.too_small() == []
    tiny = one.page.locator(".trx svg text").evaluate_all(
        "all => all.filter(node => node.textContent && "
        "parseFloat(getComputedStyle(node).fontSize) < 9).map(node => node.textContent)"
    )
    assert tiny == []
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert one.cut(360, but=", .map") == [], "a table of many columns slides"


COLOURS = """halo => {
    const own = halo.style.stroke, stroke = getComputedStyle(halo).stroke;
    halo.style.stroke = "Canvas";
    const ground = getComputedStyle(halo).stroke;
    halo.style.stroke = own;
    return [stroke, ground];
}"""
"""A halo's colour, and that of the reader's ground."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_go_by_the_reader_s_ground_whatever_the_theme(visit, scheme):
    one = visit("QueryDual", forced_colors="active", color_scheme=scheme)
    for theme in ("light", "dark"):
        one.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        one.settle()
        frame = one.page.locator(".trx")
        assert frame.evaluate("node => 'dark' in node.dataset") == (scheme == "dark")
        halo, ground = one.page.locator(".trx svg .halo").first.evaluate(COLOURS)
        assert halo == ground, "a halo of another colour hides its text"


@pytest.mark.nightly("stills are drawn again when figures are, and not with every word")
@pytest.mark.parametrize("name", explorables.__all__)
def test_a_still_is_what_its_module_draws_however_slow_its_frames(chromium, name):
    def new_context(**given):
        context = chromium.new_context(**given)
        context.add_init_script(SLOW)
        return context

    kind = getattr(explorables, name)
    for state in ({}, *kind.shown.values()):
        drawn = draw(kind(**state), SimpleNamespace(new_context=new_context))
        assert drawn == kind(**state).still(), (
            f"{state}: the module or the records changed: `python -m book.build.draw.stills`"
        )
