"""What of verl 0.9.1 has a name here: equal in float64 where definitions agree, pinned where they
do not."""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from trlib.advantages import gae, group_relative, leave_one_out, length_weighted
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
from trlib.corrections import truncated_importance
from trlib.divergences import binary_kl, k1, k2, k3

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


def both(loss: Any, logp: Tensor) -> tuple[Tensor, Tensor]:
    """A value and its gradient."""
    leaf = logp.clone().requires_grad_()
    value = loss(leaf)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient


def theirs(
    verl,
    name: str,
    config,
    batch: dict[str, Tensor],
    how: str = "token-mean",
    anchor: str = "old",
    advantages: str = "advantages",
) -> tuple[Tensor, Tensor]:
    function = verl.POLICY_LOSS_REGISTRY[name]
    return both(
        lambda logp: function(
            batch[anchor], logp, batch[advantages], batch["mask"], how, config, None
        )[0],
        batch["logp"],
    )


def ours(
    function,
    batch: dict[str, Tensor],
    how: str = "token-mean",
    anchor: str | None = "old",
    advantages: str = "advantages",
    **settings,
) -> tuple[Tensor, Tensor]:
    anchors = () if anchor is None else (batch[anchor],)
    return both(
        lambda logp: aggregate(
            function(
                logp, *anchors, advantages=batch[advantages], mask=batch["mask"], **settings
            ).per_token,
            batch["mask"],
            how,
        ),
        batch["logp"],
    )


def agree(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor], check=close) -> None:
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


def test_gmpos_window_is_the_ratio_clips_setting(verl, config, batch):
    agree(
        theirs(verl, "geo_mean", config(), batch),
        ours(gmpo_loss, batch, "seq-mean-token-mean", eps_log=0.2),
    )
    apart = (
        theirs(verl, "geo_mean", config(), batch)[1]
        - ours(gmpo_loss, batch, "seq-mean-token-mean")[1]
    )
    assert apart.abs().max() > 1e-3


def one(logp: float, old: float, a: float, **more: float) -> dict[str, Tensor]:
    """A batch of one token."""
    numbers = {"logp": logp, "old": old, "advantages": a, **more}
    return {
        "mask": torch.ones(1, 1, dtype=torch.bool),
        **{k: torch.tensor([[v]], dtype=D) for k, v in numbers.items()},
    }


@pytest.mark.parametrize(
    ("name", "far", "value", "mine"),
    [
        ("vanilla", -0.5 - 25, -math.exp(-20), partial(ppo_loss)),
        (
            "sapo",
            -0.5 - 25,
            -4 * torch.tensor(math.exp(-20) - 1, dtype=D).sigmoid().item(),
            partial(sapo_loss),
        ),
    ],
)
def test_the_log_ratio_is_clamped_at_20_and_the_gradient_is_lost_there(
    verl, config, name, far, value, mine
):
    batch = one(far, -0.5, 1.0)
    found = theirs(verl, name, config(), batch)
    assert found[0].item() == pytest.approx(value, rel=1e-12) and found[1].item() == 0
    exact = ours(mine, batch)
    assert exact[1].item() < 0 and exact[0].item() != pytest.approx(value, rel=1e-12)
    inside = one(-0.5 - 19.9, -0.5, 1.0)
    agree(theirs(verl, name, config(), inside), ours(mine, inside))


def test_dppos_weight_is_clamped_from_below_too(verl, config):
    batch = one(-26.0, -0.5, 1.0)
    assert theirs(verl, "dppo_tv", config(), batch)[1].item() == pytest.approx(
        -math.exp(-20), rel=1e-12
    )
    assert ours(dppo_loss, batch, delta_tv=0.15)[1].item() == pytest.approx(
        -math.exp(-25.5), rel=1e-12
    )


def test_cispos_clamp_at_20_is_never_seen(verl, config):
    for logp, old in ((-26.0, -0.5), (-0.5, -26.0)):
        agree(
            theirs(verl, "cispo", config(), one(logp, old, 1.0)),
            ours(cispo_loss, one(logp, old, 1.0)),
            same,
        )


def test_dual_clip_is_on_at_3(verl, config):
    for a, kept in ((-1.0, 0.0), (1.0, 0.0)):
        found = theirs(verl, "vanilla", config(), one(-0.5, -3.0, a))
        assert found[1].item() == kept and found[0].item() == (3.0 if a < 0 else -1.2)
    assert ours(ppo_loss, one(-0.5, -3.0, -1.0))[1].item() == pytest.approx(math.exp(2.5))


def test_gspos_bound_cuts_the_gradient_of_a_row_beyond(verl, config):
    batch = one(-0.5, -12.5, -1.0)
    found, exact = theirs(verl, "gspo", config(), batch), ours(gspo_loss, batch)
    close(found[0], exact[0])
    assert found[1].item() == 0 and exact[1].item() == pytest.approx(math.exp(10))


