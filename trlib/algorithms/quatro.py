"""QUATRO: one KL constraint per prompt, solved by its dual. Derived here.

Nobody here has read the paper (arXiv 2602.04620). Its abstract names a trust region enforced
exactly and a stabilising term that follows from it. That there is a KL constraint for each prompt,
solved by Lagrangian duality with a dual variable of its own, appears in summaries only: a TL;DR
(sciencestack.ai/paper/2602.04620) and a machine's summary (koineu.com). Everything below is derived
here from that problem and may differ from the authors' loss and defaults.

For each prompt, with μ the policy that sampled and y a whole completion:

    max_π E_π[R(y)]   s.t.   KL(π || μ) <= δ          δ in nats per completion
    π* = μ exp((R - m)/λ),   m = λ log E_μ exp(R/λ),   λ = argmin_{λ >= 0} λ δ + λ log E_μ exp(R/λ)

The last line is the dual of relative-entropy policy search (Peters et al. 2010): one convex problem
in one number. λ is the prompt's multiplier, m its offset, (R - m)/λ the log-ratio that each
completion should reach, and

    w = h (R - m - λ l),   l = Σ_t log r_t of the whole completion

the weight of its tokens: it changes sign when the target is overshot, so the policy moves back
at any ratio."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from trlib import checks

# The dual is part of what this module offers.
from trlib.algorithms.dual import (  # noqa: F401
    Direction,
    Dual,
    check_dual,
    solve_dual,
    solve_groups,
)
from trlib.algorithms.method import Anchor, Batch, Method, TokenLoss, weigh
from trlib.checks import POSITIVE
from trlib.other_names import names_its_arguments

Form = Literal["ratio", "exact", "regression"]


@names_its_arguments
def quatro_loss(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    rewards: Tensor,
    group: Tensor,
    mask: Tensor,
    delta_kl: float = 0.1,
    lambda_min: float = 1e-2,
    form: Form = "ratio",
    direction: Direction = "backward",
) -> TokenLoss:
    """QUATRO's loss per token; aggregate it with "seq-mean-token-sum". Derived here.

    L = -sg[w] log π(y_t),   w = h λ (target - l) = h (R - m - λ l),
        l = Σ_t log r_t over the whole completion

    form="ratio"       h = r_t: like PPO a semi-gradient without the ratio of the prefix; variance
    does not
                       grow with length
    form="exact"       h = e^l: the Lagrangian's own gradient; variance grows exponentially with
    length form="regression"  h = 1: the gradient of λ/2 (l - target)²
    direction="forward" takes λ and the target of KL(μ || π) <= δ; its exact gradient is w = e^l
    (R - ν) + λ. Every form of either direction comes to rest at π*. Where m is off by a constant,
    "ratio" and "exact" of the backward direction still do, but "regression" does not. In the
    book: :eq:`quatro-weight`.

    Args:
        logp, logp_rollout: [B, T] log π(y_t), nats, differentiable; the same under the policy that
            sampled.
        rewards: [B], raw; any unit. Not read where a whole completion is masked.
        group: [B] int, the prompt. Groups may differ in size; a completion that is wholly masked is
            in none.
        mask: [B, T] bool.
        delta_kl: δ above 0, nats per completion.
        lambda_min: floor of λ above 0, in units of reward.
        form: "ratio", "exact" or "regression".
        direction: "backward" KL(π || μ), or "forward" KL(μ || π).

    Diagnostics besides the usual: those of `pull_to_target`, and `floored` (bool).
    Raises TypeError, ValueError: a wrong type, shape or setting; NaN or inf where the mask is
    True. torch.compile breaks its graph where the dual is solved."""
    delta_kl, lambda_min = check_dual(delta_kl, lambda_min, direction)
    shape = tuple(checks.floating("logp", logp, (None, None), "B, T").shape)
    present = checks.boolean("mask", mask, shape, "B, T").any(-1)
    rewards = checks.floating("rewards", rewards, shape[:1], "B")
    group = checks.integer("group", group, shape[:1], "B")
    checks.finite("rewards", rewards, present)
    multiplier, target, floored = solve_groups(
        rewards, group, present, delta_kl=delta_kl, lambda_min=lambda_min, direction=direction
    )
    loss = pull_to_target(
        logp,
        logp_rollout,
        multiplier=multiplier,
        push=multiplier * target,
        mask=mask,
        form=form,
        direction=direction,
    )
    return TokenLoss(loss.per_token, {**loss.diagnostics, "floored": floored.unsqueeze(-1) & mask})


def pull_to_target(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    multiplier: Tensor,
    push: Tensor,
    mask: Tensor,
    form: Form = "ratio",
    direction: Direction = "backward",
) -> TokenLoss:
    """`quatro_loss` where the dual is already known, for a trainer that splits groups. Derived
    here.

    Args:
        logp, logp_rollout, mask, form, direction: as in `quatro_loss`.
        multiplier: [B] λ of each completion's group, reward per nat. Where it is 0 nothing pulls
            back.
        push: [B] λ target of each completion, the bracket before any update (backward: R - m), in
            units of reward.

    Diagnostics besides the usual: `target` and `log_ratio_seq` (l), one number per completion.
    `kept` is False where both numbers are 0.
    Raises TypeError, ValueError: a wrong type, shape or setting; NaN or inf where the mask is
    True."""
    checks.choice("form", form, get_args(Form))
    checks.choice("direction", direction, get_args(Direction))
    logp, logp_rollout = checks.tokens(mask, logp=logp, logp_rollout=logp_rollout)
    multiplier = _by_completion("multiplier", multiplier, logp, mask)
    push = _by_completion("push", push, logp, mask)
    log_ratio = logp.detach() - logp_rollout.detach()
    whole = log_ratio.sum(-1, keepdim=True).expand_as(logp).masked_fill(~mask, 0.0)
    pulls = multiplier > 0
    target = (push / multiplier).where(pulls, 0.0)
    if form == "exact" and direction == "forward":
        weight = -multiplier * torch.expm1(
            (whole - target).clamp(max=checks.LOG_RATIO_CAP)
        )  # e^l (R - ν) + λ
    else:
        power = {"ratio": log_ratio, "exact": whole, "regression": torch.zeros_like(logp)}[form]
        h = checks.capped(power).exp()
        weight = h * (push - multiplier * whole)
    weight = weight.masked_fill(~mask, 0.0)
    return TokenLoss(
        -weight * logp,
        weigh(log_ratio, pulls | (push != 0), weight, mask, target=target, log_ratio_seq=whole),
    )


def _by_completion(name: str, value: Tensor, logp: Tensor, mask: Tensor) -> Tensor:
    """[B, T] each completion's number on all of its tokens, 0 where masked."""
    checks.finite(name, checks.floating(name, value, tuple(logp.shape[:1]), "B"), mask.any(-1))
    return value.detach().to(logp.dtype).unsqueeze(-1).expand_as(logp).masked_fill(~mask, 0.0)


