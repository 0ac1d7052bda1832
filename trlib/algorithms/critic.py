"""PPO with a critic: a value for every token instead of a group's mean.

Generalised advantage estimation turns the critic's values into advantages; the critic learns the
returns, by gradient descent with PPO's value clip or inside a trust region of its own (Schulman et
al. 2016, arXiv 1506.02438, sec. 5)."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from trlib import checks
from trlib.advantages import gae
from trlib.algorithms.method import Anchor, Batch, Scores, Step, TokenLoss
from trlib.algorithms.needs import Needs
from trlib.algorithms.ppo import PPO
from trlib.algorithms.trpo import conjugate_gradient, exact, flat, move, some_rows, unflat
from trlib.checks import SHARE
from trlib.other_names import names_its_arguments

BACKTRACK, TRIES = 0.8, 10
"""The critic's step is shortened by this factor, at most this often, until its region holds; else
it is not taken."""
SLACK = 1 + 1e-5  # rounding may carry a step that should end at the edge past it


@names_its_arguments
def value_loss(
    values: Tensor, values_old: Tensor, returns: Tensor, *, mask: Tensor, clip: float | None = 0.2
) -> Tensor:
    """The critic's loss per token, with PPO's clip around the values before the batch.

    L = max((V - R)², (clip(V, V_old - c, V_old + c) - R)²) / 2

    Args:
        values: [B, T] the critic's values, differentiable. values_old: [B, T] before the batch's
            updates.
        returns: [B, T] what the values should be. mask: [B, T] bool. clip: c in the reward's unit;
            None: off.
    Returns [B, T], 0 where masked.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    negative clip.
    Source: the code of arXiv 1707.06347; not in the paper. In the book: :eq:`ppo-value`."""
    if clip is not None:
        clip = checks.number("clip", clip, least=0)
    values, old, returns = checks.tokens(
        mask, values=values, values_old=values_old, returns=returns
    )
    loss = (values - returns.detach()).square()
    if clip is not None:
        near = old.detach() + (values - old.detach()).clamp(-clip, clip)
        loss = torch.maximum(loss, (near - returns.detach()).square())
    return loss / 2


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """[B, T] (values - mean) / standard deviation, both over the mask; 0 where masked. 0 everywhere
    if all values are equal up to rounding: their spread is below a millionth of the largest.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True."""
    (values,) = checks.tokens(mask, values=values)
    known_values = values[mask]
    if known_values.numel() < 2:
        return torch.zeros_like(values)
    spread = known_values.std()
    if float(spread) <= 1e-6 * float(known_values.abs().max()):
        return torch.zeros_like(values)
    return ((values - known_values.mean()) / (spread + 1e-8)).masked_fill(~mask, 0.0)


def at_the_end(batch: Batch) -> Tensor:
    """[B, T] each completion's reward on its last unmasked token, else 0."""
    last = batch.mask & (batch.mask.flip(-1).cumsum(-1).flip(-1) == 1)
    return batch.rewards.unsqueeze(-1) * last


