"""A figure for a page: small, and what it shows is what matplotlib drew."""

from __future__ import annotations

import re

import pytest

from trlib.drawing import HUES, Drawing, panels

pytest.importorskip("matplotlib")


def test_a_scatter_of_many_dots_is_a_few_paths_that_hold_every_dot() -> None:
    figure, (ax,) = panels()
    count = 600
    ax.plot(range(count), [i % 7 for i in range(count)], "o", alpha=0.5, color=HUES["h1"])
    svg = Drawing(figure, alt="dots").svg()
    assert svg.count("h0") == count, "one point a dot"
    assert len(re.findall("<[a-z]", svg)) < 150 and len(svg) < 30_000
    assert "stroke-opacity: 0.5" in svg and "<metadata" not in svg and "<!--" not in svg


def test_many_squares_are_paths_with_square_ends_and_other_marks_stay() -> None:
    for mark, counted in (("s", 100), ("^", 0), ("D", 0), ("v", 0)):
        figure, (ax,) = panels()
        ax.plot(range(100), range(100), mark, color=HUES["h1"])
        svg = Drawing(figure, alt="marks").svg()
        assert svg.count("h0") == counted, mark
        assert ('h0" style="stroke-linecap: square"' in svg) == bool(counted), mark


def test_powers_are_written_as_the_pages_write_them() -> None:
    figure, (ax,) = panels()
    ax.plot([1e-5, 1e-3, 1e6], [0.2, 0.5, 0.9])
    ax.set(xscale="log", yscale="log")
    svg = Drawing(figure, alt="rates").svg()
    assert "<tspan" not in svg and ">1e-4<" in svg and ">0.2<" in svg
    assert not re.search(r"font-size: [0-7]\.", svg), "an exponent of nine pixels or less"


def test_a_few_markers_and_a_line_stay_what_they_are() -> None:
    figure, (ax,) = panels()
    ax.plot([0, 1, 2], [0.0, 0.5, 1.0], "s-", color=HUES["h5"], label="three")
    ax.set_title("$r^2$")
    svg = Drawing(figure, alt="a line").svg()
    assert len(re.findall(f"<use [^>]*{HUES['h5']}", svg)) == 3
    line = re.search(r'<path d="M ([^"]*)"[^>]*stroke: var\(--h5', svg)
    assert line
    points = [float(x) for x in line[1].replace("L", "").split()]
    across, up = points[::2], points[1::2]
    assert across[1] - across[0] == pytest.approx(across[2] - across[1], abs=0.02)
    assert up[0] - up[1] == pytest.approx(up[1] - up[2], abs=0.02)
    assert re.search(r">r</tspan>|>r<", svg), "words stay words"


def test_words_keep_every_digit() -> None:
    figure, (ax,) = panels()
    ax.plot([0, 1], [0.9001, 0.9053], label="0.9053")
    ax.set_yticks([0.901, 0.905])
    ax.set_title("ends at 0.905")
    svg = Drawing(figure, alt="It ends at 0.905 [0.902, 0.907].").svg()
    assert 'aria-label="It ends at 0.905 [0.902, 0.907]."' in svg
    assert [words for words in ("0.901", "0.905", "ends at 0.905") if f">{words}<" not in svg] == []
