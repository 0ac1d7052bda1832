"""TROLL's losses against their definitions, central differences, and each other; their weights,
masks and errors."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from trlib.algorithms import ALGORITHMS, Batch, Provided, Scores, TopK
from trlib.algorithms.ppo import pg_is_loss
from trlib.algorithms.troll import TROLL, project, sparsify, troll_loss, troll_sparse_loss
from trlib.divergences import kl

INF = math.inf


# --- the loss
# --------------------------------------------------------------------------------------------------


def batch(shape=(4, 5), vocabulary=8, *, apart=1.0, seed=0):
    """log π̃ and log q [*shape, vocabulary], their logits `apart` standard normals apart, and the
    other arguments."""
    g = torch.Generator().manual_seed(seed)
    logits, noise = (
        torch.randn(*shape, vocabulary, generator=g, dtype=torch.float64) for _ in range(2)
    )
    mask = torch.rand(*shape, generator=g) > 0.25
    mask[0, 0] = True
    return (
        (2 * logits + apart * noise).log_softmax(-1),
        (2 * logits).log_softmax(-1),
        {
            "tokens": torch.randint(0, vocabulary, shape, generator=g),
            "advantages": torch.randn(*shape, generator=g).double(),
            "mask": mask,
        },
    )


def at_tokens(values: Tensor, tokens: Tensor) -> Tensor:
    return values.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def spread(logp_token: Tensor, logp: Tensor, tokens: Tensor) -> Tensor:
    """The distributions [B, T, V] when the sampled tokens' log-probs become [B, T], the others in
    proportion."""
    index = tokens.unsqueeze(-1)
    others = logp.detach().scatter(-1, index, -INF).log_softmax(-1)
    return (others + torch.log1p(-logp_token.exp()).unsqueeze(-1)).scatter(
        -1, index, logp_token.unsqueeze(-1)
    )


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize(
    "delta, alpha", [(0.05, 1.0), (0.05, 0.0), (0.3, 2.0), (0.0, 1.0), (INF, 1.0)]
)
def test_weight_is_minus_the_gradient_in_the_sampled_log_prob(level, delta, alpha):
    u, lq, rest = batch(vocabulary=8)
    logp = at_tokens(u, rest["tokens"]).requires_grad_()
    loss = troll_loss(
        spread(logp, u, rest["tokens"]), lq, **rest, delta_kl=delta, alpha=alpha, level=level
    )
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logp)
    torch.testing.assert_close(gradient, -loss.diagnostics["weight"], atol=1e-12, rtol=1e-12)
    assert loss.diagnostics["projected"].any() == (delta < 1)


def test_value_is_the_definition():
    u, lq, rest = batch()
    loss = troll_loss(u, lq, **rest, delta_kl=0.05, alpha=0.7)
    pi = project(u, lq, delta_kl=0.05)
    ratio = at_tokens((pi.logp - lq).exp(), rest["tokens"])
    expected = -rest["advantages"] * ratio + 0.7 * kl(u, pi.logp)
    mask = rest["mask"]
    torch.testing.assert_close(loss.per_token[mask], expected[mask], atol=1e-12, rtol=1e-12)
    assert not loss.per_token[~mask].any()
    diagnostics = loss.diagnostics
    torch.testing.assert_close(diagnostics["ratio"][mask], ratio[mask])
    torch.testing.assert_close(diagnostics["eta"][mask], pi.eta[mask])
    assert torch.equal(diagnostics["projected"], (pi.eta > 0) & mask) and torch.equal(
        diagnostics["kept"], mask
    )
    assert 3 < diagnostics["projected"].sum() < mask.sum()


@pytest.mark.parametrize("delta", [0.05, 0.4])
def test_loss_against_central_differences(delta):
    """alpha = 0 has no stop-gradient; with it the regression's target is held fixed by hand."""
    u, lq, rest = batch((2, 3), 6)
    target = project(u, lq, delta_kl=delta).logp

    def policy_part(logits):
        return troll_loss(logits.log_softmax(-1), lq, **rest, delta_kl=delta, alpha=0.0).per_token

    def regression_part(logits):
        return torch.where(rest["mask"], kl(logits.log_softmax(-1), target), 0.0)

    assert torch.autograd.gradcheck(policy_part, (u.clone().requires_grad_(),), eps=1e-6, atol=1e-7)
    logits = u.clone().requires_grad_()
    whole = troll_loss(
        logits.log_softmax(-1), lq, **rest, delta_kl=delta, alpha=1.0
    ).per_token.sum()
    parts = policy_part(logits).sum() + regression_part(logits).sum()
    torch.testing.assert_close(
        *(torch.autograd.grad(x, logits)[0] for x in (whole, parts)), atol=1e-10, rtol=1e-9
    )


