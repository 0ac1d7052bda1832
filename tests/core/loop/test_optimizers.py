"""Which optimisers a run takes, how their steps are bounded, and that they go on bit for bit."""

from functools import partial

import pytest
import torch

from tests.core.loop import runs
from tests.core.loop.runs import BIG, SHORT
from tests.losses import close
from trlib.algorithms import PPO
from trlib.loop.optimizer_step import OptimizerStep
from trlib.loop.optimizers import maker

train = partial(runs.trained, **SHORT)


def test_an_optimiser_is_a_name_a_class_or_a_file():
    stepped = partial(train, PPO(), **BIG, minibatches=4)
    named = stepped(optimizer="sgd", betas=(0.9, 0.9), lr=1.0)
    own = stepped(optimizer=torch.optim.SGD, lr=1.0)
    assert named.settings["optimizer"] == "sgd" and own.settings["optimizer"] == "SGD"
    assert not torch.equal(named.policy.parameters[0], own.policy.parameters[0])  # momentum


class Keeps(torch.optim.Optimizer):
    """Momentum in bfloat16, counted by an int64, with a list among its settings."""

    def __init__(self, params, lr=1e-3):
        super().__init__(params, {"lr": lr, "powers": [1, 2]})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            assert group["powers"] == [1, 2]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state |= {
                        "count": torch.tensor(0),
                        "m": torch.zeros_like(p, dtype=torch.bfloat16),
                    }
                assert state["count"].dtype == torch.int64 and state["m"].dtype == torch.bfloat16
                state["count"] += 1
                state["m"].mul_(0.9).add_(p.grad.to(torch.bfloat16))
                p.add_(state["m"].float(), alpha=-group["lr"] / int(state["count"]))


@pytest.mark.parametrize("optimizer", [Keeps, torch.optim.Adafactor])
def test_an_optimiser_goes_on_bit_for_bit(optimizer, tmp_path):
    learn = partial(train, PPO(), **BIG, lr=1e-2, optimizer=optimizer)
    whole = learn()
    learn(steps=2, out=tmp_path)
    assert whole.history.grad_norm.max() > 0
    assert runs.same(learn(out=tmp_path, resume=True), whole)


def test_policy_and_critic_are_clipped_apart():
    """Gradients of norm 3 and 40: each is cut to the bound by itself, and the history has the
    policy's. A quarter of a step moves both by a quarter."""
    policy, critic = (torch.zeros(2, requires_grad=True) for _ in range(2))
    descent = OptimizerStep(
        [([policy], 1.0), ([critic], 2.0)],
        maker("sgd"),
        lr=0.5,
        betas=(0.0, 0.0),
        weight_decay=0.0,
        warmup=0,
        grad_norm=1.0,
    )
    loss, norm = descent.step(3 * policy[0] + 40 * critic[1])
    assert (loss, norm) == (0.0, 3.0)
    close(policy, torch.tensor([-0.5, 0.0]), 1e-5)
    close(critic, torch.tensor([0.0, -1.0]), 1e-5)
    descent.step(3 * policy[0] + 40 * critic[1], 0.25)
    close(policy, torch.tensor([-0.625, 0.0]), 1e-5)
    close(critic, torch.tensor([0.0, -1.25]), 1e-5)
