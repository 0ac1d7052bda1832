"""The packed layout [N]: every token loss, aggregation and correction says what it says of padded
rows."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import trlib
from tests.laws import CASES
from tests.losses import D, close, tokens
from trlib import algorithms
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.corrections import truncated_importance
from trlib.layout import OF_ROWS, packed

B, T = 4, 5
rows = st.lists(st.integers(0, T), min_size=B, max_size=B).filter(any)


def ends(lengths):
    """[B, T] bool: which places of the padded layout a packed one has."""
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(-1)


def assert_alike(function, arguments, lengths):
    """Value, diagnostics and gradient in the first argument, float64."""
    there = ends(lengths)
    arguments = {
        k: v if k in OF_ROWS else v[:, : there.shape[1]].masked_fill(~there, 0)
        for k, v in arguments.items()
    }
    flat = {k: v if k in OF_ROWS else v[there] for k, v in arguments.items()}
    first = next(iter(arguments))
    results = []
    for call, named in ((function, arguments), (packed(function, lengths), flat)):
        x = named[first].clone().requires_grad_()
        result = call(x, **{k: v for k, v in named.items() if k != first})
        per_token = getattr(result, "per_token", result)
        (slope,) = torch.autograd.grad(per_token.sum() + 0 * x.sum(), x)
        results.append((per_token, slope, getattr(result, "diagnostics", {})))
    (padded, slope, more), (packed_tokens, packed_slope, packed_more) = results
    close(packed_tokens, padded[there] if padded.dim() else padded, 1e-12)
    close(packed_slope, slope[there], 1e-12)
    for name, value in more.items():
        close(packed_more[name].to(D), value[there].to(D), 1e-12)


def assert_case_alike(case, lengths, seed):
    def loss(first, *others, **named):
        return case.loss(first, *others, **named, **case.settings)

    loss.__signature__ = trlib.layout.signature(case.loss)
    assert_alike(loss, case.arguments(tokens(seed, b=B, t=T)), lengths)


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case.pure and case.named])
@settings(max_examples=5, deadline=None)
@given(rows, st.integers(0, 2**31))
def test_every_token_loss_is_the_padded_one(name, lengths, seed):
    assert_case_alike(CASES[name], lengths, seed)


def test_lengths_may_be_a_tensor_and_the_mask_is_all_tokens():
    logp = torch.tensor([-1.0, -2.0, -3.0])
    loss = packed(algorithms.gspo_loss, torch.tensor([1, 2]))
    result = loss(logp, logp - 0.1, advantages=torch.ones(3), eps_high=1.0)
    close(result.per_token, [-math.exp(0.1)] * 3, 1e-6)


def test_aggregations_and_corrections_too():
    lengths = [3, 0, 2, T]
    there, values = ends(lengths), tokens(b=B, t=T)
    named = {"per_token": values["advantages"], "mask": values["mask"]}
    for how in AGGREGATIONS:
        assert_alike(partial(aggregate, how=how, horizon=7), named, lengths)
    pair, how = (values["logp"], values["logp_old"]), {"level": "geometric", "floor": 0.5}
    factor = packed(truncated_importance, lengths)(*(x[there] for x in pair), **how)
    close(factor, truncated_importance(*pair, there, **how)[there], 1e-12)
