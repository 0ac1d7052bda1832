"""A horizon that does not fit into memory is said before the run."""

from itertools import accumulate

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

import trlib
from tests.by_day import in_their_ring
from tests.core.loop.runs import trained
from tests.losses import batch, noise, refused, sampled
from trlib.algorithms import PPO, TROLL, Scores
from trlib.loop import memory_check
from trlib.loop.settings import RunSettings
from trlib.methods import OBJECTIVES


def test_a_horizon_that_does_not_fit_is_said_before_the_run(monkeypatch, recwarn):
    policy, method = trlib.load_policy("dial"), PPO()

    def needed(method=method, **settings):
        filled = RunSettings(steps=1, **settings).filled(max_tokens=1000, anchor="recomputed")
        return memory_check.peak(policy, filled, method.needs("recomputed"))

    adam = 12 * policy.size  # a gradient and two moments
    assert needed() - adam == pytest.approx(
        256 * 1000 * 4 * (2 * (16 * 64 + 5 * 192) + 3 * 272) + 64 * 1000 * 272 * 4
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


def most_bytes(call):
    """The most bytes that a call's tensors take at one time."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        call()
    events = [one for one in seen.profiler.kineto_results.events() if one.name() == "[memory]"]
    events.sort(key=lambda one: one.start_ns())
    return max(accumulate(one.nbytes() for one in events))


WHOLE = [name for name, kind in OBJECTIVES.items() if kind().needs(kind().anchor).full]


@pytest.mark.parametrize("name", in_their_ring(WHOLE))
def test_a_loss_of_whole_distributions_takes_no_more_than_was_said(name):
    """In units of these distributions, every one of which is outside; and TROLL takes nearly as
    much."""
    method, b, t, v = OBJECTIVES[name](), 2, 10, 20_000
    new, old = (noise(b, t, v, seed=seed).float().log_softmax(-1) for seed in (1, 2))
    ids = torch.arange(b * t).view(b, t)
    known = dict.fromkeys(("logp_rollout", "logp_old", "logp_ref"), sampled(old, ids))
    held = batch(
        torch.ones(b, t, dtype=torch.bool), tokens=ids, full_anchor=old, anchor=method.anchor,
        advantages=torch.ones(b, t), rewards=torch.tensor([1.0, 0.0]), **known,
    )  # fmt: skip
    held.memory["capo_lr"] = 1e-4
    x = new.requires_grad_()

    def loss_and_gradient():
        scores = Scores(sampled(x, ids), x, hidden=torch.zeros(b, t, 3))
        torch.autograd.grad(method.objective(scores, held).per_token.sum(), x)

    taken = most_bytes(loss_and_gradient) / (4 * b * t * v)
    two = method.needs(method.anchor).full_anchor
    assert taken < 1.05 * (memory_check.OF_TWO if two else memory_check.OF_ONE), taken
    assert taken > {"troll": 0.9 * memory_check.OF_TWO}.get(name, 0.9)
