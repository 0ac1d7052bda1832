"""The penalty on the KL divergence to a reference: its exact mean gradient in every place and with
every estimator, what a token is charged, and what is refused."""

from dataclasses import dataclass
from itertools import product

import pytest
import torch

from tests.losses import batch, close, noise, slope, tensor
from trlib.algorithms import PGIS, Reference, Scores
from trlib.algorithms.kl_penalty import adapt, adapt_proportionally
from trlib.corrections import Correction
from trlib.divergences import k1, k2, k3, kl
from trlib.loop.reference import penalised, prepare, to_go

BETA = 0.7
K = {"k1": k1, "k2": k2, "k3": k3}
PLACES = ("loss", "reward", "token-reward")


class Tables:
    """A policy and a reference that write two tokens of three, the second by a row that the first
    chooses, with every completion as a row of a batch: means over them, weighted by π, are exact."""

    def __init__(self):
        self.logits, ref = 0.8 * noise(4, 3, seed=1), 0.8 * noise(4, 3, seed=2)
        self.logits.requires_grad_()
        self.policy, self.ref = self.logits.log_softmax(-1), ref.log_softmax(-1)
        self.ids = torch.tensor([*product(range(3), range(3))])

    def of(self, table):
        """[9, 2] log-probs of every completion's tokens."""
        first, second = self.ids.unbind(1)
        return torch.stack([table[0, first], table[1 + first, second]], 1)

    def mean_gradient(self, sampler=None, correction=None, **settings):
        """The exact mean gradient of the loss, without any reward; `sampler`: another table of
        log-probs, whose completions they are."""
        logp = self.of(self.policy)
        old = logp.detach()
        sampled = old if sampler is None else self.of(sampler)
        held = batch(
            torch.ones(9, 2, dtype=torch.bool),
            logp_rollout=sampled,
            logp_old=old,
            logp_ref=self.of(self.ref),
            anchor="recomputed",
            group=torch.arange(9),
        )
        reference = Reference(beta=BETA, **settings)
        method = PGIS(advantage="reward", reference=reference, correction=correction)
        near = method.reference
        held = prepare(method, near, held)
        loss = method.objective(Scores(logp), held)
        loss = penalised(near, loss, Scores(logp), held)
        close(slope(loss.per_token, logp), -loss.diagnostics["weight"])
        return slope(sampled.sum(1).exp() @ loss.per_token, self.logits)

    def slopes(self, what):
        """The gradient of the mean over completions of what is a sum over two tokens."""
        logp = self.of(self.policy)
        return slope(logp.sum(1).exp() @ what(logp, self.of(self.ref)).sum(1), self.logits)

    def local(self, divergence):
        """The gradient of each token's divergence, as often as the policy comes there."""
        first = self.policy[0].detach().exp()
        far = divergence(self.policy, self.ref)
        return slope(far[0] + (first * far[1:]).sum(), self.logits)


@pytest.fixture
def tables():
    return Tables()


def test_k2_in_the_loss_has_the_gradient_of_the_kl_of_every_token(tables):
    close(tables.mean_gradient(place="loss", estimator="k2"), BETA * tables.local(kl))


def test_k1_in_the_loss_has_no_gradient(tables):
    close(tables.mean_gradient(place="loss", estimator="k1"), 0.0, 1e-12)


def test_k3_in_the_loss_has_the_gradient_of_the_other_direction(tables):
    found = tables.mean_gradient(place="loss", estimator="k3")
    close(found, BETA * tables.local(lambda a, b: -(b.exp() * a).sum(-1)))
    assert float((found - BETA * tables.local(kl)).abs().max()) > 0.03


@pytest.mark.parametrize("place", PLACES[1:])
@pytest.mark.parametrize("estimator", K)
def test_in_the_reward_every_estimator_is_an_expected_cost(tables, place, estimator):
    """The score function leaves out the estimate's own slope, whose mean is 0 for k1 alone."""
    found = tables.mean_gradient(place=place, estimator=estimator)
    fixed = slope_of_cost(tables, K[estimator])
    close(found, BETA * fixed)
    whole = tables.slopes(k1)
    assert torch.allclose(fixed, whole) == (estimator == "k1")