def test_dppos_region_is_drawn_around_old_log_prob_whatever_the_batch_knows(verl, config, batch):
    """verl's own step over a batch that holds the sampler's log-probs: they change nothing."""
    from verl.utils import tensordict_utils
    from verl.workers.config.actor import PolicyLossConfig
    from verl.workers.utils.losses import ppo_loss as step

    lengths, prompt = [7, 5, 1, 6, 3, 4], 2

    def nested(value: Tensor) -> Tensor:
        return torch.nested.as_nested_tensor(
            [row[:n] for row, n in zip(value, lengths, strict=True)], layout=torch.jagged
        )

    def loss(logp: Tensor) -> Tensor:
        scores = torch.nn.functional.pad(logp, (prompt - 1, 1))
        packed = torch.cat([row[: prompt + n] for row, n in zip(scores, lengths, strict=True)])
        prompts = torch.nested.as_nested_tensor(
            [torch.ones(prompt).long()] * 6, layout=torch.jagged
        )
        data = tensordict_utils.get_tensordict(
            {
                "prompts": prompts,
                "responses": nested(torch.ones(6, 7).long()),
                "response_mask": nested(batch["mask"]),
                "old_log_probs": nested(batch["old"]),
                "rollout_log_probs": nested(batch["rollout"]),
                "advantages": nested(batch["advantages"]),
            },
            {"dp_size": 1, "batch_num_tokens": None, "global_batch_size": None},
        )
        settings = config(policy_loss=PolicyLossConfig(loss_mode="dppo_tv"), clip_ratio_c=OFF)
        return step(settings, {"log_probs": packed}, data)[0]

    found = both(loss, batch["logp"])
    agree(found, ours(dppo_loss, batch, anchor="old", delta_tv=0.2))
    assert (found[1] - ours(dppo_loss, batch, anchor="rollout", delta_tv=0.2)[1]).abs().max() > 1e-3


def test_the_older_trainers_bypass_mode_replaces_the_loss_by_ppos_clip(verl, config, batch):
    from omegaconf import OmegaConf
    from verl.trainer.ppo.rollout_corr_helper import apply_bypass_mode

    asked = OmegaConf.create({"loss_mode": "dppo_tv"})
    data = SimpleNamespace(
        batch={"rollout_log_probs": batch["rollout"], "old_log_probs": batch["old"]}
    )
    apply_bypass_mode(data, {"loss_type": "ppo_clip"}, asked)
    assert asked.loss_mode == "bypass_mode" and data.batch["old_log_probs"] is batch["rollout"]
    agree(
        theirs(verl, "bypass_mode", config(clip_ratio_c=OFF), batch, anchor="rollout"),
        ours(ppo_loss, batch, anchor="rollout"),
    )


def test_dppos_weight_is_bounded_at_3_by_the_configuration_and_at_20_without(verl, config):
    rare = one(-7.0, -11.0, 1.0)  # ratio e^4, total variation 1e-3
    assert theirs(verl, "dppo_tv", config(), rare)[1].item() == -3.0
    bare = SimpleNamespace(
        clip_ratio=0.15,
        clip_ratio_low=None,
        clip_ratio_high=None,
        global_batch_info={},
        get=lambda key, default=None: default,
    )
    assert theirs(verl, "dppo_tv", bare, rare)[1].item() == -20.0
    assert ours(dppo_loss, rare, delta_tv=0.15)[1].item() == pytest.approx(-math.exp(4))


def test_clip_ratio_alone_sets_no_threshold(verl, config):
    moved = one(math.log(0.47), math.log(0.3), 1.0)  # total variation .17: past .15, not past .2
    for name in ("dppo_tv", "vanilla"):
        alone = theirs(verl, name, config(clip_ratio=0.15), moved)
        wide = theirs(verl, name, config(clip_ratio=0.9), moved)
        assert torch.equal(alone[1], wide[1])
    assert theirs(verl, "dppo_tv", config(clip_ratio=0.15), moved)[1].item() < 0
    assert theirs(verl, "dppo_tv", config(clip_ratio_high=0.15), moved)[1].item() == 0
    assert ours(dppo_loss, moved, delta_tv=0.15)[1].item() == 0


def test_the_binary_kls_constant_keeps_what_the_exact_divergence_silences(verl, config):
    certain = one(-1e-12, math.log(0.997), 1.0)
    settings = config(clip_ratio_low=0.05, clip_ratio_high=0.05)
    assert theirs(verl, "dppo_kl", settings, certain)[1].item() == pytest.approx(-1 / 0.997)
    assert ours(dppo_loss, certain, delta_kl=0.05)[1].item() == 0
    exact = binary_kl(certain["old"], certain["logp"]).item()
    assert (
        exact == pytest.approx(0.997 * math.log(0.997) + 0.003 * math.log(0.003 / 1e-12), rel=1e-6)
        and exact > 0.05
    )


def test_the_binary_kls_constant_makes_it_negative(verl, config):
    """At threshold 0 a token that moved outward is silenced by any divergence, but not by a
    negative one."""
    moved = one(math.log1p(-1e-9), math.log1p(-1e-8), 1.0)
    none = config(clip_ratio_low=0.0, clip_ratio_high=0.0)
    assert binary_kl(moved["old"], moved["logp"]).item() > 1e-8
    assert theirs(verl, "dppo_kl", none, moved)[1].item() < 0
    assert ours(dppo_loss, moved, delta_kl=0.0)[1].item() == 0


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


