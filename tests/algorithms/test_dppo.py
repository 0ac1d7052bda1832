"""DPPO's mask as a truth table, its weights by hand, and the order of its three resolutions."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from trlib import checks, divergences
from trlib.algorithms import Batch, Correction, Needs, Provided, Scores, TopK
from trlib.algorithms.dppo import DPPO, dppo_loss, dppo_sparse_loss
from trlib.algorithms.reinforce import reinforce_loss
from trlib.divergences import topk_kl, topk_tv


def row(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float64)


def everything(like: Tensor) -> Tensor:
    return torch.ones_like(like, dtype=torch.bool)


def drawn(seed: int = 0, shape: tuple[int, int] = (4, 6)):
    g = torch.Generator().manual_seed(seed)
    rollout = -3 * torch.rand(shape, dtype=torch.float64, generator=g)
    logp = (
        (rollout + torch.randn(shape, dtype=torch.float64, generator=g))
        .clamp(max=-1e-3)
        .requires_grad_()
    )
    advantages = torch.randn(shape, dtype=torch.float64, generator=g)
    mask = torch.rand(shape, generator=g) > 0.2
    return logp, rollout, advantages, mask


# --- the mask
# --------------------------------------------------------------------------------------------------

HIGH, LOW = 0.3, 0.1


@pytest.mark.parametrize(
    "advantage, above_mu, divergence",
    list(itertools.product((1.0, 0.0, -1.0), (True, False), (0.05, LOW, 0.2, HIGH, 0.31))),
)
@pytest.mark.parametrize("kind", ["delta_tv", "delta_kl"])
def test_mask_is_zero_past_the_threshold_and_outwards_only(kind, advantage, above_mu, divergence):
    q, p = (-1.0, -0.9) if above_mu else (-0.9, -1.0)
    loss = dppo_loss(
        row(p),
        row(q),
        advantages=row(advantage),
        mask=everything(row(p)),
        measured=row(divergence),
        **{kind: (LOW, HIGH)},
    )
    silenced = (
        (divergence > HIGH and above_mu) if advantage > 0 else (divergence > LOW and not above_mu)
    )
    assert loss.diagnostics["kept"].item() is not silenced
    expected = 0.0 if silenced else advantage * math.exp(p - q)
    assert loss.diagnostics["weight"].item() == pytest.approx(expected, abs=1e-15)
    assert loss.diagnostics["divergence"].item() == divergence


@pytest.mark.parametrize(
    "advantage, above_mu, divergence",
    list(itertools.product((1.0, 0.0, -1.0), (True, False), (0.05, LOW, 0.2, HIGH, 0.31))),
)
def test_an_unsigned_mask_is_zero_past_the_threshold_whatever_the_advantage(
    advantage, above_mu, divergence
):
    q, p = (-1.0, -0.9) if above_mu else (-0.9, -1.0)
    loss = dppo_loss(
        row(p),
        row(q),
        advantages=row(advantage),
        mask=everything(row(p)),
        measured=row(divergence),
        delta_tv=(LOW, HIGH),
        signed=False,
    )
    silenced = divergence > (HIGH if above_mu else LOW)
    assert loss.diagnostics["kept"].item() is not silenced
    expected = 0.0 if silenced else advantage * math.exp(p - q)
    assert loss.diagnostics["weight"].item() == pytest.approx(expected, abs=1e-15)


def test_the_unsigned_mask_keeps_less_and_nothing_else_differs():
    logp, rollout, advantages, mask = drawn(3, (40, 20))
    given = {"advantages": advantages, "mask": mask, "delta_tv": 0.15}
    signed, unsigned = (
        dppo_loss(logp, rollout, signed=flag, **given).diagnostics for flag in (True, False)
    )
    kept = unsigned["kept"]
    assert not (kept & ~signed["kept"]).any() and (signed["kept"] & ~kept).sum() > 50
    assert torch.equal(unsigned["weight"], signed["weight"].where(kept, 0.0))
    far = (logp.exp() - rollout.exp()).abs() > 0.15
    assert torch.equal(kept, ~far & mask)
    with pytest.raises(TypeError, match="signed: expected True or False, got str"):
        DPPO(signed="no")


def test_both_inequalities_are_strict():
    same = row(-1.0, -1.0)
    loss = dppo_loss(
        same,
        same,
        advantages=row(1.0, -1.0),
        mask=everything(same),
        measured=row(0.9, 0.9),
        delta_tv=0.1,
    )
    assert loss.diagnostics["kept"].all()  # far away, but p = q: neither direction is outwards
    here = {"advantages": row(1.0), "mask": everything(row(0.0)), "delta_tv": 0.1}
    at = dppo_loss(row(-0.9), row(-1.0), measured=row(0.1), **here)
    past = dppo_loss(row(-0.9), row(-1.0), measured=row(math.nextafter(0.1, 1)), **here)
    assert at.diagnostics["kept"].item() and not past.diagnostics["kept"].item()


@given(
    p=st.floats(1e-6, 1 - 1e-6),
    q=st.floats(1e-6, 1 - 1e-6),
    advantage=st.sampled_from([-1.0, 1.0]),
    delta=st.floats(1e-3, 0.9),
)
@settings(max_examples=200, deadline=None)
def test_binary_tv_is_the_signed_difference(p, q, advantage, delta):
    if abs(abs(p - q) - delta) < 1e-9:
        return
    loss = dppo_loss(
        row(math.log(p)),
        row(math.log(q)),
        advantages=row(advantage),
        mask=everything(row(0.0)),
        delta_tv=delta,
    )
    silenced = p - q > delta if advantage > 0 else p - q < -delta
    assert loss.diagnostics["kept"].item() is not silenced
    assert loss.diagnostics["divergence"].item() == pytest.approx(abs(p - q), abs=1e-12)


def test_binary_kl_measures_behaviour_first():
    p, q = 0.3, 0.6
    loss = dppo_loss(
        row(math.log(p)),
        row(math.log(q)),
        advantages=row(-1.0),
        mask=everything(row(0.0)),
        delta_kl=0.19,
    )
    forward = q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
    backward = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert loss.diagnostics["divergence"].item() == pytest.approx(forward, abs=1e-14)
    assert forward == pytest.approx(0.192, abs=1e-3) and backward == pytest.approx(0.184, abs=1e-3)
    assert not loss.diagnostics["kept"].item()  # .184, the other direction, would have been kept


def test_rare_tokens_may_explode_and_likely_ones_may_not_sink():
    logp = torch.log(row(1e-3, 0.80))
    rollout = torch.log(row(1e-5, 0.99))
    loss = dppo_loss(logp, rollout, advantages=row(1.0, -1.0), mask=everything(logp), delta_tv=0.15)
    assert loss.diagnostics["ratio"].tolist()[0] == pytest.approx([100.0, 80 / 99])
    assert loss.diagnostics["kept"].tolist() == [[True, False]]
    assert loss.diagnostics["divergence"].tolist()[0] == pytest.approx([9.9e-4, 0.19])
    assert loss.diagnostics["weight"].tolist()[0] == pytest.approx([100.0, 0.0])


@given(
    seed=st.integers(0, 10**6),
    vocabulary=st.integers(3, 40),
    spread=st.floats(0.1, 6),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_binary_at_most_topk_at_most_full(seed, vocabulary, spread, data):
    k = data.draw(st.integers(1, vocabulary))
    g = torch.Generator().manual_seed(seed)
    q, p = (
        torch.log_softmax(spread * torch.randn(8, vocabulary, dtype=torch.float64, generator=g), -1)
        for _ in "qp"
    )
    token = torch.randint(vocabulary, (8, 1), generator=g)
    ids = q.topk(k, -1).indices
    absent = ~(ids == token).any(-1)
    ids[absent, -1] = token[absent, 0]  # the sampled token replaces the k-th
    one_q, one_p, top_q = q.gather(-1, token)[:, 0], p.gather(-1, token)[:, 0], q.gather(-1, ids)
    for binary, topk, full in [
        (divergences.binary_tv, divergences.topk_tv, divergences.tv),
        (divergences.binary_kl, divergences.topk_kl, divergences.kl),
    ]:
        least, middle, most = binary(one_q, one_p), topk(top_q, ids, p), full(q, p)
        # The rest bucket's mass is floored at 1e-12.
        assert bool((least <= middle + 1e-10).all()) and bool((middle <= most + 1e-10).all())
        if k == vocabulary:
            torch.testing.assert_close(middle, most, rtol=1e-12, atol=1e-14)


# --- values and gradients
# ---------------------------------------------------------------------------------------------


def test_on_policy_it_is_reinforce():
    logp, _, advantages, mask = drawn()
    for kind in ("delta_tv", "delta_kl"):
        for delta in (0.0, 0.15):
            loss = dppo_loss(logp, logp.detach(), advantages=advantages, mask=mask, **{kind: delta})
            assert torch.equal(loss.diagnostics["kept"], mask)
            plain = reinforce_loss(logp, advantages=advantages, mask=mask)
            (ours,) = torch.autograd.grad(loss.per_token.sum(), logp)
            (theirs,) = torch.autograd.grad(plain.per_token.sum(), logp)
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", ["delta_tv", "delta_kl"])
def test_autograd_is_minus_the_weight(kind):
    logp, rollout, advantages, mask = drawn()
    loss = dppo_loss(logp, rollout, advantages=advantages, mask=mask, max_ratio=1.5, **{kind: 0.05})
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logp)
    torch.testing.assert_close(gradient, -loss.diagnostics["weight"], rtol=0, atol=1e-12)
    rho = (logp.detach() - rollout).exp().clamp(max=1.5)
    torch.testing.assert_close(
        loss.diagnostics["weight"], advantages * rho * loss.diagnostics["kept"], rtol=1e-12, atol=0
    )
    torch.testing.assert_close(
        loss.per_token, -loss.diagnostics["weight"] * logp, rtol=1e-12, atol=0
    )
    assert 0 < loss.diagnostics["kept"].sum() < mask.sum() and (rho == 1.5).any()


def test_an_infinite_radius_is_the_importance_weighted_policy_gradient():
    logp, rollout, advantages, mask = drawn()
    loss = dppo_loss(logp, rollout, advantages=advantages, mask=mask, delta_kl=math.inf)
    assert torch.equal(loss.diagnostics["kept"], mask)
    expected = (advantages * (logp.detach() - rollout).exp()).masked_fill(~mask, 0.0)
    torch.testing.assert_close(loss.diagnostics["weight"], expected)


def test_the_recomputed_anchor_moves_the_mask_and_not_the_weight():
    logp, rollout, anchor = (
        torch.log(row(0.5, 0.5)),
        torch.log(row(0.5, 0.2)),
        torch.log(row(0.2, 0.5)),
    )
    plain = dppo_loss(logp, rollout, advantages=row(1.0, 1.0), mask=everything(logp), delta_tv=0.15)
    moved = dppo_loss(
        logp,
        rollout,
        advantages=row(1.0, 1.0),
        mask=everything(logp),
        delta_tv=0.15,
        logp_anchor=anchor,
    )
    assert plain.diagnostics["kept"].tolist() == [[True, False]]
    assert moved.diagnostics["kept"].tolist() == [[False, True]]
    assert moved.diagnostics["weight"].tolist()[0] == pytest.approx([0.0, 2.5])  # p/μ = .5/.2
    assert moved.diagnostics["ratio"].tolist()[0] == pytest.approx([1.0, 2.5])
    assert moved.diagnostics["divergence"].tolist()[0] == pytest.approx([0.3, 0.0])


def test_truncation_and_the_overflow_clamp():
    logp, rollout = row(-1.0, -1.0, -1.0), row(-3.0, -15.0, -200.0)
    free = dppo_loss(
        logp, rollout, advantages=row(1.0, 1.0, 1.0), mask=everything(logp), delta_tv=1.0
    )
    assert free.diagnostics["weight"].tolist()[0] == pytest.approx(
        [math.exp(2), math.exp(14), math.exp(20)]
    )
    capped = dppo_loss(
        logp,
        rollout,
        advantages=row(1.0, -1.0, 2.0),
        mask=everything(logp),
        delta_tv=1.0,
        max_ratio=3,
    )
    assert capped.diagnostics["weight"].tolist()[0] == pytest.approx([3.0, -3.0, 6.0])
    far = dppo_loss(
        row(-1.0).float(),
        row(-1e4).float(),
        advantages=row(0.0).float(),
        mask=everything(row(0.0)),
        delta_tv=0.15,
    )
    assert far.per_token.item() == 0.0


def test_no_gradient_reaches_anything_but_logp():
    logp, rollout, advantages, mask = drawn()
    others = [
        x.clone().requires_grad_() for x in (rollout, advantages, torch.rand_like(rollout), rollout)
    ]
    loss = dppo_loss(
        logp,
        others[0],
        advantages=others[1],
        mask=mask,
        delta_kl=0.1,
        measured=others[2],
        logp_anchor=others[3],
    )
    loss.per_token.sum().backward()
    assert all(x.grad is None for x in others)
    assert not any(value.requires_grad for value in loss.diagnostics.values())


def test_what_is_masked_does_not_leak():
    logp, rollout, advantages, mask = drawn()
    measured, anchor = torch.rand_like(rollout), rollout - 0.1
    clean = dppo_loss(
        logp,
        rollout,
        advantages=advantages,
        mask=mask,
        delta_tv=0.4,
        measured=measured,
        logp_anchor=anchor,
    )
    inputs = [
        (logp, math.nan),
        (rollout, math.inf),
        (advantages, math.nan),
        (measured, -math.inf),
        (anchor, math.nan),
    ]
    poison = [x.detach().masked_fill(~mask, bad) for x, bad in inputs]
    poison[0].requires_grad_()
    dirty = dppo_loss(
        poison[0],
        poison[1],
        advantages=poison[2],
        mask=mask,
        delta_tv=0.4,
        measured=poison[3],
        logp_anchor=poison[4],
    )
    assert torch.equal(clean.per_token, dirty.per_token)
    dirty.per_token.sum().backward()
    assert bool((poison[0].grad[~mask] == 0).all()) and bool(poison[0].grad.isfinite().all())
    for name, neutral in [("ratio", 1.0), ("kept", False), ("weight", 0.0), ("divergence", 0.0)]:
        assert bool((dirty.diagnostics[name][~mask] == neutral).all())
    nothing = dppo_loss(
        logp, rollout, advantages=advantages, mask=torch.zeros_like(mask), delta_tv=0.4
    )
    (gradient,) = torch.autograd.grad(nothing.per_token.sum(), logp)
    assert bool((nothing.per_token == 0).all()) and bool((gradient == 0).all())


# --- the method
# --------------------------------------------------------------------------------------------------


def distributions(
    anchor: str = "rollout", seed: int = 1, shape: tuple[int, int] = (4, 5), vocabulary: int = 7
):
    """Scores and a batch with whole distributions and the top 3, and NaN wherever the mask is
    False."""
    g = torch.Generator().manual_seed(seed)
    rollout, old, pi = (
        torch.log_softmax(2 * torch.randn(*shape, vocabulary, dtype=torch.float64, generator=g), -1)
        for _ in range(3)
    )
    tokens = torch.randint(vocabulary, shape, generator=g)
    mask = torch.rand(shape, generator=g) > 0.2
    ids = torch.stack([tokens, (tokens + 2) % vocabulary, (tokens + 3) % vocabulary], -1)

    def hide(x: Tensor) -> Tensor:
        return x.masked_fill(~mask.view(*shape, *[1] * (x.dim() - 2)), math.nan)

    def sampled(full: Tensor) -> Tensor:
        return hide(full.gather(-1, tokens.unsqueeze(-1)).squeeze(-1))

    rewards = torch.rand(4, dtype=torch.float64, generator=g)
    around = rollout if anchor == "rollout" else old
    batch = Batch(
        tokens=tokens,
        mask=mask,
        forced=torch.zeros_like(mask),
        rewards=rewards,
        anchor=anchor,
        group=torch.tensor([0, 0, 1, 1]),
        ended=mask[:, 0],
        horizon=5,
        logp_rollout=sampled(rollout),
        provided=Provided(
            logp_old=sampled(old),
            full_anchor=hide(around),
            topk_anchor=TopK(ids, hide(around.gather(-1, ids))),
        ),
    )
    return Scores(sampled(pi), hide(pi)), batch, (rollout, old, pi, ids)


@pytest.mark.parametrize("anchor", ["rollout", "recomputed"])
@pytest.mark.parametrize("kind", ["delta_tv", "delta_kl"])
@pytest.mark.parametrize("measure", ["binary", "topk", "full"])
def test_method_hands_the_right_divergence_to_the_loss(measure, kind, anchor):
    scores, batch, (rollout, old, pi, ids) = distributions(anchor)
    method = DPPO(**{kind: 0.2}, measure=measure, k=3, max_ratio=2.0)
    batch = method.prepare(batch)
    loss = method.objective(scores, batch)

    q = rollout if anchor == "rollout" else old
    token = batch.tokens.unsqueeze(-1)
    one_q, one_p = q.gather(-1, token).squeeze(-1), pi.gather(-1, token).squeeze(-1)
    name = kind.removeprefix("delta_")
    divergence = {
        "binary": lambda: getattr(divergences, f"binary_{name}")(one_q, one_p),
        "topk": lambda: getattr(divergences, f"topk_{name}")(q.gather(-1, ids), ids, pi),
        "full": lambda: getattr(divergences, name)(q, pi),
    }[measure]()
    torch.testing.assert_close(
        loss.diagnostics["divergence"], divergence.masked_fill(~batch.mask, 0.0)
    )
    outward = torch.where(batch.advantages > 0, one_p > one_q, one_p < one_q) & (divergence > 0.2)
    assert torch.equal(loss.diagnostics["kept"], ~outward & batch.mask)
    ratio = (
        one_p - rollout.gather(-1, token).squeeze(-1)
    ).exp()  # the weight's ratio is to μ, whatever the anchor
    weight = (batch.advantages * ratio.clamp(max=2.0)).masked_fill(outward | ~batch.mask, 0.0)
    torch.testing.assert_close(loss.diagnostics["weight"], weight)
    assert bool(outward[batch.mask].any()) and not bool(outward[batch.mask].all())


def test_method_with_nothing_unmasked():
    scores, batch, _ = distributions()
    for measure in ("binary", "topk", "full"):
        method = DPPO(measure=measure)
        empty = replace(method.prepare(batch), mask=torch.zeros_like(batch.mask))
        assert method.loss(method.objective(scores, empty).per_token, empty).item() == 0.0


def test_what_the_method_needs():
    assert DPPO().needs("rollout") == DPPO().needs("recomputed") == Needs()
    top = DPPO(measure="topk", k=8).needs("rollout")
    assert top == Needs(full=True, topk_anchor=8)
    full = DPPO(measure="full").needs("recomputed")
    assert full == Needs(full=True, full_anchor=True)
    scores, batch, _ = distributions()
    with pytest.raises(ValueError, match="full"):
        DPPO(measure="full").objective(Scores(scores.logp), DPPO().prepare(batch))


def test_defaults_are_the_recipes():
    method = DPPO()
    assert (method.delta_tv, method.delta_kl, method.measure, method.max_ratio) == (
        0.15,
        None,
        "binary",
        None,
    )
    assert (method.advantage, method.aggregation, DPPO.anchor) == (
        "group-mean",
        "seq-mean-token-sum-norm",
        "rollout",
    )
    assert (DPPO(delta_kl=0.05).delta_tv, DPPO(delta_kl=0.05).delta_kl) == (None, 0.05)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"delta_tv": 0.1, "delta_kl": 0.1}, "exactly one"),
        ({"delta_tv": -0.1}, "delta_tv"),
        ({"delta_tv": 1.5}, "delta_tv"),
        ({"delta_kl": math.nan}, "delta_kl"),
        ({"delta_tv": (0.1, -0.1)}, r"delta_tv\[1\]"),
        ({"delta_kl": (-1.0, 0.1)}, r"delta_kl\[0\]"),
        ({"delta_tv": (0.1, 0.1, 0.1)}, "delta_tv: .*3 values"),
        ({"delta_tv": 0.1, "max_ratio": 0.0}, "max_ratio"),
    ],
)
def test_meaningless_thresholds_are_named(wrong, message):
    logp, rollout, advantages, mask = drawn()
    with pytest.raises(ValueError, match=message):
        dppo_loss(logp, rollout, advantages=advantages, mask=mask, **wrong)
    with pytest.raises(ValueError, match=message):
        DPPO(**wrong)


def test_bad_arguments_are_named():
    logp, rollout, advantages, mask = drawn()
    good = {"advantages": advantages, "mask": mask, "delta_tv": 0.1}
    with pytest.raises(ValueError, match="exactly one"):
        dppo_loss(logp, rollout, advantages=advantages, mask=mask)
    for wrong, error, message in [
        ({"delta_tv": "0.1"}, TypeError, "delta_tv"),
        ({"mask": mask.int()}, TypeError, "mask"),
        (
            {"advantages": advantages[:, 0]},
            ValueError,
            r"advantages: expected \[B, T\] = \[4, 6\], got \[4\]",
        ),
        ({"measured": rollout[:1]}, ValueError, "measured"),
        ({"logp_anchor": rollout.int()}, TypeError, "logp_anchor"),
        (
            {"measured": rollout.masked_fill(mask, math.nan)},
            ValueError,
            "measured: expected finite",
        ),
        (
            {"measured": torch.full_like(rollout, -1.0)},
            ValueError,
            r"measured: expected divergences, total variations from 0 to 1, got -1 at \[\d, \d\]",
        ),
        (
            {"measured": torch.full_like(rollout, 1.5)},
            ValueError,
            r"measured: expected divergences, total variations from 0 to 1, got 1.5 at \[\d, \d\]",
        ),
        ({"measured": -1}, TypeError, "measured: expected a tensor of a floating type, got int"),
        (
            {"logp_anchor": rollout + 9},
            ValueError,
            "logp_anchor: expected log-probabilities at most 0",
        ),
    ]:
        with pytest.raises(error, match=message):
            dppo_loss(logp, rollout, **{**good, **wrong})
    for wrong, message in [
        ({"measure": "half"}, "measure"),
        ({"k": 0}, "k"),
        ({"k": 2.5}, "k: .*whole number"),
    ]:
        with pytest.raises(ValueError, match=message):
            DPPO(**wrong)


@pytest.mark.parametrize("delta", ["delta_tv", "delta_kl"])
def test_a_log_prob_above_zero_is_a_rounding_of_its_type_or_named_as_the_caller_calls_it(delta):
    mask, one = torch.tensor([[True]]), torch.ones(1, 1)
    near = torch.tensor(
        [[0.03]], dtype=torch.bfloat16
    )  # a rounding of bfloat16; in float32 it is none
    loss = dppo_loss(near, near - 1, advantages=one, mask=mask, **{delta: 0.1})
    assert not loss.diagnostics["kept"].any() and loss.diagnostics["divergence"].isfinite().all()
    for name, arguments in (("logp", (near.float(), -one)), ("logp_rollout", (-one, near.float()))):
        with pytest.raises(
            ValueError, match=rf"^{name}: expected log-probabilities at most 0, got 0.03"
        ):
            dppo_loss(*arguments, advantages=one, mask=mask, **{delta: 0.1})


def test_a_divergence_below_zero_is_rounding_or_refused():
    logp, rollout, advantages, mask = drawn()
    little = torch.full_like(rollout, -1e-5)  # as a difference of rounded log-probs may come out
    given = {"advantages": advantages, "mask": mask, "delta_tv": 0.1}
    assert dppo_loss(logp, rollout, measured=little, **given).diagnostics["kept"][mask].all()
    far = torch.full_like(rollout, -1.0).masked_fill(
        mask, 0.0
    )  # below 0 where nothing is looked at
    assert dppo_loss(logp, rollout, measured=far, **given).diagnostics["kept"][mask].all()
    with checks.value_checks(False):
        assert dppo_loss(logp, rollout, measured=far - 1, **given).diagnostics["kept"][mask].all()


def test_a_correction_would_count_the_mismatch_twice():
    with pytest.raises(ValueError, match=r"correction: .*twice"):
        DPPO(correction=Correction())


@pytest.mark.parametrize("delta", ["delta_tv", "delta_kl"])
@pytest.mark.parametrize("seed", range(3))
def test_the_sparse_loss_is_the_loss_measured_over_k_tokens(delta, seed):
    g = torch.Generator().manual_seed(seed)
    q = torch.randn(5, 4, 9, generator=g, dtype=torch.float64).log_softmax(-1)
    full = (q + 0.7 * torch.randn(q.shape, generator=g, dtype=torch.float64)).log_softmax(-1)
    tokens, mask = torch.randint(0, 9, (5, 4), generator=g), torch.rand(5, 4, generator=g) < 0.8
    advantages = torch.randn(5, 4, generator=g, dtype=torch.float64)
    ids = q.scatter(-1, tokens.unsqueeze(-1), math.inf).topk(4).indices
    old = TopK(ids, q.gather(-1, ids))
    settings = {delta: 0.1, "max_ratio": 1.5, "advantages": advantages, "mask": mask}
    measured = (topk_tv if delta == "delta_tv" else topk_kl)(old.logp, ids, full)
    results = []
    for sparse in (True, False):
        x = full.clone().requires_grad_()
        sampled = (p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1) for p in (x, q))
        if sparse:
            dirty = TopK(ids, old.logp.masked_fill(~mask.unsqueeze(-1), math.nan))
            loss = dppo_sparse_loss(
                x.gather(-1, ids), dirty, tokens=tokens.masked_fill(~mask, -100), **settings
            )
        else:
            loss = dppo_loss(*sampled, measured=measured, **settings)
        results.append(
            (
                loss.per_token,
                torch.autograd.grad(loss.per_token.sum(), x)[0],
                loss.diagnostics["kept"],
            )
        )
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    assert 0 < results[0][2].sum() < mask.sum()
    missing = TopK(ids, old.logp.masked_fill(ids == tokens.unsqueeze(-1), -math.inf))
    with pytest.raises(ValueError, match=r"tokens: expected each sampled token among old\.ids"):
        dppo_sparse_loss(full.gather(-1, ids), missing, tokens=tokens, **settings)
