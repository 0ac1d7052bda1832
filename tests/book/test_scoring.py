"""Chunked scoring against the same numbers from whole logits: values, gradients, top k."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trbook.scale.scoring import score_tokens


def problem(
    n=7,
    width=5,
    vocabulary=23,
    *,
    seed=0,
    dtype=torch.float64,
):
    g = torch.Generator().manual_seed(seed)
    hidden = torch.randn(n, width, generator=g, dtype=torch.float64).to(dtype)
    weight = torch.randn(vocabulary, width, generator=g, dtype=torch.float64).to(dtype)
    return hidden, weight, torch.randint(0, vocabulary, (n,), generator=g)


def whole(hidden, weight, temperature=1.0):
    return (hidden @ weight.T / temperature).log_softmax(-1)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    vocabulary=st.integers(1, 40),
    chunk=st.integers(1, 50),
    temperature=st.floats(0.05, 5.0),
    scale=st.floats(0.0, 300.0),
)
def test_values_are_those_of_whole_logits(seed, vocabulary, chunk, temperature, scale):
    hidden, weight, tokens = problem(vocabulary=vocabulary, seed=seed)
    hidden = scale * hidden
    logp = whole(hidden, weight, temperature)
    k = min(4, vocabulary)
    scores = score_tokens(hidden, weight, tokens, temperature=temperature, top_k=k, chunk=chunk)
    torch.testing.assert_close(
        scores.logp, logp.gather(-1, tokens.unsqueeze(-1)).squeeze(-1), rtol=1e-9, atol=1e-9
    )
    entropy = -torch.where(logp.exp() > 0, logp.exp() * logp, 0.0).sum(-1)
    torch.testing.assert_close(scores.entropy, entropy, rtol=1e-8, atol=1e-8)
    expected = logp.topk(k, -1)
    torch.testing.assert_close(scores.top.logp, expected.values, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        logp.gather(-1, scores.top.ids), expected.values, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("asked", [(), (3,)])
@pytest.mark.parametrize("chunk", [1, 6, 23, 100])
def test_gradients_are_those_of_whole_logits(asked, chunk):
    hidden, weight, _ = problem()
    tokens = torch.randint(0, 23, (7, *asked), generator=torch.Generator().manual_seed(1))
    upstream = torch.randn(
        tokens.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)
    )
    hidden.requires_grad_()
    weight.requires_grad_()
    settings = {"temperature": 0.7, "chunk": chunk}
    logp = whole(hidden, weight, 0.7).gather(-1, tokens.view(7, -1)).view(tokens.shape)
    theirs = torch.autograd.grad((logp * upstream).sum(), (hidden, weight))
    both = score_tokens(hidden, weight, tokens, **settings)
    ours = torch.autograd.grad((both.logp * upstream).sum(), (hidden, weight))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    frozen = score_tokens(hidden, weight.detach(), tokens, **settings)
    alone = torch.autograd.grad((frozen.logp * upstream).sum(), hidden)
    torch.testing.assert_close(alone, ours[:1])
    assert not frozen.entropy.requires_grad and frozen.top is None
