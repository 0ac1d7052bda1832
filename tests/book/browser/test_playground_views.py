"""The playground's pictures: what is drawn of two lanes that have learned for a few batches."""

import re

import pytest

from tests.book.browser.explorable import in_both_themes, violations, visits

pytestmark = pytest.mark.test_all("lanes that learn before they are drawn")

LANES = "a=ppo,threshold:0.02,group:4,minibatches:2,epochs:2&b=ppo,group:4&c=none"
VIEWS = {
    "map": "map",
    "ratios": "ratios",
    "completions": "completions",
    "opening words": "openers",
    "eight seeds": "bands",
}
ROOT = '[data-explorable="playground"]'


@pytest.fixture(scope="module")
def played(chromium, figures, until):
    """The playground after four batches of two lanes, one of which uses each batch four times."""
    with visits(chromium, figures) as visit:
        page = visit("Playground", f"#playground:seed=0&{LANES}").page
        for batch in range(1, 5):
            page.get_by_role("button", name="One batch", exact=True).click()
            until(
                page,
                f"""(() => {{ const lanes = [...document.querySelectorAll('{ROOT} [data-lane]')];
                return lanes.length === 2 && lanes.every((lane) => Number(lane.dataset.batch) === {batch}); }})()""",
            )
        yield page


def shown(page, name):
    """The picture of that name, chosen by its button."""
    page.get_by_role("radio", name=name, exact=True).check()
    view = page.locator(f".picture.{VIEWS[name]}")
    view.wait_for(state="visible")
    return view


def test_the_map_reads_a_token_by_keyboard(played):
    view = shown(played, "map")
    key = view.locator(".pv-key").inner_text()
    scored, kept, silenced = map(
        int, re.search(r"(\d+) tokens scored: . (\d+) kept, . (\d+) clipped", key).groups()
    )
    assert kept + silenced == scored > 50 and silenced > 0
    assert view.locator("path.pv-silenced").get_attribute("d").count("M") == silenced
    slider = view.get_by_role("slider", name="Token of the batch")
    slider.focus()
    slider.press("ArrowRight")
    heard = slider.get_attribute("aria-valuetext")
    assert re.fullmatch(r"\S+, token 2 of \d+: [\d.]+ to [\d.]+, ratio \S+, (kept|clipped)", heard)
    assert view.locator(".pv-reading mark").inner_text() == heard.split(",")[0]
    assert "against the policy that sampled" in view.locator(".pv-facts").inner_text()
    view.get_by_role("radio").nth(1).check()
    assert "every ratio is 1" in view.locator(".pv-key").inner_text()
    assert view.locator("path.pv-silenced").get_attribute("d") == ""


def test_a_phone_shows_no_small_text_and_nothing_wider_than_itself(played, until):
    played.set_viewport_size({"width": 360, "height": 800})
    for theme in in_both_themes(played):
        assert violations(played) == [], theme
    for name, kind in VIEWS.items():
        view = shown(played, name)
        sizes = played.locator(f".picture.{kind} text, .picture.curves text").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().height && "
            "parseFloat(getComputedStyle(one).fontSize))"
        )
        assert all(size >= 9 or size == 0 for size in sizes), name
        for width in (
            (360, 356, 352, 348, 344, 340) if name == "completions" else (360,)
        ):  # lines break elsewhere
            played.set_viewport_size({"width": width, "height": 800})
            until(
                view, "one => one.scrollWidth <= one.clientWidth + 1"
            )  # it is drawn anew in the next frame
    played.set_viewport_size({"width": 1000, "height": 900})
