"""PPO with a KL penalty: the loss and its weight by hand, the controllers, the memory of a run."""

import math
from functools import partial

import pytest
import torch

import trlib
from tests.by_day import by_day
from tests.losses import batch, close, resumed, slope
from trlib.algorithms import TRPO, PPOPenalty, Scores
from trlib.algorithms.kl_penalty import adapt, adapt_proportionally, add_penalty, dual_ascent
from trlib.algorithms.ppo import pg_is_loss


def test_a_certain_token_has_a_finite_weight():
    zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    plain = pg_is_loss(zero, zero, advantages=one, mask=one > 0)
    given = plain, zero, zero
    assert add_penalty(*given, zero, mask=one > 0, beta=1.0).diagnostics["weight"].item() == 1.0


def test_the_controllers():
    reached = (0.006, 0.0066, 0.0067, 0.01, 0.0149, 0.0151, 0.016)
    moved = [adapt(1.0, kl, 0.01) for kl in reached]
    assert moved == [0.5, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0]
    assert adapt_proportionally(1.0, 0.1, 0.01, 0.5) == pytest.approx(1.1)
    assert adapt_proportionally(1.0, 0.0, 0.01, 0.5) == pytest.approx(0.9)
    assert adapt_proportionally(2.0, 0.011, 0.01, 0.5) == pytest.approx(2.1)


def test_what_both_policies_exclude_costs_nothing():
    now = torch.tensor([[[0.25, 0.75, 0.0]]]).log().requires_grad_()
    old = torch.tensor([[[0.5, 0.5, 0.0]]]).log()
    held = batch(torch.ones(1, 1).bool(), anchor="recomputed", full_anchor=old)
    expected = 0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75)
    for method in (PPOPenalty(), TRPO()):
        found = method._kl(Scores(now[..., 0], now), held)
        close(found.flatten(), [expected])
        close(slope(found, now)[0, 0], [-0.5, -0.5, 0.0])


@pytest.mark.parametrize(
    "controller", by_day(["ppo", "proportional", "fixed"], "ppo", reason="the same memory")
)
@pytest.mark.parametrize(
    "adapt_after",
    by_day(["batch", "minibatch"], "batch", later=["minibatch"], reason="the same memory"),
)
def test_beta_is_remembered_over_updates_and_a_resume(tmp_path, controller, adapt_after):
    made = partial(PPOPenalty, controller=controller, horizon=32, adapt_after=adapt_after)
    history = resumed(made, tmp_path, steps=4, minibatches=2).history
    assert history["beta"].nunique() > 1 if controller != "fixed" else "beta" not in history


def test_the_proportional_rule_moves_beta_by_the_share_of_its_horizon():
    """Ten completions of a horizon of 100, a KL far below the target: β falls by a fifth of a
    tenth, once a batch, however often the batch is used."""
    policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
    method = PPOPenalty(controller="proportional", horizon=100, target_kl=1e6)
    size = {"steps": 2, "prompts": 5, "group": 2, "epochs": 3, "probe": 2, "progress": False}
    betas = trlib.train(policy, task, method, **size).history["beta"].tolist()
    assert betas == pytest.approx([0.98, 0.98**2], rel=1e-12)


def test_a_price_rises_while_its_bound_is_broken_and_falls_to_nothing():
    assert dual_ascent(1.0, 3.0, 2.0, 0.5) == 1.5 and dual_ascent(0.5, 0.0, 2.0, 0.5) == 0


def test_a_coefficient_always_finds_its_way_back():
    low = high = 1.0
    for _ in range(2000):
        low, high = adapt(low, 0.0, 0.01), adapt(high, 1.0, 0.01)
    assert 0 < low < 1e-5 and 1e5 < high < math.inf
    assert adapt(low, 1.0, 0.01) == 2 * low and adapt(high, 0.0, 0.01) == high / 2
    assert adapt_proportionally(1e-6, 0.0, 0.01, 1.0) == 1e-6
