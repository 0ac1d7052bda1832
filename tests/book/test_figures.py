"""A figure of matplotlib in a notebook is shown as the book shows one, and says what it shows."""

import json
import re

import matplotlib as mpl
import numpy as np
import pytest

from book.build.cards import made
from book.build.ext.stored import code_cells, unpacked
from book.build.paths import ROOT, chapters
from trbook.explorables.files import PAGE
from trbook.figures import STYLE, described, drawing
from trbook.reveal import reveal
from trlab import recorded
from trlab.drawing import COLOURS, HUES, bands, curves, intervals
from trlab.drawing.looks import INK, TABLE
from trlab.statistics import interval, iqm

mpl.use("agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def style():
    with plt.style.context(STYLE):
        yield
    plt.close("all")


def test_the_style_has_the_book_s_colours():
    cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    assert cycle == list(COLOURS)
    assert plt.subplots()[1].axhline(0).get_color() == INK


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


def names(html, look=""):
    """Which of two names stand in a figure for a page, in order."""
    page = html.split('class="drawn-narrow"')[0]
    return sorted(re.findall(rf"<text [^>]*{look}[^>]*>(mine|theirs)<", page))


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        (lambda ax: ax.legend(), True),
        (lambda ax: ax.legend(loc="lower right"), False),
        (lambda ax: (ax.bar([1], [1], label="bar"), ax.legend()), False),
        (lambda ax: (ax.plot([1], [1], label="half a page " * 6), ax.legend()), False),
    ],
    ids=["names", "a place of its own", "no line", "too long"],
)
def test_names_stand_at_the_ends_of_lines_or_in_a_legend(change, ends):
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1], label="mine")
    ax.plot([0, 1], [0, 0.5], label="theirs")
    change(ax)
    html = drawing(fig).html()
    assert names(html) == ["mine", "theirs"]
    assert names(html, look=r"var\(--a[01]") == (["mine", "theirs"] if ends else [])
    assert ax.get_legend().get_visible() and not ax.texts, "the figure is as it was"


def test_black_that_fills_a_mark_fills_it_in_the_dark_too():
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1], "ko")
    assert "height: auto; fill: currentColor" in drawing(fig).svg(), "matplotlib leaves black out"


def test_without_a_legend_nothing_is_named():
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1], label="mine")
    assert names(drawing(fig).html()) == []


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


def test_many_points_and_maps_are_told_in_numbers():
    fig, (left, right) = plt.subplots(1, 2)
    left.scatter(range(20), range(20))
    left.plot(range(9), range(9), "s", label="squares")
    right.imshow([[0, 1, 2], [3, 4, 5]])
    text = described(fig)
    assert "20 points between 0 and 19 across, 0 and 19 up" in text
    assert "Squares 9 points between 0 and 8 across" in text
    assert "A map of 2 by 3 values from 0 to 5" in text


def test_an_answer_takes_the_figure_from_the_end_of_its_cell():
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1], label="mine")
    shown = reveal(fig)._repr_mimebundle_()["text/html"]
    assert shown.startswith("<details") and shown.count("<svg") == 2
    assert not plt.get_fignums(), "matplotlib would show it again, open"


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


def test_what_is_drawn_has_the_colours_of_the_table_alone():
    known = {INK, *(colour for hue in TABLE["hues"].values() for colour in hue)}
    made.prepare()
    curves = [*made.OUT.glob("*.svg")]
    stored = [*(ROOT / "book/_static").glob("*/*.svg"), *curves]
    shown = {path: path.read_text("utf-8") for path in stored}
    for path in chapters():
        cells = code_cells(json.loads(path.read_text("utf-8"))).values()
        outputs = [one.get("data", {}) for cell in cells for one in cell["outputs"]]
        drawn = "".join(unpacked(one[PAGE]) for one in outputs if PAGE in one)
        shown[path] = "".join(re.findall('<svg role="img".*?</svg>', drawn))
    found = {path: set(re.findall(r"#[0-9a-f]{6}\b", text)) for path, text in shown.items()}
    assert {path.name: other for path, own in found.items() if (other := own - known)} == {}
    cards = [shown[path] for path in stored if path in curves]
    hues = {frozenset(re.findall(r"var\(--(\w+),", text)) for text in cards}
    assert hues == {frozenset(["good", "bad"]), frozenset(["good"])}


def test_explorables_take_hues_from_the_table():
    js, found = ROOT / "book/trbook/explorables/js", {}
    for folder in sorted(js.iterdir()):
        files = [*folder.rglob("*.js"), *folder.rglob("*.css")] if folder.is_dir() else [folder]
        if folder.name != "node_modules" and folder.suffix in ("", ".js"):
            text = "".join(path.read_text("utf-8") for path in files)
            if own := set(re.findall(r"--h\d\b|#[0-9a-f]{6}\b", text)):
                found[folder.name] = {hue[2:] for hue in own if hue[0] == "-"}
    greys = {name: found.pop(name) for name in ("loop", "parts")}
    assert not any(greys.values())
    # Chapter 9's figure has the ratio term in another hue than TROLL's.
    assert found.pop("projection.js") == {"h4"}
    assert found == {}
