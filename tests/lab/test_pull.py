"""The arm of the exact pull: what separates plain rewards from advantages, on average over the sampler."""

import math

import pytest
import torch

from tests.losses import batch, slope
from trlab.questions import OWN, RECORDS
from trlib.algorithms import REINFORCE, Scores
from trlib.methods import method_kind

PULLED = method_kind(f"{RECORDS / OWN / '_push.py'}:Pulled")
REWARDS = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0], dtype=torch.float64)


def gradient(method):
    """By the logits of one token, where the sampler is uniform and has sampled every token once."""
    n = len(REWARDS)
    logits = torch.linspace(-1, 2, n, dtype=torch.float64, requires_grad=True)
    full = logits.log_softmax(-1).expand(n, 1, n)
    tokens = torch.arange(n).view(n, 1)
    uniform = torch.full((n, 1), -math.log(n), dtype=torch.float64)
    asked = batch(
        torch.ones(n, 1, dtype=torch.bool),
        tokens=tokens,
        rewards=REWARDS,
        group=torch.zeros(n, dtype=torch.long),
        logp_rollout=uniform,
        full_anchor=uniform.unsqueeze(-1).expand(n, 1, n),
    )
    given = method.prepare(asked)
    scores = Scores(full.gather(-1, tokens.unsqueeze(-1)).squeeze(-1), full)
    return slope(method.objective(scores, given).per_token, logits)


@pytest.mark.parametrize(
    "with_pull, without",
    [
        (PULLED(), REINFORCE(advantage="reward")),
        (PULLED(advantage="reward", pull=-1.0), REINFORCE()),
    ],
    ids=["advantages with the pull are rewards", "rewards less the pull are advantages"],
)
def test_the_pull_is_what_separates_rewards_from_advantages_on_average(with_pull, without):
    torch.testing.assert_close(gradient(with_pull), gradient(without), rtol=0, atol=1e-12)
    other = REINFORCE() if without.advantage == "reward" else REINFORCE(advantage="reward")
    assert not torch.allclose(gradient(with_pull), gradient(other), atol=0.1)
