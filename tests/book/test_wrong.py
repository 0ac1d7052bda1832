"""The page *What we got wrong*: numbers on it that no record's directive fills."""

import re

import numpy as np

from book.build.ext.quoted import shown
from book.build.paths import ROOT
from trlab import recorded
from trlab.record import all_recorded
from trlab.statistics import interval, iqm
from trlab.sweep import load_sweep

PAGE = (ROOT / "book/wrong.md").read_text(encoding="utf-8")


def tolerance(runs):
    """The first round's number: where a line in log₂ of the updates falls five points below one
    update."""
    heights = [
        iqm(runs.loc[runs["updates"] == updates, "sampled"].to_numpy())
        for updates in ("1", "8", "32")
    ]
    places, floor = np.log2([1, 8, 32]), heights[0] - 0.05
    after = next(i for i, height in enumerate(heights) if height <= floor)
    share = (heights[after - 1] - floor) / (heights[after - 1] - heights[after])
    return float(2 ** (places[after - 1] + share * (places[after] - places[after - 1])))


def test_the_tolerances_that_were_claimed_are_the_ones_that_were_computed():
    cool, hot = (
        recorded("shootout")[0].query("label == 'ppo'"),
        recorded("heatmap")[0].query("label == 'ppo'"),
    )
    found = tolerance(cool), tolerance(hot[hot["lr"] == "0.0003"])
    assert f"PPO's was {found[0]:.1f} updates at a learning rate of 1e-4" in PAGE
    assert 1 < found[1] < 8, "where nothing had been measured"


def test_eight_runs_are_covered_a_little_too_seldom():
    rng, hits, draws = np.random.default_rng(0), 0, 600
    for _ in range(draws):
        e = interval(rng.normal(size=8), resamples=600)
        hits += e.low <= 0 <= e.high
    told = int(re.search(r"it covers about (\d+) %", PAGE)[1])
    assert abs(hits / draws - told / 100) < 0.02, hits / draws


def test_what_is_told_as_undecided_is():
    quotes = (
        "tuned quatro over ppo uses=16",
        'noise "ppo + mask" over "ppo, learner" "sampler of=int4"',
        "reuse dppo-tv over pg_is uses=16",
    )
    assert f"<!--rec {quotes[0]}-->" in PAGE
    for quote in quotes:
        assert "; undecided" in shown(quote), quote


def test_one_sweep_asked_as_many_questions_as_the_page_says():
    most = max(len(load_sweep(name).predictions) for name in all_recorded())
    assert int(re.search(r"one sweep asks (\d+) questions", PAGE)[1]) == most
