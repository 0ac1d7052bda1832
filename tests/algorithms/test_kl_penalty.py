"""PPO with a KL penalty: the loss and its weight by hand, the controllers, the memory of a run."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

import trlib
from tests.by_day import by_day
from trlib.algorithms import TRPO, PPOPenalty, Provided
from trlib.algorithms.kl_penalty import adapt, adapt_proportionally, add_penalty
from trlib.algorithms.method import Batch, Scores
from trlib.algorithms.ppo import pg_is_loss


def batch_and_logits():
    g = torch.Generator().manual_seed(0)
    old = torch.log_softmax(torch.randn(2, 3, 5, generator=g, dtype=torch.float64), -1)
    tokens = torch.randint(5, (2, 3), generator=g)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    old = old.masked_fill(~mask.unsqueeze(-1), math.nan)
    logp = old.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    batch = Batch(
        tokens=tokens,
        mask=mask,
        forced=~mask,
        rewards=torch.zeros(2),
        group=torch.arange(2),
        horizon=3,
        ended=mask[:, 0],
        logp_rollout=logp,
        provided=Provided(logp_old=logp, full_anchor=old),
        anchor="recomputed",
        advantages=torch.randn(2, 3, generator=g, dtype=torch.float64),
    )
    return batch, torch.randn(2, 3, 5, generator=g, dtype=torch.float64)


def test_the_loss_is_the_surrogate_and_the_exact_divergence():
    batch, logits = batch_and_logits()
    full = torch.log_softmax(logits, -1)
    scores = Scores(full.gather(-1, batch.tokens.unsqueeze(-1)).squeeze(-1), full)
    loss = PPOPenalty(beta=0.7).objective(scores, batch)
    ratio = (scores.logp - batch.logp_old).exp()
    kl = (batch.full_anchor.exp() * (batch.full_anchor - full)).sum(-1)
    expected = (-ratio * batch.advantages + 0.7 * kl)[batch.mask]
    torch.testing.assert_close(loss.per_token[batch.mask], expected)
    assert (loss.per_token[~batch.mask] == 0).all()
    batch.memory["beta"] = 2.0
    doubled = PPOPenalty(beta=0.7).objective(scores, batch)
    torch.testing.assert_close(
        (doubled.per_token - loss.per_token)[batch.mask], 1.3 * kl[batch.mask]
    )


def slope_of_the_sampled_logit(batch, logits, method):
    """-dL/dlogit of the sampled token, through the softmax, and the loss."""
    logits = logits.clone().requires_grad_()
    full = torch.log_softmax(logits, -1)
    scores = Scores(full.gather(-1, batch.tokens.unsqueeze(-1)).squeeze(-1), full)
    loss = method.objective(scores, batch)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logits)
    return (
        -gradient.gather(-1, batch.tokens.unsqueeze(-1)).squeeze(-1),
        scores.logp.detach().exp(),
        loss,
    )


def test_the_weight_is_minus_the_slope_on_the_simplex():
    """A logit moves its token and lets the others keep their proportions, by 1 - p a unit of the
    token's log-prob."""
    batch, logits = batch_and_logits()
    for far in (0.0, 1.0, 3.0):
        slope, p, loss = slope_of_the_sampled_logit(batch, far * logits, PPOPenalty(beta=0.7))
        torch.testing.assert_close(
            slope[batch.mask],
            ((1 - p) * loss.diagnostics["weight"])[batch.mask],
            rtol=0,
            atol=1e-12,
        )
        assert (loss.diagnostics["weight"][~batch.mask] == 0).all()


def test_the_penalty_weighs_nothing_at_the_anchor_and_pulls_back_on_both_sides():
    batch, _ = batch_and_logits()
    batch = replace(batch, advantages=torch.zeros_like(batch.advantages))
    old, mask = batch.full_anchor.masked_fill(~batch.mask.unsqueeze(-1), 0.0), batch.mask
    at = slope_of_the_sampled_logit(batch, old, PPOPenalty(beta=0.7))[2].diagnostics["weight"]
    assert at.abs().max() < 1e-15
    chosen = torch.nn.functional.one_hot(batch.tokens, 5)
    above, below = (
        slope_of_the_sampled_logit(batch, old + by * chosen, PPOPenalty(beta=0.7))[2].diagnostics[
            "weight"
        ]
        for by in (0.5, -0.5)
    )
    assert (above[mask] < 0).all() and (below[mask] > 0).all()


def test_a_certain_token_has_a_finite_weight():
    one = torch.ones(1, 1, dtype=torch.bool)
    plain = pg_is_loss(torch.zeros(1, 1), torch.zeros(1, 1), advantages=torch.ones(1, 1), mask=one)
    found = add_penalty(
        plain, torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1), mask=one, beta=1.0
    )
    assert found.diagnostics["weight"].item() == 1.0
    with pytest.raises(ValueError, match=r"^beta: expected a number at least 0"):
        add_penalty(
            plain, torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1), mask=one, beta=-1
        )
    with pytest.raises(ValueError, match=r"^divergence: expected \[B, T\]"):
        add_penalty(plain, torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1), mask=one, beta=1)


