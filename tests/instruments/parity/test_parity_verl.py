"""What of verl 0.9.1 has a name here: equal in float64 where definitions agree. Where they do
not, the record of conformance says how."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from trlib.advantages import (
    batch_relative,
    gae,
    group_relative,
    leave_one_out,
    length_weighted,
    normalized_sum,
)
from trlib.aggregation import AGGREGATIONS, aggregate
from trlib.algorithms import (
    cispo_loss,
    dppo_loss,
    gmpo_loss,
    gspo_loss,
    ppo_loss,
    reinforce_loss,
    sapo_loss,
)
from trlib.divergences import k1, k2, k3

pytestmark = pytest.mark.filterwarnings("ignore")
D = torch.float64
close = partial(torch.testing.assert_close, rtol=1e-6, atol=0)
same = partial(torch.testing.assert_close, rtol=1e-13, atol=1e-15)
OFF = 1e9
"""A dual clip that nothing reaches."""


@pytest.fixture
def config(verl):
    from verl.workers.config import ActorConfig

    return partial(ActorConfig, strategy="fsdp", rollout_n=4, ppo_micro_batch_size_per_gpu=8)


def both(loss, logp):
    """A value and its gradient."""
    leaf = logp.clone().requires_grad_()
    value = loss(leaf)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient


def theirs(
    verl,
    name,
    config,
    batch,
    how="token-mean",
    anchor="old",
    advantages="advantages",
):
    function = verl.POLICY_LOSS_REGISTRY[name]
    return both(
        lambda logp: function(
            batch[anchor], logp, batch[advantages], batch["mask"], how, config, None
        )[0],
        batch["logp"],
    )


def ours(
    function,
    batch,
    how="token-mean",
    anchor="old",
    advantages="advantages",
    horizon=None,
    **settings,
):
    anchors = () if anchor is None else (batch[anchor],)
    return both(
        lambda logp: aggregate(
            function(
                logp, *anchors, advantages=batch[advantages], mask=batch["mask"], **settings
            ).per_token,
            batch["mask"],
            how,
            horizon=horizon,
        ),
        batch["logp"],
    )


def agree(a, b, check=close):
    check(a[0], b[0])
    check(a[1], b[1])
    assert b[1].abs().max() > 0


@pytest.mark.parametrize("how", AGGREGATIONS)
@pytest.mark.parametrize("advantages", ["advantages", "mixed"])
def test_losses_of_one_definition(verl, config, batch, how, advantages):
    window = {"clip_ratio_low": 0.2, "clip_ratio_high": 0.28}
    ppo = {"eps_low": 0.2, "eps_high": 0.28}
    for name, settings, function, mine, anchor in (
        ("gpg", {}, reinforce_loss, {}, None),
        ("vanilla", {**window, "clip_ratio_c": OFF}, ppo_loss, ppo, "old"),
        ("vanilla", window, ppo_loss, {**ppo, "dual_clip": 3.0}, "old"),
        ("cispo", window, cispo_loss, ppo, "old"),
        ("gspo", window, gspo_loss, ppo, "old"),
        (
            "dppo_tv",
            {"clip_ratio_low": 0.1, "clip_ratio_high": 0.15, "clip_ratio_c": OFF},
            dppo_loss,
            {"delta_tv": (0.1, 0.15)},
            "rollout",
        ),
        (
            "dppo_kl",
            {"clip_ratio_low": 0.03, "clip_ratio_high": 0.05},
            dppo_loss,
            {"delta_kl": (0.03, 0.05), "max_ratio": 3.0},
            "rollout",
        ),
    ):
        agree(
            theirs(verl, name, config(**settings), batch, how, anchor or "old", advantages),
            ours(function, batch, how, anchor, advantages, **mine),
        )


def test_sapo_and_gmpo_take_no_aggregation(verl, config, batch):
    for how in (*AGGREGATIONS, "whatever"):
        agree(
            theirs(verl, "sapo", config(), batch, how),
            ours(sapo_loss, batch, "seq-mean-token-mean"),
        )
        agree(
            theirs(verl, "geo_mean", config(clip_ratio_low=0.4, clip_ratio_high=0.4), batch, how),
            ours(gmpo_loss, batch, "seq-mean-token-mean"),
        )


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_aggregations_with_a_fully_masked_row(verl, how):
    values = torch.randn(4, 5, generator=torch.Generator().manual_seed(0), dtype=D)
    mask = torch.tensor([[1, 1, 1, 0, 0], [0] * 5, [1, 0, 1, 1, 1], [1] * 5]).bool()
    same(verl.agg_loss(values, mask, how), aggregate(values, mask, how))
    horizon = {"loss_scale_factor": 9} if how == "seq-mean-token-sum-norm" else {}
    same(
        verl.agg_loss(values, mask, how, **horizon),
        aggregate(values, mask, how, horizon=9 if horizon else None),
    )
    assert (
        verl.agg_loss(values, mask & False, how).isnan()
        and aggregate(values, mask & False, how) == 0
    )


REWARDS = torch.tensor([1.0, 0.0, 0.25, 1.0, 0.5, 0.5, 0.0, 3.0], dtype=D)
GROUP = torch.tensor([0, 0, 1, 0, 2, 2, 1, 1])
LENGTHS = torch.tensor([3, 1, 4, 1, 5, 2, 6, 5])


def advantages_of(verl, name, **more):
    mask = (torch.arange(6) < LENGTHS.unsqueeze(-1)).double()
    scores = torch.zeros_like(mask)
    scores[:, 0] = REWARDS
    found, _ = verl.get_adv_estimator_fn(name)(
        token_level_rewards=scores, response_mask=mask, index=GROUP.numpy(), **more
    )
    assert torch.equal(found, found[:, :1] * mask)
    return found[:, 0]


def test_group_advantages(verl):
    close(advantages_of(verl, "grpo"), group_relative(REWARDS, GROUP))
    close(
        advantages_of(verl, "grpo", norm_adv_by_std_in_grpo=False),
        group_relative(REWARDS, GROUP, scale=None),
    )
    close(advantages_of(verl, "grpo_vectorized"), group_relative(REWARDS, GROUP))
    close(advantages_of(verl, "rloo"), leave_one_out(REWARDS, GROUP))
    close(advantages_of(verl, "rloo_vectorized"), leave_one_out(REWARDS, GROUP))
    close(advantages_of(verl, "opo"), length_weighted(REWARDS, LENGTHS, GROUP))
    close(
        advantages_of(verl, "reinforce_plus_plus_baseline"),
        batch_relative(group_relative(REWARDS, GROUP, scale=None), LENGTHS),
    )
    mask = (torch.arange(6) < LENGTHS.unsqueeze(-1)).double()
    at_the_end = REWARDS.unsqueeze(-1) * (torch.arange(6) == LENGTHS.unsqueeze(-1) - 1)
    plus_plus, _ = verl.compute_reinforce_plus_plus_outcome_advantage(
        at_the_end, mask, config=SimpleNamespace(gamma=1.0)
    )
    close(plus_plus[:, 0], batch_relative(REWARDS, LENGTHS))
    close(advantages_of(verl, "gdpo"), normalized_sum(REWARDS[:, None], LENGTHS, GROUP))
    group = REWARDS[GROUP == 1]
    same(advantages_of(verl, "grpo")[2], (REWARDS[2] - group.mean()) / (group.std() + 1e-6))


def test_gae_is_ours_whitened(verl, batch):
    rewards, values, mask = batch["mixed"], batch["logp"], batch["mask"]
    ours_, returns = gae(rewards, values, mask, gamma=0.99, lam=0.95)
    found, found_returns = verl.compute_gae_advantage_return(
        rewards, values, mask.double(), 0.99, 0.95
    )
    close(found_returns[mask], returns[mask])
    inside = ours_[mask]
    close(found[mask], (inside - inside.mean()) / (inside.var() + 1e-8).sqrt())
    assert found[~mask].abs().max() > 0  # numbers where masked, which its losses do not read


def test_kl_estimators(verl, batch):
    logp, old = batch["logp"], batch["old"]
    for name, mine in (("k1", k1), ("k2", k2), ("k3", k3), ("low_var_kl", k3)):
        agree(
            both(lambda x, name=name: verl.kl_penalty(x, old, name).sum(), logp),
            both(lambda x, mine=mine: mine(x, old).sum(), logp),
        )
