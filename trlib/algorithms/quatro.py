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

the weight of its tokens: it changes sign when the target is overshot, so the policy is pulled back
at any ratio."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Anchor, Batch, Method, Scores, TokenLoss, weigh
from trlib.checks import POSITIVE

Form = Literal["ratio", "exact", "regression"]
Direction = Literal["backward", "forward"]
FORMS: tuple[str, ...] = ("ratio", "exact", "regression")
DIRECTIONS: tuple[str, ...] = ("backward", "forward")
OVERFLOW = 20.0
"""Log-ratios are clamped to ± this before they are exponentiated. It prevents overflow; it does not
bound variance."""
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
    delta_kl, lambda_min = _settings(delta_kl, lambda_min, direction)
    rewards = checks.floating("rewards", rewards, (None, None), "N, G").detach()
    checks.finite("rewards", rewards)
    # Few numbers, ill-conditioned near the limits: float64 on any device that has it.
    work = rewards.to("cpu" if rewards.device.type == "mps" else rewards.device, torch.float64)
    best = work.max(-1).values
    gap = best.unsqueeze(-1) - work
    live = gap.max(-1).values > 0
    gap = gap.masked_fill(
        ~live.unsqueeze(-1), 1.0
    )  # any solvable problem: its result is thrown away
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
        kl = (
            (u * t - torch.expm1(t)).mean(-1).clamp(min=TINY)
        )  # the same as mean u t, but no term cancels another
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
        kl = (
            (torch.expm1(t) - t).mean(-1).clamp(min=TINY)
        )  # the same as -mean t, but no term cancels another
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
        done = ~(
            (step.abs() > 1e-13 * size) & (high - low > 1e-15 * size)
        )  # NaN (a group of one) is done
        x = x.where(done, (x + step).where(inside, 0.5 * (low + high)))
        if done.all():
            break
    return x


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
    True."""
    delta_kl, lambda_min = _settings(delta_kl, lambda_min, direction)
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
    checks.choice("form", form, FORMS)
    checks.choice("direction", direction, DIRECTIONS)
    logp, logp_rollout = checks.tokens(mask, logp=logp, logp_rollout=logp_rollout)
    multiplier = _by_completion("multiplier", multiplier, logp, mask)
    push = _by_completion("push", push, logp, mask)
    log_ratio = logp.detach() - logp_rollout.detach()
    whole = log_ratio.sum(-1, keepdim=True).expand_as(logp).masked_fill(~mask, 0.0)
    pulls = multiplier > 0
    target = (push / multiplier).where(pulls, 0.0)
    if form == "exact" and direction == "forward":
        weight = -multiplier * torch.expm1((whole - target).clamp(max=OVERFLOW))  # e^l (R - ν) + λ
    else:
        power = {"ratio": log_ratio, "exact": whole, "regression": torch.zeros_like(logp)}[form]
        h = power.clamp(-OVERFLOW, OVERFLOW).exp()
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
    return _solve_groups(
        rewards.detach().to(checks.wide(rewards)), group, present, delta_kl, lambda_min, direction
    )


# One operation for torch.compile, which cannot look into it: what is solved depends on the values
# of `group`.
@torch.library.custom_op("trlib::solve_groups", mutates_args=())
def _solve_groups(
    rewards: Tensor,
    group: Tensor,
    present: Tensor,
    delta_kl: float,
    lambda_min: float,
    direction: str,
) -> tuple[Tensor, Tensor, Tensor]:
    multiplier = torch.zeros_like(rewards)
    target = torch.zeros_like(rewards)
    floored = torch.zeros_like(present)
    where = present.nonzero().squeeze(-1)
    if where.numel() == 0:
        return multiplier, target, floored
    _, prompt, counts = torch.unique(group[where], return_inverse=True, return_counts=True)
    for size in torch.unique(counts).tolist():
        chosen = (counts[prompt] == size).nonzero().squeeze(-1)
        index = where[chosen[prompt[chosen].argsort(stable=True)]].view(-1, size)
        dual = solve_dual(
            rewards[index],
            delta_kl=delta_kl,
            lambda_min=lambda_min,
            direction=direction,  # type: ignore[arg-type]  # a custom operation takes plain strings
        )
        multiplier[index] = dual.multiplier.unsqueeze(-1).expand_as(index)
        target[index] = dual.target
        floored[index] = dual.floored.unsqueeze(-1).expand_as(index)
    return multiplier, target, floored


@_solve_groups.register_fake
def _(rewards: Tensor, group: Tensor, present: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(rewards), torch.empty_like(rewards), torch.empty_like(present)


def _settings(delta_kl: float, lambda_min: float, direction: str) -> tuple[float, float]:
    checks.choice("direction", direction, DIRECTIONS)
    delta_kl = checks.number("delta_kl", delta_kl, **POSITIVE)
    return delta_kl, checks.number("lambda_min", lambda_min, **POSITIVE)


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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.advantage != "reward":
            why = "QUATRO solves for each prompt's own baseline and scale from raw rewards"
            raise ValueError(
                f"advantage: {why}, so an advantage has no place in it; expected 'reward', got "
                f"{self.advantage!r}"
            )
        if self.correction is not None:
            why = "QUATRO's log-ratio is already relative to the policy that sampled"
            raise ValueError(
                f"correction: {why}, so a factor on advantages has nothing to correct; expected "
                f"None, got {self.correction!r}"
            )

    def prepare(self, batch: Batch) -> Batch:
        """Sets `advantages` to λ target (R - m in the backward direction): the bracket before any
        update."""
        multiplier, target, _ = solve_groups(
            batch.rewards, batch.group, batch.mask.any(-1), **self.settings_for(solve_groups)
        )
        return replace(
            batch, advantages=(multiplier * target).unsqueeze(-1).expand_as(batch.logp_rollout)
        )

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        return quatro_loss(
            scores.logp,
            batch.logp_anchor,
            rewards=batch.rewards,
            group=batch.group,
            mask=batch.mask,
            **self.settings_for(quatro_loss),
        )
