"""The bridge to verl by real steps: verl's own loss over a real model's nested batch, with our
objectives inside."""

from functools import partial

import pytest
import torch

pytest.importorskip("verl", reason="verl is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

from tensordict import TensorDict  # noqa: E402
from verl.trainer.ppo.core_algos import (  # noqa: E402
    POLICY_LOSS_REGISTRY,
    get_adv_estimator_fn,
    get_policy_loss_fn,
)
from verl.utils import tensordict_utils  # noqa: E402
from verl.workers.config import FSDPActorConfig  # noqa: E402
from verl.workers.config.actor import PolicyLossConfig  # noqa: E402
from verl.workers.utils.losses import ppo_loss as verl_step_loss  # noqa: E402

from trlib.aggregation import AGGREGATIONS, aggregate  # noqa: E402
from trlib.algorithms import cispo_loss, dppo_loss, pspo_loss, quatro_loss  # noqa: E402
from trlib.bridges.verl import register  # noqa: E402

PROMPT, GROUP, LENGTHS = 3, 4, (5, 2, 4, 1, 3, 3, 5, 2)


@pytest.fixture(autouse=True)
def _registered():
    before = dict(POLICY_LOSS_REGISTRY)
    register()
    yield
    POLICY_LOSS_REGISTRY.clear()
    POLICY_LOSS_REGISTRY.update(before)


class Rollouts:
    """Eight completions of two prompts and everything that verl's actor is sent about them."""

    def __init__(self, model):
        g = torch.Generator().manual_seed(0)
        self.model = model
        self.tokens = torch.randint(5, 20, (8, PROMPT + max(LENGTHS)), generator=g)
        self.mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(-1)
        self.rewards = torch.tensor([1.0, 0.0, 0.5, 0.0, 1.0, 0.0, 0.0, 1.0])
        self.group = torch.tensor([0, 1] * 4)
        self.logp_rollout = (
            self.logp().detach() + 0.3 * torch.randn(self.mask.shape, generator=g)
        ).clamp(max=-1e-3)

    def logp(self):
        """[B, T] of the model as it is now."""
        scores = torch.log_softmax(self.model(self.tokens).logits.float(), -1)[:, PROMPT - 1 : -1]
        return scores.gather(-1, self.tokens[:, PROMPT:].unsqueeze(-1)).squeeze(-1)

    def nested(self, value):
        rows = [row[:n] for row, n in zip(value, LENGTHS, strict=True)]
        return torch.nested.as_nested_tensor(rows, layout=torch.jagged)

    def loss(self, mode, advantages, how="token-mean"):
        """What verl's worker computes in one update."""
        config = FSDPActorConfig(
            strategy="fsdp",
            rollout_n=GROUP,
            ppo_micro_batch_size_per_gpu=8,
            loss_agg_mode=how,
            policy_loss=PolicyLossConfig(loss_mode=mode),
        )
        scores = torch.nn.functional.pad(
            self.logp(), (PROMPT - 1, 1)
        )  # position t holds the log-prob of token t + 1
        packed = torch.cat([row[: PROMPT + n] for row, n in zip(scores, LENGTHS, strict=True)])
        prompts = torch.nested.as_nested_tensor(list(self.tokens[:, :PROMPT]), layout=torch.jagged)
        data = tensordict_utils.get_tensordict(
            {
                "prompts": prompts,
                "responses": self.nested(self.tokens[:, PROMPT:]),
                "response_mask": self.nested(self.mask),
                "old_log_probs": self.nested(self.logp_rollout),
                "advantages": self.nested(advantages),
            },
            {"dp_size": 1, "batch_num_tokens": None, "global_batch_size": None},
        )
        assert isinstance(data, TensorDict)
        return verl_step_loss(config, {"log_probs": packed}, data)

    def direct(self, mode, mask, logp, **more):
        """The registered loss itself, with every advantage 1."""
        config = FSDPActorConfig(strategy="fsdp", rollout_n=GROUP, ppo_micro_batch_size_per_gpu=8)
        return get_policy_loss_fn(mode)(
            old_log_prob=self.logp_rollout,
            log_prob=logp,
            advantages=torch.ones(mask.shape),
            response_mask=mask,
            config=config,
            **more,
        )

    def duals(self):
        scores = torch.zeros(self.mask.shape)
        scores[torch.arange(8), self.mask.sum(-1) - 1] = self.rewards
        index = [f"prompt {g}" for g in self.group.tolist()]
        estimate = get_adv_estimator_fn("trlib_quatro")
        return estimate(
            token_level_rewards=scores, response_mask=self.mask.float(), config=None, index=index
        )[0]


@pytest.fixture
def rollouts(small_model):
    return Rollouts(small_model())


def gradient(loss, model):
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])


def assert_alike(theirs, ours, model):
    """Value and gradient."""
    torch.testing.assert_close(theirs, ours, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient(theirs, model), gradient(ours, model), rtol=1e-4, atol=1e-7)