def test_policy_gradient_on_the_logits_in_closed_form():
    u, lq, rest = batch((3, 4), 6, apart=2.0)
    rest["mask"][:] = True
    logits = u.clone().requires_grad_()
    loss = troll_loss(logits.log_softmax(-1), lq, **rest, delta_kl=0.05, alpha=0.0)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logits)
    projected = project(u, lq, delta_kl=0.05)
    active = projected.eta > 0
    pi, d = projected.logp.exp(), projected.logp - lq
    var = (pi * d**2).sum(-1) - 0.05**2
    ratio, d_token = at_tokens(d, rest["tokens"]).exp(), at_tokens(d, rest["tokens"]) - 0.05
    hit = torch.nn.functional.one_hot(rest["tokens"], 6)
    bracket = hit - pi - pi * (d - 0.05) * (d_token / var).unsqueeze(-1)
    expected = -(rest["advantages"] * ratio / (1 + projected.eta)).unsqueeze(-1) * bracket
    torch.testing.assert_close(gradient[active], expected[active], atol=1e-8, rtol=1e-8)
    assert active.sum() >= 8
    assert not (hit[active] * gradient[active]).eq(0).all()  # where PPO may be silent, this is not


def test_a_projection_never_turns_a_push():
    u, lq, rest = batch((30, 30), 5, apart=3.0)
    rest["mask"][:] = True
    weight = troll_loss(u, lq, **rest, delta_kl=0.02, alpha=0.0).diagnostics["weight"]
    assert (weight * rest["advantages"] >= -1e-12).all()


def test_two_outcomes_leave_nothing_to_choose():
    """On the boundary of two outcomes π is fixed: no policy gradient, only the regression."""
    u, lq, rest = batch((5, 5), 2, apart=3.0)
    loss = troll_loss(u, lq, **rest, delta_kl=0.02, alpha=0.0)
    assert loss.diagnostics["weight"][loss.diagnostics["projected"]].abs().max() < 1e-8


def test_without_a_region_it_is_the_importance_weighted_policy_gradient():
    u, lq, rest = batch()
    u.requires_grad_()
    tokens, others = rest["tokens"], {k: v for k, v in rest.items() if k != "tokens"}
    plain = pg_is_loss(at_tokens(u, tokens), at_tokens(lq, tokens), **others)
    for delta in (INF, 50.0):
        loss = troll_loss(u, lq, **rest, delta_kl=delta)
        assert torch.equal(loss.per_token, plain.per_token)
        for name in ("ratio", "kept", "weight"):
            assert torch.equal(loss.diagnostics[name], plain.diagnostics[name])
        gradients = [
            torch.autograd.grad(x.per_token.sum(), u, retain_graph=True)[0] for x in (loss, plain)
        ]
        assert torch.equal(*gradients)


def test_radius_zero_leaves_the_regression():
    u, lq, rest = batch()
    u.requires_grad_()
    loss = troll_loss(u, lq, **rest, delta_kl=0.0)
    mask = rest["mask"]
    torch.testing.assert_close(loss.per_token[mask], (kl(u, lq) - rest["advantages"])[mask])
    assert not loss.diagnostics["kept"].any() and loss.diagnostics["eta"][mask].eq(INF).all()
    (ours,) = torch.autograd.grad(loss.per_token.sum(), u)
    (regression,) = torch.autograd.grad((u.exp() * (u - lq)).sum(-1)[mask].sum(), u)
    torch.testing.assert_close(ours, regression)


def test_sequence_form():
    u, lq, rest = batch(apart=0.05)
    u, mask, tokens = u.requires_grad_(), rest["mask"], rest["tokens"]
    loss = troll_loss(u, lq, **rest, level="sequence")
    assert not loss.diagnostics["projected"].any()
    log_ratio = at_tokens(u - lq, tokens).masked_fill(~mask, 0.0)
    s = (log_ratio.sum(-1) / mask.sum(-1)).exp().detach().unsqueeze(-1)
    torch.testing.assert_close(loss.per_token, (-rest["advantages"] * s).masked_fill(~mask, 0.0))
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), u)
    expected = torch.zeros_like(u).scatter(
        -1, tokens.unsqueeze(-1), (-rest["advantages"] * s * mask).unsqueeze(-1)
    )
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(loss.diagnostics["ratio"], log_ratio.exp().detach())
    # The mean log-ratio is capped at 10.
    lq = torch.tensor([[[-30.0, 0.0]]]).log_softmax(-1)
    one = {
        "tokens": torch.tensor([[0]]),
        "advantages": torch.tensor([[1.0]]),
        "mask": torch.tensor([[True]]),
    }
    capped = troll_loss(
        torch.tensor([[[0.5, 0.5]]]).log(), lq, **one, delta_kl=INF, level="sequence"
    )
    assert capped.per_token.item() == pytest.approx(-math.exp(10), rel=1e-6)


