import math

import pytest
import torch

from tests.losses import close
from trlib.model.attention import span
from trlib.model.forward import log_probs
from trlib.model.packing import plain, shared
from trlib.model.policy import Policy
from trlib.model.rollout import sample

KINDS = {
    "llama": {},
    "qwen3": {"head_dim": 8},
    "gpt2": {},
}


def sampled(policy, task_prompts=9):
    """Completions of prompts of six lengths, some of them forced, some cut short, one to nothing,
    three prompts asked twice; the last prompt's first, and of two prompts not all."""
    prompts = [[3 + i % 2, 4, 5, 6, 7, 8, 9][: 2 + i % 6] for i in range(task_prompts)]
    prefixes = [[50, 51, 52], [50, 51], [], [50]] * task_prompts
    c = sample(policy, prompts, group=4, max_tokens=12, seed=0, prefixes=prefixes)
    lengths = torch.randint(0, 13, (len(c),), generator=torch.Generator().manual_seed(1))
    cut = c.mask & (torch.arange(c.mask.shape[1]) < lengths[:, None])
    backwards = torch.arange(len(c)).view(-1, 4).flip(0).flatten()[2:-1]
    return type(c)(**{**vars(c), "mask": cut}).rows(backwards)


def test_a_tree_holds_every_distinct_prefix_once(policy):
    c, read, asked, fed = sampled(policy), set(), set(), set()
    for g, tokens, there in zip(c.group.tolist(), c.tokens, c.present, strict=True):
        prompt, tokens = tuple(c.prompt_ids[g][c.prompt_mask[g]].tolist()), tokens[there].tolist()
        asked.add(prompt)
        read |= {prompt[: n + 1] for n in range(len(prompt))}
        fed |= {(*prompt, *tokens[:n]) for n in range(1, len(tokens))}
    layout = shared(c)
    assert layout.kept == len(fed | asked)
    assert sorted(layout.positions[0].tolist()) == sorted(len(one) - 1 for one in read | fed)


@pytest.mark.parametrize("kind", KINDS)
def test_shared_prefixes_give_the_values_and_gradients_of_plain_rows(policy, small_model, kind):
    model = small_model(kind, **KINDS[kind]).double()
    policy = Policy(kind, model, policy.tokenizer)
    c = sampled(policy)
    weights = torch.randn(c.mask.shape, generator=torch.Generator().manual_seed(2))
    found = {}
    policy.trees = True
    for share in (True, False):
        policy.share = share
        policy.model.zero_grad()
        scores = policy.score(c, temperature=0.8, full=True)
        (scores.logp * weights * c.mask).sum().backward()
        found[share] = scores, [p.grad.clone() for p in policy.parameters]
    assert len(shared(c).ids[0]) < 0.8 * len(plain(c).ids.flatten())
    close(found[True][0].logp[c.present], found[False][0].logp[c.present], 1e-12)
    close(found[True][0].full[c.mask], found[False][0].full[c.mask], 1e-12)
    for one, other in zip(found[True][1], found[False][1], strict=True):
        # transformers normalises in float32 whatever the model's type is, and its gradient rounds
        # there
        torch.testing.assert_close(one, other, atol=1e-6 * float(other.abs().max()), rtol=0)
    policy.share, policy.trees = True, None
    model.float()
    policy.score(c)
    assert policy.trees is True


def test_attention_that_sharing_would_change_is_found_out(policy, small_model):
    eager = small_model()
    eager.config._attn_implementation = "eager"
    sliding = small_model("mistral", sliding_window=3)
    wide = small_model("mistral", sliding_window=18)
    for model, treelike in ((eager, False), (sliding, False), (wide, True)):
        odd = Policy("odd", model, policy.tokenizer)
        c = sample(odd, [[3, 4, 5, 6, 7, 8]] * 2, group=4, max_tokens=12, seed=0)
        assert (odd.layout(c).tree is not None) is treelike
        close(odd.score(c).logp[c.mask], c.logp[c.mask], 2e-05)
    wide.config.sliding_window = (
        17  # shorter than a row may be: laid out plainly, whatever was found before
    )
    assert odd.trees is True and odd.layout(c).tree is None
    assert span(wide) == 17 and span(eager) == math.inf


def test_a_model_that_does_not_hand_its_layout_to_attention_is_laid_out_plainly(
    policy, small_model, monkeypatch
):
    model = small_model("qwen2")
    forward = type(model).forward

    def forgetful(self, *args, tree=None, **kwargs):
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(type(model), "forward", forgetful)
    odd = Policy("forgetful", model, policy.tokenizer)
    c = sample(odd, [[3, 4, 5, 6, 7, 8], [3, 4]], group=4, max_tokens=12, seed=0)
    with pytest.warns(UserWarning, match="'forgetful': each row is read whole, which takes longer"):
        scored = odd.score(c).logp
    close(scored[c.mask], c.logp[c.mask], 2e-05)
    assert odd.trees is False and model.config._attn_implementation == "sdpa"


def test_a_layer_that_mixes_tokens_without_attention_is_found_out(policy, small_model):
    """Its log-probs may agree as long as it has learned nothing: that it never asks for attention
    tells."""
    model = small_model()
    layer = model.model.layers[1]
    kernel = torch.zeros(
        1, requires_grad=True
    )  # a convolution over neighbours that begins as nothing

    def mixed(hidden_states, *args, **kwargs):
        return hidden_states + kernel * hidden_states.roll(1, 1)

    layer.forward = mixed
    odd = Policy("convolution", model, policy.tokenizer)
    c = sample(policy, [[3, 4, 5, 6, 7, 8], [3, 4]], group=4, max_tokens=12, seed=0)
    with torch.no_grad():
        one, other = (log_probs(model, c, rows).logp[c.mask] for rows in (shared(c), plain(c)))
    close(one, other, 1e-05)
    odd.score(c)
    assert odd.trees is False
