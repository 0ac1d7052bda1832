"""What a batch promises beside completions put aside: how it is measured, and what the record says
of it."""

import json

import pandas as pd
import pytest
import torch
from scipy.stats import ttest_1samp

from trbook.aside import RECORD, USES, promises
from trlib.seeds import derive


def test_nothing_is_promised_before_the_first_update_and_the_trained_half_promises_more_after_it():
    (batch,) = promises(clip=False, seed=derive(7, "aside") % 1000, steps=1)
    assert batch.shape == (USES, 2) and torch.equal(batch[0], torch.zeros(2))
    assert (batch[1:].diff(dim=0)[:, 0] > 0).all(), (
        "each update raises what the half that it learns from promises"
    )


def recorded_promises():
    """A row for each method, seed, batch and number of updates: `trained` and `aside`."""
    return pd.DataFrame(
        {
            "method": method,
            "seed": int(seed),
            "batch": batch,
            "updates": n,
            "trained": a,
            "aside": b,
        }
        for method, runs in json.loads(RECORD.read_bytes())["promises"].items()
        for seed, batches in runs.items()
        for batch, updates in enumerate(batches)
        for n, (a, b) in enumerate(updates)
    )


def test_what_chapter_2_says_of_it():
    rows = recorded_promises()
    rows["luck"] = rows["trained"] - rows["aside"]
    by_seed = rows.groupby(["method", "updates", "seed"])[["trained", "aside", "luck"]].mean()
    mean = by_seed.groupby(["method", "updates"]).mean()
    last = mean.xs(USES - 1, level="updates")
    assert last.round(2).to_dict("index") == {
        "PPO": {"trained": 0.20, "aside": 0.12, "luck": 0.07},
        "no region": {"trained": 0.31, "aside": 0.10, "luck": 0.21},
    }
    # Predicted: (1) from the second update on, and (2) growing to the sixteenth, with every seed.
    for update in range(2, USES):
        assert ttest_1samp(by_seed.xs(("no region", update))["luck"], 0).pvalue < 0.01
    assert (mean.xs("no region")["luck"].diff().iloc[2:] > 0).all()
    # (3) did not come: on average the half put aside promises most at the end.
    assert mean.xs("no region")["aside"].idxmax() >= USES - 2
    # (4) undecided: with the clip the gap is smaller in seven of eight pairs.
    pairs = by_seed.xs(("no region", USES - 1))["luck"] - by_seed.xs(("PPO", USES - 1))["luck"]
    assert (pairs > 0).sum() == 7 and pairs.mean() == pytest.approx(0.138, abs=5e-3)
    assert ttest_1samp(pairs, 0).pvalue == pytest.approx(0.06, abs=5e-3)