def test_outcomes_the_old_policy_cannot_produce():
    """KL(π̃ || π) is infinite there; the regression stays finite and takes the mass away."""
    u = torch.tensor([[[0.5, 0.3, 0.2]]], dtype=torch.float64).log().requires_grad_()
    lq = torch.tensor([[[0.5, 0.5, 0.0]]], dtype=torch.float64).log()
    rest = {
        "tokens": torch.tensor([[0]]),
        "advantages": torch.zeros(1, 1).double(),
        "mask": torch.ones(1, 1).bool(),
    }
    loss = troll_loss(u, lq, **rest)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), u)
    gradient = gradient - u.exp() * gradient.sum(-1, keepdim=True)
    assert (
        torch.isfinite(loss.per_token).all()
        and gradient[0, 0, 2] > 1
        and (gradient[0, 0, :2] < 0).all()
    )


def test_a_certain_token_outside_the_region_has_finite_values():
    """Where float32 cannot tell π̃_y from 1, the weight's divisor 1 - π̃_y is taken as the type's
    epsilon."""
    u = torch.tensor([[[100.0, 0.0, -3.0]]]).log_softmax(-1).requires_grad_()
    lq = torch.tensor([[[-2.0, 0.0, 1.0]]]).log_softmax(-1)
    rest = {
        "tokens": torch.tensor([[0]]),
        "advantages": torch.ones(1, 1),
        "mask": torch.ones(1, 1).bool(),
    }
    loss = troll_loss(u, lq, **rest)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), u)
    assert loss.diagnostics["projected"].all() and torch.isfinite(gradient).all()
    assert torch.isfinite(loss.per_token).all() and torch.isfinite(loss.diagnostics["weight"]).all()


def test_what_is_masked_cannot_leak():
    u, lq, rest = batch()
    mask = rest["mask"]
    reference = troll_loss(u.clone().requires_grad_(), lq, **rest)
    for junk in (math.nan, INF, -INF):
        dirty = u.masked_fill(~mask.unsqueeze(-1), junk).requires_grad_()
        old = lq.masked_fill(~mask.unsqueeze(-1), -junk)
        loss = troll_loss(
            dirty,
            old,
            tokens=rest["tokens"].masked_fill(~mask, -100),
            mask=mask,
            advantages=rest["advantages"].masked_fill(~mask, junk),
        )
        assert torch.equal(loss.per_token, reference.per_token)
        for name, value in loss.diagnostics.items():
            assert torch.equal(value, reference.diagnostics[name]), name
        (gradient,) = torch.autograd.grad(loss.per_token.sum(), dirty)
        assert torch.isfinite(gradient).all() and not gradient[~mask].any()
    nothing = {**rest, "mask": torch.zeros_like(mask)}
    leaf = u.clone().requires_grad_()
    loss = troll_loss(leaf, lq, **nothing)
    assert not loss.per_token.any() and not torch.autograd.grad(loss.per_token.sum(), leaf)[0].any()


def test_no_advantage_never_meets_an_overflowing_ratio():
    u = torch.tensor([[[-1e-30, -200.0]]])
    lq = torch.tensor([[[-200.0, -1e-30]]])
    rest = {
        "tokens": torch.tensor([[0]]),
        "advantages": torch.zeros(1, 1),
        "mask": torch.ones(1, 1).bool(),
    }
    leaf = u.clone().requires_grad_()
    loss = troll_loss(leaf, lq, **rest, delta_kl=INF)
    assert (
        loss.per_token.item() == 0 and not torch.autograd.grad(loss.per_token.sum(), leaf)[0].any()
    )


