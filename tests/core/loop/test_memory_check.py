"""A horizon that does not fit into memory is said before the run."""

import pytest
import torch

import trlib
from tests.core.loop.runs import trained
from tests.losses import refused
from trlib.algorithms import PPO, TROLL
from trlib.loop import memory_check
from trlib.loop.settings import RunSettings


def test_a_horizon_that_does_not_fit_is_said_before_the_run(monkeypatch, recwarn):
    policy, method = trlib.load_policy("dial"), PPO()

    def needed(method=method, **settings):
        filled = RunSettings(steps=1, **settings).filled(max_tokens=1000, anchor="recomputed")
        return memory_check.peak(policy, filled, method.needs("recomputed"))

    adam = 12 * policy.size  # a gradient and two moments
    assert needed() - adam == pytest.approx(
        256 * 1000 * 4 * (2 * (16 * 64 + 5 * 192) + 3 * 272) + 32 * 1000 * 272 * 4
    )
    few = needed(probe=0, at_once=64)
    assert 3.9 < needed(probe=0) / few < 4.1 and needed(probe=0, minibatches=4) == few
    distributions = 256 * 1000 * 272 * 4  # the anchor's, and what the loss takes
    assert needed(TROLL()) - needed() == 10 * distributions
    coarse = trlib.load_policy("dial", dtype="bfloat16")
    tiny = RunSettings(steps=1, prompts=1, group=1, probe=0).filled(max_tokens=1, anchor="rollout")
    assert memory_check.peak(coarse, tiny, method.needs("rollout")) > 16 * policy.size
    assert memory_check.free(torch.device("cpu")) > 1e6
    for free in (None, 10**9):
        monkeypatch.setattr(memory_check, "free", lambda device, free=free: free)
        trained(method, steps=1)
    assert not [w for w in recwarn if "max_tokens" in str(w.message)]
    monkeypatch.setattr(memory_check, "free", lambda device: 10**6)
    with pytest.warns(
        UserWarning, match=r"max_tokens: if completions reach 16 tokens, .* with at_once=1, fewer"
    ):
        trained(method, steps=1)
    # Not even with one token for each completion.
    monkeypatch.setattr(memory_check, "free", lambda device: 10)
    refused(
        r"ValueError: prompts: expected .*, got prompts x group = \d+ comp.*lower prompts or gro",
        trained,
        method,
        steps=1,
    )
