"""From rewards to advantages: baselines inside a group of completions of one prompt, and GAE over a
critic.

The group baselines are affine in the rewards. They are computed from the differences to the group's
largest reward, in float64, so that equal rewards give an advantage of exactly 0 (and so an update
of exactly nothing) at any scale."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from trlib import checks
from trlib.checks import SHARE

STD_FLOOR = 1e-6  #: Added to a group's standard deviation before dividing by it.
VARIANCE_FLOOR = 1e-8  #: Added to a batch's variance before its root is taken.


def group_relative(rewards: Tensor, group: Tensor, *, scale: str | None = "std") -> Tensor:
    """The reward relative to its group's mean, divided by the group's standard deviation, by its
    mean, or by nothing.

    A_i = (R_i - mean_j R_j) / (std_j R_j + 1e-6)
        with scale="std" (GRPO), std unbiased (divisor G - 1)
    A_i =  R_i - mean_j R_j                         with scale=None  (Dr.GRPO)
    A_i = (R_i - mean_j R_j) / mean_j R_j           with scale="mean"  (MaxRL)

    Args:
        rewards: [B], any floating type; at least 0 with scale="mean", which is derived for rewards
            of 0 and 1.
        group: [B] int: completions of one prompt share a number; groups need not be adjacent or
            equal in size.
        scale: "std", "mean" or None.
    Returns [B], float32 or wider. 0 where all rewards of the group are equal.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf rewards; a group of size 1 with
    scale="std"; a negative reward with scale="mean".
    Source: arXiv 2402.03300 sec. 4.1.2; without the division arXiv 2503.20783; by the mean arXiv
    2602.02710, Algorithm 1, read in implementations of it. In the book: :eq:`grpo-advantage`.
    Differs from: TRL adds 1e-4 to the standard deviation; verl 1e-6, but lets a group of size 1
    pass with its raw reward as the advantage."""
    if scale not in ("std", "mean", None):
        raise ValueError(f"scale: expected 'std', 'mean' or None, got {scale!r}")
    g = _by_group(rewards, group)
    if scale == "mean":
        checks.refuse("rewards: expected at least 0 with scale='mean'", rewards, rewards < 0)
    if scale == "std":
        _at_least_two(g, " with scale='std'")
    centred = g.rewards - (g.total(g.rewards) / g.size)[g.which]
    if scale == "std":
        variance = g.total(centred.square()) / (g.size - 1)
        # the root's slope at 0 is infinite
        spread = variance.masked_fill(variance == 0, 1.0).sqrt() * (variance > 0)
        centred = centred / (spread + STD_FLOOR)[g.which]
    elif scale == "mean":
        mean = g.total(rewards.to(g.rewards)) / g.size
        centred = centred / mean.masked_fill(mean == 0, 1.0)[g.which]  # all 0: nothing to divide
    return centred.to(rewards.device, checks.wide(rewards))


def leave_one_out(rewards: Tensor, group: Tensor) -> Tensor:
    """The reward relative to the mean of the other completions in its group.

    A_i = R_i - mean_{j≠i} R_j = G/(G-1) (R_i - mean_j R_j)

    The baseline does not depend on completion i, so the policy gradient stays unbiased.

    Args: rewards [B], any floating type; group [B] int, as in `group_relative`.
    Returns [B], float32 or wider.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf rewards; a group of size 1.
    Source: Kool et al. 2019; for language models arXiv 2402.14740. In the
    book: :eq:`grpo-leave-one-out`."""
    g = _by_group(rewards, group)
    _at_least_two(g, "")
    others = (g.total(g.rewards)[g.which] - g.rewards) / (g.size - 1)[g.which]
    return (g.rewards - others).to(rewards.device, checks.wide(rewards))


def length_weighted(rewards: Tensor, lengths: Tensor, group: Tensor) -> Tensor:
    """The reward relative to its group's mean weighted by length: OPO's optimal baseline.

    A_i = R_i - Σ_j |y_j| R_j / Σ_j |y_j|

    The variance-optimal baseline is the reward's mean weighted by the squared norm of a
    completion's score; OPO assumes that this norm grows with the length.

    Args:
        rewards: [B], any floating type.
        lengths: [B], any number type, tokens; at least 0. A group whose lengths are all 0 uses its
            plain mean.
        group: [B] int, as in `group_relative`.
    Returns [B], float32 or wider. A group of size 1 gives 0.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf; a negative length.
    Source: arXiv 2505.23585; read in the authors' code, `opo` of microsoft/LMOps, not in the paper.
    Differs from: in verl a group of size 1 has the baseline 0."""
    g = _by_group(rewards, group)
    weights = _lengths(lengths, rewards)
    weights = weights.masked_fill((g.total(weights) == 0)[g.which], 1.0)
    baseline = g.total(weights * g.rewards) / g.total(weights)
    return (g.rewards - baseline[g.which]).to(rewards.device, checks.wide(rewards))


def batch_relative(rewards: Tensor, lengths: Tensor) -> Tensor:
    """The reward relative to the whole batch (REINFORCE++); of rewards from which their group's
    mean was subtracted already, REINFORCE++-baseline.

    A_i = (R_i - mean R) / sqrt(var R + 1e-8)
        over the batch, a completion counted once for each of its tokens, var unbiased

    Args:
        rewards: [B], any floating type; `group_relative(..., scale=None)` for the baseline form.
        lengths: [B], any number type, tokens; ones: every completion counts once.
    Returns [B], float32 or wider. 0 where nothing in the batch differs.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf; a negative length.
    Source: arXiv 2501.03262, read in verl's code.
    Differs from: verl's REINFORCE++ discounts the reward over tokens by `gamma` (1 by default);
    TRL's `scale_rewards="batch"` counts completions once, and divides by the standard deviation of
    the rewards as they were before a group's mean was subtracted."""
    checks.finite("rewards", checks.floating("rewards", rewards, (None,), "B"))
    values = _by_group(rewards, torch.zeros_like(rewards, dtype=torch.int64)).rewards
    weights = _lengths(lengths, rewards)
    count = weights.sum()
    values = values - (weights * values).sum() / count.clamp(min=1)
    variance = (weights * values.square()).sum() / (count - 1).clamp(min=1)
    return (values / (variance + VARIANCE_FLOOR).sqrt()).to(rewards.device, checks.wide(rewards))