@pytest.mark.parametrize(
    "dtype, computed",
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_types(dtype, computed):
    u, lq, rest = batch(apart=2.0)
    loss = troll_loss(
        u.to(dtype), lq.to(dtype), **{**rest, "advantages": rest["advantages"].to(dtype)}
    )
    assert (
        loss.per_token.dtype
        == computed
        == project(u.to(dtype), lq.to(dtype), delta_kl=0.05).logp.dtype
    )
    exact = troll_loss(u, lq, **rest).per_token
    assert (loss.per_token - exact).abs().max() < (0.5 if dtype == torch.bfloat16 else 0.05)


# --- the sparse form
# --------------------------------------------------------------------------------------------------


def sparse(u, lq, rest, *, k, mass=1.0, **settings):
    old = sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=k, mass=mass)
    return troll_sparse_loss(u.gather(-1, old.ids), old, **rest, **settings)


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_all_tokens_kept_is_the_dense_form(level):
    u, lq, rest = batch()
    leaf = u.clone().requires_grad_()
    dense = troll_loss(leaf, lq, **rest, level=level)
    merged = sparse(leaf, lq, rest, k=8, level=level)
    torch.testing.assert_close(merged.per_token, dense.per_token, atol=1e-9, rtol=1e-9)
    for name, value in dense.diagnostics.items():
        torch.testing.assert_close(merged.diagnostics[name], value, atol=1e-8, rtol=1e-8)
    grads = [
        torch.autograd.grad(x.per_token.sum(), leaf, retain_graph=True)[0] for x in (dense, merged)
    ]
    grads = [g - leaf.exp() * g.sum(-1, keepdim=True) for g in grads]
    torch.testing.assert_close(*grads, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("delta", [0.02, 10.0])
def test_a_tail_with_the_same_proportions_loses_nothing(delta):
    """Where π̃ and q agree within the tail, one bucket is exact: values and gradients on the
    logits, tail included."""
    u, lq, rest = batch((6, 6), 20, apart=0.0, seed=2)
    rest["tokens"] = lq.argsort(-1, descending=True)[..., 3]
    head = lq.argsort(-1, descending=True)[..., :6]
    g = torch.Generator().manual_seed(5)
    logits = u.scatter_add(-1, head, torch.randn(6, 6, 6, generator=g).double()).requires_grad_()
    dense = troll_loss(logits.log_softmax(-1), lq, **rest, delta_kl=delta)
    merged = sparse(logits.log_softmax(-1), lq, rest, k=6, delta_kl=delta)
    assert dense.diagnostics["projected"].any() == (delta < 1)
    torch.testing.assert_close(merged.per_token, dense.per_token, atol=1e-9, rtol=1e-8)
    grads = [torch.autograd.grad(x.per_token.sum(), logits)[0] for x in (dense, merged)]
    torch.testing.assert_close(*grads, atol=1e-9, rtol=1e-7)


def test_error_of_the_sparse_form_shrinks_with_the_tail():
    """Largest error of a ratio, on peaked distributions over 500 tokens: below the square root of
    the tail's mass."""
    g = torch.Generator().manual_seed(7)
    logits = 6 * torch.randn(16, 16, 500, generator=g, dtype=torch.float64)
    u = (logits + torch.randn(16, 16, 500, generator=g, dtype=torch.float64)).log_softmax(-1)
    lq = logits.log_softmax(-1)
    tokens = torch.distributions.Categorical(logits=lq.float()).sample()
    rest = {
        "tokens": tokens,
        "mask": torch.ones(16, 16).bool(),
        "advantages": torch.ones(16, 16).double(),
    }
    dense = troll_loss(u, lq, **rest)
    assert dense.diagnostics["projected"].float().mean() > 0.3
    worst = []
    for mass in (1e-2, 1e-4, 1e-6):
        merged = sparse(u, lq, rest, k=500, mass=1 - mass)
        worst.append(
            (merged.diagnostics["ratio"] / dense.diagnostics["ratio"] - 1).abs().max().item()
        )
        assert worst[-1] < math.sqrt(mass)
    assert worst[0] > worst[1] > worst[2]


def test_sparsify_keeps_the_mass_and_the_sampled_token():
    p = torch.tensor(
        [[[0.5, 0.3, 0.1, 0.06, 0.04], [0.97, 0.01, 0.01, 0.005, 0.005]]], dtype=torch.float64
    )
    tokens = torch.tensor([[4, 0]])
    mask = torch.tensor([[True, True]])
    top = sparsify(p.log(), tokens=tokens, mask=mask, k=4, mass=0.9)
    # .04 (sampled), .5, .3 and .1 reach .94; the second position needs its first token only.
    assert top.ids[0, 0].tolist() == [4, 0, 1, 2]
    torch.testing.assert_close(
        top.logp.exp()[0], torch.tensor([[0.04, 0.5, 0.3, 0.1], [0.97, 0, 0, 0]]).double()
    )
    narrow = sparsify(p.log(), tokens=tokens, mask=torch.tensor([[False, True]]), k=4, mass=0.9)
    assert narrow.ids.shape == (1, 2, 1) and narrow.logp[0, 0, 0] == -INF
    widest = sparsify(p.log(), tokens=tokens, mask=mask, k=2, mass=1.0)
    assert widest.ids.tolist() == [[[4, 0], [0, 1]]] or widest.ids.tolist() == [[[4, 0], [0, 2]]]
    dirty = sparsify(
        p.log().masked_fill(~mask.unsqueeze(-1), math.nan), tokens=tokens, mask=mask, k=4, mass=0.9
    )
    assert torch.equal(dirty.ids, top.ids)


def test_sparse_weight_and_masking():
    u, lq, rest = batch((4, 5), 12)
    mask, tokens = rest["mask"], rest["tokens"]
    old = sparsify(lq, tokens=tokens, mask=mask, k=6, mass=0.95)
    logp = at_tokens(u, tokens).requires_grad_()
    loss = troll_sparse_loss(spread(logp, u, tokens).gather(-1, old.ids), old, **rest)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logp)
    torch.testing.assert_close(gradient, -loss.diagnostics["weight"], atol=1e-12, rtol=1e-12)
    assert loss.diagnostics["projected"].any() and (old.logp[mask] == -INF).any()
    junk = ~mask.unsqueeze(-1)
    leaf = u.gather(-1, old.ids).masked_fill(junk, math.nan).requires_grad_()
    dirty = troll_sparse_loss(
        leaf,
        TopK(old.ids.masked_fill(junk, -1), old.logp.masked_fill(junk, INF)),
        mask=mask,
        tokens=tokens.masked_fill(~mask, -100),
        advantages=rest["advantages"].masked_fill(~mask, INF),
    )
    torch.testing.assert_close(dirty.per_token, loss.per_token)
    (gradient,) = torch.autograd.grad(dirty.per_token.sum(), leaf)
    assert torch.isfinite(gradient).all() and not gradient[~mask].any()


