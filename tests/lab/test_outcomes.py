"""What a chapter says of a record: numbers of the record, verdicts that a correction decides, no
record said so."""

import numpy as np
import pytest

from tests.lab.records import history_of, runs_of
from trlab import outcomes, recorded
from trlab.comparison import Comparison, Side, asked
from trlab.significance import holm, improvement_p
from trlab.statistics import difference, interval
from trlab.sweep import Axis, Budget, Prediction, Sweep, Variant
from trlab.verdicts import compare, decide, judge
from trlib.evaluation import Estimate

LABELS = ("ppo", "same", "higher", "lower", "spread")


def a_record(predictions=(), printed=()):
    """Five variants at one point, eight runs each; `spread` is higher in the mean and in too few
    runs."""
    draw, ends = np.random.default_rng(1), {}
    for label, mean in zip(LABELS, (0.5, 0.501, 0.7, 0.3, 0.53), strict=True):
        wide = 0.08 if label == "spread" else 0.02
        ends[label, "16"] = mean + wide * draw.standard_normal(8)
    runs = runs_of(ends, "uses", kl=0.01, steps=3)
    history = history_of(runs, 3, reward=lambda run, b: 0.2 * b)
    sweep = Sweep(
        text="",
        round=5,
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
        assert row.outcome.p == improvement_p(values[label], values["ppo"])
    assert {label: row.verdict for label, row in found.items()} == {
        "same": "not significant",
        "higher": "above",
        "lower": "below",
        "spread": "not significant",
    }


def test_the_family_is_the_predictions_and_all_that_the_book_prints(mine):
    printed = tuple(
        Comparison(Side(label, {"uses": "16"}), Side("same", {"uses": "16"}))
        for label in ("lower", "ppo")
    )
    sweep, runs, history = mine(
        *(Prediction(f"{i}", higher="same", lower=0.4 + i / 100) for i in range(3)), printed=printed
    )
    # "ppo over same" asked the other way round is the question that is printed: it counts once.
    rows = {
        row.label: row
        for row in outcomes.against("mine", "ppo", at={"uses": "16"}, only=["higher", "same"])
    }
    higher, lower, same, ppo = (
        runs[runs["label"] == label]["sampled"].to_numpy()
        for label in ("higher", "lower", "same", "ppo")
    )
    p = [one.p for one in judge(sweep, runs)] + [
        improvement_p(lower, same),
        improvement_p(ppo, same),
    ]
    assert [one.family for one in judge(sweep, runs)] == [5] * 3 and rows[
        "same"
    ].outcome.family == 5
    assert rows["same"].outcome.corrected == holm(p)[-1]
    assert rows["higher"].outcome.family == 6, "a reader's own question joins the family"
    assert rows["higher"].outcome.corrected == holm([*p, improvement_p(higher, ppo)])[-1]
    assert [one.p for one in compare(sweep, runs, history, asked(sweep))] == p


def test_every_page_gets_the_same_answer(mine):
    place = {"uses": "16"}
    printed = Comparison(Side("higher", place), Side("ppo", place))
    sweep, runs, history = mine(printed=(printed,))
    (row,) = outcomes.against("mine", "ppo", at=place, only=["higher"])
    (turned,) = outcomes.against("mine", "higher", at=place, only=["ppo"])
    (claim,) = compare(sweep, runs, history, [printed])
    (answer,) = decide("mine", printed)
    assert (row.verdict, turned.verdict, claim.verdict, answer.verdict) == (
        "above",
        "below",
        "reproduced",
        "reproduced",
    )
    assert row.outcome == answer == claim and claim.corrected == pytest.approx(
        turned.outcome.corrected
    )
    assert f"{row:.2f}".startswith("+0.") and "not significant" not in f"{row:.2f}"
    (level,) = outcomes.against("mine", "ppo", at=place, only=["same"])
    assert f"{level:.2f}".endswith("; not significant]") and level.outcome.p_in_words.endswith(
        "(Holm over 2)"
    )


def test_a_verdict_never_contradicts_an_interval_that_is_printed(mine):
    """The interval of the probability of improvement excludes a half, that of the difference
    includes 0: not significant."""
    sweep, runs, history = mine()
    low, high = (
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9],
        [0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01],
    )
    runs.loc[runs["label"] == "ppo", "sampled"], runs.loc[runs["label"] == "same", "sampled"] = (
        low,
        high,
    )
    place = {"uses": "16"}
    (one,) = compare(sweep, runs, history, [Comparison(Side("same", place), Side("ppo", place))])
    assert one.improvement.low > 0.5 and one.difference.low <= 0 < one.difference.value
    assert one.verdict == "not significant"


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