def normalized_sum(
    rewards: Tensor, lengths: Tensor, group: Tensor, *, weights: Sequence[float] | None = None
) -> Tensor:
    """GDPO: several rewards, each normalised in its group before they are added.

    x_i = Σ_k w_k (R_ik - mean_j R_jk) / (std_j R_jk + 1e-6)
    A_i = `batch_relative` of x

    Args:
        rewards: [B, K]: K rewards of each completion, any floating type.
        lengths: [B], as in `batch_relative`.
        group: [B] int, as in `group_relative`.
        weights: K numbers; None: 1 each.
    Returns [B], float32 or wider. A reward that is equal in the whole group adds nothing.
    Raises TypeError, ValueError: a wrong type, shape or number of weights; NaN or inf; a group of
    size 1; a negative length.
    Source: arXiv 2601.05242, read in verl's code.
    Differs from: TRL's `multi_objective_aggregation="normalize_then_sum"` adds 1e-4 to both
    standard deviations and counts every completion once."""
    kinds = checks.floating("rewards", rewards, (None, None), "BK").shape[1]
    weights = [1.0] * kinds if weights is None else weights
    if not isinstance(weights, (list, tuple)) or len(weights) != kinds:
        raise ValueError(f"weights: expected a list of {kinds}, one a reward, got {weights!r}")
    shares = [checks.number("weights", share) for share in weights]
    each = [group_relative(one, group) for one in rewards.unbind(1)]
    total = sum((share * one for share, one in zip(shares, each, strict=True)), start=0 * each[0])
    return batch_relative(total, lengths)


