"""Figures of sweeps: what they draw, and that they can be read in light, in dark, and without colour."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

from trlib.lab.statistics import improvement, interval, performance_profile
from trlib.pages.plots import COLOURS, DASHES, INK, MOST, improvements, intervals, profiles

PAPERS = ("#ffffff", "#12181e")
rng = np.random.default_rng(0)
SCORES = {name: np.clip(rng.normal(mean, 0.08, 8), 0, 1) for name, mean in (("PPO", 0.5), ("TROLL", 0.75))}


def channels(colour: str) -> np.ndarray:
    """Linear red, green and blue of a hexadecimal sRGB colour."""
    s = np.array([int(colour[i:i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """WCAG's contrast ratio."""
    high, low = sorted((float(channels(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_colour_stands_out_from_both_papers():
    assert {(colour, paper): round(contrast(colour, paper), 2) for colour in COLOURS for paper in PAPERS
            if contrast(colour, paper) < 2.9} == {}
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_no_two_series_share_colour_and_dash():
    pairs = [(i % len(COLOURS), i % len(DASHES)) for i in range(MOST)]
    assert len(set(pairs)) == MOST == 20
    with pytest.raises(ValueError, match="expected at most 20 variants in one figure, got 21"):
        profiles({str(i): [0.1, 0.2] for i in range(21)}, measure="x")


def test_colours_differ_for_who_does_not_see_red_or_green():
    # Viénot, Brettel and Mollon 1999: what a protanope and a deuteranope see, in linear light; then lightness and b.
    missing = {"protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
               "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]}
    for matrix in missing.values():
        seen = [np.cbrt(np.clip(np.array(matrix) @ channels(colour), 0, 1)) for colour in COLOURS]
        assert min(float(np.abs(a - b).max()) for a, b in combinations(seen, 2)) > 0.07


def test_an_interval_plot_draws_the_statistics():
    drawing = intervals(SCORES, measure="sampled accuracy", reference=0.26)
    ax = drawing.figure.axes[0]
    for row, (label, runs) in enumerate(SCORES.items()):
        estimate = interval(runs)
        bar, dot, ticks = ax.lines[3 * row:3 * row + 3]
        assert bar.get_xdata() == [estimate.low, estimate.high] and dot.get_xdata() == [estimate.value]
        assert sorted(ticks.get_xdata()) == sorted(runs) and set(ticks.get_ydata()) == {row}
        assert f"{label} {estimate:.2f}" in drawing.alt
    assert [text.get_text() for text in ax.get_yticklabels()] == ["PPO", "TROLL"]


def test_improvements_are_drawn_around_a_half():
    drawing = improvements({"TROLL > PPO": (SCORES["TROLL"], SCORES["PPO"])})
    ax, estimate = drawing.figure.axes[0], improvement(SCORES["TROLL"], SCORES["PPO"])
    assert ax.lines[1].get_xdata() == [estimate.value] and ax.lines[2].get_xdata() == [0.5, 0.5]
    assert f"TROLL > PPO {estimate:.2f}" in drawing.alt


def test_profiles_are_drawn_with_dashes_and_their_medians_are_said():
    taus = np.linspace(0, 1, 21)
    drawing = profiles(SCORES, measure="sampled accuracy", thresholds=taus)
    lines = drawing.figure.axes[0].lines
    for line, (label, runs) in zip(lines, SCORES.items(), strict=True):
        assert line.get_ydata().tolist() == performance_profile(runs, taus).tolist() and line.get_label() == label
        said = float(re.search(rf"{label} ([\d.]+)", drawing.alt)[1])
        assert abs(said - np.median(runs)) <= 0.05
    assert lines[0].get_linestyle() != lines[1].get_linestyle()


def test_the_svg_takes_the_pages_colour_and_says_what_it_shows(tmp_path):
    drawing = intervals(SCORES, measure="<accuracy>")
    text = drawing.svg()
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img" and root.get("aria-label") == drawing.alt
    assert "currentColor" in text and INK not in text and "DejaVu" not in text and "font-family: inherit" in text
    assert text == intervals(SCORES, measure="<accuracy>").svg(), "two builds give the same bytes"
    drawing.save(tmp_path / "a.svg")
    assert ElementTree.parse(tmp_path / "a.svg").getroot().get("color") == INK
    with pytest.raises(ValueError, match="expected at least one variant, got none"):
        intervals({}, measure="x")
