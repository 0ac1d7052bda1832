"""Our objectives in verl 0.9's registry of policy losses, under names that begin with `trlib_`.

verl's workers are processes with their own registries: put
`from trlib.bridges.verl import register; register()` into a module and name it in the environment,
VERL_USE_EXTERNAL_MODULES=that_module. Then set actor.policy_loss.loss_mode. The anchor is verl's
`old_log_prob`: the recomputed policy, or with rollout.calculate_log_probs=True and
algorithm.rollout_correction.bypass_mode=True the one that sampled, for which DPPO and QUATRO are
made (but with trainer.use_v1=False that mode puts one of verl's losses in place of ours).

Score centering is not here either: the sampler's most likely tokens do not reach a loss. verl 0.9.1
asks vLLM for the sampled token's log-prob alone; pull request 8010 would carry the top k.

QUATRO needs algorithm.adv_estimator=trlib_quatro too: it solves the dual while groups are whole.
verl carries one number per token from there: λ target on the first, λ on the others, so a
completion of one token may lose its pull-back. Top-K and full DPPO are not here: verl's losses do
not see the distribution. `actor/pg_clipfrac` is, as in verl, the share of tokens that a loss
clips or masks, or whose weight it bounds (CISPO); it is absent for a loss without
diagnostics.

In bypass mode verl skips its own `rollout_corr/*`, so the loss logs how far the policy is from the
old log-probs, which are the sampler's there: `actor/old_logp_difference`, the mean of
|log π - log π_old|, and `actor/old_k3_kl`, of KL(π_old || π) by k3 as `rollout_corr/k3_kl` has it.
With one update per batch they are the mismatch of sampler and learner; with several they also hold
what the earlier updates moved."""

from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from verl.trainer.ppo.core_algos import ADV_ESTIMATOR_REGISTRY, POLICY_LOSS_REGISTRY, agg_loss
from verl.utils.torch_functional import masked_mean

from trlib.advantages import ADVANTAGES
from trlib.algorithms import dppo_loss, pspo_loss
from trlib.algorithms.dual import Direction, solve_groups
from trlib.algorithms.method import TokenLoss
from trlib.algorithms.quatro import pull_to_target
from trlib.bridges import as_token_loss, check_loss
from trlib.checks import value_checks

_checked: set[int] = set()
"""The ids of losses that have been called once: as in our own loop, checks of values stop after the
first call."""


def register(
    losses: Mapping[str, Callable[..., TokenLoss]] | None = None,
    *,
    delta_tv: float = 0.15,
    delta_kl: float = 0.05,
    alpha: float = 0.1,
    quatro_delta: float = 0.1,
    lambda_min: float = 1e-2,
    direction: Direction = "backward",
    shift: float = 0.0,
) -> None:
    """Add `trlib_dppo_tv`, `trlib_dppo_kl`, `trlib_pspo`, `trlib_quatro`, and `losses`: names with
    functions of (logp, logp_old, *, advantages, mask), such as partial(cispo_loss, eps_low=None).
    And as algorithm.adv_estimator `trlib_` with each name of `trlib.advantages.ADVANTAGES`, such as
    `trlib_reward` and `trlib_right-only`; `shift` is added to these. Calling it twice does no harm.
    Raises TypeError: one of `losses` cannot work: it is called once on six tokens, on the worker's
    device."""
    for name, loss in (losses or {}).items():
        check_loss(f"losses[{name!r}]", loss)
    ours: dict[str, Callable[..., TokenLoss]] = {
        "trlib_dppo_tv": partial(dppo_loss, delta_tv=delta_tv),
        "trlib_pspo": partial(pspo_loss, alpha=alpha),
        "trlib_dppo_kl": partial(dppo_loss, delta_kl=delta_kl),
        "trlib_quatro": partial(_quatro, direction=direction),
        **(losses or {}),
    }
    POLICY_LOSS_REGISTRY.update({name: partial(_policy_loss, loss) for name, loss in ours.items()})
    ADV_ESTIMATOR_REGISTRY["trlib_quatro"] = partial(
        _duals, delta_kl=quatro_delta, lambda_min=lambda_min, direction=direction
    )
    for name, advantage in ADVANTAGES.items():
        ADV_ESTIMATOR_REGISTRY[f"trlib_{name}"] = partial(_advantages, advantage, shift)


