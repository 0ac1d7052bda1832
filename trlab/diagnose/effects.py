"""What each method would do to every token of a dump, by the package's own losses: one definition
of `kept`, `weight`.

The plain importance-weighted gradient A π/μ is what the methods restrain. A method *silences* a
token that has an advantage where its loss says `kept` is False (nothing pushes the others anyway),
*reweighs* one that it keeps but pushes by more than 1 % more or less than A π/μ, and *turns* one
that it pushes against the first direction (only QUATRO does: where the completion is past its
target).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trlab.diagnose.rollouts import Rollouts
from trlib import checks
from trlib.algorithms import dppo_loss, pg_is_loss, ppo_loss, reinforce_loss
from trlib.algorithms.dual import solve_groups
from trlib.algorithms.method import TokenLoss
from trlib.algorithms.quatro import pull_to_target
from trlib.corrections import truncated_importance

NEAR = 0.01
"""A weight that is off by less than this share counts as the same."""
CHUNK = 1 << 18
"""Most padded tokens that are computed at once."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The thresholds under which the methods are compared."""

    eps_low: float = 0.2
    """PPO's window below 1."""
    eps_high: float = 0.2
    """PPO's window above 1."""
    delta_tv: float = 0.15
    """DPPO's threshold on total variation, a probability."""
    delta_kl: float = 0.05
    """DPPO's threshold on KL(mu || pi), nats."""
    cap: float = 2.0
    """The largest factor of truncated importance sampling."""
    delta_quatro: float = 0.1
    """QUATRO's radius, nats per completion."""

    def __post_init__(self) -> None:
        checks.number("eps_low", self.eps_low, least=0, most=1)
        checks.number("eps_high", self.eps_high, least=0, below=math.inf)
        checks.number("delta_tv", self.delta_tv, least=0, most=1)
        for name in ("delta_kl", "cap", "delta_quatro"):
            checks.number(name, getattr(self, name), above=0, below=math.inf)


@dataclass(frozen=True)
class Effect:
    """What one method does, a flag per token; all False where the mask is."""

    key: str
    name: str
    anchor: str
    """The column that the region is drawn around."""
    silenced: np.ndarray
    reweighed: np.ndarray
    turned: np.ndarray


def effects(rollouts: Rollouts, limits: Limits) -> list[Effect]:
    """Every method's effect, in the order of the page."""
    old = rollouts.logp_old is not None
    anchor = "logp_old" if old else "logp_rollout"
    methods: list[tuple[str, str, str, Callable[[_Rows], TokenLoss]]] = [
        ("ppo", "PPO", anchor, lambda b: b.ppo(limits, b.advantages)),
        ("tis", "PPO + TIS" if old else "TIS", anchor, lambda b: b.corrected(limits)),
        ("dppo_tv", "DPPO, binary TV", "logp_rollout", lambda b: b.dppo(delta_tv=limits.delta_tv)),
        ("dppo_kl", "DPPO, binary KL", "logp_rollout", lambda b: b.dppo(delta_kl=limits.delta_kl)),
        ("quatro", "QUATRO", "logp_rollout", lambda b: b.quatro()),
    ]
    flags = {
        key: tuple(np.zeros(len(rollouts.mask), dtype=bool) for _ in range(3))
        for key, *_ in methods
    }
    for where, rows in _chunks(rollouts, limits):
        unrestrained = rows.flat(
            pg_is_loss(
                rows.logp, rows.logp_rollout, advantages=rows.advantages, mask=rows.mask
            ).diagnostics["weight"]
        )
        for key, _, _, run in methods:
            diagnostics = run(rows).diagnostics
            kept, weight = rows.flat(diagnostics["kept"]), rows.flat(diagnostics["weight"])
            silenced, reweighed, turned = flags[key]
            silenced[where] = ~kept & (rollouts.advantage[where] != 0)
            if key == "quatro":
                turned[where] = kept & (weight * rows.flat(rows.push) < 0)
            else:
                reweighed[where] = kept & ~np.isclose(weight, unrestrained, rtol=NEAR, atol=0)
    return [Effect(key, name, anchored, *flags[key]) for key, name, anchored, _ in methods]


def ppo_silenced(rollouts: Rollouts, limits: Limits, anchor: np.ndarray) -> np.ndarray:
    """[N] bool: the tokens that PPO's window around `anchor` [N] silences."""
    flags = np.zeros(len(anchor), dtype=bool)
    for first in range(0, len(flags), CHUNK):
        part = slice(first, first + CHUNK)
        columns = (rollouts.logp, anchor, rollouts.advantage, rollouts.mask)
        logp, old, advantages, mask = (torch.from_numpy(x[part]).unsqueeze(0) for x in columns)
        loss = ppo_loss(
            logp,
            old,
            advantages=advantages,
            mask=mask,
            eps_low=limits.eps_low,
            eps_high=limits.eps_high,
        )
        flags[part] = (mask & ~loss.diagnostics["kept"])[0].numpy()
    return flags


