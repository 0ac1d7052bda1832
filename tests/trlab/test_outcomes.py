"""What a chapter says of a record: numbers of the record, verdicts that a correction decides, no record said so."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from trlab import outcomes, recorded
from trlab.findings import judge
from trlab.significance import holm, improvement_p
from trlab.statistics import difference, interval
from trlab.sweep import Axis, Budget, Prediction, Sweep, Variant
from trlib.evaluation import Estimate

LABELS = ("ppo", "same", "higher", "lower", "spread")


def record(predictions: tuple[Prediction, ...] = ()) -> outcomes.Read:
    """Five variants at one point, eight runs each; `spread` is higher in the mean and in too few runs."""
    draw, rows = np.random.default_rng(1), []
    means = {"ppo": 0.5, "same": 0.501, "higher": 0.7, "lower": 0.3, "spread": 0.53}
    for label in LABELS:
        for seed in range(8):
            wide = 0.08 if label == "spread" else 0.02
            rows.append(
                {
                    "cell": f"{label}{seed}",
                    "label": label,
                    "uses": "16",
                    "seed": seed,
                    "status": "done",
                    "sampled": means[label] + wide * draw.standard_normal(),
                    "kl": 0.01,
                    "steps": 3,
                }
            )
    history = pd.DataFrame([{"cell": row["cell"], "batch": b, "reward": 0.2 * b} for row in rows for b in range(3)])
    sweep = Sweep(
        text="",
        variants=[Variant("ppo", label=label) for label in LABELS],
        budget=Budget(steps=3),
        axes=[Axis("uses", {"16": {"epochs": 16}})],
        predictions=predictions,
        name="mine",
    )
    return sweep, pd.DataFrame(rows), history


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch):
    def put(*predictions: Prediction) -> outcomes.Read:
        found = record(predictions)
        outcomes.judged.cache_clear()
        monkeypatch.setattr(outcomes, "read", lambda name: found)
        monkeypatch.setattr(outcomes, "is_recorded", lambda name: name == "mine")
        return found

    yield put
    outcomes.judged.cache_clear()


def test_every_variant_is_compared_and_corrected_together(mine) -> None:
    _, runs, _ = mine()
    found = {row.label: row for row in outcomes.against("mine", "ppo", at={"uses": "16"})}
    values = {label: runs[runs["label"] == label]["sampled"].to_numpy() for label in LABELS}
    assert list(found) == list(LABELS[1:])
    for label, row in found.items():
        assert (row.value, row.control) == (interval(values[label]), interval(values["ppo"]))
        assert row.difference == difference(values[label], values["ppo"])
        assert row.p == improvement_p(values[label], values["ppo"])
    assert {label: row.verdict for label, row in found.items()} == {
        "same": "undecided",
        "higher": "above",
        "lower": "below",
        "spread": "undecided",
    }


def test_predictions_count_among_the_questions(mine, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep, runs, _ = mine(*(Prediction(f"{i}", higher="same", lower=0.4 + i / 100) for i in range(3)))
    asked: list[list[float]] = []

    def watched(values):
        asked.append(list(values))
        return holm(values)

    monkeypatch.setattr(outcomes, "holm", watched)
    outcomes.against("mine", "ppo", at={"uses": "16"}, only=["higher"])
    higher, ppo = (runs[runs["label"] == label]["sampled"].to_numpy() for label in ("higher", "ppo"))
    assert asked == [[improvement_p(higher, ppo), *(found.p for found in judge(sweep, runs))]] and len(asked[0]) == 4


def test_what_was_predicted_is_told_as_its_prediction_was(mine) -> None:
    mine(
        Prediction("?", higher="ppo", lower="same", at={"uses": "16"}),
        Prediction("!", higher="higher", lower="ppo", at={"uses": "16"}),
    )
    found = {row.label: row.verdict for row in outcomes.against("mine", "ppo", at={"uses": "16"})}
    assert outcomes.beside("mine")["what came"].to_list() == ["cannot be told", "as predicted"]
    assert outcomes.beside("mine")["predicted"].to_list() == ["?", "!"]
    assert outcomes._signed(Estimate(-0.004, 0.0, 0.016), 2) == "0.00 [0.00, +0.02]"
    assert (found["same"], found["higher"]) == ("undecided", "above")


def test_sentences_hold_the_numbers_and_leave_nobody_out(mine) -> None:
    _, runs, _ = mine()
    said = outcomes.told("mine", "ppo", at={"uses": "16"})
    above, below, undecided = said.split("\n\n")
    ppo, higher, lower = (runs[runs["label"] == label]["sampled"].to_numpy() for label in ("ppo", "higher", "lower"))
    assert above.startswith(f"**Above `ppo` {interval(ppo):.2f}**: `higher` {interval(higher):.2f} (+0.")
    less = difference(lower, ppo)
    assert f"`lower` {interval(lower):.2f} (−{-less.value:.2f} [−{-less.low:.2f}, −{-less.high:.2f}])" in below
    assert undecided.startswith("**Cannot be told from `ppo`") and re.findall(r"`(\w+)`", undecided) == [
        "ppo",
        "spread",
        "same",
    ]
    both = outcomes.told("mine", "lower", at={"uses": "16"}, only=["ppo", "higher"])
    assert both.startswith("**All 2 above `lower` 0.") and "\n" not in both
    assert said._repr_markdown_() == str(said) and "-" not in said


def test_a_sweep_without_a_record_is_said_to_have_none(mine) -> None:
    mine()
    for said in (outcomes.told("reuse", "ppo"), outcomes.drawn("reuse")):
        assert said == "*Not run yet: `trlib sweep reuse` runs it.*"
    with pytest.raises(ValueError, match=r"control: expected finished runs of 'pop' at \{\}, got none"):
        outcomes.against("mine", "pop")


def test_records_of_the_package_are_read_with_their_measures() -> None:
    at = {"parts": "8 minibatches, 2 epochs"}
    _, history = recorded("rare")
    own = history[(history["label"] == "ppo") & (history["parts"] == at["parts"]) & (history["batch"] < 10)]
    wanted = own.groupby("seed")["reward"].mean().to_numpy()
    assert sorted(outcomes.runs_of("rare", "ppo", "take_off", at)) == pytest.approx(sorted(wanted), abs=1e-4)
    assert outcomes.drawn("rare").alt.startswith("Interquartile mean") or len(outcomes.drawn("rare").alt) > 60
