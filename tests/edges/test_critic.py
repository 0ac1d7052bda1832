"""PPO with a critic: equal advantages, both ways of fitting, the trust region's edge."""

import pytest
import torch

from tests.by_day import by_day
from tests.losses import batch, resumed, trained
from trlib.algorithms import PPOCritic
from trlib.algorithms.critic import _longest, whiten


def test_nothing_is_left_of_advantages_that_are_all_alike_or_not_there():
    # .1 has no exact mean in float32, and its rounding over the rounding's own spread would be of
    # order 1
    for value in (1.0, 0.1, 0.7, 1000.1, -3e-8):
        assert not whiten(torch.full((40, 25), value), torch.ones(40, 25) > 0).any()
    assert (whiten(torch.ones(2, 2), torch.zeros(2, 2) > 0) == 0).all()


def test_a_trust_region_critic_moves_no_further_than_its_radius_from_the_batchs_values():
    radius, used = 1e-4, []

    class Watched(PPOCritic):
        def _fit(self, step):
            batch, before = step.batch, step.values().detach()
            super()._fit(step)
            after, mask = step.values().detach(), batch.mask
            region = 2 * (batch.values - batch.extra["returns"])[mask].square().mean()
            spent = [
                float((v - batch.values)[mask].square().mean() / region / radius)
                for v in (before, after)
            ]
            used.append((*spent, torch.equal(before, after)))

    method = Watched(critic="trust-region", critic_radius=radius, critic_rows=None)
    trained(method, steps=3, group=8, probe=0)
    for before, after, still in used:
        # a later minibatch may find the values outside already, by what others taught; it then
        # moves back or not at all
        assert after <= 1 + 1e-5 or (before > 1 and still), (before, after, still)
    assert sum(after > 0.5 for _, after, _ in used) >= 3
    assert not all(still for *_, still in used)


class LinearCritic:
    """As much of a step as `_fit` asks for: values that are linear in two weights, so every scaled
    step is exact."""

    def __init__(self, seed):
        g = torch.Generator().manual_seed(seed)
        self.inputs = torch.randn(8, 5, 2, generator=g)
        self.critic = [torch.randn(2, generator=g).requires_grad_()]
        made = batch(torch.ones(8, 5) > 0, group=torch.arange(8), values=self.values().detach())
        self.batch = made.plus(returns=torch.randn(8, 5, generator=g))

    def values(self, rows=None):
        return self.inputs @ self.critic[0]

    def value_slope(self, direction, rows=None):
        return self.inputs @ direction[0]


def test_a_step_to_the_edge_of_the_critic_s_region_is_not_shortened_by_rounding():
    """Whether it starts at the batch's values or has left them already."""
    radius, spent = 1e-3, []
    for seed in range(100):
        step = LinearCritic(seed)
        with torch.no_grad():
            step.critic[0].add_(0.01 * (seed % 2))
        PPOCritic(critic="trust-region", critic_radius=radius)._fit(step)
        old, returns = step.batch.values, step.batch.extra["returns"]
        moved, variance = (
            (step.values().detach() - old).square().mean(),
            (old - returns).square().mean(),
        )
        spent.append(float(moved / (2 * variance * radius)))
    assert spent == pytest.approx([1] * 100, abs=1e-4)


def test_the_longest_step_inside_a_quadratic_region():
    for a, b, c, longest in (
        (4.0, 0.0, -1.0, 0.5),
        (0.1, 0.0, -1.0, 1.0),
        (1.0, 0.0, 0.0, 0.0),
        (0.0, 0.0, -1.0, 1.0),
        (0.0, 0.0, 1.0, 0.0),
        (1.0, 1.0, 1.0, 0.0),
        (4.0, -2.5, 1.5, 0.75),
        (4.0, -1.0, 2.25, 0.0),
        (1e-12, 1.0, -0.5, 0.25),
        (2.225073858507203e-309, 0.0, 0.0, 0.0),
        (1.0, -2.0, 3.5, 0.0),  # above 0 from 0 to 1: its roots are 1.29 and 2.71
    ):
        found = _longest(a, b, c)
        assert found == pytest.approx(longest)
        assert a * found**2 + 2 * b * found + c <= 1e-12 or longest == 0


@pytest.mark.parametrize(
    "kind", by_day(["gradient", "trust-region"], "gradient", reason="slower, the same memory")
)
def test_a_resumed_run_with_a_critic_is_the_run(tmp_path, kind):
    resumed(lambda: PPOCritic(critic=kind, critic_rows=4), tmp_path, minibatches=2)
