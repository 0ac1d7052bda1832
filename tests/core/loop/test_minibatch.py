"""Micro-batches: scoring a few completions at a time gives the step of the whole batch."""

import pandas as pd
import pytest

from tests.by_day import by_day
from tests.core.loop.runs import trained
from tests.losses import close
from trlib.algorithms import DPPO, GRPO, TROLL, PPOCritic
from trlib.model import forward


@pytest.mark.parametrize(
    "method",
    by_day(
        [GRPO(beta=0.1), TROLL(), PPOCritic(), DPPO(measure="topk", delta_tv=0.1)],
        TROLL(),
        PPOCritic(),
        reason="two runs for each",
    ),
)
def test_scoring_a_few_at_a_time_changes_nothing(monkeypatch, method):
    settings = {"minibatches": 2, "steps": 1, "group": 8, "epochs": 2, "warmup": 0}
    whole, scored, rows = trained(method, **settings), forward.log_probs, []

    def counting(model, completions, *rest, **choices):
        rows.append(len(completions))
        return scored(model, completions, *rest, **choices)

    monkeypatch.setattr(forward, "log_probs", counting)
    few = trained(method, at_once=5, **settings)
    assert max(rows) <= 5 and rows.count(5) >= 4
    columns = ["loss", "grad_norm", "ratio_max", "kl"]
    frames = (run.history[columns] for run in (few, whole))
    pd.testing.assert_frame_equal(*frames, check_exact=False, rtol=2e-4, atol=2e-6)
    for one, other in zip(few.policy.parameters, whole.policy.parameters, strict=True):
        close(one, other, 2e-05)
