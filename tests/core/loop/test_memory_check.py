"""A horizon that does not fit into memory is said before the run."""

from itertools import accumulate

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

import trlib
from tests.by_day import in_their_ring
from tests.core.loop.runs import trained
from tests.losses import batch, noise, refused, sampled
from trlib.algorithms import PPO, TROLL, Reference, Scores
from trlib.loop import memory_check, requirements
from trlib.loop.settings import RunSettings
from trlib.methods import OBJECTIVES
from trlib.model.adapters import new_adapters
from trlib.model.policy import Policy


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


def most_bytes(call):
    """The most bytes that a call's tensors take at one time."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        call()
    events = [one for one in seen.profiler.kineto_results.events() if one.name() == "[memory]"]
    events.sort(key=lambda one: one.start_ns())
    return max(accumulate(one.nbytes() for one in events))


def shape(kind, device="cpu", **sizes):
    """A policy of a shape, with weights that are drawn, or on "meta" only declared."""
    dial = trlib.load_policy("dial")
    ends = {"eos_token_id": dial.tokenizer.eos_token_id, "pad_token_id": dial.pad_id}
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(kind(**sizes, **ends, tie_word_embeddings=True))
        if device == "meta":
            model.requires_grad_(False)
            model = new_adapters(model, {"r": 8})
    return Policy("drawn", model, dial.tokenizer)


def test_a_probe_does_not_double_what_half_a_billion_parameters_take():
    """Qwen2.5-0.5B with adapters, 256 completions of 256 tokens, 8 scored at a time."""
    policy = shape(
        Qwen2Config, "meta", vocab_size=151_936, hidden_size=896, intermediate_size=4864,
        num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2,
    )  # fmt: skip
    settings = RunSettings(steps=1, at_once=8).filled(max_tokens=256, anchor="recomputed")
    for method in (PPO(), PPO(reference=Reference())):
        needs = requirements.needs_of(method, "recomputed")
        assert memory_check.peak(policy, settings, needs) < 13e9


@pytest.mark.test_all
@pytest.mark.parametrize("held", [True, False])
def test_a_probe_takes_what_was_said(monkeypatch, held):
    """With a vocabulary beside which everything else is small, held and computed again."""
    monkeypatch.setattr("trlib.loop.probe.HELD", 10**9 if held else 0)
    monkeypatch.setattr("trlib.loop.probe.PIECE", 10**6)
    monkeypatch.setattr("trlib.loop.probe.AT_ONCE", 20_000)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    policy = shape(LlamaConfig, vocab_size=20_000, num_attention_heads=1, **sizes)
    said, peak = [], memory_check.peak
    monkeypatch.setattr(memory_check, "peak", lambda *of: said.append(peak(*of)) or said[0])
    settings = {"steps": 1, "prompts": 4, "group": 4, "at_once": 1, "probe": 16, "max_tokens": 16}
    taken = most_bytes(lambda: trained(PPO(), policy=policy, **settings))
    assert 0.6 * said[0] < taken < 1.1 * said[0], (taken, said)


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
