"""Figures of sweeps: what they draw, and that they can be read in light, in dark, and without
colour."""

import json
import re
from importlib.resources import files
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.losses import refused
from trlab.drawing import HUES, INK, LOOKS, NARROW, name_lines, panels
from trlab.drawing.display_names import NAMES
from trlab.drawing.figure import from_files
from trlab.drawing.scores import curves, intervals
from trlab.statistics import interval

PAPERS = (("#ffffff", "#f7f8fa", "#f4f6f6"), ("#12181e", "#14181d", "#1b2026", "#1b232b"))
"""What the book's pages and the explorables' panels are, light and dark."""
rng = np.random.default_rng(0)
SCORES = {
    name: np.clip(rng.normal(mean, 0.08, 8), 0, 1) for name, mean in (("PPO", 0.5), ("TROLL", 0.75))
}


def channels(colour):
    """Linear red, green and blue of a hexadecimal sRGB colour."""
    s = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    """WCAG's contrast ratio."""
    high, low = sorted(
        (float(channels(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b)), reverse=True
    )
    return (high + 0.05) / (low + 0.05)


def lab(linear):
    """CIELAB, D65."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    t = to_xyz @ np.clip(linear, 0, 1) / to_xyz.sum(1)
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


TABLE = json.loads((files("trlab") / "drawing" / "looks.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("theme", "papers"), [*enumerate(PAPERS)])
def test_every_hue_can_be_read_on_its_papers(theme, papers):
    """4.5 : 1, because names are written in them."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    hues = {name: hue[theme] for name, hue in TABLE["hues"].items()}
    low = [(name, p) for name, hue in hues.items() for p in papers if contrast(hue, p) < 4.5]
    assert not low


# Machado, Oliveira and Fernandes 2009, at full severity, on linear light.
SEEN = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("vision", SEEN)
def test_hues_are_told_apart_with_any_colour_vision(vision, theme):
    seen = [lab(np.array(SEEN[vision]) @ channels(hue[theme])) for hue in TABLE["hues"].values()]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 15


def test_no_two_methods_look_the_same_and_methods_of_one_hue_differ_without_it():
    looks = {key: tuple(look) for key, look in TABLE["looks"].items()}
    assert [pair for pair in combinations(looks, 2) if looks[pair[0]] == looks[pair[1]]] == []
    assert {hue for hue, _, _ in looks.values()} <= TABLE["hues"].keys()
    main = ("pg_is", "fresh", "ppo", "grpo", "gspo", "dppo", "quatro", "troll", "cispo")
    assert len({looks[key][0] for key in main}) == len(main), "hue"
    assert len({looks[key][1:] for key in (*main, "split")}) == len(main) + 1, "dash and mark"
    assert NAMES.keys() <= LOOKS.keys() and {*TABLE["also"].values()} <= looks.keys()


def test_lines_that_end_together_have_names_that_do_not_touch():
    figure, (ax,) = panels()
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


def test_an_interval_plot_draws_the_statistics():
    drawing = intervals(SCORES, measure="sampled accuracy", reference=0.26)
    ax = drawing.figure.axes[0]
    for row, (label, runs) in enumerate(SCORES.items()):
        estimate = interval(runs)
        bar, dot, ticks = ax.lines[3 * row : 3 * row + 3]
        assert list(bar.get_xdata()) == [estimate.low, estimate.high] and list(dot.get_xdata()) == [
            estimate.value
        ]
        assert sorted(ticks.get_xdata()) == sorted(runs) and set(ticks.get_ydata()) == {row + 0.3}
        assert f"{label} {estimate:.2f}" in drawing.alt
    assert [text.get_text() for text in ax.get_yticklabels()] == ["PPO", "TROLL"]


def test_a_drawing_in_a_page_carries_both_layouts_and_names_nothing_twice():
    text = intervals(SCORES, measure="accuracy").html()
    assert text.count("<svg") == text.count('role="img"') == 2
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and all(f"#{name}" in text for name in ids)
    assert "@container" in text and "prefers-color-scheme" not in text
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", text)]
    # Points of the SVG are 4/3 pixels; on a phone 296 pixels are left of 360 for 3.5 inches.
    assert min(sizes) * 296 / (NARROW * 72) >= 9


def stale(labels):
    """Accuracies at 1, 8 and 32 updates of methods of which each falls deeper than the one
    before."""
    r = np.random.default_rng(1)
    return {
        f"m{i}": {u: 0.9 - 0.03 * i * np.log2(u) + r.normal(0, 0.01, 6) for u in (32.0, 1.0, 8.0)}
        for i in range(labels)
    }


def test_curves_join_the_statistics_with_bands_and_mark_the_fall():
    scores = stale(3)
    drawing = curves(scores, along="updates a batch", measure="sampled accuracy", drop=0.05)
    (ax,) = drawing.figure.axes
    lines = {line.get_label(): line for line in ax.lines}
    bands = ax.collections
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert len(bands) == 3 and len(crosses) == 2, "m0 never falls"
    for i, (label, runs) in enumerate(scores.items()):
        found = {u: interval(runs[u]) for u in (1, 8, 32)}
        assert lines[label].get_xdata().tolist() == [1, 8, 32]
        assert lines[label].get_ydata().tolist() == [e.value for e in found.values()]
        corners = {tuple(corner) for corner in bands[i].get_paths()[0].vertices.tolist()}
        assert {(u, y) for u, e in found.items() for y in (e.low, e.high)} <= corners
        assert f"{label} " + ", ".join(f"{e:.2f} at {u}" for u, e in found.items()) in drawing.alt
        if i:
            fell = min(u for u, e in found.items() if e.value <= found[1].value - 0.05)
            assert [fell, found[fell].value] in [[*c.get_xdata(), *c.get_ydata()] for c in crosses]
            assert f"fallen by 0.05 at {fell:g}" in drawing.alt
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "8", "32"]
    assert len(curves(scores, along="u", measure="a").figure.axes[0].lines) == 3, (
        "no marks unless they are asked for"
    )


