"""A figure for a page: small, and what it shows is what matplotlib drew."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from trbook.drawing import NARROW, Drawing, from_files
from trbook.figures import STYLE
from trbook.labels import name_lines
from trlab.drawing import INK

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def style():
    with plt.style.context(STYLE):
        yield
    plt.close("all")


def test_powers_are_written_as_the_pages_write_them():
    figure, ax = plt.subplots()
    ax.plot([1e-5, 1e-3, 1e6], [0.2, 0.5, 0.9])
    ax.set(xscale="log", yscale="log")
    svg = Drawing(figure, alt="rates").svg()
    assert "<tspan" not in svg and ">1e-4<" in svg and ">0.2<" in svg
    assert not re.search(r"font-size: [0-7]\.", svg), "an exponent of nine pixels or less"


def drawn(words):
    figure, ax = plt.subplots()
    ax.plot([0, 1], [0.2, 0.4], label="PPO")
    ax.fill_between([0, 1], [0.1, 0.3], [0.3, 0.5], alpha=0.2)
    ax.set_xlabel(words)
    return Drawing(figure, f"{words} of PPO")


def test_lines_that_end_together_have_names_that_do_not_touch():
    figure, ax = plt.subplots()
    for i, end in enumerate((0.05, 0.06, 0.9, 0.05)):
        ax.plot([0, 1, 2], [0.5, end, np.nan], label=f"m{i}")
    ax.plot([0, 1], [0.2, 0.2])
    ax.set_ylim(0, 1)
    name_lines(ax)
    heights = {text.get_text(): text.xy[1] for text in ax.texts}
    assert list(heights) == ["m0", "m3", "m1", "m2"] and heights["m2"] == pytest.approx(0.9)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert all(a.y1 <= b.y0 + 1 for a, b in pairwise(boxes))
    assert min(heights.values()) >= 0, "above the numbers of the axis"
    assert {text.xy[0] for text in ax.texts} == {1.0}, "beside the last point that is drawn"


def test_a_drawing_in_a_page_carries_both_layouts_and_names_nothing_twice():
    text = drawn("accuracy").html()
    assert text.count("<svg") == text.count('role="img"') == 2
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and all(f"#{name}" in text for name in ids)
    assert "@container" in text and "prefers-color-scheme" not in text
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", text)]
    # Points of the SVG are 4/3 pixels; on a phone 296 pixels are left of 360 for 3.5 inches.
    assert min(sizes) * 296 / (NARROW * 72) >= 9


def test_the_svg_takes_the_pages_colour_and_says_what_it_shows(tmp_path):
    drawing = drawn("<accuracy>")
    text = drawing.svg()
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img" and root.get("aria-label") == drawing.alt
    assert (
        "currentColor" in text
        and INK not in text
        and "DejaVu" not in text
        and "font-family" not in text
    )
    assert text == drawn("<accuracy>").svg(), "two builds give the same bytes"
    for path, content in drawing.files(tmp_path / "a.svg").items():
        path.write_text(content, encoding="utf-8")
    assert ElementTree.parse(tmp_path / "a.svg").getroot().get("color") == INK
    assert from_files(tmp_path / "a.svg") == drawing.html(), "a page shows what is stored"
