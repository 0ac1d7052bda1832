"""Advantages and values: what is settled before any region is drawn, and the one region that is
drawn for a critic."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from trlib import checks
from trlib.advantages import gae
from trlib.algorithms import PGIS, PPO, REINFORCE, Needs, PPOCritic
from trlib.algorithms.critic import at_the_end, whiten
from trlib.algorithms.method import Anchor, Batch, Scores, TokenLoss
from trlib.checks import SHARE


def quantile_loss(quantiles: Tensor, target: Tensor) -> Tensor:
    """[...] The pinball loss of N quantiles [..., N] at the levels τ_i = (i + 1/2)/N, i from 0,
    against one draw [...] of what they describe: L = mean_i max(τ_i u_i, (τ_i - 1) u_i) with u_i =
    target - q_i, least at the quantiles.
    Differs from: no Huber corner of width κ; errors that never pass κ would turn the quantiles into
    expectiles."""
    off = (
        checks.floating("target", target, tuple(quantiles.shape[:-1])).detach().unsqueeze(-1)
        - quantiles
    )
    levels = _levels(off)
    return torch.maximum(levels * off, (levels - 1) * off).mean(-1)


def dvpo_value(
    quantiles: Tensor,
    *,
    alpha: float = 0.25,
    c_low: float = 0.3,
    c_up: float = 1.2,
    worst: bool = False,
) -> Tensor:
    """One value [...] of quantiles [..., N] in any order: their mean, with the tails reshaped
    around the median m:
    V = mean_i g(q_i),   g = m - c_low (m - q) where τ_i < α,
        m + c_up (q - m) where τ_i > 1 - α,   else q
    A factor below 1 draws a tail in. `worst`: the least quantile instead, as a robust Bellman
    backup takes it."""
    checks.number("alpha", alpha, least=0, most=0.5)
    low, up = checks.number("c_low", c_low, least=0), checks.number("c_up", c_up, least=0)
    q, count = quantiles.sort(-1).values, quantiles.shape[-1]
    median = q[..., [(count - 1) // 2, count // 2]].mean(-1, keepdim=True)
    levels = _levels(q)
    scale = torch.where(
        levels < alpha, low, torch.where(levels > 1 - alpha, up, torch.ones_like(levels))
    )
    return q[..., 0] if worst else (median + scale * (q - median)).mean(-1)


def _levels(quantiles: Tensor) -> Tensor:
    """[N] (i + 1/2)/N: the levels of quantiles [..., N]."""
    count = quantiles.shape[-1]
    return (torch.arange(count, device=quantiles.device, dtype=quantiles.dtype) + 0.5) / count


@dataclass(frozen=True, kw_only=True)
class DVPO(PPO):
    """PPO with a critic of quantiles and `dvpo_value`. GAE is linear, so the mean of the shaped
    quantiles' GAEs is the GAE of their mean.
    Source: ours, formulas and constants, from what the abstract of arXiv 2512.03847 describes."""

    quantiles: int = checks.setting(16, least=2)
    """Number of quantiles that the critic gives for every token's return."""
    alpha: float = checks.setting(0.25, least=0, most=0.5)
    """Share of the quantiles in each tail."""
    c_low: float = checks.setting(0.3, least=0)
    """Factor of the lower tail's distance from the median."""
    c_up: float = checks.setting(1.2, least=0)
    """The same for the upper tail."""
    lam: float = checks.setting(0.95, **SHARE)
    """GAE's λ."""
    critic_speed: float = checks.setting(10.0, above=0)
    """The critic's learning rate as a multiple of the policy's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse("advantage", "shift", because="its advantages are the critic's")

    formula = PPO.formula

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(critic=self.critic_speed, critic_outputs=self.quantiles, values=True)

    def prepare(self, batch: Batch) -> Batch:
        values = dvpo_value(batch.values, alpha=self.alpha, c_low=self.c_low, c_up=self.c_up)
        advantages, _ = gae(
            at_the_end(batch).to(values), values, batch.mask, gamma=1.0, lam=self.lam
        )
        return replace(batch, advantages=self.corrected(whiten(advantages, batch.mask), batch))

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss = super().objective(scores, batch)
        q = scores.values.masked_fill(~batch.mask.unsqueeze(-1), 0.0)
        learned = (
            quantile_loss(q, batch.rewards.to(q).unsqueeze(-1).expand_as(batch.mask)) * batch.mask
        )
        return replace(loss, per_token=loss.per_token + learned)


def iterative_amortized_step(
    lam: Tensor, objective: Callable[[Tensor], Tensor], net: Callable[..., Tensor]
) -> Tensor:
    """λ + net(λ, ∇J(λ)): an action distribution's parameters [B, D], improved by a learned update
    instead of guessed. J: [B, D] -> [B]. Its gradient is an input; only the net learns, by
    ascending J after a few such steps.
    Source: ours, from what the abstract of arXiv 2010.10670 describes.
    Differs from: the released code's update is gated."""
    at = lam.detach().requires_grad_()
    return lam + net(lam, *torch.autograd.grad(objective(at).sum(), at))


@dataclass(frozen=True, kw_only=True)
class AsymRE(REINFORCE):
    """REINFORCE with a baseline below the group's mean: a KL penalty towards the sampler of that
    weight (derived here, in `Method.shift`).

    Source: arXiv 2506.20520, as printed in summaries; the paper itself was not read. There δV is
    -.1: the shift is its opposite."""

    shift: float = 0.1
    """How far the baseline lies below the group's mean."""


OPO, GAE = partial(PGIS, advantage="length-weighted"), partial(PPOCritic, critic="trust-region")
RELATIVES: dict[str, Any] = {
    "opo": OPO,
    "asymre": AsymRE,
    "gae": GAE,
    "dvpo": DVPO,
    "iterative_amortized": iterative_amortized_step,
}
