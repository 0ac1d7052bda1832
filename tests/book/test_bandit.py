"""The bandit harness: the policy gradient's own step, distances by hand, and requests that make no
sense."""

import pytest
import torch

from trbook.bandit import bandit_step, moved
from trlib.algorithms import PGIS, PPO, TRPO, PPOCritic

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
    assert found.kl_back == pytest.approx(float((pi * (pi / MU).log()).sum()))
    assert found.entropy == pytest.approx(float(-(pi * pi.log()).sum()))


def test_a_second_batch_starts_where_the_first_ended():
    once, twice = (bandit_step(TRPO(), MU, A, batches=n) for n in (1, 2))
    assert 0.009 < once.kl < 0.0101 and twice.kl > 3 * once.kl, (
        "two steps of a radius of .01 are four times as far"
    )


def test_a_closed_form_is_called():
    found = bandit_step(lambda mu, a: (mu.log() + a).softmax(-1), MU, A)
    torch.testing.assert_close(found.pi, (MU.log() + A).softmax(-1))


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (
            PPOCritic,
            {},
            "method: expected one without a critic and without an expert, got PPOCritic",
        ),
        (PPO, {"samples": 3}, "samples: expected at least one for every arm"),
        (PPO, {"uses": 0}, "uses: "),
        (PPO, {"mu": MU * 2}, "mu: expected at least two probabilities"),
    ],
)
def test_what_makes_no_sense_is_named(kind, given, message):
    with pytest.raises(ValueError, match=message):
        bandit_step(
            kind(),
            given.get("mu", MU),
            given.get("advantages", A),
            **{k: v for k, v in given.items() if k in ("samples", "uses", "lr")},
        )


def test_a_closed_form_must_give_probabilities():
    with pytest.raises(ValueError, match="pi: expected 4 probabilities"):
        bandit_step(lambda mu, a: mu * 2, MU, A)