def test_the_1e8_in_a_length_has_an_effect_in_float64_only(verl):
    values = torch.randn(4, 5, generator=torch.Generator().manual_seed(0), dtype=D)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 0, 1, 1, 1], [1] * 5]).bool()
    counted = (values * mask).sum(-1)
    for weights, extra in ((mask.double(), 1e-8), (mask, 0.0), (mask.float(), 0.0)):
        expected = (counted / (mask.double().sum(-1) + extra)).mean()
        torch.testing.assert_close(
            verl.agg_loss(values, weights, "seq-mean-token-mean"), expected, rtol=1e-15, atol=0
        )
    close(
        verl.agg_loss(values, mask.double(), "seq-mean-token-mean"),
        aggregate(values, mask, "seq-mean-token-mean"),
    )


def test_nan_under_the_mask_reaches_the_value_of_means_over_rows(verl, config):
    batch = {k: v.expand(2, 3).clone() for k, v in one(-1.0, -1.1, 1.0).items()}
    batch["mask"][0, 2] = False
    batch["logp"][0, 2] = math.nan
    for how in AGGREGATIONS:
        found = theirs(verl, "vanilla", config(), batch, how)[0]
        assert found.isnan() == (how != "token-mean") and ours(ppo_loss, batch, how)[0].isfinite()


def test_geo_mean_counts_empty_rows(verl, config, batch):
    emptied = {**batch, "mask": batch["mask"] & (torch.arange(6) != 2).unsqueeze(-1)}
    found = theirs(verl, "geo_mean", config(clip_ratio_low=0.4, clip_ratio_high=0.4), emptied)
    exact = ours(gmpo_loss, emptied, "seq-mean-token-mean")
    agree(found, (exact[0] * 5 / 6, exact[1] * 5 / 6))


REWARDS = torch.tensor([1.0, 0.0, 0.25, 1.0, 0.5, 0.5, 0.0, 3.0], dtype=D)
GROUP = torch.tensor([0, 0, 1, 0, 2, 2, 1, 1])
LENGTHS = torch.tensor([3, 1, 4, 1, 5, 2, 6, 5])


def advantages_of(verl, name: str, **more) -> Tensor:
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
    group = REWARDS[GROUP == 1]
    same(advantages_of(verl, "grpo")[2], (REWARDS[2] - group.mean()) / (group.std() + 1e-6))


def test_a_group_of_one_passes_with_its_raw_reward(verl):
    rewards, mask = torch.tensor([[0.7], [1.0], [0.0]], dtype=D), torch.ones(3, 1, dtype=D)
    index = torch.tensor([0, 1, 1])
    for name, expected in (("grpo", 0.7), ("rloo", 0.7), ("opo", 0.7), ("rloo_vectorized", 0.0)):
        found, _ = verl.get_adv_estimator_fn(name)(
            token_level_rewards=rewards.clone(), response_mask=mask, index=index.numpy()
        )
        assert found[0, 0].item() == pytest.approx(expected, rel=2e-6)
    for refuses in (group_relative, leave_one_out):
        with pytest.raises(ValueError, match="at least 2 completions"):
            refuses(rewards[:, 0], index)
    assert length_weighted(rewards[:, 0], torch.ones(3), index)[0] == 0


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


def test_k3_is_bounded_at_10_which_hides_its_clamp_at_20(verl):
    for logp, exact in ((-0.5, 13.0 - 1 + math.exp(-13.0)), (-16.0, math.exp(2.5) - 3.5)):
        old = -13.5
        value, gradient = both(
            lambda x, old=old: verl.kl_penalty(x, torch.tensor(old, dtype=D), "k3"),
            torch.tensor(logp, dtype=D),
        )
        mine, slope = both(
            lambda x, old=old: k3(x, torch.tensor(old, dtype=D)), torch.tensor(logp, dtype=D)
        )
        assert mine.item() == pytest.approx(exact, rel=1e-9) and slope.item() != 0
        assert (value.item(), gradient.item() == 0) == (min(exact, 10.0), exact > 10)
    # d = 20 is far beyond: e^20 - 21 and 20 - 1 + e^-20 are both above 10.
    assert math.exp(20) - 21 > 10 and 19 + math.exp(-20) > 10


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_rollout_corrections(verl, batch, level):
    from verl.trainer.ppo.rollout_corr_helper import compute_rollout_correction_weights

    mask = batch["mask"]
    found, _ = compute_rollout_correction_weights(
        (batch["old"] - batch["rollout"]).masked_fill(~mask, 0.0),
        mask.double(),
        rollout_is=level,
        rollout_is_threshold=1.5,
    )
    exact = truncated_importance(batch["old"], batch["rollout"], mask, cap=1.5, level=level)
    close(found[mask], exact[mask])
    assert (found[~mask] == 0).all() and (exact == 1.5).any() and (exact[mask] < 1).any()