def test_sparse_float32_gradients_do_not_explode_at_an_empty_tail():
    """The old policy has a tail of 1e-5, the new one none that float32 can see."""
    lq = torch.tensor([[[0.7, 0.29999, 0.00001]]]).log().log_softmax(-1)
    logits = torch.tensor([[[1.0, 3.0, -40.0]]], requires_grad=True)
    rest = {
        "tokens": torch.tensor([[1]]),
        "advantages": torch.ones(1, 1),
        "mask": torch.ones(1, 1).bool(),
    }
    loss = sparse(logits.log_softmax(-1), lq, rest, k=2)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logits)
    reference = logits.detach().double().requires_grad_()
    dense = troll_loss(reference.log_softmax(-1), lq.double().log_softmax(-1), **rest)
    (exact,) = torch.autograd.grad(dense.per_token.sum(), reference)
    assert loss.diagnostics["projected"].all()
    torch.testing.assert_close(gradient.double(), exact, atol=2e-3, rtol=1e-3)


# --- the method
# --------------------------------------------------------------------------------------------------


def test_the_method_hands_its_settings_to_the_loss():
    u, lq, rest = batch()
    zeros = torch.zeros(4)
    top = sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=3, mass=1.0)
    full = Batch(
        tokens=rest["tokens"],
        mask=rest["mask"],
        forced=~rest["mask"],
        rewards=zeros,
        group=zeros.long(),
        ended=zeros.bool(),
        horizon=5,
        logp_rollout=at_tokens(lq, rest["tokens"]),
        provided=Provided(full_anchor=lq, topk_anchor=top),
        advantages=rest["advantages"],
        anchor="recomputed",
    )
    scores = Scores(at_tokens(u, rest["tokens"]), u)
    method = TROLL(delta_kl=0.02, alpha=0.5, level="sequence")
    expected = troll_loss(u, lq, **rest, delta_kl=0.02, alpha=0.5, level="sequence")
    assert torch.equal(method.objective(scores, full).per_token, expected.per_token)
    needs = method.needs("recomputed")
    assert needs.full and needs.full_anchor and not needs.topk_anchor

    sampler = replace(full, anchor="rollout", provided=Provided(topk_anchor=top))
    small = TROLL(top_k=3)
    expected = troll_sparse_loss(u.gather(-1, top.ids), top, **rest)
    assert torch.equal(small.objective(scores, sampler).per_token, expected.per_token)
    needs = small.needs("rollout")
    assert needs.full and not needs.full_anchor and needs.topk_anchor == 3 and not needs.old
    with pytest.raises(ValueError, match="full"):
        small.objective(Scores(scores.logp), sampler)
    assert (
        ALGORITHMS["troll"] is TROLL
        and TROLL().aggregation == "token-mean"
        and TROLL.anchor == "recomputed"
    )


