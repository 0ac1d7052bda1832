"""Exercises that run what the reader built: a rule that stops, a loss that descends a KL, a method; and
replies to numbers."""

from itertools import cycle

import pytest
import torch

from trbook.exercises import regions
from trlib.algorithms import gspo_loss, ppo_loss

pytestmark = pytest.mark.test_all("a training for most of the answers to one chapter's exercises")


def near(a, b):
    return (a - b) ** 2 / 2


def k3(logp, ref):
    return torch.expm1(ref - logp) - (ref - logp)


def moved(logp, logp_mu, mask):
    return (((logp - logp_mu).exp() - 1).abs() / 2 * mask).sum() / mask.sum()


def by_count():
    """A rule that stops at every third question and never looks at the policy."""
    stops = cycle([False, False, True])
    return lambda logp, logp_mu, mask: next(stops)


def pulled(strength, lam=0.5):
    def loss(logp, logp_mu, rewards):
        target = rewards / lam - torch.logsumexp(logp_mu.sum(1) + rewards / lam, 0)
        ratio = (logp - logp_mu).sum(1)
        return -(strength * ratio.exp() * (target - ratio)).detach()[:, None] * logp

    return loss


def of(loss, **settings):
    mask = torch.ones(625, 4, dtype=torch.bool)
    return lambda logp, mu, rewards: (
        loss(
            logp, mu, advantages=(rewards - 0.4546)[:, None].expand(-1, 4), mask=mask, **settings
        ).per_token
    )


@pytest.mark.parametrize(
    "loss, words",
    [
        (near, "right: 40 steps"),
        (lambda a, b: (a - a.detach()).exp() * k3(a, b), "right: 40 steps"),
        (lambda a, b: a - b, "the mean of its gradient is 0"),
        (k3, "the other direction"),
        (lambda a, b: -near(a, b), "the sign is flipped"),
        (lambda a, b: 2 * near(a, b), "2 times that of KL"),
        (lambda a, b: (a - b).abs(), "compare with the table"),
        (lambda a, b: near(a, b).detach(), "a gradient flows"),
    ],
)
def test_a_loss_that_is_to_stay_near(loss, words):
    assert words in repr(regions.check_stay_near(loss))


@pytest.mark.parametrize(
    "loss, words",
    [
        (pulled(2.0), "right: it gains 0.39"),
        (pulled(0.5), "it should be 97 %"),
        (pulled(2.0, lam=1.0), "the gain should be at least 0.3"),
        (
            lambda logp, mu, rewards: -rewards[:, None] * logp,
            "among yours with reward 1 it goes from",
        ),
        (of(ppo_loss), "the gain should be at least 0.3"),
        (of(gspo_loss, eps_low=0.3, eps_high=0.3), "it should be 97 %"),
        (lambda logp, mu, rewards: rewards, "expected a loss per token"),
        (lambda logp, mu, rewards: logp / 0, "NaN or infinite"),
    ],
)
def test_a_method_on_the_frontier(loss, words):
    assert words in repr(regions.check_frontier(loss))


@pytest.mark.parametrize(
    "rule, words",
    [
        (lambda a, b, m: moved(a, b, m) > 0.01, "right: "),
        (lambda a, b, m: ((a - b).exp() - 1).abs()[m > 0].max() > 0.2, "right: 1"),
        (
            lambda a, b, m: bool((a != b).any()),
            "it makes one epoch per batch, and has let the policy move by 0.0",
        ),
        (by_count(), "it does not tell them apart"),
        (lambda a, b, m: True, "before the first update"),
        (lambda a, b, m: a > b, "expected `True` or `False`"),
    ],
)
def test_a_rule_that_puts_a_batch_away(rule, words):
    assert words in repr(regions.check_enough(rule))