OURS = {
    "trlib_dppo_tv": partial(dppo_loss, delta_tv=1e-3),
    "trlib_dppo_kl": partial(dppo_loss, delta_kl=2e-4),
    "trlib_pspo": partial(pspo_loss, alpha=0.2),
}


@pytest.mark.parametrize("how", ["token-mean", "seq-mean-token-sum-norm"])
@pytest.mark.parametrize("name", list(OURS))
def test_verls_step_is_our_loss(name, how, rollouts):
    register(delta_tv=1e-3, delta_kl=2e-4, alpha=0.2)
    advantages = torch.randn(rollouts.mask.shape, generator=torch.Generator().manual_seed(1))
    theirs, metrics = rollouts.loss(name, advantages, how)
    found = OURS[name](
        rollouts.logp(), rollouts.logp_rollout, advantages=advantages, mask=rollouts.mask
    )
    ours = aggregate(found.per_token, rollouts.mask, how)
    assert_alike(theirs, ours, rollouts.model)
    silenced = 1 - found.diagnostics["kept"].sum() / rollouts.mask.sum()
    assert metrics["actor/pg_clipfrac"].aggregate() == pytest.approx(silenced.item(), abs=1e-6)
    assert (silenced > 0) == (name != "trlib_pspo")


def test_verls_step_logs_how_far_the_policy_is_from_the_old_log_probs(rollouts):
    """In bypass mode these are the sampler's, and verl logs nothing of the mismatch."""
    _, metrics = rollouts.loss("trlib_dppo_tv", torch.ones(rollouts.mask.shape))
    apart = (rollouts.logp().detach() - rollouts.logp_rollout)[rollouts.mask]
    for name, wanted in (
        ("ppo_kl", -apart),
        ("old_logp_difference", apart.abs()),
        ("old_k3_kl", apart.exp() - 1 - apart),
    ):
        found = metrics[f"actor/{name}"].aggregate()
        assert found == pytest.approx(wanted.mean().item(), rel=1e-4) and abs(found) > 1e-3


def test_quatro_travels_through_verls_advantages(rollouts):
    carried = rollouts.duals()
    theirs, _ = rollouts.loss("trlib_quatro", carried, "seq-mean-token-sum")
    longer = rollouts.mask & (rollouts.mask.sum(-1) > 1).unsqueeze(-1)
    found = quatro_loss(
        rollouts.logp(),
        rollouts.logp_rollout,
        rewards=rollouts.rewards,
        group=rollouts.group,
        mask=rollouts.mask,
    )
    # The completion of one token has lost λ on its way: it keeps the push and loses the pull-back.
    single = (
        found.diagnostics["target"][3, 0]
        * carried[3, 1]
        * (rollouts.logp() - rollouts.logp_rollout)[3, 0].exp()
    )
    ours = (found.per_token * longer).sum() - single.detach() * rollouts.logp()[3, 0]
    assert_alike(theirs, ours / 8, rollouts.model)
    assert longer.sum() < rollouts.mask.sum()


def test_verls_correction_is_a_factor_on_the_tokens(rollouts):
    logp, mask = rollouts.logp().detach(), rollouts.mask
    weights = torch.rand(mask.shape)
    factored, _ = rollouts.direct("trlib_pspo", mask, logp, rollout_is_weights=weights)
    found = pspo_loss(logp, rollouts.logp_rollout, advantages=torch.ones(mask.shape), mask=mask)
    torch.testing.assert_close(factored, aggregate(found.per_token * weights, mask, "token-mean"))


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_a_micro_batch_with_nothing_unmasked_is_0_in_every_number(how, rollouts):
    nothing = torch.zeros_like(rollouts.mask)
    loss, metrics = rollouts.direct("trlib_dppo_tv", nothing, rollouts.logp(), loss_agg_mode=how)
    assert loss.item() == 0 and (gradient(loss, rollouts.model) == 0).all()
    assert metrics == {
        "actor/pg_clipfrac": 0.0,
        "actor/ppo_kl": 0.0,
        "actor/pg_clipfrac_lower": 0.0,
        "actor/old_k3_kl": 0.0,
        "actor/old_logp_difference": 0.0,
    }


def test_cispos_clip_fraction_is_verls_own(rollouts):
    """It silences no token: what verl calls clipped is a weight that the window has changed."""
    register({"trlib_cispo": partial(cispo_loss, eps_low=0.2, eps_high=0.2)})
    advantages = torch.randn(rollouts.mask.shape, generator=torch.Generator().manual_seed(1))
    (ours, mine), (own, theirs) = (
        rollouts.loss(name, advantages) for name in ("trlib_cispo", "cispo")
    )
    torch.testing.assert_close(ours, own, rtol=1e-6, atol=0)
    assert {name: mine[name].aggregate() for name in theirs} == pytest.approx(
        {name: m.aggregate() for name, m in theirs.items()}, rel=1e-6
    )
    assert mine.keys() - theirs.keys() == {"actor/old_k3_kl", "actor/old_logp_difference"}
    assert mine["actor/pg_clipfrac"].aggregate() > 0.3
