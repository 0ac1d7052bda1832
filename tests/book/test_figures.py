"""A figure of matplotlib in a notebook is shown as the book shows one, and says what it shows."""

import re

import matplotlib as mpl
import numpy as np
import pytest

from trbook.figures import STYLE, described, drawing
from trlab import recorded
from trlab.drawing import HUES, bands, curves, intervals
from trlab.statistics import interval, iqm

mpl.use("agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def style():
    with plt.style.context(STYLE):
        yield
    plt.close("all")


def test_both_layouts_stand_in_the_page_s_colours_and_are_the_same_each_time():
    fig, axes = plt.subplots(1, 2)
    for ax in axes:
        ax.plot([1, 2], [0, 1], label="theirs")
        ax.plot([1, 2], [1, 2], color="gray")
        ax.plot([1, 2], [2, 1], color="black", label="mine")
        ax.legend()
    html = drawing(fig).html()
    assert html == drawing(fig).html()
    assert html.count("<svg") == 2 and f"var(--a0, {HUES['a0']})" in html
    assert not re.search("#808080|#000000|#7b7b7c", html)
    assert all("fill: " in words for words in re.findall("<text [^>]*>", html)), "black in the dark"


def test_words_are_read_off_the_axes():
    fig, (left, right) = plt.subplots(1, 2)
    left.plot([1, 2, 3], [0.2, 0.9, 0.5], label="mine")
    left.plot([1, 3], [0.1, np.nan], "o", label="one")
    left.axhline(0.3, label="edge")
    left.fill_between([1, 3], [0, 0.25], [1, 0.75], label="all")
    left.set(xlabel="batch", ylabel="reward", title="earned")
    right.bar(["few", "many"], [3, 4.5])
    right.set(ylabel="updates")
    assert described(fig) == (
        "Two panels. Earned: reward over batch: mine from 0.2 to 0.5, at most 0.9 at 2; one at 0.1; "
        "edge at 0.3; all at the end between 0.25 and 0.75. Updates: 3 at few, 4.5 at many."
    )
    fig.set_label("words of its own")
    assert drawing(fig).alt == "words of its own"
    fig, (left, right) = plt.subplots(1, 2, sharex=True)
    left.set(xlabel="batch")
    left.plot([1, 2, 3])
    right.plot([3, 2, 1])
    assert described(fig) == "Two panels. Batch: from 1 to 3. From 3 to 1.", (
        "none of its neighbour's"
    )


def test_bands_are_the_record_s_runs():
    ax = plt.subplots()[1]
    bands(ax, "basin", {"ppo": "PPO's clip", "pg_is": "no region"}, lr=1e-4)
    history = recorded("basin")[1].query("label == 'ppo' and lr == '0.0001'")
    own = history.groupby("batch")["reward"]
    line = ax.lines[0]
    assert line.get_label() == "PPO's clip" and line.get_color() == HUES["h1"]
    np.testing.assert_allclose(line.get_ydata(), own.mean())
    corners = ax.collections[0].get_paths()[0].vertices
    last = corners[corners[:, 0] == 23, 1]
    np.testing.assert_allclose([last.min(), last.max()], [own.min()[23], own.max()[23]])


def test_curves_and_intervals_are_interquartile_means():
    runs = recorded("basin")[0].query("label == 'ppo'")
    fig, (left, right) = plt.subplots(1, 2)
    curves(left, "basin", ["ppo"])
    (line,) = left.lines
    for rate, end in zip(line.get_xdata(), line.get_ydata(), strict=True):
        own = runs[runs["lr"].astype(float) == rate]["sampled"]
        assert end == pytest.approx(iqm(own.to_numpy()))
    assert left.get_xscale() == "log" and left.get_xticklabels()[0].get_text() == "3e-6"
    intervals(right, "basin", {"ppo": "PPO", "troll": "TROLL"}, lr="1e-4")
    found = interval(runs[runs["lr"] == "0.0001"]["sampled"].to_numpy())
    np.testing.assert_allclose(right.lines[0].get_xdata(), [found.low, found.high])
    assert f"PPO {found.value:.3g}" in described(fig)