def equal_rewards(rewards: Tensor, group: Tensor) -> Tensor:
    """[B] bool: every completion of the group has the same reward, so a group baseline leaves
    nothing of it.

    Arguments and errors as in `leave_one_out`; a group of size 1 is equal."""
    g = _by_group(rewards, group)
    return (g.total(g.rewards) == 0)[g.which].to(rewards.device)


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation over the unmasked tokens of each row.

    δ_t = R_t + γ V_t+1 - V_t,   A_t = δ_t + γ λ A_t+1,   returns_t = A_t + V_t

    `t + 1` is the row's next *unmasked* token: a masked one (padding, a tool's answer between two
    turns) is not a step, is not discounted, and its reward and value are never read; put a reward
    on an unmasked token. After the last unmasked token the value is 0, even in a row that was cut
    at its limit.

    Args:
        rewards: [B, T], any floating type, differentiable.
        values: [B, T], the critic's value before each token.
        mask: [B, T] bool.
        gamma: discount, in [0, 1].
        lam: λ, in [0, 1].
    Returns (advantages [B, T], returns [B, T]), not whitened, 0 where masked.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; gamma or
    lam outside [0, 1].
    Source: arXiv 1506.02438 eq. 16. In the book: :eq:`ppo-td`, :eq:`ppo-gae`.
    Differs from: verl carries values through masked tokens in the same way, whitens the advantages
    and has other numbers where masked."""
    gamma = checks.number("gamma", gamma, **SHARE)
    lam = checks.number("lam", lam, **SHARE)
    rewards, values = checks.tokens(mask, rewards=rewards, values=values)
    next_value = next_advantage = torch.zeros_like(rewards[:, 0])
    backwards = []
    for t in range(rewards.shape[1] - 1, -1, -1):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        next_advantage = torch.where(
            mask[:, t], delta + gamma * lam * next_advantage, next_advantage
        )
        next_value = torch.where(mask[:, t], values[:, t], next_value)
        backwards.append(next_advantage)
    advantages = torch.stack(backwards[::-1], dim=1).masked_fill(~mask, 0.0)
    return advantages, advantages + values


class _Groups(NamedTuple):
    """Rewards by group, float64 on the CPU: [B] numbers, and a sum over each group in a fixed
    order."""

    rewards: Tensor  #: [B], less the group's largest.
    which: Tensor  #: [B] which of the N groups.
    size: Tensor  #: [N]
    names: Tensor  #: [N] the groups' numbers as given.

    def total(self, values: Tensor) -> Tensor:
        """[N] sums of `values` [B] over each group."""
        return values.new_zeros(len(self.size)).index_add(0, self.which, values)


def _by_group(rewards: Tensor, group: Tensor) -> _Groups:
    checks.finite("rewards", checks.floating("rewards", rewards, (None,), "B"))
    checks.integer("group", group, tuple(rewards.shape), "B")
    numbers = rewards.to("cpu", torch.float64)
    names, which, size = group.cpu().unique(return_inverse=True, return_counts=True)
    largest = numbers.new_full((len(names),), -torch.inf).scatter_reduce(
        0, which, numbers.detach(), "amax"
    )
    return _Groups(numbers - largest[which], which, size, names)


def _lengths(lengths: Tensor, rewards: Tensor) -> Tensor:
    """[B] lengths as weights, float64 on the CPU."""
    shape = tuple(rewards.shape)
    if isinstance(lengths, Tensor) and lengths.is_floating_point():
        checks.finite("lengths", checks.floating("lengths", lengths, shape, "B"))
    else:
        checks.integer("lengths", lengths, shape, "B")
    weights = lengths.detach().to("cpu", torch.float64)
    checks.refuse("lengths: expected numbers of at least 0", weights, weights < 0)
    return weights


def _at_least_two(g: _Groups, when: str) -> None:
    if bool((g.size < 2).any()):
        alone = g.names[g.size < 2][0].item()
        raise ValueError(
            f"group: expected at least 2 completions in every group{when}, got 1 in group {alone}"
        )


ADVANTAGES: dict[str, Callable[[Any], Tensor]] = {
    "group-std": lambda batch: group_relative(batch.rewards, batch.group, scale="std"),
    "group-mean": lambda batch: group_relative(batch.rewards, batch.group, scale=None),
    "leave-one-out": lambda batch: leave_one_out(batch.rewards, batch.group),
    "length-weighted": lambda batch: length_weighted(batch.rewards, batch.lengths, batch.group),
    "max-rl": lambda batch: group_relative(batch.rewards, batch.group, scale="mean"),
    "reinforce-pp": lambda batch: batch_relative(batch.rewards, batch.lengths),
    "reinforce-pp-baseline": lambda batch: batch_relative(
        group_relative(batch.rewards, batch.group, scale=None), batch.lengths
    ),
    "right-only": lambda batch: group_relative(batch.rewards, batch.group, scale=None).clamp(min=0),
    "wrong-only": lambda batch: group_relative(batch.rewards, batch.group, scale=None).clamp(max=0),
    "reward": lambda batch: batch.rewards,
    "mixed-reward": lambda batch: batch.rewards.masked_fill(
        equal_rewards(batch.rewards, batch.group), 0.0
    ),
    "plus-minus": lambda batch: 2 * batch.rewards - 1,
}
"""How the rewards of a `trlib.algorithms.Batch` become one advantage per completion, [B]."""