def test_the_controllers():
    assert (
        adapt(1.0, 0.006, 0.01) == 0.5
        and adapt(1.0, 0.016, 0.01) == 2.0
        and adapt(1.0, 0.01, 0.01) == 1.0
    )
    assert adapt_proportionally(1.0, 0.1, 0.01, 0.5) == pytest.approx(1.1)
    assert adapt_proportionally(1.0, 0.0, 0.01, 0.5) == pytest.approx(0.9)
    assert adapt_proportionally(2.0, 0.011, 0.01, 0.5) == pytest.approx(2.1)


def test_a_coefficient_always_finds_its_way_back():
    low = high = 1.0
    for _ in range(2000):
        low, high = adapt(low, 0.0, 0.01), adapt(high, 1.0, 0.01)
    assert 0 < low < 1e-5 and 1e5 < high < math.inf
    assert adapt(low, 1.0, 0.01) == 2 * low and adapt(high, 0.0, 0.01) == high / 2
    assert adapt_proportionally(1e-6, 0.0, 0.01, 1.0) == 1e-6


def test_what_both_policies_exclude_costs_nothing():
    batch_full = torch.tensor([[[0.5, 0.5, 0.0]]]).log()
    now = torch.tensor([[[0.25, 0.75, 0.0]]]).log().requires_grad_()
    one = torch.ones(1, 1, dtype=torch.bool)
    batch = Batch(
        tokens=torch.zeros(1, 1).long(),
        mask=one,
        forced=~one,
        rewards=torch.ones(1),
        group=torch.zeros(1),
        ended=one[0],
        horizon=1,
        logp_rollout=torch.zeros(1, 1),
        anchor="recomputed",
        provided=Provided(full_anchor=batch_full),
    )
    expected = 0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75)
    for method in (PPOPenalty(), TRPO()):
        found = method._kl(Scores(now[..., 0], now), batch)
        assert found.item() == pytest.approx(expected)
        (slope,) = torch.autograd.grad(found.sum(), now)
        assert slope[0, 0].tolist() == pytest.approx([-0.5, -0.5, 0.0])


@pytest.mark.parametrize(
    "controller", by_day(["ppo", "proportional", "fixed"], "ppo", reason="the same memory")
)
def test_beta_is_remembered_over_updates_and_a_resume(tmp_path, controller):
    betas = []

    class Watched(PPOPenalty):
        def objective(self, scores, batch):
            betas.append(batch.memory.get("beta"))
            return super().objective(scores, batch)

    settings = {
        "prompts": 4,
        "group": 4,
        "probe": 4,
        "progress": False,
        "lr": 1e-3,
        "minibatches": 2,
    }

    def run(**more):
        policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
        return trlib.train(
            policy, task, Watched(controller=controller, horizon=32), **settings, **more
        )

    whole, first = run(steps=4), betas[:]
    betas.clear()
    run(steps=2, out=tmp_path)
    again = run(steps=4, out=tmp_path, resume=True)
    assert betas == first and len(first) == 8
    assert [r["loss"] for r in again.rows] == [r["loss"] for r in whole.rows]
    if controller == "ppo":
        known = [1.0, *first[1:]]
        assert all(b in (a / 2, a, a * 2) for a, b in pairwise(known)) and len(set(known)) > 1
    if controller == "fixed":
        assert first == [None] * 8


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: adapt("1", 0.1, 0.1), TypeError, "beta: expected a number, got str"),
        (lambda: adapt(1.0, None, 0.1), TypeError, "kl: expected a number, got NoneType"),
        (lambda: adapt(1.0, math.nan, 0.1), ValueError, "kl: expected a number that is not NaN"),
        (lambda: adapt(1.0, 0.1, 0), ValueError, "target: expected a number above 0"),
        (
            lambda: adapt_proportionally(1.0, 0.1, 0.0, 0.5),
            ValueError,
            "target: expected a number above 0",
        ),
        (
            lambda: adapt_proportionally(-1.0, 0.1, 0.1, 0.5),
            ValueError,
            "beta: expected a number at least 0",
        ),
        (
            lambda: adapt_proportionally(1.0, 0.1, 0.1, "x"),
            TypeError,
            "share: expected a number, got str",
        ),
    ],
)
def test_what_a_controller_cannot_follow_is_named(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": 0}, "beta"),
        ({"target_kl": -1}, "target_kl"),
        ({"horizon": 0}, "horizon"),
        (
            {"controller": "pid"},
            "controller: expected one of 'ppo', 'proportional', 'fixed', got 'pid'",
        ),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        PPOPenalty(**settings)
