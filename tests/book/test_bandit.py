"""The bandit harness: the policy gradient's own step, distances by hand, where a push with a baseline
ends, and requests that make no sense."""

import math

import pytest
import torch

from trbook.bandit import bandit_step, moved, push_limit, pushed
from trlib.algorithms import PGIS, TRPO
from trlib.divergences import kl

MU = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
A = torch.tensor([1.0, 0.5, 0.0, -0.5], dtype=torch.float64)


def test_one_use_is_the_exact_policy_gradient():
    found = bandit_step(PGIS(), MU, A, uses=1, lr=0.5)
    expected = (MU.log() + 0.5 * MU * (A - MU @ A)).softmax(-1)
    torch.testing.assert_close(found.pi, expected, rtol=0, atol=1e-12)


def test_distances_by_hand():
    pi = torch.tensor([0.2, 0.2, 0.3, 0.3], dtype=torch.float64)
    found = moved(MU, pi, A)
    assert found.gain == pytest.approx(0.1 + 0.05) and found.tv == pytest.approx(0.1)
    assert found.ratio == pytest.approx(1.0)
    assert found.kl == pytest.approx(float((MU * (MU / pi).log()).sum()))
    assert found.entropy == pytest.approx(float(-(pi * pi.log()).sum()))


def test_a_second_batch_starts_where_the_first_ended():
    once, twice = (bandit_step(TRPO(), MU, A, batches=n) for n in (1, 2))
    assert 0.009 < once.kl < 0.0101 and twice.kl > 3 * once.kl, (
        "two steps of a radius of .01 are four times as far"
    )


def test_a_closed_form_is_called():
    found = bandit_step(lambda mu, a: (mu.log() + a).softmax(-1), MU, A)
    torch.testing.assert_close(found.pi, (MU.log() + A).softmax(-1))


def test_a_closed_form_must_give_probabilities():
    with pytest.raises(ValueError, match="pi: expected 4 probabilities"):
        bandit_step(lambda mu, a: mu * 2, MU, A)


PROMPT = torch.tensor([0.12, 0.08, 0.34, 0.24, 0.14, 0.08], dtype=torch.float64)
R = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
FOUR = torch.tensor([0.5, -1.0, 2.0, 0.3, 1.1, -0.2], dtype=torch.float64)


def same(found, wanted, atol):
    torch.testing.assert_close(found, wanted, rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("rewards", "baseline"), [(R, -2.0), (R, -0.1), (R, 0.1), (FOUR, -1.5), (FOUR, 0.2)]
)
def test_a_push_ends_at_its_limit(rewards, baseline):
    found = pushed(PROMPT, rewards, baseline=baseline, steps=6000, lr=1.0).exp()
    same(found, push_limit(PROMPT, rewards, baseline=baseline), 1e-7)


def test_the_limit_by_hand():
    """A radius below every reward, rejection sampling at the least of them, and then the likelier
    of the right answers: x is 1.08 and 0.72 there, and 0.4 is taken from both."""
    radius = push_limit(PROMPT, R, baseline=-0.3)
    same(radius, PROMPT * (R + 0.3) / 0.5, 1e-12)
    assert float(kl(PROMPT.log(), radius.log())) == pytest.approx(
        0.2 * math.log(0.5 / 1.3) + 0.8 * math.log(0.5 / 0.3)
    )
    same(push_limit(PROMPT, R, baseline=0.0), PROMPT * R / 0.2, 1e-12)
    same(push_limit(PROMPT, R, baseline=0.1)[:2], torch.tensor([0.68, 0.32]).double(), 1e-7)


@pytest.mark.parametrize("baseline", [0.2, 0.5])
def test_from_the_mean_on_there_is_no_limit(baseline):
    with pytest.raises(
        ValueError, match=r"baseline: expected one below the mean reward, 0\.2, got"
    ):
        push_limit(PROMPT, R, baseline=baseline)
