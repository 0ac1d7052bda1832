"""Staleness tolerance: the two measured numbers of uses between which accuracy falls, by hand and
from a record."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.conftest import runs_of
from tests.typed import typed
from trlab import Axis, Budget, Sweep, Variant
from trlab.findings import staleness, tolerances
from trlab.tolerance import Bracket, staleness_tolerance

BY_HAND = [  # accuracies, a control's or None, held, fell
    ({1: 0.9, 4: 0.88, 16: 0.8}, None, 4, 16),
    ({1: 0.9, 4: 0.85, 16: 0.9}, None, 1, 4),  # a fall by exactly so much is one; the first counts
    ({1: 0.5, 4: 0.7, 16: 0.46}, None, 16, math.inf),  # counted from one use, not from the best
    (
        {1: 0.9, 4: 0.88, 16: 0.86},
        {1: 0.9, 4: 0.92, 16: 0.92},
        4,
        16,
    ),  # what fresh batches would have gained counts
    (
        {1: 0.7, 4: 0.6, 16: 0.5},
        {1: 0.7, 4: 0.6, 16: 0.5},
        16,
        math.inf,
    ),  # a fall of many updates, not of staleness
    (
        {1: 0.6, 4: 0.9, 16: 0.9},
        {1: 0.7, 4: 0.9, 16: 0.9},
        0,
        1,
    ),  # behind before anything is used twice
]
heights = st.tuples(*[st.integers(0, 100)] * 4).map(
    lambda percent: dict(zip((1, 2, 8, 16), (p / 100 for p in percent), strict=True))
)


def constant(curve: dict[float, float] | None, runs: int = 2) -> dict[float, list[float]] | None:
    return None if curve is None else {u: [a] * runs for u, a in curve.items()}


@pytest.mark.parametrize(("curve", "control", "held", "fell"), BY_HAND)
def test_the_bracket_by_hand(curve, control, held, fell):
    found = staleness_tolerance(constant(dict(reversed(curve.items()))), constant(control))
    assert found.bracket == Bracket(held, fell) and found.control == (control is not None)
    assert found.low == found.high == found.bracket, (
        "runs that are all alike leave no doubt, wherever the fall is"
    )


def test_a_tolerance_in_words():
    assert str(Bracket(4, 8)) == "between 4 and 8" and str(Bracket(16, math.inf)) == "above 16"
    assert str(Bracket(0, 1)) == "below 1"
    # Of four runs at 8, two have fallen: some resamples fall there, others never.
    half = staleness_tolerance({1: [0.9] * 4, 8: [0.85, 0.85, 0.9, 0.9]})
    assert (
        str(half) == "above 8 [between 1 and 8; above 8]" and half.bracket == half.high != half.low
    )
    one = staleness_tolerance({1: [0.9], 8: [0.8]})
    assert one.low is None and one.high is None and str(one) == "between 1 and 8"


@settings(max_examples=60, deadline=None)
@given(heights, heights, st.integers(1, 30), st.integers(0, 30))
def test_a_larger_drop_comes_no_sooner_and_only_the_distance_to_the_control_counts(
    curve, control, drop, more
):
    def at(values: dict[float, float], other: dict[float, float] | None, fall: float) -> float:
        return staleness_tolerance(
            constant(values, 1), constant(other, 1), drop=fall / 100 - 0.001
        ).bracket.fell

    assert at(curve, control, drop) <= at(curve, control, drop + more)
    shifted = [{u: a + 0.1 * i for i, (u, a) in enumerate(of.items())} for of in (curve, control)]
    assert at(*shifted, drop) == at(curve, control, drop)
    assert at(curve, dict.fromkeys(curve, curve[1]), drop) == at(curve, None, drop), (
        "no control is one that stays"
    )


def test_the_interval_is_that_of_a_second_implementation():
    rng = np.random.default_rng(5)
    own = {
        u: rng.normal(mean, 0.04, n) for u, mean, n in ((1, 0.9, 8), (4, 0.87, 6), (16, 0.83, 7))
    }
    control = {u: rng.normal(0.9, 0.02, 8) for u in own}

    def middle(runs: np.ndarray) -> np.ndarray:
        drawn = np.sort(runs[rng.integers(len(runs), size=(20_000, len(runs)))], 1)
        cut = len(runs) // 4
        return drawn[:, cut : len(runs) - cut].mean(1)

    fallen = np.stack(
        [middle(control[u]) - middle(own[u]) >= 0.05 for u in own] + [np.ones(20_000, dtype=bool)],
        1,
    )
    low, high = np.quantile(fallen.argmax(1), [0.025, 0.975])
    found = staleness_tolerance(own, control)
    edges = [0.0, 1.0, 4.0, 16.0, math.inf]
    assert (found.low, found.high) == tuple(
        Bracket(edges[int(i)], edges[int(i) + 1]) for i in (low, high)
    )
    assert found.low != found.high


# -- from a record
# --------------------------------------------------------------------------------------------------


def record() -> tuple[Sweep, pd.DataFrame]:
    """Two methods and a control at two learning rates and three numbers of uses, two runs each."""
    at = {"ppo": (0.9, 0.88, 0.78), "troll": (0.7, 0.75, 0.7), "on-policy": (0.9, 0.92, 0.94)}
    ends = {
        (label, lr, uses): [height - 0.1 * (lr == "hot" and uses == "4" and label != "on-policy")]
        * 2
        for lr in ("cold", "hot")
        for label, curve in at.items()
        for uses, height in zip(("1", "4", "16"), curve, strict=True)
    }
    sweep = Sweep(
        text="",
        variants=[Variant("ppo"), Variant("troll"), Variant("grpo", label="on-policy")],
        budget=Budget(steps=40),
        axes=[
            Axis("lr", {"cold": {"lr": 1e-4}, "hot": {"lr": 3e-4}}),
            Axis("uses", {u: {"epochs": int(u)} for u in ("1", "4", "16")}),
        ],
    )
    return sweep, runs_of(ends, "lr", "uses")


def test_a_record_tells_the_bracket_at_every_point_of_the_other_axes():
    sweep, runs = record()
    found = tolerances(sweep, runs)
    assert found[["label", "lr"]].values.tolist() == [
        ["ppo", "cold"],
        ["troll", "cold"],
        ["ppo", "hot"],
        ["troll", "hot"],
    ], "the control has none of its own"
    assert found["text"].tolist() == ["between 4 and 16", "below 1", "between 1 and 4", "below 1"]
    assert (
        found["at_one"].tolist() == pytest.approx([0.9, 0.7, 0.9, 0.7]) and found["control"].all()
    )
    alone = tolerances(sweep, runs[runs["label"] != "on-policy"])
    assert alone["text"].tolist() == [
        "between 4 and 16",
        "above 16",
        "between 1 and 4",
        "between 1 and 4",
    ]
    assert not alone["control"].any() and alone["fell"].tolist() == [16, math.inf, 4, 4]


def test_where_runs_are_missing_there_is_no_tolerance_and_failures_are_counted():
    sweep, runs = record()
    part = runs[runs["lr"] == "cold"]
    assert str(staleness(part, "ppo")) == "between 4 and 16"
    assert staleness(part[part["uses"] != "1"], "ppo") is None, "nothing to fall from"
    assert staleness(part[(part["uses"] != "4") | (part["label"] != "ppo")], "ppo") is None, (
        "a gap on the way"
    )
    assert staleness(part[part["uses"] == "1"], "ppo") is None
    gap = part[(part["uses"] != "4") | (part["label"] != "on-policy")]
    assert not staleness(gap, "ppo").control, "a control with a gap is none"
    runs.loc[(runs["label"] == "ppo") & (runs["uses"] == "16") & (runs["seed"] == 1), "status"] = (
        "failed"
    )
    assert tolerances(sweep, runs)["failed"].tolist() == [1, 0, 1, 0]
    runs.loc[(runs["label"] == "ppo") & (runs["uses"] == "16"), "status"] = "failed"
    assert tolerances(sweep, runs)["label"].tolist() == ["troll", "troll"]
    assert not len(tolerances(Sweep(text="", variants=[], budget=Budget(1)), runs))
    with pytest.raises(
        ValueError, match="runs: expected the axis 'uses', got the columns cell, label, lr"
    ):
        staleness(part.drop(columns="uses"), "ppo")
    with pytest.raises(
        ValueError, match="axis 'uses': expected labels that are numbers, got 'many'"
    ):
        staleness(part.replace({"uses": {"4": "many"}}), "ppo")


def test_updates_of_minibatches_are_no_uses_of_a_batch():
    sweep, runs = record()
    runs = runs.rename(columns={"uses": "updates"})
    named = Sweep(
        text="",
        variants=sweep.variants,
        budget=sweep.budget,
        axes=[sweep.axes[0], Axis("updates", dict(sweep.axes[1].points()))],
    )
    assert not len(tolerances(named, runs))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: staleness_tolerance({8: [0.5], 32: [0.5]}),
            r"at 1 use of a batch and at more, got \['8', '32'\]",
        ),
        (lambda: staleness_tolerance({1: [0.5]}), r"at 1 use of a batch and at more, got \['1'\]"),
        (lambda: staleness_tolerance({0.5: [0.5], 1: [0.5]}), "at 1 use of a batch and at more"),
        (
            lambda: staleness_tolerance({1: [0.5], math.inf: [0.5]}),
            "at 1 use of a batch and at more",
        ),
        (
            lambda: staleness_tolerance({1: [0.5], 8: []}),
            r"accuracy\[8\]: expected at least one run",
        ),
        (
            lambda: staleness_tolerance({1: [0.5], 8: [math.nan]}),
            r"accuracy\[8\]: expected finite numbers",
        ),
        (
            lambda: staleness_tolerance({1: [0.5], 8: [0.5]}, drop=0.0),
            "drop: expected a number above 0, got 0",
        ),
        (
            lambda: staleness_tolerance({1: [0.5], 8: [0.5]}, {1: [0.5], 4: [0.5]}),
            "control: expected runs at the 1, 8 uses of the method, got 1, 4",
        ),
    ],
)
def test_senseless_uses_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_command_reports_brackets_and_prices(tiny, tmp_path, capsys):
    used = tiny.with_name("used.py")
    used.write_text(
        tiny.read_text().replace('"updates"', '"uses"').replace("minibatches", "epochs")
    )
    command = f"sweep {used} --out {tmp_path / 'out'} --workers 0 --quiet"
    assert typed(f"{command} --json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["label"] for row in found["tolerance"]] == ["ppo", "wide"]
    assert (
        found["tolerance"][0]["at_one"] == found["table"][0]["sampled"]
        and not found["tolerance"][0]["control"]
    )
    assert {"nats_per_point", "nats_low", "nats_high", "without", "take_off"} <= found["table"][
        0
    ].keys()
    assert found["predictions"][0]["verdict"] == "undecided", "one run a place has no interval"
    assert found["predictions"][0]["corrected"] == found["predictions"][0]["p"]
    assert typed(command) == 0
    said = capsys.readouterr().out
    assert "Uses of a batch between which accuracy falls 0.05 below that of one use" in said
    assert "nats_per_point" in said