@pytest.mark.parametrize("place", PLACES[1:])
@pytest.mark.parametrize("noise_of_sampler", [0.1, 1.0])
def test_in_the_reward_a_correction_restores_the_gradient_under_any_sampler(
    tables, place, noise_of_sampler
):
    """With an exact correction the mean over the completions of a stale or noisy sampler is that
    over the learner's: what the learner pays does not depend on who sampled."""
    sampler = (tables.policy + noise_of_sampler * noise(4, 3, seed=3)).detach().log_softmax(-1)
    whole = Correction(level="sequence", cap=1e9)
    settings = {"place": place, "estimator": "k1", "sampler": sampler}
    close(tables.mean_gradient(**settings, correction=whole), BETA * tables.slopes(k1))
    # Without a correction it is another gradient, so the test can fail.
    assert not torch.allclose(tables.mean_gradient(**settings), BETA * tables.slopes(k1), rtol=0.01)


def slope_of_cost(tables, estimate):
    return tables.slopes(lambda logp, ref: estimate(logp.detach(), ref))


def test_a_token_is_charged_for_itself_and_what_follows_less_what_others_pay_there():
    costs = tensor([[1, 2, 4], [8, 16, 0], [32, 0, 0], [1, 1, 1]])
    group = torch.tensor([0, 0, 0, 1])
    left = tensor([[7, 6, 4], [24, 16, 0], [32, 0, 0], [3, 2, 1]])
    others = tensor([[28, 8, 0], [19.5, 3, 2], [15.5, 11, 2], [0, 0, 0]])
    close(to_go(costs, group), left - others)


@dataclass(frozen=True, kw_only=True)
class Unprepared(PGIS):
    """A method that has no advantages."""

    def prepare(self, batch):
        return batch


def given(place, kind=PGIS, **more):
    mask = torch.tensor([[True, True, False], [True, False, False]])
    logp, ref = tensor([[-1, -2, 9], [-3, 9, 9]]), tensor([[-2, -2.5, 9], [-3.5, 9, 9]])
    known = {"logp_old": logp, "logp_rollout": logp - 5, "logp_ref": ref, "rewards": tensor([1, 0])}
    settings = {"beta": 0.5, "place": place, "estimator": "k1", **more}
    near = Reference(**settings)
    return kind(reference=near), near, batch(mask, **known)


def test_a_penalty_in_the_reward_by_hand():
    """Log-ratios of 1 and .5 in the first completion and .5 in the second, at β = .5."""
    found = prepare(*given("reward"))
    close(found.rewards, [1 - 0.75, -0.25])
    close(found.advantages[:, 0], [0.25, -0.25])
    found = prepare(*given("token-reward"))
    close(found.rewards, [1, 0])
    first = [0.5 - 0.5 * (1.5 - 0.5), 0.5 - 0.5 * 0.5]
    close(found.advantages[0, :2], first)
    close(found.advantages[1, :1], [-0.5 - 0.5 * (0.5 - 1.5)])
    method, near, held = given("loss", Unprepared)
    assert prepare(method, near, held) is held


def test_beta_follows_the_kl_of_a_batch_in_nats_per_completion():
    """(1.5 + .5) / 2 = 1 nat."""
    for target, rule in ((0.1, 2), (10.0, 0.5), (1.0, 1)):
        method, near, held = given("reward", Unprepared, controller="ppo", target_kl=target)
        found = prepare(method, near, held)
        assert held.memory["beta_ref"] == 0.5 * rule == adapt(0.5, 1.0, target)
        close(found.rewards, [1 - 0.75 * rule, -0.25 * rule])
    more = {"controller": "proportional", "target_kl": 0.5, "horizon": 10}
    method, near, held = given("reward", Unprepared, **more)
    for expected in (0.5 * 1.04, 0.5 * 1.04**2):
        prepare(method, near, held)
        assert held.memory["beta_ref"] == pytest.approx(expected)
    assert adapt_proportionally(0.5, 1.0, 0.5, 0.2) == pytest.approx(0.52)
    method, near, held = given("loss")
    prepare(method, near, held)
    assert "beta_ref" not in held.memory