# --- bad input
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"delta_kl": -0.1}, ValueError, "delta_kl: expected a number at least 0, got -0.1"),
        ({"delta_kl": math.nan}, ValueError, "delta_kl"),
        ({"delta_kl": "far"}, TypeError, "delta_kl"),
        ({"alpha": -1.0}, ValueError, "alpha"),
        ({"level": "batch"}, ValueError, "level"),
        (
            {"tokens": torch.full((4, 5), 8)},
            ValueError,
            "tokens: expected token ids from 0 to 7, got 8",
        ),
        ({"tokens": torch.zeros(4, 5)}, TypeError, "tokens"),
        (
            {"tokens": torch.zeros(4, 6).long()},
            ValueError,
            r"tokens: expected \[B, T\] = \[4, 5\], got \[4, 6\]",
        ),
        (
            {"advantages": torch.zeros(4)},
            ValueError,
            r"advantages: expected \[B, T\] = \[4, 5\], got \[4\]",
        ),
        ({"advantages": torch.full((4, 5), INF)}, ValueError, "advantages"),
        ({"mask": torch.ones(4, 5)}, TypeError, "mask: expected torch.bool"),
        ({"logp": torch.zeros(4, 5)}, ValueError, r"logp: expected \[B, T, V\], got \[4, 5\]"),
        ({"logp": torch.zeros(4, 0, 8)}, ValueError, "logp"),
        ({"logp": torch.zeros(4, 5, 8)}, ValueError, "logp: expected normalised"),
        ({"logp": torch.full((4, 5, 8), math.nan)}, ValueError, "logp"),
        (
            {"logp_old": torch.zeros(4, 5, 9)},
            ValueError,
            r"logp_old: expected \[B, T, V\] = \[4, 5, 8\]",
        ),
        ({"logp_old": torch.zeros(4, 5, 8)}, ValueError, "logp_old: expected normalised"),
    ],
)
def test_bad_input_is_named(change, error, message):
    u, lq, rest = batch()
    arguments = {"logp": u, "logp_old": lq, **rest, **change}
    with pytest.raises(error, match=message):
        troll_loss(arguments.pop("logp"), arguments.pop("logp_old"), **arguments)


def test_a_sampled_token_without_probability_is_named():
    u, lq, rest = batch()
    rest["tokens"][:] = 0
    for which in range(2):
        pair_ = [u.clone(), lq.clone()]
        pair_[which][0, 0, 0] = -INF
        pair_[which] = pair_[which].log_softmax(-1)
        with pytest.raises(
            ValueError, match=("logp of", "logp_old of")[which] + " the sampled tokens: .* -inf"
        ):
            troll_loss(*pair_, **rest)


def test_bad_input_of_the_sparse_form_and_the_settings():
    u, lq, rest = batch()
    old = sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=2, mass=1.0)
    with pytest.raises(
        ValueError, match=r"tokens: expected each sampled token among old\.ids, got"
    ):
        troll_sparse_loss(
            u.gather(-1, old.ids), old, **{**rest, "tokens": (rest["tokens"] + 1) % 8 - 8}
        )
    with pytest.raises(
        ValueError, match=r"old\.logp: expected probabilities that sum to at most 1"
    ):
        troll_sparse_loss(
            u.gather(-1, old.ids), TopK(old.ids, torch.full_like(old.logp, -0.1)), **rest
        )
    with pytest.raises(ValueError, match=r"old.ids: expected \[B, T, K\]"):
        troll_sparse_loss(u.gather(-1, old.ids), TopK(old.ids[..., :1], old.logp), **rest)
    with pytest.raises(ValueError, match="k: expected a whole number from 1 to 8, got 9"):
        sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=9)
    with pytest.raises(ValueError, match="mass"):
        sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=2, mass=1.5)
    for settings_ in ({"delta_kl": -1.0}, {"alpha": math.nan}, {"level": "x"}, {"top_k": 0}):
        with pytest.raises(ValueError, match=next(iter(settings_))):
            TROLL(**settings_)