def _policy_loss(
    loss: Callable[..., TokenLoss],
    old_log_prob: Tensor,
    log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    loss_agg_mode: str = "token-mean",
    config: Any = None,
    rollout_is_weights: Tensor | None = None,
) -> tuple[Tensor, dict[str, float]]:
    mask = response_mask.bool()
    with value_checks(id(loss) not in _checked):
        result = as_token_loss(loss(log_prob, old_log_prob, advantages=advantages, mask=mask))
    _checked.add(id(loss))
    per_token = (
        result.per_token if rollout_is_weights is None else result.per_token * rollout_is_weights
    )
    # With nothing unmasked it is 0, where verl divides by 0. Metrics too: each rank owes a number
    # per micro-batch.
    total = (
        agg_loss(per_token, mask, loss_agg_mode, **config.global_batch_info)
        if mask.any()
        else result.per_token.sum()
    )
    apart = (log_prob - old_log_prob).detach().where(mask, 0.0)
    sizes = {
        "ppo_kl": -apart,
        "old_logp_difference": apart.abs(),
        "old_k3_kl": torch.expm1(apart) - apart,
    }
    metrics = {f"actor/{name}": masked_mean(x, mask).item() for name, x in sizes.items()}
    metrics["actor/pg_clipfrac_lower"] = 0.0
    clipped = result.diagnostics.get("clipped")
    if clipped is None and "kept" in result.diagnostics:
        clipped = ~result.diagnostics["kept"]
    if clipped is not None:
        metrics["actor/pg_clipfrac"] = masked_mean(clipped.float(), mask).item()
    return total, metrics


def _groups(index: Any, device: Any) -> Tensor:
    """[B] int of verl's names of prompts."""
    return torch.tensor(np.unique(list(index), return_inverse=True)[1], device=device)


def _advantages(
    advantage: Callable[[Any], Tensor],
    shift: float,
    token_level_rewards: Tensor,
    response_mask: Tensor,
    index: Any,
    **others: Any,
) -> tuple[Tensor, Tensor]:
    batch = SimpleNamespace(
        rewards=token_level_rewards.sum(-1),
        group=_groups(index, response_mask.device),
        lengths=response_mask.sum(-1),
    )
    advantages = (advantage(batch).to(batch.rewards) + shift).unsqueeze(-1) * response_mask
    return advantages, advantages


def _duals(
    token_level_rewards: Tensor,
    response_mask: Tensor,
    index: Any,
    *,
    delta_kl: float,
    lambda_min: float,
    direction: Direction,
    **others: Any,
) -> tuple[Tensor, Tensor]:
    group = _groups(index, response_mask.device)
    rewards, present = token_level_rewards.sum(-1), response_mask.bool().any(-1)
    multiplier, target, _ = solve_groups(
        rewards, group, present, delta_kl=delta_kl, lambda_min=lambda_min, direction=direction
    )
    carried = multiplier.unsqueeze(-1).repeat(1, response_mask.shape[1])
    carried[:, 0] = multiplier * target
    return carried, carried


def _quatro(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, direction: Direction
) -> TokenLoss:
    push, multiplier = advantages[:, 0], advantages[:, 1:2].sum(-1)
    loss = pull_to_target(
        logp, logp_old, push=push, multiplier=multiplier, mask=mask, direction=direction
    )
    # Nothing is clipped, and equal rewards are no exception.
    return TokenLoss(loss.per_token, loss.diagnostics | {"kept": mask})