@dataclass(frozen=True, kw_only=True)
class QUATRO(Method):
    """A KL constraint per prompt with its own multiplier; raw rewards in, no advantage.

    Source: derived here, from the problem that summaries of arXiv 2602.04620 state; not the
    authors' loss."""

    delta_kl: float = checks.setting(0.1, **POSITIVE)
    """Radius of every prompt's constraint, nats per completion."""
    lambda_min: float = checks.setting(1e-2, **POSITIVE)
    """Floor of the multiplier, in units of reward."""
    form: Form = checks.setting("ratio")
    """What multiplies the bracket, "ratio", "exact" or "regression": see `quatro_loss`."""
    direction: Direction = checks.setting("backward")
    """Which KL is bounded: "backward" KL(π || μ), "forward" KL(μ || π)."""
    advantage: str = "reward"
    aggregation: str = "seq-mean-token-sum"
    anchor: ClassVar[Anchor] = "rollout"
    token_loss = quatro_loss

    def __post_init__(self) -> None:
        super().__post_init__()
        reason = "it solves for the baseline and the scale of each prompt's raw rewards"
        self.refuse("advantage", "shift", because=reason)
        reason = "its log-ratio is already relative to the policy that sampled"
        self.refuse("correction", because=reason)

    def prepare(self, batch: Batch) -> Batch:
        """Sets `advantages` to λ target (R - m in the backward direction): the bracket before any
        update."""
        multiplier, target, _ = solve_groups(
            batch.rewards, batch.group, batch.mask.any(-1), **self.settings_for(solve_groups)
        )
        return replace(
            batch, advantages=(multiplier * target).unsqueeze(-1).expand_as(batch.logp_rollout)
        )