@dataclass(frozen=True, kw_only=True)
class PPOCritic(PPO):
    """PPO-clip with a critic of its own, GAE and whitened advantages. Source: GAE, arXiv 1506.02438
    eq. 16; its trust region for the critic, section 5."""

    gamma: float = checks.setting(1.0, **SHARE)
    """Discount per token."""
    lam: float = checks.setting(0.95, **SHARE)
    """GAE's λ: 1 trusts the rewards, 0 the critic."""
    value_clip: float | None = checks.setting(0.2, least=0)
    """How far a batch may move a value before its gradient stops; None: off. Like the next two, for
    "gradient" only."""
    value_weight: float = checks.setting(0.5, least=0)
    """Weight of the critic's loss. The critic shares no weights with the policy, so under AdamW it
    hardly matters."""
    critic_speed: float = checks.setting(10.0, above=0)
    """The critic's learning rate as a multiple of the policy's."""
    critic: Literal["gradient", "trust-region"] = checks.setting("gradient")
    """How the critic learns: with the policy's loss, or by a Gauss-Newton step of bounded size
    after it."""
    critic_radius: float = checks.setting(0.1, above=0)
    """ε of the critic's trust region: mean (V - V_old)² / (2σ²) <= ε over the tokens of the
    minibatch's `critic_rows` after its update, σ² = mean (V_old - R)², V_old before the batch."""
    critic_rows: int | None = checks.setting(64, least=1)
    """Completions, spread evenly, on which the trust-region critic is fitted; None: all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse("advantage", "shift", because="its advantages are the critic's")

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(critic=self.critic_speed, values=self.critic == "gradient")

    def prepare(self, batch: Batch) -> Batch:
        values = batch.values
        advantages, returns = gae(
            at_the_end(batch).to(values), values, batch.mask, gamma=self.gamma, lam=self.lam
        )
        advantages = whiten(advantages, batch.mask)
        return replace(batch.plus(returns=returns), advantages=self.corrected(advantages, batch))

    formula = PPO.formula  # the policy's part; the critic has parameters of its own

    def policy_loss(self, scores: Scores, batch: Batch) -> TokenLoss:
        """The policy's part of the objective."""
        return super().objective(scores, batch)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss = self.policy_loss(scores, batch)
        if self.critic == "trust-region":
            return loss
        critic = value_loss(
            scores.values,
            batch.values,
            batch.extra["returns"],
            mask=batch.mask,
            clip=self.value_clip,
        )
        return replace(loss, per_token=loss.per_token + self.value_weight * critic)

    def update(self, step: Step) -> None:
        for part in step.minibatches():
            part.descend(part.loss())
            if self.critic == "trust-region" and bool(part.batch.mask.any()):
                self._fit(part)

    def _fit(self, step: Step) -> None:
        """One Gauss-Newton step on the returns, no longer than the critic's region allows."""
        rows = some_rows(len(step.batch.mask), self.critic_rows, step.batch.mask.device)
        parameters = step.critic
        exact(parameters)
        batch = step.batch.rows(rows)
        mask, old, returns = batch.mask, batch.values, batch.extra["returns"]
        variance = (old - returns)[mask].square().mean()
        if not float(variance) > 0:
            return
        values = step.values(rows)
        count = mask.sum()
        error = (values - returns)[mask].square().sum() / (2 * count)
        gradient = flat(
            torch.autograd.grad(error, parameters, retain_graph=True, materialize_grads=True)
        )

        def product(v: Tensor) -> Tensor:
            along = step.value_slope(unflat(v, parameters), rows) * mask / count
            pulled = torch.autograd.grad(
                values, parameters, along, retain_graph=True, materialize_grads=True
            )
            return flat(pulled) + 1e-3 * v

        x = conjugate_gradient(product, -gradient)
        room = 2 * self.critic_radius * variance
        drift = (values.detach() - old)[mask]
        slope = step.value_slope(unflat(x, parameters), rows)[mask]
        a, b, c = slope.square().mean(), (drift * slope).mean(), drift.square().mean() - room
        scale = _longest(float(a), float(b), float(c))
        start = [p.detach().clone() for p in parameters]
        for attempt in range(TRIES if scale > 0 else 0):
            move(parameters, start, unflat(BACKTRACK**attempt * scale * x, parameters))
            with torch.no_grad():
                if (step.values(rows) - old)[mask].square().mean() <= SLACK * room:
                    return
        move(parameters, start, None)


def _longest(a: float, b: float, c: float) -> float:
    """The largest s in [0, 1] with a s² + 2 b s + c <= 0, and 0 where there is none; a >= 0."""
    if a + 2 * b + c <= 0:
        return 1.0
    # Squares of the coefficients may overflow or underflow (a steep critic, or one that hardly
    # moves), so bring the largest near 1 first. Scaling by a power of 2 changes no digit.
    exponent = math.frexp(max(a, abs(b), abs(c)))[1]
    unit = math.ldexp(1.0, min(-exponent, 1000))
    a, b, c = unit * a, unit * b, unit * c
    inside = b * b - a * c
    if inside < 0 or (c > 0 and not 0 < -b < a):  # no root, or both below 0, or both above 1
        return 0.0
    root = inside**0.5
    # Where root - b would lose its digits, the larger root follows from the product of the two,
    # which is c/a.
    largest = -c / (b + root) if b > 0 and a * -c <= 1e-8 * b * b else (root - b) / a
    return min(1.0, max(0.0, largest))
