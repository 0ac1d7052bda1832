"""The rule by which settings are chosen: on tables whose answer is known, and on the record that
ships."""

import pandas as pd
import pytest

from tests.losses import refused
from trlab.drawing.rates import written_rate
from trlab.record import read
from trlab.sweep import load_sweep
from trlab.tuning import choose, summary


def table(**scores):
    """Two seeds of every (lr, accuracy, divergence): the mean is as given."""
    seeds = {100: 0.1, 101: -0.1}
    return pd.DataFrame(
        [
            {
                "label": label,
                "lr": lr,
                "seed": seed,
                "status": "done",
                "sampled": accuracy + side,
                "kl": kl,
            }
            for label, found in scores.items()
            for lr, accuracy, kl in found
            for seed, side in seeds.items()
        ]
    )


def test_an_axis_of_one_point_or_of_words_has_no_edge():
    for points in ([("0.0001", 0.9, 1)], [("few", 0.9, 1), ("many", 0.5, 1)]):
        assert choose(table(ppo=points), ["lr"])["edges"][0] == ()


def test_a_configuration_with_a_failed_run_cannot_win():
    runs = table(ppo=[("1", 0.5, 0.1), ("2", 0.9, 0.3)])
    runs.loc[2, "status"] = "failed"
    found = choose(runs, ["lr"]).iloc[0]
    assert (found["lr"], found["tried"]) == ("1", 2)
    assert tuple(found[["score", "best", "kl"]]) == pytest.approx((0.5, 0.5, 0.1))
    runs["status"] = "failed"
    refused("runs: expected a configuration of 'ppo' without failed runs", choose, runs, ["lr"])
    refused(
        r"runs: expected seeds \[100, 101\] of \('ppo', '1'\)", choose, runs.drop(index=0), ["lr"]
    )


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
