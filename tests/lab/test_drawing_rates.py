"""Figures over learning rates and distances: what they show of which runs."""

import pandas as pd
import pytest

from trlab.drawing.arms import data_of
from trlab.drawing.figure_registry import figure
from trlab.drawing.rates import written_rate
from trlab.drawing.recorded import draw
from trlab.record import read, recorded
from trlab.statistics import iqm
from trlab.sweep import load_sweep
from trlab.tuning import summary


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


def test_the_choices_of_a_page_are_those_that_a_comparison_takes():
    """At each number of uses; a choice at the end of the rates says so."""
    sweep, tried, _ = read("gallery_map")
    shown = summary(sweep, tried, each="uses").set_index(["label", "uses"])
    variant_of = {variant.name: variant for variant in sweep.variants}
    for variant in load_sweep("gallery_best").variants:
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
