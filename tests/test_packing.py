import pytest
import torch

import trlib.packing
from trlib.packing import packed, plain
from trlib.policy import Policy
from trlib.rollout import sample

KINDS = {"llama": {}, "qwen2": {}, "qwen3": {"head_dim": 8}, "gpt2": {}, "mistral": {"sliding_window": None}}


def sampled(policy, task_prompts=9):
    prompts = [[3, 4, 5, 6, 7, 8][:1 + i % 6] for i in range(task_prompts)]
    c = sample(policy, prompts, group=4, max_tokens=12, seed=0)
    lengths = torch.randint(0, 13, (len(c),), generator=torch.Generator().manual_seed(1))
    cut = c.mask & (torch.arange(c.mask.shape[1]) < lengths[:, None])
    return type(c)(**{**vars(c), "mask": cut})


@pytest.mark.parametrize("kind", KINDS)
def test_packed_rows_give_the_values_and_gradients_of_plain_rows(policy, small_model, kind):
    policy = Policy(kind, small_model(kind, **KINDS[kind]), policy.tokenizer)
    c = sampled(policy)
    weights = torch.randn(c.mask.shape, generator=torch.Generator().manual_seed(2))
    found = {}
    for pack in (True, False):
        policy.pack = pack
        policy.model.zero_grad()
        scores = policy.score(c, temperature=0.8, full=True)
        (scores.logp * weights * c.mask).sum().backward()
        found[pack] = scores, [p.grad.clone() for p in policy.parameters]
    assert packed(c, policy.pad_id) is not None
    torch.testing.assert_close(found[True][0].logp[c.mask], found[False][0].logp[c.mask], atol=2e-5, rtol=0)
    torch.testing.assert_close(found[True][0].full[c.mask], found[False][0].full[c.mask], atol=2e-5, rtol=1e-5)
    for one, other in zip(found[True][1], found[False][1], strict=True):
        torch.testing.assert_close(one, other, atol=1e-6 * float(other.abs().max() + 1) * 10, rtol=1e-4)
    policy.pack = None
    policy.score(c)
    assert policy.pack is True


def test_attention_that_packing_would_change_is_found_out(policy, small_model):
    eager = small_model()
    eager.config._attn_implementation = "eager"
    sliding = small_model("mistral", sliding_window=3)
    for model in (eager, sliding):
        odd = Policy("odd", model, policy.tokenizer)
        c = sample(odd, [[3, 4, 5, 6, 7, 8]] * 2, group=4, max_tokens=12, seed=0)
        scored = odd.score(c).logp
        assert odd.pack is False
        torch.testing.assert_close(scored[c.mask], c.logp[c.mask], atol=2e-5, rtol=0)


def test_long_rows_are_laid_out_plainly(policy, monkeypatch):
    c = sampled(policy)
    policy.pack = True
    expected = policy.score(c).logp
    monkeypatch.setattr(trlib.packing, "LONGEST", 8)
    assert packed(c, policy.pad_id) is None
    torch.testing.assert_close(policy.score(c).logp[c.mask], expected[c.mask], atol=1e-5, rtol=0)


@pytest.mark.parametrize("pack", [True, False])
def test_the_outputs_that_are_left_out_are_those_that_nobody_looks_at(policy, pack):
    c = sample(policy, [[3, 4, 5, 6, 7, 8], [3, 4, 5, 6]], group=4, max_tokens=12, seed=0)
    policy.model.double()
    layout = packed(c, policy.pad_id) if pack else plain(c)
    kept, index = layout.tail()
    length = layout.ids.shape[1]
    assert kept == length - 3 if pack else kept == length - 5  # the shorter prompt's last token predicts first
    positions = torch.arange(layout.ids.numel()).view_as(layout.ids)[:, length - kept:].flatten()
    assert torch.equal(positions[index], layout.index)
    logits = policy.model(**layout.inputs()).logits.flatten(0, 1)
    everywhere = torch.log_softmax(logits, -1)[layout.index, c.tokens]
    policy.pack = pack
    scored = policy.score(c).logp
    torch.testing.assert_close(scored[c.mask], everywhere[c.mask], atol=1e-12, rtol=0)
    gradients = [torch.autograd.grad(values[c.mask].sum(), policy.parameters) for values in (scored, everywhere)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-9)
