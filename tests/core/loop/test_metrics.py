import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.core.loop.runs import TIMINGS, trained
from tests.losses import batch
from trlib.algorithms import GRPO
from trlib.algorithms.method import TokenLoss
from trlib.loop.metrics import distinct_right, observe, summarise
from trlib.loop.probe import means_by_group, measure
from trlib.tasks import Verdict


@pytest.mark.parametrize("settings", [{}, {"lag": 1, "sampler": "int4"}])
def test_large_distributions_are_computed_again_and_the_history_stays(monkeypatch, settings):
    """Bit for bit, but for the last digits of the exact columns."""
    method, more = GRPO(beta=0.1), {"steps": 3, "lr": 3e-3, "minibatches": 2, **settings}
    held = trained(method, **more)
    monkeypatch.setattr("trlib.loop.probe.HELD", 0)
    monkeypatch.setattr("trlib.loop.probe.PIECE", 272 * 10 * 2)  # two completions at a time
    again = trained(method, **more)
    exact = ["entropy", "kl", "kl_back", "kl_seq_back", "tv", "tv_max", "kl_ref", "kl_ref_seq"]
    one, other = (run.history.drop(columns=TIMINGS) for run in (held, again))
    assert one.drop(columns=exact).equals(other.drop(columns=exact))
    assert np.allclose(one[exact], other[exact], rtol=1e-3, atol=1e-6)
    assert (one["kl"] > 1e-5).all()


def test_a_completion_that_nobody_sampled_does_not_thin_the_others_out():
    mu, pi = (torch.tensor(p).log().expand(2, 1, 2) for p in ([0.5, 0.5], [0.8, 0.2]))
    row, back = measure(
        mu, pi, torch.zeros(2, 1, dtype=torch.long), torch.tensor([[True], [False]])
    )
    log_ratio = math.log(1.6)
    assert row["kl_seq_back"] == pytest.approx(1.6 * log_ratio - 1.6 + 1) == back[0].item()
    assert math.isnan(back[1])


def test_an_objective_without_a_ratio_has_none_in_the_history():
    mask = torch.tensor([[True, True, False]])
    held = batch(mask, advantages=torch.ones(1, 3))
    loss = TokenLoss(torch.zeros(1, 3), {"kept": mask, "weight": torch.tensor([[1.0, 3.0, 0.0]])})
    row = summarise([observe(1.0, 1.0, loss, held)])
    assert not {"ratio_max", "ratio_p01", "ratio_p99"} & set(row)
    # no token is negative: known, and nothing to say of them
    assert row["kept"] == 1.0 and math.isnan(row["kept_neg"])
    assert row["push"] == 2.0
    bare = summarise([observe(1.0, 2.0, TokenLoss(torch.zeros(1, 3)), held)])
    assert bare == {"loss": 1.0, "grad_norm": 2.0}


def test_different_right_completions_are_counted_prompt_by_prompt():
    tokens = torch.tensor([[5, 6], [5, 6], [5, 7], [8, 0], [8, 0], [9, 0]])
    mask, group = tokens > 0, torch.tensor([0, 0, 0, 1, 1, 1])
    right, wrong = Verdict(1.0, "right"), Verdict(0.0, "wrong answer")

    def distinct(verdicts, forced=group < 0):
        written = SimpleNamespace(
            tokens=tokens, lengths=mask.sum(1), forced=mask & forced.unsqueeze(1), group=group
        )
        return distinct_right(written, verdicts)

    # Two ways of the first prompt, one of the second; an expert's are not the policy's own.
    assert distinct([right] * 5 + [wrong]) == 1.5
    assert distinct([right] * 5 + [wrong], group == 1) == 1
    assert distinct([wrong] * 6) == 0


def test_a_groups_mean_leaves_out_what_is_not_known():
    values = torch.tensor([1.0, math.nan, 3.0, math.nan, 5.0])
    assert means_by_group(torch.tensor([4, 4, 4, 2, 0]), values) == {4: 2.0, 0: 5.0}
