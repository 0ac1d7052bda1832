"""Chunked scoring against the same numbers from whole logits: values and gradients."""

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


def whole(hidden, weight, tokens):
    return (hidden @ weight.T).log_softmax(-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    vocabulary=st.integers(1, 40),
    chunk=st.integers(1, 50),
    scale=st.floats(0.0, 300.0),
)
def test_values_are_those_of_whole_logits(seed, vocabulary, chunk, scale):
    hidden, weight, tokens = problem(vocabulary=vocabulary, seed=seed)
    hidden = scale * hidden
    torch.testing.assert_close(
        score_tokens(hidden, weight, tokens, chunk=chunk),
        whole(hidden, weight, tokens),
        rtol=1e-9,
        atol=1e-9,
    )


@pytest.mark.parametrize("chunk", [1, 6, 23, 100])
def test_gradients_are_those_of_whole_logits(chunk):
    hidden, weight, tokens = problem()
    upstream = torch.randn(7, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    hidden.requires_grad_()
    weight.requires_grad_()
    ours = (score_tokens(hidden, weight, tokens, chunk=chunk) * upstream).sum()
    theirs = (whole(hidden, weight, tokens) * upstream).sum()
    for mine, reference in zip(
        *(torch.autograd.grad(x, (hidden, weight)) for x in (ours, theirs)), strict=True
    ):
        torch.testing.assert_close(mine, reference, rtol=1e-10, atol=1e-10)