def test_a_control_is_what_the_others_fall_below():
    scores = {
        "on-policy": {1: [0.8] * 3, 8: [0.9] * 3},
        "a": {1: [0.8] * 3, 8: [0.84] * 3},
        "b": {1: [0.8] * 3, 8: [0.88] * 3},
        "c": {1: [0.7] * 3, 8: [0.9] * 3},
    }
    drawing = curves(scores, along="u", measure="a", drop=0.05, control="on-policy")
    crosses = [line for line in drawing.figure.axes[0].lines if line.get_marker() == "x"]
    assert [[*c.get_xdata(), *c.get_ydata()] for c in crosses] == [
        [8, pytest.approx(0.84)],
        [1, pytest.approx(0.7)],
    ]
    alone = curves(scores, along="u", measure="a", drop=0.05)
    assert len(alone.figure.axes[0].lines) == 4, "below their own first place none has fallen"


def test_many_curves_get_a_panel_each_with_the_others_behind():
    scores = stale(7)
    drawing = curves(scores, along="updates a batch", measure="sampled accuracy")
    panels = drawing.figure.axes
    assert [ax.get_title() for ax in panels] == list(scores)
    for label, ax in zip(scores, panels, strict=True):
        (front,) = [line for line in ax.lines if line.get_marker() != "None"]
        assert front.get_ydata().tolist() == [interval(scores[label][u]).value for u in (1, 8, 32)]
        assert (
            front.get_color() == HUES["h5"]
            and front.get_linewidth() > 2 * ax.lines[0].get_linewidth()
        )
        behind = [line.get_ydata().tolist() for line in ax.lines if line is not front]
        assert behind == [[interval(runs[u]).value for u in (1, 8, 32)] for runs in scores.values()]
        assert len(ax.collections) == 1 and ax.get_ylim() == panels[0].get_ylim()
    # Numbers below the lowest panel of each column, and only there.
    assert [ax.xaxis.get_tick_params()["labelbottom"] for ax in panels] == [False] * 3 + [True] * 4


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({}, "scores: expected at least one variant, got none"),
        ({"a": {}}, r"scores: expected runs of 'a' at places above 0, got \[\]"),
        ({"a": {0: [0.5]}}, r"scores: expected runs of 'a' at places above 0, got \[0\]"),
    ],
)
def test_curves_without_runs_are_refused(scores, words):
    refused(words, curves, scores, along="updates", measure="x")


def test_the_svg_takes_the_pages_colour_and_says_what_it_shows(tmp_path):
    drawing = intervals(SCORES, measure="<accuracy>")
    text = drawing.svg()
    root = ElementTree.fromstring(text)
    assert root.get("role") == "img" and root.get("aria-label") == drawing.alt
    assert (
        "currentColor" in text
        and INK not in text
        and "DejaVu" not in text
        and "font-family" not in text
    )
    assert text == intervals(SCORES, measure="<accuracy>").svg(), "two builds give the same bytes"
    drawing.save(tmp_path / "a.svg")
    assert ElementTree.parse(tmp_path / "a.svg").getroot().get("color") == INK
    drawing.save(tmp_path / "a.svg", narrow=True)
    assert from_files(tmp_path / "a.svg") == drawing.html(), "a page shows what is stored"
    refused("scores: expected at least one variant, got none", intervals, {}, measure="x")
