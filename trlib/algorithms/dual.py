"""QUATRO's dual: one KL constraint for each prompt, as one convex problem in one number. Derived here;
`trlib.algorithms.quatro` says from what."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from trlib import checks
from trlib.checks import POSITIVE

Direction = Literal["backward", "forward"]
SMALLEST = -300.0  #: Least logarithm of ν - max R in float64; in float32 λ would be 0 long before.
TINY = 1e-300  #: The smallest KL whose logarithm is taken.


@dataclass(frozen=True)
class Dual:
    """The solved dual of N prompts with G completions each. Derived here.

    A group whose rewards are all equal teaches nothing: multiplier 0, offset the common reward,
    target 0 (the solution's own limit), so every weight made from them is 0."""

    multiplier: Tensor  #: [N] λ, reward per nat; 0 where all rewards of the group are equal.
    offset: Tensor  #: [N] m (backward) or ν (forward), in units of reward.
    #: [N, G] the log-ratio log π*(y)/μ(y) of each completion: (R - m)/λ, forward log(λ/(ν - R)).
    target: Tensor
    floored: Tensor
    """[N] bool: λ is as small as it may be, because the radius is out of the group's reach or the
    root lies below."""


def solve_dual(
    rewards: Tensor, *, delta_kl: float, lambda_min: float = 1e-2, direction: Direction = "backward"
) -> Dual:
    """Multiplier, offset and target log-ratios of every group, all groups at once. Derived here.

    backward, KL(π || μ) <= δ: λ solves KL(u || 1/G) = δ with u = softmax(R/λ); m = λ
    (logsumexp(R/λ) - log G); target (R - m)/λ. A group can move by less than log(G / number of its
    best completions): where δ is beyond that, or the root below `lambda_min`, λ is `lambda_min` and
    the group is `floored`. forward, KL(μ || π) <= δ (TRPO's direction): π*/μ = λ/(ν - R), ν above
    every reward; λ and ν solve mean λ/(ν - R) = 1 and -mean log(λ/(ν - R)) = δ. Every radius can be
    reached, but beyond some tens of nats λ would leave the rewards' type: there ν stands just above
    max R, and the group is `floored`. `lambda_min` is not read. As δ -> 0 both give λ -> σ/sqrt(2δ)
    and targets sqrt(2δ) (R - mean)/σ, σ the population std: GRPO's normalisation is the first-order
    case. In the book: :eq:`quatro-optimum`, :eq:`quatro-dual`, :eq:`quatro-first-order`,
    :eq:`quatro-forward`.

    Args:
        rewards: [N, G], prompts by completions drawn from μ.
        delta_kl: the radius δ, nats per completion, above 0.
        lambda_min: floor of λ, in units of reward, above 0.
        direction: "backward" KL(π || μ), or "forward" KL(μ || π).
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf; a radius or a floor that is not
    positive."""
    delta_kl, lambda_min = check_dual(delta_kl, lambda_min, direction)
    rewards = checks.floating("rewards", rewards, (None, None), "N, G").detach()
    checks.finite("rewards", rewards)
    # Few numbers, ill-conditioned near the limits: float64 on any device that has it.
    work = rewards.to("cpu" if rewards.device.type == "mps" else rewards.device, torch.float64)
    best = work.max(-1).values
    gap = best.unsqueeze(-1) - work
    live = gap.max(-1).values > 0
    # Any solvable problem: its result is thrown away.
    gap = gap.masked_fill(~live.unsqueeze(-1), 1.0)
    gap[~live, 0] = 0.0
    solve = _backward if direction == "backward" else _forward
    least = max(SMALLEST, math.log(torch.finfo(checks.wide(rewards)).tiny) + 1)
    multiplier, offset, target, floored = solve(
        gap, delta_kl, lambda_min if direction == "backward" else least
    )
    zero = torch.zeros_like(multiplier)
    results = (
        multiplier.where(live, zero),
        best + offset.where(live, zero),
        target * live.unsqueeze(-1),
    )
    back = [x.to(rewards.device, checks.wide(rewards)) for x in results]
    return Dual(back[0], back[1], back[2], (floored & live).to(rewards.device))


def _backward(gap: Tensor, delta: float, floor: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """λ, m - max R, target and floored from the gaps max R - R >= 0 [N, G], some of them
    positive."""
    log_size = math.log(gap.shape[-1])

    def target(log_multiplier: Tensor) -> Tensor:
        return torch.log_softmax(-gap / log_multiplier.exp().unsqueeze(-1), -1) + log_size

    def excess(log_multiplier: Tensor) -> tuple[Tensor, Tensor]:
        t = target(log_multiplier)
        u = t.exp()  # G times the weight of each completion
        # The same as mean u t, but no term cancels another.
        kl = (u * t - torch.expm1(t)).mean(-1).clamp(min=TINY)
        centred = t - (u * t).mean(-1, keepdim=True)
        return kl.log() - math.log(delta), -(u * centred.square()).mean(-1) / kl

    low = torch.full_like(gap[:, 0], math.log(floor))
    floored = excess(low)[0] <= 0
    # KL(u || 1/G) <= (span/λ)²/8, Hoeffding's lemma: at this λ it has come down to δ.
    high = gap.max(-1).values.log() - 0.5 * math.log(8 * delta)
    log_multiplier = _decreasing_root(excess, low, high.where(~floored, low))
    multiplier, reached = log_multiplier.exp().masked_fill(floored, floor), target(log_multiplier)
    return multiplier, -gap[:, 0] - multiplier * reached[:, 0], reached, floored


def _forward(gap: Tensor, delta: float, least: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same for KL(μ || π), with g = ν - max R > 0 as the unknown, log g >= `least`; λ is the
    harmonic mean of g + gap."""

    def solution(log_g: Tensor) -> tuple[Tensor, Tensor]:
        distance = log_g.exp().unsqueeze(-1) + gap
        multiplier = 1 / (1 / distance).mean(-1)
        return multiplier, multiplier.log().unsqueeze(-1) - distance.log()

    def excess(log_g: Tensor) -> tuple[Tensor, Tensor]:
        multiplier, t = solution(log_g)
        # The same as -mean t, but no term cancels another.
        kl = (torch.expm1(t) - t).mean(-1).clamp(min=TINY)
        spread = (t.exp() * torch.expm1(t)).mean(-1)
        return kl.log() - math.log(delta), -log_g.exp() / multiplier * spread / kl

    # With x = 1/(g + gap), KL = log mean x - mean log x <= log(1 + span/g)²/8 (Hoeffding) bounds g
    # from above; mean x >= (share of best)/g bounds it from below.
    width = math.sqrt(8 * delta)
    high = gap.max(-1).values.log() - width - math.log(-math.expm1(-width))
    share = (gap == 0).to(gap.dtype).mean(-1)
    others = gap.log().masked_fill(gap == 0, 0.0).mean(-1)
    low = (share.log() + others - delta) / (1 - share)
    low, high = low.clamp(min=least), high.clamp(min=least)
    floored = excess(torch.full_like(high, least))[0] < 0
    log_g = _decreasing_root(excess, torch.minimum(low, high), high).masked_fill(floored, least)
    multiplier, target = solution(log_g)
    return multiplier, log_g.exp(), target, floored


def _decreasing_root(
    f: Callable[[Tensor], tuple[Tensor, Tensor]], low: Tensor, high: Tensor
) -> Tensor:
    """[N] where the decreasing f is 0 between `low` and `high`; f returns value and slope.

    Newton's step where it stays inside the bracket, bisection where it does not. From `high`, where
    log KL falls with slope -2 in the logarithm of the unknown and flattens towards `low`, Newton
    alone seldom leaves it."""
    x = high
    for _ in range(100):
        value, slope = f(x)
        low, high = x.where(value > 0, low), x.where(value <= 0, high)
        step = -value / slope
        inside = (x + step >= low) & (x + step <= high)
        size = 1 + x.abs()
        # NaN (a group of one) is done.
        done = ~((step.abs() > 1e-13 * size) & (high - low > 1e-15 * size))
        x = x.where(done, (x + step).where(inside, 0.5 * (low + high)))
        if done.all():
            break
    return x


@torch.compiler.disable  # what is solved depends on the values of `group`
def solve_groups(
    rewards: Tensor,
    group: Tensor,
    present: Tensor,
    *,
    delta_kl: float,
    lambda_min: float,
    direction: Direction,
) -> tuple[Tensor, Tensor, Tensor]:
    """Each completion's λ, target and floored, [B] each, 0 and False where not `present` [B]: one
    solve per size of group. The arguments must have been checked."""
    rewards = rewards.detach().to(checks.wide(rewards))
    multiplier, target = torch.zeros_like(rewards), torch.zeros_like(rewards)
    floored = torch.zeros_like(present)
    where = present.nonzero().squeeze(-1)
    if where.numel() == 0:
        return multiplier, target, floored
    _, prompt, counts = torch.unique(group[where], return_inverse=True, return_counts=True)
    for size in torch.unique(counts).tolist():
        chosen = (counts[prompt] == size).nonzero().squeeze(-1)
        index = where[chosen[prompt[chosen].argsort(stable=True)]].view(-1, size)
        dual = solve_dual(
            rewards[index], delta_kl=delta_kl, lambda_min=lambda_min, direction=direction
        )
        multiplier[index] = dual.multiplier.unsqueeze(-1).expand_as(index)
        target[index] = dual.target
        floored[index] = dual.floored.unsqueeze(-1).expand_as(index)
    return multiplier, target, floored


def check_dual(delta_kl: float, lambda_min: float, direction: str) -> tuple[float, float]:
    """A radius and a floor above 0, and one of the two directions."""
    checks.choice("direction", direction, get_args(Direction))
    delta_kl = checks.number("delta_kl", delta_kl, **POSITIVE)
    return delta_kl, checks.number("lambda_min", lambda_min, **POSITIVE)