@dataclass(frozen=True)
class _Rows:
    """Some whole completions as padded tensors [B, T]."""

    logp: Tensor
    logp_rollout: Tensor
    logp_old: Tensor | None
    advantages: Tensor
    mask: Tensor
    multiplier: Tensor
    """[B] QUATRO's, of each completion's group."""
    push: Tensor
    """[B, T] the bracket of QUATRO before any update."""

    def flat(self, value: Tensor) -> np.ndarray:
        """The unmasked tokens of a padded value, in order."""
        return value[self.mask].numpy()

    def ppo(self, limits: Limits, advantages: Tensor) -> TokenLoss:
        old = self.logp_rollout if self.logp_old is None else self.logp_old
        return ppo_loss(
            self.logp,
            old,
            advantages=advantages,
            mask=self.mask,
            eps_low=limits.eps_low,
            eps_high=limits.eps_high,
        )

    def corrected(self, limits: Limits) -> TokenLoss:
        """PPO with the sampler's mismatch corrected; without `logp_old` policy gradient with π/μ
        itself truncated."""
        learner = self.logp if self.logp_old is None else self.logp_old
        factor = truncated_importance(learner, self.logp_rollout, self.mask, cap=limits.cap)
        advantages = self.advantages * factor
        if self.logp_old is None:
            return reinforce_loss(self.logp, advantages=advantages, mask=self.mask)
        return self.ppo(limits, advantages)

    def dppo(self, *, delta_tv: float | None = None, delta_kl: float | None = None) -> TokenLoss:
        return dppo_loss(
            self.logp,
            self.logp_rollout,
            advantages=self.advantages,
            mask=self.mask,
            delta_tv=delta_tv,
            delta_kl=delta_kl,
        )

    def quatro(self) -> TokenLoss:
        return pull_to_target(
            self.logp,
            self.logp_rollout,
            multiplier=self.multiplier,
            push=self.push[:, 0],
            mask=self.mask,
        )


def _chunks(rollouts: Rollouts, limits: Limits) -> Iterator[tuple[np.ndarray, _Rows]]:
    """Whole completions, few at once, with the places of their unmasked tokens."""
    lengths = rollouts.lengths
    ends = np.cumsum(lengths)
    multiplier, target = quatro_duals(rollouts, limits)
    width = max(1, int(lengths.max()))
    step = max(1, CHUNK // width)
    for low in range(0, rollouts.count, step):
        high = min(low + step, rollouts.count)
        first, last = int(ends[low] - lengths[low]), int(ends[high - 1])
        if not rollouts.mask[first:last].any():
            continue
        there = torch.arange(width) < torch.from_numpy(lengths[low:high]).unsqueeze(-1)
        parts = [
            _padded(column, there, first, last)
            for column in (
                rollouts.logp,
                rollouts.logp_rollout,
                rollouts.logp_old,
                rollouts.advantage,
                rollouts.mask,
            )
        ]
        logp, rollout, old, advantages, mask = parts
        assert (
            logp is not None and rollout is not None and advantages is not None and mask is not None
        )
        push = (multiplier * target)[low:high].unsqueeze(-1).expand(-1, width)
        yield (
            np.flatnonzero(rollouts.mask[first:last]) + first,
            _Rows(logp, rollout, old, advantages, mask, multiplier[low:high], push),
        )


def _padded(column: np.ndarray | None, there: Tensor, first: int, last: int) -> Tensor | None:
    if column is None:
        return None
    values = torch.from_numpy(column[first:last])
    return torch.zeros(there.shape, dtype=values.dtype).masked_scatter(there, values)


def quatro_duals(rollouts: Rollouts, limits: Limits) -> tuple[Tensor, Tensor]:
    """[B] multiplier and target log-ratio of every completion: from rewards, or else from the mean
    advantage, of which both are the same up to the scale; without groups one constraint is drawn
    around the whole batch."""
    counted = np.bincount(rollouts.completion, weights=rollouts.mask, minlength=rollouts.count)
    if rollouts.reward is None:
        values = np.where(rollouts.mask, rollouts.advantage, 0.0)
        sums = np.bincount(rollouts.completion, weights=values, minlength=rollouts.count)
        # Equal advantages must not differ by a rounding.
        rewards = np.round(sums / np.maximum(counted, 1), 12)
    else:
        rewards = np.where(counted > 0, rollouts.reward, 0.0)
    group = np.zeros(rollouts.count, dtype=np.int64) if rollouts.group is None else rollouts.group
    multiplier, target, _ = solve_groups(
        torch.from_numpy(rewards),
        torch.from_numpy(group),
        torch.from_numpy(counted > 0),
        delta_kl=limits.delta_quatro,
        lambda_min=1e-2,
        direction="backward",
    )
    return multiplier, target
