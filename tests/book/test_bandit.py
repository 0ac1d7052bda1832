"""The bandit harness: distances by hand, where a push with a baseline ends, and requests that make no
sense."""

import pytest
import torch

from trbook.bandit import bandit_step, moved, push_limit, pushed
from trlib.algorithms import PGIS, Reference

MU = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
A = torch.tensor([1.0, 0.5, 0.0, -0.5], dtype=torch.float64)


def test_distances_by_hand():
    pi = torch.tensor([0.2, 0.2, 0.3, 0.3], dtype=torch.float64)
    found = moved(MU, pi, A)
    assert found.gain == pytest.approx(0.1 + 0.05) and found.tv == pytest.approx(0.1)
    assert found.ratio == pytest.approx(1.0)
    assert found.kl == pytest.approx(float((MU * (MU / pi).log()).sum()))
    assert found.entropy == pytest.approx(float(-(pi * pi.log()).sum()))


@pytest.mark.parametrize(
    "reference",
    [Reference(beta=0.5), Reference(beta=0.5, place="reward", estimator="k1")],
    ids=["loss", "reward"],
)
def test_a_penalty_leads_to_the_first_policy_times_the_exponential_of_the_reward(reference):
    method = PGIS(advantage="group-mean", reference=reference)
    found = bandit_step(method, MU, A, uses=1, lr=0.5, samples=4000, batches=400).pi
    torch.testing.assert_close(found, (MU.log() + A / 0.5).softmax(-1), rtol=0, atol=5e-3)


PROMPT = torch.tensor([0.12, 0.08, 0.34, 0.24, 0.14, 0.08], dtype=torch.float64)
R = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
FOUR = torch.tensor([0.5, -1.0, 2.0, 0.3, 1.1, -0.2], dtype=torch.float64)


@pytest.mark.parametrize(
    ("rewards", "baseline"), [(R, -2.0), (R, -0.1), (R, 0.1), (FOUR, -1.5), (FOUR, 0.2)]
)
def test_a_push_ends_at_its_limit(rewards, baseline):
    found = pushed(PROMPT, rewards, baseline=baseline, steps=6000, lr=1.0).exp()
    limit = push_limit(PROMPT, rewards, baseline=baseline)
    torch.testing.assert_close(found, limit, rtol=0, atol=1e-7)
