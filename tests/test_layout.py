"""The packed layout [N]: every token loss, aggregation and correction says what it says of padded
rows."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import trlib
from tests.algorithms.test_every_loss import CASES, D, V, data
from trlib import algorithms
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.algorithms import TopK
from trlib.corrections import m2po_mask, opsm_mask, truncated_importance
from trlib.layout import OF_ROWS, packed
from trlib.relatives.ratios import bapo_loss, cpgd_loss, minpro_loss, r2vpo_loss, trefree_loss

B, T = 4, 5
rows = st.lists(st.integers(0, T), min_size=B, max_size=B).filter(any)


def ends(lengths: list[int]) -> torch.Tensor:
    """[B, T] bool: which places of the padded layout a packed one has."""
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(-1)


def assert_alike(function, arguments: dict[str, torch.Tensor], lengths: list[int]) -> None:
    """Value, diagnostics and gradient in the first argument, float64."""
    there = ends(lengths)
    width = there.shape[1]
    arguments = {
        k: v
        if k in OF_ROWS
        else v[:, :width].masked_fill(~there, False if v.dtype == torch.bool else 0)
        for k, v in arguments.items()
    }
    flat = {k: v if k in OF_ROWS else v[there] for k, v in arguments.items()}
    first = next(iter(arguments))
    results = []
    for call, given_arguments in ((function, arguments), (packed(function, lengths), flat)):
        x = given_arguments[first].clone().requires_grad_()
        result = call(x, **{k: v for k, v in given_arguments.items() if k != first})
        per_token = getattr(result, "per_token", result)
        gradient = (
            torch.autograd.grad(per_token.sum(), x)[0]
            if per_token.requires_grad
            else torch.zeros_like(x)
        )
        results.append((per_token, gradient, getattr(result, "diagnostics", {})))
    (padded, slope, more), (tokens, packed_slope, packed_more) = results
    torch.testing.assert_close(
        tokens, padded[there] if padded.dim() else padded, rtol=0, atol=1e-12
    )
    torch.testing.assert_close(packed_slope, slope[there], rtol=0, atol=1e-12)
    for name, value in more.items():
        assert packed_more[name].shape == tokens.shape
        torch.testing.assert_close(packed_more[name], value[there], rtol=0, atol=1e-12)


MORE = {
    loss.__name__: loss for loss in (bapo_loss, cpgd_loss, minpro_loss, r2vpo_loss, trefree_loss)
}


@pytest.mark.parametrize("name", [*(name for name, case in CASES.items() if case.pure), *MORE])
@settings(max_examples=8, deadline=None)
@given(rows, st.integers(0, 2**31))
def test_every_token_loss_is_the_padded_one(name, lengths, seed):
    values = data(seed, b=B, t=T)
    if name in MORE:
        wanted = ("logp", "logp_old", "advantages", "mask")
        assert_alike(MORE[name], {k: values[k] for k in wanted}, lengths)
        return
    case = CASES[name]

    def loss(first, *others, **named):
        return case.loss(first, *others, **named, **case.settings)

    loss.__signature__ = trlib.layout.signature(case.loss)
    assert_alike(loss, case.arguments(values), lengths)


@settings(max_examples=15, deadline=None)
@given(rows, st.integers(0, 2**31), st.sampled_from(["token", "sequence"]))
def test_losses_of_distributions_too(lengths, seed, level):
    generator = torch.Generator().manual_seed(seed)
    u, q = (torch.randn(B, T, V, generator=generator, dtype=D).log_softmax(-1) for _ in range(2))
    there, tokens = ends(lengths), torch.randint(0, V, (B, T), generator=generator)
    advantages, width = torch.randn(B, T, generator=generator, dtype=D), max(lengths)
    u, q, tokens, advantages = (x[:, :width] for x in (u, q, tokens, advantages))
    old = algorithms.sparsify(q, tokens=tokens, mask=there, k=3)
    chosen = {"delta_kl": 0.02, "level": level}
    for loss, first, second in (
        (algorithms.troll_loss, u, q),
        (algorithms.troll_sparse_loss, u.gather(-1, old.ids), old),
    ):
        padded = loss(first, second, tokens=tokens, advantages=advantages, mask=there, **chosen)
        ours = packed(loss, lengths)(
            first[there],
            TopK(old.ids[there], old.logp[there]) if second is old else q[there],
            tokens=tokens[there],
            advantages=advantages[there],
            **chosen,
        )
        torch.testing.assert_close(ours.per_token, padded.per_token[there], rtol=0, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(rows, st.integers(0, 2**31), st.sampled_from(AGGREGATIONS))
def test_aggregations_and_corrections_too(lengths, seed, how):
    values = data(seed, b=B, t=T)
    per_token, mask = values["advantages"], values["mask"]
    assert_alike(
        lambda per_token, mask: aggregate(per_token, mask, how, horizon=7),
        {"per_token": per_token, "mask": mask},
        lengths,
    )
    there = ends(lengths)
    logp, old = (values[name][:, : there.shape[1]] for name in ("logp", "logp_old"))
    factor = packed(truncated_importance, lengths)(
        logp[there], old[there], level="geometric", floor=0.5
    )
    torch.testing.assert_close(
        factor,
        truncated_importance(logp, old, there, level="geometric", floor=0.5)[there],
        rtol=0,
        atol=1e-12,
    )
    a = values["advantages"][:, : there.shape[1]]
    for rule, given_settings in ((opsm_mask, {"delta": 0.1}), (m2po_mask, {})):
        ours = packed(rule, lengths)(logp[there], old[there], advantages=a[there], **given_settings)
        assert torch.equal(ours, rule(logp, old, advantages=a, mask=there, **given_settings)[there])


def test_lengths_may_be_a_tensor_and_the_mask_is_all_tokens():
    logp = torch.tensor([-1.0, -2.0, -3.0])
    loss = packed(algorithms.gspo_loss, torch.tensor([1, 2]))
    result = loss(logp, logp - 0.1, advantages=torch.ones(3))
    assert result.per_token.shape == (3,) and result.diagnostics["ratio"].shape == (3,)
    assert trlib.packed is packed


@pytest.mark.parametrize(
    ("lengths", "tokens", "error", "message"),
    [
        (
            [1, 3],
            3,
            ValueError,
            r"logp: expected \[N, ...\] with N = 4, the sum of lengths, got \[3\]",
        ),
        ([1, -1], 3, ValueError, "lengths: expected a whole number of at least 0, got -1"),
        ([0, 0], 3, ValueError, r"lengths: expected rows with a token among them, got \[0, 0\]"),
        ([1.5], 3, ValueError, "lengths: expected a whole number"),
        ([3], math.nan, ValueError, "logp: expected finite values"),
    ],
)
def test_bad_lengths(lengths, tokens, error, message):
    logp = torch.full((3,), tokens) if math.isnan(tokens) else -torch.ones(tokens)
    with pytest.raises(error, match=message):
        packed(algorithms.pspo_loss, lengths)(logp, -torch.ones(3), advantages=torch.ones(3))
