"""Basins of many methods, a bar each: what the bars, dots and arrows say."""

import pandas as pd
import pytest

from trlab.basin import basins
from trlab.drawing.arms import data_of
from trlab.drawing.figure_registry import figure
from trlab.drawing.rates import bars, written_rate
from trlab.drawing.recorded import draw
from trlab.record import read, recorded
from trlab.statistics import iqm
from trlab.sweep import load_sweep
from trlab.tuning import chosen_at_each, summary

RATES = (1e-5, 1e-4, 1e-3)
ENDS = {"wide": (0.9, 0.9, 0.2), "narrow": (0.2, 0.9, 0.2), "never": (0.3, 0.4, 0.2)}


def runs():
    rows = [
        {"label": label, "lr": str(rate), "seed": seed, "sampled": end}
        for label, ends in ENDS.items()
        for rate, end in zip(RATES, ends, strict=True)
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (3e-5, "3e-5"),
        (1.5e-3, "1.5e-3"),
        (2.4e-4, "2.4e-4"),
        (1.0, "1"),
        (0.03, "0.03"),
        (0.000999, "1e-3"),
    ],
)
def test_a_rate_is_written_with_two_digits_where_it_has_them(rate, text):
    assert written_rate(rate) == text


def test_a_bar_is_the_basin_and_an_arrow_says_that_the_rates_end_first():
    drawing = bars(basins(runs()), RATES)
    (ax,) = drawing.figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "wide, 0.90",
        "narrow, 0.90",
        "never, 0.40",
    ]
    lines = [(line.get_marker(), list(line.get_xdata())) for line in ax.lines]
    dots = [xs for marker, xs in lines if marker == "o"]
    arrows = [(marker, xs) for marker, xs in lines if marker in "<>"]
    lengths = [xs for marker, xs in lines if len(xs) == 2]
    assert dots == [[1e-5], [1e-4], [1e-4]]
    assert arrows == [("<", [1e-5])]
    share = 0.05 / 0.7  # of a decade: from .9 to the line at .85, on the way to .2
    assert lengths[0] == pytest.approx([1e-5, 1e-4 * 10**share])
    assert lengths[1] == pytest.approx([1e-4 / 10**share, 1e-4 * 10**share]) and len(lengths) == 2
    assert (
        "wide's basin goes from 1e-5 or less" in drawing.alt and "never has no basin" in drawing.alt
    )


def test_the_choices_of_a_page_are_those_that_a_comparison_takes():
    """At each number of uses; a choice at the end of the rates says so."""
    sweep, tried, _ = read("gallery_map")
    shown = summary(sweep, tried, each="uses").set_index(["label", "uses"])
    variant_of = {variant.name: variant for variant in sweep.variants}
    for variant in chosen_at_each(load_sweep("gallery_map"), "uses"):
        for uses in ("1", "8"):
            rate = float(shown.loc[(variant.name, uses), "lr"])
            arguments = {**sweep.train, **variant.train, **variant.instead["uses"][uses]}
            # An optimiser's rates are multiples of the axis's.
            own = (
                variant_of[variant.name].instead.get("lr", {}).get(f"{rate:g}", {"lr": rate})["lr"]
            )
            assert arguments["lr"] == pytest.approx(own), variant.name
    assert (
        shown.loc[("lco-mse", "8"), "edges"] == ("lr",) and shown.loc[("ppo", "8"), "edges"] == ()
    )


def test_what_a_run_fits_follows_from_its_arguments():
    assert data_of({"prompts": 16, "group": 8, "epochs": 16}) == "again"
    assert (
        data_of({"prompts": 16, "group": 16, "epochs": 16})
        == "larger"
        == data_of({"prompts": 64, "epochs": 16})
    )
    assert data_of({"prompts": 256, "group": 8, "epochs": 16}) == "largest"
    assert (
        data_of({"prompts": 256, "minibatches": 16}) == "parts"
        and data_of({"prompts": 16, "lr": 1e-4}) == "new"
    )


def test_distance_shows_every_cell_of_its_three_sweeps():
    one = figure("ends-by-distance")
    drawing = draw(one, *read("basin"))
    (ax,) = drawing.figure.axes
    shown = {
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in ax.lines
        if len(line.get_xdata()) == 1 and line.get_marker() != "None"
    }
    every = pd.concat([recorded(name)[0] for name in ("basin", "refit", "refit_size")])
    cells = [part for _, part in every.groupby(["sweep", "label", "lr"])]
    assert shown == {(iqm(part["kl"]), iqm(part["sampled"])) for part in cells}
    assert (
        ax.get_xscale() == "log"
        and "TROLL, reused: 16 prompts, 16 times: 0.88 at 0.00046" in drawing.alt
    )
