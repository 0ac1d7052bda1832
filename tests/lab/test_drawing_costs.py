"""Figures of what is given for what: they draw the numbers that they are given, name them in words,
and fit a phone."""

import re

from tests.losses import refused
from trlab.drawing import NARROW
from trlab.drawing import costs as tradeoffs
from trlab.kl_cost import frontier
from trlib.evaluation import Estimate

TRADES = frontier(
    {
        "best": ([0.88, 0.9, 0.9, 0.92], [0.9, 1, 1, 1.1]),
        "cheap": ([0.8] * 4, [0.1, 0.2, 0.2, 0.3]),
        "worse": ([0.7, 0.8, 0.8, 0.85], [2.0] * 4),
    }
)


def fits_a_phone(drawing):
    """No text below nine pixels where 296 of 360 are left for the figure."""
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", drawing.narrow())]
    return min(sizes) * 296 / (NARROW * 72) >= 9


def test_a_frontier_shows_both_intervals_names_each_point_and_fills_who_is_not_dominated():
    drawing = tradeoffs.frontier(
        {label: {"": trade} for label, trade in TRADES.items()}, measure="accuracy"
    )
    (ax,) = drawing.figure.axes
    points = [line for line in ax.lines if line.get_marker() not in ("None", "", None)]
    assert [(*p.get_xdata(), *p.get_ydata()) for p in points] == [
        (t.nats.value, t.accuracy.value) for t in TRADES.values()
    ]
    assert [p.get_markerfacecolor() == "none" for p in points] == [False, False, True]
    assert len({(p.get_marker(), p.get_color()) for p in points}) == 3
    bars = [
        (tuple(line.get_xdata()), tuple(line.get_ydata()))
        for line in ax.lines
        if line not in points
    ]
    for trade in TRADES.values():
        x, y = trade.nats, trade.accuracy
        assert ((x.low, x.high), (y.value, y.value)) in bars and (
            (x.value, x.value),
            (y.low, y.high),
        ) in bars
    names = {note.get_text(): note for note in ax.texts}
    assert (
        list(names) == ["best", "cheap", "worse"]
        and len({note.xyann for note in names.values()}) == 3
    )
    assert all(names[label].xy == (t.nats.value, t.accuracy.value) for label, t in TRADES.items())
    assert "best 0.90 [0.88, 0.92] for 1 [0.9, 1.1] nats, on the frontier" in drawing.alt
    assert drawing.alt.count("on the frontier") == 2 and fits_a_phone(drawing)


def test_settings_of_one_method_are_joined_in_their_order_in_a_panel_of_its_own():
    found = {
        "a": {"0.1": TRADES["cheap"], "1": TRADES["best"], "10": TRADES["worse"]},
        "b": {"1": TRADES["worse"]},
    }
    drawing = tradeoffs.frontier(found, measure="accuracy")
    first, second = drawing.figure.axes
    assert [first.get_title(), second.get_title()] == ["a", "b"]
    joined = [
        line for line in first.lines if len(line.get_xdata()) == 3 and line.get_linewidth() > 1
    ]
    assert [list(line.get_xdata()) for line in joined] == [[0.2, 1.0, 2.0]]
    assert [note.get_text() for note in first.texts] == [
        "0.1",
        "10",
    ] and "a 0.1 0.80" in drawing.alt
    assert fits_a_phone(drawing)
    refused(
        r"points: expected at least one setting of every label, got {'a': {}}",
        tradeoffs.frontier,
        {"a": {}},
        measure="accuracy",
    )


def test_a_row_at_matched_reward_says_how_many_runs_it_speaks_for():
    drawing = tradeoffs.matched(
        {"ppo": (Estimate(0.75, 0.7, 0.8), 8, 8), "quatro": (Estimate(0.7, 0.6, 0.72), 7, 8)},
        measure="entropy",
        level=0.7,
    )
    (ax,) = drawing.figure.axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["ppo", "quatro (7 of 8)"]
    assert list(ax.lines[0].get_xdata()) == [0.7, 0.8] and list(ax.lines[3].get_xdata()) == [0.7]
    assert "quatro (7 of 8) 0.70 [0.60, 0.72]" in drawing.alt and fits_a_phone(drawing)
