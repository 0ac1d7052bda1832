"""What a chapter says of a record: numbers of the record, verdicts that a correction decides, no
record said so."""

import numpy as np
import pytest

from tests.lab.records import history_of, runs_of
from trlab import outcomes, recorded
from trlab.statistics import difference, interval
from trlab.sweep import Axis, Budget, Prediction, Sweep, Variant
from trlib.evaluation import Estimate

LABELS = ("ppo", "same", "higher", "lower", "spread")


def a_record(predictions=(), printed=()):
    """Five variants at one point, twelve runs each; `spread` is higher in the mean and in too few
    runs."""
    draw, ends = np.random.default_rng(1), {}
    for label, mean in zip(LABELS, (0.5, 0.501, 0.7, 0.3, 0.53), strict=True):
        wide = 0.08 if label == "spread" else 0.02
        ends[label, "16"] = mean + wide * draw.standard_normal(12)
    runs = runs_of(ends, "uses", kl=0.01, steps=3)
    history = history_of(runs, 3, reward=lambda run, b: 0.2 * b)
    sweep = Sweep(
        text="",
        seeds=range(12),
        variants=[Variant("ppo", label=label) for label in LABELS],
        budget=Budget(steps=3),
        axes=[Axis("uses", {"16": {"epochs": 16}})],
        predictions=predictions,
        comparisons=printed,
        name="mine",
        source="mine",
    )
    return sweep, runs, history


@pytest.fixture
def mine(shipped):
    def put(*predictions, printed=()):
        made = a_record(predictions, printed)
        shipped(*made)
        return made

    return put


def test_every_variant_is_compared_and_corrected_together(mine):
    _, runs, _ = mine()
    found = {row.label: row for row in outcomes.against("mine", "ppo", at={"uses": "16"})}
    values = {label: runs[runs["label"] == label]["sampled"].to_numpy() for label in LABELS}
    assert list(found) == list(LABELS[1:])
    for label, row in found.items():
        assert (row.value, row.control) == (interval(values[label]), interval(values["ppo"]))
        assert row.difference == difference(values[label], values["ppo"])
    assert {label: row.verdict for label, row in found.items()} == {
        "same": "not significant",
        "higher": "above",
        "lower": "below",
        "spread": "not significant",
    }


def test_what_was_predicted_is_told_as_its_prediction_was(mine):
    mine(
        Prediction("?", higher="ppo", lower="same", at={"uses": "16"}),
        Prediction("!", higher="higher", lower="ppo", at={"uses": "16"}),
    )
    found = {row.label: row.verdict for row in outcomes.against("mine", "ppo", at={"uses": "16"})}
    folded = outcomes.foretold("mine")
    assert (
        "<summary>2 predictions from before the runs: 1 not significant, 1 as predicted</summary>"
        in folded
    )
    assert (
        "<td>not significant</td><td>?</td>" in folded
        and "<td>as predicted</td><td>!</td>" in folded
    )
    assert outcomes._signed(Estimate(-0.004, 0.0, 0.016), 2) == "0.00 [0.00, +0.02]"
    assert (found["same"], found["higher"]) == ("not significant", "above")


def test_a_sweep_without_a_record_is_said_to_have_none(mine):
    mine()
    assert outcomes.drawn("reuse") == "*Not run yet: `trlib sweep reuse` runs it.*"
    with pytest.raises(
        ValueError, match=r"control: expected finished runs of 'pop' at \{\}, got none"
    ):
        outcomes.against("mine", "pop")


def test_records_of_the_package_are_read_with_their_measures():
    at = {"parts": "8 minibatches, 2 epochs"}
    _, history = recorded("rare")
    own = history[
        (history["label"] == "ppo") & (history["parts"] == at["parts"]) & (history["batch"] < 10)
    ]
    wanted = own.groupby("seed")["reward"].mean().to_numpy()
    assert sorted(outcomes.runs_of("rare", "ppo", "take_off", at)) == pytest.approx(
        sorted(wanted), abs=1e-4
    )
    assert len(outcomes.drawn("rare").axes) == 7
